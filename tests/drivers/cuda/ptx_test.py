"""PTX kernels run alone by the tests' interpreter, against NumPy.

    ptx_test.py --tool build/release/tests/drivers/cuda/ptx_tool [--ptxas PATH] [NAME...]

Instruction by instruction (ptx_cases.py), then kernels in which threads work together, then texts
and launches that must fail, and how. With --ptxas NVIDIA's own assembler has to say the same of
each text: whether it is good.

Exit code 1: something is wrong.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import ml_dtypes
import numpy as np

import ptx_cases
import ptx_kernels

HEADER = ".version 7.8\n.target sm_80\n.address_size 64\n"
REGISTERS = {8: "b16", 16: "b16", 32: "b32", 64: "b64"}


class Tool:
    """The interpreter, in a folder of its own."""

    def __init__(self, path, ptxas):
        self.path, self.ptxas = path.resolve(), ptxas
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ptx"))

    def run(self, text, memories, launches, results):
        """The error, or None; and the memories named in `results` afterwards, as bytes."""
        (self.folder / "module.ptx").write_text(text)
        script = ["module module.ptx 80"]
        for name, array in memories.items():
            (self.folder / name).write_bytes(np.ascontiguousarray(array).tobytes())
            script.append(f"memory {name} {name}")
        script += [f"launch {launch}" for launch in launches]
        script += [f"save {name} {name}.out" for name in results]
        done = subprocess.run([self.path], input="\n".join(script) + "\n", cwd=self.folder,
                              timeout=120, capture_output=True, text=True)
        if done.returncode:
            return done.stderr.strip() or f"exit code {done.returncode}", {}
        return None, {name: (self.folder / f"{name}.out").read_bytes() for name in results}

    def assembles(self, text):
        """What NVIDIA's assembler says: None when it takes the text."""
        (self.folder / "module.ptx").write_text(text)
        done = subprocess.run([self.ptxas, "-arch=sm_80", "module.ptx", "-o", "module.cubin"],
                              cwd=self.folder, timeout=120, capture_output=True, text=True)
        return done.stderr.strip() if done.returncode else None


# ---- Instructions --------------------------------------------------------------------------------

