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


def attributes(node: onnx.NodeProto) -> dict[str, typing.Any]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def optional_input(node: onnx.NodeProto, index: int) -> str | None:
    return node.input[index] if index < len(node.input) and node.input[index] else None
