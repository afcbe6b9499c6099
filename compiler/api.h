// api.h: the functions of libIREECompiler that the binding calls, as a table filled by dlsym.
//
// Names and signatures are those of compiler/bindings/c/iree/compiler/embedding_api.h, API version
// 1.4 (compiler releases 3.11 to 3.13), which promises to keep them within major version 1.
#ifndef EERIE_COMPILER_API_H_
#define EERIE_COMPILER_API_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct iree_compiler_error_t iree_compiler_error_t;
typedef struct iree_compiler_session_t iree_compiler_session_t;
typedef struct iree_compiler_invocation_t iree_compiler_invocation_t;
typedef struct iree_compiler_source_t iree_compiler_source_t;
typedef struct iree_compiler_output_t iree_compiler_output_t;

typedef void (*ee_api_name_fn)(const char *name, void *user);
typedef void (*ee_api_flag_fn)(const char *flag, size_t length, void *user);
typedef void (*ee_api_diagnostic_fn)(int severity, const char *message, size_t size, void *user);
typedef void (*ee_api_split_fn)(iree_compiler_source_t *source, void *user);
typedef iree_compiler_error_t *(*ee_api_crash_fn)(iree_compiler_output_t **out_output, void *user);

// X(field, symbol, result, parameters)
#define EE_API_FUNCTIONS(X)                                                                        \
  X(error_destroy, ireeCompilerErrorDestroy, void, (iree_compiler_error_t *))                      \
  X(error_message, ireeCompilerErrorGetMessage, const char *, (iree_compiler_error_t *))           \
  X(api_version, ireeCompilerGetAPIVersion, int, (void))                                           \
  X(global_initialize, ireeCompilerGlobalInitialize, void, (void))                                 \
  X(revision, ireeCompilerGetRevision, const char *, (void))                                       \
  X(setup_global_cl, ireeCompilerSetupGlobalCL, void, (int, const char **, const char *, bool))    \
  X(list_backends, ireeCompilerEnumerateRegisteredHALTargetBackends, void,                         \
    (ee_api_name_fn, void *))                                                                      \
  X(list_plugins, ireeCompilerEnumeratePlugins, void, (ee_api_name_fn, void *))                    \
  X(session_create, ireeCompilerSessionCreate, iree_compiler_session_t *, (void))                  \
  X(session_destroy, ireeCompilerSessionDestroy, void, (iree_compiler_session_t *))                \
  X(session_set_flags, ireeCompilerSessionSetFlags, iree_compiler_error_t *,                       \
    (iree_compiler_session_t *, int, const char *const *))                                         \
  X(session_get_flags, ireeCompilerSessionGetFlags, void,                                          \
    (iree_compiler_session_t *, bool, ee_api_flag_fn, void *))                                     \
  X(invocation_create, ireeCompilerInvocationCreate, iree_compiler_invocation_t *,                 \
    (iree_compiler_session_t *))                                                                   \
  X(invocation_destroy, ireeCompilerInvocationDestroy, void, (iree_compiler_invocation_t *))       \
  X(on_diagnostics, ireeCompilerInvocationEnableCallbackDiagnostics, void,                         \
    (iree_compiler_invocation_t *, int, ee_api_diagnostic_fn, void *))                             \
  X(on_console, ireeCompilerInvocationEnableConsoleDiagnostics, void,                              \
    (iree_compiler_invocation_t *))                                                                \
  X(on_crash, ireeCompilerInvocationSetCrashHandler, void,                                         \
    (iree_compiler_invocation_t *, bool, ee_api_crash_fn, void *))                                 \
  X(parse, ireeCompilerInvocationParseSource, bool,                                                \
    (iree_compiler_invocation_t *, iree_compiler_source_t *))                                      \
  X(compile_from, ireeCompilerInvocationSetCompileFromPhase, void,                                 \
    (iree_compiler_invocation_t *, const char *))                                                  \
  X(compile_to, ireeCompilerInvocationSetCompileToPhase, void,                                     \
    (iree_compiler_invocation_t *, const char *))                                                  \
  X(dump_phases_to, ireeCompilerInvocationSetDumpCompilationPhasesTo, void,                        \
    (iree_compiler_invocation_t *, const char *))                                                  \
  X(verify, ireeCompilerInvocationSetVerifyIR, void, (iree_compiler_invocation_t *, bool))         \
  X(pipeline, ireeCompilerInvocationPipeline, bool, (iree_compiler_invocation_t *, int))           \
  X(run_passes, ireeCompilerInvocationRunPassPipeline, bool,                                       \
    (iree_compiler_invocation_t *, const char *))                                                  \
  X(output_ir, ireeCompilerInvocationOutputIR, iree_compiler_error_t *,                            \
    (iree_compiler_invocation_t *, iree_compiler_output_t *))                                      \
  X(output_ir_bytecode, ireeCompilerInvocationOutputIRBytecode, iree_compiler_error_t *,           \
    (iree_compiler_invocation_t *, iree_compiler_output_t *, int))                                 \
  X(output_module, ireeCompilerInvocationOutputVMBytecode, iree_compiler_error_t *,                \
    (iree_compiler_invocation_t *, iree_compiler_output_t *))                                      \
  X(output_executable, ireeCompilerInvocationOutputHALExecutable, iree_compiler_error_t *,         \
    (iree_compiler_invocation_t *, iree_compiler_output_t *))                                      \
  X(source_destroy, ireeCompilerSourceDestroy, void, (iree_compiler_source_t *))                   \
  X(source_open, ireeCompilerSourceOpenFile, iree_compiler_error_t *,                              \
    (iree_compiler_session_t *, const char *, iree_compiler_source_t **))                          \
  X(source_wrap, ireeCompilerSourceWrapBuffer, iree_compiler_error_t *,                            \
    (iree_compiler_session_t *, const char *, const char *, size_t, bool,                          \
     iree_compiler_source_t **))                                                                   \
  X(source_split, ireeCompilerSourceSplit, iree_compiler_error_t *,                                \
    (iree_compiler_source_t *, ee_api_split_fn, void *))                                           \
  X(output_destroy, ireeCompilerOutputDestroy, void, (iree_compiler_output_t *))                   \
  X(output_open_file, ireeCompilerOutputOpenFile, iree_compiler_error_t *,                         \
    (const char *, iree_compiler_output_t **))                                                     \
  X(output_open_fd, ireeCompilerOutputOpenFD, iree_compiler_error_t *,                             \
    (int, iree_compiler_output_t **))                                                              \
  X(output_map, ireeCompilerOutputMapMemory, iree_compiler_error_t *,                              \
    (iree_compiler_output_t *, void **, uint64_t *))

// Symbols that releases of API 1.4 may lack; a call through a NULL field is UNIMPLEMENTED.
#define EE_API_OPTIONAL_FUNCTIONS(X)                                                               \
  X(output_open_memory, ireeCompilerOutputOpenMembuffer, iree_compiler_error_t *,                  \
    (iree_compiler_output_t **))                                                                   \
  X(remarks, ireeCompilerInvocationSetupRemarks, void,                                             \
    (iree_compiler_invocation_t *, const char *, const char *))

typedef struct ee_api {
#define EE_API_FIELD(field, symbol, result, parameters) result(*field) parameters;
  EE_API_FUNCTIONS(EE_API_FIELD)
  EE_API_OPTIONAL_FUNCTIONS(EE_API_FIELD)
#undef EE_API_FIELD
} ee_api_t;

#endif // EERIE_COMPILER_API_H_
