"""Compiles small models for each backend and execution model and compares bit for bit with IREE's
iree-run-module; runs compiled expectations (the `check` module), which it does not know.

    backends.py --eerie build/eerie --tools .venv/bin --out build/test-modules/backends [MODE...]

Prints every disagreement; exit code 1 when there is one, 77 when the compiler is not installed.
"""

import argparse
import concurrent.futures
import hashlib
import os
import pathlib
import shlex
import subprocess
import sys

SOURCES = pathlib.Path(__file__).parent.parent / "modules" / "backends"

LOCAL = "--iree-hal-target-device=local --iree-hal-local-target-device-backends="
MICROKERNELS = " --iree-vmvx-enable-microkernels"
KEEP_F64 = " --iree-input-demote-f64-to-f32=false"
MODES = {
    "vmvx": LOCAL + "vmvx" + KEEP_F64,
    "vmvx-microkernels": LOCAL + "vmvx" + MICROKERNELS + KEEP_F64,
    "vmvx-tiles": LOCAL + "vmvx --iree-opt-data-tiling" + MICROKERNELS + KEEP_F64,
    "vmvx-inline-static":
        LOCAL + "vmvx-inline --iree-execution-model=inline-static" + KEEP_F64,
    "vmvx-inline-dynamic": LOCAL + "vmvx --iree-execution-model=inline-dynamic" + KEEP_F64,
    "cpu-inline-dynamic": LOCAL + "llvm-cpu --iree-llvmcpu-target-cpu=host"
        " --iree-execution-model=inline-dynamic" + KEEP_F64,
    "cpu": LOCAL + "llvm-cpu --iree-llvmcpu-target-cpu=host" + KEEP_F64,
}
# What a mode must import for the comparison to mean anything.
IMPORTS = {
    "vmvx": ["vmvx-bytecode-fb"],
    "vmvx-inline-static": ["hal_inline."],
    "vmvx-inline-dynamic": ["hal_loader.", "vmvx-bytecode-fb"],
    "cpu-inline-dynamic": ["hal_loader.", "embedded-elf"],
}

# source, function, inputs as shape x dtype, and what to make the numbers of
CASES = [
    ("elementwise", "floats", ["5x7xf32", "5x7xf32"]),
    ("elementwise", "integers", ["4x6xi32", "4x6xi32"]),
    ("elementwise", "dynamic", ["3x11xf32", "3x11xf32"]),
    ("products", "f32", ["37x53xf32", "53x29xf32"]),
    ("products", "i8", ["9x40xi8", "40x17xi8"]),
    ("products", "f32_any", ["19x33xf32", "33x21xf32", "19x21xf32"]),
    ("products", "i8_any", ["12x30xi8", "30x10xi8", "12x10xi32"]),
    ("network", "network", ["8x64xf32"]),
    ("network", "count", ["2xi32"]),
    ("shapes", "move", ["6x8xf32", "3x4xf32"]),
    ("shapes", "bytes", ["3x5xi8", "3x5xi8"]),
    ("shapes", "halves", ["7xi16", "7xi32"]),
    ("shapes", "doubles", ["2x3xf64", "2x3xi64"]),
    ("shapes", "empty", ["5x4xf32"]),
    ("shapes", "empty", ["0x4xf32"]),
    ("constants", "overwrite", ["2x3xi32"]),
]


def applies(mode, source):
    """The inline modes compile no constants that must not be folded; golden.py covers the rest of
    mode cpu."""
    return mode in ("vmvx", "cpu") if source == "constants" else mode != "cpu"


# The compiler passes the sizes of a transposed copy in the wrong order, so that it reaches behind its
# buffer: both runtimes refuse that.
REFUSED = {("vmvx-microkernels", "move"), ("vmvx-tiles", "move")}

# function of expectations.mlir, words of the failure; None: it holds
EXPECTATIONS = [
    ("holds", None),
    ("equal", ["check.expect_eq", "[1][0]", "2x2xf32", "expected 3.5", "got 3", "2 of 4"]),
    ("almost", ["check.expect_almost_eq", "[1]", "expected 2.5", "got 2", "1 of 2"]),
    ("all", ["check.expect_all_true", "[1]", "3xi8", "got 0"]),
    ("true_scalar", ["check.expect_true", "got 0"]),
    ("false_scalar", ["check.expect_false", "got 7"]),
    ("several", ["2 failures, the first: module.several+", "failed: module.several+",
                 "check.expect_eq: element [1] of 2xf32: expected 3, got 2",
                 "check.expect_false: expected 0, got 7"]),
]


def numbers(count, seed):
    """Whole numbers from -99 to 99, never 0, the same in each run."""
    state, result = seed * 2654435761 % 2**32 or 1, []
    for _ in range(count):
        state = (state * 1103515245 + 12345) % 2**31
        value = state // 65536 % 198 - 99
        result.append(value if value < 0 else value + 1)
    return result


def literal(kind, seed):
    """An input that both tools read; floats are no sums of a few powers of two."""
    *shape, dtype = kind.split("x")
    count = 1
    for size in shape:
        count *= int(size)
    values = numbers(count, seed)
    if dtype.startswith("f"):
        return kind + "=" + " ".join("%.6f" % (abs(value) / 13) for value in values)
    return kind + "=" + " ".join(map(str, values))


