// parameters_module.c: the `io_parameters` module: weights that live outside of the module.
//
// Semantics: compiler/Modules/IO/Parameters/io_parameters.imports.mlir of 3.13, the same in 3.11
// and 3.12. All three functions take a device, a queue, a fence to wait for and one to signal, and
// a list of pieces in three host buffers:
//
//   key table  u32 offset, u32 length in the key data, for each piece
//   key data   the text of the keys
//   spans      u64 offset in the parameter, u64 offset in the buffer, u64 length, for each piece
//
// `load` gives a new buffer a piece, `gather` fills a buffer, `scatter` writes one back. What can
// be known is checked before anything is moved; then the bytes go through the device's queue as
// reads and writes of files in memory, a few megabytes at a time, after each of which the mapping
// gives its memory back: that way weights are not in memory twice.
#include "bridge/hal_module.h"
#include "hal/observe.h"
#include "params/params.h"

#define CHUNK_SIZE   ((uint64_t)2 << 20)
#define PATTERN_SIZE ((uint64_t)64 << 10) // of a splat, made once and read again and again

#define KEY_SIZE  8u
#define SPAN_SIZE 24u

// ---- State -------------------------------------------------------------------------------------

typedef struct state {
  size_t allocation_size;
  size_t set_count;
  ee_params_set_t *sets[]; // retained
} state_t;

static void destroy_state(void *user, ee_heap_t *heap, void *pointer) {
  (void)user;
  state_t *state = pointer;
  for (size_t i = 0; i < state->set_count; ++i) {
    ee_object_release(&state->sets[i]->object);
  }
  ee_heap_free(heap, state, state->allocation_size);
}

static eerie_status_t create_state(void *user, ee_heap_t *heap, void **out_state,
                                   eerie_error_t *err) {
  const ee_bridge_hal_options_t *options = user;
  const size_t count = options->parameter_count;
  size_t size;
  for (size_t i = 0; i < count; ++i) {
    if (options->parameters[i]) continue;
    return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "parameters %zu of the program are NULL", i);
  }
  if (!ee_mul_size(count, sizeof(ee_params_set_t *), &size) ||
      !ee_add_size(size, sizeof(state_t), &size)) {
    return EE_NO_MEMORY(err, SIZE_MAX);
  }
  state_t *state = ee_heap_allocate(heap, size);
  if (!state) return EE_NO_MEMORY(err, size);
  state->allocation_size = size;
  state->set_count = count;
  for (size_t i = 0; i < count; ++i) {
    state->sets[i] = options->parameters[i];
    ee_object_retain(&state->sets[i]->object);
  }
  *out_state = state;
  return EERIE_OK;
}

// ---- Pieces ------------------------------------------------------------------------------------

typedef struct request {
  ee_vm_call_t *call;
  ee_hal_device_t *device;
  ee_hal_fence_t *wait;
  ee_hal_fence_t *signal;
  ee_str_t scope;
  const uint8_t *keys;
  ee_str_t key_data;
  const uint8_t *spans;
  size_t count;
} request_t;

typedef struct piece {
  ee_str_t key;
  const ee_params_entry_t *entry;
  uint64_t parameter_offset;
  uint64_t buffer_offset;
  uint64_t size;
} piece_t;

