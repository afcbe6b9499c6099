// thread.c: the clock, and locks with a condition.
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <time.h>

#include "port/port.h"

int64_t ee_port_time_ns(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#if EERIE_THREADS

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

#else
#include "port/no_threads.h"
#endif
