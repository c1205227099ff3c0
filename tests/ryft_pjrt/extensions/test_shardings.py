"""Shardings of a program, from a plugin that tells them, and from one that misbehaves."""

from typing import Any

import pytest

import ryft_pjrt as pjrt
from ryft_pjrt.errors import InternalError, InvalidArgumentError
from ryft_pjrt.extensions.shardings import parameter_shardings
from ryft_xla_sys.protos import OpSharding


@pytest.fixture(autouse=True)
def _reset(control: Any) -> Any:
    yield
    control.call("sharding_mode", 0)


def test_shardings_are_messages(fake_executable: pjrt.Executable) -> None:
    assert parameter_shardings(fake_executable) == (OpSharding(type=OpSharding.MAXIMAL), OpSharding())


def test_no_arrays_mean_that_the_plugin_cannot_tell(fake_executable: pjrt.Executable, control: Any) -> None:
    control.call("sharding_mode", 1)

    assert parameter_shardings(fake_executable) is None


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        (2, "only one of the two arrays of parameter shardings"),
        (3, "a null pointer for parameter sharding 0"),
        (4, "parameter sharding 0 is malformed"),
    ],
)
def test_misbehaviour_is_an_error(fake_executable: pjrt.Executable, control: Any, mode: int, message: str) -> None:
    control.call("sharding_mode", mode)

    with pytest.raises(InvalidArgumentError, match=message):
        parameter_shardings(fake_executable)


def test_error_of_the_plugin_has_its_code_and_payload(fake_executable: pjrt.Executable, control: Any) -> None:
    control.fail_next(13)

    with pytest.raises(InternalError, match="the plugin misbehaves") as caught:
        parameter_shardings(fake_executable)
    assert caught.value.payload == {"type.test/reason": b"misbehaviour"}
