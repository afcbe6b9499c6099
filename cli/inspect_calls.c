// inspect_calls.c: `eerie inspect --dispatches` and `--memory`.
//
// A module's own host code decides what is dispatched and allocated. It is run here as in a call,
// with arguments of zeros, on a device that is told to leave the kernels out: memory is asked for
// as ever, yet what kernels would write stays as it is. That tells all of a function whose shapes
// are fixed or given with --input; where values that kernels compute decide over shapes or
// branches, the zeros decide here, and the real call may differ.
#include "inspect_calls.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fill.h"
#include "record.h"

enum { EVENTS = 1 << 16, STEPS = 10000000, WAIT_MS = 2000 };

// ---- Memory by the events ----------------------------------------------------------------------

typedef struct usage {
  uint64_t live[EERIE_MEMORY_KINDS], peak[EERIE_MEMORY_KINDS];
  uint64_t together; // most of all kinds but constants at one time
} usage_t;

// Whether what was allocated as transient turned out to be a result: it is freed as the one and
// allocated as the other.
static bool becomes_result(const ee_cli_record_t *record, size_t at, size_t end) {
  const uint64_t id = record->events[at].id;
  for (size_t i = at + 1; i < end; ++i) {
    const eerie_event_t *const event = &record->events[i];
    if (event->kind != EERIE_EVENT_FREE || event->id != id) continue;
    const eerie_event_t *const next = event + 1;
    return i + 1 < end && next->kind == EERIE_EVENT_ALLOCATE && next->id == id &&
           next->memory == EERIE_MEMORY_RESULTS;
  }
  return false;
}

static void count_event(usage_t *usage, eerie_memory_kind_t kind, const eerie_event_t *event) {
  uint64_t together = 0;
  if (event->kind == EERIE_EVENT_ALLOCATE)
    usage->live[kind] += event->size;
  else
    usage->live[kind] -= event->size < usage->live[kind] ? event->size : usage->live[kind];
  for (size_t i = 0; i < EERIE_MEMORY_KINDS; ++i) {
    if (usage->live[i] > usage->peak[i]) usage->peak[i] = usage->live[i];
    if (i != EERIE_MEMORY_CONSTANTS) together += usage->live[i];
  }
  if (together > usage->together) usage->together = together;
}

// Goes on with the events [first, end); peaks begin anew.
static void replay(const ee_cli_record_t *record, size_t first, size_t end, usage_t *usage) {
  memcpy(usage->peak, usage->live, sizeof usage->peak);
  usage->together = 0;
  for (size_t i = first; i < end; ++i) {
    const eerie_event_t *const event = &record->events[i];
    if (event->kind != EERIE_EVENT_ALLOCATE && event->kind != EERIE_EVENT_FREE) continue;
    eerie_memory_kind_t kind = event->memory;
    if (kind == EERIE_MEMORY_TRANSIENT && event->kind == EERIE_EVENT_ALLOCATE &&
        becomes_result(record, i, end))
      kind = EERIE_MEMORY_RESULTS;
    // The two events of a result that shows itself.
    if (kind == EERIE_MEMORY_TRANSIENT && event->kind == EERIE_EVENT_FREE && i + 1 < end &&
        event[1].kind == EERIE_EVENT_ALLOCATE && event[1].id == event->id &&
        event[1].memory == EERIE_MEMORY_RESULTS) {
      ++i;
      continue;
    }
    count_event(usage, kind, event);
  }
}

static void print_usage(const char *label, uint64_t bytes) {
  ee_cli_text_t text = {0};
  ee_cli_text_bytes(&text, bytes);
  printf("  %-12s %12" PRIu64 " bytes", label, bytes);
  if (text.data && !strstr(text.data, "bytes")) printf("  %s", text.data);
  putchar('\n');
  ee_cli_text_free(&text);
}

static void show_bytes(const char *label, uint64_t bytes, ee_cli_json_t *json) {
  if (json)
    ee_cli_json_number(json, label, bytes);
  else
    print_usage(label, bytes);
}

static void show_memory(const eerie_instance_t *instance, const usage_t *loaded,
                        const usage_t *usage, ee_cli_json_t *json) {
  static const char *const labels[] = {"all",       "weights",   "state",
                                       "arguments", "transient", "results"};
  if (json) ee_cli_json_open(json, "peak_bytes", '{');
  for (size_t i = 1; i < sizeof labels / sizeof *labels; ++i)
    show_bytes(labels[i], i == EERIE_MEMORY_CONSTANTS ? loaded->live[i] : usage->peak[i], json);
  show_bytes("together", usage->together + loaded->live[EERIE_MEMORY_CONSTANTS], json);
  for (size_t i = EERIE_MEMORY_CODE; i <= EERIE_MEMORY_OTHER; ++i) {
    eerie_memory_figures_t figures;
    eerie_instance_memory_of(instance, (eerie_memory_kind_t)i, &figures);
    show_bytes(eerie_memory_kind_name((eerie_memory_kind_t)i), figures.peak, json);
  }
  if (json) ee_cli_json_close(json, '}');
}

