// embed.c: `eerie embed`: a model as the sources of firmware.
//
// It compiles the model for the core (or takes a module and object file that were compiled
// before), records what its functions do, and writes that as tables of C beside the kernels.
#define _GNU_SOURCE

#include "embed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h> // mkdtemp on macOS

#include "json.h"
#include "model.h"

typedef struct embed_options {
  const char *target, *output, *name, *object;
  bool json;
  ee_cli_strings_t inputs;
  char **compiler_arguments; // those of the command line that are for `eerie compile`
  size_t compiler_argument_count;
} embed_options_t;

typedef struct embed_run {
  const embed_options_t *options;
  ee_cli_embed_model_t model;
  ee_cli_embed_object_t object;
  ee_cli_embed_accesses_t accesses;
  eerie_instance_t *instance;
  eerie_module_t *module;
  eerie_plan_t *plan;
  ee_cli_outputs_t outputs;
  ee_cli_strings_t paths; // of outputs; owned
} embed_run_t;

static const char embed_notes[] =
    "INPUT is anything that `eerie compile` takes, or a module that it has written for a core, "
    "with\n"
    "--object naming the object file beside it. Options that are not listed go to eerie compile;\n"
    "their values stand behind a '=': --dim=batch=1.\n"
    "\n"
    "Cores: cortex-m0plus, cortex-m3, cortex-m4, cortex-m4f, cortex-m7, cortex-m55, rv32imc,\n"
    "rv32imac, rv32imf, rv64gc\n"
    "\n"
    "The folder then has the plan (NAME.c), typed functions (NAME.h), the kernels "
    "(NAME_kernels.o),\n"
    "CMakeLists.txt, NAME.mk and the module (NAME.vmfb), which Eerie's interpreter runs on the "
    "same\n"
    "core. docs/embedded.md tells how to call it.\n"
    "\n"
    "Shapes must be fixed, and what the model does must not depend on values; otherwise it is "
    "refused\n"
    "with the reason, and the interpreter is the way.\n"
    "\n"
    "Example:\n"
    "  eerie embed digits.onnx --dim=batch=1 --target cortex-m4f -o firmware\n";

// ---- Files -------------------------------------------------------------------------------------

static int out_of_memory(void) {
  return ee_cli_fail(EE_CLI_FAILED, "out of memory");
}

static bool keep_path(ee_cli_strings_t *paths, char *take_path) {
  const char **items = realloc((void *)paths->items, (paths->count + 1) * sizeof *items);
  if (!items) {
    free(take_path);
    return false;
  }
  paths->items = items;
  items[paths->count++] = take_path;
  return true;
}

// "<folder>/<prefix><ending>", which lives as long as the run; NULL: no memory.
static const char *path_of(embed_run_t *run, const char *name, const char *ending) {
  char *path = NULL;
  const char *folder = run->options->output ? run->options->output : ".";
  if (asprintf(&path, "%s/%s%s", folder, name, ending) < 0) return NULL;
  return keep_path(&run->paths, path) ? path : NULL;
}

// The folder with those above it.
static int make_folder(const char *path) {
  char *copy = strdup(path);
  if (!copy) return out_of_memory();
  int exit_code = EE_CLI_OK;
  for (char *c = copy + 1;; ++c) {
    if (*c != '/' && *c != 0) continue;
    const char end = *c;
    *c = 0;
    if (mkdir(copy, 0777) != 0 && errno != EEXIST)
      exit_code =
          ee_cli_fail(EE_CLI_OUTPUT, "cannot make the folder %s: %s", copy, strerror(errno));
    *c = end;
    if (!end || exit_code) break;
  }
  free(copy);
  return exit_code;
}

static int open_output(embed_run_t *run, const char *name, const char *ending,
                       ee_cli_text_t **out_text) {
  eerie_error_t err = {0};
  const char *path = path_of(run, name, ending);
  if (!path) return out_of_memory();
  const eerie_status_t status = ee_cli_outputs_open(&run->outputs, path, false, out_text, &err);
  return status ? ee_cli_fail_error(EE_CLI_OUTPUT, &err) : EE_CLI_OK;
}

