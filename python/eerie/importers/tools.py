"""Importers that are programs of their own, from other packages of the same Python environment."""
from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys

from .route import MissingPackage, Refusal


def run(program: str, arguments: list[str], package: str, extra: str) -> None:
    """Runs `program`, which comes with `package`. MissingPackage; Refusal with its last words."""
    beside = pathlib.Path(sys.executable).parent / program
    path = str(beside) if beside.exists() else shutil.which(program)
    if not path:
        raise MissingPackage(package, extra)
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    errors = [line for line in lines if "rror" in line]
    raise Refusal(f"{program}: {(errors or lines or ['it failed without a word'])[-1].strip()}")
