"""`custom_jvp`, `custom_vjp` and `custom_rules`, with JAX as the oracle, and their errors."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy
import pytest
from libraries import RYFT, agree, both

from ryft_core.errors import (
    ArgumentError,
    ArgumentTypeError,
    BatchingError,
    DifferentiationError,
    OperandError,
    StructureError,
)
from ryft_core.transforms.custom_rules import custom_jvp, custom_rules, custom_vjp

X = numpy.array([0.1, 0.2, 0.3], "float32")
Y = numpy.array([1.1, -1.2, 1.3], "float32")


def with_jvp(lib: Any) -> Any:
    @lib.custom_jvp
    def function(x: Any, y: Any) -> Any:
        return {"a": lib.sin(x) * y, "b": x}

    @function.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        (x, y), (dx, dy) = primals, tangents
        return function(x, y), {"a": 3 * lib.cos(x) * y * dx + lib.sin(x) * dy, "b": 2 * dx}

    return lambda x, y: sum(value.sum() for value in function(x, y).values())


def with_vjp(lib: Any) -> Any:
    @lib.custom_vjp
    def function(x: Any, y: Any) -> Any:
        return lib.sin(x) * y

    def forward(x: Any, y: Any) -> Any:
        return function(x, y), (lib.cos(x), x, y)

    def backward(residuals: Any, cotangent: Any) -> Any:
        cosine, x, y = residuals
        return cosine * y * cotangent * 7, lib.sin(x) * cotangent

    function.defvjp(forward, backward)
    return lambda x, y: function(x, y).sum()


STACKS: dict[str, Any] = {
    "grad": lambda lib, f: lib.grad(f, (0, 1)),
    "jit of grad": lambda lib, f: lib.jit(lib.grad(f, (0, 1))),
    "grad of jit": lambda lib, f: lib.grad(lib.jit(f), (0, 1)),
    "vmap of grad": lambda lib, f: lib.vmap(lib.grad(f, (0, 1))),
    "grad of vmap": lambda lib, f: lib.grad(lambda x, y: (lib.vmap(f)(x, y) ** 2).sum(), (0, 1)),
    "grad of vmap with a shared argument": lambda lib, f: lib.grad(
        lambda x, y: (lib.vmap(f, (0, None))(x, y.sum()) ** 2).sum(), (0, 1)
    ),
    "jit of grad of vmap": lambda lib, f: lib.jit(lib.grad(lambda x, y: (lib.vmap(f)(x, y) ** 2).sum(), (0, 1))),
    "grad of vmap of grad": lambda lib, f: lib.grad(lambda x, y: lib.vmap(lib.grad(f))(x, y).sum(), (0, 1)),
    "grad of grad": lambda lib, f: lib.grad(lambda x, y: (lib.grad(f)(x, y) ** 2).sum(), (0, 1)),
    "grad of scan": lambda lib, f: lib.grad(
        lambda x, y: lib.scan(lambda c, z: (c * f(z[0], z[1]), None), 1.0, (x, y))[0], (0, 1)
    ),
    "grad of checkpoint": lambda lib, f: lib.grad(lib.checkpoint(f), (0, 1)),
}


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("make", [with_jvp, with_vjp])
def test_rules_under_stacks_of_transformations_agree_with_jax(make: Any, stack: str) -> None:
    both(lambda lib: STACKS[stack](lib, make(lib))(X, Y))


def test_forward_derivative_is_derived_from_the_reverse_rule() -> None:
    function = with_vjp(RYFT)
    expected = (7 * numpy.cos(X) * Y).sum()
    ones, zeros = numpy.ones_like(X), numpy.zeros_like(X)
    agree(RYFT.jvp(function, (X, Y), (ones, zeros))[1], expected)
    agree(RYFT.jit(lambda x: RYFT.jvp(function, (x, Y), (ones, zeros))[1])(X), expected)
    agree(RYFT.jacfwd(function)(X, Y), 7 * numpy.cos(X) * Y)
    agree(RYFT.vmap(lambda x: RYFT.jvp(function, (x, 2.0), (1.0, 0.0))[1])(X), 14 * numpy.cos(X))
    # The derivative of the rule's own derivative, forwards.
    agree(RYFT.jacfwd(RYFT.jacfwd(function))(0.3, 2.0), -14 * numpy.sin(0.3))


def test_derivatives_by_argument_agree_with_jax() -> None:
    def make(lib: Any) -> Any:
        function = lib.custom_jvp(lambda x, y: lib.sin(x) * y)
        function.defjvps(lambda dx, result, x, y: 5 * lib.cos(x) * y * dx, None)
        return lambda x, y: function(x, y).sum()

    both(lambda lib: lib.grad(make(lib), (0, 1))(X, Y))
    with pytest.raises(TypeError, match="`defjvps` cannot be used with `nondiff_argnums`"):
        custom_jvp(lambda n, x: x, nondiff_argnums=0).defjvps(None)


def test_arguments_that_are_not_differentiated_reach_the_rules() -> None:
    def jvp_function(lib: Any) -> Any:
        def function(f: Any, x: Any, n: int) -> Any:
            return f(x) * n

        function = lib.custom_jvp(function, nondiff_argnums=(0, 2))
        function.defjvp(lambda f, n, primals, tangents: (f(primals[0]) * n, tangents[0] * n * 10))
        return lambda x: function(lib.sin, x, 3).sum()

    def vjp_function(lib: Any) -> Any:
        def function(f: Any, x: Any) -> Any:
            return f(x)

        function = lib.custom_vjp(function, nondiff_argnums=(0,))
        function.defvjp(lambda f, x: (f(x), x), lambda f, x, ct: (f(x) * ct * 100,))
        return lambda x: function(lib.sin, x).sum()

    for make in (jvp_function, vjp_function):
        both(lambda lib, make=make: lib.grad(make(lib))(X))
        both(lambda lib, make=make: lib.jit(lib.vmap(lib.grad(make(lib))))(X))


def test_keyword_and_default_arguments_are_passed_by_position() -> None:
    @custom_jvp
    def function(x: Any, scale: Any = 2.0) -> Any:
        return x * scale

    function.defjvp(lambda primals, tangents: (primals[0] * primals[1], tangents[0] * 10))
    agree(RYFT.grad(lambda x: function(x))(1.0), 10.0)
    agree(function(scale=3.0, x=2.0), 6.0)
    with pytest.raises(OperandError, match="cannot take the keyword argument"):
        custom_jvp(lambda x, *, named: x)(1.0, named=2.0)  # type: ignore[call-arg]


def test_python_control_flow_works_where_values_are_concrete() -> None:
    @custom_vjp
    def function(x: Any) -> Any:
        return x * 2 if x > 0 else x

    function.defvjp(lambda x: (function(x), x), lambda x, ct: (ct * (5 if x > 0 else 7),))
    agree(RYFT.grad(function)(1.0), 5.0)
    agree(RYFT.grad(function)(-1.0), 7.0)


def test_integers_have_no_derivative() -> None:
    def make(lib: Any) -> Any:
        @lib.custom_vjp
        def function(x: Any, n: Any) -> Any:
            return x * n, n + 1

        function.defvjp(lambda x, n: (function(x, n), n), lambda n, cotangents: (cotangents[0] * n * 2, None))
        return lambda x: function(x, 3)[0]

    both(lambda lib: lib.grad(make(lib))(2.0))
    both(lambda lib: lib.jit(lib.grad(make(lib)))(2.0))


def test_zero_cotangents_may_be_none() -> None:
    function = custom_vjp(lambda x, y: x * y["k"])
    function.defvjp(lambda x, y: (function(x, y), y), lambda y, ct: (ct * y["k"], None))
    agree(RYFT.grad(function, (0, 1))(2.0, {"k": 3.0}), (3.0, {"k": 0.0}))
    agree(RYFT.vmap(RYFT.grad(function, (0, 1)), (0, None))(X, {"k": 3.0}), (X * 0 + 3, {"k": X * 0}))


def test_function_without_rules_has_its_own_derivatives() -> None:
    function = custom_rules(lambda x: (RYFT.sin(x) * x).sum())
    expected = numpy.cos(X) * X + numpy.sin(X)
    agree(RYFT.grad(function)(X), expected)
    agree(RYFT.jit(RYFT.grad(function))(X), expected)
    agree(RYFT.jit(RYFT.vmap(RYFT.grad(function)))(numpy.stack([X, X])), numpy.stack([expected] * 2))


def test_batch_rule_is_used() -> None:
    @custom_rules
    def function(x: Any, y: Any) -> Any:
        return x * y.sum()

    sizes = []

    @function.defvmap
    def rule(size: int, mapped: Any, x: Any, y: Any) -> Any:
        sizes.append((size, mapped))
        return x * y.sum() + 100, True

    agree(RYFT.vmap(function, (0, None))(X, Y), X * Y.sum() + 100)
    agree(RYFT.jit(RYFT.vmap(function, (0, None)))(X, Y), X * Y.sum() + 100)
    assert sizes[0] == (3, [True, False])
    agree(RYFT.grad(lambda x: RYFT.vmap(function, (0, None))(x, Y).sum())(X), X * 0 + Y.sum())
    function.defvmap(lambda size, mapped, x, y: x)
    with pytest.raises(OperandError, match="for `vmap` expected to return a pair"):
        RYFT.vmap(function, (0, None))(X, Y)


def test_lowering_is_used_and_derivatives_still_work() -> None:
    def lowering(builder: Any, x: Any) -> Any:
        return builder.emit("cosine", x)

    function = custom_rules(lambda x: RYFT.sin(x), lowering=lowering)
    agree(function(X), numpy.cos(X))
    agree(RYFT.jit(function)(X), numpy.cos(X))
    agree(RYFT.grad(lambda x: function(x).sum())(X), numpy.cos(X))
    elsewhere = custom_rules(lambda x: RYFT.sin(x), lowering={"tpu": lowering})
    agree(elsewhere(X), numpy.sin(X))
    here = custom_rules(lambda x: RYFT.sin(x), lowering={"cpu": lowering, None: None})
    agree(RYFT.jit(here)(X), numpy.cos(X))


def test_python_fallback_is_called_back() -> None:
    @custom_rules(fallback=lambda x: numpy.sort(x)[::-1])
    def descending(x: Any) -> Any:
        return x

    descending.defvjp(lambda x: (descending(x), x), lambda x, ct: (ct[:1] + x * 0,))
    expected = numpy.sort(Y)[::-1]
    agree(descending(Y), expected)
    agree(RYFT.jit(descending)(Y), expected)
    agree(RYFT.vmap(descending)(numpy.stack([Y, X])), numpy.stack([expected, X[::-1]]))
    agree(RYFT.grad(lambda x: (descending(x) * numpy.array([5, 6, 7], "float32")).sum())(Y), X * 0 + 5)


def test_decorator_takes_all_rules_at_once() -> None:
    @custom_rules(jvp=lambda primals, tangents: (primals[0] * 2, tangents[0] * 9), nondiff_argnums=())
    def function(x: Any) -> Any:
        return x * 2

    agree(RYFT.grad(function)(1.0), 9.0)
    other = custom_rules(lambda x: x, vjp=(lambda x: (x, None), lambda _, ct: (ct * 4,)))
    agree(RYFT.grad(other)(1.0), 4.0)
    assert function.__name__ == "function"


def test_captured_value_that_is_transformed_is_refused() -> None:
    def loss(w: Any) -> Any:
        function = custom_jvp(lambda x: x * w)
        function.defjvp(lambda primals, tangents: (primals[0], tangents[0]))
        return function(w)

    def captured_only(w: Any) -> Any:
        function = custom_jvp(lambda x: x * w)
        function.defjvp(lambda primals, tangents: (primals[0], tangents[0]))
        return function(2.0)

    with pytest.raises(DifferentiationError, match="captured a value that a transformation around it works on") as info:
        RYFT.jit(RYFT.grad(captured_only))(1.0)
    assert "pass the value to the function as an argument" in info.value.__notes__[0]
    with pytest.raises(DifferentiationError, match="captured a value that a transformation around it works on"):
        RYFT.jit(RYFT.grad(loss))(1.0)
    with pytest.raises(DifferentiationError, match="captured a value that a transformation around it works on"):
        RYFT.grad(captured_only)(1.0)


def make_jvp(rule: Any) -> Any:
    function = custom_jvp(lambda x: {"a": x * 2})
    function.defjvp(rule)
    return lambda x: function(x)["a"].sum()


def test_wrong_results_of_a_jvp_rule_are_refused() -> None:
    with pytest.raises(DifferentiationError, match="expected to return a pair, but it returned a list of 3"):
        RYFT.grad(make_jvp(lambda p, t: [1, 2, 3]))(X)
    with pytest.raises(StructureError, match="expected tangents of the results' structure"):
        RYFT.grad(make_jvp(lambda p, t: ({"a": p[0]}, [t[0]])))(X)
    with pytest.raises(DifferentiationError, match=r"expected `tangent\[\"a\"\]` of type float32\[3\], .* float32\[\]"):
        RYFT.grad(make_jvp(lambda p, t: ({"a": p[0]}, {"a": t[0].sum()})))(X)


def make_vjp(forward: Any, backward: Any) -> Any:
    function = custom_vjp(lambda x, y: x * y)
    function.defvjp(forward, backward)
    return lambda x: function(x, x).sum()


def test_wrong_results_of_vjp_rules_are_refused() -> None:
    good = lambda x, y: (x * y, None)  # noqa: E731
    with pytest.raises(DifferentiationError, match=r"the forward rule .* expected to return a pair"):
        RYFT.grad(make_vjp(lambda x, y: x * y, lambda r, ct: (ct, ct)))(X)
    with pytest.raises(StructureError, match=r"the backward rule .* returned another structure") as info:
        RYFT.grad(make_vjp(good, lambda r, ct: (ct,)))(X)
    assert "one cotangent for each of the 2 argument(s)" in info.value.__notes__[0]
    with pytest.raises(DifferentiationError, match=r"expected `cotangents\[1\]` of type float32\[3\]"):
        RYFT.grad(make_vjp(good, lambda r, ct: (ct, ct.sum())))(X)


def test_arguments_that_are_not_differentiated_may_be_named() -> None:
    def powers(lib: Any, make: Any) -> Any:
        function = make(lambda x, n, f: f(x) ** n, nondiff_argnames=("f", "n"))
        if make is lib.custom_jvp:
            function.defjvp(lambda n, f, primals, tangents: (function(primals[0], n, f), n * tangents[0]))
        else:
            function.defvjp(lambda x, n, f: (function(x, n, f), x), lambda n, f, x, cotangent: (cotangent * n * f(x),))
        return lib.grad(lambda x: function(x, f=lib.sin, n=3))(numpy.float32(2))

    both(lambda lib: powers(lib, lib.custom_jvp))
    both(lambda lib: powers(lib, lib.custom_vjp))
    with pytest.raises(
        ArgumentError, match=r"`nondiff_argnames` of `<lambda>` expected names .*, but got .z."
    ) as caught:
        custom_rules(lambda x, y: x, nondiff_argnames="z")
    assert caught.value.__notes__ == ["hint: its parameters are x, y"]


def test_a_backward_rule_returns_a_tuple() -> None:
    # One cotangent for all arguments would be easy to return by mistake.
    function = custom_vjp(lambda x, y: x * y)
    function.defvjp(lambda x, y: (x * y, None), lambda _, cotangent: cotangent)
    with pytest.raises(StructureError, match="`<lambda>` expected to return a tuple of cotangents, but it returned an"):
        RYFT.grad(lambda x, y: function(x, y).sum())(X, Y)


@pytest.mark.parametrize("transform", [RYFT.grad, lambda f: RYFT.jit(RYFT.grad(f))])
def test_a_derivative_rule_that_is_not_linear_is_refused(transform: Any) -> None:
    function = custom_jvp(lambda x: x * x)
    function.defjvp(lambda primals, tangents: (primals[0] * primals[0], tangents[0] * tangents[0]))
    with pytest.raises(DifferentiationError, match="expected a linear function, but it multiplies values") as caught:
        transform(lambda x: function(x).sum())(X)
    assert any("must be linear in the tangents" in note for note in caught.value.__notes__)
    assert any("applied `multiply`" in note for note in caught.value.__notes__)


def test_rules_and_what_they_are_for_are_functions() -> None:
    for make, name in ((custom_jvp, "custom_jvp"), (custom_vjp, "custom_vjp"), (custom_rules, "custom_rules")):
        with pytest.raises(ArgumentTypeError, match=f"`{name}` expected a function, but got a `int`: 3"):
            make(3)  # type: ignore[operator]
    function: Any = custom_rules(lambda x: x)
    for name in ("defjvp", "defvmap", "deflowering", "deffallback"):
        with pytest.raises(ArgumentTypeError, match=f"`{name}` expected a function for the rule, but got a `int`: 3"):
            getattr(function, name)(3)
    with pytest.raises(ArgumentTypeError, match="`defvjp` expected a function for the rule, but got `None`"):
        function.defvjp(lambda x: (x, x), None)


def test_a_function_with_rules_can_be_a_method() -> None:
    class Scale:
        factor = 3.0

        @partial(custom_jvp, nondiff_argnums=0)
        def apply(self, x: Any) -> Any:
            return x * self.factor

        @apply.defjvp
        def rule(self, primals: Any, tangents: Any) -> Any:
            return self.apply(primals[0]), tangents[0] * self.factor * 10

    assert float(Scale().apply(2.0)) == 6.0
    assert float(RYFT.grad(Scale().apply)(2.0)) == 30.0
    assert RYFT.jit(RYFT.vmap(RYFT.grad(Scale().apply)))(X).tolist() == [30.0] * 3


def test_what_a_batch_rule_and_a_pair_of_rules_must_be() -> None:
    function = custom_rules(lambda x: x, vmap=lambda size, mapped, x: ({"y": x[:1]}, True))
    message = r"`vmap` expected `result\[\"y\"\]` to have the mapped axis of size 3 first, but it returned shape \(1,\)"
    with pytest.raises(BatchingError, match=message):
        RYFT.vmap(function)(X)
    for wrong in (3, (lambda x: x,)):
        with pytest.raises(ArgumentTypeError, match="`vjp` expected a pair of functions, but got"):
            custom_rules(lambda x: x, vjp=wrong)
