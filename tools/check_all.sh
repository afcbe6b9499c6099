#!/bin/sh
# Builds the presets named and runs their tests; every preset is run, then the verdict is given.
#
#   tools/check_all.sh release asan-ubsan
set -eu
cd "$(dirname "$0")/.."
failed=
for preset in "$@"; do
  cmake --preset "$preset" >/dev/null
  cmake --build --preset "$preset"
done
for preset in "$@"; do
  echo "== tests of preset $preset =="
  ctest --preset "$preset" -j "$(nproc)" --no-tests=error || failed="$failed $preset"
done
if [ -n "$failed" ]; then
  echo "FAILED:$failed"
  exit 1
fi
echo "all tests passed in: $*"
