// internal.h: what the files of the compiler binding share.
//
// Everything here rests on one process-wide record, `ee_library`: the IREE compiler is a library
// that can be initialised once in a process and has global state of its own, so there is no honest
// way to have two of it. Its lock order is: a session's mutex, then the fork lock; the library's
// mutex before the fork lock, never after.
#ifndef EERIE_COMPILER_INTERNAL_H_
#define EERIE_COMPILER_INTERNAL_H_

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>

#include "api.h"
#include "eerie/eerie_compiler.h"
#include "system.h"

// ---- Errors ------------------------------------------------------------------------------------

#if defined(__MINGW32__) // formats are C99's there too, see EerieTargets.cmake
#define EE_COMPILER_PRINTF(text, first) __attribute__((__format__(__gnu_printf__, text, first)))
#elif defined(__GNUC__)
#define EE_COMPILER_PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))
#else
#define EE_COMPILER_PRINTF(text, first)
#endif

eerie_status_t ee_compiler_fail(eerie_error_t *err, eerie_status_t status, const char *file,
                                int line, const char *format, ...) EE_COMPILER_PRINTF(5, 6);

// Fills `err` and has the value of the status.
#define EE_COMPILER_FAIL(err, status, ...)                                                         \
  ee_compiler_fail((err), (status), __FILE__, __LINE__, __VA_ARGS__)

// A status for an errno that a file operation left.
eerie_status_t ee_compiler_errno_status(int error);

// ---- Memory ------------------------------------------------------------------------------------

void *ee_compiler_resize(const eerie_allocator_t *allocator, void *pointer, size_t old_size,
                         size_t new_size);

// A growing array of copied strings; NULL-terminated, so that it can be an argv.
typedef struct ee_strings {
  const eerie_allocator_t *allocator;
  char **items;
  size_t count;
  size_t capacity;
} ee_strings_t;

bool ee_strings_add(ee_strings_t *strings, const char *text);
void ee_strings_free(ee_strings_t *strings);

// A piece of memory and how much of it is in use.
typedef struct ee_block {
  char *data;
  size_t size, capacity;
} ee_block_t;

// Reads a whole file descriptor. The caller frees the block.
eerie_status_t ee_compiler_read_all(const eerie_allocator_t *allocator, int fd, const char *name,
                                    ee_block_t *out_block, eerie_error_t *err);
void ee_block_free(const eerie_allocator_t *allocator, ee_block_t *block);
bool ee_compiler_write_all(int fd, const void *data, size_t size);
uint64_t ee_compiler_now_ms(void);

// ---- The library -------------------------------------------------------------------------------

typedef struct ee_library {
  pthread_mutex_t mutex; // of loading and initialisation
  // Held for reading by whoever is inside the compiler, for writing by whoever forks: a child must
  // not inherit a lock that a thread of the parent held and does not exist to release.
  pthread_rwlock_t fork_lock;
  void *handle;
  char path[4096];
  ee_system_file_t file;
  ee_api_t api;
  int api_version;
  bool initialized;
  bool in_child; // this process is a child of ours and may die
  bool has_global_flags;
  uint64_t global_flags_hash;
  char release[32];
  atomic_bool has_sessions;
  // The compiler's thread pool has threads, which a forked child lacks.
  atomic_bool has_threads;
  pthread_mutex_t first_run_mutex; // taken before all other locks
  atomic_bool has_run;
} ee_library_t;

extern ee_library_t ee_library;

struct eerie_compiler {
  atomic_int references;
  eerie_allocator_t allocator;
};

// Initialises the compiler once.
eerie_status_t ee_library_initialize(eerie_error_t *err);
// Sets global flags for the process. A flag that the compiler refuses ends the process: only after
// a trial in a child, or in one.
void ee_library_apply_global_flags(int argc, const char *const *argv);
// Initialisation, and the parser of global flags, end the process when they fail: a child goes
// first, where the system has children. `argc` 0: no flags.
eerie_status_t ee_library_try(const eerie_allocator_t *allocator, int argc, const char *const *argv,
                              eerie_error_t *err);
// Around each run of a pipeline, with no lock held. The first of a process is special: every target
// backend then puts itself on a list that LLVM does not guard, and two first runs at once have been
// seen to hang.
bool ee_library_begin_run(void);
void ee_library_end_run(bool is_first);

// First thing in a forked child: locks are as new, and no trial runs are made.
void ee_library_enter_child(void);

// Takes over an error of the compiler: its text goes to `err`, and it is destroyed.
eerie_status_t ee_library_take_error(iree_compiler_error_t *error, const char *what,
                                     eerie_error_t *err);

