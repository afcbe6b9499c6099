"""Numbers of eight bits and fewer that are no plain integers: 8-bit and 4-bit floats, 4- and 2-bit
integers.

The compiler carries them but converts few of them. So they are bytes within the graph: floats by their
bits, integers by their value, one to a byte. Conversions become integer arithmetic; operators that
only move elements need no change. 8-bit floats keep their type at the module's border; the smaller
types, which arrays in memory have in bytes too, are bytes there.
"""
from __future__ import annotations

import dataclasses

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..route import Refusal
from . import model as onnx_model
from .model import BITS_DOMAIN
from .rewrites import quantised
from .rewrites.graph import Graph, attributes


@dataclasses.dataclass(frozen=True)
class Float:
    """How a narrow float is made up."""

    mantissa: int  # bits
    bias: int
    most: int  # code of the largest finite number
    infinity: int  # code, or that of NaN where there is none
    nan: int
    unsigned_zero: bool = False
    sign: int = 0x80


FLOATS = {
    TensorProto.FLOAT8E4M3FN: Float(3, 7, 0x7E, 0x7F, 0x7F),
    TensorProto.FLOAT8E4M3FNUZ: Float(3, 8, 0x7F, 0x80, 0x80, unsigned_zero=True),
    TensorProto.FLOAT8E5M2: Float(2, 15, 0x7B, 0x7C, 0x7E),
    TensorProto.FLOAT8E5M2FNUZ: Float(2, 16, 0x7F, 0x80, 0x80, unsigned_zero=True),
    TensorProto.FLOAT4E2M1: Float(1, 1, 0x7, 0x7, 0x8, sign=0x8),
}
# (bits, signed)
INTEGERS = {
    TensorProto.INT4: (4, True), TensorProto.UINT4: (4, False),
    TensorProto.INT2: (2, True), TensorProto.UINT2: (2, False),
}
_E8M0 = TensorProto.FLOAT8E8M0
NARROW = {*FLOATS, *INTEGERS, _E8M0}
# Those that a module has at its border.
_KEPT_OUTSIDE = {TensorProto.FLOAT8E4M3FN, TensorProto.FLOAT8E4M3FNUZ, TensorProto.FLOAT8E5M2,
                 TensorProto.FLOAT8E5M2FNUZ}


def carrier(kind: int) -> int:
    """The type that stands for a narrow one."""
    signed = kind in INTEGERS and INTEGERS[kind][1]
    return TensorProto.INT8 if signed else TensorProto.UINT8


# ---- From bytes to numbers and back ------------------------------------------------------------

def widen(graph: Graph, x: str, kind: int, to: int) -> str:
    """Numbers of the type `to` from narrow ones."""
    if kind in INTEGERS:
        return graph.add("Cast", x, to=to)
    count = 16 if kind == TensorProto.FLOAT4E2M1 else 256
    codes = numpy.arange(count, dtype=numpy.uint8)
    table = codes.view(helper.tensor_dtype_to_np_dtype(kind)).astype(numpy.float32)
    wide = graph.add("Gather", graph.constant(table), graph.add("Cast", x, to=TensorProto.INT64))
    return wide if to == TensorProto.FLOAT else graph.add("Cast", wide, to=to)


def narrow(graph: Graph, x: str, kind: int, saturate: bool = True, mode: str = "up") -> str:
    """Narrow numbers, as their carrier, from those of type float."""
    if kind in INTEGERS:
        return _to_integer(graph, x, kind)
    if kind == _E8M0:
        return _to_e8m0(graph, x, saturate, mode)
    return _to_float(graph, x, FLOATS[kind], saturate)


def _int(graph: Graph, value: int) -> str:
    return graph.constant(value, numpy.int32)


