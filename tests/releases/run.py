"""Every supported compiler release beside its own runtime: the golden modules, compiled anew by each,
must answer on Eerie as that release's IREE does, to the bit.

    run.py --build build/release [--share all|tenth|fast|none] [RELEASE...]

.venv holds the pinned release, .venv-RELEASE another one (tests/releases/setup.sh). For each:

  imports      every function that its modules may import is there (imports.py)
  behaviour    tests/modules through golden.py
  backends     tests/modules/backends in every mode through backends.py
  onnx         that share of ONNX's backend tests through tests/conformance/onnx_tests.py

Prints a table; exit code 1 when something disagrees or did not run, 77 without the compilers.
"""

import argparse
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TESTS = ROOT / "tests"
RELEASES = ["3.11.0", "3.12.0", "3.13.0"]

# What a release's compiler cannot lower, and what stands in for it there.
SUBSTITUTES = {
    # It knows vm.abs, but not how to get there from math.absi.
    "3.11.0": [("scalars", "math.absi %a", "arith.maxsi %a, %b"),
               # Integer powers are an instruction from 3.12 on.
               ("opcodes", "vm.fpowi.f32 %a, %n : f32", "vm.cast.si64.f32 %n : i64 -> f32"),
               ("opcodes", "vm.fpowi.f64 %a, %n : f64", "vm.cast.si64.f64 %n : i64 -> f64")],
    # It folds the empty tensor to a cast that it cannot lower.
    "3.12.0": [("state", "%c0 = arith.constant 0 : index\n  %empty",
                "%c0 = util.unfoldable_constant 0 : index\n  %empty")],
}


def tools_of(release):
    """The folder of the release's commands, or None."""
    for name in (".venv-" + release, ".venv"):
        tools = ROOT / name / "bin"
        if (tools / "iree-compile").exists() and (tools / "iree-run-module").exists():
            done = subprocess.run([tools / "iree-compile", "--version"], capture_output=True,
                                  text=True)
            if "compiler version %src" % release in done.stdout or \
                    "compiler version %s " % release in done.stdout:
                return tools
    return None


def python(tools, script, *arguments):
    """Runs a script of the tests; exit code, and what it printed."""
    done = subprocess.run([tools / "python", TESTS / script, *map(str, arguments)],
                          capture_output=True, text=True, cwd=ROOT)
    return done.returncode, done.stdout + done.stderr


# ---- The parts ---------------------------------------------------------------------------------

def imports(release, tools, options, out):
    return python(tools, "releases/imports.py", "--tools", tools,
                  "--eerie", options.build / "eerie")


def substituted(release, out):
    """tests/modules with what this release cannot compile replaced."""
    sources = out / "sources"
    sources.mkdir(parents=True, exist_ok=True)
    for path in (TESTS / "modules").glob("*.mlir"):
        text = path.read_text()
        for name, old, new in SUBSTITUTES.get(release, []):
            if name == path.stem:
                if old not in text:
                    sys.exit("%s has no '%s' to replace any more" % (path, old))
                text = text.replace(old, new)
        (sources / path.name).write_text(text)
    return sources


def behaviour(release, tools, options, out):
    # What golden.py does not call (modules of other tests) may not compile: it says what it lacks.
    python(tools, "behaviour/compile_modules.py", "--compiler", tools / "iree-compile",
           "--sources", substituted(release, out), "--out", out / "modules")
    return python(tools, "behaviour/golden.py", "--runner",
                  options.build / "tests/behaviour/golden_run", "--modules", out / "modules")


def backends(release, tools, options, out):
    return python(tools, "behaviour/backends.py", "--eerie", options.build / "eerie",
                  "--tools", tools, "--out", out / "backends",
                  "--without", *UNAVAILABLE.get(release, []))


# 3.11 cannot inline an initialiser with a branch or a loop, as the inline models have them.
UNAVAILABLE = {
    "3.11.0": ["network-vmvx-inline-static"] +
              ["%s-%s-inline-dynamic" % (source, backend)
               for source in ("elementwise", "products", "network", "shapes")
               for backend in ("vmvx", "cpu")],
}


def onnx(release, tools, options, out):
    if options.share == "none":
        return 77, "not asked for"
    share = options.share
    if share == "fast" and not (TESTS / "conformance" / ("onnx_pass_%s.txt" % release)).exists():
        share = "tenth"  # the fast share is of what is known to pass
    return python(tools, "conformance/onnx_tests.py", "--share", share, "--runner",
                  options.build / "tests/behaviour/golden_run", "--tools", tools,
                  # Counts of all of them go into docs/conformance.md.
                  *(["--results", ROOT / "build/conformance"] if share == "all" else []))


PARTS = [imports, behaviour, backends, onnx]


# ---- The table ---------------------------------------------------------------------------------

def verdict(code, text):
    """What one line of the table says of a part: its last line."""
    lines = [line for line in text.strip().splitlines() if line]
    last = lines[-1] if lines else "no output"
    return ("skipped: " if code == 77 else "" if code == 0 else "FAILED: ") + last


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build/releases")
    parser.add_argument("--share", choices=("all", "tenth", "fast", "none"), default="all")
    parser.add_argument("--parts", nargs="*", default=[part.__name__ for part in PARTS])
    parser.add_argument("releases", nargs="*", default=RELEASES)
    options = parser.parse_args()
    options.build, options.out = options.build.resolve(), options.out.resolve()
    rows, bad, ran = [], False, False
    for release in options.releases:
        tools = tools_of(release)
        if not tools:
            print("%s: not installed; run: tests/releases/setup.sh %s" % (release, release))
            bad = True
            continue
        for part in PARTS:
            if part.__name__ not in options.parts:
                continue
            code, text = part(release, tools, options, options.out / release)
            rows.append((release, part.__name__, verdict(code, text)))
            ran, bad = ran or code == 0, bad or code not in (0, 77)
            print("%-8s %-10s %s" % rows[-1], flush=True)
            if code not in (0, 77):
                print(re.sub(r"^", "    ", text[-6000:], flags=re.M), flush=True)
    if rows:
        print("\n%-8s %-10s result" % ("release", "part"))
        for row in rows:
            print("%-8s %-10s %s" % row)
    return 1 if bad else 0 if ran else 77


if __name__ == "__main__":
    sys.exit(main())
