"""Instructions of PTX and what NumPy, or arithmetic of Python's own integers, says they give.

A case has the text of an instruction with {d} and {a}, {b}, {c}; the types of these; and a function
of Python for one element (`each`) or of NumPy for all.
"""

import collections
import math

import ml_dtypes
import numpy as np

import ptx_exact

Case = collections.namedtuple("Case", "text types function")

DTYPES = {
    "u8": np.uint8, "s8": np.int8, "u16": np.uint16, "s16": np.int16, "u32": np.uint32,
    "s32": np.int32, "u64": np.uint64, "s64": np.int64, "f16": np.float16,
    "bf16": ml_dtypes.bfloat16, "f32": np.float32, "f64": np.float64, "b16": np.uint16,
    "b32": np.uint32, "b64": np.uint64,
}
BITS = {name: np.dtype(dtype).itemsize * 8 for name, dtype in DTYPES.items()}


def wrap(value, name):
    """An integer as a type's."""
    value &= (1 << BITS[name]) - 1
    return value - (1 << BITS[name]) if name[0] == "s" and value >> (BITS[name] - 1) else value


def limits(name):
    info = np.iinfo(DTYPES[name])
    return int(info.min), int(info.max)


def each(function):
    """A function of Python's numbers, element by element."""
    def of_arrays(*arrays):
        return [function(*(item.item() for item in items)) for items in zip(*arrays)]
    return of_arrays


def integers(result, function):
    return each(lambda *values: wrap(function(*values), result))


def divide(a, b, name):
    if b == 0:
        return -1
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def remainder(a, b, name):
    return a if b == 0 else a - b * divide(a, b, name)


def integer_cases():
    cases = []

    def add(text, types, function):
        cases.append(Case(text, types, integers(types[0], function)))

    for bits in (16, 32, 64):
        for sign in "us":
            t = f"{sign}{bits}"
            for name, function in {
                "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul.lo": lambda a, b: a * b,
                "mul.hi": lambda a, b, n=bits: a * b >> n, "min": min, "max": max,
                "div": lambda a, b, t=t: divide(a, b, t),
                "rem": lambda a, b, t=t: remainder(a, b, t),
            }.items():
                add(f"{name}.{t} {{d}}, {{a}}, {{b}};", (t, t, t), function)
            add(f"mad.lo.{t} {{d}}, {{a}}, {{b}}, {{c}};", (t,) * 4, lambda a, b, c: a * b + c)
            add(f"shr.{t} {{d}}, {{a}}, {{b}};", (t, t, "u32"), lambda a, b: a >> min(b, 70))
            if bits < 64:
                wide = f"{sign}{bits * 2}"
                add(f"mul.wide.{t} {{d}}, {{a}}, {{b}};", (wide, t, t), lambda a, b: a * b)
                add(f"mad.wide.{t} {{d}}, {{a}}, {{b}}, {{c}};", (wide, t, t, wide),
                    lambda a, b, c: a * b + c)
            if bits > 16:
                add(f"mad.hi.{t} {{d}}, {{a}}, {{b}}, {{c}};", (t,) * 4,
                    lambda a, b, c, n=bits: (a * b >> n) + c)
                add(f"bfind.{t} {{d}}, {{a}};", ("u32", t),
                    lambda a, n=bits: (~a if a < 0 else a).bit_length() - 1)
                add(f"bfe.{t} {{d}}, {{a}}, 3, 7;", (t, t),
                    lambda a, s=sign: (a >> 3 & 127) - (128 if s == "s" and a >> 9 & 1 else 0))
                add(f"bfe.{t} {{d}}, {{a}}, {bits - 4}, 9;", (t, t), lambda a, n=bits: a >> (n - 4))
        for sign in "s":
            add(f"neg.s{bits} {{d}}, {{a}};", (f"s{bits}",) * 2, lambda a: -a)
            add(f"abs.s{bits} {{d}}, {{a}};", (f"s{bits}",) * 2, abs)
        t = f"b{bits}"
        for name, function in {"and": lambda a, b: a & b, "or": lambda a, b: a | b,
                               "xor": lambda a, b: a ^ b}.items():
            add(f"{name}.{t} {{d}}, {{a}}, {{b}};", (t, t, t), function)
        add(f"not.{t} {{d}}, {{a}};", (t, t), lambda a: ~a)
        add(f"cnot.{t} {{d}}, {{a}};", (t, t), lambda a: a == 0)
        add(f"shl.{t} {{d}}, {{a}}, {{b}};", (t, t, "u32"), lambda a, b: a << min(b, 70))
        if bits > 16:
            add(f"popc.{t} {{d}}, {{a}};", ("u32", t), lambda a: bin(a).count("1"))
            add(f"clz.{t} {{d}}, {{a}};", ("u32", t), lambda a, n=bits: n - a.bit_length())
            add(f"brev.{t} {{d}}, {{a}};", (t, t),
                lambda a, n=bits: int(format(a, f"0{n}b")[::-1], 2))
            add(f"bfi.{t} {{d}}, {{a}}, {{b}}, 5, 6;", (t, t, t),
                lambda a, b: b & ~(63 << 5) | (a & 63) << 5)
    add("add.sat.s32 {d}, {a}, {b};", ("s32",) * 3, lambda a, b: clamp(a + b, "s32"))
    add("sub.sat.s32 {d}, {a}, {b};", ("s32",) * 3, lambda a, b: clamp(a - b, "s32"))
    add("shf.l.wrap.b32 {d}, {a}, {b}, {c};", ("u32",) * 4,
        lambda a, b, c: (b << 32 | a) << (c & 31) >> 32)
    add("shf.r.wrap.b32 {d}, {a}, {b}, {c};", ("u32",) * 4,
        lambda a, b, c: (b << 32 | a) >> (c & 31))
    add("shf.r.clamp.b32 {d}, {a}, {b}, {c};", ("u32",) * 4,
        lambda a, b, c: (b << 32 | a) >> min(c, 32))
    add("lop3.b32 {d}, {a}, {b}, {c}, 0xE8;", ("b32",) * 4, lambda a, b, c: a & b | a & c | b & c)
    add("prmt.b32 {d}, {a}, {b}, 0x7610;", ("b32",) * 3, lambda a, b: b & 0xffff0000 | a & 0xffff)
    add("prmt.b32 {d}, {a}, 0, 0x8880U;", ("b32",) * 2,
        lambda a: a & 255 | (0xffffff00 if a & 128 else 0))
    add("dp4a.s32.s32 {d}, {a}, {b}, {c};", ("s32",) * 4, lambda a, b, c: c + sum(
        wrap(a >> i, "s8") * wrap(b >> i, "s8") for i in (0, 8, 16, 24)))
    return cases


