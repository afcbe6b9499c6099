// workers.c: jobs, and the threads that look for them.
//
// The ticket of a job holds the range of units that are left, and above it a generation. The caller
// takes units from the front, workers from the back: where calls repeat, each finds in its caches
// what it used in the call before. Who looked at an old job takes a unit of a newer one only as
// anybody may, as the ticket is all that a unit comes from; and what it reads of a job after it
// took a unit stays as it is until the unit is reported as done. So a job's fields need no lock,
// and its place is used again at once.
#include "drivers/cpu/workers.h"
#include "hal/observe.h"

#if EERIE_THREADS

#include <stdatomic.h>

#define MAX_JOBS 64u // bits of a word

// Of a number of a unit in a ticket; a job has EE_JOB_UNITS_MAX units at most.
#define UNIT_BITS 21u
#define UNIT_MASK (((uint32_t)1 << UNIT_BITS) - 1)
_Static_assert(EE_JOB_UNITS_MAX <= UNIT_MASK, "the number of a unit needs more bits");

// A CPU's cache moves lines of this size between cores.
#define LINE 64

// Looks at the clock once in so many turns of a spinning loop.
#define TURNS 32u

// What it costs to wake a thread that sleeps, before anything was measured; then between these
// bounds, halved when it was of use and doubled when not.
#define WAKE_NS_MIN 10000u
#define WAKE_NS_MAX 400000u
// What sharing may lose before callers work alone, and for how long they do: twice as long each
// time, less after each gain. A worker that others kept from running finds its caches cold, which
// costs up to 20 microseconds for each kernel, once: a call's worth of these is not yet a loss.
#define LOSS_NS      200000
#define PAUSE_NS_MIN 1000000
#define PAUSE_NS_MAX 64000000

struct ee_job {
  _Alignas(LINE) _Atomic uint64_t ticket; // generation | end | begin
  _Alignas(LINE) _Atomic uint32_t finished;
  _Atomic uint32_t waiting; // the caller sleeps on `finished`
  _Alignas(LINE) uint32_t units;
  ee_unit_function_t function;
  void *user;
  uint64_t float_mode;
  ee_workers_t *workers;
  uint32_t own;   // units that the caller did, of all jobs since it entered
  uint32_t total; // of those that all did
  bool woke;      // somebody, since it entered
};

typedef struct worker {
  ee_participant_t participant;
  ee_workers_t *workers;
  ee_port_thread_t thread;
  uint32_t cpu;
  bool pin;
} worker_t;

struct ee_workers {
  ee_job_t jobs[MAX_JOBS];
  _Alignas(LINE) _Atomic uint64_t open; // jobs with units that nobody has taken
  _Alignas(LINE) _Atomic uint64_t entered;
  _Alignas(LINE) _Atomic uint32_t sleepers;
  _Atomic uint32_t alarm; // what sleepers sleep on; counts up
  _Atomic uint32_t stop;
  _Alignas(LINE) _Atomic uint32_t debt_ns; // that sharing would have saved since the last alarm
  _Atomic uint32_t wake_ns;
  _Atomic uint32_t large_ns; // what the larger of the last jobs saved
  _Atomic int32_t loss_ns;   // by sharing, what was gained taken off
  _Atomic int32_t pause_ns;
  _Atomic int64_t pause_end; // 0: none
  _Atomic uint32_t references;
  ee_heap_t *heap;
  ee_later_t *later;
  void *block;
  size_t block_size;
  uint64_t process;
  uint64_t spin_ns;
  uint32_t threads; // the caller among them
  worker_t workers[];
};

// ---- Units -------------------------------------------------------------------------------------

