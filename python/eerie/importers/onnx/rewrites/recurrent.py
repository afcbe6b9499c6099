"""Recurrent layers where the compiler has no form for them: GRU and RNN backwards and where the batch
is told only at run time, LSTM backwards. Options of LSTM that the compiler takes no notice of are
refused or done here.
"""
from __future__ import annotations

import numpy
import onnx

from ...route import Refusal
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


class _Live:
    """Which sequences of a batch are not over yet; without lengths, all to the end."""

    def __init__(self, graph: Graph, node, steps: int):
        self.graph, self.lengths = graph, _lengths(graph, node, steps)
        self._zero = graph.constant(0, numpy.float32)

    def choose(self, index: int, new: list[str], old: list[str]) -> tuple[str, list[str]]:
        """The row of step `index`, and the states after it; a state is first the row."""
        if self.lengths is None:
            return new[0], new
        add = self.graph.add
        alive = add("Less", self.graph.constant(index, numpy.int32), self.lengths)
        alive = add("Unsqueeze", alive, self.graph.constant([1], numpy.int64))
        return add("Where", alive, new[0], self._zero), [
            add("Where", alive, one, other) for one, other in zip(new, old)]


def _lengths(graph: Graph, node, steps: int | None) -> str | None:
    """The lengths of the sequences, unless they are all whole."""
    name = optional_input(node, 4)
    known = graph.values(name) if name else None
    return None if known is not None and (known == steps).all() else name


@rewrites("GRU", "RNN")
def recurrent(graph: Graph, node):
    options = attributes(node)
    shape = graph.shape(node.input[0])
    direction = options.get("direction", b"forward")
    if shape is None or len(shape) != 3 or shape[0] is None or \
            not 0 < shape[0] <= _MOST_STEPS or graph.opset < 13:
        return None
    lengths = _lengths(graph, node, shape[0])
    if lengths and direction != b"forward":
        raise Refusal(f"{node.op_type} '{node.name}': lengths of sequences do not lower backwards")
    if shape[1] is not None and direction == b"forward" and not lengths:
        return None
    if graph.element(node.input[0]) != onnx.TensorProto.FLOAT or "clip" in options or \
            options.get("layout") or "hidden_size" not in options:
        return None
    directions = 2 if direction == b"bidirectional" else 1
    functions = _functions(node, options, directions)
    if functions is None:
        return None
    steps = [graph.add("Gather", node.input[0], graph.constant(index, numpy.int64), axis=0)
             for index in range(shape[0])]
    live = _Live(graph, node, shape[0])
    rows, last = [], []
    for index, state in enumerate(_first_states(graph, node, directions, options["hidden_size"])):
        layer = _Direction(graph, node, index, options, functions[index])
        backwards = direction == b"reverse" or index == 1
        states = []
        for x in reversed(steps) if backwards else steps:
            row, (state,) = live.choose(len(states), [layer.step(x, state)], [state])
            states.append(row)
        rows.append(_join(graph, states[::-1] if backwards else states, 0))
        last.append(state)
    return [_join(graph, rows, 1), _join(graph, last, 0)][:len(node.output)]


# ---- LSTM --------------------------------------------------------------------------------------

def _is_plain(graph: Graph, node, options, steps: int | None) -> bool:
    """Whether the compiler's own form does all that is asked for."""
    return not optional_input(node, 7) and "clip" not in options and \
        not options.get("input_forget") and not _lengths(graph, node, steps)


