"""Devices of a client, their descriptions, and the assignment of devices to the copies of a program."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from ryft_pjrt._arguments import check_integer, check_type
from ryft_pjrt._owners import OwnedObject
from ryft_pjrt.errors import ClosedError, NotFoundError, PjrtError, UnimplementedError, error_to_c
from ryft_pjrt.memories import Memory, MemoryStatistics, read_memory_statistics
from ryft_pjrt.values import Value, named_texts, read_named_values
from ryft_xla_sys import Api
from ryft_xla_sys.ffi import NULL, CData, ffi, text

if TYPE_CHECKING:
    from ryft_pjrt._owners import Pin
    from ryft_pjrt.clients import Client
    from ryft_pjrt.topologies import Topology

__all__ = ["AsyncTrackingEvent", "Device", "DeviceDescription"]


class DeviceDescription:
    """What is known of a device without having it: it belongs to a client's device, or to a topology."""

    def __init__(self, api: Api, handle: CData, parent: Client | Topology) -> None:
        self._api = api
        self._handle = handle
        self._parent = parent

    def _pin(self) -> Pin:
        return self._parent._pin()

    @cached_property
    def id(self) -> int:
        """Number of the device, unique among all devices of all processes."""
        with self._pin():
            return self._api.call("PJRT_DeviceDescription_Id", device_description=self._handle).id

    @cached_property
    def process_index(self) -> int:
        """Process that can use the device."""
        with self._pin():
            arguments = self._api.call("PJRT_DeviceDescription_ProcessIndex", device_description=self._handle)
            return arguments.process_index

    @cached_property
    def kind(self) -> str:
        """Vendor's name of the kind of device."""
        with self._pin():
            arguments = self._api.call("PJRT_DeviceDescription_Kind", device_description=self._handle)
            return text(arguments.device_kind, arguments.device_kind_size)

    @cached_property
    def attributes(self) -> dict[str, Value]:
        """What the platform says about the device, by name."""
        with self._pin():
            arguments = self._api.call("PJRT_DeviceDescription_Attributes", device_description=self._handle)
            return read_named_values(arguments.attributes, arguments.num_attributes)

    @cached_property
    def _string(self) -> str:
        with self._pin():
            arguments = self._api.call("PJRT_DeviceDescription_ToString", device_description=self._handle)
            return text(arguments.to_string, arguments.to_string_size)

    @cached_property
    def _debug_string(self) -> str:
        with self._pin():
            arguments = self._api.call("PJRT_DeviceDescription_DebugString", device_description=self._handle)
            return text(arguments.debug_string, arguments.debug_string_size)

    def __str__(self) -> str:
        try:
            return self._string
        except ClosedError:
            return "DeviceDescription(closed)"

    def __repr__(self) -> str:
        try:
            return f"DeviceDescription[{self._debug_string}]"
        except ClosedError:
            return "DeviceDescription(closed)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DeviceDescription):
            return NotImplemented
        return (self.id, self.kind) == (other.id, other.kind)

    def __hash__(self) -> int:
        return hash((self.id, self.kind))


class AsyncTrackingEvent(OwnedObject):
    """Work outside of PJRT that a device takes notice of. Closing it tells that the work is done."""

    __slots__ = ()

    _subject = "async tracking event"


