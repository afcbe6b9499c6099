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

typedef struct verdict {
  bool fits;
  ee_str_t cpu;     // of the last target that does not
  ee_str_t missing; // by it
} verdict_t;

static void judge_text(ee_str_t text, ee_hal_device_t *device, ee_str_t format,
                       verdict_t *verdict) {
  while (skip_past(&text, EE_STR("#hal.executable.target<\""))) {
    ee_str_t target = text;
    if (!skip_past(&target, EE_STR("\", \"")) || !ee_str_equal(until(target, '"'), format))
      continue;
    const ee_str_t attributes = until(target, '}');
    ee_str_t cpu = attributes, features = attributes;
    if (!skip_past(&features, EE_STR("cpu_features = \""))) {
      verdict->fits = true; // for any CPU
      continue;
    }
    const ee_str_t missing = missing_feature(device, until(features, '"'));
    if (!missing.size) {
      verdict->fits = true;
      continue;
    }
    verdict->missing = missing;
    verdict->cpu = skip_past(&cpu, EE_STR("cpu = \"")) ? until(cpu, '"') : EE_STR("");
  }
}

eerie_status_t ee_bridge_check_target(ee_vm_call_t *call, ee_hal_device_t *device,
                                      ee_str_t format) {
  ee_bridge_hal_state_t *state = call->state;
  if (state->target_checked) return EERIE_OK;
  for (uint32_t i = 0; i < ee_vm_program_module_count(call->program); ++i) {
    const ee_module_t *module = ee_vm_program_module(call->program, i);
    if (!module) continue;
    const uint32_t init = ee_module_find_export(module, EE_STR("__init"));
    if (init == UINT32_MAX) continue;
    const ee_module_function_t *function = &module->functions[module->exports[init].function];
    verdict_t verdict = {0};
    judge_text((ee_str_t){(const char *)function->bytecode, function->bytecode_size}, device,
               format, &verdict);
    if (verdict.fits || !verdict.missing.size) continue;
    return EE_FAIL(
        call->err, EERIE_INCOMPATIBLE,
        "module %.*s has kernels for CPU %.*s, which use %.*s; this CPU does not have it",
        EE_STR_ARG(module->name), EE_STR_ARG(verdict.cpu), EE_STR_ARG(verdict.missing));
  }
  state->target_checked = true;
  return EERIE_OK;
}
