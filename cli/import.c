// import.c: `eerie import`: a framework's model file to MLIR.
//
// ONNX models go through iree-import-onnx, which comes with the compiler in the same Python
// environment and wants the Python package onnx beside it.
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compiler.h"

enum { IMPORT_PATH = 4096 };

bool ee_cli_has_extension(const char *path, const char *extension) {
  const size_t size = strlen(path), end = strlen(extension);
  return size > end && strcmp(path + size - end, extension) == 0;
}

// ---- Finding the importer ----------------------------------------------------------------------

// The programs of the Python environment that a library at
// PREFIX/lib/python3.N/site-packages/iree/compiler/_mlir_libs/ belongs to.
static bool import_prefix(const char *library, char prefix[IMPORT_PATH]) {
  enum { LEVELS = 7 }; // file, _mlir_libs, compiler, iree, site-packages, python3.N, lib
  if (strlen(library) >= IMPORT_PATH) return false;
  snprintf(prefix, IMPORT_PATH, "%s", library);
  for (int i = 0; i < LEVELS; ++i) {
    char *slash = strrchr(prefix, '/');
    if (!slash || slash == prefix) return false;
    *slash = 0;
  }
  return true;
}

static bool import_program(const char *folder, int folder_size, const char *name,
                           char out[IMPORT_PATH]) {
  const int length = snprintf(out, IMPORT_PATH, "%.*s/%s", folder_size, folder, name);
  return length > 0 && length < IMPORT_PATH && access(out, X_OK) == 0;
}

// Finds iree-import-onnx, and the python3 of its environment for advice.
static bool import_find(const char *library, char importer[IMPORT_PATH], char python[IMPORT_PATH]) {
  char prefix[IMPORT_PATH], bin[IMPORT_PATH + 8];
  snprintf(python, IMPORT_PATH, "python3");
  if (import_prefix(library, prefix)) {
    snprintf(bin, sizeof bin, "%s/bin", prefix);
    char candidate[IMPORT_PATH];
    if (import_program(bin, (int)strlen(bin), "python3", candidate))
      snprintf(python, IMPORT_PATH, "%s", candidate);
    if (import_program(bin, (int)strlen(bin), "iree-import-onnx", importer)) return true;
  }
  const char *path = getenv("PATH");
  for (const char *at = path ? path : ""; *at;) {
    const size_t size = strcspn(at, ":");
    if (size && size < IMPORT_PATH && import_program(at, (int)size, "iree-import-onnx", importer))
      return true;
    at += size + (at[size] == ':');
  }
  return false;
}

// ---- Running it --------------------------------------------------------------------------------

