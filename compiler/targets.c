// targets.c: what a target's name means to the compiler: the one table, and how rows combine.
//
// Flags are those of release 3.13.0, tried for each row. One module can serve several targets: the
// compiler takes a list of devices, of which the program picks at run time the first that is there
// and can run a kernel format that the module carries. The first CPU is described by flags, which
// know "host"; further CPUs as attributes, for there is only one set of CPU flags.
//
// Several levels of one CPU are kernels of one format to the compiler, which takes any name for a
// format and has the program look at them in the order of their names. So each level but the least
// gets a name that comes before the least's and says what it asks of a CPU:
//
//   embedded-elf+1-x86_64+avx512f, embedded-elf+2-x86_64+avx2+fma, embedded-elf-x86_64
//
// Runtimes that do not know such names run the least.
#define _GNU_SOURCE

#include <stdio.h>
#include <string.h>

#include "internal.h"

typedef enum target_kind { TARGET_CPU, TARGET_STATIC, TARGET_VMVX, TARGET_GPU } target_kind_t;

typedef struct target_row {
  const char *name;
  const char *alias; // another spelling, or NULL
  const char *usage; // with its argument
  const char *description;
  target_kind_t kind;
  const char *device;   // GPU: name of the compiler's device
  const char *format;   // CPU: executable format, one of a kind in a module
  const char *triple;   // CPU, STATIC
  const char *cpu;      // CPU, STATIC; default of the argument
  const char *features; // CPU, STATIC
  const char *variant;  // CPU: what tells it from the least of its format, "avx2+fma"
  int rank;             // CPU: place among the variants of its format, from 1 on, the best first
  const char *abi;      // CPU, STATIC
  const char *float_abi;
  const char *argument_flag; // GPU: flag that takes what follows the colon
  const char *argument;      // GPU: its default; NULL: the compiler's
  int vector_size;           // CPU: bytes of a vector register
  // The compiler derives the features from the CPU's name on x86 and aarch64 only.
  bool explicit_features;
  bool argument_required;
} target_row_t;

#if defined(__x86_64__)
#define TARGET_HOST_FORMAT "embedded-elf-x86_64"
#elif defined(__aarch64__)
#define TARGET_HOST_FORMAT "embedded-elf-arm_64"
#elif defined(__riscv) && __riscv_xlen == 64
#define TARGET_HOST_FORMAT "embedded-elf-riscv_64"
#else
#define TARGET_HOST_FORMAT "embedded-elf"
#endif

#define TARGET_X86(level, feature_list, vector_bytes, ask, place)                                  \
  {                                                                                                \
    .name = level, .usage = level, .description = "64-bit PCs of this level", .kind = TARGET_CPU,  \
    .format = "embedded-elf-x86_64", .triple = "x86_64-unknown-linux-gnu", .cpu = level,           \
    .features = feature_list, .vector_size = vector_bytes, .variant = ask, .rank = place           \
  }
#define TARGET_X86_V1 "+cmov,+cx8,+fxsr,+mmx,+sse,+sse2,+x87"
#define TARGET_X86_V2 TARGET_X86_V1 ",+crc32,+cx16,+popcnt,+sahf,+sse3,+sse4.1,+sse4.2,+ssse3"
#define TARGET_X86_V3 TARGET_X86_V2 ",+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe,+xsave"
#define TARGET_X86_V4 TARGET_X86_V3 ",+avx512bw,+avx512cd,+avx512dq,+avx512f,+avx512vl"

#define TARGET_CORTEX(row_name, text, row_triple, row_cpu, row_features, row_float_abi)            \
  {                                                                                                \
    .name = row_name, .usage = row_name, .description = text ", static kernels",                   \
    .kind = TARGET_STATIC, .triple = row_triple, .cpu = row_cpu, .features = row_features,         \
    .explicit_features = true, .float_abi = row_float_abi                                          \
  }

