// isolate.c: what may take its process down is done in a child: bringing the compiler up, parsing
// flags for the process, and compiling.
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

const bool ee_library_has_children = true;

// ---- Bringing up -------------------------------------------------------------------------------

// Flags for the process, as the argv that the compiler wants.
typedef struct library_flags {
  int argc;
  const char *const *argv;
} library_flags_t;

static void library_try_flags(void *context, int frame_fd) {
  const library_flags_t *flags = context;
  (void)frame_fd;
  if (flags->argc)
    ee_library_apply_global_flags(flags->argc, flags->argv);
  else
    ee_library.api.global_initialize();
}

eerie_status_t ee_library_try(const eerie_allocator_t *allocator, int argc, const char *const *argv,
                              eerie_error_t *err) {
  library_flags_t flags = {argc, argv};
  const ee_child_job_t job = {
      .work = library_try_flags, .context = &flags, .library_locked = true, .time_limit_ms = 60000};
  ee_child_result_t result;
  const eerie_status_t status = ee_child_run(allocator, &job, &result, err);
  if (status) return status;
  if (result.timed_out)
    return EE_COMPILER_FAIL(err, EERIE_INTERNAL,
                            "the compiler %s cannot be initialised: a trial in a child process was "
                            "ended after %u s; does this program's allocator survive fork()?",
                            ee_library.path, (unsigned)(job.time_limit_ms / 1000));
  if (!result.signal && !result.exit_code) return EERIE_OK;
  char words[256];
  ee_child_last_words(&result, words, sizeof words);
  if (argc && result.exit_code)
    return EE_COMPILER_FAIL(err, EERIE_INVALID_ARGUMENT, "the compiler refuses a global flag: %s",
                            words);
  return EE_COMPILER_FAIL(err, EERIE_INTERNAL, "the compiler %s cannot be initialised: %s",
                          ee_library.path,
                          *words ? words : "it ended a trial process without a word");
}

// ---- In a child --------------------------------------------------------------------------------

enum { COMPILE_FRAME_STARTED = 'S', COMPILE_FRAME_DIAGNOSTIC = 'D', COMPILE_FRAME_RESULT = 'R' };

// Followed by the file's name with its NUL, and the message.
typedef struct compile_diagnostic_frame {
  int32_t severity;
  uint32_t line, column;
  uint32_t file_size; // NUL included; 0: no file
} compile_diagnostic_frame_t;

// Both sides of an isolated compile; the child has its own copy.
typedef struct compile_child {
  const eerie_compile_options_t *options;
  ee_strings_t *flags;
  eerie_compiler_output_t *output;
  const char *reproducer_path;
  int frame_fd; // child
  bool quiet;   // parent: what comes of it is nobody's concern, or has been seen
  bool started; // parent: the flags have been accepted
  bool finished;
  const ee_child_result_t *result;
  eerie_status_t status;
  eerie_error_t error;
} compile_child_t;

static void compile_send_diagnostic(void *user, const eerie_compiler_diagnostic_t *diagnostic) {
  const compile_child_t *child = user;
  char head[sizeof(compile_diagnostic_frame_t) + 4096];
  compile_diagnostic_frame_t frame = {.severity = (int32_t)diagnostic->severity,
                                      .line = diagnostic->line,
                                      .column = diagnostic->column};
  if (diagnostic->file && strlen(diagnostic->file) < 4096)
    frame.file_size = (uint32_t)strlen(diagnostic->file) + 1;
  memcpy(head, &frame, sizeof frame);
  if (frame.file_size) memcpy(head + sizeof frame, diagnostic->file, frame.file_size);
  ee_child_send(child->frame_fd, COMPILE_FRAME_DIAGNOSTIC, head, sizeof frame + frame.file_size,
                diagnostic->message, diagnostic->message_size);
}

// Global flags take everything that iree-compile takes. They can be set once in a process; where
// the parent has done so, the session has to do.
static bool compile_set_global_flags(const compile_child_t *child, eerie_error_t *err) {
  if (ee_library.has_global_flags) return false;
  const eerie_allocator_t allocator = {0};
  ee_strings_t argv = {.allocator = &allocator};
  bool good = ee_strings_add(&argv, "eerie");
  for (size_t i = 0; good && i < child->flags->count; ++i)
    good = ee_strings_add(&argv, child->flags->items[i]);
  // The pool of the parent has threads that this process lacks, and would wait for them.
  if (good && atomic_load(&ee_library.has_threads))
    good = ee_strings_add(&argv, "--mlir-disable-threading");
  if (!good) {
    EE_COMPILER_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "no memory for compiler flags");
    return false;
  }
  ee_library_apply_global_flags((int)argv.count, (const char *const *)argv.items);
  return true;
}

