// inspect.c: `eerie inspect`: what is in a module.
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "inspect.h"
#include "json.h"
#include "model.h"
#include "needs.h"

typedef struct inspect_options {
  bool imports, json;
  const char *disassemble; // NULL: no; "": all
  ee_cli_inspect_calls_t calls;
} inspect_options_t;

static bool wants_calls(const inspect_options_t *options) {
  return options->calls.dispatches || options->calls.memory;
}

// ---- Constants ---------------------------------------------------------------------------------

// A native kernel library: an ELF file. (ELF specification: e_machine is the half word at 18, in
// the byte order that byte 5 names.)
static const char *elf_machine(const unsigned char *bytes, size_t size) {
  static const struct {
    unsigned number;
    const char *name;
  } machines[] = {{3, "x86"},       {40, "arm"},      {62, "x86-64"},
                  {183, "aarch64"}, {164, "hexagon"}, {243, "riscv"}};
  if (size < 64 || memcmp(bytes,
                          "\x7f"
                          "ELF",
                          4) != 0)
    return NULL;
  const bool little = bytes[5] == 1;
  const unsigned machine =
      little ? bytes[18] | (unsigned)bytes[19] << 8 : bytes[19] | (unsigned)bytes[18] << 8;
  for (size_t i = 0; i < sizeof machines / sizeof machines[0]; ++i)
    if (machines[i].number == machine) return machines[i].name;
  return "unknown machine";
}

static bool is_name_character(unsigned char c) {
  return isalnum(c) || c == '_' || c == '$';
}

// The compiler names kernels after the function, "_dispatch_", a number and what they do. The names
// stand as strings in the ELF file, where they are found without following its relocations.
static bool is_kernel_name(const char *name, size_t length) {
  static const char middle[] = "_dispatch_";
  const size_t middle_length = sizeof middle - 1;
  for (size_t i = 0; i + middle_length < length; ++i) {
    if (memcmp(name + i, middle, middle_length) != 0) continue;
    size_t at = i + middle_length;
    const size_t digits = at;
    while (at < length && isdigit((unsigned char)name[at]))
      ++at;
    return at > digits && at + 1 < length && name[at] == '_' &&
           // Not the library's own name: "mul_dispatch_0_embedded_elf_x86_64".
           !(length - at > 13 && memcmp(name + at, "_embedded_elf", 13) == 0);
  }
  return false;
}

enum { KERNEL_LIMIT = 64 };

typedef struct kernels {
  char *names[KERNEL_LIMIT];
  size_t count;
  bool more;
} kernels_t;

static void add_kernel(kernels_t *kernels, const char *name, size_t length) {
  for (size_t i = 0; i < kernels->count; ++i)
    if (strlen(kernels->names[i]) == length && memcmp(kernels->names[i], name, length) == 0) return;
  char *copy = kernels->count < KERNEL_LIMIT ? malloc(length + 1) : NULL;
  if (!copy) {
    kernels->more = true;
    return;
  }
  memcpy(copy, name, length);
  copy[length] = 0;
  kernels->names[kernels->count++] = copy;
}

static void find_kernels(const unsigned char *bytes, size_t size, kernels_t *kernels) {
  for (size_t at = 0; at < size;) {
    size_t end = at;
    while (end < size && is_name_character(bytes[end]))
      ++end;
    // A whole string, NUL at its end.
    if (end > at && end < size && bytes[end] == 0 &&
        is_kernel_name((const char *)bytes + at, end - at))
      add_kernel(kernels, (const char *)bytes + at, end - at);
    at = end + 1;
  }
}

static void free_kernels(kernels_t *kernels) {
  for (size_t i = 0; i < kernels->count; ++i)
    free(kernels->names[i]);
}

// Printable text, such as the names and messages that a module carries.
static bool is_text(const unsigned char *bytes, size_t size) {
  for (size_t i = 0; i < size; ++i)
    if (bytes[i] < 0x20 || bytes[i] > 0x7e) return false;
  return size > 0;
}

// ---- As text -----------------------------------------------------------------------------------

