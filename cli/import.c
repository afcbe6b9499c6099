// import.c: `eerie import`: a framework's model to MLIR.
//
// The work is done by the Python package eerie (python/eerie/importers), in whatever Python
// environment has it; this file finds that and passes options, messages and exit codes through.
// Without the package, ONNX models go through iree-import-onnx, which comes with the compiler.
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compiler.h"
#include "file.h"

extern char **environ;

enum {
  IMPORT_PATH = 4096,
  // What the launcher answers where there is no package; no exit code of a command.
  IMPORT_ELSEWHERE = 97,
  IMPORT_PYTHONS = 5,
};

// Python puts the current folder before its libraries, and what lies there is not to be run.
static const char import_launcher[] =
    "import sys\n"
    "if '' in sys.path: sys.path.remove('')\n"
    "if sys.version_info < (3, 11): sys.exit(97)\n"
    "import importlib.util, os\n"
    "found = importlib.util.find_spec('eerie')\n"
    "folders = found.submodule_search_locations or () if found else ()\n"
    "if not any(os.path.exists(os.path.join(f, 'importers')) for f in folders): sys.exit(97)\n"
    "try:\n"
    "  from eerie.importers.__main__ import main\n"
    "except ImportError as error:\n"
    "  print(f'{sys.executable}: the package eerie does not load: {error}', file=sys.stderr)\n"
    "  sys.exit(4)\n"
    "sys.exit(main())\n";

void ee_cli_import_options_free(ee_cli_import_options_t *options) {
  ee_cli_strings_free(&options->dims);
  ee_cli_strings_free(&options->inputs);
  ee_cli_strings_free(&options->weights);
  ee_cli_strings_free(&options->no_rewrites);
}

// ---- Names -------------------------------------------------------------------------------------

static bool import_has_extension(const char *path, size_t size, const char *extension) {
  const size_t end = strlen(extension);
  return size > end && strncasecmp(path + size - end, extension, end) == 0;
}

// Where ":name" begins, or the end.
static size_t import_path_size(const char *source) {
  const char *found = NULL;
  for (const char *at = strstr(source, ".py:"); at; at = strstr(at + 1, ".py:"))
    found = at;
  return found ? (size_t)(found - source) + 3 : strlen(source);
}

void ee_cli_import_path(const char *source, char *out, size_t capacity) {
  snprintf(out, capacity, "%.*s", (int)import_path_size(source), source);
}

// Whether a StableHLO file is what serialize() of jax.export wrote: a flatbuffer around MLIR
// bytecode, where the compiler takes the bytecode alone, or text. Its first word is an offset below
// 2^16.
static bool import_is_serialized(const char *path) {
  unsigned char head[4] = {1, 1, 1, 1};
  FILE *file = fopen(path, "rb");
  const size_t size = file ? fread(head, 1, sizeof head, file) : 0;
  if (file) fclose(file);
  return size == sizeof head && head[2] == 0 && head[3] == 0;
}

bool ee_cli_import_takes(const char *source) {
  static const char *const extensions[] = {".onnx",   ".pt2", ".py",     ".keras", ".h5",
                                           ".tflite", ".pkl", ".pickle", ".joblib"};
  const size_t size = import_path_size(source);
  for (size_t i = 0; i < sizeof extensions / sizeof *extensions; ++i)
    if (import_has_extension(source, size, extensions[i])) return true;
  if (import_has_extension(source, size, ".stablehlo")) return import_is_serialized(source);
  char model[IMPORT_PATH];
  struct stat info;
  return snprintf(model, sizeof model, "%s/saved_model.pb", source) < (int)sizeof model &&
         stat(model, &info) == 0;
}

