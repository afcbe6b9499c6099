// embed_source.c: the plan as C: constants, and a function for each function of the model
// (embed_function.c).
#include <inttypes.h>
#include <string.h>

#include "embed.h"

// Of eerie_micro.h.
#define VERSION "2"

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

// ---- The file ----------------------------------------------------------------------------------

static void write_opening(const ee_cli_embed_model_t *model, ee_cli_text_t *text) {
  ee_cli_text_printf(text,
                     "/* %s.c: what the functions of %s do, for %s; see %s.h.\n"
                     " *\n"
                     " * Written by `eerie embed`; changes are lost when it is written again.\n"
                     " */\n"
                     "#include \"%s.h\"\n"
                     "\n"
                     "#include <string.h>\n"
                     "\n"
                     "#if EERIE_MICRO_VERSION != " VERSION "\n"
                     "#error \"eerie_micro.h is of another release\"\n"
                     "#endif\n",
                     model->prefix, model->source, model->target->name, model->prefix,
                     model->prefix);
}

static bool has_dispatches(const ee_cli_embed_model_t *model) {
  for (size_t i = 0; i < model->function_count + model->has_init; ++i)
    if (ee_cli_embed_dispatches(&model->functions[i])) return true;
  return false;
}

static void write_kernels(const ee_cli_embed_model_t *model, ee_cli_text_t *text) {
  if (!has_dispatches(model)) return;
  ee_cli_text_printf(text,
                     "\n/* The kernels: %s_kernels.o. */\n"
                     "const eerie_micro_library_t *%s(uint32_t max_version,\n"
                     "                                const eerie_micro_environment_t "
                     "*environment);\n\n",
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

// A number that another plan does not have: a hash (FNV-1a) of what is written, and of the types in
// the header.
static uint32_t hash(uint32_t seed, const char *text, size_t size) {
  for (size_t i = 0; i < size; ++i)
    seed = (seed ^ (uint8_t)text[i]) * 16777619u;
  return seed;
}

static uint32_t number_of(const ee_cli_embed_model_t *model, const char *text, size_t size) {
  uint32_t number = hash(2166136261u, text, size);
  for (size_t i = 0; i < model->function_count; ++i) {
    const eerie_plan_function_t *plan = model->functions[i].plan;
    for (size_t j = 0; j < plan->input_count + plan->output_count; ++j) {
      const eerie_type_t *type =
          j < plan->input_count ? &plan->inputs[j] : &plan->outputs[j - plan->input_count];
      number = hash(number, type->text, strlen(type->text));
    }
  }
  return number;
}

eerie_status_t ee_cli_embed_write_source(const ee_cli_embed_model_t *model, ee_cli_text_t *text,
                                         uint32_t *out_number, eerie_error_t *err) {
  if (model->plan->library_count > 1)
    return ee_cli_error(err, EERIE_UNIMPLEMENTED,
                        "the module has %zu libraries of kernels, a plan knows one",
                        model->plan->library_count);
  ee_cli_text_t marks = {0};
  bool *used = (bool *)ee_cli_text_grow(&marks, model->plan->storage_count + 1);
  if (!used) return ee_cli_error(err, EERIE_RESOURCE_EXHAUSTED, "out of memory");
  write_opening(model, text);
  const size_t start = text->size;
  write_kernels(model, text);
  const size_t count = model->function_count + model->has_init;
  for (size_t i = 0; i < count; ++i)
    mark_constants(&model->functions[i], used);
  write_constants((ee_cli_embed_model_t *)(uintptr_t)model, used, text);
  ee_cli_text_free(&marks);
  eerie_status_t status = EERIE_OK;
  for (size_t i = 0; i < count && !status; ++i)
    status = ee_cli_embed_write_function(model, &model->functions[i], text, err);
  *out_number = number_of(model, text->data + start, text->size - start);
  ee_cli_text_printf(text,
                     "\n#if %s_PLAN != 0x%08" PRIx32 "u\n"
                     "#error \"%s.h was written for another %s.c\"\n#endif\n",
                     model->upper, *out_number, model->prefix, model->prefix);
  return status;
}
