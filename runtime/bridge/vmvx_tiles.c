// vmvx_tiles.c: products of tiled matrices, and the ways into tiles and out of them.
//
// A tiled matrix has four dimensions, tiles first, all dense but the first:
//   [row of tiles][column of tiles][row in the tile][column in the tile]
#include "bridge/vmvx.h"

#include "port/math.h"

// Types of elements, the lowest byte of the flags.
#define MMT4D_F32F32F32  1u
#define MMT4D_I8I8I32    2u
#define MMT4D_ACCUMULATE 0x100u

#define PACK_F32             1u
#define PACK_I8              2u
#define PACK_I32             3u
#define PACK_TRANSPOSE_INNER 0x100u
#define PACK_TRANSPOSE_OUTER 0x200u

#define QUERY_LHS        1u
#define QUERY_RHS        2u
#define QUERY_RESULT     3u
#define QUERY_F32F32F32  1u // second byte
#define QUERY_OPERATIONS 6u

static EE_COLD eerie_status_t unknown_flags(ee_vm_call_t *call, uint32_t flags) {
  (void)flags; // unused in builds without texts
  return EE_FAIL(call->err, EERIE_INVALID_ARGUMENT, "flags 0x%x, which mean nothing", flags);
}

// ---- Products ----------------------------------------------------------------------------------

typedef struct tiles {
  size_t k;          // tiles to add up
  size_t m0, n0, k0; // rows of the left, rows of the right, columns of both
  bool accumulate;
  bool fused;
} tiles_t;

// One product of vectors: element i0 of the left panel by j0 of the right.
typedef void (*dot_t)(const tiles_t *tiles, const uint8_t *left, const uint8_t *right,
                      uint8_t *out);

static void dot_f32(const tiles_t *tiles, const uint8_t *left, const uint8_t *right, uint8_t *out) {
  float sum = 0.0f;
  if (tiles->accumulate) memcpy(&sum, out, sizeof sum);
  const size_t left_step = tiles->m0 * tiles->k0 * sizeof(float);
  const size_t right_step = tiles->n0 * tiles->k0 * sizeof(float);
  for (size_t k = 0; k < tiles->k; ++k, left += left_step, right += right_step) {
    for (size_t i = 0; i < tiles->k0; ++i) {
      float a, b;
      memcpy(&a, left + i * sizeof a, sizeof a);
      memcpy(&b, right + i * sizeof b, sizeof b);
      if (!tiles->fused || !ee_port_math_f32(EE_MATH_FMA, a, b, sum, &sum)) {
        const float product = a * b; // a statement of its own, so that no compiler fuses it
        sum += product;
      }
    }
  }
  memcpy(out, &sum, sizeof sum);
}

static void dot_i8(const tiles_t *tiles, const uint8_t *left, const uint8_t *right, uint8_t *out) {
  uint32_t sum = 0; // wraps
  if (tiles->accumulate) memcpy(&sum, out, sizeof sum);
  const size_t left_step = tiles->m0 * tiles->k0, right_step = tiles->n0 * tiles->k0;
  for (size_t k = 0; k < tiles->k; ++k, left += left_step, right += right_step) {
    for (size_t i = 0; i < tiles->k0; ++i) {
      sum += (uint32_t)((int8_t)left[i] * (int8_t)right[i]);
    }
  }
  memcpy(out, &sum, sizeof sum);
}

// Whether the reference runtime adds up these tiles with one rounding for each product. It has
// vector code for tiles of one column, 8 or 16 wide; all others it compiles for the least CPU of
// the architecture.
static bool is_fused(const ee_vm_call_t *call, const tiles_t *tiles) {
#if defined(EE_MATH_FUSED_F32)
  (void)call, (void)tiles;
  return true;
#else
  const uintptr_t state = (uintptr_t)call->state;
  const bool wide = tiles->n0 == 16 && (state & EE_VMVX_FUSED_16);
  const bool narrow = tiles->n0 == 8 && (state & EE_VMVX_FUSED_8);
  return tiles->k0 == 1 && (wide || narrow) && tiles->m0 <= tiles->n0 &&
         (tiles->m0 & (tiles->m0 - 1)) == 0;
#endif
}

static void multiply(const tiles_t *tiles, dot_t dot, size_t element_size,
                     const ee_vmvx_matrix_t *left, const ee_vmvx_matrix_t *right,
                     const ee_vmvx_matrix_t *out) {
  const size_t vector = tiles->k0 * element_size;
  for (size_t i = 0; i < left->rows; ++i) {
    const uint8_t *left_panel = left->data ? left->data + i * left->row_step : NULL;
    uint8_t *to = out->data + i * out->row_step;
    for (size_t j = 0; j < right->rows; ++j) {
      const uint8_t *right_panel = right->data ? right->data + j * right->row_step : NULL;
      for (size_t i0 = 0; i0 < tiles->m0; ++i0) {
        for (size_t j0 = 0; j0 < tiles->n0; ++j0, to += sizeof(uint32_t)) {
          dot(tiles, left_panel ? left_panel + i0 * vector : NULL,
              right_panel ? right_panel + j0 * vector : NULL, to);
        }
      }
    }
  }
}

