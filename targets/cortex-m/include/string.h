// string.h: all that Eerie's core asks of a C library. memory.c implements it.
#ifndef EERIE_TARGETS_CORTEX_M_STRING_H_
#define EERIE_TARGETS_CORTEX_M_STRING_H_

#include <stddef.h>

void *memcpy(void *restrict target, const void *restrict source, size_t size);
void *memmove(void *target, const void *source, size_t size);
void *memset(void *target, int value, size_t size);
int memcmp(const void *a, const void *b, size_t size);

#endif // EERIE_TARGETS_CORTEX_M_STRING_H_
