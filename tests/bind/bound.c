// Calls the functions of bind.mlir through the header that `eerie bind` wrote; compiled as C and as
// C++. What it prints is compared by bind_test.py.
#ifdef EMBEDDED
#define BOUND_IMPLEMENTATION
#endif
#include "bound.h"

static int fail(const char *what, const eerie_error_t *err) {
  printf("%s: %s: %s\n", what, eerie_status_name(err->code), err->message);
  return 1;
}

static int call_all(bound_t *model, eerie_error_t *err) {
  bound_f32_2x3_t a = {{{1, 2, 3}, {4, 5, 6}}}, b = {{{2, 2, 2}, {3, 3, 3}}}, product;
  if (bound_multiply(model, &a, &b, &product, err)) return fail("multiply", err);
  printf("%g %g\n", (double)product.data[0][2], (double)product.data[1][2]);

  bound_i64_3_t three = {{1, 2, 3}}, doubled;
  if (bound_open_(model, &three, &doubled, err)) return fail("open", err);
  printf("%d\n", (int)doubled.data[2]);

  const float rows[6] = {1, 2, 3, 4, 5, 6};
  eerie_tensor_t *twice = NULL;
  if (bound_twice(model, rows, 3, &twice, err)) return fail("twice", err);
  printf("%d %g\n", (int)eerie_tensor_shape(twice)[0],
         (double)((const float *)eerie_tensor_data(twice))[5]);
  eerie_tensor_release(twice);
  if (bound_twice(model, rows, -1, &twice, err) == EERIE_OK) return 1;
  printf("%s\n", eerie_status_name(err->code));

  int32_t i;
  int64_t l;
  float f;
  if (bound_scalars(model, 20, 30, 1.5f, &i, &l, &f, err)) return fail("scalars", err);
  printf("%d %d %g\n", (int)i, (int)l, (double)f);

  bound_i8_t byte = {{7}}, same;
  bound_bool_4_t flags;
  if (bound_rank0(model, &byte, &same, &flags, err)) return fail("rank0", err);
  printf("%d %d %d\n", same.data[0], flags.data[0], flags.data[1]);

  bound_i32_t count;
  for (int n = 0; n < 3; ++n)
    if (bound_next(model, &count, err)) return fail("next", err);
  printf("%d\n", (int)count.data[0]);
  return 0;
}

int main(int argc, char **argv) {
  eerie_error_t err;
  memset(&err, 0, sizeof err);
  eerie_instance_t *instance = NULL;
  bound_t model;
  if (eerie_instance_create(NULL, &instance, &err)) return fail("instance", &err);
#ifdef EMBEDDED
  (void)argc;
  (void)argv;
  const eerie_status_t status = bound_open(instance, NULL, &model, &err);
#else
  const eerie_status_t status =
      bound_open(instance, argc > 1 ? argv[1] : "bound.vmfb", NULL, &model, &err);
#endif
  int exit_code = status ? fail("open", &err) : call_all(&model, &err);
  if (status == EERIE_OK) bound_close(&model);
  eerie_instance_release(instance);
  return exit_code;
}
