// ptx_matrix.c: mma.sync of halves, m16n8k16.
//
// ISA, "Matrix Fragments for mma.m16n8k16 with floating point type": where in the matrices the
// values of a lane's registers stand.
#include "ptx_internal.h"

#include <string.h>

enum {
  ROWS = 16,
  COLUMNS = 8,
  DEPTH = 16,
  A_REGISTERS = 4,
  B_REGISTERS = 2,
  A_AT = 1,
  B_AT = 5,
  C_AT = 7
};

typedef struct matrices {
  double a[ROWS][DEPTH], b[DEPTH][COLUMNS], c[ROWS][COLUMNS];
} matrices_t;

static ptx_format_t half_of(const ptx_instruction_t *at) {
  return at->from.kind == KIND_BFLOAT ? PTX_BF16 : PTX_F16;
}

static double half(uint64_t pair, uint32_t index, ptx_format_t format) {
  return ptx_widen((uint16_t)(pair >> (16 * index)), format);
}

// Registers of the accumulator hold one float or two halves; value i is one of four.
static void read_lane(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lane, matrices_t *m) {
  const uint32_t group = lane >> 2, within = (lane & 3) * 2;
  for (uint32_t i = 0; i < A_REGISTERS * 2; ++i) {
    const uint64_t pair = ptx_slot(warp, at->in[A_AT + i / 2])[lane];
    m->a[group + (i & 2 ? 8 : 0)][within + (i & 1) + (i & 4 ? 8 : 0)] =
        half(pair, i & 1, half_of(at));
  }
  for (uint32_t i = 0; i < B_REGISTERS * 2; ++i) {
    const uint64_t pair = ptx_slot(warp, at->in[B_AT + i / 2])[lane];
    m->b[within + (i & 1) + (i & 2 ? 8 : 0)][group] = half(pair, i & 1, half_of(at));
  }
  for (uint32_t i = 0; i < 4; ++i) {
    const bool wide = at->type.bits == 32;
    const uint64_t bits = ptx_slot(warp, at->in[C_AT + (wide ? i : i / 2)])[lane];
    m->c[group + (i & 2 ? 8 : 0)][within + (i & 1)] =
        wide ? (double)ptx_float(bits) : half(bits, i & 1, PTX_F16);
  }
}

static void write_lane(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lane,
                       const matrices_t *m) {
  const uint32_t group = lane >> 2, within = (lane & 3) * 2;
  const bool wide = at->type.bits == 32;
  uint32_t bits[4];
  for (uint32_t i = 0; i < 4; ++i)
    bits[i] = ptx_round(m->c[group + (i & 2 ? 8 : 0)][within + (i & 1)], wide ? PTX_F32 : PTX_F16,
                        MODIFIER_RN);
  for (uint32_t i = 0; i < (wide ? 4 : 2); ++i)
    ptx_slot(warp, at->out[i])[lane] = wide ? bits[i] : bits[2 * i] | bits[2 * i + 1] << 16;
}

// In which precision is added is not specified; a double's is as good as any device's.
static void multiply(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes) {
  matrices_t m;
  memset(&m, 0, sizeof m);
  PTX_EACH(lane, lanes) read_lane(warp, at, lane, &m);
  for (uint32_t row = 0; row < ROWS; ++row) {
    for (uint32_t column = 0; column < COLUMNS; ++column) {
      for (uint32_t k = 0; k < DEPTH; ++k)
        m.c[row][column] += m.a[row][k] * m.b[k][column];
    }
  }
  PTX_EACH(lane, lanes) write_lane(warp, at, lane, &m);
}

static bool take_registers(ptx_parser_t *parser, uint32_t count, uint32_t *slots,
                           bool are_targets) {
  if (!ptx_expect(&parser->text, '{')) return false;
  for (uint32_t i = 0; i < count; ++i) {
    if (i && !ptx_comma(parser)) return false;
    if (are_targets ? !ptx_target(parser, PTX_U32, &slots[i])
                    : !ptx_source(parser, PTX_U32, &slots[i]))
      return false;
  }
  return ptx_expect(&parser->text, '}');
}

static bool parse_mma(ptx_parser_t *parser, ptx_mnemonic_t *mnemonic, ptx_instruction_t *out) {
  static const char *const words[] = {"sync", "aligned", "m16n8k16", "row", "col"};
  ptx_type_t b, c;
  for (size_t i = 0; i < sizeof words / sizeof words[0]; ++i) {
    if (!ptx_take(mnemonic, words[i])) return false;
  }
  if (!ptx_take_type(mnemonic, &out->type) || !ptx_take_type(mnemonic, &out->from) ||
      !ptx_take_type(mnemonic, &b) || !ptx_take_type(mnemonic, &c))
    return false;
  const bool halves = out->from.bits == 16 && out->from.count == 1 && out->from.kind >= KIND_FLOAT;
  const bool sums =
      out->type.kind == KIND_FLOAT &&
      (out->type.bits == 32 || (out->type.bits == 16 && out->from.kind == KIND_FLOAT));
  if (!halves || !sums || memcmp(&b, &out->from, sizeof b) != 0 ||
      memcmp(&c, &out->type, sizeof c) != 0)
    return false;
  const uint32_t count = out->type.bits == 32 ? 4 : 2;
  out->run = multiply;
  out->flow = FLOW_MEET;
  out->in[0] = ptx_constant(parser, SPECIAL_VALUE, UINT32_MAX); // all lanes
  return take_registers(parser, count, out->out, true) && ptx_comma(parser) &&
         take_registers(parser, A_REGISTERS, &out->in[A_AT], false) && ptx_comma(parser) &&
         take_registers(parser, B_REGISTERS, &out->in[B_AT], false) && ptx_comma(parser) &&
         take_registers(parser, count, &out->in[C_AT], false);
}

const ptx_family_t ptx_matrix_families[] = {{"mma", parse_mma}, {NULL, NULL}};
