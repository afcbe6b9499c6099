"""Example inputs: "1x784xf32", "batchx784xf32", alone or inside of tuples, lists and dicts."""
from __future__ import annotations

import dataclasses
import typing

import numpy

from .route import Options
from .source import SourceError

_NUMPY = {
    "i1": "bool", "bool": "bool", "i8": "int8", "i16": "int16", "i32": "int32", "i64": "int64",
    "ui8": "uint8", "u8": "uint8", "ui16": "uint16", "u16": "uint16", "ui32": "uint32",
    "u32": "uint32", "ui64": "uint64", "u64": "uint64", "f16": "float16", "bf16": "bfloat16",
    "f32": "float32", "f64": "float64",
}
# A size for dynamic dimensions while tracing: large enough not to be taken for a special case.
_TRACE_SIZE = 3


@dataclasses.dataclass(frozen=True)
class Example:
    """One input: a shape, where a dimension may have a name instead of a size, and a dtype."""

    shape: tuple[int, ...]  # with a size for tracing in place of names
    names: dict[int, str]  # of dynamic dimensions, by position
    dtype: str

    def numpy_dtype(self) -> numpy.dtype:
        name = _NUMPY[self.dtype]
        if name == "bfloat16":
            import ml_dtypes
            return numpy.dtype(ml_dtypes.bfloat16)
        return numpy.dtype(name)

    def numpy(self) -> numpy.ndarray:
        return numpy.zeros(self.shape, dtype=self.numpy_dtype())

    def torch(self):
        import torch
        return torch.zeros(self.shape, dtype=getattr(torch, _NUMPY[self.dtype]))


def parse(text: str, options: Options) -> Example:
    """ValueError says what is wrong with `text`."""
    *dims, dtype = text.split("x")
    if dtype not in _NUMPY:
        raise ValueError(f"--input {text}: dtype '{dtype}' is none of {', '.join(_NUMPY)}")
    shape, names = [], {}
    for index, dim in enumerate(dims):
        if dim.isdigit():
            shape.append(int(dim))
            continue
        if not dim.isidentifier():
            raise ValueError(f"--input {text}: '{dim}' is neither a size nor a name")
        wanted = options.dims.get(dim)
        if wanted is not None and wanted.fixed is not None:
            shape.append(wanted.fixed)
            continue
        names[index] = dim
        size = max(_TRACE_SIZE, wanted.least if wanted else 0)
        shape.append(size if wanted is None or wanted.most is None else min(size, wanted.most))
    return Example(tuple(shape), names, dtype)


def examples(values, options: Options):
    """`values` with an Example for each text in them, however deep. ValueError as above."""
    if isinstance(values, str):
        return parse(values, options)
    if isinstance(values, dict):
        return type(values)((key, examples(value, options)) for key, value in values.items())
    if isinstance(values, tuple) and hasattr(values, "_fields"):
        return type(values)(*(examples(value, options) for value in values))
    if isinstance(values, (list, tuple)):
        return type(values)(examples(value, options) for value in values)
    return values


def leaves(values) -> typing.Iterator[object]:
    """Everything in `values` that is no tuple, list or dict."""
    if isinstance(values, dict):
        for value in values.values():
            yield from leaves(value)
    elif isinstance(values, (list, tuple)):
        for value in values:
            yield from leaves(value)
    else:
        yield values


def texts(values) -> typing.Iterator[str]:
    """The specifications in `values` that are still texts."""
    return (value for value in leaves(values) if isinstance(value, str))


def check_dims(specifications: typing.Iterable[str], options: Options) -> None:
    """SourceError: `options` tells of a dimension that none of the `specifications` names."""
    known = {dim for text in specifications for dim in text.split("x")[:-1] if dim.isidentifier()}
    for name in options.dims:
        if name not in known:
            there = ", ".join(sorted(known)) or "none"
            raise SourceError(f"no dimension '{name}'; named dimensions of the inputs: {there}")
