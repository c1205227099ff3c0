"""Executables: compiled programs, alone or loaded onto the devices of a client."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from ryft_xla_sys import Api
from ryft_xla_sys.ffi import NULL, CData, ffi, lib, text

from ryft_pjrt._hlo import parameter_types as read_parameter_types
from ryft_pjrt._owners import OwnedObject
from ryft_pjrt.data_types import ArrayType, array_type, dimensions, element_type
from ryft_pjrt.execution import Launcher
from ryft_pjrt.programs import CompilationOptions, Program

if TYPE_CHECKING:
    from ryft_pjrt.buffers import Buffer
    from ryft_pjrt.clients import Client
    from ryft_pjrt.devices import Device

__all__ = ["Executable", "LoadedExecutable", "compile_program"]


class Executable(OwnedObject):
    """Compiled program. It must be loaded by a client before it can be executed."""

    __slots__ = ("__dict__",)

    _subject = "executable"

    def __init__(self, api: Api, pointer: CData) -> None:
        super().__init__(api, pointer, "PJRT_Executable_Destroy")

    @cached_property
    def name(self) -> str:
        """Name of the program."""
        with self._pin() as pointer:
            arguments = self._api.call("PJRT_Executable_Name", executable=pointer)
            return text(arguments.executable_name, arguments.executable_name_size)

    @cached_property
    def output_count(self) -> int:
        """Number of outputs on each device."""
        with self._pin() as pointer:
            return self._api.call("PJRT_Executable_NumOutputs", executable=pointer).num_outputs

    @cached_property
    def output_types(self) -> tuple[ArrayType, ...]:
        """Element type and shape of each output on one device."""
        with self._pin() as pointer:
            types = self._api.call("PJRT_Executable_OutputElementTypes", executable=pointer)
            sizes = self._api.call("PJRT_Executable_OutputDimensions", executable=pointer)
            result: list[ArrayType] = []
            position = 0
            for i in range(types.num_output_types):
                shape = tuple(sizes.dims[position + j] for j in range(sizes.dim_sizes[i]))
                result.append(array_type(types.output_types[i], shape))
                position += sizes.dim_sizes[i]
            return tuple(result)

    @cached_property
    def parameter_types(self) -> tuple[ArrayType, ...]:
        """Element type and shape of each parameter on one device."""
        program = self.optimized_program()
        return tuple(read_parameter_types(program.code, with_config=program.format == "hlo_with_config"))

    def optimized_program(self) -> Program:
        """Returns the program as the compiler has optimized it."""
        with self._pin() as pointer:
            program = ffi.new("PJRT_Program *", {"struct_size": lib.PJRT_Program_STRUCT_SIZE})
            self._api.call("PJRT_Executable_OptimizedProgram", executable=pointer, program=program)
            code = ffi.new("char[]", program.code_size)
            program.code = code
            self._api.call("PJRT_Executable_OptimizedProgram", executable=pointer, program=program)
            return Program(bytes(ffi.buffer(code, program.code_size)), text(program.format, program.format_size))

    def __repr__(self) -> str:
        return "Executable(closed)" if self.closed else f"Executable({self.name})"


class LoadedExecutable(OwnedObject):
    """Compiled program on the devices of a client, ready to be executed.

    Attributes:
        client: Client that the executable belongs to.
    """

    __slots__ = ("__dict__", "_launcher", "_lock", "client")

    _subject = "loaded executable"

    def __init__(
        self, client: Client, pointer: CData, parameter_types: Sequence[tuple[object, Sequence[int]]] | None = None
    ) -> None:
        self.client = client
        self._launcher: Launcher | None = None
        self._lock = threading.Lock()
        super().__init__(client._api, pointer, "PJRT_LoadedExecutable_Destroy", client._owner)
        if parameter_types is not None:
            self.parameter_types = tuple(
                array_type(element_type(dtype), dimensions(shape)) for dtype, shape in parameter_types
            )

    @cached_property
    def executable(self) -> Executable:
        """The compiled program itself, independent of the client."""
        with self._pin() as pointer:
            arguments = self._api.call("PJRT_LoadedExecutable_GetExecutable", loaded_executable=pointer)
            return Executable(self._api, arguments.executable)

    @cached_property
    def devices(self) -> tuple[Device, ...]:
        """Devices of this process that the program runs on."""
        with self._pin() as pointer:
            arguments = self._api.call("PJRT_LoadedExecutable_AddressableDevices", executable=pointer)
            count = arguments.num_addressable_devices
            return tuple(self.client._device(arguments.addressable_devices[i]) for i in range(count))

    @cached_property
    def parameter_types(self) -> tuple[ArrayType, ...]:
        """Element type and shape of each parameter on one device."""
        return self.executable.parameter_types

    @cached_property
    def output_types(self) -> tuple[ArrayType, ...]:
        """Element type and shape of each output on one device."""
        return self.executable.output_types

    def launcher(self, donate: Iterable[int] = (), device: Device | None = None) -> Launcher:
        """Returns a prepared execution: the fastest way to execute the same program many times.

        Args:
            donate: Indices of the arguments whose memory may be reused for outputs.
            device: Device to execute on, for a program that was compiled to run on any.
        """
        return Launcher(self, donate, device)

    def execute(self, arguments: Sequence[Buffer]) -> list[Buffer]:
        """Executes the program."""
        if self._launcher is None:
            self._launcher = Launcher(self)
        return self._launcher(arguments)

    def __call__(self, *arguments: Buffer) -> Buffer | tuple[Buffer, ...]:
        """Executes the program on its one device, and returns its output, or the tuple of its outputs."""
        outputs = self.execute(arguments)
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def __repr__(self) -> str:
        return "LoadedExecutable(closed)" if self.closed else f"LoadedExecutable({self.executable.name})"


def compile_program(
    client: Client,
    program: Program | str | bytes,
    options: CompilationOptions,
    parameter_types: Sequence[tuple[object, Sequence[int]]] | None,
) -> LoadedExecutable:
    """Implements `Client.compile`."""
    source = program if isinstance(program, Program) else Program(program)
    serialized = options.serialize()
    code, form = ffi.from_buffer("char[]", source.code), ffi.from_buffer("char[]", source.format.encode())
    target = ffi.new(
        "PJRT_Program *",
        {
            "struct_size": lib.PJRT_Program_STRUCT_SIZE,
            "extension_start": NULL,
            "code": code,
            "code_size": len(code),
            "format": form,
            "format_size": len(form),
        },
    )
    with client._pin() as pointer:
        arguments = client._api.call(
            "PJRT_Client_Compile",
            client=pointer,
            program=target,
            compile_options=ffi.from_buffer("char[]", serialized),
            compile_options_size=len(serialized),
        )
        return LoadedExecutable(client, arguments.executable, parameter_types)
