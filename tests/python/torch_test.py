"""PyTorch: models compiled in one step, against PyTorch's own results; what cannot work is refused.

PYTHONPATH names the folder that the package is in. Skipped (77) where torch is not installed.
"""
import copy
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

try:
    import torch
except ImportError:
    print("skipped: torch is not installed")
    sys.exit(77)
import numpy as np
from torch import nn

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "frameworks"))
import torch_models  # noqa: E402

import eerie  # noqa: E402

# Largest difference relative to 1 + |expected|: a few roundings of sums of some dozens of products.
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}


def leaves(value):
    """The tensors of a result, in their order."""
    return [leaf for leaf in torch.utils._pytree.tree_leaves(value) if torch.is_tensor(leaf)]


def as_numpy(tensor):
    tensor = tensor.detach()
    return tensor.float().numpy() if tensor.dtype == torch.bfloat16 else tensor.numpy()


def as_argument(tensor):
    """A tensor as what a model takes: bfloat16 is ml_dtypes' in NumPy."""
    if tensor.dtype != torch.bfloat16:
        return tensor.detach().numpy()
    import ml_dtypes
    return tensor.view(torch.int16).numpy().view(ml_dtypes.bfloat16)


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def check(self, model, module, arguments, tolerance=None):
        with torch.no_grad():
            expected = leaves(module(*arguments))
        got = model(*map(as_argument, leaves(arguments)))
        got = got if isinstance(got, tuple) else (got,)
        self.assertEqual(len(got), len(expected))
        for one, other in zip(got, expected):
            self.assertEqual(one.shape, tuple(other.shape))
            if not other.dtype.is_floating_point:
                np.testing.assert_array_equal(one, as_numpy(other))
                continue
            limit = tolerance or TOLERANCE[other.dtype]
            np.testing.assert_allclose(one.astype(np.float64), as_numpy(other).astype(np.float64),
                                       rtol=limit, atol=limit)

    def refused(self, module, arguments, *words, kind=eerie.UnimplementedError, **options):
        with self.assertRaises(kind) as raised:
            eerie.compile(module, arguments, **options)
        for word in words:
            self.assertIn(word, str(raised.exception))
        self.assertTrue(raised.exception.status)


class Models(Case):
    """Models of the list, at any size of batch; with EERIE_TEST_FRAMEWORKS=all all, and at one too."""


def _model_test(name, dynamic):
    def test(self):
        case = torch_models.CASES[name]
        module = torch_models.build(name)
        specs = case.specs if dynamic else [spec.replace("batch", "3") for spec in case.specs]
        model = eerie.compile(module, specs)
        shape = model.find().inputs[0][3]
        self.assertEqual(shape[0], None if dynamic else 3)
        generator = torch.Generator().manual_seed(7)
        for batch in (3, 1, 8) if dynamic else (3, 3):
            self.check(model, module, case.draw(batch, generator))
    return test


ALL = os.environ.get("EERIE_TEST_FRAMEWORKS") == "all"
for _name in torch_models.CASES if ALL else set(torch_models.CASES) - {"causal"}:
    if ALL or _name == "mlp":
        setattr(Models, f"test_{_name}", _model_test(_name, False))
    setattr(Models, f"test_{_name}_of_any_batch", _model_test(_name, True))


