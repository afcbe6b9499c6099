// fake_graph.c: graphs that were captured, made executable and launched. Their nodes run in the
// order in which they were captured, which is one that the graph allows.
#include "fake_internal.h"

#include <stdlib.h>

graph_t *fake_graph_new(void) {
  return fake_new(GRAPH, NULL, sizeof(graph_t));
}

void fake_graph_add(graph_t *graph, work_t *work) {
  if (graph->last)
    graph->last->next = work;
  else
    graph->first = work;
  graph->last = work;
}

void fake_graph_free(graph_t *graph) {
  for (work_t *work = graph->first; work;) {
    work_t *next = work->next;
    if (work->kind == WORK_LAUNCH) --work->module->graphs;
    fake_work_free(work);
    work = next;
  }
  fake_forget(graph);
  free(graph);
}

static int enter_graph(const char *function, const void *graph, kind_t kind) {
  const int result = fake_enter(function, NEEDS_DRIVER);
  return result == SUCCESS && !fake_check(graph, kind) ? INVALID_VALUE : result;
}

FAKE_NEWER int cuGraphInstantiateWithFlags(graph_t **exec, graph_t *graph,
                                           unsigned long long flags) {
  int result = enter_graph("cuGraphInstantiate", graph, GRAPH);
  if (result == SUCCESS && (!exec || flags > 15)) result = INVALID_VALUE;
  if (result != SUCCESS) return fake_leave(result);
  *exec = fake_new(EXEC, fake_current(), sizeof **exec);
  if (!*exec) return fake_leave(OUT_OF_MEMORY);
  for (const work_t *work = graph->first; work && result == SUCCESS; work = work->next) {
    work_t *copy = fake_work_copy(work);
    if (copy)
      fake_graph_add(*exec, copy);
    else
      result = OUT_OF_MEMORY;
    if (copy && copy->kind == WORK_LAUNCH) ++copy->module->graphs;
  }
  if (result != SUCCESS) {
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
