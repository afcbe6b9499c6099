// train.c: the loop around a training step that JAX has defined.
//
//   train STEP.vmfb INITIAL.safetensors IMAGES.f32 LABELS.i32 STEPS TRAINED.safetensors
//
// The module's function `step` takes the weights, the optimizer's state, a batch of images and its
// labels, and gives new weights, new state and the loss. Weights and state stay on the device as
// tensors: what one step gives, the next one takes. Prints the loss of each step and at the end
// writes the weights, under the keys that the file of initial weights has for them.
#include <eerie/eerie.h>
#include <eerie/eerie_parameters.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { VALUES_LIMIT = 64 };            // tensors that a step may take
static const char kept[] = "weights_"; // what names of weights begin with

typedef struct trainer {
  eerie_instance_t *instance;
  eerie_device_t *device;
  eerie_module_t *module;
  eerie_program_t *program;
  eerie_function_t *step;
  size_t state_count; // weights and the optimizer's state: the first inputs, and the first outputs
  eerie_tensor_t *values[VALUES_LIMIT]; // the inputs of the next step
} trainer_t;

static eerie_status_t complain(eerie_error_t *err, const char *what) {
  err->code = EERIE_INVALID_ARGUMENT;
  snprintf(err->message, sizeof err->message, "%s", what);
  return err->code;
}

// ---- Weights -----------------------------------------------------------------------------------

// The key of input number `index`, or NULL when it is none of the weights.
static const char *key_of(const trainer_t *trainer, size_t index) {
  const char *name = eerie_function_input(trainer->step, index)->name;
  return strncmp(name, kept, sizeof kept - 1) == 0 ? name + sizeof kept - 1 : NULL;
}

// Weights begin as the file has them, the optimizer's state as zeros.
static eerie_status_t begin(trainer_t *trainer, const char *path, eerie_error_t *err) {
  eerie_parameters_t *initial = NULL;
  eerie_status_t status = eerie_parameters_create(trainer->instance, NULL, &initial, err);
  if (status == EERIE_OK) status = eerie_parameters_add_file(initial, path, NULL, err);
  for (size_t i = 0; status == EERIE_OK && i < trainer->state_count; ++i) {
    const eerie_type_t *type = eerie_function_input(trainer->step, i);
    const char *key = key_of(trainer, i);
    eerie_parameter_info_t info = {0};
    if (key) status = eerie_parameters_find(initial, key, &info, err);
    if (status == EERIE_OK)
      status = eerie_tensor_create(trainer->device, type->dtype, type->rank, type->shape, NULL,
                                   &trainer->values[i], err);
    if (status == EERIE_OK && key)
      status = info.size == eerie_tensor_size(trainer->values[i])
                   ? eerie_tensor_write(trainer->values[i], 0, info.data, (size_t)info.size, err)
                   : complain(err, "the initial weights are not those of this step");
  }
  eerie_parameters_release(initial);
  return status;
}

static eerie_status_t write_piece(void *file, const void *data, size_t size) {
  return fwrite(data, 1, size, file) == size ? EERIE_OK : EERIE_UNAVAILABLE;
}

static eerie_status_t save(const trainer_t *trainer, const char *path, eerie_error_t *err) {
  eerie_parameters_t *trained = NULL;
  FILE *file = fopen(path, "wb");
  if (!file) return complain(err, "the file for the trained weights cannot be written");
  eerie_status_t status = eerie_parameters_create(trainer->instance, NULL, &trained, err);
  for (size_t i = 0; status == EERIE_OK && i < trainer->state_count; ++i) {
    const eerie_tensor_t *value = trainer->values[i];
    const eerie_parameter_info_t info = {.key = key_of(trainer, i),
                                         .size = eerie_tensor_size(value),
                                         .data = eerie_tensor_data(value),
                                         .dtype = eerie_tensor_dtype(value),
                                         .rank = eerie_tensor_rank(value),
                                         .shape = eerie_tensor_shape(value)};
    if (info.key) status = eerie_parameters_add(trained, &info, NULL, err);
  }
  if (status == EERIE_OK)
    status =
        eerie_parameters_write(trained, EERIE_PARAMETERS_SAFETENSORS, write_piece, file, NULL, err);
  eerie_parameters_release(trained);
  if (fclose(file) && status == EERIE_OK)
    status = complain(err, "the trained weights could not be written");
  return status;
}

// ---- The data ----------------------------------------------------------------------------------

// Reads a file of whole rows of `row_size` bytes; NULL when there are none. The caller frees it.
static void *read_rows(const char *path, size_t row_size, size_t *out_rows) {
  FILE *file = fopen(path, "rb");
  if (!file) return NULL;
  void *rows = NULL;
  if (fseek(file, 0, SEEK_END) == 0) {
    const long size = ftell(file);
    rewind(file);
    *out_rows = size > 0 ? (size_t)size / row_size : 0;
    rows = *out_rows ? malloc(*out_rows * row_size) : NULL;
    if (rows && fread(rows, row_size, *out_rows, file) != *out_rows) {
      free(rows);
      rows = NULL;
    }
  }
  fclose(file);
  return rows;
}

// ---- Steps -------------------------------------------------------------------------------------

