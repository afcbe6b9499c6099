// compile_source.c: from MLIR to a module in its file.
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "compile.h"
#include "file.h"
#include "gpu.h"
#include "json.h"
#include "stamp.h"

// The compiler warns of every ARM CPU with a name that it cannot tell its features. It needs to
// tell them only to choose tilings that microcontrollers do not have; the code is for the CPU all
// the same.
static const char compile_known_warning[] = "Resolution of CPU to CPU-features is not implemented";

bool ee_cli_compile_contains(const char *text, size_t size, const char *part) {
  return memmem(text, size, part, strlen(part)) != NULL;
}

void ee_cli_compile_on_diagnostic(void *user, const eerie_compiler_diagnostic_t *diagnostic) {
  ee_cli_compile_run_t *run = user;
  if (diagnostic->severity != EERIE_COMPILER_NOTE)
    run->skip_notes = diagnostic->severity == EERIE_COMPILER_WARNING &&
                      ee_cli_compile_contains(diagnostic->message, diagnostic->message_size,
                                              compile_known_warning);
  if (run->skip_notes) return;
  run->errors += diagnostic->severity == EERIE_COMPILER_ERROR;
  run->warnings += diagnostic->severity == EERIE_COMPILER_WARNING;
  run->printed = true;
  ee_cli_print_diagnostic(diagnostic);
}

void ee_cli_compile_on_output(void *user, const char *text, size_t size) {
  if (ee_cli_compile_contains(text, size, compile_known_warning)) return;
  ((ee_cli_compile_run_t *)user)->printed = true;
  ee_cli_progress_clear();
  fwrite(text, 1, size, stderr);
}

int ee_cli_compile_exit_code(const ee_cli_compile_run_t *run, eerie_status_t status,
                             const eerie_error_t *err) {
  switch (status) {
  case EERIE_UNAVAILABLE:
  case EERIE_INCOMPATIBLE: return EE_CLI_MISSING;
  case EERIE_NOT_FOUND:
  case EERIE_PERMISSION_DENIED: return EE_CLI_BAD_INPUT;
  case EERIE_ABORTED: return EE_CLI_CRASHED;
  case EERIE_INVALID_ARGUMENT:
    // A flag that the compiler refuses is refused before it sees the source.
    if (!run->errors && ee_cli_compile_starts(err->message, "the compiler refuses"))
      return EE_CLI_USAGE;
    return EE_CLI_FAILED;
  default: return EE_CLI_FAILED;
  }
}

