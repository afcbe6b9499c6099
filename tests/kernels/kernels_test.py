#!/usr/bin/env python3
"""Kernels that are linked into the program, that come as a shared library, and that call functions of
their host: compiled here, run by kernels_run.c over the public interface, and compared bit for bit
with iree-run-module and with NumPy.

    kernels_test.py --runner kernels_run --library libeerie.a --source DIR --tools .venv/bin
                    --core core-static-sources.txt --out DIR [--eerie COMMAND] [--cc COMPILER]
                    [--cflags FLAGS]

Exit code 1 when something differs, 77 when the compiler is not installed.
"""

import argparse
import os
import pathlib
import shlex
import subprocess
import sys
import unittest

try:
    import numpy
except ImportError:
    print("skipped: no numpy")
    sys.exit(77)

HERE = pathlib.Path(__file__).parent
LOCAL = ["--iree-hal-target-device=local", "--iree-llvmcpu-target-cpu=host"]
CPU = [*LOCAL, "--iree-hal-local-target-device-backends=llvm-cpu"]
# A shared library without a word of libc. `iree-run-module` loads it with `embedded:` too.
STANDALONE = ["-DSTANDALONE", "-ffreestanding", "-fno-builtin", "-fno-stack-protector", "-nostdlib",
              "-Wl,--hash-style=sysv,-z,separate-code,--build-id=none"]
COUNTS = {"scaled": 70, "total": 70, "mul": 70, "functions": 70, "product": 16}

options = None


def run(command, **arguments):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                            timeout=120, check=False, **arguments)
    if result.returncode != 0:
        raise RuntimeError(f"{shlex.join(map(str, command))}: {result.stderr or result.stdout}")
    return result.stdout


def compiled(name, source, *flags):
    """The module made of `source`, once for all tests."""
    module = options.out / f"{name}.vmfb"
    if not module.exists():
        run([options.tools / "iree-compile", HERE / source, *flags, "-o", module])
    return module


def built(name, *sources, flags=(), libraries=()):
    """What the C compiler makes of `sources`: a program or a shared library, once for all tests."""
    target = options.out / name
    if not target.exists():
        run([options.cc, "-std=c11", "-O1", *flags, *sources, "-o", target, *libraries])
    return target


def plugin(standalone=False):
    flags = ["-shared", "-fPIC", "-fvisibility=hidden", *(STANDALONE if standalone else [])]
    return built("plugin_alone.so" if standalone else "plugin.so", HERE / "plugin.c", flags=flags)


def eerie(module, functions, *flags, runner=None):
    """Lines of the runner: a dict of function -> array, and the last line."""
    count = COUNTS[functions[0]]
    lines = run([runner or options.runner, *flags, module, count, *functions]).splitlines()
    arrays = {}
    for line in lines:
        name, *bits = line.split()
        if name in functions:
            arrays[name] = numpy.array([int(word, 16) for word in bits], numpy.uint32)
    return arrays, lines[-1] if lines else ""


def element(index, count):
    i = numpy.arange(count)
    return (((i * 7 + index * 3) % 23) * 0.25 - 2.0).astype(numpy.float32)


def oracle(module, function, *flags):
    """What iree-run-module answers to the same inputs, as bits."""
    count = COUNTS[function]
    inputs = []
    for index in range(1 if function == "total" else 2):
        path = options.out / f"input{index}_{count}.npy"
        numpy.save(path, element(index, count))
        inputs.append(f"--input=@{path}")
    if function == "scaled":
        inputs.append("--input=1.5")
    result = options.out / f"{module.stem}_{function}.npy"
    run([options.tools / "iree-run-module", "--device=local-sync", f"--module={module}",
         f"--function={function}", *inputs, *flags, f"--output=@{result}"])
    return numpy.load(result).reshape(-1).view(numpy.uint32)


def expected(function):
    """What NumPy answers."""
    x, y = element(0, COUNTS[function]), element(1, COUNTS[function])
    match function:
        case "mul":
            return x * y
        case "functions":
            return numpy.arctan2(numpy.exp(numpy.tanh(x)), y)
        case "product":
            return (x.reshape(4, 4) @ y.reshape(4, 4)).reshape(-1)
        case "scaled":
            return x * y * numpy.float32(1.5) + y
        case "total":
            return x.sum(keepdims=True)
    raise ValueError(function)


