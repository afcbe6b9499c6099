"""Compares the driver's table of entry points with the vendors' own headers.

    api_check.py cuda|hip FOLDER...
    api_check.py cuda|hip --library FILE

FOLDER is where cuda.h, or hip/hip_runtime_api.h, may lie; the first that has it is taken. A C
compiler then has to find each function's type the vendor's, each number the one that the header
has, each structure laid out alike. Parameters that are enumerations there are `int` in the table;
which those are stands below. Of a library only the symbols are looked at; HIP's of today need not be in
an older one.

Exit code 1: something differs; 77: no header.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
API = ROOT / "runtime/drivers/cuda/api.h"
HEADERS = {"cuda": "cuda.h", "hip": "hip/hip_runtime_api.h"}

# What a type of the table is there.
TYPES = {
    "cuda": {
        "result": "CUresult", "ordinal": "CUdevice", "address": "CUdeviceptr",
        "context": "CUcontext",
        "stream": "CUstream", "event": "CUevent", "pool": "CUmemoryPool", "module": "CUmodule",
        "function": "CUfunction", "graph": "CUgraph", "graph_exec": "CUgraphExec",
        "node": "CUgraphNode",
        "uuid": "CUuuid", "pool_props": "CUmemPoolProps", "access": "CUmemAccessDesc",
        "location": "CUmemLocation",
    },
    "hip": {
        "result": "hipError_t", "ordinal": "hipDevice_t", "address": "hipDeviceptr_t",
        "context": "hipCtx_t", "stream": "hipStream_t", "event": "hipEvent_t",
        "pool": "hipMemPool_t", "module": "hipModule_t", "function": "hipFunction_t",
        "graph": "hipGraph_t", "graph_exec": "hipGraphExec_t", "node": "hipGraphNode_t",
        "uuid": "hipUUID",
        "pool_props": "hipMemPoolProps", "access": "hipMemAccessDesc", "location": "hipMemLocation",
    },
}
# (member, parameter): the enumeration.
ENUMERATIONS = {
    ("DeviceGetAttribute", "int attribute"): ("CUdevice_attribute", "hipDeviceAttribute_t"),
    ("FuncGetAttribute", "int attribute"): ("CUfunction_attribute", "hipFunction_attribute"),
    ("FuncSetAttribute", "int attribute"): ("CUfunction_attribute", "hipFuncAttribute"),
    ("ModuleLoadDataEx", "int *options"): ("CUjit_option *", "hipJitOption *"),
    ("MemPoolSetAttribute", "int attribute"): ("CUmemPool_attribute", "hipMemPoolAttr"),
    ("StreamBeginCapture", "int mode"): ("CUstreamCaptureMode", "hipStreamCaptureMode"),
    ("StreamGetCaptureInfo", "int *status"): ("CUstreamCaptureStatus *",
                                              "hipStreamCaptureStatus *"),
}
# Alike for a caller, where the header writes another type.
ALIKE = {
    "hipMemsetD32Async": "(hipDeviceptr_t, int, size_t, hipStream_t)",
    "hipFuncSetAttribute": "(const void *, hipFuncAttribute, int)",
    "hipMemcpyPeerAsync": "(void *, int, const void *, int, size_t, hipStream_t)",
    "hipStreamGetCaptureInfo_v2": "(hipStream_t, hipStreamCaptureStatus *, unsigned long long *, "
                                  "hipGraph_t *, const hipGraphNode_t **, size_t *)",
}
NEW_IN_ROCM_6 = {"hipGetDevicePropertiesR0600"}
# (type, member): what the header calls the member; first a part of a structure that has several.
MEMBERS = {
    "location": {"type": ("type", "type"), "id": ("id", "id")},
    "pool_props": {"allocation": ("allocType", "allocType"),
                   "handles": ("handleTypes", "handleTypes"),
                   "location": ("location", "location"),
                   "security": ("win32SecurityAttributes", "win32SecurityAttributes")},
    "access": {"location": ("location", "location"), "flags": ("flags", "flags")},
    "uuid": {"bytes": ("bytes", "bytes")},
}
NUMBERS = {
    "STREAM_NON_BLOCKING": ("CU_STREAM_NON_BLOCKING", "hipStreamNonBlocking"),
    "EVENT_DEFAULT": ("CU_EVENT_DEFAULT", "hipEventDefault"),
    "EVENT_BLOCKING": ("CU_EVENT_BLOCKING_SYNC", "hipEventBlockingSync"),
    "EVENT_NO_TIMING": ("CU_EVENT_DISABLE_TIMING", "hipEventDisableTiming"),
    "HOST_PORTABLE": ("CU_MEMHOSTALLOC_PORTABLE", "hipHostMallocPortable"),
    "HOST_MAPPED": ("CU_MEMHOSTALLOC_DEVICEMAP", "hipHostMallocMapped"),
    "REGISTER_PORTABLE": ("CU_MEMHOSTREGISTER_PORTABLE", "hipHostRegisterPortable"),
    "REGISTER_MAPPED": ("CU_MEMHOSTREGISTER_DEVICEMAP", "hipHostRegisterMapped"),
    "CAPTURE_THREAD_LOCAL": ("CU_STREAM_CAPTURE_MODE_THREAD_LOCAL",
                             "hipStreamCaptureModeThreadLocal"),
    "CAPTURE_ACTIVE": ("CU_STREAM_CAPTURE_STATUS_ACTIVE", "hipStreamCaptureStatusActive"),
    "CAPTURE_SET_DEPENDENCIES": ("CU_STREAM_SET_CAPTURE_DEPENDENCIES",
                                 "hipStreamSetCaptureDependencies"),
    "LOCATION_DEVICE": ("CU_MEM_LOCATION_TYPE_DEVICE", "hipMemLocationTypeDevice"),
    "ALLOCATION_PINNED": ("CU_MEM_ALLOCATION_TYPE_PINNED", "hipMemAllocationTypePinned"),
    "ACCESS_READ_WRITE": ("CU_MEM_ACCESS_FLAGS_PROT_READWRITE", "hipMemAccessFlagsProtReadWrite"),
    "POOL_RELEASE_THRESHOLD": ("CU_MEMPOOL_ATTR_RELEASE_THRESHOLD",
                               "hipMemPoolAttrReleaseThreshold"),
    "FUNCTION_MAX_THREADS": ("CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK",
                             "HIP_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK"),
    "FUNCTION_SHARED_SIZE": ("CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES",
                             "HIP_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES"),
    "FUNCTION_MAX_DYNAMIC_SHARED": ("CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES",
                                    "hipFuncAttributeMaxDynamicSharedMemorySize"),
    "JIT_ERROR_LOG": ("CU_JIT_ERROR_LOG_BUFFER", "hipJitOptionErrorLogBuffer"),
    "JIT_ERROR_LOG_SIZE": ("CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES",
                           "hipJitOptionErrorLogBufferSizeBytes"),
}
# Results whose HIP name is not CUDA's in camel case.
HIP_RESULTS = {"SUCCESS": "hipSuccess", "NO_BINARY_FOR_GPU": "hipErrorNoBinaryForGpu",
               "INVALID_PTX": "hipErrorInvalidKernelFile",
               "ECC_UNCORRECTABLE": "hipErrorECCNotCorrectable",
               "LAUNCH_TIMEOUT": "hipErrorLaunchTimeOut",
               "NOT_INITIALIZED": "hipErrorNotInitialized",
               "LAUNCH_FAILED": "hipErrorLaunchFailure"}
ATTRIBUTES = {
    "max_threads": ("MAX_THREADS_PER_BLOCK", "MaxThreadsPerBlock"),
    "max_block_x": ("MAX_BLOCK_DIM_X", "MaxBlockDimX"),
    "max_block_y": ("MAX_BLOCK_DIM_Y", "MaxBlockDimY"),
    "max_block_z": ("MAX_BLOCK_DIM_Z", "MaxBlockDimZ"),
    "max_grid_x": ("MAX_GRID_DIM_X", "MaxGridDimX"),
    "max_grid_y": ("MAX_GRID_DIM_Y", "MaxGridDimY"),
    "max_grid_z": ("MAX_GRID_DIM_Z", "MaxGridDimZ"),
    "max_shared": ("MAX_SHARED_MEMORY_PER_BLOCK", "MaxSharedMemoryPerBlock"),
    "warp_size": ("WARP_SIZE", "WarpSize"),
    "processors": ("MULTIPROCESSOR_COUNT", "MultiprocessorCount"),
    "integrated": ("INTEGRATED", "Integrated"),
    "can_map_host": ("CAN_MAP_HOST_MEMORY", "CanMapHostMemory"),
    "major": ("COMPUTE_CAPABILITY_MAJOR", "ComputeCapabilityMajor"),
    "minor": ("COMPUTE_CAPABILITY_MINOR", "ComputeCapabilityMinor"),
    "max_shared_opt_in": ("MAX_SHARED_MEMORY_PER_BLOCK_OPTIN", "SharedMemPerBlockOptin"),
    "memory_pools": ("MEMORY_POOLS_SUPPORTED", "MemoryPoolsSupported"),
}


def table(text, name):
    """The entries of a list `#define name(X) X(...) ...`, each a list of its arguments."""
    body = re.search(rf"#define {name}\(X\)((?:.*\\\n)*.*)", text).group(1).replace("\\\n", " ")
    entries = []
    for match in re.finditer(r"\bX\(", body):
        depth, at = 1, match.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(body[at], 0)
            at += 1
        inside = body[match.end():at - 1]
        head, bracket, parameters = inside.partition("(")
        words = [word.strip() for word in head.split(",") if word.strip()]
        entries.append(words + ([re.sub(r"\s+", " ", bracket + parameters)] if bracket else []))
    return entries


def translated(kind, member, parameters):
    """Parameters with the vendor's types."""
    which = 0 if kind == "cuda" else 1
    parts = [part.strip() for part in parameters.strip("()").split(",")]
    parts = [ENUMERATIONS.get((member, part), (part, part))[which] for part in parts]
    text = ", ".join(parts)
    for name, real in sorted(TYPES[kind].items(), key=lambda item: -len(item[0])):
        text = re.sub(rf"\bee_cuda_{name}_t\b", real, text)
    return f"({text})"