static void print_bytes(uint64_t size) {
  ee_cli_text_t text = {0};
  ee_cli_text_bytes(&text, size);
  if (!text.failed) printf("%10s", text.data);
  ee_cli_text_free(&text);
}

static void print_constant(size_t index, const unsigned char *bytes, size_t size) {
  enum { SHOWN = 60, NAMES_SHOWN = 8 };
  printf("  %4zu ", index);
  print_bytes(size);
  const char *const machine = elf_machine(bytes, size);
  if (machine) {
    kernels_t kernels = {0};
    find_kernels(bytes, size, &kernels);
    printf("  kernels for %s (ELF)", machine);
    for (size_t i = 0; i < kernels.count && i < NAMES_SHOWN; ++i)
      printf("\n%20s%s", "", kernels.names[i]);
    if (kernels.count > NAMES_SHOWN) printf("\n%20sand %zu more", "", kernels.count - NAMES_SHOWN);
    free_kernels(&kernels);
  } else if (is_text(bytes, size)) {
    printf("  \"%.*s%s\"", (int)(size > SHOWN ? SHOWN : size), (const char *)bytes,
           size > SHOWN ? "..." : "");
  }
  putchar('\n');
}

// The release of the compiler by the stamp: digits, dots, letters. False when it tells none. A
// string in JSON has its quotes escaped, so the member's name is found nowhere else.
static bool stamped_release(const eerie_module_info_t *info, char out_release[32]) {
  static const char name[] = "\"compiler\":\"";
  const size_t name_size = sizeof name - 1, size = info->provenance_size;
  size_t length = 0;
  for (size_t at = 0; at + name_size <= size && !length; ++at) {
    if (memcmp(info->provenance + at, name, name_size) != 0) continue;
    const char *const value = info->provenance + at + name_size;
    const size_t left = size - at - name_size;
    while (length < left && length < 31 &&
           (isalnum((unsigned char)value[length]) || value[length] == '.' || value[length] == '-'))
      ++length;
    if (length == left || value[length] != '"') return false;
    memcpy(out_release, value, length);
    out_release[length] = 0;
    return length > 0;
  }
  return false;
}

static void print_summary(const char *path, const eerie_module_info_t *info) {
  printf("%s: module @%s, ", path, info->name);
  ee_cli_text_t text = {0};
  ee_cli_text_bytes(&text, info->file_size);
  ee_cli_text_string(&text, "; constants ");
  ee_cli_text_bytes(&text, info->constant_bytes);
  ee_cli_text_string(&text, "; globals ");
  ee_cli_text_bytes(&text, info->global_bytes);
  if (!text.failed) puts(text.data);
  ee_cli_text_free(&text);
  printf("  bytecode %" PRIu32 ".%" PRIu32, info->bytecode_version >> 16,
         info->bytecode_version & 0xffff);
  if (info->hal_version) printf(", hal %" PRIu32, info->hal_version);
  char stamped[32];
  if (stamped_release(info, stamped))
    printf(", compiler %s", stamped);
  else if (info->release[0])
    printf(", compiler %s", info->release);
  printf("; functions %zu, object globals %zu\n", info->function_count, info->global_ref_count);
}

// Text of a stamp, which anyone may have written: nothing in it reaches a terminal as a command.
static void print_character(const char **at, const char *end) {
  const unsigned char first = (unsigned char)**at;
  const int more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
  unsigned long code = more ? first & (0x3fu >> more) : first;
  for (int i = 0; i < more && *at + 1 < end; ++i)
    code = code << 6 | ((unsigned char)*++*at & 0x3fu);
  ++*at;
  if (code < 0x80)
    putchar((int)code);
  else if (code < 0x10000)
    printf("\\u%04lx", code);
  else
    printf("\\u%04lx\\u%04lx", 0xd7c0 + (code >> 10), 0xdc00 + (code & 0x3ff));
}

