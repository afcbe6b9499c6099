"""`eerie run` beside iree-run-module: the same command line, the same output, the same exit code."""
import os
import subprocess
import sys
import unittest

import harness

try:
    import ml_dtypes
    import numpy
except ImportError:
    numpy = None

needs_iree = unittest.skipUnless(
    harness.IREE_COMPILE and harness.IREE_RUN, "iree-compile and iree-run-module are not there"
)
needs_numpy = unittest.skipUnless(numpy, "NumPy and ml_dtypes are not there")


class RunCase(harness.Case):
    def setUp(self):
        self.module = harness.compile_module("values.mlir")
        self.folder = harness.SCRATCH / self.id()
        self.folder.mkdir()

    def run_eerie(self, function, *arguments, **keywords):
        return self.eerie(
            "run",
            f"--module={self.module}",
            f"--function={function}",
            *arguments,
            cwd=self.folder,
            **keywords,
        )

    def run_iree(self, function, *arguments):
        return harness.execute(
            [
                harness.IREE_RUN,
                f"--module={self.module}",
                f"--function={function}",
                "--device=local-sync",
                *arguments,
            ],
            cwd=self.folder,
        )

    def same(self, function, *arguments):
        ours = self.run_eerie(function, *arguments)
        theirs = self.run_iree(function, *arguments)
        self.assertEqual(theirs.code, 0, f"{arguments}: {theirs.err}")
        self.assertEqual(ours.out, theirs.out, f"{function} {arguments}: {ours.err}")
        self.assertEqual(ours.code, theirs.code, ours.err)
        return ours

    def same_but(self, code, function, *arguments):
        """The same output, also when the exit code tells more than theirs."""
        ours = self.run_eerie(function, *arguments)
        theirs = self.run_iree(function, *arguments)
        self.assertEqual(ours.out, theirs.out, f"{function} {arguments}: {ours.err}")
        self.assertNotEqual(theirs.code, 0)
        self.assertEqual(ours.code, code, ours.err)
        return ours

    def refused(self, code, says, function, *arguments, **keywords):
        return self.refuses(
            code,
            "run",
            f"--module={self.module}",
            f"--function={function}",
            *arguments,
            says=says,
            cwd=self.folder,
            **keywords,
        )


