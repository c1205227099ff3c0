"""Execution: the checked, reentrant path from buffers to buffers through one C function."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NoReturn, Protocol, runtime_checkable

from ryft_pjrt._arguments import check_integer, check_plugin, check_type
from ryft_pjrt._objects import LauncherBase
from ryft_pjrt._owners import OwnedObject, closed_error
from ryft_pjrt.buffers import Buffer
from ryft_pjrt.errors import ArgumentError, ArgumentTypeError, BufferInUseError, ClosedError, RyftError
from ryft_pjrt.events import Event
from ryft_xla_sys import Api
from ryft_xla_sys.ffi import NULL, CData, ffi, lib

if TYPE_CHECKING:
    from ryft_pjrt.devices import Device
    from ryft_pjrt.loaded_executables import LoadedExecutable

__all__ = ["DeviceOutputs", "ExecutionContext", "HostCallback", "Launcher", "execute"]


@runtime_checkable
class HostCallback(Protocol):
    """Callback of a program that exchanges data with the host while it runs.

    Attributes:
        kind: `send` or `receive`, as the program sees it.
    """

    kind: ClassVar[str]

    def fill(self, target: CData, keep: list[object]) -> None:
        """Writes the callback to a C struct, and adds to `keep` what must stay alive until the program has finished."""
        ...


class Launcher(LauncherBase):
    """Executes one loaded executable with everything prepared that stays the same between executions.

    Called with a sequence of buffers, for all parameters of the first device, then of the second, and so on, it checks
    them, executes, and returns the list of outputs of all devices without waiting for them. It can be called from any
    number of threads at once. A call raises

    - `ArgumentError` if the number, the type, or the device of an argument is not what the program expects;
    - `ArgumentTypeError` if an argument is not a buffer;
    - `BufferInUseError` if an argument is to be donated while something else uses it;
    - `ClosedError` if an argument or the executable is closed;
    - `PjrtError` if the execution cannot be started.

    Attributes:
        devices: Devices that it runs on: one row of arguments and one row of outputs for each.
        donated: Arguments whose memory the execution may take over; their buffers are dead afterwards.
        parameter_types: Element type and shape of each parameter on one device.
        output_types: Element type and shape of each output on one device.
        address: Address of the `ryft_launcher`, for native callers; valid as long as this object is.
    """

    __slots__ = ("_api", "_client", "_keep", "address", "devices", "donated", "output_types", "parameter_types")

    def __init__(self, executable: LoadedExecutable, donate: Iterable[int] = (), device: Device | None = None) -> None:
        """Prepares executions of `executable`.

        Args:
            executable: Executable to launch.
            donate: Indices of the arguments to donate.
            device: Device to execute on, for a program that was compiled to run on any.

        Raises:
            ArgumentError: If there is no such argument.
        """
        if device is not None:
            device, _memory = executable.client._placement(device)
        self.devices: tuple[Device, ...] = executable.devices if device is None else (device,)
        if not self.devices:
            raise ArgumentError(f"`{executable!r}` runs on any one device: pass `device`")
        self.parameter_types = executable.parameter_types
        self.output_types = executable.output_types
        self._client = executable.client
        self._api = api = executable._api
        count = len(self.parameter_types)
        for index in donate:
            if not 0 <= check_integer("donate", index, -(2**63), 2**63 - 1) < count:
                raise ArgumentError(f"`donate` expected indices of {count} argument(s), but got {index}")
        self.donated: tuple[int, ...] = tuple(sorted(set(donate)))
        kept = [index for index in range(count) if index not in self.donated]
        arrays = {
            "devices": ffi.new("void *[]", [device._handle for device in self.devices]),
            "argument_types": ffi.new("int32_t[]", [type.index for type in self.parameter_types]),
            "output_types": ffi.new("int32_t[]", [type.index for type in self.output_types]),
            "non_donatable": ffi.new("int64_t[]", kept),
            "donated": ffi.new("size_t[]", self.donated),
        }
        launcher = ffi.new(
            "ryft_launcher *",
            {
                **arrays,
                "client": self._client._owner,
                "executable": executable._owner,
                "execute": api.function("PJRT_LoadedExecutable_Execute"),
                "destroy_buffer": api.function("PJRT_Buffer_Destroy"),
                "is_deleted": api.function("PJRT_Buffer_IsDeleted"),
                "device_count": len(self.devices),
                "execute_device": NULL if device is None else device._handle,
                "argument_count": count,
                "output_count": len(self.output_types),
                "non_donatable_count": len(kept),
                "donated_count": len(self.donated),
            },
        )
        # The native launcher points into the arrays, and to the executable's owner. It does not need the executable's
        # wrapper, which may itself hold this launcher.
        self._keep = (launcher, arrays, executable._box)
        self.address = int(ffi.cast("uintptr_t", launcher))
        super().__init__(self.address, Buffer, self._client, self.output_types, self.devices)

    def _fail(self, status: int, arguments: Sequence[object]) -> NoReturn:
        """Raises the error for the status of a failed execution; called by the native layer."""
        if status == lib.RYFT_EXECUTE_ERROR:
            raise self._api.exception(lib.ryft_execute_error(), "PJRT_LoadedExecutable_Execute")
        if status == lib.RYFT_EXECUTE_CLOSED:
            raise closed_error("executable", self._keep[2].pointer)
        if status == lib.RYFT_EXECUTE_NO_MEMORY:
            raise MemoryError("cannot allocate the arguments or outputs of an execution")
        rows, columns = len(self.devices), len(self.parameter_types)
        if len(arguments) != rows * columns:
            where = f" for each of {rows} devices" if rows > 1 else ""
            raise ArgumentError(f"the program expected {columns} argument(s){where}, but got {len(arguments)}")
        for position, argument in enumerate(arguments):
            error = self._error(argument, *divmod(position, columns)) or self._repetition(arguments, position)
            if error is not None:
                raise error
        raise ClosedError("an argument was closed or donated by another thread meanwhile")

    def _name(self, position: int) -> str:
        row, column = divmod(position, len(self.parameter_types))
        return f"argument {column}" + (f" of device {row}" if len(self.devices) > 1 else "")

    def _repetition(self, arguments: Sequence[object], position: int) -> RyftError | None:
        """Returns what is wrong if a donated argument is given twice."""
        if position % len(self.parameter_types) not in self.donated:
            return None
        others = [i for i, argument in enumerate(arguments) if argument is arguments[position] and i != position]
        if not others:
            return None
        error = BufferInUseError(
            f"{self._name(position)} cannot be donated because {self._name(others[0])} is the same buffer"
        )
        error.add_note("hint: donate a copy of the buffer, or donate nothing")
        return error

    def _error(self, argument: object, row: int, column: int) -> RyftError | None:
        """Returns what is wrong with one argument."""
        expected, device = self.parameter_types[column], self.devices[row]
        name = self._name(row * len(self.parameter_types) + column)
        error: RyftError | None = None
        if not isinstance(argument, Buffer):
            error = ArgumentTypeError(f"{name} expected a buffer, but got `{type(argument).__name__}`")
            error.add_note("hint: make one with `client.buffer(array)`")
        elif argument.client is not self._client:
            error = ArgumentError(f"{name} expected a buffer of the executable's client, but got one of another client")
        elif argument.closed:
            error = ClosedError(f"{name} has been closed or donated, or its client has been closed")
        elif argument.type is not expected:
            error = ArgumentError(f"{name} expected {expected}, but got {argument.type}")
        elif argument.device is not device:
            error = ArgumentError(f"{name} expected a buffer on {device}, but got one on {argument.device}")
            error.add_note("hint: copy it there with `buffer.copy_to_device(device)`")
        elif column in self.donated and lib.ryft_owner_pins(argument._owner):
            error = BufferInUseError(f"{name} cannot be donated because a view of its memory, or a call, is using it")
        return error


class ExecutionContext(OwnedObject):
    """Where custom calls find data that belongs to one execution."""

    __slots__ = ("_kept",)

    _subject = "execution context"

    def __init__(self, api: Api) -> None:
        super().__init__(api, api.call("PJRT_ExecuteContext_Create").context, "PJRT_ExecuteContext_Destroy")
        self._kept: list[object] = []


@dataclass(frozen=True)
class DeviceOutputs:
    """What an execution gives on one device.

    Attributes:
        outputs: Outputs, ready at some later time.
        done: Event that completes when the execution has finished on the device.
    """

    outputs: tuple[Buffer, ...]
    done: Event[tuple[Buffer, ...]]


def _callback_rows(
    callbacks: Sequence[Sequence[HostCallback]], rows: int, kind: str, keep: list[object]
) -> tuple[CData, int]:
    """Returns the callbacks of all devices as C arrays, and how many each device has."""
    check_type(f"{kind}_callbacks", callbacks, (list, tuple), "a list of callbacks for each device")
    if not callbacks:
        return NULL, 0
    for row in callbacks:
        check_type(f"{kind}_callbacks", row, (list, tuple), "a list of callbacks for each device")
        for callback in row:
            if not isinstance(callback, HostCallback) or callback.kind != kind:  # pyright: ignore[reportUnnecessaryIsInstance]
                raise ArgumentTypeError(
                    f"`{kind}_callbacks` expected {kind} callbacks, but got `{type(callback).__name__}`"
                )
    count = len(callbacks[0])
    if len(callbacks) != rows or any(len(row) != count for row in callbacks):
        raise ArgumentError(
            f"`{kind}_callbacks` expected equally many callbacks for each of {rows} device(s), "
            f"but got {[len(row) for row in callbacks]}"
        )
    name = {"send": "PJRT_SendCallbackInfo", "receive": "PJRT_RecvCallbackInfo"}[kind]
    arrays: list[CData] = []
    for row in callbacks:
        array = ffi.new(f"{name}[]", count)
        for target, callback in zip(array, row, strict=True):
            callback.fill(target, keep)
        arrays.append(array)
    outer = ffi.new(f"{name} *[]", arrays)
    keep += [outer, *arrays]
    return outer, count


def execute(
    launcher: Launcher,
    arguments: Sequence[Buffer],
    *,
    launch_id: int,
    context: ExecutionContext | None,
    call_location: str | None,
    incarnations: Mapping[int, int],
    send_callbacks: Sequence[Sequence[HostCallback]],
    receive_callbacks: Sequence[Sequence[HostCallback]],
) -> list[DeviceOutputs]:
    """Implements `LoadedExecutable.execute`."""
    rows, columns = len(launcher.devices), len(launcher.output_types)
    if call_location is not None:
        check_type("call_location", call_location, str, "text")
        if "\0" in call_location:
            raise ArgumentError(f"`call_location` expected text without null characters, but got {call_location!r}")
    check_integer("launch_id", launch_id, -(2**31), 2**31 - 1)
    if context is not None:
        check_type("context", context, ExecutionContext, "an execution context")
        check_plugin("context", context._api, launcher._api)
    check_type("incarnations", incarnations, Mapping, "a mapping of processes to their incarnations")
    for process, incarnation in incarnations.items():
        check_integer("incarnations", process, 0, 2**31 - 1)
        check_integer("incarnations", incarnation, -(2**63), 2**63 - 1)
    keep: list[object] = [arguments, context]
    kept = [index for index in range(len(launcher.parameter_types)) if index not in launcher.donated]
    fields: dict[str, object] = {
        "struct_size": lib.PJRT_ExecuteOptions_STRUCT_SIZE,
        "launch_id": launch_id,
        "non_donatable_input_indices": ffi.new("int64_t[]", kept),
        "num_non_donatable_input_indices": len(kept),
        "call_location": NULL if call_location is None else ffi.new("char[]", call_location.encode()),
        "num_tasks": len(incarnations),
        "task_ids": ffi.new("int[]", list(incarnations.keys())),
        "incarnation_ids": ffi.new("int64_t[]", list(incarnations.values())),
    }
    fields["send_callbacks"], fields["num_send_ops"] = _callback_rows(send_callbacks, rows, "send", keep)
    fields["recv_callbacks"], fields["num_recv_ops"] = _callback_rows(receive_callbacks, rows, "receive", keep)
    events = ffi.new("PJRT_Event *[]", rows)
    with contextlib.ExitStack() as stack:
        if context is not None:
            fields["context"] = stack.enter_context(context._pin())
        options = ffi.new("PJRT_ExecuteOptions *", fields)
        outputs = launcher._launch(arguments, int(ffi.cast("uintptr_t", options)), int(ffi.cast("uintptr_t", events)))
    result: list[DeviceOutputs] = []
    for row in range(rows):
        own = tuple(outputs[row * columns : (row + 1) * columns])
        # The callbacks and the context are in use until the program has finished.
        needed = keep if context is not None or send_callbacks or receive_callbacks else None
        result.append(DeviceOutputs(own, Event(launcher._api, events[row], own, keep=needed)))
    return result
