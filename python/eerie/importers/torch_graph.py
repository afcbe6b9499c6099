"""From a program of torch.export to MLIR, by the graph importer of the compiler's wheel.

Weights become globals that are named as in state_dict; buffers that the program changes become
state of the module. Operators that the compiler does not take are decomposed into ones that it does.
"""
from __future__ import annotations

import pathlib
import re

import numpy
import torch
from torch.export.graph_signature import ConstantArgument, InputKind, OutputKind

from ..parameters import write_parameters
from . import lowering, mlir_module
from .route import Imported, Options, Refusal

# Decomposed from the start; others when the compiler does not take them. Of gelu it takes both forms,
# but that by tanh is off by 5e-5.
_ALWAYS = [
    "_native_batch_norm_legit.default", "_native_batch_norm_legit.no_stats",
    "_native_batch_norm_legit_functional.default", "_native_batch_norm_legit_no_training.default",
    "gelu.default", "gru.input", "lstm.input", "rnn_relu.input", "rnn_tanh.input", "squeeze.dims",
]
# So many operators may turn out to need a decomposition of their own before all are decomposed.
_ROUNDS = 6
# Weights of more than this are written as bytecode, because nobody reads them as text.
_READABLE_BYTES = 4096

_ELEMENTS = {
    "bool": "i1", "int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64", "uint8": "ui8",
    "uint16": "ui16", "uint32": "ui32", "uint64": "ui64", "float16": "f16", "bfloat16": "bf16",
    "float32": "f32", "float64": "f64", "complex64": "complex<f32>", "complex128": "complex<f64>",
}


def _array(tensor) -> numpy.ndarray:
    """A tensor's bytes, of types that NumPy does not know too."""
    whole = tensor.detach().cpu().contiguous()
    return whole.reshape(-1).view(torch.uint8).numpy()


# ---- Decompositions ----------------------------------------------------------------------------

def _overload(name: str):
    """The operator of "aten.lstm.input" or "aten.relu", or None."""
    namespace, _, rest = name.partition(".")
    packet_name, _, overload = rest.partition(".")
    packet = getattr(getattr(torch.ops, namespace, None), packet_name, None)
    return getattr(packet, overload or "default", None)


class Decompositions:
    """What is decomposed; grows by what the compiler refuses."""

    def __init__(self):
        self._known = torch._decomp.global_decomposition_table["post_autograd"]
        self._core: dict | None = None
        self.table = {}
        for name in _ALWAYS:
            operator = _overload(f"aten.{name}")
            if operator in self._known:
                self.table[operator] = self._known[operator]
        self._rounds = 0
        self.added: list[str] = []

    def grow(self, refused: str | None) -> bool:
        """Decomposes `refused`, or in the end everything; False: nothing more can be done."""
        if self._core is not None:
            return False
        operator = _overload((refused or "").removeprefix("torch."))
        way = self._known.get(operator) if operator is not None else None
        self._rounds += 1
        if way is not None and operator not in self.table and self._rounds <= _ROUNDS:
            self.table[operator] = way
            self.added.append(str(operator))
            return True
        self._core = dict(torch.export.default_decompositions())
        self.added = ["all operators that are not of the core of ATen"]
        self.table = {**self._core, **self.table}
        return True


# ---- What the importer asks for ----------------------------------------------------------------

