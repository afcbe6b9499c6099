#!/usr/bin/env python3
"""Format and clang's warnings over every C file, clang-tidy over those of the product.

    tools/lint.py [format] [clang] [tidy] [--build build/release]     (all three when none is named)

`format` needs no build; the others read compile_commands.json of one. Exits 1 when something is
found, 77 when the only tool asked for is not installed.
"""

import argparse
import json
import multiprocessing.pool
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ["include", "runtime", "compiler", "cli", "graph", "examples", "targets", "tests", "bench"]


def tool(name):
    """The tool of .venv, whose version is pinned, before the system's."""
    pinned = ROOT / ".venv/bin" / name
    return str(pinned) if pinned.is_file() else shutil.which(name)


def run_all(commands):
    """Runs (label, command) pairs side by side; prints what fails and returns how many did."""
    def one(job):
        label, command, folder = job
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        return label, done.returncode, done.stdout + done.stderr

    bad = 0
    with multiprocessing.pool.ThreadPool(os.cpu_count()) as pool:
        for label, code, output in pool.imap(one, commands):
            if code:
                bad += 1
                print(f"--- {label}\n{output}")
    return bad


def check_format():
    formatter = tool("clang-format")
    if not formatter:
        return None
    files = [f for d in FOLDERS for f in sorted((ROOT / d).rglob("*.[ch]"))]
    return run_all([(f.relative_to(ROOT), [formatter, "--dry-run", "--Werror", str(f)], ROOT)
                    for f in files])


def compile_commands(build):
    for entry in json.loads((build / "compile_commands.json").read_text()):
        if entry["file"].endswith(".c"):
            yield entry


def check_clang(build):
    clang = tool("clang")
    if not clang:
        return None
    jobs, seen = [], set()
    for entry in compile_commands(build):
        words = shlex.split(entry["command"])
        # Drop a launcher and the compiler, then the output: what is left are the flags.
        start = next(i for i, word in enumerate(words) if word.startswith("-"))
        flags = words[start:]
        if "-o" in flags:
            at = flags.index("-o")
            del flags[at:at + 2]
        if (entry["file"], tuple(flags)) in seen:
            continue
        seen.add((entry["file"], tuple(flags)))
        jobs.append((entry["file"], [clang, "-fsyntax-only", *flags], entry["directory"]))
    return run_all(jobs)


def check_tidy(build):
    tidy = tool("clang-tidy")
    if not tidy:
        return None
    # Tests do on purpose what it warns of.
    tests = str(ROOT / "tests")
    files = sorted({entry["file"] for entry in compile_commands(build)
                    if not entry["file"].startswith(tests)})
    return run_all([(f, [tidy, "--quiet", "-p", str(build), f], ROOT) for f in files])


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("checks", nargs="*", help="format, clang or tidy")
    arguments.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    options = arguments.parse_args()
    known = {"format": check_format, "clang": lambda: check_clang(options.build.resolve()),
             "tidy": lambda: check_tidy(options.build.resolve())}
    unknown = [name for name in options.checks if name not in known]
    if unknown:
        arguments.error(f"no such check {unknown[0]}: expected {', '.join(known)}")
    results = {name: known[name]() for name in options.checks or known}
    for name, bad in results.items():
        verdict = "skipped, the tool is not installed" if bad is None else f"{bad} files with findings"
        print(f"{name}: {verdict}")
    if all(bad is None for bad in results.values()):
        return 77
    return 1 if any(results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
