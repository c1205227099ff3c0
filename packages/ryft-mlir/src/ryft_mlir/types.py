"""MLIR types. Make them with the factory methods of `Context`; compare them with `==`; print them with `str`."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy

from ryft_xla_sys.mlir import ir

from . import attributes
from ._arguments import array, number, own
from .data_types import data_type_of
from .errors import MlirError

if TYPE_CHECKING:
    from .attributes import Attribute
    from .context import Context

__all__ = [
    "ComplexType",
    "FloatType",
    "FunctionType",
    "IndexType",
    "IntegerType",
    "MemRefType",
    "NoneType",
    "OpaqueType",
    "ShapedType",
    "Size",
    "SizeLike",
    "TensorType",
    "TupleType",
    "Type",
    "UnrankedMemRefType",
    "UnrankedTensorType",
    "VectorType",
    "wrap_type",
]


@dataclass(frozen=True)
class Size:
    """Size of one dimension of a shape: static, with a known value, or dynamic, known only when the program runs.

    Attributes:
        value: The number of elements, or `None` if the size is dynamic.
    """

    value: int | None = None

    Dynamic: ClassVar[Size]

    @classmethod
    def Static(cls, value: int) -> Size:  # noqa: N802 (it constructs one of the two kinds of size)
        """Returns the static size `value`."""
        if value < 0:
            raise ValueError(f"a static `Size` expected a value of at least 0, but got {value}")
        return cls(int(value))

    @property
    def is_static(self) -> bool:
        """Whether the size is known."""
        return self.value is not None

    @property
    def is_dynamic(self) -> bool:
        """Whether the size is known only when the program runs."""
        return self.value is None

    def __str__(self) -> str:
        return "?" if self.value is None else str(self.value)


Size.Dynamic = Size()

SizeLike: TypeAlias = int | Size | None
"""What stands for the size of a dimension: an integer, a `Size`, or `None` for a dynamic size."""


class Type:
    """A type of MLIR. The context uniques types, so two types are equal exactly if they print the same."""

    __slots__ = ("_context", "_raw")
    _context: Context
    _raw: Any

    def __init__(self, context: Context, raw: Any) -> None:
        self._context = context
        self._raw = raw

    @property
    def context(self) -> Context:
        """The context that the type belongs to."""
        return self._context

    @classmethod
    def parse(cls, context: Context, text: str) -> Type:
        """Returns the type that `text` spells, for example `tensor<2x3xf32>`.

        Raises:
            ParseError: If `text` is not the text of a type.
        """
        return context.parse_type(text)

    def to_bindings(self) -> Any:
        """Returns the type object of the upstream bindings."""
        return self._raw

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Type):
            return NotImplemented
        return self._context is other._context and self._raw == other._raw

    def __hash__(self) -> int:
        return hash(self._raw)

    def __str__(self) -> str:
        return str(self._raw)

    def __repr__(self) -> str:
        return f"{type(self).__name__}[{self._raw}]"


class IntegerType(Type):
    """An integer type: signless (`i32`), signed (`si32`) or unsigned (`ui32`)."""

    __slots__ = ()

    @property
    def bit_width(self) -> int:
        """Number of bits."""
        return self._raw.width

    @property
    def is_signless(self) -> bool:
        """Whether operations, not the type, decide about the sign."""
        return self._raw.is_signless

    @property
    def is_signed(self) -> bool:
        """Whether values are signed."""
        return self._raw.is_signed

    @property
    def is_unsigned(self) -> bool:
        """Whether values are unsigned."""
        return self._raw.is_unsigned

    @property
    def data_type(self) -> numpy.dtype[Any]:
        """The NumPy data type; signless integers map to signed ones and `i1` maps to `bool`."""
        return data_type_of(str(self._raw))


class IndexType(Type):
    """The type `index`, an integer as wide as a machine word."""

    __slots__ = ()


class FloatType(Type):
    """A floating-point type, from 4 to 64 bits."""

    __slots__ = ()

    @property
    def bit_width(self) -> int:
        """Number of bits."""
        return self._raw.width

    @property
    def data_type(self) -> numpy.dtype[Any]:
        """The NumPy (or `ml_dtypes`) data type.

        Raises:
            DataTypeError: If there is none, as for `tf32`.
        """
        return data_type_of(str(self._raw))


class ComplexType(Type):
    """A complex number of two floating-point (or integer) parts."""

    __slots__ = ()

    @property
    def element_type(self) -> Type:
        """Type of the real and of the imaginary part."""
        return wrap_type(self._context, self._raw.element_type)

    @property
    def data_type(self) -> numpy.dtype[Any]:
        """The NumPy data type."""
        return data_type_of(str(self._raw))


class NoneType(Type):
    """The type `none`."""

    __slots__ = ()


class OpaqueType(Type):
    """A type of a dialect that is not loaded, kept as text."""

    __slots__ = ()

    @property
    def dialect_namespace(self) -> str:
        """Name of the dialect."""
        return self._raw.dialect_namespace

    @property
    def data(self) -> str:
        """The text of the type within its dialect."""
        return self._raw.data


class TupleType(Type):
    """A tuple of types."""

    __slots__ = ()

    def __len__(self) -> int:
        return self._raw.num_types

    @property
    def elements(self) -> tuple[Type, ...]:
        """The types in the tuple."""
        return tuple(wrap_type(self._context, self._raw.get_type(index)) for index in range(self._raw.num_types))


class FunctionType(Type):
    """The type of a function, from argument types to result types."""

    __slots__ = ()

    @property
    def inputs(self) -> tuple[Type, ...]:
        """Types of the arguments."""
        return tuple(wrap_type(self._context, raw) for raw in self._raw.inputs)

    @property
    def outputs(self) -> tuple[Type, ...]:
        """Types of the results."""
        return tuple(wrap_type(self._context, raw) for raw in self._raw.results)


class ShapedType(Type):
    """A type with elements and, unless it is unranked, a shape."""

    __slots__ = ()

    @property
    def element_type(self) -> Type:
        """Type of the elements."""
        return wrap_type(self._context, self._raw.element_type)

    @property
    def data_type(self) -> numpy.dtype[Any]:
        """The NumPy data type of the elements.

        Raises:
            DataTypeError: If NumPy and `ml_dtypes` have no such type.
        """
        return data_type_of(str(self._raw.element_type))

    @property
    def has_rank(self) -> bool:
        """Whether the number of dimensions is known."""
        return self._raw.has_rank

    @property
    def rank(self) -> int:
        """Number of dimensions.

        Raises:
            MlirError: If the type is unranked.
        """
        if not self._raw.has_rank:
            raise MlirError(f"`{self._raw}` has no rank")
        return self._raw.rank

    @property
    def sizes(self) -> tuple[Size, ...]:
        """The size of each dimension."""
        return tuple(Size(size) for size in self.shape)

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The size of each dimension, with `None` where it is dynamic."""
        dynamic = _DYNAMIC
        return tuple(None if size == dynamic else size for size in self._raw.shape) if self.rank else ()

    @property
    def has_static_shape(self) -> bool:
        """Whether the type is ranked and no dimension is dynamic."""
        return self._raw.has_static_shape


