// bind_function.c: the C function for an export, and the C types of its tensors.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bind.h"
#include "c_names.h"

// ---- Types -------------------------------------------------------------------------------------

static bool is_static(const ee_cli_declared_t *type) {
  if (type->kind != EERIE_KIND_TENSOR || type->rank == SIZE_MAX || !ee_cli_c_type(type->dtype))
    return false;
  for (size_t i = 0; i < type->rank; ++i)
    if (type->shape[i] <= 0) return false;
  return true;
}

// A tensor whose elements C can name, with a rank: the dynamic sizes become arguments.
static bool has_dims(const ee_cli_declared_t *type) {
  return type->kind == EERIE_KIND_TENSOR && type->rank != SIZE_MAX && ee_cli_c_type(type->dtype);
}

static void write_type_name(ee_cli_binder_t *binder, const ee_cli_declared_t *type) {
  char *const dtype = ee_cli_c_identifier(eerie_dtype_name(type->dtype), false);
  ee_cli_text_printf(&binder->text, "%s_%s", binder->prefix, dtype ? dtype : "");
  free(dtype);
  for (size_t i = 0; i < type->rank; ++i)
    ee_cli_text_printf(&binder->text, "%c%" PRId64, i ? 'x' : '_', type->shape[i]);
  ee_cli_text_string(&binder->text, "_t");
}

static bool same_type(const ee_cli_declared_t *a, const ee_cli_declared_t *b) {
  if (a->dtype != b->dtype || a->rank != b->rank) return false;
  for (size_t i = 0; i < a->rank; ++i)
    if (a->shape[i] != b->shape[i]) return false;
  return true;
}

// Whether an earlier argument or result has brought this type.
static bool is_written(const ee_cli_binder_t *binder, const ee_cli_declared_t *type) {
  for (size_t i = 0; i < binder->function_count; ++i) {
    const ee_cli_declaration_t *const types = &binder->functions[i].types;
    for (size_t j = 0; j < types->input_count + types->output_count; ++j) {
      const ee_cli_declared_t *const other =
          j < types->input_count ? &types->inputs[j] : &types->outputs[j - types->input_count];
      if (other == type) return false;
      if (is_static(other) && same_type(other, type)) return true;
    }
  }
  return false;
}

void ee_cli_bind_write_type(ee_cli_binder_t *binder, const ee_cli_declared_t *type) {
  if (!is_static(type) || is_written(binder, type)) return;
  ee_cli_text_printf(&binder->text, "typedef struct {\n  %s_ALIGNED %s data", binder->guard_prefix,
                     ee_cli_c_type(type->dtype));
  for (size_t i = 0; i < type->rank; ++i)
    ee_cli_text_printf(&binder->text, "[%" PRId64 "]", type->shape[i]);
  if (type->rank == 0) ee_cli_text_string(&binder->text, "[1]");
  ee_cli_text_string(&binder->text, ";\n} ");
  write_type_name(binder, type);
  ee_cli_text_string(&binder->text, "; // ");
  ee_cli_c_comment(&binder->text, type->text);
  ee_cli_text_string(&binder->text, "\n");
}

static const char *scalar_type(eerie_kind_t kind) {
  switch (kind) {
  case EERIE_KIND_I32: return "int32_t";
  case EERIE_KIND_I64: return "int64_t";
  case EERIE_KIND_F32: return "float";
  case EERIE_KIND_F64: return "double";
  default: return NULL;
  }
}

static const char *scalar_member(eerie_kind_t kind) {
  switch (kind) {
  case EERIE_KIND_I32: return "i32";
  case EERIE_KIND_I64: return "i64";
  case EERIE_KIND_F32: return "f32";
  default: return "f64";
  }
}

static const char *kind_name(eerie_kind_t kind) {
  switch (kind) {
  case EERIE_KIND_I32: return "EERIE_KIND_I32";
  case EERIE_KIND_I64: return "EERIE_KIND_I64";
  case EERIE_KIND_F32: return "EERIE_KIND_F32";
  default: return "EERIE_KIND_F64";
  }
}

// ---- One function ------------------------------------------------------------------------------

