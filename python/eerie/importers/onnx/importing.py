"""From an ONNX graph to MLIR: the compiler's importer, with weights kept out of its way."""
from __future__ import annotations

import pathlib
import re

import numpy
import onnx

from ...parameters import write_parameters
from ..route import Imported, MissingPackage, Options, Refusal
from . import model as onnx_model
from . import rewrite

# Weights of more than this together go to an archive beside the MLIR unless the caller says.
INLINE_BYTES = 64 << 20


# Names of element types in the declarations that modules carry, by ONNX's numbers.
_DECLARED = {
    "BOOL": "i1", "INT8": "i8", "INT16": "i16", "INT32": "i32", "INT64": "i64", "UINT8": "ui8",
    "UINT16": "ui16", "UINT32": "ui32", "UINT64": "ui64", "FLOAT16": "f16", "BFLOAT16": "bf16",
    "FLOAT": "f32", "DOUBLE": "f64", "COMPLEX64": "complex<f32>", "COMPLEX128": "complex<f64>",
}


def _declare(values, prefix: str, demote_f64: bool) -> str | None:
    """"%x: tensor<?x4xf32>, ...", or None where a type has no such name."""
    parts = []
    for index, value in enumerate(values):
        tensor = value.type.tensor_type
        element = _DECLARED.get(onnx.TensorProto.DataType.Name(tensor.elem_type))
        if not value.type.HasField("tensor_type") or element is None:
            return None
        if element == "f64" and demote_f64:
            element = "f32"  # as the compiler will have it
        if not tensor.HasField("shape"):
            return None
        dims = "".join(f"{dim.dim_value}x" if dim.HasField("dim_value") else "?x"
                       for dim in tensor.shape.dim)
        name = re.sub(r"[^A-Za-z0-9_]", "_", value.name) or f"{prefix}{index}"
        parts.append(f"%{name}: tensor<{dims}{element}>")
    return ", ".join(parts)


def declaration(info, function: str, demote_f64: bool) -> str | None:
    """The function's types and names as people write them, which the module then carries."""
    inputs = _declare(info.input_map.values(), "input", demote_f64)
    outputs = _declare(info.graph_proto.output, "output", demote_f64)
    if inputs is None or outputs is None:
        return None
    return f"sync func @{function}({inputs}) -> ({outputs})"


def _importer():
    """The importer's module and class, made when first needed: it is in the compiler's wheel."""
    try:
        from iree.compiler import ir
        from iree.compiler.extras import onnx_importer
    except ImportError:
        raise MissingPackage("iree-base-compiler[onnx]", "onnx") from None

    class GraphImporter(onnx_importer.NodeImporter):
        """Imports a graph; an initialiser whose bytes are apart becomes a global."""

        weights: dict
        scope: str | None  # of parameters; None: weights go into the module

        @classmethod
        def start(cls, info, module, weights, scope, function):
            cache = onnx_importer.ContextCache(module.context)
            with module.context, ir.Location.name(f"graph:{info.graph_proto.name}"):
                inputs = [cache.type_proto_to_type(value.type) for value in info.input_map.values()]
                outputs = [cache.type_proto_to_type(value.type)
                           for value in info.graph_proto.output]
                operation = onnx_importer.func_dialect.FuncOp(
                    function, ir.FunctionType.get(inputs, outputs),
                    ip=ir.InsertionPoint(module.regions[0].blocks[0]))
                block = operation.add_entry_block(
                    [ir.Location.name(name) for name in info.input_map])
            self = cls(info, parent_op=operation, block=block, context_cache=cache,
                       module_op=module,
                       module_cache=onnx_importer.ModuleCache(module, cache))
            self.weights = weights
            self.scope = scope
            for name, argument in zip(info.input_map, block.arguments):
                self._nv_map[name] = argument
            self._populate_graph_attrs(operation)
            return self

        def import_initializer(self, initializer, extern_name=None):
            weight = self.weights.get(initializer.name)
            if weight is None:
                return super().import_initializer(initializer, extern_name)
            value = self._global(initializer, weight) if self.scope is not None else \
                self._literal(initializer, weight)
            self._nv_map[extern_name or initializer.name] = value
            return value

        def _builtin_type(self, initializer):
            # The compiler's own tensors have integers without a sign.
            with self._c, ir.Location.unknown():
                element = self._cc.tensor_element_type(initializer.data_type)
                if isinstance(element, ir.IntegerType):
                    element = ir.IntegerType.get_signless(element.width)
                return ir.RankedTensorType.get(tuple(initializer.dims), element)

        def _from_builtin(self, initializer, value):
            return ir.Operation.create(
                "torch_c.from_builtin_tensor",
                results=[self._cc.tensor_proto_to_type(initializer)], operands=[value]).result

        def _global(self, initializer, weight):
            del weight
            kind = self._builtin_type(initializer)
            with self._c, ir.Location.name(initializer.name):
                key = ir.StringAttr.get(initializer.name)
                scope = ir.StringAttr.get(self.scope)
                symbol = ir.StringAttr.get(f"__weight_{len(self.globals)}")
                with ir.InsertionPoint.at_block_begin(self._m.regions[0].blocks[0]):
                    ir.Operation.create("util.global", attributes={
                        "sym_name": symbol,
                        "sym_visibility": ir.StringAttr.get("private"),
                        "type": ir.TypeAttr.get(kind),
                        "initial_value": ir.Attribute.parse(
                            f"#stream.parameter.named<{scope}::{key}> : {kind}")})
                with ir.InsertionPoint(self._b):
                    loaded = ir.Operation.create(
                        "util.global.load", results=[kind],
                        attributes={"global": ir.FlatSymbolRefAttr.get(symbol.value)}).result
                    value = self._from_builtin(initializer, loaded)
            self.globals.append(initializer.name)
            return value

        def _literal(self, initializer, weight):
            kind = self._builtin_type(initializer)
            raw = numpy.ascontiguousarray(weight.array()).view(numpy.uint8).reshape(-1)
            with self._c, ir.Location.name(initializer.name), ir.InsertionPoint(self._b):
                attribute = ir.DenseResourceElementsAttr.get_from_buffer(
                    raw, f"weight_{len(self.globals)}", kind)
                self.globals.append(initializer.name)
                constant = ir.Operation.create("arith.constant", results=[kind],
                                               attributes={"value": attribute}).result
                return self._from_builtin(initializer, constant)

        @property
        def globals(self):
            return self.__dict__.setdefault("_globals", [])

    return ir, onnx_importer, GraphImporter


