// evict.c: constants that only initialisers read: compilers bring weights into the order that
// kernels want when a program starts. The pages of the file would stay in memory beside what was
// made of them.
#include "api/api.h"
#include "port/port.h"

// Below, looking costs more than it gives.
#define SMALLEST (256u * 1024u)

static void evict(const ee_module_t *module, ee_bytes_t bytes) {
  if (module->private_bytes && bytes.size >= SMALLEST) ee_port_file_evict_unwritten(bytes);
}

void ee_api_evict_constants(const ee_vm_program_t *program) {
  ee_vm_program_unused_constants(program, evict);
}