// device, queue, wait, signal in slots 0 to 3; scope, keys and spans where they are said to be
static eerie_status_t read_request(ee_vm_call_t *call, uint32_t scope_slot, uint32_t keys_slot,
                                   request_t *request) {
  ee_vm_buffer_t *scope = NULL, *keys = NULL, *data = NULL, *spans = NULL;
  *request = (request_t){.call = call};
  EE_TRY(ee_bridge_device(call, 0, &request->device));
  EE_TRY(ee_bridge_fence_or_null(call, 2, &request->wait));
  EE_TRY(ee_bridge_fence_or_null(call, 3, &request->signal));
  EE_TRY(ee_bridge_bytes_or_null(call, scope_slot, &scope));
  EE_TRY(ee_bridge_bytes(call, keys_slot, &keys));
  EE_TRY(ee_bridge_bytes(call, keys_slot + 1, &data));
  EE_TRY(ee_bridge_bytes(call, keys_slot + 2, &spans));
  if (spans->size % SPAN_SIZE || keys->size / KEY_SIZE < spans->size / SPAN_SIZE) {
    return EE_FAIL(call->err, EERIE_INVALID_ARGUMENT,
                   "%zu bytes of spans and %zu of keys: expected %u for each parameter, and %u",
                   spans->size, keys->size, SPAN_SIZE, KEY_SIZE);
  }
  request->scope = ee_vm_buffer_str(scope);
  request->keys = keys->data;
  request->key_data = ee_vm_buffer_str(data);
  request->spans = spans->data;
  request->count = spans->size / SPAN_SIZE;
  return EERIE_OK;
}

// Looks a piece up; its entry stays NULL where no set has the key.
static eerie_status_t read_piece(const request_t *request, size_t index, piece_t *piece) {
  const state_t *state = request->call->state;
  const uint8_t *key = request->keys + index * KEY_SIZE, *span = request->spans + index * SPAN_SIZE;
  const uint32_t offset = ee_load_u32(key), size = ee_load_u32(key + 4);
  *piece = (piece_t){
      .parameter_offset = ee_load_u64(span),
      .buffer_offset = ee_load_u64(span + 8),
      .size = ee_load_u64(span + 16),
  };
  if (!ee_range_ok(offset, size, request->key_data.size)) {
    return EE_FAIL(request->call->err, EERIE_OUT_OF_RANGE,
                   "key %zu: %u bytes at %u do not lie in the %zu of all keys", index,
                   (unsigned)size, (unsigned)offset, request->key_data.size);
  }
  piece->key = (ee_str_t){request->key_data.data + offset, size};
  for (size_t i = 0; i < state->set_count && !piece->entry; ++i) {
    if (!ee_str_equal(state->sets[i]->scope, request->scope)) continue;
    piece->entry = ee_params_set_find(state->sets[i], piece->key);
  }
  return EERIE_OK;
}

// "scope::key", or the key alone.
#define NAME_FORMAT "%.*s%s%.*s"
#define NAME_ARGUMENTS(request, key)                                                               \
  EE_STR_ARG((request)->scope), (request)->scope.size ? "::" : "", EE_STR_ARG(key)

static EE_COLD eerie_status_t missing(const request_t *request, const piece_t *first,
                                      size_t count) {
  const state_t *state = request->call->state;
  size_t sets = 0, keys = 0;
  for (size_t i = 0; i < state->set_count; ++i) {
    if (!ee_str_equal(state->sets[i]->scope, request->scope)) continue;
    ++sets;
    keys += state->sets[i]->count;
  }
  (void)first, (void)count, (void)keys; // unused in builds without texts
  if (sets == 0) {
    return EE_FAIL(request->call->err, EERIE_NOT_FOUND,
                   "parameter '" NAME_FORMAT "' of %llu bytes is missing: the program has no "
                   "parameters of scope '%.*s'",
                   NAME_ARGUMENTS(request, first->key), (unsigned long long)first->size,
                   EE_STR_ARG(request->scope));
  }
  return EE_FAIL(request->call->err, EERIE_NOT_FOUND,
                 "parameter '" NAME_FORMAT "' of %llu bytes is missing, and %zu more: none of the "
                 "%zu keys of scope '%.*s'",
                 NAME_ARGUMENTS(request, first->key), (unsigned long long)first->size, count - 1,
                 keys, EE_STR_ARG(request->scope));
}

