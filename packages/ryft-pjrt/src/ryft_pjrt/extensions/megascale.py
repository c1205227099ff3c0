"""The megascale extension: programs that span several slices of TPUs, and the errors of such programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ryft_pjrt._arguments import check_plugin, check_type
from ryft_pjrt._completions import report_exception
from ryft_pjrt.clients import Client
from ryft_pjrt.errors import ArgumentError, PjrtError, error_to_c
from ryft_pjrt.executables import take_serialized
from ryft_pjrt.extensions._handles import Handle, borrowed_bytes
from ryft_pjrt.extensions._sources import Source, api_of
from ryft_pjrt.extensions.collectives import Collectives
from ryft_pjrt.extensions.multi_slice import MultiSliceConfiguration
from ryft_pjrt.topologies import Topology
from ryft_xla_sys import Api
from ryft_xla_sys.ffi import NULL, CData, ffi

__all__ = [
    "ErrorAggregator",
    "ErrorDigest",
    "MegascaleContext",
    "ProcessPlaces",
    "RuntimeErrorRecord",
    "compilation_configuration",
    "device_id",
    "interface_addresses",
    "megascale_id",
    "register_error_handler",
    "runtime_error",
    "unregister_error_handler",
]

_NAME = "Megascale"


@dataclass(frozen=True, kw_only=True)
class ProcessPlaces:
    """Where the processes of a program are.

    Attributes:
        addresses: Address of each process.
        slice_indices: Slice of each process.
        indices_in_slice: Number of each process in its slice.
        devices_per_process: Number of devices of each process.
    """

    addresses: Sequence[str]
    slice_indices: Sequence[int]
    indices_in_slice: Sequence[int]
    devices_per_process: int


class MegascaleContext(Handle):
    """This process's access to the network between slices."""

    _subject = "megascale context"

    def __init__(self, source: Source) -> None:
        """Makes a context: that of a client, or a default one for a plugin.

        Raises:
            UnimplementedError: If the plugin does not have the extension: only those for TPUs have.
        """
        api = api_of(source)
        client = source if isinstance(source, Client) else None
        if client is not None:
            with client._pin() as pointer:
                found = api.call_extension(_NAME, "create_client_context_from_pjrt_client", client=pointer)
        else:
            found = api.call_extension(_NAME, "create_default_client_context")
        super().__init__(
            api,
            found.client_context,
            lambda pointer: api.call_extension(_NAME, "delete_client_context", client_context=pointer),
            client,
        )

    def _call(self, function: str, **fields: object) -> CData:
        with self._pin() as pointer:
            return self._api.call_extension(_NAME, function, client_context=pointer, **fields)

    def initialize(self) -> None:
        """Connects to the network."""
        self._call("client_context_initialize")

    def unblock_pending_work(self, launch_id: int, expire_after_milliseconds: int) -> None:
        """Ends what waits for an execution of other slices that will not come."""
        self._call(
            "client_context_unblock_pending_work", launch_id=launch_id, expire_after_ms=expire_after_milliseconds
        )

    @property
    def port(self) -> int:
        """Port that this process listens at."""
        return self._call("client_context_megascale_port").port

    def multi_slice_configuration(
        self,
        topology: Topology,
        slice_count: int,
        slice_id: int,
        host_id: int,
        endpoint_addresses: bytes,
        network_topology: bytes,
    ) -> MultiSliceConfiguration:
        """Returns the configuration of a program that spans slices.

        Args:
            topology: Topology of one slice.
            slice_count: Number of slices.
            slice_id: Number of this process's slice.
            host_id: Number of this host in its slice.
            endpoint_addresses: Serialized addresses of the processes.
            network_topology: Serialized topology of the network between slices.
        """
        check_type("topology", topology, Topology, "a topology")
        check_plugin("topology", topology._api, self._api)
        with topology._pin() as pinned:
            found = self._call(
                "create_multi_slice_config",
                topology=topology._pointer(pinned),
                num_slices=slice_count,
                local_slice_id=slice_id,
                local_host_id=host_id,
                endpoint_addresses=borrowed_bytes(endpoint_addresses),
                endpoint_addresses_size=len(endpoint_addresses),
                dcn_topology=borrowed_bytes(network_topology),
                dcn_topology_size=len(network_topology),
            )
        return MultiSliceConfiguration(self._api, found.multi_slice_config)

    def collectives(self, places: ProcessPlaces, network_topology: bytes) -> Collectives:
        """Returns what makes collective operations between slices.

        Raises:
            ArgumentError: If `places` does not describe each process.
        """
        count = len(places.addresses)
        if len(places.slice_indices) != count or len(places.indices_in_slice) != count:
            raise ArgumentError(
                f"`places` expected a slice and a number for each of {count} process(es), "
                f"but got {len(places.slice_indices)} and {len(places.indices_in_slice)}"
            )
        encoded = [address.encode() for address in places.addresses]
        keep = [borrowed_bytes(address) for address in encoded]
        arrays = {
            "addresses": ffi.new("const char *[]", keep),
            "address_sizes": ffi.new("size_t[]", list(map(len, encoded))),
            "slice_indexes": ffi.new("int32_t[]", list(places.slice_indices)),
            "per_slice_indexes": ffi.new("int32_t[]", list(places.indices_in_slice)),
        }
        counts = dict.fromkeys(("num_addresses", "num_slice_indexes", "num_per_slice_indexes"), count)
        described = ffi.new(
            "PJRT_Megascale_ProcessesInfo *",
            {**arrays, **counts, "num_devices_per_process": places.devices_per_process},
        )
        found = self._call(
            "create_megascale_collectives",
            processes_info=described,
            dcn_topology=borrowed_bytes(network_topology),
            dcn_topology_size=len(network_topology),
        )
        return Collectives(self._api, found.collectives)


