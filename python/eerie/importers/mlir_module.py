"""What the routes that build MLIR themselves share: weights as globals, declarations, writing."""
from __future__ import annotations

import pathlib
import re

import numpy

from .route import MissingPackage, Options

# Weights of more than this together go to an archive beside the MLIR unless the caller says.
INLINE_BYTES = 64 << 20


def compiler_ir():
    """The compiler's MLIR bindings."""
    try:
        from iree.compiler import ir
    except ImportError:
        raise MissingPackage("iree-base-compiler", "compile") from None
    return ir


_FLOATS_OF_ML_DTYPES = {"bf16": "bfloat16", "f8E5M2": "float8_e5m2", "f8E4M3FN": "float8_e4m3fn",
                        "f8E5M2FNUZ": "float8_e5m2fnuz", "f8E4M3FNUZ": "float8_e4m3fnuz",
                        "f8E8M0FNU": "float8_e8m0fnu"}
_DTYPES = {"f16": "float16", "f32": "float32", "f64": "float64", "complex<f32>": "complex64",
           "complex<f64>": "complex128", "i8": "int8", "i16": "int16", "i32": "int32",
           "i64": "int64"}


def _typed(raw: numpy.ndarray, kind) -> numpy.ndarray:
    """Bytes as an array of a tensor type, or as they are where NumPy knows no such type."""
    element = str(kind.element_type)
    dtype = _DTYPES.get(element)
    if element in _FLOATS_OF_ML_DTYPES:
        try:
            import ml_dtypes
        except ImportError:
            return raw
        dtype = getattr(ml_dtypes, _FLOATS_OF_ML_DTYPES[element])
    return raw if dtype is None else raw.view(dtype).reshape(tuple(kind.shape))


class Weights:
    """Weights of a module: globals whose values are parameters, or lie in the module.

    `scope` is that of parameters, or None for values inside.
    """

    def __init__(self, module, scope: str | None):
        self._ir = compiler_ir()
        self._module = module
        self._scope = scope
        self._types: dict[str, object] = {}
        self.bytes_inside = 0
        self.entries: list[tuple[str, numpy.ndarray]] = []  # (key, bytes) of parameters

    def type_of(self, shape, element):
        """A builtin tensor type; the compiler's own tensors have integers without a sign."""
        ir = self._ir
        with self._module.context, ir.Location.unknown():
            if isinstance(element, ir.IntegerType):
                element = ir.IntegerType.get_signless(element.width)
            return ir.RankedTensorType.get(tuple(shape), element)

    def location(self):
        """Somewhere in the module, for what has no place of its own."""
        return self._ir.Location.unknown(context=self._module.context)

    def define(self, key: str, kind, array: numpy.ndarray, mutable: bool = False,
               apart: bool = True) -> str:
        """A global of type `kind` that starts as `array`; returns its symbol.

        Without `apart` the value lies in the module, whatever the others do.
        """
        ir = self._ir
        symbol = f"__weight_{len(self._types)}"
        with self._module.context, ir.Location.name(key):
            attributes = {
                "sym_name": ir.StringAttr.get(symbol),
                "sym_visibility": ir.StringAttr.get("private"),
                "type": ir.TypeAttr.get(kind),
                "initial_value": self._value(key, kind, array, apart),
            }
            if mutable:
                attributes["is_mutable"] = ir.UnitAttr.get()
            with ir.InsertionPoint.at_block_begin(self._module.regions[0].blocks[0]):
                ir.Operation.create("util.global", attributes=attributes)
        self._types[symbol] = kind
        return symbol

    def _value(self, key, kind, array, apart):
        ir = self._ir
        raw = numpy.ascontiguousarray(array).reshape(-1).view(numpy.uint8)
        if self._scope is not None and apart:
            self.entries.append((key, _typed(raw, kind)))
            scope, name = ir.StringAttr.get(self._scope), ir.StringAttr.get(key)
            return ir.Attribute.parse(f"#stream.parameter.named<{scope}::{name}> : {kind}")
        self.bytes_inside += raw.size
        # Resources of scalars and of small floats are not understood everywhere in the compiler.
        if raw.size <= 16 or len(kind.shape) == 0 or str(kind.element_type) in _FLOATS_OF_ML_DTYPES:
            return ir.DenseElementsAttr.get(raw, type=kind)
        return ir.DenseResourceElementsAttr.get_from_buffer(
            raw, f"weight_{len(self._types)}", kind)

    def kind_of(self, symbol: str):
        """The type of a global."""
        return self._types[symbol]

    def load(self, symbol: str):
        """The global's value, at the current insertion point."""
        ir = self._ir
        return ir.Operation.create(
            "util.global.load", results=[self._types[symbol]],
            attributes={"global": ir.FlatSymbolRefAttr.get(symbol)}).result

    def store(self, symbol: str, value) -> None:
        ir = self._ir
        ir.Operation.create("util.global.store", operands=[value],
                            attributes={"global": ir.FlatSymbolRefAttr.get(symbol)})


def archive_for(total: int, output: pathlib.Path, options: Options,
                notes: list[str]) -> pathlib.Path | None:
    """Where `total` bytes of weights go; None: into the MLIR."""
    if options.parameters:
        return options.parameters
    if options.inline_weights or total <= INLINE_BYTES:
        return None
    notes.append(f"{total >> 20} MB of weights are written apart; --inline-weights keeps them in the "
                 "module")
    return options.archive or output.with_suffix(".irpa")


def _spelled(name: str, otherwise: str) -> str:
    """`name` as a declaration can have it."""
    return re.sub(r"[^A-Za-z0-9_]", "_", name) or otherwise


def declaration(function: str, inputs, outputs) -> str:
    """What a module tells of a function: `inputs` and `outputs` are (name, shape, element), a
    dynamic size None."""
    def texts(values, prefix):
        for index, (name, shape, element) in enumerate(values):
            dims = "".join("?x" if size is None else f"{size}x" for size in shape)
            yield f"%{_spelled(name, f'{prefix}{index}')}: tensor<{dims}{element}>"
    return (f"sync func @{function}({', '.join(texts(inputs, 'input'))}) -> "
            f"({', '.join(texts(outputs, 'output'))})")


def declare(operation, text: str) -> None:
    """Leaves a declaration on a function whose dialect brings an interface of its own (torch), from
    where the compiler carries it into the module."""
    ir = compiler_ir()
    with operation.context:
        operation.attributes["iree.reflection"] = ir.DictAttr.get(
            {"iree.abi.declaration": ir.StringAttr.get(text)})


def name_values(operation, inputs: list[str], outputs: list[str]) -> None:
    """Names the arguments and results of a function whose interface the compiler makes."""
    ir = compiler_ir()
    with operation.context:
        for attribute, names, prefix in (("arg_attrs", inputs, "input"),
                                         ("res_attrs", outputs, "output")):
            operation.attributes[attribute] = ir.ArrayAttr.get([
                ir.DictAttr.get({"iree.abi.name": ir.StringAttr.get(
                    _spelled(name, f"{prefix}{index}"))}) for index, name in enumerate(names)])


def write(module, output: pathlib.Path, heavy: bool) -> None:
    """Text that people can read, or bytecode where weights would make it long."""
    if heavy:
        with output.open("wb") as file:
            module.write_bytecode(file)
    else:
        output.write_text(module.get_asm(assume_verified=True) + "\n", encoding="utf-8")
