// task.c: "local-task": operations run by the caller and by workers together.
//
// A command list is run by the thread that submits it, in order. What stands between two barriers
// is a group, whose commands may run in any order and at once. A group that is worth it becomes a
// job (workers.h): its dispatches are cut into units of some workgroups, its transfers are a unit
// each. The rest runs on the spot, as "local-sync" does it. Whether it is worth it is told by what
// the same kernels took before: each has a cost for a workgroup, measured now and then. Units write
// to what the module gave them and to nothing else, so answers are the same to the bit, and a
// failure is reported as if all had run in order: the one of the lowest unit, before which all were
// done.
#include "drivers/cpu/convention.h"
#include "drivers/cpu/cost.h"
#include "drivers/cpu/observe.h"
#include "drivers/cpu/workers.h"

#if EERIE_THREADS

#include <stdatomic.h>

typedef struct task_device {
  ee_cpu_device_t base;
  ee_workers_t *workers; // NULL: one thread
} task_device_t;

// Commands of one job at most; a longer group is cut, as its order does not matter.
#define MAX_ENTRIES   16u
#define MAX_ARGUMENTS 160u
// A unit should take longer than to get it.
#define UNIT_NS 1500u
// Units of a dispatch for each thread at most, so that all end together.
#define UNITS_PER_THREAD 64u
// Less is done at once though nobody waits for it.
#define LATER_NS 20000u
// Taken for the cost of what nobody has measured.
#define UNKNOWN_NS   1000u
#define BYTES_PER_NS 8u // of a transfer
// Fills and copies from here on are cut, into pieces of half as much and no more than so many.
#define CUT_BYTES  (256u * 1024u)
#define PIECES_MAX 1024u

typedef struct entry {
  const ee_hal_command_t *command; // run in whole, as one unit; NULL: a dispatch
  const ee_cpu_executable_t *executable;
  ee_cpu_cost_t *cost; // of its kernel; NULL: not measured
  ee_hal_dispatch_t dispatch;
  ee_cpu_dispatch_state_t state;
  size_t local_size;
  uint64_t first_workgroup; // those before were done
  uint64_t workgroup_count; // all; of a transfer that is cut: its bytes
  uint64_t grain;           // workgroups of a unit, or bytes of a transfer's
  uint32_t first_unit;
  uint32_t unit_count;
  _Atomic uint64_t busy_ns; // that its units took, of all who did some
} entry_t;

// The group that is being run.
typedef struct job {
  task_device_t *device;
  const ee_hal_operation_t *table;
  uint32_t entry_count;
  uint32_t unit_count;
  uint32_t argument_count;
  _Atomic uint32_t failed_unit; // UINT32_MAX: none
  _Atomic uint32_t failure_lock;
  eerie_status_t failure;
  eerie_error_t error;
  entry_t entries[MAX_ENTRIES];
  uint8_t *bindings[MAX_ARGUMENTS];
  size_t sizes[MAX_ARGUMENTS];
  uint32_t access[MAX_ARGUMENTS];
} job_t;

// One submission.
typedef struct submission {
  task_device_t *device;
  const ee_hal_operation_t *table;
  ee_cpu_scratch_t scratch;
  ee_job_t *place;      // among the workers; NULL: not entered yet
  bool share;           // what pays
  uint64_t expected_ns; // that all took so far, alone
  uint64_t float_mode;
} submission_t;

static inline uint64_t product(const uint32_t counts[3]) {
  return (uint64_t)counts[0] * counts[1] * counts[2];
}

static inline ee_cpu_cost_t *cost_of(const ee_hal_executable_t *base, uint32_t function) {
  if (base->kernels) return NULL;
  ee_cpu_cost_t *costs = ((const ee_cpu_executable_t *)base)->costs;
  return costs ? &costs[function] : NULL;
}

// ---- Units -------------------------------------------------------------------------------------

// Keeps the failure of the lowest unit.
static EE_COLD void fail(job_t *job, uint32_t unit, eerie_status_t status,
                         const eerie_error_t *error) {
  while (atomic_exchange_explicit(&job->failure_lock, 1u, memory_order_acquire))
    ee_port_relax();
  if (unit < atomic_load_explicit(&job->failed_unit, memory_order_relaxed)) {
    job->failure = status;
    job->error = *error;
    atomic_store_explicit(&job->failed_unit, unit, memory_order_relaxed);
  }
  atomic_store_explicit(&job->failure_lock, 0u, memory_order_release);
}

