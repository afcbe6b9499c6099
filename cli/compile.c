// compile.c: `eerie compile`: a model's source to a module.
//
// The compiler works in a child process unless told otherwise, for it may take its process down.
// Flags of iree-compile are understood wherever they stand, and the few that are options of that
// program and not of the compiler have the same names here.
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compile.h"
#include "gpu.h"
#include "stamp.h"

static const char compile_notes[] =
    "INPUT is MLIR as text or bytecode, - for standard input, or any model that `eerie import` "
    "takes:\n"
    ".onnx, .pt2, model.py:net, a SavedModel folder, .keras, .tflite, .pkl; its options (--dim,\n"
    "--input, --parameters, ...) are understood here too. Without --output a module goes to "
    "NAME.vmfb\n"
    "in the current folder, IR to standard output.\n"
    "Flags of the compiler (--iree-..., --mlir-...) can stand anywhere, others after --.\n"
    "\n"
    "Examples:\n"
    "  eerie compile mul.mlir -o mul.vmfb\n"
    "  eerie compile mul.mlir -o mul.vmfb --target x86-64-v3 --target aarch64 --target vulkan\n"
    "  eerie compile mul.mlir -o mul.vmfb --target vulkan:native\n"
    "  eerie compile model.onnx -o model.vmfb --dim batch=8\n"
    "  eerie compile mul.mlir --dump-phase flow\n"
    "  eerie compile model.mlir -o model.vmfb -O3 --input-type stablehlo \\\n"
    "    --iree-input-demote-f64-to-f32=false\n"
    "\n"
    "Exit code: 1 when the compiler refuses the source; see eerie help exit-codes\n";

// ---- Command line ------------------------------------------------------------------------------

// Takes the compiler's own flags out of the command line, and turns -o and -O into options that the
// parser of all commands knows. `out_argv` has room for argc + 1 entries.
static bool compile_split_arguments(ee_cli_compile_options_t *options, int argc, char **argv,
                                    char **out_argv, int *out_argc) {
  static char output_option[] = "--output";
  bool good = true, raw_only = false;
  int count = 0;
  for (int i = 0; i < argc && good; ++i) {
    char *argument = argv[i];
    if (raw_only || (i && ee_cli_compile_is_raw(argument)))
      good = ee_cli_compile_add(&options->raw, argument);
    else if (i && strcmp(argument, "--") == 0)
      raw_only = true;
    else if (i && strcmp(argument, "-o") == 0)
      out_argv[count++] = output_option;
    else if (i && ee_cli_compile_starts(argument, "-o="))
      options->output = argument + 3;
    else if (i && ee_cli_compile_starts(argument, "-O"))
      options->opt_level = argument + 2;
    else
      out_argv[count++] = argument;
  }
  out_argv[count] = NULL;
  *out_argc = count;
  return good;
}

static int compile_name_index(const char *name, const char *const *names) {
  for (int i = 0; names[i]; ++i)
    if (strcmp(name, names[i]) == 0) return i;
  return -1;
}

// Picks `value` out of names that may have several spellings each; -1 with a message when it is
// none.
static int compile_choose(const char *option, const char *value, const char *const *names) {
  const int index = compile_name_index(value, names);
  if (index >= 0) return index;
  ee_cli_text_t text = {0};
  for (size_t i = 0; names[i]; ++i)
    ee_cli_text_printf(&text, "%s%s", i ? ", " : "", names[i]);
  ee_cli_fail(EE_CLI_USAGE, "--%s: '%s' is none of %s", option, value, text.data ? text.data : "");
  ee_cli_text_free(&text);
  return -1;
}

