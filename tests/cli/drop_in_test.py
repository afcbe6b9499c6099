"""`eerie run` in the place of iree-run-module: several hundred command lines through both.

For each of them standard output must be the same byte for byte, both succeed or both fail, and where
iree-run-module names a status (INVALID_ARGUMENT, NOT_FOUND, ...) so must eerie. What is different on
purpose stands in DIFFERENT, with the reason, and must stay different.

    drop_in_test.py EERIE             every command line
    drop_in_test.py EERIE --share=10  every tenth, from a number on that $EERIE_TEST_START gives
"""
import itertools
import json
import os
import re
import struct
import sys
import unittest

import harness

try:
    import numpy
    from iree import runtime
except ImportError:
    numpy = None

STATUS = re.compile(
    r"\b(CANCELLED|UNKNOWN|INVALID_ARGUMENT|DEADLINE_EXCEEDED|NOT_FOUND|ALREADY_EXISTS|"
    r"PERMISSION_DENIED|RESOURCE_EXHAUSTED|FAILED_PRECONDITION|ABORTED|OUT_OF_RANGE|UNIMPLEMENTED|"
    r"INTERNAL|UNAVAILABLE|DATA_LOSS|UNAUTHENTICATED|DEFERRED|INCOMPATIBLE)\b"
)


# ---- The command lines -----------------------------------------------------------------------------
#
# A line is what follows --module=: the module, the function, the rest.

LINES = []


def line(module, function, *arguments):
    LINES.append((module, function, *arguments))


def value(module, function, *values):
    """One call for each value of a function of one argument."""
    for text in values:
        line(module, function, f"--input={text}")


INTEGERS = {"i8": 8, "i16": 16, "i32": 32, "i64": 64}
FLOATS = ("f16", "bf16", "f32", "f64")
SMALL = ("f8E5M2", "f8E4M3FN", "f8E5M2FNUZ", "f8E4M3FNUZ", "f8E8M0FNU")


def dtypes():
    for name, bits in INTEGERS.items():
        low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        value("values", f"id_{name}", f"3x{name}={low} {high} -1", f"2xs{name}={low} {high}",
              f"3xu{name}=0 1 {2 * high + 1}", f"4x{name}=0x7F 0x0 017 0",
              f"2x{name}=5 -0")
    for name in FLOATS:
        value(
            "values", f"id_{name}",
            f"8x{name}=0 -0 1 -1.5 0.1 1e-3 123456.789 1e10",
            f"6x{name}=inf -inf nan -nan INF Infinity",
            # Denormals, the largest numbers, halves between neighbours.
            f"5x{name}=5.97e-8 6.1e-5 6.0e-8 1e-40 -1e-45",
            f"6x{name}=65504 65520 65519.99 3.4e38 3.5e38 1.7e308",
            f"6x{name}=1.00048828125 1.00146484375 2049 2051 1.00390625 1.01171875",
            f"4x{name}=.5 5. 1e3 1E-3", f"3x{name}=0x1p-3 0x10 1e400", f"2x{name}=3.14159265358979 1e-7",
        )
    for name in SMALL:
        value("values", f"id_{name}", f"8x{name}=0 -0 1 -1.5 0.1 448 57344 240",
              f"6x{name}=inf -inf nan 1e30 1e-30 0.0009765625", f"4x{name}=17 18 19 9.5")
    value("values", "id_i1", "4xi1=01 00 01 00", "1xi1=01", "3xi1=00", "0xi1=", "2xi1")
    value("values", "id_cf64", "2xcf64=0000803F00000040 0000803F000000C0", "1xcf64", "0xcf64=",
          "2xcf64=0000803f00000040 00000000000080ff", "2xcf64=0000803F00000040")
    value("values", "id_cf128", "1xcf128=000000000000F03F0000000000000040", "2xcf128")


