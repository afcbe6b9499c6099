// replay.c: command lists that are executed more than once are recorded once.
//
// A list whose buffers come with each execution has a recording for each set of places that they
// had: calls mostly bring the same ones again, as memory comes back from the device's pool. A few
// are kept, the one that was not used for longest makes room.
#include "hal/queued.h"

#define KEPT          4u
#define KEY_BINDINGS  32u
#define WORDS_BINDING 3u

typedef struct recorded {
  uint64_t clock;
  ee_hal_recording_t *recordings[KEPT];
} recorded_t;

typedef struct key {
  uint64_t words[KEY_BINDINGS * WORDS_BINDING + 1];
  uint32_t count;
} key_t;

// What an observer changes in a recording: whether it is timed, whether kernels are left out.
static uint64_t observed_as(const ee_heap_t *heap) {
  return (ee_hal_observe_tells(heap) ? 1u : 0u) | (ee_hal_observe_skips(heap) ? 2u : 0u);
}

// Where each buffer of the table lies. Chunks are told by numbers that are never used again.
static eerie_status_t make_key(const ee_hal_queued_t *device, const ee_hal_operation_t *operation,
                               key_t *out_key, eerie_error_t *err) {
  const uint32_t count = operation->commands->binding_capacity;
  out_key->count = count * WORDS_BINDING + 1;
  uint64_t *words = out_key->words;
  *words++ = observed_as(device->base.heap);
  for (uint32_t i = 0; i < count; ++i, words += WORDS_BINDING) {
    memset(words, 0, WORDS_BINDING * sizeof *words);
    if (!operation->bindings[i].buffer) continue;
    ee_hal_range_t range;
    EE_TRY(ee_hal_range_resolve(&operation->bindings[i], NULL, 0, &range, err));
    words[0] = range.chunk->serial;
    words[1] = range.offset;
    words[2] = range.size;
  }
  return EERIE_OK;
}

static bool key_fits(const ee_hal_recording_t *recording, const key_t *key) {
  return recording->sound && recording->key_words == key->count &&
         memcmp(recording->key, key->words, key->count * sizeof *key->words) == 0;
}

// With the lock held: a recording for the key, or one to be made anew, or NULL.
static ee_hal_recording_t *find(recorded_t *recorded, const key_t *key, uint32_t *out_place) {
  ee_hal_recording_t *oldest = NULL;
  *out_place = KEPT;
  for (uint32_t i = 0; i < KEPT; ++i) {
    ee_hal_recording_t *recording = recorded->recordings[i];
    if (!recording) {
      *out_place = i;
      continue;
    }
    if (key_fits(recording, key)) {
      // The times of one that is timed belong to one submission.
      if (!key->words[0] || !recording->in_flight) return recording;
      continue;
    }
    if (!recording->in_flight && (!oldest || recording->last_used < oldest->last_used))
      oldest = recording;
  }
  return *out_place < KEPT ? NULL : oldest;
}

static eerie_status_t record_once(ee_hal_queued_t *device, const ee_hal_operation_t *operation,
                                  ee_hal_recording_t **out_recording, eerie_error_t *err) {
  ee_hal_recording_t *recording;
  EE_TRY(ee_hal_recording_take(device, &recording, err));
  const eerie_status_t status =
      device->queue_driver->record_list(device, recording, operation, false, err);
  if (status != EERIE_OK) {
    ee_hal_recording_give(device, recording);
    return status;
  }
  recording->in_flight = 1;
  *out_recording = recording;
  return EERIE_OK;
}

static eerie_status_t set_key(ee_hal_queued_t *device, ee_hal_recording_t *recording,
                              const key_t *key, eerie_error_t *err) {
  ee_heap_t *heap = device->base.heap;
  if (recording->key_words != key->count) {
    ee_heap_free(heap, recording->key, recording->key_words * sizeof *recording->key);
    recording->key = NULL;
    recording->key_words = 0;
    recording->key = ee_heap_allocate(heap, key->count * sizeof *key->words);
    if (!recording->key) return EE_NO_MEMORY(err, key->count * sizeof *key->words);
    recording->key_words = key->count;
  }
  memcpy(recording->key, key->words, key->count * sizeof *key->words);
  return EERIE_OK;
}