def special_values(name):
    dtype = ptx_cases.DTYPES[name]
    if name[0] in "us":
        low, high = ptx_cases.limits(name)
        values = [0, 1, 2, 3, 31, 32, 33, 63, 64, 100, high, high - 1, low, low + 1, high // 2,
                  high // 3]
        return np.array(values + ([-1, -2, -7] if low else [5, 7, 127])).astype(dtype)
    if name[0] == "b" and name != "bf16":
        return special_values(f"u{ptx_cases.BITS[name]}").view(dtype)
    info = ml_dtypes.finfo(dtype)
    values = [0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 1.5, 2.5, -2.5, 3.7, 1e-3, -7.25, 100.0, 1000.0,
              float(info.max), -float(info.max), float(info.tiny), float(info.smallest_subnormal),
              -3 * float(info.smallest_subnormal), np.inf, -np.inf, np.nan]
    return np.array(values).astype(dtype)


def random_values(name, count, random):
    dtype = ptx_cases.DTYPES[name]
    raw = random.integers(0, 256, count * np.dtype(dtype).itemsize, dtype=np.uint8).view(dtype)
    if not (name[0] == "f" or name == "bf16"):
        return raw
    near = (random.standard_normal(count) * 10).astype(dtype)
    return np.where(np.arange(count) % 2 == 0, near, raw)


def operands(types, random):
    """Each value of one operand with each of the others, as far as that goes, and random ones."""
    special = [special_values(name) for name in types]
    count = max(len(values) for values in special)
    if len(types) > 1:
        count *= count
    arrays = []
    for i, (name, values) in enumerate(zip(types, special)):
        index = np.arange(count) // (len(values) ** i if i < 2 else 5)
        arrays.append(np.concatenate([values[index % len(values)],
                                      random_values(name, 192, random)]))
    return arrays


def kernel_of(name, case):
    """A kernel that does the case's instruction once for each element."""
    lines = []
    declared = [f".reg .{REGISTERS[ptx_cases.BITS[t]]} %v{x};" for x, t in zip("dabc", case.types)]
    for x, t in zip("abc", case.types[1:]):
        size = ptx_cases.BITS[t] // 8
        load = t if t[0] in "us" else f"b{size * 8}"
        lines += [f"ld.param.u64 %l1, [{name}_{x}];", f"mul.wide.u32 %l2, %i4, {size};",
                  "add.s64 %l3, %l1, %l2;", f"ld.global.{load} %v{x}, [%l3];"]
    lines.append("{ " + case.text.format(d="%vd", a="%va", b="%vb", c="%vc") + " }")
    size = ptx_cases.BITS[case.types[0]] // 8
    lines += [f"ld.param.u64 %l1, [{name}_d];", f"mul.wide.u32 %l2, %i4, {size};",
              "add.s64 %l3, %l1, %l2;", f"st.global.b{size * 8} [%l3], %vd;"]
    params = ", ".join(f".param .u64 {name}_{x}" for x in "dabc"[:len(case.types)])
    return f"""
.visible .entry {name}({params}, .param .u32 {name}_n)
.maxntid 96, 1, 1
{{
  .reg .pred %p; .reg .b32 %i<6>; .reg .b64 %l<4>;
  {" ".join(declared)}
  mov.u32 %i1, %ctaid.x; mov.u32 %i2, %ntid.x; mov.u32 %i3, %tid.x;
  mad.lo.s32 %i4, %i1, %i2, %i3;
  ld.param.u32 %i5, [{name}_n];
  setp.ge.u32 %p, %i4, %i5;
  @%p bra $done;
  {chr(10).join(lines)}
$done:
  ret;
}}
"""


def is_same(found, expected, exact):
    if found.dtype.kind not in "fV":
        return found == expected
    found, expected = found.astype(np.float64), expected.astype(np.float64)
    nans = np.isnan(found) & np.isnan(expected)
    if exact:
        return nans | ((found == expected) & (np.signbit(found) == np.signbit(expected)))
    near = np.abs(found - expected) <= 1e-6 * np.abs(expected) + 1e-38
    return nans | near | (found == expected)


def expectation(case, arrays):
    dtype = ptx_cases.DTYPES[case.types[0]]
    expected = case.function(*arrays)
    if np.dtype(dtype).kind in "ui":
        wrapped = [ptx_cases.wrap(int(value), case.types[0]) for value in expected]
        return np.array(wrapped, object).astype(dtype)
    return np.array(expected).astype(dtype)


def check_instructions(tool, names):
    random = np.random.default_rng(5)
    cases = [(f"k{i}", case) for i, case in enumerate(ptx_cases.all_cases())
             if not names or any(name in case.text for name in names)]
    wrong = []
    for begin in range(0, len(cases), 60):
        part = cases[begin:begin + 60]
        text = HEADER + "".join(kernel_of(name, case) for name, case in part)
        memories, launches, results = {}, [], []
        for name, case in part:
            arrays = operands(case.types[1:], random)
            count = len(arrays[0])
            memories[f"{name}.d"] = np.zeros(count, ptx_cases.DTYPES[case.types[0]])
            memories.update((f"{name}.{x}", array) for x, array in zip("abc", arrays))
            arguments = " ".join(f"{name}.{x}" for x in "dabc"[:len(case.types)])
            launches.append(f"{name} {-(-count // 96)} 1 1 96 1 1 0 {arguments} 4:{count:x}")
            results.append(f"{name}.d")
        if tool.ptxas:
            refusal = tool.assembles(text)
            if refusal:
                wrong.append(f"ptxas: {refusal}")
        error, found = tool.run(text, memories, launches, results)
        if error:
            return wrong + [error], len(cases)
        wrong += [message for name, case in part
                  for message in judge(name, case, memories, found[f"{name}.d"])]
    return wrong, len(cases)


def judge(name, case, memories, data):
    arrays = [memories[f"{name}.{x}"] for x in "abc"[:len(case.types) - 1]]
    expected = expectation(case, arrays)
    found = np.frombuffer(data, expected.dtype)
    exact = ".approx" not in case.text
    for i in np.flatnonzero(~is_same(found, expected, exact))[:1]:
        inputs = ", ".join(repr(array[i]) for array in arrays)
        yield f"{case.text} of {inputs}: {found[i]!r}, not {expected[i]!r}"


# ---- All -----------------------------------------------------------------------------------------

def check_kernels(tool, names):
    wrong = []
    kernels = [kernel for kernel in ptx_kernels.KERNELS if not names or kernel.name in names]
    for kernel in kernels:
        text = HEADER + kernel.text
        if tool.ptxas and tool.assembles(text):
            wrong.append(f"{kernel.name}: ptxas: {tool.assembles(text)}")
        error, found = tool.run(text, kernel.memories, [kernel.launch], list(kernel.expected))
        if error:
            wrong.append(f"{kernel.name}: {error}")
            continue
        for name, expected in kernel.expected.items():
            array = np.frombuffer(found[name], expected.dtype).reshape(expected.shape)
            if not np.array_equal(array, expected):
                at = tuple(np.argwhere(array != expected)[0])
                wrong.append(
                    f"{kernel.name}: {name}{list(at)} is {array[at]!r}, not {expected[at]!r}")
    return wrong, len(kernels)


def check_failures(tool, names):
    wrong = []
    failures = [failure for failure in ptx_kernels.FAILURES if not names or failure.name in names]
    for failure in failures:
        text = failure.text if failure.text.startswith(".") else HEADER + failure.text
        error, _ = tool.run(text, failure.memories, [failure.launch] if failure.launch else [], [])
        if not error or failure.message not in error:
            wrong.append(f"{failure.name}: {error!r} without {failure.message!r}")
        if tool.ptxas and not failure.launch and failure.is_wrong and not tool.assembles(text):
            wrong.append(f"{failure.name}: ptxas takes it")
    return wrong, len(failures)


def main():
    np.seterr(all="ignore")  # values that overflow are what is tested
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tool", required=True, type=pathlib.Path)
    parser.add_argument("--ptxas", type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    tool = Tool(options.tool, options.ptxas and options.ptxas.resolve())
    failed = False
    for what, check in (("instructions", check_instructions), ("kernels", check_kernels),
                        ("failures", check_failures)):
        wrong, count = check(tool, options.names)
        print("\n".join(wrong + [f"{count} {what}, {len(wrong)} wrong"]))
        failed |= bool(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
