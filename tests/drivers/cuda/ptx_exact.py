"""Exact results as fractions, rounded by looking for neighbours among a format's own values."""

import bisect
import fractions
import functools
import math

import numpy as np

Fraction = fractions.Fraction


def exact(value):
    return Fraction(float(value))


@functools.cache
def all_values(dtype):
    """The finite values of a format of 16 bits, from zero up; an index is the value's bits."""
    values = np.arange(0x8000, dtype=np.uint16).view(dtype)
    return [Fraction(float(value)) for value in values[np.isfinite(values.astype(np.float32))]]


def round_half(value, dtype):
    """A fraction to float16 or bfloat16, to nearest, ties to even."""
    table = all_values(dtype)
    size = abs(value)
    above = bisect.bisect_left(table, size)
    if above == len(table):  # beyond the last: as if one more step were there
        step = table[-1] - table[-2]
        bits = above if size - table[-1] >= step / 2 else above - 1
    elif table[above] == size:
        bits = above
    else:
        low, high = size - table[above - 1], table[above] - size
        bits = above if high < low or (high == low and above % 2 == 0) else above - 1
    return np.uint16(bits | (0x8000 if value < 0 else 0)).view(dtype)


GREATEST = np.finfo(np.float32).max
STEP = exact(GREATEST) - exact(np.nextafter(GREATEST, np.float32(0)))


def round_single(value, direction):
    """A fraction to float32: n nearest, z to zero, m down, p up."""
    up, down = np.float32(math.inf), np.float32(-math.inf)
    if abs(value) > exact(GREATEST):
        away = {"n": abs(value) >= exact(GREATEST) + STEP / 2, "z": False,
                "m": value < 0, "p": value > 0}[direction]
        return np.copysign(up if away else GREATEST, np.float32(1 if value > 0 else -1))
    below = np.clip(np.float32(float(value)), -GREATEST, GREATEST)  # at most a step off
    if exact(below) > value:
        below = np.nextafter(below, down)
    if exact(below) == value:
        return below
    above = np.nextafter(below, up)
    if direction == "m" or (direction == "z" and value > 0):
        return below
    if direction == "p" or direction == "z":
        return above
    low, high = value - exact(below), exact(above) - value
    if low == high:
        return below if below.view(np.uint32) % 2 == 0 else above
    return below if low < high else above
