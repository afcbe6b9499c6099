"""Compiles the freestanding core to objects for systems whose headers are not at hand."""

import pathlib


def check(root, out, name, triple, run):
    """Every file of the core by clang for `triple`, from the list that a build wrote."""
    lists = sorted(pathlib.Path(root, "build").glob("*/core-sources.txt"))
    lists += sorted(pathlib.Path(out).glob("*/core-sources.txt"))
    if not lists:
        raise FileNotFoundError("no core-sources.txt: run make build first")
    folder = pathlib.Path(out) / name
    folder.mkdir(parents=True, exist_ok=True)
    sources = lists[0].read_text().split()
    for source in sources:
        run(["clang", f"--target={triple}", "-std=c11", "-Os", "-ffreestanding", "-fPIC", "-Wall",
             "-Wextra", "-Werror", "-Iinclude", "-Iruntime", "-Itargets/cortex-m/include",
             "-DEERIE_THREADS=0", "-c", source, "-o", folder / (source.replace("/", "-") + ".o")])
    print(f"  {name}: {len(sources)} files of the core compiled for {triple}; not linked")
