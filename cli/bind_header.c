// bind_header.c: what stands around the functions in a header: the guard, helpers, opening and
// closing of the model, and the module itself where it is asked for.
#include <string.h>

#include "bind.h"

static void write_opening(ee_cli_binder_t *binder) {
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
      ee_cli_bind_write_type(binder, &types->inputs[j]);
    for (size_t j = 0; j < types->output_count; ++j)
      ee_cli_bind_write_type(binder, &types->outputs[j]);
  }
}

static void write_quoted(ee_cli_text_t *text, const char *string) {
  ee_cli_text_string(text, "\"");
  char before = 0;
  for (; *string; ++string) {
    if ((unsigned char)*string < 0x20) continue;
    // "??" begins trigraphs, one of which is a backslash.
    if (*string == '"' || *string == '\\' || (*string == '?' && before == '?'))
      ee_cli_text_string(text, "\\");
    ee_cli_text_append(text, string, 1);
    before = *string;
  }
  ee_cli_text_string(text, "\"");
}

// Finding a function, and checking that it is the one that the header was written for.
static void write_helpers(ee_cli_binder_t *binder) {
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

static void write_open(ee_cli_binder_t *binder) {
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

static void write_bytes(ee_cli_binder_t *binder, const unsigned char *data, size_t size) {
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

void ee_cli_bind_write_header(ee_cli_binder_t *binder, const ee_cli_text_t *bytes) {
  write_opening(binder);
  write_helpers(binder);
  write_open(binder);
  for (size_t i = 0; i < binder->function_count; ++i)
    ee_cli_bind_write_function(binder, i);
  ee_cli_text_string(&binder->text, "\n#ifdef __cplusplus\n} // extern \"C\"\n#endif\n");
  ee_cli_text_printf(&binder->text, "#endif // %s_H_\n", binder->guard_prefix);
  // Outside of the guard: whoever included the header before may still ask for the bytes.
  if (binder->embed) write_bytes(binder, (const unsigned char *)bytes->data, bytes->size);
}
