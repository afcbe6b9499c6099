// bench_show.c: what the times of calls amount to, as a table or for programs.
//
// Percentiles are the nearest rank, so each is a time that was really taken.
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "json.h"

typedef struct summary {
  double min, median, p90, p99, p999, max, mean, deviation; // nanoseconds
} summary_t;

typedef struct row {
  const ee_cli_contender_t *contender;
  summary_t summary;
  bool means;        // of batches
  const char *label; // of its module
} row_t;

// ---- What they amount to -----------------------------------------------------------------------

static int compare_ns(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

static double rank(const ee_cli_samples_t *samples, unsigned per_mille) {
  const size_t at = (samples->count * per_mille + 999) / 1000;
  return (double)samples->ns[at ? at - 1 : 0];
}

static summary_t summarise(const ee_cli_samples_t *samples) {
  if (!samples->count) return (summary_t){0};
  const double count = (double)samples->count;
  double sum = 0, squares = 0;
  for (size_t i = 0; i < samples->count; ++i)
    sum += (double)samples->ns[i];
  const double mean = sum / count;
  for (size_t i = 0; i < samples->count; ++i)
    squares += ((double)samples->ns[i] - mean) * ((double)samples->ns[i] - mean);
  qsort(samples->ns, samples->count, sizeof *samples->ns, compare_ns);
  return (summary_t){.min = (double)samples->ns[0],
                     .median = rank(samples, 500),
                     .p90 = rank(samples, 900),
                     .p99 = rank(samples, 990),
                     .p999 = rank(samples, 999),
                     .max = (double)samples->ns[samples->count - 1],
                     .mean = mean,
                     .deviation = samples->count > 1 ? sqrt(squares / (count - 1)) : 0};
}

// ---- One contender -----------------------------------------------------------------------------

// Three digits that count, "12.3 us".
static void format_time(char out[24], double ns) {
  static const char *const units[] = {"ns", "us", "ms", "s"};
  size_t unit = 0;
  while (ns >= 999.5 && unit < 3) {
    ns /= 1000;
    ++unit;
  }
  const int decimals = unit == 0 || ns >= 99.95 ? 0 : ns >= 9.995 ? 1 : 2;
  snprintf(out, 24, "%.*f %s", decimals, ns, units[unit]);
}

static void print_time(const char *label, double ns) {
  char text[24];
  format_time(text, ns);
  char *const unit = strchr(text, ' ');
  *unit = 0;
  printf("  %-7s %7s %s\n", label, text, unit + 1);
}

static int show_one(const row_t *row, uint64_t warmup) {
  const uint64_t calls = row->contender->calls;
  printf("%s: %" PRIu64 " call%s, after %" PRIu64 " to warm up\n", row->contender->function, calls,
         calls == 1 ? "" : "s", warmup);
  print_time("min", row->summary.min);
  print_time("median", row->summary.median);
  print_time("p90", row->summary.p90);
  print_time("p99", row->summary.p99);
  print_time("p99.9", row->summary.p999);
  print_time("max", row->summary.max);
  print_time("mean", row->summary.mean);
  print_time("stddev", row->summary.deviation);
  if (row->contender->min_cpu_ns >= 0) print_time("cpu", row->contender->min_cpu_ns);
  return EE_CLI_OK;
}

// ---- Columns -----------------------------------------------------------------------------------

static const char *runtime_name(const ee_cli_contender_t *contender) {
  static const char *const names[] = {"eerie", "iree", "onnxruntime"};
  return names[contender->runtime];
}

static const char *base_name(const char *path) {
  const char *const slash = strrchr(path, '/');
  return slash && slash[1] ? slash + 1 : path;
}

enum { CELL = 64 };

typedef struct column {
  const char *title;
  bool only_if_varied;
  bool left;
  void (*write)(const row_t *row, const row_t *first, char out[CELL]);
} column_t;

static void write_module(const row_t *row, const row_t *first, char out[CELL]) {
  (void)first;
  // Of a long path the end says more.
  const size_t length = strlen(row->label);
  snprintf(out, CELL, "%s", row->label + (length < CELL ? 0 : length - CELL + 1));
}
static void write_runtime(const row_t *row, const row_t *first, char out[CELL]) {
  (void)first;
  snprintf(out, CELL, "%s", runtime_name(row->contender));
}
static void write_function(const row_t *row, const row_t *first, char out[CELL]) {
  (void)first;
  snprintf(out, CELL, "%s", row->contender->function);
}
static void write_device(const row_t *row, const row_t *first, char out[CELL]) {
  (void)first;
  snprintf(out, CELL, "%s", row->contender->device);
}
static void write_threads(const row_t *row, const row_t *first, char out[CELL]) {
  (void)first;
  if (row->contender->threads)
    snprintf(out, CELL, "%" PRIu64, row->contender->threads);
  else
    snprintf(out, CELL, "-");
}
static void write_cache(const row_t *row, const row_t *first, char out[CELL]) {
  (void)first;
  snprintf(out, CELL, "%s", row->contender->cold ? "cold" : "warm");
}
static void write_calls(const row_t *row, const row_t *first, char out[CELL]) {
  (void)first;
  snprintf(out, CELL, "%" PRIu64, row->contender->calls);
}
static void write_min(const row_t *row, const row_t *first, char out[CELL]) {
  (void)first;
  format_time(out, row->summary.min);
}
static void write_median(const row_t *row, const row_t *first, char out[CELL]) {
  (void)first;
  format_time(out, row->summary.median);
}
// Of means of batches only the middle says something.
static void write_rank(const row_t *row, double ns, char out[CELL]) {
  if (row->contender->means)
    snprintf(out, CELL, "-");
  else
    format_time(out, ns);
}
static void write_p90(const row_t *row, const row_t *first, char out[CELL]) {
  (void)first;
  write_rank(row, row->summary.p90, out);
}
static void write_p99(const row_t *row, const row_t *first, char out[CELL]) {
  (void)first;
  write_rank(row, row->summary.p99, out);
}
static void write_p999(const row_t *row, const row_t *first, char out[CELL]) {
  (void)first;
  write_rank(row, row->summary.p999, out);
}
static void write_mean(const row_t *row, const row_t *first, char out[CELL]) {
  (void)first;
  char mean[24], deviation[24];
  format_time(mean, row->summary.mean);
  format_time(deviation, row->summary.deviation);
  snprintf(out, CELL, "%s ± %s", mean, deviation);
}
static void write_ratio(const row_t *row, const row_t *first, char out[CELL]) {
  const double base = first->summary.median;
  if (base > 0)
    snprintf(out, CELL, "%.2f", row->summary.median / base);
  else
    snprintf(out, CELL, "-");
}

static const column_t columns[] = {
    {"module", false, true, write_module},    {"runtime", true, true, write_runtime},
    {"function", true, true, write_function}, {"device", true, true, write_device},
    {"threads", true, false, write_threads},  {"caches", true, true, write_cache},
    {"calls", false, false, write_calls},     {"min", false, false, write_min},
    {"median", false, false, write_median},   {"p90", false, false, write_p90},
    {"p99", false, false, write_p99},         {"p99.9", false, false, write_p999},
    {"mean", false, false, write_mean},       {"ratio", false, false, write_ratio},
};
enum { COLUMNS = sizeof columns / sizeof columns[0] };

static bool is_shown(const column_t *column, const row_t *rows, size_t count) {
  char first[CELL], other[CELL];
  if (!column->only_if_varied) return true;
  column->write(&rows[0], rows, first);
  for (size_t i = 1; i < count; ++i) {
    column->write(&rows[i], rows, other);
    if (strcmp(first, other) != 0) return true;
  }
  return false;
}

// Characters, not bytes.
static size_t text_width(const char *text) {
  size_t width = 0;
  for (; *text; ++text)
    width += ((unsigned char)*text & 0xc0) != 0x80;
  return width;
}

// A row of the table, from the texts of the columns that are shown.
static void print_cells(char (*cells)[CELL], const size_t *widths, bool markdown) {
  bool first = true;
  for (size_t c = 0; c < COLUMNS; ++c) {
    if (!widths[c]) continue;
    const int padding = (int)(widths[c] - text_width(cells[c]));
    fputs(markdown ? first ? "| " : " | " : first ? "" : "  ", stdout);
    if (columns[c].left)
      printf("%s%*s", cells[c], padding, "");
    else
      printf("%*s%s", padding, "", cells[c]);
    first = false;
  }
  puts(markdown ? " |" : "");
}

static int show_table(const row_t *rows, size_t count, bool markdown) {
  size_t widths[COLUMNS];
  char cell[CELL];
  for (size_t c = 0; c < COLUMNS; ++c) {
    widths[c] = is_shown(&columns[c], rows, count) ? strlen(columns[c].title) : 0;
    for (size_t i = 0; i < count && widths[c]; ++i) {
      columns[c].write(&rows[i], rows, cell);
      const size_t width = text_width(cell);
      if (width > widths[c]) widths[c] = width;
    }
  }
  char cells[COLUMNS][CELL];
  for (size_t c = 0; c < COLUMNS; ++c)
    snprintf(cells[c], CELL, "%s", columns[c].title);
  print_cells(cells, widths, markdown);
  for (size_t c = 0; c < COLUMNS && markdown; ++c)
    if (widths[c]) fputs(columns[c].left ? "|---" : "|---:", stdout);
  if (markdown) puts("|");
  for (size_t i = 0; i < count; ++i) {
    for (size_t c = 0; c < COLUMNS; ++c)
      columns[c].write(&rows[i], rows, cells[c]);
    print_cells(cells, widths, markdown);
  }
  bool means = false;
  for (size_t i = 0; i < count; ++i)
    means |= rows[i].means;
  if (means)
    puts("\niree-benchmark-module tells means of batches: its minimum and median are of these");
  return EE_CLI_OK;
}

// ---- For programs ------------------------------------------------------------------------------

// The numbers of a row, in the order in which all formats have them.
typedef struct number {
  const char *name;
  double value; // negative: not known
} number_t;
enum { NUMBERS = 12 };

static void row_numbers(const row_t *row, number_t out[NUMBERS]) {
  const summary_t *const s = &row->summary;
  const bool means = row->contender->means;
  const number_t numbers[NUMBERS] = {
      {"calls", (double)row->contender->calls},
      {"samples", (double)row->contender->samples.count},
      {"min_ns", s->min},
      {"median_ns", s->median},
      {"p90_ns", means ? -1 : s->p90},
      {"p99_ns", means ? -1 : s->p99},
      {"p99_9_ns", means ? -1 : s->p999},
      {"max_ns", s->max},
      {"mean_ns", s->mean},
      {"stddev_ns", s->deviation},
      {"min_cpu_ns", row->contender->min_cpu_ns},
      {"peak_bytes", row->contender->peak_bytes ? (double)row->contender->peak_bytes : -1},
  };
  memcpy(out, numbers, sizeof numbers);
}

static void write_row(ee_cli_json_t *json, const row_t *row, uint64_t warmup) {
  const ee_cli_contender_t *const contender = row->contender;
  number_t numbers[NUMBERS];
  row_numbers(row, numbers);
  ee_cli_json_open(json, NULL, '{');
  ee_cli_json_string(json, "module", contender->module);
  ee_cli_json_string(json, "runtime", runtime_name(contender));
  ee_cli_json_string(json, "function", contender->function);
  ee_cli_json_string(json, "device", contender->device);
  if (contender->threads) ee_cli_json_number(json, "threads", contender->threads);
  ee_cli_json_string(json, "caches", contender->cold ? "cold" : "warm");
  ee_cli_json_number(json, "warmup", warmup);
  for (size_t i = 0; i < NUMBERS; ++i)
    if (numbers[i].value >= 0) ee_cli_json_real(json, numbers[i].name, numbers[i].value);
  ee_cli_json_bool(json, "means_of_batches", contender->means);
  ee_cli_json_close(json, '}');
}

static int show_json(const row_t *rows, size_t count, uint64_t warmup, bool lines) {
  ee_cli_json_t json = {.compact = lines};
  if (!lines) ee_cli_json_open(&json, NULL, '[');
  for (size_t i = 0; i < count; ++i) {
    write_row(&json, &rows[i], warmup);
    if (!lines) continue;
    const int exit_code = ee_cli_json_print(&json);
    if (exit_code) return exit_code;
    json = (ee_cli_json_t){.compact = true};
  }
  if (lines) return EE_CLI_OK;
  ee_cli_json_close(&json, ']');
  return ee_cli_json_print(&json);
}

// RFC 4180: what has a comma, a quote or a line's end is quoted.
static void print_field(const char *text) {
  if (!strpbrk(text, ",\"\r\n")) {
    fputs(text, stdout);
    return;
  }
  putchar('"');
  for (; *text; ++text) {
    if (*text == '"') putchar('"');
    putchar(*text);
  }
  putchar('"');
}

static int show_csv(const row_t *rows, size_t count, uint64_t warmup) {
  number_t numbers[NUMBERS];
  if (!count) return EE_CLI_OK;
  fputs("module,runtime,function,device,threads,caches,warmup", stdout);
  row_numbers(&rows[0], numbers);
  for (size_t i = 0; i < NUMBERS; ++i)
    printf(",%s", numbers[i].name);
  putchar('\n');
  for (size_t i = 0; i < count; ++i) {
    const ee_cli_contender_t *const contender = rows[i].contender;
    print_field(contender->module);
    printf(",%s,", runtime_name(contender));
    print_field(contender->function);
    putchar(',');
    print_field(contender->device);
    putchar(',');
    if (contender->threads) printf("%" PRIu64, contender->threads);
    printf(",%s,%" PRIu64, contender->cold ? "cold" : "warm", warmup);
    row_numbers(&rows[i], numbers);
    for (size_t k = 0; k < NUMBERS; ++k) {
      putchar(',');
      if (numbers[k].value >= 0) printf("%.17g", numbers[k].value);
    }
    putchar('\n');
  }
  return EE_CLI_OK;
}

static int show_terse(const row_t *rows, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const double cpu = rows[i].contender->min_cpu_ns;
    printf("%.0f %.0f %" PRIu64 " %.0f\n", rows[i].summary.min, rows[i].summary.median,
           rows[i].contender->calls, cpu >= 0 ? cpu : 0);
  }
  return EE_CLI_OK;
}

