// write.c: what the writers of all formats share.
#include "params/params.h"

// How much is written between two reports, and given back of a mapping.
#define CHUNK_SIZE ((size_t)4 << 20)

eerie_status_t ee_params_write(ee_params_output_t *output, const void *data, size_t size) {
  if (size == 0) return EERIE_OK;
  const eerie_status_t status = output->write(output->user, data, size);
  if (status != EERIE_OK) {
    return EE_FAIL(output->err, status, "the archive could not be written past byte %llu",
                   (unsigned long long)output->done);
  }
  output->done += size;
  return EERIE_OK;
}

eerie_status_t ee_params_write_to(ee_params_output_t *output, uint64_t offset) {
  static const uint8_t zeros[64];
  while (output->done < offset) {
    const uint64_t rest = offset - output->done;
    EE_TRY(ee_params_write(output, zeros, rest < sizeof zeros ? (size_t)rest : sizeof zeros));
  }
  return EERIE_OK;
}

static eerie_status_t report(ee_params_output_t *output) {
  if (!output->progress) return EERIE_OK;
  const eerie_status_t status =
      output->progress(output->progress_user, output->done, output->total);
  if (status == EERIE_OK) return EERIE_OK;
  return EE_FAIL(output->err, status, "stopped after %llu of %llu bytes",
                 (unsigned long long)output->done, (unsigned long long)output->total);
}

eerie_status_t ee_params_write_entry(ee_params_output_t *output, const ee_params_entry_t *entry) {
  uint8_t filled[1024];
  const size_t limit = entry->data ? CHUNK_SIZE : sizeof filled;
  uint64_t reported = output->done;
  for (uint64_t at = 0; at < entry->size;) {
    const size_t size = entry->size - at < limit ? (size_t)(entry->size - at) : limit;
    if (entry->data) {
      EE_TRY(ee_params_write(output, entry->data + (size_t)at, size));
      ee_params_source_evict(entry->source, entry->data + (size_t)at, size);
    } else {
      ee_params_fill(entry, at, filled, size);
      EE_TRY(ee_params_write(output, filled, size));
    }
    at += size;
    if (output->done - reported < CHUNK_SIZE && at < entry->size) continue;
    reported = output->done;
    EE_TRY(report(output));
  }
  return EERIE_OK;
}
