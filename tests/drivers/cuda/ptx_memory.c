// ptx_memory.c: loads, stores and atomic operations, each address checked.
#include "ptx_internal.h"

#include <inttypes.h>
#include <string.h>

// ---- Where an address lies
// -------------------------------------------------------------------------------

static uint8_t *reach_block(uint8_t *bytes, uint64_t size, uint64_t offset, uint32_t length) {
  return offset <= size && length <= size - offset ? bytes + offset : NULL;
}

static uint8_t *reach_device(ptx_warp_t *warp, uint64_t address, uint32_t length, bool writes) {
  ptx_block_t *block = warp->block;
  ptx_range_t *last = &block->last;
  if (address < last->begin || address >= last->end) {
    if (!block->launch->find || !block->launch->find(block->launch->user, address, last)) {
      *last = (ptx_range_t){0};
      return NULL;
    }
  }
  if (length > last->end - address || (writes && last->read_only)) return NULL;
  return last->bytes + (address - last->begin);
}

static uint8_t *reach(ptx_warp_t *warp, uint32_t lane, ptx_space_t space, uint64_t address,
                      uint32_t length, bool writes) {
  const ptx_kernel_t *kernel = warp->block->kernel;
  if (space == SPACE_GENERIC || space == SPACE_GLOBAL || space == SPACE_CONST) {
    if (address >= PTX_GLOBAL_WINDOW && address < PTX_LOCAL_WINDOW)
      return reach_block(kernel->module->globals, kernel->module->global_size,
                         address - PTX_GLOBAL_WINDOW, length);
    if (space == SPACE_GENERIC && address >= PTX_LOCAL_WINDOW && address < PTX_SHARED_WINDOW) {
      space = SPACE_LOCAL, address -= PTX_LOCAL_WINDOW;
    } else if (space == SPACE_GENERIC && address >= PTX_SHARED_WINDOW &&
               address < PTX_SHARED_WINDOW + PTX_WINDOW_SIZE) {
      space = SPACE_SHARED, address -= PTX_SHARED_WINDOW;
    } else {
      return reach_device(warp, address, length, writes);
    }
  }
  switch (space) {
  case SPACE_SHARED:
    return reach_block(warp->block->shared, warp->block->shared_size, address, length);
  case SPACE_LOCAL:
    return reach_block(warp->local + (size_t)lane * kernel->local_size, kernel->local_size, address,
                       length);
  default: return NULL;
  }
}

static const char *const space_names[] = {"generic", "global", "constant",
                                          "shared",  "local",  "parameter"};

// NULL when the launch has failed.
static uint8_t *checked(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lane,
                        uint64_t address, uint32_t length, bool writes) {
  const char *what = writes ? "write" : "read";
  if (address % length != 0) {
    ptx_fault(warp, at, lane, PTX_MISALIGNED_ADDRESS,
              "Invalid __%s__ %s of size %" PRIu32 " bytes: address 0x%" PRIx64 " is misaligned",
              space_names[at->space], what, length, address);
    return NULL;
  }
  uint8_t *bytes = reach(warp, lane, (ptx_space_t)at->space, address, length, writes);
  if (!bytes) {
    ptx_fault(warp, at, lane, PTX_ILLEGAL_ADDRESS,
              "Invalid __%s__ %s of size %" PRIu32 " bytes: address 0x%" PRIx64 " is out of bounds",
              space_names[at->space], what, length, address);
  }
  return bytes;
}

static uint64_t load_bits(const uint8_t *bytes, uint32_t size) {
  uint64_t value = 0;
  memcpy(&value, bytes, size);
  return value;
}

// ---- ld, st
// ------------------------------------------------------------------------------------------------

// A register that is wider than the type is filled: of signed types with the sign, to `mode` bits.
static uint64_t extended(uint64_t value, const ptx_instruction_t *at) {
  if (at->type.kind != KIND_SIGNED || at->type.bits == 64) return value;
  const uint32_t above = 64U - at->type.bits, unused = 64U - at->mode;
  const uint64_t filled = (uint64_t)((int64_t)(value << above) >> above);
  return filled << unused >> unused;
}

static void load(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes) {
  const uint64_t *base = ptx_slot(warp, at->in[0]);
  const uint32_t size = ptx_type_size(at->type);
  PTX_EACH(lane, lanes) {
    const uint8_t *bytes =
        checked(warp, at, lane, base[lane] + (uint64_t)at->offset[0], size * at->vector, false);
    if (!bytes) return;
    for (uint32_t i = 0; i < at->vector; ++i)
      ptx_slot(warp, at->out[i])[lane] = extended(load_bits(bytes + (size_t)i * size, size), at);
  }
}

