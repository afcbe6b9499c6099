"""PyTorch: programs of torch.export, and modules out of Python files.

Routes: `fx` imports the exported graph with the importer of the compiler's wheel. Weights keep the
names that state_dict gives them, so that they can be swapped without compiling again; buffers that
the model changes become state of the module. `onnx` goes through torch.onnx.export.
"""
from __future__ import annotations

import pathlib
import tempfile

import numpy

from ..parameters import write_parameters
from . import lowering, mlir_module
from .route import Imported, MissingPackage, Options, Refusal, Route
from .source import Source


def _torch():
    try:
        import torch
    except ImportError:
        raise MissingPackage("torch", "torch") from None
    return torch


def _array(tensor) -> numpy.ndarray:
    """A tensor's bytes, of types that NumPy does not know too."""
    torch = _torch()
    whole = tensor.detach().cpu().contiguous()
    return whole.reshape(-1).view(torch.uint8).numpy()


# ---- The graph importer's hooks ----------------------------------------------------------------

def _hooks(fx_importer, ir, weights: mlir_module.Weights):
    class Hooks(fx_importer.FxImporterHooks):
        """Parameters and buffers as globals, named as in state_dict."""

        def __init__(self):
            self.symbols: dict[str, str] = {}

        def _symbol(self, importer, value, info):
            target = info.input_spec.target
            if target not in self.symbols:
                element = fx_importer.TORCH_DTYPE_TO_MLIR_TYPE[value.dtype]
                with ir.Location.unknown(context=weights._module.context):
                    kind = weights.type_of(value.shape, element())
                self.symbols[target] = weights.define(
                    target, kind, _array(value), mutable=info.store_producer_node is not None)
            return self.symbols[target]

        def resolve_input(self, gni, value, info):
            torch = _torch()
            mutable = info.store_producer_node is not None
            if not isinstance(value, torch.Tensor) or value.dtype == torch.bool or \
                    (value.numel() <= 1 and not mutable):
                return None
            symbol = self._symbol(gni, value, info)
            return ir.Operation.create("torch_c.from_builtin_tensor", results=[info.ir_type],
                                       operands=[weights.load(symbol)]).result

        def store_produced_value(self, gni, py_value, produced_ir_value, info):
            symbol = self._symbol(gni, py_value, info)
            kind = weights._types[symbol]
            builtin = ir.Operation.create("torch_c.to_builtin_tensor", results=[kind],
                                          operands=[produced_ir_value]).result
            weights.store(symbol, builtin)

    return Hooks()


_ELEMENTS = {
    "bool": "i1", "int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64", "uint8": "ui8",
    "float16": "f16", "bfloat16": "bf16", "float32": "f32", "float64": "f64",
    "complex64": "complex<f32>", "complex128": "complex<f64>",
}


def _typed(program, specs, kind, demote_f64: bool):
    """(name, shape, element) of the user's inputs or outputs, or None where one is no tensor."""
    nodes = {node.name: node for node in program.graph.nodes}
    typed = []
    for spec in specs:
        if spec.kind != kind:
            continue
        value = nodes[spec.arg.name].meta.get("val") if hasattr(spec.arg, "name") else None
        if value is None or not hasattr(value, "shape"):
            return None
        element = _ELEMENTS.get(str(value.dtype).removeprefix("torch."))
        if element is None:
            return None
        element = "f32" if element == "f64" and demote_f64 else element
        typed.append((spec.arg.name, [size if isinstance(size, int) else None
                                      for size in value.shape], element))
    return typed


def _declare(module, program, function: str, demote_f64: bool) -> None:
    from torch.export.graph_signature import InputKind, OutputKind
    signature = program.graph_signature
    inputs = _typed(program, signature.input_specs, InputKind.USER_INPUT, demote_f64)
    outputs = _typed(program, signature.output_specs, OutputKind.USER_OUTPUT, demote_f64)
    if inputs is None or outputs is None:
        return
    outputs = [("", shape, element) for _, shape, element in outputs]
    for operation in module.regions[0].blocks[0].operations:
        if operation.operation.name == "func.func" and operation.name.value == function:
            mlir_module.declare(operation.operation,
                                mlir_module.declaration(function, inputs, outputs))


