// fake_internal.h: what the parts of the library in libcuda's place share.
//
// fake_device (devices, contexts) <- fake_memory <- fake_work (operations) <- fake_stream (streams,
// events), fake_graph, fake_module; fake_hip has other names for all of them.
#ifndef EERIE_TESTS_DRIVERS_CUDA_FAKE_INTERNAL_H_
#define EERIE_TESTS_DRIVERS_CUDA_FAKE_INTERNAL_H_

#include "fake.h"
#include "ptx.h"

// In the library for HIP functions of CUDA are internal. Those that an old driver lacks are
// internal in the one that is built as such.
#define FAKE_SHOWN __attribute__((visibility("default")))
#if defined FAKE_HIP
#define FAKE_HIP_ARCHITECTURE "gfx942"
#define FAKE_EXPORT
#define FAKE_NEWER
#elif defined FAKE_OLD
#define FAKE_EXPORT FAKE_SHOWN
#define FAKE_NEWER
#else
#define FAKE_EXPORT FAKE_SHOWN
#define FAKE_NEWER  FAKE_SHOWN
#endif

// CUresult.
enum {
  SUCCESS = 0,
  INVALID_VALUE = 1,
  OUT_OF_MEMORY = 2,
  NOT_INITIALIZED = 3,
  NO_DEVICE = 100,
  INVALID_DEVICE = 101,
  INVALID_IMAGE = 200,
  INVALID_CONTEXT = 201,
  NO_BINARY_FOR_GPU = 209,
  PEER_ACCESS_UNSUPPORTED = 217,
  INVALID_PTX = 218,
  UNSUPPORTED_PTX_VERSION = 222,
  INVALID_HANDLE = 400,
  ILLEGAL_STATE = 401,
  NOT_FOUND = 500,
  NOT_READY = 600,
  ILLEGAL_ADDRESS = 700,
  LAUNCH_OUT_OF_RESOURCES = 701,
  LAUNCH_TIMEOUT = 702,
  PEER_ACCESS_ALREADY_ENABLED = 704,
  CONTEXT_IS_DESTROYED = 709,
  ALREADY_REGISTERED = 712,
  NOT_REGISTERED = 713,
  MISALIGNED_ADDRESS = 716,
  LAUNCH_FAILED = 719,
  NOT_SUPPORTED = 801,
  CAPTURE_UNSUPPORTED = 900,
  CAPTURE_INVALIDATED = 901,
  CAPTURE_UNMATCHED = 903,
  CAPTURED_EVENT = 907,
  CAPTURE_WRONG_THREAD = 908,
};

enum { MOST_DEVICES = 8 };

typedef uint64_t address_t; // CUdeviceptr

typedef enum kind {
  CONTEXT,
  ALLOCATION,
  POOL,
  STREAM,
  EVENT,
  MODULE,
  FUNCTION,
  GRAPH,
  EXEC,
  KINDS
} kind_t;

// A context of a device: its primary one.
typedef struct context {
  int device;
  long references;
  int failed; // the error that stays
  bool peers[MOST_DEVICES];
} context_t;

// What every handle points to.
typedef struct object {
  kind_t kind;
  context_t *context; // NULL: of no context
  struct object *next;
} object_t;

// ---- Devices, contexts, handles (fake_device.c)
// ------------------------------------------------------

extern fake_cuda_t fake_cuda;

// The lock of everything below, and what is told of any change.
void fake_lock(void);
void fake_unlock(void);
void fake_wait(void);
void fake_changed(void);
size_t fake_chance(size_t count); // below `count`

// At the beginning of each function, with the lock taken: the code that it has to return, or
// SUCCESS.
typedef enum needs { NEEDS_NOTHING, NEEDS_DRIVER, NEEDS_CONTEXT } needs_t;
int fake_enter(const char *function, needs_t needs);
int fake_leave(int result); // gives the lock back
context_t *fake_current(void);
context_t *fake_context_of(int device);
bool fake_is_device(int device);
void fake_misuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

void *fake_new(kind_t kind, context_t *context, size_t size); // NULL: no memory
void fake_forget(void *object);                               // out of the list; not freed
void *fake_check(const void *handle, kind_t kind);            // NULL: no such object
object_t *fake_objects(void);

// ---- Memory (fake_memory.c)
// --------------------------------------------------------------------------