@needs_iree
class SameOutput(RunCase):
    def test_integers(self):
        values = {
            "i8": "-128 -1 0 1 127 255 0x7f 010",
            "i16": "-32768 65535 0 1 2 3 4 5",
            "i32": "-2147483648 2147483647 0 -1 1 2 3 4",
            "i64": "-9223372036854775808 9223372036854775807 0 -1 1 2 3 4",
        }
        for dtype, text in values.items():
            self.same(f"id_{dtype}", f"--input=8x{dtype}={text}")
            self.same(f"id_{dtype}", f"--input=8xs{dtype}=1 2 3 -4 5 -6 7 8")
            self.same(f"id_{dtype}", f"--input=8xu{dtype}=1 2 3 4 5 6 7 127")

    def test_floats(self):
        values = "0 -0 1 -1.5 0.1 1e-3 3.14159265 123456.789 inf -inf nan 1e30 -1e-30 65504"
        count = len(values.split())
        for dtype in ("f16", "bf16", "f32", "f64"):
            self.same(f"id_{dtype}", f"--input={count}x{dtype}={values}")

    def test_small_floats(self):
        values = "0 1 -1.5 0.1 0.001953125 448 57344 1e30 inf nan 240 17 18 19"
        count = len(values.split())
        for dtype in ("f8E5M2", "f8E4M3FN", "f8E5M2FNUZ", "f8E4M3FNUZ", "f8E8M0FNU"):
            self.same(f"id_{dtype}", f"--input={count}x{dtype}={values}")

    @needs_numpy
    def test_all_small_floats(self):
        """Every bit pattern, from bytes to text, against both."""
        names = {
            "f8E5M2": "float8_e5m2",
            "f8E4M3FN": "float8_e4m3fn",
            "f8E5M2FNUZ": "float8_e5m2fnuz",
            "f8E4M3FNUZ": "float8_e4m3fnuz",
            "f8E8M0FNU": "float8_e8m0fnu",
            "f16": "float16",
            "bf16": "bfloat16",
        }
        for dtype, name in names.items():
            numpy_type = numpy.dtype(getattr(ml_dtypes, name, name))
            count = 256 ** numpy_type.itemsize
            bits = numpy.arange(count, dtype=f"u{numpy_type.itemsize}")
            (self.folder / "bits.bin").write_bytes(bits.tobytes())
            done = self.same(
                f"id_{dtype}",
                f"--input={count}x{dtype}=@bits.bin",
                f"--output_max_element_count={count}",
            )
            texts = done.out.splitlines()[2].split("=")[1].split()
            with numpy.errstate(invalid="ignore"):
                values = bits.view(numpy_type).astype(numpy.float64)
            for text, value in zip(texts, values, strict=True):
                expected = f"{abs(value):G}" if value == value else "NAN"
                self.assertEqual(text.lstrip("-"), expected.lstrip("-"))

    def test_booleans_and_complex(self):
        self.same("id_i1", "--input=4xi1=01 00 01 01")
        self.same("id_cf64", "--input=2xcf64=0000803f00000040 0000000000000000")
        self.same("id_cf128", "--input=1xcf128=000000000000f03f0000000000000040")

    def test_ranks(self):
        self.same("rank0", "--input=f32=7")
        self.same("rank0", "--input=f32=-0.25")
        self.same("rank2", "--input=2x3xi32=1 2 3 4 5 6")
        self.same("rank2", "--input=2x3xi32=[[1 2 3][4 5 6]]")
        self.same("rank2", "--input=2x3xi32=[1,2,3],[4,5,6]")
        self.same("rank3", "--input=2x1x3xi32=1 2 3 4 5 6")
        self.same("rank5", "--input=1x2x1x2x2xi32=1 2 3 4 5 6 7 8")

    def test_splats_zeros_and_empty(self):
        self.same("rank2", "--input=2x3xi32=7")
        self.same("rank2", "--input=2x3xi32=")
        self.same("rank2", "--input=2x3xi32")
        for shape in ("0x3", "3x0", "0x0"):
            self.same("rank2", f"--input={shape}xi32=")
        self.same("rank3", "--input=2x0x2xi32=")
        self.same("id_f32", "--input=0xf32")

    def test_long_ones(self):
        self.same("id_i32", "--input=2000xi32=3")
        self.same("rank2", "--input=40x50xi32=3")
        for limit in (0, 1, 5, 6, 7, 100):
            self.same("rank2", "--input=3x4xi32=5", f"--output_max_element_count={limit}")

    def test_scalars(self):
        self.same("scalars", "--input=1", "--input=-2", "--input=1.5", "--input=-2.5e10")
        self.same("scalars", "--input=0x10", "--input=0", "--input=inf", "--input=nan")
        self.same("scalars", "--input=-1", "--input=4294967296", "--input=0.1", "--input=1e300")

    def test_several_results(self):
        self.same(
            "mixed", "--input=4xf32=1 2 3 4", "--input=9", "--input=2x2xi8=1 2 3 4"
        )
        self.same("nothing")

    def test_kernels(self):
        self.same("mul", "--input=4xf32=1 2 3 4", "--input=4xf32=10")
        self.same("add_matrices", "--input=5x3xf32=1", "--input=5x3xf32=2.5")
        self.same("next")

    def test_storage(self):
        self.same(
            "mul_into", "--input=4xf32=1 2 3 4", "--input=4xf32=10", "--input=&4xf32"
        )

    def test_lists_and_nulls(self):
        self.same("list", "--input=2xf32=1 2", "--input=7")
        self.same("null_list")
        self.same("bytes", "--input=(null)")

    def test_outputs(self):
        arguments = ["--input=4xf32=1 2 3 4", "--input=9", "--input=2x2xi8=1 2 3 4"]
        self.same("mixed", *arguments, "--output=-", "--output=", "--output=-")
        self.same("mixed", *arguments, "--output=", "--output=", "--output=")

    def test_expected(self):
        arguments = ["--input=4xf32=1 2 3 4", "--input=4xf32=10"]
        self.same("mul", *arguments, "--expected_output=4xf32=10 20 30 40")
        self.same("mul", *arguments, "--expected_output=4xf32=10.00001 20 30 40")
        self.same("mul", *arguments, "--expected_output=(ignored)")
        self.same("mul", *arguments, "--expected_output=4xf32=11 20 30 40", "--expected_f32_threshold=2")
        for wrong in (
            "4xf32=10 20 30 41",
            "4xf32=10 nan 30 40",
            "4xf32=inf",
            "5xf32=1",
            "4xf64=10 20 30 40",
            "2x2xf32=10 20 30 40",
        ):
            self.same_but(1, "mul", *arguments, f"--expected_output={wrong}")
        self.same_but(
            1, "mul", *arguments, "--equality_mode=exact", "--expected_output=4xf32=10.00001 20 30 40"
        )
        three = ["--input=4xf32=1 2 3 4", "--input=9", "--input=2x2xi8=1 2 3 4"]
        self.same_but(1, "mixed", *three, "--expected_output=2x2xi8=1 2 3 4")

    def test_failing_function(self):
        self.same("fails", "--input=3")
        done = self.same_but(1, "fails", "--input=-3")
        self.assertIn("the number must be positive", done.err)

    def test_huge_pages(self):
        """The same results whatever the pages, of the module's copy as well."""
        call = [f"--module={self.module}", "--function=mul", "--input=4xf32=1 2 3 4",
                "--input=4xf32=10"]
        for how in ("auto", "off", "reserved"):
            for more in ([], ["--module_mode=preload"]):
                done = self.eerie("run", *call, f"--huge-pages={how}", *more)
                self.assertEqual((done.code, done.err), (0, ""))
                self.assertIn("4xf32=10 20 30 40", done.out)
        self.refuses(2, "run", *call, "--huge-pages=some", says=["some", "reserved"])
        self.refuses(3, "run", "--module=absent.vmfb", "--huge-pages=off",
                     "--module_mode=preload", says="absent.vmfb")

    def test_spelling(self):
        """Other ways to say the same."""
        expected = self.same("mul", "--input=4xf32=1 2 3 4", "--input=4xf32=10").out
        inputs = ["--input", "4xf32=1 2 3 4", "--input=4xf32=10"]
        for command in (
            [f"--module={self.module}", "--function=mul"],
            [self.module, "--function", "mul"],
            ["--module", self.module, "--function=module.mul"],
            [self.module, "--function=mul", "--device=local-sync", "--module_mode=mmap"],
        ):
            self.assertEqual(self.eerie("run", *command, *inputs).out, expected)
        done = self.eerie("run", "--module=-", "--function=mul", *inputs,
                          stdin=self.module.read_bytes())
        self.assertEqual(done.out, expected, done.err)


