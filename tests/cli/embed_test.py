"""eerie embed: what it writes, what it refuses and how; state and several functions on a board.

    python tests/cli/embed_test.py EERIE
"""
import json
import re
import struct
import sys

import harness

sys.path.insert(0, str(harness.ROOT / "tools"))
import boards

DYNAMIC = """func.func @f(%x: tensor<?xf32>) -> tensor<?xf32> {
  %y = arith.addf %x, %x : tensor<?xf32>
  return %y : tensor<?xf32>
}
"""
SCALAR = """func.func @f(%x: tensor<4xf32>, %n: i32) -> (tensor<4xf32>, i32) {
  %y = arith.addf %x, %x : tensor<4xf32>
  %m = arith.addi %n, %n : i32
  return %y, %m : tensor<4xf32>, i32
}
"""
# Doubles until the first element is 100 or more: how often is seen only when it runs.
LOOP = """func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %limit = arith.constant 100.0 : f32
  %zero = arith.constant 0 : index
  %r = scf.while (%y = %x) : (tensor<4xf32>) -> tensor<4xf32> {
    %first = tensor.extract %y[%zero] : tensor<4xf32>
    %less = arith.cmpf olt, %first, %limit : f32
    scf.condition(%less) %y : tensor<4xf32>
  } do {
  ^bb0(%y: tensor<4xf32>):
    %z = arith.addf %y, %y : tensor<4xf32>
    scf.yield %z : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}
"""
COUNTER = """util.global private mutable @count = 0 : i32
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %one = arith.constant 1 : i32
  %n = util.global.load @count : i32
  %m = arith.addi %n, %one : i32
  util.global.store %m, @count : i32
  %y = arith.addf %x, %x : tensor<4xf32>
  return %y : tensor<4xf32>
}
"""
# Never returns.
ENDLESS = """util.global private mutable @count = 0 : i32
func.func @g() -> tensor<1xf32> {
  cf.br ^again
^again:
  %one = arith.constant 1 : i32
  %n = util.global.load @count : i32
  %m = arith.addi %n, %one : i32
  util.global.store %m, @count : i32
  cf.br ^again
}
"""
CMAKE = """cmake_minimum_required(VERSION 3.20)
project(program C)
add_subdirectory(firmware)
set(boards {root}/targets/micro/boards)
add_executable(program {source}/embed.c ${{boards}}/arm.c ${{boards}}/common.c
  {root}/targets/cortex-m/memory.c)
target_include_directories(program PRIVATE ${{boards}})
target_compile_options(program PRIVATE -ffreestanding -fno-tree-loop-distribute-patterns)
target_link_libraries(program PRIVATE embed -lgcc)
target_link_options(program PRIVATE -nostdlib {symbols} -T ${{boards}}/link.ld)
"""
# What states.c does, as a function for the host.
DRIVE = """
func.func @drive(%x: tensor<5xf32>) -> (tensor<5xf32>, tensor<2x3xf32>, tensor<5xf32>,
    tensor<2x3xf32>, tensor<5xf32>, tensor<5xf32>, tensor<2x3xf32>, tensor<5xf32>,
    tensor<2x3xf32>, tensor<2xf32>, tensor<2xf32>) {
  %j, %k = func.call @exchange() : () -> (tensor<2xf32>, tensor<2xf32>)
  %l, %m = func.call @exchange() : () -> (tensor<2xf32>, tensor<2xf32>)
  %a, %b = func.call @step(%x) : (tensor<5xf32>) -> (tensor<5xf32>, tensor<2x3xf32>)
  %c, %d = func.call @step(%x) : (tensor<5xf32>) -> (tensor<5xf32>, tensor<2x3xf32>)
  %e = func.call @turn() : () -> tensor<5xf32>
  %f, %g = func.call @step(%x) : (tensor<5xf32>) -> (tensor<5xf32>, tensor<2x3xf32>)
  %h, %i = func.call @look() : () -> (tensor<5xf32>, tensor<2x3xf32>)
  return %a, %b, %c, %d, %e, %f, %g, %h, %i, %l, %m : tensor<5xf32>, tensor<2x3xf32>,
    tensor<5xf32>, tensor<2x3xf32>, tensor<5xf32>, tensor<5xf32>, tensor<2x3xf32>, tensor<5xf32>,
    tensor<2x3xf32>, tensor<2xf32>, tensor<2xf32>
}
"""
# What a function of the importers' own types leaves the compiler no declaration for.
UNDECLARED = """func.func @f(%a: !torch.vtensor<[4],f32>) -> !torch.vtensor<[4],f32> {
  %0 = torch.aten.tanh %a : !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  return %0 : !torch.vtensor<[4],f32>
}
"""
PLAIN = """func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = arith.addf %x, %x : tensor<4xf32>
  return %y : tensor<4xf32>
}
"""


