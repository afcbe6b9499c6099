// set.c: a set of parameters: what keys there are, and where the bytes of each lie.
//
// Keys are found by binary search, so that no choice of keys makes a set slow. An archive is added
// as a whole or not at all: its entries are appended, then sorted in, or cut off again.
#include "params/params.h"

#include "port/port.h"

// ---- Sources -----------------------------------------------------------------------------------

static void source_destroy(ee_object_t *object) {
  ee_params_source_t *source = (ee_params_source_t *)object;
  if (source->mapped) {
    ee_port_file_unmap((ee_bytes_t){source->data, source->size});
  } else if (source->release) {
    source->release(source->user, source->data, source->size);
  }
  ee_heap_free(source->heap, source, source->allocation_size);
}
static const ee_object_type_t source_type = {"params.source", source_destroy};

static eerie_status_t source_create(ee_heap_t *heap, const char *path, bool writable,
                                    ee_params_source_t **out_source, eerie_error_t *err) {
  const size_t length = ee_str_length(path);
  size_t size;
  if (!ee_add_size(sizeof(ee_params_source_t) + 1, length, &size))
    return EE_NO_MEMORY(err, SIZE_MAX);
  ee_params_source_t *source = ee_heap_allocate_zeroed(heap, size);
  if (!source) return EE_NO_MEMORY(err, size);
  ee_object_initialize(&source->object, &source_type);
  source->heap = heap;
  source->writable = writable;
  source->allocation_size = size;
  if (length) memcpy(source->path, path, length);
  *out_source = source;
  return EERIE_OK;
}

eerie_status_t ee_params_source_open(ee_heap_t *heap, const char *path, bool writable,
                                     ee_params_source_t **out_source, eerie_error_t *err) {
  ee_params_source_t *source = NULL;
  EE_TRY(source_create(heap, path, writable, &source, err));
  ee_bytes_t bytes = {NULL, 0};
  const eerie_status_t status =
      writable ? ee_port_file_map_shared(path, &bytes, err) : ee_port_file_map(path, &bytes, err);
  if (status != EERIE_OK) {
    ee_heap_free(heap, source, source->allocation_size);
    return status;
  }
  source->data = (uint8_t *)(uintptr_t)bytes.data;
  source->size = bytes.size;
  source->mapped = true;
  *out_source = source;
  return EERIE_OK;
}

eerie_status_t ee_params_source_wrap(ee_heap_t *heap, void *data, size_t size, bool writable,
                                     ee_params_source_t **out_source, eerie_error_t *err) {
  EE_TRY(source_create(heap, "", writable, out_source, err));
  (*out_source)->data = data;
  (*out_source)->size = size;
  return EERIE_OK;
}

void ee_params_source_evict(const ee_params_source_t *source, const uint8_t *data, size_t size) {
  if (source->mapped) ee_port_file_evict((ee_bytes_t){data, size});
}

// ---- Sets --------------------------------------------------------------------------------------

static void release_sources(ee_params_set_t *set, const ee_params_holding_t *until) {
  for (; set->sources != until; set->sources = set->sources->next) {
    ee_object_release(&set->sources->source->object);
  }
}

static void free_blocks(ee_params_set_t *set, const ee_params_block_t *until) {
  while (set->blocks != until) {
    ee_params_block_t *block = set->blocks;
    set->blocks = block->next;
    ee_heap_free(set->heap, block, block->capacity);
  }
}

static void set_destroy(ee_object_t *object) {
  ee_params_set_t *set = (ee_params_set_t *)object;
  release_sources(set, NULL);
  free_blocks(set, NULL);
  ee_heap_free(set->heap, set->entries, set->capacity * sizeof *set->entries);
  ee_heap_free(set->heap, set->sorted, set->capacity * sizeof *set->sorted);
  ee_heap_free(set->heap, set, sizeof *set + set->scope.size + 1);
}
static const ee_object_type_t set_type = {"params.set", set_destroy};

eerie_status_t ee_params_set_create(ee_heap_t *heap, ee_str_t scope, ee_params_set_t **out_set,
                                    eerie_error_t *err) {
  size_t size;
  if (!ee_add_size(sizeof(ee_params_set_t) + 1, scope.size, &size))
    return EE_NO_MEMORY(err, SIZE_MAX);
  ee_params_set_t *set = ee_heap_allocate_zeroed(heap, size);
  if (!set) return EE_NO_MEMORY(err, size);
  ee_object_initialize(&set->object, &set_type);
  set->heap = heap;
  char *text = (char *)(set + 1);
  if (scope.size) memcpy(text, scope.data, scope.size);
  set->scope = (ee_str_t){text, scope.size};
  *out_set = set;
  return EERIE_OK;
}

