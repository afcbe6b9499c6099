"""MLIR itself: StableHLO artifacts and text, and dialects that the compiler takes as they are."""
from __future__ import annotations

import pathlib
import shutil

from . import mlir_module, stablehlo
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


# Bytes with which MLIR bytecode begins; what jax.export serialises has some of it inside.
_BYTECODE = b"ML\xefR"


def import_mlir(source: Source, output: pathlib.Path, options: Options) -> Imported:
    content = source.path.read_bytes()
    if b"\0" in content and not content.startswith(_BYTECODE) and _BYTECODE in content:
        from . import jax
        return jax.import_exported(jax.load_exported(content, source.path), output, options)
    if options.dims:
        raise SourceError(f"{source.path}: no dimension '{next(iter(options.dims))}': MLIR has no "
                          "named dimensions")
    ir = mlir_module.compiler_ir()
    with ir.Context() as context:
        context.allow_unregistered_dialects = True
        try:
            module = ir.Module.parse(content)
        except ir.MLIRError as error:
            lines = [line.strip() for line in str(error).splitlines() if "error:" in line]
            raise SourceError(f"{source.path}: no MLIR that this compiler reads: "
                              f"{lines[0] if lines else error}") from None
        found: set[str] = set()
        _dialects(module.operation, found)
        # Of JAX, with dynamic dimensions, and not yet in a form that it is kept in for long.
        polymorphic = "jax.uses_shape_polymorphism" in module.operation.attributes and \
            "vhlo" not in found
        if polymorphic:
            stablehlo.settle_dynamic(module)
            mlir_module.write(module.operation, output, False)
    names = [_INPUT_TYPES[dialect] for dialect in sorted(found) if dialect in _INPUT_TYPES]
    if len(set(names)) > 1:
        raise Refusal(f"the module mixes the dialects {', '.join(sorted(set(names)))}")
    if not polymorphic and source.path.resolve() != output.resolve():
        shutil.copyfile(source.path, output)
    return Imported(output, names[0] if names else "none", "mlir")


def routes(kind: str) -> list[Route]:
    del kind
    return [Route("mlir", import_mlir)]
