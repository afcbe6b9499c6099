"""Convolutions of bytes without ConvInteger: for every place of the kernel the part of the input that
it sees is a slice.

Slices are put one above the other and multiplied by the weights as one matrix, which reaches the fast
code for products of matrices. The compiler copies such slices at the speed of memory, where its own way
of gathering them takes longer than the product (im2col, 3.13: 1.5 ms for 64 channels of 56x56 and a
kernel of 3x3, the product 1 ms, slices 0.05 ms). Where each channel is by itself there is nothing to
gain from a matrix: slices are multiplied and added.

It takes memory for the slices, and code for each: microcontrollers do without.
"""
from __future__ import annotations

import dataclasses

import numpy
import onnx
from onnx import TensorProto

from .. import model as onnx_model
from . import convolutions
from .builder import Builder, Bytes, Whole, finish, is_plain, rebuild, whole
from .convolutions import Window, of_filters


def rewrite_windows(model: onnx_model.Model) -> int:
    if model.every or not any(is_plain(node, "ConvInteger") for node in model.proto.graph.node):
        return 0
    builder = Builder(model)
    count = rebuild(model, builder, lambda node: _rewrite(builder, node))
    if count:
        finish(model)
    return count


def _rewrite(builder: Builder, node: onnx.NodeProto) -> str | None:
    if not is_plain(node, "ConvInteger") or len(node.input) != 2 or \
            any(builder.element(name) != TensorProto.INT8 for name in node.input):
        return None
    x_shape, values = builder.shape(node.input[0]), builder.values(node.input[1])
    if x_shape is None or values is None or x_shape[1] is None:
        return None
    place = convolutions.window(node, x_shape, values.shape)
    if place is None:
        return None
    size = tuple(place.result(x_shape[2 + axis], axis) for axis in (0, 1))
    alone = place.groups == x_shape[1] == values.shape[0]
    if any(places is None or places < 1 for places in size) or (place.groups > 1 and not alone):
        return None
    x = Bytes(node.input[0], x_shape, whole(0))
    x = convolutions.padded_with_zero(builder, x, place.pads)
    place = dataclasses.replace(place, pads=(0, 0, 0, 0))
    if alone and place.groups > 1:
        return _channels_alone(builder, x, values, place, size)
    return _as_product(builder, x, values, place, size)


def _seen(builder: Builder, x: str, place: Window, at: tuple[int, int], size: tuple[int, int],
          axes: tuple[int, int]) -> str:
    """What one place of the kernel sees."""
    starts = [at[axis] * place.dilations[axis] for axis in (0, 1)]
    ends = [starts[axis] + (size[axis] - 1) * place.strides[axis] + 1 for axis in (0, 1)]
    return builder.add("Slice", x, *(builder.constant(list(values), numpy.int64)
                                     for values in (starts, ends, axes, place.strides)))


def _as_product(builder: Builder, x: Bytes, w: numpy.ndarray, place: Window,
                size: tuple[int, int]) -> str:
    """[filters, depth] times [depth, places]."""
    batch, filters = x.shape[0], w.shape[0]
    # Channels first, then the pictures of the batch: what a place of the kernel sees is of one piece.
    if batch == 1:
        images = builder.add("Reshape", x.name, builder.constant(x.shape[1:], numpy.int64))
        axes = (1, 2)
    else:
        images, axes = builder.add("Transpose", x.name, perm=[1, 0, 2, 3]), (2, 3)
    parts = [_seen(builder, images, place, at, size, axes) for at in numpy.ndindex(place.kernel)]
    columns = parts[0] if len(parts) == 1 else builder.add("Concat", *parts, axis=0)
    depth = w.size // filters
    columns = builder.add("Reshape", columns, builder.constant([depth, -1], numpy.int64))
    rows = numpy.ascontiguousarray(w.transpose(0, 2, 3, 1)).reshape(filters, depth)
    sums = builder.add("MatMulInteger", builder.weight("matrix", rows), columns)
    if batch == 1:
        return builder.add("Reshape", sums, builder.constant([1, filters, *size], numpy.int64))
    sums = builder.add("Reshape", sums, builder.constant([filters, batch or -1, *size], numpy.int64))
    return builder.add("Transpose", sums, perm=[1, 0, 2, 3])


def _channels_alone(builder: Builder, x: Bytes, w: numpy.ndarray, place: Window,
                    size: tuple[int, int]) -> str:
    """As many multiplications and additions as the kernel has places."""
    sums: Whole = whole(0)
    for at in numpy.ndindex(place.kernel):
        seen = builder.add("Cast", _seen(builder, x.name, place, at, size, (2, 3)),
                           to=TensorProto.INT32)
        sums = builder.plus(sums, builder.times(seen, of_filters(whole(w[:, 0, at[0], at[1]]))))
    return builder.named(sums)
