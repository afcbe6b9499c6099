"""Measures networks of 8 bits beside onnxruntime, and what the rewriting of the import brings.

    python bench/quantised.py [--build build/release] [--rounds 10] [--models conv,digits] [--write]

Each model is imported from ONNX with the rewrites of quantised products and without them, compiled by
`eerie compile`, and called in turn with onnxruntime by `eerie bench`, all on one thread. The least
times count, of the clock or of the processor: where others use the machine, long calls are never left
alone. --write puts the table into docs/benchmarks.md, between its marks. Needs what `make test`
needs.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy
import onnx
from onnx import TensorProto

import tables
from models import Builder

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/models"))
import quantised_digits  # noqa: E402

BEGIN, END = "<!-- quantised: begin -->\n", "<!-- quantised: end -->\n"
AS_IT_IS = ["--no-rewrite=integers", "--no-rewrite=quantised"]
SECONDS = 600  # of one command


class Bytes(Builder):
    """With weights and scales of quantised networks."""

    def bytes(self, *shape):
        return self.weight(array=self.random.integers(-127, 128, shape, numpy.int8))

    def scale(self, value, zero=0, kind=numpy.int8):
        return [self.weight(array=numpy.float32(value)), self.weight(array=kind(zero))]

    def scales(self, count):
        values = self.random.uniform(1e-3, 2e-3, count).astype(numpy.float32)
        return [self.weight(array=values), self.weight(array=numpy.zeros(count, numpy.int8))]


def product_integer(kind, size=1024):
    g = Bytes()
    if kind == "i8":
        g.add("MatMulInteger", "x", g.bytes(size, size))
    else:
        g.add("MatMulInteger", "x", g.bytes(size, size), g.weight(array=numpy.uint8(113)))
    element = {"i8": TensorProto.INT8, "u8": TensorProto.UINT8}[kind]
    return g.model([("x", [size, size])], element, TensorProto.INT32)


def product_linear(size=1024):
    g = Bytes()
    g.add("QLinearMatMul", "x", *g.scale(0.02, 113, numpy.uint8), g.bytes(size, size),
          *g.scale(1e-3), *g.scale(0.05, 120, numpy.uint8))
    return g.model([("x", [size, size])], TensorProto.UINT8, TensorProto.UINT8)


def product_between(size=1024):
    g = Bytes()
    x = g.add("DequantizeLinear", "x", *g.scale(0.02, 131, numpy.uint8))
    w = g.add("DequantizeLinear", g.bytes(size, size), *g.scales(size), axis=1)
    g.add("QuantizeLinear", g.add("MatMul", x, w), *g.scale(0.05, 135, numpy.uint8))
    return g.model([("x", [size, size])], TensorProto.UINT8, TensorProto.UINT8)


def convolution(channels=64, size=56, kernel=3, stride=1, groups=1, kind=numpy.uint8):
    g, half = Bytes(), 128 if kind is numpy.uint8 else 0
    x = g.add("DequantizeLinear", "x", *g.scale(0.02, half + 3, kind))
    w = g.add("DequantizeLinear", g.bytes(channels, channels // groups, kernel, kernel),
              *g.scales(channels), axis=0)
    y = g.add("Conv", x, w, kernel_shape=[kernel] * 2, pads=[kernel // 2] * 4,
              strides=[stride] * 2, group=groups)
    g.add("QuantizeLinear", g.add("Relu", y), *g.scale(0.05, half - 128, kind))
    element = TensorProto.UINT8 if half else TensorProto.INT8
    return g.model([("x", [1, channels, size, size])], element, element)


def digits(folder):
    quantised_digits.make(folder)
    return onnx.load(folder / "digits_int8.onnx")


MODELS = {
    "s8s8": ("MatMulInteger 1024, s8 and s8", lambda folder: product_integer("i8")),
    "u8s8": ("MatMulInteger 1024, u8 with a zero point and s8", lambda folder: product_integer("u8")),
    "qlinear": ("QLinearMatMul 1024, u8 and s8", lambda folder: product_linear()),
    "qdq": ("MatMul 1024 between DequantizeLinear and QuantizeLinear, u8 and s8",
            lambda folder: product_between()),
    "conv": ("Conv 3x3 between them, 64 to 64 channels, 56x56, u8 and s8",
             lambda folder: convolution()),
    "conv_s8": ("the same, s8 and s8", lambda folder: convolution(kind=numpy.int8)),
    "strided": ("Conv 3x3, every second place, u8 and s8", lambda folder: convolution(stride=2)),
    "pointwise": ("Conv 1x1, 256 to 256 channels, 28x28, u8 and s8",
                  lambda folder: convolution(256, 28, 1)),
    "depthwise": ("Conv 3x3, each of 128 channels by itself, 56x56, u8 and s8",
                  lambda folder: convolution(128, 56, groups=128)),
    "digits": ("CNN for digits, 8x8, from floats to floats", digits),
}


def run(eerie, *arguments):
    environment = dict(os.environ, EERIE_PYTHON=sys.executable)
    environment.setdefault("EERIE_COMPILER_LIB", str(ROOT / ".venv"))
    environment.setdefault("EERIE_ORT_PYTHON", sys.executable)
    done = subprocess.run([str(word) for word in (eerie, *arguments)], capture_output=True,
                          text=True, env=environment, timeout=SECONDS)
    if done.returncode:
        sys.exit("quantised: eerie %s failed:\n%s" % (arguments[0], done.stderr[-2000:]))
    return done.stdout


def measure(eerie, model, folder, options):
    """Least times in nanoseconds: rewritten, as it is, onnxruntime."""
    path = folder / "model.onnx"
    onnx.save(model(folder), path)
    modules = [folder / "rewritten.vmfb", folder / "plain.vmfb"]
    for module, more in zip(modules, ([], AS_IT_IS)):
        run(eerie, "compile", path, "-o", module, "--dim=batch=1" if model is digits else "-O2",
            "--quiet", *more)
    rows = json.loads(run(eerie, "bench", *modules, "--device=local-sync", "--json",
                          "--against=onnxruntime", f"--onnx={path}", f"--rounds={options.rounds}",
                          f"--min-time={options.seconds}"))
    least = {pathlib.Path(row["module"]).name: min(row["min_ns"], row["min_cpu_ns"])
             for row in rows}
    return [least[name.name] for name in (*modules, path)]


def table(rows):
    lines = ["| microseconds | Eerie | without the rewrites | onnxruntime %s | to onnxruntime | "
             "what the rewrites bring |\n|---|---|---|---|---|---|\n" % ort_version()]
    for title, (ours, plain, ort) in rows:
        lines.append("| %s | %s | %s | %s | %.2f | %.1f |\n" % (
            title, *("%.4g" % (ns / 1e3) for ns in (ours, plain, ort)), ours / ort, plain / ours))
    return "".join(lines)


def ort_version():
    import onnxruntime
    return onnxruntime.__version__


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each contender of a model")
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--write", action="store_true", help="put the table into the docs")
    options = parser.parse_args()
    rows = []
    for name in options.models.split(","):
        title, model = MODELS[name]
        with tempfile.TemporaryDirectory() as folder:
            rows.append((title, measure(options.build.resolve() / "eerie", model,
                                        pathlib.Path(folder), options)))
        print("%s: %s" % (title, " ".join("%.4g" % (ns / 1e3) for ns in rows[-1][1])), flush=True)
    text = table(rows)
    print(text, end="")
    if options.write:
        tables.put("benchmarks.md", BEGIN, END, text)


if __name__ == "__main__":
    main()