static inline bool is_pointless(job_t *job, uint32_t unit) {
  return unit > atomic_load_explicit(&job->failed_unit, memory_order_relaxed);
}

// Workgroups [first, end) of a dispatch, in the order of their numbers. Returns the first code that
// is not 0, and how many were done before.
static int run_workgroups(const entry_t *entry, uint64_t first, uint64_t end,
                          const ee_participant_t *participant, uint64_t *out_done) {
  const ee_cpu_dispatch_state_t *state = &entry->state;
  const ee_cpu_kernel_t kernel =
      entry->executable->library->exports.kernels[entry->dispatch.function];
  const uint64_t x = state->workgroup_count_x, y = state->workgroup_count_y;
  ee_cpu_workgroup_state_t workgroup = {
      .id_x = (uint32_t)(first % x),
      .id_y = (uint32_t)(first / x % y),
      .id_z = (uint16_t)(first / x / y),
      .processor_id = participant->index,
      .local_memory = participant->scratch.data,
      .local_memory_size = (uint32_t)participant->scratch.size,
  };
  for (uint64_t at = first; at < end; ++at) {
    const int code = ee_cpu_kernel_call(entry->executable, kernel, state, &workgroup);
    if (EE_UNLIKELY(code != 0)) {
      *out_done = at - first;
      return code;
    }
    if (++workgroup.id_x < x) continue;
    workgroup.id_x = 0;
    if (++workgroup.id_y < y) continue;
    workgroup.id_y = 0;
    ++workgroup.id_z;
  }
  *out_done = end - first;
  return 0;
}

static void run_dispatch_unit(job_t *job, entry_t *entry, uint32_t unit,
                              ee_participant_t *participant) {
  eerie_error_t error;
  error.message[0] = 0;
  const eerie_status_t status = ee_participant_reserve(participant, entry->local_size, &error);
  if (status != EERIE_OK) {
    fail(job, unit, status, &error);
    return;
  }
  const uint64_t from = entry->first_workgroup + (unit - entry->first_unit) * entry->grain;
  const uint64_t rest = entry->workgroup_count - from;
  ee_heap_t *heap = job->device->base.base.heap;
  const int64_t observed_ns = ee_hal_observe_begin(heap);
  const int64_t begin_ns = observed_ns ? observed_ns : ee_port_time_ns();
  uint64_t done = entry->grain < rest ? entry->grain : rest;
  int code = 0;
  if (!ee_hal_observe_skips(heap)) {
    code = run_workgroups(entry, from, from + done, participant, &done);
  }
  const int64_t end_ns = observed_ns ? ee_hal_observe_begin(heap) : ee_port_time_ns();
  (void)atomic_fetch_add_explicit(&entry->busy_ns, (uint64_t)(end_ns - begin_ns),
                                  memory_order_relaxed);
  if (observed_ns) {
    ee_cpu_observe_dispatch(&entry->executable->base, &entry->dispatch, participant->index, done,
                            observed_ns, end_ns);
  }
  if (EE_LIKELY(code == 0)) return;
  (void)ee_cpu_kernel_failed(entry->executable->library, entry->dispatch.function, code, &error);
  fail(job, unit, EERIE_INTERNAL, &error);
}

// The part of a binding that unit `index` of a transfer is about.
static void cut_binding(ee_hal_binding_t *binding, const entry_t *entry, uint32_t index) {
  const uint64_t from = index * entry->grain;
  const uint64_t rest = entry->workgroup_count - from;
  binding->offset += from;
  binding->size = entry->grain < rest ? entry->grain : rest;
}

static void run_command_unit(job_t *job, const entry_t *entry, uint32_t unit, uint32_t worker) {
  ee_hal_device_t *device = &job->device->base.base;
  const ee_hal_command_t *command = entry->command;
  ee_hal_command_t piece;
  if (entry->unit_count > 1) {
    piece = *command;
    cut_binding(&piece.target, entry, unit - entry->first_unit);
    if (piece.kind == EE_HAL_COMMAND_COPY) {
      cut_binding(&piece.source, entry, unit - entry->first_unit);
    }
    command = &piece;
  }
  ee_cpu_scratch_t scratch = {0};
  eerie_error_t error;
  error.message[0] = 0;
  const int64_t begin_ns = ee_hal_observe_transfer(device->heap, command);
  const eerie_status_t status = ee_cpu_command_run(device, command, job->table, &scratch, &error);
  if (begin_ns) ee_hal_observe_command(device->heap, command, worker, begin_ns);
  ee_cpu_scratch_release(device, &scratch);
  if (EE_UNLIKELY(status != EERIE_OK)) fail(job, unit, status, &error);
}

