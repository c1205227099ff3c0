"""Tests of element types and array types."""

import ml_dtypes
import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryft_pjrt.data_types import ArrayType, BufferType, array_type, dimensions, element_type
from ryft_pjrt.errors import ArgumentError, ArgumentTypeError
from ryft_xla_sys.ffi import lib

WITH_DTYPE = [kind for kind in BufferType if kind.bits]


def c_name(kind: BufferType) -> str:
    name = {BufferType.PREDICATE: "PRED"}.get(kind, kind.name)
    return f"S{name[1:]}" if name[0] == "I" and name[1:].isdigit() else name


@pytest.mark.parametrize("kind", BufferType, ids=str)
def test_buffer_types_have_the_numbers_of_the_c_api(kind: BufferType) -> None:
    assert getattr(lib, f"PJRT_Buffer_Type_{c_name(kind)}") == kind


@pytest.mark.parametrize("kind", BufferType, ids=str)
def test_buffer_types_have_the_numbers_of_the_protobuf_messages(kind: BufferType) -> None:
    from ryft_xla_sys.protos import PrimitiveType

    name = "PRIMITIVE_TYPE_INVALID" if kind is BufferType.INVALID else c_name(kind)
    assert kind.proto == PrimitiveType.Value(name)
    assert BufferType.from_proto(kind.proto) is kind


def test_unknown_protobuf_types_are_invalid() -> None:
    for code in (13, 14, 34, 999):
        assert BufferType.from_proto(code) is BufferType.INVALID


@pytest.mark.parametrize("kind", WITH_DTYPE, ids=str)
def test_dtypes_round_trip(kind: BufferType) -> None:
    assert element_type(kind.dtype) is kind
    assert kind.dtype.itemsize == max(1, kind.bits // 8)


@pytest.mark.parametrize("kind", BufferType, ids=str)
def test_names_round_trip(kind: BufferType) -> None:
    assert BufferType.parse(str(kind)) is kind
    assert BufferType.parse(f"  {str(kind).upper()} ") is kind


def test_parse_takes_the_names_of_xla_and_rejects_others() -> None:
    assert BufferType.parse("s32") is BufferType.I32
    with pytest.raises(ArgumentError, match="`buffer type` expected the name of an element type, but got 'f33'"):
        BufferType.parse("f33")


@pytest.mark.parametrize(
    ("kind", "bits"),
    [("bf16", 16), ("f8e4m3b11fnuz", 8), ("f4e2m1fn", 4), ("c128", 128), ("pred", 8), ("i1", 1), ("f6e3m2fn", 6)],
)
def test_bits_of_an_element(kind: str, bits: int) -> None:
    assert BufferType.parse(kind).bits == bits


def test_element_type_takes_what_numpy_takes() -> None:
    assert element_type(float) is BufferType.F64
    assert element_type("bool") is BufferType.PREDICATE
    assert element_type(">i4") is BufferType.I32
    assert element_type(ml_dtypes.bfloat16) is BufferType.BF16
    assert element_type(BufferType.I2) is BufferType.I2


@pytest.mark.parametrize("dtype", ["U1", "M8[s]", "m8[s]", object, "V4", [("a", "i4")], "longdouble"])
def test_element_type_rejects_types_that_no_device_has(dtype: object) -> None:
    with pytest.raises(ArgumentTypeError, match="no device array can have the data type"):
        element_type(dtype)


@pytest.mark.parametrize("kind", [BufferType.TOKEN, BufferType.INVALID])
def test_types_without_elements_have_no_dtype(kind: BufferType) -> None:
    with pytest.raises(ArgumentTypeError, match=f"the element type `{kind}` has no NumPy data type"):
        kind.dtype
    with pytest.raises(ArgumentTypeError, match="has no NumPy data type"):
        array_type(kind, (2,)).dtype


@given(st.sampled_from(WITH_DTYPE), st.lists(st.integers(0, 9), max_size=4).map(tuple))
def test_array_types_are_one_object_for_each_pair(kind: BufferType, shape: tuple[int, ...]) -> None:
    found = array_type(kind, shape)

    assert array_type(kind, shape) is found
    assert (found.element_type, found.shape) == (kind, shape)
    assert found.size_in_bits == kind.bits * int(numpy.prod(shape, dtype=int))
    assert repr(found) == f"ArrayType({kind}[{','.join(map(str, shape))}])"


def test_array_types_have_different_indices() -> None:
    kinds: list[ArrayType] = [array_type(BufferType.F32, (3, size)) for size in range(5)]

    assert len({kind.index for kind in kinds}) == 5


@pytest.mark.parametrize(
    ("shape", "expected"), [(3, (3,)), ((), ()), ([numpy.int64(2), 0], (2, 0)), (range(3), (0, 1, 2))]
)
def test_dimensions_take_integers(shape: object, expected: tuple[int, ...]) -> None:
    assert dimensions(shape) == expected


def test_dimensions_reject_other_values() -> None:
    with pytest.raises(ArgumentTypeError, match=r"`shape` expected integers, but got \(1.5,\)"):
        dimensions((1.5,))
    with pytest.raises(ArgumentTypeError, match="`shape` expected integers, but got None"):
        dimensions(None)
    with pytest.raises(ArgumentError, match=r"expected dimensions between 0 and 2\*\*63 - 1, but got \(-1,\)"):
        dimensions((-1,))
    with pytest.raises(ArgumentError, match="expected an array that can be addressed"):
        dimensions((2**40, 2**40))
