// c_names.c: names and types of C for what is generated.
#include "c_names.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool is_reserved(const char *name) {
  static const char *const words[] = {
      "auto",     "break",    "case",     "catch",    "char",    "class",    "const",    "continue",
      "default",  "delete",   "do",       "double",   "else",    "enum",     "err",      "extern",
      "float",    "for",      "goto",     "if",       "inline",  "inputs",   "int",      "long",
      "model",    "new",      "operator", "outputs",  "private", "public",   "register", "restrict",
      "return",   "short",    "signed",   "sizeof",   "static",  "status",   "struct",   "switch",
      "template", "this",     "typedef",  "typename", "union",   "unsigned", "using",    "virtual",
      "void",     "volatile", "while",    "and",      "or",      "not",      "xor",      NULL,
  };
  for (size_t i = 0; words[i]; ++i)
    if (strcmp(words[i], name) == 0) return true;
  return false;
}

char *ee_cli_c_identifier(const char *name, bool whole) {
  const size_t length = strlen(name);
  char *result = malloc(length + 3);
  if (!result) return NULL;
  size_t at = 0;
  if (whole && (!length || isdigit((unsigned char)name[0]))) result[at++] = '_';
  for (size_t i = 0; i < length; ++i)
    result[at++] = isalnum((unsigned char)name[i]) ? name[i] : '_';
  result[at] = 0;
  if (whole && is_reserved(result)) memcpy(result + at, "_", 2);
  return result;
}

char *ee_cli_c_prefix(const char *path) {
  const char *slash = strrchr(path, '/');
  const char *const base = slash ? slash + 1 : path;
  const char *const dot = strchr(base, '.');
  char stem[128];
  snprintf(stem, sizeof stem, "%.*s", (int)(dot ? dot - base : (ptrdiff_t)strlen(base)), base);
  return ee_cli_c_identifier(stem, true);
}

// The sign of a line that goes on may be written "??/" as well.
void ee_cli_c_comment(ee_cli_text_t *text, const char *words) {
  char before = 0;
  for (; *words; before = *words++) {
    const bool ends = (unsigned char)*words < ' ' || *words == '\\' ||
                      (*words == '/' && (before == '*' || before == '?'));
    ee_cli_text_append(text, ends ? "_" : words, 1);
  }
}

const char *ee_cli_c_type(eerie_dtype_t dtype) {
  switch (dtype) {
  case EERIE_BOOL:
  case EERIE_U8: return "uint8_t";
  case EERIE_I8:
  case EERIE_S8: return "int8_t";
  case EERIE_I16:
  case EERIE_S16: return "int16_t";
  case EERIE_U16:
  case EERIE_F16:
  case EERIE_BF16: return "uint16_t"; // the bits
  case EERIE_I32:
  case EERIE_S32: return "int32_t";
  case EERIE_U32: return "uint32_t";
  case EERIE_I64:
  case EERIE_S64: return "int64_t";
  case EERIE_U64: return "uint64_t";
  case EERIE_F32: return "float";
  case EERIE_F64: return "double";
  default: return eerie_dtype_bits(dtype) == 8 ? "uint8_t" : NULL;
  }
}
