#!/usr/bin/env python3
"""Writes ops.mlir, a function for each value instruction of the VM and one that repeats it in a
loop, and ops.cases, calls of them with the results that Python's own arithmetic gives.
vm_ops_test.c runs the one against the other.

    ops.py DIRECTORY             writes both files
    ops.py --check VMFB CASES    runs the cases on IREE's runtime instead, to judge this script

The compiler's dialect lacks a few instructions that bytecode has. They are compiled as another one
with the same operands; a line "patch FUNCTION FROM TO" says which bytes to exchange.

Another line of ops.cases: function, arguments, "->", results or "!CODE", and "~n" where n units in the
last place are allowed. Values are bit patterns: i and f 8 digits, I and F 16, after their letter.
"""
import itertools
import math
import os
import platform
import struct
import sys
from fractions import Fraction

# That the cases are for.
MACHINE = os.environ.get("EERIE_TEST_MACHINE") or platform.machine()
LETTERS = {"i32": "i", "i64": "I", "f32": "f", "f64": "F"}
INTS = {
    32: [0, 1, -1, 2, -7, 31, 33, 0x7FFFFFFF, -0x80000000, 0x12345678, -300],
    64: [0, 1, -1, 2, -7, 63, 65, 2**63 - 1, -(2**63), 0x123456789ABCDEF0, -(2**32) - 300],
}
NAN = float("nan")
INF = float("inf")
FLOATS = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 0.3, -3.7, 100.25, 1e-3, 3e5, INF, -INF, NAN]
# Conversions to integers: halves, ends of the ranges, beyond them.
TO_INT = [0.0, 0.4, 0.5, -0.5, 1.5, 2.5, -2.5, -0.4, 7.9, 123456.7, 2.0**31 - 128, -(2.0**31),
          3e9, 1e18, -1e18, 2.0**63, 2.0**64, -1e30, INF, -INF, NAN]


def wrap(value, bits):
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def unsigned(value, bits):
    return value & ((1 << bits) - 1)


def f32(value):
    """The nearest float, as a Python float."""
    if math.isnan(value) or math.isinf(value):
        return value
    try:
        return struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return math.copysign(INF, value)


def exact(value, bits):
    """Rounds a Fraction once to f32 or f64 (ties to even)."""
    if value == 0:
        return 0.0
    mantissa, minimum = (24, -149) if bits == 32 else (53, -1074)
    exponent = 0
    magnitude = abs(value)
    while magnitude >= 2 ** (exponent + 1):
        exponent += 1
    while magnitude < Fraction(2) ** exponent:
        exponent -= 1
    quantum = max(exponent - mantissa + 1, minimum)
    scaled = value / Fraction(2) ** quantum
    return float(round(scaled)) * 2.0**quantum


class Fault(Exception):
    pass


def checked_division(bits, signed, remainder):
    def divide(a, b):
        if b == 0:
            raise Fault("INVALID_ARGUMENT")
        if not signed:
            a, b = unsigned(a, bits), unsigned(b, bits)
            return a % b if remainder else a // b
        quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
        if remainder:
            return a - quotient * b
        if quotient == 2 ** (bits - 1):
            raise Fault("OUT_OF_RANGE")
        return quotient

    return divide


def round_away(value):
    """Half away from zero, to an integer."""
    floor = math.floor(abs(value))
    rounded = floor + 1 if abs(value) - floor >= 0.5 else floor
    return -rounded if value < 0 else rounded


def to_integer(bits, signed):
    def convert(value):
        if math.isnan(value) or math.isinf(value):
            result = -(2**63)
        else:
            result = round_away(value)
            if bits == 64 and not signed and 2**63 <= result < 2**64:
                return result
            if not -(2**63) <= result < 2**63:
                result = -(2**63)
        return wrap(result, bits)

    return convert


def guarded(function, undefined=NAN):
    """libm answers where Python raises."""

    def call(*args):
        try:
            return function(*args)
        except (ValueError, ZeroDivisionError):
            return undefined
        except OverflowError:
            return INF

    return call


def divide_float(a, b):
    if b != 0:
        return a / b
    if a == 0 or math.isnan(a):
        return NAN
    return math.copysign(INF, a) * math.copysign(1, b)


