// profile_calls.c: see profile_calls.h.
#define _POSIX_C_SOURCE 200809L
#include "profile_calls.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

static uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

int ee_cli_calls_open(const ee_cli_model_t *model, uint64_t in_flight, ee_cli_calls_t *out_calls) {
  enum { MOST = 1 << 16 };
  *out_calls = (ee_cli_calls_t){.model = model, .in_flight = in_flight};
  if (in_flight < 1 || in_flight > MOST)
    return ee_cli_fail(EE_CLI_USAGE, "--in-flight: %" PRIu64 " is not from 1 to %d", in_flight,
                       MOST);
  if (in_flight > 1 && !eerie_function_is_async(model->function))
    return ee_cli_fail(EE_CLI_USAGE,
                       "--in-flight: %s is synchronous: each of its calls ends before the next one "
                       "begins; functions with iree.abi.model = \"coarse-fences\" are not",
                       eerie_function_name(model->function));
  out_calls->output_count = eerie_function_output_count(model->function);
  const size_t count = (size_t)in_flight * out_calls->output_count;
  out_calls->results = calloc(count + 1, sizeof *out_calls->results);
  if (in_flight > 1) out_calls->fences = calloc((size_t)in_flight, sizeof *out_calls->fences);
  if (out_calls->results && (in_flight == 1 || out_calls->fences)) return EE_CLI_OK;
  return ee_cli_fail(EE_CLI_FAILED, "out of memory");
}

void ee_cli_calls_close(ee_cli_calls_t *calls) {
  free(calls->results);
  free(calls->fences);
  *calls = (ee_cli_calls_t){0};
}

static eerie_status_t call_at_once(ee_cli_calls_t *calls, eerie_error_t *err) {
  const ee_cli_model_t *const model = calls->model;
  eerie_status_t status = EERIE_OK;
  for (uint64_t i = 0; i < calls->in_flight && !status; ++i) {
    status = eerie_fence_create(model->instance, &calls->fences[i], err);
    if (!status)
      status = eerie_call_async(model->function, model->inputs.items, model->inputs.count, NULL,
                                calls->fences[i], &calls->results[i * calls->output_count],
                                calls->output_count, err);
  }
  for (uint64_t i = 0; i < calls->in_flight && !status; ++i)
    status = eerie_fence_wait(calls->fences[i], -1, err);
  return status;
}

int ee_cli_calls_run(ee_cli_calls_t *calls, uint64_t *out_ns) {
  const ee_cli_model_t *const model = calls->model;
  eerie_error_t err = {0};
  const uint64_t start = now_ns();
  const eerie_status_t status =
      calls->fences ? call_at_once(calls, &err)
                    : eerie_call(model->function, model->inputs.items, model->inputs.count,
                                 calls->results, calls->output_count, &err);
  *out_ns = now_ns() - start;
  for (uint64_t i = 0; i < calls->in_flight; ++i) {
    for (size_t k = 0; k < calls->output_count; ++k) {
      eerie_value_release(&calls->results[i * calls->output_count + k]);
      calls->results[i * calls->output_count + k] = (eerie_value_t){.kind = EERIE_KIND_NONE};
    }
    if (calls->fences) eerie_fence_release(calls->fences[i]);
    if (calls->fences) calls->fences[i] = NULL;
  }
  return status ? ee_cli_fail_error(ee_cli_exit_code(status), &err) : EE_CLI_OK;
}