def shapes():
    value("values", "rank0", "f32=7", "f32=-0", "f32=", "f32=nan")
    value("drop_in", "rank0_i1", "i1=01", "i1=00")
    value("drop_in", "rank0_i64", "i64=-9223372036854775808", "i64=0x7fffffffffffffff", "i64=")
    value("drop_in", "rank0_bf16", "bf16=1.0078125", "bf16=3e38")
    value("drop_in", "rank0_cf64", "cf64=0000803F00000040", "cf64=")
    value("drop_in", "rank1", "0xf32=", "0xf32", "1xf32=1", "3xf32=1,2,3", "3xf32=[1 2 3]",
          "5xf32=2", "3xf32=", "3xf32")
    value("values", "rank2", "2x3xi32=1 2 3 4 5 6", "2x3xi32=[1 2 3][4 5 6]",
          "2x3xi32=[[1,2,3],[4,5,6]]", "2x3xi32= 1 2  3 4 5 6 ", "2x3xi32=7", "1x1xi32=9",
          "0x3xi32", "3x0xi32=", "0x0xi32", "6x1xi32=1 2 3 4 5 6", "1x6xi32=1 2 3 4 5 6")
    value("values", "rank3", "2x1x3xi32=1 2 3 4 5 6", "2x0x2xi32=", "0x2x2xi32", "2x2x0xi32",
          "1x2x2xi32=[[1 2][3 4]]", "2x2x2xi32=1")
    value("drop_in", "rank4", "1x2x2x2xi8=1 2 3 4 5 6 7 8", "2x1x0x3xi8=", "2x2x1x1xi8=[[[[1]][[2]]]"
          "[[[3]][[4]]]]", "3x1x1x2xi8=-1")
    value("values", "rank5", "1x2x1x2x2xi32=1 2 3 4 5 6 7 8", "2x1x1x1x0xi32", "0x1x2x3x4xi32=")
    value("drop_in", "rank6", "2x1x1x1x1x2xf16=1 2 3 4", "1x1x1x1x1x1xf16=0.1", "1x0x1x1x2x1xf16")
    value("drop_in", "rank7", "1x2x1x1x2x1x2xi64=1 2 3 4 5 6 7 8", "2x1x1x0x1x1x1xi64=")
    value("drop_in", "rank8", "2x1x1x2x1x1x1x2xf64=1 2 3 4 5 6 7 0.1", "1x1x1x1x1x1x1x1xf64=1e-320",
          "2x2x2x2x2x2x2x2xf64=3", "1x1x1x1x0x1x1x1xf64")
    value("drop_in", "matrix_f8", "2x2xf8E4M3FN=1 -2 448 0.015625", "0x2xf8E4M3FN")
    value("drop_in", "matrix_cf128", "1x2xcf128=000000000000F03F0000000000000040", "0x3xcf128")
    for limit in (0, 1, 2, 5, 6, 7, 8, 1024):
        line("values", "rank3", "--input=2x2x2xi32=1 2 3 4 5 6 7 8", f"--output_max_element_count={limit}")
        line("drop_in", "rank1", "--input=7xf32=1 2 3 4 5 6 7", f"--output_max_element_count={limit}")
    value("values", "id_i32", "1024xi32=3", "1025xi32=3", "3000xi32=-1")
    value("values", "rank2", "32x32xi32=1", "33x32xi32=1", "1025x1xi32=4", "1x1025xi32=4")


def numbers():
    integers = ("0", "-1", "2147483647", "-2147483648", "0x10", "017", " 4 ", "1")
    value("drop_in", "one_i32", *integers)
    value("drop_in", "one_i64", *integers, "9223372036854775807", "-9223372036854775808",
          "0x7fffffffffffffff")
    value("drop_in", "one_index", *integers, "9223372036854775807")
    value("drop_in", "one_i1", "0", "1")
    value("drop_in", "one_i8", "0", "127", "-128", "-1")
    value("drop_in", "one_i16", "0", "32767", "-32768", "-1")
    floats = ("0", "-0", "1.5", "-2.5e10", "inf", "-inf", "nan", "0.1", "1e-45", "3.4028235e38",
              "1e39", "0x1p-3", ".5", "5.", "123456789", "1234567.125", "1e300", "5e-324")
    value("drop_in", "one_f32", *floats[:-1])
    value("drop_in", "one_f64", *floats)
    for function in ("one_i32", "one_i64", "one_f32", "one_f64"):
        value("drop_in", function, "(null)", "(ignored)")
    line("values", "scalars", "--input=1", "--input=-2", "--input=1.5", "--input=-2.5e10")
    line("drop_in", "widened", "--input=-2147483648")


