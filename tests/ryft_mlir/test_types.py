"""Types: accessors, equality, text, and NumPy data types both ways."""

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryft_mlir import (
    BuildError,
    ComplexType,
    Context,
    ContextError,
    DataTypeError,
    FloatType,
    IndexType,
    IntegerType,
    MemRefType,
    MlirError,
    NoneType,
    OpaqueType,
    ParseError,
    Size,
    TensorType,
    TupleType,
    UnrankedMemRefType,
    UnrankedTensorType,
    VectorType,
)
from ryft_mlir.data_types import DATA_TYPES
from ryft_mlir.dialects import stable_hlo as hlo

CONTEXT = Context()


@pytest.mark.parametrize("data_type", DATA_TYPES, ids=str)
def test_data_types_round_trip(data_type: np.dtype) -> None:
    element = CONTEXT.element_type(data_type)
    assert str(element) == DATA_TYPES[data_type]
    assert CONTEXT.tensor_type((), data_type).data_type == data_type
    assert CONTEXT.parse_type(str(element)) == element


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("i7", IntegerType),
        ("si8", IntegerType),
        ("ui16", IntegerType),
        ("index", IndexType),
        ("tf32", FloatType),
        ("bf16", FloatType),
        ("f8E4M3FN", FloatType),
        ("f4E2M1FN", FloatType),
        ("complex<f64>", ComplexType),
        ("none", NoneType),
        ("tuple<i1, f32>", TupleType),
        ("vector<2x[4]xf32>", VectorType),
        ("tensor<2x?xf32>", TensorType),
        ("tensor<*xi8>", UnrankedTensorType),
        ("memref<2x3xf32, strided<[?, 1], offset: ?>, 3>", MemRefType),
        ("memref<*xf32>", UnrankedMemRefType),
    ],
)
def test_every_kind_of_type_is_recognised(text: str, kind: type) -> None:
    parsed = CONTEXT.parse_type(text)
    assert type(parsed) is kind
    assert str(parsed) == text
    assert repr(parsed) == f"{kind.__name__}[{text}]"
    assert parsed == CONTEXT.parse_type(text)
    assert hash(parsed) == hash(CONTEXT.parse_type(text))
    assert parsed != Context().parse_type(text)
    assert parsed != text


def test_types_of_dialects_are_kept_as_text() -> None:
    token = CONTEXT.parse_type("!stablehlo.token")
    assert token == hlo.token_type(CONTEXT)
    assert str(token) == "!stablehlo.token"


def test_integer_and_float_accessors() -> None:
    assert CONTEXT.integer_type(7).bit_width == 7
    assert CONTEXT.integer_type(7).is_signless
    assert CONTEXT.signed_integer_type(8).is_signed
    assert CONTEXT.unsigned_integer_type(8).is_unsigned
    assert CONTEXT.float_type("f8E5M2").bit_width == 8
    assert CONTEXT.float_type(np.float16).data_type == np.float16
    assert CONTEXT.complex_type(np.float32).element_type == CONTEXT.float_type("f32")
    with pytest.raises(ValueError, match=r"expected a width from 0 to 16777215 bits, but got -1"):
        CONTEXT.integer_type(-1)
    with pytest.raises(ValueError, match=r"expected a floating-point type, but got `i32`"):
        CONTEXT.float_type(np.int32)
    with pytest.raises(ValueError, match=r"expected parts that are numbers, but got `index`"):
        CONTEXT.complex_type(CONTEXT.index_type())


def test_tensor_types() -> None:
    kind = CONTEXT.tensor_type((2, None, Size.Dynamic, Size.Static(4)), ml_dtypes.bfloat16)
    assert str(kind) == "tensor<2x?x?x4xbf16>"
    assert kind.rank == 4
    assert kind.shape == (2, None, None, 4)
    assert kind.sizes == (Size.Static(2), Size.Dynamic, Size.Dynamic, Size.Static(4))
    assert [str(size) for size in kind.sizes] == ["2", "?", "?", "4"]
    assert kind.sizes[0].is_static
    assert kind.sizes[1].is_dynamic
    assert not kind.has_static_shape
    assert kind.encoding is None
    assert kind is CONTEXT.tensor_type((2, None, Size.Dynamic, Size.Static(4)), ml_dtypes.bfloat16)
    bounded = CONTEXT.tensor_type((None, 3), np.float32, hlo.type_extensions(CONTEXT, [10, None]))
    assert str(bounded) == "tensor<?x3xf32, #stablehlo.bounds<10, ?>>"
    assert str(bounded.encoding) == "#stablehlo.bounds<10, ?>"


