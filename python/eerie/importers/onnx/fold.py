"""Constants computed now: operators that look at values (axes, shapes) then see them.

Only small results are kept; weights are left to the compiler, which folds them too.
"""
from __future__ import annotations

import numpy
import onnx
from onnx import helper, numpy_helper

from . import model as onnx_model

# Elements of a result that is worth keeping: shapes, axes, small tables.
_MOST = 1024
# Operators whose value is not a function of their inputs, or that bring graphs of their own.
_NEVER = {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial",
          "Bernoulli", "Dropout", "If", "Loop", "Scan"}
# Operators whose results may be larger than their inputs.
_GROWING = {"ConstantOfShape", "Expand", "Tile", "Range"}


def _constant(name: str, array: numpy.ndarray) -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array, name))


def _shapes(model: onnx_model.Model) -> dict[str, list[int]]:
    """Static shapes of the values that have them."""
    graph = model.proto.graph
    shapes = {}
    for value in (*graph.input, *graph.value_info, *graph.output):
        tensor = value.type.tensor_type
        if not value.type.HasField("tensor_type") or not tensor.HasField("shape"):
            continue
        dims = [dim.dim_value if dim.HasField("dim_value") else None for dim in tensor.shape.dim]
        if None not in dims:
            shapes[value.name] = dims
    for initializer in graph.initializer:
        shapes[initializer.name] = list(initializer.dims)
    return shapes


def _evaluate(node: onnx.NodeProto, inputs: list[numpy.ndarray], opsets) -> list | None:
    from onnx.reference import ReferenceEvaluator  # takes longer to load than most models need
    graph = helper.make_graph(
        [node], "fold",
        [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype),
                                       array.shape)
         for name, array in dict(zip(node.input, inputs)).items() if name],
        [helper.make_tensor_value_info(name, onnx.TensorProto.UNDEFINED, None)
         for name in node.output if name])
    try:
        evaluator = ReferenceEvaluator(helper.make_model(graph, opset_imports=opsets))
        return evaluator.run(None, dict(zip(node.input, inputs)))
    except Exception:  # what the reference does not know is simply not folded
        return None


def run(model: onnx_model.Model) -> bool:
    """Replaces nodes of the main graph whose results are known by constants; whether any were."""
    graph = model.proto.graph
    shapes = _shapes(model)
    known: dict[str, numpy.ndarray] = {}
    for initializer in graph.initializer:
        if initializer.name not in model.weights:
            known[initializer.name] = numpy_helper.to_array(initializer)
    changed = False
    results = {value.name for value in graph.output}
    nodes = list(graph.node)
    del graph.node[:]
    for node in nodes:
        folded = _fold(node, known, shapes, model.proto.opset_import)
        outputs = [name for name in node.output if name]
        if folded is None or results.intersection(outputs):
            graph.node.append(node)
            if folded is None:
                continue
        changed = changed or node.op_type != "Constant"
        for name, array in zip(outputs, folded):
            known[name] = array
            if not results.intersection(outputs):
                graph.node.append(_constant(name, array))
    return changed


def _is_small(node, known, shapes) -> bool:
    """Whether a result that may be larger than its inputs is worth computing."""
    expected = shapes.get(node.output[0])
    if expected is not None:
        return numpy.prod(expected, dtype=numpy.int64) <= _MOST
    if node.op_type == "Range":
        start, limit, delta = (float(known[name].reshape(-1)[0]) for name in node.input)
        return delta != 0 and abs((limit - start) / delta) <= _MOST
    if node.op_type == "ConstantOfShape":
        return numpy.prod(known[node.input[0]], dtype=numpy.int64) <= _MOST
    return False


def _fold(node, known, shapes, opsets) -> list[numpy.ndarray] | None:
    if node.domain not in ("", "ai.onnx"):
        return None
    options = {attribute.name: helper.get_attribute_value(attribute)
               for attribute in node.attribute}
    if node.op_type == "Constant" and "value" in options:
        array = numpy_helper.to_array(options["value"])
        return [array] if array.size <= _MOST else None
    if node.op_type in ("Shape", "Size") and node.input[0] in shapes:
        shape = numpy.array(shapes[node.input[0]], numpy.int64)
        if node.op_type == "Size":
            return [numpy.array(shape.prod(), numpy.int64)]
        return [shape[options.get("start", 0):options.get("end", len(shape))]]
    if node.op_type in _NEVER or any(name and name not in known for name in node.input):
        return None
    if any(attribute.type == onnx.AttributeProto.GRAPH for attribute in node.attribute):
        return None
    if node.op_type in _GROWING and not _is_small(node, known, shapes):
        return None
    found = _evaluate(node, [known[name] if name else None for name in node.input], opsets)
    if found is None or any(not isinstance(array, numpy.ndarray | numpy.generic) or
                            numpy.asarray(array).size > _MOST or
                            numpy.asarray(array).dtype == object for array in found):
        return None
    return [numpy.asarray(array) for array in found]
