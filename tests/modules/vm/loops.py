#!/usr/bin/env python3
"""Writes loops.mlir, functions with loops made by chance, and loops.cases, calls of them with the
results that Python comes to. vm_loops_test.c runs the one against the other.

    loops.py DIRECTORY             writes both files
    loops.py --answer VMFB CASES   puts in the results of mixed functions, from IREE's runtime
    loops.py --check VMFB CASES    runs the cases on IREE's runtime instead, to judge this script

A function takes the number of turns, two i32 and two i64; it returns one i64 that what its loops
carry went into. Lines of loops.cases are as those of ops.cases.

Loops carry values of one width. Where a branch copies both, compiler 3.13 may write a half of a
64-bit register before it reads the 32-bit one that was there, so that bytecode is not what was
meant: what it does is then asked of IREE's runtime, in functions of their own.
"""
import random
import sys

from ops import Fault, checked_division, spell, unsigned, wrap

FUNCTIONS = 160
CHAINS = 160  # short ones that carry one or two values, all of which are computed in each turn
MIXED = 32  # more of them
BITS = {"i32": 32, "i64": 64}
SLOTS = 8  # elements of the buffer that a function has, of 8 bytes


def binary(bits):
    """What a binary instruction of that width does, by its spelling."""
    u = lambda x: unsigned(x, bits)
    return {
        "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b,
        "and": lambda a, b: a & b, "or": lambda a, b: a | b, "xor": lambda a, b: a ^ b,
        "min.%.s": min, "min.%.u": lambda a, b: min(u(a), u(b)),
        "max.%.s": max, "max.%.u": lambda a, b: max(u(a), u(b)),
        "div.%.s": checked_division(bits, True, False),
        "div.%.u": checked_division(bits, False, False),
        "rem.%.u": checked_division(bits, False, True),
    }


def compare(bits):
    u = lambda x: unsigned(x, bits)
    return {
        "eq.%": lambda a, b: a == b, "ne.%": lambda a, b: a != b,
        "lt.%.s": lambda a, b: a < b, "lt.%.u": lambda a, b: u(a) < u(b),
    }