// The same for all lanes; the address was checked when it was read.
static void load_param(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes) {
  const uint32_t size = ptx_type_size(at->type);
  const uint8_t *bytes = warp->block->launch->params + at->offset[0];
  for (uint32_t i = 0; i < at->vector; ++i) {
    const uint64_t value = extended(load_bits(bytes + (size_t)i * size, size), at);
    uint64_t *out = ptx_slot(warp, at->out[i]);
    PTX_EACH(lane, lanes) out[lane] = value;
  }
}

static void store(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes) {
  const uint64_t *base = ptx_slot(warp, at->in[0]);
  const uint32_t size = ptx_type_size(at->type);
  PTX_EACH(lane, lanes) {
    uint8_t *bytes =
        checked(warp, at, lane, base[lane] + (uint64_t)at->offset[0], size * at->vector, true);
    if (!bytes) return;
    for (uint32_t i = 0; i < at->vector; ++i)
      memcpy(bytes + (size_t)i * size, &ptx_slot(warp, at->in[1 + i])[lane], size);
  }
}

// What says how memory is ordered and cached: one thread runs it all, in order.
static const char *const orders[] = {"weak", "volatile", "relaxed", "acquire", "release", "acq_rel",
                                     "cta",  "cluster",  "gpu",     "sys",     NULL};
static const char *const caches[] = {"ca",
                                     "cg",
                                     "cs",
                                     "lu",
                                     "cv",
                                     "wb",
                                     "wt",
                                     "L1::evict_normal",
                                     "L1::evict_first",
                                     "L1::evict_last",
                                     "L1::evict_unchanged",
                                     "L1::no_allocate",
                                     "L2::64B",
                                     "L2::128B",
                                     "L2::256B",
                                     NULL};

static void take_all(ptx_mnemonic_t *mnemonic, const char *const *words) {
  while (ptx_take_any(mnemonic, words) >= 0) {
  }
}

static ptx_space_t take_space(ptx_mnemonic_t *mnemonic) {
  static const char *const names[] = {"global", "const", "shared", "local", "param", NULL};
  static const ptx_space_t spaces[] = {SPACE_GLOBAL, SPACE_CONST, SPACE_SHARED, SPACE_LOCAL,
                                       SPACE_PARAM};
  const int found = ptx_take_any(mnemonic, names);
  if (found == 2) (void)ptx_take(mnemonic, "cta");
  return found < 0 ? SPACE_GENERIC : spaces[found];
}

static bool take_access(ptx_mnemonic_t *mnemonic, ptx_instruction_t *out) {
  static const char *const vectors[] = {"v2", "v4", NULL};
  take_all(mnemonic, orders);
  out->space = (uint8_t)take_space(mnemonic);
  if (out->space == SPACE_GLOBAL) (void)ptx_take(mnemonic, "nc");
  take_all(mnemonic, caches);
  const int vector = ptx_take_any(mnemonic, vectors);
  out->vector = (uint8_t)(vector < 0 ? 1 : 2 << vector);
  return ptx_take_type(mnemonic, &out->type) && out->type.count == 1 &&
         out->type.kind != KIND_PREDICATE && ptx_type_size(out->type) * out->vector <= 16;
}

static bool take_vector(ptx_parser_t *parser, const ptx_instruction_t *out, uint32_t *slots,
                        bool are_targets) {
  const bool braces = out->vector > 1;
  if (braces && !ptx_expect(&parser->text, '{')) return false;
  for (uint32_t i = 0; i < out->vector; ++i) {
    if (i && !ptx_comma(parser)) return false;
    if (are_targets ? !ptx_wide_target(parser, out->type, &slots[i])
                    : !ptx_wide_source(parser, out->type, &slots[i]))
      return false;
  }
  return !braces || ptx_expect(&parser->text, '}');
}

static bool parse_param_load(ptx_parser_t *parser, ptx_instruction_t *out) {
  char name[PTX_NAME];
  uint64_t offset = 0;
  ptx_text_t *text = &parser->text;
  if (!ptx_expect(text, '[')) return false;
  const ptx_symbol_t *symbol = ptx_word(text, name) ? ptx_symbol(parser, name) : NULL;
  if (!symbol || symbol->space != SPACE_PARAM) return ptx_fail(text, "a parameter's name expected");
  if (ptx_accept(text, '+') && !ptx_integer(text, &offset)) return false;
  const uint32_t size = ptx_type_size(out->type) * out->vector;
  if (offset > symbol->size || size > symbol->size - offset)
    return ptx_fail(text, "%" PRIu32 " bytes at %" PRIu64 " of parameter '%s', which has %" PRIu64,
                    size, offset, name, symbol->size);
  out->offset[0] = (int64_t)(symbol->offset + offset);
  out->run = load_param;
  return ptx_expect(text, ']');
}

