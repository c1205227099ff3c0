"""`vmap`, with loops and JAX as oracles, in chunks, and its errors."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
from libraries import RYFT, agree, both

import ryft_core
from ryft_core.errors import ArgumentTypeError, BatchingError, OperandError, StructureError, TracerError
from ryft_core.primitives.control_flow.scan import Scan
from ryft_core.tracing.tracers import trace_program
from ryft_core.types.array_types import ArrayType

X = numpy.arange(24, dtype="float32").reshape(2, 3, 4) / 10
Y = numpy.arange(3, dtype="float32")
FLOAT = numpy.dtype("float32")


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
@pytest.mark.parametrize("out", [0, 1, -1])
def test_axes_agree_with_jax(axis: int, out: int) -> None:
    both(lambda lib: lib.vmap(lambda x: lib.sin(x).T, axis, out)(X))


def test_axes_may_be_structures() -> None:
    function = lambda a, b: {"x": a["p"] * b, "y": (a["q"].sum(),)}  # noqa: E731
    arguments = ({"p": X, "q": Y}, Y)
    both(lambda lib: lib.vmap(function, ({"p": 1, "q": None}, 0), {"x": 2, "y": 0})(*map_arguments(arguments)))
    both(lambda lib: lib.vmap(function, ({"p": 1, "q": 0}, None), {"x": 0, "y": (0,)})({"p": X, "q": Y}, Y[0]))


def map_arguments(arguments: Any) -> Any:
    return arguments[0], arguments[1]


def test_keyword_arguments_are_mapped_along_their_first_axis() -> None:
    both(lambda lib: lib.vmap(lambda x, scale: x * scale)(Y, scale=Y))


def test_nested_maps_agree_with_jax() -> None:
    outer = lambda lib: lib.vmap(lib.vmap(lambda x, y: (x * y).sum(), (0, None)), (None, 0))  # noqa: E731
    both(lambda lib: outer(lib)(X[0], numpy.ones((5, 4), "float32")))
    both(lambda lib: lib.jit(lib.vmap(lib.jit(lib.vmap(lambda x: lib.tanh(x).sum())), 1))(X))


def test_results_that_all_elements_share_are_repeated_or_not() -> None:
    agree(ryft_core.vmap(lambda x: 3.0)(Y), numpy.full(3, 3.0))
    agree(ryft_core.vmap(lambda x: (x, 3.0), out_axes=(0, None))(Y), (Y, 3.0))
    agree(ryft_core.vmap(lambda: Y, axis_size=2)(), numpy.stack([Y, Y]))


def test_empty_batches_give_empty_results() -> None:
    result = ryft_core.vmap(lambda x: x.sum() * 2)(X[:0])
    assert result.shape == (0,)


def test_python_control_flow_on_shared_values_works() -> None:
    agree(ryft_core.vmap(lambda x, n: x * 2 if n > 1 else x, (0, None))(Y, 2), 2 * Y)
    with pytest.raises(TracerError, match="`bool`"):
        ryft_core.vmap(lambda x: x if x > 0 else -x)(Y)


@pytest.mark.parametrize("chunk", [1, 2, 3, 5])
def test_chunks_give_the_same(chunk: int) -> None:
    function = lambda x, y: {"a": x * y.sum(), "b": (x,)}  # noqa: E731
    arguments = (X, (2, None), {"a": 1, "b": 0})
    whole = ryft_core.vmap(function, arguments[1], arguments[2])(X, Y)
    agree(ryft_core.vmap(function, arguments[1], arguments[2], chunk=chunk)(X, Y), whole)
    loss = lambda x, **options: (ryft_core.vmap(lambda x: RYFT.sin(x).sum() ** 2, 2, **options)(x)).sum()  # noqa: E731
    agree(ryft_core.grad(lambda x: loss(x, chunk=chunk))(X), ryft_core.grad(loss)(X))
    agree(ryft_core.jit(lambda x: loss(x, chunk=chunk))(X), loss(X))
    agree(ryft_core.vmap(lambda: X[0, 0] * 2, axis_size=5, chunk=chunk)(), numpy.stack([X[0, 0] * 2] * 5))


def test_chunks_bound_the_size_of_intermediate_values() -> None:
    function = lambda x: RYFT.sin(x[:, None] * x[None, :]).sum()  # noqa: E731
    program, _ = trace_program(lambda x: [ryft_core.vmap(function, chunk=8)(x)], [ArrayType((1000, 50), FLOAT)])
    sizes = [
        variable.type.size
        for inner in [program, *program.subprograms()]
        for equation in inner.equations
        if not isinstance(equation.primitive, Scan)
        for variable in equation.outputs
    ]
    assert max(sizes) <= 1000 * 50


def test_chunk_must_be_positive_and_without_an_axis_name() -> None:
    with pytest.raises(BatchingError, match="expected a positive `chunk` and no axis name, but got 0"):
        ryft_core.vmap(lambda x: x, chunk=0)
    with pytest.raises(BatchingError, match="collectives need all elements at once"):
        ryft_core.vmap(lambda x: x, axis_name="i", chunk=2)


def test_axes_that_do_not_exist_are_refused() -> None:
    with pytest.raises(BatchingError, match=r"cannot map axis 3 of `.*`, which has shape \(2, 3, 4\)") as info:
        ryft_core.vmap(lambda x: x, 3)(X)
    assert any("pass `None` in `in_axes`" in note for note in info.value.__notes__)
    with pytest.raises(BatchingError, match="cannot place the mapped axis at 5"):
        ryft_core.vmap(lambda x: x, out_axes=5)(X)


def test_sizes_that_differ_are_refused() -> None:
    with pytest.raises(BatchingError, match=r"expected mapped axes of one size, but .* has 2 .* has 3"):
        ryft_core.vmap(lambda x, y: x)(X, Y)
    with pytest.raises(BatchingError, match="`axis_size` is 4"):
        ryft_core.vmap(lambda y: y, axis_size=4)(Y)
    with pytest.raises(BatchingError, match="has no argument to map"):
        ryft_core.vmap(lambda y: y, None)(Y)


def test_wrong_structures_of_axes_are_refused() -> None:
    with pytest.raises(BatchingError, match=r"expected `in_axes` for 1 positional argument\(s\), but got 2"):
        ryft_core.vmap(lambda x: x, (0, 0))(X)
    with pytest.raises(ValueError, match="`in_axes`"):
        ryft_core.vmap(lambda x: x, ({"a": 0},))({"b": X})
    with pytest.raises(ValueError, match="`out_axes`"):
        ryft_core.vmap(lambda x: x, out_axes=(0, 0))(X)


def test_result_that_differs_cannot_be_shared() -> None:
    with pytest.raises(BatchingError, match="has `None` in `out_axes` for a result that differs"):
        ryft_core.vmap(lambda x: x, out_axes=None)(X)


def test_structure_errors_are_value_errors() -> None:
    assert issubclass(StructureError, ValueError)


def test_what_all_elements_share_need_not_be_an_array() -> None:
    both(lambda lib: lib.vmap(lambda x, f, how: f(x) if how == "apply" else x, (0, None, None))(Y, lib.sin, "apply"))
    both(lambda lib: lib.vmap(lambda x, options: x * options["n"], (0, {"n": None, "s": None}))(Y, {"n": 2, "s": "a"}))
    mapped = ryft_core.vmap(lambda x, f: f(x), (0, None), chunk=2)
    agree(mapped(Y, RYFT.sin), numpy.sin(Y))
    with pytest.raises(OperandError, match=r"argument `args\[1\]` of `<lambda>` is a `str`, which is not an array"):
        ryft_core.vmap(lambda x, how: x)(Y, "apply")


def test_sizes_and_axes_are_integers() -> None:
    agree(ryft_core.vmap(lambda x: x, None, axis_size=numpy.int64(2))(Y), numpy.stack([Y, Y]))  # type: ignore[arg-type]
    with pytest.raises(ArgumentTypeError, match=r"`axis_size` expected an integer, but got a `float`: 2\.0"):
        ryft_core.vmap(lambda x: x, None, axis_size=2.0)  # type: ignore[arg-type]
    with pytest.raises(BatchingError, match="`vmap` expected an `axis_size` that is not negative, but got -2"):
        ryft_core.vmap(lambda x: x, None, axis_size=-2)
    with pytest.raises(ArgumentTypeError, match=r"`chunk` expected an integer, but got a `float`: 1\.5"):
        ryft_core.vmap(lambda x: x, chunk=1.5)  # type: ignore[arg-type]
    with pytest.raises(BatchingError, match="expected integers or `None` in `out_axes`, but got 'a'"):
        ryft_core.vmap(lambda x: x, out_axes="a")(Y)
    with pytest.raises(ArgumentTypeError, match="`vmap` expected a function, but got a `ndarray`"):
        ryft_core.vmap(Y)  # type: ignore[arg-type]
