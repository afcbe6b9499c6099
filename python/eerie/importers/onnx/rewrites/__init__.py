"""Operators said with others that lower. Each file is a family and registers its rewrites.

A rewrite gets a node and a `Graph` to build in, and returns the names that take the place of the
node's outputs, or None where it has nothing to say. It is looked up by operator.
"""
from __future__ import annotations

import onnx

from ...route import Refusal
from .. import model as onnx_model
from .graph import Graph, registered, rename_node
from . import (activations, control, gathers, optimizers, pooling, products,  # noqa: F401
               quantised, recurrent, reductions, resizing, rotary, sampling, types)


def apply(model: onnx_model.Model) -> set[str]:
    """One pass over the main graph; the operators that were rewritten."""
    proto = model.proto.graph
    graph = Graph(model)
    outputs = {value.name for value in proto.output}
    done: set[str] = set()
    nodes = list(proto.node)
    del proto.node[:]
    renamed: dict[str, str] = {}
    for node in nodes:
        rewrite = registered.get((node.domain, node.op_type))
        graph.begin(node)
        try:
            results = rewrite(graph, node) if rewrite else None
        except Refusal as refusal:
            model.refuse(node, str(refusal))
            results = None
        if results is None:
            graph.forget()
            proto.node.append(node)
            continue
        done.add(node.op_type)
        for old, new in zip(node.output, results):
            if not old or new is None:
                continue
            if old in outputs:  # a result of the model keeps its name
                graph.nodes.append(onnx.helper.make_node("Identity", [new], [old]))
            else:
                renamed[old] = new
        proto.node.extend(graph.nodes)
    if renamed:
        # A name may stand for one that was replaced in its turn.
        for old in renamed:
            while renamed[old] in renamed:
                renamed[old] = renamed[renamed[old]]
        for node in proto.node:
            rename_node(node, renamed)
    return done
