"""Clients: what a process uses the devices of one platform through."""

from __future__ import annotations

import atexit
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy

from ryft_pjrt._arguments import check_integer, check_plugin, check_type
from ryft_pjrt._owners import OwnedObject
from ryft_pjrt.buffers import Buffer
from ryft_pjrt.compilation_options import CompilationOptions
from ryft_pjrt.data_types import ArrayType
from ryft_pjrt.debug_options import DebugOptions, read_default_debug_options
from ryft_pjrt.device_assignments import DeviceAssignment
from ryft_pjrt.device_buffers import (
    AliasFulfillment,
    create_alias,
    create_error,
    create_uninitialized,
    create_view,
)
from ryft_pjrt.devices import Device
from ryft_pjrt.dlpack import from_dlpack
from ryft_pjrt.errors import (
    ArgumentError,
    ArgumentTypeError,
    ClosedError,
    InvalidArgumentError,
    NotFoundError,
    PjrtError,
)
from ryft_pjrt.events import SettableEvent
from ryft_pjrt.executable_cache import ExecutableCache
from ryft_pjrt.executables import Executable
from ryft_pjrt.execution import ExecutionContext
from ryft_pjrt.host_buffers import HostBufferSemantics, array_from_bytes, buffer_from_host
from ryft_pjrt.key_value_stores import KeyValueStore, key_value_fields
from ryft_pjrt.layouts import BufferSpecification, Layout
from ryft_pjrt.loaded_executables import (
    LoadedExecutable,
    ParameterTypes,
    compile_program,
    load_executable,
    load_serialized,
)
from ryft_pjrt.memories import Memory
from ryft_pjrt.processes import ProcessInformation, processes_to_c
from ryft_pjrt.programs import Program
from ryft_pjrt.topologies import ClientTopology, Topology
from ryft_pjrt.transfers import DmaMappedMemory, HostToDeviceTransferManager
from ryft_pjrt.values import named_values
from ryft_xla_sys.ffi import NULL, CData, ffi, lib, text

if TYPE_CHECKING:
    from ryft_pjrt.plugins import Plugin

__all__ = ["Client"]

# Some plugins crash when clients are created at the same time.
_creation_lock = threading.Lock()
_clients: weakref.WeakSet[Client] = weakref.WeakSet()


@atexit.register
def _close_clients() -> None:
    for client in tuple(_clients):
        client.close()


class Promise(Protocol):
    """Something that the plugin waits for, before its client can be destroyed."""

    def drop(self) -> None:
        """Gives the promise up, if it was not kept."""
        ...


def _checked_options(options: CompilationOptions | None) -> CompilationOptions | None:
    if options is not None:
        check_type("options", options, CompilationOptions, "compilation options")
    return options


