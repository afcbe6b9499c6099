"""Measures whole models on Eerie, IREE and ONNX Runtime, and what a process takes to start with one.

    python bench/whole.py [--build build/release] [--rounds 3] [--models mlp1,cnn] [--threads 2]

The module is the same on Eerie and IREE: what `eerie compile` makes by default. Each round runs, one
after the other: bench/threads.c, which calls Eerie's "local-sync" and "local-task" in turn,
iree-benchmark-module on its two devices of these names, and bench/ort.c, which calls ONNX Runtime
through its C interface, with one thread and with all. The least times count. Starts are whole
processes, `eerie run` and `iree-run-module`, in turn (bench/start.c). Writes out/whole.json; nothing
fails here because a number is bad.
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import onnx  # noqa: E402
from onnx import TensorProto, helper  # noqa: E402

from models import MODELS  # noqa: E402
from modules import chosen, compiled, source  # noqa: E402
from peers import iree, ort  # noqa: E402
from run import ROOT, compile_modules, compile_program, peer_tools, run  # noqa: E402

WHOLE = ["mlp1", "mlp64", "cnn", "resnet18", "resnet50", "mobilenet", "encoder384", "decoder",
         "matmul1024"]
STARTS = ["mlp1", "resnet50"]
BYTES_OF_WEIGHTS = {"resnet50": 102.2e6}


def small_call(folder: pathlib.Path):
    """Title, module, function, arguments and ONNX file of the product of two 4xf32."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in "abc"]
    graph = helper.make_graph([helper.make_node("Mul", ["a", "b"], ["c"])], "main", values[:2],
                              values[2:])
    path = folder / "mul.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9),
              path)
    return "mul of two 4xf32", compile_modules() / "mul.vmfb", "mul", ["4xf32=1"] * 2, path


def whole_model(eerie: pathlib.Path, name: str):
    model, mlir = source(eerie, name)
    module = compiled(eerie, mlir, chosen(eerie, mlir))
    if not module:
        sys.exit(f"bench: {name} does not compile")
    return MODELS[name][0], module, "main", MODELS[name][2], model


def measure(what, programs, options):
    """The least times in nanoseconds, by contender."""
    _, module, function, inputs, model = what
    tool, seconds = peer_tools() / "iree-benchmark-module", options.seconds
    times = {}

    def note(name: str, ns: float | None) -> None:
        if ns is not None:
            times[name] = min(times.get(name, ns), ns)

    for _ in range(options.rounds):
        text = run([programs["threads"], module, function, 3 * seconds, options.threads])
        for name, line in zip(("eerie", "eerie_threads"), text.splitlines()):
            note(name, float(line.split()[1]))
        note("iree", iree(tool, module, function, inputs, seconds))
        note("iree_threads", iree(tool, module, function, inputs, seconds, options.threads))
        note("ort", ort(programs["ort"], model, seconds))
        note("ort_threads", ort(programs["ort"], model, seconds, options.threads))
    return times


def measure_start(what, name: str, program: pathlib.Path, eerie: pathlib.Path, rounds: int):
    """Least time and most memory of a process, of Eerie's and of IREE's with the file mapped."""
    _, module, function, inputs, _ = what
    common = [f"--module={module}", "--device=local-sync", f"--function={function}"]
    common += [f"--input={value}" for value in inputs]
    text = run([program, rounds, "--", eerie, "run", *common, "--",
                peer_tools() / "iree-run-module", *common, "--module_mode=mmap"])
    runs = [line.split() for line in text.splitlines()]
    found = {"weights": BYTES_OF_WEIGHTS.get(name)}
    for index, who in enumerate(("eerie", "iree")):
        found[who + "_us"] = min(float(t) for number, t, _ in runs if number == str(index))
        found[who + "_kb"] = min(int(kb) for number, _, kb in runs if number == str(index))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.3, help="of each measurement")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--models", default=",".join(["mul", *WHOLE]))
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "out/whole.json")
    options = parser.parse_args()
    build = options.build.resolve()
    eerie = build / "eerie"
    rows = {}
    if options.out.exists():
        rows = {row["model"]: row for row in json.loads(options.out.read_text())}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        programs = {"threads": compile_program("threads", folder, "-L", build, "-leerie",
                                               "-Wl,-rpath," + str(build)),
                    "ort": compile_program("ort", folder, "-ldl"),
                    "start": compile_program("start", folder)}
        for model in options.models.split(","):
            what = small_call(folder) if model == "mul" else whole_model(eerie, model)
            row = {"model": model, "title": what[0], "threads": options.threads,
                   "ns": measure(what, programs, options), "cpus": os.cpu_count(),
                   "load": os.getloadavg()[0],
                   "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())}
            if model in STARTS:
                row["start"] = measure_start(what, model, programs["start"], eerie,
                                             10 * options.rounds if model == "mlp1" else
                                             2 * options.rounds)
            rows[model] = row
            print("%s: %s" % (what[0], ", ".join("%s %.4g us" % (who, ns / 1e3)
                                                 for who, ns in row["ns"].items())), flush=True)
            if "start" in row:
                print("    a process: %s" % row["start"], flush=True)
    ordered = [rows[name] for name in ["mul", *WHOLE] if name in rows]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(ordered, indent=1) + "\n")


if __name__ == "__main__":
    main()
