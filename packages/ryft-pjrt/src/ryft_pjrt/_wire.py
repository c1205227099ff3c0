"""The protobuf wire format, as far as the hot start-up path needs it: without loading the protobuf runtime."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from ryft_pjrt.errors import DataLossError

__all__ = ["encode_bytes", "encode_double", "encode_float", "encode_integer", "encode_packed", "fields", "integers"]

_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5


def _varint(value: int) -> bytes:
    value &= 2**64 - 1
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def encode_integer(number: int, value: int) -> bytes:
    """Returns a field with an integer, a boolean or an enumeration value."""
    return _varint(number << 3 | _VARINT) + _varint(int(value))


def encode_float(number: int, value: float) -> bytes:
    """Returns a field with a single-precision number."""
    return _varint(number << 3 | _FIXED_32) + struct.pack("<f", value)


def encode_double(number: int, value: float) -> bytes:
    """Returns a field with a double-precision number."""
    return _varint(number << 3 | _FIXED_64) + struct.pack("<d", value)


def encode_bytes(number: int, value: bytes) -> bytes:
    """Returns a field with bytes, text or a message."""
    return _varint(number << 3 | _BYTES) + _varint(len(value)) + value


def encode_packed(number: int, values: Iterable[int]) -> bytes:
    """Returns a field with a list of integers, or nothing for an empty one."""
    packed = b"".join(map(_varint, values))
    return encode_bytes(number, packed) if packed else b""


def _read_varint(data: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise DataLossError("a protobuf message ends within an integer")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position


def fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yields the number and the value of each field: an integer, or the bytes of anything else.

    Raises:
        DataLossError: If the bytes are not a message.
    """
    position = 0
    while position < len(data):
        tag, position = _read_varint(data, position)
        kind = tag & 7
        if kind == _VARINT:
            value, position = _read_varint(data, position)
            yield tag >> 3, value
            continue
        if kind == _BYTES:
            size, position = _read_varint(data, position)
        elif kind in (_FIXED_64, _FIXED_32):
            size = 8 if kind == _FIXED_64 else 4
        else:
            raise DataLossError(f"a protobuf message has a field of the unknown wire type {kind}")
        if position + size > len(data):
            raise DataLossError("a protobuf message ends within a field")
        yield tag >> 3, data[position : position + size]
        position += size


def integers(value: int | memoryview) -> list[int]:
    """Returns the integers of a repeated field's occurrence, packed or not."""
    if isinstance(value, int):
        return [value]
    result: list[int] = []
    position = 0
    while position < len(value):
        item, position = _read_varint(value, position)
        result.append(item)
    return result
