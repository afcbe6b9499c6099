"""Compiles tests/modules/*.mlir with the pinned compiler into a folder, and only what has changed.

    compile_modules.py --compiler .venv/bin/iree-compile --out build/modules

A source may begin with `// FLAGS: ...`, options for the compiler. Some modules are written here
instead of by hand: `constants`, whose weights are a megabyte, `resident`, `resident_packed` and
`resident_read`, which have 24 of them, `chain`, 64 submissions in a row, and `dispatches`, one submission of 64 kernels.
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


def matrices():
    """Six matrices of 4 MB: the numbers of `weights`, as many as they take."""
    import numpy as np
    numbers = np.arange(6 * 1024 * 1024, dtype=np.uint64) * 2654435761 % 1000003
    return (numbers.astype(np.float32) / 1000003 - 0.5).tobytes()


def resources(**blobs):
    """What goes behind a module for its dense_resource attributes; aligned to 64 bytes."""
    entries = ['    %s: "0x40000000%s"' % (name, data.hex()) for name, data in blobs.items()]
    return "{-#\n  dialect_resources: { builtin: {\n%s\n  } }\n#-}\n" % ",\n".join(entries)


def resident():
    """A network whose weights are nearly all of it."""
    lines = ["func.func @apply(%x: tensor<1x1024xf32>) -> tensor<1x1024xf32> {",
             "  %zero = arith.constant 0.0 : f32", "  %e = tensor.empty() : tensor<1x1024xf32>",
             "  %y0 = linalg.fill ins(%zero : f32) outs(%e : tensor<1x1024xf32>)"
             " -> tensor<1x1024xf32>"]
    for i in range(6):
        lines.append("  %%w%d = arith.constant dense_resource<w%d> : tensor<1024x1024xf32>" % (i, i))
        lines.append("  %%y%d = linalg.matmul ins(%%x, %%w%d : tensor<1x1024xf32>,"
                     " tensor<1024x1024xf32>) outs(%%y%d : tensor<1x1024xf32>)"
                     " -> tensor<1x1024xf32>" % (i + 1, i, i))
    data, size = matrices(), 4 * 1024 * 1024
    blobs = {"w%d" % i: data[i * size:(i + 1) * size] for i in range(6)}
    return "\n".join(lines + ["  return %y6 : tensor<1x1024xf32>", "}", resources(**blobs)])


def resident_read():
    """The same bytes read from a file in memory: what modules do where they cannot import them."""
    return """vm.module @resident_read {
  vm.import private @hal.devices.get(%index : i32) -> !vm.ref<!hal.device>
  vm.import private @hal.device.allocator(%device : !vm.ref<!hal.device>) -> !vm.ref<!hal.allocator>
  vm.import private @hal.allocator.allocate(%allocator : !vm.ref<!hal.allocator>, %queue_affinity : i64, %memory_types : i32, %buffer_usage : i32, %allocation_size : i64) -> !vm.ref<!hal.buffer>
  vm.import private @hal.ex.file.from_memory(%device : !vm.ref<!hal.device>, %queue_affinity : i64, %access : i32, %buffer : !vm.buffer, %offset : i64, %length : i64, %flags : i32) -> !vm.ref<!hal.file>
  vm.import private @hal.device.queue.read(%device : !vm.ref<!hal.device>, %queue_affinity : i64, %wait_fence : !vm.ref<!hal.fence>, %signal_fence : !vm.ref<!hal.fence>, %source_file : !vm.ref<!hal.file>, %source_offset : i64, %target_buffer : !vm.ref<!hal.buffer>, %target_offset : i64, %length : i64, %flags : i64)
  vm.import private @hal.device.queue.fill(%device : !vm.ref<!hal.device>, %queue_affinity : i64, %wait_fence : !vm.ref<!hal.fence>, %signal_fence : !vm.ref<!hal.fence>, %target_buffer : !vm.ref<!hal.buffer>, %target_offset : i64, %length : i64, %pattern : i64, %pattern_length : i32, %flags : i64)
  vm.import private @hal.buffer_view.create(%buffer : !vm.ref<!hal.buffer>, %source_offset : i64, %source_length : i64, %element_type : i32, %encoding_type : i32, %shape : i64 ...) -> !vm.ref<!hal.buffer_view>
  vm.rodata private @weights <alignment = 64> dense_resource<w> : tensor<6291456xf32>
  vm.global.ref private mutable @kept : !vm.ref<!hal.buffer>
  vm.export @apply
  vm.func @apply() -> !vm.ref<!hal.buffer_view> {
    %zero = vm.const.i32 0
    %zero64 = vm.const.i64 0
    %device = vm.call @hal.devices.get(%zero) : (i32) -> !vm.ref<!hal.device>
    %allocator = vm.call @hal.device.allocator(%device) : (!vm.ref<!hal.device>) -> !vm.ref<!hal.allocator>
    %size = vm.const.i64 25165824
    %count = vm.const.i64 6291456
    %types = vm.const.i32 48
    %usage = vm.const.i32 527363
    %read = vm.const.i32 1
    %f32 = vm.const.i32 553648160
    %none = vm.const.ref.zero : !vm.ref<!hal.fence>
    %bytes = vm.const.ref.rodata @weights : !vm.buffer
    %buffer = vm.call @hal.allocator.allocate(%allocator, %zero64, %types, %usage, %size) : (!vm.ref<!hal.allocator>, i64, i32, i32, i64) -> !vm.ref<!hal.buffer>
    %file = vm.call @hal.ex.file.from_memory(%device, %zero64, %read, %bytes, %zero64, %size, %zero) : (!vm.ref<!hal.device>, i64, i32, !vm.buffer, i64, i64, i32) -> !vm.ref<!hal.file>
    vm.call @hal.device.queue.read(%device, %zero64, %none, %none, %file, %zero64, %buffer, %zero64, %size, %zero64) : (!vm.ref<!hal.device>, i64, !vm.ref<!hal.fence>, !vm.ref<!hal.fence>, !vm.ref<!hal.file>, i64, !vm.ref<!hal.buffer>, i64, i64, i64) -> ()
    vm.global.store.ref %buffer, @kept : !vm.ref<!hal.buffer>
    %view = vm.call.variadic @hal.buffer_view.create(%buffer, %zero64, %size, %f32, %read, [%count]) : (!vm.ref<!hal.buffer>, i64, i64, i32, i32, i64 ...) -> !vm.ref<!hal.buffer_view>
    vm.return %view : !vm.ref<!hal.buffer_view>
  }
  // Constants stay what they are.
  vm.export @overwrite
  vm.func @overwrite() {
    %zero = vm.const.i32 0
    %four = vm.const.i32 4
    %zero64 = vm.const.i64 0
    %size = vm.const.i64 64
    %device = vm.call @hal.devices.get(%zero) : (i32) -> !vm.ref<!hal.device>
    %none = vm.const.ref.zero : !vm.ref<!hal.fence>
    %buffer = vm.global.load.ref @kept : !vm.ref<!hal.buffer>
    vm.call @hal.device.queue.fill(%device, %zero64, %none, %none, %buffer, %zero64, %size, %zero64, %four, %zero64) : (!vm.ref<!hal.device>, i64, !vm.ref<!hal.fence>, !vm.ref<!hal.fence>, !vm.ref<!hal.buffer>, i64, i64, i64, i32, i64) -> ()
    vm.return
  }
}
""" + resources(w=matrices())


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
    yield "resident", resident(), HOST
    # The weights are brought into tiles when a program is made.
    yield "resident_packed", resident(), HOST + ["--iree-opt-data-tiling"]
    yield "resident_read", resident_read(), ["--compile-mode=vm"]
    yield "chain", chain(), HOST
    yield "dispatches", dispatches(), HOST
    yield "mul", MUL, HOST
    # Compiled without its flags: the imports have no fences.
    yield "native_sync", (SOURCES / "native_async.mlir").read_text(), HOST
    yield "native_functions", (
        SOURCES.parent.parent / "examples/native_functions.mlir").read_text(), HOST
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
