// fake_graph.c: graphs that were captured, made executable and launched. A node runs when those
// that it comes after have run; which of those that are ready is next, chance says.
#include "fake_internal.h"

#include <stdlib.h>
#include <string.h>

// ---- Nodes
// ---------------------------------------------------------------------------------------------

graph_t *fake_graph_new(void) {
  return fake_new(GRAPH, NULL, sizeof(graph_t));
}

static bool push(node_t ***nodes, size_t *count, node_t *node) {
  node_t **grown = realloc(*nodes, (*count + 1) * sizeof *grown);
  if (!grown) return false;
  *nodes = grown;
  grown[(*count)++] = node;
  return true;
}

static bool join(node_t *before, node_t *after) {
  if (!push(&before->after, &before->after_count, after)) return false;
  ++after->before_count;
  return true;
}

static void free_node(node_t *node) {
  if (node->work && node->work->kind == WORK_LAUNCH) --node->work->module->graphs;
  if (node->work) fake_work_free(node->work);
  free(node->after);
  free(node);
}

// NULL: no memory, and the work is gone.
static node_t *add_node(graph_t *graph, work_t *work, node_t *const *before, size_t count) {
  node_t *node = calloc(1, sizeof *node);
  if (!node) {
    if (work) fake_work_free(work);
    return NULL;
  }
  node->work = work;
  node->index = graph->count;
  if (work && work->kind == WORK_LAUNCH) ++work->module->graphs;
  if (!push(&graph->nodes, &graph->count, node)) {
    free_node(node);
    return NULL;
  }
  for (size_t i = 0; i < count; ++i) {
    if (!join(before[i], node)) return NULL;
  }
  return node;
}

int fake_graph_set_ends(graph_t *graph, node_t *const *nodes, size_t count) {
  node_t **ends = malloc(count * sizeof *ends);
  if (!ends) return OUT_OF_MEMORY;
  memcpy(ends, nodes, count * sizeof *ends);
  free(graph->ends); // who still looks at what it was told falls
  graph->ends = ends;
  graph->end_count = count;
  return SUCCESS;
}

int fake_graph_capture(graph_t *graph, work_t *work) {
  node_t *node = add_node(graph, work, graph->ends, graph->end_count);
  return node ? fake_graph_set_ends(graph, &node, 1) : OUT_OF_MEMORY;
}

bool fake_graph_has(const graph_t *graph, node_t *const *nodes, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    size_t at = 0;
    while (at < graph->count && graph->nodes[at] != nodes[i])
      ++at;
    if (at == graph->count) return false;
    for (size_t k = 0; k < i; ++k) {
      if (nodes[k] == nodes[i]) return false;
    }
  }
  return true;
}

void fake_graph_free(graph_t *graph) {
  for (size_t i = 0; i < graph->count; ++i)
    free_node(graph->nodes[i]);
  free(graph->nodes);
  free(graph->ends);
  fake_forget(graph);
  free(graph);
}

// ---- Running
// -------------------------------------------------------------------------------------------

static size_t choose(size_t count) {
  fake_lock();
  const size_t chosen = fake_chance(count);
  fake_unlock();
  return chosen;
}

int fake_graph_run(context_t *context, graph_t *graph) {
  size_t *waits = calloc(graph->count + 1, sizeof *waits), ready_count = 0;
  node_t **ready = calloc(graph->count + 1, sizeof *ready);
  int result = waits && ready ? SUCCESS : OUT_OF_MEMORY;
  for (size_t i = 0; result == SUCCESS && i < graph->count; ++i) {
    waits[i] = graph->nodes[i]->before_count;
    if (!waits[i]) ready[ready_count++] = graph->nodes[i];
  }
  while (result == SUCCESS && ready_count) {
    const size_t at = choose(ready_count);
    node_t *node = ready[at];
    ready[at] = ready[--ready_count];
    if (node->work) result = fake_work_do(context, node->work);
    for (size_t i = 0; i < node->after_count; ++i) {
      if (--waits[node->after[i]->index] == 0) ready[ready_count++] = node->after[i];
    }
  }
  free(waits);
  free(ready);
  fake_lock();
  ++fake_cuda.graphs;
  fake_unlock();
  return result;
}

// ---- What a test wants to know
// -------------------------------------------------------------------------