#define TARGET_RISCV(row_name, row_alias, text, row_triple, row_cpu, row_features, row_abi)        \
  {                                                                                                \
    .name = row_name, .alias = row_alias, .usage = row_name,                                       \
    .description = text ", static kernels", .kind = TARGET_STATIC, .triple = row_triple,           \
    .cpu = row_cpu, .features = row_features, .explicit_features = true, .abi = row_abi            \
  }

static const target_row_t target_rows[] = {
    {.name = "host",
     .alias = "native",
     .usage = "host",
     .description = "the CPU of this machine, all its features",
     .kind = TARGET_CPU,
     .format = TARGET_HOST_FORMAT,
     .cpu = "host"},
    TARGET_X86("x86-64", TARGET_X86_V1, 16, NULL, 4),
    TARGET_X86("x86-64-v2", TARGET_X86_V2, 16, "ssse3+sse4.2", 3),
    TARGET_X86("x86-64-v3", TARGET_X86_V3, 32, "avx2+fma+f16c", 2),
    TARGET_X86("x86-64-v4", TARGET_X86_V4, 64,
               "avx2+fma+f16c+avx512f+avx512bw+avx512cd+avx512dq+avx512vl", 1),
    {.name = "aarch64",
     .alias = "arm64",
     .usage = "aarch64[:CPU]",
     .description = "64-bit ARM, such as aarch64:cortex-a72",
     .kind = TARGET_CPU,
     .format = "embedded-elf-arm_64",
     .triple = "aarch64-unknown-linux-gnu",
     .cpu = "generic",
     .features = "+reserve-x18",
     .vector_size = 16},
    {.name = "aarch64-dotprod",
     .usage = "aarch64-dotprod",
     .description = "64-bit ARM with 8-bit dot products, most since 2018",
     .kind = TARGET_CPU,
     .format = "embedded-elf-arm_64",
     .triple = "aarch64-unknown-linux-gnu",
     .cpu = "generic",
     .features = "+dotprod,+fp-armv8,+neon,+reserve-x18",
     .explicit_features = true,
     .variant = "dotprod",
     .rank = 1,
     .vector_size = 16},
    {.name = "armv7",
     .alias = "armhf",
     .usage = "armv7[:CPU]",
     .description = "32-bit ARM with NEON and hard floats",
     .kind = TARGET_CPU,
     .format = "embedded-elf-arm_32",
     .triple = "armv7a-unknown-linux-gnueabihf",
     .cpu = "cortex-a7",
     .features = "+neon,+vfp4",
     .explicit_features = true,
     .vector_size = 16,
     .float_abi = "hard"},
    {.name = "riscv64",
     .usage = "riscv64",
     .description = "64-bit RISC-V, rv64gc",
     .kind = TARGET_CPU,
     .format = "embedded-elf-riscv_64",
     .triple = "riscv64-unknown-linux-gnu",
     .cpu = "generic-rv64",
     .features = "+m,+a,+f,+d,+c",
     .explicit_features = true,
     .abi = "lp64d",
     .vector_size = 16},
    {.name = "vmvx",
     .usage = "vmvx",
     .description = "any CPU: kernels as portable bytecode, slow",
     .kind = TARGET_VMVX,
     .format = "vmvx-bytecode-fb"},
    {.name = "vulkan",
     .usage = "vulkan[:GPU]",
     .description = "Vulkan, such as vulkan:ampere, vulkan:rdna3, vulkan:valhall",
     .kind = TARGET_GPU,
     .device = "vulkan",
     .argument_flag = "--iree-vulkan-target="},
    {.name = "cuda",
     .usage = "cuda[:ARCH]",
     .description = "NVIDIA; the driver compiles sm_80 code for newer GPUs",
     .kind = TARGET_GPU,
     .device = "cuda",
     .argument_flag = "--iree-cuda-target=",
     .argument = "sm_80"},
    {.name = "rocm",
     .alias = "hip",
     .usage = "rocm:ARCH",
     .description = "AMD, such as rocm:gfx942 or rocm:gfx1100",
     .kind = TARGET_GPU,
     .device = "hip",
     .argument_flag = "--iree-rocm-target=",
     .argument_required = true},
    {.name = "metal",
     .usage = "metal",
     .description = "Apple GPUs",
     .kind = TARGET_GPU,
     .device = "metal"},
    TARGET_CORTEX("cortex-m0plus", "ARM Cortex-M0+", "thumbv6m-none-eabi", "cortex-m0plus", NULL,
                  "soft"),
    TARGET_CORTEX("cortex-m3", "ARM Cortex-M3", "thumbv7m-none-eabi", "cortex-m3", NULL, "soft"),
    // The cpu cortex-m4 with a soft float ABI still gets instructions of the FPU.
    TARGET_CORTEX("cortex-m4", "ARM Cortex-M4 without FPU", "thumbv7em-none-eabi", "generic",
                  "+soft-float", "soft"),
    TARGET_CORTEX("cortex-m4f", "ARM Cortex-M4 with FPU", "thumbv7em-none-eabihf", "cortex-m4",
                  NULL, "hard"),
    TARGET_CORTEX("cortex-m7", "ARM Cortex-M7", "thumbv7em-none-eabihf", "cortex-m7", NULL, "hard"),
    TARGET_CORTEX("cortex-m55", "ARM Cortex-M55", "thumbv8.1m.main-none-eabihf", "cortex-m55", NULL,
                  "hard"),
    TARGET_RISCV("rv32imc", NULL, "32-bit RISC-V without atomics", "riscv32-unknown-elf",
                 "generic-rv32", "+m,+c", "ilp32"),
    TARGET_RISCV("rv32imac", "riscv32", "32-bit RISC-V", "riscv32-unknown-elf", "generic-rv32",
                 "+m,+a,+c", "ilp32"),
    TARGET_RISCV("rv32imf", "riscv32-imf", "32-bit RISC-V with FPU", "riscv32-unknown-elf",
                 "generic-rv32", "+m,+f", "ilp32f"),
    TARGET_RISCV("rv64gc", NULL, "64-bit RISC-V without a system", "riscv64-unknown-elf",
                 "generic-rv64", "+m,+a,+f,+d,+c", "lp64d"),
    {.name = "wasm32",
     .usage = "wasm32",
     .description = "WebAssembly with SIMD, static kernels",
     .kind = TARGET_STATIC,
     .triple = "wasm32-unknown-unknown",
     .cpu = "generic",
     .features = "+simd128",
     .explicit_features = true},
};