typedef struct pool {
  object_t object;
  int device;
  bool access[MOST_DEVICES];
} pool_t;

typedef struct allocation {
  object_t object;
  address_t address;
  uint64_t size;
  uint8_t *bytes;
  int device;   // -1: pinned memory of the host
  pool_t *pool; // of which it came, perhaps destroyed
  bool access[MOST_DEVICES];
  bool born, dying; // asynchronous allocation was done, freeing was asked for
  bool registered;  // `bytes` are the caller's, with an address for devices
  unsigned flags;   // with which they are
} allocation_t;

// The bytes at an address as the device of `context` (NULL: any) reaches them, or NULL; how many
// follow.
uint8_t *fake_reach(const context_t *context, address_t address, uint64_t *out_left);
// The same for a launch; takes the lock.
bool fake_find_range(void *user, uint64_t address, ptx_range_t *out_range);
allocation_t *fake_allocation_at(address_t address);
void fake_free_allocation(allocation_t *allocation);
bool fake_is_pinned(const void *data, uint64_t size);

// ---- Operations (fake_work.c)
// --------------------------------------------------------------------------

// A point in a stream that has been reached or not.
typedef struct mark {
  long references;
  bool done;
  bool captured; // in a graph: never reached by itself
  double time;   // milliseconds
} mark_t;

mark_t *fake_mark_new(void);
mark_t *fake_mark_keep(mark_t *mark);
void fake_mark_drop(mark_t *mark);

typedef struct module module_t;

typedef enum work_kind {
  WORK_COPY,
  WORK_FILL,
  WORK_LAUNCH,
  WORK_RECORD,
  WORK_BIRTH,
  WORK_DEATH,
  WORK_GRAPH
} work_kind_t;

typedef struct work {
  struct work *next;
  work_kind_t kind;
  address_t target, source; // of copies: of the device, or of the host where it is no device's
  void *kept;               // what was at `source` when it was asked for
  bool host_target, host_source;
  uint64_t size; // bytes; of a fill, elements
  uint32_t value, width;
  const ptx_kernel_t *kernel;
  module_t *module;
  ptx_launch_t launch;
  uint8_t *params;
  mark_t *mark;
  allocation_t *allocation;
  struct graph *graph; // an EXEC's
} work_t;

work_t *fake_work_new(work_kind_t kind);
work_t *fake_work_copy(const work_t *work);
void fake_work_free(work_t *work);
int fake_work_do(context_t *context, work_t *work); // without the lock

// ---- Streams (fake_stream.c)
// ----------------------------------------------------------------------------

// Takes the work over; where a stream is captured it goes to the graph.
int fake_enqueue(void *stream, work_t *take_work);
int fake_check_stream(void *stream);
bool fake_is_capturing(void *stream);
int fake_wait_for_stream(void *stream); // the context's error
void fake_wait_for_context(const context_t *context);
void fake_end_streams(const context_t *context);
void fake_free_event(object_t *event);

// ---- Graphs (fake_graph.c)
// ------------------------------------------------------------------------------

// A CUgraphNode. Those that it comes after have smaller indices: they were there before it.
typedef struct node {
  work_t *work; // NULL: an empty node
  size_t index;
  size_t before_count;
  struct node **after;
  size_t after_count;
} node_t;

typedef struct graph {
  object_t object;
  node_t **nodes;
  size_t count;
  node_t **ends; // of one that is captured: what the next node comes after
  size_t end_count;
  long launched; // launches of an EXEC that have not ended
} graph_t;

graph_t *fake_graph_new(void);
// A node at the end of what was captured.
int fake_graph_capture(graph_t *graph, work_t *take_work);
int fake_graph_set_ends(graph_t *graph, node_t *const *nodes, size_t count);
// Whether these are different nodes of the graph.
bool fake_graph_has(const graph_t *graph, node_t *const *nodes, size_t count);
// Runs a node that is ready, whichever, until none is left; without the lock.
int fake_graph_run(context_t *context, graph_t *graph);
void fake_graph_free(graph_t *graph);

struct module {
  object_t object;
  ptx_module_t *text;
  long queued; // launches that are not done
  long graphs; // nodes of graphs that would launch
};

void fake_free_module(module_t *module);

#endif // EERIE_TESTS_DRIVERS_CUDA_FAKE_INTERNAL_H_
