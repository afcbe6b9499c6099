"""`eerie compile`: results, messages, exit codes, what is left behind."""
import datetime
import glob
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile

import harness

needs_iree = unittest.skipUnless(harness.IREE_COMPILE, "iree-compile is not there")
HOST_FLAGS = harness.COMPILE_FLAGS[:3]

MULTIPLY = """func.func @mul(%a: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<4xf32> {
  %0 = arith.mulf %a, %b : tensor<4xf32>
  return %0 : tensor<4xf32>
}
"""
PRODUCT = """func.func @product(%a: tensor<{m}x{k}xf32>) -> tensor<{m}x{n}xf32> {{
  %w = arith.constant {dense} : tensor<{k}x{n}xf32>
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<{m}x{n}xf32>
  %i = linalg.fill ins(%z : f32) outs(%e : tensor<{m}x{n}xf32>) -> tensor<{m}x{n}xf32>
  %r = linalg.matmul ins(%a, %w : tensor<{m}x{k}xf32>, tensor<{k}x{n}xf32>)
      outs(%i : tensor<{m}x{n}xf32>) -> tensor<{m}x{n}xf32>
  return %r : tensor<{m}x{n}xf32>
}}
"""
WRONG = MULTIPLY.replace("arith.mulf", "arith.mulx")


def library():
    """Where iree-compile's library is: the tests must not depend on how eerie searches."""
    if os.environ.get("EERIE_COMPILER_LIB"):
        return os.environ["EERIE_COMPILER_LIB"]
    return harness.IREE_COMPILE.parent.parent if harness.IREE_COMPILE else None


