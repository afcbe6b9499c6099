"""Runs ONNX's backend tests, compiled for a kind of GPU, on the first such device.

    gpu_tests.py --runner build/release/tests/behaviour/golden_run [--target vulkan|cuda] [--every N]
                 [--iree] [--device NAME] [--cache build/conformance/onnx] [NAME...]

Of the tests that pass on the CPU (onnx_pass_RELEASE.txt) every N-th is compiled by itself and run.
Its answer must be what ONNX expects, with ONNX's own tolerance; or the module is refused for
what the device lacks. With --iree iree-run-module runs the same module on the same device (it knows
no lavapipe), and a test that it gets right must pass; one that both get wrong is the compiler's.
Those that were found so stand in onnx_TARGET_wrong.txt; on a device without that peer they may fail.

Exit code 1: something failed; 77: no compiler, or no device.
"""

import argparse
import collections
import os
import pathlib
import subprocess
import sys

import onnx_tests as base

import common
import onnx
import onnx_data

TARGETS = {
    "vulkan": ["--iree-hal-target-device=vulkan"],
    "cuda": ["--iree-hal-target-device=cuda", "--iree-cuda-target=sm_80"],
}
base.VARIANTS.update(TARGETS)
base.BATCH = 1  # a kernel that the device cannot run would take others with it
# What an error says when the device lacks something.
REFUSED = "INCOMPATIBLE"

Verdict = collections.namedtuple("Verdict", "name outcome why")


def judge(test, options, compiler):
    note = compiler.note(test)
    if note is None or note["stage"] != "done":
        return Verdict(test.name, "not compiled", (note or {}).get("error", ""))
    module = compiler.folder / note["module"]
    for data_set in test.data["data_sets"]:
        sides = [[base.element_of(item) for item in side] for side in data_set]
        inputs = [(element, item.shape, base.bytes_of(item, element))
                  for item, element in zip(data_set[0], sides[0])]
        ours = base.ask_eerie(options.runner, module, note["function"], inputs, options.device)
        if ours.error and REFUSED in ours.error:
            return Verdict(test.name, "refused", ours.error)
        wrong = base.wrong_values(ours, data_set[1], test)
        if not wrong:
            continue
        if options.iree:
            theirs = base.ask_iree(options.iree_run_module, module, note["function"], inputs,
                                   sides[1], options.target)
            their_wrong = base.wrong_values(theirs, data_set[1], test)
            if their_wrong:
                return Verdict(test.name, "wrong with both", "%s; %s" % (wrong, their_wrong))
        if test.name in options.known_wrong:
            return Verdict(test.name, "wrong with both", wrong)
        return Verdict(test.name, "wrong", wrong)
    return Verdict(test.name, "passed", "")


def has_device(options):
    """Whether the runner opens the device."""
    process = subprocess.run([str(options.runner)], input="device %s\n" % options.device,
                             capture_output=True, text=True, timeout=60)
    if process.returncode:
        print("skipped: %s" % process.stderr.strip())
    return process.returncode == 0


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runner", required=True, type=pathlib.Path)
    parser.add_argument("--tools", type=pathlib.Path, default=pathlib.Path(sys.executable).parent)
    parser.add_argument("--cache", type=pathlib.Path, default=common.DEFAULT_OUT / "onnx")
    parser.add_argument("--target", default="vulkan", choices=sorted(TARGETS))
    parser.add_argument("--device", help="where to run; default: the target's first")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--iree", action="store_true", help="beside iree-run-module")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--timeout", type=int, default=120, help="seconds for one compilation")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    options.variant = options.target
    options.device = options.device or options.target
    options.tools = options.tools.absolute()
    return options


def main():
    options = parse_arguments()
    if not has_device(options):
        return 77
    base.describe_tools(options)
    options.cache = options.cache.resolve()
    data = options.cache / ("data-" + onnx.__version__)
    options.cache.mkdir(parents=True, exist_ok=True)
    onnx_data.write(data)
    passing = base.read_names(base.HERE / ("onnx_pass_%s.txt" % options.release))
    options.known_wrong = set(base.read_names(base.HERE / ("onnx_%s_wrong.txt" % options.target)))
    wanted = set(options.names or passing[::options.every])
    tests = [test for test in base.all_tests(data)
             if test.name in wanted and test.kind != base.NETWORKS]
    compiler = base.Compiler(options)
    compiler.compile(tests)
    verdicts = common.in_parallel(options.jobs, lambda test: judge(test, options, compiler), tests,
                                  "running")
    counts = collections.Counter(verdict.outcome for verdict in verdicts)
    for verdict in verdicts:
        if verdict.outcome == "wrong" or (options.verbose and verdict.outcome != "passed"):
            print("%s: %s: %s" % (verdict.outcome, verdict.name, verdict.why[:300]))
    print("%d tests: %s" % (len(verdicts), ", ".join(
        "%d %s" % (count, outcome) for outcome, count in counts.most_common())))
    return 1 if counts["wrong"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
