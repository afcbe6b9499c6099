"""From an ONNX graph to MLIR: the compiler's importer, with weights kept out of its way."""
from __future__ import annotations

import pathlib

import onnx

from ...parameters import write_parameters
from .. import mlir_module
from ..route import Imported, MissingPackage, Options, Refusal
from . import model as onnx_model
from . import rewrite, sizes


def load_importer():
    """The importer's module and our class; made when first needed: it is in the compiler's wheel."""
    ir = mlir_module.compiler_ir()
    try:
        from iree.compiler.extras import onnx_importer
    except ImportError:
        raise MissingPackage("iree-base-compiler[onnx]", "onnx") from None

    class GraphImporter(onnx_importer.NodeImporter):
        """Imports a graph; an initialiser whose bytes are apart becomes a global."""

        detached: dict[str, onnx_model.Weight]
        weights: mlir_module.Weights

        @classmethod
        def start(cls, info, module, detached, weights, function):
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
                       module_op=module, module_cache=onnx_importer.ModuleCache(module, cache))
            self.detached = detached
            self.weights = weights
            for name, argument in zip(info.input_map, block.arguments):
                self._nv_map[name] = argument
            self._populate_graph_attrs(operation)
            return self

        def import_initializer(self, initializer, extern_name=None):
            detached = self.detached.get(initializer.name)
            if detached is None:
                return super().import_initializer(initializer, extern_name)
            kind = self.weights.type_of(initializer.dims,
                                        self._cc.tensor_element_type(initializer.data_type))
            symbol = self.weights.define(initializer.name, kind, detached.array())
            with self._c, ir.Location.name(initializer.name), ir.InsertionPoint(self._b):
                value = ir.Operation.create(
                    "torch_c.from_builtin_tensor",
                    results=[self._cc.tensor_proto_to_type(initializer)],
                    operands=[self.weights.load(symbol)]).result
            self._nv_map[extern_name or initializer.name] = value
            return value

        def _handle_node_Bits(self, node):
            """An operator of ours; an operation of the compiler that ONNX has no name for."""
            if node.domain != onnx_model.BITS_DOMAIN:
                return False
            source = self._nv_map[node.input[0]]
            result = self._gi.find_type_proto_for_name(node.output[0])
            kinds = []
            for proto in (self._gi.find_type_proto_for_name(node.input[0]), result):
                shape = [dim.dim_value if dim.HasField("dim_value")
                         else ir.ShapedType.get_dynamic_size() for dim in proto.tensor_type.shape.dim]
                kinds.append(self.weights.type_of(
                    shape, self._cc.tensor_element_type(proto.tensor_type.elem_type)))
            plain = ir.Operation.create("torch_c.to_builtin_tensor", results=[kinds[0]],
                                        operands=[source]).result
            same = ir.Operation.create("arith.bitcast", results=[kinds[1]], operands=[plain]).result
            self._nv_map[node.output[0]] = ir.Operation.create(
                "torch_c.from_builtin_tensor", results=[self._cc.type_proto_to_type(result)],
                operands=[same]).result
            return True

    return ir, onnx_importer, GraphImporter


# ---- What the module tells of the function -----------------------------------------------------

# Names of element types by ONNX's.
_ELEMENTS = {
    "BOOL": "i1", "INT8": "i8", "INT16": "i16", "INT32": "i32", "INT64": "i64", "UINT8": "ui8",
    "UINT16": "ui16", "UINT32": "ui32", "UINT64": "ui64", "FLOAT16": "f16", "BFLOAT16": "bf16",
    "FLOAT": "f32", "DOUBLE": "f64", "COMPLEX64": "complex<f32>", "COMPLEX128": "complex<f64>",
}


def _typed(values, demote_f64: bool):
    """(name, shape, element) of each value, or None where one is no tensor of such a type."""
    typed = []
    for value in values:
        tensor = value.type.tensor_type
        element = _ELEMENTS.get(onnx.TensorProto.DataType.Name(tensor.elem_type))
        if not value.type.HasField("tensor_type") or element is None or \
                not tensor.HasField("shape"):
            return None
        if element == "f64" and demote_f64:
            element = "f32"  # as the compiler will have it
        typed.append((value.name, [dim.dim_value if dim.HasField("dim_value") else None
                                   for dim in tensor.shape.dim], element))
    return typed


def _declare(module, info, function: str, demote_f64: bool) -> None:
    inputs = _typed(info.input_map.values(), demote_f64)
    outputs = _typed(info.graph_proto.output, demote_f64)
    if inputs is None or outputs is None:
        return
    for operation in module.regions[0].blocks[0].operations:
        if operation.operation.name == "func.func" and operation.name.value == function:
            mlir_module.declare(operation.operation,
                                mlir_module.declaration(function, inputs, outputs))


# ---- The import --------------------------------------------------------------------------------

def run(model: onnx_model.Model, output: pathlib.Path, options: Options) -> Imported:
    ir, onnx_importer, graph_importer = load_importer()
    onnx_model.prepare(model, options)
    rewrite.run(model, options.no_rewrite)
    if model.refused:
        raise Refusal("; ".join(dict.fromkeys(why for _, why in model.refused)))
    for entry in model.proto.opset_import:
        if entry.domain == onnx_model.BITS_DOMAIN:  # it becomes operations of the compiler
            model.proto.opset_import.remove(entry)
            break
    sizes.note(model)
    total = sum(weight.size for weight in model.weights.values())
    archive = mlir_module.archive_for(total, output, options, model.notes)
    info = onnx_importer.ModelInfo(model.proto)
    module = info.create_module(context=ir.Context()).operation
    weights = mlir_module.Weights(module, options.parameter_scope if archive else None)
    function = options.function or model.proto.graph.name or "main_graph"
    try:
        importer = graph_importer.start(info.main_graph, module, model.weights, weights, function)
        importer.import_all()
        _declare(module, info.main_graph, function, options.demote_f64)
        module.verify()
    except (onnx_importer.OnnxImportError, ir.MLIRError, KeyError, AssertionError) as error:
        raise Refusal(f"{type(error).__name__}: {error}") from None
    mlir_module.write(module, output, bool(model.weights) and archive is None)
    if archive:
        write_parameters(archive, weights.entries)
    return Imported(output, "onnx", "onnx", parameters=archive,
                    parameter_scope=options.parameter_scope if archive else "", notes=model.notes)
