"""Resize in the forms that do not lower: each axis is a product with a matrix of weights."""
from __future__ import annotations

import numpy
from onnx import TensorProto

from .graph import Graph, attributes, optional_input, rewrites
from .symbol import Symbol, cubic, linear

_HARD_MODES = {"tf_crop_and_resize", "half_pixel_symmetric"}


def _text(options, name: str, default: str) -> str:
    return options.get(name, default.encode()).decode()


@rewrites("Resize")
def resize(graph: Graph, node):
    shape, result = graph.static_shape(node.input[0]), graph.static_shape(node.output[0])
    if shape is None or result is None or len(node.input) < 3 or 0 in shape or 0 in result:
        return None
    options = attributes(node)
    factors = _factors(graph, node, options, shape, result)
    if factors is None or not _is_hard(options, factors):
        return None
    roi = optional_input(node, 1)
    kind = graph.element(node.input[0])
    value = node.input[0]
    if kind != TensorProto.FLOAT:
        value = graph.add("Cast", value, to=TensorProto.FLOAT)
    outside = None
    for number, (axis, factor) in enumerate(factors):
        if shape[axis] == result[axis] and not isinstance(factor, Symbol) and factor == 1 and \
                _text(options, "coordinate_transformation_mode", "half_pixel") != \
                "tf_crop_and_resize":
            continue
        bounds = _bounds(graph, roi, number, len(factors))
        places = _places(graph, options, factor, shape[axis], result[axis], bounds)
        value = _along(graph, value, options, places, factor, axis, shape, result)
        if _text(options, "coordinate_transformation_mode", "") == "tf_crop_and_resize":
            form = [1] * len(shape)
            form[axis] = result[axis]
            beyond = graph.add("Reshape", graph.add("Not", places.where(0, shape[axis] - 1)),
                               graph.constant(form, numpy.int64))
            outside = beyond if outside is None else graph.add("Or", outside, beyond)
    if outside is not None:
        filler = graph.constant(options.get("extrapolation_value", 0.0), numpy.float32)
        value = graph.add("Where", outside, filler, value)
    if kind != TensorProto.FLOAT:
        value = graph.add("Cast", value, to=kind)
    return [value]


def _is_hard(options, factors) -> bool:
    return bool(options.get("antialias", 0) or options.get("exclude_outside", 0) or
                _text(options, "mode", "nearest") == "cubic" or "axes" in options or
                "keep_aspect_ratio_policy" in options or
                _text(options, "coordinate_transformation_mode", "") in _HARD_MODES or
                any(isinstance(factor, Symbol) for _, factor in factors))


def _factors(graph: Graph, node, options, shape, result):
    """(axis, scale) of each axis that is resized; a scale told late is a Symbol."""
    axes = [axis % len(shape) for axis in options.get("axes", range(len(shape)))]
    scales, sizes = optional_input(node, 2), optional_input(node, 3)
    if scales and graph.static_shape(scales) != [0]:
        known = graph.values(scales)
        if known is not None:
            return [(axis, float(scale)) for axis, scale in zip(axes, known)]
        return [(axis, Symbol(graph, graph.add("Gather", scales,
                                               graph.constant(number, numpy.int64))))
                for number, axis in enumerate(axes)]
    if not sizes:
        return None
    policy = _text(options, "keep_aspect_ratio_policy", "stretch")
    ratios = [result[axis] / shape[axis] for axis in axes]
    if policy == "stretch":
        return list(zip(axes, ratios))
    known = graph.values(sizes)
    if known is not None:
        exact = [int(size) / shape[axis] for size, axis in zip(known, axes)]
        scale = min(exact) if policy == "not_larger" else max(exact)
        return [(axis, scale) for axis in axes]
    asked = graph.add("Div", graph.add("Cast", sizes, to=TensorProto.FLOAT),
                      graph.constant([shape[axis] for axis in axes], numpy.float32))
    operator = "ReduceMin" if policy == "not_larger" else "ReduceMax"
    scale = Symbol(graph, graph.add(operator, asked, graph.constant([0], numpy.int64), keepdims=0))
    return [(axis, scale) for axis in axes]


