// NumPy's files as the command reads them: any bytes, several arrays in a row. What is written of
// an array reads as the same array.
#include "fuzz/fuzz.h"

#include "cli/npy.h"

static void write_and_read(const ee_cli_array_t *array) {
  ee_cli_text_t written = {0};
  ee_cli_npy_write(&written, array);
  ee_cli_array_t again = {0};
  size_t offset = 0;
  eerie_error_t err = {0};
  FUZZ_REQUIRE(ee_cli_npy_read(&written, "again", &offset, &again, &err) == EERIE_OK);
  FUZZ_REQUIRE(offset == written.size && again.size == array->size && again.rank == array->rank);
  FUZZ_REQUIRE(array->size == 0 || memcmp(again.data, array->data, array->size) == 0);
  ee_cli_array_free(&again);
  ee_cli_text_free(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint8_t *copy = fuzz_copy(data, size);
  const ee_cli_text_t content = {.data = (char *)copy, .size = size, .capacity = size};
  size_t offset = 0;
  for (int i = 0; i < 8; ++i) {
    const size_t before = offset;
    ee_cli_array_t array = {0};
    eerie_error_t err = {0};
    const eerie_status_t status = ee_cli_npy_read(&content, "fuzz.npy", &offset, &array, &err);
    FUZZ_REQUIRE(status == EERIE_OK || (err.code == status && err.message[0]));
    FUZZ_REQUIRE(offset <= size);
    if (status != EERIE_OK) {
      FUZZ_REQUIRE(array.data == NULL);
      break;
    }
    FUZZ_REQUIRE(offset > before);
    if (array.size <= size) write_and_read(&array);
    ee_cli_array_free(&array);
  }
  free(copy);
  return 0;
}
