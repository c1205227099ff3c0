"""Tracebacks: users see their own frames and the one that raised, and can ask for all of them."""

import inspect
import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

import ryft_core as ryft
from ryft_core import tracebacks
from ryft_core.errors import LeakedTracerError, OperandError, ShapeError
from ryft_core.primitives.control_flow.loops import scan

PACKAGE = str(Path(ryft.__file__).parent)
ROW, MATRIX = numpy.ones(3, "float32"), numpy.ones((2, 4), "float32")


@pytest.fixture
def full() -> Iterator[None]:
    tracebacks.show_internal_frames()
    yield
    tracebacks.show_internal_frames(False)


def mismatched(x: Any) -> Any:
    return (x + ROW).sum()


def frames_of(error: BaseException) -> list[str]:
    """Returns the names of the functions in the traceback, without those above this module."""
    entries = traceback.extract_tb(error.__traceback__)
    first = next(index for index, entry in enumerate(entries) if entry.filename == __file__)
    return [entry.name for entry in entries[first:]]


def internal_frames(error: BaseException) -> list[str]:
    entries = traceback.extract_tb(error.__traceback__)
    return [entry.filename for entry in entries if entry.filename.startswith(PACKAGE)]


TRANSFORMATIONS: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "jit": (lambda: ryft.jit(mismatched)(MATRIX), ["in `jit` of `mismatched`"]),
    "grad": (lambda: ryft.grad(mismatched)(MATRIX), ["in `grad` of `mismatched`"]),
    "value_and_grad": (lambda: ryft.value_and_grad(mismatched)(MATRIX), ["in `value_and_grad` of `mismatched`"]),
    "vmap": (lambda: ryft.vmap(mismatched)(MATRIX), ["in `vmap` of `mismatched`"]),
    "jvp": (lambda: ryft.jvp(mismatched, (MATRIX,), (MATRIX,)), ["in `jvp`"]),
    "vjp": (lambda: ryft.vjp(mismatched, MATRIX), ["in `vjp`"]),
    "linearize": (lambda: ryft.linearize(mismatched, MATRIX), ["in `linearize`"]),
    "jacrev": (lambda: ryft.jacrev(mismatched)(MATRIX), ["in `jacrev` of `mismatched`"]),
    "jacfwd": (lambda: ryft.jacfwd(mismatched)(MATRIX), ["in `jacfwd` of `mismatched`"]),
    "checkpoint": (
        lambda: ryft.jit(ryft.checkpoint(mismatched))(MATRIX),
        ["in `checkpoint` of `mismatched`", "in `jit` of `mismatched`"],
    ),
    "eval_shape": (lambda: ryft.eval_shape(mismatched, MATRIX), ["in `eval_shape`"]),
    "scan": (lambda: scan(lambda carry, x: (carry, mismatched(x)), 0.0, MATRIX), ["in `scan`"]),
    "all": (
        lambda: ryft.jit(ryft.grad(lambda x: ryft.vmap(mismatched)(x).sum()))(MATRIX),
        ["in `vmap` of `mismatched`", "in `grad` of `<lambda>`", "in `jit` of `<lambda>`"],
    ),
}


@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_a_transformation_hides_its_frames_and_says_its_name(name: str) -> None:
    call, notes = TRANSFORMATIONS[name]
    with pytest.raises(ShapeError, match="`add` expected operands whose shapes broadcast together") as caught:
        call()
    names = frames_of(caught.value)
    assert names[-2:] == ["mismatched", "broadcast_operand_shapes"], "the user's line, and the frame that raised"
    assert len(internal_frames(caught.value)) == 1
    assert [note for note in caught.value.__notes__ if note.startswith("in `")] == notes


@pytest.mark.usefixtures("full")
def test_all_frames_are_shown_on_request() -> None:
    assert tracebacks.internal_frames_are_shown()
    with pytest.raises(ShapeError, match="`add`") as caught:
        ryft.jit(mismatched)(MATRIX)
    assert len(internal_frames(caught.value)) > 5


def test_an_environment_variable_shows_all_frames() -> None:
    code = "from ryft_core import tracebacks; import sys; sys.exit(tracebacks.internal_frames_are_shown())"
    for value, expected in [("full", 1), ("short", 0)]:
        result = subprocess.run([sys.executable, "-c", code], env={**os.environ, "RYFT_TRACEBACKS": value}, check=False)
        assert result.returncode == expected


def test_an_exception_of_the_user_stays_what_it_is() -> None:
    class MineError(Exception):
        pass

    original = MineError("mine")
    original.add_note("my note")

    def fail(x: Any) -> Any:
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise original from error

    with pytest.raises(MineError, match="mine") as caught:
        ryft.jit(ryft.grad(ryft.vmap(fail)))(ROW)
    assert caught.value is original
    assert original.__notes__ == ["my note"], "notes of transformations are for errors of Ryft's"
    assert isinstance(original.__cause__, KeyError)
    assert original.__suppress_context__
    assert frames_of(original)[-1] == "fail"
    assert not internal_frames(original)


def test_frames_of_causes_are_hidden_as_well() -> None:
    def fail(x: Any) -> Any:
        try:
            return mismatched(x)
        except ShapeError as error:
            raise RuntimeError("wrapped") from error

    with pytest.raises(RuntimeError, match="wrapped") as caught:
        ryft.jit(fail)(MATRIX)
    cause = caught.value.__cause__
    assert isinstance(cause, ShapeError)
    assert len(internal_frames(cause)) == 1
    assert not internal_frames(caught.value)


