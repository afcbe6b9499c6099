// interpreter.c: one function with a case for each instruction of the core set.
//
// It executes bytecode in place and trusts what the verifier has checked: opcodes, registers,
// branch targets, ordinals, offsets of direct globals, the types of calls. What only a run can know
// is checked here: types of references, ranges in buffers and lists, indirect globals, divisors.
//
// Calls between bytecode functions push a frame and go on in the same loop, also across modules, so
// the depth of the C stack does not depend on the program. Whatever may grow the program's stack
// (any call) is followed by LOAD_FRAME, which derives all pointers anew.
//
// For speed each case jumps to the next one by itself, which gives the CPU one branch to predict
// per opcode instead of one for all; the table holds distances, not addresses, so that a shared
// library needs no relocations for it. Where size counts interpreter_compact.c takes its place.
#pragma GCC diagnostic ignored "-Wpedantic" // labels as values
#if !defined(__clang__)
// Distances are constants only while all cases stay in one section. Before the includes, as
// functions of differing options are not inlined into each other.
#pragma GCC optimize("no-reorder-blocks-and-partition")
#endif

#include "vm/instructions.h"
#include "vm/passing.h"

// ---- Decoding ----------------------------------------------------------------------------------

// `pc` stands behind the opcode, at the first operand, until the case is done.
#define U16(at)          ee_load_u16(pc + (at))
#define U32(at)          ee_load_u32(pc + (at))
#define REG32(at)        regs[U16(at)]
#define REG64(at)        ee_vm_load64(regs + U16(at))
#define SET64(at, value) ee_vm_store64(regs + U16(at), (value))
#define REF(at)          refs[U16(at) & EE_REGISTER_REF_MASK]
// Lists are aligned to 2 bytes from the start of the function.
#define ALIGNED(pointer) ((pointer) + ((uintptr_t)((pointer)-code) & 1u))
#define LIST_END(list)   ((list) + 2 + 2u * ee_load_u16(list))

#define CASE(NAME)       case_##NAME:
#define DISPATCH(opcode) goto *((const char *)&&case_origin + distances[opcode])
#define NEXT(size)                                                                                 \
  do {                                                                                             \
    pc += (size);                                                                                  \
    DISPATCH(*pc++);                                                                               \
  } while (0)

#define FAIL_IF(condition, ...)                                                                    \
  do {                                                                                             \
    if (EE_UNLIKELY(condition)) {                                                                  \
      status = EE_FAIL(err, __VA_ARGS__);                                                          \
      goto failed;                                                                                 \
    }                                                                                              \
  } while (0)

// Branches as the target and list at `at` say; +1 skips the BLOCK marker there.
#define BRANCH(at)                                                                                 \
  do {                                                                                             \
    target = (at);                                                                                 \
    goto branch;                                                                                   \
  } while (0)

#define CHECK_TYPE(object, type_ordinal)                                                           \
  do {                                                                                             \
    const ee_object_t *checked = (object);                                                         \
    const uint32_t expected_type = (type_ordinal);                                                 \
    if (EE_UNLIKELY(!is_of_type(checked, linked->types[expected_type].ref))) {                     \
      status = bad_type(linked->module, expected_type, checked, err);                              \
      goto failed;                                                                                 \
    }                                                                                              \
  } while (0)

#define LOAD_UNARY_I32  const uint32_t a = REG32(0)
#define LOAD_BINARY_I32 const uint32_t a = REG32(0), b = REG32(2)
#define LOAD_UNARY_I64  const uint64_t a = REG64(0)
#define LOAD_BINARY_I64 const uint64_t a = REG64(0), b = REG64(2)
#define LOAD_SHIFT_I64                                                                             \
  const uint64_t a = REG64(0);                                                                     \
  const uint32_t b = REG32(2) & 63u

// A case each.
#define INSTRUCTION(NAME, load, store, size)                                                       \
  CASE(NAME) {                                                                                     \
    load;                                                                                          \
    store;                                                                                         \
    NEXT(size);                                                                                    \
  }
