"""`eerie import --check`: every operator of a model that will not lower, at once, nothing compiled.

The imported model goes through the compiler's first phase. When that stops, which it does at the first
operator that it does not know, each kind of operator of an ONNX model goes through it by itself:
many together, then halves of what stops, down to the ones that are to blame.
"""
from __future__ import annotations

import dataclasses
import json
import pathlib
import sys
import tempfile

from . import lowering
from .route import ImportFailed, Options, Refusal, import_model
from .source import Source

# Names of nodes that are listed for an operator.
_NAMES = 5


@dataclasses.dataclass
class Problem:
    """An operator that does not lower, in one of its forms."""

    operator: str
    nodes: list[str]
    reason: str


@dataclasses.dataclass
class Result:
    route: str
    problems: list[Problem]
    notes: list[str]


def _later(source: Source, options: Options, folder: str, early=()) -> list[Problem]:
    """What else does not lower of an ONNX model that is not imported as a whole. What follows on an
    unknown operator has no types, and is not to blame."""
    from .onnx import checking
    known = {problem.operator for problem in early}
    try:
        found = checking.problems(source, options, pathlib.Path(folder))
    except Exception:  # a graph that is none can break anything that looks at it
        return []
    return [problem for problem in found if problem.operator not in known and
            not (early and problem.reason == checking.OPEN)]


def check(source: Source, options: Options) -> Result:
    """What of a model does not lower. SourceError: it is none; ImportFailed: no route takes it."""
    with tempfile.TemporaryDirectory() as folder:
        output = pathlib.Path(folder) / "model.mlir"
        # Weights left out make this quick.
        asked = dataclasses.replace(options, parameters=pathlib.Path(folder) / "weights.irpa")
        if source.kind == "onnx":
            from .onnx import checking
            early = checking.unknown_types(source, asked)
            if early:
                return Result("onnx", early + _later(source, asked, folder, early), [])
        try:
            imported = import_model(source, output, asked)
        except ImportFailed:
            found = _later(source, asked, folder) if source.kind == "onnx" else []
            if not found:
                raise
            return Result("onnx", found, [])
        why = lowering.problem(output, imported.input_type)
        if why is None:
            return Result(imported.route, [], imported.notes)
        problems = []
        if imported.route == "onnx":
            from .onnx import checking
            problems = checking.problems(source, asked, pathlib.Path(folder))
        return Result(imported.route, problems or [Problem("", [], why)], imported.notes)


def run(source: Source, options: Options, as_json: bool) -> int:
    """Prints what does not lower; the exit code: 1 when something does not."""
    try:
        result = check(source, options)
    except Refusal as refusal:
        result = Result("", [Problem("", [], str(refusal))], [])
    if as_json:
        print(json.dumps({
            "source": str(source.path), "route": result.route, "lowers": not result.problems,
            "problems": [dataclasses.asdict(problem) for problem in result.problems],
            "notes": result.notes}))
        return 1 if result.problems else 0
    for problem in result.problems:
        places = ", ".join(problem.nodes[:_NAMES])
        if len(problem.nodes) > _NAMES:
            places += f" and {len(problem.nodes) - _NAMES} more"
        what = f"{problem.operator} ({places}): " if problem.operator else ""
        print(f"{what}{problem.reason}")
    count = len(result.problems)
    print(f"{source.path}: " + (f"{count} do not lower" if count else "every operator lowers"),
          file=sys.stderr)
    return 1 if result.problems else 0
