"""Execution: the checked, reentrant path from buffers to buffers through one C function."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NoReturn

from ryft_xla_sys.ffi import NULL, ffi, lib

from ryft_pjrt._objects import LauncherBase
from ryft_pjrt.buffers import Buffer
from ryft_pjrt.errors import ArgumentError, ArgumentTypeError, BufferInUseError, ClosedError, RyftError

if TYPE_CHECKING:
    from ryft_pjrt.devices import Device
    from ryft_pjrt.executables import LoadedExecutable

__all__ = ["Launcher"]


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
    """

    __slots__ = ("_api", "_client", "_keep", "devices", "donated", "output_types", "parameter_types")

    def __init__(self, executable: LoadedExecutable, donate: Iterable[int] = (), device: Device | None = None) -> None:
        """Prepares executions of `executable`.

        Args:
            executable: Executable to launch.
            donate: Indices of the arguments to donate.
            device: Device to execute on, for a program that was compiled to run on any.

        Raises:
            ArgumentError: If there is no such argument.
        """
        self.devices: tuple[Device, ...] = executable.devices if device is None else (device,)
        self.parameter_types = executable.parameter_types
        self.output_types = executable.output_types
        self.donated: tuple[int, ...] = tuple(sorted(set(donate)))
        self._client = executable.client
        self._api = api = executable._api
        count = len(self.parameter_types)
        for index in self.donated:
            if not 0 <= index < count:
                raise ArgumentError(f"`donate` expected indices of {count} argument(s), but got {index}")
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
        address = int(ffi.cast("uintptr_t", launcher))
        super().__init__(address, Buffer, self._client, self.output_types, self.devices)

    def _fail(self, status: int, arguments: Sequence[object]) -> NoReturn:
        """Raises the error for the status of a failed execution; called by the native layer."""
        if status == lib.RYFT_EXECUTE_ERROR:
            raise self._api.exception(lib.ryft_execute_error(), "PJRT_LoadedExecutable_Execute")
        if status == lib.RYFT_EXECUTE_CLOSED:
            raise ClosedError("cannot execute a program because its executable, or its client, has been closed")
        if status == lib.RYFT_EXECUTE_NO_MEMORY:
            raise MemoryError("cannot allocate the arguments or outputs of an execution")
        rows, columns = len(self.devices), len(self.parameter_types)
        if len(arguments) != rows * columns:
            where = f" for each of {rows} devices" if rows > 1 else ""
            raise ArgumentError(f"the program expected {columns} argument(s){where}, but got {len(arguments)}")
        for position, argument in enumerate(arguments):
            error = self._error(argument, *divmod(position, columns))
            if error is not None:
                raise error
        raise ClosedError("an argument was closed or donated meanwhile, or is donated and given more than once")

    def _error(self, argument: object, row: int, column: int) -> RyftError | None:
        """Returns what is wrong with one argument."""
        expected, device = self.parameter_types[column], self.devices[row]
        name = f"argument {column}" + (f" of device {row}" if len(self.devices) > 1 else "")
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
