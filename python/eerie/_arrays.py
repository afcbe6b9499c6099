"""Between arrays and tensors: what NumPy, where it is installed, has to do with it."""
from __future__ import annotations

from . import _native

try:
    import numpy
except ImportError:  # everything but arrays works
    numpy = None

ALIGNMENT = _native.alignment

# Element types that buffers have no name for: the name of ml_dtypes, and an integer of their size.
_WITHOUT_FORMAT = {
    "bf16": ("bfloat16", "uint16"),
    "f8E5M2": ("float8_e5m2", "uint8"),
    "f8E4M3FN": ("float8_e4m3fn", "uint8"),
    "f8E5M2FNUZ": ("float8_e5m2fnuz", "uint8"),
    "f8E4M3FNUZ": ("float8_e4m3fnuz", "uint8"),
    "f8E8M0FNU": ("float8_e8m0fnu", "uint8"),
}
_BY_ML_NAME = {ml_name: (name, integer) for name, (ml_name, integer) in _WITHOUT_FORMAT.items()}
_NUMPY_NAMES = {
    "bool": "bool", "i1": "bool", "f16": "float16", "f32": "float32", "f64": "float64",
    "complex<f32>": "complex64", "complex<f64>": "complex128",
} | {f"{prefix}{bits}": f"{kind}{bits}"
     for prefix, kind in (("i", "int"), ("si", "int"), ("ui", "uint"))
     for bits in (8, 16, 32, 64)}


def to_numpy(tensor):
    """A NumPy array of a tensor: over its memory where NumPy knows the type and the host sees it.

    Of a GPU's own memory it is a copy. bfloat16 and the 8-bit floats become those of ml_dtypes, as
    a copy, where that package is installed; a tensor of any other type is returned as it is.
    """
    if tensor.dtype in _NUMPY_NAMES:
        if tensor.on_host:
            return numpy.asarray(tensor)
        return _copy(tensor, _NUMPY_NAMES[tensor.dtype])
    if tensor.dtype not in _WITHOUT_FORMAT:
        return tensor
    try:
        import ml_dtypes
    except ImportError:
        return tensor
    ml_name, integer = _WITHOUT_FORMAT[tensor.dtype]
    return _copy(tensor, integer).view(getattr(ml_dtypes, ml_name))


def _copy(tensor, dtype):
    array = numpy.empty(tensor.shape, dtype=dtype)
    tensor.readinto(array)
    return array


def with_dtype(array):
    """(array,), or (integers, name of the type) of an array whose type buffers have no format for."""
    name, integer = _BY_ML_NAME.get(getattr(getattr(array, "dtype", None), "name", ""), ("", None))
    return (numpy.ascontiguousarray(array).view(integer), name) if integer else (array,)


def _from_other(value, dtype_name):
    """(an object with a buffer, dtype name or "") for an argument that has no buffer of its own."""
    if numpy is None:
        raise TypeError(f"an argument of type {type(value).__name__}; without NumPy only objects "
                        "with a buffer or DLPack are understood")
    if not isinstance(value, numpy.ndarray):
        target = _NUMPY_NAMES.get(dtype_name)
        if dtype_name in _WITHOUT_FORMAT:
            import ml_dtypes
            target = getattr(ml_dtypes, _WITHOUT_FORMAT[dtype_name][0])
        value = numpy.asarray(value, dtype=target)
    name, integer = _BY_ML_NAME.get(value.dtype.name, ("", None))
    if integer:
        return numpy.ascontiguousarray(value).view(integer), name
    memoryview(value)  # says what is wrong with it
    return value, ""


def empty(shape, dtype="float32"):
    """A new NumPy array, aligned so that it goes into a model without a copy. Not initialised."""
    if numpy is None:
        raise ImportError("eerie.empty needs NumPy: pip install numpy")
    dtype = numpy.dtype(dtype)
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    size = dtype.itemsize
    for length in shape:
        size *= length
    block = numpy.empty(size + ALIGNMENT, dtype=numpy.uint8)
    start = -block.ctypes.data % ALIGNMENT
    return block[start:start + size].view(dtype).reshape(shape)


if numpy is None:
    _native.set_hooks(None, None, _from_other)
else:
    _native.set_hooks(numpy.asarray, to_numpy, _from_other)
