// signature.c: the types of a function's arguments and results.
//
// Two sources. The calling convention ("rr_r") is always there and says register classes only. The
// attribute iree.abi.declaration, which the compiler leaves for people, has names, dtypes and
// shapes:
//
//   sync func @f(%input0: tensor<?x4xf32>, %n: i32) -> (%output0: tensor<4xf32>)
//
// Where the two disagree in number, or the text is not of this form, the letters alone count.
#include "api/api.h"

void ee_api_scan_spaces(ee_api_scan_t *scan) {
  while (scan->at < scan->end && *scan->at == ' ')
    ++scan->at;
}

bool ee_api_scan_accept(ee_api_scan_t *scan, const char *token) {
  const size_t length = ee_str_length(token);
  if ((size_t)(scan->end - scan->at) < length || memcmp(scan->at, token, length) != 0) return false;
  scan->at += length;
  return true;
}

// The text up to a ',' or closing bracket outside of all brackets and strings. A '>' after '-' is
// an arrow.
static ee_str_t take_balanced(ee_api_scan_t *scan) {
  const char *start = scan->at;
  int depth = 0;
  for (; scan->at < scan->end; ++scan->at) {
    const char c = *scan->at;
    if (c == '"') {
      do
        ++scan->at;
      while (scan->at < scan->end && *scan->at != '"');
      if (scan->at == scan->end) break;
    } else if (c == '<' || c == '(' || c == '[' || c == '{') {
      ++depth;
    } else if (c == '>' && scan->at > start && scan->at[-1] == '-') {
      continue;
    } else if (c == '>' || c == ')' || c == ']' || c == '}') {
      if (depth == 0) break;
      --depth;
    } else if (c == ',' && depth == 0) {
      break;
    }
  }
  return (ee_str_t){start, (size_t)(scan->at - start)};
}

// One "%name: type {attributes}" split in two.
typedef struct declared {
  ee_str_t name;
  ee_str_t type;
} declared_t;

static declared_t split_declared(ee_str_t item) {
  declared_t declared = {{NULL, 0}, item};
  if (item.size && item.data[0] == '%') {
    size_t colon = 1;
    while (colon < item.size && item.data[colon] != ':')
      ++colon;
    declared.name = (ee_str_t){item.data + 1, colon - 1};
    if (colon < item.size) ++colon;
    while (colon < item.size && item.data[colon] == ' ')
      ++colon;
    declared.type = (ee_str_t){item.data + colon, item.size - colon};
  }
  // Attributes behind the type.
  for (size_t i = 1; i < declared.type.size; ++i) {
    if (declared.type.data[i] == '{' && declared.type.data[i - 1] == ' ') {
      declared.type.size = i - 1;
      break;
    }
  }
  while (declared.type.size && declared.type.data[declared.type.size - 1] == ' ') {
    --declared.type.size;
  }
  return declared;
}

ee_str_t ee_api_scan_type(ee_api_scan_t *scan) {
  return split_declared(take_balanced(scan)).type;
}

// Memory of one function's description: bump-allocated from a block whose size is an upper bound.
typedef struct storage {
  char *text;
  int64_t *dims;
} storage_t;

static const char *store_text(storage_t *storage, ee_str_t s) {
  char *copy = storage->text;
  if (s.size) memcpy(copy, s.data, s.size);
  copy[s.size] = 0;
  storage->text += s.size + 1;
  return copy;
}

// "4x?xf32" or "4x?xf32, #encoding": false when it is something else.
static bool parse_tensor(ee_str_t body, storage_t *storage, eerie_type_t *type) {
  int64_t *dims = storage->dims;
  size_t rank = 0, at = 0;
  for (;;) {
    size_t end = at;
    while (end < body.size && body.data[end] >= '0' && body.data[end] <= '9')
      ++end;
    const bool dynamic = end == at && end < body.size && body.data[end] == '?';
    if (dynamic) ++end;
    if (end == at || end >= body.size || body.data[end] != 'x') break;
    int64_t value = dynamic ? -1 : 0;
    for (size_t i = at; !dynamic && i < end; ++i) {
      if (value > (INT64_MAX - 9) / 10) return false;
      value = value * 10 + (body.data[i] - '0');
    }
    dims[rank++] = value;
    at = end + 1;
  }
  size_t end = at;
  while (end < body.size && body.data[end] != ',')
    ++end;
  type->dtype = eerie_dtype_parse(body.data + at, end - at);
  type->rank = rank;
  type->shape = dims;
  storage->dims += rank;
  return true;
}

static eerie_kind_t kind_of_letter(char letter) {
  switch (letter) {
  case 'i': return EERIE_KIND_I32;
  case 'I': return EERIE_KIND_I64;
  case 'f': return EERIE_KIND_F32;
  case 'F': return EERIE_KIND_F64;
  default: return EERIE_KIND_OTHER;
  }
}

