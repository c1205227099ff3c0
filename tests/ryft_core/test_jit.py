"""`jit`: signatures, static and donated arguments, devices, stages, the cache, threads."""

from __future__ import annotations

import contextlib
import gc
import pickle
import threading
import weakref
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest

import ryft_core as ryft
from ryft_core.arrays import device_array
from ryft_core.backends import default_client
from ryft_core.errors import ArgumentError, ArgumentTypeError, DonatedError, OperandError, StructureError
from ryft_core.parameters import parameterized, static
from ryft_core.transforms.jit import TraceBudgetError, jit
from ryft_core.transforms.signatures import Difference, SignatureError
from ryft_core.transforms.stages import StageError

X = np.arange(6, dtype=np.float32)


def array(values: Any = X) -> Any:
    return device_array(np.asarray(values))


def test_jit_traces_once_for_each_signature() -> None:
    calls: list[int] = []

    @jit
    def f(x: Any) -> Any:
        calls.append(1)
        return x * 2

    for _ in range(3):
        np.testing.assert_array_equal(f(array()), X * 2)
    np.testing.assert_array_equal(f(array(X[:3])), X[:3] * 2)
    assert len(calls) == 2
    assert f.cache_info() == (2, 2, 2, None)


def test_jit_tells_element_types_and_weak_scalars_apart() -> None:
    f = jit(lambda x, y: x + y)
    assert f(array(X.astype(np.int32)), 1).dtype == np.int32
    assert f(array(X.astype(np.int32)), 1.5).dtype == np.float32
    assert f(array(X.astype(np.int32)), np.float64(1.5)).dtype == np.float64
    assert f(array(), True).dtype == np.float32
    assert f.cache_info().traces == 4


class Point(NamedTuple):
    x: Any
    y: Any


@pytest.mark.parametrize(
    "tree",
    [
        (X, [X, {"b": X, "a": X}]),
        {"b": X, "a": (X, None)},
        {2: X, 1: X},
        {(1, "a"): X, (0, "b"): X},
        OrderedDict(b=X, a=X),
        Point(X, [X]),
        [],
        None,
    ],
    ids=str,
)
def test_jit_keeps_structures(tree: Any) -> None:
    leaves, structure = ryft.trees.flatten(tree)
    arrays = structure.unflatten([array(leaf + index) for index, leaf in enumerate(leaves)])
    f = jit(lambda t: t)
    for _ in range(2):
        result, found = ryft.trees.flatten(f(arrays))
        assert found == structure
        for index, leaf in enumerate(leaves):
            np.testing.assert_array_equal(result[index], leaf + index)
    assert f.cache_info() == (1, 1, 1, None)


def test_jit_takes_dictionaries_in_any_order_of_their_keys() -> None:
    f = jit(lambda d: d["a"] - d["b"])
    one, two = array(), array(X + 1)
    for _ in range(2):
        np.testing.assert_array_equal(f({"a": one, "b": two}), X - (X + 1))
        np.testing.assert_array_equal(f({"b": two, "a": one}), X - (X + 1))
        np.testing.assert_array_equal(f({"b": one, "a": two}), X + 1 - X)
    assert f.cache_info().traces == 1


def test_jit_takes_keyword_arguments_in_any_order() -> None:
    f = jit(lambda x, *, a, b: x + 2 * a - b)
    for _ in range(2):
        np.testing.assert_array_equal(f(array(), a=array(), b=array(X * 3)), 0 * X)
        np.testing.assert_array_equal(f(array(), b=array(X * 3), a=array()), 0 * X)
    assert f.cache_info().traces == 1


def test_jit_keeps_arguments_apart_that_are_the_same_array() -> None:
    f = jit(lambda x, y: x - 2 * y)
    x = array()
    np.testing.assert_array_equal(f(x, x), -X)
    np.testing.assert_array_equal(f(x, array(X * 2)), -3 * X)


def test_jit_captures_arrays() -> None:
    big = np.ones((64, 64), np.float32)
    captured = device_array(big)
    f = jit(lambda x: x @ captured)
    for _ in range(2):
        np.testing.assert_allclose(f(array(big)), big @ big)


# --- static arguments -------------------------------------------------------------------------------------------------


