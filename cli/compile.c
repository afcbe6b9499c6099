// compile.c: `eerie compile`: a model's source to a module.
//
// The compiler works in a child process unless told otherwise, for it may take its process down.
// Flags of iree-compile are understood wherever they stand, and the few that are options of that
// program and not of the compiler have the same names here.
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cache.h"
#include "compiler.h"
#include "eerie/eerie.h"
#include "file.h"
#include "gpu.h"
#include "json.h"
#include "sha256.h"
#include "stamp.h"

typedef struct compile_options {
  const char *output, *input_type, *compile_from, *compile_to, *dump_phase, *dump_phases_to, *mode,
      *format, *static_library, *flags, *compiler, *reproducer, *opt_level, *device, *choices,
      *cache;
  uint64_t cache_size_mb;
  ee_cli_strings_t targets, raw, inputs;
  double time_limit;
  uint64_t memory_limit_mb;
  ee_cli_import_options_t import;
  bool split_input, no_verify, list_targets, list_phases, list_plugins, no_isolated, isolated,
      mlir_bytecode, json, quiet, reproducible, no_stamp, print_flags;
} compile_options_t;

// One run of the command.
typedef struct compile_run {
  const compile_options_t *options;
  eerie_compiler_t *compiler;
  size_t errors, warnings;
  bool skip_notes; // the diagnostic that they belong to was skipped
  bool stamped;    // what comes out is a module, which tells where it comes from
  int64_t time;
  char source_sha256[65];
  ee_cli_text_t source;    // of a pipe, which can be read only once
  ee_cli_strings_t chosen; // flags by the model
  ee_cli_cache_t cache;
  char cache_key[65];   // empty: this compile is none for the cache
  char import_key[65];  // the same, of what the model becomes when it is imported
  char mlir_sha256[65]; // of the source that the compiler sees
  bool cached;          // the module was there
  bool printed;         // the compiler had something to say
  bool to_stdout;       // what comes out goes there
  FILE *choice_stream;  // where they are told; NULL: nowhere
  bool imported;
  ee_cli_import_result_t import;
  char static_path[4096], static_temporary[4096];
} compile_run_t;

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

static bool compile_add(ee_cli_strings_t *strings, const char *item) {
  const char **items =
      realloc((void *)strings->items, (strings->count + 1) * sizeof *strings->items);
  if (!items) return false;
  strings->items = items;
  items[strings->count++] = item;
  return true;
}

static bool compile_starts(const char *text, const char *start) {
  return strncmp(text, start, strlen(start)) == 0;
}

// Options of the program iree-compile that look like flags of the compiler.
static bool compile_is_own(const char *flag) {
  return strcmp(flag, "iree-hal-list-target-backends") == 0 ||
         strcmp(flag, "iree-list-plugins") == 0;
}

static bool compile_is_raw(const char *argument) {
  if (argument[0] != '-') return false;
  const char *name = argument + 1 + (argument[1] == '-');
  return (compile_starts(name, "iree-") || compile_starts(name, "mlir-")) && !compile_is_own(name);
}

