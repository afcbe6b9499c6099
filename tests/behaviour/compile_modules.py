"""Compiles tests/modules/*.mlir with the pinned compiler into a folder, and only what has changed.

    compile_modules.py --compiler .venv/bin/iree-compile --out build/modules

A source may begin with `// FLAGS: ...`, options for the compiler. Three modules are written here
instead of by hand: `constants`, whose weights are a megabyte, `chain`, 64 submissions in a row, and
`dispatches`, one submission of 64 kernels.
Besides the CPU at hand some modules are compiled for others, to be refused by name:
`mul_aarch64.vmfb`, `mul_vulkan.vmfb`. The kernels of `mul` are also put out alone, as elf/mul.elf.
"""

import argparse
import concurrent.futures
import hashlib
import os
import pathlib
import shlex
import struct
import subprocess
import sys

SOURCES = pathlib.Path(__file__).parent.parent / "modules"
CPU = ["--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu"]
HOST = CPU + ["--iree-llvmcpu-target-cpu=host"]

MUL = """func.func @mul(%a: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<4xf32> {
  %0 = arith.mulf %a, %b : tensor<4xf32>
  return %0 : tensor<4xf32>
}
"""


def constants():
    numbers = b"".join(struct.pack("<f", number) for number in weights())
    return """util.global private @w = dense<"0x%s"> : tensor<512x512xf32>
func.func @weights() -> tensor<512x512xf32> {
  %%w = util.global.load @w : tensor<512x512xf32>
  return %%w : tensor<512x512xf32>
}
func.func @apply(%%x: tensor<1x512xf32>) -> tensor<1x512xf32> {
  %%w = util.global.load @w : tensor<512x512xf32>
  %%zero = arith.constant 0.0 : f32
  %%e = tensor.empty() : tensor<1x512xf32>
  %%f = linalg.fill ins(%%zero : f32) outs(%%e : tensor<1x512xf32>) -> tensor<1x512xf32>
  %%r = linalg.matmul ins(%%x, %%w : tensor<1x512xf32>, tensor<512x512xf32>)
                     outs(%%f : tensor<1x512xf32>) -> tensor<1x512xf32>
  return %%r : tensor<1x512xf32>
}
""" % numbers.hex().upper()


def weights():
    """The same numbers as `weights` of cases.py, rounded to f32 in the same steps."""
    import numpy as np
    return ((np.arange(256 * 1024, dtype=np.uint64) * 2654435761 % 1000003).astype(np.float32)
            / 1000003 - 0.5).tolist()


def chain():
    lines = ["func.func @chain(%x0: tensor<4x4xf32>) -> tensor<4x4xf32> {",
             "  %one = arith.constant dense<1.0> : tensor<4x4xf32>"]
    for i in range(64):
        # The barrier keeps the compiler from making one kernel of all.
        lines.append("  %%y%d = arith.addf %%x%d, %%one : tensor<4x4xf32>" % (i, i))
        lines.append("  %%x%d = util.optimization_barrier %%y%d : tensor<4x4xf32>" % (i + 1, i))
    return "\n".join(lines + ["  return %x64 : tensor<4x4xf32>", "}", ""])


def dispatches():
    lines = ["func.func @dispatches(%x0: tensor<4x4xf32>, %w: tensor<4x4xf32>) -> tensor<4x4xf32> {",
             "  %zero = arith.constant 0.0 : f32", "  %e = tensor.empty() : tensor<4x4xf32>",
             "  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>"]
    for i in range(64):
        lines.append("  %%x%d = linalg.matmul ins(%%x%d, %%w : tensor<4x4xf32>, tensor<4x4xf32>)"
                     " outs(%%f : tensor<4x4xf32>) -> tensor<4x4xf32>" % (i + 1, i))
    return "\n".join(lines + ["  return %x64 : tensor<4x4xf32>", "}", ""])


def jobs(sources):
    """(name, source text, flags) of every module."""
    for path in sorted(sources.glob("*.mlir")):
        text = path.read_text()
        first = [line for line in text.split("\n") if line.startswith("// FLAGS: ")]
        flags = shlex.split(first[0][len("// FLAGS: "):]) if first else []
        yield path.stem, text, flags if any("=vm" in f for f in flags) else HOST + flags
    yield "constants", constants(), HOST
    yield "chain", chain(), HOST
    yield "dispatches", dispatches(), HOST
    yield "mul", MUL, HOST
    yield "mul_aarch64", MUL, CPU + ["--iree-llvmcpu-target-triple=aarch64-unknown-linux-eabi-elf",
                                     "--iree-llvmcpu-target-cpu=generic"]
    yield "mul_x86_64", MUL, CPU + ["--iree-llvmcpu-target-triple=x86_64-unknown-linux-eabi-elf",
                                    "--iree-llvmcpu-target-cpu=generic"]
    yield "mul_vulkan", MUL, ["--iree-hal-target-device=vulkan"]
    yield "hal", (SOURCES.parent / "fuzz/seeds/hal.mlir").read_text(), HOST
    yield "mul_vmvx", MUL, ["--iree-hal-target-device=local",
                            "--iree-hal-local-target-device-backends=vmvx"]


def compile_one(compiler, out, stamp, name, text, flags):
    """Writes out/name.vmfb unless it is there for this text, these flags and this compiler."""
    key = hashlib.sha256("\0".join([stamp, text] + flags).encode()).hexdigest()
    target, key_file = out / (name + ".vmfb"), out / (name + ".key")
    if target.exists() and key_file.exists() and key_file.read_text() == key:
        return None
    source, fresh = out / (name + ".mlir"), out / (name + ".vmfb.new")
    source.write_text(text)
    result = subprocess.run([compiler, str(source), "-o", str(fresh)] + flags,
                            capture_output=True, text=True, timeout=240)
    if result.returncode != 0:
        return "%s: %s" % (name, result.stderr)
    os.replace(fresh, target)
    key_file.write_text(key)
    return None


def extract_kernels(out):
    """The ELF image inside mul.vmfb; what follows it is another entry of the archive."""
    data = (out / "mul.vmfb").read_bytes()
    (out / "elf").mkdir(exist_ok=True)
    (out / "elf/mul.elf").write_bytes(data[data.index(b"\x7fELF"):])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--sources", type=pathlib.Path, default=SOURCES)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    options = parser.parse_args()
    if not pathlib.Path(options.compiler).exists():
        print("skipped: no compiler at %s; run: tools/setup.sh build test" % options.compiler)
        return 77
    options.out.mkdir(parents=True, exist_ok=True)
    version = pathlib.Path(options.compiler).stat()
    stamp = "%d %d" % (version.st_size, version.st_mtime_ns)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        failures = [f for f in pool.map(
            lambda job: compile_one(options.compiler, options.out, stamp, *job),
            jobs(options.sources)) if f]
    for failure in failures:
        print(failure)
    if not failures:
        extract_kernels(options.out)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
