"""Routes from a source to MLIR: trying them in order, and saying what happened."""
from __future__ import annotations

import dataclasses
import importlib
import pathlib
import typing

from . import extras
from .source import Source, SourceError, find_source

# Where the routes of each kind are; a module is imported only when its kind is asked for, because
# each brings a framework.
_KINDS = {
    "onnx": "onnx",
    "torch_export": "torch",
    "python": "python",
    "stablehlo": "mlir",
    "mlir": "mlir",
    "saved_model": "tensorflow",
    "keras": "tensorflow",
    "tflite": "tflite",
    "pickle": "sklearn",
}


class Refusal(Exception):
    """A route says why it cannot import this source. Another one may."""


class Inapplicable(Refusal):
    """The route is for sources of another make; told only where no route could."""


class MissingPackage(Refusal):
    """A framework is not installed; the message has the command that brings it."""

    def __init__(self, package: str, extra: str):
        super().__init__(f"the Python package {package} is missing; install it with "
                         f"`{extras.command(extra)}`")


class ImportFailed(Exception):
    """No route could; `reasons` are (route, why) in the order of trying.

    `missing`: a package that is not there is among the reasons.
    """

    def __init__(self, source: Source, reasons: list[tuple[str, str]], missing: bool = False):
        self.source = source
        self.reasons = reasons
        self.missing = missing
        whys = list(dict.fromkeys(why for _, why in reasons))
        if all("is missing; install it with" in why for why in whys):
            whys = whys[:1]  # one command brings them all
        if len(whys) == 1:
            text = whys[0]
        else:
            text = "no route could import it: " + "; ".join(
                f"{route}: {why}" for route, why in reasons)
        path = str(source.path)
        super().__init__(text if text.startswith(path) else f"{path}: {text}")


@dataclasses.dataclass
class Options:
    """What the caller wants of an import; None and empty mean: as the route sees fit."""

    dims: dict[str, "Dim"] = dataclasses.field(default_factory=dict)
    inputs: list[str] = dataclasses.field(default_factory=list)  # "2x3xf32", for Python files
    weights: list[str] = dataclasses.field(default_factory=list)  # arguments that are parameters
    function: str | None = None  # its name in the module; default: the source's own
    parameters: pathlib.Path | None = None  # an archive for weights; None: by their size
    archive: pathlib.Path | None = None  # where they go by their size; None: beside the output
    parameter_scope: str = "model"
    inline_weights: bool = False  # keep weights inside however large
    opset: int | None = None
    trust_pickle: bool = False
    demote_f64: bool = True
    route: str | None = None  # only this one
    no_rewrite: list[str] = dataclasses.field(default_factory=list)  # names of onnx/fusing.py


@dataclasses.dataclass(frozen=True)
class Dim:
    """A dimension by name: fixed when least == most, dynamic between them otherwise."""

    least: int
    most: int | None

    @staticmethod
    def parse(text: str) -> tuple[str, "Dim"]:
        """"batch=8", "batch=1:64", "batch=?" -> (name, Dim). ValueError says what is wrong."""
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ValueError(f"--dim {text}: expected NAME=SIZE, NAME=LEAST:MOST or NAME=?")
        if value == "?":
            return name, Dim(0, None)
        least, colon, most = value.partition(":")
        try:
            low = int(least)
            high = int(most) if colon else low
        except ValueError:
            raise ValueError(f"--dim {text}: '{value}' is neither a size nor LEAST:MOST") from None
        if low < 0 or high < low:
            raise ValueError(f"--dim {text}: sizes from {low} to {high}")
        return name, Dim(low, high)

    @property
    def fixed(self) -> int | None:
        return self.least if self.least == self.most else None


@dataclasses.dataclass
class Imported:
    """A model as MLIR."""

    path: pathlib.Path
    input_type: str  # what --iree-input-type= takes; "none" for dialects that need no conversion
    route: str
    parameters: pathlib.Path | None = None
    parameter_scope: str = ""
    notes: list[str] = dataclasses.field(default_factory=list)
    refused: list[tuple[str, str]] = dataclasses.field(default_factory=list)


class Route(typing.NamedTuple):
    name: str
    # (source, output path, options) -> Imported; raises Refusal.
    run: typing.Callable[[Source, pathlib.Path, Options], Imported]


def routes_of(kind: str) -> list[Route]:
    module = importlib.import_module(f".{_KINDS[kind]}", __package__)
    return module.routes(kind)


def import_model(text: str | Source, output: str | pathlib.Path,
                 options: Options | None = None) -> Imported:
    """Imports a model, writing MLIR to `output`.

    SourceError: no such file, or of no known kind. ImportFailed: every route refused.
    """
    source = text if isinstance(text, Source) else find_source(text)
    options = options or Options()
    routes = routes_of(source.kind)
    if options.route:
        names = ", ".join(route.name for route in routes)
        routes = [route for route in routes if route.name == options.route]
        if not routes:
            raise SourceError(f"no route '{options.route}' for {source.kind} files; there is {names}")
    refused: list[tuple[str, str]] = []
    foreign: list[tuple[str, str]] = []
    missing = False
    for route in routes:
        try:
            imported = route.run(source, pathlib.Path(output), options)
        except Inapplicable as refusal:
            foreign.append((route.name, str(refusal)))
            continue
        except Refusal as refusal:
            missing = missing or isinstance(refusal, MissingPackage)
            refused.append((route.name, str(refusal)))
            continue
        imported.refused = refused
        return imported
    raise ImportFailed(source, refused or foreign, missing)
