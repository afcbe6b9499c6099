"""Which nodes of an ONNX model do not lower, found by lowering each kind of node by itself.

Nodes of graphs within nodes (branches, bodies of loops) are looked at like others; local functions are
put in the places where they are called first.
"""
from __future__ import annotations

import pathlib

import onnx
from onnx import TensorProto, helper, numpy_helper

from .. import lowering, mlir_module
from ..check import Problem
from ..route import Options
from ..source import Source
from . import importing, rewrite
from . import model as onnx_model

# Nodes whose kind tells nothing by itself.
_PLAIN = {"Constant", "Identity"}
OPEN = "the type of its result is not known"


def _prepared(source: Source, options: Options) -> onnx_model.Model:
    model = onnx_model.load(source.path)
    onnx_model.prepare(model, options)
    rewrite.run(model)
    return model


def _types(model: onnx_model.Model, graph: onnx.GraphProto) -> dict[str, onnx.TypeProto]:
    types = {value.name: value.type for value in (*graph.value_info, *graph.input, *graph.output)}
    for initializer in graph.initializer:
        types[initializer.name] = helper.make_tensor_type_proto(
            initializer.data_type, initializer.dims)
    for node in graph.node:
        if node.op_type == "Constant" and node.output[0] not in types:
            value = model.values(node.output[0])
            if value is not None:
                types[node.output[0]] = helper.make_tensor_type_proto(
                    helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
    return types


def place(node: onnx.NodeProto) -> str:
    """What a node is called, for people."""
    outputs = ", ".join(name for name in node.output if name)
    return node.name or f"the node of {outputs}"


def operator(node: onnx.NodeProto) -> str:
    return f"{node.domain}.{node.op_type}" if node.domain else node.op_type


def _graphs(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    return [attribute.g for attribute in node.attribute
            if attribute.type == onnx.AttributeProto.GRAPH]


def _with_inner(nodes):
    """The nodes, each followed by those of the graphs within it."""
    for node in nodes:
        yield node
        for graph in _graphs(node):
            yield from _with_inner(graph.node)


def unknown_types(source: Source, options: Options) -> list[Problem]:
    """Nodes that no operator of ONNX stands behind, and values that are no numbers."""
    model = onnx_model.load(source.path)
    functions = {(function.domain, function.name) for function in model.proto.functions}
    found: dict[str, Problem] = {}
    bodies = [node for function in model.proto.functions for node in function.node]
    for node in _with_inner([*model.proto.graph.node, *bodies]):
        if (node.domain, node.op_type) in functions:
            continue
        if not onnx.defs.has(node.op_type, "" if node.domain == "ai.onnx" else node.domain):
            why = "no such operator is known to ONNX"
        else:
            continue
        problem = found.setdefault(operator(node), Problem(operator(node), [], why))
        problem.nodes.append(place(node))
    for value in (*model.proto.graph.input, *model.proto.graph.output):
        if value.type.tensor_type.elem_type == TensorProto.STRING:
            found[value.name] = Problem("", [], f"'{value.name}' is of strings; modules have "
                                        "numbers alone")
    return list(found.values())


def _alone(model: onnx_model.Model, types, node: onnx.NodeProto) -> onnx.ModelProto | None:
    """A model of one node, with constants where it has them; None: the type of a value is open."""
    inputs, constants = [], []
    for name in dict.fromkeys(name for name in node.input if name):
        if name not in types:
            return None
        value = None if name in model.weights else model.values(name)
        if value is not None:
            constants.append(numpy_helper.from_array(value, name))
        else:
            inputs.append(helper.make_value_info(name, types[name]))
    outputs = [name for name in node.output if name]
    if any(name not in types for name in outputs):
        return None
    graph = helper.make_graph([node], "alone", inputs,
                              [helper.make_value_info(name, types[name]) for name in outputs],
                              constants)
    return helper.make_model(graph, opset_imports=model.proto.opset_import,
                             ir_version=model.proto.ir_version)


def _kinds(model: onnx_model.Model) -> dict[bytes, tuple[onnx.ModelProto | None, list]]:
    """A model of one node for each kind of node, and the nodes of that kind."""
    kinds: dict[bytes, tuple[onnx.ModelProto | None, list]] = {}

    def visit(graph: onnx.GraphProto, outside: dict[str, onnx.TypeProto]) -> None:
        types = {**outside, **_types(model, graph)}
        for node in graph.node:
            if node.op_type in _PLAIN:
                continue
            for inner in _graphs(node):
                visit(inner, types)
            alone = _alone(model, types, node)
            kinds.setdefault(_signature(alone, node), (alone, []))[1].append(node)

    visit(model.proto.graph, {})
    return kinds


def _signature(alone: onnx.ModelProto | None, node: onnx.NodeProto) -> bytes:
    """The same for nodes that differ only in their names."""
    if alone is None:
        return b"open" + node.SerializeToString()
    copy = onnx.ModelProto()
    copy.CopyFrom(alone)
    graph = copy.graph
    names = {name: str(index) for index, name in enumerate(dict.fromkeys(
        [*graph.node[0].input, *graph.node[0].output]))}
    graph.node[0].name = ""
    for values in (graph.node[0].input, graph.node[0].output):
        for index, name in enumerate(values):
            values[index] = names[name] if name else ""
    for value in (*graph.input, *graph.output, *graph.initializer):
        value.name = names.get(value.name, value.name)
    return copy.SerializeToString(deterministic=True)


def _problem(parts: list[onnx.ModelProto], folder: pathlib.Path) -> str | None:
    """What keeps these, as functions of one module, from lowering."""
    ir, onnx_importer, graph_importer = importing.load_importer()
    module = onnx_importer.ModelInfo(parts[0]).create_module(context=ir.Context()).operation
    weights = mlir_module.Weights(module, None)
    try:
        for number, part in enumerate(parts):
            info = onnx_importer.ModelInfo(part)
            graph_importer.start(info.main_graph, module, {}, weights, f"f{number}").import_all()
    except Exception as error:  # the importer has many ways to say no
        return onnx_model.first_line(error)
    path = folder / "parts.mlir"
    mlir_module.write(module, path, False)
    why = lowering.problem(path, "onnx")
    return why.partition(f" at {path}")[0] if why else None


def _blame(kinds: list, folder: pathlib.Path) -> list[tuple[list, str]]:
    """(nodes, reason) of the kinds that do not lower."""
    why = _problem([alone for alone, _ in kinds], folder) if kinds else None
    if why is None:
        return []
    if len(kinds) == 1:
        return [(kinds[0][1], why)]
    middle = len(kinds) // 2
    return _blame(kinds[:middle], folder) + _blame(kinds[middle:], folder)


def _outer(found: list[tuple[list, str]]) -> list[tuple[list, str]]:
    """Without nodes that are to blame only for what is within them."""
    blamed = {output for nodes, _ in found for node in nodes for output in node.output}

    def innocent(node) -> bool:
        inner = (child for graph in _graphs(node) for child in _with_inner(graph.node))
        return any(blamed.intersection(child.output) for child in inner)
    kept = [([node for node in nodes if not innocent(node)], why) for nodes, why in found]
    return [(nodes, why) for nodes, why in kept if nodes]


def problems(source: Source, options: Options, folder: pathlib.Path) -> list[Problem]:
    """The operators that do not lower, in the order of their first nodes."""
    model = _prepared(source, options)
    refused = {output for node, _ in model.refused for output in node.output}
    kinds = [(alone, nodes) for alone, nodes in _kinds(model).values()
             if not refused.intersection(nodes[0].output)]
    found = [([node], why) for node, why in model.refused]
    found += [(nodes, OPEN) for alone, nodes in kinds
              if alone is None]
    found += _blame([kind for kind in kinds if kind[0] is not None], folder)
    return [Problem(operator(nodes[0]), [place(node) for node in nodes], why)
            for nodes, why in _outer(found)]
