#!/bin/sh
# Builds elf_test and port_test for aarch64 and runs them in an emulator: the loader's other machine.
#
#   elf_aarch64_test.sh SOURCE_DIR BINARY_DIR
#
# BINARY_DIR/elf holds the kernel images. Exits 77 where there is no cross compiler or no emulator.
set -eu
source=$1
binary=$2
compiler=aarch64-linux-gnu-gcc
emulator=$(command -v qemu-aarch64-static || command -v qemu-aarch64 || true)
if ! command -v $compiler >/dev/null || [ -z "$emulator" ]; then
  echo "skipped: needs $compiler and qemu-aarch64-static"
  exit 77
fi
out=$binary/aarch64
mkdir -p "$out"
cd "$source"
sources=$(ls runtime/base/*.c runtime/hal/*.c runtime/drivers/*.c runtime/drivers/cpu/*.c \
  runtime/port/posix/*.c | grep -v -e _bare -e loaders_static -e loaders_library)
for test in elf port; do
  # shellcheck disable=SC2086 # a list of files
  $compiler -std=c11 -O1 -g -static -Iinclude -Iruntime -Itests \
    "-DEERIE_TEST_BINARY_DIR=\"$binary\"" tests/unit/${test}_test.c $sources \
    -o "$out/${test}_test" -lm -lpthread
  "$emulator" "$out/${test}_test"
done

# Word 0 of the processor's data for CPUs whose features are known from their reference manuals: fp; and
# fp, lse, fullfp16, dotprod.
for pair in cortex-a53:1 cortex-a76:1403; do
  EERIE_TEST_CPU_WORD=${pair#*:} "$emulator" -cpu "${pair%:*}" "$out/port_test" knows_the_processor
done
