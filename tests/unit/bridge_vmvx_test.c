// The `vmvx` module: every function against a plain loop over the same numbers, at odd strides and
// offsets; and every function with arguments that no compiler gives, which must reach nothing
// outside of the buffers.
#include <stdlib.h>

#include "port/math.h"
#include "unit/bridge_support.h"

#define GUARD 0xA5
#define BYTES 512 // of each buffer

static uint64_t random_state = 88172645463325252u;

static uint64_t random_bits(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

static uint32_t below(uint32_t limit) {
  return (uint32_t)(random_bits() % limit);
}

// ---- Element-wise functions --------------------------------------------------------------------

typedef union word {
  uint32_t u;
  int32_t i;
  float f;
} word_t;

// What the function says of two elements; false: that there is none.
static bool expected(const char *name, word_t a, word_t b, word_t *out) {
#define IS(text) (strcmp(name, text ".2d.f32") == 0 || strcmp(name, text ".2d.i32") == 0)
  const bool is_float = strstr(name, "f32") != NULL;
  if (IS("add")) {
    if (is_float)
      out->f = a.f + b.f;
    else
      out->u = a.u + b.u;
  } else if (IS("sub")) {
    if (is_float)
      out->f = a.f - b.f;
    else
      out->u = a.u - b.u;
  } else if (IS("mul")) {
    if (is_float)
      out->f = a.f * b.f;
    else
      out->u = a.u * b.u;
  } else if (IS("div"))
    out->f = a.f / b.f;
  else if (IS("divs")) {
    if (b.i == 0 || (int64_t)a.i / b.i > INT32_MAX) return false;
    out->i = a.i / b.i;
  } else if (IS("divu")) {
    if (b.u == 0) return false;
    out->u = a.u / b.u;
  } else if (IS("and"))
    out->u = a.u & b.u;
  else if (IS("or"))
    out->u = a.u | b.u;
  else if (IS("xor"))
    out->u = a.u ^ b.u;
  else if (IS("shl"))
    out->u = a.u << (b.u % 32);
  else if (IS("shru"))
    out->u = a.u >> (b.u % 32);
  else if (IS("shrs"))
    out->u = a.u >> (b.u % 32) | (a.i < 0 ? ~(UINT32_MAX >> (b.u % 32)) : 0);
  else if (IS("abs"))
    out->f = fabsf(a.f);
  else if (IS("neg"))
    out->f = -a.f;
  else if (IS("ceil"))
    out->f = ceilf(a.f);
  else if (IS("floor"))
    out->f = floorf(a.f);
  else if (IS("exp"))
    out->f = expf(a.f);
  else if (IS("log"))
    out->f = logf(a.f);
  else if (IS("rsqrt"))
    out->f = 1.0f / sqrtf(a.f);
  else if (IS("ctlz")) {
    out->u = 32;
    for (uint32_t bit = 0; bit < 32; ++bit) {
      if (a.u >> bit & 1u) out->u = 31 - bit;
    }
  } else if (strcmp(name, "copy.2d.x32") == 0)
    *out = a;
  else
    return false;
#undef IS
  return true;
}

// Numbers of which some are special.
static uint32_t element(bool is_float) {
  static const float floats[] = {0.0f, -0.0f, 1.0f, -2.5f, INFINITY, -INFINITY, 1e-40f, 3e38f};
  static const uint32_t integers[] = {0, 1, 0x80000000u, 0x7FFFFFFFu, UINT32_MAX, 31, 32, 33};
  word_t word = {.u = (uint32_t)random_bits()};
  const uint32_t choice = below(12);
  if (is_float)
    word.f = choice < 8 ? floats[choice] : (float)(int32_t)word.u / 1e7f;
  else if (choice < 8)
    word.u = integers[choice];
  return word.u;
}

typedef struct operand {
  uint8_t data[BYTES];
  ee_vm_buffer_t *bytes;
  size_t offset, row, column;
} operand_t;

// Rows and columns of `operand` are laid out at random: dense, padded, transposed, and for what is
// only read also with one row or column again and again.
static void place(operand_t *operand, size_t rows, size_t columns, bool written) {
  operand->offset = below(5);
  switch (below(written ? 3 : 5)) {
  case 0: operand->row = columns, operand->column = 1; break;
  case 1: operand->row = columns * 2 + 3, operand->column = 2; break;
  case 2: operand->row = 1, operand->column = rows; break;
  case 3: operand->row = 0, operand->column = 1; break;
  default: operand->row = 1, operand->column = 0; break;
  }
}

static uint8_t *at(operand_t *operand, size_t i, size_t j, size_t size) {
  return operand->data + (operand->offset + i * operand->row + j * operand->column) * size;
}

static bool same_word(word_t a, word_t b, bool is_float) {
  return a.u == b.u || (is_float && a.f != a.f && b.f != b.f);
}

static void computes_element(bridge_t *b, const ee_vm_native_function_t *function) {
  const bool binary = strcmp(function->calling_convention, "0rIIIrIIIrIIIII_v") == 0;
  const bool is_float = strstr(function->name, "f32") != NULL;
  const uint32_t inputs = binary ? 2 : 1;
  static operand_t operands[3];
  static uint8_t before[BYTES];
  for (int round = 0; round < 60; ++round) {
    const size_t rows = 1 + below(4), columns = 1 + below(5);
    ee_vm_value_t arguments[14];
    for (uint32_t i = 0; i <= inputs; ++i) {
      operand_t *operand = &operands[i];
      place(operand, rows, columns, i == inputs);
      for (size_t k = 0; k < BYTES; k += 4) {
        const uint32_t value = element(is_float);
        memcpy(operand->data + k, &value, 4);
      }
      operand->bytes = make_bytes(b, operand->data, BYTES, i == inputs);
      arguments[i * 4] = of_ref(operand->bytes);
      arguments[i * 4 + 1] = of_i64((int64_t)operand->offset);
      arguments[i * 4 + 2] = of_i64((int64_t)operand->row);
      arguments[i * 4 + 3] = of_i64((int64_t)operand->column);
    }
    operand_t *out = &operands[inputs];
    memcpy(before, out->data, BYTES);
    arguments[inputs * 4 + 4] = of_i64((int64_t)rows);
    arguments[inputs * 4 + 5] = of_i64((int64_t)columns);
    const eerie_status_t status = bridge_call(b, function->name, arguments);
    bool all = true;
    for (size_t i = 0; i < rows; ++i) {
      for (size_t j = 0; j < columns; ++j) {
        word_t a, c = {0}, want = {0}, got;
        memcpy(&a, at(&operands[0], i, j, 4), 4);
        if (binary) memcpy(&c, at(&operands[1], i, j, 4), 4);
        const bool known = expected(function->name, a, c, &want);
        all = all && known;
        memcpy(&got, at(out, i, j, 4), 4);
        if (status == EERIE_OK && known && !same_word(got, want, is_float)) {
          fprintf(stderr, "%s of 0x%08x, 0x%08x: 0x%08x, expected 0x%08x\n", function->name, a.u,
                  c.u, got.u, want.u);
          CHECK(same_word(got, want, is_float));
        }
        memcpy(before + (at(out, i, j, 4) - out->data), &got, 4);
      }
    }
    CHECK_STATUS(status, all ? EERIE_OK : EERIE_INVALID_ARGUMENT);
    CHECK_BYTES(out->data, before, BYTES); // nothing else was written
    for (uint32_t i = 0; i <= inputs; ++i)
      drop(operands[i].bytes);
  }
}

static void computes_elements(void) {
  bridge_t b;
  bridge_open(&b, &ee_bridge_vmvx_module, 0);
  CHECK_EQ_INT(b.module->function_count, 32);
  int computed = 0;
  for (uint32_t i = 0; i < b.module->function_count; ++i) {
    const ee_vm_native_function_t *function = &b.module->functions[i];
    word_t one = {.u = 1}, out;
    if (!expected(function->name, one, one, &out)) continue;
    computes_element(&b, function);
    ++computed;
  }
  CHECK_EQ_INT(computed, 15 + 8 + 1);
  bridge_close(&b);
}

// ---- Copies and fills --------------------------------------------------------------------------

static void copies_every_width(void) {
  static const struct {
    const char *name;
    size_t size;
  } copies[] = {{"copy.2d.x8", 1}, {"copy.2d.x16", 2}, {"copy.2d.x32", 4}, {"copy.2d.x64", 8}};
  bridge_t b;
  bridge_open(&b, &ee_bridge_vmvx_module, 0);
  static operand_t in, out;
  for (size_t i = 0; i < 4; ++i) {
    for (int round = 0; round < 30; ++round) {
      const size_t rows = 1 + below(4), columns = 1 + below(4), size = copies[i].size;
      place(&in, rows, columns, false);
      place(&out, rows, columns, true);
      for (size_t k = 0; k < BYTES; ++k)
        in.data[k] = (uint8_t)random_bits();
      memset(out.data, GUARD, BYTES);
      static uint8_t want[BYTES];
      memset(want, GUARD, BYTES);
      for (size_t r = 0; r < rows; ++r) {
        for (size_t c = 0; c < columns; ++c)
          memcpy(want + (at(&out, r, c, size) - out.data), at(&in, r, c, size), size);
      }
      in.bytes = make_bytes(&b, in.data, BYTES, false);
      out.bytes = make_bytes(&b, out.data, BYTES, true);
      const ee_vm_value_t arguments[] = {of_ref(in.bytes),         of_i64((int64_t)in.offset),
                                         of_i64((int64_t)in.row),  of_i64((int64_t)in.column),
                                         of_ref(out.bytes),        of_i64((int64_t)out.offset),
                                         of_i64((int64_t)out.row), of_i64((int64_t)out.column),
                                         of_i64((int64_t)rows),    of_i64((int64_t)columns)};
      CHECK_OK(bridge_call(&b, copies[i].name, arguments));
      CHECK_BYTES(out.data, want, BYTES);
      drop(in.bytes);
      drop(out.bytes);
    }
  }
  bridge_close(&b);
}

static void fills(void) {
  bridge_t b;
  bridge_open(&b, &ee_bridge_vmvx_module, 0);
  uint32_t data[20], want[20];
  memset(data, GUARD, sizeof data);
  memset(want, GUARD, sizeof want);
  for (size_t i = 0; i < 3; ++i) {
    for (size_t j = 0; j < 2; ++j)
      want[1 + i * 6 + j] = 0xDEADBEEFu;
  }
  ee_vm_buffer_t *bytes = make_bytes(&b, data, sizeof data, true);
  ee_vm_value_t arguments[] = {
      of_i32((int32_t)0xDEADBEEFu), of_ref(bytes), of_i64(1), of_i64(6), of_i64(3), of_i64(2)};
  CHECK_OK(bridge_call(&b, "fill.2d.x32", arguments));
  CHECK_BYTES(data, want, sizeof data);
  arguments[2] = of_i64(7); // the last row ends one behind the buffer
  CHECK_STATUS(bridge_call(&b, "fill.2d.x32", arguments), EERIE_OUT_OF_RANGE);
  CHECK_BYTES(data, want, sizeof data);
  drop(bytes);
  bridge_close(&b);
}

// ---- Tiles -------------------------------------------------------------------------------------

static void multiplies_tiles(void) {
  enum { M = 2, N = 3, K = 4, M0 = 3, N0 = 2, K0 = 2, PAD = 5 };
  static float left[M][K * M0 * K0 + PAD], right[N][K * N0 * K0 + PAD];
  static int8_t left8[M][K * M0 * K0 + PAD], right8[N][K * N0 * K0 + PAD];
  static float out[M][N * M0 * N0 + PAD], want[M][N * M0 * N0 + PAD];
  static int32_t out32[M][N * M0 * N0 + PAD], want32[M][N * M0 * N0 + PAD];
  bridge_t b;
  bridge_open(&b, &ee_bridge_vmvx_module, 0);
  for (int accumulate = 0; accumulate < 2; ++accumulate) {
    for (size_t i = 0; i < sizeof left / sizeof(float); ++i) {
      (&left[0][0])[i] = (float)below(2000) / 7.0f - 100.0f;
      (&left8[0][0])[i] = (int8_t)random_bits();
    }
    for (size_t i = 0; i < sizeof right / sizeof(float); ++i) {
      (&right[0][0])[i] = (float)below(2000) / 3.0f - 300.0f;
      (&right8[0][0])[i] = (int8_t)random_bits();
    }
    for (size_t i = 0; i < sizeof out / sizeof(float); ++i) {
      (&out[0][0])[i] = (&want[0][0])[i] = (float)i;
      (&out32[0][0])[i] = (&want32[0][0])[i] = (int32_t)i;
    }
    for (size_t i = 0; i < M; ++i) {
      for (size_t j = 0; j < N; ++j) {
        for (size_t i0 = 0; i0 < M0; ++i0) {
          for (size_t j0 = 0; j0 < N0; ++j0) {
            const size_t to = j * M0 * N0 + i0 * N0 + j0;
            float sum = accumulate ? want[i][to] : 0;
            int32_t sum32 = accumulate ? want32[i][to] : 0;
            for (size_t k = 0; k < K; ++k) {
              for (size_t k0 = 0; k0 < K0; ++k0) {
                const size_t l = k * M0 * K0 + i0 * K0 + k0, r = k * N0 * K0 + j0 * K0 + k0;
#if defined(EE_MATH_FUSED_F32)
                sum = fmaf(left[i][l], right[j][r], sum);
#else
                const volatile float product = left[i][l] * right[j][r];
                sum += product;
#endif
                sum32 += left8[i][l] * right8[j][r];
              }
            }
            want[i][to] = sum;
            want32[i][to] = sum32;
          }
        }
      }
    }
    ee_vm_buffer_t *bytes[] = {
        make_bytes(&b, left, sizeof left, false),     make_bytes(&b, right, sizeof right, false),
        make_bytes(&b, out, sizeof out, true),        make_bytes(&b, left8, sizeof left8, false),
        make_bytes(&b, right8, sizeof right8, false), make_bytes(&b, out32, sizeof out32, true)};
    for (int type = 1; type <= 2; ++type) {
      ee_vm_buffer_t **of = bytes + (type - 1) * 3;
      const ee_vm_value_t arguments[] = {of_ref(of[0]),
                                         of_i64(0),
                                         of_i64(K * M0 * K0 + PAD),
                                         of_ref(of[1]),
                                         of_i64(0),
                                         of_i64(K * N0 * K0 + PAD),
                                         of_ref(of[2]),
                                         of_i64(0),
                                         of_i64(N * M0 * N0 + PAD),
                                         of_i64(M),
                                         of_i64(N),
                                         of_i64(K),
                                         of_i32(M0),
                                         of_i32(N0),
                                         of_i32(K0),
                                         of_i32(type | (accumulate ? 0x100 : 0) | 0x200)};
      CHECK_OK(bridge_call(&b, "mmt4d", arguments));
    }
    CHECK_BYTES(out, want, sizeof out);
    CHECK_BYTES(out32, want32, sizeof out32);
    for (size_t i = 0; i < 6; ++i)
      drop(bytes[i]);
  }
  bridge_close(&b);
}

static void multiplies_without_columns(void) {
  bridge_t b;
  bridge_open(&b, &ee_bridge_vmvx_module, 0);
  float out[4] = {1, 2, 3, 4};
  ee_vm_buffer_t *none = make_bytes(&b, NULL, 0, false);
  ee_vm_buffer_t *bytes = make_bytes(&b, out, sizeof out, true);
  ee_vm_value_t arguments[] = {of_ref(none), of_i64(0), of_i64(0),     of_ref(none),
                               of_i64(0),    of_i64(0), of_ref(bytes), of_i64(0),
                               of_i64(4),    of_i64(1), of_i64(1),     of_i64(0),
                               of_i32(2),    of_i32(2), of_i32(1),     of_i32(0x101)};
  CHECK_OK(bridge_call(&b, "mmt4d", arguments));
  CHECK(out[0] == 1 && out[3] == 4); // added to
  arguments[15] = of_i32(1);
  CHECK_OK(bridge_call(&b, "mmt4d", arguments));
  CHECK(out[0] == 0 && out[3] == 0); // set
  arguments[15] = of_i32(3);         // f16
  CHECK_STATUS(bridge_call(&b, "mmt4d", arguments), EERIE_INVALID_ARGUMENT);
  drop(none);
  drop(bytes);
  bridge_close(&b);
}

static void packs_and_unpacks(void) {
  enum { ROWS = 7, COLUMNS = 5, T0 = 3, T1 = 2, O0 = 3, O1 = 3, ELEMENTS = O0 * O1 * T0 * T1 };
  static uint32_t plain[ROWS * COLUMNS], tiled[ELEMENTS + 4 * O0], back[ROWS * COLUMNS];
  bridge_t b;
  bridge_open(&b, &ee_bridge_vmvx_module, 0);
  for (uint32_t i = 0; i < ROWS * COLUMNS; ++i)
    plain[i] = 100 + i;
  for (int transpose = 0; transpose < 4; ++transpose) {
    const bool inner = transpose & 1, outer = transpose & 2;
    const size_t s0 = outer ? O1 : O0, s1 = outer ? O0 : O1, s2 = inner ? T1 : T0,
                 s3 = inner ? T0 : T1, stride = s1 * s2 * s3 + 4;
    const int32_t flags = (inner ? 0x100 : 0) | (outer ? 0x200 : 0);
    memset(tiled, GUARD, sizeof tiled);
    memset(back, 0, sizeof back);
    ee_vm_buffer_t *from = make_bytes(&b, plain, sizeof plain, false);
    ee_vm_buffer_t *to = make_bytes(&b, tiled, sizeof tiled, true);
    ee_vm_buffer_t *again = make_bytes(&b, back, sizeof back, true);
    const ee_vm_value_t pack[] = {of_ref(from),
                                  of_i64(0),
                                  of_i64(COLUMNS),
                                  of_i64(1),
                                  of_ref(to),
                                  of_i64(0),
                                  of_i64((int64_t)stride),
                                  of_i64((int64_t)(s2 * s3)),
                                  of_i64(ROWS),
                                  of_i64(COLUMNS),
                                  of_i64((int64_t)s0),
                                  of_i64((int64_t)s1),
                                  of_i64((int64_t)s2),
                                  of_i64((int64_t)s3),
                                  of_i64(77),
                                  of_i32(3 | flags)};
    CHECK_OK(bridge_call(&b, "pack", pack));
    for (size_t i = 0; i < O0 * T0; ++i) {
      for (size_t j = 0; j < O1 * T1; ++j) {
        const size_t d0 = outer ? j / T1 : i / T0, d1 = outer ? i / T0 : j / T1;
        const size_t d2 = inner ? j % T1 : i % T0, d3 = inner ? i % T0 : j % T1;
        const uint32_t want = i < ROWS && j < COLUMNS ? plain[i * COLUMNS + j] : 77;
        CHECK_EQ_INT(tiled[d0 * stride + d1 * s2 * s3 + d2 * s3 + d3], want);
      }
    }
    const ee_vm_value_t unpack[] = {of_ref(to),
                                    of_i64(0),
                                    of_i64((int64_t)stride),
                                    of_i64((int64_t)(s2 * s3)),
                                    of_ref(again),
                                    of_i64(0),
                                    of_i64(COLUMNS),
                                    of_i64(1),
                                    of_i64((int64_t)s0),
                                    of_i64((int64_t)s1),
                                    of_i64((int64_t)s2),
                                    of_i64((int64_t)s3),
                                    of_i64(ROWS),
                                    of_i64(COLUMNS),
                                    of_i32(1 | flags)};
    CHECK_OK(bridge_call(&b, "unpack", unpack));
    CHECK_BYTES(back, plain, sizeof back);
    drop(from);
    drop(to);
    drop(again);
  }
  bridge_close(&b);
}

static void packs_bytes(void) {
  uint8_t in[3] = {1, 2, 3}, out[4] = {0};
  bridge_t b;
  bridge_open(&b, &ee_bridge_vmvx_module, 0);
  ee_vm_buffer_t *from = make_bytes(&b, in, sizeof in, false);
  ee_vm_buffer_t *to = make_bytes(&b, out, sizeof out, true);
  ee_vm_value_t arguments[] = {of_ref(from), of_i64(0), of_i64(3),     of_i64(1),
                               of_ref(to),   of_i64(0), of_i64(4),     of_i64(2),
                               of_i64(1),    of_i64(3), of_i64(1),     of_i64(2),
                               of_i64(1),    of_i64(2), of_i64(0x1FF), of_i32(2)};
  CHECK_OK(bridge_call(&b, "pack", arguments));
  CHECK(out[0] == 1 && out[1] == 2 && out[2] == 3 && out[3] == 0xFF);
  arguments[15] = of_i32(4); // f16
  CHECK_STATUS(bridge_call(&b, "pack", arguments), EERIE_INVALID_ARGUMENT);
  drop(from);
  drop(to);
  bridge_close(&b);
}

static void tells_tile_sizes(void) {
  bridge_t b;
  bridge_open(&b, &ee_bridge_vmvx_module, 0);
  ee_vm_value_t arguments[] = {of_i64(INT64_MIN), of_i64(INT64_MIN), of_i32(0)};
  // The left has as many columns in a tile as the right, and the result its rows from both.
  for (int32_t operation = 1; operation <= 6; ++operation) {
    int64_t sizes[4][2];
    for (int32_t role = 1; role <= 3; ++role) {
      arguments[2] = of_i32(operation << 8 | role);
      CHECK_OK(bridge_call(&b, "query_tile_sizes.2d", arguments));
      sizes[role][0] = b.results[0].i64;
      sizes[role][1] = b.results[1].i64;
      CHECK(sizes[role][0] > 0 && sizes[role][1] > 0);
    }
    CHECK_EQ_INT(sizes[1][1], sizes[2][1]);
    CHECK_EQ_INT(sizes[3][0], sizes[1][0]);
    CHECK_EQ_INT(sizes[3][1], sizes[2][0]);
  }
  static const int32_t senseless[] = {0, 1, 0x100, 0x104, 0x701, -1};
  for (size_t i = 0; i < sizeof senseless / sizeof senseless[0]; ++i) {
    arguments[2] = of_i32(senseless[i]);
    CHECK_STATUS(bridge_call(&b, "query_tile_sizes.2d", arguments), EERIE_INVALID_ARGUMENT);
  }
  bridge_close(&b);
}

// ---- Arguments that no compiler gives ----------------------------------------------------------

static int64_t hostile_number(void) {
  static const int64_t numbers[] = {0,
                                    1,
                                    2,
                                    3,
                                    7,
                                    15,
                                    16,
                                    17,
                                    -1,
                                    -2,
                                    INT64_MIN,
                                    INT64_MAX,
                                    INT32_MAX,
                                    UINT32_MAX,
                                    1ll << 32,
                                    1ll << 62,
                                    1ll << 61,
                                    1ll << 31,
                                    -(1ll << 31),
                                    0x4000000000000001};
  return below(3) ? (int64_t)below(9) : numbers[below(sizeof numbers / sizeof numbers[0])];
}

// Buffers end where their memory ends, so that AddressSanitizer sees the first byte too many; the
// guards show it without.
static void stays_inside_of_buffers(void) {
  enum { SIZE = 64, EDGE = 64 };
  bridge_t b;
  bridge_open(&b, &ee_bridge_vmvx_module, 0);
  int passed = 0, refused = 0;
  for (uint32_t i = 0; i < b.module->function_count; ++i) {
    const ee_vm_native_function_t *function = &b.module->functions[i];
    for (int round = 0; round < 4000; ++round) {
      ee_vm_value_t arguments[20];
      uint8_t *memory[4] = {NULL};
      ee_vm_buffer_t *buffers[4] = {NULL};
      size_t buffer_count = 0, slot = 0;
      for (const char *letter = function->calling_convention + 1; *letter != '_'; ++letter) {
        arguments[slot] = of_i64(hostile_number());
        if (*letter == 'i') {
          // Flags come last; most of them must mean something for the rest to be reached.
          arguments[slot] =
              of_i32(letter[1] == '_' && below(4) ? (int32_t)(1 + below(3) + below(4) * 0x100)
                                                  : (int32_t)hostile_number());
        }
        if (*letter == 'r') {
          const size_t size = below(SIZE);
          uint8_t *block = memory[buffer_count] = malloc(EDGE + size);
          if (!block) return;
          memset(block, GUARD, EDGE);
          memset(block + EDGE, 1, size);
          buffers[buffer_count] = make_bytes(&b, block + EDGE, size, true);
          arguments[slot] = of_ref(buffers[buffer_count++]);
        }
        ++slot;
      }
      const eerie_status_t status =
          bridge_call_as(&b, function->name, function->calling_convention, arguments);
      CHECK(status == EERIE_OK || status == EERIE_INVALID_ARGUMENT || status == EERIE_OUT_OF_RANGE);
      passed += status == EERIE_OK;
      refused += status != EERIE_OK;
      for (size_t k = 0; k < buffer_count; ++k) {
        for (size_t j = 0; j < EDGE; ++j)
          CHECK(memory[k][j] == GUARD);
        drop(buffers[k]);
        free(memory[k]);
      }
    }
  }
  // Neither side of the checks goes untested.
  CHECK(passed > 1000);
  CHECK(refused > 1000);
  bridge_close(&b);
}

static void refuses_objects_and_constants(void) {
  bridge_t b;
  bridge_open(&b, &ee_bridge_vmvx_module, 0);
  uint32_t data[4] = {0};
  ee_vm_buffer_t *constant = make_bytes(&b, data, sizeof data, false);
  ee_vm_list_t *list = NULL;
  REQUIRE_OK(ee_vm_list_create(&b.f.heap, EE_VM_VALUE_NONE, NULL, 0, &list, NULL));
  ee_vm_value_t arguments[] = {of_ref(constant), of_i64(0), of_i64(2), of_i64(1), of_ref(constant),
                               of_i64(0),        of_i64(2), of_i64(1), of_i64(2), of_i64(2)};
  CHECK_STATUS(bridge_call(&b, "abs.2d.f32", arguments), EERIE_PERMISSION_DENIED);
  arguments[4] = of_ref(NULL);
  CHECK_STATUS(bridge_call(&b, "abs.2d.f32", arguments), EERIE_INVALID_ARGUMENT);
  arguments[4] = of_ref(list);
  CHECK_STATUS(bridge_call(&b, "abs.2d.f32", arguments), EERIE_INVALID_ARGUMENT);
  drop(constant);
  drop(list);
  bridge_close(&b);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(computes_elements),
      RUN(copies_every_width),
      RUN(fills),
      RUN(multiplies_tiles),
      RUN(multiplies_without_columns),
      RUN(packs_and_unpacks),
      RUN(packs_bytes),
      RUN(tells_tile_sizes),
      RUN(stays_inside_of_buffers),
      RUN(refuses_objects_and_constants),
  };
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
