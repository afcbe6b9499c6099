"""Rewrites that pay: the same numbers with less to compute, before the compiler sees the graph.

    batchnorm   BatchNormalization behind a convolution becomes part of its weights
    transposes  transposes that undo each other, or that follow each other, become one or none
    integers    MatMulInteger and ConvInteger become products of signed bytes without zero points,
                the form that the compiler brings to the CPU's 8-bit dot products
    quantised   products between DequantizeLinear and QuantizeLinear, QLinearConv and QLinearMatMul
                become such products too (integers/)
    windows     convolutions of bytes become products of matrices, or of slices

`--no-rewrite=NAME` leaves one out. Weights that go to an archive as they are stay as they are.
"""
from __future__ import annotations

import typing

import numpy
import onnx
from onnx import helper

from . import integers
from . import model as onnx_model
from .surgery import Uses, add_weight, drop_dead, drop_unused, options

Found = typing.Callable[[onnx_model.Model], int]


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
    factor = scale / numpy.sqrt(variance + options(norm).get("epsilon", 1e-5))
    weight = weight * factor.reshape(-1, *[1] * (weight.ndim - 1))
    bias = (bias - mean) * factor + offset
    if not (numpy.isfinite(weight).all() and numpy.isfinite(bias).all()):
        return None
    return weight.astype(numpy.float32), bias.astype(numpy.float32)


def fold_batchnorm(model: onnx_model.Model) -> int:
    graph = model.proto.graph
    if model.every:
        return 0
    uses, gone = Uses(graph), []
    for norm in graph.node:
        if norm.op_type != "BatchNormalization" or norm.domain or \
                options(norm).get("training_mode", 0) or any(norm.output[1:]):
            continue
        conv = uses.makers.get(norm.input[0])
        if conv is None or conv.op_type != "Conv" or conv.domain or \
                uses.takers[norm.input[0]] != 1:
            continue
        made = _scaled(model, conv, norm)
        if made is None:
            continue
        weight, bias = (add_weight(model, f"{norm.output[0]}/{what}", array)
                        for what, array in zip(("weight", "bias"), made))
        del conv.input[1:]
        conv.input.extend([weight, bias])
        conv.output[0] = norm.output[0]
        gone.append(norm)
    for norm in gone:
        graph.node.remove(norm)
    if gone:
        drop_unused(model)
    return len(gone)


# ---- Transposes ----------------------------------------------------------------------------------

def cancel_transposes(model: onnx_model.Model) -> int:
    """Two in a row become one; one that changes nothing becomes none."""
    graph = model.proto.graph
    uses, count = Uses(graph), 0
    for node in graph.node:
        if node.op_type != "Transpose" or node.domain:
            continue
        order = list(options(node).get("perm", []))
        before = uses.makers.get(node.input[0])
        if order and before is not None and before.op_type == "Transpose" and not before.domain:
            first = list(options(before).get("perm", []))
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
        drop_dead(graph, ["Transpose"])
    return count


# ---- All of them ---------------------------------------------------------------------------------

REWRITES: dict[str, Found] = {"batchnorm": fold_batchnorm, "transposes": cancel_transposes,
                              "integers": integers.rewrite_operators,
                              "quantised": integers.rewrite_quantised,
                              "windows": integers.rewrite_windows}


def run(model: onnx_model.Model, without: typing.Collection[str] = ()) -> dict[str, int]:
    """How many nodes each of them was good for; the graph is rewritten in place."""
    done = {name: rewrite(model) for name, rewrite in REWRITES.items() if name not in without}
    return {name: count for name, count in done.items() if count}
