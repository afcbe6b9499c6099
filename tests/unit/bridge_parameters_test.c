// The `io_parameters` module: what load, gather and scatter move, when, and what they refuse.
#include <stdio.h>
#include <unistd.h>

#include "params/params.h"
#include "unit/bridge_support.h"

#define CONSTANT EE_HAL_USAGE_SHARING_IMMUTABLE

// Weights as an archive would give them: 64 bytes in place, 64 that are not aligned, a splat.
static _Alignas(64) uint8_t stored[192];

typedef struct world {
  bridge_t b;
  ee_params_set_t *sets[3];
  ee_vm_buffer_t *scope, *keys, *key_data, *spans;
  ee_hal_fence_t *wait, *signal;
} world_t;

static void add(world_t *w, ee_params_set_t *set, const char *key, uint8_t *data, size_t size,
                bool writable) {
  ee_params_entry_t entry = {
      .key = ee_str_from(key), .size = size, .data = data, .rank = EE_PARAMS_NO_RANK};
  CHECK_OK(ee_params_source_wrap(&w->b.f.heap, data, size, writable, &entry.source, &w->b.err));
  CHECK_OK(ee_params_set_add(set, &entry, &w->b.err));
  ee_object_release(&entry.source->object);
}

static void add_splat(world_t *w, ee_params_set_t *set, const char *key, uint64_t size,
                      const char *pattern, uint8_t pattern_size) {
  ee_params_entry_t entry = {.key = ee_str_from(key),
                             .size = size,
                             .pattern_size = pattern_size,
                             .rank = EE_PARAMS_NO_RANK};
  memcpy(entry.pattern, pattern, pattern_size);
  CHECK_OK(ee_params_set_add(set, &entry, &w->b.err));
}

static void open_world(world_t *w) {
  memset(w, 0, sizeof *w);
  fixture_open(&w->b.f);
  w->b.module = &ee_bridge_parameters_module;
  for (size_t i = 0; i < sizeof stored; ++i)
    stored[i] = (uint8_t)i;
  static const char *const scopes[] = {"model", "model", ""};
  for (size_t i = 0; i < 3; ++i)
    CHECK_OK(ee_params_set_create(&w->b.f.heap, ee_str_from(scopes[i]), &w->sets[i], &w->b.err));
  add(w, w->sets[0], "aligned", stored, 64, false);
  add(w, w->sets[0], "odd", stored + 65, 64, false);
  add(w, w->sets[1], "aligned", stored + 128, 32, false); // the first set that has the key answers
  add(w, w->sets[1], "second", stored + 128, 32, true);
  add_splat(w, w->sets[2], "splat", 48, "0123456789abcdef", 16);
  const ee_bridge_hal_options_t options = {
      .devices = &w->b.f.device, .device_count = 1, .parameters = w->sets, .parameter_count = 3};
  CHECK_OK(
      w->b.module->create_state((void *)(uintptr_t)&options, &w->b.f.heap, &w->b.state, &w->b.err));
  const ee_vm_program_options_t program = {.step_limit = 0};
  CHECK_OK(ee_vm_program_create(&w->b.f.heap, &program, &w->b.program, &w->b.err));
}

static void drop_request(world_t *w) {
  drop(w->scope), drop(w->keys), drop(w->key_data), drop(w->spans);
  drop(w->wait), drop(w->signal);
  w->scope = w->keys = w->key_data = w->spans = NULL;
  w->wait = w->signal = NULL;
}

static void close_world(world_t *w) {
  drop_request(w);
  for (size_t i = 0; i < 3; ++i)
    ee_object_release(&w->sets[i]->object);
  bridge_close(&w->b);
}

typedef struct span {
  const char *key;
  uint64_t parameter_offset, buffer_offset, size;
} span_t;

