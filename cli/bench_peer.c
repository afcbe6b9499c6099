// bench_peer.c: contenders of `eerie bench` that are other programs, where they are installed.
//
// Both time themselves in their own process. iree-benchmark-module runs anew for each batch and
// tells the mean of its calls; ONNX Runtime sits in a Python that stays, is told through a pipe
// when to call, and gives the time of each call back. Both get the arguments that our own calls
// have, as files in a folder that goes when the process ends, also by a signal.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "element.h"
#include "file.h"

enum { PEER_PATH = 4096, PEER_INPUTS = 256 };

// ---- The folder --------------------------------------------------------------------------------

// Folders that are there, for the handler of signals, which may call unlink and rmdir.
enum { FOLDERS = 64 };
static struct {
  char path[64];
  volatile sig_atomic_t files; // "0", "1", ... and "err"; -1: not in use
} folders[FOLDERS];
static volatile sig_atomic_t folder_count;

static void file_name(char out[96], const char *folder, int index) {
  // Not snprintf: a handler of signals comes here too.
  size_t at = 0;
  while (folder[at] && at < 64) {
    out[at] = folder[at];
    ++at;
  }
  out[at++] = '/';
  if (index >= 100) out[at++] = (char)('0' + index / 100 % 10);
  if (index >= 10) out[at++] = (char)('0' + index / 10 % 10);
  out[at++] = (char)('0' + index % 10);
  out[at] = 0;
}

static void remove_folder(int index) {
  char path[96];
  for (int i = 0; i <= folders[index].files; ++i) {
    file_name(path, folders[index].path, i);
    unlink(path);
  }
  rmdir(folders[index].path);
}

static void on_signal(int number) {
  for (int i = 0; i < folder_count; ++i)
    if (folders[i].files >= 0) remove_folder(i);
  signal(number, SIG_DFL);
  raise(number);
}

static int make_folder(ee_cli_peer_t *peer) {
  const char *base = getenv("TMPDIR");
  if (!base || !*base || strlen(base) > 40) base = "/tmp";
  snprintf(peer->folder, sizeof peer->folder, "%s/eerie-bench-XXXXXX", base);
  if (folder_count == FOLDERS) return ee_cli_fail(EE_CLI_USAGE, "more than %d peers", FOLDERS);
  if (!mkdtemp(peer->folder)) {
    const int exit_code = ee_cli_fail(EE_CLI_OUTPUT, "%s: %s", peer->folder, strerror(errno));
    peer->folder[0] = 0;
    return exit_code;
  }
  memcpy(folders[folder_count].path, peer->folder, sizeof peer->folder);
  folders[folder_count].files = 0;
  ++folder_count;
  static const int numbers[] = {SIGHUP, SIGINT, SIGTERM};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; ++i)
    if (signal(numbers[i], on_signal) == SIG_IGN) signal(numbers[i], SIG_IGN);
  return EE_CLI_OK;
}

static int folder_of(const ee_cli_peer_t *peer) {
  for (int i = 0; i < folder_count; ++i)
    if (strcmp(folders[i].path, peer->folder) == 0) return i;
  return 0;
}

// The file that gets what the program says on standard error: the first in the folder.
static void error_path(const ee_cli_peer_t *peer, char out[96]) {
  file_name(out, peer->folder, 0);
}

// Writes argument `index` and gives its path.
static int write_input(const ee_cli_peer_t *peer, const ee_cli_contender_t *like, size_t index,
                       bool raw, char out_path[96]) {
  eerie_error_t err = {0};
  ee_cli_outputs_t files = {0};
  ee_cli_text_t *content = NULL;
  file_name(out_path, peer->folder, (int)index + 1);
  folders[folder_of(peer)].files = (sig_atomic_t)index + 1;
  eerie_status_t status = ee_cli_outputs_open(&files, out_path, false, &content, &err);
  if (!status) status = ee_cli_value_write(content, &like->model.inputs.items[index], raw, &err);
  if (!status) status = ee_cli_outputs_commit(&files, &err);
  ee_cli_outputs_free(&files);
  if (!status) return EE_CLI_OK;
  return ee_cli_fail(EE_CLI_OUTPUT, "input %zu, for another runtime: %s (%s)", index, err.message,
                     eerie_status_name(status));
}

