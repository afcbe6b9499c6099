// eerie_compiler.h: from model source to module file, through the IREE compiler.
//
// The compiler is a shared library, libIREECompiler, that comes with the Python package
// iree-base-compiler. It is found and opened at run time; nothing here links to it.
//
//   compiler     the opened library; once per process underneath, whatever the number of handles
//   session      a set of flags and a compiler context; keeps its invocations one after the other
//   source       MLIR as text or bytecode, from a file or from memory
//   invocation   one source on its way through the passes
//   output       the bytes that come out: in memory, then to a file or file descriptor
//
// One call does all of it. A whole program:
//
//   #include <eerie/eerie_compiler.h>
//   #include <stdio.h>
//
//   int main(void) {
//     eerie_error_t err = {0};
//     eerie_compiler_t *compiler = NULL;
//     eerie_compiler_output_t *output = NULL;
//     if (eerie_compiler_load(NULL, &compiler, &err) ||
//         eerie_compiler_compile(compiler,
//                                &(eerie_compile_options_t){.source_path = "multiply.mlir",
//                                                           .target = "host",
//                                                           .isolated = true},
//                                &output, &err) ||
//         eerie_compiler_output_write_file(output, "multiply.vmfb", &err))
//       fprintf(stderr, "%s\n", err.message);
//     eerie_compiler_output_release(output);
//     eerie_compiler_release(compiler);
//   }
//
// Crashes. The IREE compiler ends the process that it lives in when LLVM meets what it does not
// expect ("LLVM ERROR: ...", a failed assertion, an unknown target triple). With `.isolated` the
// work is done by a forked child, and its death comes back as an error. Without, the call is some
// milliseconds cheaper and such a death is the caller's. Windows forks nothing: `.isolated` is the
// same as without there, and limits are UNIMPLEMENTED.
//
// Ownership: load, create and open give the caller one reference; release takes it away, and
// release(NULL) is harmless. Objects keep alive what they need, so the order of releases does not
// matter. Strings handed in are copied or used during the call only.
//
// Errors: functions that can fail return an eerie_status_t and fill `err` when it is not NULL;
// outputs are then NULL or zero. Of this header's functions together:
//   UNAVAILABLE          no libIREECompiler was found
//   INCOMPATIBLE         the library found is of another API version, or no such library
//   INVALID_ARGUMENT     the compiler refused the source or a flag; the first error it gave is in
//                        the message, and every diagnostic has gone to the callback
//   NOT_FOUND, PERMISSION_DENIED   a file that cannot be read or written
//   RESOURCE_EXHAUSTED   memory, disk, file descriptors, or the limit set for an isolated compile
//   FAILED_PRECONDITION  the object is not in the state that the call needs
//   DEADLINE_EXCEEDED    an isolated compile ran past its time limit
//   ABORTED              the compiler crashed; the message names the signal and a reproducer
//
// Threads: a compiler handle may be used from any thread. A session too: calls on one session and
// what was made from it wait for each other, different sessions run side by side. An invocation or
// an output is used by one thread at a time. Callbacks run while locks are held and may not call
// back into the object that they came from.
//
// The library prints nothing. The compiler itself writes a few things to standard error (timings
// and IR dumps that were asked for by flags); isolated compiles hand that text to a callback.
#ifndef EERIE_EERIE_COMPILER_H_
#define EERIE_EERIE_COMPILER_H_

#include "eerie/eerie_base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eerie_compiler eerie_compiler_t;
typedef struct eerie_compiler_session eerie_compiler_session_t;
typedef struct eerie_compiler_source eerie_compiler_source_t;
typedef struct eerie_compiler_invocation eerie_compiler_invocation_t;
typedef struct eerie_compiler_output eerie_compiler_output_t;

// Receives one name, flag or path at a time; `text` is valid during the call.
typedef void (*eerie_compiler_text_fn)(void *user, const char *text);

// ---- Finding and opening the compiler ----------------------------------------------------------

