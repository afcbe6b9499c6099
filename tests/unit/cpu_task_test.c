// Tests of runtime/drivers/cpu/workers.c, task.c, cost.c and topology.c: work over several threads.
#define _DEFAULT_SOURCE // mkdtemp
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drivers/cpu/cost.h"
#include "drivers/cpu/workers.h"
#include "unit/hal_support.h"

// ---- Workers -----------------------------------------------------------------------------------

static ee_workers_t *make_workers(fixture_t *f, uint32_t threads, uint32_t spin_us) {
  ee_workers_t *workers = NULL;
  const ee_workers_plan_t plan = {.threads = threads, .spin_us = spin_us};
  CHECK_OK(ee_workers_create(&f->heap, &plan, &workers, NULL));
  return workers;
}

enum { UNITS = 1000 };

typedef struct marks {
  atomic_uint done[UNITS];
  atomic_uint work; // keeps loops from being left out
} marks_t;

static void spend(marks_t *marks, unsigned turns) {
  for (unsigned i = 0; i < turns; ++i)
    atomic_fetch_add_explicit(&marks->work, 1, memory_order_relaxed);
}

// Uneven: some units take a thousand times as long as others.
static void mark(void *user, uint32_t unit, ee_participant_t *participant) {
  marks_t *marks = user;
  (void)participant;
  spend(marks, unit % 100 == 0 ? 5000 : 5);
  atomic_fetch_add(&marks->done[unit], 1);
}

static void run_job(ee_workers_t *workers, marks_t *marks, uint32_t units, uint32_t wake) {
  ee_job_t *job = ee_workers_enter(workers);
  ee_participant_t caller = {0};
  if (!job) { // as many callers as threads: here, then
    for (uint32_t i = 0; i < units; ++i)
      mark(marks, i, &caller);
    return;
  }
  ee_workers_run(job, units, mark, marks, &caller, ee_port_float_mode(), wake);
  ee_workers_leave(job);
}

static void every_unit_is_done_once(void) {
  static const uint32_t threads[] = {1, 2, 3, 8};
  static const uint32_t spins[] = {0, 20};
  for (size_t t = 0; t < 4; ++t) {
    for (size_t s = 0; s < 2; ++s) {
      fixture_t f;
      fixture_heap(&f);
      ee_workers_t *workers = make_workers(&f, threads[t], spins[s]);
      if (!workers) continue;
      marks_t *marks = calloc(1, sizeof *marks);
      unsigned rounds = 0;
      for (uint32_t units = 1; units <= UNITS; units = units * 3 + 1, ++rounds)
        run_job(workers, marks, units, 8);
      CHECK_EQ_INT(atomic_load(&marks->done[0]), rounds);
      CHECK_EQ_INT(atomic_load(&marks->done[1]), rounds - 1);
      free(marks);
      ee_workers_release(workers);
      CHECK_EQ_INT(atomic_load(&f.live), 0);
    }
  }
}

typedef struct caller {
  pthread_t thread;
  ee_workers_t *workers;
  marks_t *marks;
  unsigned rounds;
} caller_t;

static void *call_often(void *user) {
  caller_t *caller = user;
  for (unsigned i = 0; i < caller->rounds; ++i)
    run_job(caller->workers, caller->marks, 1 + i % UNITS, i % 3);
  return NULL;
}

static void callers_share_the_workers(void) {
  enum { CALLERS = 6, ROUNDS = 300 };
  fixture_t f;
  fixture_heap(&f);
  ee_workers_t *workers = make_workers(&f, 4, 5);
  if (!workers) return;
  caller_t callers[CALLERS];
  for (size_t i = 0; i < CALLERS; ++i) {
    callers[i] = (caller_t){.workers = workers, .rounds = ROUNDS};
    callers[i].marks = calloc(1, sizeof(marks_t));
    (void)pthread_create(&callers[i].thread, NULL, call_often, &callers[i]);
  }
  for (size_t i = 0; i < CALLERS; ++i) {
    (void)pthread_join(callers[i].thread, NULL);
    for (unsigned u = 0; u < ROUNDS; ++u)
      CHECK_EQ_INT(atomic_load(&callers[i].marks->done[u]), ROUNDS - u);
    free(callers[i].marks);
  }
  ee_workers_release(workers);
  CHECK_EQ_INT(atomic_load(&f.live), 0);
}

