"""ONNX to MLIR, through the importer that comes with the IREE compiler.

    model.py       loading, weights apart, opsets, dimensions
    rewrite.py     which rewrites are done, in which order
    rewrites/      operators that do not lower, said with those that do; one file a family
    importing.py   from the graph to MLIR, weights inside or as parameters
"""
from __future__ import annotations

import pathlib

from ..route import Imported, MissingPackage, Options, Refusal, Route
from ..source import Source


def import_onnx(source: Source, output: pathlib.Path, options: Options) -> Imported:
    try:
        import onnx as onnx_package  # noqa: F401
    except ImportError:
        raise MissingPackage("onnx", "onnx") from None
    from . import importing, model
    return importing.run(model.load(source.path), output, options)


def routes(kind: str) -> list[Route]:
    del kind
    return [Route("onnx", import_onnx)]


__all__ = ["Refusal", "import_onnx", "routes"]
