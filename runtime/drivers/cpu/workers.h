// workers.h: threads that take part in the work of those who call.
//
// Work is a job of a number of units, each the same to the workers: a range of workgroups, a
// transfer. The caller publishes a job, takes part in it, and returns when all of it is done. Units
// are handed out by one atomic word for each job, one at a time, to the caller in ascending order
// and to workers in descending; a worker with nothing to do looks for another job, spins for a
// while, and sleeps. A caller never
// depends on a worker that has not taken a unit: without any it does all by itself, also in a
// process that was forked and has none.
#ifndef EE_DRIVERS_CPU_WORKERS_H_
#define EE_DRIVERS_CPU_WORKERS_H_

#include "drivers/cpu/cpu.h"
#include "drivers/cpu/later.h"

typedef struct ee_workers ee_workers_t;
typedef struct ee_job ee_job_t;

// Who does a unit: 0 is the caller, the others are workers.
typedef struct ee_participant {
  uint32_t index;
  ee_heap_t *heap;          // that `scratch` is from; NULL: the caller's, which is large enough
  ee_cpu_scratch_t scratch; // memory of its own for kernels
} ee_participant_t;

// Does one unit of a job.
typedef void (*ee_unit_function_t)(void *user, uint32_t unit, ee_participant_t *participant);

#define EE_WORKERS_MAX 1024u
// Less is done before another thread sees it.
#define EE_SHARE_NS_MIN 2500u
// Of a job.
#define EE_JOB_UNITS_MAX (EE_WORKERS_MAX * 1024u)

// How many threads work together, the caller among them, and where.
typedef struct ee_workers_plan {
  uint32_t threads;  // at least 1; the workers are one less
  uint32_t spin_us;  // before a thread with nothing to do sleeps
  bool pin;          // worker i stays on cpus[i]; cpus[0] is left to the caller
  uint32_t *cpus;    // of the heap; NULL where nothing is pinned
  size_t cpus_count; // not 0 where `pin` is set
} ee_workers_plan_t;

// Chooses by options (NULL: defaults) and machine; `root` as in port.h. INVALID_ARGUMENT: a list of
// CPUs that is none, or names one that this process may not use. Free with ee_workers_plan_free.
eerie_status_t ee_workers_plan(ee_heap_t *heap, const char *root,
                               const ee_hal_device_options_t *options, ee_workers_plan_t *out_plan,
                               eerie_error_t *err);
void ee_workers_plan_free(ee_heap_t *heap, ee_workers_plan_t *plan);

// Starts the threads. RESOURCE_EXHAUSTED: the system has no more, or no memory.
eerie_status_t ee_workers_create(ee_heap_t *heap, const ee_workers_plan_t *plan,
                                 ee_workers_t **out_workers, eerie_error_t *err);
void ee_workers_retain(ee_workers_t *workers);
// The last one ends the threads and waits for them.
void ee_workers_release(ee_workers_t *workers);
uint32_t ee_workers_threads(const ee_workers_t *workers);
// For what nobody waits for.
ee_later_t *ee_workers_later(const ee_workers_t *workers);

// Is it worth to share work that takes one thread `ns`? Workers that are awake take part for next
// to nothing, those that sleep are woken when what was not shared so far adds up to what it costs.
// Writes how many to wake.
bool ee_workers_pay(ee_workers_t *workers, uint64_t ns, uint32_t *out_wake);

// Tells what shared work took in all, and what it would have taken one thread. Where sharing does
// not gain, because others use the CPUs too, callers work alone for a while.
void ee_workers_judge(ee_workers_t *workers, uint64_t alone_ns, int64_t shared_ns);

// Room for the jobs of one caller, one after the other. NULL: as many callers are at work as there
// are threads, so that sharing gains nothing.
ee_job_t *ee_workers_enter(ee_workers_t *workers);
// Does all units and returns; workers take part, of which `wake` are woken. `float_mode`:
// ee_port_float_mode of the caller.
void ee_workers_run(ee_job_t *job, uint32_t units, ee_unit_function_t function, void *user,
                    ee_participant_t *caller, uint64_t float_mode, uint32_t wake);
void ee_workers_leave(ee_job_t *job);

// Memory of its own for a participant.
eerie_status_t ee_participant_reserve(ee_participant_t *participant, size_t size,
                                      eerie_error_t *err);

#endif // EE_DRIVERS_CPU_WORKERS_H_
