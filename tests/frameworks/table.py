"""The table of frameworks by models in docs/frontends.md: which import, compile and give the
framework's own numbers, with eerie.compile and with IREE's own way for that framework.

    python tests/frameworks/table.py run torch jax     results into build/frontends/, of those installed
    python tests/frameworks/table.py write             the table from all results there

A framework is a module FRAMEWORK_cells.py here, with

    TITLE, THEIRS        its name with version, and what IREE's way is
    MODELS               names of models
    BATCHES              for each model, when not both: whether any batch, in a tuple
    run(way, name, dynamic) -> largest error; way is "ours" or "theirs"; raises where it cannot

PYTHONPATH names the folder that the package is in.
"""
import argparse
import importlib
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RESULTS = ROOT / "build" / "frontends"
PAGE = ROOT / "docs" / "frontends.md"
BEGIN, END = "<!-- table: tests/frameworks/table.py -->\n", "<!-- end of table -->\n"
# An error above this is a wrong result: relative to 1 + |expected|.
LIMIT = 1e-4


def reason(error: BaseException) -> str:
    """Why not, in a few words."""
    text = str(error)
    operator = re.search(r"operator (?:torch\.)?([\w.]+),? ", text) or \
        re.search(r"failed to legalize operation '(?:torch\.operator)?([^']+)'", text)
    named = re.search(r'name = "([^"]+)"', text)
    verified = re.search(r"'(stablehlo\.\w+)' op ", text)
    if "torch.operator" in text and named:
        return f"`{named.group(1).removeprefix('torch.')}`"
    if operator:
        return f"`{operator.group(1)}`"
    if text.startswith("stablehlo."):
        return f"`{text.partition(' ')[0]}`"
    if verified:
        return f"`{verified.group(1)}`"
    if "crashed with signal" in text or "PLEASE submit a bug report" in text or \
            "Please report issues" in text:
        return "the compiler crashes"
    lines = [line for line in text.splitlines() if line.strip()] or [type(error).__name__]
    line = next((line for line in lines if "error: " in line), lines[0]).rpartition("error: ")[2]
    line = re.sub(r"\S*/", "", line)  # folders of this machine
    return re.sub(r"\s+", " ", line).replace("|", "/")[:60]


def cell(module, way: str, name: str, dynamic: bool) -> dict:
    try:
        error = module.run(way, name, dynamic)
    except Exception as failure:  # of every framework and tool
        return {"passes": False, "why": reason(failure)}
    return {"passes": error <= LIMIT, "why": f"{error:.0e}" if error else "0"}


def run(frameworks: list[str]) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    sys.path.insert(0, str(HERE))
    for framework in frameworks:
        try:
            module = importlib.import_module(f"{framework}_cells")
        except ImportError as error:
            print(f"{framework}: not here: {error}", file=sys.stderr)
            continue
        cells = []
        for name in module.MODELS:
            for dynamic in getattr(module, "BATCHES", {}).get(name, (False, True)):
                found = {way: cell(module, way, name, dynamic) for way in ("ours", "theirs")}
                cells.append({"model": name, "dynamic": dynamic, **found})
                print(framework, name, "any batch" if dynamic else "one batch",
                      *(f"{way}: {found[way]['passes']} {found[way]['why']}" for way in found),
                      flush=True)
        (RESULTS / f"{framework}.json").write_text(json.dumps(
            {"title": module.TITLE, "theirs": module.THEIRS, "cells": cells}, indent=1) + "\n")


def _mark(found: dict) -> str:
    return f"yes, {found['why']}" if found["passes"] else f"no: {found['why']}"


def table(results: list[dict]) -> str:
    """The page's part: a table for each framework, and the sums."""
    cells = [entry for result in results for entry in result["cells"]]
    lines = [f"Of {len(cells)} cells Eerie passes {sum(entry['ours']['passes'] for entry in cells)}, "
             f"IREE's own tools {sum(entry['theirs']['passes'] for entry in cells)}.", ""]
    for result in results:
        sums = {way: sum(entry[way]["passes"] for entry in result["cells"])
                for way in ("ours", "theirs")}
        count = len(result["cells"])
        lines += [f"### {result['title']}", "",
                  f"Eerie passes {sums['ours']} of {count} cells, {result['theirs']} "
                  f"{sums['theirs']}.", "",
                  f"| model | batch | Eerie | {result['theirs']} |", "|---|---|---|---|"]
        lines += [f"| {entry['model']} | {'any' if entry['dynamic'] else 'fixed'} | "
                  f"{_mark(entry['ours'])} | {_mark(entry['theirs'])} |"
                  for entry in result["cells"]]
        lines.append("")
    return "\n".join(lines)


def write() -> None:
    results = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))]
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + BEGIN + "\n" + table(results) + "\n" + END + after, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("what", choices=("run", "write"))
    parser.add_argument("frameworks", nargs="*")
    arguments = parser.parse_args()
    if arguments.what == "run":
        run(arguments.frameworks or sorted(path.stem.removesuffix("_cells")
                                           for path in HERE.glob("*_cells.py")))
    else:
        write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