static bool compile_choose_mode(const char *mode, eerie_compiler_pipeline_t *out_pipeline) {
  static const char *const names[] = {"standard",   "std", "hal-executable",
                                      "precompile", "vm",  NULL};
  static const eerie_compiler_pipeline_t pipelines[] = {
      EERIE_COMPILER_STANDARD, EERIE_COMPILER_STANDARD, EERIE_COMPILER_HAL_EXECUTABLE,
      EERIE_COMPILER_PRECOMPILE, EERIE_COMPILER_VM};
  const int index = mode ? compile_choose("mode", mode, names) : 0;
  if (index >= 0) *out_pipeline = pipelines[index];
  return index >= 0;
}

static bool compile_choose_format(const char *format, eerie_compiler_format_t *out_format) {
  static const char *const names[] = {"module", "vm-bytecode", "mlir", "vm-asm",
                                      "mlirbc", "executable",  NULL};
  static const eerie_compiler_format_t formats[] = {
      EERIE_COMPILER_MODULE,  EERIE_COMPILER_FORMAT_AUTO, EERIE_COMPILER_IR_TEXT,
      EERIE_COMPILER_IR_TEXT, EERIE_COMPILER_IR_BYTECODE, EERIE_COMPILER_EXECUTABLE_BINARY};
  const int index = format ? compile_choose("format", format, names) : 1;
  if (index >= 0) *out_format = formats[index];
  return index >= 0;
}

static bool compile_check_phase(const char *option, const char *phase) {
  if (!phase) return true;
  const char *names[32];
  size_t count = 0;
  while (count < 31 && eerie_compiler_phase_at(count)) {
    names[count] = eerie_compiler_phase_at(count);
    ++count;
  }
  names[count] = NULL;
  return compile_choose(option, phase, names) >= 0;
}
static bool compile_fill_levels(const char *level, eerie_compile_options_t *what) {
  static const char *const levels[] = {"0", "1", "2", "3", NULL};
  if (!level) return true;
  const int index = compile_name_index(level, levels);
  if (index < 0) ee_cli_fail(EE_CLI_USAGE, "-O%s: expected -O0, -O1, -O2 or -O3", level);
  what->opt_level = (eerie_compiler_opt_level_t)(EERIE_COMPILER_O0 + index);
  return index >= 0;
}

static void compile_ignore_flag(void *user, const char *flag) {
  (void)user;
  (void)flag;
}

static bool compile_has_static_target(const ee_cli_compile_options_t *options) {
  eerie_compiler_target_info_t info;
  for (size_t t = 0; t < options->targets.count; ++t)
    for (size_t i = 0; eerie_compiler_target_at(i, &info); ++i)
      if (info.static_library && strcmp(info.name, options->targets.items[t]) == 0) return true;
  return false;
}

// The importer and the compiler must have one mind on 64-bit floats.
static bool compile_agree_on_f64(ee_cli_compile_options_t *options) {
  static const char flag[] = "--iree-input-demote-f64-to-f32=false";
  for (size_t i = 0; i < options->raw.count; ++i)
    if (strcmp(options->raw.items[i], flag) == 0) options->import.keep_f64 = true;
  return !options->import.keep_f64 || ee_cli_compile_add(&options->raw, flag);
}

// MLIR has nothing that options of an import could be about.
static const char *compile_import_option(const ee_cli_import_options_t *o) {
  if (o->dims.count) return "dim";
  if (o->inputs.count || o->weights.count) return o->inputs.count ? "input" : "weights";
  if (o->parameters || o->inline_weights) return o->parameters ? "parameters" : "inline-weights";
  if (o->parameter_scope) return "parameter-scope";
  if (o->function || o->route) return o->function ? "function" : "route";
  if (o->rewrites.count || o->no_rewrites.count)
    return o->rewrites.count ? "rewrite" : "no-rewrite";
  if (o->opset || o->trust_pickle) return o->opset ? "opset" : "trust-pickle";
  return NULL;
}

