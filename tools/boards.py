"""Boards in QEMU: how programs for them are compiled, linked and run.

Used by tests/boards, tools/embedded_report.py and examples/embedded. Source of the memory maps:
QEMU's hw/arm/mps2.c, mps2-tz.c, nrf51_soc.c and hw/riscv/virt.c of 7.2.
"""
from __future__ import annotations

import dataclasses
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
BOARDS = ROOT / "targets/micro/boards"
KB = 1024

# Nothing of a C library is linked: memory.c has what the compiler calls.
SUPPORT = [ROOT / "targets/cortex-m/memory.c"]
HEADERS = ROOT / "targets/cortex-m/include"
FLAGS = ["-std=c11", "-Os", "-ffreestanding", "-ffunction-sections", "-fdata-sections",
         "-fno-unwind-tables", "-fno-asynchronous-unwind-tables", "-fno-common",
         "-fno-tree-loop-distribute-patterns", "-Wall", "-Wextra", "-Wconversion", "-Wshadow",
         "-Werror"]
# Smaller than libgcc's.
DIVISION = [ROOT / "targets/cortex-m/divide.c"]


class Failed(Exception):
    """A compiler or QEMU did not do what it should; the message has their words."""


@dataclasses.dataclass(frozen=True)
class Board:
    """One core and the board of QEMU that has it."""
    target: str
    qemu: tuple[str, ...]
    flags: str
    flash: tuple[int, int]
    memory: tuple[int, int]
    # Ticks of board_ticks in a nanosecond of QEMU's clock; minstret counts these with -icount.
    ticks_per_ns: float = 1.0

    @property
    def arm(self) -> bool:
        return self.target.startswith("cortex")

    @property
    def prefix(self) -> str:
        return "arm-none-eabi-" if self.arm else "riscv64-unknown-elf-"


ARM = "qemu-system-arm"
FLASH, MEMORY = (0, 512 * KB), (0x20000000, 128 * KB)
DRAM = ((0x80000000, 1024 * KB), (0x80100000, 128 * KB))
MHZ25, MHZ16 = 0.025, 0.016


def mps2(target: str, machine: str, flags: str, ticks: float = MHZ25) -> Board:
    return Board(target, (ARM, "-M", machine), flags + " -mthumb", FLASH, MEMORY, ticks)


def virt(target: str, cpu: str, flags: str) -> Board:
    bits = target[2:4]
    # Where counters of instructions are not an extension of their own.
    return Board(target, (f"qemu-system-riscv{bits}", "-M", "virt", "-bios", "none", "-cpu",
                          f"rv{bits}{cpu}"), flags + " -misa-spec=2.2", *DRAM)


ALL = [
    # QEMU has no Cortex-M0+; the Cortex-M0 of the micro:bit has the same instructions.
    Board("cortex-m0plus", (ARM, "-M", "microbit"),
          "-mcpu=cortex-m0plus -mfloat-abi=soft -mthumb", (0, 256 * KB), (0x20000000, 16 * KB),
          MHZ16),
    mps2("cortex-m3", "mps2-an385", "-mcpu=cortex-m3 -mfloat-abi=soft"),
    mps2("cortex-m4", "mps2-an386", "-mcpu=cortex-m4 -mfloat-abi=soft"),
    mps2("cortex-m4f", "mps2-an386", "-mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16"),
    mps2("cortex-m7", "mps2-an500", "-mcpu=cortex-m7 -mfloat-abi=hard -mfpu=fpv5-d16"),
    mps2("cortex-m55", "mps3-an547", "-mcpu=cortex-m55 -mfloat-abi=hard", 0.032),
    virt("rv32imc", ",a=false,f=false,d=false", "-march=rv32imc -mabi=ilp32"),
    virt("rv32imac", ",f=false,d=false", "-march=rv32imac -mabi=ilp32"),
    virt("rv32imf", ",a=false,d=false,c=false", "-march=rv32imf -mabi=ilp32f"),
    virt("rv64gc", "", "-march=rv64gc -mabi=lp64d -mcmodel=medany"),
]
BY_TARGET = {board.target: board for board in ALL}


def missing() -> str:
    """Names the first program that is not installed; "" when all are."""
    for program in ("arm-none-eabi-gcc", "riscv64-unknown-elf-gcc", ARM, "qemu-system-riscv32",
                    "qemu-system-riscv64"):
        if not shutil.which(program):
            return program
    return ""