// The members of the outermost object, one a line.
static void print_provenance(const char *text, size_t size) {
  if (!text) return;
  const char *const end = text + size;
  unsigned depth = 0;
  bool in_string = false;
  puts("stamp:");
  fputs("  ", stdout);
  for (const char *at = text + 1; at < end - 1;) {
    const char c = *at;
    if (in_string && c == '\\' && at + 1 < end - 1) {
      putchar(*at++);
    } else if (c == '"') {
      in_string = !in_string;
    } else if (!in_string) {
      if (c == '[' || c == '{') ++depth;
      if ((c == ']' || c == '}') && depth) --depth;
      if (c == ',' && depth == 0) {
        fputs("\n  ", stdout);
        ++at;
        continue;
      }
    }
    print_character(&at, end - 1);
  }
  putchar('\n');
}

static void print_needs(const eerie_module_t *module) {
  ee_cli_needs_t needs;
  ee_cli_needs_find(module, &needs);
  if (needs.count || needs.incomplete)
    printf("parameters: %zu%s\n", needs.count,
           needs.incomplete ? ", and others that show only when it runs" : "");
  for (size_t i = 0; i < needs.count; ++i) {
    const ee_cli_need_t *const need = &needs.items[i];
    fputs("  ", stdout);
    print_bytes(need->size);
    printf("  %s%s%s\n", need->scope, need->scope[0] ? "::" : "", need->key);
  }
  ee_cli_needs_free(&needs);
}

// Kernels are constants; what they are for stands beside them as text.
bool ee_cli_is_kernel_format(const unsigned char *bytes, size_t size) {
  static const char *const parts[] = {"-elf-",     "-bytecode-fb", "-spirv-fb",
                                      "-nvptx-fb", "-hsaco-fb",    "-msl-fb",
                                      "-wgsl-fb",  "-ptx-fb",      "-wasm_"};
  if (size == 6 && memcmp(bytes, "static", 6) == 0) return true;
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; ++i) {
    const size_t length = strlen(parts[i]);
    for (size_t at = 0; size < 64 && at + length <= size; ++at)
      if (memcmp(bytes + at, parts[i], length) == 0) return is_text(bytes, size);
  }
  return false;
}

static void print_formats(const eerie_module_t *module) {
  const void *data = NULL;
  size_t size = 0, count = 0;
  for (size_t i = 0; eerie_module_constant(module, i, &data, &size); ++i)
    if (ee_cli_is_kernel_format(data, size))
      printf("%s%.*s", count++ ? ", " : "kernels: ", (int)size, (const char *)data);
  if (count) putchar('\n');
}

// How many come from the runtime, and by name those that another module has to provide.
static void print_imports(const eerie_module_t *module, const eerie_module_info_t *info, bool all) {
  eerie_import_info_t import;
  printf("imports: %zu%s\n", info->import_count,
         info->import_count && !all ? " (--imports lists them)" : "");
  for (size_t i = 0; eerie_module_import(module, i, &import); ++i) {
    const bool provided = ee_cli_import_is_provided(import.name);
    if (!all && provided) continue;
    printf("  %s %s%s%s\n", import.name, import.calling_convention,
           import.optional ? " (optional)" : "", provided ? "" : " (from another module)");
  }
}

static void print_module(const char *path, const eerie_module_t *module,
                         const inspect_options_t *options) {
  eerie_module_info_t info;
  eerie_module_info(module, &info);
  print_summary(path, &info);
  eerie_export_info_t export;
  printf("exports: %zu\n", info.export_count);
  for (size_t i = 0; eerie_module_export(module, i, &export); ++i)
    printf("  %s%s%s\n", export.declaration[0] ? "" : export.name,
           export.declaration[0] ? export.declaration : " ",
           export.declaration[0] ? "" : export.calling_convention);
  print_imports(module, &info, options->imports);
  print_needs(module);
  print_formats(module);
  print_provenance(info.provenance, info.provenance_size);
  printf("constants: %zu\n", info.constant_count);
  const void *data = NULL;
  size_t size = 0;
  for (size_t i = 0; eerie_module_constant(module, i, &data, &size); ++i)
    print_constant(i, data, size);
}

