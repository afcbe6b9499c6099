"""Measures what threads bring, beside IREE's, and writes the table into docs/benchmarks.md.

    python bench/threads.py [--build build/release] [--rounds 5] [--threads 2] [--write]

Each round runs, one after the other: bench/threads.c, which calls Eerie's "local-sync" and
"local-task" in turn, and iree-benchmark-module on both of its devices, with the same module and
number of threads. Given are the least times of all rounds: on a machine that others use, the least
is what says something, and of long calls even that needs a quiet moment. Needs what `make bench`
needs.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import tables  # noqa: E402
from peers import iree  # noqa: E402
from run import ROOT, compile_modules, compile_program, number, peer_tools, run  # noqa: E402

FLAGS = ["--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu",
         "--iree-llvmcpu-target-cpu=host", "--iree-opt-level=O3", "--iree-opt-data-tiling",
         "--iree-llvmcpu-enable-ukernels=all", "--iree-input-type=stablehlo"]
BEGIN, END = "<!-- threads: begin -->\n", "<!-- threads: end -->\n"


def product(rows, depth, columns, left, right, out):
    return ("  %%%s = stablehlo.dot_general %%%s, %%%s, contracting_dims = [1] x [0] : "
            "(tensor<%dx%dxf32>, tensor<%dx%dxf32>) -> tensor<%dx%dxf32>\n"
            % (out, left, right, rows, depth, depth, columns, rows, columns))


def relu(rows, columns, value, out):
    shape = "tensor<%dx%dxf32>" % (rows, columns)
    return ("  %%%sz = stablehlo.constant dense<0.0> : %s\n  %%%s = stablehlo.maximum %%%s, %%%sz "
            ": %s\n" % (out, shape, out, value, out, shape))


def function(shapes, body, result, shape):
    arguments = ", ".join("%%a%d: tensor<%sxf32>" % pair for pair in enumerate(shapes))
    return ("func.func @main(%s) -> tensor<%sxf32> {\n%s  return %%%s : tensor<%sxf32>\n}\n"
            % (arguments, shape, body, result, shape))


def mlp(batch):
    """784-256-128-10, its weights arguments."""
    body = product(batch, 784, 256, "a0", "a1", "p") + relu(batch, 256, "p", "q")
    body += product(batch, 256, 128, "q", "a2", "r") + relu(batch, 128, "r", "s")
    body += product(batch, 128, 10, "s", "a3", "t")
    shapes = ["%dx784" % batch, "784x256", "256x128", "128x10"]
    return function(shapes, body, "t", "%dx10" % batch), shapes


def matmul(size):
    shapes = ["%dx%d" % (size, size)] * 2
    return function(shapes, product(size, size, size, "a0", "a1", "p"), "p", shapes[0]), shapes


def models(folder):
    """Name, module, function, inputs as iree-benchmark-module takes them."""
    tests = compile_modules()
    yield "mul of two 4xf32", tests / "mul.vmfb", "mul", ["4xf32=1"] * 2
    yield ("64 kernels in one submission", tests / "dispatches.vmfb", "dispatches",
           ["4x4xf32=1"] * 2)
    for name, (text, shapes) in (("MLP 784-256-128-10, batch 1", mlp(1)),
                                 ("MLP 784-256-128-10, batch 64", mlp(64)),
                                 ("matmul 1024", matmul(1024))):
        source = folder / (re.sub(r"\W+", "_", name) + ".mlir")
        source.write_text(text)
        module = source.with_suffix(".vmfb")
        run([ROOT / ".venv/bin/iree-compile", source, "-o", module, *FLAGS], timeout=300)
        yield name, module, "main", ["%sxf32=1" % shape for shape in shapes]


def measure(program, tool, model, options):
    _, module, name, inputs = model
    times = [[], [], [], []]
    for _ in range(options.rounds):
        text = run([program, module, name, 4 * options.seconds, options.threads])
        for which, line in enumerate(text.splitlines()):
            times[which].append(float(line.split()[1]))
        times[2].append(iree(tool, module, name, inputs, options.seconds))
        times[3].append(iree(tool, module, name, inputs, options.seconds, options.threads))
    return [min(t) for t in times]


def table(rows, options):
    lines = ["| microseconds | local-sync | local-task, %d threads | to local-sync | IREE, 1 | "
             "IREE, %d | speed to IREE's, %d |\n" % ((options.threads,) * 3),
             "|---|---|---|---|---|---|---|\n"]
    for name, (sync, task, one, many) in rows:
        lines.append("| %s | %s | %s | %.2f | %s | %s | %.1f |\n" %
                     (name, number(sync / 1e3), number(task / 1e3), task / sync,
                      number(one / 1e3), number(many / 1e3), many / task))
    lines.append("\nMeasured on %d CPUs with a load of %.1f by all that ran: with more than one for "
                 "each CPU,\nlong calls cannot show what a second thread brings.\n"
                 % (os.cpu_count(), os.getloadavg()[0]))
    return "".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.3, help="of each measurement")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "out/threads.json")
    parser.add_argument("--write", action="store_true", help="put the table into the docs")
    options = parser.parse_args()
    build, tool = options.build.resolve(), peer_tools() / "iree-benchmark-module"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        program = compile_program("threads", folder, "-L", build, "-leerie",
                                  "-Wl,-rpath," + str(build))
        rows = []
        for model in models(folder):
            rows.append((model[0], measure(program, tool, model, options)))
            print("%s: %s" % (model[0], " ".join("%.3g" % (t / 1e3) for t in rows[-1][1])),
                  flush=True)
    text = table(rows, options)
    print(text, end="")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(
        [{"title": title, "ns": dict(zip(("eerie", "eerie_threads", "iree", "iree_threads"), times)),
          "threads": options.threads, "cpus": os.cpu_count(), "load": os.getloadavg()[0]}
         for title, times in rows], indent=1) + "\n")
    if options.write:
        tables.put("benchmarks.md", BEGIN, END, text)


if __name__ == "__main__":
    try:
        main()
    except subprocess.TimeoutExpired as expired:
        sys.exit("threads: %s" % expired)
