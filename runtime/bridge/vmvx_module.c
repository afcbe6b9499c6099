// vmvx_module.c: the table of the `vmvx` module, ranges, and the functions that go over matrices
// element by element.
#include "bridge/vmvx.h"

#include "port/math.h"

// ---- Ranges ------------------------------------------------------------------------------------

// Number of elements from the first of the buffer to behind the last of the matrix.
static bool matrix_end(uint64_t offset, uint64_t row_stride, uint64_t column_stride, uint64_t rows,
                       uint64_t columns, uint64_t *out_end) {
  uint64_t down, across;
  return ee_mul_u64(rows - 1, row_stride, &down) &&
         ee_mul_u64(columns - 1, column_stride, &across) && ee_add_u64(down, across, out_end) &&
         ee_add_u64(*out_end, offset, out_end) && ee_add_u64(*out_end, 1, out_end);
}

eerie_status_t ee_vmvx_matrix_strided(ee_vm_call_t *call, uint32_t slot, bool write,
                                      size_t element_size, uint64_t row_stride,
                                      uint64_t column_stride, uint64_t rows, uint64_t columns,
                                      ee_vmvx_matrix_t *out_matrix) {
  const ee_vm_buffer_t *buffer = ee_vm_buffer_cast(call->arguments[slot].ref);
  if (!buffer) {
    return EE_FAIL(call->err, EERIE_INVALID_ARGUMENT, "argument slot %u must be a vm.buffer", slot);
  }
  if (write && !buffer->writable) {
    return EE_FAIL(call->err, EERIE_PERMISSION_DENIED, "write to a read-only buffer of %zu bytes",
                   buffer->size);
  }
  *out_matrix = (ee_vmvx_matrix_t){0};
  if (rows == 0 || columns == 0) return EERIE_OK;
  const uint64_t offset = (uint64_t)call->arguments[slot + 1].i64;
  const uint64_t length = buffer->size / element_size;
  uint64_t end, count;
  if (!matrix_end(offset, row_stride, column_stride, rows, columns, &end) || end > length ||
      (write && (!ee_mul_u64(rows, columns, &count) || count > length))) {
    return EE_FAIL(
        call->err, EERIE_OUT_OF_RANGE,
        "%lld x %lld elements of %zu bytes at %lld with strides %lld and %lld do not lie "
        "in a buffer of %zu bytes",
        (long long)rows, (long long)columns, element_size, (long long)offset, (long long)row_stride,
        (long long)column_stride, buffer->size);
  }
  // A stride that is never taken may be anything.
  *out_matrix = (ee_vmvx_matrix_t){
      .data = buffer->data + (size_t)offset * element_size,
      .row_step = rows > 1 ? (size_t)row_stride * element_size : 0,
      .column_step = columns > 1 ? (size_t)column_stride * element_size : 0,
      .rows = (size_t)rows,
      .columns = (size_t)columns,
  };
  return EERIE_OK;
}

eerie_status_t ee_vmvx_matrix(ee_vm_call_t *call, uint32_t slot, bool write, size_t element_size,
                              uint64_t rows, uint64_t columns, ee_vmvx_matrix_t *out_matrix) {
  return ee_vmvx_matrix_strided(call, slot, write, element_size,
                                (uint64_t)call->arguments[slot + 2].i64,
                                (uint64_t)call->arguments[slot + 3].i64, rows, columns, out_matrix);
}

// ---- Rows --------------------------------------------------------------------------------------

// One row of a matrix that has rows.
typedef struct row {
  uint8_t *data;
  size_t step;
} row_t;

static row_t row_of(const ee_vmvx_matrix_t *matrix, size_t i) {
  return (row_t){matrix->data + i * matrix->row_step, matrix->column_step};
}

// Does `count` elements; false: an element has no result. Elements may lie at any address.
typedef bool (*row_function_t)(row_t out, row_t left, row_t right, size_t count);

