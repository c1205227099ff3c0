"""Indexing of arrays."""

from __future__ import annotations

from typing import Any

from ryft_core.errors import OperandError, ShapeError
from ryft_core.primitives import manipulation

__all__ = ["get"]


def get(x: Any, index: Any) -> Any:
    """Returns `x[index]` for integers, slices, `None` and an ellipsis."""
    items = index if isinstance(index, tuple) else (index,)
    rank = x.type.ndim
    used = sum(1 for item in items if item is not None and item is not Ellipsis)
    if used > rank:
        raise ShapeError(f"too many indices for an array of shape {x.type.shape}: got {used}")
    if Ellipsis not in items:
        items = (*items, Ellipsis)
    position = items.index(Ellipsis)
    items = (*items[:position], *[slice(None)] * (rank - used), *items[position + 1 :])
    starts: list[int] = []
    limits: list[int] = []
    strides: list[int] = []
    flipped: list[int] = []
    shape: list[int] = []
    axis = 0
    for item in items:
        if item is None:
            shape.append(1)
            continue
        size = x.type.shape[axis]
        if isinstance(item, slice):
            start, stop, step = item.indices(size)
            count = len(range(start, stop, step))
            if step < 0:
                start, step = start + (count - 1) * step, -step
                flipped.append(axis)
            starts.append(start if count else 0)
            limits.append(start + (count - 1) * step + 1 if count else 0)
            strides.append(step)
            shape.append(count)
        elif hasattr(item, "__index__"):
            number = item.__index__()
            if not -size <= number < size:
                raise IndexError(f"index {number} is out of bounds for axis {axis} with size {size}")
            starts.append(number % size)
            limits.append(number % size + 1)
            strides.append(1)
        else:
            raise OperandError(f"cannot index an array with a `{type(item).__name__}`")
        axis += 1
    if starts != [0] * rank or tuple(limits) != x.type.shape or strides != [1] * rank:
        x = manipulation.slice_(x, starts, limits, strides)
    if flipped:
        x = manipulation.reverse(x, flipped)
    return manipulation.reshape(x, shape)
