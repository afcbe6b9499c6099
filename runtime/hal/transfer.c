// transfer.c: where the fills, updates and copies of a command list work.
#include "hal/queued.h"

#define MOVED_PIECE (UINT64_C(16) << 20)

eerie_status_t ee_hal_fill_resolve(const ee_hal_command_t *command, const ee_hal_operation_t *table,
                                   ee_hal_range_t *out_target, eerie_error_t *err) {
  const uint32_t width = command->pattern_size;
  EE_TRY(ee_hal_range_resolve(&command->target, table, EE_HAL_ACCESS_WRITE, out_target, err));
  if ((width == 1 || width == 2 || width == 4 || width == 8) && out_target->size % width == 0)
    return EERIE_OK;
  return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                 "a fill of %llu bytes is not made of whole patterns of %u bytes",
                 (unsigned long long)out_target->size, width);
}

eerie_status_t ee_hal_update_resolve(const ee_hal_command_t *command,
                                     const ee_hal_operation_t *table, ee_hal_range_t *out_target,
                                     eerie_error_t *err) {
  EE_TRY(ee_hal_range_resolve(&command->target, table, EE_HAL_ACCESS_WRITE, out_target, err));
  if (out_target->size == command->target.size) return EERIE_OK;
  return EE_FAIL(err, EERIE_OUT_OF_RANGE, "an update of %llu bytes onto %llu",
                 (unsigned long long)command->target.size, (unsigned long long)out_target->size);
}

eerie_status_t ee_hal_copy_resolve(const ee_hal_command_t *command, const ee_hal_operation_t *table,
                                   ee_hal_range_t *out_source, ee_hal_range_t *out_target,
                                   eerie_error_t *err) {
  EE_TRY(ee_hal_range_resolve(&command->source, table, EE_HAL_ACCESS_READ, out_source, err));
  EE_TRY(ee_hal_range_resolve(&command->target, table, EE_HAL_ACCESS_WRITE, out_target, err));
  if (out_source->size == out_target->size) return EERIE_OK;
  return EE_FAIL(err, EERIE_OUT_OF_RANGE, "a copy of %llu bytes onto %llu",
                 (unsigned long long)out_source->size, (unsigned long long)out_target->size);
}

uint64_t ee_hal_moved_piece(uint64_t size) {
  return size < MOVED_PIECE ? size : MOVED_PIECE;
}

uint64_t ee_hal_moved_staging(const ee_hal_command_t *command, const ee_hal_operation_t *table) {
  ee_hal_range_t source, target;
  // What is wrong with it is said when it is recorded.
  if (ee_hal_copy_resolve(command, table, &source, &target, NULL) != EERIE_OK) return 0;
  return ee_hal_range_overlap(&source, &target) ? ee_hal_moved_piece(source.size) + 7 : 0;
}
