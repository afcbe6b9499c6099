"""Compiles the modules that the tests of GPU drivers run, for GPUs and for the CPU.

    make_modules.py --compiler .venv/bin/iree-compile --out build/gpu

Exit code 77: the compiler is not installed.
"""

import argparse
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
VULKAN = ["--iree-hal-target-device=vulkan"]
CUDA = ["--iree-hal-target-device=cuda", "--iree-cuda-target=sm_80"]
CPU = ["--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu",
       "--iree-llvmcpu-target-cpu=host"]
# name, source, flags. The targets named are those with 16-bit floats that need no subgroup of a size.
MODULES = [
    ("gpu_vulkan", "gpu", VULKAN),
    ("gpu_cpu", "gpu", CPU),
    ("gpu_async_vulkan", "gpu_async", VULKAN),
    ("gpu_async_cpu", "gpu_async", CPU),
    ("gpu_both", "gpu", [*CPU[1:], "--iree-hal-target-device=local,vulkan",
                         "--iree-hal-link-executables=false"]),
    ("gpu_cuda", "gpu", CUDA),
    ("gpu_async_cuda", "gpu_async", CUDA),
    ("gpu_both_cuda", "gpu", [*CPU[1:], "--iree-hal-target-device=local,cuda",
                              "--iree-cuda-target=sm_80", "--iree-hal-link-executables=false"]),
    ("gpu_hip", "gpu", ["--iree-hal-target-device=hip", "--iree-rocm-target=gfx942"]),
    ("gpu_other", "gpu", ["--iree-hal-target-device=metal"]),
    ("gpu_addresses_vulkan", "gpu", [*VULKAN, "--iree-vulkan-dispatch-abi=bda"]),
    ("gpu_half_vulkan", "gpu_half", [*VULKAN, "--iree-vulkan-target=valhall"]),
]


def is_fresh(target, source):
    return target.is_file() and target.stat().st_mtime > max(
        source.stat().st_mtime, pathlib.Path(__file__).stat().st_mtime)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--compiler", required=True, type=pathlib.Path)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    options = parser.parse_args()
    if not options.compiler.is_file():
        print(f"skipped: no {options.compiler}; run: tools/setup.sh build test")
        return 77
    options.out.mkdir(parents=True, exist_ok=True)
    for name, stem, flags in MODULES:
        source, target = HERE / f"{stem}.mlir", options.out / f"{name}.vmfb"
        if is_fresh(target, source):
            continue
        subprocess.run([options.compiler, source, "-o", target, *flags], check=True, timeout=120)
    return 0


if __name__ == "__main__":
    sys.exit(main())
