"""The ONNX importer's simplifications: each against onnx.reference, and with its switch.

Exit code 77: onnx is missing.
"""
from __future__ import annotations

import pathlib
import sys
import unittest

try:
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from onnx.reference import ReferenceEvaluator
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

from eerie.importers.onnx import fusing, model as onnx_model, rewrite


def make(nodes, inputs, outputs, weights):
    graph = helper.make_graph(
        nodes, "main", [helper.make_tensor_value_info(*value) for value in inputs],
        [helper.make_tensor_value_info(*value) for value in outputs],
        [numpy_helper.from_array(array, name) for name, array in weights.items()])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def simplified(proto, without=(), every=False):
    """The graph afterwards, whole again, and what was done."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    here = pathlib.Path(__file__).resolve()
    model = onnx_model.Model(here, copy, onnx_model._detach(copy, here.parent, every), [], every)
    onnx_model.infer_shapes(model)
    done = fusing.run(model, without)
    copy = model.proto
    for value in copy.graph.initializer:
        if value.name in model.weights:
            value.CopyFrom(model.weights[value.name].tensor)
    onnx.checker.check_model(copy, full_check=True)
    return copy, done


def refined(proto, without=()):
    """The graph after all of the importer's rewrites, and what was said of them."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    here = pathlib.Path(__file__).resolve()
    model = onnx_model.Model(here, copy, onnx_model._detach(copy, here.parent, False), [], False)
    rewrite.run(model, without)
    return model.proto