static void run_unit(void *user, uint32_t unit, ee_participant_t *participant) {
  job_t *job = user;
  if (EE_UNLIKELY(is_pointless(job, unit))) return;
  entry_t *entry = job->entries;
  while (unit - entry->first_unit >= entry->unit_count)
    ++entry;
  if (entry->command) {
    run_command_unit(job, entry, unit, participant->index);
  } else {
    run_dispatch_unit(job, entry, unit, participant);
  }
}

// ---- Jobs --------------------------------------------------------------------------------------

static void job_begin(job_t *job, task_device_t *device, const ee_hal_operation_t *table) {
  job->device = device;
  job->table = table;
  job->entry_count = job->unit_count = job->argument_count = 0;
  atomic_init(&job->failed_unit, UINT32_MAX);
  atomic_init(&job->failure_lock, 0u);
}

static void add_units(job_t *job, entry_t *entry, uint32_t count) {
  entry->first_unit = job->unit_count;
  entry->unit_count = count;
  job->unit_count += count;
  ++job->entry_count;
}

// How many bytes a transfer moves that may be cut; 0: it may not. What is wrong with one is found
// as a whole, and what reads where it writes has an order.
static uint64_t cuttable_bytes(const ee_hal_command_t *command, const ee_hal_operation_t *table) {
  const bool is_copy = command->kind == EE_HAL_COMMAND_COPY;
  uint8_t *to, *from;
  uint64_t size, from_size;
  if ((!is_copy && command->kind != EE_HAL_COMMAND_FILL) ||
      ee_hal_binding_resolve(&command->target, table->bindings, table->binding_count,
                             EE_HAL_ACCESS_WRITE, &to, &size, NULL) != EERIE_OK ||
      size < CUT_BYTES) {
    return 0;
  }
  if (!is_copy) return command->pattern_size && size % command->pattern_size == 0 ? size : 0;
  if (ee_hal_binding_resolve(&command->source, table->bindings, table->binding_count,
                             EE_HAL_ACCESS_READ, &from, &from_size, NULL) != EERIE_OK ||
      from_size != size) {
    return 0;
  }
  const uintptr_t apart = (uintptr_t)to > (uintptr_t)from ? (uintptr_t)to - (uintptr_t)from
                                                          : (uintptr_t)from - (uintptr_t)to;
  return apart >= size ? size : 0;
}

static void add_command(job_t *job, const ee_hal_command_t *command) {
  entry_t *entry = &job->entries[job->entry_count];
  entry->command = command;
  entry->workgroup_count = cuttable_bytes(command, job->table);
  entry->grain = entry->workgroup_count / PIECES_MAX;
  if (entry->grain < CUT_BYTES / 2) entry->grain = CUT_BYTES / 2;
  entry->grain = (entry->grain + 63) & ~(uint64_t)63;
  const uint64_t pieces = (entry->workgroup_count + entry->grain - 1) / entry->grain;
  add_units(job, entry, pieces ? (uint32_t)pieces : 1);
}

// `entry->dispatch` is filled in. Cuts it into units.
static eerie_status_t add_dispatch(job_t *job, const ee_cpu_executable_t *executable,
                                   uint64_t first_workgroup, eerie_error_t *err) {
  entry_t *entry = &job->entries[job->entry_count];
  const ee_hal_dispatch_t *dispatch = &entry->dispatch;
  entry->command = NULL;
  entry->executable = executable;
  atomic_init(&entry->busy_ns, 0);
  entry->cost = cost_of(&executable->base, dispatch->function);
  entry->local_size = ee_cpu_local_size(executable, dispatch->function);
  entry->first_workgroup = first_workgroup;
  entry->workgroup_count = product(dispatch->workgroup_count);
  EE_TRY(ee_cpu_dispatch_state(executable, dispatch, &entry->state, err));
  if (entry->workgroup_count <= first_workgroup) return EERIE_OK; // nothing, or nothing left
  const uint64_t count = entry->workgroup_count - first_workgroup;
  const uint64_t most = (uint64_t)UNITS_PER_THREAD * ee_workers_threads(job->device->workers);
  const uint64_t ns = ee_cpu_cost_estimate(entry->cost, count);
  uint64_t units = ns ? ns / UNIT_NS + 1 : count;
  if (units > most) units = most;
  if (units > count) units = count;
  entry->grain = (count + units - 1) / units;
  add_units(job, entry, (uint32_t)((count + entry->grain - 1) / entry->grain));
  return EERIE_OK;
}