def _declare_function(ir, module, text: str | None) -> None:
    if text is None:
        return
    for operation in module.regions[0].blocks[0].operations:
        if operation.operation.name == "func.func":
            with module.context:
                operation.attributes["iree.reflection"] = ir.DictAttr.get(
                    {"iree.abi.declaration": ir.StringAttr.get(text)})


def _write(module, output: pathlib.Path, heavy: bool) -> None:
    """Text that people can read, or bytecode where weights would make it long."""
    if heavy:
        with output.open("wb") as file:
            module.write_bytecode(file)
    else:
        with output.open("w", encoding="utf-8") as file:
            file.write(module.get_asm(assume_verified=True))
            file.write("\n")


def _archive(model: onnx_model.Model, output: pathlib.Path, options: Options) -> pathlib.Path | None:
    """Where weights go; None: into the MLIR."""
    if options.parameters:
        return options.parameters
    total = sum(weight.size for weight in model.weights.values())
    if options.inline_weights or total <= INLINE_BYTES:
        return None
    model.notes.append(f"{total >> 20} MB of weights are written apart; --inline-weights keeps them "
                       "in the module")
    return output.with_suffix(".irpa")


def run(model: onnx_model.Model, output: pathlib.Path, options: Options) -> Imported:
    ir, onnx_importer, graph_importer = _importer()
    onnx_model.prepare(model, options)
    rewrite.run(model)
    archive = _archive(model, output, options)
    info = onnx_importer.ModelInfo(model.proto)
    module = info.create_module(context=ir.Context()).operation
    function = options.function or model.proto.graph.name or "main_graph"
    try:
        importer = graph_importer.start(info.main_graph, module, model.weights,
                                        options.parameter_scope if archive else None, function)
        _declare_function(ir, module, declaration(info.main_graph, function, options.demote_f64))
        importer.import_all()
        module.verify()
    except (onnx_importer.OnnxImportError, ir.MLIRError, KeyError, AssertionError) as error:
        raise Refusal(f"{type(error).__name__}: {error}") from None
    _write(module, output, bool(model.weights) and archive is None)
    if archive:
        write_parameters(archive, [(name, model.weights[name].array())
                                   for name in importer.globals])
    return Imported(output, "onnx", "onnx", parameters=archive,
                    parameter_scope=options.parameter_scope if archive else "", notes=model.notes)
