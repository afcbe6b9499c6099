"""Trains the transformer on a text and writes what generation needs.

    python examples/transformer/train.py TEXT OUT PROMPT [--small]

writes into the folder OUT:
    prefill.pt2, decode.pt2   the trained network for any number of tokens, and for one
    expected.txt              PROMPT and what PyTorch says follows it, most likely character first
"""
from __future__ import annotations

import argparse
import pathlib
import time

import torch
from network import Size, Transformer
from torch.nn import functional

SEED = 11
RATE = 3e-3


def load_text(path: pathlib.Path) -> torch.Tensor:
    return torch.tensor(list(path.read_text(encoding="ascii", errors="replace").replace(
        "\ufffd", "?").encode()), dtype=torch.int64)


def train(network: Transformer, text: torch.Tensor, steps: int, batch: int,
          length: int) -> None:
    """AdamW on windows of `length` characters of the text that are drawn at
    random, the rate falling to nothing."""
    optimizer = torch.optim.AdamW(network.parameters(), RATE, betas=(0.9, 0.95), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, steps, pct_start=0.1)
    begin = time.monotonic()
    for step in range(steps):
        starts = torch.randint(len(text) - length, (batch,))
        windows = torch.stack([text[start:start + length + 1] for start in starts])
        scores = network.whole(windows[:, :-1])
        loss = functional.cross_entropy(scores.flatten(0, 1), windows[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % max(steps // 6, 1) == 0 or step == steps - 1:
            print(f"  step {step:4}  loss {loss.item():.3f}  {time.monotonic() - begin:.1f} s",
                  flush=True)


@torch.no_grad()
def continue_greedily(network: Transformer, prompt: str) -> tuple[str, float]:
    """The prompt and what follows, all of it computed anew for each character: no cache that could
    be wrong. Also the least distance between the best and the second best score."""
    tokens = torch.tensor([list(prompt.encode("ascii"))])
    margin = float("inf")
    while tokens.shape[1] < network.size.context:
        best = network.whole(tokens)[0, -1].topk(2)
        margin = min(margin, float(best.values[0] - best.values[1]))
        tokens = torch.cat([tokens, best.indices[:1][None]], 1)
    return bytes(tokens[0].tolist()).decode("ascii"), margin


def export(network: Transformer, out: pathlib.Path) -> None:
    start = torch.zeros(1, dtype=torch.int64)
    count = torch.export.Dim("tokens", min=1, max=network.size.context)
    for name, tokens, shapes in (("prefill", 3, ({0: count}, None)), ("decode", 1, None)):
        program = torch.export.export(network, (torch.zeros(tokens, dtype=torch.int64), start),
                                      dynamic_shapes=shapes)
        torch.export.save(program, out / f"{name}.pt2")


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("text", type=pathlib.Path)
    arguments.add_argument("out", type=pathlib.Path)
    arguments.add_argument("prompt")
    arguments.add_argument("--small", action="store_true")
    given = arguments.parse_args()
    torch.manual_seed(SEED)
    torch.set_num_threads(1)  # matrices this small gain little by a second one
    network = Transformer(Size(96, 64, 2, 2) if given.small else Size())
    train(network, load_text(given.text), *((60, 8, 64) if given.small else (600, 12, 96)))
    network.eval()
    expected, margin = continue_greedily(network, given.prompt)
    print(f"  PyTorch's own continuation: the choice was never closer than {margin:.1e}")
    (given.out / "expected.txt").write_text(expected, encoding="ascii")
    export(network, given.out)


if __name__ == "__main__":
    main()
