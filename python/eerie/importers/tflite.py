"""TFLite files: through TOSA, with the converter of Arm, which needs no TensorFlow."""
from __future__ import annotations

import pathlib

from . import mlir_module, tools
from .route import Imported, Options, Refusal, Route
from .source import Source, SourceError

_MARK = b"TFL3"  # at byte 4: the identifier of the flatbuffer's schema


def _check(source: Source, options: Options) -> None:
    with source.path.open("rb") as file:
        head = file.read(8)
    if head[4:] != _MARK:
        raise SourceError(f"{source.path}: not a TFLite file: its identifier is {head[4:]!r}, "
                          f"expected {_MARK!r}")
    if options.dims:
        raise SourceError(f"{source.path}: no dimension '{next(iter(options.dims))}'; the dimensions "
                          "of TFLite files have no names")
    if options.parameters:
        raise SourceError(f"{source.path}: --parameters: the weights of TFLite files have no names that "
                          "could be told apart; they stay in the module")


def _operations(block):
    for operation in block:
        yield operation.operation
        for region in operation.operation.regions:
            for inner in region:
                yield from _operations(inner)


def _tensor(ir, kind):
    """(shape, element) of a tensor type, as declarations have them."""
    tensor = ir.RankedTensorType(kind)
    shape = [None if tensor.is_dynamic_dim(index) else tensor.get_dim_size(index)
             for index in range(tensor.rank)]
    return shape, str(tensor.element_type)


def _names(attributes, count: int) -> list[str]:
    """Names of arguments or results, as TensorFlow left them on each."""
    names = [""] * count
    for index, entry in enumerate(attributes or ()):
        if "tf_saved_model.index_path" in entry:
            path = list(entry["tf_saved_model.index_path"])
            names[index] = path[-1].value if path else ""
    return names


def _tidy(ir, function, name: str) -> None:
    """TensorFlow's marks become a declaration of ours."""
    attributes = function.operation.attributes
    kind = function.type
    inputs = _names(attributes["arg_attrs"] if "arg_attrs" in attributes else None,
                    len(kind.inputs))
    outputs = _names(attributes["res_attrs"] if "res_attrs" in attributes else None,
                     len(kind.results))
    for mark in ("arg_attrs", "res_attrs", "tf.entry_function", "tf_saved_model.exported_names"):
        if mark in attributes:
            del attributes[mark]
    attributes["sym_name"] = ir.StringAttr.get(name)
    mlir_module.declare(function.operation, mlir_module.declaration(
        name, [(text, *_tensor(ir, value)) for text, value in zip(inputs, kind.inputs)],
        [(text, *_tensor(ir, value)) for text, value in zip(outputs, kind.results)]))


def import_tflite(source: Source, output: pathlib.Path, options: Options) -> Imported:
    _check(source, options)
    # As text this dialect changes between releases; its bytecode does not.
    try:
        tools.run("tosa-converter-for-tflite", ["--bytecode", str(source.path), "-o", str(output)],
                  "tosa-converter-for-tflite", "tflite")
    except Refusal as refusal:
        if "parse flatbuffer" in str(refusal):
            raise SourceError(f"{source.path}: a TFLite file that is damaged or cut off") from None
        raise
    ir = mlir_module.compiler_ir()
    with ir.Context() as context, ir.Location.unknown():
        context.allow_unregistered_dialects = True
        try:
            module = ir.Module.parse(output.read_bytes())
        except ir.MLIRError as error:
            raise Refusal(f"what the converter wrote is not read: {error}") from None
        names = {operation.name for operation in _operations(module.body)}
        if "tosa.while_loop" in names:
            raise Refusal("operator tosa.while_loop, the steps of an LSTM, a GRU or a loop, does not "
                          "lower; export the model with its steps unrolled, or as ONNX")
        foreign = sorted(name for name in names if name.startswith("tfl."))
        if foreign:
            raise Refusal(f"operator {foreign[0]} does not become TOSA")
        functions = [operation for operation in module.body
                     if operation.operation.name == "func.func"]
        if len(functions) == 1:
            _tidy(ir, functions[0], options.function or functions[0].name.value)
        with output.open("wb") as file:
            module.operation.write_bytecode(file)
    return Imported(output, "tosa", "tosa")


def routes(kind: str) -> list[Route]:
    del kind
    return [Route("tosa", import_tflite)]
