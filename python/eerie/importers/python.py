"""Python files: a function or module in them, of PyTorch or of JAX.

The file is run, like any program that one starts. Inputs are told by --input, or by the file itself:
a sequence `NAME_inputs`, or `example_inputs`, of arrays, of texts like those of --input, or of
tuples, lists and dicts of them.
"""
from __future__ import annotations

import pathlib
import runpy
import sys

from . import inputs
from .route import Imported, Inapplicable, MissingPackage, Options, Refusal, Route
from .source import Source, SourceError


def _load(source: Source, options: Options):
    """The object that the source names, its example inputs, and all names of the file."""
    sys.path.insert(0, str(source.path.resolve().parent))
    try:
        names = runpy.run_path(str(source.path), run_name="eerie_import")
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("jax", "torch"):
            raise MissingPackage(package, package) from None
        raise SourceError(f"{source.path}: it needs the Python package {package}, which is "
                          "missing") from None
    except (Exception, SystemExit) as error:
        raise SourceError(f"{source.path}: {type(error).__name__} while it ran: {error}") from error
    finally:
        sys.path.pop(0)
    if source.name not in names:
        there = ", ".join(sorted(name for name, value in names.items()
                                 if callable(value) and not name.startswith("_")))
        raise SourceError(f"{source.path}: no '{source.name}'; it has {there or 'nothing callable'}")
    examples = options.inputs or names.get(f"{source.name}_inputs", names.get("example_inputs"))
    if examples is None:
        raise SourceError(f"{source.path}: the inputs of {source.name} are not known: give --input "
                          f"for each, or define {source.name}_inputs in the file")
    if not isinstance(examples, (list, tuple)):
        raise SourceError(f"{source.path}: {source.name}_inputs is a {type(examples).__name__}, "
                          "expected a tuple of the inputs")
    inputs.check_dims(inputs.texts(examples), options)
    return names[source.name], list(inputs.examples(list(examples), options)), names


def framework_of(value, names: dict) -> str:
    """"torch" or "jax": what `value`, from a scope with these names, is made with."""
    torch = sys.modules.get("torch")
    if torch is not None and (isinstance(value, (torch.nn.Module, torch.export.ExportedProgram)) or
                              (isinstance(value, type) and issubclass(value, torch.nn.Module))):
        return "torch"
    scope = {**names, **getattr(value, "__globals__", {})}
    used = {getattr(entry, "__name__", None) or "" for entry in scope.values()}
    used |= {getattr(entry, "__module__", None) or "" for entry in scope.values()}
    packages = {name.partition(".")[0] for name in used if isinstance(name, str)}
    if type(value).__module__.partition(".")[0] in ("jax", "jaxlib") or "jax" in packages:
        return "jax"
    if "torch" in packages:
        return "torch"
    raise Refusal("neither a torch.nn.Module nor a function of a file that imports jax or torch")


def _by(route: str, load):
    def run(source: Source, output: pathlib.Path, options: Options) -> Imported:
        value, examples, names = load(source, options)
        if not callable(value):
            raise SourceError(f"{source.path}: {source.name} is a {type(value).__name__}, and cannot "
                              "be called")
        if options.function is None:
            options.function = source.name
        framework = framework_of(value, names)
        if framework != route.partition("-")[0]:
            raise Inapplicable(f"{source.name} is made with {framework}")
        if framework == "jax":
            from . import jax
            return jax.import_function(value, examples, output, options)
        from . import torch
        program = torch.export(torch.module_of(value), examples, options)
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
