// queued.h: what drivers of devices with a queue and memory of their own have in common.
//
// Such a driver's device struct starts with ee_hal_queued_t, and its table of slots (driver.h)
// names the functions below where they do the whole work. What is left to the driver stands in
// ee_hal_queued_driver_t: allocating chunks of memory, recording commands, handing recordings to
// the queue, telling how far the queue is.
//
//   spans.c    memory in chunks, cut into spans         flight.c   work in flight, waiting for it
//   queued.c   life, buffers, bytes for the host        replay.c   recordings that are kept
//   operation.c  operations of the front end to submissions
//   transfer.c  where fills, updates and copies of a list work
//
// Work is numbered in the order in which it is handed over, and all of it is done in that order.
// `lock` guards what the structs below say; nothing of the front end is called while it is held, as
// signaling a fence may submit more work. `order` is held while something is handed over, and is
// taken first.
#ifndef EE_HAL_QUEUED_H_
#define EE_HAL_QUEUED_H_

#include "hal/driver.h"
#include "hal/observe.h"

typedef struct ee_hal_queued ee_hal_queued_t;

// ---- Memory ------------------------------------------------------------------------------------

typedef enum ee_hal_place {
  EE_HAL_PLACE_DEVICE, // where kernels are fast; the host sees it where memory is unified
  EE_HAL_PLACE_HOST,   // that the host sees and reads fast
  EE_HAL_PLACE_CALLER, // the host's own, used where it is
} ee_hal_place_t;

// A piece of memory from the system, cut into spans.
typedef struct ee_hal_chunk {
  struct ee_hal_chunk *next;
  struct ee_hal_span *spans; // all, by address
  uint64_t size;
  uint64_t serial; // never used again by another chunk
  uint64_t live;   // bytes in use
  ee_hal_place_t place;
  // The driver's:
  uint8_t *data;      // NULL: the host does not see it
  uint64_t address;   // for kernels; 0: none
  uint64_t handle[2]; // what it is freed with
} ee_hal_chunk_t;

typedef struct ee_hal_span {
  ee_hal_chunk_t *chunk;
  struct ee_hal_span *before, *after; // in the chunk
  uint64_t offset;
  uint64_t size;
  bool used;
} ee_hal_span_t;

typedef struct ee_hal_memory {
  ee_hal_chunk_t *chunks;
  ee_hal_span_t *unused; // by `after`
  uint64_t serial;
  uint32_t count; // chunks, those of callers too
  uint64_t total; // of all but those
  uint64_t live;  // in use
  uint64_t peak;  // highest `live`
  // Set by the driver before the first span is wanted:
  uint64_t alignment;      // of spans, a power of two
  uint64_t max_allocation; // in one piece; 0: no limit
  uint32_t max_count;      // of chunks; 0: no limit
  bool unified;            // both places are one
} ee_hal_memory_t;

eerie_status_t ee_hal_span_allocate(ee_hal_queued_t *device, ee_hal_place_t place, uint64_t size,
                                    ee_hal_span_t **out_span, eerie_error_t *err);
// Memory of the host, used where it is until the span is freed. UNIMPLEMENTED: not this memory.
eerie_status_t ee_hal_span_import(ee_hal_queued_t *device, uint8_t *data, uint64_t size,
                                  ee_hal_span_t **out_span, eerie_error_t *err);
void ee_hal_span_free(ee_hal_queued_t *device, ee_hal_span_t *span);
// All of it, when the last span is free.
void ee_hal_spans_destroy(ee_hal_queued_t *device);
static inline ee_hal_span_t *ee_hal_span_of(const ee_hal_buffer_t *buffer) {
  return (ee_hal_span_t *)(uintptr_t)buffer->driver_handle;
}
static inline uint8_t *ee_hal_span_data(const ee_hal_span_t *span) {
  return span->chunk->data + span->offset;
}

// Where a binding lies.
typedef struct ee_hal_range {
  const ee_hal_buffer_t *buffer;
  ee_hal_chunk_t *chunk;
  uint64_t offset; // in the chunk
  uint64_t size;
  uint64_t room; // bytes from the offset on that belong to the same storage
} ee_hal_range_t;
// `table`: the operation whose bindings fill slots; may be NULL.
eerie_status_t ee_hal_range_resolve(const ee_hal_binding_t *binding,
                                    const ee_hal_operation_t *table, uint32_t access,
                                    ee_hal_range_t *out_range, eerie_error_t *err);