static bool parse_ld(ptx_parser_t *parser, ptx_mnemonic_t *mnemonic, ptx_instruction_t *out) {
  if (!take_access(mnemonic, out)) return false;
  out->run = load;
  if (!take_vector(parser, out, out->out, true) || !ptx_comma(parser)) return false;
  out->mode = 64;
  for (uint32_t i = 0; i < out->vector; ++i) {
    const uint8_t bits = ptx_register_bits(parser, out->out[i]);
    if (bits < out->mode) out->mode = bits;
  }
  if (out->space == SPACE_PARAM) return parse_param_load(parser, out);
  return ptx_address(parser, (ptx_space_t)out->space, &out->in[0], &out->offset[0]);
}

static bool parse_st(ptx_parser_t *parser, ptx_mnemonic_t *mnemonic, ptx_instruction_t *out) {
  if (!take_access(mnemonic, out) || out->space == SPACE_PARAM || out->space == SPACE_CONST)
    return false;
  out->run = store;
  return ptx_address(parser, (ptx_space_t)out->space, &out->in[0], &out->offset[0]) &&
         ptx_comma(parser) && take_vector(parser, out, &out->in[1], false);
}

// ---- atom, red
// -----------------------------------------------------------------------------------------------

typedef enum atomic { ADD, EXCHANGE, SWAP, MIN, MAX, AND, OR, XOR, INC, DEC } atomic_t;
static const char *const atomics[] = {"add", "exch", "cas", "min", "max", "and",
                                      "or",  "xor",  "inc", "dec", NULL};

static uint64_t added(uint64_t old, uint64_t by, ptx_type_t type) {
  if (type.kind != KIND_FLOAT && type.kind != KIND_BFLOAT) return old + by;
  if (type.bits == 64) return ptx_double_bits(ptx_double(old) + ptx_double(by));
  if (type.bits == 32) return ptx_float_bits(ptx_float(old) + ptx_float(by));
  const ptx_format_t format = type.kind == KIND_BFLOAT ? PTX_BF16 : PTX_F16;
  return ptx_round(ptx_odd_add(ptx_widen((uint32_t)old, format), ptx_widen((uint32_t)by, format)),
                   format, MODIFIER_RN);
}

static bool is_less(uint64_t a, uint64_t b, ptx_type_t type) {
  const uint32_t unused = 64U - type.bits;
  return type.kind == KIND_SIGNED ? (int64_t)(a << unused) < (int64_t)(b << unused) : a < b;
}

static uint64_t changed(uint64_t old, uint64_t b, uint64_t c, const ptx_instruction_t *at) {
  switch ((atomic_t)at->mode) {
  case ADD: return added(old, b, at->type);
  case EXCHANGE: return b;
  case SWAP: return old == b ? c : old;
  case MIN: return is_less(b, old, at->type) ? b : old;
  case MAX: return is_less(old, b, at->type) ? b : old;
  case AND: return old & b;
  case OR: return old | b;
  case XOR: return old ^ b;
  case INC: return old >= b ? 0 : old + 1;
  default: return old == 0 || old > b ? b : old - 1;
  }
}

static void change(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes) {
  const uint64_t *base = ptx_slot(warp, at->in[0]);
  const uint64_t *b = ptx_slot(warp, at->in[1]), *c = ptx_slot(warp, at->in[2]);
  uint64_t *out = ptx_slot(warp, at->out[0]);
  const uint32_t size = ptx_type_size(at->type);
  PTX_EACH(lane, lanes) {
    uint8_t *bytes = checked(warp, at, lane, base[lane] + (uint64_t)at->offset[0], size, true);
    if (!bytes) return;
    const uint64_t old = load_bits(bytes, size);
    const uint64_t value = changed(old, b[lane], c[lane], at);
    memcpy(bytes, &value, size);
    out[lane] = old;
  }
}

static bool suits(ptx_type_t type, atomic_t atomic) {
  const bool is_float = type.kind == KIND_FLOAT || type.kind == KIND_BFLOAT;
  if (is_float) return atomic == ADD;
  if (type.kind == KIND_PREDICATE || type.bits < (atomic == SWAP ? 16 : 32)) return false;
  const bool bits =
      atomic == EXCHANGE || atomic == SWAP || atomic == AND || atomic == OR || atomic == XOR;
  return bits == (type.kind == KIND_BITS);
}