class State(Case):
    """Buffers that a model changes."""

    def steps(self, module, count=6):
        reference = copy.deepcopy(module)
        model = eerie.compile(module, ("8xf32",), output=self.folder / "model.vmfb")
        generator = torch.Generator().manual_seed(1)
        inputs = [torch.randn(8, generator=generator) for _ in range(count)]
        for value in inputs:
            self.check(model, reference, (value,))
        return inputs

    def test_index_copy(self):
        self.steps(torch_models.Cache("index_copy"))

    def test_assignment_by_index(self):
        module = torch_models.Cache("assignment")
        inputs = self.steps(module)
        # Each load has a state of its own, and compiling left that of the module alone.
        self.assertEqual(int(module.step), 0)
        again = eerie.load(self.folder / "model.vmfb")
        self.check(again, copy.deepcopy(module), (inputs[0],))

    def test_assignment_to_slices(self):
        self.steps(torch_models.Window())

    def test_overlapping_parts(self):
        class Shift(nn.Module):
            def forward(self, table, x):
                table = table.clone()
                table[:-1] = table[1:].clone()
                table[-1] = x
                table[:, 1:3] = table[:, :2].clone()
                return table
        module = Shift()
        model = eerie.compile(module, ("5x4xf32", "4xf32"))
        self.check(model, module, (torch.randn(5, 4), torch.randn(4)))

    def test_a_buffer_of_truth_values(self):
        class Seen(nn.Module):
            def __init__(self):
                super().__init__()
                self.register_buffer("seen", torch.tensor([True, False, False]))

            def forward(self, x):
                self.seen.copy_(self.seen | (x > 0))
                return self.seen.clone()
        module = Seen()
        reference = copy.deepcopy(module)
        model = eerie.compile(module, ("3xf32",))
        for value in ([-1.0, -1, -1], [1.0, -1, -1], [-1.0, -1, 2], [-1.0, -1, -1]):
            self.check(model, reference, (torch.tensor(value),))

    def test_changed_arguments_are_refused(self):
        class Adds(nn.Module):
            def forward(self, x):
                x.add_(1)
                return x * 2
        self.refused(Adds(), ("4xf32",), "changes its argument x")

    def test_an_index_that_is_a_number_is_refused_with_its_line(self):
        class Number(nn.Module):
            def __init__(self):
                super().__init__()
                self.register_buffer("rows", torch.zeros(4, 8))
                self.register_buffer("at", torch.zeros((), dtype=torch.int64))

            def forward(self, x):
                self.rows[self.at] = x
                return self.rows.sum(0)
        self.refused(Number(), ("8xf32",), "data-dependent", "self.rows[self.at] = x")

    def test_onnx_has_no_state(self):
        self.refused(torch_models.Window(), ("8xf32",), "changes last", "ONNX", route="onnx")


class Weights(Case):
    """Weights apart from the module, swapped without compiling again."""

    def test_safetensors(self):
        from safetensors.torch import load_file, save_file
        module = torch_models.build("cnn")
        archive = self.folder / "cnn.safetensors"
        path = self.folder / "cnn.vmfb"
        model = eerie.compile(module, ("batchx1x16x16xf32",), parameters=archive, output=path)
        x = torch_models.CASES["cnn"].draw(2, torch.Generator().manual_seed(3))
        self.check(model, module, x)
        state = module.state_dict()
        stored = load_file(archive)
        self.assertLessEqual(set(stored), set(state))
        self.assertEqual(set(state) - set(stored), {"norm.num_batches_tracked"})
        for key, value in stored.items():
            self.assertTrue(torch.equal(value, state[key]), key)

        torch.manual_seed(99)
        other = torch_models.Cnn().eval()
        save_file(other.state_dict(), self.folder / "other.safetensors")
        swapped = eerie.load(path, parameters={"model": self.folder / "other.safetensors"})
        self.check(swapped, other, x)

    def test_irpa_with_scalars_and_truth_values(self):
        class Scaled(nn.Module):
            def __init__(self):
                super().__init__()
                self.scale = nn.Parameter(torch.tensor(2.5))
                self.register_buffer("keep", torch.tensor([True, False, True]))
                self.register_buffer("table", torch.arange(3.0), persistent=False)

            def forward(self, x):
                return torch.where(self.keep, x * self.scale, x) + self.table
        module = Scaled()
        archive = self.folder / "scaled.irpa"
        path = self.folder / "scaled.vmfb"
        eerie.compile(module, ("2x3xf32",), parameters=archive, output=path)
        x = (torch.randn(2, 3),)
        self.check(eerie.load(path, parameters={"model": archive}), module, x)
        from eerie.parameters import write_parameters
        with torch.no_grad():
            module.scale.fill_(-1)
            module.keep.logical_not_()
        write_parameters(archive, [("scale", module.scale.detach().numpy()),
                                   ("keep", module.keep.numpy())])
        self.check(eerie.load(path, parameters={"model": archive}), module, x)

    def test_small_floats_keep_their_type(self):
        from safetensors.torch import load_file
        module = nn.Linear(4, 3).to(torch.bfloat16)
        archive = self.folder / "half.safetensors"
        model = eerie.compile(module, ("2x4xbf16",), parameters=archive)
        self.check(model, module, (torch.randn(2, 4, dtype=torch.bfloat16),))
        for key, value in load_file(archive).items():
            self.assertTrue(torch.equal(value, module.state_dict()[key]), key)

    def test_apart_in_memory(self):
        module = torch_models.build("mlp")
        model = eerie.compile(module, ("2x16xf32",), parameters=self.folder / "mlp.irpa")
        os.remove(self.folder / "mlp.irpa")
        self.check(model, module, (torch.randn(2, 16),))