bool ee_cli_import_derive(const char *source, const char *extension, char *out, size_t capacity) {
  size_t size = import_path_size(source);
  const char *name = source;
  if (source[size] == ':') {
    name = source + size + 1;
    size = strlen(name);
  } else {
    while (size > 1 && source[size - 1] == '/')
      --size;
    for (size_t i = 0; i < size; ++i)
      if (source[i] == '/' && i + 1 < size) name = source + i + 1;
    size -= (size_t)(name - source);
    size_t dot = size;
    while (dot > 1 && name[dot - 1] != '.')
      --dot;
    if (dot > 1) size = dot - 1;
  }
  const int length = snprintf(out, capacity, "%.*s%s", (int)size, name, extension);
  return length > 0 && (size_t)length < capacity;
}

// ---- Finding Python ----------------------------------------------------------------------------

static bool import_program(const char *folder, size_t folder_size, const char *name,
                           char out[IMPORT_PATH]) {
  const int length = snprintf(out, IMPORT_PATH, "%.*s/%s", (int)folder_size, folder, name);
  return length > 0 && length < IMPORT_PATH && access(out, X_OK) == 0;
}

static bool import_on_path(const char *name, char out[IMPORT_PATH]) {
  const char *path = getenv("PATH");
  for (const char *at = path ? path : ""; *at;) {
    const size_t size = strcspn(at, ":");
    if (size && size < IMPORT_PATH && import_program(at, size, name, out)) return true;
    at += size + (at[size] == ':');
  }
  return false;
}

// The size of PREFIX in PREFIX/lib/python3.N/site-packages/iree/compiler/_mlir_libs/LIBRARY.
static size_t import_prefix_size(const char *library) {
  enum { LEVELS = 7 }; // file, _mlir_libs, compiler, iree, site-packages, python3.N, lib
  size_t size = strlen(library);
  for (int i = 0; i < LEVELS && size; ++i)
    while (size && library[--size] != '/') {
    }
  return size;
}

// Where pythons were looked for, in their order, and what belongs to them.
typedef struct import_places {
  char library[IMPORT_PATH];                 // libIREECompiler, or empty
  char self[IMPORT_PATH];                    // folder of this program, or empty
  char pythons[IMPORT_PYTHONS][IMPORT_PATH]; // programs that are there
  size_t count;
  bool told; // by EERIE_PYTHON: there is no other
} import_places_t;

static void import_add_python(import_places_t *places, const char *folder, size_t folder_size) {
  char *python = places->pythons[places->count];
  if (!folder_size || !import_program(folder, folder_size, "python3", python)) return;
  for (size_t i = 0; i < places->count; ++i)
    if (strcmp(places->pythons[i], python) == 0) return;
  ++places->count;
}

static int import_find_places(const char *compiler, import_places_t *places) {
  const char *told = getenv("EERIE_PYTHON");
  eerie_error_t err = {0};
  // The import itself may do without the compiler.
  if (eerie_compiler_find(compiler, places->library, sizeof places->library, &err))
    places->library[0] = 0;
  const ssize_t size = readlink("/proc/self/exe", places->self, sizeof places->self - 1);
  places->self[size < 0 ? 0 : size] = 0;
  char *slash = strrchr(places->self, '/');
  if (slash) *slash = 0;
  if (told && *told) {
    places->told = true;
    if (snprintf(places->pythons[0], IMPORT_PATH, "%s", told) >= IMPORT_PATH ||
        access(told, X_OK) != 0)
      return ee_cli_fail(EE_CLI_MISSING, "EERIE_PYTHON: cannot run %s: %s", told, strerror(errno));
    places->count = 1;
    return EE_CLI_OK;
  }
  char bin[IMPORT_PATH + 4];
  snprintf(bin, sizeof bin, "%.*s/bin", (int)import_prefix_size(places->library), places->library);
  if (places->library[0]) import_add_python(places, bin, strlen(bin));
  import_add_python(places, places->self, strlen(places->self));
  import_add_python(places, ".venv/bin", sizeof ".venv/bin" - 1);
  if (places->count < IMPORT_PYTHONS && import_on_path("python3", places->pythons[places->count])) {
    slash = strrchr(places->pythons[places->count], '/');
    char folder[IMPORT_PATH];
    const size_t length = (size_t)(slash - places->pythons[places->count]);
    memcpy(folder, places->pythons[places->count], length);
    import_add_python(places, folder, length);
  }
  return EE_CLI_OK;
}

