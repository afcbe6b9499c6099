// What writes C for a module: any bytes as a module, bound (`eerie bind`) and as firmware (`eerie
// embed`). Nothing of a module is executed but its bytecode, on a device that only writes down.
// Plans stay in their memory, and what is written has the form of C.
#include "fuzz/fuzz.h"

#include "cli/bind.h"
#include "cli/embed.h"

enum { KERNELS_MAX = 256 };

// ---- The form of C -----------------------------------------------------------------------------

// Behind the comment, text or character that begins at `at`.
static size_t skip_quoted(const ee_cli_text_t *text, size_t at) {
  const char *data = text->data, quote = data[at];
  if (quote == '/') {
    const bool line = data[at + 1] == '/';
    const char *end = strstr(data + at + 2, line ? "\n" : "*/");
    FUZZ_REQUIRE(end != NULL);
    return (size_t)(end - data) + (line ? 1 : 2);
  }
  for (++at; at < text->size && data[at] != quote; ++at) {
    FUZZ_REQUIRE(data[at] != '\n');
    at += data[at] == '\\';
  }
  FUZZ_REQUIRE(at < text->size);
  return at + 1;
}

// Brackets are closed as they were opened, nothing but printable characters stands outside of
// comments, and none that no C has: a name that came through as it is would show.
static void require_c(const ee_cli_text_t *text) {
  char open[64];
  size_t depth = 0;
  FUZZ_REQUIRE(!text->failed && text->data);
  FUZZ_REQUIRE(strlen(text->data) == text->size);
  for (size_t at = 0; at < text->size;) {
    const char c = text->data[at], next = text->data[at + 1];
    if (c == '"' || c == '\'' || (c == '/' && (next == '/' || next == '*'))) {
      at = skip_quoted(text, at);
      continue;
    }
    FUZZ_REQUIRE((c >= ' ' && c <= '~') || c == '\n');
    FUZZ_REQUIRE(c != '@' && c != '$' && c != '`');
    FUZZ_REQUIRE(c != '%' || next == ' '); // as names of MLIR begin
    if (strchr("([{", c)) {
      FUZZ_REQUIRE(depth < sizeof open);
      open[depth++] = c;
    } else if (strchr(")]}", c)) {
      FUZZ_REQUIRE(depth > 0);
      const char opened = open[--depth];
      FUZZ_REQUIRE(c == (opened == '(' ? ')' : opened == '[' ? ']' : '}'));
    }
    ++at;
  }
  FUZZ_REQUIRE(depth == 0);
}

// ---- eerie bind --------------------------------------------------------------------------------

static bool add_bound(ee_cli_binder_t *binder, const eerie_export_info_t *export) {
  ee_cli_bound_t bound = {.export = *export};
  eerie_error_t err = {0};
  if (ee_cli_declaration_parse(export->declaration, &bound.types, &err)) {
    FUZZ_REQUIRE(err.message[0] && !bound.types.inputs && !bound.types.outputs);
    return false;
  }
  bound.name = ee_cli_c_identifier(export->name, false);
  binder->functions =
      realloc(binder->functions, (binder->function_count + 1) * sizeof *binder->functions);
  if (!bound.name || !binder->functions) abort();
  binder->functions[binder->function_count++] = bound;
  return true;
}

static void bind(const eerie_module_t *module, const uint8_t *data, size_t size) {
  char prefix[] = "model", guard_prefix[] = "MODEL";
  ee_cli_binder_t binder = {.module_path = "model.vmfb",
                            .prefix = prefix,
                            .guard_prefix = guard_prefix,
                            .embed = size < 4096};
  const ee_cli_text_t bytes = {.data = (char *)(uintptr_t)data, .size = size};
  eerie_export_info_t export;
  bool good = true;
  for (size_t i = 0; good && i < 40 && eerie_module_export(module, i, &export); ++i)
    good = !*export.declaration || add_bound(&binder, &export);
  if (good && binder.function_count) {
    ee_cli_bind_write_header(&binder, &bytes);
    require_c(&binder.text);
  }
  for (size_t i = 0; i < binder.function_count; ++i) {
    free(binder.functions[i].name);
    ee_cli_declaration_free(&binder.functions[i].types);
  }
  free(binder.functions);
  ee_cli_text_free(&binder.text);
}

// ---- eerie embed -------------------------------------------------------------------------------

static void check_range(const eerie_plan_t *plan, const eerie_plan_range_t *range) {
  FUZZ_REQUIRE(range->storage < plan->storage_count);
  const uint64_t size = plan->storages[range->storage].size;
  FUZZ_REQUIRE(range->offset <= size && range->size <= size - range->offset);
}

