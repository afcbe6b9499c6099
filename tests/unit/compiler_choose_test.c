// Flags by the model: what is counted in IR, and what is chosen for it.
#define _GNU_SOURCE

#include "unit/compiler_support.h"

static char chosen[4096]; // "flag\n" each

static void hear_choice(void *user, const char *flag, const char *reason) {
  (void)user;
  CHECK(reason && *reason);
  const size_t size = strlen(chosen);
  if (flag) snprintf(chosen + size, sizeof chosen - size, "%s\n", flag);
}

static eerie_compiler_facts_t choose(const char *source, eerie_compile_options_t options) {
  eerie_compiler_facts_t facts;
  eerie_error_t err = {0};
  chosen[0] = 0;
  options.source = source;
  options.source_size = strlen(source);
  if (!options.target) options.target = "host";
  CHECK_OK(eerie_compiler_choose_flags(compiler, &options, hear_choice, NULL, &facts, &err));
  return facts;
}

static const char product[] =
    "func.func @f(%a: tensor<64x128xf32>, %b: tensor<128x32xf32>) -> tensor<64x32xf32> {\n"
    "  %z = arith.constant 0.0 : f32\n"
    "  %e = tensor.empty() : tensor<64x32xf32>\n"
    "  %i = linalg.fill ins(%z : f32) outs(%e : tensor<64x32xf32>) -> tensor<64x32xf32>\n"
    "  %r = linalg.matmul ins(%a, %b : tensor<64x128xf32>, tensor<128x32xf32>)\n"
    "      outs(%i : tensor<64x32xf32>) -> tensor<64x32xf32>\n"
    "  return %r : tensor<64x32xf32>\n"
    "}\n";

static const char convolution[] =
    "func.func @f(%a: tensor<1x64x58x58xf32>, %w: tensor<96x64x3x3xf32>)\n"
    "    -> tensor<1x96x56x56xf32> {\n"
    "  %z = arith.constant 0.0 : f32\n"
    "  %e = tensor.empty() : tensor<1x96x56x56xf32>\n"
    "  %i = linalg.fill ins(%z : f32) outs(%e : tensor<1x96x56x56xf32>)\n"
    "      -> tensor<1x96x56x56xf32>\n"
    "  %r = linalg.conv_2d_nchw_fchw ins(%a, %w : tensor<1x64x58x58xf32>, tensor<96x64x3x3xf32>)\n"
    "      outs(%i : tensor<1x96x56x56xf32>) -> tensor<1x96x56x56xf32>\n"
    "  return %r : tensor<1x96x56x56xf32>\n"
    "}\n";

static void products_are_tiled(void) {
  const eerie_compiler_facts_t facts = choose(product, (eerie_compile_options_t){0});
  CHECK(facts.products == 1 && facts.convolutions == 0 && !facts.dynamic && !facts.fences);
  CHECK(facts.product_macs == 64.0 * 128 * 32);
  CHECK(facts.narrow_product_macs == 0);
  CHECK_CONTAINS(chosen, "--iree-global-opt-data-tiling\n");
  CHECK(!strstr(chosen, "inline")); // not asked for
}

static const char vector[] =
    "func.func @f(%a: tensor<1x128xf32>, %b: tensor<128x32xf32>) -> tensor<1x32xf32> {\n"
    "  %e = tensor.empty() : tensor<1x32xf32>\n"
    "  %r = linalg.matmul ins(%a, %b : tensor<1x128xf32>, tensor<128x32xf32>)\n"
    "      outs(%e : tensor<1x32xf32>) -> tensor<1x32xf32>\n"
    "  return %r : tensor<1x32xf32>\n"
    "}\n";