def test_static_argument_by_position_is_static_by_name_too() -> None:
    f = jit(lambda x, n: x * n if n > 1 else x, static_argnums=1)
    np.testing.assert_array_equal(f(array(), 3), X * 3)
    np.testing.assert_array_equal(f(array(), n=3), X * 3)
    np.testing.assert_array_equal(f(array(), 1), X)
    np.testing.assert_array_equal(f(array(), -1 + 2), X)


def test_static_argument_by_name_is_static_by_position_too() -> None:
    f = jit(lambda n, x: x * n if n > 1 else x, static_argnames="n")
    for _ in range(2):
        np.testing.assert_array_equal(f(3, array()), X * 3)
    assert f.cache_info() == (1, 1, 1, None)


def test_static_arguments_are_told_apart_by_their_type() -> None:
    seen: list[Any] = []
    f = jit(lambda x, n: (seen.append(n), x)[1], static_argnums=-1)
    for value in (1, True, 1.0, 1):
        f(array(), value)
    assert list(map(type, seen)) == [int, bool, float]


# Values that are equal, but not the same.
EQUALS: list[tuple[Any, ...]] = [
    (0.0, -0.0, 0, False, 0j, complex(0.0, -0.0), np.float32(0), np.float32(-0.0)),
    ((1,), (True,), (1.0,), (np.int64(1),)),
    ((((0.0,),),), (((-0.0,),),), (((0,),),)),
    (frozenset({1}), frozenset({True}), frozenset({1.0})),
]


@pytest.mark.parametrize("values", EQUALS, ids=str)
def test_static_arguments_that_are_equal_but_not_the_same_are_told_apart(values: tuple[Any, ...]) -> None:
    seen: list[str] = []
    f = jit(lambda x, n: (seen.append(repr(n)), x)[1], static_argnums=1)
    for _ in range(3):
        for value in values:
            f(array(), value)
    assert seen == list(map(repr, values))
    assert f.trace(array(), values[0]).signature != f.trace(array(), values[1]).signature


@parameterized
class Configured:
    x: Any
    n: Any = static(default=None)


@pytest.mark.parametrize("values", EQUALS, ids=str)
def test_static_fields_that_are_equal_but_not_the_same_are_told_apart(values: tuple[Any, ...]) -> None:
    seen: list[str] = []
    f = jit(lambda c: (seen.append(repr(c.n)), c)[1])
    for _ in range(3):
        for value in values:
            assert repr(f(Configured(array(), value)).n) == repr(value)
    assert seen == list(map(repr, values))


def test_static_argument_must_be_hashable() -> None:
    f = jit(lambda x, n: x, static_argnums=1)
    with pytest.raises(OperandError, match=r"static argument `n` of `<lambda>` is a `list`, which is not hashable"):
        f(array(), [1])


def test_static_argument_must_not_be_an_array() -> None:
    f = jit(lambda x, n: x, static_argnums=1)
    with pytest.raises(OperandError, match=r"static argument `n` of `<lambda>` is an array of type float32\[6\]"):
        f(array(), array())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"static_argnums": 2}, r"`static_argnums` of `f` expected positions below 2, but got 2"),
        ({"donate_argnums": -3}, r"`donate_argnums` of `f` expected positions below 2, but got -3"),
        ({"static_argnames": "z"}, r"`static_argnames` of `f` expected names of its parameters, but got 'z'"),
        ({"static_argnums": "x"}, r"`static_argnums` expected int values, but got 'x'"),
        ({"static_argnames": [1]}, r"`static_argnames` expected str values, but got 1"),
        ({"static_argnames": 3}, "`static_argnames` expected str values, but got 3"),
        ({"static_argnums": 1.0}, r"`static_argnums` expected int values, but got 1\.0"),
        ({"static_argnums": 0, "donate_argnums": 0}, "is static, and cannot be donated as well"),
    ],
)
def test_options_must_fit_the_function(options: Any, message: str) -> None:
    def f(x: Any, y: Any) -> Any:
        return x

    with pytest.raises(SignatureError, match=message):
        jit(f, **options)


