// plan_faults.c: recording a plan while each allocation fails once: RESOURCE_EXHAUSTED, and nothing
// is left; and while the n-th and all after it fail.
//
//   plan_faults MODULE.vmfb
#include <stdio.h>
#include <stdlib.h>

#include "eerie/eerie_plan.h"

typedef struct faulty {
  size_t requests, fail_at, live_bytes;
  bool stays;
} faulty_t;

static void *reallocate(void *user, void *pointer, size_t old_size, size_t new_size) {
  faulty_t *f = user;
  if (new_size == 0) {
    f->live_bytes -= old_size;
    free(pointer);
    return NULL;
  }
  ++f->requests;
  if (f->requests == f->fail_at || (f->stays && f->fail_at && f->requests > f->fail_at))
    return NULL;
  void *fresh = realloc(pointer, new_size);
  if (fresh) f->live_bytes += new_size - old_size;
  return fresh;
}

static eerie_status_t record(faulty_t *f, const char *path, size_t *out_steps, eerie_error_t *err) {
  const eerie_instance_options_t options = {.allocator = {reallocate, f}};
  eerie_instance_t *instance = NULL;
  eerie_module_t *module = NULL;
  eerie_plan_t *plan = NULL;
  eerie_status_t status = eerie_instance_create(&options, &instance, err);
  if (!status) status = eerie_module_load_file(instance, path, NULL, &module, err);
  if (!status) status = eerie_plan_record(instance, module, &plan, err);
  *out_steps = 0;
  for (size_t i = 0; plan && i < plan->function_count; ++i)
    *out_steps += plan->functions[i].step_count;
  eerie_plan_release(plan);
  eerie_module_release(module);
  eerie_instance_release(instance);
  return status;
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  int wrong = 0;
  for (int stays = 0; stays < 2; ++stays) {
    for (size_t n = 1;; ++n) {
      faulty_t f = {.fail_at = n, .stays = stays != 0};
      eerie_error_t err = {0};
      size_t steps;
      const eerie_status_t status = record(&f, argv[1], &steps, &err);
      const bool failed = f.requests >= n;
      if (f.live_bytes) printf("request %zu: %zu bytes are left\n", n, f.live_bytes);
      // One that may do without the memory, such as the text of an error, goes on.
      if (status != EERIE_OK && (status != EERIE_RESOURCE_EXHAUSTED || !failed)) {
        printf("request %zu: %s\n", n, err.message);
        ++wrong;
      }
      if (status == EERIE_OK && !steps) printf("request %zu: no steps\n", n);
      wrong += f.live_bytes != 0 || (status == EERIE_OK && !steps);
      if (failed) continue;
      printf("%zu requests\n", n - 1);
      if (n < 20) ++wrong;
      break;
    }
  }
  return wrong ? 1 : 0;
}
