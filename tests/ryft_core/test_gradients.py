"""`grad`, `value_and_grad`, `jvp`, `vjp`, `linearize` and Jacobians, with JAX as the oracle, and their errors."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
from libraries import RYFT, agree, both

import ryft_core
from ryft_core.errors import ArgumentTypeError, DifferentiationError, OperandError, StructureError
from ryft_core.types.array_types import FLOAT0

X = numpy.array([0.1, -0.4, 0.7], "float32")
W = (numpy.arange(6, dtype="float32").reshape(2, 3) - 2) / 3
PARAMETERS = {"w": W, "b": numpy.array([0.5, -0.5], "float32")}


def model(lib: Any) -> Any:
    return lambda p, x: (lib.tanh(lib.matmul(p["w"], x) + p["b"]) ** 2).sum()


def test_gradient_has_the_structure_of_the_argument() -> None:
    both(lambda lib: lib.grad(model(lib))(PARAMETERS, X))
    both(lambda lib: lib.grad(model(lib), (0, 1))(PARAMETERS, X))
    both(lambda lib: lib.grad(model(lib), -1)(PARAMETERS, X))
    both(lambda lib: lib.value_and_grad(model(lib), (1,))(PARAMETERS, X))


def test_auxiliary_data_is_passed_through() -> None:
    function = lambda lib: lambda x: ((x * x).sum(), {"twice": x * 2, "n": 3})  # noqa: E731
    both(lambda lib: lib.grad(function(lib), has_aux=True)(X))
    both(lambda lib: lib.value_and_grad(function(lib), has_aux=True)(X))
    both(lambda lib: lib.jvp(function(lib), (X,), (X,), has_aux=True))
    both(lambda lib: lib.jacrev(function(lib), has_aux=True)(X))
    both(lambda lib: lib.vjp(function(lib), X, has_aux=True)[2])
    both(lambda lib: lib.jit(lib.grad(lib.grad(lambda x: x**3), has_aux=False))(2.0))
    value, pullback, auxiliary = ryft_core.vjp(function(RYFT), X, has_aux=True)
    agree((value, pullback(1.0)[0], auxiliary["twice"]), ((X * X).sum(), 2 * X, 2 * X))


def test_higher_derivatives_agree_with_jax() -> None:
    function = lambda lib: lambda x: lib.sin(x) * lib.exp(x)  # noqa: E731
    both(lambda lib: lib.grad(lib.grad(lib.grad(function(lib))))(0.7), tolerance=1e-4)
    both(lambda lib: lib.jacfwd(lib.jacrev(lib.jacfwd(function(lib))))(X), tolerance=1e-4)
    both(lambda lib: lib.jvp(lib.grad(function(lib)), (0.7,), (1.0,)))


def test_jacobians_of_structures_agree_with_jax() -> None:
    function = lambda lib: lambda p, x: {"y": lib.matmul(p["w"], x), "s": p["b"] * x.sum()}  # noqa: E731
    for name in ("jacfwd", "jacrev"):
        both(lambda lib, name=name: getattr(lib, name)(function(lib))(PARAMETERS, X))
        both(lambda lib, name=name: getattr(lib, name)(function(lib), (0, 1))(PARAMETERS, X))
        both(lambda lib, name=name: lib.jit(getattr(lib, name)(function(lib), 1))(PARAMETERS, X))
    both(lambda lib: lib.hessian(model(lib))(PARAMETERS, X), tolerance=1e-4)
    both(lambda lib: lib.hessian(model(lib), (0, 1))(PARAMETERS, X), tolerance=1e-4)


def test_linearized_function_can_be_called_many_times() -> None:
    value, derivative = ryft_core.linearize(model(RYFT), PARAMETERS, X)
    agree(value, model(RYFT)(PARAMETERS, X))
    for scale in (1.0, 2.0):
        direction = ({"w": W * scale, "b": PARAMETERS["b"]}, X)
        agree(derivative(*direction), ryft_core.jvp(model(RYFT), (PARAMETERS, X), direction)[1])
    rows = ryft_core.vmap(lambda x: derivative({"w": W, "b": PARAMETERS["b"]}, x))(numpy.eye(3, dtype="float32"))
    both(lambda lib: lib.linearize(lambda x: lib.sin(x) * 2, X)[1](X))
    assert rows.shape == (3,)


def test_pullback_can_be_differentiated_and_batched() -> None:
    def function(lib: Any, x: Any) -> Any:
        _, pullback = lib.vjp(lambda x: lib.sin(x) * x, x)
        return (pullback(x * x)[0] ** 2).sum()

    both(lambda lib: lib.grad(lambda x: function(lib, x))(X))
    _, pullback = ryft_core.vjp(lambda x: RYFT.sin(x), X)
    agree(ryft_core.vmap(pullback)(numpy.eye(3, dtype="float32"))[0], numpy.diag(numpy.cos(X)))


def test_holomorphic_derivatives_agree_with_jax() -> None:
    z = numpy.array([0.3 + 0.4j, -0.2 + 0.1j], "complex64")
    function = lambda lib: lambda z: (lib.sin(z) * z).sum()  # noqa: E731
    both(lambda lib: lib.grad(function(lib), holomorphic=True)(z))
    both(lambda lib: lib.jacrev(lambda z: lib.sin(z) * z, holomorphic=True)(z))
    both(lambda lib: lib.jacfwd(lambda z: lib.sin(z) * z, holomorphic=True)(z))


def test_complex_arguments_of_real_functions_agree_with_jax() -> None:
    z = numpy.array([0.3 + 0.4j, -0.2 + 0.1j], "complex64")
    both(lambda lib: lib.grad(lambda z: abs(z * z).sum())(z))


def test_python_control_flow_sees_concrete_values() -> None:
    def function(x: Any) -> Any:
        total = x
        while total < 10:
            total = total * 2 if total > 1 else total * 3
        return total

    agree(ryft_core.grad(function)(0.5), 24.0)
    agree(ryft_core.jvp(function, (0.5,), (1.0,))[1], 24.0)


def test_integers_have_float0_tangents() -> None:
    result, change = ryft_core.jvp(lambda x, n: (x * n, n), (2.0, 3), (1.0, numpy.zeros((), FLOAT0)))
    agree(result, (6.0, 3))
    agree(change[0], 3.0)
    assert change[1].dtype == FLOAT0
    gradients = ryft_core.vjp(lambda x, n: x * n, 2.0, 3)[1](1.0)
    agree(gradients[0], 3.0)
    assert gradients[1].dtype == FLOAT0


def test_unused_arguments_have_zero_gradients() -> None:
    agree(ryft_core.grad(lambda x, y: (x * 2).sum(), (0, 1))(X, W), (X * 0 + 2, W * 0))
    agree(ryft_core.grad(lambda x: 3.0 + 0 * x.sum())(X), X * 0)
    agree(ryft_core.grad(lambda x: 3.0)(X), X * 0)


def test_perturbations_are_not_confused() -> None:
    # The classic: d/dx (x * d/dy (x + y)) = 1.
    agree(ryft_core.grad(lambda x: x * ryft_core.grad(lambda y: x + y)(1.0))(1.0), 1.0)
    inner = lambda x: ryft_core.jvp(lambda y: x * y, (2.0,), (1.0,))[1]  # noqa: E731
    agree(ryft_core.jvp(lambda x: x * inner(x), (3.0,), (1.0,))[1], 6.0)


def test_gradient_of_what_is_no_scalar_is_refused() -> None:
    with pytest.raises(DifferentiationError, match=r"`grad` needs a scalar result, but .* shape \(3,\)"):
        ryft_core.grad(lambda x: x)(X)
    with pytest.raises(DifferentiationError, match="`grad` needs a function that returns one scalar"):
        ryft_core.grad(lambda x: (x.sum(), x.sum()))(X)
    with pytest.raises(DifferentiationError, match="`grad` needs a floating-point result"):
        ryft_core.grad(lambda x: 1)(X)
    with pytest.raises(DifferentiationError, match="`grad` needs a floating-point result"):
        ryft_core.grad(lambda x: (x + 1j).sum())(X)


def test_gradient_with_respect_to_integers_is_refused() -> None:
    with pytest.raises(DifferentiationError, match=r"needs arguments of a floating-point type, but argument 1.* int32"):
        ryft_core.grad(lambda x, n: x * n, 1)(1.0, 2)
    with pytest.raises(DifferentiationError, match="`grad` with `holomorphic=True` needs complex arguments"):
        ryft_core.grad(lambda x: x, holomorphic=True)(1.0)
    with pytest.raises(DifferentiationError, match="with respect to argument 2: it was called with 1 positional"):
        ryft_core.grad(lambda x: x, 2)(1.0)


def test_jacobian_of_integers_is_refused_backwards() -> None:
    with pytest.raises(DifferentiationError, match=r"`jacrev` needs floating-point results, but `result\[1\]`"):
        ryft_core.jacrev(lambda x: (x, 3))(X)
    with pytest.raises(DifferentiationError, match="`jacrev` needs complex results"):
        ryft_core.jacrev(lambda z: abs(z), holomorphic=True)(X + 0j)


def test_tangents_and_cotangents_must_fit() -> None:
    with pytest.raises(StructureError, match="`jvp` expected tangents of the structure of the primals"):
        ryft_core.jvp(lambda x: x, (X,), (X, X))
    with pytest.raises(DifferentiationError, match=r"expected a tangent of type float32\[3\] for `args\[0\]`"):
        ryft_core.jvp(lambda x: x, (X,), (X[:2],))
    with pytest.raises(StructureError, match="expected cotangents of the structure of the results"):
        ryft_core.vjp(lambda x: x, X)[1]((X, X))
    with pytest.raises(DifferentiationError, match=r"expected a cotangent of type float32\[3\] for `result`"):
        ryft_core.vjp(lambda x: x, X)[1](1.0)
    with pytest.raises(StructureError, match="expected tangents of the structure of the primals"):
        ryft_core.linearize(lambda x: x, X)[1](X, X)
    with pytest.raises(DifferentiationError, match="float0"):
        ryft_core.jvp(lambda n: n, (3,), (1,))


def test_auxiliary_data_needs_a_pair() -> None:
    with pytest.raises(OperandError, match=r"with `has_aux=True` expected a result `\(output, auxiliary\)`"):
        ryft_core.grad(lambda x: x.sum(), has_aux=True)(X)


def test_results_that_are_no_arrays_are_refused() -> None:
    with pytest.raises(OperandError, match="returned a `str`, which is not an array"):
        ryft_core.grad(lambda x: "text")(X)  # type: ignore[arg-type]
    with pytest.raises(OperandError, match="is a `str`, which is not an array"):
        ryft_core.grad(lambda x, s: x)("text", 1)  # type: ignore[arg-type]


def test_the_derivative_twice_with_respect_to_one_argument_is_refused() -> None:
    for argnums in [(0, 0), (1, -1)]:
        with pytest.raises(DifferentiationError, match=r"`<lambda>` twice with respect to one argument, but got"):
            ryft_core.grad(lambda x, y: (x * y).sum(), argnums)(X, X)


def test_argument_numbers_are_integers_of_any_kind() -> None:
    agree(ryft_core.grad(lambda x, y: (x * y).sum(), numpy.int32(1))(X, 2 * X), X)  # type: ignore[arg-type]
    (gradient,) = ryft_core.grad(lambda x, y: (x * y).sum(), numpy.array([1]))(X, 2 * X)  # type: ignore[arg-type]
    agree(gradient, X)
    for transform in (ryft_core.grad, ryft_core.value_and_grad, ryft_core.jacfwd, ryft_core.jacrev, ryft_core.hessian):
        for wrong in ("x", None, 1.5, ["x"]):
            with pytest.raises(ArgumentTypeError, match="`argnums` expected an integer, but got"):
                transform(lambda x: x.sum(), wrong)  # type: ignore[call-overload]


@pytest.mark.parametrize("name", ["grad", "value_and_grad", "jacfwd", "jacrev"])
def test_what_is_no_function_is_refused_by_name(name: str) -> None:
    with pytest.raises(ArgumentTypeError, match=f"`{name}` expected a function, but got a `float`: 3.0") as caught:
        getattr(ryft_core, name)(3.0)
    assert f"hint: pass the function itself: `{name}(f)(x)`, not `{name}(f(x))`" in caught.value.__notes__


def test_forward_transformations_refuse_what_is_no_function() -> None:
    with pytest.raises(ArgumentTypeError, match="`jvp` expected a function, but got `None`"):
        ryft_core.jvp(None, (X,), (X,))  # type: ignore[call-overload]
    with pytest.raises(ArgumentTypeError, match="`vjp` expected a function"):
        ryft_core.vjp(X, X)  # type: ignore[call-overload]
    with pytest.raises(ArgumentTypeError, match="`linearize` expected a function"):
        ryft_core.linearize(3, X)  # type: ignore[call-overload]


def test_jvp_needs_sequences_of_primals_and_tangents() -> None:
    with pytest.raises(ArgumentTypeError, match="`jvp` expected a tuple or list of primals, but got a `ndarray`"):
        ryft_core.jvp(lambda x: x, X, X)  # type: ignore[arg-type]
    with pytest.raises(ArgumentTypeError, match="`jvp` expected a tuple or list of tangents"):
        ryft_core.jvp(lambda x: x, (X,), X)  # type: ignore[arg-type]


def test_a_pullback_takes_one_argument() -> None:
    _, pullback = ryft_core.vjp(lambda x: (x, x), X)
    with pytest.raises(StructureError, match=r"expected one argument, the cotangents .*, but got 2"):
        pullback(X, X)  # type: ignore[call-arg]


def test_forward_jacobian_of_a_function_that_is_not_holomorphic_needs_real_arguments() -> None:
    # It would be the derivative along the real axis only, where `abs` has none as a complex function.
    with pytest.raises(DifferentiationError, match=r"`jacfwd` needs real arguments, but argument 0 .* complex64\[3\]"):
        ryft_core.jacfwd(abs)(X + 0j)
    z = (X + 1j).astype("complex64")
    agree(ryft_core.hessian(lambda z: (z**3).sum(), holomorphic=True)(z), numpy.diag(6 * z))


def test_forward_jacobian_of_integer_results_is_float0() -> None:
    difference, place = ryft_core.jacfwd(lambda x: (2 * x, ryft_core.numpy.argmax(x)))(X)
    agree(difference, 2 * numpy.eye(3))
    assert place.dtype == ryft_core.float0
    assert place.shape == (3,)


def test_the_tangent_of_an_integer_is_float0() -> None:
    value, tangent = ryft_core.jvp(lambda n: n * 2.0, (3,), (numpy.zeros((), ryft_core.float0),))
    assert (float(value), float(tangent)) == (6.0, 0.0)


def test_auxiliary_data_may_come_in_a_list() -> None:
    agree(ryft_core.grad(lambda x: [(x * x).sum(), {"x": x}], has_aux=True)(X)[0], 2 * X)  # type: ignore[call-overload]


def test_an_error_names_the_transformation() -> None:
    with pytest.raises(DifferentiationError, match="`jacfwd` needs arguments of a floating-point type"):
        ryft_core.jacfwd(lambda x: x)(3)
    with pytest.raises(DifferentiationError, match="`value_and_grad` needs a scalar result"):
        ryft_core.value_and_grad(lambda x: x)(X)
    with pytest.raises(DifferentiationError, match="returned a tuple of 2"):
        ryft_core.grad(lambda x: (x.sum(), x))(X)  # type: ignore[type-var]


def test_an_array_that_is_not_one_of_numbers_says_why() -> None:
    with pytest.raises(OperandError, match=r"argument `args\[0\]` of `<lambda>`: .* element type `<U1`"):
        ryft_core.jit(lambda x: x)(numpy.array(["a"]))
