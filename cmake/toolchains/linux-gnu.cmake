# What the Linux toolchain files share: Debian's cross compilers, and QEMU to run what they build.
# The files that include this one set eerie_triple, eerie_processor and eerie_emulator.
#
# EERIE_EMULATOR_CPU names the CPU that the emulator shows (`qemu-aarch64-static -cpu help`).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${eerie_processor})
set(CMAKE_C_COMPILER ${eerie_triple}-gcc)

# By name, not through the kernel's table of formats, which a container may not have.
set(CMAKE_CROSSCOMPILING_EMULATOR ${eerie_emulator} -L /usr/${eerie_triple})
if(EERIE_EMULATOR_CPU)
  list(APPEND CMAKE_CROSSCOMPILING_EMULATOR -cpu ${EERIE_EMULATOR_CPU})
endif()

set(CMAKE_FIND_ROOT_PATH /usr/${eerie_triple})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
