// embed_function.c: a function of the model as a function of C: checks, then a call of a kernel, a
// memcpy or a fill for each step.
//
// All that is known now is a constant in that code. What kernels are told lies on the stack: memory
// of the caller, so that calls may overlap. Between two dispatches only what differs is written.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "embed.h"

enum { DIMENSIONS = 3 };
static const char *const axes[DIMENSIONS] = {"_x", "_y", "_z"};

// What has been written into the dispatch's fields when the code is at some step.
typedef struct told {
  bool anything;
  uint32_t workgroup_size[DIMENSIONS], workgroup_count[DIMENSIONS];
  size_t constant_count, binding_count;
  size_t constants, sizes;      // numbers of the tables; SIZE_MAX: none
  bool moved[DIMENSIONS];       // the workgroup's number is not 0
  ee_cli_embed_place_t *places; // of bindings
  size_t place_count;
} told_t;

typedef struct writer {
  const ee_cli_embed_model_t *model;
  const ee_cli_embed_function_t *function;
  ee_cli_text_t *text;
  eerie_error_t *err;
  told_t told;
} writer_t;

static bool is_init(const writer_t *writer) {
  return writer->function->plan == &writer->model->plan->initialization;
}

// ---- Kernels -----------------------------------------------------------------------------------

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
  return EERIE_OK;
}

static eerie_status_t check_kernel(const writer_t *writer, const eerie_plan_step_t *step,
                                   size_t number) {
  const ee_cli_embed_kernel_t *kernel = &writer->model->object->kernels[number];
  if (kernel->constant_count != step->constant_count ||
      kernel->binding_count != step->binding_count)
    return ee_cli_error(writer->err, EERIE_INVALID_ARGUMENT,
                        "kernel %zu of the object file takes %u constants and %u bindings, the "
                        "module gives %zu and %zu: they do not belong together",
                        number, kernel->constant_count, kernel->binding_count, step->constant_count,
                        step->binding_count);
  if (kernel->local_memory_pages)
    return ee_cli_error(writer->err, EERIE_UNIMPLEMENTED,
                        "kernel '%s' needs %u pages of local memory, which a plan does not give",
                        step->kernel ? step->kernel : "of a number",
                        (unsigned)kernel->local_memory_pages);
  for (int i = 0; i < DIMENSIONS; ++i)
    if (step->workgroup_count[i] > (i == 2 ? 0xFFFFu : 0x7FFFFFFFu))
      return ee_cli_error(writer->err, EERIE_OUT_OF_RANGE, "a dispatch of %" PRIu32 " workgroups",
                          step->workgroup_count[i]);
  return EERIE_OK;
}

static bool is_dispatch(const eerie_plan_step_t *step) {
  return step->kind == EERIE_PLAN_DISPATCH;
}

bool ee_cli_embed_dispatches(const ee_cli_embed_function_t *function) {
  for (size_t i = 0; i < function->plan->step_count; ++i)
    if (is_dispatch(&function->plan->steps[i])) return true;
  return false;
}

static size_t most_bindings(const ee_cli_embed_function_t *function) {
  size_t most = 1; // C has no array of none
  for (size_t i = 0; i < function->plan->step_count; ++i)
    if (function->plan->steps[i].binding_count > most)
      most = function->plan->steps[i].binding_count;
  return most;
}

// ---- Addresses ---------------------------------------------------------------------------------

// An expression of type const uint8_t *, or with `writable` uint8_t *.
static void write_place(const writer_t *writer, const ee_cli_embed_place_t *place, bool writable) {
  ee_cli_text_t *text = writer->text;
  const size_t inputs = writer->function->plan->input_count;
  ee_cli_text_printf(text, "(%suint8_t *)", writable ? "" : "const ");
  switch (place->base) {
  case EE_CLI_EMBED_CONSTANT: ee_cli_text_printf(text, "constant%zu", place->constant); break;
  case EE_CLI_EMBED_ARENA: ee_cli_text_string(text, "arena"); break;
  case EE_CLI_EMBED_STATE: ee_cli_text_string(text, "state"); break;
  default: {
    const size_t value = place->base - EE_CLI_EMBED_VALUES;
    ee_cli_text_printf(text, value < inputs ? "in%zu" : "out%zu",
                       value < inputs ? value : value - inputs);
  }
  }
  if (place->offset) ee_cli_text_printf(text, " + %" PRIu64, place->offset);
}

