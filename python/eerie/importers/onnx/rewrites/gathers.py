"""Moving elements to places that are known only when the model runs, or that do not lower as they are.

The shape of the result is known: from its declaration. Places along each axis are a small tensor.
"""
from __future__ import annotations

import numpy
from onnx import TensorProto

from .graph import Graph, attributes, optional_input, rewrites

# Running sums over longer axes are left to the compiler; the mask is the square of the axis.
_LONGEST = 1024


def _scalar(graph: Graph, value: int) -> str:
    return graph.constant(value, numpy.int64)


def _chosen(graph: Graph, values: str, axes: str, axis: int, rank: int, default: str) -> str:
    """The element of `values` that is meant for an axis, or `default`."""
    positive = graph.add("Mod", graph.add("Add", axes, _scalar(graph, rank)), _scalar(graph, rank))
    here = graph.add("Equal", positive, _scalar(graph, axis))
    kept = graph.add("Where", here, values, _scalar(graph, 0))
    told = graph.add("ReduceSum", kept, graph.constant([0], numpy.int64), keepdims=0)
    there = graph.add("ReduceMax", graph.add("Cast", here, to=TensorProto.INT32),
                      graph.constant([0], numpy.int64), keepdims=0)
    return graph.add("Where", graph.add("Equal", there, graph.constant(1, numpy.int32)), told,
                     default)


def _first(graph: Graph, start: str, step: str, size: int) -> str:
    """Where a slice begins, within bounds; `start` may count from the end."""
    counted = graph.add("Where", graph.add("Less", start, _scalar(graph, 0)),
                        graph.add("Add", start, _scalar(graph, size)), start)
    backwards = graph.add("Less", step, _scalar(graph, 0))
    most = graph.add("Where", backwards, _scalar(graph, size - 1), _scalar(graph, size))
    return graph.add("Max", graph.add("Min", counted, most), _scalar(graph, 0))


@rewrites("Slice")
def slice_told_late(graph: Graph, node):
    if len(node.input) < 3:
        return None
    known = [graph.values(name) for name in node.input[1:] if name]
    if all(values is not None for values in known):
        return None
    shape, result = graph.static_shape(node.input[0]), graph.static_shape(node.output[0])
    count = graph.static_shape(node.input[1])
    if shape is None or result is None or not count:
        return None
    rank = len(shape)
    to64 = [graph.add("Cast", name, to=TensorProto.INT64) if name else "" for name in node.input[1:]]
    starts = to64[0]
    axes = to64[2] if len(to64) > 2 and to64[2] else graph.constant(range(count[0]), numpy.int64)
    steps = to64[3] if len(to64) > 3 and to64[3] else ""
    value = node.input[0]
    possible = graph.values(node.input[3]) if len(node.input) > 3 and node.input[3] else None
    if possible is not None:
        possible = {int(axis) % rank for axis in possible}
    for axis in range(rank):
        if possible is not None and axis not in possible:
            continue
        one = _scalar(graph, 1)
        step = _chosen(graph, steps, axes, axis, rank, one) if steps else one
        start = _chosen(graph, starts, axes, axis, rank, _scalar(graph, 0))
        places = graph.add("Add", _first(graph, start, step, shape[axis]), graph.add(
            "Mul", step, graph.constant(range(result[axis]), numpy.int64)))
        value = graph.add("Gather", value, places, axis=axis)
    return [value]


@rewrites("Compress")
def compress(graph: Graph, node):
    """The places of the kept rows come first when all are sorted by whether they are kept."""
    result = graph.static_shape(node.output[0])
    shape = graph.static_shape(node.input[0])
    count = graph.static_shape(node.input[1])
    if result is None or shape is None or count is None:
        return None
    options = attributes(node)
    value, axis = node.input[0], options.get("axis")
    if axis is None:
        value = graph.add("Reshape", value, graph.constant([-1], numpy.int64))
        axis = 0
    axis %= max(len(result), 1)
    size, kept = count[0], result[axis]
    mask = graph.add("Cast", node.input[1], to=TensorProto.INT64)
    # The rank of a kept row among the kept ones; which of them is at place k of the result.
    lower = graph.constant(numpy.tril(numpy.ones((size, size), numpy.int64)))
    ranks = graph.add("ReduceSum", graph.add("Mul", lower, mask), graph.constant([1], numpy.int64),
                      keepdims=0)
    places = graph.constant(numpy.arange(1, kept + 1).reshape(kept, 1), numpy.int64)
    hits = graph.add("Mul", graph.add("Cast", graph.add("Equal", ranks, places),
                                      to=TensorProto.INT64), mask)
    index = graph.add("ReduceSum", graph.add("Mul", hits, graph.constant(range(size), numpy.int64)),
                      graph.constant([1], numpy.int64), keepdims=0)
    return [graph.add("Gather", value, index, axis=axis)]


