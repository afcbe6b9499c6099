// embed_source.c: the plan as C: constants, and for each function a table of steps.
#include <inttypes.h>
#include <string.h>

#include "embed.h"

// One function of the model on its way to C.
typedef struct writer {
  const ee_cli_embed_model_t *model;
  const ee_cli_embed_function_t *function;
  ee_cli_text_t *text;
  eerie_error_t *err;
} writer_t;

// ---- Constants ---------------------------------------------------------------------------------

// Marks the constants that steps and outputs use.
static void mark_constants(const ee_cli_embed_function_t *f, bool *used) {
  for (size_t i = 0; i < f->plan->step_count; ++i) {
    const eerie_plan_step_t *step = &f->plan->steps[i];
    for (size_t j = 0; j < step->binding_count; ++j)
      used[step->bindings[j].storage] = true;
    if (step->kind == EERIE_PLAN_COPY) used[step->source.storage] = true;
  }
  for (size_t i = 0; i < f->plan->output_count; ++i)
    if (f->plan->results[i].size) used[f->plan->results[i].storage] = true;
}

static void write_words(ee_cli_text_t *text, const uint8_t *data, uint64_t size) {
  for (uint64_t i = 0; i < size; i += 4) {
    uint32_t word = 0;
    for (uint64_t j = 0; j < 4 && i + j < size; ++j)
      word |= (uint32_t)data[i + j] << (8 * j);
    ee_cli_text_printf(text, "%s0x%" PRIx32 "u,", i % 32 ? " " : "\n    ", word);
  }
}

static void write_constants(ee_cli_embed_model_t *model, const bool *used, ee_cli_text_t *text) {
  for (size_t i = 0; i < model->plan->storage_count; ++i) {
    const eerie_plan_storage_t *storage = &model->plan->storages[i];
    if (!used[i] || storage->space != EERIE_PLAN_CONSTANT || !storage->size) continue;
    model->constant_size += storage->size;
    ee_cli_text_printf(text,
                       "\n/* %" PRIu64 " bytes, little-endian. */\n"
                       "static const EERIE_MICRO_ALIGNED uint32_t constant%zu[%" PRIu64 "] = {",
                       storage->size, i, (storage->size + 3) / 4);
    write_words(text, storage->data, storage->size);
    ee_cli_text_string(text, "\n};\n");
  }
}

// ---- Steps -------------------------------------------------------------------------------------

static void write_place(const writer_t *writer, const ee_cli_embed_place_t *place) {
  if (place->base == EE_CLI_EMBED_CONSTANT)
    ee_cli_text_printf(writer->text, "{(const uint8_t *)constant%zu + %" PRIu64 ", 0}",
                       place->constant, place->offset);
  else
    ee_cli_text_printf(writer->text, "{(const uint8_t *)(uintptr_t)%" PRIu64 ", %zu}",
                       place->offset, place->base);
}

static void write_range(const writer_t *writer, const eerie_plan_range_t *range,
                        const char *separator) {
  const ee_cli_embed_place_t place = ee_cli_embed_place(writer->model, writer->function, range);
  ee_cli_text_printf(writer->text, "%s    ", separator);
  write_place(writer, &place);
}

