// internal.h: what the record and its device share.
#ifndef EE_DRIVERS_RECORD_INTERNAL_H_
#define EE_DRIVERS_RECORD_INTERNAL_H_

#include "drivers/record/record.h"

// A copy of `size` bytes (zeros where `bytes` is NULL) and `extra` zeros behind them, aligned as
// buffers are, that lives as long as the record.
eerie_status_t ee_record_keep(ee_record_t *record, const void *bytes, size_t size, size_t extra,
                              void **out_copy, eerie_error_t *err);
eerie_status_t ee_record_add_library(ee_record_t *record, ee_str_t name, const uint32_t *constants,
                                     size_t constant_count, size_t *out_index, eerie_error_t *err);
// Appends a copy of `step` with its constants and `step->range_count` ranges.
eerie_status_t ee_record_add_step(ee_record_t *record, const ee_record_step_t *step,
                                  const ee_record_range_t *ranges, eerie_error_t *err);

#endif // EE_DRIVERS_RECORD_INTERNAL_H_