def objects():
    line("drop_in", "text")
    line("drop_in", "null_bytes")
    line("drop_in", "empty_list")
    line("drop_in", "list_of_all", "--input=1", "--input=-2", "--input=0.1", "--input=1e300")
    line("drop_in", "list_of_all", "--input=1", "--input=-2", "--input=0.1", "--input=1e300",
         "--output=-")
    line("drop_in", "same_list", "--input=(null)")
    line("drop_in", "raw_buffer", "--input=4xf32=1 2 3 4")
    line("values", "list", "--input=2xf32=1 2", "--input=7")
    line("values", "list", "--input=2xf32=1 2", "--input=7", "--output_max_element_count=1")
    line("values", "null_list")
    line("values", "bytes", "--input=(null)")
    line("values", "nothing")
    line("values", "next")
    line("drop_in", "constant")


def kernels():
    line("values", "mul", "--input=4xf32=1 2 3 4", "--input=4xf32=10")
    line("values", "mul", "--input=4xf32", "--input=4xf32=inf")
    line("values", "add_matrices", "--input=2x3xf32=1 2 3 4 5 6", "--input=2x3xf32=0.1")
    line("values", "add_matrices", "--input=0x3xf32", "--input=0x3xf32")
    line("values", "mul_into", "--input=4xf32=1 2 3 4", "--input=4xf32=10", "--input=&4xf32")
    line("values", "mul_into", "--input=4xf32=1 2 3 4", "--input=4xf32=10", "--input=&4xf32=1")
    line("values", "mixed", "--input=4xf32=1 2 3 4", "--input=9", "--input=2x2xi8=1 2 3 4")
    line("drop_in", "scale", "--input=2x2xf32=1 2 3 4", "--input=0.1")
    line("drop_in", "scale", "--input=0x2xf32", "--input=0.1")
    line("drop_in", "less", "--input=6xf32=1 nan inf -inf 0 -0", "--input=6xf32=0 1 inf 0 -0 0")
    line("drop_in", "halves", "--input=8xf32=0.1 65519.99 65520 1e-8 2049 2051 -0 nan")
    line("drop_in", "divide", "--input=7", "--input=-2")
    line("values", "fails", "--input=3")


def flags():
    call = ("--input=4xf32=1 2 3 4", "--input=4xf32=10")
    for device in ("local-sync", "local-task", "local-sync://", "local-task://",
                   "local-task://default", "local-sync://default"):
        line("values", "mul", *call, f"--device={device}")
    line("values", "mul", *call, "--module_mode=mmap")
    line("values", "mul", *call, "--module_mode=preload")
    line("values", "mul", *call, "--print_statistics")
    line("values", "mul", *call, "--print_statistics=false", "--trace_execution=false")
    line("values", "mul", *call, "--task_topology_group_count=1", "--device=local-task")
    line("values", "mul", *call, "--task_topology_group_count=2", "--device=local-task",
         "--task_topology_max_group_count=2", "--task_worker_spin_us=10")
    line("values", "mul", *call, "--task_topology_cpu_ids=0", "--device=local-task")
    line("values", "mul", *call, "--task_topology_max_group_count=2", "--task_worker_spin_us=0",
         "--task_worker_stack_size=131072", "--task_worker_local_memory=0")
    line("values", "mul", *call, "--task_topology_mode=physical_cores",
         "--task_topology_nodes=current", "--task_topology_performance_level=any",
         "--task_topology_distribution=compact", "--task_topology_favor=latency")
    line("values", "mul", *call, "--task_topology_cpu_ids=0")
    line("values", "mul", *call, "--task_abort_on_failure=false")
    line("values", "mul", *call, "--parameter_mode=file", "--device_lead_allocator=0")
    line("values", "mul", *call, "--device_profiling_mode=", "--device_profiling_output=",
         "--print_device_statistics=false", "--instrument_file=", "--device_capture_tool=")
    line("values", "mul", *call, "--device_allocator=caching")
    line("values", "mul", *call, "--list_devices=local-sync")
    line("values", "mul", *call, "--list_devices=local-task")
    line("values", "mul", *call, "--list_devices=absent")
    line("values", "mul", *call, "--flagfile=flags.txt")
    line("values", "mul", "--flagfile=inputs.txt")


