// Calls every function of a module over the public interface, for kernels_test.py: inputs are made
// here, results are printed as bits, a line to a function.
//
//   kernels_run [option...] MODULE COUNT FUNCTION...
//
//   --plugin=FILE   kernels may call the functions of a plugin
//   --table         kernels may call functions of this program; prints what they are told
//   --no-native     the program may not load machine code
//
// Compiled with -DLIBRARY_QUERY=<function>, kernels that are linked in are known; with -DBARE the
// runtime has no system, and gets memory and the module's bytes from here. What fails is printed as
// "<status>: <message>", which is an answer too: the exit code is 0.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eerie/eerie.h"
#include "eerie/eerie_kernels.h"

#if defined(LIBRARY_QUERY)
const void *LIBRARY_QUERY(uint32_t max_version, const void *environment);
#endif

#define MAX_INPUTS 3

typedef struct run {
  eerie_error_t err;
  eerie_instance_t *instance;
  eerie_device_t *device;
  eerie_module_t *module;
  eerie_program_t *program;
  int64_t count; // elements of each input
} run_t;

// ---- Functions for kernels ---------------------------------------------------------------------

// What the kernels of imports.mlir give: results, arguments, then the fields that they ask for.
typedef struct scale_params {
  const float *x;
  size_t x_offset;
  const float *y;
  size_t y_offset;
  float *z;
  size_t z_offset;
  size_t count;
  size_t workgroup;
  float factor;
  uint32_t processor_id;
  const uint64_t *processor_data;
} scale_params_t;

typedef struct total_params {
  float sum;
  const float *x;
  size_t x_offset;
  size_t count;
} total_params_t;

typedef struct calls {
  unsigned count;
  uint32_t processor_id;
  uint64_t processor_data[8];
} calls_t;

static int scale(void *pointer, void *context, void *reserved) {
  const scale_params_t *p = pointer;
  calls_t *calls = context;
  (void)reserved;
  ++calls->count;
  calls->processor_id = p->processor_id;
  memcpy(calls->processor_data, p->processor_data, sizeof calls->processor_data);
  const size_t begin = p->workgroup * 64;
  const size_t end = p->count - begin < 64 ? p->count : begin + 64;
  for (size_t i = begin; i < end; ++i)
    p->z[p->z_offset + i] = p->x[p->x_offset + i] * p->y[p->y_offset + i] * p->factor;
  return 0;
}

static int total(void *pointer, void *context, void *reserved) {
  total_params_t *p = pointer;
  (void)context, (void)reserved;
  p->sum = 0;
  for (size_t i = 0; i < p->count; ++i)
    p->sum += p->x[p->x_offset + i];
  return 0;
}

// ---- Calls -------------------------------------------------------------------------------------

// The same numbers as kernels_test.py makes.
static float element(int64_t i, size_t input) {
  return (float)((i * 7 + (int64_t)input * 3) % 23) * 0.25f - 2.0f;
}

static eerie_status_t make_input(run_t *run, const eerie_type_t *type, size_t index,
                                 eerie_value_t *out_value) {
  *out_value = (eerie_value_t){.kind = type->kind};
  if (type->kind != EERIE_KIND_TENSOR) {
    out_value->as.f32 = 1.5f;
    return EERIE_OK;
  }
  float *data = calloc((size_t)run->count, sizeof *data);
  if (!data) return EERIE_RESOURCE_EXHAUSTED;
  for (int64_t i = 0; i < run->count; ++i)
    data[i] = element(i, index);
  const eerie_status_t status = eerie_tensor_create(run->device, EERIE_F32, 1, &run->count, data,
                                                    &out_value->as.tensor, &run->err);
  free(data);
  return status;
}

static void print_result(const char *name, const eerie_tensor_t *tensor) {
  const uint32_t *bits = eerie_tensor_data(tensor);
  printf("%s", name);
  for (uint64_t i = 0; i < eerie_tensor_count(tensor); ++i)
    printf(" %08" PRIx32, bits[i]);
  printf("\n");
}

