"""Running products, products of quantised matrices, small determinants."""
from __future__ import annotations

import numpy
from onnx import TensorProto

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


@rewrites("QLinearMatMul")
def quantised_product(graph: Graph, node):
    """Of more than two dimensions, which the compiler gets wrong: in numbers of 32 bits."""
    shape = graph.shape(node.input[0])
    if shape is None or len(shape) < 3:
        return None
    a, a_scale, a_zero, b, b_scale, b_zero, scale, zero = node.input
    kind, number = graph.element(zero), graph.element(a_scale)
    if kind not in (TensorProto.INT8, TensorProto.UINT8) or \
            any(graph.static_shape(name) not in ([], [1]) for name in node.input[1:3]) or \
            any(graph.static_shape(name) not in ([], [1]) for name in (*node.input[4:6], scale, zero)):
        return None

    def plain(x: str, offset: str) -> str:
        return graph.add("Sub", graph.add("Cast", x, to=TensorProto.FLOAT),
                         graph.add("Cast", offset, to=TensorProto.FLOAT))
    product = graph.add("MatMul", plain(a, a_zero), plain(b, b_zero))
    scales = [graph.add("Cast", name, to=TensorProto.FLOAT) if number != TensorProto.FLOAT else name
              for name in (a_scale, b_scale, scale)]
    factor = graph.add("Div", graph.add("Mul", scales[0], scales[1]), scales[2])
    rounded = graph.add("Add", graph.add("Round", graph.add("Mul", product, factor)),
                        graph.add("Cast", zero, to=TensorProto.FLOAT))
    least, most = (-128, 127) if kind == TensorProto.INT8 else (0, 255)
    bounded = graph.add("Max", graph.add("Min", rounded, graph.constant(most, numpy.float32)),
                        graph.constant(least, numpy.float32))
    return [graph.add("Cast", bounded, to=kind)]


@rewrites("Det")
def determinant(graph: Graph, node):
    """By minors, up to three rows; the compiler divides by the first element, which may be 0."""
    shape = graph.shape(node.input[0])
    if shape is None or shape[-1] not in (1, 2, 3):
        return None

    def element(row: int, column: int) -> str:
        row_of = graph.add("Gather", node.input[0], graph.constant(row, numpy.int64), axis=-2)
        return graph.add("Gather", row_of, graph.constant(column, numpy.int64), axis=-1)

    def expand(rows: list[int], columns: list[int]) -> str:
        if len(rows) == 1:
            return element(rows[0], columns[0])
        total = ""
        for index, column in enumerate(columns):
            term = graph.add("Mul", element(rows[0], column),
                             expand(rows[1:], [other for other in columns if other != column]))
            total = term if not total else graph.add("Sub" if index % 2 else "Add", total, term)
        return total
    places = list(range(shape[-1]))
    return [expand(places, places)]
