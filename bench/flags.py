"""Measures the flags that `eerie compile` chooses against sets known to be good, on Eerie's runtime.

    python bench/flags.py [--build build/release] [--rounds 5] [--models mlp1,cnn] [--write]

Models (models.py) are imported from ONNX and compiled by each set, once (modules.py); all sets of a
model take turns, and the least time counts. `ratio` is the chosen flags' time by the best set's; the
bar is 1.1. Nothing fails here. --write puts the table into docs/tuning.md, between its marks, and the
figures into out/flags.json, where bench/report.py finds them; rows of other models stay.
"""

import argparse
import json
import os
import pathlib
import time

import tables
from models import MODELS
from modules import CONVOLUTIONAL, ROOT, chosen, compiled, made, run, source

CHANNELS_LAST = ("--iree-preprocessing-pass-pipeline=builtin.module(util.func("
                 "iree-preprocessing-convert-conv-to-channels-last))")
TILING, UKERNELS = "--iree-opt-data-tiling", "--iree-llvmcpu-enable-ukernels=all"
STILL = "--iree-global-opt-propagate-transposes=false"
PACKED = "--iree-global-opt-data-tiling"
PEELED = "--iree-llvmcpu-vector-pproc-strategy=peel"
FUSED = "--iree-dispatch-creation-enable-fuse-padding-into-linalg-consumer-ops"
IM2COL = "--iree-global-opt-use-im2col-for-convs"
SETS = {
    "defaults": [],
    "level O3": ["--iree-opt-level=O3"],
    "tiling": [TILING],
    "packed": [PACKED],
    "peeled": [PEELED],
    "packed, peeled": [PACKED, PEELED],
    "tiling, ukernels": [TILING, UKERNELS],
    "O3, tiling, ukernels": ["--iree-opt-level=O3", TILING, UKERNELS],
}
OF_CONVOLUTIONS = {
    "defaults": [],
    "O3, tiling, ukernels": ["--iree-opt-level=O3", TILING, UKERNELS],
    "im2col, tiling": [TILING, IM2COL],
    "im2col, packed": [PACKED, IM2COL],
    "im2col, packed, peeled": [PACKED, IM2COL, PEELED],
    "im2col, O3, tiling, ukernels": ["--iree-opt-level=O3", TILING, UKERNELS, IM2COL],
    "channels last": [CHANNELS_LAST, STILL],
    "channels last, tiling": [TILING, STILL, CHANNELS_LAST],
    "channels last, O3": ["--iree-opt-level=O3", STILL, CHANNELS_LAST],
    "channels last, padding fused": [STILL, FUSED, CHANNELS_LAST],
}
MARKS = ("<!-- bench/flags.py -->", "<!-- end -->")


def compile_sets(eerie, name, ready=False):
    """Modules by set, "chosen" among them, and the chosen flags' names. Sets of the same flags are
    one module, and a set that does not compile, or with `ready` has not yet, is left out."""
    _, mlir = source(eerie, name)
    flags = chosen(eerie, mlir)
    sets = OF_CONVOLUTIONS if name in CONVOLUTIONAL else SETS
    modules = {"chosen": compiled(eerie, mlir, flags)}
    if not modules["chosen"]:
        raise SystemExit(f"bench: {name} does not compile with the chosen flags")
    for title, flags_of in sets.items():
        module = made(mlir, flags_of) if ready else compiled(eerie, mlir, flags_of)
        if module and module != modules["chosen"]:
            modules[title] = module
    return modules, flags


def measure(eerie, name, modules, rounds, seconds):
    times = {}
    for _ in range(rounds):
        for title, module in modules.items():
            done = run(eerie, "bench", module, "--function=main", "--device=local-sync",
                       f"--min-time={seconds}", "--warmup=2", "--json",
                       *[f"--input={value}" for value in MODELS[name][2]])
            told = json.loads(done.stdout)
            least = (told[0] if isinstance(told, list) else told)["min_ns"] / 1e3
            times[title] = min(times.get(title, least), least)
    return times


def write(lines):
    tables.put("tuning.md", *MARKS, "\n" + "\n".join(lines) + "\n")


def result(name, times, flags):
    best = min(times, key=times.get)
    return {"model": name, "title": MODELS[name][0], "us": times, "best": best,
            "ratio": times["chosen"] / times[best], "flags": flags, "cpus": os.cpu_count(),
            "load": os.getloadavg()[0], "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())}


def table(results):
    lines = ["| model | chosen, us | best set, us | ratio | defaults, us | best set | chosen flags |",
             "|---|---|---|---|---|---|---|"]
    for one in results:
        times = one["us"]
        names = [flag.partition("=")[0] for flag in one["flags"]]
        # The chosen set is left out of the others where it is one of them.
        lines.append("| %s | %.1f | %.1f | %.2f | %.1f | %s | %s |" % (
            one["title"], times["chosen"], times[one["best"]], one["ratio"],
            times.get("defaults", times["chosen"]), one["best"],
            ", ".join(f"`{name}`" for name in names) or "none"))
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.2, help="of each measurement")
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "out/flags.json")
    parser.add_argument("--ready", action="store_true", help="only sets compiled before")
    parser.add_argument("--compile-only", action="store_true", help="make the modules, no more")
    parser.add_argument("--write", action="store_true", help="the table into docs/tuning.md")
    options = parser.parse_args()
    eerie = options.build.resolve() / "eerie"
    results = {}
    if options.out.exists():
        results = {one["model"]: one for one in json.loads(options.out.read_text())}
    for model in options.models.split(","):
        modules, flags = compile_sets(eerie, model, options.ready)
        if options.compile_only:
            continue
        times = measure(eerie, model, modules, options.rounds, options.seconds)
        results[model] = result(model, times, flags)
        print(table([results[model]])[-1], flush=True)
        print("    " + ", ".join("%s %.1f" % pair for pair in times.items()), flush=True)
    ordered = [results[name] for name in MODELS if name in results]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(ordered, indent=1) + "\n")
    if options.write:
        write(table(ordered))


if __name__ == "__main__":
    main()
