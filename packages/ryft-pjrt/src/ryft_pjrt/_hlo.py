"""The types of a compiled program's parameters, read from its serialized HLO module without the protobuf runtime."""

from __future__ import annotations

from ryft_pjrt._wire import fields, integers
from ryft_pjrt.data_types import ArrayType, BufferType, array_type

__all__ = ["parameter_types"]

# Field numbers of `HloModuleProtoWithConfig`, `HloModuleProto`, `ProgramShapeProto` and `ShapeProto`.
_MODULE, _HOST_PROGRAM_SHAPE, _PARAMETERS = 1, 4, 1
_ELEMENT_TYPE, _DIMENSIONS, _TUPLE_SHAPES = 2, 3, 4

_TUPLE = 13


def _messages(data: memoryview, number: int) -> list[memoryview]:
    return [value for field, value in fields(data) if field == number and isinstance(value, memoryview)]


def _array_types(shape: memoryview) -> list[ArrayType]:
    """Returns the type of an array shape, or those of a tuple's elements."""
    code = 0
    sizes: list[int] = []
    for number, value in fields(shape):
        if number == _ELEMENT_TYPE and isinstance(value, int):
            code = value
        elif number == _DIMENSIONS:
            sizes += integers(value)
    if code == _TUPLE:
        return [found for part in _messages(shape, _TUPLE_SHAPES) for found in _array_types(part)]
    return [array_type(BufferType.from_proto(code), tuple(sizes))]


def parameter_types(code: bytes, *, with_config: bool) -> list[ArrayType]:
    """Returns the types of the parameters of a serialized `HloModuleProto`, or `HloModuleProtoWithConfig`."""
    data = memoryview(code)
    if with_config:
        (data,) = _messages(data, _MODULE)
    (program_shape,) = _messages(data, _HOST_PROGRAM_SHAPE)
    return [found for shape in _messages(program_shape, _PARAMETERS) for found in _array_types(shape)]
