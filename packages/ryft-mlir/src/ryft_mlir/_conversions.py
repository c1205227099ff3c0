"""Turns plain Python values into the attributes that builders need."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Sequence
from operator import index
from typing import TYPE_CHECKING, Any, TypeAlias

import ml_dtypes
import numpy
from numpy.typing import ArrayLike

from ryft_xla_sys.errors import DataTypeError
from ryft_xla_sys.mlir import ir

from ._arguments import array as sequence
from ._arguments import numbers, own, text
from .attributes import Attribute
from .errors import BuildError
from .types import ShapedType, Type

if TYPE_CHECKING:
    from .context import Context

__all__ = [
    "Integers",
    "boolean",
    "boolean_array",
    "elements",
    "exact",
    "flat_symbol",
    "given",
    "integer",
    "integer_array",
    "integer_pairs",
    "string",
    "symbol_name",
    "unit",
]

Integers: TypeAlias = Sequence[int] | numpy.ndarray[Any, Any] | Attribute
"""What is accepted where MLIR wants a list of integers."""

_I64_ARRAY: Any = ir.DenseI64ArrayAttr.get
_INTEGER: Any = ir.IntegerAttr.get
_BOOL: Any = ir.BoolAttr.get
_BOOL_ARRAY: Any = ir.DenseBoolArrayAttr.get
_ELEMENTS: Any = ir.DenseElementsAttr.get


def given(context: Context, attribute: Attribute) -> Any:
    """Returns the bindings' object of an attribute of this context."""
    return own(context, attribute, Attribute, "attribute")._raw


def integer_array(context: Context, values: Integers) -> Any:
    """Returns an `array<i64: ...>`."""
    if isinstance(values, Attribute):
        return given(context, values)
    try:
        return _I64_ARRAY([index(value) for value in values], context._raw)
    except TypeError:
        numbers(values, "a list of integers")
        raise


def boolean_array(context: Context, values: Iterable[bool] | Attribute) -> Any:
    """Returns an `array<i1: ...>`."""
    if isinstance(values, Attribute):
        return given(context, values)
    return _BOOL_ARRAY([bool(value) for value in sequence(values, "a list of booleans", "booleans")], context._raw)


def integer(context: Context, value: int | Attribute, bits: int = 64) -> Any:
    """Returns a signless integer attribute of `bits` bits."""
    if isinstance(value, Attribute):
        return given(context, value)
    try:
        value = index(value)
    except TypeError:
        raise TypeError(f"expected an integer, but got {reprlib.repr(value)}") from None
    if not -(1 << (bits - 1)) <= value < (1 << bits):
        raise ValueError(f"expected an integer that fits into {bits} bits, but got {value}")
    return _INTEGER(context.integer_type(bits)._raw, value)


def boolean(context: Context, value: bool | Attribute) -> Any:
    """Returns `true` or `false`."""
    if isinstance(value, Attribute):
        return given(context, value)
    return _BOOL(bool(value), context._raw)


def unit(context: Context) -> Any:
    """Returns the attribute `unit`."""
    return ir.UnitAttr.get(context._raw)


def string(context: Context, value: str | bytes | Attribute) -> Any:
    """Returns a string attribute."""
    if isinstance(value, Attribute):
        return given(context, value)
    content = value if isinstance(value, bytes) else text(value, "a string attribute")
    return ir.StringAttr.get(content, context._raw)


def symbol_name(context: Context, value: str) -> Any:
    """Returns the name of a symbol as a string attribute."""
    if not text(value, "a symbol"):
        raise ValueError("a symbol expected a name, but got ''")
    return ir.StringAttr.get(value, context._raw)


def flat_symbol(context: Context, value: str | Attribute) -> Any:
    """Returns a reference to a symbol, `@name`."""
    if isinstance(value, Attribute):
        return given(context, value)
    if not text(value, "a reference to a symbol"):
        raise ValueError("a reference to a symbol expected a name, but got ''")
    return ir.FlatSymbolRefAttr.get(value, context._raw)


