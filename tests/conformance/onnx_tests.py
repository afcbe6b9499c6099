"""Runs the backend tests of the package `onnx` on Eerie and on iree-run-module.

    onnx_tests.py --runner build/release/tests/behaviour/golden_run [--share fast|tenth|all]
                  [--variant llvm-cpu|vmvx|f64] [--tools .venv/bin] [--cache build/conformance/onnx] [NAME...]

Each test is imported and compiled by the compiler of `--tools`, run with its iree-run-module and with
Eerie, and judged three ways: what IREE's runtime answers against what ONNX expects, with ONNX's own
tolerance; what Eerie answers against the same; and both answers bit for bit. A test passes when all
three hold. Those that once passed stand in onnx_pass_RELEASE[_VARIANT].txt; one of them that does not
pass any more fails the run, as does every answer of Eerie that is not IREE's. Compiled modules and
IREE's answers are kept in the cache, so that a second run takes seconds.

Exit code 1: something failed, 77: the compiler, its importer or the runtime is not installed.
"""

import argparse
import collections
import hashlib
import json
import os
import pathlib
import pickle
import platform
import queue
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "behaviour"))

try:
    import ml_dtypes
    import numpy as np
    import onnx
    import common
    import onnx_data
    import values
except ImportError as missing:
    print("skipped: %s; run: tools/setup.sh build test" % missing)
    sys.exit(77)

# What is compiled for, and which tests it is of use for.
LOCAL = ["--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=%s"]
VARIANTS = {
    "llvm-cpu": [LOCAL[0], LOCAL[1] % "llvm-cpu", "--iree-llvmcpu-target-cpu=host"],
    "vmvx": [LOCAL[0], LOCAL[1] % "vmvx"],
    "f64": [LOCAL[0], LOCAL[1] % "llvm-cpu", "--iree-llvmcpu-target-cpu=host",
            "--iree-input-demote-f64-to-f32=false"],
}
NETWORKS = "real"
# Models that are compiled together. Of 16 small ones the compiler takes a quarter of the time that
# it takes for them apart; more do not save much more.
BATCH = 16
# The version that models are converted to when they cannot be compiled as they are: older ones lack
# forms of BatchNormalization, Softmax and others that the compiler knows.
OPSET = 17
# Counted up when the meaning of what is in the cache changes.
CACHE_VERSION = 1

# Element types as a module's signature has them, by NumPy's. The ABI of a model from ONNX has integers
# without a sign.
ELEMENTS = {
    "bool": "i1", "int8": "i8", "uint8": "i8", "int16": "i16", "uint16": "i16", "int32": "i32",
    "uint32": "i32", "int64": "i64", "uint64": "i64", "float16": "f16", "float32": "f32",
    "float64": "f64", "bfloat16": "bf16", "complex64": "complex<f32>", "complex128": "complex<f64>",
    "float8_e4m3fn": "f8E4M3FN", "float8_e4m3fnuz": "f8E4M3FNUZ", "float8_e5m2": "f8E5M2",
    "float8_e5m2fnuz": "f8E5M2FNUZ", "float8_e8m0fnu": "f8E8M0FNU", "int4": "i4", "uint4": "i4",
}
CODES = {
    "i1": 0x13000008, "i4": 0x10000004, "i8": 0x10000008, "i16": 0x10000010, "i32": 0x10000020,
    "i64": 0x10000040, "f16": 0x21000010, "f32": 0x21000020, "f64": 0x21000040,
    "bf16": 0x22000010, "complex<f32>": 0x23000040, "complex<f64>": 0x23000080,
    "f8E5M2": 0x24000008, "f8E4M3FN": 0x25000008, "f8E5M2FNUZ": 0x26000008,
    "f8E4M3FNUZ": 0x27000008, "f8E8M0FNU": 0x28000008,
}
# What a .npy file can hold; other outputs are asked for as bare bytes.
NPY_KINDS = {"i1", "i8", "i16", "i32", "i64", "f16", "f32", "f64"}

