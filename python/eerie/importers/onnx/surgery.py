"""What rewrites of whole graphs share: who makes and who takes a value, new weights, and what nobody
takes any more.
"""
from __future__ import annotations

import typing

import numpy
import onnx
from onnx import helper, numpy_helper

from . import model as onnx_model


class Uses:
    """Who makes and who takes a value in the main graph."""

    def __init__(self, graph: onnx.GraphProto):
        self.makers = {name: node for node in graph.node for name in node.output if name}
        self.takers: dict[str, int] = {}  # how often, by results and graphs within nodes as well
        self.nodes: dict[str, list[onnx.NodeProto]] = {}  # of the main graph
        for value in graph.output:
            self._count(value.name)
        for node in graph.node:
            self._node(node)
            for name in dict.fromkeys(node.input):
                self.nodes.setdefault(name, []).append(node)

    def _count(self, name: str) -> None:
        self.takers[name] = self.takers.get(name, 0) + 1

    def _node(self, node: onnx.NodeProto) -> None:
        for name in node.input:
            self._count(name)
        for attribute in node.attribute:  # graphs within look at names outside
            if attribute.type == onnx.AttributeProto.GRAPH:
                for value in attribute.g.output:
                    self._count(value.name)
                for child in attribute.g.node:
                    self._node(child)


def options(node: onnx.NodeProto) -> dict[str, typing.Any]:
    return {item.name: helper.get_attribute_value(item) for item in node.attribute}


def add_weight(model: onnx_model.Model, base: str, array: numpy.ndarray) -> str:
    """A new initialiser; large ones are kept apart from the graph, as when a model is loaded."""
    graph = model.proto.graph
    taken = {value.name for value in graph.initializer}
    name = base
    while name in taken:
        name += "_"
    tensor = numpy_helper.from_array(numpy.ascontiguousarray(array).reshape(array.shape), name)
    if array.nbytes > onnx_model.SMALL_BYTES:
        model.weights[name] = onnx_model.Weight(tensor, model.path.resolve().parent)
        tensor = onnx.TensorProto(name=name, data_type=tensor.data_type, dims=tensor.dims,
                                  data_location=onnx.TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value="apart")
    graph.initializer.append(tensor)
    return name


def drop_unused(model: onnx_model.Model) -> None:
    """Initialisers that nobody takes."""
    graph = model.proto.graph
    takers = Uses(graph).takers
    inputs = {value.name for value in graph.input}
    kept = [value for value in graph.initializer if value.name in takers or value.name in inputs]
    for value in graph.initializer:
        if value.name not in takers:
            model.weights.pop(value.name, None)
    del graph.initializer[:]
    graph.initializer.extend(kept)


def drop_dead(graph: onnx.GraphProto, operators: typing.Collection[str] = ()) -> None:
    """Nodes whose results nobody takes, of `operators` or of all."""
    takers = Uses(graph).takers
    kept = []
    for node in reversed(graph.node):  # who takes a value stands behind who makes it
        dead = (not operators or node.op_type in operators) and \
            not any(takers.get(name) for name in node.output)
        if not dead:
            kept.append(node)
            continue
        for name in node.input:
            takers[name] -= 1
    if len(kept) < len(graph.node):
        del graph.node[:]
        graph.node.extend(reversed(kept))
