"""`eerie import`, and `eerie compile` of what is imported first: results, messages, exit codes.

What the importers make of models is tests/python's; this is about the command around them. The
Python with onnx is that of iree-compile; without onnx in it most tests are skipped.
"""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import unittest

import harness
from compile_test import MULTIPLY, library

# Makes a model whose first dimension has the name "batch": x times a weight of COUNT elements.
MAKE = """
import numpy, onnx, sys
from onnx import helper as h, numpy_helper as n, TensorProto as t
count = int(sys.argv[2])
v = lambda name: h.make_tensor_value_info(name, t.FLOAT, ['batch', count])
weight = numpy.arange(count, dtype=numpy.float32)
nodes = [h.make_node(op, i, o) for op, i, o in (
    [('Mul', ['x', 'w'], ['y'])] if len(sys.argv) < 4 else [(sys.argv[3], ['x'], ['y'])])]
graph = h.make_graph(nodes, 'scale', [v('x')], [v('y')], [n.from_array(weight, 'w')])
model = h.make_model(graph, opset_imports=[h.make_opsetid('', 17)], ir_version=9)
onnx.save(model, sys.argv[1])
"""


def python():
    """The interpreter beside iree-compile."""
    found = pathlib.Path(library() or "") / "bin" / "python3"
    return found if found.exists() else sys.executable


def has(*modules):
    code = "".join(f"import {module}\n" for module in modules)
    return library() and harness.execute([python(), "-c", code]).code == 0


HAS_ONNX = bool(has("onnx", "iree.compiler"))
needs_onnx = unittest.skipUnless(HAS_ONNX, "the compiler's Python has no onnx")


def has_package():
    folder = pathlib.Path(sys.argv[1]).resolve().parent / "python" / "eerie"
    return (folder / "_native.abi3.so").exists()


HAS_PACKAGE = len(sys.argv) > 1 and has_package()
needs_package = unittest.skipUnless(HAS_ONNX and HAS_PACKAGE,
                                    "no package eerie in the build, or no onnx")


class ImportCase(harness.Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(dir=harness.SCRATCH)
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.model = self.folder / "model.onnx"
        self.temporary = self.folder / "temporary"
        self.temporary.mkdir()
        self.environment = {"TMPDIR": str(self.temporary), "EERIE_PYTHON": ""}
        if library():
            self.environment["EERIE_COMPILER_LIB"] = str(library())

    def eerie(self, *arguments, **keywords):
        keywords.setdefault("environment", self.environment)
        keywords.setdefault("cwd", self.folder)
        return super().eerie(*arguments, **keywords)

    def make(self, count=4, *operator):
        done = harness.execute([python(), "-c", MAKE, self.model, count, *operator])
        self.assertEqual(done.code, 0, done.err)

    @contextlib.contextmanager
    def pipe(self, name):
        """A pipe under that name, open for reading, that must still be one in the end."""
        path = self.folder / name
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            yield reader
        finally:
            os.close(reader)
        self.assertTrue(path.is_fifo(), f"{name} was replaced")

    def leaves(self, *names):
        """These files and no others, and nothing in the folder for temporary files."""
        self.assertEqual(list(self.temporary.iterdir()), [])
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()),
                         sorted(["temporary", *names]))


class Extras(unittest.TestCase):
    def test_same(self):
        """What messages tell to install is what the package's extras are."""
        package = harness.ROOT / "python"
        names = {}
        exec((package / "eerie/importers/extras.py").read_text(), names)
        project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
        told = {name: sorted(packages) for name, packages in names["EXTRAS"].items()}
        self.assertEqual(told, {name: sorted(packages) for name, packages in
                                project["optional-dependencies"].items() if name in told})


@unittest.skipUnless(library(), "iree-compile is not there")
class Refusals(ImportCase):
    def test_no_model(self):
        self.refuses(2, "import", says="no model")
        self.refuses(2, "import", "a.onnx", "b.onnx", says="more than one")
        for command in ("import", "compile"):
            self.refuses(3, command, "absent.onnx", says="absent.onnx")
            self.refuses(3, command, "absent.py:net", says="cannot read absent.py:")
            self.model.touch()
            self.refuses(3, command, self.model, says=["model.onnx", "empty"])
        self.leaves("model.onnx")

    def test_no_place(self):
        self.model.write_text("no model")
        for command in ("import", "compile"):
            self.refuses(5, command, self.model, "-o", "no/such/folder/x", says="no/such/folder")
        self.refuses(5, "import", self.model, "--parameters=no/x.irpa", says="no/x.irpa")
        self.leaves("model.onnx")

    def test_options_of_imports(self):
        (self.folder / "mul.mlir").write_text(MULTIPLY)
        for option in ("--dim=batch=1", "--input=4xf32", "--opset=17", "--trust-pickle"):
            self.refuses(2, "compile", "mul.mlir", option, says=["mul.mlir", option[:5]])

    def test_python(self):
        self.model.write_text("no model")
        self.environment["EERIE_PYTHON"] = "/absent/python"
        self.refuses(4, "import", self.model, says=["EERIE_PYTHON", "/absent/python"])


