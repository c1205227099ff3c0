"""What a conformance check is, and what checks share: the plugin, one client, and the programs that they run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy

from ryft_pjrt.buffers import Buffer
from ryft_pjrt.clients import Client
from ryft_pjrt.errors import PjrtError, RyftError, UnimplementedError
from ryft_pjrt.loaded_executables import LoadedExecutable
from ryft_pjrt.plugins import Plugin

__all__ = [
    "ADD",
    "CHECKS",
    "Check",
    "ConformanceError",
    "Context",
    "NoClientError",
    "check",
    "expect",
    "expect_equal",
    "refused",
]

ADD = """
module @conformance {
  func.func @main(%x: tensor<8xf32>, %y: tensor<8xf32>) -> tensor<8xf32> {
    %sum = stablehlo.add %x, %y : tensor<8xf32>
    return %sum : tensor<8xf32>
  }
}
"""


class ConformanceError(RyftError, RuntimeError):
    """A plugin did something else than PJRT says."""


class NoClientError(RyftError, RuntimeError):
    """A check needs a client, and the plugin could not make one."""


class Context:
    """What the checks of one process share."""

    def __init__(self, plugin: Plugin, options: Mapping[str, object]) -> None:
        self.plugin = plugin
        self.options = options

    @cached_property
    def _client(self) -> Client | PjrtError:
        try:
            return self.plugin.client(self.options or None)
        except PjrtError as error:
            return error

    @property
    def client(self) -> Client:
        """A client of the plugin.

        Raises:
            NoClientError: If the plugin could not make one.
        """
        if isinstance(self._client, PjrtError):
            raise NoClientError(f"no client: {self._client}") from self._client
        return self._client

    @cached_property
    def add(self) -> LoadedExecutable:
        """Program that adds two arrays of eight numbers."""
        return self.client.compile(ADD)

    def eight(self) -> Buffer:
        """Returns a new buffer with the numbers from 0 to 7."""
        return self.client.buffer(numpy.arange(8, dtype=numpy.float32))

    def close(self) -> None:
        """Closes the client, if there is one."""
        if "_client" in self.__dict__ and isinstance(self._client, Client):
            self._client.close()


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        group: Group that it belongs to.
        name: What it checks.
        function: Called with the context; returns what it found, or raises.
    """

    group: str
    name: str
    function: Callable[[Context], object]


CHECKS: dict[str, dict[str, Check]] = {}
"""All checks, by group and name, in the order in which they run."""


def check(group: str, name: str) -> Callable[[Callable[[Context], object]], Callable[[Context], object]]:
    """Makes a function a check."""

    def register(function: Callable[[Context], object]) -> Callable[[Context], object]:
        CHECKS.setdefault(group, {})[name] = Check(group, name, function)
        return function

    return register


def expect(condition: object, what: str) -> None:
    """Raises `ConformanceError` unless `condition` holds."""
    if not condition:
        raise ConformanceError(what)


def expect_equal(actual: object, expected: object, what: str) -> None:
    """Raises `ConformanceError` unless two values, or arrays, are equal, NaN to NaN."""
    if isinstance(expected, numpy.ndarray):
        found = numpy.asarray(actual)
        # Bits are compared: that also holds for data types whose NaN has no comparison.
        same = found.dtype == expected.dtype and found.shape == expected.shape
        same = same and found.tobytes() == numpy.ascontiguousarray(expected).tobytes()
    else:
        same = actual == expected
    if not same:
        raise ConformanceError(f"{what} expected {expected}, but got {actual}")


def refused(function: Callable[[], object]) -> str:
    """Returns the error of PJRT that a call must raise.

    Raises:
        ConformanceError: If it raises none.
        UnimplementedError: If the plugin does not have what is called.
    """
    try:
        function()
    except UnimplementedError:
        raise
    except PjrtError as error:
        return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    raise ConformanceError("expected an error, but there was none")