// ---- Dispatches --------------------------------------------------------------------------------

static void format_source(ee_cli_text_t *text, const eerie_event_t *event) {
  if (event->source_file)
    ee_cli_text_printf(text, "%s:%" PRIu32, event->source_file, event->source_line);
}

static void print_dispatch(const eerie_event_t *event) {
  ee_cli_text_t counts = {0}, bytes = {0}, source = {0};
  ee_cli_text_counts(&counts, event->workgroup_count);
  ee_cli_text_bytes(&bytes, event->size);
  format_source(&source, event);
  printf("  %-14s %8" PRIu32 " %9" PRIu32 " %12s  %s%s%s\n", counts.data ? counts.data : "",
         event->binding_count, event->constant_count, bytes.data ? bytes.data : "", event->name,
         source.size ? "  " : "", source.data ? source.data : "");
  ee_cli_text_free(&counts);
  ee_cli_text_free(&bytes);
  ee_cli_text_free(&source);
}

static void write_three(ee_cli_json_t *json, const char *name, const uint32_t three[3]) {
  ee_cli_json_open(json, name, '[');
  for (size_t i = 0; i < 3; ++i)
    ee_cli_json_number(json, NULL, three[i]);
  ee_cli_json_close(json, ']');
}

static void write_kernel(ee_cli_json_t *json, const eerie_event_t *event) {
  ee_cli_json_string(json, "kernel", event->name);
  ee_cli_json_number(json, "bindings", event->binding_count);
  ee_cli_json_number(json, "constants", event->constant_count);
}

static void show_dispatches(const ee_cli_record_t *record, size_t first, size_t end,
                            ee_cli_json_t *json) {
  if (json)
    ee_cli_json_open(json, "dispatches", '[');
  else
    printf("  %-14s %8s %9s %12s  %s\n", "workgroups", "bindings", "constants", "bytes", "kernel");
  for (size_t i = first; i < end; ++i) {
    const eerie_event_t *const event = &record->events[i];
    if (event->kind != EERIE_EVENT_DISPATCH) continue;
    if (!json) {
      print_dispatch(event);
      continue;
    }
    ee_cli_json_open(json, NULL, '{');
    write_kernel(json, event);
    write_three(json, "workgroups", event->workgroup_count);
    ee_cli_json_number(json, "bytes", event->size);
    const double flops = ee_cli_kernel_flops(event->name);
    if (flops > 0) ee_cli_json_real(json, "flop", flops);
    ee_cli_json_close(json, '}');
  }
  if (json) ee_cli_json_close(json, ']');
}

// What was loaded, dispatched or not.
static void show_kernels(const ee_cli_record_t *record, size_t end, ee_cli_json_t *json) {
  if (json) ee_cli_json_open(json, "kernels", '[');
  bool any = false;
  for (size_t i = 0; i < end; ++i) {
    const eerie_event_t *const event = &record->events[i];
    if (event->kind != EERIE_EVENT_KERNEL) continue;
    ee_cli_text_t size = {0}, source = {0};
    ee_cli_text_counts(&size, event->workgroup_size);
    format_source(&source, event);
    if (json) {
      ee_cli_json_open(json, NULL, '{');
      write_kernel(json, event);
      write_three(json, "workgroup_size", event->workgroup_size);
      ee_cli_json_number(json, "local_memory", event->local_memory);
      if (source.data) ee_cli_json_string(json, "source", source.data);
      ee_cli_json_close(json, '}');
    } else {
      if (!any)
        printf("kernels:\n  %-14s %8s %9s %12s  %s\n", "workgroup size", "bindings", "constants",
               "local memory", "kernel");
      printf("  %-14s %8" PRIu32 " %9" PRIu32 " %12" PRIu32 "  %s%s%s\n",
             size.data ? size.data : "", event->binding_count, event->constant_count,
             event->local_memory, event->name, source.size ? "  " : "",
             source.data ? source.data : "");
    }
    any = true;
    ee_cli_text_free(&size);
    ee_cli_text_free(&source);
  }
  if (json)
    ee_cli_json_close(json, ']');
  else if (!any)
    puts("kernels: none");
}

// ---- Functions ---------------------------------------------------------------------------------

static bool is_told(const eerie_function_t *function, const char *wanted) {
  const char *const name = eerie_function_name(function);
  if (wanted) return strcmp(name, wanted) == 0;
  // Not what the compiler adds: initialisers, twins that take fences.
  return !strchr(name, '$') && strncmp(name, "__", 2) != 0;
}