// Function name, type of the elements, when there is a result, and the result. `a` and `b` are the
// operands, `r` may be set by the condition.
#define BINARY_FUNCTIONS(X)                                                                        \
  X(add_f32, float, true, a + b)                                                                   \
  X(add_i32, uint32_t, true, a + b)                                                                \
  X(and_i32, uint32_t, true, a &b)                                                                 \
  X(div_f32, float, true, a / b)                                                                   \
  X(divs_i32, int32_t, b != 0 && !(b == -1 && a == INT32_MIN), a / b)                              \
  X(divu_i32, uint32_t, b != 0, a / b)                                                             \
  X(mul_f32, float, true, a *b)                                                                    \
  X(mul_i32, uint32_t, true, a *b)                                                                 \
  X(or_i32, uint32_t, true, a | b)                                                                 \
  X(shl_i32, uint32_t, true, a << (b & 31u))                                                       \
  X(shrs_i32, int32_t, true, a >> (b & 31))                                                        \
  X(shru_i32, uint32_t, true, a >> (b & 31u))                                                      \
  X(sub_f32, float, true, a - b)                                                                   \
  X(sub_i32, uint32_t, true, a - b)                                                                \
  X(xor_i32, uint32_t, true, a ^ b)

#define UNARY_FUNCTIONS(X)                                                                         \
  X(abs_f32, uint32_t, true, a & 0x7FFFFFFFu)                                                      \
  X(ceil_f32, float, ee_port_math_f32(EE_MATH_CEIL, a, 0, 0, &r), r)                               \
  X(ctlz_i32, uint32_t, true, a ? (uint32_t)__builtin_clz(a) : 32u)                                \
  X(exp_f32, float, ee_port_math_f32(EE_MATH_EXP, a, 0, 0, &r), r)                                 \
  X(floor_f32, float, ee_port_math_f32(EE_MATH_FLOOR, a, 0, 0, &r), r)                             \
  X(log_f32, float, ee_port_math_f32(EE_MATH_LOG, a, 0, 0, &r), r)                                 \
  X(neg_f32, uint32_t, true, a ^ 0x80000000u)                                                      \
  X(rsqrt_f32, float, ee_port_math_f32(EE_MATH_SQRT, a, 0, 0, &r), 1.0f / r)

#define DEFINE_BINARY_ROW(name, type, condition, result)                                           \
  static bool row_##name(row_t out, row_t left, row_t right, size_t count) {                       \
    for (size_t i = 0; i < count; ++i) {                                                           \
      type a, b;                                                                                   \
      memcpy(&a, left.data + i * left.step, sizeof a);                                             \
      memcpy(&b, right.data + i * right.step, sizeof b);                                           \
      if (!(condition)) return false;                                                              \
      const type value = (result);                                                                 \
      memcpy(out.data + i * out.step, &value, sizeof value);                                       \
    }                                                                                              \
    return true;                                                                                   \
  }
#define DEFINE_UNARY_ROW(name, type, condition, result)                                            \
  static bool row_##name(row_t out, row_t in, row_t none, size_t count) {                          \
    (void)none;                                                                                    \
    for (size_t i = 0; i < count; ++i) {                                                           \
      type a, r = 0;                                                                               \
      memcpy(&a, in.data + i * in.step, sizeof a);                                                 \
      if (!(condition)) return false;                                                              \
      const type value = (result);                                                                 \
      (void)r;                                                                                     \
      memcpy(out.data + i * out.step, &value, sizeof value);                                       \
    }                                                                                              \
    return true;                                                                                   \
  }
BINARY_FUNCTIONS(DEFINE_BINARY_ROW)
UNARY_FUNCTIONS(DEFINE_UNARY_ROW)

// ---- Element-wise functions --------------------------------------------------------------------

static EE_COLD eerie_status_t no_result(ee_vm_call_t *call, bool unary, size_t row) {
  (void)row; // unused in builds without texts
  if (unary) {
    return EE_FAIL(call->err, EERIE_UNIMPLEMENTED, "this build has no such function of floats");
  }
  return EE_FAIL(call->err, EERIE_INVALID_ARGUMENT,
                 "division by zero, or of the least integer by -1, in row %zu", row);
}