static ee_cli_embed_place_t place_of(const writer_t *writer, const eerie_plan_range_t *range) {
  return ee_cli_embed_place(writer->model, writer->function, range);
}

static bool same_place(const ee_cli_embed_place_t *a, const ee_cli_embed_place_t *b) {
  return a->base == b->base && a->offset == b->offset &&
         (a->base != EE_CLI_EMBED_CONSTANT || a->constant == b->constant);
}

// ---- Dispatches --------------------------------------------------------------------------------

static bool same_sizes(const eerie_plan_step_t *a, const eerie_plan_step_t *b) {
  bool same = a->binding_count == b->binding_count;
  for (size_t i = 0; same && i < a->binding_count; ++i)
    same = a->bindings[i].size == b->bindings[i].size;
  return same;
}

static bool same_constants(const eerie_plan_step_t *a, const eerie_plan_step_t *b) {
  return a->constant_count == b->constant_count &&
         (!a->constant_count ||
          memcmp(a->constants, b->constants, a->constant_count * sizeof *a->constants) == 0);
}

// The first dispatch whose table is as that of `step`, which may be that itself.
static size_t find_table(const writer_t *writer, size_t index,
                         bool (*same)(const eerie_plan_step_t *, const eerie_plan_step_t *)) {
  const eerie_plan_step_t *steps = writer->function->plan->steps;
  for (size_t i = 0; i < index; ++i)
    if (is_dispatch(&steps[i]) && same(&steps[i], &steps[index])) return i;
  return index;
}

static size_t sizes_of(const writer_t *writer, size_t index) {
  return writer->function->plan->steps[index].binding_count ? find_table(writer, index, same_sizes)
                                                            : SIZE_MAX;
}

static size_t constants_of(const writer_t *writer, size_t index) {
  return writer->function->plan->steps[index].constant_count
             ? find_table(writer, index, same_constants)
             : SIZE_MAX;
}

static void write_tables(const writer_t *writer) {
  const eerie_plan_function_t *plan = writer->function->plan;
  ee_cli_text_t *text = writer->text;
  for (size_t i = 0; i < plan->step_count; ++i) {
    const eerie_plan_step_t *step = &plan->steps[i];
    if (!is_dispatch(step)) continue;
    if (sizes_of(writer, i) == i) {
      ee_cli_text_printf(text, "  static const size_t sizes%zu[] = {", i);
      for (size_t j = 0; j < step->binding_count; ++j)
        ee_cli_text_printf(text, "%s%" PRIu64, j ? ", " : "", step->bindings[j].size);
      ee_cli_text_string(text, "};\n");
    }
    if (constants_of(writer, i) == i) {
      ee_cli_text_printf(text, "  static const uint32_t constants%zu[] = {", i);
      for (size_t j = 0; j < step->constant_count; ++j)
        ee_cli_text_printf(text, "%s%" PRIu32 "u", j ? ", " : "", step->constants[j]);
      ee_cli_text_string(text, "};\n");
    }
  }
}

static void tell_number(writer_t *writer, const char *field, const char *axis, uint64_t value,
                        bool differs) {
  if (differs || !writer->told.anything)
    ee_cli_text_printf(writer->text, "  dispatch.%s%s = %" PRIu64 ";\n", field, axis, value);
}

static void tell_table(writer_t *writer, const char *field, const char *table, size_t number,
                       bool differs) {
  if (!differs && writer->told.anything) return;
  if (number == SIZE_MAX)
    ee_cli_text_printf(writer->text, "  dispatch.%s = NULL;\n", field);
  else
    ee_cli_text_printf(writer->text, "  dispatch.%s = %s%zu;\n", field, table, number);
}

