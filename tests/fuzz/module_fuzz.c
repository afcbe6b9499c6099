// Reader, verifier and disassembler: any bytes as a module.
#include "fuzz/fuzz.h"

static void take_line(void *user, const char *line) {
  *(size_t *)user += strlen(line);
}

// Everything that can be asked of a module without running it.
static void inspect(const eerie_module_t *module) {
  eerie_module_info_t info = {0};
  eerie_module_info(module, &info);
  size_t sum = strlen(info.name);
  eerie_export_info_t export_info;
  for (size_t i = 0; eerie_module_export(module, i, &export_info); ++i)
    sum += strlen(export_info.name) + strlen(export_info.declaration) +
           strlen(export_info.calling_convention);
  eerie_import_info_t import_info;
  for (size_t i = 0; eerie_module_import(module, i, &import_info); ++i)
    sum += strlen(import_info.name) + strlen(import_info.calling_convention);
  const void *data = NULL;
  size_t size = 0;
  for (size_t i = 0; eerie_module_constant(module, i, &data, &size); ++i)
    for (size_t k = 0; k < size; ++k)
      sum += ((const uint8_t *)data)[k];
  for (size_t i = 0; i < info.function_count; ++i)
    (void)eerie_module_disassemble(module, i, take_line, &sum, NULL);
  FUZZ_REQUIRE(sum != SIZE_MAX); // and so everything was read
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  eerie_error_t err = {0};
  eerie_instance_t *instance = NULL;
  eerie_module_t *module = NULL;
  if (eerie_instance_create(&(eerie_instance_options_t){.memory_limit = 64 << 20}, &instance, &err))
    abort();
  uint8_t *copy = fuzz_copy(data, size);
  const eerie_status_t status = eerie_module_load_memory(instance, copy, size, NULL, &module, &err);
  FUZZ_REQUIRE((status == EERIE_OK) == (module != NULL));
  if (module) {
    inspect(module);
  } else {
    FUZZ_REQUIRE(err.code == status && err.message[0]);
  }
  eerie_module_release(module);
  eerie_instance_release(instance);
  free(copy);
  return 0;
}
