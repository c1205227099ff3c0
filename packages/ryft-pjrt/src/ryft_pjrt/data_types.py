"""Element types of device arrays, and the interned pair of element type and shape that every buffer carries."""

from __future__ import annotations

import contextlib
import math
import operator
import threading
from collections.abc import Iterable
from enum import IntEnum
from functools import cache

import numpy

from ryft_pjrt.errors import ArgumentError, ArgumentTypeError

__all__ = ["ArrayType", "BufferType", "array_type", "dimensions", "element_type"]


class BufferType(IntEnum):
    """Element type of a buffer; the values are those of the PJRT C API."""

    INVALID = 0
    PREDICATE = 1
    I8 = 2
    I16 = 3
    I32 = 4
    I64 = 5
    U8 = 6
    U16 = 7
    U32 = 8
    U64 = 9
    F16 = 10
    F32 = 11
    F64 = 12
    BF16 = 13
    C64 = 14
    C128 = 15
    F8E5M2 = 16
    F8E4M3FN = 17
    F8E4M3B11FNUZ = 18
    F8E5M2FNUZ = 19
    F8E4M3FNUZ = 20
    I4 = 21
    U4 = 22
    TOKEN = 23
    I2 = 24
    U2 = 25
    F8E4M3 = 26
    F8E3M4 = 27
    F8E8M0FNU = 28
    F4E2M1FN = 29
    I1 = 30
    U1 = 31
    F6E2M3FN = 32
    F6E3M2FN = 33

    def __str__(self) -> str:
        return "pred" if self is BufferType.PREDICATE else self.name.lower()

    @classmethod
    def parse(cls, text: str) -> BufferType:
        """Returns the element type that `text` names, as `f32`, `i8`, `s8` or `pred`, in any case.

        Raises:
            ArgumentError: If there is no such type.
        """
        name = text.strip().upper()
        if name == "PRED":
            return cls.PREDICATE
        if name[:1] == "S" and name[1:].isdigit():
            name = f"I{name[1:]}"
        if name not in cls.__members__:
            raise ArgumentError(f"`buffer type` expected the name of an element type, but got {text!r}")
        return cls[name]

    @classmethod
    def from_proto(cls, code: int) -> BufferType:
        """Returns the element type for a code of XLA's `PrimitiveType`; what no array can have becomes `INVALID`."""
        return _FROM_PROTO.get(code, cls.INVALID)

    @property
    def proto(self) -> int:
        """Code of the type in XLA's `PrimitiveType`, which protobuf messages and FFI calls use."""
        return _TO_PROTO[self]

    @property
    def bits(self) -> int:
        """Number of bits that one element takes in the packed form, which is how dense memory sizes are counted."""
        if self in (BufferType.INVALID, BufferType.TOKEN):
            return 0
        if self is BufferType.PREDICATE:
            return 8
        digits = self.name[1:] if self.name[0] != "B" else self.name[2:]
        return int(digits.partition("E")[0])

    @property
    def minimum_minor_version(self) -> int:
        """Oldest minor version of the PJRT C API that has the type. An older plugin would crash on its number."""
        return 114 if self >= BufferType.F6E2M3FN else 94 if self >= BufferType.I1 else 0

    @property
    def dtype(self) -> numpy.dtype:
        """NumPy data type of an element on the host. Types of less than eight bits take one byte each there.

        Raises:
            ArgumentTypeError: If NumPy and `ml_dtypes` have no such type.
        """
        return _dtype_of(self)


# The codes that differ in protobuf messages from those of the C API.
_TO_PROTO: dict[BufferType, int] = {code: int(code) for code in BufferType} | {
    BufferType.BF16: 16,
    BufferType.C64: 15,
    BufferType.C128: 18,
    BufferType.F8E5M2: 19,
    BufferType.F8E4M3FN: 20,
    BufferType.F8E4M3B11FNUZ: 23,
    BufferType.F8E5M2FNUZ: 24,
    BufferType.F8E4M3FNUZ: 25,
    BufferType.TOKEN: 17,
    BufferType.I2: 26,
    BufferType.U2: 27,
    BufferType.F8E4M3: 28,
    BufferType.F8E3M4: 29,
    BufferType.F4E2M1FN: 32,
    BufferType.F8E8M0FNU: 33,
    BufferType.F6E2M3FN: 36,
    BufferType.F6E3M2FN: 35,
}
_FROM_PROTO: dict[int, BufferType] = {code: kind for kind, code in _TO_PROTO.items()}

_NUMPY_TYPES: dict[str, BufferType] = {
    "bool": BufferType.PREDICATE,
    "int8": BufferType.I8,
    "int16": BufferType.I16,
    "int32": BufferType.I32,
    "int64": BufferType.I64,
    "uint8": BufferType.U8,
    "uint16": BufferType.U16,
    "uint32": BufferType.U32,
    "uint64": BufferType.U64,
    "float16": BufferType.F16,
    "float32": BufferType.F32,
    "float64": BufferType.F64,
    "complex64": BufferType.C64,
    "complex128": BufferType.C128,
}

