"""Random programs under random stacks of transformations, with JAX as the oracle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from libraries import JAX, RYFT, agree

X = numpy.array([0.3, -0.6, 0.9], "float32")
Y = numpy.array([0.7, 0.2, -0.4], "float32")

# A program is a list of steps, each of which makes a new vector of earlier ones; all functions are smooth and bounded.
ELEMENTARY: dict[str, Callable[[Any, Any, Any], Any]] = {
    "sin": lambda lib, a, b: lib.sin(a),
    "tanh": lambda lib, a, b: lib.tanh(a + b),
    "multiply": lambda lib, a, b: a * b * 0.5,
    "subtract": lambda lib, a, b: a - 0.5 * b,
    "reverse": lambda lib, a, b: a[::-1] * lib.cos(b),
    "mean": lambda lib, a, b: a * b.sum() / 3,
    "select": lambda lib, a, b: lib.where(a > b, lib.sin(a), b),
    "stop": lambda lib, a, b: a + lib.stop_gradient(b),
}


def conditional(lib: Any, body: Any, a: Any, b: Any) -> Any:
    return lib.cond(a.sum() > b.sum(), lambda a: body(a, b), lambda a: lib.sin(b) + a * 0.1, a)


def scan(lib: Any, body: Any, a: Any, b: Any) -> Any:
    carry, rows = lib.scan(lambda c, x: (body(c, b) * 0.5 + x, lib.sin(c)), a, b)
    return carry + rows.sum(0)


def fori(lib: Any, body: Any, a: Any, b: Any) -> Any:
    return lib.fori_loop(0, 2, lambda i, c: body(c, b) * 0.5 + i, a)


def checkpointed(lib: Any, body: Any, a: Any, b: Any) -> Any:
    return lib.checkpoint(body)(a, b)


def jitted(lib: Any, body: Any, a: Any, b: Any) -> Any:
    return lib.jit(body)(a, b)


def mapped(lib: Any, body: Any, a: Any, b: Any) -> Any:
    return lib.vmap(lambda x: body(a * x, b).sum())(b)


def gradient(lib: Any, body: Any, a: Any, b: Any) -> Any:
    return lib.grad(lambda a: lib.sin(body(a, b)).sum())(a)


def forward(lib: Any, body: Any, a: Any, b: Any) -> Any:
    return lib.jvp(lambda a: body(a, b), (a,), (b,))[1]


def ruled(lib: Any, body: Any, a: Any, b: Any) -> Any:
    function = lib.custom_jvp(lambda a, b: body(a, b))
    function.defjvp(
        lambda primals, tangents: (function(*primals), tangents[0] * 0.5 + lib.cos(primals[1]) * tangents[1])
    )
    return function(a, b)


def reversed_rule(lib: Any, body: Any, a: Any, b: Any) -> Any:
    function = lib.custom_vjp(lambda a, b: body(a, b))
    function.defvjp(lambda a, b: (function(a, b), (a, b)), lambda kept, ct: (ct * lib.sin(kept[1]), ct * kept[0]))
    return function(a, b)


def switched(lib: Any, body: Any, a: Any, b: Any) -> Any:
    index = lib.where(a.sum() > 0, 2, 0) - lib.where(b.sum() > 0, 1, 0)
    return lib.switch(index, [lambda a: body(a, b), lambda a: lib.sin(a) * b, lambda a: body(b, a)], a)


def bounded(lib: Any, body: Any, a: Any, b: Any) -> Any:
    """A loop of at most three steps, which JAX, without bounds, has to do all of."""
    goes_on = lambda c: c.sum() < 1.5  # noqa: E731
    step = lambda c: body(c, b) * 0.5 + c  # noqa: E731
    if lib is RYFT:
        return lib.while_loop(goes_on, step, a, bound=3)
    return lib.fori_loop(0, 3, lambda _, c: lib.where(goes_on(c), step(c), c), a)


def associative(lib: Any, body: Any, a: Any, b: Any) -> Any:
    gates = body(a, b)
    return lib.associative_scan(lambda x, y: (x[0] * y[0], x[1] * y[0] + y[1]), (gates, b))[1]


def solved(lib: Any, body: Any, a: Any, b: Any) -> Any:
    """The solution of a diagonal equation."""
    diagonal = 2 + body(a, b)
    solve = lambda matvec, right: right / matvec(lib.ones)  # noqa: E731
    return lib.custom_linear_solve(lambda x: x * diagonal, b, solve, solve)


def collective(lib: Any, body: Any, a: Any, b: Any) -> Any:
    return lib.vmap(lambda x, y: body(a * lib.psum(x, "i"), b).sum() * y, axis_name="i")(b, a)


NESTING: dict[str, Callable[[Any, Any, Any, Any], Any]] = {
    f.__name__: f
    for f in (
        *(conditional, switched, scan, fori, bounded, associative, solved, checkpointed, jitted, mapped, collective),
        *(gradient, forward, ruled, reversed_rule),
    )
}


@dataclass(frozen=True)
class Step:
    """Step of a random program: the operation, the vectors that it takes, and the steps inside of it."""

    name: str
    first: int
    second: int
    inner: tuple[Step, ...] = ()


def evaluate(lib: Any, steps: tuple[Step, ...], a: Any, b: Any) -> Any:
    values = [a, b]
    for step in steps:
        left, right = values[step.first % len(values)], values[step.second % len(values)]
        if step.name in ELEMENTARY:
            result = ELEMENTARY[step.name](lib, left, right)
        else:
            body = lambda a, b, inner=step.inner: evaluate(lib, inner, a, b)  # noqa: E731
            result = NESTING[step.name](lib, body, left, right)
        values.append(lib.tanh(result))
    return values[-1]


def steps_of(names: st.SearchStrategy[str], inner: Any = None) -> st.SearchStrategy[Step]:
    places = st.integers(0, 4)
    return st.builds(Step, names, places, places, st.just(()) if inner is None else inner)


FLAT = steps_of(st.sampled_from(sorted(ELEMENTARY)))
NESTED = steps_of(st.sampled_from(sorted(NESTING)), st.lists(FLAT, min_size=1, max_size=2).map(tuple))
DEEP = steps_of(st.sampled_from(sorted(NESTING)), st.lists(FLAT | NESTED, min_size=1, max_size=2).map(tuple))
PROGRAMS = st.lists(FLAT | DEEP, min_size=1, max_size=3).map(tuple)

STACK: dict[str, Callable[[Any, Any], Any]] = {
    "jit": lambda lib, f: lib.jit(f),
    "grad": lambda lib, f: lambda a, b: lib.grad(lambda a, b: f(a, b).sum())(a, b),
    "grad of both": lambda lib, f: lambda a, b: sum(lib.grad(lambda a, b: (f(a, b) ** 2).sum(), (0, 1))(a, b)),
    "jvp": lambda lib, f: lambda a, b: lib.jvp(f, (a, b), (b, a))[1],
    "linearize": lambda lib, f: lambda a, b: lib.linearize(f, a, b)[1](b, a),
    "vmap": lambda lib, f: lambda a, b: lib.vmap(lambda x: f(a * x, b))(b).sum(0),
    "vmap of both": lambda lib, f: lambda a, b: lib.vmap(f)(a[:, None] * b, a + b[:, None]).sum(1),
    "checkpoint": lambda lib, f: lib.checkpoint(f),
    "scan": lambda lib, f: lambda a, b: lib.scan(lambda c, x: (f(c, b) * x, None), a, b)[0],
}
STACKS = st.lists(st.sampled_from(sorted(STACK)), min_size=1, max_size=3)


def transformed(lib: Any, steps: tuple[Step, ...], stack: list[str]) -> Any:
    function: Any = lambda a, b: evaluate(lib, steps, a, b)  # noqa: E731
    for name in stack:
        function = STACK[name](lib, function)
    return function


def expected(steps: tuple[Step, ...], stack: list[str]) -> Any:
    return JAX.jit(transformed(JAX, steps, stack))(X, Y)


def forward_through_reverse_rule(steps: tuple[Step, ...], stack: list[str]) -> bool:
    """Returns whether JAX has no derivative because of a `custom_vjp`, of which it has no forward derivative."""
    text = repr(steps)
    return "reversed_rule" in text and ("forward" in text or "jvp" in stack or "linearize" in stack)


def check(steps: tuple[Step, ...], stack: list[str], *, compiled: bool) -> None:
    if forward_through_reverse_rule(steps, stack):
        return
    reference = expected(steps, stack)
    function = transformed(RYFT, steps, stack)
    agree((RYFT.jit(function) if compiled else function)(X, Y), reference, 2e-3)


@pytest.mark.slow
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(PROGRAMS, STACKS)
def test_compiled_random_programs_under_random_stacks_agree_with_jax(steps: Any, stack: Any) -> None:
    check(steps, stack, compiled=True)


@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(PROGRAMS, STACKS)
def test_random_programs_under_random_stacks_agree_with_jax(steps: Any, stack: Any) -> None:
    check(steps, stack, compiled=False)


@pytest.mark.parametrize("name", NESTING)
def test_every_nesting_agrees_with_jax_under_second_derivatives(name: str) -> None:
    steps = (Step(name, 0, 1, (Step("tanh", 0, 1), Step("multiply", 2, 0))),)
    stack = ["grad", "vmap", "grad of both"]
    check(steps, stack, compiled=True)
