// Archives of parameters: any bytes as .irpa, .gguf or .safetensors. Whatever is accepted lies in
// the file, is found by its key, and reads the same once written in either format.
#include "fuzz/fuzz.h"

#include "eerie/eerie_parameters.h"

typedef struct sink {
  uint8_t *data;
  size_t size, capacity;
} sink_t;

// Splats of a few bytes can stand for any size: what is too large to be written is not.
#define SIZE_LIMIT ((size_t)1 << 20)

static eerie_status_t write_part(void *user, const void *data, size_t size) {
  sink_t *sink = user;
  if (sink->size + size > SIZE_LIMIT) return EERIE_CANCELLED;
  if (sink->size + size > sink->capacity) {
    sink->capacity = 2 * (sink->size + size);
    sink->data = realloc(sink->data, sink->capacity);
    if (!sink->data) abort();
  }
  memcpy(sink->data + sink->size, data, size);
  sink->size += size;
  return EERIE_OK;
}

// Reads all there is; true when the bytes of all together are few.
static bool inspect(const eerie_parameters_t *set, const uint8_t *data, size_t size) {
  uint64_t total = 0;
  uint32_t sum = 0;
  eerie_parameter_info_t info, found;
  for (size_t i = 0; eerie_parameters_entry(set, i, &info); ++i) {
    FUZZ_REQUIRE(eerie_parameters_find(set, info.key, &found, NULL) == EERIE_OK);
    FUZZ_REQUIRE(found.key == info.key && found.data == info.data);
    if (info.data) {
      const uint8_t *bytes = info.data;
      FUZZ_REQUIRE(bytes >= data && info.size <= size && bytes + info.size <= data + size);
      for (size_t k = 0; k < info.size; ++k)
        sum += bytes[k];
    } else {
      FUZZ_REQUIRE(info.pattern_size && info.size % info.pattern_size == 0);
    }
    for (size_t k = 0; info.rank != SIZE_MAX && k < info.rank; ++k)
      FUZZ_REQUIRE(info.shape[k] >= 0);
    total = info.size > SIZE_LIMIT ? SIZE_LIMIT : total + info.size;
    if (total > SIZE_LIMIT) total = SIZE_LIMIT;
  }
  FUZZ_REQUIRE(sum != UINT32_MAX); // and so everything was read
  return total < SIZE_LIMIT / 2;
}

static void write_and_read(eerie_instance_t *instance, const eerie_parameters_t *set,
                           eerie_parameters_format_t format) {
  sink_t sink = {.data = NULL};
  eerie_error_t err = {0};
  eerie_parameters_t *again = NULL;
  const eerie_status_t status = eerie_parameters_write(set, format, write_part, &sink, NULL, &err);
  if (status == EERIE_OK) {
    if (eerie_parameters_create(instance, NULL, &again, NULL)) abort();
    FUZZ_REQUIRE(eerie_parameters_add_memory(again, sink.data, sink.size, NULL, NULL) == EERIE_OK);
    FUZZ_REQUIRE(eerie_parameters_count(again) == eerie_parameters_count(set));
    eerie_parameter_info_t a, b;
    for (size_t i = 0; eerie_parameters_entry(set, i, &a); ++i) {
      FUZZ_REQUIRE(eerie_parameters_find(again, a.key, &b, NULL) == EERIE_OK && a.size == b.size);
      FUZZ_REQUIRE(!a.data || a.size == 0 || memcmp(a.data, b.data, (size_t)a.size) == 0);
    }
    eerie_parameters_release(again);
  } else {
    FUZZ_REQUIRE(err.message[0]);
  }
  free(sink.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  eerie_error_t err = {0};
  eerie_instance_t *instance = NULL;
  eerie_parameters_t *set = NULL;
  const eerie_instance_options_t options = {.memory_limit = 64 << 20};
  if (eerie_instance_create(&options, &instance, &err)) abort();
  if (eerie_parameters_create(instance, "fuzz", &set, &err)) abort();
  uint8_t *copy = fuzz_copy(data, size);
  const eerie_status_t status = eerie_parameters_add_memory(set, copy, size, NULL, &err);
  if (status == EERIE_OK) {
    if (inspect(set, copy, size)) {
      write_and_read(instance, set, EERIE_PARAMETERS_IRPA);
      write_and_read(instance, set, EERIE_PARAMETERS_SAFETENSORS);
    }
  } else {
    FUZZ_REQUIRE(err.code == status && err.message[0]);
    FUZZ_REQUIRE(eerie_parameters_count(set) == 0);
  }
  eerie_parameters_release(set);
  eerie_instance_release(instance);
  free(copy);
  return 0;
}
