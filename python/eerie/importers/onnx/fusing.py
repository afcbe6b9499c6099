"""Rewrites that pay: the same numbers with less to compute, before the compiler sees the graph.

    batchnorm   BatchNormalization behind a convolution becomes part of its weights
    transposes  transposes that undo each other, or that follow each other, become one or none
    integers    MatMulInteger of unsigned bytes becomes one of signed bytes with other zero points,
                the form that the compiler brings to the CPU's 8-bit dot products

`--no-rewrite=NAME` leaves one out. Weights that go to an archive as they are stay as they are.
"""
from __future__ import annotations

import typing

import numpy
import onnx
from onnx import helper, numpy_helper

from . import model as onnx_model

Found = typing.Callable[[onnx_model.Model], int]


class _Uses:
    """Who makes and who takes a value in the main graph."""

    def __init__(self, graph: onnx.GraphProto):
        self.makers = {name: node for node in graph.node for name in node.output if name}
        self.takers: dict[str, int] = {}
        for value in graph.output:
            self._count(value.name)
        for node in graph.node:
            self._node(node)

    def _count(self, name: str) -> None:
        self.takers[name] = self.takers.get(name, 0) + 1

    def _node(self, node: onnx.NodeProto) -> None:
        for name in node.input:
            self._count(name)
        for attribute in node.attribute:  # graphs within look at names outside
            if attribute.type == onnx.AttributeProto.GRAPH:
                for value in attribute.g.output:
                    self._count(value.name)
                for child in attribute.g.node:
                    self._node(child)


def _options(node: onnx.NodeProto) -> dict[str, typing.Any]:
    return {item.name: helper.get_attribute_value(item) for item in node.attribute}


def _add_weight(model: onnx_model.Model, base: str, array: numpy.ndarray) -> str:
    """A new initialiser; large ones are kept apart from the graph, as when a model is loaded."""
    graph = model.proto.graph
    taken = {value.name for value in graph.initializer}
    name = base
    while name in taken:
        name += "_"
    tensor = numpy_helper.from_array(numpy.ascontiguousarray(array), name)
    if array.nbytes > onnx_model.SMALL_BYTES:
        model.weights[name] = onnx_model.Weight(tensor, model.path.resolve().parent)
        tensor = onnx.TensorProto(name=name, data_type=tensor.data_type, dims=tensor.dims,
                                  data_location=onnx.TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value="apart")
    graph.initializer.append(tensor)
    return name


# ---- BatchNormalization --------------------------------------------------------------------------

def _scaled(model: onnx_model.Model, conv: onnx.NodeProto, norm: onnx.NodeProto):
    """Weight and bias of a convolution that normalises as well; None where a value is not known."""
    values = [model.values(name) for name in (conv.input[1], *norm.input[1:5])]
    if any(value is None or value.dtype != numpy.float32 for value in values):
        return None
    weight, scale, offset, mean, variance = (value.astype(numpy.float64) for value in values)
    bias = numpy.zeros(len(mean))
    if len(conv.input) > 2 and conv.input[2]:
        known = model.values(conv.input[2])
        if known is None:
            return None
        bias = known.astype(numpy.float64)
    if any(array.shape != weight.shape[:1] for array in (scale, offset, mean, variance, bias)):
        return None
    # The default is a float32 in the standard's eyes.
    factor = scale / numpy.sqrt(variance + _options(norm).get("epsilon", 1e-5))
    weight = weight * factor.reshape(-1, *[1] * (weight.ndim - 1))
    bias = (bias - mean) * factor + offset
    if not (numpy.isfinite(weight).all() and numpy.isfinite(bias).all()):
        return None
    return weight.astype(numpy.float32), bias.astype(numpy.float32)


def fold_batchnorm(model: onnx_model.Model) -> int:
    graph = model.proto.graph
    if model.every:
        return 0
    uses, gone = _Uses(graph), []
    for norm in graph.node:
        if norm.op_type != "BatchNormalization" or norm.domain or \
                _options(norm).get("training_mode", 0) or any(norm.output[1:]):
            continue
        conv = uses.makers.get(norm.input[0])
        if conv is None or conv.op_type != "Conv" or conv.domain or \
                uses.takers[norm.input[0]] != 1:
            continue
        made = _scaled(model, conv, norm)
        if made is None:
            continue
        weight, bias = (_add_weight(model, f"{norm.output[0]}/{what}", array)
                        for what, array in zip(("weight", "bias"), made))
        del conv.input[1:]
        conv.input.extend([weight, bias])
        conv.output[0] = norm.output[0]
        gone.append(norm)
    for norm in gone:
        graph.node.remove(norm)
    if gone:
        _drop_unused(model)
    return len(gone)


