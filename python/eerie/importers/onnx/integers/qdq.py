"""Products of floats that stand for bytes, between DequantizeLinear and QuantizeLinear; QLinearConv
and QLinearMatMul, which are the same in one node.
"""
from __future__ import annotations

import dataclasses

import numpy
import onnx
from onnx import TensorProto

from .. import model as onnx_model
from ..rewrites.graph import optional_input
from ..surgery import Uses, options
from . import convolutions, products, regions, steps
from .builder import Builder, Bytes, finish, is_plain, rebuild, whole

_PRODUCTS = ("Conv", "MatMul", "Gemm")
_LINEAR = {"QLinearConv": "Conv", "QLinearMatMul": "MatMul"}


def rewrite_quantised(model: onnx_model.Model) -> int:
    """How many products of floats became such of bytes, and how many numbers bytes."""
    nodes = model.proto.graph.node
    if model.every or not any(is_plain(node, "DequantizeLinear", *_LINEAR) for node in nodes):
        return 0
    count = 0
    if _expand(model):
        onnx_model.infer_shapes(model)
    regions.move_bytes(model, Builder(model))
    finish(model)
    if regions.sign_bytes(model, Builder(model)):
        finish(model)
    count += _Products(model).run()
    finish(model)
    count += steps.rewrite_steps(model, Builder(model))
    finish(model)
    return count


# ---- QLinear operators ---------------------------------------------------------------------------

def _expand(model: onnx_model.Model) -> bool:
    """QLinear operators become operators of floats between bytes."""
    builder = Builder(model)

    def rewrite(node: onnx.NodeProto) -> str | None:
        if not is_plain(node, *_LINEAR):
            return None
        x, x_scale, x_zero, w, w_scale, w_zero, scale, zero = node.input[:8]
        if any(builder.element(name) != TensorProto.FLOAT for name in (x_scale, w_scale, scale)):
            return None
        w_values, scales = builder.values(w_scale), builder.values(x_scale)
        is_conv = is_plain(node, "QLinearConv")
        floats = [builder.add("DequantizeLinear", x, x_scale, x_zero)]
        axis = 0 if is_conv else -1
        floats.append(builder.add("DequantizeLinear", w, w_scale, w_zero, axis=axis))
        if is_conv and optional_input(node, 8):
            if w_values is None or scales is None:
                return None
            bias_scale = builder.constant((scales * w_values).astype(numpy.float32).reshape(
                w_values.shape))
            floats.append(builder.add("DequantizeLinear", node.input[8], bias_scale, axis=0))
        result = builder.add(_LINEAR[node.op_type], *floats, **options(node))
        return builder.add("QuantizeLinear", result, scale, zero)
    return rebuild(model, builder, rewrite) > 0


# ---- Products ------------------------------------------------------------------------------------

@dataclasses.dataclass
class _Numbers:
    """Floats as bytes with a scale."""

    bytes: Bytes
    scale: numpy.ndarray  # float32: [] or [n]
    axis: int


@dataclasses.dataclass
class _Sums:
    """Sums of 32 bits, and what makes the floats of them that they stand for."""

    name: str
    rank: int
    scale: numpy.ndarray  # float32, stretches over them
    bias: numpy.ndarray | None  # float32, likewise; added to the scaled sums


