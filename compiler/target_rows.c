// target_rows.c: the one table of targets. Flags are those of release 3.13.0, tried for each row.
#include "targets.h"

#include <stddef.h>

// ---- Machines ----------------------------------------------------------------------------------

#if defined(__x86_64__)
#define HOST_FORMAT "embedded-elf-x86_64"
#elif defined(__aarch64__)
#define HOST_FORMAT "embedded-elf-arm_64"
#elif defined(__riscv) && __riscv_xlen == 64
#define HOST_FORMAT "embedded-elf-riscv_64"
#else
#define HOST_FORMAT "embedded-elf"
#endif

// Triple, format, ABI, ABI of floats.
#define MACHINE(name, ...) static const ee_target_machine_t machine_##name = {__VA_ARGS__}
MACHINE(host, NULL, HOST_FORMAT, NULL, NULL);
MACHINE(x86_64, "x86_64-unknown-linux-gnu", "embedded-elf-x86_64", NULL, NULL);
MACHINE(aarch64, "aarch64-unknown-linux-gnu", "embedded-elf-arm_64", NULL, NULL);
MACHINE(armv7, "armv7a-unknown-linux-gnueabihf", "embedded-elf-arm_32", NULL, "hard");
MACHINE(riscv64, "riscv64-unknown-linux-gnu", "embedded-elf-riscv_64", "lp64d", NULL);
MACHINE(bytecode, NULL, "vmvx-bytecode-fb", NULL, NULL);

MACHINE(thumbv6m, "thumbv6m-none-eabi", NULL, NULL, "soft");
MACHINE(thumbv7m, "thumbv7m-none-eabi", NULL, NULL, "soft");
MACHINE(thumbv7em, "thumbv7em-none-eabi", NULL, NULL, "soft");
MACHINE(thumbv7em_fpu, "thumbv7em-none-eabihf", NULL, NULL, "hard");
MACHINE(thumbv8_1m, "thumbv8.1m.main-none-eabihf", NULL, NULL, "hard");
MACHINE(riscv32, "riscv32-unknown-elf", NULL, "ilp32", NULL);
MACHINE(riscv32_fpu, "riscv32-unknown-elf", NULL, "ilp32f", NULL);
MACHINE(riscv64_bare, "riscv64-unknown-elf", NULL, "lp64d", NULL);
MACHINE(wasm32, "wasm32-unknown-unknown", NULL, NULL, NULL);

// ---- Rows --------------------------------------------------------------------------------------

#define X86_V1 "+cmov,+cx8,+fxsr,+mmx,+sse,+sse2,+x87"
#define X86_V2 X86_V1 ",+crc32,+cx16,+popcnt,+sahf,+sse3,+sse4.1,+sse4.2,+ssse3"
#define X86_V3 X86_V2 ",+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe,+xsave"
#define X86_V4 X86_V3 ",+avx512bw,+avx512cd,+avx512dq,+avx512f,+avx512vl"
#define RV64GC "+m,+a,+f,+d,+c"

#define CPU(row_name, text, of_machine, of_cpu, ...)                                               \
  {                                                                                                \
    .name = row_name, .description = text, .kind = TARGET_CPU, .machine = &machine_##of_machine,   \
    .cpu = of_cpu, __VA_ARGS__                                                                     \
  }
#define X86(level, ...)                                                                            \
  CPU(level, "64-bit PCs of this level", x86_64, level, .derived_features = true, __VA_ARGS__)
#define STATIC(row_name, text, of_machine, of_cpu, ...)                                            \
  {                                                                                                \
    .name = row_name, .description = text ", static kernels", .kind = TARGET_STATIC,               \
    .machine = &machine_##of_machine, .cpu = of_cpu, .features = __VA_ARGS__                       \
  }
#define GPU(row_name, text, of_device, ...)                                                        \
  { .name = row_name, .description = text, .kind = TARGET_GPU, .device = of_device, __VA_ARGS__ }

