// refusal.c: what is said of a program whose modules want other devices than it was given.
//
// A module looks for its devices in its "__init", by the kind that each says it is and by the
// formats of kernels that it runs, and counts those that fit where it wants another than the first.
// When one is missing it fails with a text that begins with its name for the device and goes on
// with a description of the target, of kilobytes. Seen in modules of compilers 3.11 to 3.13:
//   HAL device `device_b` not found or unavailable: #hal.device.target<"vulkan", {ordinal = 1 :
//   index}, [#hal.executable.target<...
// A device that may be of several kinds has a list of such targets, the last of them before the
// next text. What is put in its place names the kinds and what the program has.
#include "api/api.h"

#if EERIE_ASYNC_DEVICES && EERIE_MESSAGES

// What follows the first `needle`; size 0: it is not there.
static ee_str_t after(ee_str_t text, ee_str_t needle) {
  for (size_t i = 0; i + needle.size <= text.size; ++i) {
    if (memcmp(text.data + i, needle.data, needle.size) != 0) continue;
    return (ee_str_t){text.data + i + needle.size, text.size - i - needle.size};
  }
  return (ee_str_t){NULL, 0};
}

// What stands before the first `end`.
static ee_str_t before(ee_str_t text, char end) {
  const char *hit = text.size ? memchr(text.data, end, text.size) : NULL;
  return hit ? (ee_str_t){text.data, (size_t)(hit - text.data)} : text;
}

static ee_str_t init_text(const ee_module_t *module) {
  const uint32_t init = ee_module_find_export(module, EE_STR("__init"));
  if (init == UINT32_MAX) return (ee_str_t){NULL, 0};
  const ee_module_function_t *function = &module->functions[module->exports[init].function];
  return (ee_str_t){(const char *)function->bytecode, function->bytecode_size};
}

static const char device_text[] = "HAL device `";

// The module's text about the device of that name, up to what it says of the next one.
static ee_str_t text_about(const ee_module_t *module, ee_str_t name) {
  ee_str_t text = init_text(module);
  while ((text = after(text, EE_STR("HAL device `"))).size) {
    if (!ee_str_equal(before(text, '`'), name)) continue;
    const ee_str_t next = after(text, EE_STR(device_text));
    if (next.size) text.size = (size_t)(next.data - text.data) - (sizeof device_text - 1);
    return text;
  }
  return text;
}

typedef struct line {
  char text[EERIE_ERROR_MESSAGE_SIZE / 2];
  size_t used;
} line_t;

static void append(line_t *line, const char *between, ee_str_t word) {
  if (line->used >= sizeof line->text) return;
  line->used += ee_format(line->text + line->used, sizeof line->text - line->used, "%s%.*s",
                          line->used ? between : "", EE_STR_ARG(word));
}

// The kinds of device in a text: "local", or "vulkan, number 1 from 0"; "local or vulkan".
static void list_kinds(ee_str_t text, line_t *out_kinds) {
  static const char ordinal[] = "\", {ordinal = ";
  for (ee_str_t at = text; (at = after(at, EE_STR("#hal.device.target<\""))).size;) {
    const ee_str_t kind = before(at, '"');
    append(out_kinds, " or ", kind);
    const ee_str_t rest = {at.data + kind.size, at.size - kind.size};
    const size_t size = sizeof ordinal - 1;
    if (rest.size <= size || memcmp(rest.data, ordinal, size) != 0) continue;
    append(out_kinds, "", EE_STR(", number "));
    append(out_kinds, "", before((ee_str_t){rest.data + size, rest.size - size}, ' '));
    append(out_kinds, "", EE_STR(" counted from 0"));
  }
}

eerie_status_t ee_api_refusal_explain(eerie_module_t *const *modules, size_t module_count,
                                      eerie_device_t *const *devices, size_t device_count,
                                      eerie_error_t *err) {
  if (!err) return EERIE_INCOMPATIBLE;
  const ee_str_t found = after(ee_str_from(err->message), EE_STR("HAL device `"));
  const ee_str_t name = before(found, '`');
  char own_name[64];
  (void)ee_format(own_name, sizeof own_name, "%.*s", EE_STR_ARG(name)); // the message is replaced
  for (size_t i = 0; found.size && i < module_count; ++i) {
    const ee_module_t *module = ee_api_module(modules[i]);
    line_t kinds = {.used = 0}, given = {.used = 0};
    list_kinds(text_about(module, name), &kinds);
    if (!kinds.used) continue;
    for (size_t j = 0; j < device_count; ++j)
      append(&given, ", ", ee_str_from(eerie_device_name(devices[j])));
    return EE_FAIL(err, EERIE_INCOMPATIBLE,
                   "module %.*s wants a device for `%s`: %s; none of those that the program was "
                   "given fits: %s",
                   EE_STR_ARG(module->name), own_name, kinds.text, given.text);
  }
  return EERIE_INCOMPATIBLE;
}

#elif EERIE_ASYNC_DEVICES

eerie_status_t ee_api_refusal_explain(eerie_module_t *const *modules, size_t module_count,
                                      eerie_device_t *const *devices, size_t device_count,
                                      eerie_error_t *err) {
  (void)modules, (void)module_count, (void)devices, (void)device_count, (void)err;
  return EERIE_INCOMPATIBLE;
}

#endif
