// evict.c: constants that only initialisers read: compilers bring weights into the order that
// kernels want when a program starts. The pages of the file would stay in memory beside what was
// made of them: those that were read are given back while initialisers run, whenever they come to
// some megabytes, and those that nobody holds any more when they have run. Who still needs one gets
// it from the file again.
#include "api/api.h"
#include "params/params.h"
#include "port/port.h"
#include "port/resident.h"

// Below, looking costs more than it gives.
#define SMALLEST (256u * 1024u)

static void evict(const ee_module_t *module, ee_bytes_t bytes) {
  if (module->private_bytes && bytes.size >= SMALLEST) ee_port_file_evict_unwritten(bytes);
}

void ee_api_evict_constants(const ee_vm_program_t *program) {
  ee_vm_program_unused_constants(program, evict);
}

#if EERIE_EVICT

// So much may have been read before pages are given back.
#define HELD_BYTES ((uint64_t)8 << 20)
// With fewer bytes of constants all of this is left alone.
#define WORTHWHILE_BYTES ((uint64_t)16 << 20)

struct ee_api_relief {
  ee_heap_t *heap;
  size_t allocation_size;
  uint64_t resident; // bytes of files, after the last time
  bool active;
  bool evicted;
  size_t set_count;
  struct ee_params_set *const *sets;
  size_t module_count;
  const ee_module_t *modules[];
};

static uint64_t constant_bytes(const ee_module_t *module) {
  uint64_t sum = 0;
  for (uint32_t i = 0; module->private_bytes && i < module->rodata_count; ++i) {
    if (module->rodata[i].bytes.size >= SMALLEST) sum += module->rodata[i].bytes.size;
  }
  return sum;
}

static uint64_t parameter_bytes(const struct ee_params_set *set) {
  uint64_t sum = 0;
  for (const ee_params_holding_t *held = set->sources; held; held = held->next) {
    if (held->source->mapped) sum += held->source->size;
  }
  return sum;
}

static void evict_parameters(const ee_api_relief_t *relief) {
  for (size_t i = 0; i < relief->set_count; ++i) {
    for (const ee_params_holding_t *held = relief->sets[i]->sources; held; held = held->next) {
      if (!held->source->mapped) continue;
      ee_port_file_evict_unwritten((ee_bytes_t){held->source->data, held->source->size});
    }
  }
}

static void evict_all(const ee_api_relief_t *relief) {
  for (size_t i = 0; i < relief->module_count; ++i) {
    const ee_module_t *module = relief->modules[i];
    for (uint32_t j = 0; j < module->rodata_count; ++j)
      evict(module, module->rodata[j].bytes);
  }
  evict_parameters(relief);
}

static bool between(void *user) {
  ee_api_relief_t *relief = user;
  if (!relief->active) return false;
  const uint64_t resident = ee_port_file_resident();
  if (resident < relief->resident + HELD_BYTES) return true;
  evict_all(relief);
  relief->evicted = true;
  relief->resident = ee_port_file_resident();
  return true;
}

ee_api_relief_t *ee_api_evict_begin(ee_heap_t *heap, eerie_module_t *const *modules, size_t count,
                                    ee_bridge_hal_options_t *hal) {
  uint64_t sum = 0;
  for (size_t i = 0; i < count; ++i)
    sum += constant_bytes(ee_api_module(modules[i]));
  for (size_t i = 0; i < hal->parameter_count; ++i) {
    if (!hal->parameters[i]) return NULL; // `io_parameters` has an error for that
    sum += parameter_bytes(hal->parameters[i]);
  }
  size_t size;
  if (sum < WORTHWHILE_BYTES || !ee_mul_size(count, sizeof(ee_module_t *), &size) ||
      !ee_add_size(size, sizeof(ee_api_relief_t), &size)) {
    return NULL;
  }
  const uint64_t resident = ee_port_file_resident();
  ee_api_relief_t *relief = resident ? ee_heap_allocate(heap, size) : NULL;
  if (!relief) return NULL; // it helps where it can
  *relief = (ee_api_relief_t){.heap = heap,
                              .allocation_size = size,
                              .resident = resident,
                              .active = true,
                              .set_count = hal->parameter_count,
                              .sets = hal->parameters,
                              .module_count = count};
  for (size_t i = 0; i < count; ++i)
    relief->modules[i] = ee_api_module(modules[i]);
  hal->between = between;
  hal->between_user = relief;
  return relief;
}

void ee_api_evict_end(ee_api_relief_t *relief) {
  if (!relief) return;
  relief->active = false;
  // Which of them are still held nobody knows.
  if (relief->evicted) evict_parameters(relief);
  relief->set_count = relief->module_count = 0;
}

void ee_api_evict_free(ee_api_relief_t *relief) {
  if (relief) ee_heap_free(relief->heap, relief, relief->allocation_size);
}

#endif
