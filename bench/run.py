"""Measures Eerie beside its peers, in one interleaved run, and prints ratios.

    python bench/run.py [--build build/release] [--rounds 9] [--out out/bench.json]

Calls:   one call of a function, Eerie's (call.c) and IREE's (iree-benchmark-module), alternating.
Python:  the same call by the Python package, and what it takes more than from C.
Starts:  a whole process from start to printed result, `eerie run` and `iree-run-module`, alternating.
Sizes:   of the stripped library and command.
With --sustained: calls from several threads for that long instead (sustained.c); no peer.
Times are the minimum and the median over the rounds; a ratio is Eerie's time by the peer's. Nothing
fails here: the numbers are for reading, docs/benchmarks.md says how.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

from modules import chosen, compiled, source

ROOT = pathlib.Path(__file__).resolve().parent.parent
CALLS = [  # name, module, function, inputs as iree-benchmark-module takes them, bar
    ("mul of two 4xf32", "mul", "mul", ["4xf32=1", "4xf32=1"], 0.5),
    ("mul of two 4xf32, fences", "async", "mul", ["4xf32=1", "4xf32=1"], None),
    ("add of two f32 scalars", "scalars", "add_f32", ["1", "1"], None),
    ("loop of 1000 turns in bytecode", "control", "sum_to", ["1000"], None),
    ("64 submissions in a row", "chain", "chain", ["4x4xf32=1"], None),
    ("64 kernels in one submission", "dispatches", "dispatches", ["4x4xf32=1"] * 2, None),
    ("dynamic shape, 4xf32", "dynamic", "double", ["4xf32=1"], None),
]
TURNS = 1000
SIZES = [("libeerie.so, stripped", "libeerie.so", 250), ("eerie, stripped", "eerie", 512)]


def run(command, **more):
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, **more)
    if done.returncode != 0:
        sys.exit("bench: %s failed:\n%s" % (" ".join(words), done.stderr[-2000:]))
    return done.stdout


def peer_tools():
    """The folder of IREE's own programs: the scripts of the same name start Python first."""
    found = sorted((ROOT / ".venv/lib").glob("python3*/site-packages/iree/_runtime_libs"))
    if not found:
        sys.exit("bench: iree-base-runtime is not installed; run: tools/setup.sh build demo")
    return found[-1]


def compile_modules():
    out = ROOT / "build/test-modules"
    run([sys.executable, ROOT / "tests/behaviour/compile_modules.py",
         "--compiler", ROOT / ".venv/bin/iree-compile", "--out", out])
    return out


def compile_program(name, folder, *flags):
    program = folder / name
    run([os.environ.get("CC", "cc"), "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror",
         "-I", ROOT / "include", ROOT / "bench" / (name + ".c"), "-o", program, *flags])
    return program


# ---- Calls -------------------------------------------------------------------------------------

def call_ours(program, module, function, inputs, seconds):
    number = [value for value in inputs if "=" not in value][:1]
    result = json.loads(run([program, module, function, seconds] + number))
    return result["real_ns"], result["cpu_ns"]


def call_theirs(tool, module, function, inputs, seconds):
    text = run([tool, "--module=%s" % module, "--function=%s" % function, "--device=local-sync",
                "--benchmark_format=json", "--benchmark_min_time=%gs" % seconds] +
               ["--input=" + value for value in inputs])
    result = json.loads(text[text.index("{"):])["benchmarks"][0]
    unit = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}[result["time_unit"]]
    return result["real_time"] * unit, result["cpu_time"] * unit


def measure_calls(program, tools, modules, rounds, seconds):
    for name, module, function, inputs, bar in CALLS:
        path = modules / (module + ".vmfb")
        ours, theirs = [], []
        for _ in range(rounds):
            ours.append(call_ours(program, path, function, inputs, seconds))
            theirs.append(call_theirs(tools / "iree-benchmark-module", path, function, inputs,
                                      seconds))
        # Real time, and the processor's: the same on a machine that does nothing else.
        for unit, which in (("ns", 0), ("ns of CPU", 1)):
            yield row("call: " + name, unit, [t[which] for t in ours], [t[which] for t in theirs],
                      bar)


def measure_natives(program, modules, rounds, seconds):
    """A call of a function in C by a model: a loop of them, less the loop alone. No peer: its tool
    takes no functions."""
    def times(function):
        return [call_ours(program, modules / "native_cost.vmfb", function, [str(TURNS)], seconds)[1]
                / TURNS for _ in range(rounds)]
    loop = min(times("none"))
    ours = [t - loop for t in times("calls")]
    yield {"name": "native call of two tensors, ns of CPU", "unit": "ns of CPU",
           "ours": {"min": min(ours), "median": statistics.median(ours), "all": ours}}