// ---- Processes ---------------------------------------------------------------------------------

static int add_argument(ee_cli_peer_t *peer, const char *text) {
  char **const arguments =
      realloc(peer->arguments, (peer->argument_count + 2) * sizeof *peer->arguments);
  if (arguments) peer->arguments = arguments;
  char *const copy = arguments ? strdup(text) : NULL;
  if (!copy) return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  arguments[peer->argument_count++] = copy;
  arguments[peer->argument_count] = NULL;
  return EE_CLI_OK;
}

static int add_option(ee_cli_peer_t *peer, const char *name, const char *value) {
  ee_cli_text_t text = {0};
  ee_cli_text_printf(&text, "--%s=%s", name, value);
  const int exit_code =
      text.failed ? ee_cli_fail(EE_CLI_FAILED, "out of memory") : add_argument(peer, text.data);
  ee_cli_text_free(&text);
  return exit_code;
}

static void redirect_errors(const char *path) {
  FILE *const file = fopen(path, "w");
  if (file) dup2(fileno(file), STDERR_FILENO);
}

// Its ends are not the other program's but as far as they are given to it.
static bool make_pipe(int ends[2]) {
  if (pipe(ends) != 0) return false;
  (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  (void)fcntl(ends[1], F_SETFD, FD_CLOEXEC);
  return true;
}

// Starts the program with pipes to and from it.
static int start(ee_cli_peer_t *peer) {
  int to[2], from[2];
  if (!make_pipe(to)) return ee_cli_fail(EE_CLI_FAILED, "pipe: %s", strerror(errno));
  if (!make_pipe(from)) {
    close(to[0]);
    close(to[1]);
    return ee_cli_fail(EE_CLI_FAILED, "pipe: %s", strerror(errno));
  }
  char errors[96];
  error_path(peer, errors);
  fflush(stdout);
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(to[0], STDIN_FILENO);
    dup2(from[1], STDOUT_FILENO);
    redirect_errors(errors);
    execv(peer->arguments[0], peer->arguments);
    _exit(127);
  }
  close(to[0]);
  close(from[1]);
  if (pid < 0) {
    close(to[1]);
    close(from[0]);
    return ee_cli_fail(EE_CLI_FAILED, "fork: %s", strerror(errno));
  }
  peer->pid = (int)pid;
  peer->to = to[1];
  peer->from = from[0];
  return EE_CLI_OK;
}

