// A model that hands its matrix product to OpenBLAS, and the same model compiled as a whole.
//
//   eerie compile examples/openblas.mlir -o openblas.vmfb
//   openblas openblas.vmfb [RESULT]
//
// Prints the largest difference between the two and the least time of ten calls of each. RESULT: a
// file for the 512x512 floats of the layer.
#include <cblas.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <eerie/eerie.h>
#include <eerie/eerie_kernels.h>

#define SIZE  512
#define CALLS 10

// What the kernel in openblas.mlir passes: its arguments in order, each at its natural alignment.
typedef struct sgemm_params {
  const float *a;
  size_t a_offset;
  const float *b;
  size_t b_offset;
  float *c;
  size_t c_offset;
  size_t m, n, k;
} sgemm_params_t;

static int sgemm(void *params, void *context, void *reserved) {
  const sgemm_params_t *p = params;
  (void)context;
  (void)reserved;
  if (p->m > INT32_MAX || p->n > INT32_MAX || p->k > INT32_MAX) return 1;
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)p->m, (int)p->n, (int)p->k, 1.0f,
              p->a + p->a_offset, (int)p->k, p->b + p->b_offset, (int)p->n, 0.0f,
              p->c + p->c_offset, (int)p->n);
  return 0;
}

typedef struct example {
  eerie_error_t err;
  eerie_instance_t *instance;
  eerie_device_t *device;
  eerie_module_t *module;
  eerie_program_t *program;
  eerie_tensor_t *inputs[3]; // x, weights, bias
} example_t;

static eerie_status_t open_program(example_t *e, const char *path) {
  static const eerie_kernel_import_t imports[] = {{"sgemm", sgemm, NULL}};
  eerie_status_t status = eerie_instance_create(NULL, &e->instance, &e->err);
  if (!status) status = eerie_device_open(e->instance, "local-sync", &e->device, &e->err);
  // Before the program is created: that is when kernels look for what they import.
  if (!status) status = eerie_device_add_imports(e->device, imports, 1, &e->err);
  if (!status) status = eerie_module_load_file(e->instance, path, NULL, &e->module, &e->err);
  const eerie_program_options_t options = {.module = e->module, .device = e->device};
  return status ? status : eerie_program_create(e->instance, &options, &e->program, &e->err);
}

static eerie_status_t make_inputs(example_t *e) {
  static const int64_t shape[2] = {SIZE, SIZE};
  static float data[3][SIZE * SIZE];
  eerie_status_t status = EERIE_OK;
  for (int input = 0; input < 3 && !status; ++input) {
    for (int i = 0; i < SIZE * SIZE; ++i)
      data[input][i] = (float)((i * (2 * input + 3) + i / SIZE) % 17) * 0.125f - 1.0f;
    status = eerie_tensor_create(e->device, EERIE_F32, input == 2 ? 1 : 2, shape, data[input],
                                 &e->inputs[input], &e->err);
  }
  return status;
}

static double now(void) {
  struct timespec time;
  (void)timespec_get(&time, TIME_UTC);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static eerie_status_t call(example_t *e, const char *name, eerie_tensor_t **out_result,
                           double *out_seconds) {
  eerie_function_t *function = NULL;
  eerie_status_t status = eerie_program_find(e->program, name, &function, &e->err);
  *out_seconds = 1e9;
  for (int i = 0; i < CALLS && !status; ++i) {
    eerie_tensor_release(*out_result);
    *out_result = NULL;
    const double start = now();
    status = eerie_call_tensors(function, e->inputs, 3, out_result, 1, &e->err);
    const double seconds = now() - start;
    if (seconds < *out_seconds) *out_seconds = seconds;
  }
  return status;
}

static void compare(const eerie_tensor_t *layer, const eerie_tensor_t *compiled) {
  const float *a = eerie_tensor_data(layer), *b = eerie_tensor_data(compiled);
  float largest = 0;
  for (int i = 0; i < SIZE * SIZE; ++i) {
    const float difference = a[i] > b[i] ? a[i] - b[i] : b[i] - a[i];
    if (difference > largest) largest = difference;
  }
  printf("largest difference %g\n", (double)largest);
}

static eerie_status_t run(example_t *e, const char *result_path) {
  eerie_tensor_t *layer = NULL, *compiled = NULL;
  double with_import, without;
  eerie_status_t status = make_inputs(e);
  if (!status) status = call(e, "layer", &layer, &with_import);
  if (!status) status = call(e, "compiled", &compiled, &without);
  if (!status) {
    compare(layer, compiled);
    printf("with OpenBLAS %.3f ms, compiled %.3f ms, ratio %.2f\n", 1e3 * with_import,
           1e3 * without, with_import / without);
    FILE *file = result_path ? fopen(result_path, "wb") : NULL;
    if (file) {
      fwrite(eerie_tensor_data(layer), 1, (size_t)eerie_tensor_size(layer), file);
      fclose(file);
    }
  }
  eerie_tensor_release(layer);
  eerie_tensor_release(compiled);
  return status;
}

int main(int argc, char **argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: openblas MODULE [RESULT]\n");
    return 2;
  }
  // One thread each, for a fair comparison.
  openblas_set_num_threads(1);
  example_t example = {0};
  eerie_status_t status = open_program(&example, argv[1]);
  if (!status) status = run(&example, argc > 2 ? argv[2] : NULL);
  if (status) fprintf(stderr, "%s: %s\n", eerie_status_name(status), example.err.message);
  for (int i = 0; i < 3; ++i)
    eerie_tensor_release(example.inputs[i]);
  eerie_program_release(example.program);
  eerie_module_release(example.module);
  eerie_device_release(example.device);
  eerie_instance_release(example.instance);
  return status ? 1 : 0;
}