// Lays a request out as modules do. `scope` NULL: none.
static void make_request(world_t *w, const char *scope, const span_t *spans, size_t count) {
  static uint32_t keys[2 * 16];
  static uint64_t numbers[3 * 16];
  static char text[256];
  size_t used = 0;
  drop_request(w);
  for (size_t i = 0; i < count; ++i) {
    const size_t length = strlen(spans[i].key);
    keys[2 * i] = (uint32_t)used;
    keys[2 * i + 1] = (uint32_t)length;
    memcpy(text + used, spans[i].key, length);
    used += length;
    numbers[3 * i] = spans[i].parameter_offset;
    numbers[3 * i + 1] = spans[i].buffer_offset;
    numbers[3 * i + 2] = spans[i].size;
  }
  w->scope = scope ? make_text(&w->b, scope) : NULL;
  w->keys = make_bytes(&w->b, keys, count * 8, false);
  w->key_data = make_bytes(&w->b, text, used, false);
  w->spans = make_bytes(&w->b, numbers, count * 24, false);
}

static eerie_status_t load(world_t *w, uint32_t usage) {
  const ee_vm_value_t a[] = {
      of_ref(w->b.f.device), of_i64(-1),          of_ref(w->wait), of_ref(w->signal),
      of_ref(w->scope),      of_i64(-1),          of_i32(48),      of_i32((int32_t)usage),
      of_ref(w->keys),       of_ref(w->key_data), of_ref(w->spans)};
  return bridge_call_as(&w->b, "load", "0rIrrrIiirrr_r", a);
}

static eerie_status_t gather(world_t *w, ee_hal_buffer_t *target) {
  const ee_vm_value_t a[] = {of_ref(w->b.f.device), of_i64(-1),          of_ref(w->wait),
                             of_ref(w->signal),     of_ref(w->scope),    of_ref(target),
                             of_ref(w->keys),       of_ref(w->key_data), of_ref(w->spans)};
  return bridge_call_as(&w->b, "gather", "0rIrrrrrrr_v", a);
}

static eerie_status_t scatter(world_t *w, ee_hal_buffer_t *source) {
  const ee_vm_value_t a[] = {of_ref(w->b.f.device), of_i64(-1),          of_ref(w->wait),
                             of_ref(w->signal),     of_ref(source),      of_ref(w->scope),
                             of_ref(w->keys),       of_ref(w->key_data), of_ref(w->spans)};
  return bridge_call_as(&w->b, "scatter", "0rIrrrrrrr_v", a);
}

// Buffer `index` of the list that load gave; borrowed.
static ee_hal_buffer_t *loaded(const world_t *w, size_t index) {
  ee_vm_list_t *list = ee_vm_list_cast(w->b.results[0].ref);
  ee_vm_value_t value = {.ref = NULL};
  CHECK_OK(ee_vm_list_get(list, index, EE_VM_VALUE_REF, &value, NULL));
  return ee_hal_buffer_cast(value.ref);
}

static void loads_in_place_or_copies(void) {
  world_t w;
  open_world(&w);
  const span_t spans[] = {{"aligned", 0, 0, 64},
                          {"odd", 0, 0, 64},
                          {"aligned", 4, 0, 60},
                          {"second", 0, 0, 32},
                          {"aligned", 64, 0, 0}};
  make_request(&w, "model", spans, 5);
  CHECK_OK(ee_hal_fence_create_pooled(w.b.f.device, &w.signal, NULL));
  CHECK_OK(load(&w, CONSTANT));
  CHECK_OK(ee_hal_fence_query(w.signal, NULL));
  CHECK(loaded(&w, 0)->data == stored);
  CHECK_EQ_INT(loaded(&w, 0)->access, EE_HAL_ACCESS_READ);
  CHECK_EQ_INT(loaded(&w, 0)->size, 64);
  CHECK(loaded(&w, 1)->data != stored + 65);
  CHECK_EQ_INT((uintptr_t)loaded(&w, 1)->data % 64, 0);
  CHECK_BYTES(loaded(&w, 1)->data, stored + 65, 64);
  CHECK_BYTES(loaded(&w, 2)->data, stored + 4, 60);
  CHECK(loaded(&w, 3)->data != stored + 128); // open for writing
  CHECK_BYTES(loaded(&w, 3)->data, stored + 128, 32);
  CHECK_EQ_INT(loaded(&w, 4)->size, 0);
  drop(w.b.results[0].ref);
  // What the module may write is its own.
  make_request(&w, "model", spans, 1);
  CHECK_OK(load(&w, 0));
  CHECK(loaded(&w, 0)->data != stored);
  CHECK_EQ_INT(loaded(&w, 0)->access, EE_HAL_ACCESS_ALL);
  CHECK_BYTES(loaded(&w, 0)->data, stored, 64);
  drop(w.b.results[0].ref);
  make_request(&w, "model", spans, 0);
  CHECK_OK(load(&w, 0));
  CHECK_EQ_INT(ee_vm_list_cast(w.b.results[0].ref)->count, 0);
  drop(w.b.results[0].ref);
  close_world(&w);
}