static eerie_status_t find_kernel(const writer_t *writer, const eerie_plan_step_t *step,
                                  size_t *out_number) {
  const ee_cli_embed_object_t *object = writer->model->object;
  *out_number = step->ordinal;
  for (size_t i = 0; step->kernel && i <= object->kernel_count; ++i) {
    *out_number = i;
    if (i < object->kernel_count && object->kernels[i].name &&
        strcmp(object->kernels[i].name, step->kernel) == 0)
      break;
  }
  if (*out_number >= object->kernel_count)
    return ee_cli_error(writer->err, EERIE_NOT_FOUND,
                        "the object file has no kernel '%s' among its %zu: it belongs to another "
                        "module",
                        step->kernel ? step->kernel : "of that number", object->kernel_count);
  const ee_cli_embed_kernel_t *kernel = &object->kernels[*out_number];
  if (kernel->constant_count != step->constant_count ||
      kernel->binding_count != step->binding_count)
    return ee_cli_error(writer->err, EERIE_INVALID_ARGUMENT,
                        "kernel %zu of the object file takes %u constants and %u bindings, the "
                        "module gives %zu and %zu: they do not belong together",
                        *out_number, kernel->constant_count, kernel->binding_count,
                        step->constant_count, step->binding_count);
  if (kernel->local_memory_pages)
    return ee_cli_error(writer->err, EERIE_UNIMPLEMENTED,
                        "kernel '%s' needs %u pages of local memory, which a plan does not give",
                        step->kernel ? step->kernel : "of a number",
                        (unsigned)kernel->local_memory_pages);
  for (int i = 0; i < 3; ++i)
    if (step->workgroup_count[i] > (i == 2 ? 0xFFFFu : 0x7FFFFFFFu))
      return ee_cli_error(writer->err, EERIE_OUT_OF_RANGE, "a dispatch of %" PRIu32 " workgroups",
                          step->workgroup_count[i]);
  return EERIE_OK;
}

// The tables that the row of a dispatch refers to.
static eerie_status_t write_dispatch(const writer_t *writer, size_t index) {
  const eerie_plan_step_t *step = &writer->function->plan->steps[index];
  const char *name = writer->function->name;
  ee_cli_text_t *text = writer->text;
  size_t number;
  const eerie_status_t status = find_kernel(writer, step, &number);
  if (status) return status;
  const ee_cli_embed_kernel_t *kernel = &writer->model->object->kernels[number];
  if (step->kernel) ee_cli_text_printf(text, "\n/* %s */", step->kernel);
  ee_cli_text_printf(text, "\nstatic const eerie_micro_range_t %s_ranges%zu[] = {\n", name, index);
  for (size_t i = 0; i < step->binding_count; ++i)
    write_range(writer, &step->bindings[i], i ? ",\n" : "");
  if (!step->binding_count) ee_cli_text_string(text, "    {NULL, 0}");
  ee_cli_text_printf(text, ",\n};\nstatic const size_t %s_sizes%zu[] = {", name, index);
  for (size_t i = 0; i < step->binding_count; ++i)
    ee_cli_text_printf(text, "%s%" PRIu64, i ? ", " : "", step->bindings[i].size);
  ee_cli_text_string(text, step->binding_count ? "};\n" : "0};\n");
  if (step->constant_count) {
    ee_cli_text_printf(text, "static const uint32_t %s_constants%zu[] = {", name, index);
    for (size_t i = 0; i < step->constant_count; ++i)
      ee_cli_text_printf(text, "%s%" PRIu32 "u", i ? ", " : "", step->constants[i]);
    ee_cli_text_string(text, "};\n");
  }
  ee_cli_text_printf(text,
                     "static const eerie_micro_dispatch_t %s_dispatch%zu = {\n"
                     "    %" PRIu32 ", %" PRIu32 ", %" PRIu32 ", %zu, %" PRIu32 ", %" PRIu32
                     ", %" PRIu32 ", 1, %zu,\n    ",
                     name, index, kernel->workgroup_size[0], kernel->workgroup_size[1],
                     kernel->workgroup_size[2], step->constant_count, step->workgroup_count[0],
                     step->workgroup_count[1], step->workgroup_count[2], step->binding_count);
  if (step->constant_count)
    ee_cli_text_printf(text, "%s_constants%zu", name, index);
  else
    ee_cli_text_string(text, "NULL");
  ee_cli_text_printf(text, ", NULL, %s_sizes%zu,\n};\n", name, index);
  return EERIE_OK;
}