static void vectors_times_matrices_are_peeled(void) {
  static const char *const flags[] = {"--iree-llvmcpu-vector-pproc-strategy=none"};
  const eerie_compiler_facts_t facts =
      choose(vector, (eerie_compile_options_t){.target = "x86-64-v3"});
  CHECK(facts.narrow_product_macs == 128.0 * 32 && facts.narrow_batch_macs == 0);
  CHECK(strcmp(chosen, "--iree-llvmcpu-vector-pproc-strategy=peel\n") == 0);
  choose(vector, (eerie_compile_options_t){.target = "x86-64", .flags = flags, .flag_count = 1});
  CHECK(!*chosen);
  choose(vector, (eerie_compile_options_t){.target = "aarch64"});
  CHECK(!*chosen);
}

static void batches_of_vectors_are_tiled(void) {
  static const char batch[] =
      "func.func @f(%a: tensor<1x1x128xf32>, %b: tensor<1x128x32xf32>) -> tensor<1x1x32xf32> {\n"
      "  %e = tensor.empty() : tensor<1x1x32xf32>\n"
      "  %r = linalg.batch_matmul ins(%a, %b : tensor<1x1x128xf32>, tensor<1x128x32xf32>)\n"
      "      outs(%e : tensor<1x1x32xf32>) -> tensor<1x1x32xf32>\n"
      "  return %r : tensor<1x1x32xf32>\n"
      "}\n";
  const eerie_compiler_facts_t facts = choose(batch, (eerie_compile_options_t){0});
  CHECK(facts.narrow_batch_macs == 128.0 * 32);
  CHECK(strcmp(chosen, "--iree-opt-data-tiling\n") == 0);
}

// One target's tiles are not another's.
static void several_targets_pack_weights_later(void) {
  static const char *const targets[] = {"x86-64-v3", "aarch64"};
  choose(product, (eerie_compile_options_t){.targets = targets, .target_count = 2});
  CHECK(strcmp(chosen, "--iree-opt-data-tiling\n") == 0);
}

static void what_was_given_stays(void) {
  static const char *const flags[] = {"--iree-global-opt-data-tiling=false"};
  choose(product, (eerie_compile_options_t){.flags = flags, .flag_count = 1});
  CHECK(!*chosen);
}

static void convolutions_are_counted(void) {
  const eerie_compiler_facts_t facts = choose(convolution, (eerie_compile_options_t){0});
  CHECK(facts.convolutions == 1 && facts.products == 0 && facts.channels_first);
  CHECK(facts.convolution_macs == 96.0 * 56 * 56 * 64 * 9);
  CHECK(facts.pointwise_macs == 0);
  CHECK_CONTAINS(chosen, "channels-last");
}

static void convolutions_of_one_by_one_become_products(void) {
  static const char pointwise[] =
      "func.func @f(%a: tensor<1x256x56x56xf32>, %w: tensor<64x256x1x1xf32>)\n"
      "    -> tensor<1x64x56x56xf32> {\n"
      "  %z = arith.constant 0.0 : f32\n"
      "  %e = tensor.empty() : tensor<1x64x56x56xf32>\n"
      "  %i = linalg.fill ins(%z : f32) outs(%e : tensor<1x64x56x56xf32>)\n"
      "      -> tensor<1x64x56x56xf32>\n"
      "  %r = linalg.conv_2d_nchw_fchw ins(%a, %w : tensor<1x256x56x56xf32>, "
      "tensor<64x256x1x1xf32>)\n"
      "      outs(%i : tensor<1x64x56x56xf32>) -> tensor<1x64x56x56xf32>\n"
      "  return %r : tensor<1x64x56x56xf32>\n"
      "}\n";
  const eerie_compiler_facts_t facts = choose(pointwise, (eerie_compile_options_t){0});
  CHECK(facts.convolution_macs == 64.0 * 56 * 56 * 256);
  CHECK(facts.pointwise_macs == facts.convolution_macs);
  CHECK_CONTAINS(chosen, "im2col");
  CHECK_CONTAINS(chosen, "--iree-opt-const-expr-max-size-increase-threshold=131072\n");
  CHECK(!strstr(chosen, "channels-last"));
}