def _bounds(graph: Graph, roi: str | None, number: int, count: int):
    if roi is None or graph.static_shape(roi) == [0]:
        return 0.0, 1.0
    known = graph.values(roi)
    if known is not None:
        return float(known[number]), float(known[number + count])
    as_float = graph.add("Cast", roi, to=TensorProto.FLOAT)
    return tuple(Symbol(graph, graph.add("Gather", as_float, graph.constant(at, numpy.int64)))
                 for at in (number, number + count))


def _places(graph: Graph, options, scale, size: int, count: int, bounds) -> Symbol:
    """Where each element of the result lies along an axis of the input."""
    mode = _text(options, "coordinate_transformation_mode", "half_pixel")
    slope, start = 1 / scale, 0.0
    width = scale * size
    single = width == 1 if not isinstance(width, Symbol) else count == 1
    if mode == "align_corners":
        slope = 0.0 if single else (size - 1) / (width - 1)
    elif mode == "tf_crop_and_resize":
        span = (bounds[1] - bounds[0]) * (size - 1)
        slope = 0.0 if single else span / (width - 1)
        start = bounds[0] * (size - 1)
        if single:
            start = start + span / 2
    elif mode == "pytorch_half_pixel" and single:
        slope, start = 0.0, -0.5
    elif mode != "asymmetric":
        start = 0.5 * slope - 0.5
        if mode == "half_pixel_symmetric":
            start = start + size / 2 * (1 - count / width)
    steps = numpy.arange(count, dtype=numpy.float64)
    if isinstance(slope, Symbol) or isinstance(start, Symbol):
        return Symbol(graph, graph.constant(steps, numpy.float32)) * slope + start
    return Symbol(graph, graph.constant(steps * slope + start, numpy.float32))


def _along(graph: Graph, value, options, places: Symbol, scale, axis, shape, result) -> str:
    size, count = shape[axis], result[axis]
    mode = _text(options, "mode", "nearest")
    if mode == "nearest":
        how = _text(options, "nearest_mode", "round_prefer_floor")
        index = {"round_prefer_floor": lambda: places.make("Ceil", places - 0.5),
                 "round_prefer_ceil": lambda: (places + 0.5).floor(),
                 "floor": places.floor, "ceil": lambda: places.make("Ceil", places)}[how]()
        return graph.add("Gather", value, index.clip(0.0, float(size - 1)).integers(), axis=axis)
    matrix = _weights(graph, options, places, scale, size, count)
    # The axis comes last, is multiplied, and goes back.
    order = list(range(len(shape)))
    order[axis], order[-1] = order[-1], order[axis]
    turned = graph.add("Transpose", value, perm=order)
    product = graph.add("MatMul", turned, graph.add("Transpose", matrix.name, perm=[1, 0]))
    return graph.add("Transpose", product, perm=order)


def _weights(graph: Graph, options, places: Symbol, scale, size: int, count: int) -> Symbol:
    """What each element of the input counts for each of the result."""
    smooth = options.get("antialias", 0)
    mode = _text(options, "mode", "nearest")
    reach = 2 if mode == "cubic" else 1
    beyond = int(reach * (size / count + 1)) + 2 if smooth else reach
    only_inside = options.get("exclude_outside", 0)
    extent = numpy.arange(size) if only_inside else numpy.arange(-beyond, size + beyond)
    column = Symbol(graph, graph.add("Reshape", places.name,
                                     graph.constant([count, 1], numpy.int64)))
    distance = column - extent.astype(numpy.float32).reshape(1, -1)
    if smooth:
        distance = distance * (scale.make("Min", scale, 1.0) if isinstance(scale, Symbol)
                               else min(scale, 1.0))
    kernel = cubic(distance, options.get("cubic_coeff_a", -0.75)) if mode == "cubic" \
        else linear(distance)
    if smooth or only_inside:
        kernel = kernel / Symbol(graph, graph.add(
            "ReduceSum", kernel.name, graph.constant([1], numpy.int64), keepdims=1))
    if only_inside:
        return kernel
    # What lies outside counts for the border.
    border = numpy.zeros((len(extent), size), numpy.float32)
    border[numpy.arange(len(extent)), numpy.clip(extent, 0, size - 1)] = 1
    return Symbol(graph, graph.add("MatMul", kernel.name, graph.constant(border)))