static void write_copy(const writer_t *writer, size_t index) {
  const eerie_plan_step_t *step = &writer->function->plan->steps[index];
  const char *name = writer->function->name;
  ee_cli_text_t *text = writer->text;
  if (step->kind == EERIE_PLAN_FILL)
    ee_cli_text_printf(text, "\nstatic const uint64_t %s_pattern%zu = 0x%" PRIx64 "u;", name, index,
                       step->pattern);
  ee_cli_text_printf(text, "\nstatic const eerie_micro_range_t %s_ranges%zu[] = {\n", name, index);
  write_range(writer, &step->target, "");
  if (step->kind == EERIE_PLAN_FILL)
    ee_cli_text_printf(text, ",\n    {(const uint8_t *)&%s_pattern%zu, 0}", name, index);
  else
    write_range(writer, &step->source, ",\n");
  ee_cli_text_string(text, ",\n};\n");
}

// A result that is not made where the caller wants it.
static void write_output_copy(const writer_t *writer, size_t output) {
  const ee_cli_embed_place_t to = ee_cli_embed_output(writer->function, output);
  ee_cli_text_printf(writer->text, "\nstatic const eerie_micro_range_t %s_ranges%zu[] = {\n    ",
                     writer->function->name, writer->function->plan->step_count + output);
  write_place(writer, &to);
  write_range(writer, &writer->function->plan->results[output], ",\n");
  ee_cli_text_string(writer->text, ",\n};\n");
}

static bool copies_output(const writer_t *writer, size_t output) {
  return ee_cli_embed_output_is_apart(writer->model, writer->function, output);
}

static eerie_status_t write_tables(const writer_t *writer) {
  const eerie_plan_function_t *plan = writer->function->plan;
  for (size_t i = 0; i < plan->step_count; ++i) {
    eerie_status_t status = EERIE_OK;
    if (plan->steps[i].kind == EERIE_PLAN_DISPATCH)
      status = write_dispatch(writer, i);
    else
      write_copy(writer, i);
    if (status) return status;
  }
  for (size_t i = 0; i < plan->output_count; ++i)
    if (copies_output(writer, i)) write_output_copy(writer, i);
  return EERIE_OK;
}

static size_t write_steps(const writer_t *writer) {
  const eerie_plan_function_t *plan = writer->function->plan;
  const char *name = writer->function->name;
  ee_cli_text_t *text = writer->text;
  size_t count = 0;
  ee_cli_text_printf(text, "\nstatic const eerie_micro_step_t %s_steps[] = {\n", name);
  for (size_t i = 0; i < plan->step_count; ++i, ++count) {
    const eerie_plan_step_t *step = &plan->steps[i];
    size_t number = 0;
    if (step->kind == EERIE_PLAN_DISPATCH) {
      (void)find_kernel(writer, step, &number); // was found before
      ee_cli_text_printf(text, "    {&%s_dispatch%zu, %s_ranges%zu, %zu, 0},\n", name, i, name, i,
                         number);
    } else {
      ee_cli_text_printf(text, "    {NULL, %s_ranges%zu, %" PRIu64 ", %" PRIu64 "},\n", name, i,
                         step->target.size,
                         step->kind == EERIE_PLAN_COPY ? step->target.size : step->pattern_size);
    }
  }
  for (size_t i = 0; i < plan->output_count; ++i) {
    if (!copies_output(writer, i)) continue;
    ee_cli_text_printf(text, "    {NULL, %s_ranges%zu, %" PRIu64 ", %" PRIu64 "},\n", name,
                       plan->step_count + i, plan->results[i].size, plan->results[i].size);
    ++count;
  }
  if (!count) ee_cli_text_string(text, "    {NULL, NULL, 0, 0},\n");
  ee_cli_text_string(text, "};\n");
  return count;
}

static uint64_t tensor_size(const eerie_type_t *type) {
  uint64_t bits = eerie_dtype_bits(type->dtype);
  for (size_t i = 0; i < type->rank; ++i)
    bits *= (uint64_t)type->shape[i];
  return (bits + 7) / 8;
}

