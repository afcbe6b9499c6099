// model.c: from module files to a function that can be called.
#include "model.h"
#include "gpu.h"

#include <stdlib.h>
#include <string.h>

#include "eerie/eerie_kernels.h"

static int out_of_memory(void) {
  return ee_cli_fail(EE_CLI_FAILED, "out of memory");
}

void ee_cli_model_options_free(ee_cli_model_options_t *options) {
  ee_cli_strings_free(&options->modules);
  ee_cli_strings_free(&options->devices);
  ee_cli_strings_free(&options->inputs);
  ee_cli_strings_free(&options->parameters);
  ee_cli_strings_free(&options->plugins);
}

// ---- Modules -----------------------------------------------------------------------------------

static void release_image(void *user, const void *data, size_t size) {
  (void)data;
  (void)size;
  free(user);
}

static eerie_status_t load_standard_input(eerie_instance_t *instance, eerie_module_t **out_module,
                                          eerie_error_t *err) {
  ee_cli_text_t content = {0};
  eerie_status_t status = ee_cli_read_file("-", &content, err);
  if (status) return status;
  // Constants are used in place when the image is aligned.
  ee_cli_array_t image = {.size = content.size};
  status = ee_cli_array_allocate(&image, err);
  if (!status) {
    if (content.size) memcpy(image.data, content.data, content.size);
    const eerie_module_options_t options = {.release = release_image, .user = image.data};
    status =
        eerie_module_load_memory(instance, image.data, content.size, &options, out_module, err);
    if (status) ee_cli_array_free(&image);
  }
  ee_cli_text_free(&content);
  return status;
}

// `preload` NULL: mapped.
static int load_module(eerie_instance_t *instance, const char *path,
                       const eerie_allocator_t *preload, eerie_module_t **out_module) {
  eerie_error_t err = {0};
  const bool standard = strcmp(path, "-") == 0;
  const eerie_status_t status =
      standard  ? load_standard_input(instance, out_module, &err)
      : preload ? ee_cli_module_preload(instance, path, *preload, out_module, &err)
                : eerie_module_load_file(instance, path, NULL, out_module, &err);
  if (!status) return EE_CLI_OK;
  // The file is named once, whether or not the library has done so.
  const char *const name = standard ? "standard input" : path;
  const int exit_code = ee_cli_exit_code_of_file(status);
  if (strstr(err.message, name)) return ee_cli_fail_error(exit_code, &err);
  return ee_cli_fail(exit_code, "%s: %s (%s)", name, err.message, eerie_status_name(status));
}

int ee_cli_load_module(eerie_instance_t *instance, const char *path, eerie_module_t **out_module) {
  return load_module(instance, path, NULL, out_module);
}

static const char *module_path(const ee_cli_strings_t *named, const ee_cli_strings_t *positional,
                               size_t index) {
  return index < named->count ? named->items[index] : positional->items[index - named->count];
}

// iree-run-module's mode alone asks for what a mapping gives just as well.
static bool wants_copies(const ee_cli_model_options_t *options) {
  return options->huge_pages && options->module_mode &&
         strcmp(options->module_mode, "preload") == 0;
}

static int load_modules(const ee_cli_model_options_t *options, const ee_cli_strings_t *positional,
                        eerie_allocator_t allocator, ee_cli_model_t *model) {
  const ee_cli_strings_t *const named = &options->modules;
  const size_t count = named->count + positional->count;
  model->modules = calloc(count, sizeof(eerie_module_t *));
  if (!model->modules) return out_of_memory();
  for (size_t i = 0; i < count; ++i) {
    model->name = module_path(named, positional, i);
    const int exit_code =
        load_module(model->instance, model->name, wants_copies(options) ? &allocator : NULL,
                    &model->modules[i]);
    if (exit_code) return exit_code;
    ++model->module_count;
  }
  return EE_CLI_OK;
}

// ---- Devices -----------------------------------------------------------------------------------