# ---- Routes ------------------------------------------------------------------------------------

def import_program(program, output: pathlib.Path, options: Options) -> Imported:
    """The route `fx`, of a torch.export.ExportedProgram."""
    ir = mlir_module.compiler_ir()
    from iree.compiler.extras import fx_importer
    notes: list[str] = []
    program = program.run_decompositions({})
    total = sum(value.numel() * value.element_size() for value in program.state_dict.values())
    archive = mlir_module.archive_for(total, output, options, notes)
    function = options.function or "main"
    context = ir.Context()
    module = ir.Module.create(ir.Location.unknown(context))
    weights = mlir_module.Weights(module.operation, options.parameter_scope if archive else None)
    importer = fx_importer.FxImporter(module=module, hooks=_hooks(fx_importer, ir, weights))
    try:
        importer.import_program(program, func_name=function)
        _declare(module.operation, program, function, options.demote_f64)
        module.operation.verify()
    except (NotImplementedError, TypeError, ValueError, KeyError, AssertionError,
            ir.MLIRError) as error:
        raise Refusal(f"{type(error).__name__}: {error}") from None
    mlir_module.write(module.operation, output, total > 4096 and archive is None)
    lowering.require(output, "torch")
    if archive:
        write_parameters(archive, weights.entries)
    return Imported(output, "torch", "fx", parameters=archive,
                    parameter_scope=options.parameter_scope if archive else "", notes=notes)


def program_by_onnx(program, output: pathlib.Path, options: Options) -> Imported:
    """The route `onnx`, of a torch.export.ExportedProgram."""
    torch = _torch()
    from .onnx import import_onnx
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.onnx"
        try:
            torch.onnx.export(program, (), str(path), dynamo=True, verbose=False)
        except ImportError:
            raise MissingPackage("onnxscript", "torch") from None
        except Exception as error:  # every pass of the exporter has exceptions of its own
            raise Refusal(f"torch.onnx.export: {_last_line(error)}") from None
        imported = import_onnx(Source(path, "onnx"), output, options)
    imported.route = "onnx"
    return imported


def _last_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__


def _first_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0].strip()}" if lines else type(error).__name__


def _load(source: Source):
    torch = _torch()
    try:
        return torch.export.load(str(source.path))
    except Exception as error:  # of zip files, JSON, versions
        raise Refusal(f"{source.path} is no program of torch.export: {_last_line(error)}") from None


def routes(kind: str) -> list[Route]:
    del kind
    return [
        Route("fx", lambda source, output, options: import_program(_load(source), output, options)),
        Route("onnx",
              lambda source, output, options: program_by_onnx(_load(source), output, options)),
    ]


def export(module, arguments, options: Options):
    """A module of PyTorch as an exported program; named dimensions of `arguments` stay dynamic."""
    torch = _torch()
    from .inputs import Example
    shapes = []
    symbols: dict[str, object] = {}
    for example in arguments:
        if not isinstance(example, Example):
            shapes.append(None)
            continue
        dims = {}
        for index, name in example.names.items():
            wanted = options.dims.get(name)
            if name not in symbols:
                limits = {}
                if wanted is not None and wanted.most is not None:
                    limits = {"min": max(wanted.least, 1), "max": wanted.most}
                symbols[name] = torch.export.Dim(name, **limits)
            dims[index] = symbols[name]
        shapes.append(dims or None)
    values = tuple(example.torch() if isinstance(example, Example) else example
                   for example in arguments)
    try:
        return torch.export.export(module.eval(), values,
                                   dynamic_shapes=tuple(shapes) if any(shapes) else None)
    except Exception as error:  # what cannot be traced comes as many classes
        raise Refusal(f"torch.export: {_first_line(error)}") from None