// Writes the path of the library that eerie_compiler_load would open into `out_path`.
//
// `library_path` not NULL: that file, or libIREECompiler in that directory or Python environment,
// and nothing else. NULL: the same with the environment variable EERIE_COMPILER_LIB when it is set;
// otherwise the first of
//   .venv in the current directory or a parent of it
//   .venv beside the running program or in a parent of its directory
//   the environments that VIRTUAL_ENV and CONDA_PREFIX name
//   the environments of the python3 programs on PATH, and the user's site-packages
//   what python3 itself answers (it is run only when all of the above fail)
// UNAVAILABLE: none; the message says what to install and lists the places. OUT_OF_RANGE: the path
// is longer than `capacity`. Any thread.
EERIE_API eerie_status_t eerie_compiler_find(const char *library_path, char *out_path,
                                             size_t capacity, eerie_error_t *err);

// Calls `on_place` with each place that eerie_compiler_find(NULL, ...) looks at, in order, as text
// for people: "VIRTUAL_ENV: not set", "/home/a/.venv: no iree-base-compiler in it". Stops after the
// place that has the library. Any thread.
EERIE_API void eerie_compiler_list_places(eerie_compiler_text_fn on_place, void *user);

typedef struct eerie_compiler_options {
  eerie_allocator_t allocator;     // for Eerie's own objects; zero: malloc
  const char *library_path;        // see eerie_compiler_find; NULL: search
  const char *const *global_flags; // flags for the whole process, with their dashes; see below
  size_t global_flag_count;
} eerie_compiler_options_t;

// Opens the compiler. `options` NULL: all defaults.
//
// The library is opened at most once in a process and stays open to its end: it can be initialised
// only once, and a second initialisation after its shutdown aborts. A second load gives another
// handle on the same library; asking for a different file is FAILED_PRECONDITION. Initialisation
// itself happens with the first call that needs it, after a trial run in a forked child, so that an
// abort in there becomes an error.
//
// `global_flags` are those that no session takes, such as "--mlir-print-ir-after-all". They are set
// once for the process, before its first session, and apply to all sessions after; other values
// later are FAILED_PRECONDITION, an unknown flag is INVALID_ARGUMENT.
EERIE_API eerie_status_t eerie_compiler_load(const eerie_compiler_options_t *options,
                                             eerie_compiler_t **out_compiler, eerie_error_t *err);
EERIE_API void eerie_compiler_retain(eerie_compiler_t *compiler);
EERIE_API void eerie_compiler_release(eerie_compiler_t *compiler);

typedef struct eerie_compiler_info {
  const char *path;     // the library's file
  const char *revision; // "3.13.0rc20261016 @ 89ece87b...", empty in some private builds
  char release[32];     // "3.13.0": the revision's leading numbers
  int api_major;        // version of the compiler's C API; the library needs 1.4 or later 1.x
  int api_minor;
} eerie_compiler_info_t;

// Describes the compiler; initialises it. Strings live as long as the process.
EERIE_API eerie_status_t eerie_compiler_get_info(eerie_compiler_t *compiler,
                                                 eerie_compiler_info_t *out_info,
                                                 eerie_error_t *err);

// Calls back with the name of each target backend ("llvm-cpu", "vulkan-spirv") or plugin that the
// compiler was built with.
EERIE_API eerie_status_t eerie_compiler_list_backends(eerie_compiler_t *compiler,
                                                      eerie_compiler_text_fn on_backend, void *user,
                                                      eerie_error_t *err);
EERIE_API eerie_status_t eerie_compiler_list_plugins(eerie_compiler_t *compiler,
                                                     eerie_compiler_text_fn on_plugin, void *user,
                                                     eerie_error_t *err);

// ---- Targets and phases ------------------------------------------------------------------------

