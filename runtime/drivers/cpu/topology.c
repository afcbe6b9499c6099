// topology.c: how many threads work together, and on which CPUs.
//
// By itself: one thread for each core that the process may use, the fastest first, and no more than
// the time that it is granted. Two threads on one core share its arithmetic units, which kernels
// fill, so the second brings nothing.
#include "drivers/cpu/workers.h"

#if EERIE_THREADS

#define DEFAULT_SPIN_US 50u

enum { CORES_ALL, CORES_FAST, CORES_SLOW, CORES_LOGICAL }; // eerie_cores_t

typedef struct machine {
  ee_port_cpu_t *cpus;
  size_t count;
  size_t size; // bytes
} machine_t;

static eerie_status_t machine_read(ee_heap_t *heap, const char *root, machine_t *out_machine,
                                   eerie_error_t *err) {
  const size_t count = ee_port_cpus(root, NULL, 0);
  const size_t size = count * sizeof(ee_port_cpu_t);
  ee_port_cpu_t *cpus = ee_heap_allocate(heap, size);
  if (!cpus) return EE_NO_MEMORY(err, size);
  const size_t found = ee_port_cpus(root, cpus, count);
  *out_machine = (machine_t){cpus, found < count ? found : count, size};
  return EERIE_OK;
}

static uint32_t fastest(const machine_t *machine) {
  uint32_t capacity = 0;
  for (size_t i = 0; i < machine->count; ++i) {
    if (machine->cpus[i].capacity > capacity) capacity = machine->cpus[i].capacity;
  }
  return capacity;
}

static bool is_first_of_core(const machine_t *machine, size_t index) {
  for (size_t i = 0; i < index; ++i) {
    if (machine->cpus[i].core == machine->cpus[index].core) return false;
  }
  return true;
}

// Capacities of equal cores differ by a few per cent where some may be clocked higher.
static bool is_fast(uint32_t capacity, uint32_t most) {
  return capacity >= most - most / 4;
}

// Keeps the CPUs that are wanted.
static void machine_select(machine_t *machine, uint32_t cores) {
  const uint32_t most = fastest(machine);
  bool any_slow = false;
  for (size_t i = 0; i < machine->count; ++i) {
    any_slow = any_slow || !is_fast(machine->cpus[i].capacity, most);
  }
  // The test for a core looks at those before, so what goes is marked first.
  for (size_t i = 0; i < machine->count; ++i) {
    ee_port_cpu_t *cpu = &machine->cpus[i];
    const bool fast = is_fast(cpu->capacity, most);
    const bool wrong = (cores == CORES_FAST && !fast) || (cores == CORES_SLOW && fast && any_slow);
    if (wrong || (cores != CORES_LOGICAL && !is_first_of_core(machine, i))) cpu->capacity = 0;
  }
  size_t kept = 0;
  for (size_t i = 0; i < machine->count; ++i) {
    if (machine->cpus[i].capacity) machine->cpus[kept++] = machine->cpus[i];
  }
  if (kept) machine->count = kept;
}

// The fastest first; equal ones stay in order.
static void machine_sort(machine_t *machine) {
  for (size_t i = 1; i < machine->count; ++i) {
    const ee_port_cpu_t cpu = machine->cpus[i];
    size_t at = i;
    for (; at > 0 && machine->cpus[at - 1].capacity < cpu.capacity; --at)
      machine->cpus[at] = machine->cpus[at - 1];
    machine->cpus[at] = cpu;
  }
}

// ---- Lists of CPUs -----------------------------------------------------------------------------

static bool read_number(const char **at, uint32_t *out_number) {
  const char *start = *at;
  uint32_t number = 0;
  while (**at >= '0' && **at <= '9' && number < 1000000) {
    number = number * 10 + (uint32_t)(*(*at)++ - '0');
  }
  *out_number = number;
  return *at != start;
}

static size_t find_cpu(const machine_t *machine, uint32_t id) {
  for (size_t i = 0; i < machine->count; ++i) {
    if (machine->cpus[i].id == id) return i;
  }
  return machine->count;
}