typedef struct nest {
  ee_workers_t *workers;
  marks_t marks;
} nest_t;

static void run_inner(void *user, uint32_t unit, ee_participant_t *participant) {
  nest_t *nest = user;
  (void)unit, (void)participant;
  run_job(nest->workers, &nest->marks, 50, 3);
}

static void a_unit_may_be_a_caller(void) {
  fixture_t f;
  fixture_heap(&f);
  nest_t *nest = calloc(1, sizeof *nest);
  nest->workers = make_workers(&f, 3, 10);
  for (int i = 0; nest->workers && i < 20; ++i) {
    ee_job_t *job = ee_workers_enter(nest->workers);
    ee_participant_t caller = {0};
    ee_workers_run(job, 20, run_inner, nest, &caller, ee_port_float_mode(), 3);
    ee_workers_leave(job);
  }
  CHECK_EQ_INT(atomic_load(&nest->marks.done[49]), 400);
  ee_workers_release(nest->workers);
  CHECK_EQ_INT(atomic_load(&f.live), 0);
  free(nest);
}

static void start_and_stop_at_once(void) {
  fixture_t f;
  fixture_heap(&f);
  for (uint32_t i = 0; i < 50; ++i) {
    ee_workers_t *workers = make_workers(&f, 1 + i % 5, i % 2 ? 0 : 100);
    ee_workers_release(workers);
  }
  CHECK_EQ_INT(atomic_load(&f.live), 0);
  f.fail_at = atomic_load(&f.allocations) + 1;
  ee_workers_t *workers = NULL;
  const ee_workers_plan_t plan = {.threads = 2};
  CHECK_STATUS(ee_workers_create(&f.heap, &plan, &workers, NULL), EERIE_RESOURCE_EXHAUSTED);
  CHECK_EQ_INT(atomic_load(&f.live), 0);
}

static void sharing_pays_for_large_work_only(void) {
  fixture_t f;
  fixture_heap(&f);
  ee_workers_t *workers = make_workers(&f, 2, 0);
  uint32_t wake = 7;
  CHECK(!ee_workers_pay(workers, 0, &wake));
  CHECK(!ee_workers_pay(workers, 1000, &wake));
  CHECK_EQ_INT(wake, 0);
  CHECK(ee_workers_pay(workers, 100000000, &wake)); // awake still, or woken
  // Where it was slower than alone it is not tried for a while, and again after that.
  ee_workers_judge(workers, 1000, 10000000);
  CHECK(!ee_workers_pay(workers, 100000000, &wake));
  (void)usleep(5000);
  CHECK(ee_workers_pay(workers, 100000000, &wake));
  ee_workers_judge(workers, 10000000, 1000);
  CHECK(ee_workers_pay(workers, 100000000, &wake));
  ee_workers_release(workers);
}

// ---- The device --------------------------------------------------------------------------------

enum { COUNT = 256 };

// Marks its workgroup in binding 0, after some work; fails at the workgroups that constants 0 and 1
// name.
static EE_CPU_KERNEL int count_kernel(const ee_cpu_environment_t *environment,
                                      const ee_cpu_dispatch_state_t *state,
                                      const ee_cpu_workgroup_state_t *workgroup) {
  (void)environment;
  const uint32_t id = workgroup->id_x +
                      state->workgroup_count_x *
                          (workgroup->id_y + state->workgroup_count_y * (uint32_t)workgroup->id_z);
  volatile uint32_t sum = 0;
  for (uint32_t i = 0; i < 20000; ++i)
    sum = sum + i;
  if (workgroup->local_memory_size) memset(workgroup->local_memory, (int)id & 0xFF, 4096);
  ((uint32_t *)state->bindings[0])[id] += id + 1;
  if (workgroup->local_memory_size &&
      ((uint8_t *)workgroup->local_memory)[4095] != (uint8_t)(id & 0xFF)) {
    return 99; // somebody else's hands
  }
  if (id == state->constants[0] || id == state->constants[1]) return (int)(1000 + id);
  return 0;
}