const ee_target_row_t ee_target_rows[EE_TARGET_COUNT] = {
    CPU("host", "the CPU of this machine, all its features", host, "host", .alias = "native"),
    X86("x86-64", .features = X86_V1, .rank = 4),
    X86("x86-64-v2", .features = X86_V2, .rank = 3, .variant = "ssse3+sse4.2"),
    X86("x86-64-v3", .features = X86_V3, .rank = 2, .variant = "avx2+fma+f16c", .vector_size = 32),
    X86("x86-64-v4", .features = X86_V4, .rank = 1, .vector_size = 64,
        .variant = "avx2+fma+f16c+avx512f+avx512bw+avx512cd+avx512dq+avx512vl"),
    CPU("aarch64", "64-bit ARM, such as aarch64:cortex-a72", aarch64, "generic", .alias = "arm64",
        .usage = "aarch64[:CPU]", .features = "+reserve-x18", .derived_features = true),
    CPU("aarch64-dotprod", "64-bit ARM with 8-bit dot products, most since 2018", aarch64,
        "generic", .features = "+dotprod,+fp-armv8,+neon,+reserve-x18", .variant = "dotprod",
        .rank = 1),
    CPU("armv7", "32-bit ARM with NEON and hard floats", armv7, "cortex-a7", .alias = "armhf",
        .usage = "armv7[:CPU]", .features = "+neon,+vfp4"),
    CPU("riscv64", "64-bit RISC-V, rv64gc", riscv64, "generic-rv64", .features = RV64GC),
    {.name = "vmvx",
     .description = "any CPU: kernels as portable bytecode, slow",
     .kind = TARGET_VMVX,
     .machine = &machine_bytecode},
    GPU("vulkan", "Vulkan, such as vulkan:ampere, vulkan:rdna3, vulkan:valhall", "vulkan",
        .usage = "vulkan[:GPU]", .argument_flag = "--iree-vulkan-target="),
    GPU("cuda", "NVIDIA; the driver compiles sm_80 code for newer GPUs", "cuda",
        .usage = "cuda[:ARCH]", .argument_flag = "--iree-cuda-target=", .argument = "sm_80"),
    GPU("rocm", "AMD, such as rocm:gfx942 or rocm:gfx1100", "hip", .alias = "hip",
        .usage = "rocm:ARCH", .argument_flag = "--iree-rocm-target=", .argument_required = true),
    GPU("metal", "Apple GPUs", "metal", .usage = NULL),
    STATIC("cortex-m0plus", "ARM Cortex-M0+", thumbv6m, "cortex-m0plus", NULL),
    STATIC("cortex-m3", "ARM Cortex-M3", thumbv7m, "cortex-m3", NULL),
    // The cpu cortex-m4 with a soft float ABI still gets instructions of the FPU.
    STATIC("cortex-m4", "ARM Cortex-M4 without FPU", thumbv7em, "generic", "+soft-float"),
    STATIC("cortex-m4f", "ARM Cortex-M4 with FPU", thumbv7em_fpu, "cortex-m4", NULL),
    STATIC("cortex-m7", "ARM Cortex-M7", thumbv7em_fpu, "cortex-m7", NULL),
    STATIC("cortex-m55", "ARM Cortex-M55", thumbv8_1m, "cortex-m55", NULL),
    STATIC("rv32imc", "32-bit RISC-V without atomics", riscv32, "generic-rv32", "+m,+c"),
    STATIC("rv32imac", "32-bit RISC-V", riscv32, "generic-rv32", "+m,+a,+c", .alias = "riscv32"),
    STATIC("rv32imf", "32-bit RISC-V with FPU", riscv32_fpu, "generic-rv32", "+m,+f",
           .alias = "riscv32-imf"),
    STATIC("rv64gc", "64-bit RISC-V without a system", riscv64_bare, "generic-rv64", RV64GC),
    STATIC("wasm32", "WebAssembly with SIMD", wasm32, "generic", "+simd128"),
};
