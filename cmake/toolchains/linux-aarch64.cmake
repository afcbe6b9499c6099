# Linux on 64-bit ARM: gcc-aarch64-linux-gnu, libc6-dev-arm64-cross, qemu-user-static.
set(eerie_triple aarch64-linux-gnu)
set(eerie_processor aarch64)
set(eerie_emulator qemu-aarch64-static)
include(${CMAKE_CURRENT_LIST_DIR}/linux-gnu.cmake)