static const ee_cpu_kernel_t task_kernels[] = {count_kernel};
static const ee_cpu_kernel_attributes_t task_attributes[] = {
    {.local_memory_pages = 1, .constant_count = 2, .binding_count = 1}};
static const char *const task_names[] = {"count"};
static const ee_cpu_library_header_t task_header = {.version = EE_CPU_LIBRARY_VERSION};
static const ee_cpu_library_t task_library = {
    .header = &task_header,
    .exports = {.count = 1,
                .kernels = task_kernels,
                .attributes = task_attributes,
                .names = task_names},
};

static void open_task(fixture_t *f, const ee_hal_device_options_t *options) {
  fixture_heap(f);
  CHECK_OK(ee_hal_drivers[0]->device_open_with(&f->heap, EE_STR("local-task"), options, &f->device,
                                               NULL));
}

// The costs that the driver would have made room for; zeroed, freed with the executable.
static ee_hal_executable_t *make_task_executable(fixture_t *f) {
  ee_hal_executable_t *base = make_executable(f, &task_library);
  ((ee_cpu_executable_t *)base)->costs = ee_heap_allocate_zeroed(&f->heap, sizeof(ee_cpu_cost_t));
  return base;
}

static eerie_status_t record_counts(ee_hal_command_list_t *list, ee_hal_executable_t *executable,
                                    ee_hal_buffer_t *buffer, const uint32_t bad[2],
                                    uint32_t dispatches, bool barriers) {
  const ee_hal_binding_t binding = whole(buffer);
  for (uint32_t i = 0; i < dispatches; ++i) {
    const ee_hal_binding_t piece = part(buffer, (uint64_t)i * COUNT * 4, COUNT * 4);
    const ee_hal_command_t command = {
        .kind = EE_HAL_COMMAND_DISPATCH,
        .executable = executable,
        .workgroup_count = {COUNT / 8, 4, 2},
        .constant_count = 2,
        .binding_count = 1,
        .constants = bad,
        .bindings = dispatches == 1 ? &binding : &piece,
    };
    EE_TRY(ee_hal_command_list_append(list, &command, 0, NULL));
    if (barriers) ee_hal_command_list_barrier(list);
  }
  return ee_hal_command_list_finalize(list, NULL);
}

static eerie_status_t run_counts(fixture_t *f, ee_hal_executable_t *executable,
                                 ee_hal_buffer_t *buffer, const uint32_t bad[2],
                                 uint32_t dispatches, bool barriers, eerie_error_t *err) {
  ee_hal_command_list_t *list = NULL;
  EE_TRY(ee_hal_command_list_create(f->device, 0, 0, &list, err));
  eerie_status_t status = record_counts(list, executable, buffer, bad, dispatches, barriers);
  const ee_hal_operation_t operation = {.kind = EE_HAL_QUEUE_EXECUTE, .commands = list};
  if (status == EERIE_OK) status = ee_hal_device_submit(f->device, NULL, NULL, &operation, err);
  ee_object_release(&list->object);
  return status;
}

// What looks better is done, and the other way now and then, so that it is noticed when that
// changes. At first work is shared.
static void the_better_way_is_chosen(void) {
  ee_cpu_cost_t cost = {0};
  CHECK(ee_cpu_cost_choose(NULL).share);
  for (int phase = 0; phase < 4; ++phase) {
    const int64_t shared_ns = phase % 2 ? 30000 : 6000; // 10000 alone
    int shared = 0;
    for (int i = 0; i < 5120; ++i) {
      const ee_cpu_choice_t choice = ee_cpu_cost_choose(&cost);
      if (i < 4 && phase == 0) CHECK(choice.share);
      ee_cpu_cost_learn_choice(&choice, 10000, choice.share ? shared_ns : 10000, choice.share);
      if (i >= 2048) shared += choice.share;
    }
    // Of 3072 runs all but a few.
    if (phase % 2) {
      CHECK(shared > 0 && shared < 100);
    } else {
      CHECK(shared > 2972 && shared < 3072);
    }
  }
}

