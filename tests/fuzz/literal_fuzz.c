// Tensor literals of the command: "2x3xf32=1 2 3 4 5 6". What is read and printed reads again.
#include "fuzz/fuzz.h"

#include "cli/array.h"

enum { SIZE_MAX_TRIED = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size > 4096) return 0;
  char *text = malloc(size + 1);
  memcpy(text, data, size);
  text[size] = '\0';
  eerie_error_t err = {0};
  ee_cli_array_t array = {0}, again = {0};
  ee_cli_text_t printed = {0};
  // A literal may ask for any amount of memory; only small ones are filled here.
  const eerie_status_t typed = ee_cli_array_parse_type(text, strcspn(text, "="), &array, &err);
  if (typed == EERIE_OK && array.size > SIZE_MAX_TRIED) goto done;
  memset(&array, 0, sizeof array);
  const eerie_status_t status = ee_cli_array_parse(text, &array, &err);
  FUZZ_REQUIRE(status == EERIE_OK || (err.code == status && err.message[0]));
  FUZZ_REQUIRE(status == EERIE_OK || array.data == NULL);
  // Rows without elements may be too many to print.
  if (status != EERIE_OK || array.count > 64 || array.count == 0) goto done;
  ee_cli_array_format(&printed, &array, UINT64_MAX);
  FUZZ_REQUIRE(ee_cli_array_parse(printed.data, &again, &err) == EERIE_OK);
  FUZZ_REQUIRE(again.dtype == array.dtype && again.count == array.count);

done:
  ee_cli_text_free(&printed);
  ee_cli_array_free(&again);
  ee_cli_array_free(&array);
  free(text);
  return 0;
}
