"""Programs for several devices, through the command: results against NumPy and, where it runs them,
iree-run-module; how devices are named and chosen; what is said when one is missing.

    devices_test.py build/release/eerie --compiler .venv/bin/iree-compile --out build/devices

Two devices of Vulkan are two GPUs where the machine has them, and one opened twice otherwise. Exit
code 77: no compiler, or no device.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
# Compiler 3.13 links kernels of both kinds into executables that have only one.
FLAGS = ["--iree-hal-local-target-device-backends=llvm-cpu", "--iree-llvmcpu-target-cpu=host",
         "--iree-hal-link-executables=false"]
# The compiler refuses tensors that a CPU and a GPU share unless told that they reach each other.
TOPOLOGY = ("module attributes {{stream.topology = #hal.device.topology<links = ["
            "(@device_a -> @device_b = {{transparent_access = true}}), "
            "(@device_b -> @device_a = {{transparent_access = true}})]>}} {{\n{}\n}}\n")
# name: devices, whether they are said to reach each other
PROGRAMS = {
    "cpus": (["local[0]", "local[1]"], False),
    "gpus": (["vulkan[0]", "vulkan[1]"], False),
    "gpus_near": (["vulkan[0]", "vulkan[1]"], True),
    "cpu_gpu": (["local", "vulkan"], True),
    "gpu_cpu": (["vulkan", "local"], True),
}

options = argparse.Namespace()


def compile_program(name: str) -> pathlib.Path:
    devices, near = PROGRAMS[name]
    source, target = HERE / "devices.mlir", options.out / f"{name}.vmfb"
    newest = max(path.stat().st_mtime for path in (source, pathlib.Path(__file__)))
    if target.is_file() and target.stat().st_mtime > newest:
        return target
    text = source.read_text()
    flags = [f"--iree-hal-target-device=device_{letter}={device}"
             for letter, device in zip("ab", devices)]
    subprocess.run([options.compiler, "-", "-o", target, *FLAGS, *flags], check=True, timeout=120,
                   input=(TOPOLOGY.format(text) if near else text).encode())
    return target


def listed() -> list[dict]:
    run = subprocess.run([options.eerie, "devices", "--json"], capture_output=True, check=True,
                         timeout=60)
    return json.loads(run.stdout)


def vulkan_names() -> list[str]:
    return [device["name"] for device in listed() if device["driver"] == "vulkan"]


def two_gpus() -> list[str]:
    names = vulkan_names()
    return (names * 2)[:2]


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_eerie(self, name, devices, function=None, inputs=(), command=None):
        arguments = [f"--module={options.out / name}.vmfb", *(f"--device={d}" for d in devices)]
        if function:
            arguments.append(f"--function={function}")
        for i, array in enumerate(inputs):
            np.save(self.folder / f"in{i}.npy", array)
            arguments.append(f"--input=@{self.folder}/in{i}.npy")
        arguments.append(f"--output=@{self.folder}/out.npy")
        return subprocess.run([*(command or [options.eerie, "run"]), *arguments],
                              capture_output=True, text=True, timeout=120)

    def call(self, name, devices, function, *inputs, command=None):
        run = self.run_eerie(name, devices, function, inputs, command)
        self.assertEqual(run.returncode, 0, run.stderr)
        return np.load(self.folder / "out.npy")

    def refusal(self, name, devices):
        zeros = np.zeros(64, np.float32)
        run = self.run_eerie(name, devices, "chain", (zeros, zeros))
        self.assertNotEqual(run.returncode, 0)
        return run.stderr


def places() -> list[tuple[str, list[str]]]:
    first, second = two_gpus()
    return [("gpus", [first, second]), ("cpu_gpu", ["local-task", second]),
            ("cpus", ["local-task", "local-task"]), ("gpus", [second, first]),
            ("gpus_near", [first, second]), ("gpu_cpu", ["local-task", second]),
            ("gpu_cpu", [first, "local-sync"])]


class Programs(Case):
    def setUp(self):
        super().setUp()
        random = np.random.default_rng(7)
        self.a, self.b = random.standard_normal((2, 64)).astype(np.float32)
        self.m, self.n = random.standard_normal((2, 16, 16)).astype(np.float32)

    def test_results(self):
        total = self.a + self.b
        for i, (name, devices) in enumerate(places()):
            with self.subTest(program=name, devices=devices):
                result = self.call(name, devices, "chain", self.a, self.b)
                np.testing.assert_allclose(result, total * total - self.a, rtol=1e-5, atol=1e-5)
                if i > 2:
                    continue
                result = self.call(name, devices, "both", self.m, self.n)
                np.testing.assert_allclose(result, self.m @ self.m + self.n @ self.n, rtol=1e-4,
                                           atol=1e-4)
                result = self.call(name, devices, "accumulate", self.a)
                np.testing.assert_array_equal(result, self.a)

    def test_as_iree_run_module(self):
        tool = options.compiler.parent / "iree-run-module"
        if not tool.is_file():
            self.skipTest(f"no {tool}")
        devices = ["local-sync", "local-task"]
        for function, inputs in (("chain", (self.a, self.b)), ("accumulate", (self.a,))):
            theirs = self.call("cpus", devices, function, *inputs, command=[tool])
            ours = self.call("cpus", devices, function, *inputs)
            np.testing.assert_array_equal(ours, theirs)


class Choices(Case):
    def setUp(self):
        super().setUp()
        self.a = np.arange(64, dtype=np.float32)
        self.expected = 4 * self.a * self.a - self.a

    def check(self, name, devices):
        np.testing.assert_array_equal(self.call(name, devices, "chain", self.a, self.a),
                                      self.expected)

    def test_names(self):
        gpus = [device for device in listed() if device["driver"] == "vulkan"]
        last, uuid = len(gpus) - 1, gpus[-1]["uuid"]
        for name in (f"vulkan:{last}", f"vulkan://{last}", f"vulkan://GPU-{uuid}"):
            with self.subTest(name=name):
                self.check("cpu_gpu", ["local-sync", name])
        if len(gpus) > 1:
            self.assertNotEqual(gpus[0]["uuid"], gpus[1]["uuid"])
            self.check("gpus", [f"vulkan:{gpus[1]['uuid']}", f"vulkan:{gpus[0]['uuid']}"])
        self.assertIn("vulkan:99", self.refusal("gpus", ["vulkan:99", "vulkan:0"]))

    def test_auto(self):
        for name, kinds in (("cpu_gpu", ("local", "vulkan")), ("cpus", ("local", "local"))):
            run = self.run_eerie(name, ["auto"], "chain", (self.a, self.a))
            self.assertEqual(run.returncode, 0, run.stderr)
            np.testing.assert_array_equal(np.load(self.folder / "out.npy"), self.expected)
            for kind in kinds:
                self.assertRegex(run.stderr, f"(?m)^device: {kind}")
        # One of two is named.
        self.check("gpu_cpu", ["local-sync", "auto"])

    def test_missing(self):
        for name, devices, words in (
                ("cpus", ["local-sync"], ["`device_b`: local, number 1", "fits: local-sync"]),
                ("cpu_gpu", ["local-sync"], ["`device_b`: vulkan", "fits: local-sync"]),
                ("gpus", [two_gpus()[0]], ["`device_b`: vulkan, number 1", "fits: vulkan:"])):
            message = self.refusal(name, devices)
            for word in (*words, "INCOMPATIBLE"):
                self.assertIn(word, message)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("eerie", type=pathlib.Path)
    parser.add_argument("--compiler", required=True, type=pathlib.Path)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.parse_args(namespace=options)
    if not options.compiler.is_file():
        print(f"skipped: no {options.compiler}; run: tools/setup.sh build test")
        return 77
    if not vulkan_names():
        print("skipped: no Vulkan device")
        return 77
    options.out.mkdir(parents=True, exist_ok=True)
    for name in PROGRAMS:
        compile_program(name)
    print("on", ", ".join(vulkan_names()))
    return 0 if unittest.main(argv=[sys.argv[0]], exit=False).result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
