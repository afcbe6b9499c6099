// thread.c: the clock, locks with a condition, threads, words to sleep on.
#define _GNU_SOURCE // pthread_setaffinity_np, syscall

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__)
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#endif

#include "port/port.h"

int64_t ee_port_time_ns(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#if EERIE_THREADS

// Where the C library sets memory aside for libraries that come later (glibc does), reading the
// number is one instruction and no call.
#if defined(__GLIBC__)
#define TLS_MODEL __attribute__((tls_model("initial-exec")))
#else
#define TLS_MODEL
#endif

static _Atomic uint32_t numbered_threads;
static _Thread_local TLS_MODEL uint32_t own_number;

uint32_t ee_port_thread_number(void) {
  if (EE_UNLIKELY(!own_number)) {
    own_number =
        (uint32_t)atomic_fetch_add_explicit(&numbered_threads, 1u, memory_order_relaxed) + 1;
  }
  return own_number;
}

void ee_port_pause(int64_t ns) {
  const struct timespec duration = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
  (void)nanosleep(&duration, NULL);
}

typedef struct posix_monitor {
  pthread_mutex_t mutex;
  pthread_cond_t condition;
} posix_monitor_t;
_Static_assert(sizeof(posix_monitor_t) <= sizeof(ee_port_monitor_t), "a monitor needs more room");

static posix_monitor_t *of(ee_port_monitor_t *monitor) {
  return (posix_monitor_t *)monitor;
}

void ee_port_monitor_initialize(ee_port_monitor_t *monitor) {
  (void)pthread_mutex_init(&of(monitor)->mutex, NULL);
  pthread_condattr_t attributes;
  (void)pthread_condattr_init(&attributes);
#if !defined(__APPLE__) // which has no monotonic conditions; see the wait below
  (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
#endif
  (void)pthread_cond_init(&of(monitor)->condition, &attributes);
  (void)pthread_condattr_destroy(&attributes);
}

void ee_port_monitor_destroy(ee_port_monitor_t *monitor) {
  (void)pthread_cond_destroy(&of(monitor)->condition);
  (void)pthread_mutex_destroy(&of(monitor)->mutex);
}

void ee_port_monitor_lock(ee_port_monitor_t *monitor) {
  (void)pthread_mutex_lock(&of(monitor)->mutex);
}

void ee_port_monitor_unlock(ee_port_monitor_t *monitor) {
  (void)pthread_mutex_unlock(&of(monitor)->mutex);
}

bool ee_port_monitor_wait(ee_port_monitor_t *monitor, int64_t deadline_ns) {
  if (deadline_ns == INT64_MAX) {
    return pthread_cond_wait(&of(monitor)->condition, &of(monitor)->mutex) == 0;
  }
  const int64_t now = ee_port_time_ns();
  if (deadline_ns <= now) return false;
#if defined(__APPLE__)
  const int64_t rest = deadline_ns - now;
  struct timespec until;
  (void)clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += (time_t)(rest / 1000000000);
  until.tv_nsec += (long)(rest % 1000000000);
  if (until.tv_nsec >= 1000000000) {
    until.tv_nsec -= 1000000000;
    ++until.tv_sec;
  }
#else
  const struct timespec until = {.tv_sec = (time_t)(deadline_ns / 1000000000),
                                 .tv_nsec = (long)(deadline_ns % 1000000000)};
#endif
  return pthread_cond_timedwait(&of(monitor)->condition, &of(monitor)->mutex, &until) == 0;
}

void ee_port_monitor_notify_all(ee_port_monitor_t *monitor) {
  (void)pthread_cond_broadcast(&of(monitor)->condition);
}

// ---- Threads -----------------------------------------------------------------------------------

// Kernels take their large memory from elsewhere; functions of the program that a kernel calls may
// want some. Only what is touched becomes memory.
#define STACK_SIZE ((size_t)2 * 1024 * 1024)

typedef struct posix_thread {
  pthread_t handle;
  void (*function)(void *);
  void *argument;
  char name[16]; // all that Linux keeps
} posix_thread_t;
_Static_assert(sizeof(posix_thread_t) <= sizeof(ee_port_thread_t), "a thread needs more room");

static void *thread_main(void *argument) {
  const posix_thread_t *thread = argument;
#if defined(__linux__)
  (void)pthread_setname_np(pthread_self(), thread->name);
#endif
  thread->function(thread->argument);
  return NULL;
}

eerie_status_t ee_port_thread_start(void (*function)(void *), void *argument, const char *name,
                                    ee_port_thread_t *out_thread, eerie_error_t *err) {
  posix_thread_t *thread = (posix_thread_t *)out_thread;
  *thread = (posix_thread_t){.function = function, .argument = argument};
  const size_t length = strlen(name);
  memcpy(thread->name, name, length < sizeof thread->name ? length : sizeof thread->name - 1);
  pthread_attr_t attributes;
  (void)pthread_attr_init(&attributes);
  (void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
  // Signals are the program's business: a new thread takes over what is blocked here.
  sigset_t all, before;
  (void)sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = pthread_create(&thread->handle, &attributes, thread_main, thread);
  (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
  (void)pthread_attr_destroy(&attributes);
  if (error == 0) return EERIE_OK;
  return EE_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "the system starts no thread (error %d)", error);
}

void ee_port_thread_join(ee_port_thread_t *thread) {
  (void)pthread_join(((posix_thread_t *)thread)->handle, NULL);
}

void ee_port_thread_detach(ee_port_thread_t *thread) {
  (void)pthread_detach(((posix_thread_t *)thread)->handle);
}

bool ee_port_thread_is_self(const ee_port_thread_t *thread) {
  return pthread_equal(((const posix_thread_t *)thread)->handle, pthread_self()) != 0;
}

bool ee_port_thread_pin(uint32_t cpu) {
#if defined(__linux__)
  if (cpu >= CPU_SETSIZE) return false;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return pthread_setaffinity_np(pthread_self(), sizeof set, &set) == 0;
#else
  (void)cpu;
  return false;
#endif
}

uint64_t ee_port_process_id(void) {
  return (uint64_t)getpid();
}

#if defined(__linux__)
void ee_port_word_wait(_Atomic uint32_t *word, uint32_t expected) {
  (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
}

void ee_port_word_wake(_Atomic uint32_t *word, uint32_t count) {
  (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count > INT32_MAX ? INT32_MAX : count, NULL,
                NULL, 0);
}
#else
// One lock for all words.
static pthread_mutex_t word_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t word_condition = PTHREAD_COND_INITIALIZER;

void ee_port_word_wait(_Atomic uint32_t *word, uint32_t expected) {
  (void)pthread_mutex_lock(&word_mutex);
  if (*word == expected) (void)pthread_cond_wait(&word_condition, &word_mutex);
  (void)pthread_mutex_unlock(&word_mutex);
}

void ee_port_word_wake(_Atomic uint32_t *word, uint32_t count) {
  (void)word, (void)count;
  (void)pthread_mutex_lock(&word_mutex);
  (void)pthread_cond_broadcast(&word_condition);
  (void)pthread_mutex_unlock(&word_mutex);
}
#endif

void ee_port_relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
  __asm__ volatile("yield" ::: "memory");
#endif
}

#else
#include "port/no_threads.h"
#endif
