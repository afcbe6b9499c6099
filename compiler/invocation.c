// invocation.c: one source on its way through the compiler's passes.
#define _GNU_SOURCE

#include <stdio.h>
#include <string.h>

#include "internal.h"

typedef enum invocation_state {
  INVOCATION_NEW,
  INVOCATION_PARSED,
  INVOCATION_RUN,
  INVOCATION_FAILED,
} invocation_state_t;

struct eerie_compiler_invocation {
  eerie_compiler_session_t *session;
  eerie_compiler_source_t *source; // parsed; diagnostics refer to its text
  iree_compiler_invocation_t *handle;
  eerie_compiler_diagnostic_fn on_diagnostic;
  void *user;
  char *reproducer_path;
  size_t reproducer_size;
  invocation_state_t state;
  eerie_compiler_pipeline_t pipeline;
  bool stops_early;
  bool console;
  bool crashed; // a pass did, and the compiler caught it
  size_t error_count;
  char first_error[EERIE_ERROR_MESSAGE_SIZE];
};

static const char *const invocation_phases[] = {
    // IREEVMPipelinePhase of releases 3.11 to 3.13, as `iree-compile --help` lists them.
    "start",
    "input",
    "abi",
    "preprocessing",
    "global-optimization",
    "dispatch-creation",
    "flow",
    "stream",
    "executable-sources",
    "executable-configurations",
    "executable-targets",
    "hal",
    "vm",
    "end",
};

const char *eerie_compiler_phase_at(size_t index) {
  return index < sizeof invocation_phases / sizeof invocation_phases[0] ? invocation_phases[index]
                                                                        : NULL;
}

// ---- Diagnostics -------------------------------------------------------------------------------

static void invocation_note_error(eerie_compiler_invocation_t *invocation,
                                  const eerie_compiler_diagnostic_t *diagnostic) {
  if (diagnostic->severity != EERIE_COMPILER_ERROR) return;
  // The words of MLIR's crash handler (mlir/lib/Pass/PassCrashRecovery.cpp).
  static const char crash[] = "A signal was caught while processing";
  size_t size = diagnostic->message_size;
  if (size >= sizeof crash && memcmp(diagnostic->message, crash, sizeof crash - 1) == 0)
    invocation->crashed = true;
  if (invocation->error_count++) return;
  const char *newline = memchr(diagnostic->message, '\n', size);
  if (newline) size = (size_t)(newline - diagnostic->message);
  if (size > sizeof invocation->first_error) size = sizeof invocation->first_error;
  const bool placed = diagnostic->file && diagnostic->line;
  char place[32] = "";
  if (placed) snprintf(place, sizeof place, ":%u:%u: ", diagnostic->line, diagnostic->column);
  snprintf(invocation->first_error, sizeof invocation->first_error, "%.300s%s%.*s",
           placed ? diagnostic->file : "", place, (int)size, diagnostic->message);
}

static void invocation_on_part(void *user, const eerie_compiler_diagnostic_t *diagnostic) {
  eerie_compiler_invocation_t *invocation = user;
  invocation_note_error(invocation, diagnostic);
  if (invocation->on_diagnostic) invocation->on_diagnostic(invocation->user, diagnostic);
}

static void invocation_on_text(int severity, const char *message, size_t size, void *user) {
  eerie_compiler_session_t *session = user;
  eerie_compiler_invocation_t *invocation = atomic_load(&session->current);
  if (!invocation) return;
  if (severity < EERIE_COMPILER_NOTE || severity > EERIE_COMPILER_REMARK)
    severity = EERIE_COMPILER_ERROR;
  ee_diagnostics_deliver((eerie_compiler_severity_t)severity, message, size, invocation_on_part,
                         invocation);
}

static void invocation_enter(eerie_compiler_invocation_t *invocation) {
  ee_session_enter(invocation->session);
  atomic_store(&invocation->session->current, invocation);
}

static void invocation_leave(eerie_compiler_invocation_t *invocation) {
  atomic_store(&invocation->session->current, NULL);
  ee_session_leave(invocation->session);
}

