/* interpreted.c: a module in flash, run by Eerie's interpreter on a board: all images, what the
 * pool and the stack held, a pool that is too small, instructions.
 *
 * "model.h" is made for each model: the query function of its kernels, shape and bytes of the
 * module. */
#include "eerie/eerie_kernels.h"

#include "case.h"
#include "eerie_pool.h"
#include "model.h"

static _Alignas(64) uint8_t memory[POOL_SIZE];

const void *MODEL_QUERY(uint32_t max_version, const void *environment);

typedef struct loaded {
  eerie_instance_t *instance;
  eerie_device_t *device;
  eerie_module_t *module;
  eerie_program_t *program;
  eerie_function_t *function;
} loaded_t;

static eerie_status_t load(loaded_t *loaded, eerie_pool_t *pool, eerie_error_t *err) {
  *loaded = (loaded_t){NULL, NULL, NULL, NULL, NULL};
  const eerie_instance_options_t options = {.allocator = {eerie_pool_reallocate, pool}};
  eerie_status_t status = eerie_instance_create(&options, &loaded->instance, err);
  if (!status) status = eerie_device_open(loaded->instance, "local-sync", &loaded->device, err);
  if (!status) status = eerie_device_add_library(loaded->device, MODEL_QUERY, err);
  if (!status)
    status = eerie_module_load_memory(loaded->instance, model_module, sizeof model_module, NULL,
                                      &loaded->module, err);
  const eerie_program_options_t what = {.module = loaded->module, .device = loaded->device};
  if (!status) status = eerie_program_create(loaded->instance, &what, &loaded->program, err);
  if (!status) status = eerie_program_find(loaded->program, MODEL_FUNCTION, &loaded->function, err);
  return status;
}

static void unload(loaded_t *loaded) {
  eerie_program_release(loaded->program);
  eerie_module_release(loaded->module);
  eerie_device_release(loaded->device);
  eerie_instance_release(loaded->instance);
}

static eerie_status_t classify(const loaded_t *loaded, const float *pixels, float *scores,
                               eerie_error_t *err) {
  static const int64_t shape[] = MODEL_SHAPE;
  eerie_tensor_t *input = NULL, *output = NULL;
  eerie_status_t status = eerie_tensor_create(
      loaded->device, EERIE_F32, sizeof shape / sizeof *shape, shape, pixels, &input, err);
  if (!status) status = eerie_call_tensors(loaded->function, &input, 1, &output, 1, err);
  if (!status) status = eerie_tensor_read(output, 0, scores, 10 * sizeof *scores, err);
  eerie_tensor_release(output);
  eerie_tensor_release(input);
  return status;
}

/* Every size of pool up to one that is enough must end with a status and give all bytes back. */
static void starve(void) {
  eerie_error_t err;
  uint32_t refused = 0, lost = 0;
  for (size_t size = 0; size < sizeof memory; size += sizeof memory / 16) {
    eerie_pool_t pool;
    loaded_t loaded;
    eerie_pool_initialize(&pool, memory, size);
    const eerie_status_t status = load(&loaded, &pool, &err);
    refused += status == EERIE_RESOURCE_EXHAUSTED;
    unload(&loaded);
    lost += pool.used != 0;
  }
  write_line("refused", refused);
  write_line("lost", lost);
}

int board_main(void) {
  static float pixels[IMAGE_PIXELS], scores[10];
  eerie_error_t err;
  eerie_pool_t pool;
  loaded_t loaded;
  starve();
  eerie_pool_initialize(&pool, memory, sizeof memory);
  eerie_status_t status = load(&loaded, &pool, &err);
  uint32_t warm = 0;
  for (size_t i = 0; i < IMAGE_COUNT && !status; ++i) {
    read_image(i, pixels);
    status = classify(&loaded, pixels, scores, &err);
    if (!status) write_scores(i, scores);
    if (i == 1) warm = (uint32_t)pool.used;
  }
  write_line("grown", (uint32_t)pool.used - warm);
  write_line("status", (uint32_t)status);
  const uint32_t begin = board_ticks();
  if (!status) status = classify(&loaded, pixels, scores, &err);
  write_line("ticks-total", (board_ticks() - begin) & BOARD_TICKS);
  write_line("pool", (uint32_t)pool.peak);
  write_line("stack", (uint32_t)board_stack_used());
  unload(&loaded);
  write_line("left", (uint32_t)pool.used);
  return (int)status;
}
