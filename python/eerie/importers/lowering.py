"""Whether what was imported lowers: the compiler's first phase, tried out."""
from __future__ import annotations

import pathlib
import re
import shutil
import subprocess
import sys

from .route import MissingPackage, Refusal

_ILLEGAL = re.compile(r'"torch\.operator"\(.*?name = "([^"]+)"')
_NAMED = re.compile(r"failed to legalize operation '([^']+)'")
_ERROR = re.compile(r"^(.*?):? ?error: (.*)$", re.MULTILINE)
# A model that the first phase takes longer for than this is left to the compiler proper.
_SECONDS = 300


def _compiler() -> str:
    beside = pathlib.Path(sys.executable).parent / "iree-compile"
    path = str(beside) if beside.exists() else shutil.which("iree-compile")
    if not path:
        raise MissingPackage("iree-base-compiler", "compile")
    return path


def problem(path: pathlib.Path, input_type: str) -> str | None:
    """What keeps the MLIR at `path` from lowering, in a line; None: nothing does."""
    command = [_compiler(), str(path), f"--iree-input-type={input_type}", "--compile-to=input",
               "-o", "-"]
    try:
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                              timeout=_SECONDS, check=False, errors="replace")
    except subprocess.TimeoutExpired:
        return None
    if done.returncode == 0:
        return None
    error = _ERROR.search(done.stderr)
    operator = _ILLEGAL.search(done.stderr) or _NAMED.search(done.stderr)
    if operator:
        place = f" at {error.group(1)}" if error and error.group(1) else ""
        return f"operator {operator.group(1)} does not lower{place}"
    if error:
        return error.group(2).strip()
    return f"the compiler ended with {done.returncode}"


def require(path: pathlib.Path, input_type: str) -> None:
    """Refusal: it does not lower."""
    why = problem(path, input_type)
    if why:
        raise Refusal(why)