#define UNARY_I32(NAME, expr)  INSTRUCTION(NAME, LOAD_UNARY_I32, REG32(2) = (uint32_t)(expr), 4)
#define BINARY_I32(NAME, expr) INSTRUCTION(NAME, LOAD_BINARY_I32, REG32(4) = (uint32_t)(expr), 6)
#define UNARY_I64(NAME, expr)  INSTRUCTION(NAME, LOAD_UNARY_I64, SET64(2, (uint64_t)(expr)), 4)
#define BINARY_I64(NAME, expr) INSTRUCTION(NAME, LOAD_BINARY_I64, SET64(4, (uint64_t)(expr)), 6)
#define SHIFT_I64(NAME, expr)  INSTRUCTION(NAME, LOAD_SHIFT_I64, SET64(4, (uint64_t)(expr)), 6)
// What branches on a comparison mostly stands right behind it.
#define COMPARE(NAME, load, expr)                                                                  \
  CASE(NAME) {                                                                                     \
    load;                                                                                          \
    taken = (expr);                                                                                \
    REG32(4) = taken;                                                                              \
    if (EE_LIKELY(pc[6] == EE_VM_OP_COND_BR && ee_load_u16(pc + 7) == U16(4))) {                   \
      pc += 7;                                                                                     \
      goto cond_branch;                                                                            \
    }                                                                                              \
    NEXT(6);                                                                                       \
  }
#define COMPARE_I64(NAME, expr) COMPARE(NAME, LOAD_BINARY_I64, expr)
#define COMPARE_I32(NAME, expr) COMPARE(NAME, LOAD_BINARY_I32, expr)

// Division: `signed_type` has the one quotient that does not fit.
#define DIVIDE(NAME, load, store, signed_type, minimum, quotient)                                  \
  CASE(NAME) {                                                                                     \
    const signed_type a = (signed_type)load(0), b = (signed_type)load(2);                          \
    if (EE_UNLIKELY(b == 0)) goto division_by_zero;                                                \
    if (EE_UNLIKELY(b == -1 && a == (minimum))) quotient;                                          \
    store;                                                                                         \
    NEXT(6);                                                                                       \
  }
#define DIVIDE_UNSIGNED_I32(NAME, op)                                                              \
  CASE(NAME) {                                                                                     \
    const uint32_t b = REG32(2);                                                                   \
    if (EE_UNLIKELY(b == 0)) goto division_by_zero;                                                \
    REG32(4) = REG32(0) op b;                                                                      \
    NEXT(6);                                                                                       \
  }
#define DIVIDE_UNSIGNED_I64(NAME, op)                                                              \
  CASE(NAME) {                                                                                     \
    const uint64_t b = REG64(2);                                                                   \
    if (EE_UNLIKELY(b == 0)) goto division_by_zero;                                                \
    SET64(4, REG64(0) op b);                                                                       \
    NEXT(6);                                                                                       \
  }

// `element`: where the element at index REG64(2) of the buffer in REF(0) is.
#define BUFFER_ELEMENT(shift, write)                                                               \
  access = (shift) | ((write) ? ELEMENT_WRITE : 0u);                                               \
  uint8_t *element = find_element(ee_vm_buffer_cast(REF(0)), REG64(2), access);                    \
  if (EE_UNLIKELY(!element)) goto bad_element
#define BUFFER_LOAD(NAME, type, shift)                                                             \
  CASE(NAME) {                                                                                     \
    BUFFER_ELEMENT(shift, false);                                                                  \
    type value;                                                                                    \
    memcpy(&value, element, sizeof value);                                                         \
    REG32(4) = (uint32_t)value;                                                                    \
    NEXT(6);                                                                                       \
  }
#define BUFFER_STORE(NAME, type, shift)                                                            \
  CASE(NAME) {                                                                                     \
    BUFFER_ELEMENT(shift, true);                                                                   \
    const type value = (type)REG32(4);                                                             \
    memcpy(element, &value, sizeof value);                                                         \
    NEXT(6);                                                                                       \
  }
#define BUFFER_FILL(NAME, shift, load)                                                             \
  CASE(NAME) {                                                                                     \
    access = (shift);                                                                              \
    fill_value = load(6);                                                                          \
    goto buffer_fill;                                                                              \
  }

// The list in REF(0).
#define LIST()                                                                                     \
  ee_vm_list_t *list = ee_vm_list_cast(REF(0));                                                    \
  if (EE_UNLIKELY(!list)) goto bad_list

// ---- The interpreter ---------------------------------------------------------------------------

