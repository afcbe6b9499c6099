// child.c: work in a forked process, for a compiler that may take its process down.
//
//   parent                       child
//     |<-- frames: u8 type, u32 size, bytes --|   its own pipe, close-on-exec
//     |<-- text ------------------------------|   standard output and error, also of tools it runs
//
// The child is forked without exec. That is sound because nobody is inside the compiler at that
// moment (the fork lock), the C library makes its own locks usable in the child, and the child
// takes memory from malloc, never from the caller's allocator. It leaves with _exit, so that
// nothing the program registered with atexit runs twice and no buffered output is written twice.
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include "internal.h"

enum {
  CHILD_EXIT_OF_COMPILER = 119, // something in the child called exit()
  CHILD_FRAME_LIMIT = 64 << 20,
};

typedef struct child_frame_header {
  uint8_t type;
  uint8_t reserved[3];
  uint32_t size;
} child_frame_header_t;

bool ee_child_send(int frame_fd, uint8_t type, const void *a, size_t a_size, const void *b,
                   size_t b_size) {
  if (a_size > CHILD_FRAME_LIMIT || b_size > CHILD_FRAME_LIMIT - a_size) return false;
  const child_frame_header_t header = {.type = type, .size = (uint32_t)(a_size + b_size)};
  return ee_compiler_write_all(frame_fd, &header, sizeof header) &&
         ee_compiler_write_all(frame_fd, a, a_size) && ee_compiler_write_all(frame_fd, b, b_size);
}

static void child_leave(void) {
  _exit(CHILD_EXIT_OF_COMPILER);
}

static void child_limit_memory(uint64_t bytes) {
  struct rlimit limit = {.rlim_cur = 0, .rlim_max = 0};
  setrlimit(RLIMIT_CORE, &limit); // a crash of the compiler is expected here, a core file is not
  if (!bytes) return;
  limit.rlim_cur = limit.rlim_max = (rlim_t)bytes;
  setrlimit(RLIMIT_AS, &limit);
}

static void child_main(const ee_child_job_t *job, int frame_fd, int text_fd) {
  setpgid(0, 0); // so that tools it starts can be ended with it
#if defined(__linux__)
  prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
  // Handlers of the parent mean nothing here; a crash must look like one.
  static const int signals[] = {SIGSEGV, SIGBUS,  SIGILL,  SIGFPE,  SIGABRT, SIGTRAP,
                                SIGINT,  SIGTERM, SIGPIPE, SIGALRM, SIGCHLD};
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; ++i)
    signal(signals[i], SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, NULL);
  dup2(text_fd, STDOUT_FILENO);
  dup2(text_fd, STDERR_FILENO);
  ee_library_enter_child();
  child_limit_memory(job->memory_limit);
  atexit(child_leave);
  job->work(job->context, frame_fd);
  _exit(0);
}

typedef struct child_reader {
  const eerie_allocator_t *allocator;
  char *data;
  size_t size, capacity;
} child_reader_t;

static bool child_reader_room(child_reader_t *reader, size_t more) {
  if (more <= reader->capacity - reader->size) return true;
  size_t capacity = reader->capacity ? reader->capacity : 4096;
  while (capacity - reader->size < more)
    capacity *= 2; // bounded by CHILD_FRAME_LIMIT
  char *data = ee_compiler_resize(reader->allocator, reader->data, reader->capacity, capacity);
  if (!data) return false;
  reader->data = data;
  reader->capacity = capacity;
  return true;
}

// Hands on every whole frame; false when the stream makes no sense.
static bool child_take_frames(child_reader_t *reader, const ee_child_job_t *job) {
  size_t at = 0;
  child_frame_header_t header;
  while (reader->size - at >= sizeof header) {
    memcpy(&header, reader->data + at, sizeof header);
    if (header.size > CHILD_FRAME_LIMIT) return false;
    if (reader->size - at - sizeof header < header.size) break;
    if (job->on_frame)
      job->on_frame(job->user, header.type, reader->data + at + sizeof header, header.size);
    at += sizeof header + header.size;
  }
  if (at) {
    memmove(reader->data, reader->data + at, reader->size - at);
    reader->size -= at;
  }
  return true;
}

// Each reads once and returns false at the end of the stream, or when there is no going on.
static bool child_read_frames(int fd, child_reader_t *reader, const ee_child_job_t *job) {
  if (!child_reader_room(reader, 4096)) return false;
  const ssize_t got = read(fd, reader->data + reader->size, reader->capacity - reader->size);
  if (got < 0) return errno == EINTR || errno == EAGAIN;
  if (got == 0) return false;
  reader->size += (size_t)got;
  return child_take_frames(reader, job);
}

static bool child_read_text(int fd, const ee_child_job_t *job, ee_child_result_t *result) {
  char buffer[4096];
  const ssize_t got = read(fd, buffer, sizeof buffer);
  if (got < 0) return errno == EINTR || errno == EAGAIN;
  if (got == 0) return false;
  size_t keep = sizeof result->printed - 1 - result->printed_size;
  if (keep > (size_t)got) keep = (size_t)got;
  memcpy(result->printed + result->printed_size, buffer, keep);
  result->printed_size += keep;
  result->printed[result->printed_size] = 0;
  if (job->on_output) job->on_output(job->user, buffer, (size_t)got);
  return true;
}