def measure_python(program, build, modules, rounds, seconds):
    """The same call from Python; what it costs more than from C is a row of its own."""
    if not (build / "python/eerie").is_dir():
        return  # built without it
    environment = dict(os.environ, PYTHONPATH=str(build / "python"))
    ours, theirs = [], []
    for _ in range(rounds):
        done = json.loads(run([sys.executable, ROOT / "bench/call.py", modules / "mul.vmfb", "mul",
                               seconds], env=environment))
        ours.append((done["real_ns"], done["cpu_ns"]))
        theirs.append(call_ours(program, modules / "mul.vmfb", "mul", ["4xf32=1", "4xf32=1"], seconds))
    for unit, which in (("ns", 0), ("ns of CPU", 1)):
        mine, other = [t[which] for t in ours], [t[which] for t in theirs]
        more = [a - b for a, b in zip(mine, other)]
        yield {"name": "mul from Python more than from C, %s, at most 2000" % unit, "unit": unit,
               "ours": {"min": min(mine) - min(other), "median": statistics.median(more), "all": more}}


# ---- Starts ------------------------------------------------------------------------------------

def measure_starts(program, build, tools, modules, rounds):
    digits = ROOT / "out/digits.vmfb"
    if not digits.exists():
        print("making the demo's model first ...", flush=True)
        run([sys.executable, ROOT / "demo/run.py", "--build", build])
    shape, function = demo_input(build, digits)
    for name, module, name_of, inputs, bar in (
            ("digits network", digits, function, [shape + "=0.5"], 0.5),
            ("mul of two 4xf32", modules / "mul.vmfb", "mul", ["4xf32=1", "4xf32=1"], None)):
        arguments = ["--module=%s" % module, "--device=local-sync", "--function=" + name_of]
        arguments += ["--input=" + value for value in inputs]
        times, memory = take_turns(program, 8 * rounds, [[build / "eerie", "run"] + arguments,
                                                         [tools / "iree-run-module"] + arguments])
        yield row("start to result: " + name, "us", *times, bar)
        yield row("most memory: " + name, "KB", *memory, None)


def take_turns(program, rounds, commands):
    """Microseconds and kilobytes of each command's runs."""
    words = [word for command in commands for word in ["--", *command]]
    runs = [line.split() for line in run([program, rounds, *words]).splitlines()]
    of_each = [[(float(t), int(kb)) for who, t, kb in runs if who == str(i)]
               for i in range(len(commands))]
    return ([[t for t, _ in each] for each in of_each], [[kb for _, kb in each] for each in of_each])


def measure_large_starts(program, build, tools, rounds):
    """A network of 102 MB of weights, mapped by both, on both kinds of device. IREE also runs the
    module whose weights are packed when a program starts, which its own flag for tiles makes."""
    eerie = build / "eerie"
    _, mlir = source(eerie, "resnet50")
    module = compiled(eerie, mlir, chosen(eerie, mlir))
    packing = compiled(eerie, mlir, ["--iree-global-opt-use-im2col-for-convs",
                                     "--iree-opt-data-tiling"])
    if not module or not packing:
        sys.exit("bench: the ResNet-50 shape does not compile")
    theirs = [tools / "iree-run-module", "--module_mode=mmap"]
    for device, mine, other in (("local-sync", [], []),
                                ("local-task", ["--threads=2"], ["--task_topology_group_count=2"])):
        call = ["--device=" + device, "--function=main", "--input=1x3x224x224xf32=0.5", "--output="]
        times, memory = take_turns(program, rounds, [
            [eerie, "run", "--module=%s" % module, *call, *mine],
            [*theirs, "--module=%s" % module, *call, *other],
            [*theirs, "--module=%s" % packing, *call, *other]])
        for which, name in ((1, ""), (2, ", IREE packs")):
            yield row("start to result: ResNet-50 shape, %s%s" % (device, name), "us", times[0],
                      times[which], 0.5)
            yield row("most memory: ResNet-50 shape, %s%s" % (device, name), "KB", memory[0],
                      memory[which], None)


def demo_input(build, digits):
    """Type of the network's input, one image at a time, and the name of its function."""
    info = json.loads(run([build / "eerie", "inspect", "--json", digits]))[0]
    export = next(e for e in info["exports"] if not e["name"].startswith("__"))
    text = export["declaration"].split("tensor<")[1].split(">")[0]
    return text.replace("?", "1"), export["name"]