def fma(bits):
    """Rounded once where IREE's runtime does so: not on x86 and old ARM, see runtime/port/math.h."""

    def compute(a, b, c):
        if MACHINE in ("x86_64", "AMD64", "i686", "armv7l"):
            return f32(a * b) + c if bits == 32 else a * b + c
        if any(math.isnan(x) or math.isinf(x) for x in (a, b, c)):
            return a * b + c
        result = Fraction(a) * Fraction(b) + Fraction(c)
        return exact(result, bits) if result else a * b + c

    return compute


def log_of(function):
    def compute(value):
        if value == 0:
            return -INF
        return function(value) if value > 0 else NAN

    return guarded(compute)


def integral(function):
    def compute(value):
        if math.isnan(value) or math.isinf(value):
            return value
        return math.copysign(float(function(value)), value)

    return compute


def power(a, b):
    try:
        return math.pow(a, b)
    except ZeroDivisionError:
        return INF
    except OverflowError:
        return -INF if a < 0 and b % 2 == 1 else INF
    except ValueError:
        if a == 0:  # a pole
            return math.copysign(INF, a) if b % 2 == 1 else INF
        return NAN


def power_of_integer(round_to):
    """Squares, each product rounded, the reciprocal last. The instruction reads 32 bits of the
    exponent."""
    def compute(base, exponent):
        exponent = wrap(exponent, 32)
        left, result = abs(exponent), 1.0
        while True:
            if left & 1:
                result = round_to(result * base)
            left >>= 1
            if left == 0:
                break
            base = round_to(base * base)
        return round_to(divide_float(1.0, result)) if exponent < 0 else result

    return compute


# What stands for instructions without an operation in the dialect, and the bytes of both.
PATCHED = {
    f"cast.{sign}32.f64": (f"e115 e1{number}", ["%t = vm.bitcast.i32.f32 %v0 : i32 -> f32",
                                               "%r = vm.ext.f32.f64 %t : f32 -> f64"])
    for sign, number in (("si", "16"), ("ui", "17"))
} | {
    f"cast.f64.{sign}32": (f"e114 e1{number}", ["%t = vm.trunc.f64.f32 %v0 : f64 -> f32",
                                               "%r = vm.bitcast.f32.i32 %t : f32 -> i32"])
    for sign, number in (("si", "18"), ("ui", "19"))
}

OPS = []
AGAIN = "again_"  # before the name of the function that does it in a loop


def op(name, arguments, result, function, samples, assembly=None, ulp=0):
    OPS.append((name, arguments.split(), result, function, samples, assembly, ulp))


def define_integers(bits):
    t = f"i{bits}"
    values = INTS[bits]
    pairs = list(itertools.product(values, values))
    s, u = (lambda x: x), (lambda x: unsigned(x, bits))
    two = {
        "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b,
        "and": lambda a, b: a & b, "or": lambda a, b: a | b, "xor": lambda a, b: a ^ b,
        "min.S": min, "max.S": max,
        "min.U": lambda a, b: min(u(a), u(b)), "max.U": lambda a, b: max(u(a), u(b)),
        "div.S": checked_division(bits, True, False), "div.U": checked_division(bits, False, False),
        "rem.S": checked_division(bits, True, True), "rem.U": checked_division(bits, False, True),
    }
    for key, function in two.items():
        base, _, sign = key.partition(".")
        name = f"{base}.{t}" + (f".{sign.lower()}" if sign else "")
        op(name, f"{t} {t}", t, function, pairs)
    op(f"not.{t}", t, t, lambda a: ~a, values)
    op(f"abs.{t}", t, t, abs, values)
    op(f"ctlz.{t}", t, t, lambda a: bits - u(a).bit_length(), values)
    op(f"fma.{t}", f"{t} {t} {t}", t, lambda a, b, c: a * b + c,
       list(itertools.product(values[1:8], values[3:9], values[5:9])))
    mask = bits - 1
    shifts = list(itertools.product(values, INTS[32]))
    op(f"shl.{t}", f"{t} i32", t, lambda a, b: a << (b & mask), shifts, ": " + t)
    op(f"shr.{t}.s", f"{t} i32", t, lambda a, b: a >> (b & mask), shifts, ": " + t)
    op(f"shr.{t}.u", f"{t} i32", t, lambda a, b: u(a) >> (b & mask), shifts, ": " + t)
    for name, function in {
        "eq": lambda a, b: a == b, "ne": lambda a, b: a != b, "lt.S": lambda a, b: a < b,
        "lt.U": lambda a, b: u(a) < u(b),
    }.items():
        base, _, sign = name.partition(".")
        op(f"cmp.{base}.{t}" + (f".{sign.lower()}" if sign else ""), f"{t} {t}", "i32", function,
           pairs, ": " + t)
    op(f"cmp.nz.{t}", t, "i32", lambda a: a != 0, values, ": " + t)
    op(f"select.{t}", f"i32 {t} {t}", t, lambda c, a, b: a if c else b,
       [(c, values[3], values[-1]) for c in (0, 1, -1, 256)], ": " + t)


