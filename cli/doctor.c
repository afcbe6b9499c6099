// doctor.c: `eerie doctor`: what is installed, whether it works, and what mends it.
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "eerie/eerie.h"
#include "eerie/eerie_compiler.h"
#include "file.h"
#include "json.h"

// Release of the compiler that this release of Eerie is tested with.
#define COMPILER_RELEASE "3.13.0"

typedef struct check {
  const char *name;
  bool ok;
  bool essential; // without it, the main work is not possible
  ee_cli_text_t detail;
  const char *fix; // command that mends it
} check_t;

enum { CHECK_CPU, CHECK_DEVICE, CHECK_COMPILER, CHECK_IMPORTER, CHECKS };

// ---- CPU ---------------------------------------------------------------------------------------

// The rest of the line "name : rest" of /proc/cpuinfo; NULL when there is none.
static char *cpu_line(char *info, const char *name) {
  const size_t length = strlen(name);
  for (char *line = info; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
    if (strncmp(line, name, length) != 0) continue;
    char *const value = line + strcspn(line, ":\n");
    if (*value != ':') continue;
    return value + 1 + strspn(value + 1, " \t");
  }
  return NULL;
}

static bool has_word(const char *line, const char *word) {
  const size_t length = strlen(word);
  for (const char *at = line; *at && *at != '\n'; at += strcspn(at, " \n"), at += *at == ' ')
    if (strncmp(at, word, length) == 0 && strchr(" \n", at[length])) return true;
  return false;
}

// Those that decide how fast kernels are.
static void check_cpu(check_t *check) {
  static const char *const features[] = {
      "sse4_1",      "avx",         "avx2",        "fma",      "f16c",  "avx512f",
      "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "asimd", "asimdhp",
      "asimddp",     "i8mm",        "bf16",        "sve",      "sve2"};
#if defined(__x86_64__)
  const char *const machine = "x86-64";
#elif defined(__aarch64__)
  const char *const machine = "aarch64";
#else
  const char *const machine = "another machine than x86-64 and aarch64";
#endif
  check->ok = true;
  ee_cli_text_string(&check->detail, machine);
  ee_cli_text_t info = {0};
  if (ee_cli_read_file("/proc/cpuinfo", &info, NULL) || !info.data) return;
  const char *const model = cpu_line(info.data, "model name");
  const char *flags = cpu_line(info.data, "flags");
  if (!flags) flags = cpu_line(info.data, "Features");
  if (model) {
    ee_cli_text_string(&check->detail, ", ");
    ee_cli_text_append(&check->detail, model, strcspn(model, "\n"));
  }
  const char *separator = ": ";
  for (size_t i = 0; flags && i < sizeof features / sizeof features[0]; ++i) {
    if (!has_word(flags, features[i])) continue;
    ee_cli_text_printf(&check->detail, "%s%s", separator, features[i]);
    separator = " ";
  }
  ee_cli_text_free(&info);
}

// ---- Devices -----------------------------------------------------------------------------------

// A device counts when it can be opened.
static void check_devices(check_t *check) {
  eerie_error_t err = {0};
  eerie_instance_t *instance = NULL;
  if (eerie_instance_create(NULL, &instance, &err)) {
    ee_cli_text_string(&check->detail, err.message);
    return;
  }
  eerie_device_info_t info;
  for (size_t i = 0; eerie_device_list(instance, i, &info); ++i) {
    eerie_device_t *device = NULL;
    const eerie_status_t status = eerie_device_open(instance, info.name, &device, &err);
    if (i) ee_cli_text_string(&check->detail, ", ");
    ee_cli_text_string(&check->detail, info.name);
    if (status) ee_cli_text_printf(&check->detail, " (%s)", err.message);
    check->ok = check->ok || !status;
    eerie_device_release(device);
  }
  if (!check->detail.size) ee_cli_text_string(&check->detail, "none");
  eerie_instance_release(instance);
}

// ---- Compiler ----------------------------------------------------------------------------------

static void add_place(void *user, const char *text) {
  ee_cli_text_printf(user, "\n%16s%s", "", text);
}

static void check_compiler(check_t *check, char *path, size_t path_capacity) {
  eerie_error_t err = {0};
  *path = 0;
  if (eerie_compiler_find(NULL, path, path_capacity, &err)) {
    *path = 0;
    ee_cli_text_string(&check->detail, "no libIREECompiler; looked in");
    eerie_compiler_list_places(add_place, &check->detail);
    return;
  }
  eerie_compiler_t *compiler = NULL;
  eerie_compiler_info_t info = {0};
  eerie_status_t status = eerie_compiler_load(NULL, &compiler, &err);
  if (!status) status = eerie_compiler_get_info(compiler, &info, &err);
  check->ok = !status;
  if (status)
    ee_cli_text_printf(&check->detail, "%s: %s", path, err.message);
  else
    ee_cli_text_printf(&check->detail, "%s, API %d.%d: %s",
                       info.release[0] ? info.release : "unknown release", info.api_major,
                       info.api_minor, info.path);
  eerie_compiler_release(compiler);
}

// ---- Importer ----------------------------------------------------------------------------------