typedef struct eerie_compiler_target_info {
  const char *name;        // as eerie_compile_options_t takes it: "host", "cuda:ARCH"
  const char *description; // one line
  const char *device;      // device family that runs the module: "local", "vulkan", ...
  bool static_library;     // kernels come as a linkable object beside the module
} eerie_compiler_target_info_t;

// Describes target number `index`; false past the last. Strings are static. Any thread.
EERIE_API bool eerie_compiler_target_at(size_t index, eerie_compiler_target_info_t *out_info);

// Name of compilation phase number `index`, in order ("start", "input", ... "end"); NULL past the
// last. Static. Any thread.
EERIE_API const char *eerie_compiler_phase_at(size_t index);

// Calls back with each compiler flag that a set of targets stands for, for one module that runs on
// any of them. `static_library_path` is where a target of static kernels puts its object file; NULL
// where no such target is named. INVALID_ARGUMENT: an unknown target, or targets that do not go
// together in one module. Any thread.
EERIE_API eerie_status_t eerie_compiler_target_flags(const char *const *targets,
                                                     size_t target_count,
                                                     const char *static_library_path,
                                                     eerie_compiler_text_fn on_flag, void *user,
                                                     eerie_error_t *err);

// ---- Outputs -----------------------------------------------------------------------------------

// An empty output, held in memory by the system (not in the allocator).
EERIE_API eerie_status_t eerie_compiler_output_create(eerie_compiler_t *compiler,
                                                      eerie_compiler_output_t **out_output,
                                                      eerie_error_t *err);
EERIE_API void eerie_compiler_output_release(eerie_compiler_output_t *output);

// Appends bytes. FAILED_PRECONDITION: the output is mapped.
EERIE_API eerie_status_t eerie_compiler_output_append(eerie_compiler_output_t *output,
                                                      const void *data, size_t size,
                                                      eerie_error_t *err);

// Lends the bytes, page-aligned and read-only, until the output is released. From then on nothing
// can be appended. An empty output gives NULL and 0.
EERIE_API eerie_status_t eerie_compiler_output_map(eerie_compiler_output_t *output,
                                                   const void **out_data, size_t *out_size,
                                                   eerie_error_t *err);

// Writes the bytes to a file, whole or not at all: they go to a temporary file in the same folder,
// which then takes the name. What is no regular file (a pipe, /dev/null) is written directly.
EERIE_API eerie_status_t eerie_compiler_output_write_file(eerie_compiler_output_t *output,
                                                          const char *path, eerie_error_t *err);

// Writes the bytes to a file descriptor at its position; it stays open.
EERIE_API eerie_status_t eerie_compiler_output_write_fd(eerie_compiler_output_t *output, int fd,
                                                        eerie_error_t *err);

// ---- Diagnostics -------------------------------------------------------------------------------

typedef enum eerie_compiler_severity {
  EERIE_COMPILER_NOTE = 0,
  EERIE_COMPILER_WARNING = 1,
  EERIE_COMPILER_ERROR = 2,
  EERIE_COMPILER_REMARK = 3,
} eerie_compiler_severity_t;

// One thing that the compiler has to say. All text is valid during the call.
typedef struct eerie_compiler_diagnostic {
  eerie_compiler_severity_t severity;
  const char *message; // without location; may span lines
  size_t message_size; // bytes
  const char *file;    // NUL-terminated; NULL when the compiler gave none
  uint32_t line;       // from 1; 0: none
  uint32_t column;     // from 1; 0: none
} eerie_compiler_diagnostic_t;

// "note", "warning", "error", "remark". Static. Any thread.
EERIE_API const char *eerie_compiler_severity_name(eerie_compiler_severity_t severity);

// Notes that belong to an error follow it as calls of their own. Calls do not overlap, but may come
// from a thread of the compiler.
typedef void (*eerie_compiler_diagnostic_fn)(void *user,
                                             const eerie_compiler_diagnostic_t *diagnostic);

// ---- One call ----------------------------------------------------------------------------------

