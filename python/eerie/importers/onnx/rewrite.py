"""Which rewrites an ONNX graph goes through before it is imported, and in which order."""
from __future__ import annotations

import onnx

from . import model as onnx_model


def run(model: onnx_model.Model) -> None:
    """Rewrites the graph in place until nothing changes any more; types are inferred afterwards."""
    if model.proto.functions:
        model.proto = onnx.inliner.inline_local_functions(model.proto)
    onnx_model.infer_shapes(model)