def test_unhashable_static_field_is_explained() -> None:
    with pytest.raises(OperandError, match=r"argument `args\[0\]\[\"a\"\]` of `<lambda>` is a `str`"):
        jit(lambda d: d)({"a": "text"})


def test_places_of_static_fields_are_told_by_argument() -> None:
    message = "is a static field of `Configured`, but is not hashable"
    with pytest.raises(StructureError, match=rf"`args\[1\]\.n` {message}"):
        jit(lambda x, c: x)(array(), Configured(array(), [1]))
    with pytest.raises(StructureError, match=rf'`kwargs\["c"\]\[0\]\.n` {message}'):
        ryft.vmap(lambda x, c: x)(array(), c=(Configured(array(), [1]),))


# --- donation ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{"donate_argnums": 0}, {"donate_argnames": "x"}])
def test_donated_argument_gives_its_memory_and_cannot_be_used_again(options: Any) -> None:
    f = jit(lambda x, y: x + y, **options)
    assert "tf.aliasing_output = 0" in f.trace(X, X).lower().as_text()
    for _ in range(2):
        x, y = array(), array()
        np.testing.assert_array_equal(f(x, y), 2 * X)  # donated here
        with pytest.raises(
            DonatedError, match=r"argument `x` of `<lambda>`.*donated to `<lambda>` at .*test_jit\.py:\d+"
        ):
            f(x, y)
        with pytest.raises(DonatedError, match=r"operand 0 of `add`, an array of type float32\[6\], was donated"):
            x + y
        np.testing.assert_array_equal(f(y, array()), 2 * X)


def test_donation_names_the_leaf_and_the_line() -> None:
    f = jit(lambda state: {"w": state["w"] + 1, "b": state["b"]}, donate_argnums=0)
    state = {"w": array(), "b": array()}
    line = test_donation_names_the_leaf_and_the_line.__code__.co_firstlineno + 4
    f(state)
    with pytest.raises(DonatedError, match=rf'argument `state\["b"\]`.*test_jit\.py:{line} in `test_donation'):
        f(state)


def test_an_array_cannot_be_donated_and_passed_twice() -> None:
    f = jit(lambda x, y: x + y, donate_argnums=0)
    x = array()
    with pytest.raises(ryft.RyftError, match="donated"):
        f(x, x)
    np.testing.assert_array_equal(x, X)


def test_closed_array_is_refused() -> None:
    f = jit(lambda x: x + 1)
    x = array()
    f(x)
    x.buffer.close()
    with pytest.raises(ryft.RyftError, match="closed"):
        f(x)


# --- unused arguments and devices -------------------------------------------------------------------------------------


def test_unused_arguments_are_left_out_unless_they_are_kept() -> None:
    def f(a: Any, b: Any, c: Any) -> Any:
        return a * 2

    assert jit(f).trace(X, X, X).lower().as_text().count("%arg") == 2
    assert jit(f, keep_unused=True).trace(X, X, X).lower().as_text().count("%arg") > 3
    for options in ({}, {"keep_unused": True}):
        for _ in range(2):
            np.testing.assert_array_equal(jit(f, **options)(array(), array(), array()), X * 2)


def test_device_of_jit_and_of_its_arguments() -> None:
    other = default_client().addressable_devices[1]
    f = jit(lambda x: x + 1, device=other)
    results = [f(array()), f(array())]
    assert [result.device for result in results] == [other, other]
    doubled = jit(lambda x, y: x * y)(results[0], 2.0)
    assert doubled.device is other
    np.testing.assert_array_equal(doubled, (X + 1) * 2)
    assert (doubled + 1).device is other


def test_arrays_on_several_devices_are_refused() -> None:
    other = jit(lambda x: x, device=default_client().addressable_devices[1])(array())
    with pytest.raises(OperandError, match=r"expected arrays on one device, but got .*id=0.* and .*id=1"):
        jit(lambda x, y: x + y)(array(), other)
    with pytest.raises(OperandError, match="expected arrays on one device"):
        array() + other


# --- stages -----------------------------------------------------------------------------------------------------------