# How an answer begins that no runtime may give: a signal, a sanitizer's report, no end.
CRASH = "crash: "

Answer = collections.namedtuple("Answer", "error arrays")  # error: text, or None
Answer.__doc__ = "What a runtime came to: arrays as lists of (element, shape, bytes)."


# ---- Tests ---------------------------------------------------------------------------------------

class Test:
    def __init__(self, path, kind):
        self.path, self.name = path, "%s/%s" % (kind, path.stem)
        self.kind = kind
        self._data = None

    @property
    def data(self):
        if self._data is None:
            self._data = pickle.loads(self.path.with_suffix(".pickle").read_bytes())
        return self._data


def all_tests(folder):
    return [Test(path, kind) for kind in onnx_data.KINDS
            for path in sorted((folder / kind).glob("*.onnx"))]


def has_double(test):
    return any(isinstance(item, np.ndarray) and item.dtype == np.float64
               for data_set in test.data["data_sets"] for side in data_set for item in side)


def element_of(array):
    """The element type that stands for an array's in a module's signature, or None."""
    if not isinstance(array, np.ndarray):
        return None
    return ELEMENTS.get(array.dtype.name)


def bytes_of(array, element):
    """An array as a module sees it: row-major; nibbles are packed, lowest first."""
    if element == "i4":
        nibbles = array.astype(np.int8).view(np.uint8).ravel() & 15
        nibbles = np.append(nibbles, np.zeros(nibbles.size % 2, np.uint8))
        return (nibbles[0::2] | nibbles[1::2] << 4).tobytes()
    return np.ascontiguousarray(array).tobytes()


def array_of(element, shape, data, like):
    """An answer as a NumPy array of the dtype that `like` has, where the bits are the same."""
    if element == "i4":
        raw = np.frombuffer(data, np.uint8)
        nibbles = np.stack([raw & 15, raw >> 4], 1).ravel()[:int(np.prod(shape))].astype(np.int8)
        if like.dtype == ml_dtypes.int4:
            nibbles = (nibbles ^ 8) - 8
        return nibbles.astype(like.dtype).reshape(shape)
    if element == ELEMENTS.get(like.dtype.name):
        return np.frombuffer(data, like.dtype).reshape(shape)
    return np.frombuffer(data, values.NUMPY[CODES[element]]).reshape(shape)


# ---- The compiler --------------------------------------------------------------------------------

