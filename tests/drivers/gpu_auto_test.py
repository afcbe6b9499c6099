"""`--device=auto`, `vulkan:native` and device names: which device is taken for which module.

    gpu_auto_test.py EERIE MODULES

MODULES is the folder that make_modules.py filled. Runs behind the loader that fails on demand
(vulkan_shim.c), which can also make the device in software a GPU with memory of its own. Exit code
77: there is no Vulkan device.
"""

import os
import pathlib
import subprocess
import sys
import unittest

ARGUMENTS = ["--function=multiply", "--input=4xf32=1 2 3 4", "--input=4xf32=2"]
RESULT = "4xf32=2 4 6 8"


def run(*arguments, discrete=False):
    environment = dict(os.environ)
    if discrete:
        environment["EERIE_TEST_VULKAN_DISCRETE"] = "1"
    return subprocess.run([EERIE, *map(str, arguments)], capture_output=True, text=True, timeout=120,
                          env=environment)


class Auto(unittest.TestCase):
    def choose(self, name, device, discrete=False):
        done = run("run", "--device=auto", "--module=%s" % (MODULES / (name + ".vmfb")), *ARGUMENTS,
                   discrete=discrete)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(RESULT, done.stdout)
        self.assertRegex(done.stderr, r"(?m)^device: %s, " % device)

    def test_one_driver(self):
        for discrete in (False, True):
            self.choose("gpu_cpu", "local-task", discrete)
            self.choose("gpu_vulkan", "vulkan:0", discrete)

    def test_several_drivers(self):
        # A GPU before the CPU, the CPU before what emulates a GPU.
        self.choose("gpu_both", "vulkan:0", discrete=True)
        if "software" in run("devices").stdout:
            self.choose("gpu_both", "local-task")

    def test_none(self):
        done = run("run", "--device=auto", "--module=%s" % (MODULES / "gpu_other.vmfb"), *ARGUMENTS)
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertIn("--device=auto: no device runs the module; the last: ", done.stderr)

    def test_names(self):
        # One module for both, on each that it has code for, and not on what is not there.
        both = "--module=%s" % (MODULES / "gpu_both.vmfb")
        uuid = run("devices").stdout.split("--device=vulkan:")[1].split()[0]
        for device in ("vulkan", "vulkan:0", "vulkan:" + uuid, "local-sync", "local-task"):
            done = run("run", "--device=" + device, both, *ARGUMENTS)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(RESULT, done.stdout)
        self.assertNotEqual(run("run", "--device=vulkan:77", both, *ARGUMENTS).returncode, 0)


if __name__ == "__main__":
    EERIE, MODULES = sys.argv[1], pathlib.Path(sys.argv[2])
    if "vulkan:0" not in run("devices").stdout:
        print("skipped: no Vulkan device")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
