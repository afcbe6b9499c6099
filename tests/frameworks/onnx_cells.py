"""Cells of ONNX; the compiler's own way is iree-import-onnx with iree-compile after it, the framework
is the evaluator that comes with ONNX.

The models are written as exporters of several years do, each in the opset that has its operators.
"""
import pathlib
import subprocess
import sys
import tempfile
import typing
import warnings

import compiled
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import eerie

TITLE = f"ONNX {onnx.__version__}"
THEIRS = "iree-import-onnx"


class Graph:
    """A graph under construction, with weights drawn for it."""

    def __init__(self, batch, opset: int):
        self.batch, self.opset = batch, opset
        self.nodes, self.weights, self.inputs = [], [], []
        self.random = np.random.default_rng(3)

    def input(self, name: str, *shape, kind=TensorProto.FLOAT) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, kind, [self.batch, *shape]))
        return name

    def node(self, operator: str, *inputs, outputs=1, **attributes):
        names = [f"{operator}_{len(self.nodes)}_{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(operator, list(inputs), names, names[0], **attributes))
        return names[0] if outputs == 1 else names

    def keep(self, array) -> str:
        self.weights.append(numpy_helper.from_array(np.asarray(array), f"w{len(self.weights)}"))
        return self.weights[-1].name

    def ints(self, *values: int) -> str:
        return self.keep(np.array(values, np.int64))

    def draw(self, *shape: int) -> str:
        return self.keep((self.random.normal(size=shape) / 4).astype(np.float32))

    def dense(self, x: str, rows: int, columns: int) -> str:
        return self.node("Add", self.node("MatMul", x, self.draw(rows, columns)), self.draw(columns))

    def model(self, *results: str) -> onnx.ModelProto:
        outputs = [onnx.ValueInfoProto(name=name) for name in results]
        for output in outputs:
            output.type.tensor_type.elem_type = TensorProto.FLOAT
        graph = helper.make_graph(self.nodes, "main", self.inputs, outputs, self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)],
                                  ir_version=4 if self.opset < 10 else 10)
        return onnx.shape_inference.infer_shapes(model)


# ---- Models ------------------------------------------------------------------------------------

def mlp(g):
    x = g.node("Gemm", g.input("x", 16), g.draw(32, 16), g.draw(32), transB=1)
    x = g.node("Relu", x)
    return g.node("Softmax", g.node("Gemm", x, g.draw(32, 4), g.draw(4)))


def _normalised(g, x, width):
    return g.node("BatchNormalization", x, g.draw(width), g.draw(width), g.draw(width),
                  g.keep(g.random.uniform(0.5, 2, width).astype(np.float32)))


def cnn(g):
    x = g.node("Conv", g.input("x", 1, 16, 16), g.draw(8, 1, 3, 3), g.draw(8), pads=[1] * 4,
               kernel_shape=[3, 3])
    x = g.node("MaxPool", g.node("Relu", _normalised(g, x, 8)), kernel_shape=[2, 2], strides=[2, 2])
    x = g.node("Conv", x, g.draw(8, 1, 3, 3), group=8, strides=[2, 2], kernel_shape=[3, 3])
    x = g.node("GlobalAveragePool", g.node("LeakyRelu", x))
    return g.node("Gemm", g.node("Flatten", x), g.draw(8, 10), g.draw(10))


def upsampling(g):
    """A picture made smaller and larger again."""
    x = g.node("Conv", g.input("x", 1, 16, 16), g.draw(4, 1, 3, 3), strides=[2, 2], pads=[1] * 4)
    x = g.node("Resize", x, "", g.keep(np.array([1, 1, 2, 2], np.float32)), mode="cubic")
    return g.node("ConvTranspose", x, g.draw(4, 2, 2, 2), strides=[2, 2])


