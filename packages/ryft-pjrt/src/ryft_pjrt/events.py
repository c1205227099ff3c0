"""Events: the completion of work that PJRT does asynchronously."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from numbers import Real
from typing import Generic, TypeVar

from ryft_pjrt._completions import on_completion
from ryft_pjrt._owners import OwnedObject
from ryft_pjrt.errors import ArgumentError, ArgumentTypeError, DeadlineExceededError, PjrtError, error_to_c
from ryft_xla_sys import Api
from ryft_xla_sys.ffi import NULL, CData, ffi, lib

__all__ = ["Event", "SettableEvent"]

Result = TypeVar("Result")

# A blocked wait returns to the interpreter this often, so that Ctrl-C works during it.
_WAIT_SLICE = 0.05
_WAITER_READY: CData = ffi.addressof(lib, "ryft_waiter_ready")


def _check_timeout(timeout: object) -> None:
    if not isinstance(timeout, Real):
        raise ArgumentTypeError(f"`timeout` expected a number of seconds, but got `{type(timeout).__name__}`")
    if math.isnan(timeout):
        raise ArgumentError(f"`timeout` expected a number of seconds, but got {timeout}")


class Event(OwnedObject, Generic[Result]):
    """Completion of one piece of asynchronous work, which is running already, with the result that it gives.

    An event can be waited for with `wait`, asked with `done`, given callbacks, or awaited in `asyncio`; all of them as
    often as wanted and from any thread.
    """

    __slots__ = ("_error", "_keep", "_result")

    _subject = "event"

    def __init__(self, api: Api, pointer: CData, result: Result, keep: object = None, parent: CData = NULL) -> None:
        super().__init__(api, pointer, "PJRT_Event_Destroy", parent)
        self._result = result
        self._keep = keep
        self._error: PjrtError | None = None
        if keep is not None:
            # The work uses what `keep` holds, also when nobody looks at this event any more.
            self._on_ready(lambda error, keep=keep: None)

    def done(self) -> bool:
        """Returns whether the work has finished, successfully or not."""
        with self._pin() as pointer:
            return self._api.call("PJRT_Event_IsReady", event=pointer).is_ready

    def wait(self, timeout: float | None = None) -> Result:
        """Waits until the work has finished, and returns its result.

        Args:
            timeout: Longest time to wait, in seconds. Without one, waits as long as it takes.

        Raises:
            ArgumentTypeError: If `timeout` is not a number.
            ArgumentError: If it is not a number of seconds.
            DeadlineExceededError: If the time is over; the work goes on.
            PjrtError: If the work failed.
        """
        if timeout is not None:
            _check_timeout(timeout)
        with self._pin() as pointer:
            if not self._api.call("PJRT_Event_IsReady", event=pointer).is_ready:
                self._wait_until_ready(pointer, timeout)
            # Raises the error of the work.
            self._api.call("PJRT_Event_Error", event=pointer)
        return self._result

    def _wait_until_ready(self, pointer: CData, timeout: float | None) -> None:
        waiter = lib.ryft_waiter_new()
        if waiter == NULL:
            raise MemoryError("cannot allocate a waiter for an event")
        try:
            self._api.call("PJRT_Event_OnReady", event=pointer, callback=_WAITER_READY, user_arg=waiter)
        except BaseException:
            lib.ryft_waiter_drop(waiter)
            lib.ryft_waiter_drop(waiter)
            raise
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            while True:
                left = _WAIT_SLICE if deadline is None else min(_WAIT_SLICE, max(0.0, deadline - time.monotonic()))
                if lib.ryft_waiter_wait(waiter, left):
                    return
                if deadline is not None and time.monotonic() >= deadline:
                    raise DeadlineExceededError(f"`Event.wait` was not finished after {timeout} seconds")
        finally:
            lib.ryft_waiter_drop(waiter)

    def error(self) -> PjrtError | None:
        """Returns the error that the work failed with, or `None` if it succeeded; waits until it has finished."""
        try:
            self.wait()
        except PjrtError as error:
            return error
        return None

    def add_done_callback(self, callback: Callable[[Event[Result]], object]) -> None:
        """Has `callback(event)` called once the work has finished; soon, if it has finished already.

        Callbacks run one after the other on a thread that Ryft keeps for them, never on a thread of the plugin. What a
        callback raises is reported through `threading.excepthook` and changes nothing else.

        Raises:
            ArgumentTypeError: If `callback` cannot be called.
        """
        if not callable(callback):
            raise ArgumentTypeError(f"`callback` expected a function, but got `{type(callback).__name__}`")
        self._on_ready(lambda error: callback(self))

    def _on_ready(self, function: Callable[[PjrtError | None], object]) -> None:
        with self._pin() as pointer:
            on_completion(self._api, pointer, function)

    def __await__(self) -> Generator[object, None, Result]:
        import asyncio  # Whoever awaits has loaded it; for all others it would be a third of our import time.

        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def finish(error: PjrtError | None) -> None:
            def resolve() -> None:
                if not future.done():
                    future.set_result(None) if error is None else future.set_exception(error)

            if not loop.is_closed():
                loop.call_soon_threadsafe(resolve)

        self._on_ready(finish)
        yield from future
        return self._result

    def __repr__(self) -> str:
        state = "closed" if self.closed else "done" if self.done() else "running"
        return f"Event({state})"


class SettableEvent(Event[None]):
    """Event that its creator completes."""

    __slots__ = ("_is_set",)

    def __init__(self, api: Api) -> None:
        """Makes an event that is not complete.

        Raises:
            UnimplementedError: If the plugin is older than PJRT API 0.89.
        """
        self._is_set = False
        super().__init__(api, api.call("PJRT_Event_Create").event, None)

    def set(self, error: PjrtError | None = None) -> None:
        """Completes the event, with an error or without.

        Raises:
            ArgumentError: If it was set before.
        """
        if self._is_set:
            raise ArgumentError("`SettableEvent` expected to be set once, but it was set before")
        code, message, size = (0, NULL, 0) if error is None else error_to_c(error)
        with self._pin() as pointer:
            self._is_set = True
            self._api.call(
                "PJRT_Event_Set",
                event=pointer,
                error_code=code,
                error_message=message,
                error_message_size=size,
            )