// ---- Compiling ---------------------------------------------------------------------------------

static bool has_flag(const embed_options_t *options, const char *flag) {
  const size_t size = strcspn(flag, "=");
  for (size_t i = 0; i < options->compiler_argument_count; ++i) {
    const char *given = options->compiler_arguments[i];
    if (strncmp(given, flag, size) == 0 && (given[size] == '=' || !given[size])) return true;
  }
  return false;
}

// A core has one thread, for which sharing out the work is a cost. A binding for each tensor,
// instead of one for all that lie in one allocation, tells what is used when, and makes kernels
// smaller.
static const char *const compiler_defaults[] = {
    "--quiet",
    "--iree-scheduling-optimize-bindings=false",
    "--iree-llvmcpu-disable-distribution",
    "--iree-llvmcpu-debug-symbols=false",
};

// A folder for what the compiler tells on the way; without one the arena is packed less tightly.
static bool make_temporary(char *path, size_t capacity) {
  const char *base = getenv("TMPDIR");
  const int length =
      snprintf(path, capacity, "%s/eerie-embed-XXXXXX", base && *base ? base : "/tmp");
  return length > 0 && (size_t)length < capacity && mkdtemp(path) != NULL;
}

static int compile(embed_run_t *run, const char *input, const char *module_path,
                   const char *object_path) {
  const embed_options_t *options = run->options;
  enum { DEFAULTS = sizeof compiler_defaults / sizeof *compiler_defaults };
  char *output = NULL, *library = NULL, *target = NULL, *dump = NULL;
  char dumps[256];
  const bool dumped = !has_flag(options, "--dump-phases-to") && make_temporary(dumps, sizeof dumps);
  char **argv = calloc(options->compiler_argument_count + DEFAULTS + 8, sizeof *argv);
  int exit_code = EE_CLI_FAILED, argc = 0;
  if (argv && asprintf(&output, "--output=%s", module_path) > 0 &&
      asprintf(&library, "--static-library=%s", object_path) > 0 &&
      asprintf(&target, "--target=%s", options->target) > 0 &&
      asprintf(&dump, "--dump-phases-to=%s", dumps) > 0) {
    static char command[] = "compile";
    argv[argc++] = command;
    argv[argc++] = (char *)(uintptr_t)input;
    argv[argc++] = output;
    argv[argc++] = library;
    argv[argc++] = target;
    if (dumped) argv[argc++] = dump;
    for (size_t i = 0; i < DEFAULTS; ++i)
      if (!has_flag(options, compiler_defaults[i]))
        argv[argc++] = (char *)(uintptr_t)compiler_defaults[i];
    for (size_t i = 0; i < options->compiler_argument_count; ++i)
      argv[argc++] = options->compiler_arguments[i];
    exit_code = eerie_cli_compile(argc, argv);
  } else {
    out_of_memory();
  }
  if (dumped) ee_cli_embed_accesses_read(dumps, &run->accesses);
  free((void *)argv);
  free(dump);
  free(output);
  free(library);
  free(target);
  return exit_code;
}

static bool is_module(const char *path) {
  const size_t size = strlen(path);
  return size > 5 && strcmp(path + size - 5, ".vmfb") == 0;
}

// Makes or finds module and object file. *out_object is NULL where there are no kernels.
static int prepare_files(embed_run_t *run, const char **out_module, const char **out_object) {
  const embed_options_t *options = run->options;
  const char *input = options->inputs.items[0];
  if (is_module(input)) {
    if (!options->object)
      return ee_cli_fail(EE_CLI_USAGE,
                         "%s is compiled: name the object file that was written beside it with "
                         "--object",
                         input);
    if (options->compiler_argument_count)
      return ee_cli_fail(EE_CLI_USAGE, "%s is compiled; %s is for models that are not", input,
                         options->compiler_arguments[0]);
    *out_module = input;
    *out_object = options->object;
    return EE_CLI_OK;
  }
  if (options->object)
    return ee_cli_fail(EE_CLI_USAGE, "--object is for modules that are compiled; %s is none",
                       input);
  *out_module = path_of(run, run->model.prefix, ".vmfb");
  *out_object = path_of(run, run->model.prefix, "_kernels.o");
  if (!*out_module || !*out_object) return out_of_memory();
  // A model without kernels has no object file, whatever was here before.
  unlink(*out_object);
  const int exit_code = compile(run, input, *out_module, *out_object);
  if (!exit_code && access(*out_object, F_OK) != 0) *out_object = NULL;
  return exit_code;
}