// ---- Running it --------------------------------------------------------------------------------

static volatile sig_atomic_t import_child, import_ended_by, import_gentle;

int ee_cli_import_signal(void) {
  return import_ended_by;
}

// The first signal lets Python tidy up where nobody else would.
static void import_on_signal(int number) {
  const int how = import_gentle && !import_ended_by ? SIGTERM : SIGKILL;
  import_ended_by = number;
  if (import_child > 0) kill(-(pid_t)import_child, how);
}

static const int import_signals[] = {SIGINT, SIGTERM, SIGHUP};
enum { IMPORT_SIGNALS = 3 };

static void import_watch(struct sigaction old[IMPORT_SIGNALS]) {
  struct sigaction action = {.sa_handler = import_on_signal};
  sigemptyset(&action.sa_mask);
  for (int i = 0; i < IMPORT_SIGNALS; ++i) {
    sigaction(import_signals[i], NULL, &old[i]);
    if (old[i].sa_handler != SIG_IGN) sigaction(import_signals[i], &action, NULL);
  }
}

static void import_watch_no_more(const struct sigaction old[IMPORT_SIGNALS]) {
  for (int i = 0; i < IMPORT_SIGNALS; ++i)
    sigaction(import_signals[i], &old[i], NULL);
}

typedef struct import_process {
  char *const *argv, *const *envp;
  bool quiet_stdout;   // what it prints there is not for standard output
  bool forward;        // print what it says at once
  ee_cli_text_t *text; // else keep it here
} import_process_t;

static void import_become(const import_process_t *process, int pipe_end) {
  setpgid(0, 0); // signals reach what it starts, too
  const int null = open("/dev/null", O_RDONLY);
  dup2(null, STDIN_FILENO);
  if (process->quiet_stdout) dup2(pipe_end, STDOUT_FILENO);
  dup2(pipe_end, STDERR_FILENO);
  if (pipe_end > 2) close(pipe_end);
  if (null > 2) close(null);
  for (int i = 0; i < IMPORT_SIGNALS; ++i)
    if (signal(import_signals[i], SIG_DFL) == SIG_IGN) signal(import_signals[i], SIG_IGN);
  execve(process->argv[0], process->argv, process->envp);
  _exit(127);
}

static void import_listen(const import_process_t *process, int fd) {
  char buffer[4096];
  for (;;) {
    const ssize_t got = read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    if (!process->forward) {
      ee_cli_text_append(process->text, buffer, (size_t)got);
      continue;
    }
    ee_cli_progress_clear();
    fwrite(buffer, 1, (size_t)got, stderr);
  }
}

// Runs a program. Returns its exit code, or -1 with errno, or 128 + the signal that ended it.
static int import_run(const import_process_t *process) {
  int fds[2];
  if (pipe(fds) != 0) return -1;
  fcntl(fds[0], F_SETFD, FD_CLOEXEC);
  fflush(stdout);
  struct sigaction old[IMPORT_SIGNALS];
  import_ended_by = 0;
  import_watch(old);
  const pid_t pid = fork();
  if (pid == 0) import_become(process, fds[1]);
  const int error = errno;
  if (pid > 0) setpgid(pid, pid); // here too, whoever comes first
  import_child = (sig_atomic_t)pid;
  close(fds[1]);
  // A signal between the fork and the line above found no child.
  if (import_ended_by && pid > 0) kill(-pid, SIGKILL);
  if (pid > 0) import_listen(process, fds[0]);
  close(fds[0]);
  int state = 0;
  while (pid > 0 && waitpid(pid, &state, 0) < 0 && errno == EINTR) {
  }
  import_child = 0;
  import_watch_no_more(old);
  if (pid < 0) {
    errno = error;
    return -1;
  }
  return WIFSIGNALED(state) ? 128 + WTERMSIG(state) : WEXITSTATUS(state);
}

