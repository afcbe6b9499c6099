#!/usr/bin/env python3
"""Modules in flash on boards in QEMU, run by Eerie's interpreter from one pool of memory.

    tests/boards/interpreter_test.py EERIE BUILD [--out DIR] [--board TARGET]... [--model NAME]...

BUILD has interpreter/, the runtime's smallest list of files and how they are compiled, for make and
for CMake. Scores of every held-out image must be the host's; a pool that is too small must be
refused and get back all that it gave; calls must not make it grow. Exits 77 where QEMU or a compiler
is missing.
"""
from __future__ import annotations

import pathlib
import shutil
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import boards
import boards_test as planned
import suite

HERE = pathlib.Path(__file__).resolve().parent
TARGETS = ("cortex-m4f", "cortex-m3", "rv32imac", "rv64gc")
# Bytes of the pool; pointers are twice as large on a machine of 64 bits.
POOL = 32 * boards.KB
STACK = 8 * boards.KB
SHAPES = {"mlp": "{1, 64}"}

MODEL = """#define POOL_SIZE {pool}
#define MODEL_QUERY {query}
#define MODEL_FUNCTION "{function}"
#define MODEL_SHAPE {shape}
static const _Alignas(64) uint8_t model_module[] = {{{data}}};
"""


def write_model(model, firmware: pathlib.Path, pool: int, out: pathlib.Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    data = (firmware / f"{model.name}.vmfb").read_bytes()
    (out / "model.h").write_text(MODEL.format(
        pool=pool, query=planned.query_name(firmware / f"{model.name}.c"), function=model.function,
        shape=SHAPES.get(model.name, "{1, 1, 8, 8}"), data=", ".join(map(str, data))))


def build(options, board: boards.Board, model, place: pathlib.Path):
    firmware = place / "firmware"
    planned.embed(options.eerie, model, board.target, firmware)
    write_model(model, firmware, POOL * (2 if board.target.startswith("rv64") else 1), place)
    made = boards.make_variables(firmware / f"{model.name}.mk")
    link = [word for word in made["LDFLAGS"].split() if word.startswith("-Wl,--defsym")]
    micro = ROOT / "targets/micro"
    extra = [micro / "eerie_micro_math.c"] if "micro_math" in made["SOURCES"] else []
    sources = [HERE / "interpreted.c", micro / "eerie_pool.c", *extra, *boards.DIVISION]
    interpreter = boards.Interpreter.read(options.build)
    return boards.compile_program(
        board, sources, made["OBJECTS"].split(), place / "program",
        includes=[place, options.out, HERE, micro, ROOT / "include"], flags=interpreter.defines,
        link=link, stack=STACK, interpreter=interpreter)


PROJECT = """cmake_minimum_required(VERSION 3.25)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
project(firmware C)
add_subdirectory({fragment} interpreter)
target_include_directories(eerie_interpreter SYSTEM PRIVATE {headers})
add_executable(firmware {main} {support})
target_include_directories(firmware SYSTEM PRIVATE {headers})
target_compile_options(firmware PRIVATE -ffreestanding -fno-tree-loop-distribute-patterns)
target_link_libraries(firmware eerie_interpreter gcc)
target_link_options(firmware PRIVATE -nostdlib -T {script})
"""


def check_cmake(options) -> list[str]:
    """A project that takes the interpreter by add_subdirectory must link to a program with it."""
    board, firmware = boards.BY_TARGET["cortex-m4f"], ROOT / "targets/cortex-m"
    place = options.out / "cmake"
    place.mkdir(exist_ok=True)
    support = [firmware / "memory.c", firmware / "divide.c"]
    launcher = ["-DCMAKE_C_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    (place / "CMakeLists.txt").write_text(PROJECT.format(
        fragment=options.build / "interpreter", headers=boards.HEADERS, main=firmware / "main.c",
        support=" ".join(map(str, support)), script=firmware / "link.ld"))
    try:
        boards.execute(["cmake", "-S", place, "-B", place / "build", "-DCMAKE_SYSTEM_NAME=Generic",
                        f"-DCMAKE_C_COMPILER={board.prefix}gcc", "-DCMAKE_BUILD_TYPE=None",
                        f"-DCMAKE_C_FLAGS={board.flags}", *launcher])
        boards.execute(["cmake", "--build", place / "build"])
        symbols = boards.execute([f"{board.prefix}nm", place / "build/firmware"])
    except boards.Failed as error:
        return [f"with CMake: {error}"]
    return [] if "eerie_program_create" in symbols else ["with CMake: the runtime is not there"]


def judge(values: dict) -> list[str]:
    wanted = {"status": 0, "lost": 0, "grown": 0, "left": 0}
    wrong = [f"{name}: {values.get(name)} instead of {value}" for name, value in wanted.items()
             if values.get(name) != value]
    if not values.get("refused"):
        wrong.append("no pool was too small")
    if not 0 < values.get("stack", 0) < STACK:
        wrong.append(f"{values.get('stack')} bytes of stack were used, {STACK} are declared")
    return wrong


def check(options, board: boards.Board, model) -> list[str]:
    place = options.out / f"{model.name}-{board.target}-interpreted"
    image = build(options, board, model, place)
    code, text = boards.run(board, image)
    scores, values = planned.read_output(text)
    wrong = planned.judge_scores(model, scores) + judge(values)
    if code or wrong:
        wrong.append(f"exit code {code}; the end of the output: {text[-300:]!r}")
    total = boards.instructions(board, values.get("ticks-total", 0))
    print(f"{model.name:10}{board.target:15}{values.get('stack', 0):8}{values.get('pool', 0):8}"
          f"{total:12.0f}  {'; '.join(wrong) or 'right'}", flush=True)
    return [f"{model.name} on {board.target}: {line}" for line in wrong]


def main() -> int:
    arguments = suite.parser(__doc__)
    arguments.add_argument("build", type=pathlib.Path)
    head = f"{'stack':>8}{'pool':>8}{'instructions':>12}"
    options = arguments.parse_args()
    options.build = options.build.resolve()
    return suite.run(options, head, lambda model: TARGETS, check, check_cmake)


if __name__ == "__main__":
    sys.exit(main())
