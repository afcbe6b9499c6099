// evict_bare.c: takes the place of evict.c where modules are memory of the caller's.
#include "api/api.h"

void ee_api_evict_constants(const ee_vm_program_t *program) {
  (void)program;
}
