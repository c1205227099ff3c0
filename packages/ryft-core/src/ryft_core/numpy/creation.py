"""Making arrays, named as in NumPy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ryft_core.arrays import device_array
from ryft_core.backends import default_client
from ryft_core.errors import ArgumentError, ShapeError, hinted
from ryft_core.numpy.fusion import fused
from ryft_core.primitives import arithmetic, bits, comparison, conversions, creation, exponential, manipulation
from ryft_core.primitives.creation import shape_of
from ryft_core.primitives.operands import as_value, check_range, constant_like, promote, value_or_literal
from ryft_core.programs.atoms import Literal, Value
from ryft_core.tracing.traces import STATE
from ryft_core.types.array_types import ArrayType, kind_of
from ryft_core.types.data_types import bit_width, canonical_dtype

if TYPE_CHECKING:
    from ryft_core.arrays import Array, ArrayLike

__all__ = [
    "arange",
    "array",
    "asarray",
    "copy",
    "diag",
    "diagflat",
    "empty",
    "empty_like",
    "eye",
    "from_dlpack",
    "full",
    "full_like",
    "geomspace",
    "identity",
    "indices",
    "linspace",
    "logspace",
    "meshgrid",
    "ones",
    "ones_like",
    "tri",
    "tril",
    "triu",
    "vander",
    "view",
    "zeros",
    "zeros_like",
]

Shape = int | Sequence[int]


def asarray(value: Any, dtype: Any = None) -> Array:
    """Returns `value` as an array: a number, a NumPy array, an array already, or nested sequences of those.

    Python numbers get the default element type of their kind.
    """
    return array(value, dtype)


def array(value: Any, dtype: Any = None, *, copy: bool | None = None) -> Any:
    """Returns a new array of the elements of `value`, converted to `dtype` if it is given.

    Arrays are immutable, so nothing is copied that is an array already, unless `copy` is true.
    """
    dtype = None if dtype is None else canonical_dtype(dtype)
    if isinstance(value, list | tuple):
        result = _from_sequence(value, dtype)
    elif dtype is not None and type(value) in _SCALARS:
        result = creation.scalar(value, dtype)
    else:
        result = value_or_literal(value)
    if dtype is not None:
        result = conversions.convert(result, dtype)
    elif result.type.weak:
        result = conversions.convert(result, result.type.dtype)
    if type(result) is Literal and STATE.trace is STATE.base:
        result = device_array(result)  # Not one that others may hold: it can be donated.
    return _copied(result) if copy and result is value else result


_SCALARS = (bool, int, float, complex)


def _from_sequence(value: Sequence[Any], dtype: Any) -> Any:
    leaves = list(_flattened(value))
    if any(isinstance(leaf, Value) for leaf in leaves):
        parts = promote(*[array(part) if isinstance(part, list | tuple) else part for part in value])
        shapes = {part.type.shape for part in parts}
        if len(shapes) > 1:
            raise ShapeError(f"`array` expected rows of equal shape, but got {sorted(shapes)}")
        return manipulation.concatenate([manipulation.expand_dims(part, 0) for part in parts], 0)
    kinds = set(map(type, leaves))
    try:
        if kinds.issubset(_SCALARS):  # Not NumPy's defaults, but ours.
            widest = max(kinds, key=_SCALARS.index, default=float)
            return as_value(_elements(value, leaves, widest, canonical_dtype(widest) if dtype is None else dtype))
        return as_value(numpy.asarray(value))
    except ValueError:
        raise hinted(
            ShapeError("`array` expected nested sequences of equal lengths"), "pad the rows to one length"
        ) from None


def _elements(value: Any, leaves: Sequence[Any], widest: type, dtype: Any) -> numpy.ndarray[Any, Any]:
    """Returns nested sequences of Python scalars, the widest of type `widest`, on their way to elements of `dtype`."""
    kind = kind_of(dtype)
    if kind == "b" or (widest is complex and kind != "c") or (widest is float and kind not in "fc"):
        return numpy.asarray(value, canonical_dtype(widest))  # Converted where all arrays are.
    for extreme in (max(leaves), min(leaves)) if widest is int else ():
        check_range(extreme, dtype)
    with numpy.errstate(all="ignore"):  # What is too large becomes infinite.
        return numpy.asarray(value, dtype) if dtype.kind != "V" else numpy.asarray(value).astype(dtype)


def _flattened(value: Any) -> Any:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _flattened(item)
    else:
        yield value


@fused
def _copied(x: Any, /) -> Any:
    return manipulation.Reshape(x.type.shape).bind(x)


def copy(x: ArrayLike) -> Array:
    """Returns a copy of `x` in memory of its own."""
    return _copied(array(x))


def view(x: ArrayLike, dtype: Any) -> Array:
    """Returns the bits of the elements of `x` read as another element type.

    One of another width changes the size of the last axis.
    """
    x, dtype = as_value(x), canonical_dtype(dtype)
    old, new = bit_width(x.type.dtype), bit_width(dtype)
    shape = x.type.shape
    if old == new:
        return bits.bitcast_convert_type(x, dtype)
    if not shape:
        raise ShapeError(f"`view` of a scalar cannot change the width of its elements, from {old} to {new} bits")
    if new < old:
        result = bits.bitcast_convert_type(x, dtype)
        return manipulation.reshape(result, (*shape[:-1], shape[-1] * (old // new)))
    ratio = new // old
    if shape[-1] % ratio:
        raise ShapeError(f"`view` expected a last axis that {ratio} divides, but got shape {shape}")
    return bits.bitcast_convert_type(manipulation.reshape(x, (*shape[:-1], shape[-1] // ratio, ratio)), dtype)


def from_dlpack(value: Any, device: Any = None) -> Any:
    """Returns an array of the elements of `value`, which any library that supports DLPack may have made."""
    from ryft_core.arrays import DeviceArray

    if isinstance(value, Value):
        return value
    buffer = default_client().from_dlpack(value, device)
    return DeviceArray(buffer, ArrayType(buffer.shape, buffer.dtype))


def zeros(shape: Shape, dtype: Any = float) -> Array:
    """Returns zeros."""
    return full(shape, 0, dtype)


def ones(shape: Shape, dtype: Any = float) -> Array:
    """Returns ones."""
    return full(shape, 1, dtype)


def empty(shape: Shape, dtype: Any = float) -> Array:
    """Returns zeros: there are no arrays without values."""
    return full(shape, 0, dtype)


def full(shape: Shape, fill_value: Any, dtype: Any = None) -> Array:
    """Returns an array with every element `fill_value`, which is broadcast."""
    if type(fill_value) in _SCALARS:
        fill_value = creation.scalar(fill_value, canonical_dtype(type(fill_value) if dtype is None else dtype))
    return _full(fill_value, shape=shape_of(shape), dtype=None if dtype is None else canonical_dtype(dtype))


@fused
def _full(value: Any, /, *, shape: tuple[int, ...], dtype: Any) -> Any:
    return creation.full(shape, value, dtype)


def zeros_like(x: ArrayLike, dtype: Any = None, shape: Shape | None = None) -> Array:
    """Returns zeros of the shape and element type of `x`, or others that are given."""
    return full_like(x, 0, dtype, shape)


def ones_like(x: ArrayLike, dtype: Any = None, shape: Shape | None = None) -> Array:
    """Returns ones of the shape and element type of `x`, or others that are given."""
    return full_like(x, 1, dtype, shape)


def empty_like(x: ArrayLike, dtype: Any = None, shape: Shape | None = None) -> Array:
    """Returns zeros of the shape and element type of `x`, or others that are given."""
    return full_like(x, 0, dtype, shape)


def full_like(x: ArrayLike, fill_value: Any, dtype: Any = None, shape: Shape | None = None) -> Array:
    """Returns an array with every element `fill_value`, of the shape and element type of `x`, or others."""
    type = as_value(x).type
    return full(type.shape if shape is None else shape, fill_value, type.dtype if dtype is None else dtype)


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Array:
    """Returns numbers from `start` up to, not including, `stop`, `step` apart; from zero, if only one is given.

    The numbers are constants: the length of the result depends on them.
    """
    if stop is None:
        start, stop = 0, start
    given: tuple[Any, ...] = (start, stop, 1 if step is None else step)
    for value in given:
        if isinstance(value, Value):
            value._concrete("the length of `arange`") if hasattr(value, "_concrete") else None  # type: ignore[attr-defined]
    first, last, distance = (value.item() if hasattr(value, "item") else value for value in given)
    if dtype is None:
        kind = next(kind for kind in (complex, float, int) if any(isinstance(v, kind) for v in (first, last, distance)))
        dtype = canonical_dtype(kind)
    dtype = canonical_dtype(dtype)
    if distance == 0:
        raise ArgumentError("`arange` expected a step that is not zero")
    count = max(0, math.ceil((last - first) / distance))
    if kind_of(dtype) in "iu" and count and all(isinstance(value, int) for value in (first, distance)):
        check_range(first, dtype)
        check_range(first + (count - 1) * distance, dtype)
        # A step may be negative where numbers may not: with wrapping around, the sums are right.
        return _counted(*(_wrapped(value, dtype) for value in (first, distance)), count=count, dtype=dtype)
    return _counted(creation.scalar(first, dtype), creation.scalar(distance, dtype), count=count, dtype=dtype)


def _wrapped(value: int, dtype: numpy.dtype[Any]) -> Literal:
    return Literal(numpy.asarray(value % 2**64, "uint64").astype(dtype))


@fused
def _counted(first: Any, distance: Any, /, *, count: int, dtype: Any) -> Any:
    numbers = creation.iota(dtype, (count,))
    first, distance = conversions.convert(first, dtype), conversions.convert(distance, dtype)
    return arithmetic.add(arithmetic.multiply(numbers, distance), first)


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """Returns `num` evenly spaced numbers from `start` to `stop`, which is included if `endpoint`.

    With `retstep`, a pair of the numbers and the distance between them.
    """
    chosen = None if dtype is None else canonical_dtype(dtype)
    if chosen is not None and bit_width(chosen) >= 64:  # Computed in as many bits as the result has.
        wide = numpy.dtype("complex128" if kind_of(chosen) == "c" else "float64")
        start, stop = (creation.scalar(x, wide) if type(x) in _SCALARS else x for x in (start, stop))
    values, step = _linspace(start, stop, num=num, endpoint=endpoint, dtype=chosen, axis=axis)
    return (values, step) if retstep else values


@fused
def _linspace(start: Any, stop: Any, /, *, num: int, endpoint: bool, dtype: Any, axis: int) -> tuple[Any, Any]:
    if num < 0:
        raise ArgumentError(f"`linspace` expected a number of elements that is not negative, but got {num}")
    start, stop = arithmetic.inexact(start, stop)
    start, stop = comparison.broadcast_together(start, stop)
    # The float type of the computation; integers are rounded down at the end.
    intervals = num - 1 if endpoint else num
    step = arithmetic.divide(arithmetic.subtract(stop, start), float(max(intervals, 1)))
    shape = start.type.shape
    positions = creation.iota(start.type.dtype, (num, *[1] * len(shape)))
    fraction = arithmetic.divide(positions, float(max(intervals, 1)))
    values = arithmetic.add(
        arithmetic.multiply(start, arithmetic.subtract(1.0, fraction)), arithmetic.multiply(stop, fraction)
    )
    if endpoint and num > 1:  # The last one is exact.
        last = comparison.equal(positions, float(num - 1))
        values = comparison.select(last, stop, values)
    values = manipulation.broadcast_to(values, (num, *shape))
    if start.type.weak:
        values = conversions.convert(values, values.type.dtype)
        step = conversions.convert(step, step.type.dtype)
    if dtype is not None:
        if kind_of(dtype) in "iu":
            values = arithmetic.floor(values)
        values = conversions.convert(values, dtype)
    axis = manipulation.canonical_axis(axis, len(shape) + 1, "linspace")
    return manipulation.moveaxis(values, 0, axis), step


def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0
) -> Array:
    """Returns `base` raised to `num` evenly spaced exponents from `start` to `stop`."""
    result = arithmetic.power(base, linspace(start, stop, num, endpoint, axis=axis))
    return result if dtype is None else conversions.convert(result, dtype)


def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Array:
    """Returns `num` numbers from `start` to `stop`, each a constant multiple of the one before; all positive."""
    result = exponential.exp(linspace(exponential.log(start), exponential.log(stop), num, endpoint, axis=axis))
    return result if dtype is None else conversions.convert(result, dtype)


def eye(n: int, m: int | None = None, k: int = 0, dtype: Any = float) -> Array:
    """Returns a matrix of `n` rows and `m` (default `n`) columns with ones on the `k`-th diagonal, zeros elsewhere."""
    return _eye(rows=n, columns=n if m is None else m, k=k, dtype=canonical_dtype(dtype))


@fused
def _eye(*, rows: int, columns: int, k: int, dtype: Any) -> Any:
    return conversions.convert(_diagonal_distance(rows, columns, k, "EQ"), dtype)


def _diagonal_distance(rows: int, columns: int, k: int, direction: Any) -> Any:
    """Returns how the column compares with the row plus `k`, for every element of a matrix."""
    row = creation.iota(numpy.int32, (rows, 1))
    column = creation.iota(numpy.int32, (1, columns), 1)
    return comparison.Compare(direction).bind(column, arithmetic.add(row, k))


def identity(n: int, dtype: Any = float) -> Array:
    """Returns the identity matrix of `n` rows."""
    return eye(n, dtype=dtype)


def tri(n: int, m: int | None = None, k: int = 0, dtype: Any = float) -> Array:
    """Returns a matrix with ones on and below the `k`-th diagonal, zeros elsewhere."""
    return _tri(rows=n, columns=n if m is None else m, k=k, dtype=canonical_dtype(dtype))


@fused
def _tri(*, rows: int, columns: int, k: int, dtype: Any) -> Any:
    return conversions.convert(_diagonal_distance(rows, columns, k, "LE"), dtype)


def _matrix_shape(x: Any, name: str) -> tuple[int, int]:
    if x.type.ndim < 2:
        raise ShapeError(f"`{name}` expected a matrix, or several, but got shape {x.type.shape}")
    return x.type.shape[-2], x.type.shape[-1]


@fused
def tril(x: ArrayLike, /, k: int = 0) -> Array:
    """Returns `x` with zeros above the `k`-th diagonal of its last two axes."""
    x = as_value(x)
    kept = _diagonal_distance(*_matrix_shape(x, "tril"), k, "LE")
    return comparison.select(kept, x, constant_like(0, x))


@fused
def triu(x: ArrayLike, /, k: int = 0) -> Array:
    """Returns `x` with zeros below the `k`-th diagonal of its last two axes."""
    x = as_value(x)
    kept = _diagonal_distance(*_matrix_shape(x, "triu"), k, "GE")
    return comparison.select(kept, x, constant_like(0, x))


@fused
def diag(x: ArrayLike, /, k: int = 0) -> Array:
    """Returns the matrix with the vector `x` on its `k`-th diagonal, or that diagonal of the matrix `x`."""
    x = as_value(x)
    if x.type.ndim == 1:
        size = x.type.shape[0] + abs(k)
        before = max(k, 0), max(-k, 0)
        columns = manipulation.pad(x, constant_like(0, x), [(before[0], before[1], 0)])
        row = manipulation.broadcast_to(columns, (size, size))
        return comparison.select(_diagonal_distance(size, size, k, "EQ"), row, constant_like(0, x))
    if x.type.ndim != 2:
        raise ShapeError(f"`diag` expected a vector or a matrix, but got shape {x.type.shape}")
    return diagonal_of(x, k)


def diagonal_of(x: Any, k: int) -> Array:
    """Returns the `k`-th diagonals of the last two axes of `x`."""
    rows, columns = x.type.shape[-2:]
    row, column = max(-k, 0), max(k, 0)
    length = max(0, min(rows - row, columns - column))
    lead = x.type.ndim - 2
    flat = manipulation.reshape(x, (*x.type.shape[:-2], rows * columns))
    first = row * columns + column
    # In row-major order, the elements of a diagonal are one row and one column apart.
    stop = first + (length - 1) * (columns + 1) + 1 if length else first
    return manipulation.slice_along(flat, lead, min(first, rows * columns), min(stop, rows * columns), columns + 1)


def diagflat(x: ArrayLike, k: int = 0) -> Array:
    """Returns the matrix with the elements of `x`, in row-major order, on its `k`-th diagonal."""
    return diag(manipulation.reshape(x, (-1,)), k=k)


def meshgrid(*xs: Any, indexing: str = "xy", sparse: bool = False) -> list[Any]:
    """Returns the coordinates of a grid: for each vector, an array of its elements along one axis of the grid.

    Args:
        xs: Vectors of coordinates.
        indexing: "xy" exchanges the first two axes of the grid, "ij" does not.
        sparse: Whether to leave the other axes at size 1.
    """
    if indexing not in ("xy", "ij"):
        raise ArgumentError(f"`meshgrid` expected 'xy' or 'ij' as `indexing`, but got {indexing!r}")
    vectors = [manipulation.reshape(as_value(x), (-1,)) for x in xs]
    order = list(range(len(vectors)))
    if indexing == "xy" and len(vectors) > 1:
        order[:2] = 1, 0
    shape = [0] * len(vectors)
    for vector, axis in zip(vectors, order, strict=True):
        shape[axis] = vector.type.shape[0]
    result: list[Any] = []
    for vector, axis in zip(vectors, order, strict=True):
        sizes = [vector.type.shape[0] if other == axis else 1 for other in range(len(vectors))]
        part = manipulation.reshape(vector, sizes)
        result.append(part if sparse else manipulation.broadcast_to(part, shape))
    return result


def indices(dimensions: Sequence[int], dtype: Any = int, sparse: bool = False) -> Any:
    """Returns the index along each axis of every element of an array of shape `dimensions`, stacked; or sparse ones."""
    grids = meshgrid(*[arange(size, dtype=dtype) for size in dimensions], indexing="ij", sparse=sparse)
    if sparse:
        return tuple(grids)
    return manipulation.concatenate([manipulation.expand_dims(grid, 0) for grid in grids], 0)


def vander(x: ArrayLike, n: int | None = None, increasing: bool = False) -> Array:
    """Returns the matrix whose columns are the powers of the vector `x`, falling ones unless `increasing`."""
    x = as_value(x)
    count = x.type.shape[0] if n is None else n
    exponents = numpy.arange(count) if increasing else numpy.arange(count)[::-1]
    columns = manipulation.reshape(x, (-1, 1))
    return arithmetic.power(columns, as_value(exponents.astype("int32")))
