"""Operations of StableHLO on tensors of dynamic sizes, said in dialects that lower them.

The compiler's own way for these asks for static sizes, or makes dynamic reshapes that do not lower.
"""
from __future__ import annotations

import re

from . import mlir_module
from .route import Refusal


def replace(operation, build) -> None:
    """Puts what `build(operation)` gives, if anything, in the place of an operation of one result."""
    ir = mlir_module.compiler_ir()
    with operation.context, operation.location, ir.InsertionPoint(operation):
        made = build(operation)
    if made is not None:
        operation.results[0].replace_all_uses_with(made)
        operation.erase()


# ---- Pieces ------------------------------------------------------------------------------------

def _index(value: int):
    ir = mlir_module.compiler_ir()
    kind = ir.IndexType.get()
    return ir.Operation.create("arith.constant", results=[kind],
                               attributes={"value": ir.IntegerAttr.get(kind, value)}).result


def _size(tensor, dim: int):
    """A size of a tensor, as an index."""
    ir = mlir_module.compiler_ir()
    kind = ir.RankedTensorType(tensor.type)
    if not kind.is_dynamic_dim(dim):
        return _index(kind.get_dim_size(dim))
    return ir.Operation.create("tensor.dim", results=[ir.IndexType.get()],
                               operands=[tensor, _index(dim)]).result


def _zero(element):
    ir = mlir_module.compiler_ir()
    value = ir.IntegerAttr.get(element, 0) if isinstance(element, ir.IntegerType) else \
        ir.FloatAttr.get(element, 0.0)
    return ir.Operation.create("arith.constant", results=[element],
                               attributes={"value": value}).result


def _generic(name: str, inputs, output, attributes, body):
    """An operation of linalg with one result, whose region `body(arguments)` fills and yields."""
    ir = mlir_module.compiler_ir()
    operation = ir.Operation.create(
        name, results=[output.type], operands=[*inputs, output], regions=1,
        attributes={**attributes,
                    "operandSegmentSizes": ir.DenseI32ArrayAttr.get([len(inputs), 1])})
    kinds = [ir.RankedTensorType(value.type).element_type
             if isinstance(value.type, ir.RankedTensorType) else value.type
             for value in (*inputs, output)]
    block = ir.Block.create_at_start(operation.regions[0], kinds)
    with ir.InsertionPoint(block):
        ir.Operation.create("linalg.yield", operands=[body(list(block.arguments))])
    return operation.result


def _zeros(kind, sizes):
    """A tensor of zeros; `sizes` are those of its dynamic dimensions."""
    ir = mlir_module.compiler_ir()
    empty = ir.Operation.create("tensor.empty", results=[kind], operands=sizes).result
    return _generic("linalg.fill", [_zero(kind.element_type)], empty, {},
                    lambda arguments: arguments[0])


# ---- Products ----------------------------------------------------------------------------------

def _lists(text: str) -> dict[str, list[int]]:
    return {name: [int(number) for number in numbers.split(",") if number.strip()]
            for name, numbers in re.findall(r"(\w+) = \[([\d, ]*)\]", text)}