static eerie_status_t write_plan(const writer_t *writer) {
  const ee_cli_embed_function_t *function = writer->function;
  const eerie_plan_function_t *plan = function->plan;
  ee_cli_text_t *text = writer->text;
  const eerie_status_t status = write_tables(writer);
  if (status) return status;
  const size_t count = write_steps(writer);
  ee_cli_text_printf(text, "\nstatic const size_t %s_sizes[] = {%" PRIu64 ", %" PRIu64,
                     function->name, function->arena_size, writer->model->state_size);
  for (size_t i = 0; i < plan->input_count; ++i)
    ee_cli_text_printf(text, ", %" PRIu64, tensor_size(&plan->inputs[i]));
  for (size_t i = 0; i < plan->output_count; ++i)
    ee_cli_text_printf(text, ", %" PRIu64, tensor_size(&plan->outputs[i]));
  ee_cli_text_printf(text,
                     "};\n\nconst eerie_micro_plan_t %s_%s_plan = {\n"
                     "    EERIE_MICRO_PLAN_VERSION, %zu, %zu, %s_sizes, %s_steps, %zu, %s, "
                     "&environment,\n};\n",
                     writer->model->prefix, function->name, writer->model->object->kernel_count,
                     (size_t)EE_CLI_EMBED_VALUES + plan->input_count + plan->output_count,
                     function->name, function->name, count, writer->model->object->query);
  return EERIE_OK;
}

// ---- The file ----------------------------------------------------------------------------------

static void write_opening(const ee_cli_embed_model_t *model, ee_cli_text_t *text) {
  ee_cli_text_printf(
      text,
      "/* %s.c: what the functions of %s do, for %s; see %s.h.\n"
      " *\n"
      " * Written by `eerie embed`; changes are lost when it is written again.\n"
      " */\n"
      "#include \"%s.h\"\n"
      "\n"
      "/* The kernels: %s_kernels.o. */\n"
      "const eerie_micro_library_t *%s(uint32_t max_version,\n"
      "                                const eerie_micro_environment_t *environment);\n\n",
      model->prefix, model->source, model->target->name, model->prefix, model->prefix,
      model->prefix, model->object->query);
  const eerie_plan_library_t *library = &model->plan->libraries[0];
  if (model->plan->library_count && library->constant_count) {
    ee_cli_text_string(text, "static const uint32_t kernel_constants[] = {");
    for (size_t i = 0; i < library->constant_count; ++i)
      ee_cli_text_printf(text, "%s%" PRIu32 "u", i ? ", " : "", library->constants[i]);
    ee_cli_text_string(text, "};\nstatic const eerie_micro_environment_t environment = {\n"
                             "    kernel_constants, NULL, NULL, NULL, {0}};\n");
  } else {
    ee_cli_text_string(text, "static const eerie_micro_environment_t environment = {\n"
                             "    NULL, NULL, NULL, NULL, {0}};\n");
  }
}

eerie_status_t ee_cli_embed_write_source(const ee_cli_embed_model_t *model, ee_cli_text_t *text,
                                         eerie_error_t *err) {
  if (model->plan->library_count > 1)
    return ee_cli_error(err, EERIE_UNIMPLEMENTED,
                        "the module has %zu libraries of kernels, a plan knows one",
                        model->plan->library_count);
  ee_cli_text_t marks = {0};
  bool *used = (bool *)ee_cli_text_grow(&marks, model->plan->storage_count + 1);
  if (!used) return ee_cli_error(err, EERIE_RESOURCE_EXHAUSTED, "out of memory");
  write_opening(model, text);
  const size_t count = model->function_count + model->has_init;
  for (size_t i = 0; i < count; ++i)
    mark_constants(&model->functions[i], used);
  write_constants((ee_cli_embed_model_t *)(uintptr_t)model, used, text);
  ee_cli_text_free(&marks);
  eerie_status_t status = EERIE_OK;
  for (size_t i = 0; i < count && !status; ++i) {
    const writer_t writer = {model, &model->functions[i], text, err};
    ee_cli_text_printf(text, "\n/* ---- %s ---- */\n", model->functions[i].name);
    status = write_plan(&writer);
  }
  return status;
}
