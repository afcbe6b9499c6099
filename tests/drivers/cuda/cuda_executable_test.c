// Executables for CUDA that are cut and changed, and PTX that says other things than its file.
#define _DEFAULT_SOURCE // usleep
#include "drivers/cuda/cuda_support.h"

#define GPU_MAGIC  "CDA1"
#define GPU_FORMAT "cuda-nvptx-fb"
#include "drivers/gpu_images.h"

static void executables_are_checked(void) {
  gpu_variant(0);
  fixture_t f;
  size_t size = 0;
  uint8_t *image = find_image(&size);
  if (!image || !open_gpu(&f)) return;
  // A container of a few hundred bytes: those behind it are the text, which the library compiles.
  damage(&f, image, size);
  free(image);
  close_gpu(&f);
}

// Puts `text` over the first place where `found` stands; they are of one length.
static bool put(uint8_t *image, size_t size, const char *found, const char *text) {
  const size_t length = strlen(found);
  CHECK_EQ_INT(strlen(text), length);
  for (size_t i = 0; i + length <= size; ++i) {
    if (memcmp(image + i, found, length) != 0) continue;
    memcpy(image + i, text, length);
    return true;
  }
  return CHECK(false);
}

static void text_is_checked(void) {
  static const struct {
    const char *found, *text;
    eerie_status_t status;
    const char *message;
  } changes[] = {
      {".target sm_80", ".target sm_90", EERIE_INCOMPATIBLE, "sm_90"},
      {".target sm_80", ".target xm_80", EERIE_DATA_LOSS, "xm_80"},
      {".target sm_80", ".tarxet sm_80", EERIE_DATA_LOSS, ".target"},
      {".version", ".vorsion", EERIE_DATA_LOSS, ".version"},
      // The library would read an argument that is not there.
      {".param .u64", ".param .u32", EERIE_DATA_LOSS, "words"},
      {".visible .entry ", ".visible .antry ", EERIE_DATA_LOSS, "no kernel"},
  };
  gpu_variant(0);
  fixture_t f;
  size_t size = 0;
  uint8_t *image = find_image(&size);
  if (!image || !open_gpu(&f)) return;
  uint8_t *changed = malloc(size);
  for (size_t i = 0; i < LENGTH(changes); ++i) {
    eerie_error_t err = {0};
    memcpy(changed, image, size);
    if (!put(changed, size, changes[i].found, changes[i].text)) continue;
    CHECK_STATUS(load(&f, changed, size, &err), changes[i].status);
    CHECK_CONTAINS(err.message, changes[i].message);
  }
  free(changed);
  free(image);
  close_gpu(&f);
}

// What the library's compiler says is in the error.
static void the_log_is_told(void) {
  gpu_variant(0);
  fixture_t f;
  size_t size = 0;
  uint8_t *image = find_image(&size);
  if (!image || !open_gpu(&f)) return;
  eerie_error_t err = {0};
  if (put(image, size, "mov.", "nov.")) {
    CHECK(load(&f, image, size, &err) != EERIE_OK);
    CHECK_CONTAINS(err.message, "nov");
    CHECK_CONTAINS(err.message, "cuModuleLoadDataEx");
  }
  free(image);
  close_gpu(&f);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(executables_are_checked),
      RUN(text_is_checked),
      RUN(the_log_is_told),
  };
  return cuda_main(argc, argv, cases, LENGTH(cases));
}
