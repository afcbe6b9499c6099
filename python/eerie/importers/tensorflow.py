"""TensorFlow: SavedModel folders and Keras files.

Routes: `tf2onnx`, which keeps dynamic batches and takes LSTMs, then `savedmodel`, which takes
transformers of fixed shape.
"""
from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile

from . import lowering, mlir_module, tools
from .route import Imported, MissingPackage, Options, Refusal, Route
from .source import Source, SourceError


def _fixed_batch(options: Options) -> int | None:
    wanted = options.dims.get("batch")
    return wanted.fixed if wanted is not None else None


def _signature(keras, model, options: Options):
    """What inputs are exported as, where the sizes of all are told; Keras forgets that of the batch."""
    batch = _fixed_batch(options)

    def spec(tensor):
        first, *rest = tensor.shape
        return keras.InputSpec(shape=(batch if first is None else first, *rest), dtype=tensor.dtype,
                               name=tensor.name)
    try:
        specs = keras.tree.map_structure(spec, model.input)
    except (AttributeError, ValueError):  # a model without inputs of its own
        return None
    if any(one.shape[0] is None for one in keras.tree.flatten(specs)):
        return None
    return [specs]


@contextlib.contextmanager
def _saved_model(source: Source, options: Options):
    """The folder of a SavedModel, the source itself or what Keras makes of it; and the options that
    are left to be done."""
    if source.kind == "saved_model":
        yield source.path, options
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import keras
        import tensorflow  # noqa: F401  keras works on other frameworks too
    except ImportError:
        raise MissingPackage("tensorflow-cpu", "tf") from None
    with tempfile.TemporaryDirectory() as folder:
        try:
            model = keras.models.load_model(str(source.path), compile=False)
            signature = _signature(keras, model, options)
            more = {} if signature is None else {"input_signature": signature}
            model.export(folder, verbose=False, **more)
        except Exception as error:  # of HDF5, JSON, layers that are not known
            raise SourceError(f"{source.path}: not a Keras model that this Keras loads: "
                              f"{type(error).__name__}: {error}") from None
        if signature is not None and any(tensor.shape[0] is None for tensor in model.inputs):
            left = {name: dim for name, dim in options.dims.items() if name != "batch"}
            options = dataclasses.replace(options, dims=left)
        yield pathlib.Path(folder), options


def _without_erfc(path: pathlib.Path) -> None:
    """tf2onnx leaves Erfc as it is, which is no operator of ONNX; it is 1 - Erf."""
    import numpy
    import onnx
    from onnx import helper, numpy_helper
    proto = onnx.load(str(path))
    nodes = list(proto.graph.node)
    if all(node.op_type != "Erfc" for node in nodes):
        return
    del proto.graph.node[:]
    proto.graph.initializer.append(
        numpy_helper.from_array(numpy.ones((), numpy.float32), "eerie/one"))
    for node in nodes:
        if node.op_type != "Erfc":
            proto.graph.node.append(node)
            continue
        middle = f"{node.output[0]}/erf"
        proto.graph.node.append(helper.make_node("Erf", node.input, [middle], name=middle))
        proto.graph.node.append(helper.make_node("Sub", ["eerie/one", middle], node.output,
                                                 name=node.name))
    del proto.graph.value_info[:]  # what follows Erfc has no types in it
    onnx.save(proto, str(path))


def _name_batch(path: pathlib.Path) -> None:
    """The open first dimension of inputs is called `batch`, so that --dim can tell its size."""
    import onnx
    proto = onnx.load(str(path))
    for value in proto.graph.input:
        dims = value.type.tensor_type.shape.dim
        if dims and not dims[0].HasField("dim_value"):
            dims[0].dim_param = "batch"
    onnx.save(proto, str(path))