class _Cell:
    """One step of an LSTM forwards; gates are input, output, forget, cell."""

    def __init__(self, graph: Graph, node, options):
        self.graph, self.hidden = graph, options["hidden_size"]
        first = graph.constant(0, numpy.int64)

        def mine(x: str) -> str:
            return graph.add("Gather", x, first, axis=0)
        self.input_weights = graph.add("Transpose", mine(node.input[1]), perm=[1, 0])
        self.state_weights = graph.add("Transpose", mine(node.input[2]), perm=[1, 0])
        zeros = graph.constant(numpy.zeros(8 * self.hidden, numpy.float32))
        biases = mine(node.input[3]) if optional_input(node, 3) else zeros
        halves = self._parts(biases, 2, 0, 4 * self.hidden)
        self.biases = graph.add("Add", *halves)
        self.peepholes = None
        if optional_input(node, 7):
            self.peepholes = self._parts(mine(node.input[7]), 3, 0)

    def _parts(self, x: str, count: int, axis: int, size: int | None = None) -> list[str]:
        size = size or self.hidden
        return [self.graph.add("Slice", x, *(self.graph.constant([number], numpy.int64)
                                             for number in (part * size, (part + 1) * size, axis)))
                for part in range(count)]

    def _peep(self, gate: str, place: int, cell: str) -> str:
        if self.peepholes is None:
            return gate
        return self.graph.add("Add", gate, self.graph.add("Mul", self.peepholes[place], cell))

    def step(self, x: str, state: str, cell: str) -> tuple[str, str]:
        add = self.graph.add
        whole = add("Add", add("MatMul", x, self.input_weights),
                    add("MatMul", state, self.state_weights))
        entry, exit_, forget, new = self._parts(add("Add", whole, self.biases), 4, -1)
        entry = add("Sigmoid", self._peep(entry, 0, cell))
        forget = add("Sigmoid", self._peep(forget, 2, cell))
        cell = add("Add", add("Mul", forget, cell), add("Mul", entry, add("Tanh", new)))
        exit_ = add("Sigmoid", self._peep(exit_, 1, cell))
        return add("Mul", exit_, add("Tanh", cell)), cell


@rewrites("LSTM")
def lstm(graph: Graph, node):
    options = attributes(node)
    shape = graph.shape(node.input[0])
    if not _is_plain(graph, node, options, shape[0] if shape else None):
        return _unrolled(graph, node, options, shape)
    if options.get("direction") != b"reverse" or options.get("layout") or not shape or \
            shape[0] is None:
        return None
    # Forwards over the steps in the opposite order.
    order = graph.constant(numpy.arange(shape[0])[::-1], numpy.int64)
    turned = graph.add("Gather", node.input[0], order, axis=0)
    del options["direction"]
    rows, *last = graph.add_many("LSTM", len(node.output), turned, *node.input[1:], **options)
    return [graph.add("Gather", rows, order, axis=0), *last]


def _unrolled(graph: Graph, node, options, shape):
    what = f"LSTM '{node.name}' with peepholes or lengths of sequences"
    usual = [b"Sigmoid", b"Tanh", b"Tanh"]
    if options.get("direction", b"forward") != b"forward" or "clip" in options or \
            options.get("input_forget") or options.get("layout") or \
            options.get("activations", usual) != usual:
        raise Refusal(f"{what}, clip or input_forget lowers forwards, without clip, input_forget and "
                      "layout, and with the activations Sigmoid, Tanh, Tanh alone")
    if not shape or len(shape) != 3 or shape[0] is None or not 0 < shape[0] <= _MOST_STEPS or \
            graph.opset < 13 or graph.element(node.input[0]) != onnx.TensorProto.FLOAT:
        raise Refusal(f"{what} lowers for float32 and a number of steps that is told, up to "
                      f"{_MOST_STEPS}")
    cell, live = _Cell(graph, node, options), _Live(graph, node, shape[0])
    state = _first_states(graph, node, 1, options["hidden_size"])[0]
    memory = optional_input(node, 6)
    memory = graph.add("Gather", memory, graph.constant(0, numpy.int64), axis=0) if memory else \
        graph.add("Sub", state, state)
    rows = []
    for index in range(shape[0]):
        x = graph.add("Gather", node.input[0], graph.constant(index, numpy.int64), axis=0)
        row, (state, memory) = live.choose(index, list(cell.step(x, state, memory)), [state, memory])
        rows.append(row)
    whole = graph.add("Unsqueeze", _join(graph, rows, 0), graph.constant([1], numpy.int64))
    return [whole, _join(graph, [state], 0), _join(graph, [memory], 0)][:len(node.output)]
