// model.h: what `run`, `bench` and `check` have in common: modules, devices, weights, a program; a
// function and its arguments.
#ifndef EERIE_CLI_MODEL_H_
#define EERIE_CLI_MODEL_H_

#include "eerie/eerie_profile.h"
#include "parameters.h"
#include "value.h"

typedef struct ee_cli_model_options {
  ee_cli_strings_t modules, devices, inputs, parameters, plugins;
  const char *function;
  const char *module_mode;
  const char *huge_pages; // "auto", "off" or "reserved"; NULL: auto
  uint64_t wait_limit_ms, step_limit, memory_limit_mb;
  bool no_native;
  uint64_t threads;                 // of devices that have some; 0: as the device thinks
  uint64_t group_count;             // the same in iree-run-module's words; implies no device
  uint64_t max_threads;             // of what the device thinks
  const char *cpus;                 // that threads are pinned to, "0-3,8"
  const char *spin_us;              // a number
  const eerie_observer_t *observer; // of the instance from its first moment on; NULL: none
} ee_cli_model_options_t;

// The options of that, for a command's table: a program, and a call of a function in it.
#define EE_CLI_MODULE_OPTION(options)                                                              \
  {                                                                                                \
    "module", "PATH", EE_CLI_STRINGS, &(options)->modules,                                         \
        "a .vmfb module, also without --module=; - for standard input.\n"                          \
        "Repeated: each may call those before it"                                                  \
  }
#define EE_CLI_WORLD_OPTIONS(options)                                                              \
  {"device", "NAME", EE_CLI_STRINGS, &(options)->devices,                                          \
   "where to run; see eerie devices, or auto: the best that\nthe module has code for. Default: "   \
   "the first. Repeated: the devices\nof a module that wants several, in its order"},              \
      {"parameters", "SCOPE=FILE", EE_CLI_STRINGS, &(options)->parameters,                         \
       "weights outside of the module: .irpa, .gguf or .safetensors;\n"                            \
       "FILE alone: for keys without a scope. Repeated: further files"},                           \
      {"executable_plugin", "FILE", EE_CLI_STRINGS, &(options)->plugins,                           \
       "a shared library with functions that kernels import. Repeated:\n"                          \
       "the last is asked first"},                                                                 \
      {"wait_limit_ms", "MS", EE_CLI_NUMBER, &(options)->wait_limit_ms,                            \
       "how long a call may wait for fences in all; default: for ever"},                           \
      {"step_limit", "N", EE_CLI_NUMBER, &(options)->step_limit,                                   \
       "branches and calls in one call at most; default: any number"},                             \
      {"memory_limit", "MB", EE_CLI_NUMBER, &(options)->memory_limit_mb,                           \
       "memory in use at once at most; default: any amount"},                                      \
      {"huge-pages", "HOW", EE_CLI_STRING, &(options)->huge_pages,                                 \
       "huge pages for large tensors: auto (default), off, or reserved (those of\n"                \
       "vm.nr_hugepages); with --module_mode=preload for weights as well"},                        \
      {"no_native", NULL, EE_CLI_SWITCH, &(options)->no_native,                                    \
       "refuse kernels of machine code; those of vmvx still run"},                                 \
  {                                                                                                \
    "module_mode", "MODE", EE_CLI_STRING, &(options)->module_mode, NULL                            \
  }
// How "local-task" works, with the names of iree-run-module that mean the same; `threads` is an
// option of its own, which commands read in their own ways.
#define EE_CLI_TASK_OPTIONS(options)                                                               \
  {"cpus", "LIST", EE_CLI_STRING, &(options)->cpus, "pin the threads of local-task: 0-3,8"},       \
      {"spin_us", "US", EE_CLI_STRING, &(options)->spin_us,                                        \
       "how long an idle thread looks for work before it sleeps; default: 50"},                    \
      {"task_topology_group_count", "N", EE_CLI_NUMBER, &(options)->group_count, NULL},            \
      {"task_topology_max_group_count", "N", EE_CLI_NUMBER, &(options)->max_threads, NULL},        \
      {"task_topology_cpu_ids", "LIST", EE_CLI_STRING, &(options)->cpus, NULL}, {                  \
    "task_worker_spin_us", "US", EE_CLI_STRING, &(options)->spin_us, NULL                          \
  }
#define EE_CLI_THREADS_OPTION(options)                                                             \
  {                                                                                                \
    "threads", "N", EE_CLI_NUMBER, &(options)->threads,                                            \
        "threads that work on a call, on local-task; default: one a core"                          \
  }
#define EE_CLI_PROGRAM_OPTIONS(options) EE_CLI_MODULE_OPTION(options), EE_CLI_WORLD_OPTIONS(options)
#define EE_CLI_MODEL_OPTIONS(options)                                                              \
  EE_CLI_MODULE_OPTION(options),                                                                   \
      {"function", "NAME", EE_CLI_STRING, &(options)->function,                                    \
       "the function; not needed when there is only one"},                                         \
      {"input", "VALUE", EE_CLI_STRINGS, &(options)->inputs,                                       \
       "an argument, in order: 2x3xf32=1 2 3 4 5 6, i32=7, 2.5,\n"                                 \
       "@x.npy, 4xf32=@raw.bin; see docs/cli.md"},                                                 \
      EE_CLI_WORLD_OPTIONS(options)

void ee_cli_model_options_free(ee_cli_model_options_t *options);

typedef struct ee_cli_model {
  eerie_instance_t *instance;
  eerie_module_t **modules; // the last is what the others are for
  size_t module_count;
  const char *name;         // of the last module's file
  eerie_device_t **devices; // the first is where arguments are made
  size_t device_count;
  eerie_program_t *program;
  ee_cli_parameters_t parameters;
  eerie_function_t *function;
  ee_cli_values_t inputs;
} ee_cli_model_t;

// Loads modules, weights and devices. Returns an exit code; when it is not 0, an error was printed.
// `positional`: further modules. Close it in both cases.
int ee_cli_model_load(const ee_cli_model_options_t *options, const ee_cli_strings_t *positional,
                      ee_cli_model_t *model);
// Links a new program, in place of one that was there. `trace` gets the lines that modules print.
int ee_cli_model_link(const ee_cli_model_options_t *options, ee_cli_model_t *model,
                      void (*trace)(void *user, const char *line, size_t length), void *user);
// Loads, links, finds the function and reads its inputs.
int ee_cli_model_open(const ee_cli_model_options_t *options, const ee_cli_strings_t *positional,
                      ee_cli_model_t *model);
void ee_cli_model_close(ee_cli_model_t *model);

// Loads a module from a file, or from standard input when `path` is "-". Returns an exit code and
// prints errors.
// Reads the file into memory of that allocator.
eerie_status_t ee_cli_module_preload(eerie_instance_t *instance, const char *path,
                                     eerie_allocator_t allocator, eerie_module_t **out_module,
                                     eerie_error_t *err);
int ee_cli_load_module(eerie_instance_t *instance, const char *path, eerie_module_t **out_module);

#endif // EERIE_CLI_MODEL_H_