def _check_sizes(path: pathlib.Path, options: Options) -> None:
    """Refusal where sizes meet that need not be the same, which the compiler gets wrong."""
    import onnx

    from .onnx import sizes
    proto = onnx.load(str(path))
    dims = [dim for value in proto.graph.input for dim in value.type.tensor_type.shape.dim]
    if all(dim.HasField("dim_value") for dim in dims):
        return  # all others follow from those
    for dim in dims:
        wanted = options.dims.get(dim.dim_param) if dim.dim_param else None
        if wanted is not None and wanted.fixed is not None:
            return
    found = sizes.meetings(onnx.shape_inference.infer_shapes(proto, data_prop=True))
    if found:
        node = found[0].node
        raise Refusal(f"sizes in {node.name or node.op_type} are told only at run time, and the "
                      "compiler cannot tell which are 1; give the batch a size with --dim batch=SIZE")


def _to_onnx(folder: pathlib.Path, path: pathlib.Path, options: Options) -> None:
    command = [sys.executable, "-m", "tf2onnx.convert", "--saved-model", str(folder), "--output",
               str(path), "--opset", str(options.opset or 18)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not path.exists():
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise Refusal(f"tf2onnx: {lines[-1] if lines else 'it failed without a word'}")


def by_onnx(source: Source, output: pathlib.Path, options: Options) -> Imported:
    from .onnx import import_onnx
    if importlib.util.find_spec("tf2onnx") is None:
        raise MissingPackage("tf2onnx", "tf")
    if importlib.util.find_spec("tensorflow") is None:
        raise MissingPackage("tensorflow-cpu", "tf")
    with _saved_model(source, options) as (folder, options), \
            tempfile.TemporaryDirectory() as scratch:
        path = pathlib.Path(scratch) / "model.onnx"
        _to_onnx(folder, path, options)
        _without_erfc(path)
        _name_batch(path)
        _check_sizes(path, options)
        imported = import_onnx(Source(path, "onnx"), output, options)
    lowering.require(output, imported.input_type)
    imported.route = "tf2onnx"
    return imported


def _exported(folder: pathlib.Path) -> str:
    """The function of a SavedModel: Keras calls it `serve`."""
    try:
        import tensorflow
        loaded = tensorflow.saved_model.load(str(folder))
    except ImportError:
        raise MissingPackage("tensorflow-cpu", "tf") from None
    except Exception as error:  # of protocol buffers, checkpoints, operators
        raise SourceError(f"{folder}: not a SavedModel: {type(error).__name__}: {error}") from None
    names = [name for name in dir(loaded) if not name.startswith("_") and
             getattr(getattr(loaded, name, None), "concrete_functions", None)]
    if "serve" in names:
        return "serve"
    if len(names) != 1:
        raise Refusal(f"the SavedModel has the functions {', '.join(names) or 'none'}; "
                      "--function tells which")
    return names[0]


def _keep_only(path: pathlib.Path, name: str) -> None:
    """Variables are none of the module's interface, nor functions that read and write them."""
    ir = mlir_module.compiler_ir()
    with ir.Context() as context, ir.Location.unknown():
        context.allow_unregistered_dialects = True
        try:
            module = ir.Module.parse(path.read_bytes())
        except ir.MLIRError as error:
            raise Refusal(f"what iree-import-tf wrote is not read: {error}") from None
        for operation in module.body:
            attributes = operation.operation.attributes
            if "sym_name" in attributes and ir.StringAttr(attributes["sym_name"]).value != name:
                attributes["sym_visibility"] = ir.StringAttr.get("private")
        with path.open("wb") as file:
            module.operation.write_bytecode(file)


def by_saved_model(source: Source, output: pathlib.Path, options: Options) -> Imported:
    if options.parameters:
        raise Refusal("weights stay in the module on this route; leave --parameters out")
    with _saved_model(source, options) as (folder, options):
        name = options.function or _exported(folder)
        tools.run("iree-import-tf", ["--tf-import-type=savedmodel_v2",
                                     f"--tf-savedmodel-exported-names={name}", str(folder), "-o",
                                     str(output)], "iree-tools-tf", "tf")
    _keep_only(output, name)
    lowering.require(output, "stablehlo")
    return Imported(output, "stablehlo", "savedmodel")


def routes(kind: str) -> list[Route]:
    del kind
    return [Route("tf2onnx", by_onnx), Route("savedmodel", by_saved_model)]
