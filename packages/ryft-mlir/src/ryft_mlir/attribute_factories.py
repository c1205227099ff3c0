"""Builds attributes. `Context` has a method for each of these functions."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy
from numpy.typing import ArrayLike

from ryft_xla_sys.mlir import ir

from . import _conversions
from ._arguments import array, check_kind, number, text
from .attributes import (
    Attribute,
    DenseArrayAttribute,
    DenseElementsAttribute,
    DenseResourceElementsAttribute,
    FloatAttribute,
    IntegerAttribute,
    OpaqueAttribute,
    StridedLayoutAttribute,
    StringAttribute,
    SymbolReferenceAttribute,
    wrap_attribute,
)
from .diagnostics import translate
from .errors import BuildError
from .locations import Location, raw_locations
from .types import IndexType, IntegerType, ShapedType, Type

if TYPE_CHECKING:
    from .context import Context

__all__ = [
    "attribute_from_python",
    "dense_array_attribute",
    "elements_attribute",
    "float_attribute",
    "integer_attribute",
    "opaque_attribute",
    "raw_attributes",
    "resource_elements_attribute",
    "strided_layout_attribute",
    "string_attribute",
    "symbol_reference_attribute",
]

_DENSE_ARRAYS: dict[Any, Any] = {
    numpy.dtype(code): getattr(ir, f"Dense{name}ArrayAttr")
    for code, name in (
        ("?", "Bool"),
        ("i1", "I8"),
        ("i2", "I16"),
        ("i4", "I32"),
        ("i8", "I64"),
        ("f4", "F32"),
        ("f8", "F64"),
    )
}


def attribute_from_python(context: Context, value: Any) -> Attribute:
    """Returns the attribute that stands for `value`; see `Context.attribute`."""
    if isinstance(value, Attribute):
        _conversions.given(context, value)
        return value
    return wrap_attribute(context, _raw(context, value))


def _raw(context: Context, value: Any) -> Any:
    raw_context = context._raw
    match value:
        case Attribute():
            return _conversions.given(context, value)
        case Type():
            return ir.TypeAttr.get(_conversions.raw_type(context, value), raw_context)
        case Location():
            return raw_locations(context, [value])[0].attr
        case None:
            return ir.UnitAttr.get(raw_context)
        case bool():
            return ir.BoolAttr.get(value, raw_context)
        case int():
            return _conversions.integer(context, value)
        case float():
            return ir.FloatAttr.get_f64(value, raw_context)
        case str() | bytes():
            return _conversions.string(context, value)
        case numpy.ndarray():
            return _conversions.elements(context, value)
        case numpy.generic():
            return _scalar(context, value)
        case Mapping():
            return ir.DictAttr.get(raw_attributes(context, value), raw_context)
        case Sequence():
            return ir.ArrayAttr.get([_raw(context, item) for item in value], raw_context)
        case _:
            kind = type(value).__name__
            raise TypeError(f"expected a value that MLIR has an attribute for, but got one of `{kind}`")


def raw_attributes(context: Context, values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the bindings' objects of attributes, or of plain Python values, by name."""
    check_kind(values, Mapping, "MLIR", "attributes by name")
    return {text(name, "the name of an attribute"): _raw(context, value) for name, value in values.items()}


def _scalar(context: Context, value: numpy.generic) -> Any:
    if isinstance(value, numpy.bool_):
        return ir.BoolAttr.get(bool(value), context._raw)
    if isinstance(value, numpy.integer):
        return integer_attribute(context, int(value), value.dtype)._raw
    if isinstance(value, numpy.complexfloating):
        return _conversions.elements(context, numpy.asarray(value))
    return float_attribute(context, value, value.dtype)._raw


def integer_attribute(context: Context, value: int, integer_type: Any) -> IntegerAttribute:
    """Builds an integer with its type."""
    kind = context.element_type(integer_type)
    if isinstance(kind, IndexType):
        low, high = -(1 << 63), 1 << 63
    elif isinstance(kind, IntegerType):
        width = kind.bit_width
        low = 0 if kind.is_unsigned else -(1 << max(width - 1, 0))
        high = 1 << (width - 1 if kind.is_signed else width)
    else:
        raise ValueError(f"an integer attribute expected a type of integers, but got `{kind}`")
    value = number(value, "an integer attribute", -math.inf, math.inf)
    if not low <= value < high:
        raise ValueError(f"expected an integer of type `{kind}`, but got {value}")
    # The bindings take 64 bits, and do not extend the sign of wider types.
    if value >= 1 << 63 or (isinstance(kind, IntegerType) and kind.bit_width > 64):
        return IntegerAttribute(context, ir.Attribute.parse(f"{value} : {kind}", context._raw))
    return IntegerAttribute(context, ir.IntegerAttr.get(kind._raw, value))


