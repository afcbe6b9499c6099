// Weights outside of the module, over the public interface: where they come from, who keeps them,
// what a program does to them. tests/cli/params_test.py compares results with iree-run-module's.
#include "behaviour/support.h"

#include <unistd.h>

#include "eerie/eerie_parameters.h"

static _Alignas(64) float model_w[64 * 32], model_b[32], scale[7], state_sum[32];

static void fill_weights(void) {
  for (size_t i = 0; i < LENGTH(model_w); ++i)
    model_w[i] = (float)(i % 17);
  for (size_t i = 0; i < LENGTH(model_b); ++i) {
    model_b[i] = (float)i;
    state_sum[i] = (float)(2 * i);
  }
  for (size_t i = 0; i < LENGTH(scale); ++i)
    scale[i] = (float)i + 0.5f;
}

static eerie_parameter_info_t stored(const char *key, const void *data, size_t size) {
  return (eerie_parameter_info_t){.key = key, .size = size, .data = data, .rank = SIZE_MAX};
}

// The three scopes that the module `parameters` asks for.
static bool make_sets(eerie_instance_t *instance, eerie_parameters_t *sets[3]) {
  static const char *const scopes[] = {"model", "", "state"};
  eerie_error_t err = {0};
  fill_weights();
  for (size_t i = 0; i < 3; ++i)
    if (!fine(eerie_parameters_create(instance, scopes[i], &sets[i], &err), &err)) return false;
  const eerie_parameter_info_t w = stored("w", model_w, sizeof model_w),
                               b = stored("b", model_b, sizeof model_b),
                               s = stored("scale", scale, sizeof scale),
                               sum = stored("sum", state_sum, sizeof state_sum);
  return fine(eerie_parameters_add(sets[0], &w, NULL, &err), &err) &&
         fine(eerie_parameters_add(sets[0], &b, NULL, &err), &err) &&
         fine(eerie_parameters_add(sets[1], &s, NULL, &err), &err) &&
         fine(eerie_parameters_add(sets[2], &sum, NULL, &err), &err);
}

// An instance, a device and a module, without a program.
static bool open_parts(setup_t *s, const char *name) {
  eerie_error_t err = {0};
  memset(s, 0, sizeof *s);
  return fine(eerie_instance_create(NULL, &s->instance, &err), &err) &&
         fine(eerie_device_open(s->instance, "local-sync", &s->device, &err), &err) &&
         fine(eerie_module_load_file(s->instance, module_path(name), NULL, &s->module, &err), &err);
}

static eerie_status_t make_program(setup_t *s, eerie_parameters_t *const *sets, size_t count,
                                   eerie_error_t *err) {
  const eerie_program_options_t options = {
      .module = s->module, .device = s->device, .parameters = sets, .parameters_count = count};
  return eerie_program_create(s->instance, &options, &s->program, err);
}

static void release_sets(eerie_parameters_t *sets[3]) {
  for (size_t i = 0; i < 3; ++i) {
    eerie_parameters_release(sets[i]);
    sets[i] = NULL;
  }
}

static void call_one(const setup_t *s, const char *name, eerie_tensor_t *input,
                     eerie_tensor_t **out_result) {
  eerie_error_t err = {0};
  eerie_function_t *function = function_of(s, name);
  if (function)
    fine(eerie_call_tensors(function, &input, input ? 1 : 0, out_result, 1, &err), &err);
}

static void uses_the_callers_memory_in_place(void) {
  setup_t s;
  eerie_parameters_t *sets[3] = {NULL, NULL, NULL};
  eerie_error_t err = {0};
  REQUIRE(open_parts(&s, "parameters"));
  REQUIRE(make_sets(s.instance, sets));
  REQUIRE(fine(make_program(&s, sets, 3, &err), &err));
  release_sets(sets); // the program keeps what it needs
  eerie_tensor_t *result = NULL, *input = NULL;
  call_one(&s, "scale", NULL, &result);
  for (size_t i = 0; i < LENGTH(scale); ++i)
    CHECK(float_at(result, i) == scale[i]);
  eerie_tensor_release(result);
  // Two calls: the variable is the program's own.
  input = vector(&s, EERIE_F32, 32, model_b);
  for (int n = 1; n <= 2; ++n) {
    call_one(&s, "add", input, &result);
    CHECK(float_at(result, 3) == (float)(6 + 3 * n));
    eerie_tensor_release(result);
  }
  eerie_tensor_release(input);
  CHECK(state_sum[3] == 6);
  float x[4 * 64];
  for (size_t i = 0; i < LENGTH(x); ++i)
    x[i] = (float)(i % 5);
  const int64_t shape[] = {4, 64};
  REQUIRE(fine(eerie_tensor_create(s.device, EERIE_F32, 2, shape, x, &input, &err), &err));
  call_one(&s, "layer", input, &result);
  for (size_t row = 0; row < 4; ++row) {
    for (size_t column = 0; column < 32; ++column) {
      float sum = model_b[column]; // whole numbers: exact in any order
      for (size_t k = 0; k < 64; ++k)
        sum += x[row * 64 + k] * model_w[k * 32 + column];
      CHECK(float_at(result, row * 32 + column) == sum);
    }
  }
  eerie_tensor_release(input);
  eerie_tensor_release(result);
  close_setup(&s);
}

