"""What values_test.py calls: functions, what goes in, what must come out.

Own modules get inputs that are made up, and are judged by `eerie run` on this machine. Of ONNX's
tests inputs, results and tolerances are the package's; several tests become one module.
"""
from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import pathlib
import re
import tempfile

import ml_dtypes
import numpy as np
from boards import execute

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
NUMPY = {"f32": np.float32, "f64": np.float64, "f16": np.float16, "bf16": ml_dtypes.bfloat16,
         "i1": np.bool_, "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64,
         "ui8": np.uint8, "ui16": np.uint16, "ui32": np.uint32, "ui64": np.uint64,
         "si8": np.int8, "si16": np.int16, "si32": np.int32, "si64": np.int64,
         "complex<f32>": np.complex64}
# What the command calls them where it reads a value.
LITERALS = {"complex<f32>": "cf64"}
TOLERANCE = {"f32": 2e-5, "f64": 1e-10, "f16": 4e-3, "bf16": 3e-2, "complex<f32>": 2e-5}
# Sources with functions of tensors.
SOURCES = [
    "tests/modules/control.mlir", "tests/modules/dtypes.mlir", "tests/modules/dynamic.mlir",
    "tests/modules/kernels.mlir", "tests/modules/ranks.mlir", "tests/modules/results.mlir",
    "tests/modules/state.mlir", "tests/kernels/static.mlir", "tests/drivers/gpu.mlir",
    "tests/drivers/gpu_half.mlir",
    "tests/releases/sources/control.mlir", "tests/releases/sources/elementwise.mlir",
    "tests/releases/sources/network.mlir", "tests/releases/sources/shapes.mlir",
    "tests/releases/sources/state.mlir", "tests/cli/embed.mlir", "tests/cli/overwrite.mlir",
    "tests/cli/states.mlir", "tests/cli/whole.mlir", "tests/cli/drop_in.mlir",
    "tests/cli/values.mlir", "tests/platforms/products.mlir", "tests/bind/bind.mlir",
    "tests/python/package.mlir",
]
SHARE = ["modules/kernels", "modules/results", "modules/state", "releases/sources/shapes"]
# One binding for all that lies in an allocation: other kernels, other ranges.
WHOLE = "--iree-scheduling-optimize-bindings=true"
TESTS_IN_A_MODULE = 24
# Shifts by more bits than there are: what cores make of them differs.
UNDEFINED = re.compile("bitshift.*_(negative_shift|shift_ge_width)")


@dataclasses.dataclass
class Expected:
    """A result's bytes, and how far floats may be from them."""
    data: bytes
    element: str = ""
    rtol: float = 0
    atol: float = 0

    def differs(self, got: bytes) -> str:
        if got == self.data:
            return ""
        if len(got) != len(self.data):
            return f"{len(got)} bytes, expected {len(self.data)}"
        dtype = NUMPY.get(self.element)
        if self.rtol and dtype:
            ours, theirs = (np.frombuffer(data, dtype) for data in (got, self.data))
            if np.dtype(dtype).kind != "c":
                ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
            with np.errstate(all="ignore"):
                close = np.isclose(ours, theirs, rtol=self.rtol, atol=self.atol, equal_nan=True)
            if close.all():
                return ""
            at = int(np.flatnonzero(~close)[0])
            return f"element {at} is {ours[at]}, expected {theirs[at]}"
        at = next(i for i in range(len(got)) if got[i] != self.data[i])
        return f"byte {at} is {got[at]:#x}, expected {self.data[at]:#x}"


def split_type(text: str) -> tuple[list[int], str]:
    """The dimensions and the element type of "2x3xf32"."""
    *dims, element = re.match(r"((?:\d+x)*)(.*)", text).groups()
    return [int(word) for word in dims[0].split("x") if word], element


