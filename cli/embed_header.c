// embed_header.c: what the program that calls the model includes: types of tensors, sizes of
// memory, a function for each function of the model.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "embed.h"

// ---- Types -------------------------------------------------------------------------------------

static const eerie_type_t *value_at(const eerie_plan_function_t *plan, size_t index) {
  return index < plan->input_count ? &plan->inputs[index]
                                   : &plan->outputs[index - plan->input_count];
}

// "digits_f32_1x64_t"
static void write_type_name(const ee_cli_embed_model_t *model, const eerie_type_t *type,
                            ee_cli_text_t *text) {
  char *const dtype = ee_cli_c_identifier(eerie_dtype_name(type->dtype), false);
  ee_cli_text_printf(text, "%s_%s", model->prefix, dtype ? dtype : "");
  free(dtype);
  for (size_t i = 0; i < type->rank; ++i)
    ee_cli_text_printf(text, "%c%" PRId64, i ? 'x' : '_', type->shape[i]);
  ee_cli_text_string(text, "_t");
}

static bool same_type(const eerie_type_t *a, const eerie_type_t *b) {
  if (a->dtype != b->dtype || a->rank != b->rank) return false;
  for (size_t i = 0; i < a->rank; ++i)
    if (a->shape[i] != b->shape[i]) return false;
  return true;
}

// Whether an earlier argument or result has brought this type.
static bool is_written(const ee_cli_embed_model_t *model, const eerie_type_t *type) {
  for (size_t i = 0; i < model->function_count; ++i) {
    const eerie_plan_function_t *plan = model->functions[i].plan;
    for (size_t j = 0; j < plan->input_count + plan->output_count; ++j) {
      if (value_at(plan, j) == type) return false;
      if (same_type(value_at(plan, j), type)) return true;
    }
  }
  return false;
}

static bool is_empty(const eerie_type_t *type) {
  for (size_t i = 0; i < type->rank; ++i)
    if (type->shape[i] == 0) return true;
  return false;
}

static void write_type(const ee_cli_embed_model_t *model, const eerie_type_t *type,
                       ee_cli_text_t *text) {
  if (is_written(model, type)) return;
  const char *element = ee_cli_c_type(type->dtype);
  ee_cli_text_printf(text, "typedef struct {\n  EERIE_MICRO_ALIGNED %s data",
                     element ? element : "uint8_t");
  if (!element || is_empty(type)) {
    uint64_t bits = eerie_dtype_bits(type->dtype);
    for (size_t i = 0; i < type->rank; ++i)
      bits *= (uint64_t)type->shape[i];
    ee_cli_text_printf(text, "[%" PRIu64 "]", bits ? (bits + 7) / 8 : 1);
  } else {
    for (size_t i = 0; i < type->rank; ++i)
      ee_cli_text_printf(text, "[%" PRId64 "]", type->shape[i]);
    if (type->rank == 0) ee_cli_text_string(text, "[1]");
  }
  ee_cli_text_string(text, ";\n} ");
  write_type_name(model, type, text);
  ee_cli_text_printf(text, "; /* %s */\n", type->text);
}

// ---- Functions ---------------------------------------------------------------------------------

// A name for a parameter that no other has.
static char *value_name(const eerie_plan_function_t *plan, size_t index) {
  const eerie_type_t *type = value_at(plan, index);
  char *name = ee_cli_c_identifier(type->name ? type->name : "", true);
  bool taken = !name || strcmp(name, "arena") == 0 || strcmp(name, "state") == 0 ||
               strcmp(name, "memory") == 0;
  for (size_t i = 0; i < index && !taken; ++i) {
    char *other = value_name(plan, i);
    taken = !other || strcmp(other, name) == 0;
    free(other);
  }
  if (!taken) return name;
  const size_t size = (name ? strlen(name) : 0) + 24;
  char *unique = malloc(size);
  if (unique) snprintf(unique, size, "%s_%zu", name ? name : "", index);
  free(name);
  return unique;
}

static void write_prototype(const ee_cli_embed_model_t *model,
                            const ee_cli_embed_function_t *function, ee_cli_text_t *text) {
  const eerie_plan_function_t *plan = function->plan;
  const bool init = plan == &model->plan->initialization;
  ee_cli_text_printf(text, "static inline int %s_%s(%s_arena_t *arena", model->prefix,
                     function->name, model->prefix);
  if (model->state_size || init) ee_cli_text_printf(text, ", %s_state_t *state", model->prefix);
  for (size_t i = 0; i < plan->input_count + plan->output_count; ++i) {
    char *name = value_name(plan, i);
    ee_cli_text_string(text, i < plan->input_count ? ",\n    const " : ",\n    ");
    write_type_name(model, value_at(plan, i), text);
    ee_cli_text_printf(text, " *%s", name ? name : "");
    free(name);
  }
  ee_cli_text_string(text, ")");
}

