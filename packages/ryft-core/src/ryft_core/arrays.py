"""Arrays: what users hold. `Array` is the interface; `DeviceArray` has its elements in the memory of a device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy

from ryft_core._native import ArrayBase
from ryft_core.errors import OperandError
from ryft_core.primitives import arithmetic, comparison, linear_algebra, manipulation
from ryft_core.programs.atoms import Literal, Value
from ryft_core.types.array_types import ArrayType

__all__ = ["Array", "ArrayLike", "DeviceArray", "device_array"]


class Array(Value):
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
        return converted.copy() if copy and converted is elements else converted

    def __iter__(self) -> Iterator[Array]:
        return (self[index] for index in range(len(self)))

    def __hash__(self) -> int:
        raise OperandError("arrays are not hashable: their equality is element-wise")

    def __add__(self, other: Any) -> Any:
        return arithmetic.add(self, other)

    def __radd__(self, other: Any) -> Any:
        return arithmetic.add(other, self)

    def __sub__(self, other: Any) -> Any:
        return arithmetic.subtract(self, other)

    def __rsub__(self, other: Any) -> Any:
        return arithmetic.subtract(other, self)

    def __mul__(self, other: Any) -> Any:
        return arithmetic.multiply(self, other)

    def __rmul__(self, other: Any) -> Any:
        return arithmetic.multiply(other, self)

    def __truediv__(self, other: Any) -> Any:
        return arithmetic.true_divide(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return arithmetic.true_divide(other, self)

    def __floordiv__(self, other: Any) -> Any:
        return arithmetic.floor_divide(self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return arithmetic.floor_divide(other, self)

    def __mod__(self, other: Any) -> Any:
        return arithmetic.modulo(self, other)

    def __rmod__(self, other: Any) -> Any:
        return arithmetic.modulo(other, self)

    def __divmod__(self, other: Any) -> Any:
        return arithmetic.floor_divide(self, other), arithmetic.modulo(self, other)

    def __pow__(self, other: Any) -> Any:
        return arithmetic.power(self, other)

    def __rpow__(self, other: Any) -> Any:
        return arithmetic.power(other, self)

    def __matmul__(self, other: Any) -> Any:
        return linear_algebra.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return linear_algebra.matmul(other, self)

    def __neg__(self) -> Any:
        return arithmetic.negative(self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return arithmetic.absolute(self)

    def __invert__(self) -> Any:
        return comparison.bitwise_not(self)

    def __and__(self, other: Any) -> Any:
        return comparison.bitwise_and(self, other)

    def __rand__(self, other: Any) -> Any:
        return comparison.bitwise_and(other, self)

    def __or__(self, other: Any) -> Any:
        return comparison.bitwise_or(self, other)

    def __ror__(self, other: Any) -> Any:
        return comparison.bitwise_or(other, self)

    def __xor__(self, other: Any) -> Any:
        return comparison.bitwise_xor(self, other)

    def __rxor__(self, other: Any) -> Any:
        return comparison.bitwise_xor(other, self)

    def __eq__(self, other: Any) -> Any:
        return comparison.equal(self, other)

    def __ne__(self, other: Any) -> Any:
        return comparison.not_equal(self, other)

    def __lt__(self, other: Any) -> Any:
        return comparison.less(self, other)

    def __le__(self, other: Any) -> Any:
        return comparison.less_equal(self, other)

    def __gt__(self, other: Any) -> Any:
        return comparison.greater(self, other)

    def __ge__(self, other: Any) -> Any:
        return comparison.greater_equal(self, other)

    def __getitem__(self, index: Any) -> Any:
        return indexing.get(self, index)

    @property
    def T(self) -> Any:
        """The array with its axes reversed."""
        return manipulation.transpose(self)

    @property
    def mT(self) -> Any:
        """The array with its last two axes exchanged."""
        return manipulation.moveaxis(self, self.ndim - 1, self.ndim - 2)

    def reshape(self, *shape: Any) -> Any:
        """Returns the same elements in another shape, given as one tuple or as several integers."""
        return manipulation.reshape(self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Any:
        """Returns the array with its axes permuted; reversed, if no axes are given."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        return manipulation.transpose(self, order or None)

    def astype(self, dtype: Any) -> Any:
        """Returns the array with its elements converted to `dtype`."""
        return conversions.convert(self, dtype)

    def sum(self, axis: Any = None, *, keepdims: bool = False) -> Any:
        """Returns the sum along `axis` (all axes, if `None`)."""
        return numpy_reductions.sum(self, axis, keepdims=keepdims)

    def mean(self, axis: Any = None, *, keepdims: bool = False) -> Any:
        """Returns the mean along `axis` (all axes, if `None`)."""
        return numpy_reductions.mean(self, axis, keepdims=keepdims)

    def max(self, axis: Any = None, *, keepdims: bool = False) -> Any:
        """Returns the maximum along `axis` (all axes, if `None`)."""
        return numpy_reductions.max(self, axis, keepdims=keepdims)

    def min(self, axis: Any = None, *, keepdims: bool = False) -> Any:
        """Returns the minimum along `axis` (all axes, if `None`)."""
        return numpy_reductions.min(self, axis, keepdims=keepdims)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.type})"


ArrayLike = Array | numpy.ndarray[Any, Any] | numpy.generic | bool | int | float | complex
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
        return self.buffer.to_numpy()

    def block_until_ready(self) -> DeviceArray:
        """Waits until the elements have been computed, and returns the array."""
        self.buffer.block_until_ready()
        return self

    def item(self) -> Any:
        """Returns the only element as a Python scalar."""
        return self._concrete("`item`").item()

    def tolist(self) -> Any:
        """Returns the elements as nested lists of Python scalars."""
        return self._concrete("`tolist`").tolist()

    def __repr__(self) -> str:
        text = numpy.array2string(self._concrete("`repr`"), separator=", ", prefix="Array(")
        return f"Array({text}, dtype={self.type.dtype.name}{', weak' if self.type.weak else ''})"

    def __reduce__(self) -> Any:
        return device_array, (self._concrete("pickling"),)


def device_array(value: Any, device: Any = None) -> DeviceArray:
    """Returns a NumPy array, or a literal, copied to `device` (the default device, if `None`)."""
    if isinstance(value, Literal):
        return DeviceArray(default_client().buffer(value.value, device), value.type)
    elements = numpy.asarray(value)
    return DeviceArray(default_client().buffer(elements, device), ArrayType(elements.shape, elements.dtype))


# Rules of primitives compute with literals as with arrays. (`Literal` is defined far below `Array`, for programs.)
for _operator in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"):
    for _name in (f"__{_operator}__", f"__r{_operator}__"):
        setattr(Literal, _name, vars(Array)[_name])
for _name in ("__neg__", "__pos__", "__abs__", "shape", "dtype", "ndim", "size", "reshape", "astype", "sum", "T"):
    setattr(Literal, _name, vars(Array)[_name])

from ryft_core.backends import default_client  # noqa: E402
from ryft_core.numpy import indexing  # noqa: E402 (the functions that methods call are built on arrays)
from ryft_core.numpy import reductions as numpy_reductions  # noqa: E402
from ryft_core.primitives import conversions  # noqa: E402