static EE_COLD eerie_status_t mismatched(const request_t *request, const piece_t *piece) {
  (void)piece; // unused in builds without texts
  return EE_FAIL(request->call->err, EERIE_OUT_OF_RANGE,
                 "parameter '" NAME_FORMAT "': the module takes %llu bytes from %llu on, the "
                 "parameter has %llu%s%s",
                 NAME_ARGUMENTS(request, piece->key), (unsigned long long)piece->size,
                 (unsigned long long)piece->parameter_offset,
                 (unsigned long long)piece->entry->size,
                 piece->entry->source && piece->entry->source->path[0] ? " in " : "",
                 piece->entry->source ? piece->entry->source->path : "");
}

// Whoever wants to know what a module asks for is told of all pieces, before any can fail.
static eerie_status_t tell_observers(const request_t *request) {
  const state_t *state = request->call->state;
  for (size_t i = 0; i < state->set_count; ++i) {
    const ee_params_set_t *set = state->sets[i];
    if (!set->observer || !ee_str_equal(set->scope, request->scope)) continue;
    for (size_t j = 0; j < request->count; ++j) {
      piece_t piece;
      EE_TRY(read_piece(request, j, &piece));
      set->observer(set->observer_user, piece.key.data, piece.key.size, piece.parameter_offset,
                    piece.size, piece.entry != NULL);
    }
  }
  return EERIE_OK;
}

static eerie_status_t check_pieces(const request_t *request) {
  piece_t first_missing = {.entry = NULL};
  size_t missing_count = 0;
  EE_TRY(tell_observers(request));
  for (size_t i = 0; i < request->count; ++i) {
    piece_t piece;
    EE_TRY(read_piece(request, i, &piece));
    if (piece.entry) continue;
    if (missing_count++ == 0) first_missing = piece;
  }
  if (missing_count) return missing(request, &first_missing, missing_count);
  for (size_t i = 0; i < request->count; ++i) {
    piece_t piece;
    EE_TRY(read_piece(request, i, &piece));
    if (ee_range_ok(piece.parameter_offset, piece.size, piece.entry->size)) continue;
    return mismatched(request, &piece);
  }
  return EERIE_OK;
}

// ---- Moving bytes ------------------------------------------------------------------------------

// What keeps the bytes of one step alive until it is done, on whichever thread that is.
typedef struct lease {
  ee_object_t object;
  ee_heap_t *heap;
  size_t allocation_size;
  ee_params_source_t *source; // retained; NULL: the bytes stand behind this struct
  const uint8_t *data;
  size_t size;
} lease_t;

static void lease_destroy(ee_object_t *object) {
  lease_t *lease = (lease_t *)object;
  if (lease->source) {
    ee_params_source_evict(lease->source, lease->data, lease->size);
    ee_object_release(&lease->source->object);
  }
  ee_heap_free(lease->heap, lease, lease->allocation_size);
}
static const ee_object_type_t lease_type = {"params.lease", lease_destroy};

static eerie_status_t lease_create(ee_heap_t *heap, size_t extra, lease_t **out_lease,
                                   eerie_error_t *err) {
  size_t size;
  if (!ee_add_size(sizeof(lease_t), extra, &size)) return EE_NO_MEMORY(err, SIZE_MAX);
  lease_t *lease = ee_heap_allocate(heap, size);
  if (!lease) return EE_NO_MEMORY(err, size);
  *lease = (lease_t){.heap = heap, .allocation_size = size};
  ee_object_initialize(&lease->object, &lease_type);
  *out_lease = lease;
  return EERIE_OK;
}

// The steps of one call. Those that have to wait are a chain of fences, so that the last one tells
// of a failure of any.
typedef struct steps {
  const request_t *request;
  ee_hal_fence_t *wait; // retained
  bool pending;         // `wait` is not signaled yet
  bool failed;          // `wait` has failed: nothing is moved, and `signal` will say so
} steps_t;

static void steps_begin(steps_t *steps, const request_t *request) {
  const eerie_status_t status = ee_hal_fence_query(request->wait, NULL);
  *steps = (steps_t){.request = request,
                     .wait = request->wait,
                     .pending = status == EERIE_DEFERRED,
                     .failed = status != EERIE_DEFERRED && status != EERIE_OK};
  ee_object_retain((ee_object_t *)steps->wait);
}

