# Linux on x86_64, static programs with musl: they run on any kernel of that CPU, Android's too.
set(eerie_target x86_64-linux-musl)
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
include(${CMAKE_CURRENT_LIST_DIR}/zig.cmake)
