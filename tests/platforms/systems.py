"""What tests/platforms/run.py knows of each system: how to build for it, run it and compile for it."""

from dataclasses import dataclass, field


@dataclass
class System:
    """One line of the table in docs/platforms.md."""

    preset: str
    target: str  # of `eerie compile --target`; of the golden modules, the machine
    machine: str
    emulator: list = field(default_factory=list)
    # Commands without which it cannot be built and run.
    needs: list = field(default_factory=list)
    # What is built of it; None: everything, unit tests included.
    build: list = None
    unit: bool = True  # unit tests run
    golden: bool = True  # the modules of all releases run
    environment: dict = field(default_factory=dict)


def _linux(machine, debian, target, emulator, name=None):
    return System(preset=f"linux-{name or machine}", target=target, machine=machine,
                  emulator=[f"qemu-{emulator}-static", "-L", f"/usr/{debian}"],
                  needs=[f"{debian}-gcc", f"qemu-{emulator}-static"])


SYSTEMS = [
    _linux("aarch64", "aarch64-linux-gnu", "aarch64", "aarch64"),
    _linux("armv7l", "arm-linux-gnueabihf", "armv7", "arm", name="armhf"),
    _linux("riscv64", "riscv64-linux-gnu", "riscv64", "riscv64"),
    System(preset="windows-x86_64", target="x86-64-v2", machine="x86_64", emulator=["wine"],
           needs=["x86_64-w64-mingw32-gcc", "wine", "wineserver"],
           environment={"WINEDEBUG": "-all"}),
    System(preset="linux-aarch64-musl", target="aarch64", machine="aarch64",
           emulator=["qemu-aarch64-static"], needs=["qemu-aarch64-static", "zig"],
           build=["eerie_cli"], unit=False, golden=False),
    System(preset="linux-x86_64-musl", target="x86-64-v2", machine="x86_64", needs=["zig"],
           build=["eerie_cli"], unit=False, golden=False),
]

# Built and linked, looked into, not run: the CPU in the header of a Mach-O file.
MACOS = {"macos-arm64": 0x0100000C, "macos-x86_64": 0x01000007}

# Compiled to objects; clang's triple.
OBJECTS = {"ios-arm64": "arm64-apple-ios14", "android-arm64": "aarch64-linux-android24",
           "android-x86_64": "x86_64-linux-android24"}

# Unit tests of a short run: what knows of machines and systems.
SHORT_UNIT = ("unit.(elf|port|cpu_extension|hal_fence|vm_ops|bridge_vmvx|params_archive)$|"
              "modules.(vm|elf_images)$")
# Those of the compiler run where the compiler does; two take minutes in an emulator.
LONG_UNIT_EXCLUDE = "compiler_|unit.elf_aarch64|module_bad|vm_mutation"
