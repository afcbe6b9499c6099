// compile.c: one call from source to output, in this process or in a child.
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

// ---- Flags -------------------------------------------------------------------------------------

bool ee_flags_same_name(const char *a, const char *b) {
  a += strspn(a, "-");
  b += strspn(b, "-");
  const size_t size = strcspn(a, "=");
  return size == strcspn(b, "=") && memcmp(a, b, size) == 0;
}

// The flags of one compile, while they are gathered.
typedef struct compile_flags {
  ee_strings_t strings;
  const eerie_compile_options_t *options;
  bool out_of_memory;
} compile_flags_t;

static void compile_add_flag(compile_flags_t *flags, const char *flag) {
  if (!ee_strings_add(&flags->strings, flag)) flags->out_of_memory = true;
}

// A flag of ours stands back where the caller gave the same.
static void compile_add_default(void *user, const char *flag) {
  compile_flags_t *flags = user;
  for (size_t i = 0; i < flags->options->flag_count; ++i)
    if (ee_flags_same_name(flags->options->flags[i], flag)) return;
  compile_add_flag(flags, flag);
}

static eerie_status_t compile_gather_flags(compile_flags_t *flags, eerie_error_t *err) {
  const eerie_compile_options_t *options = flags->options;
  static const char *const levels[] = {NULL, "O0", "O1", "O2", "O3"};
  char flag[256];
  if ((unsigned)options->opt_level >= sizeof levels / sizeof levels[0])
    return EE_COMPILER_FAIL(err, EERIE_INVALID_ARGUMENT, "there is no optimisation level %d",
                            (int)options->opt_level);
  if (options->input_type) {
    const int length = snprintf(flag, sizeof flag, "--iree-input-type=%s", options->input_type);
    if (length < 0 || (size_t)length >= sizeof flag)
      return EE_COMPILER_FAIL(err, EERIE_INVALID_ARGUMENT, "the input type is too long");
    compile_add_default(flags, flag);
  }
  if (levels[options->opt_level]) {
    snprintf(flag, sizeof flag, "--iree-opt-level=%s", levels[options->opt_level]);
    compile_add_default(flags, flag);
  }
  const char *const *targets = options->targets ? options->targets : &options->target;
  const size_t target_count = options->targets ? options->target_count : options->target != NULL;
  const eerie_status_t status = eerie_compiler_target_flags(
      targets, target_count, options->static_library_path, compile_add_default, flags, err);
  if (status) return status;
  for (size_t i = 0; i < options->flag_count; ++i)
    compile_add_flag(flags, options->flags[i]);
  if (flags->out_of_memory)
    return EE_COMPILER_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "no memory for compiler flags");
  return EERIE_OK;
}

// ---- In this process ---------------------------------------------------------------------------

typedef struct compile_work {
  const eerie_compile_options_t *options;
  eerie_compiler_session_t *session;
  eerie_compiler_output_t *output;
  const char *reproducer_path; // catches crashes inside passes when not NULL
  eerie_status_t status;
  eerie_error_t *err;
  // Pieces of a split source, as they come.
  eerie_compiler_source_t **parts;
  size_t part_count, part_capacity;
} compile_work_t;

static eerie_status_t compile_source(compile_work_t *work, eerie_compiler_source_t *source) {
  const eerie_compile_options_t *options = work->options;
  eerie_compiler_invocation_t *invocation = NULL;
  eerie_status_t status = eerie_compiler_invocation_create(
      work->session,
      &(eerie_compiler_invocation_options_t){.on_diagnostic = options->on_diagnostic,
                                             .user = options->user,
                                             .compile_from = options->compile_from,
                                             .compile_to = options->compile_to,
                                             .dump_phases_to = options->dump_phases_to,
                                             .skip_verify = options->skip_verify,
                                             .reproducer_path = work->reproducer_path},
      &invocation, work->err);
  if (!status) status = eerie_compiler_invocation_parse(invocation, source, work->err);
  if (!status) status = eerie_compiler_invocation_run(invocation, options->pipeline, work->err);
  if (!status)
    status = eerie_compiler_invocation_output(
        invocation, ee_compile_format(options->pipeline, options->compile_to, options->format),
        work->output, work->err);
  eerie_compiler_invocation_release(invocation);
  return status;
}

static void compile_take_part(void *user, eerie_compiler_source_t *take_part) {
  compile_work_t *work = user;
  if (work->part_count == work->part_capacity) {
    const size_t item = sizeof(void *);
    const size_t capacity = work->part_capacity ? work->part_capacity * 2 : 8;
    eerie_compiler_source_t **parts =
        ee_compiler_resize(&work->session->compiler->allocator, work->parts,
                           work->part_capacity * item, capacity * item);
    if (!parts) {
      work->status = EE_COMPILER_FAIL(work->err, EERIE_RESOURCE_EXHAUSTED,
                                      "no memory for the pieces of a source");
      eerie_compiler_source_release(take_part);
      return;
    }
    work->parts = parts;
    work->part_capacity = capacity;
  }
  work->parts[work->part_count++] = take_part;
}