typedef enum eerie_compiler_pipeline {
  EERIE_COMPILER_STANDARD = 0,   // model source to module
  EERIE_COMPILER_HAL_EXECUTABLE, // one hal.executable to the binary for its device
  EERIE_COMPILER_PRECOMPILE,     // input conversion and global optimisation only
  EERIE_COMPILER_VM,             // VM IR to a module
} eerie_compiler_pipeline_t;

typedef enum eerie_compiler_format {
  EERIE_COMPILER_FORMAT_AUTO = 0,   // what the pipeline and phase produce
  EERIE_COMPILER_IR_TEXT,           // MLIR text, at whatever phase compilation stopped
  EERIE_COMPILER_IR_BYTECODE,       // MLIR bytecode, the same
  EERIE_COMPILER_MODULE,            // a .vmfb module; after STANDARD or VM, to the last phase
  EERIE_COMPILER_EXECUTABLE_BINARY, // an ELF, a SPIR-V flatbuffer...; after HAL_EXECUTABLE
} eerie_compiler_format_t;

typedef enum eerie_compiler_opt_level {
  EERIE_COMPILER_OPT_DEFAULT = 0,
  EERIE_COMPILER_O0,
  EERIE_COMPILER_O1,
  EERIE_COMPILER_O2,
  EERIE_COMPILER_O3,
} eerie_compiler_opt_level_t;

typedef struct eerie_compile_options {
  // The source: a file ("-" is standard input), or bytes with a name for messages.
  const char *source_path;
  const void *source;
  size_t source_size;
  const char *source_name; // NULL: "<memory>"

  const char *input_type; // NULL: "auto"; "none", "stablehlo", "tosa", "torch", "onnx"

  // Where the module will run. Several targets make one module that carries kernels for each.
  const char *target;         // one of eerie_compiler_target_at; NULL and no `targets`: no flags
  const char *const *targets; // instead of `target`
  size_t target_count;
  const char *static_library_path; // object file that a static target writes, its header beside it

  // Any flags of the compiler, with their dashes. One that a target sets too wins over it. Without
  // `isolated` only session flags are possible (see eerie_compiler_session_get_flags).
  const char *const *flags;
  size_t flag_count;
  eerie_compiler_opt_level_t opt_level;

  eerie_compiler_pipeline_t pipeline;
  const char *compile_from;   // phase that the source is in already; NULL: "start"
  const char *compile_to;     // last phase to run; NULL: "end"
  const char *dump_phases_to; // folder that gets the IR after every phase
  eerie_compiler_format_t format;
  bool split_input; // source is pieces separated by "// -----", compiled one by one; outputs joined
  bool skip_verify; // no check of the IR between passes

  eerie_compiler_diagnostic_fn on_diagnostic;
  void (*on_output)(void *user, const char *text, size_t size); // what an isolated compiler prints
  void *user;                                                   // for both

  // Work in a forked child, in which the compiler may die; on Windows, here.
  bool isolated;
  uint32_t time_limit_ms;      // isolated only; 0: none
  uint64_t memory_limit;       // isolated only; bytes of address space; 0: none
  const char *reproducer_path; // file for the IR and pass pipeline when the compiler crashes; NULL:
                               // a new file in the system's temporary folder

  // Where it will run, as `eerie devices` names it; for eerie_compiler_choose_flags alone. NULL:
  // not known.
  const char *device;
} eerie_compile_options_t;

// Compiles a source into a new output.
//
// An isolated compile needs no other preparation, and is safe beside other threads. It waits for
// compiles of other threads in this process to finish before it forks. When this process has
// compiled without isolation before, the child works with one thread. malloc must be usable in the
// child of a process with threads, as it is in the C libraries; with gcc 12's address sanitizer the
// child may hang where another thread allocates at that moment, until `time_limit_ms` ends it.
//
// Without isolation, `reproducer_path` makes the compiler catch crashes inside its passes and write
// a reproducer there: the crash is then ABORTED, and memory that the pass held is lost. A crash
// elsewhere, on another thread of the compiler, or an end by exit() still ends the process.
EERIE_API eerie_status_t eerie_compiler_compile(eerie_compiler_t *compiler,
                                                const eerie_compile_options_t *options,
                                                eerie_compiler_output_t **out_output,
                                                eerie_error_t *err);

