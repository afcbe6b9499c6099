// gguf.c: the archives of llama.cpp and ggml.
//
// Source of the format: docs/gguf.md and the block types in ggml-common.h of the ggml project, the
// types up to 41 as the Python package gguf 0.19.0 lists them. All numbers little-endian, nothing
// aligned:
//
//   u32 "GGUF", u32 version, u64 tensors, u64 metadata pairs
//   pair:    string key, u32 type, value
//   tensor:  string name, u32 rank, u64 sizes (innermost first), u32 type, u64 offset
//   padding to `general.alignment` (32), then the bytes that offsets count from
//
// A string is a u64 length and its bytes. Types of blocks pack several elements of a row; to a
// module they are bytes.
//
// Checked here: that all of that is there, types and rank, that blocks fill the rows, that sizes do
// not overflow, that offsets keep the alignment and each tensor lies in the file.
#include "params/params.h"

#define MAGIC             0x46554747u // "GGUF"
#define DEFAULT_ALIGNMENT 32u

// Arrays of arrays, in metadata.
#define NESTING_LIMIT 8u

typedef struct tensor_type {
  const char *name;
  uint16_t block_length; // elements; 0: a number that is no type any more
  uint16_t block_size;   // bytes
  uint32_t dtype;
} tensor_type_t;

static const tensor_type_t tensor_types[] = {
    [0] = {"F32", 1, 4, EE_PARAMS_F32},
    [1] = {"F16", 1, 2, EE_PARAMS_F16},
    [2] = {"Q4_0", 32, 18, 0},
    [3] = {"Q4_1", 32, 20, 0},
    [6] = {"Q5_0", 32, 22, 0},
    [7] = {"Q5_1", 32, 24, 0},
    [8] = {"Q8_0", 32, 34, 0},
    [9] = {"Q8_1", 32, 36, 0}, // not the 40 of the Python package: the two floats became halves
    [10] = {"Q2_K", 256, 84, 0},
    [11] = {"Q3_K", 256, 110, 0},
    [12] = {"Q4_K", 256, 144, 0},
    [13] = {"Q5_K", 256, 176, 0},
    [14] = {"Q6_K", 256, 210, 0},
    [15] = {"Q8_K", 256, 292, 0},
    [16] = {"IQ2_XXS", 256, 66, 0},
    [17] = {"IQ2_XS", 256, 74, 0},
    [18] = {"IQ3_XXS", 256, 98, 0},
    [19] = {"IQ1_S", 256, 50, 0},
    [20] = {"IQ4_NL", 32, 18, 0},
    [21] = {"IQ3_S", 256, 110, 0},
    [22] = {"IQ2_S", 256, 82, 0},
    [23] = {"IQ4_XS", 256, 136, 0},
    [24] = {"I8", 1, 1, EE_PARAMS_I8},
    [25] = {"I16", 1, 2, EE_PARAMS_I16},
    [26] = {"I32", 1, 4, EE_PARAMS_I32},
    [27] = {"I64", 1, 8, EE_PARAMS_I64},
    [28] = {"F64", 1, 8, EE_PARAMS_F64},
    [29] = {"IQ1_M", 256, 56, 0},
    [30] = {"BF16", 1, 2, EE_PARAMS_BF16},
    [34] = {"TQ1_0", 256, 54, 0},
    [35] = {"TQ2_0", 256, 66, 0},
    [39] = {"MXFP4", 32, 17, 0},
    [40] = {"NVFP4", 64, 36, 0},
    [41] = {"Q1_0", 128, 18, 0},
};
#define TYPE_COUNT (sizeof tensor_types / sizeof tensor_types[0])

enum { VALUE_U32 = 4, VALUE_STRING = 8, VALUE_ARRAY = 9 };
// Bytes of a metadata value by type; 0: not of one size.
static const uint8_t value_sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

typedef struct reader {
  ee_params_set_t *set;
  ee_params_source_t *source;
  eerie_error_t *err;
  size_t at;
} reader_t;

// The next `size` bytes, or DATA_LOSS.
static eerie_status_t take(reader_t *reader, const char *part, uint64_t size,
                           const uint8_t **out_bytes) {
  (void)part; // unused in builds without texts
  const size_t rest = reader->source->size - reader->at;
  if (size > rest) {
    return EE_FAIL(reader->err, EERIE_DATA_LOSS, "%s at %zu: expected %llu bytes, %zu are left",
                   part, reader->at, (unsigned long long)size, rest);
  }
  *out_bytes = reader->source->data + reader->at;
  reader->at += (size_t)size;
  return EERIE_OK;
}

static eerie_status_t take_u32(reader_t *reader, const char *part, uint32_t *out_value) {
  const uint8_t *p = reader->source->data;
  EE_TRY(take(reader, part, 4, &p));
  *out_value = ee_load_u32(p);
  return EERIE_OK;
}

static eerie_status_t take_u64(reader_t *reader, const char *part, uint64_t *out_value) {
  const uint8_t *p = reader->source->data;
  EE_TRY(take(reader, part, 8, &p));
  *out_value = ee_load_u64(p);
  return EERIE_OK;
}