// Work that was shared may have taken more than alone, not less.
static void costs_are_those_of_one_thread(void) {
  ee_cpu_cost_t cost = {0};
  CHECK_EQ_INT(ee_cpu_cost_estimate(&cost, 10), 0);
  ee_cpu_cost_learn(&cost, 1000, 10);
  CHECK_EQ_INT(ee_cpu_cost_estimate(&cost, 20), 2000);
  for (int i = 0; i < 100; ++i)
    ee_cpu_cost_learn_shared(&cost, 5000, 10);
  CHECK_EQ_INT(ee_cpu_cost_estimate(&cost, 20), 2000);
  ee_cpu_cost_learn_shared(&cost, 800, 10);
  CHECK_EQ_INT(ee_cpu_cost_estimate(&cost, 20), 1600);
  ee_cpu_cost_learn(&cost, 1600, 10); // more is believed slowly
  CHECK_EQ_INT(ee_cpu_cost_estimate(&cost, 20), 1800);
}

static void workgroups_run_once_each(void) {
  static const uint32_t none[2] = {UINT32_MAX, UINT32_MAX};
  for (size_t threads = 1; threads <= 4; ++threads) {
    for (uint32_t dispatches = 1; dispatches <= 40; dispatches += 39) {
      for (int barriers = 0; barriers < 2; ++barriers) {
        fixture_t f;
        open_task(&f, &(ee_hal_device_options_t){.threads = threads});
        ee_hal_executable_t *executable = make_task_executable(&f);
        ee_hal_buffer_t *buffer = make_buffer(&f, (size_t)dispatches * COUNT * 4);
        enum { ROUNDS = 3 };
        for (int i = 0; i < ROUNDS; ++i)
          CHECK_OK(run_counts(&f, executable, buffer, none, dispatches, barriers, NULL));
        const uint32_t *values = (const uint32_t *)(const void *)buffer->data;
        uint32_t wrong = 0;
        for (uint32_t i = 0; i < dispatches * COUNT; ++i)
          wrong += values[i] != ROUNDS * (i % COUNT + 1);
        CHECK_EQ_INT(wrong, 0);
        ee_hal_buffer_release(buffer);
        ee_object_release(&executable->object);
        fixture_close(&f);
      }
    }
  }
}

static eerie_status_t append_transfer(ee_hal_command_list_t *list, ee_hal_command_kind_t kind,
                                      ee_hal_binding_t source, ee_hal_binding_t target,
                                      uint32_t pattern_size) {
  const ee_hal_command_t command = {.kind = kind,
                                    .source = source,
                                    .target = target,
                                    .pattern = 0x1122334455667788u,
                                    .pattern_size = pattern_size};
  const eerie_status_t status = ee_hal_command_list_append(list, &command, 0, NULL);
  ee_hal_command_list_barrier(list);
  return status;
}

// Large fills and copies in pieces, of sizes that these do not divide, and one that overlaps.
static void large_transfers_are_whole(void) {
  enum { ALL = 3000000, SIZE = 1234568, MOVE = 700001 };
  fixture_t f;
  open_task(&f, &(ee_hal_device_options_t){.threads = 3});
  ee_hal_buffer_t *a = make_buffer(&f, ALL), *b = make_buffer(&f, ALL);
  uint8_t *expected = calloc(2, ALL), *other = expected + ALL;
  for (uint32_t i = 0; i < ALL; ++i)
    a->data[i] = expected[i] = (uint8_t)(i * 7 + i / 251);
  ee_hal_command_list_t *list = NULL;
  CHECK_OK(ee_hal_command_list_create(f.device, 0, 0, &list, NULL));
  const ee_hal_binding_t none = {0};
  CHECK_OK(append_transfer(list, EE_HAL_COMMAND_FILL, none, part(b, 8, SIZE), 8));
  CHECK_OK(append_transfer(list, EE_HAL_COMMAND_COPY, part(a, 3, SIZE), part(b, 1500001, SIZE), 0));
  CHECK_OK(append_transfer(list, EE_HAL_COMMAND_COPY, part(a, 0, MOVE), part(a, 300007, MOVE), 0));
  CHECK_OK(ee_hal_command_list_finalize(list, NULL));
  for (uint32_t i = 0; i < SIZE; ++i)
    other[8 + i] = (uint8_t)(0x1122334455667788u >> (i % 8 * 8)); // little-endian
  memcpy(other + 1500001, expected + 3, SIZE);
  const ee_hal_operation_t operation = {.kind = EE_HAL_QUEUE_EXECUTE, .commands = list};
  CHECK_OK(ee_hal_device_submit(f.device, NULL, NULL, &operation, NULL));
  memmove(expected + 300007, expected, MOVE);
  CHECK(memcmp(a->data, expected, ALL) == 0);
  CHECK(memcmp(b->data, other, ALL) == 0);
  free(expected);
  ee_object_release(&list->object);
  ee_hal_buffer_release(a);
  ee_hal_buffer_release(b);
  fixture_close(&f);
}

