"""Parameters: `eerie params`, and `eerie run --parameters=` beside iree-run-module and IREE's tools for
archives. Files of every format are written here from the formats' descriptions, without Eerie."""
import json
import os
import struct
import sys
import unittest

import harness

try:
    import numpy
except ImportError:
    numpy = None

needs_iree = unittest.skipUnless(
    numpy and harness.IREE_COMPILE and harness.IREE_RUN, "NumPy and IREE's tools are not there"
)
CONVERT = harness.find_tool("iree-convert-parameters")
DUMP = harness.find_tool("iree-dump-parameters")


# ---- Writers -----------------------------------------------------------------------------------

SAFETENSORS_NAMES = {"float32": "F32", "float64": "F64", "float16": "F16", "int8": "I8",
                     "int64": "I64", "uint8": "U8", "bool": "BOOL"}
GGUF_TYPES = {"float32": 0, "float16": 1, "int8": 24, "int16": 25, "int32": 26, "int64": 27,
              "float64": 28}


def write_safetensors(path, tensors, shift=0):
    """`shift`: where the bytes begin, beyond a multiple of 64."""
    header, at = {}, 0
    for name, array in tensors.items():
        header[name] = {"dtype": SAFETENSORS_NAMES[str(array.dtype)], "shape": list(array.shape),
                        "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * ((shift - 8 - len(text)) % 64)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in tensors.values():
            file.write(array.tobytes())
    return path


def write_gguf(path, tensors, alignment=32):
    def string(text):
        return struct.pack("<Q", len(text.encode())) + text.encode()

    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), 2)
    head += string("general.alignment") + struct.pack("<II", 4, alignment)
    head += string("tokens") + struct.pack("<IIQ", 9, 8, 2) + string("a") + string("bc")
    data = b""
    for name, array in tensors.items():
        data += b"\0" * (-len(data) % alignment)
        head += string(name) + struct.pack("<I", array.ndim)
        head += struct.pack(f"<{array.ndim}Q", *reversed(array.shape))
        head += struct.pack("<IQ", GGUF_TYPES[str(array.dtype)], len(data))
        data += array.tobytes()
    path.write_bytes(head + b"\0" * (-len(head) % alignment) + data)
    return path


def write_irpa(path, tensors, splats=None):
    """`splats`: name: (size, pattern)."""
    splats = splats or {}
    entries, names, data = b"", b"", b""
    for name, array in tensors.items():
        data += b"\0" * (-len(data) % 64)
        entry = struct.pack("<QIQQQQQQQQ", 76, 2, 0, len(names), len(name), 0, 0, 64, len(data),
                            array.nbytes)
        entries += entry + b"\0" * (-len(entry) % 16)
        names += name.encode()
        data += array.tobytes()
    for name, (size, pattern) in splats.items():
        entry = struct.pack("<QIQQQQQQQ16sB", 85, 1, 0, len(names), len(name), 0, 0, 0, size,
                            pattern, len(pattern))
        entries += entry + b"\0" * (-len(entry) % 16)
        names += name.encode()
    begin = 96 + len(entries) + len(names)
    storage = begin + -begin % 64
    head = b"IRPA" + struct.pack("<HHQQQQQQQQQQ", 0, 0, 88, 0, 0, len(tensors) + len(splats), 96,
                                 len(entries), 96 + len(entries), len(names), storage, len(data))
    content = head + b"\0" * (96 - len(head)) + entries + names
    path.write_bytes(content + b"\0" * (storage - len(content)) + data)
    return path


class ParamsCase(harness.Case):
    def setUp(self):
        self.folder = harness.SCRATCH / self.id()
        self.folder.mkdir()

    def path(self, name):
        return self.folder / name

    def tensors(self):
        random = numpy.random.default_rng(1)
        return {"w": random.standard_normal((64, 32), dtype=numpy.float32),
                "b": random.standard_normal(32, dtype=numpy.float32)}


# ---- run ---------------------------------------------------------------------------------------


