// native_signature.c: from the signature of a function in C, "(tensor<4xf32>, i32) ->
// tensor<?xf32>", to the calling convention of its entry and to the types that calls are checked
// against.
#include "api/native.h"

// A signature while it is read.
typedef struct signature {
  const ee_natives_t *natives;
  const char *module;
  const eerie_native_function_t *declared;
  ee_api_scan_t scan;
  char *letters; // where the next letter of the calling convention goes
  const char *arguments_end;
  ee_str_t results; // the text behind the arrow, without parentheses
  eerie_error_t *err;
} signature_t;

static EE_COLD eerie_status_t bad_signature(const signature_t *s, const char *at,
                                            const char *expected) {
  (void)at, (void)expected;
  return EE_FAIL(s->err, EERIE_INVALID_ARGUMENT,
                 "native function '%s.%s': expected %s at character %zu of the signature '%s'",
                 s->module, s->declared->name, expected, (size_t)(at - s->declared->signature) + 1,
                 s->declared->signature);
}

const ee_object_type_t *ee_native_find_type(const ee_natives_t *natives, ee_str_t name) {
  for (size_t i = 0; i < natives->type_count; ++i) {
    if (ee_str_equal(name, ee_str_from(natives->types[i].object.name)))
      return &natives->types[i].object;
  }
  return NULL;
}

// i1 to i32, si8, ui64, ...: the letter, or 0.
static char integer_letter(ee_str_t type) {
  size_t at = type.data[0] == 's' || type.data[0] == 'u';
  if (at + 1 >= type.size || type.data[at] != 'i' || type.data[at + 1] == '0') return 0;
  unsigned bits = 0;
  for (++at; at < type.size; ++at) {
    if (type.data[at] < '0' || type.data[at] > '9' || bits > 64) return 0;
    bits = bits * 10 + (unsigned)(type.data[at] - '0');
  }
  if (bits == 64) return 'I';
  return bits <= 32 ? 'i' : 0;
}

// The register that a value of the type takes, or 0 for what is no type.
static char type_letter(const ee_natives_t *natives, ee_str_t type) {
  if (type.size == 0) return 0;
  if (ee_str_equal(type, EE_STR("f32"))) return 'f';
  if (ee_str_equal(type, EE_STR("f64"))) return 'F';
  if (ee_str_equal(type, EE_STR("index"))) return 'I';
  if (ee_str_equal(type, EE_STR("tensor"))) return 'r';
  if (ee_str_starts_with(type, "tensor<") && type.data[type.size - 1] == '>') return 'r';
  if (ee_str_starts_with(type, "!util.") || ee_str_starts_with(type, "!vm.") ||
      ee_str_starts_with(type, "!hal.")) {
    return 'r';
  }
  if (type.data[0] == '!' &&
      ee_native_find_type(natives, (ee_str_t){type.data + 1, type.size - 1})) {
    return 'r';
  }
  return integer_letter(type);
}

static bool next_is(signature_t *s, const char *token) {
  ee_api_scan_spaces(&s->scan);
  return ee_api_scan_accept(&s->scan, token);
}

static eerie_status_t read_type(signature_t *s) {
  ee_api_scan_spaces(&s->scan);
  const char *at = s->scan.at;
  const char letter = type_letter(s->natives, ee_api_scan_type(&s->scan));
  if (!letter) return bad_signature(s, at, "a known type");
  *s->letters++ = letter;
  return EERIE_OK;
}

// "(type, %name: type)" or "()", without the first parenthesis.
static eerie_status_t read_list(signature_t *s) {
  if (next_is(s, ")")) return EERIE_OK;
  do {
    EE_TRY(read_type(s));
  } while (next_is(s, ","));
  return next_is(s, ")") ? EERIE_OK : bad_signature(s, s->scan.at, "',' or ')'");
}