// ---- Writing -----------------------------------------------------------------------------------

// The kernels and the module stand in the folder, also where they came from somewhere else.
static int write_copies(embed_run_t *run, const char *module_path) {
  ee_cli_text_t *text = NULL;
  int exit_code = EE_CLI_OK;
  if (run->options->object) {
    exit_code = open_output(run, run->model.prefix, "_kernels.o", &text);
    if (!exit_code) ee_cli_text_append(text, run->object.file.data, run->object.file.size);
    eerie_error_t err = {0};
    ee_cli_text_t module = {0};
    if (!exit_code && ee_cli_read_file(module_path, &module, &err))
      exit_code = ee_cli_fail_error(EE_CLI_BAD_INPUT, &err);
    if (!exit_code) exit_code = open_output(run, run->model.prefix, ".vmfb", &text);
    if (!exit_code) ee_cli_text_append(text, module.data, module.size);
    ee_cli_text_free(&module);
  }
  for (size_t i = 0; i < ee_cli_embed_file_count && !exit_code; ++i) {
    const ee_cli_embed_file_t *file = &ee_cli_embed_files[i];
    const bool math = strcmp(file->name, EE_CLI_EMBED_MATH) == 0;
    if (math && !ee_cli_embed_needs_math(&run->model)) continue;
    exit_code = open_output(run, file->name, "", &text);
    if (!exit_code) ee_cli_text_append(text, file->data, file->size);
  }
  return exit_code;
}

static int write_files(embed_run_t *run, const char *module_path) {
  const ee_cli_embed_model_t *model = &run->model;
  eerie_error_t err = {0};
  ee_cli_text_t *text = NULL;
  int exit_code = open_output(run, model->prefix, ".c", &text);
  uint32_t number = 0;
  if (!exit_code && ee_cli_embed_write_source(model, text, &number, &err))
    exit_code = ee_cli_fail_error(EE_CLI_BAD_INPUT, &err);
  if (!exit_code) exit_code = open_output(run, model->prefix, ".h", &text);
  if (!exit_code) ee_cli_embed_write_header(model, number, text);
  if (!exit_code) exit_code = open_output(run, "CMakeLists.txt", "", &text);
  if (!exit_code) ee_cli_embed_write_cmake(model, text);
  if (!exit_code) exit_code = open_output(run, model->prefix, ".mk", &text);
  if (!exit_code) ee_cli_embed_write_make(model, text);
  if (!exit_code) exit_code = write_copies(run, module_path);
  if (!exit_code && ee_cli_outputs_commit(&run->outputs, &err))
    exit_code = ee_cli_fail_error(EE_CLI_OUTPUT, &err);
  return exit_code;
}

// ---- What is told ------------------------------------------------------------------------------

