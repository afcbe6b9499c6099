"""ResNet50 and MobileNetV2 of Keras with weights drawn here, and what TensorFlow says of pictures.

    python keras_networks.py OUT

takes OUT/photographs.npy, and writes for each network NAME.keras, NAME.npy with its scores, and
NAME.seconds with the shortest time that one picture took. Runs where TensorFlow is.
"""
from __future__ import annotations

import os
import pathlib
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import numpy as np
import tensorflow as tf

SEED = 9
ROUNDS = 10
NETWORKS = {"keras_resnet50": keras.applications.ResNet50,
            "keras_mobilenet": keras.applications.MobileNetV2}


def draw(make, pictures: np.ndarray) -> keras.Model:
    """A network without trained weights, whose BatchNorm knows the statistics of the pictures."""
    keras.utils.set_random_seed(SEED)
    network = make(weights=None, input_shape=pictures.shape[1:], classifier_activation=None)
    norms = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in norms:
        layer.momentum = 0.0
    network(pictures, training=True)
    for layer in norms:
        layer.momentum = 0.99
    return network


def main() -> None:
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    out = pathlib.Path(sys.argv[1])
    pictures = np.load(out / "photographs.npy")
    for name, make in NETWORKS.items():
        network = draw(make, pictures)
        network.save(out / f"{name}.keras")
        call = tf.function(lambda x: network(x, training=False))
        scores, best = [], float("inf")
        for index in range(len(pictures) + ROUNDS):
            begin = time.perf_counter()
            one = call(pictures[index % len(pictures)][None]).numpy()
            best = min(best, time.perf_counter() - begin)
            if index < len(pictures):
                scores.append(one)
        np.save(out / f"{name}.npy", np.concatenate(scores))
        (out / f"{name}.seconds").write_text(str(best))


if __name__ == "__main__":
    main()
