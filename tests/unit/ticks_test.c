// Tests of runtime/port/ticks.h: the processor's counter tells the system's time.
#define _POSIX_C_SOURCE 200809L

#include <time.h>

#include "port/ticks.h"
#include "unit/check.h"

// Both looks at the system's clock are around it, so that it lies between, whatever comes between
// them; less what the measurement of its speed may be wrong by.
static void check_between(const ee_port_ticks_t *ticks) {
  enum { WRONG_BY_NS = 200000 };
  const int64_t before = ee_port_time_ns();
  const int64_t now = ee_port_ticks_ns(ticks);
  const int64_t after = ee_port_time_ns();
  CHECK(now >= before - WRONG_BY_NS && now <= after + WRONG_BY_NS);
}

static void agrees_with_the_system(void) {
  ee_port_ticks_t ticks = {0};
  check_between(&ticks); // not started: the system's
  ee_port_ticks_start(&ticks);
  for (int i = 0; i < 30; ++i) {
    check_between(&ticks);
    const struct timespec pause = {.tv_nsec = 2000000};
    nanosleep(&pause, NULL);
    if (i % 10 == 9) ee_port_ticks_start(&ticks);
  }
}

static void goes_forward(void) {
  ee_port_ticks_t ticks = {0};
  ee_port_ticks_start(&ticks);
  int64_t last = ee_port_ticks_ns(&ticks);
  for (int i = 0; i < 100000; ++i) {
    const int64_t now = ee_port_ticks_ns(&ticks);
    if (now < last) CHECK(now >= last);
    last = now;
  }
}

// A counter of 24 MHz and one of 5 GHz, many days after: no product of the sum overflows.
static void counts_far(void) {
  for (int k = 0; k < 2; ++k) {
    const uint64_t scale = k ? (uint64_t)(1 << 24) / 5 : (uint64_t)(1 << 24) * 125 / 3;
    const uint64_t days = 86400ull * (k ? 5000000000ull : 24000000ull);
    const ee_port_ticks_t ticks = {ee_port_ticks_read() - 100 * days, 7, scale};
    const double told = (double)ee_port_ticks_ns(&ticks) / (100 * 86400e9);
    // Where there is no counter, the system's time since it started is no less than nothing.
    if (ee_port_ticks_read()) CHECK(told > 0.999 && told < 1.01);
  }
  const ee_port_ticks_t later = {ee_port_ticks_read() + (1ull << 40), 7, 1 << 24};
  if (ee_port_ticks_read()) CHECK_EQ_INT(ee_port_ticks_ns(&later), 7);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(agrees_with_the_system),
      RUN(goes_forward),
      RUN(counts_far),
  };
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