static void write_function(const ee_cli_embed_model_t *model,
                           const ee_cli_embed_function_t *function, ee_cli_text_t *text) {
  const eerie_plan_function_t *plan = function->plan;
  const size_t count = plan->input_count + plan->output_count;
  ee_cli_text_printf(text, "\nextern const eerie_micro_plan_t %s_%s_plan;\n", model->prefix,
                     function->name);
  write_prototype(model, function, text);
  ee_cli_text_string(text, " {\n  const eerie_micro_memory_t memory[] = {\n"
                           "      {NULL, 0},\n      {arena, sizeof *arena},\n");
  ee_cli_text_string(text,
                     model->state_size ? "      {state, sizeof *state},\n" : "      {NULL, 0},\n");
  for (size_t i = 0; i < count; ++i) {
    char *name = value_name(plan, i);
    // What a tensor without elements has is there for C alone.
    const char *size = is_empty(value_at(plan, i)) ? "0 * sizeof" : "sizeof";
    ee_cli_text_printf(text, "      {(void *)(uintptr_t)%s, %s %s->data},\n", name ? name : "",
                       size, name ? name : "");
    free(name);
  }
  ee_cli_text_printf(text,
                     "  };\n"
                     "  return eerie_micro_run(&%s_%s_plan, memory, %zu);\n}\n",
                     model->prefix, function->name, (size_t)EE_CLI_EMBED_VALUES + count);
}

// ---- The file ----------------------------------------------------------------------------------

static void write_opening(const ee_cli_embed_model_t *model, ee_cli_text_t *text) {
  const char *p = model->prefix, *u = model->upper;
  const ee_cli_embed_function_t *first = &model->functions[0];
  ee_cli_text_printf(
      text,
      "/* %s.h: %s as firmware for %s.\n"
      " *\n"
      " * Written by `eerie embed`; changes are lost when it is written again.\n"
      " *\n"
      " *   %s.h, %s.c      this, and what the functions do: a list of kernels and the memory "
      "each\n"
      " *                   works on, with the weights as constants that stay in flash\n"
      " *   %s_kernels.o    the kernels\n"
      " *   eerie_micro.*   runs the list\n"
      " *   CMakeLists.txt  for add_subdirectory: the library `%s`\n"
      " *   %s.mk           for include: %s_SOURCES, %s_OBJECTS, %s_CFLAGS, %s_LDFLAGS\n"
      " *\n"
      " * Compile with\n"
      " *   %s\n"
      " *\n",
      p, model->source, model->target->name, p, p, p, p, p, u, u, u, u, model->target->flags);
  ee_cli_text_printf(
      text,
      " *   static %s_arena_t arena;\n"
      "%s%s%s"
      " *   status = %s_%s(&arena%s, ...);\n"
      " *\n"
      " * A function returns 0, or a status of eerie_micro.h. It keeps nothing in the "
      "arena: one is\n"
      " * enough for all functions, and for other things between calls. Calls that "
      "overlap in time\n"
      " * need an arena each%s.\n"
      " */\n",
      p, model->has_init ? " *   static " : "", model->has_init ? p : "",
      model->has_init ? "_state_t state;  // keeps what it holds; fill it with "
                        "..._init\n"
                      : "",
      p, first->name, model->state_size ? ", &state" : "",
      model->state_size ? ", and a state each" : "");
  ee_cli_text_printf(text,
                     "#ifndef %s_H_\n#define %s_H_\n\n#include \"eerie_micro.h\"\n\n"
                     "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n",
                     u, u);
}

static void write_memory(const ee_cli_embed_model_t *model, ee_cli_text_t *text) {
  ee_cli_text_printf(text,
                     "/* Bytes. The most that is needed at once is %" PRIu64 ". */\n"
                     "#define %s_ARENA_SIZE %" PRIu64 "\n"
                     "#define %s_STATE_SIZE %" PRIu64 "\n\n"
                     "typedef struct {\n"
                     "  EERIE_MICRO_ALIGNED uint8_t bytes[%s_ARENA_SIZE ? %s_ARENA_SIZE : 1];\n"
                     "} %s_arena_t;\n",
                     model->live_size, model->upper, model->arena_size, model->upper,
                     model->state_size, model->upper, model->upper, model->prefix);
  if (model->has_init)
    ee_cli_text_printf(text,
                       "typedef struct {\n"
                       "  EERIE_MICRO_ALIGNED uint8_t bytes[%s_STATE_SIZE ? %s_STATE_SIZE : 1];\n"
                       "} %s_state_t;\n",
                       model->upper, model->upper, model->prefix);
  ee_cli_text_string(text, "\n");
}

void ee_cli_embed_write_header(const ee_cli_embed_model_t *model, ee_cli_text_t *text) {
  write_opening(model, text);
  write_memory(model, text);
  for (size_t i = 0; i < model->function_count; ++i) {
    const eerie_plan_function_t *plan = model->functions[i].plan;
    for (size_t j = 0; j < plan->input_count + plan->output_count; ++j)
      write_type(model, value_at(plan, j), text);
  }
  if (model->has_init) {
    ee_cli_text_string(text, "\n/* Fills the state: once, before any other function. */");
    write_function(model, &model->functions[model->function_count], text);
  }
  for (size_t i = 0; i < model->function_count; ++i)
    write_function(model, &model->functions[i], text);
  ee_cli_text_printf(text,
                     "\n#ifdef __cplusplus\n} /* extern \"C\" */\n#endif\n#endif /* %s_H_ */\n",
                     model->upper);
}
