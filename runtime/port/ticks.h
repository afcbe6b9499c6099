// ticks.h: a clock for those who read it often: the processor's own counter, in nanoseconds.
//
// Where a processor counts at one speed whatever it does, reading its counter takes a third of a
// look at the system's clock. Where it does not, or nobody vouches for it, this is the system's
// clock. Times of one clock that was started once are of one line; of two they are not.
#ifndef EE_PORT_TICKS_H_
#define EE_PORT_TICKS_H_

#include "port/port.h"

typedef struct ee_port_ticks {
  uint64_t base;   // the counter, at
  int64_t base_ns; // this time of the system's clock
  uint64_t scale;  // nanoseconds of 2^24 counts; 0: the system's clock
} ee_port_ticks_t;

// Measures the counter's speed by the system's clock, which takes a millisecond. For one that was
// started: sets it by the system's clock again. `ticks` is all zero before the first time.
void ee_port_ticks_start(ee_port_ticks_t *ticks);

#if defined(__GNUC__) && defined(__x86_64__)
static inline uint64_t ee_port_ticks_read(void) {
  return __builtin_ia32_rdtsc();
}
#elif defined(__GNUC__) && defined(__aarch64__)
static inline uint64_t ee_port_ticks_read(void) {
  uint64_t count;
  __asm__ volatile("mrs %0, cntvct_el0" : "=r"(count));
  return count;
}
#else
static inline uint64_t ee_port_ticks_read(void) {
  return 0;
}
#endif

// Now, of the system's monotonic clock.
static inline int64_t ee_port_ticks_ns(const ee_port_ticks_t *ticks) {
  if (!ticks->scale) return ee_port_time_ns();
  const uint64_t since = ee_port_ticks_read() - ticks->base;
  // Another processor's counter may be some counts behind that of the last start.
  if (since >> 63) return ticks->base_ns;
  return ticks->base_ns +
         (int64_t)((since >> 24) * ticks->scale + (((since & 0xFFFFFF) * ticks->scale) >> 24));
}

#endif // EE_PORT_TICKS_H_