// Makes the arguments of a function and calls it.
static int call_function(const ee_cli_inspect_calls_t *options, ee_cli_model_t *model,
                         ee_cli_values_t *inputs) {
  eerie_error_t err = {0};
  const ee_cli_place_t place = {model->instance, model->devices[0]};
  ee_cli_values_t results = {.count = eerie_function_output_count(model->function)};
  int exit_code = options->model.inputs.count
                      ? ee_cli_values_read(&place, model->function, "input", eerie_function_input,
                                           &options->model.inputs, inputs)
                      : ee_cli_values_fill(&place, model->function, EE_CLI_FILL_ZERO, inputs);
  if (exit_code) return exit_code;
  results.items = calloc(results.count + 1, sizeof *results.items);
  if (!results.items) return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  const eerie_status_t status =
      eerie_call(model->function, inputs->items, inputs->count, results.items, results.count, &err);
  ee_cli_values_free(&results);
  if (!status) return EE_CLI_OK;
  return ee_cli_fail(EE_CLI_FAILED, "%s, with its kernels left out: %s (%s)",
                     eerie_function_name(model->function), err.message, eerie_status_name(status));
}

static int show_function(const ee_cli_inspect_calls_t *options, ee_cli_model_t *model,
                         ee_cli_record_t *record, const usage_t *loaded, ee_cli_json_t *json) {
  const size_t first = ee_cli_record_count(record);
  ee_cli_values_t inputs = {0};
  usage_t usage = *loaded;
  int exit_code = call_function(options, model, &inputs);
  const size_t end = ee_cli_record_count(record);
  if (!exit_code && atomic_load(&record->added) > record->capacity)
    exit_code = ee_cli_fail(EE_CLI_FAILED, "%s: more than %d events",
                            eerie_function_name(model->function), EVENTS);
  replay(record, first, end, &usage);
  if (!exit_code && json) {
    ee_cli_json_open(json, NULL, '{');
    ee_cli_json_string(json, "function", eerie_function_name(model->function));
  } else if (!exit_code) {
    printf("%s:\n", eerie_function_name(model->function));
  }
  if (!exit_code && options->dispatches) show_dispatches(record, first, end, json);
  if (!exit_code && options->memory) show_memory(model->instance, loaded, &usage, json);
  if (!exit_code && json) ee_cli_json_close(json, '}');
  ee_cli_values_free(&inputs);
  // The next function finds as much room.
  atomic_store(&record->added, first);
  return exit_code;
}

static int show_functions(const ee_cli_inspect_calls_t *options, ee_cli_model_t *model,
                          ee_cli_record_t *record, ee_cli_json_t *json) {
  usage_t loaded = {{0}, {0}, 0};
  const size_t count = ee_cli_record_count(record);
  replay(record, 0, count, &loaded);
  if (options->dispatches) show_kernels(record, count, json);
  if (json) ee_cli_json_open(json, "functions", '[');
  int exit_code = EE_CLI_OK;
  bool found = false;
  eerie_function_t *function = NULL;
  for (size_t i = 0; (function = eerie_program_function(model->program, i)) != NULL; ++i) {
    if (!is_told(function, options->model.function)) continue;
    found = true;
    model->function = function;
    // One that needs --input does not hide the others.
    const int code = show_function(options, model, record, &loaded, json);
    if (!exit_code) exit_code = code;
  }
  if (json) ee_cli_json_close(json, ']');
  if (!found && options->model.function)
    return ee_cli_fail(EE_CLI_USAGE, "%s has no function '%s'", model->name,
                       options->model.function);
  return exit_code;
}

static void drop_trace(void *user, const char *line, size_t length) {
  (void)user, (void)line, (void)length;
}

int ee_cli_inspect_calls(const ee_cli_inspect_calls_t *options, const char *path,
                         ee_cli_json_t *json) {
  ee_cli_model_t model = {0};
  ee_cli_record_t record;
  int exit_code = ee_cli_record_open(&record, EVENTS);
  if (exit_code) return exit_code;
  eerie_observer_t observer = ee_cli_record_observer(&record);
  observer.no_kernels = true;
  ee_cli_model_options_t model_options = options->model;
  const ee_cli_strings_t none = {0};
  model_options.modules = (ee_cli_strings_t){.items = &path, .count = 1};
  model_options.observer = &observer;
  // Zeros may keep a loop going for ever.
  if (!model_options.step_limit) model_options.step_limit = STEPS;
  if (!model_options.wait_limit_ms) model_options.wait_limit_ms = WAIT_MS;
  exit_code = ee_cli_model_load(&model_options, &none, &model);
  if (!exit_code) exit_code = ee_cli_model_link(&model_options, &model, drop_trace, NULL);
  if (!exit_code && json) {
    ee_cli_json_open(json, NULL, '{');
    ee_cli_json_string(json, "file", path);
    ee_cli_json_string(json, "device", eerie_device_name(model.devices[0]));
  }
  if (!exit_code) {
    if (!json) printf("%s on %s\n", path, eerie_device_name(model.devices[0]));
    exit_code = show_functions(options, &model, &record, json);
    if (json) ee_cli_json_close(json, '}');
  }
  ee_cli_model_close(&model);
  ee_cli_record_close(&record);
  return exit_code;
}