// Takes the compiler's own flags out of the command line, and turns -o and -O into options that the
// parser of all commands knows. `out_argv` has room for argc + 1 entries.
static bool compile_split_arguments(compile_options_t *options, int argc, char **argv,
                                    char **out_argv, int *out_argc) {
  static char output_option[] = "--output";
  bool good = true, raw_only = false;
  int count = 0;
  for (int i = 0; i < argc && good; ++i) {
    char *argument = argv[i];
    if (raw_only || (i && compile_is_raw(argument)))
      good = compile_add(&options->raw, argument);
    else if (i && strcmp(argument, "--") == 0)
      raw_only = true;
    else if (i && strcmp(argument, "-o") == 0)
      out_argv[count++] = output_option;
    else if (i && compile_starts(argument, "-o="))
      options->output = argument + 3;
    else if (i && compile_starts(argument, "-O"))
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

// ---- Lists -------------------------------------------------------------------------------------

static void compile_print_name(void *user, const char *name) {
  ee_cli_json_t *json = user;
  if (json)
    ee_cli_json_string(json, NULL, name);
  else
    puts(name);
}

static int compile_list_targets(bool as_json) {
  eerie_compiler_target_info_t info;
  if (!as_json) {
    for (size_t i = 0; eerie_compiler_target_at(i, &info); ++i)
      printf("%-16s %s\n", info.name, info.description);
    return EE_CLI_OK;
  }
  ee_cli_json_t json = {0};
  ee_cli_json_open(&json, NULL, '[');
  for (size_t i = 0; eerie_compiler_target_at(i, &info); ++i) {
    ee_cli_json_open(&json, NULL, '{');
    ee_cli_json_string(&json, "name", info.name);
    ee_cli_json_string(&json, "description", info.description);
    ee_cli_json_string(&json, "device", info.device);
    ee_cli_json_bool(&json, "static_library", info.static_library);
    ee_cli_json_close(&json, '}');
  }
  ee_cli_json_close(&json, ']');
  return ee_cli_json_print(&json);
}

static int compile_list_phases(bool as_json) {
  ee_cli_json_t json = {0};
  if (as_json) ee_cli_json_open(&json, NULL, '[');
  for (size_t i = 0; eerie_compiler_phase_at(i); ++i)
    compile_print_name(as_json ? &json : NULL, eerie_compiler_phase_at(i));
  if (!as_json) return EE_CLI_OK;
  ee_cli_json_close(&json, ']');
  return ee_cli_json_print(&json);
}

static int compile_list_plugins(compile_run_t *run) {
  eerie_error_t err = {0};
  ee_cli_json_t json = {0};
  void *sink = run->options->json ? &json : NULL;
  if (!sink) puts("Target backends:");
  if (sink) ee_cli_json_open(&json, NULL, '{');
  if (sink) ee_cli_json_open(&json, "backends", '[');
  eerie_status_t status =
      eerie_compiler_list_backends(run->compiler, compile_print_name, sink, &err);
  if (sink) ee_cli_json_close(&json, ']');
  if (!sink) puts("Plugins:");
  if (sink) ee_cli_json_open(&json, "plugins", '[');
  if (!status) status = eerie_compiler_list_plugins(run->compiler, compile_print_name, sink, &err);
  if (sink) ee_cli_json_close(&json, ']');
  if (sink) ee_cli_json_close(&json, '}');
  if (!status) return sink ? ee_cli_json_print(&json) : EE_CLI_OK;
  ee_cli_text_free(&json.text);
  return ee_cli_fail_error(EE_CLI_FAILED, &err);
}

static void compile_keep_flag(void *user, const char *flag) {
  char *copy = strdup(flag);
  if (copy && !compile_add(user, copy)) free(copy);
} // NOLINT(clang-analyzer-unix.Malloc): the list has it

static void compile_free_flags(ee_cli_strings_t *flags) {
  for (size_t i = 0; i < flags->count; ++i)
    free((void *)(uintptr_t)flags->items[i]);
  ee_cli_strings_free(flags);
}

// The flags of a session with the targets and flags of the command line.
static int compile_print_flags(compile_run_t *run) {
  const compile_options_t *options = run->options;
  const bool all = !*options->flags || strcmp(options->flags, "all") == 0;
  if (!all && strcmp(options->flags, "nondefault") != 0)
    return ee_cli_fail(EE_CLI_USAGE, "--flags: '%s' is none of all, nondefault", options->flags);
  eerie_error_t err = {0};
  eerie_compiler_session_t *session = NULL;
  ee_cli_strings_t target_flags = {0};
  ee_cli_json_t json = {0};
  eerie_status_t status = eerie_compiler_session_create(run->compiler, &session, &err);
  if (!status)
    status = eerie_compiler_target_flags(options->targets.items, options->targets.count, "x.o",
                                         compile_keep_flag, &target_flags, &err);
  if (!status)
    status =
        eerie_compiler_session_set_flags(session, target_flags.items, target_flags.count, &err);
  char named[2][256] = {"", ""};
  if (options->input_type)
    snprintf(named[0], sizeof named[0], "--iree-input-type=%.200s", options->input_type);
  if (options->opt_level)
    snprintf(named[1], sizeof named[1], "--iree-opt-level=O%.8s", options->opt_level);
  for (size_t i = 0; i < 2 && !status; ++i) {
    const char *flag = named[i];
    if (*flag) status = eerie_compiler_session_set_flags(session, &flag, 1, &err);
  }
  if (!status)
    status =
        eerie_compiler_session_set_flags(session, options->raw.items, options->raw.count, &err);
  if (options->json) ee_cli_json_open(&json, NULL, '[');
  if (!status)
    status = eerie_compiler_session_get_flags(session, !all, compile_print_name,
                                              options->json ? &json : NULL, &err);
  if (options->json) ee_cli_json_close(&json, ']');
  int exit_code = EE_CLI_OK;
  if (status)
    exit_code = ee_cli_fail_error(EE_CLI_USAGE, &err);
  else if (options->json)
    exit_code = ee_cli_json_print(&json);
  if (status) ee_cli_text_free(&json.text);
  compile_free_flags(&target_flags);
  eerie_compiler_session_release(session);
  return exit_code;
}

// ---- Compiling ---------------------------------------------------------------------------------

// The compiler warns of every ARM CPU with a name that it cannot tell its features. It needs to
// tell them only to choose tilings that microcontrollers do not have; the code is for the CPU all
// the same.
static const char compile_known_warning[] = "Resolution of CPU to CPU-features is not implemented";

static bool compile_contains(const char *text, size_t size, const char *part) {
  return memmem(text, size, part, strlen(part)) != NULL;
}

static void compile_on_diagnostic(void *user, const eerie_compiler_diagnostic_t *diagnostic) {
  compile_run_t *run = user;
  if (diagnostic->severity != EERIE_COMPILER_NOTE)
    run->skip_notes =
        diagnostic->severity == EERIE_COMPILER_WARNING &&
        compile_contains(diagnostic->message, diagnostic->message_size, compile_known_warning);
  if (run->skip_notes) return;
  run->errors += diagnostic->severity == EERIE_COMPILER_ERROR;
  run->warnings += diagnostic->severity == EERIE_COMPILER_WARNING;
  run->printed = true;
  ee_cli_print_diagnostic(diagnostic);
}

static void compile_on_output(void *user, const char *text, size_t size) {
  if (compile_contains(text, size, compile_known_warning)) return;
  ((compile_run_t *)user)->printed = true;
  ee_cli_progress_clear();
  fwrite(text, 1, size, stderr);
}

// The exit code of what the library answered.
static int compile_exit_code(const compile_run_t *run, eerie_status_t status,
                             const eerie_error_t *err) {
  switch (status) {
  case EERIE_UNAVAILABLE:
  case EERIE_INCOMPATIBLE: return EE_CLI_MISSING;
  case EERIE_NOT_FOUND:
  case EERIE_PERMISSION_DENIED: return EE_CLI_BAD_INPUT;
  case EERIE_ABORTED: return EE_CLI_CRASHED;
  case EERIE_INVALID_ARGUMENT:
    // A flag that the compiler refuses is refused before it sees the source.
    if (!run->errors && compile_starts(err->message, "the compiler refuses")) return EE_CLI_USAGE;
    return EE_CLI_FAILED;
  default: return EE_CLI_FAILED;
  }
}

static int compile_check_input(const char *path) {
  if (strcmp(path, "-") == 0) return EE_CLI_OK;
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ee_cli_fail(EE_CLI_BAD_INPUT, "cannot read %s: %s", path, strerror(errno));
  struct stat info;
  const bool known = fstat(fd, &info) == 0;
  char start[4] = "";
  // A pipe keeps its bytes for the compiler.
  if (known && S_ISREG(info.st_mode) && read(fd, start, sizeof start) < 0) start[0] = 0;
  close(fd);
  if (known && S_ISDIR(info.st_mode))
    return ee_cli_fail(EE_CLI_BAD_INPUT, "cannot read %s: it is a folder", path);
  if (known && S_ISREG(info.st_mode) && info.st_size == 0)
    return ee_cli_fail(EE_CLI_BAD_INPUT, "%s is empty, expected MLIR", path);
  // Modules are readable as ZIP archives.
  if (memcmp(start, "PK\3\4", sizeof start) == 0)
    return ee_cli_fail(EE_CLI_BAD_INPUT, "%s is a compiled module or an archive, expected MLIR",
                       path);
  return EE_CLI_OK;
}

// "x/model.mlir" and ".vmfb": "model.vmfb", or with `keep_folder` "x/model.vmfb".
static bool compile_derive(const char *path, const char *extension, bool keep_folder, char *out,
                           size_t capacity) {
  const char *slash = strrchr(path, '/');
  const char *name = slash ? slash + 1 : path;
  const char *dot = strrchr(name, '.');
  const char *from = keep_folder ? path : name;
  const size_t size = dot && dot > name ? (size_t)(dot - from) : strlen(from);
  const int length = snprintf(out, capacity, "%.*s%s", (int)size, from, extension);
  return length > 0 && (size_t)length < capacity;
}

// Static kernels: the compiler writes NAME.o and NAME.h itself. It gets other names for them, and
// the files take theirs when all is done.
static bool compile_prepare_static(compile_run_t *run, const char *output) {
  const char *wanted = run->options->static_library;
  const bool good =
      wanted ? snprintf(run->static_path, sizeof run->static_path, "%s", wanted) <
                   (int)sizeof run->static_path
             : compile_derive(output, ".o", true, run->static_path, sizeof run->static_path);
  char stem[4096], extension[64];
  snprintf(extension, sizeof extension, ".%ld.tmp", (long)getpid());
  return good && compile_derive(run->static_path, extension, true, stem, sizeof stem) &&
         snprintf(run->static_temporary, sizeof run->static_temporary, "%s.o", stem) <
             (int)sizeof run->static_temporary;
}

static int compile_finish_static(const compile_run_t *run, bool keep) {
  int exit_code = EE_CLI_OK;
  static const char *const extensions[] = {".o", ".h"};
  for (size_t i = 0; i < 2; ++i) {
    char from[4096], to[4096];
    if (!compile_derive(run->static_temporary, extensions[i], true, from, sizeof from) ||
        !compile_derive(run->static_path, extensions[i], true, to, sizeof to))
      continue;
    if (!keep)
      unlink(from);
    else if (rename(from, i ? to : run->static_path) != 0 && errno != ENOENT && !exit_code)
      exit_code = ee_cli_fail(EE_CLI_OUTPUT, "cannot write %s: %s", to, strerror(errno));
  }
  return exit_code;
}

static int compile_report(const compile_run_t *run, const char *input, const char *output,
                          size_t size, double seconds) {
  if (run->options->json) {
    eerie_error_t err = {0};
    eerie_compiler_info_t info;
    eerie_compiler_get_info(run->compiler, &info, &err);
    ee_cli_json_t json = {0};
    ee_cli_json_open(&json, NULL, '{');
    ee_cli_json_string(&json, "input", input);
    ee_cli_json_string(&json, "output", output);
    ee_cli_json_number(&json, "bytes", size);
    ee_cli_json_real(&json, "seconds", seconds);
    ee_cli_json_bool(&json, "cached", run->cached);
    ee_cli_json_number(&json, "warnings", run->warnings);
    ee_cli_json_open(&json, "targets", '[');
    for (size_t i = 0; i < run->options->targets.count; ++i)
      ee_cli_json_string(&json, NULL, run->options->targets.items[i]);
    ee_cli_json_close(&json, ']');
    if (run->static_path[0]) ee_cli_json_string(&json, "static_library", run->static_path);
    if (run->imported) ee_cli_json_string(&json, "route", run->import.route);
    if (run->import.parameters[0]) {
      ee_cli_json_string(&json, "parameters", run->import.parameters);
      ee_cli_json_string(&json, "parameter_scope", run->import.parameter_scope);
    }
    ee_cli_json_string(&json, "compiler", info.path);
    ee_cli_json_string(&json, "release", info.release);
    ee_cli_json_close(&json, '}');
    return ee_cli_json_print(&json);
  }
  if (run->options->quiet || !isatty(STDERR_FILENO)) return EE_CLI_OK;
  ee_cli_text_t text = {0};
  ee_cli_text_bytes(&text, size);
  fprintf(stderr, "%s: %s in %.1f s%s\n", output, text.data ? text.data : "", seconds,
          run->cached ? ", from the cache" : "");
  ee_cli_text_free(&text);
  return EE_CLI_OK;
}

static double compile_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// Flags of the targets and those of the command line, as the compiler got them.
static eerie_status_t compile_all_flags(const compile_run_t *run, ee_cli_strings_t *flags,
                                        eerie_error_t *err) {
  const compile_options_t *options = run->options;
  // Where a static library went is no property of the module.
  const eerie_status_t status = eerie_compiler_target_flags(
      options->targets.items, options->targets.count, "x.o", compile_keep_flag, flags, err);
  if (status) return status;
  char input_type[256];
  snprintf(input_type, sizeof input_type, "--iree-input-type=%.200s",
           options->input_type ? options->input_type : "");
  if (options->input_type) compile_keep_flag(flags, input_type);
  for (size_t i = 0; i < run->chosen.count; ++i)
    compile_keep_flag(flags, run->chosen.items[i]);
  for (size_t i = 0; i < options->raw.count; ++i)
    compile_keep_flag(flags, options->raw.items[i]);
  return EERIE_OK;
}

// Writes the module and its stamp, whole or not at all.
static eerie_status_t compile_write_stamped(compile_run_t *run, const char *input,
                                            const char *output_path, const void *data, size_t *size,
                                            eerie_error_t *err) {
  const compile_options_t *options = run->options;
  ee_cli_strings_t flags = {0};
  eerie_compiler_info_t info;
  eerie_status_t status = eerie_compiler_get_info(run->compiler, &info, err);
  if (!status) status = compile_all_flags(run, &flags, err);
  ee_cli_text_t end = {0};
  size_t kept = *size;
  if (!status) {
    ee_cli_stamp_t stamp = {.compiler = info.release,
                            .revision = info.revision,
                            .source = strcmp(input, "-") == 0 ? "<stdin>" : input,
                            .targets = &options->targets,
                            .flags = &flags,
                            .mode = options->mode,
                            .compile_from = options->compile_from,
                            .time = run->time};
    memcpy(stamp.source_sha256, run->source_sha256, sizeof stamp.source_sha256);
    ee_cli_stamp_write(&stamp, data, *size, &kept, &end);
  }
  compile_free_flags(&flags);
  ee_cli_outputs_t outputs = {0};
  ee_cli_text_t *content = NULL;
  if (!status) status = ee_cli_outputs_open_head(&outputs, output_path, data, kept, &content, err);
  if (!status) {
    *content = end;
    *size = kept + end.size;
    end = (ee_cli_text_t){0};
    status = ee_cli_outputs_commit(&outputs, err);
  }
  ee_cli_text_free(&end);
  ee_cli_outputs_free(&outputs);
  return status;
}

static int compile_write(compile_run_t *run, const char *input, const char *output_path,
                         eerie_compiler_output_t *output, double seconds) {
  eerie_error_t err = {0};
  const void *data;
  size_t size = 0;
  eerie_status_t status = eerie_compiler_output_map(output, &data, &size, &err);
  const bool to_stdout = strcmp(output_path, "-") == 0;
  if (!status && run->stamped)
    status = compile_write_stamped(run, input, output_path, data, &size, &err);
  else if (!status)
    status = to_stdout ? eerie_compiler_output_write_fd(output, STDOUT_FILENO, &err)
                       : eerie_compiler_output_write_file(output, output_path, &err);
  if (status) return ee_cli_fail(EE_CLI_OUTPUT, "%s", err.message);
  if (run->static_path[0] && compile_finish_static(run, true)) return EE_CLI_OUTPUT;
  return to_stdout ? EE_CLI_OK : compile_report(run, input, output_path, size, seconds);
}

// ---- Flags by the model ------------------------------------------------------------------------

static bool compile_is_given(const compile_options_t *options, const char *flag) {
  const char *name = flag + strspn(flag, "-");
  const size_t size = strcspn(name, "=");
  for (size_t i = 0; i < options->raw.count; ++i) {
    const char *other = options->raw.items[i] + strspn(options->raw.items[i], "-");
    if (strcspn(other, "=") == size && memcmp(name, other, size) == 0) return true;
  }
  return false;
}

static void compile_on_choice(void *user, const char *flag, const char *reason) {
  compile_run_t *run = user;
  if (run->choice_stream)
    fprintf(run->choice_stream, "%s%s# %s\n", flag ? flag : "", flag ? "  " : "", reason);
  if (flag) compile_keep_flag(&run->chosen, flag);
}

// Flags from a file as `eerie tune` writes it: one a line, # begins a comment.
static int compile_read_choices(compile_run_t *run, const char *path) {
  ee_cli_text_t text = {0};
  eerie_error_t err = {0};
  const eerie_status_t status = ee_cli_read_file(path, &text, &err);
  if (status) return ee_cli_fail_error(ee_cli_exit_code_of_file(status), &err);
  int exit_code = EE_CLI_OK;
  size_t number = 0;
  for (char *at = text.data; at && *at && !exit_code;) {
    char *line = at + strspn(at, " \t\r");
    at = line + strcspn(line, "\n");
    if (*at) *at++ = 0;
    ++number;
    for (size_t end = strlen(line); end && strchr(" \t\r", line[end - 1]);)
      line[--end] = 0;
    if (!*line || *line == '#') continue;
    if (!compile_is_raw(line))
      exit_code = ee_cli_fail(EE_CLI_BAD_INPUT, "%s:%zu: '%.80s' is no flag of the compiler", path,
                              number, line);
    else if (!compile_is_given(run->options, line))
      compile_on_choice(run, line, path);
  }
  ee_cli_text_free(&text);
  return exit_code;
}

// Puts what is chosen before what was given, for the last one counts. `out_flags` is the caller's.
static int compile_choose_flags(compile_run_t *run, eerie_compile_options_t *what,
                                ee_cli_strings_t *out_flags) {
  eerie_error_t err = {0};
  const compile_options_t *options = run->options;
  if (options->print_flags) run->choice_stream = run->to_stdout || options->json ? stderr : stdout;
  int exit_code = EE_CLI_OK;
  if (options->choices) {
    exit_code = compile_read_choices(run, options->choices);
  } else {
    const eerie_status_t status =
        eerie_compiler_choose_flags(run->compiler, what, compile_on_choice, run, NULL, &err);
    if (status) exit_code = ee_cli_fail(compile_exit_code(run, status, &err), "%s", err.message);
  }
  if (exit_code) return exit_code;
  bool good = true;
  for (size_t i = 0; i < run->chosen.count; ++i)
    good = compile_add(out_flags, run->chosen.items[i]) && good;
  for (size_t i = 0; i < options->raw.count; ++i)
    good = compile_add(out_flags, options->raw.items[i]) && good;
  what->flags = out_flags->items;
  what->flag_count = out_flags->count;
  what->opt_level = EERIE_COMPILER_OPT_DEFAULT;
  return good ? EE_CLI_OK : ee_cli_fail(EE_CLI_FAILED, "out of memory");
}

static bool compile_makes_ir(const eerie_compile_options_t *what) {
  return what->format == EERIE_COMPILER_IR_TEXT || what->format == EERIE_COMPILER_IR_BYTECODE ||
         what->pipeline == EERIE_COMPILER_PRECOMPILE ||
         (what->compile_to && strcmp(what->compile_to, "end") != 0);
}

// ---- Cache -------------------------------------------------------------------------------------

// Flags whose effect is not the module, or not the module alone, or that name files.
static bool compile_flag_is_for_cache(const char *flag) {
  static const char *const not_for_cache[] = {"dump",  "print", "timing",  "debug",  "reproducer",
                                              "trace", "stats", "profile", "output", "path"};
  for (size_t i = 0; i < sizeof not_for_cache / sizeof not_for_cache[0]; ++i)
    if (strstr(flag, not_for_cache[i])) return false;
  const char *value = strchr(flag, '=');
  return !value || !value[1] || access(value + 1, F_OK) != 0;
}

static bool compile_is_for_cache(const compile_run_t *run, const eerie_compile_options_t *what) {
  const compile_options_t *options = run->options;
  if (!run->cache.folder[0] || compile_makes_ir(what) || what->split_input ||
      what->pipeline != EERIE_COMPILER_STANDARD || what->compile_from || what->dump_phases_to ||
      what->static_library_path || what->format == EERIE_COMPILER_EXECUTABLE_BINARY ||
      options->print_flags || options->choices || options->mode)
    return false;
  for (size_t i = 0; i < options->raw.count; ++i)
    if (!compile_flag_is_for_cache(options->raw.items[i])) return false;
  return true;
}

// A source may name object files, which the module then contains.
static bool compile_hash_mlir(compile_run_t *run, const eerie_compile_options_t *what) {
  if (run->mlir_sha256[0]) return true; // known since it was imported
  ee_cli_text_t text = {0};
  const char *data = what->source;
  size_t size = what->source_size;
  if (!data) {
    if (strcmp(what->source_path, "-") == 0 || ee_cli_read_file(what->source_path, &text, NULL))
      return false;
    data = text.data;
    size = text.size;
  }
  const bool good = data && !compile_contains(data, size, "executable.object");
  if (good) {
    ee_cli_sha256_t hash;
    ee_cli_sha256_begin(&hash);
    ee_cli_sha256_add(&hash, data, size);
    ee_cli_sha256_end(&hash, run->mlir_sha256);
  }
  ee_cli_text_free(&text);
  return good;
}

// Everything that the module depends on: the compiler, this program's choice of flags, the CPU when
// it is for this one, flags, and the source.
static void compile_make_key(compile_run_t *run, const char *input,
                             const eerie_compile_options_t *what) {
  const compile_options_t *options = run->options;
  eerie_compiler_info_t info;
  struct stat library;
  if (!compile_is_for_cache(run, what) || eerie_compiler_get_info(run->compiler, &info, NULL) ||
      stat(info.path, &library) != 0)
    return;
  ee_cli_sha256_t hash;
  ee_cli_sha256_begin(&hash);
  char numbers[160];
  snprintf(numbers, sizeof numbers, "%lld %lld %d %d", (long long)library.st_size,
           (long long)library.st_mtime, (int)what->opt_level, what->skip_verify);
  // The compiler writes the source's path into the module; that of an import is nobody's.
  const char *const texts[] = {"2",
                               eerie_version(),
                               info.revision,
                               numbers,

                               options->device,
                               what->input_type,
                               run->imported ? "" : input};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; ++i)
    ee_cli_cache_key(&hash, texts[i]);
  bool host = false;
  for (size_t i = 0; i < options->targets.count; ++i) {
    const char *target = options->targets.items[i];
    host = host || strcmp(target, "host") == 0 || strcmp(target, "native") == 0;
    ee_cli_cache_key(&hash, target);
  }
  for (size_t i = 0; i < options->raw.count; ++i) {
    host = host || strstr(options->raw.items[i], "host");
    ee_cli_cache_key(&hash, options->raw.items[i]);
  }
  if (host) ee_cli_cache_key_cpu(&hash);
  if (!compile_hash_mlir(run, what)) return;
  ee_cli_cache_key(&hash, run->mlir_sha256);
  ee_cli_sha256_end(&hash, run->cache_key);
}

// A folder is found by its place; what is in it is looked at.
static void compile_make_import_key(compile_run_t *run, const char *model,
                                    const eerie_compile_options_t *what) {
  const compile_options_t *options = run->options;
  eerie_compiler_info_t info;
  char place[4096] = "";
  const char *name = strrchr(model, '/');
  if (!compile_is_for_cache(run, what) || eerie_compiler_get_info(run->compiler, &info, NULL) ||
      (!run->source_sha256[0] && !realpath(model, place)))
    return;
  ee_cli_sha256_t hash;
  ee_cli_sha256_begin(&hash);
  const char *const texts[] = {"import 1", eerie_version(),    info.revision,
                               place,      run->source_sha256, name ? name + 1 : model};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; ++i)
    ee_cli_cache_key(&hash, texts[i]);
  if (ee_cli_import_key(&options->import, options->compiler, &hash))
    ee_cli_sha256_end(&hash, run->import_key);
}