static eerie_status_t take_string(reader_t *reader, const char *part, ee_str_t *out_text) {
  uint64_t size = 0;
  const uint8_t *p = reader->source->data;
  EE_TRY(take_u64(reader, part, &size));
  EE_TRY(take(reader, part, size, &p));
  *out_text = (ee_str_t){(const char *)p, (size_t)size};
  return EERIE_OK;
}

// ---- Metadata ----------------------------------------------------------------------------------

static eerie_status_t check_value_type(reader_t *reader, uint32_t type) {
  if (type < sizeof value_sizes) return EERIE_OK;
  return EE_FAIL(reader->err, EERIE_DATA_LOSS, "type %u: the last one known is %zu", type,
                 sizeof value_sizes - 1);
}

static eerie_status_t skip_strings(reader_t *reader, uint64_t count) {
  ee_str_t text;
  for (uint64_t i = 0; i < count; ++i) {
    EE_TRY(take_string(reader, "string", &text));
  }
  return EERIE_OK;
}

// Skips an array; those inside of it wait on a small stack.
static eerie_status_t skip_array(reader_t *reader) {
  uint64_t left[NESTING_LIMIT]; // arrays still to come at each level
  uint32_t depth = 0;
  left[0] = 1;
  for (;;) {
    while (left[depth] == 0) {
      if (depth == 0) return EERIE_OK;
      --depth;
    }
    --left[depth];
    uint32_t type = 0;
    uint64_t count = 0, size;
    EE_TRY(take_u32(reader, "type of an array", &type));
    EE_TRY(check_value_type(reader, type));
    EE_TRY(take_u64(reader, "length of an array", &count));
    if (type == VALUE_STRING) {
      EE_TRY(skip_strings(reader, count));
    } else if (type == VALUE_ARRAY) {
      if (++depth == NESTING_LIMIT) {
        return EE_FAIL(reader->err, EERIE_DATA_LOSS, "arrays in arrays beyond %u levels",
                       NESTING_LIMIT);
      }
      left[depth] = count;
    } else {
      const uint8_t *p = reader->source->data;
      if (!ee_mul_u64(count, value_sizes[type], &size)) size = UINT64_MAX;
      EE_TRY(take(reader, "array", size, &p));
    }
  }
}

static eerie_status_t read_value(reader_t *reader, ee_str_t key, uint32_t *alignment) {
  uint32_t type = 0;
  EE_TRY(take_u32(reader, "type", &type));
  EE_TRY(check_value_type(reader, type));
  const bool is_alignment = ee_str_equal(key, EE_STR("general.alignment"));
  if (is_alignment && type != VALUE_U32) {
    return EE_FAIL(reader->err, EERIE_DATA_LOSS, "type %u, expected %u (a 32-bit number)", type,
                   (unsigned)VALUE_U32);
  }
  if (type == VALUE_ARRAY) return skip_array(reader);
  if (type == VALUE_STRING) return skip_strings(reader, 1);
  const uint8_t *p = reader->source->data;
  EE_TRY(take(reader, "value", value_sizes[type], &p));
  if (!is_alignment) return EERIE_OK;
  *alignment = ee_load_u32(p);
  if (*alignment == 0 || (*alignment & (*alignment - 1)) != 0) {
    return EE_FAIL(reader->err, EERIE_DATA_LOSS, "%u is no power of two", (unsigned)*alignment);
  }
  return EERIE_OK;
}

static eerie_status_t read_metadata(reader_t *reader, uint64_t count, uint32_t *alignment) {
  for (uint64_t i = 0; i < count; ++i) {
    ee_str_t key = {"", 0};
    eerie_status_t status = take_string(reader, "key", &key);
    if (status == EERIE_OK) status = read_value(reader, key, alignment);
    if (status == EERIE_OK) continue;
    EE_ANNOTATE(reader->err, "metadata %llu of %llu ('%.*s')", (unsigned long long)i,
                (unsigned long long)count, EE_STR_ARG(key));
    return status;
  }
  return EERIE_OK;
}

// ---- Tensors -----------------------------------------------------------------------------------

typedef struct tensor {
  ee_str_t name;
  uint32_t type;
  uint32_t rank;
  uint64_t offset;
  uint64_t size;
  int64_t shape[EERIE_TENSOR_RANK_LIMIT];
} tensor_t;

static eerie_status_t read_shape(reader_t *reader, tensor_t *tensor) {
  EE_TRY(take_u32(reader, "rank", &tensor->rank));
  if (tensor->rank > EERIE_TENSOR_RANK_LIMIT) {
    return EE_FAIL(reader->err, EERIE_DATA_LOSS, "rank %u: expected at most %u",
                   (unsigned)tensor->rank, (unsigned)EERIE_TENSOR_RANK_LIMIT);
  }
  for (uint32_t i = tensor->rank; i-- > 0;) {
    uint64_t length = 0;
    EE_TRY(take_u64(reader, "size of a dimension", &length));
    if (length > INT64_MAX) {
      return EE_FAIL(reader->err, EERIE_DATA_LOSS, "a dimension of %llu",
                     (unsigned long long)length);
    }
    tensor->shape[i] = (int64_t)length;
  }
  return EERIE_OK;
}

