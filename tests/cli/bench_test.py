"""`eerie bench`: sweeps, contenders, formats; the numbers among themselves, not their size."""
import csv
import io
import json
import os
import pathlib
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest

import harness

needs_iree = unittest.skipUnless(
    harness.IREE_COMPILE and harness.IREE_RUN, "iree-compile and iree-run-module are not there"
)
QUICK = ("--repetitions=20", "--rounds=2", "--warmup=1")
NUMBERS = ("min_ns", "median_ns", "p90_ns", "p99_ns", "p99_9_ns", "max_ns")

# Stands in for Python with ONNX Runtime: the same arguments, the same answers.
FAKE_ORT = '''#!{python}
import os, pathlib, sys
code, model, threads, warmup, caches, *files = sys.argv[2:]
pathlib.Path({log!r}).write_text(
    "\\n".join([model, threads, warmup, caches, *(str(os.path.getsize(f)) for f in files)]))
if {missing}:
    sys.exit(77)
sys.stdout.buffer.write(b"ready\\n")
sys.stdout.buffer.flush()
for line in sys.stdin:
    if {broken}:
        print("RuntimeError: it broke", file=sys.stderr)
        sys.exit(3)
    times = [1000, 3000, 2000, 5000]
    sys.stdout.buffer.write(b"4 8000\\n" + b"".join(t.to_bytes(8, sys.byteorder) for t in times))
    sys.stdout.buffer.flush()
'''