def outputs():
    call = ("--input=4xf32=1 2 3 4", "--input=9", "--input=2x2xi8=1 2 3 4")
    for choice in itertools.product(("-", "", "@out.npy", "+out.npy", "@out.bin", "+out.bin"), repeat=2):
        line("values", "mixed", *call, f"--output={choice[0]}", "--output=-", f"--output={choice[1]}")
    line("values", "mixed", *call, "--output=@a.npy", "--output=+a.npy", "--output=+a.npy")
    line("drop_in", "one_f64", "--input=0.1", "--output=@out.npy")
    line("drop_in", "one_i64", "--input=-5", "--output=@out.bin")
    line("drop_in", "null_bytes", "--output=@out.npy")
    line("drop_in", "raw_buffer", "--input=4xf32=1 2 3 4", "--output=@out.npy")
    line("drop_in", "raw_buffer", "--input=4xf32=1 2 3 4", "--output=@out.bin")
    for name in (*INTEGERS, "f16", "f32", "f64", "cf64", "cf128", "i1"):
        text = "01" if name == "i1" else "" if name.startswith("c") else "1"
        line("values", f"id_{name}", f"--input=3x{name}={text}", "--output=@out.npy")
    for name in INTEGERS:
        line("values", f"id_{name}", f"--input=3xu{name}=1", "--output=@out.npy")
    line("values", "rank2", "--input=0x3xi32", "--output=@out.npy")
    line("values", "rank0", "--input=f32=3", "--output=@out.npy")
    line("drop_in", "rank8", "--input=2x1x1x2x1x1x1x2xf64=1", "--output=@out.npy")
    line("values", "mul", "--input=4xf32=1", "--input=4xf32=1", "--output=")
    line("values", "nothing", "--expected_output=1")