static int releases;
static void count_release(void *user, const void *data, size_t size) {
  (void)user, (void)size;
  releases += data == model_w;
}

static void keeps_bytes_while_anybody_uses_them(void) {
  setup_t s;
  eerie_parameters_t *sets[3] = {NULL, NULL, NULL};
  eerie_error_t err = {0};
  REQUIRE(open_parts(&s, "parameters"));
  REQUIRE(make_sets(s.instance, sets));
  eerie_parameters_release(sets[0]);
  REQUIRE(fine(eerie_parameters_create(s.instance, "model", &sets[0], &err), &err));
  const eerie_parameters_options_t options = {.release = count_release};
  const eerie_parameter_info_t w = stored("w", model_w, sizeof model_w),
                               b = stored("b", model_b, sizeof model_b);
  REQUIRE(fine(eerie_parameters_add(sets[0], &w, &options, &err), &err));
  REQUIRE(fine(eerie_parameters_add(sets[0], &b, NULL, &err), &err));
  releases = 0;
  REQUIRE(fine(make_program(&s, sets, 3, &err), &err));
  release_sets(sets);
  CHECK_EQ_INT(releases, 0);
  eerie_program_release(s.program);
  s.program = NULL;
  CHECK_EQ_INT(releases, 1);
  close_setup(&s);
}

static void looks_into_sets_in_order(void) {
  setup_t s;
  eerie_parameters_t *sets[5] = {NULL};
  eerie_error_t err = {0};
  REQUIRE(open_parts(&s, "parameters"));
  REQUIRE(make_sets(s.instance, sets));
  static const float others[7] = {9, 9, 9, 9, 9, 9, 9};
  const eerie_parameter_info_t info = stored("scale", others, sizeof others);
  REQUIRE(fine(eerie_parameters_create(s.instance, "", &sets[3], &err), &err));
  REQUIRE(fine(eerie_parameters_add(sets[3], &info, NULL, &err), &err));
  eerie_parameters_t *const first[] = {sets[3], sets[0], sets[1], sets[2]};
  REQUIRE(fine(make_program(&s, first, 4, &err), &err));
  eerie_tensor_t *result = NULL;
  call_one(&s, "scale", NULL, &result);
  CHECK(float_at(result, 2) == 9);
  eerie_tensor_release(result);
  eerie_program_release(s.program);
  REQUIRE(fine(make_program(&s, sets, 4, &err), &err));
  call_one(&s, "scale", NULL, &result);
  CHECK(float_at(result, 2) == 2.5f);
  eerie_tensor_release(result);
  eerie_parameters_release(sets[3]);
  release_sets(sets);
  close_setup(&s);
}

static void names_what_is_missing(void) {
  setup_t s;
  eerie_parameters_t *sets[3] = {NULL, NULL, NULL};
  eerie_error_t err = {0};
  REQUIRE(open_parts(&s, "parameters"));
  REQUIRE(make_sets(s.instance, sets));
  CHECK_STATUS(make_program(&s, NULL, 0, &err), EERIE_NOT_FOUND);
  CHECK_CONTAINS(err.message, "is missing: the program has no parameters of scope");
  CHECK(s.program == NULL);
  CHECK_STATUS(make_program(&s, sets, 2, &err), EERIE_NOT_FOUND);
  CHECK_CONTAINS(err.message, "parameter 'state::sum' of 128 bytes is missing");
  eerie_parameters_t *const none[] = {sets[0], NULL};
  CHECK_STATUS(make_program(&s, none, 2, &err), EERIE_INVALID_ARGUMENT);
  CHECK_CONTAINS(err.message, "parameters 1 of the program are NULL");
  eerie_parameters_release(sets[2]);
  REQUIRE(fine(eerie_parameters_create(s.instance, "state", &sets[2], &err), &err));
  const eerie_parameter_info_t small = stored("sum", state_sum, 124);
  REQUIRE(fine(eerie_parameters_add(sets[2], &small, NULL, &err), &err));
  CHECK_STATUS(make_program(&s, sets, 3, &err), EERIE_OUT_OF_RANGE);
  CHECK_CONTAINS(
      err.message,
      "parameter 'state::sum': the module takes 128 bytes from 0 on, the parameter has 124");
  release_sets(sets);
  close_setup(&s);
}

// ---- Writing back ------------------------------------------------------------------------------