def define_widths():
    values = INTS[32] + [0x80, 0xFF, 0x8000, 0xFFFF, 0x1FF, 0x18000]
    for bits in (8, 16):
        op(f"trunc.i32.i{bits}", "i32", "i32", lambda a, n=bits: unsigned(a, n), values,
           ": i32 -> i32")
        op(f"ext.i{bits}.i32.s", "i32", "i32", lambda a, n=bits: wrap(a, n), values,
           ": i32 -> i32")
        op(f"ext.i{bits}.i32.u", "i32", "i32", lambda a, n=bits: unsigned(a, n), values,
           ": i32 -> i32")
    op("trunc.i64.i32", "i64", "i32", lambda a: a, INTS[64], ": i64 -> i32")
    op("ext.i32.i64.s", "i32", "i64", lambda a: a, values, ": i32 -> i64")
    op("ext.i32.i64.u", "i32", "i64", lambda a: unsigned(a, 32), values, ": i32 -> i64")


def define_floats(bits):
    t = f"f{bits}"
    r = f32 if bits == 32 else (lambda x: x)
    values = [r(x) for x in FLOATS]
    pairs = list(itertools.product(values, values))

    def two(name, function, ulp=0):
        op(f"{name}.{t}", f"{t} {t}", t, function, pairs, None, ulp)

    def one(name, function, ulp=0, samples=values):
        op(f"{name}.{t}", t, t, function, samples, None, ulp)

    two("add", lambda a, b: a + b)
    two("sub", lambda a, b: a - b)
    two("mul", lambda a, b: a * b)
    two("div", divide_float)
    two("rem", guarded(math.remainder))
    two("min", lambda a, b: b if b < a else a)
    two("max", lambda a, b: b if a < b else a)
    two("atan2", math.atan2, 4)
    two("pow", power, 4)
    op(f"fpowi.{t}", f"{t} i64", t, power_of_integer(r),
       list(itertools.product(values, [0, 1, -1, 2, 3, -3, 7, 10, 31, -200, 2**32 + 2])), ": " + t)
    op(f"fma.{t}", f"{t} {t} {t}", t, fma(bits),
       list(itertools.product(values[2:10], values[4:12], values[6:13])) + [(NAN, 1.0, 1.0)])
    one("abs", abs)
    one("neg", lambda a: -a)
    halves = values + [r(x) for x in (3.5, 4.5, -1.5, 0.49999997, 8388609.0, 2.0**52 + 1, 1e30)]
    one("ceil", integral(math.ceil), samples=halves)
    one("floor", integral(math.floor), samples=halves)
    one("round", integral(round_away), samples=halves)
    op(f"round.{t}.even", t, t, integral(round), halves)
    one("sqrt", guarded(math.sqrt), 1)
    one("rsqrt", lambda a: NAN if a < 0 or math.isnan(a) else divide_float(1.0, math.sqrt(a)), 2)
    for name, function in {
        "atan": math.atan, "cos": guarded(math.cos), "sin": guarded(math.sin),
        "exp": guarded(math.exp), "exp2": guarded(lambda a: math.pow(2.0, a)),
        "expm1": guarded(math.expm1), "log": log_of(math.log), "log10": log_of(math.log10),
        "log1p": guarded(lambda a: -INF if a == -1 else math.log1p(a)), "log2": log_of(math.log2),
        "tanh": math.tanh, "erf": math.erf,
    }.items():
        one(name, function, 4)
    ordered = {
        "eq": lambda a, b: a == b, "lt": lambda a, b: a < b, "lte": lambda a, b: a <= b,
    }
    for name, function in ordered.items():
        op(f"cmp.{name}.{t}.o", f"{t} {t}", "i32", function, pairs, ": " + t)
        op(f"cmp.{name}.{t}.u", f"{t} {t}", "i32",
           lambda a, b, f=function: f(a, b) or math.isnan(a) or math.isnan(b), pairs, ": " + t)
    op(f"cmp.ne.{t}.o", f"{t} {t}", "i32", lambda a, b: a != b, pairs, ": " + t)
    op(f"cmp.ne.{t}.u", f"{t} {t}", "i32", lambda a, b: a != b, pairs, ": " + t)
    op(f"cmp.nan.{t}", t, "i32", math.isnan, values, ": " + t)
    op(f"select.{t}", f"i32 {t} {t}", t, lambda c, a, b: a if c else b,
       [(c, values[3], values[-3]) for c in (0, 1, -1, 256)], ": " + t)
    integers = {32: INTS[32] + [16777217], 64: INTS[64] + [2**53 + 1]}
    for n in (32, 64):
        source = {"si": lambda a: a, "ui": lambda a, n=n: unsigned(a, n)}
        for prefix, read in source.items():
            signed = prefix == "si"
            op(f"cast.{prefix}{n}.{t}", f"i{n}", t,
               lambda a, f=read: exact(Fraction(f(a)), bits), integers[n], f": i{n} -> {t}")
            op(f"cast.{t}.{prefix}{n}", t, f"i{n}", to_integer(n, signed),
               [r(x) for x in TO_INT], f": {t} -> i{n}")
    to_bits = ("<i", "<f") if bits == 32 else ("<q", "<d")
    op(f"bitcast.i{bits}.{t}", f"i{bits}", t,
       lambda a: struct.unpack(to_bits[1], struct.pack(to_bits[0], a))[0],
       [0, 1, 0x3F800000, -0x80000000, 0x12345678], f": i{bits} -> {t}")
    op(f"bitcast.{t}.i{bits}", t, f"i{bits}",
       lambda a: struct.unpack(to_bits[0], struct.pack(to_bits[1], a))[0],
       [x for x in values if not math.isnan(x)], f": {t} -> i{bits}")


