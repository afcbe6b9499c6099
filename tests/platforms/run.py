"""Builds Eerie for other systems and runs it there, in emulators.

    tests/platforms/run.py [--short] [--eerie build/release/eerie] [--out build/platforms] [NAME...]

For each system: the library and the command are built by its preset; unit tests run; golden modules
of every release run or are refused by name; modules that `eerie compile --target` makes for it here
run there, on both devices, against NumPy; a trained network of digits gives what the framework gave.
What is missing on this machine is named and skipped. Exit code 1: something failed; 77: nothing ran.
"""

import argparse
import contextlib
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np

import macho
import objects
import picks
import windows
from systems import LONG_UNIT_EXCLUDE, MACOS, OBJECTS, SHORT_UNIT, SYSTEMS

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TOLERANCE = 1e-4  # of a logit of the digits; they reach about 20


class Failure(RuntimeError):
    """A check that failed, with what to know about it."""


def run(command, timeout=600, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=timeout, cwd=ROOT, check=False, **options)
    if done.returncode:
        raise Failure("%s: exit code %d\n%s" % (" ".join(map(str, command)), done.returncode,
                                                (done.stdout + done.stderr)[-3000:]))
    return done.stdout


def zig():
    """The path of Zig, where tools/setup.sh put it or on the PATH."""
    found = sorted(ROOT.glob(".venv-zig/lib/python3*/site-packages/ziglang/zig"))
    return str(found[0]) if found else shutil.which("zig")


def missing(needs):
    return [need for need in needs if not (zig() if need == "zig" else shutil.which(need))]


def build(preset, out, targets):
    """Configures by the preset and builds; the folder."""
    folder = out / preset
    if not (folder / "build.ninja").exists():
        run(["cmake", "--preset", preset, "-B", folder])
    run(["cmake", "--build", folder, *(["--target", *targets] if targets else [])], timeout=1800)
    return folder


class Context:
    """What the checks of one system need."""

    def __init__(self, system, options, folder):
        self.system, self.options, self.folder = system, options, folder
        self.work = folder / "work"
        self.work.mkdir(exist_ok=True)
        self.environment = dict(os.environ, EERIE_TEST_EMULATED="1", **system.environment)
        self.windows = "windows" in system.preset
        if self.windows:
            self.environment["WINEPREFIX"] = str(options.out / "wine")
        self.command = [*system.emulator, str(folder / ("eerie.exe" if self.windows else "eerie"))]

    def compile(self, source, targets, module, *flags):
        """On this machine, for the other."""
        words = [word for target in targets for word in ("--target", target)]
        run([self.options.eerie, "compile", source, *words, "-o", module, *flags])

    def call(self, module, function, inputs, *flags):
        """What the command there makes of arrays."""
        arguments = []
        for i, array in enumerate(inputs):
            np.save(self.work / f"in{i}.npy", array)
            arguments.append(f"--input=@{self.work / f'in{i}.npy'}")
        out = self.work / "out.npy"
        out.unlink(missing_ok=True)
        run([*self.command, "run", f"--module={module}", f"--function={function}", *arguments,
             f"--output=@{out}", *flags], env=self.environment)
        return np.load(out)


def check_unit(context):
    chosen = ["-R", SHORT_UNIT] if context.options.short else ["-L", "unit", "-E", LONG_UNIT_EXCLUDE]
    text = run(["ctest", "--test-dir", context.folder, *chosen, "-j2", "--timeout", "300",
                "--output-on-failure", "--no-tests=error"], timeout=1800, env=context.environment)
    return next(line for line in text.splitlines() if "tests passed" in line)


def check_golden(context):
    runner = "golden_run.exe" if context.windows else "tests/behaviour/golden_run"
    text = run([sys.executable, ROOT / "tests/releases/golden_test.py", "--runner",
                context.folder / runner, "--machine", context.system.machine, "--system",
                "windows" if context.windows else "linux",
                "--emulator", " ".join(context.system.emulator)], timeout=900,
               env=context.environment)
    return text.strip().splitlines()[-1]


