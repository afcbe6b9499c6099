"""Joins functions that were imported one by one into one module, where they share weights and state.

`eerie import` writes a module for each function, with the tensors of the network as globals, each at
a location that is its name in the network. Here functions move into the first module and use the
globals there, so that what one of them leaves in the cache the other one finds.
"""
from __future__ import annotations

import pathlib
import re

from iree.compiler import ir


def _globals(module) -> dict[str, str]:
    """The symbols of a module's globals by the names of the tensors that they hold."""
    found = {}
    for operation in module.body.operations:
        if operation.operation.name == "util.global":
            name = re.fullmatch(r'loc\("(.*?)".*\)', str(operation.location)).group(1)
            found[name] = ir.StringAttr(operation.attributes["sym_name"]).value
    return found


def _walk(operation):
    for region in operation.regions:
        for block in region.blocks:
            for inner in block.operations:
                yield inner.operation
                yield from _walk(inner.operation)


def join(sources: list[pathlib.Path], output: pathlib.Path) -> None:
    with ir.Context():
        first, *others = (ir.Module.parse(source.read_bytes()) for source in sources)
        places = _globals(first)
        for other in others:
            symbols = {symbol: places[name] for name, symbol in _globals(other).items()}
            for function in [operation.operation for operation in other.body.operations
                             if operation.operation.name == "func.func"]:
                for operation in _walk(function):
                    if operation.name in ("util.global.load", "util.global.store"):
                        symbol = ir.FlatSymbolRefAttr(operation.attributes["global"]).value
                        operation.attributes["global"] = ir.FlatSymbolRefAttr.get(symbols[symbol])
                function.detach_from_parent()
                first.body.append(function)
        first.operation.verify()
        with output.open("wb") as file:
            first.operation.write_bytecode(file)
