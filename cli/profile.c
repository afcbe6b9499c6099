// profile.c: `eerie profile`: what a call spends its time on.
//
// Calls with and without an observer take turns, so that what observing costs is known from the
// same minute; the figures and files are about the observed ones. Of calls that are so short that
// observing them counts, only some are observed: see choose_every.
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fill.h"
#include "model.h"
#include "profile_calls.h"
#include "record.h"

typedef struct profile_options {
  ee_cli_model_options_t model;
  ee_cli_strings_t positional;
  const char *output, *html, *fill_name;
  uint64_t warmup, repetitions, events, top, every, in_flight;
  double min_time;
  ee_cli_fill_t fill;
} profile_options_t;

typedef struct timing {
  uint64_t *observed; // of each turn's observed calls; one call, but for --in-flight
  uint64_t in_flight; // calls of a turn
  uint64_t calls, capacity, plain_min, observed_min;
  uint64_t plain_calls, every; // one of `every` calls is observed
} timing_t;

// Share of the time of all calls that observing may take, and the turns it is guessed from.
static const double share_most = 0.025;
enum { TRIAL_TURNS = 8 };

static uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

// ---- Calls -------------------------------------------------------------------------------------

static bool add_time(timing_t *timing, uint64_t ns) {
  if (timing->calls == timing->capacity) {
    const uint64_t capacity = timing->capacity ? timing->capacity * 2 : 256;
    uint64_t *const grown = realloc(timing->observed, (size_t)capacity * sizeof *grown);
    if (!grown) return false;
    timing->observed = grown;
    timing->capacity = capacity;
  }
  timing->observed[timing->calls++] = ns;
  return true;
}

static int observe(const ee_cli_model_t *model, const eerie_observer_t *observer) {
  eerie_error_t err = {0};
  const eerie_status_t status = eerie_instance_observe(model->instance, observer, &err);
  return status ? ee_cli_fail_error(EE_CLI_FAILED, &err) : EE_CLI_OK;
}

// As few as keep the cost below `share_most`, two at least: there must be a call to compare with.
static uint64_t choose_every(const timing_t *timing) {
  if (timing->observed_min <= timing->plain_min || !timing->plain_min) return 2;
  const double cost = (double)timing->observed_min / (double)timing->plain_min - 1;
  const double every = cost / share_most + 1;
  return every < 2 ? 2 : every > 1000 ? 1000 : (uint64_t)every;
}

// One call that is observed, and before it those of its turn that nobody looks at.
static int call_turn(ee_cli_calls_t *calls, const eerie_observer_t *observer, timing_t *timing) {
  uint64_t ns = 0;
  int exit_code = observe(calls->model, NULL);
  for (uint64_t i = 1; i < timing->every && !exit_code; ++i) {
    exit_code = ee_cli_calls_run(calls, &ns);
    if (!timing->plain_calls++ || ns < timing->plain_min) timing->plain_min = ns;
  }
  if (!exit_code) exit_code = observe(calls->model, observer);
  if (!exit_code) exit_code = ee_cli_calls_run(calls, &ns);
  if (exit_code) return exit_code;
  if (!timing->calls || ns < timing->observed_min) timing->observed_min = ns;
  return add_time(timing, ns) ? EE_CLI_OK : ee_cli_fail(EE_CLI_FAILED, "out of memory");
}

// Until the number of calls, or the time, or the place for events is used up.
static int call_all(const profile_options_t *options, const ee_cli_model_t *model,
                    ee_cli_record_t *record, timing_t *timing) {
  ee_cli_calls_t calls;
  const eerie_observer_t observer = ee_cli_record_observer(record);
  int exit_code = ee_cli_calls_open(model, options->in_flight, &calls);
  uint64_t ns = 0;
  timing->in_flight = options->in_flight;
  timing->every = options->every ? options->every : 2;
  for (uint64_t i = 0; i < options->warmup && !exit_code; ++i)
    exit_code = ee_cli_calls_run(&calls, &ns);
  const uint64_t start = now_ns();
  while (!exit_code) {
    const size_t before = atomic_load(&record->added);
    exit_code = call_turn(&calls, &observer, timing);
    // With twice the calls the least times are better known.
    const bool again = timing->calls >= TRIAL_TURNS && !(timing->calls & (timing->calls - 1));
    if (!options->every && again) timing->every = choose_every(timing);
    const size_t after = atomic_load(&record->added);
    const bool enough = options->repetitions
                            ? timing->calls >= options->repetitions
                            : (double)(now_ns() - start) >= options->min_time * 1e9;
    // As much again must still fit.
    if (enough || after + (after - before) > record->capacity) break;
  }
  ee_cli_calls_close(&calls);
  return exit_code;
}

