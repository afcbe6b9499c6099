"""What is being imported: a path, its kind, and for Python files the name in it."""
from __future__ import annotations

import dataclasses
import pathlib
import zipfile

# Bytes with which a file of a kind begins; StableHLO artifacts are MLIR bytecode.
_MLIR_BYTECODE = b"ML\xefR"
_TFLITE = b"TFL3"  # at byte 4


class SourceError(ValueError):
    """A source that is not there, or is of no known kind."""


@dataclasses.dataclass(frozen=True)
class Source:
    path: pathlib.Path
    kind: str  # onnx, torch_export, python, stablehlo, mlir, saved_model, keras, tflite, pickle
    name: str = ""  # of the function or module in a Python file


_SUFFIXES = {
    ".onnx": "onnx",
    ".pt2": "torch_export",
    ".py": "python",
    ".mlir": "mlir",
    ".stablehlo": "stablehlo",
    ".mlirbc": "stablehlo",
    ".keras": "keras",
    ".h5": "keras",
    ".tflite": "tflite",
    ".pkl": "pickle",
    ".pickle": "pickle",
    ".joblib": "pickle",
}


def _kind_of_content(path: pathlib.Path) -> str | None:
    """The kind that a file's first bytes tell, whatever its name."""
    with path.open("rb") as file:
        head = file.read(16)
    if head[4:8] == _TFLITE:
        return "tflite"
    if head.startswith(_MLIR_BYTECODE):
        return "stablehlo"
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        if any(name.endswith("config.json") for name in names) and "metadata.json" in names:
            return "keras"
        if any("serialized_exported_program.json" in name or name.endswith("models/model.json")
               for name in names):
            return "torch_export"
    return None


def find_source(text: str) -> Source:
    """The source that `text` names: a path, or "file.py:name".

    Raises SourceError when there is no such file or its kind is not known.
    """
    path_text, name = text, ""
    if ".py:" in text:
        path_text, _, name = text.rpartition(":")
    path = pathlib.Path(path_text)
    if not path.exists():
        raise SourceError(f"{path}: no such file")
    if path.is_dir():
        if (path / "saved_model.pb").exists():
            return Source(path, "saved_model")
        raise SourceError(f"{path}: a folder, and not a SavedModel: it has no saved_model.pb")
    if path.stat().st_size == 0:
        raise SourceError(f"{path}: the file is empty")
    kind = _SUFFIXES.get(path.suffix.lower())
    if kind not in ("python", "mlir"):
        kind = _kind_of_content(path) or kind
    if kind is None:
        known = ", ".join(sorted(_SUFFIXES))
        raise SourceError(f"{path}: neither its name nor its first bytes tell what it is; known are "
                          f"{known} and SavedModel folders")
    if kind == "python" and not name:
        raise SourceError(f"{path}: which function or module of it? write {path}:name")
    return Source(path, kind, name)