// ---- Objects -----------------------------------------------------------------------------------

struct eerie_compiler_session {
  atomic_int references;
  eerie_compiler_t *compiler;
  pthread_mutex_t mutex;
  iree_compiler_session_t *handle;
  // The invocation that is at work; the compiler sends diagnostics to the invocation that
  // registered last, whichever is running.
  _Atomic(eerie_compiler_invocation_t *) current;
};

struct eerie_compiler_source {
  eerie_compiler_session_t *session;
  atomic_int references;
  iree_compiler_source_t *handle;
  char *block; // copy of the caller's bytes; NULL for files and pieces
  size_t block_size;
};

void ee_session_retain(eerie_compiler_session_t *session);
void ee_session_enter(eerie_compiler_session_t *session);
void ee_session_leave(eerie_compiler_session_t *session);
void ee_source_retain(eerie_compiler_source_t *source);

struct eerie_compiler_output {
  eerie_allocator_t allocator;
  int fd; // a memory file
  void *mapping;
  size_t size;
  bool mapped;
};

eerie_status_t ee_output_create(const eerie_allocator_t *allocator,
                                eerie_compiler_output_t **out_output, eerie_error_t *err);

// What the compiler writes to, which comes to stand at the end of an output; the caller is inside
// the compiler. After a write that failed nothing is known of the output.
eerie_status_t ee_sink_open(eerie_compiler_output_t *output, iree_compiler_output_t **out_sink,
                            eerie_error_t *err);
eerie_status_t ee_sink_close(eerie_compiler_output_t *output, iree_compiler_output_t *sink,
                             eerie_error_t *err);

// ---- Diagnostics -------------------------------------------------------------------------------

// Takes apart what the compiler says: locations, and the notes that it appends to a message.
void ee_diagnostics_deliver(eerie_compiler_severity_t severity, const char *text, size_t size,
                            eerie_compiler_diagnostic_fn on_diagnostic, void *user);

// ---- Flags, pipelines --------------------------------------------------------------------------

// True when two flags, dashes and values aside, are the same.
bool ee_flags_same_name(const char *a, const char *b);
eerie_compiler_format_t ee_compile_format(eerie_compiler_pipeline_t pipeline,
                                          const char *compile_to, eerie_compiler_format_t format);
// In this process.
eerie_status_t ee_compile_here(eerie_compiler_t *compiler, const eerie_compile_options_t *options,
                               const ee_strings_t *session_flags, const char *reproducer_path,
                               eerie_compiler_output_t *output, eerie_error_t *err);
// In a child; `quiet`: what comes of it is nobody's concern. Where the system has no children,
// here.
extern const bool ee_library_has_children;
eerie_status_t ee_compile_isolated(eerie_compiler_t *compiler,
                                   const eerie_compile_options_t *options, ee_strings_t *flags,
                                   bool quiet, eerie_compiler_output_t *output, eerie_error_t *err);
// An isolated compile whose failures are told to nobody: no diagnostics, no reproducer.
eerie_status_t ee_compile_quietly(eerie_compiler_t *compiler,
                                  const eerie_compile_options_t *options,
                                  eerie_compiler_output_t **out_output, eerie_error_t *err);

// ---- Children ----------------------------------------------------------------------------------

// Work in a forked process. The child reports with frames and may print; the parent receives both.
typedef struct ee_child_job {
  void (*work)(void *context, int frame_fd); // in the child
  void *context;
  void (*on_frame)(void *user, uint8_t type, const char *data, size_t size);
  void (*on_output)(void *user, const char *text, size_t size);
  void *user;
  uint32_t time_limit_ms;
  uint64_t memory_limit;
  bool library_locked; // the caller holds the library's mutex
} ee_child_job_t;

typedef struct ee_child_result {
  bool timed_out;
  int signal;         // that ended the child; 0: none
  int exit_code;      // 0 when `work` returned
  char printed[4096]; // the start of what it printed
  size_t printed_size;
} ee_child_result_t;

eerie_status_t ee_child_run(const eerie_allocator_t *allocator, const ee_child_job_t *job,
                            ee_child_result_t *out_result, eerie_error_t *err);
bool ee_child_send(int frame_fd, uint8_t type, const void *a, size_t a_size, const void *b,
                   size_t b_size);
// The line of what the child printed that says most, cut to `capacity`.
const char *ee_child_last_words(const ee_child_result_t *result, char *buffer, size_t capacity);

#endif // EERIE_COMPILER_INTERNAL_H_
