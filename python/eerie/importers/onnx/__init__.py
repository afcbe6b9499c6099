"""ONNX to MLIR, through the importer that comes with the IREE compiler.

    model.py       loading, weights apart, opsets, dimensions
    narrow.py      numbers of eight bits and fewer, as bytes
    fold.py        constants computed now
    checking.py    which nodes do not lower
    fusing.py      rewrites that pay, each with a switch; integers/ has those of quantised networks
    surgery.py     what these share
    rewrite.py     which rewrites are done, in which order
    rewrites/      operators that do not lower, said with those that do; one file a family
    importing.py   from the graph to MLIR, weights inside or as parameters
"""
from __future__ import annotations

import pathlib

from ..route import Imported, MissingPackage, Options, Refusal, Route
from ..source import Source, SourceError


def import_onnx(source: Source, output: pathlib.Path, options: Options) -> Imported:
    try:
        import onnx as onnx_package  # noqa: F401
    except ImportError:
        raise MissingPackage("onnx", "onnx") from None
    from . import importing, model
    loaded = model.load(source.path, every=options.parameters is not None)
    try:
        return importing.run(loaded, output, options)
    except (Refusal, SourceError):
        raise
    except Exception as error:  # a graph that is none can break anything that looks at it
        model.validate(source.path)
        raise Refusal(f"{type(error).__name__}: {model.first_line(error)}") from error


def routes(kind: str) -> list[Route]:
    del kind
    return [Route("onnx", import_onnx)]


__all__ = ["Refusal", "import_onnx", "routes"]
