"""Loops whose number of rounds is known are unrolled, and branches are chosen or both computed."""
from __future__ import annotations

import numpy
import onnx

from .graph import Graph, attributes, optional_input, rewrites

# Unrolled loops become at most this many nodes.
_MOST_NODES = 20000


def _slice(graph: Graph, x: str, index: int, axis: int) -> str:
    return graph.add("Gather", x, graph.constant(index, numpy.int64), axis=axis)


def _stack(graph: Graph, parts: list[str], axis: int) -> str:
    where = graph.constant([axis], numpy.int64)
    rows = [graph.add("Unsqueeze", part, where) for part in parts]
    return rows[0] if len(rows) == 1 else graph.add("Concat", *rows, axis=axis)


def _fits(body: onnx.GraphProto, rounds: int) -> bool:
    return 0 < rounds and rounds * len(body.node) <= _MOST_NODES


@rewrites("If")
def branch(graph: Graph, node):
    options = attributes(node)
    condition = graph.values(node.input[0])
    if condition is not None:
        name = "then_branch" if condition.reshape(-1)[0] else "else_branch"
        return graph.inline(options[name], [])
    # Both are computed: that takes results of one shape.
    branches = [options["then_branch"], options["else_branch"]]
    for one, other in zip(*(body.output for body in branches)):
        types = [value.type.tensor_type for value in (one, other)]
        if not all(value.type.HasField("tensor_type") for value in (one, other)) or \
                any(not kind.HasField("shape") for kind in types) or \
                types[0].SerializeToString() != types[1].SerializeToString() or \
                any(not dim.HasField("dim_value") for dim in types[0].shape.dim):
            return None
    results = [graph.inline(body, []) for body in branches]
    return [graph.add("Where", node.input[0], *pair) for pair in zip(*results)]


def _goes_on(body: onnx.GraphProto) -> bool:
    """Whether the condition that a loop's body computes is always true."""
    name, passed = body.output[0].name, body.input[1].name
    makers = {output: node for node in body.node for output in node.output}
    while name in makers and makers[name].op_type == "Identity":
        name = makers[name].input[0]
    if name == passed:
        return True
    maker = makers.get(name)
    if maker is not None and maker.op_type == "Constant":
        return bool(onnx.numpy_helper.to_array(maker.attribute[0].t).reshape(-1)[0])
    for initializer in body.initializer:
        if initializer.name == name:
            return bool(onnx.numpy_helper.to_array(initializer).reshape(-1)[0])
    return False


def _rounds(graph: Graph, node, states: int) -> int | None:
    """How often a loop's body runs: told by its input, or by how many rows it makes."""
    trips = optional_input(node, 0)
    known = graph.values(trips) if trips else None
    if known is not None:
        return int(known.reshape(-1)[0])
    for name in node.output[states:]:
        shape = graph.shape(name)
        if shape and shape[0] is not None:
            return shape[0]
    return None


def _decisive(body: onnx.GraphProto, states: int) -> tuple[list, set[int]]:
    """The nodes of a loop's body that its condition follows from, round after round, and which of its
    states do."""
    makers = {output: node for node in body.node for output in node.output}
    places = {value.name: index for index, value in enumerate(body.input[2:2 + states])}
    needed, kept = {body.output[0].name}, set()
    waiting = list(needed)
    while waiting:
        name = waiting.pop()
        more = list(makers[name].input) if name in makers else []
        if name in places:
            kept.add(places[name])
            more = [body.output[1 + places[name]].name]
        for other in more:
            if other and other not in needed:
                needed.add(other)
                waiting.append(other)
    return [node for node in body.node if needed.intersection(node.output)], kept


