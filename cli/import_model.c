// import_model.c: an import: by the Python package eerie (python/eerie/importers), in whatever
// Python environment has it, or without it, for ONNX, by iree-import-onnx, which comes with the
// compiler.
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "import.h"

extern char **environ;

// What the launcher answers where there is no package; no exit code of a command.
enum { IMPORT_ELSEWHERE = 97 };

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
static int import_by_package(const ee_cli_import_t *import, const ee_cli_import_places_t *places) {
  char package[IMPORT_PATH + 64], opset[32];
  // In the build tree the package lies beside the command.
  snprintf(package, sizeof package, "%s/python/eerie/importers/__main__.py", places->self);
  const bool beside = access(package, R_OK) == 0;
  snprintf(package, sizeof package, "%s/python", places->self);
  ee_cli_import_environment_t environment = {0};
  const char **argv = import_arguments(import, opset);
  if (!argv ||
      !ee_cli_import_make_environment(&environment, beside ? package : NULL, import->scratch)) {
    free((void *)argv);
    return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  }
  int result = IMPORT_ELSEWHERE;
  char label[160];
  snprintf(label, sizeof label, "importing %.120s", import->model);
  for (size_t i = 0; i < places->count && result == IMPORT_ELSEWHERE; ++i) {
    argv[0] = places->pythons[i];
    ee_cli_progress_start(label);
    result = ee_cli_import_run(&(ee_cli_import_process_t){.argv = (char *const *)(uintptr_t)argv,
                                                          .envp = environment.entries,
                                                          .quiet_stdout = import->result != NULL,
                                                          .forward = true,
                                                          .gentle = !import->scratch});
    ee_cli_progress_stop();
    if (result < 0)
      result = ee_cli_fail(EE_CLI_FAILED, "cannot run %s: %s", argv[0], strerror(errno));
    else if (result > 128 && !ee_cli_import_signal())
      result = ee_cli_fail(EE_CLI_CRASHED, "the importer crashed on %s with signal %d",
                           import->model, result - 128);
    else if (ee_cli_import_signal())
      result = EE_CLI_FAILED;
    else if (result == 127)
      result = IMPORT_ELSEWHERE;
  }
  free((void *)argv);
  ee_cli_import_free_environment(&environment);
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
  eerie_error_t err = {0};
  const int result =
      ee_cli_import_run(&(ee_cli_import_process_t){.argv = (char *const *)(uintptr_t)argv,
                                                   .envp = environ,
                                                   .quiet_stdout = true,
                                                   .text = &text});
  int exit_code = EE_CLI_OK;
  if (result < 0)
    exit_code = ee_cli_fail(EE_CLI_FAILED, "cannot run %s: %s", importer, strerror(errno));
  else if (ee_cli_import_signal())
    exit_code = EE_CLI_FAILED;
  else if (result)
    exit_code = import_onnx_failed(import, result, &text, python);
  else if (ee_cli_file_put(temporary, import->output, &err))
    exit_code = ee_cli_fail(EE_CLI_OUTPUT, "%s", err.message);
  ee_cli_text_free(&text);
  return exit_code;
}

static bool import_plain(const ee_cli_import_t *import) {
  const ee_cli_import_options_t *o = import->options;
  return ee_cli_import_has_extension(import->model, strlen(import->model), ".onnx") &&
         !import->check && !import->json && !o->dims.count && !o->inputs.count &&
         !o->weights.count && !o->function && !o->route && !o->parameter_scope;
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

static int import_nowhere(const ee_cli_import_t *import, const ee_cli_import_places_t *places) {
  const char *python = places->count ? places->pythons[0] : "python3";
  if (places->told)
    return ee_cli_fail(EE_CLI_MISSING,
                       "EERIE_PYTHON: %s has no package eerie; install it from Eerie's source tree "
                       "with `%s -m pip install ./python`",
                       python, python);
  char importer[IMPORT_PATH];
  char bin[IMPORT_PATH + 4];
  snprintf(bin, sizeof bin, "%.*s/bin", (int)ee_cli_import_prefix_size(places->library),
           places->library);
  if (import_plain(import) &&
      ((places->library[0] &&
        ee_cli_import_program(bin, strlen(bin), "iree-import-onnx", importer)) ||
       ee_cli_import_on_path("iree-import-onnx", importer)))
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
  ee_cli_import_places_t *places = calloc(1, sizeof *places);
  if (!places || ee_cli_import_find_places(compiler, places)) {
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
  ee_cli_import_places_t *places = calloc(1, sizeof *places);
  if (!places) return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  exit_code = ee_cli_import_find_places(import->compiler, places);
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
