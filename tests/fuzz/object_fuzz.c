// Files that `eerie embed` reads beside a module: any bytes as the object file with the kernels,
// and as what the compiler tells of them on the way.
#include "fuzz/fuzz.h"

#include <sys/stat.h>
#include <unistd.h>

#include "cli/embed.h"

static char object_path[2200], folder[2100];

static void remove_file(void) {
  unlink(object_path);
}

static void write_file(const char *path, const uint8_t *data, size_t size) {
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0) abort();
}

static void choose_paths(void) {
  const char *base = getenv("TMPDIR");
  snprintf(folder, sizeof folder, "%.2000s/eerie-fuzz-%ld", base && *base ? base : "/tmp",
           (long)getpid());
  snprintf(object_path, sizeof object_path, "%s.o", folder);
  atexit(remove_file);
}

// ---- The object file ---------------------------------------------------------------------------

static void try_object(const char *target_name) {
  const ee_cli_embed_target_t *target = ee_cli_embed_target(target_name);
  ee_cli_embed_object_t object;
  eerie_error_t err = {0};
  const eerie_status_t status = ee_cli_embed_object_read(object_path, target, &object, &err);
  if (status) {
    FUZZ_REQUIRE(err.code == status && err.message[0] && !object.kernels && !object.undefined);
    return;
  }
  // What firmware is written of.
  size_t length = strlen(object.query);
  for (size_t i = 0; i < object.kernel_count; ++i)
    length += object.kernels[i].name ? strlen(object.kernels[i].name) : 0;
  for (size_t i = 0; i < object.undefined_count; ++i)
    FUZZ_REQUIRE(ee_cli_embed_object_calls(&object, object.undefined[i]));
  for (const char *c = object.query; *c; ++c)
    FUZZ_REQUIRE(strchr(";(){}/\"\\ \n", *c) == NULL && (uint8_t)*c < 0x80);
  FUZZ_REQUIRE(length < SIZE_MAX);
  ee_cli_embed_object_free(&object);
}

// ---- What the compiler tells -------------------------------------------------------------------

static void try_accesses(const uint8_t *data, size_t size) {
  char path[2200];
  if (mkdir(folder, 0777) != 0) abort();
  snprintf(path, sizeof path, "%s/model.stream.mlir", folder);
  write_file(path, data, size);
  ee_cli_embed_accesses_t accesses;
  ee_cli_embed_accesses_read(folder, &accesses);
  FUZZ_REQUIRE(access(folder, F_OK) != 0);
  FUZZ_REQUIRE(accesses.count == 0 || accesses.items != NULL);
  ee_cli_embed_accesses_free(&accesses);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!object_path[0]) choose_paths();
  write_file(object_path, data, size);
  try_object("cortex-m4f");
  try_object("rv64gc");
  if (size && data[0] != 0x7F) try_accesses(data, size);
  return 0;
}