// Takes one unit: who holds more of them and is held up by the system holds up the others.
static bool claim(ee_job_t *job, bool from_back, uint32_t *out_unit) {
  uint64_t ticket = atomic_load_explicit(&job->ticket, memory_order_acquire);
  for (;;) {
    const uint32_t begin = (uint32_t)ticket & UNIT_MASK;
    const uint32_t end = (uint32_t)(ticket >> UNIT_BITS) & UNIT_MASK;
    if (begin >= end) return false;
    const uint64_t taken = from_back ? ticket - ((uint64_t)1 << UNIT_BITS) : ticket + 1;
    if (atomic_compare_exchange_weak_explicit(&job->ticket, &ticket, taken, memory_order_acq_rel,
                                              memory_order_acquire)) {
      *out_unit = from_back ? end - 1 : begin;
      if (end - begin > 1) return true;
      // Before this unit is done nobody opens the place again.
      const uint64_t bit = (uint64_t)1 << (job - job->workers->jobs);
      (void)atomic_fetch_and_explicit(&job->workers->open, ~bit, memory_order_relaxed);
      return true;
    }
  }
}

// After it the caller may be gone, but for the word that it may sleep on.
static void report(ee_job_t *job) {
  const uint32_t units = job->units;
  if (atomic_fetch_add(&job->finished, 1u) + 1 != units) return;
  if (atomic_load(&job->waiting)) ee_port_word_wake(&job->finished, 1);
}

static bool assist(ee_job_t *job, worker_t *worker) {
  uint32_t unit;
  if (!claim(job, true, &unit)) return false;
  ee_port_float_adopt(job->float_mode);
  job->function(job->user, unit, &worker->participant);
  report(job);
  return true;
}

// ---- Workers -----------------------------------------------------------------------------------

static uint32_t lowest_bit(uint64_t mask) {
  return (uint32_t)__builtin_ctzll(mask);
}

// The next job after `last`, round and round, so that none is served twice before the others.
static uint32_t next_job(uint64_t open, uint32_t last) {
  const uint64_t after = last + 1 < MAX_JOBS ? open >> (last + 1) << (last + 1) : 0;
  return lowest_bit(after ? after : open);
}

static void sleep_until_alarm(ee_workers_t *workers) {
  // The one who opens a job looks at the sleepers after that, and the sleeper at the jobs after it
  // counts among them; so one of the two sees the other.
  (void)atomic_fetch_add(&workers->sleepers, 1u);
  const uint32_t alarm = atomic_load(&workers->alarm);
  if (!atomic_load(&workers->open) && !atomic_load(&workers->stop)) {
    ee_port_word_wait(&workers->alarm, alarm);
  }
  (void)atomic_fetch_sub(&workers->sleepers, 1u);
}

// Turns round until there is a job, for as long as spinning is worth it.
static bool spin(ee_workers_t *workers) {
  if (!workers->spin_ns) return false;
  const int64_t end = ee_port_time_ns() + (int64_t)workers->spin_ns;
  do {
    for (uint32_t i = 0; i < TURNS; ++i) {
      if (atomic_load_explicit(&workers->open, memory_order_acquire)) return true;
      ee_port_relax();
    }
  } while (!atomic_load_explicit(&workers->stop, memory_order_relaxed) && ee_port_time_ns() < end);
  return false;
}

static void worker_main(void *argument) {
  worker_t *worker = argument;
  ee_workers_t *workers = worker->workers;
  if (worker->pin) (void)ee_port_thread_pin(worker->cpu);
  uint32_t last = 0;
  while (!atomic_load_explicit(&workers->stop, memory_order_acquire)) {
    const uint64_t open = atomic_load_explicit(&workers->open, memory_order_acquire);
    if (open) {
      last = next_job(open, last);
      if (!assist(&workers->jobs[last], worker)) ee_port_relax();
    } else if (!spin(workers)) {
      sleep_until_alarm(workers);
    }
  }
}

