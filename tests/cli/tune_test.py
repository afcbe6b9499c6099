"""eerie tune: what it tries, writes and tells; its choices are those of eerie compile."""

import csv
import io
import json
import os
import signal
import subprocess
import time
import unittest

import compile_test
import harness

INPUTS = ["--input=4xf32=1 2 3 4", "--input=4xf32=10"]

PRODUCT = """func.func @main(%a: tensor<14x64xf32>, %b: tensor<64x32xf32>) -> tensor<14x32xf32> {
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<14x32xf32>
  %i = linalg.fill ins(%z : f32) outs(%e : tensor<14x32xf32>) -> tensor<14x32xf32>
  %r = linalg.matmul ins(%a, %b : tensor<14x64xf32>, tensor<64x32xf32>)
      outs(%i : tensor<14x32xf32>) -> tensor<14x32xf32>
  return %r : tensor<14x32xf32>
}
"""


@compile_test.needs_iree
class Tune(compile_test.CompileCase):
    def tune(self, *arguments):
        done = self.eerie("tune", "mul.mlir", *INPUTS, *arguments)
        self.assertEqual((done.code, done.err), (0, ""))
        return done.out

    def test_best_module_table_and_choices(self):
        rows = json.loads(self.tune("--budget=8", "--table=json", "--output=best.vmfb",
                                    "--choices=mul.choices"))
        best, = [row for row in rows if row["state"] == "best"]
        tried = [row for row in rows if row["rounds"]]
        self.assertGreaterEqual(len(tried), 2)
        self.assertEqual(rows[0]["name"], "defaults")
        for row in tried:
            self.assertLessEqual(row["min_ns"], row["median_ns"])
            self.assertLess(best["min_ns"], row["min_ns"] * 1.03)
        run = self.eerie("run", "--module=best.vmfb", *INPUTS)
        self.assertIn("4xf32=10 20 30 40", run.out)
        choices = (self.folder / "mul.choices").read_text().splitlines()
        self.assertTrue(choices[0].startswith("# mul.mlir: %s, on %s" % (best["name"], best["device"])))
        advice = choices[1].removeprefix("# run with: ").split()
        self.assertEqual(advice[0], "--device=" + best["device"])
        done = self.eerie("run", "--module=best.vmfb", *advice, *INPUTS)
        self.assertEqual(done.out, run.out)
        for flag in choices[2:]:
            self.assertTrue(flag.startswith("--iree-"), flag)
        done = self.eerie("compile", "mul.mlir", "--choices=mul.choices")
        self.assertEqual((done.code, done.err), (0, ""))
        self.assertEqual([name for name in self.left() if "tune" in name], [])

    def test_threads(self):
        """The best flags with threads, where there is more than one CPU; not where devices are told."""
        rows = json.loads(self.tune("--budget=6", "--table=json"))
        threads = {row.get("threads") for row in rows if row["device"] == "local-task"}
        cores = len(os.sched_getaffinity(0))
        self.assertEqual(threads, {cores} if cores == 2 else threads)
        if cores > 1:
            self.assertIn(cores, threads)
            self.assertIn("0", {row.get("spin_us") for row in rows})
        rows = json.loads(self.tune("--budget=2", "--table=json", "--device=local-sync"))
        self.assertEqual({row["device"] for row in rows}, {"local-sync"})

    def test_tiles_of_products(self):
        """Products of matrices get tiles of their own, which the compiler takes."""
        (self.folder / "product.mlir").write_text(PRODUCT)
        arguments = ["--input=14x64xf32=0.5", "--input=64x32xf32=2"]
        done = self.eerie("tune", "product.mlir", *arguments, "--budget=200", "--table=json",
                          "--choices=product.choices", "--device=local-sync")
        self.assertEqual((done.code, done.err), (0, ""))
        tiles, = [row for row in json.loads(done.out) if row["name"] == "tiles"]
        self.assertIn(tiles["state"], (None, "best"))
        self.assertGreater(tiles["rounds"], 0)
        best = tiles["state"] == "best"
        self.assertEqual((self.folder / "product.choices.tiles.mlir").exists(), best)
        self.assertEqual("tuning-spec-path" in (self.folder / "product.choices").read_text(), best)
        done = self.eerie("compile", "product.mlir", "--choices=product.choices")
        self.assertEqual((done.code, done.err), (0, ""))
        run = self.eerie("run", "--module=product.vmfb", *arguments)
        self.assertIn("14x32xf32=[64 64", run.out)

    def test_short_budget_and_other_tables(self):
        rows = list(csv.DictReader(io.StringIO(self.tune("--budget=0", "--table=csv"))))
        self.assertEqual(rows[0]["state"], "best")
        self.assertEqual({row["state"] for row in rows[1:]}, {"no time"})
        self.assertIn("| defaults | local-sync | best | 5 |", self.tune("--budget=0"))

    def test_refusals(self):
        self.refuses(2, "tune", says="no model")
        self.refuses(2, "tune", "mul.mlir", "--table=xml", says="xml")
        self.refuses(3, "tune", "none.mlir", says="none.mlir")
        self.refuses(2, "tune", "mul.mlir", "--budget=0", "--input=3xf32=1", "--input=4xf32=1",
                     says="dimension 0 is 3")
        done = self.eerie("tune", self.wrong, "--budget=0")
        self.assertEqual(done.code, 1)
        self.assertIn("mulx", done.err)

    def test_a_signal_leaves_nothing(self):
        process = subprocess.Popen([harness.EERIE, "tune", "mul.mlir", *INPUTS], cwd=self.folder,
                                   env={**os.environ, **self.environment},
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 30
        while not any("tune" in name for name in self.left()) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, -signal.SIGTERM)
        self.assertEqual([name for name in self.left() if "tune" in name], [])


if __name__ == "__main__":
    harness.main(__name__)