static void tell_bindings(writer_t *writer, const eerie_plan_step_t *step) {
  told_t *told = &writer->told;
  for (size_t i = 0; i < step->binding_count; ++i) {
    const ee_cli_embed_place_t place = place_of(writer, &step->bindings[i]);
    if (i < told->place_count && same_place(&place, &told->places[i])) continue;
    ee_cli_text_printf(writer->text, "  bindings[%zu] = ", i);
    write_place(writer, &place, false);
    ee_cli_text_string(writer->text, ";\n");
    told->places[i] = place;
    if (i >= told->place_count) told->place_count = i + 1;
  }
}

// In the order of the structure, which compilers make fewer instructions of.
static void tell_fields(writer_t *writer, size_t index, size_t number) {
  const eerie_plan_step_t *step = &writer->function->plan->steps[index];
  const ee_cli_embed_kernel_t *kernel = &writer->model->object->kernels[number];
  told_t *told = &writer->told;
  const size_t constants = constants_of(writer, index), sizes = sizes_of(writer, index);
  for (int i = 0; i < DIMENSIONS; ++i)
    tell_number(writer, "workgroup_size", axes[i], kernel->workgroup_size[i],
                kernel->workgroup_size[i] != told->workgroup_size[i]);
  tell_number(writer, "constant_count", "", step->constant_count,
              step->constant_count != told->constant_count);
  for (int i = 0; i < DIMENSIONS; ++i)
    tell_number(writer, "workgroup_count", axes[i], step->workgroup_count[i],
                step->workgroup_count[i] != told->workgroup_count[i]);
  if (!told->anything) ee_cli_text_string(writer->text, "  dispatch.max_concurrency = 1;\n");
  tell_number(writer, "binding_count", "", step->binding_count,
              step->binding_count != told->binding_count);
  tell_table(writer, "constants", "constants", constants, constants != told->constants);
  if (!told->anything) ee_cli_text_string(writer->text, "  dispatch.bindings = bindings;\n");
  tell_table(writer, "binding_sizes", "sizes", sizes, sizes != told->sizes);
  memcpy(told->workgroup_size, kernel->workgroup_size, sizeof told->workgroup_size);
  memcpy(told->workgroup_count, step->workgroup_count, sizeof told->workgroup_count);
  told->constant_count = step->constant_count;
  told->binding_count = step->binding_count;
  told->constants = constants;
  told->sizes = sizes;
}

static void tell_group(writer_t *writer, const eerie_plan_step_t *step) {
  told_t *told = &writer->told;
  for (int i = 0; i < DIMENSIONS; ++i) {
    const bool loops = step->workgroup_count[i] > 1;
    if (!loops && (told->moved[i] || !told->anything))
      ee_cli_text_printf(writer->text, "  group.id%s = 0;\n", axes[i]);
    told->moved[i] = loops;
  }
  if (!told->anything)
    ee_cli_text_string(writer->text, "  group.reserved = 0;\n"
                                     "  group.processor_id = 0;\n"
                                     "  group.local_memory = NULL;\n"
                                     "  group.local_memory_size = 0;\n");
}

static eerie_status_t write_dispatch(writer_t *writer, size_t index) {
  const eerie_plan_step_t *step = &writer->function->plan->steps[index];
  ee_cli_text_t *text = writer->text;
  size_t number;
  eerie_status_t status = find_kernel(writer, step, &number);
  if (!status) status = check_kernel(writer, step, number);
  if (status) return status;
  ee_cli_text_string(text, "\n  /* ");
  ee_cli_c_comment(text, step->kernel ? step->kernel : "a kernel");
  ee_cli_text_string(text, " */\n");
  tell_bindings(writer, step);
  tell_fields(writer, index, number);
  tell_group(writer, step);
  writer->told.anything = true;
  int depth = 2;
  for (int i = DIMENSIONS; i-- != 0;) {
    if (step->workgroup_count[i] <= 1) continue;
    const char axis = axes[i][1];
    ee_cli_text_printf(text, "%*sfor (uint32_t %c = 0; %c < %" PRIu32 "u; ++%c) {\n", depth, "",
                       axis, axis, step->workgroup_count[i], axis);
    depth += 2;
    ee_cli_text_printf(text, "%*sgroup.id_%c = %s%c;\n", depth, "", axis,
                       axis == 'z' ? "(uint16_t)" : "", axis);
  }
  ee_cli_text_printf(text,
                     "%*sif (kernels[%zu](&environment, &dispatch, &group)) return "
                     "EERIE_MICRO_INTERNAL;\n",
                     depth, "", number);
  while ((depth -= 2) >= 2)
    ee_cli_text_printf(text, "%*s}\n", depth, "");
  return EERIE_OK;
}

