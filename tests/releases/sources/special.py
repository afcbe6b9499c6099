"""Writes special.spv, the kernel of special.mlir: output[i] = input[i] * constant 0, of 32 bits.

    special.py FILE

No compiler release makes specialisation constants of its own; a shader that is given to it may have
them. Source: the SPIR-V specification 1.0, numbers of instructions and enumerants.
"""

import pathlib
import struct
import sys

(VOID, FUNCTION, U32, VECTOR, VECTOR_INPUT, ID, ARRAY, BLOCK, BLOCK_POINTER, INPUT, OUTPUT, ZERO, FACTOR,
 MAIN, LABEL, U32_POINTER, ID_VALUE, INDEX, FROM, VALUE, PRODUCT, TO, BOUND) = range(1, 24)
UNIFORM, BUILTIN_INPUT = 2, 1


def text(string):
    data = string.encode() + b"\0"
    data += b"\0" * (-len(data) % 4)
    return struct.unpack("<%dI" % (len(data) // 4), data)


INSTRUCTIONS = [
    (17, 1),  # capability Shader
    (14, 0, 1),  # logical addresses, GLSL450
    (15, 5, MAIN, *text("scaled"), ID),  # entry point of a compute shader
    (16, MAIN, 17, 1, 1, 1),  # workgroups of 1
    (71, ID, 11, 28),  # GlobalInvocationId
    (71, ARRAY, 6, 4),  # ArrayStride
    (71, BLOCK, 3),  # BufferBlock
    (72, BLOCK, 0, 35, 0),  # Offset
    (71, INPUT, 34, 0), (71, INPUT, 33, 0),  # DescriptorSet, Binding
    (71, OUTPUT, 34, 0), (71, OUTPUT, 33, 1),
    (71, FACTOR, 1, 0),  # SpecId 0
    (19, VOID), (33, FUNCTION, VOID), (21, U32, 32, 0), (23, VECTOR, U32, 3),
    (32, VECTOR_INPUT, BUILTIN_INPUT, VECTOR), (59, VECTOR_INPUT, ID, BUILTIN_INPUT),
    (29, ARRAY, U32), (30, BLOCK, ARRAY), (32, BLOCK_POINTER, UNIFORM, BLOCK),
    (59, BLOCK_POINTER, INPUT, UNIFORM), (59, BLOCK_POINTER, OUTPUT, UNIFORM),
    (43, U32, ZERO, 0),
    (50, U32, FACTOR, 1),  # a specialisation constant, 1 where nobody gives it
    (32, U32_POINTER, UNIFORM, U32),
    (54, VOID, MAIN, 0, FUNCTION), (248, LABEL),
    (61, VECTOR, ID_VALUE, ID), (81, U32, INDEX, ID_VALUE, 0),
    (65, U32_POINTER, FROM, INPUT, ZERO, INDEX), (61, U32, VALUE, FROM),
    (132, U32, PRODUCT, VALUE, FACTOR),
    (65, U32_POINTER, TO, OUTPUT, ZERO, INDEX), (62, TO, PRODUCT),
    (253,), (56,),
]


def words():
    yield from (0x07230203, 0x10000, 0, BOUND, 0)
    for opcode, *operands in INSTRUCTIONS:
        yield (len(operands) + 1) << 16 | opcode
        yield from operands


if __name__ == "__main__":
    pathlib.Path(sys.argv[1]).write_bytes(b"".join(struct.pack("<I", word) for word in words()))
