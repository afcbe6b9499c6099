"""MatMulInteger and ConvInteger: zero points become corrections of the product of the bytes."""
from __future__ import annotations

import onnx
from onnx import TensorProto

from .. import model as onnx_model
from ..rewrites.graph import optional_input
from . import convolutions, products
from .builder import Builder, finish, is_plain, rebuild


def rewrite_operators(model: onnx_model.Model) -> int:
    nodes = model.proto.graph.node
    if model.every or not any(is_plain(node, "MatMulInteger", "ConvInteger") for node in nodes):
        return 0
    builder = Builder(model)

    def rewrite(node: onnx.NodeProto) -> str | None:
        if is_plain(node, "MatMulInteger"):
            return _matrices(builder, node)
        return _convolution(builder, node) if is_plain(node, "ConvInteger") else None
    count = rebuild(model, builder, rewrite)
    if count:
        finish(model)
    return count


def _is_ready(builder: Builder, node: onnx.NodeProto) -> bool:
    """Whether both sides are signed already, without zero points."""
    return len(node.input) == 2 and \
        all(builder.element(name) == TensorProto.INT8 for name in node.input)


def _matrices(builder: Builder, node: onnx.NodeProto) -> str | None:
    if _is_ready(builder, node):
        return None
    a_shape = builder.shape(node.input[0])
    if a_shape is None:
        return None
    a = builder.bytes_of(node.input[0], optional_input(node, 2), zero_shape=[-1, 1])
    b = builder.bytes_of(node.input[1], optional_input(node, 3), zero_shape=[1, -1])
    if a is None or b is None or not products.fits(a, b):
        return None
    return products.product(builder, a, b)


def _convolution(builder: Builder, node: onnx.NodeProto) -> str | None:
    x_shape, w_values = builder.shape(node.input[0]), builder.values(node.input[1])
    if x_shape is None or w_values is None or w_values.ndim != 4 or len(x_shape) != 4:
        return None
    place = convolutions.window(node, x_shape, w_values.shape)
    zero = optional_input(node, 3)
    if place is None or (zero and builder.values(zero) is None):
        return None
    x = builder.bytes_of(node.input[0], optional_input(node, 2))
    w = builder.bytes_of(node.input[1], zero, zero_shape=[-1, 1, 1, 1])
    return None if x is None or w is None else convolutions.convolution(builder, x, w, place)