def functions(kind, text):
    """(member, the vendor's name, parameters)"""
    entries = []
    for name in ("EE_CUDA_FUNCTIONS", "EE_CUDA_OPTIONAL_FUNCTIONS"):
        entries += [(member, cuda if kind == "cuda" else hip, parameters)
                    for member, cuda, hip, parameters in table(text, name)]
    own = "EE_CUDA_OWN_FUNCTIONS" if kind == "cuda" else "EE_HIP_OWN_FUNCTIONS"
    return entries + [tuple(entry) for entry in table(text, own)]


def camel(name):
    return "hipError" + "".join(word.capitalize() for word in name.split("_"))


def numbers(kind, text, header):
    """(ours, the vendor's)"""
    which = 0 if kind == "cuda" else 1
    for name, value in re.findall(r"^  EE_CUDA_([A-Z_0-9]+) = (\d+)", text, re.M):
        if name in NUMBERS:
            yield value, NUMBERS[name][which]
        elif name == "INSUFFICIENT_DRIVER" and kind == "cuda":
            continue  # of CUDA's runtime
        elif kind == "cuda":
            yield value, "CUDA_SUCCESS" if name == "SUCCESS" else f"CUDA_ERROR_{name}"
        else:
            yield value, HIP_RESULTS.get(name, camel(name))
    for list_name in ("EE_CUDA_ATTRIBUTES", "EE_CUDA_OPTIONAL_ATTRIBUTES"):
        for member, cuda, hip in table(text, list_name):
            if kind == "cuda":
                yield cuda, f"CU_DEVICE_ATTRIBUTE_{ATTRIBUTES[member][0]}"
            else:
                yield hip, f"hipDeviceAttribute{ATTRIBUTES[member][1]}"


