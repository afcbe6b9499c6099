// task.h: what the files of "local-task" share.
//
//   task.c       the device, and operations that it is given
//   task_list.c  a submission: what of a command list runs when, and whether it is shared
//   task_job.c   a job: commands that the caller and workers run together, cut into units
//
// A command list is run by the thread that submits it, in order. What stands between two barriers
// is a group, whose commands may run in any order and at once. A group that is worth it becomes a
// job (workers.h); the rest runs on the spot, as "local-sync" does it. Whether it is worth it is
// told by what the same kernels took before (cost.h). Units write to what the module gave them and
// to nothing else, so answers are the same to the bit, and a failure is reported as if all had run
// in order: the one of the lowest unit, before which all were done.
#ifndef EE_DRIVERS_CPU_TASK_H_
#define EE_DRIVERS_CPU_TASK_H_

#include "drivers/cpu/cost.h"
#include "drivers/cpu/workers.h"

#if EERIE_THREADS

#include <stdatomic.h>

typedef struct ee_task_device {
  ee_cpu_device_t base;
  ee_workers_t *workers; // NULL: one thread
} ee_task_device_t;

// ---- Jobs, task_job.c --------------------------------------------------------------------------

// Commands of one job at most; a longer group is cut, as its order does not matter.
#define EE_TASK_ENTRIES   16u
#define EE_TASK_ARGUMENTS 160u
// Fills and copies from here on are cut.
#define EE_TASK_CUT_BYTES (256u * 1024u)

// A command of a job.
typedef struct ee_task_entry {
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
} ee_task_entry_t;

typedef struct ee_task_job {
  ee_task_device_t *device;
  const ee_hal_operation_t *table;
  uint32_t entry_count;
  uint32_t unit_count;
  uint32_t argument_count;
  _Atomic uint32_t failed_unit; // UINT32_MAX: none
  _Atomic uint32_t failure_lock;
  eerie_status_t failure;
  eerie_error_t error;
  ee_task_entry_t entries[EE_TASK_ENTRIES];
  uint8_t *bindings[EE_TASK_ARGUMENTS];
  size_t sizes[EE_TASK_ARGUMENTS];
  uint32_t access[EE_TASK_ARGUMENTS];
} ee_task_job_t;

// One submission. All zero but `device`, `table` and `share` to begin with.
typedef struct ee_task_submission {
  ee_task_device_t *device;
  const ee_hal_operation_t *table;
  ee_cpu_scratch_t scratch;
  ee_job_t *place;      // among the workers; NULL: not entered yet
  bool share;           // what pays
  uint64_t expected_ns; // that all took so far, alone
  uint64_t float_mode;
} ee_task_submission_t;

static inline uint64_t ee_task_product(const uint32_t counts[3]) {
  return (uint64_t)counts[0] * counts[1] * counts[2];
}

// NULL: what it takes is not measured.
static inline ee_cpu_cost_t *ee_task_cost_of(const ee_hal_executable_t *base, uint32_t function) {
  if (base->kernels) return NULL;
  ee_cpu_cost_t *costs = ((const ee_cpu_executable_t *)base)->costs;
  return costs ? &costs[function] : NULL;
}

static inline bool ee_task_is_dispatch(const ee_hal_command_t *command) {
  return command->kind == EE_HAL_COMMAND_DISPATCH ||
         command->kind == EE_HAL_COMMAND_DISPATCH_INDIRECT;
}

// Takes a place among the workers. False: there is none.
bool ee_task_enter(ee_task_submission_t *submission);
void ee_task_leave(const ee_task_submission_t *submission);

// An empty job. `table`: of what the bindings of its commands are; NULL where there are none.
void ee_task_job_begin(ee_task_job_t *job, ee_task_device_t *device,
                       const ee_hal_operation_t *table);
bool ee_task_job_has_room(const ee_task_job_t *job, const ee_hal_command_t *command);
// Adds a command to a job with room for it; one that carries nothing to do adds nothing.
eerie_status_t ee_task_job_add(ee_task_job_t *job, const ee_hal_command_t *command,
                               eerie_error_t *err);
// The same of the dispatch that the next entry holds, from `first_workgroup` on.
eerie_status_t ee_task_job_add_dispatch(ee_task_job_t *job, const ee_cpu_executable_t *executable,
                                        uint64_t first_workgroup, eerie_error_t *err);
// Does one unit: an ee_unit_function_t.
void ee_task_job_unit(void *user, uint32_t unit, ee_participant_t *participant);
// Does all of them, from the submission's place, and learns what kernels take.
eerie_status_t ee_task_job_run(ee_task_submission_t *submission, ee_task_job_t *job, uint32_t wake,
                               eerie_error_t *err);

// ---- Submissions, task_list.c ------------------------------------------------------------------

// Runs the list of the submission's table.
eerie_status_t ee_task_list_run(ee_task_submission_t *submission, eerie_error_t *err);
// The cost that stands for all of a list; NULL: there is one way to run it.
ee_cpu_cost_t *ee_task_list_cost(const ee_hal_command_list_t *list);
// Does it take one thread `ns` and more? A kernel that nobody has measured may.
bool ee_task_list_takes(const ee_hal_command_list_t *list, uint64_t ns);

#endif

#endif // EE_DRIVERS_CPU_TASK_H_