def test_stages_give_program_text_costs_and_results() -> None:
    f = jit(lambda x, n: {"y": (x * n).sum()}, static_argnums=1)
    traced = f.trace(jax.ShapeDtypeStruct((6,), np.float32), 3)
    assert str(traced.out_info["y"]) == "float32[]"
    assert str(traced.in_info[0][0]) == "float32[6]"
    lowered = traced.lower()
    assert "stablehlo.multiply" in lowered.as_text()
    assert "stablehlo.multiply" in lowered.as_text(dialect="stablehlo")
    compiled = lowered.compile()
    assert "HloModule" in compiled.as_text()
    assert compiled.cost_analysis()["flops"] > 0
    assert lowered.cost_analysis()["flops"] > 0
    assert compiled.memory_analysis().device_input_size_in_bytes == 24
    assert float(compiled(X)["y"]) == 45
    assert (compiled.in_tree, compiled.out_tree) == (traced.signature.structure, traced.structure)


def test_stages_refuse_what_they_do_not_have() -> None:
    f = jit(lambda x: x)
    compiled = f.lower(X).compile()
    with pytest.raises(StageError, match="expected the dialect 'stablehlo', but got 'llvm'"):
        f.lower(X).as_text("llvm")
    with pytest.raises(StructureError, match=r"arguments of another structure: expected .* at `args"):
        compiled(X, X)
    with pytest.raises(OperandError, match=r"`x` of the compiled function `<lambda>` expected float32\[6\], but got"):
        compiled(X[:2])
    with pytest.raises(StageError, match="cannot be called while something is traced"):
        jit(lambda x: compiled(x))(X)


# --- the cache --------------------------------------------------------------------------------------------------------


def test_explain_last_miss_names_what_differs() -> None:
    def f(x: Any, y: Any = None, *, n: int = 0) -> Any:
        return x

    g = jit(f, static_argnames="n")
    assert g.explain_last_miss() is None
    g({"a": array(), "b": array()})
    assert str(g.explain_last_miss()) == "`f` was called for the first time"
    g({"a": array(), "b": array(X[:2])})
    assert g.explain_last_miss().differences == (Difference("type", 'x["b"]', "float32[6]", "float32[2]"),)
    g({"a": array(), "b": array(X[:2])}, n=2)
    assert g.explain_last_miss().differences == (Difference("static", "n", "not given", "2"),)
    g({"a": array()}, n=2)
    (difference,) = g.explain_last_miss().differences
    assert (difference.kind, difference.place, difference.now) == ("structure", 'x["b"]', "not there")
    g([array()], n=2)
    assert "structure of" in str(g.explain_last_miss())


def test_trace_budget_raises_with_the_difference() -> None:
    f = jit(lambda x: x, max_traces=1)
    f(array())
    f(array())
    with pytest.raises(TraceBudgetError, match=r"may be traced for 1 signature\(s\), but got another one") as caught:
        f(array(X[:3]))
    assert any("type of `x`: float32[6] before, float32[3] now" in note for note in caught.value.__notes__)


def test_clear_cache_forgets_everything() -> None:
    calls: list[int] = []
    f = jit(lambda x: (calls.append(1), x)[1])
    f(array())
    f(array())
    f.clear_cache()
    assert f.cache_info() == (0, 0, 0, None)
    f(array())
    assert len(calls) == 2


def test_jitted_function_is_collected_with_what_it_captured() -> None:
    class Token:
        pass

    token = Token()
    seen = weakref.ref(token)
    f = jit(lambda x, t: x, static_argnums=1)
    f(array(), token)
    f(array(), token)
    f.itself = f
    del f, token
    gc.collect()
    assert seen() is None


# --- as a function ----------------------------------------------------------------------------------------------------


@jit
def _module_level(x: Any) -> Any:
    """Doubles."""
    return x * 2


class Model:
    def __init__(self, scale: float) -> None:
        self.scale = scale

    @partial(jit, static_argnums=0)
    def __call__(self, x: Any) -> Any:
        return x * self.scale


def test_jit_keeps_name_documentation_and_can_be_pickled() -> None:
    assert (_module_level.__name__, _module_level.__doc__) == ("_module_level", "Doubles.")
    plain = jit(np.negative)
    assert plain.__name__ == "negative"
    copied = pickle.loads(pickle.dumps(jit(abs, inline=True)))
    np.testing.assert_array_equal(copied(array(-X)), X)


