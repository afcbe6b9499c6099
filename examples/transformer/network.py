"""A small transformer over bytes: how it is trained, and how it runs with a cache.

Tokens are the characters of ASCII, so that neither side needs a tokenizer. Where a character stands
is told by biases on attention that grow with the distance (Press et al., "Train Short, Test Long",
2021): the network learns from short pieces, and the texts that it writes may be longer.
"""
from __future__ import annotations

import dataclasses
import math

import torch
from torch import nn
from torch.nn import functional

VOCABULARY = 128


@dataclasses.dataclass(frozen=True)
class Size:
    context: int = 256  # the longest text: so many places the cache has
    width: int = 128
    heads: int = 4
    layers: int = 4


class Block(nn.Module):
    """Attention to what came before, then two dense layers."""

    def __init__(self, size: Size):
        super().__init__()
        self.heads = size.heads
        self.before = nn.LayerNorm(size.width)
        self.project = nn.Linear(size.width, 3 * size.width)
        self.mix = nn.Linear(size.width, size.width)
        self.between = nn.LayerNorm(size.width)
        self.up = nn.Linear(size.width, 4 * size.width)
        self.down = nn.Linear(4 * size.width, size.width)
        shape = (size.context, size.heads, size.width // size.heads)
        slopes = torch.tensor([2.0 ** (-2 * head) for head in range(size.heads)])
        self.register_buffer("slopes", slopes[:, None, None], persistent=False)
        # Buffers that forward changes are the state of the compiled module. They are no weights, and
        # so not in the checkpoint.
        self.register_buffer("keys", torch.zeros(shape), persistent=False)
        self.register_buffer("values", torch.zeros(shape), persistent=False)

    def heads_of(self, x):
        """Queries, keys and values of ...,tokens,width as ...,tokens,heads,depth."""
        return (part.unflatten(-1, (self.heads, -1))
                for part in self.project(self.before(x)).chunk(3, -1))

    def finish(self, x, query, keys, values, distance):
        """What attention makes of `x`. Keys at a negative distance come later and are not seen."""
        scores = query.transpose(-3, -2) @ keys.transpose(-3, -2).transpose(-2, -1)
        scores = scores / math.sqrt(query.shape[-1]) - self.slopes * distance
        scores = scores.masked_fill(distance < 0, -math.inf)
        mixed = torch.softmax(scores, -1) @ values.transpose(-3, -2)
        x = x + self.mix(mixed.transpose(-3, -2).flatten(-2))
        return x + self.down(functional.gelu(self.up(self.between(x))))

    def whole(self, x):
        """Of whole texts: each place sees itself and those before it."""
        places = torch.arange(x.shape[-2])
        return self.finish(x, *self.heads_of(x), places[:, None] - places)

    def forward(self, x, places):
        """Of the tokens at `places` alone: those before them are in the cache."""
        query, keys, values = self.heads_of(x)
        self.keys[places] = keys
        self.values[places] = values
        distance = places[:, None] - torch.arange(self.keys.shape[0])
        return self.finish(x, query, self.keys, self.values, distance)


class Transformer(nn.Module):
    def __init__(self, size: Size):
        super().__init__()
        self.size = size
        self.tokens = nn.Embedding(VOCABULARY, size.width)
        self.blocks = nn.ModuleList(Block(size) for _ in range(size.layers))
        self.last = nn.LayerNorm(size.width)
        self.scores = nn.Linear(size.width, VOCABULARY, bias=False)
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                last = name.endswith(("mix.weight", "down.weight"))  # these add up over the layers
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * size.layers) if last else 0.02)

    def whole(self, texts):
        """Scores of what follows each place of i64[texts,length]: for training, and to compare."""
        x = self.tokens(texts)
        for block in self.blocks:
            x = block.whole(x)
        return self.scores(self.last(x))

    def forward(self, tokens, start):
        """Scores of what follows i64[n] tokens, the first of them at place i64[1] `start`.

        Those before `start` are what earlier calls were given: keys and values of them are kept.
        """
        places = start + torch.arange(tokens.shape[0])
        x = self.tokens(tokens)
        for block in self.blocks:
            x = block(x, places)
        return self.scores(self.last(x[-1]))
