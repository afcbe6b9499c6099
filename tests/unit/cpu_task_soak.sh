#!/bin/sh
# Runs the test of worker threads again and again under ThreadSanitizer, with more threads than the
# machine has CPUs and as fast as they come: tests/unit/cpu_task_soak.sh [SECONDS]
set -eu
cd "$(dirname "$0")/../.."
test -f build/tsan/build.ninja || cmake --preset tsan >/dev/null
cmake --build build/tsan --target cpu_task_test >/dev/null
end=$(($(date +%s) + ${1:-120}))
runs=0
while [ "$(date +%s)" -lt "$end" ]; do
  build/tsan/tests/cpu_task_test >/dev/null &
  first=$!
  build/tsan/tests/cpu_task_test
  wait "$first"
  runs=$((runs + 2))
done
echo "cpu_task_test: $runs runs under ThreadSanitizer, none failed"
