"""Where convolutional networks spend their time, on Eerie and on ONNX Runtime, by kind of work.

    python bench/convolutions.py [--build build/release] [--calls 12]

Eerie's dispatches are those of `eerie profile`, ONNX Runtime's nodes those of its profiler; one
thread each. A kernel counts with the least time of the calls, as often as a call runs it; names tell
what it does. Floating-point operations are the graph's. Writes out/convolutions.json.
"""

import argparse
import collections
import json
import math
import os
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import numpy  # noqa: E402
import onnx  # noqa: E402

from models import MODELS  # noqa: E402
from modules import ROOT, chosen, compiled, run, source  # noqa: E402

NETWORKS = ["cnn", "resnet50", "mobilenet"]
DENSE, DEPTHWISE, POOLING, ELEMENTS, LAYOUT = (
    "convolutions and products", "depthwise convolutions", "pooling", "element-wise",
    "layout: windows, padding, packing")
KINDS = (DENSE, DEPTHWISE, POOLING, ELEMENTS, LAYOUT)


# ---- Eerie -------------------------------------------------------------------------------------

def kind_of_kernel(name: str, depthwise: bool) -> str:
    """A convolution over five loops has a filter for each channel: depthwise, or else a pooling."""
    operation = name.partition("dispatch_")[2].partition("_")[2]
    if "matmul" in operation or "mmt4d" in operation or "matvec" in operation:
        return DENSE
    if operation.startswith("conv"):
        loops = re.search(r"_((?:\w+x)+\w+?)_", operation + "_")
        short = loops and loops[1].count("x") < 5
        return DENSE if not short else DEPTHWISE if depthwise else POOLING
    if "pool" in operation or operation.startswith("reduction"):
        return POOLING
    return ELEMENTS if operation.startswith("elementwise") else LAYOUT


def ours(eerie, name: str, module, folder: pathlib.Path, calls: int):
    trace = folder / "trace.json"
    run(eerie, "profile", module, "--function=main", "--device=local-sync", "-o", trace,
        f"--repetitions={calls}", *[f"--input={value}" for value in MODELS[name][2]])
    least, count = {}, collections.Counter()
    for event in json.loads(trace.read_text())["traceEvents"]:
        if event.get("cat") in ("dispatch", "transfer"):
            key = event["name"]
            least[key] = min(least.get(key, math.inf), event["dur"] * 1e3)
            count[key] += 1
    sums = collections.Counter()
    for key, ns in least.items():
        sums[kind_of_kernel(key, name.startswith("mobilenet"))] += ns * count[key] / calls
    return sums


# ---- ONNX Runtime ------------------------------------------------------------------------------

def kind_of_node(operator: str, groups: int) -> str:
    if operator in ("Conv", "FusedConv", "Gemm", "FusedGemm", "MatMul"):
        return DEPTHWISE if groups > 1 else DENSE
    if "Pool" in operator:
        return POOLING
    return ELEMENTS if operator in ("Add", "Relu", "Clip") else LAYOUT


def theirs(path: pathlib.Path, folder: pathlib.Path, calls: int):
    import onnxruntime
    model = onnx.load(path)
    for index, node in enumerate(model.graph.node):
        node.name = f"node{index}"
    onnx.save(model, folder / "named.onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_profiling = True
    options.profile_file_prefix = str(folder / "profile")
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(folder / "named.onnx"), options,
                                           providers=["CPUExecutionProvider"])
    feed = {one.name: numpy.full(one.shape, 0.5, numpy.float32) for one in session.get_inputs()}
    for _ in range(calls):
        session.run(None, feed)
    events = json.loads(pathlib.Path(session.end_profiling()).read_text())
    groups = {}
    for node in onnx.load(folder / "optimized.onnx").graph.node:
        groups[node.name] = next((a.i for a in node.attribute if a.name == "group"), 1)
    least = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            node = event["name"].removesuffix("_kernel_time")
            key = (node, event["args"]["op_name"])
            least[key] = min(least.get(key, math.inf), event["dur"] * 1e3)
    sums = collections.Counter()
    for (node, operator), ns in least.items():
        sums[kind_of_node(operator, groups.get(node, 1))] += ns
    return sums


# ---- The graph's operations --------------------------------------------------------------------

def operations(path: pathlib.Path):
    graph = onnx.shape_inference.infer_shapes(onnx.load(path)).graph
    shapes = {value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
              for value in [*graph.value_info, *graph.output, *graph.input]}
    shapes |= {weight.name: list(weight.dims) for weight in graph.initializer}
    sums = collections.Counter()
    for node in graph.node:
        result = math.prod(shapes.get(node.output[0], [0]))
        if node.op_type == "Conv":
            groups = next((a.i for a in node.attribute if a.name == "group"), 1)
            sums[DEPTHWISE if groups > 1 else DENSE] += \
                2 * result * math.prod(shapes[node.input[1]][1:])
        elif node.op_type == "Gemm":
            sums[DENSE] += 2 * result * shapes[node.input[1]][0]
    return sums


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--calls", type=int, default=12)
    parser.add_argument("--models", default=",".join(NETWORKS))
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "out/convolutions.json")
    options = parser.parse_args()
    eerie, found = options.build.resolve() / "eerie", []
    for name in options.models.split(","):
        model, mlir = source(eerie, name)
        flags = chosen(eerie, mlir)
        module = compiled(eerie, mlir, flags)
        flop = operations(model)
        with tempfile.TemporaryDirectory() as folder:
            mine = ours(eerie, name, module, pathlib.Path(folder), options.calls)
            other = theirs(model, pathlib.Path(folder), options.calls)
        kinds = [{"kind": kind, "ours_ns": mine[kind], "theirs_ns": other[kind],
                  "flop": flop[kind]} for kind in KINDS if mine[kind] or other[kind]]
        kinds.append({"kind": "all", "ours_ns": sum(mine.values()), "theirs_ns": sum(other.values()),
                      "flop": sum(flop.values())})
        found.append({"model": name, "title": MODELS[name][0], "kinds": kinds, "flags": flags,
                      "load": os.getloadavg()[0]})
        for kind in kinds:
            print("%-10s %-36s %10.1f us %10.1f us" % (
                name, kind["kind"], kind["ours_ns"] / 1e3, kind["theirs_ns"] / 1e3), flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
