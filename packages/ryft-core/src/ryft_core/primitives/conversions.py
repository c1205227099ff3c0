"""Conversion between element types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from ryft_core.primitives.base import Primitive
from ryft_core.primitives.operands import as_value
from ryft_core.primitives.symbolic import Zero
from ryft_core.types.array_types import ArrayType
from ryft_core.types.data_types import canonical_dtype

if TYPE_CHECKING:
    from ryft_core.arrays import Array, ArrayLike
    from ryft_core.lowering import Builder

__all__ = ["Convert", "convert"]


class Convert(Primitive):
    """Conversion of each element to another element type. A complex number loses its imaginary part."""

    dtype: numpy.dtype[Any]
    weak: bool = False

    name = "convert"
    exact = "biu"
    linear = True
    in_kernel = True

    def infer(self, *types: ArrayType) -> ArrayType:
        return ArrayType(types[0].shape, self.dtype, self.weak)

    def lower(self, builder: Builder, *operands: Any) -> Any:
        (source,) = builder.operand_types
        if source.dtype == self.dtype:
            return operands[0]
        if self.dtype.kind == "b":
            zero = builder.broadcast(
                builder.constant(numpy.zeros((), source.dtype)), ArrayType((), source.dtype), source.shape
            )
            return builder.emit("compare", operands[0], zero, "NE", result_type=builder.results[0])
        if source.kind == "c" and self.dtype.kind != "c":
            operands = (builder.emit("real", operands[0]),)
        return builder.emit("convert", operands[0], builder.results[0])

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        result = self.bind(*primals)
        type = result.type
        return result, Zero(type.tangent) if type.tangent is not type else self.bind(tangents[0])

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        type = operands[0].type
        return [Convert(type.dtype, type.weak).bind(cotangents)]

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        return self.bind(*operands), axes[0]

    def reference(self, x: Any) -> Any:
        return (x.real if x.dtype.kind == "c" and self.dtype.kind not in "cb" else x).astype(self.dtype)


def convert(x: ArrayLike, dtype: Any, *, weak: bool = False) -> Array:
    """Returns `x` with elements converted to `dtype`; `x` itself if it has that element type."""
    x = as_value(x)
    dtype = canonical_dtype(dtype)
    if x.type.dtype == dtype and x.type.weak == weak:
        return x
    return Convert(dtype, weak).bind(x)
