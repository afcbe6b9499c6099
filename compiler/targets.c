// targets.c: what targets' names mean to the compiler: how rows of the table combine to flags.
//
// One module can serve several targets: the
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
#include "targets.h"

enum { TARGET_TEXT = 4096, TARGET_VECTOR = 16 };

static const char *target_usage(const ee_target_row_t *row) {
  return row->usage ? row->usage : row->name;
}

bool eerie_compiler_target_at(size_t index, eerie_compiler_target_info_t *out_info) {
  *out_info = (eerie_compiler_target_info_t){0};
  if (index >= EE_TARGET_COUNT) return false;
  const ee_target_row_t *row = &ee_target_rows[index];
  out_info->name = target_usage(row);
  out_info->description = row->description;
  out_info->device = row->kind == TARGET_GPU ? row->device : "local";
  out_info->static_library = row->kind == TARGET_STATIC;
  return true;
}

// ---- Choosing rows -----------------------------------------------------------------------------

// A target as the caller named it.
typedef struct target_choice {
  const ee_target_row_t *row;
  const char *argument; // after the colon; NULL: none
} target_choice_t;

typedef struct target_set {
  target_choice_t items[EE_TARGET_COUNT];
  size_t count;
} target_set_t;

static bool target_matches(const char *name, const char *text, size_t size) {
  return name && strlen(name) == size && memcmp(name, text, size) == 0;
}

static eerie_status_t target_look_up(const char *text, target_choice_t *out_choice,
                                     eerie_error_t *err) {
  const size_t size = strcspn(text, ":");
  const char *argument = text[size] ? text + size + 1 : NULL;
  for (size_t i = 0; i < EE_TARGET_COUNT; ++i) {
    const ee_target_row_t *row = &ee_target_rows[i];
    if (!target_matches(row->name, text, size) && !target_matches(row->alias, text, size)) continue;
    if (argument && !strpbrk(target_usage(row), ":"))
      return EE_COMPILER_FAIL(err, EERIE_INVALID_ARGUMENT, "target %s takes nothing after a colon",
                              row->name);
    if (argument ? !*argument : row->argument_required)
      return EE_COMPILER_FAIL(err, EERIE_INVALID_ARGUMENT,
                              "target %s is incomplete, expected %s (%s)", text, target_usage(row),
                              row->description);
    *out_choice = (target_choice_t){row, argument};
    return EERIE_OK;
  }
  char names[400] = "";
  for (size_t i = 0, at = 0; i < EE_TARGET_COUNT && at < sizeof names; ++i)
    at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", i ? ", " : "",
                           target_usage(&ee_target_rows[i]));
  return EE_COMPILER_FAIL(err, EERIE_INVALID_ARGUMENT, "no target is called %s; there are %s", text,
                          names);
}

static const char *target_variant(const target_choice_t *choice) {
  return choice->row->variant ? choice->row->variant : "";
}

static bool target_same_format(const target_choice_t *a, const target_choice_t *b) {
  const ee_target_machine_t *left = a->row->machine, *right = b->row->machine;
  return left && right && left->format && right->format && strcmp(left->format, right->format) == 0;
}

// Two targets that one module cannot tell apart, or that come out as different files.
static const char *target_conflict(const target_choice_t *a, const target_choice_t *b) {
  if (a->row->kind == TARGET_STATIC || b->row->kind == TARGET_STATIC)
    return "static kernels go alone";
  if (a->row->kind == TARGET_GPU && a->row == b->row)
    return "a module carries one architecture of that device";
  if (!target_same_format(a, b)) return NULL;
  if (!a->row->machine->triple || !b->row->machine->triple || a->argument || b->argument ||
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
  const ee_target_row_t *row = choice->row;
  if (row->machine->triple)
    target_flag(writer, "--iree-llvmcpu-target-triple=%s", row->machine->triple);
  target_flag(writer, "--iree-llvmcpu-target-cpu=%s",
              choice->argument ? choice->argument : row->cpu);
  if (!row->derived_features && row->features)
    target_flag(writer, "--iree-llvmcpu-target-cpu-features=%s", row->features);
  if (row->machine->abi) target_flag(writer, "--iree-llvmcpu-target-abi=%s", row->machine->abi);
  if (row->machine->float_abi)
    target_flag(writer, "--iree-llvmcpu-target-float-abi=%s", row->machine->float_abi);
}

// A CPU as the compiler's IR describes it (`iree-compile --compile-to=flow` shows such).
static int target_cpu_attribute(const target_choice_t *choice, bool variants, char *out_text,
                                size_t capacity) {
  const ee_target_row_t *row = choice->row;
  char abi[64] = "", features[512] = "", format[128];
  if (variants && row->variant)
    snprintf(format, sizeof format, "embedded-elf+%d%s+%s", row->rank,
             row->machine->format + strlen("embedded-elf"), row->variant);
  else
    snprintf(format, sizeof format, "%s", row->machine->format);
  if (row->machine->abi) snprintf(abi, sizeof abi, ", target_abi=\"%s\"", row->machine->abi);
  if (row->features && (!row->derived_features || !choice->argument))
    snprintf(features, sizeof features, ", cpu_features=\"%s\"", row->features);
  return snprintf(out_text, capacity,
                  "#hal.executable.target<\"llvm-cpu\", \"%s\", {target_triple=\"%.*s%s\", "
                  "cpu=\"%s\"%s%s, native_vector_size=%d : i64, max_stack_allocation_size=32768 : "
                  "i64, iree.encoding.resolver=#iree_cpu.cpu_encoding_resolver<>}>",
                  format, (int)strcspn(row->machine->triple, "-"), row->machine->triple,
                  row->machine->float_abi ? "-unknown-unknown-eabihf-elf"
                                          : "-unknown-unknown-eabi-elf",
                  choice->argument ? choice->argument : row->cpu, features, abi,
                  row->vector_size ? row->vector_size : TARGET_VECTOR);
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
    if (!lead || !set->items[i].row->machine->triple) lead = &set->items[i];
  }
  return lead;
}

static bool target_has_variants(const target_set_t *set) {
  for (size_t i = 1; i < set->count; ++i)
    for (size_t j = 0; j < i; ++j)
      if (target_same_format(&set->items[i], &set->items[j])) return true;
  return false;
}

// The host's CPU is described by flags alone, of which there is one set, and levels are all
// described in another way.
static bool target_has_host(const target_set_t *set) {
  for (size_t i = 0; i < set->count; ++i)
    if (set->items[i].row->kind == TARGET_CPU && !set->items[i].row->machine->triple) return true;
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
    if (target_has_host(&set))
      return EE_COMPILER_FAIL(err, EERIE_INVALID_ARGUMENT,
                              "target host does not go with several levels of a CPU; name its own");
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