def clamp(value, name):
    low, high = limits(name)
    return max(low, min(high, value))


# ---- Comparisons ---------------------------------------------------------------------------------

COMPARISONS = {"eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal,
               "gt": np.greater, "ge": np.greater_equal}
SET = ".reg .pred %q; setp.{0} %q, {{a}}, {{b}}; selp.u32 {{d}}, 1, 0, %q;"


def compare_cases():
    cases = []
    for name, function in COMPARISONS.items():
        for t in ("u16", "s16", "u32", "s32", "u64", "s64", "f16", "f32", "f64"):
            def ordered(a, b, f=function, floats=t[0] == "f"):
                both = ~(np.isnan(a) | np.isnan(b)) if floats else True
                return f(a, b) & both
            cases.append(Case(SET.format(f"{name}.{t}"), ("u32", t, t), ordered))
            if t[0] == "f":
                cases.append(Case(SET.format(f"{name}u.{t}"), ("u32", t, t),
                                  lambda a, b, f=function: f(a, b) | np.isnan(a) | np.isnan(b)))
    for name, unordered in (("num", False), ("nan", True)):
        cases.append(Case(SET.format(f"{name}.f32"), ("u32", "f32", "f32"),
                          lambda a, b, u=unordered: (np.isnan(a) | np.isnan(b)) == u))
    for name, function in (("lo", np.less), ("ls", np.less_equal), ("hi", np.greater),
                           ("hs", np.greater_equal)):
        cases.append(Case(SET.format(f"{name}.u32"), ("u32", "u32", "u32"), function))
    for name, function in (("and", np.logical_and), ("or", np.logical_or), ("xor", np.logical_xor)):
        # Two targets: 2 for the first, 1 for the second.
        cases.append(Case(
            ".reg .pred %q<4>; setp.ne.u32 %q1, {c}, 0; "
            f"setp.lt.{name}.s32 %q2|%q3, {{a}}, {{b}}, !%q1; "
            "selp.u32 {d}, 2, 0, %q2; .reg .b32 %t; selp.u32 %t, 1, 0, %q3; or.b32 {d}, {d}, %t;",
            ("u32", "s32", "s32", "u32"),
            lambda a, b, c, f=function: 2 * f(a < b, c == 0) + f(a >= b, c == 0)))
    cases.append(Case(".reg .pred %q; setp.lt.f32 %q, {a}, {b}; selp.f32 {d}, {a}, {b}, %q;",
                      ("f32",) * 3, lambda a, b: np.where(a < b, a, b)))
    cases.append(Case(".reg .pred %q<3>; setp.lt.s32 %q1, {a}, {b}; not.pred %q2, %q1; "
                      "mov.pred %q1, -1; and.pred %q1, %q1, %q2; selp.u32 {d}, 7, 9, %q1;",
                      ("u32", "s32", "s32"), lambda a, b: np.where(a < b, 9, 7)))
    return cases


