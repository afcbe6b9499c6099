"""Cells of JAX; IREE's own way is its compiler on what jax.export and jax.jit write."""
import compiled
import jax
import jax.export
import jax_models
import numpy as np

import eerie
from eerie.importers import inputs
from eerie.importers.route import Options

TITLE = f"JAX {jax.__version__}"
THEIRS = "iree-compile"
MODELS = list(jax_models.CASES)


def _theirs(case, params, specs):
    scope = jax.export.SymbolicScope()
    shapes = []
    for spec in specs:
        *dims, _ = spec.split("x")
        dtype = inputs.parse(spec, Options()).numpy_dtype()
        shape = jax.export.symbolic_shape(",".join(dims) + ",", scope=scope)
        shapes.append(jax.ShapeDtypeStruct(shape, dtype))
    params = jax.tree.map(jax.numpy.asarray, params)
    exported = jax.export.export(jax.jit(lambda *args: case.function(params, *args)))(*shapes)
    return compiled.compile_mlir(exported.mlir_module().encode(), "stablehlo")


def run(way: str, name: str, dynamic: bool) -> float:
    case, params = jax_models.CASES[name], jax_models.params(name)
    specs = case.specs if dynamic else [spec.replace("batch", "3") for spec in case.specs]
    if way == "theirs":
        model = _theirs(case, params, specs)
    else:
        model = eerie.compile(case.function, (params, *specs), weights=[0])
    generator = np.random.default_rng(11)
    worst = 0.0
    for batch in (3, 1, 8) if dynamic else (3, 3):
        arguments = case.draw(generator, batch)
        expected = jax.tree.leaves(case.function(params, *arguments))
        worst = max(worst, compiled.difference(model(*arguments), expected))
    return worst
