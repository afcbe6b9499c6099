"""An ONNX model with its weights apart from its graph.

Shape inference and rewriting then work on kilobytes, whatever the model weighs. A weight is a name
and a way to its bytes; small ones stay in the graph, because operators look at their values.
"""
from __future__ import annotations

import dataclasses
import pathlib
import typing

import numpy
import onnx
from onnx import TensorProto, external_data_helper, numpy_helper, version_converter

from .. import depends
from ..route import Dim, Options, Refusal
from ..source import SourceError

# Initialisers up to this size stay in the graph: shapes, axes, scalars.
SMALL_BYTES = 1024
# What takes floats as weights and does not look at their values before the model runs: where an archive
# is asked for, small ones go there as well, so that all can be swapped.
_WEIGHED = {"Add", "Attention", "BatchNormalization", "Concat", "Conv", "ConvTranspose", "Div", "Einsum",
            "Gather", "Gemm", "GroupNormalization", "GRU", "Identity", "InstanceNormalization",
            "LayerNormalization", "LSTM", "MatMul", "Mul", "PRelu", "RMSNormalization", "RNN", "Sub",
            "Transpose"}
_FLOATS = {TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16}
# Below this opset some operators (BatchNormalization, Softmax) have forms that do not lower.
LEAST_OPSET = 17
# What nodes are written in that a rewrite makes for a model without an opset of its own.
NEW_OPSET = 20

# Types whose elements are stored a byte or more each, so that their bytes are what a module expects.
_WHOLE_BYTES = {
    TensorProto.FLOAT: 4, TensorProto.DOUBLE: 8, TensorProto.FLOAT16: 2, TensorProto.BFLOAT16: 2,
    TensorProto.INT8: 1, TensorProto.INT16: 2, TensorProto.INT32: 4, TensorProto.INT64: 8,
    TensorProto.UINT8: 1, TensorProto.UINT16: 2, TensorProto.UINT32: 4, TensorProto.UINT64: 8,
    TensorProto.FLOAT8E4M3FN: 1, TensorProto.FLOAT8E4M3FNUZ: 1, TensorProto.FLOAT8E5M2: 1,
    TensorProto.FLOAT8E5M2FNUZ: 1,
}


@dataclasses.dataclass
class Weight:
    """An initialiser that was taken out of the graph."""

    tensor: onnx.TensorProto  # with its bytes, or with where they are
    folder: pathlib.Path  # that external data is relative to

    @property
    def size(self) -> int:
        count = 1
        for dim in self.tensor.dims:
            count *= dim
        return count * _WHOLE_BYTES[self.tensor.data_type]

    def array(self) -> numpy.ndarray:
        """The elements; of a file beside the model they are mapped, not read."""
        if self.tensor.data_location != TensorProto.EXTERNAL:
            return numpy_helper.to_array(self.tensor)
        info = external_data_helper.ExternalDataInfo(self.tensor)
        path = (self.folder / info.location).resolve()
        if self.folder.resolve() not in path.parents:
            raise SourceError(f"weight '{self.tensor.name}' lies in {info.location}, outside of the "
                              "model's folder")
        try:
            raw = numpy.memmap(path, dtype=numpy.uint8, mode="r", offset=info.offset or 0,
                               shape=(info.length or self.size,))
        except (OSError, ValueError) as error:
            raise SourceError(f"weight '{self.tensor.name}': {path}: {error}") from None
        if raw.size != self.size:
            raise SourceError(f"weight '{self.tensor.name}': {path} gives {raw.size} bytes, its shape "
                              f"takes {self.size}")
        return raw