// The environment of the child: this one with other values of PYTHONPATH and TMPDIR. The two
// entries are freed with the array.
typedef struct import_environment {
  char **entries;
  char *python_path, *temporary;
} import_environment_t;

static char *import_join(const char *name, const char *first, const char *second) {
  ee_cli_text_t text = {0};
  ee_cli_text_printf(&text, "%s=%s%s%s", name, first, second && *second ? ":" : "",
                     second && *second ? second : "");
  return text.data;
}

static bool import_make_environment(import_environment_t *environment, const char *package_folder,
                                    const char *scratch) {
  size_t count = 0, kept = 0;
  while (environ[count])
    ++count;
  environment->entries = calloc(count + 3, sizeof *environment->entries);
  if (!environment->entries) return false;
  if (package_folder)
    environment->python_path = import_join("PYTHONPATH", package_folder, getenv("PYTHONPATH"));
  if (scratch) environment->temporary = import_join("TMPDIR", scratch, NULL);
  for (size_t i = 0; i < count; ++i)
    if (!(package_folder && strncmp(environ[i], "PYTHONPATH=", 11) == 0) &&
        !(scratch && strncmp(environ[i], "TMPDIR=", 7) == 0))
      environment->entries[kept++] = environ[i];
  if (environment->python_path) environment->entries[kept++] = environment->python_path;
  if (environment->temporary) environment->entries[kept++] = environment->temporary;
  return true;
}

static void import_free_environment(import_environment_t *environment) {
  free((void *)environment->entries);
  free(environment->python_path);
  free(environment->temporary);
}

// ---- By the Python package ---------------------------------------------------------------------

static void import_add(const char **argv, size_t *count, const char *name, const char *value) {
  if (!value) return;
  argv[(*count)++] = name;
  argv[(*count)++] = value;
}

// The arguments of the importer; `opset` has room for the number. The caller frees the array.
static const char **import_arguments(const ee_cli_import_t *import, char opset[32]) {
  const ee_cli_import_options_t *o = import->options;
  const char **argv =
      calloc(40 + 2 * (o->dims.count + o->inputs.count + o->weights.count + o->no_rewrites.count),
             sizeof *argv);
  if (!argv) return NULL;
  size_t count = 1; // the program comes later
  argv[count++] = "-c";
  argv[count++] = import_launcher;
  import_add(argv, &count, "--program", import->program);
  import_add(argv, &count, "--output", import->output);
  import_add(argv, &count, "--archive", import->archive);
  import_add(argv, &count, "--result", import->result);
  import_add(argv, &count, "--parameters", o->parameters);
  import_add(argv, &count, "--parameter-scope", o->parameter_scope);
  import_add(argv, &count, "--function", o->function);
  import_add(argv, &count, "--route", o->route);
  for (size_t i = 0; i < o->dims.count; ++i)
    import_add(argv, &count, "--dim", o->dims.items[i]);
  for (size_t i = 0; i < o->inputs.count; ++i)
    import_add(argv, &count, "--input", o->inputs.items[i]);
  for (size_t i = 0; i < o->weights.count; ++i)
    import_add(argv, &count, "--weights", o->weights.items[i]);
  snprintf(opset, 32, "%llu", (unsigned long long)o->opset);
  if (o->opset) import_add(argv, &count, "--opset", opset);
  if (o->inline_weights) argv[count++] = "--inline-weights";
  for (size_t i = 0; i < o->no_rewrites.count; ++i)
    import_add(argv, &count, "--no-rewrite", o->no_rewrites.items[i]);
  if (o->trust_pickle) argv[count++] = "--trust-pickle";
  if (o->keep_f64) argv[count++] = "--keep-f64";
  if (o->verbose) argv[count++] = "--verbose";
  if (import->check) argv[count++] = "--check";
  if (import->json) argv[count++] = "--json";
  if (import->quiet) argv[count++] = "--quiet";
  argv[count++] = "--";
  argv[count++] = import->model;
  return argv;
}

