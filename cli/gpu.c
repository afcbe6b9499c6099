// gpu.c: devices that are named by what they can do.
#include "gpu.h"

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

enum { RANKS = 3 };

// GPUs, then the CPU with all its cores, then what emulates a GPU.
static int rank_of(const eerie_device_info_t *info) {
  if (strcmp(info->driver, "cpu") != 0) return info->emulated ? 2 : 0;
  return strcmp(info->name, "local-task") == 0 ? 1 : -1;
}

// Whether the modules run there: their initialisers look for kernels that the device takes.
static bool runs_on(const ee_cli_model_t *model, eerie_device_t *device, eerie_error_t *err) {
  eerie_program_t *program = NULL;
  const eerie_program_options_t options = {
      .modules = model->modules,
      .module_count = model->module_count,
      .device = device,
      .parameters = model->parameters.sets,
      .parameters_count = model->parameters.count,
  };
  const eerie_status_t status = eerie_program_create(model->instance, &options, &program, err);
  eerie_program_release(program);
  return status == EERIE_OK;
}

int ee_cli_device_auto(const eerie_device_options_t *options, ee_cli_model_t *model,
                       eerie_device_t **out_device) {
  eerie_error_t err = {0};
  eerie_device_info_t info;
  for (int rank = 0; rank < RANKS; ++rank) {
    for (size_t i = 0; eerie_device_list(model->instance, i, &info); ++i) {
      if (rank_of(&info) != rank ||
          eerie_device_open_with(model->instance, info.name, options, out_device, &err)) {
        continue;
      }
      if (runs_on(model, *out_device, &err)) {
        fprintf(stderr, "device: %s, %s\n", info.name, info.description);
        return EE_CLI_OK;
      }
      eerie_device_release(*out_device);
      *out_device = NULL;
    }
  }
  // The last one that was tried says what is wrong.
  return ee_cli_fail(EE_CLI_INCOMPATIBLE, "--device=auto: no device runs the module; the last: %s",
                     err.message);
}