def program(kind, text, header):
    """The program that compiles when all is alike, and what the header does not know."""
    # NVIDIA's name stands for the newest version of a function otherwise, not for the symbol.
    lines = ["#define __CUDA_API_VERSION_INTERNAL 1",
             "#define __HIP_PLATFORM_AMD__ 1", "#define __HIP_PLATFORM_HCC__ 1",
             "#include <stddef.h>",
             f"#include <{HEADERS[kind]}>", f'#include "{API}"']
    unknown = []
    known = set(re.findall(r"\w+", header))
    which = 0 if kind == "cuda" else 1
    for member, name, parameters in functions(kind, text):
        if name not in known:
            unknown.append(name)
            continue
        real = translated(kind, member, parameters)
        same = [f"__builtin_types_compatible_p({TYPES[kind]['result']}(*){variant}, "
                f"__typeof__(&{name}))"
                for variant in (real, real.replace("const ", ""), ALIKE.get(name, real))]
        lines.append(f'_Static_assert({" || ".join(same)}, "{name}");')
    for value, name in numbers(kind, text, header):
        if name in known:
            lines.append(f'_Static_assert((int){name} == {value}, "{name}");')
        else:
            unknown.append(name)
    for name, real in TYPES[kind].items():
        if real in known:
            lines.append(f'_Static_assert(sizeof({real}) == sizeof(ee_cuda_{name}_t), "{real}");')
    for name, members in MEMBERS.items():
        for ours, theirs in members.items():
            if TYPES[kind][name] in known:
                lines.append(f"_Static_assert(offsetof({TYPES[kind][name]}, {theirs[which]}) == "
                             f'offsetof(ee_cuda_{name}_t, {ours}), "{name}.{ours}");')
    return "\n".join(lines) + "\n", unknown


