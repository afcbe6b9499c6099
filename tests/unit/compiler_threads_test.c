// Several sessions from several threads, and one session from several threads.
#define _GNU_SOURCE

#include <pthread.h>

#include "unit/compiler_support.h"

enum { THREADS = 4 };

typedef struct job {
  int number;
  eerie_compiler_session_t *session; // NULL: its own
  heard_t heard;
  eerie_status_t status;
  eerie_error_t err;
  size_t size;
} job_t;

// Each thread has another error in another line, so that a mix-up shows.
static void *refuse_a_source(void *user) {
  job_t *job = user;
  char source[512], name[32];
  const int length = snprintf(source, sizeof source, "%.*sfunc.func @f() { toast.make%d }\n",
                              job->number, "\n\n\n\n\n\n\n\n", job->number);
  snprintf(name, sizeof name, "t%d.mlir", job->number);
  for (int round = 0; round < 5 && !job->status; ++round) {
    eerie_compiler_source_t *piece = NULL;
    eerie_compiler_invocation_t *invocation = NULL;
    memset(&job->heard, 0, sizeof job->heard);
    job->status =
        eerie_compiler_source_create(job->session, name, source, (size_t)length, &piece, &job->err);
    if (!job->status)
      job->status = eerie_compiler_invocation_create(
          job->session,
          &(eerie_compiler_invocation_options_t){.on_diagnostic = hear_diagnostic,
                                                 .user = &job->heard},
          &invocation, &job->err);
    if (!job->status &&
        eerie_compiler_invocation_parse(invocation, piece, &job->err) != EERIE_INVALID_ARGUMENT)
      job->status = EERIE_UNKNOWN;
    if (strcmp(job->heard.file, name) != 0 || job->heard.line != (uint32_t)job->number + 1)
      job->status = EERIE_INTERNAL;
    eerie_compiler_invocation_release(invocation);
    eerie_compiler_source_release(piece);
  }
  return NULL;
}

// The first compile forks a child while the other threads run. The C library's allocator takes care
// of its locks then; gcc 12's address sanitizer does not, and a child hangs in its first allocation
// where a thread was just given its first memory. So each thread has some before any compiles.
static pthread_barrier_t all_have_memory;

static void take_memory(void) {
  for (size_t size = 16; size <= 8192; size += size < 512 ? 16 : 512) {
    void *volatile memory = malloc(size);
    free(memory);
  }
  pthread_barrier_wait(&all_have_memory);
}

static void *compile_a_module(void *user) {
  job_t *job = user;
  take_memory();
  eerie_compiler_output_t *output = NULL;
  job->status =
      eerie_compiler_compile(compiler,
                             &(eerie_compile_options_t){.source = multiply_source,
                                                        .source_size = sizeof multiply_source - 1,
                                                        .target = job->number % 2 ? "host" : "vmvx",
                                                        .on_diagnostic = hear_diagnostic,
                                                        .user = &job->heard},
                             &output, &job->err);
  const void *data;
  if (!job->status) job->status = eerie_compiler_output_map(output, &data, &job->size, &job->err);
  eerie_compiler_output_release(output);
  return NULL;
}

static void run_threads(job_t *jobs, void *(*work)(void *)) {
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; ++i) {
    jobs[i].number = i;
    REQUIRE(pthread_create(&threads[i], NULL, work, &jobs[i]) == 0);
  }
  for (int i = 0; i < THREADS; ++i)
    pthread_join(threads[i], NULL);
  for (int i = 0; i < THREADS; ++i)
    if (!CHECK_OK(jobs[i].status)) fprintf(stderr, "thread %d: %s\n", i, jobs[i].err.message);
}

static void compile_side_by_side(void) {
  job_t jobs[THREADS] = {{0}};
  pthread_barrier_init(&all_have_memory, NULL, THREADS);
  run_threads(jobs, compile_a_module);
  pthread_barrier_destroy(&all_have_memory);
  CHECK(jobs[0].size > 0 && jobs[0].size == jobs[2].size);
  CHECK(jobs[1].size > 0 && jobs[1].size == jobs[3].size);
}

static void share_a_session(void) {
  eerie_compiler_session_t *session = NULL;
  REQUIRE_OK(eerie_compiler_session_create(compiler, &session, NULL));
  job_t jobs[THREADS] = {{0}};
  for (int i = 0; i < THREADS; ++i)
    jobs[i].session = session;
  run_threads(jobs, refuse_a_source);
  eerie_compiler_session_release(session);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {RUN(compile_side_by_side), RUN(share_a_session)};
  if (!open_compiler()) return 77;
  const int result = check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
  eerie_compiler_release(compiler);
  return result;
}
