// instructions.h: what some instructions do, for all that executes them: interpreter.c in place,
// decoded_run.c in a form made for loops.
#ifndef EE_VM_INSTRUCTIONS_H_
#define EE_VM_INSTRUCTIONS_H_

// Whether each case jumps to the next one by itself: for speed, where the compiler can.
#if defined(__GNUC__) && !defined(__OPTIMIZE_SIZE__)
#define THREADED 1
#define SHARED   inline __attribute__((always_inline)) // in each case that uses it
#else
#define THREADED 0
#define SHARED   // once
#endif

#include "vm/integers.h"
#include "vm/internal.h"

// Copies registers as a branch says. The list is ordered so that no source is overwritten before
// it is read (the compiler's register allocation breaks cycles).
static SHARED void remap_registers(const uint8_t *list, uint32_t *regs, ee_object_t **refs) {
  const uint8_t *end = list + 2 + 4u * ee_load_u16(list);
  for (list += 2; list != end; list += 4) {
#if THREADED
    // The two halves of a 64-bit value go as one: a processor stalls where it reads at once what
    // was just written in two pieces. At even numbers no target is the other's source.
    const uint32_t pair = ee_load_u32(list);
    if (!(pair & (EE_REGISTER_REF_BIT | EE_REGISTER_REF_BIT << 16 | 0x00010001u)) &&
        end - list >= 8 && ee_load_u32(list + 4) == pair + 0x00010001u) {
      ee_vm_store64(regs + (pair >> 16), ee_vm_load64(regs + (pair & 0xFFFFu)));
      list += 4;
      continue;
    }
#endif
    const uint32_t source = ee_load_u16(list);
    const uint32_t target = ee_load_u16(list + 2);
    if (source & EE_REGISTER_REF_BIT) {
      ee_vm_put_ref(refs, target, ee_vm_take_ref(refs, source));
    } else {
      regs[target] = regs[source];
    }
  }
}

// How an instruction reaches a buffer's element: binary logarithm of its size, and whether it
// writes.
#define ELEMENT_WRITE 4u

static SHARED uint8_t *find_element(const ee_vm_buffer_t *buffer, uint64_t index, unsigned access) {
  const unsigned shift = access & ~ELEMENT_WRITE;
  if (EE_UNLIKELY(!buffer || index >= buffer->size >> shift ||
                  ((access & ELEMENT_WRITE) && !buffer->writable)))
    return NULL;
  return buffer->data + ((size_t)index << shift);
}

#endif // EE_VM_INSTRUCTIONS_H_
