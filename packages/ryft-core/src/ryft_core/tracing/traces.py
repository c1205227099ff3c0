"""Traces and the current trace.

A primitive that is applied is processed by the *current trace*: `EvalTrace` runs it, `ProgramTrace` records it, the
traces of the transformations rewrite it into primitives that their parent trace processes. Tracers of any other trace
are constants to a trace. So there is no stack to search, and a value of an outer transformation can never be confused
with one of an inner (compare "stackless" tracing in JAX).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ryft_core._native import State

if TYPE_CHECKING:
    from ryft_core.primitives.base import Primitive

__all__ = ["STATE", "Trace", "current_trace", "using_trace"]

T = TypeVar("T", bound="Trace")


class Trace:
    """Processes primitives while it is the current trace."""

    __slots__ = ("__weakref__",)

    def process(self, primitive: Primitive, operands: tuple[Any, ...]) -> Any:
        """Returns the result (a tuple of results, if the primitive has several) of `primitive` for `operands`."""
        raise NotImplementedError

    def axis_size(self, name: object) -> int | None:
        """Returns the size of the mapped axis called `name`, or `None` if no enclosing `vmap` has it."""
        raise NotImplementedError


STATE = State()
"""What differs from thread to thread: `trace`, the current trace. `base` is the trace that evaluates."""


def set_base_trace(trace: Trace) -> None:
    """Makes `trace` the one that is current outside any transformation, in every thread."""
    STATE.base = trace
    STATE.trace = trace


def current_trace() -> Trace:
    """Returns the trace that processes primitives at present, in this thread."""
    return STATE.trace


class using_trace(Generic[T]):  # noqa: N801 (reads as a statement)
    """Context manager that makes a trace current."""

    __slots__ = ("previous", "trace")

    def __init__(self, trace: T) -> None:
        self.trace = trace

    def __enter__(self) -> T:
        self.previous = STATE.trace
        STATE.trace = self.trace
        return self.trace

    def __exit__(self, *_: object) -> None:
        STATE.trace = self.previous
