// ptx_warp.c: what the lanes of a warp and the threads of a block do together; and the end of a
// thread.
#include "ptx_internal.h"

static void nothing(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes) {
  (void)warp, (void)at, (void)lanes;
}

static void trap(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes) {
  PTX_EACH(lane, lanes) {
    ptx_fault(warp, at, lane, PTX_TRAP, "trap");
    return;
  }
}

// ---- Barriers
// --------------------------------------------------------------------------------------------

// Of all threads of the block: `bar.sync 0`. Those of a part of them are not used by the compiler.
static bool parse_bar(ptx_parser_t *parser, ptx_mnemonic_t *mnemonic, ptx_instruction_t *out) {
  uint64_t index = 0;
  out->run = nothing;
  if (ptx_take(mnemonic, "warp")) {
    out->flow = FLOW_MEET;
    return ptx_take(mnemonic, "sync") && ptx_source(parser, PTX_U32, &out->in[0]);
  }
  (void)ptx_take(mnemonic, "cta");
  if (!ptx_take(mnemonic, "sync")) return false;
  (void)ptx_take(mnemonic, "aligned");
  out->flow = FLOW_BARRIER;
  if (!ptx_integer(&parser->text, &index)) return false;
  if (index > 15) return ptx_fail(&parser->text, "a barrier of a number above 15");
  out->mode = (uint8_t)index;
  return ptx_peek(&parser->text) == ';' ||
         ptx_fail(&parser->text, "a barrier of a part of the threads");
}

static bool parse_fence(ptx_parser_t *parser, ptx_mnemonic_t *mnemonic, ptx_instruction_t *out) {
  static const char *const words[] = {"sc", "acq_rel", "cta", "gl", "gpu", "sys", NULL};
  (void)parser;
  out->run = nothing;
  while (ptx_take_any(mnemonic, words) >= 0) {
  }
  return true;
}

// ---- Exchanges of a warp
// -----------------------------------------------------------------------------------

typedef enum shuffle { UP, DOWN, BUTTERFLY, INDEX } shuffle_t;

// ISA, "shfl.sync": segments of the warp, their size in bits 8 to 12 of c, and where a source may
// lie.
static uint32_t source_lane(uint32_t lane, uint32_t b, uint32_t c, shuffle_t mode, bool *out_good) {
  const uint32_t bound = c & 31, segment = c >> 8 & 31;
  const uint32_t most = (lane & segment) | (bound & ~segment);
  const uint32_t least = lane & segment;
  b &= 31;
  int from = 0;
  switch (mode) {
  case UP: from = (int)lane - (int)b; break;
  case DOWN: from = (int)(lane + b); break;
  case BUTTERFLY: from = (int)(lane ^ b); break;
  default: from = (int)(least | (b & ~segment)); break;
  }
  *out_good = mode == UP ? from >= (int)most : from <= (int)most;
  return *out_good ? (uint32_t)from : lane;
}

static void shuffle(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes) {
  uint64_t *out = ptx_slot(warp, at->out[0]), *found = ptx_slot(warp, at->out[1]);
  const uint64_t *a = ptx_slot(warp, at->in[1]), *b = ptx_slot(warp, at->in[2]);
  const uint64_t *c = ptx_slot(warp, at->in[3]);
  uint64_t before[PTX_LANES];
  for (uint32_t lane = 0; lane < PTX_LANES; ++lane)
    before[lane] =
        lanes >> lane & 1 ? a[lane] : 0xdeadbeef; // "undefined" of lanes that take no part
  PTX_EACH(lane, lanes) {
    bool good = false;
    const uint32_t from =
        source_lane(lane, (uint32_t)b[lane], (uint32_t)c[lane], (shuffle_t)at->mode, &good);
    out[lane] = before[from];
    found[lane] = good;
  }
}

static bool parse_shfl(ptx_parser_t *parser, ptx_mnemonic_t *mnemonic, ptx_instruction_t *out) {
  static const char *const modes[] = {"up", "down", "bfly", "idx", NULL};
  if (!ptx_take(mnemonic, "sync")) return false;
  const int mode = ptx_take_any(mnemonic, modes);
  if (mode < 0 || !ptx_take(mnemonic, "b32")) return false;
  out->run = shuffle;
  out->flow = FLOW_MEET;
  out->mode = (uint8_t)mode;
  if (!ptx_target(parser, PTX_U32, &out->out[0])) return false;
  if (ptx_accept(&parser->text, '|') && !ptx_target(parser, PTX_PREDICATE, &out->out[1]))
    return false;
  for (uint32_t i = 1; i <= 3; ++i) {
    if (!ptx_comma(parser) || !ptx_source(parser, PTX_U32, &out->in[i])) return false;
  }
  return ptx_comma(parser) && ptx_source(parser, PTX_U32, &out->in[0]);
}