@needs_iree
class SeveralModules(harness.Case):
    def both(self, modules, *arguments):
        modules = [f"--module={harness.compile_module(f'../modules/{m}.mlir')}" for m in modules]
        ours = self.eerie("run", *modules, *arguments)
        theirs = harness.execute([harness.IREE_RUN, "--device=local-sync", *modules, *arguments])
        self.assertEqual((theirs.code, theirs.err), (0, ""))
        self.assertEqual(ours.out, theirs.out, ours.err)
        self.assertEqual((ours.code, ours.err), (0, ""))

    def test_linked(self):
        two = ["link_a", "link_b"]
        self.both(two, "--function=scale_by_ten", "--input=7")
        self.both(two, "--function=calls_twice")
        self.both(two, "--function=size_of_bytes")
        self.both(two, "--function=add_through", "--input=4xf32=1 2 3 4", "--input=4xf32=10")

    def test_missing_import(self):
        module = harness.compile_module("../modules/link_b.mlir")
        self.refuses(7, "run", module, "--function=calls_twice", says=[module.name, "link_a"])

    def test_fences(self):
        self.both(["async"], "--function=mul", "--input=4xf32=1 2 3 4", "--input=4xf32=10")
        self.both(["async"], "--function=same", "--input=4xf32=1 2 3 4")
        self.both(["async"], "--function=dynamic", "--input=5xf32=3")
        self.both(["async"], "--function=halve_until", "--input=f32=100")