class Types(Case):
    def test_half_precision(self):
        for dtype, name in ((torch.bfloat16, "bf16"), (torch.float16, "f16")):
            with self.subTest(name):
                module = torch_models.build("mlp").to(dtype)
                model = eerie.compile(module, (f"4x16x{name}",))
                self.assertEqual(model.find().outputs[0][2], name)
                self.check(model, module, (torch.randn(4, 16, dtype=dtype),))

    def test_gelu_by_tanh(self):
        """The compiler's own is off by 5e-5."""
        module = nn.GELU(approximate="tanh")
        x = torch.linspace(-4, 4, 64)
        self.assertLess(np.abs(eerie.compile(module, ("64xf32",))(x) - module(x).numpy()).max(), 2e-6)

    def test_doubles(self):
        module = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 4)).double()
        model = eerie.compile(module, ("4x16xf64",), keep_f64=True)
        self.check(model, module, (torch.randn(4, 16, dtype=torch.float64),))


class Structures(Case):
    """Inputs and outputs in dicts and tuples are taken and given one after the other."""

    def test_dicts_tuples_constants(self):
        class Nested(nn.Module):
            def forward(self, pair, count, scale=None):
                a, b = pair["a"], pair["b"]
                return {"sum": (a + b) * count, "none": None, "both": (a - b, b.to(torch.int32))}
        module = Nested()
        model = eerie.compile(module, ({"a": "batchx2xf32", "b": "batchx2xf32"}, 4))
        declared = model.find().declaration
        self.assertIn("%sum: tensor<?x2xf32>, %both_0: tensor<?x2xf32>, %both_1: tensor<?x2xi32>",
                      declared)
        a, b = torch.randn(5, 2), torch.randn(5, 2) * 9
        self.check(model, module, ({"a": a, "b": b}, 4))

    def test_arrays_as_examples(self):
        module = torch_models.build("embedding")
        model = eerie.compile(module, (np.zeros((2, 6), np.int64),))
        self.check(model, module, (torch.randint(0, 50, (2, 6)),))
        self.assertEqual(model.find().inputs[0][0], "tokens")

    def test_functions_keep_the_names_of_their_modules(self):
        inner = torch_models.build("mlp")

        def twice(x):
            return inner(x) * 2
        archive = self.folder / "twice.safetensors"
        model = eerie.compile(twice, ("3x16xf32",), parameters=archive)
        self.assertEqual(model.functions, ("twice",))
        self.check(model, twice, (torch.randn(3, 16),))
        from safetensors.torch import load_file
        self.assertIn("inner.first.weight", load_file(archive))


FILE = '''
import warnings
import torch
warnings.warn("this file warns")
torch.manual_seed(5)
net = torch.nn.Sequential(torch.nn.Linear(16, 8), torch.nn.Tanh())
net_inputs = (torch.zeros(2, 16),)
number = 3
def double(x):
    return net(x) * 2
'''