// ---- Memory for keys and shapes ----------------------------------------------------------------

#define BLOCK_SIZE 4096u

void *ee_params_allocate(ee_params_set_t *set, size_t size) {
  if (!ee_align_size(size, sizeof(int64_t), &size)) return NULL;
  ee_params_block_t *block = set->blocks;
  if (!block || block->capacity - block->used < size) {
    size_t capacity;
    if (!ee_add_size(size, sizeof *block, &capacity)) return NULL;
    if (capacity < BLOCK_SIZE) capacity = BLOCK_SIZE;
    block = ee_heap_allocate(set->heap, capacity);
    if (!block) return NULL;
    *block = (ee_params_block_t){.next = set->blocks, .capacity = capacity, .used = sizeof *block};
    set->blocks = block;
  }
  void *memory = (uint8_t *)block + block->used;
  block->used += size;
  return memory;
}

eerie_status_t ee_params_set_hold(ee_params_set_t *set, ee_params_source_t *source,
                                  eerie_error_t *err) {
  if (set->sources && set->sources->source == source) return EERIE_OK;
  ee_params_holding_t *holding = ee_params_allocate(set, sizeof *holding);
  if (!holding) return EE_NO_MEMORY(err, sizeof *holding);
  ee_object_retain(&source->object);
  *holding = (ee_params_holding_t){set->sources, source};
  set->sources = holding;
  return EERIE_OK;
}

// Both arrays grow together, or one of them is larger than `capacity` says, which no harm comes of
// but that the sizes given to the heap must be right: so the first is put back.
static eerie_status_t grow(ee_params_set_t *set, eerie_error_t *err) {
  if (set->count < set->capacity) return EERIE_OK;
  const size_t old = set->capacity, capacity = old ? old * 2 : 16;
  size_t entries_size, sorted_size;
  if (capacity > UINT32_MAX || !ee_mul_size(capacity, sizeof *set->entries, &entries_size) ||
      !ee_mul_size(capacity, sizeof *set->sorted, &sorted_size)) {
    return EE_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "more than %zu parameters", old);
  }
  uint32_t *sorted = ee_heap_allocate(set->heap, sorted_size);
  ee_params_entry_t *entries =
      sorted ? ee_heap_resize(set->heap, set->entries, old * sizeof *entries, entries_size) : NULL;
  if (!entries) {
    ee_heap_free(set->heap, sorted, sorted_size);
    return EE_NO_MEMORY(err, entries_size);
  }
  if (old) memcpy(sorted, set->sorted, old * sizeof *sorted);
  ee_heap_free(set->heap, set->sorted, old * sizeof *sorted);
  set->entries = entries;
  set->sorted = sorted;
  set->capacity = capacity;
  return EERIE_OK;
}

eerie_status_t ee_params_append(ee_params_set_t *set, const ee_params_entry_t *entry,
                                eerie_error_t *err) {
  for (size_t i = 0; i < entry->key.size; ++i) {
    if (entry->key.data[i]) continue;
    return EE_FAIL(err, EERIE_DATA_LOSS, "key '%.*s' has a NUL at byte %zu of %zu",
                   EE_STR_ARG(((ee_str_t){entry->key.data, i})), i, entry->key.size);
  }
  EE_TRY(grow(set, err));
  const bool has_shape = entry->rank != EE_PARAMS_NO_RANK;
  const size_t shape_size = has_shape ? entry->rank * sizeof(int64_t) : 0;
  size_t size;
  if (!ee_add_size(entry->key.size, shape_size + 1, &size)) return EE_NO_MEMORY(err, SIZE_MAX);
  int64_t *shape = ee_params_allocate(set, size);
  if (!shape) return EE_NO_MEMORY(err, size);
  char *key = (char *)shape + shape_size;
  if (shape_size) memcpy(shape, entry->shape, shape_size);
  if (entry->key.size) memcpy(key, entry->key.data, entry->key.size);
  key[entry->key.size] = 0;
  ee_params_entry_t *copy = &set->entries[set->count];
  *copy = *entry;
  copy->key.data = key;
  copy->shape = has_shape ? shape : NULL;
  if (!copy->type_name) copy->type_name = "";
  ++set->count;
  return EERIE_OK;
}

