"""A network for digits in JAX, its training step, and what it says of images.

`eerie compile model.py:step` and `model.py:predict` make modules of the functions at the end; what
they take is told by `step_inputs` and `predict_inputs`.
"""
from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

SEED = 5
SIZES = (64, 128, 64, 10)
BATCH = 64
RATE = 1e-3


def initial_weights() -> dict[str, np.ndarray]:
    """Of dense layers: normal, with variance 2 over the number of inputs of a unit."""
    random = np.random.default_rng(SEED)
    weights = {}
    for layer, (inputs, outputs) in enumerate(zip(SIZES, SIZES[1:]), 1):
        kernel = random.normal(size=(inputs, outputs)) * np.sqrt(2 / inputs)
        weights[f"kernel{layer}"] = kernel.astype(np.float32)
        weights[f"bias{layer}"] = np.zeros(outputs, np.float32)
    return weights


def initial_state(weights):
    """Adam's running means of gradients and of their squares, and the number of steps."""
    zeros = {name: np.zeros_like(value) for name, value in weights.items()}
    return {"mean": zeros, "square": zeros, "count": np.float32(0)}


def predict(weights, images):
    """f32[n,64] with values 0..1 -> scores f32[n,10]."""
    x = images
    for layer in range(1, len(SIZES)):
        x = x @ weights[f"kernel{layer}"] + weights[f"bias{layer}"]
        if layer < len(SIZES) - 1:
            x = jax.nn.relu(x)
    return x


def loss(weights, images, labels):
    """Cross entropy of f32[n,64] and i32[n]."""
    likely = jax.nn.log_softmax(predict(weights, images))
    return -jnp.mean(jnp.take_along_axis(likely, labels[:, None], axis=1))


def step(weights, state, images, labels):
    """One step of Adam: new weights, new state, and the loss before it."""
    value, gradient = jax.value_and_grad(loss)(weights, images, labels)
    count = state["count"] + 1
    mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, state["mean"], gradient)
    square = jax.tree.map(lambda s, g: 0.999 * s + 0.001 * g * g, state["square"], gradient)
    weights = jax.tree.map(
        lambda w, m, s: w - RATE * (m / (1 - 0.9**count)) / (jnp.sqrt(s / (1 - 0.999**count)) + 1e-8),
        weights, mean, square)
    return weights, {"mean": mean, "square": square, "count": count}, value


predict_inputs = (initial_weights(), "batchx64xf32")
step_inputs = (initial_weights(), initial_state(initial_weights()), f"{BATCH}x64xf32",
               f"{BATCH}xi32")
