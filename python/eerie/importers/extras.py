"""What each framework needs: the optional extras of the package, as pyproject.toml has them.

Kept here too because messages name packages that pip can install whether or not `eerie` itself
came from an index.
"""
from __future__ import annotations

import shlex
import sys

_COMPILER = "iree-base-compiler==3.13.0"
_ONNX = ["iree-base-compiler[onnx]==3.13.0", "onnx==1.23.2"]
EXTRAS = {
    "compile": [_COMPILER],
    "numpy": ["numpy>=1.26"],
    "onnx": _ONNX,
    "torch": [*_ONNX, "torch==2.13.0", "onnxscript", "safetensors"],
    "jax": [_COMPILER, "jax==0.10.2", "jaxlib==0.10.2", "flatbuffers"],
    "tf": [_ONNX[0], "tensorflow-cpu==2.21.0", "tf2onnx==1.17.0", "iree-tools-tf==20260316.1567"],
    "tflite": [_COMPILER, "tosa-converter-for-tflite==2026.2.0"],
    "sklearn": [*_ONNX, "scikit-learn"],
}


def command(extra: str) -> str:
    """What to type so that this Python has what the extra stands for."""
    python = sys.executable or "python3"
    return shlex.join([python, "-m", "pip", "install", *EXTRAS[extra]])
