// session.c: sessions with their flags, and the sources that belong to them.
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

// MLIR bytecode wants its buffer aligned as its resources ask; a page is more than any does.
enum { SESSION_SOURCE_ALIGNMENT = 4096 };

// ---- Sessions ----------------------------------------------------------------------------------

void ee_session_enter(eerie_compiler_session_t *session) {
  pthread_mutex_lock(&session->mutex);
  pthread_rwlock_rdlock(&ee_library.fork_lock);
}

void ee_session_leave(eerie_compiler_session_t *session) {
  pthread_rwlock_unlock(&ee_library.fork_lock);
  pthread_mutex_unlock(&session->mutex);
}

void ee_session_retain(eerie_compiler_session_t *session) {
  atomic_fetch_add_explicit(&session->references, 1, memory_order_relaxed);
}

eerie_status_t eerie_compiler_session_create(eerie_compiler_t *compiler,
                                             eerie_compiler_session_t **out_session,
                                             eerie_error_t *err) {
  *out_session = NULL;
  const eerie_status_t status = ee_library_initialize(err);
  if (status) return status;
  eerie_compiler_session_t *session =
      ee_compiler_resize(&compiler->allocator, NULL, 0, sizeof *session);
  if (!session) return EE_COMPILER_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "no memory for a session");
  memset(session, 0, sizeof *session);
  atomic_init(&session->references, 1);
  atomic_init(&session->current, NULL);
  pthread_mutex_init(&session->mutex, NULL);
  eerie_compiler_retain(compiler);
  session->compiler = compiler;
  atomic_store(&ee_library.has_sessions, true);
  // Creation writes defaults into records that all sessions share when there are global flags.
  pthread_mutex_lock(&ee_library.mutex);
  pthread_rwlock_rdlock(&ee_library.fork_lock);
  session->handle = ee_library.api.session_create();
  pthread_rwlock_unlock(&ee_library.fork_lock);
  pthread_mutex_unlock(&ee_library.mutex);
  *out_session = session;
  return EERIE_OK;
}

void eerie_compiler_session_release(eerie_compiler_session_t *session) {
  if (!session || atomic_fetch_sub_explicit(&session->references, 1, memory_order_acq_rel) != 1)
    return;
  pthread_rwlock_rdlock(&ee_library.fork_lock);
  ee_library.api.session_destroy(session->handle);
  pthread_rwlock_unlock(&ee_library.fork_lock);
  pthread_mutex_destroy(&session->mutex);
  eerie_compiler_t *compiler = session->compiler;
  ee_compiler_resize(&compiler->allocator, session, sizeof *session, 0);
  eerie_compiler_release(compiler);
}

eerie_status_t eerie_compiler_session_set_flags(eerie_compiler_session_t *session,
                                                const char *const *flags, size_t flag_count,
                                                eerie_error_t *err) {
  ee_session_enter(session);
  eerie_status_t status = EERIE_OK;
  // One at a time, so that the message names the flag.
  for (size_t i = 0; !status && i < flag_count; ++i) {
    iree_compiler_error_t *error = ee_library.api.session_set_flags(session->handle, 1, &flags[i]);
    if (!error) continue;
    // "Error parsing flags:\n  option not found: iree-foo"
    const char *text = ee_library.api.error_message(error);
    const char *detail = strchr(text, '\n');
    if (detail) text = detail + strspn(detail, "\n ");
    status = EE_COMPILER_FAIL(err, EERIE_INVALID_ARGUMENT, "the compiler refuses the flag %s: %s",
                              flags[i], text);
    ee_library.api.error_destroy(error);
  }
  ee_session_leave(session);
  return status;
}

typedef struct session_flag_sink {
  eerie_compiler_text_fn on_flag;
  void *user;
} session_flag_sink_t;

static void session_on_flag(const char *flag, size_t length, void *user) {
  const session_flag_sink_t *sink = user;
  (void)length; // the text is a C++ string's, NUL-terminated
  sink->on_flag(sink->user, flag);
}

eerie_status_t eerie_compiler_session_get_flags(eerie_compiler_session_t *session,
                                                bool only_changed, eerie_compiler_text_fn on_flag,
                                                void *user, eerie_error_t *err) {
  (void)err;
  session_flag_sink_t sink = {on_flag, user};
  ee_session_enter(session);
  ee_library.api.session_get_flags(session->handle, only_changed, session_on_flag, &sink);
  ee_session_leave(session);
  return EERIE_OK;
}

// ---- Sources -----------------------------------------------------------------------------------

static eerie_compiler_source_t *source_allocate(eerie_compiler_session_t *session) {
  eerie_compiler_source_t *source =
      ee_compiler_resize(&session->compiler->allocator, NULL, 0, sizeof *source);
  if (!source) return NULL;
  memset(source, 0, sizeof *source);
  atomic_init(&source->references, 1);
  ee_session_retain(session);
  source->session = session;
  return source;
}

void ee_source_retain(eerie_compiler_source_t *source) {
  atomic_fetch_add_explicit(&source->references, 1, memory_order_relaxed);
}

void eerie_compiler_source_release(eerie_compiler_source_t *source) {
  if (!source || atomic_fetch_sub_explicit(&source->references, 1, memory_order_acq_rel) != 1)
    return;
  eerie_compiler_session_t *session = source->session;
  const eerie_allocator_t *allocator = &session->compiler->allocator;
  if (source->handle) ee_library.api.source_destroy(source->handle);
  if (source->block) ee_compiler_resize(allocator, source->block, source->block_size, 0);
  ee_compiler_resize(allocator, source, sizeof *source, 0);
  eerie_compiler_session_release(session);
}