static void write_input_parameter(ee_cli_binder_t *binder, const ee_cli_declared_t *type,
                                  const char *name) {
  ee_cli_text_t *const text = &binder->text;
  if (scalar_type(type->kind)) {
    ee_cli_text_printf(text, ", %s %s", scalar_type(type->kind), name);
  } else if (is_static(type)) {
    ee_cli_text_string(text, ", const ");
    write_type_name(binder, type);
    ee_cli_text_printf(text, " *%s", name);
  } else if (has_dims(type)) {
    ee_cli_text_printf(text, ", const %s *%s", ee_cli_c_type(type->dtype), name);
    for (size_t i = 0; i < type->rank; ++i)
      if (type->shape[i] < 0) ee_cli_text_printf(text, ", int64_t %s_dim%zu", name, i);
  } else {
    ee_cli_text_printf(text, ", eerie_value_t %s", name);
  }
}

static void write_output_parameter(ee_cli_binder_t *binder, const ee_cli_declared_t *type,
                                   const char *name) {
  ee_cli_text_t *const text = &binder->text;
  if (scalar_type(type->kind)) {
    ee_cli_text_printf(text, ", %s *%s", scalar_type(type->kind), name);
  } else if (is_static(type)) {
    ee_cli_text_string(text, ", ");
    write_type_name(binder, type);
    ee_cli_text_printf(text, " *%s", name);
  } else if (type->kind == EERIE_KIND_TENSOR) {
    ee_cli_text_printf(text, ", eerie_tensor_t **%s", name);
  } else {
    ee_cli_text_printf(text, ", eerie_value_t *%s", name);
  }
}

static void write_input(ee_cli_binder_t *binder, const ee_cli_declared_t *type, const char *name,
                        size_t index) {
  ee_cli_text_t *const text = &binder->text;
  if (scalar_type(type->kind)) {
    ee_cli_text_printf(text, "  inputs[%zu].kind = %s;\n  inputs[%zu].as.%s = %s;\n", index,
                       kind_name(type->kind), index, scalar_member(type->kind), name);
    return;
  }
  if (!has_dims(type)) {
    ee_cli_text_printf(text, "  inputs[%zu] = %s;\n", index, name);
    return;
  }
  ee_cli_text_printf(text, "  const int64_t shape%zu[%zu] = {", index, type->rank ? type->rank : 1);
  for (size_t i = 0; i < type->rank; ++i) {
    ee_cli_text_string(text, i ? ", " : "");
    if (type->shape[i] < 0)
      ee_cli_text_printf(text, "%s_dim%zu", name, i);
    else
      ee_cli_text_printf(text, "%" PRId64, type->shape[i]);
  }
  ee_cli_text_printf(text, "%s};\n", type->rank ? "" : "0");
  ee_cli_text_printf(text,
                     "  if (status == EERIE_OK)\n"
                     "    status = %s_input(model, (eerie_dtype_t)0x%08x, %zu, shape%zu, %s%s, "
                     "&inputs[%zu], err); // ",
                     binder->prefix, (unsigned)type->dtype, type->rank, index, name,
                     is_static(type) ? "->data" : "", index);
  ee_cli_c_comment(text, type->text);
  ee_cli_text_string(text, "\n");
}

static void write_output(ee_cli_binder_t *binder, const ee_cli_declared_t *type, const char *name,
                         size_t index) {
  ee_cli_text_t *const text = &binder->text;
  if (scalar_type(type->kind)) {
    ee_cli_text_printf(text, "  if (status == EERIE_OK) *%s = outputs[%zu].as.%s;\n", name, index,
                       scalar_member(type->kind));
  } else if (is_static(type)) {
    ee_cli_text_printf(text,
                       "  if (status == EERIE_OK)\n"
                       "    status = eerie_tensor_read(outputs[%zu].as.tensor, 0, %s->data, sizeof "
                       "%s->data, err);\n",
                       index, name, name);
  } else if (type->kind == EERIE_KIND_TENSOR) {
    ee_cli_text_printf(
        text,
        "  *%s = status == EERIE_OK ? outputs[%zu].as.tensor : NULL;\n"
        "  if (status == EERIE_OK) outputs[%zu].kind = EERIE_KIND_NONE; // given away\n",
        name, index, index);
  } else {
    ee_cli_text_printf(
        text, "  *%s = outputs[%zu];\n  outputs[%zu].kind = EERIE_KIND_NONE; // given away\n", name,
        index, index);
  }
}