// The failure of the lowest workgroup is told, as if they had run in order.
static void the_first_failure_is_told(void) {
  fixture_t f;
  open_task(&f, &(ee_hal_device_options_t){.threads = 3});
  ee_hal_executable_t *executable = make_task_executable(&f);
  ee_hal_buffer_t *buffer = make_buffer(&f, (size_t)4 * COUNT * 4);
  for (int i = 0; i < 30; ++i) {
    eerie_error_t err = {.code = EERIE_OK};
    const uint32_t bad[2] = {200, (uint32_t)(37 + i)};
    CHECK_STATUS(run_counts(&f, executable, buffer, bad, i % 2 ? 1 : 4, false, &err),
                 EERIE_INTERNAL);
    char text[64];
    (void)snprintf(text, sizeof text, "kernel count failed with code %d", 1037 + i);
    CHECK_STR(err.message, text);
  }
  ee_hal_buffer_release(buffer);
  ee_object_release(&executable->object);
  fixture_close(&f);
}

static void devices_share_threads(void) {
  fixture_t f, g;
  static const uint32_t none[2] = {UINT32_MAX, UINT32_MAX};
  open_task(&f, &(ee_hal_device_options_t){.threads = 3});
  open_task(&g, &(ee_hal_device_options_t){.share = f.device});
  int64_t threads = 0;
  CHECK(ee_hal_device_query(g.device, EE_STR("hal.device"), EE_STR("concurrency"), &threads));
  CHECK_EQ_INT(threads, 3);
  ee_hal_device_release(f.device); // its threads stay
  ee_hal_executable_t *executable = make_task_executable(&g);
  ee_hal_buffer_t *buffer = make_buffer(&g, COUNT * 4);
  CHECK_OK(run_counts(&g, executable, buffer, none, 1, false, NULL));
  ee_hal_buffer_release(buffer);
  ee_object_release(&executable->object);
  fixture_close(&g);
  CHECK_EQ_INT(atomic_load(&f.live), 0);
  fixture_heap(&f);
  ee_hal_device_t *sync = NULL, *device = NULL;
  CHECK_OK(ee_hal_device_open(&f.heap, EE_STR("local-sync"), &sync, NULL));
  CHECK_STATUS(ee_hal_drivers[0]->device_open_with(&f.heap, EE_STR("local-task"),
                                                   &(ee_hal_device_options_t){.share = sync},
                                                   &device, NULL),
               EERIE_INVALID_ARGUMENT);
  ee_hal_device_release(sync);
  CHECK_EQ_INT(atomic_load(&f.live), 0);
}

// Memory that is short is an answer, and everything comes back.
static void every_allocation_may_fail(void) {
  static const uint32_t none[2] = {UINT32_MAX, UINT32_MAX};
  for (size_t n = 1; n < 40; ++n) {
    fixture_t f;
    fixture_heap(&f);
    f.fail_at = n;
    const ee_hal_device_options_t options = {.threads = 2};
    if (ee_hal_drivers[0]->device_open_with(&f.heap, EE_STR("local-task"), &options, &f.device,
                                            NULL) == EERIE_OK) {
      ee_hal_buffer_t *buffer = NULL;
      ee_hal_executable_t *executable = make_executable(&f, &task_library);
      if (executable &&
          ee_hal_buffer_allocate(f.device, 0, 0, COUNT * 4, &buffer, NULL) == EERIE_OK) {
        memset(buffer->data, 0, COUNT * 4);
        (void)run_counts(&f, executable, buffer, none, 2, false, NULL);
      }
      ee_hal_buffer_release(buffer);
      if (executable) ee_object_release(&executable->object);
      ee_hal_device_release(f.device);
    }
    CHECK_EQ_INT(atomic_load(&f.live), 0);
  }
}