// ---- As JSON -----------------------------------------------------------------------------------

static void write_constant(ee_cli_json_t *json, const unsigned char *bytes, size_t size) {
  ee_cli_json_open(json, NULL, '{');
  ee_cli_json_number(json, "bytes", size);
  const char *const machine = elf_machine(bytes, size);
  if (machine) {
    kernels_t kernels = {0};
    find_kernels(bytes, size, &kernels);
    ee_cli_json_string(json, "kind", "elf");
    ee_cli_json_string(json, "machine", machine);
    ee_cli_json_open(json, "kernels", '[');
    for (size_t i = 0; i < kernels.count; ++i)
      ee_cli_json_string(json, NULL, kernels.names[i]);
    ee_cli_json_close(json, ']');
    if (kernels.more) ee_cli_json_bool(json, "more_kernels", true);
    free_kernels(&kernels);
  } else {
    ee_cli_json_string(json, "kind", is_text(bytes, size) ? "text" : "data");
  }
  ee_cli_json_close(json, '}');
}

static void write_interface(ee_cli_json_t *json, const eerie_module_t *module) {
  eerie_export_info_t export;
  ee_cli_json_open(json, "exports", '[');
  for (size_t i = 0; eerie_module_export(module, i, &export); ++i) {
    ee_cli_json_open(json, NULL, '{');
    ee_cli_json_string(json, "name", export.name);
    ee_cli_json_string(json, "declaration", export.declaration);
    ee_cli_json_string(json, "calling_convention", export.calling_convention);
    ee_cli_json_number(json, "function", export.function);
    ee_cli_json_close(json, '}');
  }
  ee_cli_json_close(json, ']');
  eerie_import_info_t import;
  ee_cli_json_open(json, "imports", '[');
  for (size_t i = 0; eerie_module_import(module, i, &import); ++i) {
    ee_cli_json_open(json, NULL, '{');
    ee_cli_json_string(json, "name", import.name);
    ee_cli_json_string(json, "calling_convention", import.calling_convention);
    ee_cli_json_bool(json, "optional", import.optional);
    ee_cli_json_bool(json, "provided", ee_cli_import_is_provided(import.name));
    ee_cli_json_close(json, '}');
  }
  ee_cli_json_close(json, ']');
}

static void write_needs(ee_cli_json_t *json, const eerie_module_t *module) {
  ee_cli_needs_t needs;
  ee_cli_needs_find(module, &needs);
  ee_cli_json_open(json, "parameters", '[');
  for (size_t i = 0; i < needs.count; ++i) {
    ee_cli_json_open(json, NULL, '{');
    ee_cli_json_string(json, "scope", needs.items[i].scope);
    ee_cli_json_string(json, "key", needs.items[i].key);
    ee_cli_json_number(json, "bytes", needs.items[i].size);
    ee_cli_json_close(json, '}');
  }
  ee_cli_json_close(json, ']');
  if (needs.incomplete) ee_cli_json_bool(json, "more_parameters", true);
  ee_cli_needs_free(&needs);
}

static void write_formats(ee_cli_json_t *json, const eerie_module_t *module) {
  const void *data = NULL;
  size_t size = 0;
  ee_cli_json_open(json, "kernel_formats", '[');
  for (size_t i = 0; eerie_module_constant(module, i, &data, &size); ++i) {
    char name[64] = "";
    if (!ee_cli_is_kernel_format(data, size)) continue;
    memcpy(name, data, size);
    ee_cli_json_string(json, NULL, name);
  }
  ee_cli_json_close(json, ']');
}

// The stamp as text: what is in it is not ours to vouch for.
static void write_provenance(ee_cli_json_t *json, const char *text, size_t size) {
  ee_cli_text_t copy = {0};
  ee_cli_text_append(&copy, text ? text : "", size);
  ee_cli_json_string(json, "provenance", text ? copy.data : NULL);
  ee_cli_text_free(&copy);
}

