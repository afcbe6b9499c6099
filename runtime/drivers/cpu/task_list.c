// task_list.c: submissions: what of a command list runs when, and whether workers take part. See
// task.h.
#include "drivers/cpu/task.h"
#include "hal/observe.h"

#if EERIE_THREADS

#include <stdatomic.h>

// Taken for the cost of what nobody has measured.
#define UNKNOWN_NS   1000u
#define BYTES_PER_NS 8u // of a transfer

// Nanoseconds that a command takes one thread. Those of an indirect dispatch are known when it
// runs.
static uint64_t command_ns(const ee_hal_command_t *command) {
  uint64_t ns = 0;
  if (command->kind == EE_HAL_COMMAND_DISPATCH) {
    ns = ee_cpu_cost_estimate(ee_task_cost_of(command->executable, command->function),
                              ee_task_product(command->workgroup_count));
  } else if (!ee_task_is_dispatch(command) && command->target.size != UINT64_MAX) {
    ns = command->target.size / BYTES_PER_NS + 1;
  }
  return ns ? ns : UNKNOWN_NS;
}

// Is command_ns more than a guess?
static bool is_known(const ee_hal_command_t *command) {
  if (!ee_task_is_dispatch(command)) return true;
  return command->kind == EE_HAL_COMMAND_DISPATCH &&
         ee_cpu_cost_estimate(ee_task_cost_of(command->executable, command->function), 1) != 0;
}

static inline eerie_status_t run_here(ee_task_submission_t *submission,
                                      const ee_hal_command_t *command, eerie_error_t *err) {
  ee_hal_device_t *device = &submission->device->base.base;
  const int64_t begin_ns = ee_hal_observe_transfer(device->heap, command);
  const eerie_status_t status =
      ee_cpu_command_run(device, command, submission->table, &submission->scratch, err);
  if (begin_ns) ee_hal_observe_command(device->heap, command, 0, begin_ns);
  return status;
}

// All of a command on this thread, measured now and then.
static eerie_status_t run_measured(ee_task_submission_t *submission,
                                   const ee_hal_command_t *command, uint64_t ns,
                                   eerie_error_t *err) {
  ee_cpu_cost_t *cost = command->kind == EE_HAL_COMMAND_DISPATCH
                            ? ee_task_cost_of(command->executable, command->function)
                            : NULL;
  if (!ee_cpu_cost_is_due(cost, ns)) return run_here(submission, command, err);
  const int64_t begin_ns = ee_port_time_ns();
  const eerie_status_t status = run_here(submission, command, err);
  ee_cpu_cost_learn(cost, ee_port_time_ns() - begin_ns, ee_task_product(command->workgroup_count));
  return status;
}

// Commands from `command` up to `end`, not included. What stands before one that cannot be run is
// run, as in order it would have been.
static eerie_status_t run_shared(ee_task_submission_t *submission, const ee_hal_command_t *command,
                                 const ee_hal_command_t *end, uint64_t ns, uint32_t wake,
                                 eerie_error_t *err) {
  ee_task_job_t job;
  eerie_status_t added = EERIE_OK;
  const int64_t begin_ns = ee_port_time_ns();
  while (command != end && added == EERIE_OK) {
    ee_task_job_begin(&job, submission->device, submission->table);
    eerie_error_t cause;
    cause.message[0] = 0;
    while (command != end && added == EERIE_OK && ee_task_job_has_room(&job, command)) {
      added = ee_task_job_add(&job, command, &cause);
      command = command->next;
    }
    EE_TRY(ee_task_job_run(submission, &job, wake, err));
    if (added != EERIE_OK && err) *err = cause;
    wake = 0;
  }
  ee_workers_judge(submission->device->workers, ns, ee_port_time_ns() - begin_ns);
  return added;
}