eerie_status_t ee_participant_reserve(ee_participant_t *participant, size_t size,
                                      eerie_error_t *err) {
  ee_cpu_scratch_t *scratch = &participant->scratch;
  if (size <= scratch->size || !participant->heap) return EERIE_OK;
  ee_heap_free(participant->heap, scratch->block, scratch->block_size);
  *scratch = (ee_cpu_scratch_t){0};
  const size_t mask = EERIE_BUFFER_ALIGNMENT - 1;
  uint8_t *block = ee_heap_allocate(participant->heap, size + mask);
  if (!block) return EE_NO_MEMORY(err, size);
  *scratch = (ee_cpu_scratch_t){
      .block = block,
      .block_size = size + mask,
      .data = block + ((EERIE_BUFFER_ALIGNMENT - ((uintptr_t)block & mask)) & mask),
      .size = size,
  };
  return EERIE_OK;
}

// ---- Life --------------------------------------------------------------------------------------

static void stop_workers(ee_workers_t *workers, uint32_t started) {
  ee_later_destroy(workers->later);
  atomic_store(&workers->stop, 1u);
  (void)atomic_fetch_add(&workers->alarm, 1u);
  ee_port_word_wake(&workers->alarm, UINT32_MAX);
  // A forked process has none of them.
  const bool forked = workers->process != ee_port_process_id();
  for (uint32_t i = 0; i < started; ++i) {
    ee_participant_t *participant = &workers->workers[i].participant;
    if (!forked) ee_port_thread_join(&workers->workers[i].thread);
    ee_heap_free(workers->heap, participant->scratch.block, participant->scratch.block_size);
  }
  ee_heap_free(workers->heap, workers->block, workers->block_size);
}

static eerie_status_t start_workers(ee_workers_t *workers, const ee_workers_plan_t *plan,
                                    eerie_error_t *err) {
  for (uint32_t i = 0; i + 1 < workers->threads; ++i) {
    worker_t *worker = &workers->workers[i];
    worker->participant = (ee_participant_t){.index = i + 1, .heap = workers->heap};
    worker->workers = workers;
    worker->pin = plan->pin;
    if (plan->pin) worker->cpu = plan->cpus[(i + 1) % plan->cpus_count];
    char name[16];
    (void)ee_format(name, sizeof name, "eerie-worker-%u", i + 1);
    const eerie_status_t status =
        ee_port_thread_start(worker_main, worker, name, &worker->thread, err);
    if (status == EERIE_OK) continue;
    stop_workers(workers, i);
    return status;
  }
  return EERIE_OK;
}

eerie_status_t ee_workers_create(ee_heap_t *heap, const ee_workers_plan_t *plan,
                                 ee_workers_t **out_workers, eerie_error_t *err) {
  const size_t size = sizeof(ee_workers_t) + plan->threads * sizeof(worker_t) + LINE;
  void *block = ee_heap_allocate_zeroed(heap, size);
  if (!block) return EE_NO_MEMORY(err, size);
  ee_workers_t *workers = (ee_workers_t *)(((uintptr_t)block + LINE - 1) & ~(uintptr_t)(LINE - 1));
  workers->heap = heap;
  workers->block = block;
  workers->block_size = size;
  workers->process = ee_port_process_id();
  workers->spin_ns = (uint64_t)plan->spin_us * 1000;
  workers->threads = plan->threads;
  atomic_init(&workers->references, 1u);
  atomic_init(&workers->wake_ns, WAKE_NS_MIN);
  atomic_init(&workers->pause_ns, PAUSE_NS_MIN / 2);
  for (uint32_t i = 0; i < MAX_JOBS; ++i)
    workers->jobs[i].workers = workers;
  workers->later = ee_later_create(heap, plan->threads);
  if (!workers->later) {
    ee_heap_free(heap, block, size);
    return EE_NO_MEMORY(err, size);
  }
  EE_TRY(start_workers(workers, plan, err));
  *out_workers = workers;
  return EERIE_OK;
}

void ee_workers_retain(ee_workers_t *workers) {
  (void)atomic_fetch_add_explicit(&workers->references, 1u, memory_order_relaxed);
}