class Client(OwnedObject):
    """Connection to the devices of one platform. Everything made through a client is closed together with it.

    Attributes:
        plugin: Plugin that the client belongs to.
        store: Key-value store that the client was made with, if any.
    """

    __slots__ = ("__dict__", "_devices", "_memories", "_promises", "_store_handle", "plugin", "store")

    _subject = "client"

    def __init__(self, plugin: Plugin, options: Mapping[str, object], store: KeyValueStore | None = None) -> None:
        self.plugin = plugin
        self._devices: dict[int, Device] = {}
        self._memories: dict[int, Memory] = {}
        self._promises: weakref.WeakSet[Promise] = weakref.WeakSet()
        self.store = store
        # The plugin may use the store as long as the client exists.
        self._store_handle = ffi.new_handle(store)
        array, _keep = named_values(options)
        with _creation_lock:
            arguments = plugin.api.call(
                "PJRT_Client_Create",
                create_options=array,
                num_options=len(options),
                **({} if store is None else key_value_fields(self._store_handle)),
            )
        super().__init__(plugin.api, arguments.client, "PJRT_Client_Destroy")
        _clients.add(self)

    def close(self) -> None:
        """Frees this client and everything that was made through it. Later calls do nothing.

        What waits for a promise fails: the contents of an alias buffer, a dependency, the target of a raw copy. What
        calls and views of memory are using is freed with the last of them.
        """
        for promise in tuple(self._promises):
            promise.drop()
        super().close()

    def _closed_error(self) -> ClosedError:
        if lib.ryft_owner_is_forked(self._owner):
            return super()._closed_error()
        return ClosedError("cannot use this client because it has been closed")

    @cached_property
    def platform_name(self) -> str:
        """Name of the platform, for example `cpu`."""
        with self._pin() as pointer:
            arguments = self._api.call("PJRT_Client_PlatformName", client=pointer)
            return text(arguments.platform_name, arguments.platform_name_size)

    @cached_property
    def platform_version(self) -> str:
        """Version of the platform, in the platform's own form."""
        with self._pin() as pointer:
            arguments = self._api.call("PJRT_Client_PlatformVersion", client=pointer)
            return text(arguments.platform_version, arguments.platform_version_size)

    @cached_property
    def process_index(self) -> int:
        """Number of this process among those that use the platform together."""
        with self._pin() as pointer:
            return self._api.call("PJRT_Client_ProcessIndex", client=pointer).process_index

    @cached_property
    def devices(self) -> tuple[Device, ...]:
        """All devices, also those that only other processes can use."""
        with self._pin() as pointer:
            arguments = self._api.call("PJRT_Client_Devices", client=pointer)
            return tuple(self._device(arguments.devices[i]) for i in range(arguments.num_devices))

    @cached_property
    def addressable_devices(self) -> tuple[Device, ...]:
        """Devices that this process can use."""
        with self._pin() as pointer:
            arguments = self._api.call("PJRT_Client_AddressableDevices", client=pointer)
            count = arguments.num_addressable_devices
            return tuple(self._device(arguments.addressable_devices[i]) for i in range(count))

    @cached_property
    def addressable_memories(self) -> tuple[Memory, ...]:
        """Memories that this process can transfer data to and from."""
        with self._pin() as pointer:
            arguments = self._api.call("PJRT_Client_AddressableMemories", client=pointer)
            count = arguments.num_addressable_memories
            return tuple(self._memory(arguments.addressable_memories[i]) for i in range(count))

    @cached_property
    def topology(self) -> Topology:
        """Description of all devices, which programs can be compiled for."""
        with self._pin() as pointer:
            return ClientTopology(self, self._api.call("PJRT_Client_TopologyDescription", client=pointer).topology)

    @cached_property
    def default_debug_options(self) -> DebugOptions:
        """XLA's debug options with which programs are compiled, unless told otherwise. Reading them compiles a program.

        Raises:
            PjrtError: If the plugin does not tell them; XLA's CPU plugin does.
        """
        return read_default_debug_options(self)

    def lookup_device(self, id: int) -> Device:  # noqa: A002
        """Returns the device with a number.

        Raises:
            NotFoundError: If there is none.
        """
        for device in self.devices:
            if device.id == id:
                return device
        raise NotFoundError(f"there is no device {id}, only {[device.id for device in self.devices]}")

    def lookup_addressable_device(self, local_hardware_id: int) -> Device:
        """Returns the device of this process that has a number on its machine.

        Raises:
            NotFoundError: If there is none.
        """
        check_integer("local_hardware_id", local_hardware_id, -(2**31), 2**31 - 1)
        with self._pin() as pointer:
            try:
                arguments = self._api.call(
                    "PJRT_Client_LookupAddressableDevice", client=pointer, local_hardware_id=local_hardware_id
                )
            except InvalidArgumentError as error:
                raise NotFoundError(f"there is no addressable device {local_hardware_id}: {error}") from None
            if arguments.addressable_device == NULL:
                raise NotFoundError(f"there is no addressable device {local_hardware_id}")
            return self._device(arguments.addressable_device)

    def default_device_assignment(self, replica_count: int, computation_count: int = 1) -> DeviceAssignment:
        """Returns the devices that the plugin chooses for the replicas and partitions of a program.

        Raises:
            ArgumentError: If a count is not positive, or there are not enough devices.
        """
        count = check_integer("replica_count", replica_count, 1, 2**31 - 1)
        count *= check_integer("computation_count", computation_count, 1, 2**31 - 1)
        if count > len(self.devices):
            raise ArgumentError(
                f"{replica_count} replica(s) of {computation_count} partition(s) need {count} devices, "
                f"but there are {len(self.devices)}"
            )
        target = ffi.new("int[]", count)
        with self._pin() as pointer:
            self._api.call(
                "PJRT_Client_DefaultDeviceAssignment",
                client=pointer,
                num_replicas=replica_count,
                num_partitions=computation_count,
                default_assignment_size=count,
                default_assignment=target,
            )
        ids = list(target)
        return DeviceAssignment([ids[i : i + computation_count] for i in range(0, count, computation_count)])

    def update_global_process_information(self, processes: Sequence[ProcessInformation]) -> None:
        """Tells the client the state of all processes of a distributed program."""
        array, _keep = processes_to_c(processes)
        with self._pin() as pointer:
            self._api.call(
                "PJRT_Client_UpdateGlobalProcessInfo",
                client=pointer,
                process_infos=array,
                num_process_infos=len(processes),
            )

    def event(self) -> SettableEvent:
        """Returns a new event, which completes when it is set.

        Raises:
            UnimplementedError: If the plugin is older than PJRT API 0.89.
        """
        return SettableEvent(self._api)

    def execution_context(self) -> ExecutionContext:
        """Returns a new context, where custom calls find data that belongs to one execution."""
        return ExecutionContext(self._api)

    def _device(self, handle: CData) -> Device:
        key = int(ffi.cast("intptr_t", handle))
        found = self._devices.get(key)
        return found if found is not None else self._devices.setdefault(key, Device(self, handle))

    def _memory(self, handle: CData) -> Memory:
        key = int(ffi.cast("intptr_t", handle))
        found = self._memories.get(key)
        return found if found is not None else self._memories.setdefault(key, Memory(self, handle))

    def _placement(self, place: Device | Memory | None) -> tuple[Device, Memory | None]:
        """Returns the device, and the memory where one was asked for, that an array is to be placed in."""
        if place is None:
            if not self.addressable_devices:
                raise ArgumentError(f"client `{self.platform_name}` has no addressable device to place an array on")
            return self.addressable_devices[0], None
        if not isinstance(place, (Device, Memory)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ArgumentTypeError(f"`device` expected a device or a memory, but got `{type(place).__name__}`")
        if place.client is not self:
            raise ArgumentError(f"`device` expected a device of this client, but got `{place}` of another client")
        if isinstance(place, Memory):
            return place.addressable_by_devices[0], place
        if not place.is_addressable:
            raise ArgumentError(f"`device` expected an addressable device, but `{place}` belongs to another process")
        return place, None

    def _failure(self, error: CData, function: str) -> Exception:
        """Returns the exception for a native call that made no object."""
        if error != NULL:
            return self._api.exception(error, function)
        return self._closed_error() if self.closed else MemoryError("cannot allocate the owner of a PJRT object")

    def _adopt_buffer(self, owner: CData, array_kind: ArrayType, device: Device) -> Buffer:
        return Buffer._adopt(int(ffi.cast("uintptr_t", owner)), self, array_kind, device)

    def _own_buffer(self, pointer: CData, array_kind: ArrayType, device: Device) -> Buffer:
        if pointer == NULL:
            raise InvalidArgumentError("the provided PJRT buffer handle is a null pointer")
        owner = lib.ryft_owner_new_buffer(
            self._owner, pointer, self._api.function("PJRT_Buffer_Destroy"), array_kind.index, device._handle
        )
        if owner == NULL:
            raise MemoryError("cannot allocate the owner of a PJRT buffer")
        return self._adopt_buffer(owner, array_kind, device)

    def buffer(
        self,
        array_like: object,
        device: Device | Memory | None = None,
        *,
        dtype: object = None,
        host_buffer_semantics: HostBufferSemantics = HostBufferSemantics.IMMUTABLE_ONLY_DURING_CALL,
        layout: Layout | None = None,
    ) -> Buffer:
        """Returns a buffer with the elements of a host array.

        Args:
            array_like: NumPy array, of any strides, or anything that `numpy.asarray` takes.
            device: Device or memory to place the array in. Defaults to the first addressable device.
            dtype: Data type to convert the array to on the host.
            host_buffer_semantics: How long the plugin may use the memory of the array.
            layout: Layout of the array on the device. Defaults to the device's own.

        Raises:
            ArgumentError: If the device or memory belongs to another client or process.
            ArgumentTypeError: If no device array can have that data type.
        """
        return buffer_from_host(self, array_like, device, dtype, host_buffer_semantics, layout)

    def borrowed_buffer(self, array: numpy.ndarray, device: Device | Memory | None = None) -> Buffer:
        """Returns a buffer that shares the memory of a host array where the plugin can.

        The array must not be changed as long as the buffer, or anything computed from it, is in use; it is kept alive.
        """
        return self.buffer(array, device, host_buffer_semantics=HostBufferSemantics.IMMUTABLE_ZERO_COPY)

    def borrowed_mut_buffer(self, array: numpy.ndarray, device: Device | Memory | None = None) -> Buffer:
        """Returns a buffer like `borrowed_buffer`, into whose memory results may also be written when it is donated.

        Raises:
            ArgumentError: If the array is read-only.
        """
        return self.buffer(array, device, host_buffer_semantics=HostBufferSemantics.MUTABLE_ZERO_COPY)

    def buffer_from_bytes(
        self, data: object, dtype: object, shape: Sequence[int], device: Device | Memory | None = None
    ) -> Buffer:
        """Returns a buffer with the elements that lie, in row-major order, in an object with contiguous bytes.

        Raises:
            ArgumentError: If the number of bytes is not that of an array of that data type and shape.
            ArgumentTypeError: If the object has no contiguous bytes.
        """
        return self.buffer(array_from_bytes(data, dtype, shape), device)

    def uninitialized_buffer(
        self,
        dtype: object,
        shape: Sequence[int],
        device: Device | Memory | None = None,
        *,
        layout: Layout | None = None,
    ) -> Buffer:
        """Returns a buffer with arbitrary contents."""
        return create_uninitialized(self, dtype, shape, device, layout)

    def error_buffer(
        self,
        error: PjrtError,
        dtype: object,
        shape: Sequence[int],
        device: Device | Memory | None = None,
        *,
        payload: Mapping[str, str] | None = None,
    ) -> Buffer:
        """Returns a buffer that has failed with `error`, as has everything that is computed from it.

        Raises:
            UnimplementedError: If the plugin is older than PJRT API 0.82.
        """
        return create_error(self, error, dtype, shape, device, payload or {})

    def alias_buffer(
        self,
        dtype: object,
        shape: Sequence[int],
        device: Device | Memory | None = None,
        *,
        layout: Layout | None = None,
    ) -> tuple[Buffer, AliasFulfillment]:
        """Returns a buffer whose contents are given later, and the promise to give them.

        Executions may take the buffer at once; they wait for its contents.
        """
        return create_alias(self, dtype, shape, device, layout)

    def borrowed_on_device_buffer(
        self,
        address: int,
        dtype: object,
        shape: Sequence[int],
        device: Device | Memory | None = None,
        *,
        layout: Layout | None = None,
        stream: int = 0,
        on_delete: Callable[[], object] | None = None,
    ) -> Buffer:
        """Returns a buffer over memory of the device that something else has allocated. Unsafe: nothing checks it.

        Args:
            address: Address of the memory, which must stay valid until `on_delete` is called.
            dtype: Data type of the elements.
            shape: Dimensions of the array.
            device: Device or memory that the address belongs to. Defaults to the first addressable device.
            layout: Layout of the array.
            stream: Stream of the platform whose work must be finished before the buffer is ready.
            on_delete: Called once, on the thread for callbacks, when the memory is no longer used.
        """
        return create_view(self, address, dtype, shape, device, layout=layout, stream=stream, on_delete=on_delete)

    def from_dlpack(self, source: object, device: Device | None = None, *, copy: bool | None = None) -> Buffer:
        """Returns a buffer over the memory of another library's array, which DLPack lends.

        Args:
            source: Array with the methods `__dlpack__` and `__dlpack_device__`.
            device: Device that the array is on. Defaults to the one that the array names.
            copy: Whether to copy. By default the array is copied only if the plugin cannot use its memory, which
                must then be on the host: if it is not dense or not aligned.

        Raises:
            ArgumentError: If the array is on no device of this client, or would have to be copied despite `copy`.
            ArgumentTypeError: If `source` has no DLPack methods, or a data type that no buffer can have.
        """
        return from_dlpack(self, source, device, copy)

    def host_to_device_transfer_manager(
        self, specifications: Sequence[BufferSpecification], device: Device | Memory | None = None
    ) -> HostToDeviceTransferManager:
        """Returns a manager of buffers that are filled piece by piece: see `HostToDeviceTransferManager`."""
        return HostToDeviceTransferManager(self, specifications, device)

    def dma_map(self, array: numpy.ndarray) -> DmaMappedMemory:
        """Lets devices access the memory of a host array directly: see `DmaMappedMemory`."""
        return DmaMappedMemory(self, array)

    def compile(
        self,
        program: Program | str | bytes,
        options: CompilationOptions | None = None,
        *,
        parameter_types: ParameterTypes | None = None,
        cache: ExecutableCache | None = None,
    ) -> LoadedExecutable:
        """Compiles a program for devices of this client, and loads it onto them.

        Args:
            program: Program, or the text or bytecode of an MLIR module.
            options: How to compile. Defaults to one copy of the program on one device.
            parameter_types: Data type and shape of each argument on one device, where the caller knows them. Without
                them they are taken from the compiled program, when it is first executed.
            cache: Cache on disk to take the executable from, or to put it into.

        Raises:
            PjrtError: If the program is malformed, or cannot be compiled.
        """
        options = _checked_options(options) or CompilationOptions()
        if cache is not None:
            check_type("cache", cache, ExecutableCache, "an executable cache")
            return cache.compile(self, Program.of(program), options, parameter_types)
        return compile_program(self, program, options, parameter_types)

    def load(self, executable: Executable, options: CompilationOptions | None = None) -> LoadedExecutable:
        """Loads a compiled program onto devices of this client.

        Args:
            executable: Compiled program.
            options: Options that replace those it was compiled with.
        """
        check_type("executable", executable, Executable, "an executable")
        check_plugin("executable", executable._api, self._api)
        return load_executable(self, executable, _checked_options(options))

    def deserialize_and_load(
        self,
        data: bytes,
        options: CompilationOptions | None = None,
        *,
        parameter_types: ParameterTypes | None = None,
    ) -> LoadedExecutable:
        """Loads the program in bytes that `Executable.serialize` returned.

        Args:
            data: Serialized executable, from the same version of the same plugin.
            options: Options that replace those it was compiled with.
            parameter_types: As for `compile`.

        Raises:
            DataLossError: If the bytes are not a serialized executable, or were changed.
            PjrtError: If the plugin cannot load it.
        """
        return load_serialized(self, data, _checked_options(options), parameter_types)

    def __repr__(self) -> str:
        return "Client(closed)" if self.closed else f"Client({self.platform_name})"