class Device:
    """Device of a client. It is valid as long as that client is open.

    Attributes:
        client: Client that the device belongs to.
    """

    def __init__(self, client: Client, handle: CData) -> None:
        self.client = client
        self._api = client._api
        self._handle = handle

    @cached_property
    def description(self) -> DeviceDescription:
        """Description of the device."""
        with self.client._pin():
            arguments = self._api.call("PJRT_Device_GetDescription", device=self._handle)
            return DeviceDescription(self._api, arguments.device_description, self.client)

    @cached_property
    def id(self) -> int:
        """Number of the device, unique among all devices of all processes."""
        return self.description.id

    @cached_property
    def kind(self) -> str:
        """Vendor's name of the kind of device."""
        return self.description.kind

    @cached_property
    def process_index(self) -> int:
        """Process that can use the device."""
        return self.description.process_index

    @cached_property
    def local_hardware_id(self) -> int | None:
        """Number of the device on its machine, or `None` where it has none."""
        with self.client._pin():
            arguments = self._api.call("PJRT_Device_LocalHardwareId", device=self._handle)
            return arguments.local_hardware_id if arguments.local_hardware_id >= 0 else None

    @cached_property
    def is_addressable(self) -> bool:
        """Whether this process can use the device."""
        with self.client._pin():
            return self._api.call("PJRT_Device_IsAddressable", device=self._handle).is_addressable

    @property
    def attributes(self) -> dict[str, Value]:
        """What the platform says about the device, by name: live where it can tell, else from the description."""
        with self.client._pin():
            try:
                arguments = self._api.call("PJRT_Device_GetAttributes", device=self._handle)
            except UnimplementedError:
                return dict(self.description.attributes)
            try:
                return read_named_values(arguments.attributes, arguments.num_attributes)
            finally:
                if arguments.attributes_deleter != NULL:
                    arguments.attributes_deleter(arguments.device_attributes)

    def attribute(self, name: str) -> Value:
        """Returns the attribute called `name`.

        Raises:
            NotFoundError: If the device has no such attribute.
        """
        attributes = self.attributes
        if name not in attributes:
            raise NotFoundError(f"device `{self}` has no attribute named `{name}`, only {sorted(attributes)}")
        return attributes[name]

    @property
    def compute_capability(self) -> str | None:
        """Compute capability of a GPU, as `9.0` or `gfx942`, or `None` for other devices."""
        value = self.attributes.get("compute_capability")
        return value if isinstance(value, str) else None

    @cached_property
    def addressable_memories(self) -> tuple[Memory, ...]:
        """Memories that the device can use."""
        with self.client._pin():
            arguments = self._api.call("PJRT_Device_AddressableMemories", device=self._handle)
            return tuple(self.client._memory(arguments.memories[i]) for i in range(arguments.num_memories))

    @cached_property
    def default_memory(self) -> Memory:
        """Memory that arrays on this device are in unless another one is asked for."""
        with self.client._pin():
            return self.client._memory(self._api.call("PJRT_Device_DefaultMemory", device=self._handle).memory)

    def memory(self, kind: str) -> Memory:
        """Returns the memory of the given kind that the device can use, for example `pinned_host`.

        Raises:
            NotFoundError: If there is no such memory.
        """
        for memory in self.addressable_memories:
            if memory.kind == kind:
                return memory
        kinds = sorted(memory.kind for memory in self.addressable_memories)
        raise NotFoundError(f"device `{self}` has no memory of kind `{kind}`, only {kinds}")

    def memory_statistics(self) -> MemoryStatistics:
        """Returns how much memory is in use on the device.

        Raises:
            UnimplementedError: If the platform does not count it, as on the CPU.
        """
        with self.client._pin():
            return read_memory_statistics(self._api.call("PJRT_Device_MemoryStats", device=self._handle))

    def clear_memory_statistics(self) -> None:
        """Starts to count peaks of memory use anew.

        Raises:
            UnimplementedError: If the plugin is older than PJRT API 0.106.
        """
        with self.client._pin():
            self._api.call("PJRT_Device_ClearMemoryStats", device=self._handle)

    def poison_execution(self, launch_id: int, error: PjrtError, payload: Mapping[str, str] | None = None) -> bool:
        """Makes the earliest execution with a launch id that has not finished fail with `error`.

        Returns:
            Whether there was one.

        Raises:
            UnimplementedError: If the plugin is older than PJRT API 0.85.
        """
        check_integer("launch_id", launch_id, -(2**31), 2**31 - 1)
        code, message, size = error_to_c(error)
        values, _keep = named_texts("payload", payload or {})
        with self.client._pin():
            arguments = self._api.call(
                "PJRT_Device_PoisonExecution",
                device=self._handle,
                launch_id=launch_id,
                error_code=code,
                error_message=message,
                error_message_size=size,
                payload=values if payload else NULL,
                num_payload=len(payload or {}),
            )
            return arguments.poisoned

    def async_tracking_event(self, description: str) -> AsyncTrackingEvent:
        """Returns an object that stands for work outside of PJRT, until it is closed.

        Raises:
            UnimplementedError: If the plugin is older than PJRT API 0.86.
        """
        check_type("description", description, str, "text")
        encoded = description.encode()
        with self.client._pin():
            arguments = self._api.call(
                "PJRT_Device_CreateAsyncTrackingEvent",
                device=self._handle,
                description=ffi.from_buffer("char[]", encoded),
                description_size=len(encoded),
            )
            return AsyncTrackingEvent(self._api, arguments.event, "PJRT_AsyncTrackingEvent_Destroy", self.client._owner)

    def __str__(self) -> str:
        try:
            return self.description._string
        except ClosedError:
            return "Device(closed)"

    def __repr__(self) -> str:
        try:
            return f"Device[{self.description._debug_string}]"
        except ClosedError:
            return "Device(closed)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Device):
            return NotImplemented
        return self is other or (self.client is other.client and self.id == other.id)

    def __hash__(self) -> int:
        return hash(int(ffi.cast("intptr_t", self._handle)))