def define_all():
    for bits in (32, 64):
        define_integers(bits)
        define_floats(bits)
    define_widths()
    op("trunc.f64.f32", "f64", "f32", lambda a: a, FLOATS + [1e300, 1.1], ": f64 -> f32")
    op("ext.f32.f64", "f32", "f64", lambda a: a, [f32(x) for x in FLOATS], ": f32 -> f64")
    # What lowers to more than one instruction, or takes its operands in another way.
    for bits, kind in itertools.product((32, 64), "if"):
        t = f"{kind}{bits}"
        values = [5, -6, 7, 8] if kind == "i" else [5.5, -6.25, 7.0, 8.0]
        samples = [(i, *values) for i in (0, 1, 2, 3, -1, 1000)]
        op(f"switch.{t}", f"i32 {t} {t} {t} {t}", t,
           lambda i, a, b, c, d: (a, b, c)[i] if 0 <= i < 3 else d, samples,
           f"%v0[%v1, %v2, %v3] else %v4 : {t}")
    for t, value in (("i32", -123456789), ("i64", -1234567890123456789), ("f32", 0.15625),
                     ("f64", -1e100)):
        text = f"{value:.1e}" if t == "f64" else repr(value)
        op(f"const.{t}", "", t, lambda v=value: v, [()], f"= {text}")
        op(f"const.{t}.zero", "", t, lambda v=value: type(v)(0), [()], "=")


def function_name(name):
    return name.replace(".", "_")


def instruction(name, arguments, result, assembly):
    """Lines that compute %r from %v0, %v1 and so on."""
    if name in PATCHED:
        return PATCHED[name][1]
    operands = ", ".join(f"%v{i}" for i in range(len(arguments)))
    if assembly is None:
        return [f"%r = vm.{name} {operands} : {result}"]
    if assembly.startswith("="):  # constants
        return [f"%r = vm.{name}{assembly[1:]}"]
    if assembly.startswith("%"):
        return [f"%r = vm.{name} {assembly}"]
    return [f"%r = vm.{name} {operands} {assembly}"]