def product(operation):
    """dot_general as a contraction; None where its types are not plain numbers of one kind."""
    ir = mlir_module.compiler_ir()
    left, right = operation.operands
    result = ir.RankedTensorType(operation.results[0].type)
    kinds = [ir.RankedTensorType(value.type) for value in (left, right)]
    element = result.element_type
    floating = isinstance(element, ir.F32Type | ir.F64Type | ir.F16Type | ir.BF16Type)
    signless = isinstance(element, ir.IntegerType) and element.is_signless
    if not (floating or signless) or any(kind.element_type != element for kind in kinds):
        return None
    numbers = _lists(str(operation.attributes["dot_dimension_numbers"]))
    batch = [numbers.get(f"{side}_batching_dimensions", []) for side in ("lhs", "rhs")]
    contracted = [numbers.get(f"{side}_contracting_dimensions", []) for side in ("lhs", "rhs")]
    free = [[dim for dim in range(kind.rank) if dim not in batch[side] + contracted[side]]
            for side, kind in enumerate(kinds)]
    # Loops: those of the result in its order, then the contracted ones.
    loop = [dict(zip(batch[side], range(len(batch[side])))) for side in (0, 1)]
    places = [(left, dim) for dim in batch[0]]
    for side, value in ((0, left), (1, right)):
        for dim in free[side]:
            loop[side][dim] = len(places)
            places.append((value, dim))
    for side in (0, 1):
        loop[side].update((dim, result.rank + index)
                          for index, dim in enumerate(contracted[side]))
    count = result.rank + len(contracted[0])
    maps = [ir.AffineMap.get(count, 0, [ir.AffineDimExpr.get(loop[side][dim])
                                        for dim in range(kinds[side].rank)]) for side in (0, 1)]
    maps.append(ir.AffineMap.get(count, 0, [ir.AffineDimExpr.get(dim)
                                            for dim in range(result.rank)]))
    iterators = ["parallel"] * result.rank + ["reduction"] * len(contracted[0])
    sizes = [_size(*place) for dim, place in enumerate(places) if result.is_dynamic_dim(dim)]
    suffix = "f" if floating else "i"

    def body(arguments):
        multiplied = ir.Operation.create(f"arith.mul{suffix}", results=[element],
                                         operands=arguments[:2]).result
        return ir.Operation.create(f"arith.add{suffix}", results=[element],
                                   operands=[arguments[2], multiplied]).result
    return _generic("linalg.generic", [left, right], _zeros(result, sizes), {
        "indexing_maps": ir.ArrayAttr.get([ir.AffineMapAttr.get(entry) for entry in maps]),
        "iterator_types": ir.ArrayAttr.get(
            [ir.Attribute.parse(f"#linalg.iterator_type<{name}>") for name in iterators]),
    }, body)


# ---- Broadcasts --------------------------------------------------------------------------------

def _shape_size(shape, dim: int):
    """A size that a tensor of sizes tells, as an index: of the scalar that was put there."""
    ir = mlir_module.compiler_ir()
    element = ir.RankedTensorType(shape.type).element_type
    scalar, place = shape, [dim]
    if _made_by(shape, "stablehlo.concatenate"):
        parts = list(shape.owner.operands)
        if all(ir.RankedTensorType(part.type).get_dim_size(0) == 1 for part in parts):
            scalar, place = parts[dim], [0]
    if _made_by(scalar, "stablehlo.reshape") and \
            ir.RankedTensorType(scalar.owner.operands[0].type).rank == 0:
        scalar, place = scalar.owner.operands[0], []
    taken = ir.Operation.create("tensor.extract", results=[element],
                                operands=[scalar, *map(_index, place)]).result
    return ir.Operation.create("arith.index_cast", results=[ir.IndexType.get()],
                               operands=[taken]).result


def _made_by(value, name: str) -> bool:
    return getattr(value.owner, "name", None) == name


def broadcast(operation):
    """dynamic_broadcast_in_dim as a copy by index.

    JAX repeats a dimension only where its size is 1 in the type, a dynamic one never; the compiler
    takes no broadcast of a dynamic dimension of which that is not known.
    """
    ir = mlir_module.compiler_ir()
    tensor, shape = operation.operands
    kind = ir.RankedTensorType(tensor.type)
    result = ir.RankedTensorType(operation.results[0].type)
    dims = list(ir.DenseI64ArrayAttr(operation.attributes["broadcast_dimensions"]))
    single = [not kind.is_dynamic_dim(dim) and kind.get_dim_size(dim) == 1
              for dim in range(kind.rank)]
    sizes = [_shape_size(shape, dim) for dim in range(result.rank) if result.is_dynamic_dim(dim)]
    empty = ir.Operation.create("tensor.empty", results=[result], operands=sizes).result
    maps = [ir.AffineMap.get(result.rank, 0, [
                ir.AffineConstantExpr.get(0) if single[dim] else ir.AffineDimExpr.get(dims[dim])
                for dim in range(kind.rank)]),
            ir.AffineMap.get_identity(result.rank)]
    return _generic("linalg.generic", [tensor], empty, {
        "indexing_maps": ir.ArrayAttr.get([ir.AffineMapAttr.get(entry) for entry in maps]),
        "iterator_types": ir.ArrayAttr.get(
            [ir.Attribute.parse("#linalg.iterator_type<parallel>")] * result.rank),
    }, lambda arguments: arguments[0])


