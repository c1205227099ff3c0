"""Attributes: accessors, equality, text, and Python values and arrays both ways."""

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ryft_mlir import (
    AffineExpression,
    AffineMap,
    ArrayAttribute,
    Attribute,
    BooleanAttribute,
    BuildError,
    Context,
    ContextError,
    DenseArrayAttribute,
    DenseElementsAttribute,
    DictionaryAttribute,
    FloatAttribute,
    IntegerAttribute,
    IntegerSet,
    IntegerSetAttribute,
    LocationAttribute,
    Module,
    OpaqueAttribute,
    ParseError,
    StringAttribute,
    SymbolReferenceAttribute,
    TypeAttribute,
    UnitAttribute,
)
from ryft_mlir.data_types import DATA_TYPES

CONTEXT = Context()


def assert_same(actual: np.ndarray, expected: np.ndarray) -> None:
    assert actual.dtype == expected.dtype
    # NumPy does not know that small floats have NaNs too.
    common = np.complex128 if expected.dtype.kind == "c" else np.float64
    np.testing.assert_array_equal(actual.astype(common), expected.astype(common))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("unit", UnitAttribute),
        ("true", BooleanAttribute),
        ("3 : i32", IntegerAttribute),
        ("2.500000e+00 : f32", FloatAttribute),
        ('"text"', StringAttribute),
        ("tensor<2xf32>", TypeAttribute),
        ("[1, true]", ArrayAttribute),
        ("{a = 1 : i64, b}", DictionaryAttribute),
        ("array<i64: 1, 2>", DenseArrayAttribute),
        ("array<i1: true>", DenseArrayAttribute),
        ("dense<[1, 2]> : tensor<2xi32>", DenseElementsAttribute),
        ("@f", SymbolReferenceAttribute),
        ("@m::@f", SymbolReferenceAttribute),
        ("affine_set<(d0) : (d0 >= 0)>", IntegerSetAttribute),
        ('loc("f":1:2)', LocationAttribute),
        ("#stablehlo<precision HIGHEST>", Attribute),
    ],
)
def test_every_kind_of_attribute_is_recognised(text: str, kind: type) -> None:
    parsed = CONTEXT.parse_attribute(text)
    assert type(parsed) is kind
    assert parsed == CONTEXT.parse_attribute(str(parsed))
    assert hash(parsed) == hash(CONTEXT.parse_attribute(text))
    assert parsed != Context().parse_attribute(text)
    assert parsed != text
    assert repr(parsed) == f"{kind.__name__}[{parsed}]"


@pytest.mark.parametrize(
    "value",
    [True, 7, -3, 2.5, "text", [1, "two", [3.0]], {"a": 1, "b": {"c": False}}, None],
    ids=str,
)
def test_python_values_round_trip(value: Any) -> None:
    assert CONTEXT.attribute(value).to_python() == value


def test_numpy_scalars_keep_their_type() -> None:
    assert str(CONTEXT.attribute(np.int32(3))) == "3 : i32"
    assert str(CONTEXT.attribute(np.uint64(2**64 - 1))) == "18446744073709551615 : ui64"
    assert str(CONTEXT.attribute(np.float16(0.5))) == "5.000000e-01 : f16"
    assert str(CONTEXT.attribute(ml_dtypes.bfloat16(2))) == "2.000000e+00 : bf16"
    assert str(CONTEXT.attribute(np.bool_(True))) == "true"
    assert str(CONTEXT.attribute(CONTEXT.index_type())) == "index"
    assert str(CONTEXT.attribute(CONTEXT.unknown_location())) == "loc(unknown)"


