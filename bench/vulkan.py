#!/usr/bin/env python3
"""Calls on a Vulkan device, beside iree-benchmark-module on the same device, in turn.

    bench/vulkan.py [--build build/release] [--rounds 7] [--json FILE]

Takes the loader's first device; with VK_ICD_FILENAMES another (SwiftShader's is
vk_swiftshader_icd.json of Chromium). IREE's runtime knows no lavapipe. Each case is measured by both
programs in turn, round after round; the least of each is compared, as the machine may be busy.
"""

import argparse
import json
import os
import pathlib
import re
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
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