// What a step of the compiler that says only yes or no failed with.
static eerie_status_t invocation_failure(eerie_compiler_invocation_t *invocation, const char *what,
                                         eerie_error_t *err) {
  invocation->state = INVOCATION_FAILED;
  if (invocation->crashed)
    return EE_COMPILER_FAIL(err, EERIE_ABORTED,
                            "%s: the compiler crashed in a pass; reproducer: %s", what,
                            invocation->reproducer_path);
  if (!invocation->error_count)
    return EE_COMPILER_FAIL(err, EERIE_INVALID_ARGUMENT, "%s failed (%s)", what,
                            invocation->console ? "diagnostics are on standard error"
                                                : "the compiler gave no diagnostic");
  if (invocation->error_count == 1)
    return EE_COMPILER_FAIL(err, EERIE_INVALID_ARGUMENT, "%s", invocation->first_error);
  return EE_COMPILER_FAIL(err, EERIE_INVALID_ARGUMENT, "%s (and %zu more errors)",
                          invocation->first_error, invocation->error_count - 1);
}

// ---- Life --------------------------------------------------------------------------------------

// Called by the compiler when a pass fails or crashes, from wherever that was.
static iree_compiler_error_t *invocation_on_crash(iree_compiler_output_t **out_output, void *user) {
  const eerie_compiler_invocation_t *invocation = user;
  return ee_library.api.output_open_file(invocation->reproducer_path, out_output);
}

static bool invocation_check_phase(const char *phase, eerie_error_t *err) {
  if (!phase) return true;
  for (size_t i = 0; eerie_compiler_phase_at(i); ++i)
    if (strcmp(phase, eerie_compiler_phase_at(i)) == 0) return true;
  EE_COMPILER_FAIL(err, EERIE_INVALID_ARGUMENT,
                   "no compilation phase is called %s; there are start, input, abi, preprocessing, "
                   "global-optimization, dispatch-creation, flow, stream, executable-sources, "
                   "executable-configurations, executable-targets, hal, vm, end",
                   phase);
  return false;
}

static void invocation_configure(eerie_compiler_invocation_t *invocation,
                                 const eerie_compiler_invocation_options_t *options) {
  const ee_api_t *api = &ee_library.api;
  iree_compiler_invocation_t *handle = invocation->handle;
  // A diagnostic goes to the handler that registered last, and only there.
  if (options->console)
    api->on_console(handle);
  else
    api->on_diagnostics(handle, 0, invocation_on_text, invocation->session);
  if (options->compile_from) api->compile_from(handle, options->compile_from);
  if (options->compile_to) api->compile_to(handle, options->compile_to);
  if (options->dump_phases_to) api->dump_phases_to(handle, options->dump_phases_to);
  api->verify(handle, !options->skip_verify);
  if (options->remarks_filter)
    api->remarks(handle, options->remarks_filter,
                 options->remarks_path ? options->remarks_path : "remarks.yaml");
  if (invocation->reproducer_path)
    api->on_crash(handle, options->local_reproducer, invocation_on_crash, invocation);
}

eerie_status_t eerie_compiler_invocation_create(eerie_compiler_session_t *session,
                                                const eerie_compiler_invocation_options_t *options,
                                                eerie_compiler_invocation_t **out_invocation,
                                                eerie_error_t *err) {
  static const eerie_compiler_invocation_options_t defaults = {0};
  if (!options) options = &defaults;
  *out_invocation = NULL;
  if (!invocation_check_phase(options->compile_from, err) ||
      !invocation_check_phase(options->compile_to, err))
    return EERIE_INVALID_ARGUMENT;
  if (options->remarks_filter && !ee_library.api.remarks)
    return EE_COMPILER_FAIL(err, EERIE_UNIMPLEMENTED, "%s has no remarks", ee_library.path);
  const eerie_allocator_t *allocator = &session->compiler->allocator;
  eerie_compiler_invocation_t *invocation =
      ee_compiler_resize(allocator, NULL, 0, sizeof *invocation);
  if (!invocation)
    return EE_COMPILER_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "no memory for an invocation");
  memset(invocation, 0, sizeof *invocation);
  if (options->reproducer_path) {
    invocation->reproducer_size = strlen(options->reproducer_path) + 1;
    invocation->reproducer_path =
        ee_compiler_resize(allocator, NULL, 0, invocation->reproducer_size);
    if (!invocation->reproducer_path) {
      ee_compiler_resize(allocator, invocation, sizeof *invocation, 0);
      return EE_COMPILER_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "no memory for an invocation");
    }
    memcpy(invocation->reproducer_path, options->reproducer_path, invocation->reproducer_size);
  }
  ee_session_retain(session);
  invocation->session = session;
  invocation->on_diagnostic = options->on_diagnostic;
  invocation->user = options->user;
  invocation->console = options->console;
  invocation->stops_early = options->compile_to && strcmp(options->compile_to, "end") != 0;
  ee_session_enter(session);
  invocation->handle = ee_library.api.invocation_create(session->handle);
  invocation_configure(invocation, options);
  ee_session_leave(session);
  *out_invocation = invocation;
  return EERIE_OK;
}

