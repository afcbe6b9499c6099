#!/usr/bin/env python3
"""A classifier of digits from each framework through `eerie compile` into one C program.

Of every held-out image the C program must say what the framework itself says. TensorFlow and TFLite
take part with --tensorflow, or where their environments are there already.
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
    import flatbuffers  # noqa: F401
    import makers
    import numpy as np
    import torch  # noqa: F401
    from train import load_data
except ImportError as error:
    print(f"skipped: {error} (make setup)")
    sys.exit(77)


def judge(options, name: str, model, flags, expected, labels, python=None) -> list[str]:
    """Compiles a model, runs it in C, prints a line; what is wrong with it."""
    module = options.out / f"{pathlib.Path(model).stem}.vmfb"
    begin = time.monotonic()
    common.eerie(options.build, "compile", model, "-o", module, *flags, python=python)
    seconds = time.monotonic() - begin
    printed = common.run([options.build / "examples/digits", module, options.out / "held_out.f32"],
                         options.build)
    ours = np.array([int(line) for line in printed.split()])
    if len(ours) != len(labels):
        return [f"{name}: {len(ours)} answers for {len(labels)} images"]
    same = int((ours == expected).sum())
    print(f"{name:14}{(ours == labels).mean():9.4f}{(expected == labels).mean():11.4f}"
          f"{same:8} of {len(labels)}{seconds:9.1f} s", flush=True)
    return [] if same == len(labels) else [f"{name}: {len(labels) - same} answers are others"]


def with_tensorflow(options, labels) -> list[str]:
    tensorflow = common.framework(options.build, "tensorflow")
    converter = common.framework(options.build, "tflite")
    common.run([tensorflow, HERE / "keras_digits.py", options.out], options.build)
    wrong = []
    for name, file, python in (("TensorFlow", "keras.keras", tensorflow),
                               ("TFLite", "tflite.tflite", converter)):
        path = options.out / file
        wrong += judge(options, name, path, [], np.load(path.with_suffix(".npy")), labels, python)
    return wrong


def main() -> None:
    options = common.options("digits", __doc__.splitlines()[0])
    images, held_out, labels, held_out_labels = load_data()
    held_out = held_out.reshape(-1, 64)
    held_out.tofile(options.out / "held_out.f32")
    np.savez(options.out / "data.npz", images=images.reshape(-1, 64), labels=labels,
             held_out=held_out)
    print(f"{'':14}{'in C':>9}{'framework':>11}{'the same':>15}{'compiled':>12}")
    wrong = []
    for name, make in makers.HERE.items():
        model, flags, predict = make(images, labels, options.out, options.small)
        wrong += judge(options, name, model, flags, predict(held_out), held_out_labels)
    if common.with_tensorflow(options):
        wrong += with_tensorflow(options, held_out_labels)
    common.verdict("digits", wrong)


if __name__ == "__main__":
    main()
