"""Cells of TFLite: the files of tests/python/tflite, with what TensorFlow's interpreter answered.

The other way is the converter of Arm with IREE's compiler after it. (iree-import-tflite 20260316.1567
does not start with the TensorFlow that is current, 2.21.) Of int8, a step more or less is no error,
because TOSA rounds once where TFLite does twice.
"""
import pathlib
import subprocess
import sys
import tempfile

import compiled
import numpy as np

import eerie

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FILES = ROOT / "tests" / "python" / "tflite"
TITLE = "TFLite"
THEIRS = "tosa-converter-for-tflite and iree-compile"
MODELS = ["mlp", "cnn", "lstm", "int8"]
# Of the files only one takes any batch.
BATCHES = {"mlp": (False, True), "cnn": (False,), "lstm": (False,), "int8": (False,)}


def _theirs(source: pathlib.Path) -> eerie.Model:
    tool = pathlib.Path(sys.executable).parent / "tosa-converter-for-tflite"
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "model.mlir"
        done = subprocess.run([tool, "--bytecode", source, "-o", out], capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr or done.stdout)
        return compiled.compile_mlir(out.read_bytes(), "tosa")


def run(way: str, name: str, dynamic: bool) -> float:
    file = "dynamic" if dynamic else name
    source = FILES / f"{file}.tflite"
    model = _theirs(source) if way == "theirs" else eerie.compile(source)
    answers = np.load(FILES / f"{file}.npz")
    worst = 0.0
    for x, wanted in zip(answers["input"], answers["output"]):
        for rows in (len(x), 1, 2) if dynamic else (len(x),):
            got, want = np.asarray(model.find()(x[:rows])), wanted[:rows]
            if want.dtype == np.int8 and got.dtype == np.int8 and \
                    np.abs(got.astype(int) - want.astype(int)).max(initial=0) <= 1:
                got = want
            worst = max(worst, compiled.difference(got, [want]))
    return worst