def _drop_unused(model: onnx_model.Model) -> None:
    graph = model.proto.graph
    takers = _Uses(graph).takers
    inputs = {value.name for value in graph.input}
    kept = [value for value in graph.initializer if value.name in takers or value.name in inputs]
    for value in graph.initializer:
        if value.name not in takers:
            model.weights.pop(value.name, None)
    del graph.initializer[:]
    graph.initializer.extend(kept)


# ---- Transposes ----------------------------------------------------------------------------------

def cancel_transposes(model: onnx_model.Model) -> int:
    """Two in a row become one; one that changes nothing becomes none."""
    graph = model.proto.graph
    uses, count = _Uses(graph), 0
    for node in graph.node:
        if node.op_type != "Transpose" or node.domain:
            continue
        order = list(_options(node).get("perm", []))
        before = uses.makers.get(node.input[0])
        if order and before is not None and before.op_type == "Transpose" and not before.domain:
            first = list(_options(before).get("perm", []))
            if len(first) == len(order):
                order = [first[axis] for axis in order]
                node.input[0] = before.input[0]
                del node.attribute[:]
                node.attribute.append(helper.make_attribute("perm", order))
                count += 1
        if order and order == list(range(len(order))):
            node.op_type = "Identity"
            del node.attribute[:]
            count += 1
    if count:
        _drop_dead(graph)
    return count


def _drop_dead(graph: onnx.GraphProto) -> None:
    """Transposes that nobody takes any more."""
    while True:
        takers = _Uses(graph).takers
        dead = [node for node in graph.node
                if node.op_type == "Transpose" and node.output[0] not in takers]
        if not dead:
            return
        for node in dead:
            graph.node.remove(node)


# ---- 8-bit products ------------------------------------------------------------------------------

def sign_integers(model: onnx_model.Model) -> int:
    """u8 - zero = (u8 - 128) - (zero - 128), and u8 - 128 fits a signed byte."""
    graph = model.proto.graph
    types = {value.name: value.type.tensor_type.elem_type
             for value in (*graph.input, *graph.value_info, *graph.output)}
    types.update({value.name: value.data_type for value in graph.initializer})
    nodes, count = list(graph.node), 0
    del graph.node[:]
    signed: dict[str, str] = {}

    def shift(name: str) -> str:
        """The name of a signed value, made where it is first needed."""
        if name not in signed:
            base = f"{name}/signed"
            half = _add_weight(model, f"{base}/half", numpy.array(128, numpy.int32))
            for operator, inputs, output, more in (
                    ("Cast", [name], f"{base}/wide", {"to": onnx.TensorProto.INT32}),
                    ("Sub", [f"{base}/wide", half], f"{base}/shifted", {}),
                    ("Cast", [f"{base}/shifted"], base, {"to": onnx.TensorProto.INT8})):
                graph.node.append(helper.make_node(operator, inputs, [output], name=output, **more))
            signed[name] = base
        return signed[name]

    for node in nodes:
        if node.op_type == "MatMulInteger" and not node.domain:
            for side in (0, 1):
                if types.get(node.input[side]) != onnx.TensorProto.UINT8:
                    continue
                while len(node.input) < side + 3:
                    node.input.append("")
                zero = node.input[side + 2]
                node.input[side] = shift(node.input[side])
                known = model.values(zero) if zero else numpy.array(0, numpy.uint8)
                node.input[side + 2] = shift(zero) if known is None else _add_weight(
                    model, f"{node.output[0]}/zero_{side}",
                    (known.astype(numpy.int32) - 128).astype(numpy.int8))
                count += 1
            if len(node.input) > 2 and _drop_zeros(model, node):
                count += 1
        graph.node.append(node)
    return count


def _drop_zeros(model: onnx_model.Model, node: onnx.NodeProto) -> bool:
    """Leaves out zero points that are zero: a product without any is what has fast code."""
    kept = list(node.input)
    for side in (2, 3):
        if side < len(kept) and kept[side]:
            value = model.values(kept[side])
            if value is not None and not value.any():
                kept[side] = ""
    while len(kept) > 2 and not kept[-1]:
        kept.pop()
    changed = kept != list(node.input)
    del node.input[:]
    node.input.extend(kept)
    return changed


# ---- All of them ---------------------------------------------------------------------------------

REWRITES: dict[str, Found] = {"batchnorm": fold_batchnorm, "transposes": cancel_transposes,
                              "integers": sign_integers}


def run(model: onnx_model.Model, without: typing.Collection[str] = ()) -> dict[str, int]:
    """How many nodes each of them was good for; the graph is rewritten in place."""
    done = {name: rewrite(model) for name, rewrite in REWRITES.items() if name not in without}
    return {name: count for name, count in done.items() if count}