static int report(const embed_run_t *run) {
  const ee_cli_embed_model_t *model = &run->model;
  const char *folder = run->options->output ? run->options->output : ".";
  if (!run->options->json) {
    printf("%s/%s.h: %zu function%s for %s\n"
           "arena %llu bytes (%llu needed at once), state %llu, constants in flash %llu\n",
           folder, model->prefix, model->function_count, model->function_count == 1 ? "" : "s",
           model->target->name, (unsigned long long)model->arena_size,
           (unsigned long long)model->live_size, (unsigned long long)model->state_size,
           (unsigned long long)model->constant_size);
    if (model->unsure_size)
      fprintf(stderr,
              "eerie embed: %llu bytes of constants and inputs are copied into the arena: nothing "
              "tells what kernels of a compiled module write to; of the model itself the compiler "
              "does\n",
              (unsigned long long)model->unsure_size);
    return EE_CLI_OK;
  }
  ee_cli_json_t json = {0};
  ee_cli_json_open(&json, NULL, '{');
  ee_cli_json_string(&json, "name", model->prefix);
  ee_cli_json_string(&json, "target", model->target->name);
  ee_cli_json_string(&json, "c_flags", model->target->flags);
  ee_cli_json_number(&json, "arena_bytes", model->arena_size);
  ee_cli_json_number(&json, "live_bytes", model->live_size);
  ee_cli_json_number(&json, "state_bytes", model->state_size);
  ee_cli_json_number(&json, "constant_bytes", model->constant_size);
  ee_cli_json_number(&json, "unsure_bytes", model->unsure_size);
  ee_cli_json_open(&json, "functions", '[');
  for (size_t i = 0; i < model->function_count; ++i) {
    const ee_cli_embed_function_t *function = &model->functions[i];
    ee_cli_json_open(&json, NULL, '{');
    ee_cli_json_string(&json, "name", function->plan->name);
    ee_cli_json_number(&json, "steps", function->plan->step_count);
    ee_cli_json_number(&json, "arena_bytes", function->arena_size);
    ee_cli_json_number(&json, "live_bytes", function->live_size);
    ee_cli_json_close(&json, '}');
  }
  ee_cli_json_close(&json, ']');
  ee_cli_json_close(&json, '}');
  return ee_cli_json_print(&json);
}

// ---- The command -------------------------------------------------------------------------------

static int record(embed_run_t *run, const char *module_path, const char *object_path) {
  eerie_error_t err = {0};
  eerie_status_t status = EERIE_OK;
  if (object_path)
    status = ee_cli_embed_object_read(object_path, run->model.target, &run->object, &err);
  if (status)
    return ee_cli_fail_error(status == EERIE_FAILED_PRECONDITION ? EE_CLI_BAD_INPUT
                                                                 : ee_cli_exit_code_of_file(status),
                             &err);
  status = eerie_instance_create(NULL, &run->instance, &err);
  if (status) return ee_cli_fail_error(EE_CLI_FAILED, &err);
  const int exit_code = ee_cli_load_module(run->instance, module_path, &run->module);
  if (exit_code) return exit_code;
  status = eerie_plan_record(run->instance, run->module, &run->plan, &err);
  if (!status) {
    run->model.plan = run->plan;
    run->model.object = &run->object;
    run->model.accesses = &run->accesses;
    status = ee_cli_embed_protect(&run->model, &err);
    if (!status) status = ee_cli_embed_layout(&run->model, &err);
  }
  if (!status) return EE_CLI_OK;
  return ee_cli_fail(status == EERIE_FAILED_PRECONDITION ? EE_CLI_BAD_INPUT
                                                         : ee_cli_exit_code_of_file(status),
                     "%s: %s (%s)", run->model.source, err.message, eerie_status_name(status));
}

static int embed(embed_run_t *run) {
  const embed_options_t *options = run->options;
  if (options->inputs.count != 1)
    return ee_cli_fail(EE_CLI_USAGE, options->inputs.count
                                         ? "more than one input; eerie embed takes one model"
                                         : "no model; see eerie embed --help");
  if (!options->target)
    return ee_cli_fail(EE_CLI_USAGE, "--target is missing: the core, such as cortex-m4f");
  run->model.target = ee_cli_embed_target(options->target);
  if (!run->model.target) return EE_CLI_USAGE;
  const char *input = options->inputs.items[0];
  const char *slash = strrchr(input, '/');
  run->model.source = slash && slash[1] ? slash + 1 : input;
  run->model.prefix =
      options->name ? ee_cli_c_identifier(options->name, true) : ee_cli_c_prefix(input);
  run->model.upper = run->model.prefix ? ee_cli_c_identifier(run->model.prefix, false) : NULL;
  if (!run->model.upper) return out_of_memory();
  for (char *c = run->model.upper; *c; ++c)
    if (*c >= 'a' && *c <= 'z') *c = (char)(*c - 'a' + 'A');
  const char *module_path = NULL, *object_path = NULL;
  int exit_code = options->output ? make_folder(options->output) : EE_CLI_OK;
  if (!exit_code) exit_code = prepare_files(run, &module_path, &object_path);
  ee_cli_set_command("embed");
  if (!exit_code) exit_code = record(run, module_path, object_path);
  if (!exit_code) exit_code = write_files(run, module_path);
  if (!exit_code) exit_code = report(run);
  return exit_code;
}