class Elsewhere(ImportCase):
    """The command away from its package."""

    def setUp(self):
        super().setUp()
        self.alone = self.folder / "bin"
        self.alone.mkdir()
        shutil.copy(harness.EERIE, self.alone / "eerie")
        self.environment["PYTHONPATH"] = ""
        # The package in a build tree is found by where the command is, so a copy has none.
        harness_eerie = harness.EERIE
        harness.EERIE = self.alone / "eerie"
        self.addCleanup(setattr, harness, "EERIE", harness_eerie)

    def test_no_package(self):
        (self.folder / "net.py").write_text("net = 1\n")
        done = self.eerie("import", "net.py:net", "--input=4xf32")
        if done.code == 3:
            self.skipTest("a package eerie is installed")
        self.refuses(4, "import", "net.py:net", says=["net.py", "pip install ./python"])
        python = pathlib.Path(sys.executable)
        self.environment["EERIE_PYTHON"] = str(python)
        self.refuses(4, "import", "net.py:net", says=["EERIE_PYTHON", "pip install"])

    @needs_onnx
    def test_onnx(self):
        """What IREE's own importer takes works without the package."""
        self.make()
        done = self.eerie("import", self.model, "-o", "x.mlir", "--opset=18")
        self.assertEqual(done.code, 0, done.err)
        if "by route onnx" in done.err:
            self.skipTest("a package eerie is installed")
        self.assertIn("iree-import-onnx", done.err)
        self.assertIn("onnx.Mul", (self.folder / "x.mlir").read_text())
        done = self.eerie("compile", self.model)
        self.assertEqual(done.code, 0, done.err)
        done = self.eerie("run", "--module=model.vmfb", "--input=1x4xf32=3")
        self.assertIn("1x4xf32=[0 3 6 9]", done.out)
        self.refuses(4, "import", self.model, "--dim=batch=4", says="package eerie")
        self.model.write_bytes(self.model.read_bytes()[:20])
        self.assertEqual(self.eerie("compile", self.model).code, 3)
        with self.pipe("pipe") as pipe:
            self.make()
            done = self.eerie("import", self.model, "-o", "pipe", "--opset=18")
            self.assertEqual(done.code, 0, done.err)
            self.assertIn(b"onnx.Mul", os.read(pipe, 1 << 16))
        self.leaves("bin", "model.onnx", "model.vmfb", "pipe", "x.mlir")


