"""The calls that golden modules answer, and what they must come to, as NumPy says.

Every number is a small multiple of a power of two and every result is exact, so that one answer
holds for every release, backend and CPU, whether its kernels fuse a product into a sum or not.
"""

import numpy as np

from values import Fails, f32, i32, i64

RANDOM = np.random.default_rng(20261123)


def quarters(*shape):
    return (RANDOM.integers(-40, 40, shape) / 4).astype(np.float32)


def powers(*shape):
    return (2.0 ** RANDOM.integers(-3, 4, shape)).astype(np.float32)


def integers(dtype, *shape):
    info = np.iinfo(dtype)
    return RANDOM.integers(info.min, info.max, shape, dtype, True)


def elementwise():
    x, y = quarters(5, 7), powers(5, 7)
    yield "floats", [x, y], [(x + y) * y - x, x / y]
    x, y = integers(np.int32, 4, 6), integers(np.int32, 4, 6)
    yield "integers", [x, y], [np.maximum(x * y ^ x, y)]
    for shape in ((3, 11), (1, 1), (16, 5)):
        x, y = quarters(*shape), powers(*shape)
        yield "dynamic", [x, y], [x * y + y]
    x = integers(np.int32, 3)
    yield "same", [x], [x]


# The constants of sources/network.mlir.
WEIGHTS = np.array([
    [1.0, -2.0, 0.5, 3.0, -1.5, 0.25, 2.0, -0.75], [0.5, 1.0, -1.0, 2.5, 0.75, -3.0, 1.5, 0.125],
    [2.0, 0.25, 1.5, -0.5, 1.0, -1.0, 0.5, 3.0], [-1.0, 3.0, 0.75, 0.5, -2.0, 1.25, -0.25, 1.0],
    [0.125, -0.5, 2.0, 1.0, 0.5, 3.0, -1.5, -2.0], [1.5, 0.5, -0.25, -3.0, 2.0, 1.0, 0.75, 0.5],
    [-0.5, 2.0, 1.0, 0.25, 3.0, -0.75, 1.0, -1.0], [3.0, -1.0, 0.125, 1.5, 0.5, 2.0, -2.0, 0.25],
    [0.25, 1.5, -3.0, 2.0, -0.5, 0.5, 1.0, 0.75], [1.0, 0.75, 2.5, -1.0, 0.25, -0.5, 3.0, 2.0],
    [-2.0, 1.0, 0.5, 0.75, 1.5, 0.125, -1.0, 0.5], [0.5, -0.25, 1.0, 3.0, -1.0, 2.0, 0.5, 1.5],
    [2.5, 0.5, -1.5, 0.25, 1.0, 1.0, -0.5, -3.0], [-0.75, 3.0, 2.0, -2.0, 0.5, -1.0, 0.25, 1.0],
    [1.0, -1.0, 0.75, 0.5, 2.0, 0.5, 1.5, -0.25], [0.5, 2.0, -0.5, 1.0, -3.0, 0.75, 0.125, 2.5],
], np.float32)
BIAS = np.array([0.5, -1.5, 2.5, -3.5, 0.25, 1.0, -0.75, 0.0], np.float32)


def network():
    for _ in range(2):
        x = quarters(4, 16)
        y = np.maximum(x @ WEIGHTS + BIAS, np.float32(0))
        yield "network", [x], [y, y.sum(1)]


def state():
    step = np.array([1, -3], np.int32)
    for calls in (1, 2, 3):
        yield "count", [step], [calls * step]
    yield "add", [i64(2**40)], [i64(2**40)]
    yield "add", [i64(-1)], [i64(2**40 - 1)]


def control():
    x = np.array([1.5, -2.0, 0.25, 0.0], np.float32)
    yield "double_until", [x, f32(40)], [32 * x]
    yield "double_until", [x, f32(1)], [x]
    for n in (0, 1, 1000):
        yield "sum_to", [i64(n)], [i64(n * (n - 1) // 2)]
    yield "checked_divide", [i32(-7), i32(2)], [i32(-3)]
    yield "checked_divide", [i32(1), i32(0)], Fails("FAILED_PRECONDITION", ("the divisor is zero",))


def shapes():
    x, y = quarters(6, 8), quarters(3, 4)
    inserted = x.copy()
    inserted[1:4, 3:7] = y
    yield "move", [x, y], [x.T.copy(), inserted]
    x, y = integers(np.int8, 3, 5), integers(np.int8, 3, 5)
    yield "bytes", [x, y], [np.maximum(x, y), x < y]
    x, y = integers(np.int16, 7), integers(np.int32, 7)
    yield "halves", [x, y], [x.astype(np.int32), y.astype(np.int16)]
    x, y = quarters(2, 3).astype(np.float64), 2 ** RANDOM.integers(0, 20, (2, 3), np.int64)
    yield "wide", [x, y], [x / y, y * y]
    for n in (5, 0):
        x = quarters(n, 4)
        yield "empty", [x], [x + x]


def special():
    for n in (5, 300):
        x = integers(np.int32, n)
        yield "special", [x], [7 * x]


def whole():
    x, y = quarters(4), powers(4)
    yield "through", [x, y], [(x + 1) * y - 1]
    for n in (3, 1, 20):
        x = quarters(n)
        yield "awaits", [x], [2 * x + 1]
    yield "twice", [i32(5)], [i32(5), i32(10)]
    yield "twice", [i32(-1)], [i32(9), i32(8)]


# source -> [(function, arguments, results or Fails)]; calls of one source share a program
CASES = {source.__name__: list(source()) for source in
         (elementwise, network, state, control, shapes, whole, special)}
