#!/bin/sh
# Builds the presets named and runs their tests; every preset is run, then the verdict is given.
# Of the tsan preset only the tests that start threads are run.
#
#   tools/check_all.sh release asan-ubsan tsan
set -eu
cd "$(dirname "$0")/.."
failed=
for preset in "$@"; do
  cmake --preset "$preset" >/dev/null
  cmake --build --preset "$preset"
done
for preset in "$@"; do
  echo "== tests of preset $preset =="
  only=
  if [ "$preset" = tsan ]; then only="-L threads"; fi
  # shellcheck disable=SC2086
  ctest --preset "$preset" $only -j "$(nproc)" --no-tests=error || failed="$failed $preset"
done
if [ -n "$failed" ]; then
  echo "FAILED:$failed"
  exit 1
fi
echo "all tests passed in: $*"
