"""One step of the optimisers that ONNX has operators for."""
from __future__ import annotations

import numpy

from .graph import Graph, attributes, rewrites

_TRAINING = "ai.onnx.preview.training"


def _scalar(graph: Graph, value: float, like: str) -> str:
    return graph.add("CastLike", graph.constant(value, numpy.float32), like)


def _regularized(graph: Graph, gradient: str, x: str, norm: float) -> str:
    if norm == 0:
        return gradient
    return graph.add("Add", gradient, graph.add("Mul", _scalar(graph, norm, x), x))


def _split(node, kinds: int) -> list[list[str]]:
    """The inputs after rate and step: `kinds` groups of as many tensors as are optimised."""
    rest = list(node.input[2:])
    count = len(rest) // kinds
    return [rest[kind * count:(kind + 1) * count] for kind in range(kinds)]


@rewrites("Momentum", domain=_TRAINING)
def momentum(graph: Graph, node):
    options = attributes(node)
    alpha, norm = options["alpha"], options.get("norm_coefficient", 0.0)
    nesterov = options.get("mode", b"standard") == b"nesterov"
    rate, step = node.input[:2]
    values, speeds = [], []
    first = graph.add("Equal", step, graph.constant(0, numpy.int64))
    for x, gradient, v in zip(*_split(node, 3)):
        one = _scalar(graph, 1.0, x)
        beta = graph.add("Where", first, one, _scalar(graph, options["beta"], x))
        g = _regularized(graph, gradient, x, norm)
        a = _scalar(graph, alpha, x)
        speed = graph.add("Add", graph.add("Mul", a, v), graph.add("Mul", beta, g))
        move = graph.add("Add", g, graph.add("Mul", a, speed)) if nesterov else speed
        values.append(graph.add("Sub", x, graph.add("Mul", rate, move)))
        speeds.append(speed)
    return values + speeds


@rewrites("Adagrad", domain=_TRAINING)
def adagrad(graph: Graph, node):
    options = attributes(node)
    rate, step = node.input[:2]
    values, sums = [], []
    for x, gradient, h in zip(*_split(node, 3)):
        decayed = graph.add(
            "Add", _scalar(graph, 1.0, x),
            graph.add("Mul", graph.add("CastLike", step, x),
                      _scalar(graph, options.get("decay_factor", 0.0), x)))
        r = graph.add("Div", rate, decayed)
        g = _regularized(graph, gradient, x, options.get("norm_coefficient", 0.0))
        total = graph.add("Add", h, graph.add("Mul", g, g))
        scale = graph.add("Add", graph.add("Sqrt", total),
                          _scalar(graph, options.get("epsilon", 1e-6), x))
        values.append(graph.add("Sub", x, graph.add("Div", graph.add("Mul", r, g), scale)))
        sums.append(total)
    return values + sums


@rewrites("Adam", domain=_TRAINING)
def adam(graph: Graph, node):
    options = attributes(node)
    alpha, beta = options.get("alpha", 0.9), options.get("beta", 0.999)
    rate, step = node.input[:2]
    values, means, squares = [], [], []
    for x, gradient, v, h in zip(*_split(node, 4)):
        one = _scalar(graph, 1.0, x)
        g = _regularized(graph, gradient, x, options.get("norm_coefficient", 0.0))
        a, b = _scalar(graph, alpha, x), _scalar(graph, beta, x)
        mean = graph.add("Add", graph.add("Mul", a, v),
                         graph.add("Mul", graph.add("Sub", one, a), g))
        square = graph.add("Add", graph.add("Mul", b, h),
                           graph.add("Mul", graph.add("Sub", one, b), graph.add("Mul", g, g)))
        scale = graph.add("Add", graph.add("Sqrt", square),
                          _scalar(graph, options.get("epsilon", 1e-6), x))
        t = graph.add("CastLike", step, x)
        corrected = graph.add(
            "Mul", rate,
            graph.add("Div", graph.add("Sqrt", graph.add("Sub", one, graph.add("Pow", b, t))),
                      graph.add("Sub", one, graph.add("Pow", a, t))))
        chosen = graph.add("Where", graph.add("Greater", step, graph.constant(0, numpy.int64)),
                           corrected, rate)
        moved = graph.add("Sub", x, graph.add("Div", graph.add("Mul", chosen, mean), scale))
        post = options.get("norm_coefficient_post", 0.0)
        values.append(graph.add("Mul", _scalar(graph, 1.0 - post, x), moved) if post else moved)
        means.append(mean)
        squares.append(square)
    return values + means + squares
