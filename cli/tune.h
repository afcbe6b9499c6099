// tune.h: what the files of `eerie tune` share: the search (tune.c), what is done with one
// candidate (tune_try.c), and what is told of it (tune_show.c).
#ifndef EERIE_CLI_TUNE_H_
#define EERIE_CLI_TUNE_H_

#include "compiler.h"
#include "model.h"

enum {
  TUNE_PATH = 4096,
  TUNE_FLAGS = 6,
  TUNE_PLACES = 32,
  TUNE_ROUNDS_LEAST = 5,
  TUNE_ROUNDS_MOST = 400,
  // Rounds after which a candidate may be seen to be hopeless.
  TUNE_ROUNDS_TRIAL = 3,
};

typedef struct ee_cli_tune_set {
  const char *name;
  const char *flags[TUNE_FLAGS];
} ee_cli_tune_set_t;

// Where calls run.
typedef struct tune_place {
  const char *device;
  uint64_t threads;    // 0: as the device thinks
  const char *spin_us; // NULL: as the device thinks
  char name[96];
} tune_place_t;

typedef struct tune_options {
  const char *output, *choices, *table, *function, *compiler, *input_type;
  ee_cli_strings_t devices, inputs, parameters, targets, words;
  double budget, tolerance;
  bool quiet, threads; // threads: how many is searched too
} tune_options_t;

typedef struct tune_candidate {
  size_t set, place; // position among the sets, in the run's places
  char module[TUNE_PATH + 64];
  ee_cli_model_t model;
  bool open, live;
  const char *state; // what became of it
  double compile_seconds;
  double *ns; // a time of each round
  size_t rounds;
} tune_candidate_t;

typedef struct tune_run {
  const tune_options_t *options;
  char folder[TUNE_PATH], mlir[TUNE_PATH + 64];
  const char *input;
  ee_cli_tune_set_t tiles; // made for the model; see tune_tiles.c
  ee_cli_text_t tiles_spec;
  char tiles_flag[TUNE_PATH + 256];
  tune_place_t places[TUNE_PLACES];
  size_t place_count;
  tune_candidate_t *candidates;
  size_t count;
  ee_cli_values_t expected; // results of the first
  double start;
  bool progress;
} tune_run_t;

// ---- tune.c ------------------------------------------------------------------------------------

// The set of a candidate.
const ee_cli_tune_set_t *ee_cli_tune_set(const tune_run_t *run, const tune_candidate_t *candidate);

// ---- tune_try.c --------------------------------------------------------------------------------

double ee_cli_tune_now(void); // seconds
// Makes run->mlir of what was given. Returns an exit code, as the others here.
int ee_cli_tune_import(tune_run_t *run);
// Compiles the candidate's set, in `left` seconds; with `show` in whatever time, and what the
// compiler says is seen.
bool ee_cli_tune_compile(const tune_run_t *run, tune_candidate_t *candidate, double left,
                         bool show);
// Where a compile tells which flags it chose.
void ee_cli_tune_told_path(const tune_candidate_t *candidate, char *out, size_t capacity);
int ee_cli_tune_open(const tune_run_t *run, tune_candidate_t *candidate);
// The first call: what it gives is held against what the first candidate gave, or is that.
int ee_cli_tune_check(tune_run_t *run, tune_candidate_t *candidate);
// Some calls in a row, as many as take a few milliseconds; the least time counts. False: one
// failed.
bool ee_cli_tune_round(tune_candidate_t *candidate);
double ee_cli_tune_least(const tune_candidate_t *candidate);
double ee_cli_tune_median(const tune_candidate_t *candidate);

// ---- tune_show.c -------------------------------------------------------------------------------

// Writes the best module and the choices where they were asked for, and prints the table. Returns
// an exit code.
int ee_cli_tune_tell(const tune_run_t *run, const tune_candidate_t *best);

// ---- tune_tiles.c ------------------------------------------------------------------------------

// A tuning spec for the products of matrices in a module that was made without data tiling. False:
// there are none.
bool ee_cli_tune_tiles(const char *module, const char *device, const ee_cli_strings_t *parameters,
                       ee_cli_text_t *out_spec);

#endif // EERIE_CLI_TUNE_H_