def _hooks(fx_importer, ir, weights: mlir_module.Weights):
    class Hooks(fx_importer.FxImporterHooks):
        """Parameters and buffers as globals, named as in state_dict."""

        def __init__(self):
            self.symbols: dict[str, str] = {}

        def _symbol(self, value, info):
            target = info.input_spec.target
            if target not in self.symbols:
                # A truth value is a byte in archives, and bits in the compiler's constants.
                dtype = torch.uint8 if value.dtype == torch.bool else value.dtype
                element = fx_importer.TORCH_DTYPE_TO_MLIR_TYPE[dtype]
                with weights.location():
                    kind = weights.type_of(value.shape, element())
                self.symbols[target] = weights.define(
                    target, kind, _array(value), mutable=info.store_producer_node is not None,
                    apart=info.input_spec.kind == InputKind.PARAMETER or
                    bool(info.input_spec.persistent))
            return self.symbols[target]

        def resolve_input(self, gni, value, info):
            if not isinstance(value, torch.Tensor):
                return None
            symbol = self._symbol(value, info)
            truth = value.dtype == torch.bool
            stored = value.to(torch.uint8) if truth else value
            loaded = ir.Operation.create(
                "torch_c.from_builtin_tensor",
                results=[gni._cc.tensor_to_vtensor_type(stored)],
                operands=[weights.load(symbol)]).result
            if truth:
                return gni._convert_type(loaded, torch.Tensor, torch.bool, value.size())
            return loaded

        def store_produced_value(self, gni, py_value, produced_ir_value, info):
            symbol = self._symbol(py_value, info)
            if py_value.dtype == torch.bool:
                produced_ir_value = gni._convert_type(
                    produced_ir_value, torch.Tensor, torch.uint8, py_value.size())
            builtin = ir.Operation.create(
                "torch_c.to_builtin_tensor", results=[weights.kind_of(symbol)],
                operands=[produced_ir_value]).result
            weights.store(symbol, builtin)

    return Hooks()


# ---- Assignments to parts of buffers -----------------------------------------------------------

_ATEN = torch.ops.aten
# Operators whose result is the memory of their first argument, or a copy of it.
_VIEWS = {_ATEN.clone.default, _ATEN.slice.Tensor, _ATEN.select.int, _ATEN.view.default,
          _ATEN.reshape.default, _ATEN.squeeze.dim, _ATEN.squeeze.dims, _ATEN.squeeze.default,
          _ATEN.unsqueeze.default, _ATEN.permute.default, _ATEN.transpose.int, _ATEN.alias.default,
          _ATEN.expand.default, _ATEN.contiguous.default, _ATEN.detach.default,
          _ATEN._to_copy.default, _ATEN._unsafe_view.default}
_SCATTERS = {_ATEN.slice_scatter.default, _ATEN.select_scatter.default}


def _origin(node):
    """What a chain of views and copies is of."""
    while isinstance(node, torch.fx.Node):
        if node.target is _ATEN.copy.default:
            node = node.args[1]
        elif node.target in _VIEWS:
            node = node.args[0]
        else:
            break
    return node


def _versions(node) -> set:
    """A tensor and what it was before parts of it were assigned."""
    found = {node, _origin(node)}
    while isinstance(node, torch.fx.Node) and node.target in _SCATTERS:
        node = node.args[0]
        found |= {node, _origin(node)}
    return found


def _settle_scatters(program) -> None:
    """Mends assignments to parts of a tensor that the compiler gets wrong.

    It counts negative positions of select_scatter from the wrong end, and copies in place where a part
    of a tensor goes to another, overlapping part of it: those are put together anew.
    """
    graph = program.graph_module.graph
    for node in list(graph.nodes):
        if node.target not in _SCATTERS:
            continue
        tensor, source = node.args[:2]
        dim = _argument(node, 2, "dim", 0)
        size = tensor.meta["val"].shape[dim]
        if node.target is _ATEN.select_scatter.default:
            start = _argument(node, 3, "index", 0)
            if isinstance(size, int) and isinstance(start, int) and start < 0:
                start += size
                node.args = (tensor, source, dim, start)
            end, step = start + 1 if isinstance(start, int) else None, 1
        else:
            start = _argument(node, 3, "start", None) or 0
            end = _argument(node, 4, "end", None)
            step = _argument(node, 5, "step", 1)
        if not isinstance(size, int) or not isinstance(start, int) or step != 1 or \
                not isinstance(end, int | None) or _origin(source) not in _versions(tensor):
            continue
        start, end, _ = slice(start, end).indices(size)
        _concatenate(program, node, start, end, size)