class Compiler:
    """Compiles models of one release for one variant, in several processes, and keeps the results."""

    def __init__(self, options):
        self.flags, self.timeout = VARIANTS[options.variant], options.timeout
        self.release, self.jobs = options.release, options.jobs
        self.python = options.tools / "python"
        self.folder = options.cache / ("%s-%s" % (options.release, options.variant))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.servers = queue.SimpleQueue()
        for _ in range(options.jobs):
            self.servers.put(None)
        self.started = []
        self.host = host_features() if "--iree-llvmcpu-target-cpu=host" in self.flags else ""

    def stem(self, test):
        text = [str(CACHE_VERSION), self.release, self.host, str(OPSET)] + self.flags
        key = hashlib.sha256("\n".join(text).encode() + b"\0" + test.path.read_bytes())
        return self.folder / key.hexdigest()[:32]

    def note(self, test):
        """What onnx_compile.py said of a test; None before."""
        path = self.stem(test).with_suffix(".json")
        return json.loads(path.read_text()) if path.exists() else None

    def compile(self, tests):
        """Compiles those of the tests that were not compiled before."""
        missing = [test for test in tests if self.note(test) is None]
        jobs = [[test] for test in missing if test.kind == NETWORKS]
        rest = [test for test in missing if test.kind != NETWORKS]
        jobs += [rest[i:i + BATCH] for i in range(0, len(rest), BATCH)]
        common.in_parallel(self.jobs, self._compile_job, jobs, "compiling")
        for server in self.started:
            server.stdin.close()
            server.wait()

    def _compile_job(self, tests):
        stems = [self.stem(test) for test in tests]
        name = hashlib.sha256("".join(stem.name for stem in stems).encode()).hexdigest()[:32]
        job = {"models": [str(test.path) for test in tests], "out": str(self.folder / name),
               "flags": self.flags, "opset": OPSET,
               "timeout": self.timeout * (5 if tests[0].kind == NETWORKS else 1)}
        server = self.servers.get()
        try:
            if server is None or server.poll() is not None:
                server = subprocess.Popen(
                    [str(self.python), str(HERE / "onnx_compile.py")], stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
                self.started.append(server)
            server.stdin.write(json.dumps(job) + "\n")
            server.stdin.flush()
            line = server.stdout.readline()
        finally:
            self.servers.put(server)
        for stem, note in zip(stems, json.loads(line or "[]")):
            # A machine that was busy is no property of the model.
            if not note["error"].startswith("more than"):
                write_whole(stem.with_suffix(".json"), json.dumps(note).encode())


def write_whole(path, data):
    part = path.with_name("%s.%d" % (path.name, os.getpid()))
    part.write_bytes(data)
    os.rename(part, path)


def host_features():
    """What kernels for the host depend on: the flags of its CPU."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")


# ---- The two runtimes ----------------------------------------------------------------------------

def ask_iree(tool, module, function, inputs, outputs, device="local-sync"):
    """The answer of iree-run-module. `inputs`: (element, shape, bytes); `outputs`: elements."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        command = [str(tool), "--module=%s" % module, "--function=%s" % function,
                   "--device=%s" % device]
        for i, (element, shape, data) in enumerate(inputs):
            text = "x".join([str(n) for n in shape] + [element])
            if data:
                path = folder / ("input%d.bin" % i)
                path.write_bytes(data)
                text += "=@%s" % path
            command.append("--input=" + text)
        paths = [folder / ("output%d.%s" % (i, "npy" if element in NPY_KINDS else "bin"))
                 for i, element in enumerate(outputs)]
        command += ["--output=@%s" % path for path in paths]
        try:
            process = subprocess.run(command, capture_output=True, text=True, errors="replace",
                                     timeout=100)
        except subprocess.TimeoutExpired:
            return Answer("more than 100 seconds", [])
        if process.returncode != 0:
            lines = process.stderr.strip().splitlines() or ["exit code %d" % process.returncode]
            return Answer("exit code %d: %s" % (process.returncode, lines[0][:400]), [])
        arrays = []
        for element, path in zip(outputs, paths):
            if path.suffix == ".npy":
                array = np.load(path)
                arrays.append((ELEMENTS[array.dtype.name], array.shape, array.tobytes()))
            else:
                arrays.append((element, None, path.read_bytes()))
        return Answer(None, arrays)


def ask_eerie(runner, module, function, inputs, device="local-sync"):
    script = ["device %s" % device, "module %s" % module, "link"]
    for element, shape, data in inputs:
        sizes = "".join("%d " % n for n in shape)
        script.append("arg tensor 0x%08x %d %s%s" %
                      (CODES[element], len(shape), sizes, data.hex() or "-"))
    script.append("call %s" % function)
    try:
        process = subprocess.run([str(runner)], input="\n".join(script) + "\n",
                                 capture_output=True, text=True, timeout=300)
    except subprocess.TimeoutExpired:
        return Answer(CRASH + "more than 300 seconds", [])
    if process.returncode < 0 or "ERROR: " in process.stderr:
        return Answer(CRASH + "exit code %d: %s" % (process.returncode, process.stderr[-600:]), [])
    if process.returncode != 0:
        return Answer(process.stderr.strip()[:600], [])
    arrays = []
    for line in process.stdout.splitlines():
        if line.startswith("error "):
            return Answer(line[len("error "):], [])
        if line.startswith("tensor "):
            words = line.split(" ")
            rank = int(words[2])
            element = next((name for name, code in CODES.items() if code == int(words[1], 16)),
                           words[1])
            data = b"" if words[3 + rank] == "-" else bytes.fromhex(words[3 + rank])
            arrays.append((element, tuple(map(int, words[3:3 + rank])), data))
    return Answer(None, arrays)


