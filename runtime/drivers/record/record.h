// record.h: a device that writes down what it is told, and computes nothing.
//
// Its buffers have no bytes (`data` is NULL), so that whoever wants to see a value is refused;
// constants of the module stay where they are. It runs inline: when an operation is submitted it is
// in the record.
#ifndef EE_DRIVERS_RECORD_RECORD_H_
#define EE_DRIVERS_RECORD_RECORD_H_

#include "hal/driver.h"

#define EE_RECORD_MAX_BINDINGS 64u
// Steps and what they bind, of one call. A microcontroller has no room for as many; what is made of
// them takes time with their square.
#define EE_RECORD_MAX_RANGES 65536u
// Of all calls, with all that is tried on the way to a plan.
#define EE_RECORD_MAX_STORAGES 65536u

// A run of memory that a device's buffers are made of.
typedef struct ee_record_storage {
  uint64_t size;
  const uint8_t *data; // bytes that are known; NULL: memory of the device
  uint32_t phase;      // in which it was allocated
} ee_record_storage_t;

typedef struct ee_record_range {
  size_t storage;
  uint64_t offset;
  uint64_t size;
} ee_record_range_t;

typedef enum ee_record_kind {
  EE_RECORD_DISPATCH,
  EE_RECORD_FILL,
  EE_RECORD_COPY,
} ee_record_kind_t;

typedef struct ee_record_step {
  struct ee_record_step *next;
  size_t allocation_size;
  ee_record_kind_t kind;
  size_t library;
  const char *kernel; // NULL: `ordinal`
  uint32_t ordinal;
  uint32_t workgroup_count[3];
  uint64_t pattern;
  uint32_t pattern_size;
  uint32_t constant_count;
  uint32_t range_count; // bindings; or target, and source of a copy
  const uint32_t *constants;
  ee_record_range_t ranges[];
} ee_record_step_t;

// In order.
typedef struct ee_record_steps {
  ee_record_step_t *first, *last;
} ee_record_steps_t;

typedef struct ee_record_library {
  const char *name;
  const uint32_t *constants;
  size_t constant_count;
} ee_record_library_t;

// What was recorded. Zero-initialise it, with a heap; its arrays grow.
typedef struct ee_record {
  ee_heap_t *heap;
  uint32_t phase; // the caller's: goes into what is allocated
  ee_record_storage_t *storages;
  size_t storage_count, storage_capacity;
  ee_record_library_t *libraries;
  size_t library_count, library_capacity;
  ee_record_steps_t steps;        // since they were taken
  size_t used;                    // steps among these, and ranges
  struct ee_record_piece *pieces; // names and bytes that the record owns
} ee_record_t;

// Makes a device that writes into `record`, which must outlive it.
eerie_status_t ee_record_device_create(ee_record_t *record, ee_hal_device_t **out_device,
                                       eerie_error_t *err);
void ee_record_destroy(ee_record_t *record);

// Takes the steps away from the record; free them with ee_record_free_steps.
ee_record_steps_t ee_record_take_steps(ee_record_t *record);
void ee_record_free_steps(ee_record_t *record, ee_record_steps_t *steps);
// Moves `more` behind `steps`.
void ee_record_join_steps(ee_record_steps_t *steps, ee_record_steps_t more);

// Which part of which storage a buffer is.
eerie_status_t ee_record_locate(ee_record_t *record, const ee_hal_buffer_t *buffer,
                                ee_record_range_t *out_range, eerie_error_t *err);
// Adds a storage of this phase that no buffer has; `data`: bytes that outlive the record, or NULL.
eerie_status_t ee_record_add_storage(ee_record_t *record, uint64_t size, const uint8_t *data,
                                     size_t *out_index, eerie_error_t *err);
// Appends a copy.
eerie_status_t ee_record_copy(ee_record_t *record, const ee_record_range_t *target,
                              const ee_record_range_t *source, eerie_error_t *err);

#endif // EE_DRIVERS_RECORD_RECORD_H_
