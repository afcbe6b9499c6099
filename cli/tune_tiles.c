// tune_tiles.c: tile sizes for the matrix products of a model, as a tuning spec of the compiler.
//
// Which products there are the names of the kernels tell, as the compiler makes them without data
// tiling: "f_dispatch_0_matmul_49x160x960_f32". The tile is as many rows and columns as the vector
// registers hold, in workgroups whose part of the left side fits the cache; 49x160x960 takes 0.2 of
// the time that it takes with the tiles of 3.13.0's own choice, on a Zen 4.
#define _GNU_SOURCE

#include <inttypes.h>
#include <string.h>

#include "eerie/eerie_profile.h"
#include "file.h"
#include "tune.h"

enum { TILES_MOST = 24, TILE_REGISTERS = 28, TILE_LANES = 16, TILE_DEPTH = 4 };
enum { TILE_CACHE = 512 * 1024 };

typedef struct tiles_product {
  int64_t rows, columns, depth;
} tiles_product_t;

typedef struct tiles_found {
  tiles_product_t items[TILES_MOST];
  size_t count;
} tiles_found_t;

static void tiles_on_event(void *user, const eerie_event_t *event) {
  tiles_found_t *found = user;
  if (event->kind != EERIE_EVENT_KERNEL || !event->name || found->count == TILES_MOST) return;
  const char *at = strstr(event->name, "_matmul_");
  tiles_product_t product = {0};
  int end = 0;
  // What is behind a batch, or has a size that is open, is another operation.
  if (!at || (at - event->name >= 6 && memcmp(at - 6, "_batch", 6) == 0) ||
      sscanf(at, "_matmul_%" SCNd64 "x%" SCNd64 "x%" SCNd64 "_f32%n", &product.rows,
             &product.columns, &product.depth, &end) != 3 ||
      !end || at[end])
    return;
  for (size_t i = 0; i < found->count; ++i)
    if (memcmp(&found->items[i], &product, sizeof product) == 0) return;
  // Powers of two only, whole tiles only.
  if (product.columns % 8 || product.depth % TILE_DEPTH || product.rows < 2 ||
      product.rows > INT32_MAX || product.depth > INT32_MAX)
    return;
  found->items[found->count++] = product;
}

// The largest divisor of `whole` that is a multiple of `unit` and at most `most`; else `unit`.
static int64_t tiles_divisor(int64_t whole, int64_t unit, int64_t most) {
  for (int64_t size = most / unit * unit; size > unit; size -= unit)
    if (whole % size == 0) return size;
  return unit;
}

static void tiles_write_product(ee_cli_text_t *text, const tiles_product_t *p, size_t index) {
  const int64_t columns = p->columns % 32 == 0 ? 32 : p->columns % 16 == 0 ? 16 : 8;
  const int64_t registers = (columns + TILE_LANES - 1) / TILE_LANES;
  const int64_t rows = tiles_divisor(p->rows, 1, TILE_REGISTERS / registers);
  const int64_t fit = TILE_CACHE / 4 / p->depth;
  const int64_t part = tiles_divisor(p->rows, rows, fit < p->rows ? fit : p->rows);
  ee_cli_text_printf(
      text,
      "  transform.named_sequence @match%zu(%%op: !transform.any_op {transform.readonly})\n"
      "      -> (!transform.any_op, !transform.any_param) {\n"
      "    transform.match.operation_name %%op [\"linalg.matmul\"] : !transform.any_op\n"
      "    %%l = transform.get_operand %%op[0] : (!transform.any_op) -> !transform.any_value\n"
      "    transform.iree.match.cast_compatible_type %%l = tensor<%" PRId64 "x%" PRId64 "xf32>\n"
      "      : !transform.any_value\n"
      "    %%r = transform.get_operand %%op[1] : (!transform.any_op) -> !transform.any_value\n"
      "    transform.iree.match.cast_compatible_type %%r = tensor<%" PRId64 "x%" PRId64 "xf32>\n"
      "      : !transform.any_value\n",
      index, p->rows, p->depth, p->depth, p->columns);
  ee_cli_text_printf(
      text,
      "    %%c = transform.param.constant #iree_codegen.compilation_info<\n"
      "      lowering_config = #iree_cpu.lowering_config<distribution = [%" PRId64 ", %" PRId64
      ", 0],\n"
      "        vector_common_parallel = [%" PRId64 ", %" PRId64 ", 0],\n"
      "        vector_reduction = [0, 0, %d]>,\n"
      "      translation_info = #iree_codegen.translation_info<\n"
      "        pipeline = #iree_cpu.pipeline<DoubleTilingExpert>>> -> !transform.any_param\n"
      "    transform.yield %%op, %%c : !transform.any_op, !transform.any_param\n"
      "  }\n",
      part, columns, rows, columns, (int)TILE_DEPTH);
}

static void tiles_write(ee_cli_text_t *text, const tiles_found_t *found) {
  ee_cli_text_string(
      text, "module @tiles attributes { transform.with_named_sequence } {\n"
            "  transform.named_sequence @apply(%op: !transform.any_op {transform.readonly},\n"
            "                                  %c: !transform.any_param {transform.readonly}) {\n"
            "    transform.annotate %op \"compilation_info\" = %c : !transform.any_op, "
            "!transform.any_param\n"
            "    transform.yield\n"
            "  }\n");
  for (size_t i = 0; i < found->count; ++i)
    tiles_write_product(text, &found->items[i], i);
  ee_cli_text_string(
      text, "  transform.named_sequence @__kernel_config(%v: !transform.any_op "
            "{transform.consumed})\n"
            "      -> !transform.any_op attributes { iree_codegen.tuning_spec_entrypoint } {\n"
            "    %r = transform.foreach_match in %v");
  for (size_t i = 0; i < found->count; ++i)
    ee_cli_text_printf(text, "%s @match%zu -> @apply", i ? "," : "", i);
  ee_cli_text_string(text, " : (!transform.any_op) -> !transform.any_op\n"
                           "    transform.yield %r : !transform.any_op\n"
                           "  }\n"
                           "}\n");
}

bool ee_cli_tune_tiles(const char *module, const char *device, const ee_cli_strings_t *parameters,
                       ee_cli_text_t *out_spec) {
  tiles_found_t found = {.count = 0};
  const eerie_observer_t observer = {.event = tiles_on_event, .user = &found};
  ee_cli_model_t model = {0};
  ee_cli_model_options_t what = {.parameters = *parameters, .observer = &observer};
  what.modules = (ee_cli_strings_t){.items = &module, .count = 1};
  what.devices = (ee_cli_strings_t){.items = &device, .count = 1};
  const ee_cli_strings_t none = {0};
  if (!ee_cli_model_load(&what, &none, &model)) (void)ee_cli_model_link(&what, &model, NULL, NULL);
  ee_cli_model_close(&model);
  if (found.count) tiles_write(out_spec, &found);
  return found.count && !out_spec->failed;
}
