# Linux on 32-bit ARM with hard floats: gcc-arm-linux-gnueabihf, libc6-dev-armhf-cross.
set(eerie_triple arm-linux-gnueabihf)
set(eerie_processor armv7l)
set(eerie_emulator qemu-arm-static)
include(${CMAKE_CURRENT_LIST_DIR}/linux-gnu.cmake)
