"""`eerie check`: tests that are in a module; and the limits that programs can be given."""
import json
import sys
import unittest

import harness

needs_iree = unittest.skipUnless(harness.IREE_COMPILE, "iree-compile is not there")


@needs_iree
class Check(harness.Case):
    def setUp(self):
        self.good = harness.compile_module("expectations.mlir")
        self.bad = harness.compile_module("expectations_fail.mlir")

    def test_all_hold(self):
        """Each test finds the module as it was loaded: counts_once_too would see a count of 1."""
        for arguments in ([self.good], [f"--module={self.good}", "--device=local-task"],
                          [self.good, "--task_topology_group_count=2"]):
            done = self.eerie("check", *arguments)
            self.assertEqual(done.out.splitlines(),
                             ["OK      holds", "OK      counts_once", "OK      counts_once_too",
                              "3 tests: 3 OK, 0 FAILED"])
            self.assertEqual((done.code, done.err), (0, ""))

    def test_failures(self):
        done = self.eerie("check", self.bad)
        self.assertEqual((done.code, done.err), (1, ""))
        lines = done.out.splitlines()
        self.assertEqual([line for line in lines if not line.startswith(" ")],
                         ["OK      holds", "FAILED  differs_twice", "FAILED  divides_by_zero",
                          "FAILED  asserts", "FAILED  takes_a_number", "5 tests: 1 OK, 4 FAILED"])
        # Both expectations are told, not only the first.
        twice = lines[2:4]
        for text, words in zip(twice, (["expected 5", "got 2"], ["expected 7", "got 3"]), strict=True):
            for word in ["differs_twice", "check.expect_eq", *words]:
                self.assertIn(word, text)
        self.assertIn("division by zero (INVALID_ARGUMENT)", done.out)
        self.assertIn("words of the module (FAILED_PRECONDITION)", done.out)
        self.assertIn("this has 1 and 0: sync func @takes_a_number", done.out)

    def test_some(self):
        done = self.eerie("check", self.bad, "--function=holds")
        self.assertEqual((done.code, done.out), (0, "OK      holds\n1 test: 1 OK, 0 FAILED\n"))
        done = self.eerie("check", self.bad, "--function=holds", "--function=asserts")
        self.assertEqual(done.code, 1)
        self.assertIn("2 tests: 1 OK, 1 FAILED", done.out)
        self.refuses(2, "check", self.bad, "--function=absent", says=["absent", "NOT_FOUND"])

    def test_expected_failures(self):
        done = self.eerie("check", self.bad, "--expect_failure")
        self.assertEqual(done.code, 0)
        self.assertIn("4 FAILED, as expected", done.out)
        done = self.eerie("check", self.good, "--expect_failure")
        self.assertEqual(done.code, 1)
        self.assertIn("a failure was expected", done.out)

    def test_json(self):
        done = self.eerie("check", self.bad, "--json")
        self.assertEqual((done.code, done.err), (1, ""))
        facts = json.loads(done.out)
        self.assertEqual((facts["passed"], facts["failed"]), (1, 4))
        tests = {test["name"]: test for test in facts["tests"]}
        self.assertEqual((tests["holds"]["passed"], tests["holds"]["messages"]), (True, []))
        self.assertEqual((tests["differs_twice"]["passed"], tests["differs_twice"]["status"]),
                         (False, "ABORTED"))
        self.assertEqual(len(tests["differs_twice"]["messages"]), 2)

    def test_bad_command_lines(self):
        self.refuses(2, "check", says="no module given")
        self.refuses(3, "check", "absent.vmfb", says="absent.vmfb")
        self.refuses(7, "check", self.good, "--device=gpu", says="gpu")
        self.refuses(2, "check", self.good, "--input=4xf32", says="unknown option --input")


@needs_iree
class Limits(harness.Case):
    def test_kernels_of_machine_code(self):
        call = ["--function=mul", "--input=4xf32=1 2 3 4", "--input=4xf32=10"]
        module = harness.compile_module("values.mlir")
        done = self.eerie("run", module, *call, "--no_native")
        self.assertNotEqual(done.code, 0)
        self.assertIn("PERMISSION_DENIED", done.err)

    def test_steps(self):
        module = harness.compile_module("expectations.mlir")
        done = self.eerie("check", module, "--step_limit=1", "--function=holds")
        self.assertEqual(done.code, 1)
        self.assertIn("(DEADLINE_EXCEEDED)", done.out + done.err)

    def test_memory(self):
        module = harness.compile_module("values.mlir")
        call = ["--function=id_i8", f"--input={2 << 20}xi8=1", "--output="]
        self.assertEqual(self.eerie("run", module, *call).code, 0)
        big = ["--function=add_matrices", "--input=100000x3xf32=1", "--input=100000x3xf32=1",
               "--output="]
        self.assertEqual(self.eerie("run", module, *big, "--memory_limit=32").code, 0)
        self.refuses(1, "run", module, *big, "--memory_limit=1", says="(RESOURCE_EXHAUSTED)")

    def test_waiting(self):
        module = harness.compile_module("values.mlir")
        done = self.eerie("run", module, "--function=mul", "--input=4xf32=1", "--input=4xf32=2",
                          "--wait_limit_ms=60000", "--device=local-task")
        self.assertIn("4xf32=2 2 2 2", done.out, done.err)
        self.refuses(2, "run", module, "--wait_limit_ms=soon", says="soon")


if __name__ == "__main__":
    harness.main(sys.modules[__name__])
