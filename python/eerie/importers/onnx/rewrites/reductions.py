"""Reductions whose axes are told by a tensor, and other forms that do not lower.

The axes follow from the shapes of input and output where both are known. Where several sets of axes
fit, each is computed and the one that was asked for is chosen when the model runs.
"""
from __future__ import annotations

import itertools

import numpy

from .graph import Graph, attributes, optional_input, rewrites

# What an operator does to an element before it is summed, and to the sum.
_BY_SUM = {
    "ReduceL1": ("Abs", None), "ReduceL2": ("square", "Sqrt"), "ReduceSumSquare": ("square", None),
    "ReduceLogSum": (None, "Log"), "ReduceLogSumExp": ("Exp", "Log"),
}
# More sets of axes than this are not tried.
_MOST_SETS = 12


@rewrites("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
          "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare")
def reduction(graph: Graph, node):
    axes = optional_input(node, 1)
    shape = graph.shape(node.input[0])
    if axes is None or shape is None:
        return None
    options = attributes(node)
    known = graph.values(axes)
    if known is None and graph.static_shape(axes) == [0]:
        known = numpy.zeros(0, numpy.int64)
    if known is not None:
        if known.size:
            return None
        if options.get("noop_with_empty_axes", 0):
            return [_elementwise(graph, node.op_type, node.input[0])]
        return [_reduce(graph, node.op_type, node.input[0], range(len(shape)), options)]
    sets = _fitting(shape, graph.shape(node.output[0]), graph.static_shape(axes),
                    options.get("keepdims", 1))
    if not sets or len(sets) > _MOST_SETS:
        return None
    results = [_reduce(graph, node.op_type, node.input[0], chosen, options) for chosen in sets]
    result = results[0]
    asked = _bits_of(graph, axes, len(shape)) if len(sets) > 1 else ""
    for chosen, other in zip(sets[1:], results[1:]):
        bits = graph.constant(sum(1 << axis for axis in chosen), numpy.int64)
        result = graph.add("Where", graph.add("Equal", asked, bits), other, result)
    return [result]


def _bits_of(graph: Graph, axes: str, rank: int) -> str:
    """The set of axes as a number."""
    table = graph.constant([1 << axis for axis in range(rank)], numpy.int64)
    return graph.add("ReduceSum", graph.add("Gather", table, axes),
                     graph.constant([0], numpy.int64), keepdims=0)


def _fitting(shape, result, count, keepdims) -> list[tuple[int, ...]]:
    """Sets of axes that bring `shape` to `result`. One that differs from another only in axes of
    length one stands for it, as the result is the same."""
    rank = len(shape)
    if rank == 1 and (not keepdims or not result or result == [1]):
        return [(0,)]
    if result is None or None in shape or None in result:
        return []
    found = {}
    for size in range(rank + 1) if count is None else [min(count[0], rank)]:
        for axes in itertools.combinations(range(rank), size):
            if keepdims:
                reached = [1 if axis in axes else shape[axis] for axis in range(rank)]
            else:
                reached = [shape[axis] for axis in range(rank) if axis not in axes]
            if reached == result:
                found.setdefault(tuple(a for a in axes if keepdims == 0 or shape[a] != 1), axes)
    return list(found.values())


def _elementwise(graph: Graph, operator: str, x: str) -> str:
    before, after = _BY_SUM.get(operator, (None, None))
    if before:
        x = graph.add("Mul", x, x) if before == "square" else graph.add(before, x)
    return graph.add(after, x) if after else graph.add("Identity", x)


def _reduce(graph: Graph, operator: str, x: str, axes, options) -> str:
    return graph.add(operator, x, graph.constant(list(axes), numpy.int64),
                     keepdims=options.get("keepdims", 1))
