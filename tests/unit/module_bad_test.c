// Malformed module files: each is refused with its own message; whatever is cut off or changed in a
// file never makes the loader crash, hang, leak or read beyond the bytes. The files are made by
// tests/modules/make_bad.py.
#include "unit/module_test.h"

#define CORPUS_DIR EERIE_TEST_BINARY_DIR "/modules_bad/"

static const char *const good_files[] = {"good/core.vmfb", "good/bare.vmfb", "good/floats.vmfb",
                                         "good/tensor.vmfb"};
enum { GOOD_COUNT = sizeof good_files / sizeof good_files[0] };

static ee_bytes_t read_corpus_file(const char *name) {
  char path[1024];
  snprintf(path, sizeof path, CORPUS_DIR "%s", name);
  return test_read_file(path);
}

static void loads_the_good_ones(void) {
  for (size_t i = 0; i < GOOD_COUNT; ++i) {
    const ee_bytes_t file = read_corpus_file(good_files[i]);
    REQUIRE(file.data != NULL);
    eerie_error_t err = {0};
    if (!CHECK_OK(test_load(file.data, file.size, &err))) {
      fprintf(stderr, "  %s: %s\n", good_files[i], err.message);
    }
    free((void *)(uintptr_t)file.data);
  }
}

// One line of the manifest: file, status, text, with tabs between.
static void check_refusal(char *line) {
  char *status_name = strchr(line, '\t');
  char *text = status_name ? strchr(status_name + 1, '\t') : NULL;
  REQUIRE(text != NULL);
  *status_name++ = '\0';
  *text++ = '\0';
  text[strcspn(text, "\n")] = '\0';
  const ee_bytes_t file = read_corpus_file(line);
  REQUIRE(file.data != NULL);
  eerie_error_t err = {0};
  const eerie_status_t status = test_load(file.data, file.size, &err);
  free((void *)(uintptr_t)file.data);
  const bool same = strcmp(eerie_status_name(status), status_name) == 0;
  const bool told = !EERIE_MESSAGES || strstr(err.message, text) != NULL;
  if (same && told && err.code == status) return;
  ++check_failures;
  fprintf(stderr, "%s: %s \"%s\", expected %s \"...%s...\"\n", line, eerie_status_name(status),
          err.message, status_name, text);
}

static void refuses_every_malformed_module(void) {
  FILE *manifest = fopen(CORPUS_DIR "manifest.txt", "r");
  REQUIRE(manifest != NULL);
  char line[1024];
  int count = 0;
  for (; fgets(line, sizeof line, manifest); ++count)
    check_refusal(line);
  fclose(manifest);
  printf("%d malformed modules\n", count);
  CHECK(count >= 300);
}

// A prefix may still load when only the ZIP directory behind the data is gone.
static void survives_truncation(void) {
  for (size_t i = 0; i < GOOD_COUNT; ++i) {
    const ee_bytes_t file = read_corpus_file(good_files[i]);
    REQUIRE(file.data != NULL);
    size_t smallest_loaded = file.size;
    for (size_t size = 0; size < file.size; ++size) {
      if (test_load(file.data, size, NULL) != EERIE_OK) continue;
      if (size < smallest_loaded) smallest_loaded = size;
    }
    CHECK(smallest_loaded + 400 > file.size);
    free((void *)(uintptr_t)file.data);
  }
}

static void survives_single_byte_changes(void) {
  static const uint8_t masks[] = {0x01, 0x02, 0x40, 0x80, 0xFF};
  for (size_t i = 0; i < GOOD_COUNT; ++i) {
    const ee_bytes_t file = read_corpus_file(good_files[i]);
    REQUIRE(file.data != NULL);
    uint8_t *data = (uint8_t *)(uintptr_t)file.data;
    size_t loaded = 0;
    for (size_t at = 0; at < file.size; ++at) {
      const uint8_t old = data[at];
      for (size_t m = 0; m < sizeof masks; ++m) {
        data[at] = old ^ masks[m];
        loaded += test_load(data, file.size, NULL) == EERIE_OK;
      }
      data[at] = old;
    }
    printf("%s: %zu of %zu changed files load\n", good_files[i], loaded, file.size * sizeof masks);
    free(data);
  }
}

static void survives_every_failing_allocation(void) {
  for (size_t i = 0; i < GOOD_COUNT; ++i) {
    const ee_bytes_t file = read_corpus_file(good_files[i]);
    REQUIRE(file.data != NULL);
    long allowed = 0;
    for (;; ++allowed) {
      test_allocations_left = allowed;
      eerie_error_t err = {0};
      const eerie_status_t status = test_load(file.data, file.size, &err);
      if (status == EERIE_OK) break;
      if (!CHECK_STATUS(status, EERIE_RESOURCE_EXHAUSTED)) break;
    }
    test_allocations_left = -1;
    CHECK(allowed > 1);
    free((void *)(uintptr_t)file.data);
  }
}

int main(int argc, char **argv) {
  FILE *manifest = fopen(CORPUS_DIR "manifest.txt", "r");
  if (!manifest) {
    printf("skipped: no corpus in " CORPUS_DIR " (make_bad.py found no compiler)\n");
    return 77;
  }
  fclose(manifest);
  static const check_case_t cases[] = {
      RUN(loads_the_good_ones),
      RUN(refuses_every_malformed_module),
      RUN(survives_truncation),
      RUN(survives_single_byte_changes),
      RUN(survives_every_failing_allocation),
  };
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