def made_up(text: str, seed: int) -> bytes:
    """Values for an input of a type."""
    dims, element = split_type(text)
    random = np.random.default_rng(seed)
    if element not in NUMPY:  # several to a byte, or floats of a byte
        bits = int(re.sub(r"\D*(\d+).*", r"\1", element))
        size = (int(np.prod(dims)) * bits + 7) // 8
        return random.integers(0, 4, size).astype(np.uint8).tobytes()
    dtype = np.dtype(NUMPY[element])
    if dtype.kind in "biu":
        low, high = {"b": (0, 2), "u": (0, 6), "i": (-5, 6)}[dtype.kind]
        return random.integers(low, high, dims).astype(dtype).tobytes()
    values = random.uniform(-2, 2, dims)
    if dtype.kind == "c":
        values = values + 1j * random.uniform(-2, 2, dims)
    return np.asarray(values).astype(dtype).tobytes()


def cannot_be_planned(source: str) -> list[str]:
    """Functions that take or give what is no tensor of a fixed shape."""
    names = []
    for name, signature in re.findall(r"^func\.func @([\w.$-]+)(\(.*?)\{", source,
                                      re.MULTILINE | re.DOTALL):
        rest = re.sub(r"tensor<[^?>]*>|%\w+:", "", signature)
        if re.search(r"\w", rest.replace("attributes", "")):
            names.append(name)
    return names


def hide(source: str, function: str) -> str:
    """The source with that function for its own use only."""
    return re.sub(rf"func\.func (public )?@{re.escape(function)}\(",
                  f"func.func private @{function}(", source)


def without_hopeless(source: str) -> str:
    """Every refusal takes a compilation: one of each file's is enough."""
    for name in cannot_be_planned(source)[1:]:
        source = hide(source, name)
    return source


@dataclasses.dataclass
class OwnCase:
    """A file of functions."""
    name: str
    source: str
    options: tuple[str, ...] = ()
    splits = False

    @property
    def functions(self) -> list[str]:
        return re.findall(r"func\.func (?:public )?@([\w.$-]+)\(", self.source)

    def oracle(self, eerie: pathlib.Path, types: dict, place: pathlib.Path):
        """Inputs and results by function."""
        module = place / "host.vmfb"
        execute([eerie, "compile", place / "p.mlir", "--target=host", "--quiet",
                        "--iree-llvmcpu-disable-distribution", "-o", module])
        inputs, expected = {}, {}
        for name, (takes, gives) in types.items():
            inputs[name] = [made_up(text, i) for i, text in enumerate(takes)]
            words, paths = [], []
            for i, (text, data) in enumerate(zip(takes, inputs[name])):
                path = place / f"in{i}.bin"
                path.write_bytes(data)
                dims, element = split_type(text)
                literal = "x".join([*map(str, dims), LITERALS.get(element, element)])
                words.append(f"--input={literal}=@{path}")
            for i in range(len(gives)):
                paths.append(place / f"out{i}.bin")
                words.append(f"--output=@{paths[-1]}")
            execute([eerie, "run", module, f"--function={name}", *words])
            expected[name] = []
            for text, path in zip(gives, paths):
                element = split_type(text)[1]
                tolerance = TOLERANCE.get(element, 0)
                expected[name].append(Expected(path.read_bytes(), element, tolerance, tolerance))
        return inputs, expected


# ---- ONNX ----------------------------------------------------------------------------------------

ELEMENTS = {np.dtype(dtype).name: name for name, dtype in NUMPY.items()}


class OnnxCase:
    """Some of ONNX's tests, as functions of one module."""
    splits = True
    options: tuple[str, ...] = ("--iree-input-type=auto",)

    def __init__(self, name: str, parts: dict):
        self.name, self.parts = name, parts  # by function: the part and the test

    @property
    def functions(self) -> list[str]:
        return list(self.parts)

    @property
    def source(self) -> str:
        import onnx_compile
        return onnx_compile.merge([part for part, _ in self.parts.values()])

    def halves(self) -> list[OnnxCase]:
        items = list(self.parts.items())
        middle = len(items) // 2
        return [OnnxCase(f"{self.name}.{i}", dict(half))
                for i, half in enumerate((items[:middle], items[middle:]))]

    def oracle(self, eerie: pathlib.Path, types: dict, place: pathlib.Path):
        inputs, expected = {}, {}
        for name in types:
            test = self.parts[name][1]
            given, wanted = test.data["data_sets"][0]
            inputs[name] = [np.ascontiguousarray(item).tobytes() for item in given]
            expected[name] = []
            for item in wanted:
                element = ELEMENTS.get(item.dtype.name, "")
                exact = item.dtype.kind == "b"
                expected[name].append(Expected(
                    np.ascontiguousarray(item).tobytes(), element,
                    0 if exact else max(test.data["rtol"], 2**-6 if element == "bf16" else 0),
                    0 if exact else test.data["atol"]))
        return inputs, expected


