// later.c: tasks in a row, and the threads that run them.
#include "drivers/cpu/later.h"

#if EERIE_THREADS

typedef struct runner {
  ee_later_t *later;
  ee_port_thread_t thread;
  uint32_t number;  // ee_port_thread_number of it, 0: it has not begun
  uint64_t current; // the task that it runs, 0: none
} runner_t;

struct ee_later {
  ee_port_monitor_t monitor; // guards all that changes
  ee_heap_t *heap;
  size_t size;
  uint64_t process;
  ee_hal_task_t *first;
  ee_hal_task_t *last;
  uint64_t posted; // tasks so far; the number of the last
  uint64_t begun;
  uint64_t chained; // the last that came from a task
  uint32_t idle;
  uint32_t settling; // who waits in ee_later_settle
  bool stop;
  bool abandoned; // the thread that destroys it is one of its own
  uint32_t started;
  uint32_t threads;
  runner_t runners[];
};

ee_later_t *ee_later_create(ee_heap_t *heap, uint32_t threads) {
  const size_t size = sizeof(ee_later_t) + threads * sizeof(runner_t);
  ee_later_t *later = ee_heap_allocate_zeroed(heap, size);
  if (!later) return NULL;
  later->heap = heap;
  later->size = size;
  later->process = ee_port_process_id();
  later->threads = threads;
  ee_port_monitor_initialize(&later->monitor);
  return later;
}

static void later_free(ee_later_t *later) {
  ee_port_monitor_destroy(&later->monitor);
  ee_heap_free(later->heap, later, later->size);
}

// The runner that this thread is; NULL: none. With the lock held.
static runner_t *own_runner(ee_later_t *later) {
  const uint32_t number = ee_port_thread_number();
  for (uint32_t i = 0; i < later->started; ++i) {
    if (later->runners[i].number == number) return &later->runners[i];
  }
  return NULL;
}

// The next task; NULL: it is time to end. With the lock held.
static ee_hal_task_t *next_task(ee_later_t *later, runner_t *runner) {
  while (!later->first && !later->stop) {
    ++later->idle;
    (void)ee_port_monitor_wait(&later->monitor, INT64_MAX);
    --later->idle;
  }
  ee_hal_task_t *task = later->first;
  if (!task) return NULL;
  later->first = task->next;
  if (!later->first) later->last = NULL;
  runner->current = ++later->begun;
  return task;
}

static void runner_main(void *argument) {
  runner_t *runner = argument;
  ee_later_t *later = runner->later;
  ee_port_monitor_lock(&later->monitor);
  runner->number = ee_port_thread_number();
  for (ee_hal_task_t *task; (task = next_task(later, runner)) != NULL;) {
    ee_port_monitor_unlock(&later->monitor);
    ee_port_float_adopt(task->float_mode);
    task->run(task);
    ee_port_monitor_lock(&later->monitor);
    runner->current = 0;
    if (later->settling) ee_port_monitor_notify_all(&later->monitor);
  }
  const bool own = later->abandoned && runner == own_runner(later);
  ee_port_monitor_unlock(&later->monitor);
  if (own) later_free(later);
}

// With the lock held. An idle thread may be on its way to an earlier task.
static bool start_one(ee_later_t *later) {
  if (later->posted - later->begun <= later->idle || later->started == later->threads) return true;
  runner_t *runner = &later->runners[later->started];
  runner->later = later;
  char name[16];
  (void)ee_format(name, sizeof name, "eerie-later-%u", later->started + 1);
  if (ee_port_thread_start(runner_main, runner, name, &runner->thread, NULL) == EERIE_OK) {
    ++later->started;
  }
  return later->started > 0;
}

bool ee_later_post(ee_later_t *later, ee_hal_task_t *task) {
  if (later->process != ee_port_process_id()) return false; // a fork has none of the threads
  task->next = NULL;
  task->float_mode = ee_port_float_mode();
  ee_port_monitor_lock(&later->monitor);
  ++later->posted;
  const bool posted = start_one(later);
  if (!posted) {
    --later->posted;
  } else {
    if (later->last) {
      later->last->next = task;
    } else {
      later->first = task;
    }
    later->last = task;
    if (own_runner(later)) later->chained = later->posted;
    if (later->idle) ee_port_monitor_notify_all(&later->monitor);
  }
  ee_port_monitor_unlock(&later->monitor);
  return posted;
}

// With the lock held: is a task up to number `last` not over?
static bool is_busy(const ee_later_t *later, uint64_t last) {
  if (later->begun < last) return true;
  for (uint32_t i = 0; i < later->started; ++i) {
    const uint64_t current = later->runners[i].current;
    if (current && current <= last) return true;
  }
  return false;
}

void ee_later_settle(ee_later_t *later) {
  if (later->process != ee_port_process_id()) return;
  ee_port_monitor_lock(&later->monitor);
  if (!own_runner(later)) {
    const uint64_t last = later->posted;
    ++later->settling;
    while (is_busy(later, last > later->chained ? last : later->chained))
      (void)ee_port_monitor_wait(&later->monitor, INT64_MAX);
    --later->settling;
  }
  ee_port_monitor_unlock(&later->monitor);
}

void ee_later_destroy(ee_later_t *later) {
  if (!later) return;
  // A forked process has none of the threads, and cannot tell who held the lock.
  if (later->process != ee_port_process_id()) {
    ee_heap_free(later->heap, later, later->size);
    return;
  }
  ee_port_monitor_lock(&later->monitor);
  const runner_t *own = own_runner(later);
  later->stop = true;
  later->abandoned = own != NULL;
  const uint32_t started = later->started;
  ee_port_monitor_notify_all(&later->monitor);
  ee_port_monitor_unlock(&later->monitor);
  for (uint32_t i = 0; i < started; ++i) {
    if (&later->runners[i] == own) {
      ee_port_thread_detach(&later->runners[i].thread);
    } else {
      ee_port_thread_join(&later->runners[i].thread);
    }
  }
  if (!own) later_free(later);
}

#endif