# ---- Slices ------------------------------------------------------------------------------------

def _clamped(start, most, place=()):
    """An element of a tensor as an index between 0 and `most`; None where it is unsigned."""
    ir = mlir_module.compiler_ir()
    element = ir.RankedTensorType(start.type).element_type
    index = ir.IndexType.get()
    if not element.is_signless:
        return None
    scalar = ir.Operation.create("tensor.extract", results=[element],
                                 operands=[start, *place]).result
    value = ir.Operation.create("arith.index_cast", results=[index], operands=[scalar]).result
    for operator, limit in (("arith.maxsi", _index(0)), ("arith.minsi", most)):
        value = ir.Operation.create(operator, results=[index], operands=[value, limit]).result
    return value


def update_slice(operation):
    """dynamic_update_slice as an insertion into the tensor."""
    ir = mlir_module.compiler_ir()
    tensor, part, *starts = operation.operands
    rank = ir.RankedTensorType(tensor.type).rank
    offsets, sizes = [], []
    for dim in range(rank):
        size = _size(part, dim)
        most = ir.Operation.create("arith.subi", results=[ir.IndexType.get()],
                                   operands=[_size(tensor, dim), size]).result
        offsets.append(_clamped(starts[dim], most))
        sizes.append(size)
    if any(offset is None for offset in offsets):
        return None
    kind = ir.RankedTensorType(part.type)
    static = [None if kind.is_dynamic_dim(dim) else kind.get_dim_size(dim) for dim in range(rank)]
    sizes = [size for size, known in zip(sizes, static) if known is None]
    return ir.Operation.create(
        "tensor.insert_slice", results=[operation.results[0].type],
        operands=[part, tensor, *offsets, *sizes],
        attributes={**_static(static),
                    "operandSegmentSizes": ir.DenseI32ArrayAttr.get(
                        [1, 1, rank, len(sizes), 0])}).result


def _is_ones(shape) -> bool:
    """Whether a tensor of integers is known to be all ones."""
    if _made_by(shape, "stablehlo.concatenate"):
        return all(map(_is_ones, shape.owner.operands))
    if not _made_by(shape, "stablehlo.constant"):
        return False
    return re.search(r"dense<\[?(1(, 1)*)\]?>", str(shape.owner.attributes["value"])) is not None


def slice_between(operation):
    """real_dynamic_slice without strides as an extraction."""
    ir = mlir_module.compiler_ir()
    tensor, start, limit, stride = operation.operands
    if not _is_ones(stride):
        return None
    result = ir.RankedTensorType(operation.results[0].type)
    offsets, sizes, static = [], [], []
    for dim in range(result.rank):
        offsets.append(_shape_size(start, dim))
        static.append(None if result.is_dynamic_dim(dim) else result.get_dim_size(dim))
        if static[-1] is None:
            sizes.append(ir.Operation.create("arith.subi", results=[ir.IndexType.get()],
                                             operands=[_shape_size(limit, dim), offsets[-1]]).result)
    return ir.Operation.create(
        "tensor.extract_slice", results=[result], operands=[tensor, *offsets, *sizes],
        attributes={**_static(static),
                    "operandSegmentSizes": ir.DenseI32ArrayAttr.get(
                        [1, len(offsets), len(sizes), 0])}).result


def _static(sizes) -> dict:
    """What slices say of their dimensions: offsets are values, sizes too where None, strides 1."""
    ir = mlir_module.compiler_ir()
    offset = ir.ShapedType.get_dynamic_stride_or_offset()
    sizes = [ir.ShapedType.get_dynamic_size() if size is None else size for size in sizes]
    return {"static_offsets": ir.DenseI64ArrayAttr.get([offset] * len(sizes)),
            "static_sizes": ir.DenseI64ArrayAttr.get(sizes),
            "static_strides": ir.DenseI64ArrayAttr.get([1] * len(sizes))}


# ---- Gathers -----------------------------------------------------------------------------------