// From the last node on: what a node reaches is what those behind it reach, and they.
static void tell_shape(const graph_t *graph) {
  const size_t count = graph->count;
  bool *reached = calloc(count * count + 1, sizeof *reached);
  fake_cuda.nodes = fake_cuda.edges = fake_cuda.apart = 0;
  for (size_t i = count; reached && i-- > 0;) {
    const node_t *node = graph->nodes[i];
    bool *row = reached + i * count;
    for (size_t k = 0; k < node->after_count; ++k) {
      const size_t next = node->after[k]->index;
      row[next] = true;
      for (size_t to = next; to < count; ++to)
        row[to] |= reached[next * count + to];
    }
    fake_cuda.nodes += node->work != NULL;
    fake_cuda.edges += (long)node->after_count;
    for (size_t to = i + 1; to < count && node->work; ++to)
      fake_cuda.apart += graph->nodes[to]->work && !row[to];
  }
  free(reached);
}

// ---- Functions
// -----------------------------------------------------------------------------------------

static int enter_graph(const char *function, const void *graph, kind_t kind) {
  const int result = fake_enter(function, NEEDS_DRIVER);
  return result == SUCCESS && !fake_check(graph, kind) ? INVALID_VALUE : result;
}

FAKE_NEWER int cuGraphAddEmptyNode(node_t **node, graph_t *graph, node_t *const *before,
                                   size_t count) {
  int result = enter_graph("cuGraphAddEmptyNode", graph, GRAPH);
  if (result == SUCCESS && (!node || (count && !before) || !fake_graph_has(graph, before, count)))
    result = INVALID_VALUE;
  if (result == SUCCESS) {
    *node = add_node(graph, NULL, before, count);
    if (!*node) result = OUT_OF_MEMORY;
  }
  return fake_leave(result);
}

static int copy_nodes(graph_t *to, const graph_t *from) {
  for (size_t i = 0; i < from->count; ++i) {
    work_t *work = NULL;
    if (from->nodes[i]->work && !(work = fake_work_copy(from->nodes[i]->work)))
      return OUT_OF_MEMORY;
    if (!add_node(to, work, NULL, 0)) return OUT_OF_MEMORY;
  }
  for (size_t i = 0; i < from->count; ++i) {
    const node_t *node = from->nodes[i];
    for (size_t k = 0; k < node->after_count; ++k) {
      if (!join(to->nodes[i], to->nodes[node->after[k]->index])) return OUT_OF_MEMORY;
    }
  }
  return SUCCESS;
}

FAKE_NEWER int cuGraphInstantiateWithFlags(graph_t **exec, graph_t *graph,
                                           unsigned long long flags) {
  int result = enter_graph("cuGraphInstantiate", graph, GRAPH);
  if (result == SUCCESS && (!exec || flags > 15)) result = INVALID_VALUE;
  if (result != SUCCESS) return fake_leave(result);
  *exec = fake_new(EXEC, fake_current(), sizeof **exec);
  if (!*exec) return fake_leave(OUT_OF_MEMORY);
  result = copy_nodes(*exec, graph);
  if (result == SUCCESS) {
    tell_shape(*exec);
  } else {
    fake_graph_free(*exec);
    *exec = NULL;
  }
  return fake_leave(result);
}

FAKE_NEWER int cuGraphLaunch(graph_t *exec, void *stream) {
  int result = enter_graph("cuGraphLaunch", exec, EXEC);
  if (result == SUCCESS && fake_current()) result = fake_current()->failed;
  if (result == SUCCESS) result = fake_check_stream(stream);
  if (result == SUCCESS && fake_is_capturing(stream))
    result = CAPTURE_UNSUPPORTED; // a child: not known here
  if (result == SUCCESS) {
    work_t *work = fake_work_new(WORK_GRAPH);
    if (!work) return fake_leave(OUT_OF_MEMORY);
    work->graph = exec;
    result = fake_enqueue(stream, work);
  }
  return fake_leave(result);
}

// "Any executions of the graph must have completed".
FAKE_NEWER int cuGraphExecDestroy(graph_t *exec) {
  const int result = enter_graph("cuGraphExecDestroy", exec, EXEC);
  if (fake_check(exec, EXEC)) {
    if (exec->launched) fake_misuse("an executable graph is destroyed while it runs");
    while (exec->launched)
      fake_wait();
    fake_graph_free(exec);
  }
  return fake_leave(result);
}

FAKE_NEWER int cuGraphDestroy(graph_t *graph) {
  const int result = enter_graph("cuGraphDestroy", graph, GRAPH);
  if (fake_check(graph, GRAPH)) fake_graph_free(graph);
  return fake_leave(result);
}
