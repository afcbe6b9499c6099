// inspect_static.c: `eerie inspect --dispatches` and `--memory` of a module whose kernels are a
// file of their own (compiled for a microcontroller): what `eerie embed` would make of it.
//
// Sizes are sums: what a call holds for a while may take less where `eerie embed` lets parts of it
// share their place.
#include "eerie/eerie_plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "inspect.h"

typedef struct sizes {
  uint64_t weights, state, arguments, transient, results;
} sizes_t;

bool ee_cli_has_static_kernels(const eerie_module_t *module) {
  const void *data = NULL;
  size_t size = 0;
  bool any = false;
  for (size_t i = 0; eerie_module_constant(module, i, &data, &size); ++i) {
    if (!ee_cli_is_kernel_format(data, size)) continue;
    if (size != 6 || memcmp(data, "static", 6) != 0) return false;
    any = true;
  }
  return any;
}

static bool holds_result(const eerie_plan_function_t *function, size_t storage) {
  for (size_t i = 0; i < function->output_count; ++i)
    if (function->results[i].storage == storage) return true;
  return false;
}

static sizes_t sizes_of(const eerie_plan_t *plan, size_t index) {
  const eerie_plan_function_t *const function = &plan->functions[index];
  sizes_t sizes = {0};
  for (size_t i = 0; i < plan->storage_count; ++i) {
    const eerie_plan_storage_t *const storage = &plan->storages[i];
    const bool own = storage->function == index;
    switch (storage->space) {
    case EERIE_PLAN_CONSTANT: sizes.weights += storage->size; break;
    case EERIE_PLAN_STATE: sizes.state += storage->size; break;
    case EERIE_PLAN_INPUT: sizes.arguments += own ? storage->size : 0; break;
    case EERIE_PLAN_TRANSIENT:
      if (own && holds_result(function, i))
        sizes.results += storage->size;
      else if (own)
        sizes.transient += storage->size;
      break;
    }
  }
  return sizes;
}

static void show_size(const char *label, uint64_t bytes, ee_cli_json_t *json) {
  if (json)
    ee_cli_json_number(json, label, bytes);
  else
    printf("  %-12s %12" PRIu64 " bytes\n", label, bytes);
}

static void show_memory(const sizes_t *sizes, ee_cli_json_t *json) {
  if (json) ee_cli_json_open(json, "peak_bytes", '{');
  show_size("weights", sizes->weights, json);
  show_size("state", sizes->state, json);
  show_size("arguments", sizes->arguments, json);
  show_size("transient", sizes->transient, json);
  show_size("results", sizes->results, json);
  show_size("together",
            sizes->weights + sizes->state + sizes->arguments + sizes->transient + sizes->results,
            json);
  if (json) ee_cli_json_close(json, '}');
}

static void show_dispatch(const eerie_plan_step_t *step, ee_cli_json_t *json) {
  const char *const kernel = step->kernel ? step->kernel : "(unnamed)";
  const uint32_t *const counts = step->workgroup_count;
  uint64_t bytes = 0;
  for (size_t i = 0; i < step->binding_count; ++i)
    bytes += step->bindings[i].size;
  if (!json) {
    printf("  %" PRIu32 "x%" PRIu32 "x%" PRIu32 " workgroups, %zu bindings, %zu constants, %" PRIu64
           " bytes: %s\n",
           counts[0], counts[1], counts[2], step->binding_count, step->constant_count, bytes,
           kernel);
    return;
  }
  ee_cli_json_open(json, NULL, '{');
  ee_cli_json_string(json, "kernel", kernel);
  ee_cli_json_number(json, "bindings", step->binding_count);
  ee_cli_json_number(json, "constants", step->constant_count);
  ee_cli_json_open(json, "workgroups", '[');
  for (size_t i = 0; i < 3; ++i)
    ee_cli_json_number(json, NULL, counts[i]);
  ee_cli_json_close(json, ']');
  ee_cli_json_number(json, "bytes", bytes);
  ee_cli_json_close(json, '}');
}

static void show_dispatches(const eerie_plan_function_t *function, ee_cli_json_t *json) {
  if (json) ee_cli_json_open(json, "dispatches", '[');
  for (size_t i = 0; i < function->step_count; ++i)
    if (function->steps[i].kind == EERIE_PLAN_DISPATCH) show_dispatch(&function->steps[i], json);
  if (json) ee_cli_json_close(json, ']');
}

static int show_plan(const ee_cli_inspect_calls_t *options, const eerie_plan_t *plan,
                     const char *path, ee_cli_json_t *json) {
  const char *const wanted = options->model.function;
  bool found = false;
  if (json) ee_cli_json_open(json, "functions", '[');
  for (size_t i = 0; i < plan->function_count; ++i) {
    const eerie_plan_function_t *const function = &plan->functions[i];
    if (wanted && strcmp(function->name, wanted) != 0) continue;
    found = true;
    if (json) {
      ee_cli_json_open(json, NULL, '{');
      ee_cli_json_string(json, "function", function->name);
    } else {
      printf("%s:\n", function->name);
    }
    if (options->dispatches) show_dispatches(function, json);
    const sizes_t sizes = sizes_of(plan, i);
    if (options->memory) show_memory(&sizes, json);
    if (json) ee_cli_json_close(json, '}');
  }
  if (json) ee_cli_json_close(json, ']');
  if (wanted && !found) return ee_cli_fail(EE_CLI_USAGE, "%s has no function '%s'", path, wanted);
  return EE_CLI_OK;
}

// What the file tells by itself.
static void show_file(const eerie_module_t *module, const char *why, ee_cli_json_t *json) {
  eerie_module_info_t info;
  eerie_module_info(module, &info);
  show_size("constants", info.constant_bytes, json);
  if (json)
    ee_cli_json_string(json, "calls_unknown", why);
  else
    printf("  what calls use cannot be told: %s\n", why);
}

int ee_cli_inspect_static(const ee_cli_inspect_calls_t *options, eerie_instance_t *instance,
                          eerie_module_t *module, const char *path, ee_cli_json_t *json) {
  static const char kernels[] = "not in this file: to be linked into a program";
  if (json) {
    ee_cli_json_open(json, NULL, '{');
    ee_cli_json_string(json, "file", path);
    ee_cli_json_string(json, "kernels_are", kernels);
  } else {
    printf("%s, not run on a device\nkernels: %s\n", path, kernels);
  }
  eerie_error_t err = {0};
  eerie_plan_t *plan = NULL;
  int exit_code = EE_CLI_OK;
  if (eerie_plan_record(instance, module, &plan, &err))
    show_file(module, err.message, json);
  else
    exit_code = show_plan(options, plan, path, json);
  eerie_plan_release(plan);
  if (json) ee_cli_json_close(json, '}');
  return exit_code;
}