enum { TARGET_COUNT = sizeof target_rows / sizeof target_rows[0], TARGET_TEXT = 4096 };

bool eerie_compiler_target_at(size_t index, eerie_compiler_target_info_t *out_info) {
  *out_info = (eerie_compiler_target_info_t){0};
  if (index >= TARGET_COUNT) return false;
  const target_row_t *row = &target_rows[index];
  out_info->name = row->usage;
  out_info->description = row->description;
  out_info->device = row->kind == TARGET_GPU ? row->device : "local";
  out_info->static_library = row->kind == TARGET_STATIC;
  return true;
}

// ---- Choosing rows -----------------------------------------------------------------------------

// A target as the caller named it.
typedef struct target_choice {
  const target_row_t *row;
  const char *argument; // after the colon; NULL: none
} target_choice_t;

typedef struct target_set {
  target_choice_t items[TARGET_COUNT];
  size_t count;
} target_set_t;

static bool target_matches(const char *name, const char *text, size_t size) {
  return name && strlen(name) == size && memcmp(name, text, size) == 0;
}

static eerie_status_t target_look_up(const char *text, target_choice_t *out_choice,
                                     eerie_error_t *err) {
  const size_t size = strcspn(text, ":");
  const char *argument = text[size] ? text + size + 1 : NULL;
  for (size_t i = 0; i < TARGET_COUNT; ++i) {
    const target_row_t *row = &target_rows[i];
    if (!target_matches(row->name, text, size) && !target_matches(row->alias, text, size)) continue;
    if (argument && !strpbrk(row->usage, ":"))
      return EE_COMPILER_FAIL(err, EERIE_INVALID_ARGUMENT, "target %s takes nothing after a colon",
                              row->name);
    if (argument ? !*argument : row->argument_required)
      return EE_COMPILER_FAIL(err, EERIE_INVALID_ARGUMENT,
                              "target %s is incomplete, expected %s (%s)", text, row->usage,
                              row->description);
    *out_choice = (target_choice_t){row, argument};
    return EERIE_OK;
  }
  char names[400] = "";
  for (size_t i = 0, at = 0; i < TARGET_COUNT && at < sizeof names; ++i)
    at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", i ? ", " : "",
                           target_rows[i].usage);
  return EE_COMPILER_FAIL(err, EERIE_INVALID_ARGUMENT, "no target is called %s; there are %s", text,
                          names);
}