// Tries the environments in turn. IMPORT_ELSEWHERE: none has the package.
static int import_by_package(const ee_cli_import_t *import, const import_places_t *places) {
  char package[IMPORT_PATH + 64], opset[32];
  // In the build tree the package lies beside the command.
  snprintf(package, sizeof package, "%s/python/eerie/importers/__main__.py", places->self);
  const bool beside = access(package, R_OK) == 0;
  snprintf(package, sizeof package, "%s/python", places->self);
  import_environment_t environment = {0};
  const char **argv = import_arguments(import, opset);
  if (!argv || !import_make_environment(&environment, beside ? package : NULL, import->scratch)) {
    free((void *)argv);
    return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  }
  import_gentle = !import->scratch;
  int result = IMPORT_ELSEWHERE;
  char label[160];
  snprintf(label, sizeof label, "importing %.120s", import->model);
  for (size_t i = 0; i < places->count && result == IMPORT_ELSEWHERE; ++i) {
    argv[0] = places->pythons[i];
    ee_cli_progress_start(label);
    result = import_run(&(import_process_t){.argv = (char *const *)(uintptr_t)argv,
                                            .envp = environment.entries,
                                            .quiet_stdout = import->result != NULL,
                                            .forward = true});
    ee_cli_progress_stop();
    if (result < 0)
      result = ee_cli_fail(EE_CLI_FAILED, "cannot run %s: %s", argv[0], strerror(errno));
    else if (result > 128 && !import_ended_by)
      result = ee_cli_fail(EE_CLI_CRASHED, "the importer crashed on %s with signal %d",
                           import->model, result - 128);
    else if (import_ended_by)
      result = EE_CLI_FAILED;
    else if (result == 127)
      result = IMPORT_ELSEWHERE;
  }
  free((void *)argv);
  import_free_environment(&environment);
  return result;
}

// ---- By iree-import-onnx -----------------------------------------------------------------------

// A traceback says in its last line what is wrong.
static const char *import_last_line(char *text) {
  size_t size = strlen(text);
  while (size && strchr("\r\n \t", text[size - 1]))
    text[--size] = 0;
  const char *newline = strrchr(text, '\n');
  return newline ? newline + 1 : text;
}

