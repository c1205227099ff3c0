"""The context: what owns types, attributes and locations, and knows the dialects."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import numpy
from numpy.typing import ArrayLike

from ryft_xla_sys.mlir import ir, new_context

from . import attribute_factories, locations, type_factories
from ._arguments import array, check_kind, check_nesting, own
from ._arguments import text as require_text
from .affine import AffineMap, IntegerSet
from .attributes import (
    AffineMapAttribute,
    ArrayAttribute,
    Attribute,
    BooleanAttribute,
    DenseArrayAttribute,
    DenseElementsAttribute,
    DenseResourceElementsAttribute,
    DictionaryAttribute,
    FloatAttribute,
    IntegerAttribute,
    IntegerSetAttribute,
    LocationAttribute,
    OpaqueAttribute,
    StridedLayoutAttribute,
    StringAttribute,
    SymbolReferenceAttribute,
    TypeAttribute,
    UnitAttribute,
    fetch_attribute,
)
from .data_types import element_type_name
from .diagnostics import Diagnostic, DiagnosticHandler, translate
from .errors import BuildError, ParseError
from .locations import Location, UnknownLocation, raw_locations
from .types import (
    ComplexType,
    FloatType,
    FunctionType,
    IndexType,
    IntegerType,
    MemRefType,
    NoneType,
    OpaqueType,
    ShapedType,
    SizeLike,
    TensorType,
    TupleType,
    Type,
    UnrankedMemRefType,
    UnrankedTensorType,
    VectorType,
    raw_sizes,
    raw_types,
    wrap_type,
)

__all__ = ["Context", "ThreadPool"]


class ThreadPool:
    """Threads that several contexts may share."""

    __slots__ = ("_raw",)

    def __init__(self) -> None:
        self._raw: Any = ir.ThreadPool()

    @property
    def thread_count(self) -> int:
        """Number of threads."""
        return self._raw.get_max_concurrency()


class Context:
    """Owns types, attributes and locations, and knows the dialects. Objects of different contexts do not mix.

    Every dialect that the bindings hold is registered, and loads when it is first used.

    Args:
        allow_unregistered_dialects: Whether programs may hold operations of dialects that MLIR does not know.
        multi_threading: Whether the verifier and passes may use several threads.
        thread_pool: Threads to use, which other contexts may use as well. Defaults to threads of its own.
    """

    __slots__ = (
        "__weakref__",
        "_changes",
        "_element_types",
        "_generation",
        "_handlers",
        "_has_hazards",
        "_has_jumps",
        "_inferable",
        "_integer_types",
        "_location",
        "_raw",
        "_tensor_types",
        "_thread_pool",
        "_unknown",
    )

    def __init__(
        self,
        *,
        allow_unregistered_dialects: bool = False,
        multi_threading: bool = True,
        thread_pool: ThreadPool | None = None,
    ) -> None:
        raw: Any = new_context()
        self._raw: Any = raw
        # See `_ownership`: how often something was erased or moved, and what that was.
        self._generation = 0
        self._handlers = 0
        # Whether regions of several blocks were put together by hand, see `Operation.verify`.
        self._has_hazards = False
        self._has_jumps = False
        # See `inference`: what MLIR was found to be able to infer the types of results from.
        self._inferable: set[Any] = set()
        self._changes: dict[int, tuple[int, int, Any]] = {}
        self._unknown: Any = ir.Location.unknown(raw)
        self._location: Any = self._unknown
        self._element_types: dict[Any, Type] = {}
        self._integer_types: dict[int, IntegerType] = {}
        self._tensor_types: dict[Any, TensorType] = {}
        self._thread_pool = thread_pool
        raw.allow_unregistered_dialects = bool(allow_unregistered_dialects)
        if thread_pool is not None:
            raw.enable_multithreading(False)
            check_kind(thread_pool, ThreadPool, "`thread_pool`", "a `ThreadPool`")
            raw.set_thread_pool(thread_pool._raw)
        elif not multi_threading:
            raw.enable_multithreading(False)

    def to_bindings(self) -> Any:
        """Returns the context object of the upstream bindings."""
        return self._raw

    def __repr__(self) -> str:
        return f"Context(at {id(self):#x})"

    # Dialects, threads and diagnostics.

    @property
    def allows_unregistered_dialects(self) -> bool:
        """Whether programs may hold operations of dialects that MLIR does not know."""
        return self._raw.allow_unregistered_dialects

    @allows_unregistered_dialects.setter
    def allows_unregistered_dialects(self, value: bool) -> None:
        self._raw.allow_unregistered_dialects = bool(value)

    @property
    def thread_count(self) -> int:
        """Number of threads that the verifier and passes may use."""
        return self._raw.get_num_threads()

    @contextmanager
    def one_thread(self) -> Generator[None]:
        """Keeps MLIR to one thread inside the `with` block. Nothing else may use the context meanwhile."""
        raw = self._raw
        if raw.get_num_threads() == 1:
            yield
            return
        raw.enable_multithreading(False)
        try:
            yield
        finally:
            if self._thread_pool is None:
                raw.enable_multithreading(True)
            else:
                raw.set_thread_pool(self._thread_pool._raw)

    def load_dialect(self, name: str) -> None:
        """Loads a dialect, so that its operations can be built.

        Raises:
            BuildError: If no such dialect is registered.
        """
        try:
            _ = self._raw.dialects[require_text(name, "the name of a dialect")]
        except (ValueError, IndexError):
            raise BuildError(f"expected the name of a registered dialect, but got `{name}`") from None

    def is_registered(self, operation_name: str) -> bool:
        """Returns whether MLIR knows an operation, for example `stablehlo.add`. Its dialect must be loaded."""
        return self._raw.is_registered_operation(require_text(operation_name, "the name of an operation"))

    def attach_diagnostic_handler(self, handler: Callable[[Diagnostic], bool | None]) -> DiagnosticHandler:
        """Calls `handler` with each diagnostic from now on; handlers attached later come first.

        Args:
            handler: Returns `True` if nobody else needs to see the diagnostic. An exception that it raises is dropped.

        Returns:
            The attached handler; detach it with `detach`, or use it as a context manager.
        """
        return DiagnosticHandler(self, handler)

    @contextmanager
    def default_location(self, location: Location) -> Generator[None]:
        """Makes `location` the location of everything built without one inside the `with` block, on any thread."""
        (raw,) = raw_locations(self, [location])
        previous, self._location = self._location, raw
        try:
            yield
        finally:
            self._location = previous

    # Locations.

    def unknown_location(self) -> UnknownLocation:
        """Returns the unknown location."""
        return UnknownLocation(self, self._unknown)

    def file_location(
        self, file_name: str, start: tuple[int, int], end: tuple[int, int] | None = None
    ) -> locations.FileLocation:
        """Returns a place in a file, or the range from `start` to `end`, each a line and a column."""
        return locations.file_location(self, file_name, start, end)

    def name_location(self, name: str, child: Location | None = None) -> locations.NameLocation:
        """Returns the location called `name`, which stands for the location `child`."""
        return locations.name_location(self, name, child)

    def call_site_location(self, callee: Location, *callers: Location) -> locations.CallSiteLocation:
        """Returns the location `callee` inside a function that was called at the first of `callers`, and so on."""
        return locations.call_site_location(self, callee, callers)

    def fused_location(self, members: Sequence[Location], metadata: Attribute | None = None) -> Location:
        """Returns several locations merged into one. MLIR drops duplicates, so the result may be of a simpler kind."""
        return locations.fused_location(self, members, metadata)

    def python_location(self, frame: FrameType | None = None, *, depth: int = 1) -> Location:
        """Returns the location of a Python frame, by default the caller's, with up to `depth` frames as call sites."""
        return locations.location_from_frame(self, sys._getframe(1) if frame is None else frame, depth=depth)

    # Types.

    def parse_type(self, text: str) -> Type:
        """Returns the type that `text` spells.

        Raises:
            ParseError: If `text` is not the text of a type.
        """
        check_nesting(require_text(text, "a type"), "the type")
        try:
            return wrap_type(self, ir.Type.parse(text, self._raw))
        except ir.MLIRError as error:
            raise translate(error, ParseError, f"cannot parse the type `{text}`") from None

    def element_type(self, data_type: Any) -> Type:
        """Returns the type of the elements of a NumPy data type, or a `Type` unchanged.

        Raises:
            DataTypeError: If MLIR has no such type.
        """
        try:
            found = self._element_types.get(data_type)
        except TypeError:
            found = None
        if found is not None:
            return found
        if isinstance(data_type, Type):
            return own(self, data_type, Type, "type")
        found = self.parse_type(element_type_name(data_type))
        self._element_types[data_type] = found
        return found

    def integer_type(self, bit_width: int) -> IntegerType:
        """Returns the signless integer type of `bit_width` bits."""
        found = self._integer_types.get(bit_width)
        if found is None:
            found = self._integer_types[bit_width] = type_factories.integer_type(self, bit_width, "signless")
        return found

    def signed_integer_type(self, bit_width: int) -> IntegerType:
        """Returns the signed integer type of `bit_width` bits."""
        return type_factories.integer_type(self, bit_width, "signed")

    def unsigned_integer_type(self, bit_width: int) -> IntegerType:
        """Returns the unsigned integer type of `bit_width` bits."""
        return type_factories.integer_type(self, bit_width, "unsigned")

    def float_type(self, data_type: Any) -> FloatType:
        """Returns the floating-point type of a data type, or of a name such as `"f8E4M3FN"`, `"bf16"` or `"tf32"`."""
        return type_factories.float_type(self, data_type)

    def index_type(self) -> IndexType:
        """Returns the type `index`."""
        return IndexType(self, ir.IndexType.get(self._raw))

    def none_type(self) -> NoneType:
        """Returns the type `none`."""
        return NoneType(self, ir.NoneType.get(self._raw))

    def complex_type(self, element_type: Any) -> ComplexType:
        """Returns the type of complex numbers with parts of `element_type`."""
        return type_factories.complex_type(self, element_type)

    def opaque_type(self, dialect_namespace: str, data: str) -> OpaqueType:
        """Returns a type of a dialect that is not loaded; the context must allow unregistered dialects."""
        return type_factories.opaque_type(self, dialect_namespace, data)

    def tuple_type(self, elements: Sequence[Type]) -> TupleType:
        """Returns the type of tuples of `elements`."""
        return TupleType(self, ir.TupleType.get_tuple(raw_types(self, elements), self._raw))

    def function_type(self, inputs: Sequence[Type], outputs: Sequence[Type]) -> FunctionType:
        """Returns the type of functions from `inputs` to `outputs`."""
        raw = ir.FunctionType.get(raw_types(self, inputs), raw_types(self, outputs), self._raw)
        return FunctionType(self, raw)

    def tensor_type(
        self, shape: Sequence[SizeLike], element_type: Any, encoding: Attribute | None = None
    ) -> TensorType:
        """Returns the type of tensors of a shape.

        Args:
            shape: The size of each dimension: an integer, a `Size`, or `None` for a dynamic one.
            element_type: A NumPy data type, or a `Type`.
            encoding: Attribute that describes the tensor further, for example `stable_hlo.type_extensions`.

        Raises:
            BuildError: If a tensor cannot have such elements.
        """
        try:
            key = (tuple(shape), element_type, encoding)
            found = self._tensor_types.get(key)
        except TypeError:
            # Something is not hashable, which only what follows can name.
            key, found = None, None
        if found is None:
            element = self.element_type(element_type)
            raw_encoding = None if encoding is None else own(self, encoding, Attribute, "attribute")._raw
            try:
                raw = ir.RankedTensorType.get(raw_sizes(shape), element._raw, raw_encoding, self._unknown)
            except ir.MLIRError as error:
                raise translate(error, BuildError, f"cannot build a tensor type of `{element}`") from None
            found = TensorType(self, raw)
            if key is not None:
                self._tensor_types[key] = found
        return found

    def unranked_tensor_type(self, element_type: Any) -> UnrankedTensorType:
        """Returns the type of tensors of any rank."""
        return type_factories.unranked_tensor_type(self, element_type)

    def vector_type(
        self, shape: Sequence[int], element_type: Any, *, scalable: Sequence[bool] | None = None
    ) -> VectorType:
        """Returns the type of vectors; `scalable` tells which sizes the hardware multiplies."""
        return type_factories.vector_type(self, shape, element_type, scalable)

    def memref_type(
        self,
        shape: Sequence[SizeLike],
        element_type: Any,
        *,
        layout: Attribute | None = None,
        memory_space: Any = None,
    ) -> MemRefType:
        """Returns the type of references to memory; `memory_space` is an attribute or a plain Python value."""
        return type_factories.memref_type(self, shape, element_type, layout, memory_space)

    def unranked_memref_type(self, element_type: Any, *, memory_space: Any = None) -> UnrankedMemRefType:
        """Returns the type of references to memory of any rank."""
        return type_factories.unranked_memref_type(self, element_type, memory_space)

    # Attributes.

    def parse_attribute(self, text: str) -> Attribute:
        """Returns the attribute that `text` spells.

        Raises:
            ParseError: If `text` is not the text of an attribute.
        """
        check_nesting(require_text(text, "an attribute"), "the attribute")
        try:
            return fetch_attribute(self, lambda: ir.Attribute.parse(text, self._raw))
        except ir.MLIRError as error:
            raise translate(error, ParseError, f"cannot parse the attribute `{text}`") from None

    def attribute(self, value: Any) -> Attribute:
        """Returns the attribute that stands for a plain Python value.

        Attributes, types and locations are taken as they are. Booleans, integers (64 bits), floats (64 bits), strings,
        NumPy scalars and arrays, sequences and mappings from strings are translated; `None` becomes `unit`.

        Raises:
            TypeError: If MLIR has no attribute for such a value.
        """
        return attribute_factories.attribute_from_python(self, value)

    def unit_attribute(self) -> UnitAttribute:
        """Returns the attribute `unit`."""
        return UnitAttribute(self, ir.UnitAttr.get(self._raw))

    def boolean_attribute(self, value: bool) -> BooleanAttribute:
        """Returns `true` or `false`."""
        return BooleanAttribute(self, ir.BoolAttr.get(bool(value), self._raw))

    def integer_attribute(self, value: int, integer_type: Any = numpy.int64) -> IntegerAttribute:
        """Returns an integer of a type, which is a data type or a `Type`, by default 64 bits wide.

        Raises:
            ValueError: If the type is not one of integers, or too narrow.
        """
        return attribute_factories.integer_attribute(self, value, integer_type)

    def float_attribute(self, value: float, float_type: Any = numpy.float64) -> FloatAttribute:
        """Returns a floating-point number of a type, which is a data type or a `Type`, by default 64 bits wide."""
        return attribute_factories.float_attribute(self, value, float_type)

    def string_attribute(self, value: str | bytes, string_type: Type | None = None) -> StringAttribute:
        """Returns a string, optionally with a type."""
        return attribute_factories.string_attribute(self, value, string_type)

    def type_attribute(self, value: Type) -> TypeAttribute:
        """Returns a type as an attribute."""
        return TypeAttribute(self, ir.TypeAttr.get(*raw_types(self, [value]), self._raw))

    def location_attribute(self, value: Location) -> LocationAttribute:
        """Returns a location as an attribute."""
        return LocationAttribute(self, raw_locations(self, [value])[0].attr)

    def array_attribute(self, elements: Sequence[Any]) -> ArrayAttribute:
        """Returns a list of attributes or plain Python values."""
        raw = [self.attribute(element)._raw for element in array(elements, "an array attribute", "values")]
        return ArrayAttribute(self, ir.ArrayAttr.get(raw, self._raw))

    def dictionary_attribute(self, elements: Mapping[str, Any]) -> DictionaryAttribute:
        """Returns attributes, or plain Python values, by name."""
        return DictionaryAttribute(self, ir.DictAttr.get(attribute_factories.raw_attributes(self, elements), self._raw))

    def symbol_reference_attribute(self, root: str, *nested: str) -> SymbolReferenceAttribute:
        """Returns a reference to a symbol, `@root` or `@root::@nested`."""
        return attribute_factories.symbol_reference_attribute(self, root, nested)

    def dense_array_attribute(self, values: ArrayLike, data_type: Any = None) -> DenseArrayAttribute:
        """Returns a list of numbers such as `array<i64: 1, 2>`.

        Args:
            values: The numbers.
            data_type: `bool`, a signed integer type of 8, 16, 32 or 64 bits, or a floating-point one of 32 or 64.
                Defaults to that of `values`.
        """
        return attribute_factories.dense_array_attribute(self, values, data_type)

    def elements_attribute(self, values: Any, shaped_type: ShapedType | None = None) -> DenseElementsAttribute:
        """Returns the elements of a tensor or vector, `dense<...>`; one number fills the whole of `shaped_type`.

        Raises:
            BuildError: If `values` does not have the shape of `shaped_type`.
        """
        return attribute_factories.elements_attribute(self, values, shaped_type)

    def resource_elements_attribute(
        self, values: numpy.ndarray[Any, Any], name: str = "array", *, copy: bool = True
    ) -> DenseResourceElementsAttribute:
        """Returns elements that stay in the memory of an array, `dense_resource<...>`.

        Args:
            values: The elements.
            name: Name of the resource; MLIR changes it if it is taken.
            copy: Whether to copy the array. If not, the attribute shows later changes of the array, which stays alive
                as long as the context does; the array must be contiguous.
        """
        return attribute_factories.resource_elements_attribute(self, values, name, copy)

    def opaque_attribute(
        self, dialect_namespace: str, data: bytes, attribute_type: Type | None = None
    ) -> OpaqueAttribute:
        """Returns an attribute of a dialect that is not loaded."""
        return attribute_factories.opaque_attribute(self, dialect_namespace, data, attribute_type)

    def affine_map_attribute(self, value: AffineMap) -> AffineMapAttribute:
        """Returns an affine map as an attribute."""
        return AffineMapAttribute(self, ir.AffineMapAttr.get(own(self, value, AffineMap, "affine map")._raw))

    def integer_set_attribute(self, value: IntegerSet) -> IntegerSetAttribute:
        """Returns a set of integers as an attribute."""
        return IntegerSetAttribute(self, ir.IntegerSetAttr.get(own(self, value, IntegerSet, "integer set")._raw))

    def strided_layout_attribute(self, strides: Sequence[int | None], offset: int | None = 0) -> StridedLayoutAttribute:
        """Returns the layout of memory with these strides and this offset; `None` stands for dynamic ones."""
        return attribute_factories.strided_layout_attribute(self, strides, offset)