@needs_iree
class Run(ParamsCase):
    def setUp(self):
        super().setUp()
        self.module = harness.compile_module("../modules/parameters.mlir")
        self.scale = {"scale": numpy.arange(7, dtype=numpy.float32) / 4}
        self.state = {"sum": numpy.arange(32, dtype=numpy.float32)}
        self.rest = [
            "--parameters=" + str(write_safetensors(self.path("scale.safetensors"), self.scale)),
            "--parameters=state=" + str(write_irpa(self.path("state.irpa"), self.state)),
        ]
        random = numpy.random.default_rng(2)
        numpy.save(self.path("x.npy"), random.standard_normal((4, 64), dtype=numpy.float32))
        numpy.save(self.path("y.npy"), random.standard_normal(32, dtype=numpy.float32))

    def same(self, *parameters):
        """All functions give the bits that iree-run-module gives, and that NumPy does."""
        for function, inputs in (("layer", ["--input=@x.npy"]), ("scale", []),
                                 ("add", ["--input=@y.npy"])):
            arguments = [f"--module={self.module}", f"--function={function}", *inputs, *parameters]
            ours = self.eerie("run", *arguments, "--output=@ours.npy", cwd=self.folder)
            self.assertEqual(ours.code, 0, ours.err)
            theirs = harness.execute([harness.IREE_RUN, "--device=local-sync", *arguments,
                                      "--output=@theirs.npy"], cwd=self.folder)
            self.assertEqual(theirs.code, 0, theirs.err)
            self.assertEqual(self.path("ours.npy").read_bytes(), self.path("theirs.npy").read_bytes())
            if function == "scale":
                numpy.testing.assert_array_equal(numpy.load(self.path("ours.npy")),
                                                 self.scale["scale"])

    def test_every_format(self):
        tensors = self.tensors()
        files = [
            write_safetensors(self.path("a.safetensors"), tensors),
            write_safetensors(self.path("b.safetensors"), tensors, shift=4),
            write_gguf(self.path("c.gguf"), tensors),
            write_gguf(self.path("d.gguf"), tensors, alignment=64),
            write_irpa(self.path("e.irpa"), tensors),
        ]
        for file in files:
            with self.subTest(file=file.name):
                self.same(f"--parameters=model={file}", *self.rest)

    def test_one_scope_of_several_files(self):
        tensors = self.tensors()
        files = [write_gguf(self.path("w.gguf"), {"w": tensors["w"]}),
                 write_safetensors(self.path("b.safetensors"), {"b": tensors["b"]})]
        self.same(*[f"--parameters=model={file}" for file in files], *self.rest)

    def test_splats(self):
        pattern = struct.pack("<f", 0.75)
        file = write_irpa(self.path("m.irpa"), {}, {"w": (8192, pattern), "b": (128, pattern)})
        self.same(f"--parameters=model={file}", *self.rest)

    def test_what_the_command_wrote(self):
        source = write_safetensors(self.path("m.safetensors"), self.tensors(), shift=12)
        for name in ("m.irpa", "again.safetensors"):
            done = self.eerie("params", "convert", source, "-o", name, cwd=self.folder)
            self.assertEqual(done.code, 0, done.err)
            self.same(f"--parameters=model={name}", *self.rest)

    def test_what_the_compiler_exports(self):
        values = numpy.random.default_rng(3).standard_normal((8, 8), dtype=numpy.float32)
        self.path("c.mlir").write_text(
            "util.global private mutable @c = "
            f'dense<"0x{values.tobytes().hex().upper()}"> : tensor<8x8xf32>\n'
            "func.func @f(%x: tensor<8x8xf32>) -> tensor<8x8xf32> {\n"
            "  %c = util.global.load @c : tensor<8x8xf32>\n"
            "  %y = arith.addf %x, %c : tensor<8x8xf32>\n"
            "  util.global.store %y, @c : tensor<8x8xf32>\n"
            "  return %y : tensor<8x8xf32>\n}\n")
        done = harness.execute([harness.IREE_COMPILE, "c.mlir", *harness.COMPILE_FLAGS, "-o",
                                "c.vmfb", "--iree-parameter-export=model=c.irpa",
                                "--iree-parameter-export-minimum-size=0"], cwd=self.folder)
        self.assertEqual(done.code, 0, done.err)
        before = self.path("c.irpa").read_bytes()
        done = self.eerie("run", "--module=c.vmfb", "--input=8x8xf32=1", "--output=@y.npy",
                          "--parameters=model=c.irpa", cwd=self.folder)
        self.assertEqual(done.code, 0, done.err)
        numpy.testing.assert_array_equal(numpy.load(self.path("y.npy")), values + 1)
        self.assertEqual(self.path("c.irpa").read_bytes(), before)

    def refused(self, words, *parameters):
        result = self.eerie("run", f"--module={self.module}", "--function=scale", *parameters)
        self.assertEqual(result.code, 3)
        for word in words:
            self.assertIn(word, result.err)

    def test_missing_and_mismatched(self):
        tensors = self.tensors()
        self.refused(["'model::", "bytes is missing",
                      "no parameters of scope 'model'", "NOT_FOUND"], *self.rest)
        only = write_irpa(self.path("w.irpa"), {"w": tensors["w"]})
        self.refused(["'model::b' of 128 bytes is missing", "NOT_FOUND"],
                     f"--parameters=model={only}", *self.rest)
        short = write_irpa(self.path("short.irpa"), {"w": tensors["w"], "b": tensors["b"][:31]})
        self.refused(["'model::b'", "takes 128 bytes", "has 124", "short.irpa", "OUT_OF_RANGE"],
                     f"--parameters=model={short}", *self.rest)

    def test_bad_files(self):
        self.refuses(3, "run", f"--module={self.module}", "--parameters=absent.irpa",
                     says="absent.irpa")
        bad = self.path("bad.irpa")
        bad.write_bytes(b"IRPA" + bytes(20))
        self.refuses(3, "run", f"--module={self.module}", f"--parameters=model={bad}",
                     says=["bad.irpa", "header at 0: 24 bytes are left"])

    def test_gather_and_scatter(self):
        module = harness.compile_module("../modules/parameter_transfers.mlir",
                                        "--compile-from=executable-targets")
        tensors = self.tensors()
        file = write_irpa(self.path("m.irpa"), tensors)
        ours = self.eerie("run", f"--module={module}", "--function=gather",
                          f"--parameters=model={file}", "--output=@o.npy", cwd=self.folder)
        self.assertEqual(ours.code, 0, ours.err)
        expected = numpy.concatenate([tensors["w"].reshape(-1)[2:6], tensors["b"][:4]])
        numpy.testing.assert_array_equal(numpy.load(self.path("o.npy")), expected)
        before = file.read_bytes()
        result = self.eerie("run", f"--module={module}", "--function=scatter", "--input=8xf32=1",
                            f"--parameters=model={file}")
        self.assertNotEqual(result.code, 0)
        self.assertIn("'model::w' of 8192 bytes cannot be written", result.err)
        self.assertIn("PERMISSION_DENIED", result.err)
        self.assertEqual(file.read_bytes(), before)

    def test_bench(self):
        file = write_irpa(self.path("m.irpa"), self.tensors())
        done = self.eerie("bench", f"--module={self.module}", "--function=scale",
                          f"--parameters=model={file}", *self.rest)
        self.assertEqual(done.code, 0, done.err)