class TensorType(ShapedType):
    """A ranked tensor type, for example `tensor<2x?xf32>`."""

    __slots__ = ()

    @property
    def encoding(self) -> Attribute | None:
        """The encoding attribute, for example bounds of dynamic dimensions, or `None`."""
        raw = self._raw.encoding
        return None if raw is None else attributes.wrap_attribute(self._context, raw)


class UnrankedTensorType(ShapedType):
    """A tensor type with an unknown number of dimensions, for example `tensor<*xf32>`."""

    __slots__ = ()


class VectorType(ShapedType):
    """A vector type of fixed or scalable dimensions, for example `vector<4x[8]xf32>`."""

    __slots__ = ()

    @property
    def is_scalable(self) -> bool:
        """Whether some dimension is scalable."""
        return self._raw.scalable

    @property
    def scalable_dimensions(self) -> tuple[bool, ...]:
        """For each dimension, whether its real size is a multiple of its given size that the hardware decides."""
        return tuple(self._raw.scalable_dims)


class MemRefType(ShapedType):
    """A reference to memory with a shape and a layout, for example `memref<2x3xf32>`."""

    __slots__ = ()

    @property
    def layout(self) -> Attribute:
        """The layout: a strided layout or an affine map."""
        return attributes.wrap_attribute(self._context, self._raw.layout)

    @property
    def memory_space(self) -> Attribute | None:
        """The memory space, or `None` for the default one."""
        raw = self._raw.memory_space
        return None if raw is None else attributes.wrap_attribute(self._context, raw)

    @property
    def strides_and_offset(self) -> tuple[tuple[int | None, ...], int | None]:
        """The strides of all dimensions and the offset, with `None` where they are dynamic."""
        strides, offset = self._raw.get_strides_and_offset()
        return tuple(static_stride(stride) for stride in strides), static_stride(offset)