@needs_package
class Import(ImportCase):
    def setUp(self):
        super().setUp()
        self.make()

    def test_import(self):
        done = self.eerie("import", self.model)
        self.assertEqual(done.code, 0, done.err)
        self.assertEqual((done.out, done.err),
                         ("", "eerie import: model.mlir: onnx by route onnx\n"))
        self.assertIn("onnx.Mul", (self.folder / "model.mlir").read_text())
        done = self.eerie("import", self.model, "-o", "-", "--dim=batch=3", "--quiet")
        self.assertEqual((done.code, done.err), (0, ""))
        self.assertIn("[3,4]", done.out)
        done = self.eerie("import", self.model, "-o", "x.mlir", "--json", "--parameters=w.irpa",
                          "--parameter-scope=s")
        told = json.loads(done.out)
        self.assertEqual(done.err, "")
        self.assertEqual((told["output"], told["input_type"], told["route"], told["parameters"],
                          told["parameter_scope"]), ("x.mlir", "onnx", "onnx", "w.irpa", "s"))
        self.leaves("model.mlir", "model.onnx", "w.irpa", "x.mlir")

    def test_pipes(self):
        """What is no regular file is written to, not replaced."""
        with self.pipe("model") as model, self.pipe("weights") as weights:
            done = self.eerie("import", self.model, "-o", "model", "--parameters=weights")
            self.assertEqual(done.code, 0, done.err)
            self.assertIn(b"onnx.Mul", os.read(model, 1 << 16))
            self.assertEqual(os.read(weights, 4), b"IRPA")
        with self.pipe("more") as weights:
            done = self.eerie("compile", self.model, "--parameters=more")
            self.assertEqual(done.code, 0, done.err)
            self.assertEqual(os.read(weights, 4), b"IRPA")
        self.leaves("model", "model.onnx", "model.vmfb", "more", "weights")

    def test_dimensions(self):
        done = self.refuses(3, "import", self.model, "--dim=bach=3", says=["'bach'", "batch"])
        self.assertNotIn("Traceback", done.err)
        self.refuses(2, "import", self.model, "--dim=batch", says="--dim batch")
        self.refuses(2, "compile", self.model, "--dim=batch=9:3", says="from 9 to 3")
        self.refuses(3, "import", self.model, "--route=nix", says=["no route 'nix'", "onnx"])
        self.leaves("model.onnx")

    def test_compile(self):
        done = self.eerie("compile", self.model, "--dim=batch=2", "--json")
        self.assertEqual((done.code, done.err), (0, ""))
        self.assertEqual(json.loads(done.out)["route"], "onnx")
        done = self.eerie("run", "--module=model.vmfb", "--input=2x4xf32=3")
        self.assertIn("2x4xf32=[0 3 6 9][0 3 6 9]", done.out)
        self.refuses(2, "run", "--module=model.vmfb", "--input=1x4xf32=3", says="2x4xf32")
        self.leaves("model.onnx", "model.vmfb")

    def test_weights_apart(self):
        self.make(1000)
        flags = ["--parameters=w.safetensors", "--parameter-scope=s"]
        done = self.eerie("compile", self.model, *flags)
        self.assertEqual(done.code, 0, done.err)
        self.assertIn("--parameters=s=w.safetensors", done.err)
        done = self.eerie("run", "--module=model.vmfb", "--parameters=s=w.safetensors",
                          "--input=1x1000xf32=2", "--output_max_element_count=3")
        self.assertIn("1x1000xf32=[0 2 4...]", done.out, done.err)
        self.leaves("model.onnx", "model.vmfb", "w.safetensors")
        # Under the name that weights get by themselves when they are many.
        done = self.eerie("compile", self.model, "--parameters=model.irpa")
        self.assertEqual(done.code, 0, done.err)
        self.leaves("model.irpa", "model.onnx", "model.vmfb", "w.safetensors")

    def test_weights_too_large(self):
        """More than 64 MB lie beside the module, under its name, as soon as it is there."""
        self.make(17 << 20)
        failed = self.eerie("compile", self.model, "-o", "big.vmfb", "--compile-to=vm",
                            "--iree-llvmcpu-target-cpu=nonesuch", "--no-such-flag-of-any")
        self.assertNotEqual(failed.code, 0)
        self.leaves("model.onnx")
        done = self.eerie("compile", self.model, "-o", "big.vmfb")
        self.assertEqual(done.code, 0, done.err)
        self.assertIn("run the module with --parameters=model=big.irpa", done.err)
        self.assertGreater((self.folder / "big.irpa").stat().st_size, 68 << 20)
        self.leaves("big.irpa", "big.vmfb", "model.onnx")

    def test_compiler_refuses(self):
        """Lowering fails after the import: nothing is left of it."""
        self.make(4, "NonZero")
        done = self.eerie("compile", self.model)
        self.assertEqual(done.code, 1, done.err)
        self.assertNotIn("Traceback", done.err)
        self.leaves("model.onnx")

    def test_bad_models(self):
        good = self.model.read_bytes()
        self.model.write_bytes(good[:20])
        for command in ("import", "compile"):
            self.refuses(3, command, self.model, says=["model.onnx", "not an ONNX model"])
        for name, content in (("a.xyz", b"what?"), ("b.tflite", b"\0\0\0\0TFL3 and no more"),
                              ("d.stablehlo", b"ML\xefR and no more"), ("e.mlir", b"what?")):
            (self.folder / name).write_bytes(content)
        self.refuses(3, "import", "a.xyz", says=["a.xyz", ".onnx"])
        self.refuses(3, "import", ".", says=["folder", "saved_model.pb"])
        self.refuses(3, "import", "e.mlir", says="e.mlir")
        self.refuses(3, "import", "d.stablehlo", says="d.stablehlo")
        (self.folder / "f.py").write_text("import nonesuch\n")
        self.refuses(3, "import", "f.py:net", says=["f.py", "nonesuch"])
        self.refuses(3, "import", "f.py", says="f.py:name")
        (self.folder / "f.py").write_text("def net(x):\n  return x\n")
        self.refuses(3, "compile", "f.py:other", "--input=4xf32", says=["'other'", "net"])
        self.refuses(2, "import", "f.py:net", "--input=4xf17", says="'f17'")
        self.assertEqual(list(self.temporary.iterdir()), [])

    def test_signals(self):
        """A process that is ended while it imports takes everything with it."""
        (self.folder / "slow.py").write_text(
            "import pathlib, tempfile, time\n"
            "folder = tempfile.TemporaryDirectory()\n"
            "pathlib.Path('started').touch()\n"
            "time.sleep(60)\n")
        for command in ("import", "compile"):
            process = subprocess.Popen(
                [harness.EERIE, command, "slow.py:net", "-o", "x.out"], cwd=self.folder,
                env={**os.environ, **self.environment}, stderr=subprocess.PIPE)
            started = self.folder / "started"
            for _ in range(600):
                if started.exists():
                    break
                time.sleep(0.05)
            started.unlink()
            process.send_signal(signal.SIGTERM)
            said = process.communicate(timeout=30)[1]
            self.assertEqual(process.returncode, -signal.SIGTERM, said)
            self.assertEqual(said, b"")
            self.leaves("model.onnx", "slow.py")

    def test_current_folder(self):
        """What lies in the current folder is no part of Python."""
        (self.folder / "eerie").mkdir()
        (self.folder / "eerie" / "__init__.py").write_text("raise SystemExit('ran')\n")
        (self.folder / "json.py").write_text("raise SystemExit('ran')\n")
        done = self.eerie("import", self.model)
        self.assertEqual(done.code, 0, done.err)


if __name__ == "__main__":
    harness.main(__name__)
