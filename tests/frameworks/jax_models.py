"""Models of JAX that the tests and the table of frameworks share: functions of parameters and inputs.

Every one takes a batch as its first dimension; its parameters are drawn with a seed of its own.
"""
import dataclasses
import typing

import jax
import jax.numpy as jnp
import numpy as np


def _dense(generator, rows, columns):
    return {"kernel": generator.normal(0, rows ** -0.5, (rows, columns)).astype(np.float32),
            "bias": generator.normal(0, 0.1, columns).astype(np.float32)}


def _apply(layer, x):
    return x @ layer["kernel"] + layer["bias"]


def _normalise(x):
    return (x - x.mean(-1, keepdims=True)) * jax.lax.rsqrt(x.var(-1, keepdims=True) + 1e-5)


def mlp(params, x):
    hidden = jax.nn.gelu(_normalise(_apply(params["first"], x)))
    return jax.nn.softmax(_apply(params["last"], hidden))


def _mlp_params(generator):
    return {"first": _dense(generator, 16, 32), "last": _dense(generator, 32, 4)}


def cnn(params, x):
    """Convolutions, one of them depthwise, with normalisation by kept statistics."""
    layout = ("NHWC", "HWIO", "NHWC")
    x = jax.lax.conv_general_dilated(x, params["stem"], (1, 1), "SAME", dimension_numbers=layout)
    x = jax.nn.relu((x - params["mean"]) * jax.lax.rsqrt(params["variance"] + 1e-5))
    x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    x = jax.lax.conv_general_dilated(x, params["deep"], (2, 2), "VALID", dimension_numbers=layout,
                                     feature_group_count=8)
    return _apply(params["last"], jax.nn.silu(x).mean((1, 2)))


def _cnn_params(generator):
    return {"stem": generator.normal(0, 0.3, (3, 3, 1, 8)).astype(np.float32),
            "mean": generator.normal(0, 0.3, 8).astype(np.float32),
            "variance": generator.uniform(0.5, 2, 8).astype(np.float32),
            "deep": generator.normal(0, 0.3, (3, 3, 1, 8)).astype(np.float32),
            "last": _dense(generator, 8, 10)}


def _attend(params, x, allowed):
    batch, steps, _ = x.shape
    query, key, value = (part.reshape(batch, steps, 4, 4)
                         for part in jnp.split(_apply(params, x), 3, -1))
    scores = jnp.einsum("bqhd,bkhd->bhqk", query, key) / 2
    scores = jnp.where(allowed, scores, -1e30)
    mixed = jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(scores), value)
    return mixed.reshape(batch, steps, 16)


def transformer(params, x):
    """A block of a transformer, its attention backwards in time alone."""
    x = _normalise(x + _attend(params["attention"], x, jnp.tril(jnp.ones((7, 7), bool))))
    return x + _apply(params["down"], jax.nn.gelu(_apply(params["up"], x)))


def _transformer_params(generator):
    return {"attention": _dense(generator, 16, 48), "up": _dense(generator, 16, 32),
            "down": _dense(generator, 32, 16)}


def attention(params, x, mask):
    """Attention over the elements that a mask leaves."""
    return _attend(params, x, mask[:, None, None, :])


def lstm(params, x):
    """The whole sequence out of an LSTM, and its last state."""
    def step(state, x):
        hidden, cell = state
        gates = _apply(params, jnp.concatenate([x, hidden], -1))
        i, f, g, o = jnp.split(gates, 4, -1)
        cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
        hidden = jax.nn.sigmoid(o) * jnp.tanh(cell)
        return (hidden, cell), hidden
    zero = jnp.zeros((x.shape[0], 12), x.dtype)
    state, out = jax.lax.scan(step, (zero, zero), x.swapaxes(0, 1))
    return out.swapaxes(0, 1), state


def embedding(params, tokens):
    return _apply(params["last"], params["table"][tokens].mean(1))


def _embedding_params(generator):
    return {"table": generator.normal(0, 1, (50, 12)).astype(np.float32),
            "last": _dense(generator, 12, 5)}


def train(params, x, labels):
    """A step of training the MLP: its new parameters and the loss."""
    def loss(params):
        return -jnp.mean(jnp.log(jnp.take_along_axis(mlp(params, x), labels[:, None], 1)))
    value, gradient = jax.value_and_grad(loss)(params)
    return jax.tree.map(lambda old, change: old - 0.1 * change, params, gradient), value


def _mask(generator, batch):
    return np.arange(7) < generator.integers(1, 8, (batch, 1))


@dataclasses.dataclass(frozen=True)
class Case:
    """A function, how to draw its parameters, and how to draw a batch for it."""

    function: typing.Callable
    params: typing.Callable
    draw: typing.Callable[[np.random.Generator, int], tuple]
    specs: tuple[str, ...]  # of its inputs, with the batch by name


def _normal(*shape):
    return lambda generator, batch: (
        generator.standard_normal((batch, *shape)).astype(np.float32),)


CASES = {
    "mlp": Case(mlp, _mlp_params, _normal(16), ("batchx16xf32",)),
    "cnn": Case(cnn, _cnn_params, _normal(16, 16, 1), ("batchx16x16x1xf32",)),
    "transformer": Case(transformer, _transformer_params, _normal(7, 16), ("batchx7x16xf32",)),
    "lstm": Case(lstm, lambda generator: _dense(generator, 20, 48), _normal(5, 8),
                 ("batchx5x8xf32",)),
    "embedding": Case(
        embedding, _embedding_params,
        lambda generator, batch: (generator.integers(0, 50, (batch, 6), dtype=np.int32),),
        ("batchx6xi32",)),
    "attention": Case(
        attention, lambda generator: _dense(generator, 16, 48),
        lambda generator, batch: (*_normal(7, 16)(generator, batch), _mask(generator, batch)),
        ("batchx7x16xf32", "batchx7xi1")),
    "train": Case(
        train, _mlp_params,
        lambda generator, batch: (*_normal(16)(generator, batch),
                                  generator.integers(0, 4, batch, dtype=np.int32)),
        ("batchx16xf32", "batchxi32")),
}


def params(name: str):
    return CASES[name].params(np.random.default_rng(len(name)))
