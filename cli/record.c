// record.c: the events of an instance, and what they sum up to.
#include "record.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 4096 };

// ---- Keeping -----------------------------------------------------------------------------------

int ee_cli_record_open(ee_cli_record_t *record, size_t capacity) {
  record->events = calloc(capacity, sizeof *record->events);
  record->capacity = capacity;
  // Pages that the system gives when they are touched would be given in the middle of a call.
  volatile char *const bytes = (volatile char *)record->events;
  for (size_t i = 0; bytes && i < capacity * sizeof *record->events; i += PAGE)
    bytes[i] = 0;
  atomic_init(&record->added, 0);
  return record->events ? EE_CLI_OK
                        : ee_cli_fail(EE_CLI_FAILED, "no memory for %zu events", capacity);
}

void ee_cli_record_close(ee_cli_record_t *record) {
  free(record->events);
  record->events = NULL;
  record->capacity = 0;
}

size_t ee_cli_record_count(const ee_cli_record_t *record) {
  const size_t added = atomic_load(&record->added);
  return added < record->capacity ? added : record->capacity;
}

// Each event has a place of its own; who reads them comes when all are written.
static void add_event(void *user, const eerie_event_t *event) {
  ee_cli_record_t *const record = user;
  const size_t at = atomic_fetch_add_explicit(&record->added, 1, memory_order_relaxed);
  if (at < record->capacity) record->events[at] = *event;
}

eerie_observer_t ee_cli_record_observer(ee_cli_record_t *record) {
  return (eerie_observer_t){.event = add_event, .user = record};
}

// ---- Tracks ------------------------------------------------------------------------------------

static uint32_t device_number(const ee_cli_tracks_t *tracks, const char *device) {
  uint32_t i = 0;
  while (i < tracks->device_count && strcmp(tracks->devices[i], device) != 0)
    ++i;
  return i;
}

ee_cli_tracks_t ee_cli_record_tracks(const ee_cli_record_t *record, size_t first) {
  ee_cli_tracks_t tracks = {0};
  const size_t end = ee_cli_record_count(record);
  for (size_t i = first; i < end; ++i) {
    const eerie_event_t *const event = &record->events[i];
    if (event->worker > tracks.workers) tracks.workers = event->worker;
    if (!event->device || tracks.device_count == EE_CLI_DEVICES) continue;
    if (device_number(&tracks, event->device) == tracks.device_count)
      tracks.devices[tracks.device_count++] = event->device;
  }
  return tracks;
}

uint32_t ee_cli_tracks_count(const ee_cli_tracks_t *tracks) {
  return tracks->workers + 1 + tracks->device_count;
}

uint32_t ee_cli_tracks_of(const ee_cli_tracks_t *tracks, const eerie_event_t *event) {
  if (!event->device) return event->worker;
  const uint32_t number = device_number(tracks, event->device);
  // More devices than there are places share the last one's.
  return tracks->workers + 1 + (number < tracks->device_count ? number : number - 1);
}

void ee_cli_tracks_name(const ee_cli_tracks_t *tracks, uint32_t track, char *out_name,
                        size_t capacity) {
  if (track > tracks->workers)
    snprintf(out_name, capacity, "%s", tracks->devices[track - tracks->workers - 1]);
  else if (track)
    snprintf(out_name, capacity, "worker %" PRIu32, track);
  else
    snprintf(out_name, capacity, "caller");
}

// ---- Operations by the name --------------------------------------------------------------------

// The product of "4x16x8", ended by '_' or the end; 0 when it is something else or has a D, which
// stands for a size that only a call knows.
static double product_of(const char *text) {
  double product = 1;
  for (;;) {
    char *end = NULL;
    if (*text < '0' || *text > '9') return 0;
    product *= (double)strtoull(text, &end, 10);
    if (*end != 'x') return *end == '_' || !*end ? product : 0;
    text = end + 1;
  }
}

