"""NumPy data types and the MLIR element types they stand for."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy

from ryft_xla_sys.errors import DataTypeError

__all__ = ["DATA_TYPES", "data_type_of", "element_type_name"]


DATA_TYPES: dict[numpy.dtype[Any], str] = {
    numpy.dtype(data_type): name
    for data_type, name in (
        (numpy.bool_, "i1"),
        (ml_dtypes.int2, "i2"),
        (ml_dtypes.int4, "i4"),
        (numpy.int8, "i8"),
        (numpy.int16, "i16"),
        (numpy.int32, "i32"),
        (numpy.int64, "i64"),
        (ml_dtypes.uint2, "ui2"),
        (ml_dtypes.uint4, "ui4"),
        (numpy.uint8, "ui8"),
        (numpy.uint16, "ui16"),
        (numpy.uint32, "ui32"),
        (numpy.uint64, "ui64"),
        (ml_dtypes.float4_e2m1fn, "f4E2M1FN"),
        (ml_dtypes.float6_e2m3fn, "f6E2M3FN"),
        (ml_dtypes.float6_e3m2fn, "f6E3M2FN"),
        (ml_dtypes.float8_e3m4, "f8E3M4"),
        (ml_dtypes.float8_e4m3, "f8E4M3"),
        (ml_dtypes.float8_e4m3b11fnuz, "f8E4M3B11FNUZ"),
        (ml_dtypes.float8_e4m3fn, "f8E4M3FN"),
        (ml_dtypes.float8_e4m3fnuz, "f8E4M3FNUZ"),
        (ml_dtypes.float8_e5m2, "f8E5M2"),
        (ml_dtypes.float8_e5m2fnuz, "f8E5M2FNUZ"),
        (ml_dtypes.float8_e8m0fnu, "f8E8M0FNU"),
        (ml_dtypes.bfloat16, "bf16"),
        (numpy.float16, "f16"),
        (numpy.float32, "f32"),
        (numpy.float64, "f64"),
        (numpy.complex64, "complex<f32>"),
        (numpy.complex128, "complex<f64>"),
    )
}
"""The text of the MLIR element type of each data type. Signed integers are signless, as StableHLO wants."""

_BY_NAME: dict[str, numpy.dtype[Any]] = {name: data_type for data_type, name in DATA_TYPES.items()} | {
    f"si{bits}": numpy.dtype(data_type)
    for bits, data_type in ((2, ml_dtypes.int2), (4, ml_dtypes.int4), (8, "i1"), (16, "i2"), (32, "i4"), (64, "i8"))
}
_BY_NAME["index"] = numpy.dtype(numpy.int64)


def element_type_name(data_type: Any) -> str:
    """Returns the text of the MLIR element type of a NumPy data type, for example `f32`.

    Raises:
        DataTypeError: If MLIR has no such type.
    """
    try:
        # NumPy would read `None` as `float64`.
        return DATA_TYPES[numpy.dtype(object if data_type is None else data_type)]
    except (KeyError, TypeError):
        raise DataTypeError(f"expected a data type that MLIR has, but got `{data_type!r}`") from None


def data_type_of(name: str) -> numpy.dtype[Any]:
    """Returns the NumPy data type of the MLIR element type that prints as `name`.

    Raises:
        DataTypeError: If NumPy and `ml_dtypes` have no such type.
    """
    try:
        return _BY_NAME[name]
    except KeyError:
        raise DataTypeError(f"expected an element type that NumPy has, but got `{name}`") from None