static void child_end(pid_t pid) {
  kill(-pid, SIGKILL); // fails when the child has not come to setpgid yet
  kill(pid, SIGKILL);
}

static void child_reap(pid_t pid, ee_child_result_t *result) {
  int state = 0;
  pid_t got;
  do
    got = waitpid(pid, &state, 0);
  while (got < 0 && errno == EINTR);
  if (got < 0) // the program ignores SIGCHLD: the kernel has kept nothing
    result->exit_code = CHILD_EXIT_OF_COMPILER;
  else if (WIFSIGNALED(state))
    result->signal = WTERMSIG(state);
  else
    result->exit_code = WEXITSTATUS(state);
}

// Listens until the child is gone. The frame pipe closes with the child itself; the text pipe may
// be held open by a tool that it started and that outlives it.
static void child_listen(pid_t pid, int frame_fd, int text_fd, const ee_child_job_t *job,
                         child_reader_t *reader, ee_child_result_t *result) {
  const uint64_t deadline = job->time_limit_ms ? ee_compiler_now_ms() + job->time_limit_ms : 0;
  bool frames_open = true, text_open = true, reaped = false;
  while (frames_open || text_open) {
    int wait_ms = -1;
    if (deadline && !reaped) {
      const uint64_t now = ee_compiler_now_ms();
      if (now >= deadline) {
        result->timed_out = true;
        break;
      }
      wait_ms = deadline - now > 60000 ? 60000 : (int)(deadline - now);
    }
    struct pollfd fds[2] = {{.fd = frames_open ? frame_fd : -1, .events = POLLIN},
                            {.fd = text_open ? text_fd : -1, .events = POLLIN}};
    if (poll(fds, 2, wait_ms) < 0 && errno != EINTR) break;
    if (fds[1].revents) text_open = child_read_text(text_fd, job, result);
    if (fds[0].revents) frames_open = child_read_frames(frame_fd, reader, job);
    if (!frames_open && !reaped) {
      reaped = true;
      child_reap(pid, result);
      kill(-pid, SIGKILL);
    }
  }
  if (reaped) return;
  child_end(pid);
  child_reap(pid, result);
}

static pid_t child_fork(const ee_child_job_t *job, const int frames[2], const int text[2]) {
  if (!job->library_locked) pthread_mutex_lock(&ee_library.mutex);
  pthread_rwlock_wrlock(&ee_library.fork_lock);
  const pid_t pid = fork();
  if (pid == 0) {
    close(frames[0]);
    close(text[0]);
    child_main(job, frames[1], text[1]);
  }
  pthread_rwlock_unlock(&ee_library.fork_lock);
  if (!job->library_locked) pthread_mutex_unlock(&ee_library.mutex);
  return pid;
}

static bool child_pipe(int fds[2]) {
#if defined(__linux__)
  return pipe2(fds, O_CLOEXEC) == 0;
#else
  if (pipe(fds) != 0) return false;
  fcntl(fds[0], F_SETFD, FD_CLOEXEC);
  fcntl(fds[1], F_SETFD, FD_CLOEXEC);
  return true;
#endif
}

eerie_status_t ee_child_run(const eerie_allocator_t *allocator, const ee_child_job_t *job,
                            ee_child_result_t *out_result, eerie_error_t *err) {
  *out_result = (ee_child_result_t){0};
  int frames[2], text[2];
  if (!child_pipe(frames))
    return EE_COMPILER_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "cannot create a pipe: %s",
                            strerror(errno));
  if (!child_pipe(text)) {
    const int error = errno;
    close(frames[0]);
    close(frames[1]);
    return EE_COMPILER_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "cannot create a pipe: %s",
                            strerror(error));
  }
  const pid_t pid = child_fork(job, frames, text);
  const int error = errno;
  close(frames[1]);
  close(text[1]);
  if (pid > 0) {
    child_reader_t reader = {.allocator = allocator};
    child_listen(pid, frames[0], text[0], job, &reader, out_result);
    if (reader.data) ee_compiler_resize(allocator, reader.data, reader.capacity, 0);
  }
  close(frames[0]);
  close(text[0]);
  if (pid < 0)
    return EE_COMPILER_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "cannot fork: %s", strerror(error));
  return EERIE_OK;
}

const char *ee_child_last_words(const ee_child_result_t *result, char *buffer, size_t capacity) {
  static const char *const marks[] = {"LLVM ERROR:", "FATAL ERROR:", "Assertion `", "what():"};
  const char *from = NULL;
  for (size_t i = 0; !from && i < sizeof marks / sizeof marks[0]; ++i)
    from = strstr(result->printed, marks[i]);
  if (!from) from = result->printed + strspn(result->printed, "\r\n \t");
  // LLVM's parser of flags: "eerie: Unknown ... '--x'.  Try: 'eerie --help'", where eerie is the
  // name that it was given for the program.
  if (strncmp(from, "eerie: ", 7) == 0) from += 7;
  size_t length = strcspn(from, "\r\n");
  for (size_t i = 0; i + 6 < length; ++i)
    if (memcmp(from + i, "  Try:", 6) == 0) length = i;
  if (length >= capacity) length = capacity - 1;
  memcpy(buffer, from, length);
  buffer[length] = 0;
  return buffer;
}