// The flags that were chosen go into the stamp.
static void compile_keep_cached_flags(compile_run_t *run, const ee_cli_cached_t *entry) {
  const char *at = entry->flags, *const end = at + entry->flags_size;
  while (at < end) {
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    if (!stop) break;
    char *flag = strndup(at, (size_t)(stop - at));
    if (flag) compile_keep_flag(&run->chosen, flag);
    free(flag);
    at = stop + 1;
  }
}

static void compile_add_to_cache(const compile_run_t *run, eerie_compiler_output_t *output) {
  // What the compiler had to say would not be said the next time.
  if (!run->cache_key[0] || run->printed) return;
  ee_cli_text_t flags = {0};
  for (size_t i = 0; i < run->chosen.count; ++i)
    ee_cli_text_printf(&flags, "%s\n", run->chosen.items[i]);
  const void *data;
  size_t size = 0;
  if (!flags.failed && !eerie_compiler_output_map(output, &data, &size, NULL) && size)
    ee_cli_cache_add(&run->cache, run->cache_key, &flags, data, size);
  ee_cli_text_free(&flags);
}

// Whether the module came out of the cache; `out_exit` is then what became of writing it.
static bool compile_from_cache(compile_run_t *run, const char *input, const char *output_path,
                               int *out_exit) {
  ee_cli_cached_t entry;
  eerie_compiler_output_t *output = NULL;
  const double start = compile_now();
  if (!run->cache_key[0] || !ee_cli_cache_find(&run->cache, run->cache_key, &entry)) return false;
  const bool good = !eerie_compiler_output_create(run->compiler, &output, NULL) &&
                    !eerie_compiler_output_append(output, entry.module, entry.module_size, NULL);
  if (good) {
    run->cached = true;
    compile_keep_cached_flags(run, &entry);
    *out_exit = compile_write(run, input, output_path, output, compile_now() - start);
  }
  eerie_compiler_output_release(output);
  ee_cli_text_free(&entry.bytes);
  return good;
}

