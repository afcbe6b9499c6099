// safetensors.c: the archives of Hugging Face.
//
// Source of the format: README and safetensors/src/tensor.rs of the safetensors project:
//
//   u64 length of the header, little-endian
//   the header, JSON: {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]},
//   ...,
//                      "__metadata__": {"key": "text", ...}}, padded with spaces
//   the bytes that offsets count from, to the end of the file
//
// Checked here: the JSON is strict, each tensor has its three members once and an own name, its
// bytes are those that dtype and shape take, and all tensors together are all bytes of the file,
// without holes and overlaps, as the format demands.
#include "params/json.h"
#include "params/params.h"

// What the format allows for a header.
#define HEADER_LIMIT 100000000u

static const struct {
  const char *name;
  uint32_t bits;
  uint32_t dtype;
} dtypes[] = {
    {"BOOL", 8, EE_PARAMS_BOOL},
    {"F4", 4, 0},
    {"F6_E2M3", 6, 0},
    {"F6_E3M2", 6, 0},
    {"U8", 8, EE_PARAMS_U8},
    {"I8", 8, EE_PARAMS_I8},
    {"F8_E5M2", 8, EE_PARAMS_F8E5M2},
    {"F8_E4M3", 8, EE_PARAMS_F8E4M3FN},
    {"F8_E8M0", 8, EE_PARAMS_F8E8M0FNU},
    {"F8_E4M3FNUZ", 8, EE_PARAMS_F8E4M3FNUZ},
    {"F8_E5M2FNUZ", 8, EE_PARAMS_F8E5M2FNUZ},
    {"I16", 16, EE_PARAMS_I16},
    {"U16", 16, EE_PARAMS_U16},
    {"F16", 16, EE_PARAMS_F16},
    {"BF16", 16, EE_PARAMS_BF16},
    {"I32", 32, EE_PARAMS_I32},
    {"U32", 32, EE_PARAMS_U32},
    {"F32", 32, EE_PARAMS_F32},
    {"C64", 64, EE_PARAMS_C64},
    {"F64", 64, EE_PARAMS_F64},
    {"I64", 64, EE_PARAMS_I64},
    {"U64", 64, EE_PARAMS_U64},
};
#define DTYPE_COUNT (sizeof dtypes / sizeof dtypes[0])

const char *ee_params_safetensors_name(uint32_t dtype) {
  for (size_t i = 0; i < DTYPE_COUNT; ++i) {
    if (dtype != EE_PARAMS_NO_DTYPE && dtypes[i].dtype == dtype) return dtypes[i].name;
  }
  return NULL;
}

typedef struct reader {
  ee_params_set_t *set;
  ee_params_source_t *source;
  eerie_error_t *err;
  ee_json_t json;
  uint8_t *data; // behind the header
  size_t data_size;
} reader_t;

enum { HAS_DTYPE = 1, HAS_SHAPE = 2, HAS_OFFSETS = 4 };

typedef struct tensor {
  unsigned members;
  size_t dtype;
  size_t rank;
  uint64_t begin;
  uint64_t end;
  int64_t shape[EERIE_TENSOR_RANK_LIMIT];
} tensor_t;

static eerie_status_t read_dtype(reader_t *reader, tensor_t *tensor) {
  ee_str_t name;
  EE_TRY(ee_json_string(&reader->json, &name));
  for (tensor->dtype = 0; tensor->dtype < DTYPE_COUNT; ++tensor->dtype) {
    if (ee_str_equal(name, ee_str_from(dtypes[tensor->dtype].name))) return EERIE_OK;
  }
  return EE_FAIL(reader->err, EERIE_UNIMPLEMENTED, "dtype '%.*s' is not one of the format's",
                 EE_STR_ARG(name));
}

static eerie_status_t read_shape(reader_t *reader, tensor_t *tensor) {
  EE_TRY(ee_json_take(&reader->json, '['));
  tensor->rank = 0;
  if (ee_json_try(&reader->json, ']')) return EERIE_OK;
  do {
    uint64_t length = 0;
    EE_TRY(ee_json_number(&reader->json, &length));
    if (tensor->rank == EERIE_TENSOR_RANK_LIMIT) {
      return EE_FAIL(reader->err, EERIE_DATA_LOSS, "a rank above %d", EERIE_TENSOR_RANK_LIMIT);
    }
    if (length > INT64_MAX) {
      return EE_FAIL(reader->err, EERIE_DATA_LOSS, "a dimension of %llu",
                     (unsigned long long)length);
    }
    tensor->shape[tensor->rank++] = (int64_t)length;
  } while (ee_json_try(&reader->json, ','));
  return ee_json_take(&reader->json, ']');
}

