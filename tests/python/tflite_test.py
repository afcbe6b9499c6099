"""TFLite files through `eerie compile`, against what TensorFlow's interpreter answered.

The files lie in tflite/, with the script that made them; TensorFlow is not needed. float32 agrees to
1e-6. Of int8, rounding may differ by one step, because TOSA rounds once where TFLite does twice.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy
    import iree.compiler  # noqa: F401
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)
import eerie

EERIE = os.environ.get("EERIE_COMMAND")
FILES = pathlib.Path(__file__).resolve().parent / "tflite"
CONVERTER = (pathlib.Path(sys.executable).parent / "tosa-converter-for-tflite").exists() or \
    shutil.which("tosa-converter-for-tflite")
TOLERANCE = {"float32": 1e-6, "int8": 1}


class Case(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)

    def run_eerie(self, *arguments):
        environment = {**os.environ, "EERIE_PYTHON": sys.executable}
        return subprocess.run([EERIE, *map(str, arguments)], cwd=self.folder, capture_output=True,
                              text=True, check=False, env=environment, timeout=300)

    def refuses(self, code, words, *arguments):
        done = self.run_eerie(*arguments)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertEqual([path for path in self.folder.iterdir() if path.suffix != ".tflite"], [])


class Refusals(Case):
    def test_foreign(self):
        (self.folder / "foreign.tflite").write_bytes(b"no model at all")
        for command in ("import", "compile"):
            self.refuses(3, ["foreign.tflite", "not a TFLite file"], command, "foreign.tflite")

    @unittest.skipIf(CONVERTER, "the converter is there")
    def test_no_converter(self):
        self.refuses(4, ["pip install", "tosa-converter-for-tflite=="], "compile",
                     FILES / "mlp.tflite")


@unittest.skipUnless(CONVERTER, "no tosa-converter-for-tflite")
class Models(Case):
    def check(self, name):
        done = self.run_eerie("compile", FILES / f"{name}.tflite", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["route"], "tosa")
        module = eerie.load(self.folder / f"{name}.vmfb")
        answers = numpy.load(FILES / f"{name}.npz")
        for x, expected in zip(answers["input"], answers["output"]):
            result = numpy.asarray(module.main(x))
            self.assertEqual((result.shape, result.dtype), (expected.shape, expected.dtype))
            apart = numpy.abs(result.astype(float) - expected.astype(float)).max()
            self.assertLessEqual(apart, TOLERANCE[str(expected.dtype)])
        return module, answers

    def test_mlp(self):
        module, _ = self.check("mlp")
        with self.assertRaises(eerie.InvalidArgumentError):
            module.main(numpy.zeros((3, 8), numpy.float32))

    def test_cnn(self):
        self.check("cnn")

    def test_dynamic(self):
        module, answers = self.check("dynamic")
        for rows in (1, 2):
            part = module.main(answers["input"][0][:rows])
            numpy.testing.assert_allclose(part, answers["output"][0][:rows], atol=1e-6)

    def test_int8(self):
        self.check("int8")

    def test_declaration(self):
        done = self.run_eerie("compile", FILES / "mlp.tflite", "--function=classify")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("func @classify(%", self.run_eerie("inspect", "mlp.vmfb").stdout)

    def test_refusals(self):
        self.refuses(1, ["lstm.tflite", "tosa.while_loop"], "compile", FILES / "lstm.tflite")
        self.refuses(3, ["no dimension 'batch'"], "import", FILES / "mlp.tflite", "--dim=batch=1")
        self.refuses(3, ["--parameters", "no names"], "import", FILES / "mlp.tflite",
                     "--parameters=weights.irpa")
        whole = (FILES / "mlp.tflite").read_bytes()
        for content in (whole[:2000], whole[:8] + b"garbage" * 10):
            (self.folder / "bad.tflite").write_bytes(content)
            self.refuses(3, ["bad.tflite", "damaged"], "compile", "bad.tflite")


if __name__ == "__main__":
    if not EERIE:
        print("skipped: EERIE_COMMAND does not name the command")
        sys.exit(77)
    unittest.main()
