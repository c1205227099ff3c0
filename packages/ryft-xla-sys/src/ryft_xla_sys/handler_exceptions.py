"""What Python handlers of the XLA FFI have raised, for the errors of the executions that failed because of it."""

from __future__ import annotations

import itertools
import re
import threading
from collections import OrderedDict

__all__ = ["keep_exception", "recover_exception"]

_KEPT_EXCEPTIONS = 64
_REFERENCE = re.compile(r"\[exception (\d+) of a Python handler\]")

_exceptions: OrderedDict[int, BaseException] = OrderedDict()
_numbers = itertools.count(1)
_lock = threading.Lock()


def keep_exception(exception: BaseException) -> str:
    """Keeps an exception, and returns the text by which an error message refers to it."""
    with _lock:
        number = next(_numbers)
        _exceptions[number] = exception
        while len(_exceptions) > _KEPT_EXCEPTIONS:
            _exceptions.popitem(last=False)
    return f"[exception {number} of a Python handler]"


def recover_exception(message: str) -> BaseException | None:
    """Returns the exception of a handler that an error message of an execution refers to, if it is still known.

    The latest 64 exceptions are kept: the event of an execution and each of its outputs report the same one.
    """
    found = _REFERENCE.search(message)
    return _exceptions.get(int(found[1])) if found else None
