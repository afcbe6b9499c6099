// vmvx.h: what the files of the `vmvx` module share.
//
//   vmvx_module.c   the table; element-wise functions, copies, fills   vmvx_tiles.c   mmt4d, pack,
//   ... vmvx_executable.c   executables of format "vmvx-bytecode-fb"
//
// The functions work on host bytes: offsets, strides and sizes count elements and come from the
// module, so each range is checked against its buffer before anything is touched. Semantics:
// compiler/Dialect/VMVX/vmvx.imports.mlir, and for flags builtins/ukernel/exported_bits.h, of IREE
// 3.13; the same in 3.11 and 3.12.
#ifndef EE_BRIDGE_VMVX_H_
#define EE_BRIDGE_VMVX_H_

#include "bridge/bridge.h"

// Bits of the module's state, which is no more than a number: how float products are added up where
// the reference runtime has vector code for the CPU.
#define EE_VMVX_FUSED_8  (1u << 0) // one rounding in tiles of width 8
#define EE_VMVX_FUSED_16 (1u << 1) // and of width 16

// A matrix in a buffer. Steps are in bytes.
typedef struct ee_vmvx_matrix {
  uint8_t *data; // of element [0][0]
  size_t row_step;
  size_t column_step;
  size_t rows;
  size_t columns;
} ee_vmvx_matrix_t;

// The matrix whose buffer, offset and strides stand in `slot` and the three after it.
// INVALID_ARGUMENT, OUT_OF_RANGE; PERMISSION_DENIED for `write` into constants. What is written has
// no more elements than its buffer, so that the work is bounded by what the module holds.
eerie_status_t ee_vmvx_matrix(ee_vm_call_t *call, uint32_t slot, bool write, size_t element_size,
                              uint64_t rows, uint64_t columns, ee_vmvx_matrix_t *out_matrix);
// The same with strides that do not stand there.
eerie_status_t ee_vmvx_matrix_strided(ee_vm_call_t *call, uint32_t slot, bool write,
                                      size_t element_size, uint64_t row_stride,
                                      uint64_t column_stride, uint64_t rows, uint64_t columns,
                                      ee_vmvx_matrix_t *out_matrix);

eerie_status_t ee_vmvx_mmt4d(ee_vm_call_t *call);
eerie_status_t ee_vmvx_pack(ee_vm_call_t *call);
eerie_status_t ee_vmvx_unpack(ee_vm_call_t *call);
eerie_status_t ee_vmvx_query_tile_sizes(ee_vm_call_t *call);

#endif // EE_BRIDGE_VMVX_H_
