"""Compiles a module with state and records its plan while allocations fail.

    python tests/faults/plan_test.py EERIE PLAN_FAULTS
"""
import pathlib
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parent.parent / "cli/embed.mlir"


def main() -> int:
    eerie, program = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
    with tempfile.TemporaryDirectory() as folder:
        module = pathlib.Path(folder) / "state.vmfb"
        made = subprocess.run([eerie, "compile", SOURCE, "--target=cortex-m4f", "-o", module,
                               "--iree-scheduling-optimize-bindings=false"])
        if made.returncode == 4:
            print("skipped: no compiler")
            return 77
        return made.returncode or subprocess.run([program, module]).returncode


if __name__ == "__main__":
    sys.exit(main())