class Files(Case):
    def setUp(self):
        super().setUp()
        self.file = self.folder / "model.py"
        self.file.write_text(FILE)

    def command(self, *arguments):
        done = subprocess.run([sys.executable, "-m", "eerie.importers", *map(str, arguments)],
                              capture_output=True, text=True, check=False, timeout=300)
        return done.returncode, done.stdout, done.stderr

    def test_the_command_says_its_own_words_alone(self):
        output = self.folder / "net.mlir"
        code, out, err = self.command(f"{self.file}:net", "-o", output, "--input", "batchx16xf32",
                                      "--dim", "batch=1:64")
        self.assertEqual(code, 0, err)
        self.assertEqual(out, "")
        self.assertEqual(len(err.splitlines()), 1, err)
        self.assertIn("torch-fx" if "torch-fx" in err else "fx", err)
        text = output.read_text()
        self.assertIn("tensor<?x16xf32>", text)
        self.assertIn("@net", text)
        code, _, err = self.command(f"{self.file}:net", "-o", output, "--verbose")
        self.assertEqual(code, 0)
        self.assertIn("this file warns", err)

    def test_exported_programs(self):
        module = torch_models.build("transformer")
        path = self.folder / "block.pt2"
        batch = torch.export.Dim("batch")
        program = torch.export.export(module, (torch.zeros(3, 7, 16),),
                                      dynamic_shapes=({0: batch},))
        torch.export.save(program, path)
        model = eerie.compile(path)
        for size in (1, 5):
            self.check(model, module, (torch.randn(size, 7, 16),))
        with self.assertRaisesRegex(eerie.InvalidArgumentError, "no dimension 'batch'"):
            eerie.compile(path, dims={"batch": 4})
        path.write_bytes(path.read_bytes()[:900])
        with self.assertRaisesRegex(eerie.InvalidArgumentError, "no program of torch.export"):
            eerie.compile(path)

    def test_by_onnx(self):
        try:
            import onnxscript  # noqa: F401
        except ImportError:
            self.skipTest("onnxscript is not installed")
        module = torch_models.build("cnn")
        model = eerie.compile(module, ("batchx1x16x16xf32",), route="onnx")
        for batch in (1, 4):
            self.check(model, module, (torch.randn(batch, 1, 16, 16),))

    def test_what_is_not_there(self):
        for text, options, word in (
                (f"{self.file}:absent", {}, "no 'absent'; it has double"),
                (f"{self.file}:double", {}, "inputs of double are not known"),
                (f"{self.file}:number", {"args": ("2xf32",)}, "cannot be called"),
                (f"{self.file}:net", {"args": ("batchx16xf32",), "dims": {"rows": 2}},
                 "no dimension 'rows'; named dimensions of the inputs: batch"),
                (f"{self.file}:net", {"args": ("2x16xf99",)}, "f99")):
            with self.subTest(text), self.assertRaises(eerie.InvalidArgumentError) as raised:
                eerie.compile(text, **options)
            self.assertIn(word, str(raised.exception))
        self.file.write_text("raise RuntimeError('on purpose')")
        with self.assertRaisesRegex(eerie.InvalidArgumentError, "RuntimeError.*on purpose"):
            eerie.compile(f"{self.file}:net")


class Refusals(Case):
    def test_an_operator_that_does_not_lower_is_named_with_its_layer(self):
        class Inner(nn.Module):
            def forward(self, x):
                return torch.linalg.eigvals(x)

        class Outer(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = Inner()

            def forward(self, x):
                return self.inner(x).real
        self.refused(Outer(), ("3x3xf32",), "linalg_eig", "inner")

    def test_control_flow_by_values(self):
        class Branch(nn.Module):
            def forward(self, x):
                return x * 2 if x.sum() > 0 else x
        self.refused(Branch(), ("3xf32",), "torch.export", "x.sum() > 0")

    def test_dimensions_that_the_model_fixes(self):
        class Fixed(nn.Module):
            def forward(self, x):
                return x.reshape(2, 4) * 2
        self.refused(Fixed(), ("batchx4xf32",), "shape '[2, 4]' is invalid",
                     dims={"batch": (1, 9)})

    def test_no_model(self):
        self.refused(3, (), "int", kind=eerie.InvalidArgumentError)
        self.refused(torch_models.build("mlp"), None, "inputs", kind=eerie.InvalidArgumentError)

    def test_nothing_is_left_behind(self):
        module = torch_models.build("mlp")
        # A folder of its own: other programs use the common one at the same time.
        with unittest.mock.patch.object(tempfile, "tempdir", str(self.folder)):
            eerie.compile(module, ("2x16xf32",))
            with self.assertRaises(eerie.Error):
                eerie.compile(module, ("2x16xf32",), flags=["--no-such-flag"])
        # PyTorch's own cache may stay.
        left = [name for name in os.listdir(self.folder) if not name.startswith("torch")]
        self.assertEqual(left, [])
        self.assertFalse(module.training)


if __name__ == "__main__":
    unittest.main()
