"""Contexts that change how what is inside them is traced: `disable_jit` and `named_scope`."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from ryft_core.errors import ArgumentTypeError
from ryft_core.tracing.evaluation import EvalTrace
from ryft_core.tracing.traces import STATE, Trace, using_trace

__all__ = ["ImmediateTrace", "disable_jit", "immediate", "named_scope"]


class ImmediateTrace(EvalTrace):
    """Runs every primitive at once, and keeps `jit` and loops from tracing."""

    __slots__ = ()


def immediate() -> Trace | None:
    """Returns the trace of the `disable_jit` around, or `None` if there is none or a program is being traced."""
    trace: Any = STATE.trace
    while not isinstance(trace, EvalTrace):
        trace = trace.parent
    return trace if isinstance(trace, ImmediateTrace) else None


@contextmanager
def disable_jit() -> Generator[None]:
    """Runs what is inside step by step: `jit` calls the function as it is, and loops are loops of Python.

    All values are concrete then, so that they can be printed and a debugger shows them. Transformations still work.

    Example:
        >>> from ryft_core.transforms.jit import jit
        >>> with disable_jit():
        ...     float(jit(lambda x: x + 1 if x > 0 else x)(1.0))
        2.0
    """
    with using_trace(ImmediateTrace()):
        yield


@contextmanager
def named_scope(name: str) -> Generator[None]:
    """Puts the operations inside under a name, which the program's text, profiles and error messages show.

    Args:
        name: Name of the scope; scopes inside one another are joined by slashes.

    Raises:
        TypeError: If the name is not a string.
    """
    if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ArgumentTypeError(f"`named_scope` expected a string, but got a `{type(name).__name__}`")
    changed: list[tuple[Any, tuple[str, ...]]] = []
    trace: Any = STATE.trace
    while not isinstance(trace, EvalTrace):
        changed.append((trace, trace.scope))
        trace.scope = (*trace.scope, name)
        trace = trace.parent
    try:
        yield
    finally:
        for changed_trace, scope in changed:
            changed_trace.scope = scope