def _heads(g, x, width=16, heads=4):
    """Query, key and value as parts for heads."""
    split = g.ints(0, 0, heads, width // heads)
    parts = g.node("Split", g.dense(x, width, 3 * width), g.ints(width, width, width), outputs=3,
                   axis=-1)
    return [g.node("Transpose", g.node("Reshape", part, split), perm=[0, 2, 1, 3])
            for part in parts]


def _joined(g, mixed, width=16):
    return g.node("Reshape", g.node("Transpose", mixed, perm=[0, 2, 1, 3]), g.ints(0, 0, width))


def _attended(g, x):
    query, key, value = _heads(g, x)
    scores = g.node("MatMul", query, g.node("Transpose", key, perm=[0, 1, 3, 2]))
    scores = g.node("Div", scores, g.keep(np.array(2, np.float32)))
    return _joined(g, g.node("MatMul", g.node("Softmax", scores, axis=-1), value))


def transformer(g):
    x = g.input("x", 7, 16)
    x = g.node("Add", x, g.dense(_attended(g, x), 16, 16))
    x = g.node("LayerNormalization", x, g.draw(16), g.draw(16))
    y = g.dense(x, 16, 32)
    erf = g.node("Erf", g.node("Mul", y, g.keep(np.array(0.5 ** 0.5, np.float32))))
    y = g.node("Mul", y, g.node("Add", erf, g.keep(np.array(1, np.float32))))
    return g.node("Add", x, g.dense(y, 32, 16))


def modern_transformer(g):
    """With the operators that ONNX has for it since opset 23."""
    x = g.input("x", 7, 16)
    query, key, value = _heads(g, g.node("RMSNormalization", x, g.draw(16)))
    angles = np.outer(np.arange(7), [1, 0.1]).astype(np.float32)
    places = [g.node("Unsqueeze", g.keep(turn(angles)), g.ints(0)) for turn in (np.cos, np.sin)]
    batch = g.node("Shape", x, end=1)
    places = [g.node("Expand", place, g.node("Concat", batch, g.ints(7, 2), axis=0))
              for place in places]
    query, key = (g.node("RotaryEmbedding", part, *places) for part in (query, key))
    mixed = g.node("Attention", query, key, value, is_causal=1)
    x = g.node("Add", x, g.dense(_joined(g, mixed), 16, 16))
    y = g.node("Gelu", g.dense(x, 16, 32), approximate="tanh")
    return g.node("Add", x, g.dense(y, 32, 16))


def masked_attention(g):
    x = g.input("x", 7, 16)
    mask = g.node("Unsqueeze", g.input("mask", 7, kind=TensorProto.BOOL), g.ints(1, 2))
    least = g.keep(np.array(-1e9, np.float32))
    query, key, value = _heads(g, x)
    scores = g.node("MatMul", query, g.node("Transpose", key, perm=[0, 1, 3, 2]))
    weights = g.node("Softmax", g.node("Where", mask, scores, least), axis=-1)
    return _joined(g, g.node("MatMul", weights, value))


def _recurrent(g, operator, gates):
    """Batches come first, ONNX's steps."""
    x = g.node("Transpose", g.input("x", 5, 8), perm=[1, 0, 2])
    y, *last = g.node(operator, x, g.draw(1, gates * 6, 8), g.draw(1, gates * 6, 6),
                      g.draw(1, 2 * gates * 6), outputs=2, hidden_size=6)
    return g.node("Transpose", g.node("Squeeze", y, g.ints(1)), perm=[1, 0, 2]), *last


def lstm(g):
    return _recurrent(g, "LSTM", 4)


def gru(g):
    return _recurrent(g, "GRU", 3)


def embedding(g):
    rows = g.node("Gather", g.draw(50, 12), g.input("x", 6, kind=TensorProto.INT64))
    return g.dense(g.node("ReduceMean", rows, g.ints(1), keepdims=0), 12, 5)


def quantised(g):
    """Weights and values of eight bits, between numbers of 32."""
    def thin(name, scale):
        scale, zero = g.keep(np.array(scale, np.float32)), g.keep(np.array(0, np.int8))
        return g.node("DequantizeLinear", g.node("QuantizeLinear", name, scale, zero), scale, zero)
    weight = g.random.integers(-127, 127, (16, 8), dtype=np.int8)
    weight = g.node("DequantizeLinear", g.keep(weight), g.keep(np.array(0.01, np.float32)),
                    g.keep(np.array(0, np.int8)))
    return thin(g.node("Relu", g.node("MatMul", thin(g.input("x", 16), 0.05), weight)), 0.1)


class Case(typing.NamedTuple):
    build: typing.Callable
    opset: int


CASES = {
    "mlp": Case(mlp, 13), "mlp, opset 9": Case(mlp, 9), "cnn": Case(cnn, 15),
    "cnn, opset 9": Case(cnn, 9), "up-sampling cnn": Case(upsampling, 18),
    "transformer": Case(transformer, 17), "transformer, opset 23": Case(modern_transformer, 23),
    "attention with a mask": Case(masked_attention, 18), "lstm": Case(lstm, 14),
    "gru": Case(gru, 14), "embedding": Case(embedding, 18), "int8 layers": Case(quantised, 19),
}
MODELS = list(CASES)


# ---- Running -----------------------------------------------------------------------------------

def build(name: str, batch, opset: int = 0) -> onnx.ModelProto:
    """The model; in `opset` at least, when that is told."""
    case = CASES[name]
    graph = Graph(batch, max(case.opset, opset))
    results = case.build(graph)
    return graph.model(*(results if isinstance(results, tuple) else (results,)))


def draw(model: onnx.ModelProto, batch: int, random) -> list[np.ndarray]:
    arrays = []
    for value in model.graph.input:
        shape = [batch, *(dim.dim_value for dim in value.type.tensor_type.shape.dim[1:])]
        kind = value.type.tensor_type.elem_type
        if kind == TensorProto.FLOAT:
            arrays.append(random.normal(size=shape).astype(np.float32))
        elif kind == TensorProto.BOOL:
            arrays.append(np.arange(shape[-1]) < random.integers(1, shape[-1], (batch, 1)))
        else:
            arrays.append(random.integers(0, 50, shape))
    return arrays


def by_theirs(path: pathlib.Path) -> eerie.Model:
    """iree-import-onnx and iree-compile. RuntimeError with what they say."""
    tool = pathlib.Path(sys.executable).parent / "iree-import-onnx"
    mlir = path.with_suffix(".mlir")
    done = subprocess.run([tool, path, "-o", mlir], capture_output=True, text=True, check=False,
                          timeout=600)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return compiled.compile_mlir(mlir.read_bytes(), "onnx")


def run(way: str, name: str, dynamic: bool) -> float:
    warnings.simplefilter("ignore")
    proto = build(name, "batch" if dynamic else 3)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.onnx"
        onnx.save(proto, path)
        model = by_theirs(path) if way == "theirs" else eerie.compile(path)
    # Of the oldest BatchNormalization the evaluator knows the form for training alone.
    evaluator = ReferenceEvaluator(build(name, "batch" if dynamic else 3, opset=15))
    random = np.random.default_rng(11)
    worst = 0.0
    for batch in (3, 1, 8) if dynamic else (3, 3):
        arrays = draw(proto, batch, random)
        wanted = evaluator.run(None, dict(zip((value.name for value in proto.graph.input), arrays)))
        worst = max(worst, compiled.difference(model(*arrays), wanted))
    return worst