def compilation_configuration(topology: Topology, slice_count: int) -> MultiSliceConfiguration:
    """Returns the configuration for compiling a program for several slices of one topology, without having them.

    Raises:
        UnimplementedError: If the plugin does not have the extension: only those for TPUs have.
    """
    check_type("topology", topology, Topology, "a topology")
    api = topology._api
    with topology._pin() as pinned:
        pointer = topology._pointer(pinned)
        found = api.call_extension(_NAME, "create_aot_config", topology=pointer, num_slices=slice_count)
    return MultiSliceConfiguration(api, found.multi_slice_config)


def megascale_id(source: Source, slice_id: int, device_id_in_slice: int) -> int:
    """Returns the number that a device of a slice has among those of all slices."""
    found = api_of(source).call_extension(
        _NAME, "device_id_to_megascale_id", slice_id=slice_id, per_slice_device_id=device_id_in_slice
    )
    return found.megascale_id


def device_id(source: Source, megascale_id: int) -> tuple[int, int]:
    """Returns the slice of a device, and its number there, given its number among the devices of all slices."""
    found = api_of(source).call_extension(_NAME, "megascale_id_to_device_id", megascale_id=megascale_id)
    return found.slice_id, found.per_slice_device_id


_handlers: dict[tuple[Api, str], CData] = {}


def register_error_handler(source: Source, name: str, function: Callable[[bytes], object]) -> None:
    """Has `function(error)` called with each serialized error, on a thread of the plugin.

    What the function raises is reported through `threading.excepthook`.

    Raises:
        ArgumentError: If there is a handler of that name.
        UnimplementedError: If the plugin does not have the extension: only those for TPUs have.
    """
    api, encoded = api_of(source), name.encode()

    def call(data: CData, size: int, user: CData) -> None:
        try:
            function(bytes(ffi.buffer(data, size)) if size else b"")
        except BaseException as error:  # Nothing may leave a function that C calls.
            report_exception(error)

    api.extension_function(_NAME, "register_megascale_error_handler")
    if (api, name) in _handlers:
        raise ArgumentError(f"`name` expected a handler that is not registered, but {name!r} is")
    handler = ffi.callback("void (*)(const char *, size_t, void *)", call)
    api.call_extension(
        _NAME,
        "register_megascale_error_handler",
        handler_name=borrowed_bytes(encoded),
        handler_name_size=len(encoded),
        handler=handler,
    )
    _handlers[api, name] = handler


def unregister_error_handler(source: Source, name: str) -> None:
    """Forgets a handler.

    Raises:
        PjrtError: If there is none of that name.
    """
    api, encoded = api_of(source), name.encode()
    api.call_extension(
        _NAME,
        "unregister_megascale_error_handler",
        handler_name=borrowed_bytes(encoded),
        handler_name_size=len(encoded),
    )
    _handlers.pop((api, name), None)


class ErrorDigest(Handle):
    """What the errors of all workers come down to."""

    _subject = "error digest"

    def __init__(self, api: Api, pointer: CData) -> None:
        super().__init__(api, pointer, lambda pointer: api.call_extension(_NAME, "error_digest_delete", digest=pointer))


