"""Elements of one type as another."""
from __future__ import annotations

from onnx import TensorProto

from .graph import Graph, attributes, rewrites


@rewrites("BitCast")
def bit_cast(graph: Graph, node):
    to = attributes(node)["to"]
    source = graph.element(node.input[0])
    if TensorProto.BOOL in (source, to):  # a truth value is no byte to the compiler
        if source == TensorProto.BOOL:
            byte = graph.add("Cast", node.input[0], to=TensorProto.UINT8)
            return [byte if to == TensorProto.UINT8 else graph.bits(byte, to)]
        return None
    return [graph.bits(node.input[0], to)]


@rewrites("CastLike")
def cast_like(graph: Graph, node):
    to = graph.element(node.input[1])
    if not to:
        return None
    return [graph.add("Cast", node.input[0], to=to, **attributes(node))]
