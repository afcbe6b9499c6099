"""Cells of PyTorch; IREE's own way is iree.turbine."""
import warnings

import compiled
import torch
import torch_models

import eerie

TITLE = f"PyTorch {torch.__version__.partition('+')[0]}"
THEIRS = "iree.turbine"
MODELS = list(torch_models.CASES)


def _theirs(module, arguments, dynamic: bool):
    from iree.turbine import aot
    shapes = None
    if dynamic:
        batch = torch.export.Dim("batch")
        shapes = tuple({0: batch} for _ in arguments)
    exported = aot.export(torch.export.export(module, arguments, dynamic_shapes=shapes))
    return compiled.compile_mlir(str(exported.mlir_module).encode(), "auto")


def run(way: str, name: str, dynamic: bool) -> float:
    warnings.simplefilter("ignore")
    case, module = torch_models.CASES[name], torch_models.build(name)
    generator = torch.Generator().manual_seed(11)
    if way == "theirs":
        model = _theirs(module, case.draw(3, generator), dynamic)
    else:
        specs = case.specs if dynamic else [spec.replace("batch", "3") for spec in case.specs]
        model = eerie.compile(module, specs)
    worst = 0.0
    for batch in (3, 1, 8) if dynamic else (3, 3):
        arguments = case.draw(batch, generator)
        with torch.no_grad():
            expected = torch.utils._pytree.tree_leaves(module(*arguments))
        got = model.main(*arguments) if way == "theirs" else model(*arguments)
        worst = max(worst, compiled.difference(got, [leaf.numpy() for leaf in expected]))
    return worst
