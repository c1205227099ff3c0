"""Checks of what callers pass, where anything else would reach C or fail somewhere inside."""

from __future__ import annotations

import operator

from ryft_pjrt.data_types import BufferType
from ryft_pjrt.errors import ArgumentError, ArgumentTypeError, UnimplementedError
from ryft_pjrt.versions import Version
from ryft_xla_sys import Api

__all__ = ["check_element_type", "check_integer", "check_plugin", "check_type"]


def check_integer(name: str, value: object, low: int, high: int) -> int:
    """Returns the argument `name` as an integer.

    Raises:
        ArgumentTypeError: If it is not an integer.
        ArgumentError: If it is less than `low` or greater than `high`.
    """
    try:
        number = operator.index(value)  # pyright: ignore[reportArgumentType]
    except TypeError:
        raise ArgumentTypeError(f"`{name}` expected an integer, but got `{type(value).__name__}`") from None
    if not low <= number <= high:
        raise ArgumentError(f"`{name}` expected an integer from {low} to {high}, but got {number}")
    return number


def check_type(name: str, value: object, kind: type | tuple[type, ...], expected: str) -> None:
    """Checks that the argument `name` is of a kind, which the error calls `expected`.

    Raises:
        ArgumentTypeError: If it is not.
    """
    if not isinstance(value, kind):
        raise ArgumentTypeError(f"`{name}` expected {expected}, but got `{type(value).__name__}`")


def check_plugin(name: str, given: Api, expected: Api) -> None:
    """Checks that the argument `name`, an object of the plugin `given`, is one of the plugin `expected`.

    Raises:
        ArgumentError: If it is one of another plugin, which could not make sense of its memory.
    """
    if given is not expected:
        raise ArgumentError(
            f"`{name}` expected an object of plugin `{expected.path.name}`, but got one of `{given.path.name}`"
        )


def check_element_type(element_type: BufferType, api: Api) -> None:
    """Checks that arrays of a plugin can have an element type: on others, plugins end the process.

    Raises:
        ArgumentTypeError: If no array can have it.
        UnimplementedError: If it is newer than the plugin.
    """
    if element_type.bits == 0:
        raise ArgumentTypeError(f"no buffer can have the element type `{element_type}`")
    if api.version[1] < element_type.minimum_minor_version:
        needed, found = Version(0, element_type.minimum_minor_version), Version(*api.version)
        raise UnimplementedError(
            f"the element type `{element_type}` needs PJRT API {needed}, but `{api.path.name}` has {found}"
        )
