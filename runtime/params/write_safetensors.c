// write_safetensors.c: a set as .safetensors; the format stands in safetensors.c.
//
// The format has no holes, so alignment comes from the order: tensors whose size is a multiple of
// 64 come first, then those of 16, 8, 4 and 2. The header is padded so that the bytes begin at a
// multiple of 64: those of the first group can be used in place.
#include "params/json.h"
#include "params/params.h"

#define ALIGNMENT    64u
#define HEADER_LIMIT 100000000u // what the format allows

static const uint32_t groups[] = {64, 16, 8, 4, 2, 1};
#define GROUP_COUNT (sizeof groups / sizeof groups[0])

static size_t group_of(uint64_t size) {
  size_t group = 0;
  while (size % groups[group])
    ++group;
  return group;
}

// The header's text goes through here twice: to be counted, and to be written.
typedef struct sink {
  ee_params_output_t *output; // NULL: count
  uint64_t size;
  eerie_status_t status;
} sink_t;

static void put(sink_t *sink, const char *text, size_t size) {
  sink->size += size;
  if (sink->output && sink->status == EERIE_OK) {
    sink->status = ee_params_write(sink->output, text, size);
  }
}

static void put_text(sink_t *sink, const char *text) {
  put(sink, text, ee_str_length(text));
}

static void put_number(sink_t *sink, uint64_t value) {
  char digits[20];
  size_t at = sizeof digits;
  do {
    digits[--at] = (char)('0' + value % 10);
    value /= 10;
  } while (value);
  put(sink, digits + at, sizeof digits - at);
}

static void put_string(sink_t *sink, ee_str_t text) {
  static const char digits[] = "0123456789abcdef";
  put(sink, "\"", 1);
  for (size_t i = 0; i < text.size; ++i) {
    const char c = text.data[i];
    if (c == '"' || c == '\\') {
      const char escape[2] = {'\\', c};
      put(sink, escape, sizeof escape);
    } else if ((uint8_t)c < 0x20) {
      const char escape[6] = {'\\', 'u', '0', '0', digits[(c >> 4) & 1], digits[c & 15]};
      put(sink, escape, sizeof escape);
    } else {
      put(sink, &c, 1);
    }
  }
  put(sink, "\"", 1);
}

// What the format can say of a parameter: its dtype and shape, or that it is so many bytes.
static const char *type_of(const ee_params_entry_t *entry) {
  uint64_t size = 0;
  const char *name = ee_params_safetensors_name(entry->dtype);
  if (!name || entry->rank == EE_PARAMS_NO_RANK) return NULL;
  const bool fits = ee_params_shape_size(entry->rank, entry->shape, 1, entry->dtype & 0xFF, &size);
  return fits && size == entry->size ? name : NULL;
}

static void put_tensor(sink_t *sink, const ee_params_entry_t *entry, uint64_t begin) {
  const char *type = type_of(entry);
  put_string(sink, entry->key);
  put_text(sink, ":{\"dtype\":\"");
  put_text(sink, type ? type : "U8");
  put_text(sink, "\",\"shape\":[");
  if (!type) put_number(sink, entry->size);
  for (size_t i = 0; type && i < entry->rank; ++i) {
    if (i) put(sink, ",", 1);
    put_number(sink, (uint64_t)entry->shape[i]);
  }
  put_text(sink, "],\"data_offsets\":[");
  put_number(sink, begin);
  put(sink, ",", 1);
  put_number(sink, begin + entry->size);
  put_text(sink, "]}");
}

static void put_header(sink_t *sink, const ee_params_set_t *set) {
  uint64_t at = 0;
  bool first = true;
  put(sink, "{", 1);
  for (size_t group = 0; group < GROUP_COUNT; ++group) {
    for (size_t i = 0; i < set->count; ++i) {
      const ee_params_entry_t *entry = &set->entries[i];
      if (group_of(entry->size) != group) continue;
      if (!first) put(sink, ",", 1);
      first = false;
      put_tensor(sink, entry, at);
      at += entry->size;
    }
  }
  put(sink, "}", 1);
}

static bool is_utf8(ee_str_t text) {
  for (size_t i = 0; i < text.size;) {
    const size_t length = ee_json_utf8_length(text.data + i, text.size - i);
    if (!length) return false;
    i += length;
  }
  return true;
}

// A key of any bytes can be in a set; the format takes UTF-8, and one name is its own.
static eerie_status_t check_keys(const ee_params_set_t *set, uint64_t *out_size,
                                 eerie_error_t *err) {
  *out_size = 0;
  for (size_t i = 0; i < set->count; ++i) {
    const ee_params_entry_t *entry = &set->entries[i];
    if (ee_str_equal(entry->key, EE_STR("__metadata__"))) {
      return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "key '%.*s' means something else in .safetensors",
                     EE_STR_ARG(entry->key));
    }
    if (!is_utf8(entry->key)) {
      return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                     "key '%.*s' is no UTF-8, which .safetensors demands", EE_STR_ARG(entry->key));
    }
    if (ee_add_u64(*out_size, entry->size, out_size)) continue;
    return EE_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "an archive of more than 2^64 bytes");
  }
  return EERIE_OK;
}

eerie_status_t ee_params_write_safetensors(const ee_params_set_t *set, ee_params_output_t *output) {
  uint64_t data_size = 0;
  EE_TRY(check_keys(set, &data_size, output->err));
  sink_t counter = {.status = EERIE_OK};
  put_header(&counter, set);
  const uint64_t start = (8 + counter.size + ALIGNMENT - 1) & ~(uint64_t)(ALIGNMENT - 1);
  const uint64_t header_size = start - 8;
  if (header_size > HEADER_LIMIT) {
    return EE_FAIL(output->err, EERIE_RESOURCE_EXHAUSTED,
                   "a header of %llu bytes: .safetensors allows %u",
                   (unsigned long long)header_size, HEADER_LIMIT);
  }
  if (!ee_add_u64(start, data_size, &output->total)) output->total = UINT64_MAX;
  EE_TRY(ee_params_write(output, &header_size, sizeof header_size));
  sink_t writer = {.output = output};
  put_header(&writer, set);
  EE_TRY(writer.status);
  while (output->done < start) {
    EE_TRY(ee_params_write(output, " ", 1));
  }
  for (size_t group = 0; group < GROUP_COUNT; ++group) {
    for (size_t i = 0; i < set->count; ++i) {
      if (group_of(set->entries[i].size) != group) continue;
      EE_TRY(ee_params_write_entry(output, &set->entries[i]));
    }
  }
  return EERIE_OK;
}
