"""Builds types. `Context` has a method for each of these functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ryft_xla_sys.mlir import ir

from ._arguments import array, number, numbers, own, text
from .attributes import AffineMapAttribute, StridedLayoutAttribute
from .diagnostics import translate
from .errors import BuildError
from .types import (
    ComplexType,
    FloatType,
    IntegerType,
    MemRefType,
    OpaqueType,
    SizeLike,
    UnrankedMemRefType,
    UnrankedTensorType,
    VectorType,
    raw_sizes,
)

if TYPE_CHECKING:
    from .attributes import Attribute
    from .context import Context

__all__ = [
    "complex_type",
    "float_type",
    "integer_type",
    "memref_type",
    "opaque_type",
    "unranked_memref_type",
    "unranked_tensor_type",
    "vector_type",
]

_MAXIMUM_WIDTH = (1 << 24) - 1


def integer_type(context: Context, bit_width: int, signedness: str) -> IntegerType:
    """Builds a signless, signed or unsigned integer type."""
    if not 0 <= number(bit_width, "an integer type") <= _MAXIMUM_WIDTH:
        raise ValueError(f"an integer type expected a width from 0 to {_MAXIMUM_WIDTH} bits, but got {bit_width}")
    return IntegerType(context, getattr(ir.IntegerType, f"get_{signedness}")(bit_width, context._raw))


def float_type(context: Context, data_type: Any) -> FloatType:
    """Builds a floating-point type from its name or a data type."""
    found = context.parse_type(data_type) if isinstance(data_type, str) else context.element_type(data_type)
    if not isinstance(found, FloatType):
        raise ValueError(f"expected a floating-point type, but got `{found}`")
    return found


def complex_type(context: Context, element_type: Any) -> ComplexType:
    """Builds the type of complex numbers."""
    element = context.element_type(element_type)
    if not isinstance(element, (FloatType, IntegerType)):
        raise ValueError(f"a complex type expected parts that are numbers, but got `{element}`")
    return ComplexType(context, ir.ComplexType.get(element._raw))


def opaque_type(context: Context, dialect_namespace: str, data: str) -> OpaqueType:
    """Builds a type of a dialect that is not loaded."""
    if not context.allows_unregistered_dialects:
        raise BuildError(
            f"cannot build an opaque type of `{dialect_namespace}`: the context knows registered dialects only"
        )
    name, content = text(dialect_namespace, "an opaque type"), text(data, "an opaque type")
    if not name:
        raise ValueError("an opaque type expected the name of a dialect, but got ''")
    return OpaqueType(context, ir.OpaqueType.get(name, content, context._raw))


def unranked_tensor_type(context: Context, element_type: Any) -> UnrankedTensorType:
    """Builds the type of tensors of any rank."""
    element = context.element_type(element_type)
    try:
        return UnrankedTensorType(context, ir.UnrankedTensorType.get(element._raw, context._unknown))
    except ir.MLIRError as error:
        raise translate(error, BuildError, f"cannot build an unranked tensor type of `{element}`") from None


def vector_type(
    context: Context, shape: Sequence[int], element_type: Any, scalable: Sequence[bool] | None
) -> VectorType:
    """Builds the type of vectors."""
    element = context.element_type(element_type)
    sizes = numbers(shape, "the shape of a vector")
    flags = None if scalable is None else [bool(flag) for flag in array(scalable, "`scalable`", "booleans")]
    if flags is not None and len(flags) != len(sizes):
        raise ValueError(f"`scalable` expected {len(sizes)} booleans, but got {len(flags)}")
    try:
        raw = ir.VectorType.get(sizes, element._raw, scalable=flags, loc=context._unknown)
    except ir.MLIRError as error:
        raise translate(error, BuildError, f"cannot build a vector type of `{element}`") from None
    return VectorType(context, raw)


def memref_type(
    context: Context, shape: Sequence[SizeLike], element_type: Any, layout: Attribute | None, memory_space: Any
) -> MemRefType:
    """Builds the type of references to memory."""
    element = context.element_type(element_type)
    # Anything else that MLIR takes for a layout ends the process.
    kinds = (AffineMapAttribute, StridedLayoutAttribute)
    raw_layout = None if layout is None else own(context, layout, kinds, "affine map or strided layout")._raw
    raw_space = None if memory_space is None else context.attribute(memory_space)._raw
    try:
        raw = ir.MemRefType.get(raw_sizes(shape), element._raw, raw_layout, raw_space, context._unknown)
    except ir.MLIRError as error:
        raise translate(error, BuildError, f"cannot build a memref type of `{element}`") from None
    return MemRefType(context, raw)


def unranked_memref_type(context: Context, element_type: Any, memory_space: Any) -> UnrankedMemRefType:
    """Builds the type of references to memory of any rank."""
    element = context.element_type(element_type)
    raw_space = None if memory_space is None else context.attribute(memory_space)._raw
    try:
        raw = ir.UnrankedMemRefType.get(element._raw, raw_space, context._unknown)
    except ir.MLIRError as error:
        raise translate(error, BuildError, f"cannot build an unranked memref type of `{element}`") from None
    return UnrankedMemRefType(context, raw)
