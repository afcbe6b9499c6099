#!/bin/sh
# The tests of frameworks too heavy for `make test`: each in a Python environment of its own under
# build/frameworks, made when it is not there. 1.5 GB for TensorFlow.
#
#   tests/python/frameworks.sh BUILD [--install] [--table] [tensorflow] [tflite]
#
# With --install the environments are made and no test is run. With --table the cells of the table in
# docs/frontends.md are made after the tests (tests/frameworks/table.py); `write` puts them there.
set -eu
cd "$(dirname "$0")/../.."
build=$(cd "$1" && pwd)
shift
install_only=
table=
while :; do
  case ${1:-} in
    --install) install_only=yes ;;
    --table) table=yes ;;
    *) break ;;
  esac
  shift
done
[ $# -gt 0 ] || set -- tensorflow tflite
failed=
for name in "$@"; do
  case $name in
    tensorflow)
      packages="iree-base-compiler[onnx]==3.13.0 tensorflow-cpu==2.21.0 tf2onnx==1.17.0 iree-tools-tf==20260316.1567" ;;
    tflite)
      packages="iree-base-compiler==3.13.0 numpy==2.4.6 tosa-converter-for-tflite==2026.2.0" ;;
    *) echo "frameworks: $name is neither tensorflow nor tflite" >&2; exit 2 ;;
  esac
  environment=build/frameworks/$name
  if [ ! -f "$environment/ready" ]; then
    echo "installing what the tests of $name need into $environment"
    "${PYTHON:-python3}" -m venv "$environment"
    # shellcheck disable=SC2086
    "$environment/bin/pip" install --quiet $packages
    touch "$environment/ready"
  fi
  [ -z "$install_only" ] || continue
  echo "== $name"
  status=0
  PYTHONPATH=$build/python EERIE_COMMAND=$build/eerie EERIE_COMPILER_LIB=$PWD/$environment \
    "$environment/bin/python" "tests/python/${name}_test.py" || status=$?
  [ $status -eq 0 ] || failed="$failed $name"
  [ -z "$table" ] || PYTHONPATH=$build/python "$environment/bin/python" tests/frameworks/table.py \
    run "$name" || failed="$failed table"
done
[ -z "$failed" ] || { echo "failed:$failed" >&2; exit 1; }