def expectations():
    call = ("--input=4xf32=1 2 3 4", "--input=4xf32=10")
    for expected in ("4xf32=10 20 30 40", "(ignored)", "(null)", "4xf32=10 20 30 41", "4xf32=10",
                     "5xf32=1", "4xf64=10 20 30 40", "2x2xf32=10 20 30 40", "4xf32=10.00001 20 30 40",
                     "4xf32=nan", "4xf32=-10 20 30 40", "4xi32=10 20 30 40", "1x4xf32=10 20 30 40",
                     "4xf32=inf 20 30 40", "4xf32=10.0011 20 30 40"):
        line("values", "mul", *call, f"--expected_output={expected}")
    near = "--expected_output=4xf32=10.001 20 30 40"
    for flag in ("--expected_f32_threshold=0.01", "--expected_f32_threshold=0", "--expected_rtol=0.01",
                 "--expected_rtol=0", "--equality_mode=exact", "--equality_mode=approximate",
                 "--expected_f64_threshold=1"):
        line("values", "mul", *call, near, flag)
    line("values", "mul", *call, "--expected_output=4xf32=10 20 30 40", "--equality_mode=exact")
    for name in FLOATS:
        for actual, expected in (("nan", "nan"), ("inf", "inf"), ("inf", "-inf"), ("0", "-0"),
                                 ("1", "1.0005"), ("1", "1.00005"), ("1", "1.005"), ("65504", "inf")):
            line("values", f"id_{name}", f"--input=2x{name}={actual}",
                 f"--expected_output=2x{name}={expected}")
    for name in SMALL:
        line("values", f"id_{name}", f"--input=2x{name}=1", f"--expected_output=2x{name}=1")
        line("values", f"id_{name}", f"--input=2x{name}=1", f"--expected_output=2x{name}=2")
    for name in INTEGERS:
        line("values", f"id_{name}", f"--input=2x{name}=1", f"--expected_output=2x{name}=1")
        line("values", f"id_{name}", f"--input=2x{name}=1", f"--expected_output=2x{name}=1 -2")
    line("values", "id_i1", "--input=2xi1=01", "--expected_output=2xi1=01 00")
    line("values", "id_cf64", "--input=1xcf64", "--expected_output=1xcf64")
    line("values", "id_cf64", "--input=1xcf64", "--expected_output=1xcf64=0000803F00000040")
    line("values", "rank2", "--input=40x40xi32=1", "--expected_output=40x40xi32=2")
    line("values", "rank0", "--input=f32=1", "--expected_output=f32=2")
    three = ("--input=4xf32=1 2 3 4", "--input=9", "--input=2x2xi8=1 2 3 4")
    good = ("--expected_output=2x2xi8=1 2 3 4", "--expected_output=(ignored)",
            "--expected_output=4xf32=1 2 3 4")
    line("values", "mixed", *three, *good[:2])
    line("values", "mixed", *three, *good, "--expected_output=(ignored)")
    halves = ("--input=8xf32=1",)
    line("drop_in", "halves", *halves, "--expected_output=8xf16=1", "--expected_output=8xbf16=1")
    line("drop_in", "halves", *halves, "--expected_output=8xf16=2", "--expected_output=8xbf16=3")
    line("drop_in", "halves", *halves, "--expected_output=(ignored)", "--expected_output=8xbf16=3")
    line("drop_in", "null_bytes", "--expected_output=(null)")
    line("drop_in", "null_bytes", "--expected_output=4xf32=1")
    line("drop_in", "empty_list", "--expected_output=4xf32=1")


def failures():
    one = "--input=4xf32=1"
    line("values", "absent")
    line("values", "", )
    line("values", "mul", one)
    line("values", "mul", one, one, one)
    line("values", "mul")
    for wrong in ("4xf33=1", "4x=1", "xf32=1", "-4xf32=1", "4xf32=1 2", "4xf32=1 2 3 4 5", "7", "",
                  "4xf32=1 2 x 4", "5xf32=1", "2x2xf32=1", "4xi32=1", "f32=1", "4xf64=1", "4x4xf32",
                  "(null)", "abc", "=1", "@wrong.npy", "@half.npy", "4xf32=@short.bin", "+one.npy"):
        line("values", "mul", f"--input={wrong}", one)
    line("values", "mul", "--input=@one.npy", "--input=+one.npy")
    value("values", "id_i8", "1xi8=300", "1xi8=-129", "1xsi8=128", "1xui8=256")
    for wrong in ("x", "", "nan", "abc"):
        line("drop_in", "one_i32", f"--input={wrong}")
    for wrong in ("x", ""):
        line("drop_in", "one_f32", f"--input={wrong}")
    line("values", "fails", "--input=-3")
    line("values", "mul", one, one, "--output=-", "--output=-")
    line("values", "mul", one, one, "--output=out.npy")
    line("drop_in", "empty_list", "--output=@out.npy")
    line("values", "mul", one, one, "--expected_output=4xf33=1")
    line("values", "mul", one, one, "--device=absent")
    line("values", "mul", one, one, "--device=absent://0")
    line("values", "mul", one, one, "--no_such_flag")
    line("values", "mul", one, one, "--flagfile=absent.txt")
    line("absent", "mul", one, one)
    line("text", "mul", one, one)
    line("empty", "mul", one, one)