static eerie_status_t read_offsets(reader_t *reader, tensor_t *tensor) {
  EE_TRY(ee_json_take(&reader->json, '['));
  EE_TRY(ee_json_number(&reader->json, &tensor->begin));
  EE_TRY(ee_json_take(&reader->json, ','));
  EE_TRY(ee_json_number(&reader->json, &tensor->end));
  return ee_json_take(&reader->json, ']');
}

static eerie_status_t read_member(reader_t *reader, tensor_t *tensor) {
  static const struct {
    const char *name;
    unsigned member;
    eerie_status_t (*read)(reader_t *, tensor_t *);
  } members[] = {{"dtype", HAS_DTYPE, read_dtype},
                 {"shape", HAS_SHAPE, read_shape},
                 {"data_offsets", HAS_OFFSETS, read_offsets}};
  ee_str_t name;
  EE_TRY(ee_json_string(&reader->json, &name));
  EE_TRY(ee_json_take(&reader->json, ':'));
  for (size_t i = 0; i < sizeof members / sizeof members[0]; ++i) {
    if (!ee_str_equal(name, ee_str_from(members[i].name))) continue;
    if (tensor->members & members[i].member) {
      return EE_FAIL(reader->err, EERIE_DATA_LOSS, "%s is there twice", members[i].name);
    }
    tensor->members |= members[i].member;
    return members[i].read(reader, tensor);
  }
  return ee_json_skip(&reader->json);
}

static eerie_status_t check_tensor(reader_t *reader, const tensor_t *tensor) {
  if (tensor->members != (HAS_DTYPE | HAS_SHAPE | HAS_OFFSETS)) {
    return EE_FAIL(reader->err, EERIE_DATA_LOSS, "%s is missing",
                   !(tensor->members & HAS_DTYPE)   ? "dtype"
                   : !(tensor->members & HAS_SHAPE) ? "shape"
                                                    : "data_offsets");
  }
  if (tensor->begin > tensor->end || tensor->end > reader->data_size) {
    return EE_FAIL(
        reader->err, EERIE_DATA_LOSS, "bytes %llu to %llu do not lie in the %zu behind the header",
        (unsigned long long)tensor->begin, (unsigned long long)tensor->end, reader->data_size);
  }
  uint64_t size = 0;
  if (!ee_params_shape_size(tensor->rank, tensor->shape, 1, dtypes[tensor->dtype].bits, &size)) {
    return EE_FAIL(reader->err, EERIE_DATA_LOSS, "shape and dtype %s make no whole number of bytes",
                   dtypes[tensor->dtype].name);
  }
  if (size != tensor->end - tensor->begin) {
    return EE_FAIL(reader->err, EERIE_DATA_LOSS,
                   "dtype and shape take %llu bytes, data_offsets has %llu",
                   (unsigned long long)size, (unsigned long long)(tensor->end - tensor->begin));
  }
  return EERIE_OK;
}

static eerie_status_t read_tensor(reader_t *reader, ee_str_t key) {
  tensor_t tensor = {.members = 0};
  EE_TRY(ee_json_take(&reader->json, '{'));
  if (!ee_json_try(&reader->json, '}')) {
    do {
      EE_TRY(read_member(reader, &tensor));
    } while (ee_json_try(&reader->json, ','));
    EE_TRY(ee_json_take(&reader->json, '}'));
  }
  EE_TRY(check_tensor(reader, &tensor));
  const ee_params_entry_t entry = {
      .key = key,
      .size = tensor.end - tensor.begin,
      .data = reader->data + (size_t)tensor.begin,
      .source = reader->source,
      .dtype = dtypes[tensor.dtype].dtype,
      .type_name = dtypes[tensor.dtype].name,
      .rank = tensor.rank,
      .shape = tensor.shape,
  };
  return ee_params_append(reader->set, &entry, reader->err);
}

