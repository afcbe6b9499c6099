"""JAX: functions, lowered to StableHLO by JAX itself, and artifacts of jax.export."""
from __future__ import annotations

import inspect
import pathlib
import re

import numpy

from ..parameters import write_parameters
from . import lowering, mlir_module, stablehlo
from .inputs import Example
from .route import Imported, MissingPackage, Options, Refusal
from .source import SourceError


def _jax():
    try:
        import jax
        import jax.export
    except ImportError:
        raise MissingPackage("jax", "jax") from None
    return jax


# ---- Arguments ---------------------------------------------------------------------------------

def _scope(examples, options: Options):
    """The scope of the named dimensions, with the limits that they have."""
    jax = _jax()
    names = {name for example in jax.tree.leaves(examples) if isinstance(example, Example)
             for name in example.names.values()}
    limits = []
    for name in sorted(names):
        wanted = options.dims.get(name)
        if wanted is not None and wanted.most is not None:
            limits += [f"{name} >= {max(wanted.least, 1)}", f"{name} <= {wanted.most}"]
    return jax.export.SymbolicScope(limits), bool(names)


def _abstract(examples, scope):
    """`examples` as JAX traces them: shapes, where a named dimension is a symbol, and types."""
    jax = _jax()

    def shape_of(example):
        if not isinstance(example, Example):
            return example
        shape = example.shape
        if example.names:
            text = ", ".join(example.names.get(index, str(size))
                             for index, size in enumerate(shape))
            shape = jax.export.symbolic_shape(text, scope=scope)
        return jax.ShapeDtypeStruct(shape, example.numpy_dtype())
    return jax.tree.map(shape_of, examples)


def _argument_names(function, count: int) -> list[str]:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [parameter.name for parameter in parameters
             if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)]
    return (names + [f"arg{index}" for index in range(len(names), count)])[:count]


def _bound(wanted: list[str], names: list[str]) -> list[int]:
    """Positions of the arguments that are parameters. SourceError: there is no such argument."""
    positions = []
    for text in wanted:
        if text in names:
            positions.append(names.index(text))
        elif text.isdigit() and int(text) < len(names):
            positions.append(int(text))
        else:
            raise SourceError(f"no argument '{text}' for weights; there is {', '.join(names)}")
    return positions


def _key(path) -> str:
    """The path of a leaf as a key: layers.0.kernel"""
    return ".".join(str(getattr(entry, "key", getattr(entry, "idx", getattr(entry, "name", ""))))
                    for entry in path)


def _leaves(examples, names: list[str], bound: list[int]):
    """(name, key or None, value) of each leaf in order; a key where the leaf is a parameter."""
    jax = _jax()
    for index, example in enumerate(examples):
        for path, leaf in jax.tree_util.tree_flatten_with_path(example)[0]:
            inner = _key(path)
            name = f"{names[index]}.{inner}" if inner else names[index]
            if index not in bound:
                yield name, None, leaf
            else:
                yield name, (inner or names[index]) if len(bound) == 1 else name, leaf


# ---- The module --------------------------------------------------------------------------------

def _functions(module) -> dict:
    return {operation.name.value: operation.operation for operation in module.body.operations
            if operation.operation.name == "func.func"}


def _types(operation):
    kind = mlir_module.compiler_ir().FunctionType(operation.attributes["function_type"].value)
    return list(kind.inputs), list(kind.results)


def _result_names(operation) -> list[str]:
    ir = mlir_module.compiler_ir()
    if "res_attrs" not in operation.attributes:
        return []
    names = []
    for entry in ir.ArrayAttr(operation.attributes["res_attrs"]):
        info = ir.DictAttr(entry)
        text = ir.StringAttr(info["jax.result_info"]).value if "jax.result_info" in info else ""
        names.append("_".join(re.findall(r"[A-Za-z_]\w*", text.removeprefix("result"))))
    return names


def _public(module, name: str, leaves, weights) -> None:
    """Gives the module its public function: JAX's own, or one that adds the parameters."""
    ir = mlir_module.compiler_ir()
    main = _functions(module)["main"]
    other = _functions(module).get(name)
    if other is not None and name != "main":  # JAX calls inner functions by the same names
        ir.SymbolTable.replace_all_symbol_uses(name, f"{name}_inner", module.operation)
        other.attributes["sym_name"] = ir.StringAttr.get(f"{name}_inner")
    inputs, results = _types(main)
    names = _result_names(main)
    names += [""] * (len(results) - len(names))
    given = [label for label, key, _ in leaves if key is None]
    if all(key is None for _, key, _ in leaves):
        main.attributes["sym_name"] = ir.StringAttr.get(name)
        mlir_module.name_values(main, given, names)
        return
    inner = f"{name}_of_parameters"
    main.attributes["sym_name"] = ir.StringAttr.get(inner)
    main.attributes["sym_visibility"] = ir.StringAttr.get("private")
    with ir.InsertionPoint(module.body), ir.Location.name(name):
        kind = ir.FunctionType.get([kind for (_, key, _), kind in zip(leaves, inputs)
                                    if key is None], results)
        function = ir.Operation.create(
            "func.func", regions=1,
            attributes={"sym_name": ir.StringAttr.get(name), "function_type": ir.TypeAttr.get(kind)})
        block = ir.Block.create_at_start(function.regions[0], kind.inputs)
    with ir.InsertionPoint(block), ir.Location.name(name):
        arguments = iter(block.arguments)
        operands = []
        for (_, key, value), tensor in zip(leaves, inputs):
            if key is None:
                operands.append(next(arguments))
                continue
            operands.append(weights.load(weights.define(key, tensor, numpy.asarray(value))))
        called = ir.Operation.create("func.call", results=results, operands=operands,
                                     attributes={"callee": ir.FlatSymbolRefAttr.get(inner)})
        ir.Operation.create("func.return", operands=list(called.results))
    mlir_module.name_values(function, given, names)


