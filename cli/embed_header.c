// embed_header.c: what the program that calls the model includes: types of tensors, sizes of
// memory, a function for each function of the model.
#define _GNU_SOURCE

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "embed.h"

// ---- Types -------------------------------------------------------------------------------------

uint64_t ee_cli_embed_tensor_size(const eerie_type_t *type) {
  uint64_t bits = eerie_dtype_bits(type->dtype);
  for (size_t i = 0; i < type->rank; ++i)
    bits *= (uint64_t)type->shape[i];
  return (bits + 7) / 8;
}

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
    const uint64_t size = ee_cli_embed_tensor_size(type);
    ee_cli_text_printf(text, "[%" PRIu64 "]", size ? size : 1); // C has no array of none
  } else {
    for (size_t i = 0; i < type->rank; ++i)
      ee_cli_text_printf(text, "[%" PRId64 "]", type->shape[i]);
    if (type->rank == 0) ee_cli_text_string(text, "[1]");
  }
  ee_cli_text_string(text, ";\n} ");
  write_type_name(model, type, text);
  ee_cli_text_string(text, "; /* ");
  ee_cli_c_comment(text, type->text);
  ee_cli_text_string(text, " */\n");
}

// ---- Functions ---------------------------------------------------------------------------------

// The memory that a function takes, in the order of its parameters: arena, state, inputs, outputs.
typedef struct memory {
  const eerie_type_t *type; // NULL: arena or state
  bool constant;
  char *name; // owned
  uint64_t size;
} memory_t;

static size_t memory_count(const ee_cli_embed_model_t *model,
                           const ee_cli_embed_function_t *function) {
  return 1u + ee_cli_embed_has_state(model, function) + function->plan->input_count +
         function->plan->output_count;
}

// Of what is not a tensor: arena, state, and how many bytes a parameter has.
static bool is_reserved(const char *name) {
  const size_t length = strlen(name);
  return strcmp(name, "arena") == 0 || strcmp(name, "state") == 0 ||
         (length > 5 && strcmp(name + length - 5, "_size") == 0);
}

static bool is_taken(const memory_t *memories, size_t count, const char *name) {
  for (size_t i = 0; i < count; ++i)
    if (strcmp(memories[i].name, name) == 0) return true;
  return is_reserved(name);
}

// A name for parameter `index` that none before it has; NULL: no memory.
static char *memory_name(const memory_t *memories, size_t index, const char *given, size_t value) {
  char *name = ee_cli_c_identifier(given ? given : "", true);
  while (name && is_taken(memories, index, name)) {
    char *longer = NULL;
    if (asprintf(&longer, "%s_%zu", name, value) < 0) longer = NULL;
    free(name);
    name = longer;
  }
  return name;
}

static void free_memories(memory_t *memories, size_t count) {
  for (size_t i = 0; memories && i < count; ++i)
    free(memories[i].name);
  free(memories);
}

// NULL: no memory.
static memory_t *make_memories(const ee_cli_embed_model_t *model,
                               const ee_cli_embed_function_t *function) {
  const size_t first = 1u + ee_cli_embed_has_state(model, function);
  const size_t count = memory_count(model, function);
  memory_t *memories = calloc(count, sizeof *memories);
  for (size_t i = 0; memories && i < count; ++i) {
    memory_t *memory = &memories[i];
    if (i < first) {
      memory->name = strdup(i ? "state" : "arena");
      memory->size = i ? model->state_size : model->arena_size;
    } else {
      memory->type = value_at(function->plan, i - first);
      memory->constant = i - first < function->plan->input_count;
      memory->name = memory_name(memories, i, memory->type->name, i - first);
      memory->size = ee_cli_embed_tensor_size(memory->type);
    }
    if (memory->name) continue;
    free_memories(memories, count);
    return NULL;
  }
  return memories;
}

static void write_memory_type(const ee_cli_embed_model_t *model, const memory_t *memory, bool typed,
                              ee_cli_text_t *text) {
  if (memory->constant) ee_cli_text_string(text, "const ");
  if (!typed)
    ee_cli_text_string(text, "void");
  else if (memory->type)
    write_type_name(model, memory->type, text);
  else
    ee_cli_text_printf(text, "%s_%s_t", model->prefix, memory->name);
}

static void write_parameters(const ee_cli_embed_model_t *model, const memory_t *memories,
                             size_t count, bool typed, ee_cli_text_t *text) {
  for (size_t i = 0; i < count; ++i) {
    ee_cli_text_string(text, i ? ",\n    " : "\n    ");
    write_memory_type(model, &memories[i], typed, text);
    ee_cli_text_printf(text, " *%s", memories[i].name);
    if (!typed) ee_cli_text_printf(text, ", size_t %s_size", memories[i].name);
  }
}

// A shape is a type, and the size of a type is right; bytes are counted.
static void write_size_checks(const memory_t *memories, size_t count, ee_cli_text_t *text) {
  for (size_t i = 0; i < count; ++i) {
    const memory_t *memory = &memories[i];
    if (memory->type)
      ee_cli_text_printf(text,
                         "  if (%s_size != %" PRIu64 ") return EERIE_MICRO_INVALID_ARGUMENT;\n",
                         memory->name, memory->size);
    else if (memory->size)
      ee_cli_text_printf(text,
                         "  if (%s_size < %" PRIu64 ") return EERIE_MICRO_RESOURCE_EXHAUSTED;\n",
                         memory->name, memory->size);
    else
      ee_cli_text_printf(text, "  (void)%s_size;\n", memory->name);
  }
}

