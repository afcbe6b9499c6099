"""Quantised ONNX graphs, whose products the importer brings to signed bytes: against onnx.reference and
onnxruntime, rewritten and as they are.

MatMulInteger and ConvInteger are exact. Of what is rounded to bytes at the end a step more or less is
let pass, in few places: one multiplication by a scale stands where the graph has two and a division, so
that a number may fall on the other side of a half. Weights have 7 bits here, because onnxruntime adds
pairs of products in 16 bits where a CPU has no better instruction.
Exit code 77: onnx is missing; without onnxruntime or the compiler their parts are left out.
"""
from __future__ import annotations

import pathlib
import sys
import tempfile
import unittest

try:
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from onnx.reference import ReferenceEvaluator
    from onnx.reference.op_run import OpRun
    from onnx.reference.ops import op_max_pool
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)
try:
    import onnxruntime
except ImportError:
    onnxruntime = None
try:
    from iree.compiler import compile_file
except ImportError:
    compile_file = None

import eerie
from eerie.importers import Options, import_model
from eerie.importers.onnx import fusing, model as onnx_model

FLAGS = ["--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu",
         "--iree-llvmcpu-target-cpu=host"]
KINDS = {"f32": TensorProto.FLOAT, "i8": TensorProto.INT8, "u8": TensorProto.UINT8,
         "i32": TensorProto.INT32}
DTYPES = {"i8": np.int8, "u8": np.uint8}


class Bits(OpRun):
    """The importer's own operator."""

    op_domain = "eerie"

    def _run(self, x, to=None):
        return (np.asarray(x).view(helper.tensor_dtype_to_np_dtype(to)),)


class MaxPool(OpRun):
    """The evaluator's own pads with NaN, which bytes do not have."""

    def _run(self, x, **options):
        wide = op_max_pool.MaxPool(self.onnx_node, self.run_params)._run(x.astype(np.float32),
                                                                         **options)
        return tuple(part.astype(x.dtype) for part in wide)


OWN = [Bits, MaxPool]