static void write_module(ee_cli_json_t *json, const char *path, const eerie_module_t *module) {
  eerie_module_info_t info;
  eerie_module_info(module, &info);
  char version[24];
  snprintf(version, sizeof version, "%" PRIu32 ".%" PRIu32, info.bytecode_version >> 16,
           info.bytecode_version & 0xffff);
  ee_cli_json_open(json, NULL, '{');
  ee_cli_json_string(json, "file", path);
  ee_cli_json_string(json, "name", info.name);
  ee_cli_json_number(json, "file_bytes", info.file_size);
  ee_cli_json_string(json, "bytecode_version", version);
  ee_cli_json_number(json, "hal_version", info.hal_version);
  ee_cli_json_string(json, "release", info.release);
  ee_cli_json_number(json, "functions", info.function_count);
  ee_cli_json_number(json, "global_bytes", info.global_bytes);
  ee_cli_json_number(json, "global_objects", info.global_ref_count);
  ee_cli_json_number(json, "constant_bytes", info.constant_bytes);
  char stamped[32];
  ee_cli_json_string(json, "compiler", stamped_release(&info, stamped) ? stamped : NULL);
  write_provenance(json, info.provenance, info.provenance_size);
  write_interface(json, module);
  write_needs(json, module);
  write_formats(json, module);
  ee_cli_json_open(json, "constants", '[');
  const void *data = NULL;
  size_t size = 0;
  for (size_t i = 0; eerie_module_constant(module, i, &data, &size); ++i)
    write_constant(json, data, size);
  ee_cli_json_close(json, ']');
  ee_cli_json_close(json, '}');
}

// ---- Disassembly -------------------------------------------------------------------------------

static void print_line(void *user, const char *line) {
  (void)user;
  puts(line);
}

// The export of that name, or the function of that number.
static bool find_function(const eerie_module_t *module, const char *name, size_t *out_function) {
  eerie_export_info_t export;
  for (size_t i = 0; eerie_module_export(module, i, &export); ++i) {
    *out_function = export.function;
    if (strcmp(export.name, name) == 0) return true;
  }
  eerie_module_info_t info;
  eerie_module_info(module, &info);
  char *end = NULL;
  const unsigned long long number = strtoull(name, &end, 10);
  *out_function = (size_t)number;
  return isdigit((unsigned char)name[0]) && !*end && number < info.function_count;
}

static void print_function_name(const eerie_module_t *module, size_t function) {
  printf("function %zu", function);
  eerie_export_info_t export;
  for (size_t i = 0; eerie_module_export(module, i, &export); ++i)
    if (export.function == function) printf(" @%s", export.name);
  puts(":");
}

static int disassemble(const char *path, const eerie_module_t *module, const char *name) {
  eerie_module_info_t info;
  eerie_module_info(module, &info);
  size_t first = 0, end = info.function_count;
  if (*name) {
    if (!find_function(module, name, &first))
      return ee_cli_fail(EE_CLI_USAGE,
                         "%s has no function '%s'; expected the name of an export or a number "
                         "below %zu",
                         path, name, info.function_count);
    end = first + 1;
  }
  for (size_t i = first; i < end; ++i) {
    eerie_error_t err = {0};
    print_function_name(module, i);
    const eerie_status_t status = eerie_module_disassemble(module, i, print_line, NULL, &err);
    if (status) return ee_cli_fail_error(EE_CLI_FAILED, &err);
    if (i + 1 < end) putchar('\n');
  }
  return EE_CLI_OK;
}

// ---- The command -------------------------------------------------------------------------------

static int inspect_file(eerie_instance_t *instance, const char *path,
                        const inspect_options_t *options, ee_cli_json_t *json) {
  eerie_module_t *module = NULL;
  ee_cli_json_t *const target = options->json ? json : NULL;
  const bool calls = wants_calls(options) && !options->disassemble;
  int exit_code = ee_cli_load_module(instance, path, &module);
  if (exit_code) return exit_code == EE_CLI_FAILED ? EE_CLI_BAD_INPUT : exit_code;
  if (calls && ee_cli_has_static_kernels(module))
    exit_code = ee_cli_inspect_static(&options->calls, instance, module, path, target);
  else if (calls)
    exit_code = ee_cli_inspect_calls(&options->calls, path, target);
  else if (options->disassemble)
    exit_code = disassemble(path, module, options->disassemble);
  else if (options->json)
    write_module(json, path, module);
  else
    print_module(path, module, options);
  eerie_module_release(module);
  return exit_code;
}