// A copy of the process has none of the threads, and goes on without.
static void a_forked_process_goes_on(void) {
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
  fixture_t f;
  static const uint32_t none[2] = {UINT32_MAX, UINT32_MAX};
  open_task(&f, &(ee_hal_device_options_t){.threads = 3});
  ee_hal_executable_t *executable = make_task_executable(&f);
  ee_hal_buffer_t *buffer = make_buffer(&f, COUNT * 4);
  CHECK_OK(run_counts(&f, executable, buffer, none, 1, false, NULL));
  const pid_t child = fork();
  const eerie_status_t status = run_counts(&f, executable, buffer, none, 1, false, NULL);
  ee_hal_buffer_release(buffer);
  ee_object_release(&executable->object);
  ee_hal_device_release(f.device);
  if (child == 0) _exit(status == EERIE_OK && atomic_load(&f.live) == 0 ? 0 : 1);
  int ended = -1;
  CHECK_EQ_INT(waitpid(child, &ended, 0), child);
  CHECK_EQ_INT(ended, 0);
#endif
}

// ---- Topology ----------------------------------------------------------------------------------

static void write_file(const char *root, const char *path, const char *text) {
  char name[512];
  (void)snprintf(name, sizeof name, "%s%s", root, path);
  for (char *c = name + strlen(root) + 1; *c; ++c) {
    if (*c != '/') continue;
    *c = 0;
    (void)mkdir(name, 0777);
    *c = '/';
  }
  FILE *file = fopen(name, "w");
  if (!CHECK(file != NULL)) return;
  (void)fputs(text, file);
  (void)fclose(file);
}

static void remove_tree(const char *root) {
  char command[600];
  (void)snprintf(command, sizeof command, "rm -rf '%s'", root);
  CHECK_EQ_INT(system(command), 0);
}

