"""The Python package: loading, calls, arrays in and out, errors, threads.

PYTHONPATH names the folder that the package is in.
"""
import asyncio
import gc
import pathlib
import sys
import tempfile
import threading
import unittest

import ml_dtypes
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "cli"))
import harness  # noqa: E402

import eerie  # noqa: E402
from eerie import _native  # noqa: E402

FOLDER = tempfile.TemporaryDirectory(prefix="eerie-python-")
MODULE = pathlib.Path(FOLDER.name) / "package.vmfb"


def setUpModule():
    if not harness.IREE_COMPILE:
        raise unittest.SkipTest("iree-compile is not there")
    done = harness.execute([harness.IREE_COMPILE, HERE / "package.mlir", *harness.COMPILE_FLAGS,
                            "-o", MODULE])
    assert done.code == 0, done.err


class Capsule:
    """Speaks DLPack and nothing else."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **keywords):
        return self.array.__dlpack__(**keywords)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


class Calls(unittest.TestCase):
    def setUp(self):
        self.model = eerie.load(MODULE)

    def test_arrays(self):
        a = np.array([1, 2, 3, 4], np.float32)
        np.testing.assert_array_equal(self.model.multiply(a, a), a * a)
        x = np.arange(6, dtype=np.int32).reshape(2, 3)
        twice, square = self.model.rows(x)
        np.testing.assert_array_equal(twice, x + x)
        np.testing.assert_array_equal(square, x * x)
        self.assertEqual(self.model.rows(np.zeros((0, 3), np.int32))[0].shape, (0, 3))
        self.assertIsNone(self.model.nothing(np.zeros(2)))

    def test_layouts(self):
        x = np.arange(12, dtype=np.int32).reshape(3, 4)
        for array in (x.T, x.T[::-1], np.asfortranarray(x.T)):
            np.testing.assert_array_equal(self.model.rows(array)[0], array * 2)

    def test_dtypes(self):
        half = np.array([1, 2.5, -3], np.float16)
        np.testing.assert_array_equal(self.model.half(half), half * 2)
        brain = np.array([1, 2.5, -3], ml_dtypes.bfloat16)
        result = self.model.brain(brain)
        self.assertEqual(result.dtype, brain.dtype)
        np.testing.assert_array_equal(result, brain * ml_dtypes.bfloat16(2))
        flags = np.array([True, False, True, False])
        result = self.model.logic(flags)
        self.assertEqual(result.dtype, np.bool_)
        np.testing.assert_array_equal(result, ~flags)

    def test_sequences_become_arrays_of_the_declared_type(self):
        np.testing.assert_array_equal(self.model.multiply([1, 2, 3, 4], (2, 2, 2, 2)), [2, 4, 6, 8])
        np.testing.assert_array_equal(self.model.brain([1, 2, 3]).astype(np.float32), [2, 4, 6])

    def test_scalars(self):
        self.assertEqual(self.model.scalars(3, 1 << 40, 1.5), (6, 1 << 41, 3.0))
        self.assertEqual(self.model.scalars(np.int32(3), -1, 2)[1:], (-2, 4.0))

    def test_state(self):
        self.assertEqual([int(self.model.next()) for _ in range(3)], [1, 2, 3])
        self.assertEqual(int(eerie.load(MODULE).next()), 1)

    def test_functions(self):
        self.assertIn("multiply", self.model.functions)
        function = self.model["rows"]
        self.assertEqual(function.name, "rows")
        self.assertEqual(function.inputs, (("input0", "tensor<?x3xi32>", "i32", (None, 3)),))
        self.assertEqual(len(function.outputs), 2)
        self.assertIn("sync func @rows", function.declaration)
        self.assertIn("rows", dir(self.model))

    def test_bytes(self):
        content = MODULE.read_bytes()
        model = eerie.load(content)
        del content
        gc.collect()
        np.testing.assert_array_equal(model.multiply([1] * 4, [5] * 4), [5] * 4)

    def test_a_function_outlives_its_model(self):
        function = eerie.load(MODULE).multiply
        gc.collect()
        np.testing.assert_array_equal(function([1] * 4, [2] * 4), [2] * 4)


class Memory(unittest.TestCase):
    def setUp(self):
        self.model = eerie.load(MODULE)

    def test_results_lie_in_the_librarys_memory(self):
        result = self.model.multiply([1] * 4, [2] * 4)
        self.assertFalse(result.flags.owndata)
        self.assertEqual(result.ctypes.data % eerie.ALIGNMENT, 0)
        del self.model
        gc.collect()
        np.testing.assert_array_equal(result, [2] * 4)

    def test_aligned_arrays_go_in_without_a_copy(self):
        array = eerie.empty((1 << 20, 3), np.int32)
        array[:] = 1
        function = self.model.rows
        function(array)
        gc.collect()
        before, peak = eerie.memory()
        doubled, _ = function(array)
        after, peak = eerie.memory()
        self.assertEqual(doubled[-1, -1], 2)
        # Two results of 12 MB each; a copied argument would be a third.
        self.assertLess(peak - before, 2.5 * array.nbytes)

    def test_dlpack(self):
        a = eerie.empty(4)
        a[:] = [1, 2, 3, 4]
        for array in (a, np.array(a)):
            np.testing.assert_array_equal(self.model.multiply(Capsule(array), array), a * a)
        tensor = _native.Program([str(MODULE)]).find("multiply")
        _native.set_hooks(None, None, eerie._arrays._from_other)
        try:
            result = tensor(a, a)
        finally:
            _native.set_hooks(np.asarray, eerie.to_numpy, eerie._arrays._from_other)
        self.assertIsInstance(result, eerie.Tensor)
        self.assertEqual((result.shape, result.dtype, result.nbytes), ((4,), "f32", 16))
        lent = np.from_dlpack(result)
        del result
        gc.collect()
        np.testing.assert_array_equal(lent, a * a)
        with self.assertRaises(ValueError):
            self.model.rows(Capsule(np.arange(12, dtype=np.int32).reshape(3, 4).T))

    def test_nothing_is_left_behind(self):
        def work():
            model = eerie.load(MODULE)
            for rows in range(1, 40):
                model.rows(np.ones((rows, 3), np.int32))
                for wrong in (np.ones(3), "x", None, object()):
                    with self.assertRaises(Exception):
                        model.multiply(wrong, wrong)
        work()
        gc.collect()
        before = eerie.memory()[0]
        for _ in range(5):
            work()
        gc.collect()
        self.assertEqual(eerie.memory()[0], before)


class Errors(unittest.TestCase):
    def setUp(self):
        self.model = eerie.load(MODULE)

    def test_shape_and_dtype(self):
        for wrong, word in ((np.ones(5, np.float32), "is 5, expected 4"), (np.ones(4), "f64"),
                            (np.ones((2, 2), np.float32), "rank 2")):
            with self.assertRaises(eerie.InvalidArgumentError) as raised:
                self.model.multiply(wrong, np.ones(4, np.float32))
            self.assertIsInstance(raised.exception, ValueError)
            self.assertEqual(raised.exception.status, "INVALID_ARGUMENT")
            self.assertIn("input0", str(raised.exception))
            self.assertIn(word, str(raised.exception))

    def test_arguments(self):
        with self.assertRaisesRegex(TypeError, "takes 2 arguments, got 1"):
            self.model.multiply([1] * 4)
        with self.assertRaisesRegex(TypeError, "keyword"):
            self.model.multiply([1] * 4, b=[1] * 4)
        with self.assertRaisesRegex(OverflowError, "input0"):
            self.model.scalars(1 << 40, 1, 1.0)
        with self.assertRaisesRegex(TypeError, "input2"):
            self.model.scalars(1, 1, "x")

    def test_names_and_files(self):
        with self.assertRaisesRegex(AttributeError, "no function 'absent'"):
            self.model.absent
        with self.assertRaises(KeyError):
            self.model["absent"]
        with self.assertRaisesRegex(eerie.NotFoundError, "absent.vmfb"):
            eerie.load("absent.vmfb")
        with self.assertRaises(eerie.InvalidArgumentError):
            eerie.load(b"no module")
        with self.assertRaises(eerie.DataLossError):
            eerie.load(MODULE.read_bytes()[:3000])
        with self.assertRaisesRegex(eerie.NotFoundError, "local-sync"):
            eerie.load(MODULE, device="abacus")
        with self.assertRaises(TypeError):
            eerie.load()
        with self.assertRaises(eerie.NotFoundError):
            eerie.load(MODULE, parameters={"model": "absent.irpa"})

    def test_family(self):
        for name in dir(_native):
            value = getattr(_native, name)
            if isinstance(value, type) and issubclass(value, Exception) and value is not eerie.Error:
                self.assertTrue(issubclass(value, eerie.Error), name)
                self.assertIn(name, eerie.__all__)


class Threads(unittest.TestCase):
    def test_futures(self):
        model = eerie.load(MODULE)
        futures = [model.submit("multiply", [i] * 4, [2] * 4) for i in range(20)]
        for i, future in enumerate(futures):
            np.testing.assert_array_equal(future.result(timeout=60), [2 * i] * 4)
        with self.assertRaises(eerie.InvalidArgumentError):
            model.submit("multiply", [1] * 3, [2] * 4).result(timeout=60)

        async def awaited():
            return await asyncio.wrap_future(model.submit("next"))
        self.assertEqual(int(asyncio.run(awaited())), 1)

    def test_a_model_shared_by_threads(self):
        model = eerie.load(MODULE)
        failures = []

        def work(seed):
            array = np.full(4, seed, np.float32)
            for _ in range(300):
                if not np.array_equal(model.multiply(array, array), array * array):
                    failures.append(seed)
        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=120)
        self.assertEqual(failures, [])


    def test_how_many_work_on_a_call(self):
        for options in ({"threads": 2}, {"threads": 1, "device": "local-task", "spin_us": -1},
                        {"device": "local-sync", "threads": 3}):
            model = eerie.load(MODULE, **options)
            np.testing.assert_array_equal(model.multiply([1, 2, 3, 4], [2] * 4), [2, 4, 6, 8])
        with self.assertRaises(ValueError):
            eerie.load(MODULE, threads=-1)

    def test_several_devices(self):
        model = eerie.load(MODULE, device=["local-task", "local-sync"])
        np.testing.assert_array_equal(model.multiply([1, 2, 3, 4], [2] * 4), [2, 4, 6, 8])
        with self.assertRaisesRegex(eerie.NotFoundError, "abacus"):
            eerie.load(MODULE, device=["local-sync", "abacus"])
        with self.assertRaises(TypeError):
            eerie.load(MODULE, device=["local-sync", 1])


class Stubs(unittest.TestCase):
    def test_they_name_what_there_is(self):
        text = (pathlib.Path(eerie.__file__).parent / "_native.pyi").read_text()
        for name in dir(_native):
            if not name.startswith("_"):
                self.assertRegex(text, rf"(?m)^(class |def )?{name}\b", name)


if __name__ == "__main__":
    unittest.main()
