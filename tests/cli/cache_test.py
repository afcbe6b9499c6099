"""eerie compile --cache and eerie cache: hits, keys, damage, eviction, many processes at once."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import compile_test
import harness
import import_test

SOURCE = """func.func @mul(%a: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<4xf32> {
  %0 = arith.mulf %a, %b : tensor<4xf32>
  return %0 : tensor<4xf32>
}
"""


def surroundings():
    return {**os.environ, "EERIE_COMPILER_LIB": str(compile_test.library())}


class CacheCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(dir=harness.SCRATCH)
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.cache = self.folder / "deep/cache"
        (self.folder / "mul.mlir").write_text(SOURCE)

    def eerie(self, *arguments, **environment):
        done = subprocess.run([harness.EERIE, *map(str, arguments)], cwd=self.folder,
                              capture_output=True, text=True, timeout=120,
                              env={**surroundings(), **environment})
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def compile(self, *arguments, **environment):
        """Whether the module came from the cache."""
        told = self.eerie("compile", "mul.mlir", "-o", "mul.vmfb", "--json",
                          f"--cache={self.cache}", *arguments, **environment)
        return json.loads(told)["cached"]

    def entries(self):
        return sorted(self.cache.glob("*.module"))


@compile_test.needs_iree
class Cache(CacheCase):
    def test_what_has_not_changed_is_taken_again(self):
        self.assertFalse(self.compile("--reproducible"))
        first = (self.folder / "mul.vmfb").read_bytes()
        (self.folder / "mul.vmfb").unlink()
        self.assertTrue(self.compile("--reproducible"))
        self.assertEqual((self.folder / "mul.vmfb").read_bytes(), first)
        # The flags that were chosen are in the stamp of both.
        self.assertFalse(self.compile("--device=local-sync"))
        self.assertTrue(self.compile("--device=local-sync"))
        self.assertIn(b"--iree-execution-model=inline-dynamic",
                      (self.folder / "mul.vmfb").read_bytes())

    def test_what_has_changed_is_not(self):
        self.assertFalse(self.compile())
        self.assertFalse(self.compile("-O1"))
        self.assertFalse(self.compile("--target=x86-64"))
        self.assertFalse(self.compile("--iree-opt-data-tiling"))
        (self.folder / "mul.mlir").write_text(SOURCE.replace("mulf", "addf"))
        self.assertFalse(self.compile())
        self.assertEqual(len(self.entries()), 5)
        # Flags that do something beside the module, and files that the module may contain.
        before = self.entries()
        for flag in ("--mlir-timing", "--iree-hal-dump-executable-files-to=dump",
                     "--iree-codegen-tuning-spec-path="):
            self.assertFalse(self.compile(flag), flag)
            self.assertFalse(self.compile(flag), flag)
        self.assertEqual(self.entries(), before)

    def test_damage_is_compiled_again(self):
        self.compile()
        entry, = self.entries()
        good = entry.read_bytes()
        for bad in (b"", good[:-1], good + b"x", good[:200] + b"?" + good[201:], b"x" * 300,
                    b"eerie-cache 1 " + b"0" * 64 + b" 99999999999999999999 1\n"):
            entry.write_bytes(bad)
            self.assertFalse(self.compile(), bad[:20])
            self.assertTrue(self.compile())
            self.assertEqual(entry.stat().st_size, len(good))

    def test_oldest_leave_first(self):
        self.cache.mkdir(parents=True)
        for i in range(4):
            old = self.cache / (f"{i:064x}" + ".module")
            old.write_bytes(bytes(400 * 1024))
            os.utime(old, (1000 + i, 1000 + i))
        stale, stranger = self.cache / ".new-abcdef", self.cache / "notes.txt"
        stale.write_text("x")
        os.utime(stale, (1000, 1000))
        stranger.write_text("mine")
        self.compile("--cache-size=1")
        names = [entry.name for entry in self.entries()]
        self.assertNotIn(f"{0:064x}.module", names)
        self.assertIn(f"{3:064x}.module", names)
        self.assertLessEqual(sum(entry.stat().st_size for entry in self.entries()), 1 << 20)
        self.assertFalse(stale.exists())
        self.assertTrue(stranger.exists())

    def test_many_at_once(self):
        command = [harness.EERIE, "compile", "mul.mlir", f"--cache={self.cache}", "--json"]
        running = [subprocess.Popen([*command, "-o", f"{i}.vmfb", "--reproducible"],
                                    cwd=self.folder, env=surroundings(),
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                   for i in range(6)]
        for process in running:
            _, err = process.communicate(timeout=120)
            self.assertEqual(process.returncode, 0, err)
        self.assertEqual(len(self.entries()), 1)
        self.assertEqual(len({(self.folder / f"{i}.vmfb").read_bytes() for i in range(6)}), 1)
        self.assertEqual(list(self.cache.glob(".new-*")), [])

    def test_places_and_the_command(self):
        plain = ("compile", "mul.mlir", "-o", "mul.vmfb", "--json")
        home = {"XDG_CACHE_HOME": str(self.folder / "xdg"), "EERIE_CACHE": ""}
        self.eerie(*plain, **home)
        self.assertFalse((self.folder / "xdg").exists())  # only where it is asked for
        self.eerie(*plain, **{**home, "EERIE_CACHE": "on"})
        self.eerie(*plain, "--cache=off", **{**home, "EERIE_CACHE": str(self.cache)})
        self.assertFalse(self.cache.exists())
        listed = json.loads(self.eerie("cache", "list", "--json", **home))
        self.assertEqual(listed["folder"], str(self.folder / "xdg/eerie"))
        self.assertEqual(len(listed["entries"]), 1)
        self.assertIn("1 module,", self.eerie("cache", **home))
        self.assertIn("1 module removed", self.eerie("cache", "clear", **home))
        self.assertEqual(json.loads(self.eerie("cache", "--json", **home))["entries"], [])


# A folder's model with its weights in another file.
MAKE_EXTERNAL = """
import onnx, sys
model = onnx.load(sys.argv[1])
onnx.save(model, sys.argv[2], save_as_external_data=True, location='w.bin', size_threshold=0)
"""


@import_test.needs_package
class Imports(CacheCase):
    """Models whose import is spared."""

    def setUp(self):
        super().setUp()
        self.make("one.onnx", 4)

    def make(self, name, count):
        harness.execute([import_test.python(), "-c", import_test.MAKE, self.folder / "plain.onnx",
                         count])
        done = harness.execute([import_test.python(), "-c", MAKE_EXTERNAL,
                                self.folder / "plain.onnx", self.folder / name])
        self.assertEqual(done.code, 0, done.err)
        for file in self.folder.iterdir():
            os.utime(file, (1000, 1000))  # not from a moment ago

    def model(self, *arguments, name="one.onnx", **environment):
        told = self.eerie("compile", name, "-o", "one.vmfb", "--json", "--quiet",
                          f"--cache={self.cache}", *arguments,
                          EERIE_PYTHON=str(import_test.python()), **environment)
        return json.loads(told)["cached"]

    def imports(self):
        return sorted(self.cache.glob("*.import"))

    def runs(self):
        return self.eerie("run", "one.vmfb", "--input=1x4xf32=2").splitlines()[-1]

    def test_a_hit_imports_nothing(self):
        self.assertFalse(self.model())
        first = self.runs()
        self.assertEqual(len(self.imports()), 1)
        (self.folder / "one.vmfb").unlink()
        # The same importer, which cannot start: who asks it fails.
        home = {"PYTHONHOME": str(self.folder)}
        with self.assertRaises(AssertionError):
            self.model("--dim=batch=3", **home)
        self.assertTrue(self.model(**home))
        self.assertEqual(self.runs(), first)
        # A copy elsewhere, with its weights beside it, is the same model.
        other = self.folder / "other"
        other.mkdir()
        for name in ("one.onnx", "w.bin"):
            (other / name).write_bytes((self.folder / name).read_bytes())
        self.assertTrue(self.model(name="other/one.onnx"))
        # With other weights it is not.
        changed = bytearray((other / "w.bin").read_bytes())
        changed[-1] ^= 0x40
        (other / "w.bin").write_bytes(changed)
        self.assertFalse(self.model(name="other/one.onnx"))
        self.assertNotEqual(self.runs(), first)
        self.assertTrue(self.model())

    def test_options_of_the_import_count(self):
        self.assertFalse(self.model("--dim=batch=1"))
        self.assertFalse(self.model("--dim=batch=2"))
        self.assertTrue(self.model("--dim=batch=1"))
        self.assertEqual(len(self.imports()), 2)

    def test_damage_is_imported_again(self):
        self.assertFalse(self.model())
        note, = self.imports()
        good = note.read_bytes()
        for bad in (b"eerie-import 1 ", good + b"x", good.replace(b"file", b"fool")):
            note.write_bytes(bad)
            # The import shows the same MLIR, and so the module is found.
            self.assertTrue(self.model(), bad[:20])
            self.assertEqual(note.read_bytes(), good)
        self.entries()[0].unlink()
        self.assertFalse(self.model())

    def test_software_that_changes_imports_again(self):
        self.assertFalse(self.model())
        note, = self.imports()
        lines = note.read_text().splitlines()
        self.assertTrue(any(line.startswith("tool ") and line.endswith("site-packages")
                            for line in lines), lines)
        self.assertTrue(any(line.endswith("/importers/__main__.py") for line in lines), lines)


if __name__ == "__main__":
    harness.main(__name__)