// A place among the workers, if there is one.
static bool submission_enter(submission_t *submission) {
  if (submission->place) return true;
  submission->place = ee_workers_enter(submission->device->workers);
  submission->float_mode = ee_port_float_mode();
  return submission->place != NULL;
}

static eerie_status_t job_run(submission_t *submission, job_t *job, uint32_t wake,
                              eerie_error_t *err) {
  if (!job->unit_count) return EERIE_OK;
  size_t local_size = 0;
  for (uint32_t i = 0; i < job->entry_count; ++i) {
    const entry_t *entry = &job->entries[i];
    if (!entry->command && entry->local_size > local_size) local_size = entry->local_size;
  }
  EE_TRY(ee_cpu_scratch_reserve(&job->device->base.base, &submission->scratch, local_size, err));
  ee_participant_t caller = {.scratch = submission->scratch};
  ee_workers_run(submission->place, job->unit_count, run_unit, job, &caller, submission->float_mode,
                 wake);
  if (EE_LIKELY(atomic_load_explicit(&job->failed_unit, memory_order_acquire) == UINT32_MAX)) {
    for (uint32_t i = 0; i < job->entry_count; ++i) {
      const entry_t *entry = &job->entries[i];
      if (entry->command) continue;
      ee_cpu_cost_learn_shared(entry->cost,
                               atomic_load_explicit(&entry->busy_ns, memory_order_relaxed),
                               entry->workgroup_count - entry->first_workgroup);
    }
    return EERIE_OK;
  }
  if (err) *err = job->error;
  return job->failure;
}

// ---- Groups ------------------------------------------------------------------------------------

static inline bool is_dispatch(const ee_hal_command_t *command) {
  return command->kind == EE_HAL_COMMAND_DISPATCH ||
         command->kind == EE_HAL_COMMAND_DISPATCH_INDIRECT;
}

// Nanoseconds that a command takes one thread. Those of an indirect dispatch are known when it
// runs.
static uint64_t command_ns(const ee_hal_command_t *command) {
  uint64_t ns = 0;
  if (command->kind == EE_HAL_COMMAND_DISPATCH) {
    ns = ee_cpu_cost_estimate(cost_of(command->executable, command->function),
                              product(command->workgroup_count));
  } else if (!is_dispatch(command) && command->target.size != UINT64_MAX) {
    ns = command->target.size / BYTES_PER_NS + 1;
  }
  return ns ? ns : UNKNOWN_NS;
}

// Is command_ns more than a guess?
static bool is_known(const ee_hal_command_t *command) {
  if (!is_dispatch(command)) return true;
  return command->kind == EE_HAL_COMMAND_DISPATCH &&
         ee_cpu_cost_estimate(cost_of(command->executable, command->function), 1) != 0;
}

static inline eerie_status_t run_here(submission_t *submission, const ee_hal_command_t *command,
                                      eerie_error_t *err) {
  ee_hal_device_t *device = &submission->device->base.base;
  const int64_t begin_ns = ee_hal_observe_transfer(device->heap, command);
  const eerie_status_t status =
      ee_cpu_command_run(device, command, submission->table, &submission->scratch, err);
  if (begin_ns) ee_hal_observe_command(device->heap, command, 0, begin_ns);
  return status;
}

// All of a command on this thread, measured now and then.
static eerie_status_t run_measured(submission_t *submission, const ee_hal_command_t *command,
                                   uint64_t ns, eerie_error_t *err) {
  ee_cpu_cost_t *cost = command->kind == EE_HAL_COMMAND_DISPATCH
                            ? cost_of(command->executable, command->function)
                            : NULL;
  if (!ee_cpu_cost_is_due(cost, ns)) return run_here(submission, command, err);
  const int64_t begin_ns = ee_port_time_ns();
  const eerie_status_t status = run_here(submission, command, err);
  ee_cpu_cost_learn(cost, ee_port_time_ns() - begin_ns, product(command->workgroup_count));
  return status;
}

