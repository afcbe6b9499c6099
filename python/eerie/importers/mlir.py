"""MLIR itself: StableHLO artifacts and text, and dialects that the compiler takes as they are."""
from __future__ import annotations

import pathlib
import shutil

from . import mlir_module
from .route import Imported, Options, Refusal, Route
from .source import Source, SourceError

# Operations of a dialect name what --iree-input-type has to be.
_INPUT_TYPES = {"stablehlo": "stablehlo", "vhlo": "stablehlo", "chlo": "stablehlo", "tosa": "tosa",
                "torch": "torch", "onnx": "onnx"}


def _dialects(operation, found: set[str]) -> None:
    for region in operation.regions:
        for block in region:
            for child in block:
                name = child.operation.name
                if name == "torch.operator":
                    name = "onnx."
                found.add(name.partition(".")[0])
                _dialects(child.operation, found)


def import_mlir(source: Source, output: pathlib.Path, options: Options) -> Imported:
    ir = mlir_module.compiler_ir()
    with ir.Context() as context:
        context.allow_unregistered_dialects = True
        try:
            module = ir.Module.parse(source.path.read_bytes())
        except ir.MLIRError as error:
            raise SourceError(f"{source.path}: no MLIR that this compiler reads: {error}") from None
        found: set[str] = set()
        _dialects(module.operation, found)
    names = [_INPUT_TYPES[dialect] for dialect in sorted(found) if dialect in _INPUT_TYPES]
    if len(set(names)) > 1:
        raise Refusal(f"the module mixes the dialects {', '.join(sorted(set(names)))}")
    if source.path.resolve() != output.resolve():
        shutil.copyfile(source.path, output)
    return Imported(output, names[0] if names else "none", "mlir")


def routes(kind: str) -> list[Route]:
    del kind
    return [Route("mlir", import_mlir)]
