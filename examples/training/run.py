#!/usr/bin/env python3
"""Compiles a training step of JAX, trains in C, and compares with JAX's own training.

The losses must be those of JAX, and the network that was trained in C, its weights taken by a module
that was compiled before, must classify held-out images as JAX's does.
"""
from __future__ import annotations

import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import common

sys.path.insert(0, str(common.ROOT / "demo"))
try:
    import jax
    import model
    import numpy as np
    from train import load_data
except ImportError as error:
    print(f"skipped: {error} (make setup)")
    sys.exit(77)

# Of a loss, beside 1 + loss, by the number of steps: rounding grows.
TOLERANCE = {60: 1e-4, 600: 1e-2}
SAME = 0.99  # of held-out images that both must see alike


def compile_modules(options) -> tuple[pathlib.Path, pathlib.Path, pathlib.Path]:
    """step.vmfb, predict.vmfb, and the initial weights in initial.safetensors."""
    step, predict = options.out / "step.vmfb", options.out / "predict.vmfb"
    initial = options.out / "initial.safetensors"
    common.eerie(options.build, "compile", f"{HERE / 'model.py'}:step", "-o", step)
    common.eerie(options.build, "compile", f"{HERE / 'model.py'}:predict", "-o", predict,
                 "--weights", "weights", "--parameters", initial)
    return step, predict, initial


def train_in_jax(images, labels, steps: int):
    """The losses of all steps, the weights after them, and seconds."""
    step = jax.jit(model.step)
    weights = model.initial_weights()
    state = model.initial_state(weights)
    losses = []
    batches = len(images) // model.BATCH
    step(weights, state, images[:model.BATCH], labels[:model.BATCH])  # compiles
    begin = time.monotonic()
    for index in range(steps):
        rows = slice(index % batches * model.BATCH, (index % batches + 1) * model.BATCH)
        weights, state, loss = step(weights, state, images[rows], labels[rows])
        losses.append(float(loss))
    return np.array(losses), weights, time.monotonic() - begin


def train_in_c(options, step, initial, images, labels, steps: int):
    """The losses, the file of trained weights, and what the program said of its speed."""
    trained = options.out / "trained.safetensors"
    images.tofile(options.out / "images.f32")
    labels.tofile(options.out / "labels.i32")
    done = common.subprocess.run(
        [options.build / "examples/train", step, initial, options.out / "images.f32",
         options.out / "labels.i32", str(steps), trained],
        capture_output=True, text=True, check=False, timeout=common.SECONDS)
    if done.returncode:
        sys.exit(f"train: exit code {done.returncode}\n{done.stderr}")
    return np.array([float(line) for line in done.stdout.split()]), trained, done.stderr.strip()


def scores_of(options, predict, weights, images):
    np.save(options.out / "held_out.npy", images)
    common.eerie(options.build, "run", f"--module={predict}", f"--parameters=model={weights}",
                 f"--input=@{options.out / 'held_out.npy'}",
                 f"--output=@{options.out / 'scores.npy'}")
    return np.load(options.out / "scores.npy")


def main() -> None:
    options = common.options("training", __doc__.splitlines()[0])
    steps = 60 if options.small else 600
    train_x, test_x, train_y, test_y = load_data()
    train_x, test_x = train_x.reshape(-1, 64), test_x.reshape(-1, 64)
    step, predict, initial = compile_modules(options)
    ours, trained, speed = train_in_c(options, step, initial, train_x, train_y, steps)
    theirs, weights, seconds = train_in_jax(train_x, train_y, steps)

    print(f"{'step':>6} {'loss in C':>12} {'in JAX':>12}")
    for index in [*range(0, steps, max(steps // 10, 1)), steps - 1]:
        print(f"{index:6} {ours[index]:12.6f} {theirs[index]:12.6f}")
    difference = np.abs(ours - theirs) / (1 + np.abs(theirs))
    print(f"largest difference {difference.max():.1e}")
    print(f"C: {speed}; JAX: {seconds / steps * 1e6:.0f} us each")

    before = scores_of(options, predict, initial, test_x).argmax(1)
    after = scores_of(options, predict, trained, test_x).argmax(1)
    reference = np.asarray(model.predict(weights, test_x)).argmax(1)
    print(f"of {len(test_y)} held-out images right: {(before == test_y).mean():.4f} before, "
          f"{(after == test_y).mean():.4f} trained in C, {(reference == test_y).mean():.4f} in JAX; "
          f"the same digit on {(after == reference).sum()}")

    wrong = []
    if difference.max() > TOLERANCE[steps]:
        wrong.append(f"a loss differs by {difference.max():.1e}, more than {TOLERANCE[steps]}")
    if ours[-10:].mean() > ours[:10].mean() / 2:
        wrong.append("the loss has not fallen to its half")
    if (after == reference).mean() < SAME:
        wrong.append("the network that C trained sees other digits than JAX's")
    common.verdict("training", wrong)


if __name__ == "__main__":
    main()