int ee_cli_compile_check_input(const char *path) {
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

bool ee_cli_compile_derive(const char *path, const char *extension, bool keep_folder, char *out,
                           size_t capacity) {
  const char *slash = strrchr(path, '/');
  const char *name = slash ? slash + 1 : path;
  const char *dot = strrchr(name, '.');
  const char *from = keep_folder ? path : name;
  const size_t size = dot && dot > name ? (size_t)(dot - from) : strlen(from);
  const int length = snprintf(out, capacity, "%.*s%s", (int)size, from, extension);
  return length > 0 && (size_t)length < capacity;
}

bool ee_cli_compile_prepare_static(ee_cli_compile_run_t *run, const char *output) {
  const char *wanted = run->options->static_library;
  const bool good =
      wanted ? snprintf(run->static_path, sizeof run->static_path, "%s", wanted) <
                   (int)sizeof run->static_path
             : ee_cli_compile_derive(output, ".o", true, run->static_path, sizeof run->static_path);
  char stem[4096], extension[64];
  snprintf(extension, sizeof extension, ".%ld.tmp", (long)getpid());
  return good && ee_cli_compile_derive(run->static_path, extension, true, stem, sizeof stem) &&
         snprintf(run->static_temporary, sizeof run->static_temporary, "%s.o", stem) <
             (int)sizeof run->static_temporary;
}

static int compile_finish_static(const ee_cli_compile_run_t *run, bool keep) {
  int exit_code = EE_CLI_OK;
  eerie_error_t err = {0};
  static const char *const extensions[] = {".o", ".h"};
  for (size_t i = 0; i < 2; ++i) {
    char from[4096], to[4096];
    if (!ee_cli_compile_derive(run->static_temporary, extensions[i], true, from, sizeof from) ||
        !ee_cli_compile_derive(run->static_path, extensions[i], true, to, sizeof to))
      continue;
    if (!keep)
      unlink(from);
    else if (access(from, F_OK) == 0 && ee_cli_file_put(from, i ? to : run->static_path, &err) &&
             !exit_code)
      exit_code = ee_cli_fail(EE_CLI_OUTPUT, "%s", err.message);
  }
  return exit_code;
}

static int compile_report(const ee_cli_compile_run_t *run, const char *input, const char *output,
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

double ee_cli_compile_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// Flags of the targets and those of the command line, as the compiler got them.
static eerie_status_t compile_all_flags(const ee_cli_compile_run_t *run, ee_cli_strings_t *flags,
                                        eerie_error_t *err) {
  const ee_cli_compile_options_t *options = run->options;
  // Where a static library went is no property of the module.
  const eerie_status_t status = eerie_compiler_target_flags(
      options->targets.items, options->targets.count, "x.o", ee_cli_compile_keep_flag, flags, err);
  if (status) return status;
  char input_type[256];
  snprintf(input_type, sizeof input_type, "--iree-input-type=%.200s",
           options->input_type ? options->input_type : "");
  if (options->input_type) ee_cli_compile_keep_flag(flags, input_type);
  for (size_t i = 0; i < run->chosen.count; ++i)
    ee_cli_compile_keep_flag(flags, run->chosen.items[i]);
  for (size_t i = 0; i < options->raw.count; ++i)
    ee_cli_compile_keep_flag(flags, options->raw.items[i]);
  return EERIE_OK;
}

// Writes the module and its stamp, whole or not at all.
static eerie_status_t compile_write_stamped(ee_cli_compile_run_t *run, const char *input,
                                            const char *output_path, const void *data, size_t *size,
                                            eerie_error_t *err) {
  const ee_cli_compile_options_t *options = run->options;
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
  ee_cli_compile_free_flags(&flags);
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

int ee_cli_compile_write(ee_cli_compile_run_t *run, const char *input, const char *output_path,
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

static int compile_with_flags(ee_cli_compile_run_t *run, const char *input, const char *output_path,
                              eerie_compile_options_t *what) {
  eerie_error_t err = {0};
  eerie_compiler_output_t *output = NULL;
  char label[160];
  snprintf(label, sizeof label, "compiling %.120s", input);
  const double start = ee_cli_compile_now();
  ee_cli_progress_start(label);
  const eerie_status_t status = eerie_compiler_compile(run->compiler, what, &output, &err);
  ee_cli_progress_stop();
  int exit_code;
  if (status) {
    exit_code = ee_cli_compile_exit_code(run, status, &err);
    // A refused source has been explained by its diagnostics.
    if (exit_code == EE_CLI_FAILED && run->errors)
      ee_cli_fail(exit_code, "%zu error%s in %s", run->errors, run->errors == 1 ? "" : "s", input);
    else
      ee_cli_fail(exit_code, "%s", err.message);
  } else {
    ee_cli_compile_add_to_cache(run, output);
    exit_code = ee_cli_compile_write(run, input, output_path, output, ee_cli_compile_now() - start);
  }
  eerie_compiler_output_release(output);
  return exit_code;
}

int ee_cli_compile_source(ee_cli_compile_run_t *run, const char *input, const char *output_path,
                          eerie_compile_options_t *what) {
  ee_cli_strings_t flags = {0};
  run->to_stdout = strcmp(output_path, "-") == 0;
  int exit_code = EE_CLI_OK;
  ee_cli_compile_make_key(run, input, what);
  if (ee_cli_compile_from_cache(run, input, output_path, &exit_code)) return exit_code;
  exit_code = ee_cli_compile_choose_flags(run, what, &flags);
  if (!exit_code) exit_code = compile_with_flags(run, input, output_path, what);
  if (exit_code && run->static_temporary[0]) compile_finish_static(run, false);
  ee_cli_strings_free(&flags);
  return exit_code;
}