class CompileCase(harness.Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(dir=harness.SCRATCH)
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.source = self.folder / "mul.mlir"
        self.source.write_text(MULTIPLY)
        self.wrong = self.folder / "wrong.mlir"
        self.wrong.write_text(WRONG)
        self.module = self.folder / "mul.vmfb"
        self.environment = {"TMPDIR": str(self.folder)}
        if library():
            self.environment["EERIE_COMPILER_LIB"] = str(library())

    def eerie(self, *arguments, **keywords):
        keywords.setdefault("environment", self.environment)
        keywords.setdefault("cwd", self.folder)
        return super().eerie(*arguments, **keywords)

    def left(self):
        return sorted(path.name for path in self.folder.iterdir())


@needs_iree
class Compile(CompileCase):
    def compile(self, *arguments, **keywords):
        done = self.eerie("compile", *arguments, **keywords)
        self.assertEqual((done.code, done.err), (0, ""))
        return done

    def test_same_bytes_as_iree_compile(self):
        expected = self.folder / "expected.vmfb"
        done = harness.execute([harness.IREE_COMPILE, self.source, *HOST_FLAGS, "-o", expected])
        self.assertEqual(done.code, 0, done.err)
        for arguments in (
            [],
            ["--target=host", "--isolated"],
            ["--no-isolated"],
            ["--isolated=false"],
            HOST_FLAGS,
            ["--", *HOST_FLAGS],
            ["--input-type", "none"],
        ):
            self.compile("--no-stamp", self.source, "-o", self.module, *arguments)
            self.assertEqual(self.module.read_bytes(), expected.read_bytes(), arguments)
            self.module.unlink()

    def test_runs(self):
        self.compile("mul.mlir", "-O3")
        done = self.eerie("run", "--module=mul.vmfb", "--input=4xf32=1 2 3 4", "--input=4xf32=10")
        self.assertIn("4xf32=10 20 30 40", done.out)

    def test_flags_by_the_model(self):
        """Chosen for one thread, told, stamped; what is given and a file of choices win."""
        inline = "--iree-execution-model=inline-dynamic"
        done = self.compile("mul.mlir", "--device=local-sync", "--print-flags")
        self.assertRegex(done.out, r"(?m)^%s  # \S" % inline)
        self.assertIn(inline.encode(), (self.folder / "mul.vmfb").read_bytes())
        done = self.eerie("run", "--module=mul.vmfb", "--input=4xf32=1 2 3 4", "--input=4xf32=10")
        self.assertIn("4xf32=10 20 30 40", done.out)
        self.assertNotIn(inline, self.compile("mul.mlir", "--print-flags").out)
        given = self.compile("mul.mlir", "--device=local-sync", "--print-flags",
                             "--iree-execution-model=async-internal")
        self.assertNotIn(inline, given.out)
        choices = self.folder / "mul.choices"
        choices.write_text("# tried\n\n--iree-opt-data-tiling\n  %s\n" % inline)
        done = self.compile("mul.mlir", "--choices=mul.choices", "--print-flags",
                            "--iree-opt-data-tiling=false")
        self.assertIn(inline, done.out)
        self.assertNotIn("--iree-opt-data-tiling ", done.out)
        choices.write_text("rm -rf\n")
        self.refuses(3, "compile", "mul.mlir", "--choices=mul.choices", says="mul.choices:1:")
        self.refuses(3, "compile", "mul.mlir", "--choices=none", says="none")

    def test_weights_are_packed_by_the_compiler(self):
        """What a program holds is in the module's file, in the order that kernels read."""
        count, rows, inner = 4, 96, 160
        values = [[float((7 * i + 13 * j) % 31 - 15) for j in range(rows)] for i in range(inner)]
        dense = "dense<%s>" % values
        self.source.write_text(PRODUCT.format(m=count, k=inner, n=rows, dense=dense))
        done = self.compile("mul.mlir", "--print-flags")
        self.assertIn("--iree-global-opt-data-tiling", done.out)
        done = self.eerie("inspect", "--memory", "--json", "mul.vmfb")
        memory = json.loads(done.out)[0]["functions"][0]["peak_bytes"]
        self.assertGreaterEqual(memory["weights"], 4 * inner * rows)
        self.assertLess(memory["state"], 1024)
        done = self.eerie("run", "--module=mul.vmfb", "--input=%dx%dxf32=2" % (count, inner))
        row = " ".join("%g" % (2 * sum(column)) for column in zip(*values))
        self.assertIn("%dx%dxf32=" % (count, rows) + "".join("[%s]" % row for _ in range(count)),
                      done.out)

    def test_several_targets(self):
        self.compile(self.source, "-o", self.module, "--target", "aarch64", "--target=vmvx",
                     "--target=host", "--target=vulkan")
        content = self.module.read_bytes()
        for name in (b"embedded-elf-arm_64", b"vmvx-bytecode-fb", b"vulkan-spirv-fb"):
            self.assertIn(name, content)
        done = harness.execute([harness.IREE_RUN, f"--module={self.module}", "--device=local-sync",
                                "--function=mul", "--input=4xf32=1,2,3,4", "--input=4xf32=2"])
        self.assertIn("4xf32=2 4 6 8", done.out)

    def test_static_library(self):
        self.compile(self.source, "-o", self.module, "--target=cortex-m4")
        self.assertEqual(self.left(), ["mul.h", "mul.mlir", "mul.o", "mul.vmfb", "wrong.mlir"])
        self.assertEqual((self.folder / "mul.o").read_bytes()[:4], b"\x7fELF")

    def test_standard_input_and_output(self):
        source = MULTIPLY.encode()
        done = self.compile("-", "--reproducible", stdin=source)
        self.assertEqual(done.raw[:4], b"PK\x03\x04")
        self.compile("-", "-o", self.module, "--reproducible", stdin=source)
        self.assertEqual(done.raw, self.module.read_bytes())
        done = self.compile(self.source, "--compile-to=flow")
        self.assertIn("flow.executable", done.out)
        done = self.compile("-", "--compile-from=flow", "-o", "-", stdin=done.raw)
        self.assertEqual(done.raw[:4], b"PK\x03\x04")
        done = self.eerie("compile", "-", stdin=WRONG.encode())
        self.assertEqual(done.code, 1)
        self.assertIn("<stdin>:2:8: error:", done.err)

    def test_bytecode(self):
        done = self.compile(self.source, "--compile-to=input", "--format=mlirbc")
        self.assertEqual(done.raw[:4], b"ML\xefR")
        self.compile("-", "-o", self.module, "--compile-from=input", stdin=done.raw)

    def test_phases(self):
        self.assertIn("stream.executable", self.compile(self.source, "--dump-phase=stream").out)
        dumps = self.folder / "dumps"
        dumps.mkdir()
        self.compile(self.source, "-o", self.module, f"--dump-phases-to={dumps}")
        self.assertIn("mul.6.flow.mlir", os.listdir(dumps))
        phases = self.compile("--list-phases").out.split()
        self.assertEqual((phases[0], phases[-1], len(phases)), ("start", "end", 14))
        self.refuses(2, "compile", self.source, "--compile-to=lunch", says=["lunch", "flow"])

    def test_split_input(self):
        two = self.folder / "two.mlir"
        two.write_text(MULTIPLY + "// -----\n" + WRONG)
        done = self.eerie("compile", two, "--split-input", "--compile-to=input")
        self.assertEqual(done.code, 1)
        self.assertIn("two.mlir:7:8: error:", done.err)

    def test_facts(self):
        done = self.compile(self.source, "-o", self.module, "--json", "--target=vmvx")
        facts = json.loads(done.out)
        self.assertEqual(facts["targets"], ["vmvx"])
        self.assertEqual(facts["bytes"], self.module.stat().st_size)
        self.assertRegex(facts["release"], r"^3\.")
        targets = json.loads(self.compile("--list-targets", "--json").out)
        self.assertIn("cuda[:ARCH]", [target["name"] for target in targets])
        self.assertIn("llvm-cpu", json.loads(self.compile("--list-plugins", "--json").out)["backends"])
        self.assertIn("llvm-cpu", self.compile("--iree-hal-list-target-backends").out)
        flags = self.compile("--flags=nondefault", "--target=vulkan", "-O2").out.split()
        self.assertEqual(set(flags), {"--iree-hal-target-device=vulkan", "--iree-opt-level=O2"})
        self.assertGreater(len(self.compile("--flags").out.splitlines()), 50)

    def test_global_flags(self):
        done = self.eerie("compile", self.source, "-o", self.module, "--mlir-timing")
        self.assertEqual(done.code, 0)
        self.assertIn("Execution time report", done.err)

    def test_diagnostics(self):
        done = self.eerie("compile", "wrong.mlir", "-o", self.module)
        self.assertEqual(done.code, 1)
        self.assertEqual(
            done.err.splitlines(),
            ["wrong.mlir:2:8: error: custom op 'arith.mulx' is unknown",
             "    %0 = arith.mulx %a, %b : tensor<4xf32>",
             "         ^",
             "eerie compile: 1 error in wrong.mlir"],
        )
        self.assertEqual(self.left(), ["mul.mlir", "wrong.mlir"])

    def test_an_old_module_stays_when_the_compile_fails(self):
        self.module.write_text("old")
        self.assertEqual(self.eerie("compile", self.wrong, "-o", self.module).code, 1)
        self.assertEqual(self.module.read_text(), "old")

    def test_crash(self):
        done = self.eerie("compile", self.source, "-o", self.module,
                          "--iree-llvmcpu-target-triple=toaster")
        self.assertEqual(done.code, 6)
        self.assertIn("mul.mlir: the compiler crashed with signal", done.err)
        (reproducer,) = glob.glob(str(self.folder / "eerie-crash-*.mlir"))
        self.assertIn(reproducer, done.err)
        self.assertIn("@mul", pathlib.Path(reproducer).read_text())
        # It reproduces: the source and the flags beside it.
        again = harness.execute([harness.IREE_COMPILE, reproducer, f"@{reproducer}.flags"])
        self.assertNotIn(again.code, (0, 1))
        self.assertFalse(self.module.exists())

    def test_fatal_error(self):
        done = self.eerie("compile", self.source, "--iree-llvmcpu-target-cpu=toaster")
        self.assertEqual(done.code, 1)
        self.assertIn("LLVM ERROR", done.err.splitlines()[-1])

    def test_limits(self):
        self.refuses(1, "compile", self.source, "--time-limit=0.005", says="5 ms")
        self.assertEqual(self.left(), ["mul.mlir", "wrong.mlir"])

    def test_ends_with_the_child(self):
        process = subprocess.Popen(
            [harness.EERIE, "compile", self.source, "-o", self.module], cwd=self.folder,
            env={**os.environ, **self.environment}, stderr=subprocess.PIPE)
        time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        self.assertIn(process.returncode, (0, -signal.SIGTERM))
        self.assertFalse(list(self.folder.glob("*.tmp*")))

    def test_bad_input(self):
        empty = self.folder / "empty.mlir"
        empty.touch()
        text = self.folder / "text.mlir"
        text.write_text("to be or not to be\n")
        self.compile(self.source, "-o", self.module)
        self.refuses(3, "compile", "absent.mlir", says=["absent.mlir", "No such file"])
        self.refuses(3, "compile", empty, says=["empty.mlir", "expected MLIR"])
        self.refuses(3, "compile", self.folder, says="folder")
        self.refuses(3, "compile", self.module, says=["mul.vmfb", "compiled module"])
        self.refuses(1, "compile", "-", says="<stdin> is empty", stdin=b"")
        self.assertEqual(self.eerie("compile", text).code, 1)
        self.refuses(5, "compile", self.source, "-o", "no/such/folder/x.vmfb",
                     says="no/such/folder/x.vmfb")
        self.refuses(5, "compile", self.source, "-o", self.folder, says="directory")
        self.refuses(5, "compile", self.source, "-o", "/dev/full", says="/dev/full")

    def test_bad_command_line(self):
        self.refuses(2, "compile", says="no input")
        self.refuses(2, "compile", self.source, self.source, says="more than one input")
        self.refuses(2, "compile", self.source, "--target=toaster", says=["toaster", "x86-64-v3"])
        self.refuses(2, "compile", self.source, "--target=host", "--target=x86-64-v3",
                     says="same kernel format")
        self.refuses(2, "compile", self.source, "--targt=host", says="did you mean --target?")
        self.refuses(2, "compile", self.source, "--mode=fast", says=["fast", "precompile"])
        self.refuses(2, "compile", self.source, "--format=zip", says=["zip", "module"])
        self.refuses(2, "compile", self.source, "-O9", says="-O9")
        self.refuses(2, "compile", self.source, "--iree-toaster=1", says="--iree-toaster=1")
        self.refuses(2, "compile", self.source, "--no-isolated", "--iree-toaster=1",
                     says="--iree-toaster=1")
        self.refuses(2, "compile", self.source, "--no-isolated", "--time-limit=1", says="limit")
        self.refuses(2, "compile", "--flags=some", says="nondefault")


@needs_iree
class Provenance(CompileCase):
    """What a module tells of where it comes from, and who can still read it."""

    def compile(self, *arguments, **keywords):
        done = self.eerie("compile", *arguments, "-o", self.module, **keywords)
        self.assertEqual((done.code, done.err), (0, ""))
        return self.module.read_bytes()

    def stamp(self):
        # The comment of a ZIP archive, read by someone else's reader.
        with zipfile.ZipFile(self.module) as archive:
            self.assertIsNone(archive.testzip())
            text, mark, rest = archive.comment.partition(b"\neerie-stamp:")
        self.assertTrue(mark)
        self.assertEqual(rest, b"%08x\n" % len(text))
        return json.loads(text)

    def test_facts(self):
        before = int(time.time())
        self.compile(self.source, "--target=host", "-O1", "--iree-input-demote-f64-to-f32=false")
        stamp = self.stamp()
        self.assertRegex(stamp["producer"], r"^eerie \d+\.\d+\.\d+$")
        self.assertRegex(stamp["compiler"], r"^3\.\d+\.\d+$")
        self.assertEqual(stamp["source"], "mul.mlir")
        self.assertEqual(stamp["source_sha256"], hashlib.sha256(MULTIPLY.encode()).hexdigest())
        self.assertEqual(stamp["targets"], ["host"])
        self.assertEqual(set(HOST_FLAGS) | {"--iree-opt-level=O1", "--iree-opt-strip-assertions=false",
                                            "--iree-input-demote-f64-to-f32=false"},
                         set(stamp["flags"]))
        moment = datetime.datetime.strptime(stamp["time"], "%Y-%m-%dT%H:%M:%SZ")
        moment = moment.replace(tzinfo=datetime.timezone.utc).timestamp()
        self.assertTrue(before <= moment <= time.time() + 1, stamp["time"])

    def test_hashes(self):
        """Lengths around those where the hash's padding changes, from a pipe."""
        for length in (55, 56, 64):
            source = MULTIPLY + "//"
            source += "-" * ((length - len(source)) % 64) + "\n"
            self.compile("-", stdin=source[:-1].encode())
            stamp = self.stamp()
            self.assertEqual(stamp["source"], "<stdin>")
            self.assertEqual(stamp["source_sha256"],
                             hashlib.sha256(source[:-1].encode()).hexdigest())

    def test_reproducible(self):
        first = self.compile(self.source, "--reproducible")
        time.sleep(1.1)
        self.assertEqual(self.compile(self.source, "--reproducible"), first)
        self.assertNotIn("time", self.stamp())
        self.environment["SOURCE_DATE_EPOCH"] = "951782400"
        first = self.compile(self.source)
        self.assertEqual(self.stamp()["time"], "2000-02-29T00:00:00Z")
        self.assertEqual(self.compile(self.source), first)
        for wrong in ("yesterday", "-1", "1e9", "9" * 30):
            self.environment["SOURCE_DATE_EPOCH"] = wrong
            self.refuses(2, "compile", self.source, says=["SOURCE_DATE_EPOCH", wrong])

    def test_names_that_need_escapes(self):
        source = self.folder / 'ä "quoted" \n\\.mlir'
        source.write_text(MULTIPLY)
        self.compile(source)
        self.assertEqual(self.stamp()["source"], source.name)

    def test_more_flags_than_fit(self):
        self.compile(self.source, *["--iree-input-demote-f64-to-f32=false"] * 2000)
        self.assertNotIn("flags", self.stamp())

    def test_what_is_no_module_has_none(self):
        for arguments in (["--compile-to=flow"], ["--format=mlirbc", "--compile-to=input"]):
            self.assertNotIn(b"eerie-stamp", self.compile(self.source, *arguments))
        self.assertNotIn(b"eerie-stamp", self.compile(self.source, "--no-stamp"))

    def test_read_by_others(self):
        for flags in ([], ["--iree-vm-emit-polyglot-zip=false"]):
            plain = self.compile(self.source, "--no-stamp", *flags)
            stamped = self.compile(self.source, "--reproducible", *flags)
            same = len(plain) - (2 if not flags else 0)
            self.assertEqual(stamped[:same], plain[:same])
            self.stamp()
            call = ["--function=mul", "--input=4xf32=1 2 3 4", "--input=4xf32=10"]
            tool = harness.find_tool("iree-run-module")
            for mode in ("mmap", "preload") if tool else ():
                done = harness.execute([tool, f"--module={self.module}", f"--module_mode={mode}",
                                        "--device=local-sync", *call])
                self.assertIn("4xf32=10 20 30 40", done.out, done.err)
            done = self.eerie("run", self.module, *call)
            self.assertIn("4xf32=10 20 30 40", done.out, done.err)
            tool = harness.find_tool("iree-dump-module")
            if tool:
                self.assertIn("mul", harness.execute([tool, self.module]).out)


class Missing(CompileCase):
    def test_no_compiler(self):
        self.environment = {"EERIE_COMPILER_LIB": "/absent"}
        self.refuses(4, "compile", self.source,
                     says=["/absent", "python3 -m pip install iree-base-compiler"])
        self.refuses(4, "compile", self.source, "--compiler", self.folder, says="pip install")
        self.refuses(4, "compile", self.source, "--compiler", self.source, says="cannot open")
        self.assertEqual(self.left(), ["mul.mlir", "wrong.mlir"])


if __name__ == "__main__":
    harness.main(__name__)
