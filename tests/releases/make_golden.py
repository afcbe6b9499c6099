"""Compiles the golden modules of one compiler release, once and for ever.

    make_golden.py --release 3.13.0 --tools .venv/bin [--only NAME...] [--out tests/releases/golden]

Writes golden/<release>/<backend>-<source>.vmfb of sources/*.mlir, and golden/<source>.calls: the
calls of golden_cases.py with the answers that NumPy and the iree-run-module of this release agree on.
They are the same for all releases; the script stops where they are not. A new release gets a folder
of its own. Files that are there already are kept: the point of them is that they are old.
"""

import argparse
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "behaviour"))

import numpy as np  # noqa: E402

import golden_cases as cases  # noqa: E402
import imports  # noqa: E402
import values  # noqa: E402

LOCAL = "--iree-hal-target-device=local --iree-hal-local-target-device-backends="
X86 = (LOCAL + "llvm-cpu --iree-llvmcpu-target-triple=x86_64-unknown-linux-eabi-elf"
       " --iree-llvmcpu-target-cpu=")
ARM = (LOCAL + "llvm-cpu --iree-llvmcpu-target-triple=aarch64-unknown-linux-eabi-elf"
       " --iree-llvmcpu-target-cpu=generic")
VULKAN = "--iree-hal-target-device=vulkan"
INDIRECT = (" --iree-hal-indirect-command-buffers=true"
            " --iree-hal-force-indirect-command-buffers=true --iree-hal-memoization=true")
KEEP_F64 = " --iree-input-demote-f64-to-f32=false"
# With the inline models all releases lose the constants of `network`: kernels get null for them.
DYNAMIC = " --iree-execution-model=inline-dynamic"
INLINE = ["elementwise", "shapes"]
ALL = ["elementwise", "network", "control", "shapes", "state"]
# backend -> flags, sources
BACKENDS = {
    "cpu": (X86 + "generic", ALL + ["part", "whole"]),
    "cpu_v3": (X86 + "x86-64-v3", ["network"]),
    "cpu_async": (X86 + "generic --iree-execution-model=async-external", ["elementwise", "network"]),
    "cpu_indirect": (X86 + "generic" + INDIRECT, ["network"]),
    "cpu_dynamic": (X86 + "generic" + DYNAMIC, INLINE),
    "cpu_unnamed": (X86 + "generic --iree-llvmcpu-debug-symbols=false", ["elementwise"]),
    "cpu_system": (LOCAL + "llvm-cpu --iree-llvmcpu-target-triple=x86_64-unknown-linux-gnu"
                   " --iree-llvmcpu-target-cpu=generic --iree-llvmcpu-link-embedded=false",
                   ["elementwise"]),
    "aarch64": (ARM, ["elementwise", "network"]),
    "vmvx": (LOCAL + "vmvx", ALL),
    "vmvx_microkernels": (LOCAL + "vmvx --iree-vmvx-enable-microkernels", ["network"]),
    "vmvx_inline": (LOCAL + "vmvx-inline --iree-execution-model=inline-static",
                    INLINE + ["control", "state"]),
    "vmvx_dynamic": (LOCAL + "vmvx" + DYNAMIC, INLINE),
    "vulkan": (VULKAN, ["elementwise", "network", "control", "state", "special"]),
    "vulkan_async": (VULKAN + " --iree-execution-model=async-external", ["network"]),
    "vulkan_indirect": (VULKAN + INDIRECT, ["network"]),
    "vulkan_addresses": (VULKAN + " --iree-vulkan-dispatch-abi=bda", ["elementwise", "network"]),
}
# 3.11 cannot inline an initialiser with a branch or a loop, as these modules have. Addresses in the
# place of descriptors came with 3.13.
UNAVAILABLE = {"3.11.0": ["cpu_dynamic", "vmvx_dynamic", "vmvx_inline-state", "vulkan_addresses"],
               "3.12.0": ["vulkan_addresses"]}
# IREE's Vulkan driver of 3.12 and 3.13 never comes back from `double_until`, whose loop waits for what a
# kernel computed, and SwiftShader has no integers of 64 bits, which addresses are. NumPy alone is asked.
SILENT = [("vulkan", "control"), ("vulkan_addresses", "elementwise"), ("vulkan_addresses", "network")]


def compile_module(tools, source, flags, target):
    done = subprocess.run([tools / "iree-compile", source, "-o", target, *shlex.split(flags)],
                          capture_output=True, text=True, timeout=300)
    if done.returncode:
        sys.exit("%s: %s" % (target, done.stderr[-2000:]))


# ---- The oracle --------------------------------------------------------------------------------

def literal(value, folder, index):
    if isinstance(value, values.Scalar):
        return str(value.value)
    if value.size == 0:
        return "%sxf32=" % "x".join(map(str, value.shape))
    path = folder / ("in%d.npy" % index)
    np.save(path, value)
    return "@%s" % path


def device_of(module):
    """Vulkan's modules want a device that IREE's runtime lists, as SwiftShader."""
    return "vulkan" if module.name.startswith("vulkan") else "local-sync"