def files():
    line("values", "mul", "--input=@one.npy", "--input=4xf32=2")
    line("values", "mul", "--input=@two.npy", "--input=+two.npy")
    line("values", "mul", "--input=+two.npy", "--input=+two.npy")
    line("values", "mul", "--input=*two.npy")
    line("values", "mul", "--input=@two.npy", "--input=*two.npy")
    line("values", "mul", "--input=@two.npy", "--input=@two.npy")
    line("values", "mul", "--input=4xf32=@eight.bin", "--input=4xf32=+eight.bin")
    line("values", "mul", "--input=4xf32=@eight.bin", "--input=4xf32=@eight.bin")
    line("values", "rank2", "--input=2x3xi32=@eight.bin")
    line("values", "id_i8", "--input=32xi8=@eight.bin")
    line("values", "id_cf64", "--input=4xcf64=@eight.bin")
    line("values", "mul", "--input=4xf32=1", "--input=4xf32=1", "--expected_output=@one.npy")
    for name, dtype in NPY:
        line("values", f"id_{name}", f"--input=@x.{dtype}.npy")


def weights():
    layer = ("parameters", "layer", "--input=4xf32=1 2 3 4")
    both = ("--parameters=model=layer.irpa", "--parameters=table.irpa")
    line(*layer, *both)
    line(*layer, *both, "--parameter_mode=preload")
    line(*layer, *both[::-1])
    line(*layer, "--parameters=model=layer.safetensors", "--parameters=table.irpa")
    line("parameters", "all", *both, "--output_max_element_count=9")
    line(*layer, "--parameters=model=weight.irpa", "--parameters=model=bias.irpa",
         "--parameters=table.irpa")
    # One is missing: the file, the scope, the key, the length.
    line(*layer)
    line(*layer, both[0])
    line(*layer, "--parameters=other=layer.irpa", both[1])
    line(*layer, "--parameters=model=weight.irpa", both[1])
    line(*layer, "--parameters=model=short.irpa", both[1])


NPY = [("i1", "b1"), ("i8", "i1"), ("i8", "u1"), ("i16", "i2"), ("i16", "u2"), ("i32", "i4"),
       ("i32", "u4"), ("i64", "i8"), ("i64", "u8"), ("f16", "f2"), ("f32", "f4"), ("f64", "f8"),
       ("cf64", "c8"), ("cf128", "c16")]


def write_irpa(path, arrays):
    index = runtime.ParameterIndex()
    for name, array in arrays.items():
        index.add_buffer(name, array.tobytes())
    index.create_archive_file(str(path))


def write_safetensors(path, arrays):
    header, at = {}, 0
    for name, array in arrays.items():
        header[name] = {"dtype": "F32", "shape": list(array.shape),
                        "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text
                     + b"".join(array.tobytes() for array in arrays.values()))


def make_files(folder, modules):
    for name, content in modules.items():
        (folder / f"{name}.vmfb").write_bytes(content)
    (folder / "text.vmfb").write_text("module {}\n")
    (folder / "empty.vmfb").write_bytes(b"")
    (folder / "cut.vmfb").write_bytes(modules["values"][:9000])
    (folder / "flags.txt").write_text("--device=local-sync\n# a comment\n\n--module_mode=mmap\n")
    (folder / "inputs.txt").write_text("--input=4xf32=1 2 3 4\n--input=4xf32=10\n")
    (folder / "short.bin").write_bytes(b"1234567")
    (folder / "eight.bin").write_bytes(numpy.arange(8, dtype=numpy.float32).tobytes())
    (folder / "wrong.npy").write_text("1 2 3 4\n")
    one = numpy.array([1, 2, 3, 4], numpy.float32)
    numpy.save(folder / "one.npy", one)
    numpy.save(folder / "bytes.npy", numpy.array([[1, 2], [3, 4]], numpy.int8))
    weight, bias = numpy.array([1, 2, 3, 4], "<f4"), numpy.array([10, 20, 30, 40], "<f4")
    write_irpa(folder / "layer.irpa", {"layer.weight": weight, "layer.bias": bias})
    write_irpa(folder / "weight.irpa", {"layer.weight": weight})
    write_irpa(folder / "bias.irpa", {"layer.bias": bias})
    write_irpa(folder / "short.irpa", {"layer.weight": weight[:3], "layer.bias": bias})
    write_irpa(folder / "table.irpa", {'a "b" \n': numpy.arange(1000, dtype="<f4")})
    write_safetensors(folder / "layer.safetensors", {"layer.weight": weight, "layer.bias": bias})
    with open(folder / "two.npy", "wb") as file:
        numpy.save(file, one)
        numpy.save(file, one * 10)
    (folder / "half.npy").write_bytes((folder / "one.npy").read_bytes()[:-7])
    for _, dtype in NPY:
        numpy.save(folder / f"x.{dtype}.npy", numpy.array([0, 1, 2, 100, 1]).astype(dtype))


