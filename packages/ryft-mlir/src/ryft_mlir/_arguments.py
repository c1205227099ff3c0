"""Checks of what callers hand in, so that mistakes get a message of ours and never reach MLIR."""

from __future__ import annotations

import enum
import operator
import re
import reprlib
from collections.abc import Iterable
from typing import Any, TypeVar

import numpy

from ryft_xla_sys.mlir import ir

from .errors import ContextError, ParseError

__all__ = ["array", "check_context", "check_kind", "check_nesting", "member", "number", "numbers", "own", "text"]

_HALF = 1 << 63

T = TypeVar("T")
E = TypeVar("E", bound=enum.Enum)

_DEEPEST = 1000
_OPENING, _CLOSING = b"([{<", b")]}>"
_STEPS = numpy.array([(byte in _OPENING) - (byte in _CLOSING) for byte in range(256)], numpy.int64)
_IGNORED = re.compile(rb'"(?:[^"\\]|\\.)*"|->|[>=]=|=>')


def number(value: Any, subject: str, low: float = -_HALF, high: float = _HALF - 1) -> int:
    """Returns an integer of a range.

    Raises:
        TypeError: If `value` is not an integer.
        ValueError: If it is out of range.
    """
    try:
        result = operator.index(value)
    except TypeError:
        raise TypeError(f"{subject} expected an integer, but got {reprlib.repr(value)}") from None
    if not low <= result <= high:
        raise ValueError(f"{subject} expected an integer from {low} to {high}, but got {result}")
    return result


def numbers(values: Iterable[Any], subject: str, low: float = -_HALF, high: float = _HALF - 1) -> list[int]:
    """Returns integers of a range as a list.

    Raises:
        TypeError: If `values` is not a sequence of integers.
        ValueError: If one is out of range.
    """
    return [number(value, subject, low, high) for value in array(values, subject, "integers")]


def array(values: Iterable[T], subject: str, what: str) -> list[T]:
    """Returns the members of a sequence as a list.

    Raises:
        TypeError: If `values` is not a sequence, or is a string.
    """
    if isinstance(values, (str, bytes)):
        raise TypeError(f"{subject} expected a sequence of {what}, but got {reprlib.repr(values)}")
    try:
        return list(values)
    except TypeError:
        raise TypeError(f"{subject} expected a sequence of {what}, but got {reprlib.repr(values)}") from None


def text(value: Any, subject: str) -> str:
    """Returns a string.

    Raises:
        TypeError: If `value` is not a string.
        ValueError: If it cannot be written as UTF-8.
    """
    if not isinstance(value, str):
        raise TypeError(f"{subject} expected a string, but got {reprlib.repr(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"{subject} expected text that can be written as UTF-8, but got {reprlib.repr(value)}"
        ) from None
    return value


def check_kind(value: Any, kind: type[Any], subject: str, what: str) -> None:
    """Raises unless `value` is of a kind.

    Raises:
        TypeError: If it is not.
    """
    if not isinstance(value, kind):
        raise TypeError(f"{subject} expected {what}, but got {reprlib.repr(value)}")


def check_context(value: Any, subject: str) -> None:
    """Raises unless `value` is a `Context`.

    Raises:
        TypeError: If it is not.
    """
    # By what it holds, because the module of the class needs this one.
    if not isinstance(getattr(value, "_raw", None), ir.Context):
        raise TypeError(f"{subject} expected a `Context`, but got {reprlib.repr(value)}")


def member(kind: type[E], value: Any) -> E:
    """Returns the member of an enumeration that `value` is, or is the value of.

    Raises:
        ValueError: If there is none.
    """
    try:
        return kind(value)
    except ValueError:
        names = ", ".join(str(item.value) for item in kind)
        raise ValueError(f"`{kind.__name__}` expected one of {names}, but got {value!r}") from None


def own(context: Any, value: Any, kind: type[T] | tuple[type[Any], ...], noun: str) -> T:
    """Returns an object of a kind that belongs to `context`.

    Raises:
        ContextError: If it belongs to another context.
        TypeError: If it is of another kind.
    """
    if not isinstance(value, kind):
        article = "an" if noun[0] in "aeiou" else "a"
        raise TypeError(f"expected {article} {noun}, but got {reprlib.repr(value)}")
    if value._context is not context:
        raise ContextError(f"{noun} `{value}` belongs to another context")
    return value


def check_nesting(source: str | bytes, what: str) -> None:
    """Raises if brackets in text are nested so deeply that MLIR's parser, which is recursive, would end the process.

    Raises:
        ParseError: If so.
    """
    data = source.encode() if isinstance(source, str) else source
    if sum(data.count(byte) for byte in _OPENING) <= _DEEPEST:
        return
    codes = numpy.frombuffer(_IGNORED.sub(b"", data), numpy.uint8)
    depth = int(numpy.cumsum(_STEPS[codes]).max(initial=0))
    if depth > _DEEPEST:
        raise ParseError(f"cannot parse {what}: expected brackets nested at most {_DEEPEST} deep, but got {depth}")
