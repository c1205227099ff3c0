"""Tests of data types: names, defaults, kinds, limits, and the promotion lattice against JAX's and its own laws."""

from __future__ import annotations

import doctest
import functools
import itertools
import threading
from typing import Any

import jax
import ml_dtypes
import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryft_core.types import data_types
from ryft_core.types.data_types import (
    DATA_TYPES,
    DataTypeError,
    bit_width,
    canonical_dtype,
    complex_dtype,
    default_bits,
    default_dtype,
    default_dtypes,
    dtype_and_weak,
    finfo,
    iinfo,
    is_boolean,
    is_complex,
    is_floating,
    is_inexact,
    is_integer,
    is_numeric,
    is_promotable,
    is_signed,
    is_unsigned,
    promote,
    promote_types,
    real_dtype,
    result_type,
    set_default_dtypes,
)

Node = tuple[numpy.dtype[Any], bool]
WEAK = [(numpy.dtype(name), True) for name in ("int32", "int64", "float32", "float64", "complex64", "complex128")]
NODES: list[Node] = [*((dtype, False) for dtype in DATA_TYPES), *WEAK]
nodes = st.sampled_from(NODES)
# JAX has no way from these to other types, or does not know them at all, where we have one.
UNKNOWN_TO_JAX = {"int1", "int2", "int4", "uint1", "uint2", "uint4", "float6_e2m3fn", "float6_e3m2fn"}
KNOWN_TO_JAX = [dtype for dtype in DATA_TYPES if dtype.name not in UNKNOWN_TO_JAX]


def join(*operands: Node) -> Node | None:
    try:
        return functools.reduce(lambda a, b: promote_types(*a, *b), operands)
    except DataTypeError:
        return None


def test_docstrings_hold() -> None:
    assert doctest.testmod(data_types).failed == 0


# --- promotion --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", KNOWN_TO_JAX, ids=str)
def test_promote_types_agrees_with_jax(first: numpy.dtype[Any]) -> None:
    with jax.enable_x64(True):
        for second in KNOWN_TO_JAX:
            try:
                expected = numpy.dtype(jax.numpy.promote_types(first, second))
            except (ValueError, TypeError):
                expected = None
            actual = join((first, False), (second, False))
            assert (actual and actual[0]) == expected, (first, second)


@pytest.mark.parametrize("scalar", [True, 1, 1.0, 1j], ids=str)
def test_promote_agrees_with_jax_on_python_scalars(scalar: complex) -> None:
    with jax.enable_x64(True), default_dtypes(64):
        for dtype in KNOWN_TO_JAX:
            try:
                expected = jax.eval_shape(lambda x: x + scalar, jax.ShapeDtypeStruct((), dtype))
            except (ValueError, TypeError):
                assert join((dtype, False), dtype_and_weak(scalar)) is None
                continue
            assert promote(dtype, scalar) == (expected.dtype, expected.weak_type), dtype


@pytest.mark.parametrize("pair", list(itertools.product([True, 1, 1.0, 1j], repeat=2)), ids=str)
def test_promote_agrees_with_jax_on_two_python_scalars(pair: tuple[complex, complex]) -> None:
    with jax.enable_x64(True), default_dtypes(64):
        expected = jax.numpy.result_type(*pair)
    with default_dtypes(64):
        assert result_type(*pair) == expected


@given(nodes, nodes)
def test_promotion_is_commutative(a: Node, b: Node) -> None:
    assert join(a, b) == join(b, a)


@given(st.lists(nodes, min_size=3, max_size=5), st.randoms())
def test_promotion_is_associative(operands: list[Node], random: Any) -> None:
    shuffled = list(operands)
    random.shuffle(shuffled)

    assert join(*operands) == join(*shuffled)


def test_promotion_of_all_triples_is_associative() -> None:
    for a, b, c in itertools.product(NODES, repeat=3):
        left, right = join(a, b), join(b, c)
        if left is not None and right is not None:
            assert join(left, c) == join(a, right), (a, b, c)


@given(nodes)
def test_promotion_is_idempotent(a: Node) -> None:
    assert join(a, a) == a


