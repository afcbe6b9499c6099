#!/usr/bin/env python3
"""Planned functions of many small modules on a board in QEMU, beside the interpreter of the host.

    tests/boards/values_test.py EERIE [--board TARGET] [--share | --case NAME...] [--every N]

Every function of the modules in values_cases.py that can be planned is called twice on a board,
with the arena full of one rubbish, then of another, and must give what `eerie run` makes of it on
this machine, or for ONNX's tests what these expect; it must leave its inputs as they are. What cannot be
planned must be refused by name. --every N takes each N-th of ONNX's tests, too. Exits 77 where QEMU
or a compiler is missing.
"""
from __future__ import annotations

import argparse
import collections
import dataclasses
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests/conformance")]
import boards
import values_cases

KB = 1024
# Larger than real boards of the kind are, so that many functions fit one program.
MEMORY = {"cortex-m4f": ((0, 4096 * KB), (0x20000000, 4096 * KB)),
          "rv64gc": ((0x80000000, 16384 * KB), (0x81000000, 32768 * KB))}
STACK = 256 * KB
LIMIT = 300
# What a refusal must say: the reasons that docs/embedded.md names.
REASONS = ("fixed shapes", "knows tensors only", "interpreter", "a plan knows one", "local memory")

OPENING = """#include "p.h"
#include <board.h>
#include <string.h>
#ifdef __arm__
/* What kernels call of a C library. */
float floorf(float x) {
  const float whole = (float)(int32_t)x;
  return whole > x ? whole - 1 : whole;
}
float fmaxf(float x, float y) { return x > y || y != y ? x : y; }
float fminf(float x, float y) { return x < y || y != y ? x : y; }
#endif
static p_arena_t arena;
static void show(const uint8_t *data, size_t size) {
  static const char digits[] = "0123456789abcdef";
  char text[65];
  while (size) {
    size_t n = size < 32 ? size : 32;
    for (size_t i = 0; i < n; ++i) {
      text[2 * i] = digits[data[i] >> 4];
      text[2 * i + 1] = digits[data[i] & 15];
    }
    text[2 * n] = 0;
    board_write(text);
    data += n;
    size -= n;
  }
  board_write("\\n");
}
"""
STATE = """static p_state_t state;
static void fill_state(int rubbish) {
  memset(&arena, rubbish, sizeof arena);
  memset(&state, rubbish, sizeof state);
  if (p_init(&arena, &state)) board_exit(2);
}
"""


@dataclasses.dataclass
class Built:
    """A case as firmware: the functions that are left, by name, with their types."""
    folder: pathlib.Path
    facts: dict
    types: dict[str, tuple[list[str], list[str]]]


class Refused(Exception):
    """Nothing of a case is left, or the compiler does not take it."""


def call(command) -> subprocess.CompletedProcess:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=LIMIT, stdin=subprocess.DEVNULL)


# ---- From a case to firmware ---------------------------------------------------------------------

def refused_function(case, message: str) -> str | None:
    """The function that a message of `eerie embed` is about."""
    for line in message.splitlines():
        found = re.match(r"eerie embed: \S+: ([\w.$-]+):? ", line)
        if found and found[1] in case.functions:
            return found[1]
    return None


def types_of(eerie: pathlib.Path, module: pathlib.Path, names) -> dict:
    """Types of inputs and results, as the module declares them."""
    [facts] = json.loads(boards.execute([eerie, "inspect", module, "--json"]))
    types = {}
    for export in facts["exports"]:
        name = export["name"].removesuffix("$async")
        if name not in names or not export["declaration"]:
            continue
        inputs, _, results = export["declaration"].partition("->")
        types[name] = tuple(re.findall(r"tensor<((?:[^<>]|<[^>]*>)*)>", side)
                            for side in (inputs, results))
    return types