static void embed_free(embed_run_t *run) {
  ee_cli_outputs_free(&run->outputs);
  ee_cli_embed_layout_free(&run->model);
  ee_cli_embed_protect_free(&run->model);
  ee_cli_embed_object_free(&run->object);
  ee_cli_embed_accesses_free(&run->accesses);
  eerie_plan_release(run->plan);
  eerie_module_release(run->module);
  eerie_instance_release(run->instance);
  for (size_t i = 0; i < run->paths.count; ++i)
    free((void *)(uintptr_t)run->paths.items[i]);
  ee_cli_strings_free(&run->paths);
  free(run->model.prefix);
  free(run->model.upper);
}

// What stands in the table below goes to its parser, the rest to the compiler. `own` has room for
// argc + 1 entries.
static int split_arguments(embed_options_t *options, int argc, char **argv, char **own) {
  static const char *const known[] = {"--target", "--output", "--name", "--object",
                                      "--json",   "--help",   NULL};
  static char output_option[] = "--output";
  int count = 0;
  for (int i = 0; i < argc; ++i) {
    bool mine = i == 0 || argv[i][0] != '-' || !argv[i][1];
    for (size_t j = 0; known[j] && !mine; ++j)
      mine = strncmp(argv[i], known[j], strcspn(argv[i], "=")) == 0 &&
             strlen(known[j]) == strcspn(argv[i], "=");
    if (i && strcmp(argv[i], "-o") == 0) {
      own[count++] = output_option;
    } else if (mine) {
      own[count++] = argv[i];
    } else {
      options->compiler_arguments[options->compiler_argument_count++] = argv[i];
    }
  }
  return count;
}

static bool embed_parse(embed_options_t *o, int argc, char **argv, int *out_exit) {
  const ee_cli_option_t table[] = {
      {"target", "CORE", EE_CLI_STRING, &o->target, "the core; see below"},
      {"output", "FOLDER", EE_CLI_STRING, &o->output,
       "where the files go; -o FOLDER (default: here)"},
      {"name", "NAME", EE_CLI_STRING, &o->name,
       "of the files and functions (default: that of the input)"},
      {"object", "FILE", EE_CLI_STRING, &o->object, "the kernels of a module that is compiled"},
      {"json", NULL, EE_CLI_SWITCH, &o->json, "print facts as JSON"},
  };
  const ee_cli_command_t command = {.name = "embed",
                                    .summary = "write a model as the sources of firmware",
                                    .arguments = "[options] INPUT [options of eerie compile]",
                                    .notes = embed_notes,
                                    .options = table,
                                    .option_count = sizeof table / sizeof table[0]};
  return ee_cli_parse_options(&command, argc, argv, &o->inputs, out_exit);
}

int eerie_cli_embed(int argc, char **argv) {
  embed_options_t options = {0};
  embed_run_t run = {.options = &options};
  int exit_code = EE_CLI_OK;
  char **own = calloc((size_t)argc + 1, sizeof *own);
  options.compiler_arguments = calloc((size_t)argc + 1, sizeof *own);
  if (!own || !options.compiler_arguments)
    exit_code = out_of_memory();
  else if (embed_parse(&options, split_arguments(&options, argc, argv, own), own, &exit_code))
    exit_code = embed(&run);
  embed_free(&run);
  ee_cli_strings_free(&options.inputs);
  free((void *)own);
  free((void *)options.compiler_arguments);
  return ee_cli_flush_stdout(exit_code);
}