static int compile_with_flags(compile_run_t *run, const char *input, const char *output_path,
                              eerie_compile_options_t *what) {
  eerie_error_t err = {0};
  eerie_compiler_output_t *output = NULL;
  char label[160];
  snprintf(label, sizeof label, "compiling %.120s", input);
  const double start = compile_now();
  ee_cli_progress_start(label);
  const eerie_status_t status = eerie_compiler_compile(run->compiler, what, &output, &err);
  ee_cli_progress_stop();
  int exit_code;
  if (status) {
    exit_code = compile_exit_code(run, status, &err);
    // A refused source has been explained by its diagnostics.
    if (exit_code == EE_CLI_FAILED && run->errors)
      ee_cli_fail(exit_code, "%zu error%s in %s", run->errors, run->errors == 1 ? "" : "s", input);
    else
      ee_cli_fail(exit_code, "%s", err.message);
  } else {
    compile_add_to_cache(run, output);
    exit_code = compile_write(run, input, output_path, output, compile_now() - start);
  }
  eerie_compiler_output_release(output);
  return exit_code;
}

static int compile_source(compile_run_t *run, const char *input, const char *output_path,
                          eerie_compile_options_t *what) {
  ee_cli_strings_t flags = {0};
  run->to_stdout = strcmp(output_path, "-") == 0;
  int exit_code = EE_CLI_OK;
  compile_make_key(run, input, what);
  if (compile_from_cache(run, input, output_path, &exit_code)) return exit_code;
  exit_code = compile_choose_flags(run, what, &flags);
  if (!exit_code) exit_code = compile_with_flags(run, input, output_path, what);
  if (exit_code && run->static_temporary[0]) compile_finish_static(run, false);
  ee_cli_strings_free(&flags);
  return exit_code;
}