def test_jit_of_methods() -> None:
    model = Model(3.0)
    for _ in range(2):
        np.testing.assert_array_equal(model(array()), X * 3)


def test_jit_is_a_decorator_with_options() -> None:
    @jit(static_argnames=("n",))
    def f(x: Any, n: int) -> Any:
        return x * n

    np.testing.assert_array_equal(f(array(), n=2), X * 2)


def test_jit_in_jit_is_one_call_of_one_function() -> None:
    inner = jit(lambda x: x * 2)
    text = jit(lambda x: inner(x) + inner(x)).trace(X).lower().as_text()
    assert text.count("func.func private") == 1
    assert text.count("call @") == 2
    inlined = jit(lambda x: x * 2, inline=True)
    assert "call @" not in jit(lambda x: inlined(x) + inlined(x)).trace(X).lower().as_text()


def test_jit_recurses() -> None:
    def f(x: Any, n: int) -> Any:
        return x if n == 0 else factorial(x, n - 1) * n

    factorial = jit(f, static_argnums=1)
    for _ in range(2):
        assert float(factorial(array(1.0), 5)) == 120


def test_an_exception_in_the_function_leaves_it_usable() -> None:
    broken = [True]

    @jit
    def f(x: Any) -> Any:
        if broken[0]:
            raise KeyError("mine")
        return x

    with pytest.raises(KeyError, match="mine"):
        f(array())
    broken[0] = False
    np.testing.assert_array_equal(f(array()), X)


def test_jitted_function_in_eight_threads_at_once_is_traced_once() -> None:
    calls: list[int] = []
    barrier = threading.Barrier(8)
    failures: list[BaseException] = []

    @jit
    def f(x: Any, d: dict[str, Any]) -> Any:
        calls.append(1)
        return {"s": x + d["y"], "t": [x * 2]}

    def work(number: int) -> None:
        try:
            barrier.wait()
            for turn in range(50):
                value = X + number + turn
                result = f(array(value), {"y": array(value)})
                np.testing.assert_array_equal(result["s"], 2 * value)
                np.testing.assert_array_equal(result["t"][0], 2 * value)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(calls) == 1


