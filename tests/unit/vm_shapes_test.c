/* vm_shapes_test.c: the operands that interpreter_compact.c fetches are those of the opcode table.
 */
#include "vm/shapes.h"

#include "check.h"

/* The letters of opcodes.h up to the first list, string or target, as kinds. */
static uint32_t shape_of(const char *letters) {
  uint32_t shape = 0, count = 0;
  for (const char *letter = letters; *letter; ++letter) {
    uint32_t kind;
    switch (*letter) {
    case 'i': kind = I; break;
    case 'I': kind = L; break;
    case 'r':
    case 'm': kind = R; break;
    case 'c':
    case 'g':
      ++letter; /* how wide it is */
      if (letter[-1] == 'c' && *letter == '8') shape |= (uint32_t)W << 2 * count++;
      kind = W;
      break;
    case 'G':
    case 't':
    case 'd':
    case 'k': kind = W; break;
    case '=': continue;
    default: return shape | count << 12;
    }
    shape |= kind << 2 * count++;
  }
  return shape | count << 12;
}

static const struct {
  uint32_t number;
  const char *name, *operands;
} table[] = {
#define EE_OP(number, NAME, mnemonic, operands) {number, mnemonic, operands},
    EE_OPCODES_PLAIN(EE_OP)
#undef EE_OP
};
enum { COUNT = sizeof table / sizeof *table };

static void agree(void) {
  CHECK_EQ_INT(COUNT, sizeof shapes / sizeof *shapes);
  for (size_t i = 0; i < COUNT; ++i) {
    const uint32_t shape = shapes[table[i].number];
    if (!CHECK_EQ_INT(shape & ~(uint32_t)SIGNED, shape_of(table[i].operands))) {
      fprintf(stderr, "  of %s\n", table[i].name);
    }
    CHECK(SHAPE_COUNT(shape) <= OPERANDS_MAX);
  }
}

static bool is_signed(const char *name) {
  const size_t length = strlen(name);
  if (strcmp(name, "abs.i32") == 0 || strcmp(name, "ext.i32.i64.s") == 0) return true;
  // Others extend what they load, or the low bits of a register, by themselves.
  return length > 6 && strcmp(name + length - 6, ".i32.s") == 0 && strncmp(name, "ext", 3) != 0;
}

static void extend_by_sign(void) {
  for (size_t i = 0; i < COUNT; ++i) {
    if (CHECK_EQ_INT((shapes[table[i].number] & SIGNED) != 0, is_signed(table[i].name))) continue;
    fprintf(stderr, "  of %s\n", table[i].name);
  }
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {RUN(agree), RUN(extend_by_sign)};
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
