// fake_stream.c: streams, a thread for each; events; recording a stream's work into a graph.
#include "fake_internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct stream {
  object_t object;
  pthread_t thread;
  work_t *first, *last;
  bool busy;    // with a work that is no longer in the list
  bool closing; // destroyed: ends when nothing is left to do
  graph_t *capture;
  bool invalid; // a capture that something forbidden came into
  pthread_t capturer;
  struct stream *next_closing;
} stream_t;

typedef struct event {
  object_t object;
  bool timed;
  mark_t *mark; // the last record; NULL: none
} event_t;

// Streams that were destroyed, whose threads nobody has waited for.
static stream_t *closing_streams;

#ifdef FAKE_HIP
// Its contexts never end, so nobody waits for the threads of streams.
static void forget_closing(stream_t *stream) {
  stream_t **at = &closing_streams;
  while (*at != stream)
    at = &(*at)->next_closing;
  *at = stream->next_closing;
  (void)pthread_detach(stream->thread);
  free(stream);
}
#endif

static bool is_idle(const stream_t *stream) {
  return !stream->first && !stream->busy;
}

// ---- The thread
// ------------------------------------------------------------------------------------------

static int next_result(context_t *context, work_t *work) {
  const int failed = context->failed;
  const bool lost = fake_cuda.lose_with != 0;
  int result = failed;
  if (!failed && lost) {
    result = fake_cuda.lose_with;
    fake_cuda.lose_with = 0;
  }
  fake_unlock();
  if (fake_cuda.delay) (void)usleep(fake_cuda.delay);
  // Of a device that has failed only what frees what others wait for is done.
  const bool passes = result == SUCCESS || work->kind == WORK_RECORD || work->kind == WORK_DEATH ||
                      work->kind == WORK_BIRTH;
  if (passes) {
    const int done = fake_work_do(context, work);
    if (result == SUCCESS) result = done;
  }
  fake_lock();
  return result;
}

static void *run_stream(void *argument) {
  stream_t *stream = argument;
  fake_lock();
  for (;;) {
    while (!stream->first && !stream->closing)
      fake_wait();
    work_t *work = stream->first;
    if (!work) break;
    stream->first = work->next;
    stream->busy = true;
    const int result = next_result(stream->object.context, work);
    if (result != SUCCESS && !stream->object.context->failed)
      stream->object.context->failed = result;
    if (work->kind == WORK_LAUNCH) --work->module->queued;
    if (work->kind == WORK_GRAPH) --work->graph->launched;
    fake_work_free(work);
    stream->busy = false;
    fake_changed();
  }
#ifdef FAKE_HIP
  forget_closing(stream);
#endif
  fake_unlock();
  return NULL;
}

// ---- Streams
// -----------------------------------------------------------------------------------------------

// Work without a stream: the driver that is tested has none, so that its order to others need not
// be told.
int fake_check_stream(void *handle) {
  const stream_t *stream = fake_check(handle, STREAM);
  return stream && stream->object.context == fake_current() ? SUCCESS : INVALID_HANDLE;
}

bool fake_is_capturing(void *handle) {
  return ((const stream_t *)handle)->capture != NULL;
}

int fake_enqueue(void *handle, work_t *work) {
  stream_t *stream = handle;
  if (stream->capture) return fake_graph_capture(stream->capture, work);
  if (work->kind == WORK_LAUNCH) ++work->module->queued;
  if (work->kind == WORK_GRAPH) ++work->graph->launched;
  if (stream->first)
    stream->last->next = work;
  else
    stream->first = work;
  stream->last = work;
  fake_changed();
  return SUCCESS;
}

// Asked of a stream that is captured these spoil the capture.
static int not_while_capturing(stream_t *stream) {
  if (!stream->capture) return SUCCESS;
  stream->invalid = true;
  return CAPTURE_UNSUPPORTED;
}

FAKE_EXPORT int cuStreamCreate(stream_t **stream, unsigned flags) {
  int result = fake_enter("cuStreamCreate", NEEDS_CONTEXT);
  if (result == SUCCESS && (!stream || flags > 1)) result = INVALID_VALUE;
  if (result == SUCCESS) {
    *stream = fake_new(STREAM, fake_current(), sizeof **stream);
    if (!*stream) return fake_leave(OUT_OF_MEMORY);
    if (pthread_create(&(*stream)->thread, NULL, run_stream, *stream) != 0) {
      fake_forget(*stream);
      free(*stream);
      result = OUT_OF_MEMORY;
    }
  }
  return fake_leave(result);
}

static void close_stream(stream_t *stream) {
  fake_forget(stream);
  stream->closing = true;
  if (stream->capture) fake_graph_free(stream->capture);
  stream->capture = NULL;
  stream->next_closing = closing_streams;
  closing_streams = stream;
  fake_changed();
}