class UnrankedMemRefType(ShapedType):
    """A reference to memory with an unknown number of dimensions."""

    __slots__ = ()

    @property
    def memory_space(self) -> Attribute | None:
        """The memory space, or `None` for the default one."""
        raw = self._raw.memory_space
        return None if raw is None else attributes.wrap_attribute(self._context, raw)


_LARGEST = (1 << 63) - 1
_DYNAMIC: int = ir.ShapedType.get_dynamic_size()
_DYNAMIC_STRIDE: int = ir.ShapedType.get_dynamic_stride_or_offset()

_FLOAT_NAMES = """Float4E2M1FN Float6E2M3FN Float6E3M2FN Float8E3M4 Float8E4M3 Float8E4M3B11FNUZ Float8E4M3FN
    Float8E4M3FNUZ Float8E5M2 Float8E5M2FNUZ Float8E8M0FNU BF16 F16 FloatTF32 F32 F64"""
_FLOAT_TYPES: tuple[Any, ...] = tuple(getattr(ir, f"{name}Type") for name in _FLOAT_NAMES.split())

CLASSES: dict[Any, type[Type]] = {
    ir.IntegerType: IntegerType,
    ir.IndexType: IndexType,
    ir.ComplexType: ComplexType,
    ir.NoneType: NoneType,
    ir.OpaqueType: OpaqueType,
    ir.TupleType: TupleType,
    ir.FunctionType: FunctionType,
    ir.RankedTensorType: TensorType,
    ir.UnrankedTensorType: UnrankedTensorType,
    ir.VectorType: VectorType,
    ir.MemRefType: MemRefType,
    ir.UnrankedMemRefType: UnrankedMemRefType,
    **dict.fromkeys(_FLOAT_TYPES, FloatType),
}
"""Wrapper class of each class of the bindings."""


def wrap_type(context: Context, raw: Any) -> Type:
    """Wraps a type of the bindings in the class that knows its kind."""
    kind = CLASSES.get(type(raw))
    if kind is None:
        raw = raw.maybe_downcast()
        kind = CLASSES.get(type(raw), Type)
    return kind(context, raw)


def static_stride(value: int) -> int | None:
    """Returns a stride or an offset, or `None` if it is MLIR's mark for a dynamic one."""
    return None if value == _DYNAMIC_STRIDE else value


def raw_types(context: Context, types: Sequence[Type]) -> list[Any]:
    """Returns the bindings' objects of types, all of which must belong to `context`."""
    return [own(context, item, Type, "type")._raw for item in array(types, "MLIR", "types")]


def raw_sizes(shape: Sequence[SizeLike]) -> list[int]:
    """Returns a shape as the bindings want it, with MLIR's mark for dynamic sizes."""
    result: list[int] = []
    for size in array(shape, "a shape", "sizes"):
        value = size.value if isinstance(size, Size) else size
        if value is not None and number(value, "a shape", -_LARGEST, _LARGEST) < 0:
            raise ValueError(f"a shape expected sizes of at least 0 or `None`, but got {tuple(shape)}")
        result.append(_DYNAMIC if value is None else operator.index(value))
    return result
