"""Contexts that change how what is inside them is traced: `disable_jit` and `named_scope`."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from threading import local
from typing import Any

from ryft_core.errors import ArgumentTypeError
from ryft_core.tracing.evaluation import EvalTrace
from ryft_core.tracing.traces import STATE, using_trace

__all__ = ["ImmediateTrace", "disable_jit", "immediate", "named_scope"]


class ImmediateTrace(EvalTrace):
    """Runs every primitive at once, and keeps `jit` and loops from tracing."""

    __slots__ = ()


class _Inside(local):
    """Whether this thread is in a `disable_jit` that is inside a transformation."""

    disabled = False


_INSIDE = _Inside()


def immediate() -> bool:
    """Returns whether a `disable_jit` is around."""
    if _INSIDE.disabled:
        return True
    trace: Any = STATE.trace
    while not isinstance(trace, EvalTrace):
        trace = trace.parent
    return isinstance(trace, ImmediateTrace)


@contextmanager
def disable_jit() -> Generator[None]:
    """Runs what is inside step by step: `jit` calls the function as it is, and loops are loops of Python.

    All values are concrete then, so that they can be printed and a debugger shows them. Transformations still work.
    Inside a function that is transformed, values stay what they are there: a loop whose condition is traced stays one.

    Example:
        >>> from ryft_core.transforms.jit import jit
        >>> with disable_jit():
        ...     float(jit(lambda x: x + 1 if x > 0 else x)(1.0))
        2.0
    """
    if isinstance(STATE.trace, EvalTrace):
        with using_trace(ImmediateTrace()):
            yield
        return
    before, _INSIDE.disabled = _INSIDE.disabled, True
    try:
        yield
    finally:
        _INSIDE.disabled = before


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
