// bench.h: what the files of `eerie bench` share.
//
//   bench.c        the command: contenders, sweeps, our own calls
//   bench_peer.c   contenders that are other programs
//   bench_show.c   what the times amount to, and how it is printed
#ifndef EERIE_CLI_BENCH_H_
#define EERIE_CLI_BENCH_H_

#include "model.h"

typedef enum ee_cli_runtime {
  EE_CLI_RUNTIME_EERIE,
  EE_CLI_RUNTIME_IREE,
  EE_CLI_RUNTIME_ORT,
} ee_cli_runtime_t;

typedef struct ee_cli_samples {
  uint64_t *ns;
  size_t count, capacity;
} ee_cli_samples_t;

// Another program that times itself.
typedef struct ee_cli_peer {
  int pid, to, from; // of one that stays; 0: none
  char folder[64];   // of its inputs; empty: none
  char **arguments;  // ends with NULL
  size_t argument_count;
} ee_cli_peer_t;

typedef struct ee_cli_contender {
  ee_cli_runtime_t runtime;
  const char *module; // path; of ORT, the ONNX model's
  const char *function;
  const char *device;
  uint64_t threads; // 0: not asked for
  bool cold;
  // Our own.
  ee_cli_model_options_t options; // its lists are the contender's
  ee_cli_model_t model;
  ee_cli_values_t results;
  eerie_prepared_call_t *prepared; // NULL: arguments are checked in each call
  ee_cli_peer_t peer;
  // What was measured. `means`: each sample is the mean of a batch, not the time of one call.
  ee_cli_samples_t samples;
  bool means;
  uint64_t calls;
  double min_cpu_ns; // of processor time a call, the least of all batches; negative: not known
  size_t peak_bytes;
} ee_cli_contender_t;

bool ee_cli_samples_add(ee_cli_samples_t *samples, uint64_t ns);

// ---- Peers -------------------------------------------------------------------------------------

// Starts or prepares the other program. `like`: an open contender of ours, whose arguments it gets.
// Returns an exit code; MISSING with what would mend it when it is not installed.
int ee_cli_peer_open(ee_cli_contender_t *contender, const ee_cli_contender_t *like,
                     uint64_t warmup);
// Has it call for `seconds` and `calls` times at least, and takes its times.
int ee_cli_peer_measure(ee_cli_contender_t *contender, double seconds, uint64_t calls);
void ee_cli_peer_close(ee_cli_peer_t *peer);

// ---- Showing -----------------------------------------------------------------------------------

typedef enum ee_cli_bench_format {
  EE_CLI_BENCH_TABLE,
  EE_CLI_BENCH_MARKDOWN,
  EE_CLI_BENCH_CSV,
  EE_CLI_BENCH_JSON,
  EE_CLI_BENCH_JSONL,
  EE_CLI_BENCH_TERSE,
} ee_cli_bench_format_t;

// "table", "md", "csv", "json", "jsonl" or "terse"; false: none of them.
bool ee_cli_bench_format_parse(const char *text, ee_cli_bench_format_t *out_format);

// Sorts the samples of each contender and prints. Returns an exit code.
int ee_cli_bench_show(ee_cli_bench_format_t format, uint64_t warmup,
                      ee_cli_contender_t *const *contenders, size_t count);

#endif // EERIE_CLI_BENCH_H_