static eerie_status_t step(steps_t *steps, const ee_hal_operation_t *operation) {
  ee_hal_device_t *device = steps->request->device;
  eerie_error_t *err = steps->request->call->err;
  if (steps->failed) return EERIE_OK;
  if (!steps->pending) return ee_hal_device_submit(device, NULL, NULL, operation, err);
  ee_hal_fence_t *next = NULL;
  EE_TRY(ee_hal_fence_create_pooled(device, &next, err));
  const eerie_status_t status = ee_hal_device_submit(device, steps->wait, next, operation, err);
  ee_object_release((ee_object_t *)steps->wait);
  steps->wait = next;
  return status;
}

// Signals, or fails with `status`, what the caller waits for.
static eerie_status_t steps_end(steps_t *steps, eerie_status_t status) {
  const request_t *request = steps->request;
  if (status == EERIE_OK) {
    static const ee_hal_operation_t barrier = {.kind = EE_HAL_QUEUE_BARRIER};
    status = ee_hal_device_submit(request->device, steps->wait, request->signal, &barrier,
                                  request->call->err);
  } else {
    ee_hal_fence_signal(request->signal, status, request->call->err);
  }
  ee_object_release((ee_object_t *)steps->wait);
  return status;
}

// One step: `size` bytes between byte 0 of a lease's and the buffer.
static eerie_status_t move(steps_t *steps, ee_hal_operation_kind_t kind, lease_t *lease,
                           ee_hal_buffer_t *buffer, uint64_t offset, uint64_t size) {
  const request_t *request = steps->request;
  const bool write = kind == EE_HAL_QUEUE_WRITE;
  ee_hal_operation_t operation = {.kind = kind};
  *(write ? &operation.source : &operation.target) = (ee_hal_binding_t){buffer, 0, offset, size};
  EE_TRY(ee_hal_file_from_memory(request->device->heap, (uint8_t *)(uintptr_t)lease->data,
                                 lease->size, write ? EE_HAL_ACCESS_ALL : EE_HAL_ACCESS_READ,
                                 &lease->object, &operation.file, request->call->err));
  const eerie_status_t status = step(steps, &operation);
  ee_object_release(&operation.file->object);
  return status;
}

static eerie_status_t move_stored(steps_t *steps, ee_hal_operation_kind_t kind,
                                  const piece_t *piece, ee_hal_buffer_t *buffer, uint64_t offset) {
  const ee_params_entry_t *entry = piece->entry;
  for (uint64_t at = 0; at < piece->size;) {
    const uint64_t size = piece->size - at < CHUNK_SIZE ? piece->size - at : CHUNK_SIZE;
    lease_t *lease = NULL;
    EE_TRY(lease_create(steps->request->device->heap, 0, &lease, steps->request->call->err));
    lease->source = entry->source;
    ee_object_retain(&entry->source->object);
    lease->data = entry->data + (size_t)(piece->parameter_offset + at);
    lease->size = (size_t)size;
    const eerie_status_t status = move(steps, kind, lease, buffer, offset + at, size);
    ee_object_release(&lease->object);
    EE_TRY(status);
    at += size;
  }
  return EERIE_OK;
}

static eerie_status_t move_splat(steps_t *steps, const piece_t *piece, ee_hal_buffer_t *buffer,
                                 uint64_t offset) {
  if (piece->size == 0) return EERIE_OK;
  const size_t limit = (size_t)(piece->size < PATTERN_SIZE ? piece->size : PATTERN_SIZE);
  lease_t *lease = NULL;
  EE_TRY(lease_create(steps->request->device->heap, limit, &lease, steps->request->call->err));
  uint8_t *bytes = (uint8_t *)(lease + 1);
  // The size of a whole block is a multiple of every pattern's: all blocks are alike.
  ee_params_fill(piece->entry, piece->parameter_offset, bytes, limit);
  lease->data = bytes;
  lease->size = limit;
  eerie_status_t status = EERIE_OK;
  for (uint64_t at = 0; at < piece->size && status == EERIE_OK; at += limit) {
    const uint64_t size = piece->size - at < limit ? piece->size - at : limit;
    status = move(steps, EE_HAL_QUEUE_READ, lease, buffer, offset + at, size);
  }
  ee_object_release(&lease->object);
  return status;
}

