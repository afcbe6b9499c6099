#!/usr/bin/env python3
"""What models as firmware take on a Cortex-M4F: bytes by the linker's map, instructions in QEMU.

    tools/embedded_report.py [--build build/release] [--work DIR] [--bytes | --write]

Weighs whole programs for the models of tests/boards, planned; the interpreter in its smallest form;
and counts the instructions of a call both ways, unless --bytes asks for budgets alone. --write puts
the table into docs/size.md. Exits 1 when something is over its budget, 77 where a compiler or QEMU
is missing.
"""
from __future__ import annotations

import argparse
import collections
import pathlib
import re
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests/boards")]
import boards
import boards_test
import interpreter_test
import size_report
import suite

KB = 1024
BOARD = boards.BY_TARGET["cortex-m4f"]
PAGE = ROOT / "docs/size.md"
BEGIN, END = "<!-- embedded: begin -->", "<!-- embedded: end -->"
# Bytes in flash of the whole program.
BUDGETS = {"mlp": 16 * KB, "cnn": 30 * KB, "cnn_int8": 30 * KB, "cnn_fast": 30 * KB}
# What calls the kernels, and its tables.
PLAN_BUDGET = 1 * KB
# Instructions outside of kernels, of theirs.
OVERHEAD = 0.01
INTERPRETER_BUDGET = 30 * KB
TITLES = {"mlp": "digits, dense layers 64-32-10, f32", "cnn": "digits, convolutions, f32",
          "cnn_int8": "digits, convolutions, int8",
          "cnn_fast": "the same with `--rewrite=windows`"}
SECTION = re.compile(r"^ (\.\S+)\s+0x[0-9a-f]+\s+0x([0-9a-f]+)\s+(\S.*)$", re.MULTILINE)


def part_of(section: str, origin: str, model: str) -> str:
    """Which part of a program a section of an object file belongs to."""
    name = pathlib.Path(origin).name
    if name.endswith("_kernels.o"):
        return "kernels"
    if name.endswith(f"-{model}.o"):
        return "weights" if section.startswith(".rodata.constant") else "plan"
    return "kernels" if "libgcc" in origin or "micro_math" in name else "start-up and program"


def weigh(map_file: pathlib.Path, model: str) -> tuple[collections.Counter, int]:
    """Bytes in flash by part, and bytes of memory without the stack, from the linker's map."""
    text = map_file.read_text().split("Linker script and memory map", 1)[1]
    flash, memory = collections.Counter(), 0
    for name, size, origin in SECTION.findall(re.sub(r"^( \.\S+)\n\s+", r"\1 ", text, flags=re.M)):
        if name.startswith((".text", ".rodata", ".data", ".board_start")):
            flash[part_of(name, origin, model)] += int(size, 16)
        if name.startswith((".bss", ".data")) and not name.startswith(".data.rel.ro"):
            memory += int(size, 16)
    return flash, memory


def write_image(out: pathlib.Path) -> None:
    """The first held-out image, as the model's input."""
    import models
    _, _, images, _ = models.load_images()
    pixels = ", ".join(f"{value / 16}f" for value in images[0])
    (out / "image.h").write_text(f"static const model_input_t image = {{{pixels}}};\n")


def weigh_firmware(options, model, place: pathlib.Path) -> dict:
    """Compiles the whole program; its parts, memory and what the command said."""
    firmware = place / "firmware"
    facts = boards_test.embed(options.eerie, model, BOARD.target, firmware)
    write_image(firmware)
    made = boards.make_variables(firmware / f"{model.name}.mk")
    image = boards.compile_program(
        BOARD, [ROOT / "tests/boards/firmware.c", *made["SOURCES"].split()],
        made["OBJECTS"].split(), place / "whole", includes=[firmware],
        flags=["-Wno-missing-braces"])
    code, text = boards.run(BOARD, image)
    if code or "this is a " not in text:
        raise boards.Failed(f"{model.name}: exit code {code}, output {text!r}")
    flash, memory = weigh(image.with_suffix(".map"), model.name)
    total = int(boards.execute([f"{BOARD.prefix}size", image]).splitlines()[1].split()[0])
    return {"facts": facts, "flash": flash, "memory": memory, "total": total,
            "data": plan_data(place, model.name)}


def count_planned(options, model, place: pathlib.Path) -> tuple[float, float]:
    """Instructions of a call, and those of its kernels alone."""
    image = boards_test.build(BOARD, model, place / "firmware", options.out, place / "planned")
    _, values = boards_test.read_output(boards.run(BOARD, image)[1])
    return tuple(boards.instructions(BOARD, values[f"ticks-{name}"])
                 for name in ("total", "kernels"))


def count_interpreted(options, model, place: pathlib.Path) -> dict:
    image = interpreter_test.build(options, BOARD, model, place)
    _, values = boards_test.read_output(boards.run(BOARD, image)[1])
    return {"instructions": boards.instructions(BOARD, values["ticks-total"]),
            "pool": values["pool"], "stack": values["stack"]}


def weigh_interpreter(options) -> int:
    """As whoever uses it is told to build it, in a program that gives it a library of kernels."""
    interpreter = boards.Interpreter.read(options.build)
    sources = [pathlib.Path(source).relative_to(ROOT) for source in interpreter.sources]
    own = [flag for flag in interpreter.flags if not flag.startswith("-I")]
    extra = ["-UEERIE_ERROR_MESSAGE_SIZE", *interpreter.defines, "-DFIRMWARE_HAS_KERNELS=1"]
    return size_report.build_core(sources, extra, own, options.out / "core")["total"]


