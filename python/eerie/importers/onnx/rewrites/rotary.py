"""Rotary embeddings; the compiler crashes on their definition in the standard where the batch is told
only at run time.
"""
from __future__ import annotations

import numpy

from .graph import Graph, attributes, optional_input, rewrites


def _slice(graph: Graph, x: str, first: int, last: int, step: int = 1) -> str:
    """Of the last axis."""
    return graph.add("Slice", x, *(graph.constant([number], numpy.int64)
                                   for number in (first, last, -1, step)))


@rewrites("RotaryEmbedding")
def rotary_embedding(graph: Graph, node):
    options = attributes(node)
    x = node.input[0]
    shape = graph.shape(x)
    heads = options.get("num_heads", 0)
    if shape is None or shape[-1] is None or len(shape) not in (3, 4) or \
            len(shape) == 3 and not heads:
        return None
    size = shape[-1]
    if len(shape) == 3:  # batch, steps, heads and their elements together
        size //= heads
        x = graph.add("Reshape", x, graph.constant([0, 0, heads, size], numpy.int64))
    turned = options.get("rotary_embedding_dim", 0) or size
    places = optional_input(node, 3)
    axis = graph.constant([2 if len(shape) == 3 else 1], numpy.int64)  # that of the heads
    cosine, sine = (graph.add("Unsqueeze", graph.add("Gather", table, places) if places else table,
                              axis) for table in node.input[1:3])
    if options.get("interleaved", 0):
        one, other = _slice(graph, x, 0, turned, 2), _slice(graph, x, 1, turned, 2)
    else:
        one, other = _slice(graph, x, 0, turned // 2), _slice(graph, x, turned // 2, turned)
    parts = [graph.add("Sub", graph.add("Mul", cosine, one), graph.add("Mul", sine, other)),
             graph.add("Add", graph.add("Mul", sine, one), graph.add("Mul", cosine, other))]
    if options.get("interleaved", 0):
        last = graph.constant([-1], numpy.int64)
        pairs = graph.add("Concat", *(graph.add("Unsqueeze", part, last) for part in parts), axis=-1)
        parts = [graph.add("Reshape", pairs, graph.constant([0, 0, 0, turned], numpy.int64))]
    if turned < size:
        parts.append(_slice(graph, x, turned, size))
    result = parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=-1)
    if len(shape) == 3:
        result = graph.add("Reshape", result, graph.constant([0, 0, shape[-1]], numpy.int64))
    return [result]
