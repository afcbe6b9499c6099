"""The other runtimes, one measurement each: the least time of a call in nanoseconds.

IREE's tool tells means: it repeats a short measurement, and the least of these counts, for ours is
the least as well; of one thread its processor time, which has no part of other programs in it. ONNX Runtime is called through its C interface (ort.c).
"""

import json
import pathlib

from run import ROOT, run

REPETITIONS = 10
UNITS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}


def iree(tool, module, function: str, inputs: list[str], seconds: float, threads: int = 0) -> float:
    """By iree-benchmark-module on local-sync, or with `threads` on local-task."""
    where = ["--device=local-task", f"--task_topology_group_count={threads}"] if threads else \
        ["--device=local-sync"]
    text = run([tool, f"--module={module}", f"--function={function}", *where,
                "--benchmark_format=json", f"--benchmark_repetitions={REPETITIONS}",
                f"--benchmark_min_time={seconds / REPETITIONS:g}s",
                *[f"--input={value}" for value in inputs]])
    found = [one for one in json.loads(text[text.index("{"):])["benchmarks"]
             if one["run_type"] == "iteration"]
    return min(UNITS[one["time_unit"]] * (one["real_time"] if threads else
                                          min(one["real_time"], one["cpu_time"])) for one in found)


def ort_library() -> pathlib.Path | None:
    """The wheel's library, where it is installed."""
    found = sorted((ROOT / ".venv/lib").glob(
        "python3*/site-packages/onnxruntime/capi/libonnxruntime.so*"))
    return found[0] if found else None


def ort(program, model, seconds: float, threads: int = 1) -> float | None:
    library = ort_library()
    if not library:
        return None
    return float(run([program, library, model, threads, seconds]).split()[0])
