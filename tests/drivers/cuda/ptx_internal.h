// ptx_internal.h: what the parts of the PTX interpreter share.
//
//   text --ptx_text--> tokens --ptx_module--> symbols and kernels
//                             --ptx_body, ptx_forms--> instructions over slots
//   instructions --ptx_launch--> blocks, warps --ptx_integer, _float, _half, _convert, _compare,
//                                               _memory, _warp--> values
//
// A slot is a value of 64 bits for each lane of a warp. A kernel's registers have one each, as has
// every immediate, special register and address of a symbol in its text: reading any operand is the
// same. Values of fewer bits lie in the low ones, the others zero.
#ifndef EERIE_TESTS_DRIVERS_CUDA_PTX_INTERNAL_H_
#define EERIE_TESTS_DRIVERS_CUDA_PTX_INTERNAL_H_

#include "ptx.h"

enum { PTX_LANES = 32, PTX_OUTS = 4, PTX_INS = 12, PTX_NAME = 160 };

// Where spaces lie among addresses that may be of any ("generic" ones). Of the device's own memory
// is what lies below and what ptx_launch_t.find finds.
#define PTX_GLOBAL_WINDOW UINT64_C(0xfc0000000000) // variables of a module
#define PTX_LOCAL_WINDOW  UINT64_C(0xfd0000000000)
#define PTX_SHARED_WINDOW UINT64_C(0xfe0000000000)
#define PTX_WINDOW_SIZE   UINT64_C(0x010000000000)

typedef enum ptx_space {
  SPACE_GENERIC,
  SPACE_GLOBAL,
  SPACE_CONST,
  SPACE_SHARED,
  SPACE_LOCAL,
  SPACE_PARAM
} ptx_space_t;

// A type's bits in memory; of registers for .b8 and its like see ptx_body.c.
typedef enum ptx_kind {
  KIND_BITS,
  KIND_UNSIGNED,
  KIND_SIGNED,
  KIND_FLOAT,
  KIND_BFLOAT,
  KIND_PREDICATE
} ptx_kind_t;
typedef struct ptx_type {
  uint8_t kind;  // ptx_kind_t
  uint8_t bits;  // of an element; a predicate's 1
  uint8_t count; // elements: 2 of f16x2, bf16x2
} ptx_type_t;

// Modifiers that stand anywhere after an instruction's name.
enum {
  MODIFIER_RN = 1 << 0,
  MODIFIER_RZ = 1 << 1,
  MODIFIER_RM = 1 << 2,
  MODIFIER_RP = 1 << 3,
  MODIFIER_ROUND = MODIFIER_RN | MODIFIER_RZ | MODIFIER_RM | MODIFIER_RP,
  MODIFIER_FTZ = 1 << 4,
  MODIFIER_SAT = 1 << 5,
  MODIFIER_NAN = 1 << 6,
  MODIFIER_INTEGRAL = 1 << 7, // .rni and its like of cvt, beside the direction
  MODIFIER_RELU = 1 << 8,
};

typedef struct ptx_warp ptx_warp_t;
typedef struct ptx_instruction ptx_instruction_t;
// Does an instruction for the lanes whose bits are set.
typedef void (*ptx_run_t)(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lanes);

typedef enum ptx_flow {
  FLOW_NEXT,
  FLOW_BRANCH,
  FLOW_END,     // ret, exit
  FLOW_BARRIER, // of the block
  FLOW_MEET,    // of lanes of the warp, named by in[0]
} ptx_flow_t;

struct ptx_instruction {
  ptx_run_t run;
  uint8_t flow; // ptx_flow_t
  bool guarded, guard_negated;
  bool negated; // the predicate that setp or vote reads
  ptx_type_t type, from;
  uint16_t modifiers;
  uint8_t space;   // ptx_space_t
  uint8_t vector;  // elements of ld and st
  uint8_t compare; // of setp
  uint8_t combine; // of setp
  uint8_t mode;    // of shfl, atom, ...
  uint32_t guard;  // slot
  uint32_t out[PTX_OUTS];
  uint32_t in[PTX_INS];
  int64_t offset[2]; // of addresses
  uint32_t target;   // of a branch
  uint32_t line;
};

// What a slot that is no register holds.
typedef enum ptx_special {
  SPECIAL_VALUE, // the same for all
  SPECIAL_TID,
  SPECIAL_NTID = SPECIAL_TID + 3,
  SPECIAL_CTAID = SPECIAL_NTID + 3,
  SPECIAL_NCTAID = SPECIAL_CTAID + 3,
  SPECIAL_LANE = SPECIAL_NCTAID + 3,
  SPECIAL_WARP,
  SPECIAL_WARPS,
  SPECIAL_LANES_EQ,
  SPECIAL_LANES_LT,
  SPECIAL_LANES_LE,
  SPECIAL_LANES_GT,
  SPECIAL_LANES_GE,
  SPECIAL_DYNAMIC, // where dynamic shared memory begins
  SPECIAL_DYNAMIC_SIZE,
  SPECIAL_TOTAL_SIZE, // of shared memory
} ptx_special_t;