def execute(command, **more) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **more)
    if done.returncode:
        raise Failed(f"{' '.join(map(str, command))}\n{(done.stdout + done.stderr)[-1500:]}")
    return done.stdout


def make_variables(path: pathlib.Path) -> dict[str, str]:
    """What the fragment for make says, by the end of the names: "LDFLAGS" and so on."""
    folder = str(path.parent)
    values = {}
    for line in path.read_text().splitlines():
        if ":=" in line:
            name, value = line.split(":=", 1)
            variable = name.strip().rsplit("_", 1)
            values[variable[1]] = value.strip().replace(f"$({variable[0]}_DIR)", folder)
    return values


@dataclasses.dataclass(frozen=True)
class Interpreter:
    """Eerie's runtime in its smallest form: what eerie_interpreter.mk of a build says of it."""
    sources: list[str]
    flags: list[str]
    defines: list[str]
    link: list[str]

    @classmethod
    def read(cls, build: pathlib.Path) -> Interpreter:
        fragment = build / "interpreter/eerie_interpreter.mk"
        names = ("SOURCES", "CFLAGS", "DEFINES", "LDFLAGS")
        lines = "".join(f"$(info $(EERIE_INTERPRETER_{name}))\n" for name in names)
        text = execute(["make", "-s", "-f", "-"], input=f"include {fragment}\n{lines}all: ;")
        return cls(*(line.split() for line in text.splitlines()[:len(names)]))


def compile_program(board: Board, sources, objects, out: pathlib.Path, *, includes=(),
                    flags=(), link=(), stack: int = 4 * KB, optimisation=(),
                    interpreter: Interpreter | None = None) -> pathlib.Path:
    """Compiles and links a program; gives the image, beside which lies its map."""
    out.mkdir(parents=True, exist_ok=True)
    compiler = [f"{board.prefix}gcc", *board.flags.split()]
    launcher = ["ccache"] if shutil.which("ccache") else []
    paths = [word for folder in (*includes, BOARDS) for word in ("-I", folder)]
    paths += ["-isystem", HEADERS]
    own = [BOARDS / "common.c", BOARDS / ("arm.c" if board.arm else "riscv.c"), *SUPPORT]
    built = []
    for number, source in enumerate([*sources, *own]):
        built.append(out / f"{number}-{pathlib.Path(source).stem}.o")
        execute([*launcher, *compiler, *FLAGS, *optimisation, *flags, *paths, "-c", source, "-o",
                 built[-1]])
    if interpreter:
        link = [*link, *interpreter.link]
        for source in interpreter.sources:
            built.append(out / (pathlib.Path(source).relative_to(ROOT).as_posix().replace("/", "-")
                                + ".o"))
            execute([*launcher, *compiler, "-isystem", HEADERS, *interpreter.flags, "-Werror", "-c",
                     source, "-o", built[-1]])
    image = out / "image.elf"
    places = {"board_flash": board.flash[0], "board_flash_size": board.flash[1],
              "board_ram": board.memory[0], "board_ram_size": board.memory[1],
              "board_stack_size": stack}
    symbols = [f"-Wl,--defsym={name}={value:#x}" for name, value in places.items()]
    execute([*compiler, "-Os", *optimisation, "-nostdlib", "-static", *symbols, "-Wl,--gc-sections",
             "-Wl,--no-warn-rwx-segments", f"-Wl,-Map={out / 'image.map'}", "-T",
             BOARDS / "link.ld", *link, *built, *objects, "-lgcc", "-o", image])
    return image


def run(board: Board, image: pathlib.Path, *, shift: int = 5, limit: int = 120) -> tuple[int, str]:
    """Runs an image; its exit code and what it wrote. An instruction takes 2**shift ns there."""
    command = [*board.qemu, "-nographic", "-monitor", "none", "-serial", "none",
               "-semihosting-config", "enable=on,target=native", "-icount", f"shift={shift}",
               "-kernel", str(image)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit,
                              stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{' '.join(command)}\nno end within {limit} s") from error
    return done.returncode, done.stdout + done.stderr


def instructions(board: Board, ticks: float, shift: int = 5) -> float:
    """How many instructions a difference of board_ticks is."""
    return ticks / board.ticks_per_ns / 2 ** shift
