#!/usr/bin/env python3
"""Trains a small transformer on a licence, and generates text in C with the cache in the module.

The characters that C generates must be those that PyTorch comes to without any cache.
"""
from __future__ import annotations

import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import common

try:
    import torch  # noqa: F401
    from join import join
except ImportError as error:
    print(f"skipped: {error} (make setup)")
    sys.exit(77)

TEXTS = ["/usr/share/common-licenses/GPL-3", str(common.ROOT / "LICENSE")]
PROMPT = "This program is free software: you can "


def import_functions(options) -> pathlib.Path:
    """transformer.mlir, with the functions prefill and decode."""
    parts = []
    for name in ("prefill", "decode"):
        parts.append(options.out / f"{name}.mlir")
        common.eerie(options.build, "import", options.out / f"{name}.pt2", "--function", name,
                     "-o", parts[-1])
    joined = options.out / "transformer.mlir"
    join(parts, joined)
    return joined


def generate(program: pathlib.Path, *arguments) -> tuple[str, str]:
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True,
                          check=False, timeout=common.SECONDS)
    return done.stdout, done.stderr


def check(program: pathlib.Path, expected: str) -> list[str]:
    wrong = []
    length = len(expected)
    text, speed = generate(program, PROMPT, length, 5)
    print(text)
    print(speed, end="")
    if text != expected + "\n":
        wrong.append(f"PyTorch continues otherwise: {expected!r}")
    # The cache has as many places as the text may have characters; one more is refused.
    _, complaint = generate(program, PROMPT, length + 1)
    if "usage: " not in complaint:
        wrong.append(f"{length + 1} characters should not fit: {complaint!r}")
    return wrong


def main() -> None:
    options = common.options("transformer", __doc__.splitlines()[0])
    text = next(path for path in TEXTS if pathlib.Path(path).exists())
    print(f"training on {text}", flush=True)
    print(common.run([sys.executable, HERE / "train.py", text, options.out, PROMPT,
                      *(["--small"] if options.small else [])], options.build), end="")
    model = import_functions(options)
    expected = (options.out / "expected.txt").read_text(encoding="ascii")
    folder = common.build_program(HERE, options.build, options.out, f"-DMODEL={model}",
                                  f"-DCONTEXT={len(expected)}")
    print("in C:")
    common.verdict("transformer", check(folder / "generate", expected))


if __name__ == "__main__":
    main()
