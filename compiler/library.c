// library.c: opens libIREECompiler and brings it up, once for the process.
#define _GNU_SOURCE

#include <stdio.h>
#include <string.h>

#include "internal.h"
#include "system.h"

enum { LIBRARY_API_MAJOR = 1, LIBRARY_API_MINOR = 4 };

// A fork must not wait for ever while other threads compile one thing after the other.
#if defined(PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP)
#define LIBRARY_FORK_LOCK PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP
#else
#define LIBRARY_FORK_LOCK PTHREAD_RWLOCK_INITIALIZER
#endif

ee_library_t ee_library = {.mutex = PTHREAD_MUTEX_INITIALIZER,
                           .fork_lock = LIBRARY_FORK_LOCK,
                           .first_run_mutex = PTHREAD_MUTEX_INITIALIZER};

// ---- Opening -----------------------------------------------------------------------------------

// An object pointer, whose bytes are those of a function pointer on every system that has
// libraries.
static bool library_symbol(void *handle, const char *name, void *out_function) {
  void *address = ee_system_find(handle, name);
  memcpy(out_function, &address, sizeof address);
  return address != NULL;
}

static const char *library_resolve(void *handle, ee_api_t *api) {
#define LIBRARY_RESOLVE(field, symbol, result, parameters)                                         \
  if (!library_symbol(handle, #symbol, &api->field)) return #symbol;
  EE_API_FUNCTIONS(LIBRARY_RESOLVE)
#undef LIBRARY_RESOLVE
#define LIBRARY_TRY(field, symbol, result, parameters) library_symbol(handle, #symbol, &api->field);
  EE_API_OPTIONAL_FUNCTIONS(LIBRARY_TRY)
#undef LIBRARY_TRY
  return NULL;
}

static eerie_status_t library_check(void *handle, const char *path, ee_api_t *api, int *out_version,
                                    eerie_error_t *err) {
  int (*version)(void) = NULL;
  if (!library_symbol(handle, "ireeCompilerGetAPIVersion", &version))
    return EE_COMPILER_FAIL(err, EERIE_INCOMPATIBLE,
                            "%s is no IREE compiler: it has no ireeCompilerGetAPIVersion", path);
  *out_version = version();
  const int major = *out_version >> 16, minor = *out_version & 0xffff;
  if (major != LIBRARY_API_MAJOR || minor < LIBRARY_API_MINOR)
    return EE_COMPILER_FAIL(err, EERIE_INCOMPATIBLE,
                            "%s has version %d.%d of the compiler's C API, expected %d.%d or later "
                            "%d.x; `python3 -m pip install iree-base-compiler==3.13.0` has it",
                            path, major, minor, LIBRARY_API_MAJOR, LIBRARY_API_MINOR,
                            LIBRARY_API_MAJOR);
  const char *missing = library_resolve(handle, api);
  if (missing)
    return EE_COMPILER_FAIL(err, EERIE_INCOMPATIBLE, "%s lacks the function %s", path, missing);
  return EERIE_OK;
}

static eerie_status_t library_open(const char *path, eerie_error_t *err) {
  ee_system_file_t file = {0, 0};
  const bool known = ee_system_identify(path, &file);
  if (ee_library.handle) {
    if (!known || (file.device == ee_library.file.device && file.number == ee_library.file.number))
      return EERIE_OK;
    return EE_COMPILER_FAIL(err, EERIE_FAILED_PRECONDITION,
                            "this process has opened the compiler %s and cannot open %s too",
                            ee_library.path, path);
  }
  char reason[256];
  void *handle = ee_system_open(path, reason, sizeof reason);
  if (!handle)
    return EE_COMPILER_FAIL(err, EERIE_INCOMPATIBLE, "cannot open the compiler %s: %s", path,
                            reason);
  const eerie_status_t status =
      library_check(handle, path, &ee_library.api, &ee_library.api_version, err);
  if (status) {
    ee_system_close(handle);
    return status;
  }
  ee_library.handle = handle;
  snprintf(ee_library.path, sizeof ee_library.path, "%s", path);
  ee_library.file = file;
  return EERIE_OK;
}

// ---- Bringing up -------------------------------------------------------------------------------

void ee_library_apply_global_flags(int argc, const char *const *argv) {
  if (!ee_library.initialized) ee_library.api.global_initialize();
  ee_library.initialized = true;
  // The parameter lacks a const that the function honours: it hands the strings to LLVM's parser.
  ee_library.api.setup_global_cl(argc, (const char **)(uintptr_t)argv, "", false);
  ee_library.has_global_flags = true;
}

static void library_read_release(void) {
  const char *revision = ee_library.api.revision();
  const size_t length = revision ? strspn(revision, "0123456789.") : 0;
  if (length && length < sizeof ee_library.release) memcpy(ee_library.release, revision, length);
}

static eerie_status_t library_initialize_locked(const eerie_allocator_t *allocator,
                                                eerie_error_t *err) {
  if (ee_library.initialized) return EERIE_OK;
  const eerie_status_t status =
      ee_library.in_child ? EERIE_OK : ee_library_try(allocator, 0, NULL, err);
  if (status) return status;
  ee_library.api.global_initialize();
  ee_library.initialized = true;
  library_read_release();
  return EERIE_OK;
}

eerie_status_t ee_library_initialize(eerie_error_t *err) {
  const eerie_allocator_t allocator = {0};
  pthread_mutex_lock(&ee_library.mutex);
  const eerie_status_t status = library_initialize_locked(&allocator, err);
  pthread_mutex_unlock(&ee_library.mutex);
  return status;
}

static void library_ignore_diagnostic(int severity, const char *message, size_t size, void *user) {
  (void)severity;
  (void)message;
  (void)size;
  (void)user;
}

// Sends an empty module through two phases, whose passes ask for every backend
// (getDependentDialects in IREE's HAL/Transforms/ConfigureExecutables.cpp). Takes some tens of
// milliseconds.
static void library_run_nothing(void) {
  const ee_api_t *api = &ee_library.api;
  static const char nothing[] = "module {}";
  iree_compiler_session_t *session = api->session_create();
  iree_compiler_source_t *source = NULL;
  iree_compiler_error_t *error =
      api->source_wrap(session, "nothing", nothing, sizeof nothing, true, &source);
  iree_compiler_invocation_t *invocation = api->invocation_create(session);
  api->on_diagnostics(invocation, 0, library_ignore_diagnostic, NULL);
  api->compile_from(invocation, "executable-sources");
  api->compile_to(invocation, "executable-configurations");
  if (!error && api->parse(invocation, source)) api->pipeline(invocation, EERIE_COMPILER_STANDARD);
  api->invocation_destroy(invocation);
  if (error) api->error_destroy(error);
  api->source_destroy(source);
  api->session_destroy(session);
}

bool ee_library_begin_run(void) {
  if (ee_library.in_child || atomic_load(&ee_library.has_run)) return false;
  pthread_mutex_lock(&ee_library.first_run_mutex);
  const bool is_first = !atomic_load(&ee_library.has_run);
  // Global flags may make each run print something: then the first is a real one, on its own.
  if (is_first && ee_library.has_global_flags) return true;
  if (is_first) {
    pthread_mutex_lock(&ee_library.mutex);
    pthread_rwlock_rdlock(&ee_library.fork_lock);
    library_run_nothing();
    pthread_rwlock_unlock(&ee_library.fork_lock);
    pthread_mutex_unlock(&ee_library.mutex);
    atomic_store(&ee_library.has_run, true);
  }
  pthread_mutex_unlock(&ee_library.first_run_mutex);
  return false;
}

void ee_library_end_run(bool is_first) {
  if (!is_first) return;
  atomic_store(&ee_library.has_run, true);
  pthread_mutex_unlock(&ee_library.first_run_mutex);
}

static uint64_t library_hash_flags(const char *const *flags, size_t count) {
  uint64_t hash = 0xcbf29ce484222325u; // FNV-1a
  for (size_t i = 0; i < count; ++i)
    for (const char *c = flags[i];; ++c) {
      hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
      if (!*c) break;
    }
  return hash;
}

static eerie_status_t library_set_flags(const eerie_allocator_t *allocator,
                                        const char *const *flags, size_t count,
                                        eerie_error_t *err) {
  if (!count) return EERIE_OK;
  const uint64_t hash = library_hash_flags(flags, count);
  if (ee_library.has_global_flags && ee_library.global_flags_hash == hash) return EERIE_OK;
  if (ee_library.has_global_flags)
    return EE_COMPILER_FAIL(err, EERIE_FAILED_PRECONDITION,
                            "this process has set other global compiler flags already");
  if (atomic_load(&ee_library.has_sessions))
    return EE_COMPILER_FAIL(err, EERIE_FAILED_PRECONDITION,
                            "global compiler flags come too late: this process has a session");
  ee_strings_t argv = {.allocator = allocator};
  bool good = count < INT32_MAX && ee_strings_add(&argv, "eerie");
  for (size_t i = 0; good && i < count; ++i)
    good = ee_strings_add(&argv, flags[i]);
  eerie_status_t status;
  const int argc = (int)argv.count;
  const char *const *items = (const char *const *)argv.items;
  if (!good)
    status = EE_COMPILER_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "no memory for %zu flags", count);
  else if ((status = ee_library_try(allocator, argc, items, err)) == EERIE_OK) {
    ee_library_apply_global_flags(argc, items); // a child of ours has survived it
    library_read_release();
    ee_library.global_flags_hash = hash;
  }
  ee_strings_free(&argv);
  return status;
}

void ee_library_enter_child(void) {
  ee_library.in_child = true;
  pthread_mutex_init(&ee_library.mutex, NULL);
  pthread_rwlock_init(&ee_library.fork_lock, NULL);
}

eerie_status_t ee_library_take_error(iree_compiler_error_t *error, const char *what,
                                     eerie_error_t *err) {
  if (!error) return EERIE_OK;
  ee_compiler_fail(err, EERIE_INVALID_ARGUMENT, __FILE__, __LINE__, "%s: %s", what,
                   ee_library.api.error_message(error));
  ee_library.api.error_destroy(error);
  return EERIE_INVALID_ARGUMENT;
}

// ---- Public ------------------------------------------------------------------------------------

eerie_status_t eerie_compiler_load(const eerie_compiler_options_t *options,
                                   eerie_compiler_t **out_compiler, eerie_error_t *err) {
  static const eerie_compiler_options_t defaults = {0};
  if (!options) options = &defaults;
  *out_compiler = NULL;
  char path[sizeof ee_library.path] = "";
  pthread_mutex_lock(&ee_library.mutex);
  eerie_status_t status = EERIE_OK;
  if (options->library_path || !ee_library.handle) {
    status = eerie_compiler_find(options->library_path, path, sizeof path, err);
    if (!status) status = library_open(path, err);
  }
  if (!status)
    status = library_set_flags(&options->allocator, options->global_flags,
                               options->global_flag_count, err);
  pthread_mutex_unlock(&ee_library.mutex);
  if (status) return status;
  eerie_compiler_t *compiler = ee_compiler_resize(&options->allocator, NULL, 0, sizeof *compiler);
  if (!compiler)
    return EE_COMPILER_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "no memory for a compiler handle");
  compiler->allocator = options->allocator;
  atomic_init(&compiler->references, 1);
  *out_compiler = compiler;
  return EERIE_OK;
}

