"""Random small programs, on Eerie and on iree-run-module, compared bit for bit, and with NumPy.

    generated.py --eerie build/release/eerie [--tools VENV/bin] [--seed N] [--count N]
                 [--backend llvm-cpu --backend vmvx] [--verbose] [FUNCTION...]

Draws operations, element types and shapes, and writes each as an exported function of one module,
with static or dynamic dimensions. Both commands get the same bytes; their results have to be the same
bytes, and what they print the same words. NumPy says what the numbers are about: exactly for integers,
within a tolerance for floats. Exit code 1 when anything differs; the module and the inputs of what
differs stay in the folder that is named then.
"""

import argparse
import os
import pathlib
import random
import shutil
import sys
import tempfile

import common

try:
    import ml_dtypes
    import numpy as np
except ImportError as missing:
    common.skip("%s; run: tools/setup.sh build test" % missing)

DTYPES = {
    "i1": np.bool_, "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64,
    "f16": np.float16, "bf16": ml_dtypes.bfloat16, "f32": np.float32, "f64": np.float64,
    "f8E4M3FN": ml_dtypes.float8_e4m3fn, "f8E5M2": ml_dtypes.float8_e5m2,
}
INTEGERS = ("i8", "i16", "i32", "i64")
FLOATS = ("f16", "bf16", "f32", "f64")
TOLERANCE = {"f16": 2e-2, "bf16": 1e-1, "f32": 2e-4, "f64": 2e-4, "f8E4M3FN": 0.3, "f8E5M2": 0.5}
BACKENDS = {
    "llvm-cpu": ["--iree-hal-target-backends=llvm-cpu", "--iree-llvmcpu-target-cpu=host"],
    "vmvx": ["--iree-hal-target-backends=vmvx"],
}
KEEP_F64 = "--iree-input-demote-f64-to-f32=false"


def tensor(shape, dtype):
    return "tensor<%s>" % "x".join([str(size) for size in shape] + [dtype])


class Program:
    """One function: its text, inputs, and what NumPy says it returns (None: it is not asked)."""

    def __init__(self, name, text, inputs, result_type, expected):
        self.name, self.text, self.inputs = name, text, inputs
        self.dtype, self.expected = result_type, expected


