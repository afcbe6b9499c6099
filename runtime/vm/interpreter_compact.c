// interpreter_compact.c: in place of interpreter.c where size counts more than speed.
//
// It does the same, with the same checks: trusts what the verifier has checked, and checks here
// what only a run can know. It is smaller in three ways: operands are fetched by a table before an
// instruction is looked at, results are stored in one place behind it, and instructions of 32 and
// 64 bits share a case, as the low half of most results is the same.
//
// Calls between bytecode functions push a frame and go on in the same loop. Whatever may grow the
// program's stack (any call) is followed by LOAD_FRAME, which derives all pointers anew.
#include "vm/instructions.h"
#include "vm/passing.h"
#include "vm/shapes.h"

// ---- Operands ----------------------------------------------------------------------------------

// Fetches what `shape` says; returns the end of the last operand.
static const uint8_t *fetch(const uint8_t *pc, uint32_t shape, const uint32_t *regs,
                            ee_object_t **refs, operand_t *operand) {
  const bool is_signed = (shape & SIGNED) != 0;
  for (uint32_t count = SHAPE_COUNT(shape); count != 0; --count, ++operand, shape >>= 2) {
    const uint32_t reg = ee_load_u16(pc);
    const operand_kind_t kind = (operand_kind_t)(shape & 3u);
    uint64_t value;
    switch (kind) {
    case L: value = ee_vm_load64(regs + reg); break;
    case R: value = (uintptr_t)refs[reg & EE_REGISTER_REF_MASK]; break;
    case W:
      value = ee_load_u32(pc);
      pc += 2;
      break;
    default: value = is_signed ? (uint64_t)(int64_t)(int32_t)regs[reg] : regs[reg];
    }
    pc += 2;
    *operand = (operand_t){value, (uint16_t)reg, (uint16_t)kind};
  }
  return pc;
}

// ---- The cases' words --------------------------------------------------------------------------

// Operands as numbers, and as references.
#define A          op[0].value
#define B          op[1].value
#define C          op[2].value
#define A32        ((uint32_t)A)
#define B32        ((uint32_t)B)
#define SIGNED_A   ((int64_t)A)
#define SIGNED_B   ((int64_t)B)
#define REF(index) ((ee_object_t *)(uintptr_t)op[index].value)
// Lists are aligned to 2 bytes from the start of the function.
#define ALIGNED(pointer) ((pointer) + ((uintptr_t)((pointer)-code) & 1u))
#define LIST_END(list)   ((list) + 2 + 2u * ee_load_u16(list))

#define CASE(NAME)          case EE_VM_OP_##NAME:
#define CASES(NAME, suffix) CASE(NAME##_I32##suffix) CASE(NAME##_I64##suffix)

#define CHECK_TYPE(object)                                                                         \
  do {                                                                                             \
    checked = (object);                                                                            \
    if (!is_of_type(checked, linked->types[B32].ref)) goto wrong_type;                             \
  } while (0)

// ---- The interpreter ---------------------------------------------------------------------------

