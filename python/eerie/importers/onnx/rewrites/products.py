"""Running products."""
from __future__ import annotations

import numpy

from .graph import Graph, attributes, rewrites

# The mask is the square of the axis.
_LONGEST = 1024


@rewrites("CumProd")
def cumulative_product(graph: Graph, node):
    """Product over a triangular mask: result[i] = product of x[j] for j <= i."""
    shape = graph.static_shape(node.input[0])
    if shape is None:
        return None
    known = graph.values(node.input[1])
    if known is not None or len(shape) == 1:
        axis = int(known.reshape(-1)[0]) % len(shape) if known is not None else 0
        product = _along(graph, node, shape, axis)
        return None if product is None else [product]
    # The axis is told when the model runs: all are computed, one is chosen.
    chosen = node.input[0]
    for axis in range(len(shape)):
        product = _along(graph, node, shape, axis)
        if product is None:
            return None
        rank = graph.constant(len(shape), numpy.int64)
        asked = graph.add("Cast", node.input[1], to=7)
        positive = graph.add("Mod", graph.add("Add", asked, rank), rank)
        here = graph.add("Equal", positive, graph.constant(axis, numpy.int64))
        chosen = graph.add("Where", here, product, chosen)
    return [chosen]


def _along(graph: Graph, node, shape: list[int], axis: int) -> str | None:
    options = attributes(node)
    size = shape[axis]
    if size > _LONGEST:
        return None
    i, j = numpy.indices((size, size))
    if options.get("reverse", 0):
        mask = j > i if options.get("exclusive", 0) else j >= i
    else:
        mask = j < i if options.get("exclusive", 0) else j <= i
    # x with a new axis for i before that of j; the mask on those two.
    spread = graph.add("Unsqueeze", node.input[0], graph.constant([axis], numpy.int64))
    places = [1] * (len(shape) + 1)
    places[axis] = places[axis + 1] = size
    ones = graph.add("CastLike", graph.constant(1.0, numpy.float32), node.input[0])
    kept = graph.add("Where", graph.constant(mask.reshape(places)), spread, ones)
    return graph.add("ReduceProd", kept, graph.constant([axis + 1], numpy.int64), keepdims=0)
