#!/usr/bin/env python3
"""How many bytes Eerie takes: the core without a system on a Cortex-M4, and the host's products.

    tools/size_report.py [--build build/release] [--only core|host] [--work DIR]

The core is compiled with -Os -ffreestanding for a Cortex-M4 from the list that the build wrote into
<build>/core-sources.txt, and linked with targets/cortex-m and nothing else: what it would need of a
C library beyond memcpy, memmove, memset and memcmp is a link error here. Each configuration is
built twice: file by file, which gives the bytes of each folder, and with link-time optimisation, as
a product is, which is what the budgets are for. The firmware around the core (main, startup) does
not count. The host's products are stripped copies of the release build. Exits 1 when something is
over its budget, and 77 when the compiler for the target is not installed.
"""

import argparse
import collections
import concurrent.futures
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
KB = 1024

TARGET = ["-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"]
FLAGS = ["-std=c11", "-Os", "-ffreestanding", "-ffunction-sections", "-fdata-sections",
         "-fno-unwind-tables", "-fno-asynchronous-unwind-tables",
         "-fno-tree-loop-distribute-patterns", "-fno-common", "-ffp-contract=off",
         "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wstrict-prototypes", "-Werror",
         "-DNDEBUG", "-DEERIE_THREADS=0", "-DEERIE_VM_F64=0", "-DEERIE_ERROR_MESSAGE_SIZE=128"]
# name, extra flags, budget in bytes (None: reported only)
# gcc finds these smaller for the core when it sees all of it at once.
LTO = ["-flto", "-flto-partition=one", "-fira-algorithm=priority", "-fno-schedule-insns2"]
# Without messages what only they used is unused.
SILENT = ["-DEERIE_MESSAGES=0", "-Wno-unused", "-Wno-unused-parameter"]
# name, extra flags, budget in bytes
CONFIGURATIONS = [
    ("smallest", [*SILENT, "-DEERIE_VM_F32=0"], 40 * KB),
    ("float opcodes", SILENT, 44 * KB),
    ("and messages", [], 62 * KB),
]
# What stands around the core in a product; main and startup do not count.
FIRMWARE = [pathlib.Path("targets/cortex-m") / name
            for name in ("divide.c", "main.c", "memory.c")]
# file in the build folder, budget in bytes
PRODUCTS = [("libeerie.so", 250 * KB), ("libeerie_compiler.so", None), ("eerie", 560 * KB)]
# What drivers for GPUs add to libeerie.so, which is built with fewer of them too to know it: what
# the drivers are called, the library that has them no more, budget in bytes. Code that they share
# counts for the last one.
GPU_DRIVERS = [("CUDA and HIP", "tests/libeerie_without_cuda.so", 45 * KB),
               ("Vulkan", "tests/libeerie_without_gpus.so", 60 * KB)]


def run(command):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{result.stdout}{result.stderr}")
    return result.stdout


def folder_of(path):
    """runtime/vm for runtime/vm/call.c, runtime/drivers/cpu for a driver's, libgcc for the rest."""
    parts = path.parts
    if parts[0] == "runtime":
        return "/".join(parts[:3] if parts[1] in ("drivers", "port") else parts[:2])
    return "/".join(parts[:2])


def section_sizes(map_file, object_folders):
    """Bytes in flash for each folder, from the linker's map: text and read-only data."""
    sizes = collections.Counter()
    text = map_file.read_text().split("Linker script and memory map", 1)[1]
    # A long section name stands on a line of its own before address, size and file.
    entry = re.compile(r"^ (\.(?:text|rodata|data)\S*)\s+0x[0-9a-f]+\s+0x([0-9a-f]+)\s+(\S.*)$",
                       re.MULTILINE)
    for name, size, origin in entry.findall(re.sub(r"^( \.\S+)\n\s+", r"\1 ", text, flags=re.M)):
        stem = pathlib.Path(origin).name
        sizes[object_folders.get(stem, "libgcc")] += int(size, 16)
    return sizes


