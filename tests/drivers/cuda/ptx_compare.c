// ptx_compare.c: setp, selp, and mov with what it packs and unpacks.
#include "ptx_internal.h"

#include <math.h>

typedef enum comparison {
  EQ,
  NE,
  LT,
  LE,
  GT,
  GE,
  EQU,
  NEU,
  LTU,
  LEU,
  GTU,
  GEU,
  NUM,
  NAN_
} comparison_t;
static const char *const comparisons[] = {"eq",  "ne",  "lt",  "le",  "gt",  "ge",  "equ",
                                          "neu", "ltu", "leu", "gtu", "geu", "num", "nan",
                                          "lo",  "ls",  "hi",  "hs",  NULL};
typedef enum combination { AND, OR, XOR, NOTHING } combination_t;
static const char *const combinations[] = {"and", "or", "xor", NULL};

static bool holds(comparison_t comparison, bool less, bool equal) {
  switch (comparison) {
  case EQ:
  case EQU: return equal;
  case NE:
  case NEU: return !equal;
  case LT:
  case LTU: return less;
  case LE:
  case LEU: return less || equal;
  case GT:
  case GTU: return !less && !equal;
  default: return !less;
  }
}

static bool compare_floats(double a, double b, comparison_t comparison) {
  const bool ordered = !isnan(a) && !isnan(b);
  if (comparison == NUM || comparison == NAN_) return ordered == (comparison == NUM);
  if (!ordered) return comparison >= EQU; // the unordered ones hold
  return holds(comparison, a < b, a == b);
}

static double real_of(uint64_t bits, const ptx_instruction_t *at) {
  const ptx_type_t type = at->type;
  if (type.bits == 64) return ptx_double(bits);
  if (type.bits == 16)
    return ptx_widen((uint32_t)bits, type.kind == KIND_BFLOAT ? PTX_BF16 : PTX_F16);
  const float value = ptx_float(bits);
  return at->modifiers & MODIFIER_FTZ && fpclassify(value) == FP_SUBNORMAL ? 0 : (double)value;
}

static bool compare(uint64_t a, uint64_t b, const ptx_instruction_t *at) {
  const comparison_t comparison = (comparison_t)at->compare;
  const uint32_t unused = 64U - at->type.bits;
  switch (at->type.kind) {
  case KIND_FLOAT:
  case KIND_BFLOAT: return compare_floats(real_of(a, at), real_of(b, at), comparison);
  case KIND_SIGNED:
    return holds(comparison, (int64_t)(a << unused) < (int64_t)(b << unused), a == b);
  default: return holds(comparison, a < b, a == b);
  }
}

static uint64_t combine(uint64_t value, uint64_t with, uint8_t combination) {
  switch (combination) {
  case AND: return value & with;
  case OR: return value | with;
  case XOR: return value ^ with;
  default: return value;
  }
}

// Two targets: the second gets the opposite.
static void set_predicate(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes) {
  uint64_t *out = ptx_slot(warp, at->out[0]), *opposite = ptx_slot(warp, at->out[1]);
  const uint64_t *a = ptx_slot(warp, at->in[0]), *b = ptx_slot(warp, at->in[1]);
  const uint64_t *with = ptx_slot(warp, at->in[2]);
  PTX_EACH(lane, lanes) {
    const bool found = compare(a[lane], b[lane], at);
    const uint64_t third = with[lane] ^ at->negated;
    opposite[lane] = combine(!found, third, at->combine);
    out[lane] = combine(found, third, at->combine);
  }
}

// The words of unsigned comparisons, and which of the others suit a type.
static bool settle(ptx_instruction_t *out, int comparison) {
  static const uint8_t unsigned_ones[] = {LT, LE, GT, GE};
  const bool is_float = out->type.kind == KIND_FLOAT || out->type.kind == KIND_BFLOAT;
  if (comparison > NAN_) {
    if (out->type.kind != KIND_UNSIGNED) return false;
    comparison = unsigned_ones[comparison - NAN_ - 1];
  }
  out->compare = (uint8_t)comparison;
  if (!is_float && comparison > GE) return false;
  return out->type.kind != KIND_BITS || comparison <= NE;
}

static bool parse_setp(ptx_parser_t *parser, ptx_mnemonic_t *mnemonic, ptx_instruction_t *out) {
  const int comparison = ptx_take_any(mnemonic, comparisons);
  const int combination = ptx_take_any(mnemonic, combinations);
  if (ptx_take(mnemonic, "ftz")) out->modifiers |= MODIFIER_FTZ;
  if (comparison < 0 || !ptx_take_type(mnemonic, &out->type) || out->type.count != 1 ||
      out->type.bits < 16)
    return false;
  out->combine = combination < 0 ? NOTHING : (uint8_t)combination;
  if (!settle(out, comparison)) return false;
  out->run = set_predicate;
  if (!ptx_target(parser, PTX_PREDICATE, &out->out[0])) return false;
  if (ptx_accept(&parser->text, '|') && !ptx_target(parser, PTX_PREDICATE, &out->out[1]))
    return false;
  if (!ptx_comma(parser) || !ptx_source(parser, out->type, &out->in[0]) || !ptx_comma(parser) ||
      !ptx_source(parser, out->type, &out->in[1]))
    return false;
  if (combination < 0) return true;
  if (!ptx_comma(parser)) return false;
  out->negated = ptx_accept(&parser->text, '!');
  return ptx_source(parser, PTX_PREDICATE, &out->in[2]);
}

