#!/bin/sh
# Installs the compiler and the runtime of the releases named, each into a virtual environment of its
# own, .venv-RELEASE, beside the .venv of the pinned one; nothing that is already there.
#
#   tests/releases/setup.sh 3.11.0 3.12.0          (after tools/setup.sh)
set -eu
cd "$(dirname "$0")/../.."
for release in "$@"; do
  venv=.venv-$release
  # The same versions of everything else.
  wanted=$(sed -n "s/^\(iree-base-[a-z]*\(\[onnx\]\)*\)==.*/\1==$release/p; /^iree\|^#/!p" requirements.txt)
  stamp=$venv/.installed
  [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || continue
  echo "setup: installing compiler and runtime $release into $venv"
  [ -x "$venv/bin/pip" ] || .venv/bin/python -m venv "$venv"
  # shellcheck disable=SC2086 # a list of words
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check $wanted
  echo "$wanted" >"$stamp"
done