#if !defined(__clang__)
__attribute__((noclone)) // labels have addresses: there can be one copy only
#endif
eerie_status_t
ee_vm_interpret(ee_vm_program_t *program, ee_vm_value_t *results, eerie_error_t *err) {
  ee_vm_frame_t *frame;
  ee_vm_linked_module_t *linked;
  const uint8_t *code;
  const uint8_t *pc;
  uint32_t *regs;
  ee_object_t **refs;
  eerie_status_t status;

  // Operands of the shared tails below.
  const uint8_t *target;       // branch: the target's offset, the list behind it
  const uint8_t *segments;     // call: sizes of variadic arguments or NULL
  const uint8_t *arguments;    // call: register list
  const uint8_t *result_list;  // call: register list
  const uint8_t *continuation; // call: where to go on
  unsigned access;             // bad_element, buffer_fill: size of elements, writing
  uint64_t fill_value;         // buffer_fill
  bool taken;                  // cond_branch

  // clang-format off
  static const int32_t distances[256] = {
#define EE_OP(number, NAME, mnemonic, operands)                                                    \
  [number] = (int32_t)((const char *)&&case_##NAME - (const char *)&&case_origin),
      EE_OPCODES_CORE(EE_OP)
#undef EE_OP
  };
  // clang-format on
  LOAD_FRAME();
  DISPATCH(*pc++);
  // What a number without an instruction jumps to, reached only when the verifier was skipped.
case_origin : {
  status = EE_FAIL(err, EERIE_DATA_LOSS, "no such instruction: 0x%02X", (unsigned)pc[-1]);
  goto failed;
}

  // ---- Globals ----

  CASE(GLOBAL_LOAD_I32) {
    REG32(4) = ee_load_u32(linked->globals + U32(0));
    NEXT(6);
  }
  CASE(GLOBAL_STORE_I32) {
    memcpy(linked->globals + U32(0), &REG32(4), 4);
    NEXT(6);
  }
  CASE(GLOBAL_LOAD_INDIRECT_I32) {
    const uint32_t offset = REG32(0);
    if (EE_UNLIKELY(!ee_range_ok(offset, 4, linked->module->global_bytes))) goto bad_global;
    REG32(2) = ee_load_u32(linked->globals + offset);
    NEXT(4);
  }
  CASE(GLOBAL_STORE_INDIRECT_I32) {
    const uint32_t offset = REG32(0);
    if (EE_UNLIKELY(!ee_range_ok(offset, 4, linked->module->global_bytes))) goto bad_global;
    memcpy(linked->globals + offset, &REG32(2), 4);
    NEXT(4);
  }
  CASE(GLOBAL_LOAD_I64) {
    SET64(4, ee_load_u64(linked->globals + U32(0)));
    NEXT(6);
  }
  CASE(GLOBAL_STORE_I64) {
    memcpy(linked->globals + U32(0), &REG32(4), 8);
    NEXT(6);
  }
  CASE(GLOBAL_LOAD_INDIRECT_I64) {
    const uint32_t offset = REG32(0);
    if (EE_UNLIKELY(!ee_range_ok(offset, 8, linked->module->global_bytes))) goto bad_global;
    SET64(2, ee_load_u64(linked->globals + offset));
    NEXT(4);
  }
  CASE(GLOBAL_STORE_INDIRECT_I64) {
    const uint32_t offset = REG32(0);
    if (EE_UNLIKELY(!ee_range_ok(offset, 8, linked->module->global_bytes))) goto bad_global;
    memcpy(linked->globals + offset, &REG32(2), 8);
    NEXT(4);
  }
  CASE(GLOBAL_LOAD_REF) {
    const uint32_t global = U32(0), type = U32(4), reg = U16(8);
    CHECK_TYPE(linked->global_refs[global], type);
    ee_object_retain(linked->global_refs[global]);
    ee_vm_put_ref(refs, reg, linked->global_refs[global]);
    NEXT(10);
  }
  CASE(GLOBAL_STORE_REF) {
    const uint32_t global = U32(0), type = U32(4), reg = U16(8);
    CHECK_TYPE(REF(8), type);
    ee_vm_put_ref(linked->global_refs + global, 0, ee_vm_take_ref(refs, reg));
    NEXT(10);
  }
  CASE(GLOBAL_LOAD_INDIRECT_REF) {
    const uint32_t global = REG32(0), type = U32(2), reg = U16(6);
    if (EE_UNLIKELY(global >= linked->module->global_ref_count)) goto bad_global;
    CHECK_TYPE(linked->global_refs[global], type);
    ee_object_retain(linked->global_refs[global]);
    ee_vm_put_ref(refs, reg, linked->global_refs[global]);
    NEXT(8);
  }
  CASE(GLOBAL_STORE_INDIRECT_REF) {
    const uint32_t global = REG32(0), type = U32(2), reg = U16(6);
    if (EE_UNLIKELY(global >= linked->module->global_ref_count)) goto bad_global;
    CHECK_TYPE(REF(6), type);
    ee_vm_put_ref(linked->global_refs + global, 0, ee_vm_take_ref(refs, reg));
    NEXT(8);
  }

  // ---- Constants ----

  CASE(CONST_I32_ZERO) {
    REG32(0) = 0;
    NEXT(2);
  }
  CASE(CONST_I32) {
    REG32(4) = U32(0);
    NEXT(6);
  }
  CASE(CONST_I64_ZERO) {
    SET64(0, 0);
    NEXT(2);
  }
  CASE(CONST_I64) {
    SET64(8, ee_load_u64(pc));
    NEXT(10);
  }
  CASE(CONST_REF_ZERO) {
    ee_vm_put_ref(refs, U16(0), NULL);
    NEXT(2);
  }
  CASE(CONST_REF_RODATA) {
    ee_object_t *object = &linked->rodata[U32(0)].object;
    ee_object_retain(object);
    ee_vm_put_ref(refs, U16(4), object);
    NEXT(6);
  }
  CASE(DISCARD_REFS) {
    const uint8_t *list = ALIGNED(pc);
    pc = LIST_END(list);
    for (list += 2; list != pc; list += 2)
      ee_vm_put_ref(refs, ee_load_u16(list), NULL);
    NEXT(0);
  }
  CASE(ASSIGN_REF) {
    ee_vm_put_ref(refs, U16(2), ee_vm_take_ref(refs, U16(0)));
    NEXT(4);
  }
  CASE(CAST_ANY_REF) {
    CHECK_TYPE(REF(0), U32(2));
    ee_vm_put_ref(refs, U16(6), ee_vm_take_ref(refs, U16(0)));
    NEXT(8);
  }

  // ---- Lists ----

  CASE(LIST_ALLOC) {
    const ee_vm_type_t type = linked->types[U32(0)];
    ee_vm_list_t *list;
    TRY(ee_vm_list_create(program->heap, type.kind, type.kind == EE_VM_VALUE_REF ? type.ref : NULL,
                          REG32(4), &list, err));
    ee_vm_put_ref(refs, U16(6), &list->object);
    NEXT(8);
  }
  CASE(LIST_RESERVE) {
    LIST();
    TRY(ee_vm_list_reserve(list, REG32(2), err));
    NEXT(4);
  }
  CASE(LIST_SIZE) {
    LIST();
    REG32(2) = (uint32_t)list->count;
    NEXT(4);
  }
  CASE(LIST_RESIZE) {
    LIST();
    TRY(ee_vm_list_resize(list, REG32(2), err));
    NEXT(4);
  }
  CASE(LIST_GET_I32) {
    LIST();
    ee_vm_value_t value;
    TRY(ee_vm_list_get(list, REG32(2), EE_VM_VALUE_I32, &value, err));
    REG32(4) = (uint32_t)value.i32;
    NEXT(6);
  }
  CASE(LIST_SET_I32) {
    LIST();
    const ee_vm_value_t value = {.i32 = (int32_t)REG32(4)};
    TRY(ee_vm_list_set(list, REG32(2), EE_VM_VALUE_I32, value, err));
    NEXT(6);
  }
  CASE(LIST_GET_I64) {
    LIST();
    ee_vm_value_t value;
    TRY(ee_vm_list_get(list, REG32(2), EE_VM_VALUE_I64, &value, err));
    SET64(4, (uint64_t)value.i64);
    NEXT(6);
  }
  CASE(LIST_SET_I64) {
    LIST();
    const ee_vm_value_t value = {.i64 = (int64_t)REG64(4)};
    TRY(ee_vm_list_set(list, REG32(2), EE_VM_VALUE_I64, value, err));
    NEXT(6);
  }
  CASE(LIST_GET_REF) {
    LIST();
    ee_vm_value_t value;
    TRY(ee_vm_list_get(list, REG32(2), EE_VM_VALUE_REF, &value, err));
    ee_object_t *object = value.ref;
    // A reference of another type reads as null: so programs ask what a list holds.
    if (!is_of_type(object, linked->types[U32(4)].ref)) object = NULL;
    ee_object_retain(object);
    ee_vm_put_ref(refs, U16(8), object);
    NEXT(10);
  }
  CASE(LIST_SET_REF) {
    LIST();
    ee_vm_value_t value = {.ref = REF(4)};
    TRY(ee_vm_list_check_acyclic(list, value.ref, err));
    TRY(ee_vm_list_set(list, REG32(2), EE_VM_VALUE_REF, value, err));
    if (U16(4) & EE_REGISTER_MOVE_BIT) ee_vm_put_ref(refs, U16(4), NULL);
    NEXT(6);
  }

  // ---- Conditional assignment ----

  CASE(SELECT_I32) {
    REG32(6) = REG32(0) ? REG32(2) : REG32(4);
    NEXT(8);
  }
  CASE(SELECT_I64) {
    SET64(6, REG64(REG32(0) ? 2 : 4));
    NEXT(8);
  }
  CASE(SELECT_REF) {
    const bool condition = REG32(0) != 0;
    const uint32_t chosen = condition ? U16(6) : U16(8), other = condition ? U16(8) : U16(6);
    CHECK_TYPE(refs[chosen & EE_REGISTER_REF_MASK], U32(2));
    ee_object_t *object = ee_vm_take_ref(refs, chosen);
    // The other gives its reference up as well.
    if (other & EE_REGISTER_MOVE_BIT) ee_vm_put_ref(refs, other, NULL);
    ee_vm_put_ref(refs, U16(10), object);
    NEXT(12);
  }
  CASE(SWITCH_I32) {
    const uint8_t *list = ALIGNED(pc + 4);
    const uint32_t index = REG32(0);
    const uint32_t value =
        index < ee_load_u16(list) ? regs[ee_load_u16(list + 2 + 2 * index)] : REG32(2);
    pc = LIST_END(list);
    REG32(0) = value;
    NEXT(2);
  }
  CASE(SWITCH_I64) {
    const uint8_t *list = ALIGNED(pc + 4);
    const uint32_t index = REG32(0);
    const uint64_t value = ee_vm_load64(
        regs + (index < ee_load_u16(list) ? ee_load_u16(list + 2 + 2 * index) : U16(2)));
    pc = LIST_END(list);
    SET64(0, value);
    NEXT(2);
  }
  CASE(SWITCH_REF) {
    const uint8_t *list = ALIGNED(pc + 8);
    const uint32_t index = REG32(0);
    const uint32_t chosen = index < ee_load_u16(list) ? ee_load_u16(list + 2 + 2 * index) : U16(6);
    CHECK_TYPE(refs[chosen & EE_REGISTER_REF_MASK], U32(2));
    ee_object_t *object = ee_vm_take_ref(refs, chosen);
    // What is not chosen gives its reference up all the same.
    if (U16(6) & EE_REGISTER_MOVE_BIT) ee_vm_put_ref(refs, U16(6), NULL);
    pc = LIST_END(list);
    for (list += 2; list != pc; list += 2) {
      const uint32_t reg = ee_load_u16(list);
      if (reg & EE_REGISTER_MOVE_BIT) ee_vm_put_ref(refs, reg, NULL);
    }
    ee_vm_put_ref(refs, U16(0), object);
    NEXT(2);
  }

  // ---- Integers ----

  UNARY_I32_INSTRUCTIONS(UNARY_I32)
  ARITHMETIC_I32_INSTRUCTIONS(BINARY_I32)
  COMPARE_I32_INSTRUCTIONS(COMPARE_I32)
  UNARY_I64_INSTRUCTIONS(UNARY_I64)
  BINARY_I64_INSTRUCTIONS(BINARY_I64)
  SHIFT_I64_INSTRUCTIONS(SHIFT_I64)
  COMPARE_I64_INSTRUCTIONS(COMPARE_I64)
  DIVIDE(DIV_I32_S, REG32, REG32(4) = (uint32_t)(a / b), int32_t, INT32_MIN, goto quotient_overflow)
  DIVIDE_UNSIGNED_I32(DIV_I32_U, /)
  DIVIDE(REM_I32_S, REG32, REG32(4) = (uint32_t)(b == -1 ? 0 : a % b), int32_t, INT32_MIN, (void)0)
  DIVIDE_UNSIGNED_I32(REM_I32_U, %)
  DIVIDE(DIV_I64_S, REG64, SET64(4, (uint64_t)(a / b)), int64_t, INT64_MIN, goto quotient_overflow)
  DIVIDE_UNSIGNED_I64(DIV_I64_U, /)
  DIVIDE(REM_I64_S, REG64, SET64(4, (uint64_t)(b == -1 ? 0 : a % b)), int64_t, INT64_MIN, (void)0)
  DIVIDE_UNSIGNED_I64(REM_I64_U, %)
  CASE(FMA_I32) {
    REG32(6) = REG32(0) * REG32(2) + REG32(4);
    NEXT(8);
  }
  CASE(FMA_I64) {
    SET64(6, REG64(0) * REG64(2) + REG64(4));
    NEXT(8);
  }
  CASE(TRUNC_I64_I32) {
    REG32(2) = (uint32_t)REG64(0);
    NEXT(4);
  }
  CASE(EXT_I32_I64_S) {
    SET64(2, (uint64_t)(int64_t)(int32_t)REG32(0));
    NEXT(4);
  }
  CASE(EXT_I32_I64_U) {
    SET64(2, (uint64_t)REG32(0));
    NEXT(4);
  }
  CASE(CMP_NZ_I64) {
    REG32(2) = REG64(0) != 0;
    NEXT(4);
  }

  // ---- References ----

  CASE(CMP_EQ_REF) {
    REG32(4) = REF(0) == REF(2);
    NEXT(6);
  }
  CASE(CMP_NE_REF) {
    REG32(4) = REF(0) != REF(2);
    NEXT(6);
  }
  CASE(CMP_NZ_REF) {
    REG32(2) = REF(0) != NULL;
    NEXT(4);
  }

  // ---- Control flow ----

  CASE(BLOCK) NEXT(0);
  CASE(BREAK)
  CASE(BR) BRANCH(pc);
  CASE(COND_BREAK) BRANCH(pc + 2);
  CASE(COND_BR)
  taken = REG32(0) != 0;
cond_branch : {
  if (taken) BRANCH(pc + 2);
  const uint8_t *list = ALIGNED(pc + 6);
  BRANCH(list + 2 + 4u * ee_load_u16(list));
}
  CASE(BR_TABLE) {
    const uint8_t *list = ALIGNED(pc + 6);
    const uint8_t *entry = list + 2 + 4u * ee_load_u16(list); // at the number of cases
    uint32_t index = REG32(0);
    if (index >= ee_load_u16(entry)) BRANCH(pc + 2);
    for (entry += 2; index != 0; --index) {
      list = ALIGNED(entry + 4);
      entry = list + 2 + 4u * ee_load_u16(list);
    }
    BRANCH(entry);
  }
branch : {
  const uint8_t *list = ALIGNED(target + 4);
  if (ee_load_u16(list) != 0) remap_registers(list, regs, refs);
  COUNT_STEP();
  target = code + ee_load_u32(target) + 1;
  if (target < pc) target = ee_vm_run_loop(program, frame, target);
  pc = target;
  DISPATCH(*pc++);
}

  CASE(CALL) {
    segments = NULL;
    arguments = ALIGNED(pc + 4);
    result_list = LIST_END(arguments);
    continuation = LIST_END(result_list);
    goto call;
  }
  CASE(CALL_VARIADIC) {
    segments = ALIGNED(pc + 4);
    arguments = LIST_END(segments);
    result_list = LIST_END(arguments);
    continuation = LIST_END(result_list);
    goto call;
  }
  CASE(CALL_VARIADIC_YIELDABLE) {
    segments = ALIGNED(pc + 4);
    arguments = LIST_END(segments);
    goto call_yieldable;
  }
  CASE(CALL_YIELDABLE) {
    segments = NULL;
    arguments = ALIGNED(pc + 4);
    goto call_yieldable;
  }
call_yieldable:
  target = LIST_END(arguments);
  result_list = target + 4;
  continuation = code + ee_load_u32(target) + 1;
call : {
  COUNT_STEP();
  const uint32_t ordinal = U32(0);
  ee_vm_linked_module_t *callee_module = linked;
  const ee_module_function_t *callee;
  if (ordinal & EE_FUNCTION_IMPORT_BIT) {
    const uint32_t index = ordinal & ~EE_FUNCTION_IMPORT_BIT;
    const ee_vm_linked_import_t *import = &linked->imports[index];
    if (EE_LIKELY(import->native)) {
      frame->pc = pc - 1; // to be made again if it defers
      status = call_native(program, import, &linked->module->imports[index], segments, arguments,
                           result_list, err);
      frame = ee_vm_frame_at(program, program->frame);
      if (EE_UNLIKELY(status != EERIE_OK)) {
        if (status != EERIE_DEFERRED) goto failed;
        return status;
      }
      regs = ee_vm_frame_registers(frame);
      refs = ee_vm_frame_refs(frame);
      pc = continuation;
      DISPATCH(*pc++);
    }
    callee_module = import->module;
    callee = import->function;
    FAIL_IF(!callee, EERIE_NOT_FOUND, "optional import '%.*s' is called, but no module provides it",
            EE_STR_ARG(linked->module->imports[index].full_name));
  } else {
    callee = &linked->module->functions[ordinal];
  }
  status = ee_vm_push_frame(program, callee_module, callee, err);
  if (EE_UNLIKELY(status != EERIE_OK)) {
    frame = ee_vm_frame_at(program, program->frame);
    goto failed;
  }
  ee_vm_frame_t *callee_frame = ee_vm_frame_at(program, program->frame);
  frame = ee_vm_frame_at(program, callee_frame->previous);
  frame->pc = continuation;
  callee_frame->results = result_list;
  pass_arguments(callee->signature.arguments, arguments, ee_vm_frame_registers(frame),
                 ee_vm_frame_refs(frame), ee_vm_frame_registers(callee_frame),
                 ee_vm_frame_refs(callee_frame));
  LOAD_FRAME();
  DISPATCH(*pc++);
}
  CASE(RETURN) {
    const uint8_t *list = ALIGNED(pc);
    const ee_str_t letters = frame->function->signature.results;
    if (!frame->results) {
      pass_results_out(letters, list, regs, refs, results);
      ee_vm_pop_frame(program);
      return EERIE_OK;
    }
    ee_vm_frame_t *caller = ee_vm_frame_at(program, frame->previous);
    pass_results(letters, list, frame->results, regs, refs, ee_vm_frame_registers(caller),
                 ee_vm_frame_refs(caller));
    ee_vm_pop_frame(program);
    LOAD_FRAME();
    DISPATCH(*pc++);
  }
  CASE(FAIL) {
    status = fail(REG32(0), pc + 2, err);
    goto failed;
  }
  CASE(IMPORT_RESOLVED) {
    const ee_vm_linked_import_t *import = &linked->imports[U32(0) & ~EE_FUNCTION_IMPORT_BIT];
    REG32(4) = import->native || import->function;
    NEXT(6);
  }
  CASE(YIELD) {
    const uint8_t *list = ALIGNED(pc + 4);
    remap_registers(list, regs, refs);
    COUNT_STEP();
    frame->pc = code + U32(0) + 1;
    return EERIE_DEFERRED;
  }

  // ---- Debugging ----

  CASE(TRACE)
  CASE(PRINT) {
    const uint8_t *list = ALIGNED(pc + 2 + U16(0));
    ee_vm_trace_line(program, pc, list, regs, refs);
    pc = LIST_END(list);
    NEXT(0);
  }

  // ---- Buffers: offsets of loads, stores and fills count elements, all others bytes ----

  BUFFER_LOAD(BUFFER_LOAD_I8_U, uint8_t, 0)
  BUFFER_LOAD(BUFFER_LOAD_I8_S, int8_t, 0)
  BUFFER_LOAD(BUFFER_LOAD_I16_U, uint16_t, 1)
  BUFFER_LOAD(BUFFER_LOAD_I16_S, int16_t, 1)
  BUFFER_LOAD(BUFFER_LOAD_I32, uint32_t, 2)
  CASE(BUFFER_LOAD_I64) {
    BUFFER_ELEMENT(3, false);
    SET64(4, ee_load_u64(element));
    NEXT(6);
  }
  BUFFER_STORE(BUFFER_STORE_I8, uint8_t, 0)
  BUFFER_STORE(BUFFER_STORE_I16, uint16_t, 1)
  BUFFER_STORE(BUFFER_STORE_I32, uint32_t, 2)
  CASE(BUFFER_STORE_I64) {
    BUFFER_ELEMENT(3, true);
    memcpy(element, &REG32(4), 8);
    NEXT(6);
  }
  CASE(BUFFER_ALLOC) {
    ee_object_t *object;
    TRY(ee_vm_buffer_op_alloc(program->heap, REG64(0), REG32(2), &object, err));
    ee_vm_put_ref(refs, U16(4), object);
    NEXT(6);
  }
  CASE(BUFFER_CLONE) {
    ee_object_t *object;
    TRY(ee_vm_buffer_op_clone(program->heap, REF(0), REG64(2), REG64(4), REG32(6), &object, err));
    ee_vm_put_ref(refs, U16(8), object);
    NEXT(10);
  }
  CASE(BUFFER_LENGTH) {
    const ee_vm_buffer_t *buffer = ee_vm_buffer_cast(REF(0));
    if (EE_UNLIKELY(!buffer)) {
      status = ee_vm_bad_object(REF(0), "vm.buffer", err);
      goto failed;
    }
    SET64(2, buffer->size);
    NEXT(4);
  }
  CASE(BUFFER_COPY) {
    TRY(ee_vm_buffer_op_copy(REF(0), REG64(2), REF(4), REG64(6), REG64(8), err));
    NEXT(10);
  }
  CASE(BUFFER_COMPARE) {
    TRY(ee_vm_buffer_op_compare(REF(0), REG64(2), REF(4), REG64(6), REG64(8), &REG32(10), err));
    NEXT(12);
  }
  BUFFER_FILL(BUFFER_FILL_I8, 0, REG32)
  BUFFER_FILL(BUFFER_FILL_I16, 1, REG32)
  BUFFER_FILL(BUFFER_FILL_I32, 2, REG32)
  BUFFER_FILL(BUFFER_FILL_I64, 3, REG64)
buffer_fill:
  TRY(ee_vm_buffer_op_fill(REF(0), REG64(2), REG64(4), access, fill_value, err));
  NEXT(8);
  CASE(BUFFER_HASH) {
    uint64_t hash;
    TRY(ee_vm_buffer_op_hash(REF(0), REG64(2), REG64(4), &hash, err));
    SET64(6, hash);
    NEXT(8);
  }

  // ---- Floats ----

  CASE(PREFIX_F32) {
#if EERIE_VM_F32
    const uint32_t alias = ee_vm_f32_aliases[*pc];
    if (alias != 0) {
      ++pc;
      DISPATCH(alias - 1);
    }
    uint32_t size;
    TRY(ee_vm_step_f32(pc, regs, refs, &size, err));
    NEXT(size);
#else
    status = EE_FAIL(err, EERIE_UNIMPLEMENTED, "this build has no f32 instructions");
    goto failed;
#endif
  }
  CASE(PREFIX_F64) {
#if EERIE_VM_F64
    const uint32_t alias = ee_vm_f64_aliases[*pc];
    if (alias != 0) {
      ++pc;
      DISPATCH(alias - 1);
    }
    uint32_t size;
    TRY(ee_vm_step_f64(pc, regs, refs, &size, err));
    NEXT(size);
#else
    status = EE_FAIL(err, EERIE_UNIMPLEMENTED, "this build has no f64 instructions");
    goto failed;
#endif
  }

  // ---- Failures ----

division_by_zero:
  status = EE_FAIL(err, EERIE_INVALID_ARGUMENT, "division by zero");
  goto failed;
quotient_overflow:
  status =
      EE_FAIL(err, EERIE_OUT_OF_RANGE, "the quotient of the smallest integer and -1 overflows");
  goto failed;
bad_global:
  status =
      EE_FAIL(err, EERIE_OUT_OF_RANGE, "global %u is outside of %u bytes of values, %u references",
              REG32(0), linked->module->global_bytes, linked->module->global_ref_count);
  goto failed;
bad_list:
  status = ee_vm_bad_object(REF(0), "vm.list", err);
  goto failed;
bad_element : {
  const ee_vm_buffer_t *buffer = ee_vm_buffer_cast(REF(0));
  if (!buffer) {
    status = ee_vm_bad_object(REF(0), "vm.buffer", err);
  } else if ((access & ELEMENT_WRITE) && !buffer->writable) {
    status = ee_vm_bad_write(buffer, err);
  } else {
    status = ee_vm_bad_range(buffer, REG64(2), 1, access & ~ELEMENT_WRITE, err);
  }
  goto failed;
}
out_of_steps:
  program->steps_left = 0;
  status = EE_FAIL(err, EERIE_DEADLINE_EXCEEDED, "more than %llu branches and calls",
                   (unsigned long long)program->step_limit);
failed:
  ee_vm_annotate_location(frame, pc - 1, err);
  return status;
}
