"""Models that are measured: ONNX graphs with random weights, each made anew from its description.

The shapes are those that networks of the names have; nothing was trained.
"""

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper


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


def resnet(size=224, width=64, classes=1000):
    """ResNet-18: two convolutions of 3x3 a block."""
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
    g.head(x, rows, classes)
    return g.model([("x", [1, 3, size, size])])


def bottlenecks(size=224, width=64, classes=1000):
    """ResNet-50: blocks of 1x1, 3x3 and 1x1."""
    g = Builder()
    x = g.add("MaxPool", g.conv("x", 3, width, 7, 2), kernel_shape=[3, 3], strides=[2, 2],
              pads=[1] * 4)
    rows = width
    for stage, count in enumerate((3, 4, 6, 3)):
        inner = width << stage
        for block in range(count):
            stride = 2 if stage and not block else 1
            y = g.conv(g.conv(x, rows, inner, 1), inner, inner, 3, stride)
            y = g.conv(y, inner, 4 * inner, 1, act=None)
            if not block:
                x = g.conv(x, rows, 4 * inner, 1, stride, act=None)
            x, rows = g.add("Relu", g.add("Add", y, x)), 4 * inner
    g.head(x, rows, classes)
    return g.model([("x", [1, 3, size, size])])


MOBILENET_V2 = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
                (6, 160, 3, 2), (6, 320, 1, 1))
MOBILENET_HALF = ((1, 8, 1, 1), (6, 16, 2, 2), (6, 24, 2, 2), (6, 32, 3, 2), (6, 48, 2, 1),
                  (6, 96, 2, 2))


def mobilenet(size=224, blocks=MOBILENET_V2, first_rows=32, last=1280, classes=1000):
    """Blocks: how much wider inside, columns, how many, stride of the first."""
    g = Builder()
    x, rows = g.conv("x", 3, first_rows, 3, 2, act="Relu6"), first_rows
    for grow, columns, count, first in blocks:
        for i in range(count):
            stride, inner = (first if i == 0 else 1), rows * grow
            y = g.conv(x, rows, inner, 1, act="Relu6") if grow > 1 else x
            y = g.conv(y, inner, inner, 3, stride, inner, act="Relu6")
            y = g.conv(y, inner, columns, 1, act=None)
            x = g.add("Add", x, y) if stride == 1 and rows == columns else y
            rows = columns
    g.head(g.conv(x, rows, last, 1, act="Relu6"), last, classes)
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


def decoder(layers=4, width=512, heads=8, past=127, words=8192):
    """A step of a language model: one token, the keys and values of those before as arguments."""
    g, x, size = Builder(), "x", width // heads
    row = g.weight(array=numpy.array([1, heads, 1, size], numpy.int64))
    whole = g.weight(array=numpy.array([1, 1, width], numpy.int64))

    def norm(y):
        ones, zeros = numpy.ones(width, numpy.float32), numpy.zeros(width, numpy.float32)
        return g.add("LayerNormalization", y, g.weight(array=ones), g.weight(array=zeros), axis=-1)

    def linear(y, rows, columns):
        return g.add("Add", g.add("MatMul", y, g.weight(rows, columns, scale=rows ** -0.5)),
                     g.weight(columns, scale=0.1))

    for layer in range(layers):
        number = g.weight(array=numpy.int64(layer))
        y = norm(x)
        q, k, v = (g.add("Reshape", linear(y, width, width), row) for _ in range(3))
        k = g.add("Concat", g.add("Gather", "k", number, axis=0), k, axis=2)
        v = g.add("Concat", g.add("Gather", "v", number, axis=0), v, axis=2)
        scores = g.add("MatMul", q, g.add("Transpose", k, perm=[0, 1, 3, 2]))
        scores = g.add("Mul", scores, g.weight(array=numpy.float32(size ** -0.5)))
        y = g.add("Reshape", g.add("MatMul", g.add("Softmax", scores, axis=-1), v), whole)
        x = g.add("Add", x, linear(y, width, width))
        x = g.add("Add", x, linear(g.add("Tanh", linear(norm(x), width, 4 * width)), 4 * width,
                                   width))
    g.add("MatMul", norm(x), g.weight(width, words, scale=width ** -0.5))
    keys = [layers, 1, heads, past, size]
    return g.model([("x", [1, 1, width]), ("k", keys), ("v", keys)])


def product(size, integer=False):
    g = Builder()
    g.add("MatMulInteger" if integer else "MatMul", "x", "y")
    return g.model([("x", [size, size]), ("y", [size, size])],
                   TensorProto.INT8 if integer else TensorProto.FLOAT,
                   TensorProto.INT32 if integer else TensorProto.FLOAT)


# What it is, how it is made, its arguments in iree-run-module's words.
MODELS = {
    "mlp1": ("MLP 784-256-128-10, batch 1", lambda: mlp(1), ["1x784xf32=0.5"]),
    "mlp64": ("MLP 784-256-128-10, batch 64", lambda: mlp(64), ["64x784xf32=0.5"]),
    "cnn": ("CNN on 28x28", cnn, ["1x1x28x28xf32=0.5"]),
    "resnet-half": ("ResNet-18 shape, half as wide, 112x112", lambda: resnet(112, 32, 100),
                    ["1x3x112x112xf32=0.5"]),
    "mobilenet-half": ("MobileNetV2 shape, half as wide, 128x128",
                       lambda: mobilenet(128, MOBILENET_HALF, 16, 512, 100),
                       ["1x3x128x128xf32=0.5"]),
    "resnet18": ("ResNet-18 shape", resnet, ["1x3x224x224xf32=0.5"]),
    "resnet50": ("ResNet-50 shape", bottlenecks, ["1x3x224x224xf32=0.5"]),
    "mobilenet": ("MobileNetV2 shape", mobilenet, ["1x3x224x224xf32=0.5"]),
    "encoder": ("encoder, 2 layers, 256 wide, 64 tokens", encoder, ["1x64x256xf32=0.5"]),
    "encoder384": ("encoder, 6 layers, 384 wide, 128 tokens", lambda: encoder(6, 384, 6, 128),
                   ["1x128x384xf32=0.5"]),
    "decoder": ("decoder step, 4 layers, 512 wide, 128 tokens", decoder,
                ["1x1x512xf32=0.5", "4x1x8x127x64xf32=0.5", "4x1x8x127x64xf32=0.5"]),
    "matmul": ("matmul 512 f32", lambda: product(512), ["512x512xf32=0.5"] * 2),
    "matmul1024": ("matmul 1024 f32", lambda: product(1024), ["1024x1024xf32=0.5"] * 2),
    "int8": ("matmul 512 int8", lambda: product(512, True), ["512x512xi8=3"] * 2),
}