def whole_text(path):
    """A header and those of its folder that it includes: all that may name something."""
    return "\n".join(file.read_text(errors="replace") for file in path.parent.glob("*.h"))


def check_library(kind, library):
    if not library.is_file():
        print(f"skipped: no {library}; tests/drivers/cuda/vendors.sh fetches it")
        return 77
    done = subprocess.run(["nm", "-D", "--defined-only", str(library)], check=True, text=True,
                          capture_output=True, timeout=60)
    symbols = {line.split()[-1].partition("@")[0] for line in done.stdout.splitlines()}
    names = [name for _, name, _ in functions(kind, API.read_text())]
    missing = [name for name in names if name not in symbols]
    print(f"{library}: {len(names) - len(missing)} of {len(names)} symbols; "
          f"missing: {', '.join(missing) or 'none'}")
    return 1 if set(missing) - NEW_IN_ROCM_6 else 0


def main():
    if sys.argv[2:3] == ["--library"]:
        return check_library(sys.argv[1], pathlib.Path(sys.argv[3]))
    kind, folders = sys.argv[1], [pathlib.Path(folder) for folder in sys.argv[2:]]
    found = [folder for folder in folders if (folder / HEADERS[kind]).is_file()]
    if not found:
        print(f"skipped: no {HEADERS[kind]} in {', '.join(map(str, folders))}; "
              "tests/drivers/cuda/vendors.sh fetches it")
        return 77
    header = whole_text(found[0] / HEADERS[kind])
    text, unknown = program(kind, API.read_text(), header)
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "check.c"
        source.write_text(text)
        done = subprocess.run(
            ["cc", "-std=gnu11", "-w", "-fsyntax-only", f"-I{found[0]}", str(source)],
            capture_output=True, text=True, timeout=60)
    wrong = re.findall(r"error: (.*)", done.stderr)
    print("\n".join(wrong))
    print(f"{found[0]}: {text.count('_Static_assert')} facts, {len(wrong)} differ; "
          f"not in this header: {', '.join(unknown) or 'none'}")
    if kind == "cuda" and unknown:
        return 1
    return 1 if done.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