static eerie_status_t read_into(steps_t *steps, const piece_t *piece, ee_hal_buffer_t *buffer,
                                uint64_t offset) {
  return piece->entry->data ? move_stored(steps, EE_HAL_QUEUE_READ, piece, buffer, offset)
                            : move_splat(steps, piece, buffer, offset);
}

static eerie_status_t check_buffer(const request_t *request, const piece_t *piece, uint64_t size) {
  if (ee_range_ok(piece->buffer_offset, piece->size, size)) return EERIE_OK;
  return EE_FAIL(request->call->err, EERIE_OUT_OF_RANGE,
                 "parameter '" NAME_FORMAT "': %llu bytes at %llu do not lie in a buffer of %llu",
                 NAME_ARGUMENTS(request, piece->key), (unsigned long long)piece->size,
                 (unsigned long long)piece->buffer_offset, (unsigned long long)size);
}

// ---- load --------------------------------------------------------------------------------------

static void release_source(void *user, ee_hal_buffer_t *buffer) {
  (void)buffer;
  ee_object_release(user);
}

// A buffer over the bytes where they are, when they are constant for the module, aligned as kernels
// need it, and the device can use host memory; else NULL. Not those of a file that is open for
// writing: kernels of some compilers overwrite constants, which must not reach the file.
static eerie_status_t load_in_place(const request_t *request, const piece_t *piece, uint32_t usage,
                                    ee_hal_buffer_t **out_buffer) {
  const ee_params_entry_t *entry = piece->entry;
  if (!entry->data || entry->source->writable || piece->size == 0 ||
      !(usage & EE_HAL_USAGE_SHARING_IMMUTABLE)) {
    return EERIE_OK;
  }
  uint8_t *data = entry->data + (size_t)piece->parameter_offset;
  if ((uintptr_t)data % EERIE_BUFFER_ALIGNMENT != 0) return EERIE_OK;
  const eerie_status_t status =
      ee_hal_buffer_import(request->device, data, piece->size, EE_HAL_ACCESS_READ, release_source,
                           entry->source, out_buffer, request->call->err);
  if (status == EERIE_UNIMPLEMENTED) return EERIE_OK;
  EE_TRY(status);
  ee_object_retain(&entry->source->object);
  return EERIE_OK;
}

static eerie_status_t load_piece(const request_t *request, steps_t *steps, size_t index,
                                 ee_vm_list_t *list) {
  const ee_vm_value_t *a = request->call->arguments;
  const uint32_t memory_types = (uint32_t)a[6].i32, usage = (uint32_t)a[7].i32;
  piece_t piece;
  EE_TRY(read_piece(request, index, &piece));
  EE_TRY(check_buffer(request, &piece, piece.size));
  ee_hal_buffer_t *buffer = NULL;
  EE_TRY(load_in_place(request, &piece, usage, &buffer));
  eerie_status_t status = EERIE_OK;
  if (!buffer) {
    EE_TRY(ee_hal_buffer_allocate(request->device, memory_types, usage, piece.size, &buffer,
                                  request->call->err));
    ee_hal_observe_buffer(buffer, request->device->heap, EE_HAL_MEMORY_KIND_STATE);
    status = read_into(steps, &piece, buffer, piece.buffer_offset);
  }
  if (status == EERIE_OK) {
    const ee_vm_value_t value = {.ref = &buffer->object};
    status = ee_vm_list_set(list, index, EE_VM_VALUE_REF, value, request->call->err);
  }
  ee_hal_buffer_release(buffer);
  return status;
}

