"""Sizes and shapes: how many elements an axis has, as far as that is known before the program runs."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import SupportsIndex, TypeAlias

from ryft_core.errors import ShapeError, hinted

__all__ = ["Shape", "Size", "SizeLike"]


class Size:
    """Number of elements along an axis: static if it is known, and otherwise dynamic, possibly with a bound.

    A static size equals the integer that it stands for. Dynamic sizes are equal if their bounds are, which does not
    mean that they will be the same number when the program runs.

    Example:
        >>> str(Size(3)), str(Size.dynamic(10)), str(Size.dynamic())
        ('3', '<=10', '?')

    Attributes:
        value: The number, or `None` if the size is dynamic.
        bound: Largest number that the size can be, or `None` if there is no bound. That of a static size is itself.
    """

    __slots__ = ("bound", "value")

    value: int | None
    bound: int | None

    def __init__(self, value: SupportsIndex | Size) -> None:
        if isinstance(value, Size):
            _set(self, value.value, value.bound)
            return
        number = _natural(value, "a size")
        _set(self, number, number)

    @classmethod
    def dynamic(cls, bound: SupportsIndex | None = None) -> Size:
        """Returns a size that is known only when the program runs, and is at most `bound` if that is given."""
        size = object.__new__(cls)
        _set(size, None, None if bound is None else _natural(bound, "the bound of a size"))
        return size

    @property
    def is_static(self) -> bool:
        """Whether the number is known."""
        return self.value is not None

    @property
    def is_dynamic(self) -> bool:
        """Whether the number is known only when the program runs."""
        return self.value is None

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"cannot assign to `{name}`: sizes are immutable")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"cannot delete `{name}`: sizes are immutable")

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Size):
            return self.value == other.value and self.bound == other.bound
        return self.value == other if isinstance(other, int) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.value) if self.is_static else hash((Size, self.bound))

    def __int__(self) -> int:
        return self.__index__()

    def __index__(self) -> int:
        if self.value is None:
            raise hinted(
                ShapeError(f"expected a static size, but got the dynamic size `{self}`"),
                "the number is known only when the program runs; use its `bound` where an upper limit will do",
            )
        return self.value

    def __reduce__(self) -> tuple[object, ...]:
        return (Size, (self.value,)) if self.is_static else (Size.dynamic, (self.bound,))

    def __str__(self) -> str:
        if self.is_static:
            return str(self.value)
        return "?" if self.bound is None else f"<={self.bound}"

    def __repr__(self) -> str:
        return f"Size({self.value})" if self.is_static else f"Size.dynamic({'' if self.bound is None else self.bound})"


def _set(size: Size, value: int | None, bound: int | None) -> None:
    object.__setattr__(size, "value", value)
    object.__setattr__(size, "bound", bound)


def _natural(value: SupportsIndex, what: str) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise ShapeError(f"expected an integer for {what}, but got {value!r}") from None
    if number < 0:
        raise ShapeError(f"expected {what} not to be negative, but got {number}")
    return number


SizeLike: TypeAlias = Size | SupportsIndex
"""What stands for a size."""


class Shape(tuple[Size, ...]):
    """Sizes of the axes of an array, from the outermost to the innermost.

    Example:
        >>> shape = Shape([2, Size.dynamic(10)])
        >>> str(shape), shape.rank, shape.is_static, shape.bound
        ('[2, <=10]', 2, False, 20)

    Args:
        sizes: Sizes of the axes; integers stand for static sizes.

    Raises:
        ShapeError: If one of them is no size.
    """

    __slots__ = ()

    def __new__(cls, sizes: Iterable[SizeLike] = ()) -> Shape:
        return super().__new__(cls, (size if type(size) is Size else Size(size) for size in sizes))

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self)

    @property
    def is_static(self) -> bool:
        """Whether all sizes are known."""
        return all(size.value is not None for size in self)

    @property
    def elements(self) -> int | None:
        """Number of elements, or `None` if it is not known."""
        if not self.is_static:
            return 0 if 0 in self else None
        return math.prod(map(int, self))

    @property
    def bound(self) -> int | None:
        """Largest number of elements that there can be, or `None` if there is no bound."""
        bounds = [size.bound for size in self]
        if 0 in bounds:
            return 0
        return None if None in bounds else math.prod(bound for bound in bounds if bound is not None)

    def dimension(self, axis: int) -> Size:
        """Returns the size of an axis. Negative axes count from the innermost.

        Raises:
            ShapeError: If there is no such axis.
        """
        if not self:
            raise ShapeError(f"expected an axis of shape `{self}`, but it has none")
        if not -len(self) <= axis < len(self):
            raise ShapeError(
                f"expected an axis between {-len(self)} and {len(self) - 1} of shape `{self}`, but got {axis}"
            )
        return self[axis]

    def to_tuple(self) -> tuple[int, ...]:
        """Returns the sizes as integers.

        Raises:
            ShapeError: If one of them is dynamic.
        """
        return tuple(map(int, self))

    def __str__(self) -> str:
        return f"[{', '.join(map(str, self))}]"

    def __repr__(self) -> str:
        return f"Shape({self})"