static eerie_status_t read_tensor(reader_t *reader, tensor_t *tensor) {
  tensor->name = (ee_str_t){"", 0};
  EE_TRY(take_string(reader, "name", &tensor->name));
  EE_TRY(read_shape(reader, tensor));
  EE_TRY(take_u32(reader, "type", &tensor->type));
  EE_TRY(take_u64(reader, "offset", &tensor->offset));
  if (tensor->type >= TYPE_COUNT || tensor_types[tensor->type].block_length == 0) {
    return EE_FAIL(reader->err, EERIE_UNIMPLEMENTED,
                   "type %u is not one of those known, of which the last is %zu",
                   (unsigned)tensor->type, TYPE_COUNT - 1);
  }
  const tensor_type_t *type = &tensor_types[tensor->type];
  if (!ee_params_shape_size(tensor->rank, tensor->shape, type->block_length, type->block_size * 8u,
                            &tensor->size)) {
    return EE_FAIL(reader->err, EERIE_DATA_LOSS,
                   "type %s has blocks of %u elements, which do not fill the rows; or the sizes "
                   "overflow",
                   type->name, (unsigned)type->block_length);
  }
  return EERIE_OK;
}

static eerie_status_t add_tensor(reader_t *reader, const tensor_t *tensor, uint32_t alignment,
                                 size_t data_offset) {
  if (tensor->offset % alignment) {
    return EE_FAIL(reader->err, EERIE_DATA_LOSS, "offset %llu is no multiple of the alignment %u",
                   (unsigned long long)tensor->offset, (unsigned)alignment);
  }
  const size_t available = reader->source->size - data_offset;
  if (!ee_range_ok(tensor->offset, tensor->size, available)) {
    return EE_FAIL(reader->err, EERIE_DATA_LOSS,
                   "%llu bytes at %llu do not lie in the %zu bytes of tensors",
                   (unsigned long long)tensor->size, (unsigned long long)tensor->offset, available);
  }
  const tensor_type_t *type = &tensor_types[tensor->type];
  const ee_params_entry_t entry = {
      .key = tensor->name,
      .size = tensor->size,
      .data = reader->source->data + data_offset + (size_t)tensor->offset,
      .source = reader->source,
      .dtype = type->dtype,
      .type_name = type->name,
      .rank = tensor->rank,
      .shape = tensor->shape,
  };
  return ee_params_append(reader->set, &entry, reader->err);
}

// The descriptions are read twice: only behind the last does one know where the bytes begin.
// `data_offset` 0: they are checked, and no more.
static eerie_status_t read_tensors(reader_t *reader, uint64_t count, uint32_t alignment,
                                   size_t data_offset) {
  for (uint64_t i = 0; i < count; ++i) {
    tensor_t tensor = {.type = 0};
    eerie_status_t status = read_tensor(reader, &tensor);
    if (status == EERIE_OK && data_offset) {
      status = add_tensor(reader, &tensor, alignment, data_offset);
    }
    if (status == EERIE_OK) continue;
    EE_ANNOTATE(reader->err, "tensor %llu of %llu ('%.*s')", (unsigned long long)i,
                (unsigned long long)count, EE_STR_ARG(tensor.name));
    return status;
  }
  return EERIE_OK;
}

// ---- The file ----------------------------------------------------------------------------------

static bool match(ee_bytes_t bytes) {
  return bytes.size >= 4 && ee_load_u32(bytes.data) == MAGIC;
}

static eerie_status_t read(ee_params_set_t *set, ee_params_source_t *source, eerie_error_t *err) {
  reader_t reader = {.set = set, .source = source, .err = err, .at = 4};
  uint32_t version = 0, alignment = DEFAULT_ALIGNMENT;
  uint64_t tensors = 0, pairs = 0;
  EE_TRY(take_u32(&reader, "version", &version));
  if (version != 2 && version != 3) {
    return EE_FAIL(err, EERIE_INCOMPATIBLE, "version %u: this build reads 2 and 3, little-endian",
                   (unsigned)version);
  }
  EE_TRY(take_u64(&reader, "number of tensors", &tensors));
  EE_TRY(take_u64(&reader, "number of metadata pairs", &pairs));
  EE_TRY(read_metadata(&reader, pairs, &alignment));
  const size_t start = reader.at;
  EE_TRY(read_tensors(&reader, tensors, alignment, 0));
  if (tensors == 0) return EERIE_OK;
  size_t data_offset;
  if (!ee_align_size(reader.at, alignment, &data_offset) || data_offset > source->size) {
    return EE_FAIL(err, EERIE_DATA_LOSS,
                   "the descriptions end at %zu; aligned to %u, that is past the end of the file "
                   "(%zu)",
                   reader.at, (unsigned)alignment, source->size);
  }
  reader.at = start;
  return read_tensors(&reader, tensors, alignment, data_offset);
}

const ee_params_format_t ee_params_gguf = {".gguf", match, read};