@needs_iree
class MoreThanIree(RunCase):
    """What iree-run-module refuses and we need not."""

    def output(self, function, *arguments):
        done = self.run_eerie(function, *arguments)
        self.assertEqual(done.code, 0, done.err)
        return done.out

    def test_values(self):
        self.assertIn("4xi1=01 00 01 00", self.output("id_i1", "--input=4xi1=1 0 true false"))
        self.assertIn("5xi4=1 -2 7 -8 0", self.output("id_i4", "--input=5xi4=1 -2 7 8 0"))
        self.assertIn(
            "0000803F00000040", self.output("id_cf64", "--input=1xcomplex<f32>=1+2j")
        )
        self.assertIn("i32=5\n", self.output("fails", "--input=i32=5"))

    def test_equal_scalars(self):
        inputs = ["--input=1", "--input=2", "--input=0.5", "--input=nan"]
        expected = [i.replace("--input", "--expected_output") for i in inputs]
        self.assertIn("[SUCCESS]", self.output("scalars", *inputs, *expected))
        done = self.run_eerie("scalars", *inputs, *expected[:3], "--expected_output=3")
        self.assertEqual(done.code, 1)
        self.assertIn("[FAILED] result[3]: f64 values differ\n  expected: 3\n", done.out)

    def test_bytes(self):
        (self.folder / "bytes.bin").write_bytes(b"a\0b")
        self.output("bytes", "--input=@bytes.bin", "--output=@out.bin")
        self.assertEqual((self.folder / "out.bin").read_bytes(), b"a\0b")
        self.output("bytes", '--input="text"', "--output=@out.bin")
        self.assertEqual((self.folder / "out.bin").read_bytes(), b"text")