def _finish(text: str, name: str, leaves, output: pathlib.Path, options: Options,
            notes: list[str]) -> Imported:
    """Writes what JAX made, checked, named, its parameters apart."""
    ir = mlir_module.compiler_ir()
    stablehlo.check_calls(text)
    total = sum(numpy.asarray(value).nbytes for _, key, value in leaves if key is not None)
    archive = mlir_module.archive_for(total, output, options, notes)
    with ir.Context():
        try:
            module = ir.Module.parse(text)
        except ir.MLIRError as error:
            raise Refusal(f"the compiler does not read what this JAX writes: {error}") from None
        if "jax.uses_shape_polymorphism" in module.operation.attributes:
            stablehlo.settle_dynamic(module)
        weights = mlir_module.Weights(module.operation,
                                      options.parameter_scope if archive else None)
        with ir.Location.unknown():
            _public(module, name, leaves, weights)
        module.operation.verify()
        heavy = len(text) > 1 << 20 or weights.bytes_inside > 4096
        mlir_module.write(module.operation, output, heavy)
    lowering.require(output, "stablehlo")
    if archive:
        write_parameters(archive, weights.entries)
    return Imported(output, "stablehlo", "jax", parameters=archive,
                    parameter_scope=options.parameter_scope if archive else "", notes=notes)


# ---- Functions ---------------------------------------------------------------------------------

def _lower(function, arguments, dynamic: bool) -> str:
    """StableHLO of a function, which takes every leaf of `arguments`, used or not."""
    jax = _jax()
    if dynamic:
        jitted = jax.jit(lambda *args: function(*args), keep_unused=True)
        return jax.export.export(jitted)(*arguments).mlir_module()
    jitted = function if hasattr(function, "lower") else jax.jit(function, keep_unused=True)
    text = jitted.lower(*arguments).as_text("stablehlo")
    if jitted is function and _arity(text) < len(jax.tree.leaves(arguments)):
        jitted = jax.jit(lambda *args: function(*args), keep_unused=True)
        text = jitted.lower(*arguments).as_text("stablehlo")
    return text


def _arity(text: str) -> int:
    head = re.search(r"func\.func public @main\((.*)$", text, re.MULTILINE)
    return len(re.findall(r"%arg\d+: ", head.group(1))) if head else 0


def import_function(function, examples, output: pathlib.Path, options: Options) -> Imported:
    """The route `jax`, of a function and its example arguments."""
    jax = _jax()
    names = _argument_names(function, len(examples))
    leaves = list(_leaves(examples, names, _bound(options.weights, names)))
    for label, key, value in leaves:
        if key is not None and isinstance(value, (Example, jax.ShapeDtypeStruct)):
            raise SourceError(f"parameter {label} is a shape, expected an array with its values")
    scope, dynamic = _scope(examples, options)
    try:
        text = _lower(function, _abstract(examples, scope), dynamic)
    except Exception as error:  # whatever the function itself raises
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise Refusal(f"{type(error).__name__} while it was traced: {lines[0] if lines else ''}"
                      ) from None
    name = options.function or getattr(function, "__name__", "main")
    return _finish(text, name, leaves, output, options, [])


# ---- Artifacts of jax.export -------------------------------------------------------------------

def is_exported(value) -> bool:
    return hasattr(value, "mlir_module_serialized")


def import_exported(exported, output: pathlib.Path, options: Options) -> Imported:
    """The route `jax`, of a jax.export.Exported."""
    jax = _jax()
    if options.weights:
        raise SourceError("weights are told when a function is imported, not of its exported form")
    if options.dims:
        there = sorted({str(size) for kind in exported.in_avals for size in kind.shape
                        if not isinstance(size, int)})
        raise SourceError(f"dimension '{next(iter(options.dims))}': an exported function keeps its "
                          f"dimensions as they are: {', '.join(there) or 'all fixed'}")
    arguments, _ = jax.tree.unflatten(exported.in_tree, exported.in_avals)
    leaves = list(_leaves(arguments, _argument_names(None, len(arguments)), []))
    kept = set(exported.module_kept_var_idx)
    notes = [f"argument {name} is not used, and was left out when the function was exported"
             for index, (name, _, _) in enumerate(leaves) if index not in kept]
    leaves = [leaf for index, leaf in enumerate(leaves) if index in kept]
    name = options.function or exported.fun_name
    name = name if name.isidentifier() else "main"
    return _finish(exported.mlir_module(), name, leaves, output, options, notes)


def load_exported(content: bytes, path: pathlib.Path):
    """A jax.export.Exported of what its serialize() gave."""
    jax = _jax()
    try:
        return jax.export.deserialize(bytearray(content))
    except ImportError:
        raise MissingPackage("flatbuffers", "jax") from None
    except Exception as error:  # of flatbuffers, pytrees, versions
        lines = str(error).splitlines()
        raise SourceError(f"{path}: no function of jax.export: {type(error).__name__}: "
                          f"{lines[0] if lines else ''}") from None
