// model.h: what `run` and `bench` have in common: modules, devices, a function, its arguments.
#ifndef EERIE_CLI_MODEL_H_
#define EERIE_CLI_MODEL_H_

#include "parameters.h"
#include "value.h"

typedef struct ee_cli_model_options {
  ee_cli_strings_t modules, devices, inputs, parameters, plugins;
  const char *function;
  const char *module_mode;
} ee_cli_model_options_t;

// The options of that, for a command's table.
#define EE_CLI_MODEL_OPTIONS(options)                                                              \
  {"module", "PATH", EE_CLI_STRINGS, &(options)->modules,                                          \
   "a .vmfb module, also without --module=; - for standard input.\n"                               \
   "Repeated: each may call those before it"},                                                     \
      {"function", "NAME", EE_CLI_STRING, &(options)->function,                                    \
       "the function; not needed when there is only one"},                                         \
      {"input", "VALUE", EE_CLI_STRINGS, &(options)->inputs,                                       \
       "an argument, in order: 2x3xf32=1 2 3 4 5 6, i32=7, 2.5,\n"                                 \
       "@x.npy, 4xf32=@raw.bin; see docs/cli.md"},                                                 \
      {"device", "NAME", EE_CLI_STRINGS, &(options)->devices,                                      \
       "where to run; see eerie devices. Default: the first"},                                     \
      {"parameters", "SCOPE=FILE", EE_CLI_STRINGS, &(options)->parameters,                         \
       "weights outside of the module: .irpa, .gguf or .safetensors;\n"                            \
       "FILE alone: for keys without a scope. Repeated: further files"},                           \
      {"executable_plugin", "FILE", EE_CLI_STRINGS, &(options)->plugins,                           \
       "a shared library with functions that kernels import. Repeated:\n"                          \
       "the last is asked first"},                                                                 \
  {                                                                                                \
    "module_mode", "MODE", EE_CLI_STRING, &(options)->module_mode, NULL                            \
  }

void ee_cli_model_options_free(ee_cli_model_options_t *options);

typedef struct ee_cli_model {
  eerie_instance_t *instance;
  eerie_device_t **devices; // the first is where arguments are made
  size_t device_count;
  eerie_program_t *program;
  ee_cli_parameters_t parameters;
  eerie_function_t *function;
  ee_cli_values_t inputs;
} ee_cli_model_t;

// Loads, links, finds the function and reads its inputs. Returns an exit code; when it is not 0, an
// error was printed. `positional`: further modules. Close it in both cases.
int ee_cli_model_open(const ee_cli_model_options_t *options, const ee_cli_strings_t *positional,
                      ee_cli_model_t *model);
void ee_cli_model_close(ee_cli_model_t *model);

// Loads a module from a file, or from standard input when `path` is "-". Returns an exit code and
// prints errors.
int ee_cli_load_module(eerie_instance_t *instance, const char *path, eerie_module_t **out_module);

#endif // EERIE_CLI_MODEL_H_
