// profile_calls.h: the calls that `eerie profile` makes: one after the other, or several at once.
#ifndef EERIE_CLI_PROFILE_CALLS_H_
#define EERIE_CLI_PROFILE_CALLS_H_

#include "model.h"

typedef struct ee_cli_calls {
  const ee_cli_model_t *model;
  uint64_t in_flight;     // 1: each call is waited for before the next
  size_t output_count;    // of one call
  eerie_value_t *results; // of all that are in flight
  eerie_fence_t **fences; // NULL where calls are waited for
} ee_cli_calls_t;

// Fails with a message where calls of the function cannot be under way at the same time.
int ee_cli_calls_open(const ee_cli_model_t *model, uint64_t in_flight, ee_cli_calls_t *out_calls);
void ee_cli_calls_close(ee_cli_calls_t *calls);
// Makes `in_flight` calls and waits for their results, which are dropped. `out_ns`: how long all of
// them took.
int ee_cli_calls_run(ee_cli_calls_t *calls, uint64_t *out_ns);

#endif // EERIE_CLI_PROFILE_CALLS_H_