@rewrites("CumSum")
def running_sum(graph: Graph, node):
    """A sum over a triangular mask, where the compiler's own form is not to be had."""
    shape = graph.static_shape(node.input[0])
    if not shape:
        return None
    options = attributes(node)
    reverse, exclusive = options.get("reverse", 0), options.get("exclusive", 0)
    known = graph.values(node.input[1])
    if known is not None and not reverse and not exclusive:
        return None
    axes = [int(known.reshape(-1)[0]) % len(shape)] if known is not None else range(len(shape))
    result = ""
    for axis in axes:
        if shape[axis] > _LONGEST:
            return None
        total = _masked_sum(graph, node.input[0], shape, axis, reverse, exclusive)
        if not result:
            result = total
            continue
        asked = graph.add("Mod", graph.add("Add", graph.add(
            "Cast", node.input[1], to=TensorProto.INT64), _scalar(graph, len(shape))),
            _scalar(graph, len(shape)))
        result = graph.add("Where", graph.add("Equal", asked, _scalar(graph, axis)), total, result)
    return [result]


def _masked_sum(graph: Graph, x: str, shape, axis: int, reverse, exclusive) -> str:
    size = shape[axis]
    i, j = numpy.indices((size, size))
    lower, upper = (j < i, j > i) if exclusive else (j <= i, j >= i)
    places = [1] * (len(shape) + 1)
    places[axis] = places[axis + 1] = size
    mask = graph.constant((upper if reverse else lower).reshape(places))
    spread = graph.add("Unsqueeze", x, graph.constant([axis], numpy.int64))
    zero = graph.add("CastLike", graph.constant(0, numpy.float32), x)
    return graph.add("ReduceSum", graph.add("Where", mask, spread, zero),
                     graph.constant([axis + 1], numpy.int64), keepdims=0)


@rewrites("Pad")
def pad(graph: Graph, node):
    """Other kinds than constant, and amounts told late: each axis is a gather of places."""
    options = attributes(node)
    mode = options.get("mode", b"constant").decode()
    shape, result = graph.static_shape(node.input[0]), graph.static_shape(node.output[0])
    if len(node.input) < 2 or shape is None or result is None or 0 in shape:
        return None
    known = graph.values(node.input[1])
    if known is not None and mode == "constant":
        return None
    chosen = optional_input(node, 3)
    axes = graph.values(chosen) if chosen else numpy.arange(len(shape))
    if axes is None:
        return None
    amounts = graph.add("Cast", node.input[1], to=TensorProto.INT64)
    value, inside = node.input[0], None
    for number, axis in enumerate(int(axis) % len(shape) for axis in axes):
        size = shape[axis]
        before = graph.add("Gather", amounts, _scalar(graph, number))
        places = graph.add("Sub", graph.constant(range(result[axis]), numpy.int64), before)
        if mode == "wrap":
            places = graph.add("Mod", places, _scalar(graph, size))
        elif mode == "reflect" and size > 1:
            period = 2 * (size - 1)
            turned = graph.add("Mod", places, _scalar(graph, period))
            places = graph.add("Min", turned, graph.add("Sub", _scalar(graph, period), turned))
        bounded = graph.add("Min", graph.add("Max", places, _scalar(graph, 0)),
                            _scalar(graph, size - 1))
        value = graph.add("Gather", value, bounded, axis=axis)
        if mode == "constant":
            form = [1] * len(shape)
            form[axis] = result[axis]
            kept = graph.add("Reshape", graph.add("Equal", places, bounded),
                             graph.constant(form, numpy.int64))
            inside = kept if inside is None else graph.add("And", inside, kept)
    if mode == "constant" and inside is not None:
        filler = optional_input(node, 2) or graph.add(
            "CastLike", graph.constant(0, numpy.float32), node.input[0])
        value = graph.add("Where", inside, value, filler)
    return [value]


@rewrites("Range")
def range_told_late(graph: Graph, node):
    """How many numbers there are is declared."""
    shape = graph.static_shape(node.output[0])
    if not shape or all(graph.values(name) is not None for name in node.input):
        return None
    kind = graph.element(node.input[0])
    counts = graph.add("Cast", graph.constant(range(shape[0]), numpy.int64), to=kind)
    return [graph.add("Add", node.input[0], graph.add("Mul", counts, node.input[2]))]
