// memory.c: the four functions that compilers call by themselves and that Eerie's core needs.
//
// Byte loops: a product that copies much brings those of its C library instead. Compiled with
// -fno-tree-loop-distribute-patterns, or the compiler would turn each loop into a call of itself.
#include <string.h>

void *memcpy(void *restrict target, const void *restrict source, size_t size) {
  unsigned char *to = target;
  const unsigned char *from = source;
  while (size--)
    *to++ = *from++;
  return target;
}

void *memmove(void *target, const void *source, size_t size) {
  unsigned char *to = target;
  const unsigned char *from = source;
  if (to <= from) return memcpy(target, source, size);
  while (size--)
    to[size] = from[size];
  return target;
}

void *memset(void *target, int value, size_t size) {
  unsigned char *to = target;
  while (size--)
    *to++ = (unsigned char)value;
  return target;
}

int memcmp(const void *a, const void *b, size_t size) {
  const unsigned char *x = a, *y = b;
  for (; size; --size, ++x, ++y) {
    if (*x != *y) return *x < *y ? -1 : 1;
  }
  return 0;
}
