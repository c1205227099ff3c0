"""The debug options that a plugin compiles with by default, as a whole.

`CompilationOptions.environment_option_overrides` changes single options. It cannot change options of a backend, which
are entries of a map: those need all options, and plugins tell theirs only in a program that they have compiled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ryft_pjrt import _wire
from ryft_pjrt.errors import ArgumentTypeError, DataLossError
from ryft_pjrt.executables import unseal

if TYPE_CHECKING:
    from ryft_pjrt.clients import Client

__all__ = ["DebugOptions", "read_default_debug_options"]

_EMPTY_PROGRAM = "module { func.func @main() { return } }"
# In `ExecutableAndOptionsProto`: the compiled program, its HLO module with the configuration, and of that the options.
_PATH = (1, 1, 2, 14)
_BACKEND_EXTRA_OPTIONS = 500


class DebugOptions:
    """All debug options (`DebugOptions`), to be given to `ExecutableCompilationOptions`."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def serialize(self) -> bytes:
        """Returns the options as a serialized message."""
        return self._data

    def with_backend_options(self, options: Mapping[str, str]) -> DebugOptions:
        """Returns the options with some of the backend's own changed, by name.

        Raises:
            ArgumentTypeError: If a name or a value is no text.
        """
        data = self._data
        for name, value in options.items():
            if not isinstance(name, str) or not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise ArgumentTypeError(f"expected names and values of backend options as text, but got {options!r}")
            entry = _wire.encode_bytes(1, name.encode()) + _wire.encode_bytes(2, value.encode())
            # What comes later in a message replaces an entry of the same name.
            data += _wire.encode_bytes(_BACKEND_EXTRA_OPTIONS, entry)
        return DebugOptions(data)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DebugOptions) and self._data == other._data

    def __hash__(self) -> int:
        return hash(self._data)

    def __repr__(self) -> str:
        return f"DebugOptions({len(self._data)} bytes)"


def read_default_debug_options(client: Client) -> DebugOptions:
    """Returns the options with which the plugin of `client` compiles, unless it is told otherwise.

    Raises:
        PjrtError: If the plugin cannot serialize programs.
        DataLossError: If it does so in another way than XLA's CPU plugin.
    """
    with client.compile(_EMPTY_PROGRAM) as executable:
        data = memoryview(unseal(client.plugin.api, executable.serialize()))
    for number in _PATH:
        found = [value for field, value in _wire.fields(data) if field == number and isinstance(value, memoryview)]
        if len(found) != 1:
            raise DataLossError("the plugin's serialized programs do not tell their debug options")
        data = found[0]
    return DebugOptions(bytes(data))
