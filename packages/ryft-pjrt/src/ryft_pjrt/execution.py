"""Execution: the checked, reentrant path from buffers to buffers through one C function."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NoReturn

from ryft_xla_sys.ffi import NULL, CData, ffi, lib

from ryft_pjrt.buffers import Buffer
from ryft_pjrt.errors import ArgumentError, ArgumentTypeError, BufferInUseError, ClosedError, RyftError

if TYPE_CHECKING:
    from ryft_pjrt.devices import Device
    from ryft_pjrt.executables import LoadedExecutable

__all__ = ["Launcher"]

_OUTPUTS = ffi.typeof("ryft_owner *[]")
_execute = lib.ryft_execute


class Launcher:
    """Executes one loaded executable with everything prepared that stays the same between executions.

    Calling it checks the arguments, executes, and returns the outputs without waiting for them. It can be called from
    any number of threads at once.

    Attributes:
        executable: Executable that is launched.
        devices: Devices that it runs on: one row of arguments and one row of outputs for each.
        donated: Arguments whose memory the execution may take over; their buffers are dead afterwards.
    """

    __slots__ = ("_keep", "_launcher", "_output_count", "_templates", "devices", "donated", "executable")

    def __init__(self, executable: LoadedExecutable, donated: Iterable[int] = (), device: Device | None = None) -> None:
        self.executable = executable
        self.devices: tuple[Device, ...] = executable.devices if device is None else (device,)
        parameters = executable.parameter_types
        outputs = executable.output_types
        self.donated: tuple[int, ...] = tuple(sorted(set(donated)))
        for index in self.donated:
            if not 0 <= index < len(parameters):
                raise ArgumentError(f"`donate` expected indices below {len(parameters)}, but got {index}")
        kept = [index for index in range(len(parameters)) if index not in self.donated]
        api = executable._api
        fields = {
            "devices": ffi.new("void *[]", [device._handle for device in self.devices]),
            "argument_types": ffi.new("int32_t[]", [type.index for type in parameters]),
            "output_types": ffi.new("int32_t[]", [type.index for type in outputs]),
            "non_donatable": ffi.new("int64_t[]", kept),
            "donated": ffi.new("size_t[]", self.donated),
        }
        self._launcher: CData = ffi.new(
            "ryft_launcher *",
            {
                **fields,
                "client": executable.client._owner,
                "executable": executable._owner,
                "execute": api.function("PJRT_LoadedExecutable_Execute"),
                "destroy_buffer": api.function("PJRT_Buffer_Destroy"),
                "is_deleted": api.function("PJRT_Buffer_IsDeleted"),
                "device_count": len(self.devices),
                "execute_device": NULL if device is None else device._handle,
                "argument_count": len(parameters),
                "output_count": len(outputs),
                "non_donatable_count": len(kept),
                "donated_count": len(self.donated),
            },
        )
        # The struct points into these.
        self._keep = fields
        self._templates = [(type, device) for device in self.devices for type in outputs]
        self._output_count = len(self._templates)

    def __call__(self, arguments: Sequence[Buffer], *, options: CData = NULL, events: CData = NULL) -> list[Buffer]:
        """Executes once, and returns the outputs of all devices.

        Args:
            arguments: Buffers for all parameters, of the first device, then of the second, and so on.
            options: `PJRT_ExecuteOptions *` to use instead of the default ones.
            events: `PJRT_Event *[]` that receives an event for each device.

        Raises:
            ArgumentError: If the number, the type, or the device of an argument is not what the program expects.
            ClosedError: If an argument or the executable is closed.
            PjrtError: If the execution cannot be started.
        """
        outputs = ffi.new(_OUTPUTS, self._output_count)
        try:
            owners = [argument._owner for argument in arguments]
            status = _execute(self._launcher, owners, len(owners), outputs, options, events)
        except (AttributeError, TypeError):
            self._explain(arguments)
        if status:
            self._fail(status, arguments)
        client = self.executable.client
        wrap = Buffer._wrap
        return [
            wrap(client, owner, type, device) for owner, (type, device) in zip(outputs, self._templates, strict=True)
        ]

    def _fail(self, status: int, arguments: Sequence[Buffer]) -> NoReturn:
        executable = self.executable
        if status == lib.RYFT_EXECUTE_ERROR:
            raise executable._api.exception(lib.ryft_execute_error(), "PJRT_LoadedExecutable_Execute")
        if status == lib.RYFT_EXECUTE_CLOSED:
            raise ClosedError(f"cannot execute `{executable!r}` because it, or its client, has been closed")
        if status == lib.RYFT_EXECUTE_NO_MEMORY:
            raise MemoryError(f"cannot allocate the arguments or outputs of `{executable!r}`")
        self._explain(arguments)

    def _explain(self, arguments: Sequence[Buffer]) -> NoReturn:
        """Raises the error that says what is wrong with the arguments."""
        parameters = self.executable.parameter_types
        rows = len(self.devices)
        if len(arguments) != rows * len(parameters):
            raise ArgumentError(
                f"the program expected {len(parameters)} argument(s) for each of {rows} device(s), "
                f"but got {len(arguments)} in all"
            )
        for position, argument in enumerate(arguments):
            row, column = divmod(position, len(parameters))
            self._explain_one(argument, column, row)
        raise ClosedError("an argument was closed or donated by another thread, or is given more than once and donated")

    def _explain_one(self, argument: object, column: int, row: int) -> None:
        expected, device = self.executable.parameter_types[column], self.devices[row]
        name = f"argument {column}" + (f" of device {row}" if len(self.devices) > 1 else "")
        error: RyftError | None = None
        if not isinstance(argument, Buffer):
            error = ArgumentTypeError(f"{name} expected a buffer, but got `{type(argument).__name__}`")
            error.add_note("hint: make one with `client.buffer(array)`")
        elif argument.client is not self.executable.client:
            error = ArgumentError(f"{name} expected a buffer of the executable's client, but got one of another client")
        elif argument.closed:
            error = ClosedError(f"{name} has been closed or donated, or its client has been closed")
        elif argument.type is not expected:
            error = ArgumentError(f"{name} expected {expected}, but got {argument.type}")
        elif argument.device is not device:
            error = ArgumentError(f"{name} expected a buffer on {device}, but got one on {argument.device}")
            error.add_note("hint: copy it there with `buffer.copy_to_device(device)`")
        elif column in self.donated and lib.ryft_owner_pins(argument._owner):
            error = BufferInUseError(
                f"{name} cannot be donated because a view of its memory, or another call, is using it"
            )
        if error is not None:
            raise error
