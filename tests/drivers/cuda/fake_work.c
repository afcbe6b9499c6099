// fake_work.c: what streams do, and the functions that ask for it.
#include "fake_internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

// ---- Marks
// ---------------------------------------------------------------------------------------------

mark_t *fake_mark_new(void) {
  mark_t *mark = calloc(1, sizeof *mark);
  if (mark) mark->references = 1;
  return mark;
}

mark_t *fake_mark_keep(mark_t *mark) {
  if (mark) ++mark->references;
  return mark;
}

void fake_mark_drop(mark_t *mark) {
  if (mark && --mark->references == 0) free(mark);
}

// ---- Work
// ------------------------------------------------------------------------------------------------

work_t *fake_work_new(work_kind_t kind) {
  work_t *work = calloc(1, sizeof *work);
  if (work) work->kind = kind;
  return work;
}

// For each launch of a graph.
work_t *fake_work_copy(const work_t *work) {
  work_t *copy = fake_work_new(work->kind);
  if (!copy) return NULL;
  *copy = *work;
  copy->next = NULL;
  copy->params = NULL;
  copy->kept = NULL; // a graph reads the host's memory when it runs
  (void)fake_mark_keep(copy->mark);
  if (!work->params) return copy;
  const size_t size = ptx_kernel_facts(work->kernel).param_size;
  copy->params = malloc(size ? size : 1);
  if (!copy->params) {
    fake_work_free(copy);
    return NULL;
  }
  memcpy(copy->params, work->params, size);
  return copy;
}

void fake_work_free(work_t *work) {
  fake_mark_drop(work->mark);
  free(work->params);
  free(work->kept);
  free(work);
}

// ---- Doing it
// ----------------------------------------------------------------------------------------------

static uint8_t *reach(context_t *context, address_t address, uint64_t size, bool host) {
  uint64_t left = 0;
  if (host) return (uint8_t *)(uintptr_t)address;
  fake_lock();
  uint8_t *bytes = fake_reach(context, address, &left);
  fake_unlock();
  return bytes && size <= left ? bytes : NULL;
}

// Copies reach the memory of all devices: addresses are of one space.
static int copy(const work_t *work) {
  uint8_t *target = reach(NULL, work->target, work->size, work->host_target);
  const uint8_t *source = work->kept;
  if (!source) source = reach(NULL, work->source, work->size, work->host_source);
  if (!target || !source) return ILLEGAL_ADDRESS;
  memmove(target, source, work->size);
  return SUCCESS;
}

static int fill(context_t *context, const work_t *work) {
  uint8_t *target = reach(context, work->target, work->size * work->width, false);
  if (!target) return ILLEGAL_ADDRESS;
  for (uint64_t i = 0; i < work->size; ++i)
    memcpy(target + i * work->width, &work->value, work->width);
  return SUCCESS;
}

static int launch(context_t *context, const work_t *work) {
  ptx_launch_t told = work->launch;
  char message[512];
  told.params = work->params;
  told.find = fake_find_range;
  told.user = context;
  switch (ptx_kernel_run(work->kernel, &told, message, sizeof message)) {
  case PTX_OK: return SUCCESS;
  case PTX_ILLEGAL_ADDRESS: return ILLEGAL_ADDRESS;
  case PTX_MISALIGNED_ADDRESS: return MISALIGNED_ADDRESS;
  case PTX_DEADLOCK: return LAUNCH_TIMEOUT;
  default: return LAUNCH_FAILED;
  }
}

