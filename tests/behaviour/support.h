// support.h: what the programs of tests/behaviour share: an instance with a device and a program of
// one golden module, and short names for tensors.
//
// EERIE_TEST_MODULES is the folder that compile_modules.py filled.
#ifndef EERIE_TESTS_BEHAVIOUR_SUPPORT_H_
#define EERIE_TESTS_BEHAVIOUR_SUPPORT_H_

#include <stdlib.h>

#include "eerie/eerie.h"

#include "unit/check.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

typedef struct setup {
  eerie_instance_t *instance;
  eerie_device_t *device;
  eerie_module_t *module;
  eerie_program_t *program;
} setup_t;

// Path of a golden module; valid until the next call.
CHECK_HELPER const char *module_path(const char *name) {
  static char path[1024];
  snprintf(path, sizeof path, "%s/%s.vmfb", EERIE_TEST_MODULES, name);
  return path;
}

// Reports the error where it should not be one; the value of the check.
CHECK_HELPER bool fine(eerie_status_t status, const eerie_error_t *err) {
  if (status == EERIE_OK) return true;
  fprintf(stderr, "%s: %s\n", eerie_status_name(status), err->message);
  return CHECK_OK(status);
}

// Opens all of it for `name`; false, with everything released, when that fails.
CHECK_HELPER void close_setup(setup_t *s) {
  eerie_program_release(s->program);
  eerie_module_release(s->module);
  eerie_device_release(s->device);
  if (s->instance) {
    size_t current = 0, peak = 0;
    eerie_instance_memory(s->instance, &current, &peak);
    CHECK(peak >= current);
  }
  eerie_instance_release(s->instance);
  memset(s, 0, sizeof *s);
}

// "local-sync"; with EERIE_TEST_THREADS set "local-task" with so many threads.
CHECK_HELPER eerie_status_t open_device(eerie_instance_t *instance, eerie_device_t **out_device,
                                        eerie_error_t *err) {
  const char *threads = getenv("EERIE_TEST_THREADS");
  if (!threads) return eerie_device_open(instance, "local-sync", out_device, err);
  const eerie_device_options_t options = {.threads = strtoul(threads, NULL, 10)};
  return eerie_device_open_with(instance, "local-task", &options, out_device, err);
}

CHECK_HELPER bool open_setup_with(setup_t *s, const char *name,
                                  const eerie_instance_options_t *options,
                                  eerie_program_options_t program_options) {
  eerie_error_t err = {0};
  memset(s, 0, sizeof *s);
  if (fine(eerie_instance_create(options, &s->instance, &err), &err) &&
      fine(open_device(s->instance, &s->device, &err), &err) &&
      fine(eerie_module_load_file(s->instance, module_path(name), NULL, &s->module, &err), &err)) {
    program_options.module = s->module;
    program_options.device = s->device;
    if (fine(eerie_program_create(s->instance, &program_options, &s->program, &err), &err))
      return true;
  }
  close_setup(s);
  return false;
}

CHECK_HELPER bool open_setup(setup_t *s, const char *name) {
  return open_setup_with(s, name, NULL, (eerie_program_options_t){0});
}

CHECK_HELPER eerie_function_t *function_of(const setup_t *s, const char *name) {
  eerie_error_t err = {0};
  eerie_function_t *function = NULL;
  fine(eerie_program_find(s->program, name, &function, &err), &err);
  return function;
}

// A vector, or NULL after a failed check.
CHECK_HELPER eerie_tensor_t *vector(const setup_t *s, eerie_dtype_t dtype, int64_t length,
                                    const void *data) {
  eerie_error_t err = {0};
  eerie_tensor_t *tensor = NULL;
  fine(eerie_tensor_create(s->device, dtype, 1, &length, data, &tensor, &err), &err);
  return tensor;
}

CHECK_HELPER eerie_value_t tensor_value(eerie_tensor_t *tensor) {
  return (eerie_value_t){.kind = EERIE_KIND_TENSOR, .as.tensor = tensor};
}

CHECK_HELPER float float_at(const eerie_tensor_t *tensor, size_t index) {
  const float *data = tensor ? eerie_tensor_data(tensor) : NULL;
  return data ? data[index] : NAN;
}

static const float one_to_four[4] = {1, 2, 3, 4};
static const float tens[4] = {10, 20, 30, 40};

#endif // EERIE_TESTS_BEHAVIOUR_SUPPORT_H_
