// main.c: the smallest firmware that loads a module from flash and calls it.
//
// No system and no C library: memory comes from one static arena, the module's bytes from the
// linker script's symbols, results go to a variable that a debugger reads. It is what the size
// budget of the core is measured with; with FIRMWARE_HAS_KERNELS it gives the device a library of
// kernels that is linked in.
#include "eerie/eerie.h"
#if FIRMWARE_HAS_KERNELS
#include "eerie/eerie_kernels.h"

// What the compiler's object file has in a product.
static const void *find_kernels(uint32_t max_version, const void *environment) {
  (void)max_version, (void)environment;
  return NULL;
}
#endif

// The module's bytes, placed in flash by the linker script.
extern const uint8_t eerie_module_begin[], eerie_module_end[];

#define ARENA_SIZE (32u * 1024u)
static _Alignas(64) uint8_t arena[ARENA_SIZE];
static size_t arena_used;

// Hands out memory from the arena and takes back only what was given last, which is enough for a
// program that is set up once and then runs for ever.
static void *arena_reallocate(void *user, void *pointer, size_t old_size, size_t new_size) {
  (void)user;
  const size_t old_rounded = (old_size + 15u) & ~(size_t)15u;
  uint8_t *bytes = pointer;
  const bool is_last = bytes && bytes + old_rounded == arena + arena_used;
  if (new_size == 0) {
    if (is_last) arena_used -= old_rounded;
    return NULL;
  }
  if (new_size > ARENA_SIZE) return NULL;
  const size_t new_rounded = (new_size + 15u) & ~(size_t)15u;
  if (bytes && new_rounded <= old_rounded) return bytes;
  const size_t base = is_last ? arena_used - old_rounded : arena_used;
  if (new_rounded > ARENA_SIZE - base) return NULL;
  uint8_t *result = arena + base;
  for (size_t i = 0; bytes && result != bytes && i < old_size; ++i)
    result[i] = bytes[i];
  arena_used = base + new_rounded;
  return result;
}

volatile float eerie_result;
volatile eerie_status_t eerie_result_status;

// Loads the module, calls its only function with a tensor of ones and keeps the first number.
static eerie_status_t run(eerie_error_t *err) {
  const eerie_instance_options_t options = {.allocator = {.reallocate = arena_reallocate}};
  const int64_t shape[1] = {4};
  const float ones[4] = {1, 1, 1, 1};
  eerie_instance_t *instance = NULL;
  eerie_device_t *device = NULL;
  eerie_module_t *module = NULL;
  eerie_program_t *program = NULL;
  eerie_function_t *function = NULL;
  eerie_tensor_t *input = NULL, *output = NULL;
  const size_t size = (size_t)(eerie_module_end - eerie_module_begin);
  eerie_status_t status = eerie_instance_create(&options, &instance, err);
  if (!status) status = eerie_device_open(instance, "local-sync", &device, err);
#if FIRMWARE_HAS_KERNELS
  if (!status) status = eerie_device_add_library(device, find_kernels, err);
#endif
  if (!status)
    status = eerie_module_load_memory(instance, eerie_module_begin, size, NULL, &module, err);
  const eerie_program_options_t program_options = {.module = module, .device = device};
  if (!status) status = eerie_program_create(instance, &program_options, &program, err);
  if (!status) status = eerie_program_find(program, NULL, &function, err);
  if (!status) status = eerie_tensor_create(device, EERIE_F32, 1, shape, ones, &input, err);
  if (!status) status = eerie_call_tensors(function, &input, 1, &output, 1, err);
  if (!status) {
    float first = 0;
    status = eerie_tensor_read(output, 0, &first, sizeof first, err);
    eerie_result = first;
  }
  eerie_tensor_release(output);
  eerie_tensor_release(input);
  eerie_program_release(program);
  eerie_module_release(module);
  eerie_device_release(device);
  eerie_instance_release(instance);
  return status;
}

void eerie_reset(void);
void eerie_reset(void) {
  // The FPU is off after reset: full access to coprocessors 10 and 11 (ARMv7-M, CPACR).
  *(volatile uint32_t *)0xE000ED88u |= 0xFu << 20;
  static eerie_error_t err;
  eerie_result_status = run(&err);
  for (;;) {
  }
}
