"""Loaded executables: compiled programs on the devices of a client."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from ryft_pjrt._arguments import check_integer, check_type
from ryft_pjrt._owners import OwnedObject
from ryft_pjrt.buffers import Buffer
from ryft_pjrt.data_types import ArrayType, array_type, dimensions, element_type
from ryft_pjrt.device_assignments import DeviceAssignment
from ryft_pjrt.errors import ArgumentError, ArgumentTypeError, InvalidArgumentError, UnimplementedError
from ryft_pjrt.executables import Executable, take_serialized, unseal
from ryft_pjrt.execution import DeviceOutputs, ExecutionContext, Launcher, execute
from ryft_pjrt.programs import Program
from ryft_xla_sys.ffi import NULL, CData, ffi

if TYPE_CHECKING:
    from ryft_pjrt.clients import Client
    from ryft_pjrt.compilation_options import CompilationOptions
    from ryft_pjrt.devices import Device
    from ryft_pjrt.host_callbacks import ReceiveCallback, SendCallback

__all__ = ["LoadedExecutable", "ParameterTypes", "compile_program", "load_executable", "load_serialized"]

ParameterTypes: TypeAlias = Sequence[tuple[object, Sequence[int]]]
"""Data type and shape of each parameter of a program."""


class LoadedExecutable(OwnedObject):
    """Compiled program on the devices of a client, ready to be executed.

    Attributes:
        client: Client that the executable belongs to.
    """

    __slots__ = ("__dict__", "_calls", "_launchers", "client")

    _subject = "loaded executable"

    def __init__(self, client: Client, pointer: CData, parameter_types: ParameterTypes | None = None) -> None:
        super().__init__(client._api, pointer, "PJRT_LoadedExecutable_Destroy", client._owner)
        self.client = client
        self._calls: dict[tuple[int, ...], Launcher] = {}
        self._launchers: dict[tuple[tuple[int, ...], Device | None], Launcher] = {}
        if parameter_types is not None:
            check_type("parameter_types", parameter_types, (list, tuple), "a list of data types and shapes")
            self.parameter_types = tuple(
                array_type(element_type(dtype), dimensions(shape)) for dtype, shape in parameter_types
            )

    @cached_property
    def executable(self) -> Executable:
        """The compiled program itself. It is closed together with this."""
        with self._pin() as pointer:
            arguments = self._api.call("PJRT_LoadedExecutable_GetExecutable", loaded_executable=pointer)
            return Executable(self._api, arguments.executable, self._box)

    @cached_property
    def name(self) -> str:
        """Name of the program."""
        return self.executable.name

    @cached_property
    def devices(self) -> tuple[Device, ...]:
        """Devices of this process that the program runs on. A program for any one device has none."""
        with self._pin() as pointer:
            arguments = self._api.call("PJRT_LoadedExecutable_AddressableDevices", executable=pointer)
            count = arguments.num_addressable_devices
            return tuple(self.client._device(arguments.addressable_devices[i]) for i in range(count))

    @cached_property
    def device_assignment(self) -> DeviceAssignment:
        """Device of each partition of each replica."""
        with self._pin() as pointer:
            arguments = self._api.call("PJRT_LoadedExecutable_GetDeviceAssignment", executable=pointer)
            data = take_serialized(
                arguments.serialized_bytes,
                arguments.serialized_bytes_size,
                arguments.serialized_device_assignment,
                arguments.serialized_device_assignment_deleter,
            )
        return DeviceAssignment.deserialize(data)

    @cached_property
    def logical_ids(self) -> tuple[tuple[int, int], ...]:
        """Replica and partition that each of `devices` runs."""
        try:
            with self._pin() as pointer:
                arguments = self._api.call("PJRT_LoadedExecutable_AddressableDeviceLogicalIds", executable=pointer)
                ids = arguments.addressable_device_logical_ids
                count = arguments.num_addressable_device_logical_ids
                return tuple((ids[i].replica, ids[i].partition) for i in range(count))
        except UnimplementedError:
            return tuple(self.device_assignment.logical_id(device.id) for device in self.devices)

    @cached_property
    def parameter_types(self) -> tuple[ArrayType, ...]:
        """Element type and shape of each parameter on one device."""
        return self.executable.parameter_types

    @cached_property
    def output_types(self) -> tuple[ArrayType, ...]:
        """Element type and shape of each output on one device."""
        return self.executable.output_types

    def _indices(self, donate: object) -> tuple[int, ...]:
        if isinstance(donate, str) or not isinstance(donate, Iterable):
            raise ArgumentTypeError(f"`donate` expected indices of arguments, but got `{type(donate).__name__}`")
        return tuple(check_integer("donate", index, -(2**63), 2**63 - 1) for index in donate)

    def launcher(self, donate: Iterable[int] = (), device: Device | None = None) -> Launcher:
        """Returns a prepared execution: the fastest way to execute the same program many times.

        Args:
            donate: Indices of the arguments whose memory may be reused for outputs.
            device: Device to execute on, for a program that was compiled to run on any.
        """
        key = (self._indices(donate), device)
        found = self._launchers.get(key)
        return found if found is not None else self._launchers.setdefault(key, Launcher(self, *key))

    def execute(
        self,
        arguments: Sequence[Buffer] | Sequence[Sequence[Buffer]],
        *,
        donate: Iterable[int] = (),
        device: Device | None = None,
        launch_id: int = 0,
        context: ExecutionContext | None = None,
        call_location: str | None = None,
        incarnations: Mapping[int, int] | None = None,
        send_callbacks: Sequence[Sequence[SendCallback]] = (),
        receive_callbacks: Sequence[Sequence[ReceiveCallback]] = (),
    ) -> list[DeviceOutputs]:
        """Executes the program, without waiting for it.

        Args:
            arguments: Buffers for each of the program's devices, one sequence for each; for one device also just the
                buffers.
            donate: Indices of the arguments whose memory may be reused for outputs. Their buffers are dead afterwards.
            device: Device to execute on, for a program that was compiled to run on any.
            launch_id: Number that tells launches of several processes apart, or zero.
            context: Context that custom calls find their data in.
            call_location: Place in the caller's source, for the plugin's error messages.
            incarnations: Incarnation of each process that takes part, by process.
            send_callbacks: For each device, what receives the data that the program sends to the host.
            receive_callbacks: For each device, what gives the data that the program receives from the host.

        Returns:
            Outputs and completion of each device.

        Raises:
            ArgumentError: If an argument does not fit the program.
            BufferInUseError: If an argument to donate is in use.
            ClosedError: If an argument or the executable is closed.
            PjrtError: If the execution cannot be started.
        """
        launcher = self.launcher(donate, device)
        flat = _flatten(arguments, len(launcher.devices))
        return execute(
            launcher,
            flat,
            launch_id=launch_id,
            context=context,
            call_location=call_location,
            incarnations=incarnations or {},
            send_callbacks=send_callbacks,
            receive_callbacks=receive_callbacks,
        )

    def __call__(self, *arguments: Buffer, donate: Sequence[int] = ()) -> Buffer | tuple[Buffer, ...]:
        """Executes the program on its one device, and returns its output, or the tuple of its outputs.

        Args:
            arguments: One buffer for each parameter.
            donate: Indices of the arguments whose memory may be reused for outputs.

        Raises:
            ArgumentError: If an argument does not fit the program, or it runs on several devices.
        """
        if type(donate) is not tuple:
            donate = self._indices(donate)
        launcher = self._calls.get(donate)
        if launcher is None:
            launcher = self.launcher(donate)
            if len(launcher.devices) != 1:
                raise ArgumentError(f"`{self!r}` runs on {len(launcher.devices)} devices: call `execute` instead")
            self._calls[donate] = launcher
        outputs = launcher(arguments)
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    @property
    def is_deleted(self) -> bool:
        """Whether the plugin has freed the program."""
        with self._pin() as pointer:
            return self._api.call("PJRT_LoadedExecutable_IsDeleted", executable=pointer).is_deleted

    def delete(self) -> None:
        """Frees the program, the same as `close`. Executions that are running go on."""
        self.close()

    def serialize(self) -> bytes:
        """Returns the executable in a form that the same version of the same plugin can load."""
        return self.executable.serialize()

    def __repr__(self) -> str:
        return "LoadedExecutable(closed)" if self.closed else f"LoadedExecutable({self.name})"


def _flatten(arguments: Sequence[Buffer] | Sequence[Sequence[Buffer]], rows: int) -> list[Buffer]:
    if not isinstance(arguments, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ArgumentTypeError(f"`arguments` expected a list of buffers, but got `{type(arguments).__name__}`")
    arguments = tuple(arguments)  # pyright: ignore[reportAssignmentType]
    nested = [argument for argument in arguments if isinstance(argument, (list, tuple))]
    if not nested:
        if rows != 1 and arguments:
            raise ArgumentError(f"`arguments` expected one sequence for each of {rows} devices, but got buffers")
        return list(arguments)  # pyright: ignore[reportReturnType, reportArgumentType]
    if len(nested) != len(arguments) or len(nested) != rows:
        raise ArgumentError(
            f"`arguments` expected one sequence for each of {rows} device(s), but got {len(nested)} sequence(s) "
            f"among {len(arguments)} item(s)"
        )
    if len({len(row) for row in nested}) > 1:
        raise ArgumentError(
            f"`arguments` expected equally many buffers for each device, but got {[len(row) for row in nested]}"
        )
    return [buffer for row in nested for buffer in row]


def compile_program(
    client: Client,
    program: Program | str | bytes,
    options: CompilationOptions,
    parameter_types: ParameterTypes | None,
) -> LoadedExecutable:
    """Implements `Client.compile`."""
    target, _keep = Program.of(program).to_c()
    serialized = options.serialize()
    with client._pin() as pointer:
        arguments = client._api.call(
            "PJRT_Client_Compile",
            client=pointer,
            program=target,
            compile_options=ffi.from_buffer("char[]", serialized),
            compile_options_size=len(serialized),
        )
        return LoadedExecutable(client, arguments.executable, parameter_types)


def load_serialized(
    client: Client, data: bytes, options: CompilationOptions | None, parameter_types: ParameterTypes | None
) -> LoadedExecutable:
    """Implements `Client.deserialize_and_load`."""
    payload = unseal(client._api, data)
    overridden = b"" if options is None else options.serialize()
    with client._pin() as pointer:
        arguments = client._api.call(
            "PJRT_Executable_DeserializeAndLoad",
            client=pointer,
            serialized_executable=ffi.from_buffer("char[]", payload),
            serialized_executable_size=len(payload),
            overridden_serialized_compile_options=ffi.from_buffer("char[]", overridden) if overridden else NULL,
            overridden_serialized_compile_options_size=len(overridden),
        )
        return LoadedExecutable(client, arguments.loaded_executable, parameter_types)


def load_executable(client: Client, executable: Executable, options: CompilationOptions | None) -> LoadedExecutable:
    """Implements `Client.load`."""
    serialized = b"" if options is None else options.serialize()
    try:
        with client._pin() as client_pointer, executable._pin() as pointer:
            arguments = client._api.call(
                "PJRT_Client_Load",
                client=client_pointer,
                executable=pointer,
                compile_options=ffi.from_buffer("char[]", serialized) if serialized else NULL,
                compile_options_size=len(serialized),
            )
            return LoadedExecutable(client, arguments.loaded_executable)
    except UnimplementedError:
        pass
    except InvalidArgumentError as error:
        # What some plugins say of an executable that was not made for loading.
        if "Missing shared_executable" not in str(error):
            raise
    return load_serialized(client, executable.serialize(), options, None)