// ---- Flags by the model ------------------------------------------------------------------------

// What a model consists of, counted after the compiler has brought it to linear algebra. One MAC is
// one multiplication and addition; dynamic sizes count as 1.
typedef struct eerie_compiler_facts {
  uint64_t operations;        // of linear algebra, element-wise ones included
  uint64_t convolutions;      // without depthwise ones
  uint64_t depthwise;         // convolutions of one channel each
  uint64_t products;          // of matrices
  double convolution_macs;    // without depthwise ones
  double pointwise_macs;      // part of it: kernels of 1x1
  double depthwise_macs;      //
  double product_macs;        //
  double narrow_product_macs; // part of it: one side has fewer than 4 rows or columns
  double int8_macs;           // part of the above: both sides are 8-bit integers
  double other_macs;          // in reductions without a name
  double elements;            // read or written by all operations
  bool channels_first;        // convolutions have their channels before height and width
  bool dynamic;               // sizes are known only when the model runs
  bool unknown_work;          // loops, or operations that are not counted
  bool fences;                // asynchronous functions: fences among arguments
  bool parameters;            // weights are outside of the module
  bool imports;               // functions of other modules are called
  bool assertions;            // checks of sizes when the model runs
  bool devices;               // the source names devices or brings kernels
  double narrow_batch_macs;   // part of narrow_product_macs: in a batch, be it of one
} eerie_compiler_facts_t;

// Receives a chosen flag and, in words, why. `flag` NULL: something that was not chosen, and why.
typedef void (*eerie_compiler_choice_fn)(void *user, const char *flag, const char *reason);

// Chooses the flags that make a model fast where it will run, for eerie_compile_options_t.flags of
// the compile that follows. Of `options` it uses the source (a path that can be read twice, or
// bytes), `targets`, `device`, `flags`, `opt_level` and the limits:
//   EERIE_COMPILER_O0, O1    the compiler's own level; the source is not looked at
//   EERIE_COMPILER_O2, 0     by what the model consists of
//   EERIE_COMPILER_O3        the same, and the compiler's own level O3 where that pays
// Levels leave the checks of sizes at run time in the module. The caller's compile has these flags
// instead of `opt_level`.
// The source goes through input conversion in a child process for this, some tenths of a second. A
// flag that the caller gave is not chosen, nor what would override it. `out_facts`, which may be
// NULL, is zero when the source was not looked at, which is so for other pipelines and for targets
// that are not a CPU. A source that the compiler refuses gets no flags and is no error here.
EERIE_API eerie_status_t eerie_compiler_choose_flags(eerie_compiler_t *compiler,
                                                     const eerie_compile_options_t *options,
                                                     eerie_compiler_choice_fn on_choice, void *user,
                                                     eerie_compiler_facts_t *out_facts,
                                                     eerie_error_t *err);

// ---- Sessions ----------------------------------------------------------------------------------

EERIE_API eerie_status_t eerie_compiler_session_create(eerie_compiler_t *compiler,
                                                       eerie_compiler_session_t **out_session,
                                                       eerie_error_t *err);
EERIE_API void eerie_compiler_session_release(eerie_compiler_session_t *session);

// Sets flags, with their dashes: "--iree-opt-level=O2". INVALID_ARGUMENT: one of them is unknown or
// has a bad value; those before it are set. Flags that configure a device's backend take effect
// when set before the session's first source is parsed.
EERIE_API eerie_status_t eerie_compiler_session_set_flags(eerie_compiler_session_t *session,
                                                          const char *const *flags,
                                                          size_t flag_count, eerie_error_t *err);