def _counted(graph: Graph, node, body: onnx.GraphProto, states: int) -> int | None:
    """How often a loop runs whose condition follows from numbers that are known now; None: it does
    not, or too often to be unrolled."""
    from onnx.reference import ReferenceEvaluator
    nodes, kept = _decisive(body, states)
    if any(attribute.type == onnx.AttributeProto.GRAPH for child in nodes
           for attribute in child.attribute):
        return None
    order = sorted(kept)
    start = [graph.values(node.input[2 + index]) for index in order]
    own = {value.name: onnx.numpy_helper.to_array(value) for value in body.initializer}
    own.update((value.name, None) for value in body.input)
    made = {output for child in nodes for output in child.output}
    outside = {name: graph.values(name) for child in nodes for name in child.input
               if name and name not in made and name not in own}
    if any(value is None for value in (*start, *outside.values())):
        return None
    inputs = [body.input[0].name, body.input[1].name, *(body.input[2 + i].name for i in order)]
    outputs = [body.output[0].name, *(body.output[1 + i].name for i in order)]
    constants = {**outside, **{name: value for name, value in own.items() if value is not None}}
    open_type = onnx.TensorProto.UNDEFINED
    whole = onnx.helper.make_graph(
        nodes, "condition",
        [onnx.helper.make_tensor_value_info(name, open_type, None) for name in inputs],
        [onnx.helper.make_tensor_value_info(name, open_type, None) for name in outputs],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()])
    trips = optional_input(node, 0)
    limit = graph.values(trips) if trips else None
    if trips and limit is None:
        return None
    most = _MOST_NODES // max(len(body.node), 1) + 1
    most = most if limit is None else min(most, int(limit.reshape(-1)[0]))
    try:
        evaluator = ReferenceEvaluator(onnx.helper.make_model(
            whole, opset_imports=graph.model.proto.opset_import))
        values = start
        for index in range(most):
            going, *values = evaluator.run(None, dict(zip(
                inputs, [numpy.array(index), numpy.array(True), *values])))
            if not numpy.asarray(going).reshape(-1)[0]:
                return index + 1
    except Exception:  # what the evaluator does not know is not counted
        return None
    return most


@rewrites("Loop")
def loop(graph: Graph, node):
    body = attributes(node)["body"]
    start = optional_input(node, 1)
    if start is not None and graph.values(start) is not None:
        if not graph.values(start).reshape(-1)[0]:
            return None
    state = list(node.input[2:])
    if _goes_on(body):
        rounds = _rounds(graph, node, len(state))
    elif start is None or graph.values(start) is not None:
        rounds = _counted(graph, node, body, len(state))
    else:
        rounds = None
    if rounds is None or not _fits(body, rounds):
        return None
    condition = start or graph.constant(True)
    rows: list[list[str]] = [[] for _ in body.output[1 + len(state):]]
    for index in range(rounds):
        results = graph.inline(body, [graph.constant(index, numpy.int64), condition, *state])
        state = results[1:1 + len(state)]
        for row, result in zip(rows, results[1 + len(state):]):
            row.append(result)
    return state + [_stack(graph, row, 0) for row in rows]


@rewrites("Scan")
def scan(graph: Graph, node):
    options = attributes(node)
    body, count = options["body"], options["num_scan_inputs"]
    if graph.opset < 9:
        return None
    states = len(node.input) - count
    state, scanned = list(node.input[:states]), list(node.input[states:])
    shapes = [graph.shape(name) for name in scanned]
    if any(shape is None for shape in shapes):
        return None
    axes = [axis % len(shape) for axis, shape in
            zip(options.get("scan_input_axes", [0] * count), shapes)]
    rounds = shapes[0][axes[0]]
    if rounds is None or not _fits(body, rounds):
        return None
    backwards = options.get("scan_input_directions", [0] * count)
    made = len(body.output) - states
    rows: list[list[str]] = [[] for _ in range(made)]
    for index in range(rounds):
        parts = [_slice(graph, name, rounds - 1 - index if back else index, axis)
                 for name, axis, back in zip(scanned, axes, backwards)]
        results = graph.inline(body, [*state, *parts])
        state = results[:states]
        for row, result in zip(rows, results[states:]):
            row.append(result)
    turned = options.get("scan_output_directions", [0] * made)
    stacked = [_stack(graph, row[::-1] if turn else row, axis) for row, axis, turn in
               zip(rows, options.get("scan_output_axes", [0] * made), turned)]
    return state + stacked