// The exit code; 128 and the signal of one that was killed.
static int finish(ee_cli_peer_t *peer) {
  int status = 0;
  if (!peer->pid) return 0;
  close(peer->to);
  close(peer->from);
  while (waitpid(peer->pid, &status, 0) < 0 && errno == EINTR) {
  }
  peer->pid = 0;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// Its last words, or those that name an error.
static int failed(ee_cli_peer_t *peer, const char *who, int code) {
  char path[96], line[256] = "", at[256];
  error_path(peer, path);
  FILE *const file = fopen(path, "r");
  while (file && fgets(at, sizeof at, file)) {
    at[strcspn(at, "\r\n")] = 0;
    if (at[0] && !strstr(line, "rror")) memcpy(line, at, sizeof line);
  }
  if (file) fclose(file);
  return ee_cli_fail(code > 128 ? EE_CLI_CRASHED : EE_CLI_FAILED, "%s: %s (exit code %d)", who,
                     line[0] ? line : "ended without a word", code);
}

static bool find_on_path(const char *name, char out[PEER_PATH]) {
  const char *path = getenv("PATH");
  for (const char *at = path ? path : ""; *at;) {
    const size_t size = strcspn(at, ":");
    const int length = snprintf(out, PEER_PATH, "%.*s/%s", (int)size, at, name);
    if (size && length > 0 && length < PEER_PATH && access(out, X_OK) == 0) return true;
    at += size + (at[size] == ':');
  }
  return false;
}

// `name` in $`variable` (NULL: none), .venv/bin, or on PATH.
static bool find_program(const char *variable, const char *name, char out[PEER_PATH]) {
  const char *const told = variable ? getenv(variable) : NULL;
  if (told && *told) {
    snprintf(out, PEER_PATH, "%s/%s", told, name);
    if (access(out, X_OK) == 0) return true;
  }
  snprintf(out, PEER_PATH, ".venv/bin/%s", name);
  return access(out, X_OK) == 0 || find_on_path(name, out);
}

void ee_cli_peer_close(ee_cli_peer_t *peer) {
  (void)finish(peer);
  if (peer->folder[0]) {
    const int index = folder_of(peer);
    remove_folder(index);
    folders[index].files = -1;
  }
  for (size_t i = 0; i < peer->argument_count; ++i)
    free(peer->arguments[i]);
  free(peer->arguments);
  *peer = (ee_cli_peer_t){0};
}

// ---- iree-benchmark-module ---------------------------------------------------------------------

// A tensor as "4x4xf32=@FILE", its bytes; a number as itself.
static int add_iree_input(ee_cli_peer_t *peer, const ee_cli_contender_t *like, size_t index) {
  const eerie_value_t *const value = &like->model.inputs.items[index];
  ee_cli_text_t text = {0};
  int exit_code = EE_CLI_OK;
  switch (value->kind) {
  case EERIE_KIND_TENSOR: {
    const eerie_type_t *const type = eerie_function_input(like->model.function, index);
    const eerie_tensor_t *const tensor = value->as.tensor;
    char path[96];
    exit_code = write_input(peer, like, index, true, path);
    const eerie_dtype_t dtype =
        type->dtype != EERIE_DTYPE_NONE ? type->dtype : eerie_tensor_dtype(tensor);
    ee_cli_type_format(&text, dtype, eerie_tensor_rank(tensor), eerie_tensor_shape(tensor));
    ee_cli_text_printf(&text, "=@%s", path);
    break;
  }
  case EERIE_KIND_I32: ee_cli_text_printf(&text, "%" PRId32, value->as.i32); break;
  case EERIE_KIND_I64: ee_cli_text_printf(&text, "%" PRId64, value->as.i64); break;
  case EERIE_KIND_F32: ee_cli_text_printf(&text, "%.9g", (double)value->as.f32); break;
  case EERIE_KIND_F64: ee_cli_text_printf(&text, "%.17g", value->as.f64); break;
  case EERIE_KIND_NONE: ee_cli_text_string(&text, "(null)"); break;
  default:
    exit_code =
        ee_cli_fail(EE_CLI_USAGE, "input %zu cannot be given to iree-benchmark-module", index);
  }
  if (!exit_code && text.failed) exit_code = ee_cli_fail(EE_CLI_FAILED, "out of memory");
  if (!exit_code) exit_code = add_option(peer, "input", text.data);
  ee_cli_text_free(&text);
  return exit_code;
}

static int open_iree(ee_cli_contender_t *contender, const ee_cli_contender_t *like) {
  ee_cli_peer_t *const peer = &contender->peer;
  char program[PEER_PATH], number[24];
  if (!find_program("EERIE_IREE_BIN", "iree-benchmark-module", program))
    return ee_cli_fail(EE_CLI_MISSING,
                       "--against=iree: no iree-benchmark-module in $EERIE_IREE_BIN, .venv/bin or "
                       "on PATH; install it with `python3 -m pip install "
                       "iree-base-runtime==3.13.0`");
  int exit_code = make_folder(peer);
  if (!exit_code) exit_code = add_argument(peer, program);
  for (size_t i = 0; i < like->options.modules.count && !exit_code; ++i)
    exit_code = add_option(peer, "module", like->options.modules.items[i]);
  if (!exit_code) exit_code = add_option(peer, "function", contender->function);
  // Numbers of its devices are its own: "vulkan:0" is asked for as "vulkan", its first.
  char device[32];
  snprintf(device, sizeof device, "%.*s", (int)strcspn(contender->device, ":"), contender->device);
  if (!exit_code) exit_code = add_option(peer, "device", device);
  snprintf(number, sizeof number, "%" PRIu64, contender->threads);
  if (!exit_code && contender->threads)
    exit_code = add_option(peer, "task_topology_group_count", number);
  for (size_t i = 0; i < like->options.parameters.count && !exit_code; ++i)
    exit_code = add_option(peer, "parameters", like->options.parameters.items[i]);
  for (size_t i = 0; i < like->model.inputs.count && !exit_code; ++i)
    exit_code = add_iree_input(peer, like, i);
  if (!exit_code) exit_code = add_option(peer, "benchmark_format", "json");
  if (!exit_code) exit_code = add_argument(peer, "--benchmark_min_time=0.1s"); // replaced each time
  contender->means = true;
  return exit_code;
}

static bool read_number(const char *text, const char *name, double *out_number) {
  const char *const at = strstr(text, name);
  if (!at) return false;
  char *end = NULL;
  *out_number = strtod(at + strlen(name), &end);
  return end != at + strlen(name);
}

// Google's benchmark library as it writes JSON; one entry is all that there is.
static bool read_report(const char *text, double *out_ns, double *out_cpu_ns, double *out_calls) {
  const char *const entry = text ? strstr(text, "\"benchmarks\"") : NULL;
  double unit = 1;
  if (!entry || strstr(entry, "\"error_occurred\": true")) return false;
  if (strstr(entry, "\"time_unit\": \"us\"")) unit = 1e3;
  if (strstr(entry, "\"time_unit\": \"ms\"")) unit = 1e6;
  if (strstr(entry, "\"time_unit\": \"s\"")) unit = 1e9;
  if (!read_number(entry, "\"real_time\": ", out_ns) ||
      !read_number(entry, "\"cpu_time\": ", out_cpu_ns) ||
      !read_number(entry, "\"iterations\": ", out_calls))
    return false;
  *out_ns *= unit;
  *out_cpu_ns *= unit;
  return *out_calls >= 1;
}

static bool read_all(int file, ee_cli_text_t *text) {
  char buffer[4096];
  for (;;) {
    const ssize_t size = read(file, buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return size == 0 && !text->failed;
    ee_cli_text_append(text, buffer, (size_t)size);
  }
}

static void note_cpu(ee_cli_contender_t *contender, double ns) {
  if (contender->min_cpu_ns < 0 || ns < contender->min_cpu_ns) contender->min_cpu_ns = ns;
}

static int measure_iree(ee_cli_contender_t *contender, double seconds, uint64_t calls) {
  ee_cli_peer_t *const peer = &contender->peer;
  char **const last = &peer->arguments[peer->argument_count - 1];
  char option[64];
  if (seconds > 0)
    snprintf(option, sizeof option, "--benchmark_min_time=%.3fs", seconds < 0.01 ? 0.01 : seconds);
  else
    snprintf(option, sizeof option, "--benchmark_min_time=%" PRIu64 "x", calls ? calls : 1);
  char *const copy = strdup(option);
  if (!copy) return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  free(*last);
  *last = copy;
  int exit_code = start(peer);
  if (exit_code) return exit_code;
  ee_cli_text_t report = {0};
  double ns = 0, cpu_ns = 0, count = 0;
  const bool whole = read_all(peer->from, &report);
  const int code = finish(peer);
  if (!whole || code || !read_report(report.data, &ns, &cpu_ns, &count))
    exit_code = failed(peer, "iree-benchmark-module", code);
  else if (!ee_cli_samples_add(&contender->samples, (uint64_t)(ns + 0.5)))
    exit_code = ee_cli_fail(EE_CLI_FAILED, "out of memory");
  ee_cli_text_free(&report);
  if (exit_code) return exit_code;
  contender->calls += (uint64_t)count;
  note_cpu(contender, cpu_ns);
  return EE_CLI_OK;
}

// ---- ONNX Runtime ------------------------------------------------------------------------------

// Python's part: model, threads, calls to warm up, "cold" or "warm", arrays. Then for each line
// "seconds calls" on standard input one with the number of calls and their processor time, and the
// times of the calls as 64-bit integers.
static const char ort_script[] =
    "import array, sys, time\n"
    "try:\n"
    "    import numpy, onnxruntime\n"
    "except ImportError as error:\n"
    "    print(error, file=sys.stderr)\n"
    "    sys.exit(77)\n"
    "model, threads, warmup, caches, *files = sys.argv[1:]\n"
    "options = onnxruntime.SessionOptions()\n"
    "options.intra_op_num_threads = int(threads)\n"
    "options.inter_op_num_threads = 1\n"
    "session = onnxruntime.InferenceSession(model, options, providers=['CPUExecutionProvider'])\n"
    "wanted = session.get_inputs()\n"
    "if len(wanted) != len(files):\n"
    "    sys.exit(f'error: {model} takes {len(wanted)} inputs, the module {len(files)}')\n"
    "types = {'float': 'f4', 'double': 'f8', 'float16': 'f2', 'bool': '?'}\n"
    "for signed in ('int', 'uint'):\n"
    "    types.update({f'{signed}{8 * n}': f'{signed[0]}{n}' for n in (1, 2, 4, 8)})\n"
    "feed = {}\n"
    "for entry, file in zip(wanted, files):\n"
    "    value = numpy.load(file)\n"
    "    name = entry.type.removeprefix('tensor(').removesuffix(')')\n"
    "    if name not in types:\n"
    "        sys.exit(f'error: input {entry.name} of {model} is {entry.type}')\n"
    "    dtype = numpy.dtype(types[name])\n"
    "    same = value.dtype.itemsize == dtype.itemsize and dtype.kind in 'iub'\n"
    "    feed[entry.name] = value.view(dtype) if same else value.astype(dtype)\n"
    "sweep = numpy.zeros(16 << 20, 'u4') if caches == 'cold' else None\n"
    "for _ in range(int(warmup)):\n"
    "    session.run(None, feed)\n"
    "output = sys.stdout.buffer\n"
    "output.write(b'ready\\n')\n"
    "output.flush()\n"
    "clock = time.perf_counter_ns\n"
    "for line in sys.stdin:\n"
    "    seconds, calls = line.split()\n"
    "    times = array.array('Q')\n"
    "    cpu = 0\n"
    "    begin, first = clock(), time.process_time_ns()\n"
    "    end = begin + float(seconds) * 1e9\n"
    "    while not times or len(times) < int(calls) or clock() < end:\n"
    "        if sweep is not None:\n"
    "            sweep += 1\n"
    "            first = time.process_time_ns()\n"
    "        start = clock()\n"
    "        session.run(None, feed)\n"
    "        times.append(clock() - start)\n"
    "        if sweep is not None:\n"
    "            cpu += time.process_time_ns() - first\n"
    "    if sweep is None:\n"
    "        cpu = time.process_time_ns() - first\n"
    "    output.write(f'{len(times)} {cpu}\\n'.encode() + times.tobytes())\n"
    "    output.flush()\n";

static bool read_bytes(int file, void *target, size_t size) {
  for (char *at = target; size;) {
    const ssize_t got = read(file, at, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    size -= (size_t)got;
  }
  return true;
}

static bool read_line(int file, char *out, size_t capacity) {
  for (size_t at = 0; at + 1 < capacity; ++at) {
    if (!read_bytes(file, out + at, 1)) return false;
    if (out[at] != '\n') continue;
    out[at] = 0;
    return true;
  }
  return false;
}

static int ort_arguments(ee_cli_contender_t *contender, const ee_cli_contender_t *like,
                         uint64_t warmup) {
  ee_cli_peer_t *const peer = &contender->peer;
  char number[24], path[96];
  int exit_code = add_argument(peer, "-c");
  if (!exit_code) exit_code = add_argument(peer, ort_script);
  if (!exit_code) exit_code = add_argument(peer, contender->module);
  // Without --threads as many as a device on the calling thread has.
  snprintf(number, sizeof number, "%" PRIu64, contender->threads ? contender->threads : 1);
  if (!exit_code) exit_code = add_argument(peer, number);
  snprintf(number, sizeof number, "%" PRIu64, warmup);
  if (!exit_code) exit_code = add_argument(peer, number);
  if (!exit_code) exit_code = add_argument(peer, contender->cold ? "cold" : "warm");
  for (size_t i = 0; i < like->model.inputs.count && !exit_code; ++i) {
    exit_code = write_input(peer, like, i, false, path);
    if (!exit_code) exit_code = add_argument(peer, path);
  }
  return exit_code;
}

// Starts this Python; `out_missing`: it has no ONNX Runtime.
static int try_python(ee_cli_contender_t *contender, const char *python, bool *out_missing) {
  enum { NOT_THERE = 77 };
  ee_cli_peer_t *const peer = &contender->peer;
  char line[32];
  char *const copy = strdup(python);
  if (!copy) return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  free(peer->arguments[0]);
  peer->arguments[0] = copy;
  *out_missing = false;
  const int exit_code = start(peer);
  if (exit_code) return exit_code;
  if (read_line(peer->from, line, sizeof line) && strcmp(line, "ready") == 0) return EE_CLI_OK;
  const int code = finish(peer);
  *out_missing = code == NOT_THERE || code == 127;
  return *out_missing ? EE_CLI_MISSING : failed(peer, "onnxruntime", code);
}

static int open_ort(ee_cli_contender_t *contender, const ee_cli_contender_t *like,
                    uint64_t warmup) {
  ee_cli_peer_t *const peer = &contender->peer;
  // find_program looks into .venv/bin first; EERIE_PYTHON: no other.
  const char *const told = getenv("EERIE_PYTHON");
  char found[2][PEER_PATH];
  const char *pythons[2] = {told && *told ? told : NULL, NULL};
  size_t count = 1;
  if (!pythons[0]) {
    pythons[0] = find_program(NULL, "python3", found[0]) ? found[0] : NULL;
    pythons[1] = find_on_path("python3", found[1]) ? found[1] : NULL;
    count = 2;
  }
  int exit_code = make_folder(peer);
  if (!exit_code) exit_code = add_argument(peer, "python3");
  if (!exit_code) exit_code = ort_arguments(contender, like, warmup);
  if (exit_code) return exit_code;
  bool missing = true;
  for (size_t i = 0; i < count; ++i) {
    if (!pythons[i] || access(pythons[i], X_OK) != 0) continue;
    exit_code = try_python(contender, pythons[i], &missing);
    if (!missing) return exit_code;
  }
  return ee_cli_fail(EE_CLI_MISSING,
                     "--against=onnxruntime: no Python with onnxruntime and numpy; looked at "
                     "$EERIE_PYTHON, .venv/bin and PATH; install it with `python3 -m pip install "
                     "onnxruntime`");
}

static int measure_ort(ee_cli_contender_t *contender, double seconds, uint64_t calls) {
  ee_cli_peer_t *const peer = &contender->peer;
  char line[64];
  const int length = snprintf(line, sizeof line, "%.6f %" PRIu64 "\n", seconds, calls);
  uint64_t count = 0, cpu_ns = 0;
  // A process that has died shows in what it does not answer.
  void (*const before)(int) = signal(SIGPIPE, SIG_IGN);
  const bool told = write(peer->to, line, (size_t)length) == length;
  signal(SIGPIPE, before);
  bool good = told && read_line(peer->from, line, sizeof line) &&
              sscanf(line, "%" SCNu64 " %" SCNu64, &count, &cpu_ns) == 2 && count > 0;
  for (uint64_t left = count; left && good;) {
    uint64_t times[512] = {0};
    const size_t part = left < 512 ? (size_t)left : 512;
    good = read_bytes(peer->from, times, part * sizeof times[0]);
    for (size_t i = 0; i < part && good; ++i)
      if (!ee_cli_samples_add(&contender->samples, times[i]))
        return ee_cli_fail(EE_CLI_FAILED, "out of memory");
    left -= part;
  }
  if (!good) return failed(peer, "onnxruntime", finish(peer));
  contender->calls += count;
  note_cpu(contender, (double)cpu_ns / (double)count);
  return EE_CLI_OK;
}

// ---- Either ------------------------------------------------------------------------------------

int ee_cli_peer_open(ee_cli_contender_t *contender, const ee_cli_contender_t *like,
                     uint64_t warmup) {
  if (like->model.inputs.count > PEER_INPUTS)
    return ee_cli_fail(EE_CLI_USAGE, "more than %d inputs cannot be given to another runtime",
                       PEER_INPUTS);
  return contender->runtime == EE_CLI_RUNTIME_IREE ? open_iree(contender, like)
                                                   : open_ort(contender, like, warmup);
}

int ee_cli_peer_measure(ee_cli_contender_t *contender, double seconds, uint64_t calls) {
  return contender->runtime == EE_CLI_RUNTIME_IREE ? measure_iree(contender, seconds, calls)
                                                   : measure_ort(contender, seconds, calls);
}