def embed(options, board: boards.Board, case, place: pathlib.Path, refused: dict) -> Built:
    """Firmware of all functions that can be planned; the others go into `refused`."""
    source = case.source
    while True:
        place.mkdir(parents=True, exist_ok=True)
        path = place / "p.mlir"
        path.write_text(source)
        done = call([options.eerie, "embed", path, f"--target={board.target}", "--name=p", "-o",
                     place, "--json", *case.options])
        if done.returncode == 0:
            facts = json.loads(done.stdout)
            names = [one["name"] for one in facts["functions"]]
            return Built(place, facts, types_of(options.eerie, place / "p.vmfb", names))
        name = refused_function(case, done.stderr)
        if not name or name in refused:
            raise Refused(done.stderr[-400:])
        refused[name] = done.stderr.strip().splitlines()[-1]
        source = values_cases.hide(source, name)
        if all(function in refused for function in case.functions):
            raise Refused("")


# ---- The program ---------------------------------------------------------------------------------

def array(name: str, data: bytes) -> str:
    words = ",".join(map(str, data)) or "0"
    return f"static const EERIE_MICRO_ALIGNED uint8_t {name}[] = {{{words}}};\n"


def c_names(built: Built) -> list[str]:
    """Of the functions of the model, in their order."""
    header = (built.folder / "p.h").read_text()
    names = re.findall(r"static inline int p_(\w+)_sized\(", header)
    return names[len(names) - len(built.facts["functions"]):]


def memory_text(name: str, given: list[bytes], sizes: list[int]) -> str:
    """What a function takes and gives: inputs as they are, and as they are given."""
    lines = [array(f"{name}_in{i}", data) for i, data in enumerate(given)]
    places = [(f"{name}_given{i}", len(data)) for i, data in enumerate(given)]
    places += [(f"{name}_out{i}", size) for i, size in enumerate(sizes)]
    return "".join(lines + [f"static EERIE_MICRO_ALIGNED uint8_t {place}[{max(size, 1)}];\n"
                            for place, size in places])


def call_text(built: Built, function: str, name: str, given: list[bytes], sizes: list[int]) -> str:
    """A C function that calls one of the model and tells what came of it."""
    words = ["&arena, sizeof arena"]
    words += ["&state, sizeof state"] * (built.facts["state_bytes"] > 0)
    words += [f"{name}_given{i}, {len(data)}" for i, data in enumerate(given)]
    words += [f"{name}_out{i}, {size}" for i, size in enumerate(sizes)]
    lines = [f"static void call_{name}(void) {{"]
    lines += [f"  memcpy({name}_given{i}, {name}_in{i}, {len(data)});"
              for i, data in enumerate(given)]
    lines += [f"  memset({name}_out{i}, 0x5A, {size});" for i, size in enumerate(sizes)]
    lines += [f'  board_write("call {function} ");',
              f"  board_write_number((uint32_t)p_{name}_sized({', '.join(words)}));",
              '  board_write("\\n");']
    lines += [f"  if (memcmp({name}_given{i}, {name}_in{i}, {len(data)})) "
              f'board_write("changed {i}\\n");' for i, data in enumerate(given)]
    lines += [f"  show({name}_out{i}, {size});" for i, size in enumerate(sizes)]
    return "\n".join([*lines, "}\n"])


def write_program(built: Built, inputs: dict, expected: dict) -> None:
    has_state = "p_state_t" in (built.folder / "p.h").read_text()
    parts, calls = [OPENING, STATE if has_state else ""], []
    for function, name in zip(built.facts["functions"], c_names(built)):
        given = inputs[function["name"]]
        sizes = [len(one.data) for one in expected[function["name"]]]
        parts.append(memory_text(name, given, sizes))
        parts.append(call_text(built, function["name"], name, given, sizes))
        calls += ["    fill_state(rubbish);"] * has_state
        calls += ["    memset(&arena, rubbish, sizeof arena);", f"    call_{name}();"]
    parts += ["int board_main(void) {\n  for (int rubbish = 0xA5; rubbish; rubbish = "
              "rubbish == 0xA5 ? 0xFF : 0) {\n", "\n".join(calls), "\n  }\n  return 0;\n}\n"]
    (built.folder / "values.c").write_text("".join(parts))


def read_output(text: str) -> dict[str, list[tuple[int, list[str], list[bytes]]]]:
    """By function and round: the status, complaints, and the results' bytes."""
    calls = collections.defaultdict(list)
    current = None
    for line in text.splitlines():
        words = line.split(" ")
        if words[0] == "call":
            current = (int(words[2]), [], [])
            calls[words[1]].append(current)
        elif words[0] == "changed":
            current[1].append(f"input {words[1]} is changed")
        elif current is not None:
            current[2].append(bytes.fromhex(line))
    return calls