class _Products:
    def __init__(self, model: onnx_model.Model):
        self.model = model
        self.builder = Builder(model)
        self.uses = Uses(model.proto.graph)
        # Products whose floats only become bytes: their sums become bytes without them.
        self.ends: dict[str, tuple[onnx.NodeProto, steps.Steps, float, float]] = {}
        self.inner: set[str] = set()
        for node in model.proto.graph.node:
            if is_plain(node, "QuantizeLinear"):
                to = steps.steps_of(self.builder, node)
                if to is not None and not to.scale.ndim:
                    self._look_back(node, to)

    def _look_back(self, end: onnx.NodeProto, to: steps.Steps) -> None:
        """Finds the product that a QuantizeLinear takes, through bounds."""
        least, most, passed = -numpy.inf, numpy.inf, []
        name = end.input[0]
        while self.uses.takers.get(name) == 1 and name in self.uses.makers:
            node = self.uses.makers[name]
            passed.append(name)
            if is_plain(node, *_PRODUCTS):
                self.ends[end.output[0]] = (node, to, least, most)
                self.inner.update(passed)
                return
            bounds = self._bounds(node)
            if bounds is None:
                return
            # Nearer to the end, so in force after those before it.
            least, most = (min(max(bound, least), most) for bound in bounds)
            name = node.input[0]

    def _bounds(self, node: onnx.NodeProto) -> tuple[float, float] | None:
        if is_plain(node, "Relu"):
            return 0.0, numpy.inf
        if not is_plain(node, "Clip"):
            return None
        bounds = []
        for index, otherwise in ((1, -numpy.inf), (2, numpy.inf)):
            name = optional_input(node, index)
            value = self.builder.values(name) if name else numpy.array(otherwise)
            if value is None or value.size != 1:
                return None
            bounds.append(float(value.reshape(())))
        return (bounds[0], bounds[1]) if bounds[0] <= bounds[1] else None

    def run(self) -> int:
        return rebuild(self.model, self.builder, self._rewrite)

    def _rewrite(self, node: onnx.NodeProto) -> str | None:
        if node.output[0] in self.ends:
            product, to, least, most = self.ends[node.output[0]]
            sums = self._sums(product)
            return None if sums is None else self._bytes(sums, to, least, most)
        if not is_plain(node, *_PRODUCTS) or node.output[0] in self.inner:
            return None
        sums = self._sums(node)
        return None if sums is None else self._floats(sums)

    def _floats(self, sums: _Sums) -> str:
        x = self.builder.add("Cast", sums.name, to=TensorProto.FLOAT)
        x = self.builder.add("Mul", x, self.builder.constant(sums.scale))
        return x if sums.bias is None else self.builder.add("Add", x, self.builder.constant(sums.bias))

    def _bytes(self, sums: _Sums, to: steps.Steps, least: float, most: float) -> str:
        """With one scale in place of two, as QLinearConv of onnxruntime has it."""
        bias = None if sums.bias is None else sums.bias / to.scale
        x = self._floats(_Sums(sums.name, sums.rank, sums.scale / to.scale, bias))
        return steps.to_bytes(self.builder, x, to, sums.rank, least / to.scale, most / to.scale)

    # ---- Sides -----------------------------------------------------------------------------------

    def _numbers(self, name: str, turned: bool = False) -> _Numbers | None:
        """What a value stands for; `turned` as its transpose, of two dimensions."""
        node = self.uses.makers.get(name)
        if node is not None and is_plain(node, "Transpose") and \
                options(node).get("perm", [1, 0]) == [1, 0]:
            return self._numbers(node.input[0], not turned)
        if node is None or not is_plain(node, "DequantizeLinear"):
            return None
        found = steps.steps_of(self.builder, node)
        shape = self.builder.shape(node.input[0])
        if found is None or shape is None or (turned and len(shape) != 2):
            return None
        axis = found.axis
        zero_shape = [-1 if place == axis else 1 for place in range(len(shape))]
        made = self.builder.bytes_of(node.input[0], optional_input(node, 2), zero_shape)
        if made is None:
            return None
        if turned:
            axis, made = 1 - axis, self._turn(made)
        return _Numbers(made, found.scale, axis)

    def _turn(self, x: Bytes) -> Bytes:
        zero = x.zero if x.one_zero else x.zero.T
        if x.values is None:
            name, values = self.builder.add("Transpose", x.name, perm=[1, 0]), None
        else:
            values = numpy.ascontiguousarray(x.values.T)
            name = self.builder.weight("turned", values)
        return Bytes(name, x.shape[::-1], zero, values, x.one_zero)

    def _bias(self, name: str | None, scale: numpy.ndarray, count: int):
        """(whole numbers of the scale of the sums, floats) of a bias, one of them zero; None: it is
        not known."""
        zeros = numpy.zeros(count, numpy.int64)
        if not name:
            return zeros, None
        node = self.uses.makers.get(name)
        if node is not None and is_plain(node, "DequantizeLinear"):
            whole_numbers, own = (self.builder.values(value) for value in node.input[:2])
            zero_name = optional_input(node, 2)
            zero = self.builder.values(zero_name) if zero_name else numpy.array(0)
            if whole_numbers is None or own is None or zero is None or \
                    whole_numbers.size not in (1, count):
                return None
            moved = numpy.broadcast_to(whole_numbers.astype(numpy.int64).reshape(-1) -
                                       zero.astype(numpy.int64).reshape(-1), count)
            own = numpy.broadcast_to(own.reshape(-1), count)
            if numpy.allclose(own, scale.reshape(-1), rtol=1e-5, atol=0):
                return moved, None
            return zeros, (moved * own.astype(numpy.float64)).astype(numpy.float32)
        floats = self.builder.values(name)
        if floats is None or floats.dtype != numpy.float32 or floats.size not in (1, count):
            return None
        return zeros, numpy.broadcast_to(floats.reshape(-1), count)

    # ---- Sums ------------------------------------------------------------------------------------

    def _sums(self, node: onnx.NodeProto) -> _Sums | None:
        if is_plain(node, "Conv"):
            return self._convolution(node)
        given = options(node)
        if given.get("transA") or given.get("alpha", 1.0) != 1.0 or given.get("beta", 1.0) != 1.0:
            return None
        a = self._numbers(node.input[0])
        b = self._numbers(node.input[1], bool(given.get("transB")))
        if a is None or b is None or not products.fits(a.bytes, b.bytes) or a.scale.ndim:
            return None
        rank = max(len(a.bytes.shape), len(b.bytes.shape))
        if b.scale.ndim and b.axis != len(b.bytes.shape) - 1:
            return None
        scale = a.scale * b.scale
        bias = optional_input(node, 2)
        count = b.bytes.shape[-1]
        if bias and (count is None or (node.op_type == "Gemm" and self._is_matrix(bias))):
            return None
        found = self._bias(bias, numpy.broadcast_to(scale, count or 1), count or 1)
        if found is None:
            return None
        more = whole(found[0]) if found[0].any() else whole(0)
        name = products.product(self.builder, a.bytes, b.bytes, more)
        return _Sums(name, rank, scale, found[1])

    def _is_matrix(self, bias: str) -> bool:
        """A bias of a shape other than [columns]."""
        node = self.uses.makers.get(bias)
        name = node.input[0] if node is not None and node.op_type == "DequantizeLinear" else bias
        shape = self.builder.static_shape(name)
        return shape is None or (len(shape) > 1 and any(size != 1 for size in shape[:-1]))

    def _convolution(self, node: onnx.NodeProto) -> _Sums | None:
        x, w = (self._numbers(name) for name in node.input[:2])
        if x is None or w is None or x.scale.ndim or w.bytes.values is None or \
                (w.scale.ndim and w.axis != 0):
            return None
        place = convolutions.window(node, x.bytes.shape, w.bytes.values.shape)
        if place is None:
            return None
        scale = x.scale * w.scale
        filters = w.bytes.values.shape[0]
        found = self._bias(optional_input(node, 2), numpy.broadcast_to(scale, filters), filters)
        if found is None:
            return None
        more = whole(found[0]).reshape(1, -1, 1, 1) if found[0].any() else whole(0)
        name = convolutions.convolution(self.builder, x.bytes, w.bytes, place, more)
        bias = None if found[1] is None else found[1].reshape(1, -1, 1, 1)
        scale = scale if scale.ndim == 0 else scale.reshape(1, -1, 1, 1)
        return _Sums(name, 4, scale, bias)
