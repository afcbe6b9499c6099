// record.h: what an observer saw, kept for `eerie run --trace`, `profile` and `inspect`.
#ifndef EERIE_CLI_RECORD_H_
#define EERIE_CLI_RECORD_H_

#include <stdatomic.h>

#include "eerie/eerie_profile.h"
#include "value.h"

// The events of an instance, in the order in which they ended. Any number of threads may add to it.
typedef struct ee_cli_record {
  eerie_event_t *events;
  size_t capacity;
  atomic_size_t added; // also those that found no place
} ee_cli_record_t;

// Room for `capacity` events.
int ee_cli_record_open(ee_cli_record_t *record, size_t capacity);
void ee_cli_record_close(ee_cli_record_t *record);
// How many are there.
size_t ee_cli_record_count(const ee_cli_record_t *record);
// The observer that fills it.
eerie_observer_t ee_cli_record_observer(ee_cli_record_t *record);

// The tracks on which events are shown: the caller's, one for each worker, one for each device that
// has a queue of its own.
enum { EE_CLI_DEVICES = 8 };
typedef struct ee_cli_tracks {
  uint32_t workers; // the highest number among them
  uint32_t device_count;
  const char *devices[EE_CLI_DEVICES];
} ee_cli_tracks_t;
ee_cli_tracks_t ee_cli_record_tracks(const ee_cli_record_t *record, size_t first);
uint32_t ee_cli_tracks_count(const ee_cli_tracks_t *tracks);
// The number of an event's track, below the count.
uint32_t ee_cli_tracks_of(const ee_cli_tracks_t *tracks, const eerie_event_t *event);
// "caller", "worker 2", "vulkan:0".
void ee_cli_tracks_name(const ee_cli_tracks_t *tracks, uint32_t track, char *out_name,
                        size_t capacity);

// Floating-point operations of one dispatch as far as the kernel's name tells, in which the
// compiler puts the operation and its sizes: "f_dispatch_0_matmul_64x128x256_f32". 0: it does not.
double ee_cli_kernel_flops(const char *name);

// All dispatches of one kernel.
typedef struct ee_cli_hot {
  const char *name;
  uint64_t id;
  uint32_t function;
  double dispatches;  // of workers that share some, together
  uint64_t bytes;     // of the bindings of one
  int64_t ns;         // of all, in the time of the threads
  eerie_event_t last; // one of them
} ee_cli_hot_t;

// Sums up the dispatches among events [first, end) by kernel, those that took longest first. The
// shares of several workers in one dispatch count as one, with the time of all of them together.
// Free it.
ee_cli_hot_t *ee_cli_record_hot(const ee_cli_record_t *record, size_t first, size_t end,
                                size_t *out_count);

// Appends "12.3 us".
void ee_cli_text_time(ee_cli_text_t *text, double ns);
// Appends "4x1x1".
void ee_cli_text_counts(ee_cli_text_t *text, const uint32_t counts[3]);

// Prints a line for each dispatch, transfer and wait from event `first` on, and their sum.
int ee_cli_record_print(const ee_cli_record_t *record, size_t first, FILE *out);
// Prints a table of the kernels that took longest, `limit` at most. `calls`: that were observed.
int ee_cli_record_print_hot(const ee_cli_record_t *record, size_t first, uint64_t calls,
                            size_t limit, FILE *out);

// What a trace or page says beside the events.
typedef struct ee_cli_page {
  const char *title, *function, *device;
  uint64_t calls;
  double median_ns;
  double cost;     // what observing adds to an observed call, a share of it; negative: unknown
  double overhead; // the same of all calls, observed or not
  uint64_t every;  // one of so many calls was observed
  size_t first;    // event that belongs to the calls
} ee_cli_page_t;
// Writes a trace in the format of chrome://tracing, which Perfetto opens too.
void ee_cli_record_write_trace(const ee_cli_record_t *record, const ee_cli_page_t *page,
                               ee_cli_text_t *out);
// Writes a page of HTML that needs nothing else.
void ee_cli_record_write_page(const ee_cli_record_t *record, const ee_cli_page_t *page,
                              ee_cli_text_t *out);

#endif // EERIE_CLI_RECORD_H_
