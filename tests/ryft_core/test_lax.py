"""The functions of `lax`, compared with JAX's, and that all names exist."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy
import pytest

import ryft_core
import ryft_core.numpy as rnp
from ryft_core import lax
from ryft_core.errors import ArgumentError, DataTypeError, OperandError, ShapeError, StructureError

X = numpy.random.default_rng(0).uniform(-2, 2, (3, 4)).astype("float32")
Y = numpy.random.default_rng(1).uniform(-2, 2, (3, 4)).astype("float32")
CLASSES = numpy.array([[0, 1, 2, 1]] * 3, "int32")

CASES: dict[str, Callable[[Any], Any]] = {
    "clamp": lambda lax: lax.clamp(numpy.float32(-1), X, numpy.float32(1)),
    "integer_pow": lambda lax: lax.integer_pow(X, 5),
    "integer_pow_negative": lambda lax: lax.integer_pow(X, -2),
    "integer_pow_zero": lambda lax: lax.integer_pow(X, 0),
    "select_n": lambda lax: lax.select_n(CLASSES, X, Y, X + Y),
    "select_n_boolean": lambda lax: lax.select_n(X > 0, X, Y),
    "select": lambda lax: lax.select(X > 0, X, Y),
    "full": lambda lax: lax.full((2, 3), numpy.float32(2)),
    "full_like": lambda lax: lax.full_like(X, 3),
    "broadcast": lambda lax: lax.broadcast(X, (2, 1)),
    "broadcast_in_dim": lambda lax: lax.broadcast_in_dim(X, (3, 2, 4), (0, 2)),
    "iota": lambda lax: lax.iota("int32", 4),
    "broadcasted_iota": lambda lax: lax.broadcasted_iota("float32", (2, 3), 1),
    "slice": lambda lax: lax.slice(X, (1, 0), (3, 4), (1, 2)),
    "slice_in_dim": lambda lax: lax.slice_in_dim(X, 1, None, 2, 1),
    "index_in_dim": lambda lax: lax.index_in_dim(X, -1, 0, keepdims=False),
    "dynamic_slice": lambda lax: lax.dynamic_slice(X, (1, -2), (2, 2)),
    "dynamic_slice_in_dim": lambda lax: lax.dynamic_slice_in_dim(X, 2, 3, 1),
    "dynamic_index_in_dim": lambda lax: lax.dynamic_index_in_dim(X, 2, 1, keepdims=False),
    "dynamic_update_slice": lambda lax: lax.dynamic_update_slice(X, Y[:2, :2], (1, 3)),
    "dynamic_update_slice_in_dim": lambda lax: lax.dynamic_update_slice_in_dim(X, Y[:, :1], 2, 1),
    "dynamic_update_index_in_dim": lambda lax: lax.dynamic_update_index_in_dim(X, Y[0], 1, 0),
    "dot": lambda lax: lax.dot(X, Y.T),
    "batch_matmul": lambda lax: lax.batch_matmul(X[None], Y.T[None]),
    "reduce_sum": lambda lax: lax.reduce_sum(X, (0,)),
    "reduce_prod": lambda lax: lax.reduce_prod(X, (1,)),
    "reduce_max": lambda lax: lax.reduce_max(X, (0, 1)),
    "reduce_min": lambda lax: lax.reduce_min(X, (0,)),
    "reduce_and": lambda lax: lax.reduce_and(X > -1, (0,)),
    "reduce_or": lambda lax: lax.reduce_or(X > 1, (1,)),
    "argmax": lambda lax: lax.argmax(X, 1, "int32"),
    "argmin": lambda lax: lax.argmin(X, 0, "int32"),
    "sort": lambda lax: lax.sort(X),
    "sort_several": lambda lax: lax.sort((CLASSES, X), dimension=1, num_keys=2),
    "top_k": lambda lax: lax.top_k(X, 2),
    "cumsum": lambda lax: lax.cumsum(X, 1, reverse=True),
    "cumlogsumexp": lambda lax: lax.cumlogsumexp(X, 0),
    "pad": lambda lax: lax.pad(X, numpy.float32(0), ((1, 0, 1), (0, -1, 0))),
    "rev": lambda lax: lax.rev(X, (1,)),
    "rem": lambda lax: lax.rem(X, Y),
    "rsqrt": lambda lax: lax.rsqrt(X * X),
    "square": lambda lax: lax.square(X),
    "convert_element_type": lambda lax: lax.convert_element_type(X, "int32"),
    "expand_dims": lambda lax: lax.expand_dims(X, (0,)) if lax is jax.lax else lax.expand_dims(X, 0),
}


@pytest.mark.parametrize("name", CASES)
def test_function_agrees_with_jax(name: str) -> None:
    results, expected = CASES[name](lax), CASES[name](jax.lax)

    if not isinstance(expected, list | tuple):
        results, expected = [results], [expected]
    for result, value in zip(results, expected, strict=True):
        assert result.shape == value.shape
        numpy.testing.assert_allclose(numpy.asarray(result), numpy.asarray(value), rtol=2e-5, atol=2e-6)


def test_gather_and_scatter_agree_with_numpy() -> None:
    indices = numpy.array([[2], [0], [5]])
    rows = lax.GatherDimensions(offset=(1,), collapsed=(0,), start_index_map=(0,))
    into = lax.ScatterDimensions(window=(1,), inserted=(0,), scattered=(0,))

    numpy.testing.assert_allclose(lax.gather(X, indices, rows, (1, 4)), X[[2, 0, 2]])
    filled = lax.gather(X, indices, rows, (1, 4), mode="fill", fill_value=7.0)
    numpy.testing.assert_allclose(filled, numpy.stack([X[2], X[0], numpy.full(4, 7.0)]))
    for scatter, combine in (
        (lax.scatter_add, numpy.add),
        (lax.scatter_mul, numpy.multiply),
        (lax.scatter_min, numpy.minimum),
        (lax.scatter_max, numpy.maximum),
    ):
        expected = X.copy()
        expected[[2, 0]] = combine(X[[2, 0]], Y[:2])
        numpy.testing.assert_allclose(scatter(X, indices, Y, into), expected, rtol=1e-6)


def larger(first: Any, second: Any) -> Any:
    (x, i), (y, j) = first, second
    keep = x >= y
    return lax.select(keep, x, y), lax.select(keep, i, j)


def test_reduce_by_any_function_agrees_with_numpy() -> None:
    positions = numpy.broadcast_to(numpy.arange(4, dtype="int32"), (3, 4))

    values, places = lax.reduce((X, positions), (numpy.float32(-9), numpy.int32(-1)), larger, (1,))
    numpy.testing.assert_allclose(values, X.max(1))
    numpy.testing.assert_array_equal(places, X.argmax(1))
    product = lax.reduce(X, numpy.float32(1), lambda x, y: x * y, (0, 1))
    numpy.testing.assert_allclose(product, X.prod(), rtol=1e-5)


def test_reduce_by_any_function_has_derivatives() -> None:
    def total(x: Any) -> Any:
        return lax.reduce(x, 0.0, lambda x, y: lax.log(lax.exp(x) + lax.exp(y)), (0, 1))

    expected = numpy.exp(X) / (1 + numpy.exp(X).sum())
    numpy.testing.assert_allclose(ryft_core.grad(total)(X), expected, rtol=1e-5)
    mapped = ryft_core.vmap(lambda start, x: lax.reduce(x, start, lambda x, y: x + y, (0,)))(Y[:, 0], X)
    numpy.testing.assert_allclose(mapped, X.sum(1) + Y[:, 0], rtol=1e-5)


def test_reduce_refuses_what_it_cannot_do() -> None:
    with pytest.raises(StructureError, match="`reduce` expected initial_values"):
        lax.reduce((X, X), numpy.float32(0), larger, (0,))
    with pytest.raises(StructureError, match="the result of the computation"):
        lax.reduce(X, 0.0, lambda x, y: (x, y), (0,))
    with pytest.raises(OperandError, match="used arrays from outside, of types float32"):
        ryft_core.jit(lambda z: lax.reduce(X, 0.0, lambda x, y: x + y * z, (0,)))(2.0)
    with pytest.raises(OperandError, match="at least one array"):
        lax.reduce((), (), lambda x, y: x, ())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: lax.select_n(X > 0, X, Y, X), OperandError, "at most 2 cases, but got 3"),
        (lambda: lax.select_n(CLASSES), OperandError, "at least one case"),
        (lambda: lax.index_in_dim(X, 3, 0), ShapeError, "has no index 3 along axis 0"),
        (lambda: lax.dynamic_slice(X, (0,), (1, 1)), ShapeError, "expected 2 start indices"),
        (lambda: lax.dynamic_slice(X, (0, 0), (4, 1)), ShapeError, r"of sizes \(4, 1\) does not fit shape \(3, 4\)"),
        (lambda: lax.dynamic_slice(X, numpy.zeros((1, 2), "int32"), (1, 1)), ShapeError, "a vector of start indices"),
        (lambda: lax.dynamic_slice(X, (0.5, 0), (1, 1)), DataTypeError, "expected integers as indices"),
        (lambda: lax.dynamic_update_slice(X, Y.T, (0, 0)), ShapeError, "an update that fits into shape"),
        (lambda: lax.iota("bool", (2,), 3), ShapeError, "`iota` expected an axis between"),
        (lambda: lax.top_k(X, 5), ShapeError, "cannot take 5 elements"),
        (lambda: lax.top_k(X > 0, 1), DataTypeError, "`top_k` cannot order"),
        (lambda: lax.sort([]), ShapeError, "at least one operand"),
        (lambda: lax.sort((X, Y[0]), 0), ShapeError, "operands of one shape"),
        (lambda: lax.sort((X, Y), num_keys=3), ShapeError, "between 1 and 2 keys, but got 3"),
        (lambda: lax.sort(X.astype("complex64")), DataTypeError, "cannot order elements of type complex64"),
        (lambda: lax.cumsum(X, 2), ShapeError, "`cumulative_sum` expected an axis"),
        (lambda: lax.cumsum(X > 0), DataTypeError, "`cumulative_sum` is not defined for element type bool"),
    ],
)
def test_bad_arguments_are_refused(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_dot_general_is_called_as_in_jax() -> None:
    x = numpy.arange(24, dtype="int8").reshape(2, 3, 4) % 7
    y = numpy.arange(40, dtype="int8").reshape(2, 4, 5) % 5
    numbers = (((2,), (1,)), ((0,), (0,)))
    result = lax.dot_general(x, y, numbers, preferred_element_type="int32")
    assert result.dtype == numpy.int32
    numpy.testing.assert_array_equal(result, x.astype("int32") @ y.astype("int32"))
    assert lax.dot_general(x.astype("float32"), y.astype("float32"), numbers, "highest").shape == (2, 3, 5)
    for wrong in (((2,), (1,)), ((2,), (1,), (0,)), 3, (((2,), (1,)), ())):
        with pytest.raises(ArgumentError, match=r"`dot_general` expected .* as dimension numbers, but got"):
            lax.dot_general(x, y, wrong)


def test_parameters_that_no_compiler_takes_are_refused_before() -> None:
    with pytest.raises(ShapeError, match=r"`rng_bit_generator` expected 2 or 3 elements .* but got uint32\[2\]"):
        lax.rng_bit_generator(numpy.array([1, 2], "uint32"), (3,))
    with pytest.raises(DataTypeError, match="`bitcast_convert` is not defined from complex64 to float32"):
        lax.bitcast_convert_type(numpy.ones(2, "complex64"), "float32")
    with pytest.raises(ArgumentError, match="but got -1 and 2"):
        lax.reduce_precision(numpy.ones(2, "float32"), -1, 2)


def test_views_of_narrow_integers_split_the_bits() -> None:
    x = ryft_core.numpy.asarray([0x21, 0x43], "int8").view("int4")
    assert x.tolist() == [1, 2, 3, 4]
    assert x.view("int8").tolist() == [0x21, 0x43]


@pytest.mark.parametrize("argument", [0, 1, 2])
def test_the_derivative_of_clamp_agrees_with_jax_at_the_edges(argument: int) -> None:
    for x in (-1.0, 0.0, 0.5, 1.0, 2.0):
        operands = [numpy.float32(value) for value in (0.0, x, 1.0)]
        expected = jax.grad(jax.lax.clamp, argument)(*operands)
        assert ryft_core.grad(lax.clamp, argnums=argument)(*operands).item() == expected, x


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float8_e5m2"])
def test_complex_numbers_of_narrow_parts_have_64_bits(dtype: str) -> None:
    part = rnp.asarray([1.5, -2.0], dtype)
    result = lax.complex(part, part)
    assert result.dtype == "complex64"
    assert result.tolist() == [1.5 + 1.5j, -2 - 2j]
    gradient = ryft_core.grad(lambda x: lax.real(lax.complex(x, x)).sum())(part)
    assert gradient.dtype == part.dtype
    assert gradient.tolist() == [1, 1]


@pytest.mark.parametrize(("dtype", "preferred"), [("int2", None), ("uint2", None), ("int2", "int32"), ("int4", None)])
def test_products_of_narrow_integers(dtype: str, preferred: str | None) -> None:
    matrix = numpy.array([[1, 0, 1], [0, 1, 0]], dtype)
    result = ryft_core.jit(lambda x, y: lax.dot(x, y, preferred_element_type=preferred))(matrix, matrix.T[:, 1:])
    assert result.dtype == (preferred or dtype)
    assert numpy.asarray(result).astype(int).tolist() == [[0], [1]]