# ---- Floats --------------------------------------------------------------------------------------

def minimum(a, b):
    """Of a number and NaN the number; -0 below +0."""
    if math.isnan(a) or math.isnan(b):
        return b if math.isnan(a) else a
    if a == b:
        return a if math.copysign(1, a) < 0 else b
    return min(a, b)


def maximum(a, b):
    return -minimum(-a, -b)


def with_nan(function):
    return lambda a, b: math.nan if math.isnan(a) or math.isnan(b) else function(a, b)


def exactly(function, rounding, fallback):
    """`function` of fractions, rounded once; what is not finite goes to `fallback` of floats."""
    def of(*values):
        if not all(math.isfinite(value) for value in values):
            return fallback(*values)
        result = function(*(ptx_exact.exact(value) for value in values))
        return fallback(*values) if result is None or result == 0 else rounding(result)
    return each(of)


def fused(dtype):
    """a*b+c in wider arithmetic, for zeros and what is not finite."""
    return lambda a, b, c: dtype(np.float64(a) * np.float64(b) + np.float64(c))


def single_cases():
    cases = []
    for t in ("f32", "f64"):
        for name, function in (("add", np.add), ("sub", np.subtract), ("mul", np.multiply),
                               ("div", np.divide)):
            cases.append(Case(f"{name}.rn.{t} {{d}}, {{a}}, {{b}};", (t, t, t), function))
        cases += [
            Case(f"sqrt.rn.{t} {{d}}, {{a}};", (t, t), np.sqrt),
            Case(f"rcp.rn.{t} {{d}}, {{a}};", (t, t), lambda a: (a.dtype.type(1) / a)),
            Case(f"neg.{t} {{d}}, {{a}};", (t, t), np.negative),
            Case(f"abs.{t} {{d}}, {{a}};", (t, t), np.abs),
            Case(f"copysign.{t} {{d}}, {{a}}, {{b}};", (t, t, t), lambda a, b: np.copysign(b, a)),
            Case(f"min.{t} {{d}}, {{a}}, {{b}};", (t, t, t), each(minimum)),
            Case(f"max.{t} {{d}}, {{a}}, {{b}};", (t, t, t), each(maximum)),
        ]
    f32 = np.float32
    for d in "nzmp":
        rounding = lambda value, d=d: ptx_exact.round_single(value, d)
        for name, function in (("add", lambda a, b: a + b), ("mul", lambda a, b: a * b),
                               ("div", lambda a, b: a / b if b else None)):
            operation = {"add": np.add, "mul": np.multiply, "div": np.divide}[name]
            cases.append(Case(f"{name}.r{d}.f32 {{d}}, {{a}}, {{b}};", ("f32",) * 3, exactly(
                function, rounding, lambda a, b, f=operation: f(f32(a), f32(b)))))
        cases.append(Case(f"fma.r{d}.f32 {{d}}, {{a}}, {{b}}, {{c}};", ("f32",) * 4, exactly(
            lambda a, b, c: a * b + c, rounding, fused(f32))))
    cases += [
        Case("min.NaN.f32 {d}, {a}, {b};", ("f32",) * 3, each(with_nan(minimum))),
        Case("max.NaN.f32 {d}, {a}, {b};", ("f32",) * 3, each(with_nan(maximum))),
        Case("add.sat.f32 {d}, {a}, {b};", ("f32",) * 3,
             lambda a, b: saturated(a + b)),
        Case("mul.ftz.f32 {d}, {a}, {b};", ("f32",) * 3, 
            lambda a, b: flushed(flushed(a) * flushed(b))),
        Case("add.f32 {d}, {a}, 0f3F800000;", ("f32",) * 2, lambda a: a + f32(1)),
        Case("add.f64 {d}, {a}, 0d3FF8000000000000;", ("f64",) * 2, lambda a: a + 1.5),
    ]
    return cases


