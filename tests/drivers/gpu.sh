#!/bin/sh
# All tests of GPU drivers on this machine's device: the driver's own under the validation layers, then
# ONNX's. VK_ICD_FILENAMES names another device.
#
#   tests/drivers/gpu.sh build/release [EVERY]
#
# EVERY: one of so many of ONNX's tests. Says skipped, and ends with 77, where there is no device.
set -eu
cd "$(dirname "$0")/../.."
build=$(cd "$1" && pwd)
python=.venv/bin/python
log=$build/tests/drivers/validation.log

"$python" tests/drivers/make_modules.py --compiler .venv/bin/iree-compile \
  --out "$build/tests/drivers/modules"

# NVIDIA's and AMD's, by the system's own libraries: 77 where there is no such device.
for program in cuda_test cuda_graph_test cuda_program_test cuda_wrap_test hip_test; do
  status=0
  "$build/tests/drivers/cuda/$program" || status=$?
  [ $status = 0 ] || [ $status = 77 ] || exit $status
done

library=$(sed -n 's/^EERIE_VULKAN_LIBRARY:[A-Z]*=//p' "$build/CMakeCache.txt")
export XDG_CACHE_HOME="$build/tests/drivers/cache"

# Faults are told to the driver, not to the layers: what is left out makes the device fail.
validated() {
  program=$1
  shift
  LD_LIBRARY_PATH="$build/tests/drivers/shim" EERIE_TEST_VULKAN_LIBRARY="$library" \
    VK_INSTANCE_LAYERS=VK_LAYER_KHRONOS_validation VK_LAYER_VALIDATE_SYNC=1 \
    VK_LAYER_ENABLES=VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT \
    "$build/tests/drivers/$program" "$@" >>"$log" 2>&1 || status=$?
}
status=0
: >"$log"
validated vulkan_test
validated vulkan_memory_test
validated vulkan_program_test functions_give_their_results kernels_take_addresses \
  lists_are_recorded_once state_stays asynchronous_calls_queue_up
validated vulkan_wrap_test calls_take_memory_in_place tensors_share_pages other_devices_see_it \
  work_in_flight_keeps_memory memory_is_wrapped_again kernels_take_its_address \
  read_only_pages_are_read threads_wrap_at_once
validated vulkan_timing_test kernels_have_times nobody_looks_and_nothing_is_written \
  events_of_a_stream_do_not_overlap kernels_are_told_and_left_out
cat "$log"
[ $status = 0 ] || exit $status
if grep -E 'VUID-|SYNC-HAZARD' "$log" >/dev/null; then
  echo "the validation layers have messages"
  exit 1
fi

# iree-run-module lists no devices in software but SwiftShader.
peer=
if .venv/bin/iree-run-module --list_devices=vulkan 2>/dev/null | grep -q vulkan; then peer=--iree; fi
"$python" tests/conformance/gpu_tests.py --runner "$build/tests/behaviour/golden_run" \
  --every "${2:-1}" $peer