@given(nodes, nodes)
def test_promotion_gives_an_upper_bound(a: Node, b: Node) -> None:
    result = join(a, b)

    assert result is None or (join(a, result) == result and join(b, result) == result)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("int64", "uint64", "bfloat16"), "bfloat16"),  # The reference gives `float64` in this order only.
        (("bfloat16", "int64", "uint64"), "bfloat16"),
        (("int8", "uint64", "complex64"), "complex64"),
        (("uint64", "int8"), "float64"),
        (("int4", "int8"), "int8"),
        (("uint4", "int4"), "int8"),
        (("int2", "uint8"), "int16"),
        (("bool", "int1"), "int1"),
        (("uint32", "int32"), "int64"),
        (("float16", "bfloat16"), "float32"),
        (("float64", "complex64"), "complex128"),
        (("int64", "bfloat16"), "bfloat16"),
        (("int64", "float8_e4m3fn"), "float8_e4m3fn"),
    ],
)
def test_result_type_of_names(names: tuple[str, ...], expected: str) -> None:
    assert result_type(*map(numpy.dtype, names)) == numpy.dtype(expected)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((numpy.float16(1), 2.0), ("float16", False)),
        ((numpy.int8(1), 2), ("int8", False)),
        ((numpy.int8(1), 2.0), ("float32", True)),
        ((numpy.int64(1), 2.0), ("float32", True)),
        ((numpy.float64(1), 2.0), ("float64", False)),
        ((numpy.float32(1), 2j), ("complex64", False)),
        ((numpy.float64(1), 2j), ("complex128", False)),
        ((True, 2), ("int32", True)),
        ((True, True), ("bool", False)),
        ((1, 2.0), ("float32", True)),
        ((float, numpy.dtype("float8_e5m2")), ("float8_e5m2", False)),
        ((numpy.ones(2), 1), ("float64", False)),
    ],
)
def test_promote_keeps_strong_types_and_defaults_weak_ones(values: tuple[Any, ...], expected: tuple[str, bool]) -> None:
    assert promote(*values) == (numpy.dtype(expected[0]), expected[1])


def test_promote_reads_the_weakness_of_values() -> None:
    class Value:
        dtype = numpy.dtype("float32")
        weak = True

    class Typed:
        dtype = numpy.dtype("float32")
        type = Value()

    assert promote(Value(), numpy.float16(1)) == (numpy.dtype("float16"), False)
    assert promote(Typed(), numpy.float16(1)) == (numpy.dtype("float16"), False)


def test_promote_types_ignores_weakness_of_types_that_python_scalars_do_not_have() -> None:
    assert promote_types(numpy.dtype("bfloat16"), True, numpy.dtype("bool"), False) == (numpy.dtype("bfloat16"), False)


def test_promotion_of_narrow_floats_names_both() -> None:
    with pytest.raises(DataTypeError, match="cannot promote data types `float8_e4m3fn` and `float8_e5m2`") as caught:
        result_type("float8_e4m3fn", "float8_e5m2")

    assert "cast one operand" in caught.value.__notes__[0]


def test_promotion_of_nothing_is_an_error() -> None:
    with pytest.raises(DataTypeError, match="cannot promote an empty collection of data types"):
        promote()


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("int64", "bfloat16", True),
        ("float64", "complex64", False),
        ("uint4", "int4", False),
        ("bool", "int1", True),
        ("float32", "float32", True),
        ("float32", "float16", False),
        (float, "float16", True),
        ("float16", float, False),
    ],
)
def test_is_promotable(source: Any, target: Any, expected: bool) -> None:
    assert is_promotable(source, target) is expected


# --- names and defaults -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DATA_TYPES, ids=str)
def test_canonical_dtype_of_names_scalar_types_and_values(dtype: numpy.dtype[Any]) -> None:
    assert canonical_dtype(dtype) is dtype
    assert canonical_dtype(dtype.name) is dtype
    assert canonical_dtype(dtype.type) is dtype
    assert canonical_dtype(numpy.zeros(2, dtype)) is dtype


def test_canonical_dtype_gives_native_byte_order() -> None:
    assert canonical_dtype(">f4") is canonical_dtype("float32")


@pytest.mark.parametrize("alias", [float, "float", 1.0])
def test_python_floats_are_32_bits_unless_the_default_is_64(alias: Any) -> None:
    assert canonical_dtype(alias) == numpy.float32
    with default_dtypes(64):
        assert canonical_dtype(alias) == numpy.float64
        with default_dtypes(32):
            assert canonical_dtype(alias) == numpy.float32


def test_defaults_of_all_python_scalars() -> None:
    assert [default_dtype(kind).name for kind in (bool, int, float, complex)] == [
        "bool",
        "int32",
        "float32",
        "complex64",
    ]
    with default_dtypes(64):
        assert [default_dtype(kind).name for kind in (int, float, complex)] == ["int64", "float64", "complex128"]