static void select(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes) {
  uint64_t *out = ptx_slot(warp, at->out[0]);
  const uint64_t *a = ptx_slot(warp, at->in[0]), *b = ptx_slot(warp, at->in[1]);
  const uint64_t *which = ptx_slot(warp, at->in[2]);
  PTX_EACH(lane, lanes) out[lane] = which[lane] ? a[lane] : b[lane];
}

static bool parse_selp(ptx_parser_t *parser, ptx_mnemonic_t *mnemonic, ptx_instruction_t *out) {
  if (!ptx_take_type(mnemonic, &out->type) || out->type.bits < 16) return false;
  out->run = select;
  return ptx_target(parser, out->type, &out->out[0]) && ptx_comma(parser) &&
         ptx_source(parser, out->type, &out->in[0]) && ptx_comma(parser) &&
         ptx_source(parser, out->type, &out->in[1]) && ptx_comma(parser) &&
         ptx_source(parser, PTX_PREDICATE, &out->in[2]);
}

const ptx_family_t ptx_compare_families[] = {
    {"setp", parse_setp}, {"selp", parse_selp}, {NULL, NULL}};

// ---- mov, cvta
// -----------------------------------------------------------------------------------------

static void move(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes) {
  uint64_t *out = ptx_slot(warp, at->out[0]);
  const uint64_t *in = ptx_slot(warp, at->in[0]);
  PTX_EACH(lane, lanes) out[lane] = in[lane];
}

static void pack(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes) {
  const uint64_t mask = UINT64_MAX >> (64U - at->from.bits);
  uint64_t *out = ptx_slot(warp, at->out[0]);
  PTX_EACH(lane, lanes) {
    uint64_t value = 0;
    for (uint32_t i = 0; i < at->vector; ++i)
      value |= (ptx_slot(warp, at->in[i])[lane] & mask) << (i * at->from.bits);
    out[lane] = value;
  }
}

static void unpack(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes) {
  const uint64_t mask = UINT64_MAX >> (64U - at->from.bits);
  PTX_EACH(lane, lanes) {
    const uint64_t value = ptx_slot(warp, at->in[0])[lane];
    for (uint32_t i = 0; i < at->vector; ++i)
      ptx_slot(warp, at->out[i])[lane] = value >> (i * at->from.bits) & mask;
  }
}

// `{a, b}` or `{a, b, c, d}`, after the brace; how many there are tells what each is.
static bool parse_parts(ptx_parser_t *parser, ptx_instruction_t *out, bool are_targets) {
  ptx_text_t ahead = parser->text;
  uint32_t count = 1;
  while (ahead.at < ahead.end && *ahead.at != '}')
    count += *ahead.at++ == ',';
  out->vector = (uint8_t)count;
  if (count != 2 && count != 4) return ptx_fail(&parser->text, "a vector of %u parts", count);
  out->from = (ptx_type_t){KIND_BITS, (uint8_t)(out->type.bits / out->vector), 1};
  if (out->from.bits < 8) return ptx_fail(&parser->text, "parts of %u bits", out->from.bits);
  for (uint32_t i = 0; i < out->vector; ++i) {
    if (i && !ptx_comma(parser)) return false;
    if (are_targets ? !ptx_wide_target(parser, out->from, &out->out[i])
                    : !ptx_wide_source(parser, out->from, &out->in[i]))
      return false;
  }
  return ptx_expect(&parser->text, '}');
}

static bool parse_mov(ptx_parser_t *parser, ptx_mnemonic_t *mnemonic, ptx_instruction_t *out) {
  if (!ptx_take_type(mnemonic, &out->type) || out->type.bits == 8) return false;
  out->run = move;
  if (ptx_accept(&parser->text, '{')) {
    out->run = unpack;
    return parse_parts(parser, out, true) && ptx_comma(parser) &&
           ptx_source(parser, out->type, &out->in[0]);
  }
  if (!ptx_target(parser, out->type, &out->out[0]) || !ptx_comma(parser)) return false;
  if (!ptx_accept(&parser->text, '{')) return ptx_source(parser, out->type, &out->in[0]);
  out->run = pack;
  return parse_parts(parser, out, false);
}

static void shift_address(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes) {
  uint64_t *out = ptx_slot(warp, at->out[0]);
  const uint64_t *in = ptx_slot(warp, at->in[0]);
  PTX_EACH(lane, lanes) out[lane] = in[lane] + (uint64_t)at->offset[0];
}

static bool parse_cvta(ptx_parser_t *parser, ptx_mnemonic_t *mnemonic, ptx_instruction_t *out) {
  static const char *const spaces[] = {"global", "const", "shared", "local", NULL};
  static const uint64_t windows[] = {0, 0, PTX_SHARED_WINDOW, PTX_LOCAL_WINDOW};
  const bool to = ptx_take(mnemonic, "to");
  const int space = ptx_take_any(mnemonic, spaces);
  if (space < 0 || !ptx_take_type(mnemonic, &out->type) || out->type.bits != 64) return false;
  out->offset[0] = (int64_t)(to ? 0 - windows[space] : windows[space]);
  out->run = shift_address;
  return ptx_target(parser, out->type, &out->out[0]) && ptx_comma(parser) &&
         ptx_source(parser, out->type, &out->in[0]);
}

const ptx_family_t ptx_move_families[] = {{"mov", parse_mov}, {"cvta", parse_cvta}, {NULL, NULL}};
