"""The callback extension: functions that the runtime calls when something happens to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from ryft_pjrt._arguments import check_type
from ryft_pjrt._completions import report_exception
from ryft_pjrt.clients import Client
from ryft_pjrt.errors import error_to_c
from ryft_xla_sys.errors import PJRT_ERRORS, PjrtError, UnknownError
from ryft_xla_sys.ffi import CData, ffi, lib, text

__all__ = ["PrefatalEvent", "RuntimeEvent", "SliceFailure", "SliceFailureEvent", "invoke_callback", "register_callback"]


class SliceFailure(IntEnum):
    """Why a slice of TPUs could not be built."""

    UNKNOWN = 0
    INITIALIZATION = 1
    WORKER_UNAVAILABLE = 2
    FLAPPING_TASK = 3
    INJECTED = 4
    CHIP_DRIVER = 5


@dataclass(frozen=True)
class SliceFailureEvent:
    """A slice of TPUs has failed."""

    failure: SliceFailure


@dataclass(frozen=True)
class PrefatalEvent:
    """The runtime is about to end the process because of `error`."""

    error: PjrtError


RuntimeEvent: TypeAlias = SliceFailureEvent | PrefatalEvent

_kept: list[object] = []


def register_callback(
    client: Client, kind: type[SliceFailureEvent] | type[PrefatalEvent], function: Callable[[RuntimeEvent], object]
) -> None:
    """Has `function(event)` called, on a thread of the plugin, for each event of a kind, for ever.

    What the function raises is reported through `threading.excepthook`.

    Raises:
        UnimplementedError: If the plugin does not have the extension, as on the CPU, or no events of that kind.
    """

    def call(arguments: CData, user: CData) -> None:
        try:
            function(_read(kind, arguments))
        except BaseException as error:  # Nothing may leave a function that C calls.
            report_exception(error)

    check_type("client", client, Client, "a client")
    client._api.extension_function("Callback", "register_callback")
    callback = ffi.callback("void (*)(void *, void *)", call)
    _kept.append(callback)  # There is no way to take it back.
    with client._pin() as pointer:
        client._api.call_extension("Callback", "register_callback", client=pointer, type=_type(kind), callback=callback)


def invoke_callback(client: Client, event: RuntimeEvent) -> None:
    """Calls the callbacks that are registered for the kind of an event, as if it had happened.

    Raises:
        UnimplementedError: If the plugin does not have the extension, as on the CPU.
    """
    check_type("client", client, Client, "a client")
    check_type("event", event, (PrefatalEvent, SliceFailureEvent), "an event of the runtime")
    keep: list[object] = []
    if isinstance(event, PrefatalEvent):
        code, message, size = error_to_c(event.error)
        keep.append(message)
        arguments = ffi.new("PJRT_Callback_PrefatalArgs *")
        arguments.struct_size = lib.PJRT_Callback_PrefatalArgs_STRUCT_SIZE
        arguments.error_code, arguments.error_message, arguments.error_message_size = code, message, size
    else:
        arguments = ffi.new("PJRT_Callback_Tpu_SliceBuilderArgs *")
        arguments.struct_size = lib.PJRT_Callback_Tpu_SliceBuilderArgs_STRUCT_SIZE
        arguments.failure_type = event.failure
    with client._pin() as pointer:
        client._api.call_extension(
            "Callback", "invoke_callback", client=pointer, type=_type(type(event)), args=arguments
        )


def _type(kind: type[RuntimeEvent]) -> int:
    if kind is PrefatalEvent:
        return lib.PJRT_Callback_Type_Prefatal
    return lib.PJRT_Callback_Type_Tpu_SliceBuilder


def _read(kind: type[RuntimeEvent], arguments: CData) -> RuntimeEvent:
    if kind is PrefatalEvent:
        given = ffi.cast("PJRT_Callback_PrefatalArgs *", arguments)
        error = PJRT_ERRORS.get(given.error_code, UnknownError)
        return PrefatalEvent(error(text(given.error_message, given.error_message_size)))
    failure = ffi.cast("PJRT_Callback_Tpu_SliceBuilderArgs *", arguments).failure_type
    known = failure in SliceFailure._value2member_map_
    return SliceFailureEvent(SliceFailure(failure) if known else SliceFailure.UNKNOWN)
