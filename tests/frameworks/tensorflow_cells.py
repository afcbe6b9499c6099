"""Cells of TensorFlow: Keras models saved as .keras; IREE's own way is iree-import-tf on a SavedModel."""
import os
import pathlib
import subprocess
import sys
import tempfile
import typing

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import compiled
import keras
import numpy as np
import tensorflow

import eerie

TITLE = f"TensorFlow {tensorflow.__version__}"
THEIRS = "iree-import-tf"
LAYERS = keras.layers


class Case(typing.NamedTuple):
    shape: tuple[int, ...]
    body: typing.Callable
    kind: str = "float32"


def _layers(*layers):
    def body(x):
        for layer in layers:
            x = layer(x)
        return x
    return body


def _transformer(x):
    x = LAYERS.LayerNormalization()(x + LAYERS.MultiHeadAttention(2, 8)(x, x))
    return LAYERS.LayerNormalization()(x + LAYERS.Dense(16)(LAYERS.Dense(32, "gelu")(x)))


# Layers are made anew for each model.
CASES = {
    "mlp": Case((16,), lambda x: _layers(
        LAYERS.Dense(32, "relu"), LAYERS.Dense(4, "softmax"))(x)),
    "cnn": Case((16, 16, 3), lambda x: _layers(
        LAYERS.Conv2D(8, 3, activation="relu"), LAYERS.MaxPool2D(), LAYERS.BatchNormalization(),
        LAYERS.DepthwiseConv2D(3, padding="same"), LAYERS.GlobalAveragePooling2D(),
        LAYERS.Dense(4))(x)),
    "transformer": Case((7, 16), _transformer),
    "lstm": Case((5, 8), lambda x: LAYERS.LSTM(6)(x)),
    "gru": Case((5, 8), lambda x: LAYERS.GRU(6)(x)),
    "embedding": Case((6,), lambda x: _layers(
        LAYERS.Embedding(50, 12), LAYERS.GlobalAveragePooling1D(), LAYERS.Dense(5))(x), "int32"),
    "causal attention": Case((7, 16), lambda x: LAYERS.MultiHeadAttention(4, 4)(
        x, x, use_causal_mask=True)),
}
MODELS = list(CASES)


def _build(name: str, batch):
    case = CASES[name]
    keras.utils.set_random_seed(len(name))
    entry = LAYERS.Input(case.shape, batch_size=batch, dtype=case.kind)
    return keras.Model(entry, case.body(entry))


def _theirs(model, folder: str) -> eerie.Model:
    tool = pathlib.Path(sys.executable).parent / "iree-import-tf"
    saved, out = pathlib.Path(folder) / "saved", pathlib.Path(folder) / "model.mlir"
    archive = keras.export.ExportArchive()
    archive.track(model)
    entry = model.inputs[0]
    archive.add_endpoint("serve", model.__call__, [tensorflow.TensorSpec(entry.shape, entry.dtype)])
    archive.write_out(str(saved), verbose=False)
    done = subprocess.run([tool, "--tf-import-type=savedmodel_v2",
                           "--tf-savedmodel-exported-names=serve", saved, "-o", out],
                          capture_output=True, text=True, check=False, timeout=600)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if "rror" in line]
        raise RuntimeError((lines or done.stderr.strip().splitlines() or ["it failed"])[-1])
    return compiled.compile_mlir(out.read_bytes(), "stablehlo")


def run(way: str, name: str, dynamic: bool) -> float:
    case, model = CASES[name], _build(name, None if dynamic else 3)
    with tempfile.TemporaryDirectory() as folder:
        if way == "theirs":
            module = _theirs(model, folder)
        else:
            path = pathlib.Path(folder) / "model.keras"
            model.save(str(path))
            module = eerie.compile(path)
    call = module.find("serve" if way == "theirs" else None)
    random = np.random.default_rng(11)
    worst = 0.0
    for batch in (3, 1, 8) if dynamic else (3, 3):
        shape = (batch, *case.shape)
        x = random.integers(0, 50, shape, np.int32) if case.kind == "int32" else \
            random.normal(size=shape).astype(np.float32)
        worst = max(worst, compiled.difference(call(x), [np.asarray(model(x))]))
    return worst
