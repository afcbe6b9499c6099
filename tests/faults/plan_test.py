"""Compiles modules with state and records their plans while allocations fail.

    python tests/faults/plan_test.py EERIE PLAN_FAULTS
"""
import pathlib
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "cli"
# State that calls replace, and several tensors of it in one buffer.
SOURCES = ("embed.mlir", "states.mlir")


def main() -> int:
    eerie, program = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
    with tempfile.TemporaryDirectory() as folder:
        for name in SOURCES:
            module = pathlib.Path(folder) / f"{name}.vmfb"
            made = subprocess.run([eerie, "compile", FOLDER / name, "--target=cortex-m4f", "-o",
                                   module, "--iree-scheduling-optimize-bindings=false"])
            if made.returncode == 4:
                print("skipped: no compiler")
                return 77
            wrong = made.returncode or subprocess.run([program, module]).returncode
            if wrong:
                return wrong
    return 0


if __name__ == "__main__":
    sys.exit(main())