static const char *target_variant(const target_choice_t *choice) {
  return choice->row->variant ? choice->row->variant : "";
}

static bool target_same_format(const target_choice_t *a, const target_choice_t *b) {
  return a->row->format && b->row->format && strcmp(a->row->format, b->row->format) == 0;
}

// Two targets that one module cannot tell apart, or that come out as different files.
static const char *target_conflict(const target_choice_t *a, const target_choice_t *b) {
  if (a->row->kind == TARGET_STATIC || b->row->kind == TARGET_STATIC)
    return "static kernels go alone";
  if (a->row->kind == TARGET_GPU && a->row == b->row)
    return "a module carries one architecture of that device";
  if (!target_same_format(a, b)) return NULL;
  if (!a->row->triple || !b->row->triple || a->argument || b->argument ||
      strcmp(target_variant(a), target_variant(b)) == 0)
    return "both have the same kernel format, and nothing that a program could choose by";
  return NULL;
}

static eerie_status_t target_select(const char *const *targets, size_t target_count,
                                    target_set_t *out_set, eerie_error_t *err) {
  out_set->count = 0;
  for (size_t i = 0; i < target_count; ++i) {
    target_choice_t choice = {0};
    const eerie_status_t status = target_look_up(targets[i], &choice, err);
    if (!choice.row) return status;
    bool again = false;
    for (size_t j = 0; j < out_set->count && !again; ++j) {
      const target_choice_t *other = &out_set->items[j];
      again = other->row == choice.row && strcmp(other->argument ? other->argument : "",
                                                 choice.argument ? choice.argument : "") == 0;
      const char *conflict = again ? NULL : target_conflict(other, &choice);
      if (conflict)
        return EE_COMPILER_FAIL(err, EERIE_INVALID_ARGUMENT, "targets %s and %s: %s",
                                other->row->name, choice.row->name, conflict);
    }
    // Rows do not repeat, so there is room.
    if (!again) out_set->items[out_set->count++] = choice;
  }
  return EERIE_OK;
}

// ---- Writing flags -----------------------------------------------------------------------------

typedef struct target_writer {
  eerie_compiler_text_fn on_flag;
  void *user;
  bool overflow;
} target_writer_t;

EE_COMPILER_PRINTF(2, 3)
static void target_flag(target_writer_t *writer, const char *format, ...) {
  char flag[TARGET_TEXT];
  va_list arguments;
  va_start(arguments, format);
  const int length = vsnprintf(flag, sizeof flag, format, arguments);
  va_end(arguments);
  if (length < 0 || (size_t)length >= sizeof flag)
    writer->overflow = true;
  else
    writer->on_flag(writer->user, flag);
}

static void target_cpu_flags(target_writer_t *writer, const target_choice_t *choice) {
  const target_row_t *row = choice->row;
  if (row->triple) target_flag(writer, "--iree-llvmcpu-target-triple=%s", row->triple);
  target_flag(writer, "--iree-llvmcpu-target-cpu=%s",
              choice->argument ? choice->argument : row->cpu);
  if (row->explicit_features && row->features)
    target_flag(writer, "--iree-llvmcpu-target-cpu-features=%s", row->features);
  if (row->abi) target_flag(writer, "--iree-llvmcpu-target-abi=%s", row->abi);
  if (row->float_abi) target_flag(writer, "--iree-llvmcpu-target-float-abi=%s", row->float_abi);
}

