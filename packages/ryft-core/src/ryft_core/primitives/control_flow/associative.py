"""`associative_scan`: all partial results of an associative operation, in logarithmic depth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ryft_core import trees
from ryft_core.errors import OperandError, ShapeError, StructureError
from ryft_core.primitives import arithmetic
from ryft_core.primitives.control_flow.bodies import check_callable, visible
from ryft_core.primitives.manipulation import canonical_axis, concatenate, pad, slice_along
from ryft_core.primitives.manipulation import reverse as flip
from ryft_core.primitives.operands import as_value, constant_like
from ryft_core.tracebacks import boundary

__all__ = ["associative_scan"]


@boundary("associative_scan")
def associative_scan(fn: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """Returns all partial results of an associative operation along an axis.

    Result `i` combines the elements up to and with `i`; the elements from `i` on, if `reverse`. The operation is
    applied to many elements at once, a number of times that grows with the logarithm of the length.

    Example:
        >>> import numpy
        >>> associative_scan(lambda a, b: a * b, numpy.arange(1, 6, dtype="int32")).tolist()
        [1, 2, 6, 24, 120]

    Args:
        fn: Function of two structures as `elems`, with any length along the axis, that combines them element by
            element. It must be associative; the first argument comes first along the axis.
        elems: Structure of arrays of one length along the axis.
        reverse: Whether to start from the last element.
        axis: Axis to go along.

    Raises:
        ShapeError: If the arrays differ in their length.
        StructureError: If `fn` returns another structure, or other types.
    """
    check_callable("associative_scan", fn=fn)
    leaves, structure = trees.flatten(elems)
    values = [as_value(leaf) for leaf in leaves]
    if not values:
        raise OperandError("`associative_scan` expected at least one array, but got a structure without any")
    for path, value in zip(structure.paths, values, strict=True):
        if not value.type.shape:
            raise ShapeError(
                f"`associative_scan` expected arrays with an axis to go along, but `elems{path}` is a scalar"
            )
    axes = [canonical_axis(axis, value.type.ndim, "associative_scan") for value in values]
    lengths = {value.type.shape[own] for value, own in zip(values, axes, strict=True)}
    if len(lengths) > 1:
        shapes = ", ".join(str(value.type.shape) for value in values)
        raise ShapeError(f"`associative_scan` expected arrays of one length along axis {axis}, but got {shapes}")
    if reverse:
        values = [flip(value, (own,)) for value, own in zip(values, axes, strict=True)]

    def combine(left: list[Any], right: list[Any]) -> list[Any]:
        results, found = trees.flatten(fn(structure.unflatten(left), structure.unflatten(right)))
        if found != structure:
            raise StructureError(
                "`associative_scan` expected a function that returns the structure of its arguments, but: "
                f"{trees.structure_difference(structure, found)}"
            )
        combined = [as_value(result) for result in results]
        for path, value, operand in zip(structure.paths, combined, left, strict=True):
            if value.type.shape != operand.type.shape or value.type.dtype != operand.type.dtype:
                raise StructureError(
                    "`associative_scan` expected a function that returns values of the types of its arguments, but "
                    f"`elems{path}` is {operand.type} before it and {value.type} after it"
                )
        return combined

    results = _scan(combine, values, axes)
    if reverse:
        results = [flip(value, (own,)) for value, own in zip(results, axes, strict=True)]
    return structure.unflatten(map(visible, results))


def _scan(combine: Callable[..., list[Any]], values: list[Any], axes: list[int]) -> list[Any]:
    length = values[0].type.shape[axes[0]]
    if length < 2:
        return values

    def part(arrays: list[Any], start: int, limit: int, stride: int = 1) -> list[Any]:
        return [slice_along(x, axis, start, limit, stride) for x, axis in zip(arrays, axes, strict=True)]

    # Combine pairs of neighbours, scan these, and fill in what is between them.
    pairs = combine(part(values, 0, length - length % 2, 2), part(values, 1, length, 2))
    odd = _scan(combine, pairs, axes)
    count = odd[0].type.shape[axes[0]]
    if length % 2 == 0:
        even = combine(part(odd, 0, count - 1), part(values, 2, length, 2)) if count > 1 else []
    else:
        even = combine(odd, part(values, 2, length, 2))
    first = part(values, 0, 1)
    even = [concatenate([x, y], axis) for x, y, axis in zip(first, even, axes, strict=True)] if even else first
    return [_interleaved(x, y, axis) for x, y, axis in zip(even, odd, axes, strict=True)]


def _interleaved(even: Any, odd: Any, axis: int) -> Any:
    """Returns the elements of two arrays in turn; the first array may have one more."""
    first, second = even.type.shape[axis], odd.type.shape[axis]
    zero = constant_like(0, even)

    def spread(value: Any, low: int, high: int) -> Any:
        return pad(value, zero, [(low, high, 1) if i == axis else (0, 0, 0) for i in range(value.type.ndim)])

    return arithmetic.add(spread(even, 0, int(first == second)), spread(odd, 1, int(first > second)))