@dataclasses.dataclass
class Model:
    path: pathlib.Path
    proto: onnx.ModelProto  # without the bytes of `weights`
    weights: dict[str, Weight]
    notes: list[str]
    every: bool = False  # small weights are apart too
    # Nodes that a rewrite found to be such as nothing lowers to, and why.
    refused: list[tuple[onnx.NodeProto, str]] = dataclasses.field(default_factory=list)

    def refuse(self, node: onnx.NodeProto, why: str) -> None:
        """A refusal of a rewrite is kept, once for a node, so that all are told at once."""
        if all(node.output != other.output for other, _ in self.refused):
            self.refused.append((node, why))

    @property
    def opset(self) -> int:
        for entry in self.proto.opset_import:
            if entry.domain in ("", "ai.onnx"):
                return entry.version
        return 0

    def values(self, name: str) -> numpy.ndarray | None:
        """The elements of an initialiser or constant of the main graph, or None."""
        if name in self.weights:
            weight = self.weights[name]
            array = weight.array()
            if weight.tensor.data_location == TensorProto.EXTERNAL:
                dtype = onnx.helper.tensor_dtype_to_np_dtype(weight.tensor.data_type)
                array = array.view(dtype).reshape(weight.tensor.dims)
            return array
        for initializer in self.proto.graph.initializer:
            if initializer.name == name:
                return numpy_helper.to_array(initializer)
        for node in self.proto.graph.node:
            if node.op_type == "Constant" and node.output[0] == name:
                for attribute in node.attribute:
                    if attribute.name == "value":
                        return numpy_helper.to_array(attribute.t)
        return None


def _load_beside(tensor: TensorProto, folder: pathlib.Path) -> None:
    where = external_data_helper.ExternalDataInfo(tensor).location
    depends.add(folder / where)
    try:
        external_data_helper.load_external_data_for_tensor(tensor, str(folder))
    except Exception as error:  # of the checker, of the operating system, of NumPy
        raise SourceError(f"weight '{tensor.name}' in {where}: {first_line(error)}") from None


def _small_weights(graph: onnx.GraphProto) -> set[str]:
    """Names of initialisers that are weights whatever their size."""
    names = {value.name for value in graph.initializer if value.data_type in _FLOATS and value.dims}
    for node in graph.node:
        if node.op_type not in _WEIGHED:
            names.difference_update(node.input)
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:  # it may look at any name outside
                for child in attribute.g.node:
                    names.difference_update(child.input)
    return names.difference(value.name for value in graph.output)


def _detach(proto: onnx.ModelProto, folder: pathlib.Path, every: bool) -> dict[str, Weight]:
    """Takes the bytes of large initialisers out of the graph, leaving their names and types; with
    `every` those of all weights."""
    weights = {}
    small = _small_weights(proto.graph) if every else set()
    initializers = list(proto.graph.initializer)
    del proto.graph.initializer[:]  # the messages live on in the list: no copies of their bytes
    for initializer in initializers:
        size = _WHOLE_BYTES.get(initializer.data_type, 0)
        for dim in initializer.dims:
            size *= dim
        external = initializer.data_location == TensorProto.EXTERNAL
        if size > SMALL_BYTES or size and initializer.name in small:
            weights[initializer.name] = Weight(initializer, folder)
            empty = TensorProto(name=initializer.name, data_type=initializer.data_type,
                                dims=initializer.dims, data_location=TensorProto.EXTERNAL)
            empty.external_data.add(key="location", value="apart")
            initializer = empty
        elif external:
            _load_beside(initializer, folder)
        proto.graph.initializer.append(initializer)
    return weights


def load(path: pathlib.Path, every: bool = False) -> Model:
    """Loads a model, with `every` all its weights apart. SourceError: it is none."""
    try:
        proto = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # protobuf has a class of its own in each of its implementations
        raise SourceError(f"{path}: not an ONNX model: {error}") from None
    if not proto.graph.node and not proto.graph.output:
        raise SourceError(f"{path}: not an ONNX model: it has no graph")
    weights = _detach(proto, path.resolve().parent, every)
    return Model(path, proto, weights, [], every)


def validate(path: pathlib.Path) -> None:
    """SourceError: what is written there breaks a rule of ONNX."""
    try:
        onnx.checker.check_model(str(path))
    except Exception as error:  # as above
        raise SourceError(f"{path}: not a valid ONNX model: {first_line(error)}") from None