def oracle(tools, modules, call, folder):
    """Results of one call by iree-run-module, or the text of its failure."""
    function, arguments, want = call
    command = [tools / "iree-run-module", "--device=" + device_of(modules[-1]),
               "--function=" + function,
               *["--module=%s" % module for module in modules],
               *["--input=" + literal(v, folder, i) for i, v in enumerate(arguments)]]
    outputs = []
    if not isinstance(want, values.Fails) and not isinstance(want[0], values.Scalar):
        outputs = [folder / ("out%d.npy" % i) for i in range(len(want))]
    done = subprocess.run(command + ["--output=@%s" % path for path in outputs],
                          capture_output=True, text=True, timeout=60)
    if done.returncode:
        return done.stderr
    if outputs:
        return [np.load(path) for path in outputs]
    return [values.Scalar(*re.fullmatch(r"(i\d+)=(-?\d+)", line.split(": ")[-1]).groups())
            for line in done.stdout.splitlines() if line.startswith("result[")]


def agrees(answer, want):
    if isinstance(want, values.Fails):
        return isinstance(answer, str) and all(w in answer for w in (want.status, *want.words))
    if isinstance(answer, str) or len(answer) != len(want):
        return False
    for got, expected in zip(answer, want):
        if isinstance(expected, values.Scalar):
            if (got.kind, int(got.value)) != (expected.kind, expected.value):
                return False
        elif got.tobytes() != expected.tobytes() or got.shape != expected.shape:
            return False
    return True


def stateless(source, call, seen):
    """iree-run-module starts anew for each call: only the first of those that count is compared."""
    first = call[0] not in seen
    seen.add(call[0])
    return first or call[0] not in ("count", "add", "twice")


def check(tools, modules, source, name):
    seen = set()
    with tempfile.TemporaryDirectory() as folder:
        for call in cases.CASES[source]:
            if stateless(source, call, seen):
                answer = oracle(tools, modules, call, pathlib.Path(folder))
                if not agrees(answer, call[2]):
                    sys.exit("%s: %s: iree-run-module says %s, NumPy %s" %
                             (name, call[0], answer, call[2]))


# ---- Files -------------------------------------------------------------------------------------

def calls_text(source):
    lines = []
    for function, arguments, want in cases.CASES[source]:
        for argument in arguments:
            lines += values.lines(argument)
        lines.append("call " + function)
        if isinstance(want, values.Fails):
            lines.append("fails %s %s" % (want.status, " ".join(want.words)))
        else:
            lines += ["want " + values.lines(v)[0][len("arg "):] for v in want]
    return "\n".join(lines) + "\n"


def write_calls(out, source, text):
    path = out / (source + ".calls")
    if path.exists() and path.read_text() != text:
        sys.exit("%s holds other answers than these" % path)
    path.write_text(text)


def make(options, backend, source):
    flags, _ = BACKENDS[backend]
    target = options.out / options.release / ("%s-%s.vmfb" % (backend, source))
    if target.exists():
        return
    fresh = target.with_suffix(".part")
    with tempfile.TemporaryDirectory() as objects:
        if source == "special":
            subprocess.run([sys.executable, HERE / "sources/special.py", objects + "/special.spv"],
                           check=True)
        compile_module(options.tools, HERE / "sources" / (source + ".mlir"), flags + KEEP_F64 +
                       " --iree-hal-executable-object-search-path=" + objects, fresh)
    if source in cases.CASES and backend != "aarch64" and (backend, source) not in SILENT:
        parts = [target.with_name("cpu-part.vmfb")] if source == "whole" else []
        check(options.tools, [*parts, fresh], source, target.name)
    fresh.rename(target)
    print(target)


REFUSED = """vm.module @wants {
  vm.import private @hal.fence.query(%%a : !vm.ref<!hal.fence>) -> i32
      attributes {minimum_version = %d : i32}
  vm.export @query
  vm.func private @query(%%a : !vm.ref<!hal.fence>) -> i32 {
    %%r = vm.call @hal.fence.query(%%a) : (!vm.ref<!hal.fence>) -> i32
    vm.return %%r : i32
  }
}
"""


def make_refused(options):
    """Modules that want a version of `hal` that no release in the tests has."""
    for version in (5, 8):
        target = options.out / "refused" / ("hal_%d.vmfb" % version)
        target.parent.mkdir(exist_ok=True)
        if not target.exists():
            imports.compile_text(options.tools, REFUSED % version, target)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--release", required=True)
    parser.add_argument("--tools", required=True, type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "golden")
    parser.add_argument("--only", nargs="*", default=list(BACKENDS))
    options = parser.parse_args()
    (options.out / options.release).mkdir(parents=True, exist_ok=True)
    for source in cases.CASES:
        write_calls(options.out, source, calls_text(source))
    for source, function in imports.CALLS.items():
        write_calls(options.out, source, "call %s\nwant i32 1\n" % function)
    for backend in options.only:
        for source in BACKENDS[backend][1]:
            name = "%s-%s" % (backend, source)
            if not {backend, name} & set(UNAVAILABLE.get(options.release, [])):
                make(options, backend, source)
    imports.make(options.tools, options.out / options.release)
    make_refused(options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
