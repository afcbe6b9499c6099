# macOS on arm64, compiled and linked by Zig, which carries the system's headers and stubs.
set(eerie_target aarch64-macos)
set(CMAKE_SYSTEM_NAME Darwin)
set(CMAKE_SYSTEM_PROCESSOR arm64)
# Zig is told the CPU and the version by its target; CMake is not to add options of Apple's tools.
set(CMAKE_OSX_ARCHITECTURES "" CACHE STRING "")
set(CMAKE_OSX_SYSROOT "" CACHE STRING "")
set(CMAKE_INSTALL_NAME_TOOL true CACHE STRING "not needed in a build tree")
include(${CMAKE_CURRENT_LIST_DIR}/zig.cmake)
