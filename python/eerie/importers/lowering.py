"""Whether what was imported lowers: the compiler's first phase, tried out."""
from __future__ import annotations

import dataclasses
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


@dataclasses.dataclass(frozen=True)
class Problem:
    """What keeps a module from lowering."""

    text: str
    operator: str | None = None  # as the module names it: torch.aten.lstm.input, stablehlo.sort
    place: str = ""  # in the source, where the module tells

    def __str__(self) -> str:
        return self.text


class NotLowered(Refusal):
    """What was imported does not lower."""

    def __init__(self, problem: Problem):
        super().__init__(str(problem))
        self.problem = problem


def compiler() -> str:
    """Path of iree-compile: beside the interpreter or on the PATH. MissingPackage."""
    beside = pathlib.Path(sys.executable).parent / "iree-compile"
    path = str(beside) if beside.exists() else shutil.which("iree-compile")
    if not path:
        raise MissingPackage("iree-base-compiler", "compile")
    return path


def find_problem(path: pathlib.Path, input_type: str) -> Problem | None:
    """What keeps the MLIR at `path` from lowering; None: nothing does."""
    command = [compiler(), str(path), f"--iree-input-type={input_type}", "--compile-to=input",
               "-o", "-"]
    try:
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                              timeout=_SECONDS, check=False, errors="replace")
    except subprocess.TimeoutExpired:
        return None
    if done.returncode == 0:
        return None
    return judge(done.stderr) or Problem(f"the compiler ended with {done.returncode}")


def judge(said: str) -> Problem | None:
    """The problem in what the compiler said, or None where it tells of no error."""
    error = _ERROR.search(said)
    operator = _ILLEGAL.search(said) or _NAMED.search(said)
    place = error.group(1) if error else ""
    if operator:
        at = f" at {place}" if place else ""
        return Problem(f"operator {operator.group(1)} does not lower{at}", operator.group(1), place)
    if error:
        return Problem(error.group(2).strip(), None, place)
    return None


def problem(path: pathlib.Path, input_type: str) -> str | None:
    """find_problem, as a line."""
    found = find_problem(path, input_type)
    return str(found) if found else None


def require(path: pathlib.Path, input_type: str) -> None:
    """NotLowered: it does not lower."""
    found = find_problem(path, input_type)
    if found:
        raise NotLowered(found)