def repeated(lines, result):
    """The same in a loop that turns often enough to be executed in another form."""
    return [
        "%n = vm.const.i32 40",
        "%one = vm.const.i32 1",
        f"%none = vm.const.{result}.zero",
        f"vm.br ^turn(%n, %none : i32, {result})",
        f"^turn(%i: i32, %last: {result}):",
        *lines,
        "%left = vm.sub.i32 %i, %one : i32",
        f"vm.cond_br %left, ^turn(%left, %r : i32, {result}), ^out",
        "^out:",
    ]


def write_mlir(out):
    out.write("// Written by ops.py: two functions for each instruction on values.\nvm.module @ops {\n")
    for name, arguments, result, _, _, assembly, _ in OPS:
        parameters = ", ".join(f"%v{i}: {t}" for i, t in enumerate(arguments))
        lines = instruction(name, arguments, result, assembly)
        for symbol, body in ((function_name(name), lines),
                             (AGAIN + function_name(name), repeated(lines, result))):
            out.write(f"  vm.export @{symbol}\n  vm.func @{symbol}({parameters}) -> {result} {{\n")
            out.write("".join(f"    {line}\n" for line in body))
            out.write(f"    vm.return %r : {result}\n  }}\n")
    out.write("}\n")


def spell(value, t):
    if t[0] == "i":
        bits = int(t[1:])
        return f"{LETTERS[t]}{unsigned(int(value), bits):0{bits // 4}x}"
    if t == "f32":
        return "f" + struct.pack(">f", f32(float(value))).hex()
    return "F" + struct.pack(">d", float(value)).hex()


def cases():
    for name, (patch, _) in PATCHED.items():
        yield f"patch {function_name(name)} {patch}"
        yield f"patch {AGAIN + function_name(name)} {patch}"
    for name, arguments, result, function, samples, _, ulp in OPS:
        for sample in samples:
            sample = sample if isinstance(sample, tuple) else (sample,)
            words = [function_name(name)] + [spell(v, t) for v, t in zip(sample, arguments)] + ["->"]
            try:
                words.append(spell(function(*sample), result))
                if ulp:
                    words.append(f"~{ulp}")
            except Fault as fault:
                words.append(f"!{fault}")
            yield " ".join(words)
            yield AGAIN + " ".join(words)


def check(module_path, cases_path):
    """Runs cases on IREE's own runtime (its Python package) and prints what differs."""
    import numpy as np
    from iree import runtime as rt

    instance = rt.VmInstance()
    module = rt.VmModule.mmap(instance, module_path)
    context = rt.VmContext(instance, [module])
    differing = {}
    for line in open(cases_path):
        words = line.split()
        if words[0] == "patch" or words[0].removeprefix(AGAIN).replace("_", ".") in PATCHED:
            continue
        arrow = words.index("->")
        # IREE's runtime would die of these.
        overflows = words[0].removeprefix(AGAIN).startswith("rem_i") and set(words[2][1:]) == {"f"}
        if words[arrow + 1].startswith("!") or overflows:
            continue
        arguments = rt.VmVariantList(8)
        for word in words[1:arrow]:
            raw = bytes.fromhex(word[1:])[::-1]
            if word[0] in "iI":
                arguments.push_int(int.from_bytes(raw, "little", signed=True))
            else:
                arguments.push_float(float(np.frombuffer(raw, "<f4" if word[0] == "f" else "<f8")[0]))
        results = rt.VmVariantList(1)
        context.invoke(module.lookup_function(words[0]), arguments, results)
        value = results.get_variant(0)
        letter = words[arrow + 1][0]
        t = {v: k for k, v in LETTERS.items()}[letter]
        got = spell(value, t)
        if got == words[arrow + 1]:
            continue
        if letter in "fF" and math.isnan(value) and "nan" in str(
                struct.unpack(">f" if letter == "f" else ">d", bytes.fromhex(words[arrow + 1][1:]))[0]):
            continue
        differing.setdefault(words[0], []).append(f"{line.strip()}   IREE: {got}")
    for name, lines in sorted(differing.items()):
        print(f"{name}: {len(lines)} differ, such as {lines[0]}")


def main():
    define_all()
    if sys.argv[1] == "--check":
        check(sys.argv[2], sys.argv[3])
        return
    with open(f"{sys.argv[1]}/ops.mlir", "w") as out:
        write_mlir(out)
    with open(f"{sys.argv[1]}/ops.cases", "w") as out:
        for line in cases():
            out.write(line + "\n")


if __name__ == "__main__":
    main()
