// ptx_forms.c: from an instruction's name to what does it.
#include "ptx_internal.h"

#include <stdlib.h>
#include <string.h>

static bool split(ptx_mnemonic_t *mnemonic, const char *word) {
  memcpy(mnemonic->whole, word, strlen(word) + 1);
  memcpy(mnemonic->text, word, strlen(word) + 1);
  char *at = mnemonic->text;
  mnemonic->count = 0;
  mnemonic->next = 1;
  for (;;) {
    if (mnemonic->count == PTX_WORDS) return false;
    mnemonic->words[mnemonic->count++] = at;
    at = strchr(at, '.');
    if (!at) return true;
    *at++ = '\0';
  }
}

bool ptx_take(ptx_mnemonic_t *mnemonic, const char *word) {
  if (mnemonic->next >= mnemonic->count || strcmp(mnemonic->words[mnemonic->next], word) != 0)
    return false;
  ++mnemonic->next;
  return true;
}

bool ptx_take_type(ptx_mnemonic_t *mnemonic, ptx_type_t *out_type) {
  if (mnemonic->next >= mnemonic->count || !ptx_type_of(mnemonic->words[mnemonic->next], out_type))
    return false;
  ++mnemonic->next;
  return true;
}

int ptx_take_any(ptx_mnemonic_t *mnemonic, const char *const *words) {
  for (int i = 0; words[i]; ++i) {
    if (ptx_take(mnemonic, words[i])) return i;
  }
  return -1;
}

// ---- Instructions of fixed operands
// --------------------------------------------------------------------

static uint32_t modifier_of(const char *word) {
  static const struct {
    const char *name;
    uint32_t bit;
  } modifiers[] = {
      {"rn", MODIFIER_RN},   {"rz", MODIFIER_RZ},   {"rm", MODIFIER_RM},   {"rp", MODIFIER_RP},
      {"ftz", MODIFIER_FTZ}, {"sat", MODIFIER_SAT}, {"NaN", MODIFIER_NAN}, {"relu", MODIFIER_RELU},
  };
  for (size_t i = 0; i < sizeof modifiers / sizeof modifiers[0]; ++i) {
    if (strcmp(word, modifiers[i].name) == 0) return modifiers[i].bit;
  }
  return 0;
}

// The name without modifiers, and these.
static void strip(const ptx_mnemonic_t *mnemonic, char name[PTX_NAME], uint32_t *out_modifiers) {
  size_t length = 0;
  *out_modifiers = 0;
  for (uint32_t i = 0; i < mnemonic->count; ++i) {
    const uint32_t bit = i ? modifier_of(mnemonic->words[i]) : 0;
    *out_modifiers |= bit;
    if (bit) continue;
    if (length) name[length++] = '.';
    const size_t size = strlen(mnemonic->words[i]);
    memcpy(name + length, mnemonic->words[i], size);
    length += size;
  }
  name[length] = '\0';
}

static const ptx_form_t *find_form(const char *name) {
  static const ptx_form_t *const lists[] = {ptx_integer_forms, ptx_float_forms, ptx_half_forms,
                                            ptx_logic_forms};
  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; ++i) {
    for (const ptx_form_t *form = lists[i]; form->name; ++form) {
      if (strcmp(form->name, name) == 0) return form;
    }
  }
  return NULL;
}

static bool operand(ptx_parser_t *parser, char letter, ptx_type_t type, ptx_instruction_t *out,
                    uint32_t *outs, uint32_t *ins) {
  ptx_type_t twice = type;
  twice.bits = (uint8_t)(type.bits * 2);
  switch (letter) {
  case 'd': return ptx_target(parser, type, &out->out[(*outs)++]);
  case 'D': return ptx_target(parser, twice, &out->out[(*outs)++]);
  case 'e': return ptx_target(parser, PTX_U32, &out->out[(*outs)++]);
  case 'p': return ptx_target(parser, PTX_PREDICATE, &out->out[(*outs)++]);
  case 'a': return ptx_source(parser, type, &out->in[(*ins)++]);
  case 'A': return ptx_source(parser, twice, &out->in[(*ins)++]);
  case 'u': return ptx_source(parser, PTX_U32, &out->in[(*ins)++]);
  default: return ptx_source(parser, PTX_PREDICATE, &out->in[(*ins)++]);
  }
}

static bool parse_form(ptx_parser_t *parser, const ptx_form_t *form, const ptx_mnemonic_t *mnemonic,
                       uint32_t modifiers, ptx_instruction_t *out) {
  if (modifiers & ~form->modifiers)
    return ptx_fail(&parser->text, "Illegal modifier for instruction '%s'", mnemonic->whole);
  out->run = form->run;
  out->modifiers = (uint16_t)modifiers;
  if (!ptx_type_of(mnemonic->words[mnemonic->count - 1], &out->type)) out->type = PTX_B64;
  uint32_t outs = 0, ins = 0;
  for (const char *letter = form->operands; *letter; ++letter) {
    if (letter != form->operands && !ptx_comma(parser)) return false;
    if (!operand(parser, *letter, out->type, out, &outs, &ins)) return false;
  }
  return true;
}

// ---- All
// ---------------------------------------------------------------------------------------------------

static const ptx_family_t *find_family(const char *name) {
  static const ptx_family_t *const lists[] = {ptx_compare_families, ptx_convert_families,
                                              ptx_memory_families,  ptx_warp_families,
                                              ptx_move_families,    ptx_matrix_families};
  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; ++i) {
    for (const ptx_family_t *family = lists[i]; family->name; ++family) {
      if (strcmp(family->name, name) == 0) return family;
    }
  }
  return NULL;
}

bool ptx_parse_instruction(ptx_parser_t *parser, const char *word, ptx_instruction_t *out) {
  ptx_mnemonic_t mnemonic;
  char name[PTX_NAME];
  uint32_t modifiers = 0;
  if (!split(&mnemonic, word)) return ptx_fail(&parser->text, "Unknown instruction '%s'", word);
  strip(&mnemonic, name, &modifiers);
  const ptx_form_t *form = find_form(name);
  if (form) return parse_form(parser, form, &mnemonic, modifiers, out);
  const ptx_family_t *family = find_family(mnemonic.words[0]);
  if (!family) return ptx_fail(&parser->text, "Unknown instruction '%s'", word);
  if (!family->parse(parser, &mnemonic, out))
    return ptx_fail(&parser->text, "Unknown instruction '%s'", word);
  if (mnemonic.next != mnemonic.count)
    return ptx_fail(&parser->text, "Unknown modifier '.%s' of instruction '%s'",
                    mnemonic.words[mnemonic.next], word);
  return true;
}
