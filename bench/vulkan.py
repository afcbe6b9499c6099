#!/usr/bin/env python3
"""Calls on a Vulkan device, beside iree-benchmark-module on the same device, in turn.

    bench/vulkan.py [--build build/release] [--rounds 7] [--json FILE]

Takes the loader's first device; with VK_ICD_FILENAMES another (SwiftShader's is
vk_swiftshader_icd.json of Chromium). IREE's runtime knows no lavapipe. Each case is measured by both
programs in turn, round after round; the least of each is compared, as the machine may be busy. Where
a kernel takes long and a CPU runs it, the processor's time of both is compared as well, which others
on the machine change less.

Bytes to the device and back: eerie_tensor_create and eerie_tensor_read here, allocate_buffer_copy and
a copy out of the mapped buffer in IREE's Python bindings.
"""

import argparse
import json
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCE = ROOT / "tests/drivers/gpu.mlir"
# name, function, inputs
CASES = [
    ("four products", "multiply", ["4xf32=1", "4xf32=2"]),
    ("product of 8x16 and 16x8, sum of rows", "matmul", ["8x16xf32=1", "16x8xf32=2"]),
    ("a million products", "scale", ["1000000xf32=1", "1000000xf32=2"]),
    ("variable of eight numbers", "accumulate", ["8xf32=1"]),
]


# Bytes of a transfer, and how often in a round.
TRANSFERS = [(1 << 16, 400), (1 << 22, 100), (1 << 26, 10)]


def run(command):
    process = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                             timeout=300)
    if process.returncode:
        sys.exit("%s\n%s" % (" ".join(map(str, command)), process.stderr[-800:]))
    return process.stdout


def ours(eerie, module, function, inputs):
    """Microseconds of a call: the median of one process."""
    text = run([eerie, "bench", "--json", "--device=vulkan", "--module=%s" % module,
                "--function=%s" % function, *["--input=" + item for item in inputs]])
    return json.loads(text)[0]["median_ns"] / 1000


def theirs(tool, module, function, inputs):
    text = run([tool, "--device=vulkan", "--module=%s" % module, "--function=%s" % function,
                *["--input=" + item for item in inputs]])
    match = re.search(r"real_time\s+([\d.]+) (ns|us|ms|s) ", text)
    if not match:
        sys.exit("iree-benchmark-module says nothing that is understood:\n" + text)
    return float(match[1]) * {"ns": 1e-3, "us": 1, "ms": 1e3, "s": 1e6}[match[2]]


def processor_ms(command):
    """Milliseconds of processor time that a process took, all its threads together."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def work(options, module, name, function, inputs):
    """Processor time of a call: that of 40 calls less that of 10, without start and end."""
    arguments = ["--device=vulkan", "--module=%s" % module, "--function=%s" % function,
                 *["--input=" + item for item in inputs]]
    mine = [options.build / "eerie", "bench", *arguments, "--warmup=2", "--rounds=1"]
    peer = [options.tools / "iree-benchmark-module", *arguments]
    times = {"eerie_ms": [], "iree_ms": []}
    for _ in range(options.rounds):
        for key, command, form in (("eerie_ms", mine, "--repetitions=%d"),
                                   ("iree_ms", peer, "--benchmark_min_time=%dx")):
            few, many = (processor_ms([*command, form % count]) for count in (10, 40))
            times[key].append((many - few) / 30)
    mine, peer = (sorted(times[key])[options.rounds // 2] for key in ("eerie_ms", "iree_ms"))
    print("%-40s %9.2f ms %9.2f ms  %.2f of it" % (name + ", processor", mine, peer, mine / peer),
          flush=True)
    return {"case": name + ", processor", "eerie_ms": mine, "iree_ms": peer, "ratio": mine / peer}


# ---- Transfers -----------------------------------------------------------------------------------

PEER = """
import sys, time
import numpy
import iree.runtime as rt
size, turns = int(sys.argv[1]), int(sys.argv[2])
device = rt.get_device("vulkan")
data, out = numpy.ones(size, numpy.uint8), numpy.full(size, 2, numpy.uint8)
up = down = 1e9
for turn in range(turns):
    data[-1] = turn % 256
    start = time.perf_counter()
    view = device.allocator.allocate_buffer_copy(
        memory_type=rt.MemoryType.DEVICE_LOCAL,
        allowed_usage=rt.BufferUsage.DEFAULT | rt.BufferUsage.MAPPING,
        device=device, buffer=data, element_type=rt.HalElementType.UINT_8)
    middle = time.perf_counter()
    numpy.copyto(out, rt.DeviceArray(device, view).to_host())
    end = time.perf_counter()
    assert out[-1] == turn % 256
    up, down = min(up, middle - start), min(down, end - middle)
    del view
print(round(up * 1e9), round(down * 1e9))
"""


def transfers(options, folder):
    """Both ways, in turn with IREE."""
    program = pathlib.Path(folder) / "transfer"
    run([os.environ.get("CC", "cc"), "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror",
         "-I", ROOT / "include", ROOT / "bench/transfer.c", "-o", program,
         "-L", options.build, "-leerie", "-Wl,-rpath,%s" % options.build.resolve()])
    rows = []
    for size, turns in TRANSFERS:
        mine, peer = [], []
        for _ in range(options.rounds):
            mine.append([int(word) for word in run([program, "vulkan", size, turns]).split()])
            peer.append([int(word) for word in run(
                [options.tools / "python", "-c", PEER, size, turns]).split()])
        for way, name in enumerate(("to the device", "back")):
            ours_rate, peer_rate = (size / min(row[way] for row in rows_of)
                                    for rows_of in (mine, peer))
            rows.append({"case": "%d bytes %s" % (size, name), "eerie_gb_s": ours_rate,
                         "iree_gb_s": peer_rate, "ratio": ours_rate / peer_rate})
            print("%-40s %7.2f GB/s  %7.2f GB/s  %.2f of its speed" %
                  (rows[-1]["case"], ours_rate, peer_rate, rows[-1]["ratio"]), flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--tools", type=pathlib.Path, default=ROOT / ".venv/bin")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=pathlib.Path, help="write the results here")
    options = parser.parse_args()
    eerie, rows = options.build / "eerie", []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        module = pathlib.Path(folder) / "gpu.vmfb"
        run([options.tools / "iree-compile", SOURCE, "-o", module,
             "--iree-hal-target-device=vulkan"])
        for name, function, inputs in CASES:
            mine, peer = [], []
            for _ in range(options.rounds):
                mine.append(ours(eerie, module, function, inputs))
                peer.append(theirs(options.tools / "iree-benchmark-module", module, function,
                                   inputs))
            row = {"case": name, "eerie_us": min(mine), "iree_us": min(peer),
                   "ratio": min(mine) / min(peer)}
            rows.append(row)
            print("%-40s %9.1f us %9.1f us  %.2f of it" %
                  (name, row["eerie_us"], row["iree_us"], row["ratio"]), flush=True)
            if row["iree_us"] > 2000:
                rows.append(work(options, module, name, function, inputs))
        rows += transfers(options, folder)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
