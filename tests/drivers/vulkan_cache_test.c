// The pipeline cache's file: damaged, written by several at once and by processes that are killed.
#define _DEFAULT_SOURCE // usleep, popen
#include "drivers/vulkan_support.h"

// The only file in the folder of caches that was set up for this test.
static bool cache_file(char *out_path, size_t capacity) {
  char command[1100];
  snprintf(command, sizeof command, "ls \"%s\"/eerie/vulkan-*.bin 2>/dev/null",
           getenv("XDG_CACHE_HOME"));
  FILE *list = popen(command, "r");
  const bool found = list && fgets(out_path, (int)capacity, list);
  if (list) pclose(list);
  if (found) out_path[strcspn(out_path, "\n")] = 0;
  return found;
}

static void a_damaged_cache_is_not_used(void) {
  char path[1024], *bytes = NULL;
  program_t p;
  if (!opened(&p, "gpu_vulkan")) return;
  program_close(&p);
  if (!CHECK(cache_file(path, sizeof path))) return;
  FILE *file = fopen(path, "rb");
  fseek(file, 0, SEEK_END);
  const long size = ftell(file);
  rewind(file);
  bytes = malloc((size_t)size);
  CHECK_EQ_INT(fread(bytes, 1, (size_t)size, file), size);
  fclose(file);
  // Cut, changed, of another version, not of ours at all: each is replaced by a sound one.
  for (int defect = 0; defect < 4; ++defect) {
    file = fopen(path, "wb");
    if (!CHECK(file != NULL)) break;
    static const long places[] = {0, 8, 60, 0};
    if (defect < 3) bytes[places[defect]] ^= 1;
    fwrite(bytes, 1, (size_t)(defect == 3 ? size / 2 : size), file);
    if (defect < 3) bytes[places[defect]] ^= 1;
    fclose(file);
    if (!opened(&p, "gpu_vulkan")) break;
    CHECK_OK(call_product(&p, "multiply", 4, 1, NULL));
    program_close(&p);
  }
  free(bytes);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(a_damaged_cache_is_not_used),
  };
  return vulkan_main(argc, argv, cases, LENGTH(cases));
}
