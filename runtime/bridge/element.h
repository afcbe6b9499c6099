// element.h: single elements of tensors as values and as text, for the modules that show or compare
// them.
#ifndef EE_BRIDGE_ELEMENT_H_
#define EE_BRIDGE_ELEMENT_H_

#include "base/bytes.h"

// Kinds of numbers: the top byte of an element type. Source: iree/hal/buffer_view.h of 3.13.
#define EE_BRIDGE_KIND_OPAQUE   0x00u
#define EE_BRIDGE_KIND_UNSIGNED 0x12u
#define EE_BRIDGE_KIND_BOOL     0x13u
#define EE_BRIDGE_KIND_FLOAT    0x21u
#define EE_BRIDGE_KIND_COMPLEX  0x23u

#define EE_BRIDGE_ELEMENT_TEXT 72 // bytes that the text of any element fits into

static inline uint32_t ee_bridge_element_kind(uint32_t element_type) {
  return element_type >> 24;
}
static inline uint32_t ee_bridge_element_bits(uint32_t element_type) {
  return element_type & 0xFFu;
}

// The parts that an element is made of: a complex number is two floats, all others are one part.
// `element_type` becomes that of a part.
uint32_t ee_bridge_element_parts(uint32_t *element_type);

// The bits of element number `index` of dense data, at most the lowest 64. Elements that do not
// fill bytes are packed, lowest bits first.
uint64_t ee_bridge_element_get(uint32_t element_type, const uint8_t *data, uint64_t index);

// The value of a float with these bits, of any format; false: the type is none.
bool ee_bridge_element_float(uint32_t element_type, uint64_t bits, double *out_value);

// Writes element number `index` as text: integers in decimal, floats as "%.*G" of `digits` (up to
// 9) does, anything else as bytes in hexadecimal, in the order of memory.
void ee_bridge_element_format(char text[EE_BRIDGE_ELEMENT_TEXT], uint32_t element_type,
                              const uint8_t *data, uint64_t index, int digits);

#endif // EE_BRIDGE_ELEMENT_H_
