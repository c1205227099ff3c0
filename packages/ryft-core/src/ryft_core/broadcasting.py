"""Broadcasting: what data types, shapes, array types and trees of these combine to.

Axes are aligned at the innermost one. Along each axis sizes have to be equal, or one of them has to be 1, and then the
other one is the result. `broadcast` treats its operands alike; `broadcast_to` lets only the first of them grow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, Self, cast, runtime_checkable

import numpy

from ryft_core.errors import DataTypeError, ShapeError, StructureError, hinted
from ryft_core.trees.nodes import kind_of
from ryft_core.trees.prefixes import flatten_prefix
from ryft_core.trees.structures import flatten, unflatten
from ryft_core.types.array_types import ArrayType
from ryft_core.types.data_types import is_promotable, promote_types
from ryft_core.types.sizes import Shape, Size

__all__ = [
    "Broadcastable",
    "broadcast",
    "broadcast_all",
    "broadcast_shape_to",
    "broadcast_shapes",
    "broadcast_to",
    "is_broadcastable_to",
]


@runtime_checkable
class Broadcastable(Protocol):
    """What else can be broadcast: objects that define these methods."""

    def broadcast(self, other: Self, /) -> Self:
        """Returns what `self` and `other` combine to."""
        ...

    def broadcast_to(self, other: Self, /) -> Self:
        """Returns `self`, grown to `other`."""
        ...


# --- shapes -----------------------------------------------------------------------------------------------------------


def broadcast_shapes(
    *shapes: Sequence[Any], operation: str | None = None, names: Sequence[str] | None = None
) -> tuple[Any, ...]:
    """Returns the shape that several shapes combine to, by the rules of NumPy.

    Dynamic sizes combine with 1, and with dynamic sizes of the same bound.

    Example:
        >>> broadcast_shapes((8, 1, 6), (7, 1))
        (8, 7, 6)

    Args:
        shapes: Shapes. If any of them is a `Shape`, so is the result.
        operation: Name of the operation whose operands they are, for errors.
        names: Names of the operands, for errors; otherwise they are numbered.

    Raises:
        ShapeError: If they do not combine. It says which operands and which axis.
    """
    first = shapes[0] if shapes else ()
    if all(shape == first for shape in shapes) and type(first) is tuple:
        return first
    is_dynamic = any(isinstance(shape, Shape) for shape in shapes)
    rank = max(map(len, shapes), default=0)
    result: list[Any] = []
    for axis in range(-rank, 0):
        size, owner = 1, 0
        for position, shape in enumerate(shapes):
            if len(shape) < -axis or shape[axis] == 1 or shape[axis] == size:
                continue
            if size != 1:
                raise _incompatible(shapes, owner, position, axis, operation, names)
            size, owner = shape[axis], position
        result.append(size)
    return Shape(result) if is_dynamic else tuple(result)


def _incompatible(
    shapes: Sequence[Sequence[Any]],
    first: int,
    second: int,
    axis: int,
    operation: str | None,
    names: Sequence[str] | None,
) -> ShapeError:
    labels = [f"`{names[i]}`" if names is not None else f"operand {i}" for i in (first, second)]
    texts = [_text(shapes[i]) for i in (first, second)]
    sizes = [shapes[i][axis] for i in (first, second)]
    subject = f"`{operation}` cannot" if operation else "cannot"
    text = f"{subject} broadcast shapes {texts[0]} of {labels[0]} and {texts[1]} of {labels[1]}"
    error = ShapeError(f"{text}: axis {axis} has sizes {sizes[0]} and {sizes[1]}")
    hint = "sizes must be equal, or one of them must be 1; axes are aligned at the last"
    if any(isinstance(size, Size) and size.is_dynamic for size in sizes):
        hint = "a dynamic size combines only with 1 and with a dynamic size of the same bound"
    elif (fixed := _missing_axis(shapes[first], shapes[second])) is not None:
        hint = f"{hint}; insert an axis, as in `reshape(x, {fixed})`, if that is what you mean"
    return hinted(error, hint)


def _missing_axis(first: Sequence[Any], second: Sequence[Any]) -> tuple[Any, ...] | None:
    """Returns the shape of the operand of lower rank with an axis appended, if that makes the shapes fit."""
    low, high = sorted((tuple(first), tuple(second)), key=len)
    appended = (*low, 1)
    fits = len(low) < len(high) and all(a in (b, 1) or b == 1 for a, b in zip(appended[::-1], high[::-1], strict=False))
    return appended if fits and low else None


def _text(shape: Sequence[Any]) -> str:
    return str(shape) if isinstance(shape, Shape) else str(tuple(shape))


def broadcast_shape_to(shape: Sequence[Any], target: Sequence[Any], *, operation: str | None = None) -> tuple[Any, ...]:
    """Returns `target` if `shape` can grow to it.

    Raises:
        ShapeError: If it cannot: if it has more axes, or an axis that is neither 1 nor as long as that of `target`.
    """
    subject = f"`{operation}` cannot" if operation else "cannot"
    text = f"{subject} broadcast shape {_text(shape)} to shape {_text(target)}"
    if len(shape) > len(target):
        raise ShapeError(f"{text}: it has {len(shape)} axes, which is more than {len(target)}")
    for axis in range(-len(shape), 0):
        if shape[axis] != target[axis] and shape[axis] != 1:
            error = ShapeError(f"{text}: axis {axis} has sizes {shape[axis]} and {target[axis]}")
            raise hinted(error, "only axes of size 1 grow; axes are aligned at the last")
    return Shape(target) if isinstance(shape, Shape) or isinstance(target, Shape) else tuple(target)


# --- everything -------------------------------------------------------------------------------------------------------


def broadcast(first: Any, second: Any) -> Any:
    """Returns what two data types, shapes, array types, or trees of these combine to.

    Data types combine to their promotion, shapes as in NumPy, array types in both ways. Where one tree has a leaf and
    the other one a subtree, the leaf combines with all leaves of the subtree.

    Example:
        >>> broadcast(Shape([3, 1]), Shape([4]))
        Shape([3, 4])

    Raises:
        ShapeError: If shapes do not combine.
        DataTypeError: If data types do not combine.
        StructureError: If neither tree is a prefix of the other one.
    """
    if isinstance(first, numpy.dtype) and isinstance(second, numpy.dtype):
        return promote_types(first, False, second, False)[0]
    if isinstance(first, Shape) and isinstance(second, Shape):
        return broadcast_shapes(first, second)
    if isinstance(first, ArrayType) and isinstance(second, ArrayType):
        dtype, weak = promote_types(first.dtype, first.weak, second.dtype, second.weak)
        return ArrayType(broadcast_shapes(first.shape, second.shape), dtype, weak)
    if isinstance(first, Broadcastable) and kind_of(first) is None:
        return first.broadcast(second)
    return _broadcast_trees(first, second)


def _broadcast_trees(first: Any, second: Any) -> Any:
    if kind_of(first) is None and kind_of(second) is None:
        raise _not_broadcastable(first, second)
    first_leaves, structure = flatten(first)
    try:
        second_leaves, structure = flatten(second)
        first_leaves = flatten_prefix(first, structure, name="first")
    except StructureError as error:
        first_leaves, structure = flatten(first)
        try:
            second_leaves = flatten_prefix(second, structure, name="second")
        except StructureError:
            raise error from None
    return unflatten(structure, [broadcast(a, b) for a, b in zip(first_leaves, second_leaves, strict=True)])


def broadcast_all(values: Sequence[Any]) -> Any:
    """Returns what all `values` combine to. Refer to `broadcast`.

    Raises:
        ShapeError: If there are none.
    """
    if not values:
        raise ShapeError("cannot broadcast an empty collection of types")
    result = values[0]
    for value in values[1:]:
        result = broadcast(result, value)
    return result


def broadcast_to(value: Any, target: Any) -> Any:
    """Returns `value`, grown to `target`, which is what results; only `value` may have axes of size 1 that grow.

    The data type of `value` has to be promotable to that of `target`. A tree has to be a prefix of `target`.

    Raises:
        ShapeError: If a shape cannot grow.
        DataTypeError: If a data type cannot be promoted.
        StructureError: If `value` is not a prefix of `target`.
    """
    if isinstance(value, numpy.dtype) and isinstance(target, numpy.dtype):
        if not is_promotable(value, target):
            raise DataTypeError(f"cannot promote data type `{value}` to `{target}`")
        return target
    if isinstance(value, Shape) and isinstance(target, Shape):
        return broadcast_shape_to(value, target)
    if isinstance(value, ArrayType) and isinstance(target, ArrayType):
        shape = broadcast_shape_to(value.shape, target.shape)
        if promote_types(value.dtype, value.weak, target.dtype, target.weak)[0] != target.dtype:
            raise DataTypeError(f"cannot promote data type `{value.dtype}` to `{target.dtype}`")
        return ArrayType(shape, target.dtype, target.weak)
    if isinstance(value, Broadcastable) and kind_of(value) is None:
        return value.broadcast_to(target)
    if kind_of(value) is None and kind_of(target) is None:
        raise _not_broadcastable(value, target)
    targets, structure = flatten(target)
    values = flatten_prefix(value, structure, name="value")
    return unflatten(structure, [broadcast_to(a, b) for a, b in zip(values, targets, strict=True)])


def is_broadcastable_to(value: Any, target: Any) -> bool:
    """Returns whether `broadcast_to` succeeds."""
    try:
        broadcast_to(value, target)
    except (ShapeError, DataTypeError, StructureError):
        return False
    return True


def _not_broadcastable(first: Any, second: Any) -> DataTypeError:
    names = [cast("type[Any]", type(value)).__qualname__ for value in (first, second)]
    return DataTypeError(f"cannot broadcast a `{names[0]}` with a `{names[1]}`")
