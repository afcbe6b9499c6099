// cpu.c: the features of the CPU, as kernels ask for them.
//
// Word 0 holds one bit for each feature; the others are zero. Bit numbers are a format that
// compiled kernels contain: iree/schemas/cpu_feature_bits.inl of 3.13. What the CPU has and the
// system does not save on a thread switch counts as absent.
#define _DEFAULT_SOURCE // syscall

#include "port/port.h"

#if defined(__x86_64__)

#include <cpuid.h>

typedef struct registers {
  unsigned a, b, c, d;
} registers_t;

// Zeros for a leaf that the CPU does not have.
static registers_t cpuid(unsigned leaf, unsigned subleaf) {
  registers_t r = {0, 0, 0, 0};
  if (!__get_cpuid_count(leaf, subleaf, &r.a, &r.b, &r.c, &r.d)) return (registers_t){0, 0, 0, 0};
  return r;
}

// One source bit to one feature bit. Source: Intel SDM volume 2, CPUID; AMD APM volume 3.
typedef struct feature {
  uint8_t source; // index into the registers gathered below
  uint8_t source_bit;
  uint8_t bit;
} feature_t;
enum { LEAF1_C, EXTENDED1_C, LEAF7_B, LEAF7_C, LEAF7_D, LEAF7_1_A, SOURCE_COUNT };

static const feature_t sse_features[] = {
    {LEAF1_C, 0, 0}, {LEAF1_C, 9, 1}, {LEAF1_C, 19, 2}, {LEAF1_C, 20, 3}, {EXTENDED1_C, 6, 4},
};
static const feature_t avx_features[] = {
    {LEAF1_C, 28, 10},     {LEAF1_C, 12, 11}, {EXTENDED1_C, 16, 12},
    {EXTENDED1_C, 11, 13}, {LEAF1_C, 29, 14}, {LEAF7_B, 5, 15},
};
static const feature_t avx512_features[] = {
    {LEAF7_B, 16, 20}, {LEAF7_B, 28, 21},  {LEAF7_B, 31, 22}, {LEAF7_B, 17, 23}, {LEAF7_B, 30, 24},
    {LEAF7_B, 21, 25}, {LEAF7_C, 1, 26},   {LEAF7_C, 14, 27}, {LEAF7_C, 11, 28}, {LEAF7_C, 6, 29},
    {LEAF7_C, 12, 30}, {LEAF7_1_A, 5, 31}, {LEAF7_D, 23, 32},
};
static const feature_t amx_features[] = {
    {LEAF7_D, 24, 50},
    {LEAF7_D, 25, 51},
    {LEAF7_D, 22, 52},
};

static uint64_t collect(const unsigned *sources, const feature_t *features, size_t count) {
  uint64_t word = 0;
  for (size_t i = 0; i < count; ++i) {
    const uint64_t has = sources[features[i].source] >> features[i].source_bit & 1u;
    word |= has << features[i].bit;
  }
  return word;
}

// The register state that the system saves (XCR0); 0 when it saves none beyond SSE.
static uint64_t saved_state(unsigned leaf1_c) {
  if (!(leaf1_c >> 27 & 1u)) return 0; // OSXSAVE
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t)high << 32 | low;
}

#define COLLECT(features) collect(sources, features, sizeof(features) / sizeof(features)[0])

void ee_port_cpu_data(uint64_t out_data[8]) {
  const registers_t leaf1 = cpuid(1, 0), leaf7 = cpuid(7, 0), extended1 = cpuid(0x80000001u, 0);
  // Leaf 7 tells in eax how many subleaves it has.
  const registers_t leaf7_1 = leaf7.a >= 1 ? cpuid(7, 1) : (registers_t){0, 0, 0, 0};
  const unsigned sources[SOURCE_COUNT] = {
      [LEAF1_C] = leaf1.c, [EXTENDED1_C] = extended1.c, [LEAF7_B] = leaf7.b,
      [LEAF7_C] = leaf7.c, [LEAF7_D] = leaf7.d,         [LEAF7_1_A] = leaf7_1.a,
  };
  const uint64_t state = saved_state(leaf1.c);
  memset(out_data, 0, 8 * sizeof *out_data);
  out_data[0] = COLLECT(sse_features);
  if ((state & 0x6) == 0x6) out_data[0] |= COLLECT(avx_features);
  if ((state & 0xE6) == 0xE6) out_data[0] |= COLLECT(avx512_features);
  if ((state & 0x60000) == 0x60000) out_data[0] |= COLLECT(amx_features);
}

#elif defined(__aarch64__) && defined(__linux__)

#include <sys/auxv.h>

// Source: Linux, arch/arm64/include/uapi/asm/hwcap.h.
static const struct {
  uint8_t word; // 0: AT_HWCAP, 1: AT_HWCAP2
  uint8_t source_bit;
  uint8_t bit;
} hwcaps[] = {
    {0, 0, 0},   {0, 8, 1},   {0, 10, 10}, {0, 23, 11}, {0, 20, 12}, {1, 13, 13}, {1, 14, 14},
    {0, 22, 20}, {1, 1, 21},  {1, 36, 22}, {1, 4, 23},  {1, 10, 24}, {1, 11, 25}, {1, 23, 30},
    {1, 37, 31}, {1, 38, 32}, {1, 42, 33}, {1, 25, 34}, {1, 24, 35},
};