static void compile_in_child(void *context, int frame_fd) {
  compile_child_t *child = context;
  child->frame_fd = frame_fd;
  eerie_error_t err = {0};
  eerie_compile_options_t options = *child->options;
  options.on_diagnostic = compile_send_diagnostic;
  options.user = child;
  // Memory from malloc: a lock in the caller's allocator may be held by a thread that is not here.
  eerie_compiler_t compiler = {.allocator = {0}};
  atomic_init(&compiler.references, 1);
  const ee_strings_t none = {0};
  const bool global = compile_set_global_flags(child, &err);
  eerie_status_t status = err.code;
  if (!status && !global && atomic_load(&ee_library.has_threads))
    status = EE_COMPILER_FAIL(&err, EERIE_FAILED_PRECONDITION,
                              "this process has compiled with global flags and without isolation; "
                              "it cannot compile isolated after that");
  ee_child_send(frame_fd, COMPILE_FRAME_STARTED, NULL, 0, NULL, 0);
  if (!status)
    status = ee_compile_here(&compiler, &options, global ? &none : child->flags,
                             child->reproducer_path, child->output, &err);
  err.code = status;
  err.file = NULL;
  ee_child_send(frame_fd, COMPILE_FRAME_RESULT, &err, sizeof err, NULL, 0);
}

static void compile_on_diagnostic_frame(const compile_child_t *child, const char *data,
                                        size_t size) {
  compile_diagnostic_frame_t frame;
  if (size < sizeof frame) return;
  memcpy(&frame, data, sizeof frame);
  data += sizeof frame;
  size -= sizeof frame;
  if (frame.file_size > size || !child->options->on_diagnostic || child->quiet) return;
  if (frame.file_size && data[frame.file_size - 1] != 0) return;
  child->options->on_diagnostic(
      child->options->user,
      &(eerie_compiler_diagnostic_t){.severity = (eerie_compiler_severity_t)frame.severity,
                                     .message = data + frame.file_size,
                                     .message_size = size - frame.file_size,
                                     .file = frame.file_size ? data : NULL,
                                     .line = frame.line,
                                     .column = frame.column});
}

static void compile_on_output(void *user, const char *text, size_t size) {
  const compile_child_t *child = user;
  // What comes before the start is kept: complaints about a flag make the error's text.
  if (child->started && child->options->on_output && !child->quiet)
    child->options->on_output(child->options->user, text, size);
}

static void compile_on_frame(void *user, uint8_t type, const char *data, size_t size) {
  compile_child_t *child = user;
  if (type == COMPILE_FRAME_STARTED) {
    child->started = true;
    if (child->result->printed_size)
      compile_on_output(child, child->result->printed, child->result->printed_size);
  }
  if (type == COMPILE_FRAME_DIAGNOSTIC) compile_on_diagnostic_frame(child, data, size);
  if (type != COMPILE_FRAME_RESULT || size != sizeof child->error) return;
  memcpy(&child->error, data, size);
  child->error.message[sizeof child->error.message - 1] = 0;
  child->status = child->error.code;
  child->finished = true;
}

static eerie_status_t compile_run_child(const eerie_compiler_t *compiler, compile_child_t *child,
                                        ee_child_result_t *out_result, eerie_error_t *err) {
  const ee_child_job_t job = {.work = compile_in_child,
                              .context = child,
                              .on_frame = compile_on_frame,
                              .on_output = compile_on_output,
                              .user = child,
                              .time_limit_ms = child->options->time_limit_ms,
                              .memory_limit = child->options->memory_limit};
  child->started = child->finished = false;
  child->result = out_result;
  return ee_child_run(&compiler->allocator, &job, out_result, err);
}

// ---- After a crash -----------------------------------------------------------------------------

static bool compile_write_file(const char *path, const void *data, size_t size) {
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return false;
  const bool good = ee_compiler_write_all(fd, data, size);
  return close(fd) == 0 && good;
}

// What reproduces a crash where the compiler could not write it: the source as it was given, and
// the flags beside it, as a response file that iree-compile takes with @.
static bool compile_write_source(const eerie_compile_options_t *options, const char *path) {
  if (options->source) return compile_write_file(path, options->source, options->source_size);
  const eerie_allocator_t allocator = {0};
  const int fd = open(options->source_path, O_RDONLY | O_CLOEXEC);
  ee_block_t block;
  if (fd < 0) return false;
  const bool read = !ee_compiler_read_all(&allocator, fd, options->source_path, &block, NULL);
  close(fd);
  if (!read) return false;
  const bool good = compile_write_file(path, block.data, block.size);
  ee_block_free(&allocator, &block);
  return good;
}