// Turns the command line into the library's options. Strings are borrowed.
static bool compile_fill(ee_cli_compile_options_t *options, eerie_compile_options_t *what) {
  if (options->dump_phase) {
    if (!compile_check_phase("dump-phase", options->dump_phase)) return false;
    options->compile_to = options->dump_phase;
    if (!options->output) options->output = "-";
  }
  if (!compile_choose_mode(options->mode, &what->pipeline) ||
      !compile_choose_format(options->format, &what->format) ||
      !compile_check_phase("compile-from", options->compile_from) ||
      !compile_check_phase("compile-to", options->compile_to) ||
      !compile_fill_levels(options->opt_level, what))
    return false;
  if (options->mlir_bytecode) what->format = EERIE_COMPILER_IR_BYTECODE;
  if (!options->targets.count && !ee_cli_compile_add(&options->targets, "host")) return false;
  for (size_t i = 0; i < options->targets.count; ++i) {
    options->targets.items[i] = ee_cli_native_target(options->targets.items[i]);
    if (!options->targets.items[i]) return false;
  }
  eerie_error_t err = {0};
  if (eerie_compiler_target_flags(options->targets.items, options->targets.count, "x.o",
                                  compile_ignore_flag, NULL, &err)) {
    ee_cli_fail(EE_CLI_USAGE, "--target: %s", err.message);
    return false;
  }
  if (!compile_agree_on_f64(options)) {
    ee_cli_fail(EE_CLI_FAILED, "out of memory");
    return false;
  }
  what->input_type = options->input_type;
  what->targets = options->targets.items;
  what->target_count = options->targets.count;
  what->flags = options->raw.items;
  what->flag_count = options->raw.count;
  what->device = options->device;
  what->compile_from = options->compile_from;
  what->compile_to = options->compile_to;
  what->dump_phases_to = options->dump_phases_to;
  what->split_input = options->split_input;
  what->skip_verify = options->no_verify;
  what->isolated = options->isolated && !options->no_isolated;
  if (!what->isolated && (options->time_limit > 0 || options->memory_limit_mb)) {
    ee_cli_fail(EE_CLI_USAGE, "a limit needs a child process; leave out --no-isolated");
    return false;
  }
  what->time_limit_ms =
      options->time_limit > 4e6 ? 0 : (uint32_t)(options->time_limit * 1000 + 0.999);
  what->memory_limit = options->memory_limit_mb << 20;
  what->reproducer_path = options->reproducer;
  return true;
}

// Hashes the source, before the compiler sees it. A pipe is read here, for the compiler too.
static int compile_hash_source(ee_cli_compile_run_t *run, const char *input,
                               eerie_compile_options_t *what) {
  eerie_error_t err = {0};
  struct stat info;
  const bool standard = strcmp(input, "-") == 0;
  eerie_status_t status;
  char path[4096];
  ee_cli_import_path(input, path, sizeof path);
  if (!standard && stat(path, &info) == 0 && S_ISREG(info.st_mode)) {
    status = ee_cli_stamp_hash_file(path, run->source_sha256, &err);
  } else if (ee_cli_import_takes(input)) {
    status = EERIE_OK; // a folder, or the importer's, and read once
  } else {
    status = ee_cli_read_file(input, &run->source, &err);
    if (!status) {
      ee_cli_sha256_t hash;
      ee_cli_sha256_begin(&hash);
      ee_cli_sha256_add(&hash, run->source.data, run->source.size);
      ee_cli_sha256_end(&hash, run->source_sha256);
      what->source_path = NULL;
      what->source = run->source.data;
      what->source_size = run->source.size;
      what->source_name = standard ? "<stdin>" : input;
    }
  }
  return status ? ee_cli_fail(EE_CLI_BAD_INPUT, "%s", err.message) : EE_CLI_OK;
}