// ---- Copies and fills --------------------------------------------------------------------------

static void write_copy(const writer_t *writer, const ee_cli_embed_place_t *to,
                       const eerie_plan_range_t *from) {
  const ee_cli_embed_place_t source = place_of(writer, from);
  ee_cli_text_string(writer->text, "\n  memcpy(");
  write_place(writer, to, true);
  ee_cli_text_string(writer->text, ", ");
  write_place(writer, &source, false);
  ee_cli_text_printf(writer->text, ", %" PRIu64 ");\n", from->size);
}

// Whether all bytes of a pattern are the first.
static bool is_one_byte(const eerie_plan_step_t *step) {
  for (uint32_t i = 1; i < step->pattern_size; ++i)
    if ((uint8_t)(step->pattern >> (8 * i)) != (uint8_t)step->pattern) return false;
  return true;
}

static void write_fill(const writer_t *writer, const eerie_plan_step_t *step) {
  const ee_cli_embed_place_t to = place_of(writer, &step->target);
  const bool plain = is_one_byte(step);
  ee_cli_text_printf(writer->text, "\n  %s(", plain ? "memset" : "eerie_micro_fill");
  write_place(writer, &to, true);
  if (plain)
    ee_cli_text_printf(writer->text, ", %u, %" PRIu64 ");\n", (unsigned)(step->pattern & 0xFF),
                       step->target.size);
  else
    ee_cli_text_printf(writer->text, ", %" PRIu64 ", 0x%" PRIx64 "u, %" PRIu32 ");\n",
                       step->target.size, step->pattern, step->pattern_size);
}

static eerie_status_t write_steps(writer_t *writer) {
  const eerie_plan_function_t *plan = writer->function->plan;
  for (size_t i = 0; i < plan->step_count; ++i) {
    const eerie_plan_step_t *step = &plan->steps[i];
    eerie_status_t status = EERIE_OK;
    if (is_dispatch(step)) {
      status = write_dispatch(writer, i);
    } else if (step->kind == EERIE_PLAN_FILL) {
      write_fill(writer, step);
    } else {
      const ee_cli_embed_place_t to = place_of(writer, &step->target);
      write_copy(writer, &to, &step->source);
    }
    if (status) return status;
  }
  // Results that are not made where the caller wants them.
  for (size_t i = 0; i < plan->output_count; ++i) {
    const ee_cli_embed_place_t to = ee_cli_embed_output(writer->function, i);
    if (ee_cli_embed_output_is_apart(writer->model, writer->function, i))
      write_copy(writer, &to, &plan->results[i]);
  }
  return EERIE_OK;
}

// ---- The beginning -----------------------------------------------------------------------------

bool ee_cli_embed_has_state(const ee_cli_embed_model_t *model,
                            const ee_cli_embed_function_t *function) {
  return model->state_size || function->plan == &model->plan->initialization;
}

void ee_cli_embed_write_run(const ee_cli_embed_model_t *model,
                            const ee_cli_embed_function_t *function, ee_cli_text_t *text) {
  const eerie_plan_function_t *plan = function->plan;
  ee_cli_text_printf(text, "int %s_%s_run(uint32_t plan, void *arena", model->prefix,
                     function->name);
  if (ee_cli_embed_has_state(model, function)) ee_cli_text_string(text, ", void *state");
  for (size_t i = 0; i < plan->input_count; ++i)
    ee_cli_text_printf(text, ", const void *in%zu", i);
  for (size_t i = 0; i < plan->output_count; ++i)
    ee_cli_text_printf(text, ", void *out%zu", i);
  ee_cli_text_string(text, ")");
}

