"""Tracebacks of errors: the user's frames and the one that raised, without what lies between in Ryft.

Every function that users call and that calls theirs (what `jit`, `grad` and `vmap` return, `scan`, `cond`, …) is a
*boundary*. An exception that leaves it stays the same object, with its notes, cause and context; only the frames inside
Ryft are taken out of its traceback, and an error of Ryft's own is told which transformation it went through.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from ryft_core.errors import RyftError, noted

__all__ = ["boundary", "internal_frames_are_shown", "leaving", "show_internal_frames", "without_internal_frames"]

P = ParamSpec("P")
R = TypeVar("R")

_PACKAGES = frozenset({"jaxlib", "ryft", "ryft_core", "ryft_mlir", "ryft_pjrt", "ryft_xla_sys"})
_SHOWN = [os.environ.get("RYFT_TRACEBACKS", "short") == "full"]


def show_internal_frames(show: bool = True) -> None:
    """Makes tracebacks of errors show the frames inside Ryft as well, or hides them again.

    The environment variable `RYFT_TRACEBACKS=full` shows them from the start.
    """
    _SHOWN[0] = show


def internal_frames_are_shown() -> bool:
    """Returns whether tracebacks show the frames inside Ryft."""
    return _SHOWN[0]


def boundary(
    transformation: str | None = None, function: Callable[..., Any] | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Returns a decorator for a function that users call: exceptions leave it without frames inside Ryft.

    Args:
        transformation: Name for the note of an error, as in "in `grad` of `loss`"; there is no note without one.
        function: The user's function that is transformed, whose name and documentation the decorated one takes.
    """

    def decorate(inner: Callable[P, R]) -> Callable[P, R]:
        @wraps(inner if function is None else function)
        def bounded(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return inner(*args, **kwargs)
            except Exception as error:
                leaving(error, transformation, function)
                raise

        return bounded

    return decorate


def leaving(error: Exception, transformation: str | None, function: Callable[..., Any] | None) -> None:
    """Does to an exception what a boundary does. To be followed by a bare `raise`, in the same frame."""
    if transformation is not None and isinstance(error, RyftError):
        name = getattr(function, "__name__", None) or type(function).__name__
        noted(error, f"in `{transformation}`" if function is None else f"in `{transformation}` of `{name}`")
    if not _SHOWN[0]:
        without_internal_frames(error)


def without_internal_frames(error: BaseException) -> None:
    """Takes the frames inside Ryft, but for the one that raised, out of the tracebacks of `error` and its causes."""
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        each = pending.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        each.__traceback__ = _trimmed(each.__traceback__)
        pending += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            pending += each.exceptions


def _trimmed(traceback: TracebackType | None) -> TracebackType | None:
    entries: list[TracebackType] = []
    while traceback is not None:
        entries.append(traceback)
        traceback = traceback.tb_next
    kept: TracebackType | None = None
    for entry in reversed(entries):
        if kept is None or not _is_internal(entry):
            kept = TracebackType(kept, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return kept


def _is_internal(entry: TracebackType) -> bool:
    module = entry.tb_frame.f_globals.get("__name__")
    return isinstance(module, str) and module.partition(".")[0] in _PACKAGES