@needs_iree
@needs_numpy
class Files(RunCase):
    def save(self, name, *arrays, mode="wb"):
        with open(self.folder / name, mode) as file:
            for array in arrays:
                numpy.save(file, array)

    def load(self, name, count):
        with open(self.folder / name, "rb") as file:
            arrays = [numpy.load(file) for _ in range(count)]
            self.assertEqual(file.read(), b"")
        return arrays

    def test_npy_inputs(self):
        self.save("a.npy", numpy.array([1, 2, 3, 4], numpy.float32))
        self.save("ab.npy", numpy.array([1, 2, 3, 4], numpy.float32), numpy.full(4, 10, "f"))
        self.same("mul", "--input=@a.npy", "--input=@a.npy")
        self.same("mul", "--input=@ab.npy", "--input=+ab.npy")
        self.same("mul", "--input=*ab.npy")
        self.same("mul", "--input=@ab.npy", "--input=@ab.npy")
        done = self.run_eerie("mul", "--input=@-", "--input=4xf32=2",
                              stdin=(self.folder / "a.npy").read_bytes())
        self.assertIn("4xf32=2 4 6 8", done.out)

    def test_npy_dtypes(self):
        """Every NumPy type goes in and comes out as it was."""
        for dtype, function in (
            ("?", "id_i1"),
            ("i1", "id_i8"),
            ("u1", "id_i8"),
            ("i2", "id_i16"),
            ("i4", "id_i32"),
            ("u8", "id_i64"),
            ("f2", "id_f16"),
            ("f4", "id_f32"),
            ("f8", "id_f64"),
            ("c8", "id_cf64"),
            ("c16", "id_cf128"),
        ):
            values = numpy.arange(6).astype(dtype)
            self.save("in.npy", values)
            done = self.run_eerie(function, "--input=@in.npy", "--output=@out.npy")
            self.assertEqual(done.code, 0, done.err)
            (back,) = self.load("out.npy", 1)
            numpy.testing.assert_array_equal(back.view(dtype), values)
            self.assertEqual(back.dtype.itemsize, values.dtype.itemsize)

    def test_npy_orders(self):
        values = numpy.arange(6, dtype=numpy.int32).reshape(2, 3)
        for array in (numpy.asfortranarray(values), values.astype(">i4"), values.T.copy().T):
            self.save("in.npy", array)
            done = self.run_eerie("rank2", "--input=@in.npy")
            self.assertIn("2x3xsi32=[0 1 2][3 4 5]", done.out, done.err)

    def test_npy_raw_types(self):
        values = numpy.array([1, -2.5, 3], ml_dtypes.bfloat16)
        self.save("in.npy", values)
        self.assertIn("3xbf16=1 -2.5 3", self.run_eerie("id_bf16", "--input=@in.npy").out)
        self.run_eerie("id_bf16", "--input=@in.npy", "--output=@out.npy")
        self.assertEqual(self.load("out.npy", 1)[0].tobytes(), values.tobytes())
        self.save("in.npy", numpy.array([1, -2, 7, -8, 0], numpy.int8))
        self.assertIn("5xi4=1 -2 7 -8 0", self.run_eerie("id_i4", "--input=@in.npy").out)

    def test_npy_outputs_are_theirs(self):
        """Byte for byte what iree-run-module writes."""
        arguments = ["--input=4xf32=1 2 3 4", "--input=9", "--input=2x2xi8=1 2 3 4"]
        for suffix in ("npy", "bin"):
            outputs = [f"--output=@x.{suffix}", f"--output=+x.{suffix}", f"--output=@y.{suffix}"]
            self.assertEqual(self.run_iree("mixed", *arguments, *outputs).code, 0)
            expected = [(self.folder / f"{n}.{suffix}").read_bytes() for n in "xy"]
            for name in "xy":
                (self.folder / f"{name}.{suffix}").unlink()
            done = self.run_eerie("mixed", *arguments, *outputs)
            self.assertEqual(done.code, 0, done.err)
            self.assertEqual(done.out, "EXEC @mixed\n")
            found = [(self.folder / f"{n}.{suffix}").read_bytes() for n in "xy"]
            self.assertEqual(found, expected)
        self.assertEqual(self.load("x.npy", 2)[1], 9)

    def test_appending_to_what_was_there(self):
        self.save("x.npy", numpy.array([5], numpy.int64))
        self.run_eerie("next", "--output=+x.npy")
        self.run_eerie("next", "--output=+x.npy")
        self.assertEqual([a.item() for a in self.load("x.npy", 3)], [5, 1, 1])

    def test_raw_files(self):
        data = numpy.arange(8, dtype=numpy.float32)
        (self.folder / "x.bin").write_bytes(data.tobytes())
        self.same("mul", "--input=4xf32=@x.bin", "--input=4xf32=+x.bin")
        self.same("mul", "--input=4xf32=@x.bin", "--input=4xf32=@x.bin")

    def test_expected_files(self):
        self.save("e.npy", numpy.array([10, 20, 30, 40], numpy.float32))
        self.same("mul", "--input=4xf32=1 2 3 4", "--input=4xf32=10", "--expected_output=@e.npy")
        # NumPy has no signless integers; iree-run-module calls that a mismatch.
        self.save("i.npy", numpy.array([1, 2], numpy.int32))
        done = self.run_eerie("id_i32", "--input=2xi32=1 2", "--expected_output=@i.npy")
        self.assertEqual(done.code, 0, done.out)

    def test_damaged_files(self):
        self.save("good.npy", numpy.zeros(4, "f"))
        whole = (self.folder / "good.npy").read_bytes()
        (self.folder / "cut.npy").write_bytes(whole[:-3])
        (self.folder / "head.npy").write_bytes(whole[:30])
        (self.folder / "empty.npy").write_bytes(b"")
        (self.folder / "text.npy").write_text("1 2 3 4\n")
        (self.folder / "short.bin").write_bytes(b"1234567")
        self.save("object.npy", numpy.array([None]))
        self.save("string.npy", numpy.array(["a"]))
        self.save("long.npy", numpy.zeros(5, "f"))
        for spec, says in (
            ("@cut.npy", "truncated: 13 of 16 bytes"),
            ("@head.npy", "truncated within the header"),
            ("@empty.npy", "the empty file is no .npy array"),
            ("@text.npy", "the file is no .npy array"),
            ("@object.npy", "NumPy type '|O' cannot be read"),
            ("@string.npy", "NumPy type '<U1' cannot be read"),
            ("@absent.npy", "absent.npy: No such file"),
            ("@.", "Is a directory"),
            ("4xf32=@short.bin", "short.bin has 7 bytes left, 16 are needed"),
            ("4xf32=@absent.bin", "absent.bin: No such file"),
        ):
            self.refused(3, says, "mul", f"--input={spec}", "--input=4xf32=1")
        self.refused(3, "no further array", "mul", "--input=@good.npy", "--input=+good.npy")
        self.refused(2, "expected 4", "mul", "--input=@long.npy", "--input=4xf32=1")

    def test_unwritable_outputs(self):
        (self.folder / "folder").mkdir()
        arguments = ["--input=4xf32=1", "--input=4xf32=1"]
        for path in ("absent/y.npy", "folder"):
            done = self.refused(5, path, "mul", *arguments, f"--output=@{path}")
            self.assertEqual(done.out, "")
        self.refused(5, "/dev/full", "mul", *arguments, "--output=@/dev/full")
        self.assertEqual(sorted(os.listdir(self.folder)), ["folder"])

    def test_standard_output_full(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [harness.EERIE, "run", self.module, "--function=next"],
                stdout=full,
                stderr=subprocess.PIPE,
                check=False,
            )
        self.assertEqual(done.returncode, 5, done.stderr)