def compile_module(tools, out, source, mode, flags):
    """Path of the compiled module; an unchanged one is not compiled again."""
    text = (SOURCES / (source + ".mlir")).read_bytes()
    key = hashlib.sha256(text + flags.encode()).hexdigest()[:16]
    path = out / ("%s-%s-%s.vmfb" % (source, mode, key))
    if not path.exists():
        part = path.with_suffix(".part%d" % os.getpid())
        done = subprocess.run([tools / "iree-compile", SOURCES / (source + ".mlir"), "-o", part,
                               *shlex.split(flags)], capture_output=True, text=True)
        if done.returncode:
            sys.exit("%s for %s: %s" % (source, mode, done.stderr[-2000:]))
        part.rename(path)
    return path


def run(command, module, function, inputs, folder):
    """Exit code, error text, and the results' bytes as .npy files."""
    outputs = [folder / ("result%d.npy" % i) for i in range(2)]
    for output in outputs:
        output.unlink(missing_ok=True)
    count = 2 if function in ("floats", "integers", "network", "move", "bytes", "halves",
                              "doubles") else 1
    done = subprocess.run(
        [*command, "--module=%s" % module, "--function=" + function,
         *["--input=" + text for text in inputs],
         *["--output=@%s" % output for output in outputs[:count]]],
        capture_output=True, text=True, timeout=120)
    return done.returncode, done.stderr, [o.read_bytes() if o.exists() else b"" for o in
                                          outputs[:count]]


def compare(arguments, mode, case):
    """None, or what is wrong."""
    source, function, kinds = case
    module = compile_module(arguments.tools, arguments.out, source, mode, MODES[mode])
    for needle in IMPORTS.get(mode, []):
        if source == "elementwise" and needle.encode() not in module.read_bytes():
            return "%s: the module has no %s: the mode tests nothing" % (mode, needle)
    inputs = [literal(kind, seed) for seed, kind in enumerate(kinds, 1)]
    name = "%s: %s.%s(%s)" % (mode, source, function, ", ".join(kinds))
    results = []
    for who, command in (("ours", [arguments.eerie, "run"]),
                         ("theirs", [arguments.tools / "iree-run-module", "--device=local-sync"])):
        folder = arguments.out / ("run-%s-%s-%s-%s" % (mode, function, kinds[0], who))
        folder.mkdir(exist_ok=True)
        code, errors, outputs = run(command, module, function, inputs, folder)
        if (mode, function) in REFUSED:
            if code == 0 or "OUT_OF_RANGE" not in errors:
                return "%s: %s did not refuse it: %s" % (name, who, errors[-1000:])
        elif code:
            return "%s: %s failed with %d: %s" % (name, who, code, errors[-1000:])
        results.append(outputs)
    for i, (ours, theirs) in enumerate(zip(*results)):
        if not ours and (mode, function) not in REFUSED:
            return "%s: result %d was not written" % (name, i)
        if ours != theirs:
            return "%s: result %d differs" % (name, i)
    return None


def expect(arguments, mode, function, words):
    module = compile_module(arguments.tools, arguments.out, "expectations", mode, MODES[mode])
    done = subprocess.run([arguments.eerie, "run", "--module=%s" % module,
                           "--function=" + function], capture_output=True, text=True, timeout=60)
    if words is None:
        return "%s does not hold: %s" % (function, done.stderr) if done.returncode else None
    missing = [word for word in words + ["ABORTED"] if word not in done.stderr]
    if done.returncode == 0 or missing:
        return "%s: exit code %d, without %s: %s" % (function, done.returncode, missing,
                                                     done.stderr)
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--eerie", required=True, type=pathlib.Path)
    parser.add_argument("--tools", required=True, type=pathlib.Path)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--without", nargs="*", default=[], metavar="SOURCE-MODE",
                        help="what another release cannot compile")
    parser.add_argument("modes", nargs="*", help="default: all of %s" % ", ".join(MODES))
    arguments = parser.parse_args()
    if not (arguments.tools / "iree-run-module").exists():
        print("skipped: no iree-run-module; run: tools/setup.sh build test")
        return 77
    arguments.out.mkdir(parents=True, exist_ok=True)
    modes = arguments.modes or list(MODES)
    cases = [(mode, case) for mode in modes for case in CASES
             if applies(mode, case[0]) and "%s-%s" % (case[0], mode) not in arguments.without]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        # Each module once, before several cases want it.
        list(pool.map(lambda pair: compile_module(arguments.tools, arguments.out, *pair,
                                                  MODES[pair[1]]),
                      sorted({(case[0], mode) for mode, case in cases})))
        jobs = [pool.submit(compare, arguments, *case) for case in cases]
        if not arguments.modes:
            compile_module(arguments.tools, arguments.out, "expectations", "vmvx", MODES["vmvx"])
            jobs += [pool.submit(expect, arguments, "vmvx", *pair) for pair in EXPECTATIONS]
        wrong = [answer for answer in (job.result() for job in jobs) if answer]
    print("\n".join(wrong + ["%d cases, %d wrong" % (len(jobs), len(wrong))]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