// A CPU as the compiler's IR describes it (`iree-compile --compile-to=flow` shows such).
static int target_cpu_attribute(const target_choice_t *choice, bool variants, char *out_text,
                                size_t capacity) {
  const target_row_t *row = choice->row;
  char abi[64] = "", features[512] = "", format[128];
  if (variants && row->variant)
    snprintf(format, sizeof format, "embedded-elf+%d%s+%s", row->rank,
             row->format + strlen("embedded-elf"), row->variant);
  else
    snprintf(format, sizeof format, "%s", row->format);
  if (row->abi) snprintf(abi, sizeof abi, ", target_abi=\"%s\"", row->abi);
  if (row->features && (row->explicit_features || !choice->argument))
    snprintf(features, sizeof features, ", cpu_features=\"%s\"", row->features);
  return snprintf(out_text, capacity,
                  "#hal.executable.target<\"llvm-cpu\", \"%s\", {target_triple=\"%.*s%s\", "
                  "cpu=\"%s\"%s%s, native_vector_size=%d : i64, max_stack_allocation_size=32768 : "
                  "i64, iree.encoding.resolver=#iree_cpu.cpu_encoding_resolver<>}>",
                  format, (int)strcspn(row->triple, "-"), row->triple,
                  row->float_abi ? "-unknown-unknown-eabihf-elf" : "-unknown-unknown-eabi-elf",
                  choice->argument ? choice->argument : row->cpu, features, abi, row->vector_size);
}

// Where text goes piece by piece.
typedef struct target_text {
  char data[TARGET_TEXT];
  size_t size;
} target_text_t;

static void target_append(target_text_t *text, const char *separator, const char *piece) {
  const int length = snprintf(text->data + text->size, sizeof text->data - text->size, "%s%s",
                              text->size ? separator : "", piece);
  if (length > 0) text->size += (size_t)length;
  if (text->size >= sizeof text->data) text->size = sizeof text->data - 1;
}

// The CPU that the flags describe: the host, or else the first.
static const target_choice_t *target_lead_cpu(const target_set_t *set) {
  const target_choice_t *lead = NULL;
  for (size_t i = 0; i < set->count; ++i) {
    if (set->items[i].row->kind != TARGET_CPU) continue;
    if (!lead || !set->items[i].row->triple) lead = &set->items[i];
  }
  return lead;
}

static bool target_has_variants(const target_set_t *set) {
  for (size_t i = 1; i < set->count; ++i)
    for (size_t j = 0; j < i; ++j)
      if (target_same_format(&set->items[i], &set->items[j])) return true;
  return false;
}

// Levels of a CPU are one device.
static void target_variant_flags(target_writer_t *writer, const target_set_t *set) {
  const bool cpu_first = set->items[0].row->kind != TARGET_GPU;
  target_text_t devices = {.data = ""}, levels = {.data = ""};
  for (size_t i = 0; i < set->count; ++i) {
    const target_choice_t *choice = &set->items[i];
    if (choice->row->kind == TARGET_GPU) {
      target_append(&devices, ",", choice->row->device);
      const char *argument = choice->argument ? choice->argument : choice->row->argument;
      if (argument) target_flag(writer, "%s%s", choice->row->argument_flag, argument);
    } else if (choice->row->kind == TARGET_CPU) {
      char text[TARGET_TEXT / 2];
      const int length = target_cpu_attribute(choice, true, text, sizeof text);
      writer->overflow = writer->overflow || length < 0 || (size_t)length >= sizeof text;
      target_append(&levels, ", ", text);
    }
  }
  for (size_t i = 0; i < set->count; ++i)
    if (set->items[i].row->kind == TARGET_VMVX)
      target_append(&levels, ", ", "#hal.executable.target<\"vmvx\", \"vmvx-bytecode-fb\">");
  writer->overflow = writer->overflow || devices.size + levels.size + 64 >= sizeof devices.data;
  const char *comma = devices.size ? "," : "";
  target_flag(writer, "--iree-hal-target-device=%s%s#hal.device.target<\"local\", [%s]>%s%s",
              cpu_first ? "" : devices.data, cpu_first ? "" : comma, levels.data,
              cpu_first ? comma : "", cpu_first ? devices.data : "");
}

