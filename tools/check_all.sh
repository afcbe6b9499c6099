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
  ctest --preset "$preset" $only -O "build/$preset/tests.log" -j "$(nproc)" --no-tests=error ||
    failed="$failed $preset"
done
# The sum over all presets, in the words of ctest, is the last line.
for preset in "$@"; do cat "build/$preset/tests.log"; done | awk -v presets="$*" '
  /tests failed out of/ { failed += $4; all += $9 }
  END {
    printf "In the presets %s together:\n", presets
    printf "%d%% tests passed, %d tests failed out of %d\n", 100 * (all - failed) / all, failed, all
  }'
[ -z "$failed" ]
