// Declarations as compiler 3.13.0 writes them, and as nobody should: what the public types say.
#include "unit/check.h"

#include "api/api.h"

#include <stdlib.h>

static void *system_reallocate(void *user, void *pointer, size_t old_size, size_t new_size) {
  (void)user;
  (void)old_size;
  if (new_size) return realloc(pointer, new_size);
  free(pointer);
  return NULL;
}

static ee_heap_t heap;

// Describes one function whose module carries just this declaration and model.
static eerie_function_t describe(const char *convention, const char *declaration,
                                 const char *model) {
  static ee_attribute_t attributes[2];
  static ee_module_function_t body;
  static ee_module_t module;
  static eerie_program_t program;
  if (!heap.allocator.reallocate) {
    ee_heap_initialize(&heap, (eerie_allocator_t){.reallocate = system_reallocate}, 0);
  }
  attributes[0] = (ee_attribute_t){EE_STR("iree.abi.declaration"), ee_str_from(declaration)};
  attributes[1] = (ee_attribute_t){EE_STR("iree.abi.model"), ee_str_from(model)};
  body = (ee_module_function_t){.attribute_count = 2};
  CHECK(ee_signature_parse(ee_str_from(convention), &body.signature));
  module = (ee_module_t){
      .attributes = attributes, .attribute_count = 2, .functions = &body, .function_count = 1};
  eerie_function_t function = {.program = &program, .name = "f"};
  CHECK_OK(ee_api_function_describe(&heap, &module, &body, &function, NULL));
  return function;
}

static void names_dtypes_and_shapes(void) {
  eerie_function_t f =
      describe("0rirr_rI",
               "sync func @f(%image: tensor<?x4xf32>, %input1: i32, %input2: !util.buffer, "
               "%input3: !util.list<?>) -> (%output0: tensor<?x4xf32>, %output1: i64)",
               "");
  REQUIRE(f.input_count == 4 && f.output_count == 2);
  CHECK(!f.is_async);
  CHECK_STR(f.inputs[0].name, "image");
  CHECK_STR(f.inputs[0].text, "tensor<?x4xf32>");
  CHECK_EQ_INT(f.inputs[0].kind, EERIE_KIND_TENSOR);
  CHECK_EQ_INT(f.inputs[0].dtype, EERIE_F32);
  CHECK_EQ_INT(f.inputs[0].rank, 2);
  CHECK_EQ_INT(f.inputs[0].shape[0], -1);
  CHECK_EQ_INT(f.inputs[0].shape[1], 4);
  CHECK_EQ_INT(f.inputs[1].kind, EERIE_KIND_I32);
  CHECK_EQ_INT(f.inputs[2].kind, EERIE_KIND_BUFFER);
  CHECK_EQ_INT(f.inputs[3].kind, EERIE_KIND_LIST);
  CHECK_EQ_INT(f.outputs[0].kind, EERIE_KIND_TENSOR);
  CHECK_EQ_INT(f.outputs[1].kind, EERIE_KIND_I64);
  CHECK_STR(f.outputs[1].name, "output1");
  ee_api_function_forget(&heap, &f);
}

// Functions in C may leave open what a tensor is.
static void tensors_of_any_kind(void) {
  eerie_function_t f = describe("0rr_r", "(%x: tensor, !hal.buffer_view) -> (tensor)", "");
  REQUIRE(f.input_count == 2 && f.output_count == 1);
  CHECK_STR(f.inputs[0].name, "x");
  CHECK_EQ_INT(f.inputs[0].kind, EERIE_KIND_TENSOR);
  CHECK_EQ_INT(f.inputs[0].dtype, EERIE_DTYPE_NONE);
  CHECK(f.inputs[0].rank == SIZE_MAX && f.inputs[1].rank == SIZE_MAX);
  CHECK_EQ_INT(f.inputs[1].kind, EERIE_KIND_TENSOR);
  CHECK_EQ_INT(f.outputs[0].kind, EERIE_KIND_TENSOR);
  ee_api_function_forget(&heap, &f);
}

static void rank_zero_complex_and_sub_byte(void) {
  eerie_function_t f =
      describe("0rrrr_r",
               "sync func @g(%input0: tensor<f64>, %input1: tensor<2x3xcomplex<f32>>, "
               "%input2: tensor<4xi1>, %input3: tensor<4xi4>) -> (%output0: tensor<0x7xbf16>)",
               "");
  REQUIRE(f.input_count == 4 && f.output_count == 1);
  CHECK_EQ_INT(f.inputs[0].rank, 0);
  CHECK_EQ_INT(f.inputs[0].dtype, EERIE_F64);
  CHECK_EQ_INT(f.inputs[1].dtype, EERIE_COMPLEX64);
  CHECK_EQ_INT(f.inputs[1].rank, 2);
  CHECK_EQ_INT(f.inputs[2].dtype, EERIE_BOOL);
  CHECK_EQ_INT(f.inputs[3].dtype, EERIE_I4);
  CHECK_EQ_INT(f.outputs[0].shape[0], 0);
  CHECK_EQ_INT(f.outputs[0].dtype, EERIE_BF16);
  ee_api_function_forget(&heap, &f);
}