// Compiles every piece even after a failure, so that all diagnostics are seen; the first failure
// counts.
static eerie_status_t compile_parts(compile_work_t *work, eerie_compiler_source_t *source) {
  eerie_status_t status = eerie_compiler_source_split(source, compile_take_part, work, work->err);
  if (!status) status = work->status;
  eerie_error_t *const err = work->err;
  for (size_t i = 0; i < work->part_count; ++i) {
    if (!status || status == EERIE_INVALID_ARGUMENT) {
      work->err = status ? NULL : err;
      const eerie_status_t part_status = compile_source(work, work->parts[i]);
      if (!status) status = part_status;
    }
    eerie_compiler_source_release(work->parts[i]);
  }
  work->err = err;
  if (work->parts)
    ee_compiler_resize(&work->session->compiler->allocator, work->parts,
                       work->part_capacity * sizeof(void *), 0);
  return status;
}

static eerie_status_t compile_here(eerie_compiler_t *compiler,
                                   const eerie_compile_options_t *options,
                                   const ee_strings_t *session_flags, const char *reproducer_path,
                                   eerie_compiler_output_t *output, eerie_error_t *err) {
  compile_work_t work = {
      .options = options, .output = output, .reproducer_path = reproducer_path, .err = err};
  eerie_compiler_source_t *source = NULL;
  eerie_status_t status = eerie_compiler_session_create(compiler, &work.session, err);
  if (status) return status;
  status = eerie_compiler_session_set_flags(work.session, (const char *const *)session_flags->items,
                                            session_flags->count, err);
  if (!status)
    status =
        options->source
            ? eerie_compiler_source_create(work.session, options->source_name, options->source,
                                           options->source_size, &source, err)
            : eerie_compiler_source_open_file(work.session, options->source_path, &source, err);
  if (!status)
    status = options->split_input ? compile_parts(&work, source) : compile_source(&work, source);
  eerie_compiler_source_release(source);
  eerie_compiler_session_release(work.session);
  return status;
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
    status = compile_here(&compiler, &options, global ? &none : child->flags,
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

static eerie_status_t compile_isolated(const eerie_compiler_t *compiler,
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

// ---- Public ------------------------------------------------------------------------------------

static eerie_status_t compile_with_options(eerie_compiler_t *compiler,
                                           const eerie_compile_options_t *options,
                                           eerie_compiler_output_t *output, eerie_error_t *err) {
  compile_flags_t flags = {.strings = {.allocator = &compiler->allocator}, .options = options};
  eerie_status_t status = compile_gather_flags(&flags, err);
  if (!status && options->isolated)
    status = compile_isolated(compiler, options, &flags.strings, false, output, err);
  else if (!status)
    status = compile_here(compiler, options, &flags.strings, options->reproducer_path, output, err);
  ee_strings_free(&flags.strings);
  return status;
}

eerie_status_t ee_compile_quietly(eerie_compiler_t *compiler,
                                  const eerie_compile_options_t *options,
                                  eerie_compiler_output_t **out_output, eerie_error_t *err) {
  *out_output = NULL;
  compile_flags_t flags = {.strings = {.allocator = &compiler->allocator}, .options = options};
  eerie_compiler_output_t *output = NULL;
  eerie_status_t status = ee_library_initialize(err);
  if (!status) status = compile_gather_flags(&flags, err);
  if (!status) status = ee_output_create(&compiler->allocator, &output, err);
  if (!status) status = compile_isolated(compiler, options, &flags.strings, true, output, err);
  ee_strings_free(&flags.strings);
  if (status)
    eerie_compiler_output_release(output);
  else
    *out_output = output;
  return status;
}

// Standard input can be read once, and a child that crashes may have to be run again.
static eerie_status_t compile_from_input(eerie_compiler_t *compiler,
                                         const eerie_compile_options_t *options,
                                         eerie_compiler_output_t *output, eerie_error_t *err) {
  ee_block_t block;
  eerie_status_t status =
      ee_compiler_read_all(&compiler->allocator, STDIN_FILENO, "standard input", &block, err);
  if (status) return status;
  eerie_compile_options_t memory = *options;
  memory.source = block.data;
  memory.source_size = block.size;
  memory.source_name = "<stdin>";
  status = compile_with_options(compiler, &memory, output, err);
  ee_block_free(&compiler->allocator, &block);
  return status;
}

eerie_status_t eerie_compiler_compile(eerie_compiler_t *compiler,
                                      const eerie_compile_options_t *options,
                                      eerie_compiler_output_t **out_output, eerie_error_t *err) {
  *out_output = NULL;
  if (!options->source_path == !options->source)
    return EE_COMPILER_FAIL(err, EERIE_INVALID_ARGUMENT,
                            "a compile takes either a path or bytes as its source");
  eerie_compiler_output_t *output = NULL;
  eerie_status_t status = ee_output_create(&compiler->allocator, &output, err);
  if (status) return status;
  status = options->source_path && strcmp(options->source_path, "-") == 0
               ? compile_from_input(compiler, options, output, err)
               : compile_with_options(compiler, options, output, err);
  if (status)
    eerie_compiler_output_release(output);
  else
    *out_output = output;
  return status;
}
