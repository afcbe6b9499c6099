"""Trains a small convolutional network on scikit-learn's digits and exports it as StableHLO.

    python demo/train.py OUT

writes into the folder OUT:
    digits.mlir        the network with its weights, f32[b,8,8,1] -> f32[b,10], any batch size b
    images.npy         the held-out images, f32[450,8,8,1], 0..1
    labels.npy         what they show, i32[450]
    logits.npy         what JAX itself says of them, f32[450,10]

Everything is seeded: the same versions on the same machine give the same files.
"""

import os
import pathlib
import sys
import time

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SEED = 7
HELD_OUT = 450
EPOCHS = 40
BATCH = 64
RATE = 2e-3


def load_data():
    """The 1797 bundled images of 8x8 gray values 0..16, split with every digit equally present."""
    digits = load_digits()
    images = (digits.images[..., None] / 16.0).astype(np.float32)
    labels = digits.target.astype(np.int32)
    return train_test_split(images, labels, test_size=HELD_OUT, random_state=SEED, stratify=labels)


def initial_weights(key):
    """He initialisation: variance 2 over the number of inputs of a unit."""
    def layer(key, *shape):
        inputs = int(np.prod(shape[:-1]))
        return jax.random.normal(key, shape, jnp.float32) * np.sqrt(2.0 / inputs)

    keys = jax.random.split(key, 4)
    return {
        "conv1": layer(keys[0], 3, 3, 1, 16), "bias1": jnp.zeros(16),
        "conv2": layer(keys[1], 3, 3, 16, 32), "bias2": jnp.zeros(32),
        "conv3": layer(keys[2], 4, 4, 32, 64), "bias3": jnp.zeros(64),
        "dense": layer(keys[3], 64, 10), "bias4": jnp.zeros(10),
    }


def network(weights, images):
    """Two 3x3 convolutions, a 2x2 maximum, two dense layers.

    Takes f32[b,8,8,1], returns logits f32[b,10]. The first dense layer is written as a convolution
    that covers the whole 4x4 picture, and the mean over the one pixel that is left takes the place
    of a reshape: the compiler takes none when the batch is known only at run time.
    """
    def conv(x, kernel, bias, padding):
        y = jax.lax.conv_general_dilated(x, kernel, (1, 1), padding,
                                         dimension_numbers=("NHWC", "HWIO", "NHWC"))
        return jax.nn.relu(y + bias)

    x = conv(images, weights["conv1"], weights["bias1"], "SAME")
    x = conv(x, weights["conv2"], weights["bias2"], "SAME")
    x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    x = conv(x, weights["conv3"], weights["bias3"], "VALID")
    return jnp.mean(x, axis=(1, 2)) @ weights["dense"] + weights["bias4"]


def train(images, labels):
    """Adam with a cosine schedule."""
    key = jax.random.key(SEED)
    weights = initial_weights(key)
    steps = EPOCHS * (len(images) // BATCH)

    def loss(weights, x, y):
        log_p = jax.nn.log_softmax(network(weights, x))
        return -jnp.mean(jnp.take_along_axis(log_p, y[:, None], axis=1))

    @jax.jit
    def step(state, x, y, t):
        weights, mean, square = state
        gradient = jax.grad(loss)(weights, x, y)
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, gradient)
        square = jax.tree.map(lambda s, g: 0.999 * s + 0.001 * g * g, square, gradient)
        rate = RATE * 0.5 * (1 + jnp.cos(jnp.pi * t / steps))
        weights = jax.tree.map(
            lambda w, m, s: w - rate * (m / (1 - 0.9**t)) / (jnp.sqrt(s / (1 - 0.999**t)) + 1e-8),
            weights, mean, square)
        return weights, mean, square

    zeros = jax.tree.map(jnp.zeros_like, weights)
    state = (weights, zeros, zeros)
    rng = np.random.default_rng(SEED)
    t = 0
    for _ in range(EPOCHS):
        order = rng.permutation(len(images))
        for start in range(0, len(order) - BATCH + 1, BATCH):
            t += 1
            batch = order[start:start + BATCH]
            state = step(state, images[batch], labels[batch], jnp.float32(t))
    return jax.tree.map(np.asarray, state[0])


def write_whole(path, data):
    """Writes beside the file and renames, so that a file that exists is complete."""
    part = path.with_name(path.name + ".part")
    if isinstance(data, str):
        part.write_text(data)
    else:
        with open(part, "wb") as file:
            np.save(file, data)
    os.replace(part, path)


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    train_x, test_x, train_y, test_y = load_data()

    start = time.monotonic()
    weights = train(train_x, train_y)
    logits = np.asarray(jax.jit(network)(weights, test_x))
    right = float(np.mean(np.argmax(logits, axis=1) == test_y))
    print(f"trained on {len(train_x)} images in {time.monotonic() - start:.1f} s; "
          f"{right:.4f} of {len(test_x)} held-out images right")

    (batch,) = jax.export.symbolic_shape("b")
    argument = jax.ShapeDtypeStruct((batch, 8, 8, 1), jnp.float32)
    exported = jax.export.export(jax.jit(lambda x: network(weights, x)))(argument)
    write_whole(out / "images.npy", test_x)
    write_whole(out / "labels.npy", test_y)
    write_whole(out / "logits.npy", logits)
    write_whole(out / "digits.mlir", str(exported.mlir_module()))


if __name__ == "__main__":
    main()
