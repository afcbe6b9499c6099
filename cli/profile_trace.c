// profile_trace.c: events as a trace that Perfetto and chrome://tracing open.
//
// Source of the format: "Trace Event Format", docs.google.com, the description that Chromium links.
// One complete event (X) for each span, one track for the thread that calls, one for each worker
// and one for each device that does its work by itself, a counter (C) for each kind of memory.
// Times are microseconds from the first event on.
#include <inttypes.h>

#include "json.h"
#include "record.h"

static int64_t first_time(const ee_cli_record_t *record, size_t count) {
  int64_t first = INT64_MAX;
  for (size_t i = 0; i < count; ++i)
    if (record->events[i].begin_ns < first) first = record->events[i].begin_ns;
  return first;
}

static double microseconds(int64_t ns) {
  return (double)ns / 1000;
}

static void begin_event(ee_cli_json_t *json, const char *phase, const char *name, uint32_t track) {
  ee_cli_json_open(json, NULL, '{');
  ee_cli_json_string(json, "ph", phase);
  ee_cli_json_string(json, "name", name);
  ee_cli_json_number(json, "pid", 1);
  ee_cli_json_number(json, "tid", track + 1);
}

static void name_track(ee_cli_json_t *json, const ee_cli_tracks_t *tracks, uint32_t track) {
  char name[64];
  ee_cli_tracks_name(tracks, track, name, sizeof name);
  begin_event(json, "M", "thread_name", track);
  ee_cli_json_open(json, "args", '{');
  ee_cli_json_string(json, "name", name);
  ee_cli_json_close(json, '}');
  ee_cli_json_close(json, '}');
}

static const char *category(eerie_event_kind_t kind) {
  switch (kind) {
  case EERIE_EVENT_CALL: return "call";
  case EERIE_EVENT_SUBMIT: return "submit";
  case EERIE_EVENT_DISPATCH: return "dispatch";
  case EERIE_EVENT_TRANSFER: return "transfer";
  case EERIE_EVENT_WAIT: return "wait";
  default: return NULL; // a moment
  }
}

static void write_dispatch(ee_cli_json_t *json, const eerie_event_t *event) {
  ee_cli_text_t counts = {0};
  ee_cli_text_counts(&counts, event->workgroup_count);
  ee_cli_json_string(json, "workgroups", counts.data);
  ee_cli_text_free(&counts);
  ee_cli_json_number(json, "workgroups_done", event->workgroups_done);
  ee_cli_json_number(json, "bindings", event->binding_count);
  const double flops = ee_cli_kernel_flops(event->name);
  if (flops > 0) ee_cli_json_real(json, "flop", flops);
  if (event->source_file) ee_cli_json_string(json, "source", event->source_file);
}

static void write_span(ee_cli_json_t *json, const ee_cli_tracks_t *tracks,
                       const eerie_event_t *event, int64_t start) {
  begin_event(json, "X", event->name, ee_cli_tracks_of(tracks, event));
  ee_cli_json_string(json, "cat", category(event->kind));
  ee_cli_json_real(json, "ts", microseconds(event->begin_ns - start));
  ee_cli_json_real(json, "dur", microseconds(event->end_ns - event->begin_ns));
  ee_cli_json_open(json, "args", '{');
  if (event->size) ee_cli_json_number(json, "bytes", event->size);
  if (event->kind == EERIE_EVENT_DISPATCH) write_dispatch(json, event);
  ee_cli_json_close(json, '}');
  ee_cli_json_close(json, '}');
}

static void write_memory(ee_cli_json_t *json, const eerie_event_t *event, int64_t start,
                         uint64_t live[EERIE_MEMORY_KINDS]) {
  const size_t kind = (size_t)event->memory < EERIE_MEMORY_KINDS ? (size_t)event->memory : 0;
  const bool more = event->kind == EERIE_EVENT_ALLOCATE;
  // A free whose allocation found no place among the events.
  if (!more && live[kind] < event->size) return;
  live[kind] += more ? event->size : 0 - event->size;
  begin_event(json, "C", "memory", 0);
  ee_cli_json_real(json, "ts", microseconds(event->begin_ns - start));
  ee_cli_json_open(json, "args", '{');
  for (size_t i = 1; i <= EERIE_MEMORY_RESULTS; ++i)
    ee_cli_json_number(json, eerie_memory_kind_name((eerie_memory_kind_t)i), live[i]);
  ee_cli_json_close(json, '}');
  ee_cli_json_close(json, '}');
}

// What the reader should know of how it was made.
static void write_how(ee_cli_json_t *json, const ee_cli_page_t *page) {
  ee_cli_json_open(json, "otherData", '{');
  ee_cli_json_string(json, "function", page->function);
  ee_cli_json_string(json, "device", page->device);
  ee_cli_json_number(json, "calls observed", page->calls);
  ee_cli_json_number(json, "one observed of calls", page->every);
  if (page->cost >= 0) ee_cli_json_real(json, "cost of observing a call", page->cost);
  if (page->overhead >= 0) ee_cli_json_real(json, "cost of observing, all calls", page->overhead);
  ee_cli_json_close(json, '}');
}

void ee_cli_record_write_trace(const ee_cli_record_t *record, const ee_cli_page_t *page,
                               ee_cli_text_t *out) {
  const size_t count = ee_cli_record_count(record);
  const int64_t start = first_time(record, count);
  uint64_t live[EERIE_MEMORY_KINDS] = {0};
  const ee_cli_tracks_t tracks = ee_cli_record_tracks(record, 0);
  ee_cli_json_t json = {.text = *out, .compact = true};
  ee_cli_json_open(&json, NULL, '{');
  ee_cli_json_string(&json, "displayTimeUnit", "ns");
  write_how(&json, page);
  ee_cli_json_open(&json, "traceEvents", '[');
  begin_event(&json, "M", "process_name", 0);
  ee_cli_json_open(&json, "args", '{');
  ee_cli_json_string(&json, "name", "eerie");
  ee_cli_json_close(&json, '}');
  ee_cli_json_close(&json, '}');
  for (size_t i = 0; i < count; ++i) {
    const eerie_event_t *const event = &record->events[i];
    if (event->kind == EERIE_EVENT_ALLOCATE || event->kind == EERIE_EVENT_FREE)
      write_memory(&json, event, start, live);
    else if (category(event->kind))
      write_span(&json, &tracks, event, start);
    // A line each: files of this kind are looked into with simple tools.
    ee_cli_text_string(&json.text, "\n");
  }
  for (uint32_t i = 0; i < ee_cli_tracks_count(&tracks); ++i)
    name_track(&json, &tracks, i);
  ee_cli_json_close(&json, ']');
  ee_cli_json_close(&json, '}');
  ee_cli_text_string(&json.text, "\n");
  *out = json.text;
}
