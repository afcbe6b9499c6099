"""Values of the golden tests: NumPy arrays and typed scalars to and from the lines of golden_run.c."""

import struct
from dataclasses import dataclass

import ml_dtypes
import numpy as np

# NumPy's dtypes by the element types of eerie.h. Signless integers stand for signed ones.
DTYPES = {
    "bool": 0x13000008, "int8": 0x10000008, "int16": 0x10000010, "int32": 0x10000020,
    "int64": 0x10000040, "uint8": 0x12000008, "uint16": 0x12000010, "uint32": 0x12000020,
    "uint64": 0x12000040, "float16": 0x21000010, "float32": 0x21000020, "float64": 0x21000040,
    "bfloat16": 0x22000010, "complex64": 0x23000040, "complex128": 0x23000080,
    "float8_e5m2": 0x24000008, "float8_e4m3fn": 0x25000008, "float8_e5m2fnuz": 0x26000008,
    "float8_e4m3fnuz": 0x27000008, "float8_e8m0fnu": 0x28000008, "int4": 0x10000004,
}
NUMPY = {code: np.dtype(getattr(ml_dtypes, name, None) or getattr(np, name + "_", None) or name)
         if name != "bool" else np.dtype(bool) for name, code in DTYPES.items()}
# Signed element types that are the same bits.
for width in (8, 16, 32, 64):
    NUMPY[0x11000000 | width] = np.dtype("int%d" % width)


@dataclass
class Typed:
    """A tensor whose element type NumPy's dtype does not tell, such as si8."""
    array: np.ndarray
    dtype: int


@dataclass
class Scalar:
    kind: str
    value: object

    def line(self):
        if self.kind == "f32":
            return "f32 " + struct.pack(">f", self.value).hex()
        if self.kind == "f64":
            return "f64 " + struct.pack(">d", self.value).hex()
        return "%s %d" % (self.kind, self.value)


@dataclass
class Fails:
    """An expected failure: the status, and words that the message must hold."""
    status: str
    words: tuple = ()


def i32(v): return Scalar("i32", v)
def i64(v): return Scalar("i64", v)
def f32(v): return Scalar("f32", float(np.float32(v)))
def f64(v): return Scalar("f64", v)


def pack(array):
    """Bytes of a tensor as a module sees them: nibbles are packed, lowest first."""
    if array.dtype == ml_dtypes.int4:
        nibbles = array.astype(np.int8).view(np.uint8).ravel() & 15
        if nibbles.size % 2:
            nibbles = np.append(nibbles, np.uint8(0))
        return (nibbles[0::2] | nibbles[1::2] << 4).tobytes()
    return array.tobytes()


def unpack(data, dtype, shape):
    numpy_dtype = NUMPY[dtype]
    if numpy_dtype == ml_dtypes.int4:
        raw = np.frombuffer(data, np.uint8)
        nibbles = np.stack([raw & 15, raw >> 4], 1).ravel()[:int(np.prod(shape))]
        signed = (nibbles.astype(np.int8) ^ 8) - 8
        return signed.astype(ml_dtypes.int4).reshape(shape)
    return np.frombuffer(data, numpy_dtype).reshape(shape)


def lines(value):
    """The `arg` lines of one argument."""
    if value is None:
        return ["arg null"]
    if isinstance(value, Scalar):
        return ["arg " + value.line()]
    if isinstance(value, bytes):
        return ["arg buffer " + (value.hex() or "-")]
    if isinstance(value, list):
        return ["arg list %d" % len(value)] + [line for v in value for line in lines(v)]
    array, dtype = (value.array, value.dtype) if isinstance(value, Typed) else (value, None)
    array = np.asarray(array)
    dtype = dtype or DTYPES[array.dtype.name]
    shape = "".join("%d " % n for n in array.shape)
    return ["arg tensor 0x%08x %d %s%s" % (dtype, array.ndim, shape, pack(array).hex() or "-")]


def parse(texts):
    """The value that `texts`, an iterator over result lines, begins with."""
    words = next(texts).split(" ")
    kind = words[0]
    if kind == "null":
        return None
    if kind in ("i32", "i64", "int"):
        return Scalar(kind, int(words[1]))
    if kind == "f32":
        return Scalar(kind, struct.unpack(">f", bytes.fromhex(words[1]))[0])
    if kind in ("f64", "float"):
        return Scalar(kind, struct.unpack(">d", bytes.fromhex(words[1]))[0])
    if kind == "buffer":
        return b"" if words[1] == "-" else bytes.fromhex(words[1])
    if kind == "list":
        return [parse(texts) for _ in range(int(words[1]))]
    if kind == "tensor":
        rank = int(words[2])
        shape = tuple(int(w) for w in words[3:3 + rank])
        data = b"" if words[3 + rank] == "-" else bytes.fromhex(words[3 + rank])
        return Typed(unpack(data, int(words[1], 0), shape), int(words[1], 0))
    raise ValueError("no such value: " + " ".join(words))


def same_number(a, b):
    """Bit for bit, except that all NaNs are one."""
    if isinstance(a, float) or isinstance(b, float):
        return a != a and b != b or struct.pack("<d", a) == struct.pack("<d", b)
    return a == b


def same_bits(a, b):
    """Whether two answers agree. The oracle does not tell the width of its scalars."""
    if isinstance(a, Scalar) and isinstance(b, Scalar):
        return same_number(a.value, b.value)
    if isinstance(a, Typed) and isinstance(b, Typed):
        return (a.dtype == b.dtype and a.array.shape == b.array.shape
                and a.array.tobytes() == b.array.tobytes())
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same_bits, a, b))
    return type(a) is type(b) and a == b


def near(got, expected, tolerance):
    """Whether an answer is what NumPy says; tolerance 0 asks for equal bits."""
    if isinstance(expected, Scalar):
        if not isinstance(got, Scalar) or got.kind != expected.kind:
            return False
        if isinstance(expected.value, float) and tolerance:
            return np.allclose(got.value, expected.value, rtol=tolerance, atol=tolerance,
                               equal_nan=True)
        return same_number(got.value, expected.value)
    if isinstance(expected, list):
        return (isinstance(got, list) and len(got) == len(expected)
                and all(near(g, e, tolerance) for g, e in zip(got, expected)))
    if expected is None or isinstance(expected, bytes):
        return type(got) is type(expected) and got == expected
    want = expected.array if isinstance(expected, Typed) else np.asarray(expected)
    dtype = expected.dtype if isinstance(expected, Typed) else DTYPES[want.dtype.name]
    if not isinstance(got, Typed) or got.dtype != dtype or got.array.shape != want.shape:
        return False
    if tolerance and want.dtype.kind in "fcV":
        wide = np.complex128 if want.dtype.kind == "c" else np.float64
        return np.allclose(got.array.astype(wide), want.astype(wide), rtol=tolerance,
                           atol=tolerance, equal_nan=True)
    return pack(got.array) == pack(want)


def show(value):
    if isinstance(value, Typed):
        return "tensor 0x%08x %s %s" % (value.dtype, value.array.shape,
                                        np.array2string(value.array.astype(object), threshold=40))
    if isinstance(value, np.ndarray):
        return "%s %s %s" % (value.dtype, value.shape,
                             np.array2string(value.astype(object), threshold=40))
    if isinstance(value, list):
        return "[" + ", ".join(map(show, value)) + "]"
    return repr(value)