static void buffers_outlive_their_set(void) {
  world_t w;
  open_world(&w);
  const span_t span = {"aligned", 0, 0, 64};
  make_request(&w, "model", &span, 1);
  CHECK_OK(load(&w, CONSTANT));
  ee_object_t *list = w.b.results[0].ref;
  ee_hal_buffer_t *buffer = loaded(&w, 0);
  ee_hal_buffer_retain(buffer);
  drop(list);
  const ee_params_holding_t *holding = w.sets[0]->sources;
  while (holding->source->data != stored)
    holding = holding->next;
  ee_params_source_t *source = holding->source;
  CHECK(!ee_object_is_unique(&source->object));
  ee_hal_buffer_release(buffer);
  CHECK(ee_object_is_unique(&source->object));
  close_world(&w);
}

static void fills_splats(void) {
  world_t w;
  open_world(&w);
  const span_t spans[] = {{"splat", 0, 0, 48}, {"splat", 3, 0, 20}};
  make_request(&w, NULL, spans, 2);
  CHECK_OK(load(&w, CONSTANT));
  CHECK_BYTES(loaded(&w, 0)->data, "0123456789abcdef0123456789abcdef0123456789abcdef", 48);
  CHECK_BYTES(loaded(&w, 1)->data, "3456789abcdef0123456", 20);
  drop(w.b.results[0].ref);
  close_world(&w);
}

static void gathers_pieces(void) {
  world_t w;
  open_world(&w);
  ee_hal_buffer_t *target = make_buffer(&w.b.f, 100);
  const span_t spans[] = {{"odd", 10, 70, 20}, {"aligned", 0, 1, 64}, {"aligned", 0, 100, 0}};
  make_request(&w, "model", spans, 3);
  CHECK_OK(gather(&w, target));
  CHECK_BYTES(target->data + 70, stored + 75, 20);
  CHECK_BYTES(target->data + 1, stored, 64);
  CHECK_EQ_INT(target->data[0] | target->data[65] | target->data[69] | target->data[90], 0);
  const span_t splat = {"splat", 1, 93, 7};
  make_request(&w, NULL, &splat, 1);
  CHECK_OK(gather(&w, target));
  CHECK_BYTES(target->data + 93, "1234567", 7);
  ee_hal_buffer_release(target);
  close_world(&w);
}

static void scatters_where_it_may(void) {
  world_t w;
  open_world(&w);
  ee_hal_buffer_t *source = make_buffer(&w.b.f, 32);
  memset(source->data, 0xAB, 32);
  const span_t span = {"second", 2, 1, 30}, refused = {"aligned", 0, 0, 32};
  make_request(&w, "model", &span, 1);
  CHECK_OK(scatter(&w, source));
  CHECK_EQ_INT(stored[129], 129);
  CHECK_EQ_INT(stored[130], 0xAB);
  CHECK_EQ_INT(stored[159], 0xAB);
  CHECK_EQ_INT(stored[160], 160);
  make_request(&w, "model", &refused, 1);
  CHECK_STATUS(scatter(&w, source), EERIE_PERMISSION_DENIED);
  CHECK_STR(w.b.err.message, "parameter 'model::aligned' of 64 bytes cannot be written: it is not "
                             "opened for writing");
  CHECK_EQ_INT(stored[0], 0);
  const span_t splat = {"splat", 0, 0, 32};
  make_request(&w, NULL, &splat, 1);
  CHECK_STATUS(scatter(&w, source), EERIE_PERMISSION_DENIED);
  CHECK_CONTAINS(w.b.err.message, "parameter 'splat' of 48 bytes cannot be written: it is a splat");
  ee_hal_buffer_release(source);
  close_world(&w);
}