def number(value: float) -> str:
    return f"{value:,.0f}".replace(",", " ")


def plan_data(place: pathlib.Path, model: str) -> int:
    """Bytes of memory that the plan itself takes, whatever it keeps between calls."""
    sizes = boards.execute([f"{BOARD.prefix}size", *(place / "whole").glob(f"*-{model}.o")])
    _, data, bss = (int(word) for word in sizes.splitlines()[1].split()[:3])
    return data + bss


def table(rows: list[dict], interpreter: int) -> str:
    most = max(row["flash"]["plan"] for row in rows)
    lines = ["| on a Cortex-M4F, `-Os` | bytes | at most |", "|---|---|---|",
             f"| a plan, the largest of these: code and tables | {number(most)} |"
             f" {number(PLAN_BUDGET)} |",
             f"| and its data | {max(row['data'] for row in rows)} | 0 |",
             "| interpreter and all it needs to run modules of static kernels |"
             f" {number(interpreter)} | {number(INTERPRETER_BUDGET)} |"]
    for row in rows:
        lines.append(f"| {TITLES[row['name']]}: the whole program in flash |"
                     f" {number(row['total'])} | {number(BUDGETS[row['name']])} |")
    lines += ["", "| whole programs, bytes | " + " | ".join(row["name"] for row in rows) + " |",
              "|---|" + "---|" * len(rows)]
    for part in ("plan", "weights", "kernels", "start-up and program"):
        lines.append(f"| {part} | " + " | ".join(number(row["flash"][part]) for row in rows) + " |")
    for title, key in (("memory without the stack: arena, output", "memory"),):
        lines.append(f"| {title} | " + " | ".join(number(row[key]) for row in rows) + " |")
    for title, key in (("arena", "arena_bytes"), ("most that is alive at once", "live_bytes"),
                       ("state", "state_bytes")):
        lines.append(f"| {title} | "
                     + " | ".join(number(row["facts"][key]) for row in rows) + " |")
    return "\n".join(lines if "planned" not in rows[0] else lines + instructions(rows))


def instructions(rows: list[dict]) -> list[str]:
    lines = ["", "| a call | " + " | ".join(row["name"] for row in rows) + " |",
              "|---|" + "---|" * len(rows)]
    for title, value in (
            ("instructions in kernels", lambda row: number(row["planned"][1])),
            ("planned: all others", lambda row: number(row["planned"][0] - row["planned"][1])),
            ("of the kernels'", lambda row: percent(row["planned"][0], row["planned"][1])),
            ("interpreted: all others",
             lambda row: number(row["interpreted"]["instructions"] - row["planned"][1])),
            ("of the kernels'",
             lambda row: percent(row["interpreted"]["instructions"], row["planned"][1])),
            ("interpreted: pool, bytes", lambda row: number(row["interpreted"]["pool"])),
            ("interpreted: stack, bytes", lambda row: number(row["interpreted"]["stack"]))):
        lines.append(f"| {title} | " + " | ".join(value(row) for row in rows) + " |")
    return lines


def percent(total: float, kernels: float) -> str:
    return f"{100 * (total - kernels) / kernels:.2f} %"


def write_page(text: str) -> None:
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


def report(options) -> int:
    import models
    models.write_images(options.out / "images.h")
    rows = []
    for model in [models.make_mlp(options.out), *models.make_networks(options.out)]:
        place = options.out / model.name
        row = weigh_firmware(options, model, place)
        row["name"] = model.name
        if not options.bytes:
            row.update(planned=count_planned(options, model, place),
                       interpreted=count_interpreted(options, model, place / "interpreted"))
        rows.append(row)
    interpreter = weigh_interpreter(options)
    text = table(rows, interpreter)
    print(text)
    if options.write and not options.bytes:
        write_page(text)
    over = [row["name"] for row in rows if row["total"] > BUDGETS[row["name"]]]
    over += [f"arena of {row['name']}" for row in rows
             if row["facts"]["arena_bytes"] > 1.1 * row["facts"]["live_bytes"]]
    over += [f"plan of {row['name']}" for row in rows
             if row["flash"]["plan"] > PLAN_BUDGET or row["data"]]
    over += [f"instructions of {row['name']}" for row in rows if "planned" in row
             and row["planned"][0] > (1 + OVERHEAD) * row["planned"][1]]
    over += ["interpreter"] * (interpreter > INTERPRETER_BUDGET)
    print(f"OVER the budget: {', '.join(over)}" if over else "within the budgets")
    return bool(over)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    arguments.add_argument("--work", type=pathlib.Path, help="keep programs and maps here")
    arguments.add_argument("--bytes", action="store_true", help="count no instructions")
    arguments.add_argument("--write", action="store_true", help="put the table into docs/size.md")
    options = arguments.parse_args()
    options.build = options.build.resolve()
    options.eerie = options.build / "eerie"
    absent = suite.missing()
    if absent:
        print(f"skipped: {absent} is missing (tools/setup.sh test frameworks)")
        return 77
    with tempfile.TemporaryDirectory() as scratch:
        options.out = (options.work or pathlib.Path(scratch)).resolve()
        options.out.mkdir(parents=True, exist_ok=True)
        return report(options)


if __name__ == "__main__":
    sys.exit(main())
