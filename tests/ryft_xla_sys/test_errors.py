"""The error classes."""

from __future__ import annotations

import pytest

from ryft_xla_sys import errors


def test_every_class_is_exported() -> None:
    classes = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}

    assert classes <= set(errors.__all__)


def test_there_is_a_class_for_each_status_code() -> None:
    assert sorted(errors.PJRT_ERRORS) == list(range(1, 17))


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (errors.PluginError, OSError),
        (errors.ClosedError, ValueError),
        (errors.PjrtError, RuntimeError),
        (errors.InvalidArgumentError, ValueError),
        (errors.DeadlineExceededError, TimeoutError),
        (errors.NotFoundError, LookupError),
        (errors.PermissionDeniedError, PermissionError),
        (errors.ResourceExhaustedError, MemoryError),
        (errors.OutOfRangeError, IndexError),
        (errors.UnimplementedError, NotImplementedError),
    ],
)
def test_class_is_also_the_nearest_builtin(kind: type[errors.RyftError], builtin: type[Exception]) -> None:
    assert issubclass(kind, errors.RyftError)
    assert issubclass(kind, builtin)


def test_error_keeps_the_function_and_the_payload() -> None:
    error = errors.InternalError("broken", "PJRT_Compile", {"a": b"b"})

    assert (str(error), error.function, error.payload) == ("broken", "PJRT_Compile", {"a": b"b"})


def test_error_without_a_payload_has_an_empty_one() -> None:
    assert errors.InternalError("broken").payload == {}
