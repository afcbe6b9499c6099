"""Values of a graph that can be calculated with as if they were numbers."""
from __future__ import annotations

import numpy
from onnx import TensorProto

from .graph import Graph


class Symbol:
    """A value of type float; arithmetic with it makes nodes."""

    def __init__(self, graph: Graph, name: str):
        self.graph, self.name = graph, name

    def _other(self, value) -> str:
        if isinstance(value, Symbol):
            return value.name
        return self.graph.constant(value, numpy.float32)

    def make(self, operator: str, *inputs, **attributes) -> "Symbol":
        names = [self._other(value) for value in inputs]
        return Symbol(self.graph, self.graph.add(operator, *names, **attributes))

    def __add__(self, other):
        return self.make("Add", self, other)

    def __sub__(self, other):
        return self.make("Sub", self, other)

    def __mul__(self, other):
        return self.make("Mul", self, other)

    def __truediv__(self, other):
        return self.make("Div", self, other)

    def __rsub__(self, other):
        return self.make("Sub", other, self)

    def __rtruediv__(self, other):
        return self.make("Div", other, self)

    __radd__, __rmul__ = __add__, __mul__

    def abs(self):
        return self.make("Abs", self)

    def floor(self):
        return self.make("Floor", self)

    def clip(self, least, most):
        return self.make("Min", self.make("Max", self, least), most)

    def where(self, least, most) -> str:
        """A truth value: least <= self <= most."""
        outside = self.graph.add("Or", self.graph.add("Less", self.name, self._other(least)),
                                 self.graph.add("Greater", self.name, self._other(most)))
        return self.graph.add("Not", outside)

    def floats(self, condition: str):
        return Symbol(self.graph, self.graph.add("Cast", condition, to=TensorProto.FLOAT))

    def integers(self) -> str:
        return self.graph.add("Cast", self.name, to=TensorProto.INT64)


def cubic(t: Symbol, a: float) -> Symbol:
    """Keys' kernel at distances `t`."""
    t = t.abs()
    near = ((a + 2) * t - (a + 3)) * t * t + 1
    far = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
    return near * t.floats(t.where(0, 1)) + far * (
        t.floats(t.where(0, 2)) - t.floats(t.where(0, 1)))


def linear(t: Symbol) -> Symbol:
    return t.make("Max", 1 - t.abs(), 0.0)
