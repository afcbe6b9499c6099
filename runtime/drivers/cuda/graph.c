// graph.c: a recording as a graph, in which commands that no barrier parts are side by side.
//
// The steps are captured from a stream, whose library then knows what each call is made of. Before
// the first step of a command the stream is told what it comes after, in the place of the step
// before it:
//
//     a   b   c      ends of commands before the barrier
//      \  |  /
//       join         an empty node, where not one but several commands are behind the barrier
//      /     \       and not one is before it: n + m edges in the place of n * m
//     d       e
#include "drivers/cuda/cuda.h"

typedef struct builder {
  ee_cuda_device_t *device;
  const ee_cuda_recording_t *recording;
  ee_cuda_node_t *before, *behind; // ends of commands before the last barrier and behind it
  size_t before_count, behind_count;
  size_t capacity; // of each
} builder_t;

bool ee_cuda_graph_is_known(const ee_cuda_functions_t *cu) {
  return cu->StreamBeginCapture && cu->StreamEndCapture && cu->StreamGetCaptureInfo &&
         cu->StreamUpdateCaptureDependencies && cu->GraphAddEmptyNode && cu->GraphInstantiate &&
         cu->GraphLaunch && cu->GraphExecDestroy && cu->GraphDestroy;
}

static const ee_cuda_step_t *next_step(const builder_t *builder, const ee_cuda_step_t *step) {
  const uint8_t *next = (const uint8_t *)step + step->size;
  return next < builder->recording->steps + builder->recording->size ? (const void *)next : NULL;
}

// Whether another command stands behind the barrier that a command's first step stands behind.
static bool has_company(const builder_t *builder, const ee_cuda_step_t *step) {
  do {
    step = next_step(builder, step);
  } while (step && step->order == EE_CUDA_ORDER_STEP);
  return step && step->order == EE_CUDA_ORDER_COMMAND;
}

// Keeps the end of the command that was captured last; none: nothing was yet.
static ee_cuda_result_t keep_end(builder_t *builder, ee_cuda_graph_t *out_graph) {
  const ee_cuda_node_t *nodes = NULL;
  size_t count = 0;
  int status = 0;
  const ee_cuda_result_t result = builder->device->cu->StreamGetCaptureInfo(
      builder->device->capture, &status, NULL, out_graph, &nodes, &count);
  if (result != EE_CUDA_SUCCESS) return result;
  if (status != EE_CUDA_CAPTURE_ACTIVE || count > builder->capacity - builder->behind_count)
    return EE_CUDA_NOT_SUPPORTED;
  for (size_t i = 0; i < count; ++i)
    builder->behind[builder->behind_count++] = nodes[i];
  return EE_CUDA_SUCCESS;
}

static void pass_barrier(builder_t *builder) {
  ee_cuda_node_t *const nodes = builder->before;
  builder->before = builder->behind;
  builder->before_count = builder->behind_count;
  builder->behind = nodes;
  builder->behind_count = 0;
}

// Tells the stream what a command's first step comes after. The first commands of all come after
// an empty node: that a set of nodes may be empty is not documented.
static ee_cuda_result_t place(builder_t *builder, const ee_cuda_step_t *step) {
  const ee_cuda_functions_t *cu = builder->device->cu;
  ee_cuda_graph_t graph;
  ee_cuda_result_t result = keep_end(builder, &graph);
  if (result != EE_CUDA_SUCCESS) return result;
  if (step->order == EE_CUDA_ORDER_BARRIER) pass_barrier(builder);
  if (builder->before_count != 1 && has_company(builder, step)) {
    ee_cuda_node_t join;
    result = cu->GraphAddEmptyNode(&join, graph, builder->before, builder->before_count);
    if (result != EE_CUDA_SUCCESS) return result;
    builder->before[0] = join;
    builder->before_count = 1;
  }
  if (!builder->before_count) return EE_CUDA_SUCCESS;
  return cu->StreamUpdateCaptureDependencies(builder->device->capture, builder->before,
                                             builder->before_count,
                                             EE_CUDA_CAPTURE_SET_DEPENDENCIES);
}

static ee_cuda_result_t capture_steps(builder_t *builder) {
  ee_cuda_device_t *device = builder->device;
  ee_cuda_failure_t failure = {.result = EE_CUDA_SUCCESS};
  const ee_cuda_step_t *step = (const void *)builder->recording->steps;
  for (; step && failure.result == EE_CUDA_SUCCESS; step = next_step(builder, step)) {
    if (step->order != EE_CUDA_ORDER_STEP) failure.result = place(builder, step);
    if (failure.result == EE_CUDA_SUCCESS)
      ee_cuda_step_take(device, step, device->capture, &failure, NULL);
  }
  return failure.result;
}

void ee_cuda_graph_make(ee_cuda_device_t *device, ee_cuda_recording_t *recording) {
  const ee_cuda_functions_t *cu = device->cu;
  ee_heap_t *heap = device->queued.base.heap;
  const size_t capacity = recording->step_count; // in memory each, so the size fits
  const size_t size = 2 * capacity * sizeof(ee_cuda_node_t);
  ee_cuda_node_t *nodes = ee_heap_allocate(heap, size);
  if (!nodes) return;
  builder_t builder = {
      .device = device,
      .recording = recording,
      .before = nodes,
      .behind = nodes + capacity,
      .capacity = capacity,
  };
  if (cu->StreamBeginCapture(device->capture, EE_CUDA_CAPTURE_THREAD_LOCAL) == EE_CUDA_SUCCESS) {
    ee_cuda_graph_t graph = NULL;
    const ee_cuda_result_t captured = capture_steps(&builder);
    ee_cuda_result_t result = cu->StreamEndCapture(device->capture, &graph);
    if (captured != EE_CUDA_SUCCESS) result = captured;
    if (result == EE_CUDA_SUCCESS) result = cu->GraphInstantiate(&recording->graph, graph, 0);
    if (result != EE_CUDA_SUCCESS) recording->graph = NULL;
    if (graph) (void)cu->GraphDestroy(graph);
  }
  ee_heap_free(heap, nodes, size);
}