// Microseconds; the device takes -1 for none at all.
static int read_spin(const char *text, int32_t *out_spin_us) {
  *out_spin_us = 0;
  if (!text || !*text) return EE_CLI_OK;
  char *end;
  const long number = strtol(text, &end, 10);
  if (*end || number < 0 || number > INT32_MAX) {
    return ee_cli_fail(EE_CLI_USAGE, "--spin_us: '%s' is not a number of microseconds", text);
  }
  *out_spin_us = number ? (int32_t)number : -1;
  return EE_CLI_OK;
}

static int open_devices(const ee_cli_model_options_t *options, ee_cli_model_t *model) {
  const ee_cli_strings_t *const names = &options->devices;
  eerie_device_options_t device_options = {
      .threads = (size_t)(options->threads ? options->threads : options->group_count),
      .max_threads = (size_t)options->max_threads,
      .cpus = options->cpus && *options->cpus ? options->cpus : NULL,
  };
  const int exit_code = read_spin(options->spin_us, &device_options.spin_us);
  if (exit_code) return exit_code;
  // Who asks for threads asks for the device that has them.
  const char *const first = options->threads ? "local-task" : NULL;
  eerie_error_t err = {0};
  const size_t count = names->count ? names->count : 1;
  for (size_t i = 0; i < count; ++i) {
    const char *const name = names->count ? names->items[i] : first;
    if (name && strcmp(name, "auto") == 0) {
      const int chosen = ee_cli_devices_auto(&device_options, model);
      if (chosen) return chosen;
      continue;
    }
    eerie_device_t **devices =
        realloc(model->devices, (model->device_count + 1) * sizeof(eerie_device_t *));
    if (!devices) return out_of_memory();
    model->devices = devices;
    const eerie_status_t status = eerie_device_open_with(model->instance, name, &device_options,
                                                         &devices[model->device_count], &err);
    if (status == EERIE_NOT_FOUND || status == EERIE_INVALID_ARGUMENT)
      return ee_cli_fail_error(EE_CLI_INCOMPATIBLE, &err);
    if (status) return ee_cli_fail_error(ee_cli_exit_code(status), &err);
    ++model->device_count;
  }
  return EE_CLI_OK;
}

// Each device gets all of them.
static int add_plugins(const ee_cli_strings_t *paths, ee_cli_model_t *model) {
  eerie_error_t err = {0};
  for (size_t i = 0; i < model->device_count; ++i) {
    for (size_t j = 0; j < paths->count; ++j) {
      const eerie_status_t status =
          eerie_device_add_plugin(model->devices[i], paths->items[j], &err);
      if (status) return ee_cli_fail_error(ee_cli_exit_code_of_file(status), &err);
    }
  }
  return EE_CLI_OK;
}

// ---- Program -----------------------------------------------------------------------------------

static void print_trace(void *user, const char *line, size_t length) {
  (void)user;
  fflush(stdout);
  fwrite(line, 1, length, stderr);
  fputc('\n', stderr);
}

static uint32_t clamp_u32(uint64_t number) {
  return number > UINT32_MAX ? UINT32_MAX : (uint32_t)number;
}

int ee_cli_model_link(const ee_cli_model_options_t *options, ee_cli_model_t *model,
                      void (*trace)(void *user, const char *line, size_t length), void *user) {
  eerie_error_t err = {0};
  const eerie_program_options_t program_options = {
      .modules = model->modules,
      .module_count = model->module_count,
      .devices = model->devices,
      .device_count = model->device_count,
      .step_limit = options->step_limit,
      .trace = trace,
      .trace_user = user,
      .wait_limit_ms = clamp_u32(options->wait_limit_ms),
      .parameters = model->parameters.sets,
      .parameters_count = model->parameters.count,
      .no_native = options->no_native,
  };
  eerie_program_release(model->program);
  model->program = NULL;
  model->function = NULL;
  const eerie_status_t status =
      eerie_program_create(model->instance, &program_options, &model->program, &err);
  if (!status) return EE_CLI_OK;
  // An import that nothing provides: the module is for another set of modules or release.
  const bool unlinked = status == EERIE_NOT_FOUND || status == EERIE_UNIMPLEMENTED;
  // What it misses among its parameters is wrong with their files.
  const bool weights = strstr(err.message, "io_parameters.") != NULL;
  const int exit_code = weights    ? EE_CLI_BAD_INPUT
                        : unlinked ? EE_CLI_INCOMPATIBLE
                                   : ee_cli_exit_code(status);
  // The last module stands for all: it is what the others are for.
  return ee_cli_fail(exit_code, "%s: %s (%s)", model->name, err.message, eerie_status_name(status));
}