# Behind the kernels of tests/kernels/imports.mlir.
TOTAL = """func.func @total(%x: tensor<8xf32>) -> tensor<f32> {
  %count = arith.constant 8 : index
  %z = flow.dispatch @host::@total(%x, %count) : (tensor<8xf32>, index) -> tensor<f32>
  return %z : tensor<f32>
}
"""
JOINED = """#include <board.h>
#include <twice.h>
static twice_arena_t arena;
static twice_f32_1x4_t x = {{{1, 2, 3, 4}}};
static twice_f32_1x16_t y = {{{5}}};
static twice_f32_1x20_t z;
int board_main(void) {
  return twice_joined(&arena, &x, &y, &z) | (z.data[0][3] != 4) | (z.data[0][4] != 5);
}
"""


# What one function's C is called, another is called in the model.
NAMES = "".join(PLAIN.replace("@f", f"@{name}") for name in ("f", "f_run", "f_sized", "init"))


def floats_of(words):
    """Floats from hexadecimal words."""
    data = b"".join(struct.pack("<I", int(word, 16)) for word in words)
    return struct.unpack(f"<{len(words)}f", data)


class EmbedTest(harness.Case):
    def setUp(self):
        self.folder = harness.SCRATCH / self.id().rsplit(".", 1)[-1]
        self.folder.mkdir()

    def embed(self, source, *options, code=0, target="cortex-m4f"):
        path = self.folder / "twice.mlir"
        path.write_text(source)
        done = self.eerie("embed", path, f"--target={target}", "-o", self.folder / "out", *options)
        self.assertEqual(done.code, code, done.err)
        return done

    def test_what_is_written(self):
        done = self.embed(PLAIN, "--json")
        facts = json.loads(done.out)
        self.assertEqual((facts["name"], facts["target"]), ("twice", "cortex-m4f"))
        self.assertEqual(facts["state_bytes"], 0)
        self.assertEqual([one["name"] for one in facts["functions"]], ["f"])
        names = sorted(path.name for path in (self.folder / "out").iterdir())
        self.assertEqual(names, ["CMakeLists.txt", "eerie_micro.h", "twice.c", "twice.h",
                                 "twice.mk", "twice.vmfb", "twice_kernels.h",
                                 "twice_kernels.o"])
        header = (self.folder / "out/twice.h").read_text()
        self.assertIn("int twice_f(", header)
        self.assertIn("} twice_f32_4_t; /* tensor<4xf32> */", header)

    def test_names(self):
        self.embed(NAMES)
        header = (self.folder / "out/twice.h").read_text()
        made = re.findall(r"int twice_(\w+)\(", header)
        self.assertEqual(len(made), 12)
        self.assertEqual(len(set(made)), 12, made)

    def test_many_inputs(self):
        """Each has a name of its own, in no time."""
        count = 40
        names = ", ".join(f"%a{i}: tensor<2xf32>" for i in range(count))
        lines = [f"%s{i + 1} = arith.addf %{f's{i}' if i else 'a0'}, %a{i + 1} : tensor<2xf32>"
                 for i in range(count - 1)]
        self.embed(f"func.func @f({names}) -> tensor<2xf32> {{\n" + "\n".join(lines)
                   + f"\nreturn %s{count - 1} : tensor<2xf32>\n}}")
        header = (self.folder / "out/twice.h").read_text()
        typed = header[header.index("int twice_f("):header.index("int twice_f_sized(")]
        made = re.findall(r"const twice_f32_2_t \*(\w+)", typed)
        self.assertEqual((len(made), len(set(made))), (count, count), made)

    def test_refuses_what_never_ends(self):
        done = self.embed(PLAIN + ENDLESS, code=1)
        self.assertIn("DEADLINE_EXCEEDED", done.err)
        done = self.eerie("inspect", "--memory", self.folder / "out/twice.vmfb")
        self.assertIn("branches and calls", done.out + done.err)

    def test_compiled_before(self):
        self.embed(PLAIN)
        out = self.folder / "out"
        again = self.folder / "again"
        done = self.eerie("embed", out / "twice.vmfb", "--object", out / "twice_kernels.o",
                          "--target=cortex-m4f", "-o", again)
        self.assertEqual(done.code, 0, done.err)
        for name in ("twice.h", "twice_kernels.o", "twice.vmfb"):
            ours, theirs = (again / name).read_bytes(), (out / name).read_bytes()
            self.assertEqual(ours.replace(b"twice.vmfb", b"twice.mlir") if name[-1] == "h"
                             else ours, theirs)

    def test_refuses_what_cannot_be_planned(self):
        for source, says in ((DYNAMIC, "f: input 'input0' is of type tensor<?xf32>"),
                             (SCALAR, "f: input 'input1' is of type i32"),
                             (LOOP, "the interpreter runs it"),
                             (COUNTER, "f changes a global that is a number"),
                             (UNDECLARED, "f: the module does not tell the types of its inputs")):
            done = self.embed(source, code=3)
            self.assertIn(says, done.err)
            self.assertIn("interpreter", done.err)
            self.assertFalse((self.folder / "out/twice.h").exists())

    def test_refuses_other_files(self):
        self.embed(PLAIN)
        out = self.folder / "out"
        module, kernels = out / "twice.vmfb", out / "twice_kernels.o"
        self.refuses(2, "embed", module, "--target=cortex-m4f", says="--object")
        self.refuses(2, "embed", module, says="--target")
        self.refuses(2, "embed", module, "--target=toaster", says="rv64gc")
        self.refuses(7, "embed", module, "--object", kernels, "--target=rv32imac", says="machine")
        model = out / "model.onnx"
        model.write_bytes(b"no model")
        self.refuses(2, "embed", model, "--target=cortex-m4f", "--rewrite=corners", "-o",
                     self.folder / "other", says=["corners", "windows"])
        self.refuses(3, "embed", module, "--object", module, "--target=cortex-m4f",
                     says="no object file")
        self.eerie("compile", self.folder / "twice.mlir", "--target=host", "-o", out / "host.vmfb")
        done = self.eerie("embed", out / "host.vmfb", "--object", kernels, "--target=cortex-m4f",
                          "-o", self.folder / "host")
        self.assertIn(done.code, (1, 3, 7), done.err)

    def test_damaged_objects(self):
        self.embed(PLAIN)
        out = self.folder / "out"
        whole = (out / "twice_kernels.o").read_bytes()
        damaged = out / "damaged.o"
        pieces = [whole[:size] for size in range(0, len(whole), 397)]
        for at in range(0, len(whole), 211):
            pieces.append(whole[:at] + b"\xff\xff\xff\xff" + whole[at + 4:])
        for data in pieces:
            damaged.write_bytes(data)
            done = self.eerie("embed", out / "twice.vmfb", "--object", damaged,
                              "--target=cortex-m4f", "-o", self.folder / "other")
            self.assertIn(done.code, (0, 3, 7), done.err)

    def test_refuses_kernels_that_call_their_host(self):
        text = (harness.ROOT / "tests/kernels/imports.mlir").read_text()
        done = self.embed(text[:text.index("// x * y * factor")] + TOTAL, code=3)
        self.assertIn("call functions of their host, such as 'test_", done.err)
        self.assertFalse((self.folder / "out/twice.h").exists())

    def firmware_of(self, source, target="cortex-m4f", *options):
        if boards.missing():
            self.skipTest(f"{boards.missing()} is not installed")
        firmware = self.folder / "firmware"
        done = self.eerie("embed", harness.SOURCE / source, f"--target={target}", "-o", firmware,
                          *options)
        self.assertEqual(done.code, 0, done.err)
        return firmware

    def run_on_board(self, name, target="cortex-m4f", *options):
        """Embeds NAME.mlir and runs it with NAME.c; the words of each line."""
        firmware = self.firmware_of(f"{name}.mlir", target, *options)
        return self.run_firmware(name, firmware, target)

    def run_firmware(self, name, firmware, target="cortex-m4f"):
        made = boards.make_variables(firmware / f"{name}.mk")
        board = boards.BY_TARGET[target]
        image = boards.compile_program(
            board, [harness.SOURCE / f"{name}.c", *made["SOURCES"].split()],
            made["OBJECTS"].split(), self.folder / "built", includes=[firmware])
        code, text = boards.run(board, image)
        self.assertEqual(code, 0, text)
        return [line.split() for line in text.splitlines()]

    def test_cmake(self):
        """A project that adds the folder, with nothing but what the folder says."""
        firmware = self.firmware_of("embed.mlir")
        board = boards.BY_TARGET["cortex-m4f"]
        places = dict(board_flash=board.flash[0], board_flash_size=board.flash[1],
                      board_ram=board.memory[0], board_ram_size=board.memory[1],
                      board_stack_size=4096)
        symbols = " ".join(f"LINKER:--defsym={name}={value}" for name, value in places.items())
        (self.folder / "CMakeLists.txt").write_text(CMAKE.format(
            root=harness.ROOT, source=harness.SOURCE, symbols=symbols))
        built = self.folder / "cmake"
        for command in (["cmake", "-G", "Ninja", "-S", self.folder, "-B", built,
                         "-DCMAKE_SYSTEM_NAME=Generic", "-DCMAKE_C_COMPILER=arm-none-eabi-gcc",
                         "-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY"],
                        ["cmake", "--build", built]):
            done = harness.execute(command)
            self.assertEqual(done.code, 0, done.out + done.err)
        code, text = boards.run(board, built / "program")
        self.assertEqual(code, 0, text)
        self.assertIn("add 41b00000 42300000 42840000 42b00000", text)

    def test_state_on_a_board(self):
        lines = self.run_on_board("embed")
        floats = [(name, *floats_of(words)) for name, *words in lines if name != "numbers"]
        self.assertEqual(floats, [
            ("add", 22, 44, 66, 88), ("add", 42, 84, 126, 168), ("read", 21, 42, 63, 84),
            ("other", 1, 2, 3, 4), ("reset", 0, 0, 0, 0), ("echo", 10, 20, 30, 40),
            ("echo", 10, 20, 30, 40)])
        self.assertEqual(lines[-1], ["numbers", "00000007", "00000009"])


    def test_two_states_on_a_board(self):
        """A function that stores and returns two tensors of state: several steps, as the host's."""
        lines = self.run_on_board("states")
        source = self.folder / "host.mlir"
        source.write_text((harness.SOURCE / "states.mlir").read_text() + DRIVE)
        module = self.folder / "host.vmfb"
        done = self.eerie("compile", source, "--target=host", "-o", module)
        self.assertEqual(done.code, 0, done.err)
        outputs = [self.folder / f"{number}.bin" for number in range(len(lines))]
        done = self.eerie("run", module, "--function=drive", "--input=5xf32=0.25,-1.5,3,0.1,-0.7",
                          *[f"--output=@{path}" for path in outputs])
        self.assertEqual(done.code, 0, done.err)
        self.assertEqual([words[0] for words in lines],
                         ["hidden", "cell", "hidden", "cell", "hidden", "hidden", "cell", "hidden",
                          "cell", "left", "sum"])
        for (_, *words), path in zip(lines, outputs):
            host = struct.unpack(f"<{len(words)}f", path.read_bytes())
            self.assertEqual(floats_of(words), host)


    def check_overwritten(self, lines):
        expected = list(range(1, 31))
        for row, column, value in ((1, 2, -1), (1, 3, -2), (1, 4, -3), (2, 2, -4), (2, 3, -5),
                                   (2, 4, -6)):
            expected[row * 6 + column] = value & 0xFFFFFFFF
        numbers = [(name, [int(word, 16) for word in words]) for name, *words in lines[:3]]
        self.assertEqual(numbers, [("overwrite", expected), ("both", expected),
                                   ("twice", [-2 * i & 0xFFFFFFFF for i in range(1, 7)])])
        self.assertEqual(lines[3], ["flash", "same"])

    def test_constant_that_a_kernel_overwrites(self):
        self.check_overwritten(self.run_on_board("overwrite"))
        # A module that is compiled does not tell what kernels write: there it is assumed.
        firmware = self.folder / "firmware"
        again = self.folder / "again"
        done = self.eerie("embed", firmware / "overwrite.vmfb", "--object",
                          firmware / "overwrite_kernels.o", "--target=cortex-m4f", "-o", again)
        self.assertEqual(done.code, 0, done.err)
        self.assertIn("bytes of constants and inputs are copied", done.err)
        self.check_overwritten(self.run_firmware("overwrite", again))

    def test_tensors_in_one_allocation(self):
        """Two kernels, or copies, fill parts of it; also where kernels have it as a whole."""
        for options in ((), ("--iree-scheduling-optimize-bindings=true",)):
            lines = self.run_on_board("whole", "cortex-m4f", *options)
            self.assertEqual([(name, *floats_of(words)) for name, *words in lines],
                             [("first", *[5] * 16), ("second", 20.75, 20.75),
                              ("joined", 1, 2, 3, 4, 1, 2, *[0] * 14)])

    def test_model_without_kernels(self):
        text = (harness.SOURCE / "whole.mlir").read_text()
        out = self.folder / "out"
        out.mkdir()
        (out / "twice_kernels.o").write_bytes(b"of another model")
        self.embed(text[text.index("// Two copies"):])
        self.assertFalse((out / "twice_kernels.o").exists())
        for name in ("CMakeLists.txt", "twice.mk", "twice.h"):
            self.assertNotIn("kernels.o", (out / name).read_text())
        (self.folder / "joined.c").write_text(JOINED)
        made = boards.make_variables(out / "twice.mk")
        self.assertEqual(made["OBJECTS"], "")
        if boards.missing():
            self.skipTest(f"{boards.missing()} is not installed")
        board = boards.BY_TARGET["cortex-m4f"]
        image = boards.compile_program(board, [self.folder / "joined.c", *made["SOURCES"].split()],
                                       [], self.folder / "built", includes=[out])
        self.assertEqual(boards.run(board, image), (0, ""))


if __name__ == "__main__":
    harness.main(__name__)
