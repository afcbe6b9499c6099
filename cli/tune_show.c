// tune_show.c: what `eerie tune` tells and writes: the table, the best module, the choices.
#define _GNU_SOURCE

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "json.h"
#include "tune.h"

static void tune_flags_text(const tune_run_t *run, const tune_candidate_t *candidate,
                            ee_cli_text_t *text) {
  for (size_t i = 0; i < TUNE_FLAGS && ee_cli_tune_set(run, candidate)->flags[i]; ++i)
    ee_cli_text_printf(text, "%s%s", i ? " " : "", ee_cli_tune_set(run, candidate)->flags[i]);
}

static int tune_print_json(const tune_run_t *run, const tune_candidate_t *best) {
  ee_cli_json_t json = {0};
  ee_cli_json_open(&json, NULL, '[');
  for (size_t i = 0; i < run->count; ++i) {
    const tune_candidate_t *candidate = &run->candidates[i];
    ee_cli_text_t flags = {0};
    tune_flags_text(run, candidate, &flags);
    ee_cli_json_open(&json, NULL, '{');
    ee_cli_json_string(&json, "name", ee_cli_tune_set(run, candidate)->name);
    const tune_place_t *place = &run->places[candidate->place];
    ee_cli_json_string(&json, "device", place->device);
    if (place->threads) ee_cli_json_number(&json, "threads", place->threads);
    if (place->spin_us) ee_cli_json_string(&json, "spin_us", place->spin_us);
    ee_cli_json_string(&json, "flags", flags.data);
    ee_cli_json_string(&json, "state", candidate == best ? "best" : candidate->state);
    ee_cli_json_number(&json, "rounds", candidate->rounds);
    if (candidate->rounds) ee_cli_json_real(&json, "min_ns", ee_cli_tune_least(candidate));
    if (candidate->rounds) ee_cli_json_real(&json, "median_ns", ee_cli_tune_median(candidate));
    ee_cli_json_real(&json, "compile_seconds", candidate->compile_seconds);
    ee_cli_json_close(&json, '}');
    ee_cli_text_free(&flags);
  }
  ee_cli_json_close(&json, ']');
  return ee_cli_json_print(&json);
}

static void tune_print_table(const tune_run_t *run, const tune_candidate_t *best, bool csv) {
  puts(csv ? "name,device,state,rounds,min_us,median_us,ratio,compile_s,flags"
           : "| set | device | state | rounds | min us | median us | to the best | compile s |\n"
             "|---|---|---|---|---|---|---|---|");
  for (size_t i = 0; i < run->count; ++i) {
    const tune_candidate_t *candidate = &run->candidates[i];
    char times[160] = "";
    const char *const format = csv ? "%.3f,%.3f,%.3f" : "%.1f | %.1f | %.2f";
    if (candidate->rounds)
      snprintf(times, sizeof times, format, ee_cli_tune_least(candidate) / 1e3,
               ee_cli_tune_median(candidate) / 1e3,
               ee_cli_tune_least(candidate) / ee_cli_tune_least(best));
    else
      snprintf(times, sizeof times, "%s", csv ? ",," : "| |");
    const char *state = candidate == best ? "best" : candidate->state ? candidate->state : "";
    ee_cli_text_t flags = {0};
    tune_flags_text(run, candidate, &flags);
    printf(csv ? "%s,%s,%s,%zu,%s,%.2f,\"%s\"\n" : "| %s | %s | %s | %zu | %s | %.1f |\n",
           ee_cli_tune_set(run, candidate)->name, run->places[candidate->place].name, state,
           candidate->rounds, times, candidate->compile_seconds, flags.data ? flags.data : "");
    ee_cli_text_free(&flags);
  }
}

