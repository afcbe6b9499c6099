"""Where floats stand for bytes: operators that move elements alone work on the bytes, and unsigned
bytes between operators become signed ones.
"""
from __future__ import annotations

import numpy
import onnx
from onnx import TensorProto

from .. import model as onnx_model
from ..rewrites.graph import optional_input
from ..surgery import Uses, options
from .builder import BYTES, Builder, is_plain
from .steps import Steps, steps_of

# Their results have the elements of their first inputs and no others.
_MOVES = ("Flatten", "Identity", "MaxPool", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze")
_JOINS = ("Concat",)
_TO_FLOATS, _TO_BYTES = "DequantizeLinear", "QuantizeLinear"


# ---- Moves on bytes ------------------------------------------------------------------------------

def move_bytes(model: onnx_model.Model, builder: Builder) -> None:
    """move(floats(x)) = floats(move(x)), and bytes(floats(x)) = x where scales are the same."""
    proto = model.proto.graph
    makers = dict(Uses(proto).makers)
    nodes = list(proto.node)
    del proto.node[:]
    for node in nodes:
        builder.begin(node)
        found = _moved(builder, makers, node)
        if found is None:
            builder.forget()
            proto.node.append(node)
            continue
        proto.node.extend(builder.nodes)
        for made in builder.nodes:
            makers.update({name: made for name in made.output if name})


def _moved(builder: Builder, makers, node: onnx.NodeProto) -> bool | None:
    """Builds what takes the place of a node; None: it stays."""
    sources = [makers.get(name) for name in node.input]
    first = sources[0] if sources else None
    if is_plain(node, _TO_BYTES):
        return _undone(builder, first, node)
    joins = is_plain(node, *_JOINS)
    if not joins and not is_plain(node, *_MOVES, "Relu") or any(node.output[1:]):
        return None
    sources = sources if joins else [first]
    if any(source is None or not is_plain(source, _TO_FLOATS) for source in sources):
        return None
    steps = [steps_of(builder, source) for source in sources]
    if any(one is None or one.scale.ndim or not one.same(steps[0]) for one in steps):
        return None
    if any(builder.values(source.input[0]) is not None for source in sources):
        return None  # weights
    names = [source.input[0] for source in sources]
    if is_plain(node, "Relu"):
        name = _not_below_zero(builder, names[0], steps[0])
        if name is None:
            return None
    else:
        rest = [] if joins else list(node.input[1:])
        name = builder.add(node.op_type, *names, *rest, **options(node))
    back = onnx.NodeProto()
    back.CopyFrom(first)
    back.name = f"{node.name or node.op_type}/floats"
    back.input[0], back.output[0] = name, node.output[0]
    builder.nodes.append(back)
    return True


def _undone(builder: Builder, source, node: onnx.NodeProto) -> bool | None:
    if source is None or not is_plain(source, _TO_FLOATS):
        return None
    steps = steps_of(builder, node)
    other = steps_of(builder, source)
    if steps is None or other is None or not steps.same(other):
        return None
    builder.nodes.append(onnx.helper.make_node("Identity", [source.input[0]], [node.output[0]]))
    return True


def _not_below_zero(builder: Builder, name: str, steps: Steps) -> str | None:
    zero = steps.zero.astype(BYTES[steps.kind])
    if zero == steps.bounds[0]:
        return builder.add("Identity", name)
    if steps.kind != TensorProto.INT8:  # the compiler compares bytes as signed ones
        return None
    return builder.add("Max", name, builder.constant(zero))


# ---- Signs ---------------------------------------------------------------------------------------

def sign_bytes(model: onnx_model.Model, builder: Builder) -> int:
    """Unsigned bytes that are made and taken within the graph become signed; how many tensors."""
    proto = model.proto.graph
    uses = Uses(proto)
    border = {value.name for value in (*proto.input, *proto.output)}
    done: set[str] = set()
    names: dict[str, str] = {}
    for node in proto.node:
        if is_plain(node, _TO_BYTES) and node.output[0] not in done:
            region = _region(builder, uses, border, node.output[0])
            done |= region[1]
            if region[0]:
                names.update({name: f"{name}/signed" for name in region[1]})
    for node in proto.node:
        if is_plain(node, _TO_BYTES, _TO_FLOATS) and (node.output[0] in names or
                                                      node.input[0] in names):
            _sign_zero(builder, node)
        for side in (node.input, node.output):
            for index, name in enumerate(side):
                side[index] = names.get(name, name)
    return len(names)


def _region(builder: Builder, uses: Uses, border: set[str], start: str) -> tuple[bool, set[str]]:
    """The values that have the bytes of one another, and whether all who touch them can take signed
    ones."""
    region, open_names, good = {start}, [start], True
    while open_names:
        name = open_names.pop()
        maker = uses.makers.get(name)
        takers = uses.nodes.get(name, [])
        good = good and maker is not None and name not in border and \
            sum(list(node.input).count(name) for node in takers) == uses.takers.get(name, 0)
        more: list[str] = []
        if maker is not None and not _is_end(builder, maker, _TO_BYTES):
            good = good and is_plain(maker, *_MOVES, *_JOINS) and not any(maker.output[1:])
            more += maker.input if is_plain(maker, *_JOINS) else maker.input[:1]
        for node in takers:
            if _is_end(builder, node, _TO_FLOATS):
                continue
            good = good and is_plain(node, *_MOVES, *_JOINS) and not any(node.output[1:]) and \
                (is_plain(node, *_JOINS) or name not in node.input[1:])
            more += node.output[:1]
        for other in more:
            if other not in region:
                region.add(other)
                open_names.append(other)
    return good, region


def _is_end(builder: Builder, node: onnx.NodeProto, operator: str) -> bool:
    if not is_plain(node, operator):
        return False
    steps = steps_of(builder, node)
    return steps is not None and steps.kind == TensorProto.UINT8


def _sign_zero(builder: Builder, node: onnx.NodeProto) -> None:
    zero_name = optional_input(node, 2)
    zero = builder.values(zero_name) if zero_name else numpy.zeros(
        builder.values(node.input[1]).shape)
    while len(node.input) < 3:
        node.input.append("")
    builder.begin(node)
    node.input[2] = builder.weight("zero", (zero.astype(numpy.int64) - 128).astype(numpy.int8))
    for attribute in list(node.attribute):
        if attribute.name == "output_dtype":
            node.attribute.remove(attribute)