// Whether two ranges share bytes.
static inline bool ee_hal_range_overlap(const ee_hal_range_t *a, const ee_hal_range_t *b) {
  return a->chunk == b->chunk && a->offset < b->offset + b->size && b->offset < a->offset + a->size;
}

// ---- Fills, updates, copies --------------------------------------------------------------------

// Where a command works, checked; a range of no bytes is nothing to do. `table` as above.
eerie_status_t ee_hal_fill_resolve(const ee_hal_command_t *command, const ee_hal_operation_t *table,
                                   ee_hal_range_t *out_target, eerie_error_t *err);
eerie_status_t ee_hal_update_resolve(const ee_hal_command_t *command,
                                     const ee_hal_operation_t *table, ee_hal_range_t *out_target,
                                     eerie_error_t *err);
eerie_status_t ee_hal_copy_resolve(const ee_hal_command_t *command, const ee_hal_operation_t *table,
                                   ee_hal_range_t *out_source, ee_hal_range_t *out_target,
                                   eerie_error_t *err);
// A copy onto a part of itself goes through staging memory, in pieces of at most so many of its
// `size` bytes.
uint64_t ee_hal_moved_piece(uint64_t size);
// The bytes of staging that such a copy takes, as ee_hal_recording_stage rounds them; 0: another
// copy.
uint64_t ee_hal_moved_staging(const ee_hal_command_t *command, const ee_hal_operation_t *table);

// ---- Recordings --------------------------------------------------------------------------------

// Commands in the driver's form and all that they need; the driver's struct starts with it. It
// waits among the device's free ones, or belongs to a command list that is used again, or is in
// flight.
typedef struct ee_hal_recording {
  struct ee_hal_recording *next;
  ee_hal_span_t *staging; // bytes of updates and the like, or NULL
  uint64_t staging_used;
  uint32_t in_flight;
  bool kept;  // by a list
  bool timed; // the driver tells an observer when it was done
  // Of a kept one: what it was recorded for.
  bool sound;
  uint64_t last_used;
  uint64_t *key;
  uint32_t key_words;
} ee_hal_recording_t;

eerie_status_t ee_hal_recording_take(ee_hal_queued_t *device, ee_hal_recording_t **out_recording,
                                     eerie_error_t *err);
// Nothing of it is in flight.
void ee_hal_recording_give(ee_hal_queued_t *device, ee_hal_recording_t *recording);
// Gives back the bytes that it staged, and takes room for `size` new ones (0: none).
eerie_status_t ee_hal_recording_restage(ee_hal_queued_t *device, ee_hal_recording_t *recording,
                                        uint64_t size, eerie_error_t *err);
// `size` bytes of the room, which was sized for all; `out_offset` is in the chunk.
uint8_t *ee_hal_recording_stage(ee_hal_recording_t *recording, uint64_t size, uint64_t *out_offset);

// A recording of `operation`'s list for the buffers that it brings: one from before where there is
// one. Its `in_flight` counts the caller.
eerie_status_t ee_hal_replay_take(ee_hal_queued_t *device, const ee_hal_operation_t *operation,
                                  ee_hal_recording_t **out_recording, eerie_error_t *err);

// ---- Work in flight ----------------------------------------------------------------------------

// Work that was handed over. Made with ee_hal_submission_new, filled in, given away.
typedef struct ee_hal_submission {
  struct ee_hal_submission *next;
  size_t block_size;
  uint64_t value;         // done when the queue has come so far
  bool on_queue;          // false: nothing but a fence that is signaled then
  int64_t submitted_ns;   // of the observer's clock, for a recording that is timed
  uint64_t mark;          // what tells the driver that it is done; 0: its number alone
  uint32_t waiters;       // threads that wait for `mark`
  bool retired;           // who waits last frees it
  ee_hal_fence_t *signal; // retained; NULL: nobody
  ee_hal_recording_t *recording;
  // Read back: bytes that go from a span to a file when it is done.
  ee_hal_span_t *span;
  uint8_t *host;
  uint64_t host_size;
  uint32_t object_count; // retained
  ee_object_t *objects[];
} ee_hal_submission_t;