// "0-3,8": in that order, each once and each one that may be used.
static eerie_status_t read_list(const machine_t *machine, const char *list, uint32_t *out_cpus,
                                size_t *out_count, eerie_error_t *err) {
  size_t count = 0;
  const char *at = list;
  do {
    uint32_t first, last;
    if (!read_number(&at, &first)) break;
    last = first;
    if (*at == '-' && (++at, !read_number(&at, &last))) break;
    if (last < first) break;
    for (uint32_t id = first; id <= last; ++id) {
      if (find_cpu(machine, id) == machine->count) {
        return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                       "CPU %u of '%s' is not one of the %zu that this process may use", id, list,
                       machine->count);
      }
      bool twice = false;
      for (size_t i = 0; i < count; ++i)
        twice = twice || out_cpus[i] == id;
      if (!twice) out_cpus[count++] = id;
    }
    if (!*at) {
      *out_count = count;
      return EERIE_OK;
    }
  } while (*at++ == ',');
  return EE_FAIL(err, EERIE_INVALID_ARGUMENT,
                 "'%s' is no list of CPUs: numbers and ranges with commas between, \"0-3,8\"",
                 list);
}

// ---- The plan ----------------------------------------------------------------------------------

static uint32_t choose_count(const char *root, const ee_hal_device_options_t *options,
                             size_t available) {
  if (options->threads) {
    return options->threads < EE_WORKERS_MAX ? (uint32_t)options->threads : EE_WORKERS_MAX;
  }
  size_t count = available;
  // A part of a CPU counts as one: with a thread less it would lie idle.
  const uint64_t quota = ee_port_cpu_quota(root);
  if (quota && (quota + 999) / 1000 < count) count = (size_t)((quota + 999) / 1000);
  if (options->max_threads && options->max_threads < count) count = options->max_threads;
  if (count > EE_WORKERS_MAX) count = EE_WORKERS_MAX;
  return count ? (uint32_t)count : 1;
}

static eerie_status_t fill_plan(ee_heap_t *heap, const char *root,
                                const ee_hal_device_options_t *options, machine_t *machine,
                                ee_workers_plan_t *plan, eerie_error_t *err) {
  const size_t usable = machine->count;
  plan->cpus_count = usable;
  plan->cpus = ee_heap_allocate(heap, usable * sizeof *plan->cpus);
  if (!plan->cpus) return EE_NO_MEMORY(err, usable * sizeof *plan->cpus);
  size_t count;
  if (options->cpus) {
    EE_TRY(read_list(machine, options->cpus, plan->cpus, &count, err));
  } else {
    machine_select(machine, options->cores);
    machine_sort(machine);
    count = machine->count;
    for (size_t i = 0; i < count; ++i)
      plan->cpus[i] = machine->cpus[i].id;
  }
  plan->pin = options->pin || options->cpus;
  plan->threads = choose_count(root, options, count);
  // Who spins on a CPU that another thread needs holds it up.
  plan->spin_us = options->spin_us ? (uint32_t)options->spin_us : DEFAULT_SPIN_US;
  if (options->spin_us < 0 || plan->threads > usable) plan->spin_us = 0;
  if (plan->cpus_count > count && count) {
    uint32_t *shorter =
        ee_heap_resize(heap, plan->cpus, usable * sizeof *plan->cpus, count * sizeof *plan->cpus);
    if (!shorter) return EE_NO_MEMORY(err, count * sizeof *plan->cpus);
    plan->cpus = shorter;
    plan->cpus_count = count;
  }
  return EERIE_OK;
}

eerie_status_t ee_workers_plan(ee_heap_t *heap, const char *root,
                               const ee_hal_device_options_t *options, ee_workers_plan_t *out_plan,
                               eerie_error_t *err) {
  static const ee_hal_device_options_t defaults;
  *out_plan = (ee_workers_plan_t){0};
  machine_t machine;
  EE_TRY(machine_read(heap, root, &machine, err));
  const eerie_status_t status =
      fill_plan(heap, root, options ? options : &defaults, &machine, out_plan, err);
  ee_heap_free(heap, machine.cpus, machine.size);
  if (status != EERIE_OK) ee_workers_plan_free(heap, out_plan);
  return status;
}

void ee_workers_plan_free(ee_heap_t *heap, ee_workers_plan_t *plan) {
  ee_heap_free(heap, plan->cpus, plan->cpus_count * sizeof *plan->cpus);
  *plan = (ee_workers_plan_t){0};
}

#endif
