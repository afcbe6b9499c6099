// ticks.c: whether the processor's counter is a clock, and how fast it counts.
//
// Sources: Intel SDM 18.17 and AMD APM 2 13.2.4, invariant TSC: CPUID 8000_0007h, EDX bit 8; the
// generic timer of ARMv8 counts at one speed always (ARM ARM D12.1). That the counters of all
// processors agree only the system knows: Linux then uses the counter for its own clock
// (Documentation/arch/x86/x86_64 and ABI/testing/sysfs-devices-system-clocksource).
#define _POSIX_C_SOURCE 200809L

#include "port/ticks.h"

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))

#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

enum { CALIBRATE_NS = 1000000, AGAIN_NS = 16 * CALIBRATE_NS };

static bool system_counts_with(const char *name) {
  static const char path[] = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
  char text[32] = "";
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const ssize_t size = read(file, text, sizeof text - 1);
  (void)close(file);
  return size > 0 && strncmp(text, name, strlen(name)) == 0;
}

static bool is_clock(void) {
#if defined(__x86_64__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(0x80000007u, &a, &b, &c, &d) || !(d & 1u << 8)) return false;
  return system_counts_with("tsc");
#else
  return system_counts_with("arch_sys_counter");
#endif
}

// Both clocks at one moment: of some tries the one that took least.
static void look(uint64_t *out_count, int64_t *out_ns) {
  uint64_t least = UINT64_MAX;
  for (int i = 0; i < 5; ++i) {
    const uint64_t before = ee_port_ticks_read();
    const int64_t now = ee_port_time_ns();
    const uint64_t took = ee_port_ticks_read() - before;
    if (took >= least) continue;
    least = took;
    *out_count = before + took / 2;
    *out_ns = now;
  }
}

void ee_port_ticks_start(ee_port_ticks_t *ticks) {
  uint64_t count = 0;
  int64_t now = 0;
  if (!ticks->base) {
    *ticks = (ee_port_ticks_t){.base = 1};
    if (!is_clock()) return;
    look(&ticks->base, &ticks->base_ns);
    while (ee_port_time_ns() - ticks->base_ns < CALIBRATE_NS) {
    }
  } else if (!ticks->scale || ee_port_time_ns() - ticks->base_ns < AGAIN_NS) {
    return; // known to be none, or good for a while
  }
  look(&count, &now);
  const uint64_t counted = count - ticks->base;
  const int64_t passed = now - ticks->base_ns;
  if (!counted || passed < CALIBRATE_NS) return;
  ticks->scale = (uint64_t)((double)passed / (double)counted * (1 << 24));
  ticks->base = count;
  ticks->base_ns = now;
}

#else

void ee_port_ticks_start(ee_port_ticks_t *ticks) {
  *ticks = (ee_port_ticks_t){.base = 1};
}

#endif
