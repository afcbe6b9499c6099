/* eerie_micro_math.c: what kernels for cores without an FPU call and C libraries of today lack.
 *
 * LLVM turns a maximum that keeps NaNs into a call of C23's fmaximumf; compared are the bits, which
 * as signed integers have the order of the numbers once the negative ones are turned around.
 */
#include <stdint.h>
#include <string.h>

#define INFINITY_BITS 0x7F800000u

static uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static int32_t order_of(uint32_t bits) {
  return (int32_t)(bits ^ (bits >> 31 ? 0x7FFFFFFFu : 0));
}

static int is_nan(uint32_t bits) {
  return (bits & 0x7FFFFFFFu) > INFINITY_BITS;
}

float fmaximumf(float a, float b);
float fmaximumf(float a, float b) {
  const uint32_t x = bits_of(a), y = bits_of(b);
  if (is_nan(x)) return a;
  if (is_nan(y)) return b;
  return order_of(x) >= order_of(y) ? a : b;
}

float fminimumf(float a, float b);
float fminimumf(float a, float b) {
  const uint32_t x = bits_of(a), y = bits_of(b);
  if (is_nan(x)) return a;
  if (is_nan(y)) return b;
  return order_of(x) <= order_of(y) ? a : b;
}