# ---- Judging -------------------------------------------------------------------------------------

def judge_function(name: str, rounds, expected) -> list[str]:
    wrong = []
    if len(rounds) != 2:
        return [f"{name}: {len(rounds)} of 2 calls came to an end"]
    for number, (status, complaints, results) in enumerate(rounds):
        if status:
            wrong.append(f"{name}: status {status}")
        wrong += [f"{name}: {line}" for line in complaints]
        if len(results) != len(expected):
            wrong.append(f"{name}: {len(results)} of {len(expected)} results")
        for i, (got, want) in enumerate(zip(results, expected)):
            what = want.differs(got)
            if what:
                wrong.append(f"{name}, call {number + 1}, result {i}: {what}")
    return wrong


def check(options, board: boards.Board, case, place: pathlib.Path, tally) -> list[str]:
    """What is wrong with a case."""
    refused: dict[str, str] = {}
    wrong = []
    try:
        built = embed(options, board, case, place, refused)
    except Refused as error:
        built = None
        if str(error):
            if len(case.functions) > 1 and case.splits:
                return sum((check(options, board, half, place / str(i), tally)
                            for i, half in enumerate(case.halves())), [])
            tally["not compiled"] += len(case.functions)
            print(f"  {case.name}: {str(error).strip().splitlines()[-1][:200]}")
    for name, message in refused.items():
        tally["refused"] += 1
        if not any(reason in message for reason in REASONS):
            wrong.append(f"{name}: refused without a reason: {message}")
        if options.verbose:
            print(f"  {message}")
    if built is None:
        return [f"{case.name}: {line}" for line in wrong]
    inputs, expected = case.oracle(options.eerie, built.types, place)
    write_program(built, inputs, expected)
    made = boards.make_variables(place / "p.mk")
    link = [word for word in made["LDFLAGS"].split() if word.startswith("-Wl,--defsym")]
    image = boards.compile_program(board, [place / "values.c", *made["SOURCES"].split()],
                                   made["OBJECTS"].split(), place / "built", includes=[place],
                                   link=link, stack=STACK)
    code, text = boards.run(board, image, limit=LIMIT)
    if code:
        wrong.append(f"exit code {code}: {text[-200:]!r}")
    calls = read_output(text)
    for function in built.facts["functions"]:
        name = function["name"]
        wrong += judge_function(name, calls.get(name, []), expected[name])
        tally["called"] += 1
    return [f"{case.name}: {line}" for line in wrong]


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("eerie", type=pathlib.Path)
    arguments.add_argument("--board", choices=MEMORY, default="rv64gc")
    arguments.add_argument("--every", type=int, default=0, help="of ONNX's tests: each N-th")
    arguments.add_argument("--first", type=int, default=0, help="the first of these")
    arguments.add_argument("--case", action="append", default=[], metavar="NAME",
                           help="this one alone; may be repeated")
    arguments.add_argument("--share", action="store_true", help="a few cases that tell most")
    arguments.add_argument("--out", type=pathlib.Path, help="keep what is made here")
    arguments.add_argument("--verbose", action="store_true", help="print refusals")
    options = arguments.parse_args()
    absent = boards.missing()
    if absent:
        print(f"skipped: {absent} is missing (tools/setup.sh test)")
        return 77
    flash, memory = MEMORY[options.board]
    board = dataclasses.replace(boards.BY_TARGET[options.board], flash=flash, memory=memory)
    options.eerie = options.eerie.resolve()
    tally: collections.Counter = collections.Counter()
    wrong = []
    with tempfile.TemporaryDirectory() as scratch:
        out = (options.out or pathlib.Path(scratch)).resolve()
        for case in values_cases.all_cases(options):
            if options.share and case.name not in values_cases.SHARE:
                continue
            try:
                found = check(options, board, case, out / re.sub(r"\W+", "-", case.name), tally)
            except (boards.Failed, subprocess.TimeoutExpired) as error:
                found = [f"{case.name}: {error}"]
            print(f"{case.name:40}{'; '.join(found)[:300] or 'right'}", flush=True)
            wrong += found
    print("\n".join(wrong) or "all are right", f"({dict(tally)})")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
