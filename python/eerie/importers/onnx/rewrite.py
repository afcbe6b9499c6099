"""Which rewrites an ONNX graph goes through before it is imported, and in which order."""
from __future__ import annotations

import typing

import onnx
from onnx import inliner

from ..route import Refusal
from . import fold, fusing, narrow, rewrites
from . import model as onnx_model

# Operators that ONNX itself defines by others, and that do not lower, or not in all forms.
_BY_DEFINITION = {
    "": ["Attention", "CausalConvWithState", "LinearAttention",
         "NegativeLogLikelihoodLoss", "RMSNormalization",
         "SoftmaxCrossEntropyLoss"],
    "ai.onnx.preview": ["FlexAttention"],
}
# A rewrite may make nodes for another one; more rounds than this are a circle.
_ROUNDS = 8


def _inline_definitions(model: onnx_model.Model) -> bool:
    """Replaces operators by their definitions in the standard; whether there were any."""
    wanted = [(domain, name) for domain, names in _BY_DEFINITION.items() for name in names]
    used = {(node.domain, node.op_type) for node in model.proto.graph.node}
    if not used.intersection(wanted):
        return False
    # The inliner wants the types of weights, and of inputs that were left out, as well.
    absent = model.proto.graph.value_info.add(name="")
    absent.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    told = {value.name for value in (*model.proto.graph.input, *model.proto.graph.value_info)}
    weights = {weight.name for weight in model.proto.graph.initializer} - told
    for weight in model.proto.graph.initializer:
        if weight.name in weights:
            model.proto.graph.value_info.append(onnx.helper.make_tensor_value_info(
                weight.name, weight.data_type, weight.dims))
    try:
        model.proto = inliner.inline_selected_functions(
            model.proto, wanted, exclude=False, inline_schema_functions=True)
    except Exception as error:  # its assertions are RuntimeErrors
        raise Refusal(f"the definition of an operator of the standard could not be taken: "
                      f"{onnx_model.first_line(error)}") from None
    kept = [value for value in model.proto.graph.value_info
            if value.name and value.name not in weights]
    del model.proto.graph.value_info[:]
    model.proto.graph.value_info.extend(kept)
    onnx_model.infer_shapes(model)
    return True


def run(model: onnx_model.Model, no_rewrite: typing.Collection[str] = ()) -> None:
    """Rewrites the graph in place until nothing changes any more; types are inferred afterwards.

    `no_rewrite` names those of fusing.py to leave out, and `constants`, computing constants now; where
    an operator looks at values that are computed, it does not lower then."""
    folds = "constants" not in no_rewrite
    if model.proto.functions:
        model.proto = inliner.inline_local_functions(model.proto)
    if model.opset == 0:  # a model may use operators of other domains alone
        model.proto.opset_import.add(domain="", version=onnx_model.NEW_OPSET)
    _refine(model, folds)
    if narrow.run(model):
        _refine(model, folds)
    fused = fusing.run(model, no_rewrite)
    if fused:
        _refine(model, folds)
        model.notes.append("simplified: " + ", ".join(
            f"{name} {count}" for name, count in sorted(fused.items())))
    done: set[str] = set()
    for _ in range(_ROUNDS):
        changed = _inline_definitions(model)
        names = rewrites.apply(model)
        done |= names
        if not names and not changed:
            break
        _refine(model, folds)
        if narrow.run(model):
            _refine(model, folds)
    if done:
        model.notes.append(f"rewritten: {', '.join(sorted(done))}")


def _refine(model: onnx_model.Model, folds: bool) -> None:
    """Types and constants, until one brings nothing more for the other."""
    onnx_model.infer_shapes(model)
    for _ in range(_ROUNDS):
        if not folds or not fold.run(model):
            break
        onnx_model.infer_shapes(model)
