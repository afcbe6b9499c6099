# What the toolchain files that use Zig as a C compiler share (PyPI ziglang==0.17.1; tools/setup.sh
# platforms installs it). The files that include this one set eerie_target, a triple of Zig's.
#
# The first link for a target takes minutes, because its C library is built then; Zig keeps it.
find_program(EERIE_ZIG zig
  HINTS ${CMAKE_CURRENT_LIST_DIR}/../../.venv-zig/bin
  DOC "Zig, whose `zig cc` compiles for systems that are not at hand")
if(NOT EERIE_ZIG)
  file(GLOB wheels ${CMAKE_CURRENT_LIST_DIR}/../../.venv-zig/lib/python3*/site-packages/ziglang/zig)
  list(GET wheels 0 EERIE_ZIG)
endif()
if(NOT EERIE_ZIG)
  message(FATAL_ERROR "Zig is missing: run tools/setup.sh platforms, or set EERIE_ZIG")
endif()
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES EERIE_ZIG)
set(CMAKE_C_COMPILER ${EERIE_ZIG} cc -target ${eerie_target})
set(CMAKE_C_ARCHIVE_CREATE "\"${EERIE_ZIG}\" ar qc <TARGET> <LINK_FLAGS> <OBJECTS>")
set(CMAKE_C_ARCHIVE_APPEND "\"${EERIE_ZIG}\" ar q <TARGET> <LINK_FLAGS> <OBJECTS>")
set(CMAKE_C_ARCHIVE_FINISH "\"${EERIE_ZIG}\" ranlib <TARGET>")

# Nothing of this machine: what is not Zig's is not there.
get_filename_component(CMAKE_FIND_ROOT_PATH ${EERIE_ZIG} DIRECTORY)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