# ---- Judging -------------------------------------------------------------------------------------

def wrong_values(answer, expected, test):
    """None, or what is wrong with an answer in the eyes of ONNX's backend tests."""
    if answer.error is not None:
        return answer.error
    if len(answer.arrays) != len(expected):
        return "%d results, expected %d" % (len(answer.arrays), len(expected))
    for i, ((element, shape, data), want) in enumerate(zip(answer.arrays, expected)):
        declared = element_of(want)
        if element != declared:
            return "result %d is of %s, expected %s" % (i, element, declared)
        if shape is None:
            shape = want.shape
        if tuple(shape) != want.shape:
            return "result %d has shape %s, expected %s" % (i, tuple(shape), want.shape)
        try:
            got = array_of(element, shape, data, want)
        except ValueError as error:
            return "result %d: %s" % (i, error)
        rtol = test.data["rtol"]
        if want.dtype.name == "bfloat16":
            rtol = max(rtol, 2**-6)  # two units in the last place, as the package's runner has it
        if want.dtype.isbuiltin == 2:  # NumPy cannot calculate with such types and its own
            got, want = got.astype(np.float32), want.astype(np.float32)
        if want.dtype.kind == "b":
            close = np.array_equal(got, want)
        else:
            with np.errstate(all="ignore"):
                close = np.isclose(got, want, rtol=rtol, atol=test.data["atol"],
                                   equal_nan=True).all()
        if not close:
            return "result %d has other values than expected" % i
    return None


def differences(ours, theirs):
    """None, or where Eerie's answer is not IREE's, to the bit."""
    if ours.error is not None:
        return ours.error
    if len(ours.arrays) != len(theirs.arrays):
        return "%d results, iree-run-module has %d" % (len(ours.arrays), len(theirs.arrays))
    for i, (our, their) in enumerate(zip(ours.arrays, theirs.arrays)):
        if our[0] != their[0] or their[1] not in (None, our[1]):
            return "result %d is %s %s, iree-run-module has %s %s" % (
                i, our[0], our[1], their[0], their[1])
        if our[2] != their[2]:
            return "result %d differs from iree-run-module's" % i
    return None


# How far a test came.
NOT_IMPORTED, NOT_COMPILED, NOT_RUN, WRONG, PASSED = range(5)
STAGES = ("not imported", "not compiled", "not run", "wrong", "passed")


class Result:
    """`same`: whether both runtimes gave the same answer, None when there was none to compare;
    `iree`, `ours`: whether that of each is what ONNX expects; `defect`: what is wrong with Eerie."""

    def __init__(self, test, stage, why="", same=None, iree=False, ours=False, defect=None):
        self.name, self.kind, self.stage, self.why = test.name, test.kind, stage, why
        self.same, self.iree, self.ours, self.defect = same, iree, ours, defect