def _to_integer(graph: Graph, x: str, kind: int) -> str:
    """Towards zero, then the low bits, as C does."""
    bits, signed = INTEGERS[kind]
    size = 1 << bits
    whole = graph.add("Cast", x, to=TensorProto.INT32)
    low = graph.add("Mod", whole, _int(graph, size))
    if signed:
        high = graph.add("Less", low, _int(graph, size // 2))
        low = graph.add("Where", high, low, graph.add("Sub", low, _int(graph, size)))
    return graph.add("Cast", low, to=carrier(kind))


def _parts(graph: Graph, x: str) -> tuple[str, str]:
    """(whether the sign bit is set, the other bits as an integer)"""
    bits = graph.bits(x, TensorProto.INT32)
    negative = graph.add("Less", bits, _int(graph, 0))
    # The smallest integer is the sign bit alone.
    cleared = graph.add("Sub", bits, _int(graph, -2**31))
    return negative, graph.add("Where", negative, cleared, bits)


def _to_float(graph: Graph, x: str, form: Float, saturate: bool) -> str:
    negative, bits = _parts(graph, x)
    shift = 23 - form.mantissa
    # Half to even: one less than half is added, and the bit that will be the last.
    last = graph.add("Mod", graph.add("Div", bits, _int(graph, 1 << shift)), _int(graph, 2))
    finite = graph.add("Min", bits, _int(graph, 0x7F000000))  # so that the sum has room
    rounded = graph.add("Add", graph.add("Add", finite, _int(graph, (1 << shift - 1) - 1)), last)
    normal = graph.add("Sub", graph.add("Div", rounded, _int(graph, 1 << shift)),
                       _int(graph, 127 - form.bias << form.mantissa))
    # Below the least normal number a code is a multiple of the least number.
    least = 1 - form.bias
    step = graph.constant(2.0 ** (form.mantissa - least), numpy.float32)
    tiny = graph.add("Less", bits, _int(graph, least + 127 << 23))
    magnitude = graph.add("Abs", x)
    bounded = graph.add("Where", tiny, magnitude, graph.constant(0, numpy.float32))
    multiple = graph.add("Cast", graph.add("Round", graph.add("Mul", bounded, step)),
                         to=TensorProto.INT32)
    code = graph.add("Where", tiny, multiple, normal)
    beyond = graph.add("Greater", code, _int(graph, form.most))
    code = graph.add("Where", beyond, _int(graph, form.most if saturate else form.infinity), code)
    signed = graph.add("Where", negative, graph.add("Add", code, _int(graph, form.sign)), code)
    if form.unsigned_zero:
        zero = graph.add("Equal", code, _int(graph, 0))
        signed = graph.add("Where", zero, code, signed)
        if not saturate:
            signed = graph.add("Where", beyond, _int(graph, form.nan), signed)
    is_nan = graph.add("Greater", bits, _int(graph, 0x7F800000))
    nan = _int(graph, form.nan)
    if form.sign == 0x80 and not form.unsigned_zero:  # a NaN has its sign
        nan = graph.add("Where", negative, graph.add("Add", nan, _int(graph, form.sign)), nan)
    return graph.add("Cast", graph.add("Where", is_nan, nan, signed), to=TensorProto.UINT8)


def _to_e8m0(graph: Graph, x: str, saturate: bool, mode: str) -> str:
    """The exponent alone; `mode` is which way its fraction goes."""
    _, bits = _parts(graph, x)
    one = _int(graph, 1 << 23)
    exponent = graph.add("Div", bits, one)
    fraction = graph.add("Mod", bits, one)
    if mode == "down":
        up = None
    elif mode == "nearest":
        half = _int(graph, 1 << 22)
        odd = graph.add("Greater", exponent, _int(graph, 0))
        up = graph.add("Or", graph.add("Greater", fraction, half),
                       graph.add("And", graph.add("Equal", fraction, half), odd))
    else:
        up = graph.add("Greater", fraction, _int(graph, 0))
    code = exponent
    if up:
        most = _int(graph, 254 if saturate else 255)
        more = graph.add("Cast", up, to=TensorProto.INT32)
        code = graph.add("Min", graph.add("Add", exponent, more), most)
        special = graph.add("Equal", exponent, _int(graph, 255))
        code = graph.add("Where", special, exponent, code)
    return graph.add("Cast", code, to=TensorProto.UINT8)


# ---- Operators that convert --------------------------------------------------------------------

def _cast(graph: Graph, node, kinds) -> str:
    options = attributes(node)
    source = graph.element(node.input[0])
    target = options["to"] if node.op_type == "Cast" else graph.element(node.input[1])
    x = node.input[0]
    if source in kinds:
        if target not in kinds:
            return widen(graph, x, source, target)
        x = widen(graph, x, source, TensorProto.FLOAT)
    elif source != TensorProto.FLOAT and not (
            target in INTEGERS and source != TensorProto.BOOL):
        x = graph.add("Cast", x, to=TensorProto.FLOAT)
    return narrow(graph, x, target, bool(options.get("saturate", 1)),
                  options.get("round_mode", b"up").decode())


_CONVERTERS = {"Cast": _cast, "CastLike": _cast, "DequantizeLinear": quantised.dequantize,
               "QuantizeLinear": quantised.quantize}


# ---- The graph ---------------------------------------------------------------------------------

def _has_narrow(model: onnx_model.Model) -> bool:
    graph = model.proto.graph
    border = {name for node in graph.node if node.domain == BITS_DOMAIN
              for name in (*node.input, *node.output)}
    kinds = {value.type.tensor_type.elem_type
             for value in (*graph.input, *graph.output, *graph.value_info)
             if value.name not in border}
    kinds |= {initializer.data_type for initializer in graph.initializer}
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.name in ("to", "output_dtype"):
                kinds.add(attribute.i)
            elif attribute.type == onnx.AttributeProto.TENSOR:
                kinds.add(attribute.t.data_type)
    return bool(kinds & NARROW)


def _as_carrier(tensor: TensorProto) -> None:
    """The elements of a constant as bytes."""
    kind = tensor.data_type
    array = numpy_helper.to_array(tensor)
    if kind in INTEGERS:
        array = array.astype(helper.tensor_dtype_to_np_dtype(carrier(kind)))
    else:
        array = numpy.ascontiguousarray(array).view(numpy.uint8)
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


def _retype(values, but=()) -> None:
    for value in values:
        tensor = value.type.tensor_type
        if tensor.elem_type in NARROW and tensor.elem_type not in but:
            tensor.elem_type = carrier(tensor.elem_type)


def _borders(model: onnx_model.Model) -> None:
    """8-bit floats become bytes behind the inputs, and floats again before the outputs."""
    graph = model.proto.graph
    first, renamed = [], {}
    done = {node.input[0] for node in graph.node if node.domain == BITS_DOMAIN}
    made = {node.output[0] for node in graph.node if node.domain == BITS_DOMAIN}
    for value in graph.input:
        if value.name not in done and value.type.tensor_type.elem_type in _KEPT_OUTSIDE:
            renamed[value.name] = value.name + "/bits"
            first.append(helper.make_node("Bits", [value.name], [renamed[value.name]],
                                          domain=BITS_DOMAIN, to=TensorProto.UINT8))
    last = []
    for value in graph.output:
        if value.name not in made and value.type.tensor_type.elem_type in _KEPT_OUTSIDE:
            renamed[value.name] = value.name + "/bits"
            last.append(helper.make_node("Bits", [renamed[value.name]], [value.name],
                                         domain=BITS_DOMAIN, to=value.type.tensor_type.elem_type))
    for node in graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                names[index] = renamed.get(name, name)
    for value in graph.value_info:
        value.name = renamed.get(value.name, value.name)
    if renamed:
        onnx_model.allow_bits(model)
    nodes = [*first, *graph.node, *last]
    del graph.node[:]
    graph.node.extend(nodes)
    for value in (*graph.input, *graph.output):
        if value.name in renamed:
            typed = graph.value_info.add(name=renamed[value.name])
            typed.type.CopyFrom(value.type)
            typed.type.tensor_type.elem_type = TensorProto.UINT8


def run(model: onnx_model.Model) -> bool:
    """Makes narrow numbers bytes; whether there were any."""
    if not _has_narrow(model):
        return False
    proto = model.proto.graph
    graph = Graph(model)
    nodes = list(proto.node)
    del proto.node[:]
    for node in nodes:
        converter = _CONVERTERS.get(node.op_type)
        kinds = {graph.element(name) for name in (*node.input, *node.output) if name}
        if converter and kinds & NARROW:
            graph.begin(node)
            try:
                result = converter(graph, node, NARROW)
            except Refusal as refusal:
                model.refuse(node, str(refusal))
                proto.node.append(node)
                continue
            proto.node.extend(graph.nodes)
            proto.node.append(helper.make_node("Identity", [result], [node.output[0]]))
            continue
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR and attribute.t.data_type in NARROW:
                _as_carrier(attribute.t)
        proto.node.append(node)
    for initializer in proto.initializer:
        if initializer.data_type in NARROW and initializer.name not in model.weights:
            _as_carrier(initializer)
    _borders(model)
    _retype(proto.value_info)
    _retype(proto.input, _KEPT_OUTSIDE)
    _retype(proto.output, _KEPT_OUTSIDE)
    model.notes.append("8-bit floats and smaller numbers are computed with as bytes")
    return True

