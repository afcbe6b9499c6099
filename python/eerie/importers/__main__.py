"""The command: python -m eerie.importers, which is what `eerie import` runs."""
from __future__ import annotations

import argparse
import json
import pathlib
import sys

from . import quiet
from .route import Dim, ImportFailed, Options, import_model
from .source import SourceError, find_source


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
    parser.add_argument("--trust-pickle", action="store_true",
                        help="load a pickle, which can run any code: only of a file that you made")
    parser.add_argument("--keep-f64", action="store_true",
                        help="leave 64-bit floats as they are")
    parser.add_argument("--route", help="take this route only")
    parser.add_argument("--verbose", action="store_true",
                        help="show what the frameworks themselves say too")
    parser.add_argument("--json", action="store_true", help="print what was done as JSON")
    return parser.parse_args(argv)


def _report(imported, as_json: bool) -> None:
    if as_json:
        print(json.dumps({
            "output": str(imported.path), "input_type": imported.input_type,
            "route": imported.route,
            "parameters": str(imported.parameters) if imported.parameters else None,
            "parameter_scope": imported.parameter_scope, "notes": imported.notes,
            "refused": [{"route": route, "reason": why} for route, why in imported.refused]}))
        return
    for route, why in imported.refused:
        print(f"route {route} could not: {why}", file=sys.stderr)
    for note in imported.notes:
        print(note, file=sys.stderr)
    weights = f", weights in {imported.parameters}" if imported.parameters else ""
    print(f"{imported.path}: by route {imported.route}{weights}", file=sys.stderr)


def main(argv: list[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    try:
        source = find_source(arguments.source)
        options = Options(
            dims=dict(Dim.parse(text) for text in arguments.dim), inputs=arguments.input,
            weights=arguments.weights, function=arguments.function, parameters=arguments.parameters,
            parameter_scope=arguments.parameter_scope, inline_weights=arguments.inline_weights,
            opset=arguments.opset, trust_pickle=arguments.trust_pickle,
            demote_f64=not arguments.keep_f64, route=arguments.route)
        if arguments.check:
            from . import check
            return check.run(source, options, arguments.json)
        output = arguments.output or source.path.with_suffix(".mlir")
        with quiet.command(arguments.verbose):
            imported = import_model(source, output, options)
        _report(imported, arguments.json)
        return 0
    except (SourceError, ValueError) as error:
        print(f"error: INVALID_ARGUMENT: {error}", file=sys.stderr)
        return 2
    except ImportFailed as error:
        print(f"error: UNIMPLEMENTED: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
