"""ONNX's backend tests that the compiler's own importer does not get through, by way of ours.

    onnx_import.py --runner build/release/tests/behaviour/golden_run --package build/release/python
                   [--cache build/conformance/onnx] [--listed] [--every N] [--update] [NAME...]

Those are the tests that are not on onnx_pass_RELEASE.txt, which onnx_tests.py writes. Each is imported
by `eerie import`'s ONNX route, compiled, run with Eerie, and its answers are compared with what ONNX
expects, by ONNX's own tolerance. Those that once passed stand in onnx_import_pass.txt: one of them that
does not pass any more fails the run. --others runs those on the first list, which have to pass by our
importer as well. Modules are kept in the cache by what they are made from.

Element types that a module does not have (four and two bits, E8M0) cross as bytes, one for each element.

Exit code 1: something failed, 77: the compiler, onnx or the built package is missing.
"""
from __future__ import annotations

import argparse
import collections
import hashlib
import json
import os
import pathlib
import pickle
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "behaviour"))

try:
    import numpy as np
    import onnx
    import common
    import onnx_compile
    import onnx_data
    import onnx_tests
except ImportError as missing:
    print(f"skipped: {missing}; run: tools/setup.sh build test")
    sys.exit(77)

PASS_LIST = HERE / "onnx_import_pass.txt"
FLAGS = onnx_tests.VARIANTS["f64"]
# Counted up when the meaning of what is in the cache changes.
CACHE_VERSION = 1
# Seconds for a step of a model.
TIMEOUT = 120
_TOO_LARGE = "weights are too large for this test"

# What narrow numbers are as bytes.
BYTES = {"int4": np.int8, "uint4": np.uint8, "int2": np.int8, "uint2": np.uint8}
BITS = {"float4_e2m1fn": np.uint8, "float8_e8m0fnu": np.uint8}


# ---- Importing and compiling, in servers -----------------------------------------------------------

class ImportJob(onnx_compile.Job):
    """A job of onnx_compile.py, with our importer in the place of the compiler's."""

    def known(self, model, opset):
        from eerie.importers import Options, import_model
        mlir = os.path.join(self.folder, "model.mlir")
        options = Options(function="main", inline_weights=True, demote_f64=False)
        error = onnx_compile.in_child(self.folder, self.timeout,
                                      lambda: import_model(model, mlir, options))
        result = {"stage": "import" if error else "done", "error": error, "opset": 0}
        if error:
            return None, result
        whole = pathlib.Path(mlir).read_bytes()
        key = hashlib.sha256("\n".join([str(CACHE_VERSION), *self.flags]).encode() + whole)
        result["key"] = key.hexdigest()[:32]
        known = pathlib.Path(self.out).parent / (result["key"] + ".json")
        if known.exists():
            return None, json.loads(known.read_text())
        error = onnx_compile.in_child(
            self.folder, self.timeout, lambda: onnx_compile.compile_module(mlir, None, self.flags))
        if error:
            result.update(stage="compile", error=error)
        try:
            return whole.decode(), result
        except UnicodeDecodeError:  # weights made it bytecode
            result.update(stage="compile", error=_TOO_LARGE)
            return None, result

    def prepare(self, model):
        text, result = self.known(model, 0)
        if text is None and result["stage"] == "done":
            result["kept"] = True
        return text, result

    def do(self):
        parts = {}
        for number, model in enumerate(self.models):
            text, self.results[number] = self.prepare(model)
            if text is not None and self.results[number]["stage"] == "done":
                parts[number] = onnx_compile.Part(text, number)
        self.compile([n for n in parts if parts[n].function], parts)
        for n in parts:
            if not parts[n].function:
                self.compile([n], parts)
        return self.results


def serve() -> None:
    import eerie.importers.onnx.importing  # noqa: F401  loaded before the first fork
    from iree.compiler import ir  # noqa: F401
    from iree.compiler.extras import onnx_importer  # noqa: F401
    import onnx.reference  # noqa: F401
    onnx_compile._initializeGlobalCL("onnx_compile", "--mlir-disable-threading")
    with tempfile.TemporaryDirectory() as folder:
        for line in sys.stdin:
            print(json.dumps(ImportJob(json.loads(line), folder).do()), flush=True)


def start_server(package: pathlib.Path) -> subprocess.Popen:
    environment = dict(os.environ, PYTHONPATH=str(package))
    return subprocess.Popen([sys.executable, __file__, "--serve"], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                            env=environment)


def compile_all(tests, options) -> dict[str, dict]:
    """A note of each test: how far it came, and its module."""
    import queue
    servers: queue.SimpleQueue = queue.SimpleQueue()
    started = [start_server(options.package) for _ in range(options.jobs)]
    for server in started:
        servers.put(server)
    notes: dict[str, dict] = {}

    def work(part) -> None:
        name = hashlib.sha256("".join(t.name for t in part).encode() + os.urandom(8)).hexdigest()
        job = {"models": [str(test.path) for test in part], "flags": FLAGS, "opset": 0,
               "out": str(options.modules / name[:32]), "timeout": TIMEOUT}
        server = servers.get()
        try:
            server.stdin.write(json.dumps(job) + "\n")
            server.stdin.flush()
            results = json.loads(server.stdout.readline() or "null")
        finally:
            servers.put(server)
        for test, note in zip(part, results or [{"stage": "import", "error": "no answer"}] * 99):
            notes[test.name] = note
            if note.get("key") and not note["error"].startswith("more than"):
                path = options.modules / (note["key"] + ".json")
                onnx_tests.write_whole(path, json.dumps(note).encode())

    size = onnx_tests.BATCH
    common.in_parallel(options.jobs, work, [tests[i:i + size] for i in range(0, len(tests), size)],
                       "importing and compiling")
    for server in started:
        server.stdin.close()
        server.wait()
    return notes


