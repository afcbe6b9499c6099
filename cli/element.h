// element.h: one number of a tensor: its bits, its text, the names of its types.
#ifndef EERIE_CLI_ELEMENT_H_
#define EERIE_CLI_ELEMENT_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eerie/eerie.h"

// What kind of number a dtype is: the top byte of its value.
typedef enum ee_cli_number {
  EE_CLI_OPAQUE = 0x00,
  EE_CLI_INT = 0x10, // signless
  EE_CLI_SINT = 0x11,
  EE_CLI_UINT = 0x12,
  EE_CLI_BOOL = 0x13,
  EE_CLI_IEEE = 0x21,
  EE_CLI_BRAIN = 0x22,
  EE_CLI_COMPLEX = 0x23,
  EE_CLI_F8E5M2 = 0x24,
  EE_CLI_F8E4M3FN = 0x25,
  EE_CLI_F8E5M2FNUZ = 0x26,
  EE_CLI_F8E4M3FNUZ = 0x27,
  EE_CLI_F8E8M0FNU = 0x28,
} ee_cli_number_t;

static inline ee_cli_number_t ee_cli_dtype_number(eerie_dtype_t dtype) {
  return (ee_cli_number_t)((uint32_t)dtype >> 24);
}
static inline unsigned ee_cli_dtype_bits(eerie_dtype_t dtype) {
  return (uint32_t)dtype & 0xff;
}
static inline bool ee_cli_dtype_is_integer(eerie_dtype_t dtype) {
  const ee_cli_number_t number = ee_cli_dtype_number(dtype);
  return number == EE_CLI_INT || number == EE_CLI_SINT || number == EE_CLI_UINT;
}
bool ee_cli_dtype_is_float(eerie_dtype_t dtype); // not complex

enum { EE_CLI_DTYPE_NAME_SIZE = 16, EE_CLI_ELEMENT_TEXT_SIZE = 72 };

// The name that iree-run-module prints and reads: "f32", "si8", "i1" for bool, "cf64", "*8".
void ee_cli_dtype_name(eerie_dtype_t dtype, char out_name[EE_CLI_DTYPE_NAME_SIZE]);
// The same names back, and those of MLIR and NumPy's habits: "u8", "bool", "complex<f32>".
// EERIE_DTYPE_NONE: none of them.
eerie_dtype_t ee_cli_dtype_parse(const char *name, size_t length);

// Elements are addressed by index because those below 8 bits are packed, lowest bits first; others
// lie in memory in the machine's order. Up to 16 bytes travel in and out of `bits`, which must be
// zero beyond them.
typedef struct ee_cli_bits {
  unsigned char bytes[32];
} ee_cli_bits_t;
ee_cli_bits_t ee_cli_element_get(const void *data, eerie_dtype_t dtype, uint64_t index);
void ee_cli_element_set(void *data, eerie_dtype_t dtype, uint64_t index, ee_cli_bits_t bits);

// Reads a number: decimal, 0x hexadecimal, inf, nan, true, false, 1.5+2j; or, for the types that
// iree-run-module has no numbers for, the bytes in hexadecimal. False: it is none, has something
// behind it, or does not fit.
bool ee_cli_element_parse(const char *text, size_t length, eerie_dtype_t dtype,
                          ee_cli_bits_t *out_bits);
// Writes a number as iree-run-module does.
void ee_cli_element_format(ee_cli_bits_t bits, eerie_dtype_t dtype,
                           char out_text[EE_CLI_ELEMENT_TEXT_SIZE]);
// The value of a real floating-point element.
double ee_cli_element_value(ee_cli_bits_t bits, eerie_dtype_t dtype);

#endif // EERIE_CLI_ELEMENT_H_