// Adds a command to the job; one that carries nothing to do adds nothing.
static eerie_status_t job_add(job_t *job, const ee_hal_command_t *command, eerie_error_t *err) {
  if (!is_dispatch(command) || command->executable->kernels) {
    add_command(job, command);
    return EERIE_OK;
  }
  uint32_t counts[3];
  memcpy(counts, command->workgroup_count, sizeof counts);
  if (command->kind == EE_HAL_COMMAND_DISPATCH_INDIRECT) {
    EE_TRY(ee_cpu_dispatch_counts(command, job->table, counts, err));
  }
  const ee_cpu_arguments_t arguments = {
      &job->bindings[job->argument_count],
      &job->sizes[job->argument_count],
      &job->access[job->argument_count],
  };
  EE_TRY(ee_cpu_dispatch_resolve(command, counts, job->table, &arguments,
                                 &job->entries[job->entry_count].dispatch, err));
  job->argument_count += command->binding_count;
  return add_dispatch(job, (const ee_cpu_executable_t *)command->executable, 0, err);
}

static bool job_has_room(const job_t *job, const ee_hal_command_t *command) {
  return job->entry_count < MAX_ENTRIES &&
         job->argument_count + command->binding_count <= MAX_ARGUMENTS;
}

// Commands from `command` up to `end`, not included. What stands before one that cannot be run is
// run, as in order it would have been.
static eerie_status_t run_shared(submission_t *submission, const ee_hal_command_t *command,
                                 const ee_hal_command_t *end, uint64_t ns, uint32_t wake,
                                 eerie_error_t *err) {
  job_t job;
  eerie_status_t added = EERIE_OK;
  const int64_t begin_ns = ee_port_time_ns();
  while (command != end && added == EERIE_OK) {
    job_begin(&job, submission->device, submission->table);
    eerie_error_t cause;
    cause.message[0] = 0;
    while (command != end && added == EERIE_OK && job_has_room(&job, command)) {
      added = job_add(&job, command, &cause);
      command = command->next;
    }
    EE_TRY(job_run(submission, &job, wake, err));
    if (added != EERIE_OK && err) *err = cause;
    wake = 0;
  }
  ee_workers_judge(submission->device->workers, ns, ee_port_time_ns() - begin_ns);
  return added;
}

// Alone or shared.
static eerie_status_t run_either(submission_t *submission, const ee_hal_command_t *command,
                                 const ee_hal_command_t *end, uint64_t ns, eerie_error_t *err) {
  submission->expected_ns += ns;
  uint32_t wake;
  if (submission->share && ee_workers_pay(submission->device->workers, ns, &wake) &&
      submission_enter(submission)) {
    return run_shared(submission, command, end, ns, wake, err);
  }
  for (; command != end; command = command->next) {
    EE_TRY(run_measured(submission, command, ns, err));
  }
  return EERIE_OK;
}

static eerie_status_t run_group(submission_t *submission, const ee_hal_command_t *command,
                                const ee_hal_command_t *end, eerie_error_t *err) {
  uint64_t ns = 0;
  for (const ee_hal_command_t *one = command; one != end; one = one->next)
    ns += command_ns(one);
  return run_either(submission, command, end, ns, err);
}

