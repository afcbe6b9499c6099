// passing.h: what the two interpreters have in common: where they are in a program, registers as
// arguments and results of calls, native calls, failures that a module asks for.
#ifndef EE_VM_PASSING_H_
#define EE_VM_PASSING_H_

#include "vm/internal.h"

// On the names that ee_vm_interpret has in both: `frame` and what is derived from it, `status`, and
// the labels of its failures.
#define LOAD_FRAME()                                                                               \
  do {                                                                                             \
    frame = ee_vm_frame_at(program, program->frame);                                               \
    linked = frame->module;                                                                        \
    code = frame->function->bytecode;                                                              \
    pc = frame->pc;                                                                                \
    regs = ee_vm_frame_registers(frame);                                                           \
    refs = ee_vm_frame_refs(frame);                                                                \
  } while (0)
#define TRY(expr)                                                                                  \
  do {                                                                                             \
    status = (expr);                                                                               \
    if (EE_UNLIKELY(status != EERIE_OK)) goto failed;                                              \
  } while (0)
#define COUNT_STEP()                                                                               \
  do {                                                                                             \
    if (EE_UNLIKELY(program->steps_left-- == 0)) goto out_of_steps;                                \
  } while (0)

// Passes the registers in `list` as arguments: a callee finds them left-aligned in its two banks.
static void pass_arguments(ee_str_t letters, const uint8_t *list, const uint32_t *regs,
                           ee_object_t **refs, uint32_t *callee_regs, ee_object_t **callee_refs) {
  list += 2;
  for (size_t i = 0, value = 0, ref = 0; i < letters.size; ++i, list += 2) {
    const uint32_t reg = ee_load_u16(list);
    switch (letters.data[i]) {
    case 'r': callee_refs[ref++] = ee_vm_take_ref(refs, reg); break;
    case 'I':
    case 'F':
      value = (value + 1) & ~(size_t)1;
      ee_vm_store64(callee_regs + value, ee_vm_load64(regs + reg));
      value += 2;
      break;
    default: callee_regs[value++] = regs[reg];
    }
  }
}

// Returns registers of a callee in registers of its caller.
static void pass_results(ee_str_t letters, const uint8_t *source, const uint8_t *target,
                         const uint32_t *regs, ee_object_t **refs, uint32_t *caller_regs,
                         ee_object_t **caller_refs) {
  for (size_t i = 0; i < letters.size; ++i) {
    const uint32_t from = ee_load_u16(source += 2), to = ee_load_u16(target += 2);
    switch (letters.data[i]) {
    case 'r': ee_vm_put_ref(caller_refs, to, ee_vm_take_ref(refs, from)); break;
    case 'I':
    case 'F': ee_vm_store64(caller_regs + to, ee_vm_load64(regs + from)); break;
    default: caller_regs[to] = regs[from];
    }
  }
}

// Returns registers to the caller outside.
static void pass_results_out(ee_str_t letters, const uint8_t *source, const uint32_t *regs,
                             ee_object_t **refs, ee_vm_value_t *results) {
  for (size_t i = 0; i < letters.size; ++i) {
    const uint32_t from = ee_load_u16(source += 2);
    results[i].i64 = 0;
    switch (letters.data[i]) {
    case 'r': results[i].ref = ee_vm_take_ref(refs, from); break;
    case 'I':
    case 'F': results[i].i64 = (int64_t)ee_vm_load64(regs + from); break;
    default: results[i].i32 = (int32_t)regs[from];
    }
  }
}

// Puts the registers of `list` into slots; returns where the next one goes. Letters of 64-bit
// values are capitals, which lack the bit that `i` and `f` have. What is read behind a 32-bit
// register is still of the stack: its slot lies there, if nothing else.
static inline ee_vm_value_t *marshal_run(ee_str_t letters, const uint8_t *list,
                                         const uint32_t *regs, ee_object_t **refs,
                                         ee_vm_value_t *slot) {
  for (const char *letter = letters.data, *end = letter + letters.size; letter != end;
       ++letter, ++slot, list += 2) {
    const uint32_t reg = ee_load_u16(list);
    if (*letter == 'r') {
      if (sizeof(void *) < sizeof *slot) slot->i64 = 0;
      slot->ref = refs[reg & EE_REGISTER_REF_MASK];
    } else {
      const uint64_t value = ee_vm_load64(regs + reg);
      slot->i64 = (int64_t)(*letter & 0x20 ? (uint32_t)value : value);
    }
  }
  return slot;
}