// ---- Models that are imported first ------------------------------------------------------------

// What lies between the two steps: a folder of its own, and weights on their way to their place.
typedef struct compile_between {
  char folder[4096], mlir[4096 + 64], result[4096 + 64];
  char archive[4096 + 64], archive_temporary[4096 + 64];
  bool archive_moves; // from the temporary name; one that --parameters names is there already
} compile_between_t;

// The signal handler sees this one, which does not change while handlers are there.
static const compile_between_t *compile_kept;

static void compile_on_signal(int number) {
  unlink(compile_kept->mlir);
  unlink(compile_kept->result);
  unlink(compile_kept->archive_temporary);
  rmdir(compile_kept->folder);
  signal(number, SIG_DFL);
  raise(number);
}

static void compile_watch(const compile_between_t *between) {
  static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
  if (between) compile_kept = between;
  for (size_t i = 0; i < sizeof signals / sizeof *signals; ++i)
    if (signal(signals[i], between ? compile_on_signal : SIG_DFL) == SIG_IGN)
      signal(signals[i], SIG_IGN);
  if (!between) compile_kept = NULL;
}

static int compile_remove_entry(const char *path, const struct stat *info, int kind,
                                struct FTW *place) {
  (void)info;
  (void)kind;
  (void)place;
  remove(path);
  return 0;
}