def saturated(a):
    return np.nan_to_num(np.clip(a, 0, 1), nan=0) + np.float32(0)  # no -0


def flushed(a):
    return np.where(np.abs(a) < np.finfo(np.float32).tiny, np.copysign(np.float32(0), a), a)


APPROXIMATE = {
    "ex2.approx.f32": np.exp2, "lg2.approx.f32": np.log2, "sin.approx.f32": np.sin,
    "cos.approx.f32": np.cos, "tanh.approx.f32": np.tanh, "sqrt.approx.f32": np.sqrt,
    "rsqrt.approx.f32": lambda a: 1 / np.sqrt(a), "rcp.approx.f32": lambda a: 1 / a,
}


def approximate_cases():
    return [Case(f"{name} {{d}}, {{a}};", ("f32", "f32"),
                 lambda a, f=function: f(a.astype(np.float64)))
            for name, function in APPROXIMATE.items()]


def half_cases():
    cases = []
    for t in ("f16", "bf16"):
        dtype = DTYPES[t]
        rounding = lambda value, dtype=dtype: ptx_exact.round_half(value, dtype)
        plain = lambda a, b, c=None, dtype=dtype: dtype(a)
        cases.append(Case(f"fma.rn.{t} {{d}}, {{a}}, {{b}}, {{c}};", (t,) * 4, exactly(
            lambda a, b, c: a * b + c, rounding, fused(dtype))))
        cases += [
            Case(f"min.{t} {{d}}, {{a}}, {{b}};", (t,) * 3, each(minimum)),
            Case(f"max.NaN.{t} {{d}}, {{a}}, {{b}};", (t,) * 3, each(with_nan(maximum))),
            Case(f"neg.{t} {{d}}, {{a}};", (t,) * 2, np.negative),
            Case(f"abs.{t} {{d}}, {{a}};", (t,) * 2, np.abs),
        ]
    for name, function in (("add", np.add), ("sub", np.subtract), ("mul", np.multiply)):
        cases.append(Case(f"{name}.rn.f16 {{d}}, {{a}}, {{b}};", ("f16",) * 3, function))
    return cases


# ---- Conversions ---------------------------------------------------------------------------------

def to_integer(value, name, source, mode):
    if math.isnan(value):
        odd = BITS[source] == 64 or BITS[name] == 64
        return wrap(1 << (BITS[name] - 1), name) if odd else 0
    if math.isinf(value):
        return limits(name)[value > 0]
    whole = {"rni": round, "rzi": math.trunc, "rmi": math.floor, "rpi": math.ceil}[mode](value)
    return clamp(whole, name)


