"""Traces and the current trace.

A primitive that is applied is processed by the *current trace*: `EvalTrace` runs it, `ProgramTrace` records it, the
traces of the transformations rewrite it into primitives that their parent trace processes. Tracers of any other trace
are constants to a trace. So there is no stack to search, and a value of an outer transformation can never be confused
with one of an inner (compare "stackless" tracing in JAX).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Generic, TypeVar

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


class _State(threading.local):
    """What differs from thread to thread: the current trace."""

    base: Trace
    """The trace that evaluates; set once by `ryft_core.tracing.evaluation`."""

    trace: Trace

    def __init__(self) -> None:
        # Called once in every thread that touches the state.
        if hasattr(_State, "base"):
            self.trace = _State.base


STATE = _State()


def set_base_trace(trace: Trace) -> None:
    """Makes `trace` the one that is current outside any transformation, in every thread."""
    _State.base = trace
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