class Kernels(unittest.TestCase):
    def agrees(self, arrays, functions, module, *flags):
        for function in functions:
            with self.subTest(function=function):
                numpy.testing.assert_array_equal(arrays[function], oracle(module, function, *flags))
                numpy.testing.assert_allclose(arrays[function].view(numpy.float32),
                                              expected(function), rtol=1e-5, atol=1e-6)

    # ---- Where kernels come from

    functions = ["mul", "functions"]

    def test_shared_library(self):
        module = compiled("system", "static.mlir", *CPU, "--iree-llvmcpu-link-embedded=false")
        self.assertIn(b"system-elf-", module.read_bytes())
        arrays, _ = eerie(module, self.functions)
        self.agrees(arrays, self.functions, module)
        self.agrees(eerie(module, ["product"])[0], ["product"], module)

    def test_shared_libraries_beside_each_other(self):
        # Two at once in one process: neither may be taken for the other.
        module = compiled("system", "static.mlir", *CPU, "--iree-llvmcpu-link-embedded=false")
        inline = compiled("system_inline", "static.mlir", *CPU,
                          "--iree-llvmcpu-link-embedded=false",
                          "--iree-execution-model=inline-dynamic")
        for one in (module, inline):
            arrays, _ = eerie(one, self.functions)
            self.agrees(arrays, self.functions, module)

    def static_module(self):
        return compiled("static", "static.mlir", *CPU, "--iree-llvmcpu-link-embedded=false",
                        "--iree-llvmcpu-link-static",
                        f"--iree-llvmcpu-static-library-output-path={options.out}/static.o")

    def test_linked_into_the_program(self):
        module = self.static_module()
        self.assertTrue((options.out / "static.h").exists())
        program = built("static_run", HERE / "kernels_run.c", options.out / "static.o",
                        options.library, flags=[
                            f"-I{options.source}/include", *shlex.split(options.cflags),
                            "-DLIBRARY_QUERY=static_linked_library_query", "-pthread"],
                        libraries=["-ldl", "-lm"])
        embedded = compiled("embedded", "static.mlir", *CPU)
        arrays, last = eerie(module, self.functions, runner=program)
        self.assertEqual(sorted(arrays), sorted(self.functions), last)
        self.agrees(arrays, self.functions, embedded)

    def test_linked_in_without_a_system(self):
        # The core as a microcontroller has it, on this machine: no libc but the program's own use.
        module = self.static_module()
        sources = [options.source / line for line in options.core.read_text().split()]
        program = built("bare_run", HERE / "kernels_run.c", *sources, options.out / "static.o",
                        flags=[f"-I{options.source}/include", f"-I{options.source}/runtime",
                               *shlex.split(options.cflags), "-O0", "-DBARE", "-DEERIE_THREADS=0",
                               "-DLIBRARY_QUERY=static_linked_library_query"])
        arrays, last = eerie(module, self.functions, runner=program)
        self.assertEqual(sorted(arrays), sorted(self.functions), last)
        self.agrees(arrays, self.functions, compiled("embedded", "static.mlir", *CPU))
        _, answer = eerie(compiled("embedded", "static.mlir", *CPU), self.functions, runner=program)
        self.assertRegex(answer, "UNAVAILABLE|INCOMPATIBLE")
        _, answer = eerie(module, self.functions, "--no-native", runner=program)
        self.assertRegex(answer, "PERMISSION_DENIED|INCOMPATIBLE")

    def test_not_linked_into_the_program(self):
        _, answer = eerie(self.static_module(), self.functions)
        self.assertRegex(answer, r"NOT_FOUND: .*static library 'static_linked'.*it has: none")

    # ---- Functions of the host

    calls = ["scaled", "total"]

    def imports(self, *flags):
        return compiled("_".join(["imports", *(flag.split("=")[-1] for flag in flags)]),
                        "imports.mlir", *CPU, *flags)

    def test_table(self):
        arrays, last = eerie(self.imports(), self.calls, "--table")
        self.agrees(arrays, self.calls, self.imports(), f"--executable_plugin={plugin()}")
        # 70 elements are two workgroups; what the processor has, as iree-cpuinfo tells it.
        words = last.split()
        self.assertEqual(words[:4], ["calls", "2", "processor", "0"])
        self.check_processor([int(word, 16) for word in words[4:]])

    def check_processor(self, data):
        if os.uname().machine != "x86_64":
            self.skipTest("bits of another machine")
        bits = {"sse3": 0, "ssse3": 1, "sse4.1": 2, "sse4.2": 3, "sse4a": 4, "avx": 10, "fma": 11,
                "fma4": 12, "xop": 13, "f16c": 14, "avx2": 15, "avx512f": 20, "avx512cd": 21,
                "avx512vl": 22, "avx512dq": 23, "avx512bw": 24, "avx512ifma": 25, "avx512vbmi": 26,
                "avx512vpopcntdq": 27, "avx512vnni": 28, "avx512vbmi2": 29, "avx512bitalg": 30,
                "avx512bf16": 31, "avx512fp16": 32, "amx-tile": 50, "amx-int8": 51, "amx-bf16": 52}
        word = 0
        for line in run([options.tools / "iree-cpuinfo"]).splitlines():
            name, value = line.split()
            self.assertIn(name, bits)
            word |= int(value) << bits[name]
        self.assertEqual(data, [word, 0, 0, 0, 0, 0, 0, 0])

    def test_plugin(self):
        for standalone, prefix in ((False, ""), (True, "embedded:"), (True, "")):
            path = f"{prefix}{plugin(standalone)}"
            for flags in ([], ["--iree-execution-model=inline-dynamic"]):
                with self.subTest(path=path, flags=flags):
                    arrays, last = eerie(self.imports(*flags), self.calls, f"--plugin={path}")
                    self.assertEqual(sorted(arrays), self.calls, last)
                    self.agrees(arrays, self.calls, self.imports(), f"--executable_plugin={path}")

    def test_command(self):
        if not options.eerie:
            self.skipTest("built without the command")
        for path in (plugin(), f"embedded:{plugin(standalone=True)}"):
            line = ["--device=local-sync", f"--module={self.imports()}", "--function=scaled",
                    "--input=70xf32=2.5", "--input=70xf32=4", "--input=0.5",
                    f"--executable_plugin={path}"]
            self.assertEqual(run([options.eerie, "run", *line]),
                             run([options.tools / "iree-run-module", *line]))

    def test_missing_function(self):
        _, answer = eerie(self.imports(), self.calls)
        self.assertRegex(answer, "NOT_FOUND: .*kernels of imports.* call the function test_scale")

    def test_plugins_that_are_none(self):
        text = options.out / "text.so"
        text.write_text("not a library")
        empty = built("empty.so", HERE / "plugin.c",
                      flags=["-shared", "-fPIC", "-fvisibility=hidden",
                             "-Diree_hal_executable_plugin_query=other"])
        newer = built("newer.so", HERE / "plugin.c",
                      flags=["-shared", "-fPIC", "-fvisibility=hidden", "-DVERSION=2"])
        failing = built("failing.so", HERE / "plugin.c",
                        flags=["-shared", "-fPIC", "-fvisibility=hidden", "-DLOAD_STATUS=8"])
        status = built("status.so", HERE / "plugin.c",
                       flags=["-shared", "-fPIC", "-fvisibility=hidden", "-DFEATURES=2"])
        for path, message in (
                (options.out / "absent.so", r"NOT_FOUND: .*absent\.so"),
                (f"embedded:{options.out}/absent.so", r"NOT_FOUND: .*absent\.so"),
                (text, r"NOT_FOUND: .*text\.so"),
                (f"embedded:{text}", r"DATA_LOSS: .*text\.so: .*does not start with an ELF header"),
                (empty, "NOT_FOUND: .*no export iree_hal_executable_plugin_query"),
                (newer, "INCOMPATIBLE: .*interface version 0.2; this build knows 0.1"),
                (failing, "RESOURCE_EXHAUSTED: .*plugin test_functions failed to load"),
                (status, "INCOMPATIBLE: .*needs status objects of IREE's runtime")):
            with self.subTest(path=path):
                _, answer = eerie(self.imports(), self.calls, f"--plugin={path}")
                self.assertRegex(answer, message)

    # ---- No machine code

    def test_no_native(self):
        embedded = compiled("embedded", "static.mlir", *CPU)
        inline = compiled("inline", "static.mlir", *CPU, "--iree-execution-model=inline-dynamic")
        system = compiled("system", "static.mlir", *CPU, "--iree-llvmcpu-link-embedded=false")
        for module in (embedded, inline, system, self.static_module()):
            with self.subTest(module=module.name):
                _, answer = eerie(module, self.functions, "--no-native")
                self.assertRegex(answer, r"PERMISSION_DENIED: .*machine code \('[a-z0-9_-]+'\)")
        vmvx = compiled("vmvx", "static.mlir", *LOCAL,
                        "--iree-hal-local-target-device-backends=vmvx")
        arrays, last = eerie(vmvx, ["mul"], "--no-native")
        self.assertIn("mul", arrays, last)
        self.agrees(arrays, ["mul"], vmvx)


def main():
    global options  # pylint: disable=global-statement
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runner", required=True, type=pathlib.Path)
    parser.add_argument("--library", required=True, type=pathlib.Path)
    parser.add_argument("--source", required=True, type=pathlib.Path)
    parser.add_argument("--core", required=True, type=pathlib.Path)
    parser.add_argument("--tools", required=True, type=pathlib.Path)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--eerie", type=pathlib.Path)
    parser.add_argument("--cc", default="cc")
    parser.add_argument("--cflags", default="")
    options, rest = parser.parse_known_args()
    for name in ("runner", "library", "source", "core", "tools", "out"):
        setattr(options, name, getattr(options, name).resolve())
    if not (options.tools / "iree-compile").exists():
        print(f"skipped: no compiler at {options.tools}")
        return 77
    options.out.mkdir(parents=True, exist_ok=True)
    for old in options.out.iterdir():
        old.unlink()
    program = unittest.main(argv=[sys.argv[0], *rest], exit=False)
    return 0 if program.result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