// What `python -c script` prints; false when it could not be run or failed.
static bool run_python(const char *python, const char *script, char *out_text, size_t capacity) {
  int ends[2];
  if (pipe(ends) != 0) return false;
  const pid_t child = fork();
  if (child == 0) {
    const int null = open("/dev/null", O_RDWR);
    dup2(null, STDIN_FILENO);
    dup2(null, STDERR_FILENO);
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    execlp(python, python, "-c", script, (char *)NULL);
    _exit(127);
  }
  close(ends[1]);
  size_t size = 0;
  ssize_t got = 1;
  while (child > 0 && got > 0 && size + 1 < capacity) {
    got = read(ends[0], out_text + size, capacity - 1 - size);
    if (got > 0) size += (size_t)got;
  }
  close(ends[0]);
  out_text[size] = 0;
  int status = 1;
  return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

// The interpreter of the environment that the compiler's library lies in, or python3 on the PATH.
static char *find_python(const char *library) {
  const char *const inside = strstr(library, "/lib/python3");
  if (!inside) return strdup("python3");
  ee_cli_text_t text = {0};
  ee_cli_text_append(&text, library, (size_t)(inside - library));
  ee_cli_text_string(&text, "/bin/python3");
  if (!text.failed && access(text.data, X_OK) == 0) return text.data;
  ee_cli_text_free(&text);
  return strdup("python3");
}

static void check_importer(check_t *check, const char *library) {
  static const char script[] = "import sys, importlib.util as u\n"
                               "need = ('onnx', 'numpy', 'iree.compiler')\n"
                               "def there(name):\n"
                               "  try: return u.find_spec(name) is not None\n"
                               "  except ImportError: return False\n"
                               "missing = [n for n in need if not there(n)]\n"
                               "print('%d.%d.%d' % sys.version_info[:3], *missing)\n";
  char output[256];
  char *const python = find_python(library);
  if (!python) return;
  if (!run_python(python, script, output, sizeof output)) {
    ee_cli_text_printf(&check->detail, "%s does not run", python);
  } else {
    output[strcspn(output, "\n")] = 0;
    const size_t version_length = strcspn(output, " ");
    const char *const missing = output + version_length;
    check->ok = !*missing;
    ee_cli_text_printf(&check->detail, "%s %.*s", python, (int)version_length, output);
    ee_cli_text_printf(&check->detail, *missing ? " lacks%s" : ", ONNX models%s", missing);
  }
  free(python);
}

// ---- Showing -----------------------------------------------------------------------------------

static const char *detail_of(const check_t *check) {
  return check->detail.data ? check->detail.data : "";
}

static void print_checks(const check_t *checks) {
  printf("eerie %s\n", eerie_version());
  for (size_t i = 0; i < CHECKS; ++i) {
    const check_t *check = &checks[i];
    printf("%-7s  %-9s %s\n", check->ok ? "ok" : "MISSING", check->name, detail_of(check));
    if (!check->ok && check->fix) printf("%8s mend it: %s\n", "", check->fix);
  }
}

static int print_json(const check_t *checks, bool ok) {
  ee_cli_json_t json = {0};
  ee_cli_json_open(&json, NULL, '{');
  ee_cli_json_string(&json, "version", eerie_version());
  ee_cli_json_bool(&json, "ok", ok);
  ee_cli_json_open(&json, "checks", '[');
  for (size_t i = 0; i < CHECKS; ++i) {
    const check_t *check = &checks[i];
    ee_cli_json_open(&json, NULL, '{');
    ee_cli_json_string(&json, "name", check->name);
    ee_cli_json_bool(&json, "ok", check->ok);
    ee_cli_json_bool(&json, "essential", check->essential);
    ee_cli_json_string(&json, "detail", detail_of(check));
    ee_cli_json_string(&json, "fix", check->ok ? NULL : check->fix);
    ee_cli_json_close(&json, '}');
  }
  ee_cli_json_close(&json, ']');
  ee_cli_json_close(&json, '}');
  return ee_cli_json_print(&json);
}

static int examine(bool as_json) {
  check_t checks[CHECKS] = {
      [CHECK_CPU] = {.name = "cpu"},
      [CHECK_DEVICE] = {.name = "device",
                        .essential = true,
                        .fix = "build Eerie for this machine: make build"},
      [CHECK_COMPILER] = {.name = "compiler",
                          .essential = true,
                          .fix = "python3 -m venv .venv && .venv/bin/pip install "
                                 "'iree-base-compiler[onnx]==" COMPILER_RELEASE "'"},
      [CHECK_IMPORTER] = {.name = "importer",
                          .fix = "python3 -m venv .venv && .venv/bin/pip install "
                                 "'iree-base-compiler[onnx]==" COMPILER_RELEASE "'"},
  };
  char library[4096];
  check_cpu(&checks[CHECK_CPU]);
  check_devices(&checks[CHECK_DEVICE]);
  check_compiler(&checks[CHECK_COMPILER], library, sizeof library);
  check_importer(&checks[CHECK_IMPORTER], library);
  bool ok = true;
  for (size_t i = 0; i < CHECKS; ++i)
    ok = ok && (checks[i].ok || !checks[i].essential);
  int exit_code = EE_CLI_OK;
  if (as_json)
    exit_code = print_json(checks, ok);
  else
    print_checks(checks);
  for (size_t i = 0; i < CHECKS; ++i)
    ee_cli_text_free(&checks[i].detail);
  return ok ? exit_code : EE_CLI_MISSING;
}

int eerie_cli_doctor(int argc, char **argv) {
  bool as_json = false;
  const ee_cli_option_t table[] = {
      {"json", NULL, EE_CLI_SWITCH, &as_json, "print JSON"},
  };
  const ee_cli_command_t command = {.name = "doctor",
                                    .summary = "show what is installed and what mends the rest",
                                    .arguments = "[--json]",
                                    .notes = "Example:\n  eerie doctor\n"
                                             "Exit code: 0, or 4 when the compiler or every device "
                                             "is missing\n",
                                    .options = table,
                                    .option_count = sizeof table / sizeof table[0]};
  int exit_code = EE_CLI_OK;
  if (ee_cli_parse_options(&command, argc, argv, NULL, &exit_code)) exit_code = examine(as_json);
  return ee_cli_flush_stdout(exit_code);
}