# ---- list, check, convert ----------------------------------------------------------------------


@unittest.skipUnless(numpy, "NumPy is not there")
class Files(ParamsCase):
    def test_list(self):
        file = write_gguf(self.path("m.gguf"), self.tensors())
        splats = write_irpa(self.path("s.irpa"), {}, {"z": (8, b"\1\2\3\4")})
        done = self.eerie("params", "list", f"a={file}", splats)
        self.assertEqual(done.code, 0, done.err)
        lines = done.out.splitlines()
        self.assertEqual(lines[0].split(), ["8192", "64x32xF32", "a::w"])
        self.assertEqual(lines[1].split(), ["128", "32xF32", "a::b"])
        self.assertEqual(lines[2].split(), ["8", "-", "z", "(all", "0x01020304)"])
        self.assertEqual(lines[3], "3 parameters, 8.1 KiB")
        facts = json.loads(self.eerie("params", "list", "--json", f"a={file}", splats).out)
        self.assertEqual([fact["key"] for fact in facts], ["w", "b", "z"])
        self.assertEqual(facts[0]["scope"], "a")
        self.assertEqual(facts[0]["shape"], [64, 32])
        self.assertEqual((facts[0]["type"], facts[0]["dtype"]), ("F32", "f32"))
        content = file.read_bytes()[facts[1]["offset"]:][:facts[1]["size"]]
        self.assertEqual(content, self.tensors()["b"].tobytes())
        self.assertEqual(facts[2]["splat"], "01020304")

    def test_quantised_types_are_listed(self):
        # Name, elements and bytes of a block, as the Python package gguf 0.19.0 has them; Q8_1 as
        # ggml-common.h does.
        types = {2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
                 7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 36),
                 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144),
                 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
                 16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98),
                 19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110),
                 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136), 29: ("IQ1_M", 256, 56),
                 30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66),
                 39: ("MXFP4", 32, 17), 40: ("NVFP4", 64, 36), 41: ("Q1_0", 128, 18)}
        head = b"GGUF" + struct.pack("<IQQ", 3, len(types), 0)
        data = b""
        for number, (name, length, size) in types.items():
            head += struct.pack("<Q", len(name)) + name.encode()
            head += struct.pack("<IQQIQ", 2, 2 * length, 3, number, len(data))
            data += bytes([number]) * (6 * size)
            data += b"\0" * (-len(data) % 32)
        file = self.path("q.gguf")
        file.write_bytes(head + b"\0" * (-len(head) % 32) + data)
        facts = json.loads(self.eerie("params", "list", "--json", file).out)
        self.assertEqual(len(facts), len(types))
        for fact, (number, (name, length, size)) in zip(facts, types.items()):
            self.assertEqual((fact["key"], fact["type"], fact["size"], fact["shape"]),
                             (name, name, 6 * size, [3, 2 * length]))
        # Raw bytes to others: .irpa keeps them.
        self.assertEqual(self.eerie("params", "convert", file, "-o", self.path("q.irpa")).code, 0)
        facts = json.loads(self.eerie("params", "list", "--json", self.path("q.irpa")).out)
        content = self.path("q.irpa").read_bytes()
        for fact, (number, (_, _, size)) in zip(facts, types.items()):
            self.assertEqual(fact["offset"] % 64, 0)
            self.assertEqual(content[fact["offset"]:][:fact["size"]], bytes([number]) * (6 * size))

    def test_convert_selects(self):
        tensors = {f"layer.{i}": numpy.full(16, i, dtype=numpy.float32) for i in range(4)}
        source = write_safetensors(self.path("m.safetensors"), tensors)
        target = self.path("m.irpa")
        done = self.eerie("params", "convert", source, "-o", target, "--only=layer.*",
                          "--except=layer.2", "--splat=layer.3", "--rename=layer.0=first")
        self.assertEqual(done.code, 0, done.err)
        facts = {fact["key"]: fact for fact in
                 json.loads(self.eerie("params", "list", "--json", target).out)}
        self.assertEqual(sorted(facts), ["first", "layer.1", "layer.3"])
        self.assertEqual(facts["layer.3"]["splat"], "00")
        self.assertEqual(facts["layer.3"]["size"], 64)
        # Dtypes and shapes stay where the format has them.
        again = self.path("again.safetensors")
        self.assertEqual(self.eerie("params", "convert", source, "-o", again).code, 0)
        size = struct.unpack("<Q", again.read_bytes()[:8])[0]
        header = json.loads(again.read_bytes()[8:8 + size])
        self.assertEqual((8 + size) % 64, 0)
        self.assertEqual(header["layer.1"]["dtype"], "F32")
        self.assertEqual(header["layer.1"]["shape"], [16])

    def test_convert_refuses(self):
        source = write_safetensors(self.path("m.safetensors"), self.tensors())
        self.refuses(2, "params", "convert", source, says="no output")
        self.refuses(2, "params", "convert", source, "-o", "m.bin", says=".irpa or .safetensors")
        self.refuses(2, "params", "convert", source, "-o", "m.irpa", "--rename=x", says="OLD=NEW")
        self.refuses(3, "params", "convert", source, source, "-o", self.path("m.irpa"),
                     says=["is there twice", "ALREADY_EXISTS"])
        self.assertFalse(self.path("m.irpa").exists())
        self.refuses(5, "params", "convert", source, "-o", self.path("none/m.irpa"), says="m.irpa")
        if os.path.exists("/dev/full"):
            os.symlink("/dev/full", self.path("full.irpa"))
            self.refuses(5, "params", "convert", source, "-o", self.path("full.irpa"),
                         says="full.irpa")
        self.refuses(2, "params", says="list, check or convert")
        self.refuses(2, "params", "lst", source, says="did you mean list")
        self.refuses(2, "params", "list", says="no file given")
        self.assertEqual([path.name for path in self.folder.iterdir() if "irpa." in path.name], [])

    def test_convert_in_place(self):
        file = write_irpa(self.path("m.irpa"), self.tensors())
        self.assertEqual(self.eerie("params", "convert", file, "-o", file).code, 0)
        facts = json.loads(self.eerie("params", "list", "--json", file).out)
        content = file.read_bytes()
        for fact in facts:
            self.assertEqual(content[fact["offset"]:][:fact["size"]],
                             self.tensors()[fact["key"]].tobytes())

    @unittest.skipUnless(CONVERT and DUMP, "IREE's tools for archives are not there")
    def test_tools_of_iree_read_what_is_written(self):
        tensors = self.tensors()
        source = write_gguf(self.path("m.gguf"), tensors)
        for name in ("m.irpa", "m.safetensors"):
            file = self.path(name)
            self.assertEqual(self.eerie("params", "convert", source, "-o", file).code, 0)
            # iree-dump-parameters extracts from memory only.
            done = harness.execute([DUMP, "--parameter_mode=preload", f"--parameters={file}",
                                    "--extract=w=" + str(self.path("w.bin")),
                                    "--extract=b=" + str(self.path("b.bin"))])
            self.assertEqual(done.code, 0, done.err)
            for key in tensors:
                self.assertEqual(self.path(key + ".bin").read_bytes(), tensors[key].tobytes())
        # And Eerie what they write.
        theirs = self.path("theirs.irpa")
        done = harness.execute([CONVERT, f"--parameters={source}", "--splat=b=f32=0.5",
                                f"--output={theirs}"])
        self.assertEqual(done.code, 0, done.err)
        facts = {fact["key"]: fact for fact in
                 json.loads(self.eerie("params", "list", "--json", theirs).out)}
        self.assertEqual(facts["b"]["splat"], struct.pack("<f", 0.5).hex())
        self.assertEqual(facts["b"]["size"], 128)
        content = theirs.read_bytes()[facts["w"]["offset"]:][:facts["w"]["size"]]
        self.assertEqual(content, tensors["w"].tobytes())

    @needs_iree
    def test_check(self):
        module = harness.compile_module("../modules/parameters.mlir")
        tensors = self.tensors()
        good = write_irpa(self.path("good.irpa"), tensors)
        rest = [write_irpa(self.path("scale.irpa"), {"scale": numpy.zeros(7, numpy.float32)}),
                "state=" + str(write_irpa(self.path("state.irpa"),
                                          {"sum": numpy.zeros(32, numpy.float32)}))]
        done = self.eerie("params", "check", f"model={good}", *rest, f"--module={module}")
        self.assertEqual(done.code, 0, done.err)
        self.assertIn("4 parameters asked for, all there", done.out)
        self.assertIn("scope 'model': 2 parameters, 8.1 KiB; 2 of 2", done.out)
        # Larger than the module takes: it would run, on the wrong weights.
        large = {"w": tensors["w"], "b": numpy.zeros(64, numpy.float32)}
        done = self.eerie("params", "check", "model=" + str(write_irpa(self.path("l.irpa"), large)),
                          *rest, f"--module={module}")
        self.assertEqual(done.code, 1)
        self.assertIn("mismatch: model::b: the module takes 128 bytes, ", done.out)
        self.assertIn("l.irpa has 256", done.out)
        done = self.eerie("params", "check", "model=" + str(write_irpa(self.path("n.irpa"), {})),
                          *rest, f"--module={module}")
        self.assertEqual(done.code, 1)
        self.assertIn("missing: model::b: the module takes 128 bytes", done.out)
        self.assertIn("missing: model::w: the module takes 8192 bytes", done.out)
        done = self.eerie("params", "check", *rest, f"--module={module}")
        self.assertEqual(done.code, 1)
        self.assertIn("no parameters of scope 'model'", done.err)
        cut = self.path("cut.irpa")
        cut.write_bytes(good.read_bytes()[:-1])
        self.refuses(3, "params", "check", cut, says=["cut.irpa", "storage segment"])


