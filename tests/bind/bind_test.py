"""`eerie bind`: headers that compile everywhere, refuse wrong shapes, and give the right numbers.

    bind_test.py EERIE LIBRARY_FOLDER
"""
import pathlib
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))
import harness  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
LIBRARY = None
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
# Worked out by hand from bind.mlir and bound.c.
EXPECTED = "6 18\n6\n3 12\nINVALID_ARGUMENT\n40 60 3\n7 1 0\n3\n"


@unittest.skipUnless(harness.IREE_COMPILE, "iree-compile is not there")
class Bind(harness.Case):
    @classmethod
    def setUpClass(cls):
        cls.module = harness.SCRATCH / "bound.vmfb"
        done = harness.execute([harness.IREE_COMPILE, HERE / "bind.mlir", *harness.COMPILE_FLAGS,
                                "-o", cls.module])
        assert done.code == 0, done.err

    def setUp(self):
        folder = tempfile.TemporaryDirectory(dir=harness.SCRATCH)
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def bind(self, *flags):
        result = self.eerie("bind", self.module, "-o", self.folder / "bound.h", *flags)
        self.assertEqual(result.code, 0, result.err)

    def compile(self, compiler, source, *flags):
        program = self.folder / "program"
        return program, harness.execute(
            [*compiler, *WARNINGS, *flags, "-I", self.folder, "-I", harness.ROOT / "include", source,
             "-o", program, f"-L{LIBRARY}", "-leerie", f"-Wl,-rpath,{LIBRARY}"])

    def runs(self, compiler, *flags):
        if not shutil.which(compiler[0]):
            self.skipTest(f"no {compiler[0]}")
        program, done = self.compile(compiler, HERE / "bound.c", *flags)
        self.assertEqual(done.code, 0, done.err)
        ran = harness.execute([program, self.module])
        self.assertEqual((ran.code, ran.out), (0, EXPECTED), ran.err)

    def test_as_c(self):
        self.bind()
        for compiler in ("gcc", "clang"):
            with self.subTest(compiler):
                self.runs([compiler, "-std=c11", "-Wpedantic"])

    def test_as_cpp(self):
        self.bind()
        for compiler in ("g++", "clang++"):
            with self.subTest(compiler):
                self.runs([compiler, "-std=c++17", "-x", "c++"])

    def test_embedded(self):
        self.bind("--embed")
        self.runs(["gcc", "-std=c11"], "-DEMBEDDED")
        self.runs(["g++", "-std=c++17", "-x", "c++"], "-DEMBEDDED")

    def test_wrong_shape_does_not_compile(self):
        self.bind()
        source = self.folder / "wrong.c"
        source.write_text('#include "bound.h"\n'
                          "int main(void) {\n"
                          "  bound_t model;\n"
                          "  bound_i64_3_t wrong;\n"
                          "  bound_f32_2x3_t right;\n"
                          "  return bound_multiply(&model, &wrong, &right, &right, NULL);\n"
                          "}\n")
        _, done = self.compile(["gcc", "-std=c11"], source)
        self.assertNotEqual(done.code, 0)
        self.assertIn("incompatible-pointer-types", done.err)

    def test_another_module_is_refused(self):
        self.bind()
        other = self.folder / "other.mlir"
        other.write_text("func.func @multiply(%a: tensor<2xf32>) -> tensor<2xf32> {\n"
                         "  return %a : tensor<2xf32>\n}\n")
        done = harness.execute([harness.IREE_COMPILE, other, *harness.COMPILE_FLAGS, "-o",
                                self.folder / "other.vmfb"])
        self.assertEqual(done.code, 0, done.err)
        program, done = self.compile(["gcc", "-std=c11"], HERE / "bound.c")
        self.assertEqual(done.code, 0, done.err)
        ran = harness.execute([program, self.folder / "other.vmfb"])
        self.assertEqual(ran.code, 1)
        self.assertIn("INCOMPATIBLE", ran.out)
        self.assertIn("the header was written for", ran.out)

    def test_names(self):
        result = self.eerie("bind", self.module, "--prefix", "my-model")
        self.assertEqual(result.code, 0, result.err)
        self.assertIn("my_model_multiply(", result.out)
        self.assertIn("#ifndef MY_MODEL_H_", result.out)

    def test_refusals(self):
        self.refuses(2, "bind", says="0 files given")
        self.refuses(3, "bind", self.folder / "none.vmfb", says="none.vmfb")
        damaged = self.folder / "damaged.vmfb"
        damaged.write_bytes(self.module.read_bytes()[:500])
        self.refuses(3, "bind", damaged)
        self.refuses(5, "bind", self.module, "-o", self.folder / "no" / "bound.h")


if __name__ == "__main__":
    LIBRARY = sys.argv.pop(2) if len(sys.argv) > 2 else None
    harness.main(sys.modules["__main__"])