void ee_port_cpu_data(uint64_t out_data[8]) {
  const uint64_t words[2] = {getauxval(AT_HWCAP), getauxval(AT_HWCAP2)};
  memset(out_data, 0, 8 * sizeof *out_data);
  for (size_t i = 0; i < sizeof hwcaps / sizeof hwcaps[0]; ++i) {
    const uint64_t has = words[hwcaps[i].word] >> hwcaps[i].source_bit & 1u;
    out_data[0] |= has << hwcaps[i].bit;
  }
}

#elif defined(__riscv) && __riscv_xlen == 64 && defined(__linux__)

#include <sys/syscall.h>
#include <unistd.h>

// Source: Linux, Documentation/arch/riscv/hwprobe.rst and arch/riscv/include/uapi/asm/hwprobe.h.
#define SYSCALL_HWPROBE  258
#define KEY_EXTENSIONS   4 // RISCV_HWPROBE_KEY_IMA_EXT_0
#define CSR_VECTOR_BYTES "0xc22"

// Bit of the key's value to feature bit: v, zvfhmin, zvfh, zvfbfwma.
static const uint8_t extensions[][2] = {{2, 0}, {31, 1}, {30, 2}, {54, 3}};

// zvl256b, zvl1024b, zvl4096b
static uint64_t vector_lengths(void) {
  uint64_t bytes;
  __asm__ volatile("csrr %0, " CSR_VECTOR_BYTES : "=r"(bytes));
  return (uint64_t)(bytes >= 32) << 5 | (uint64_t)(bytes >= 128) << 6 |
         (uint64_t)(bytes >= 512) << 7;
}

// A kernel before 6.4 does not know the question, and one that does not know the key answers -1 in
// its place: no features.
void ee_port_cpu_data(uint64_t out_data[8]) {
  struct {
    int64_t key;
    uint64_t value;
  } pair = {KEY_EXTENSIONS, 0};
  memset(out_data, 0, 8 * sizeof *out_data);
  if (syscall(SYSCALL_HWPROBE, &pair, 1, 0, NULL, 0) != 0 || pair.key != KEY_EXTENSIONS) return;
  for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; ++i) {
    out_data[0] |= (pair.value >> extensions[i][0] & 1u) << extensions[i][1];
  }
  if (out_data[0] & 1u) out_data[0] |= vector_lengths();
}

#else

void ee_port_cpu_data(uint64_t out_data[8]) {
  memset(out_data, 0, 8 * sizeof *out_data);
}

#endif

// ---- Floating-point mode -----------------------------------------------------------------------

#if defined(__x86_64__)
// MXCSR: flush results to zero (bit 15), take operands for zero (bit 6). Intel SDM volume
// 1, 10.2.3.
#define FLUSH_BITS 0x8040u

// Writing the register drains the pipeline, reading it does not.
uint64_t ee_port_float_flush(void) {
  const unsigned mode = __builtin_ia32_stmxcsr();
  if ((mode & FLUSH_BITS) != FLUSH_BITS) __builtin_ia32_ldmxcsr(mode | FLUSH_BITS);
  return mode;
}

void ee_port_float_restore(uint64_t mode) {
  if ((mode & FLUSH_BITS) != FLUSH_BITS) __builtin_ia32_ldmxcsr((unsigned)mode);
}

// Without what happened so far (bits 0 to 5), which is each thread's own.
#define MODE_BITS 0xFFC0u

uint64_t ee_port_float_mode(void) {
  return __builtin_ia32_stmxcsr() & MODE_BITS;
}

void ee_port_float_adopt(uint64_t mode) {
  const unsigned now = __builtin_ia32_stmxcsr();
  if ((now & MODE_BITS) != mode) __builtin_ia32_ldmxcsr((now & ~MODE_BITS) | (unsigned)mode);
}

#elif defined(__aarch64__)
// FPCR.FZ. Arm Architecture Reference Manual for A-profile, FPCR.
#define FLUSH_BIT (1ull << 24)

uint64_t ee_port_float_flush(void) {
  uint64_t mode;
  __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
  if (!(mode & FLUSH_BIT)) __asm__ volatile("msr fpcr, %0" : : "r"(mode | FLUSH_BIT));
  return mode;
}

void ee_port_float_restore(uint64_t mode) {
  if (!(mode & FLUSH_BIT)) __asm__ volatile("msr fpcr, %0" : : "r"(mode));
}

uint64_t ee_port_float_mode(void) {
  uint64_t mode;
  __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
  return mode;
}

void ee_port_float_adopt(uint64_t mode) {
  if (ee_port_float_mode() != mode) __asm__ volatile("msr fpcr, %0" : : "r"(mode));
}

#else
uint64_t ee_port_float_flush(void) {
  return 0;
}

void ee_port_float_restore(uint64_t mode) {
  (void)mode;
}

uint64_t ee_port_float_mode(void) {
  return 0;
}

void ee_port_float_adopt(uint64_t mode) {
  (void)mode;
}
#endif