class Function:
    """The text of a function, and beside it the same as steps for Python. A value is a name and a
    type; steps read and write a dictionary of values by name."""

    def __init__(self, name, chance, widths):
        self.name = name
        self.chance = chance
        self.widths = widths  # of what loops carry
        self.may_fail = len(widths) == 1
        self.is_chain = name.startswith("chain")
        self.has_buffer = not self.is_chain and chance.random() < 0.5
        self.lines = []
        self.count = 0

    def fresh(self, t):
        self.count += 1
        return f"%t{self.count}", t

    def pick(self, values, t):
        return self.chance.choice([v for v in values if v[1] == t])

    def write(self, line):
        self.lines.append("    " + line)

    def binary(self, values, t):
        name, function = self.chance.choice(list(binary(BITS[t]).items()))
        # The compiler drops quotients that nobody asks for, and with them what divides by zero.
        a, b, r = self.pick(values, t), self.pick(values, t), self.fresh(t)
        steps = []
        if name.startswith(("div", "rem")):
            odd = self.fresh(t)
            self.write(f"{odd[0]} = vm.or.{t} {b[0]}, %one_{t} : {t}")
            steps.append(lambda env, b=b: env.__setitem__(odd[0], wrap(env[b[0]] | 1, BITS[t])))
            b = odd
        mnemonic = name.replace("%", t) if "%" in name else f"{name}.{t}"
        self.write(f"{r[0]} = vm.{mnemonic} {a[0]}, {b[0]} : {t}")
        steps.append(lambda env: env.__setitem__(
            r[0], wrap(function(env[a[0]], env[b[0]]), BITS[t])))
        return r, steps

    def convert(self, values, t):
        r = self.fresh(t)
        if t == "i32":
            a = self.pick(values, "i64")
            self.write(f"{r[0]} = vm.trunc.i64.i32 {a[0]} : i64 -> i32")
            return r, [lambda env: env.__setitem__(r[0], wrap(env[a[0]], 32))]
        a, sign = self.pick(values, "i32"), self.chance.choice("su")
        self.write(f"{r[0]} = vm.ext.i32.i64.{sign} {a[0]} : i32 -> i64")
        return r, [lambda env: env.__setitem__(
            r[0], env[a[0]] if sign == "s" else unsigned(env[a[0]], 32))]

    def select(self, values, t):
        c, a, b = self.pick(values, "i32"), self.pick(values, t), self.pick(values, t)
        r = self.fresh(t)
        self.write(f"{r[0]} = vm.select.{t} {c[0]}, {a[0]}, {b[0]} : {t}")
        return r, [lambda env: env.__setitem__(r[0], env[a[0] if env[c[0]] else b[0]])]

    def compare(self, values):
        t = self.chance.choice(["i32", "i64"])
        name, function = self.chance.choice(list(compare(BITS[t]).items()))
        a, b, r = self.pick(values, t), self.pick(values, t), self.fresh("i32")
        self.write(f"{r[0]} = vm.cmp.{name.replace('%', t)} {a[0]}, {b[0]} : {t}")
        return r, [lambda env: env.__setitem__(r[0], int(function(env[a[0]], env[b[0]])))]

    def buffer(self, values, t):
        """Stores a value and loads one; now and then the index is beyond the end."""
        a, index = self.pick(values, t), self.pick(values, "i64")
        r, at = self.fresh(t), self.fresh("i64")
        shift = 2 if t == "i32" else 3
        count = SLOTS * 8 >> shift
        self.write(f"{at[0]} = vm.and.i64 {index[0]}, %mask_{t} : i64")
        bits = BITS[t]

        def step(env):
            position = env[index[0]] & env[f"%mask_{t}"]
            env[at[0]] = position
            if position >= count:
                raise Fault("OUT_OF_RANGE")
            raw = unsigned(env[a[0]], bits).to_bytes(bits // 8, "little")
            env["buffer"][position * bits // 8:(position + 1) * bits // 8] = raw
            env[r[0]] = wrap(int.from_bytes(env["buffer"][:bits // 8], "little"), bits)

        self.write(f"vm.buffer.store.{t} {a[0]}, %buffer[{at[0]}] : {t} -> !vm.buffer")
        self.write(f"{r[0]} = vm.buffer.load.{t} %buffer[%zero_i64] : !vm.buffer -> {t}")
        return r, [step]

    def straight(self, values, count):
        """`count` instructions in a row."""
        steps = []
        values = list(values)
        for _ in range(count):
            t = self.chance.choice(["i32", "i64"])
            make = self.chance.choices(
                [self.binary, self.convert, self.select, self.buffer, None],
                [6, 1, 1, self.has_buffer, 1])[0]
            value, more = make(values, t) if make else self.compare(values)
            values.append(value)
            steps += more
        return values, steps

    def diamond(self, values):
        """A choice whose two ways each bring two values of their own."""
        label = self.count
        condition, steps = self.compare(values)
        types = [self.chance.choice(self.widths) for _ in range(2)]
        outer = [self.pick(values, t) for t in types]
        merged = [self.fresh(t) for t in types]
        names = lambda group: ", ".join(v[0] for v in group)
        typed = ", ".join(types)
        self.write(
            f"vm.cond_br {condition[0]}, ^then{label}, ^else{label}({names(outer)} : {typed})")
        self.lines.append(f"  ^then{label}:")
        inside, then = self.straight(values, 2)
        inner = [self.pick(inside, t) for t in types]
        self.write(f"vm.br ^else{label}({names(inner)} : {typed})")
        self.lines.append(f"  ^else{label}(" + ", ".join(f"{v}: {t}" for v, t in merged) + "):")

        def step(env):
            taken = env[condition[0]]
            for one in then if taken else []:
                one(env)
            found = [env[v[0]] for v in (inner if taken else outer)]
            env.update({v[0]: value for v, value in zip(merged, found)})

        # What was compared may be asked for again, or not.
        return values + merged + [condition] * self.chance.randint(0, 1), steps + [step]

    def loop(self, values, turns, depth):
        """Turns `turns` times with some values carried round; returns those after it."""
        label = self.count
        count = self.chance.randint(1, 2 if self.is_chain else 4)
        types = [self.chance.choice(self.widths) for _ in range(count)]
        start = [self.pick(values, t) for t in types]
        carried = [self.fresh(t) for t in types]
        t = turns[1]
        i = self.fresh(t)
        typed = ", ".join([t, *types])
        names = lambda group: ", ".join(v[0] for v in group)
        self.write(f"vm.br ^head{label}({turns[0]}, {names(start)} : {typed})")
        declared = ", ".join(f"{v}: {t}" for v, t in [i, *carried])
        self.lines.append(f"  ^head{label}({declared}):")
        go = self.fresh("i32")
        self.write(f"{go[0]} = vm.cmp.lt.{t}.s %zero_{t}, {i[0]} : {t}")
        self.write(f"vm.cond_br {go[0]}, ^body{label}, ^out{label}")
        self.lines.append(f"  ^body{label}:")
        inside, steps = self.straight(values + carried, self.chance.randint(1, 4))
        if not self.is_chain and self.chance.random() < 0.4:
            inside, more = self.diamond(inside)
            steps += more
        if depth > 0 and self.chance.random() < 0.5:
            inside, more = self.loop(inside, (f"%three_{t}", t), depth - 1)
            steps += more
        # Often what is carried on is carried already: registers change places.
        ends = [self.pick(carried if self.chance.random() < 0.4 else inside, t) for t in types]
        computed = [v for v in inside[len(values + carried):] if v[1] == t]
        if self.is_chain and computed:
            ends = [self.pick(computed, t) for _ in types]
        left = self.fresh(t)
        self.write(f"{left[0]} = vm.sub.{t} {i[0]}, %one_{t} : {t}")
        self.write(f"vm.br ^head{label}({left[0]}, {names(ends)} : {typed})")
        self.lines.append(f"  ^out{label}:")

        def step(env):
            current = [env[v[0]] for v in start]
            for _ in range(max(env[turns[0]], 0)):
                for v, value in zip(carried, current):
                    env[v[0]] = value
                for one in steps:
                    one(env)
                current = [env[v[0]] for v in ends]
            for v, value in zip(carried, current):
                env[v[0]] = value

        return values + carried, [step]

    def make(self):
        inputs = [("%a", "i32"), ("%b", "i32"), ("%c", "i64"), ("%d", "i64")]
        for name, t, value in (("zero_i32", "i32", 0), ("one_i32", "i32", 1), ("three_i32", "i32", 3),
                               ("three_i64", "i64", 3), ("zero_i64", "i64", 0), ("one_i64", "i64", 1),
                               ("bytes", "i64", SLOTS * 8)):
            self.write(f"%{name} = vm.const.{t} {value}")
        # One mask in eight lets indices beyond the end through.
        masks = {t: (SLOTS * 64 // BITS[t]) * (2 if self.may_fail and self.chance.random() < 0.12 else 1) - 1
                 for t in BITS}
        for t in BITS:
            self.write(f"%mask_{t} = vm.const.i64 {masks[t]}")
        self.write("%alignment = vm.const.i32 16")
        self.write("%buffer = vm.buffer.alloc %bytes, %alignment : !vm.buffer")
        self.write("%wide = vm.ext.i32.i64.s %n : i32 -> i64")
        turns = {"i32": ("%n", "i32"), "i64": ("%wide", "i64")}[self.widths[0]]
        values, steps = inputs, [lambda env: env.__setitem__("%wide", env["%n"])]
        for _ in range(self.chance.randint(1, 2)):
            values, more = self.loop(values, turns, 1)
            steps += more
        results = values[-4:] + [self.pick(values, "i32"), self.pick(values, "i64")]
        self.mix(results)
        parameters = "%n: i32, %a: i32, %b: i32, %c: i64, %d: i64"
        text = "\n".join(self.lines)
        text = (f"  vm.export @{self.name}\n  vm.func @{self.name}({parameters}) -> i64 {{\n"
                f"{text}\n  }}\n")
        return text, lambda n, a, b, c, d: self.run(steps, masks, results, n, a, b, c, d)

    def mix(self, results):
        """All results in one, by the fused instruction: r = r * 31 + x."""
        self.write("%prime = vm.const.i64 31")
        last = "%zero_i64"
        for k, (name, t) in enumerate(results):
            if t == "i32":
                self.write(f"%w{k} = vm.ext.i32.i64.s {name} : i32 -> i64")
                name = f"%w{k}"
            self.write(f"%m{k} = vm.fma.i64 {last}, %prime, {name} : i64")
            last = f"%m{k}"
        self.write(f"vm.return {last} : i64")

    @staticmethod
    def run(steps, masks, results, n, a, b, c, d):
        env = {"%n": n, "%a": a, "%b": b, "%c": c, "%d": d, "%three_i32": 3, "%three_i64": 3, "%zero_i32": 0,
               "%one_i32": 1, "%zero_i64": 0, "%one_i64": 1, "buffer": bytearray(SLOTS * 8)}
        env.update({f"%mask_{t}": mask for t, mask in masks.items()})
        for step in steps:
            step(env)
        last = 0
        for name, _ in results:
            last = wrap(last * 31 + env[name], 64)
        return last


def functions():
    for k in range(FUNCTIONS):
        name = f"loop{k}"
        yield name, *Function(name, random.Random(k), [["i32"], ["i64"]][k % 2]).make()
    for k in range(CHAINS):
        name = f"chain{k}"
        yield name, *Function(name, random.Random(name), ["i64"]).make()
    for k in range(MIXED):
        name = f"mixed{k}"
        text, _ = Function(name, random.Random(name), ["i32", "i64"]).make()
        yield name, text, None


def cases(name, function):
    chance = random.Random(name)
    for n in (0, 1, 31, 33, 34, 50, 120):
        a, b = (wrap(chance.getrandbits(32), 32) for _ in range(2))
        c, d = (wrap(chance.getrandbits(64), 64) for _ in range(2))
        if chance.random() < 0.5:
            a, b, c, d = chance.randint(-9, 9), chance.randint(-9, 9), a, chance.randint(-9, 9)
        words = [name] + [spell(v, t) for v, t in
                          zip((n, a, b, c, d), ("i32", "i32", "i32", "i64", "i64"))] + ["->"]
        try:
            words.append(spell(function(n, a, b, c, d), "i64") if function else "?")
        except Fault as fault:
            words.append(f"!{fault}")
        yield " ".join(words)


def answer(module_path, cases_path):
    """Puts what IREE's runtime says in place of each "?"."""
    from iree import runtime as rt

    instance = rt.VmInstance()
    module = rt.VmModule.mmap(instance, module_path)
    context = rt.VmContext(instance, [module])
    lines = []
    for line in open(cases_path):
        words = line.split()
        if words[-1] == "?":
            arguments, results = rt.VmVariantList(8), rt.VmVariantList(1)
            for word in words[1:-2]:
                arguments.push_int(wrap(int(word[1:], 16), 4 * len(word[1:])))
            context.invoke(module.lookup_function(words[0]), arguments, results)
            words[-1] = spell(results.get_variant(0), "i64")
        lines.append(" ".join(words) + "\n")
    with open(cases_path, "w") as out:
        out.writelines(lines)


def main():
    if sys.argv[1] == "--answer":
        answer(sys.argv[2], sys.argv[3])
        return
    if sys.argv[1] == "--check":
        import ops
        ops.check(sys.argv[2], sys.argv[3])
        return
    path = f"{sys.argv[1]}/loops"
    with open(f"{path}.mlir", "w") as mlir, open(f"{path}.cases", "w") as lines:
        mlir.write("// Written by loops.py.\nvm.module @loops {\n")
        for name, text, function in functions():
            mlir.write(text)
            lines.writelines(line + "\n" for line in cases(name, function))
        mlir.write("}\n")


if __name__ == "__main__":
    main()
