# Linux on 64-bit RISC-V: gcc-riscv64-linux-gnu, libc6-dev-riscv64-cross.
set(eerie_triple riscv64-linux-gnu)
set(eerie_processor riscv64)
set(eerie_emulator qemu-riscv64-static)
include(${CMAKE_CURRENT_LIST_DIR}/linux-gnu.cmake)
