"""Reads the elements of `dense<...>` attributes into NumPy arrays."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy

if TYPE_CHECKING:
    from .types import ShapedType

__all__ = ["parse_elements", "read_elements"]

# The bindings hand out a buffer for these only, and for a splat of booleans they hand out wrong elements.
_BUFFERS = {numpy.dtype(code) for code in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "?")}
_NUMBER = re.compile(r"true|false|0x[0-9A-Fa-f]+|-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")


def read_elements(raw: Any, shaped: ShapedType) -> numpy.ndarray[Any, Any]:
    """Returns the elements of a `dense<...>` attribute of the bindings.

    Raises:
        DataTypeError: If NumPy and `ml_dtypes` have no such type.
    """
    data_type: numpy.dtype[Any] = shaped.data_type
    shape = tuple(raw.type.shape)
    if data_type in _BUFFERS and not raw.is_splat:
        return numpy.array(raw).astype(data_type, copy=False).reshape(shape)
    text = str(raw)
    body = text[text.index("<") + 1 : text.rindex("> : ")]
    values = parse_elements(body, data_type)
    return numpy.full(shape, values[0], data_type) if raw.is_splat else values.reshape(shape).copy()


def parse_elements(body: str, data_type: numpy.dtype[Any]) -> numpy.ndarray[Any, Any]:
    """Returns the elements that the text between `dense<` and `>` spells, in a row; a splat is one element."""
    if body.startswith('"0x'):
        return numpy.frombuffer(bytes.fromhex(body[3:-1]), data_type)
    return _parse(_NUMBER.findall(body), data_type)


def _parse(tokens: list[str], data_type: numpy.dtype[Any]) -> numpy.ndarray[Any, Any]:
    if data_type.kind == "c":
        parts = _parse(tokens, numpy.dtype(f"f{data_type.itemsize // 2}"))
        return parts.view(data_type)
    if data_type == numpy.bool_:
        return numpy.array([token == "true" for token in tokens])
    if data_type.kind in "iu" or data_type.name in ("int2", "int4", "uint2", "uint4"):
        return numpy.array([int(token) for token in tokens]).astype(data_type)
    # Hexadecimal numbers are the bits of what has no decimal form: infinities, NaNs and the like.
    unsigned = numpy.dtype(f"u{data_type.itemsize}")
    values = [
        numpy.array(int(token, 16), unsigned).view(data_type) if token.startswith("0x") else data_type.type(token)
        for token in tokens
    ]
    return numpy.array(values, data_type).reshape(-1)
