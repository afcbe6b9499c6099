// params.c: `eerie params`: lists, checks and converts files of weights.
#define _GNU_SOURCE

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "json.h"
#include "model.h"
#include "parameters.h"

typedef struct options {
  bool json;
  const char *output;
  ee_cli_strings_t modules, only, except, splat, rename;
} options_t;

static int out_of_memory(void) {
  return ee_cli_fail(EE_CLI_FAILED, "out of memory");
}

// ---- list --------------------------------------------------------------------------------------

// "8 MiB" and so on, of what people think of as large.
static const char *size_text(uint64_t size, char text[32]) {
  static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  double value = (double)size;
  size_t unit = 0;
  for (; value >= 1024 && unit < 4; ++unit)
    value /= 1024;
  snprintf(text, 32, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
  return text;
}

static void append_shape(ee_cli_text_t *text, const eerie_parameter_info_t *info) {
  for (size_t i = 0; info->rank != SIZE_MAX && i < info->rank; ++i)
    ee_cli_text_printf(text, "%lldx", (long long)info->shape[i]);
  ee_cli_text_string(text, *info->type_name ? info->type_name : "-");
}

static void append_pattern(ee_cli_text_t *text, const eerie_parameter_info_t *info) {
  for (size_t i = 0; i < info->pattern_size; ++i)
    ee_cli_text_printf(text, "%02x", info->pattern[i]);
}

// Keys may hold anything; a terminal must not act on it.
static void append_key(ee_cli_text_t *text, const char *key) {
  for (; *key; ++key) {
    const unsigned char c = (unsigned char)*key;
    const char shown = (char)(c < 0x20 || c == 0x7f ? '?' : c);
    ee_cli_text_append(text, &shown, 1);
  }
}

static void append_entry(ee_cli_text_t *text, const char *scope,
                         const eerie_parameter_info_t *info) {
  ee_cli_text_t shape = {0};
  append_shape(&shape, info);
  ee_cli_text_printf(text, "%12llu  %-20s  ", (unsigned long long)info->size,
                     shape.data ? shape.data : "-");
  ee_cli_text_free(&shape);
  if (*scope) {
    append_key(text, scope);
    ee_cli_text_string(text, "::");
  }
  append_key(text, info->key);
  if (info->pattern_size) {
    ee_cli_text_string(text, "  (all 0x");
    append_pattern(text, info);
    ee_cli_text_string(text, ")");
  }
  ee_cli_text_string(text, "\n");
}

static int print_list(const ee_cli_parameters_t *parameters) {
  ee_cli_text_t text = {0};
  uint64_t bytes = 0;
  size_t count = 0;
  eerie_parameter_info_t info;
  for (size_t i = 0; i < parameters->count; ++i) {
    const eerie_parameters_t *const set = parameters->sets[i];
    for (size_t j = 0; eerie_parameters_entry(set, j, &info); ++j, ++count) {
      append_entry(&text, eerie_parameters_scope(set), &info);
      if (info.data) bytes += info.size;
    }
  }
  char size[32];
  ee_cli_text_printf(&text, "%zu parameters, %s\n", count, size_text(bytes, size));
  const bool failed = text.failed;
  if (!failed) fwrite(text.data, 1, text.size, stdout);
  ee_cli_text_free(&text);
  return failed ? out_of_memory() : EE_CLI_OK;
}

static void json_entry(ee_cli_json_t *json, const char *scope, const eerie_parameter_info_t *info) {
  ee_cli_json_open(json, NULL, '{');
  ee_cli_json_string(json, "scope", scope);
  ee_cli_json_string(json, "key", info->key);
  ee_cli_json_number(json, "size", info->size);
  if (*info->type_name) ee_cli_json_string(json, "type", info->type_name);
  if (info->dtype) ee_cli_json_string(json, "dtype", eerie_dtype_name(info->dtype));
  if (info->rank != SIZE_MAX) {
    ee_cli_json_open(json, "shape", '[');
    for (size_t i = 0; i < info->rank; ++i)
      ee_cli_json_number(json, NULL, (uint64_t)info->shape[i]);
    ee_cli_json_close(json, ']');
  }
  if (info->pattern_size) {
    ee_cli_text_t pattern = {0};
    append_pattern(&pattern, info);
    ee_cli_json_string(json, "splat", pattern.data);
    ee_cli_text_free(&pattern);
  } else {
    ee_cli_json_string(json, "file", info->source);
    ee_cli_json_number(json, "offset", info->source_offset);
  }
  ee_cli_json_close(json, '}');
}

static int list_json(const ee_cli_parameters_t *parameters) {
  ee_cli_json_t json = {0};
  eerie_parameter_info_t info;
  ee_cli_json_open(&json, NULL, '[');
  for (size_t i = 0; i < parameters->count; ++i)
    for (size_t j = 0; eerie_parameters_entry(parameters->sets[i], j, &info); ++j)
      json_entry(&json, eerie_parameters_scope(parameters->sets[i]), &info);
  ee_cli_json_close(&json, ']');
  return ee_cli_json_print(&json);
}

static int list(eerie_instance_t *instance, const options_t *options,
                const ee_cli_strings_t *files) {
  ee_cli_parameters_t parameters = {0};
  int exit_code = ee_cli_parameters_open(instance, files, &parameters);
  if (!exit_code) exit_code = options->json ? list_json(&parameters) : print_list(&parameters);
  ee_cli_parameters_close(&parameters);
  return exit_code;
}

// ---- check -------------------------------------------------------------------------------------

// How much of one key a module asks for: up to which byte.
typedef struct demand {
  const eerie_parameters_t *set;
  char *key;
  uint64_t end;
} demand_t;

typedef struct demands {
  demand_t *items;
  size_t count, capacity;
  bool failed;
} demands_t;

typedef struct observer {
  demands_t *demands;
  const eerie_parameters_t *set;
} observer_t;

static void observe(void *user, const char *key, size_t key_size, uint64_t offset, uint64_t size,
                    bool found) {
  (void)found;
  const observer_t *const observer = user;
  demands_t *const demands = observer->demands;
  if (demands->count == demands->capacity) {
    const size_t capacity = demands->capacity ? demands->capacity * 2 : 64;
    demand_t *const items = realloc(demands->items, capacity * sizeof *items);
    if (items) {
      demands->items = items;
      demands->capacity = capacity;
    }
  }
  char *const copy = strndup(key, key_size);
  if (!copy || demands->count == demands->capacity) {
    demands->failed = true;
    free(copy);
    return;
  }
  const uint64_t end = size > UINT64_MAX - offset ? UINT64_MAX : offset + size;
  demands->items[demands->count++] = (demand_t){observer->set, copy, end};
}

static int compare_demands(const void *a, const void *b) {
  const demand_t *const x = a, *const y = b;
  if (x->set != y->set) return (uintptr_t)x->set < (uintptr_t)y->set ? -1 : 1;
  return strcmp(x->key, y->key);
}

// One line for each key that is missing or of another size; those that are right are counted.
static size_t print_demands(demands_t *demands, size_t *out_right) {
  size_t wrong = 0;
  *out_right = 0;
  if (demands->count)
    qsort(demands->items, demands->count, sizeof *demands->items, compare_demands);
  for (size_t i = 0; i < demands->count;) {
    const demand_t *const demand = &demands->items[i];
    uint64_t end = demand->end;
    for (++i; i < demands->count && compare_demands(demand, &demands->items[i]) == 0; ++i)
      if (demands->items[i].end > end) end = demands->items[i].end;
    const char *const scope = eerie_parameters_scope(demand->set);
    const char *const joint = *scope ? "::" : "";
    eerie_parameter_info_t info;
    if (eerie_parameters_find(demand->set, demand->key, &info, NULL)) {
      printf("missing: %s%s%s: the module takes %llu bytes\n", scope, joint, demand->key,
             (unsigned long long)end);
      ++wrong;
    } else if (info.size != end) {
      printf("mismatch: %s%s%s: the module takes %llu bytes, %s has %llu\n", scope, joint,
             demand->key, (unsigned long long)end, *info.source ? info.source : "the set",
             (unsigned long long)info.size);
      ++wrong;
    } else {
      ++*out_right;
    }
  }
  return wrong;
}

// Links the modules with an observer on every scope; what they ask for is known even when that
// fails.
static int link_observed(eerie_instance_t *instance, const options_t *options,
                         const ee_cli_parameters_t *parameters, demands_t *demands,
                         eerie_status_t *out_status, eerie_error_t *err) {
  const size_t count = options->modules.count;
  eerie_module_t **modules = calloc(count, sizeof(eerie_module_t *));
  observer_t *observers = calloc(parameters->count, sizeof *observers);
  if (!modules || !observers) {
    free(observers);
    free(modules);
    return out_of_memory();
  }
  int exit_code = EE_CLI_OK;
  for (size_t i = 0; i < count && !exit_code; ++i)
    exit_code = ee_cli_load_module(instance, options->modules.items[i], &modules[i]);
  for (size_t i = 0; i < parameters->count && !exit_code; ++i) {
    observers[i] = (observer_t){demands, parameters->sets[i]};
    eerie_parameters_observe(parameters->sets[i], observe, &observers[i]);
  }
  if (!exit_code) {
    eerie_program_t *program = NULL;
    const eerie_program_options_t program_options = {.modules = modules,
                                                     .module_count = count,
                                                     .parameters = parameters->sets,
                                                     .parameters_count = parameters->count};
    *out_status = eerie_program_create(instance, &program_options, &program, err);
    eerie_program_release(program);
    for (size_t i = 0; i < parameters->count; ++i)
      eerie_parameters_observe(parameters->sets[i], NULL, NULL);
  }
  for (size_t i = 0; i < count; ++i)
    eerie_module_release(modules[i]);
  free(observers);
  free(modules);
  return exit_code;
}

static int check_modules(eerie_instance_t *instance, const options_t *options,
                         const ee_cli_parameters_t *parameters) {
  demands_t demands = {0};
  eerie_error_t err = {0};
  eerie_status_t status = EERIE_OK;
  int exit_code = link_observed(instance, options, parameters, &demands, &status, &err);
  if (!exit_code && demands.failed) exit_code = out_of_memory();
  if (!exit_code) {
    size_t right = 0;
    const size_t wrong = print_demands(&demands, &right);
    if (wrong)
      exit_code = ee_cli_fail(EE_CLI_FAILED, "%zu of %zu parameters are missing or of another size",
                              wrong, wrong + right);
    else if (status)
      exit_code = ee_cli_fail(status == EERIE_NOT_FOUND ? EE_CLI_FAILED : ee_cli_exit_code(status),
                              "%s (%s)", err.message, eerie_status_name(status));
    else
      printf("%zu parameters asked for, all there\n", right);
  }
  for (size_t i = 0; i < demands.count; ++i)
    free(demands.items[i].key);
  free(demands.items);
  return exit_code;
}

static void print_counts(const ee_cli_parameters_t *parameters) {
  for (size_t i = 0; i < parameters->count; ++i) {
    size_t stored = 0, aligned = 0, count = 0;
    uint64_t bytes = 0;
    eerie_parameter_info_t info;
    for (; eerie_parameters_entry(parameters->sets[i], count, &info); ++count) {
      if (!info.data || !info.size) continue;
      ++stored;
      bytes += info.size;
      aligned += info.source_offset % EERIE_BUFFER_ALIGNMENT == 0;
    }
    char size[32];
    const char *const scope = eerie_parameters_scope(parameters->sets[i]);
    printf("scope '%s': %zu parameters, %s; %zu of %zu stored ones can be used in place\n", scope,
           count, size_text(bytes, size), aligned, stored);
  }
}

static int check(eerie_instance_t *instance, const options_t *options,
                 const ee_cli_strings_t *files) {
  ee_cli_parameters_t parameters = {0};
  int exit_code = ee_cli_parameters_open(instance, files, &parameters);
  if (!exit_code) {
    print_counts(&parameters);
    if (options->modules.count) exit_code = check_modules(instance, options, &parameters);
  }
  ee_cli_parameters_close(&parameters);
  return exit_code;
}

// ---- convert -----------------------------------------------------------------------------------

static bool matches(const ee_cli_strings_t *patterns, const char *key) {
  for (size_t i = 0; i < patterns->count; ++i)
    if (fnmatch(patterns->items[i], key, 0) == 0) return true;
  return false;
}

// The key that --rename=old=new gives, or the same.
static const char *renamed(const ee_cli_strings_t *renames, const char *key) {
  const size_t length = strlen(key);
  for (size_t i = 0; i < renames->count; ++i)
    if (strncmp(renames->items[i], key, length) == 0 && renames->items[i][length] == '=')
      return renames->items[i] + length + 1;
  return key;
}

static eerie_status_t convert_entry(const options_t *options, const eerie_parameters_t *source,
                                    const eerie_parameter_info_t *info, eerie_parameters_t *target,
                                    eerie_error_t *err) {
  if (options->only.count && !matches(&options->only, info->key)) return EERIE_OK;
  if (matches(&options->except, info->key)) return EERIE_OK;
  const char *const key = renamed(&options->rename, info->key);
  if (!matches(&options->splat, info->key))
    return eerie_parameters_add_from(target, key, source, info->key, err);
  eerie_parameter_info_t zeros = *info;
  zeros.key = key;
  zeros.data = NULL;
  zeros.pattern_size = 1;
  zeros.pattern[0] = 0;
  return eerie_parameters_add(target, &zeros, NULL, err);
}

typedef struct writer {
  ee_cli_stream_t stream;
  eerie_error_t err; // the system's reason
  bool watched;
  unsigned percent; // that was shown
} writer_t;

static eerie_status_t write_part(void *user, const void *data, size_t size) {
  writer_t *const writer = user;
  return ee_cli_stream_write(&writer->stream, data, size, &writer->err);
}

static eerie_status_t show_progress(void *user, uint64_t done, uint64_t total) {
  writer_t *const writer = user;
  const unsigned percent = total ? (unsigned)((double)done * 100 / (double)total) : 100;
  if (writer->watched && percent != writer->percent)
    fprintf(stderr, "\r%s: %u %%", writer->stream.path, percent);
  writer->percent = percent;
  return EERIE_OK;
}

static int write_archive(const eerie_parameters_t *set, const char *path,
                         eerie_parameters_format_t format) {
  writer_t writer = {.watched = isatty(STDERR_FILENO), .percent = 101};
  eerie_error_t err = {0};
  const eerie_parameters_write_options_t options = {.progress = show_progress, .user = &writer};
  eerie_status_t status = ee_cli_stream_open(&writer.stream, path, &writer.err);
  if (!status) status = eerie_parameters_write(set, format, write_part, &writer, &options, &err);
  if (!status) status = ee_cli_stream_commit(&writer.stream, &writer.err);
  if (writer.watched && writer.percent <= 100) fputs("\r\033[K", stderr);
  ee_cli_stream_free(&writer.stream);
  if (!status) return EE_CLI_OK;
  if (writer.err.message[0]) return ee_cli_fail_error(EE_CLI_OUTPUT, &writer.err);
  return ee_cli_fail_error(EE_CLI_USAGE, &err); // a key that the format cannot have
}

static int output_format(const char *path, eerie_parameters_format_t *out_format) {
  const char *const dot = strrchr(path, '.');
  if (dot && strcmp(dot, ".irpa") == 0)
    *out_format = EERIE_PARAMETERS_IRPA;
  else if (dot && strcmp(dot, ".safetensors") == 0)
    *out_format = EERIE_PARAMETERS_SAFETENSORS;
  else
    return ee_cli_fail(EE_CLI_USAGE, "-o %s: expected a name that ends in .irpa or .safetensors",
                       path);
  return EE_CLI_OK;
}

static int convert_files(eerie_instance_t *instance, const options_t *options,
                         const ee_cli_strings_t *files, eerie_parameters_t **sources,
                         eerie_parameters_t *target) {
  eerie_error_t err = {0};
  for (size_t i = 0; i < files->count; ++i) {
    eerie_status_t status = eerie_parameters_create(instance, NULL, &sources[i], &err);
    if (status) return ee_cli_fail_error(ee_cli_exit_code(status), &err);
    status = eerie_parameters_add_file(sources[i], files->items[i], NULL, &err);
    if (status) return ee_cli_fail_error(ee_cli_exit_code_of_file(status), &err);
    eerie_parameter_info_t info;
    for (size_t j = 0; eerie_parameters_entry(sources[i], j, &info); ++j) {
      status = convert_entry(options, sources[i], &info, target, &err);
      if (status)
        return ee_cli_fail(EE_CLI_BAD_INPUT, "%s: %s (%s)", files->items[i], err.message,
                           eerie_status_name(status));
    }
  }
  return EE_CLI_OK;
}

static int convert(eerie_instance_t *instance, const options_t *options,
                   const ee_cli_strings_t *files) {
  eerie_parameters_format_t format = EERIE_PARAMETERS_IRPA;
  eerie_error_t err = {0};
  if (!options->output) return ee_cli_fail(EE_CLI_USAGE, "no output; expected -o FILE");
  int exit_code = output_format(options->output, &format);
  if (exit_code) return exit_code;
  for (size_t i = 0; i < options->rename.count; ++i)
    if (!strchr(options->rename.items[i], '='))
      return ee_cli_fail(EE_CLI_USAGE, "--rename=%s: expected OLD=NEW", options->rename.items[i]);
  eerie_parameters_t *target = NULL;
  eerie_status_t status = eerie_parameters_create(instance, NULL, &target, &err);
  if (status) return ee_cli_fail_error(ee_cli_exit_code(status), &err);
  eerie_parameters_t **sources = calloc(files->count, sizeof(eerie_parameters_t *));
  exit_code = sources ? convert_files(instance, options, files, sources, target) : out_of_memory();
  if (!exit_code) exit_code = write_archive(target, options->output, format);
  eerie_parameters_release(target);
  for (size_t i = 0; i < files->count && sources; ++i)
    eerie_parameters_release(sources[i]);
  free(sources);
  return exit_code;
}

// ---- The command -------------------------------------------------------------------------------

static int run(const options_t *options, const ee_cli_strings_t *positional) {
  static const struct {
    const char *name;
    int (*run)(eerie_instance_t *, const options_t *, const ee_cli_strings_t *);
  } actions[] = {{"list", list}, {"check", check}, {"convert", convert}};
  const char *const names[] = {"list", "check", "convert", NULL};
  if (positional->count == 0)
    return ee_cli_fail(EE_CLI_USAGE, "expected list, check or convert; see eerie params --help");
  for (size_t i = 0; i < sizeof actions / sizeof actions[0]; ++i) {
    if (strcmp(positional->items[0], actions[i].name) != 0) continue;
    if (positional->count == 1)
      return ee_cli_fail(EE_CLI_USAGE, "%s: no file given", actions[i].name);
    const ee_cli_strings_t files = {positional->items + 1, positional->count - 1};
    eerie_error_t err = {0};
    eerie_instance_t *instance = NULL;
    const eerie_status_t status = eerie_instance_create(NULL, &instance, &err);
    if (status) return ee_cli_fail_error(ee_cli_exit_code(status), &err);
    const int exit_code = actions[i].run(instance, options, &files);
    eerie_instance_release(instance);
    return exit_code;
  }
  const char *const nearest = ee_cli_nearest(positional->items[0], names);
  return ee_cli_fail(EE_CLI_USAGE, "'%s' is not list, check or convert%s%s", positional->items[0],
                     nearest ? "; did you mean " : "", nearest ? nearest : "");
}

int eerie_cli_params(int argc, char **argv) {
  options_t options = {0};
  ee_cli_strings_t positional = {0};
  const ee_cli_option_t table[] = {
      {"json", NULL, EE_CLI_SWITCH, &options.json, "list: print JSON"},
      {"module", "PATH", EE_CLI_STRINGS, &options.modules,
       "check: a module whose parameters must all be there, and\n"
       "of its sizes; repeated as for eerie run"},
      {"o", "FILE", EE_CLI_STRING, &options.output, "convert: the archive, .irpa or .safetensors"},
      {"output", "FILE", EE_CLI_STRING, &options.output, NULL},
      {"only", "PATTERN", EE_CLI_STRINGS, &options.only,
       "convert: only keys that match, * and ? as in a shell"},
      {"except", "PATTERN", EE_CLI_STRINGS, &options.except, "convert: no keys that match"},
      {"rename", "OLD=NEW", EE_CLI_STRINGS, &options.rename, "convert: another name for a key"},
      {"splat", "PATTERN", EE_CLI_STRINGS, &options.splat,
       "convert: zeros in place of the bytes of keys that match; in\n"
       ".irpa they take no space"},
  };
  const ee_cli_command_t command = {
      .name = "params",
      .summary = "list, check and convert files of weights",
      .arguments = "list|check [SCOPE=]FILE... | convert FILE... -o OUT",
      .notes = "Reads .irpa, .gguf and .safetensors, writes .irpa and .safetensors.\n"
               "\n"
               "Example:\n"
               "  eerie params list model.safetensors\n"
               "  eerie params convert model.safetensors -o model.irpa\n"
               "  eerie params check model=model.irpa --module=model.vmfb\n"
               "  eerie run --module=model.vmfb --parameters=model=model.irpa --input=...\n",
      .options = table,
      .option_count = sizeof table / sizeof table[0]};
  int exit_code = EE_CLI_OK;
  if (ee_cli_parse_options(&command, argc, argv, &positional, &exit_code))
    exit_code = run(&options, &positional);
  ee_cli_strings_free(&positional);
  ee_cli_strings_free(&options.modules);
  ee_cli_strings_free(&options.only);
  ee_cli_strings_free(&options.except);
  ee_cli_strings_free(&options.rename);
  ee_cli_strings_free(&options.splat);
  return ee_cli_flush_stdout(exit_code);
}