// Calls `each` for every address that the function takes: its name, and the bytes that it has.
static void for_addresses(const writer_t *writer,
                          void (*each)(const writer_t *, const char *name, uint64_t size)) {
  const eerie_plan_function_t *plan = writer->function->plan;
  char name[32];
  each(writer, "arena", writer->function->arena_size);
  if (ee_cli_embed_has_state(writer->model, writer->function))
    each(writer, "state", writer->model->state_size);
  for (size_t i = 0; i < plan->input_count + plan->output_count; ++i) {
    const bool input = i < plan->input_count;
    const size_t index = input ? i : i - plan->input_count;
    snprintf(name, sizeof name, "%s%zu", input ? "in" : "out", index);
    each(writer, name, ee_cli_embed_tensor_size(input ? &plan->inputs[i] : &plan->outputs[index]));
  }
}

// NULL is as good as any where no bytes are used.
static void check_null(const writer_t *writer, const char *name, uint64_t size) {
  if (size) ee_cli_text_printf(writer->text, "!%s || ", name);
}

static void check_alignment(const writer_t *writer, const char *name, uint64_t size) {
  (void)size;
  ee_cli_text_printf(writer->text, "%s(uintptr_t)%s", strcmp(name, "arena") ? " | " : "", name);
}

static void write_checks(const writer_t *writer) {
  const ee_cli_embed_model_t *model = writer->model;
  ee_cli_text_t *text = writer->text;
  ee_cli_text_printf(text, "  if (plan != %s_PLAN) return EERIE_MICRO_INCOMPATIBLE;\n",
                     model->upper);
  ee_cli_text_string(text, "  if (");
  for_addresses(writer, check_null);
  ee_cli_text_string(text, "((");
  for_addresses(writer, check_alignment);
  ee_cli_text_string(text, ") % EERIE_MICRO_ALIGNMENT) != 0)\n"
                           "    return EERIE_MICRO_INVALID_ARGUMENT;\n");
  if (!ee_cli_embed_dispatches(writer->function)) return;
  ee_cli_text_printf(text,
                     "  const eerie_micro_library_t *library =\n"
                     "      %s(EERIE_MICRO_LIBRARY_VERSION, &environment);\n"
                     "  if (!library || library->exports.count != %zu) return "
                     "EERIE_MICRO_INCOMPATIBLE;\n"
                     "  const eerie_micro_kernel_t *kernels = library->exports.kernels;\n"
                     "  const void *bindings[%zu];\n"
                     "  eerie_micro_dispatch_t dispatch;\n"
                     "  eerie_micro_workgroup_t group;\n",
                     model->object->query, model->object->kernel_count,
                     most_bindings(writer->function));
}

eerie_status_t ee_cli_embed_write_function(const ee_cli_embed_model_t *model,
                                           const ee_cli_embed_function_t *function,
                                           ee_cli_text_t *text, eerie_error_t *err) {
  writer_t writer = {.model = model, .function = function, .text = text, .err = err};
  writer.told.places = calloc(most_bindings(function), sizeof *writer.told.places);
  if (!writer.told.places) return ee_cli_error(err, EERIE_RESOURCE_EXHAUSTED, "out of memory");
  ee_cli_text_printf(text, "\n/* %s */\n", is_init(&writer) ? "initialisation" : function->name);
  ee_cli_embed_write_run(model, function, text);
  ee_cli_text_string(text, " {\n");
  write_tables(&writer);
  write_checks(&writer);
  const eerie_status_t status = write_steps(&writer);
  ee_cli_text_string(text, "  return EERIE_MICRO_OK;\n}\n");
  free(writer.told.places);
  return status;
}