def judge(test, options, compiler):
    note = compiler.note(test)
    if note is None:
        return Result(test, NOT_COMPILED, "the compiler took too long or could not be started")
    if note["stage"] != "done":
        stage = NOT_IMPORTED if note["stage"] == "import" else NOT_COMPILED
        return Result(test, stage, note["error"])
    elements = [[[element_of(item) for item in side] for side in data_set]
                for data_set in test.data["data_sets"]]
    if any(None in side for data_set in elements for side in data_set):
        return Result(test, NOT_RUN, "sequences, optionals or strings")
    stem, module = compiler.stem(test), compiler.folder / note["module"]
    wrong_theirs = wrong_ours = None
    for number, (data_set, sides) in enumerate(zip(test.data["data_sets"], elements)):
        inputs = [(element, item.shape, bytes_of(item, element))
                  for item, element in zip(data_set[0], sides[0])]
        theirs = kept_answer(stem, number, module, note["function"], inputs, sides[1], options)
        ours = ask_eerie(options.runner, module, note["function"], inputs)
        if theirs.error is not None:
            defect = ours.error if ours.error and ours.error.startswith(CRASH) else None
            return Result(test, NOT_RUN, "%s; Eerie: %s" % (theirs.error, ours.error or "an answer"),
                          defect=defect)
        wrong_theirs = wrong_theirs or wrong_values(theirs, data_set[1], test)
        wrong_ours = wrong_ours or wrong_values(ours, data_set[1], test)
        unlike = differences(ours, theirs)
        if unlike:
            return Result(test, WRONG, unlike, False, not wrong_theirs, not wrong_ours, unlike)
    return Result(test, WRONG if wrong_theirs else PASSED, wrong_theirs or "", True,
                  not wrong_theirs, not wrong_ours)


def kept_answer(stem, number, module, function, inputs, outputs, options):
    """The answer of iree-run-module, from the cache if it was asked before."""
    digest = hashlib.sha256(repr((module.name, function, inputs, outputs)).encode()).hexdigest()[:16]
    path = stem.with_suffix(".%d.%s.answer" % (number, digest))
    if path.exists():
        return Answer(*pickle.loads(path.read_bytes()))
    answer = ask_iree(options.iree_run_module, module, function, inputs, outputs)
    write_whole(path, pickle.dumps(tuple(answer)))
    return answer


# ---- Lists, counts, the whole --------------------------------------------------------------------

def pass_list(options):
    suffix = "" if options.variant == "llvm-cpu" else "_" + options.variant
    return HERE / ("onnx_pass_%s%s.txt" % (options.release, suffix))


def read_names(path):
    if not path.exists():
        return []
    return [line for line in path.read_text().splitlines() if line and not line.startswith("#")]


def choose(tests, options, passing):
    if options.names:
        chosen = [test for test in tests
                  if any(name in (test.name, test.path.stem) for name in options.names)]
        if not chosen:
            sys.exit("no such test: " + " ".join(options.names))
        return chosen
    if options.kinds:
        tests = [test for test in tests if test.kind in options.kinds]
    else:
        tests = [test for test in tests if test.kind != NETWORKS]
    if options.variant == "f64":
        tests = [test for test in tests if has_double(test)]
    if options.share == "tenth":
        return tests[::10]
    if options.share == "fast":
        if not passing:
            common.skip("no list of what passes with compiler %s" % options.release)
        once_failed = set(read_names(HERE / "onnx_once_failed.txt"))
        tenth = set(passing[::10])
        return [test for test in tests if test.name in tenth or test.name in once_failed]
    return tests


def row(group, results, options):
    """A line of the table in docs/conformance.md."""
    answers = sum(result.same is not None for result in results)
    equal = sum(result.same is True for result in results)
    backend = "vmvx" if options.variant == "vmvx" else "llvm-cpu"
    return {"group": group, "backend": backend, "total": len(results),
            "compiled": sum(result.stage > NOT_COMPILED for result in results),
            "iree_passed": sum(result.iree for result in results),
            "eerie_passed": sum(result.ours for result in results), "bit_equal": equal,
            "note": "%d imported, %d answers to compare" % (
                sum(result.stage > NOT_IMPORTED for result in results), answers)}