def integer_pairs(context: Context, values: ArrayLike | Attribute, columns: int | None = 2) -> Any:
    """Returns a dense matrix of 64-bit integers, for example a padding `[[low, high], ...]`."""
    if isinstance(values, Attribute):
        return given(context, values)
    matrix = numpy.ascontiguousarray(exact(numpy.asarray(values), numpy.dtype(numpy.int64), "a matrix of integers"))
    if matrix.size == 0 and matrix.ndim != 2:
        matrix = matrix.reshape(0, columns or 0)
    if matrix.ndim != 2 or (columns is not None and matrix.shape[1] != columns):
        expected = "a matrix" if columns is None else f"a matrix of {columns} columns"
        raise ValueError(f"expected {expected} of integers, but got shape {matrix.shape}")
    return _ELEMENTS(matrix, type=context.element_type(numpy.int64)._raw, shape=matrix.shape, context=context._raw)


def elements(context: Context, values: Any, shaped: ShapedType | None = None) -> Any:
    """Returns a `dense<...>` attribute of an array, a number or a nested sequence.

    Args:
        context: Context to build the attribute in.
        values: What the tensor holds. One number fills the whole of `shaped`.
        shaped: Type of the constant. Defaults to the shape and data type of `values`, where Python numbers count as
            32 bits wide.

    Raises:
        BuildError: If `values` does not have the shape of `shaped`.
    """
    array = numpy.asarray(values)
    if shaped is None:
        data_type = _DEFAULTS.get(array.dtype, array.dtype) if not hasattr(values, "dtype") else array.dtype
        element: Type = context.element_type(data_type)
        shape: tuple[int, ...] = array.shape
    else:
        own(context, shaped, ShapedType, "type of a tensor or vector")
        if not shaped.has_static_shape:
            raise BuildError(f"a constant expected a type with a static shape, but got `{shaped}`")
        element, data_type = shaped.element_type, shaped.data_type
        shape = tuple(size or 0 for size in shaped.shape)
        if array.shape not in (shape, ()):
            raise BuildError(f"a constant of type `{shaped}` expected an array of shape {shape}, but got {array.shape}")
    array = exact(array, data_type, f"a constant of `{element}`")
    if array.shape == () and shape != () and 0 in shape:
        array = numpy.zeros(shape, data_type)
    if data_type == numpy.bool_:
        whole = array.size == 1
        array = numpy.full(1, 255 * bool(array), numpy.uint8) if whole else numpy.packbits(array, bitorder="little")
    return _ELEMENTS(numpy.ascontiguousarray(array), type=element._raw, shape=shape, context=context._raw)


def exact(array: numpy.ndarray[Any, Any], data_type: numpy.dtype[Any], subject: str) -> numpy.ndarray[Any, Any]:
    """Returns an array converted to a data type. Rounding is fine, but not numbers that become others.

    Raises:
        DataTypeError: If the elements are not numbers.
        ValueError: If integers do not fit, or fractions and complex numbers would be cut off.
    """
    if array.dtype == data_type:
        return array
    if array.dtype.kind in "OSUmM" or array.dtype.names is not None:
        raise DataTypeError(f"{subject} expected numbers, but got elements of `{array.dtype}`")
    if array.dtype.kind == "c" and data_type.kind != "c":
        _refuse(array, array.imag != 0, subject)
        array = array.real
    if data_type.kind in "iu" or data_type.name in _SMALL_INTEGERS:
        limits = ml_dtypes.iinfo(data_type)
        low, high = int(limits.min), int(limits.max)
        if array.dtype.kind in "iub":
            # Python compares integers exactly, and NumPy those of different types in floating point.
            fits = array.size == 0 or (low <= int(array.min()) and int(array.max()) <= high)
            lost = numpy.zeros(array.shape, bool) if fits else (array < low) | (array > high)
        else:
            wide = array.astype(numpy.float64)
            lost = ~((wide >= low) & (wide <= high) & (wide == numpy.trunc(wide)))
        _refuse(array, lost, subject)
    with numpy.errstate(all="ignore"):
        return array.astype(data_type)


_SMALL_INTEGERS = ("int2", "int4", "uint2", "uint4")


def _refuse(array: numpy.ndarray[Any, Any], lost: numpy.ndarray[Any, Any], subject: str) -> None:
    if lost.any():
        raise ValueError(f"{subject} expected numbers that fit, but got {array[lost].reshape(-1)[0]}")


_DEFAULTS: dict[Any, Any] = {
    numpy.dtype(numpy.float64): numpy.dtype(numpy.float32),
    numpy.dtype(numpy.int64): numpy.dtype(numpy.int32),
    numpy.dtype(numpy.complex128): numpy.dtype(numpy.complex64),
}


def raw_type(context: Context, value: Any) -> Any:
    """Returns the bindings' object of a type of this context."""
    return own(context, value, Type, "type")._raw