static void quotas_are_seen(void) {
  static const struct {
    const char *group, *path, *text;
    uint64_t thousandths;
  } cases[] = {
      {"0::/\n", "/sys/fs/cgroup/cpu.max", "150000 100000\n", 1500},
      {"0::/a/b\n", "/sys/fs/cgroup/a/b/cpu.max", "50000 100000\n", 500},
      {"0::/a/b\n", "/sys/fs/cgroup/a/cpu.max", "300000 100000\n", 3000},
      {"0::/a\n", "/sys/fs/cgroup/a/cpu.max", "max 100000\n", 0},
      {"0::/a\n", "/sys/fs/cgroup/a/cpu.max", "nonsense", 0},
      {"0::/gone\n", "/sys/fs/cgroup/cpu.max", "200000 100000\n", 2000},
      {"", "/sys/fs/cgroup/cpu.max", "200000 100000\n", 0},
      {"no colons\n:\n0:\n", "/sys/fs/cgroup/cpu.max", "200000 100000\n", 0},
  };
  char root[] = "/tmp/eerie-cgroup-XXXXXX";
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    (void)strcpy(root, "/tmp/eerie-cgroup-XXXXXX");
    if (!CHECK(mkdtemp(root) != NULL)) return;
    write_file(root, "/proc/self/cgroup", cases[i].group);
    write_file(root, cases[i].path, cases[i].text);
    CHECK_EQ_INT(ee_port_cpu_quota(root), cases[i].thousandths);
    remove_tree(root);
  }
  (void)strcpy(root, "/tmp/eerie-cgroup-XXXXXX");
  if (!CHECK(mkdtemp(root) != NULL)) return;
  write_file(root, "/proc/self/cgroup", "9:memory:/m\n4:cpu,cpuacct:/box\n0::/\n");
  write_file(root, "/sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "250000\n");
  write_file(root, "/sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us", "100000\n");
  CHECK_EQ_INT(ee_port_cpu_quota(root), 2500);
  write_file(root, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  write_file(root, "/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  CHECK_EQ_INT(ee_port_cpu_quota(root), 2500);
  remove_tree(root);
}

static uint32_t planned(ee_heap_t *heap, const char *root, const ee_hal_device_options_t *options) {
  ee_workers_plan_t plan;
  eerie_error_t err = {.code = EERIE_OK};
  const eerie_status_t status = ee_workers_plan(heap, root, options, &plan, &err);
  if (status != EERIE_OK) return 0;
  const uint32_t threads = plan.threads;
  ee_workers_plan_free(heap, &plan);
  return threads;
}

static void threads_are_chosen(void) {
  fixture_t f;
  fixture_heap(&f);
  char root[] = "/tmp/eerie-cpus-XXXXXX";
  if (!CHECK(mkdtemp(root) != NULL)) return;
  ee_port_cpu_t cpus[64];
  const size_t count = ee_port_cpus("", cpus, 64);
  const uint32_t all = (uint32_t)(count < 64 ? count : 64);
  // A system that tells nothing: every CPU is a core.
  CHECK_EQ_INT(planned(&f.heap, root, NULL), count < 64 ? all : planned(&f.heap, root, NULL));
  CHECK_EQ_INT(planned(&f.heap, root, &(ee_hal_device_options_t){.threads = 5}), 5);
  CHECK_EQ_INT(planned(&f.heap, root, &(ee_hal_device_options_t){.max_threads = 1}), 1);
  CHECK_EQ_INT(planned(&f.heap, root, &(ee_hal_device_options_t){.threads = SIZE_MAX}),
               EE_WORKERS_MAX);
  char list[32];
  (void)snprintf(list, sizeof list, "%u", cpus[0].id);
  CHECK_EQ_INT(planned(&f.heap, root, &(ee_hal_device_options_t){.cpus = list}), 1);
  static const char *const bad[] = {"", "a", "0-", "3-1", "0,,1", "999999", "0;1", "-1"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
    CHECK_EQ_INT(planned(&f.heap, root, &(ee_hal_device_options_t){.cpus = bad[i]}), 0);
  }
  // Half a CPU's time: one thread.
  write_file(root, "/proc/self/cgroup", "0::/\n");
  write_file(root, "/sys/fs/cgroup/cpu.max", "50000 100000\n");
  CHECK_EQ_INT(planned(&f.heap, root, NULL), 1);
  write_file(root, "/sys/fs/cgroup/cpu.max", "max 100000\n");
  if (all > 1 && count < 64) {
    // The last two share a core; the first is small.
    char path[128], siblings[32];
    (void)snprintf(siblings, sizeof siblings, "%u-%u\n", cpus[all - 2].id, cpus[all - 1].id);
    for (uint32_t i = all - 2; i < all; ++i) {
      (void)snprintf(path, sizeof path,
                     "/sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", cpus[i].id);
      write_file(root, path, siblings);
    }
    CHECK_EQ_INT(planned(&f.heap, root, NULL), all - 1);
    CHECK_EQ_INT(planned(&f.heap, root, &(ee_hal_device_options_t){.cores = 3}), all);
  }
  remove_tree(root);
  CHECK_EQ_INT(atomic_load(&f.live), 0);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(every_unit_is_done_once),
      RUN(callers_share_the_workers),
      RUN(a_unit_may_be_a_caller),
      RUN(start_and_stop_at_once),
      RUN(sharing_pays_for_large_work_only),
      RUN(the_better_way_is_chosen),
      RUN(costs_are_those_of_one_thread),
      RUN(workgroups_run_once_each),
      RUN(large_transfers_are_whole),
      RUN(the_first_failure_is_told),
      RUN(devices_share_threads),
      RUN(every_allocation_may_fail),
      RUN(a_forked_process_goes_on),
      RUN(quotas_are_seen),
      RUN(threads_are_chosen),
  };
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
