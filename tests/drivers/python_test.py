"""The Python package on a GPU, also one whose memory the host does not see.

    python_test.py MODULES

MODULES is the folder that make_modules.py filled. Runs behind the loader that can make the device in
software a GPU with memory of its own (vulkan_shim.c): each case in a process of its own for either
kind. Results are NumPy's. Exit code 77: there is no Vulkan device.
"""

import os
import pathlib
import subprocess
import sys
import unittest

import numpy as np

import eerie

DISCRETE = "EERIE_TEST_VULKAN_DISCRETE"
OF_EITHER_KIND = "EERIE_TEST_OF_EITHER_KIND"


class Arrays(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # One for all: a loader that went with its last device would not be found a second time
        # before the real one, which stays and has the same name.
        cls.model = eerie.load(MODULES / "gpu_vulkan.vmfb", device="vulkan")
        cls.on_host = DISCRETE not in os.environ
        cls.random = np.random.default_rng(3)

    def numbers(self, *shape):
        return self.random.standard_normal(shape, dtype=np.float32)

    def test_whole(self):
        a, b = self.numbers(8, 16), self.numbers(16, 8)
        product, sums = self.model.matmul(a, b)
        np.testing.assert_allclose(product, a @ b, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(sums, (a @ b).sum(axis=1), rtol=1e-5, atol=1e-4)

    def test_not_in_one_piece(self):
        a, b = self.numbers(16, 8).T, self.numbers(16, 16)[:, ::2]
        product, _ = self.model.matmul(a, b)
        np.testing.assert_allclose(product, a @ b, rtol=1e-5, atol=1e-5)
        x, y = self.numbers(9)[::-2], np.broadcast_to(np.float32(2), (5,))
        np.testing.assert_array_equal(self.model.scale(x, y), x * y)

    def test_no_elements(self):
        none = np.zeros(0, np.float32)
        self.assertEqual(self.model.scale(none, none).shape, (0,))

    def test_results_are_the_callers(self):
        # A copy may be written to, and what is kept stays as it was.
        x = self.numbers(8)
        first = self.model.accumulate(x)
        second = self.model.accumulate(x)
        np.testing.assert_allclose(second, x + x, rtol=1e-6)
        np.testing.assert_array_equal(first, x)

    def tensor(self, values):
        """A result as it is before NumPy has it."""
        eerie._native.set_hooks(None, None, eerie._arrays._from_other)
        try:
            return self.model.multiply(values, np.ones(4, np.float32))
        finally:
            eerie._native.set_hooks(np.asarray, eerie.to_numpy, eerie._arrays._from_other)

    def test_tensors(self):
        x = self.numbers(4)
        tensor = self.tensor(x)
        self.assertIsInstance(tensor, eerie.Tensor)
        self.assertEqual(tensor.on_host, self.on_host)
        self.assertEqual(tensor.tobytes(), x.tobytes())
        for array in (np.asarray(tensor), eerie.to_numpy(tensor)):
            np.testing.assert_array_equal(array, x)
        target = np.zeros(4, np.float32)
        tensor.readinto(target)
        np.testing.assert_array_equal(target, x)
        with self.assertRaisesRegex(ValueError, "12 bytes, the tensor 16"):
            tensor.readinto(target[:3])
        with self.assertRaises((BufferError, ValueError)):
            tensor.readinto(x.tobytes())
        if self.on_host:
            np.testing.assert_array_equal(np.from_dlpack(tensor), x)
            np.testing.assert_array_equal(np.frombuffer(tensor, np.float32), x)
            return
        for lend in (np.from_dlpack, memoryview):
            with self.assertRaisesRegex(BufferError, "not visible to the host"):
                lend(tensor)

    def test_as_an_argument(self):
        # Tensors of one call are arguments of the next.
        x = self.numbers(4)
        np.testing.assert_array_equal(self.model.multiply(self.tensor(x), x), x * x)


if __name__ == "__main__":
    MODULES = pathlib.Path(sys.argv[1])
    if OF_EITHER_KIND in os.environ:
        unittest.main(argv=sys.argv[:1])
    if not any(driver == "vulkan" for _, driver, _ in eerie.devices()):
        print("skipped: no Vulkan device")
        sys.exit(77)
    kinds = ({}, {DISCRETE: "1"})
    codes = [subprocess.run([sys.executable, *sys.argv], check=False,
                            env={**os.environ, OF_EITHER_KIND: "1", **kind}).returncode
             for kind in kinds]
    sys.exit(max(codes))
