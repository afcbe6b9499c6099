"""What the tests of this folder share: options, models, pairs of boards and models, the verdict."""
from __future__ import annotations

import argparse
import concurrent.futures
import pathlib
import subprocess
import tempfile

import boards


def parser(description: str) -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(description=description.splitlines()[0])
    arguments.add_argument("eerie", type=pathlib.Path)
    arguments.add_argument("--out", type=pathlib.Path, help="keep programs and models here")
    arguments.add_argument("--board", action="append", help="this target alone; may be repeated")
    arguments.add_argument("--model", action="append", help="this model alone; may be repeated")
    return arguments


def missing() -> str:
    """Names what is not installed and needed; "" when all is."""
    absent = boards.missing()
    try:
        import sklearn  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        absent = absent or str(error)
    return absent


def make_models(options) -> list:
    import models
    models.write_images(options.out / "images.h")
    made = [models.make_mlp(options.out)]
    if options.model != ["mlp"]:
        made += models.make_networks(options.out)
    return [model for model in made if not options.model or model.name in options.model]


def guarded(check, options, board: boards.Board, model) -> list[str]:
    """What is wrong, also where a compiler or QEMU does not do what it should."""
    try:
        return check(options, board, model)
    except (boards.Failed, subprocess.TimeoutExpired) as error:
        print(f"{model.name:10}{board.target:15} failed", flush=True)
        return [f"{model.name} on {board.target}: {error}"]


def run(options, head: str, targets, check, also=lambda options: []) -> int:
    """Calls check(options, board, model) for every model on its boards, which targets(model) names,
    and also(options) behind them; 77 where something is not installed."""
    absent = missing()
    if absent:
        print(f"skipped: {absent} is missing (tools/setup.sh test frameworks)")
        return 77
    with tempfile.TemporaryDirectory() as scratch:
        options.out = (options.out or pathlib.Path(scratch)).resolve()
        options.out.mkdir(parents=True, exist_ok=True)
        pairs = [(boards.BY_TARGET[target], model) for model in make_models(options)
                 for target in targets(model) if not options.board or target in options.board]
        print(f"{'':25}{head}", flush=True)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            wrong = sum(pool.map(lambda pair: guarded(check, options, *pair), pairs), [])
        wrong += also(options)
    print("\n".join(wrong) or f"{len(pairs)} of {len(pairs)} are right")
    return bool(wrong)
