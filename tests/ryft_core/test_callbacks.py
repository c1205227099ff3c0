"""Callbacks: what they get and give, their errors, their order, and that they never wait for ever."""

import threading
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ryft_core as ryft
from ryft_core.errors import ArgumentTypeError, IntegerRangeError
from ryft_core.primitives.callbacks import debug_callback, debug_print, io_callback, pure_callback
from ryft_core.primitives.control_flow.loops import fori_loop
from ryft_core.primitives.custom_calls import ffi_call
from ryft_core.types.array_types import ArrayType

X = np.arange(4, dtype=np.float32)
VECTOR = ArrayType((4,), np.dtype("float32"))
SCALAR = ArrayType((), np.dtype("float32"))
MODES: list[Any] = [pytest.param(lambda f: f, id="eager"), pytest.param(ryft.jit, id="jit")]


@pytest.mark.parametrize("mode", MODES)
def test_pure_callback_returns_what_the_function_returns(mode: Any) -> None:
    function = mode(lambda x: pure_callback(np.sin, VECTOR, x) * 2)
    np.testing.assert_allclose(function(X), 2 * np.sin(X), rtol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_pure_callback_takes_and_returns_structures(mode: Any) -> None:
    def host(x: dict[str, Any], *, scale: Any) -> tuple[Any, dict[str, Any]]:
        assert isinstance(x["a"], np.ndarray)
        return x["a"] * scale, {"total": x["a"].sum() + x["b"]}

    types = (VECTOR, {"total": SCALAR})
    result = mode(lambda x: pure_callback(host, types, {"a": x, "b": x[1]}, scale=np.float32(3)))(X)
    np.testing.assert_allclose(result[0], 3 * X)
    assert float(result[1]["total"]) == 7


@pytest.mark.parametrize("mode", MODES)
def test_an_exception_in_a_callback_is_raised_with_its_traceback(mode: Any) -> None:
    def fail(x: Any) -> Any:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine") as caught:
        mode(lambda x: pure_callback(fail, VECTOR, x))(X)
    assert "fail" in [entry.name for entry in caught.traceback]


@pytest.mark.parametrize("mode", MODES)
def test_a_result_of_another_shape_is_refused(mode: Any) -> None:
    with pytest.raises(ryft.OperandError, match=r"promised float32\[4\] for `result`, but returned .* shape \(2,\)"):
        mode(lambda x: pure_callback(lambda a: a[:2], VECTOR, x))(X)


@pytest.mark.parametrize("mode", MODES)
def test_a_result_of_another_structure_is_refused(mode: Any) -> None:
    with pytest.raises(ryft.StructureError, match="returned another structure than promised"):
        mode(lambda x: pure_callback(lambda a: (a, a), VECTOR, x))(X)


def test_pure_callback_is_not_differentiable_unless_a_rule_says_how() -> None:
    with pytest.raises(ryft.DifferentiationError, match=r"callback\[sin\] has no derivative"):
        ryft.grad(lambda x: pure_callback(np.sin, SCALAR, x))(1.0)


@pytest.mark.parametrize("method", ["sequential", "broadcast_all", "expand_dims"])
@pytest.mark.parametrize("mode", MODES)
def test_pure_callback_under_vmap(mode: Any, method: str) -> None:
    calls: list[Any] = []

    def host(a: Any, b: Any) -> Any:
        calls.append(a.shape)
        return a * b

    def function(x: Any) -> Any:
        return pure_callback(host, SCALAR, x, np.float32(2), vmap_method=method)

    np.testing.assert_allclose(mode(ryft.vmap(function))(X), 2 * X)
    assert len(calls) == (4 if method == "sequential" else 1)


def test_pure_callback_under_vmap_needs_a_method() -> None:
    with pytest.raises(ryft.BatchingError, match=r"callback\[sin\] has no rule for `vmap`"):
        ryft.vmap(lambda x: pure_callback(np.sin, SCALAR, x))(X)
    with pytest.raises(ValueError, match="expected a `vmap_method` among sequential, expand_dims, broadcast_all"):
        pure_callback(np.sin, SCALAR, 1.0, vmap_method="magic")


def test_io_callback_runs_once_for_each_step_of_a_loop_in_order() -> None:
    seen: list[int] = []

    @ryft.jit
    def function(x: Any) -> Any:
        def body(i: Any, value: Any) -> Any:
            io_callback(lambda n: seen.append(int(n)), None, i, ordered=True)
            io_callback(lambda n: seen.append(10 * int(n)), None, i, ordered=True)
            return value + 1

        return fori_loop(0, 5, body, x)

    assert float(function(np.float32(0))) == 5
    assert seen == [0, 0, 1, 10, 2, 20, 3, 30, 4, 40]


def test_io_callback_runs_although_nobody_uses_its_result() -> None:
    seen: list[float] = []
    ryft.jit(lambda x: (io_callback(lambda a: seen.append(float(a.sum())), None, x), x)[1])(X)
    assert seen == [6.0]


def test_an_ordered_callback_cannot_be_mapped() -> None:
    with pytest.raises(ryft.OperandError, match="is ordered, and cannot be mapped by `vmap`"):
        ryft.vmap(lambda x: io_callback(np.sin, SCALAR, x, ordered=True))(X)


@pytest.mark.parametrize("mode", MODES)
def test_debug_print_prints_primals_under_grad(mode: Any, capsys: Any) -> None:
    def function(x: Any) -> Any:
        debug_print("x = {} and {twice}", x, twice=2 * x, ordered=True)
        return x * x

    assert float(mode(ryft.grad(function))(3.0)) == 6.0
    assert capsys.readouterr().out == "x = 3.0 and 6.0\n"


def test_debug_callback_is_called_for_each_element() -> None:
    seen: list[float] = []
    ryft.jit(ryft.vmap(lambda x: (debug_callback(lambda a: seen.append(float(a)), x), x)[1]))(X)
    assert sorted(seen) == [0.0, 1.0, 2.0, 3.0]


def within(seconds: float, work: Callable[[], None]) -> None:
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
    assert not any(thread.is_alive() for thread in threads), "callbacks wait for one another"
    assert not failures


def test_callbacks_that_use_ryft_never_deadlock() -> None:
    large = np.ones((200, 200), np.float32)
    product = ryft.jit(lambda a: a @ a.T)

    def host(a: Any) -> Any:
        return a + np.asarray(product(large))[0, 0]

    function = ryft.jit(lambda x: pure_callback(host, VECTOR, x) + 1)

    def work() -> None:
        for _ in range(5):
            np.testing.assert_allclose(function(X), X + 201)

    within(120, work)


def test_callbacks_within_callbacks_never_deadlock() -> None:
    def nested(depth: int) -> Callable[[Any], Any]:
        if depth == 0:
            return lambda x: x + 1
        inner = ryft.jit(nested(depth - 1))
        return lambda x: pure_callback(lambda a: np.asarray(inner(a)), VECTOR, x)

    function = ryft.jit(nested(6))
    within(120, lambda: np.testing.assert_allclose(function(X), X + 1))


def test_ffi_call_of_an_unknown_target_says_so() -> None:
    with pytest.raises(ryft.RyftError, match="no_such_target"):
        ffi_call("no_such_target", SCALAR)(X)


def test_ffi_call_needs_a_method_for_vmap() -> None:
    with pytest.raises(ryft.BatchingError, match="has no rule for `vmap`"):
        ryft.vmap(ffi_call("no_such_target", SCALAR))(X)


def test_a_callback_that_waits_for_a_thread_with_callbacks_never_deadlocks() -> None:
    inner = ryft.jit(lambda x: pure_callback(lambda a: a * 2, VECTOR, x))

    def host(a: Any) -> Any:
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(np.asarray(inner(a))), daemon=True)
        thread.start()
        thread.join(60)
        return found[0]

    within(120, lambda: np.testing.assert_allclose(ryft.jit(lambda x: pure_callback(host, VECTOR, x))(X), X * 2))