void ee_workers_release(ee_workers_t *workers) {
  if (!workers) return;
  if (atomic_fetch_sub_explicit(&workers->references, 1u, memory_order_acq_rel) != 1u) return;
  stop_workers(workers, workers->threads - 1);
}

uint32_t ee_workers_threads(const ee_workers_t *workers) {
  return workers->threads;
}

ee_later_t *ee_workers_later(const ee_workers_t *workers) {
  return workers->later;
}

// ---- Callers -----------------------------------------------------------------------------------

// Two that write at once lose one of the sums: all of these are estimates.
void ee_workers_judge(ee_workers_t *workers, uint64_t alone_ns, int64_t shared_ns) {
  const int64_t alone = alone_ns < INT32_MAX ? (int64_t)alone_ns : INT32_MAX;
  int64_t loss = shared_ns - alone;
  if (loss > LOSS_NS) loss = LOSS_NS;
  loss += atomic_load_explicit(&workers->loss_ns, memory_order_relaxed);
  if (loss < -LOSS_NS) loss = -LOSS_NS;
  int32_t pause_ns = atomic_load_explicit(&workers->pause_ns, memory_order_relaxed);
  if (loss >= LOSS_NS) {
    loss = 0;
    pause_ns = pause_ns < PAUSE_NS_MAX / 2 ? pause_ns * 2 : PAUSE_NS_MAX;
    atomic_store_explicit(&workers->pause_end, ee_port_time_ns() + pause_ns, memory_order_relaxed);
  } else if (shared_ns < alone && pause_ns > PAUSE_NS_MIN) {
    pause_ns -= pause_ns / 8;
  }
  atomic_store_explicit(&workers->loss_ns, (int32_t)loss, memory_order_relaxed);
  atomic_store_explicit(&workers->pause_ns, pause_ns, memory_order_relaxed);
}

static bool is_paused(ee_workers_t *workers) {
  const int64_t end = atomic_load_explicit(&workers->pause_end, memory_order_relaxed);
  if (EE_LIKELY(!end)) return false;
  if (ee_port_time_ns() < end) return true;
  atomic_store_explicit(&workers->pause_end, 0, memory_order_relaxed);
  return false;
}

bool ee_workers_pay(ee_workers_t *workers, uint64_t ns, uint32_t *out_wake) {
  *out_wake = 0;
  if (ns < EE_SHARE_NS_MIN || is_paused(workers)) return false;
  const uint32_t sleepers = atomic_load_explicit(&workers->sleepers, memory_order_relaxed);
  const bool awake = sleepers + 1 < workers->threads;
  const uint32_t wake_ns = atomic_load_explicit(&workers->wake_ns, memory_order_relaxed);
  if (sleepers) {
    // Two that add at once may lose one sum: it is an estimate. Who is woken should find the larger
    // jobs, not come too late to one of the small ones beside them.
    const uint32_t saved = ns / 2 < UINT32_MAX / 2 ? (uint32_t)(ns / 2) : UINT32_MAX / 2;
    uint32_t large = atomic_load_explicit(&workers->large_ns, memory_order_relaxed);
    large = saved > large ? saved : large - large / 64;
    atomic_store_explicit(&workers->large_ns, large, memory_order_relaxed);
    uint64_t debt = (uint64_t)atomic_load_explicit(&workers->debt_ns, memory_order_relaxed) + saved;
    if (debt > UINT32_MAX) debt = UINT32_MAX;
    if (debt >= wake_ns && saved >= large / 2) {
      *out_wake = sleepers;
      debt = 0;
    }
    atomic_store_explicit(&workers->debt_ns, (uint32_t)debt, memory_order_relaxed);
  }
  return awake || *out_wake;
}

