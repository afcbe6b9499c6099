// hal_target.c: what CPU a module was compiled for.
//
// Nothing in an executable says which CPU features its kernels use, and a kernel with an
// instruction that the CPU lacks ends the process. The module does say it, in one place: its
// "__init" contains the text with which it fails when no device fits, and that text spells out the
// target:
//   ... #hal.executable.target<"llvm-cpu", "embedded-elf-x86_64", {cpu = "znver4", cpu_features =
//   "+avx,+avx2,..." ...
// Seen in modules of compilers 3.11 to 3.13. When a module has several targets of one format, it is
// enough that the device suits one of them. A module without the text is taken at its word.
//
// A program that may not run machine code at all (`no_native`) is held to it here too.
//
// The same text tells of a module that no device of the program can run, before it fails with all
// of its target description: then the driver says in a few words what does not fit.
#include "bridge/hal_module.h"

// The text after the next `needle` in `text`; false when there is none.
static bool skip_past(ee_str_t *text, ee_str_t needle) {
  while (text->size >= needle.size) {
    const char *hit = memchr(text->data, needle.data[0], text->size - needle.size + 1);
    if (!hit) return false;
    const size_t skipped = (size_t)(hit - text->data);
    *text = (ee_str_t){hit + 1, text->size - skipped - 1};
    if (memcmp(hit + 1, needle.data + 1, needle.size - 1) != 0) continue;
    *text = (ee_str_t){hit + needle.size, text->size - (needle.size - 1)};
    return true;
  }
  return false;
}

// What stands before the first `end`.
static ee_str_t until(ee_str_t text, char end) {
  const char *hit = text.size ? memchr(text.data, end, text.size) : NULL;
  return hit ? (ee_str_t){text.data, (size_t)(hit - text.data)} : text;
}

// The first feature of "+a,-b,+c" that the device says it lacks; empty when there is none. Names
// that the device does not know pass.
static ee_str_t missing_feature(ee_hal_device_t *device, ee_str_t features) {
  while (features.size) {
    const ee_str_t item = until(features, ',');
    const size_t taken = item.size < features.size ? item.size + 1 : item.size;
    features = (ee_str_t){features.data + taken, features.size - taken};
    if (item.size < 2 || item.data[0] != '+') continue;
    const ee_str_t name = {item.data + 1, item.size - 1};
    int64_t has;
    if (ee_hal_device_query(device, EE_STR("hal.cpu"), name, &has) && !has) return name;
  }
  return (ee_str_t){NULL, 0};
}

// One "#hal.executable.target<...>" of a module's text.
typedef struct target {
  ee_str_t format;
  ee_str_t cpu;
  ee_str_t features; // "+a,-b"; empty: any CPU
} target_t;

static ee_str_t quoted_after(ee_str_t text, ee_str_t key) {
  return skip_past(&text, key) ? until(text, '"') : (ee_str_t){NULL, 0};
}

// Takes the next target from `text`; false when there is none.
static bool next_target(ee_str_t *text, target_t *out_target) {
  if (!skip_past(text, EE_STR("#hal.executable.target<\""))) return false;
  const ee_str_t attributes = until(*text, '}');
  out_target->format = quoted_after(attributes, EE_STR("\", \""));
  out_target->cpu = quoted_after(attributes, EE_STR("cpu = \""));
  out_target->features = quoted_after(attributes, EE_STR("cpu_features = \""));
  return true;
}

// The bytecode of module `index`'s "__init", in which the text lies; empty when it has none.
static ee_str_t init_text(const ee_vm_program_t *program, uint32_t index) {
  const ee_module_t *module = ee_vm_program_module(program, index);
  const uint32_t init = module ? ee_module_find_export(module, EE_STR("__init")) : UINT32_MAX;
  if (init == UINT32_MAX) return (ee_str_t){NULL, 0};
  const ee_module_function_t *function = &module->functions[module->exports[init].function];
  return (ee_str_t){(const char *)function->bytecode, function->bytecode_size};
}