static int import_onnx_failed(const ee_cli_import_t *import, int result, ee_cli_text_t *text,
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

static int import_write_result(const ee_cli_import_t *import) {
  if (!import->result) return EE_CLI_OK;
  FILE *file = fopen(import->result, "w");
  const char *scope = import->options->parameters ? import->options->parameters : "";
  bool good = file && fprintf(file,
                              "input_type=onnx\nroute=iree-import-onnx\nparameters=%s\n"
                              "parameter_scope=%s\n",
                              scope, *scope ? "model" : "") > 0;
  if (file && fclose(file)) good = false;
  return good ? EE_CLI_OK
              : ee_cli_fail(EE_CLI_OUTPUT, "cannot write %s: %s", import->result, strerror(errno));
}

static int import_onnx_convert(const ee_cli_import_t *import, const char *temporary,
                               const char *importer, const char *python) {
  const ee_cli_import_options_t *o = import->options;
  char opset[32];
  snprintf(opset, sizeof opset, "%llu", (unsigned long long)o->opset);
  const char *argv[12] = {importer, import->model, "-o", temporary};
  size_t count = 4;
  if (o->opset) import_add(argv, &count, "--opset-version", opset);
  if (o->parameters) argv[count++] = "--externalize-params";
  import_add(argv, &count, "--save-params-to", o->parameters);
  ee_cli_text_t text = {0};
  import_gentle = false;
  const int result = import_run(&(import_process_t){.argv = (char *const *)(uintptr_t)argv,
                                                    .envp = environ,
                                                    .quiet_stdout = true,
                                                    .text = &text});
  int exit_code = EE_CLI_OK;
  if (result < 0)
    exit_code = ee_cli_fail(EE_CLI_FAILED, "cannot run %s: %s", importer, strerror(errno));
  else if (import_ended_by)
    exit_code = EE_CLI_FAILED;
  else if (result)
    exit_code = import_onnx_failed(import, result, &text, python);
  else if (rename(temporary, import->output) != 0)
    exit_code = ee_cli_fail(EE_CLI_OUTPUT, "cannot write %s: %s", import->output, strerror(errno));
  ee_cli_text_free(&text);
  return exit_code;
}

static bool import_plain(const ee_cli_import_t *import) {
  const ee_cli_import_options_t *o = import->options;
  return import_has_extension(import->model, strlen(import->model), ".onnx") && !import->check &&
         !import->json && !o->dims.count && !o->inputs.count && !o->weights.count && !o->function &&
         !o->route && !o->parameter_scope;
}

static int import_by_iree(const ee_cli_import_t *import, const char *importer, const char *python) {
  if (!import->quiet)
    fprintf(
        stderr,
        "eerie %s: no Python package eerie is installed; %s goes through iree-import-onnx, as it "
        "is\n",
        import->program, import->model);
  char temporary[IMPORT_PATH + 64];
  snprintf(temporary, sizeof temporary, "%s.%ld.tmp.mlir", import->output, (long)getpid());
  // Whether a file can be made where the result goes; the importer's own words on that are a
  // traceback.
  const int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0)
    return ee_cli_fail(EE_CLI_OUTPUT, "cannot write %s: %s", import->output, strerror(errno));
  close(fd);
  int exit_code = import_onnx_convert(import, temporary, importer, python);
  if (!exit_code) exit_code = import_write_result(import);
  if (exit_code) unlink(temporary);
  return exit_code;
}

// ---- An import ---------------------------------------------------------------------------------

static int import_check_model(const ee_cli_import_t *import) {
  char path[IMPORT_PATH];
  ee_cli_import_path(import->model, path, sizeof path);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ee_cli_fail(EE_CLI_BAD_INPUT, "cannot read %s: %s", path, strerror(errno));
  struct stat info;
  const bool empty = fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size == 0;
  close(fd);
  return empty ? ee_cli_fail(EE_CLI_BAD_INPUT, "%s is empty, expected a model", path) : EE_CLI_OK;
}

static int import_check_output(const ee_cli_import_t *import) {
  eerie_error_t err = {0};
  if (import->output && ee_cli_output_check(import->output, &err))
    return ee_cli_fail(EE_CLI_OUTPUT, "%s", err.message);
  const char *archive = import->options->parameters;
  if (archive && ee_cli_output_check(archive, &err))
    return ee_cli_fail(EE_CLI_OUTPUT, "%s", err.message);
  return EE_CLI_OK;
}

static int import_nowhere(const ee_cli_import_t *import, const import_places_t *places) {
  const char *python = places->count ? places->pythons[0] : "python3";
  if (places->told)
    return ee_cli_fail(EE_CLI_MISSING,
                       "EERIE_PYTHON: %s has no package eerie; install it from Eerie's source tree "
                       "with `%s -m pip install ./python`",
                       python, python);
  char importer[IMPORT_PATH];
  char bin[IMPORT_PATH + 4];
  snprintf(bin, sizeof bin, "%.*s/bin", (int)import_prefix_size(places->library), places->library);
  if (import_plain(import) &&
      ((places->library[0] && import_program(bin, strlen(bin), "iree-import-onnx", importer)) ||
       import_on_path("iree-import-onnx", importer)))
    return import_by_iree(import, importer, python);
  return ee_cli_fail(EE_CLI_MISSING,
                     "importing %s needs the Python package eerie, which no Python has beside the "
                     "compiler, beside eerie, in .venv or on PATH; install it from Eerie's source "
                     "tree with `%s -m pip install ./python`",
                     import->model, python);
}

