"""The context: what owns types, attributes and locations, and knows the dialects."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

from ryft_xla_sys.mlir import ir, new_context

from .attributes import Attribute
from .attributes_from_python import attribute_from_python
from .data_types import element_type_name
from .diagnostics import translate
from .errors import BuildError, ContextError, ParseError
from .locations import Location, UnknownLocation, raw_locations
from .types import FunctionType, IntegerType, SizeLike, TensorType, Type, raw_sizes, raw_types, wrap_type

__all__ = ["Context"]


class Context:
    """Owns types, attributes and locations, and knows the dialects. Objects of different contexts do not mix.

    Every dialect that the bindings hold is registered, and loads when it is first used.
    """

    __slots__ = (
        "__weakref__",
        "_changes",
        "_element_types",
        "_generation",
        "_integer_types",
        "_location",
        "_raw",
        "_tensor_types",
        "_unknown",
    )

    def __init__(self) -> None:
        self._raw: Any = new_context()
        # See `_ownership`: how often something was erased or moved, and what that was.
        self._generation = 0
        self._changes: dict[int, tuple[int, Any]] = {}
        self._unknown: Any = ir.Location.unknown(self._raw)
        self._location: Any = self._unknown
        self._element_types: dict[Any, Type] = {}
        self._integer_types: dict[int, IntegerType] = {}
        self._tensor_types: dict[Any, TensorType] = {}

    def to_bindings(self) -> Any:
        """Returns the context object of the upstream bindings."""
        return self._raw

    @contextmanager
    def default_location(self, location: Location) -> Generator[None]:
        """Makes `location` the location of everything built without one inside the `with` block, on any thread."""
        (raw,) = raw_locations(self, [location])
        previous, self._location = self._location, raw
        try:
            yield
        finally:
            self._location = previous

    def unknown_location(self) -> UnknownLocation:
        """Returns the unknown location."""
        return UnknownLocation(self, self._unknown)

    def parse_type(self, text: str) -> Type:
        """Returns the type that `text` spells.

        Raises:
            ParseError: If `text` is not the text of a type.
        """
        try:
            return wrap_type(self, ir.Type.parse(text, self._raw))
        except ir.MLIRError as error:
            raise translate(error, ParseError, f"cannot parse the type `{text}`") from None

    def element_type(self, data_type: Any) -> Type:
        """Returns the type of the elements of a NumPy data type, or a `Type` unchanged.

        Raises:
            DataTypeError: If MLIR has no such type.
        """
        found = self._element_types.get(data_type) if data_type.__hash__ is not None else None
        if found is None:
            if isinstance(data_type, Type):
                if data_type._context is not self:
                    raise ContextError(f"type `{data_type}` belongs to another context")
                return data_type
            found = self.parse_type(element_type_name(data_type))
            self._element_types[data_type] = found
        return found

    def integer_type(self, bit_width: int) -> IntegerType:
        """Returns the signless integer type of `bit_width` bits."""
        found = self._integer_types.get(bit_width)
        if found is None:
            raw = ir.IntegerType.get_signless(bit_width, self._raw)
            found = self._integer_types[bit_width] = IntegerType(self, raw)
        return found

    def attribute(self, value: Any) -> Attribute:
        """Returns the attribute that stands for a plain Python value.

        Attributes, types and locations are taken as they are. Booleans, integers (64 bits), floats (64 bits), strings,
        NumPy scalars and arrays, sequences and mappings from strings are translated; `None` becomes `unit`.

        Raises:
            TypeError: If MLIR has no attribute for such a value.
        """
        return attribute_from_python(self, value)

    def tensor_type(self, shape: Sequence[SizeLike], element_type: Any) -> TensorType:
        """Returns the type of tensors of a shape. `None` stands for a dynamic size.

        Args:
            shape: The size of each dimension.
            element_type: A NumPy data type, or a `Type`.

        Raises:
            BuildError: If a tensor cannot have such elements.
        """
        key = (tuple(shape), element_type)
        found = self._tensor_types.get(key)
        if found is None:
            raw_element = self.element_type(element_type)._raw
            try:
                raw = ir.RankedTensorType.get(raw_sizes(shape), raw_element, None, self._unknown)
            except ir.MLIRError as error:
                raise translate(error, BuildError, f"cannot build a tensor type of `{raw_element}`") from None
            found = self._tensor_types[key] = TensorType(self, raw)
        return found

    def function_type(self, inputs: Sequence[Type], outputs: Sequence[Type]) -> FunctionType:
        """Returns the type of functions from `inputs` to `outputs`."""
        raw = ir.FunctionType.get(raw_types(self, inputs), raw_types(self, outputs), self._raw)
        return FunctionType(self, raw)

    def __repr__(self) -> str:
        return f"Context(at {id(self):#x})"