# ---- Opsets ------------------------------------------------------------------------------------

def convert_opset(model: Model, wanted: int | None) -> None:
    """Brings old models to an opset whose operators lower; `wanted` names another."""
    target = wanted or LEAST_OPSET
    opset = model.opset
    if opset == 0 or (opset >= target if wanted is None else opset == target):
        return
    newest = onnx.defs.onnx_opset_version()
    if target > newest:
        raise SourceError(f"opset {target}: the installed onnx knows them up to {newest}")
    if opset > newest:
        raise SourceError(f"{model.path}: opset {opset}; the installed onnx knows them up to {newest}")
    try:
        converted = version_converter.convert_version(_whole(model), target)
    except Exception as error:  # what the converter cannot do comes as a RuntimeError of many kinds
        if wanted is not None:
            raise SourceError(f"{model.path}: opset {opset} does not convert to {target}: "
                              f"{first_line(error)}") from None
        model.notes.append(f"opset {opset} did not convert to {target} and stays as it is: "
                           f"{first_line(error)}")
        return
    model.notes.append(f"opset {opset} converted to {target}")
    model.proto = converted
    model.weights = _detach(converted, model.path.resolve().parent, model.every)


def _whole(model: Model) -> onnx.ModelProto:
    """The model with its weights inside, for tools that want them there."""
    whole = onnx.ModelProto()
    whole.CopyFrom(model.proto)
    whole.ir_version = max(whole.ir_version, 4)  # before that, weights had to be inputs too
    for initializer in whole.graph.initializer:
        if initializer.name in model.weights:
            weight = model.weights[initializer.name]
            raw = numpy.ascontiguousarray(weight.array()).tobytes()
            initializer.CopyFrom(TensorProto(name=initializer.name, raw_data=raw,
                                             data_type=weight.tensor.data_type,
                                             dims=weight.tensor.dims))
    return whole


def first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


# ---- Ranges ------------------------------------------------------------------------------------

def _check_tensor(path: pathlib.Path, what: str, kind: int, dims: typing.Iterable[int]) -> None:
    if kind not in TensorProto.DataType.values() or kind == TensorProto.UNDEFINED:
        raise SourceError(f"{path}: {what} has elements of type {kind}, which is none that ONNX "
                          f"{onnx.__version__} knows")
    if any(size < 0 for size in dims):
        raise SourceError(f"{path}: {what} has the sizes {list(dims)}, expected none below 0")


def check_ranges(model: Model) -> None:
    """SourceError: an opset, an element type or a size that cannot be. Refusal: strings."""
    newest = onnx.defs.onnx_opset_version()
    if not 0 <= model.opset <= newest:
        raise SourceError(f"{model.path}: opset {model.opset}; the installed onnx knows them from 1 up "
                          f"to {newest}")
    graph = model.proto.graph
    for side, values in (("input", graph.input), ("output", graph.output)):
        for value in values:
            if not value.type.HasField("tensor_type"):
                continue
            tensor, what = value.type.tensor_type, f"{side} '{value.name}'"
            if side == "output" and tensor.elem_type == TensorProto.UNDEFINED:
                continue  # it is inferred
            _check_tensor(model.path, what, tensor.elem_type,
                          [dim.dim_value for dim in tensor.shape.dim])
            if tensor.elem_type == TensorProto.STRING:
                raise Refusal(f"{what} is of strings; modules have numbers alone")
    for initializer in graph.initializer:
        _check_tensor(model.path, f"initializer '{initializer.name}'", initializer.data_type,
                      initializer.dims)


# ---- Dimensions --------------------------------------------------------------------------------

