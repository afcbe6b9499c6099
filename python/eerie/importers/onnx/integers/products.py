"""Products of matrices of bytes, summed in 32 bits."""
from __future__ import annotations

import numpy

from .builder import Builder, Bytes, Whole, whole


def product(builder: Builder, a: Bytes, b: Bytes, more: Whole = whole(0)) -> str:
    """Sums of (a - its zero) * (b - its zero), plus `more`, which stretches over them."""
    folded = _leading_folded(builder, a, b)
    if folded is not None:
        a, shape = folded
        sums = product(builder, a, b, more)
        return builder.add("Reshape", sums, builder.constant(shape, numpy.int64))
    sums = builder.add("MatMulInteger", a.name, b.name)
    return builder.named(builder.plus(sums, builder.plus(offset(builder, a, b), more)))


def offset(builder: Builder, a: Bytes, b: Bytes) -> Whole:
    """What zero points add to the product of the bytes."""
    depth = a.shape[-1] if a.shape[-1] is not None else b.shape[-2]
    part: Whole = whole(0)
    if isinstance(a.zero, str) or a.zero.any():
        part = builder.minus(part, builder.times(a.zero, builder.total(b, len(b.shape) - 2)))
    if isinstance(b.zero, str) or b.zero.any():
        part = builder.minus(part, builder.times(b.zero, builder.total(a, len(a.shape) - 1)))
        part = builder.plus(part, builder.times(builder.times(a.zero, b.zero), whole(depth)))
    return part


def fits(a: Bytes, b: Bytes) -> bool:
    """Whether the depth is known where zero points need it, and both are matrices."""
    return len(a.shape) >= 2 and len(b.shape) >= 2 and \
        (a.shape[-1] is not None or b.shape[-2] is not None)


def _leading_folded(builder: Builder, a: Bytes, b: Bytes) -> tuple[Bytes, list[int]] | None:
    """The left side as one matrix, and the shape of the result: many products with the same matrix
    are one."""
    depth, columns = b.shape[-2:]
    sizes = [-1 if size is None else size for size in (*a.shape[:-1], columns)]
    if len(b.shape) != 2 or len(a.shape) == 2 or sizes.count(-1) > 1 or depth is None or \
            not a.one_zero or 0 in sizes:
        return None
    rows = None if None in a.shape[:-1] else int(numpy.prod(a.shape[:-1]))
    name = builder.add("Reshape", a.name, builder.constant([-1, depth], numpy.int64))
    values = None if a.values is None else a.values.reshape(-1, depth)
    return Bytes(name, [rows, depth], a.zero, values), sizes