// The flags of a set, and those that were chosen by the model: "FLAG  # REASON".
static void tune_append_flags(const tune_run_t *run, const tune_candidate_t *best,
                              const char *choices, ee_cli_text_t *text) {
  const ee_cli_tune_set_t *set = ee_cli_tune_set(run, best);
  if (set == &run->tiles) {
    // The spec lies beside the choices, wherever these are read from.
    char folder[TUNE_PATH], real[TUNE_PATH];
    const char *slash = strrchr(choices, '/'), *name = slash ? slash + 1 : choices;
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - choices) + 1 : 1,
             slash ? choices : ".");
    ee_cli_text_printf(text, "--iree-codegen-tuning-spec-path=%s/%s.tiles.mlir\n",
                       realpath(folder, real) ? real : ".", name);
    return;
  }
  for (size_t i = 0; i < TUNE_FLAGS && set->flags[i]; ++i)
    if (set->flags[i][1] == '-') ee_cli_text_printf(text, "%s\n", set->flags[i]);
  char path[TUNE_PATH + 80];
  ee_cli_text_t told = {0};
  ee_cli_tune_told_path(best, path, sizeof path);
  if (strcmp(ee_cli_tune_set(run, best)->flags[0], "-O2") != 0 ||
      ee_cli_read_file(path, &told, NULL))
    return;
  for (const char *at = told.data; at && *at;) {
    const size_t line = strcspn(at, "\n");
    const char *reason = memmem(at, line, "  # ", 4);
    if (strncmp(at, "--", 2) == 0 && reason)
      ee_cli_text_printf(text, "%.*s\n", (int)(reason - at), at);
    at += line + (at[line] != 0);
  }
  ee_cli_text_free(&told);
}

// What `eerie compile --choices` takes: flags a line each, the rest as comments.
static int tune_write_choices(const tune_run_t *run, const tune_candidate_t *best,
                              const char *path) {
  ee_cli_outputs_t outputs = {0};
  ee_cli_text_t *text = NULL;
  eerie_error_t err = {0};
  eerie_status_t status = ee_cli_outputs_open(&outputs, path, false, &text, &err);
  if (!status) {
    ee_cli_text_printf(text, "# %s: %s, on %s, %.1f us a call; the compiler's defaults %.1f us\n",
                       run->input, ee_cli_tune_set(run, best)->name, run->places[best->place].name,
                       ee_cli_tune_least(best) / 1e3, ee_cli_tune_least(run->candidates) / 1e3);
    const tune_place_t *place = &run->places[best->place];
    ee_cli_text_printf(text, "# run with: --device=%s", place->device);
    if (place->threads) ee_cli_text_printf(text, " --threads=%" PRIu64, place->threads);
    if (place->spin_us) ee_cli_text_printf(text, " --spin_us=%s", place->spin_us);
    ee_cli_text_string(text, "\n");
    tune_append_flags(run, best, path, text);
    status = ee_cli_outputs_commit(&outputs, &err);
  }
  ee_cli_outputs_free(&outputs);
  return status ? ee_cli_fail(EE_CLI_OUTPUT, "%s", err.message) : EE_CLI_OK;
}

// The spec that the flags name.
static int tune_write_tiles(const tune_run_t *run, const char *choices) {
  char path[TUNE_PATH + 32];
  snprintf(path, sizeof path, "%.4096s.tiles.mlir", choices);
  ee_cli_outputs_t outputs = {0};
  ee_cli_text_t *text = NULL;
  eerie_error_t err = {0};
  eerie_status_t status = ee_cli_outputs_open(&outputs, path, false, &text, &err);
  if (!status) {
    ee_cli_text_append(text, run->tiles_spec.data, run->tiles_spec.size);
    status = ee_cli_outputs_commit(&outputs, &err);
  }
  ee_cli_outputs_free(&outputs);
  return status ? ee_cli_fail(EE_CLI_OUTPUT, "%s", err.message) : EE_CLI_OK;
}

static int tune_write_module(const tune_candidate_t *best, const char *path) {
  ee_cli_outputs_t outputs = {0};
  ee_cli_text_t module = {0}, *rest = NULL;
  eerie_error_t err = {0};
  eerie_status_t status = ee_cli_read_file(best->module, &module, &err);
  if (!status)
    status = ee_cli_outputs_open_head(&outputs, path, module.data, module.size, &rest, &err);
  if (!status) status = ee_cli_outputs_commit(&outputs, &err);
  ee_cli_outputs_free(&outputs);
  ee_cli_text_free(&module);
  return status ? ee_cli_fail(EE_CLI_OUTPUT, "%s", err.message) : EE_CLI_OK;
}

int ee_cli_tune_tell(const tune_run_t *run, const tune_candidate_t *best) {
  const tune_options_t *options = run->options;
  int exit_code = EE_CLI_OK;
  if (options->output) exit_code = tune_write_module(best, options->output);
  if (!exit_code && options->choices) exit_code = tune_write_choices(run, best, options->choices);
  if (!exit_code && options->choices && ee_cli_tune_set(run, best) == &run->tiles)
    exit_code = tune_write_tiles(run, options->choices);
  if (exit_code) return exit_code;
  if (options->table && strcmp(options->table, "json") == 0) return tune_print_json(run, best);
  tune_print_table(run, best, options->table && strcmp(options->table, "csv") == 0);
  return EE_CLI_OK;
}
