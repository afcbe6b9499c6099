"""Measures how long models take to become modules, beside the compiler's own importer, and prints a
table in Markdown.

    python bench/import.py [--build build/release] [--rounds 5] [--only NAME] [--out out/import.json]

Compiles: `eerie compile model.onnx` and `iree-import-onnx` with `iree-compile` after it, alternating,
          with the same flags for the machine at hand.
Imports:  a network of the size of GPT-2 (124 million weights, 498 MB) by `eerie import` and by
          `iree-import-onnx`, weights left outside by both, and inside by the latter alone, which is
          what it does unasked. Whether the weights lie in the model's file or beside it is measured
          both ways.

Weights are drawn here; time does not depend on what they are. Each time is that of whole processes,
Python's start included, on the clock and of the processor, which other programs on the machine
disturb less; the minimum and the median over the rounds are given. A ratio is our time by the
peer's. Nothing fails here: the numbers are for reading, docs/frontends.md says what they say.
"""
from __future__ import annotations

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = pathlib.Path(__file__).resolve().parent.parent
OPSET = 18
# eerie's --target host.
HOST_FLAGS = ["--iree-input-type=onnx", "--iree-hal-target-device=local",
              "--iree-hal-local-target-device-backends=llvm-cpu", "--iree-llvmcpu-target-cpu=host"]
SECONDS = 900


# ---- Models ------------------------------------------------------------------------------------

