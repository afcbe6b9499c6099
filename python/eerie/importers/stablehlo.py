"""StableHLO as JAX writes it, made into what the compiler takes."""
from __future__ import annotations

import re

from . import mlir_module, stablehlo_dynamic
from .route import Refusal

# Calls that say nothing of the values: where an array is to be, and checks of JAX's own runtime.
_IGNORED_CALLS = {"Sharding", "SPMDFullToShardShape", "SPMDShardToFullShape", "shape_assertion"}


def walk(operation) -> list:
    """Every operation inside of `operation`, outer ones first."""
    found = []
    for region in operation.regions:
        for block in region:
            for child in block:
                found.append(child.operation)
                found += walk(child.operation)
    return found


def check_calls(text: str) -> None:
    """Refusal: the module calls code of JAX's own backend. Its text may not even be readable then."""
    called = set(re.findall(r"stablehlo\.custom_call @([\w.]+)", text)) - _IGNORED_CALLS
    if called:
        raise Refusal(f"the function calls {', '.join(sorted(called))}, which is code of JAX's own "
                      "backend")


def drop_assertions(module) -> None:
    """Takes out checks of shapes, which call JAX's own runtime."""
    for operation in walk(module.operation):
        if operation.name == "stablehlo.custom_call" and \
                operation.attributes["call_target_name"].value == "shape_assertion":
            operation.erase()


def settle_dynamic(module) -> None:
    """Whatever is needed for modules with dynamic dimensions."""
    drop_assertions(module)
    settle_reshapes(module)
    stablehlo_dynamic.settle(walk(module.operation))


def settle_reshapes(module) -> None:
    """Says dynamic reshapes with an operation of tensors that the compiler takes."""
    ir = mlir_module.compiler_ir()
    for operation in walk(module.operation):
        if operation.name != "stablehlo.dynamic_reshape":
            continue
        with operation.context, operation.location, ir.InsertionPoint(operation):
            settled = ir.Operation.create("tensor.reshape", results=[operation.results[0].type],
                                          operands=list(operation.operands))
        operation.results[0].replace_all_uses_with(settled.results[0])
        operation.erase()
