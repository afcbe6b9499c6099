// task_job.c: jobs, whose units the caller and workers run together. See task.h.
//
// A dispatch is cut into units of some workgroups, a large transfer into units of some bytes; other
// commands are a unit each.
#include "drivers/cpu/convention.h"
#include "drivers/cpu/observe.h"
#include "drivers/cpu/task.h"

#if EERIE_THREADS

#include <stdatomic.h>

// A unit should take longer than to get it.
#define UNIT_NS 1500u
// Units of a dispatch for each thread at most, so that all end together.
#define UNITS_PER_THREAD 64u
// Of a transfer at most, and each has half of what is worth cutting at least.
#define PIECES_MAX 1024u

// ---- Units -------------------------------------------------------------------------------------

// Keeps the failure of the lowest unit.
static EE_COLD void fail(ee_task_job_t *job, uint32_t unit, eerie_status_t status,
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

static inline bool is_pointless(ee_task_job_t *job, uint32_t unit) {
  return unit > atomic_load_explicit(&job->failed_unit, memory_order_relaxed);
}

// Workgroups [first, end) of a dispatch, in the order of their numbers. Returns the first code that
// is not 0, and how many were done before.
static int run_workgroups(const ee_task_entry_t *entry, uint64_t first, uint64_t end,
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

static void run_dispatch_unit(ee_task_job_t *job, ee_task_entry_t *entry, uint32_t unit,
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
static void cut_binding(ee_hal_binding_t *binding, const ee_task_entry_t *entry, uint32_t index) {
  const uint64_t from = index * entry->grain;
  const uint64_t rest = entry->workgroup_count - from;
  binding->offset += from;
  binding->size = entry->grain < rest ? entry->grain : rest;
}

static void run_command_unit(ee_task_job_t *job, const ee_task_entry_t *entry, uint32_t unit,
                             uint32_t worker) {
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

void ee_task_job_unit(void *user, uint32_t unit, ee_participant_t *participant) {
  ee_task_job_t *job = user;
  if (EE_UNLIKELY(is_pointless(job, unit))) return;
  ee_task_entry_t *entry = job->entries;
  while (unit - entry->first_unit >= entry->unit_count)
    ++entry;
  if (entry->command) {
    run_command_unit(job, entry, unit, participant->index);
  } else {
    run_dispatch_unit(job, entry, unit, participant);
  }
}

// ---- Making jobs
// --------------------------------------------------------------------------------------

void ee_task_job_begin(ee_task_job_t *job, ee_task_device_t *device,
                       const ee_hal_operation_t *table) {
  job->device = device;
  job->table = table;
  job->entry_count = job->unit_count = job->argument_count = 0;
  atomic_init(&job->failed_unit, UINT32_MAX);
  atomic_init(&job->failure_lock, 0u);
}

static void add_units(ee_task_job_t *job, ee_task_entry_t *entry, uint32_t count) {
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
      size < EE_TASK_CUT_BYTES) {
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

static void add_command(ee_task_job_t *job, const ee_hal_command_t *command) {
  ee_task_entry_t *entry = &job->entries[job->entry_count];
  entry->command = command;
  entry->workgroup_count = cuttable_bytes(command, job->table);
  entry->grain = entry->workgroup_count / PIECES_MAX;
  if (entry->grain < EE_TASK_CUT_BYTES / 2) entry->grain = EE_TASK_CUT_BYTES / 2;
  entry->grain = (entry->grain + 63) & ~(uint64_t)63;
  const uint64_t pieces = (entry->workgroup_count + entry->grain - 1) / entry->grain;
  add_units(job, entry, pieces ? (uint32_t)pieces : 1);
}

eerie_status_t ee_task_job_add_dispatch(ee_task_job_t *job, const ee_cpu_executable_t *executable,
                                        uint64_t first_workgroup, eerie_error_t *err) {
  ee_task_entry_t *entry = &job->entries[job->entry_count];
  const ee_hal_dispatch_t *dispatch = &entry->dispatch;
  entry->command = NULL;
  entry->executable = executable;
  atomic_init(&entry->busy_ns, 0);
  entry->cost = ee_task_cost_of(&executable->base, dispatch->function);
  entry->local_size = ee_cpu_local_size(executable, dispatch->function);
  entry->first_workgroup = first_workgroup;
  entry->workgroup_count = ee_task_product(dispatch->workgroup_count);
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

eerie_status_t ee_task_job_add(ee_task_job_t *job, const ee_hal_command_t *command,
                               eerie_error_t *err) {
  if (!ee_task_is_dispatch(command) || command->executable->kernels) {
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
  return ee_task_job_add_dispatch(job, (const ee_cpu_executable_t *)command->executable, 0, err);
}

bool ee_task_job_has_room(const ee_task_job_t *job, const ee_hal_command_t *command) {
  return job->entry_count < EE_TASK_ENTRIES &&
         job->argument_count + command->binding_count <= EE_TASK_ARGUMENTS;
}

// ---- Running them ------------------------------------------------------------------------------

bool ee_task_enter(ee_task_submission_t *submission) {
  if (submission->place) return true;
  submission->place = ee_workers_enter(submission->device->workers);
  submission->float_mode = ee_port_float_mode();
  return submission->place != NULL;
}

void ee_task_leave(const ee_task_submission_t *submission) {
  if (submission->place) ee_workers_leave(submission->place);
  ee_cpu_scratch_release(&submission->device->base.base, &submission->scratch);
}

eerie_status_t ee_task_job_run(ee_task_submission_t *submission, ee_task_job_t *job, uint32_t wake,
                               eerie_error_t *err) {
  if (!job->unit_count) return EERIE_OK;
  size_t local_size = 0;
  for (uint32_t i = 0; i < job->entry_count; ++i) {
    const ee_task_entry_t *entry = &job->entries[i];
    if (!entry->command && entry->local_size > local_size) local_size = entry->local_size;
  }
  EE_TRY(ee_cpu_scratch_reserve(&job->device->base.base, &submission->scratch, local_size, err));
  ee_participant_t caller = {.scratch = submission->scratch};
  ee_workers_run(submission->place, job->unit_count, ee_task_job_unit, job, &caller,
                 submission->float_mode, wake);
  if (EE_LIKELY(atomic_load_explicit(&job->failed_unit, memory_order_acquire) == UINT32_MAX)) {
    for (uint32_t i = 0; i < job->entry_count; ++i) {
      const ee_task_entry_t *entry = &job->entries[i];
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

#endif