static eerie_status_t run_step(trainer_t *trainer, const float *images, const int32_t *labels,
                               float *out_loss, eerie_error_t *err) {
  const size_t count = trainer->state_count;
  eerie_tensor_t *results[VALUES_LIMIT] = {NULL};
  eerie_status_t status = EERIE_OK;
  for (size_t i = count; status == EERIE_OK && i < count + 2; ++i) {
    const eerie_type_t *type = eerie_function_input(trainer->step, i);
    const void *batch = i == count ? (const void *)images : (const void *)labels;
    status = eerie_tensor_create(trainer->device, type->dtype, type->rank, type->shape, batch,
                                 &trainer->values[i], err);
  }
  if (status == EERIE_OK)
    status = eerie_call_tensors(trainer->step, trainer->values, count + 2, results, count + 1, err);
  if (status == EERIE_OK)
    status = eerie_tensor_read(results[count], 0, out_loss, sizeof *out_loss, err);
  for (size_t i = 0; i < count + 2; ++i) {
    const bool is_new = status == EERIE_OK && i < count;
    if (!is_new && i < count) continue; // after a failure the old state is still there
    eerie_tensor_release(trainer->values[i]);
    trainer->values[i] = is_new ? results[i] : NULL;
    if (is_new) results[i] = NULL;
  }
  for (size_t i = 0; i <= count; ++i)
    eerie_tensor_release(results[i]);
  return status;
}

static eerie_status_t train(trainer_t *trainer, const float *images, const int32_t *labels,
                            size_t rows, int steps, eerie_error_t *err) {
  const eerie_type_t *type = eerie_function_input(trainer->step, trainer->state_count);
  const size_t batch = (size_t)type->shape[0], pixels = (size_t)type->shape[1];
  if (batch == 0 || rows < batch) return complain(err, "fewer images than a batch has");
  struct timespec start, end;
  timespec_get(&start, TIME_UTC);
  for (int i = 0; i < steps; ++i) {
    const size_t row = (size_t)i % (rows / batch) * batch;
    float loss;
    const eerie_status_t status =
        run_step(trainer, images + row * pixels, labels + row, &loss, err);
    if (status != EERIE_OK) return status;
    printf("%.9g\n", (double)loss);
  }
  timespec_get(&end, TIME_UTC);
  const double seconds =
      difftime(end.tv_sec, start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) * 1e-9;
  fprintf(stderr, "%d steps in %.3f s, %.0f us each\n", steps, seconds, seconds / steps * 1e6);
  return EERIE_OK;
}

// ---- The program -------------------------------------------------------------------------------

static eerie_status_t open_trainer(trainer_t *trainer, const char *module, eerie_error_t *err) {
  eerie_status_t status = eerie_instance_create(NULL, &trainer->instance, err);
  if (status == EERIE_OK)
    status = eerie_device_open(trainer->instance, NULL, &trainer->device, err);
  if (status == EERIE_OK)
    status = eerie_module_load_file(trainer->instance, module, NULL, &trainer->module, err);
  if (status == EERIE_OK)
    status = eerie_program_create(
        trainer->instance,
        &(eerie_program_options_t){.module = trainer->module, .device = trainer->device},
        &trainer->program, err);
  if (status == EERIE_OK)
    status = eerie_program_find(trainer->program, "step", &trainer->step, err);
  if (status != EERIE_OK) return status;
  const size_t inputs = eerie_function_input_count(trainer->step);
  const size_t outputs = eerie_function_output_count(trainer->step);
  if (inputs < 3 || inputs != outputs + 1 || inputs > VALUES_LIMIT ||
      eerie_function_input(trainer->step, inputs - 2)->rank != 2)
    return complain(err, "not a step: (state..., images, labels) -> (state..., loss)");
  trainer->state_count = outputs - 1;
  return EERIE_OK;
}

static void close(trainer_t *trainer) {
  for (size_t i = 0; i < VALUES_LIMIT; ++i)
    eerie_tensor_release(trainer->values[i]);
  eerie_program_release(trainer->program);
  eerie_module_release(trainer->module);
  eerie_device_release(trainer->device);
  eerie_instance_release(trainer->instance);
}

int main(int argc, char **argv) {
  if (argc != 7 || atoi(argv[5]) < 1) {
    fprintf(stderr, "usage: train STEP.vmfb INITIAL.safetensors IMAGES.f32 LABELS.i32 STEPS "
                    "TRAINED.safetensors\n");
    return 2;
  }
  eerie_error_t err = {0};
  trainer_t trainer = {0};
  float *images = NULL;
  int32_t *labels = NULL;
  size_t rows = 0, label_rows = 0;
  eerie_status_t status = open_trainer(&trainer, argv[1], &err);
  if (status == EERIE_OK) status = begin(&trainer, argv[2], &err);
  if (status == EERIE_OK) {
    const eerie_type_t *type = eerie_function_input(trainer.step, trainer.state_count);
    images = read_rows(argv[3], (size_t)type->shape[1] * sizeof *images, &rows);
    labels = read_rows(argv[4], sizeof *labels, &label_rows);
    if (!images || !labels || rows != label_rows)
      status = complain(&err, "images and labels cannot be read, or are not equally many");
  }
  if (status == EERIE_OK) status = train(&trainer, images, labels, rows, atoi(argv[5]), &err);
  if (status == EERIE_OK) status = save(&trainer, argv[6], &err);
  if (status != EERIE_OK)
    fprintf(stderr, "train: %s: %s\n", eerie_status_name(err.code), err.message);
  free(labels);
  free(images);
  close(&trainer);
  return status != EERIE_OK;
}