static bool parse_change(ptx_parser_t *parser, ptx_mnemonic_t *mnemonic, ptx_instruction_t *out,
                         bool returns) {
  take_all(mnemonic, orders);
  out->space = (uint8_t)take_space(mnemonic);
  const int atomic = ptx_take_any(mnemonic, atomics);
  (void)ptx_take(mnemonic, "noftz");
  if (out->space == SPACE_PARAM || out->space == SPACE_CONST || out->space == SPACE_LOCAL ||
      atomic < 0 || !ptx_take_type(mnemonic, &out->type) || out->type.count != 1 ||
      !suits(out->type, (atomic_t)atomic))
    return false;
  out->mode = (uint8_t)atomic;
  out->run = change;
  if (returns && (!ptx_target(parser, out->type, &out->out[0]) || !ptx_comma(parser))) return false;
  if (!ptx_address(parser, (ptx_space_t)out->space, &out->in[0], &out->offset[0]) ||
      !ptx_comma(parser) || !ptx_source(parser, out->type, &out->in[1]))
    return false;
  return atomic != SWAP || (ptx_comma(parser) && ptx_source(parser, out->type, &out->in[2]));
}

static bool parse_atom(ptx_parser_t *parser, ptx_mnemonic_t *mnemonic, ptx_instruction_t *out) {
  return parse_change(parser, mnemonic, out, true);
}
static bool parse_red(ptx_parser_t *parser, ptx_mnemonic_t *mnemonic, ptx_instruction_t *out) {
  return parse_change(parser, mnemonic, out, false);
}

// ---- cp.async
// ----------------------------------------------------------------------------------------------

// Copies from global to shared memory at once; bytes beyond the fourth operand are zeros.
static void copy(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes) {
  const uint64_t *to = ptx_slot(warp, at->in[0]), *from = ptx_slot(warp, at->in[1]);
  const uint64_t *size = ptx_slot(warp, at->in[2]);
  ptx_instruction_t source = *at, target = *at;
  source.space = SPACE_GLOBAL, target.space = SPACE_SHARED;
  PTX_EACH(lane, lanes) {
    uint8_t *out =
        checked(warp, &target, lane, to[lane] + (uint64_t)at->offset[0], at->vector, true);
    if (!out) return;
    memset(out, 0, at->vector);
    if (!size[lane]) continue;
    const uint8_t *in =
        checked(warp, &source, lane, from[lane] + (uint64_t)at->offset[1], at->vector, false);
    if (!in) return;
    memcpy(out, in, size[lane] < at->vector ? size[lane] : at->vector);
  }
}

static void nothing(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes) {
  (void)warp, (void)at, (void)lanes;
}

static bool parse_cp(ptx_parser_t *parser, ptx_mnemonic_t *mnemonic, ptx_instruction_t *out) {
  ptx_text_t *text = &parser->text;
  uint64_t size = 0;
  if (!ptx_take(mnemonic, "async")) return false;
  out->run = nothing;
  if (ptx_take(mnemonic, "commit_group") || ptx_take(mnemonic, "wait_all")) return true;
  if (ptx_take(mnemonic, "wait_group")) return ptx_integer(text, &size);
  const bool whole = ptx_take(mnemonic, "cg");
  if ((!whole && !ptx_take(mnemonic, "ca")) || take_space(mnemonic) != SPACE_SHARED ||
      take_space(mnemonic) != SPACE_GLOBAL)
    return false;
  take_all(mnemonic, caches);
  out->run = copy;
  if (!ptx_address(parser, SPACE_SHARED, &out->in[0], &out->offset[0]) || !ptx_comma(parser) ||
      !ptx_address(parser, SPACE_GLOBAL, &out->in[1], &out->offset[1]) || !ptx_comma(parser) ||
      !ptx_integer(text, &size))
    return false;
  if (size != 16 && (whole || (size != 4 && size != 8)))
    return ptx_fail(text, "cp.async of %" PRIu64 " bytes", size);
  out->vector = (uint8_t)size;
  if (ptx_accept(text, ',')) return ptx_source(parser, PTX_U32, &out->in[2]);
  out->in[2] = ptx_constant(parser, SPECIAL_VALUE, size);
  return !text->failed;
}

const ptx_family_t ptx_memory_families[] = {
    {"ld", parse_ld},   {"ldu", parse_ld}, {"st", parse_st}, {"atom", parse_atom},
    {"red", parse_red}, {"cp", parse_cp},  {NULL, NULL},
};