// `inputs` of 1 or 2 matrices, then the result's, then rows and columns.
static eerie_status_t elementwise(ee_vm_call_t *call, uint32_t inputs, row_function_t function) {
  const uint32_t sizes = (inputs + 1) * 4;
  const uint64_t rows = (uint64_t)call->arguments[sizes].i64;
  const uint64_t columns = (uint64_t)call->arguments[sizes + 1].i64;
  ee_vmvx_matrix_t matrices[3];
  for (uint32_t i = 0; i <= inputs; ++i) {
    EE_TRY(ee_vmvx_matrix(call, i * 4, i == inputs, sizeof(uint32_t), rows, columns, &matrices[i]));
  }
  const ee_vmvx_matrix_t *out = &matrices[inputs];
  for (size_t i = 0; i < out->rows; ++i) {
    if (!function(row_of(out, i), row_of(&matrices[0], i), row_of(&matrices[inputs - 1], i),
                  out->columns)) {
      return no_result(call, inputs == 1, i);
    }
  }
  return EERIE_OK;
}

#define DEFINE_BINARY(name, type, condition, result)                                               \
  static eerie_status_t vmvx_##name(ee_vm_call_t *call) {                                          \
    return elementwise(call, 2, row_##name);                                                       \
  }
#define DEFINE_UNARY(name, type, condition, result)                                                \
  static eerie_status_t vmvx_##name(ee_vm_call_t *call) {                                          \
    return elementwise(call, 1, row_##name);                                                       \
  }
BINARY_FUNCTIONS(DEFINE_BINARY)
UNARY_FUNCTIONS(DEFINE_UNARY)

// ---- Copies and fills --------------------------------------------------------------------------

static eerie_status_t copy_2d(ee_vm_call_t *call, size_t element_size) {
  const uint64_t rows = (uint64_t)call->arguments[8].i64;
  const uint64_t columns = (uint64_t)call->arguments[9].i64;
  ee_vmvx_matrix_t in, out;
  EE_TRY(ee_vmvx_matrix(call, 0, false, element_size, rows, columns, &in));
  EE_TRY(ee_vmvx_matrix(call, 4, true, element_size, rows, columns, &out));
  const bool dense = in.column_step == element_size && out.column_step == element_size;
  for (size_t i = 0; i < out.rows; ++i) {
    row_t from = row_of(&in, i), to = row_of(&out, i);
    if (dense) {
      memmove(to.data, from.data, out.columns * element_size);
      continue;
    }
    for (size_t j = 0; j < out.columns; ++j) {
      memmove(to.data + j * to.step, from.data + j * from.step, element_size);
    }
  }
  return EERIE_OK;
}

static eerie_status_t vmvx_copy_x8(ee_vm_call_t *call) {
  return copy_2d(call, 1);
}
static eerie_status_t vmvx_copy_x16(ee_vm_call_t *call) {
  return copy_2d(call, 2);
}
static eerie_status_t vmvx_copy_x32(ee_vm_call_t *call) {
  return copy_2d(call, 4);
}
static eerie_status_t vmvx_copy_x64(ee_vm_call_t *call) {
  return copy_2d(call, 8);
}

// value, buffer, offset, row stride, rows, columns
static eerie_status_t vmvx_fill_x32(ee_vm_call_t *call) {
  const ee_vm_value_t *a = call->arguments;
  ee_vmvx_matrix_t out;
  EE_TRY(ee_vmvx_matrix_strided(call, 1, true, sizeof(uint32_t), (uint64_t)a[3].i64, 1,
                                (uint64_t)a[4].i64, (uint64_t)a[5].i64, &out));
  for (size_t i = 0; i < out.rows; ++i) {
    uint8_t *to = row_of(&out, i).data;
    for (size_t j = 0; j < out.columns; ++j) {
      memcpy(to + j * sizeof(uint32_t), &a[0].i32, sizeof(uint32_t));
    }
  }
  return EERIE_OK;
}

// ---- The module --------------------------------------------------------------------------------

#define BINARY_SIGNATURE "0rIIIrIIIrIIIII_v"
#define UNARY_SIGNATURE  "0rIIIrIIIII_v"

