"""What the tests of the command share: the eerie under test, IREE's tools beside it, a scratch folder.

IREE's tools are taken from $EERIE_IREE_BIN, .venv/bin or the PATH. Without them the tests that
compare are skipped.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parent
ROOT = SOURCE.parent.parent
COMPILE_FLAGS = [
    "--iree-hal-target-device=local",
    "--iree-hal-local-target-device-backends=llvm-cpu",
    "--iree-llvmcpu-target-cpu=host",
    "--iree-input-demote-f64-to-f32=false",
]


class Result:
    """Exit code and output of a finished process; text is decoded, whatever it is."""

    def __init__(self, process):
        self.code = process.returncode
        self.raw = process.stdout
        self.out = process.stdout.decode("utf-8", "replace")
        # What the address sanitizer says of an allocation that it refuses is not the command's.
        self.err = "".join(
            line
            for line in process.stderr.decode("utf-8", "replace").splitlines(keepends=True)
            if "AddressSanitizer failed to allocate" not in line
        )


# A sanitizer must not end the process where there is no memory: that is an error like any other.
os.environ.setdefault("ASAN_OPTIONS", "allocator_may_return_null=1")
os.environ.setdefault("TSAN_OPTIONS", "allocator_may_return_null=1:suppressions="
                      + str(pathlib.Path(__file__).resolve().parent.parent / "unit/compiler_tsan.supp"))


def execute(command, cwd=None, stdin=None, environment=None, timeout=120):
    process = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        input=stdin if stdin is not None else b"",
        capture_output=True,
        env={**os.environ, **(environment or {})},
        timeout=timeout,
        check=False,
    )
    return Result(process)


def find_tool(name):
    """A tool of IREE, or None."""
    for folder in (os.environ.get("EERIE_IREE_BIN"), ROOT / ".venv" / "bin"):
        if folder and os.access(pathlib.Path(folder) / name, os.X_OK):
            return pathlib.Path(folder) / name
    found = shutil.which(name)
    return pathlib.Path(found) if found else None


IREE_COMPILE = find_tool("iree-compile")
IREE_RUN = find_tool("iree-run-module")
EERIE = None  # set by main
SCRATCH = None


def compile_module(source, *flags):
    """Compiles a file of this folder once; the path of the module."""
    name = pathlib.Path(source).stem + "".join(flags).replace("/", "_").replace("=", "_")
    target = SCRATCH / (name + ".vmfb")
    if not target.exists():
        done = execute([IREE_COMPILE, SOURCE / source, *COMPILE_FLAGS, *flags, "-o", target])
        if done.code != 0:
            raise RuntimeError(done.err)
    return target


class Case(unittest.TestCase):
    maxDiff = 4000

    def eerie(self, *arguments, **keywords):
        result = execute([EERIE, *arguments], **keywords)
        self.assertGreaterEqual(result.code, 0, f"died of signal {-result.code}: {result.err}")
        return result

    def refuses(self, code, *arguments, says=(), **keywords):
        """Fails with that exit code and one line on standard error that has all the words."""
        result = self.eerie(*arguments, **keywords)
        self.assertEqual(result.code, code, result.err + result.out)
        self.assertEqual(len(result.err.splitlines()), 1, result.err)
        for word in [says] if isinstance(says, str) else says:
            self.assertIn(word, result.err)
        return result


def main(module):
    """Runs the tests of a module: NAME_test.py EERIE [unittest's arguments]."""
    global EERIE, SCRATCH
    if len(sys.argv) < 2:
        sys.exit(f"usage: {sys.argv[0]} EERIE [TEST...]")
    EERIE = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="eerie-cli-") as folder:
        SCRATCH = pathlib.Path(folder)
        program = unittest.main(
            module=module, argv=[sys.argv[0], *sys.argv[2:]], exit=False, verbosity=1
        )
    result = program.result
    if not result.wasSuccessful():
        sys.exit(1)
    for case, reason in result.skipped:
        print(f"skipped: {case.id()}: {reason}")
    sys.exit(77 if result.skipped else 0)
