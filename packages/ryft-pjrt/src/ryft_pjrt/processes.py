"""What a client is told of the processes of a distributed program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from ryft_pjrt._arguments import check_integer, check_type
from ryft_pjrt.errors import PjrtError
from ryft_xla_sys.ffi import CData, ffi, lib

__all__ = ["ProcessInformation", "ProcessState", "processes_to_c"]


class ProcessState(IntEnum):
    """State of a process."""

    UNINITIALIZED = 1
    DISCONNECTED = 2
    CONNECTED = 3
    ERROR = 4


@dataclass(frozen=True)
class ProcessInformation:
    """State of one process.

    Attributes:
        process_id: Number of the process.
        incarnation_id: Number that changes when the process is restarted.
        state: Its state.
        error: What it failed with, if its state is `ERROR`.
    """

    process_id: int
    incarnation_id: int
    state: ProcessState
    error: PjrtError | None = None


def _check(process: ProcessInformation) -> None:
    check_type("processes", process, ProcessInformation, "process information")
    check_integer("process_id", process.process_id, 0, 2**31 - 1)
    check_integer("incarnation_id", process.incarnation_id, 0, 2**64 - 1)
    check_type("state", process.state, ProcessState, "a process state")
    if process.error is not None:
        check_type("error", process.error, PjrtError, "a `PjrtError`")


def processes_to_c(processes: Sequence[ProcessInformation]) -> tuple[CData, list[CData]]:
    """Returns a `PJRT_ProcessInfo[]`, and the C objects that must stay alive as long as it is used.

    Raises:
        ArgumentTypeError: If something is not what `ProcessInformation` says; plugins end the process on other states.
        ArgumentError: If a number does not fit.
    """
    check_type("processes", processes, (list, tuple), "a list of process information")
    for process in processes:
        _check(process)
    array = ffi.new("PJRT_ProcessInfo[]", len(processes))
    keep: list[CData] = [array]
    for target, process in zip(array, processes, strict=True):
        message = b"" if process.error is None else str(process.error).encode()
        text = ffi.new("char[]", message)
        keep.append(text)
        target.struct_size = lib.PJRT_ProcessInfo_STRUCT_SIZE
        target.task_id, target.incarnation_id = process.process_id, process.incarnation_id
        target.state = process.state
        target.error_code = 0 if process.error is None else process.error.code
        target.error_message, target.error_message_size = text, len(message)
    return array, keep