static int compile_input(ee_cli_compile_run_t *run, ee_cli_compile_options_t *options,
                         eerie_compile_options_t *what) {
  const char *input = options->inputs.items[0];
  const bool import = strcmp(input, "-") != 0 && ee_cli_import_takes(input);
  const char *stray = import ? NULL : compile_import_option(&options->import);
  if (stray)
    return ee_cli_fail(EE_CLI_USAGE, "--%s is for models that are imported; %s is not one", stray,
                       input);
  int exit_code = import ? EE_CLI_OK : ee_cli_compile_check_input(input);
  if (exit_code) return exit_code;
  // Modules in pieces, one behind the other, have no end that a stamp could be at.
  run->stamped = !options->no_stamp && !ee_cli_compile_makes_ir(what) && !what->split_input &&
                 what->pipeline != EERIE_COMPILER_HAL_EXECUTABLE &&
                 what->format != EERIE_COMPILER_EXECUTABLE_BINARY;
  run->time = -1;
  if (run->stamped && !options->reproducible) exit_code = ee_cli_stamp_time(&run->time);
  if (exit_code) return exit_code;
  char derived[4096];
  const char *output = options->output;
  if (!output && (ee_cli_compile_makes_ir(what) || strcmp(input, "-") == 0)) {
    output = "-";
  } else if (!output) {
    const char *extension = what->pipeline == EERIE_COMPILER_HAL_EXECUTABLE ? ".bin" : ".vmfb";
    if (!(import ? ee_cli_import_derive(input, extension, derived, sizeof derived)
                 : ee_cli_compile_derive(input, extension, false, derived, sizeof derived)))
      return ee_cli_fail(EE_CLI_USAGE, "the name of the input is too long; give --output");
    output = derived;
  }
  if (strcmp(output, "-") == 0 && !ee_cli_compile_makes_ir(what) && isatty(STDOUT_FILENO))
    return ee_cli_fail(EE_CLI_USAGE, "a module is not printed on a terminal; give --output=FILE");
  eerie_error_t err = {0};
  if (ee_cli_output_check(output, &err)) return ee_cli_fail(EE_CLI_OUTPUT, "%s", err.message);
  if (compile_has_static_target(options)) {
    if (strcmp(output, "-") == 0 && !options->static_library)
      return ee_cli_fail(EE_CLI_USAGE,
                         "target %s writes an object file too; say where with --static-library",
                         options->targets.items[0]);
    if (!ee_cli_compile_prepare_static(run, output))
      return ee_cli_fail(EE_CLI_USAGE, "the name of the static library is too long");
    what->static_library_path = run->static_temporary;
    // Convolutions as products of matrices take memory and code that a microcontroller does
    // without, unless it is told to be fast.
    if (import && !options->import.rewrites.count &&
        !ee_cli_compile_add(&options->import.no_rewrites, "windows"))
      return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  }
  for (size_t i = 0; i < options->import.rewrites.count; ++i)
    if (strcmp(options->import.rewrites.items[i], "windows") != 0)
      return ee_cli_fail(EE_CLI_USAGE,
                         "--rewrite=%s: nothing of that name is left out; expected windows",
                         options->import.rewrites.items[i]);
  what->source_path = input;
  if (run->stamped) exit_code = compile_hash_source(run, input, what);
  if (exit_code) return exit_code;
  what->on_diagnostic = ee_cli_compile_on_diagnostic;
  what->on_output = ee_cli_compile_on_output;
  what->user = run;
  return import ? ee_cli_compile_model(run, input, output, what)
                : ee_cli_compile_source(run, input, output, what);
}