double ee_cli_kernel_flops(const char *name) {
  // Sums of products: two operations for each point of the space that is named. Elementwise
  // operations and reductions do not say how much they do at a point.
  static const char *const sums[] = {"matmul", "matvec", "vecmat", "mmt4d", "conv", "dot"};
  const char *const dispatch = strstr(name, "dispatch_");
  const char *operation = dispatch ? dispatch + strlen("dispatch_") : name;
  bool found = false;
  for (size_t i = 0; i < sizeof sums / sizeof *sums; ++i)
    found |= strstr(operation, sums[i]) != NULL;
  if (!found) return 0;
  // The sizes are the first part after a name that begins with a digit and has an x.
  for (const char *at = strchr(operation, '_'); at; at = strchr(at + 1, '_')) {
    const size_t length = strcspn(at + 1, "_");
    if (at[1] < '0' || at[1] > '9' || !memchr(at + 1, 'x', length)) continue;
    return 2 * product_of(at + 1);
  }
  return 0;
}

// ---- By kernel ---------------------------------------------------------------------------------

static int compare_hot(const void *a, const void *b) {
  const ee_cli_hot_t *const x = a, *const y = b;
  if (x->ns != y->ns) return x->ns < y->ns ? 1 : -1;
  return strcmp(x->name, y->name);
}

static uint64_t workgroups_of(const eerie_event_t *event) {
  return (uint64_t)event->workgroup_count[0] * event->workgroup_count[1] *
         event->workgroup_count[2];
}

ee_cli_hot_t *ee_cli_record_hot(const ee_cli_record_t *record, size_t first, size_t end,
                                size_t *out_count) {
  size_t count = 0, capacity = 0;
  ee_cli_hot_t *hot = NULL;
  *out_count = 0;
  for (size_t i = first; i < end; ++i) {
    const eerie_event_t *const event = &record->events[i];
    if (event->kind != EERIE_EVENT_DISPATCH) continue;
    size_t k = 0;
    while (k < count && (hot[k].id != event->id || hot[k].function != event->function))
      ++k;
    if (k == count) {
      if (count == capacity) {
        capacity = capacity ? capacity * 2 : 16;
        ee_cli_hot_t *const grown = realloc(hot, capacity * sizeof *hot);
        if (!grown) {
          free(hot);
          return NULL;
        }
        hot = grown;
      }
      hot[count++] =
          (ee_cli_hot_t){.name = event->name, .id = event->id, .function = event->function};
    }
    ee_cli_hot_t *const entry = &hot[k];
    const uint64_t all = workgroups_of(event);
    entry->ns += event->end_ns - event->begin_ns;
    // Of a dispatch without workgroups nobody has a share.
    entry->dispatches += all ? (double)event->workgroups_done / (double)all : 1;
    entry->bytes = event->size;
    entry->last = *event;
  }
  if (count) qsort(hot, count, sizeof *hot, compare_hot);
  *out_count = count;
  return hot ? hot : calloc(1, sizeof *hot);
}

void ee_cli_text_time(ee_cli_text_t *text, double ns) {
  static const char *const units[] = {"ns", "us", "ms", "s"};
  size_t unit = 0;
  while (ns >= 999.5 && unit < 3) {
    ns /= 1000;
    ++unit;
  }
  const int decimals = unit == 0 || ns >= 99.95 ? 0 : ns >= 9.995 ? 1 : 2;
  ee_cli_text_printf(text, "%.*f %s", decimals, ns, units[unit]);
}

void ee_cli_text_counts(ee_cli_text_t *text, const uint32_t counts[3]) {
  ee_cli_text_printf(text, "%" PRIu32 "x%" PRIu32 "x%" PRIu32, counts[0], counts[1], counts[2]);
}

// ---- Tables ------------------------------------------------------------------------------------

// One number with a name of its own, so that columns stand straight.
typedef struct cell {
  char text[32];
} cell_t;

static cell_t time_cell(double ns) {
  cell_t cell = {""};
  ee_cli_text_t text = {0};
  ee_cli_text_time(&text, ns);
  if (text.data) snprintf(cell.text, sizeof cell.text, "%s", text.data);
  ee_cli_text_free(&text);
  return cell;
}

static cell_t bytes_cell(uint64_t bytes) {
  cell_t cell = {""};
  ee_cli_text_t text = {0};
  ee_cli_text_bytes(&text, bytes);
  if (text.data) snprintf(cell.text, sizeof cell.text, "%s", text.data);
  ee_cli_text_free(&text);
  return cell;
}

// Billions a second; empty when nothing is known.
static cell_t rate_cell(double amount, double ns) {
  cell_t cell = {""};
  if (amount > 0 && ns > 0) snprintf(cell.text, sizeof cell.text, "%.3g", amount / ns);
  return cell;
}