def build_core(sources, extra, optimisation, work):
    """Compiles and links one configuration; returns a Counter of bytes by folder."""
    work.mkdir(parents=True, exist_ok=True)
    objects = {source: work / (source.as_posix().replace("/", "-") + ".o")
               for source in sources + FIRMWARE}
    includes = ["-isystem", ROOT / "targets/cortex-m/include", "-I", ROOT / "include",
                "-I", ROOT / "runtime"]

    launcher = ["ccache"] if shutil.which("ccache") else []

    def compile_one(source):
        # The firmware is compiled by itself, so that its bytes can be told from the core's.
        flags = extra if source in FIRMWARE else extra + optimisation
        run([*launcher, "arm-none-eabi-gcc", *TARGET, *FLAGS, *flags, *includes, "-c", ROOT / source,
             "-o", objects[source]])

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(compile_one, objects))
    image = work / "image.elf"
    map_file = work / "image.map"
    run(["arm-none-eabi-gcc", *TARGET, "-Os", *optimisation, "-nostdlib", "-Wl,--gc-sections",
         f"-Wl,-Map={map_file}", "-T", ROOT / "targets/cortex-m/link.ld", *objects.values(), "-lgcc",
         "-o", image])
    folders = {path.name: folder_of(source) for source, path in objects.items()}
    sizes = section_sizes(map_file, folders)
    total = int(run(["arm-none-eabi-size", image]).splitlines()[1].split()[0])
    sizes["total"] = total - sizes.pop("targets/cortex-m")
    return sizes


def report_core(build, work):
    listing = build / "core-sources.txt"
    if not listing.is_file():
        sys.exit(f"{listing} is missing: configure the build first")
    sources = [pathlib.Path(line) for line in listing.read_text().split()]
    columns = []
    for name, extra, budget in CONFIGURATIONS:
        place = work / name.replace(" ", "-")
        sizes = build_core(sources, extra, [], place / "files")
        sizes["linked as one"] = build_core(sources, extra, LTO, place / "one")["total"]
        columns.append((name, sizes, budget))
    print("Core on a Cortex-M4, -Os, bytes of code and constants:")
    print(f"  {'':20}" + "".join(f"{name:>16}" for name, *_ in columns))
    rows = sorted(set().union(*(sizes for _, sizes, _ in columns)) - {"total", "linked as one"})
    for row in [*rows, "total", "linked as one"]:
        print(f"  {row:20}" + "".join(f"{sizes[row]:16}" for _, sizes, _ in columns))
    print(f"  {'budget':20}" + "".join(f"{budget:16}" for *_, budget in columns))
    over = [name for name, sizes, budget in columns if sizes["linked as one"] > budget]
    print(f"OVER the budget: {', '.join(over)}" if over else "within the budgets")
    return bool(over)


def stripped_size(file, work):
    stripped = work / file.name
    shutil.copyfile(file.resolve(), stripped)
    run(["strip", "--strip-all", stripped])
    return stripped.stat().st_size


def print_size(name, size, budget):
    """A line of the table; True when the budget (None: none) is passed."""
    over = budget is not None and size > budget
    verdict = "" if budget is None else f"  {'OVER' if over else 'within'} the budget of {budget}"
    print(f"  {name:24}{size:20}{verdict}")
    return over


def report_gpus(build, work, size):
    """Bytes that drivers for GPUs add to a library of `size`; whether one passes its budget."""
    whole, over = size, False
    for name, library, budget in GPU_DRIVERS:
        if not (build / library).is_file():
            continue
        rest = stripped_size(build / library, work)
        over |= print_size(f"driver for {name}", size - rest, budget)
        size = rest
    return whole - size, over


def report_host(build, work):
    over = False
    work.mkdir(parents=True, exist_ok=True)
    gpus = 0  # bytes that their drivers add to a product
    print("Stripped, in the host's release build, bytes:")
    for name, budget in PRODUCTS:
        file = build / name
        if not file.is_file():
            print(f"  {name:24}{'not built':>20}")
            over = True
            continue
        size = stripped_size(file, work)
        if name == "libeerie.so":
            gpus, more = report_gpus(build, work, size)
            over |= more
        over |= print_size(name, size, budget and budget + gpus)
    return over


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    arguments.add_argument("--only", choices=["core", "host"])
    arguments.add_argument("--work", type=pathlib.Path, help="keep the objects and maps here")
    options = arguments.parse_args()
    over = False
    with tempfile.TemporaryDirectory() as scratch:
        work = options.work or pathlib.Path(scratch)
        if options.only != "host":
            if not shutil.which("arm-none-eabi-gcc"):
                print("skipped: arm-none-eabi-gcc is not installed (tools/setup.sh test)")
                return 77
            over |= report_core(options.build.resolve(), work / "core")
        if options.only != "core":
            over |= report_host(options.build.resolve(), work / "host")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