static void write_call(const ee_cli_embed_model_t *model, const ee_cli_embed_function_t *function,
                       const memory_t *memories, size_t count, ee_cli_text_t *text) {
  ee_cli_text_printf(text, "  return %s_%s_run(%s_PLAN", model->prefix, function->name,
                     model->upper);
  for (size_t i = 0; i < count; ++i)
    ee_cli_text_printf(text, ", %s", memories[i].name);
  ee_cli_text_string(text, ");\n}\n");
}

static void write_function(const ee_cli_embed_model_t *model,
                           const ee_cli_embed_function_t *function, ee_cli_text_t *text) {
  const char *p = model->prefix, *name = function->name;
  const size_t count = memory_count(model, function);
  memory_t *memories = make_memories(model, function);
  if (!memories) {
    text->failed = true;
    return;
  }
  ee_cli_embed_write_run(model, function, text);
  ee_cli_text_printf(text, ";\nstatic inline int %s_%s(", p, name);
  write_parameters(model, memories, count, true, text);
  ee_cli_text_string(text, ") {\n");
  write_call(model, function, memories, count, text);
  ee_cli_text_printf(text, "static inline int %s_%s_sized(", p, name);
  write_parameters(model, memories, count, false, text);
  ee_cli_text_string(text, ") {\n");
  write_size_checks(memories, count, text);
  write_call(model, function, memories, count, text);
  free_memories(memories, count);
}

// ---- The file ----------------------------------------------------------------------------------

static void write_opening(const ee_cli_embed_model_t *model, ee_cli_text_t *text) {
  const char *p = model->prefix, *u = model->upper;
  const ee_cli_embed_function_t *first = &model->functions[0];
  const bool has_kernels = model->object->query != NULL;
  ee_cli_text_printf(
      text,
      "/* %s.h: %s as firmware for %s.\n"
      " *\n"
      " * Written by `eerie embed`; changes are lost when it is written again.\n"
      " *\n"
      " *   %s.h, %s.c      this, and what the functions do: calls of kernels, with the weights "
      "as\n"
      " *                   constants that stay in flash\n"
      "%s%s%s"
      " *   eerie_micro.h   what kernels are told\n"
      " *   CMakeLists.txt  for add_subdirectory: the library `%s`\n"
      " *   %s.mk           for include: %s_SOURCES, %s_OBJECTS, %s_CFLAGS, %s_LDFLAGS\n"
      " *\n"
      " * Compile with\n"
      " *   %s\n"
      " *\n",
      p, model->source, model->target->name, p, p, has_kernels ? " *   " : "", has_kernels ? p : "",
      has_kernels ? "_kernels.o    the kernels\n" : "", p, p, u, u, u, u, model->target->flags);
  ee_cli_text_printf(
      text,
      " *   static %s_arena_t arena;\n"
      "%s%s%s"
      " *   status = %s_%s(&arena%s, ...);\n"
      " *\n"
      " * A function takes typed memory, or with ..._sized any whose bytes are counted; all must "
      "begin at\n"
      " * multiples of 64. It returns 0, or a status of eerie_micro.h. It keeps nothing in the "
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

static void write_sizes(const ee_cli_embed_model_t *model, uint32_t number, ee_cli_text_t *text) {
  ee_cli_text_printf(text,
                     "/* Tells this plan from others; a program that was compiled for another is "
                     "refused. */\n"
                     "#define %s_PLAN 0x%08" PRIx32 "u\n\n"
                     "/* Bytes. The most that is needed at once is %" PRIu64 ". */\n"
                     "#define %s_ARENA_SIZE %" PRIu64 "\n"
                     "#define %s_STATE_SIZE %" PRIu64 "\n\n"
                     "typedef struct {\n"
                     "  EERIE_MICRO_ALIGNED uint8_t bytes[%s_ARENA_SIZE ? %s_ARENA_SIZE : 1];\n"
                     "} %s_arena_t;\n",
                     model->upper, number, model->live_size, model->upper, model->arena_size,
                     model->upper, model->state_size, model->upper, model->upper, model->prefix);
  if (model->has_init)
    ee_cli_text_printf(text,
                       "typedef struct {\n"
                       "  EERIE_MICRO_ALIGNED uint8_t bytes[%s_STATE_SIZE ? %s_STATE_SIZE : 1];\n"
                       "} %s_state_t;\n",
                       model->upper, model->upper, model->prefix);
  ee_cli_text_string(text, "\n");
}

void ee_cli_embed_write_header(const ee_cli_embed_model_t *model, uint32_t number,
                               ee_cli_text_t *text) {
  write_opening(model, text);
  write_sizes(model, number, text);
  for (size_t i = 0; i < model->function_count; ++i) {
    const eerie_plan_function_t *plan = model->functions[i].plan;
    for (size_t j = 0; j < plan->input_count + plan->output_count; ++j)
      write_type(model, value_at(plan, j), text);
  }
  if (model->has_init) {
    ee_cli_text_string(text, "\n/* Fills the state: once, before any other function. */\n");
    write_function(model, &model->functions[model->function_count], text);
  }
  for (size_t i = 0; i < model->function_count; ++i) {
    ee_cli_text_string(text, "\n");
    write_function(model, &model->functions[i], text);
  }
  ee_cli_text_printf(text,
                     "\n#ifdef __cplusplus\n} /* extern \"C\" */\n#endif\n#endif /* %s_H_ */\n",
                     model->upper);
}
