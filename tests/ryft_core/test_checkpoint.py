"""`checkpoint` and its policies: the same derivatives, and what is computed again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy
import pytest
from libraries import JAX, RYFT, agree, both

import ryft_core
from ryft_core.errors import ArgumentTypeError
from ryft_core.primitives.checkpointing import Checkpoint
from ryft_core.programs import Program
from ryft_core.tracing.tracers import trace_program
from ryft_core.transforms import checkpoint_policies as policies
from ryft_core.transforms.checkpoint import checkpoint
from ryft_core.types.array_types import ArrayType

W = (numpy.arange(9, dtype="float32").reshape(3, 3) - 4) / 5
X = numpy.array([0.1, 0.2, 0.3], "float32")
X_TYPE = ArrayType((3,), numpy.dtype("float32"))
POLICIES: dict[str, Callable[[Any], Any]] = {
    "default": lambda _: None,
    "everything": lambda p: p.everything_saveable,
    "nothing": lambda p: p.nothing_saveable,
    "dots": lambda p: p.dots_saveable,
    "dots without batch": lambda p: p.dots_with_no_batch_dims_saveable,
    "only names": lambda p: p.save_only_these_names("hidden"),
    "any names but": lambda p: p.save_any_names_but_these("other"),
    "except names": lambda p: p.save_anything_except_these_names("hidden"),
    "both": lambda p: p.save_from_both_policies(p.dots_saveable, p.save_only_these_names("hidden")),
}


def layer(lib: Any, policy: Any = None) -> Any:
    def function(w: Any, x: Any) -> Any:
        hidden = lib.checkpoint_name(lib.sin(lib.matmul(w, x)), "hidden")
        return lib.sin(hidden * hidden).sum()

    return lib.checkpoint(function, policy=policy)


@pytest.mark.parametrize("name", POLICIES)
def test_derivatives_are_those_without_a_checkpoint(name: str) -> None:
    choose = POLICIES[name]
    expected = JAX.grad(layer(JAX, choose(JAX.policies)), (0, 1))(W, X)
    ours = layer(RYFT, choose(policies))
    agree(RYFT.grad(ours, (0, 1))(W, X), expected)
    agree(RYFT.jit(RYFT.grad(ours, (0, 1)))(W, X), expected)


def count(program: Program, name: str) -> int:
    """Returns how often a primitive is applied in a program and the programs inside it."""
    own = sum(equation.primitive.name == name for equation in program.equations)
    return own + sum(count(inner, name) for e in program.equations for inner in e.primitive.programs())


# Sines and, besides the transposed one, products in the gradient. The forward pass has two sines, of which the
# derivative needs the inner one, and one product.
RECOMPUTED = {
    "default": (3, 2),
    "everything": (2, 1),
    "nothing": (3, 2),
    "dots": (3, 1),
    "dots without batch": (3, 1),
    "only names": (2, 2),
    "any names but": (2, 2),
    "both": (2, 1),
}


@pytest.mark.parametrize("name", RECOMPUTED)
def test_policy_decides_what_is_computed_again(name: str) -> None:
    function = layer(RYFT, POLICIES[name](policies))
    program, _ = trace_program(lambda x: [RYFT.grad(function, 1)(W, x)], [X_TYPE])
    assert (count(program, "sine"), count(program, "dot_general") - 1) == RECOMPUTED[name]


def test_checkpoint_under_every_transformation_agrees_with_jax() -> None:
    xs = numpy.stack([X, X + 1])
    both(lambda lib: lib.jvp(layer(lib), (W, X), (W, X)))
    both(lambda lib: lib.vmap(lib.grad(layer(lib), (0, 1)), (None, 0))(W, xs))
    both(lambda lib: lib.grad(lambda w: lib.vmap(layer(lib), (None, 0))(w, xs).sum())(W))
    both(lambda lib: lib.jit(lib.hessian(layer(lib), 1))(W, X), tolerance=1e-4)
    both(lambda lib: lib.grad(lambda x: lib.grad(layer(lib), 1)(W, x).sum())(X), tolerance=1e-4)


def test_checkpoint_inside_scan_and_scan_inside_checkpoint() -> None:
    def inside(lib: Any, w: Any) -> Any:
        body = lib.checkpoint(lambda c, x: (lib.sin(lib.matmul(w, c)) + x, c.sum()), prevent_cse=False)
        carry, ys = lib.scan(body, X, numpy.stack([X, X, X]))
        return carry.sum() + ys.sum()

    def outside(lib: Any, w: Any) -> Any:
        run = lambda w: lib.scan(lambda c, x: (lib.sin(lib.matmul(w, c)) + x, None), X, numpy.stack([X, X]))[0].sum()  # noqa: E731
        return lib.checkpoint(run)(w)

    both(lambda lib: lib.jit(lib.grad(lambda w: inside(lib, w)))(W))
    both(lambda lib: lib.jit(lib.grad(lambda w: outside(lib, w)))(W))
    both(lambda lib: lib.grad(lib.checkpoint(lambda w: inside(lib, w)))(W))


def test_checkpoint_of_checkpoints() -> None:
    def function(lib: Any) -> Any:
        inner = lib.checkpoint(lambda x: lib.sin(lib.sin(x)))
        return lib.checkpoint(lambda x: inner(inner(x)).sum())

    both(lambda lib: lib.grad(function(lib))(X))
    both(lambda lib: lib.jit(lib.grad(lambda x: lib.grad(function(lib))(x).sum()))(X))


def chain(x: Any) -> Any:
    for _ in range(4):
        x = RYFT.sin(RYFT.matmul(x, W))
    return x


def temporary_bytes(block: Any) -> int:
    def loss(x: Any) -> Any:
        for _ in range(5):
            x = block(x)
        return x.sum()

    compiled = ryft_core.jit(RYFT.grad(loss)).lower(numpy.ones((2000, 3), "float32")).compile()
    return compiled.memory_analysis().device_temporary_size_in_bytes


def test_compiler_does_not_undo_the_second_computation() -> None:
    plain = temporary_bytes(chain)
    assert temporary_bytes(checkpoint(chain)) < plain / 2
    # Without the protection the compiler merges both computations again.
    assert temporary_bytes(checkpoint(chain, prevent_cse=False)) > plain / 2


def test_second_computation_is_behind_a_barrier() -> None:
    for prevent in (True, False):
        function = RYFT.grad(lambda x, p=prevent: checkpoint(chain, prevent_cse=p)(x).sum())
        program, _ = trace_program(lambda x, f=function: [f(x)], [ArrayType((2, 3), X_TYPE.dtype)])
        second = [e.primitive for e in program.equations if isinstance(e.primitive, Checkpoint)]
        assert [primitive.differentiated for primitive in second] == [False, True]
        text = ryft_core.jit(function).lower(numpy.ones((2, 3), "float32")).as_text()
        assert ("optimization_barrier" in text) is prevent


def test_second_computation_of_integers_and_empty_arrays() -> None:
    def function(x: Any, n: Any) -> Any:
        return checkpoint(lambda x, n: RYFT.sin(RYFT.sin(x * n)) * n)(x, n).sum()

    agree(RYFT.jit(RYFT.grad(function))(X[:0], 3), X[:0])
    both(lambda lib: lib.jit(lib.grad(lambda x: lib.checkpoint(lambda x: lib.sin(lib.sin(x)))(x).sum()))(X))


def test_static_arguments_are_passed_as_they_are() -> None:
    function = checkpoint(lambda x, n, scale: (x**n * scale).sum(), static_argnums=(1,))
    agree(RYFT.grad(function)(X, 3, 2.0), 6 * X**2)
    agree(function(X, 3, 2.0), (2 * X**3).sum())


def test_checkpoint_without_transformations_just_calls() -> None:
    seen: list[Any] = []
    checkpoint(lambda x: seen.append(float(x)))(2.0)
    assert seen == [2.0]


def test_equal_policies_compare_equal() -> None:
    assert policies.save_only_these_names("a", "b") == policies.save_only_these_names("b", "a")
    assert policies.save_only_these_names("a") != policies.save_any_names_but_these("a")
    assert hash(policies.save_only_these_names("a")) == hash(policies.save_only_these_names("a"))


def test_text_names_the_policy() -> None:
    program, _ = trace_program(lambda x: [RYFT.jvp(layer(RYFT, policies.dots_saveable), (W, x), (W, x))[0]], [X_TYPE])
    assert "checkpoint[policy=dots_saveable, prevent_cse=True, differentiated=False]" in str(program)


def test_excluded_names_are_computed_again() -> None:
    def function(policy: Any) -> Any:
        def block(x: Any) -> Any:
            return (ryft_core.jit(lambda y: RYFT.checkpoint_name(RYFT.exp(y), "big"))(x) * RYFT.sin(x)).sum()

        return RYFT.grad(checkpoint(block, policy=policy))

    kept, _ = trace_program(lambda x: [function(policies.everything_saveable)(x)], [X_TYPE])
    excluded, _ = trace_program(lambda x: [function(policies.save_anything_except_these_names("big"))(x)], [X_TYPE])
    assert count(kept, "exponential") == 1
    assert count(excluded, "exponential") == 2


def test_stop_gradient_and_barrier_agree_with_jax() -> None:
    def function(lib: Any, x: Any) -> Any:
        y, z = lib.optimization_barrier((x * 2, lib.sin(x)))
        tree = lib.stop_gradient({"a": y, "n": 3})
        return (tree["a"] * z).sum() * tree["n"]

    both(lambda lib: lib.grad(lambda x: function(lib, x))(X))
    both(lambda lib: lib.jit(lib.vmap(lib.grad(lambda x: function(lib, x))))(W))
    both(lambda lib: lib.jvp(lambda x: lib.optimization_barrier((x, x * x))[1], (X,), (X,)))


def test_options_of_checkpoint_are_checked() -> None:
    with pytest.raises(ArgumentTypeError, match="`checkpoint` expected a function, but got a `int`: 3"):
        ryft_core.checkpoint(3)  # type: ignore[arg-type]
    with pytest.raises(ArgumentTypeError, match="`checkpoint` expected a policy, but got a `str`: 'dots'") as caught:
        ryft_core.checkpoint(lambda x: x, policy="dots")  # type: ignore[arg-type]
    assert "hint: choose one of `ryft.checkpoint_policies`, for example `dots_saveable`" in caught.value.__notes__
    with pytest.raises(ArgumentTypeError, match="`static_argnums` expected an integer, but got a `str`: 'x'"):
        ryft_core.checkpoint(lambda x: x, static_argnums="x")  # type: ignore[arg-type]
