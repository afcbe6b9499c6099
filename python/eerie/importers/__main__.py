"""The command: python -m eerie.importers, which is what `eerie import` and `eerie compile` run."""
from __future__ import annotations

import argparse
import json
import os
import pathlib
import shutil
import signal
import sys
import tempfile

from .. import _files
from . import depends, quiet
from .route import Dim, Imported, ImportFailed, Options, import_model
from .source import Source, SourceError, find_source

# The exit codes of the eerie command; `eerie help exit-codes` has them all.
_OK, _REFUSED, _USAGE, _BAD_INPUT, _MISSING, _OUTPUT = range(6)
# Those of onnx/rewrite.py, which brings a framework along.
_REWRITES = ["constants", "batchnorm", "transposes", "integers", "quantised", "windows"]


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="eerie import", description="A framework's model file to MLIR for `eerie compile`.",
        epilog="example: eerie import model.onnx -o model.mlir --dim batch=1:64")
    parser.add_argument("source", help=".onnx, .pt2, file.py:name, .stablehlo, .mlir, a SavedModel "
                        "folder, .keras, .tflite, .pkl")
    parser.add_argument("-o", "--output", type=pathlib.Path, help="MLIR to write (default: beside "
                        "the source, with the suffix .mlir)")
    parser.add_argument("--check", action="store_true",
                        help="list every operator that will not lower, and write nothing")
    parser.add_argument("--dim", action="append", default=[], metavar="NAME=SIZE",
                        help="a dimension by name: a size, LEAST:MOST, or ? for any")
    parser.add_argument("--input", action="append", default=[], metavar="SHAPExDTYPE",
                        help="an example input for Python files: 1x784xf32")
    parser.add_argument("--weights", action="append", default=[], metavar="ARGUMENT",
                        help="of a JAX function: this argument, by name or position, is the "
                        "parameters of the model and no input of the function")
    parser.add_argument("--function", help="what the function is called in the module")
    parser.add_argument("--parameters", type=pathlib.Path, metavar="FILE",
                        help="write weights to this .irpa or .safetensors instead of into the MLIR")
    parser.add_argument("--parameter-scope", default="model",
                        help="scope of those weights (default: model)")
    parser.add_argument("--inline-weights", action="store_true",
                        help="keep weights in the MLIR however large they are")
    parser.add_argument("--opset", type=int, help="convert ONNX models to this opset first")
    parser.add_argument("--no-rewrite", action="append", default=[], metavar="NAME",
                        choices=_REWRITES, help="leave out a rewrite of ONNX graphs: " +
                        ", ".join(_REWRITES))
    parser.add_argument("--trust-pickle", action="store_true",
                        help="load a pickle, which can run any code: only of a file that you made")
    parser.add_argument("--keep-f64", action="store_true",
                        help="leave 64-bit floats as they are")
    parser.add_argument("--route", help="take this route only")
    parser.add_argument("--verbose", action="store_true",
                        help="show what the frameworks themselves say too")
    parser.add_argument("--quiet", action="store_true", help="print nothing but what is wrong")
    parser.add_argument("--json", action="store_true", help="print what was done as JSON")
    # For programs: who complains, where weights go that are too large for the module, and a file
    # that is told what was done.
    parser.add_argument("--program", default="import", help=argparse.SUPPRESS)
    parser.add_argument("--archive", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--result", type=pathlib.Path, help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def _options(arguments: argparse.Namespace) -> Options:
    return Options(
        dims=dict(Dim.parse(text) for text in arguments.dim), inputs=arguments.input,
        weights=arguments.weights, function=arguments.function, parameters=arguments.parameters,
        archive=arguments.archive, parameter_scope=arguments.parameter_scope,
        inline_weights=arguments.inline_weights, opset=arguments.opset,
        trust_pickle=arguments.trust_pickle, demote_f64=not arguments.keep_f64,
        route=arguments.route, no_rewrite=arguments.no_rewrite)


# ---- Telling -----------------------------------------------------------------------------------

def _say(program: str, text: str) -> None:
    """One line on standard error, whatever the text has in it."""
    print(f"eerie {program}: {' '.join(text.split())}", file=sys.stderr)


def _report_json(imported: Imported) -> None:
    print(json.dumps({
        "output": str(imported.path), "input_type": imported.input_type, "route": imported.route,
        "parameters": str(imported.parameters) if imported.parameters else None,
        "parameter_scope": imported.parameter_scope, "notes": imported.notes,
        "refused": [{"route": route, "reason": why} for route, why in imported.refused]}))


def _depends(source: Source, imported: Imported, arguments: argparse.Namespace) -> str:
    """What the import depends on, unless it had something to say, which would not be said again."""
    if imported.parameters or imported.refused or imported.notes:
        return ""
    return depends.lines(source, [pathlib.Path(arguments.output).parent,
                                  pathlib.Path(tempfile.gettempdir())])


def _report(source: Source, imported: Imported, arguments: argparse.Namespace) -> None:
    if arguments.json:
        _report_json(imported)
    if arguments.result:
        arguments.result.write_text(
            f"input_type={imported.input_type}\nroute={imported.route}\n"
            f"parameters={imported.parameters or ''}\n"
            f"parameter_scope={imported.parameter_scope}\n"
            + _depends(source, imported, arguments), encoding="utf-8")
    if arguments.quiet or arguments.json:
        return
    for route, why in imported.refused:
        _say(arguments.program, f"route {route} could not: {why}")
    for note in imported.notes:
        _say(arguments.program, note)
    if not arguments.result:
        weights = f", weights in {imported.parameters}" if imported.parameters else ""
        _say(arguments.program, f"{imported.path}: {imported.input_type} by route "
             f"{imported.route}{weights}")


# ---- The import --------------------------------------------------------------------------------

def _default_output(source: Source) -> pathlib.Path:
    stem = source.path.resolve() if source.path.name in ("", "..") else source.path
    return stem.with_name(f"{source.name or stem.stem}.mlir")


def _import(source: Source, output: pathlib.Path, options: Options, verbose: bool) -> Imported:
    """Imports into a folder beside the output; files take their places when all is done."""
    to_stdout = str(output) == "-"
    elsewhere = to_stdout or (output.exists() and not output.is_file())
    with tempfile.TemporaryDirectory(dir=None if elsewhere else output.parent,
                                     prefix=".eerie-import-") as folder:
        made = pathlib.Path(folder) / ("model.mlir" if to_stdout else output.name)
        with quiet.command(verbose):
            imported = import_model(source, made, options)
        if imported.parameters and imported.parameters.parent == made.parent:
            place = output.parent / imported.parameters.name
            _files.put(imported.parameters, place)
            imported.parameters = place
        if to_stdout:
            with made.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
        else:
            _files.put(made, output)
        imported.path = output
    return imported


class _Ended(KeyboardInterrupt):
    """SIGTERM: no code on the way catches this one."""


def _end(number: int, frame) -> None:
    del number, frame
    raise _Ended


def _run(arguments: argparse.Namespace) -> int:
    source = find_source(arguments.source)
    options = _options(arguments)
    if arguments.result:
        depends.watch()
    if arguments.check:
        from . import check
        return check.run(source, options, arguments.json)
    output = arguments.output or _default_output(source)
    folder = pathlib.Path(output).parent
    if not os.access(folder, os.W_OK):
        why = "permission denied" if folder.exists() else "no such folder"
        _say(arguments.program, f"cannot write {output}: {why}")
        return _OUTPUT
    imported = _import(source, output, options, arguments.verbose)
    _report(source, imported, arguments)
    return _OK


def main(argv: list[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    signal.signal(signal.SIGTERM, _end)  # so that temporary files go
    try:
        return _run(arguments)
    except _Ended:
        return 128 + signal.SIGTERM
    except SourceError as error:
        _say(arguments.program, str(error))
        return _BAD_INPUT
    except ImportFailed as error:
        _say(arguments.program, str(error))
        return _MISSING if error.missing else _REFUSED
    except ValueError as error:
        if arguments.verbose:
            raise
        _say(arguments.program, str(error))
        return _USAGE
    except OSError as error:
        _say(arguments.program, str(error))
        return _OUTPUT
    except Exception as error:  # a framework's own defect must not end in a page of its frames
        if arguments.verbose:
            raise
        _say(arguments.program, f"{arguments.source}: {type(error).__name__}: {error}; --verbose "
             "shows where")
        return _REFUSED


if __name__ == "__main__":
    sys.exit(main())
