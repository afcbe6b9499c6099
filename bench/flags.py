"""Measures the flags that `eerie compile` chooses against sets known to be good, on Eerie's runtime.

    python bench/flags.py [--build build/release] [--rounds 5] [--models mlp1,cnn] [--write]

Models are made here with random weights, imported from ONNX and compiled by each set; all sets of a
model take turns, and the least time counts. `ratio` is the chosen flags' time by the best set's; the
bar is 1.1. Nothing fails here. --write puts the table into docs/tuning.md, between its marks.
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
from onnx import TensorProto, helper, numpy_helper

ROOT = pathlib.Path(__file__).resolve().parent.parent
CHANNELS_LAST = ("--iree-preprocessing-pass-pipeline=builtin.module(util.func("
                 "iree-preprocessing-convert-conv-to-channels-last))")
TILING, UKERNELS = "--iree-opt-data-tiling", "--iree-llvmcpu-enable-ukernels=all"
STILL = "--iree-global-opt-propagate-transposes=false"
SETS = {
    "chosen": ["-O2"],
    "defaults": ["-O0"],
    "level O3": ["-O0", "--iree-opt-level=O3"],
    "tiling": ["-O0", TILING],
    "tiling, ukernels": ["-O0", TILING, UKERNELS],
    "O3, tiling, ukernels": ["-O0", "--iree-opt-level=O3", TILING, UKERNELS],
    "im2col, tiling": ["-O0", TILING, "--iree-global-opt-use-im2col-for-convs"],
    "channels last": ["-O0", STILL, CHANNELS_LAST],
    "channels last, tiling": ["-O0", TILING, STILL, CHANNELS_LAST],
}
MARKS = ("<!-- bench/flags.py -->", "<!-- end -->")


class Builder:
    """An ONNX graph, node by node, with random weights."""

    def __init__(self):
        self.nodes, self.weights, self.random = [], [], numpy.random.default_rng(0)

    def weight(self, *shape, array=None, scale=None):
        if array is None:
            scale = scale or (2 / max(1, numpy.prod(shape[1:]))) ** 0.5
            array = (self.random.standard_normal(shape) * scale).astype(numpy.float32)
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(numpy.asarray(array), name))
        return name

    def add(self, operator, *inputs, **attributes):
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def dense(self, x, rows, columns):
        return self.add("Gemm", x, self.weight(rows, columns, scale=0.05),
                        self.weight(columns, scale=0.1))

    def conv(self, x, rows, columns, kernel, stride=1, groups=1, act="Relu"):
        x = self.add("Conv", x, self.weight(columns, rows // groups, kernel, kernel),
                     self.weight(columns, scale=0.1), kernel_shape=[kernel] * 2,
                     strides=[stride] * 2, pads=[kernel // 2] * 4, group=groups)
        if act == "Relu6":
            bounds = [self.weight(array=numpy.float32(value)) for value in (0, 6)]
            return self.add("Clip", x, *bounds)
        return self.add(act, x) if act else x

    def head(self, x, rows, columns):
        return self.dense(self.add("Flatten", self.add("GlobalAveragePool", x)), rows, columns)

    def model(self, inputs, element=TensorProto.FLOAT, result=TensorProto.FLOAT):
        self.nodes[-1].output[0] = "out"
        graph = helper.make_graph(
            self.nodes, "main",
            [helper.make_tensor_value_info(name, element, shape) for name, shape in inputs],
            [helper.make_tensor_value_info("out", result, None)], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)],
                                  ir_version=9)
        return onnx.shape_inference.infer_shapes(model)


def mlp(batch):
    g, x, sizes = Builder(), "x", [784, 256, 128, 10]
    for i in range(3):
        x = g.dense(x, sizes[i], sizes[i + 1])
        x = g.add("Relu", x) if i < 2 else x
    return g.model([("x", [batch, 784])])


def cnn():
    g = Builder()
    x = g.add("MaxPool", g.conv("x", 1, 8, 3), kernel_shape=[2, 2], strides=[2, 2])
    x = g.add("MaxPool", g.conv(x, 8, 16, 3), kernel_shape=[2, 2], strides=[2, 2])
    g.dense(g.add("Flatten", x), 784, 10)
    return g.model([("x", [1, 1, 28, 28])])


def resnet(size=112, width=32):
    g = Builder()
    x = g.add("MaxPool", g.conv("x", 3, width, 7, 2), kernel_shape=[3, 3], strides=[2, 2],
              pads=[1] * 4)
    rows = width
    for stage in range(4):
        columns = width << stage
        for block in range(2):
            stride = 2 if stage and not block else 1
            y = g.conv(g.conv(x, rows, columns, 3, stride), columns, columns, 3, act=None)
            if rows != columns or stride != 1:
                x = g.conv(x, rows, columns, 1, stride, act=None)
            x, rows = g.add("Relu", g.add("Add", y, x)), columns
    g.head(x, rows, 100)
    return g.model([("x", [1, 3, size, size])])


def mobilenet(size=128):
    g = Builder()
    x, rows = g.conv("x", 3, 16, 3, 2, act="Relu6"), 16
    for grow, columns, count, first in ((1, 8, 1, 1), (6, 16, 2, 2), (6, 24, 2, 2), (6, 32, 3, 2),
                                        (6, 48, 2, 1), (6, 96, 2, 2)):
        for i in range(count):
            stride, inner = (first if i == 0 else 1), rows * grow
            y = g.conv(x, rows, inner, 1, act="Relu6") if grow > 1 else x
            y = g.conv(y, inner, inner, 3, stride, inner, act="Relu6")
            y = g.conv(y, inner, columns, 1, act=None)
            x = g.add("Add", x, y) if stride == 1 and rows == columns else y
            rows = columns
    g.head(g.conv(x, rows, 512, 1, act="Relu6"), 512, 100)
    return g.model([("x", [1, 3, size, size])])


def encoder(layers=2, width=256, heads=4, tokens=64):
    g, x = Builder(), "x"
    split = g.weight(array=numpy.array([1, tokens, heads, width // heads], numpy.int64))
    whole = g.weight(array=numpy.array([1, tokens, width], numpy.int64))

    def scalar(value):
        return g.weight(array=numpy.float32(value))

    def norm(y):
        ones, zeros = numpy.ones(width, numpy.float32), numpy.zeros(width, numpy.float32)
        return g.add("LayerNormalization", y, g.weight(array=ones), g.weight(array=zeros), axis=-1)

    def linear(y, rows, columns):
        return g.add("Add", g.add("MatMul", y, g.weight(rows, columns, scale=rows ** -0.5)),
                     g.weight(columns, scale=0.1))

    for _ in range(layers):
        q, k, v = (g.add("Transpose", g.add("Reshape", linear(x, width, width), split),
                         perm=[0, 2, 1, 3]) for _ in range(3))
        scores = g.add("MatMul", q, g.add("Transpose", k, perm=[0, 1, 3, 2]))
        scores = g.add("Softmax", g.add("Mul", scores, scalar((width // heads) ** -0.5)), axis=-1)
        y = g.add("Reshape", g.add("Transpose", g.add("MatMul", scores, v), perm=[0, 2, 1, 3]),
                  whole)
        x = norm(g.add("Add", x, linear(y, width, width)))
        y = linear(x, width, 4 * width)
        bell = g.add("Add", g.add("Erf", g.add("Mul", y, scalar(2 ** -0.5))), scalar(1))
        x = norm(g.add("Add", x, linear(g.add("Mul", g.add("Mul", y, scalar(0.5)), bell),
                                        4 * width, width)))
    return g.model([("x", [1, tokens, width])])


def product(size, integer=False):
    g = Builder()
    g.add("MatMulInteger" if integer else "MatMul", "x", "y")
    return g.model([("x", [size, size]), ("y", [size, size])],
                   TensorProto.INT8 if integer else TensorProto.FLOAT,
                   TensorProto.INT32 if integer else TensorProto.FLOAT)


MODELS = {
    "mlp1": ("MLP 784-256-128-10, batch 1", lambda: mlp(1), ["1x784xf32=0.5"]),
    "mlp64": ("the same, batch 64", lambda: mlp(64), ["64x784xf32=0.5"]),
    "cnn": ("CNN on 28x28", cnn, ["1x1x28x28xf32=0.5"]),
    "resnet": ("ResNet-18 shape, half as wide, 112x112", resnet, ["1x3x112x112xf32=0.5"]),
    "mobilenet": ("MobileNetV2 shape, half as wide, 128x128", mobilenet, ["1x3x128x128xf32=0.5"]),
    "encoder": ("encoder, 2 layers, 256 wide, 64 tokens", encoder, ["1x64x256xf32=0.5"]),
    "matmul": ("matmul 512 f32", lambda: product(512), ["512x512xf32=0.5"] * 2),
    "int8": ("matmul 512 int8", lambda: product(512, True), ["512x512xi8=3"] * 2),
}


def run(eerie, *arguments, check=True):
    environment = dict(os.environ)
    environment.setdefault("EERIE_COMPILER_LIB", str(ROOT / ".venv"))
    environment.setdefault("EERIE_PYTHON", sys.executable)
    done = subprocess.run([str(word) for word in (eerie, *arguments)], capture_output=True,
                          text=True, env=environment)
    if check and done.returncode:
        sys.exit("bench: eerie %s failed:\n%s" % (arguments[0], done.stderr[-2000:]))
    return done


def compile_sets(eerie, name, folder):
    """Modules by set; a set whose compile fails or takes over a minute is left out."""
    _, make, _ = MODELS[name]
    onnx.save(make(), folder / f"{name}.onnx")
    mlir = folder / f"{name}.mlir"
    run(eerie, "import", folder / f"{name}.onnx", "-o", mlir, "--inline-weights", "--quiet")
    modules, chosen = {}, ""
    convolutional = name in ("cnn", "resnet", "mobilenet")
    for index, (title, flags) in enumerate(SETS.items()):
        if not convolutional and ("im2col" in title or "channels" in title):
            continue
        module = folder / f"{name}.{index}.vmfb"
        done = run(eerie, "compile", mlir, "-o", module, "--time-limit=60", "--print-flags", *flags,
                   check=title == "chosen")
        if not done.returncode:
            modules[title] = module
        if title == "chosen":
            lines = [line.split("  # ")[0] for line in done.stdout.splitlines()]
            flags = [line.partition("=")[0] for line in lines if line.startswith("--")]
            chosen = ", ".join(f"`{flag}`" for flag in flags) or "none"
    return modules, chosen


def measure(eerie, name, modules, rounds, seconds):
    times = {}
    for _ in range(rounds):
        for title, module in modules.items():
            done = run(eerie, "bench", module, "--function=main", "--device=local-sync",
                       f"--min-time={seconds}", "--warmup=2", "--json",
                       *[f"--input={value}" for value in MODELS[name][2]])
            told = json.loads(done.stdout)
            least = (told[0] if isinstance(told, list) else told)["min_ns"] / 1e3
            times[title] = min(times.get(title, least), least)
    return times


def write(lines):
    path = ROOT / "docs/tuning.md"
    head, rest = path.read_text().split(MARKS[0])
    path.write_text(head + MARKS[0] + "\n" + "\n".join(lines) + "\n" + MARKS[1] +
                    rest.split(MARKS[1])[1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.2, help="of each measurement")
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--write", action="store_true", help="the table into docs/tuning.md")
    options = parser.parse_args()
    eerie = options.build.resolve() / "eerie"
    lines = ["| model | chosen, us | best set, us | ratio | defaults, us | best set | chosen flags |",
             "|---|---|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for model in options.models.split(","):
            modules, chosen = compile_sets(eerie, model, folder)
            times = measure(eerie, model, modules, options.rounds, options.seconds)
            best = min(times, key=times.get)
            lines.append("| %s | %.1f | %.1f | %.2f | %.1f | %s | %s |" % (
                MODELS[model][0], times["chosen"], times[best], times["chosen"] / times[best],
                times["defaults"], best, chosen))
            print(lines[-1], flush=True)
            if options.write:
                write(lines)


if __name__ == "__main__":
    main()