def float_attribute(context: Context, value: Any, float_type: Any) -> FloatAttribute:
    """Builds a floating-point number with its type."""
    kind = context.element_type(float_type)
    if isinstance(value, str):
        raise TypeError(f"a floating-point attribute expected a number, but got {value!r}")
    try:
        real = float(value)
    except (TypeError, OverflowError):
        raise TypeError(f"a floating-point attribute expected a number, but got {reprlib.repr(value)}") from None
    try:
        return FloatAttribute(context, ir.FloatAttr.get(kind._raw, real, context._unknown))
    except ir.MLIRError as error:
        raise translate(error, BuildError, f"cannot build a floating-point attribute of `{kind}`") from None


def string_attribute(context: Context, value: str | bytes, string_type: Type | None) -> StringAttribute:
    """Builds a string."""
    if string_type is None:
        return StringAttribute(context, _conversions.string(context, value))
    content = text(value.decode() if isinstance(value, bytes) else value, "a string attribute")
    return StringAttribute(context, ir.StringAttr.get_typed(_conversions.raw_type(context, string_type), content))


def symbol_reference_attribute(context: Context, root: str, nested: Sequence[str]) -> SymbolReferenceAttribute:
    """Builds a reference to a symbol."""
    for name in (root, *nested):
        if not text(name, "a reference to a symbol"):
            raise ValueError("a reference to a symbol expected a name, but got ''")
    if nested:
        # This one function of the bindings looks for the context where `with` puts it.
        with context._raw:
            return SymbolReferenceAttribute(context, ir.SymbolRefAttr.get([root, *nested], context._raw))
    return SymbolReferenceAttribute(context, ir.FlatSymbolRefAttr.get(root, context._raw))


def dense_array_attribute(context: Context, values: ArrayLike, data_type: Any) -> DenseArrayAttribute:
    """Builds a list of numbers."""
    found = numpy.asarray(values)
    if found.size == 0 and data_type is None:
        found = found.astype(numpy.int64)
    if data_type is not None:
        found = _conversions.exact(found, numpy.dtype(data_type), "a dense array")
    kind = _DENSE_ARRAYS.get(found.dtype)
    if kind is None:
        raise ValueError(f"a dense array expected booleans, signed integers or floats, but got `{found.dtype}`")
    return DenseArrayAttribute(context, kind.get(found.reshape(-1).tolist(), context._raw))


def elements_attribute(context: Context, values: Any, shaped_type: ShapedType | None) -> DenseElementsAttribute:
    """Builds the elements of a tensor or vector."""
    attribute = wrap_attribute(context, _conversions.elements(context, values, shaped_type))
    if not isinstance(attribute, DenseElementsAttribute):
        raise BuildError(f"expected dense elements, but MLIR built `{attribute}`")
    return attribute


def resource_elements_attribute(
    context: Context, values: numpy.ndarray[Any, Any], name: str, copy: bool
) -> DenseResourceElementsAttribute:
    """Builds elements that stay in the memory of an array."""
    check_kind(values, numpy.ndarray, "a resource", "a NumPy array")
    name = text(name, "the name of a resource")
    shaped = context.tensor_type(values.shape, values.dtype)
    if values.dtype == numpy.bool_ or values.dtype.name in ("int2", "int4", "uint2", "uint4"):
        raise BuildError(f"a resource expected elements of at least 8 bits, but got `{shaped.element_type}`")
    if copy:
        values = values.copy()
    elif not values.flags.c_contiguous:
        raise BuildError(f"a resource without a copy expected a contiguous array, but got strides {values.strides}")
    view = values.reshape(-1).view(numpy.uint8).data
    get = ir.DenseResourceElementsAttr.get_from_buffer
    raw = get(view, name, shaped._raw, alignment=values.dtype.alignment, context=context._raw)
    return DenseResourceElementsAttribute(context, raw)


def opaque_attribute(
    context: Context, dialect_namespace: str, data: bytes, attribute_type: Type | None
) -> OpaqueAttribute:
    """Builds an attribute of a dialect that is not loaded."""
    if not context.allows_unregistered_dialects:
        raise BuildError(
            f"cannot build an opaque attribute of `{dialect_namespace}`: the context knows registered dialects only"
        )
    if not text(dialect_namespace, "an opaque attribute"):
        raise ValueError("an opaque attribute expected the name of a dialect, but got ''")
    check_kind(data, bytes, "an opaque attribute", "bytes")
    kind = context.none_type() if attribute_type is None else attribute_type
    raw = ir.OpaqueAttr.get(dialect_namespace, data, _conversions.raw_type(context, kind), context._raw)
    return OpaqueAttribute(context, raw)


def strided_layout_attribute(
    context: Context, strides: Sequence[int | None], offset: int | None
) -> StridedLayoutAttribute:
    """Builds the layout of memory with these strides and this offset."""
    dynamic = ir.ShapedType.get_dynamic_stride_or_offset()
    subject = "a strided layout"
    raw_strides = [
        dynamic if stride is None else number(stride, subject) for stride in array(strides, subject, "strides")
    ]
    raw_offset = dynamic if offset is None else number(offset, subject)
    return StridedLayoutAttribute(context, ir.StridedLayoutAttr.get(raw_offset, raw_strides, context._raw))