// Of a kernel that was never run the first workgroup is done here, to know what they cost.
static eerie_status_t run_unknown(submission_t *submission, const ee_hal_command_t *command,
                                  eerie_error_t *err) {
  job_t job;
  job_begin(&job, submission->device, submission->table);
  EE_TRY(job_add(&job, command, err));
  if (!job.unit_count) return EERIE_OK;
  entry_t *entry = &job.entries[0];
  EE_TRY(ee_cpu_scratch_reserve(&submission->device->base.base, &submission->scratch,
                                entry->local_size, err));
  ee_participant_t caller = {.scratch = submission->scratch};
  // As long as it takes to learn something: the first is slow, its code and data are cold.
  const uint64_t all = entry->workgroup_count;
  uint64_t done = 0, ns = 0;
  uint32_t wake;
  entry->first_unit = 0;
  entry->grain = 1;
  entry->unit_count = 1;
  do {
    entry->first_workgroup = done++;
    atomic_store_explicit(&entry->busy_ns, 0, memory_order_relaxed);
    run_unit(&job, 0, &caller);
    ee_cpu_cost_learn(entry->cost,
                      (int64_t)atomic_load_explicit(&entry->busy_ns, memory_order_relaxed), 1);
    if (atomic_load_explicit(&job.failed_unit, memory_order_relaxed) != UINT32_MAX) {
      if (err) *err = job.error;
      return job.failure;
    }
    ns = ee_cpu_cost_estimate(entry->cost, all - done);
    // Asked only now and then: each question counts as work that was not shared.
  } while (done < all &&
           !((done & (done - 1)) == 0 && ee_workers_pay(submission->device->workers, ns, &wake) &&
             submission_enter(submission)));
  if (done == all) return EERIE_OK;
  const ee_cpu_executable_t *executable = entry->executable;
  job.entry_count = job.unit_count = 0;
  EE_TRY(add_dispatch(&job, executable, done, err));
  return job_run(submission, &job, wake, err);
}

// A command between two barriers.
static eerie_status_t run_alone(submission_t *submission, const ee_hal_command_t *command,
                                eerie_error_t *err) {
  if (!is_dispatch(command) || command->executable->kernels) {
    const uint64_t ns = is_dispatch(command) ? 0 : command_ns(command);
    if (EE_LIKELY(ns < CUT_BYTES / BYTES_PER_NS)) return run_here(submission, command, err);
    return run_either(submission, command, command->next, ns, err);
  }
  const ee_cpu_cost_t *cost = cost_of(command->executable, command->function);
  const bool indirect = command->kind == EE_HAL_COMMAND_DISPATCH_INDIRECT;
  uint32_t counts[3];
  memcpy(counts, command->workgroup_count, sizeof counts);
  if (indirect) EE_TRY(ee_cpu_dispatch_counts(command, submission->table, counts, err));
  const uint64_t workgroups = product(counts);
  if (EE_LIKELY(workgroups <= 1 && !submission->table->later)) {
    return run_here(submission, command, err);
  }
  if (workgroups <= 1) return run_measured(submission, command, 0, err); // see task_later
  const uint64_t ns = ee_cpu_cost_estimate(cost, workgroups);
  if (!ns && cost) return run_unknown(submission, command, err);
  return run_either(submission, command, command->next, ns, err);
}

// ---- Operations --------------------------------------------------------------------------------

static eerie_status_t run_list(submission_t *submission, eerie_error_t *err) {
  const ee_hal_command_t *command = submission->table->commands->first;
  while (command) {
    const ee_hal_command_t *end = command->next;
    if (EE_LIKELY(!end || end->after_barrier)) {
      EE_TRY(run_alone(submission, command, err));
    } else {
      while (end && !end->after_barrier)
        end = end->next;
      EE_TRY(run_group(submission, command, end, err));
    }
    command = end;
  }
  return EERIE_OK;
}

// The first kernel of a list stands for the list where it is known what ways to run it bring. NULL:
// for a list of a single workgroup there is one.
static ee_cpu_cost_t *list_cost(const ee_hal_command_list_t *list) {
  for (const ee_hal_command_t *command = list->first; command; command = command->next) {
    if (command->kind != EE_HAL_COMMAND_DISPATCH) continue;
    if (!command->next && product(command->workgroup_count) <= 1) return NULL;
    return cost_of(command->executable, command->function);
  }
  return NULL;
}

static void submission_end(const submission_t *submission) {
  if (submission->place) ee_workers_leave(submission->place);
  ee_cpu_scratch_release(&submission->device->base.base, &submission->scratch);
}

static eerie_status_t task_run(ee_hal_device_t *base, const ee_hal_operation_t *operation,
                               eerie_error_t *err) {
  task_device_t *device = (task_device_t *)base;
  if (operation->kind != EE_HAL_QUEUE_EXECUTE || !device->workers) {
    return ee_cpu_run(base, operation, err);
  }
  EE_TRY(ee_cpu_commands_check(base, operation, err));
  const ee_cpu_choice_t choice = ee_cpu_cost_choose(list_cost(operation->commands));
  submission_t submission = {.device = device, .table = operation, .share = choice.share};
  const int64_t begin_ns = choice.learn ? ee_port_time_ns() : 0;
  // As "local-sync" does; workers take over what is set here.
  const uint64_t float_mode = ee_port_float_flush();
  const eerie_status_t status = run_list(&submission, err);
  ee_port_float_restore(float_mode);
  if (choice.learn) {
    ee_cpu_cost_learn_choice(&choice, submission.expected_ns, ee_port_time_ns() - begin_ns,
                             choice.share);
  }
  submission_end(&submission);
  return status;
}

