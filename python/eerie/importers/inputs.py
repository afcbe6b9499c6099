"""Example inputs of Python functions: "1x784xf32", "batchx784xf32"."""
from __future__ import annotations

import dataclasses

import numpy

from .route import Options

_NUMPY = {
    "i1": "bool", "bool": "bool", "i8": "int8", "i16": "int16", "i32": "int32", "i64": "int64",
    "ui8": "uint8", "u8": "uint8", "ui32": "uint32", "u32": "uint32", "f16": "float16",
    "bf16": "bfloat16", "f32": "float32", "f64": "float64",
}
# A size for dynamic dimensions while tracing: large enough not to be taken for a special case.
_TRACE_SIZE = 3


@dataclasses.dataclass(frozen=True)
class Example:
    """One input: a shape, where a dimension may have a name instead of a size, and a dtype."""

    shape: tuple[int, ...]  # with a size for tracing in place of names
    names: dict[int, str]  # of dynamic dimensions, by position
    dtype: str

    def numpy(self) -> numpy.ndarray:
        return numpy.zeros(self.shape, dtype=_NUMPY[self.dtype])

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
        shape.append(max(_TRACE_SIZE, wanted.least if wanted else 0))
    return Example(tuple(shape), names, dtype)
