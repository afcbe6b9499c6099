"""Python files: a function or module in them, of PyTorch or of JAX.

The file is run, like any program that one starts. Inputs are told by --input, or by the file itself:
a sequence `NAME_inputs`, or `example_inputs`, of arrays.
"""
from __future__ import annotations

import pathlib
import runpy
import sys

from . import inputs
from .route import Imported, Options, Refusal, Route
from .source import Source, SourceError


def _load(source: Source, options: Options):
    """The object that the source names, and its example inputs."""
    sys.path.insert(0, str(source.path.resolve().parent))
    try:
        names = runpy.run_path(str(source.path), run_name="eerie_import")
    except Exception as error:
        raise SourceError(f"{source.path}: {type(error).__name__} while it ran: {error}") from error
    finally:
        sys.path.pop(0)
    if source.name not in names:
        there = ", ".join(sorted(name for name, value in names.items()
                                 if callable(value) and not name.startswith("_")))
        raise SourceError(f"{source.path}: no '{source.name}'; it has {there or 'nothing callable'}")
    if options.inputs:
        examples = [inputs.parse(text, options) for text in options.inputs]
    else:
        examples = names.get(f"{source.name}_inputs", names.get("example_inputs"))
        if examples is None:
            raise SourceError(f"{source.path}: the inputs of {source.name} are not known: give "
                              f"--input for each, or define {source.name}_inputs in the file")
    return names[source.name], list(examples), names


def _framework(value, names: dict) -> str:
    """"torch" or "jax": what `value` is made with."""
    torch = sys.modules.get("torch")
    if torch is not None and (isinstance(value, torch.nn.Module) or
                              (isinstance(value, type) and issubclass(value, torch.nn.Module))):
        return "torch"
    scope = {**names, **getattr(value, "__globals__", {})}
    used = {getattr(entry, "__name__", "").partition(".")[0] for entry in scope.values()}
    if "jax" in used or type(value).__module__.startswith("jax"):
        return "jax"
    if "torch" in used:
        return "torch"
    raise Refusal("neither a torch.nn.Module nor a function of a file that imports jax or torch")


def _module_of(value):
    """`value` as a torch.nn.Module."""
    import torch
    if isinstance(value, type):
        value = value()
    if isinstance(value, torch.nn.Module):
        return value

    class Wrapped(torch.nn.Module):
        def forward(self, *args):
            return value(*args)
    return Wrapped()


def _by(route: str, load):
    def run(source: Source, output: pathlib.Path, options: Options) -> Imported:
        value, examples, names = load(source, options)
        if options.function is None:
            options.function = source.name
        framework = _framework(value, names)
        if framework != route.partition("-")[0]:
            raise Refusal(f"{source.name} is made with {framework}")
        if framework == "jax":
            from . import jax
            return jax.import_function(value, examples, output, options)
        from . import torch
        program = torch.export(_module_of(value), examples, options)
        by = torch.import_program if route == "torch-fx" else torch.program_by_onnx
        return by(program, output, options)
    return run


def routes(kind: str) -> list[Route]:
    del kind
    loaded = []

    def load(source: Source, options: Options):
        # Once for all routes: what the file draws at random must not differ between them.
        if not loaded:
            loaded.append(_load(source, options))
        return loaded[0]

    return [Route(name, _by(name, load)) for name in ("jax", "torch-fx", "torch-onnx")]
