"""Loads and runs every golden module, all of a source in one program each, and compares to the bit.

    golden_test.py --runner build/release/tests/behaviour/golden_run [--golden tests/releases/golden]
                   [--emulator COMMAND --machine aarch64 --system windows] [--device vulkan]

Modules for another machine must be refused by its name, as those for Vulkan are by the CPU. With
--device only its modules run. Needs nothing but Python: the files and the answers were made by
make_golden.py. Prints every disagreement; exit code 1 when there is one, 77 without the device.
"""

import argparse
import pathlib
import platform
import shlex
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
# Devices without integers of 64 bits have no addresses.
NO_ADDRESSES = "fails INCOMPATIBLE executables of format 'vulkan-spirv-bda-v1' do not run on device"
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def machine_of(backend):
    """The machine that a backend's kernels are for; None: any."""
    if backend == "aarch64":
        return "aarch64"
    return "x86_64" if backend.startswith("cpu") else None


def read_calls(path):
    """The lines that make the calls, and for each call its name and what must come of it."""
    script, calls = [], []
    for line in path.read_text().splitlines():
        word, _, rest = line.partition(" ")
        if word in ("want", "fails"):
            calls[-1][1].append(line)
            continue
        script.append(line)
        if word == "call":
            calls.append((rest, []))
    return script, calls


def answers(command, script):
    """For each call its name and its lines; a text instead when the process ended badly."""
    try:
        done = subprocess.run(command, input="\n".join(script) + "\n", capture_output=True,
                              text=True, timeout=120)
    except subprocess.TimeoutExpired:
        return "a timeout"
    if done.returncode or "ERROR: " in done.stderr:
        return "exit code %d: %s" % (done.returncode, done.stderr[-3000:])
    result = []
    for line in done.stdout.splitlines():
        word, _, rest = line.partition(" ")
        if word == "call":
            result.append((rest, []))
        elif word != "end":
            result[-1][1].append(line)
    return result


def fails(lines, want):
    _, status, words = want.split(" ", 2)
    return len(lines) == 1 and lines[0].startswith("error %s " % status) and words in lines[0]


def disagreement(got, want):
    if len(want) == 1 and want[0].startswith("fails "):
        return None if fails(got, want[0]) else "expected %s" % want[0]
    if got != [line[len("want "):] for line in want]:
        return "expected %s" % ("; ".join(want) or "no result")
    return None


def cpu_flags():
    try:
        for line in open("/proc/cpuinfo"):
            if line.startswith("flags"):
                return set(line.split()[2:])
    except OSError:
        pass
    return set()


def refusal(backend, machine, system):
    """Words of the refusal that a backend's modules must meet here; None: they run."""
    if backend.startswith("vulkan"):
        return "vulkan-spirv"
    wanted = machine_of(backend)
    if wanted and wanted != machine:
        return wanted.replace("_", "-") if wanted == "x86_64" else wanted
    if backend == "cpu_system" and system == "windows":
        return "a shared library of another system"
    if backend == "cpu_v3" and not {"avx2", "bmi2", "fma"} <= cpu_flags():
        return "this CPU does not have"
    return None


def check(command, machine, system, golden, path, parts, device=None):
    """Number of disagreements of one module, printed."""
    backend, source = path.stem.split("-")
    script, calls = read_calls(golden / (source + ".calls"))
    modules = ["module %s" % part for part in [*parts, path]]
    refused = None if device else refusal(backend, machine, system)
    if refused:
        script, calls = [], [("link", ["fails INCOMPATIBLE " + refused])]
    else:
        calls = [("link", []), *calls]
    name = " with ".join("/".join(p.parts[-2:]) for p in [path, *parts])
    opening = ["device " + device] if device else []
    got = answers(command, [*opening, *modules, "link", *script])
    if backend == "vulkan_addresses" and not isinstance(got, str) and fails(got[0][1], NO_ADDRESSES):
        print("%s: skipped: %s" % (name, got[0][1][0]))
        return 0
    if isinstance(got, str) or [call for call, _ in got] != [call for call, _ in calls]:
        print("%s: %s" % (name, got))
        return 1
    bad = 0
    for (call, lines), (_, want) in zip(got, calls):
        wrong = disagreement(lines, want)
        if wrong:
            bad += 1
            print("%s: %s: %.300s\n  got: %.300s" % (name, call, wrong, "; ".join(lines)))
            if call == "link":
                break
    return bad


def jobs(golden):
    """Each module with those that it needs before it: `part` of every release for `whole`."""
    for path in sorted(golden.glob("*/*-*.vmfb")):
        if path.stem.endswith("-part"):
            continue
        if path.stem.endswith("-whole"):
            for part in sorted(golden.glob("*/cpu-part.vmfb")):
                yield path, [part]
        else:
            yield path, []


def has_device(command, device):
    return not isinstance(answers(command, ["device " + device]), str)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runner", required=True)
    parser.add_argument("--golden", type=pathlib.Path, default=HERE / "golden")
    parser.add_argument("--emulator", default="")
    parser.add_argument("--machine", default=platform.machine().lower())
    parser.add_argument("--system", default=platform.system().lower())
    parser.add_argument("--device")
    options = parser.parse_args()
    machine = MACHINES.get(options.machine, options.machine)
    command = [*shlex.split(options.emulator), options.runner]
    golden = options.golden.resolve()
    todo = list(jobs(golden))
    if options.device:
        if not has_device(command, options.device):
            print("skipped: no device %s" % options.device)
            return 77
        todo = [job for job in todo if job[0].stem.startswith(options.device)]
    bad = sum(check(command, machine, options.system, golden, *job, options.device)
              for job in todo)
    print("%d programs of golden modules, %d disagreements" % (len(todo), bad))
    return 1 if bad or not todo else 0


if __name__ == "__main__":
    sys.exit(main())