static int compile_begin_between(compile_between_t *between, const char *output_path) {
  const char *temporary = getenv("TMPDIR");
  const int length = snprintf(between->folder, sizeof between->folder, "%s/eerie-import-XXXXXX",
                              temporary && *temporary ? temporary : "/tmp");
  if (length < 0 || (size_t)length >= sizeof between->folder || !mkdtemp(between->folder))
    return ee_cli_fail(EE_CLI_OUTPUT, "cannot create a folder like %s: %s", between->folder,
                       strerror(errno));
  snprintf(between->mlir, sizeof between->mlir, "%s/model.mlir", between->folder);
  snprintf(between->result, sizeof between->result, "%s/result", between->folder);
  // Weights that are too large for the module go beside it, or beside nothing: into this folder.
  char extension[64];
  snprintf(extension, sizeof extension, ".%ld.tmp.irpa", (long)getpid());
  const bool standard = strcmp(output_path, "-") == 0;
  if (!compile_derive(standard ? "model" : output_path, ".irpa", true, between->archive,
                      sizeof between->archive) ||
      !compile_derive(between->archive, extension, true, between->archive_temporary,
                      sizeof between->archive_temporary))
    return ee_cli_fail(EE_CLI_USAGE, "the name of the output is too long");
  return EE_CLI_OK;
}