// device, queue, wait, signal, scope, target queue, memory types, usage, keys, key data, spans
static eerie_status_t load(ee_vm_call_t *call) {
  request_t request;
  EE_TRY(read_request(call, 4, 8, &request));
  steps_t steps;
  steps_begin(&steps, &request);
  ee_vm_list_t *list = NULL;
  eerie_status_t status = check_pieces(&request);
  if (status == EERIE_OK) {
    status = ee_vm_list_create(call->heap, EE_VM_VALUE_REF, &ee_hal_buffer_type, request.count,
                               &list, call->err);
  }
  if (status == EERIE_OK) status = ee_vm_list_resize(list, request.count, call->err);
  for (size_t i = 0; i < request.count && status == EERIE_OK; ++i) {
    status = load_piece(&request, &steps, i, list);
  }
  status = steps_end(&steps, status);
  if (status != EERIE_OK) {
    ee_object_release((ee_object_t *)list);
    return status;
  }
  call->results[0].ref = &list->object;
  return EERIE_OK;
}

// ---- gather and scatter ------------------------------------------------------------------------

static eerie_status_t gather_piece(const request_t *request, steps_t *steps, const piece_t *piece,
                                   ee_hal_buffer_t *buffer) {
  (void)request;
  return read_into(steps, piece, buffer, piece->buffer_offset);
}

static eerie_status_t scatter_piece(const request_t *request, steps_t *steps, const piece_t *piece,
                                    ee_hal_buffer_t *buffer) {
  const ee_params_entry_t *entry = piece->entry;
  if (!entry->data || !entry->source->writable) {
    return EE_FAIL(request->call->err, EERIE_PERMISSION_DENIED,
                   "parameter '" NAME_FORMAT "' of %llu bytes cannot be written: it is %s",
                   NAME_ARGUMENTS(request, piece->key), (unsigned long long)entry->size,
                   entry->data ? "not opened for writing" : "a splat");
  }
  return move_stored(steps, EE_HAL_QUEUE_WRITE, piece, buffer, piece->buffer_offset);
}

static eerie_status_t transfer(ee_vm_call_t *call, uint32_t buffer_slot, uint32_t scope_slot,
                               eerie_status_t (*one)(const request_t *, steps_t *, const piece_t *,
                                                     ee_hal_buffer_t *)) {
  request_t request;
  ee_hal_buffer_t *buffer = NULL;
  EE_TRY(read_request(call, scope_slot, 6, &request));
  EE_TRY(ee_bridge_buffer(call, buffer_slot, &buffer));
  steps_t steps;
  steps_begin(&steps, &request);
  eerie_status_t status = check_pieces(&request);
  for (size_t i = 0; i < request.count && status == EERIE_OK; ++i) {
    piece_t piece;
    status = read_piece(&request, i, &piece);
    if (status == EERIE_OK) status = check_buffer(&request, &piece, buffer->size);
    if (status == EERIE_OK) status = one(&request, &steps, &piece, buffer);
  }
  return steps_end(&steps, status);
}

// device, queue, wait, signal, scope, target, keys, key data, spans
static eerie_status_t gather(ee_vm_call_t *call) {
  return transfer(call, 5, 4, gather_piece);
}

// device, queue, wait, signal, source, scope, keys, key data, spans
static eerie_status_t scatter(ee_vm_call_t *call) {
  return transfer(call, 4, 5, scatter_piece);
}

static const ee_vm_native_function_t functions[] = {
    {"gather", "0rIrrrrrrr_v", gather},
    {"load", "0rIrrrIiirrr_r", load},
    {"scatter", "0rIrrrrrrr_v", scatter},
};

const ee_vm_native_module_t ee_bridge_parameters_module = {
    .name = "io_parameters",
    .functions = functions,
    .function_count = sizeof functions / sizeof functions[0],
    .create_state = create_state,
    .destroy_state = destroy_state,
};