// Of an asynchronous call. What takes less than to wake a thread is done at once.
static bool task_later(ee_hal_device_t *base, const ee_hal_operation_t *operation,
                       ee_hal_task_t *task) {
  const task_device_t *device = (const task_device_t *)base;
  if (!device->workers || operation->kind != EE_HAL_QUEUE_EXECUTE) return false;
  uint64_t ns = 0;
  const ee_hal_command_t *command = operation->commands->first;
  for (; command && ns < LATER_NS; command = command->next)
    ns += is_known(command) ? command_ns(command) : LATER_NS;
  return ns >= LATER_NS && ee_later_post(ee_workers_later(device->workers), task);
}

static void task_settle(ee_hal_device_t *base) {
  const task_device_t *device = (const task_device_t *)base;
  if (device->workers) ee_later_settle(ee_workers_later(device->workers));
}

// A dispatch that no list holds: modules that were compiled to run inline. The mode of the caller's
// thread is left alone, as "local-sync" does.
static eerie_status_t task_dispatch(ee_hal_device_t *base, ee_hal_executable_t *executable,
                                    const ee_hal_dispatch_t *dispatch, eerie_error_t *err) {
  task_device_t *device = (task_device_t *)base;
  ee_cpu_cost_t *cost = device->workers ? cost_of(executable, dispatch->function) : NULL;
  const uint64_t workgroups = product(dispatch->workgroup_count);
  if (!cost || workgroups <= 1) return ee_cpu_dispatch(base, executable, dispatch, err);
  const uint64_t ns = ee_cpu_cost_estimate(cost, workgroups);
  submission_t submission = {.device = device, .share = true};
  uint32_t wake;
  eerie_status_t status;
  const ee_cpu_choice_t choice =
      ns < EE_SHARE_NS_MIN ? (ee_cpu_choice_t){.cost = cost} : ee_cpu_cost_choose(cost);
  if (choice.share && ee_workers_pay(device->workers, ns, &wake) && submission_enter(&submission)) {
    job_t job;
    job_begin(&job, device, NULL);
    job.entries[0].dispatch = *dispatch;
    const int64_t begin_ns = ee_port_time_ns();
    status = add_dispatch(&job, (const ee_cpu_executable_t *)executable, 0, err);
    if (status == EERIE_OK) status = job_run(&submission, &job, wake, err);
    const int64_t shared_ns = ee_port_time_ns() - begin_ns;
    ee_cpu_cost_learn_choice(&choice, ns, shared_ns, true);
    ee_workers_judge(device->workers, ns, shared_ns);
  } else {
    const bool measure = ee_cpu_cost_is_due(cost, ns) || choice.learn;
    const int64_t begin_ns = measure ? ee_port_time_ns() : 0;
    status = ee_cpu_dispatch(base, executable, dispatch, err);
    if (measure) {
      const int64_t alone_ns = ee_port_time_ns() - begin_ns;
      ee_cpu_cost_learn_choice(&choice, ns, alone_ns, false);
      ee_cpu_cost_learn(cost, alone_ns, workgroups);
    }
  }
  submission_end(&submission);
  return status;
}

// ---- Executables and devices -------------------------------------------------------------------

static eerie_status_t task_executable_create(ee_hal_device_t *device, ee_str_t format,
                                             ee_bytes_t data, ee_object_t *data_owner,
                                             const uint32_t *constants, size_t constant_count,
                                             ee_hal_executable_t **out_executable,
                                             eerie_error_t *err) {
  EE_TRY(ee_cpu_executable_create(device, format, data, data_owner, constants, constant_count,
                                  out_executable, err));
  // Without memory for it nothing is shared.
  ee_cpu_executable_t *executable = (ee_cpu_executable_t *)*out_executable;
  const size_t size = executable->library->exports.count * sizeof(ee_cpu_cost_t);
  if (size) executable->costs = ee_heap_allocate_zeroed(device->heap, size);
  return EERIE_OK;
}