class Net:
    """A graph, node by node."""

    def __init__(self, seed=1):
        self.random = np.random.default_rng(seed)
        self.nodes, self.weights, self.inputs, self.outputs = [], [], [], []
        self.feed = {}

    def constant(self, array):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def add(self, operator, *inputs, outputs=1, **options):
        names = [f"v{len(self.nodes)}_{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(operator, list(inputs), names, **options))
        return names[0] if outputs == 1 else names

    def input(self, kind, shape, declared=None):
        name = f"x{len(self.inputs)}"
        self.inputs.append(helper.make_tensor_value_info(name, KINDS[kind], declared or shape))
        self.feed[name] = self.random.normal(0, 1, shape).astype(np.float32) if kind == "f32" else \
            self.random.integers(-128 if kind == "i8" else 0, 128 if kind == "i8" else 256, shape,
                                 DTYPES[kind])
        return name

    def zero(self, kind, value):
        return self.constant(np.array(value, DTYPES[kind]))

    def steps(self, x, kind, scale, zero):
        return self.add("QuantizeLinear", x, self.constant(np.float32(scale)), self.zero(kind, zero))

    def numbers(self, x, kind, scale, zero):
        return self.add("DequantizeLinear", x, self.constant(np.float32(scale)),
                        self.zero(kind, zero))

    def coarse(self, x, kind="i8", scale=0.03, zero=5):
        """Numbers of 256 values."""
        return self.numbers(self.steps(x, kind, scale, zero), kind, scale, zero)

    def bytes(self, shape, kind="i8"):
        low, high = (-64, 64) if kind == "i8" else (64, 192)
        return self.random.integers(low, high, shape, DTYPES[kind])

    def weight(self, shape, axis=None, kind="i8", zero=0):
        """Numbers that constant bytes stand for; their scale."""
        scale = np.float32(0.004) if axis is None else \
            self.random.uniform(0.002, 0.006, shape[axis]).astype(np.float32)
        zeros = np.full(scale.shape, zero, DTYPES[kind])
        more = {} if axis is None else {"axis": axis}
        return self.add("DequantizeLinear", self.constant(self.bytes(shape, kind)),
                        self.constant(scale), self.constant(zeros), **more), scale

    def bias(self, scale, count):
        scale = np.float32(scale)
        whole = self.random.integers(-3000, 3000, count, np.int32)
        more = {"axis": 0} if scale.ndim else {}
        zero = self.constant(np.zeros(scale.shape, np.int32))
        return self.add("DequantizeLinear", self.constant(whole), self.constant(scale), zero, **more)

    def conv(self, x, channels, filters, kernel=3, axis=0, bias=True, kind="i8", zero=0, scale=0.03,
             **options):
        """A convolution of numbers that stand for bytes of `scale`."""
        w, w_scale = self.weight((filters, channels, kernel, kernel), axis, kind, zero)
        more = [self.bias(np.float32(scale) * w_scale, filters)] if bias else []
        return self.add("Conv", x, w, *more, **options)

    def model(self, *results):
        """`results` are (name, kind)."""
        self.outputs = [helper.make_tensor_value_info(name, KINDS[kind], None)
                        for name, kind in results]
        graph = helper.make_graph(self.nodes, "main", self.inputs, self.outputs, self.weights)
        proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
        proto = onnx.shape_inference.infer_shapes(proto)
        onnx.checker.check_model(proto, full_check=True)
        return proto


# ---- Networks: each returns (model, inputs, what may differ: steps, 0 where all is exact) --------

def convolution(shape=(1, 4, 9, 9), declared=None, kind="i8", zero=5, filters=6, after=(), w=None,
                end="i8", channels=None, **options):
    """A convolution between bytes."""
    def make():
        net = Net()
        x = net.coarse(net.input("f32", shape, declared), kind, 0.03, zero)
        y = net.conv(x, channels or shape[1], filters, **(w or {}), **options)
        for operator, *bounds in after:
            y = net.add(operator, y, *(net.constant(np.float32(bound)) for bound in bounds))
        y = net.steps(y, end, 0.02, {"i8": -7, "u8": 100}[end])
        return net.model((y, end)), net.feed, 1
    return make


def matrices(left, right=None, kind="i8", zero=5, after=(), constant=True, axis=-1, weights="i8",
             w_zero=0):
    def make():
        net = Net()
        x = net.coarse(net.input("f32", left), kind, 0.03, zero)
        if constant:
            y, _ = net.weight(right, axis, weights, w_zero)
        else:
            y = net.coarse(net.input("f32", right), kind, 0.02, zero - 2)
        y = net.add("MatMul", x, y)
        for operator in after:
            y = net.add(operator, y)
        return net.model((net.steps(y, "i8", 0.05, 3), "i8")), net.feed, 1
    return make


def gemm(floats=False, turned=True, axis=0):
    def make():
        net = Net()
        x = net.coarse(net.input("f32", (3, 20)))
        w, scale = net.weight((8, 20) if turned else (20, 8), axis)
        bias = net.constant(net.random.normal(0, 1, 8).astype(np.float32)) if floats else \
            net.bias(np.float32(0.03) * scale, 8)
        y = net.add("Relu", net.add("Gemm", x, w, bias, transB=int(turned)))
        return net.model((net.steps(y, "i8", 0.02, -128), "i8")), net.feed, 1
    return make


def not_rounded():
    """The product's result stays a float."""
    net = Net()
    y = net.conv(net.coarse(net.input("f32", (1, 4, 6, 6))), 4, 5, pads=[1] * 4)
    return net.model((net.add("Sigmoid", y), "f32")), net.feed, 1e-5


def residual(kind="u8"):
    """What ResNets are made of, with moves between."""
    def make():
        net, zero = Net(), {"i8": -128, "u8": 0}[kind]
        x = net.coarse(net.add("Abs", net.input("f32", (1, 4, 8, 8))), kind, 0.02, zero)
        y = net.add("Relu", net.conv(x, 4, 8, pads=[1] * 4, scale=0.02))
        y = net.coarse(y, kind, 0.015, zero)
        y = net.coarse(net.add("MaxPool", y, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4),
                       kind, 0.015, zero)
        z = net.conv(y, 8, 8, pads=[1] * 4, scale=0.015)
        z = net.coarse(z, kind, 0.02, zero + 120)
        z = net.add("Relu", net.add("Add", z, y))
        z = net.coarse(z, kind, 0.03, zero)
        z = net.coarse(net.add("Concat", z, z, axis=1), kind, 0.03, zero)
        z = net.coarse(net.add("Transpose", z, perm=[0, 2, 3, 1]), kind, 0.03, zero)
        z = net.coarse(net.add("Flatten", z), kind, 0.03, zero)
        w, scale = net.weight((5, 256), 0)
        z = net.add("Gemm", z, w, net.bias(np.float32(0.03) * scale, 5), transB=1)
        return net.model((net.steps(z, kind, 0.1, zero + 128), kind)), net.feed, 1
    return make


def linear_convolution(kind="u8", weights="i8", w_zero=0, bias=True, shape=(1, 4, 9, 9), filters=6,
                       **options):
    def make():
        net = Net()
        x = net.input(kind, shape)
        w = net.constant(net.bytes((filters, shape[1] // options.get("group", 1), 3, 3), weights))
        scale = net.random.uniform(0.002, 0.006, filters).astype(np.float32)
        zeros = np.full(filters, w_zero, DTYPES[weights])
        zero = {"i8": 3, "u8": 120}[kind]
        more = [net.constant(net.random.integers(-3000, 3000, filters, np.int32))] if bias else []
        y = net.add("QLinearConv", x, net.constant(np.float32(0.03)), net.zero(kind, zero), w,
                    net.constant(scale), net.constant(zeros), net.constant(np.float32(0.05)),
                    net.zero(kind, zero), *more, **options)
        y = net.add("MaxPool", y, kernel_shape=[2, 2])
        return net.model((y, kind)), net.feed, 1
    return make


def linear_product(left, right, kind="u8"):
    def make():
        net = Net()
        zero = {"i8": 3, "u8": 120}[kind]
        side = [net.constant(np.float32(0.03)), net.zero(kind, zero)]
        y = net.add("QLinearMatMul", net.input(kind, left), *side, net.constant(net.bytes(right)),
                    net.constant(np.float32(0.004)), net.zero("i8", 0),
                    net.constant(np.float32(0.05)), net.zero(kind, zero))
        return net.model((y, kind)), net.feed, 1
    return make


def integer_product(left, right, kinds=("u8", "i8"), zeros=(101, 7), constant=True, columns=False,
                    rows=False, known=True):
    def make():
        net = Net()
        a = net.input(kinds[0], left)
        b = net.constant(net.bytes(right, kinds[1])) if constant else net.input(kinds[1], right)
        points = []
        for side, (kind, zero) in enumerate(zip(kinds, zeros)):
            array = np.array(zero, DTYPES[kind])
            if (rows, columns)[side]:
                array = (array + np.arange((left[-2], right[-1])[side])).astype(DTYPES[kind])
                array = array if side else array[:, None]
            if known:
                points.append(net.constant(array))
            else:
                points.append(net.input(kind, array.shape))
                net.feed[points[-1]] = array
        return net.model((net.add("MatMulInteger", a, b, *points), "i32")), net.feed, 0
    return make


def integer_convolution(shape=(1, 4, 9, 9), kinds=("u8", "i8"), zeros=(101, 0), filters=6, known=True,
                        channel=False, declared=None, **options):
    def make():
        net = Net()
        x = net.input(kinds[0], shape, declared)
        w = net.constant(net.bytes((filters, shape[1] // options.get("group", 1), 3, 3), kinds[1]))
        if known:
            zero = net.zero(kinds[0], zeros[0])
        else:
            zero = net.input(kinds[0], ())
            net.feed[zero] = np.array(zeros[0], DTYPES[kinds[0]])
        w_zero = np.array(zeros[1], DTYPES[kinds[1]])
        if channel:
            w_zero = (w_zero + np.arange(filters)).astype(w_zero.dtype)
        y = net.add("ConvInteger", x, w, zero, net.constant(w_zero), **options)
        return net.model((y, "i32")), net.feed, 0
    return make


def dynamic():
    """What onnxruntime's dynamic quantiser writes."""
    net = Net()
    x, scale, zero = net.add("DynamicQuantizeLinear", net.input("f32", (2, 3, 20)), outputs=3)
    sums = net.add("MatMulInteger", x, net.constant(net.bytes((20, 8))), zero, net.zero("i8", 0))
    both = net.add("Mul", scale, net.constant(np.float32(0.004)))
    y = net.add("Mul", net.add("Cast", sums, to=TensorProto.FLOAT), both)
    y = net.add("Add", y, net.constant(net.random.normal(0, 1, 8).astype(np.float32)))
    return net.model((y, "f32")), net.feed, 1e-5


PADDED = {"pads": [1, 1, 1, 1]}
# By the rewrite that changes it, so that its switch is seen to work.
NETS = {
    "quantised": {
        "convolution": convolution(**PADDED),
        "unsigned": convolution(kind="u8", zero=130, end="u8", **PADDED),
        "one scale": convolution(w={"axis": None}, pads=[2, 0, 1, 3]),
        "strided": convolution(strides=[2, 3], dilations=[2, 1], after=[("Relu",)], **PADDED),
        "same": convolution(auto_pad="SAME_UPPER", strides=[2, 2], shape=(2, 4, 8, 7)),
        "same, lower": convolution(auto_pad="SAME_LOWER", strides=[2, 2], shape=(2, 4, 8, 7)),
        "any batch": convolution(shape=(3, 4, 6, 6), declared=["n", 4, 6, 6], **PADDED),
        "any size": convolution(shape=(1, 4, 6, 6), declared=[1, 4, "h", "w"], **PADDED),
        "bounded": convolution(after=[("Clip", 0, 1.3)], w={"bias": False}),
        "weights with a zero": convolution(w={"kind": "u8", "zero": 128}, **PADDED),
        "weights far from their zero": convolution(w={"kind": "i8", "zero": -100}, **PADDED),
        "groups": convolution(group=2, filters=8, channels=2, **PADDED),
        "groups far from zero": convolution(group=2, filters=8, channels=2,
                                            w={"kind": "i8", "zero": 90}, **PADDED),
        "depthwise": convolution(group=4, filters=4, channels=1, **PADDED),
        "large": convolution(shape=(1, 16, 24, 24), filters=16, **PADDED),
        "large, strided": convolution(shape=(1, 16, 33, 40), filters=32, strides=[2, 2],
                                      dilations=[1, 2], **PADDED),
        "large, batch": convolution(shape=(3, 16, 16, 16), declared=["n", 16, 16, 16], filters=32,
                                    **PADDED),
        "large, 1x1": convolution(shape=(2, 64, 16, 16), filters=64, w={"kernel": 1}),
        "large, weights far from their zero": convolution(
            shape=(1, 16, 24, 24), filters=16, w={"kind": "i8", "zero": -100}, **PADDED),
        "large, depthwise": convolution(shape=(2, 64, 33, 33), filters=64, group=64, channels=1,
                                        strides=[2, 2], **PADDED),
        "matrices": matrices((3, 20), (20, 8)),
        "matrices, unsigned": matrices((3, 20), (20, 8), "u8", 130, axis=None),
        "matrices, u8 weights": matrices((3, 20), (20, 8), weights="u8", w_zero=100),
        "many matrices": matrices((2, 3, 20), (20, 8), after=["Relu"]),
        "two activations": matrices((2, 3, 20), (2, 20, 8), constant=False),
        "gemm": gemm(), "gemm, floats": gemm(floats=True), "gemm, plain": gemm(turned=False, axis=1),
        "not rounded": not_rounded,
        "residual": residual(), "residual, signed": residual("i8"),
        "QLinearConv": linear_convolution(**PADDED),
        "QLinearConv, signed": linear_convolution("i8", bias=False, strides=[2, 2]),
        "QLinearConv, u8 weights": linear_convolution(weights="u8", w_zero=120, **PADDED),
        "QLinearConv, large": linear_convolution(shape=(1, 32, 24, 24), filters=16, **PADDED),
        "QLinearMatMul": linear_product((3, 20), (20, 8)),
        "QLinearMatMul, many": linear_product((2, 3, 20), (20, 8), "i8"),
    },
    "integers": {
        "product": integer_product((3, 20), (20, 8)),
        "product, activations": integer_product((3, 20), (20, 8), ("u8", "u8"), constant=False),
        "product, columns": integer_product((3, 20), (20, 8), columns=True),
        "product, rows": integer_product((3, 20), (20, 8), rows=True),
        "product, unknown zeros": integer_product((3, 20), (20, 8), known=False),
        "products": integer_product((2, 3, 20), (20, 8)),
        "products of pairs": integer_product((2, 2, 3, 20), (2, 2, 20, 8), constant=False),
        "convolution": integer_convolution(**PADDED),
        "convolution, u8 weights": integer_convolution(kinds=("u8", "u8"), zeros=(7, 60), **PADDED),
        "convolution, channels": integer_convolution(zeros=(7, 60), channel=True, **PADDED),
        "convolution, unknown zero": integer_convolution(known=False, **PADDED),
        "convolution, large": integer_convolution(shape=(1, 16, 24, 24), filters=32, strides=[2, 1],
                                                  **PADDED),
        "dynamic": dynamic,
    },
}
# Those that are compiled; the others are compared as graphs.
COMPILED = {
    "quantised": ["unsigned", "strided", "any batch", "weights far from their zero", "depthwise",
                  "large, batch", "two activations", "gemm", "residual", "QLinearConv, u8 weights"],
    "integers": ["products of pairs", "convolution, unknown zero", "dynamic"],
}
# Those that are compiled as they are, too.
AS_THEY_ARE = ["strided", "gemm", "dynamic"]
# Those that are compiled with their convolutions left as such, too.
DIRECT = ["unsigned", "depthwise", "convolution, unknown zero"]
FLOAT_PRODUCTS = {"Conv", "MatMul", "Gemm", "QLinearConv", "QLinearMatMul"}


def simplified(proto, without=()):
    """The graph as the importer has it, whole again, and what was done."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    here = pathlib.Path(__file__).resolve()
    model = onnx_model.Model(here, copy, onnx_model._detach(copy, here.parent, False), [], False)
    onnx_model.infer_shapes(model)
    done = fusing.run(model, without)
    for value in model.proto.graph.initializer:
        if value.name in model.weights:
            value.CopyFrom(model.weights[value.name].tensor)
    return model.proto, done


class Integers(unittest.TestCase):
    def close(self, got, expected, tolerance):
        got = got if isinstance(got, (list, tuple)) else [got]
        self.assertEqual(len(got), len(expected))
        for one, other in zip(got, expected):
            one, other = np.asarray(one), np.asarray(other)
            self.assertEqual((one.dtype, one.shape), (other.dtype, other.shape))
            if other.dtype == np.float32:
                np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)
                continue
            self.assertGreater(len(np.unique(other)), 3)  # that there is something to see
            differs = np.abs(one.astype(np.int64) - other.astype(np.int64))
            self.assertLessEqual(differs.max(), tolerance)
            self.assertLessEqual((differs > 0).sum(), max(1, differs.size // 50))

    def test_graphs(self):
        """As graphs, by ONNX's own evaluator: with all rewrites, with convolutions left as such, and
        with the switch that leaves all as it is."""
        for name, nets in NETS.items():
            for title, make in nets.items():
                with self.subTest(f"{name}: {title}"):
                    before, feed, tolerance = make()
                    expected = ReferenceEvaluator(before, new_ops=OWN).run(None, feed)
                    for without in ([], ["windows"]):
                        after, done = simplified(before, without)
                        self.assertIn(name, done)
                        self.integer(after, "windows" in done)
                        actual = ReferenceEvaluator(after, new_ops=OWN).run(None, feed)
                        self.close(actual, expected, tolerance)
                    self.assertEqual(simplified(before, [name])[1], {})

    def integer(self, proto, windows):
        """All products are of signed bytes without zero points."""
        operators = {node.op_type for node in proto.graph.node}
        self.assertFalse(operators & FLOAT_PRODUCTS, operators)
        if windows:
            self.assertNotIn("ConvInteger", operators)
        for node in proto.graph.node:
            if node.op_type in ("MatMulInteger", "ConvInteger"):
                self.assertEqual(len(node.input), 2)

    @unittest.skipIf(onnxruntime is None or compile_file is None, "onnxruntime and the compiler")
    def test_modules(self):
        """Compiled, with the rewrites and without, against onnxruntime."""
        for name, compiled in COMPILED.items():
            for title in compiled:
                with self.subTest(f"{name}: {title}"):
                    proto, feed, tolerance = NETS[name][title]()
                    expected = self.by_onnxruntime(proto, feed)
                    for without, titles in (([], [title]), ([name], AS_THEY_ARE),
                                            (["windows"], DIRECT)):
                        if title not in titles:
                            continue
                        got = self.by_module(proto, feed, without)
                        if expected[0].dtype == np.uint8:  # a module's integers have no sign
                            got = got.view(np.uint8)
                        self.close(got, expected, tolerance)

    def by_onnxruntime(self, proto, feed):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(proto.SerializeToString(), options,
                                               providers=["CPUExecutionProvider"])
        return session.run(None, feed)

    def by_module(self, proto, feed, without):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "net.onnx"
            path.write_bytes(proto.SerializeToString())
            imported = import_model(path.as_posix(), pathlib.Path(folder) / "net.mlir",
                                    Options(function="main", inline_weights=True,
                                            no_rewrite=without))
            module = compile_file(str(imported.path), input_type=imported.input_type,
                                  extra_args=FLAGS)
        return eerie.load(module)(*feed.values())


if __name__ == "__main__":
    unittest.main()
