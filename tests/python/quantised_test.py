"""A quantised network from training to modules for this machine and a microcontroller: as right as in
floats, the same as onnxruntime, its weights bytes and its sums of 32 bits.

Skipped (77) where torch, scikit-learn or onnxruntime are missing. EERIE_COMMAND is the eerie command.
"""
from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy as np
    import onnx
    import onnxruntime  # noqa: F401
    import sklearn  # noqa: F401
    import torch  # noqa: F401
    from iree.compiler import compile_file
    from onnx import numpy_helper
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

import eerie

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/models"))
import quantised_digits  # noqa: E402

FLAGS = ["--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu"]
WEIGHTS = ["conv1_quantized", "conv2_quantized", "dense_quantized"]
SECONDS = 300


class Digits(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.folder = pathlib.Path(cls.temporary.name)
        quantised_digits.make(cls.folder, "uint8")
        cls.model = cls.folder / "digits_int8.onnx"
        cls.images, cls.labels, cls.logits, cls.floats = (
            np.load(cls.folder / f"{name}.npy")
            for name in ("images", "labels", "logits_int8", "logits_f32"))
        tensors = {tensor.name: numpy_helper.to_array(tensor)
                   for tensor in onnx.load(cls.model).graph.initializer}
        cls.weights = [tensors[name] for name in WEIGHTS]
        cls.step = float(tensors["logits_scale"])

    def eerie(self, *words):
        environment = {**os.environ, "EERIE_PYTHON": sys.executable,
                       "EERIE_COMPILER_LIB": sys.prefix}
        done = subprocess.run([os.environ["EERIE_COMMAND"], *map(str, words)], capture_output=True,
                              text=True, env=environment, timeout=SECONDS, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def kernels(self, *more):
        """What is compiled, before it is split into dispatches."""
        mlir, text = self.folder / "digits.mlir", self.folder / "digits.txt"
        self.eerie("import", self.model, "--dim=batch=1", "-o", mlir, "--quiet", *more)
        compile_file(str(mlir), input_type="onnx", output_file=str(text),
                     extra_args=[*FLAGS, "--compile-to=global-optimization"])
        return text.read_text()

    def right(self, logits):
        return float(np.mean(logits.argmax(1) == self.labels))

    def test_this_machine(self):
        """Any batch, and one image at a time, for threads of one."""
        module = self.folder / "any.vmfb"
        self.eerie("compile", self.model, "-o", module, "--quiet")
        logits = eerie.load(module.read_bytes())(self.images)
        # A step of the logits at most, where a number fell on the other side of a half on the way.
        np.testing.assert_allclose(logits, self.logits, atol=1.01 * self.step)
        self.assertGreaterEqual(float(np.mean(logits == self.logits)), 0.99)
        self.assertGreaterEqual(self.right(self.floats), 0.97)
        self.assertGreaterEqual(self.right(logits), self.right(self.floats) - 0.01)

        one = self.folder / "one.vmfb"
        self.eerie("compile", self.model, "--dim=batch=1", "-o", one, "--quiet")
        model = eerie.load(one.read_bytes())
        rows = [model(image[None]) for image in self.images[:50]]
        np.testing.assert_array_equal(np.concatenate(rows), logits[:50])

    def test_as_it_is(self):
        """Without the rewrites it computes in floats, and says the same."""
        module = self.folder / "plain.vmfb"
        self.eerie("compile", self.model, "-o", module, "--quiet", "--no-rewrite=quantised")
        logits = eerie.load(module.read_bytes())(self.images)
        np.testing.assert_allclose(logits, self.logits, atol=1.01 * self.step)

    def test_integers(self):
        """Products of bytes summed in 32 bits, and no others; no weights of floats."""
        for more in ([], ["--no-rewrite=windows"]):
            text = self.kernels(*more)
            # The second operand of a maximum is its window, whose elements nobody reads.
            products = re.findall(r"linalg\.(?:matmul|vecmat|conv\w*|generic)[^\n]*"
                                  r"ins\(%\w+, %\w+[^:]* : tensor<[\dx]+xi8>, tensor<(?!2x2x)[\dx]+xi8>"
                                  r"(?:, i32, i32)?\) outs\(%\w+ : tensor<[\dx]+x(\w+)>\)", text)
            self.assertEqual(products, ["i32"] * len(WEIGHTS))
            self.assertNotRegex(text, r"linalg\.(matmul|conv|vecmat)[^\n]*f32")
            large = [int(np.prod([int(size) for size in shape.split("x")]))
                     for shape in re.findall(r"dense(?:_resource)?<[^\n]*> : tensor<([\dx]+)xf32>",
                                             text)]
            self.assertLessEqual(max(large, default=0), 16)  # a scale for each channel

    def test_microcontroller(self):
        """Weights lie in the module as they are, a byte each; kernels call nothing that rounds."""
        module, kernels = self.folder / "m4.vmfb", self.folder / "m4.o"
        self.eerie("compile", self.model, "--dim=batch=1", "--target=cortex-m4f", "-o", module,
                   "--static-library", kernels, "--quiet")
        both = module.read_bytes() + kernels.read_bytes()
        for weight in self.weights:
            # A matrix may lie the other way round.
            self.assertTrue(weight.tobytes() in both or weight.T.tobytes() in both, weight.shape)
        self.assertNotIn(b"roundf", kernels.read_bytes())
        self.assertNotIn(b"slow_memcpy", kernels.read_bytes())


if __name__ == "__main__":
    unittest.main()