static int compile_command(ee_cli_compile_options_t *options) {
  if (options->list_targets) return ee_cli_compile_list_targets(options->json);
  if (options->list_phases) return ee_cli_compile_list_phases(options->json);
  const bool listing = options->flags || options->list_plugins;
  if (!listing && options->inputs.count != 1)
    return ee_cli_fail(EE_CLI_USAGE, options->inputs.count
                                         ? "more than one input; eerie compile takes one file"
                                         : "no input; see eerie compile --help");
  eerie_compile_options_t what = {0};
  if (!compile_fill(options, &what)) return EE_CLI_USAGE;
  ee_cli_compile_run_t run = {.options = options};
  const int cache_exit = ee_cli_cache_open(options->cache, options->cache_size_mb, &run.cache);
  if (cache_exit) return cache_exit;
  eerie_error_t err = {0};
  const eerie_status_t status = eerie_compiler_load(
      &(eerie_compiler_options_t){.library_path = options->compiler}, &run.compiler, &err);
  if (status) return ee_cli_fail(ee_cli_compile_exit_code(&run, status, &err), "%s", err.message);
  int exit_code;
  if (options->list_plugins)
    exit_code = ee_cli_compile_list_plugins(&run);
  else if (options->flags)
    exit_code = ee_cli_compile_print_flags(&run);
  else
    exit_code = compile_input(&run, options, &what);
  ee_cli_text_free(&run.source);
  ee_cli_text_free(&run.import.depends);
  ee_cli_compile_free_flags(&run.chosen);
  eerie_compiler_release(run.compiler);
  return exit_code;
}