class Fusing(unittest.TestCase):
    def setUp(self):
        self.random = np.random.default_rng(7)

    def floats(self, *shape):
        return self.random.standard_normal(shape).astype(np.float32)

    def same(self, before, after, inputs, **close):
        expected = ReferenceEvaluator(before).run(None, inputs)
        actual = ReferenceEvaluator(after).run(None, inputs)
        for one, other in zip(expected, actual):
            self.assertEqual((one.dtype, one.shape), (other.dtype, other.shape))
            np.testing.assert_allclose(other, one, **close)

    def operators(self, proto):
        return [node.op_type for node in proto.graph.node]

    def conv(self, bias=True, groups=1, twice=False):
        weights = {"w": self.floats(8, 4 // groups, 3, 3), "scale": self.floats(8),
                   "offset": self.floats(8), "mean": self.floats(8),
                   "variance": np.abs(self.floats(8)) + 0.1}
        if bias:
            weights["b"] = self.floats(8)
        nodes = [helper.make_node("Conv", ["x", "w", *(["b"] if bias else [])], ["c"],
                                  pads=[1] * 4, group=groups),
                 helper.make_node("BatchNormalization",
                                  ["c", "scale", "offset", "mean", "variance"], ["y"],
                                  epsilon=1e-3)]
        outputs = [("y", TensorProto.FLOAT, [2, 8, 5, 5])]
        if twice:
            nodes.append(helper.make_node("Relu", ["c"], ["z"]))
            outputs.append(("z", TensorProto.FLOAT, [2, 8, 5, 5]))
        return make(nodes, [("x", TensorProto.FLOAT, [2, 4, 5, 5])], outputs, weights)

    def test_batchnorm(self):
        for bias, groups in ((True, 1), (False, 1), (True, 2)):
            before = self.conv(bias, groups)
            after, done = simplified(before)
            self.assertEqual(done, {"batchnorm": 1})
            self.assertEqual(self.operators(after), ["Conv"])
            self.assertEqual(len(after.graph.initializer), 2)
            self.same(before, after, {"x": self.floats(2, 4, 5, 5)}, rtol=1e-4, atol=1e-5)

    def test_batchnorm_stays(self):
        before = self.conv()
        self.assertEqual(simplified(before, ["batchnorm"])[1], {})
        self.assertEqual(simplified(before, every=True)[1], {})  # weights that can be swapped
        self.assertEqual(simplified(self.conv(twice=True))[1], {})  # somebody else looks at it

    def transposes(self, first, second, more=()):
        shape = [2, 3, 4]
        result = [[shape[i] for i in first][i] for i in second]
        return make([helper.make_node("Transpose", ["x"], ["t"], perm=first),
                     helper.make_node("Transpose", ["t"], ["u"], perm=second),
                     helper.make_node("Relu", ["u"], ["y"]), *more],
                    [("x", TensorProto.FLOAT, shape)],
                    [("y", TensorProto.FLOAT, result),
                     *([("t", TensorProto.FLOAT, [shape[i] for i in first])] if more == () and
                       first == [1, 0, 2] else [])], {})

    def test_transposes(self):
        for first, second, left in (([2, 0, 1], [1, 2, 0], ["Identity", "Relu"]),
                                    ([2, 0, 1], [2, 0, 1], ["Transpose", "Relu"]),
                                    ([0, 1, 2], [0, 2, 1], ["Identity", "Transpose", "Relu"]),
                                    # The first is a result, too.
                                    ([1, 0, 2], [1, 0, 2], ["Transpose", "Identity", "Relu"])):
            before = self.transposes(first, second)
            after, done = simplified(before)
            self.assertIn("transposes", done)
            self.assertEqual(self.operators(after), left)
            self.same(before, after, {"x": self.floats(2, 3, 4)}, rtol=0)
            self.assertEqual(simplified(before, ["transposes"])[1], {})

    def test_integers(self):
        bytes_of = {TensorProto.UINT8: np.uint8, TensorProto.INT8: np.int8}
        for left, right in ((TensorProto.UINT8, TensorProto.INT8),
                            (TensorProto.UINT8, TensorProto.UINT8),
                            (TensorProto.INT8, TensorProto.INT8)):
            for zeros in ((), ("za",), ("za", "zb")):
                weights = {}
                for name, element in zip(zeros, (left, right)):
                    weights[name] = np.array(101, bytes_of[element])
                before = make([helper.make_node("MatMulInteger", ["a", "b", *zeros], ["y"])],
                              [("a", left, [3, 70]), ("b", right, [70, 5])],
                              [("y", TensorProto.INT32, [3, 5])], weights)
                after, done = simplified(before)
                unsigned = [left, right].count(TensorProto.UINT8)
                self.assertEqual(done, {"integers": 1} if unsigned or zeros else {})
                inputs = {}
                for name, element, shape in (("a", left, (3, 70)), ("b", right, (70, 5))):
                    info = np.iinfo(bytes_of[element])
                    inputs[name] = self.random.integers(info.min, info.max + 1, shape,
                                                        bytes_of[element])
                self.same(before, after, inputs, rtol=0)
                self.assertEqual(simplified(before, ["integers"])[1], {})

    def test_zero_points_of_zero(self):
        """128 of unsigned bytes is 0 of signed ones, and a zero point of 0 is none."""
        before = make([helper.make_node("MatMulInteger", ["a", "b", "za", "zb"], ["y"])],
                      [("a", TensorProto.UINT8, [3, 70]), ("b", TensorProto.INT8, [70, 5])],
                      [("y", TensorProto.INT32, [3, 5])],
                      {"za": np.array(128, np.uint8), "zb": np.array(0, np.int8)})
        after, _ = simplified(before)
        product, = [node for node in after.graph.node if node.op_type == "MatMulInteger"]
        self.assertEqual(len(product.input), 2)
        inputs = {"a": self.random.integers(0, 256, (3, 70), np.uint8),
                  "b": self.random.integers(-128, 128, (70, 5), np.int8)}
        self.same(before, after, inputs, rtol=0)

    def test_constants(self):
        """Sizes that are computed become known, and with the switch stay what they are."""
        before = make(
            [helper.make_node("Shape", ["x"], ["s"]),
             helper.make_node("Gather", ["s", "one"], ["rows"]),
             helper.make_node("Mul", ["rows", "two"], ["more"]),
             helper.make_node("Concat", ["more", "rest"], ["shape"], axis=0),
             helper.make_node("Reshape", ["x", "shape"], ["y"])],
            [("x", TensorProto.FLOAT, [3, 4, 2, 2])], [("y", TensorProto.FLOAT, [8, 3, 1, 2])],
            {"one": np.array([1]), "two": np.array([2]), "rest": np.array([3, 1, -1])})
        after = refined(before)
        self.same(before, after, {"x": self.floats(3, 4, 2, 2)}, rtol=0)
        self.assertEqual(set(self.operators(after)), {"Constant", "Reshape"})
        self.assertEqual(self.operators(refined(before, ["constants"])), self.operators(before))


if __name__ == "__main__":
    unittest.main()