// Runs a program, its output and errors into `text`. Returns its exit code, or -1 with errno, or
// 128 + the signal that ended it.
static int import_run(char *const *argv, ee_cli_text_t *text) {
  int fds[2];
  if (pipe(fds) != 0) return -1;
  fcntl(fds[0], F_SETFD, FD_CLOEXEC);
  const pid_t pid = fork();
  if (pid == 0) {
    const int null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
    dup2(fds[1], STDOUT_FILENO);
    dup2(fds[1], STDERR_FILENO);
    if (fds[1] > 2) close(fds[1]);
    if (null > 2) close(null);
    execv(argv[0], argv);
    _exit(127);
  }
  const int error = errno;
  close(fds[1]);
  char buffer[4096];
  ssize_t got = 0;
  while (pid > 0 &&
         ((got = read(fds[0], buffer, sizeof buffer)) > 0 || (got < 0 && errno == EINTR)))
    if (got > 0) ee_cli_text_append(text, buffer, (size_t)got);
  close(fds[0]);
  if (pid < 0) {
    errno = error;
    return -1;
  }
  int state = 0;
  while (waitpid(pid, &state, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(state) ? 128 + WTERMSIG(state) : WEXITSTATUS(state);
}

// A traceback says in its last line what is wrong.
static const char *import_last_line(char *text) {
  size_t size = strlen(text);
  while (size && strchr("\r\n \t", text[size - 1]))
    text[--size] = 0;
  const char *newline = strrchr(text, '\n');
  return newline ? newline + 1 : text;
}

static int import_failed(const ee_cli_import_t *import, int result, ee_cli_text_t *text,
                         const char *python) {
  char *said = text->data;
  char nothing[] = "it said nothing";
  if (!said || !*said) said = nothing;
  if (strstr(said, "No module named 'onnx'") || strstr(said, "the `onnx` Python package"))
    return ee_cli_fail(EE_CLI_MISSING,
                       "importing ONNX needs the Python package onnx; install it with `%s -m pip "
                       "install \"iree-base-compiler[onnx]==3.13.0\"`",
                       python);
  if (result > 128)
    return ee_cli_fail(EE_CLI_CRASHED, "iree-import-onnx crashed on %s with signal %d: %s",
                       import->model, result - 128, import_last_line(said));
  return ee_cli_fail(EE_CLI_BAD_INPUT, "iree-import-onnx refuses %s: %s", import->model,
                     import_last_line(said));
}

static int import_check_model(const char *path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ee_cli_fail(EE_CLI_BAD_INPUT, "cannot read %s: %s", path, strerror(errno));
  struct stat info;
  const bool known = fstat(fd, &info) == 0;
  close(fd);
  if (known && S_ISDIR(info.st_mode))
    return ee_cli_fail(EE_CLI_BAD_INPUT, "cannot read %s: it is a folder", path);
  if (known && S_ISREG(info.st_mode) && info.st_size == 0)
    return ee_cli_fail(EE_CLI_BAD_INPUT, "%s is empty, expected an ONNX model", path);
  return EE_CLI_OK;
}

// Replaces the extension of `path`.
static bool import_derive(const char *path, const char *extension, char out[IMPORT_PATH]) {
  const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
  const size_t size = dot && (!slash || dot > slash + 1) ? (size_t)(dot - path) : strlen(path);
  const int length = snprintf(out, IMPORT_PATH, "%.*s%s", (int)size, path, extension);
  return length > 0 && length < IMPORT_PATH;
}

typedef struct import_files {
  char mlir[IMPORT_PATH], params[IMPORT_PATH];                     // where they end up
  char temporary_mlir[IMPORT_PATH], temporary_params[IMPORT_PATH]; // what the importer writes
} import_files_t;

static bool import_name_files(const ee_cli_import_t *import, import_files_t *files) {
  char extension[64];
  snprintf(extension, sizeof extension, ".%ld.tmp.mlir", (long)getpid());
  return snprintf(files->mlir, IMPORT_PATH, "%s", import->output) < IMPORT_PATH &&
         import_derive(files->mlir, ".irpa", files->params) &&
         import_derive(files->mlir, extension, files->temporary_mlir) &&
         import_derive(files->temporary_mlir, ".irpa", files->temporary_params);
}

static int import_finish(const ee_cli_import_t *import, const import_files_t *files) {
  if (import->external_params && rename(files->temporary_params, files->params) != 0 &&
      errno != ENOENT)
    return ee_cli_fail(EE_CLI_OUTPUT, "cannot write %s: %s", files->params, strerror(errno));
  if (rename(files->temporary_mlir, files->mlir) != 0)
    return ee_cli_fail(EE_CLI_OUTPUT, "cannot write %s: %s", files->mlir, strerror(errno));
  return EE_CLI_OK;
}

// Whether a file can be made where the result goes; the importer's own words on that are a
// traceback.
static int import_check_output(const import_files_t *files) {
  const int fd = open(files->temporary_mlir, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0)
    return ee_cli_fail(EE_CLI_OUTPUT, "cannot write %s: %s", files->mlir, strerror(errno));
  close(fd);
  return EE_CLI_OK;
}

static int import_convert(const ee_cli_import_t *import, const import_files_t *files,
                          const char *importer, const char *python) {
  char opset[32];
  snprintf(opset, sizeof opset, "%llu", (unsigned long long)import->opset);
  const char **argv = calloc(import->flag_count + 10, sizeof *argv);
  if (!argv) return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  size_t count = 0;
  argv[count++] = importer;
  argv[count++] = import->model;
  argv[count++] = "-o";
  argv[count++] = files->temporary_mlir;
  if (import->opset) argv[count++] = "--opset-version";
  if (import->opset) argv[count++] = opset;
  if (import->external_params) argv[count++] = "--externalize-params";
  if (import->external_params) argv[count++] = "--save-params-to";
  if (import->external_params) argv[count++] = files->temporary_params;
  for (size_t i = 0; i < import->flag_count; ++i)
    argv[count++] = import->flags[i];
  ee_cli_text_t text = {0};
  char label[160];
  snprintf(label, sizeof label, "importing %.120s", import->model);
  ee_cli_progress_start(label);
  const int result = import_run((char *const *)(uintptr_t)argv, &text);
  ee_cli_progress_stop();
  int exit_code;
  if (result < 0)
    exit_code = ee_cli_fail(EE_CLI_FAILED, "cannot run %s: %s", importer, strerror(errno));
  else if (result)
    exit_code = import_failed(import, result, &text, python);
  else
    exit_code = import_finish(import, files);
  ee_cli_text_free(&text);
  free((void *)argv);
  return exit_code;
}

int ee_cli_import_onnx(const ee_cli_import_t *import) {
  int exit_code = import_check_model(import->model);
  if (exit_code) return exit_code;
  char library[IMPORT_PATH], importer[IMPORT_PATH], python[IMPORT_PATH];
  eerie_error_t err = {0};
  if (eerie_compiler_find(import->compiler, library, sizeof library, &err))
    return ee_cli_fail(EE_CLI_MISSING, "%s", err.message);
  if (!import_find(library, importer, python))
    return ee_cli_fail(EE_CLI_MISSING,
                       "no iree-import-onnx beside %s or on PATH; install it with `%s -m pip "
                       "install \"iree-base-compiler[onnx]==3.13.0\"`",
                       library, python);
  import_files_t *files = calloc(1, sizeof *files);
  if (!files) return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  if (!import_name_files(import, files))
    exit_code = ee_cli_fail(EE_CLI_USAGE, "the name of the output is too long");
  if (!exit_code) exit_code = import_check_output(files);
  if (!exit_code) exit_code = import_convert(import, files, importer, python);
  if (exit_code) {
    unlink(files->temporary_mlir);
    unlink(files->temporary_params);
  }
  free(files);
  return exit_code;
}

// ---- The command -------------------------------------------------------------------------------

static const char import_notes[] =
    "MODEL is an ONNX file (.onnx). Arguments after -- go to iree-import-onnx.\n"
    "\n"
    "Example:\n"
    "  eerie import model.onnx -o model.mlir --opset 17\n"
    "  eerie compile model.mlir -o model.vmfb --input-type onnx\n";

typedef struct import_options {
  const char *output, *compiler;
  uint64_t opset;
  bool external_params;
  ee_cli_strings_t positional;
} import_options_t;

static int import_command(const import_options_t *options, const char *const *flags,
                          size_t flag_count) {
  if (options->positional.count != 1)
    return ee_cli_fail(EE_CLI_USAGE, options->positional.count
                                         ? "more than one model; eerie import takes one file"
                                         : "no model; see eerie import --help");
  const char *model = options->positional.items[0];
  int exit_code = import_check_model(model);
  if (exit_code) return exit_code;
  if (!ee_cli_has_extension(model, ".onnx"))
    return ee_cli_fail(EE_CLI_USAGE, "%s: expected an ONNX model, a file that ends with .onnx",
                       model);
  char derived[IMPORT_PATH];
  const char *output = options->output;
  if (!output) {
    const char *slash = strrchr(model, '/');
    if (!import_derive(slash ? slash + 1 : model, ".mlir", derived))
      return ee_cli_fail(EE_CLI_USAGE, "the name of the model is too long; give --output");
    output = derived;
  }
  return ee_cli_import_onnx(&(ee_cli_import_t){.model = model,
                                               .output = output,
                                               .compiler = options->compiler,
                                               .opset = options->opset,
                                               .external_params = options->external_params,
                                               .flags = flags,
                                               .flag_count = flag_count});
}

int eerie_cli_import(int argc, char **argv) {
  import_options_t o = {0};
  const ee_cli_option_t table[] = {
      {"output", "FILE", EE_CLI_STRING, &o.output, "the MLIR file; -o FILE (default: MODEL.mlir)"},
      {"opset", "N", EE_CLI_NUMBER, &o.opset, "convert the operators to this version first"},
      {"external_params", NULL, EE_CLI_SWITCH, &o.external_params,
       "put large weights into an .irpa file beside it"},
      {"compiler", "PATH", EE_CLI_STRING, &o.compiler,
       "libIREECompiler, or a Python environment with it"},
  };
  const ee_cli_command_t command = {.name = "import",
                                    .summary = "turn a framework's model into MLIR",
                                    .arguments = "[options] MODEL.onnx [-- importer flags]",
                                    .notes = import_notes,
                                    .options = table,
                                    .option_count = sizeof table / sizeof table[0]};
  // -o is the one short option, and what follows -- is not ours.
  static char output_option[] = "--output";
  int count = argc;
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "--") == 0) {
      count = i;
      break;
    }
    if (strcmp(argv[i], "-o") == 0) argv[i] = output_option;
  }
  const size_t flag_count = count < argc ? (size_t)(argc - count - 1) : 0;
  int exit_code = EE_CLI_OK;
  if (ee_cli_parse_options(&command, count, argv, &o.positional, &exit_code))
    exit_code = import_command(&o, (const char *const *)argv + argc - flag_count, flag_count);
  ee_cli_strings_free(&o.positional);
  return ee_cli_flush_stdout(exit_code);
}