// Calls back with each flag as it would be set, all or only those that differ from their default.
EERIE_API eerie_status_t eerie_compiler_session_get_flags(eerie_compiler_session_t *session,
                                                          bool only_changed,
                                                          eerie_compiler_text_fn on_flag,
                                                          void *user, eerie_error_t *err);

// ---- Sources -----------------------------------------------------------------------------------

// Opens a file of MLIR text or bytecode; "-" reads standard input to its end.
EERIE_API eerie_status_t eerie_compiler_source_open_file(eerie_compiler_session_t *session,
                                                         const char *path,
                                                         eerie_compiler_source_t **out_source,
                                                         eerie_error_t *err);

// Copies MLIR text (no terminating NUL needed) or bytecode from memory. `name` stands for the file
// in diagnostics; NULL: "<memory>".
EERIE_API eerie_status_t eerie_compiler_source_create(eerie_compiler_session_t *session,
                                                      const char *name, const void *data,
                                                      size_t size,
                                                      eerie_compiler_source_t **out_source,
                                                      eerie_error_t *err);
EERIE_API void eerie_compiler_source_release(eerie_compiler_source_t *source);

// Splits text at lines of "// -----" and hands over each piece in order; the callback owns it and
// releases it when done. Diagnostics in pieces have the lines of the whole.
EERIE_API eerie_status_t
eerie_compiler_source_split(eerie_compiler_source_t *source,
                            void (*on_part)(void *user, eerie_compiler_source_t *take_part),
                            void *user, eerie_error_t *err);

// ---- Invocations -------------------------------------------------------------------------------

typedef struct eerie_compiler_invocation_options {
  eerie_compiler_diagnostic_fn on_diagnostic;
  void *user;
  const char *compile_from;   // see eerie_compile_options_t
  const char *compile_to;     //
  const char *dump_phases_to; //
  bool skip_verify;
  bool console;                // the compiler prints diagnostics with the source line to stderr
  const char *remarks_filter;  // optimisation remarks whose category matches; NULL: none
  const char *remarks_path;    // YAML file for them; NULL: "remarks.yaml"
  const char *reproducer_path; // catch crashes and failures in passes, and write IR and pipeline
  bool local_reproducer;       // the smallest pipeline that fails; one thread, slow
} eerie_compiler_invocation_options_t;

// `options` NULL: all defaults.
EERIE_API eerie_status_t eerie_compiler_invocation_create(
    eerie_compiler_session_t *session, const eerie_compiler_invocation_options_t *options,
    eerie_compiler_invocation_t **out_invocation, eerie_error_t *err);
EERIE_API void eerie_compiler_invocation_release(eerie_compiler_invocation_t *invocation);

// Reads a source of the same session; once per invocation, first of all.
EERIE_API eerie_status_t eerie_compiler_invocation_parse(eerie_compiler_invocation_t *invocation,
                                                         eerie_compiler_source_t *source,
                                                         eerie_error_t *err);

// Runs a pipeline over what was parsed. After a failure the invocation can only be released.
EERIE_API eerie_status_t eerie_compiler_invocation_run(eerie_compiler_invocation_t *invocation,
                                                       eerie_compiler_pipeline_t pipeline,
                                                       eerie_error_t *err);

// Runs passes over the module, given as MLIR's text: "cse,func.func(canonicalize)". What is wrong
// with the text itself goes to standard error.
EERIE_API eerie_status_t eerie_compiler_invocation_run_passes(
    eerie_compiler_invocation_t *invocation, const char *passes, eerie_error_t *err);

// Appends the present state in a format to an output. FAILED_PRECONDITION: the pipeline run so far
// does not lead to that format.
EERIE_API eerie_status_t eerie_compiler_invocation_output(eerie_compiler_invocation_t *invocation,
                                                          eerie_compiler_format_t format,
                                                          eerie_compiler_output_t *output,
                                                          eerie_error_t *err);

#ifdef __cplusplus
} // extern "C"
#endif
#endif // EERIE_EERIE_COMPILER_H_