static EE_COLD eerie_status_t native_refused(eerie_error_t *err, ee_str_t format) {
  (void)format; // unused in builds without texts
  return EE_FAIL(err, EERIE_PERMISSION_DENIED,
                 "kernels of machine code ('%.*s'), which the program was told not to load "
                 "(no_native)",
                 EE_STR_ARG(format));
}

// ---- Features ----------------------------------------------------------------------------------

static eerie_status_t check_features(ee_vm_call_t *call, uint32_t index, ee_hal_device_t *device,
                                     ee_str_t format) {
  ee_str_t text = init_text(call->program, index), cpu = {NULL, 0}, missing = {NULL, 0};
  for (target_t target; next_target(&text, &target);) {
    if (!ee_str_equal(target.format, format)) continue;
    const ee_str_t lacks = missing_feature(device, target.features);
    if (!lacks.size) return EERIE_OK;
    cpu = target.cpu;
    missing = lacks;
  }
  if (!missing.size) return EERIE_OK;
  return EE_FAIL(call->err, EERIE_INCOMPATIBLE,
                 "module %.*s has kernels for CPU %.*s, which use %.*s; this CPU does not have it",
                 EE_STR_ARG(ee_vm_program_module(call->program, index)->name), EE_STR_ARG(cpu),
                 EE_STR_ARG(missing));
}

eerie_status_t ee_bridge_check_target(ee_vm_call_t *call, ee_hal_device_t *device,
                                      ee_str_t format) {
  ee_bridge_hal_state_t *state = call->state;
  if (state->no_native) return native_refused(call->err, format);
  if (state->target_checked) return EERIE_OK;
  for (uint32_t i = 0; i < ee_vm_program_module_count(call->program); ++i) {
    EE_TRY(check_features(call, i, device, format));
  }
  state->target_checked = true;
  return EERIE_OK;
}

// ---- Formats -----------------------------------------------------------------------------------

static bool any_device_runs(const ee_bridge_hal_state_t *state, ee_str_t format) {
  for (size_t i = 0; i < state->device_count; ++i) {
    int64_t value;
    if (ee_bridge_runs_format(state->devices[i].device, format)) return true;
    if (!state->no_native &&
        ee_hal_device_query(state->devices[i].device, EE_STR("hal.executable.format"), format,
                            &value) &&
        value) {
      return true;
    }
  }
  return false;
}

// A module whose text names kernels, none of which a device of this program runs; and the format of
// one of them.
static const ee_module_t *find_stranded(ee_vm_call_t *call, ee_str_t *out_format) {
  for (uint32_t i = 0; i < ee_vm_program_module_count(call->program); ++i) {
    ee_str_t text = init_text(call->program, i);
    bool runs = false;
    *out_format = (ee_str_t){NULL, 0};
    for (target_t target; !runs && next_target(&text, &target);) {
      runs = any_device_runs(call->state, target.format);
      *out_format = target.format;
    }
    if (out_format->size && !runs) return ee_vm_program_module(call->program, i);
  }
  return NULL;
}

eerie_status_t ee_bridge_explain_refusal(ee_vm_call_t *call, ee_hal_device_t *device) {
  ee_str_t format;
  const ee_module_t *module = find_stranded(call, &format);
  if (!module) return EERIE_OK;
  const ee_bridge_hal_state_t *state = call->state;
  if (state->no_native) {
    const eerie_status_t status = native_refused(call->err, format);
    EE_ANNOTATE(call->err, "module %.*s", EE_STR_ARG(module->name));
    return status;
  }
  // The driver says it best.
  ee_hal_executable_t *none = NULL;
  const eerie_status_t status = ee_hal_executable_create(device, format, (ee_bytes_t){NULL, 0},
                                                         NULL, NULL, 0, &none, call->err);
  if (status != EERIE_INCOMPATIBLE) {
    ee_object_release((ee_object_t *)none);
    return EERIE_OK;
  }
  EE_ANNOTATE(call->err, "module %.*s", EE_STR_ARG(module->name));
  return status;
}
