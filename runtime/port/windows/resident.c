// resident.c: Windows does not tell file pages from others, and trims what is not used by itself.
#include "port/resident.h"

uint64_t ee_port_file_resident(void) {
  return 0;
}