static void attributes_behind_a_type_are_dropped(void) {
  eerie_function_t f =
      describe("0rr_r",
               "sync func @s(%input0: tensor<4xf32>, %input1: !hal.buffer {iree.abi.output = 0 : "
               "index, note = \"a, b) {\"}) -> (%output0: tensor<4xf32>)",
               "");
  REQUIRE(f.input_count == 2);
  CHECK_STR(f.inputs[1].text, "!hal.buffer");
  CHECK_EQ_INT(f.inputs[1].kind, EERIE_KIND_OTHER);
  CHECK_EQ_INT(f.outputs[0].kind, EERIE_KIND_TENSOR);
  ee_api_function_forget(&heap, &f);
}

static void coarse_fences_are_not_inputs(void) {
  eerie_function_t f =
      describe("0rrr_r", "async func @a(%input0: tensor<4xf32>) -> (%output0: tensor<4xf32>)",
               "coarse-fences");
  CHECK(f.is_async);
  CHECK_EQ_INT(f.input_count, 1);
  CHECK_EQ_INT(f.inputs[0].dtype, EERIE_F32);
  ee_api_function_forget(&heap, &f);
}

static void no_values_at_all(void) {
  eerie_function_t f = describe("0v_v", "sync func @none() -> ()", "");
  CHECK_EQ_INT(f.input_count, 0);
  CHECK_EQ_INT(f.output_count, 0);
  ee_api_function_forget(&heap, &f);
}

// A declaration is only text in a file: whatever it says, the letters hold.
static void odd_declarations_fall_back_to_letters(void) {
  static const char *const odd[] = {
      "",
      "(",
      "sync func @f",
      "sync func @f(",
      "sync func @f(%a: tensor<4xf32>",
      "sync func @f(%a: tensor<4xf32>) -> (",
      "sync func @f(%a: tensor<4xf32>, %b: i32) -> (%c: i32)",
      "sync func @f() -> ()",
      "sync func @f(%a: \"unclosed) -> (%c: i32)",
      "sync func @f(,) -> (,)",
      "sync func @f(%a: tensor<99999999999999999999999x4xf32>) -> (",
  };
  for (size_t i = 0; i < sizeof odd / sizeof *odd; ++i) {
    eerie_function_t f = describe("0r_i", odd[i], "");
    REQUIRE(f.input_count == 1 && f.output_count == 1);
    CHECK_EQ_INT(f.inputs[0].kind, EERIE_KIND_OTHER);
    CHECK_EQ_INT(f.outputs[0].kind, EERIE_KIND_I32);
    ee_api_function_forget(&heap, &f);
  }
}

static void dtype_names_round_trip(void) {
  static const struct {
    const char *name;
    eerie_dtype_t dtype;
    unsigned bits;
  } known[] = {
      {"bool", EERIE_BOOL, 8},  {"i4", EERIE_I4, 4},         {"i64", EERIE_I64, 64},
      {"si8", EERIE_S8, 8},     {"ui16", EERIE_U16, 16},     {"f16", EERIE_F16, 16},
      {"bf16", EERIE_BF16, 16}, {"f64", EERIE_F64, 64},      {"complex<f32>", EERIE_COMPLEX64, 64},
      {"f32", EERIE_F32, 32},   {"f8E5M2", EERIE_F8E5M2, 8},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; ++i) {
    CHECK_STR(eerie_dtype_name(known[i].dtype), known[i].name);
    CHECK_EQ_INT(eerie_dtype_parse(known[i].name, strlen(known[i].name)), known[i].dtype);
    CHECK_EQ_INT(eerie_dtype_bits(known[i].dtype), known[i].bits);
  }
  CHECK_EQ_INT(eerie_dtype_parse("i1", 2), EERIE_BOOL);
  CHECK_EQ_INT(eerie_dtype_parse("u8", 2), EERIE_U8);
  CHECK_EQ_INT(eerie_dtype_parse("f33", 3), EERIE_DTYPE_NONE);
  CHECK_EQ_INT(eerie_dtype_parse("", 0), EERIE_DTYPE_NONE);
  CHECK_STR(eerie_dtype_name((eerie_dtype_t)0x7f000003), "?");
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {
      RUN(names_dtypes_and_shapes),
      RUN(tensors_of_any_kind),
      RUN(rank_zero_complex_and_sub_byte),
      RUN(attributes_behind_a_type_are_dropped),
      RUN(coarse_fences_are_not_inputs),
      RUN(no_values_at_all),
      RUN(odd_declarations_fall_back_to_letters),
      RUN(dtype_names_round_trip),
  };
  return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
}
