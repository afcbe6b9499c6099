// classify.c: what `make demo` shows in C: a module, a file of images, a class for each.
//
//   classify MODULE.vmfb IMAGES.f32
//
// reads 8x8 images of 32-bit floats and prints for each the digit that it shows and its ten scores.
#include <eerie/eerie.h>
#include <stdio.h>

static int fail(const eerie_error_t *err) {
  fprintf(stderr, "classify: %s: %s\n", eerie_status_name(err->code), err->message);
  return 1;
}

int main(int argc, char **argv) {
  FILE *images = argc == 3 ? fopen(argv[2], "rb") : NULL;
  if (!images) return fprintf(stderr, "usage: classify MODULE.vmfb IMAGES.f32\n"), 2;
  eerie_error_t err = {0};
  eerie_instance_t *instance = NULL;
  eerie_device_t *device = NULL;
  eerie_module_t *module = NULL;
  eerie_program_t *program = NULL;
  eerie_function_t *classify = NULL;
  if (eerie_instance_create(NULL, &instance, &err) ||
      eerie_device_open(instance, "local-sync", &device, &err) ||
      eerie_module_load_file(instance, argv[1], NULL, &module, &err) ||
      eerie_program_create(instance, &(eerie_program_options_t){.module = module, .device = device},
                           &program, &err) ||
      eerie_program_find(program, "main", &classify, &err))
    return fail(&err);

  _Alignas(EERIE_BUFFER_ALIGNMENT) float pixels[8 * 8];
  while (fread(pixels, sizeof pixels, 1, images) == 1) {
    eerie_tensor_t *image = NULL, *scores = NULL;
    if (eerie_tensor_wrap(device, EERIE_F32, 4, (int64_t[]){1, 8, 8, 1}, pixels, sizeof pixels,
                          NULL, NULL, &image, &err) ||
        eerie_call_tensors(classify, &image, 1, &scores, 1, &err))
      return fail(&err);
    const float *score = eerie_tensor_data(scores);
    int best = 0;
    for (int digit = 1; digit < 10; ++digit)
      if (score[digit] > score[best]) best = digit;
    printf("%d ", best);
    for (int digit = 0; digit < 10; ++digit)
      printf(" %.9g", (double)score[digit]);
    printf("\n");
    eerie_tensor_release(scores);
    eerie_tensor_release(image);
  }
  fclose(images);
  eerie_program_release(program);
  eerie_module_release(module);
  eerie_device_release(device);
  eerie_instance_release(instance);
  return 0;
}
