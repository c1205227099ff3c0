"""Data types: NumPy's and `ml_dtypes`', their kinds, their defaults, and the one lattice that says how they mix.

A data type is a `numpy.dtype`. A value is *weakly* typed if nobody chose its data type: Python scalars are, and so is
what is computed from them alone. A weak value adopts the data type of the strong value that it meets, if that is of its
kind or of a wider one.

    bool → int* → {int1 → int2 → int4 → int8 → int16 → int32 → int64} → float* → {every float} → …
                  {uint1 → uint2 → … → uint64, each also to the next wider signed integer}

A star marks the weak types. Two types combine to their least upper bound, so promotion is commutative and associative.
Narrow floats (8, 6 and 4 bits) have no upper bound in common: which one is meant has to be said with a cast.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import itertools
import threading
from collections.abc import Callable, Generator, Iterable
from typing import Any, Literal, TypeAlias

import ml_dtypes
import numpy

from ryft_xla_sys.errors import DataTypeError

__all__ = [
    "DATA_TYPES",
    "DataType",
    "DataTypeLike",
    "are_defaults_scoped",
    "bit_width",
    "canonical_dtype",
    "complex_dtype",
    "default_bits",
    "default_dtype",
    "default_dtypes",
    "dtype_and_weak",
    "finfo",
    "iinfo",
    "is_boolean",
    "is_complex",
    "is_floating",
    "is_inexact",
    "is_integer",
    "is_numeric",
    "is_promotable",
    "is_signed",
    "is_unsigned",
    "promote",
    "promote_types",
    "real_dtype",
    "result_type",
    "set_default_dtypes",
    "watch_defaults",
]

DataType: TypeAlias = numpy.dtype[Any]
"""A data type, as NumPy represents it."""

DataTypeLike: TypeAlias = Any
"""What `canonical_dtype` accepts: a `numpy.dtype`, a scalar class, a name, a Python scalar type, or a typed value."""

Bits: TypeAlias = Literal[32, 64]


def _data_types(scalars: Iterable[Any]) -> tuple[DataType, ...]:
    return tuple(numpy.dtype(scalar) for scalar in scalars)


BOOLEAN: DataType = numpy.dtype(numpy.bool_)
SIGNED = _data_types((ml_dtypes.int1, ml_dtypes.int2, ml_dtypes.int4, "int8", "int16", "int32", "int64"))
UNSIGNED = _data_types((ml_dtypes.uint1, ml_dtypes.uint2, ml_dtypes.uint4, "uint8", "uint16", "uint32", "uint64"))
NARROW_FLOATS = _data_types(
    (
        ml_dtypes.float4_e2m1fn,
        ml_dtypes.float6_e2m3fn,
        ml_dtypes.float6_e3m2fn,
        ml_dtypes.float8_e3m4,
        ml_dtypes.float8_e4m3,
        ml_dtypes.float8_e4m3fn,
        ml_dtypes.float8_e4m3fnuz,
        ml_dtypes.float8_e4m3b11fnuz,
        ml_dtypes.float8_e5m2,
        ml_dtypes.float8_e5m2fnuz,
        ml_dtypes.float8_e8m0fnu,
    )
)
BFLOAT16, FLOAT16, FLOAT32, FLOAT64 = _data_types((ml_dtypes.bfloat16, "float16", "float32", "float64"))
COMPLEX64, COMPLEX128 = _data_types(("complex64", "complex128"))
INT32, INT64 = _data_types(("int32", "int64"))

FLOATS = (*NARROW_FLOATS, BFLOAT16, FLOAT16, FLOAT32, FLOAT64)
COMPLEXES = (COMPLEX64, COMPLEX128)

DATA_TYPES: tuple[DataType, ...] = (BOOLEAN, *SIGNED, *UNSIGNED, *FLOATS, *COMPLEXES)
"""Every data type that Ryft computes with, from the narrowest to the widest of each kind."""

_CANONICAL: dict[DataType, DataType] = {dtype: dtype for dtype in DATA_TYPES}
# The same by identity, as hashing a `numpy.dtype` is slow. `DATA_TYPES` keeps these alive: no identity is ever reused.
_CANONICAL_BY_ID: dict[int, DataType] = {id(dtype): dtype for dtype in DATA_TYPES}
_BOOLEANS, _SIGNED, _UNSIGNED = frozenset({BOOLEAN}), frozenset(SIGNED), frozenset(UNSIGNED)
_FLOATS, _COMPLEXES = frozenset(FLOATS), frozenset(COMPLEXES)
_INTEGERS, _INEXACTS = _SIGNED | _UNSIGNED, _FLOATS | _COMPLEXES

# --- defaults ---------------------------------------------------------------------------------------------------------

_DEFAULTS: dict[int, dict[type, DataType]] = {
    32: {bool: BOOLEAN, int: INT32, float: FLOAT32, complex: COMPLEX64},
    64: {bool: BOOLEAN, int: INT64, float: FLOAT64, complex: COMPLEX128},
}
_scoped_bits: contextvars.ContextVar[Bits | None] = contextvars.ContextVar("ryft_default_bits", default=None)
_process_bits: list[Bits] = [32]


def default_bits() -> Bits:
    """Returns the width, 32 or 64, of the real data types that Python scalars and creation functions get by default."""
    return _scoped_bits.get() or _process_bits[0]


def default_dtype(kind: type) -> DataType:
    """Returns the data type that values of the Python scalar type `kind` get unless one is asked for."""
    return _DEFAULTS[default_bits()][kind]


def set_default_dtypes(bits: Bits) -> None:
    """Makes 32-bit or 64-bit data types the default in the whole process. Explicit data types are not affected."""
    if _process_bits[0] != _check_bits(bits):
        _process_bits[0] = bits
        _tell_listeners()


@contextlib.contextmanager
def default_dtypes(bits: Bits) -> Generator[None]:
    """Makes 32-bit or 64-bit data types the default within a `with` block, in this thread or task only.

    Example:
        >>> with default_dtypes(64):
        ...     str(canonical_dtype(float))
        'float64'
    """
    token = _scoped_bits.set(_check_bits(bits))
    with _SCOPES_LOCK:
        _scopes[0] += 1
    _tell_listeners()
    try:
        yield
    finally:
        _scoped_bits.reset(token)
        with _SCOPES_LOCK:
            _scopes[0] -= 1


_SCOPES_LOCK = threading.Lock()
_scopes: list[int] = [0]
_listeners: list[Callable[[], None]] = []


def watch_defaults(listener: Callable[[], None]) -> None:
    """Has `listener` called whenever the default data types may change somewhere in the process."""
    _listeners.append(listener)


def are_defaults_scoped() -> bool:
    """Returns whether some `default_dtypes` block is being executed, in whatever thread or task."""
    return _scopes[0] > 0


def _tell_listeners() -> None:
    for listener in _listeners:
        listener()


def _check_bits(bits: Any) -> Bits:
    if bits not in _DEFAULTS:
        raise DataTypeError(f"`bits` expected 32 or 64, but got {bits!r}")
    return bits


# --- from dtype-likes to data types -----------------------------------------------------------------------------------

_PYTHON_NAMES: dict[str, type] = {"bool": bool, "int": int, "float": float, "complex": complex}


def canonical_dtype(value: DataTypeLike) -> DataType:
    """Returns the data type that `value` denotes.

    The Python types `int`, `float` and `complex`, their names and their instances stand for the default data types.
    What names a width is kept as it is, 64 bits included. Data types in foreign byte order become the native ones.

    Args:
        value: Data type, scalar class, name, Python scalar (type), or anything that has a `dtype`.

    Raises:
        DataTypeError: If `value` denotes no data type, or one that XLA does not have.
    """
    if (found := _CANONICAL_BY_ID.get(id(value))) is not None:
        return found
    if isinstance(value, str):
        value = _PYTHON_NAMES.get(value, value)
    if isinstance(value, type) and value in _DEFAULTS[32]:
        return default_dtype(value)
    if type(value) in _DEFAULTS[32]:
        return default_dtype(type(value))
    declared = value if isinstance(value, type) else getattr(value, "dtype", value)
    try:
        dtype = numpy.dtype(declared)
    except TypeError as error:
        raise DataTypeError(f"expected a data type, but got {value!r}") from error
    if value is None or (found := _CANONICAL.get(dtype.newbyteorder("="))) is None:
        error = DataTypeError(f"expected a boolean or numeric data type, but got `{value if value is None else dtype}`")
        error.add_note(f"hint: the data types are {', '.join(map(str, DATA_TYPES))}")
        raise error
    return found


def dtype_and_weak(value: Any) -> tuple[DataType, bool]:
    """Returns the data type of a value (or of what denotes a data type), and whether it is weak.

    Python `int`, `float` and `complex`, both the types and their instances, are weak. `bool` is not: nothing is
    narrower. Objects say whether they are weak with a `weak` attribute, or their `type` does; those without one, like
    NumPy's arrays and scalars, are strong.
    """
    kind = value if isinstance(value, type) else type(value)
    if kind in _DEFAULTS[32]:
        return default_dtype(kind), kind is not bool
    if isinstance(value, type):
        return canonical_dtype(value), False
    weak = getattr(value, "weak", None)
    return canonical_dtype(value), bool(getattr(getattr(value, "type", None), "weak", False) if weak is None else weak)


# --- kinds ------------------------------------------------------------------------------------------------------------


def is_boolean(dtype: DataTypeLike) -> bool:
    """Returns whether `dtype` is `bool`."""
    return canonical_dtype(dtype) in _BOOLEANS


def is_signed(dtype: DataTypeLike) -> bool:
    """Returns whether `dtype` is a signed integer."""
    return canonical_dtype(dtype) in _SIGNED


def is_unsigned(dtype: DataTypeLike) -> bool:
    """Returns whether `dtype` is an unsigned integer."""
    return canonical_dtype(dtype) in _UNSIGNED


def is_integer(dtype: DataTypeLike) -> bool:
    """Returns whether `dtype` is a signed or unsigned integer. `bool` is not an integer."""
    return canonical_dtype(dtype) in _INTEGERS


def is_floating(dtype: DataTypeLike) -> bool:
    """Returns whether `dtype` is a real floating-point number of any width."""
    return canonical_dtype(dtype) in _FLOATS


def is_complex(dtype: DataTypeLike) -> bool:
    """Returns whether `dtype` is a complex number."""
    return canonical_dtype(dtype) in _COMPLEXES


def is_inexact(dtype: DataTypeLike) -> bool:
    """Returns whether `dtype` is a real or complex floating-point number: whether it can be differentiated."""
    return canonical_dtype(dtype) in _INEXACTS


def is_numeric(dtype: DataTypeLike) -> bool:
    """Returns whether `dtype` is anything but `bool`."""
    return canonical_dtype(dtype) not in _BOOLEANS


def real_dtype(dtype: DataTypeLike) -> DataType:
    """Returns the data type of the real part of `dtype`, which is `dtype` itself if it is not complex."""
    dtype = canonical_dtype(dtype)
    return (FLOAT32 if dtype is COMPLEX64 else FLOAT64) if dtype in _COMPLEXES else dtype


def complex_dtype(dtype: DataTypeLike) -> DataType:
    """Returns the narrowest complex data type that holds `dtype`: `complex128` for 64-bit floats, else `complex64`."""
    dtype = canonical_dtype(dtype)
    return COMPLEX128 if dtype in (FLOAT64, COMPLEX128) else COMPLEX64


@functools.cache
def bit_width(dtype: DataTypeLike) -> int:
    """Returns how many bits one element has: 4 for `int4`, though NumPy stores a byte for each."""
    dtype = canonical_dtype(dtype)
    if dtype in _INTEGERS:
        return int(ml_dtypes.iinfo(dtype).bits)
    return int(ml_dtypes.finfo(dtype).bits) if dtype in _FLOATS else 8 * dtype.itemsize


@functools.cache
def _finfo(dtype: DataType) -> Any:
    return ml_dtypes.finfo(dtype)


@functools.cache
def _iinfo(dtype: DataType) -> Any:
    return ml_dtypes.iinfo(dtype)


def finfo(dtype: DataTypeLike) -> Any:
    """Returns the limits of a floating-point data type, as `numpy.finfo` does; for a complex one, those of its parts.

    Raises:
        DataTypeError: If `dtype` is not inexact.
    """
    if (canonical := canonical_dtype(dtype)) not in _INEXACTS:
        error = DataTypeError(f"`finfo` expected a floating-point data type, but got `{canonical}`")
        error.add_note("hint: use `iinfo` for integers")
        raise error
    return _finfo(real_dtype(canonical))


def iinfo(dtype: DataTypeLike) -> Any:
    """Returns the limits of an integer data type, as `numpy.iinfo` does.

    Raises:
        DataTypeError: If `dtype` is not an integer.
    """
    if (canonical := canonical_dtype(dtype)) not in _INTEGERS:
        error = DataTypeError(f"`iinfo` expected an integer data type, but got `{canonical}`")
        error.add_note("hint: use `finfo` for floating-point numbers")
        raise error
    return _iinfo(canonical)


# --- promotion --------------------------------------------------------------------------------------------------------

Node: TypeAlias = tuple[DataType, bool]


def _lattice() -> dict[Node, frozenset[Node]]:
    """Returns all upper bounds of each node of the promotion lattice, itself included."""
    edges: dict[Node, list[Node]] = {}

    def chain(*nodes: Node) -> None:
        for lower, upper in itertools.pairwise(nodes):
            edges.setdefault(lower, []).append(upper)

    int_weak, int_weak_64 = (INT32, True), (INT64, True)
    float_weak, float_weak_64 = (FLOAT32, True), (FLOAT64, True)
    complex_weak, complex_weak_64 = (COMPLEX64, True), (COMPLEX128, True)
    signed, unsigned = [(dtype, False) for dtype in SIGNED], [(dtype, False) for dtype in UNSIGNED]
    chain((BOOLEAN, False), int_weak, int_weak_64)
    chain(int_weak_64, *signed, float_weak)
    # `uint64` joins the wider of the weak floats only, so that with a signed integer it gives 64 bits and not 32.
    chain(int_weak_64, *unsigned, float_weak_64)
    for narrow, wide in zip(unsigned, signed[1:], strict=False):
        chain(narrow, wide)
    chain(float_weak, float_weak_64, complex_weak_64)
    chain(float_weak, complex_weak, complex_weak_64)
    for dtype in (*NARROW_FLOATS, BFLOAT16, FLOAT16):
        chain(float_weak_64, (dtype, False))
    chain((BFLOAT16, False), (FLOAT32, False), (FLOAT64, False), (COMPLEX128, False))
    chain((FLOAT16, False), (FLOAT32, False), (COMPLEX64, False), (COMPLEX128, False))
    chain(complex_weak_64, (COMPLEX64, False))

    @functools.cache
    def upper_bounds(node: Node) -> frozenset[Node]:
        return frozenset({node}).union(*map(upper_bounds, edges.get(node, ())))

    return {node: upper_bounds(node) for node in {*edges, *((dtype, False) for dtype in DATA_TYPES)}}


_UPPER_BOUNDS = _lattice()
_PROMOTIONS: dict[tuple[int, bool, int, bool], Node] = {}


def promote_types(a: DataType, a_weak: bool, b: DataType, b_weak: bool) -> tuple[DataType, bool]:
    """Returns the data type, and whether it is weak, of an operation on operands of the two data types given.

    Args:
        a: Data type of the first operand, as returned by `canonical_dtype`.
        a_weak: Whether the first operand is weakly typed.
        b: Data type of the second operand.
        b_weak: Whether the second operand is weakly typed.

    Raises:
        DataTypeError: If the data types have no common one, which happens only to floats of 8 bits or less.
    """
    if (known := _PROMOTIONS.get((id(a), a_weak, id(b), b_weak))) is not None:
        return known
    a, b = canonical_dtype(a), canonical_dtype(b)
    result = _least_upper_bound(_node(a, a_weak), _node(b, b_weak))
    _PROMOTIONS[id(a), a_weak, id(b), b_weak] = result
    return result


def _node(dtype: DataType, weak: bool) -> Node:
    """Returns the lattice node of a data type. Weakness means something only for the types that Python scalars have."""
    node = (canonical_dtype(dtype), bool(weak))
    return node if node in _UPPER_BOUNDS else (node[0], False)


def _least_upper_bound(a: Node, b: Node) -> Node:
    common = _UPPER_BOUNDS[a] & _UPPER_BOUNDS[b]
    for node in common:
        if common <= _UPPER_BOUNDS[node]:
            return node
    error = DataTypeError(f"cannot promote data types `{a[0]}` and `{b[0]}` to a common data type")
    error.add_note("hint: floats of 8 bits or less do not mix implicitly; cast one operand to the data type you want")
    raise error


def promote(*values: Any) -> tuple[DataType, bool]:
    """Returns the common data type of values or data types, and whether it is weak.

    Example:
        >>> promote(numpy.float16(1), 2.0)
        (dtype('float16'), False)
        >>> promote(1, 2.0)
        (dtype('float32'), True)

    Raises:
        DataTypeError: If there are no values, or if they have no common data type.
    """
    if not values:
        raise DataTypeError("cannot promote an empty collection of data types")
    dtype, weak = dtype_and_weak(values[0])
    for value in values[1:]:
        dtype, weak = promote_types(dtype, weak, *dtype_and_weak(value))
    return dtype, weak


def result_type(*values: Any) -> DataType:
    """Returns the common data type of values or data types. Refer to `promote` for when weakness matters."""
    return promote(*values)[0]


def is_promotable(source: DataTypeLike, target: DataTypeLike) -> bool:
    """Returns whether combining `source` with `target` gives `target`: whether the conversion may be implicit."""
    node = _node(*dtype_and_weak(target))
    return node in _UPPER_BOUNDS[_node(*dtype_and_weak(source))]
