#!/usr/bin/env python3
"""Compiles elf.mlir to one kernel image for each machine, named <arch>.so in --out.

    make_elf.py --compiler iree-compile --source elf.mlir --out DIR

Exits 77 when there is no compiler.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile

# Architecture in the executable's format -> what the compiler is asked for. No features beyond the
# base of each, so that the images run on any machine of their kind.
TARGETS = {
    "x86_64": ["--iree-llvmcpu-target-triple=x86_64-linux-gnu", "--iree-llvmcpu-target-cpu=x86-64"],
    "arm_64": ["--iree-llvmcpu-target-triple=aarch64-linux-gnu", "--iree-llvmcpu-target-cpu=generic"],
    "arm_32": ["--iree-llvmcpu-target-triple=armv7a-linux-gnueabihf",
               "--iree-llvmcpu-target-cpu=generic"],
    "riscv_64": ["--iree-llvmcpu-target-triple=riscv64-linux-gnu",
                 "--iree-llvmcpu-target-cpu=generic-rv64",
                 "--iree-llvmcpu-target-cpu-features=+m,+a,+f,+d,+c",
                 "--iree-llvmcpu-target-abi=lp64d"],
}


def build(compiler, source, arch, flags, out):
    with tempfile.TemporaryDirectory() as scratch:
        command = [compiler, "--iree-hal-target-device=local",
                   "--iree-hal-local-target-device-backends=llvm-cpu", *flags,
                   f"--iree-hal-dump-executable-binaries-to={scratch}", source,
                   "-o", str(pathlib.Path(scratch) / "module.vmfb")]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        images = list(pathlib.Path(scratch).glob("*.so"))
        if run.returncode != 0 or len(images) != 1:
            print(f"{arch}: {len(images)} images\n{run.stderr[:2000]}", file=sys.stderr)
            return False
        shutil.copyfile(images[0], out / f"{arch}.so")
        shutil.copyfile(pathlib.Path(scratch) / "module.vmfb", out / f"{arch}.vmfb")
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--source", required=True)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    if not shutil.which(arguments.compiler):
        print(f"skipped: no compiler at {arguments.compiler}")
        return 77
    arguments.out.mkdir(parents=True, exist_ok=True)
    good = [build(arguments.compiler, arguments.source, arch, flags, arguments.out)
            for arch, flags in TARGETS.items()]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
