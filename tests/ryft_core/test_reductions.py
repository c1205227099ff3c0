"""Reductions for every element type, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

import ryft_core.numpy as rnp
from ryft_core.primitives.reductions import extreme_value
from ryft_core.types.data_types import DATA_TYPES, finfo, iinfo, is_complex, is_floating, is_integer

# XLA has no arrays of the others on the CPU plugin.
MISSING = {"int1", "uint1", "float6_e2m3fn", "float6_e3m2fn"}
ORDERED = [dtype for dtype in DATA_TYPES if not is_complex(dtype) and dtype.name not in MISSING]


def elements(dtype: numpy.dtype[Any]) -> numpy.ndarray[Any, Any]:
    """Returns elements none of which is zero, or NaN in a type that has NaN; all negative, if there are negatives."""
    if dtype.name == "float8_e8m0fnu":
        return numpy.array([[1, 2, 4], [4, 2, 1]]).astype(dtype)
    if dtype.kind == "b" or dtype.name.startswith("u"):
        return numpy.array([[1, 1, 1], [1, 0, 1]]).astype(dtype)
    return numpy.array([[-1, -2, -1], [-2, -1, -1]]).astype(dtype)


@pytest.mark.parametrize("dtype", ORDERED, ids=str)
@pytest.mark.parametrize("axis", [0, 1, None])
def test_extrema_of_every_ordered_type_agree_with_numpy(dtype: numpy.dtype[Any], axis: int | None) -> None:
    x = elements(dtype)
    wide = x.astype("float64")

    for name in ("max", "min"):
        result = getattr(rnp, name)(rnp.asarray(x), axis=axis)
        assert result.dtype == dtype
        numpy.testing.assert_array_equal(numpy.asarray(result, "float64"), getattr(numpy, name)(wide, axis=axis))
    for name in ("argmax", "argmin"):
        result = getattr(rnp, name)(rnp.asarray(x), axis=axis)
        numpy.testing.assert_array_equal(numpy.asarray(result), getattr(numpy, name)(wide, axis=axis))


@pytest.mark.parametrize("dtype", DATA_TYPES, ids=str)
def test_extreme_values_are_the_ends_of_their_type(dtype: numpy.dtype[Any]) -> None:
    if is_complex(dtype):
        return
    low, high = (extreme_value(dtype, smallest=smallest) for smallest in (True, False))
    if is_integer(dtype):
        assert (int(low), int(high)) == (iinfo(dtype).min, iinfo(dtype).max)
    elif is_floating(dtype):
        assert float(low) <= float(finfo(dtype).min) < float(finfo(dtype).max) <= float(high)
    else:
        assert (bool(low), bool(high)) == (False, True)


@pytest.mark.parametrize("name", ["sum", "prod"])
@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("int8", "int32"), ("int16", "int32"), ("uint8", "uint32"), ("bool", "int32"), ("int32", "int32"),
     ("int64", "int64"), ("uint64", "uint64"), ("float16", "float16"), ("bfloat16", "bfloat16")],
)  # fmt: skip
def test_sums_of_narrow_integers_are_computed_in_the_default_integer_type(name: str, dtype: str, expected: str) -> None:
    x = rnp.ones(200, dtype)
    function = getattr(rnp, name)

    assert function(x).dtype == function(x, where=rnp.ones(200, bool)).dtype == numpy.dtype(expected)
    if dtype != "bool":
        assert function(x, dtype=dtype).dtype == numpy.dtype(dtype)
    assert int(function(x)) == (200 if name == "sum" else 1)
