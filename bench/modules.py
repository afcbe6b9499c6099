"""Modules of the measured models, compiled once: they stay in build/bench.

A module's name has a hash of the graph, the flags and the compiler's release, so that whatever
changes is compiled anew. A compile that fails or takes too long leaves a file that says so.
"""

import hashlib
import importlib.metadata
import os
import pathlib
import subprocess
import sys

import onnx

from models import MODELS

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build/bench"
SECONDS = 240  # of a compile
CONVOLUTIONAL = ("cnn", "resnet-half", "mobilenet-half", "resnet18", "resnet50", "mobilenet")


def run(eerie, *arguments, check=True):
    """The command, with the compiler and the Python of this environment."""
    environment = dict(os.environ)
    environment.setdefault("EERIE_COMPILER_LIB", str(ROOT / ".venv"))
    environment.setdefault("EERIE_PYTHON", sys.executable)
    environment["EERIE_CACHE"] = "off"
    done = subprocess.run([str(word) for word in (eerie, *arguments)], capture_output=True,
                          text=True, env=environment)
    if check and done.returncode:
        sys.exit("bench: eerie %s failed:\n%s" % (arguments[0], done.stderr[-2000:]))
    return done


def digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def source(eerie, name: str) -> tuple[pathlib.Path, pathlib.Path]:
    """The ONNX file and the MLIR that its import makes."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    graph = MODELS[name][1]().SerializeToString(deterministic=True)
    stem = FOLDER / ("%s-%s" % (name, hashlib.sha256(graph).hexdigest()[:12]))
    model, mlir = stem.with_suffix(".onnx"), stem.with_suffix(".mlir")
    if not model.exists():
        onnx.save(onnx.load_from_string(graph), model)
    if not mlir.exists():
        run(eerie, "import", model, "-o", mlir, "--inline-weights", "--quiet")
    return model, mlir


def chosen(eerie, mlir: pathlib.Path) -> list[str]:
    """What `eerie compile` chooses, without compiling."""
    done = run(eerie, "compile", mlir, "--print-flags", "--compile-to=input", "--json", "-o",
               os.devnull)
    lines = (done.stdout + done.stderr).splitlines()
    return [line.split("  # ")[0] for line in lines if line.startswith("--")]


def place(mlir: pathlib.Path, flags: list[str]) -> pathlib.Path:
    release = importlib.metadata.version("iree-base-compiler")
    return mlir.with_name("%s-%s.vmfb" % (mlir.stem, digest(release, *sorted(flags))))


def made(mlir: pathlib.Path, flags: list[str]) -> pathlib.Path | None:
    """The module, if it is there."""
    module = place(mlir, flags)
    return module if module.exists() else None


def compiled(eerie, mlir: pathlib.Path, flags: list[str]) -> pathlib.Path | None:
    """The module with these flags and none that the model would get; None: it does not compile."""
    module = place(mlir, flags)
    failure = module.with_suffix(".failed")
    if module.exists():
        return module
    if failure.exists():
        return None
    done = run(eerie, "compile", mlir, "-o", module, "-O0", "--time-limit=%d" % SECONDS, *flags,
               check=False)
    if done.returncode:
        failure.write_text(" ".join(flags) + "\n" + done.stderr)
        return None
    return module