def test_members_of_an_exception_group_are_trimmed() -> None:
    def fail(x: Any) -> Any:
        errors: list[Exception] = []
        for _ in range(2):
            try:
                mismatched(x)
            except ShapeError as error:
                errors.append(error)
        raise ExceptionGroup("several", errors)

    with pytest.raises(ExceptionGroup, match="several") as caught:
        ryft.jit(fail)(MATRIX)
    assert [len(internal_frames(error)) for error in caught.value.exceptions] == [1, 1]


def test_an_error_that_caused_itself_does_not_hang() -> None:
    error = ValueError("one")
    error.__context__ = TypeError("two")
    error.__context__.__context__ = error
    tracebacks.without_internal_frames(error)
    assert error.__traceback__ is None


def test_a_call_with_arguments_that_are_no_arrays_shows_where() -> None:
    with pytest.raises(OperandError, match=r"argument `.*` of `mismatched` is a `str`") as caught:
        ryft.jit(mismatched)("text")
    assert len(internal_frames(caught.value)) == 1


def test_the_pullback_and_the_derivative_are_boundaries() -> None:
    _, pullback = ryft.vjp(mismatched, ROW)
    _, derivative = ryft.linearize(mismatched, ROW)
    for function in (pullback, derivative):
        with pytest.raises(ryft.RyftError, match="structure") as caught:
            function((1.0, 2.0))
        assert len(internal_frames(caught.value)) == 1


def test_a_boundary_keeps_name_documentation_and_signature() -> None:
    def documented(x: Any, *, scale: float = 1.0) -> Any:
        """Says something."""
        return (x * scale).sum()

    for transformed in (ryft.grad(documented), ryft.vmap(documented), ryft.value_and_grad(documented)):
        assert transformed.__name__ == "documented"
        assert transformed.__doc__ == "Says something."
        assert transformed.__wrapped__ is documented  # pyright: ignore[reportFunctionMemberAccess]


def test_a_compiled_function_that_is_called_again_still_reports() -> None:
    compiled = ryft.jit(mismatched)
    compiled(ROW)
    for _ in range(2):
        with pytest.raises(ShapeError, match="`add`") as caught:
            compiled(MATRIX)
        assert caught.value.__notes__.count("in `jit` of `mismatched`") == 1


def test_interrupts_pass_untouched() -> None:
    def interrupt(x: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        ryft.jit(interrupt)(ROW)
    assert len(internal_frames(caught.value)) > 1


def test_a_leak_is_reported_at_the_line_that_uses_it() -> None:
    kept: list[Any] = []
    ryft.jit(lambda x: kept.append(x + 1) or x)(ROW)
    with pytest.raises(LeakedTracerError, match="was used after") as caught:
        ryft.jit(lambda x: x + kept[0])(ROW)
    assert frames_of(caught.value)[-2] == "<lambda>"


@pytest.mark.parametrize(
    "operation", [lambda x, y: x + y, ryft.numpy.add, ryft.numpy.logaddexp, ryft.numpy.concatenate]
)
def test_an_operation_at_once_shows_little_more_than_the_functions_that_were_called(operation: Any) -> None:
    operands = (ryft.numpy.asarray(MATRIX), ryft.numpy.asarray(ROW))
    with pytest.raises(ShapeError, match="expected operands") as caught:
        operation(operands) if operation is ryft.numpy.concatenate else operation(*operands)
    assert len(internal_frames(caught.value)) <= 3
    assert not any(note.startswith("in `jit`") for note in caught.value.__notes__), "how it is run is our business"


EAGER: dict[str, Callable[[], Any]] = {
    "operator": lambda: ryft.numpy.ones((2, 4)) + ROW,
    "reflected operator": lambda: MATRIX + ryft.numpy.asarray(ROW),
    "index": lambda: ryft.numpy.asarray(ROW)[1.5],
    "method": lambda: ryft.numpy.asarray(ROW).reshape(2, 2),
    "update": lambda: ryft.numpy.asarray(ROW).at[1.5].set(0),
    "numpy": lambda: ryft.numpy.concatenate([ROW, MATRIX]),
    "lax": lambda: ryft.lax.dynamic_slice(ROW, (0, 0), (1,)),
    "nn": lambda: ryft.nn.softmax("text"),  # type: ignore[arg-type]
    "device_put": lambda: ryft.device_put("text"),
    "stop_gradient": lambda: ryft.stop_gradient("text"),
    "tree": lambda: ryft.tree.map(lambda x, y: x, [1], [1, 2]),
}


@pytest.mark.parametrize("name", EAGER)
def test_operations_outside_of_transformations_hide_their_frames(name: str) -> None:
    with pytest.raises(ryft.RyftError, match=r".") as caught:
        EAGER[name]()
    assert len(internal_frames(caught.value)) == 1, "the frame that raised"


def test_public_functions_keep_their_signatures_and_can_be_pickled() -> None:
    assert (
        str(inspect.signature(ryft.numpy.reshape)) == "(x: 'ArrayLike', shape: 'Axes', order: 'str' = 'C') -> 'Array'"
    )
    for function in (ryft.numpy.sin, ryft.numpy.sort, ryft.lax.dynamic_slice, ryft.nn.relu):
        assert pickle.loads(pickle.dumps(function)) is function
