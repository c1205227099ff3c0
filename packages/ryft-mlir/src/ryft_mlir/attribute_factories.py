"""Translates plain Python values into attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy
from ryft_xla_sys.mlir import ir

from . import _conversions
from .attributes import Attribute, wrap_attribute
from .errors import ContextError
from .locations import Location
from .types import Type

if TYPE_CHECKING:
    from .context import Context

__all__ = ["attribute_from_python"]


def attribute_from_python(context: Context, value: Any) -> Attribute:
    """Returns the attribute that stands for `value`; see `Context.attribute`."""
    if isinstance(value, Attribute):
        _conversions.given(context, value)
        return value
    return wrap_attribute(context, _raw(context, value))


def _raw(context: Context, value: Any) -> Any:
    raw_context = context._raw
    if isinstance(value, Attribute):
        return _conversions.given(context, value)
    if isinstance(value, Type):
        return ir.TypeAttr.get(_conversions.raw_type(context, value), raw_context)
    if isinstance(value, Location):
        if value._context is not context:
            raise ContextError(f"location `{value}` belongs to another context")
        return value._raw.attr
    if value is None:
        return ir.UnitAttr.get(raw_context)
    if isinstance(value, bool):
        return ir.BoolAttr.get(value, raw_context)
    if isinstance(value, int):
        return _conversions.integer(context, value)
    if isinstance(value, float):
        return ir.FloatAttr.get_f64(value, raw_context)
    if isinstance(value, (str, bytes)):
        return ir.StringAttr.get(value, raw_context)
    if isinstance(value, numpy.ndarray):
        return _conversions.elements(context, value)
    if isinstance(value, numpy.generic):
        return _scalar(context, value)
    if isinstance(value, Mapping):
        return ir.DictAttr.get({str(key): _raw(context, item) for key, item in value.items()}, raw_context)
    if isinstance(value, Sequence):
        return ir.ArrayAttr.get([_raw(context, item) for item in value], raw_context)
    raise TypeError(f"expected a value that MLIR has an attribute for, but got `{type(value).__name__}`")


def _scalar(context: Context, value: numpy.generic) -> Any:
    if isinstance(value, numpy.bool_):
        return ir.BoolAttr.get(bool(value), context._raw)
    element = context.element_type(value.dtype)._raw
    if isinstance(value, numpy.integer):
        return ir.IntegerAttr.get(element, int(value))
    if isinstance(value, numpy.complexfloating):
        return _conversions.elements(context, numpy.asarray(value))
    return ir.FloatAttr.get(element, float(value), context._unknown)
