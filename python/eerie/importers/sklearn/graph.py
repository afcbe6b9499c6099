"""The ONNX graph that estimators are written into, and who writes which."""
from __future__ import annotations

import typing

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..route import Refusal

OPSET = 18
_IR_VERSION = 9
_IN = "input"
_BATCH = "batch"


class Graph:
    """Nodes and weights, in the order of their making. Values are known by their names."""

    def __init__(self):
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.notes: list[str] = []

    def add(self, operator: str, *inputs: str, **attributes) -> str:
        return self.add_many(operator, 1, *inputs, **attributes)[0]

    def add_many(self, operator: str, count: int, *inputs: str, **attributes) -> list[str]:
        outputs = [f"{operator}_{len(self.nodes)}_{index}" for index in range(count)]
        self.nodes.append(helper.make_node(operator, list(inputs), outputs, name=outputs[0],
                                           **attributes))
        return outputs

    def floats(self, values, name: str = "weight") -> str:
        return self._weight(numpy.asarray(values, dtype=numpy.float32), name)

    def ints(self, values, name: str = "index") -> str:
        return self._weight(numpy.asarray(values, dtype=numpy.int64), name)

    def truths(self, values, name: str = "mask") -> str:
        return self._weight(numpy.asarray(values, dtype=bool), name)

    def _weight(self, array: numpy.ndarray, name: str) -> str:
        name = f"{name}_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(numpy.ascontiguousarray(array), name))
        return name

    # ---- What many need ----------------------------------------------------------------------------

    def affine(self, x: str, matrix, offset) -> str:
        """x @ matrix + offset, the matrix being [features, outputs]."""
        product = self.add("MatMul", x, self.floats(matrix, "coefficients"))
        return self.add("Add", product, self.floats(numpy.atleast_1d(offset), "intercepts"))

    def sum(self, x: str, axis: int, keep: bool = False) -> str:
        return self.add("ReduceSum", x, self.ints([axis]), keepdims=int(keep))

    def flatten(self, x: str) -> str:
        """[n, 1] as [n]."""
        return self.add("Squeeze", x, self.ints([1]))

    def columns(self, x: str, positions) -> str:
        return self.add("Gather", x, self.ints(positions), axis=1)

    def two_classes(self, positive: str) -> str:
        """Probabilities of both classes from those of the second, [n, 1]."""
        negative = self.add("Sub", self.floats([[1.0]]), positive)
        return self.add("Concat", negative, positive, axis=1)

    def normalized(self, x: str) -> str:
        """Rows that add up to one; rows of zeros are even."""
        total = self.sum(x, 1, keep=True)
        empty = self.add("Equal", total, self.floats([[0.0]]))
        ones = self.add("Add", self.add("Mul", x, self.floats([[0.0]])), self.floats([[1.0]]))
        x = self.add("Where", empty, ones, x)
        return self.add("Div", x, self.sum(x, 1, keep=True))


class Classified(typing.NamedTuple):
    """What a classifier says: [n] positions of classes, and [n, classes] or [n] of scores."""

    positions: str
    scores: str
    name: str  # "probabilities" or "scores"


Converter = typing.Callable[[Graph, typing.Any, str], "str | Classified"]
_transforms: dict[str, Converter] = {}
_models: dict[str, Converter] = {}


def transforms(*names: str) -> typing.Callable[[Converter], Converter]:
    """Registers a function as `transform` of classes of scikit-learn."""
    return _register(_transforms, names)


def predicts(*names: str) -> typing.Callable[[Converter], Converter]:
    """Registers a function as `predict` of classes: it gives Classified, or a regressor's values."""
    return _register(_models, names)


def _register(table, names):
    def register(function):
        for name in names:
            table[name] = function
        return function
    return register


def _find(table, estimator) -> Converter | None:
    kind = type(estimator)
    return table.get(kind.__name__) if kind.__module__.startswith("sklearn.") else None