typedef enum vote { ALL, ANY, UNIFORM, BALLOT } vote_t;

static void vote(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes) {
  uint64_t *out = ptx_slot(warp, at->out[0]);
  const uint64_t *in = ptx_slot(warp, at->in[1]);
  uint32_t yes = 0;
  PTX_EACH(lane, lanes) yes |= (uint32_t)(in[lane] ^ at->negated) << lane;
  const bool all = yes == lanes, any = yes != 0;
  uint64_t value = yes;
  if (at->mode != BALLOT) value = at->mode == ALL ? all : at->mode == ANY ? any : all || !any;
  PTX_EACH(lane, lanes) out[lane] = value;
}

static bool parse_vote(ptx_parser_t *parser, ptx_mnemonic_t *mnemonic, ptx_instruction_t *out) {
  static const char *const modes[] = {"all", "any", "uni", "ballot", NULL};
  if (!ptx_take(mnemonic, "sync")) return false;
  const int mode = ptx_take_any(mnemonic, modes);
  if (mode < 0 || !ptx_take_type(mnemonic, &out->type)) return false;
  if (mode == BALLOT ? out->type.kind != KIND_BITS || out->type.bits != 32
                     : out->type.kind != KIND_PREDICATE)
    return false;
  out->run = vote;
  out->flow = FLOW_MEET;
  out->mode = (uint8_t)mode;
  if (!ptx_target(parser, out->type, &out->out[0]) || !ptx_comma(parser)) return false;
  out->negated = ptx_accept(&parser->text, '!');
  return ptx_source(parser, PTX_PREDICATE, &out->in[1]) && ptx_comma(parser) &&
         ptx_source(parser, PTX_U32, &out->in[0]);
}

static void reduce(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes) {
  uint64_t *out = ptx_slot(warp, at->out[0]);
  const uint64_t *in = ptx_slot(warp, at->in[1]);
  uint32_t result = 0;
  bool first = true;
  PTX_EACH(lane, lanes) {
    const uint32_t a = result, b = (uint32_t)in[lane];
    const bool less = at->type.kind == KIND_SIGNED ? (int32_t)a < (int32_t)b : a < b;
    const uint32_t values[] = {a + b, less ? a : b, less ? b : a, a & b, a | b, a ^ b};
    result = first ? b : values[at->mode];
    first = false;
  }
  PTX_EACH(lane, lanes) out[lane] = result;
}

static bool parse_redux(ptx_parser_t *parser, ptx_mnemonic_t *mnemonic, ptx_instruction_t *out) {
  static const char *const modes[] = {"add", "min", "max", "and", "or", "xor", NULL};
  if (!ptx_take(mnemonic, "sync")) return false;
  const int mode = ptx_take_any(mnemonic, modes);
  if (mode < 0 || !ptx_take_type(mnemonic, &out->type) || out->type.bits != 32) return false;
  if ((out->type.kind == KIND_BITS) != (mode > 2) || out->type.kind == KIND_FLOAT) return false;
  out->run = reduce;
  out->flow = FLOW_MEET;
  out->mode = (uint8_t)mode;
  return ptx_target(parser, out->type, &out->out[0]) && ptx_comma(parser) &&
         ptx_source(parser, out->type, &out->in[1]) && ptx_comma(parser) &&
         ptx_source(parser, PTX_U32, &out->in[0]);
}

// The lanes that are here: no meeting.
static void active(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes) {
  uint64_t *out = ptx_slot(warp, at->out[0]);
  PTX_EACH(lane, lanes) out[lane] = lanes;
}

static bool parse_activemask(ptx_parser_t *parser, ptx_mnemonic_t *mnemonic,
                             ptx_instruction_t *out) {
  out->run = active;
  return ptx_take(mnemonic, "b32") && ptx_target(parser, PTX_U32, &out->out[0]);
}

// ---- The end
// ---------------------------------------------------------------------------------------------

static bool parse_end(ptx_parser_t *parser, ptx_mnemonic_t *mnemonic, ptx_instruction_t *out) {
  (void)parser, (void)ptx_take(mnemonic, "uni");
  out->flow = FLOW_END;
  return true;
}

static bool parse_trap(ptx_parser_t *parser, ptx_mnemonic_t *mnemonic, ptx_instruction_t *out) {
  (void)parser, (void)mnemonic;
  out->run = trap;
  return true;
}

const ptx_family_t ptx_warp_families[] = {
    {"bar", parse_bar},      {"barrier", parse_bar},
    {"membar", parse_fence}, {"fence", parse_fence},
    {"shfl", parse_shfl},    {"vote", parse_vote},
    {"redux", parse_redux},  {"activemask", parse_activemask},
    {"ret", parse_end},      {"exit", parse_end},
    {"trap", parse_trap},    {NULL, NULL},
};
