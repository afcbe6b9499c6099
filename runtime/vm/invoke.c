// invoke.c: calls from outside, their resumption, and the stack of frames.
//
// A program is idle, running or waiting (a call deferred). Only who moves it from idle or waiting
// to running may touch it, so a second caller gets UNAVAILABLE instead of a data race.
#include "vm/internal.h"

// First size of the stack: enough for what compilers make of most models.
#define STACK_FIRST_SIZE 4096u

// ---- State -------------------------------------------------------------------------------------

// Acquire: the caller sees all that the last one did before it let go.
static bool claim(ee_vm_program_t *program, int from) {
#if EERIE_THREADS
  return atomic_compare_exchange_strong_explicit(&program->state, &from, EE_VM_RUNNING,
                                                 memory_order_acquire, memory_order_relaxed);
#else
  if (program->state != from) return false;
  program->state = EE_VM_RUNNING;
  return true;
#endif
}

static void let_go(ee_vm_program_t *program, int state) {
#if EERIE_THREADS
  atomic_store_explicit(&program->state, state, memory_order_release);
#else
  program->state = state;
#endif
}

static int current_state(const ee_vm_program_t *program) {
#if EERIE_THREADS
  return atomic_load_explicit(&program->state, memory_order_acquire);
#else
  return program->state;
#endif
}

// ---- Stack -------------------------------------------------------------------------------------

static EE_COLD eerie_status_t grow_stack(ee_vm_program_t *program, uint64_t needed,
                                         eerie_error_t *err) {
  if (needed > program->stack_limit) {
    return EE_FAIL(err, EERIE_RESOURCE_EXHAUSTED,
                   "the stack would need %llu bytes in %u frames, the limit is %u",
                   (unsigned long long)needed, (unsigned)program->depth,
                   (unsigned)program->stack_limit);
  }
  uint64_t size = program->stack_size ? 2 * (uint64_t)program->stack_size : STACK_FIRST_SIZE;
  while (size < needed)
    size *= 2;
  if (size > program->stack_limit) size = program->stack_limit;
  uint8_t *stack = ee_heap_resize(program->heap, program->stack, program->stack_size, (size_t)size);
  if (!stack) return EE_NO_MEMORY(err, size);
  program->stack = stack;
  program->stack_size = (uint32_t)size;
  return EERIE_OK;
}

eerie_status_t ee_vm_stack_reserve(ee_vm_program_t *program, size_t size, eerie_error_t *err) {
  if (EE_LIKELY(size <= program->stack_size - program->top)) return EERIE_OK;
  return grow_stack(program, (uint64_t)program->top + size, err);
}

eerie_status_t ee_vm_push_frame(ee_vm_program_t *program, ee_vm_linked_module_t *module,
                                const ee_module_function_t *function, eerie_error_t *err) {
  if (EE_UNLIKELY(program->depth >= program->depth_limit)) {
    return EE_FAIL(err, EERIE_RESOURCE_EXHAUSTED, "calls are nested deeper than the limit of %u",
                   (unsigned)program->depth_limit);
  }
  const uint32_t values = function->register_count * (uint32_t)sizeof(uint32_t);
  const uint32_t refs = function->ref_register_count * (uint32_t)sizeof(ee_object_t *);
  const uint32_t registers = (values + refs + 7u) & ~7u;
  const uint32_t size = (uint32_t)sizeof(ee_vm_frame_t) + registers;
  EE_TRY(ee_vm_stack_reserve(program, size, err));
  ee_vm_frame_t *frame = ee_vm_frame_at(program, program->top);
  *frame = (ee_vm_frame_t){
      .module = module,
      .function = function,
      .pc = function->bytecode + 1, // behind the BLOCK marker
      .previous = program->frame,
      .size = size,
  };
  memset(frame + 1, 0, registers);
  program->frame = program->top;
  program->top += size;
  ++program->depth;
  return EERIE_OK;
}

void ee_vm_pop_frame(ee_vm_program_t *program) {
  ee_vm_frame_t *frame = ee_vm_frame_at(program, program->frame);
  ee_object_t **refs = ee_vm_frame_refs(frame);
  for (uint32_t i = 0; i < frame->function->ref_register_count; ++i)
    ee_object_release(refs[i]);
  program->top = program->frame;
  program->frame = frame->previous;
  --program->depth;
}

EE_COLD void ee_vm_annotate_location(const ee_vm_frame_t *frame, const uint8_t *pc,
                                     eerie_error_t *err) {
  const ee_module_t *module = frame->module->module;
  const ee_module_function_t *function = frame->function;
  const unsigned offset = (unsigned)(pc - function->bytecode);
  (void)module, (void)offset;
  if (function->local_name != 0) {
    EE_ANNOTATE(err, "%.*s.%.*s+%u", EE_STR_ARG(module->name),
                EE_STR_ARG(module->exports[function->local_name - 1].name), offset);
  } else {
    EE_ANNOTATE(err, "%.*s.function[%u]+%u", EE_STR_ARG(module->name),
                (unsigned)(function - module->functions), offset);
  }
}

// ---- Calls -------------------------------------------------------------------------------------

static void drop_pending(ee_vm_program_t *program) {
  ee_object_t *pending = program->pending;
  program->pending = NULL;
  program->pending_deadline_ns = INT64_MAX;
  ee_object_release(pending);
}

static void unwind(ee_vm_program_t *program) {
  while (program->frame != EE_VM_NO_FRAME)
    ee_vm_pop_frame(program);
}