def transform(graph: Graph, estimator, x: str) -> str:
    """Writes what `estimator.transform` does; the name of its result."""
    if estimator is None or (isinstance(estimator, str) and estimator == "passthrough"):
        return x
    converter = _find(_transforms, estimator)
    if converter is None:
        raise Refusal(f"{type(estimator).__name__} is none of the transformers that are converted: "
                      f"{', '.join(sorted(_transforms))}")
    return converter(graph, estimator, x)


def predict(graph: Graph, estimator, x: str) -> str | Classified:
    converter = _find(_models, estimator)
    if converter is None:
        raise Refusal(f"{type(estimator).__name__} is none of the estimators that are converted: "
                      f"{', '.join(sorted(_models))}")
    return converter(graph, estimator, x)


def is_model(estimator) -> bool:
    """Whether it is something with `predict`, and not a transformer alone."""
    if type(estimator).__name__ == "Pipeline":
        last = estimator.steps[-1][1]
        return not isinstance(last, str) and last is not None and is_model(last)
    return hasattr(type(estimator), "predict") or _find(_models, estimator) is not None


# ---- Classes -----------------------------------------------------------------------------------

def classes_of(estimator) -> numpy.ndarray:
    classes = estimator.classes_
    if isinstance(classes, list):
        raise Refusal(f"{type(estimator).__name__} with several outputs a row is not converted")
    return numpy.asarray(classes)


def best(graph: Graph, scores: str, name: str) -> Classified:
    """The class with the highest of [n, classes]."""
    return Classified(graph.add("ArgMax", scores, axis=1, keepdims=0), scores, name)


def best_of_two(graph: Graph, score: str) -> Classified:
    """The second class where the score [n, 1] is positive."""
    positive = graph.add("Greater", score, graph.floats([[0.0]]))
    positions = graph.flatten(graph.add("Cast", positive, to=TensorProto.INT64))
    return Classified(positions, graph.flatten(score), "scores")


def _labels(graph: Graph, estimator, positions: str) -> str:
    classes = classes_of(estimator)
    if classes.dtype.kind in "iub":
        if numpy.array_equal(classes, numpy.arange(len(classes))):
            return positions
        return graph.add("Gather", graph.ints(classes.astype(numpy.int64)), positions, axis=0)
    names = ", ".join(f"{index} {value}" for index, value in enumerate(classes[:20]))
    graph.notes.append(f"labels are positions among the classes: {names}"
                       f"{', ...' if len(classes) > 20 else ''}")
    return positions


# ---- The model ---------------------------------------------------------------------------------

def _result(graph: Graph, name: str, made: str) -> onnx.ValueInfoProto:
    """A result of the function; what type it has follows from what makes it."""
    graph.nodes.append(helper.make_node("Identity", [made], [name], name=name))
    return onnx.ValueInfoProto(name=name)


def convert(estimator, function: str | None) -> tuple[onnx.ModelProto, list[str]]:
    graph = Graph()
    features = int(estimator.n_features_in_)
    name = "predict"
    if not is_model(estimator):
        name = "transform"
        outputs = [_result(graph, "transformed", transform(graph, estimator, _IN))]
    else:
        made = predict(graph, estimator, _IN)
        if isinstance(made, Classified):
            outputs = [_result(graph, "label", _labels(graph, estimator, made.positions)),
                       _result(graph, made.name, made.scores)]
        else:
            outputs = [_result(graph, "prediction", made)]
    inputs = [helper.make_tensor_value_info(_IN, TensorProto.FLOAT, [_BATCH, features])]
    proto = helper.make_model(
        helper.make_graph(graph.nodes, function or name, inputs, outputs, graph.weights),
        opset_imports=[helper.make_opsetid("", OPSET)], ir_version=_IR_VERSION)
    return onnx.shape_inference.infer_shapes(proto, strict_mode=True, data_prop=True), graph.notes
