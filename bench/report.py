"""Writes docs/performance.md: what was asked of the runtime's speed, and what was measured.

    python bench/report.py [--run] [--quick] [--build build/release] [--sustained 60]

Each bench leaves its figures in out/: run.py in bench.json, threads.py, whole.py, flags.py,
convolutions.py in files of their names, and the calls over time, which this script runs itself, in
sustained.json. --run runs all of them first, one after the other, which takes about ten minutes;
--quick with fewer and shorter rounds, about three. Without --run the page is written from what is there.
Modules are those that `bench/flags.py --compile-only` has made; none is compiled for a set of flags.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from run import ROOT, compile_modules, compile_program, run

OUT = ROOT / "out"
PAGE = ROOT / "docs/performance.md"
SMALL = ("mul", "mlp1", "mlp64", "cnn")
LARGE = ("resnet18", "resnet50", "mobilenet", "encoder384", "matmul1024")
TIE = 1.05  # such differences are no differences
HEAD = """# Speed beside IREE and ONNX Runtime

<!-- Written by bench/report.py. -->

    python bench/report.py --run

measures everything on this page, which takes about ten minutes, and writes it. Each measurement runs its
contenders in turn, so that what else the machine does falls on all of them; given are the least times, and
ratios of ours to the peer's, so that less is better; within 5 per cent it is a tie. IREE is release 3.13.0, with the same module file;
ONNX Runtime is called through its C interface with the ONNX file. Weights are random.
[benchmarks.md](benchmarks.md) says how calls, starts and threads are measured and has their tables,
[tuning.md](tuning.md) those of flags.
"""


# ---- Running -----------------------------------------------------------------------------------

def sustained(build: pathlib.Path, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as name:
        program = compile_program("sustained", pathlib.Path(name), "-L", build, "-leerie",
                                  "-Wl,-rpath," + str(build), "-lm", "-lpthread")
        found = json.loads(run([program, compile_modules(), seconds, "--threads", 8, "--rate",
                                2000]))
    found["seconds"] = seconds
    (OUT / "sustained.json").write_text(json.dumps(found, indent=1) + "\n")


def run_all(build: pathlib.Path, quick: bool, seconds: float) -> None:
    rounds, short = (2, 0.1) if quick else (5, 0.2)
    steps = [["run.py", "--rounds", rounds, "--seconds", short],
             ["threads.py", "--rounds", 1 if quick else 3, "--seconds", short, "--write"],
             ["whole.py", "--rounds", 1 if quick else 3, "--seconds", short],
             ["flags.py", "--rounds", 1 if quick else 3, "--seconds", 0.1, "--ready", "--write"],
             ["convolutions.py"]]
    for step in steps:
        begin = time.monotonic()
        command = [sys.executable, ROOT / "bench" / step[0], "--build", build, *step[1:]]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        print("%s: %.0f s%s" % (step[0], time.monotonic() - begin,
                                "" if done.returncode == 0 else ", failed:\n" + done.stderr[-2000:]),
              flush=True)
    sustained(build, 10 if quick else seconds)


# ---- Rows --------------------------------------------------------------------------------------

def load(name: str):
    path = OUT / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else []


def microseconds(ns: float) -> str:
    return "%.3g ms" % (ns / 1e6) if ns >= 1e6 else "%.3g us" % (ns / 1e3) if ns >= 1e3 else \
        "%.3g ns" % ns


def row(what: str, peer: str, ours: str, ratio: float, bar: float, least: bool = False) -> str:
    """`least`: the ratio is to be as large as the bar."""
    met = "yes" if (ratio >= bar if least else ratio <= bar) else "no"
    if bar == 1 and 1 < ratio <= TIE:
        met = "tie"
    return "| %s | %s | %s | %.2f | %s %.2f | %s |" % (
        what, peer, ours, ratio, "at least" if least else "at most", bar, met)


def against(what: str, peer: str, theirs: float, ours: float, bar: float) -> str:
    return row(what, f"{peer} {microseconds(theirs)}", microseconds(ours), ours / theirs, bar)


def call_rows(calls, threads, whole):
    by_name = {f"{one['name']}, {one['unit']}": one for one in calls}
    for name, title, bar in (("mul of two 4xf32", "call with 4-element tensors, local-sync", 0.3),
                             ("64 kernels in one submission", "64 kernels in one submission, local-sync",
                              0.4),
                             ("64 submissions in a row", "64 submissions in a row, local-sync", 0.4),
                             ("loop of 1000 turns in bytecode", "scalar loop on the VM, 1000 turns",
                              0.6)):
        one = by_name.get(f"call: {name}, ns of CPU")
        if one:
            yield against(title, "IREE", one["theirs"]["min"], one["ours"]["min"], bar)
    mul = next((one for one in whole if one["model"] == "mul"), None)
    if mul and "ort" in mul["ns"]:
        yield against("call with 4-element tensors, local-sync", "ORT", mul["ns"]["ort"],
                      mul["ns"]["eerie"], 0.6)
    for one in threads[:2]:
        yield against(f"{one['title']}, local-task, {one['threads']} threads", "our local-sync",
                      one["ns"]["eerie"], one["ns"]["eerie_threads"], 1.3)


def whole_rows(whole):
    for one in whole:
        ns = one["ns"]
        if one["model"] == "mul":
            continue
        yield against(one["title"] + ", 1 thread", "IREE", ns["iree"], ns["eerie"], 1.0)
        if one["model"] == "mlp1" and "ort" in ns:
            yield against(one["title"] + ", 1 thread", "ORT", ns["ort"], ns["eerie"], 1.0)


def thread_rows(whole):
    for one in whole:
        ns, many = one["ns"], f"{one['threads']} threads"
        if one["model"] in SMALL:
            yield row(f"{one['title']}, {many}: IREE's time by ours", microseconds(ns["iree_threads"]),
                      microseconds(ns["eerie_threads"]), ns["iree_threads"] / ns["eerie_threads"], 3,
                      least=True)
            yield against(f"{one['title']}, {many}", "our 1 thread", ns["eerie"],
                          ns["eerie_threads"], 1.0)
        elif one["model"] in LARGE:
            yield row(f"{one['title']}, {many}: speed to 1 thread", microseconds(ns["eerie"]),
                      microseconds(ns["eerie_threads"]), ns["eerie"] / ns["eerie_threads"], 1.8,
                      least=True)


def start_rows(whole):
    for one in whole:
        start = one.get("start")
        if not start:
            continue
        yield against(f"process start to first result, {one['title']}", "iree-run-module, mapped",
                      start["iree_us"] * 1e3, start["eerie_us"] * 1e3, 0.5)
        if start["weights"]:
            yield row(f"resident memory, {one['title']}",
                      "%.0f MB of weights; iree-run-module %.0f MB" % (
                          start["weights"] / 1e6, start["iree_kb"] * 1.024e-3),
                      "%.0f MB" % (start["eerie_kb"] * 1.024e-3),
                      start["eerie_kb"] * 1024 / start["weights"], 1.25)


def sustained_rows(found):
    if not found:
        return
    ratio = found["p999_ns"] / max(found["median_ns"], 1)
    yield row("p99.9 to the median, %d calls from 8 threads in %g s" % (
        found["calls"], found["seconds"]), "median " + microseconds(found["median_ns"]),
        "p99.9 " + microseconds(found["p999_ns"]), ratio, 10)
    memory = list(found["memory"].values())
    if len(memory) > 1:
        early, late = memory[-2]["bytes"], memory[-1]["bytes"]
        yield row("the runtime's memory at the end to that after a tenth", "%d KB" % (early // 1024),
                  "%d KB" % (late // 1024), late / max(early, 1), 1.05)


def table(lines) -> str:
    lines = list(lines)
    if not lines:
        return "Not measured.\n"
    return "\n".join(["| what | peer | ours | ratio | bar | met |", "|---|---|---|---|---|---|",
                      *lines]) + "\n"


def flag_rows(flags):
    for one in flags:
        best = one["us"][one["best"]]
        yield row(f"{one['title']}: default flags to the best known", microseconds(best * 1e3),
                  microseconds(one["us"]["chosen"] * 1e3), one["ratio"], 1.1)


# ---- The page ----------------------------------------------------------------------------------

def ort_table(whole) -> str:
    """Where ONNX Runtime stands, which is no bar but for the perceptron."""
    lines = ["| model | Eerie, 1 thread | ONNX Runtime, 1 thread | ratio | Eerie, 2 | ONNX Runtime, 2 | "
             "ratio |", "|---|---|---|---|---|---|---|"]
    for one in whole:
        ns = one["ns"]
        if "ort" not in ns:
            continue
        lines.append("| %s | %s | %s | %.2f | %s | %s | %.2f |" % (
            one["title"], microseconds(ns["eerie"]), microseconds(ns["ort"]),
            ns["eerie"] / ns["ort"], microseconds(ns["eerie_threads"]),
            microseconds(ns["ort_threads"]), ns["eerie_threads"] / ns["ort_threads"]))
    return "\n".join(lines) + "\n" if len(lines) > 2 else "Not measured.\n"


def convolution_table(found) -> str:
    if not found:
        return "Not measured.\n"
    lines = ["| model | work | Eerie | GFLOP/s | ONNX Runtime | GFLOP/s | difference |",
             "|---|---|---|---|---|---|---|"]
    for one in found:
        for kind in one["kinds"]:
            rates = ["%.0f" % (kind["flop"] / ns) if kind["flop"] and ns else ""
                     for ns in (kind["ours_ns"], kind["theirs_ns"])]
            lines.append("| %s | %s | %s | %s | %s | %s | %s%s |" % (
                one["title"], kind["kind"], microseconds(kind["ours_ns"]), rates[0],
                microseconds(kind["theirs_ns"]), rates[1],
                "+" if kind["ours_ns"] >= kind["theirs_ns"] else "-",
                microseconds(abs(kind["ours_ns"] - kind["theirs_ns"]))))
    return "\n".join(lines) + "\n"


def machine(whole) -> str:
    model = "unknown"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    loads = [one["load"] for one in whole]
    when = max((one["when"] for one in whole), default="")
    return ("Measured %s on %d CPUs (%s), with a load by all that ran of %.1f to %.1f: with more than one\n"
            "for each CPU, long calls and threads cannot show what they can do.\n" % (
                when, os.cpu_count(), model, min(loads, default=0), max(loads, default=0)))


CONVOLUTIONS = """By kind of work, one thread, sums of the least time of each kernel. What Eerie's compile makes of a
convolution is the compiler's: a product of matrices behind a copy of the picture's windows (im2col) or a
convolution with its channels last, padding and changes of layout as kernels of their own. ONNX Runtime
packs channels in blocks once, pads inside its kernels and does the activation in them.
"""


def page() -> str:
    whole, calls, threads = load("whole"), load("bench"), load("threads")
    parts = [HEAD, machine(whole),
             "## Calls\n", table(call_rows(calls, threads, whole)),
             "## Whole models, the same module, one thread\n", table(whole_rows(whole)),
             "## Two threads\n", table(thread_rows(whole)),
             "## Flags by the model\n", table(flag_rows(load("flags"))),
             "## Starts and memory\n", table(start_rows(whole)),
             "## Over time\n", table(sustained_rows(load("sustained"))),
             "## Beside ONNX Runtime\n", ort_table(whole),
             "## Where convolutions lose to ONNX Runtime\n", CONVOLUTIONS,
             convolution_table(load("convolutions"))]
    return "\n".join(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--run", action="store_true", help="measure first")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--sustained", type=float, default=60, metavar="SECONDS")
    options = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    if options.run:
        run_all(options.build.resolve(), options.quick, options.sustained)
    PAGE.write_text(page())
    print("written to", PAGE)


if __name__ == "__main__":
    main()