// ---- What it amounts to ------------------------------------------------------------------------

static int compare_ns(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

static void print_figure(const char *label, double ns) {
  ee_cli_text_t text = {0};
  ee_cli_text_time(&text, ns);
  printf("%s%s", label, text.data ? text.data : "");
  ee_cli_text_free(&text);
}

// What observing adds to a call that is observed; negative: nothing is known.
static double cost_of(const timing_t *timing) {
  if (!timing->plain_min) return -1;
  const double cost = (double)timing->observed_min / (double)timing->plain_min - 1;
  return cost > 0 ? cost : 0;
}

// The same of all calls together.
static double overhead_of(const timing_t *timing) {
  const double calls = (double)timing->calls + (double)timing->plain_calls;
  return calls > 0 ? cost_of(timing) * (double)timing->calls / calls : -1;
}

static uint64_t every_of(const timing_t *timing) {
  return timing->calls ? (timing->calls + timing->plain_calls + timing->calls / 2) / timing->calls
                       : timing->every;
}

static double median_of(timing_t *timing) {
  if (!timing->calls) return 0;
  qsort(timing->observed, (size_t)timing->calls, sizeof *timing->observed, compare_ns);
  const size_t middle = (size_t)(timing->calls - 1) / 2;
  return (double)timing->observed[middle] / (double)timing->in_flight;
}

// Of the time of the calls, that in which a device with a queue of its own had work.
static void print_busy(const ee_cli_record_t *record, const timing_t *timing, size_t first) {
  const ee_cli_tracks_t tracks = ee_cli_record_tracks(record, first);
  const size_t end = ee_cli_record_count(record);
  double all = 0;
  for (uint64_t i = 0; i < timing->calls; ++i)
    all += (double)timing->observed[i];
  for (uint32_t k = 0; k < tracks.device_count && all > 0; ++k) {
    double busy = 0;
    for (size_t i = first; i < end; ++i) {
      const eerie_event_t *const event = &record->events[i];
      if (event->device && strcmp(event->device, tracks.devices[k]) == 0)
        busy += (double)(event->end_ns - event->begin_ns);
    }
    printf("%s: busy for %.1f%% of the time of the observed calls\n", tracks.devices[k],
           100 * busy / all);
  }
}

static int write_files(const profile_options_t *options, const ee_cli_record_t *record,
                       const ee_cli_page_t *page) {
  ee_cli_outputs_t files = {0};
  ee_cli_text_t *content = NULL;
  eerie_error_t err = {0};
  eerie_status_t status = EERIE_OK;
  if (options->output) {
    status = ee_cli_outputs_open(&files, options->output, false, &content, &err);
    if (!status) ee_cli_record_write_trace(record, page, content);
  }
  if (options->html && !status) {
    status = ee_cli_outputs_open(&files, options->html, false, &content, &err);
    if (!status) ee_cli_record_write_page(record, page, content);
  }
  if (!status) status = ee_cli_outputs_commit(&files, &err);
  ee_cli_outputs_free(&files);
  return status ? ee_cli_fail_error(EE_CLI_OUTPUT, &err) : EE_CLI_OK;
}

static int report(const profile_options_t *options, const ee_cli_model_t *model,
                  const ee_cli_record_t *record, timing_t *timing, size_t first) {
  const ee_cli_page_t page = {.title = model->name,
                              .function = eerie_function_name(model->function),
                              .device = eerie_device_name(model->devices[0]),
                              .calls = timing->calls * timing->in_flight,
                              .median_ns = median_of(timing),
                              .cost = cost_of(timing),
                              .overhead = overhead_of(timing),
                              .every = every_of(timing),
                              .first = first};
  printf("%s: %" PRIu64 " call%s observed", page.function, page.calls, page.calls == 1 ? "" : "s");
  print_figure(", median ", page.median_ns);
  print_figure(", least ", (double)timing->observed_min / (double)timing->in_flight);
  if (timing->plain_calls)
    print_figure("; without an observer ", (double)timing->plain_min / (double)timing->in_flight);
  else
    printf("; without an observer");
  if (timing->plain_calls)
    printf(" (%+.1f%%); one of %" PRIu64 " calls observed: %+.1f%% of all\n",
           100 * ((double)timing->observed_min / (double)timing->plain_min - 1), page.every,
           100 * page.overhead);
  else
    printf(" unknown\n");
  print_busy(record, timing, first);
  int exit_code = ee_cli_record_print_hot(record, first, page.calls, (size_t)options->top, stdout);
  if (!exit_code) exit_code = write_files(options, record, &page);
  return exit_code;
}

static int profile(const profile_options_t *options) {
  ee_cli_model_t model = {0};
  ee_cli_record_t record;
  timing_t timing = {0};
  eerie_error_t err = {0};
  const char *const paths[] = {options->output, options->html};
  for (size_t i = 0; i < 2; ++i)
    if (paths[i] && ee_cli_output_check(paths[i], &err))
      return ee_cli_fail_error(EE_CLI_OUTPUT, &err);
  int exit_code = ee_cli_record_open(&record, (size_t)options->events);
  if (exit_code) return exit_code;
  const eerie_observer_t observer = ee_cli_record_observer(&record);
  ee_cli_model_options_t model_options = options->model;
  model_options.observer = &observer;
  exit_code = ee_cli_model_open(&model_options, &options->positional, &model);
  if (!exit_code && !model.inputs.count && !options->model.inputs.count) {
    const ee_cli_place_t place = {model.instance, model.devices[0]};
    exit_code = ee_cli_values_fill(&place, model.function, options->fill, &model.inputs);
  }
  // Calls that warm up leave events too, which are no part of the figures.
  if (!exit_code) exit_code = observe(&model, NULL);
  const size_t first = ee_cli_record_count(&record);
  if (!exit_code) exit_code = call_all(options, &model, &record, &timing);
  if (!exit_code) exit_code = observe(&model, NULL);
  if (!exit_code) exit_code = report(options, &model, &record, &timing, first);
  free(timing.observed);
  ee_cli_model_close(&model);
  ee_cli_record_close(&record);
  return exit_code;
}

// ---- The command -------------------------------------------------------------------------------

static int check_options(profile_options_t *options) {
  const uint64_t most = SIZE_MAX / sizeof(eerie_event_t);
  if (!ee_cli_fill_parse(options->fill_name, &options->fill))
    return ee_cli_fail(EE_CLI_USAGE, "--fill: '%s' is not random or zero", options->fill_name);
  if (options->events < 1 || options->events > most)
    return ee_cli_fail(EE_CLI_USAGE, "--events: %" PRIu64 " is not from 1 to %" PRIu64,
                       options->events, most);
  return EE_CLI_OK;
}

int eerie_cli_profile(int argc, char **argv) {
  profile_options_t options = {.warmup = 5,
                               .in_flight = 1,
                               .events = 1 << 18,
                               .top = 20,
                               .min_time = 1,
                               .fill_name = "random"};
  const ee_cli_option_t table[] = {
      EE_CLI_MODEL_OPTIONS(&options.model),
      {"o", "FILE", EE_CLI_STRING, &options.output, "write a trace, which Perfetto opens"},
      {"output", "FILE", EE_CLI_STRING, &options.output, NULL},
      {"html", "FILE", EE_CLI_STRING, &options.html,
       "write a page with a flame chart and the hottest kernels"},
      {"fill", "HOW", EE_CLI_STRING, &options.fill_name,
       "arguments where no --input is given and shapes are fixed:\nrandom (default) or zero"},
      {"threads", "N", EE_CLI_NUMBER, &options.model.threads,
       "threads that work on a call, of local-task"},
      {"warmup", "N", EE_CLI_NUMBER, &options.warmup, "calls before the observed ones; default 5"},
      {"repetitions", "N", EE_CLI_NUMBER, &options.repetitions, "calls to observe"},
      {"min-time", "SECONDS", EE_CLI_REAL, &options.min_time,
       "how long to go on without --repetitions; default 1"},
      {"every", "N", EE_CLI_NUMBER, &options.every,
       "observe one of N calls; default: as many as cost less\nthan 3% of the time of all"},
      {"in-flight", "N", EE_CLI_NUMBER, &options.in_flight,
       "calls of an asynchronous function that are under way at\nthe same time; default 1"},
      {"events", "N", EE_CLI_NUMBER, &options.events,
       "events that are kept at most; default 262144"},
      {"top", "N", EE_CLI_NUMBER, &options.top, "kernels to print; default 20"},
  };
  const ee_cli_command_t command = {.name = "profile",
                                    .summary = "show what a function spends its time on",
                                    .arguments = "[options] [MODULE...]",
                                    .notes = "Example:\n"
                                             "  eerie profile net.vmfb -o trace.json "
                                             "--html=net.html\n",
                                    .tool_flags = true,
                                    .options = table,
                                    .option_count = sizeof table / sizeof table[0]};
  int exit_code = EE_CLI_OK;
  if (ee_cli_parse_options(&command, argc, argv, &options.positional, &exit_code)) {
    exit_code = check_options(&options);
    if (!exit_code) exit_code = profile(&options);
  }
  ee_cli_strings_free(&options.positional);
  ee_cli_model_options_free(&options.model);
  return ee_cli_flush_stdout(exit_code);
}
