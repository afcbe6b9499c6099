#!/usr/bin/env python3
"""The programs that headers and README show: they compile without a warning, run, and say what they
should.

    examples_test.py BUILD_DIR CC

Extracts them from the text, so what a reader copies is what was tried. Needs the compiler wheel;
without it only compiles, and exits 77.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def run(command, folder, **options):
    done = subprocess.run(command, cwd=folder, text=True, capture_output=True, **options)
    print("$", command if isinstance(command, str) else " ".join(map(str, command)))
    print(done.stdout + done.stderr, end="")
    if done.returncode:
        sys.exit(f"exit code {done.returncode}")
    return done.stdout


def program_of(header):
    """The C program in a header's opening comment: from its first #include to main's last brace."""
    lines = [line.removeprefix("//").removeprefix("   ")
             for line in (ROOT / "include/eerie" / header).read_text().splitlines()
             if line.startswith("//")]
    start = next(i for i, line in enumerate(lines) if line.startswith("#include <eerie/"))
    end = next(i for i in range(start, len(lines)) if lines[i] == "}")
    return "\n".join(lines[start:end + 1]) + "\n"


def compile_program(cc, build, folder, header, library):
    name = header.removesuffix(".h")
    (folder / f"{name}.c").write_text(program_of(header))
    run([cc, "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"{name}.c", "-o", name,
         "-I", ROOT / "include", "-L", build, f"-Wl,-rpath,{build}", *library], folder)
    return folder / name


def readme_commands():
    """The lines of README's first block that come after `make build`."""
    text = (ROOT / "README.md").read_text()
    block = re.search(r"^## Ten lines that run\n\n((?:    .*\n|\n)+)", text, re.M)[1]
    lines = [line.removeprefix("    ") for line in block.splitlines()]
    assert lines[0] == "make build", lines[0]
    return "\n".join(lines[1:])


def main():
    build, cc = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        runs = compile_program(cc, build, folder, "eerie.h", ["-leerie"])
        compiles = compile_program(cc, build, folder, "eerie_compiler.h",
                                   ["-leerie_compiler", "-leerie"])
        if not (ROOT / ".venv/bin/iree-compile").exists():
            print("skipped: no compiler in .venv (tools/setup.sh)")
            return 77
        environment = {**os.environ, "VIRTUAL_ENV": str(ROOT / ".venv")}
        # README names the command where `make build` leaves it.
        (folder / "build").mkdir()
        (folder / "build/release").symlink_to(build)
        output = run(readme_commands(), folder, shell=True, env=environment)
        if "4xf32=10 40 90 160" not in output:
            sys.exit("README's model should have printed 4xf32=10 40 90 160")
        (folder / "multiply.vmfb").unlink()
        # The program of eerie_compiler.h makes the module that eerie.h's program runs.
        run([compiles], folder, env=environment)
        if run([runs], folder) != "160\n":
            sys.exit("the program of eerie.h should have printed 160")
    return 0


if __name__ == "__main__":
    sys.exit(main())