void eerie_compiler_invocation_release(eerie_compiler_invocation_t *invocation) {
  if (!invocation) return;
  eerie_compiler_session_t *session = invocation->session;
  ee_session_enter(session);
  ee_library.api.invocation_destroy(invocation->handle);
  ee_session_leave(session);
  eerie_compiler_source_release(invocation->source);
  const eerie_allocator_t *allocator = &session->compiler->allocator;
  if (invocation->reproducer_path)
    ee_compiler_resize(allocator, invocation->reproducer_path, invocation->reproducer_size, 0);
  ee_compiler_resize(allocator, invocation, sizeof *invocation, 0);
  eerie_compiler_session_release(session);
}

// ---- Steps -------------------------------------------------------------------------------------

eerie_status_t eerie_compiler_invocation_parse(eerie_compiler_invocation_t *invocation,
                                               eerie_compiler_source_t *source,
                                               eerie_error_t *err) {
  if (invocation->state != INVOCATION_NEW)
    return EE_COMPILER_FAIL(err, EERIE_FAILED_PRECONDITION,
                            "this invocation has parsed a source already; create another");
  if (source->session != invocation->session)
    return EE_COMPILER_FAIL(err, EERIE_FAILED_PRECONDITION,
                            "the source belongs to another session than the invocation");
  ee_source_retain(source);
  invocation->source = source;
  eerie_status_t status = EERIE_OK;
  atomic_store(&ee_library.has_threads, true);
  invocation_enter(invocation);
  if (ee_library.api.parse(invocation->handle, source->handle))
    invocation->state = INVOCATION_PARSED;
  else
    status = invocation_failure(invocation, "parsing", err);
  invocation_leave(invocation);
  return status;
}

static eerie_status_t invocation_check_ready(const eerie_compiler_invocation_t *invocation,
                                             eerie_error_t *err) {
  if (invocation->state == INVOCATION_NEW)
    return EE_COMPILER_FAIL(err, EERIE_FAILED_PRECONDITION,
                            "this invocation has not parsed a source yet");
  if (invocation->state == INVOCATION_FAILED)
    return EE_COMPILER_FAIL(err, EERIE_FAILED_PRECONDITION,
                            "this invocation has failed and can only be released");
  return EERIE_OK;
}

eerie_status_t eerie_compiler_invocation_run(eerie_compiler_invocation_t *invocation,
                                             eerie_compiler_pipeline_t pipeline,
                                             eerie_error_t *err) {
  eerie_status_t status = invocation_check_ready(invocation, err);
  if (status) return status;
  // Our pipelines have the numbers of the compiler's enum iree_compiler_pipeline_t.
  if ((int)pipeline < EERIE_COMPILER_STANDARD || pipeline > EERIE_COMPILER_VM)
    return EE_COMPILER_FAIL(err, EERIE_INVALID_ARGUMENT, "there is no pipeline %d", (int)pipeline);
  const bool is_first = ee_library_begin_run();
  invocation_enter(invocation);
  if (ee_library.api.pipeline(invocation->handle, (int)pipeline)) {
    invocation->state = INVOCATION_RUN;
    invocation->pipeline = pipeline;
  } else {
    status = invocation_failure(invocation, "the pipeline", err);
  }
  invocation_leave(invocation);
  ee_library_end_run(is_first);
  return status;
}

eerie_status_t eerie_compiler_invocation_run_passes(eerie_compiler_invocation_t *invocation,
                                                    const char *passes, eerie_error_t *err) {
  eerie_status_t status = invocation_check_ready(invocation, err);
  if (status) return status;
  const bool is_first = ee_library_begin_run();
  invocation_enter(invocation);
  if (!ee_library.api.run_passes(invocation->handle, passes))
    status = invocation_failure(invocation, passes, err);
  invocation_leave(invocation);
  ee_library_end_run(is_first);
  return status;
}

