"""eerie.compile: from a model of a framework, in memory or in a file, to functions to call.

Importing and compiling are done by the `eerie` command where it is installed beside this package or
on the PATH, else by iree-compile of the same Python environment. Neither is needed to run a model.
"""
from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import tempfile

from . import Model, load
from ._native import (FailedPreconditionError, InvalidArgumentError, NotFoundError,
                      UnimplementedError)

_HOST_FLAGS = ["--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu",
               "--iree-llvmcpu-target-cpu=host"]
_COMPILE_SECONDS = 3600
# So much of what a compiler says is told on.
_LINES, _LINE = 8, 400
_STATUS = {FailedPreconditionError: "FAILED_PRECONDITION", InvalidArgumentError: "INVALID_ARGUMENT",
           NotFoundError: "NOT_FOUND", UnimplementedError: "UNIMPLEMENTED"}


def _error(kind, text) -> Exception:
    """An exception like those that the library raises, with the name of its status."""
    error = kind(str(text))
    error.status = _STATUS[kind]
    return error


def compile(model, args=None, *, dims=None, kwargs=None, function: str | None = None, weights=(),
            parameters=None, inline_weights: bool = False, keep_f64: bool = False,
            route: str | None = None, target: str = "host", flags=(), output=None,
            device: str | None = None, threads: int = 0, cache=None, verbose: bool = False,
            trust_pickle: bool = False) -> Model:
    """Compiles `model` and loads it.

    `model` is a torch.nn.Module, a torch.export.ExportedProgram, a function of PyTorch or JAX, a
    jax.export.Exported, or a path: whatever `eerie import` takes. `args` are example arguments:
    arrays, or texts like ``"1x784xf32"``, also in tuples, lists and dicts; in
    ``"batchx784xf32"`` the first dimension is
    dynamic, and ``dims={"batch": (1, 64)}`` bounds it (``dims={"batch": 8}`` fixes it). The result's
    functions take and return the arrays in such structures one after the other.

    Weights go into the module up to 64 MB; `parameters` names an archive (.irpa, .safetensors) to
    write them to instead, `inline_weights` keeps them inside however many they are. `weights` names
    arguments of a JAX function that are parameters. `output` keeps the module at that path. `target`
    and `flags` are those of `eerie compile`; `device` and `threads` are those of ``eerie.load``.
    `trust_pickle` allows a path to be a pickle, which can run any code: only of a file that you made.

    `cache` keeps modules and takes them again when nothing has changed: True for the cache of
    `eerie compile`, a path for another folder, False for none, None for what EERIE_CACHE says. The
    model is imported each time, for it may be any object.

    Raises InvalidArgumentError for what is no model, or dimensions that do not exist;
    UnimplementedError where no way leads from the model to a module, with the compiler's words;
    FailedPreconditionError where a package is missing, with the command that brings it.
    """
    from .importers import quiet
    from .importers.route import Dim, Options
    options = Options(
        dims={name: _dim(name, size, Dim) for name, size in dict(dims or {}).items()},
        function=function, weights=[str(name) for name in weights],
        parameters=pathlib.Path(parameters) if parameters is not None else None,
        inline_weights=inline_weights, demote_f64=not keep_f64, route=route,
        trust_pickle=trust_pickle)
    with tempfile.TemporaryDirectory(prefix="eerie-compile-") as folder:
        mlir = pathlib.Path(folder) / "model.mlir"
        module = pathlib.Path(output) if output is not None else mlir.with_suffix(".vmfb")
        if verbose:
            imported = _import(model, args, kwargs, mlir, options)
        else:
            with quiet.library():
                imported = _import(model, args, kwargs, mlir, options)
        given = [*(["--iree-input-demote-f64-to-f32=false"] if keep_f64 else []), *flags]
        _compile(imported, module, target, given, cache)
        archives = None
        if imported.parameters:
            archives = {imported.parameter_scope: _kept(imported.parameters, output)}
        return load(module if output is not None else module.read_bytes(), device=device,
                    threads=threads, parameters=archives)


def _dim(name: str, size, kind):
    if isinstance(size, int):
        return kind(size, size)
    if size is None or size == "?":
        return kind(0, None)
    least, most = size
    if not 0 <= least <= most:
        raise _error(InvalidArgumentError, f"dimension {name}: sizes from {least} to {most}")
    return kind(least, most)


# ---- Importing ---------------------------------------------------------------------------------

def _import(model, args, kwargs, mlir: pathlib.Path, options):
    from .importers.route import ImportFailed, MissingPackage, Refusal, import_model
    from .importers.source import SourceError
    try:
        if isinstance(model, (str, os.PathLike)):
            options.inputs = list(args or ())
            return import_model(os.fspath(model), mlir, options)
        return _import_object(model, args, kwargs, mlir, options)
    except MissingPackage as error:
        raise _error(FailedPreconditionError, str(error)) from None
    except (ImportFailed, Refusal) as error:
        raise _error(UnimplementedError, str(error)) from None
    except (SourceError, ValueError) as error:
        raise _error(InvalidArgumentError, str(error)) from None