static eerie_status_t append(void *user, const void *data, size_t size) {
  return fwrite(data, 1, size, user) == size ? EERIE_OK : EERIE_UNAVAILABLE;
}

static bool write_archive(eerie_instance_t *instance, const char *path) {
  eerie_error_t err = {0};
  eerie_parameters_t *set = NULL;
  FILE *file = fopen(path, "wb");
  if (!CHECK(file != NULL) || !fine(eerie_parameters_create(instance, "model", &set, &err), &err))
    return false;
  const eerie_parameter_info_t w = stored("w", model_w, sizeof model_w),
                               b = stored("b", model_b, sizeof model_b);
  const bool written =
      fine(eerie_parameters_add(set, &w, NULL, &err), &err) &&
      fine(eerie_parameters_add(set, &b, NULL, &err), &err) &&
      fine(eerie_parameters_write(set, EERIE_PARAMETERS_IRPA, append, file, NULL, &err), &err);
  eerie_parameters_release(set);
  return CHECK(fclose(file) == 0) && written;
}

// What @scatter of parameter_transfers.mlir writes: elements 1 to 3 of its argument over those of
// w.
static void writes_back_where_it_may(void) {
  setup_t s;
  eerie_error_t err = {0};
  char path[] = "/tmp/eerie-parameters-XXXXXX";
  const int file = mkstemp(path);
  REQUIRE(file >= 0);
  close(file);
  fill_weights();
  REQUIRE(open_parts(&s, "parameter_transfers"));
  REQUIRE(write_archive(s.instance, path));
  eerie_tensor_t *input = vector(&s, EERIE_F32, 4, tens), *result = NULL;
  for (int writable = 0; writable < 2; ++writable) {
    eerie_parameters_t *set = NULL;
    const eerie_parameters_options_t options = {.writable = writable};
    REQUIRE(fine(eerie_parameters_create(s.instance, "model", &set, &err), &err));
    REQUIRE(fine(eerie_parameters_add_file(set, path, &options, &err), &err));
    REQUIRE(fine(make_program(&s, &set, 1, &err), &err));
    eerie_function_t *function = function_of(&s, "scatter");
    const eerie_value_t value = tensor_value(input);
    const eerie_status_t status = eerie_call(function, &value, 1, NULL, 0, &err);
    CHECK_STATUS(status, writable ? EERIE_OK : EERIE_PERMISSION_DENIED);
    if (!writable) CHECK_CONTAINS(err.message, "'model::w' of 8192 bytes cannot be written");
    eerie_program_release(s.program);
    eerie_parameters_release(set);
    // Another set sees what is in the file.
    REQUIRE(fine(eerie_parameters_create(s.instance, "model", &set, &err), &err));
    REQUIRE(fine(eerie_parameters_add_file(set, path, NULL, &err), &err));
    eerie_parameter_info_t info;
    REQUIRE(fine(eerie_parameters_find(set, "w", &info, &err), &err));
    const float *data = info.data;
    const float expected[] = {0, writable ? 20.f : 1.f, writable ? 30.f : 2.f,
                              writable ? 40.f : 3.f, 4};
    CHECK_BYTES(data, expected, sizeof expected);
    // And so does the module: elements 2 to 5 of w, then 0 to 3 of b.
    REQUIRE(fine(make_program(&s, &set, 1, &err), &err));
    call_one(&s, "gather", NULL, &result);
    CHECK(float_at(result, 0) == expected[2] && float_at(result, 2) == 4);
    CHECK(float_at(result, 4) == 0 && float_at(result, 7) == 3);
    eerie_tensor_release(result);
    eerie_program_release(s.program);
    s.program = NULL;
    eerie_parameters_release(set);
  }
  eerie_tensor_release(input);
  unlink(path);
  close_setup(&s);
}

static int pieces;
static void count_pieces(void *user, const char *key, size_t key_size, uint64_t offset,
                         uint64_t size, bool found) {
  (void)user, (void)key;
  pieces += key_size == 1 && offset == 0 && (size == 8192 || size == 128) && found;
}

static void tells_what_is_asked_for(void) {
  setup_t s;
  eerie_parameters_t *sets[3] = {NULL, NULL, NULL};
  eerie_error_t err = {0};
  REQUIRE(open_parts(&s, "parameters"));
  REQUIRE(make_sets(s.instance, sets));
  pieces = 0;
  eerie_parameters_observe(sets[0], count_pieces, NULL);
  REQUIRE(fine(make_program(&s, sets, 3, &err), &err));
  CHECK_EQ_INT(pieces, 2);
  release_sets(sets);
  close_setup(&s);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(uses_the_callers_memory_in_place), RUN(keeps_bytes_while_anybody_uses_them),
      RUN(looks_into_sets_in_order),         RUN(names_what_is_missing),
      RUN(writes_back_where_it_may),         RUN(tells_what_is_asked_for),
  };
  return check_main(argc, argv, cases, LENGTH(cases));
}
