#!/usr/bin/env python3
"""Compiles examples/openblas.mlir, runs the example and compares its layer with NumPy's.

    openblas_test.py --example openblas --source DIR --tools .venv/bin --out DIR
"""

import argparse
import pathlib
import re
import subprocess
import sys

try:
    import numpy
except ImportError:
    print("skipped: no numpy")
    sys.exit(77)

SIZE = 512


def made(index, count):
    i = numpy.arange(count)
    return (((i * (2 * index + 3) + i // SIZE) % 17) * 0.125 - 1.0).astype(numpy.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("example", "source", "tools", "out"):
        parser.add_argument(f"--{name}", required=True, type=pathlib.Path)
    options = parser.parse_args()
    compiler = options.tools / "iree-compile"
    if not compiler.exists():
        print(f"skipped: no compiler at {compiler}")
        return 77
    options.out.mkdir(parents=True, exist_ok=True)
    module, result = options.out / "openblas.vmfb", options.out / "layer.raw"
    subprocess.run([compiler, "--iree-hal-target-device=local",
                    "--iree-hal-local-target-device-backends=llvm-cpu",
                    "--iree-llvmcpu-target-cpu=host", options.source / "examples/openblas.mlir",
                    "-o", module], check=True, timeout=120)
    output = subprocess.run([options.example, module, result], check=True, timeout=120,
                            capture_output=True, text=True).stdout
    print(output, end="")
    x, weights = made(0, SIZE * SIZE).reshape(SIZE, SIZE), made(1, SIZE * SIZE).reshape(SIZE, SIZE)
    expected = numpy.maximum(x @ weights + made(2, SIZE), 0)
    layer = numpy.fromfile(result, numpy.float32).reshape(SIZE, SIZE)
    numpy.testing.assert_allclose(layer, expected, rtol=1e-5, atol=1e-4)
    if not (expected > 0).any() or not (expected == 0).any():
        raise AssertionError("the numbers test nothing")
    difference = float(re.search(r"largest difference (\S+)", output).group(1))
    return 0 if difference < 1e-3 else 1


if __name__ == "__main__":
    sys.exit(main())