static void compile_write_flags(const ee_strings_t *flags, const char *path) {
  char name[4096 + 8];
  snprintf(name, sizeof name, "%s.flags", path);
  const int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return;
  for (size_t i = 0; i < flags->count; ++i) {
    // Quoted as LLVM reads response files: single quotes, nothing escaped inside.
    ee_compiler_write_all(fd, "'", 1);
    ee_compiler_write_all(fd, flags->items[i], strlen(flags->items[i]));
    ee_compiler_write_all(fd, "'\n", 2);
  }
  close(fd);
}

static bool compile_new_reproducer(char path[4096]) {
  const char *folder = getenv("TMPDIR");
  const int length =
      snprintf(path, 4096, "%s/eerie-crash-XXXXXX.mlir", folder && *folder ? folder : "/tmp");
  if (length < 0 || length >= 4096) return false;
  const int fd = mkstemps(path, 5);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

// Runs the compile once more with the compiler's own crash handler, which knows the IR and the
// passes at the moment of the crash. Returns false when no reproducer could be had.
static bool compile_reproduce(const eerie_compiler_t *compiler, const compile_child_t *crashed,
                              char path[4096]) {
  const eerie_compile_options_t *options = crashed->options;
  if (options->reproducer_path) {
    if (strlen(options->reproducer_path) >= 4096) return false;
    snprintf(path, 4096, "%s", options->reproducer_path);
    if (!compile_write_file(path, "", 0)) return false;
  } else if (!compile_new_reproducer(path)) {
    return false;
  }
  compile_child_t again = {
      .options = options, .flags = crashed->flags, .reproducer_path = path, .quiet = true};
  ee_child_result_t result;
  eerie_compiler_output_t *scrap = NULL;
  if (!ee_output_create(&compiler->allocator, &scrap, NULL)) {
    again.output = scrap;
    compile_run_child(compiler, &again, &result, NULL);
  }
  eerie_compiler_output_release(scrap);
  struct stat info;
  const bool written = stat(path, &info) == 0 && info.st_size > 0;
  if (!written && !compile_write_source(options, path)) {
    unlink(path);
    return false;
  }
  compile_write_flags(crashed->flags, path);
  return true;
}

static eerie_status_t compile_crashed(const eerie_compiler_t *compiler,
                                      const compile_child_t *child, const ee_child_result_t *result,
                                      const char *name, eerie_error_t *err) {
  const uint64_t limit = child->options->memory_limit;
  char words[200];
  ee_child_last_words(result, words, sizeof words);
  // As the C++ library, LLVM and the C library put it.
  static const char *const shortages[] = {"bad_alloc", "out of memory", "annot allocate"};
  bool short_of_memory = false;
  for (size_t i = 0; i < sizeof shortages / sizeof shortages[0]; ++i)
    short_of_memory = short_of_memory || strstr(result->printed, shortages[i]);
  if (limit && short_of_memory)
    return EE_COMPILER_FAIL(err, EERIE_RESOURCE_EXHAUSTED,
                            "compiling %s took more than the memory limit of %llu bytes", name,
                            (unsigned long long)limit);
  if (!child->started && !result->signal)
    return EE_COMPILER_FAIL(err, EERIE_INVALID_ARGUMENT, "the compiler refuses a flag: %s", words);
  if (!result->signal) // exit(): how LLVM ends on input that it cannot go on with
    return EE_COMPILER_FAIL(err, EERIE_INVALID_ARGUMENT, "compiling %s: %s", name,
                            *words ? words : "the compiler ended without a word");
  char path[4096];
  const bool reproduced = !child->quiet && compile_reproduce(compiler, child, path);
  return EE_COMPILER_FAIL(err, EERIE_ABORTED,
                          "compiling %s: the compiler crashed with signal %d (%s)%s%s; %s%.200s%s",
                          name, result->signal, strsignal(result->signal), *words ? ": " : "",
                          words, reproduced ? "reproducer: " : "no reproducer could be written",
                          reproduced ? path : "", reproduced ? ", flags beside it in .flags" : "");
}

eerie_status_t ee_compile_isolated(eerie_compiler_t *compiler,
                                   const eerie_compile_options_t *options, ee_strings_t *flags,
                                   bool quiet, eerie_compiler_output_t *output,
                                   eerie_error_t *err) {
  compile_child_t child = {.options = options, .flags = flags, .output = output, .quiet = quiet};
  ee_child_result_t result;
  const char *name = options->source ? (options->source_name ? options->source_name : "<memory>")
                                     : options->source_path;
  const eerie_status_t status = compile_run_child(compiler, &child, &result, err);
  if (status) return status;
  if (child.finished) {
    if (child.status) EE_COMPILER_FAIL(err, child.status, "%s", child.error.message);
    return child.status;
  }
  if (result.timed_out)
    return EE_COMPILER_FAIL(err, EERIE_DEADLINE_EXCEEDED,
                            "compiling %s took more than the limit of %u ms and was stopped", name,
                            options->time_limit_ms);
  return compile_crashed(compiler, &child, &result, name, err);
}