static void convolutions_of_bytes_stay(void) {
  static const char bytes[] =
      "func.func @f(%a: tensor<1x64x58x58xi8>, %w: tensor<64x64x3x3xi8>)\n"
      "    -> tensor<1x64x56x56xi32> {\n"
      "  %z = arith.constant 0 : i32\n"
      "  %e = tensor.empty() : tensor<1x64x56x56xi32>\n"
      "  %i = linalg.fill ins(%z : i32) outs(%e : tensor<1x64x56x56xi32>)\n"
      "      -> tensor<1x64x56x56xi32>\n"
      "  %r = linalg.conv_2d_nchw_fchw_q ins(%a, %w, %z, %z : tensor<1x64x58x58xi8>,\n"
      "      tensor<64x64x3x3xi8>, i32, i32) outs(%i : tensor<1x64x56x56xi32>)\n"
      "      -> tensor<1x64x56x56xi32>\n"
      "  return %r : tensor<1x64x56x56xi32>\n"
      "}\n";
  const eerie_compiler_facts_t facts = choose(bytes, (eerie_compile_options_t){0});
  CHECK(facts.convolutions == 1 && facts.int8_macs == facts.convolution_macs);
  CHECK(!*chosen);
}

static void small_models_run_inline_where_allowed(void) {
  choose(multiply_source, (eerie_compile_options_t){.device = "local-sync"});
  CHECK_CONTAINS(chosen, "--iree-execution-model=inline-dynamic\n");
  choose(multiply_source, (eerie_compile_options_t){.device = "local-task"});
  CHECK(!*chosen);
  choose(convolution, (eerie_compile_options_t){.device = "local-sync"});
  CHECK(!strstr(chosen, "inline"));
  static const char unknown[] = "func.func @f(%a: tensor<?xf32>) -> tensor<?xf32> {\n"
                                "  %0 = arith.mulf %a, %a : tensor<?xf32>\n"
                                "  return %0 : tensor<?xf32>\n"
                                "}\n";
  const eerie_compiler_facts_t facts =
      choose(unknown, (eerie_compile_options_t){.device = "local-sync"});
  CHECK(facts.dynamic);
  CHECK(!*chosen);
}

static void levels_and_targets(void) {
  choose(product, (eerie_compile_options_t){.opt_level = EERIE_COMPILER_O0});
  CHECK(strcmp(chosen, "--iree-opt-level=O0\n") == 0);
  choose(product, (eerie_compile_options_t){.opt_level = EERIE_COMPILER_O1});
  CHECK_CONTAINS(chosen, "--iree-opt-strip-assertions=false\n");
  choose(product, (eerie_compile_options_t){.target = "vulkan"});
  CHECK(!*chosen);
  choose(wrong_source, (eerie_compile_options_t){0}); // refused later, with diagnostics
  CHECK(!*chosen);
  eerie_error_t err = {0};
  CHECK_STATUS(eerie_compiler_choose_flags(compiler, &(eerie_compile_options_t){0}, hear_choice,
                                           NULL, NULL, &err),
               EERIE_INVALID_ARGUMENT);
}

int main(int argc, char **argv) {
  static const check_case_t cases[] = {RUN(products_are_tiled),
                                       RUN(vectors_times_matrices_are_peeled),
                                       RUN(batches_of_vectors_are_tiled),
                                       RUN(several_targets_pack_weights_later),
                                       RUN(what_was_given_stays),
                                       RUN(convolutions_are_counted),
                                       RUN(convolutions_of_one_by_one_become_products),
                                       RUN(convolutions_of_bytes_stay),
                                       RUN(small_models_run_inline_where_allowed),
                                       RUN(levels_and_targets)};
  if (!open_compiler()) return 77;
  const int result = check_main(argc, argv, cases, sizeof cases / sizeof cases[0]);
  eerie_compiler_release(compiler);
  return result;
}
