// Which levels of a CPU a device says it runs, for CPUs that this one is taken for: the program
// asks for the formats of its module in the order of their names and takes the first.
#include "unit/hal_support.h"

static uint64_t taken_for;

// The linker puts it in the place of the system's (tests/CMakeLists.txt).
void __wrap_ee_port_cpu_data(uint64_t out_data[8]);
void __wrap_ee_port_cpu_data(uint64_t out_data[8]) {
  memset(out_data, 0, 8 * sizeof *out_data);
  out_data[0] = taken_for;
}

#if defined(__x86_64__) || defined(__aarch64__) // others have no levels
// The first of `formats` that a device of a CPU with these features runs.
static const char *first_of(uint64_t features, const char *const *formats, size_t count) {
  fixture_t f;
  const char *first = "none";
  fixture_heap(&f);
  taken_for = features;
  ee_hal_device_t *device = NULL;
  if (!CHECK_OK(ee_hal_device_open(&f.heap, EE_STR("local-sync"), &device, NULL))) return first;
  for (size_t i = count; i-- > 0;) {
    int64_t runs = 0;
    CHECK(ee_hal_device_query(device, EE_STR("hal.executable.format"), ee_str_from(formats[i]),
                              &runs));
    if (runs) first = formats[i];
  }
  ee_hal_device_release(device);
  return first;
}
#endif

#define V2  "embedded-elf+3-x86_64+ssse3+sse4.2"
#define V3  "embedded-elf+2-x86_64+avx2+fma+f16c"
#define V4  "embedded-elf+1-x86_64+avx2+fma+f16c+avx512f+avx512bw+avx512cd+avx512dq+avx512vl"
#define X86 "embedded-elf-x86_64"

static void levels_of_x86(void) {
#if defined(__x86_64__)
  static const char *const formats[] = {V4, V3, V2, X86};
  // Bits of iree/schemas/cpu_data.h.
  const uint64_t v2 = 0xFu, v3 = v2 | 1u << 10 | 1u << 11 | 1u << 14 | 1u << 15;
  const uint64_t v4 = v3 | 0x1Fu << 20, no_fma = v3 & ~(uint64_t)(1u << 11);
  CHECK_STR(first_of(0, formats, 4), X86);
  CHECK_STR(first_of(v2, formats, 4), V2);
  CHECK_STR(first_of(no_fma, formats, 4), V2);
  CHECK_STR(first_of(v3, formats, 4), V3);
  CHECK_STR(first_of(v4, formats, 4), V4);
  for (int bit = 20; bit < 25; ++bit) // all of AVX-512 that kernels use, or none
    CHECK_STR(first_of(v4 & ~((uint64_t)1 << bit), formats, 4), V3);
#else
  SKIP("levels of another machine");
#endif
}

static void levels_of_aarch64(void) {
#if defined(__aarch64__)
  static const char *const formats[] = {"embedded-elf+1-arm_64+dotprod", "embedded-elf-arm_64"};
  CHECK_STR(first_of(0, formats, 2), formats[1]);
  CHECK_STR(first_of(UINT64_MAX, formats, 2), formats[0]);
#else
  SKIP("levels of another machine");
#endif
}

static void what_nobody_knows_does_not_run(void) {
#if defined(__x86_64__)
  static const char *const formats[] = {"embedded-elf+1-x86_64+teleport", "embedded-elf+-x86_64",
                                        "embedded-elf+1", "embedded-elf+1-arm_64+dotprod", X86};
  CHECK_STR(first_of(UINT64_MAX, formats, 1), "none");
  CHECK_STR(first_of(UINT64_MAX, formats + 2, 3), X86);
#else
  SKIP("levels of another machine");
#endif
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(levels_of_x86),
      RUN(levels_of_aarch64),
      RUN(what_nobody_knows_does_not_run),
  };
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