static cell_t counts_cell(const uint32_t counts[3]) {
  cell_t cell = {""};
  snprintf(cell.text, sizeof cell.text, "%" PRIu32 "x%" PRIu32 "x%" PRIu32, counts[0], counts[1],
           counts[2]);
  return cell;
}

static void print_event(const eerie_event_t *event, FILE *out) {
  const double ns = (double)(event->end_ns - event->begin_ns);
  const bool dispatch = event->kind == EERIE_EVENT_DISPATCH;
  cell_t work = {""};
  if (dispatch) work = counts_cell(event->workgroup_count);
  // The share of a worker has that share of the operations.
  const double all = (double)event->workgroup_count[0] * (double)event->workgroup_count[1] *
                     (double)event->workgroup_count[2];
  const double share = all > 0 ? (double)event->workgroups_done / all : 1;
  const double flops = dispatch ? ee_cli_kernel_flops(event->name) * share : 0;
  char who[16];
  snprintf(who, sizeof who, "%" PRIu32, event->worker);
  fprintf(out, "%8s  %-14s  %11s  %10s  %8s  %s%s\n", event->device ? event->device : who,
          work.text, event->kind == EERIE_EVENT_WAIT ? "" : bytes_cell(event->size).text,
          time_cell(ns).text, rate_cell(flops, ns).text,
          event->kind == EERIE_EVENT_WAIT ? "wait: " : "", event->name);
}

static int dropped(const ee_cli_record_t *record) {
  const size_t added = atomic_load(&record->added);
  if (added <= record->capacity) return EE_CLI_OK;
  fprintf(stderr, "eerie: %zu of %zu events found no place\n", added - record->capacity, added);
  return EE_CLI_OK;
}

int ee_cli_record_print(const ee_cli_record_t *record, size_t first, FILE *out) {
  const size_t end = ee_cli_record_count(record);
  size_t dispatches = 0;
  int64_t ns = 0, call_ns = 0;
  fprintf(out, "%8s  %-14s  %11s  %10s  %8s  %s\n", "worker", "workgroups", "bytes", "time",
          "GFLOP/s", "kernel");
  for (size_t i = first; i < end; ++i) {
    const eerie_event_t *const event = &record->events[i];
    if (event->kind == EERIE_EVENT_CALL) call_ns += event->end_ns - event->begin_ns;
    if (event->kind != EERIE_EVENT_DISPATCH && event->kind != EERIE_EVENT_TRANSFER &&
        event->kind != EERIE_EVENT_WAIT)
      continue;
    print_event(event, out);
    if (event->kind != EERIE_EVENT_DISPATCH) continue;
    ++dispatches;
    ns += event->end_ns - event->begin_ns;
  }
  fprintf(out, "%zu dispatch%s, %s of the call's %s\n", dispatches, dispatches == 1 ? "" : "es",
          time_cell((double)ns).text, time_cell((double)call_ns).text);
  return dropped(record);
}

int ee_cli_record_print_hot(const ee_cli_record_t *record, size_t first, uint64_t calls,
                            size_t limit, FILE *out) {
  size_t count = 0;
  ee_cli_hot_t *const hot = ee_cli_record_hot(record, first, ee_cli_record_count(record), &count);
  if (!hot) return ee_cli_fail(EE_CLI_FAILED, "out of memory");
  double total = 0;
  for (size_t i = 0; i < count; ++i)
    total += (double)hot[i].ns;
  fprintf(out, "%6s  %10s  %8s  %-14s  %11s  %8s  %s\n", "share", "time", "a call", "workgroups",
          "bytes", "GFLOP/s", "kernel");
  for (size_t i = 0; i < count && i < limit; ++i) {
    const double each = (double)hot[i].ns / (hot[i].dispatches > 0 ? hot[i].dispatches : 1);
    fprintf(out, "%5.1f%%  %10s  %8.3g  %-14s  %11s  %8s  %s\n", 100 * (double)hot[i].ns / total,
            time_cell(each).text, hot[i].dispatches / (double)(calls ? calls : 1),
            counts_cell(hot[i].last.workgroup_count).text, bytes_cell(hot[i].bytes).text,
            rate_cell(ee_cli_kernel_flops(hot[i].name), each).text, hot[i].name);
  }
  if (count > limit) fprintf(out, "and %zu more\n", count - limit);
  free(hot);
  return dropped(record);
}