# ---- Sizes and the table -----------------------------------------------------------------------

def measure_sizes(build, folder):
    for name, file, bar in SIZES:
        copy = folder / file
        shutil.copyfile((build / file).resolve(), copy)
        run(["strip", "--strip-all", copy])
        size = copy.stat().st_size
        yield {"name": "size: " + name, "unit": "bytes", "ours": size, "bar_bytes": bar * 1024}


def measure_sustained(program, modules, options):
    """Prints latencies and memory of threads that call for that long."""
    found = json.loads(run([program, modules, options.sustained, "--threads", options.threads,
                            "--rate", options.rate, "--device", options.device]))
    print("%d calls from %d threads in %g s, %s" % (
        found["calls"], options.threads, options.sustained,
        "%g a second" % options.rate if options.rate else "without a pause"))
    print("%-12s %10s %9s %9s %9s %11s %6s %14s" % (
        "ns", "calls", "median", "p99", "p99.9", "longest", "ratio", "slow, switched"))
    for name, times in [("all", found)] + list(found["kinds"].items()):
        print("%-12s %10d %9d %9d %9d %11d %6.1f %6d, %d" % (
            name, times["calls"], times["median_ns"], times["p99_ns"], times["p999_ns"],
            times["max_ns"], times["p999_ns"] / max(times["median_ns"], 1), times["slow"],
            times["slow_switched"]))
    print("slow: calls of ten medians and more; switched: those during which the thread lost its CPU")
    for when, memory in found["memory"].items():
        print("memory, %-6s runtime %d bytes, at most %d; resident %d KB" % (
            when + ":", memory["bytes"], memory["peak_bytes"], memory["resident_kb"]))


def row(name, unit, ours, theirs, bar):
    return {"name": name, "unit": unit, "bar": bar,
            "ours": {"min": min(ours), "median": statistics.median(ours), "all": ours},
            "theirs": {"min": min(theirs), "median": statistics.median(theirs), "all": theirs},
            "ratio_min": min(ours) / min(theirs),
            "ratio_median": statistics.median(ours) / statistics.median(theirs)}


def number(value):
    return "%.0f" % value if value >= 100 else "%.1f" % value


def show(rows):
    print("%-46s %9s %9s %9s %9s %7s %7s  bar" %
          ("", "ours", "", "IREE", "", "ratio", "ratio"))
    print("%-46s %9s %9s %9s %9s %7s %7s" % ("", "min", "median", "min", "median", "min", "median"))
    for r in rows:
        if "ratio_min" not in r and "bar_bytes" not in r:
            print("%-46s %9s %9s" % (r["name"], number(r["ours"]["min"]),
                                     number(r["ours"]["median"])))
            continue
        if "ratio_min" not in r:
            print("%-46s %9d bytes, at most %d" % (r["name"], r["ours"], r["bar_bytes"]))
            continue
        print("%-46s %9s %9s %9s %9s %7.2f %7.2f  %s" %
              (r["name"] + ", " + r["unit"], number(r["ours"]["min"]), number(r["ours"]["median"]),
               number(r["theirs"]["min"]), number(r["theirs"]["median"]), r["ratio_min"],
               r["ratio_median"], "at most %.2f" % r["bar"] if r["bar"] else ""))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.2, help="of each measurement")
    parser.add_argument("--sustained", type=float, metavar="SECONDS")
    parser.add_argument("--threads", type=int, default=8, help="of --sustained")
    parser.add_argument("--rate", type=float, default=2000,
                        help="calls a second of all threads with --sustained; 0: without a pause")
    parser.add_argument("--device", default="local-sync", help="of --sustained")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "out/bench.json")
    options = parser.parse_args()
    build, tools, modules = options.build.resolve(), peer_tools(), compile_modules()
    linked = ["-L", build, "-leerie", "-Wl,-rpath," + str(build)]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if options.sustained:
            program = compile_program("sustained", folder, *linked, "-lm", "-lpthread")
            measure_sustained(program, modules, options)
            return
        program = compile_program("call", folder, *linked)
        rows = list(measure_calls(program, tools, modules, options.rounds, options.seconds))
        rows += measure_natives(program, modules, options.rounds, options.seconds)
        rows += measure_python(program, build, modules, options.rounds, options.seconds)
        start = compile_program("start", folder)
        rows += measure_starts(start, build, tools, modules, options.rounds)
        rows += measure_large_starts(start, build, tools, options.rounds)
        rows += measure_sizes(build, folder)
    show(rows)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(rows, indent=1) + "\n")
    print("written to", options.out)


if __name__ == "__main__":
    main()
