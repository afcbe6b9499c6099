// dtype.c: names and sizes of element types.
#include "api/api.h"

typedef struct dtype_name {
  const char *name;
  eerie_dtype_t dtype;
} dtype_name_t;

// The first name of a dtype is the one that is printed.
static const dtype_name_t names[] = {
    {"bool", EERIE_BOOL},
    {"i1", EERIE_BOOL},
    {"i4", EERIE_I4},
    {"i8", EERIE_I8},
    {"i16", EERIE_I16},
    {"i32", EERIE_I32},
    {"i64", EERIE_I64},
    {"index", EERIE_I64},
    {"si4", EERIE_S4},
    {"si8", EERIE_S8},
    {"si16", EERIE_S16},
    {"si32", EERIE_S32},
    {"si64", EERIE_S64},
    {"ui4", EERIE_U4},
    {"u4", EERIE_U4},
    {"ui8", EERIE_U8},
    {"u8", EERIE_U8},
    {"ui16", EERIE_U16},
    {"u16", EERIE_U16},
    {"ui32", EERIE_U32},
    {"u32", EERIE_U32},
    {"ui64", EERIE_U64},
    {"u64", EERIE_U64},
    {"f16", EERIE_F16},
    {"f32", EERIE_F32},
    {"f64", EERIE_F64},
    {"bf16", EERIE_BF16},
    {"complex<f32>", EERIE_COMPLEX64},
    {"complex64", EERIE_COMPLEX64},
    {"complex<f64>", EERIE_COMPLEX128},
    {"complex128", EERIE_COMPLEX128},
    {"f8E5M2", EERIE_F8E5M2},
    {"f8E4M3FN", EERIE_F8E4M3FN},
    {"f8E5M2FNUZ", EERIE_F8E5M2FNUZ},
    {"f8E4M3FNUZ", EERIE_F8E4M3FNUZ},
    {"f8E8M0FNU", EERIE_F8E8M0FNU},
};

const char *eerie_dtype_name(eerie_dtype_t dtype) {
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    if (names[i].dtype == dtype) return names[i].name;
  }
  return "?";
}

unsigned eerie_dtype_bits(eerie_dtype_t dtype) {
  return (unsigned)dtype & 0xFFu;
}

eerie_dtype_t eerie_dtype_parse(const char *name, size_t length) {
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    if (ee_str_equal((ee_str_t){name, length}, ee_str_from(names[i].name))) return names[i].dtype;
  }
  return EERIE_DTYPE_NONE;
}