static eerie_status_t call(run_t *run, const char *name) {
  eerie_function_t *function = NULL;
  eerie_value_t inputs[MAX_INPUTS] = {{0}}, output = {0};
  eerie_status_t status = eerie_program_find(run->program, name, &function, &run->err);
  if (status) return status;
  const size_t count = eerie_function_input_count(function);
  for (size_t i = 0; i < count && i < MAX_INPUTS && !status; ++i)
    status = make_input(run, eerie_function_input(function, i), i, &inputs[i]);
  if (!status) status = eerie_call(function, inputs, count, &output, 1, &run->err);
  if (!status) print_result(name, output.as.tensor);
  for (size_t i = 0; i < MAX_INPUTS; ++i)
    eerie_value_release(&inputs[i]);
  eerie_value_release(&output);
  return status;
}

// ---- The program -------------------------------------------------------------------------------

typedef struct options {
  const char *plugin;
  bool table;
  bool no_native;
} options_t;

static eerie_status_t give_kernels(run_t *run, const options_t *options, calls_t *calls) {
  const eerie_kernel_import_t table[] = {{"test_total", total, NULL}, {"test_scale", scale, calls}};
  eerie_status_t status = EERIE_OK;
#if defined(LIBRARY_QUERY)
  status = eerie_device_add_library(run->device, LIBRARY_QUERY, &run->err);
#endif
  if (!status && options->plugin)
    status = eerie_device_add_plugin(run->device, options->plugin, &run->err);
  if (!status && options->table)
    status = eerie_device_add_imports(run->device, table, 2, &run->err);
  return status;
}

#if defined(BARE)
static void *reallocate(void *user, void *pointer, size_t old_size, size_t new_size) {
  (void)user, (void)old_size;
  if (new_size) return realloc(pointer, new_size);
  free(pointer);
  return NULL;
}

static eerie_status_t create_instance(run_t *run) {
  const eerie_instance_options_t options = {.allocator = {reallocate, NULL}};
  return eerie_instance_create(&options, &run->instance, &run->err);
}

static eerie_status_t load_module(run_t *run, const char *path) {
  static _Alignas(64) unsigned char bytes[1 << 20];
  FILE *file = fopen(path, "rb");
  if (!file) return EERIE_NOT_FOUND;
  const size_t size = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  return eerie_module_load_memory(run->instance, bytes, size, NULL, &run->module, &run->err);
}
#else
static eerie_status_t create_instance(run_t *run) {
  return eerie_instance_create(NULL, &run->instance, &run->err);
}

static eerie_status_t load_module(run_t *run, const char *path) {
  return eerie_module_load_file(run->instance, path, NULL, &run->module, &run->err);
}
#endif

static eerie_status_t open_program(run_t *run, const options_t *options, const char *path,
                                   calls_t *calls) {
  eerie_status_t status = create_instance(run);
  if (!status) status = eerie_device_open(run->instance, "local-sync", &run->device, &run->err);
  if (!status) status = give_kernels(run, options, calls);
  if (!status) status = load_module(run, path);
  const eerie_program_options_t program = {
      .module = run->module, .device = run->device, .no_native = options->no_native};
  if (!status) status = eerie_program_create(run->instance, &program, &run->program, &run->err);
  return status;
}

static void print_calls(const calls_t *calls) {
  printf("calls %u processor %" PRIu32, calls->count, calls->processor_id);
  for (size_t i = 0; i < 8; ++i)
    printf(" %016" PRIx64, calls->processor_data[i]);
  printf("\n");
}

int main(int argc, char **argv) {
  options_t options = {0};
  int at = 1;
  for (; at < argc && strncmp(argv[at], "--", 2) == 0; ++at) {
    if (strncmp(argv[at], "--plugin=", 9) == 0) options.plugin = argv[at] + 9;
    if (strcmp(argv[at], "--table") == 0) options.table = true;
    if (strcmp(argv[at], "--no-native") == 0) options.no_native = true;
  }
  if (argc - at < 2) return 2;
  run_t run = {.count = strtol(argv[at + 1], NULL, 10)};
  calls_t calls = {0};
  eerie_status_t status = open_program(&run, &options, argv[at], &calls);
  for (int i = at + 2; i < argc && !status; ++i)
    status = call(&run, argv[i]);
  if (status)
    printf("%s: %s\n", eerie_status_name(status), run.err.message);
  else if (options.table)
    print_calls(&calls);
  eerie_program_release(run.program);
  eerie_module_release(run.module);
  eerie_device_release(run.device);
  eerie_instance_release(run.instance);
  return 0;
}
