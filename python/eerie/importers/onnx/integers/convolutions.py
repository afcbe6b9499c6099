"""Convolutions of bytes, summed in 32 bits."""
from __future__ import annotations

import dataclasses
import math

import numpy

from ..surgery import options
from .builder import Builder, Bytes, Whole, whole


@dataclasses.dataclass
class Window:
    """What a convolution of two dimensions does with places."""

    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    pads: tuple[int, int, int, int]  # top, left, bottom, right
    groups: int

    def result(self, size: int | None, axis: int) -> int | None:
        """How many places there are along an axis."""
        if size is None:
            return None
        reach = (self.kernel[axis] - 1) * self.dilations[axis] + 1
        return (size + self.pads[axis] + self.pads[axis + 2] - reach) // self.strides[axis] + 1


def window(node, x_shape: list[int | None], w_shape: tuple[int, ...]) -> Window | None:
    """The window of a node; None: it is not of two dimensions, or its padding is not known."""
    if len(w_shape) != 4 or len(x_shape) != 4:
        return None
    given = options(node)
    made = Window(tuple(w_shape[2:]), tuple(given.get("strides", (1, 1))),
                  tuple(given.get("dilations", (1, 1))), tuple(given.get("pads", (0,) * 4)),
                  given.get("group", 1))
    same = given.get("auto_pad", b"NOTSET").decode()
    if same in ("SAME_UPPER", "SAME_LOWER"):
        if None in x_shape[2:]:
            return None
        more = []
        for axis in (0, 1):
            size, stride = x_shape[2 + axis], made.strides[axis]
            reach = (made.kernel[axis] - 1) * made.dilations[axis] + 1
            all_of_it = max((math.ceil(size / stride) - 1) * stride + reach - size, 0)
            less = all_of_it // 2
            more.append((less, all_of_it - less) if same == "SAME_UPPER" else
                        (all_of_it - less, less))
        made.pads = (more[0][0], more[1][0], more[0][1], more[1][1])
    elif same == "VALID":
        made.pads = (0, 0, 0, 0)
    return made


def convolution(builder: Builder, x: Bytes, w: Bytes, place: Window, more: Whole = whole(0)) -> str:
    """Sums of (x - its zero) * (w - its zero) under the kernel, plus `more`, which stretches over
    them. The weights are known, their zero has the shape [M,1,1,1] or []; that of x is one number."""
    w = _without_zero(builder, w)
    padded = padded_with_zero(builder, x, place.pads)
    place = dataclasses.replace(place, pads=(0, 0, 0, 0))
    part = builder.minus(more, builder.times(x.zero, of_filters(whole(w.values.sum(
        axis=(1, 2, 3), dtype=numpy.int64)))))
    if isinstance(w.zero, str) or w.zero.any():
        part = builder.plus(part, _of_windows(builder, padded, x, w, place))
    sums = sums_of(builder, padded, w, place)
    return builder.named(builder.plus(sums, part))


def of_filters(values: numpy.ndarray) -> numpy.ndarray:
    """One number for each filter, in a shape that stretches over the result."""
    return values.reshape(1, -1, 1, 1)


def _without_zero(builder: Builder, w: Bytes) -> Bytes:
    """Weights whose distance from their zero is a signed byte are that."""
    moved = w.values.astype(numpy.int64) - w.zero
    if is_byte(moved) and w.zero.any():
        moved = moved.astype(numpy.int8)
        return Bytes(builder.weight("weights", moved), w.shape, whole(0), moved)
    return w


def is_byte(values: numpy.ndarray) -> bool:
    return values.size == 0 or (values.min() >= -128 and values.max() <= 127)


def padded_with_zero(builder: Builder, x: Bytes, pads) -> Bytes:
    """What is around the input is its zero."""
    if not any(pads):
        return x
    shape = list(x.shape)
    for axis in (0, 1):
        if shape[2 + axis] is not None:
            shape[2 + axis] += pads[axis] + pads[axis + 2]
    widths = builder.constant([0, 0, *pads[:2], 0, 0, *pads[2:]], numpy.int64)
    zero = builder.add("Cast", x.zero, to=3) if isinstance(x.zero, str) else \
        builder.constant(x.zero.reshape(()), numpy.int8)
    return Bytes(builder.add("Pad", x.name, widths, zero), shape, x.zero)


def _of_windows(builder: Builder, padded: Bytes, x: Bytes, w: Bytes, place: Window) -> Whole:
    """What the zero of the weights adds: less zero times the sums of the input under the kernel."""
    ones = numpy.ones((place.groups, *w.values.shape[1:]), numpy.int8)
    sums = sums_of(builder, padded, Bytes(builder.weight("ones", ones), list(ones.shape), whole(0), ones),
                 place)
    if place.groups > 1:  # one sum for a group, as often as it has filters
        which = numpy.arange(w.values.shape[0]) // (w.values.shape[0] // place.groups)
        sums = builder.add("Gather", sums, builder.constant(which, numpy.int64), axis=1)
    depth = int(numpy.prod(w.values.shape[1:]))
    zero = w.zero if w.zero.size == 1 else of_filters(w.zero)
    part = builder.minus(whole(0), builder.times(zero, sums))
    return builder.plus(part, builder.times(builder.times(x.zero, zero), whole(depth)))


def sums_of(builder: Builder, x: Bytes, w: Bytes, place: Window) -> str:
    """The sums of products of the bytes, nothing around the input."""
    return builder.add("ConvInteger", x.name, w.name, kernel_shape=list(place.kernel),
                       strides=list(place.strides), dilations=list(place.dilations),
                       group=place.groups)