static void target_module_flags(target_writer_t *writer, const target_set_t *set) {
  const target_choice_t *lead = target_lead_cpu(set);
  target_text_t devices = {.size = 0}, others = {.size = 0};
  bool local = false;
  for (size_t i = 0; i < set->count; ++i) {
    const target_choice_t *choice = &set->items[i];
    if (choice->row->kind == TARGET_GPU) {
      target_append(&devices, ",", choice->row->device);
      const char *argument = choice->argument ? choice->argument : choice->row->argument;
      if (argument) target_flag(writer, "%s%s", choice->row->argument_flag, argument);
    } else if (choice->row->kind == TARGET_CPU && choice != lead) {
      char text[TARGET_TEXT / 2];
      const int length = target_cpu_attribute(choice, false, text, sizeof text);
      writer->overflow = writer->overflow || length < 0 || (size_t)length >= sizeof text;
      target_append(&others, ", ", text);
    } else {
      if (!local) target_append(&devices, ",", "local");
      local = true;
    }
  }
  // llvm-cpu before vmvx: the program takes the first format that it can run.
  if (lead) target_flag(writer, "--iree-hal-local-target-device-backends=llvm-cpu");
  for (size_t i = 0; i < set->count; ++i)
    if (set->items[i].row->kind == TARGET_VMVX)
      target_flag(writer, "--iree-hal-local-target-device-backends=vmvx");
  if (lead) target_cpu_flags(writer, lead);
  if (others.size) {
    char device[TARGET_TEXT];
    const int length =
        snprintf(device, sizeof device, "#hal.device.target<\"local\", [%s]>", others.data);
    writer->overflow = writer->overflow || length < 0 || (size_t)length >= sizeof device;
    target_append(&devices, ",", device);
  }
  writer->overflow = writer->overflow || devices.size + 1 >= sizeof devices.data;
  target_flag(writer, "--iree-hal-target-device=%s", devices.data);
}

static bool target_mixes_devices(const target_set_t *set) {
  bool gpu = false;
  for (size_t i = 0; i < set->count; ++i)
    gpu = gpu || set->items[i].row->kind == TARGET_GPU;
  return gpu && set->count > 1;
}

eerie_status_t eerie_compiler_target_flags(const char *const *targets, size_t target_count,
                                           const char *static_library_path,
                                           eerie_compiler_text_fn on_flag, void *user,
                                           eerie_error_t *err) {
  target_set_t set;
  const eerie_status_t status = target_select(targets, target_count, &set, err);
  if (status) return status;
  target_writer_t writer = {on_flag, user, false};
  if (set.count && set.items[0].row->kind == TARGET_STATIC) {
    if (!static_library_path)
      return EE_COMPILER_FAIL(err, EERIE_INVALID_ARGUMENT,
                              "target %s puts its kernels into an object file beside the module: "
                              "static_library_path must say where",
                              set.items[0].row->name);
    target_flag(&writer, "--iree-hal-target-device=local");
    target_flag(&writer, "--iree-hal-local-target-device-backends=llvm-cpu");
    target_flag(&writer, "--iree-llvmcpu-link-embedded=false");
    target_flag(&writer, "--iree-llvmcpu-link-static");
    target_flag(&writer, "--iree-llvmcpu-static-library-output-path=%s", static_library_path);
    target_cpu_flags(&writer, &set.items[0]);
  } else if (target_has_variants(&set)) {
    target_variant_flags(&writer, &set);
  } else if (set.count) {
    target_module_flags(&writer, &set);
  }
  // Of kernels for CPUs and a GPU releases 3.11 to 3.13 keep one kind only when they link them.
  if (target_mixes_devices(&set)) target_flag(&writer, "--iree-hal-link-executables=false");
  if (writer.overflow)
    return EE_COMPILER_FAIL(err, EERIE_INVALID_ARGUMENT,
                            "the targets together make a flag of more than %d bytes", TARGET_TEXT);
  return EERIE_OK;
}
