"""Collectives under `vmap`, with JAX and NumPy as oracles, and their errors."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
from libraries import RYFT, agree, both

from ryft_core.errors import BatchingError, ShapeError
from ryft_core.primitives import collectives

X = numpy.array([1.0, 2.0, 3.0], "float32")
BLOCKS = numpy.arange(36, dtype="float32").reshape(3, 3, 4) / 7

COLLECTIVES: dict[str, Any] = {
    "psum": lambda lib, x: lib.psum(x * x, "i"),
    "pmean": lambda lib, x: lib.pmean(x * x, "i"),
    "pmax": lambda lib, x: lib.pmax(lib.sin(x), "i"),
    "pmin": lambda lib, x: lib.pmin(lib.sin(x), "i"),
    "all_gather": lambda lib, x: lib.all_gather(x * x, "i"),
    "all_gather along 1": lambda lib, x: lib.all_gather(x * x, "i", axis=1),
    "all_gather tiled": lambda lib, x: lib.all_gather(x * x, "i", axis=1, tiled=True),
    "psum_scatter": lambda lib, x: lib.psum_scatter(x * x, "i"),
    "psum_scatter tiled": lambda lib, x: lib.psum_scatter(x * x, "i", tiled=True),
    "all_to_all": lambda lib, x: lib.all_to_all(x * x, "i", 0, 1),
    "all_to_all in place": lambda lib, x: lib.all_to_all(x * x, "i", 0, 0),
    "all_to_all tiled": lambda lib, x: lib.all_to_all(x * x, "i", 0, 1, tiled=True),
    "ppermute": lambda lib, x: lib.ppermute(x * x, "i", [(0, 1), (1, 2), (2, 0)]),
    "pshuffle": lambda lib, x: lib.pshuffle(x * x, "i", [2, 1, 0]),
    "axis_index": lambda lib, x: x * lib.axis_index("i"),
    "psum of a constant": lambda lib, x: x * lib.psum(2.0, "i"),
    "structure": lambda lib, x: lib.psum({"a": x, "b": (x * x,)}, "i")["b"][0],
}
# JAX 0.9 has no derivative of extrema, and fails for this exchange.
WITHOUT_JAX_DERIVATIVE = ("pmax", "pmin", "all_to_all")


@pytest.mark.parametrize("name", COLLECTIVES)
def test_collective_agrees_with_jax(name: str) -> None:
    function = COLLECTIVES[name]
    mapped = lambda lib: lib.vmap(lambda x: function(lib, x), axis_name="i")  # noqa: E731
    both(lambda lib: mapped(lib)(BLOCKS))
    agree(RYFT.jit(mapped(RYFT))(BLOCKS), mapped(RYFT)(BLOCKS))
    agree(RYFT.vmap(RYFT.jit(lambda x: function(RYFT, x)), axis_name="i")(BLOCKS), mapped(RYFT)(BLOCKS))
    both(lambda lib: lib.vmap(mapped(lib), 1)(numpy.stack([BLOCKS, BLOCKS + 1], 1)))


@pytest.mark.parametrize("name", COLLECTIVES)
def test_derivative_of_a_collective(name: str) -> None:
    function = COLLECTIVES[name]
    element = lambda lib: lambda x: (function(lib, x) ** 2).sum()  # noqa: E731
    whole = lambda lib: lib.grad(lambda x: lib.vmap(element(lib), axis_name="i")(x).sum())  # noqa: E731
    each = lambda lib: lib.vmap(lib.grad(element(lib)), axis_name="i")  # noqa: E731
    # The cotangents of all elements add up: it does not matter which transformation is the inner one.
    agree(each(RYFT)(BLOCKS), whole(RYFT)(BLOCKS), 1e-4)
    agree(RYFT.jit(each(RYFT))(BLOCKS), whole(RYFT)(BLOCKS), 1e-4)
    if name not in WITHOUT_JAX_DERIVATIVE:
        both(lambda lib: each(lib)(BLOCKS), tolerance=1e-4)


def test_extrema_share_the_derivative_of_ties() -> None:
    x = numpy.array([3.0, 1.0, 3.0], "float32")
    mapped = lambda x: RYFT.vmap(lambda x: collectives.pmax(x, "i"), axis_name="i", out_axes=None)(x)  # noqa: E731
    agree(RYFT.grad(mapped)(x), numpy.array([0.5, 0, 0.5]))


def test_permutation_gives_zeros_to_elements_that_are_no_target() -> None:
    shift = lambda x: collectives.ppermute(x, "i", [(0, 1), (1, 2)])  # noqa: E731
    agree(RYFT.vmap(shift, axis_name="i")(X), numpy.array([0, 1, 2], "float32"))
    agree(RYFT.vmap(RYFT.grad(lambda x: shift(x * x)), axis_name="i")(X), numpy.array([2, 4, 0], "float32"))


def test_several_axes_stand_for_one() -> None:
    def nested(lib: Any, function: Any) -> Any:
        return lib.vmap(lambda x: lib.vmap(lambda y: function(lib, x * y), axis_name="j")(X), axis_name="i")(X)

    both(lambda lib: nested(lib, lambda lib, v: lib.psum(v, ("i", "j")) + lib.pmax(v, ("i", "j"))))
    both(lambda lib: nested(lib, lambda lib, v: lib.psum(v, "j") * lib.axis_index("i")))
    index = nested(RYFT, lambda lib, v: collectives.axis_index(("i", "j")) + 0 * v)
    agree(index, numpy.arange(9).reshape(3, 3))
    gathered = nested(RYFT, lambda lib, v: collectives.all_gather(v, ("i", "j")))
    agree(gathered[1][2], numpy.outer(X, X).ravel())
    tiled = nested(RYFT, lambda lib, v: collectives.all_gather(v * numpy.ones(2, "float32"), ("i", "j"), tiled=True))
    agree(tiled[0][0], numpy.repeat(numpy.outer(X, X).ravel(), 2))
    assert nested(RYFT, lambda lib, v: v * collectives.axis_size(("i", "j")))[0][0] == 9


def test_collectives_inside_loops_and_branches_agree_with_jax() -> None:
    def scanned(lib: Any, x: Any) -> Any:
        return lib.scan(lambda c, _: (c + lib.psum(c, "i"), c), x, None, length=3)

    def looped(lib: Any, x: Any) -> Any:
        return lib.while_loop(lambda c: lib.pmax(c, "i") < 50, lambda c: c + lib.psum(c, "i"), x)

    def chosen(lib: Any, x: Any) -> Any:
        return lib.cond(lib.psum(x, "i") > 5, lambda: lib.psum(x, "i") * x, lambda: x)

    def checkpointed(lib: Any, x: Any) -> Any:
        return lib.grad(lib.checkpoint(lambda x: lib.sin(lib.psum(lib.sin(x), "i"))))(x)

    for function in (scanned, looped, chosen, checkpointed):
        both(lambda lib, function=function: lib.vmap(lambda x: function(lib, x), axis_name="i")(X))


def test_collectives_inside_functions_with_rules() -> None:
    def make(lib: Any) -> Any:
        function = lib.custom_jvp(lambda x: lib.psum(x * x, "i"))
        function.defjvp(lambda p, t: (function(p[0]), lib.psum(3 * p[0] * t[0], "i")))
        return function

    both(lambda lib: lib.vmap(lib.grad(make(lib)), axis_name="i")(X))
    both(lambda lib: lib.grad(lambda x: lib.vmap(make(lib), axis_name="i")(x).sum())(X))
    both(lambda lib: lib.jit(lib.vmap(lib.grad(make(lib)), axis_name="i"))(X))


def test_jitted_function_is_traced_again_for_another_size_of_the_axis() -> None:
    function = RYFT.jit(lambda x: x * collectives.axis_size("i"))
    agree(RYFT.vmap(function, axis_name="i")(X), 3 * X)
    agree(RYFT.vmap(function, axis_name="i")(X[:2]), 2 * X[:2])


def test_booleans_are_counted() -> None:
    agree(RYFT.vmap(lambda x: collectives.psum(x > 1, "i"), axis_name="i")(X), numpy.array([2, 2, 2]))


def test_unknown_axis_is_refused() -> None:
    for call in (
        lambda: collectives.psum(X, "i"),
        lambda: collectives.axis_index("i"),
        lambda: collectives.axis_size("i"),
        lambda: RYFT.jit(lambda x: collectives.all_gather(x, "i"))(X),
        lambda: RYFT.vmap(lambda x: collectives.ppermute(x, "i", []), axis_name="j")(X),
    ):
        with pytest.raises(
            BatchingError, match="refers to the mapped axis 'i', but there is none of this name"
        ) as info:
            call()
        assert any("vmap(..., axis_name='i')" in note for note in info.value.__notes__)


def test_primitive_outside_its_axis_is_refused() -> None:
    with pytest.raises(BatchingError, match="`psum` refers to the mapped axis 'i'"):
        collectives.CrossSum("i").bind(RYFT.array(X))


def test_sizes_that_do_not_fit_are_refused() -> None:
    block = numpy.ones((3, 4), "float32")
    with pytest.raises(ShapeError, match=r"`psum_scatter` along axis 'i' of size 3 expected axis 0 .* size 3"):
        RYFT.vmap(lambda x: collectives.psum_scatter(x, "i"), axis_name="i")(block)
    with pytest.raises(ShapeError, match="to have size a multiple of 3"):
        RYFT.vmap(lambda x: collectives.psum_scatter(x, "i", tiled=True), axis_name="i")(block)
    with pytest.raises(ShapeError, match=r"`all_to_all` along axis 'i' of size 3 expected axis 0"):
        RYFT.vmap(lambda x: collectives.all_to_all(x, "i", 0, 0), axis_name="i")(block)


def test_wrong_permutations_are_refused() -> None:
    with pytest.raises(BatchingError, match=r"expected distinct targets between 0 and 2, but got \[1, 1\]"):
        RYFT.vmap(lambda x: collectives.ppermute(x, "i", [(0, 1), (2, 1)]), axis_name="i")(X)
    with pytest.raises(BatchingError, match=r"expected distinct sources between 0 and 2, but got \[3\]"):
        RYFT.vmap(lambda x: collectives.ppermute(x, "i", [(3, 1)]), axis_name="i")(X)
