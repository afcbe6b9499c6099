"""Keras files and SavedModels through `eerie compile`, against TensorFlow's own numbers.

float32 agrees to 1e-5. Needs TensorFlow: make test-frameworks installs it.
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
try:
    import keras
    import numpy
    import tensorflow  # noqa: F401
    import tf2onnx  # noqa: F401
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)
import eerie

EERIE = os.environ.get("EERIE_COMMAND")
LAYERS = keras.layers
TOLERANCE = 1e-5


def mlp():
    return keras.Sequential([LAYERS.Input((8,)), LAYERS.Dense(16, "relu"),
                             LAYERS.Dense(4, "softmax")])


def cnn():
    return keras.Sequential([
        LAYERS.Input((12, 12, 3)), LAYERS.Conv2D(8, 3, activation="relu"), LAYERS.MaxPool2D(),
        LAYERS.BatchNormalization(), LAYERS.Flatten(), LAYERS.Dense(4)])


def lstm():
    return keras.Sequential([LAYERS.Input((6, 4)), LAYERS.LSTM(5), LAYERS.Dense(2)])


def gru():
    return keras.Sequential([LAYERS.Input((6, 4)), LAYERS.GRU(5), LAYERS.Dense(2)])


def transformer():
    x = entry = LAYERS.Input((6, 16))
    x = LAYERS.LayerNormalization()(x + LAYERS.MultiHeadAttention(2, 8)(x, x))
    x = LAYERS.LayerNormalization()(x + LAYERS.Dense(16)(LAYERS.Dense(32, "gelu")(x)))
    return keras.Model(entry, LAYERS.Dense(3)(x))


class Models(unittest.TestCase):
    def setUp(self):
        keras.utils.set_random_seed(3)
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)

    def run_eerie(self, *arguments):
        environment = {**os.environ, "EERIE_PYTHON": sys.executable}
        return subprocess.run([EERIE, *arguments], cwd=self.folder, capture_output=True, text=True,
                              check=False, env=environment, timeout=300)

    def check(self, model, batches, *flags, folders=(False, True)):
        for as_folder in folders:
            if as_folder:
                model.export(str(self.folder / "net"), verbose=False)
            else:
                model.save(str(self.folder / "net.keras"))
            done = self.run_eerie("compile", "net" if as_folder else "net.keras", "-o", "net.vmfb",
                                  *flags)
            self.assertEqual(done.returncode, 0, done.stderr)
            module = eerie.load(self.folder / "net.vmfb")
            random = numpy.random.default_rng(1)
            for rows in batches:
                x = random.normal(size=(rows, *model.input_shape[1:])).astype(numpy.float32)
                numpy.testing.assert_allclose(numpy.asarray(module(x)), model(x).numpy(),
                                              atol=TOLERANCE)

    def refuses(self, code, words, *arguments):
        done = self.run_eerie("compile", *arguments)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_mlp(self):
        self.check(mlp(), (1, 4, 9))

    def test_cnn(self):
        self.check(cnn(), (1, 3))

    def test_lstm(self):
        self.check(lstm(), (1, 3))

    def test_transformer(self):
        self.check(transformer(), (2, 2), "--dim=batch=2", folders=(False,))
        self.refuses(1, ["--dim batch=SIZE"], "net.keras")
        self.check(transformer(), (2, 2), "--dim=batch=2", "--route=savedmodel", folders=(False,))

    def test_gru(self):
        self.check(gru(), (1, 3))

    def test_a_batch_that_the_model_fixes(self):
        entry = LAYERS.Input((8,), batch_size=3)
        keras.Model(entry, LAYERS.Dense(2)(entry)).save(str(self.folder / "net.keras"))
        self.assertEqual(self.run_eerie("compile", "net.keras", "-o", "net.vmfb").returncode, 0)
        module = eerie.load(self.folder / "net.vmfb")
        with self.assertRaises(eerie.InvalidArgumentError):
            module(numpy.zeros((2, 8), numpy.float32))
        self.refuses(3, ["no dimension 'batch'"], "net.keras", "--dim=batch=2")

    def test_weights_swapped(self):
        """One module, and what the same model weighs after another training."""
        model, results = mlp(), {}
        x = numpy.random.default_rng(2).normal(size=(5, 8)).astype(numpy.float32)
        for name in ("first", "second"):  # a bias of zeros would be left out
            model.set_weights([array + 0.1 for array in model.get_weights()])
            model.save(str(self.folder / f"{name}.keras"))
            done = self.run_eerie("compile", f"{name}.keras", "-o", f"{name}.vmfb", "--parameters",
                                  f"{name}.irpa")
            self.assertEqual(done.returncode, 0, done.stderr)
            results[name] = model(x).numpy()
        for name, expected in results.items():
            module = eerie.load(self.folder / "first.vmfb",
                                parameters={"model": self.folder / f"{name}.irpa"})
            numpy.testing.assert_allclose(module(x), expected, atol=TOLERANCE)

    def test_bad_files(self):
        (self.folder / "bad.keras").write_bytes(b"garbage")
        self.refuses(3, ["bad.keras", "not a Keras model"], "bad.keras")
        (self.folder / "bad").mkdir()
        (self.folder / "bad" / "saved_model.pb").write_bytes(b"garbage")
        self.assertIn(self.run_eerie("compile", "bad").returncode, (1, 3))


if __name__ == "__main__":
    if not EERIE:
        print("skipped: EERIE_COMMAND does not name the command")
        sys.exit(77)
    unittest.main()
