"""The types of a compiled program's parameters, read from its serialized HLO module without the protobuf runtime."""

from __future__ import annotations

from collections.abc import Iterator

from ryft_pjrt.data_types import ArrayType, BufferType, array_type
from ryft_pjrt.errors import InternalError

__all__ = ["parameter_types"]

# Field numbers of `HloModuleProtoWithConfig`, `HloModuleProto`, `ProgramShapeProto` and `ShapeProto`.
_MODULE, _HOST_PROGRAM_SHAPE, _PARAMETERS = 1, 4, 1
_ELEMENT_TYPE, _DIMENSIONS, _TUPLE_SHAPES = 2, 3, 4

_TUPLE, _TOKEN = 13, 17

# The codes of `PrimitiveType` in protobuf messages that differ from those of the C API.
_PROTO_CODES: dict[int, BufferType] = {
    **{code: BufferType(code) for code in (*range(1, 14), 21, 22, 30, 31)},
    15: BufferType.C64,
    18: BufferType.C128,
    19: BufferType.F8E5M2,
    20: BufferType.F8E4M3FN,
    23: BufferType.F8E4M3B11FNUZ,
    24: BufferType.F8E5M2FNUZ,
    25: BufferType.F8E4M3FNUZ,
    26: BufferType.I2,
    27: BufferType.U2,
    28: BufferType.F8E4M3,
    29: BufferType.F8E3M4,
    32: BufferType.F4E2M1FN,
    33: BufferType.F8E8M0FNU,
    _TOKEN: BufferType.TOKEN,
}
_PROTO_CODES.pop(13)
_PROTO_CODES[16] = BufferType.BF16


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yields the number and the value of each field: an integer, or the bytes of a length-delimited one."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        match tag & 7:
            case 0:
                value, position = _varint(data, position)
                yield tag >> 3, value
            case 1:
                position += 8
            case 2:
                size, position = _varint(data, position)
                yield tag >> 3, data[position : position + size]
                position += size
            case 5:
                position += 4
            case kind:
                raise InternalError(f"the program's HLO module has a field of the unknown wire type {kind}")


def _messages(data: memoryview, number: int) -> list[memoryview]:
    return [value for field, value in _fields(data) if field == number and isinstance(value, memoryview)]


def _array_types(shape: memoryview) -> list[ArrayType]:
    """Returns the type of an array shape, or those of a tuple's elements."""
    code = 0
    sizes: list[int] = []
    for number, value in _fields(shape):
        if number == _ELEMENT_TYPE and isinstance(value, int):
            code = value
        elif number == _DIMENSIONS:
            if isinstance(value, int):
                sizes.append(value)
            else:
                position = 0
                while position < len(value):
                    size, position = _varint(value, position)
                    sizes.append(size)
    if code == _TUPLE:
        return [found for part in _messages(shape, _TUPLE_SHAPES) for found in _array_types(part)]
    return [array_type(_PROTO_CODES.get(code, BufferType.INVALID), tuple(sizes))]


def parameter_types(code: bytes, *, with_config: bool) -> list[ArrayType]:
    """Returns the types of the parameters of a serialized `HloModuleProto`, or `HloModuleProtoWithConfig`."""
    data = memoryview(code)
    if with_config:
        (data,) = _messages(data, _MODULE)
    (program_shape,) = _messages(data, _HOST_PROGRAM_SHAPE)
    return [found for shape in _messages(program_shape, _PARAMETERS) for found in _array_types(shape)]