DIFFERENT = {}


def unlike(says, *arguments):
    """A line that is answered differently; what eerie says of it."""
    line(*arguments)
    DIFFERENT[arguments] = says


def differences():
    one = "--input=4xf32=1"
    # Numbers between half of the smallest half-precision number and it: rounded to the nearest one
    # here, to zero there. One that is too small for its type is zero here, refused there.
    unlike("1xf16=5.96046E-08", "values", "id_f16", "--input=1xf16=5.96e-8")
    unlike("f32=0", "drop_in", "one_f32", "--input=5e-324")
    # What stands behind a number is not passed over.
    unlike("is no number of type i32", "drop_in", "one_i32", "--input=4xi32=1")
    unlike("is no number of type f32", "drop_in", "one_f32", "--input=1,5")
    unlike("is not of type i8", "values", "id_i8", "--input=1xi8=1.5")
    unlike("(INVALID_ARGUMENT)", "drop_in", "one_i32", "--input=1", "--expected_output=2xf32=1")
    # Shapes are checked against the declared ones, also where the module does not look at them.
    unlike("dimension 0 is 3, expected 2", "drop_in", "fixed", "--input=3x2xf32=1")
    unlike("got rank 0", "values", "id_i8", "--input=i8=1")
    # More spellings.
    unlike("4xf32=2 2 2 2", "values", "mul", "--input", "4xf32=1", "--input", "4xf32=2")
    unlike("4xf32=1 1 1 1", "values", "mul", one, one, "--device=local-sync://0")
    unlike("4xf32=1 1 1 1", "values", "mul", one, one, "--device=local-task://0")
    unlike("1xcf64=0000803F00000040", "values", "id_cf64", "--input=1xcomplex<f32>=1+2j")
    unlike("2xi1=01 00", "values", "id_i1", "--input=2xi1=1 0")
    unlike("5xi4=1 -2 3 -4 5", "values", "id_i4", "--input=5xi4=1 -2 3 -4 5")
    # More results that files can hold.
    unlike("EXEC", "drop_in", "text", "--output=@out.npy")
    unlike("EXEC", "drop_in", "text", "--output=@out.bin")
    unlike("EXEC", "values", "id_bf16", "--input=3xbf16=1", "--output=@out.npy")
    # (ignored) is for numbers too, and equal numbers are equal.
    three = ("--input=@one.npy", "--input=3", "--input=@bytes.npy")
    unlike("[SUCCESS]", "values", "mixed", *three, "--expected_output=@bytes.npy",
           "--expected_output=(ignored)", "--expected_output=@one.npy")
    unlike("[SUCCESS]", "values", "mixed", *three, "--expected_output=@bytes.npy",
           "--expected_output=3", "--expected_output=@one.npy")
    unlike("[SUCCESS]", "values", "id_i8", "--input=@x.i1.npy",
           "--expected_output=5xi8=0 1 2 100 1")
    # A file that is not there is NOT_FOUND, not UNKNOWN; one that ends too early DATA_LOSS.
    unlike("(NOT_FOUND)", "values", "mul", "--input=4xf32=@absent.bin", one)
    unlike("(NOT_FOUND)", "values", "mul", "--input=@absent.npy", one)
    unlike("(NOT_FOUND)", "values", "mul", one, one, "--expected_output=@absent.npy")
    unlike("(NOT_FOUND)", "values", "mul", one, one, "--output=@absent/out.npy")
    unlike("(NOT_FOUND)", "values", "mul", one, one, "--parameters=absent.irpa")
    unlike("(DATA_LOSS)", "cut", "mul", one, one)
    # Archives are told by their content, not by their name.
    unlike("(INVALID_ARGUMENT)", "parameters", "layer", one, "--parameters=model=text.vmfb")
    # Values of flags are checked.
    unlike("'fuzzy'", "values", "mul", one, one, "--equality_mode=fuzzy")
    unlike("'x'", "values", "mul", one, one, "--output_max_element_count=x")
    unlike("(UNIMPLEMENTED)", "values", "mul", one, one, "--trace_execution=true")