def test_a_callback_is_a_function_with_a_description_of_its_results() -> None:
    with pytest.raises(ArgumentTypeError, match="a callback is a function, but got a `int`: 3"):
        pure_callback(3, VECTOR, X)  # type: ignore[arg-type]
    with pytest.raises(ArgumentTypeError, match="expected a description of a result, but got a `str`: 'abc'") as caught:
        pure_callback(np.sin, "abc", X)
    assert any("pass an array, or `ryft.ArrayType" in note for note in caught.value.__notes__)


def test_an_exception_in_a_callback_outside_of_jit_has_no_internal_frames() -> None:
    def fail(a: Any) -> Any:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine") as caught:
        pure_callback(fail, VECTOR, X)
    names = [entry.name for entry in traceback.extract_tb(caught.value.__traceback__)]
    assert names == ["test_an_exception_in_a_callback_outside_of_jit_has_no_internal_frames", "fail"]


@pytest.mark.parametrize("mode", [ryft.jit, lambda function: function])
def test_debug_print_takes_what_is_no_array_as_it_is(mode: Any, capsys: Any) -> None:
    mode(lambda x: (debug_print("{}: {x} {how[name]}", "loss", x=x, how={"name": "mean"}), x)[1])(np.float32(2))
    assert capsys.readouterr().out == "loss: 2.0 mean\n"
    seen: list[Any] = []
    mode(lambda x: (debug_callback(lambda a, f, b: seen.append(f(a + b)), x, str, x), x)[1])(np.int32(2))
    assert seen == ["4"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("given", [np.float64, np.int32, np.complex64])
def test_a_result_whose_element_type_does_not_fit_is_refused(mode: Any, given: Any) -> None:
    with pytest.raises(ryft.OperandError, match=rf"promised float32\[4\] .* element type {np.dtype(given).name}"):
        mode(lambda x: pure_callback(lambda a: a.astype(given), VECTOR, x))(X)
    with pytest.raises(ryft.OperandError, match=rf"promised float32\[4\] .* element type {np.dtype(given).name}"):
        mode(lambda x: io_callback(lambda a: a.astype(given), VECTOR, x))(X)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("result", [np.float16(1.5), np.int8(3), np.bool_(True), 1.5, 3, True])
def test_a_narrower_result_and_a_python_number_are_converted(mode: Any, result: Any) -> None:
    converted = mode(lambda x: pure_callback(lambda a: result, SCALAR, x))(X)
    assert converted.dtype == "float32"
    assert converted.item() == result


@pytest.mark.parametrize("mode", MODES)
def test_a_python_number_that_does_not_fit_is_refused(mode: Any) -> None:
    byte = ArrayType((), np.dtype("uint8"))
    assert mode(lambda x: pure_callback(lambda a: 200, byte, x))(X).item() == 200
    with pytest.raises(ryft.OperandError, match=r"promised uint8\[\] .* element type float64"):
        mode(lambda x: pure_callback(lambda a: 1.5, byte, x))(X)
    with pytest.raises(IntegerRangeError, match="the Python integer 300 does not fit the element type uint8"):
        mode(lambda x: pure_callback(lambda a: 300, byte, x))(X)
