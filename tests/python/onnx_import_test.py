"""The ONNX importer's rewrites: small models imported, compiled, run, against onnx.reference.

Expected values are those of the package `onnx`: of its backend tests (each name below is one), or of
its reference for models made here. Exit code 77: the compiler or onnx is missing.
"""
from __future__ import annotations

import json
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest
import warnings

try:
    import numpy as np
    import onnx
    from iree.compiler import compile_file
    from onnx import TensorProto, helper, numpy_helper
    from onnx.backend.test.loader import load_model_tests
    from onnx.reference import ReferenceEvaluator
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

import eerie
from eerie.importers import ImportFailed, Options, check, find_source, import_model
from eerie.importers.source import SourceError

FLAGS = ["--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu",
         "--iree-llvmcpu-target-cpu=host", "--iree-input-demote-f64-to-f32=false"]

# By family, tests of ONNX that do not pass by the compiler's own importer.
FAMILIES = {
    "reductions": ["reduce_l2_keep_dims_example", "reduce_sum_do_not_keepdims_random",
                   "reduce_log_sum_exp_negative_axes_keepdims_random", "rms_normalization_3d_axis1_epsilon"],
    "narrow numbers": ["cast_FLOAT_to_FLOAT8E4M3FN", "cast_FLOAT16_to_FLOAT8E5M2FNUZ",
                       "cast_FLOAT8E4M3FNUZ_to_FLOAT16", "castlike_FLOAT_to_FLOAT8E5M2",
                       "cast_no_saturate_FLOAT_to_FLOAT8E4M3FN", "cast_FLOAT_to_INT4"],
    "bits": ["bitcast_float32_to_int32", "bitcast_bool_to_uint8"],
    "control flow": ["loop11", "linear_attention_gated_delta", "range_float_type_positive_delta_expanded"],
    "definitions": ["attention_4d_causal", "attention_3d_gqa", "causal_conv_with_state_basic"],
    "places": ["slice_neg_steps", "wrap_pad", "compress_1", "cumsum_1d_reverse_exclusive"],
    "sampling": ["gridsample_bicubic", "affine_grid_2d", "resize_downsample_sizes_cubic_antialias",
                 "resize_tf_crop_and_resize"],
    "numbers that the compiler gets wrong": [
        "gelu_tanh_2", "lstm_with_peepholes", "qlinearmatmul_3D_int8_float32", "det_2d",
        "l2normalization_axis_0", "quantizelinear_e4m3fn", "dequantizelinear_uint16"],
    "functions": ["swiglu_alpha", "ai_onnx_ml_binarizer", "nesterov_momentum"],
}
BITS = {"int4": np.int8, "uint4": np.uint8}


def as_array(item):
    return numpy_helper.to_array(item) if isinstance(item, TensorProto) else np.asarray(item)


class Importing(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def load(self, models):
        """The models as one loaded module, as functions f0, f1, ..."""
        loaded = []
        for number, model in enumerate(models):
            path = self.folder / f"{number}.onnx"
            path.write_bytes(model.SerializeToString())
            imported = import_model(path.as_posix(), self.folder / f"{number}.mlir",
                                    Options(function="main", inline_weights=True, demote_f64=False))
            module = compile_file(str(imported.path), input_type=imported.input_type,
                                  extra_args=FLAGS)
            loaded.append(eerie.load(module))
        return loaded

    def compare(self, got, expected, rtol, atol):
        got = got if isinstance(got, tuple) else (got,)
        self.assertEqual(len(got), len(expected))
        for result, want in zip(got, expected):
            result = np.asarray(result)
            self.assertEqual(result.shape, want.shape)
            if want.dtype.name in BITS:
                want = want.astype(BITS[want.dtype.name])
            if want.dtype.isbuiltin != 1:
                result, want = result.astype(np.float32), want.astype(np.float32)
            np.testing.assert_allclose(result, want, rtol=rtol, atol=atol)


class BackendTests(Importing):
    """Families of rewrites, on ONNX's own tests."""

    @classmethod
    def setUpClass(cls):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cls.cases = {case.name: case for case in load_model_tests(kind="node")}

    def family(self, name):
        cases = [self.cases["test_" + case] for case in FAMILIES[name]]
        for case, model in zip(cases, self.load([case.model for case in cases])):
            with self.subTest(case.name):
                for inputs, outputs in case.data_sets:
                    self.compare(model(*map(as_array, inputs)), list(map(as_array, outputs)),
                                 case.rtol, case.atol)


def _test_of(name):
    return lambda self: self.family(name)


for family in FAMILIES:
    setattr(BackendTests, "test_" + family.replace(" ", "_"), _test_of(family))


def a_model(nodes, inputs, outputs, opset=20, domains=()):
    """A model of float tensors, given as (name, shape)."""
    values = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
               for name, shape in side] for side in (inputs, outputs)]
    opsets = [helper.make_opsetid("", opset)] + [helper.make_opsetid(name, 1) for name in domains]
    return helper.make_model(helper.make_graph(nodes, "small", *values), opset_imports=opsets,
                             ir_version=10)