static int inspect(const inspect_options_t *options, const ee_cli_strings_t *files) {
  if (files->count == 0)
    return ee_cli_fail(EE_CLI_USAGE, "no file given; expected eerie inspect FILE.vmfb");
  eerie_error_t err = {0};
  eerie_instance_t *instance = NULL;
  const eerie_status_t status = eerie_instance_create(NULL, &instance, &err);
  if (status) return ee_cli_fail_error(ee_cli_exit_code(status), &err);
  ee_cli_json_t json = {0};
  const bool as_json = options->json && !options->disassemble;
  if (as_json) ee_cli_json_open(&json, NULL, '[');
  // A bad file does not hide the others; the first error is the exit code.
  int exit_code = EE_CLI_OK;
  for (size_t i = 0; i < files->count; ++i) {
    if (i && !as_json) putchar('\n');
    const int file_code = inspect_file(instance, files->items[i], options, &json);
    if (!exit_code) exit_code = file_code;
  }
  if (as_json) {
    ee_cli_json_close(&json, ']');
    const int print_code = ee_cli_json_print(&json);
    if (!exit_code) exit_code = print_code;
  }
  eerie_instance_release(instance);
  return exit_code;
}

int eerie_cli_inspect(int argc, char **argv) {
  inspect_options_t options = {0};
  ee_cli_strings_t modules = {0};
  const ee_cli_option_t table[] = {
      {"module", "PATH", EE_CLI_STRINGS, &modules, NULL},
      {"imports", NULL, EE_CLI_SWITCH, &options.imports, "list the functions that it imports"},
      {"disassemble", "FUNCTION", EE_CLI_OPTIONAL, &options.disassemble,
       "print the bytecode of one function or all"},
      {"dispatches", NULL, EE_CLI_SWITCH, &options.calls.dispatches,
       "what calls dispatch: kernels with workgroups, bindings,\nbytes and source, as far as the "
       "module tells"},
      {"memory", NULL, EE_CLI_SWITCH, &options.calls.memory,
       "the most memory that calls use, by kind; no kernel is run"},
      {"function", "NAME", EE_CLI_STRING, &options.calls.model.function,
       "of --dispatches and --memory: this function alone"},
      {"input", "VALUE", EE_CLI_STRINGS, &options.calls.model.inputs,
       "the same: an argument, in order, where shapes are open"},
      {"parameters", "SCOPE=FILE", EE_CLI_STRINGS, &options.calls.model.parameters,
       "the same: weights outside of the module"},
      {"device", "NAME", EE_CLI_STRINGS, &options.calls.model.devices,
       "the same: where; see eerie devices. Default: the first"},
      {"json", NULL, EE_CLI_SWITCH, &options.json, "print JSON: an array, one object a file"},
  };
  const ee_cli_command_t command = {.name = "inspect",
                                    .summary = "show what is in compiled modules",
                                    .arguments = "[options] FILE...",
                                    .notes = "Example:\n"
                                             "  eerie inspect mul.vmfb\n"
                                             "  eerie inspect --disassemble=mul mul.vmfb\n"
                                             "  eerie inspect --dispatches --memory mul.vmfb\n",
                                    .options = table,
                                    .option_count = sizeof table / sizeof table[0]};
  ee_cli_strings_t positional = {0};
  int exit_code = EE_CLI_OK;
  if (ee_cli_parse_options(&command, argc, argv, &positional, &exit_code))
    exit_code = inspect(&options, positional.count ? &positional : &modules);
  ee_cli_strings_free(&positional);
  ee_cli_strings_free(&modules);
  ee_cli_model_options_free(&options.calls.model);
  return ee_cli_flush_stdout(exit_code);
}