// (buffer, offset, row stride) of left, right and result, m, n, k, m0, n0, k0, flags
eerie_status_t ee_vmvx_mmt4d(ee_vm_call_t *call) {
  const ee_vm_value_t *a = call->arguments;
  const uint32_t flags = (uint32_t)a[15].i32;
  const bool is_float = (flags & 0xFFu) == MMT4D_F32F32F32;
  if (!is_float && (flags & 0xFFu) != MMT4D_I8I8I32) return unknown_flags(call, flags);
  const size_t element_size = is_float ? sizeof(float) : 1;
  const uint64_t m = (uint64_t)a[9].i64, n = (uint64_t)a[10].i64, k = (uint64_t)a[11].i64;
  // Negative sizes become large ones, which fit in no buffer.
  const uint64_t m0 = (uint32_t)a[12].i32, n0 = (uint32_t)a[13].i32, k0 = (uint32_t)a[14].i32;
  uint64_t left_width, right_width, out_width;
  if (!ee_mul_u64(m0 * k0, k, &left_width) || !ee_mul_u64(n0 * k0, k, &right_width) ||
      !ee_mul_u64(m0 * n0, n, &out_width)) {
    return EE_FAIL(call->err, EERIE_OUT_OF_RANGE,
                   "product of %lld x %lld x %lld tiles of %d x %d x %d", (long long)m,
                   (long long)n, (long long)k, a[12].i32, a[13].i32, a[14].i32);
  }
  ee_vmvx_matrix_t left, right, out;
  EE_TRY(ee_vmvx_matrix_strided(call, 0, false, element_size, (uint64_t)a[2].i64, 1, m, left_width,
                                &left));
  EE_TRY(ee_vmvx_matrix_strided(call, 3, false, element_size, (uint64_t)a[5].i64, 1, n, right_width,
                                &right));
  EE_TRY(ee_vmvx_matrix_strided(call, 6, true, sizeof(uint32_t), (uint64_t)a[8].i64, 1, m,
                                out_width, &out));
  if (!out.data) return EERIE_OK;
  // Without columns the panels have no bytes, yet the result has elements to set.
  left.rows = (size_t)m;
  right.rows = (size_t)n;
  tiles_t tiles = {
      .k = left.data ? (size_t)k : 0,
      .m0 = (size_t)m0,
      .n0 = (size_t)n0,
      .k0 = (size_t)k0,
      .accumulate = flags & MMT4D_ACCUMULATE,
  };
  tiles.fused = is_float && is_fused(call, &tiles);
  multiply(&tiles, is_float ? dot_f32 : dot_i8, element_size, &left, &right, &out);
  return EERIE_OK;
}

// ---- Into tiles and out of them ----------------------------------------------------------------

// Where an element of the plain matrix stands in the tiled one.
typedef struct layout {
  size_t tile_rows, tile_columns; // as the plain matrix sees a tile
  size_t rows, columns;           // of the plain matrix that all tiles cover
  size_t outer_row_step, outer_column_step, inner_row_step, inner_column_step; // bytes
} layout_t;

// The four sizes stand in `slot`; false when they multiply to too much.
static bool layout_of(const ee_vm_call_t *call, uint32_t slot, uint32_t flags, size_t element_size,
                      size_t row_step, layout_t *out_layout) {
  const uint64_t size0 = (uint64_t)call->arguments[slot].i64;
  const uint64_t size1 = (uint64_t)call->arguments[slot + 1].i64;
  const uint64_t size2 = (uint64_t)call->arguments[slot + 2].i64;
  const uint64_t size3 = (uint64_t)call->arguments[slot + 3].i64;
  const bool inner = flags & PACK_TRANSPOSE_INNER, outer = flags & PACK_TRANSPOSE_OUTER;
  const uint64_t tile_rows = inner ? size3 : size2, tile_columns = inner ? size2 : size3;
  uint64_t rows, columns;
  if (!ee_mul_u64(outer ? size1 : size0, tile_rows, &rows) ||
      !ee_mul_u64(outer ? size0 : size1, tile_columns, &columns) || rows > SIZE_MAX ||
      columns > SIZE_MAX) {
    return false;
  }
  // Of sizes that do not fit in a size_t nothing is left after the check of the ranges.
  const size_t tile_step = (size_t)(size2 * size3) * element_size;
  const size_t line_step = (size_t)size3 * element_size;
  *out_layout = (layout_t){
      .tile_rows = (size_t)tile_rows,
      .tile_columns = (size_t)tile_columns,
      .rows = (size_t)rows,
      .columns = (size_t)columns,
      .outer_row_step = outer ? tile_step : row_step,
      .outer_column_step = outer ? row_step : tile_step,
      .inner_row_step = inner ? element_size : line_step,
      .inner_column_step = inner ? line_step : element_size,
  };
  return true;
}