class Builder:
    """A graph under construction: a node at a time, with weights drawn for it."""

    def __init__(self):
        self.nodes, self.weights = [], []
        self.random = np.random.default_rng(7)

    def node(self, operator: str, *inputs: str, **attributes) -> str:
        name = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name, **attributes))
        return name

    def keep(self, array) -> str:
        name = f"weight_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def draw(self, *shape: int) -> str:
        return self.keep(self.random.standard_normal(shape, np.float32) * np.float32(0.02))

    def ints(self, *values: int) -> str:
        return self.keep(np.array(values, np.int64))

    def number(self, value: float) -> str:
        return self.keep(np.array(value, np.float32))

    def model(self, result: str, kind: int, shape, results) -> onnx.ModelProto:
        result = self.node("Identity", result)
        graph = helper.make_graph(
            self.nodes, "main", [helper.make_tensor_value_info("x", kind, shape)],
            [helper.make_tensor_value_info(result, TensorProto.FLOAT, results)], self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)],
                                 ir_version=10)

    # Layers.

    def dense(self, x: str, rows: int, columns: int) -> str:
        return self.node("Add", self.node("MatMul", x, self.draw(rows, columns)), self.draw(columns))

    def convolution(self, x: str, inputs: int, outputs: int, size: int, stride: int = 1) -> str:
        y = self.node("Conv", x, self.draw(outputs, inputs, size, size), strides=[stride] * 2,
                      kernel_shape=[size] * 2, pads=[size // 2] * 4)
        one = np.ones(outputs, np.float32)
        return self.node("BatchNormalization", y, self.keep(one), self.draw(outputs),
                         self.draw(outputs), self.keep(one))

    def normal(self, x: str, width: int) -> str:
        return self.node("LayerNormalization", x, self.keep(np.ones(width, np.float32)),
                         self.draw(width), axis=-1)

    def gelu(self, x: str) -> str:
        cube = self.node("Mul", self.node("Mul", x, x), x)
        inner = self.node("Add", x, self.node("Mul", cube, self.number(0.044715)))
        slope = self.node("Tanh", self.node("Mul", inner, self.number(0.7978845608)))
        one = self.node("Add", slope, self.number(1))
        return self.node("Mul", self.node("Mul", x, one), self.number(0.5))

    def attention(self, x: str, steps: int, width: int, heads: int, mask: str) -> str:
        parts = []
        split = self.ints(1, steps, heads, width // heads)
        for _ in range(3):
            part = self.node("Reshape", self.dense(x, width, width), split)
            parts.append(self.node("Transpose", part, perm=[0, 2, 1, 3]))
        query, key, value = parts
        scores = self.node("MatMul", query, self.node("Transpose", key, perm=[0, 1, 3, 2]))
        scores = self.node("Mul", scores, self.number((width // heads) ** -0.5))
        weights = self.node("Softmax", self.node("Add", scores, mask), axis=-1)
        mixed = self.node("Transpose", self.node("MatMul", weights, value), perm=[0, 2, 1, 3])
        return self.dense(self.node("Reshape", mixed, self.ints(1, steps, width)), width, width)

    def block(self, x: str, steps: int, width: int, heads: int, mask: str) -> str:
        x = self.node("Add", x, self.attention(self.normal(x, width), steps, width, heads, mask))
        y = self.gelu(self.dense(self.normal(x, width), width, 4 * width))
        return self.node("Add", x, self.dense(y, 4 * width, width))


def mlp() -> onnx.ModelProto:
    """Three layers, 2.7 MB."""
    b = Builder()
    x = b.node("Relu", b.dense("x", 784, 512))
    x = b.node("Relu", b.dense(x, 512, 512))
    return b.model(b.node("Softmax", b.dense(x, 512, 10), axis=-1), TensorProto.FLOAT, ["n", 784],
                   ["n", 10])


def cnn() -> onnx.ModelProto:
    """Convolutions in residual blocks, 11 MB."""
    b = Builder()
    width, x = 32, b.node("Relu", b.convolution("x", 3, 32, 3))
    for next_width in (64, 128, 256):
        x = b.node("Relu", b.convolution(x, width, next_width, 3, 2))
        y = b.node("Relu", b.convolution(x, next_width, next_width, 3))
        x = b.node("Relu", b.node("Add", x, b.convolution(y, next_width, next_width, 3)))
        width = next_width
    x = b.node("Flatten", b.node("GlobalAveragePool", x))
    return b.model(b.dense(x, width, 100), TensorProto.FLOAT, [1, 3, 64, 64], [1, 100])


def transformer(layers=4, width=512, heads=8, steps=64, words=2000) -> onnx.ModelProto:
    """Blocks of attention over tokens, with a table of them, 55 MB."""
    b = Builder()
    table = b.draw(words, width)
    mask = b.keep(np.triu(np.full((steps, steps), -1e9, np.float32), 1))
    x = b.node("Add", b.node("Gather", table, "x", axis=0), b.draw(steps, width))
    for _ in range(layers):
        x = b.block(x, steps, width, heads, mask)
    logits = b.node("MatMul", b.normal(x, width), b.node("Transpose", table, perm=[1, 0]))
    return b.model(logits, TensorProto.INT64, [1, steps], [1, steps, words])


def gpt2() -> onnx.ModelProto:
    """The sizes of the smallest GPT-2, with its whole context."""
    return transformer(12, 768, 12, 1024, 50257)


# ---- Running -----------------------------------------------------------------------------------

class Tools:
    def __init__(self, build: pathlib.Path):
        scripts = ROOT / ".venv/bin"
        libraries = sorted((ROOT / ".venv/lib").glob("python3*/site-packages/iree/compiler/_mlir_libs"))
        if not libraries or not (scripts / "iree-import-onnx").exists():
            sys.exit("bench: iree-base-compiler[onnx] is not installed; run: tools/setup.sh build test")
        self.eerie = build / "eerie"
        self.importer = scripts / "iree-import-onnx"
        # The script of that name starts Python first.
        self.compiler = libraries[-1] / "iree-compile"
        if not self.eerie.exists():
            sys.exit(f"bench: no {self.eerie}; run: make build")


def seconds(*commands) -> tuple[float, float]:
    """Time of the commands, one after the other: on the clock, and of the processor."""
    def used():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime
    start, before = time.perf_counter(), used()
    for command in commands:
        words = [str(word) for word in command]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=SECONDS)
        if done.returncode != 0:
            sys.exit(f"bench: {' '.join(words)} failed:\n{done.stderr[-2000:]}")
    return time.perf_counter() - start, used() - before


def rows_of(name: str, ours: list, theirs: list, bar: float | None):
    """A row for the clock and one for the processor, as bench/run.py has them."""
    for index, unit in enumerate(("s", "s of CPU")):
        mine, other = ([times[index] for times in side] for side in (ours, theirs))
        yield {"name": name, "unit": unit, "bar": bar,
               "ours": {"min": min(mine), "median": statistics.median(mine), "all": mine},
               "theirs": {"min": min(other), "median": statistics.median(other), "all": other},
               "ratio_min": min(mine) / min(other),
               "ratio_median": statistics.median(mine) / statistics.median(other)}


def measure_compiles(tools: Tools, folder: pathlib.Path, rounds: int, only: str | None):
    for build in (mlp, cnn, transformer):
        if only and build.__name__ != only:
            continue
        path, module, mlir = (folder / f"model.{suffix}" for suffix in ("onnx", "vmfb", "mlir"))
        onnx.save(build(), path)
        ours, theirs = [], []
        for _ in range(rounds):
            ours.append(seconds([tools.eerie, "compile", path, "-o", module]))
            theirs.append(seconds([tools.importer, path, "-o", mlir],
                                  [tools.compiler, mlir, *HOST_FLAGS, "-o", module]))
        yield from rows_of(f"compile {build.__name__}, {path.stat().st_size / 1e6:.0f} MB", ours,
                           theirs, 1.1)


def measure_import(tools: Tools, folder: pathlib.Path, rounds: int, only: str | None):
    if only and only != "gpt2":
        return
    whole, beside = folder / "gpt2.onnx", folder / "beside.onnx"
    model = gpt2()
    onnx.save(model, whole)
    onnx.save(model, beside, save_as_external_data=True, location="beside.data")
    del model
    mlir, archive = folder / "gpt2.mlir", folder / "gpt2.irpa"
    apart = ["--externalize-params", "--save-params-to", archive]
    for name, path, flags in (("import GPT-2, one file to MLIR and archive", whole, apart),
                              ("import GPT-2, weights beside it, the same", beside, apart),
                              ("import GPT-2, the peer as it is unasked", whole, [])):
        ours, theirs = [], []
        for _ in range(rounds):
            ours.append(seconds([tools.eerie, "import", path, "-o", mlir, "--parameters", archive]))
            archive.unlink()
            theirs.append(seconds([tools.importer, path, "-o", mlir, *flags]))
            archive.unlink(missing_ok=True)
        yield from rows_of(name, ours, theirs, None)


def show(rows: list[dict]) -> None:
    print("| | ours, min | median | IREE, min | median | ratio of minima | of medians | bar |")
    print("|---|---|---|---|---|---|---|---|")
    for r in rows:
        numbers = [r["ours"]["min"], r["ours"]["median"], r["theirs"]["min"], r["theirs"]["median"],
                   r["ratio_min"], r["ratio_median"]]
        print(f"| {r['name']}, {r['unit']} | {' | '.join(f'{n:.2f}' for n in numbers)} | "
              f"{r['bar'] or ''} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=("mlp", "cnn", "transformer", "gpt2"))
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "out/import.json")
    options = parser.parse_args()
    tools = Tools(options.build.resolve())
    os.environ["EERIE_PYTHON"] = str(ROOT / ".venv/bin/python")
    os.environ["EERIE_COMPILER_LIB"] = str(ROOT / ".venv")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as name:
        rows = list(measure_compiles(tools, pathlib.Path(name), options.rounds, options.only))
        rows += measure_import(tools, pathlib.Path(name), options.rounds, options.only)
    show(rows)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