// With room for `objects` and no more.
ee_hal_submission_t *ee_hal_submission_new(ee_hal_queued_t *device, size_t objects);
// Retains an object until the submission is done; NULL is harmless.
void ee_hal_submission_keep(ee_hal_submission_t *submission, void *object);
// One that was never handed over.
void ee_hal_submission_drop(ee_hal_queued_t *device, ee_hal_submission_t *submission);
// Hands it to the queue, and marks `signal` ahead. Takes over the submission, also when it fails.
eerie_status_t ee_hal_queued_hand_over(ee_hal_queued_t *device, ee_hal_submission_t *submission,
                                       eerie_error_t *err);
// Signals `signal` when number `after` is done; at once when it is.
eerie_status_t ee_hal_queued_note(ee_hal_queued_t *device, uint64_t after, ee_hal_fence_t *signal,
                                  eerie_error_t *err);
// The device does no work any more.
void ee_hal_queued_lose(ee_hal_queued_t *device);
// Ends the thread that watches.
void ee_hal_watcher_end(ee_hal_queued_t *device);
// ABORTED: the device is lost.
eerie_status_t ee_hal_queued_check_lost(ee_hal_queued_t *device, eerie_error_t *err);
EE_COLD eerie_status_t ee_hal_queued_lost_error(const ee_hal_queued_t *device, eerie_error_t *err);

// ---- Devices -----------------------------------------------------------------------------------

typedef enum ee_hal_waited {
  EE_HAL_WAITED_DONE,
  EE_HAL_WAITED_TIMEOUT,
  EE_HAL_WAITED_LOST,
} ee_hal_waited_t;

typedef struct ee_hal_queued_driver {
  const char *thread; // how the thread that watches is called
  // Memory of chunk->size bytes in chunk->place, with the lock held.
  eerie_status_t (*chunk_create)(ee_hal_queued_t *device, ee_hal_chunk_t *chunk,
                                 eerie_error_t *err);
  // Also what a failed create has left.
  void (*chunk_destroy)(ee_hal_queued_t *device, ee_hal_chunk_t *chunk);
  // Optional: memory of the host, chunk->size bytes from chunk->data on, for kernels where it is.
  // The driver may have the chunk begin before that and end behind it, as systems deal in pages.
  // Without the lock, and chunk_destroy of such a chunk too. UNIMPLEMENTED: not this memory.
  eerie_status_t (*chunk_import)(ee_hal_queued_t *device, ee_hal_chunk_t *chunk,
                                 eerie_error_t *err);
  // Optional: gives back what lies idle behind the chunks; false: nothing.
  bool (*trim)(ee_hal_queued_t *device);

  // A recording without commands, its first part zero; its memory is the driver's.
  eerie_status_t (*recording_create)(ee_hal_queued_t *device, ee_hal_recording_t **out_recording,
                                     eerie_error_t *err);
  void (*recording_destroy)(ee_hal_queued_t *device, ee_hal_recording_t *recording);
  // Optional: lets go of what it was recorded for, before it waits among the free ones.
  void (*recording_clear)(ee_hal_queued_t *device, ee_hal_recording_t *recording);
  // Record anew: the commands of an EXECUTE (`again`: to be handed over more than once), one fill,
  // update or copy, bytes between a span that the host sees and a buffer.
  eerie_status_t (*record_list)(ee_hal_queued_t *device, ee_hal_recording_t *recording,
                                const ee_hal_operation_t *operation, bool again,
                                eerie_error_t *err);
  eerie_status_t (*record_transfer)(ee_hal_queued_t *device, ee_hal_recording_t *recording,
                                    const ee_hal_command_t *command, eerie_error_t *err);
  eerie_status_t (*record_staged)(ee_hal_queued_t *device, ee_hal_recording_t *recording,
                                  const ee_hal_span_t *span, const ee_hal_range_t *range,
                                  bool to_buffer, eerie_error_t *err);

  // Hands submission->recording to the queue as number submission->value, and sets the mark. When
  // it fails, what was begun of it is over.
  eerie_status_t (*submit)(ee_hal_queued_t *device, ee_hal_submission_t *submission,
                           eerie_error_t *err);
  // How far the queue has come, with the lock held; sets `lost`.
  uint64_t (*reached)(ee_hal_queued_t *device);
  // Waits for number `value` or, where it is not 0, for `mark`.
  ee_hal_waited_t (*wait)(ee_hal_queued_t *device, uint64_t value, uint64_t mark,
                          uint64_t timeout_ns);
  // Optional: a submission that is timed is done: tells of its commands. With the lock held, so
  // that all come in order.
  void (*tell)(ee_hal_queued_t *device, const ee_hal_submission_t *submission);
  // Takes a mark back that nobody waits for, with the lock held. Optional where there are none.
  void (*mark_give)(ee_hal_queued_t *device, uint64_t mark);
} ee_hal_queued_driver_t;

