// huge.h: hosts only: memory in huge pages.
#ifndef EE_PORT_HUGE_H_
#define EE_PORT_HUGE_H_

#include "base/status.h"

// Asks for huge pages for a block that is large enough to gain. A hint.
void ee_port_advise_huge(void *pointer, size_t size);
// malloc and kin, large blocks without huge pages.
eerie_allocator_t ee_port_allocator_small(void);
// Large blocks from pages that the administrator set aside, or else as ee_port_allocator, which
// asks for huge pages for blocks of 4 MiB and more.
eerie_allocator_t ee_port_allocator_reserved(void);

#endif // EE_PORT_HUGE_H_
