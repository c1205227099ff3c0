"""Errors that a beginner meets: what they say, where they point to, and what they advise."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy
import pytest

import ryft_core as ryft
from ryft_core.errors import (
    BatchingError,
    DataTypeError,
    DifferentiationError,
    DonatedError,
    LeakedTracerError,
    OperandError,
    PjrtError,
    ShapeError,
    StructureError,
    TracerError,
)
from ryft_core.primitives.control_flow.conditional import cond
from ryft_core.primitives.control_flow.loops import scan
from ryft_core.primitives.custom_calls import ffi_call
from ryft_core.types.array_types import ArrayType

X = numpy.arange(3, dtype="float32")
MATRIX = numpy.ones((2, 4), "float32")


def notes_of(error: BaseException) -> str:
    return "\n".join(getattr(error, "__notes__", []))


def raised(kind: type[Exception], match: str, call: Callable[[], Any]) -> str:
    """Returns the notes of the error of a `kind` that `call` raises with a message that matches."""
    with pytest.raises(kind, match=match) as caught:
        call()
    return notes_of(caught.value)


# --- traced values where concrete ones are needed ---------------------------------------------------------------------


@pytest.mark.parametrize("use", [bool, int, float, complex, numpy.asarray, range, hex])
def test_a_concrete_use_says_where_the_value_comes_from(use: Callable[[Any], Any]) -> None:
    def computed(x: Any) -> Any:
        return use(x * 2)

    notes = raised(TracerError, "needs a concrete value", lambda: ryft.jit(computed)(numpy.int32(1)))
    assert "hint: inside `jit` and `vmap`, " in notes
    assert f"the value was computed by `multiply` at {__file__}:" in notes
    assert "in `jit` of `computed`" in notes


@pytest.mark.parametrize(
    ("use", "hint"),
    [
        (bool, "use `ryft.numpy.where` or `ryft.lax.cond` instead of `if`"),
        (numpy.sin, "use the function of `ryft.numpy` that has the same name"),
        (lambda x: f"{x:.2f}", "print with `ryft.debug.print`"),
        (range, "mark the argument static, loop with `ryft.lax.fori_loop`"),
        (lambda x: [1, 2, 3][x], "index an array of Ryft's instead of a list"),
        (ryft.numpy.arange, "mark the argument static: shapes are constants"),
        (math.sqrt, "use functions of `ryft.numpy` instead of those of `math`"),
        (int, "keep the value an array, `x.astype(int)`"),
    ],
)
def test_a_concrete_use_says_what_to_do_instead(use: Callable[[Any], Any], hint: str) -> None:
    assert hint in raised(TracerError, "needs a concrete value", lambda: ryft.jit(use)(numpy.int32(1)))


def test_a_concrete_use_of_an_argument_says_which_one() -> None:
    def function(scale: Any, parameters: Any, *, flag: Any) -> Any:
        return float(parameters["layers"][1]) * scale

    def call() -> Any:
        return ryft.jit(function)(1.0, {"layers": [1.0, 2.0]}, flag=True)

    assert 'the value is argument `parameters["layers"][1]` of `function`' in raised(TracerError, "`float`", call)


def test_an_argument_is_named_in_spite_of_static_ones_before_it() -> None:
    compiled = ryft.jit(lambda size, x: bool(x), static_argnums=0)
    assert "the value is argument `x` of" in raised(TracerError, "`if`", lambda: compiled(3, 1.0))


def test_a_value_inside_vmap_is_traced_to_the_program_around() -> None:
    def call() -> Any:
        return ryft.jit(lambda x: ryft.vmap(lambda y: float(y + 1))(x))(X)

    notes = raised(TracerError, "`float`", call)
    assert "the value was computed by `add` at" in notes
    assert notes.index("in `vmap`") < notes.index("in `jit`")


def test_values_are_concrete_under_grad() -> None:
    assert float(ryft.grad(lambda x: x * 2 if x > 0 else x)(3.0)) == 2.0


def test_a_leaked_value_says_where_it_was_computed() -> None:
    kept: list[Any] = []

    def leak(x: Any) -> Any:
        kept.append(x + 1)
        return x

    ryft.jit(leak)(X)
    for use in (lambda: kept[0] + 1, lambda: numpy.asarray(kept[0]), lambda: ryft.jit(lambda x: x + kept[0])(X)):
        notes = raised(LeakedTracerError, "was used after the function that it was traced in", use)
        assert "hint: return the value from the function" in notes
        assert f"the value was computed by `add` at {__file__}:" in notes


@pytest.mark.parametrize("transform", [ryft.grad, ryft.vmap])
def test_a_value_leaked_from_a_transformation_is_refused(transform: Callable[..., Any]) -> None:
    kept: list[Any] = []

    def leak(x: Any) -> Any:
        kept.append(x * 2.0)
        return kept[0].sum()

    transform(leak)(X)
    raised(LeakedTracerError, "was used after", lambda: kept[0] + 1)


def test_arrays_are_not_hashable_and_scalars_have_no_length() -> None:
    array = ryft.numpy.add(X, 1)
    raised(OperandError, "arrays are not hashable", lambda: hash(array))
    raised(OperandError, "a scalar array has no length", lambda: len(array[0]))


# --- shapes and element types -----------------------------------------------------------------------------------------


def test_a_mismatch_of_shapes_names_operands_axis_and_line() -> None:
    def call() -> Any:
        return ryft.jit(lambda x: x + X)(MATRIX)

    notes = raised(ShapeError, r"`add` .* got \(2, 4\) and \(3,\): axis -1 has sizes 4 and 3", call)
    assert "hint: sizes must be equal or 1" in notes
    assert f"at {__file__}:" in notes


def test_an_operation_that_is_not_defined_for_a_type_names_both() -> None:
    raised(DataTypeError, "`sine` is defined for floating-point, complex elements, but got int32", sine_of_an_integer)


def sine_of_an_integer() -> Any:
    from ryft_core.primitives.exponential import Sine

    return Sine().bind(ryft.numpy.add(numpy.int32(1), 1))


def test_an_argument_that_is_no_array_is_named() -> None:
    notes = raised(
        OperandError,
        r"argument `.*name.*` of `<lambda>` is a `str`, which is not an array: 'x'",
        lambda: ryft.jit(lambda parameters: 1.0)({"name": "x"}),
    )
    assert "static_argnames" in notes


# --- transformations --------------------------------------------------------------------------------------------------


def test_an_integer_leaf_is_refused_by_grad_with_its_path() -> None:
    def loss(parameters: Any) -> Any:
        return (parameters["weight"] * parameters["count"]).sum()

    arguments = {"weight": X, "count": numpy.int32(3)}
    for transform in (ryft.grad, ryft.value_and_grad, ryft.jacrev, ryft.jacfwd):
        message = r"needs arguments of a floating-point type, but argument 0\[\"count\"\] of `loss` is int32\[\]"
        notes = raised(DifferentiationError, message, lambda transform=transform: transform(loss)(arguments))
        assert "hint: convert it with `.astype(float)`" in notes


def test_grad_of_results_that_are_no_scalar_says_what_to_do() -> None:
    notes = raised(
        DifferentiationError, r"needs a scalar result, but .* shape \(3,\)", lambda: ryft.grad(lambda x: x)(X)
    )
    assert "reduce it, for example with `.sum()`" in notes
    notes = raised(DifferentiationError, "returns one scalar", lambda: ryft.grad(lambda x: (x.sum(), x))(X))
    assert "has_aux=True" in notes


def test_grad_of_an_argument_that_is_not_there_says_how_many_there_are() -> None:
    notes = raised(DifferentiationError, "argument 2: it was called with 1", lambda: ryft.grad(lambda x: x, 2)(1.0))
    assert "are passed by position" in notes


def test_in_axes_that_do_not_fit_name_argument_shape_and_axis() -> None:
    mapped = ryft.vmap(lambda x, y: x, in_axes=(0, 1))
    notes = raised(BatchingError, r"cannot map axis 1 of `args\[1\]`, which has shape \(3,\)", lambda: mapped(X, X))
    assert "hint: pass `None` in `in_axes`" in notes
    raised(
        BatchingError,
        r"`args\[0\]` of shape \(3,\) has 3 along axis 0, `args\[1\]` of shape \(2, 4\) has 2 along axis 0",
        lambda: ryft.vmap(lambda x, y: x)(X, MATRIX),
    )
    raised(BatchingError, r"expected `in_axes` for 1 positional argument", lambda: ryft.vmap(abs, (0, 0))(X))


def test_structures_that_differ_name_the_path() -> None:
    raised(
        StructureError,
        r"is missing .*b",
        lambda: ryft.jvp(lambda x: x["a"], ({"a": 1.0, "b": 2.0},), ({"a": 1.0},)),
    )
    raised(StructureError, r"`cond`", lambda: ryft.jit(lambda p: cond(p, lambda: (X, X), lambda: X))(True))
    raised(
        StructureError,
        r"`carry.*` is float32\[3\].* before it and float32\[\].* after it",
        lambda: scan(lambda carry, x: (carry.sum(), x), ryft.numpy.add(X, 0), X),
    )


def test_a_function_with_a_side_effect_of_python_runs_once() -> None:
    calls: list[int] = []
    compiled = ryft.jit(lambda x: calls.append(1) or x + 1)
    for _ in range(3):
        compiled(X)
    assert len(calls) == 1


# --- compiling and running --------------------------------------------------------------------------------------------


def test_an_error_of_the_compiler_names_the_function() -> None:
    def calls_what_is_not_there(x: Any) -> Any:
        return ffi_call("no_such_target_anywhere", ArrayType((3,), numpy.dtype("float32")))(x)

    notes = raised(PjrtError, "no_such_target_anywhere", lambda: ryft.jit(calls_what_is_not_there)(X))
    assert "while `calls_what_is_not_there` was compiled" in notes
    assert "in `jit` of `calls_what_is_not_there`" in notes


def test_one_concept_has_one_class() -> None:
    import ryft_mlir

    assert ryft.DataTypeError is ryft_mlir.DataTypeError
    assert not hasattr(ryft.trees, "TreeError")


def test_a_donated_array_says_who_took_it_and_where() -> None:
    update = ryft.jit(lambda state: state + 1, donate_argnums=0)

    def given_away() -> Any:
        array = ryft.numpy.asarray(X)
        update(array)
        return array

    uses: list[Callable[[Any], Any]] = [
        lambda x: x + 1,
        numpy.asarray,
        lambda x: x.tolist(),
        update,
        ryft.jit(abs),
        repr,
    ]
    for use in uses:
        array = given_away()
        message = rf"was donated to `<lambda>` at {__file__}:\d+ in `given_away`"
        assert "use those results instead" in raised(DonatedError, message, partial(use, array))


def test_equal_arrays_are_donated_one_by_one() -> None:
    first, second = ryft.numpy.asarray(X), ryft.numpy.asarray(X)
    update = ryft.jit(lambda state: state + 1, donate_argnums=0)
    update(first)
    numpy.testing.assert_array_equal(numpy.asarray(second), X)
    for _ in range(2):
        assert update(1.0).item() == 2.0
