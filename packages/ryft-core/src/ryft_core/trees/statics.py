"""Static values: what tells two of them apart, since `1 == 1.0 == True` and `0.0 == -0.0`."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

import numpy

__all__ = ["distinction"]

# Most static values are of these types: equal ones are the same.
_PLAIN = frozenset({str, int, bool, bytes, type(None), type})


def distinction(value: Any) -> Hashable:
    """Returns what has to agree besides `==` for two static values to be the same.

    That is the type, in tuples and frozen sets at any depth, and the signs of zeros. What classes of the user contain
    is for their `==` to compare.
    """
    cls = type(value)
    if cls in _PLAIN:
        return cls
    if isinstance(value, tuple):
        return cls, tuple(map(distinction, value))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if isinstance(value, frozenset):
        return cls, frozenset((distinction(item), item) for item in value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if isinstance(value, float | numpy.floating) and value == 0:
        return cls, math.copysign(1, value)
    if isinstance(value, complex | numpy.complexfloating):
        return cls, math.copysign(1, value.real), math.copysign(1, value.imag)
    return cls