// A text and where it ends.
static void import_key_text(ee_cli_sha256_t *hash, const char *text) {
  ee_cli_sha256_add(hash, text ? text : "", text ? strlen(text) : 0);
  ee_cli_sha256_add(hash, text ? "\0+" : "\0-", 2);
}

bool ee_cli_import_key(const ee_cli_import_options_t *options, const char *compiler,
                       ee_cli_sha256_t *hash) {
  import_places_t *places = calloc(1, sizeof *places);
  if (!places || import_find_places(compiler, places)) {
    free(places);
    return false;
  }
  char opset[32];
  // The arguments are what the importer sees; none of them is a path of this one compile.
  const ee_cli_import_t import = {.options = options};
  const char **argv = import_arguments(&import, opset);
  for (size_t i = 1; argv && argv[i]; ++i)
    import_key_text(hash, argv[i]);
  import_key_text(hash, places->self);
  import_key_text(hash, getenv("PYTHONPATH"));
  for (size_t i = 0; i < places->count; ++i) {
    char real[IMPORT_PATH];
    // The program's own name tells its environment, which the file that it links to does not.
    import_key_text(hash, places->pythons[i]);
    import_key_text(hash, realpath(places->pythons[i], real) ? real : NULL);
  }
  const bool good = argv != NULL;
  free((void *)argv);
  free(places);
  return good;
}

int ee_cli_import_model(const ee_cli_import_t *import) {
  int exit_code = import_check_model(import);
  if (!exit_code) exit_code = import_check_output(import);
  if (exit_code) return exit_code;
  import_places_t *places = calloc(1, sizeof *places);
  if (!places) return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  exit_code = import_find_places(import->compiler, places);
  if (!exit_code) exit_code = import_by_package(import, places);
  if (exit_code == IMPORT_ELSEWHERE) exit_code = import_nowhere(import, places);
  free(places);
  return exit_code;
}

static void import_copy_value(ee_cli_import_result_t *result, const char *line, size_t size) {
  const struct {
    const char *name;
    char *value;
    size_t capacity;
  } fields[] = {{"input_type=", result->input_type, sizeof result->input_type},
                {"route=", result->route, sizeof result->route},
                {"parameters=", result->parameters, sizeof result->parameters},
                {"parameter_scope=", result->parameter_scope, sizeof result->parameter_scope}};
  for (size_t i = 0; i < sizeof fields / sizeof *fields; ++i) {
    const size_t name = strlen(fields[i].name);
    if (size < name || memcmp(line, fields[i].name, name) != 0) continue;
    snprintf(fields[i].value, fields[i].capacity, "%.*s", (int)(size - name), line + name);
  }
}

int ee_cli_import_read_result(const char *path, ee_cli_import_result_t *out_result) {
  *out_result = (ee_cli_import_result_t){0};
  ee_cli_text_t text = {0};
  eerie_error_t err = {0};
  if (ee_cli_read_file(path, &text, &err)) return ee_cli_fail_error(EE_CLI_FAILED, &err);
  for (const char *at = text.data; at && *at;) {
    const size_t size = strcspn(at, "\n");
    import_copy_value(out_result, at, size);
    if (strncmp(at, "file=", 5) == 0 || strncmp(at, "tool=", 5) == 0)
      ee_cli_text_append(&out_result->depends, at, size + (at[size] == '\n'));
    at += size + (at[size] == '\n');
  }
  ee_cli_text_free(&text);
  return EE_CLI_OK;
}

// ---- The command -------------------------------------------------------------------------------

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