def test_threads_that_trace_functions_of_each_other_do_not_wait_for_ever() -> None:
    barrier = threading.Barrier(2)

    def meet() -> None:
        if not barrier.broken and barrier.n_waiting < 2:
            with contextlib.suppress(threading.BrokenBarrierError):
                barrier.wait(timeout=5)

    f: Any = jit(lambda x, depth: (meet(), x if depth == 0 else g(x, depth - 1) + 1)[1], static_argnums=1)
    g: Any = jit(lambda x, depth: (meet(), x if depth == 0 else f(x, depth - 1) + 1)[1], static_argnums=1)
    results: list[Any] = []
    threads = [threading.Thread(target=lambda h=h: results.append(h(array(), 3)), daemon=True) for h in (f, g)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(results) == 2
    for result in results:
        np.testing.assert_array_equal(result, X + 3)


def test_numbers_can_be_donated() -> None:
    f = jit(lambda x, y: x + y, donate_argnums=(0, 1))
    for _ in range(3):
        assert float(f(1.0, 1.0)) == 2
        np.testing.assert_array_equal(f(np.ones(3, np.float32), np.float32(2)), [3, 3, 3])
    assert float(jit(lambda x: x)(1.0)) == 1


def test_stages_take_weakly_typed_numbers_and_name_what_does_not_fit() -> None:
    compiled = jit(lambda x, y: x * y).lower(np.float32(2), np.ones(3, "float32")).compile()
    assert compiled(3.0, np.ones(3, "float32")).tolist() == [3.0, 3.0, 3.0]
    with pytest.raises(OperandError, match=r"argument `args\[0\]` of `<lambda>` is a `str`, which is not an array"):
        compiled("text", np.ones(3, "float32"))
    assert repr(compiled) == "Compiled(<lambda>)"
    assert repr(compiled.traced) == "Traced(<lambda>, 1 equations)"
    assert repr(compiled.traced.lower()) == "Lowered(<lambda>)"


def test_lowered_text_has_the_lines_of_the_user_on_request() -> None:
    lowered = jit(lambda x: x * 2).lower(1.0)
    assert __file__ in lowered.as_text(debug_info=True)
    assert __file__ not in lowered.as_text()


def test_a_compiled_stage_gives_away_and_refuses_donated_arrays() -> None:
    x = device_array(np.ones(4, "float32"))
    compiled = jit(lambda x: x + 1, donate_argnums=0).lower(x).compile()
    assert compiled(x).tolist() == [2.0] * 4
    with pytest.raises(DonatedError, match=r"argument `x` of the compiled function `<lambda>`, .* to `<lambda>` at"):
        compiled(x)


def test_every_use_of_a_donated_array_says_where_it_went() -> None:
    x = device_array(np.ones(4, "float32"))
    jit(lambda x: x + 1, donate_argnums=0)(x)
    for use in (np.asarray, np.from_dlpack, lambda x: x.block_until_ready(), repr, list):
        with pytest.raises(DonatedError, match=r"was donated to `<lambda>` at"):
            use(x)  # type: ignore[operator]


def test_jit_of_what_is_no_function_is_refused() -> None:
    with pytest.raises(ArgumentTypeError, match="`jit` expected a function, but got a `int`: 3"):
        jit(3)  # type: ignore[call-overload]
    with pytest.raises(ArgumentTypeError, match="`jit` expected a function, but got a `ndarray`"):
        jit(static_argnums=0)(np.ones(3))  # type: ignore[arg-type]


def test_static_argument_numbers_may_come_from_numpy() -> None:
    assert float(jit(lambda x, n: x * n if n > 2 else x, static_argnums=np.int64(1))(2.0, 3)) == 6.0  # type: ignore


@pytest.mark.parametrize(
    ("limit", "error", "message"),
    [
        (0, ArgumentError, "`max_traces` expected a positive integer, but got 0"),
        ("2", ArgumentTypeError, "`max_traces` expected an integer, but got a `str`: '2'"),
        (1.5, ArgumentTypeError, r"`max_traces` expected an integer, but got a `float`: 1\.5"),
    ],
)
def test_trace_budget_must_be_a_positive_integer(limit: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        jit(lambda x: x, max_traces=limit)


def test_traced_programs_depend_on_the_default_data_types() -> None:
    x = ryft.numpy.ones(2, "float32")
    function = ryft.jit(lambda y: (y + ryft.numpy.zeros(2), ryft.numpy.arange(2)))

    def names() -> list[str]:
        return [result.dtype.name for result in function(x)]

    for _ in range(2):
        assert names() == names() == ["float32", "int32"]
        with ryft.default_dtypes(64):
            assert names() == names() == ["float64", "int64"]
            with ryft.default_dtypes(32):
                assert names() == ["float32", "int32"]
            assert names() == ["float64", "int64"]
    assert names() == ["float32", "int32"]
    assert function.cache_info().traces == 2
    assert str(function.explain_last_miss()).count("default data types") == 1
    ryft.set_default_dtypes(64)
    try:
        assert names() == ["float64", "int64"]
    finally:
        ryft.set_default_dtypes(32)
    assert names() == names() == ["float32", "int32"]


def test_functions_of_arrays_depend_on_the_default_data_types() -> None:
    x = ryft.numpy.ones(200, "int8")
    assert ryft.numpy.sum(x).dtype == "int32"
    assert (x / 2).dtype == ryft.numpy.mean(x).dtype == "float32"
    with ryft.default_dtypes(64):
        assert ryft.numpy.sum(x).dtype == "int64"
        assert (x / 2).dtype == ryft.numpy.mean(x).dtype == "float64"
    assert ryft.numpy.sum(x).dtype == "int32"


def test_other_threads_keep_their_default_data_types() -> None:
    x = ryft.numpy.ones(2, "float32")
    function = ryft.jit(lambda y: y + ryft.numpy.zeros(2))
    with ryft.default_dtypes(64), ThreadPoolExecutor(1) as pool:
        assert function(x).dtype == "float64"
        assert pool.submit(lambda: function(x).dtype.name).result() == "float32"
        assert function(x).dtype == "float64"
