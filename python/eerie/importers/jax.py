"""JAX functions: lowered to StableHLO by JAX itself."""
from __future__ import annotations

import pathlib
import re


from .inputs import Example
from .route import Imported, MissingPackage, Options, Refusal


def _shapes(examples, jax):
    """What jax.export takes for each example: named dimensions become symbols of one scope."""
    scope = jax.export.SymbolicScope()
    for example in examples:
        if not isinstance(example, Example):
            yield example
            continue
        dtype = example.numpy().dtype
        shape = example.shape
        if example.names:
            text = ", ".join(example.names.get(index, str(size))
                             for index, size in enumerate(example.shape))
            shape = jax.export.symbolic_shape(text, scope=scope)
        yield jax.ShapeDtypeStruct(shape, dtype)


def _named(examples) -> bool:
    return any(isinstance(example, Example) and example.names for example in examples)


def import_function(function, examples, output: pathlib.Path, options: Options) -> Imported:
    try:
        import jax
        import jax.export
    except ImportError:
        raise MissingPackage("jax", "jax") from None
    try:
        arguments = list(_shapes(examples, jax))
        jitted = function if hasattr(function, "lower") else jax.jit(function)
        if _named(examples):
            # Assertions on shapes are calls into JAX's own runtime.
            checks = [jax.export.DisabledSafetyCheck.shape_assertions()]
            text = jax.export.export(jitted, disabled_checks=checks)(*arguments).mlir_module()
        else:
            text = jitted.lower(*arguments).as_text("stablehlo")
    except Exception as error:  # whatever the function itself raises
        raise Refusal(f"{type(error).__name__} while it was traced: {error}") from None
    name = options.function or getattr(function, "__name__", "main")
    text = re.sub(r"func\.func public @main\b", f"func.func public @{name}", text, count=1)
    if re.search(r'custom_call @(?!Sharding)(\w+)', text):
        called = sorted(set(re.findall(r'custom_call @(?!Sharding)(\w+)', text)))
        raise Refusal(f"the function calls {', '.join(called)}, which is code of JAX's own backend")
    output.write_text(text, encoding="utf-8")
    return Imported(output, "stablehlo", "jax")


