// resident.h: hosts only: what of the process lies in memory.
#ifndef EE_PORT_RESIDENT_H_
#define EE_PORT_RESIDENT_H_

#include <stdint.h>

// Bytes of mapped files that this process has in memory; 0: the system does not tell.
uint64_t ee_port_file_resident(void);

#endif // EE_PORT_RESIDENT_H_
