"""MLIR attributes. Make them with the factory methods of `Context`, or pass plain Python values to the builders."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy

from ryft_xla_sys.mlir import ir

from . import affine, locations, types
from .elements import parse_elements, read_elements

if TYPE_CHECKING:
    from .context import Context

__all__ = [
    "AffineMapAttribute",
    "ArrayAttribute",
    "Attribute",
    "BooleanAttribute",
    "DenseArrayAttribute",
    "DenseElementsAttribute",
    "DenseResourceElementsAttribute",
    "DictionaryAttribute",
    "FloatAttribute",
    "IntegerAttribute",
    "IntegerSetAttribute",
    "LocationAttribute",
    "OpaqueAttribute",
    "StridedLayoutAttribute",
    "StringAttribute",
    "SymbolReferenceAttribute",
    "TypeAttribute",
    "UnitAttribute",
    "fetch_attribute",
    "wrap_attribute",
]


class Attribute:
    """An attribute of MLIR. The context uniques attributes, so two are equal exactly if they are the same constant."""

    __slots__ = ("_context", "_raw")
    _context: Context
    _raw: Any

    def __init__(self, context: Context, raw: Any) -> None:
        self._context = context
        self._raw = raw

    @property
    def context(self) -> Context:
        """The context that the attribute belongs to."""
        return self._context

    @property
    def type(self) -> types.Type:
        """The type of the attribute; `none` if it has no type."""
        return types.wrap_type(self._context, self._raw.type)

    def to_python(self) -> Any:
        """Returns the plain Python value that the attribute stands for, or the attribute itself if there is none."""
        return self

    def to_bindings(self) -> Any:
        """Returns the attribute object of the upstream bindings."""
        return self._raw

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Attribute):
            return NotImplemented
        return self._context is other._context and self._raw == other._raw

    def __hash__(self) -> int:
        return hash(self._raw)

    def __str__(self) -> str:
        return str(self._raw)

    def __repr__(self) -> str:
        return f"{type(self).__name__}[{self._raw}]"


class UnitAttribute(Attribute):
    """An attribute whose presence is all it says."""

    __slots__ = ()

    def to_python(self) -> None:
        """Returns `None`."""


class BooleanAttribute(Attribute):
    """`true` or `false`, which MLIR takes for an integer of one bit."""

    __slots__ = ()

    @property
    def value(self) -> bool:
        """The value."""
        return bool(self._raw.value)

    def to_python(self) -> bool:
        """Returns the value."""
        return self.value


class IntegerAttribute(Attribute):
    """An integer together with its type."""

    __slots__ = ()

    @property
    def value(self) -> int:
        """The value; signless integers are read as signed ones, but for the 0 and 1 of `i1`."""
        kind = self._raw.type
        width = 64 if isinstance(kind, ir.IndexType) else kind.width
        # The bindings read no more than 64 bits.
        if width > 64:
            return int(str(self._raw).partition(" :")[0])
        return abs(self._raw.value) if width == 1 and kind.is_signless else self._raw.value

    def to_python(self) -> int:
        """Returns the value."""
        return self.value


class FloatAttribute(Attribute):
    """A floating-point number together with its type."""

    __slots__ = ()

    @property
    def value(self) -> float:
        """The value."""
        return self._raw.value

    def to_python(self) -> float:
        """Returns the value."""
        return self.value


class StringAttribute(Attribute):
    """A string of bytes, which is usually UTF-8 text."""

    __slots__ = ()

    @property
    def value(self) -> str:
        """The text.

        Raises:
            UnicodeDecodeError: If the bytes are not UTF-8.
        """
        return self.bytes.decode()

    @property
    def bytes(self) -> bytes:
        """The bytes."""
        return self._raw.value_bytes

    def to_python(self) -> str:
        """Returns the text."""
        return self.value


class TypeAttribute(Attribute):
    """A type as an attribute."""

    __slots__ = ()

    @property
    def value(self) -> types.Type:
        """The type."""
        return types.wrap_type(self._context, self._raw.value)

    def to_python(self) -> types.Type:
        """Returns the type."""
        return self.value


class LocationAttribute(Attribute):
    """A location as an attribute."""

    __slots__ = ()

    @property
    def value(self) -> locations.Location:
        """The location."""
        return locations.wrap_location(self._context, ir.Location.from_attr(self._raw, self._context._raw))


class ArrayAttribute(Attribute):
    """A list of attributes."""

    __slots__ = ()

    @property
    def elements(self) -> tuple[Attribute, ...]:
        """The attributes."""
        raw = self._raw
        return tuple(fetch_attribute(self._context, lambda index=index: raw[index]) for index in range(len(raw)))

    def __len__(self) -> int:
        return len(self._raw)

    def __iter__(self) -> Iterator[Attribute]:
        return iter(self.elements)

    def __getitem__(self, index: int) -> Attribute:
        return self.elements[index]

    def to_python(self) -> list[Any]:
        """Returns a list of Python values."""
        return [element.to_python() for element in self.elements]


class DictionaryAttribute(Attribute, Mapping[str, Attribute]):
    """Attributes by name."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self._raw)

    def __iter__(self) -> Iterator[str]:
        raw = self._raw
        return iter([raw[index].name for index in range(len(raw))])

    def __getitem__(self, name: str) -> Attribute:
        try:
            return fetch_attribute(self._context, lambda: self._raw[name])
        except KeyError:
            raise KeyError(f"expected one of {', '.join(self) or 'no names'}, but got `{name}`") from None

    def __contains__(self, name: object) -> bool:
        return name in self._raw

    # `Mapping` would compare items; attributes are unique, so comparing them is enough.
    __eq__ = Attribute.__eq__
    __hash__ = Attribute.__hash__

    def to_python(self) -> dict[str, Any]:
        """Returns a dictionary of Python values."""
        return {name: value.to_python() for name, value in self.items()}


