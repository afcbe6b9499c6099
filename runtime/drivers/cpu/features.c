// features.c: CPU features by the names that LLVM and compiled modules use.
//
// The bits are those of ee_port_cpu_data, word 0. Source: iree/schemas/cpu_feature_bits.inl
// of 3.13.
#include "drivers/cpu/cpu.h"

typedef struct feature {
  char name[16];
  uint8_t bit;
} feature_t;

static const feature_t features_table[] = {
#if defined(__x86_64__)
    {"sse3", 0},
    {"ssse3", 1},
    {"sse4.1", 2},
    {"sse4.2", 3},
    {"sse4a", 4},
    {"avx", 10},
    {"fma", 11},
    {"fma4", 12},
    {"xop", 13},
    {"f16c", 14},
    {"avx2", 15},
    {"avx512f", 20},
    {"avx512cd", 21},
    {"avx512vl", 22},
    {"avx512dq", 23},
    {"avx512bw", 24},
    {"avx512ifma", 25},
    {"avx512vbmi", 26},
    {"avx512vpopcntdq", 27},
    {"avx512vnni", 28},
    {"avx512vbmi2", 29},
    {"avx512bitalg", 30},
    {"avx512bf16", 31},
    {"avx512fp16", 32},
    {"amx-tile", 50},
    {"amx-int8", 51},
    {"amx-bf16", 52},
#elif defined(__aarch64__)
    {"fp-armv8", 0}, {"lse", 1},         {"lse128", 2},      {"fullfp16", 10},
    {"fp16fml", 11}, {"dotprod", 12},    {"i8mm", 13},       {"bf16", 14},
    {"sve", 20},     {"sve2", 21},       {"sve2p1", 22},     {"sve2-bitperm", 23},
    {"f32mm", 24},   {"f64mm", 25},      {"sme", 30},        {"sme2", 31},
    {"sme2p1", 32},  {"sme-f16f16", 33}, {"sme-f64f64", 34}, {"sme-i16i64", 35},
#elif defined(__riscv) && __riscv_xlen == 64
    {"v", 0},        {"zvfhmin", 1}, {"zvfh", 2},     {"zvfbfwma", 3},
    {"xsmtvdot", 4}, {"zvl256b", 5}, {"zvl1024b", 6}, {"zvl4096b", 7},
#endif
    {"", 0},
};

bool ee_cpu_feature(const uint64_t features[8], ee_str_t name, int64_t *out_value) {
  for (const feature_t *feature = features_table; feature->name[0]; ++feature) {
    if (!ee_str_equal(name, ee_str_from(feature->name))) continue;
    *out_value = (int64_t)(features[0] >> feature->bit & 1u);
    return true;
  }
  return false;
}