class Maker:
    """Draws what a program is made of."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.numbers = np.random.default_rng(seed)

    def shape(self, low=0, high=4, empty=True):
        rank = self.random.randint(low, high)
        sizes = [1, 2, 3, 4, 5, 7, 8, 16, 17, 33] if rank < 3 else [1, 2, 3, 5, 8]
        shape = [self.random.choice(sizes) for _ in range(rank)]
        if empty and rank and self.random.random() < 0.04:
            shape[self.random.randrange(rank)] = 0
        return tuple(shape)

    def hidden(self, shape):
        """The same with some dimensions unknown to the compiler."""
        if self.random.random() < 0.6:
            return shape
        return tuple("?" if self.random.random() < 0.5 else size for size in shape)

    def array(self, shape, dtype):
        if dtype == "i1":
            return self.numbers.integers(0, 2, shape).astype(np.bool_)
        if dtype in INTEGERS:
            low, high = (-100, 100) if self.random.random() < 0.7 else (-128, 128)
            return self.numbers.integers(low, high, shape).astype(DTYPES[dtype])
        values = self.numbers.standard_normal(shape) * self.random.choice([0.5, 2, 8])
        return values.astype(np.float32).astype(DTYPES[dtype])


# ---- Programs ----------------------------------------------------------------------------------

# name: types, operation for integers, for floats, NumPy
BINARY = {
    "add": (INTEGERS + FLOATS, "arith.addi", "arith.addf", np.add),
    "sub": (INTEGERS + FLOATS, "arith.subi", "arith.subf", np.subtract),
    "mul": (INTEGERS + FLOATS, "arith.muli", "arith.mulf", np.multiply),
    "div": (FLOATS, "", "arith.divf", np.divide),
    "max": (INTEGERS + FLOATS, "arith.maxsi", "arith.maximumf", np.maximum),
    "min": (INTEGERS + FLOATS, "arith.minsi", "arith.minimumf", np.minimum),
    "and": (INTEGERS + ("i1",), "arith.andi", "", np.bitwise_and),
    "or": (INTEGERS + ("i1",), "arith.ori", "", np.bitwise_or),
    "xor": (INTEGERS + ("i1",), "arith.xori", "", np.bitwise_xor),
}
UNARY = {
    "neg": (FLOATS, "arith.negf", np.negative),
    "exp": (("f32", "f16", "f64"), "math.exp", np.exp),
    "tanh": (("f32", "f16", "f64"), "math.tanh", np.tanh),
    "sqrt_of_size": (("f32", "f64"), "math.absf", np.abs),
    "floor": (FLOATS, "math.floor", np.floor),
    "sin": (("f32", "f64"), "math.sin", np.sin),
    "erf": (("f32",), "math.erf", None),
    "count_bits": (INTEGERS, "math.ctpop", None),
    "absolute": (INTEGERS, "math.absi", np.abs),
}
COMPARISONS = {"slt": np.less, "sge": np.greater_equal, "eq": np.equal, "ne": np.not_equal}


def function(name, arguments, body, result):
    return "func.func @%s(%s) -> %s {\n%s  return %%r : %s\n}\n" % (
        name, ", ".join("%%a%d: %s" % pair for pair in enumerate(arguments)), result, body, result)


def binary(make, name):
    kind = make.random.choice(sorted(BINARY))
    dtypes, integer, floating, compute = BINARY[kind]
    dtype = make.random.choice(dtypes)
    shape = make.shape()
    text = tensor(make.hidden(shape), dtype)
    operation = floating if dtype in FLOATS else integer
    a, b = make.array(shape, dtype), make.array(shape, dtype)
    body = "  %%r = %s %%a0, %%a1 : %s\n" % (operation, text)
    return Program(name + "_" + kind, function(name + "_" + kind, [text] * 2, body, text), [a, b],
                   dtype, compute(a, b))


def unary(make, name):
    kind = make.random.choice(sorted(UNARY))
    dtypes, operation, compute = UNARY[kind]
    dtype = make.random.choice(dtypes)
    shape = make.shape()
    text = tensor(make.hidden(shape), dtype)
    a = make.array(shape, dtype)
    body = "  %%r = %s %%a0 : %s\n" % (operation, text)
    return Program(name + "_" + kind, function(name + "_" + kind, [text], body, text), [a], dtype,
                   compute(a) if compute else None)


def compare(make, name):
    kind = make.random.choice(sorted(COMPARISONS))
    dtype = make.random.choice(INTEGERS + FLOATS)
    shape = make.shape()
    hidden = make.hidden(shape)
    text, result = tensor(hidden, dtype), tensor(hidden, "i1")
    if dtype in FLOATS:
        order = {"slt": "olt", "sge": "oge", "eq": "oeq", "ne": "une"}[kind]
        body = "  %%r = arith.cmpf %s, %%a0, %%a1 : %s\n" % (order, text)
    else:
        body = "  %%r = arith.cmpi %s, %%a0, %%a1 : %s\n" % (kind, text)
    a = make.array(shape, dtype)
    b = np.where(make.numbers.integers(0, 2, shape), a, make.array(shape, dtype)).astype(a.dtype)
    return Program(name + "_" + kind, function(name + "_" + kind, [text] * 2, body, result), [a, b],
                   "i1", COMPARISONS[kind](a, b))


CASTS = [("i8", "i32", "arith.extsi"), ("i8", "i64", "arith.extsi"), ("i32", "i8", "arith.trunci"),
         ("i64", "i16", "arith.trunci"), ("i1", "i8", "arith.extui"), ("i16", "f32", "arith.sitofp"),
         ("i32", "f64", "arith.sitofp"), ("f32", "i32", "arith.fptosi"),
         ("f64", "i64", "arith.fptosi"), ("f32", "f64", "arith.extf"), ("f64", "f32", "arith.truncf"),
         ("f16", "f32", "arith.extf"), ("f32", "f16", "arith.truncf"), ("bf16", "f32", "arith.extf"),
         ("f32", "bf16", "arith.truncf"), ("f8E4M3FN", "f32", "arith.extf"),
         ("f32", "f8E4M3FN", "arith.truncf"), ("f8E5M2", "f32", "arith.extf"),
         ("f32", "f8E5M2", "arith.truncf"), ("i32", "f32", "arith.bitcast"),
         ("f32", "i32", "arith.bitcast"), ("f64", "i64", "arith.bitcast")]


def cast(make, name):
    source, target, operation = make.random.choice(CASTS)
    shape = make.shape(1, 3)
    hidden = make.hidden(shape)
    text, result = tensor(hidden, source), tensor(hidden, target)
    a = make.array(shape, source)
    body = "  %%r = %s %%a0 : %s to %s\n" % (operation, text, result)
    expected = a.view(DTYPES[target]) if operation == "arith.bitcast" else a.astype(DTYPES[target])
    name += "_%s_to_%s" % (source, target)
    return Program(name, function(name, [text], body, result), [a], target, expected)


def transpose(make, name):
    dtype = make.random.choice(sorted(set(DTYPES) - {"i1"}))
    shape = make.shape(2, 4)
    order = list(range(len(shape)))
    make.random.shuffle(order)
    turned = tuple(shape[i] for i in order)
    text, result = tensor(shape, dtype), tensor(turned, dtype)
    a = make.array(shape, dtype)
    body = ("  %%e = tensor.empty() : %s\n"
            "  %%r = linalg.transpose ins(%%a0 : %s) outs(%%e : %s) permutation = %s\n") % (
                result, text, result, order)
    return Program(name, function(name, [text], body, result), [a], dtype, a.transpose(order))


def reduce(make, name):
    dtype = make.random.choice(INTEGERS + ("f32", "f64"))
    kind = make.random.choice(["sum", "max", "product"])
    shape = make.shape(1, 4, empty=False)
    axis = make.random.randrange(len(shape))
    rest = shape[:axis] + shape[axis + 1:]
    floating = dtype in FLOATS
    operation = {"sum": ("arith.addi", "arith.addf"), "max": ("arith.maxsi", "arith.maximumf"),
                 "product": ("arith.muli", "arith.mulf")}[kind][floating]
    first = {"sum": 0, "product": 1,
             "max": -1e9 if floating else int(np.iinfo(DTYPES[dtype]).min)}[kind]
    text, result = tensor(shape, dtype), tensor(rest, dtype)
    a = make.array(shape, dtype)
    body = ("  %%c = arith.constant %s : %s\n"
            "  %%e = tensor.empty() : %s\n"
            "  %%f = linalg.fill ins(%%c : %s) outs(%%e : %s) -> %s\n"
            "  %%r = linalg.reduce { %s } ins(%%a0 : %s) outs(%%f : %s) dimensions = [%d]\n") % (
                "%e" % first if floating else first, dtype, result, dtype, result, result, operation,
                text, result, axis)
    compute = {"sum": np.sum, "max": np.max, "product": np.prod}[kind]
    expected = compute(a, axis=axis, dtype=a.dtype) if kind != "max" else compute(a, axis=axis)
    name += "_" + kind
    return Program(name, function(name, [text], body, result), [a], dtype, np.asarray(expected))


def matmul(make, name):
    dtype, total = make.random.choice([("f32", "f32"), ("f64", "f64"), ("i8", "i32"),
                                       ("i32", "i32"), ("f16", "f32"), ("bf16", "f32")])
    m, k, n = (make.random.choice([1, 2, 3, 7, 8, 16, 17, 33]) for _ in range(3))
    batch = make.random.choice([(), (), (2,), (3,)])
    dynamic = make.random.random() < 0.4
    left, right, out = batch + (m, k), batch + (k, n), batch + (m, n)
    a, b = make.array(left, dtype), make.array(right, dtype)
    shown = [tuple("?" if dynamic else size for size in shape) for shape in (left, right, out)]
    types = [tensor(shown[0], dtype), tensor(shown[1], dtype), tensor(shown[2], total)]
    zero = "0.0" if total in FLOATS else "0"
    body = "  %%z = arith.constant %s : %s\n" % (zero, total)
    sizes = ""
    if dynamic:
        wanted = [(0, i) for i in range(len(out) - 1)] + [(1, len(out) - 1)]
        for number, (argument, axis) in enumerate(wanted):
            body += "  %%i%d = arith.constant %d : index\n" % (number, axis)
            body += "  %%d%d = tensor.dim %%a%d, %%i%d : %s\n" % (number, argument, number,
                                                              types[argument])
        sizes = ", ".join("%%d%d" % number for number in range(len(wanted)))
    body += ("  %%e = tensor.empty(%s) : %s\n"
             "  %%f = linalg.fill ins(%%z : %s) outs(%%e : %s) -> %s\n"
             "  %%r = linalg.%s ins(%%a0, %%a1 : %s, %s) outs(%%f : %s) -> %s\n") % (
                 sizes, types[2], total, types[2], types[2],
                 "batch_matmul" if batch else "matmul", types[0], types[1], types[2], types[2])
    wide = DTYPES[total]
    return Program(name, function(name, types[:2], body, types[2]), [a, b], total,
                   np.matmul(a.astype(wide), b.astype(wide)))


def pad(make, name):
    dtype = make.random.choice(INTEGERS + FLOATS)
    shape = make.shape(1, 3, empty=False)
    low = [make.random.randrange(3) for _ in shape]
    high = [make.random.randrange(3) for _ in shape]
    grown = tuple(size + before + after for size, before, after in zip(shape, low, high))
    value = make.random.choice([0, 1, 7])
    text, result = tensor(shape, dtype), tensor(grown, dtype)
    a = make.array(shape, dtype)
    axes = ", ".join("%%i%d: index" % i for i in range(len(shape)))
    body = ("  %%c = arith.constant %s : %s\n"
            "  %%r = tensor.pad %%a0 low%s high%s {\n  ^bb0(%s):\n    tensor.yield %%c : %s\n"
            "  } : %s to %s\n") % ("%e" % value if dtype in FLOATS else value, dtype, low, high, axes,
                                  dtype, text, result)
    return Program(name, function(name, [text], body, result), [a], dtype,
                   np.pad(a, list(zip(low, high)), constant_values=a.dtype.type(value)))


def insert(make, name):
    dtype = make.random.choice(sorted(set(DTYPES) - {"i1"}))
    shape = make.shape(1, 3, empty=False)
    part = tuple(make.random.randint(1, size) for size in shape)
    at = [make.random.randint(0, size - piece) for size, piece in zip(shape, part)]
    text, small = tensor(shape, dtype), tensor(part, dtype)
    a, b = make.array(shape, dtype), make.array(part, dtype)
    body = "  %%r = tensor.insert_slice %%a1 into %%a0%s %s %s : %s into %s\n" % (
        at, list(part), [1] * len(shape), small, text)
    expected = a.copy()
    expected[tuple(slice(first, first + size) for first, size in zip(at, part))] = b
    return Program(name, function(name, [text, small], body, text), [a, b], dtype, expected)


def extract(make, name):
    dtype = make.random.choice(sorted(set(DTYPES) - {"i1"}))
    shape = make.shape(1, 3, empty=False)
    step = [make.random.randint(1, 2) for _ in shape]
    at = [make.random.randrange(size) for size in shape]
    count = [make.random.randint(1, (size - first + by - 1) // by)
             for size, first, by in zip(shape, at, step)]
    text, result = tensor(shape, dtype), tensor(tuple(count), dtype)
    a = make.array(shape, dtype)
    body = "  %%r = tensor.extract_slice %%a0%s %s %s : %s to %s\n" % (at, count, step, text, result)
    expected = a[tuple(slice(first, first + by * size, by)
                       for first, size, by in zip(at, count, step))]
    return Program(name, function(name, [text], body, result), [a], dtype,
                   expected.reshape(count))


def gather(make, name):
    dtype = make.random.choice(("i8", "i32", "f16", "f32", "f64"))
    rows, columns = make.random.choice([1, 5, 16]), make.random.choice([1, 3, 8])
    count = make.random.choice([1, 4, 9])
    text, result = tensor((rows, columns), dtype), tensor((count, columns), dtype)
    keys = tensor((count,), "i32")
    a = make.array((rows, columns), dtype)
    b = make.numbers.integers(0, rows, count).astype(np.int32)
    body = ("  %%e = tensor.empty() : %s\n"
            "  %%r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>,"
            " affine_map<(i, j) -> (i, j)>], iterator_types = [\"parallel\", \"parallel\"]}"
            " ins(%%a1 : %s) outs(%%e : %s) {\n"
            "  ^bb0(%%key: i32, %%old: %s):\n"
            "    %%row = arith.index_cast %%key : i32 to index\n"
            "    %%column = linalg.index 1 : index\n"
            "    %%x = tensor.extract %%a0[%%row, %%column] : %s\n"
            "    linalg.yield %%x : %s\n  } -> %s\n") % (result, keys, result, dtype, text, dtype,
                                                       result)
    return Program(name, function(name, [text, keys], body, result), [a, b], dtype, a[b])


def sort(make, name):
    dtype = make.random.choice(("i32", "f32", "i64", "i16"))
    shape = make.shape(1, 3, empty=False)
    axis = make.random.randrange(len(shape))
    text = tensor(shape, dtype)
    a = make.array(shape, dtype)
    body = ('  %%r = "stablehlo.sort"(%%a0) ({\n  ^bb0(%%x: tensor<%s>, %%y: tensor<%s>):\n'
            "    %%c = stablehlo.compare LT, %%x, %%y : (tensor<%s>, tensor<%s>) -> tensor<i1>\n"
            '    "stablehlo.return"(%%c) : (tensor<i1>) -> ()\n'
            "  }) {dimension = %d : i64} : (%s) -> %s\n") % (dtype, dtype, dtype, dtype, axis, text,
                                                          text)
    return Program(name, function(name, [text], body, text), [a], dtype, np.sort(a, axis=axis))


def convolve(make, name):
    height, width = make.random.choice([5, 8]), make.random.choice([5, 9])
    channels, filters = make.random.choice([1, 3, 8]), make.random.choice([1, 4])
    image, kernel = (1, height, width, channels), (3, 3, channels, filters)
    out = (1, height - 2, width - 2, filters)
    a, b = make.array(image, "f32"), make.array(kernel, "f32")
    types = [tensor(shape, "f32") for shape in (image, kernel, out)]
    body = ("  %%z = arith.constant 0.0 : f32\n  %%e = tensor.empty() : %s\n"
            "  %%f = linalg.fill ins(%%z : f32) outs(%%e : %s) -> %s\n"
            "  %%r = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : tensor<2xi64>,"
            " strides = dense<1> : tensor<2xi64>} ins(%%a0, %%a1 : %s, %s) outs(%%f : %s)"
            " -> %s\n") % (types[2], types[2], types[2], types[0], types[1], types[2], types[2])
    expected = np.zeros(out, np.float32)
    for i in range(3):
        for j in range(3):
            expected += np.einsum("nhwc,cf->nhwf", a[:, i:i + out[1], j:j + out[2]], b[i, j])
    return Program(name, function(name, types[:2], body, types[2]), [a, b], "f32", expected)


def branch(make, name):
    """Control flow that depends on a value: a loop that doubles, as often as an argument says."""
    shape = make.shape(1, 2, empty=False)
    text = tensor(shape, "i32")
    times = make.random.randrange(5)
    a, b = make.array(shape, "i32"), np.array(times, np.int32)
    body = ("  %%zero = arith.constant 0 : index\n  %%one = arith.constant 1 : index\n"
            "  %%n = tensor.extract %%a1[] : tensor<i32>\n"
            "  %%count = arith.index_cast %%n : i32 to index\n"
            "  %%r = scf.for %%i = %%zero to %%count step %%one iter_args(%%x = %%a0) -> (%s) {\n"
            "    %%y = arith.addi %%x, %%x : %s\n    scf.yield %%y : %s\n  }\n") % (text, text, text)
    return Program(name, function(name, [text, "tensor<i32>"], body, text), [a, b], "i32",
                   a * np.int32(2 ** times))


MAKERS = [binary, binary, unary, compare, cast, cast, transpose, reduce, matmul, matmul, pad, insert,
          extract, gather, sort, convolve, branch]


def draw(seed, count):
    make = Maker(seed)
    programs = []
    with np.errstate(all="ignore"):
        for number in range(count):
            maker = make.random.choice(MAKERS)
            programs.append(maker(make, "f%d_%s" % (number, maker.__name__)))
    return programs


# ---- Running -----------------------------------------------------------------------------------

def kind_of(array):
    name = next(name for name, dtype in DTYPES.items() if array.dtype == dtype)
    return "x".join([str(size) for size in array.shape] + [name])


def bits_of(array):
    return np.ascontiguousarray(array).view(np.uint8).tobytes() if array.size else b""


def close(program, data):
    """None, or how the bytes are not what NumPy says."""
    expected = program.expected
    if expected is None:
        return None
    found = np.frombuffer(data, DTYPES[program.dtype])
    if found.size != expected.size:
        return "%d elements, NumPy has %d" % (found.size, expected.size)
    found = found.reshape(expected.shape)
    if program.dtype in TOLERANCE:
        limit = TOLERANCE[program.dtype]
        with np.errstate(all="ignore"):
            same = np.allclose(found.astype(np.float64), expected.astype(np.float64), limit,
                               limit * 10, equal_nan=True)
    else:
        same = np.array_equal(found, expected)
    return None if same else "not what NumPy computes"


class Differences:
    def __init__(self, arguments, tools, module):
        self.folder, self.module = pathlib.Path(arguments.out), module
        self.runners = {"iree-run-module": [tools.program("iree-run-module")],
                        "eerie": [pathlib.Path(arguments.eerie).resolve(), "run"]}

    def judge(self, program):
        """None, or what is wrong with one function. Its files stay when something is."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix=program.name + "-", dir=self.folder))
        inputs = []
        for number, array in enumerate(program.inputs):
            path = folder / ("input%d.bin" % number)
            path.write_bytes(bits_of(array))
            inputs.append("--input=%s=@%s" % (kind_of(array), path))
        done, bits = {}, {}
        for who, command in self.runners.items():
            output = folder / (who + ".bin")
            call = command + ["--device=local-sync", "--module=%s" % self.module,
                              "--function=" + program.name] + inputs
            done[who] = common.run(call, 60)
            written = common.run(call + ["--output=@%s" % output], 60)
            bits[who] = output.read_bytes() if written.ok and output.exists() else None
        theirs, ours = done["iree-run-module"], done["eerie"]
        wrong = None
        if ours.crashed or ours.code is None:
            wrong = "eerie: " + ours.why()
        elif theirs.ok != ours.ok:
            wrong = "iree-run-module: %s; eerie: %s" % tuple(
                "runs" if one.ok else one.why() for one in (theirs, ours))
        elif ours.ok:
            if bits["eerie"] != bits["iree-run-module"]:
                wrong = "other bits"
            elif theirs.out != ours.out:
                wrong = "other words: %r, %r" % (theirs.out[-200:], ours.out[-200:])
            else:
                wrong = close(program, bits["eerie"])
        if wrong:
            (folder / "source.mlir").write_text(program.text)
            return "%s: %s (%s)" % (program.name, wrong, folder)
        shutil.rmtree(folder)
        return None


