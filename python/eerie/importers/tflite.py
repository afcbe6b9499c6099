"""TFLite files: through TOSA, with the converter of Arm, which needs no TensorFlow."""
from __future__ import annotations

import pathlib

from . import tools
from .route import Imported, Options, Route
from .source import Source


def import_tflite(source: Source, output: pathlib.Path, options: Options) -> Imported:
    del options
    # As text this dialect changes between releases; its bytecode does not.
    tools.run("tosa-converter-for-tflite", ["--bytecode", str(source.path), "-o", str(output)],
              "tosa-converter-for-tflite", "tflite")
    return Imported(output, "tosa", "tosa")


def routes(kind: str) -> list[Route]:
    del kind
    return [Route("tosa", import_tflite)]
