"""Builds the fuzz targets with libFuzzer, ASan and UBSan and lets each search for a while.

    run.py [--seconds 60] [--build build/fuzz] [TARGET...]

Inputs that were found interesting stay in <build>/corpus/TARGET and are where the next run goes on.
An input that shows a defect is kept as <build>/found/TARGET-*; put it into tests/fuzz/corpus/TARGET
with the mend. Exit code 1 when something was found, 77 when clang is not installed.
"""

import argparse
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGETS = ["module", "call", "elf", "literal", "npy", "params", "embed", "object", "cache", "vulkan",
           "cuda"]
# What insertions in the middle make nothing of.
IN_PLACE = ["module", "call", "elf", "embed", "object", "vulkan", "cuda"]
IMAGES = {"vulkan": [b"VKE1"], "cuda": [b"CDA1", b"HIP1"]}  # executables in modules
SEED_SIZE_MAX = 40000  # of larger ones the fuzzer makes little


def run(command, **more):
    return subprocess.run([str(word) for word in command], **more)


def configure_and_build(build, targets):
    flags = "-fsanitize=fuzzer-no-link -O1 -g"
    run(["cmake", "-S", ROOT, "-B", build, "-G", "Ninja", "-DCMAKE_C_COMPILER=clang",
         "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_C_FLAGS_DEBUG=" + flags,
         "-DEERIE_SANITIZE=address,undefined", "-DEERIE_FUZZ=ON", "-DEERIE_BUILD_EXAMPLES=OFF"],
        check=True, stdout=subprocess.DEVNULL)
    run(["cmake", "--build", build, "--target"] + [t + "_fuzz" for t in targets], check=True,
        stdout=subprocess.DEVNULL)


def compile_seeds(build):
    """Modules without native code, and an image of kernels, for the targets that want them."""
    compiler = ROOT / ".venv/bin/iree-compile"
    modules = ROOT / "build/test-modules"
    script = ROOT / "tests/behaviour/compile_modules.py"
    run([sys.executable, script, "--compiler", compiler, "--out", modules])
    gpu = build / "gpu-modules"
    run([sys.executable, ROOT / "tests/drivers/make_modules.py", "--compiler", compiler, "--out", gpu])
    return [modules, gpu, *(ROOT / "tests/releases/golden").glob("3.*")]


def executables(data, magics):
    """The images for GPUs in a module: a magic number, 0, and the size of what follows 64 bytes."""
    for magic in magics:
        at = data.find(magic + bytes(4))
        while at >= 0:
            end = at + 64 + int.from_bytes(data[at + 8:at + 16], "little")
            if end <= len(data):
                yield data[at:end]
            at = data.find(magic + bytes(4), at + 4)


def gather_seeds(target, corpus, folders):
    """Copies what may help `target` into its corpus."""
    corpus.mkdir(parents=True, exist_ok=True)
    sources = list((HERE / "corpus" / target).glob("*"))
    for folder in folders:
        if target in ("module", "call", "embed"):
            sources += folder.glob("*.vmfb")
        elif target == "elf":
            sources += (folder / "elf").glob("*")
    for path in sources:
        data = path.read_bytes()
        native = b"\x7fELF" in data and target in ("module", "call")
        if len(data) <= SEED_SIZE_MAX and not native:
            shutil.copy(path, corpus / path.name)
    for path in (p for folder in folders for p in folder.glob("*.vmfb") if target in IMAGES):
        for image in executables(path.read_bytes(), IMAGES[target]):
            if len(image) <= SEED_SIZE_MAX:
                (corpus / hashlib.sha1(image).hexdigest()).write_bytes(image)


def search(build, target, seconds, dictionary):
    corpus, found = build / "corpus" / target, build / "found"
    found.mkdir(exist_ok=True)
    command = [build / "tests/fuzz" / (target + "_fuzz"), corpus, "-max_total_time=%d" % seconds,
               "-artifact_prefix=%s/%s-" % (found, target), "-timeout=30", "-rss_limit_mb=2048",
               "-print_final_stats=1", "-max_len=%d" % SEED_SIZE_MAX]
    if target in IN_PLACE:
        command.append("-cross_over=0")
    if dictionary.exists():
        command.append("-dict=%s" % dictionary)
    environment = dict(os.environ, ASAN_OPTIONS="allocator_may_return_null=1")
    if os.path.isdir("/dev/shm"):  # for files that are written thousands of times
        environment["TMPDIR"] = "/dev/shm"
    result = run(command, capture_output=True, text=True, env=environment)
    lines = result.stderr.splitlines()
    stats = {line.split(":")[1].strip().split(" ")[0]: line.split(":")[-1].strip()
             for line in lines if line.startswith("stat::") for line in [line.replace("::", ":")]}
    runs = next((v for k, v in stats.items() if "number_of_executed_units" in k), "?")
    covered = [line for line in lines if " cov: " in line]
    print("%-8s %s runs in %d s; %s" % (target, runs, seconds,
                                        covered[-1].split("\t")[-1].strip() if covered else ""))
    if result.returncode != 0:
        print("\n".join(lines[-60:]))
    return result.returncode == 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/fuzz")
    parser.add_argument("targets", nargs="*")
    options = parser.parse_args()
    if not shutil.which("clang"):
        print("skipped: no clang; run: tools/setup.sh build test")
        return 77
    targets = options.targets or TARGETS
    build = options.build.resolve()
    configure_and_build(build, targets)
    folders = compile_seeds(build)
    good = True
    for target in targets:
        gather_seeds(target, build / "corpus" / target, folders)
        good = search(build, target, options.seconds, HERE / (target + ".dict")) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