def compile_all(tools, programs, flags):
    """(module, programs in it, [(name, why)] of those that the compiler refuses)."""
    module, why = tools.compile("".join(program.text for program in programs), flags, 300)
    if module:
        return module, programs, []
    good, bad = [], []
    for program in programs:
        one, why = tools.compile(program.text, flags, 60)
        if one:
            good.append(program)
        else:
            bad.append((program.name, why))
    module, why = tools.compile("".join(program.text for program in good), flags, 300)
    return module, good, bad + ([] if module else [("all", why)])


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("functions", nargs="*", metavar="FUNCTION")
    parser.add_argument("--eerie", default=str(common.ROOT / "build/release/eerie"))
    parser.add_argument("--tools", default=str(common.ROOT / ".venv/bin"))
    parser.add_argument("--out", default=str(common.DEFAULT_OUT / "generated"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--backend", action="append", choices=sorted(BACKENDS))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()
    common.be_modest()
    os.makedirs(arguments.out, exist_ok=True)
    tools = common.Tools(arguments.tools, common.Kept(pathlib.Path(arguments.out) / "kept"))
    failed = False
    for backend in arguments.backend or sorted(BACKENDS):
        programs = draw(arguments.seed, arguments.count)
        module, programs, refused = compile_all(tools, programs, BACKENDS[backend] + [KEEP_F64])
        if arguments.verbose:
            for name, why in refused:
                print("%s: not compiled: %s" % (name, why))
        if not module:
            print("%s: the compiler takes none" % backend)
            failed = True
            continue
        if arguments.functions:
            programs = [program for program in programs if program.name in arguments.functions]
        differences = Differences(arguments, tools, module)
        wrong = [answer for answer in common.in_parallel(arguments.jobs, differences.judge, programs)
                 if answer]
        print("\n".join(wrong + ["%s, seed %d: %d functions, %d refused by the compiler, %d wrong" % (
            backend, arguments.seed, len(programs), len(refused), len(wrong))]))
        failed = failed or bool(wrong)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
