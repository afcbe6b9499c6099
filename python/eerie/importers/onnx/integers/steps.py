"""From sums and floats to bytes: scaled, rounded to the nearest (halves to even), bounded."""
from __future__ import annotations

import dataclasses

import numpy
import onnx
from onnx import TensorProto

from .. import model as onnx_model
from ..rewrites.graph import attributes, optional_input
from .builder import BYTES, Builder, is_plain, rebuild

# 1.5 * 2^23: behind it the floats are the whole numbers, so that adding it rounds as the machine does,
# and the low bits of the sum are the number. A processor without an instruction that rounds (Cortex-M4)
# would take dozens of others for it.
_SHIFT = 12582912.0
_SHIFT_BITS = 0x4B400000


@dataclasses.dataclass
class Steps:
    """What a QuantizeLinear with a known scale does."""

    scale: numpy.ndarray  # float32: [] or one for each slice of the axis
    zero: numpy.ndarray  # int64, likewise
    kind: int
    axis: int = 0

    def spread(self, values: numpy.ndarray, rank: int) -> numpy.ndarray:
        """In a shape that stretches over a tensor of a rank."""
        if values.ndim == 0:
            return values
        return values.reshape([-1 if axis == self.axis else 1 for axis in range(rank)])

    @property
    def bounds(self) -> tuple[int, int]:
        limits = numpy.iinfo(BYTES[self.kind])
        return limits.min, limits.max

    def same(self, other: "Steps") -> bool:
        return self.kind == other.kind and self.axis == other.axis and \
            numpy.array_equal(self.scale, other.scale) and numpy.array_equal(self.zero, other.zero)


def steps_of(builder: Builder, node: onnx.NodeProto) -> Steps | None:
    """Of a QuantizeLinear or DequantizeLinear of bytes; None: not known now, or of another kind."""
    given = attributes(node)
    scale = builder.values(node.input[1])
    if scale is None or scale.dtype != numpy.float32 or given.get("block_size") or scale.ndim > 1 or \
            not (numpy.isfinite(scale).all() and (scale > 0).all()):
        return None
    zero_name = optional_input(node, 2)
    if zero_name:
        kind, zero = builder.element(zero_name), builder.values(zero_name)
    else:
        kind, zero = builder.element(node.input[0]), numpy.zeros(scale.shape)
        if node.op_type == "QuantizeLinear":
            kind = given.get("output_dtype", 0) or TensorProto.UINT8
    if kind not in BYTES or zero is None or zero.size != scale.size:
        return None
    if scale.size == 1:
        return Steps(scale.reshape(()), zero.astype(numpy.int64).reshape(()), kind)
    shape = builder.shape(node.input[0])
    if shape is None:
        return None
    return Steps(scale, zero.astype(numpy.int64).reshape(scale.shape), kind,
                 given.get("axis", 1) % len(shape))


def to_bytes(builder: Builder, x: str, to: Steps, rank: int, least: float = -numpy.inf,
             most: float = numpy.inf) -> str:
    """Bytes of numbers that are scaled already; `least` and `most` bound these before they are
    rounded."""
    low, high = to.bounds
    zero = to.spread(to.zero, rank)
    lows, highs = (numpy.clip(bound - zero, least, most).astype(numpy.float32)
                   for bound in (low, high))
    if lows.ndim == 0:
        x = builder.add("Clip", x, builder.constant(lows), builder.constant(highs))
    else:
        x = builder.add("Min", builder.add("Max", x, builder.constant(lows)), builder.constant(highs))
    shifted = builder.add("Add", x, builder.constant(_SHIFT, numpy.float32))
    bits = builder.bits(shifted, TensorProto.INT32)
    number = builder.add("Sub", bits, builder.constant(_SHIFT_BITS - zero, numpy.int32))
    return builder.add("Cast", number, to=to.kind)


def rewrite_steps(model: onnx_model.Model, builder: Builder) -> int:
    """QuantizeLinear with known scales."""
    def rewrite(node: onnx.NodeProto) -> str | None:
        if not is_plain(node, "QuantizeLinear") or \
                builder.element(node.input[0]) != TensorProto.FLOAT:
            return None
        to, shape = steps_of(builder, node), builder.shape(node.input[0])
        if to is None or shape is None:
            return None
        scale = builder.constant(to.spread(to.scale, len(shape)))
        return to_bytes(builder, builder.add("Div", node.input[0], scale), to, len(shape))
    return rebuild(model, builder, rewrite)
