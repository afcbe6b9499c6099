"""Modules with kernels for several levels of a CPU: a program runs the best that its CPU can.

As a script it checks the CPU at hand:

    tests/platforms/picks.py --eerie build/release/eerie --out DIR [--tools .venv/bin]

Which level ran is found out by damage: without its image, and only then, the module does not load.
"""

import argparse
import pathlib
import subprocess
import sys

SOURCE = """func.func @product(%x: tensor<16x32xi8>, %y: tensor<32x16xi8>) -> tensor<16x16xi32> {
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<16x16xi32>
  %f = linalg.fill ins(%zero : i32) outs(%e : tensor<16x16xi32>) -> tensor<16x16xi32>
  %r = linalg.matmul ins(%x, %y : tensor<16x32xi8>, tensor<32x16xi8>)
                     outs(%f : tensor<16x16xi32>) -> tensor<16x16xi32>
  return %r : tensor<16x16xi32>
}
"""


def images(module):
    """Where each ELF image starts in a module's file."""
    found, at = [], module.find(b"\x7fELF")
    while at >= 0:
        found.append(at)
        at = module.find(b"\x7fELF", at + 4)
    return found


def picked(run_module, path):
    """The number of the image that a run needs: without it the module does not load."""
    module = path.read_bytes()
    needed = []
    for i, at in enumerate(images(module)):
        damaged = path.with_name(f"damaged{i}.vmfb")
        damaged.write_bytes(module[:at] + b"none" + module[at + 4:])
        if not run_module(damaged):
            needed.append(i)
    return needed


def write_source(folder):
    path = folder / "product.mlir"
    path.write_text(SOURCE)
    return path


def runner(command, environment=None):
    """A function that runs a module with ones and tells whether it gave what it should."""
    arguments = ["--function=product", "--input=16x32xi8=1", "--input=32x16xi8=1"]

    def run_module(path):
        done = subprocess.run([*command, "run", f"--module={path}", *arguments], env=environment,
                              capture_output=True, text=True, timeout=120, check=False)
        if done.returncode == 0 and done.stdout.count("32 32 32 32") == 0:
            raise RuntimeError("a wrong product: " + done.stdout[:300])
        if done.returncode not in (0, 1, 3, 7):
            raise RuntimeError(f"exit code {done.returncode}: {done.stderr[:300]}")
        return done.returncode == 0

    return run_module


# Targets of one module, and which of its images, the most demanding first, CPUs of QEMU are to run.
CASES = {
    "aarch64": (["aarch64", "aarch64-dotprod"], {"cortex-a53": 1, "cortex-a76": 0, "max": 0}),
    # QEMU 7.2 has AVX2 and no AVX-512.
    "x86_64": (["x86-64", "x86-64-v3", "x86-64-v4"], {"Nehalem": 2, "max": 1}),
}


def check_variants(context):
    """For run.py: CPUs that the emulator shows, one after the other."""
    system = context.system
    emulator = [word for word in system.emulator if word.startswith("qemu")]
    if system.preset == "linux-x86_64-musl":
        emulator = ["qemu-x86_64-static"]
    if not emulator or system.machine not in CASES:
        return "one level of this CPU"
    targets, cpus = CASES[system.machine]
    module = context.work / "levels.vmfb"
    context.compile(write_source(context.work), targets, module)
    for cpu, image in cpus.items():
        command = [emulator[0], "-cpu", cpu, *system.emulator[1:], context.command[-1]]
        got = picked(runner(command, context.environment), module)
        if got != [image]:
            raise RuntimeError(f"{cpu} runs images {got} of {targets}, expected {image}")
    return "%s of %s: %s" % (system.machine, ", ".join(targets),
                             ", ".join(f"{cpu} runs level {len(targets) - i}"
                                       for cpu, i in cpus.items()))


def host_level():
    """The image that this machine is to run, of those for x86-64-v4, v3 and the least."""
    flags = set()
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            flags = set(line.split())
    if {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"} <= flags:
        return 0
    return 1 if {"avx2", "fma", "f16c"} <= flags else 2


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eerie", required=True)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--tools", type=pathlib.Path, help="where iree-run-module is")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    module = options.out / "levels.vmfb"
    targets = CASES["x86_64"][0]
    words = [word for target in targets for word in ("--target", target)]
    done = subprocess.run([options.eerie, "compile", str(write_source(options.out)), *words, "-o",
                           str(module)], capture_output=True, text=True, timeout=200, check=False)
    if done.returncode:
        print(("skipped: " if done.returncode == 4 else "") + done.stderr[:2000])
        return 77 if done.returncode == 4 else 1
    got = picked(runner([options.eerie]), module)
    print(f"of {', '.join(targets)} this CPU runs image {got}, expected [{host_level()}]")
    bad = got != [host_level()]
    peer = options.tools and options.tools / "iree-run-module"
    if peer and peer.exists():
        done = subprocess.run([peer, f"--module={module}", "--function=product",
                               "--input=16x32xi8=1", "--input=32x16xi8=1"], capture_output=True,
                              text=True, timeout=120, check=False)
        bad = bad or done.returncode != 0
        print(f"iree-run-module runs the least: exit code {done.returncode}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