static void task_executable_destroy(ee_hal_executable_t *base) {
  const ee_cpu_executable_t *executable = (const ee_cpu_executable_t *)base;
  if (executable->costs) {
    ee_heap_free(base->device->heap, executable->costs,
                 executable->library->exports.count * sizeof(ee_cpu_cost_t));
  }
  ee_cpu_executable_destroy(base);
}

static bool task_query(ee_hal_device_t *base, ee_str_t category, ee_str_t key, int64_t *out_value) {
  const task_device_t *device = (const task_device_t *)base;
  const bool known = ee_cpu_device_query(base, category, key, out_value);
  if (known && ee_str_equal(key, EE_STR("concurrency")) && device->workers) {
    *out_value = ee_workers_threads(device->workers);
  }
  return known;
}

static void task_close(ee_hal_device_t *base) {
  ee_workers_release(((task_device_t *)base)->workers);
  ee_cpu_device_close(base);
}

static bool is_task(ee_str_t spec) {
  const ee_str_t name = EE_STR("local-task");
  return spec.size >= name.size && memcmp(spec.data, name.data, name.size) == 0;
}

static bool task_device_info(uint32_t index, ee_hal_device_info_t *out_info) {
  if (!ee_cpu_driver.device_info(index, out_info)) return false;
  if (is_task(ee_str_from(out_info->name))) {
    out_info->description = "the CPU, on the calling thread and others beside it";
  }
  return true;
}

static eerie_status_t start_workers(task_device_t *device, const ee_hal_device_options_t *options,
                                    eerie_error_t *err) {
  ee_heap_t *heap = device->base.base.heap;
  if (options && options->share) {
    if (options->share->driver != &ee_cpu_task_driver) {
      return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "device %s has no threads to share",
                     options->share->name);
    }
    device->workers = ((task_device_t *)options->share)->workers;
    if (device->workers) ee_workers_retain(device->workers);
    return EERIE_OK;
  }
  ee_workers_plan_t plan;
  EE_TRY(ee_workers_plan(heap, "", options, &plan, err));
  eerie_status_t status = EERIE_OK;
  if (plan.threads > 1) status = ee_workers_create(heap, &plan, &device->workers, err);
  ee_workers_plan_free(heap, &plan);
  return status;
}

static eerie_status_t task_open_with(ee_heap_t *heap, ee_str_t spec,
                                     const ee_hal_device_options_t *options,
                                     ee_hal_device_t **out_device, eerie_error_t *err) {
  // Without workers both are the same, and so are the names that both take.
  ee_hal_device_t *inline_device;
  EE_TRY(ee_cpu_device_open(heap, spec, &inline_device, err));
  if (!is_task(spec)) {
    *out_device = inline_device;
    return EERIE_OK;
  }
  task_device_t *device = ee_heap_allocate_zeroed(heap, sizeof *device);
  if (!device) {
    ee_hal_device_release(inline_device);
    return EE_NO_MEMORY(err, sizeof *device);
  }
  ee_hal_device_initialize(&device->base.base, &ee_cpu_task_driver, heap,
                           ee_str_from(inline_device->name), sizeof *device);
  ee_hal_device_release(inline_device);
  ee_port_cpu_data(device->base.features);
  const eerie_status_t status = start_workers(device, options, err);
  if (status != EERIE_OK) {
    ee_hal_device_release(&device->base.base);
    return status;
  }
  *out_device = &device->base.base;
  return EERIE_OK;
}

static eerie_status_t task_open(ee_heap_t *heap, ee_str_t spec, ee_hal_device_t **out_device,
                                eerie_error_t *err) {
  return task_open_with(heap, spec, NULL, out_device, err);
}

const ee_hal_driver_t ee_cpu_task_driver = {
    .size = sizeof(ee_hal_driver_t),
    .name = "cpu",
    .device_info = task_device_info,
    .device_open = task_open,
    .device_close = task_close,
    .query = task_query,
    .executable_create = task_executable_create,
    .executable_destroy = task_executable_destroy,
    .executable_lookup = ee_cpu_executable_lookup,
    .dispatch_check = ee_cpu_dispatch_check,
    .run = task_run,
    .dispatch = task_dispatch,
    .host_kernels = &ee_cpu_host_kernels,
    .device_open_with = task_open_with,
    .later = task_later,
    .settle = task_settle,
};

#endif
