"""Element types and constants, named as in NumPy."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy

from ryft_core.types import data_types
from ryft_core.types.data_types import canonical_dtype, finfo, iinfo

__all__ = [
    "bfloat16",
    "bool_",
    "can_cast",
    "complex64",
    "complex128",
    "dtype",
    "e",
    "euler_gamma",
    "finfo",
    "float16",
    "float32",
    "float64",
    "iinfo",
    "inf",
    "int4",
    "int8",
    "int16",
    "int32",
    "int64",
    "isdtype",
    "issubdtype",
    "nan",
    "newaxis",
    "pi",
    "promote_types",
    "result_type",
    "uint4",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]

dtype = numpy.dtype
bool_ = numpy.bool_
int8, int16, int32, int64 = numpy.int8, numpy.int16, numpy.int32, numpy.int64
uint8, uint16, uint32, uint64 = numpy.uint8, numpy.uint16, numpy.uint32, numpy.uint64
int4, uint4 = ml_dtypes.int4, ml_dtypes.uint4
float16, float32, float64, bfloat16 = numpy.float16, numpy.float32, numpy.float64, ml_dtypes.bfloat16
complex64, complex128 = numpy.complex64, numpy.complex128

pi = math.pi
e = math.e
inf = math.inf
nan = math.nan
euler_gamma = 0.5772156649015329
newaxis = None


def result_type(*values: Any) -> numpy.dtype[Any]:
    """Returns the element type of an operation on arrays, numbers or element types."""
    return data_types.result_type(*values)


def promote_types(first: Any, second: Any, /) -> numpy.dtype[Any]:
    """Returns the element type that arrays of two element types are promoted to."""
    return data_types.result_type(canonical_dtype(first), canonical_dtype(second))


def can_cast(source: Any, target: Any) -> bool:
    """Returns whether a conversion between two element types, or of an array to one, may be implicit."""
    return data_types.is_promotable(source, target)


_KINDS = {
    "bool": data_types.is_boolean,
    "signed integer": data_types.is_signed,
    "unsigned integer": data_types.is_unsigned,
    "integral": data_types.is_integer,
    "real floating": data_types.is_floating,
    "complex floating": data_types.is_complex,
    "numeric": data_types.is_numeric,
}


def isdtype(dtype: Any, kind: Any) -> bool:
    """Returns whether an element type is of a kind: another one, a name as "real floating", or a tuple of those."""
    if isinstance(kind, tuple):
        return any(isdtype(dtype, each) for each in kind)
    if isinstance(kind, str) and kind in _KINDS:
        return _KINDS[kind](dtype)
    return canonical_dtype(dtype) == canonical_dtype(kind)


_ABSTRACT: dict[Any, Any] = {
    numpy.generic: lambda dtype: True,
    numpy.number: data_types.is_numeric,
    numpy.integer: data_types.is_integer,
    numpy.signedinteger: data_types.is_signed,
    numpy.unsignedinteger: data_types.is_unsigned,
    numpy.inexact: data_types.is_inexact,
    numpy.floating: data_types.is_floating,
    numpy.complexfloating: data_types.is_complex,
}


def issubdtype(dtype: Any, other: Any) -> bool:
    """Returns whether an element type is another one, or of a kind such as `numpy.floating`."""
    found = _ABSTRACT.get(other)
    return found(dtype) if found is not None else canonical_dtype(dtype) == canonical_dtype(other)
