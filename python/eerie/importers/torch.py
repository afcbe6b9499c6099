"""PyTorch: programs of torch.export, and modules out of Python files.

Routes: `fx` (torch_graph.py) imports the exported graph with the importer of the compiler's wheel;
`onnx` goes through torch.onnx.export.
"""
from __future__ import annotations

import pathlib
import tempfile

from . import mlir_module
from .inputs import Example
from .route import Imported, MissingPackage, Options, Refusal, Route
from .source import Source, SourceError


def _torch():
    try:
        import torch
        import torch.export
    except ImportError:
        raise MissingPackage("torch", "torch") from None
    return torch


def _last_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__


def _first_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0].strip()}" if lines else type(error).__name__


# ---- Routes ------------------------------------------------------------------------------------

def import_program(program, output: pathlib.Path, options: Options) -> Imported:
    """The route `fx`, of a torch.export.ExportedProgram."""
    mlir_module.compiler_ir()
    from . import torch_graph
    return torch_graph.import_program(program, output, options)


def program_by_onnx(program, output: pathlib.Path, options: Options) -> Imported:
    """The route `onnx`, of a torch.export.ExportedProgram."""
    torch = _torch()
    from .onnx import import_onnx
    signature = program.run_decompositions({}).graph_signature
    changed = sorted({*signature.buffers_to_mutate.values(),
                      *signature.user_inputs_to_mutate.values()})
    if changed:
        raise Refusal(f"the model changes {', '.join(changed)}, which ONNX has no way to say")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.onnx"
        try:
            torch.onnx.export(program, (), str(path), dynamo=True, verbose=False)
        except ImportError:
            raise MissingPackage("onnxscript", "torch") from None
        except Exception as error:  # every pass of the exporter has exceptions of its own
            raise Refusal(f"torch.onnx.export: {_last_line(error)}") from None
        imported = import_onnx(Source(path, "onnx"), output, options)
    imported.route = "onnx"
    return imported


def _load(source: Source, options: Options):
    torch = _torch()
    try:
        program = torch.export.load(str(source.path))
    except Exception as error:  # of zip files, JSON, versions
        raise SourceError(f"{source.path} is no program of torch.export: {_last_line(error)}"
                          ) from None
    if options.dims:
        raise SourceError(f"{source.path}: no dimension '{next(iter(options.dims))}': an exported "
                          "program keeps the sizes that it was exported with, and no names; say what "
                          "is dynamic in torch.export.export(dynamic_shapes=...)")
    return program


def routes(kind: str) -> list[Route]:
    del kind
    return [
        Route("fx", lambda source, output, options: import_program(
            _load(source, options), output, options)),
        Route("onnx", lambda source, output, options: program_by_onnx(
            _load(source, options), output, options)),
    ]


# ---- Modules -----------------------------------------------------------------------------------

def module_of(value):
    """`value`, a module, a class of them or a function, as a torch.nn.Module.

    Modules that a function uses keep their names, so that their weights have keys.
    """
    torch = _torch()
    if isinstance(value, type):
        value = value()
    if isinstance(value, torch.nn.Module):
        return value
    used = {name: entry for name, entry in _variables(value).items()
            if isinstance(entry, torch.nn.Module)}

    class Wrapped(torch.nn.Module):
        def __init__(self):
            super().__init__()
            for name, module in used.items():
                self.add_module(name, module)

        def forward(self, *args, **keywords):
            return value(*args, **keywords)
    return Wrapped()


def _variables(function) -> dict[str, object]:
    """Globals and variables of an outer function that `function` uses, by name."""
    code = getattr(function, "__code__", None)
    if code is None:
        return {}
    found = {name: function.__globals__[name] for name in code.co_names
             if name in function.__globals__}
    for name, cell in zip(code.co_freevars, function.__closure__ or ()):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    return found


def _symbols(examples, options: Options) -> dict[str, object]:
    """A dimension of torch.export for each name in `examples`."""
    torch = _torch()
    from torch.utils import _pytree
    symbols: dict[str, object] = {}
    for example in _pytree.tree_leaves(examples):
        for name in example.names.values() if isinstance(example, Example) else ():
            wanted = options.dims.get(name)
            limits = {}
            if wanted is not None and wanted.most is not None:
                limits = {"min": max(wanted.least, 1), "max": wanted.most}
            symbols.setdefault(name, torch.export.Dim(name, **limits))
    return symbols


def _dynamic(examples, symbols):
    """What torch.export takes as dynamic shapes, in the form of `examples`."""
    from torch.utils import _pytree
    return _pytree.tree_map(
        lambda example: {index: symbols[name] for index, name in example.names.items()} or None
        if isinstance(example, Example) else None, examples)


def _values(examples):
    torch = _torch()
    from torch.utils import _pytree

    def value(example):
        if isinstance(example, Example):
            return example.torch()
        if hasattr(example, "__array__") and not isinstance(example, torch.Tensor):
            return torch.as_tensor(example.__array__())
        return example
    return _pytree.tree_map(value, examples)


def export(module, arguments, options: Options, keywords: dict | None = None):
    """A module of PyTorch as an exported program; named dimensions of `arguments` stay dynamic."""
    torch = _torch()
    arguments, keywords = tuple(arguments), dict(keywords or {})
    symbols = _symbols((arguments, keywords), options)
    shapes = None
    if symbols:
        shapes = _dynamic(arguments, symbols)
        if keywords:
            import inspect
            names = list(inspect.signature(module.forward).parameters)
            shapes = {**dict(zip(names, shapes)), **_dynamic(keywords, symbols)}
    training = module.training
    try:
        return torch.export.export(module.eval(), _values(arguments), _values(keywords) or None,
                                   dynamic_shapes=shapes)
    except Exception as error:  # what cannot be traced comes as many classes
        raise Refusal(f"torch.export: {_reason(error)}") from None
    finally:
        module.train(training)


def _reason(error: Exception) -> str:
    """The first line of what torch.export says, and the line of the model that it is about."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    for index, line in enumerate(lines):
        if line.startswith("The following call raised this error") and index + 2 < len(lines):
            return f"{_first_line(error)} {lines[index + 1]}: {lines[index + 2]}"
    return _first_line(error)

