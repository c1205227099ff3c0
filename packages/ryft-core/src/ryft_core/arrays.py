"""Arrays: what users hold. `Array` is the interface; `DeviceArray` has its elements in the memory of a device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy

from ryft_core._native import ArrayBase
from ryft_core.array_methods import ArrayMethods
from ryft_core.errors import ArgumentError, ArgumentTypeError, ClosedError, DonatedError, OperandError, hinted
from ryft_core.primitives import arithmetic, comparison, linear_algebra, manipulation
from ryft_core.programs.atoms import Literal, Value
from ryft_core.tracing.traces import STATE
from ryft_core.types.array_types import ArrayType

__all__ = ["Array", "ArrayLike", "DeviceArray", "device_array"]

T = TypeVar("T")


class Array(ArrayMethods):
    """Immutable array with the operators of NumPy's. A value inside a transformed function is one as well.

    Attributes:
        type: Shape and element type.
    """

    __slots__ = ("__weakref__",)
    __array_priority__ = 100

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        return self.type.shape

    @property
    def dtype(self) -> numpy.dtype[Any]:
        """Element type."""
        return self.type.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.type.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.type.size

    def __len__(self) -> int:
        if not self.type.shape:
            raise OperandError("a scalar array has no length")
        return self.type.shape[0]

    def _concrete(self, use: str) -> numpy.ndarray[Any, Any]:
        """Returns the elements, for a `use` that needs them now."""
        raise NotImplementedError

    def item(self, *index: int) -> Any:
        """Returns the only element, or the one at `index`, as a Python scalar."""
        return self._concrete("`item`").item(*index)

    def tolist(self) -> Any:
        """Returns the elements as nested lists of Python scalars."""
        return self._concrete("`tolist`").tolist()

    def __bool__(self) -> bool:
        return bool(self._concrete("converting an array to `bool`, as in `if`,"))

    def __int__(self) -> int:
        return int(self._concrete("converting an array to `int`"))

    def __float__(self) -> float:
        return float(self._concrete("converting an array to `float`"))

    def __complex__(self) -> complex:
        return complex(self._concrete("converting an array to `complex`"))

    def __index__(self) -> int:
        return self._concrete("using an array as an index").__index__()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> numpy.ndarray[Any, Any]:
        elements = self._concrete("converting an array to a NumPy array")
        converted = elements if dtype is None else elements.astype(dtype, copy=False)
        if copy is False and converted is not elements:
            raise ArgumentError(f"an array of {elements.dtype} cannot become one of {converted.dtype} without a copy")
        return converted.copy() if copy and converted is elements else converted

    def __iter__(self) -> Iterator[Array]:
        if not self.type.shape:
            raise ArgumentTypeError("a scalar array cannot be iterated over")
        if STATE.trace is STATE.base:
            return indexing.unstack_eagerly(self)
        return iter(numpy_manipulation.unstack(self))

    def __hash__(self) -> int:
        raise OperandError("arrays are not hashable: their equality is element-wise")

    def __add__(self, other: Any) -> Array:
        try:
            return arithmetic.add(self, other)
        except OperandError as error:
            return _left_to(other, "__radd__", error)

    def __radd__(self, other: Any) -> Array:
        return arithmetic.add(other, self)

    def __sub__(self, other: Any) -> Array:
        try:
            return arithmetic.subtract(self, other)
        except OperandError as error:
            return _left_to(other, "__rsub__", error)

    def __rsub__(self, other: Any) -> Array:
        return arithmetic.subtract(other, self)

    def __mul__(self, other: Any) -> Array:
        try:
            return arithmetic.multiply(self, other)
        except OperandError as error:
            return _left_to(other, "__rmul__", error)

    def __rmul__(self, other: Any) -> Array:
        return arithmetic.multiply(other, self)

    def __truediv__(self, other: Any) -> Array:
        try:
            return arithmetic.true_divide(self, other)
        except OperandError as error:
            return _left_to(other, "__rtruediv__", error)

    def __rtruediv__(self, other: Any) -> Array:
        return arithmetic.true_divide(other, self)

    def __floordiv__(self, other: Any) -> Array:
        try:
            return elementwise.floor_divide(self, other)
        except OperandError as error:
            return _left_to(other, "__rfloordiv__", error)

    def __rfloordiv__(self, other: Any) -> Array:
        return elementwise.floor_divide(other, self)

    def __mod__(self, other: Any) -> Array:
        try:
            return elementwise.mod(self, other)
        except OperandError as error:
            return _left_to(other, "__rmod__", error)

    def __rmod__(self, other: Any) -> Array:
        return elementwise.mod(other, self)

    def __divmod__(self, other: Any) -> Any:
        try:
            return elementwise.divmod(self, other)
        except OperandError as error:
            return _left_to(other, "__rdivmod__", error)

    def __pow__(self, other: Any) -> Array:
        try:
            return arithmetic.power(self, other)
        except OperandError as error:
            return _left_to(other, "__rpow__", error)

    def __rpow__(self, other: Any) -> Array:
        return arithmetic.power(other, self)

    def __matmul__(self, other: Any) -> Array:
        try:
            return linear_algebra.matmul(self, other)
        except OperandError as error:
            return _left_to(other, "__rmatmul__", error)

    def __rmatmul__(self, other: Any) -> Array:
        return linear_algebra.matmul(other, self)

    def __neg__(self) -> Array:
        return arithmetic.negative(self)

    def __pos__(self) -> Array:
        return self

    def __abs__(self) -> Array:
        return arithmetic.absolute(self)

    def __invert__(self) -> Array:
        return comparison.bitwise_not(self)

    def __and__(self, other: Any) -> Array:
        try:
            return comparison.bitwise_and(self, other)
        except OperandError as error:
            return _left_to(other, "__rand__", error)

    def __rand__(self, other: Any) -> Array:
        return comparison.bitwise_and(other, self)

    def __or__(self, other: Any) -> Array:
        try:
            return comparison.bitwise_or(self, other)
        except OperandError as error:
            return _left_to(other, "__ror__", error)

    def __ror__(self, other: Any) -> Array:
        return comparison.bitwise_or(other, self)

    def __xor__(self, other: Any) -> Array:
        try:
            return comparison.bitwise_xor(self, other)
        except OperandError as error:
            return _left_to(other, "__rxor__", error)

    def __rxor__(self, other: Any) -> Array:
        return comparison.bitwise_xor(other, self)

    def __eq__(self, other: Any) -> Array:  # pyright: ignore[reportIncompatibleMethodOverride]
        try:
            return comparison.equal(self, other)
        except OperandError as error:
            return _left_to(other, "__eq__", error)

    def __ne__(self, other: Any) -> Array:  # pyright: ignore[reportIncompatibleMethodOverride]
        try:
            return comparison.not_equal(self, other)
        except OperandError as error:
            return _left_to(other, "__ne__", error)

    def __lt__(self, other: Any) -> Array:
        try:
            return comparison.less(self, other)
        except OperandError as error:
            return _left_to(other, "__gt__", error)

    def __le__(self, other: Any) -> Array:
        try:
            return comparison.less_equal(self, other)
        except OperandError as error:
            return _left_to(other, "__ge__", error)

    def __gt__(self, other: Any) -> Array:
        try:
            return comparison.greater(self, other)
        except OperandError as error:
            return _left_to(other, "__lt__", error)

    def __ge__(self, other: Any) -> Array:
        try:
            return comparison.greater_equal(self, other)
        except OperandError as error:
            return _left_to(other, "__le__", error)

    def __getitem__(self, index: Any) -> Array:
        return indexing.get(self, index)

    @property
    def at(self) -> updates.UpdateHelper:
        """Updates of elements: `x.at[index].set(values)` returns a new array."""
        return updates.UpdateHelper(self)

    def __lshift__(self, other: Any) -> Array:
        try:
            return elementwise.left_shift(self, other)
        except OperandError as error:
            return _left_to(other, "__rlshift__", error)

    def __rlshift__(self, other: Any) -> Array:
        return elementwise.left_shift(other, self)

    def __rshift__(self, other: Any) -> Array:
        try:
            return elementwise.right_shift(self, other)
        except OperandError as error:
            return _left_to(other, "__rrshift__", error)

    def __rrshift__(self, other: Any) -> Array:
        return elementwise.right_shift(other, self)

    def __rdivmod__(self, other: Any) -> Any:
        return elementwise.divmod(other, self)

    def __round__(self, digits: int | None = None) -> Array:
        rounded = elementwise.round(self, 0 if digits is None else digits)
        return rounded if digits is not None or self.type.kind not in "f" else conversions.convert(rounded, int)

    def __setitem__(self, index: Any, value: Any) -> None:
        error = OperandError("arrays cannot be modified")
        raise hinted(error, "use `x = x.at[index].set(value)`, which gives a new array")

    def __delitem__(self, index: Any) -> None:
        raise hinted(OperandError("elements of arrays cannot be deleted"), "select those to keep: `x[mask]`")

    def __contains__(self, value: Any) -> bool:
        return bool(reductions.any(comparison.equal(self, value)))

    def __reversed__(self) -> Iterator[Any]:
        if not self.type.shape:
            raise ArgumentTypeError("a scalar array cannot be iterated over")
        return iter(manipulation.reverse(self, (0,)))

    def __format__(self, specification: str) -> str:
        if self.type.shape == () and specification:
            return format(self._concrete("formatting").item(), specification)
        if specification:
            raise ArgumentTypeError(
                f"only scalars can be formatted with {specification!r}, not shape {self.type.shape}"
            )
        return str(self)

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        if api_version not in (None, "2021.12", "2022.12", "2023.12", "2024.12"):
            raise ArgumentError(f"expected a version of the array API up to 2024.12, but got {api_version!r}")
        return ryft_core.numpy

    def __copy__(self) -> Array:
        return self

    def __deepcopy__(self, memo: Any) -> Array:
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.type})"


def _left_to(other: Any, method: str, error: OperandError) -> Any:
    """Returns `NotImplemented` where `other`, which is no array, may know how to combine with one; raises elsewhere.

    So arrays are unequal to `None` and to strings, and other libraries can define operators of theirs with arrays.
    Lists have to be converted, which the error tells: what Python makes of them would surprise.
    """
    kind: Any = type(other)
    if issubclass(kind, _ARRAY_TYPES) or kind in _SEQUENCES:
        raise error
    if method in ("__eq__", "__ne__") or getattr(kind, method, None) not in (None, getattr(object, method, None)):
        return NotImplemented
    raise error


_ARRAY_TYPES = (Value, numpy.ndarray, numpy.generic, int, float, complex)
_SEQUENCES = (list, tuple, range)

ArrayLike = Value | numpy.ndarray[Any, Any] | numpy.generic | bool | int | float | complex
"""What functions of arrays take: an array of Ryft's, of NumPy's, or a number."""


class DeviceArray(ArrayBase, Array):
    """Array whose elements are, or will be when the computation that gives them is done, in a device's memory.

    It is made from the buffer that holds the elements, and the type. What a dispatched call returns owns its memory
    itself, and makes the buffer only when it is asked for.

    Attributes:
        buffer: Buffer that holds the elements.
        device: Device whose memory holds them.
    """

    __slots__ = ()

    def _concrete(self, use: str) -> numpy.ndarray[Any, Any]:
        return self._unless_donated(lambda: self.buffer.to_numpy())

    def _unless_donated(self, call: Callable[[], T]) -> T:
        """Returns what `call` does with the buffer; says who has the memory if it was donated."""
        try:
            return call()
        except ClosedError:
            if self._donation is None:
                raise
            raise self.donated_error("this value") from None

    def donated_error(self, name: str) -> DonatedError:
        """Returns the error for an array whose memory was donated, called `name`; it says where that happened."""
        donation: Any = self._donation
        taker, code, line, _ = donation
        where = f"at {code.co_filename}:{line} in `{code.co_name}`" if code is not None else "outside of Python code"
        return hinted(
            DonatedError(
                f"{name}, an array of type {self.type}, was donated to `{getattr(taker, '__name__', taker)}` {where}: "
                f"its memory belongs to the results of that call"
            ),
            "use those results instead, or do not donate the argument",
        )

    def block_until_ready(self) -> DeviceArray:
        """Waits until the elements have been computed, and returns the array."""
        self._unless_donated(lambda: self.buffer.block_until_ready())
        return self

    def is_ready(self) -> bool:
        """Returns whether the elements have been computed."""
        with self.buffer.ready() as event:
            return event.done()

    def delete(self) -> None:
        """Frees the memory of the elements now. The array cannot be used afterwards."""
        self.buffer.close()

    def is_deleted(self) -> bool:
        """Returns whether the memory of the elements was freed, or given away to the results of a call."""
        return self.buffer.closed

    def to_device(self, device: Any, /, *, stream: Any = None) -> Any:
        """Returns the array in the memory of another device. There are no streams to choose."""
        if stream is not None:
            raise ArgumentError(f"expected no stream, but got {stream!r}")
        return device_put(self, device)

    def devices(self) -> set[Any]:
        """Returns the devices whose memories hold the elements."""
        return {self.device}

    def __dlpack__(self, **options: Any) -> object:
        return self._unless_donated(lambda: self.buffer.__dlpack__(**options))

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.buffer.__dlpack_device__()

    def __repr__(self) -> str:
        text = numpy.array2string(self._concrete("`repr`"), separator=", ", prefix="Array(")
        if self.type.size == 0 and self.type.ndim > 1:
            text += f", shape={self.type.shape}"
        return f"Array({text}, dtype={self.type.dtype.name}{', weak' if self.type.weak else ''})"

    def __str__(self) -> str:
        return str(self._concrete("`str`"))

    def __reduce__(self) -> Any:
        return _unpickled, (self._concrete("pickling"), self.type.weak)


def _unpickled(elements: numpy.ndarray[Any, Any], weak: bool) -> DeviceArray:
    buffer = default_client().buffer(elements)
    return DeviceArray(buffer, ArrayType(elements.shape, elements.dtype, weak))


def device_array(value: Any, device: Any = None) -> DeviceArray:
    """Returns a NumPy array, or a literal, copied to `device` (the default device, if `None`)."""
    if isinstance(value, Literal):
        return DeviceArray(default_client().buffer(value.value, device), value.type)
    elements = numpy.asarray(value)
    if not elements.dtype.isnative:
        elements = elements.astype(elements.dtype.newbyteorder("="))
    return DeviceArray(default_client().buffer(elements, device), ArrayType(elements.shape, elements.dtype))


# Rules of primitives compute with literals as with arrays. (`Literal` is defined far below `Array`, for programs.)
for _operator in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"):
    for _name in (f"__{_operator}__", f"__r{_operator}__"):
        setattr(Literal, _name, vars(Array)[_name])
for _name in ("__neg__", "__pos__", "__abs__", "shape", "dtype", "ndim", "size", "__getitem__"):
    setattr(Literal, _name, vars(Array)[_name])
for _name in ("reshape", "astype", "sum", "T"):
    setattr(Literal, _name, vars(ArrayMethods)[_name])

import ryft_core.numpy  # noqa: E402 (the functions that methods call are built on arrays)
from ryft_core.backends import default_client  # noqa: E402
from ryft_core.numpy import elementwise, indexing, reductions, updates  # noqa: E402
from ryft_core.numpy import manipulation as numpy_manipulation  # noqa: E402
from ryft_core.placement import device_put  # noqa: E402
from ryft_core.primitives import conversions  # noqa: E402