def apply_dims(model: Model, dims: dict[str, Dim]) -> None:
    """Gives named dimensions their sizes. SourceError: a name that the model does not have."""
    names: set[str] = set()

    def visit(values: typing.Iterable[onnx.ValueInfoProto]) -> None:
        for value in values:
            for dim in value.type.tensor_type.shape.dim:
                if not dim.dim_param:
                    continue
                names.add(dim.dim_param)
                wanted = dims.get(dim.dim_param)
                if wanted is not None and wanted.fixed is not None:
                    dim.dim_value = wanted.fixed

    graph = model.proto.graph
    visit(graph.input)
    visit(graph.output)
    visit(graph.value_info)
    unknown = sorted(set(dims) - names)
    if unknown:
        there = ", ".join(sorted(names)) or "none"
        raise SourceError(f"{model.path}: no dimension '{unknown[0]}'; named dimensions: {there}")
    for name, dim in dims.items():
        if dim.fixed is None and dim.most is not None:
            model.notes.append(f"dimension {name} stays dynamic; sizes outside of {dim.least} to "
                               f"{dim.most} are not refused by the module")


# An operator of our own: the same bits as elements of another type (attribute `to`) of that size.
BITS_DOMAIN = "eerie"
# Operators whose result has the shape of their only input.
_SHAPE_KEEPING = {"Abs", "Cast", "Ceil", "Erf", "Exp", "Floor", "Identity", "Log", "Neg", "Not",
                  "Reciprocal", "Relu", "Round", "Sigmoid", "Sign", "Sqrt", "Tanh"}


def infer_shapes(model: Model) -> None:
    """Fills in the types of values; what cannot be inferred stays open."""
    try:
        model.proto = onnx.shape_inference.infer_shapes(model.proto, data_prop=True)
        while _declare_bits(model) or _infer_backwards(model):
            model.proto = onnx.shape_inference.infer_shapes(model.proto, data_prop=True)
    except Exception as error:  # as above
        model.notes.append(f"shape inference stopped: {first_line(error)}")


def _types(graph: onnx.GraphProto) -> dict[str, onnx.TypeProto]:
    types = {value.name: value.type for value in (*graph.input, *graph.value_info, *graph.output)}
    for initializer in graph.initializer:
        types.setdefault(initializer.name, onnx.helper.make_tensor_type_proto(
            initializer.data_type, initializer.dims))
    return types


def allow_bits(model: Model) -> None:
    """Declares the domain of our own operator."""
    if all(entry.domain != BITS_DOMAIN for entry in model.proto.opset_import):
        model.proto.opset_import.add(domain=BITS_DOMAIN, version=1)


def _declare_bits(model: Model) -> bool:
    """Declares the results of our own operator, which inference does not know."""
    graph = model.proto.graph
    if not any(node.domain == BITS_DOMAIN for node in graph.node):
        return False
    types = _types(graph)
    changed = False
    for node in graph.node:
        source = types.get(node.input[0]) if node.domain == BITS_DOMAIN else None
        if source is None or not source.tensor_type.HasField("shape"):
            continue
        known = types.get(node.output[0])
        if known is None or not known.tensor_type.HasField("shape"):
            declared = graph.value_info.add(name=node.output[0])
            declared.type.CopyFrom(source)
            declared.type.tensor_type.elem_type = onnx.helper.get_node_attr_value(node, "to")
            types[node.output[0]] = declared.type
            changed = True
    return changed


def _infer_backwards(model: Model) -> bool:
    """Shapes of inputs from declared shapes of results, where an operator keeps them."""
    graph = model.proto.graph
    types = _types(graph)
    changed = False
    for node in reversed(graph.node):
        if node.op_type not in _SHAPE_KEEPING or node.domain not in ("", "ai.onnx"):
            continue
        result, source = types.get(node.output[0]), types.get(node.input[0])
        if result is None or source is None or not result.tensor_type.HasField("shape") or \
                not source.HasField("tensor_type") or source.tensor_type.HasField("shape"):
            continue
        source.tensor_type.shape.CopyFrom(result.tensor_type.shape)
        changed = True
    return changed


def prepare(model: Model, options: Options) -> None:
    """All of the above in order, before rewriting."""
    check_ranges(model)
    convert_opset(model, options.opset)
    apply_dims(model, options.dims)