for part in (dtypes, shapes, numbers, objects, kernels, flags, outputs, expectations, failures, files,
             weights, differences):
    part()


# ---- Running them ----------------------------------------------------------------------------------


def iree_run_module():
    """The program itself where it can be found, for the wheel's script takes longer to start than it."""
    for folder in {harness.IREE_RUN.parent.parent, harness.IREE_RUN.resolve().parent.parent}:
        for path in folder.glob("lib/python3*/site-packages/iree/_runtime_libs/iree-run-module"):
            return path
    return harness.IREE_RUN


SHARE = 1


@unittest.skipUnless(harness.IREE_COMPILE and harness.IREE_RUN and numpy,
                     "iree-compile, iree-run-module, iree.runtime or NumPy is not there")
class DropIn(harness.Case):
    def setUp(self):
        modules = {name: harness.compile_module(f"{name}.mlir").read_bytes()
                   for name in ("values", "drop_in", "parameters")}
        self.folders = [harness.SCRATCH / name for name in ("iree", "eerie")]
        for folder in self.folders:
            folder.mkdir()
            make_files(folder, modules)
        self.programs = [[iree_run_module()], [harness.EERIE, "run"]]

    def run_both(self, module, function, *arguments):
        results = []
        for program, folder in zip(self.programs, self.folders, strict=True):
            made = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
            done = harness.execute(
                [*program, f"--module={module}.vmfb", *([f"--function={function}"] if function else []),
                 *([] if "--device" in " ".join(arguments) else ["--device=local-sync"]), *arguments],
                cwd=folder)
            done.files = {}
            for path in sorted(folder.iterdir()):
                if path not in made:
                    done.files[path.name] = path.read_bytes()
                    path.unlink()
            results.append(done)
        return results

    def difference(self, theirs, ours):
        if ours.code < 0:
            return f"died of signal {-ours.code}"
        if theirs.code < 0:
            return None  # it died; nothing to be like
        if (theirs.code == 0) != (ours.code == 0):
            return f"exit code {ours.code}, theirs is {theirs.code}"
        status = STATUS.search(theirs.err) if theirs.code else None
        # What iree-run-module finds out after the call may be refused before it here.
        if not theirs.raw.startswith(ours.raw) if status else ours.raw != theirs.raw:
            return "standard output"
        if status and status.group() not in ours.err:
            return f"{status.group()} is not named"
        if ours.files != theirs.files and theirs.code == 0:
            return f"the files {sorted(ours.files)}, theirs {sorted(theirs.files)}"
        return None

    def test_lines(self):
        start = int(os.environ.get("EERIE_TEST_START", "0"))
        for arguments in LINES[start % SHARE::SHARE]:
            theirs, ours = self.run_both(*arguments)
            different = self.difference(theirs, ours)
            with self.subTest(" ".join(arguments)):
                if arguments in DIFFERENT:
                    self.assertIsNotNone(different, "is the same now")
                    self.assertIn(DIFFERENT[arguments], ours.out + ours.err)
                elif different:
                    self.fail(f"{different}\ntheirs {theirs.code}: {theirs.out[:600]}{theirs.err[:400]}"
                              f"\nours {ours.code}: {ours.out[:600]}{ours.err}")


if __name__ == "__main__":
    for argument in sys.argv[2:]:
        if argument.startswith("--share="):
            SHARE = int(argument[8:])
            sys.argv.remove(argument)
    harness.main(sys.modules[__name__])