typedef struct ptx_constant {
  uint8_t special; // ptx_special_t
  uint64_t value;
} ptx_constant_t;

struct ptx_kernel {
  char *name;
  ptx_module_t *module;
  ptx_param_t *params;
  uint32_t param_count, param_size;
  uint32_t max_threads;
  uint32_t shared_size, local_size;
  uint32_t dynamic_align;
  uint32_t register_count; // slots of registers; slot 0 takes what nobody reads
  ptx_constant_t *constants;
  uint32_t constant_count;
  ptx_instruction_t *code;
  uint32_t code_count;
};

struct ptx_module {
  ptx_kernel_t *kernels;
  uint32_t kernel_count;
  uint8_t *globals; // .global and .const variables
  size_t global_size;
};

// ---- Text (ptx_text.c)
// ---------------------------------------------------------------------------

typedef struct ptx_text {
  const char *at, *end;
  uint32_t line;
  char *log;
  size_t log_size;
  bool failed;
} ptx_text_t;

// Records the first failure, with the line; always false.
bool ptx_fail(ptx_text_t *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ptx_skip_space(ptx_text_t *text);
char ptx_peek(ptx_text_t *text); // the next character that is no space; 0 at the end
bool ptx_accept(ptx_text_t *text, char character);
bool ptx_expect(ptx_text_t *text, char character);
// A word: a name of letters, digits, _, $, % and dots; false with nothing taken where there is
// none.
bool ptx_word(ptx_text_t *text, char word[PTX_NAME]);
bool ptx_accept_word(ptx_text_t *text, const char *word);
bool ptx_integer(ptx_text_t *text, uint64_t *out_value);
// A number for an operand of `type`: an integer, or a float's bits.
bool ptx_number(ptx_text_t *text, ptx_type_t type, uint64_t *out_value);

// `size` bytes more at the end of an array of `count`; fails the text when memory is short.
bool ptx_grow(ptx_text_t *text, void *array_address, uint32_t count, size_t element_size);

// ---- Symbols and kernels (ptx_module.c)
// ------------------------------------------------------------

typedef struct ptx_symbol {
  char name[PTX_NAME];
  uint8_t space; // ptx_space_t
  bool dynamic;  // .extern .shared
  bool placed;   // a variable in shared memory that the kernel uses has an offset
  uint32_t align;
  uint64_t size, offset;
} ptx_symbol_t;

typedef struct ptx_registers {
  char prefix[PTX_NAME];
  uint32_t count; // 0: one register, its name the prefix
  uint32_t first; // slot
  uint8_t bits;
} ptx_registers_t;

typedef struct ptx_label {
  char name[PTX_NAME];
  uint32_t at;
} ptx_label_t;

typedef struct ptx_parser {
  ptx_text_t text;
  ptx_module_t *module;
  ptx_kernel_t *kernel; // the one that is being read
  uint32_t version, target, capability;
  ptx_symbol_t *symbols;
  uint32_t symbol_count;
  ptx_registers_t *registers;
  uint32_t registers_count;
  ptx_label_t *labels, *uses; // `at` of a use: the branch
  uint32_t label_count, use_count;
} ptx_parser_t;

bool ptx_type_of(const char *word, ptx_type_t *out_type); // "f32"
uint32_t ptx_type_size(ptx_type_t type);                  // bytes
// A variable's declaration after its space, to its semicolon.
bool ptx_variable(ptx_parser_t *parser, ptx_space_t space, bool external);
ptx_symbol_t *ptx_symbol(ptx_parser_t *parser, const char *name);
// A block of statements, after its `{`.
bool ptx_body(ptx_parser_t *parser);

// ---- Instructions (ptx_body.c, ptx_forms.c)
// ----------------------------------------------------------

// A mnemonic taken apart: "ld.global.nc.v4.b32" is ld, 4 words.
enum { PTX_WORDS = 12 };
typedef struct ptx_mnemonic {
  char text[PTX_NAME]; // the words, each ended by a zero
  char whole[PTX_NAME];
  const char *words[PTX_WORDS];
  uint32_t count, next; // the next word that nobody has taken
} ptx_mnemonic_t;

bool ptx_take(ptx_mnemonic_t *mnemonic, const char *word);
bool ptx_take_type(ptx_mnemonic_t *mnemonic, ptx_type_t *out_type);
// The position in a list of words ended by NULL, or -1.
int ptx_take_any(ptx_mnemonic_t *mnemonic, const char *const *words);

// Operands. Each fails the text when it is not of the kind wanted.
bool ptx_source(ptx_parser_t *parser, ptx_type_t type, uint32_t *out_slot);
bool ptx_wide_source(ptx_parser_t *parser, ptx_type_t type, uint32_t *out_slot); // or of more bits
bool ptx_target(ptx_parser_t *parser, ptx_type_t type, uint32_t *out_slot);
bool ptx_wide_target(ptx_parser_t *parser, ptx_type_t type, uint32_t *out_slot);
bool ptx_address(ptx_parser_t *parser, ptx_space_t space, uint32_t *out_slot, int64_t *out_offset);
bool ptx_comma(ptx_parser_t *parser);
uint8_t ptx_register_bits(const ptx_parser_t *parser, uint32_t slot);
uint32_t ptx_constant(ptx_parser_t *parser, ptx_special_t special, uint64_t value);
#define PTX_U32       ((ptx_type_t){KIND_UNSIGNED, 32, 1})
#define PTX_B64       ((ptx_type_t){KIND_BITS, 64, 1})
#define PTX_PREDICATE ((ptx_type_t){KIND_PREDICATE, 1, 1})

// An instruction of fixed operands. The letters of `operands`: d, a a target and a source of the
// type; D, A of twice its bits; e, u of 32 bits; p, q of predicates.
typedef struct ptx_form {
  const char *name; // without modifiers: "mul.wide.u32"
  const char *operands;
  uint32_t modifiers; // those that may stand
  ptx_run_t run;
} ptx_form_t;
extern const ptx_form_t ptx_integer_forms[], ptx_float_forms[], ptx_half_forms[], ptx_logic_forms[];

// An instruction of its own grammar. `parse` reads the mnemonic's other words and the operands.
typedef struct ptx_family {
  const char *name;
  bool (*parse)(ptx_parser_t *parser, ptx_mnemonic_t *mnemonic, ptx_instruction_t *out);
} ptx_family_t;
extern const ptx_family_t ptx_compare_families[], ptx_convert_families[], ptx_memory_families[],
    ptx_warp_families[], ptx_move_families[], ptx_matrix_families[];

// After the guard, to the semicolon.
bool ptx_parse_instruction(ptx_parser_t *parser, const char *word, ptx_instruction_t *out);

// ---- Running (ptx_launch.c)
// ------------------------------------------------------------------------

typedef struct ptx_block {
  const ptx_kernel_t *kernel;
  const ptx_launch_t *launch;
  uint8_t *shared;
  uint32_t shared_size; // with what is dynamic
  uint32_t dynamic_at;
  uint32_t id[3];
  uint32_t threads;
  ptx_range_t last; // that an address was found in
  ptx_result_t result;
  char *message;
  size_t message_size;
} ptx_block_t;

struct ptx_warp {
  ptx_block_t *block;
  uint64_t *slots;
  uint8_t *local; // local_size bytes for each lane
  uint32_t index;
  uint32_t alive, at_barrier, meeting;
  uint32_t pc[PTX_LANES];
  uint32_t taken; // lanes that a branch takes
};

static inline uint64_t *ptx_slot(ptx_warp_t *warp, uint32_t slot) {
  return warp->slots + (size_t)slot * PTX_LANES;
}

// Ends the launch, unless it has failed before.
void ptx_fault(ptx_warp_t *warp, const ptx_instruction_t *at, uint32_t lane, ptx_result_t result,
               const char *format, ...) __attribute__((format(printf, 5, 6)));

// For each lane whose bit is set.
#define PTX_EACH(lane, lanes)                                                                      \
  for (uint32_t lane = 0; lane < PTX_LANES; ++lane)                                                \
    if ((lanes) >> lane & 1)

// ---- Floats (ptx_round.c)
// --------------------------------------------------------------------------

// The formats of IEEE 754 that have fewer bits than a double.
typedef struct ptx_format {
  uint8_t fraction_bits, exponent_bits;
} ptx_format_t;
#define PTX_F16  ((ptx_format_t){10, 5})
#define PTX_BF16 ((ptx_format_t){7, 8})
#define PTX_F32  ((ptx_format_t){23, 8})

// `value` in `format`, rounded as one of MODIFIER_ROUND says; NaN is the one that PTX calls
// canonical. A value that was itself rounded must have been so by ptx_odd_*, lest it be rounded
// twice.
uint32_t ptx_round(double value, ptx_format_t format, uint32_t rounding);
double ptx_widen(uint32_t bits, ptx_format_t format);
// Results of which the last bit is set when they are not exact ("round to odd").
double ptx_odd_add(double a, double b);
double ptx_odd_fma(double a, double b, double c); // a*b exact in a double
double ptx_odd_divide(double a, double b);
double ptx_odd_root(double a);

static inline float ptx_float(uint64_t bits) {
  union {
    uint32_t bits;
    float value;
  } u = {.bits = (uint32_t)bits};
  return u.value;
}
static inline uint64_t ptx_float_bits(float value) {
  union {
    float value;
    uint32_t bits;
  } u = {.value = value};
  return u.bits;
}
static inline double ptx_double(uint64_t bits) {
  union {
    uint64_t bits;
    double value;
  } u = {.bits = bits};
  return u.value;
}
static inline uint64_t ptx_double_bits(double value) {
  union {
    double value;
    uint64_t bits;
  } u = {.value = value};
  return u.bits;
}

#endif // EERIE_TESTS_DRIVERS_CUDA_PTX_INTERNAL_H_