// Nothing is moved before its time, and what waits keeps all that it needs.
static void waits_for_its_fence(void) {
  world_t w;
  open_world(&w);
  const span_t spans[] = {{"odd", 0, 0, 64}, {"second", 0, 0, 32}};
  make_request(&w, "model", spans, 2);
  CHECK_OK(ee_hal_fence_create_pooled(w.b.f.device, &w.wait, NULL));
  CHECK_OK(ee_hal_fence_create_pooled(w.b.f.device, &w.signal, NULL));
  CHECK_OK(load(&w, CONSTANT));
  ee_hal_buffer_t *buffer = loaded(&w, 0);
  ee_hal_buffer_retain(buffer);
  drop(w.b.results[0].ref);
  memset(buffer->data, 0, 64);
  CHECK_STATUS(ee_hal_fence_query(w.signal, NULL), EERIE_DEFERRED);
  ee_hal_fence_signal(w.wait, EERIE_OK, NULL);
  CHECK_OK(ee_hal_fence_query(w.signal, NULL));
  CHECK_BYTES(buffer->data, stored + 65, 64);
  // The same where nobody holds the buffer and the fences any more.
  make_request(&w, "model", spans, 2);
  CHECK_OK(ee_hal_fence_create_pooled(w.b.f.device, &w.wait, NULL));
  CHECK_OK(ee_hal_fence_create_pooled(w.b.f.device, &w.signal, NULL));
  CHECK_OK(gather(&w, buffer));
  ee_hal_buffer_release(buffer);
  drop(w.signal);
  w.signal = NULL;
  ee_hal_fence_signal(w.wait, EERIE_OK, NULL);
  close_world(&w);
}

static void hands_failures_on(void) {
  world_t w;
  open_world(&w);
  const span_t spans[] = {{"odd", 0, 0, 64}, {"odd", 0, 0, 64}};
  eerie_error_t why = {.message = "the reason"}, err = {0};
  for (int pending = 0; pending < 2; ++pending) {
    make_request(&w, "model", spans, 2);
    CHECK_OK(ee_hal_fence_create_pooled(w.b.f.device, &w.wait, NULL));
    CHECK_OK(ee_hal_fence_create_pooled(w.b.f.device, &w.signal, NULL));
    if (!pending) ee_hal_fence_signal(w.wait, EERIE_ABORTED, &why);
    CHECK_OK(load(&w, CONSTANT));
    if (pending) ee_hal_fence_signal(w.wait, EERIE_ABORTED, &why);
    CHECK_STATUS(ee_hal_fence_query(w.signal, &err), EERIE_ABORTED);
    CHECK_STR(err.message, "the reason");
    drop(w.b.results[0].ref);
  }
  // What is wrong with the request fails the fence as well.
  const span_t wrong = {"odd", 0, 0, 65};
  make_request(&w, "model", &wrong, 1);
  CHECK_OK(ee_hal_fence_create_pooled(w.b.f.device, &w.signal, NULL));
  CHECK_STATUS(load(&w, CONSTANT), EERIE_OUT_OF_RANGE);
  CHECK_STATUS(ee_hal_fence_query(w.signal, &err), EERIE_OUT_OF_RANGE);
  CHECK_CONTAINS(err.message, "model::odd");
  close_world(&w);
}

static void names_what_is_wrong(void) {
  world_t w;
  open_world(&w);
  ee_hal_buffer_t *target = make_buffer(&w.b.f, 64);
  const uint64_t huge = UINT64_MAX - 15;
  static const span_t missing[] = {{"aligned", 0, 0, 64}, {"no", 0, 0, 8}, {"nor", 0, 0, 8}};
  make_request(&w, "model", missing, 3);
  CHECK_STATUS(gather(&w, target), EERIE_NOT_FOUND);
  CHECK_STR(w.b.err.message, "parameter 'model::no' of 8 bytes is missing, and 1 more: none of the "
                             "4 keys of scope 'model'");
  CHECK_EQ_INT(target->data[1], 0); // nothing was moved
  make_request(&w, "other", missing, 1);
  CHECK_STATUS(gather(&w, target), EERIE_NOT_FOUND);
  CHECK_STR(w.b.err.message, "parameter 'other::aligned' of 64 bytes is missing: the program has "
                             "no parameters of scope 'other'");
  const span_t wrong[] = {{"aligned", 0, 0, 65},
                          {"aligned", 1, 0, 64},
                          {"aligned", 65, 0, 0},
                          {"aligned", huge, 0, 32},
                          {"aligned", 0, 0, huge}};
  for (size_t i = 0; i < 5; ++i) {
    make_request(&w, "model", &wrong[i], 1);
    CHECK_STATUS(gather(&w, target), EERIE_OUT_OF_RANGE);
    CHECK_CONTAINS(w.b.err.message, "parameter 'model::aligned': the module takes ");
    CHECK_CONTAINS(w.b.err.message, "the parameter has 64");
    CHECK_STATUS(load(&w, CONSTANT), EERIE_OUT_OF_RANGE);
  }
  const span_t outside[] = {{"aligned", 0, 1, 64}, {"aligned", 0, huge, 32}};
  for (size_t i = 0; i < 2; ++i) {
    make_request(&w, "model", &outside[i], 1);
    CHECK_STATUS(gather(&w, target), EERIE_OUT_OF_RANGE);
    CHECK_CONTAINS(w.b.err.message, "do not lie in a buffer of 64");
    CHECK_STATUS(load(&w, CONSTANT), EERIE_OUT_OF_RANGE);
  }
  ee_hal_buffer_release(target);
  close_world(&w);
}

