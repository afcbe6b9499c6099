"""Cells of TFLite: the files of tests/python/tflite, with what TensorFlow's interpreter answered.

IREE has two importers of its own: its older program, and the converter of Arm with its compiler after
it. Both are tried, and the cell passes when one does. Of int8, a step more or less is no error, because
TOSA rounds once where TFLite does twice.
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
THEIRS = "iree-import-tflite or tosa-converter"
MODELS = ["mlp", "cnn", "lstm", "int8"]
# Of the files only one takes any batch.
BATCHES = {"mlp": (False, True), "cnn": (False,), "lstm": (False,), "int8": (False,)}
_TOOLS = (["iree-import-tflite", "{source}", "-o", "{out}"],
          ["tosa-converter-for-tflite", "--bytecode", "{source}", "-o", "{out}"])


def _theirs(source: pathlib.Path) -> eerie.Model:
    reasons = []
    for command in _TOOLS:
        tool = pathlib.Path(sys.executable).parent / command[0]
        if not tool.exists():
            continue
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "model.mlir"
            words = [part.format(source=source, out=out) for part in command[1:]]
            done = subprocess.run([tool, *words], capture_output=True, text=True, check=False)
            try:
                if done.returncode != 0:
                    raise RuntimeError((done.stderr or done.stdout).strip().splitlines()[-1])
                return compiled.compile_mlir(out.read_bytes(), "tosa")
            except RuntimeError as error:
                reasons.append(str(error))
    raise RuntimeError(reasons[-1] if reasons else "no importer of TFLite is installed")


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