static int check_options(const ee_cli_model_options_t *options,
                         const ee_cli_strings_t *positional) {
  if (options->modules.count + positional->count == 0)
    return ee_cli_fail(EE_CLI_USAGE, "no module given; expected --module=FILE.vmfb");
  const char *const mode = options->module_mode;
  if (mode && strcmp(mode, "mmap") != 0 && strcmp(mode, "preload") != 0)
    return ee_cli_fail(EE_CLI_USAGE, "--module_mode: '%s' is not preload or mmap", mode);
  return EE_CLI_OK;
}

static int choose_pages(const char *how, eerie_pages_t *out_pages) {
  static const char *const names[] = {"auto", "off", "reserved"};
  *out_pages = EERIE_PAGES_DEFAULT;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
    if (how && strcmp(how, names[i]) != 0) continue;
    *out_pages = (eerie_pages_t)i;
    return EE_CLI_OK;
  }
  return ee_cli_fail(EE_CLI_USAGE, "--huge-pages: '%s' is not auto, off or reserved", how);
}

int ee_cli_model_load(const ee_cli_model_options_t *options, const ee_cli_strings_t *positional,
                      ee_cli_model_t *model) {
  *model = (ee_cli_model_t){0};
  eerie_pages_t pages;
  int exit_code = check_options(options, positional);
  if (!exit_code) exit_code = choose_pages(options->huge_pages, &pages);
  if (exit_code) return exit_code;
  eerie_error_t err = {0};
  if (options->memory_limit_mb > SIZE_MAX >> 20)
    return ee_cli_fail(EE_CLI_USAGE, "--memory_limit: there is not so much memory");
  const eerie_instance_options_t instance = {
      .allocator = eerie_system_allocator(pages),
      .memory_limit = (size_t)options->memory_limit_mb << 20,
  };
  eerie_status_t status = eerie_instance_create(&instance, &model->instance, &err);
  if (!status && options->observer)
    status = eerie_instance_observe(model->instance, options->observer, &err);
  if (status) return ee_cli_fail_error(ee_cli_exit_code(status), &err);
  exit_code = load_modules(options, positional, instance.allocator, model);
  if (!exit_code)
    exit_code = ee_cli_parameters_open(model->instance, &options->parameters, &model->parameters);
  if (!exit_code) exit_code = open_devices(options, model);
  if (!exit_code) exit_code = add_plugins(&options->plugins, model);
  return exit_code;
}

int ee_cli_model_open(const ee_cli_model_options_t *options, const ee_cli_strings_t *positional,
                      ee_cli_model_t *model) {
  int exit_code = ee_cli_model_load(options, positional, model);
  if (!exit_code) exit_code = ee_cli_model_link(options, model, print_trace, NULL);
  if (exit_code) return exit_code;
  eerie_error_t err = {0};
  const eerie_status_t status =
      eerie_program_find(model->program, options->function, &model->function, &err);
  // That there are several is a matter of the command line.
  if (status && !options->function) err.code = EERIE_INVALID_ARGUMENT;
  if (status) return ee_cli_fail_error(EE_CLI_USAGE, &err);
  const ee_cli_place_t place = {model->instance, model->devices[0]};
  return ee_cli_values_read(&place, model->function, "input", eerie_function_input,
                            &options->inputs, &model->inputs);
}

void ee_cli_model_close(ee_cli_model_t *model) {
  ee_cli_values_free(&model->inputs);
  eerie_program_release(model->program);
  for (size_t i = 0; i < model->module_count; ++i)
    eerie_module_release(model->modules[i]);
  free(model->modules);
  ee_cli_parameters_close(&model->parameters);
  for (size_t i = 0; i < model->device_count; ++i)
    eerie_device_release(model->devices[i]);
  free(model->devices);
  eerie_instance_release(model->instance);
  *model = (ee_cli_model_t){0};
}
