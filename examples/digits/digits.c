// digits.c: what a classifier of digits says, whichever framework it comes from.
//
//   digits MODULE.vmfb IMAGES.f32
//
// reads images of 64 floats each and prints a digit for each. The function tells what it wants:
// images of any number at once or one by one, as 64 numbers or as 8x8 of them; and what it gives:
// labels, or ten scores an image. demo/run.py has the same with a program for one network,
// examples/classify.c.
#include <eerie/eerie.h>
#include <stdio.h>
#include <stdlib.h>

enum { PIXELS = 64, RESULTS_LIMIT = 4 };

static eerie_status_t complain(eerie_error_t *err, const char *what) {
  err->code = EERIE_INVALID_ARGUMENT;
  snprintf(err->message, sizeof err->message, "%s", what);
  return err->code;
}

// The shape of the input for at most `left` images; how many it holds. 0: it is none of images.
static int64_t fit(const eerie_type_t *type, int64_t left, int64_t shape[EERIE_TENSOR_RANK_LIMIT]) {
  if (type->dtype != EERIE_F32 || type->rank < 2 || type->rank > EERIE_TENSOR_RANK_LIMIT) return 0;
  int64_t pixels = 1;
  for (size_t i = 0; i < type->rank; ++i) {
    shape[i] = type->shape[i] < 0 ? left : type->shape[i];
    if (i && (type->shape[i] < 1 || type->shape[i] > PIXELS || (pixels *= shape[i]) > PIXELS))
      return 0;
  }
  return pixels == PIXELS && shape[0] > 0 && shape[0] <= left ? shape[0] : 0;
}

static int64_t best_of(const float *scores) {
  int64_t best = 0;
  for (int64_t digit = 1; digit < 10; ++digit)
    if (scores[digit] > scores[best]) best = digit;
  return best;
}

// Prints a digit for each of `count` images out of one result; false: it is neither labels nor
// scores.
static bool print_result(const eerie_tensor_t *result, int64_t count) {
  const eerie_dtype_t dtype = eerie_tensor_dtype(result);
  const bool is_scores = dtype == EERIE_F32 && eerie_tensor_count(result) == (uint64_t)count * 10;
  const bool is_labels =
      (dtype == EERIE_I64 || dtype == EERIE_I32) && eerie_tensor_count(result) == (uint64_t)count;
  const void *data = eerie_tensor_data(result);
  if (!data || (!is_scores && !is_labels)) return false;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t digit = is_scores            ? best_of((const float *)data + i * 10)
                          : dtype == EERIE_I64 ? ((const int64_t *)data)[i]
                                               : ((const int32_t *)data)[i];
    printf("%d\n", (int)digit);
  }
  return true;
}

static eerie_status_t classify(eerie_device_t *device, eerie_function_t *function,
                               const float *images, int64_t count, eerie_error_t *err) {
  const eerie_type_t *type = eerie_function_input(function, 0);
  const size_t results = eerie_function_output_count(function);
  if (eerie_function_input_count(function) != 1 || !results || results > RESULTS_LIMIT)
    return complain(err, "the function is not one of images alone");
  for (int64_t done = 0; done < count;) {
    int64_t shape[EERIE_TENSOR_RANK_LIMIT];
    const int64_t batch = fit(type, count - done, shape);
    if (!batch) return complain(err, "the function's input is none of images of 64 floats");
    eerie_tensor_t *input = NULL, *outputs[RESULTS_LIMIT] = {NULL};
    eerie_status_t status = eerie_tensor_create(device, EERIE_F32, type->rank, shape,
                                                images + done * PIXELS, &input, err);
    if (status == EERIE_OK) status = eerie_call_tensors(function, &input, 1, outputs, results, err);
    if (status == EERIE_OK && !print_result(outputs[0], batch))
      status = complain(err, "the first result is neither labels nor ten scores an image");
    eerie_tensor_release(input);
    for (size_t i = 0; i < results; ++i)
      eerie_tensor_release(outputs[i]);
    if (status != EERIE_OK) return status;
    done += batch;
  }
  return EERIE_OK;
}

// All images of a file, which the caller frees; NULL when there are none.
static float *read_images(const char *path, int64_t *out_count) {
  const size_t size = PIXELS * sizeof(float);
  size_t count = 0, capacity = 0;
  float *images = NULL;
  FILE *file = fopen(path, "rb");
  if (!file) return NULL;
  for (;;) {
    if (count == capacity) {
      capacity = capacity ? 2 * capacity : 256;
      float *const more = realloc(images, capacity * size);
      if (!more) break;
      images = more;
    }
    if (fread(images + count * PIXELS, size, 1, file) != 1) break;
    ++count;
  }
  fclose(file);
  *out_count = (int64_t)count;
  if (count) return images;
  free(images);
  return NULL;
}

int main(int argc, char **argv) {
  if (argc != 3) return fprintf(stderr, "usage: digits MODULE.vmfb IMAGES.f32\n"), 2;
  eerie_error_t err = {0};
  eerie_instance_t *instance = NULL;
  eerie_device_t *device = NULL;
  eerie_module_t *module = NULL;
  eerie_program_t *program = NULL;
  eerie_function_t *function = NULL;
  int64_t count = 0;
  float *images = read_images(argv[2], &count);
  eerie_status_t status =
      images ? EERIE_OK : complain(&err, "the file of images cannot be read or has none");
  if (status == EERIE_OK) status = eerie_instance_create(NULL, &instance, &err);
  if (status == EERIE_OK) status = eerie_device_open(instance, NULL, &device, &err);
  if (status == EERIE_OK) status = eerie_module_load_file(instance, argv[1], NULL, &module, &err);
  if (status == EERIE_OK)
    status = eerie_program_create(
        instance, &(eerie_program_options_t){.module = module, .device = device}, &program, &err);
  if (status == EERIE_OK) status = eerie_program_find(program, NULL, &function, &err);
  if (status == EERIE_OK) status = classify(device, function, images, count, &err);
  if (status != EERIE_OK)
    fprintf(stderr, "digits: %s: %s\n", eerie_status_name(err.code), err.message);
  eerie_program_release(program);
  eerie_module_release(module);
  eerie_device_release(device);
  eerie_instance_release(instance);
  free(images);
  return status != EERIE_OK;
}