# ---- Memory ------------------------------------------------------------------------------------

LAYERS, WIDTH = 6, 2048  # six weights of 16 MiB


# A process counts the memory of the one that it was forked from as its own peak. So a small one is
# put in between.
MEASURE = """
import os, sys
process = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[
    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
_, status, usage = os.wait4(process, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss * 1024)
"""


def peak_of(command, folder):
    """Exit code and peak resident bytes of a process."""
    done = harness.execute([sys.executable, "-S", "-c", MEASURE, *command], cwd=folder)
    code, peak = done.out.split()
    return int(code), int(peak)


@needs_iree
class Memory(ParamsCase):
    def mlir(self):
        lines = ["module @mlp {"]
        for i in range(LAYERS):
            lines.append(f'  util.global private @w{i} = #flow.parameter.named<"m"::"w{i}"> : '
                         f"tensor<{WIDTH}x{WIDTH}xf32>")
        row = f"tensor<1x{WIDTH}xf32>"
        lines.append(f"  func.func @f(%x0: {row}) -> {row} {{")
        lines.append("    %zero = arith.constant 0.0 : f32")
        lines.append(f"    %empty = tensor.empty() : {row}")
        lines.append(f"    %zeros = linalg.fill ins(%zero : f32) outs(%empty : {row}) -> {row}")
        for i in range(LAYERS):
            weight = f"tensor<{WIDTH}x{WIDTH}xf32>"
            lines.append(f"    %w{i} = util.global.load @w{i} : {weight}")
            lines.append(f"    %x{i + 1} = linalg.matmul ins(%x{i}, %w{i} : {row}, {weight}) "
                         f"outs(%zeros : {row}) -> {row}")
        lines += [f"    return %x{LAYERS} : {row}", "  }", "}"]
        return "\n".join(lines)

    def test_weights_are_in_memory_once(self):
        binary = harness.EERIE.read_bytes()
        if b"__asan_init" in binary or b"__tsan_init" in binary:
            self.skipTest("a sanitizer has memory of its own")
        self.path("mlp.mlir").write_text(self.mlir())
        done = harness.execute([harness.IREE_COMPILE, self.path("mlp.mlir"), *harness.COMPILE_FLAGS,
                                "-o", self.path("mlp.vmfb")])
        self.assertEqual(done.code, 0, done.err)
        weight = numpy.eye(WIDTH, dtype=numpy.float32)
        weights = {f"w{i}": weight * (1 + i / 8) for i in range(LAYERS)}
        total = LAYERS * weight.nbytes
        arena = 2 * 4 * WIDTH
        x = numpy.arange(WIDTH, dtype=numpy.float32).reshape(1, WIDTH)
        numpy.save(self.path("x.npy"), x)
        expected = x * numpy.prod([numpy.float32(1 + i / 8) for i in range(LAYERS)])
        files = [write_safetensors(self.path("in_place.safetensors"), weights),
                 write_safetensors(self.path("copied.safetensors"), weights, shift=4)]
        for file in files:
            command = [harness.EERIE, "run", "--module=mlp.vmfb", "--function=f", "--input=@x.npy",
                       f"--parameters=m={file.name}", "--output=@y.npy"]
            code, peak = peak_of(command, self.folder)
            self.assertEqual(code, 0)
            numpy.testing.assert_allclose(numpy.load(self.path("y.npy")), expected, rtol=1e-6)
            print(f"{file.name}: peak {peak / 2**20:.1f} MiB, weights {total / 2**20:.1f} MiB")
            self.assertLessEqual(peak, total + arena + 10 * 1000 * 1000)
        # Converting takes next to nothing, whatever the size.
        code, peak = peak_of([harness.EERIE, "params", "convert", files[1], "-o", "m.irpa"],
                             self.folder)
        self.assertEqual(code, 0)
        print(f"convert: peak {peak / 2**20:.1f} MiB")
        self.assertLessEqual(peak, 20 * 1000 * 1000)


if __name__ == "__main__":
    harness.main("__main__")
