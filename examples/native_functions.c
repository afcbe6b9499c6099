// native_functions.c: functions in C that a model calls: one that gives it data, one that takes its
// results as they come, and state that both share.
//
//   eerie compile examples/native_functions.mlir -o native_functions.vmfb
//   native_functions native_functions.vmfb
#include <eerie/eerie_native.h>
#include <stdio.h>

// What the functions share: `user` of their module.
typedef struct station {
  float reading[8];
  int reports;
} station_t;

// (i32) -> tensor<8xf32>: the readings of one step. They stop after the fourth.
static eerie_status_t read_sensors(eerie_native_call_t *call) {
  station_t *station = call->user;
  const int32_t step = call->inputs[0].as.i32;
  if (step > 4)
    return eerie_native_fail(call, EERIE_UNAVAILABLE, "no readings for step %d", (int)step);
  for (int i = 0; i < 8; ++i)
    station->reading[i] = (float)(step + i);
  return eerie_native_output_tensor(call, 0, EERIE_F32, 1, (int64_t[]){8}, station->reading, NULL);
}

// (i32, f32) -> (): called once a step, while the model runs.
static eerie_status_t report(eerie_native_call_t *call) {
  station_t *station = call->user;
  ++station->reports;
  printf("step %d: mean %g\n", (int)call->inputs[0].as.i32, (double)call->inputs[1].as.f32);
  return EERIE_OK;
}

static const eerie_native_function_t functions[] = {
    {"read", "(%step: i32) -> tensor<8xf32>", read_sensors},
    {"report", "(%step: i32, %mean: f32)", report},
};

static int fail(const eerie_error_t *err) {
  fprintf(stderr, "native_functions: %s: %s\n", eerie_status_name(err->code), err->message);
  return 1;
}

int main(int argc, char **argv) {
  if (argc != 2) return fprintf(stderr, "usage: native_functions MODULE.vmfb\n"), 2;
  station_t station = {{0}, 0};
  const eerie_native_module_t host = {
      .name = "host", .functions = functions, .function_count = 2, .user = &station};
  const eerie_native_module_t *const natives[] = {&host};
  eerie_error_t err = {0};
  eerie_instance_t *instance = NULL;
  eerie_device_t *device = NULL;
  eerie_module_t *module = NULL;
  eerie_program_t *program = NULL;
  eerie_function_t *watch = NULL;
  eerie_tensor_t *start = NULL;
  if (eerie_instance_create(NULL, &instance, &err) ||
      eerie_device_open(instance, "local-sync", &device, &err) ||
      eerie_module_load_file(instance, argv[1], NULL, &module, &err) ||
      eerie_program_create(
          instance,
          &(eerie_program_options_t){
              .module = module, .device = device, .natives = natives, .native_count = 1},
          &program, &err) ||
      eerie_program_find(program, "watch", &watch, &err) ||
      eerie_tensor_create(device, EERIE_F32, 1, (int64_t[]){8}, NULL, &start, &err))
    return fail(&err);

  const eerie_value_t inputs[2] = {{.kind = EERIE_KIND_TENSOR, .as.tensor = start},
                                   {.kind = EERIE_KIND_I32, .as.i32 = 4}};
  eerie_value_t end;
  if (eerie_call(watch, inputs, 2, &end, 1, &err)) return fail(&err);
  printf("%d reports, the first sensor ends at %g\n", station.reports,
         (double)((const float *)eerie_tensor_data(end.as.tensor))[0]);
  eerie_value_release(&end);

  // One step too many: what the function says is what the call says.
  const eerie_value_t more[2] = {inputs[0], {.kind = EERIE_KIND_I32, .as.i32 = 6}};
  if (eerie_call(watch, more, 2, &end, 1, &err) == EERIE_OK) return 1;
  printf("%s: %s\n", eerie_status_name(err.code), err.message);

  eerie_tensor_release(start);
  eerie_program_release(program);
  eerie_module_release(module);
  eerie_device_release(device);
  eerie_instance_release(instance);
  return 0;
}
