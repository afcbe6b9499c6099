"""JAX: functions compiled in one step, against JAX's own results; what cannot work is refused.

PYTHONPATH names the folder that the package is in. Skipped (77) where jax is not installed.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

try:
    import jax
    import jax.export
except ImportError:
    print("skipped: jax is not installed")
    sys.exit(77)
import jax.numpy as jnp
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "frameworks"))
import jax_models  # noqa: E402

import eerie  # noqa: E402

# Largest difference relative to 1 + |expected|: a few roundings of sums of some dozens of products.
TOLERANCE = 1e-5


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def check(self, model, function, given, *arguments, tolerance=TOLERANCE):
        expected = jax.tree.leaves(function(*arguments))
        got = model(*given)
        got = got if isinstance(got, tuple) else (got,)
        self.assertEqual(len(got), len(expected))
        for one, other in zip(got, expected):
            self.assertEqual(one.shape, other.shape)
            if not jnp.issubdtype(other.dtype, jnp.floating):
                np.testing.assert_array_equal(one, other)
                continue
            np.testing.assert_allclose(one.astype(np.float64), np.asarray(other, np.float64),
                                       rtol=tolerance, atol=tolerance)

    def refused(self, function, arguments, *words, kind=eerie.UnimplementedError, **options):
        with self.assertRaises(kind) as raised:
            eerie.compile(function, arguments, **options)
        for word in words:
            self.assertIn(word, str(raised.exception))
        self.assertTrue(raised.exception.status)


class Models(Case):
    """Every model of the list, at one size of batch and, where the compiler can, at any."""


# What the compiler has no dynamic form of; the operator that it names.
ONLY_STATIC = {"cnn": "convolution", "lstm": "while", "train": "scatter"}


def _model_test(name, dynamic):
    def test(self):
        case = jax_models.CASES[name]
        params = jax_models.params(name)
        specs = case.specs if dynamic else [spec.replace("batch", "3") for spec in case.specs]
        if dynamic and name in ONLY_STATIC:
            self.refused(case.function, (params, *specs), "stablehlo", ONLY_STATIC[name])
            return
        model = eerie.compile(case.function, (params, *specs), weights=["params"])
        self.assertEqual(model.find().inputs[0][3][0], None if dynamic else 3)
        generator = np.random.default_rng(7)
        for batch in (3, 1, 8) if dynamic else (3, 3):
            inputs = case.draw(generator, batch)
            self.check(model, case.function, inputs, params, *inputs)
    return test


for _name in jax_models.CASES:
    setattr(Models, f"test_{_name}", _model_test(_name, False))
    setattr(Models, f"test_{_name}_of_any_batch", _model_test(_name, True))


class Cache(Case):
    def test_modules_are_taken_again(self):
        if not shutil.which("eerie"):
            self.skipTest("iree-compile has no cache")
        cache, x = self.folder / "cache", np.ones(7, np.float32)
        for scale in (2, 2, 3):
            model = eerie.compile(lambda x: x * scale, ("7xf32",), cache=cache, threads=2)
            np.testing.assert_array_equal(model(x), x * scale)
        self.assertEqual(len(list(cache.glob("*.module"))), 2)
        with unittest.mock.patch.dict(os.environ, {"EERIE_CACHE": str(cache)}):
            eerie.compile(lambda x: x * 4, ("7xf32",), cache=False)
            self.assertEqual(len(list(cache.glob("*.module"))), 2)
            eerie.compile(lambda x: x * 4, ("7xf32",))
        self.assertEqual(len(list(cache.glob("*.module"))), 3)


class Weights(Case):
    def test_apart_and_swapped(self):
        params = jax_models.params("mlp")
        archive = self.folder / "mlp.safetensors"
        path = self.folder / "mlp.vmfb"
        x = np.random.default_rng(0).standard_normal((3, 16)).astype(np.float32)
        model = eerie.compile(jax_models.mlp, (params, "3x16xf32"), weights=["params"],
                              parameters=archive, output=path)
        self.check(model, jax_models.mlp, (x,), params, x)
        self.assertIn(b'"first.kernel"', archive.read_bytes()[:4096])
        from eerie.parameters import write_parameters
        other = jax.tree.map(lambda leaf: leaf * np.float32(1.5), params)
        write_parameters(archive, [(f"{layer}.{name}", other[layer][name])
                                   for layer in other for name in other[layer]])
        swapped = eerie.load(path, parameters={"model": archive})
        self.check(swapped, jax_models.mlp, (x,), other, x)

    def test_of_several_arguments(self):
        def function(a, x, b):
            return a["w"] * x + b["w"]
        a, b = {"w": np.ones(3, np.float32) * 2}, {"w": np.ones(3, np.float32) * 5}
        archive = self.folder / "two.safetensors"
        model = eerie.compile(function, (a, "3xf32", b), weights=["a", 2], parameters=archive)
        self.check(model, function, (np.arange(3, dtype=np.float32),), a,
                   np.arange(3, dtype=np.float32), b)
        head = archive.read_bytes()[:4096]
        self.assertIn(b'"a.w"', head)
        self.assertIn(b'"b.w"', head)
        self.refused(function, (a, "3xf32", b), "no argument 'c' for weights; there is a, x, b",
                     kind=eerie.InvalidArgumentError, weights=["c"])
        self.refused(function, ({"w": "3xf32"}, "3xf32", b), "a.w is a shape",
                     kind=eerie.InvalidArgumentError, weights=["a"])

    def test_closed_over(self):
        params = jax_models.params("mlp")
        model = eerie.compile(lambda x: jax_models.mlp(params, x), ("batchx16xf32",))
        x = np.random.default_rng(1).standard_normal((5, 16)).astype(np.float32)
        self.check(model, jax_models.mlp, (x,), params, x)


class Functions(Case):
    def test_structures_and_names(self):
        def function(pair, scale, unused):
            return {"total": pair["a"] + pair["b"][0], "rest": (pair["b"][1] * scale, None)}
        pair = {"a": np.ones(3, np.float32), "b": [np.arange(3, dtype=np.float32),
                                                   np.arange(4, dtype=np.int32)]}
        for form in (function, jax.jit(function)):
            model = eerie.compile(form, (pair, "i32", "7xf32"))
            self.assertEqual(model.functions, ("function",))
            self.assertIn("%pair_a: tensor<3xf32>, %pair_b_0: tensor<3xf32>, %pair_b_1: tensor<4xi32>, "
                          "%scale: tensor<i32>, %unused: tensor<7xf32>", model.find().declaration)
            self.check(model, function, (pair["a"], *pair["b"], np.int32(3), np.zeros(7, np.float32)),
                       pair, 3, None)

    def test_training_in_a_loop(self):
        params = jax_models.params("train")
        case = jax_models.CASES["train"]
        generator = np.random.default_rng(3)
        x, labels = case.draw(generator, 16)
        model = eerie.compile(jax_models.train, (params, "16x16xf32", "16xi32"))
        leaves, tree = jax.tree.flatten(params)
        losses = []
        for _ in range(20):
            *leaves, loss = model(*leaves, x, labels)
            losses.append(float(loss))
            params, expected = jax_models.train(params, x, labels)
            self.assertAlmostEqual(losses[-1], float(expected), places=4)
        self.assertLess(losses[-1], losses[0])
        jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, atol=1e-4),
                     jax.tree.unflatten(tree, leaves), params)

    def test_random_numbers(self):
        def function(seed):
            key = jax.random.key(seed)
            return jax.random.normal(key, (5,)), jax.random.randint(key, (4,), 0, 100)
        model = eerie.compile(function, ("ui32",))
        for seed in (0, 7):
            self.check(model, function, (np.uint32(seed),), np.uint32(seed))

    def test_control_flow(self):
        def function(x):
            y = jax.lax.fori_loop(0, 5, lambda i, y: y * 0.5 + i, x)
            return jax.lax.cond(x.sum() > 0, lambda y: y * 2, lambda y: -y, y), jnp.sort(x)
        model = eerie.compile(function, ("6xf32",))
        for seed in (1, 2, 3):
            x = np.random.default_rng(seed).standard_normal(6).astype(np.float32)
            self.check(model, function, (x,), x)

    def test_gathers_of_any_batch(self):
        def function(table, rows, columns):
            return (table[rows, columns], jnp.take_along_axis(table[rows], columns[:, None], 1),
                    jax.vmap(lambda row, at: jax.lax.dynamic_slice(row, (at,), (3,)))(
                        table[rows], columns))
        model = eerie.compile(function, ("6x5xf32", "batchxi32", "batchxi32"))
        table = np.arange(30, dtype=np.float32).reshape(6, 5)
        for batch in (1, 7):
            generator = np.random.default_rng(batch)
            # Beyond the ends as well: JAX has an answer for that too.
            rows = generator.integers(-8, 9, batch, dtype=np.int32)
            columns = generator.integers(0, 5, batch, dtype=np.int32)
            expected = function(*map(jnp.asarray, (table, rows, columns)))
            for one, other in zip(model(table, rows, columns), expected, strict=True):
                np.testing.assert_array_equal(one, other)

    def test_unrolled_loops_of_any_batch(self):
        def function(x):
            def step(state, value):
                return (state[1] * 0.5, state[0] + value), state[0] * value
            zero = jnp.zeros((x.shape[0], 4))
            return jax.lax.scan(step, (zero, zero), x.swapaxes(0, 1), unroll=True)
        model = eerie.compile(function, ("batchx3x4xf32",))
        for batch in (1, 5):
            x = np.random.default_rng(batch).standard_normal((batch, 3, 4)).astype(np.float32)
            self.check(model, function, (x,), x)

    def test_half_precision(self):
        for name, tolerance in (("bf16", 3e-2), ("f16", 4e-3)):
            with self.subTest(name):
                dtype = jnp.bfloat16 if name == "bf16" else jnp.float16
                params = jax.tree.map(lambda leaf: leaf.astype(dtype), jax_models.params("mlp"))
                x = np.random.default_rng(0).standard_normal((3, 16)).astype(dtype)
                model = eerie.compile(jax_models.mlp, (params, f"3x16x{name}"), weights=[0])
                self.check(model, jax_models.mlp, (x,), params, x, tolerance=tolerance)


try:
    import flatbuffers
except ImportError:
    flatbuffers = None


class Artifacts(Case):
    def exported(self, size):
        params = jax_models.params("mlp")
        shape = jax.export.symbolic_shape(f"{size}, 16")
        function = jax.jit(lambda x: jax_models.mlp(params, x))
        return params, jax.export.export(function)(jax.ShapeDtypeStruct(shape, jnp.float32))

    @unittest.skipUnless(flatbuffers, "flatbuffers is not installed")
    def test_exported(self):
        params, exported = self.exported("batch")
        path = self.folder / "mlp.stablehlo"
        path.write_bytes(exported.serialize())
        for model in (eerie.compile(exported), eerie.compile(path)):
            for batch in (1, 4):
                x = np.random.default_rng(batch).standard_normal((batch, 16)).astype(np.float32)
                self.check(model, jax_models.mlp, (x,), params, x)
        with self.assertRaisesRegex(eerie.InvalidArgumentError, "dimension 'batch'"):
            eerie.compile(path, dims={"batch": 4})
        # The command, which may have StableHLO without an importer, sees that this needs one.
        module = self.folder / "mlp.vmfb"
        done = subprocess.run(["eerie", "compile", path, "-o", module], capture_output=True, text=True,
                              env={**os.environ, "EERIE_PYTHON": sys.executable}, timeout=300,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.check(eerie.load(module), jax_models.mlp, (x,), params, x)

    def test_stablehlo(self):
        params, exported = self.exported(2)
        _, dynamic = self.exported("batch")
        x = np.random.default_rng(5).standard_normal((2, 16)).astype(np.float32)
        for name, content in (("portable.mlirbc", exported.mlir_module_serialized),
                              ("text.mlir", exported.mlir_module().encode()),
                              ("dynamic.mlir", dynamic.mlir_module().encode())):
            with self.subTest(name):
                path = self.folder / name
                path.write_bytes(content)
                self.check(eerie.compile(path), jax_models.mlp, (x,), params, x)

    @unittest.skipUnless(flatbuffers, "flatbuffers is not installed")
    def test_damaged(self):
        _, exported = self.exported(2)
        path = self.folder / "mlp.stablehlo"
        content = exported.serialize()
        for damaged in (content[:len(content) // 2], exported.mlir_module_serialized[:300],
                        b"nothing of the kind"):
            path.write_bytes(damaged)
            with self.assertRaises(eerie.InvalidArgumentError):
                eerie.compile(path)


class Refusals(Case):
    def test_calls_of_the_backend_are_named(self):
        self.refused(jnp.linalg.cholesky, ("3x3xf32",), "lapack_spotrf")
        self.refused(lambda a: jnp.linalg.solve(a, a), ("3x3xf32",), "lapack_sgetrf")

    def test_what_python_raises(self):
        def branch(x):
            return x if x.sum() > 0 else -x
        self.refused(branch, ("3xf32",), "TracerBoolConversionError")

    def test_dimensions(self):
        self.refused(jnp.tanh, ("batchx3xf32",), "no dimension 'rows'",
                     kind=eerie.InvalidArgumentError, dims={"rows": 3})
        self.refused(jnp.tanh, None, "inputs", kind=eerie.InvalidArgumentError)


class Files(Case):
    def test_the_command_says_its_own_words_alone(self):
        file = self.folder / "model.py"
        file.write_text("import warnings, jax.numpy as jnp\nwarnings.warn('this file warns')\n"
                        "def net(params, x):\n    return jnp.tanh(x @ params['w'])\n"
                        "net_inputs = ({'w': jnp.ones((4, 3))}, 'batchx4xf32')\n")
        output = self.folder / "net.mlir"
        done = subprocess.run(
            [sys.executable, "-m", "eerie.importers", f"{file}:net", "-o", output, "--weights",
             "params", "--parameters", self.folder / "net.irpa", "--dim", "batch=1:8"],
            capture_output=True, text=True, check=False, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertTrue((self.folder / "net.irpa").exists())
        self.assertIn("tensor<?x4xf32>", output.read_text())

    def test_nothing_is_left_behind(self):
        # A folder of its own: other programs use the common one at the same time.
        with unittest.mock.patch.object(tempfile, "tempdir", str(self.folder)):
            eerie.compile(jnp.tanh, ("3xf32",))
        self.assertEqual(os.listdir(self.folder), [])


if __name__ == "__main__":
    unittest.main()