// Records into one that `in_flight` keeps from others.
static eerie_status_t record_kept(ee_hal_queued_t *device, ee_hal_recording_t *recording,
                                  const ee_hal_operation_t *operation, const key_t *key,
                                  eerie_error_t *err) {
  eerie_status_t status = set_key(device, recording, key, err);
  if (status == EERIE_OK)
    status = device->queue_driver->record_list(device, recording, operation, true, err);
  ee_hal_queued_lock(device);
  recording->sound = status == EERIE_OK;
  if (status != EERIE_OK) --recording->in_flight;
  ee_hal_queued_unlock(device);
  return status;
}

// The list's recordings, made when it is executed for the first time.
static recorded_t *recorded_of(ee_hal_queued_t *device, ee_hal_command_list_t *list) {
  ee_hal_queued_lock(device);
  if (!list->recorded)
    list->recorded = ee_heap_allocate_zeroed(device->base.heap, sizeof(recorded_t));
  recorded_t *recorded = list->recorded;
  ee_hal_queued_unlock(device);
  return recorded;
}

// Puts a new recording into an empty place; false: another thread has filled it.
static bool keep(ee_hal_queued_t *device, recorded_t *recorded, uint32_t place,
                 ee_hal_recording_t *recording) {
  ee_hal_queued_lock(device);
  const bool empty = !recorded->recordings[place];
  if (empty) {
    recorded->recordings[place] = recording;
    recording->kept = true;
    recording->sound = false;
    recording->in_flight = 1;
    recording->last_used = ++recorded->clock;
  }
  ee_hal_queued_unlock(device);
  return empty;
}

eerie_status_t ee_hal_replay_take(ee_hal_queued_t *device, const ee_hal_operation_t *operation,
                                  ee_hal_recording_t **out_recording, eerie_error_t *err) {
  ee_hal_command_list_t *list = operation->commands;
  const bool once =
      (list->mode & EE_HAL_COMMAND_MODE_ONE_SHOT) || list->binding_capacity > KEY_BINDINGS;
  recorded_t *recorded = once ? NULL : recorded_of(device, list);
  if (!recorded) return record_once(device, operation, out_recording, err);
  key_t key;
  EE_TRY(make_key(device, operation, &key, err));
  uint32_t place;
  ee_hal_queued_lock(device);
  ee_hal_recording_t *recording = find(recorded, &key, &place);
  const bool ready = recording && recording->sound && key_fits(recording, &key);
  if (recording) {
    ++recording->in_flight;
    recording->last_used = ++recorded->clock;
    if (!ready) recording->sound = false;
  }
  ee_hal_queued_unlock(device);
  if (!recording && place == KEPT) return record_once(device, operation, out_recording, err);
  if (!recording) {
    EE_TRY(ee_hal_recording_take(device, &recording, err));
    if (!keep(device, recorded, place, recording)) {
      ee_hal_recording_give(device, recording);
      return record_once(device, operation, out_recording, err);
    }
  }
  if (!ready) EE_TRY(record_kept(device, recording, operation, &key, err));
  *out_recording = recording;
  return EERIE_OK;
}

void ee_hal_queued_forget(ee_hal_command_list_t *list) {
  ee_hal_queued_t *device = ee_hal_queued(list->device);
  recorded_t *recorded = list->recorded;
  for (uint32_t i = 0; i < KEPT; ++i) {
    ee_hal_recording_t *recording = recorded->recordings[i];
    if (!recording) continue;
    recording->kept = recording->sound = false;
    ee_hal_recording_give(device, recording);
  }
  ee_heap_free(device->base.heap, recorded, sizeof *recorded);
  list->recorded = NULL;
}