static eerie_status_t source_no_memory(eerie_error_t *err) {
  return EE_COMPILER_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "no memory for a source");
}

eerie_status_t eerie_compiler_source_create(eerie_compiler_session_t *session, const char *name,
                                            const void *data, size_t size,
                                            eerie_compiler_source_t **out_source,
                                            eerie_error_t *err) {
  *out_source = NULL;
  if (!name) name = "<memory>";
  if (!size)
    return EE_COMPILER_FAIL(err, EERIE_INVALID_ARGUMENT, "%s is empty, expected MLIR", name);
  eerie_compiler_source_t *source = source_allocate(session);
  if (!source) return source_no_memory(err);
  // The parser reads one byte past text and wants a zero there.
  if (size <= SIZE_MAX - SESSION_SOURCE_ALIGNMENT) {
    source->block_size = size + SESSION_SOURCE_ALIGNMENT;
    source->block = ee_compiler_resize(&session->compiler->allocator, NULL, 0, source->block_size);
  }
  if (!source->block) {
    eerie_compiler_source_release(source);
    return source_no_memory(err);
  }
  const size_t skip =
      (SESSION_SOURCE_ALIGNMENT - ((uintptr_t)source->block & (SESSION_SOURCE_ALIGNMENT - 1))) &
      (SESSION_SOURCE_ALIGNMENT - 1);
  char *text = source->block + skip;
  memcpy(text, data, size);
  text[size] = 0;
  ee_session_enter(session);
  iree_compiler_error_t *error =
      ee_library.api.source_wrap(session->handle, name, text, size + 1, true, &source->handle);
  const eerie_status_t status = ee_library_take_error(error, name, err);
  ee_session_leave(session);
  if (status)
    eerie_compiler_source_release(source);
  else
    *out_source = source;
  return status;
}

// Says what is wrong with a path in our own words; the compiler's error carries no code.
static eerie_status_t source_check_path(const char *path, eerie_error_t *err) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return EE_COMPILER_FAIL(err, ee_compiler_errno_status(errno), "cannot read %s: %s", path,
                            strerror(errno));
  struct stat info;
  const bool known = fstat(fd, &info) == 0;
  close(fd);
  if (known && S_ISDIR(info.st_mode))
    return EE_COMPILER_FAIL(err, EERIE_PERMISSION_DENIED, "cannot read %s: it is a folder", path);
  if (known && S_ISREG(info.st_mode) && info.st_size == 0)
    return EE_COMPILER_FAIL(err, EERIE_INVALID_ARGUMENT, "%s is empty, expected MLIR", path);
  return EERIE_OK;
}

static eerie_status_t source_read_input(eerie_compiler_session_t *session,
                                        eerie_compiler_source_t **out_source, eerie_error_t *err) {
  ee_block_t block;
  const eerie_allocator_t *allocator = &session->compiler->allocator;
  eerie_status_t status =
      ee_compiler_read_all(allocator, STDIN_FILENO, "standard input", &block, err);
  if (status) return status;
  status =
      eerie_compiler_source_create(session, "<stdin>", block.data, block.size, out_source, err);
  ee_block_free(allocator, &block);
  return status;
}

eerie_status_t eerie_compiler_source_open_file(eerie_compiler_session_t *session, const char *path,
                                               eerie_compiler_source_t **out_source,
                                               eerie_error_t *err) {
  *out_source = NULL;
  if (strcmp(path, "-") == 0) return source_read_input(session, out_source, err);
  eerie_status_t status = source_check_path(path, err);
  if (status) return status;
  eerie_compiler_source_t *source = source_allocate(session);
  if (!source) return source_no_memory(err);
  ee_session_enter(session);
  iree_compiler_error_t *error = ee_library.api.source_open(session->handle, path, &source->handle);
  status = ee_library_take_error(error, path, err);
  ee_session_leave(session);
  if (status)
    eerie_compiler_source_release(source);
  else
    *out_source = source;
  return status;
}

typedef struct source_splitter {
  eerie_compiler_session_t *session;
  void (*on_part)(void *user, eerie_compiler_source_t *take_part);
  void *user;
  bool out_of_memory;
} source_splitter_t;

static void source_on_part(iree_compiler_source_t *handle, void *user) {
  source_splitter_t *splitter = user;
  eerie_compiler_source_t *part =
      splitter->out_of_memory ? NULL : source_allocate(splitter->session);
  if (!part) {
    splitter->out_of_memory = true;
    ee_library.api.source_destroy(handle);
    return;
  }
  part->handle = handle;
  splitter->on_part(splitter->user, part);
}

eerie_status_t eerie_compiler_source_split(eerie_compiler_source_t *source,
                                           void (*on_part)(void *user,
                                                           eerie_compiler_source_t *take_part),
                                           void *user, eerie_error_t *err) {
  source_splitter_t splitter = {source->session, on_part, user, false};
  ee_session_enter(source->session);
  iree_compiler_error_t *error =
      ee_library.api.source_split(source->handle, source_on_part, &splitter);
  const eerie_status_t status = ee_library_take_error(error, "splitting a source", err);
  ee_session_leave(source->session);
  if (!status && splitter.out_of_memory) return source_no_memory(err);
  return status;
}
