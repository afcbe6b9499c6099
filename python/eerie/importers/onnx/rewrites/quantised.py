"""From numbers to quantised ones and back, in the forms that do not lower: of four bits and fewer,
8-bit floats, 16 bits, a scale for each block.
"""
from __future__ import annotations

import numpy
from onnx import TensorProto

from ...route import Refusal
from .graph import Graph, attributes, optional_input, rewrites

_INTEGERS = {TensorProto.INT8: numpy.int8, TensorProto.UINT8: numpy.uint8,
             TensorProto.INT16: numpy.int16, TensorProto.UINT16: numpy.uint16}


def _spread(graph: Graph, factor: str, node) -> str:
    """Scales or offsets in a shape that stretches over the input: one for all, one for each slice of
    an axis, or one for each block of it."""
    shape, own = graph.shape(node.input[0]), graph.static_shape(factor)
    options = attributes(node)
    if own is None or shape is None:
        raise Refusal(f"{node.op_type} '{node.name}': the shape of its scale is not known")
    if own in ([], [1]):
        return graph.add("Reshape", factor, graph.constant(numpy.zeros(0), numpy.int64))
    axis = options.get("axis", 1) % max(len(shape), 1)
    if len(own) == 1 and not options.get("block_size"):
        places = [1] * len(shape)
        places[axis] = own[0]
        return graph.add("Reshape", factor, graph.constant(places, numpy.int64))
    if len(own) != len(shape) or shape[axis] is None:
        raise Refusal(f"{node.op_type} '{node.name}': scales of shape {own} for values of {shape}")
    blocks = numpy.arange(shape[axis]) // (options.get("block_size") or 1)
    return graph.add("Gather", factor, graph.constant(blocks, numpy.int64), axis=axis)


def _as_float(graph: Graph, x: str, kinds) -> str:
    from .. import narrow
    kind = graph.element(x)
    if kind in kinds:
        return narrow.widen(graph, x, kind, TensorProto.FLOAT)
    return x if kind == TensorProto.FLOAT else graph.add("Cast", x, to=TensorProto.FLOAT)


def dequantize(graph: Graph, node, kinds=()) -> str:
    """The result of a DequantizeLinear; elements of `kinds` are there as their carriers."""
    x = _as_float(graph, node.input[0], kinds)
    scale = _spread(graph, node.input[1], node)
    wide = graph.element(node.input[1])
    scale = scale if wide == TensorProto.FLOAT else graph.add("Cast", scale, to=TensorProto.FLOAT)
    if optional_input(node, 2):
        x = graph.add("Sub", x, _offset(graph, node, kinds))
    result = graph.add("Mul", x, scale)
    to = attributes(node).get("output_dtype") or wide
    return result if to == TensorProto.FLOAT else graph.add("Cast", result, to=to)


def _offset(graph: Graph, node, kinds) -> str:
    from .. import narrow
    kind = graph.element(node.input[2])
    spread = _spread(graph, node.input[2], node)
    if kind in kinds:
        return narrow.widen(graph, spread, kind, TensorProto.FLOAT)
    return graph.add("Cast", spread, to=TensorProto.FLOAT)


def quantize(graph: Graph, node, kinds=()) -> str:
    """The result of a QuantizeLinear; of `kinds` as their carriers."""
    from .. import narrow
    options = attributes(node)
    has_zero = bool(optional_input(node, 2))
    kind = graph.element(node.input[2]) if has_zero else \
        options.get("output_dtype", 0) or TensorProto.UINT8
    scale = _spread(graph, node.input[1], node)
    if graph.element(node.input[1]) != TensorProto.FLOAT:
        scale = graph.add("Cast", scale, to=TensorProto.FLOAT)
    x = graph.add("Div", _as_float(graph, node.input[0], kinds), scale)
    if kind in narrow.FLOATS:
        if has_zero:
            x = graph.add("Add", x, _offset(graph, node, kinds))
        return narrow.narrow(graph, x, kind, bool(options.get("saturate", 1)))
    x = graph.add("Round", x)
    if has_zero:
        x = graph.add("Add", x, _offset(graph, node, kinds))
    if kind in narrow.INTEGERS:
        bits, signed = narrow.INTEGERS[kind]
        least = -(1 << bits - 1) if signed else 0
        most = least + (1 << bits) - 1
    elif kind in _INTEGERS:
        limits = numpy.iinfo(_INTEGERS[kind])
        least, most = limits.min, limits.max
    else:
        raise Refusal(f"QuantizeLinear '{node.name}': to elements of "
                      f"{TensorProto.DataType.Name(kind)}")
    x = graph.add("Min", graph.add("Max", x, graph.constant(least, numpy.float32)),
                  graph.constant(most, numpy.float32))
    return graph.add("Cast", x, to=narrow.carrier(kind) if kind in kinds else kind)


@rewrites("DequantizeLinear")
def of_blocks(graph: Graph, node):
    plain = not attributes(node).get("block_size") and \
        graph.element(node.input[0]) != TensorProto.UINT16
    return None if plain else [dequantize(graph, node)]


@rewrites("QuantizeLinear")
def to_blocks(graph: Graph, node):
    return [quantize(graph, node)] if attributes(node).get("block_size") else None
