"""TensorFlow: SavedModel folders and Keras files.

Routes: `tf2onnx`, which keeps dynamic batches and takes LSTMs, then `savedmodel`, which takes
transformers of fixed shape.
"""
from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile

from . import tools
from .route import Imported, MissingPackage, Options, Refusal, Route
from .source import Source


@contextlib.contextmanager
def _saved_model(source: Source):
    """The folder of a SavedModel: the source itself, or what Keras makes of it."""
    if source.kind == "saved_model":
        yield source.path
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import keras
    except ImportError:
        raise MissingPackage("tensorflow-cpu", "tf") from None
    with tempfile.TemporaryDirectory() as folder:
        try:
            keras.models.load_model(str(source.path), compile=False).export(folder, verbose=False)
        except Exception as error:  # of HDF5, JSON, layers that are not known
            raise Refusal(f"{source.path}: {type(error).__name__}: {error}") from None
        yield pathlib.Path(folder)


def by_onnx(source: Source, output: pathlib.Path, options: Options) -> Imported:
    from .onnx import import_onnx
    try:
        import tf2onnx  # noqa: F401
    except ImportError:
        raise MissingPackage("tf2onnx", "tf") from None
    with _saved_model(source) as folder, tempfile.TemporaryDirectory() as scratch:
        path = pathlib.Path(scratch) / "model.onnx"
        command = [sys.executable, "-m", "tf2onnx.convert", "--saved-model", str(folder), "--output",
                   str(path), "--opset", str(options.opset or 18)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0 or not path.exists():
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            raise Refusal(f"tf2onnx: {lines[-1] if lines else 'it failed without a word'}")
        imported = import_onnx(Source(path, "onnx"), output, options)
    imported.route = "tf2onnx"
    return imported


def by_saved_model(source: Source, output: pathlib.Path, options: Options) -> Imported:
    with _saved_model(source) as folder:
        tools.run("iree-import-tf",
                  ["--tf-import-type=savedmodel_v2",
                   f"--tf-savedmodel-exported-names={options.function or 'serving_default'}",
                   str(folder), "-o", str(output)], "iree-tools-tf", "tf")
    return Imported(output, "stablehlo", "savedmodel")


def routes(kind: str) -> list[Route]:
    del kind
    return [Route("tf2onnx", by_onnx), Route("savedmodel", by_saved_model)]
