#!/usr/bin/env python3
"""A classifier of digits as firmware for a Cortex-M4F, run in QEMU on held-out images.

What the firmware says of each image must be what scikit-learn says.
"""
from __future__ import annotations

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import common

sys.path.insert(0, str(common.ROOT / "tools"))
import boards

try:
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.neural_network import MLPClassifier
except ImportError as error:
    print(f"skipped: {error} (make setup)")
    sys.exit(77)

SEED = 7
TARGET = "cortex-m4f"
SOURCE = """func.func @classify(%image: tensor<1x64xf32>) -> tensor<1x10xf32> {{
  %w1 = stablehlo.constant {0}
  %b1 = stablehlo.constant {1}
  %w2 = stablehlo.constant {2}
  %b2 = stablehlo.constant {3}
  %zero = stablehlo.constant dense<0.0> : tensor<1x32xf32>
  %0 = stablehlo.dot_general %image, %w1, contracting_dims = [1] x [0]
      : (tensor<1x64xf32>, tensor<64x32xf32>) -> tensor<1x32xf32>
  %1 = stablehlo.add %0, %b1 : tensor<1x32xf32>
  %2 = stablehlo.maximum %1, %zero : tensor<1x32xf32>
  %3 = stablehlo.dot_general %2, %w2, contracting_dims = [1] x [0]
      : (tensor<1x32xf32>, tensor<32x10xf32>) -> tensor<1x10xf32>
  %4 = stablehlo.add %3, %b2 : tensor<1x10xf32>
  return %4 : tensor<1x10xf32>
}}
"""


def dense(values: np.ndarray) -> str:
    """A constant of MLIR, its bytes as they are."""
    data = values.astype("<f4").tobytes().hex().upper()
    return f'dense<"0x{data}"> : tensor<{"x".join(map(str, values.shape))}xf32>'


def train(count: int):
    """A network of two layers, and the images that it has not seen."""
    digits = load_digits()
    images = digits.data.astype(np.float32) / 16
    network = MLPClassifier((32,), max_iter=400, random_state=SEED, tol=1e-3)
    network.fit(images[:-count], digits.target[:-count])
    return network, images[-count:]


def write_model(network, path: pathlib.Path) -> None:
    (w1, w2), (b1, b2) = network.coefs_, network.intercepts_
    path.write_text(SOURCE.format(*map(dense, (w1, b1[None], w2, b2[None]))))


def recognise(firmware: pathlib.Path, image: np.ndarray, place: pathlib.Path) -> int:
    """Compiles the firmware around an image and reads what it writes."""
    pixels = ", ".join(f"{value}f" for value in map(float, image))
    (firmware / "image.h").write_text(
        f"static const digits_f32_1x64_t image = {{{{{{{pixels}}}}}}};\n")
    board = boards.BY_TARGET[TARGET]
    made = boards.make_variables(firmware / "digits.mk")
    program = boards.compile_program(board, [HERE / "main.c", *made["SOURCES"].split()],
                                     made["OBJECTS"].split(), place, includes=[firmware])
    code, text = boards.run(board, program)
    print(f"{text.strip()}, says the firmware")
    return int(text.split()[-1]) if code == 0 else -1


def main() -> None:
    options = common.options("embedded", __doc__.splitlines()[0])
    if boards.missing():
        print(f"skipped: {boards.missing()} is not installed (tools/setup.sh test)")
        sys.exit(77)
    network, images = train(3 if options.small else 10)
    source, firmware = options.out / "digits.mlir", options.out / "firmware"
    write_model(network, source)
    common.eerie(options.build, "embed", source, f"--target={TARGET}", "-o", firmware)
    wrong = []
    for image, expected in zip(images, network.predict(images)):
        said = recognise(firmware, image, options.out / "program")
        if said != expected:
            wrong.append(f"the firmware says {said}, scikit-learn {expected}")
    size = boards.execute([f"{boards.BY_TARGET[TARGET].prefix}size", "-B",
                           options.out / "program/image.elf"])
    print(size, end="")
    common.verdict("embedded", wrong)


if __name__ == "__main__":
    main()