// Reads "(...) -> type", "(...) -> (...)" or "(...)", behind "async" or not.
static eerie_status_t read_signature(signature_t *s, ee_native_function_t *function) {
  eerie_function_t *types = &function->types;
  *s->letters++ = '0';
  types->arguments = s->letters;
  function->is_async = next_is(s, "async");
  if (!next_is(s, "(")) return bad_signature(s, s->scan.at, "'('");
  EE_TRY(read_list(s));
  s->arguments_end = s->scan.at;
  types->input_count = (size_t)(s->letters - types->arguments);
  if (types->is_async) {
    *s->letters++ = 'r';
    *s->letters++ = 'r';
  }
  *s->letters++ = '_';
  types->results = s->letters;
  s->results = (ee_str_t){s->scan.at, 0};
  if (next_is(s, "->")) {
    const bool listed = next_is(s, "(");
    s->results.data = s->scan.at;
    EE_TRY(listed ? read_list(s) : read_type(s));
    s->results.size = (size_t)(s->scan.at - s->results.data) - listed;
  }
  types->output_count = (size_t)(s->letters - types->results);
  *s->letters++ = 0;
  ee_api_scan_spaces(&s->scan);
  return s->scan.at == s->scan.end ? EERIE_OK : bad_signature(s, s->scan.at, "the end");
}

static char *append(char *at, const char *text, size_t size) {
  memcpy(at, text, size);
  return at + size;
}

// What the letters do not say: elements of tensors, types of objects.
static eerie_status_t check_types(const signature_t *s, ee_native_function_t *function) {
  const eerie_function_t *types = &function->types;
  for (size_t i = 0; i < types->input_count + types->output_count; ++i) {
    const eerie_type_t *type = &types->inputs[i];
    const ee_str_t text = ee_str_from(type->text);
    if (text.size && text.data[0] == '!') {
      function->objects[i] =
          ee_native_find_type(s->natives, (ee_str_t){text.data + 1, text.size - 1});
    } else if (ee_str_starts_with(text, "tensor<") &&
               (type->rank == SIZE_MAX || type->dtype == EERIE_DTYPE_NONE)) {
      return EE_FAIL(s->err, EERIE_INVALID_ARGUMENT,
                     "native function '%s.%s': '%s' is no tensor of a known element type",
                     s->module, s->declared->name, type->text);
    }
  }
  return EERIE_OK;
}

eerie_status_t ee_native_describe(const ee_natives_t *natives, const char *module,
                                  const eerie_native_function_t *declared, bool fenced,
                                  ee_native_function_t *function, ee_vm_native_function_t *entry,
                                  eerie_error_t *err) {
  const size_t length = ee_str_length(declared->signature);
  // A letter, and an object's type, for at most every other character; a few more for what is
  // written around them.
  size_t objects_size;
  if (!ee_mul_size(length / 2 + 1, sizeof(void *), &objects_size) ||
      !ee_add_size(objects_size, 2 * length + 24, &function->block_size)) {
    return EE_NO_MEMORY(err, SIZE_MAX);
  }
  function->declared = declared;
  function->objects = ee_heap_allocate_zeroed(natives->heap, function->block_size);
  if (!function->objects) return EE_NO_MEMORY(err, function->block_size);
  char *convention = (char *)function->objects + objects_size;
  eerie_function_t *types = &function->types;
  types->name = "";
  types->is_async = fenced;
  signature_t s = {
      .natives = natives,
      .module = module,
      .declared = declared,
      .scan = {declared->signature, declared->signature + length},
      .letters = convention,
      .err = err,
  };
  const eerie_status_t status = read_signature(&s, function);
  if (status != EERIE_OK) {
    types->input_count = types->output_count = 0;
    return status;
  }
  // As compilers write it: with parentheses around one result too.
  char *declaration = s.letters, *at = declaration;
  at = append(at, declared->signature, (size_t)(s.arguments_end - declared->signature));
  at = append(at, " -> (", 5);
  at = append(at, s.results.data, s.results.size);
  *at++ = ')';
  types->declaration = declaration;
  EE_TRY(ee_api_types_describe(natives->heap, (ee_str_t){declaration, (size_t)(at - declaration)},
                               types, err));
  *entry = (ee_vm_native_function_t){declared->name, convention, ee_native_call};
  return check_types(&s, function);
}