static EE_COLD void drop_results(const ee_vm_program_t *program, const ee_vm_value_t *results) {
  const ee_str_t letters = program->entry->signature.results;
  for (size_t i = 0; i < letters.size; ++i) {
    if (letters.data[i] == 'r') ee_object_release(results[i].ref);
  }
}

// Runs what is on the stack and settles the program's state.
static eerie_status_t run(ee_vm_program_t *program, ee_vm_value_t *results, eerie_error_t *err) {
  eerie_status_t status = ee_vm_interpret(program, results, err);
  if (EE_UNLIKELY(program->notes && status != EERIE_DEFERRED)) {
    const bool returned = status == EERIE_OK;
    status = ee_vm_settle_notes(program, status, err);
    if (returned) drop_results(program, results);
  }
  if (EE_UNLIKELY(status != EERIE_OK && status != EERIE_DEFERRED)) {
    unwind(program);
    for (size_t i = 0; i < program->entry->signature.results.size; ++i)
      results[i].i64 = 0;
  }
  let_go(program, status == EERIE_DEFERRED ? EE_VM_WAITING : EE_VM_IDLE);
  return status;
}

static EE_COLD eerie_status_t fail_busy(const ee_vm_program_t *program, eerie_error_t *err) {
  if (current_state(program) == EE_VM_WAITING) {
    return EE_FAIL(err, EERIE_UNAVAILABLE,
                   "the program is in a call that waits: resume or cancel it first");
  }
  return EE_FAIL(err, EERIE_UNAVAILABLE, "the program is in the middle of another call");
}

eerie_status_t ee_vm_invoke(ee_vm_program_t *program, ee_vm_function_t function,
                            const ee_vm_value_t *arguments, ee_vm_value_t *results,
                            eerie_error_t *err) {
  const ee_module_function_t *callee = ee_vm_program_function(program, function);
  if (EE_UNLIKELY(!callee)) {
    return EE_FAIL(err, EERIE_NOT_FOUND, "the program has no function %u in a compiled module %u",
                   (unsigned)function.ordinal, (unsigned)function.module);
  }
  if (EE_UNLIKELY(!claim(program, EE_VM_IDLE))) return fail_busy(program, err);
  program->entry = callee;
  program->steps_left = program->step_limit ? program->step_limit : UINT64_MAX;
  const eerie_status_t status =
      ee_vm_push_frame(program, &program->modules[function.module], callee, err);
  if (EE_UNLIKELY(status != EERIE_OK)) {
    for (size_t i = 0; i < callee->signature.results.size; ++i)
      results[i].i64 = 0;
    let_go(program, EE_VM_IDLE);
    return status;
  }
  ee_vm_frame_t *frame = ee_vm_frame_at(program, program->frame);
  uint32_t *regs = ee_vm_frame_registers(frame);
  ee_object_t **refs = ee_vm_frame_refs(frame);
  const ee_str_t letters = callee->signature.arguments;
  for (size_t i = 0, value = 0, ref = 0; i < letters.size; ++i) {
    switch (letters.data[i]) {
    case 'r':
      ee_object_retain(arguments[i].ref);
      refs[ref++] = arguments[i].ref;
      break;
    case 'I':
    case 'F':
      value = (value + 1) & ~(size_t)1;
      ee_vm_store64(regs + value, (uint64_t)arguments[i].i64);
      value += 2;
      break;
    default: regs[value++] = (uint32_t)arguments[i].i32;
    }
  }
  return run(program, results, err);
}

eerie_status_t ee_vm_resume(ee_vm_program_t *program, ee_vm_value_t *results, eerie_error_t *err) {
  if (!claim(program, EE_VM_WAITING)) {
    return EE_FAIL(err, EERIE_FAILED_PRECONDITION, "the program has no call that waits");
  }
  drop_pending(program);
  return run(program, results, err);
}

void ee_vm_cancel(ee_vm_program_t *program) {
  if (!claim(program, EE_VM_WAITING)) return;
  drop_pending(program);
  unwind(program);
  if (program->notes) (void)ee_vm_settle_notes(program, EERIE_CANCELLED, NULL);
  let_go(program, EE_VM_IDLE);
}

ee_object_t *ee_vm_pending(ee_vm_program_t *program, int64_t *out_deadline_ns) {
  const bool waiting = current_state(program) == EE_VM_WAITING;
  if (out_deadline_ns) *out_deadline_ns = waiting ? program->pending_deadline_ns : INT64_MAX;
  return waiting ? program->pending : NULL;
}

eerie_status_t ee_vm_invoke_blocking(ee_vm_program_t *program, ee_vm_function_t function,
                                     eerie_error_t *err) {
  ee_vm_value_t none = {.i64 = 0}; // the function has neither arguments nor results
  eerie_status_t status = ee_vm_invoke(program, function, &none, &none, err);
  while (status == EERIE_DEFERRED) {
    if (program->pending) {
      status = program->wait ? program->wait(program->wait_user, program->pending,
                                             program->pending_deadline_ns, err)
                             : EE_FAIL(err, EERIE_FAILED_PRECONDITION,
                                       "must wait for a %s, and the program has no way to",
                                       program->pending->type->name);
      if (status != EERIE_OK) {
        ee_vm_cancel(program);
        return status;
      }
    }
    status = ee_vm_resume(program, &none, err);
  }
  return status;
}
