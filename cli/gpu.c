// gpu.c: devices that are named by what they can do.
#include "gpu.h"

#include <stdlib.h>
#include <string.h>

#include "cli.h"

// ---- Targets -----------------------------------------------------------------------------------

// The first device of the driver, one that is no emulation where there is one.
static bool first_of(eerie_instance_t *instance, const char *driver,
                     eerie_device_info_t *out_info) {
  bool found = false;
  eerie_device_info_t info;
  for (size_t i = 0; eerie_device_list(instance, i, &info); ++i) {
    if (strcmp(info.driver, driver) != 0 || !info.target) continue;
    if (!found || (out_info->emulated && !info.emulated)) *out_info = info;
    found = true;
  }
  return found;
}

const char *ee_cli_native_target(const char *target) {
  static const char suffix[] = ":native";
  const size_t length = strlen(target), driver_length = length - (sizeof suffix - 1);
  char driver[16];
  if (length < sizeof suffix || strcmp(target + driver_length, suffix) != 0 ||
      driver_length >= sizeof driver) {
    return target;
  }
  memcpy(driver, target, driver_length);
  driver[driver_length] = 0;
  eerie_error_t err = {0};
  eerie_instance_t *instance = NULL;
  const eerie_status_t status = eerie_instance_create(NULL, &instance, &err);
  if (status) {
    ee_cli_fail_error(ee_cli_exit_code(status), &err);
    return NULL;
  }
  eerie_device_info_t info = {0};
  const bool found = first_of(instance, driver, &info);
  eerie_instance_release(instance);
  if (found) return info.target;
  ee_cli_fail(EE_CLI_INCOMPATIBLE,
              "--target=%s: this machine has no device of driver '%s' (see "
              "eerie devices)",
              target, driver);
  return NULL;
}

// ---- Devices -----------------------------------------------------------------------------------

enum { GPU, CPU, EMULATED, SINGLE_THREAD, RANKS };

// GPUs, then the CPU with all its cores, then what emulates a GPU. The CPU on one thread is for
// programs that want two CPUs.
static int rank_of(const eerie_device_info_t *info) {
  if (strcmp(info->driver, "cpu") != 0) return info->emulated ? EMULATED : GPU;
  return strcmp(info->name, "local-task") == 0 ? CPU : SINGLE_THREAD;
}

// Whether the modules run on the model's devices: their initialisers look for those that they want
// and for kernels that these take.
static bool runs(const ee_cli_model_t *model, eerie_error_t *err) {
  eerie_program_t *program = NULL;
  const eerie_program_options_t options = {
      .modules = model->modules,
      .module_count = model->module_count,
      .devices = model->devices,
      .device_count = model->device_count,
      .parameters = model->parameters.sets,
      .parameters_count = model->parameters.count,
  };
  const eerie_status_t status = eerie_program_create(model->instance, &options, &program, err);
  eerie_program_release(program);
  return status == EERIE_OK;
}

static bool add_device(const eerie_device_options_t *options, ee_cli_model_t *model,
                       const char *name, eerie_error_t *err) {
  eerie_device_t **devices =
      realloc(model->devices, (model->device_count + 1) * sizeof(eerie_device_t *));
  if (!devices) return false;
  model->devices = devices;
  eerie_device_t **const place = &devices[model->device_count];
  if (eerie_device_open_with(model->instance, name, options, place, err)) return false;
  ++model->device_count;
  return true;
}

static void remove_device(ee_cli_model_t *model, size_t index) {
  eerie_device_release(model->devices[index]);
  --model->device_count;
  memmove(&model->devices[index], &model->devices[index + 1],
          (model->device_count - index) * sizeof(eerie_device_t *));
}

static void say(const ee_cli_model_t *model, size_t first) {
  for (size_t i = first; i < model->device_count; ++i) {
    const char *const name = eerie_device_name(model->devices[i]);
    eerie_device_info_t info;
    for (size_t k = 0; eerie_device_list(model->instance, k, &info); ++k)
      if (strcmp(info.name, name) == 0) fprintf(stderr, "device: %s, %s\n", name, info.description);
  }
}

// One device more. The last one that was tried says what is wrong.
static bool add_best(const eerie_device_options_t *options, ee_cli_model_t *model,
                     eerie_error_t *err) {
  eerie_device_info_t info;
  for (int rank = 0; rank < SINGLE_THREAD; ++rank) {
    for (size_t i = 0; eerie_device_list(model->instance, i, &info); ++i) {
      if (rank_of(&info) != rank || !add_device(options, model, info.name, err)) continue;
      if (runs(model, err)) return true;
      remove_device(model, model->device_count - 1);
    }
  }
  return false;
}

// As many more as the modules want: all, less those that they run without, the worst first.
static bool add_several(const eerie_device_options_t *options, ee_cli_model_t *model) {
  const size_t first = model->device_count;
  eerie_error_t err = {0};
  eerie_device_info_t info;
  for (int rank = 0; rank < RANKS; ++rank) {
    for (size_t i = 0; eerie_device_list(model->instance, i, &info); ++i)
      if (rank_of(&info) == rank) add_device(options, model, info.name, &err);
  }
  const bool enough = runs(model, &err);
  for (size_t i = model->device_count; i-- > first;) {
    eerie_device_t *const device = model->devices[i];
    eerie_device_retain(device);
    remove_device(model, i);
    if (enough && !runs(model, &err)) {
      memmove(&model->devices[i + 1], &model->devices[i],
              (model->device_count - i) * sizeof(eerie_device_t *));
      model->devices[i] = device;
      ++model->device_count;
    } else {
      eerie_device_release(device);
    }
  }
  return enough;
}

int ee_cli_devices_auto(const eerie_device_options_t *options, ee_cli_model_t *model) {
  const size_t first = model->device_count;
  eerie_error_t err = {0};
  if (!add_best(options, model, &err) && !add_several(options, model)) {
    return ee_cli_fail(EE_CLI_INCOMPATIBLE,
                       "--device=auto: no device runs the module; the last: %s", err.message);
  }
  say(model, first);
  return EE_CLI_OK;
}