// ---- Order -------------------------------------------------------------------------------------

// `sorted` is two runs, each in the order of keys: the first `merged` entries, and the few that
// came one by one since; so adding one by one does not move all that is there each time.
#define RUN_LIMIT 512u

static void sift_down(uint32_t *items, size_t at, size_t count,
                      bool (*comes_before)(const void *, uint32_t, uint32_t), const void *context) {
  for (size_t child; (child = 2 * at + 1) < count; at = child) {
    if (child + 1 < count && comes_before(context, items[child], items[child + 1])) ++child;
    if (!comes_before(context, items[at], items[child])) return;
    const uint32_t item = items[at];
    items[at] = items[child];
    items[child] = item;
  }
}

void ee_params_sort(uint32_t *items, size_t count,
                    bool (*comes_before)(const void *context, uint32_t a, uint32_t b),
                    const void *context) {
  for (size_t i = count / 2; i-- > 0;) {
    sift_down(items, i, count, comes_before, context);
  }
  for (size_t last = count; last-- > 1;) {
    const uint32_t item = items[0];
    items[0] = items[last];
    items[last] = item;
    sift_down(items, 0, last, comes_before, context);
  }
}

static int compare_keys(ee_str_t a, ee_str_t b) {
  const size_t common = a.size < b.size ? a.size : b.size;
  const int order = common ? memcmp(a.data, b.data, common) : 0;
  return order ? order : (a.size > b.size) - (a.size < b.size);
}

static bool key_before(const void *context, uint32_t a, uint32_t b) {
  const ee_params_set_t *set = context;
  return compare_keys(set->entries[a].key, set->entries[b].key) < 0;
}