def _argument(node, position: int, name: str, default):
    return node.args[position] if len(node.args) > position else node.kwargs.get(name, default)


def _concatenate(program, node, start: int, end: int, size: int) -> None:
    """Says a scatter over `start` to `end` of `size` as a concatenation."""
    graph = program.graph_module.graph
    tensor, source = node.args[:2]
    dim = _argument(node, 2, "dim", 0)

    def call(operator, *arguments):
        made = graph.call_function(operator, arguments)
        made.meta = {key: node.meta[key] for key in ("stack_trace", "nn_module_stack")
                     if key in node.meta}
        values = torch.fx.node.map_arg(arguments, lambda argument: argument.meta["val"])
        made.meta["val"] = operator(*values)
        return made

    with graph.inserting_before(node), torch.no_grad():
        if node.target is _ATEN.select_scatter.default:
            source = call(_ATEN.unsqueeze.default, source, dim)
        parts = [source]
        if start > 0:
            parts.insert(0, call(_ATEN.slice.Tensor, tensor, dim, 0, start))
        if end < size:
            parts.append(call(_ATEN.slice.Tensor, tensor, dim, end, size))
        whole = call(_ATEN.cat.default, parts, dim)
    node.replace_all_uses_with(whole)
    program.graph_signature.replace_all_uses(node.name, whole.name)
    graph.erase_node(node)


# ---- The function's interface ------------------------------------------------------------------

def _keep_tensors(program) -> list[str]:
    """Takes outputs that are constants out of the interface; says which."""
    signature = program.graph_signature
    dropped = []
    kept = []
    for index, spec in enumerate(signature.output_specs):
        if spec.kind == OutputKind.USER_OUTPUT and isinstance(spec.arg, ConstantArgument):
            dropped.append(f"output {index} is always {spec.arg.value!r} and left out")
            continue
        kept.append(spec)
    signature.output_specs[:] = kept
    return dropped


def _refuse_changes(program) -> None:
    """Refusal: the program changes something that has no place to keep the change."""
    signature = program.graph_signature
    changed = sorted(signature.user_inputs_to_mutate.values())
    if changed:
        raise Refusal(f"the model changes its argument {changed[0]}; let it return the new value")
    for spec in signature.output_specs:
        if spec.kind.name == "PARAMETER_MUTATION":
            raise Refusal(f"the model changes its parameter {spec.target}; make it a buffer")


def _typed(program, specs, kind, demote_f64: bool):
    """(name, shape, element) of the user's inputs or outputs, or None where one is no tensor."""
    nodes = {node.name: node for node in program.graph.nodes}
    typed = []
    for spec in specs:
        if spec.kind != kind or isinstance(spec.arg, ConstantArgument):
            continue
        value = nodes[spec.arg.name].meta.get("val")
        if not hasattr(value, "shape"):
            return None
        element = _ELEMENTS.get(str(value.dtype).removeprefix("torch."))
        if element is None:
            return None
        element = "f32" if element == "f64" and demote_f64 else element
        typed.append((spec.arg.name, [size if isinstance(size, int) else None
                                      for size in value.shape], element))
    return typed


def _output_names(program) -> list[str]:
    """A name for each output that the program's own structure gives one: keys of dicts."""
    from torch.utils import _pytree
    spec = program.call_spec.out_spec
    if spec is None:
        return []
    tree = _pytree.tree_unflatten(list(range(spec.num_leaves)), spec)
    paths = [path for path, _ in _pytree.tree_flatten_with_path(tree)[0]]
    return ["_".join(str(getattr(key, "key", getattr(key, "idx", ""))) for key in path)
            if any(isinstance(key, _pytree.MappingKey) for key in path) else "" for path in paths]