class DenseArrayAttribute(Attribute):
    """A list of booleans, integers or floating-point numbers of one width, for example `array<i64: 1, 2>`."""

    __slots__ = ()

    @property
    def values(self) -> tuple[Any, ...]:
        """The numbers."""
        return tuple(self._raw)

    def __len__(self) -> int:
        return len(self._raw)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def __getitem__(self, index: int) -> Any:
        return self.values[index]

    def to_python(self) -> list[Any]:
        """Returns a list of numbers."""
        return list(self._raw)


class DenseElementsAttribute(Attribute):
    """The elements of a tensor or vector, for example `dense<[1, 2]> : tensor<2xi32>`."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self._raw)

    @property
    def is_splat(self) -> bool:
        """Whether all elements are equal and stored once."""
        return self._raw.is_splat

    @property
    def splat(self) -> Attribute:
        """The element that all are equal to.

        Raises:
            ValueError: If the elements are not stored as one.
        """
        if not self._raw.is_splat:
            raise ValueError(f"expected elements that are all equal, but got `{self._raw}`")
        return wrap_attribute(self._context, self._raw.get_splat_value())

    def to_numpy(self) -> numpy.ndarray[Any, Any]:
        """Returns the elements as an array of the data type that matches the element type.

        Raises:
            DataTypeError: If NumPy and `ml_dtypes` have no such type.
        """
        shaped = self.type
        if not isinstance(shaped, types.ShapedType):
            raise TypeError(f"expected elements of a shaped type, but got `{shaped}`")
        return read_elements(self._raw, shaped)

    def to_python(self) -> numpy.ndarray[Any, Any]:
        """Returns the elements as an array."""
        return self.to_numpy()


class DenseResourceElementsAttribute(Attribute):
    """Elements that live outside the context's memory, for example in a NumPy array. MLIR cannot give them back."""

    __slots__ = ()


class SymbolReferenceAttribute(Attribute):
    """A reference to a symbol, `@root` or `@root::@nested`."""

    __slots__ = ()

    @property
    def path(self) -> tuple[str, ...]:
        """The names, from the outermost symbol table inwards."""
        value = self._raw.value
        return (value,) if isinstance(value, str) else tuple(value)

    @property
    def root(self) -> str:
        """The first name."""
        return self.path[0]

    @property
    def leaf(self) -> str:
        """The last name."""
        return self.path[-1]


