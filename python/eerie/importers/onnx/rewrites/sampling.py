"""Reading a tensor at places between its elements."""
from __future__ import annotations

import itertools

import numpy
from onnx import TensorProto

from .graph import Graph, attributes, rewrites
from .symbol import Symbol, cubic, linear

# What lies around a place, by the kind of interpolation.
_AROUND = {"nearest": (0,), "linear": (0, 1), "cubic": (-1, 0, 1, 2)}


@rewrites("GridSample")
def grid_sample(graph: Graph, node):
    shape, grid = graph.static_shape(node.input[0]), graph.static_shape(node.input[1])
    kind = graph.element(node.input[0])
    if shape is None or grid is None or kind not in (TensorProto.FLOAT, TensorProto.FLOAT16):
        return None
    options = attributes(node)
    mode = options.get("mode", b"linear").decode().removeprefix("bi")
    padding = options.get("padding_mode", b"zeros").decode()
    corners = options.get("align_corners", 0)
    batch, channels, *sizes = shape
    count = int(numpy.prod(grid[1:-1]))
    x, where = node.input
    if kind != TensorProto.FLOAT:
        x, where = (graph.add("Cast", name, to=TensorProto.FLOAT) for name in (x, where))
    flat = graph.add("Reshape", where, graph.constant([batch, count, len(sizes)], numpy.int64))
    axes = [_axis(graph, flat, number, size, mode, padding, corners)
            for number, size in zip(reversed(range(len(sizes))), sizes)]
    # Elements as rows: one for each place, with all of its channels.
    rows = graph.add("Reshape", graph.add("Transpose", x, perm=[
        0, *range(2, len(shape)), 1]), graph.constant([-1, channels], numpy.int64))
    total = None
    for chosen in itertools.product(*axes):
        part = _corner(graph, rows, chosen, sizes, batch)
        total = part if total is None else graph.add("Add", total, part)
    back = graph.add("Transpose", total, perm=[0, 2, 1])
    result = graph.add("Reshape", back, graph.constant([batch, channels, *grid[1:-1]], numpy.int64))
    return [result if kind == TensorProto.FLOAT else graph.add("Cast", result, to=kind)]


def _axis(graph: Graph, grid: str, number: int, size: int, mode: str, padding: str, corners):
    """(index, weight) of the neighbours of each place along an axis."""
    n = Symbol(graph, graph.add("Gather", grid, graph.constant(number, numpy.int64), axis=2))
    x = (n + 1) * ((size - 1) / 2) if corners else ((n + 1) * size - 1) * 0.5
    low, high = (0.0, size - 1.0) if corners else (-0.5, size - 0.5)
    if mode == "nearest":
        x = x.make("Round", x)
    if padding == "border":
        x = x.clip(0.0, size - 1.0)
    elif padding == "reflection":
        x = _reflect(x, low, high)
    base = x.floor()
    neighbours = []
    for offset in _AROUND[mode]:
        index = base + float(offset)
        weight = {"nearest": lambda t: None, "linear": linear,
                  "cubic": lambda t: cubic(t, -0.75)}[mode](x - index)
        if padding == "zeros":
            inside = index.floats(index.where(0, size - 1))
            weight = inside if weight is None else weight * inside
        elif padding == "reflection":
            index = _reflect(index, low, high)
        neighbours.append((index.clip(0.0, size - 1.0), weight))
    return neighbours


def _reflect(x: Symbol, low: float, high: float) -> Symbol:
    length = high - low
    if length <= 0:
        return x * 0.0
    distance = (x - low).abs()
    turns = (distance / (2 * length)).floor()
    distance = distance - turns * (2 * length)
    return distance.make("Min", distance, 2 * length - distance) + low


def _corner(graph: Graph, rows: str, chosen, sizes, batch: int) -> str:
    place, weight = None, None
    for (index, part), size in zip(chosen, sizes):
        place = index.integers() if place is None else graph.add(
            "Add", graph.add("Mul", place, graph.constant(size, numpy.int64)), index.integers())
        if part is not None:
            weight = part if weight is None else weight * part
    first = numpy.arange(batch).reshape(batch, 1) * int(numpy.prod(sizes))
    place = graph.add("Add", place, graph.constant(first, numpy.int64))
    values = graph.add("Gather", rows, place, axis=0)
    if weight is None:
        return values
    return graph.add("Mul", values, graph.add("Unsqueeze", weight.name,
                                              graph.constant([2], numpy.int64)))


@rewrites("AffineGrid")
def affine_grid(graph: Graph, node):
    """Places of the result, multiplied with the matrix."""
    result = graph.static_shape(node.output[0])
    kind = graph.element(node.input[0])
    if result is None or not kind:
        return None
    corners = attributes(node).get("align_corners", 0)
    sizes = result[1:-1]
    steps = [numpy.linspace(-1, 1, size) if corners
             else (2 * numpy.arange(size) + 1) / size - 1 for size in sizes]
    places = numpy.meshgrid(*steps, indexing="ij")[::-1]
    base = numpy.stack([*places, numpy.ones(sizes)], -1).reshape(1, -1, len(sizes) + 1)
    points = graph.add("Cast", graph.constant(base, numpy.float32), to=kind)
    product = graph.add("MatMul", points, graph.add("Transpose", node.input[0], perm=[0, 2, 1]))
    return [graph.add("Reshape", product, graph.constant(result, numpy.int64))]
