// import.c: `eerie import`: a framework's model to MLIR.
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "import.h"

static const char import_notes[] =
    "MODEL is an ONNX file (.onnx), a program of torch.export (.pt2), a function or module in a\n"
    "Python file (model.py:net; PyTorch or JAX), StableHLO (.stablehlo, .mlir), a SavedModel "
    "folder,\n"
    "a Keras (.keras) or TFLite (.tflite) file, or a pickle of scikit-learn (.pkl). Each kind has\n"
    "routes; the first that can is taken. The work is done by the Python package eerie, which is\n"
    "looked for in EERIE_PYTHON, in the compiler's environment, .venv and on PATH.\n"
    "\n"
    "Examples:\n"
    "  eerie import model.onnx -o model.mlir --dim batch=1:64\n"
    "  eerie import model.py:net --input batchx784xf32 -o net.mlir\n"
    "  eerie import --check model.onnx\n";

typedef struct import_command {
  const char *output, *compiler;
  bool check, json, quiet, external_params;
  ee_cli_import_options_t options;
  ee_cli_strings_t positional;
} import_command_t;

static int import_command(import_command_t *command) {
  if (command->positional.count != 1)
    return ee_cli_fail(EE_CLI_USAGE, command->positional.count
                                         ? "more than one model; eerie import takes one"
                                         : "no model; see eerie import --help");
  const char *model = command->positional.items[0];
  char derived[IMPORT_PATH], archive[IMPORT_PATH];
  const char *output = command->output;
  if (!output && !command->check) {
    if (!ee_cli_import_derive(model, ".mlir", derived, sizeof derived))
      return ee_cli_fail(EE_CLI_USAGE, "the name of the model is too long; give --output");
    output = derived;
  }
  if (command->external_params && !command->options.parameters && output) {
    const char *slash = strrchr(output, '/'), *dot = strrchr(output, '.');
    const size_t size = dot && dot > output && (!slash || dot > slash + 1) ? (size_t)(dot - output)
                                                                           : strlen(output);
    if (snprintf(archive, sizeof archive, "%.*s.irpa", (int)size, output) >= (int)sizeof archive)
      return ee_cli_fail(EE_CLI_USAGE, "the name of the output is too long");
    command->options.parameters = archive;
  }
  const int exit_code = ee_cli_import_model(&(ee_cli_import_t){.model = model,
                                                               .output = output,
                                                               .compiler = command->compiler,
                                                               .program = "import",
                                                               .check = command->check,
                                                               .json = command->json,
                                                               .quiet = command->quiet,
                                                               .options = &command->options});
  if (command->options.parameters == archive) command->options.parameters = NULL;
  if (ee_cli_import_signal()) raise(ee_cli_import_signal());
  return exit_code;
}

int eerie_cli_import(int argc, char **argv) {
  import_command_t o = {0};
  const ee_cli_option_t table[] = {
      {"output", "FILE", EE_CLI_STRING, &o.output, "the MLIR file; -o FILE (default: MODEL.mlir)"},
      {"check", NULL, EE_CLI_SWITCH, &o.check,
       "list every operator that will not lower, and write\nnothing"},
      EE_CLI_IMPORT_OPTIONS(&o.options),
      {"external_params", NULL, EE_CLI_SWITCH, &o.external_params,
       "put the weights into an .irpa file beside OUTPUT"},
      {"compiler", "PATH", EE_CLI_STRING, &o.compiler,
       "libIREECompiler, or a Python environment with it"},
      {"json", NULL, EE_CLI_SWITCH, &o.json, "print what was done as JSON"},
      {"quiet", NULL, EE_CLI_SWITCH, &o.quiet, "print nothing but what is wrong"},
  };
  const ee_cli_command_t command = {.name = "import",
                                    .summary = "turn a framework's model into MLIR",
                                    .arguments = "[options] MODEL",
                                    .notes = import_notes,
                                    .options = table,
                                    .option_count = sizeof table / sizeof table[0]};
  static char output_option[] = "--output"; // -o is the one short option
  for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; ++i)
    if (strcmp(argv[i], "-o") == 0) argv[i] = output_option;
  int exit_code = EE_CLI_OK;
  if (ee_cli_parse_options(&command, argc, argv, &o.positional, &exit_code))
    exit_code = import_command(&o);
  ee_cli_strings_free(&o.positional);
  ee_cli_import_options_free(&o.options);
  return ee_cli_flush_stdout(exit_code);
}
