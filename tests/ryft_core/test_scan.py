"""`scan`, `map` and `associative_scan`, with Python loops and JAX as oracles, and their errors."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
from libraries import RYFT, agree, both

from ryft_core.errors import ArgumentTypeError, BatchingError, OperandError, ShapeError, StructureError, TracerError
from ryft_core.primitives.control_flow.associative import associative_scan
from ryft_core.primitives.control_flow.loops import map as map_slices
from ryft_core.primitives.control_flow.loops import scan
from ryft_core.primitives.control_flow.scan import Scan
from ryft_core.tracing.tracers import trace_program
from ryft_core.types.array_types import ArrayType

XS = (numpy.arange(8, dtype="float32").reshape(4, 2) - 3) / 5
W = numpy.array([0.7, -0.3], "float32")
WS = numpy.stack([W, W * 2, W - 1])


def network(lib: Any, **options: Any) -> Any:
    def function(w: Any, xs: Any) -> Any:
        def step(carry: Any, x: Any) -> Any:
            state, count = carry
            state = lib.tanh(state * w + x)
            return (state, count + 1), {"y": state * x, "n": count}

        (state, count), ys = lib.scan(step, (w * w, 0), xs, **options)
        return (state * state).sum() * count + (ys["y"] * ys["n"][:, None]).sum()

    return function


OPTIONS = [{}, {"reverse": True}, {"unroll": 2}, {"unroll": 3, "reverse": True}, {"unroll": True}]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_scan_and_its_gradient_agree_with_jax(options: dict[str, Any]) -> None:
    both(lambda lib: network(lib, **options)(W, XS))
    both(lambda lib: lib.jit(lib.value_and_grad(network(lib, **options), (0, 1)))(W, XS))


def test_scan_under_every_transformation_agrees_with_jax() -> None:
    both(lambda lib: lib.grad(network(lib), (0, 1))(W, XS))
    both(lambda lib: lib.jvp(network(lib), (W, XS), (W + 1, XS)))
    both(lambda lib: lib.vmap(network(lib), (0, None))(WS, XS))
    both(lambda lib: lib.vmap(network(lib), (None, 2))(W, numpy.stack([XS, XS + 1], 2)))
    both(lambda lib: lib.jit(lib.vmap(lib.grad(network(lib), (0, 1)), (0, None)))(WS, XS))
    both(lambda lib: lib.grad(lambda ws: lib.vmap(network(lib), (0, None))(ws, XS).sum())(WS))
    both(lambda lib: lib.jit(lib.hessian(network(lib)))(W, XS), tolerance=1e-4)
    both(lambda lib: lib.jacrev(lib.jacrev(network(lib)))(W, XS), tolerance=1e-4)


def test_scan_agrees_with_a_python_loop() -> None:
    carry, rows = numpy.float32(1), []
    for x in XS:
        carry = carry * 0.5 + x.sum()
        rows.append(carry * x)
    result = scan(lambda c, x: (c * 0.5 + x.sum(), (c * 0.5 + x.sum()) * x), numpy.float32(1), XS)
    agree(result, (carry, numpy.stack(rows)))


def test_scan_without_arrays_needs_a_length() -> None:
    agree(scan(lambda c, _: (c * 2, c), 1.0, None, length=4), (16.0, numpy.array([1, 2, 4, 8], "float32")))
    with pytest.raises(OperandError, match="does not know its number of steps"):
        scan(lambda c, _: (c, c), 1.0, None)


def test_scan_of_no_steps_returns_the_carry() -> None:
    agree(scan(lambda c, x: (c + x, c * x), 3.0, XS[:0, 0]), (3.0, XS[:0, 0]))
    agree(RYFT.grad(lambda c: scan(lambda c, x: (c * x, c), c, XS[:0, 0])[0])(3.0), 1.0)


def test_scan_inside_scan_agrees_with_jax() -> None:
    def function(lib: Any, w: Any) -> Any:
        def outer(carry: Any, x: Any) -> Any:
            inner = lib.scan(lambda c, y: (lib.sin(c * w[0] + y), c * w[1]), carry, x)
            return inner[0], inner[1].sum()

        carry, ys = lib.scan(outer, w.sum(), XS)
        return carry * ys.sum()

    both(lambda lib: lib.jit(lib.grad(lambda w: function(lib, w)))(W))
    both(lambda lib: lib.vmap(lib.grad(lambda w: function(lib, w)))(WS))
    both(lambda lib: lib.jacfwd(lib.grad(lambda w: function(lib, w)))(W), tolerance=1e-4)


def test_gradient_of_a_scan_of_conditionals_agrees_with_jax() -> None:
    def function(lib: Any, w: Any) -> Any:
        def step(carry: Any, x: Any) -> Any:
            new = lib.cond(x[0] > 0, lambda c: lib.sin(c) * w, lambda c: c * x + w * w, carry)
            return new, new.sum()

        carry, ys = lib.scan(step, w, XS)
        return (carry * carry).sum() + ys.sum()

    both(lambda lib: lib.grad(lambda w: function(lib, w))(W))
    both(lambda lib: lib.jit(lib.vmap(lib.grad(lambda w: function(lib, w))))(WS))
    both(lambda lib: lib.grad(lambda ws: lib.vmap(lambda w: function(lib, w))(ws).sum())(WS))


def test_residuals_that_do_not_change_are_kept_once() -> None:
    def function(w: Any, xs: Any) -> Any:
        return scan(lambda c, x: (c * RYFT.sin(w) + x, None), w, xs)[0].sum()

    types = [ArrayType((2,), numpy.dtype("float32")), ArrayType((50, 2), numpy.dtype("float32"))]
    program, _ = trace_program(lambda w, xs: [RYFT.grad(function)(w, xs)], types)
    loops = [equation for equation in program.equations if isinstance(equation.primitive, Scan)]
    stacked = [variable.type.shape for variable in loops[0].outputs if variable.type.shape[:1] == (50,)]
    assert len(loops) == 2
    assert stacked == [(50, 2)]  # The carry before each step; the sine is the same in all of them.


def test_integer_and_unused_values_pass_through_derivatives() -> None:
    def function(lib: Any, x: Any) -> Any:
        carry, ys = lib.scan(lambda c, i: ((c[0] * x, c[1] + i), c[1]), (x, 0), numpy.arange(3, dtype="int32"))
        return carry[0] * carry[1] + ys.sum()

    both(lambda lib: lib.grad(lambda x: function(lib, x))(1.5))


def test_complex_carry_agrees_with_jax() -> None:
    def function(lib: Any, w: Any) -> Any:
        carry, _ = lib.scan(lambda c, x: (c * w + x, None), w, (XS + 1j * XS).astype("complex64"))
        return (carry * carry).sum()

    w = (W + 0.5j).astype("complex64")
    both(lambda lib: lib.vjp(lambda w: function(lib, w), w)[1](lib.array(numpy.complex64(1))))


def test_weakly_typed_carry_takes_the_type_of_the_result() -> None:
    result, _ = scan(lambda c, x: (c + x, None), 0, XS[:, 0])
    assert (result.dtype.name, result.type.weak) == ("float32", False)
    result, _ = scan(lambda c, x: (c * 2, None), numpy.float32(1), None, length=2)
    assert result.dtype.name == "float32"


def test_carry_of_another_type_names_the_path_and_both_types() -> None:
    with pytest.raises(StructureError, match=r"`carry\[\"a\"\]` is float32\[\] before it and float32\[2\] after it"):
        scan(lambda c, x: ({"a": c["a"] + x}, None), {"a": numpy.float32(0)}, XS)
    with pytest.raises(StructureError, match=r"`carry` is int32\[\] before it and float32\[\] after it") as info:
        scan(lambda c, x: (c + x, None), numpy.int32(0), XS[:, 0])
    assert "hint: convert the initial value" in info.value.__notes__[0]


def test_carry_of_another_structure_is_refused() -> None:
    with pytest.raises(StructureError, match="`scan` expected a step to return the carry's structure"):
        scan(lambda c, x: ((c, c), None), 0.0, XS)
    with pytest.raises(StructureError, match=r"expected a step to return a pair `\(carry, result\)`"):
        scan(lambda c, x: c, 0.0, XS)


def test_arrays_that_cannot_be_scanned_together_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"`xs\[0\]` has 4, `xs\[1\]` has 3"):
        scan(lambda c, x: (c, None), 0.0, (XS, XS[:3]))
    with pytest.raises(ShapeError, match=r"`xs` has 4, and `length` is 5"):
        scan(lambda c, x: (c, None), 0.0, XS, length=5)
    with pytest.raises(ShapeError, match=r"`xs\[1\]` is a scalar"):
        scan(lambda c, x: (c, None), 0.0, (XS, 1.0))


def test_functions_and_arrays_are_checked() -> None:
    with pytest.raises(OperandError, match="`scan` expected a function for `f`, but got a `int`"):
        scan(3, 0.0, XS)
    with pytest.raises(OperandError, match=r"`scan` expected arrays, but `init\[\"a\"\]` is a `str`"):
        scan(lambda c, x: (c, x), {"a": "text"}, XS)
    with pytest.raises(OperandError, match="`scan` expected arrays, but `xs` is a `str`"):
        scan(lambda c, x: (c, x), 0.0, "text")
    with pytest.raises(OperandError, match="`map` expected arrays, but `xs` is a `str`"):
        map_slices(lambda x: x, "text", batch_size=2)


def test_scan_checks_its_operands() -> None:
    body, _ = trace_program(lambda c, x: [c, x], [ArrayType((), numpy.dtype("float32"))] * 2)
    with pytest.raises(ShapeError, match=r"`scan` of length 3 cannot scan array 0 of shape \(4,\)"):
        Scan(body, 3, 0, 1).bind(RYFT.array(numpy.float32(1)), RYFT.array(XS[:, 0]))
    with pytest.raises(ShapeError, match="`scan` expected 2 operands, but got 1"):
        Scan(body, 3, 0, 1).bind(RYFT.array(numpy.float32(1)))


@pytest.mark.parametrize("batch_size", [None, 1, 2, 3, 4, 9])
def test_map_agrees_with_vmap(batch_size: int | None) -> None:
    function = lambda x: {"s": RYFT.sin(x), "t": x.sum()}  # noqa: E731
    agree(map_slices(function, XS, batch_size=batch_size), {"s": numpy.sin(XS), "t": XS.sum(1)})
    loss = lambda xs: map_slices(lambda x: (x * x).sum(), xs, batch_size=batch_size).sum()  # noqa: E731
    agree(RYFT.grad(loss)(XS), 2 * XS)


def test_map_refuses_a_batch_size_that_is_not_positive() -> None:
    with pytest.raises(BatchingError, match="`map` expected a positive `batch_size`, but got 0"):
        map_slices(lambda x: x, XS, batch_size=0)


def test_map_of_nothing_gives_nothing() -> None:
    agree(map_slices(lambda x: x * 2, XS[:0]), XS[:0])
    agree(map_slices(lambda x: x * 2, XS[:0], batch_size=2), XS[:0])


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 8, 11])
@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scan_agrees_with_numpy(length: int, reverse: bool) -> None:
    x = numpy.random.default_rng(length).normal(size=(2, length)).astype("float32")
    expected = numpy.cumsum(x[:, ::-1], 1)[:, ::-1] if reverse else numpy.cumsum(x, 1)
    agree(associative_scan(lambda a, b: a + b, x, reverse=reverse, axis=1), expected)
    agree(associative_scan(lambda a, b: a + b, x, reverse=reverse, axis=-1), expected)


def test_associative_scan_keeps_the_order_of_its_arguments() -> None:
    def function(lib: Any, gates: Any, inputs: Any) -> Any:
        combine = lambda a, b: (a[0] * b[0], a[1] * b[0] + b[1])  # noqa: E731
        return lib.sin(lib.associative_scan(combine, (gates, inputs))[1]).sum()

    both(lambda lib: lib.grad(lambda g, x: function(lib, g, x), (0, 1))(XS, XS + 1))
    both(lambda lib: lib.jit(lib.vmap(lib.grad(lambda g, x: function(lib, g, x)), (0, None)))(WS[:, None] + XS, XS))


def test_associative_scan_of_booleans() -> None:
    x = numpy.array([False, False, True, False])
    agree(associative_scan(lambda a, b: a | b, x), numpy.logical_or.accumulate(x))


def test_associative_scan_refuses_what_does_not_fit() -> None:
    with pytest.raises(ShapeError, match="expected arrays of one length along axis 0"):
        associative_scan(lambda a, b: a, (XS, XS[:3]))
    with pytest.raises(StructureError, match="expected a function that returns the structure of its arguments"):
        associative_scan(lambda a, b: (a, b), XS)
    with pytest.raises(OperandError, match="expected at least one array"):
        associative_scan(lambda a, b: a, ())


def test_numbers_of_steps_are_integers() -> None:
    step = lambda carry, _: (carry, None)  # noqa: E731
    with pytest.raises(ArgumentTypeError, match="`unroll` expected an integer, but got a `str`: 'a'"):
        scan(step, 0.0, W, unroll="a")  # type: ignore[arg-type]
    with pytest.raises(ArgumentTypeError, match=r"`length` expected an integer, but got a `float`: 2\.5"):
        scan(step, 0.0, length=2.5)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="`scan` expected a `length` that is not negative, but got -3"):
        scan(step, 0.0, length=-3)
    with pytest.raises(ArgumentTypeError, match="`batch_size` expected an integer"):
        map_slices(lambda x: x, W, batch_size="2")  # type: ignore[arg-type]
    with pytest.raises(TracerError, match="needs a concrete value, but got a traced one") as caught:
        RYFT.jit(lambda count: scan(step, 0.0, length=count))(3)
    assert "the value is argument `count` of `<lambda>`" in caught.value.__notes__
    assert scan(step, 0.0, length=numpy.int64(2))[0] == 0.0  # type: ignore[arg-type]


def test_a_step_may_return_its_pair_as_a_list() -> None:
    both(lambda lib: lib.scan(lambda carry, x: [carry + x, carry], 0.0, W))  # type: ignore[return-value]


def test_associative_scan_refuses_functions_that_change_types() -> None:
    with pytest.raises(StructureError, match=r"`elems\[0\]` is float32\[1\] before it and float32\[\] after it"):
        associative_scan(lambda a, b: ((a[0] * b[0]).sum(),), (W,))
    with pytest.raises(ShapeError, match="expected arrays with an axis to go along, but `elems` is a scalar"):
        associative_scan(lambda a, b: a, 1.0)
    with pytest.raises(OperandError, match="`associative_scan` expected a function for `fn`"):
        associative_scan(3, W)  # type: ignore[arg-type]