@needs_iree
class Bench(harness.Case):
    def setUp(self):
        self.module = harness.compile_module("values.mlir")
        self.folder = harness.SCRATCH / self.id()
        self.folder.mkdir()

    def bench(self, *arguments, **keywords):
        return self.eerie("bench", *arguments, *QUICK, cwd=self.folder, **keywords)

    def rows(self, *arguments, **keywords):
        done = self.bench(*arguments, "--json", **keywords)
        self.assertEqual(done.code, 0, done.err)
        return json.loads(done.out)

    def test_one(self):
        row, = self.rows(self.module, "--function=mul", "--fill=zero")
        self.assertEqual(row["runtime"], "eerie")
        self.assertEqual((row["calls"], row["samples"]), (20, 20))
        order = [row[name] for name in NUMBERS]
        self.assertEqual(order, sorted(order))
        self.assertTrue(row["min_ns"] <= row["mean_ns"] <= row["max_ns"])
        self.assertLessEqual(row["stddev_ns"], row["max_ns"])
        self.assertGreater(row["min_cpu_ns"], 0)
        self.assertGreater(row["peak_bytes"], 0)

    def test_more_calls_than_rounds_and_less(self):
        for count in (1, 2, 7):
            done = self.eerie("bench", self.module, "--function=nothing", "--json",
                              f"--repetitions={count}")
            self.assertEqual(json.loads(done.out)[0]["calls"], count, done.err)
        done = self.eerie("bench", self.module, "--function=nothing", "--json", "--min-time=0")
        self.assertEqual(json.loads(done.out)[0]["calls"], 10, done.err)

    def test_sweep(self):
        other = self.folder / "other.vmfb"
        other.write_bytes(self.module.read_bytes())
        rows = self.rows(self.module, other, "--function=mul,add_matrices,nothing",
                         "--device=local-sync", "--caches=warm,cold", "--function=mul,nothing")
        shown = [(pathlib.Path(r["module"]).name, r["function"], r["caches"]) for r in rows]
        self.assertEqual(shown, [(module, function, cache)
                                 for module in (self.module.name, "other.vmfb")
                                 for function in ("mul", "nothing")
                                 for cache in ("warm", "cold")])

    def test_formats(self):
        what = [self.module, "--function=mul,nothing"]
        table = self.bench(*what).out.splitlines()
        self.assertEqual(len(table), 3)
        self.assertEqual(table[0].split()[:3], ["module", "function", "calls"])
        self.assertEqual(len({len(line) for line in table}), 1, table)
        self.assertEqual([line for line in table if line != line.rstrip()], [])
        self.assertTrue(table[1].endswith(" 1.00"))
        markdown = self.bench(*what, "--format=md").out.splitlines()
        self.assertEqual(len({line.count("|") for line in markdown}), 1)
        self.assertEqual(len(markdown), 4)
        rows = list(csv.DictReader(io.StringIO(self.bench(*what, "--format=csv").out)))
        self.assertEqual([row["function"] for row in rows], ["mul", "nothing"])
        self.assertTrue(all(float(row["min_ns"]) <= float(row["median_ns"]) for row in rows))
        lines = self.bench(*what, "--format=jsonl").out.splitlines()
        self.assertEqual([json.loads(line)["function"] for line in lines], ["mul", "nothing"])
        terse = self.bench(*what, "--terse").out.splitlines()
        self.assertEqual(len(terse), 2)
        for line in terse:
            least, median, calls, cpu = map(int, line.split())
            self.assertLessEqual(least, median)
            self.assertEqual(calls, 20)
            self.assertGreater(cpu, 0)

    def test_same_names(self):
        """Modules of one name show their paths."""
        paths = []
        for name in ("first", "second"):
            (self.folder / name).mkdir()
            paths.append(self.folder / name / "m.vmfb")
            paths[-1].write_bytes(self.module.read_bytes())
        table = self.bench(*paths, "--function=nothing").out.splitlines()
        self.assertIn("first/m.vmfb ", table[1])
        self.assertIn("second/m.vmfb ", table[2])

    def test_quoted(self):
        odd = self.folder / 'a,"b".vmfb'
        odd.write_bytes(self.module.read_bytes())
        rows = list(csv.DictReader(io.StringIO(
            self.bench(odd, "--function=nothing", "--format=csv").out)))
        self.assertEqual(rows[0]["module"], str(odd))

    def test_libraries(self):
        library = harness.compile_module("../modules/link_a.mlir")
        user = harness.compile_module("../modules/link_b.mlir")
        row, = self.rows(f"--module={library}", user, "--function=calls_twice")
        self.assertEqual(row["module"], str(user))
        row, = self.rows(f"--module={library}", f"--module={user}", "--function=calls_twice")
        self.assertEqual(row["module"], str(user))

    def test_fill(self):
        """Every kind of argument is made; what is made is what the function gets."""
        for function in ("id_i1", "id_i8", "id_bf16", "id_f16", "id_f64", "id_cf64", "rank0",
                         "scalars", "mul"):
            done = self.bench(self.module, f"--function={function}")
            if done.code == 2:
                self.assertIn("shape is open", done.err)
            else:
                self.assertEqual(done.code, 0, done.err)

    def test_threads_and_prepared(self):
        rows = self.rows(self.module, "--function=mul", "--threads=1,2", "--prepared")
        self.assertEqual([(row["device"], row["threads"]) for row in rows],
                         [("local-task", 1), ("local-task", 2)])
        self.refuses(2, "bench", self.module, "--function=mul", "--prepared", "--input=4xf32",
                     says="got 1 inputs, expected 2")

    def test_refusals(self):
        one = [self.module, "--function=mul"]
        self.refuses(2, "bench", self.module, "--function=rank2", says=["open", "--input="])
        self.refuses(2, "bench", self.module, says="one must be named")
        self.refuses(2, "bench", *one, "--input=4xf32=1", says="got 1 inputs, expected 2")
        self.refuses(2, "bench", *one, "--threads=0", says="--threads: '0'")
        self.refuses(2, "bench", *one, "--threads=1,,2", says="--threads: ''")
        self.refuses(2, "bench", *one, "--caches=hot", says="'hot' is not warm or cold")
        self.refuses(2, "bench", *one, "--format=xml", says="'xml' is not table")
        self.refuses(2, "bench", *one, "--fill=ones", says="'ones' is not random or zero")
        self.refuses(2, "bench", *one, "--against=torch", says="'torch' is not iree")
        self.refuses(2, "bench", *one, "--against=onnxruntime", says="--onnx=")
        self.refuses(2, "bench", says="no module given")
        self.refuses(3, "bench", "absent.vmfb", says=["absent.vmfb", "NOT_FOUND"])

    # ---- Other runtimes ------------------------------------------------------------------------

    def temporary(self):
        return [p for p in pathlib.Path(tempfile.gettempdir()).glob("eerie-bench-*")]

    def test_against_iree(self):
        bin_folder = {"EERIE_IREE_BIN": str(harness.IREE_RUN.parent)}
        before = self.temporary()
        rows = self.rows(self.module, "--function=mul", "--against=iree", environment=bin_folder)
        self.assertEqual([row["runtime"] for row in rows], ["eerie", "iree"])
        self.assertTrue(rows[1]["means_of_batches"])
        self.assertNotIn("p90_ns", rows[1])
        self.assertEqual(rows[1]["samples"], 2)
        self.assertGreaterEqual(rows[1]["calls"], 20)
        self.assertLessEqual(rows[1]["min_ns"], rows[1]["mean_ns"])
        # Arguments reach it: a number that the function refuses.
        self.refuses(1, "bench", self.module, "--function=fails", "--input=-3", "--against=iree",
                     *QUICK, says="positive", environment=bin_folder)
        # Every dtype, as the function declares it.
        for dtype in ("i1", "si8", "bf16", "f64", "i64"):
            name = "id_" + dtype.removeprefix("s")
            rows = self.rows(self.module, f"--function={name}", f"--input=3x{dtype}=1",
                             "--against=iree", environment=bin_folder)
            self.assertEqual(len(rows), 2)
        self.assertEqual(self.temporary(), before)

    def test_interrupted(self):
        """Nothing is left behind by a signal."""
        before = self.temporary()
        process = subprocess.Popen(
            [harness.EERIE, "bench", self.module, "--function=mul", "--against=iree",
             "--min-time=60"], env={**os.environ, "EERIE_IREE_BIN": str(harness.IREE_RUN.parent)},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        for _ in range(200):
            if self.temporary() != before:
                break
            time.sleep(0.05)
        self.assertNotEqual(self.temporary(), before)
        os.killpg(process.pid, signal.SIGINT)
        self.assertEqual(process.wait(timeout=60), -signal.SIGINT)
        self.assertEqual(self.temporary(), before)

    def test_iree_missing(self):
        nothing = {"EERIE_IREE_BIN": "", "PATH": str(self.folder)}
        self.refuses(4, "bench", self.module, "--function=mul", "--against=iree",
                     says=["iree-benchmark-module", "pip install"], environment=nothing,
                     cwd=self.folder)

    def fake(self, missing=False, broken=False):
        program, log = self.folder / "python3", self.folder / "log"
        program.write_text(FAKE_ORT.format(python=sys.executable, log=str(log), missing=missing,
                                           broken=broken))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return {"EERIE_PYTHON": str(program)}, log

    def test_against_onnxruntime(self):
        environment, log = self.fake()
        before = self.temporary()
        rows = self.rows(self.module, "--function=mul", "--against=onnxruntime",
                         "--onnx=mul.onnx", environment=environment)
        model, threads, warmup, caches, *sizes = log.read_text().split("\n")
        self.assertEqual((model, threads, warmup, caches), ("mul.onnx", "1", "1", "warm"))
        self.assertEqual(sizes, ["144", "144"])  # a header of 128 bytes and four floats
        peer = rows[1]
        self.assertEqual(peer["runtime"], "onnxruntime")
        self.assertEqual((peer["calls"], peer["min_ns"], peer["median_ns"], peer["max_ns"]),
                         (8, 1000, 2000, 5000))
        self.assertEqual((peer["mean_ns"], peer["min_cpu_ns"]), (2750, 2000))
        self.assertEqual(self.temporary(), before)

    def test_onnxruntime_fails(self):
        arguments = ["bench", self.module, "--function=mul", "--against=onnxruntime",
                     "--onnx=mul.onnx", *QUICK]
        environment, _ = self.fake(missing=True)
        self.refuses(4, *arguments, says="pip install", environment=environment)
        environment, _ = self.fake(broken=True)
        self.refuses(1, *arguments, says="it broke", environment=environment)
        self.assertEqual(os.listdir(self.folder).count("python3"), 1)

    def test_real_onnxruntime(self):
        """With the Python of $EERIE_ORT_PYTHON, which has onnxruntime and onnx; else nothing."""
        python = os.environ.get("EERIE_ORT_PYTHON")
        if not python:
            return
        make = (
            "import onnx, onnx.helper as h\n"
            "v = lambda n: h.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [4])\n"
            "g = h.make_graph([h.make_node('Mul', ['a', 'b'], ['c'])], 'g', [v('a'), v('b')], [v('c')])\n"
            "m = h.make_model(g, opset_imports=[h.make_opsetid('', 17)], ir_version=8)\n"
            "onnx.save(m, 'mul.onnx')\n"
        )
        self.assertEqual(harness.execute([python, "-c", make], cwd=self.folder).code, 0)
        rows = self.rows(self.module, "--function=mul", "--against=onnxruntime",
                         "--onnx=mul.onnx", "--caches=warm,cold",
                         environment={"EERIE_PYTHON": python})
        self.assertEqual([row["runtime"] for row in rows], ["eerie", "onnxruntime"] * 2)
        self.assertTrue(all(row["calls"] >= 20 and row["min_ns"] > 0 for row in rows))


if __name__ == "__main__":
    harness.main(sys.modules[__name__])
