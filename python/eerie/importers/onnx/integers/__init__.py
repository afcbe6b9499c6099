"""Quantised networks in integers: products of signed bytes that are summed in 32 bits.

ONNX writes quantised networks in three ways, which all end in the same form here:

    integers    MatMulInteger and ConvInteger, with zero points of each side
    quantised   QLinearConv, QLinearMatMul; and operators of floats between DequantizeLinear and
                QuantizeLinear

    (a - za) x (b - zb) = a x b - za * sum(b) - zb * sum(a) + K * za * zb

The product of the bytes as they are stored is what the compiler has fast code for; the rest is of one
dimension less, and constant where weights are. Unsigned bytes become signed ones first: u8 - z =
(u8 - 128) - (z - 128).

    builder.py       building nodes, arithmetic that folds constants
    products.py      products of matrices
    convolutions.py  convolutions
    windows.py       convolutions as products of matrices
    operators.py     MatMulInteger, ConvInteger
    regions.py       where floats stand for bytes: moves them behind what moves elements alone, and
                     makes unsigned bytes signed
    steps.py         from sums to bytes
    qdq.py           operators between DequantizeLinear and QuantizeLinear
"""
from .operators import rewrite_operators
from .qdq import rewrite_quantised
from .windows import rewrite_windows

__all__ = ["rewrite_operators", "rewrite_quantised", "rewrite_windows"]