static size_t place_of(const layout_t *layout, size_t row, size_t column) {
  return row / layout->tile_rows * layout->outer_row_step +
         row % layout->tile_rows * layout->inner_row_step +
         column / layout->tile_columns * layout->outer_column_step +
         column % layout->tile_columns * layout->inner_column_step;
}

// The tiled matrix of `slot`, whose sizes stand in `sizes`.
static eerie_status_t tiled_matrix(ee_vm_call_t *call, uint32_t slot, uint32_t sizes, bool write,
                                   uint32_t flags, size_t element_size,
                                   ee_vmvx_matrix_t *out_matrix, layout_t *out_layout) {
  const ee_vm_value_t *size = &call->arguments[sizes];
  uint64_t width;
  if (!ee_mul_u64((uint64_t)size[1].i64, (uint64_t)size[2].i64, &width) ||
      !ee_mul_u64(width, (uint64_t)size[3].i64, &width)) {
    width = UINT64_MAX; // fits in no buffer
  }
  EE_TRY(ee_vmvx_matrix_strided(call, slot, write, element_size,
                                (uint64_t)call->arguments[slot + 2].i64, 1, (uint64_t)size[0].i64,
                                width, out_matrix));
  if (!out_matrix->data) *out_layout = (layout_t){0};
  if (out_matrix->data &&
      !layout_of(call, sizes, flags, element_size, out_matrix->row_step, out_layout)) {
    return EE_FAIL(call->err, EERIE_OUT_OF_RANGE, "tiles of %lld x %lld in a matrix of %lld x %lld",
                   (long long)size[2].i64, (long long)size[3].i64, (long long)size[0].i64,
                   (long long)size[1].i64);
  }
  return EERIE_OK;
}

// in, offset, strides, out, offset, strides, in sizes, out sizes (4), padding, flags
eerie_status_t ee_vmvx_pack(ee_vm_call_t *call) {
  const ee_vm_value_t *a = call->arguments;
  const uint32_t flags = (uint32_t)a[15].i32, type = flags & 0xFFu;
  if (type < PACK_F32 || type > PACK_I32) return unknown_flags(call, flags);
  const size_t element_size = type == PACK_I8 ? 1 : sizeof(uint32_t);
  ee_vmvx_matrix_t in, out;
  layout_t layout;
  EE_TRY(ee_vmvx_matrix(call, 0, false, element_size, (uint64_t)a[8].i64, (uint64_t)a[9].i64, &in));
  EE_TRY(tiled_matrix(call, 4, 10, true, flags, element_size, &out, &layout));
  for (size_t i = 0; i < layout.rows; ++i) {
    for (size_t j = 0; j < layout.columns; ++j) {
      const void *from = i < in.rows && j < in.columns
                             ? (const void *)(in.data + i * in.row_step + j * in.column_step)
                             : &a[14].i64;
      memmove(out.data + place_of(&layout, i, j), from, element_size);
    }
  }
  return EERIE_OK;
}

// in, offset, strides, out, offset, strides, in sizes (4), out sizes, flags
eerie_status_t ee_vmvx_unpack(ee_vm_call_t *call) {
  const ee_vm_value_t *a = call->arguments;
  const uint32_t flags = (uint32_t)a[14].i32, type = flags & 0xFFu;
  if (type != PACK_F32 && type != PACK_I32) return unknown_flags(call, flags);
  const size_t element_size = sizeof(uint32_t);
  ee_vmvx_matrix_t in, out;
  layout_t layout;
  EE_TRY(tiled_matrix(call, 0, 8, false, flags, element_size, &in, &layout));
  EE_TRY(
      ee_vmvx_matrix(call, 4, true, element_size, (uint64_t)a[12].i64, (uint64_t)a[13].i64, &out));
  if (out.rows > layout.rows || out.columns > layout.columns) {
    return EE_FAIL(call->err, EERIE_OUT_OF_RANGE,
                   "%zu x %zu elements from tiles that cover %zu x %zu", out.rows, out.columns,
                   layout.rows, layout.columns);
  }
  for (size_t i = 0; i < out.rows; ++i) {
    for (size_t j = 0; j < out.columns; ++j) {
      memmove(out.data + i * out.row_step + j * out.column_step, in.data + place_of(&layout, i, j),
              element_size);
    }
  }
  return EERIE_OK;
}

// size, size, flags -> tile sizes of one operand of a product. Floats come out the same for any
// width; columns are taken one by one, as the reference runtime does on x86-64.
eerie_status_t ee_vmvx_query_tile_sizes(ee_vm_call_t *call) {
  const uint32_t flags = (uint32_t)call->arguments[2].i32;
  const uint32_t role = flags & 0xFFu, operation = flags >> 8 & 0xFFu;
  if (role < QUERY_LHS || role > QUERY_RESULT || operation == 0 || operation > QUERY_OPERATIONS) {
    return unknown_flags(call, flags);
  }
  const int64_t depth = operation == QUERY_F32F32F32 ? 1 : 4;
  call->results[0].i64 = 8;
  call->results[1].i64 = role == QUERY_RESULT ? 8 : depth;
  return EERIE_OK;
}
