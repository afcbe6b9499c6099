#!/bin/sh
# Builds the runtime and golden_run for aarch64 and runs the golden modules there, in an emulator:
# those for aarch64 and those for no machine run, those for x86-64 are refused by name.
#
#   aarch64_test.sh PYTHON SOURCE_LIST OUT        (from the root of the tree)
#
# Exits 77 where there is no cross compiler or no emulator.
set -eu
python=$1
list=$2
out=$3
compiler=aarch64-linux-gnu-gcc
emulator=$(command -v qemu-aarch64-static || command -v qemu-aarch64 || true)
if ! command -v $compiler >/dev/null || [ -z "$emulator" ]; then
  echo "skipped: needs $compiler and qemu-aarch64-static"
  exit 77
fi
mkdir -p "$out"
compile="$(command -v ccache || true) $compiler -std=gnu11 -O0 -Iinclude -Iruntime"
{ cat "$list" && echo tests/behaviour/golden_run.c; } |
  out=$out compile=$compile xargs -P 2 -n 1 sh -euc \
    '$compile -c "$0" -o "$out/$(echo "$0" | tr / -).o"'
objects=$({ cat "$list" && echo tests/behaviour/golden_run.c; } | tr / - | sed "s|.*|$out/&.o|")
# shellcheck disable=SC2086 # a list of files
$compiler -static $objects -o "$out/golden_run" -lm -lpthread
"$python" tests/releases/golden_test.py --runner "$out/golden_run" \
  --emulator "$emulator" --machine aarch64