def _declare(module, program, names: list[str], function: str, demote_f64: bool) -> None:
    signature = program.graph_signature
    inputs = _typed(program, signature.input_specs, InputKind.USER_INPUT, demote_f64)
    outputs = _typed(program, signature.output_specs, OutputKind.USER_OUTPUT, demote_f64)
    if inputs is None or outputs is None:
        return
    names += [""] * (len(outputs) - len(names))
    outputs = [(name, shape, element) for name, (_, shape, element) in zip(names, outputs)]
    for operation in module.regions[0].blocks[0].operations:
        if operation.operation.name == "func.func" and operation.name.value == function:
            mlir_module.declare(operation.operation,
                                mlir_module.declaration(function, inputs, outputs))


def _layers(program, operator: str) -> str:
    """" in LAYER, ..." where the operator is used in named layers of the model."""
    overload = _overload(operator.removeprefix("torch."))
    found = []
    for node in program.graph.nodes:
        if node.target is not overload:
            continue
        stack = list((node.meta.get("nn_module_stack") or {}).values())
        path = stack[-1][0] if stack else ""
        if path and path not in found:
            found.append(path)
    if not found:
        return ""
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return f" in {', '.join(found[:3])}{more}"


# ---- The import --------------------------------------------------------------------------------

def _build(program, output: pathlib.Path, options: Options, archive: pathlib.Path | None,
           notes: list[str]) -> mlir_module.Weights:
    """Writes the MLIR of a program that is decomposed already; its weights."""
    ir = mlir_module.compiler_ir()
    from iree.compiler.extras import fx_importer
    names = _output_names(program)
    constants = [isinstance(spec.arg, ConstantArgument)
                 for spec in program.graph_signature.output_specs
                 if spec.kind == OutputKind.USER_OUTPUT]
    names = [name for name, constant in zip(names, constants) if not constant]
    notes += _keep_tensors(program)
    function = options.function or "main"
    module = ir.Module.create(ir.Location.unknown(ir.Context()))
    weights = mlir_module.Weights(module.operation, options.parameter_scope if archive else None)
    importer = fx_importer.FxImporter(module=module, hooks=_hooks(fx_importer, ir, weights))
    try:
        importer.import_program(program, func_name=function)
        _declare(module.operation, program, names, function, options.demote_f64)
        module.operation.verify()
    except (NotImplementedError, TypeError, ValueError, KeyError, AssertionError, RuntimeError,
            ir.MLIRError) as error:
        raise Refusal(f"{type(error).__name__}: {error}") from None
    mlir_module.write(module.operation, output, weights.bytes_inside > _READABLE_BYTES)
    return weights


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def import_program(program, output: pathlib.Path, options: Options) -> Imported:
    """The route `fx`, of a torch.export.ExportedProgram."""
    mlir_module.compiler_ir()
    total = sum(value.numel() * value.element_size() for value in program.state_dict.values())
    decompositions = Decompositions()
    reasons = []
    while True:
        notes: list[str] = []
        archive = mlir_module.archive_for(total, output, options, notes)
        try:
            decomposed = program.run_decompositions(decompositions.table)
        except Exception as error:  # a decomposition may raise anything
            raise Refusal(reasons[0] if reasons else
                          f"torch.export: {type(error).__name__}: {_one_line(str(error))}") from None
        _refuse_changes(decomposed)
        _settle_scatters(decomposed)
        refused = None
        try:
            weights = _build(decomposed, output, options, archive, notes)
            lowering.require(output, "torch")
            break
        except lowering.NotLowered as error:
            refused = error.problem.operator
            layers = _layers(decomposed, refused) if refused else ""
            reasons.append(f"{error}{layers}")
        except Refusal as error:
            reasons.append(_one_line(str(error)))
        if not decompositions.grow(refused):
            raise Refusal(reasons[0])
    if decompositions.added:
        notes.append(f"decomposed: {', '.join(decompositions.added)}")
    if archive:
        write_parameters(archive, weights.entries)
    return Imported(output, "torch", "fx", parameters=archive,
                    parameter_scope=options.parameter_scope if archive else "", notes=notes)