struct ee_hal_queued {
  ee_hal_device_t base;
  const ee_hal_queued_driver_t *queue_driver;
  const char *description; // the device's own name, for messages
  ee_port_monitor_t order; // held while something is handed over
  ee_port_monitor_t lock;  // guards the rest
  ee_hal_memory_t memory;
  uint64_t submitted;
  uint64_t done;
  bool lost;
  ee_hal_submission_t *first, *last; // in flight, in order
  ee_hal_recording_t *recordings;    // free
  struct ee_hal_watcher *watcher;    // a thread, from when somebody needs it
};

static inline ee_hal_queued_t *ee_hal_queued(ee_hal_device_t *base) {
  return (ee_hal_queued_t *)base;
}
static inline void ee_hal_queued_lock(ee_hal_queued_t *device) {
  ee_port_monitor_lock(&device->lock);
}
static inline void ee_hal_queued_unlock(ee_hal_queued_t *device) {
  ee_port_monitor_unlock(&device->lock);
}

void ee_hal_queued_initialize(ee_hal_queued_t *device, const ee_hal_queued_driver_t *driver);
// Nothing is in flight: ends the thread; frees recordings and memory.
void ee_hal_queued_stop(ee_hal_queued_t *device);
void ee_hal_queued_deinitialize(ee_hal_queued_t *device);

// ---- Slots of driver.h -------------------------------------------------------------------------

eerie_status_t ee_hal_queued_buffer_allocate(ee_hal_device_t *base, ee_hal_buffer_t *buffer,
                                             eerie_error_t *err);
eerie_status_t ee_hal_queued_buffer_import(ee_hal_device_t *base, ee_hal_buffer_t *buffer,
                                           eerie_error_t *err);
void ee_hal_queued_buffer_free(ee_hal_device_t *base, ee_hal_buffer_t *buffer);
eerie_status_t ee_hal_queued_transfer(ee_hal_buffer_t *buffer, uint64_t offset, uint8_t *host,
                                      size_t size, bool write, eerie_error_t *err);
eerie_status_t ee_hal_queued_run(ee_hal_device_t *base, const ee_hal_operation_t *operation,
                                 eerie_error_t *err);
eerie_status_t ee_hal_queued_submit(ee_hal_device_t *base, uint64_t after, ee_hal_fence_t *signal,
                                    const ee_hal_operation_t *operation, eerie_error_t *err);
void ee_hal_queued_wait(ee_hal_device_t *base, uint64_t value, int64_t deadline_ns);
void ee_hal_queued_watch(ee_hal_device_t *base, uint64_t value);
void ee_hal_queued_forget(ee_hal_command_list_t *list);

// ---- Names -------------------------------------------------------------------------------------

// What follows "KIND", "KIND:" or "KIND://" in a device's name; false: it is of another kind.
bool ee_hal_name_rest(ee_str_t spec, ee_str_t kind, ee_str_t *out_rest);
// How the rest names a device: nothing (the first), an ordinal, a UUID with or without "GPU-".
typedef struct ee_hal_choice {
  bool by_uuid;
  uint32_t ordinal;
  uint8_t uuid[16];
} ee_hal_choice_t;
bool ee_hal_choice_parse(ee_str_t rest, ee_hal_choice_t *out_choice);
// "6d657361-3232-..." with its NUL.
#define EE_HAL_UUID_TEXT 37u
void ee_hal_uuid_format(const uint8_t uuid[16], char out_text[EE_HAL_UUID_TEXT]);

#endif // EE_HAL_QUEUED_H_