static int compile_import(compile_run_t *run, const char *input, compile_between_t *between) {
  const compile_options_t *options = run->options;
  int exit_code = ee_cli_import_model(&(ee_cli_import_t){.model = input,
                                                         .output = between->mlir,
                                                         .compiler = options->compiler,
                                                         .archive = between->archive_temporary,
                                                         .result = between->result,
                                                         .scratch = between->folder,
                                                         .program = "compile",
                                                         .quiet = options->quiet,
                                                         .options = &options->import});
  ee_cli_import_result_t *result = &run->import;
  if (!exit_code) exit_code = ee_cli_import_read_result(between->result, result);
  // What is told of it from here on is where it will be.
  between->archive_moves = strcmp(result->parameters, between->archive_temporary) == 0;
  if (between->archive_moves)
    snprintf(result->parameters, sizeof result->parameters, "%s", between->archive);
  return exit_code;
}

// The archive takes its place when the module has its own.
static int compile_end_import(const compile_run_t *run, const compile_between_t *between) {
  const ee_cli_import_result_t *import = &run->import;
  if (!import->parameters[0]) return EE_CLI_OK;
  if (between->archive_moves && rename(between->archive_temporary, between->archive) != 0)
    return ee_cli_fail(EE_CLI_OUTPUT, "cannot write %s: %s", between->archive, strerror(errno));
  if (!run->options->quiet)
    fprintf(stderr,
            "eerie compile: the weights are in %s: run the module with --parameters=%s%s%s\n",
            import->parameters, import->parameter_scope, *import->parameter_scope ? "=" : "",
            import->parameters);
  return EE_CLI_OK;
}