static void refuses_malformed_requests(void) {
  world_t w;
  open_world(&w);
  ee_hal_buffer_t *target = make_buffer(&w.b.f, 64);
  const span_t span = {"aligned", 0, 0, 64};
  make_request(&w, "model", &span, 1);
  w.spans->size = 23;
  CHECK_STATUS(gather(&w, target), EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(w.b.err.message, "23 bytes of spans and 8 of keys");
  w.spans->size = 24;
  w.keys->size = 7;
  CHECK_STATUS(gather(&w, target), EERIE_INVALID_ARGUMENT);
  w.keys->size = 8;
  ((uint32_t *)(void *)w.keys->data)[1] = UINT32_MAX;
  CHECK_STATUS(gather(&w, target), EERIE_OUT_OF_RANGE);
  CHECK_CONTAINS(w.b.err.message, "key 0: 4294967295 bytes at 0 do not lie in the 7");
  ((uint32_t *)(void *)w.keys->data)[0] = 8;
  CHECK_STATUS(gather(&w, target), EERIE_OUT_OF_RANGE);
  CHECK_STATUS(gather(&w, NULL), EERIE_INVALID_ARGUMENT);
  make_request(&w, "model", &span, 1);
  drop(w.keys);
  w.keys = NULL;
  CHECK_STATUS(gather(&w, target), EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(w.b.err.message, "must be a vm.buffer, it is null");
  ee_hal_buffer_release(target);
  close_world(&w);
}

// A file larger than one step, read and written through its mapping.
static void moves_large_files(void) {
  enum { SIZE = 5 << 20 };
  static const char path[] = EERIE_TEST_BINARY_DIR "/bridge_parameters.bin";
  world_t w;
  open_world(&w);
  uint8_t *bytes = malloc(SIZE);
  FILE *file = fopen(path, "wb");
  REQUIRE(bytes && file);
  for (size_t i = 0; i < SIZE; ++i)
    bytes[i] = (uint8_t)(i * 2654435761u >> 24);
  CHECK_EQ_INT(fwrite(bytes, 1, SIZE, file), SIZE);
  fclose(file);
  ee_params_entry_t entry = {.key = EE_STR("big"), .rank = EE_PARAMS_NO_RANK};
  REQUIRE_OK(ee_params_source_open(&w.b.f.heap, path, true, &entry.source, &w.b.err));
  entry.data = entry.source->data + 7;
  entry.size = SIZE - 7;
  REQUIRE_OK(ee_params_set_add(w.sets[1], &entry, NULL));
  ee_object_release(&entry.source->object);
  for (int pending = 0; pending < 2; ++pending) {
    const span_t span = {"big", 1, 0, SIZE - 8};
    ee_hal_buffer_t *target = make_buffer(&w.b.f, SIZE);
    make_request(&w, "model", &span, 1);
    if (pending) CHECK_OK(ee_hal_fence_create_pooled(w.b.f.device, &w.wait, NULL));
    CHECK_OK(gather(&w, target));
    if (pending) ee_hal_fence_signal(w.wait, EERIE_OK, NULL);
    CHECK_BYTES(target->data, bytes + 8, SIZE - 8);
    ee_hal_buffer_release(target);
  }
  ee_hal_buffer_t *source = make_buffer(&w.b.f, SIZE);
  memset(source->data, 0x5A, SIZE);
  const span_t span = {"big", 3, 0, 4 << 20};
  make_request(&w, "model", &span, 1);
  CHECK_OK(scatter(&w, source));
  ee_hal_buffer_release(source);
  memset(bytes + 10, 0x5A, 4 << 20);
  close_world(&w); // unmaps
  uint8_t *again = malloc(SIZE);
  file = fopen(path, "rb");
  REQUIRE(again && file);
  CHECK_EQ_INT(fread(again, 1, SIZE, file), SIZE);
  fclose(file);
  CHECK_BYTES(again, bytes, SIZE);
  unlink(path);
  free(again);
  free(bytes);
}

// Each allocation of a load that waits fails once; nothing is lost.
static void survives_lack_of_memory(void) {
  for (size_t n = 1;; ++n) {
    world_t w;
    open_world(&w);
    const span_t spans[] = {{"odd", 0, 0, 64}, {"aligned", 0, 0, 64}};
    make_request(&w, "model", spans, 2);
    CHECK_OK(ee_hal_fence_create_pooled(w.b.f.device, &w.wait, NULL));
    CHECK_OK(ee_hal_fence_create_pooled(w.b.f.device, &w.signal, NULL));
    w.b.f.fail_at = atomic_load(&w.b.f.allocations) + n;
    const eerie_status_t status = load(&w, CONSTANT);
    const bool refused = atomic_load(&w.b.f.allocations) >= w.b.f.fail_at;
    ee_hal_fence_signal(w.wait, EERIE_OK, NULL);
    if (status == EERIE_OK) {
      CHECK_OK(ee_hal_fence_query(w.signal, NULL));
      drop(w.b.results[0].ref);
    } else {
      CHECK_STATUS(status, EERIE_RESOURCE_EXHAUSTED);
      CHECK_STATUS(ee_hal_fence_query(w.signal, NULL), EERIE_RESOURCE_EXHAUSTED);
    }
    close_world(&w);
    if (!refused) break;
  }
}

typedef struct seen {
  char text[256];
} seen_t;

static void see(void *user, const char *key, size_t key_size, uint64_t offset, uint64_t size,
                bool found) {
  seen_t *seen = user;
  const size_t used = strlen(seen->text);
  snprintf(seen->text + used, sizeof seen->text - used, "%.*s %d %d %d;", (int)key_size, key,
           (int)offset, (int)size, found);
}

static void tells_observers(void) {
  world_t w;
  open_world(&w);
  seen_t seen = {""};
  w.sets[0]->observer = see;
  w.sets[0]->observer_user = &seen;
  const span_t spans[] = {{"aligned", 4, 0, 16}, {"no", 0, 0, 8}, {"second", 0, 0, 99}};
  make_request(&w, "model", spans, 3);
  CHECK_STATUS(load(&w, CONSTANT), EERIE_NOT_FOUND);
  CHECK_STR(seen.text, "aligned 4 16 1;no 0 8 0;second 0 99 1;");
  close_world(&w);
}

static void refuses_null_sets(void) {
  fixture_t f;
  fixture_open(&f);
  eerie_error_t err = {0};
  void *state = NULL;
  ee_params_set_t *const none[] = {NULL};
  const ee_bridge_hal_options_t options = {.parameters = none, .parameter_count = 1};
  CHECK_STATUS(
      ee_bridge_parameters_module.create_state((void *)(uintptr_t)&options, &f.heap, &state, &err),
      EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(err.message, "parameters 0 of the program are NULL");
  fixture_close(&f);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(loads_in_place_or_copies),
      RUN(buffers_outlive_their_set),
      RUN(fills_splats),
      RUN(gathers_pieces),
      RUN(scatters_where_it_may),
      RUN(waits_for_its_fence),
      RUN(hands_failures_on),
      RUN(names_what_is_wrong),
      RUN(refuses_malformed_requests),
      RUN(moves_large_files),
      RUN(survives_lack_of_memory),
      RUN(tells_observers),
      RUN(refuses_null_sets),
  };
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