def check_kernels(context):
    """Products and a convolution compiled for the system, on both devices, against NumPy."""
    module = context.work / "kernels.vmfb"
    context.compile(ROOT / "tests/platforms/products.mlir", [context.system.target], module)
    random = np.random.default_rng(1)
    x, y = (random.standard_normal(shape).astype(np.float32) for shape in ((16, 32), (32, 24)))
    a, b = (random.integers(-100, 100, shape, dtype=np.int8) for shape in ((8, 16), (16, 8)))
    for device in ("local-sync", "local-task"):
        got = context.call(module, "matmul", [x, y], f"--device={device}")
        if not np.allclose(got, x @ y, rtol=1e-5, atol=1e-5):
            raise Failure(f"matmul on {device} differs from NumPy by {np.abs(got - x @ y).max()}")
        got = context.call(module, "matmul_i8", [a, b], f"--device={device}")
        if not np.array_equal(got, a.astype(np.int32) @ b.astype(np.int32)):
            raise Failure(f"matmul_i8 on {device} is not NumPy's")
    return "products are NumPy's on both devices"


def digits(options):
    """The demo's network with its images and answers; trained when it is not there."""
    folder = options.digits
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "logits.npy").exists():
        run([sys.executable, ROOT / "demo/train.py", folder])
    return folder


def check_digits(context):
    folder = digits(context.options)
    module = context.work / "digits.vmfb"
    context.compile(folder / "digits.mlir", [context.system.target], module,
                    "--input-type", "stablehlo")
    got = context.call(module, "main", [np.load(folder / "images.npy")])
    expected = np.load(folder / "logits.npy")
    difference = float(np.abs(got - expected).max())
    if difference > TOLERANCE or not np.array_equal(got.argmax(1), expected.argmax(1)):
        raise Failure(f"digits: a logit differs by {difference:.1e}")
    return f"{len(got)} digits as JAX has them, logits within {difference:.1e}"


def checks_of(system, short):
    """The checks of a system, in order, the quick ones first."""
    result = [check_kernels, check_digits, picks.check_variants]
    if system.preset.startswith("windows"):
        result += windows.CHECKS
    if system.golden and not short:
        result.append(check_golden)
    if system.unit:
        result.append(check_unit)
    return result


def check_system(system, options):
    """Prints a line for each check; True when all are good."""
    context = Context(system, options, build(system.preset, options.out, system.build))
    with windows.session(context.environment) if context.windows else contextlib.nullcontext():
        for check in checks_of(system, options.short):
            print(f"  {system.preset}: {check.__name__[6:]}: {check(context)}", flush=True)


def attempt(name, needs, work):
    """1: done; 0: skipped; -1: failed."""
    lacking = missing(needs)
    if lacking:
        print(f"{name}: skipped: {', '.join(lacking)} missing; run: tools/setup.sh platforms")
        return 0
    print(f"{name}:", flush=True)
    try:
        work()
    except (RuntimeError, OSError, subprocess.SubprocessError) as failure:
        print(f"  FAILED: {name}: {failure}")
        return -1
    return 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="less of everything, for `make test`")
    parser.add_argument("--eerie", type=pathlib.Path, default=ROOT / "build/release/eerie")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build/platforms")
    parser.add_argument("--digits", type=pathlib.Path, default=ROOT / "out")
    parser.add_argument("names", nargs="*", help="presets, or ios-arm64 and kin; all when none")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    # Checks run in folders of their own.
    for name in ("eerie", "out", "digits"):
        setattr(options, name, getattr(options, name).resolve())

    jobs = {system.preset: (system.needs, lambda s=system: check_system(s, options))
            for system in SYSTEMS}
    for preset, cpu in MACOS.items():
        jobs[preset] = (["zig"], lambda p=preset, c=cpu: macho.check(
            build(p, options.out, ["libeerie.dylib", "eerie_cli"]), p, c))
    for name, triple in OBJECTS.items():
        jobs[name] = (["clang"], lambda n=name, t=triple: objects.check(ROOT, options.out, n, t, run))
    unknown = [name for name in options.names if name not in jobs]
    if unknown:
        parser.error("no such system: %s; there are %s" % (", ".join(unknown), ", ".join(jobs)))
    results = [attempt(name, *jobs[name]) for name in options.names or jobs]
    print("%d systems checked, %d skipped, %d failed" %
          (results.count(1), results.count(0), results.count(-1)))
    return 1 if -1 in results else 0 if 1 in results else 77


if __name__ == "__main__":
    sys.exit(main())
