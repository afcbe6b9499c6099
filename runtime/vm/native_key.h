// native_key.h: a number for a function in C, made of its name and its calling convention.
//
// In builds without EERIE_NATIVE_NAMES imports are looked up by it. A sum of bytes times powers of
// a number, modulo 2^32, so that the preprocessor can have a table of them made at compile time.
// Imports that a build knows differ in it (tests); that one which it does not know meets one of a
// table of 50 has a chance of one to 80 million.
#ifndef EE_VM_NATIVE_KEY_H_
#define EE_VM_NATIVE_KEY_H_

#include "base/bytes.h"

#define EE_VM_KEY_BASE  0x01000193u
#define EE_VM_KEY_SPLIT 0x9E3779B1u // between name and calling convention

// Of a literal of at most 40 characters, in groups of eight.
#define EE_VM_KEY_AT(s, i) ((i) < sizeof(s) ? (uint32_t)(s)[(i) < sizeof(s) ? (i) : 0] : 0u)
#define EE_VM_KEY_2(s, i)  (EE_VM_KEY_AT(s, i) + EE_VM_KEY_BASE * EE_VM_KEY_AT(s, (i) + 1))
#define EE_VM_KEY_BASE_2   (EE_VM_KEY_BASE * EE_VM_KEY_BASE)
#define EE_VM_KEY_4(s, i)  (EE_VM_KEY_2(s, i) + EE_VM_KEY_BASE_2 * EE_VM_KEY_2(s, (i) + 2))
#define EE_VM_KEY_BASE_4   (EE_VM_KEY_BASE_2 * EE_VM_KEY_BASE_2)
#define EE_VM_KEY_8(s, i)  (EE_VM_KEY_4(s, i) + EE_VM_KEY_BASE_4 * EE_VM_KEY_4(s, (i) + 4))
#define EE_VM_KEY_BASE_8   (EE_VM_KEY_BASE_4 * EE_VM_KEY_BASE_4)
#define EE_VM_KEY_16(s, i) (EE_VM_KEY_8(s, i) + EE_VM_KEY_BASE_8 * EE_VM_KEY_8(s, (i) + 8))
#define EE_VM_KEY_BASE_16  (EE_VM_KEY_BASE_8 * EE_VM_KEY_BASE_8)
#define EE_VM_KEY_40(s)                                                                            \
  (EE_VM_KEY_16(s, 0) +                                                                            \
   EE_VM_KEY_BASE_16 * (EE_VM_KEY_16(s, 16) + EE_VM_KEY_BASE_16 * EE_VM_KEY_8(s, 32)) +            \
   0u * sizeof(char[sizeof(s) <= 41 ? 1 : -1]))

#define EE_VM_NATIVE_KEY(name, calling_convention)                                                 \
  ((uint32_t)(EE_VM_KEY_40(name) + EE_VM_KEY_SPLIT * EE_VM_KEY_40(calling_convention)))

// The same of texts.
static inline uint32_t ee_vm_native_key(ee_str_t name, ee_str_t calling_convention) {
  uint32_t key = 0;
  for (size_t i = calling_convention.size; i-- != 0;)
    key = key * EE_VM_KEY_BASE + (uint8_t)calling_convention.data[i];
  uint32_t name_key = 0;
  for (size_t i = name.size; i-- != 0;)
    name_key = name_key * EE_VM_KEY_BASE + (uint8_t)name.data[i];
  return name_key + EE_VM_KEY_SPLIT * key;
}

#endif // EE_VM_NATIVE_KEY_H_