class OpaqueAttribute(Attribute):
    """An attribute of a dialect that is not loaded, kept as bytes."""

    __slots__ = ()

    @property
    def dialect_namespace(self) -> str:
        """Name of the dialect."""
        return self._raw.dialect_namespace

    @property
    def data(self) -> bytes:
        """The attribute within its dialect."""
        return self._raw.data


class AffineMapAttribute(Attribute):
    """An affine map as an attribute."""

    __slots__ = ()

    @property
    def value(self) -> affine.AffineMap:
        """The map."""
        return affine.AffineMap(self._context, self._raw.value)


class IntegerSetAttribute(Attribute):
    """A set of integers as an attribute, for example `affine_set<(d0) : (d0 >= 0)>`."""

    __slots__ = ()


class StridedLayoutAttribute(Attribute):
    """The strides and the offset of a layout in memory."""

    __slots__ = ()

    @property
    def strides(self) -> tuple[int | None, ...]:
        """The stride of each dimension, with `None` where it is dynamic."""
        return tuple(types.static_stride(stride) for stride in self._raw.strides)

    @property
    def offset(self) -> int | None:
        """The offset of the first element, or `None` if it is dynamic."""
        return types.static_stride(self._raw.offset)


_DENSE_ARRAYS: tuple[Any, ...] = tuple(
    getattr(ir, f"Dense{kind}ArrayAttr") for kind in ("Bool", "I8", "I16", "I32", "I64", "F32", "F64")
)

_REFUSED = re.compile(r"Can't cast unknown element type .*\(Attribute\(dense<(.*)> : (.*)\)\)", re.S)

CLASSES: dict[Any, type[Attribute]] = {
    ir.UnitAttr: UnitAttribute,
    ir.BoolAttr: BooleanAttribute,
    ir.IntegerAttr: IntegerAttribute,
    ir.FloatAttr: FloatAttribute,
    ir.StringAttr: StringAttribute,
    ir.TypeAttr: TypeAttribute,
    ir.ArrayAttr: ArrayAttribute,
    ir.DictAttr: DictionaryAttribute,
    ir.DenseElementsAttr: DenseElementsAttribute,
    ir.DenseIntElementsAttr: DenseElementsAttribute,
    ir.DenseFPElementsAttr: DenseElementsAttribute,
    ir.DenseResourceElementsAttr: DenseResourceElementsAttribute,
    ir.SymbolRefAttr: SymbolReferenceAttribute,
    ir.FlatSymbolRefAttr: SymbolReferenceAttribute,
    ir.OpaqueAttr: OpaqueAttribute,
    ir.AffineMapAttr: AffineMapAttribute,
    ir.IntegerSetAttr: IntegerSetAttribute,
    ir.StridedLayoutAttr: StridedLayoutAttribute,
    **dict.fromkeys(_DENSE_ARRAYS, DenseArrayAttribute),
}
"""Wrapper class of each class of the bindings. Dialects add theirs."""


def fetch_attribute(context: Context, get: Callable[[], Any]) -> Attribute:
    """Wraps the attribute of the bindings that `get` returns.

    The bindings refuse to hand out dense elements that are complex numbers. Their complaint spells the attribute, from
    which it is built anew.
    """
    try:
        return wrap_attribute(context, get())
    except TypeError as error:
        match = _REFUSED.search(str(error))
        if match is None:
            raise
        shaped = types.wrap_type(context, ir.Type.parse(match[2], context._raw))
        if not isinstance(shaped, types.ShapedType):
            raise
        array = parse_elements(match[1], shaped.data_type)
        shape = tuple(size or 0 for size in shaped.shape)
        get_elements = ir.DenseElementsAttr.get
        raw = get_elements(array, type=shaped.element_type._raw, shape=shape, context=context._raw)
        return DenseElementsAttribute(context, raw)


def wrap_attribute(context: Context, raw: Any) -> Attribute:
    """Wraps an attribute of the bindings in the class that knows its kind."""
    kind = CLASSES.get(type(raw))
    if kind is None:
        raw = raw.maybe_downcast()
        kind = CLASSES.get(type(raw))
    if kind is None:
        kind = LocationAttribute if str(raw).startswith("loc(") else Attribute
    return kind(context, raw)