def declaration(head: str) -> str:
    """What eerie's importer says of a function's types, which a module that is compiled from the
    dialect of PyTorch does not tell."""
    name, takes, gives = re.match(r"func\.func @([\w.$-]+)\((.*)\) -> (.*)$", head).groups()
    sides = []
    for side in (takes, gives):
        found = re.findall(r"!torch\.vtensor<\[([\d,]*)\],(\w+)>", side)
        sides.append([f"tensor<{''.join(dim + 'x' for dim in dims.split(',') if dim)}"
                      f"{element.replace('si', 'i')}>" for dims, element in found])
    inputs = ", ".join(f"%in{i}: {text}" for i, text in enumerate(sides[0]))
    results = ", ".join(f"%out{i}: {text}" for i, text in enumerate(sides[1]))
    text = f"sync func @{name}({inputs}) -> ({results})"
    return f'iree.reflection = {{iree.abi.declaration = "{text}"}}'


def declare_types(part) -> bool:
    """Adds the declaration; False where a value is no tensor of a fixed shape."""
    head, found, rest = part.body.partition(" attributes {")
    head = head.strip()
    if not found or "\n" in head or re.search(r"!torch\.(?!vtensor<\[[\d,]*\],)", head):
        return False
    part.body = f"  {head} attributes {{{declaration(head)}, {rest}"
    return True


def fits(test) -> bool:
    """Whether a test has tensors of known elements only, and few bytes."""
    given, wanted = test.data["data_sets"][0]
    return all(isinstance(item, np.ndarray) and item.dtype.name in ELEMENTS
               and item.dtype != np.float64 and item.nbytes <= 1 << 18
               for item in [*given, *wanted])


def onnx_cases(options) -> list[OnnxCase]:
    """Each N-th of the tests that pass on this machine."""
    import onnx_compile
    import onnx_data
    import onnx_tests
    folder = ROOT / "build/conformance/onnx"
    folder.parent.mkdir(parents=True, exist_ok=True)
    onnx_data.write(folder)
    passing = onnx_tests.read_names(ROOT / "tests/conformance/onnx_pass_3.13.0.txt")
    tests = [test for test in onnx_tests.all_tests(folder) if test.name in passing]
    parts = []
    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, "model.mlir")
        for number, test in enumerate(tests[options.first::options.every]):
            if test.kind == "real" or UNDEFINED.search(test.name) or not fits(test):
                continue
            with contextlib.redirect_stderr(io.StringIO()):
                try:
                    onnx_compile.import_model(str(test.path), 0, path)
                except Exception:  # of another version: onnx_tests.py has these
                    continue
            part = onnx_compile.Part(pathlib.Path(path).read_text(), number)
            if part.function and declare_types(part):
                parts.append((part.function, (part, test)))
    step = TESTS_IN_A_MODULE
    return [OnnxCase(f"onnx-{i // step}", dict(parts[i:i + step]))
            for i in range(0, len(parts), step)]


def all_cases(options) -> list:
    cases: list = []
    for name in SOURCES:
        source = without_hopeless((ROOT / name).read_text())
        short = name.removeprefix("tests/").removesuffix(".mlir")
        cases += [OwnCase(short, source), OwnCase(f"{short}, whole", source, (WHOLE,))]
    if options.case:
        cases = [case for case in cases if case.name in options.case]
    if options.every:
        cases += onnx_cases(options)
    return cases