def gather(operation):
    """gather as a copy by index; None where its slices are of dynamic sizes."""
    ir = mlir_module.compiler_ir()
    tensor, starts = operation.operands
    kind, result = (ir.RankedTensorType(value.type) for value in (tensor, operation.results[0]))
    starts_kind = ir.RankedTensorType(starts.type)
    text = str(operation.attributes["dimension_numbers"])
    numbers = _lists(text)
    vector = re.search(r"index_vector_dim = (\d+)", text)
    vector = int(vector.group(1)) if vector else 0
    offset_dims = numbers.get("offset_dims", [])
    batching = numbers.get("operand_batching_dims", [])
    left_out = numbers.get("collapsed_slice_dims", []) + batching
    sliced = [dim for dim in range(kind.rank) if dim not in left_out]
    batch_dims = [dim for dim in range(result.rank) if dim not in offset_dims]
    slice_sizes = list(ir.DenseI64ArrayAttr(operation.attributes["slice_sizes"]))
    if any(result.is_dynamic_dim(dim) for dim in offset_dims) or not starts_kind.has_static_shape \
            and vector < starts_kind.rank and starts_kind.is_dynamic_dim(vector) or \
            not starts_kind.element_type.is_signless:
        return None
    places = [dim for dim in range(starts_kind.rank) if dim != vector]
    sizes = [_size(starts, places[batch_dims.index(dim)]) for dim in range(result.rank)
             if result.is_dynamic_dim(dim)]
    most = {dim: ir.Operation.create("arith.subi", results=[ir.IndexType.get()],
                                     operands=[_size(tensor, dim), _index(slice_sizes[dim])]).result
            for dim in numbers.get("start_index_map", [])}
    empty = ir.Operation.create("tensor.empty", results=[result], operands=sizes).result

    def at(dim):
        return ir.Operation.create("linalg.index", results=[ir.IndexType.get()],
                                   attributes={"dim": ir.IntegerAttr.get(
                                       ir.IntegerType.get_signless(64), dim)}).result

    def body(arguments):
        del arguments
        loops = [at(dim) for dim in range(result.rank)]
        batch = [loops[dim] for dim in batch_dims]
        where = {dim: loops[offset] for dim, offset in zip(sliced, offset_dims)}
        for dim, place in zip(batching, numbers.get("start_indices_batching_dims", [])):
            where[dim] = batch[places.index(place)]
        for entry, dim in enumerate(numbers.get("start_index_map", [])):
            index = batch[:vector] + [_index(entry)] + batch[vector:]
            start = _clamped(starts, most[dim], index[:starts_kind.rank])
            if dim in where:
                start = ir.Operation.create("arith.addi", results=[ir.IndexType.get()],
                                            operands=[start, where[dim]]).result
            where[dim] = start
        found = [where[dim] if dim in where else _index(0) for dim in range(kind.rank)]
        return ir.Operation.create("tensor.extract", results=[kind.element_type],
                                   operands=[tensor, *found]).result
    return _generic("linalg.generic", [], empty, {
        "indexing_maps": ir.ArrayAttr.get(
            [ir.AffineMapAttr.get(ir.AffineMap.get_identity(result.rank))]),
        "iterator_types": ir.ArrayAttr.get(
            [ir.Attribute.parse("#linalg.iterator_type<parallel>")] * result.rank),
    }, body)


# ---- All of them -------------------------------------------------------------------------------

_WAYS = {"stablehlo.dynamic_broadcast_in_dim": broadcast, "stablehlo.dot_general": product,
         "stablehlo.dynamic_update_slice": update_slice, "stablehlo.gather": gather,
         "stablehlo.real_dynamic_slice": slice_between}


def settle(operations) -> None:
    """Replaces those of `operations` that work on tensors of dynamic sizes.

    Refusal: there is one that the compiler is known to get wrong.
    """
    for operation in operations:
        if not any(map(is_dynamic, (*operation.operands, *operation.results))):
            continue
        if operation.name == "stablehlo.while":
            # It takes two values of a loop that begin as one for one.
            raise Refusal("stablehlo.while over tensors of dynamic sizes, which the compiler gets "
                          "wrong; give the size, or let the loop unroll (jax.lax.scan has unroll=)")
        way = _WAYS.get(operation.name)
        if way:
            replace(operation, way)


def is_dynamic(value) -> bool:
    ir = mlir_module.compiler_ir()
    return isinstance(value.type, ir.RankedTensorType) and not value.type.has_static_shape