// Where between `begin` and `end` of `sorted` a key is, or belongs.
static size_t lower_bound(const ee_params_set_t *set, size_t begin, size_t end, ee_str_t key) {
  while (begin < end) {
    const size_t middle = begin + (end - begin) / 2;
    if (compare_keys(set->entries[set->sorted[middle]].key, key) < 0) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

static const ee_params_entry_t *find_between(const ee_params_set_t *set, size_t begin, size_t end,
                                             ee_str_t key) {
  const size_t at = lower_bound(set, begin, end, key);
  const ee_params_entry_t *entry = at < end ? &set->entries[set->sorted[at]] : NULL;
  return entry && ee_str_equal(entry->key, key) ? entry : NULL;
}

const ee_params_entry_t *ee_params_set_find(const ee_params_set_t *set, ee_str_t key) {
  const ee_params_entry_t *entry = find_between(set, 0, set->merged, key);
  return entry ? entry : find_between(set, set->merged, set->count, key);
}

// Merges the second run, of RUN_LIMIT entries at most, into the first.
static void merge(ee_params_set_t *set, size_t end) {
  uint32_t run[RUN_LIMIT];
  size_t first = set->merged, second = end - first, at = end;
  memcpy(run, set->sorted + first, second * sizeof *run);
  while (second > 0) {
    const bool from_first = first > 0 && key_before(set, run[second - 1], set->sorted[first - 1]);
    set->sorted[--at] = from_first ? set->sorted[--first] : run[--second];
  }
  set->merged = end;
}

// ---- Adding ------------------------------------------------------------------------------------

// What the set held before something was added.
typedef struct mark {
  size_t count;
  ee_params_holding_t *sources;
  ee_params_block_t *blocks;
  size_t used; // of the newest block
} mark_t;

static mark_t mark_of(const ee_params_set_t *set) {
  return (mark_t){set->count, set->sources, set->blocks, set->blocks ? set->blocks->used : 0};
}

static void cut(ee_params_set_t *set, const mark_t *mark) {
  size_t kept = 0;
  for (size_t i = 0; i < set->count; ++i) {
    if (set->sorted[i] < mark->count) set->sorted[kept++] = set->sorted[i];
  }
  set->count = mark->count;
  if (set->merged > kept) set->merged = kept;
  release_sources(set, mark->sources);
  free_blocks(set, mark->blocks);
  if (set->blocks) set->blocks->used = mark->used;
}

static eerie_status_t is_there(ee_str_t key, eerie_error_t *err) {
  (void)key; // unused in builds without texts
  return EE_FAIL(err, EERIE_ALREADY_EXISTS, "key '%.*s' is there twice", EE_STR_ARG(key));
}

// Puts entry `index`, the last one, into the second run.
static eerie_status_t insert(ee_params_set_t *set, size_t index, eerie_error_t *err) {
  const ee_str_t key = set->entries[index].key;
  set->sorted[index] = (uint32_t)index;
  if (find_between(set, 0, set->merged, key) || find_between(set, set->merged, index, key)) {
    return is_there(key, err);
  }
  if (index - set->merged == RUN_LIMIT) merge(set, index);
  const size_t at = lower_bound(set, set->merged, index, key);
  memmove(&set->sorted[at + 1], &set->sorted[at], (index - at) * sizeof *set->sorted);
  set->sorted[at] = (uint32_t)index;
  return EERIE_OK;
}

// Sorts in what was appended after `mark`.
static eerie_status_t sort_in(ee_params_set_t *set, const mark_t *mark, eerie_error_t *err) {
  const size_t old = mark->count, added = set->count - old;
  if (added == 1) return insert(set, old, err);
  for (size_t i = old; i < set->count; ++i) {
    set->sorted[i] = (uint32_t)i;
  }
  if (added == 0) return EERIE_OK;
  ee_params_sort(set->sorted, set->count, key_before, set);
  set->merged = set->count;
  for (size_t i = 1; i < set->count; ++i) {
    const ee_str_t key = set->entries[set->sorted[i]].key;
    if (ee_str_equal(set->entries[set->sorted[i - 1]].key, key)) return is_there(key, err);
  }
  return EERIE_OK;
}

// Fills the part of `sorted` that sort_in has not reached, for cut.
static void number_new(ee_params_set_t *set, const mark_t *mark) {
  for (size_t i = mark->count; i < set->count; ++i) {
    set->sorted[i] = (uint32_t)i;
  }
}

static const ee_params_format_t *format_of(ee_bytes_t bytes) {
  for (const ee_params_format_t *const *format = ee_params_formats; *format; ++format) {
    if ((*format)->match(bytes)) return *format;
  }
  return NULL;
}

eerie_status_t ee_params_set_add_archive(ee_params_set_t *set, ee_params_source_t *source,
                                         eerie_error_t *err) {
  const ee_params_format_t *format = format_of((ee_bytes_t){source->data, source->size});
  if (!format) {
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                   "no archive of parameters: %zu bytes that begin as none of the formats .irpa, "
                   ".gguf and .safetensors do",
                   source->size);
  }
  const mark_t mark = mark_of(set);
  eerie_status_t status = format->read(set, source, err);
  if (status != EERIE_OK) {
    EE_ANNOTATE(err, "%s", format->name);
    number_new(set, &mark);
  } else {
    status = sort_in(set, &mark, err);
  }
  if (status == EERIE_OK) status = ee_params_set_hold(set, source, err);
  if (status != EERIE_OK) cut(set, &mark);
  return status;
}

eerie_status_t ee_params_set_add(ee_params_set_t *set, const ee_params_entry_t *entry,
                                 eerie_error_t *err) {
  const mark_t mark = mark_of(set);
  EE_TRY(ee_params_append(set, entry, err));
  eerie_status_t status = sort_in(set, &mark, err);
  if (status == EERIE_OK && entry->source) status = ee_params_set_hold(set, entry->source, err);
  if (status != EERIE_OK) cut(set, &mark);
  return status;
}

// ---- Small things ------------------------------------------------------------------------------

void ee_params_fill(const ee_params_entry_t *entry, uint64_t offset, uint8_t *target, size_t size) {
  // Pattern sizes are powers of two.
  const size_t mask = (size_t)entry->pattern_size - 1;
  const size_t start = (size_t)offset & mask;
  for (size_t i = 0; i < size; ++i) {
    target[i] = entry->pattern[(start + i) & mask];
  }
}

bool ee_params_shape_size(size_t rank, const int64_t *shape, uint32_t block_length,
                          uint32_t block_bits, uint64_t *out_size) {
  uint64_t count = 1, bits;
  bool empty = false;
  for (size_t i = 0; i < rank; ++i) {
    if (shape[i] < 0) return false;
    empty |= shape[i] == 0;
  }
  for (size_t i = 0; i < rank && !empty; ++i) {
    if (!ee_mul_u64(count, (uint64_t)shape[i], &count)) return false;
  }
  const uint64_t row = rank ? (uint64_t)shape[rank - 1] : 1;
  if (row % block_length) return false;
  if (empty) count = 0;
  if (!ee_mul_u64(count / block_length, block_bits, &bits) || bits % 8) return false;
  *out_size = bits / 8;
  return true;
}