class Models(Importing):
    def test_every_8_bit_float(self):
        """Each code to a number and back, and numbers between and beyond."""
        rng = np.random.default_rng(3)
        x = np.concatenate([rng.normal(0, 10.0 ** scale, 200) for scale in range(-9, 7)])
        x = np.append(x, [0.0, -0.0, np.inf, -np.inf, np.nan, 448, 464, 480, 57344, 61440])
        x = x.astype(np.float32)
        kinds = (TensorProto.FLOAT8E4M3FN, TensorProto.FLOAT8E4M3FNUZ, TensorProto.FLOAT8E5M2,
                 TensorProto.FLOAT8E5M2FNUZ)
        models = [a_model([helper.make_node("Cast", ["x"], ["n"], to=kind, saturate=saturate),
                           helper.make_node("Cast", ["n"], ["y"], to=TensorProto.FLOAT)],
                          [("x", x.shape)], [("y", x.shape)])
                  for kind in kinds for saturate in (0, 1)]
        for model, loaded in zip(models, self.load(models)):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                want = ReferenceEvaluator(model).run(None, {"x": x})
            self.compare(loaded(x), want, 0, 0)

    def test_unknown_operator_is_named(self):
        model = a_model([helper.make_node("Frobnicate", ["x"], ["y"], name="odd", domain="made.up")],
                        [("x", [2])], [("y", [2])], domains=["made.up"])
        path = self.folder / "odd.onnx"
        path.write_bytes(model.SerializeToString())
        done = subprocess.run(
            [sys.executable, "-m", "eerie.importers", "--check", "--json", str(path)],
            capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        problems = json.loads(done.stdout)["problems"]
        self.assertEqual([(p["operator"], p["nodes"]) for p in problems],
                         [("made.up.Frobnicate", ["odd"])])

    def test_all_that_does_not_lower_is_listed(self):
        nodes = [helper.make_node("Relu", ["x"], ["r"], name="fine"),
                 helper.make_node("Cast", ["r"], ["c"], to=TensorProto.UINT8),
                 helper.make_node("ImageDecoder", ["c"], ["i"], name="decode"),
                 helper.make_node("Cast", ["i"], ["y"], to=TensorProto.FLOAT),
                 helper.make_node("RandomUniformLike", ["x"], ["d"], name="drawn", seed=1.0)]
        path = self.folder / "two.onnx"
        path.write_bytes(a_model(nodes, [("x", [9])], [("d", [9]), ("y", [1, 2, 3])]
                                 ).SerializeToString())
        found = check.check(find_source(str(path)), Options()).problems
        named = {problem.operator: problem.nodes for problem in found}
        self.assertEqual(named, {"ImageDecoder": ["decode"], "RandomUniformLike": ["drawn"]})

    def check_of(self, model):
        path = self.folder / "net.onnx"
        path.write_bytes(model.SerializeToString())
        return {problem.operator: (problem.nodes, problem.reason)
                for problem in check.check(find_source(str(path)), Options()).problems}

    def test_nested_graphs_are_looked_into(self):
        """Branches, and functions of the model's own: what is within is named, not what is around."""
        branches = [helper.make_graph(
            [helper.make_node(operator, inputs, [result], name=name, **options)], name, [],
            [helper.make_tensor_value_info(result, TensorProto.FLOAT, [3])])
            for operator, inputs, result, name, options in (
                ("RandomUniformLike", ["x"], "t", "drawn", {"seed": 1.0}),
                ("Relu", ["x"], "e", "fine", {}))]
        nodes = [helper.make_node("ReduceSum", ["x"], ["s"], keepdims=0),
                 helper.make_node("Cast", ["s"], ["c"], to=TensorProto.BOOL),
                 helper.make_node("If", ["c"], ["b"], name="choice", then_branch=branches[0],
                                  else_branch=branches[1]),
                 helper.make_node("Noise", ["b"], ["y"], name="call", domain="own")]
        model = a_model(nodes, [("x", [3])], [("y", [3])], opset=18, domains=["own"])
        opsets = [helper.make_opsetid("", 18)]
        model.functions.append(helper.make_function(
            "own", "Noise", ["a"], ["r"],
            [helper.make_node("RandomNormalLike", ["a"], ["r"], name="within", seed=1.0)], opsets))
        found = self.check_of(model)
        for operator, name in (("RandomUniformLike", "drawn"), ("RandomNormalLike", "within")):
            (place,), _ = found.pop(operator)
            self.assertIn(name, place)
        self.assertEqual(found, {})

    def test_bodies_of_loops_are_looked_into(self):
        floats = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3]) for name in "vw"]
        goes = [helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in "cd"]
        body = helper.make_graph(
            [helper.make_node("Identity", ["c"], ["d"]),
             helper.make_node("RandomUniformLike", ["v"], ["w"], name="drawn", seed=1.0)], "body",
            [helper.make_tensor_value_info("i", TensorProto.INT64, []), goes[0], floats[0]],
            [goes[1], floats[1]])
        nodes = [helper.make_node("ReduceSum", ["x"], ["s"], keepdims=0),
                 helper.make_node("Cast", ["s"], ["count"], to=TensorProto.INT64),
                 helper.make_node("Loop", ["count", "", "x"], ["y"], name="turns", body=body)]
        found = self.check_of(a_model(nodes, [("x", [3])], [("y", [3])], opset=18))
        self.assertEqual({name: nodes for name, (nodes, _) in found.items()},
                         {"RandomUniformLike": ["drawn"]})

    def test_attributes_and_types_that_do_not_lower(self):
        """Of operators that lower in other forms."""
        nodes = [helper.make_node("LSTM", ["x", "w", "r"], ["", "y"], name="clipped", hidden_size=2,
                                  clip=1.0),
                 helper.make_node("Cast", ["x"], ["u"], name="sixteen", to=TensorProto.UINT16),
                 helper.make_node("Cast", ["x"], ["i"], name="fine", to=TensorProto.INT32),
                 helper.make_node("Frobnicate", ["x"], ["odd"], name="odd", domain="made.up")]
        model = a_model(nodes, [("x", [3, 1, 4]), ("w", [1, 8, 4]), ("r", [1, 8, 2])],
                        [("y", [1, 1, 2])], domains=["made.up"])
        for name, kind in (("u", TensorProto.UINT16), ("i", TensorProto.INT32)):
            model.graph.output.append(helper.make_tensor_value_info(name, kind, [3, 1, 4]))
        found = self.check_of(model)
        self.assertEqual({name: nodes for name, (nodes, _) in found.items()},
                         {"LSTM": ["clipped"], "Cast": ["sixteen"], "made.up.Frobnicate": ["odd"]})
        self.assertIn("clip", found["LSTM"][1])

    def test_spoilt_files(self):
        """Cut and flipped files are refused with a reason, never with another exception."""
        model = a_model([helper.make_node("Gemm", ["x", "w"], ["h"], transB=1),
                         helper.make_node("Relu", ["h"], ["y"])],
                        [("x", [2, 3]), ("w", [4, 3])], [("y", [2, 4])])
        whole = model.SerializeToString()
        draw = random.Random(5)
        path = self.folder / "bad.onnx"
        for _ in range(60):
            data = bytearray(whole)
            if draw.random() < 0.3:
                data = data[:draw.randrange(len(data))]
            else:
                data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
            path.write_bytes(data)
            try:
                import_model(str(path), self.folder / "bad.mlir")
            except (SourceError, ImportFailed) as error:
                self.assertTrue(str(error))

    def test_recurrent_layers(self):
        """Backwards and in both directions, for any batch: against steps forwards over what is
        turned round, by the reference."""
        draw = np.random.default_rng(4)
        for operator, gates, options in (
                ("GRU", 3, {"direction": "bidirectional"}), ("RNN", 1, {"direction": "reverse"}),
                ("GRU", 3, {"linear_before_reset": 1}), ("LSTM", 4, {"direction": "reverse"})):
            both = options.get("direction") == "bidirectional"
            ways = ["forward", "reverse"] if both else [options.get("direction", "forward")]
            shapes = {"w": (len(ways), gates * 6, 8), "r": (len(ways), gates * 6, 6),
                      "b": (len(ways), 2 * gates * 6)}
            weights = {name: draw.normal(0, 0.3, shape).astype(np.float32)
                       for name, shape in shapes.items()}

            def model_of(kept, batch, **attributes):
                node = helper.make_node(operator, ["x", "w", "r", "b"], ["y", "h"], hidden_size=6,
                                        **attributes)
                model = a_model([node], [("x", [5, batch, 8])], [("y", None), ("h", None)], opset=17)
                model.graph.initializer.extend(
                    numpy_helper.from_array(array, name) for name, array in kept.items())
                return model

            loaded, = self.load([model_of(weights, "batch", **options)])
            rest = {name: value for name, value in options.items() if name != "direction"}
            for batch in (1, 3):
                x = draw.normal(size=(5, batch, 8)).astype(np.float32)
                rows, last = [], []
                for index, way in enumerate(ways):
                    turn = -1 if way == "reverse" else 1
                    kept = {name: array[index:index + 1] for name, array in weights.items()}
                    y, h = ReferenceEvaluator(model_of(kept, batch, **rest)).run(
                        None, {"x": x[::turn]})
                    rows.append(y[::turn])
                    last.append(h)
                with self.subTest(operator, batch=batch, **options):
                    self.compare(loaded(x), [np.concatenate(rows, 1), np.concatenate(last)], 0, 1e-6)

    def test_lengths_of_sequences(self):
        """Sequences of a batch that end early: as steps forwards that are left out."""
        draw = np.random.default_rng(8)
        lengths = np.array([5, 2, 0], np.int32)
        for operator, gates, states in (("LSTM", 4, 2), ("GRU", 3, 1)):
            x = draw.normal(size=(5, 3, 4)).astype(np.float32)
            weights = {"w": draw.normal(0, 0.3, (1, gates * 6, 4)).astype(np.float32),
                       "r": draw.normal(0, 0.3, (1, gates * 6, 6)).astype(np.float32)}
            ends = ["h", "c"][:states]

            def model_of(steps, batch, inputs):
                node = helper.make_node(operator, ["x", "w", "r", *inputs], ["y", *ends],
                                        hidden_size=6)
                model = a_model([node], [("x", [steps, batch, 4])],
                                [(name, None) for name in ("y", *ends)], opset=17)
                model.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array
                                               in [*weights.items(), ("lengths", lengths)])
                return model

            loaded, = self.load([model_of(5, 3, ["", "lengths"])])
            y, last = np.zeros((5, 1, 3, 6), np.float32), np.zeros((states, 1, 3, 6), np.float32)
            for row, length in enumerate(lengths):
                if not length:
                    continue
                part = ReferenceEvaluator(model_of(int(length), 1, [])).run(
                    None, {"x": x[:length, row:row + 1]})
                y[:length, :, row:row + 1] = part[0]
                for index in range(states):
                    last[index, :, row:row + 1] = part[1 + index]
            with self.subTest(operator):
                self.compare(loaded(x), [y, *last], 0, 1e-6)

    def test_definitions_with_weights(self):
        """An operator that is replaced by its definition may take a weight."""
        node = helper.make_node("RMSNormalization", ["x", "scale"], ["y"])
        model = a_model([node], [("x", ["batch", 8])], [("y", ["batch", 8])], opset=23)
        scale = np.linspace(-1, 2, 8, dtype=np.float32)
        model.graph.initializer.append(numpy_helper.from_array(scale, "scale"))
        loaded, = self.load([model])
        for batch in (1, 3):
            x = np.random.default_rng(batch).normal(size=(batch, 8)).astype(np.float32)
            self.compare(loaded(x), ReferenceEvaluator(model).run(None, {"x": x}), 0, 1e-6)

    def test_loops_that_count(self):
        """A loop ends by a condition on a counter of its own: as exporters write recurrent layers."""
        def scalars(names, kind):
            return [helper.make_tensor_value_info(name, kind, []) for name in names]
        body = helper.make_graph(
            [helper.make_node("Add", ["k", "one"], ["k1"]),
             helper.make_node("Less", ["k1", "end"], ["d"]),
             helper.make_node("Gather", ["x", "k"], ["row"]),
             helper.make_node("Add", ["v", "row"], ["w"])], "body",
            [*scalars("i", TensorProto.INT64), *scalars("c", TensorProto.BOOL),
             *scalars("k", TensorProto.INT64),
             helper.make_tensor_value_info("v", TensorProto.FLOAT, [3])],
            [*scalars("d", TensorProto.BOOL), *scalars(["k1"], TensorProto.INT64),
             helper.make_tensor_value_info("w", TensorProto.FLOAT, [3])],
            [numpy_helper.from_array(np.array(1), "one"), numpy_helper.from_array(np.array(4), "end")])
        model = a_model([helper.make_node("Loop", ["", "go", "first", "start"], ["n", "y"], body=body)],
                        [("x", [6, 3]), ("start", [3])], [("y", [3])], opset=18)
        model.graph.initializer.extend([numpy_helper.from_array(np.array(True), "go"),
                                        numpy_helper.from_array(np.array(1), "first")])
        loaded, = self.load([model])
        x = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
        start = np.ones(3, np.float32)
        want = ReferenceEvaluator(model).run(None, {"x": x, "start": start})
        np.testing.assert_allclose(want[0], start + x[1:4].sum(0), rtol=1e-6)
        self.compare(loaded(x, start), want, 0, 1e-6)

    def test_weights_swapped(self):
        """One module and the weights of another model, small ones with them."""
        draw = np.random.default_rng(6)
        models, archives = [], []
        for number in range(2):
            model = a_model([helper.make_node("Gemm", ["x", "w", "b"], ["h"]),
                             helper.make_node("Clip", ["h", "least"], ["c"]),
                             helper.make_node("Mul", ["c", "gain"], ["y"])],
                            [("x", ["n", 40])], [("y", ["n", 20])])
            for name, shape in (("w", (40, 20)), ("b", (20,)), ("gain", (1,)), ("least", ())):
                array = np.asarray(draw.normal(size=shape), np.float32)
                model.graph.initializer.append(numpy_helper.from_array(
                    np.float32(-0.5) if name == "least" else array, name))
            path = self.folder / f"{number}.onnx"
            onnx.save(model, path)
            models.append(model)
            archives.append(self.folder / f"{number}.{('irpa', 'safetensors')[number]}")
            import_model(str(path), self.folder / f"{number}.mlir",
                         Options(parameters=archives[-1]))
        module = compile_file(str(self.folder / "0.mlir"), input_type="onnx", extra_args=FLAGS)
        x = draw.normal(size=(3, 40)).astype(np.float32)
        for model, archive in zip(models, archives):
            self.compare(eerie.load(module, parameters={"model": archive})(x),
                         ReferenceEvaluator(model).run(None, {"x": x}), 1e-5, 1e-5)

    def test_weights_beside(self):
        """Read from there; a file that is missing or short is named."""
        weights = [numpy_helper.from_array(np.arange(size, dtype=np.float32), f"w{size}")
                   for size in (4, 4000)]
        model = a_model([helper.make_node("Add", ["x", "w4"], ["y"]),
                         helper.make_node("Add", ["z", "w4000"], ["v"])],
                        [("x", [4]), ("z", [4000])], [("y", [4]), ("v", [4000])])
        model.graph.initializer.extend(weights)
        path, beside = self.folder / "net.onnx", self.folder / "net.bin"
        onnx.save(model, path, save_as_external_data=True, location=beside.name, size_threshold=0)
        archive = self.folder / "net.irpa"
        imported = import_model(str(path), self.folder / "net.mlir", Options(parameters=archive))
        module = eerie.load(compile_file(str(imported.path), input_type="onnx", extra_args=FLAGS),
                            parameters={"model": archive})
        y, v = module(np.ones(4, np.float32), np.ones(4000, np.float32))
        np.testing.assert_array_equal(y, np.arange(4) + 1)
        np.testing.assert_array_equal(v, np.arange(4000) + 1)
        whole = beside.read_bytes()
        for content in (whole[:10000], whole[:10], None):
            beside.unlink()
            if content is not None:
                beside.write_bytes(content)
            with self.assertRaisesRegex(SourceError, "w4.*net.bin"):
                import_model(str(path), self.folder / "net.mlir", Options(parameters=archive))

    def test_sizes_that_meet_are_told(self):
        """Two unknown sizes in one place: the compiler takes neither for 1."""
        path = self.folder / "two.onnx"
        for names, told in ((("a", "b"), True), (("a", "a"), False), (("a", 1), False)):
            path.write_bytes(a_model([helper.make_node("Add", ["x", "y"], ["z"], name="sum")],
                                     [("x", [names[0], 3]), ("y", [names[1], 3])],
                                     [("z", [None, 3])]).SerializeToString())
            notes = import_model(str(path), self.folder / "two.mlir").notes
            self.assertEqual(any("sizes a and b meet in sum" in note for note in notes), told)

    def test_what_is_out_of_range_is_named(self):
        def spoilt(change):
            model = a_model([helper.make_node("Add", ["x", "w"], ["y"])], [("x", [3])], [("y", [3])])
            model.graph.initializer.append(numpy_helper.from_array(np.ones(3, np.float32), "w"))
            change(model)
            path = self.folder / "bad.onnx"
            path.write_bytes(model.SerializeToString())
            return str(path)

        def kind(model):
            return model.graph.input[0].type.tensor_type
        for words, change in (
                ("opset 999.*up to", lambda m: setattr(m.opset_import[0], "version", 999)),
                ("opset -1", lambda m: setattr(m.opset_import[0], "version", -1)),
                ("input 'x'.*type 99", lambda m: setattr(kind(m), "elem_type", 99)),
                ("initializer 'w'.*type 99",
                 lambda m: setattr(m.graph.initializer[0], "data_type", 99)),
                ("input 'x'.*-5", lambda m: setattr(kind(m).shape.dim[0], "dim_value", -5)),
                ("initializer 'w'.*-3", lambda m: m.graph.initializer[0].dims.__setitem__(0, -3)),
                ("size", lambda m: m.graph.initializer[0].dims.__setitem__(0, 1 << 40)),
                ("size", lambda m: setattr(m.graph.initializer[0], "raw_data", b"123")),
                ("input 'x' is of strings", lambda m: setattr(kind(m), "elem_type", 8))):
            with self.subTest(words), self.assertRaisesRegex((SourceError, ImportFailed), words):
                import_model(spoilt(change), self.folder / "bad.mlir")

    def test_opsets_out_of_range(self):
        path = self.folder / "new.onnx"
        path.write_bytes(a_model([helper.make_node("Relu", ["x"], ["y"])], [("x", [2])],
                                 [("y", [2])]).SerializeToString())
        with self.assertRaisesRegex(SourceError, "opset 99"):
            import_model(str(path), self.folder / "new.mlir", Options(opset=99))


if __name__ == "__main__":
    unittest.main()