// The names of arguments and results, unique among themselves; the caller frees each.
static bool name_values(const ee_cli_declaration_t *types, char **names) {
  const size_t count = types->input_count + types->output_count;
  for (size_t i = 0; i < count; ++i) {
    const ee_cli_declared_t *const type =
        i < types->input_count ? &types->inputs[i] : &types->outputs[i - types->input_count];
    names[i] = ee_cli_c_identifier(type->name, true);
    if (!names[i]) return false;
    for (size_t j = 0; j < i; ++j) {
      if (strcmp(names[i], names[j]) != 0) continue;
      const size_t size = strlen(names[i]) + 24;
      char *const unique = malloc(size);
      if (!unique) return false;
      snprintf(unique, size, "%s_%zu", names[i], i);
      free(names[i]);
      names[i] = unique;
      j = SIZE_MAX; // look again from the start
    }
  }
  return true;
}

static void write_function_with(ee_cli_binder_t *binder, size_t number, char *const *names) {
  const ee_cli_bound_t *const function = &binder->functions[number];
  const ee_cli_declaration_t *const types = &function->types;
  const size_t input_count = types->input_count, output_count = types->output_count;
  ee_cli_text_t *const text = &binder->text;
  ee_cli_text_string(text, "\n// ");
  ee_cli_c_comment(text, function->export.declaration);
  ee_cli_text_string(text, "\n");
  for (size_t i = 0; i < output_count; ++i) {
    const ee_cli_declared_t *const type = &types->outputs[i];
    if (is_static(type) || scalar_type(type->kind)) continue;
    ee_cli_text_printf(text, "// `%s` is the caller's to release.\n", names[input_count + i]);
  }
  ee_cli_text_printf(text, "static inline eerie_status_t %s_%s(%s_t *model", binder->prefix,
                     function->name, binder->prefix);
  for (size_t i = 0; i < input_count; ++i)
    write_input_parameter(binder, &types->inputs[i], names[i]);
  for (size_t i = 0; i < output_count; ++i)
    write_output_parameter(binder, &types->outputs[i], names[input_count + i]);
  ee_cli_text_string(text, ", eerie_error_t *err) {\n");
  ee_cli_text_printf(text, "  eerie_value_t inputs[%zu], outputs[%zu];\n",
                     input_count ? input_count : 1, output_count ? output_count : 1);
  ee_cli_text_string(text, "  memset(inputs, 0, sizeof inputs);\n"
                           "  memset(outputs, 0, sizeof outputs);\n"
                           "  eerie_status_t status = EERIE_OK;\n");
  for (size_t i = 0; i < input_count; ++i)
    write_input(binder, &types->inputs[i], names[i], i);
  ee_cli_text_printf(text,
                     "  if (status == EERIE_OK)\n"
                     "    status = eerie_call(model->functions[%zu], inputs, %zu, outputs, %zu, "
                     "err);\n",
                     number, input_count, output_count);
  for (size_t i = 0; i < output_count; ++i)
    write_output(binder, &types->outputs[i], names[input_count + i], i);
  // What the caller gave as a value stays the caller's.
  for (size_t i = 0; i < input_count; ++i)
    if (has_dims(&types->inputs[i]))
      ee_cli_text_printf(text, "  eerie_value_release(&inputs[%zu]);\n", i);
  if (output_count)
    ee_cli_text_printf(text, "  for (int i = 0; i < %zu; ++i) eerie_value_release(&outputs[i]);\n",
                       output_count);
  ee_cli_text_string(text, "  return status;\n}\n");
}

void ee_cli_bind_write_function(ee_cli_binder_t *binder, size_t number) {
  const ee_cli_declaration_t *const types = &binder->functions[number].types;
  const size_t count = types->input_count + types->output_count;
  char **const names = calloc(count + 1, sizeof *names);
  if (names && name_values(types, names))
    write_function_with(binder, number, names);
  else
    binder->text.failed = true;
  for (size_t i = 0; names && i < count; ++i)
    free(names[i]);
  free((void *)names);
}