def test_accessors() -> None:
    assert CONTEXT.boolean_attribute(True).value is True
    assert CONTEXT.integer_attribute(-1, np.int8).value == -1
    assert CONTEXT.integer_attribute(5, CONTEXT.index_type()).type == CONTEXT.index_type()
    assert CONTEXT.float_attribute(0.5, np.float32).value == 0.5
    assert CONTEXT.string_attribute(b"\xff").bytes == b"\xff"
    assert CONTEXT.string_attribute("a", CONTEXT.index_type()).type == CONTEXT.index_type()
    assert CONTEXT.type_attribute(CONTEXT.none_type()).value == CONTEXT.none_type()
    place = CONTEXT.file_location("f", (1, 2))
    assert CONTEXT.location_attribute(place).value == place
    array = CONTEXT.array_attribute([1, "a"])
    assert len(array) == 2
    assert [item.to_python() for item in array] == [1, "a"]
    dictionary = CONTEXT.dictionary_attribute({"b": 1, "a": 2})
    assert list(dictionary) == ["a", "b"]
    assert dictionary["b"].to_python() == 1
    assert "c" not in dictionary
    with pytest.raises(KeyError, match=r"expected one of a, b, but got `c`"):
        dictionary["c"]
    symbol = CONTEXT.symbol_reference_attribute("m", "f")
    assert (symbol.root, symbol.leaf, symbol.path) == ("m", "f", ("m", "f"))
    assert CONTEXT.symbol_reference_attribute("f").path == ("f",)
    layout = CONTEXT.strided_layout_attribute([4, None], 2)
    assert (layout.strides, layout.offset) == ((4, None), 2)
    opaque = Context(allow_unregistered_dialects=True).opaque_attribute("foo", b"bar")
    assert isinstance(opaque, OpaqueAttribute)
    assert (opaque.dialect_namespace, opaque.data) == ("foo", b"bar")


def test_dense_arrays() -> None:
    assert str(CONTEXT.dense_array_attribute([1, 2])) == "array<i64: 1, 2>"
    assert CONTEXT.dense_array_attribute([True, False]).values == (True, False)
    assert str(CONTEXT.dense_array_attribute([1, 2], np.int8)) == "array<i8: 1, 2>"
    assert list(CONTEXT.dense_array_attribute([0.5], np.float32)) == [0.5]
    assert len(CONTEXT.dense_array_attribute([])) == 0
    with pytest.raises(
        ValueError, match=r"a dense array expected booleans, signed integers or floats, but got `uint8`"
    ):
        CONTEXT.dense_array_attribute([1], np.uint8)


@pytest.mark.parametrize("data_type", DATA_TYPES, ids=str)
@pytest.mark.parametrize("count", [0, 1, 3, 9, 200])
def test_elements_round_trip(data_type: np.dtype, count: int) -> None:
    values = np.arange(count * 2).reshape(2, count) % 3 - (data_type.kind == "f")
    array = values.astype(data_type)
    attribute = CONTEXT.elements_attribute(array)
    assert attribute.to_numpy().dtype == data_type
    assert_same(attribute.to_numpy(), array)
    assert CONTEXT.parse_attribute(str(attribute)) == attribute
    assert_same(CONTEXT.parse_attribute(str(attribute)).to_python(), array)


@pytest.mark.parametrize("data_type", DATA_TYPES, ids=str)
def test_one_number_fills_a_tensor(data_type: np.dtype) -> None:
    attribute = CONTEXT.elements_attribute(1, CONTEXT.tensor_type((3, 7), data_type))
    assert attribute.is_splat
    np.testing.assert_array_equal(attribute.to_numpy(), np.ones((3, 7), data_type))


def test_special_floats_round_trip() -> None:
    array = np.array([np.inf, -np.inf, np.nan, -0.0, 1e-45, 3.4e38], np.float32)
    again = CONTEXT.parse_attribute(str(CONTEXT.elements_attribute(array.astype(ml_dtypes.bfloat16)))).to_python()
    assert_same(again, array.astype(ml_dtypes.bfloat16))
    splat = CONTEXT.elements_attribute(np.float32(np.nan), CONTEXT.tensor_type((2,), np.float32))
    assert np.isnan(splat.to_numpy()).all()


@settings(max_examples=40)
@given(hnp.arrays(st.sampled_from([np.float32, np.int8, np.bool_, np.complex64]), hnp.array_shapes(max_dims=3)))
def test_any_array_round_trips(array: np.ndarray) -> None:
    np.testing.assert_array_equal(CONTEXT.elements_attribute(array).to_numpy(), array)


def test_constants_of_complex_numbers_can_be_read_back() -> None:
    text = "dense<[(1.000000e+00,2.000000e+00), (3.000000e+00,4.000000e+00)]> : tensor<2xcomplex<f32>>"
    np.testing.assert_array_equal(CONTEXT.parse_attribute(text).to_python(), np.array([1 + 2j, 3 + 4j], np.complex64))
    nested = CONTEXT.parse_attribute(f"{{a = {text}, b = [{text}]}}")
    assert isinstance(nested, DictionaryAttribute)
    assert nested["a"] == nested["b"].elements[0]