static double milliseconds(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void reach_mark(mark_t *mark) {
  fake_lock();
  mark->time = milliseconds();
  mark->done = true;
  fake_changed();
  fake_unlock();
}

static void count(work_kind_t kind) {
  fake_lock();
  fake_cuda.launches += kind == WORK_LAUNCH;
  fake_cuda.copies += kind == WORK_COPY || kind == WORK_FILL;
  fake_unlock();
}

int fake_work_do(context_t *context, work_t *work) {
  count(work->kind);
  switch (work->kind) {
  case WORK_COPY: return copy(work);
  case WORK_FILL: return fill(context, work);
  case WORK_LAUNCH: return launch(context, work);
  case WORK_RECORD: reach_mark(work->mark); return SUCCESS;
  case WORK_GRAPH: return fake_graph_run(context, work->graph);
  default: break;
  }
  fake_lock();
  if (work->kind == WORK_BIRTH)
    work->allocation->born = true;
  else
    fake_free_allocation(work->allocation);
  fake_unlock();
  return SUCCESS;
}

// ---- Asking for it
// -------------------------------------------------------------------------------------------

// Addresses of devices lie in an allocation when the copy is asked for; whether they still do shows
// when it is done.
static const allocation_t *allocation_of(address_t address, uint64_t size) {
  for (const object_t *object = fake_objects(); object; object = object->next) {
    if (object->kind != ALLOCATION) continue;
    const allocation_t *allocation = (const allocation_t *)object;
    const address_t end = allocation->address + allocation->size;
    if (address >= allocation->address && address <= end && size <= end - address)
      return allocation;
  }
  return NULL;
}

static bool is_good(address_t address, uint64_t size, bool host) {
  return host ? address != 0 : allocation_of(address, size) != NULL;
}

// "API synchronization behavior": of memory that is not pinned the bytes are read before the call
// returns, and such memory is written before it returns.
static int enqueue_copy(const char *function, work_t asked, void *stream) {
  int result = fake_enter(function, NEEDS_CONTEXT);
  if (result == SUCCESS) result = fake_check_stream(stream);
  if (result == SUCCESS && (!is_good(asked.target, asked.size, asked.host_target) ||
                            !is_good(asked.source, asked.size, asked.host_source)))
    result = INVALID_VALUE;
  if (result != SUCCESS || !asked.size) return fake_leave(result);
  work_t *work = fake_work_new(WORK_COPY);
  if (!work) return fake_leave(OUT_OF_MEMORY);
  *work = asked;
  const bool now = !fake_is_capturing(stream);
  const void *source = (const void *)(uintptr_t)asked.source;
  if (now && asked.host_source && !fake_is_pinned(source, asked.size)) {
    work->kept = malloc(asked.size);
    if (work->kept) memcpy(work->kept, source, asked.size);
  }
  const bool waits = now && asked.host_target &&
                     !fake_is_pinned((const void *)(uintptr_t)asked.target, asked.size);
  result = fake_enqueue(stream, work);
  if (result == SUCCESS && waits) result = fake_wait_for_stream(stream);
  return fake_leave(result);
}

FAKE_EXPORT int cuMemcpyHtoDAsync_v2(address_t target, const void *source, size_t size,
                                     void *stream) {
  const work_t work = {.kind = WORK_COPY,
                       .target = target,
                       .source = (address_t)(uintptr_t)source,
                       .size = size,
                       .host_source = true};
  return enqueue_copy("cuMemcpyHtoDAsync", work, stream);
}

FAKE_EXPORT int cuMemcpyDtoHAsync_v2(void *target, address_t source, size_t size, void *stream) {
  const work_t work = {.kind = WORK_COPY,
                       .target = (address_t)(uintptr_t)target,
                       .source = source,
                       .size = size,
                       .host_target = true};
  return enqueue_copy("cuMemcpyDtoHAsync", work, stream);
}

FAKE_EXPORT int cuMemcpyDtoDAsync_v2(address_t target, address_t source, size_t size,
                                     void *stream) {
  const work_t work = {.kind = WORK_COPY, .target = target, .source = source, .size = size};
  return enqueue_copy("cuMemcpyDtoDAsync", work, stream);
}

static bool is_of(address_t address, uint64_t size, const context_t *context) {
  fake_lock();
  const allocation_t *allocation = allocation_of(address, size);
  const bool good = allocation && context && allocation->device == context->device;
  fake_unlock();
  return good;
}

FAKE_EXPORT int cuMemcpyPeerAsync(address_t target, context_t *target_context, address_t source,
                                  context_t *source_context, size_t size, void *stream) {
  if (!is_of(target, size, target_context) || !is_of(source, size, source_context))
    return INVALID_VALUE;
  const work_t work = {.kind = WORK_COPY, .target = target, .source = source, .size = size};
  return enqueue_copy("cuMemcpyPeerAsync", work, stream);
}

static int enqueue_fill(const char *function, address_t target, uint32_t value, uint32_t width,
                        size_t size, void *stream) {
  int result = fake_enter(function, NEEDS_CONTEXT);
  if (result == SUCCESS) result = fake_check_stream(stream);
  // "The address must be aligned to" the element.
  if (result == SUCCESS && (target % width != 0 || !allocation_of(target, size * width)))
    result = INVALID_VALUE;
  if (result != SUCCESS || !size) return fake_leave(result);
  work_t *work = fake_work_new(WORK_FILL);
  if (!work) return fake_leave(OUT_OF_MEMORY);
  work->target = target;
  work->size = size;
  work->value = value;
  work->width = width;
  result = fake_enqueue(stream, work);
  return fake_leave(result);
}

FAKE_EXPORT int cuMemsetD8Async(address_t target, unsigned char value, size_t count_,
                                void *stream) {
  return enqueue_fill("cuMemsetD8Async", target, value, 1, count_, stream);
}
FAKE_EXPORT int cuMemsetD16Async(address_t target, unsigned short value, size_t count_,
                                 void *stream) {
  return enqueue_fill("cuMemsetD16Async", target, value, 2, count_, stream);
}
FAKE_EXPORT int cuMemsetD32Async(address_t target, unsigned value, size_t count_, void *stream) {
  return enqueue_fill("cuMemsetD32Async", target, value, 4, count_, stream);
}
