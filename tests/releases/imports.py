"""Every function that a compiler release lets modules import, linked against this build.

    imports.py --tools .venv/bin --eerie build/release/eerie [--list]

libIREECompiler carries the lists (hal.imports.mlir and kin) as text. From it a module is written that
calls each function with its signature, which links only where all are offered, and one that imports
all of them as optional and counts those that are not there: none but the one that was made up.
Prints how many there are; exit code 1 when one is missing, 77 without a compiler.
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

MODULES = ["hal", "hal_inline", "hal_loader", "io_parameters", "vmvx", "check"]
# What the two modules export; each answers 1.
CALLS = {"imports": "linked", "optional": "missing"}
MADE_UP = "  vm.import private optional @hal.no_such_function(%a : i32) -> i32\n"


def library_of(tools):
    found = sorted(pathlib.Path(tools).parent.glob("lib/python*/site-packages/iree/compiler/"
                                                   "_mlir_libs/libIREECompiler.so"))
    return found[0] if found else None


def texts(library):
    """module -> the text of its imports, as it stands in the compiler."""
    data = library.read_bytes()
    result = {}
    for match in re.finditer(rb"vm\.module @(\w+) \{\n", data):
        text = data[match.start():data.index(b"\0", match.start())]
        if b"vm.import" in text:
            result[match.group(1).decode()] = text.decode()
    return result


def split(text):
    """The parts between commas that no bracket holds."""
    parts, depth = [""], 0
    for c in text:
        depth += (c in "<(") - (c in ">)")
        if c == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += c
    return [part.strip() for part in parts if part.strip()]


IMPORT = re.compile(
    r"vm\.import private (?:optional )?@([\w.]+)\(([^)]*)\)(?: -> (\([^)]*\)|[^\n{]+?))?"
    r"\s*(?:attributes (\{[^}]*\}))?\s*(?=vm\.import|\}|\Z)")


def parse(module, text):
    """(full name, argument types, result types, attributes) of each import."""
    text = re.sub(r"//[^\n]*", "", text)
    found = []
    for name, arguments, results, attributes in IMPORT.findall(text):
        types = [part.split(":", 1)[1].strip() for part in split(arguments)]
        found.append(("%s.%s" % (module, name), types, split(results.strip().strip("()")),
                      attributes))
    if len(found) != text.count("vm.import "):
        sys.exit("%s: understood %d of %d imports" % (module, len(found), text.count("vm.import ")))
    return found


def all_imports(tools):
    lists = texts(library_of(tools))
    missing = [module for module in MODULES if module not in lists]
    if missing:
        sys.exit("the compiler in %s carries no list of %s" % (tools, ", ".join(missing)))
    return [entry for module in MODULES for entry in parse(module, lists[module])]


# ---- The two modules ---------------------------------------------------------------------------

def declaration(entry, optional):
    name, arguments, results, attributes = entry
    text = "  vm.import private %s@%s(%s)" % (
        "optional " if optional else "", name,
        ", ".join("%%a%d : %s" % pair for pair in enumerate(arguments)))
    if results:
        text += " -> (%s)" % ", ".join(results) if len(results) > 1 else " -> " + results[0]
    return text + (" attributes " + attributes if attributes else "") + "\n"


def flat(arguments):
    """Types with tuples opened; (type,) for those that repeat."""
    for kind in arguments:
        if kind.endswith("..."):
            yield (kind[:-3].strip(),)
        elif kind.startswith("tuple<"):
            yield from split(kind[len("tuple<"):-1])
        else:
            yield kind


def call(entry, number, values):
    name, arguments, results, _ = entry
    operands, kinds = [], []
    for kind in flat(arguments):
        variadic = isinstance(kind, tuple)
        operands.append("[]" if variadic else values.setdefault(kind, "%%v%d" % len(values)))
        kinds.append(kind[0] + " ..." if variadic else kind)
    return "    %svm.call%s @%s(%s) : (%s) -> (%s)\n" % (
        "%%r%d:%d = " % (number, len(results)) if results else "",
        ".variadic" if any("..." in kind for kind in kinds) else "", name,
        ", ".join(operands), ", ".join(kinds), ", ".join(results))


def required_text(entries):
    values = {}
    body = "".join(call(entry, i, values) for i, entry in enumerate(entries))
    parameters = ", ".join("%s : %s" % (name, kind) for kind, name in values.items())
    return ("vm.module @imports {\n" + "".join(declaration(e, False) for e in entries) +
            "  vm.export @calls_all\n  vm.func private @calls_all(%s) {\n" % parameters + body +
            "    vm.return\n  }\n"
            "  vm.export @linked\n  vm.func private @linked() -> i32 {\n"
            "    %n = vm.const.i32 1\n    vm.return %n : i32\n  }\n}\n")


def optional_text(entries):
    names = [entry[0] for entry in entries] + ["hal.no_such_function"]
    body = "".join("    %%r%d = vm.import.resolved @%s : i32\n"
                   "    %%s%d = vm.sub.i32 %%s%d, %%r%d : i32\n" % (i, name, i + 1, i, i)
                   for i, name in enumerate(names))
    return ("vm.module @optional_imports {\n" + "".join(declaration(e, True) for e in entries) +
            MADE_UP + "  vm.export @missing\n  vm.func private @missing() -> i32 {\n"
            "    %%s0 = vm.const.i32 %d\n" % len(names) + body +
            "    vm.return %%s%d : i32\n  }\n}\n" % len(names))


def compile_text(tools, text, target):
    with tempfile.NamedTemporaryFile("w", suffix=".mlir") as source:
        source.write(text)
        source.flush()
        done = subprocess.run([pathlib.Path(tools) / "iree-compile", "--compile-mode=vm",
                               source.name, "-o", target],
                              capture_output=True, text=True, timeout=120)
    if done.returncode:
        sys.exit("%s: %s" % (target, done.stderr[:4000]))


def make(tools, folder):
    """Writes vm-imports.vmfb and vm-optional.vmfb unless they are there; number of imports."""
    entries = all_imports(tools)
    for name, text in (("imports", required_text), ("optional", optional_text)):
        target = folder / ("vm-%s.vmfb" % name)
        if not target.exists():
            compile_text(tools, text(entries), target)
    return len(entries)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tools", required=True, type=pathlib.Path)
    parser.add_argument("--eerie", required=True, type=pathlib.Path)
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    if not library_of(options.tools):
        print("skipped: no compiler in %s; run: tools/setup.sh build test" % options.tools)
        return 77
    if options.list:
        print("".join(declaration(e, False) for e in all_imports(options.tools)), end="")
    with tempfile.TemporaryDirectory() as folder:
        count = make(options.tools, pathlib.Path(folder))
        for name, function in CALLS.items():
            done = subprocess.run([options.eerie, "run", "--module=%s/vm-%s.vmfb" % (folder, name),
                                   "--function=" + function], capture_output=True, text=True)
            if done.returncode or "i32=1\n" not in done.stdout:
                print("%s: of %d imports: %s%s" % (name, count, done.stdout, done.stderr))
                return 1
    print("%d imports, all there" % count)
    return 0


if __name__ == "__main__":
    sys.exit(main())