class ErrorAggregator(Handle):
    """Collects the errors of all workers of a program."""

    _subject = "error aggregator"

    def __init__(self, source: Source, application: str) -> None:
        """Makes an aggregator for a kind of application.

        Raises:
            UnimplementedError: If the plugin does not have the extension: only those for TPUs have.
        """
        api, encoded = api_of(source), application.encode()
        found = api.call_extension(
            _NAME, "error_aggregator_create", app_type=borrowed_bytes(encoded), app_type_size=len(encoded)
        )
        super().__init__(
            api,
            found.aggregator,
            lambda pointer: api.call_extension(_NAME, "error_aggregator_delete", aggregator=pointer),
        )

    def _call(self, function: str, **fields: object) -> CData:
        with self._pin() as pointer:
            return self._api.call_extension(_NAME, f"error_aggregator_{function}", aggregator=pointer, **fields)

    def add(self, worker: str, error: bytes) -> None:
        """Adds a serialized error of a worker."""
        encoded = worker.encode()
        self._call(
            "add_error",
            worker_id=borrowed_bytes(encoded),
            worker_id_size=len(encoded),
            serialized_error=borrowed_bytes(error),
            serialized_error_size=len(error),
        )

    def process(self) -> ErrorDigest:
        """Returns the digest of the errors. Nothing can be added afterwards."""
        return ErrorDigest(self._api, self._call("process_and_shutdown").digest)

    def log(self, digest: ErrorDigest) -> None:
        """Writes a digest to the plugin's log."""
        check_type("digest", digest, ErrorDigest, "a digest of errors")
        check_plugin("digest", digest._api, self._api)
        with digest._pin() as pointer:
            self._call("log_error_digest", digest=pointer)

    @property
    def active(self) -> bool:
        """Whether errors can be added."""
        return self._call("active").active

    def __len__(self) -> int:
        return self._call("size").size


@dataclass(frozen=True)
class RuntimeErrorRecord:
    """Error of the runtime, in the form that workers exchange.

    Attributes:
        serialized: The error.
        is_new: Whether it was not known before.
    """

    serialized: bytes
    is_new: bool


def runtime_error(
    source: Source,
    error: PjrtError,
    *,
    kind: int = 0,
    start_time_in_nanoseconds: int = 0,
    launch_id: int = 0,
    unrecoverable_kind: int | None = None,
) -> RuntimeErrorRecord:
    """Returns an error in the form that workers exchange.

    Raises:
        UnimplementedError: If the plugin does not have the extension: only those for TPUs have.
    """
    code, message, size = error_to_c(error)
    found = api_of(source).call_extension(
        _NAME,
        "get_or_create_runtime_error",
        error_type=kind,
        start_time_nanos=start_time_in_nanoseconds,
        status_code=code,
        status_message=message,
        status_message_size=size,
        launch_id=launch_id,
        has_unrecoverable_error_type=unrecoverable_kind is not None,
        unrecoverable_error_type=unrecoverable_kind or 0,
    )
    data = take_serialized(found.serialized_error, found.serialized_error_size, found.error, found.error_deleter)
    return RuntimeErrorRecord(data, found.is_new_error)


def interface_addresses(
    source: Source,
    port_name: str,
    port: int,
    *,
    prefixes: Sequence[str] = (),
    use_all: bool = False,
    only_near: bool = False,
) -> tuple[bytes, ...]:
    """Returns the serialized addresses of this machine's network interfaces.

    Args:
        source: Plugin, or client of the plugin.
        port_name: Name of the port.
        port: Number of the port.
        prefixes: What the names of the interfaces begin with.
        use_all: Whether to return all of them.
        only_near: Whether to return only those near the processors of this process.
    """
    encoded, names = port_name.encode(), [prefix.encode() for prefix in prefixes]
    keep = [borrowed_bytes(name) for name in names]
    found = api_of(source).call_extension(
        _NAME,
        "get_interface_addresses_helper",
        megascale_port_name=borrowed_bytes(encoded),
        megascale_port_name_size=len(encoded),
        megascale_port=port,
        interface_prefixes=ffi.new("const char *[]", keep),
        interface_prefixes_sizes=ffi.new("size_t[]", list(map(len, names))),
        num_interface_prefixes=len(names),
        use_all_interfaces=use_all,
        limit_to_process_numa_local_interfaces=only_near,
    )
    try:
        sizes = found.serialized_addresses_sizes
        return tuple(bytes(ffi.buffer(found.serialized_addresses[i], sizes[i])) for i in range(found.num_addresses))
    finally:
        if found.addresses_deleter != NULL:
            found.addresses_deleter(found.addresses)