// Returns at once; what is queued is done.
FAKE_EXPORT int cuStreamDestroy_v2(stream_t *stream) {
  int result = fake_enter("cuStreamDestroy", NEEDS_CONTEXT);
  // Of a device that is lost too it goes.
  if (fake_check(stream, STREAM))
    close_stream(stream);
  else if (result == SUCCESS)
    result = INVALID_HANDLE;
  return fake_leave(result);
}

static void join(stream_t *stream) {
  const pthread_t thread = stream->thread;
  fake_unlock();
  (void)pthread_join(thread, NULL);
  fake_lock();
  free(stream);
}

void fake_end_streams(const context_t *context) {
  for (object_t *object = fake_objects(); object;) {
    object_t *next = object->next;
    if (object->kind == STREAM && object->context == context) close_stream((stream_t *)object);
    object = next;
  }
  for (stream_t **at = &closing_streams; *at;) {
    stream_t *stream = *at;
    if (stream->object.context != context) {
      at = &stream->next_closing;
      continue;
    }
    *at = stream->next_closing;
    join(stream);
    at = &closing_streams; // others may have come meanwhile
  }
}

static bool has_work(const context_t *context) {
  for (const object_t *object = fake_objects(); object; object = object->next) {
    if (object->kind == STREAM && object->context == context && !is_idle((const stream_t *)object))
      return true;
  }
  for (const stream_t *stream = closing_streams; stream; stream = stream->next_closing) {
    if (stream->object.context == context && !is_idle(stream)) return true;
  }
  return false;
}

void fake_wait_for_context(const context_t *context) {
  while (has_work(context))
    fake_wait();
}

int fake_wait_for_stream(void *handle) {
  const stream_t *stream = handle;
  const context_t *context = stream->object.context;
  while (!is_idle(stream))
    fake_wait();
  return context->failed;
}

FAKE_EXPORT int cuStreamSynchronize(stream_t *stream) {
  int result = fake_enter("cuStreamSynchronize", NEEDS_CONTEXT);
  if (result == SUCCESS) result = fake_check_stream(stream);
  if (result == SUCCESS) result = not_while_capturing(stream);
  if (result == SUCCESS) result = fake_wait_for_stream(stream);
  return fake_leave(result);
}

// ---- Capture
// -----------------------------------------------------------------------------------------------

FAKE_NEWER int cuStreamBeginCapture_v2(stream_t *stream, int mode) {
  int result = fake_enter("cuStreamBeginCapture", NEEDS_CONTEXT);
  if (result == SUCCESS && (mode < 0 || mode > 2)) result = INVALID_VALUE;
  if (result == SUCCESS) result = fake_check_stream(stream);
  if (result == SUCCESS) result = not_while_capturing(stream);
  if (result == SUCCESS) {
    stream->capture = fake_graph_new();
    stream->capturer = pthread_self();
    stream->invalid = false;
    if (!stream->capture) result = OUT_OF_MEMORY;
  }
  return fake_leave(result);
}

FAKE_NEWER int cuStreamEndCapture(stream_t *stream, graph_t **graph) {
  int result = fake_enter("cuStreamEndCapture", NEEDS_CONTEXT);
  if (result == SUCCESS && !graph) result = INVALID_VALUE;
  if (result == SUCCESS) result = fake_check_stream(stream);
  if (result == SUCCESS && !stream->capture) result = INVALID_VALUE; // "ILLEGAL_STATE" since 12.8
  if (result == SUCCESS && !pthread_equal(stream->capturer, pthread_self()))
    result = CAPTURE_WRONG_THREAD;
  if (result != SUCCESS) return fake_leave(result);
  *graph = stream->capture;
  stream->capture = NULL;
  if (stream->invalid) {
    fake_graph_free(*graph);
    *graph = NULL;
    result = CAPTURE_INVALIDATED;
  }
  return fake_leave(result);
}

// Of a capture that was spoiled only its status is told.
FAKE_NEWER int cuStreamGetCaptureInfo_v2(stream_t *stream, int *status, uint64_t *id,
                                         graph_t **graph, node_t *const **nodes, size_t *count) {
  enum { NONE, ACTIVE, INVALIDATED };
  int result = fake_enter("cuStreamGetCaptureInfo", NEEDS_CONTEXT);
  if (result == SUCCESS && !status) result = INVALID_VALUE;
  if (result == SUCCESS) result = fake_check_stream(stream);
  if (result != SUCCESS) return fake_leave(result);
  *status = !stream->capture ? NONE : stream->invalid ? INVALIDATED : ACTIVE;
  if (*status != ACTIVE) return fake_leave(SUCCESS);
  if (id) *id = 1;
  if (graph) *graph = stream->capture;
  if (nodes) *nodes = stream->capture->ends;
  if (count) *count = stream->capture->end_count;
  return fake_leave(SUCCESS);
}

