#!/usr/bin/env python3
"""Networks of the shapes of ResNet-50 and MobileNetV2 look at photographs, beside their frameworks.

From PyTorch always; from TensorFlow with --tensorflow, or where its environment is there already.
"""
from __future__ import annotations

import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import common

try:
    import networks
    import numpy as np
    import photographs
    import torch
except ImportError as error:
    print(f"skipped: {error} (make setup)")
    sys.exit(77)

# Convolutions as matrix products, which is what the compiler does best.
FLAGS = ["--iree-opt-level=O3", "--iree-opt-data-tiling", "--iree-llvmcpu-enable-ukernels=all",
         "--iree-global-opt-use-im2col-for-convs"]
TOLERANCE = 1e-4  # of a score, beside the largest score of the picture
ROUNDS = 10


def small_resnet():
    return networks.resnet((1, 1, 1, 1), 16, 100)


def small_mobilenet():
    return networks.mobilenet(0.5, 1, 100)


def compare(name: str, names: list[str], ours: np.ndarray, theirs: np.ndarray) -> list[str]:
    """Prints what a network sees; what is wrong with it."""
    difference = (np.abs(ours - theirs).max(1) / np.abs(theirs).max(1)).max()
    for picture, mine, other in zip(names, ours, theirs):
        print(f"    {picture:18} class {mine.argmax():4} with {mine.max():7.4f}, the framework: "
              f"{other.argmax():4} with {other.max():7.4f}")
    print(f"    largest difference {difference:.1e} of the largest score")
    wrong = []
    if difference > TOLERANCE:
        wrong.append(f"{name}: a score differs by {difference:.1e}, more than {TOLERANCE}")
    if (ours.argmax(1) != theirs.argmax(1)).any():
        wrong.append(f"{name}: the pictures show other things")
    return wrong


def shortest(calls) -> list[float]:
    """The shortest time of each of several calls, made by turns."""
    best = [float("inf")] * len(calls)
    for _ in range(ROUNDS):
        for index, call in enumerate(calls):
            begin = time.perf_counter()
            call()
            best[index] = min(best[index], time.perf_counter() - begin)
    return best


@torch.no_grad()
def from_torch(name: str, make, names: list[str], pictures: np.ndarray) -> list[str]:
    import eerie
    tensors = torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)))
    network = networks.draw(make, tensors)
    begin = time.monotonic()
    module = eerie.compile(network, (tensors[:1],), flags=FLAGS)
    print(f"{name}: {sum(p.numel() for p in network.parameters()) / 1e6:.1f} million weights, "
          f"compiled in {time.monotonic() - begin:.0f} s", flush=True)
    ours = np.concatenate([np.asarray(module(one[None])) for one in tensors])
    theirs = np.concatenate([network(one[None]).numpy() for one in tensors])
    wrong = compare(name, names, ours, theirs)
    times = shortest([lambda: module(tensors[:1]), lambda: network(tensors[:1])])
    print(f"    one picture: {times[0] * 1e3:.1f} ms, PyTorch {times[1] * 1e3:.1f} ms, on one thread")
    return wrong


def from_keras(options, names: list[str], pictures: np.ndarray) -> list[str]:
    import eerie
    python = common.framework(options.build, "tensorflow")
    np.save(options.out / "photographs.npy", pictures)
    common.run([python, HERE / "keras_networks.py", options.out], options.build)
    wrong = []
    for name in ("keras_resnet50", "keras_mobilenet"):
        path, archive = options.out / f"{name}.vmfb", options.out / f"{name}.irpa"
        begin = time.monotonic()
        common.eerie(options.build, "compile", options.out / f"{name}.keras", "--dim", "batch=1",
                     "-o", path, "--parameters", archive, *FLAGS, python=python)
        print(f"{name}: compiled in {time.monotonic() - begin:.0f} s", flush=True)
        module = eerie.load(path, parameters={"model": archive})
        ours = np.concatenate([np.asarray(module(one[None])) for one in pictures])
        wrong += compare(name, names, ours, np.load(options.out / f"{name}.npy"))
        best, = shortest([lambda: module(pictures[:1])])
        theirs = float((options.out / f"{name}.seconds").read_text())
        print(f"    one picture: {best * 1e3:.1f} ms, TensorFlow {theirs * 1e3:.1f} ms, on one thread")
    return wrong


def main() -> None:
    options = common.options("resnet", __doc__.splitlines()[0])
    torch.set_num_threads(1)
    common.use_package(options.build)
    names, pictures = photographs.load(64 if options.small else 224)
    if options.small:
        makes = {"resnet": small_resnet, "mobilenet": small_mobilenet}
    else:
        makes = {"resnet50": networks.resnet, "mobilenet_v2": networks.mobilenet}
    wrong = []
    for name, make in makes.items():
        wrong += from_torch(name, make, names, pictures)
    if common.with_tensorflow(options):
        wrong += from_keras(options, names, pictures)
    common.verdict("resnet", wrong)


if __name__ == "__main__":
    main()
