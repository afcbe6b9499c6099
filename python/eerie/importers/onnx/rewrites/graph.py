"""A place to build nodes in, and what rewrites ask of the model."""
from __future__ import annotations

import typing

import numpy
import onnx
from onnx import helper, numpy_helper

from .. import model as onnx_model
from ..model import BITS_DOMAIN

Rewrite = typing.Callable[["Graph", onnx.NodeProto], "list[str | None] | None"]
registered: dict[tuple[str, str], Rewrite] = {}


def rewrites(*operators: str, domain: str = "") -> typing.Callable[[Rewrite], Rewrite]:
    """Registers a function for operators of a domain."""
    def register(function: Rewrite) -> Rewrite:
        for operator in operators:
            registered[(domain, operator)] = function
        return function
    return register


class Graph:
    """Builds the nodes that take the place of one node."""

    def __init__(self, model: onnx_model.Model):
        self.model = model
        self.nodes: list[onnx.NodeProto] = []
        graph = model.proto.graph
        self._types = {value.name: value.type.tensor_type
                       for value in (*graph.input, *graph.value_info, *graph.output)}
        for initializer in graph.initializer:
            self._types[initializer.name] = helper.make_tensor_type_proto(
                initializer.data_type, initializer.dims).tensor_type
        self._count = len(graph.initializer) + len(graph.node) * 64
        self._base = ""
        self._constants: list[onnx.TensorProto] = []

    def begin(self, node: onnx.NodeProto) -> None:
        self.nodes = []
        self._base = node.name or node.op_type

    def forget(self) -> None:
        self.nodes = []

    def _name(self, what: str) -> str:
        self._count += 1
        return f"{self._base}/{what}_{self._count}"

    # ---- Building --------------------------------------------------------------------------------

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes) -> str:
        """A node with one output; its name."""
        return self.add_many(operator, 1, *inputs, domain=domain, **attributes)[0]

    def add_many(self, operator: str, count: int, *inputs: str, domain: str = "",
                 **attributes) -> list[str]:
        outputs = [self._name(operator) for _ in range(count)]
        self.nodes.append(helper.make_node(operator, list(inputs), outputs,
                                           name=self._name(operator), domain=domain, **attributes))
        return outputs

    def bits(self, x: str, to: int) -> str:
        """The same bits as elements of another type of that size."""
        onnx_model.allow_bits(self.model)
        return self.add("Bits", x, domain=BITS_DOMAIN, to=to)

    def constant(self, value, dtype=None) -> str:
        array = numpy.asarray(value, dtype=dtype)
        name = self._name("constant")
        self.nodes.append(helper.make_node(
            "Constant", [], [name], value=numpy_helper.from_array(array, name)))
        return name

    def inline(self, body: onnx.GraphProto, arguments: list[str]) -> list[str]:
        """The nodes of a graph with `arguments` as its inputs; the names of its results."""
        names = {value.name: argument for value, argument in zip(body.input, arguments)}
        for initializer in body.initializer:
            names[initializer.name] = name = self._name(initializer.name)
            self.nodes.append(helper.make_node("Constant", [], [name], value=initializer))
        for node in body.node:
            for output in node.output:
                if output:
                    names[output] = self._name(output)
        for node in body.node:
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            copy.name = self._name(node.name or node.op_type)
            rename_node(copy, names)
            self.nodes.append(copy)
        return [names.get(value.name, value.name) for value in body.output]

    # ---- What is known ---------------------------------------------------------------------------

    def element(self, name: str) -> int:
        """ONNX's number of the element type; 0: not known."""
        kind = self._types.get(name)
        return kind.elem_type if kind is not None else 0

    def shape(self, name: str) -> list[int | None] | None:
        """Sizes, None where dynamic; None: not even the rank is known."""
        kind = self._types.get(name)
        if kind is None or not kind.HasField("shape"):
            return None
        return [dim.dim_value if dim.HasField("dim_value") else None for dim in kind.shape.dim]

    def static_shape(self, name: str) -> list[int] | None:
        shape = self.shape(name)
        return None if shape is None or None in shape else shape

    def values(self, name: str) -> numpy.ndarray | None:
        """The elements, where they are known now."""
        return self.model.values(name)

    @property
    def opset(self) -> int:
        return self.model.opset


def rename_node(node: onnx.NodeProto, names: dict[str, str]) -> None:
    """Old names become new ones: in a node, and where graphs within it look at names outside."""
    for values in (node.input, node.output):
        for index, name in enumerate(values):
            values[index] = names.get(name, name)
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            inner = attribute.g
            own = {value.name for value in (*inner.input, *inner.initializer)}
            own.update(name for child in inner.node for name in child.output)
            outside = {old: new for old, new in names.items() if old not in own}
            for child in inner.node:
                rename_node(child, outside)
            # A result that is passed through from outside.
            for value in inner.output:
                value.name = outside.get(value.name, value.name)


def attributes(node: onnx.NodeProto) -> dict[str, typing.Any]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def optional_input(node: onnx.NodeProto, index: int) -> str | None:
    return node.input[index] if index < len(node.input) and node.input[index] else None
