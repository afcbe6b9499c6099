// decode.h: what the files that decode loops share.
//
//   loops.c           counts turns, finds the code and keeps it
//   decode.c          makes the code, instruction by instruction
//   decode_improve.c  takes out what nobody asks for
#ifndef EE_VM_DECODE_H_
#define EE_VM_DECODE_H_

#include "vm/decoded.h"

// In an offset of a decoder, and in an entry.
#define EE_VM_BEGINS_BLOCK   0x80000000u
#define EE_VM_LEAVES_AT_ONCE 0x80000000u

// A place where the interpreter may come in: a block of the function.
typedef struct ee_vm_entry {
  uint32_t offset; // of the first instruction in the bytecode
  uint32_t op;     // with LEAVES_AT_ONCE where that is all it does
} ee_vm_entry_t;

typedef struct ee_vm_code {
  struct ee_vm_code *next;
  size_t size; // of this block, which holds all below
  ee_vm_decoded_t *ops;
  uint32_t *offsets;      // of each: where the interpreter goes on when left there
  ee_vm_entry_t *entries; // by offset
  uint32_t entry_count;
} ee_vm_code_t;

// A way on that is to be decoded: a target and its list of moves at `at` (NULL: the first block),
// taken by `op`.
typedef struct ee_vm_edge {
  const uint8_t *at;
  uint32_t op;
  bool other;
} ee_vm_edge_t;

typedef struct ee_vm_decoder {
  const uint8_t *code; // of the function
  ee_vm_decoded_t *ops;
  uint32_t *offsets;
  ee_vm_entry_t *entries;
  ee_vm_edge_t *edges; // to be followed
  uint32_t op_count;
  uint32_t entry_count;
  uint32_t edge_count;
  uint32_t op_max;
  uint32_t entry_max;
  uint32_t edge_max;
  bool begins_block; // the next instruction does
  bool full;
} ee_vm_decoder_t;

// What an instruction reads and writes.
enum { EE_VM_SHAPE_LOAD = 1, EE_VM_SHAPE_STORE = 2 };
typedef struct ee_vm_shape {
  uint8_t count; // of registers; 0: not known
  uint8_t wide;  // bit i: register i has 64 bits
  uint8_t operands;
} ee_vm_shape_t;
extern const ee_vm_shape_t ee_vm_shapes[EE_DECODED_KINDS];

// Index of the first entry whose offset is not below.
static inline uint32_t ee_vm_find_entry(const ee_vm_entry_t *entries, uint32_t count,
                                        uint32_t offset) {
  uint32_t low = 0;
  while (low != count) {
    const uint32_t middle = low + (count - low) / 2;
    if (entries[middle].offset < offset) {
      low = middle + 1;
    } else {
      count = middle;
    }
  }
  return low;
}

// Lists are aligned to 2 bytes from the start of the function.
static inline const uint8_t *ee_vm_list_at(const ee_vm_decoder_t *d, const uint8_t *pc) {
  return pc + ((uintptr_t)(pc - d->code) & 1u);
}

// The instruction that a target not settled yet means.
static inline uint32_t ee_vm_op_at(const ee_vm_decoder_t *d, int32_t target) {
  if (target < 0) return (uint32_t)(-target - 1);
  return d->entries[ee_vm_find_entry(d->entries, d->entry_count, (uint32_t)target)].op;
}

// Code from the block at `offset` on. NULL: no memory, or more than the bounds of decode.c allow.
ee_vm_code_t *ee_vm_decode(ee_heap_t *heap, const ee_module_function_t *function, uint32_t offset);
// Once all is decoded and before targets are settled.
void ee_vm_improve(ee_vm_decoder_t *d);

#endif // EE_VM_DECODE_H_