@needs_iree
class BadInput(RunCase):
    def test_literals(self):
        for value, says in (
            ("4xf32=1 2", "2 values for a shape of 4 elements"),
            ("4xf32=1 2 3 4 5", "too many values for a shape of 4 elements"),
            ("4xf32=1 2 x 4", "value 2, 'x', is not of type f32"),
            ("4xf33=1", "'f33' is no element type"),
            ("4x=1", "is no element type"),
            ("-4xf32=1", "no whole number"),
            ("9223372036854775808xf32=1", "above 2^63 - 1"),
            ("4611686018427387904x2xf32=1", "more than 2^63 - 1 bytes"),
            ("4611686018427387904xi8=1", "no memory"),
            ("7", "is for tensor<4xf32>; expected a shape and type"),
            ("", "is empty"),
            ("4xi32=1", "expects tensor<4xf32>"),
            ("5xf32=1", "dimension 0 is 5, expected 4"),
            ("2x2xf32=1", "rank 2"),
            ("f32=1", "rank 0"),
            ("(null)", "expects tensor<4xf32>"),
        ):
            code = 1 if says == "no memory" else 2
            self.refused(code, says, "mul", f"--input={value}", "--input=4xf32=1")

    def test_scalars(self):
        rest = ["--input=1", "--input=1", "--input=1"]
        for value in ("x", "1.5", "4294967296", "1 2", "4xi32=1", "i64=1"):
            self.refused(2, "is no number of type i32", "scalars", f"--input={value}", *rest)

    def test_counts(self):
        self.refused(2, ["got 1 inputs, expected 2", "sync func @mul"], "mul", "--input=4xf32=1")
        self.refused(2, ["input 2", "one too many"], "mul", *["--input=4xf32=1"] * 3)
        self.refused(2, "2 --output given, but mul has 1 result", "mul", "--output=-", "--output=-")
        self.refused(
            2, ["expected output 1", "one too many"], "next", *["--expected_output=i32=1"] * 2
        )

    def test_functions_and_devices(self):
        self.refuses(2, "run", self.module, says=["mul", "rank0"])
        self.refused(2, ["mull", "mul"], "mull")
        self.refused(7, ["gpu", "local-sync"], "next", "--device=gpu")
        self.refused(3, "b.irpa", "next", "--parameters=a=b.irpa")
        self.refused(2, "@FILE", "next", "--output=file.npy")
        self.refused(2, "--equality_mode", "next", "--equality_mode=fuzzy")
        self.refused(2, "did you mean --function?", "next", "--fucntion=x")
        self.refused(2, "--output_max_element_count", "next", "--output_max_element_count=-1")

    def test_flag_files(self):
        (self.folder / "self.txt").write_text("--flagfile=self.txt\n")
        self.refused(2, ["self.txt", "8 levels"], "next", "--flagfile=self.txt")
        self.refused(3, "absent.txt", "next", "--flagfile=absent.txt")
        (self.folder / "bad.txt").write_text("  # --output=-\r\n\n \t--no_such=1  \r\n")
        self.refused(2, "unknown option --no_such", "next", "--flagfile=bad.txt")
        (self.folder / "end.txt").write_text("--output")
        self.refused(2, "--output needs a value", "next", "--flagfile=end.txt")
        (self.folder / "bytes.txt").write_bytes(bytes(range(256)) * 16)
        self.assertIn(self.run_eerie("next", "--flagfile=bytes.txt").code, (0, 2, 3))
        (self.folder / "good.txt").write_text("--flagfile=inner.txt\n--output_max_element_count=1")
        (self.folder / "inner.txt").write_text("--input=2xi32=5\n")
        done = self.run_eerie("id_i32", "--flagfile=good.txt")
        self.assertIn("2xi32=5...", done.out, done.err)
        for command in ("bench", "check"):
            (self.folder / "command.txt").write_text("--function=nothing\n--task_topology_mode=x\n")
            done = self.eerie(command, self.module, "--flagfile=command.txt", cwd=self.folder)
            self.assertEqual(done.code, 0, done.err)

    def test_modules(self):
        folder = self.folder
        whole = self.module.read_bytes()
        (folder / "empty.vmfb").write_bytes(b"")
        (folder / "text.vmfb").write_text("module {}\n")
        (folder / "cut.vmfb").write_bytes(whole[: len(whole) // 2])
        (folder / "folder.vmfb").mkdir()
        for name in ("absent.vmfb", "empty.vmfb", "text.vmfb", "cut.vmfb", "folder.vmfb"):
            self.refuses(3, "run", f"--module={folder / name}", "--function=mul", says=name)
        self.refuses(2, "run", says="no module given")
        damaged = bytearray(whole)
        for at in range(200, len(damaged), 3):
            damaged[at] ^= 0x55
        (folder / "damaged.vmfb").write_bytes(damaged)
        done = self.eerie("run", folder / "damaged.vmfb", "--function=mul")
        self.assertIn(done.code, (3, 7), done.err)
        self.assertIn("damaged.vmfb", done.err)

    def test_modules_for_others(self):
        other = "x86_64" if os.uname().machine == "aarch64" else "aarch64"
        foreign = harness.compile_module(
            "values.mlir", f"--iree-llvmcpu-target-triple={other}-linux-gnu",
            "--iree-llvmcpu-target-cpu=generic",
        )
        self.refuses(
            7, "run", foreign, "--function=mul", "--input=4xf32", "--input=4xf32",
            says=[foreign.name, "kernels for " + other.replace("_", "-"), "this CPU is"],
        )
        self.refuses(3, "run", "--module=-", says="standard input")


if __name__ == "__main__":
    harness.main(sys.modules[__name__])