_ML_DTYPES: dict[str, BufferType] = {
    "bfloat16": BufferType.BF16,
    "float8_e5m2": BufferType.F8E5M2,
    "float8_e4m3fn": BufferType.F8E4M3FN,
    "float8_e4m3b11fnuz": BufferType.F8E4M3B11FNUZ,
    "float8_e5m2fnuz": BufferType.F8E5M2FNUZ,
    "float8_e4m3fnuz": BufferType.F8E4M3FNUZ,
    "float8_e4m3": BufferType.F8E4M3,
    "float8_e3m4": BufferType.F8E3M4,
    "float8_e8m0fnu": BufferType.F8E8M0FNU,
    "float4_e2m1fn": BufferType.F4E2M1FN,
    "float6_e2m3fn": BufferType.F6E2M3FN,
    "float6_e3m2fn": BufferType.F6E3M2FN,
    "int1": BufferType.I1,
    "uint1": BufferType.U1,
    "int2": BufferType.I2,
    "uint2": BufferType.U2,
    "int4": BufferType.I4,
    "uint4": BufferType.U4,
}

_NAMES: dict[BufferType, str] = {code: name for name, code in (_NUMPY_TYPES | _ML_DTYPES).items()}

_BY_DTYPE: dict[numpy.dtype, BufferType] = {numpy.dtype(name): code for name, code in _NUMPY_TYPES.items()}


@cache
def _dtype_of(code: BufferType) -> numpy.dtype:
    name = _NAMES.get(code)
    if name in _NUMPY_TYPES:
        return numpy.dtype(name)
    import ml_dtypes  # Loaded only for the types that NumPy lacks: start-up must not pay for it.

    scalar = getattr(ml_dtypes, name, None) if name else None
    if scalar is None:
        raise ArgumentTypeError(f"the element type `{code}` has no NumPy data type")
    return numpy.dtype(scalar)


def element_type(dtype: object) -> BufferType:
    """Returns the element type for a NumPy data type, for the name of a type of `ml_dtypes`, or for what NumPy takes.

    Raises:
        ArgumentTypeError: If no device array can have that type.
    """
    if isinstance(dtype, BufferType):
        return dtype
    if isinstance(dtype, str) and dtype in _ML_DTYPES:
        return _ML_DTYPES[dtype]
    try:
        converted = numpy.dtype(dtype)  # pyright: ignore[reportArgumentType, reportCallIssue]
    except TypeError:
        raise ArgumentTypeError(f"expected a data type, but got {dtype!r}") from None
    code = _BY_DTYPE.get(converted)
    if code is None:
        if not converted.isnative:
            return element_type(converted.newbyteorder("="))
        code = _ML_DTYPES.get(converted.name)
        if code is None or converted.kind == "M":
            raise ArgumentTypeError(f"no device array can have the data type `{converted}`")
        _BY_DTYPE[converted] = code
    return code


def dimensions(shape: int | Iterable[int]) -> tuple[int, ...]:
    """Returns `shape` as a tuple of dimensions that a buffer can have.

    Raises:
        ArgumentTypeError: If a dimension is not an integer.
        ArgumentError: If a dimension is negative, or the array would have more than 2**63 - 1 bytes.
    """
    try:
        result = (operator.index(shape),) if not isinstance(shape, Iterable) else tuple(map(operator.index, shape))
    except TypeError:
        raise ArgumentTypeError(f"`shape` expected integers, but got {shape!r}") from None
    if any(not 0 <= dimension < 2**63 for dimension in result):
        raise ArgumentError(f"`shape` expected dimensions between 0 and 2**63 - 1, but got {result}")
    if math.prod(result) >= 2**59:
        raise ArgumentError(f"`shape` expected an array that can be addressed, but got {result}")
    return result


class ArrayType:
    """Element type and shape of a buffer. There is one object for each pair, so they are compared by identity.

    Attributes:
        index: Small number that stands for this type in the native layer.
        element_type: Element type.
        shape: Dimensions.
        size_in_bits: Number of bits of all elements in the packed form.
        size_in_bytes: Number of bytes of an array on the host.
    """

    __slots__ = ("dtype_or_none", "element_type", "index", "shape", "size_in_bits", "size_in_bytes")

    def __init__(self, index: int, element_type: BufferType, shape: tuple[int, ...]) -> None:
        self.index = index
        self.element_type = element_type
        self.shape = shape
        self.dtype_or_none: numpy.dtype | None = None
        with contextlib.suppress(ArgumentTypeError):
            self.dtype_or_none = element_type.dtype
        item_size = self.dtype_or_none.itemsize if self.dtype_or_none is not None else 0
        self.size_in_bits: int = math.prod(shape) * element_type.bits
        self.size_in_bytes: int = math.prod(shape) * item_size

    @property
    def dtype(self) -> numpy.dtype:
        """NumPy data type of an element on the host."""
        return self.dtype_or_none if self.dtype_or_none is not None else self.element_type.dtype

    def __str__(self) -> str:
        return f"{self.element_type}[{','.join(map(str, self.shape))}]"

    def __repr__(self) -> str:
        return f"ArrayType({self})"


_ARRAY_TYPES: dict[tuple[int, tuple[int, ...]], ArrayType] = {}
_ARRAY_TYPES_LOCK = threading.Lock()


def array_type(element_type: int, shape: tuple[int, ...]) -> ArrayType:
    """Returns the one `ArrayType` for a pair of element type and shape."""
    found = _ARRAY_TYPES.get((element_type, shape))
    if found is None:
        with _ARRAY_TYPES_LOCK:
            key = (element_type, shape)
            found = _ARRAY_TYPES.get(key)
            if found is None:
                # Index 0 is kept for "no buffer".
                found = ArrayType(len(_ARRAY_TYPES) + 1, BufferType(element_type), shape)
                _ARRAY_TYPES[key] = found
    return found
