// bind.c: `eerie bind`: a C header with a typed function for each export of a module.
//
// Shapes go into C types ("model_f32_1x28x28_t"), so that a compiler sees a wrong one. What the
// header does, it does through eerie.h.
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "bind.h"
#include "c_names.h"
#include "file.h"
#include "model.h"

typedef struct bind_options {
  const char *output;
  const char *prefix;
  bool embed;
} bind_options_t;

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
static bool is_taken(const ee_cli_binder_t *binder, const char *name) {
  static const char *const own[] = {"open", "close", "bind", "input", "module", "module_size", "t"};
  for (size_t i = 0; i < sizeof own / sizeof own[0]; ++i)
    if (strcmp(own[i], name) == 0) return true;
  for (size_t i = 0; i < binder->function_count; ++i)
    if (strcmp(binder->functions[i].name, name) == 0) return true;
  return false;
}

// The function's name as an identifier that nothing else in the header has; the caller frees it.
static char *function_name(const ee_cli_binder_t *binder, const char *name) {
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

static int gather_functions(ee_cli_binder_t *binder, const eerie_module_t *module) {
  eerie_export_info_t export;
  for (size_t i = 0; eerie_module_export(module, i, &export); ++i) {
    if (!is_bound(module, &export)) continue;
    if (!*export.declaration)
      return ee_cli_fail(EE_CLI_BAD_INPUT,
                         "%s does not tell the types of %s: compile it with `eerie compile`, which "
                         "keeps them",
                         binder->module_path, export.name);
    ee_cli_bound_t *const grown =
        realloc(binder->functions, (binder->function_count + 1) * sizeof *grown);
    if (!grown) return ee_cli_fail(EE_CLI_FAILED, "out of memory");
    binder->functions = grown;
    ee_cli_bound_t *const function = &grown[binder->function_count];
    *function = (ee_cli_bound_t){.export = export, .name = function_name(binder, export.name)};
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
  ee_cli_binder_t binder = {.module_path = path, .embed = options->embed};
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
    ee_cli_bind_write_header(&binder, &bytes);
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
