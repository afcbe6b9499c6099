#!/bin/sh
# Links kernels for Windows to a DLL with MinGW, in place of the lld-link that the compiler calls:
#
#   VCToolsInstallDir=none UniversalCRTSdkDir=none iree-compile ... \
#     --iree-llvmcpu-target-triple=x86_64-w64-windows-gnu --iree-llvmcpu-link-embedded=false \
#     --iree-llvmcpu-system-linker-path=tests/platforms/mingw_link.sh
#
# The compiler asks for the two variables, whose libraries are left out here.
set -eu
out=
objects=
entry=
for argument in "$@"; do
  case $argument in
    /out:*) out=${argument#/out:} ;;
    /entry:*) entry=${argument#/entry:} ;;
    /*.o | /*.obj | *.o | *.obj) objects="$objects $argument" ;;
  esac
done
# shellcheck disable=SC2086 # a list of files
exec x86_64-w64-mingw32-gcc -shared -nostdlib "-Wl,-e,$entry" -o "$out" $objects \
  -lmingwex -lgcc -lmsvcrt