# ---- Running ---------------------------------------------------------------------------------------

def as_bytes(array):
    """An array as it crosses into a module and out of it: narrow numbers as a byte each."""
    if not isinstance(array, np.ndarray):
        return array
    if array.dtype.name in BYTES:
        return array.astype(BYTES[array.dtype.name])
    if array.dtype.name in BITS:
        return np.ascontiguousarray(array).view(BITS[array.dtype.name])
    return array


def judge(test, note, options) -> tuple[str, str]:
    """(stage, why not)"""
    if note["stage"] != "done":
        return note["stage"], note["error"]
    for inputs, outputs in test.data["data_sets"]:
        inputs, outputs = [[as_bytes(item) for item in side] for side in (inputs, outputs)]
        if any(onnx_tests.element_of(item) is None for item in (*inputs, *outputs)):
            return "run", "sequences, optionals or strings"
        elements = [onnx_tests.element_of(item) for item in inputs]
        answer = onnx_tests.ask_eerie(
            options.runner, options.modules / note["module"], note["function"],
            [(element, item.shape, onnx_tests.bytes_of(item, element))
             for element, item in zip(elements, inputs)])
        if answer.error is not None:
            return "run", answer.error
        wrong = onnx_tests.wrong_values(answer, outputs, test)
        if wrong:
            return "wrong", wrong
    return "passed", ""


# ---- The whole -------------------------------------------------------------------------------------

def chosen(options) -> list:
    passing = set(onnx_tests.read_names(HERE / f"onnx_pass_{options.release}.txt"))
    tests = [test for test in onnx_tests.all_tests(options.data)
             if test.kind != onnx_tests.NETWORKS and (test.name in passing) == options.others]
    if options.names:
        tests = [test for test in tests if any(name in test.name for name in options.names)]
    if options.listed:
        listed = passing if options.others else set(onnx_tests.read_names(PASS_LIST))
        tests = [test for test in tests if test.name in listed]
    return tests[::options.every]


def report(tests, results, options) -> int:
    passed = {name for name, (stage, _) in results.items() if stage == "passed"}
    known = set(results) if options.others else set(onnx_tests.read_names(PASS_LIST))
    if options.update and not options.others:
        kept = (known - set(results)) | passed
        PASS_LIST.write_text(
            "# ONNX's backend tests that pass by Eerie's importer and not by the compiler's own, "
            f"{options.release}.\n" + "".join(f"{name}\n" for name in sorted(kept)))
        known = kept
    failures = 0
    for test in tests:
        stage, why = results[test.name]
        if stage != "passed" and test.name in known and why != _TOO_LARGE:
            failures += 1
            print(f"{test.name}: passed once, now {stage}: {why}")
        elif stage != "passed" and options.verbose:
            print(f"{test.name}: {stage}: {why}")
    count = collections.Counter(stage for stage, _ in results.values())
    if options.results and not (options.names or options.every > 1 or options.listed or
                                options.others):
        rows = []
        for kind in dict.fromkeys(test.kind for test in tests):
            stages = [results[test.name][0] for test in tests if test.kind == kind]
            rows.append({
                "group": kind, "backend": "llvm-cpu", "total": len(stages),
                "compiled": sum(stage in ("run", "wrong", "passed") for stage in stages),
                "iree_passed": 0, "eerie_passed": stages.count("passed"), "bit_equal": None,
                "note": "by Eerie's importer; none of them passes by the compiler's"})
        common.write_results(options.results, "onnx-import", options.release, rows)
    print(f"{len(tests)} tests that {'' if options.others else 'do not '}pass by the compiler's "
          f"importer: {len(passed)} pass, "
          f"{count['import']} are not imported, {count['compile']} not compiled, {count['run']} not "
          f"run, {count['wrong']} wrong")
    print(f"{failures} failures")
    return failures


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--runner", type=pathlib.Path)
    parser.add_argument("--package", type=pathlib.Path, help="folder that has the package eerie")
    parser.add_argument("--cache", type=pathlib.Path, default=common.DEFAULT_OUT / "onnx")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--update", action="store_true", help="write the list of what passes")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every Nth test alone")
    parser.add_argument("--listed", action="store_true", help="only tests that once passed")
    parser.add_argument("--others", action="store_true",
                        help="the tests that pass by the compiler's importer: all have to by ours")
    parser.add_argument("--results", type=pathlib.Path, help="folder to write the counts to")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("names", nargs="*", help="parts of names")
    return parser.parse_args()


def main() -> int:
    options = parse_arguments()
    if options.serve:
        serve()
        return 0
    import importlib.metadata
    if not options.runner or not options.package or not (options.package / "eerie").is_dir():
        print("skipped: --runner and --package name what a build with EERIE_BUILD_PYTHON=ON makes")
        return 77
    options.package = options.package.resolve()
    options.release = importlib.metadata.version("iree-base-compiler")
    options.data = options.cache / f"data-{onnx.__version__}"
    options.modules = (options.cache / f"import-{options.release}").resolve()
    options.modules.mkdir(parents=True, exist_ok=True)
    onnx_data.write(options.data)
    tests = chosen(options)
    notes = compile_all(tests, options)
    judged = common.in_parallel(
        options.jobs, lambda test: judge(test, notes[test.name], options), tests, "running")
    return 1 if report(tests, {t.name: r for t, r in zip(tests, judged)}, options) else 0


if __name__ == "__main__":
    sys.exit(main())