static int64_t compile_time_of_day(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

// The module of a model that was imported and compiled before.
static bool compile_model_from_cache(compile_run_t *run, const char *input, const char *output_path,
                                     const eerie_compile_options_t *what, int *out_exit) {
  ee_cli_cached_import_t entry;
  compile_make_import_key(run, input, what);
  if (!run->import_key[0] || !ee_cli_cache_find_import(&run->cache, run->import_key, input, &entry))
    return false;
  eerie_compile_options_t imported = *what;
  if (!imported.input_type) imported.input_type = entry.result.input_type;
  run->imported = true;
  run->import = entry.result;
  memcpy(run->mlir_sha256, entry.source_sha256, sizeof run->mlir_sha256);
  compile_make_key(run, input, &imported);
  if (compile_from_cache(run, input, output_path, out_exit)) return true;
  run->cache_key[0] = run->mlir_sha256[0] = 0;
  run->imported = false;
  return false;
}

// A framework's model goes through the importer first, into a folder of its own.
static int compile_model(compile_run_t *run, const char *input, const char *output_path,
                         eerie_compile_options_t *what) {
  int exit_code = EE_CLI_OK;
  const int64_t begun_ns = compile_time_of_day();
  run->to_stdout = strcmp(output_path, "-") == 0;
  if (compile_model_from_cache(run, input, output_path, what, &exit_code)) return exit_code;
  compile_between_t *between = calloc(1, sizeof *between);
  if (!between) return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  exit_code = compile_begin_between(between, output_path);
  if (!exit_code) exit_code = compile_import(run, input, between);
  if (!exit_code) {
    run->imported = true;
    what->source_path = between->mlir;
    if (!what->input_type) what->input_type = run->import.input_type;
    compile_watch(between);
    exit_code = compile_source(run, input, output_path, what);
    compile_watch(NULL);
    if (!exit_code && run->import_key[0] && run->mlir_sha256[0])
      ee_cli_cache_add_import(&run->cache, run->import_key, input, run->mlir_sha256, &run->import,
                              begun_ns);
  }
  if (!exit_code) exit_code = compile_end_import(run, between);
  if (exit_code) unlink(between->archive_temporary);
  if (between->mlir[0]) nftw(between->folder, compile_remove_entry, 8, FTW_DEPTH | FTW_PHYS);
  free(between);
  if (ee_cli_import_signal()) raise(ee_cli_import_signal());
  return exit_code;
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

static bool compile_has_static_target(const compile_options_t *options) {
  eerie_compiler_target_info_t info;
  for (size_t t = 0; t < options->targets.count; ++t)
    for (size_t i = 0; eerie_compiler_target_at(i, &info); ++i)
      if (info.static_library && strcmp(info.name, options->targets.items[t]) == 0) return true;
  return false;
}

// The importer and the compiler must have one mind on 64-bit floats.
static bool compile_agree_on_f64(compile_options_t *options) {
  static const char flag[] = "--iree-input-demote-f64-to-f32=false";
  for (size_t i = 0; i < options->raw.count; ++i)
    if (strcmp(options->raw.items[i], flag) == 0) options->import.keep_f64 = true;
  return !options->import.keep_f64 || compile_add(&options->raw, flag);
}

// MLIR has nothing that options of an import could be about.
static const char *compile_import_option(const ee_cli_import_options_t *o) {
  if (o->dims.count) return "dim";
  if (o->inputs.count || o->weights.count) return o->inputs.count ? "input" : "weights";
  if (o->parameters || o->inline_weights) return o->parameters ? "parameters" : "inline-weights";
  if (o->parameter_scope) return "parameter-scope";
  if (o->function || o->route) return o->function ? "function" : "route";
  if (o->no_rewrites.count) return "no-rewrite";
  if (o->opset || o->trust_pickle) return o->opset ? "opset" : "trust-pickle";
  return NULL;
}

// Turns the command line into the library's options. Strings are borrowed.
static bool compile_fill(compile_options_t *options, eerie_compile_options_t *what) {
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
  if (!options->targets.count && !compile_add(&options->targets, "host")) return false;
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
static int compile_hash_source(compile_run_t *run, const char *input,
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

static int compile_input(compile_run_t *run, compile_options_t *options,
                         eerie_compile_options_t *what) {
  const char *input = options->inputs.items[0];
  const bool import = strcmp(input, "-") != 0 && ee_cli_import_takes(input);
  const char *stray = import ? NULL : compile_import_option(&options->import);
  if (stray)
    return ee_cli_fail(EE_CLI_USAGE, "--%s is for models that are imported; %s is not one", stray,
                       input);
  int exit_code = import ? EE_CLI_OK : compile_check_input(input);
  if (exit_code) return exit_code;
  // Modules in pieces, one behind the other, have no end that a stamp could be at.
  run->stamped = !options->no_stamp && !compile_makes_ir(what) && !what->split_input &&
                 what->pipeline != EERIE_COMPILER_HAL_EXECUTABLE &&
                 what->format != EERIE_COMPILER_EXECUTABLE_BINARY;
  run->time = -1;
  if (run->stamped && !options->reproducible) exit_code = ee_cli_stamp_time(&run->time);
  if (exit_code) return exit_code;
  char derived[4096];
  const char *output = options->output;
  if (!output && (compile_makes_ir(what) || strcmp(input, "-") == 0)) {
    output = "-";
  } else if (!output) {
    const char *extension = what->pipeline == EERIE_COMPILER_HAL_EXECUTABLE ? ".bin" : ".vmfb";
    if (!(import ? ee_cli_import_derive(input, extension, derived, sizeof derived)
                 : compile_derive(input, extension, false, derived, sizeof derived)))
      return ee_cli_fail(EE_CLI_USAGE, "the name of the input is too long; give --output");
    output = derived;
  }
  if (strcmp(output, "-") == 0 && !compile_makes_ir(what) && isatty(STDOUT_FILENO))
    return ee_cli_fail(EE_CLI_USAGE, "a module is not printed on a terminal; give --output=FILE");
  eerie_error_t err = {0};
  if (ee_cli_output_check(output, &err)) return ee_cli_fail(EE_CLI_OUTPUT, "%s", err.message);
  if (compile_has_static_target(options)) {
    if (strcmp(output, "-") == 0 && !options->static_library)
      return ee_cli_fail(EE_CLI_USAGE,
                         "target %s writes an object file too; say where with --static-library",
                         options->targets.items[0]);
    if (!compile_prepare_static(run, output))
      return ee_cli_fail(EE_CLI_USAGE, "the name of the static library is too long");
    what->static_library_path = run->static_temporary;
    // Convolutions as products of matrices take memory and code that a microcontroller does
    // without.
    if (import && !compile_add(&options->import.no_rewrites, "windows"))
      return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  }
  what->source_path = input;
  if (run->stamped) exit_code = compile_hash_source(run, input, what);
  if (exit_code) return exit_code;
  what->on_diagnostic = compile_on_diagnostic;
  what->on_output = compile_on_output;
  what->user = run;
  return import ? compile_model(run, input, output, what)
                : compile_source(run, input, output, what);
}

static int compile_command(compile_options_t *options) {
  if (options->list_targets) return compile_list_targets(options->json);
  if (options->list_phases) return compile_list_phases(options->json);
  const bool listing = options->flags || options->list_plugins;
  if (!listing && options->inputs.count != 1)
    return ee_cli_fail(EE_CLI_USAGE, options->inputs.count
                                         ? "more than one input; eerie compile takes one file"
                                         : "no input; see eerie compile --help");
  eerie_compile_options_t what = {0};
  if (!compile_fill(options, &what)) return EE_CLI_USAGE;
  compile_run_t run = {.options = options};
  const int cache_exit = ee_cli_cache_open(options->cache, options->cache_size_mb, &run.cache);
  if (cache_exit) return cache_exit;
  eerie_error_t err = {0};
  const eerie_status_t status = eerie_compiler_load(
      &(eerie_compiler_options_t){.library_path = options->compiler}, &run.compiler, &err);
  if (status) return ee_cli_fail(compile_exit_code(&run, status, &err), "%s", err.message);
  int exit_code;
  if (options->list_plugins)
    exit_code = compile_list_plugins(&run);
  else if (options->flags)
    exit_code = compile_print_flags(&run);
  else
    exit_code = compile_input(&run, options, &what);
  ee_cli_text_free(&run.source);
  ee_cli_text_free(&run.import.depends);
  compile_free_flags(&run.chosen);
  eerie_compiler_release(run.compiler);
  return exit_code;
}

static bool compile_parse(compile_options_t *o, int argc, char **argv, int *out_exit) {
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
  compile_options_t options = {.isolated = true};
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
