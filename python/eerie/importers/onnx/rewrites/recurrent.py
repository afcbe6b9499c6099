"""Recurrent layers where the compiler has no form for them: GRU and RNN backwards and where the batch
is told only at run time, LSTM backwards alone.
"""
from __future__ import annotations

import numpy
import onnx

from .graph import Graph, attributes, optional_input, rewrites

# Unrolled layers have at most this many steps.
_MOST_STEPS = 512
_GATES = {"GRU": 3, "RNN": 1}
_ACTIVATIONS = {b"sigmoid": "Sigmoid", b"tanh": "Tanh", b"relu": "Relu", b"softsign": "Softsign",
                b"softplus": "Softplus"}
_DEFAULT = {"GRU": [b"Sigmoid", b"Tanh"], "RNN": [b"Tanh"]}


class _Direction:
    """One direction of a layer: its weights, and how it goes from a state to the next."""

    def __init__(self, graph: Graph, node, index: int, options, functions: list[str]):
        self.graph, self.kind = graph, node.op_type
        self.functions = functions
        self.linear_first = bool(options.get("linear_before_reset"))
        self.hidden = options["hidden_size"]
        self._index = index
        self.input_weights = self._transposed(node.input[1])
        self.state_weights = self._transposed(node.input[2])
        self.biases = self._biases(optional_input(node, 3))

    def _slice(self, x: str, first: int, last: int, axis: int) -> str:
        return self.graph.add("Slice", x, *(self.graph.constant([number], numpy.int64)
                                            for number in (first, last, axis)))

    def _mine(self, x: str) -> str:
        return self.graph.add("Gather", x, self.graph.constant(self._index, numpy.int64), axis=0)

    def _transposed(self, weights: str) -> list[str]:
        """Of each gate, to multiply by from the right."""
        whole = self.graph.add("Transpose", self._mine(weights), perm=[1, 0])
        return [self._slice(whole, gate * self.hidden, (gate + 1) * self.hidden, 1)
                for gate in range(_GATES[self.kind])]

    def _biases(self, name: str | None) -> list[str]:
        """Of the input for each gate, then of the state."""
        count = 2 * _GATES[self.kind]
        if name is None:
            zeros = self.graph.constant(numpy.zeros(self.hidden, numpy.float32))
            return [zeros] * count
        whole = self._mine(name)
        return [self._slice(whole, part * self.hidden, (part + 1) * self.hidden, 0)
                for part in range(count)]

    def _of_input(self, x: str, gate: int) -> str:
        return self.graph.add("Add", self.graph.add("MatMul", x, self.input_weights[gate]),
                              self.biases[gate])

    def _of_state(self, state: str, gate: int) -> str:
        return self.graph.add("Add", self.graph.add("MatMul", state, self.state_weights[gate]),
                              self.biases[_GATES[self.kind] + gate])

    def _gate(self, x: str, state: str, gate: int, function: str) -> str:
        return self.graph.add(function, self.graph.add("Add", self._of_input(x, gate),
                                                       self._of_state(state, gate)))

    def step(self, x: str, state: str) -> str:
        add = self.graph.add
        if self.kind == "RNN":
            return self._gate(x, state, 0, self.functions[0])
        update = self._gate(x, state, 0, self.functions[0])
        reset = self._gate(x, state, 1, self.functions[0])
        if self.linear_first:
            old = add("Mul", reset, self._of_state(state, 2))
        else:
            old = self._of_state(add("Mul", reset, state), 2)
        new = add(self.functions[1], add("Add", self._of_input(x, 2), old))
        # (1 - update) * new + update * state
        return add("Add", new, add("Mul", update, add("Sub", state, new)))


def _first_states(graph: Graph, node, directions: int, hidden: int) -> list[str]:
    given = optional_input(node, 5)
    if given:
        return [graph.add("Gather", given, graph.constant(index, numpy.int64), axis=0)
                for index in range(directions)]
    batch = graph.add("Slice", graph.add("Shape", node.input[0]), graph.constant([1], numpy.int64),
                      graph.constant([2], numpy.int64))
    size = graph.add("Concat", batch, graph.constant([hidden], numpy.int64), axis=0)
    zeros = graph.add("Expand", graph.constant(numpy.zeros((1, 1), numpy.float32)), size)
    return [zeros] * directions


def _functions(node, options, directions: int) -> list[list[str]] | None:
    """Of each direction, the operators; None where one takes numbers of its own or is not known."""
    names = options.get("activations") or _DEFAULT[node.op_type] * directions
    operators = [_ACTIVATIONS.get(name.lower()) for name in names]
    each = len(_DEFAULT[node.op_type])
    if None in operators or len(operators) != each * directions or \
            "activation_alpha" in options or "activation_beta" in options:
        return None
    return [operators[index * each:(index + 1) * each] for index in range(directions)]


def _join(graph: Graph, parts: list[str], axis: int) -> str:
    where = graph.constant([axis], numpy.int64)
    parts = [graph.add("Unsqueeze", part, where) for part in parts]
    return parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=axis)


@rewrites("GRU", "RNN")
def recurrent(graph: Graph, node):
    options = attributes(node)
    shape = graph.shape(node.input[0])
    direction = options.get("direction", b"forward")
    if shape is None or len(shape) != 3 or shape[0] is None or \
            not 0 < shape[0] <= _MOST_STEPS or graph.opset < 13:
        return None
    if shape[1] is not None and direction == b"forward":
        return None
    if graph.element(node.input[0]) != onnx.TensorProto.FLOAT or optional_input(node, 4) or \
            "clip" in options or options.get("layout") or "hidden_size" not in options:
        return None
    directions = 2 if direction == b"bidirectional" else 1
    functions = _functions(node, options, directions)
    if functions is None:
        return None
    steps = [graph.add("Gather", node.input[0], graph.constant(index, numpy.int64), axis=0)
             for index in range(shape[0])]
    rows, last = [], []
    for index, state in enumerate(_first_states(graph, node, directions, options["hidden_size"])):
        layer = _Direction(graph, node, index, options, functions[index])
        backwards = direction == b"reverse" or index == 1
        states = []
        for x in reversed(steps) if backwards else steps:
            state = layer.step(x, state)
            states.append(state)
        rows.append(_join(graph, states[::-1] if backwards else states, 0))
        last.append(state)
    return [_join(graph, rows, 1), _join(graph, last, 0)][:len(node.output)]


@rewrites("LSTM")
def backwards(graph: Graph, node):
    """Forwards over the steps in the opposite order; peepholes and lengths stay where they are."""
    options = attributes(node)
    shape = graph.shape(node.input[0])
    if options.get("direction") != b"reverse" or options.get("layout") or not shape or \
            shape[0] is None or optional_input(node, 4):
        return None
    order = graph.constant(numpy.arange(shape[0])[::-1], numpy.int64)
    turned = graph.add("Gather", node.input[0], order, axis=0)
    del options["direction"]
    rows, *last = graph.add_many("LSTM", len(node.output), turned, *node.input[1:], **options)
    return [graph.add("Gather", rows, order, axis=0), *last]
