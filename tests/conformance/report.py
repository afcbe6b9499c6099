"""Writes docs/conformance.md from the results of the suites: what passes, beside iree-run-module.

    report.py [--page docs/conformance.md] [FILE.json or FOLDER ...]     (default: build/conformance)

A result file is one suite with one compiler release; see common.write_results. A section of the page
for which there is no result file stays as it is.
"""

import argparse
import json
import pathlib
import re
import sys

import common

HEADS = ("group", "backend", "total", "compiled", "iree_passed", "eerie_passed", "bit_equal", "note")
TITLES = ("of", "backend", "tests", "compile", "iree-run-module passes", "Eerie passes",
          "same bits", "")

PAGE = """# Conformance

<!-- Written by tests/conformance/report.py from the results of `make test-iree`,
     `make test-onnx` and `make test-onnx-import`: change that, not this. -->

What of the tests of others passes on Eerie, beside iree-run-module of the release that compiled
them. [testing.md](testing.md) says how to run them. A test counts when it compiles; "same bits" are
results that are those of iree-run-module bit for bit, where a test has results and they were
compared.

%s
%s"""

ABOUT = {
    "iree": """
Functions of IREE's own tests, from a tree of its sources: `tests/e2e` as far as it is for the CPU,
and the tests of the virtual machine. `llvm-cpu` and `vmvx` are compiled with the flags of the BUILD
files, and what the tests expect has to hold. The other execution models know no expectations, so
that the tests are changed to return what they would check. `lit` are tests whose output is
compared word for word. Tests that do not compile are written for another release than the one that
is asked, or for what an execution model cannot do. iree-run-module never ends after a `vm.yield`.
""",
    "onnx": """
The tests of the Python package `onnx`: imported, compiled, run, compared with what ONNX expects and
with the answer of iree-run-module. `onnx-import` are those that the compiler's own importer does not get
through, by way of `eerie import`.
""",
}


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def read_page(path):
    """{(suite, release): rows} of the page as it is."""
    sections, current = {}, None
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return sections
    for line in lines:
        found = re.match(r"## (\S+), compiler (\S+)$", line)
        if found:
            current = sections.setdefault(found.groups(), [])
        elif current is not None and line.startswith("| ") and not line.startswith("| of |"):
            values = dict(zip(HEADS, cells(line)))
            if values["group"] == "**all**":
                continue
            for head in HEADS[2:7]:
                values[head] = None if values[head] in ("", "-") else int(values[head])
            current.append(values)
    return sections


def sum_of(rows):
    total = {"group": "**all**", "backend": "", "note": ""}
    for head in HEADS[2:7]:
        known = [row[head] for row in rows if row[head] is not None]
        total[head] = sum(known) if known else None
    return total


def table(heads, titles, rows):
    lines = ["| " + " | ".join(titles) + " |",
             "|" + "|".join("---:" if head in HEADS[2:7] else "---" for head in heads) + "|"]
    for row in rows:
        values = ["-" if row.get(head) is None else str(row[head]) for head in heads]
        lines.append("| " + " | ".join(values) + " |")
    return "\n".join(lines)


def page_of(sections):
    keys = sorted(sections, key=lambda key: (key[0], [-int(part) if part.isdigit() else 0
                                                      for part in key[1].split(".")]))
    summary = [dict(sum_of(sections[key]), group=key[0], backend=key[1]) for key in keys]
    heads = HEADS[:7]
    top = table(heads, ("suite", "compiler") + TITLES[2:7], summary)
    body = []
    for number, (suite, release) in enumerate(keys):
        rows = sections[suite, release]
        kind = suite.split("-")[0]
        first = not any(key[0].split("-")[0] == kind for key in keys[:number])
        body.append("\n## %s, compiler %s\n" % (suite, release))
        if first and kind in ABOUT:
            body.append(ABOUT[kind].lstrip())
        total = [sum_of(rows)] if len(rows) > 1 else []
        body.append(table(HEADS, TITLES, rows + total) + "\n")
    return PAGE % (top, "\n".join(body))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="*", type=pathlib.Path, default=[common.DEFAULT_OUT])
    parser.add_argument("--page", type=pathlib.Path, default=common.ROOT / "docs/conformance.md")
    arguments = parser.parse_args()
    sections = read_page(arguments.page)
    files = []
    for path in arguments.results:
        # The folder of results is not there before a suite has run.
        folder = path.is_dir() or path == common.DEFAULT_OUT
        files += sorted(path.glob("*.json")) if folder else [path]
    for path in files:
        result = json.loads(path.read_text())
        sections[result["suite"], result["release"]] = [
            {head: row.get(head, "") for head in HEADS} for row in result["rows"]]
    if not sections:
        sys.exit("no results in %s; run: make test-iree IREE_SOURCE=..., make test-onnx" %
                 ", ".join(map(str, arguments.results)))
    arguments.page.write_text(page_of(sections))


if __name__ == "__main__":
    main()