// ---- Output ------------------------------------------------------------------------------------

eerie_compiler_format_t ee_compile_format(eerie_compiler_pipeline_t pipeline,
                                          const char *compile_to, eerie_compiler_format_t format) {
  if (format != EERIE_COMPILER_FORMAT_AUTO) return format;
  if (compile_to && strcmp(compile_to, "end") != 0) return EERIE_COMPILER_IR_TEXT;
  switch (pipeline) {
  case EERIE_COMPILER_HAL_EXECUTABLE: return EERIE_COMPILER_EXECUTABLE_BINARY;
  case EERIE_COMPILER_PRECOMPILE: return EERIE_COMPILER_IR_TEXT;
  case EERIE_COMPILER_STANDARD:
  case EERIE_COMPILER_VM: break;
  }
  return EERIE_COMPILER_MODULE;
}

static iree_compiler_error_t *invocation_emit(eerie_compiler_invocation_t *invocation,
                                              eerie_compiler_format_t format,
                                              iree_compiler_output_t *output) {
  const ee_api_t *api = &ee_library.api;
  switch (format) {
  case EERIE_COMPILER_IR_BYTECODE: return api->output_ir_bytecode(invocation->handle, output, -1);
  case EERIE_COMPILER_MODULE: return api->output_module(invocation->handle, output);
  case EERIE_COMPILER_EXECUTABLE_BINARY: return api->output_executable(invocation->handle, output);
  case EERIE_COMPILER_IR_TEXT:
  case EERIE_COMPILER_FORMAT_AUTO: break;
  }
  return api->output_ir(invocation->handle, output);
}

// The compiler crashes when asked for a format that the IR has not come to.
static eerie_status_t invocation_check_format(const eerie_compiler_invocation_t *invocation,
                                              eerie_compiler_format_t format, eerie_error_t *err) {
  const bool run = invocation->state == INVOCATION_RUN;
  const eerie_compiler_pipeline_t pipeline = invocation->pipeline;
  if (format == EERIE_COMPILER_EXECUTABLE_BINARY &&
      !(run && pipeline == EERIE_COMPILER_HAL_EXECUTABLE))
    return EE_COMPILER_FAIL(err, EERIE_FAILED_PRECONDITION,
                            "an executable binary comes out of the HAL executable pipeline only");
  if (format == EERIE_COMPILER_MODULE &&
      !(run && ((pipeline == EERIE_COMPILER_STANDARD && !invocation->stops_early) ||
                pipeline == EERIE_COMPILER_VM)))
    return EE_COMPILER_FAIL(err, EERIE_FAILED_PRECONDITION,
                            "a module comes out of the standard or VM pipeline run to its end");
  return EERIE_OK;
}

eerie_status_t eerie_compiler_invocation_output(eerie_compiler_invocation_t *invocation,
                                                eerie_compiler_format_t format,
                                                eerie_compiler_output_t *output,
                                                eerie_error_t *err) {
  eerie_status_t status = invocation_check_ready(invocation, err);
  if (status) return status;
  if (format == EERIE_COMPILER_FORMAT_AUTO)
    format = ee_compile_format(invocation->pipeline, invocation->stops_early ? "" : NULL, format);
  if ((status = invocation_check_format(invocation, format, err))) return status;
  if (output->mapped)
    return EE_COMPILER_FAIL(err, EERIE_FAILED_PRECONDITION,
                            "the output is mapped, nothing can be appended");
  invocation_enter(invocation);
  iree_compiler_output_t *sink = NULL;
  status = ee_sink_open(output, &sink, err);
  if (!status) {
    iree_compiler_error_t *error = invocation_emit(invocation, format, sink);
    if (error) {
      const char *text = ee_library.api.error_message(error);
      status = EE_COMPILER_FAIL(err, EERIE_INVALID_ARGUMENT, "%s",
                                invocation->error_count ? invocation->first_error : text);
      invocation->state = INVOCATION_FAILED;
      ee_library.api.error_destroy(error);
      ee_sink_close(output, sink, NULL);
    } else {
      status = ee_sink_close(output, sink, err);
    }
  }
  invocation_leave(invocation);
  return status;
}