static void describe_type(declared_t declared, char letter, storage_t *storage,
                          eerie_type_t *type) {
  type->kind = kind_of_letter(letter);
  type->rank = SIZE_MAX;
  type->name = store_text(storage, declared.name);
  type->text = store_text(storage, declared.type);
  if (letter != 'r') return;
  if (ee_str_starts_with(declared.type, "tensor<") && declared.type.size > 8) {
    const ee_str_t body = {declared.type.data + 7, declared.type.size - 8};
    if (parse_tensor(body, storage, type)) type->kind = EERIE_KIND_TENSOR;
  } else if (ee_str_starts_with(declared.type, "!hal.buffer_view") ||
             ee_str_equal(declared.type, EE_STR("tensor"))) {
    type->kind = EERIE_KIND_TENSOR;
  } else if (ee_str_starts_with(declared.type, "!util.buffer") ||
             ee_str_starts_with(declared.type, "!vm.buffer")) {
    type->kind = EERIE_KIND_BUFFER;
  } else if (ee_str_starts_with(declared.type, "!util.list") ||
             ee_str_starts_with(declared.type, "!vm.list")) {
    type->kind = EERIE_KIND_LIST;
  } else if (ee_str_starts_with(declared.type, "!hal.fence")) {
    type->kind = EERIE_KIND_FENCE;
  }
}

// Describes `count` items of a parenthesised list; false when it does not have exactly that many.
static bool describe_list(ee_api_scan_t *scan, const char *letters, size_t count,
                          storage_t *storage, eerie_type_t *types) {
  if (!ee_api_scan_accept(scan, "(")) return false;
  for (size_t i = 0; i < count; ++i) {
    ee_api_scan_spaces(scan);
    const ee_str_t item = take_balanced(scan);
    if (!item.size) return false;
    describe_type(split_declared(item), letters[i], storage, &types[i]);
    if (i + 1 < count && !ee_api_scan_accept(scan, ",")) return false;
  }
  ee_api_scan_spaces(scan);
  return ee_api_scan_accept(scan, ")");
}

static bool describe_declaration(ee_str_t declaration, eerie_function_t *function,
                                 storage_t *storage) {
  ee_api_scan_t scan = {declaration.data, declaration.data + declaration.size};
  while (scan.at < scan.end && *scan.at != '(')
    ++scan.at;
  if (!describe_list(&scan, function->arguments, function->input_count, storage,
                     function->inputs)) {
    return false;
  }
  ee_api_scan_spaces(&scan);
  if (!ee_api_scan_accept(&scan, "->")) return function->output_count == 0;
  ee_api_scan_spaces(&scan);
  return describe_list(&scan, function->results, function->output_count, storage,
                       function->outputs);
}

static void describe_letters(const char *letters, size_t count, storage_t *storage,
                             eerie_type_t *types) {
  for (size_t i = 0; i < count; ++i) {
    describe_type((declared_t){{NULL, 0}, {NULL, 0}}, letters[i], storage, &types[i]);
  }
}

// Bytes that the description can take at most.
static bool storage_bound(size_t values, size_t declaration_size, size_t *out_types,
                          size_t *out_dims, size_t *out_size) {
  size_t text;
  // Each dimension takes two characters of the text at least, each string ends in a NUL.
  return ee_mul_size(values, sizeof(eerie_type_t), out_types) &&
         ee_mul_size(declaration_size / 2 + 1, sizeof(int64_t), out_dims) &&
         ee_mul_size(values, 4, &text) && ee_add_size(text, 2 * declaration_size, &text) &&
         ee_add_size(*out_types, *out_dims, out_size) && ee_add_size(*out_size, text, out_size);
}

eerie_status_t ee_api_function_describe(ee_heap_t *heap, const ee_module_t *module,
                                        const ee_module_function_t *body,
                                        eerie_function_t *function, eerie_error_t *err) {
  const ee_str_t declaration =
      ee_module_function_attribute(module, function->vm.ordinal, EE_STR("iree.abi.declaration"));
  const ee_str_t model =
      ee_module_function_attribute(module, function->vm.ordinal, EE_STR("iree.abi.model"));
  function->declaration = declaration.size ? declaration.data : "";
  function->arguments = body->signature.arguments.data;
  function->results = body->signature.results.data;
  function->input_count = body->signature.arguments.size;
  function->output_count = body->signature.results.size;
  // The coarse model hands a wait and a signal fence in behind the arguments.
  function->is_async = ee_str_equal(model, EE_STR("coarse-fences")) && function->input_count >= 2 &&
                       function->arguments[function->input_count - 1] == 'r' &&
                       function->arguments[function->input_count - 2] == 'r';
  if (function->is_async) function->input_count -= 2;
  return ee_api_types_describe(heap, declaration, function, err);
}

eerie_status_t ee_api_types_describe(ee_heap_t *heap, ee_str_t declaration,
                                     eerie_function_t *function, eerie_error_t *err) {
  size_t types_size, dims_size;
  if (!storage_bound(function->input_count + function->output_count, declaration.size, &types_size,
                     &dims_size, &function->storage_size)) {
    return EE_FAIL(err, EERIE_DATA_LOSS, "the declaration of '%s' is too long", function->name);
  }
  char *block = ee_heap_allocate_zeroed(heap, function->storage_size);
  if (!block) return EE_NO_MEMORY(err, function->storage_size);
  function->inputs = (eerie_type_t *)(void *)block;
  function->outputs = function->inputs + function->input_count;
  const storage_t fresh = {block + types_size + dims_size, (int64_t *)(void *)(block + types_size)};
  storage_t storage = fresh;
  if (!declaration.size || !describe_declaration(declaration, function, &storage)) {
    storage = fresh;
    describe_letters(function->arguments, function->input_count, &storage, function->inputs);
    describe_letters(function->results, function->output_count, &storage, function->outputs);
  }
  return EERIE_OK;
}

void ee_api_function_forget(ee_heap_t *heap, eerie_function_t *function) {
  ee_heap_free(heap, function->inputs, function->storage_size);
}