def convert_cases():
    cases = []
    whole = [f"{sign}{bits}" for sign in "us" for bits in (8, 16, 32, 64)]
    for target in whole:
        for source in whole:
            cases.append(Case(f"cvt.{target}.{source} {{d}}, {{a}};", (target, source),
                              integers(target, lambda a: a)))
            if limits(source)[0] < limits(target)[0] or limits(source)[1] > limits(target)[1]:
                cases.append(Case(f"cvt.sat.{target}.{source} {{d}}, {{a}};", (target, source),
                                  each(lambda a, t=target: clamp(a, t))))
        for source in ("f16", "f32", "f64"):
            for mode in ("rni", "rzi", "rmi", "rpi"):
                cases.append(Case(
                    f"cvt.{mode}.{target}.{source} {{d}}, {{a}};", (target, source),
                    each(lambda a, t=target, s=source, m=mode: to_integer(a, t, s, m))))
            cases.append(Case(f"cvt.rn.{source}.{target} {{d}}, {{a}};", (source, target), each(
                lambda a, t=source: round_integer(a, t))))
    whole = {"rni": np.rint, "rzi": np.trunc, "rmi": np.floor, "rpi": np.ceil}
    for mode, function in whole.items():
        for t in ("f16", "f32", "f64"):
            cases.append(Case(f"cvt.{mode}.{t}.{t} {{d}}, {{a}};", (t, t), function))
    for target, source in (("f32", "f16"), ("f64", "f16"), ("f64", "f32"), ("f32", "bf16")):
        cases.append(Case(f"cvt.{target}.{source} {{d}}, {{a}};", (target, source),
                          lambda a, t=target: a.astype(DTYPES[t])))
    for target, source in (("f16", "f32"), ("f16", "f64"), ("f32", "f64"), ("bf16", "f32")):
        cases.append(Case(f"cvt.rn.{target}.{source} {{d}}, {{a}};", (target, source),
                          lambda a, t=target: a.astype(DTYPES[t])))
    for d in "zmp":
        cases.append(Case(f"cvt.r{d}.f32.f64 {{d}}, {{a}};", ("f32", "f64"), exactly(
            lambda a: a, lambda value, d=d: ptx_exact.round_single(value, d), np.float32)))
        cases.append(Case(f"cvt.r{d}.f32.s64 {{d}}, {{a}};", ("f32", "s64"), each(
            lambda a, d=d: ptx_exact.round_single(ptx_exact.Fraction(a), d))))
    cases.append(Case("cvt.sat.f32.f32 {d}, {a};", ("f32", "f32"),
                      saturated))
    return cases


def round_integer(value, name):
    if name == "f64":
        return float(value)
    if name == "f32":
        return ptx_exact.round_single(ptx_exact.Fraction(value), "n")
    return ptx_exact.round_half(ptx_exact.Fraction(value), DTYPES[name])


# ---- Pairs and vectors ---------------------------------------------------------------------------

def halves(array, dtype):
    return array.view(np.uint16).view(dtype).reshape(-1, 2)


def pairwise(function, dtype):
    def of_arrays(*arrays):
        result = function(*(halves(array, dtype).astype(np.float32) for array in arrays))
        return joined(result.astype(dtype))
    return of_arrays


def joined(pairs):
    """Pairs of halves as 32 bits; NaN is what PTX calls canonical."""
    bits = np.where(np.isnan(pairs), np.uint16(0x7fff), np.ascontiguousarray(pairs).view(np.uint16))
    return bits.reshape(-1).view(np.uint32)


def pair_cases():
    f16, bf16 = np.float16, ml_dtypes.bfloat16
    return [
        Case("add.rn.f16x2 {d}, {a}, {b};", ("b32",) * 3, pairwise(np.add, f16)),
        Case("mul.rn.f16x2 {d}, {a}, {b};", ("b32",) * 3, pairwise(np.multiply, f16)),
        Case("max.NaN.f16x2 {d}, {a}, {b};", ("b32",) * 3, pairwise(np.maximum, f16)),
        Case("max.NaN.bf16x2 {d}, {a}, {b};", ("b32",) * 3, pairwise(np.maximum, bf16)),
        Case("cvt.rn.f16x2.f32 {d}, {a}, {b};", ("b32", "f32", "f32"), 
            lambda a, b: joined(np.stack([b.astype(f16), a.astype(f16)], 1))),
        Case("mov.b64 {d}, {{{a}, {b}}};", ("b64", "b32", "b32"),
             lambda a, b: a.astype(np.uint64) | b.astype(np.uint64) << np.uint64(32)),
        Case(".reg .b32 %t; mov.b64 {{_, %t}}, {a}; mov.b32 {d}, %t;", ("b32", "b64"),
             lambda a: (a >> np.uint64(32)).astype(np.uint32)),
        Case(".reg .b16 %t<3>; mov.b32 {{%t1, %t2}}, {a}; mov.b32 {d}, {{%t2, %t1}};", ("b32",) * 2,
             lambda a: a << np.uint32(16) | a >> np.uint32(16)),
        # A block of its own, with names of its own.
        Case("{{ .reg .b32 %t; add.s32 %t, {a}, 1; {{ .reg .b64 %t; cvt.u64.u32 %t, {a}; }} "
             "mov.u32 {d}, %t; }}", ("u32", "u32"), lambda a: a + np.uint32(1)),
    ]


def all_cases():
    return (integer_cases() + compare_cases() + single_cases() + approximate_cases()
            + half_cases() + convert_cases() + pair_cases())