// Alone or shared.
static eerie_status_t run_either(ee_task_submission_t *submission, const ee_hal_command_t *command,
                                 const ee_hal_command_t *end, uint64_t ns, eerie_error_t *err) {
  submission->expected_ns += ns;
  uint32_t wake;
  if (submission->share && ee_workers_pay(submission->device->workers, ns, &wake) &&
      ee_task_enter(submission)) {
    return run_shared(submission, command, end, ns, wake, err);
  }
  for (; command != end; command = command->next) {
    EE_TRY(run_measured(submission, command, ns, err));
  }
  return EERIE_OK;
}

static eerie_status_t run_group(ee_task_submission_t *submission, const ee_hal_command_t *command,
                                const ee_hal_command_t *end, eerie_error_t *err) {
  uint64_t ns = 0;
  for (const ee_hal_command_t *one = command; one != end; one = one->next)
    ns += command_ns(one);
  return run_either(submission, command, end, ns, err);
}

// Of a kernel that was never run the first workgroup is done here, to know what they cost.
static eerie_status_t run_unknown(ee_task_submission_t *submission, const ee_hal_command_t *command,
                                  eerie_error_t *err) {
  ee_task_job_t job;
  ee_task_job_begin(&job, submission->device, submission->table);
  EE_TRY(ee_task_job_add(&job, command, err));
  if (!job.unit_count) return EERIE_OK;
  ee_task_entry_t *entry = &job.entries[0];
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
    ee_task_job_unit(&job, 0, &caller);
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
             ee_task_enter(submission)));
  if (done == all) return EERIE_OK;
  const ee_cpu_executable_t *executable = entry->executable;
  job.entry_count = job.unit_count = 0;
  EE_TRY(ee_task_job_add_dispatch(&job, executable, done, err));
  return ee_task_job_run(submission, &job, wake, err);
}

// A command between two barriers.
static eerie_status_t run_alone(ee_task_submission_t *submission, const ee_hal_command_t *command,
                                eerie_error_t *err) {
  if (!ee_task_is_dispatch(command) || command->executable->kernels) {
    const uint64_t ns = ee_task_is_dispatch(command) ? 0 : command_ns(command);
    if (EE_LIKELY(ns < EE_TASK_CUT_BYTES / BYTES_PER_NS)) return run_here(submission, command, err);
    return run_either(submission, command, command->next, ns, err);
  }
  const ee_cpu_cost_t *cost = ee_task_cost_of(command->executable, command->function);
  const bool indirect = command->kind == EE_HAL_COMMAND_DISPATCH_INDIRECT;
  uint32_t counts[3];
  memcpy(counts, command->workgroup_count, sizeof counts);
  if (indirect) EE_TRY(ee_cpu_dispatch_counts(command, submission->table, counts, err));
  const uint64_t workgroups = ee_task_product(counts);
  if (EE_LIKELY(workgroups <= 1 && !submission->table->later)) {
    return run_here(submission, command, err);
  }
  if (workgroups <= 1) return run_measured(submission, command, 0, err); // see ee_task_list_takes
  const uint64_t ns = ee_cpu_cost_estimate(cost, workgroups);
  if (!ns && cost) return run_unknown(submission, command, err);
  return run_either(submission, command, command->next, ns, err);
}

eerie_status_t ee_task_list_run(ee_task_submission_t *submission, eerie_error_t *err) {
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

bool ee_task_list_takes(const ee_hal_command_list_t *list, uint64_t ns) {
  uint64_t all = 0;
  const ee_hal_command_t *command = list->first;
  for (; command && all < ns; command = command->next)
    all += is_known(command) ? command_ns(command) : ns;
  return all >= ns;
}

// The first kernel of a list stands for the list where it is known what ways to run it bring. NULL:
// for a list of a single workgroup there is one.
ee_cpu_cost_t *ee_task_list_cost(const ee_hal_command_list_t *list) {
  for (const ee_hal_command_t *command = list->first; command; command = command->next) {
    if (command->kind != EE_HAL_COMMAND_DISPATCH) continue;
    if (!command->next && ee_task_product(command->workgroup_count) <= 1) return NULL;
    return ee_task_cost_of(command->executable, command->function);
  }
  return NULL;
}

#endif
