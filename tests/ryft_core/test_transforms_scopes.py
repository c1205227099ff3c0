"""`disable_jit`, `named_scope`, `eval_shape`, `closure_convert` and `linear_transpose`."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
from libraries import JAX, RYFT, agree, both

import ryft_core
from ryft_core.errors import DifferentiationError, OperandError, StructureError
from ryft_core.primitives.control_flow.loops import fori_loop, scan, while_loop
from ryft_core.tracing.tracers import trace_program
from ryft_core.transforms.linear_transpose import closure_convert, eval_shape, linear_transpose
from ryft_core.transforms.scopes import disable_jit, named_scope
from ryft_core.types.array_types import ArrayType

X = numpy.array([0.1, -0.4, 0.7], "float32")
FLOAT = numpy.dtype("float32")


def test_disable_jit_runs_functions_as_they_are() -> None:
    seen: list[float] = []

    @ryft_core.jit
    def function(x: Any) -> Any:
        seen.append(float(x))
        return x * 2 if x > 0 else x

    with disable_jit():
        agree(function(RYFT.array(numpy.float32(1))), 2.0)
        agree(ryft_core.grad(function)(3.0), 2.0)
    assert seen == [1.0, 3.0]


def test_disable_jit_makes_loops_python_loops() -> None:
    steps: list[float] = []

    def step(carry: Any, x: Any) -> Any:
        steps.append(float(carry))
        return carry + x, carry * x

    reference = JAX.scan(lambda c, x: (c + x, c * x), numpy.float32(0), X, reverse=True)
    with disable_jit():
        agree(scan(step, RYFT.array(numpy.float32(0)), X, reverse=True), reference)
        agree(while_loop(lambda c: c < 10, lambda c: c + 3, RYFT.array(0.0)), 12.0)
        agree(fori_loop(0, 4, lambda i, c: c + i, RYFT.array(1.0)), 7.0)
        agree(fori_loop(3, 1, lambda i, c: c + i, RYFT.array(1.0)), 1.0)
        gradient = ryft_core.grad(lambda y: scan(lambda c, x: (c * y + x, c), RYFT.array(numpy.float32(0)), X)[0])(2.0)
        with pytest.raises(OperandError, match="`scan` of no steps cannot run without tracing"):
            scan(step, RYFT.array(numpy.float32(0)), X[:0])
    agree(gradient, ryft_core.grad(lambda y: scan(lambda c, x: (c * y + x, c), 0.0, X)[0])(2.0))


def test_named_scopes_reach_equations_through_transformations() -> None:
    def function(x: Any) -> Any:
        with named_scope("outer"):
            y = RYFT.sin(x)
            with named_scope("inner"):
                return y * 2

    program, _ = trace_program(lambda x: [function(x)], [ArrayType((), FLOAT)])
    assert [equation.scope for equation in program.equations] == [("outer",), ("outer", "inner")]
    for transformed in (ryft_core.grad(function), lambda x: ryft_core.jvp(function, (x,), (x,))[1]):
        program, _ = trace_program(lambda x, f=transformed: [f(x)], [ArrayType((), FLOAT)])
        assert {("outer",), ("outer", "inner")} <= {equation.scope for equation in program.equations}


def test_equations_that_transformations_make_keep_their_location_and_scope() -> None:
    @ryft_core.jit
    def function(x: Any) -> Any:
        with named_scope("layer"):
            y = RYFT.sin(x)
        return y * y

    line = function.__wrapped__.__code__.co_firstlineno
    program, _ = trace_program(lambda x: [ryft_core.grad(function)(x)], [ArrayType((), FLOAT)])
    inner = [equation for inner in program.subprograms() for equation in inner.equations]
    lines = {equation.primitive.name: equation.location.line - line for equation in inner if equation.location}
    assert (lines["sine"], lines["cosine"], lines["multiply"]) == (3, 3, 3)
    assert {equation.scope for equation in inner if equation.primitive.name == "cosine"} == {("layer",)}


def test_named_scope_ends_when_an_error_leaves_it() -> None:
    def function(x: Any) -> list[Any]:
        with pytest.raises(RuntimeError, match="inside"), named_scope("lost"):
            raise RuntimeError("inside")
        return [RYFT.sin(x)]

    program, _ = trace_program(function, [ArrayType((), FLOAT)])
    assert program.equations[0].scope == ()


def test_named_scope_needs_a_string() -> None:
    with pytest.raises(TypeError, match="`named_scope` expected a string, but got a `int`"), named_scope(3):  # type: ignore[arg-type]
        pass


def test_eval_shape_does_not_compute() -> None:
    def function(x: Any, scale: Any) -> Any:
        return {"y": RYFT.matmul(x, x) * scale, "n": 3}

    result = eval_shape(function, ArrayType((200_000, 200_000), FLOAT), scale=2.0)
    assert result["y"] is ArrayType((200_000, 200_000), FLOAT)
    assert result["n"] is ArrayType((), numpy.dtype("int32"), True)
    assert eval_shape(lambda x: x, X) is ArrayType((3,), FLOAT)
    assert eval_shape(lambda x: x, JAX.array(X)) is ArrayType((3,), FLOAT)
    with pytest.raises(OperandError, match="is a `str`, which is not an array or an array type"):
        eval_shape(lambda x: x, "text")


def test_closure_convert_makes_traced_values_arguments() -> None:
    def loss(w: Any) -> Any:
        converted, captured = closure_convert(lambda x: RYFT.sin(x) * w, RYFT.array(numpy.float32(1)))
        assert len(captured) == 1
        return converted(RYFT.array(numpy.float32(2)), *captured)

    agree(ryft_core.grad(loss)(3.0), numpy.sin(2.0))
    converted, captured = closure_convert(lambda x: x * X, X)
    assert captured == []
    agree(converted(X), X * X)
    with pytest.raises(StructureError, match="was converted for arguments of another structure"):
        converted((X, X))


def test_linear_transpose_agrees_with_jax() -> None:
    matrix = (numpy.arange(6, dtype="float32").reshape(2, 3) - 2) / 3

    def function(lib: Any) -> Any:
        return lambda x, y: {"a": lib.matmul(matrix, x) + y, "b": x.sum() * 3}

    cotangents = {"a": numpy.array([1.0, 2.0], "float32"), "b": numpy.float32(3)}
    both(lambda lib: lib.linear_transpose(function(lib), X, X[:2])(cotangents))
    both(lambda lib: lib.jit(lambda c: lib.linear_transpose(function(lib), X, X[:2])(c))(cotangents))
    scanned = lambda x: scan(lambda c, r: ((c[0] * 2 + (r * x).sum(), c[1] + 1), c[0] * c[1]), (x[0], 1), matrix)[1]  # noqa: E731
    dense = numpy.asarray(ryft_core.jacfwd(scanned)(X))
    agree(linear_transpose(scanned, X)(X[:2])[0], dense.T @ X[:2])
    agree(linear_transpose(lambda x: x * 3, ArrayType((3,), FLOAT))(X)[0], 3 * X)


def test_linear_transpose_refuses_functions_that_are_not_linear() -> None:
    with pytest.raises(
        DifferentiationError, match="expected a linear function, but it multiplies values that depend on its arguments"
    ):
        linear_transpose(lambda x: x * x, X)(X)
    with pytest.raises(DifferentiationError, match="`sine` cannot be transposed"):
        linear_transpose(lambda x: RYFT.sin(x), X)(X)
    with pytest.raises(DifferentiationError, match=r"expected arguments of floating-point or complex types, .* int32"):
        linear_transpose(lambda x: x, numpy.arange(3, dtype="int32"))


def test_linear_transpose_checks_its_cotangents() -> None:
    transposed = linear_transpose(lambda x: x * 2, X)
    with pytest.raises(StructureError, match="expected cotangents of the results' structure"):
        transposed((X,))
    with pytest.raises(DifferentiationError, match=r"expected a cotangent of type float32\[3\], but got float32\[2\]"):
        transposed(X[:2])


@pytest.mark.parametrize("name", ["jit", "grad", "vmap", "jvp"])
def test_disable_jit_inside_a_transformation_leaves_it_at_work(name: str) -> None:
    def function(x: Any) -> Any:
        with disable_jit():
            doubled = ryft_core.jit(lambda y: y * 2 + x)(x)
            looped = while_loop(lambda c: c < 20, lambda c: c * 2, x)
            return doubled + looped + scan(lambda c, y: (c + y * x, None), x, X)[0]

    loop = lambda x: while_loop(lambda c: c < 20, lambda c: c * 2, x, bound=9)  # noqa: E731
    plain = lambda x: x * 3 + loop(x) + x + x * X.sum()  # noqa: E731
    if name == "jvp":
        agree(ryft_core.jvp(function, (3.0,), (1.0,)), ryft_core.jvp(plain, (3.0,), (1.0,)))
    else:
        argument = X + 3 if name == "vmap" else 3.0
        agree(getattr(ryft_core, name)(function)(argument), getattr(ryft_core, name)(plain)(argument))


def test_disable_jit_leaves_a_loop_whose_condition_is_batched() -> None:
    loop = ryft_core.vmap(lambda x: while_loop(lambda c: c[0] < 20, lambda c: (c[0] * x, c[1] + 1), (1.0, 0)))
    expected = loop(X + 3)
    with disable_jit():
        agree(loop(X + 3), expected)


def test_a_converted_function_takes_all_captured_values() -> None:
    def call(y: Any) -> Any:
        converted, captured = closure_convert(lambda x: x * y, X)
        assert len(captured) == 1
        with pytest.raises(
            StructureError, match=r"take 1 argument\(s\) and then 1 captured value\(s\), but got 3 in all"
        ):
            converted(X, *captured, *captured)
        return converted(X, *captured).sum()

    agree(ryft_core.grad(call)(2.0), X.sum())
