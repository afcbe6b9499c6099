"""Small functions of elements."""
from __future__ import annotations

import math

import numpy

from .graph import Graph, attributes, optional_input, rewrites


def _like(graph: Graph, value: float, like: str) -> str:
    return graph.add("CastLike", graph.constant(value, numpy.float32), like)


@rewrites("Swish")
def swish(graph: Graph, node):
    x = node.input[0]
    alpha = attributes(node).get("alpha", 1.0)
    scaled = x if alpha == 1.0 else graph.add("Mul", x, _like(graph, alpha, x))
    return [graph.add("Mul", x, graph.add("Sigmoid", scaled))]


@rewrites("Gelu")
def gelu(graph: Graph, node):
    """The form by tanh; the compiler's own is off by 5e-5."""
    if attributes(node).get("approximate", b"none") != b"tanh":
        return None
    x = node.input[0]

    def scaled(value: str, factor: float) -> str:
        return graph.add("Mul", value, _like(graph, factor, x))

    cube = scaled(graph.add("Mul", graph.add("Mul", x, x), x), 0.044715)
    slope = graph.add("Tanh", scaled(graph.add("Add", x, cube), math.sqrt(2 / math.pi)))
    return [graph.add("Mul", scaled(x, 0.5), graph.add("Add", slope, _like(graph, 1, x)))]


@rewrites("LpNormalization")
def lp_normalization(graph: Graph, node):
    """What has no length stays as it is."""
    options = attributes(node)
    x = node.input[0]
    axis = options.get("axis", -1)
    if options.get("p", 2) == 1:
        length = graph.add("Abs", x)
    else:
        length = graph.add("Mul", x, x)
    if graph.opset < 13:
        return None
    length = graph.add("ReduceSum", length, graph.constant([axis], numpy.int64), keepdims=1)
    if options.get("p", 2) != 1:
        length = graph.add("Sqrt", length)
    none = graph.add("Equal", length, _like(graph, 0, x))
    return [graph.add("Div", x, graph.add("Where", none, _like(graph, 1, x), length))]


@rewrites("Dropout")
def dropout(graph: Graph, node):
    """Nothing is dropped at a ratio of zero, or outside of training."""
    training = optional_input(node, 2)
    if training is None and graph.opset >= 12:
        return None
    ratio = optional_input(node, 1)
    values = graph.values(ratio) if ratio else None
    mode = graph.values(training) if training else None
    if (values is None or values.reshape(-1)[0] != 0) and (mode is None or mode.reshape(-1)[0]):
        return None
    x = node.input[0]
    kept = graph.add("Expand", graph.constant(True), graph.add("Shape", x))
    return [graph.add("Identity", x), kept][:len(node.output)]


@rewrites("PRelu")
def prelu(graph: Graph, node):
    """The slopes of the channels on the axis that they belong to."""
    shape, slopes = graph.shape(node.input[0]), graph.static_shape(node.input[1])
    if shape is None or slopes is None:
        return None
    x, slope = node.input
    if graph.opset < 7 and len(slopes) == 1 and len(shape) > 2:
        form = [1] * len(shape)
        form[1] = slopes[0]
        slope = graph.add("Reshape", slope, graph.constant(form[1:], numpy.int64))
    positive = graph.add("Less", x, _like(graph, 0, x))
    return [graph.add("Where", positive, graph.add("Mul", x, slope), x)]


@rewrites("SwiGLU")
def swiglu(graph: Graph, node):
    gate, x = node.input[:2]
    alpha = attributes(node).get("alpha", 1.0)
    scaled = gate if alpha == 1.0 else graph.add("Mul", gate, _like(graph, alpha, gate))
    return [graph.add("Mul", graph.add("Mul", gate, graph.add("Sigmoid", scaled)), x)]


@rewrites("Binarizer", domain="ai.onnx.ml")
def binarizer(graph: Graph, node):
    x = node.input[0]
    threshold = _like(graph, attributes(node).get("threshold", 0.0), x)
    return [graph.add("CastLike", graph.add("Greater", x, threshold), x)]


@rewrites("ArrayFeatureExtractor", domain="ai.onnx.ml")
def feature_extractor(graph: Graph, node):
    shape, places = graph.shape(node.input[0]), graph.static_shape(node.input[1])
    if not shape or places is None:
        return None
    flat = graph.add("Reshape", node.input[1], graph.constant([-1], numpy.int64))
    result = graph.add("Gather", node.input[0], flat, axis=len(shape) - 1)
    if len(shape) == 1:
        result = graph.add("Unsqueeze", result, graph.constant([0], numpy.int64))
    return [result]