// `protected`: what the caller and the module keep is copied where a step may write to it.
static void check_function(const eerie_plan_t *plan, const eerie_plan_function_t *function,
                           bool protected) {
  for (size_t i = 0; i < function->step_count; ++i) {
    const eerie_plan_step_t *step = &function->steps[i];
    for (size_t k = 0; k < step->binding_count; ++k)
      check_range(plan, &step->bindings[k]);
    if (step->kind == EERIE_PLAN_DISPATCH) continue;
    check_range(plan, &step->target);
    const eerie_plan_space_t space = plan->storages[step->target.storage].space;
    FUZZ_REQUIRE(!protected || space == EERIE_PLAN_STATE || space == EERIE_PLAN_TRANSIENT);
    if (step->kind != EERIE_PLAN_COPY) continue;
    check_range(plan, &step->source);
    FUZZ_REQUIRE(step->source.size == step->target.size);
  }
  for (size_t i = 0; i < function->output_count; ++i) {
    check_range(plan, &function->results[i]);
    // What a caller's memory has room for.
    FUZZ_REQUIRE(function->results[i].size == ee_cli_embed_tensor_size(&function->outputs[i]));
  }
}

static void check_plan(const eerie_plan_t *plan, bool protected) {
  check_function(plan, &plan->initialization, protected);
  for (size_t i = 0; i < plan->function_count; ++i)
    check_function(plan, &plan->functions[i], protected);
}

// The object file that would belong to the plan.
static void add_kernels(const eerie_plan_function_t *function, ee_cli_embed_object_t *object) {
  for (size_t i = 0; i < function->step_count; ++i) {
    const eerie_plan_step_t *step = &function->steps[i];
    if (step->kind != EERIE_PLAN_DISPATCH || step->binding_count > UINT8_MAX) continue;
    size_t number = step->ordinal;
    for (size_t k = 0; step->kernel && k < object->kernel_count; ++k) {
      number = k;
      if (strcmp(object->kernels[k].name, step->kernel) == 0) break;
      number = object->kernel_count;
    }
    if (number >= KERNELS_MAX) continue;
    if (number >= object->kernel_count) object->kernel_count = number + 1;
    object->kernels[number] =
        (ee_cli_embed_kernel_t){.name = step->kernel ? step->kernel : "by_number",
                                .constant_count = (uint8_t)step->constant_count,
                                .binding_count = (uint8_t)step->binding_count,
                                .workgroup_size = {1, 1, 1}};
  }
}

static void write(ee_cli_embed_model_t *model) {
  ee_cli_text_t text = {0}, header = {0}, build = {0};
  uint32_t number = 0;
  eerie_error_t err = {0};
  const eerie_status_t status = ee_cli_embed_write_source(model, &text, &number, &err);
  if (status == EERIE_OK) {
    require_c(&text);
    ee_cli_embed_write_header(model, number, &header);
    require_c(&header);
    ee_cli_embed_write_cmake(model, &build);
    ee_cli_embed_write_make(model, &build);
    FUZZ_REQUIRE(!build.failed);
  } else {
    FUZZ_REQUIRE(err.code == status && err.message[0]);
  }
  ee_cli_text_free(&build);
  ee_cli_text_free(&header);
  ee_cli_text_free(&text);
}

static void embed(const eerie_plan_t *plan) {
  static ee_cli_embed_kernel_t kernels[KERNELS_MAX];
  char prefix[] = "model", upper[] = "MODEL";
  memset(kernels, 0, sizeof kernels);
  for (size_t i = 0; i < KERNELS_MAX; ++i)
    kernels[i].name = "none";
  ee_cli_embed_object_t object = {.kernels = kernels, .query = "model_library_query"};
  const ee_cli_embed_accesses_t accesses = {0};
  ee_cli_embed_model_t model = {.plan = plan,
                                .target = ee_cli_embed_target("cortex-m4f"),
                                .object = &object,
                                .accesses = &accesses,
                                .source = "model.mlir",
                                .prefix = prefix,
                                .upper = upper};
  add_kernels(&plan->initialization, &object);
  for (size_t i = 0; i < plan->function_count; ++i)
    add_kernels(&plan->functions[i], &object);
  eerie_error_t err = {0};
  eerie_status_t status = ee_cli_embed_protect(&model, &err);
  if (!status) check_plan(model.plan, true);
  if (!status) status = ee_cli_embed_layout(&model, &err);
  if (!status) {
    write(&model);
  } else {
    FUZZ_REQUIRE(err.code == status && err.message[0]);
  }
  ee_cli_embed_layout_free(&model);
  ee_cli_embed_protect_free(&model);
}

static void plan_and_embed(eerie_instance_t *instance, eerie_module_t *module) {
  eerie_plan_t *plan = NULL;
  eerie_error_t err = {0};
  const eerie_status_t status = eerie_plan_record(instance, module, &plan, &err);
  FUZZ_REQUIRE((status == EERIE_OK) == (plan != NULL));
  if (plan) {
    check_plan(plan, false);
    embed(plan);
  } else {
    FUZZ_REQUIRE(err.code == status && err.message[0]);
  }
  eerie_plan_release(plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  eerie_instance_t *instance = NULL;
  if (eerie_instance_create(&(eerie_instance_options_t){.memory_limit = 64 << 20}, &instance, NULL))
    abort();
  uint8_t *copy = fuzz_copy(data, size);
  eerie_module_t *module = NULL;
  if (eerie_module_load_memory(instance, copy, size, NULL, &module, NULL) == EERIE_OK) {
    bind(module, copy, size);
    plan_and_embed(instance, module);
  }
  eerie_module_release(module);
  eerie_instance_release(instance);
  free(copy);
  return 0;
}