void eerie_compiler_retain(eerie_compiler_t *compiler) {
  atomic_fetch_add_explicit(&compiler->references, 1, memory_order_relaxed);
}

void eerie_compiler_release(eerie_compiler_t *compiler) {
  if (!compiler || atomic_fetch_sub_explicit(&compiler->references, 1, memory_order_acq_rel) != 1)
    return;
  const eerie_allocator_t allocator = compiler->allocator;
  ee_compiler_resize(&allocator, compiler, sizeof *compiler, 0);
}

eerie_status_t eerie_compiler_get_info(eerie_compiler_t *compiler, eerie_compiler_info_t *out_info,
                                       eerie_error_t *err) {
  (void)compiler;
  *out_info = (eerie_compiler_info_t){0};
  const eerie_status_t status = ee_library_initialize(err);
  if (status) return status;
  out_info->path = ee_library.path;
  out_info->revision = ee_library.api.revision();
  memcpy(out_info->release, ee_library.release, sizeof out_info->release);
  out_info->api_major = ee_library.api_version >> 16;
  out_info->api_minor = ee_library.api_version & 0xffff;
  return EERIE_OK;
}

// The compiler's callbacks have the user pointer last.
typedef struct library_text_sink {
  eerie_compiler_text_fn on_text;
  void *user;
} library_text_sink_t;

static void library_on_name(const char *name, void *user) {
  const library_text_sink_t *sink = user;
  sink->on_text(sink->user, name);
}

static eerie_status_t library_list(void (*list)(ee_api_name_fn, void *),
                                   eerie_compiler_text_fn on_text, void *user, eerie_error_t *err) {
  const eerie_status_t status = ee_library_initialize(err);
  if (status) return status;
  library_text_sink_t sink = {on_text, user};
  pthread_rwlock_rdlock(&ee_library.fork_lock);
  list(library_on_name, &sink);
  pthread_rwlock_unlock(&ee_library.fork_lock);
  return EERIE_OK;
}

eerie_status_t eerie_compiler_list_backends(eerie_compiler_t *compiler,
                                            eerie_compiler_text_fn on_backend, void *user,
                                            eerie_error_t *err) {
  (void)compiler;
  return library_list(ee_library.api.list_backends, on_backend, user, err);
}

eerie_status_t eerie_compiler_list_plugins(eerie_compiler_t *compiler,
                                           eerie_compiler_text_fn on_plugin, void *user,
                                           eerie_error_t *err) {
  (void)compiler;
  return library_list(ee_library.api.list_plugins, on_plugin, user, err);
}
