"""Where sizes meet that are told only at run time and need not be the same.

The compiler takes a size that it does not know for one that is not 1. Where one of two is 1, so that its
operand is stretched over the other, what it makes reads beyond that operand.
"""
from __future__ import annotations

import typing

import onnx

# Operators whose operands are stretched over one another.
_STRETCHING = {"Add", "And", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "MatMul",
               "Max", "Min", "Mod", "Mul", "Or", "Pow", "Sub", "Where", "Xor"}


class Meeting(typing.NamedTuple):
    """A node whose operands have different unknown sizes in one place."""

    node: onnx.NodeProto
    sizes: tuple[str | None, ...]  # names, None for those without


def meetings(proto: onnx.ModelProto) -> list[Meeting]:
    """Of a model whose shapes are inferred."""
    shapes = {value.name: [dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None
                           for dim in value.type.tensor_type.shape.dim]
              for value in (*proto.graph.input, *proto.graph.value_info)
              if value.type.tensor_type.HasField("shape")}
    found = []
    for node in proto.graph.node:
        known = [shapes[name] for name in node.input if name in shapes]
        if node.op_type not in _STRETCHING or len(known) < 2:
            continue
        if node.op_type == "MatMul":
            known = [shape[:-2] for shape in known]
        for axis in range(max(map(len, known))):
            sizes = [shape[-1 - axis] for shape in known if axis < len(shape)]
            unknown = [size for size in sizes if not isinstance(size, int)]
            if len(unknown) > 1 and (None in unknown or len(set(unknown)) > 1):
                found.append(Meeting(node, tuple(unknown)))
    return found


def note(model) -> None:
    """Tells of sizes that the model's inputs name differently. Inference makes up names and leaves
    sizes open that are the same: those are not told."""
    named = {dim.dim_param for value in model.proto.graph.input
             for dim in value.type.tensor_type.shape.dim if dim.dim_param}
    told = set()
    for node, sizes in meetings(model.proto):
        names = sorted({size for size in sizes if size in named})
        if len(names) < 2 or tuple(names) in told:
            continue
        told.add(tuple(names))
        model.notes.append(
            f"sizes {' and '.join(names)} meet in {node.name or node.op_type}: the module is right where "
            f"they are the same or neither is 1; --dim {names[0]}=SIZE fixes one")
