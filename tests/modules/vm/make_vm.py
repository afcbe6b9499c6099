#!/usr/bin/env python3
"""Compiles the modules that the tests of the virtual machine run.

    make_vm.py --compiler iree-compile --out DIR

Each source names its flags in a line "// FLAGS:". Exits 77 when there is no compiler.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
GENERATORS = ["loops", "ops"]


def flags_of(source):
    for line in source.read_text().splitlines():
        if line.startswith("// FLAGS:"):
            return line.split(":", maxsplit=1)[1].split()
    return ["--compile-mode=vm"]


def build(compiler, source, out):
    target = out / f"{source.stem}.vmfb"
    command = [compiler, *flags_of(source), str(source), "-o", str(target)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if run.returncode != 0:
        print(f"{source.name}: {run.stderr[:2000]}", file=sys.stderr)
    return run.returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    if not shutil.which(arguments.compiler):
        print(f"skipped: no compiler at {arguments.compiler}")
        return 77
    arguments.out.mkdir(parents=True, exist_ok=True)
    for script in GENERATORS:
        subprocess.run([sys.executable, str(HERE / f"{script}.py"), str(arguments.out)], check=True)
    sources = sorted(HERE.glob("*.mlir"))
    sources += [arguments.out / f"{script}.mlir" for script in GENERATORS]
    good = [build(arguments.compiler, source, arguments.out) for source in sources]
    if not all(good):
        return 1
    loops = arguments.out / "loops"
    subprocess.run([sys.executable, str(HERE / "loops.py"), "--answer", f"{loops}.vmfb",
                    f"{loops}.cases"], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
