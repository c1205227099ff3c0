"""Types: data types, sizes, shapes, layouts, and the types of arrays."""

from ryft_core.errors import DataTypeError
from ryft_core.types.array_types import ArrayType
from ryft_core.types.data_types import (
    DataType,
    DataTypeLike,
    canonical_dtype,
    default_dtypes,
    promote_types,
    result_type,
    set_default_dtypes,
)
from ryft_core.types.layouts import Layout, StridedLayout, Tile, TiledLayout
from ryft_core.types.sizes import Shape, Size

__all__ = [
    "ArrayType",
    "DataType",
    "DataTypeError",
    "DataTypeLike",
    "Layout",
    "Shape",
    "Size",
    "StridedLayout",
    "Tile",
    "TiledLayout",
    "canonical_dtype",
    "default_dtypes",
    "promote_types",
    "result_type",
    "set_default_dtypes",
]