static const ee_vm_native_function_t functions[] = {
    {"abs.2d.f32", UNARY_SIGNATURE, vmvx_abs_f32},
    {"add.2d.f32", BINARY_SIGNATURE, vmvx_add_f32},
    {"add.2d.i32", BINARY_SIGNATURE, vmvx_add_i32},
    {"and.2d.i32", BINARY_SIGNATURE, vmvx_and_i32},
    {"ceil.2d.f32", UNARY_SIGNATURE, vmvx_ceil_f32},
    {"copy.2d.x16", UNARY_SIGNATURE, vmvx_copy_x16},
    {"copy.2d.x32", UNARY_SIGNATURE, vmvx_copy_x32},
    {"copy.2d.x64", UNARY_SIGNATURE, vmvx_copy_x64},
    {"copy.2d.x8", UNARY_SIGNATURE, vmvx_copy_x8},
    {"ctlz.2d.i32", UNARY_SIGNATURE, vmvx_ctlz_i32},
    {"div.2d.f32", BINARY_SIGNATURE, vmvx_div_f32},
    {"divs.2d.i32", BINARY_SIGNATURE, vmvx_divs_i32},
    {"divu.2d.i32", BINARY_SIGNATURE, vmvx_divu_i32},
    {"exp.2d.f32", UNARY_SIGNATURE, vmvx_exp_f32},
    {"fill.2d.x32", "0irIIII_v", vmvx_fill_x32},
    {"floor.2d.f32", UNARY_SIGNATURE, vmvx_floor_f32},
    {"log.2d.f32", UNARY_SIGNATURE, vmvx_log_f32},
    {"mmt4d", "0rIIrIIrIIIIIiiii_v", ee_vmvx_mmt4d},
    {"mul.2d.f32", BINARY_SIGNATURE, vmvx_mul_f32},
    {"mul.2d.i32", BINARY_SIGNATURE, vmvx_mul_i32},
    {"neg.2d.f32", UNARY_SIGNATURE, vmvx_neg_f32},
    {"or.2d.i32", BINARY_SIGNATURE, vmvx_or_i32},
    {"pack", "0rIIIrIIIIIIIIIIi_v", ee_vmvx_pack},
    {"query_tile_sizes.2d", "0IIi_II", ee_vmvx_query_tile_sizes},
    {"rsqrt.2d.f32", UNARY_SIGNATURE, vmvx_rsqrt_f32},
    {"shl.2d.i32", BINARY_SIGNATURE, vmvx_shl_i32},
    {"shrs.2d.i32", BINARY_SIGNATURE, vmvx_shrs_i32},
    {"shru.2d.i32", BINARY_SIGNATURE, vmvx_shru_i32},
    {"sub.2d.f32", BINARY_SIGNATURE, vmvx_sub_f32},
    {"sub.2d.i32", BINARY_SIGNATURE, vmvx_sub_i32},
    {"unpack", "0rIIIrIIIIIIIIIi_v", ee_vmvx_unpack},
    {"xor.2d.i32", BINARY_SIGNATURE, vmvx_xor_i32},
};

static eerie_status_t state_create(void *user, ee_heap_t *heap, void **out_state,
                                   eerie_error_t *err) {
  (void)heap, (void)err;
  const ee_bridge_hal_options_t *options = user;
  uintptr_t fused = 0;
  int64_t has = 0;
  if (options && options->device_count != 0) {
    ee_hal_device_t *device = options->devices[0];
    if (ee_hal_device_query(device, EE_STR("hal.cpu"), EE_STR("fma"), &has) && has) {
      fused |= EE_VMVX_FUSED_8;
    }
    if (ee_hal_device_query(device, EE_STR("hal.cpu"), EE_STR("avx512f"), &has) && has) {
      fused |= EE_VMVX_FUSED_16;
    }
  }
  *out_state = (void *)fused;
  return EERIE_OK;
}

const ee_vm_native_module_t ee_bridge_vmvx_module = {
    .name = "vmvx",
    .functions = functions,
    .function_count = sizeof functions / sizeof functions[0],
    .create_state = state_create,
};
