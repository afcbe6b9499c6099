#!/usr/bin/env python3
"""Holds every #include to the table of docs/architecture.md: who may include whom.

    tools/check_includes.py [--root DIR]

Prints each include that the table does not allow as file:line: reason, and exits 1 if there is one.
"""

import argparse
import pathlib
import re
import sys

# Our own headers that the files of a folder may include, by prefix of the path below runtime/.
# A folder may always include itself. The longest key that fits a file's folder decides.
RUNTIME = {
    "base": [],
    "port": ["base"],
    "module": ["base"],
    "vm": ["base", "module", "port/math.h"],
    "hal": ["base", "port"],
    "params": ["base", "port"],
    "drivers": ["base", "port", "hal"],
    "bridge": ["base", "vm", "hal", "params", "port/math.h"],
    "api": ["base", "port", "module", "vm", "hal", "params", "drivers", "bridge"],
}

# Public headers that any part of the runtime may include; api sees all of them.
SHARED_PUBLIC = {"eerie_base.h", "eerie_config.h", "eerie_driver.h"}

# Parts on top of the public headers: they may include include/eerie, and themselves.
ON_TOP = ["graph", "compiler", "cli", "examples", "targets", "tests/behaviour", "tests/faults",
          "tests/install", "bench"]

# Headers of others that a driver is written against; nothing else sees them.
FOREIGN = {"drivers/vulkan": {"vulkan/vulkan_core.h"}}

# Of the C library the core takes what a compiler brings along without a system, and string.h for
# memcpy, memmove, memset and memcmp. The port of a system takes what it likes.
FREESTANDING = {"float.h", "limits.h", "stdalign.h", "stdarg.h", "stdatomic.h", "stdbool.h",
                "stddef.h", "stdint.h", "stdnoreturn.h", "string.h"}

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')


def runtime_part(path):
    """'drivers/cpu' for runtime/drivers/cpu/elf.c, 'vm' for runtime/vm/vm.h."""
    parts = path.parts[1:-1]
    return "/".join(parts[:2]) if parts and parts[0] == "drivers" else "/".join(parts[:1])


def runtime_refusal(path, quoted, name, root):
    """Why a file below runtime/ may not include `name`; None if it may."""
    part = runtime_part(path)
    if part.split("/")[0] not in RUNTIME:
        return f"runtime/{part} is not in the table"
    if name.startswith("eerie/"):
        if part == "api" or name.removeprefix("eerie/") in SHARED_PUBLIC:
            return None
        return f"only api may include {name}"
    if not quoted:
        if part == "port" or name in FREESTANDING or name in FOREIGN.get(part, ()):
            return None
        return f"<{name}> is not freestanding: it belongs behind port/port.h"
    if not (root / "runtime" / name).is_file():
        return f'"{name}" is neither a header below runtime/ nor a public one'
    allowed = RUNTIME[part.split("/")[0]] + [part]
    if any(name == prefix or name.startswith(prefix + "/") for prefix in allowed):
        return None
    return f"{part} may include {', '.join(allowed)}, not {name}"


def on_top_refusal(path, quoted, name, root):
    """Why a file above the public headers may not include `name`; None if it may."""
    if name.startswith("eerie/"):
        if (root / "include" / name).is_file():
            return None
        return f"there is no public header {name}"
    if not quoted:
        return None
    beside = (root / path.parent / name).is_file()
    part = next(p for p in ON_TOP if path.as_posix().startswith(p + "/"))
    of_part = (name.startswith(part + "/") and (root / name).is_file()) or \
        (part.startswith("tests/") and (root / "tests" / name).is_file())
    if beside or of_part:
        return None
    return f'"{name}" is neither a public header nor one of {part}'


def public_refusal(name, root):
    if name.startswith("eerie/"):
        return None if (root / "include" / name).is_file() else f"there is no public header {name}"
    return None if name in FREESTANDING else f"a public header may not need <{name}>"


def refusal(path, quoted, name, root):
    text = path.as_posix()
    if text.startswith("runtime/"):
        return runtime_refusal(path, quoted, name, root)
    if text.startswith("include/"):
        return public_refusal(name, root)
    if any(text.startswith(part + "/") for part in ON_TOP):
        return on_top_refusal(path, quoted, name, root)
    return None  # tests/unit and tests/fuzz look inside


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--root", type=pathlib.Path,
                           default=pathlib.Path(__file__).resolve().parent.parent)
    root = arguments.parse_args().root
    checked = refused = 0
    for top in ["include", "runtime", "compiler", "cli", "graph", "examples", "targets", "tests",
                "bench"]:
        for file in sorted((root / top).rglob("*.[ch]")):
            path = file.relative_to(root)
            checked += 1
            for number, line in enumerate(file.read_text().splitlines(), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                reason = refusal(path, match[1] == '"', match[2], root)
                if reason:
                    print(f"{path}:{number}: {reason}")
                    refused += 1
    print(f"{checked} files, {refused} includes refused")
    if checked == 0:
        print("no file found: wrong --root?")
    return 1 if refused or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