ee_job_t *ee_workers_enter(ee_workers_t *workers) {
  uint64_t entered = atomic_load_explicit(&workers->entered, memory_order_relaxed);
  for (;;) {
    if (!~entered || (uint32_t)__builtin_popcountll(entered) >= workers->threads) return NULL;
    const uint32_t place = lowest_bit(~entered);
    if (atomic_compare_exchange_weak_explicit(&workers->entered, &entered,
                                              entered | (uint64_t)1 << place, memory_order_acq_rel,
                                              memory_order_relaxed)) {
      ee_job_t *job = &workers->jobs[place];
      job->own = job->total = 0;
      job->woke = false;
      return job;
    }
  }
}

// Learns from whether somebody who was woken came in time.
void ee_workers_leave(ee_job_t *job) {
  ee_workers_t *workers = job->workers;
  if (job->woke) {
    uint32_t cost = atomic_load_explicit(&workers->wake_ns, memory_order_relaxed);
    cost = job->own < job->total ? cost / 2 : cost * 2;
    if (cost < WAKE_NS_MIN) cost = WAKE_NS_MIN;
    if (cost > WAKE_NS_MAX) cost = WAKE_NS_MAX;
    atomic_store_explicit(&workers->wake_ns, cost, memory_order_relaxed);
  }
  const uint64_t bit = (uint64_t)1 << (job - workers->jobs);
  (void)atomic_fetch_and_explicit(&workers->entered, ~bit, memory_order_release);
}

static void open_job(ee_job_t *job, uint32_t wake) {
  ee_workers_t *workers = job->workers;
  const uint64_t bit = (uint64_t)1 << (job - workers->jobs);
  const uint64_t ticket = atomic_load_explicit(&job->ticket, memory_order_relaxed);
  atomic_store_explicit(&job->ticket,
                        ((ticket >> 2 * UNIT_BITS) + 1) << 2 * UNIT_BITS | (uint64_t)job->units
                                                                               << UNIT_BITS,
                        memory_order_release);
  (void)atomic_fetch_or(&workers->open, bit);
  if (!wake) return;
  const uint32_t sleepers = atomic_load(&workers->sleepers);
  if (wake > sleepers) wake = sleepers;
  if (wake > job->units - 1) wake = job->units - 1;
  if (!wake) return;
  job->woke = true;
  (void)atomic_fetch_add(&workers->alarm, 1u);
  ee_port_word_wake(&workers->alarm, wake);
}

// The units that others have taken are under way: mostly it is a matter of a moment.
static void wait_until_done(ee_job_t *job) {
  int64_t end = 0;
  for (uint32_t turn = 0;; ++turn) {
    if (atomic_load_explicit(&job->finished, memory_order_acquire) == job->units) return;
    ee_port_relax();
    if (turn % TURNS) continue;
    const int64_t now = ee_port_time_ns();
    if (!end) end = now + (int64_t)job->workers->spin_ns;
    if (now >= end) break;
  }
  atomic_store(&job->waiting, 1u);
  for (uint32_t done; (done = atomic_load(&job->finished)) != job->units;) {
    ee_port_word_wait(&job->finished, done);
  }
  atomic_store_explicit(&job->waiting, 0u, memory_order_relaxed);
}

void ee_workers_run(ee_job_t *job, uint32_t units, ee_unit_function_t function, void *user,
                    ee_participant_t *caller, uint64_t float_mode, uint32_t wake) {
  job->units = units;
  job->function = function;
  job->user = user;
  job->float_mode = float_mode;
  atomic_store_explicit(&job->finished, 0u, memory_order_relaxed);
  open_job(job, wake);
  uint32_t unit, own = 0;
  while (claim(job, false, &unit)) {
    function(user, unit, caller);
    ++own;
  }
  job->own += own;
  job->total += units;
  if (atomic_fetch_add_explicit(&job->finished, own, memory_order_acq_rel) + own != units) {
    const int64_t begin_ns = ee_hal_observe_begin(job->workers->heap);
    wait_until_done(job);
    if (begin_ns) {
      ee_hal_observe_span(job->workers->heap, EE_HAL_EVENT_WAIT, "workers", 0, begin_ns);
    }
  }
}

#endif
