"""Building nodes of integers, and arithmetic on what may be known now."""
from __future__ import annotations

import dataclasses
import typing

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

from .. import model as onnx_model
from .. import surgery
from ..rewrites.graph import Graph

BYTES = {TensorProto.INT8: numpy.int8, TensorProto.UINT8: numpy.uint8}
# A tensor of 32-bit integers: its elements, or the name of the value that has them.
Whole = typing.Union[numpy.ndarray, str]


@dataclasses.dataclass
class Bytes:
    """A tensor of signed bytes that stands for (bytes - zero)."""

    name: str
    shape: list[int | None]
    zero: Whole  # stretches over the tensor
    values: numpy.ndarray | None = None  # the bytes, where they are known
    one_zero: bool = True  # for all elements


class Builder(Graph):
    """Graph that also keeps weights, and knows the values of those that it made."""

    def __init__(self, model: onnx_model.Model):
        super().__init__(model)
        self._tensors = {value.name: value for value in model.proto.graph.initializer}
        for node in model.proto.graph.node:
            if node.op_type == "Constant":
                for attribute in node.attribute:
                    if attribute.name == "value":
                        self._tensors[node.output[0]] = attribute.t
        self._taken = set(self._tensors).union(
            *(node.output for node in model.proto.graph.node))
        self._signed: dict[str, str] = {}
        self._signed_before: dict[str, str] = {}

    def begin(self, node: onnx.NodeProto) -> None:
        super().begin(node)
        self._signed_before = dict(self._signed)

    def forget(self) -> None:
        super().forget()
        self._signed = self._signed_before

    def _name(self, what: str) -> str:
        name = super()._name(what)
        return self._name(what) if name in self._taken else name

    def values(self, name: str) -> numpy.ndarray | None:
        if name in self.model.weights:
            return self.model.values(name)
        tensor = self._tensors.get(name)
        return None if tensor is None else numpy_helper.to_array(tensor)

    def element(self, name: str) -> int:
        tensor = self._tensors.get(name)
        return tensor.data_type if tensor is not None else super().element(name)

    def weight(self, what: str, array: numpy.ndarray) -> str:
        """A new initialiser, its name after the node that is being rewritten."""
        name = surgery.add_weight(self.model, f"{self._base}/{what}", array)
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        self._types[name] = helper.make_tensor_type_proto(kind, array.shape).tensor_type
        self._tensors[name] = self.model.proto.graph.initializer[-1]
        return name

    def put(self, result: str, output: str) -> None:
        """Gives a value that was built the name that others know it by."""
        for node in self.nodes:
            if node.op_type != "Constant" and result in node.output:
                for other in self.nodes:
                    for names in (other.input, other.output):
                        for index, name in enumerate(names):
                            names[index] = output if name == result else name
                return
        self.nodes.append(helper.make_node("Identity", [result], [output]))

    # ---- Bytes -----------------------------------------------------------------------------------

    def signed(self, name: str) -> str:
        """Unsigned bytes less 128, as signed ones."""
        if name not in self._signed:
            wide = self.add("Cast", name, to=TensorProto.INT32)
            self._signed[name] = self.add("Cast", self.minus(wide, whole(128)), to=TensorProto.INT8)
        return self._signed[name]

    def bytes_of(self, name: str, zero_name: str | None, zero_shape=None) -> Bytes | None:
        """A tensor of bytes with its zero point, signed; None: it is of another type, or its rank
        is not known. `zero_shape` gives a zero point the shape that stretches."""
        kind, shape = self.element(name), self.shape(name)
        if kind not in BYTES or shape is None:
            return None
        half = 128 if kind == TensorProto.UINT8 else 0
        values = self.values(name)
        zero = self._zero(zero_name, half, zero_shape)
        if zero is None:
            return None
        if values is None:
            return Bytes(self.signed(name) if half else name, shape, zero[0], None, zero[1])
        values = (values.astype(numpy.int16) - half).astype(numpy.int8)
        return Bytes(self.weight("signed", values) if half else name, shape, zero[0], values, zero[1])

    def _zero(self, name: str | None, half: int, shape) -> tuple[Whole, bool] | None:
        """A zero point less `half`, and whether it is one number."""
        known = self.values(name) if name else numpy.array(0)
        own = self.static_shape(name) if known is None else list(known.shape)
        if own is None or (len(own) == 1 and own != [1] and shape is None):
            return None
        one = own in ([], [1])
        wanted = [] if one else shape if len(own) == 1 else own
        if known is not None:
            return whole(known.astype(numpy.int64) - half).reshape(wanted), one
        zero = self.minus(self.add("Cast", name, to=TensorProto.INT32), whole(half))
        if own != wanted:
            zero = self.add("Reshape", zero, self.constant(wanted, numpy.int64))
        return zero, one

    # ---- Arithmetic of 32 bits -------------------------------------------------------------------

    def named(self, value: Whole) -> str:
        return value if isinstance(value, str) else self.constant(value)

    def _both(self, operator: str, x: Whole, y: Whole, compute) -> Whole:
        if isinstance(x, str) or isinstance(y, str):
            return self.add(operator, self.named(x), self.named(y))
        return whole(compute(x.astype(numpy.int64), y.astype(numpy.int64)))

    def plus(self, x: Whole, y: Whole) -> Whole:
        if is_zero(x) and isinstance(y, str):
            return y
        if is_zero(y) and isinstance(x, str):
            return x
        return self._both("Add", x, y, numpy.add)

    def minus(self, x: Whole, y: Whole) -> Whole:
        if is_zero(y) and isinstance(x, str):
            return x
        return self._both("Sub", x, y, numpy.subtract)

    def times(self, x: Whole, y: Whole) -> Whole:
        if is_zero(x) or is_zero(y):
            return whole(0)
        return self._both("Mul", x, y, numpy.multiply)

    def total(self, x: Bytes, axis: int) -> Whole:
        """Sums of bytes along an axis, which stays with the size 1."""
        if x.values is not None:
            return whole(x.values.sum(axis=axis, dtype=numpy.int64, keepdims=True))
        wide = self.add("Cast", x.name, to=TensorProto.INT32)
        return self.add("ReduceSum", wide, self.constant([axis], numpy.int64), keepdims=1)


def whole(value) -> numpy.ndarray:
    """As 32-bit integers, which go round as those of the product do."""
    return numpy.asarray(value, numpy.int64).astype(numpy.int32)


def is_zero(value: Whole) -> bool:
    return not isinstance(value, str) and not value.any()


def rebuild(model: onnx_model.Model, builder: Builder, rewrite) -> int:
    """Puts in the place of each node what `rewrite(node)` builds, whose result it returns, or None;
    how many there were."""
    proto = model.proto.graph
    nodes, count = list(proto.node), 0
    del proto.node[:]
    for node in nodes:
        builder.begin(node)
        result = rewrite(node)
        if result is None:
            builder.forget()
            proto.node.append(node)
            continue
        builder.put(result, node.output[0])
        proto.node.extend(builder.nodes)
        count += 1
    return count


def finish(model: onnx_model.Model) -> None:
    """Takes out what is not taken any more, and infers types anew."""
    surgery.drop_dead(model.proto.graph)
    surgery.drop_unused(model)
    onnx_model.infer_shapes(model)


def is_plain(node: onnx.NodeProto, *operators: str) -> bool:
    return node.domain in ("", "ai.onnx") and node.op_type in operators
