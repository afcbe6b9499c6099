"""Maxima of unsigned bytes, which the compiler takes for signed ones."""
from __future__ import annotations

import numpy
from onnx import TensorProto

from .graph import Graph, attributes, rewrites


def _moved(graph: Graph, x: str, by: int, to: int) -> str:
    wide = graph.add("Cast", x, to=TensorProto.INT32)
    return graph.add("Cast", graph.add("Add", wide, graph.constant(by, numpy.int32)), to=to)


@rewrites("MaxPool")
def of_unsigned_bytes(graph: Graph, node):
    if graph.element(node.input[0]) != TensorProto.UINT8 or any(node.output[1:]):
        return None
    signed = _moved(graph, node.input[0], -128, TensorProto.INT8)
    return [_moved(graph, graph.add("MaxPool", signed, **attributes(node)), 128, TensorProto.UINT8)]