def test_explicit_64_bits_are_kept() -> None:
    assert [canonical_dtype(name).name for name in ("int64", numpy.float64, numpy.complex128)] == [
        "int64",
        "float64",
        "complex128",
    ]


def test_set_default_dtypes_reaches_other_threads() -> None:
    seen: list[int] = []
    set_default_dtypes(64)
    try:
        thread = threading.Thread(target=lambda: seen.append(default_bits()))
        thread.start()
        thread.join()
    finally:
        set_default_dtypes(32)

    assert seen == [64]


def test_default_dtypes_stays_in_its_thread() -> None:
    seen: list[int] = []
    with default_dtypes(64):
        thread = threading.Thread(target=lambda: seen.append(default_bits()))
        thread.start()
        thread.join()

    assert seen == [32]


def test_default_dtypes_ends_on_errors() -> None:
    with pytest.raises(KeyError, match="wrong"), default_dtypes(64):
        raise KeyError("wrong")

    assert default_bits() == 32


def test_default_dtypes_rejects_other_widths() -> None:
    with pytest.raises(DataTypeError, match="`bits` expected 32 or 64, but got 16"):
        set_default_dtypes(16)  # pyright: ignore[reportArgumentType]
    with pytest.raises(DataTypeError, match="`bits` expected 32 or 64, but got '64'"), default_dtypes("64"):  # pyright: ignore
        pass


@pytest.mark.parametrize("value", [None, object(), "nope", [1], "datetime64[ns]", "object", "U3", numpy.longdouble])
def test_canonical_dtype_rejects_what_is_no_data_type(value: Any) -> None:
    with pytest.raises(DataTypeError, match=r"expected a (boolean or numeric )?data type, but got"):
        canonical_dtype(value)


# --- kinds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DATA_TYPES, ids=str)
def test_every_data_type_has_one_kind(dtype: numpy.dtype[Any]) -> None:
    kinds = [is_boolean(dtype), is_signed(dtype), is_unsigned(dtype), is_floating(dtype), is_complex(dtype)]

    assert sum(kinds) == 1
    assert is_integer(dtype) == (is_signed(dtype) or is_unsigned(dtype))
    assert is_inexact(dtype) == (is_floating(dtype) or is_complex(dtype))
    assert is_numeric(dtype) != is_boolean(dtype)


def test_kinds_agree_with_names() -> None:
    prefixes = {"bool": is_boolean, "int": is_signed, "uint": is_unsigned, "complex": is_complex}
    for dtype in DATA_TYPES:
        prefix = dtype.name.rstrip("0123456789")
        assert prefixes.get(prefix, is_floating)(dtype), dtype


def test_real_and_complex_dtypes() -> None:
    assert [real_dtype(name).name for name in ("complex64", "complex128", "float16", "int8")] == [
        "float32",
        "float64",
        "float16",
        "int8",
    ]
    assert [complex_dtype(name).name for name in ("float16", "float32", "float64", "complex128", "int64")] == [
        "complex64",
        "complex64",
        "complex128",
        "complex128",
        "complex64",
    ]


@pytest.mark.parametrize(
    ("name", "bits"),
    [
        ("bool", 8),
        ("int1", 1),
        ("int4", 4),
        ("uint2", 2),
        ("int64", 64),
        ("float4_e2m1fn", 4),
        ("float6_e3m2fn", 6),
        ("float8_e8m0fnu", 8),
        ("bfloat16", 16),
        ("complex128", 128),
    ],
)
def test_bit_width(name: str, bits: int) -> None:
    assert bit_width(name) == bits


def test_limits() -> None:
    assert (iinfo("int4").min, iinfo("int4").max, iinfo("uint64").max) == (-8, 7, 2**64 - 1)
    assert float(finfo("float8_e4m3fn").max) == 448
    assert finfo("complex64").eps == numpy.finfo(numpy.float32).eps
    assert float(finfo("bfloat16").eps) == float(ml_dtypes.finfo(ml_dtypes.bfloat16).eps)


def test_limits_of_the_wrong_kind_are_errors() -> None:
    with pytest.raises(DataTypeError, match="`finfo` expected a floating-point data type, but got `int32`"):
        finfo("int32")
    with pytest.raises(DataTypeError, match="`iinfo` expected an integer data type, but got `bool`"):
        iinfo(bool)
