"""Collectives: operations between the elements of a mapped axis that has a name.

Under `vmap(..., axis_name=...)` a value of the function is one element of a batch, and a collective combines the
elements. The rule for that is `batch_collective`; for other mapped axes, it is applied to all of their elements at
once. Linear collectives are transposed as if the results of all elements were summed in the end: the transpose of a sum
is a sum.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy

from ryft_core import trees
from ryft_core.errors import BatchingError, ShapeError, hinted
from ryft_core.primitives.base import Primitive
from ryft_core.primitives.manipulation import broadcast_to, canonical_axis, moveaxis, reshape
from ryft_core.primitives.operands import as_value, constant_like, literal
from ryft_core.tracing.traces import STATE
from ryft_core.types.array_types import ArrayType

if TYPE_CHECKING:
    from ryft_core.lowering import Builder

__all__ = [
    "AllGather",
    "AllToAll",
    "AxisIndex",
    "CollectivePermute",
    "CrossMaximum",
    "CrossMinimum",
    "CrossSum",
    "SumScatter",
    "all_gather",
    "all_to_all",
    "axis_index",
    "axis_size",
    "pmax",
    "pmean",
    "pmin",
    "ppermute",
    "pshuffle",
    "psum",
    "psum_scatter",
]

INDEX = ArrayType((), numpy.dtype("int32"))


class Collective(Primitive, abstract=True):
    """Operation between the elements of the mapped axis called `axis_name`."""

    axis_name: Hashable

    def uses_axis(self, name: object) -> bool:
        return name is not None and name == self.axis_name

    def evaluate(self, operands: tuple[Any, ...]) -> Any:
        raise unbound(self.axis_name, self.name)

    def lower(self, builder: Builder, *operands: Any) -> Any:
        raise unbound(self.axis_name, self.name)


def unbound(axis_name: object, name: str) -> BatchingError:
    """Returns the error for a collective along an axis that nothing maps."""
    return hinted(
        BatchingError(f"`{name}` refers to the mapped axis {axis_name!r}, but there is none of this name around it"),
        f"call it inside a function that is mapped by `vmap(..., axis_name={axis_name!r})`",
    )


def leading(operand: Any, axis: int | None, size: int) -> Any:
    """Returns a batch with its mapped axis first; a shared value is repeated."""
    return broadcast_to(operand, (size, *operand.type.shape)) if axis is None else moveaxis(operand, axis, 0)


class Reducing(Collective, abstract=True):
    """Combination of the elements, which all of them get."""

    def infer(self, *types: ArrayType) -> ArrayType:
        return types[0]

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        return self.bind(*operands), axes[0]


class CrossSum(Reducing):
    """Sum over the elements of a mapped axis."""

    name = "psum"
    linear = True

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        return self.bind(*primals), self.bind(*tangents)

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        return [self.bind(cotangents)]

    def batch_collective(self, trace: Any, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        (operand,), (axis,) = operands, axes
        if axis is None:
            return arithmetic.multiply(operand, constant_like(trace.size, operand)), None
        return reductions.ReduceSum((axis,)).bind(operand), None


class Extremum(Reducing, abstract=True):
    """Largest or smallest element. Elements that tie for it share the derivative equally."""

    reduction: ClassVar[Callable[..., Any]]

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        (operand,), (tangent,) = primals, tangents
        result = self.bind(operand)
        chosen = conversions.convert(comparison.equal(operand, result), operand.type.dtype)
        total = CrossSum(self.axis_name)
        return result, arithmetic.divide(total.bind(arithmetic.multiply(tangent, chosen)), total.bind(chosen))

    def batch_collective(self, trace: Any, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        (operand,), (axis,) = operands, axes
        return (operand if axis is None else type(self).reduction((axis,)).bind(operand)), None


class CrossMaximum(Extremum):
    """Largest of the elements of a mapped axis."""

    name = "pmax"

    @staticmethod
    def reduction(axes: tuple[int, ...]) -> Any:
        return reductions.ReduceMaximum(axes)


class CrossMinimum(Extremum):
    """Smallest of the elements of a mapped axis."""

    name = "pmin"

    @staticmethod
    def reduction(axes: tuple[int, ...]) -> Any:
        return reductions.ReduceMinimum(axes)


class Moving(Collective, abstract=True):
    """Linear exchange of elements among the `size` elements of a mapped axis."""

    size: int

    linear = True

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        return self.bind(*primals), self.bind(*tangents)


class AllGather(Moving):
    """All elements, stacked along the new axis `axis`, or joined along it if `tiled`."""

    axis: int
    tiled: bool = False

    name = "all_gather"

    def infer(self, *types: ArrayType) -> ArrayType:
        shape = list(types[0].shape)
        if self.tiled:
            shape[self.axis] *= self.size
        else:
            shape.insert(self.axis, self.size)
        return types[0].with_shape(tuple(shape))

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        return [SumScatter(self.axis_name, self.size, self.axis, self.tiled).bind(cotangents)]

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        moved = leading(operands[0], axes[0], size)
        return AllGather(self.axis_name, self.size, self.axis + 1, self.tiled).bind(moved), 0

    def batch_collective(self, trace: Any, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        gathered = moveaxis(leading(operands[0], axes[0], self.size), 0, self.axis)
        if self.tiled:
            shape = gathered.type.shape
            merged = shape[self.axis] * shape[self.axis + 1]
            gathered = reshape(gathered, (*shape[: self.axis], merged, *shape[self.axis + 2 :]))
        return gathered, None


class SumScatter(Moving):
    """Sum over the elements, of which each gets its own slice along `axis`; its own block, if `tiled`."""

    axis: int
    tiled: bool = False

    name = "psum_scatter"

    def infer(self, *types: ArrayType) -> ArrayType:
        shape = list(types[0].shape)
        length = shape[self.axis]
        if length % self.size if self.tiled else length != self.size:
            wanted = f"a multiple of {self.size}" if self.tiled else f"{self.size}"
            raise ShapeError(
                f"`psum_scatter` along axis {self.axis_name!r} of size {self.size} expected axis {self.axis} of the "
                f"operand to have size {wanted}, but got shape {types[0].shape}"
            )
        shape[self.axis : self.axis + 1] = [length // self.size] if self.tiled else []
        return types[0].with_shape(tuple(shape))

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        return [AllGather(self.axis_name, self.size, self.axis, self.tiled).bind(cotangents)]

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        moved = leading(operands[0], axes[0], size)
        return SumScatter(self.axis_name, self.size, self.axis + 1, self.tiled).bind(moved), 0

    def batch_collective(self, trace: Any, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        total, _ = CrossSum(self.axis_name).batch_collective(trace, operands, axes)
        if self.tiled:
            shape = total.type.shape
            length = shape[self.axis] // self.size
            total = reshape(total, (*shape[: self.axis], self.size, length, *shape[self.axis + 1 :]))
        return total, self.axis


class AllToAll(Moving):
    """Exchange of slices: element `i` gets slice `i` along `split_axis` of every element, along `concat_axis`.

    The slices are stacked along a new axis, or, if `tiled`, blocks are joined along an axis that is there.
    """

    split_axis: int
    concat_axis: int
    tiled: bool = False

    name = "all_to_all"

    def infer(self, *types: ArrayType) -> ArrayType:
        shape = list(types[0].shape)
        length = shape[self.split_axis]
        if length % self.size if self.tiled else length != self.size:
            wanted = f"a multiple of {self.size}" if self.tiled else f"{self.size}"
            raise ShapeError(
                f"`all_to_all` along axis {self.axis_name!r} of size {self.size} expected axis {self.split_axis} of "
                f"the operand to have size {wanted}, but got shape {types[0].shape}"
            )
        if self.tiled:
            shape[self.split_axis] //= self.size
            shape[self.concat_axis] *= self.size
        else:
            del shape[self.split_axis]
            shape.insert(self.concat_axis, self.size)
        return types[0].with_shape(tuple(shape))

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        return [AllToAll(self.axis_name, self.size, self.concat_axis, self.split_axis, self.tiled).bind(cotangents)]

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        moved = leading(operands[0], axes[0], size)
        split, join = self.split_axis + 1, self.concat_axis + 1
        return AllToAll(self.axis_name, self.size, split, join, self.tiled).bind(moved), 0

    def batch_collective(self, trace: Any, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        value = leading(operands[0], axes[0], self.size)
        split, join = self.split_axis + 1, self.concat_axis
        if self.tiled:
            shape = value.type.shape
            value = reshape(value, (*shape[:split], self.size, shape[split] // self.size, *shape[split + 1 :]))
        # The senders are along axis 0 and the receivers along `split`: exchange the roles of the two.
        value = moveaxis(moveaxis(value, split, 0), 1, join + 1)
        if self.tiled:
            shape = value.type.shape
            value = reshape(value, (*shape[: join + 1], shape[join + 1] * shape[join + 2], *shape[join + 3 :]))
        return value, 0


class CollectivePermute(Moving):
    """Exchange of whole elements: `permutation` lists (source, target); an element that is no target gets zeros."""

    permutation: tuple[tuple[int, int], ...]

    name = "ppermute"

    def infer(self, *types: ArrayType) -> ArrayType:
        return types[0]

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        inverse = tuple((target, source) for source, target in self.permutation)
        return [CollectivePermute(self.axis_name, self.size, inverse).bind(cotangents)]

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        return self.bind(*operands), axes[0]

    def batch_collective(self, trace: Any, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        value = leading(operands[0], axes[0], self.size)
        sources = {target: source for source, target in self.permutation}
        rows = [sources.get(target) for target in range(self.size)]
        parts: list[Any] = []
        start = 0
        while start < self.size:
            end = start + 1
            first = rows[start]
            while end < self.size and rows[end] == (None if first is None else first + end - start):
                end += 1
            if first is None:
                shape = (end - start, *value.type.shape[1:])
                parts.append(broadcast_to(constant_like(0, value), shape))
            else:
                parts.append(manipulation.slice_along(value, 0, first, first + end - start))
            start = end
        return manipulation.concatenate(parts, 0), 0


class AxisIndex(Collective):
    """Position of an element along a mapped axis."""

    name = "axis_index"
    differentiable = False

    def infer(self, *types: ArrayType) -> ArrayType:
        return INDEX

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        return self.bind(), None

    def batch_collective(self, trace: Any, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        return as_value(numpy.arange(trace.size, dtype=INDEX.dtype)), 0


def _names(axis_name: Any) -> tuple[Any, ...]:
    return tuple(axis_name) if isinstance(axis_name, tuple | list) else (axis_name,)


def _size(axis_name: Any, name: str) -> int:
    size = STATE.trace.axis_size(axis_name)
    if size is None:
        raise unbound(axis_name, name)
    return size


def _checked(operation: Collective, value: Any) -> Any:
    """Applies an operation after checking the type of its operand: the rule for its axis does not look at it."""
    operation.infer(value.type)
    return operation.bind(value)


def _reduced(primitive: Callable[[Any], Collective], x: Any, axis_name: Any) -> Any:
    operations = [primitive(name) for name in _names(axis_name)]
    for operation in operations:
        _size(operation.axis_name, operation.name)

    def reduce(leaf: Any) -> Any:
        value = as_value(leaf)
        if value.type.kind == "b":
            value = conversions.convert(value, INDEX.dtype)
        for operation in operations:
            value = operation.bind(value)
        return value

    return trees.map(reduce, x)


def psum(x: Any, axis_name: Any) -> Any:
    """Returns the sums of the arrays of a structure over all elements of the mapped axis, or axes, `axis_name`.

    Booleans are counted. Every element gets the same result.

    Raises:
        BatchingError: If there is no mapped axis of this name.
    """
    return _reduced(CrossSum, x, axis_name)


def pmean(x: Any, axis_name: Any) -> Any:
    """Returns the means of the arrays of a structure over all elements of the mapped axis, or axes, `axis_name`."""
    count = axis_size(axis_name)
    return trees.map(lambda total: arithmetic.true_divide(total, count), psum(x, axis_name))


def pmax(x: Any, axis_name: Any) -> Any:
    """Returns the largest elements, over the mapped axis or axes `axis_name`, of the arrays of a structure."""
    return _reduced(CrossMaximum, x, axis_name)


def pmin(x: Any, axis_name: Any) -> Any:
    """Returns the smallest elements, over the mapped axis or axes `axis_name`, of the arrays of a structure."""
    return _reduced(CrossMinimum, x, axis_name)


def all_gather(x: Any, axis_name: Any, *, axis: int = 0, tiled: bool = False) -> Any:
    """Returns, to every element of a mapped axis, the arrays of all of them, stacked along a new axis.

    Args:
        x: Structure of arrays.
        axis_name: Name of the mapped axis; several names stand for one axis, the first one slowest.
        axis: Where the new axis is placed.
        tiled: Whether the arrays are joined along `axis` instead.
    """
    names = _names(axis_name)
    sizes = [_size(name, "all_gather") for name in names]

    def gather(leaf: Any) -> Any:
        value = as_value(leaf)
        place = canonical_axis(axis, value.type.ndim + (not tiled), "all_gather")
        for name, size in zip(reversed(names), reversed(sizes), strict=True):
            before = value.type.shape
            joined = tiled or name is not names[-1]
            value = AllGather(name, size, place, joined).bind(value)
            assert value.type.ndim == len(before) + (not joined)
        return value

    return trees.map(gather, x)


def psum_scatter(x: Any, axis_name: Any, *, scatter_dimension: int = 0, tiled: bool = False) -> Any:
    """Returns, to every element of a mapped axis, its own slice of the sum over all of them.

    Args:
        x: Structure of arrays.
        axis_name: Name of the mapped axis.
        scatter_dimension: Axis of the arrays that is distributed; it must have the size of the mapped axis.
        tiled: Whether each element gets a block, instead of a slice without this axis.

    Raises:
        ShapeError: If the size of the axis does not fit.
    """
    size = _size(axis_name, "psum_scatter")

    def scatter(leaf: Any) -> Any:
        value = as_value(leaf)
        axis = canonical_axis(scatter_dimension, value.type.ndim, "psum_scatter")
        return _checked(SumScatter(axis_name, size, axis, tiled), value)

    return trees.map(scatter, x)


def all_to_all(x: Any, axis_name: Any, split_axis: int, concat_axis: int, *, tiled: bool = False) -> Any:
    """Distributes slices along `split_axis` over the elements of a mapped axis, and joins what each of them gets.

    Args:
        x: Structure of arrays.
        axis_name: Name of the mapped axis.
        split_axis: Axis of the arrays that is distributed; it must have the size of the mapped axis.
        concat_axis: Where the new axis is placed, along which the slices of all elements are stacked.
        tiled: Whether blocks are distributed, and joined along the axis `concat_axis`.

    Raises:
        ShapeError: If the size of the axis does not fit.
    """
    size = _size(axis_name, "all_to_all")

    def exchange(leaf: Any) -> Any:
        value = as_value(leaf)
        split = canonical_axis(split_axis, value.type.ndim, "all_to_all")
        join = canonical_axis(concat_axis, value.type.ndim, "all_to_all")
        return _checked(AllToAll(axis_name, size, split, join, tiled), value)

    return trees.map(exchange, x)


def ppermute(x: Any, axis_name: Any, perm: Sequence[tuple[int, int]]) -> Any:
    """Returns the arrays of another element of a mapped axis, or zeros.

    Args:
        x: Structure of arrays.
        axis_name: Name of the mapped axis.
        perm: Pairs (source, target); an element that is the target of none gets zeros.

    Raises:
        BatchingError: If a position does not exist, or is source or target twice.
    """
    size = _size(axis_name, "ppermute")
    pairs = tuple((int(source), int(target)) for source, target in perm)
    for what, places in (("source", [pair[0] for pair in pairs]), ("target", [pair[1] for pair in pairs])):
        if len(set(places)) != len(places) or not all(0 <= place < size for place in places):
            raise BatchingError(
                f"`ppermute` expected distinct {what}s between 0 and {size - 1}, but got {list(places)}"
            )
    operation = CollectivePermute(axis_name, size, pairs)
    return trees.map(lambda leaf: operation.bind(as_value(leaf)), x)


def pshuffle(x: Any, axis_name: Any, perm: Sequence[int]) -> Any:
    """Returns the arrays of another element of a mapped axis: element `i` gets those of `perm[i]`."""
    return ppermute(x, axis_name, [(source, target) for target, source in enumerate(perm)])


def axis_index(axis_name: Any) -> Any:
    """Returns the position of this element along the mapped axis `axis_name`, an integer.

    Several names stand for one axis, the first one slowest.
    """
    index: Any = None
    for name in _names(axis_name):
        size = _size(name, "axis_index")
        own = AxisIndex(name).bind()
        index = own if index is None else arithmetic.add(arithmetic.multiply(index, literal(size, INDEX.dtype)), own)
    return index


def axis_size(axis_name: Any) -> int:
    """Returns the size of the mapped axis `axis_name`; the product of the sizes, for several names."""
    total = 1
    for name in _names(axis_name):
        total *= _size(name, "axis_size")
    return total


from ryft_core.primitives import arithmetic, comparison, conversions, manipulation, reductions  # noqa: E402
