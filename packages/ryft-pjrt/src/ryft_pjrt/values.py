"""Named values: the options that PJRT functions take, and the attributes that they return."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from ryft_pjrt.errors import ArgumentTypeError, OptionError
from ryft_xla_sys.ffi import CData, ffi, lib, text

__all__ = ["Value", "named_texts", "named_values", "read_named_values"]

Value: TypeAlias = bool | int | float | str | list[int]
"""Value of an attribute or option. A sequence of integers stands for a list of 64-bit integers."""


def _fill(target: CData, name: str, value: object, keep: list[CData]) -> None:
    if isinstance(value, bool):
        target.type, target.bool_value, target.value_size = lib.PJRT_NamedValue_kBool, value, 1
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise OptionError(f"option `{name}` expected a 64-bit integer, but got {value}")
        target.type, target.int64_value, target.value_size = lib.PJRT_NamedValue_kInt64, value, 1
    elif isinstance(value, float):
        target.type, target.float_value, target.value_size = lib.PJRT_NamedValue_kFloat, value, 1
    elif isinstance(value, str):
        encoded = value.encode()
        data = ffi.new("char[]", encoded)
        keep.append(data)
        target.type, target.string_value, target.value_size = lib.PJRT_NamedValue_kString, data, len(encoded)
    elif isinstance(value, (list, tuple)) and all(type(item) is int for item in value):
        if any(not -(2**63) <= item < 2**63 for item in value):
            raise OptionError(f"option `{name}` expected 64-bit integers, but got {value}")
        data = ffi.new("int64_t[]", list(value))
        keep.append(data)
        target.type, target.int64_array_value = lib.PJRT_NamedValue_kInt64List, data
        target.value_size = len(value)
    else:
        raise OptionError(
            f"option `{name}` expected a bool, int, float, str, or list of int, "
            f"but got {value!r} of type `{type(value).__name__}`"
        )


def named_values(values: Mapping[str, object]) -> tuple[CData, list[CData]]:
    """Returns a `PJRT_NamedValue[]` for `values`, and the C objects that must stay alive as long as it is used."""
    if not isinstance(values, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise OptionError(f"expected options by name, but got `{type(values).__name__}`")
    for name in values:
        if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise OptionError(f"the name of an option expected text, but got {name!r}")
    array = ffi.new("PJRT_NamedValue[]", len(values))
    keep: list[CData] = [array]
    for target, (name, value) in zip(array, values.items(), strict=True):
        encoded = ffi.new("char[]", name.encode())
        keep.append(encoded)
        target.struct_size = lib.PJRT_NamedValue_STRUCT_SIZE
        target.name, target.name_size = encoded, len(encoded) - 1
        _fill(target, name, value, keep)
    return array, keep


def named_texts(name: str, values: Mapping[str, str]) -> tuple[CData, list[CData]]:
    """Returns a `PJRT_NamedValue[]` of texts, as which plugins read whatever they get, like `named_values`.

    Raises:
        ArgumentTypeError: If the argument `name` has something else in it.
    """
    if not isinstance(values, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ArgumentTypeError(f"`{name}` expected a mapping of texts, but got `{type(values).__name__}`")
    for key, value in values.items():
        if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ArgumentTypeError(f"{name} `{key}` expected a str, but got `{type(value).__name__}`")
    return named_values(values)


def _read(value: CData) -> Value:
    match value.type:
        case lib.PJRT_NamedValue_kBool:
            return bool(value.bool_value)
        case lib.PJRT_NamedValue_kInt64:
            return int(value.int64_value)
        case lib.PJRT_NamedValue_kFloat:
            return float(value.float_value)
        case lib.PJRT_NamedValue_kInt64List:
            return [int(item) for item in ffi.unpack(value.int64_array_value, value.value_size)]
        case _:
            return text(value.string_value, value.value_size)


def read_named_values(array: CData, count: int) -> dict[str, Value]:
    """Returns the `count` values of a `PJRT_NamedValue[]` by name."""
    return {text(array[i].name, array[i].name_size): _read(array[i]) for i in range(count)}