// The analyzer does not see that shapes say which operands are fetched.
// NOLINTBEGIN(clang-analyzer-core.*)
eerie_status_t ee_vm_interpret(ee_vm_program_t *program, ee_vm_value_t *results,
                               eerie_error_t *err) {
  ee_vm_frame_t *frame;
  ee_vm_linked_module_t *linked;
  const uint8_t *code;
  const uint8_t *pc;
  uint32_t *regs;
  ee_object_t **refs;
  eerie_status_t status;
  const uint8_t *at; // the instruction
  operand_t op[OPERANDS_MAX];
  unsigned access;            // bad_element
  const ee_object_t *checked; // wrong_type

  op[0].kind = I;
  LOAD_FRAME();
  // A case that ends with `break` has a result, one that ends with `continue` has none.
  for (;;) {
    at = pc;
    uint32_t opcode = *pc++;
#if EERIE_VM_F32
    if (opcode == EE_VM_OP_PREFIX_F32) {
      uint32_t size;
      const uint32_t alias = ee_vm_f32_aliases[*pc];
      if (alias == 0) {
        TRY(ee_vm_step_f32(pc, regs, refs, &size, err));
        pc += size;
        continue;
      }
      at = pc++;
      opcode = alias - 1;
    }
#endif
#if EERIE_VM_F64
    if (opcode == EE_VM_OP_PREFIX_F64) {
      uint32_t size;
      const uint32_t alias = ee_vm_f64_aliases[*pc];
      if (alias == 0) {
        TRY(ee_vm_step_f64(pc, regs, refs, &size, err));
        pc += size;
        continue;
      }
      at = pc++;
      opcode = alias - 1;
    }
#endif
    const uint32_t shape = opcode < sizeof shapes / sizeof *shapes ? shapes[opcode] : 0;
    pc = fetch(pc, shape, regs, refs, op);
    operand_t *last = op + SHAPE_COUNT(shape) - (shape != 0);
    // Of an instruction on integers: bits in its first operand.
    const unsigned width = op[0].kind == L ? 64 : 32;
    uint64_t result = 0;
    switch (opcode) {
      // ---- Globals: direct ones were verified ----

      CASES(GLOBAL_LOAD, )
      CASES(GLOBAL_LOAD_INDIRECT, )
      CASES(GLOBAL_STORE, )
      CASES(GLOBAL_STORE_INDIRECT, ) {
        const size_t size = last->kind == L ? 8 : 4;
        const uint32_t limit = linked->module->global_bytes;
        if (A32 > limit || size > limit - A32) goto bad_global;
        uint8_t *global = linked->globals + A32;
        // Loads have even numbers.
        if (opcode & 1u) {
          memcpy(global, &last->value, size);
          continue;
        }
        memcpy(&result, global, size);
        break;
      }
      CASE(GLOBAL_LOAD_REF)
      CASE(GLOBAL_LOAD_INDIRECT_REF)
      CASE(GLOBAL_STORE_REF)
      CASE(GLOBAL_STORE_INDIRECT_REF) {
        if (A32 >= linked->module->global_ref_count) goto bad_global;
        ee_object_t **global = linked->global_refs + A32;
        const bool store = opcode & 1u;
        CHECK_TYPE(store ? REF(2) : *global);
        if (store) {
          ee_vm_put_ref(global, 0, ee_vm_take_ref(refs, last->reg));
          continue;
        }
        result = (uintptr_t)*global;
        ee_object_retain(*global);
        break;
      }

      // ---- Constants, copies of bits ----

      CASES(CONST, _ZERO)
      CASE(CONST_REF_ZERO)
      break;
      CASE(CONST_I64)
      result = A | B << 32;
      break;
      CASE(CONST_I32)
      CASE(TRUNC_I64_I32)
      CASE(EXT_I32_I64_S)
      CASE(EXT_I32_I64_U)
      result = A;
      break;
      CASE(TRUNC_I32_I8)
      CASE(EXT_I8_I32_U)
      result = (uint8_t)A;
      break;
      CASE(TRUNC_I32_I16)
      CASE(EXT_I16_I32_U)
      result = (uint16_t)A;
      break;
      CASE(EXT_I8_I32_S)
      result = (uint64_t)(int8_t)A;
      break;
      CASE(EXT_I16_I32_S)
      result = (uint64_t)(int16_t)A;
      break;

      // ---- References ----

      CASE(CONST_REF_RODATA) {
        ee_object_t *object = &linked->rodata[A32].object;
        ee_object_retain(object);
        result = (uintptr_t)object;
        break;
      }
      CASE(DISCARD_REFS) {
        const uint8_t *list = ALIGNED(pc);
        pc = LIST_END(list);
        for (list += 2; list != pc; list += 2)
          ee_vm_put_ref(refs, ee_load_u16(list), NULL);
        continue;
      }
      CASE(CAST_ANY_REF)
      CHECK_TYPE(REF(0));
      __attribute__((fallthrough));
      CASE(ASSIGN_REF)
      result = (uintptr_t)ee_vm_take_ref(refs, op[0].reg);
      break;

      // ---- Lists ----

      CASE(LIST_ALLOC) {
        const ee_vm_type_t type = linked->types[A32];
        ee_vm_list_t *list;
        TRY(ee_vm_list_create(program->heap, type.kind,
                              type.kind == EE_VM_VALUE_REF ? type.ref : NULL, (size_t)B, &list,
                              err));
        result = (uintptr_t)list;
        break;
      }
      CASE(LIST_RESERVE)
      CASE(LIST_SIZE)
      CASE(LIST_RESIZE)
      CASE(LIST_GET_I32)
      CASE(LIST_GET_I64)
      CASE(LIST_GET_REF)
      CASE(LIST_SET_I32)
      CASE(LIST_SET_I64)
      CASE(LIST_SET_REF) {
        ee_vm_list_t *list = ee_vm_list_cast(REF(0));
        if (!list) {
          status = ee_vm_bad_object(REF(0), "vm.list", err);
          goto failed;
        }
        const size_t index = (size_t)B;
        const ee_vm_value_type_t type = last->kind == R   ? EE_VM_VALUE_REF
                                        : last->kind == L ? EE_VM_VALUE_I64
                                                          : EE_VM_VALUE_I32;
        ee_vm_value_t value = {.i64 = (int64_t)last->value};
        switch (opcode) {
          CASE(LIST_RESERVE)
          TRY(ee_vm_list_reserve(list, index, err));
          continue;
          CASE(LIST_RESIZE)
          TRY(ee_vm_list_resize(list, index, err));
          continue;
          CASE(LIST_SIZE)
          result = list->count;
          break;
          CASE(LIST_SET_REF)
          TRY(ee_vm_list_check_acyclic(list, value.ref, err));
          __attribute__((fallthrough));
          CASES(LIST_SET, )
          TRY(ee_vm_list_set(list, index, type, value, err));
          if (type == EE_VM_VALUE_REF && (last->reg & EE_REGISTER_MOVE_BIT))
            ee_vm_put_ref(refs, last->reg, NULL);
          continue;
        default:
          TRY(ee_vm_list_get(list, index, type, &value, err));
          result = (uint64_t)value.i64;
          if (type != EE_VM_VALUE_REF) break;
          // A reference of another type reads as null: so programs ask what a list holds.
          if (!is_of_type(value.ref, linked->types[C].ref)) value.ref = NULL;
          ee_object_retain(value.ref);
          result = (uintptr_t)value.ref;
        }
        break;
      }

      // ---- Conditional assignment ----

      CASES(SELECT, )
      result = A32 ? B : C;
      break;
      CASE(SELECT_REF) {
        const operand_t *chosen = A32 ? &op[2] : &op[3], *other = A32 ? &op[3] : &op[2];
        CHECK_TYPE((ee_object_t *)(uintptr_t)chosen->value);
        ee_object_t *object = ee_vm_take_ref(refs, chosen->reg);
        // The other gives its reference up as well.
        if (other->reg & EE_REGISTER_MOVE_BIT) ee_vm_put_ref(refs, other->reg, NULL);
        result = (uintptr_t)object;
        break;
      }
      CASES(SWITCH, )
      CASE(SWITCH_REF) {
        const uint8_t *list = ALIGNED(pc);
        const uint32_t chosen =
            A32 < ee_load_u16(list) ? ee_load_u16(list + 2 + 2 * A32) : last->reg;
        pc = LIST_END(list);
        if (last->kind == R) {
          CHECK_TYPE(refs[chosen & EE_REGISTER_REF_MASK]);
          result = (uintptr_t)ee_vm_take_ref(refs, chosen);
          // What is not chosen gives its reference up all the same.
          for (uint32_t reg = last->reg;; reg = ee_load_u16(list)) {
            if (reg & EE_REGISTER_MOVE_BIT) ee_vm_put_ref(refs, reg, NULL);
            list += 2;
            if (list == pc) break;
          }
        } else {
          result = last->kind == L ? ee_vm_load64(regs + chosen) : regs[chosen];
        }
        last->reg = ee_load_u16(pc);
        pc += 2;
        break;
      }

      // ---- Integers ----

      CASES(ADD, )
      result = A + B;
      break;
      CASES(SUB, )
      result = A - B;
      break;
      CASES(MUL, )
      result = A * B;
      break;
      CASES(FMA, )
      result = A * B + C;
      break;
      CASES(DIV, _S)
      CASES(REM, _S)
      CASES(DIV, _U)
      CASES(REM, _U) {
        if (B == 0) goto division_by_zero;
        const bool is_quotient = opcode <= EE_VM_OP_DIV_I32_U ||
                                 (opcode >= EE_VM_OP_DIV_I64_S && opcode <= EE_VM_OP_DIV_I64_U);
        const bool is_signed = opcode == EE_VM_OP_DIV_I32_S || opcode == EE_VM_OP_REM_I32_S ||
                               opcode == EE_VM_OP_DIV_I64_S || opcode == EE_VM_OP_REM_I64_S;
        if (!is_signed) {
          result = is_quotient ? A / B : A % B;
        } else if (SIGNED_B == -1) {
          if (!is_quotient) break;
          if (SIGNED_A == (op[0].kind == L ? INT64_MIN : INT32_MIN)) goto quotient_overflow;
          result = 0 - A;
        } else {
          result = (uint64_t)(is_quotient ? SIGNED_A / SIGNED_B : SIGNED_A % SIGNED_B);
        }
        break;
      }
      CASES(NOT, )
      result = ~A;
      break;
      CASES(AND, )
      result = A & B;
      break;
      CASES(OR, )
      result = A | B;
      break;
      CASES(XOR, )
      result = A ^ B;
      break;
      CASES(SHL, )
      result = A << (B & (width - 1));
      break;
      CASES(SHR, _S)
      result = (uint64_t)(SIGNED_A >> (B & (width - 1)));
      break;
      CASES(SHR, _U)
      result = A >> (B & (width - 1));
      break;
      CASES(ABS, )
      result = SIGNED_A < 0 ? 0 - A : A;
      break;
      CASES(CTLZ, )
      result = A ? (unsigned)__builtin_clzll(A) - (64 - width) : width;
      break;
      CASES(MIN, _S)
      result = SIGNED_A < SIGNED_B ? A : B;
      break;
      CASES(MIN, _U)
      result = A < B ? A : B;
      break;
      CASES(MAX, _S)
      result = SIGNED_A < SIGNED_B ? B : A;
      break;
      CASES(MAX, _U)
      result = A < B ? B : A;
      break;
      CASES(CMP_EQ, )
      CASE(CMP_EQ_REF)
      result = A == B;
      break;
      CASES(CMP_NE, )
      CASE(CMP_NE_REF)
      result = A != B;
      break;
      CASES(CMP_LT, _S)
      result = SIGNED_A < SIGNED_B;
      break;
      CASES(CMP_LT, _U)
      result = A < B;
      break;
      CASES(CMP_NZ, )
      CASE(CMP_NZ_REF)
      result = A != 0;
      break;

      // ---- Control flow ----

      CASE(BLOCK)
      continue;
      CASE(BR_TABLE) {
        const uint8_t *list = ALIGNED(pc + 4);
        const uint8_t *entry = list + 2 + 4u * ee_load_u16(list); // at the number of cases
        if (A32 < ee_load_u16(entry)) {
          entry += 2;
          for (uint32_t index = A32; index != 0; --index) {
            list = ALIGNED(entry + 4);
            entry = list + 2 + 4u * ee_load_u16(list);
          }
          pc = entry;
        }
        goto branch;
      }
      CASE(COND_BR)
      if (A32 == 0) {
        const uint8_t *list = ALIGNED(pc + 4);
        pc = list + 2 + 4u * ee_load_u16(list);
      }
      __attribute__((fallthrough));
      CASE(BR)
      CASE(BREAK)
      CASE(COND_BREAK)
    branch:
      remap_registers(ALIGNED(pc + 4), regs, refs);
      COUNT_STEP();
      pc = code + ee_load_u32(pc) + 1; // behind the BLOCK marker
      continue;
      CASE(YIELD)
      remap_registers(ALIGNED(pc + 4), regs, refs);
      COUNT_STEP();
      frame->pc = code + ee_load_u32(pc) + 1;
      return EERIE_DEFERRED;

      CASE(CALL)
      CASE(CALL_VARIADIC)
      CASE(CALL_YIELDABLE)
      CASE(CALL_VARIADIC_YIELDABLE) {
        const uint8_t *segments = NULL, *arguments = ALIGNED(pc);
        if (opcode == EE_VM_OP_CALL_VARIADIC || opcode == EE_VM_OP_CALL_VARIADIC_YIELDABLE) {
          segments = arguments;
          arguments = LIST_END(segments);
        }
        const uint8_t *result_list = LIST_END(arguments), *continuation;
        if (opcode >= EE_VM_OP_CALL_YIELDABLE) {
          continuation = code + ee_load_u32(result_list) + 1;
          result_list += 4;
        } else {
          continuation = LIST_END(result_list);
        }
        COUNT_STEP();
        const uint32_t ordinal = A32;
        ee_vm_linked_module_t *callee_module = linked;
        const ee_module_function_t *callee = &linked->module->functions[ordinal];
        if (ordinal & EE_FUNCTION_IMPORT_BIT) {
          const uint32_t index = ordinal & ~EE_FUNCTION_IMPORT_BIT;
          const ee_vm_linked_import_t *import = &linked->imports[index];
          const ee_module_import_t *declaration = &linked->module->imports[index];
          if (import->native) {
            frame->pc = at; // to be made again if it defers
            status =
                call_native(program, import, declaration, segments, arguments, result_list, err);
            frame = ee_vm_frame_at(program, program->frame);
            if (status == EERIE_DEFERRED) return status;
            if (status != EERIE_OK) goto failed;
            frame->pc = continuation;
            LOAD_FRAME();
            continue;
          }
          callee_module = import->module;
          callee = import->function;
          if (!callee) {
            status = EE_FAIL(err, EERIE_NOT_FOUND,
                             "optional import '%.*s' is called, but no module provides it",
                             EE_STR_ARG(declaration->full_name));
            goto failed;
          }
        }
        status = ee_vm_push_frame(program, callee_module, callee, err);
        ee_vm_frame_t *callee_frame = ee_vm_frame_at(program, program->frame);
        if (status != EERIE_OK) {
          frame = callee_frame; // the stack may have moved
          goto failed;
        }
        frame = ee_vm_frame_at(program, callee_frame->previous);
        frame->pc = continuation;
        callee_frame->results = result_list;
        pass_arguments(callee->signature.arguments, arguments, ee_vm_frame_registers(frame),
                       ee_vm_frame_refs(frame), ee_vm_frame_registers(callee_frame),
                       ee_vm_frame_refs(callee_frame));
        LOAD_FRAME();
        continue;
      }
      CASE(RETURN) {
        const uint8_t *list = ALIGNED(pc);
        const ee_str_t letters = frame->function->signature.results;
        const bool outside = !frame->results;
        if (outside) {
          pass_results_out(letters, list, regs, refs, results);
        } else {
          ee_vm_frame_t *caller = ee_vm_frame_at(program, frame->previous);
          pass_results(letters, list, frame->results, regs, refs, ee_vm_frame_registers(caller),
                       ee_vm_frame_refs(caller));
        }
        ee_vm_pop_frame(program);
        if (outside) return EERIE_OK;
        LOAD_FRAME();
        continue;
      }
      CASE(FAIL)
      status = fail(A32, pc, err);
      goto failed;
      CASE(IMPORT_RESOLVED) {
        const ee_vm_linked_import_t *import = &linked->imports[A32 & ~EE_FUNCTION_IMPORT_BIT];
        result = import->native || import->function;
        break;
      }
      CASE(TRACE)
      CASE(PRINT) {
        const uint8_t *list = ALIGNED(pc + 2 + ee_load_u16(pc));
        ee_vm_trace_line(program, pc, list, regs, refs);
        pc = LIST_END(list);
        continue;
      }

      // ---- Buffers: offsets of loads, stores and fills count elements, all others bytes ----

      CASE(BUFFER_LOAD_I8_U)
      CASE(BUFFER_LOAD_I8_S)
      CASE(BUFFER_LOAD_I16_U)
      CASE(BUFFER_LOAD_I16_S)
      CASES(BUFFER_LOAD, )
      CASE(BUFFER_STORE_I8)
      CASE(BUFFER_STORE_I16)
      CASES(BUFFER_STORE, ) {
        // Stores are in the order of their sizes, loads as well, the first two twice.
        const bool store = opcode >= EE_VM_OP_BUFFER_STORE_I8;
        access = store                                ? opcode - EE_VM_OP_BUFFER_STORE_I8
                 : opcode == EE_VM_OP_BUFFER_LOAD_I64 ? 3u
                                                      : (opcode - EE_VM_OP_BUFFER_LOAD_I8_U) >> 1;
        const size_t size = (size_t)1 << access;
        if (store) access |= ELEMENT_WRITE;
        uint8_t *element = find_element(ee_vm_buffer_cast(REF(0)), B, access);
        if (!element) goto bad_element;
        if (store) {
          memcpy(element, &C, size);
          continue;
        }
        memcpy(&result, element, size);
        if (opcode == EE_VM_OP_BUFFER_LOAD_I8_S) result = (uint64_t)(int8_t)result;
        if (opcode == EE_VM_OP_BUFFER_LOAD_I16_S) result = (uint64_t)(int16_t)result;
        break;
      }
      CASE(BUFFER_ALLOC)
      CASE(BUFFER_CLONE) {
        ee_object_t *object;
        TRY(opcode == EE_VM_OP_BUFFER_ALLOC
                ? ee_vm_buffer_op_alloc(program->heap, A, B32, &object, err)
                : ee_vm_buffer_op_clone(program->heap, REF(0), B, C, (uint32_t)op[3].value, &object,
                                        err));
        result = (uintptr_t)object;
        break;
      }
      CASE(BUFFER_LENGTH) {
        const ee_vm_buffer_t *buffer = ee_vm_buffer_cast(REF(0));
        if (!buffer) {
          status = ee_vm_bad_object(REF(0), "vm.buffer", err);
          goto failed;
        }
        result = buffer->size;
        break;
      }
      CASE(BUFFER_COPY)
      TRY(ee_vm_buffer_op_copy(REF(0), B, REF(2), op[3].value, op[4].value, err));
      continue;
      CASE(BUFFER_COMPARE) {
        uint32_t equal;
        TRY(ee_vm_buffer_op_compare(REF(0), B, REF(2), op[3].value, op[4].value, &equal, err));
        result = equal;
        break;
      }
      CASE(BUFFER_FILL_I8)
      CASE(BUFFER_FILL_I16)
      CASES(BUFFER_FILL, )
      TRY(ee_vm_buffer_op_fill(REF(0), B, C, opcode - EE_VM_OP_BUFFER_FILL_I8, last->value, err));
      continue;
      CASE(BUFFER_HASH)
      TRY(ee_vm_buffer_op_hash(REF(0), B, C, &result, err));
      break;

    default:
      // Not as cases, which would make a table of the switch twice as large.
      if (opcode == EE_VM_OP_PREFIX_F32 || opcode == EE_VM_OP_PREFIX_F64) {
        status = EE_FAIL(err, EERIE_UNIMPLEMENTED, "this build has no f%d instructions",
                         opcode == EE_VM_OP_PREFIX_F32 ? 32 : 64);
      } else { // reached only when the verifier was skipped
        status = EE_FAIL(err, EERIE_DATA_LOSS, "no such instruction: 0x%02X", (unsigned)opcode);
      }
      goto failed;
    }

    switch (last->kind) {
    case L: ee_vm_store64(regs + last->reg, result); break;
    case R: ee_vm_put_ref(refs, last->reg, (ee_object_t *)(uintptr_t)result); break;
    default: regs[last->reg] = (uint32_t)result;
    }
  }

  // ---- Failures ----

division_by_zero:
  status = EE_FAIL(err, EERIE_INVALID_ARGUMENT, "division by zero");
  goto failed;
quotient_overflow:
  status =
      EE_FAIL(err, EERIE_OUT_OF_RANGE, "the quotient of the smallest integer and -1 overflows");
  goto failed;
wrong_type:
  status = bad_type(linked->module, B32, checked, err);
  goto failed;
bad_global:
  status =
      EE_FAIL(err, EERIE_OUT_OF_RANGE, "global %u is outside of %u bytes of values, %u references",
              (unsigned)A32, linked->module->global_bytes, linked->module->global_ref_count);
  goto failed;
bad_element : {
  const ee_vm_buffer_t *buffer = ee_vm_buffer_cast(REF(0));
  if (!buffer) {
    status = ee_vm_bad_object(REF(0), "vm.buffer", err);
  } else if ((access & ELEMENT_WRITE) && !buffer->writable) {
    status = ee_vm_bad_write(buffer, err);
  } else {
    status = ee_vm_bad_range(buffer, B, 1, access & ~ELEMENT_WRITE, err);
  }
  goto failed;
}
out_of_steps:
  program->steps_left = 0;
  status = EE_FAIL(err, EERIE_DEADLINE_EXCEEDED, "more than %llu branches and calls",
                   (unsigned long long)program->step_limit);
failed:
  ee_vm_annotate_location(frame, at, err);
  return status;
}
// NOLINTEND(clang-analyzer-core.*)
