#!/bin/sh
# What vendors.sh has fetched against the driver and its tests: NVIDIA's assembler takes the texts that
# the interpreter takes, and refuses those that it refuses; the headers say what the driver's table
# says; the libraries have the table's symbols, and without a device they give an error that says so.
#
#   tests/drivers/cuda/vendors_test.sh build/release
set -eu
cd "$(dirname "$0")/../../.."
build=$(cd "$1" && pwd)
vendors=$PWD/build/vendors
python=.venv/bin/python
status=0
"$python" tests/drivers/make_modules.py --compiler .venv/bin/iree-compile \
  --out "$build/tests/drivers/modules"

# check WHAT COMMAND...: 77 is a test that was skipped.
check() {
  what=$1
  shift
  code=0
  "$@" || code=$?
  case $code in
    0) echo "vendors: $what: passed" ;;
    77) echo "vendors: $what: skipped" ;;
    *) echo "vendors: $what: FAILED"; status=1 ;;
  esac
}

# As root NVIDIA's library makes files in /dev for a device that it does not find: as nobody then.
command='env'
[ "$(id -u)" != 0 ] || command='setpriv --reuid=65534 --regid=65534 --clear-groups env'

# without_device KIND LIBRARY MESSAGE
without_device() {
  [ -e "$vendors/lib/$2" ] || return 77
  # shellcheck disable=SC2086 # a list of words
  said=$($command LD_LIBRARY_PATH="$vendors/lib" "$build/eerie" run --device="$1" \
    --module="$build/tests/drivers/modules/gpu_cpu.vmfb" --function=multiply 2>&1 || true)
  echo "$said"
  echo "$said" | grep -E "device $1: .*($3)" >/dev/null || return 1
  # shellcheck disable=SC2086
  $command LD_LIBRARY_PATH="$vendors/lib" "$build/eerie" devices >/dev/null
}

assembler() {
  [ -x "$vendors/bin/ptxas" ] || return 77
  "$python" tests/drivers/cuda/ptx_test.py --tool "$build/tests/drivers/cuda/ptx_tool" \
    --ptxas "$vendors/bin/ptxas"
}

check "texts that ptxas takes" assembler
for kind in cuda hip; do
  check "header of $kind" "$python" tests/drivers/cuda/api_check.py "$kind" "$vendors/include"
done
check "symbols of libcuda" "$python" tests/drivers/cuda/api_check.py cuda \
  --library "$vendors/lib/libcuda.so.1"
check "symbols of libamdhip64" "$python" tests/drivers/cuda/api_check.py hip \
  --library "$vendors/lib/libamdhip64.so"
# A machine with a device of theirs has drivers of its own, and other tests.
[ -e /dev/nvidia0 ] || check "libcuda without a device" without_device cuda libcuda.so.1 \
  'no CUDA-capable device'
[ -e /dev/kfd ] || check "libamdhip64 without a device" without_device hip libamdhip64.so \
  'no .*device|is too old'
exit $status