// Lays out the arguments of a native call, one slot each. `fixed` is the number of those before the
// first variadic one, `segments` the list of the sizes of variadic arguments, NULL for calls
// without.
static inline void marshal_arguments(ee_str_t letters, uint32_t fixed, const uint8_t *segments,
                                     const uint8_t *list, const uint32_t *regs, ee_object_t **refs,
                                     ee_vm_value_t *slot) {
  ee_str_t run = {letters.data, fixed};
  const char *end = letters.data + letters.size;
  for (list += 2;;) {
    slot = marshal_run(run, list, regs, refs, slot);
    list += 2 * run.size;
    run.data += run.size;
    if (run.data == end) break;
    segments += 2 * (run.size + 1);
    ee_str_t span = {run.data + 1, 0};
    while (span.data[span.size] != 'D')
      ++span.size;
    uint32_t tuples = ee_load_u16(segments);
    *slot++ = (ee_vm_value_t){.i64 = tuples};
    for (; tuples != 0; --tuples, list += 2 * span.size)
      slot = marshal_run(span, list, regs, refs, slot);
    run = (ee_str_t){span.data + span.size + 1, 0};
    while (run.data + run.size != end && run.data[run.size] != 'C')
      ++run.size;
  }
}

// Calls a native function with registers of the innermost frame. The stack may move. After
// DEFERRED the registers are as they were, for the call to be made again.
static eerie_status_t call_native(ee_vm_program_t *program, const ee_vm_linked_import_t *import,
                                  const ee_module_import_t *declaration, const uint8_t *segments,
                                  const uint8_t *arguments, const uint8_t *results,
                                  eerie_error_t *err) {
  const uint32_t argument_count = ee_load_u16(arguments);
  const uint32_t result_count = (uint32_t)declaration->signature.results.size;
  const uint32_t slot_count = argument_count + import->spans;
  EE_TRY(ee_vm_stack_reserve(program, (slot_count + result_count) * sizeof(ee_vm_value_t), err));
  ee_vm_frame_t *frame = ee_vm_frame_at(program, program->frame);
  uint32_t *regs = ee_vm_frame_registers(frame);
  ee_object_t **refs = ee_vm_frame_refs(frame);
  ee_vm_value_t *slots = (ee_vm_value_t *)(void *)(program->stack + program->top);
  marshal_arguments(declaration->signature.arguments, import->fixed, segments, arguments, regs,
                    refs, slots);

  ee_vm_call_t call = {
      .native = import->native,
      .state = import->state,
      .arguments = slots,
      .results = slots + slot_count,
      .program = program,
      .heap = program->heap,
      .err = err,
      .wait_deadline_ns = INT64_MAX,
  };
  for (uint32_t i = 0; i < result_count; ++i)
    call.results[i].i64 = 0;
  const eerie_status_t status = import->native->function(&call);

  if (EE_UNLIKELY(status != EERIE_OK)) {
    for (uint32_t i = 0; i < result_count; ++i) {
      if (declaration->signature.results.data[i] == 'r') ee_object_release(call.results[i].ref);
    }
    if (status == EERIE_DEFERRED) {
      program->pending = call.wait_object;
      program->pending_deadline_ns = call.wait_deadline_ns;
    } else {
      ee_object_release(call.wait_object);
      EE_ANNOTATE(err, "%.*s", EE_STR_ARG(declaration->full_name));
    }
    return status;
  }
  ee_object_release(call.wait_object);
  // Arguments go before results come, which may take their registers.
  for (const uint8_t *end = arguments + 2 * argument_count; arguments != end; arguments += 2) {
    const uint32_t reg = ee_load_u16(arguments + 2);
    if (reg >= (EE_REGISTER_REF_BIT | EE_REGISTER_MOVE_BIT)) ee_vm_put_ref(refs, reg, NULL);
  }
  for (uint32_t i = 0; i < result_count; ++i) {
    const uint32_t reg = ee_load_u16(results + 2 + 2 * i);
    switch (declaration->signature.results.data[i]) {
    case 'r': ee_vm_put_ref(refs, reg, call.results[i].ref); break;
    case 'I':
    case 'F': ee_vm_store64(regs + reg, (uint64_t)call.results[i].i64); break;
    default: regs[reg] = (uint32_t)call.results[i].i32;
    }
  }
  return EERIE_OK;
}

static EE_COLD eerie_status_t fail(uint32_t code, const uint8_t *text, eerie_error_t *err) {
  // DEFERRED would be taken for a call that waits; INCOMPATIBLE is what a module says that finds no
  // device to run its kernels.
  const bool known =
      (code >= EERIE_CANCELLED && code <= EERIE_UNAUTHENTICATED) || code == EERIE_INCOMPATIBLE;
  const eerie_status_t status = known ? (eerie_status_t)code : EERIE_UNKNOWN;
  const uint32_t size = ee_load_u16(text);
  if (size == 0) return EE_FAIL(err, status, "failed with %s", eerie_status_name(status));
  return EE_FAIL(err, status, "%.*s", (int)size, (const char *)text + 2);
}

// `type` NULL: any.
static inline bool is_of_type(const ee_object_t *object, const ee_object_type_t *type) {
  return !object || !type || object->type == type;
}

static EE_COLD eerie_status_t bad_type(const ee_module_t *module, uint32_t type,
                                       const ee_object_t *object, eerie_error_t *err) {
  (void)module, (void)type, (void)object;
  return EE_FAIL(err, EERIE_INVALID_ARGUMENT, "expected a %.*s, got %s",
                 EE_STR_ARG(module->types[type]), object->type->name);
}

#endif // EE_VM_PASSING_H_