def report(results, options, passing):
    """Prints what is to be known; the number of failures."""
    chosen = {result.name for result in results}
    chosen_kinds = {result.kind for result in results}
    passed = [result.name for result in results if result.stage == PASSED]
    if options.update:
        kept = [name for name in passing if name not in chosen]
        text = "# Tests of the package onnx that pass with compiler %s, %s.\n" % (
            options.release, options.variant)
        pass_list(options).write_text(text + "".join(n + "\n" for n in sorted(kept + passed)))
    failures = 0
    for result in results:
        if result.defect:
            failures += 1
            print("%s: %s" % (result.name, result.defect))
        elif result.name in set(passing) and result.name not in set(passed) and not options.update:
            failures += 1
            print("%s: passed once, now: %s" % (result.name, result.why))
        elif options.verbose and result.stage != PASSED:
            print("%s: %s: %s" % (result.name, STAGES[result.stage], result.why))
    new = sorted(set(passed) - set(passing))
    if new and passing and not options.update:
        print("%d pass that are not on the list (--update puts them there): %s" %
              (len(new), " ".join(new[:5])))
    rows = [row(kind, [result for result in results if result.kind == kind], options)
            for kind in onnx_data.KINDS if any(result.kind == kind for result in results)]
    common.print_rows(rows + ([row("all", results, options)] if len(rows) > 1 else []))
    if options.results:
        parts = ["networks" if NETWORKS in chosen_kinds else options.variant]
        parts += [options.share] if options.share != "all" else []
        suite = "-".join(["onnx"] + parts)
        common.write_results(options.results, suite, options.release, rows)
    print("%d failures" % failures)
    return failures


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runner", required=True, type=pathlib.Path)
    parser.add_argument("--tools", type=pathlib.Path, default=pathlib.Path(sys.executable).parent,
                        help="folder of the python that has the compiler and runtime of a release")
    parser.add_argument("--cache", type=pathlib.Path, default=common.DEFAULT_OUT / "onnx")
    parser.add_argument("--share", choices=("fast", "tenth", "all"), default="all")
    parser.add_argument("--variant", choices=sorted(VARIANTS), default="llvm-cpu")
    parser.add_argument("--kinds", nargs="*", choices=onnx_data.KINDS,
                        help="all but real without this")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--timeout", type=int, default=120, help="seconds for one compilation")
    parser.add_argument("--update", action="store_true", help="write the list of what passes")
    parser.add_argument("--results", type=pathlib.Path,
                        help="folder to write the counts to, for report.py")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("names", nargs="*")
    return parser.parse_args()


def describe_tools(options):
    """Finds the release and its iree-run-module; exits when they are not there."""
    code = ("import importlib.metadata as m, iree._runtime_libs, iree.compiler, onnx;"
            "print(m.version('iree-base-compiler'));print(m.version('iree-base-runtime'));"
            "print(list(iree._runtime_libs.__path__)[0])")
    process = subprocess.run([str(options.tools / "python"), "-c", code], capture_output=True,
                             text=True)
    if process.returncode != 0:
        print("skipped: no compiler with importer and runtime beside %s: %s" %
              (options.tools, process.stderr.strip().splitlines()[-1]))
        sys.exit(77)
    options.release, runtime, folder = process.stdout.split()
    options.iree_run_module = pathlib.Path(folder) / "iree-run-module"
    if runtime != options.release:
        sys.exit("the compiler is %s but the runtime %s" % (options.release, runtime))


def main():
    options = parse_arguments()
    options.tools = options.tools.absolute()
    describe_tools(options)
    data = options.cache / ("data-" + onnx.__version__)
    options.cache = options.cache.resolve()
    options.cache.mkdir(parents=True, exist_ok=True)
    onnx_data.write(data)
    passing = read_names(pass_list(options))
    tests = choose(all_tests(data), options, passing)
    compiler = Compiler(options)
    compiler.compile(tests)
    results = common.in_parallel(options.jobs, lambda test: judge(test, options, compiler), tests,
                                 "running")
    return 1 if report(results, options, passing) else 0


if __name__ == "__main__":
    sys.exit(main())
