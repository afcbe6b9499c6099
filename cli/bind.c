// bind.c: `eerie bind`: a C header with a typed function for each export of a module.
//
// Shapes go into C types ("model_f32_1x28x28_t"), so that a compiler sees a wrong one. What the
// header does, it does through eerie.h.
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "c_names.h"
#include "cli.h"
#include "declaration.h"
#include "eerie/eerie.h"
#include "file.h"
#include "model.h"

typedef struct bind_options {
  const char *output;
  const char *prefix;
  bool embed;
} bind_options_t;

// One function to be bound.
typedef struct bound {
  eerie_export_info_t export;
  ee_cli_declaration_t types;
  char *name; // as an identifier
} bound_t;

typedef struct binder {
  const char *module_path;
  char *prefix;       // "model"
  char *guard_prefix; // "MODEL"
  bool embed;
  bound_t *functions;
  size_t function_count;
  ee_cli_text_t text;
} binder_t;

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

static void write_type_name(binder_t *binder, const ee_cli_declared_t *type) {
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
static bool is_written(const binder_t *binder, const ee_cli_declared_t *type) {
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

static void write_type(binder_t *binder, const ee_cli_declared_t *type) {
  if (!is_static(type) || is_written(binder, type)) return;
  ee_cli_text_printf(&binder->text, "typedef struct {\n  %s_ALIGNED %s data", binder->guard_prefix,
                     ee_cli_c_type(type->dtype));
  for (size_t i = 0; i < type->rank; ++i)
    ee_cli_text_printf(&binder->text, "[%" PRId64 "]", type->shape[i]);
  if (type->rank == 0) ee_cli_text_string(&binder->text, "[1]");
  ee_cli_text_string(&binder->text, ";\n} ");
  write_type_name(binder, type);
  ee_cli_text_printf(&binder->text, "; // %s\n", type->text);
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

static void write_input_parameter(binder_t *binder, const ee_cli_declared_t *type,
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

static void write_output_parameter(binder_t *binder, const ee_cli_declared_t *type,
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

static void write_input(binder_t *binder, const ee_cli_declared_t *type, const char *name,
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
                     "&inputs[%zu], err); // %s\n",
                     binder->prefix, (unsigned)type->dtype, type->rank, index, name,
                     is_static(type) ? "->data" : "", index, type->text);
}

static void write_output(binder_t *binder, const ee_cli_declared_t *type, const char *name,
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

static void write_function_with(binder_t *binder, size_t number, char *const *names) {
  const bound_t *const function = &binder->functions[number];
  const ee_cli_declaration_t *const types = &function->types;
  const size_t input_count = types->input_count, output_count = types->output_count;
  ee_cli_text_t *const text = &binder->text;
  ee_cli_text_printf(text, "\n// %s\n", function->export.declaration);
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

static void write_function(binder_t *binder, size_t number) {
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

// ---- The header --------------------------------------------------------------------------------

static void write_opening(binder_t *binder) {
  ee_cli_text_t *const text = &binder->text;
  const char *const p = binder->prefix, *const g = binder->guard_prefix;
  const char *slash = strrchr(binder->module_path, '/');
  ee_cli_text_printf(
      text,
      "// %s.h: the functions of %s, with their types.\n"
      "//\n"
      "// Written by `eerie bind`; changes are lost when it is written again. Arrays are structs "
      "of\n"
      "// their shape, so that a wrong one does not compile; of dynamic tensors the sizes are\n"
      "// arguments and are checked when called. Inputs are copied; f16 and bf16 are given as "
      "bits.\n",
      p, slash ? slash + 1 : binder->module_path);
  if (binder->embed)
    ee_cli_text_printf(
        text,
        "// In one source file define %s_IMPLEMENTATION before this is included: the\n"
        "// module's bytes go there.\n",
        g);
  ee_cli_text_printf(text,
                     "#ifndef %s_H_\n#define %s_H_\n\n#include <stdio.h>\n#include <string.h>\n\n"
                     "#include <eerie/eerie.h>\n\n"
                     "#ifdef __cplusplus\nextern \"C\" {\n#define %s_ALIGNED "
                     "alignas(EERIE_BUFFER_ALIGNMENT)\n#else\n#define %s_ALIGNED "
                     "_Alignas(EERIE_BUFFER_ALIGNMENT)\n#endif\n\n",
                     g, g, g, g);
  ee_cli_text_printf(text,
                     "typedef struct %s {\n"
                     "  eerie_program_t *program;\n"
                     "  eerie_device_t *device;\n"
                     "  eerie_function_t *functions[%zu];\n"
                     "} %s_t;\n",
                     p, binder->function_count, p);
  if (binder->embed)
    ee_cli_text_printf(text,
                       "\nextern const unsigned char %s_module[];\n"
                       "extern const size_t %s_module_size;\n",
                       p, p);
  ee_cli_text_string(text, "\n");
  for (size_t i = 0; i < binder->function_count; ++i) {
    const ee_cli_declaration_t *const types = &binder->functions[i].types;
    for (size_t j = 0; j < types->input_count; ++j)
      write_type(binder, &types->inputs[j]);
    for (size_t j = 0; j < types->output_count; ++j)
      write_type(binder, &types->outputs[j]);
  }
}

static void write_quoted(ee_cli_text_t *text, const char *string) {
  ee_cli_text_string(text, "\"");
  for (; *string; ++string) {
    if (*string == '"' || *string == '\\') ee_cli_text_string(text, "\\");
    if ((unsigned char)*string >= 0x20) ee_cli_text_append(text, string, 1);
  }
  ee_cli_text_string(text, "\"");
}

// Finding a function, and checking that it is the one that the header was written for.
static void write_helpers(binder_t *binder) {
  ee_cli_text_t *const text = &binder->text;
  const char *const p = binder->prefix;
  ee_cli_text_printf(
      text,
      "\n// What follows here is for the functions below.\n"
      "static inline eerie_status_t %s_bind(%s_t *model, int index, const char *name,\n"
      "    const char *declaration, eerie_error_t *err) {\n"
      "  eerie_status_t status = eerie_program_find(model->program, name, "
      "&model->functions[index], err);\n"
      "  if (status != EERIE_OK) return status;\n"
      "  const char *found = eerie_function_declaration(model->functions[index]);\n"
      "  if (strcmp(found, declaration) == 0) return EERIE_OK;\n"
      "  if (err) {\n"
      "    err->code = EERIE_INCOMPATIBLE;\n"
      "    err->file = NULL;\n"
      "    err->line = 0;\n"
      "    snprintf(err->message, sizeof err->message, \"the module has '%%s', the header was "
      "written for '%%s'\",\n"
      "             found, declaration);\n"
      "  }\n"
      "  return EERIE_INCOMPATIBLE;\n"
      "}\n\n"
      "static inline eerie_status_t %s_input(%s_t *model, eerie_dtype_t dtype, size_t rank,\n"
      "    const int64_t *shape, const void *data, eerie_value_t *out, eerie_error_t *err) {\n"
      "  eerie_status_t status =\n"
      "      eerie_tensor_create(model->device, dtype, rank, shape, data, &out->as.tensor, err);\n"
      "  if (status == EERIE_OK) out->kind = EERIE_KIND_TENSOR;\n"
      "  return status;\n"
      "}\n\n",
      p, p, p, p);
}

static void write_open(binder_t *binder) {
  ee_cli_text_t *const text = &binder->text;
  const char *const p = binder->prefix;
  ee_cli_text_printf(
      text,
      "static inline void %s_close(%s_t *model) {\n"
      "  eerie_program_release(model->program);\n"
      "  eerie_device_release(model->device);\n"
      "  memset(model, 0, sizeof *model);\n"
      "}\n\n"
      "// Loads the module and links it, on the device and with the rest of `options` (NULL: the\n"
      "// defaults); its modules are not looked at. Close it with %s_close; on failure there is\n"
      "// nothing to close. INCOMPATIBLE: a module other than the header was written for.\n"
      "static inline eerie_status_t %s_open(eerie_instance_t *instance%s,\n"
      "    const eerie_program_options_t *options, %s_t *model, eerie_error_t *err) {\n"
      "  eerie_program_options_t all;\n"
      "  eerie_module_t *module = NULL;\n"
      "  memset(model, 0, sizeof *model);\n"
      "  memset(&all, 0, sizeof all);\n"
      "  if (options) all = *options;\n"
      "  eerie_status_t status = EERIE_OK;\n"
      "  if (all.device || all.device_count) {\n"
      "    model->device = all.device ? all.device : all.devices[0];\n"
      "    eerie_device_retain(model->device);\n"
      "  } else {\n"
      "    status = eerie_device_open(instance, NULL, &model->device, err);\n"
      "    all.device = model->device;\n"
      "  }\n"
      "  if (status == EERIE_OK)\n",
      p, p, p, p, binder->embed ? "" : ", const char *path", p);
  if (binder->embed)
    ee_cli_text_printf(text,
                       "    status = eerie_module_load_memory(instance, %s_module, %s_module_size, "
                       "NULL, &module, err);\n",
                       p, p);
  else
    ee_cli_text_string(
        text, "    status = eerie_module_load_file(instance, path, NULL, &module, err);\n");
  ee_cli_text_string(text,
                     "  all.module = module;\n"
                     "  if (status == EERIE_OK)\n"
                     "    status = eerie_program_create(instance, &all, &model->program, err);\n"
                     "  eerie_module_release(module);\n");
  for (size_t i = 0; i < binder->function_count; ++i) {
    ee_cli_text_printf(text,
                       "  if (status == EERIE_OK)\n"
                       "    status = %s_bind(model, %zu, ",
                       p, i);
    write_quoted(text, binder->functions[i].export.name);
    ee_cli_text_string(text, ",\n        ");
    write_quoted(text, binder->functions[i].export.declaration);
    ee_cli_text_string(text, ", err);\n");
  }
  ee_cli_text_printf(text,
                     "  if (status != EERIE_OK) %s_close(model);\n"
                     "  return status;\n"
                     "}\n",
                     p);
}

static void write_bytes(binder_t *binder, const unsigned char *data, size_t size) {
  ee_cli_text_t *const text = &binder->text;
  ee_cli_text_printf(text,
                     "\n#ifdef %s_IMPLEMENTATION\n"
                     "const size_t %s_module_size = %zu;\n"
                     "%s_ALIGNED const unsigned char %s_module[%zu] = {",
                     binder->guard_prefix, binder->prefix, size, binder->guard_prefix,
                     binder->prefix, size);
  for (size_t i = 0; i < size; ++i) {
    char digits[8];
    const int length =
        snprintf(digits, sizeof digits, "%s%u,", i % 24 ? "" : "\n", (unsigned)data[i]);
    ee_cli_text_append(text, digits, (size_t)length);
  }
  ee_cli_text_string(text, "\n};\n#endif\n");
}

static void write_header(binder_t *binder, const ee_cli_text_t *bytes) {
  write_opening(binder);
  write_helpers(binder);
  write_open(binder);
  for (size_t i = 0; i < binder->function_count; ++i)
    write_function(binder, i);
  ee_cli_text_string(&binder->text, "\n#ifdef __cplusplus\n} // extern \"C\"\n#endif\n");
  ee_cli_text_printf(&binder->text, "#endif // %s_H_\n", binder->guard_prefix);
  // Outside of the guard: whoever included the header before may still ask for the bytes.
  if (binder->embed) write_bytes(binder, (const unsigned char *)bytes->data, bytes->size);
}

// ---- The command -------------------------------------------------------------------------------

static bool is_bound(const eerie_module_t *module, const eerie_export_info_t *export) {
  if (strncmp(export->name, "__", 2) == 0) return false;
  const char *const suffix = strstr(export->name, "$async");
  if (!suffix || suffix[6]) return true;
  // The asynchronous twin of a function that is there too.
  eerie_export_info_t other;
  const size_t length = (size_t)(suffix - export->name);
  for (size_t i = 0; eerie_module_export(module, i, &other); ++i)
    if (strlen(other.name) == length && strncmp(other.name, export->name, length) == 0)
      return false;
  return true;
}

// What the header itself defines, and functions before this one.
static bool is_taken(const binder_t *binder, const char *name) {
  static const char *const own[] = {"open", "close", "bind", "input", "module", "module_size", "t"};
  for (size_t i = 0; i < sizeof own / sizeof own[0]; ++i)
    if (strcmp(own[i], name) == 0) return true;
  for (size_t i = 0; i < binder->function_count; ++i)
    if (strcmp(binder->functions[i].name, name) == 0) return true;
  return false;
}

// The function's name as an identifier that nothing else in the header has; the caller frees it.
static char *function_name(const binder_t *binder, const char *name) {
  char *result = ee_cli_c_identifier(name, false);
  while (result && is_taken(binder, result)) {
    const size_t length = strlen(result);
    char *const longer = realloc(result, length + 2);
    if (!longer) {
      free(result);
      return NULL;
    }
    result = longer;
    memcpy(result + length, "_", 2);
  }
  return result;
}

static int gather_functions(binder_t *binder, const eerie_module_t *module) {
  eerie_export_info_t export;
  for (size_t i = 0; eerie_module_export(module, i, &export); ++i) {
    if (!is_bound(module, &export)) continue;
    if (!*export.declaration)
      return ee_cli_fail(EE_CLI_BAD_INPUT,
                         "%s does not tell the types of %s: compile it with `eerie compile`, which "
                         "keeps them",
                         binder->module_path, export.name);
    bound_t *const grown = realloc(binder->functions, (binder->function_count + 1) * sizeof *grown);
    if (!grown) return ee_cli_fail(EE_CLI_FAILED, "out of memory");
    binder->functions = grown;
    bound_t *const function = &grown[binder->function_count];
    *function = (bound_t){.export = export, .name = function_name(binder, export.name)};
    ++binder->function_count;
    if (!function->name) return ee_cli_fail(EE_CLI_FAILED, "out of memory");
    eerie_error_t err = {0};
    if (ee_cli_declaration_parse(export.declaration, &function->types, &err))
      return ee_cli_fail_error(EE_CLI_BAD_INPUT, &err);
  }
  if (binder->function_count) return EE_CLI_OK;
  return ee_cli_fail(EE_CLI_BAD_INPUT, "%s exports no function", binder->module_path);
}

static int write_output_file(const bind_options_t *options, const ee_cli_text_t *text) {
  if (text->failed) return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  eerie_error_t err = {0};
  ee_cli_outputs_t outputs = {0};
  ee_cli_text_t *content = NULL;
  eerie_status_t status =
      ee_cli_outputs_open(&outputs, options->output ? options->output : "-", false, &content, &err);
  if (status == EERIE_OK) {
    ee_cli_text_append(content, text->data, text->size);
    status = ee_cli_outputs_commit(&outputs, &err);
  }
  ee_cli_outputs_free(&outputs);
  return status ? ee_cli_fail_error(EE_CLI_OUTPUT, &err) : EE_CLI_OK;
}

static int bind_module(const bind_options_t *options, const char *path,
                       eerie_instance_t *instance) {
  binder_t binder = {.module_path = path, .embed = options->embed};
  ee_cli_text_t bytes = {0};
  eerie_module_t *module = NULL;
  eerie_error_t err = {0};
  int exit_code = ee_cli_load_module(instance, path, &module);
  if (!exit_code && options->embed && ee_cli_read_file(path, &bytes, &err))
    exit_code = ee_cli_fail_error(EE_CLI_BAD_INPUT, &err);
  binder.prefix =
      options->prefix ? ee_cli_c_identifier(options->prefix, true) : ee_cli_c_prefix(path);
  binder.guard_prefix = binder.prefix ? ee_cli_c_identifier(binder.prefix, false) : NULL;
  if (!exit_code && !binder.guard_prefix) exit_code = ee_cli_fail(EE_CLI_FAILED, "out of memory");
  for (char *c = binder.guard_prefix; c && *c; ++c)
    *c = (char)toupper((unsigned char)*c);
  if (!exit_code) exit_code = gather_functions(&binder, module);
  if (!exit_code) {
    write_header(&binder, &bytes);
    exit_code = write_output_file(options, &binder.text);
  }
  for (size_t i = 0; i < binder.function_count; ++i) {
    free(binder.functions[i].name);
    ee_cli_declaration_free(&binder.functions[i].types);
  }
  free(binder.functions);
  free(binder.prefix);
  free(binder.guard_prefix);
  ee_cli_text_free(&binder.text);
  ee_cli_text_free(&bytes);
  eerie_module_release(module);
  return exit_code;
}

static int bind(const bind_options_t *options, const ee_cli_strings_t *files) {
  if (files->count != 1)
    return ee_cli_fail(EE_CLI_USAGE, "%zu files given; expected eerie bind FILE.vmfb -o FILE.h",
                       files->count);
  eerie_error_t err = {0};
  eerie_instance_t *instance = NULL;
  if (eerie_instance_create(NULL, &instance, &err)) return ee_cli_fail_error(EE_CLI_FAILED, &err);
  const int exit_code = bind_module(options, files->items[0], instance);
  eerie_instance_release(instance);
  return exit_code;
}

int eerie_cli_bind(int argc, char **argv) {
  bind_options_t options = {0};
  const ee_cli_option_t table[] = {
      {"o", "FILE", EE_CLI_STRING, &options.output, "the header (default: standard output)"},
      {"output", "FILE", EE_CLI_STRING, &options.output, NULL},
      {"prefix", "NAME", EE_CLI_STRING, &options.prefix,
       "what names begin with (default: the file's name)"},
      {"embed", NULL, EE_CLI_SWITCH, &options.embed, "put the module's bytes into the header"},
  };
  const ee_cli_command_t command = {
      .name = "bind",
      .summary = "write a C header with a typed function for each export of a module",
      .arguments = "[options] FILE.vmfb",
      .notes = "Example:\n"
               "  eerie bind digits.vmfb -o digits.h --embed\n"
               "then in C, with DIGITS_IMPLEMENTATION defined in one file:\n"
               "  digits_t digits;\n"
               "  digits_open(instance, NULL, &digits, &err);\n"
               "  digits_classify(&digits, &image, &scores, &err);\n",
      .options = table,
      .option_count = sizeof table / sizeof table[0]};
  ee_cli_strings_t files = {0};
  int exit_code = EE_CLI_OK;
  if (ee_cli_parse_options(&command, argc, argv, &files, &exit_code))
    exit_code = bind(&options, &files);
  ee_cli_strings_free(&files);
  return ee_cli_flush_stdout(exit_code);
}
