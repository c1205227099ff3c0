"""Python callbacks for events. One Python thread drains a native queue, so no thread of a plugin runs Python code."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable

from ryft_xla_sys import Api
from ryft_xla_sys.errors import PjrtError
from ryft_xla_sys.ffi import NULL, CData, ffi, lib

__all__ = [
    "COMPLETION_DELETED",
    "COMPLETION_READY",
    "drop_completion",
    "new_completion",
    "on_completion",
    "report_exception",
]

COMPLETION_READY: CData = ffi.addressof(lib, "ryft_completion_ready")
"""Completion callback for `PJRT_Event_OnReady`, with a completion as its argument."""

COMPLETION_DELETED: CData = ffi.addressof(lib, "ryft_completion_deleted")
"""Completion callback for `PJRT_Client_CreateViewOfDeviceBuffer`, with a completion as its argument."""

Function = Callable[[PjrtError | None], object]

_pending: dict[int, tuple[Api, Function]] = {}
_tokens = itertools.count(1)
_lock = threading.Lock()
_thread: threading.Thread | None = None


def report_exception(failure: BaseException) -> None:
    """Hands what a callback has raised to `threading.excepthook`, as if it had ended the thread that it ran on."""
    arguments = threading.ExceptHookArgs((type(failure), failure, failure.__traceback__, threading.current_thread()))
    try:
        threading.excepthook(arguments)
    except BaseException:  # A hook that fails must not end the thread either.
        threading.__excepthook__(arguments)


def _drain() -> None:
    error = ffi.new("PJRT_Error **")
    while True:
        token = lib.ryft_completion_next(error)
        api, function = _pending.pop(token)
        try:
            function(None if error[0] == NULL else api.exception(error[0]))
        except BaseException as failure:  # Also a KeyboardInterrupt: nothing above this frame could handle it.
            report_exception(failure)
        # Nothing may be kept alive while the thread sleeps.
        del function


def _forked() -> None:
    global _lock, _thread
    _lock = threading.Lock()
    _thread = None
    _pending.clear()


os.register_at_fork(after_in_child=_forked)


def new_completion(api: Api, function: Function) -> CData:
    """Returns a native completion that has `function(error)` called when it is handed to a completion callback.

    It must be handed over exactly once: nothing is freed before.
    """
    global _thread
    with _lock:
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_drain, name="ryft-pjrt-completions", daemon=True)
            _thread.start()
    token = next(_tokens)
    completion = lib.ryft_completion_new(token)
    if completion == NULL:
        raise MemoryError("cannot allocate a completion")
    _pending[token] = (api, function)
    return completion


def drop_completion(completion: CData) -> None:
    """Frees a completion that will not be handed over, because the call that should have done so failed."""
    _pending.pop(lib.ryft_completion_token(completion), None)
    lib.ryft_completion_drop(completion)


def on_completion(api: Api, event: CData, function: Function) -> None:
    """Has `function(error)` called, on the thread for callbacks, once the `PJRT_Event *` has completed."""
    completion = new_completion(api, function)
    try:
        api.call("PJRT_Event_OnReady", event=event, callback=COMPLETION_READY, user_arg=completion)
    except BaseException:
        drop_completion(completion)
        raise