static bool compile_parse(ee_cli_compile_options_t *o, int argc, char **argv, int *out_exit) {
  bool verify = true;
  const ee_cli_option_t table[] = {
      {"output", "FILE", EE_CLI_STRING, &o->output, "where the result goes; -o FILE; - for stdout"},
      {"target", "TARGET", EE_CLI_STRINGS, &o->targets,
       "where it will run: host (default), x86-64-v3,\naarch64, vulkan, cuda, ...; may be "
       "repeated"},
      {"input_type", "TYPE", EE_CLI_STRING, &o->input_type,
       "auto, none, stablehlo, tosa, torch, onnx"},
      {"opt_level", "N", EE_CLI_STRING, &o->opt_level,
       "or -O0 ... -O3. 0, 1: the compiler's own levels;\n2 (default): flags by the model; 3: "
       "compiles may take\nlonger"},
      {"print_flags", NULL, EE_CLI_SWITCH, &o->print_flags,
       "tell which flags were chosen, and why"},
      {"choices", "FILE", EE_CLI_STRING, &o->choices,
       "these flags instead, as eerie tune wrote them"},
      {"device", "NAME", EE_CLI_STRING, &o->device,
       "where it will run: local-sync allows code for one\nthread that no other device runs"},
      {"mode", "MODE", EE_CLI_STRING, &o->mode, "standard, hal-executable, precompile, vm"},
      {"compile_mode", "MODE", EE_CLI_STRING, &o->mode, NULL},
      {"compile_from", "PHASE", EE_CLI_STRING, &o->compile_from, "phase that the input is in"},
      {"compile_to", "PHASE", EE_CLI_STRING, &o->compile_to, "last phase; the result is its IR"},
      {"dump_phase", "PHASE", EE_CLI_STRING, &o->dump_phase, "print the IR after a phase"},
      {"dump_phases_to", "FOLDER", EE_CLI_STRING, &o->dump_phases_to,
       "write the IR after every phase into a folder"},
      {"dump_compilation_phases_to", "FOLDER", EE_CLI_STRING, &o->dump_phases_to, NULL},
      {"format", "FORMAT", EE_CLI_STRING, &o->format, "module, mlir, mlirbc, executable"},
      {"output_format", "FORMAT", EE_CLI_STRING, &o->format, NULL},
      {"emit_mlir_bytecode", NULL, EE_CLI_SWITCH, &o->mlir_bytecode, NULL},
      {"split_input", NULL, EE_CLI_SWITCH, &o->split_input,
       "compile pieces between // ----- alone"},
      {"split_input_file", NULL, EE_CLI_SWITCH, &o->split_input, NULL},
      {"verify", NULL, EE_CLI_SWITCH, &verify, "check the IR between passes (default)"},
      {"static_library", "FILE", EE_CLI_STRING, &o->static_library,
       "object file of a static target (default: OUTPUT.o)"},
      {"list_targets", NULL, EE_CLI_SWITCH, &o->list_targets, "what --target takes"},
      {"list_phases", NULL, EE_CLI_SWITCH, &o->list_phases, "the phases of compilation"},
      {"list_plugins", NULL, EE_CLI_SWITCH, &o->list_plugins,
       "the compiler's backends and plugins"},
      {"iree_hal_list_target_backends", NULL, EE_CLI_SWITCH, &o->list_plugins, NULL},
      {"iree_list_plugins", NULL, EE_CLI_SWITCH, &o->list_plugins, NULL},
      {"flags", "nondefault", EE_CLI_OPTIONAL, &o->flags, "the compiler's flags and their values"},
      {"compiler", "PATH", EE_CLI_STRING, &o->compiler,
       "libIREECompiler, or a Python environment with it"},
      {"isolated", NULL, EE_CLI_SWITCH, &o->isolated, "compile in a child process (default)"},
      {"no_isolated", NULL, EE_CLI_SWITCH, &o->no_isolated, "compile in this process"},
      {"time_limit", "SECONDS", EE_CLI_REAL, &o->time_limit, "stop a compile that takes longer"},
      {"memory_limit", "MB", EE_CLI_NUMBER, &o->memory_limit_mb, "stop one that takes more memory"},
      {"reproducer", "FILE", EE_CLI_STRING, &o->reproducer,
       "where a crash is recorded (default: a new\nfile in the temporary folder)"},
      {"reproducible", NULL, EE_CLI_SWITCH, &o->reproducible,
       "leave the time out of the stamp: the same source\nand flags give the same bytes"},
      {"no_stamp", NULL, EE_CLI_SWITCH, &o->no_stamp,
       "exactly the compiler's bytes, without a stamp of\ncompiler, flags, source and time"},
      {"cache", "FOLDER", EE_CLI_OPTIONAL, &o->cache,
       "keep modules, and take them again when nothing has\nchanged; off: not, whatever "
       "EERIE_CACHE "
       "says"},
      {"cache_size", "MB", EE_CLI_NUMBER, &o->cache_size_mb, "most that is kept (default: 1024)"},
      EE_CLI_IMPORT_OPTIONS(&o->import),
      {"rewrite", "NAME", EE_CLI_STRINGS, &o->import.rewrites,
       "do a rewrite that is left out for microcontrollers,\nsince it takes memory: windows"},
      {"json", NULL, EE_CLI_SWITCH, &o->json, "print facts as JSON"},
      {"quiet", NULL, EE_CLI_SWITCH, &o->quiet, "no closing line on a terminal"},
  };
  const ee_cli_command_t command = {.name = "compile",
                                    .summary = "compile a model to a .vmfb module",
                                    .arguments = "[options] INPUT [compiler flags]",
                                    .notes = compile_notes,
                                    .options = table,
                                    .option_count = sizeof table / sizeof table[0]};
  const bool good = ee_cli_parse_options(&command, argc, argv, &o->inputs, out_exit);
  o->no_verify = !verify;
  return good;
}

int eerie_cli_compile(int argc, char **argv) {
  ee_cli_compile_options_t options = {.isolated = true};
  char **rest = calloc((size_t)argc + 1, sizeof *rest);
  int rest_count = 0;
  int exit_code = EE_CLI_OK;
  if (!rest || !compile_split_arguments(&options, argc, argv, rest, &rest_count))
    exit_code = ee_cli_fail(EE_CLI_FAILED, "out of memory");
  else if (compile_parse(&options, rest_count, rest, &exit_code))
    exit_code = compile_command(&options);
  ee_cli_strings_free(&options.targets);
  ee_cli_strings_free(&options.raw);
  ee_cli_strings_free(&options.inputs);
  ee_cli_import_options_free(&options.import);
  free(rest);
  return ee_cli_flush_stdout(exit_code);
}