static eerie_status_t read_named(reader_t *reader) {
  ee_str_t raw;
  EE_TRY(ee_json_string(&reader->json, &raw));
  EE_TRY(ee_json_take(&reader->json, ':'));
  if (ee_str_equal(raw, EE_STR("__metadata__"))) return ee_json_skip(&reader->json);
  eerie_status_t status;
  const size_t size = ee_json_unescape(raw, NULL);
  if (size == raw.size) {
    status = read_tensor(reader, raw);
  } else {
    char *key = ee_heap_allocate(reader->set->heap, size);
    if (!key) return EE_NO_MEMORY(reader->err, size);
    (void)ee_json_unescape(raw, key);
    status = read_tensor(reader, (ee_str_t){key, size});
    ee_heap_free(reader->set->heap, key, size);
  }
  if (status != EERIE_OK) EE_ANNOTATE(reader->err, "tensor '%.*s'", EE_STR_ARG(raw));
  return status;
}

// ---- Holes and overlaps ------------------------------------------------------------------------

static bool lies_before(const void *context, uint32_t a, uint32_t b) {
  const ee_params_set_t *set = context;
  const ee_params_entry_t *x = &set->entries[a], *y = &set->entries[b];
  // Tensors without bytes come before the one that begins at the same place.
  return x->data != y->data ? x->data < y->data : x->size < y->size;
}

static eerie_status_t check_cover(reader_t *reader, const uint32_t *order, size_t count) {
  const ee_params_set_t *set = reader->set;
  size_t end = 0;
  for (size_t i = 0; i < count; ++i) {
    const ee_params_entry_t *entry = &set->entries[order[i]];
    const size_t begin = (size_t)(entry->data - reader->data);
    if (begin != end) {
      return EE_FAIL(reader->err, EERIE_DATA_LOSS,
                     "tensor '%.*s' begins at byte %zu, the one before it ends at %zu",
                     EE_STR_ARG(entry->key), begin, end);
    }
    end += (size_t)entry->size;
  }
  if (end == reader->data_size) return EERIE_OK;
  return EE_FAIL(reader->err, EERIE_DATA_LOSS,
                 "the tensors take %zu bytes, %zu are behind the header", end, reader->data_size);
}

// The entries of this archive are those from `first` on.
static eerie_status_t check_layout(reader_t *reader, size_t first) {
  const size_t count = reader->set->count - first;
  size_t size;
  if (!ee_mul_size(count + 1, sizeof(uint32_t), &size)) return EE_NO_MEMORY(reader->err, SIZE_MAX);
  uint32_t *order = ee_heap_allocate(reader->set->heap, size);
  if (!order) return EE_NO_MEMORY(reader->err, size);
  for (size_t i = 0; i < count; ++i) {
    order[i] = (uint32_t)(first + i);
  }
  ee_params_sort(order, count, lies_before, reader->set);
  const eerie_status_t status = check_cover(reader, order, count);
  ee_heap_free(reader->set->heap, order, size);
  return status;
}

// ---- The file ----------------------------------------------------------------------------------

static bool match(ee_bytes_t bytes) {
  return bytes.size >= 10 && ee_load_u64(bytes.data) <= HEADER_LIMIT && bytes.data[8] == '{';
}

static eerie_status_t read_header(reader_t *reader) {
  EE_TRY(ee_json_take(&reader->json, '{'));
  if (!ee_json_try(&reader->json, '}')) {
    do {
      EE_TRY(read_named(reader));
    } while (ee_json_try(&reader->json, ','));
    EE_TRY(ee_json_take(&reader->json, '}'));
  }
  return ee_json_end(&reader->json);
}

static eerie_status_t read(ee_params_set_t *set, ee_params_source_t *source, eerie_error_t *err) {
  const uint64_t header_size = ee_load_u64(source->data);
  const size_t rest = source->size - 8;
  if (header_size > rest) {
    return EE_FAIL(err, EERIE_DATA_LOSS, "a header of %llu bytes: %zu are left",
                   (unsigned long long)header_size, rest);
  }
  reader_t reader = {
      .set = set,
      .source = source,
      .err = err,
      .json = {.text = {(const char *)source->data + 8, (size_t)header_size}, .err = err},
      .data = source->data + 8 + (size_t)header_size,
      .data_size = rest - (size_t)header_size,
  };
  const size_t first = set->count;
  const eerie_status_t status = read_header(&reader);
  if (status != EERIE_OK) {
    EE_ANNOTATE(err, "header");
    return status;
  }
  return check_layout(&reader, first);
}

const ee_params_format_t ee_params_safetensors = {".safetensors", match, read};