def _import_object(model, args, kwargs, mlir: pathlib.Path, options):
    from .importers import inputs, python
    from .importers.source import SourceError
    options.function = options.function or getattr(model, "__name__", None)
    if options.function and not options.function.isidentifier():
        options.function = "main"  # of a lambda
    if not callable(model) and not hasattr(model, "call_spec") and \
            not hasattr(model, "mlir_module_serialized"):
        raise SourceError(f"a {type(model).__name__}: expected a path, a module or a function")
    framework = python.framework_of(model, _surroundings(model, args))
    if framework == "jax":
        from .importers import jax
        if jax.is_exported(model):
            return jax.import_exported(model, mlir, options)
    else:
        from .importers import torch
        if hasattr(model, "graph_signature"):
            return _try_routes(torch, model, mlir, options)
    if args is None:
        raise SourceError("the model's inputs are not known: give args, such as (\"1x784xf32\",)")
    if not isinstance(args, (tuple, list)):
        args = (args,)
    inputs.check_dims(inputs.texts((args, kwargs or {})), options)
    examples = inputs.examples(list(args), options)
    if framework == "jax":
        return jax.import_function(model, examples, mlir, options)
    program = torch.export(torch.module_of(model), examples, options,
                           inputs.examples(dict(kwargs or {}), options))
    return _try_routes(torch, program, mlir, options)


def _try_routes(torch, program, mlir: pathlib.Path, options):
    """The routes of a torch.export program, in their order."""
    from .importers.route import Refusal
    reasons = []
    for name, route in (("fx", torch.import_program), ("onnx", torch.program_by_onnx)):
        if options.route not in (None, name, f"torch-{name}"):
            continue
        try:
            return route(program, mlir, options)
        except Refusal as error:
            reasons.append(f"{name}: {error}")
    raise Refusal("\n".join(reasons) or f"no route '{options.route}'; there is fx, onnx")


def _surroundings(model, args) -> dict[str, object]:
    """What tells of the framework of a function whose own globals do not: its arguments."""
    from .importers import inputs
    leaves = inputs.leaves(list(args or ()))
    arguments = {str(index): type(leaf) for index, leaf in enumerate(leaves)}
    wrapped = getattr(model, "__wrapped__", None) or getattr(model, "func", None)
    return {**getattr(wrapped, "__globals__", {}), **arguments}


# ---- Compiling ---------------------------------------------------------------------------------

def _beside(name: str) -> str | None:
    """A program of this Python environment, or one on the PATH."""
    for folder in (sysconfig.get_path("scripts"), pathlib.Path(sys.executable).parent):
        path = pathlib.Path(folder) / name
        if os.access(path, os.X_OK):
            return str(path)
    return shutil.which(name)


def _cache_flags(cache) -> tuple[list[str], bool]:
    """What `eerie compile` is told, and whether a cache is used."""
    always = os.environ.get("EERIE_CACHE", "") not in ("", "off")
    if cache is None:
        return [], always
    if isinstance(cache, bool):
        return ["--cache=on"] if cache else ["--cache=off"] * always, cache
    return [f"--cache={os.path.abspath(os.fspath(cache))}"], True


def _compile(imported, module: pathlib.Path, target: str, flags: list[str], cache) -> None:
    """From the MLIR of an import to a module."""
    more, cached = _cache_flags(cache)
    if not _beside("eerie"):
        more, cached = [], False
    if not cached:
        _run(_command(str(imported.path), module, imported.input_type, target, [*more, *flags]))
        return
    # The path of this one time would be a part of what the module is known by.
    with open(imported.path, "rb") as source:
        _run(_command("-", module, imported.input_type, target, [*more, *flags]), source)


def _command(mlir: str, module: pathlib.Path, input_type: str, target: str,
             flags: list[str]) -> list[str]:
    tail = [mlir, "-o", str(module), f"--iree-input-type={input_type}", *map(str, flags)]
    eerie = _beside("eerie")
    compiler = _beside("iree-compile")
    if eerie:
        here = [f"--compiler={sys.prefix}"] if _has_compiler() else []
        return [eerie, "compile", "--quiet", f"--target={target}", *here, *tail]
    if not compiler:
        raise _error(FailedPreconditionError, "the Python package iree-base-compiler is missing: "
                     "pip install 'eerie[compile]'")
    if target != "host":
        raise _error(NotFoundError, f"target {target} needs the eerie command, which is neither "
                     f"beside {sys.executable} nor on the PATH")
    return [compiler, *_HOST_FLAGS, *tail]


def _has_compiler() -> bool:
    import importlib.util
    try:
        return importlib.util.find_spec("iree.compiler") is not None
    except ModuleNotFoundError:
        return False


def _run(command: list[str], source=None) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace",
                              timeout=_COMPILE_SECONDS, check=False, stdin=source)
    except subprocess.TimeoutExpired:
        raise _error(UnimplementedError,
                     f"the compiler did not end in {_COMPILE_SECONDS} s") from None
    if done.returncode == 0:
        return
    from .importers.lowering import judge
    problem = judge(done.stderr)
    lines = [line[:_LINE] for line in done.stderr.splitlines() if "error: " in line][:_LINES] or \
        done.stderr.strip().splitlines()[-_LINES:] or [f"it ended with {done.returncode}"]
    said = "\n".join(lines)
    raise _error(UnimplementedError, f"{problem}\n{said}" if problem else said)


def _kept(archive: pathlib.Path, output) -> pathlib.Path:
    """Where the archive stays: beside the module that is kept, if it is in the scratch folder."""
    if output is None or "eerie-compile-" not in str(archive.parent.name):
        return archive
    kept = pathlib.Path(output).with_suffix(archive.suffix)
    shutil.move(archive, kept)
    return kept
