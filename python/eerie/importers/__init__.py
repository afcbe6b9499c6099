"""From a framework's model file to MLIR that the IREE compiler takes.

    python -m eerie.importers model.onnx -o model.mlir
    imported = eerie.importers.import_model("model.onnx", "model.mlir")

A source has a kind (ONNX, a torch.export program, a TFLite file, ...), told from its name and its
first bytes. Each kind has routes, best first; when one cannot, the next is tried, and the result
says which was taken and why the others were not. None of this is needed to run a model.

    source.py     what a source is, its kind       onnx/    the ONNX route and its rewrites
    route.py      routes, results, refusals        torch.py, jax.py, tensorflow.py, tflite.py,
    __main__.py   the command                      sklearn.py, mlir.py    one file a kind
"""
from __future__ import annotations

from .route import Imported, ImportFailed, Options, Refusal, import_model
from .source import Source, find_source

__all__ = ["Imported", "ImportFailed", "Options", "Refusal", "Source", "find_source",
           "import_model"]