def test_resources_share_or_copy_memory() -> None:
    context = Context()
    array = np.arange(3, dtype=np.float32)
    module = Module.create(context)
    module.attributes["shared"] = context.resource_elements_attribute(array, "shared", copy=False)
    module.attributes["copied"] = context.resource_elements_attribute(array, "copied")
    before = module.text()
    array[0] = 7
    assert module.text() != before
    assert module.text().count("0000E040") == 1
    with pytest.raises(BuildError, match=r"expected a contiguous array"):
        context.resource_elements_attribute(array[::2], copy=False)
    with pytest.raises(BuildError, match=r"expected elements of at least 8 bits"):
        context.resource_elements_attribute(np.array([True]))


def test_impossible_attributes_are_refused() -> None:
    shaped = CONTEXT.tensor_type((2,), np.float32)
    with pytest.raises(BuildError, match=r"expected an array of shape \(2,\), but got \(3,\)"):
        CONTEXT.elements_attribute([1, 2, 3], shaped)
    with pytest.raises(BuildError, match=r"expected a type with a static shape"):
        CONTEXT.elements_attribute(1, CONTEXT.tensor_type((None,), np.float32))
    with pytest.raises(ValueError, match=r"expected an integer of type `i8`, but got 256"):
        CONTEXT.integer_attribute(256, np.int8)
    with pytest.raises(ValueError, match=r"expected a type of integers, but got `f32`"):
        CONTEXT.integer_attribute(1, np.float32)
    with pytest.raises(BuildError, match=r"cannot build a floating-point attribute of `i32`"):
        CONTEXT.float_attribute(1.0, np.int32)
    with pytest.raises(TypeError, match=r"expected a value that MLIR has an attribute for, but got one of `object`"):
        CONTEXT.attribute(object())
    with pytest.raises(ParseError, match=r"cannot parse the attribute `#nope`"):
        CONTEXT.parse_attribute("#nope")
    with pytest.raises(ContextError, match=r"belongs to another context"):
        CONTEXT.attribute(Context().unit_attribute())
    with pytest.raises(BuildError, match=r"knows registered dialects only"):
        CONTEXT.opaque_attribute("foo", b"bar")
    with pytest.raises(ValueError, match=r"expected elements that are all equal"):
        _ = CONTEXT.elements_attribute([1, 2]).splat


def test_affine_expressions_and_maps() -> None:
    d0, d1 = (AffineExpression.dimension(CONTEXT, position) for position in range(2))
    s0 = AffineExpression.symbol(CONTEXT, 0)
    assert str(d0 + 2 * d1 - s0) == "d0 + d1 * 2 - s0"
    assert str(3 - d0) == "-d0 + 3"
    assert str((d0 // 2) % 3) == "(d0 floordiv 2) mod 3"
    assert str(d0.ceil_divide(4)) == "d0 ceildiv 4"
    assert d0 + 0 == d0
    affine_map = AffineMap.create(CONTEXT, 2, 1, [d1, d0 + s0])
    assert str(affine_map) == "(d0, d1)[s0] -> (d1, d0 + s0)"
    assert (affine_map.dimension_count, affine_map.symbol_count) == (2, 1)
    assert affine_map.results == (d1, d0 + s0)
    assert CONTEXT.affine_map_attribute(affine_map).value == affine_map
    assert AffineMap.identity(CONTEXT, 2).is_permutation
    swap = AffineMap.permutation(CONTEXT, [1, 0])
    assert (d0 - d1).compose(swap) == d1 - d0
    integer_set = IntegerSet.create(CONTEXT, 2, 0, [(d0 - d1, True), (d0, False)])
    assert str(integer_set) == "(d0, d1) : (d0 - d1 == 0, d0 >= 0)"
    assert integer_set.constraints == ((d0 - d1, True), (d0, False))
    assert isinstance(CONTEXT.integer_set_attribute(integer_set), IntegerSetAttribute)


def test_impossible_affine_expressions_are_refused() -> None:
    d0 = AffineExpression.dimension(CONTEXT, 0)
    with pytest.raises(ZeroDivisionError, match=r"cannot divide `d0` by zero"):
        _ = d0 // 0
    with pytest.raises(ValueError, match=r"expected an integer from 0 to 10000, but got -1"):
        AffineExpression.dimension(CONTEXT, -1)
    with pytest.raises(ValueError, match=r"expected a permutation, but got \[0, 0\]"):
        AffineMap.permutation(CONTEXT, [0, 0])
    with pytest.raises(ContextError, match=r"`d0` belongs to another context"):
        _ = d0 + AffineExpression.dimension(Context(), 0)
    with pytest.raises(ValueError, match=r"expected at least one constraint"):
        IntegerSet.create(CONTEXT, 1, 0, [])
