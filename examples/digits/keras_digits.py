"""A Keras network for digits, also as TFLite, and what both say of the held-out images.

    python keras_digits.py OUT

takes OUT/data.npz and writes keras.keras, keras.npy, tflite.tflite and tflite.npy. Runs where
TensorFlow is.
"""
from __future__ import annotations

import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import numpy as np
import tensorflow as tf


def make(batch: int | None) -> keras.Sequential:
    layers = keras.layers
    return keras.Sequential([
        layers.Input((64,), batch_size=batch), layers.Reshape((8, 8, 1)),
        layers.Conv2D(16, 3, activation="relu"), layers.MaxPool2D(), layers.Flatten(),
        layers.Dense(10)])


def main() -> None:
    out = pathlib.Path(sys.argv[1])
    data = np.load(out / "data.npz")
    keras.utils.set_random_seed(3)
    network = make(None)
    network.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    network.fit(data["images"], data["labels"], batch_size=32, epochs=20, verbose=0)
    network.save(out / "keras.keras")
    np.save(out / "keras.npy", network(data["held_out"]).numpy().argmax(1))

    # TFLite takes batches of one size.
    single = make(1)
    single.set_weights(network.get_weights())
    content = tf.lite.TFLiteConverter.from_keras_model(single).convert()
    (out / "tflite.tflite").write_bytes(content)
    interpreter = tf.lite.Interpreter(model_content=content)
    interpreter.allocate_tensors()
    answers = []
    for row in data["held_out"]:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], row[None])
        interpreter.invoke()
        answers.append(interpreter.get_tensor(
            interpreter.get_output_details()[0]["index"]).argmax())
    np.save(out / "tflite.npy", np.array(answers))


if __name__ == "__main__":
    main()
