"""Models of PyTorch that the tests and the table of frameworks share.

Every one is small, its weights drawn with a seed of its own, and takes a batch as its first dimension.
"""
import dataclasses
import math
import typing

import torch
from torch import nn
from torch.nn import functional


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(16, 32)
        self.norm = nn.LayerNorm(32)
        self.last = nn.Linear(32, 4)

    def forward(self, x):
        return torch.softmax(self.last(functional.gelu(self.norm(self.first(x)))), -1)


class Cnn(nn.Module):
    """Convolutions, one of them depthwise, with BatchNorm whose statistics are not the initial ones."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.deep = nn.Conv2d(8, 8, 3, stride=2, groups=8)
        self.last = nn.Linear(8, 10)
        nn.init.uniform_(self.norm.running_mean, -1, 1)
        nn.init.uniform_(self.norm.running_var, 0.5, 2)

    def forward(self, x):
        x = functional.max_pool2d(functional.relu(self.norm(self.stem(x))), 2)
        x = functional.silu(self.deep(x))
        return self.last(functional.adaptive_avg_pool2d(x, 1).flatten(1))


class Transformer(nn.Module):
    """A block of a transformer on top of nn.MultiheadAttention."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)
        self.norm = nn.LayerNorm(16)
        self.up = nn.Linear(16, 32)
        self.down = nn.Linear(32, 16)

    def forward(self, x):
        x = self.norm(x + self.attention(x, x, x, need_weights=False)[0])
        return x + self.down(functional.gelu(self.up(x)))


class Attention(nn.Module):
    """Attention over the elements that a mask leaves."""

    def __init__(self):
        super().__init__()
        self.project = nn.Linear(16, 48)

    def forward(self, x, mask):
        batch, steps, _ = x.shape
        query, key, value = (part.view(batch, steps, 4, 4).transpose(1, 2)
                             for part in self.project(x).chunk(3, -1))
        mixed = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask[:, None, None, :])
        return mixed.transpose(1, 2).reshape(batch, steps, 16)


class Causal(Attention):
    """Attention backwards in time alone."""

    def forward(self, x):
        batch, steps, _ = x.shape
        query, key, value = (part.view(batch, steps, 4, 4).transpose(1, 2)
                             for part in self.project(x).chunk(3, -1))
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return mixed.transpose(1, 2).reshape(batch, steps, 16)


class Recurrent(nn.Module):
    """The whole sequence out of a layer of nn.LSTM, nn.GRU or nn.RNN, and its last state."""

    def __init__(self, kind, **options):
        super().__init__()
        self.layer = kind(8, 12, batch_first=True, **options)

    def forward(self, x):
        return self.layer(x)


class Embedding(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(50, 12)
        self.last = nn.Linear(12, 5)

    def forward(self, tokens):
        return self.last(self.table(tokens).mean(1))


class Cache(nn.Module):
    """One step of attention over all steps so far, which are kept in buffers."""

    def __init__(self, way: str):
        super().__init__()
        self.way = way
        self.project = nn.Linear(8, 24)
        self.register_buffer("keys", torch.zeros(6, 8))
        self.register_buffer("values", torch.zeros(6, 8))
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    def forward(self, x):
        query, key, value = self.project(x).chunk(3, -1)
        if self.way == "index_copy":
            at = self.step.reshape(1)
            self.keys.index_copy_(0, at, key[None])
            self.values.index_copy_(0, at, value[None])
        elif self.way == "assignment":
            at = self.step.reshape(1)
            self.keys[at] = key[None]
            self.values[at] = value[None]
        else:
            at = (torch.arange(6) == self.step)[:, None]
            self.keys.copy_(torch.where(at, key, self.keys))
            self.values.copy_(torch.where(at, value, self.values))
        seen = torch.arange(6) <= self.step
        scores = (self.keys @ query / math.sqrt(8)).masked_fill(~seen, -math.inf)
        self.step.add_(1)
        return torch.softmax(scores, 0) @ self.values


class Window(nn.Module):
    """The mean of the last inputs, which a buffer holds; slices of it are assigned to."""

    def __init__(self):
        super().__init__()
        self.register_buffer("last", torch.zeros(4, 8))

    def forward(self, x):
        self.last[:-1] = self.last[1:].clone()
        self.last[-1] = x
        return self.last.mean(0)


def _mask(batch, generator):
    return torch.arange(7) < torch.randint(1, 8, (batch, 1), generator=generator)


@dataclasses.dataclass(frozen=True)
class Case:
    """A model and how to draw a batch for it."""

    build: typing.Callable[[], nn.Module]
    draw: typing.Callable[[int, torch.Generator], tuple]
    specs: tuple[str, ...]  # of its inputs, with the batch by name


def _normal(*shape):
    return lambda batch, generator: (torch.randn(batch, *shape, generator=generator),)


CASES = {
    "mlp": Case(Mlp, _normal(16), ("batchx16xf32",)),
    "cnn": Case(Cnn, _normal(1, 16, 16), ("batchx1x16x16xf32",)),
    "transformer": Case(Transformer, _normal(7, 16), ("batchx7x16xf32",)),
    "lstm": Case(lambda: Recurrent(nn.LSTM, num_layers=2), _normal(5, 8), ("batchx5x8xf32",)),
    "gru": Case(lambda: Recurrent(nn.GRU, bidirectional=True), _normal(5, 8), ("batchx5x8xf32",)),
    "embedding": Case(
        Embedding,
        lambda batch, generator: (torch.randint(0, 50, (batch, 6), generator=generator),),
        ("batchx6xi64",)),
    "attention": Case(
        Attention,
        lambda batch, generator: (*_normal(7, 16)(batch, generator), _mask(batch, generator)),
        ("batchx7x16xf32", "batchx7xi1")),
    "causal": Case(Causal, _normal(7, 16), ("batchx7x16xf32",)),
}


def build(name: str) -> nn.Module:
    torch.manual_seed(len(name))
    return CASES[name].build().eval()
