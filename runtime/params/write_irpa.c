// write_irpa.c: a set as one of IREE's parameter archives; the format stands in irpa.c.
//
// Header, entries, names, bytes: the bytes of each parameter at a multiple of 64, where kernels can
// use them in place. Splats stay splats.
#include "params/params.h"

#define HEADER_SIZE 96u // 88, and zeros up to the entries, which begin at a multiple of 16
#define SPLAT_SIZE  85u
#define DATA_SIZE   76u
#define ENTRY_LIMIT 96u // the larger one, to a multiple of 16
#define ALIGNMENT   64u

enum { ENTRY_SPLAT = 1, ENTRY_DATA = 2 };

// Where the parts begin, and the end of the last.
typedef struct layout {
  uint64_t names;
  uint64_t names_size;
  uint64_t storage;
  uint64_t end;
} layout_t;

static void store_u32(uint8_t *p, uint32_t value) {
  memcpy(p, &value, sizeof value);
}

static void store_u64(uint8_t *p, uint64_t value) {
  memcpy(p, &value, sizeof value);
}

static size_t entry_size(const ee_params_entry_t *entry) {
  return entry->data || entry->size == 0 ? DATA_SIZE : SPLAT_SIZE;
}

static size_t padded(size_t size) {
  return (size + 15) & ~(size_t)15;
}

// Moves `at` behind the bytes of an entry; false on overflow.
static bool place(const ee_params_entry_t *entry, uint64_t *at, uint64_t *out_offset) {
  uint64_t start;
  if (entry_size(entry) == SPLAT_SIZE) return true;
  if (!ee_add_u64(*at, ALIGNMENT - 1, &start)) return false;
  start &= ~(uint64_t)(ALIGNMENT - 1);
  *out_offset = start;
  return ee_add_u64(start, entry->size, at);
}

static bool lay_out(const ee_params_set_t *set, layout_t *layout) {
  uint64_t at = HEADER_SIZE, unused;
  for (size_t i = 0; i < set->count; ++i) {
    at += padded(entry_size(&set->entries[i])); // the entries are in memory: no overflow
  }
  layout->names = at;
  for (size_t i = 0; i < set->count; ++i) {
    at += set->entries[i].key.size;
  }
  layout->names_size = at - layout->names;
  at = (at + ALIGNMENT - 1) & ~(uint64_t)(ALIGNMENT - 1);
  layout->storage = at;
  for (size_t i = 0; i < set->count; ++i) {
    if (!place(&set->entries[i], &at, &unused)) return false;
  }
  layout->end = at;
  return true;
}

static eerie_status_t write_header(const ee_params_set_t *set, const layout_t *layout,
                                   ee_params_output_t *output) {
  uint8_t header[HEADER_SIZE] = {'I', 'R', 'P', 'A'};
  store_u64(header + 8, 88);
  store_u64(header + 32, set->count);
  store_u64(header + 40, HEADER_SIZE);
  store_u64(header + 48, layout->names - HEADER_SIZE);
  store_u64(header + 56, layout->names);
  store_u64(header + 64, layout->names_size);
  store_u64(header + 72, layout->storage);
  store_u64(header + 80, layout->end - layout->storage);
  return ee_params_write(output, header, sizeof header);
}

static eerie_status_t write_entries(const ee_params_set_t *set, const layout_t *layout,
                                    ee_params_output_t *output) {
  uint64_t name = 0, at = layout->storage, offset = layout->storage;
  for (size_t i = 0; i < set->count; ++i) {
    const ee_params_entry_t *entry = &set->entries[i];
    uint8_t bytes[ENTRY_LIMIT] = {0};
    const size_t size = entry_size(entry);
    store_u64(bytes, size);
    store_u64(bytes + 20, name);
    store_u64(bytes + 28, entry->key.size);
    name += entry->key.size;
    if (size == SPLAT_SIZE) {
      store_u32(bytes + 8, ENTRY_SPLAT);
      store_u64(bytes + 60, entry->size);
      memcpy(bytes + 68, entry->pattern, entry->pattern_size);
      bytes[84] = entry->pattern_size;
    } else {
      (void)place(entry, &at, &offset); // cannot fail: lay_out has done the same
      store_u32(bytes + 8, ENTRY_DATA);
      store_u64(bytes + 52, ALIGNMENT);
      store_u64(bytes + 60, offset - layout->storage);
      store_u64(bytes + 68, entry->size);
    }
    EE_TRY(ee_params_write(output, bytes, padded(size)));
  }
  return EERIE_OK;
}

eerie_status_t ee_params_write_irpa(const ee_params_set_t *set, ee_params_output_t *output) {
  layout_t layout;
  if (!lay_out(set, &layout)) {
    return EE_FAIL(output->err, EERIE_RESOURCE_EXHAUSTED, "an archive of more than 2^64 bytes");
  }
  output->total = layout.end;
  EE_TRY(write_header(set, &layout, output));
  EE_TRY(write_entries(set, &layout, output));
  for (size_t i = 0; i < set->count; ++i) {
    EE_TRY(ee_params_write(output, set->entries[i].key.data, set->entries[i].key.size));
  }
  uint64_t at = layout.storage, offset = at;
  EE_TRY(ee_params_write_to(output, at));
  for (size_t i = 0; i < set->count; ++i) {
    const ee_params_entry_t *entry = &set->entries[i];
    if (entry_size(entry) == SPLAT_SIZE) continue;
    (void)place(entry, &at, &offset);
    EE_TRY(ee_params_write_to(output, offset));
    EE_TRY(ee_params_write_entry(output, entry));
  }
  return EERIE_OK;
}
