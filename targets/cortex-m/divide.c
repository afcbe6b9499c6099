// divide.c: 64-bit division in the few bytes that shifting and subtracting takes.
//
// libgcc's own is several times faster and 600 bytes larger; in a module, division of 64-bit
// integers is rare and never in a kernel's loop. A product that prefers the other leaves this file
// out.
#include <stdint.h>

// What the division helpers of the ARM ABI (__aeabi_uldivmod, __aeabi_ldivmod) call in libgcc. The
// divisor is never 0: the interpreter checks it.
uint64_t __udivmoddi4(uint64_t numerator, uint64_t divisor, uint64_t *out_remainder);
uint64_t __udivmoddi4(uint64_t numerator, uint64_t divisor, uint64_t *out_remainder) {
  uint64_t quotient = 0;
  int shift = 0;
  while (!(divisor >> 63) && divisor < numerator) {
    divisor <<= 1;
    ++shift;
  }
  for (; shift >= 0; --shift, divisor >>= 1) {
    quotient <<= 1;
    if (numerator >= divisor) {
      numerator -= divisor;
      quotient |= 1;
    }
  }
  if (out_remainder) *out_remainder = numerator;
  return quotient;
}
