// imports_bare.c: takes the place of imports.c where kernels are whole in themselves, as those that
// compilers write are unless they are told otherwise.
#include "drivers/cpu/cpu.h"

eerie_status_t ee_cpu_imports_provide(ee_cpu_executable_t *executable, eerie_error_t *err) {
  if (executable->library->imports.count == 0) return EERIE_OK;
  return EE_FAIL(err, EERIE_UNIMPLEMENTED,
                 "the kernels import functions, which this build has not");
}

void ee_cpu_imports_forget(ee_cpu_executable_t *executable) {
  (void)executable;
}