// ---- All of it ---------------------------------------------------------------------------------

bool ee_cli_bench_format_parse(const char *text, ee_cli_bench_format_t *out_format) {
  static const char *const names[] = {"table", "md", "csv", "json", "jsonl", "terse"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
    *out_format = (ee_cli_bench_format_t)i;
    if (strcmp(text, names[i]) == 0) return true;
  }
  return false;
}

// The file's name, or all of its path where another file has the same name.
static const char *module_label(ee_cli_contender_t *const *contenders, size_t count,
                                const char *module) {
  const char *const name = base_name(module);
  for (size_t i = 0; i < count; ++i)
    if (strcmp(base_name(contenders[i]->module), name) == 0 &&
        strcmp(contenders[i]->module, module) != 0)
      return module;
  return name;
}

int ee_cli_bench_show(ee_cli_bench_format_t format, uint64_t warmup,
                      ee_cli_contender_t *const *contenders, size_t count) {
  row_t *const rows = calloc(count + 1, sizeof *rows);
  if (!rows) return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  for (size_t i = 0; i < count; ++i)
    rows[i] = (row_t){contenders[i], summarise(&contenders[i]->samples), contenders[i]->means,
                      module_label(contenders, count, contenders[i]->module)};
  int exit_code = EE_CLI_OK;
  switch (format) {
  case EE_CLI_BENCH_TABLE:
    exit_code = count == 1 ? show_one(rows, warmup) : show_table(rows, count, false);
    break;
  case EE_CLI_BENCH_MARKDOWN: exit_code = show_table(rows, count, true); break;
  case EE_CLI_BENCH_CSV: exit_code = show_csv(rows, count, warmup); break;
  case EE_CLI_BENCH_JSON: exit_code = show_json(rows, count, warmup, false); break;
  case EE_CLI_BENCH_JSONL: exit_code = show_json(rows, count, warmup, true); break;
  case EE_CLI_BENCH_TERSE: exit_code = show_terse(rows, count); break;
  }
  free(rows);
  return exit_code;
}