// Whether the set of nodes may be empty is not said.
FAKE_NEWER int cuStreamUpdateCaptureDependencies(stream_t *stream, node_t **nodes, size_t count,
                                                 unsigned flags) {
  enum { ADD, SET };
  int result = fake_enter("cuStreamUpdateCaptureDependencies", NEEDS_CONTEXT);
  if (result == SUCCESS) result = fake_check_stream(stream);
  if (result == SUCCESS && !stream->capture) result = ILLEGAL_STATE;
  // What the driver does not ask for is not known here: nodes beside those that are there.
  if (result == SUCCESS && flags != SET) result = flags == ADD ? NOT_SUPPORTED : INVALID_VALUE;
  if (result == SUCCESS && (!nodes || count == 0 || !fake_graph_has(stream->capture, nodes, count)))
    result = INVALID_VALUE;
  if (result == SUCCESS) result = fake_graph_set_ends(stream->capture, nodes, count);
  return fake_leave(result);
}

// ---- Events
// ------------------------------------------------------------------------------------------------

FAKE_EXPORT int cuEventCreate(event_t **event, unsigned flags) {
  int result = fake_enter("cuEventCreate", NEEDS_CONTEXT);
  if (result == SUCCESS && (!event || flags > 3)) result = INVALID_VALUE; // of processes: not here
  if (result == SUCCESS) {
    *event = fake_new(EVENT, fake_current(), sizeof **event);
    if (!*event) return fake_leave(OUT_OF_MEMORY);
    (*event)->timed = !(flags & 2);
  }
  return fake_leave(result);
}

void fake_free_event(object_t *event) {
  fake_mark_drop(((event_t *)event)->mark);
  fake_forget(event);
  free(event);
}

FAKE_EXPORT int cuEventDestroy_v2(event_t *event) {
  int result = fake_enter("cuEventDestroy", NEEDS_CONTEXT);
  if (fake_check(event, EVENT))
    fake_free_event(&event->object);
  else if (result == SUCCESS)
    result = INVALID_HANDLE;
  return fake_leave(result);
}

static int enter_event(const char *function, const event_t *event) {
  const int result = fake_enter(function, NEEDS_CONTEXT);
  return result == SUCCESS && !fake_check(event, EVENT) ? INVALID_HANDLE : result;
}

FAKE_EXPORT int cuEventRecord(event_t *event, stream_t *stream) {
  int result = enter_event("cuEventRecord", event);
  if (result == SUCCESS) result = fake_check_stream(stream);
  if (result == SUCCESS && event->object.context != stream->object.context) result = INVALID_HANDLE;
  work_t *work = result == SUCCESS ? fake_work_new(WORK_RECORD) : NULL;
  if (result != SUCCESS) return fake_leave(result);
  if (work) work->mark = fake_mark_new();
  if (!work || !work->mark) {
    if (work) fake_work_free(work);
    return fake_leave(OUT_OF_MEMORY);
  }
  fake_mark_drop(event->mark);
  event->mark = fake_mark_keep(work->mark);
  if (stream->capture) { // a point of the graph, which is no work
    work->mark->captured = true;
    fake_work_free(work);
  } else {
    result = fake_enqueue(stream, work);
  }
  return fake_leave(result);
}

FAKE_EXPORT int cuEventQuery(event_t *event) {
  int result = enter_event("cuEventQuery", event);
  if (result == SUCCESS && event->mark && event->mark->captured) result = CAPTURED_EVENT;
  if (result == SUCCESS && event->mark && !event->mark->done) result = NOT_READY;
  return fake_leave(result);
}

FAKE_EXPORT int cuEventSynchronize(event_t *event) {
  int result = enter_event("cuEventSynchronize", event);
  if (result == SUCCESS && event->mark && event->mark->captured) result = CAPTURED_EVENT;
  if (result == SUCCESS && event->mark) {
    const context_t *context = event->object.context;
    mark_t *mark = fake_mark_keep(event->mark);
    while (!mark->done)
      fake_wait();
    fake_mark_drop(mark);
    result = context->failed;
  }
  return fake_leave(result);
}

FAKE_EXPORT int cuEventElapsedTime(float *time, const event_t *begin, const event_t *end) {
  int result = enter_event("cuEventElapsedTime", begin);
  if (result == SUCCESS && !time) result = INVALID_VALUE;
  if (result == SUCCESS &&
      (!fake_check(end, EVENT) || !begin->timed || !end->timed || !begin->mark || !end->mark))
    result = INVALID_HANDLE;
  if (result == SUCCESS && (!begin->mark->done || !end->mark->done)) result = NOT_READY;
  if (result == SUCCESS) *time = (float)(end->mark->time - begin->mark->time);
  return fake_leave(result);
}