def test_impossible_types_are_refused() -> None:
    with pytest.raises(BuildError, match=r"cannot build a tensor type of `\(\) -> \(\)`"):
        CONTEXT.tensor_type((), CONTEXT.function_type([], []))
    with pytest.raises(ValueError, match=r"expected sizes of at least 0 or `None`, but got \(-1,\)"):
        CONTEXT.tensor_type((-1,), np.float32)
    with pytest.raises(ValueError, match=r"expected a value of at least 0, but got -3"):
        Size.Static(-3)
    with pytest.raises(DataTypeError, match=r"expected a data type that MLIR has, but got `<class 'str'>`"):
        CONTEXT.element_type(str)
    with pytest.raises(DataTypeError, match=r"expected an element type that NumPy has, but got `tf32`"):
        _ = CONTEXT.tensor_type((), CONTEXT.float_type("tf32")).data_type
    with pytest.raises(ParseError, match=r"cannot parse the type `tensor<`"):
        CONTEXT.parse_type("tensor<")
    with pytest.raises(ContextError, match=r"type `f32` belongs to another context"):
        CONTEXT.tensor_type((), Context().element_type(np.float32))
    with pytest.raises(BuildError, match=r"cannot build a vector type"):
        CONTEXT.vector_type((-2,), np.float32)
    with pytest.raises(ValueError, match=r"`scalable` expected 1 booleans, but got 2"):
        CONTEXT.vector_type((2,), np.float32, scalable=[True, False])
    with pytest.raises(BuildError, match=r"cannot build a memref type"):
        CONTEXT.memref_type((2,), CONTEXT.none_type())
    with pytest.raises(BuildError, match=r"cannot build an unranked memref type"):
        CONTEXT.unranked_memref_type(CONTEXT.none_type())
    with pytest.raises(BuildError, match=r"cannot build an unranked tensor type"):
        CONTEXT.unranked_tensor_type(CONTEXT.function_type([], []))
    with pytest.raises(MlirError, match=r"`tensor<\*xf32>` has no rank"):
        _ = CONTEXT.unranked_tensor_type(np.float32).shape


def test_vectors_and_memory() -> None:
    vector = CONTEXT.vector_type((2, 4), np.float32, scalable=[False, True])
    assert vector.is_scalable
    assert vector.scalable_dimensions == (False, True)
    layout = CONTEXT.strided_layout_attribute([None, 1], None)
    memory = CONTEXT.memref_type((2, 3), np.float32, layout=layout, memory_space=3)
    assert memory.layout == layout
    assert memory.memory_space == CONTEXT.integer_attribute(3)
    assert memory.strides_and_offset == ((None, 1), None)
    assert CONTEXT.memref_type((2, 3, 4), np.float32).strides_and_offset == ((12, 4, 1), 0)
    assert CONTEXT.memref_type((2,), np.float32).memory_space is None
    assert CONTEXT.unranked_memref_type(np.float32, memory_space=1).memory_space is not None


def test_functions_tuples_and_opaque_types() -> None:
    f32, i1 = CONTEXT.element_type(np.float32), CONTEXT.element_type(bool)
    function = CONTEXT.function_type([f32, i1], [i1])
    assert function.inputs == (f32, i1)
    assert function.outputs == (i1,)
    pair = CONTEXT.tuple_type([f32, i1])
    assert len(pair) == 2
    assert pair.elements == (f32, i1)
    with pytest.raises(BuildError, match=r"knows registered dialects only"):
        CONTEXT.opaque_type("foo", "bar")
    opaque = Context(allow_unregistered_dialects=True).opaque_type("foo", "bar")
    assert isinstance(opaque, OpaqueType)
    assert (opaque.dialect_namespace, opaque.data) == ("foo", "bar")


@given(st.lists(st.one_of(st.none(), st.integers(0, 2**40)), max_size=5), st.sampled_from(list(DATA_TYPES)))
def test_tensor_types_print_and_parse(shape: list[int | None], data_type: np.dtype) -> None:
    kind = CONTEXT.tensor_type(shape, data_type)
    assert CONTEXT.parse_type(str(kind)) == kind
    assert kind.shape == tuple(shape)
    assert kind.data_type == data_type
