"""Plugins: the shared libraries that implement PJRT for one platform each."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, TypedDict, Unpack

from ryft_pjrt._arguments import check_plugin, check_type
from ryft_pjrt.client_options import ClientOptions, option_values
from ryft_pjrt.clients import Client
from ryft_pjrt.compilation_options import CompilationOptions
from ryft_pjrt.device_assignments import DeviceAssignment
from ryft_pjrt.errors import ArgumentTypeError, NotFoundError, PjrtError
from ryft_pjrt.executables import Executable, compile_for_topology
from ryft_pjrt.execution import ExecutionContext
from ryft_pjrt.key_value_stores import KeyValueStore
from ryft_pjrt.programs import Program
from ryft_pjrt.topologies import OwnedTopology, Topology, create_topology, deserialize_topology
from ryft_pjrt.values import Value, read_named_values
from ryft_pjrt.versions import Version
from ryft_xla_sys import Api, load_api
from ryft_xla_sys.plugins import load_manifest, load_named_plugin

if TYPE_CHECKING:
    from ryft_pjrt.distributed import DistributedRuntimeClient, DistributedRuntimeService, Duration

__all__ = [
    "Plugin",
    "RuntimeClientOptions",
    "RuntimeServiceOptions",
    "load_cpu_plugin",
    "load_cuda_12_plugin",
    "load_cuda_13_plugin",
    "load_metal_plugin",
    "load_neuron_plugin",
    "load_plugin",
    "load_rocm_7_plugin",
    "load_tpu_plugin",
]

_GPU_CUSTOM_CALL, _STREAM, _TPU_TOPOLOGY, _TPU_EXECUTABLE = 0, 3, 16, 17


class RuntimeServiceOptions(TypedDict, total=False):
    """Options of `DistributedRuntimeService`."""

    heartbeat_timeout: Duration
    cluster_register_timeout: Duration
    shutdown_timeout: Duration


class RuntimeClientOptions(TypedDict, total=False):
    """Options of `DistributedRuntimeClient`."""

    rpc_timeout: Duration
    initialization_timeout: Duration
    shutdown_timeout: Duration
    heartbeat_timeout: Duration
    recoverable: bool
    use_compression: bool


class Plugin:
    """Loaded plugin. It stays loaded until the process ends.

    Attributes:
        api: Function table of the plugin.
        name: Name that the plugin was loaded by, for example `cuda-13`; `None` if it was loaded from a path.
    """

    def __init__(self, api: Api, name: str | None = None) -> None:
        self.api = api
        self.name = name

    @property
    def version(self) -> Version:
        """Version of the PJRT C API that the plugin implements."""
        return Version(*self.api.version)

    @cached_property
    def attributes(self) -> dict[str, Value]:
        """What the plugin says about itself, by name."""
        arguments = self.api.call("PJRT_Plugin_Attributes")
        return read_named_values(arguments.attributes, arguments.num_attributes)

    def attribute(self, name: str) -> Value:
        """Returns the attribute called `name`.

        Raises:
            NotFoundError: If the plugin has no such attribute.
        """
        if name not in self.attributes:
            raise NotFoundError(f"the plugin has no attribute named `{name}`, only {sorted(self.attributes)}")
        return self.attributes[name]

    @cached_property
    def platform(self) -> str | None:
        """Platform whose client options the plugin takes: `cpu`, `gpu` or `tpu`, or `None` if it cannot be told."""
        if "cpu" in self.api.path.name.lower():
            return "cpu"
        if any(self.api.extension(kind) is not None for kind in (_TPU_TOPOLOGY, _TPU_EXECUTABLE)):
            return "tpu"
        if any(self.api.extension(kind) is not None for kind in (_GPU_CUSTOM_CALL, _STREAM)):
            return "gpu"
        return None

    def client(self, options: ClientOptions | None = None) -> Client:
        """Returns a new client for the devices of the platform.

        Args:
            options: Options of the platform, or a mapping with the plugin's own names for them.

        Raises:
            OptionError: If an option is unknown to the platform, or its value has the wrong type.
            PjrtError: If the plugin cannot make a client, for example because there is no such device.
        """
        return self._client(options, None)

    def _client(self, options: ClientOptions | None, store: KeyValueStore | None) -> Client:
        values = option_values(options, self.platform)
        try:
            return Client(self, values, store)
        except PjrtError as error:
            self._explain(error)
            raise

    def _explain(self, error: PjrtError) -> None:
        """Adds what the plugin needs to use a device, and this machine lacks."""
        entry = load_manifest().plugins.get(self.name) if self.name is not None else None
        if entry is not None and entry.runtime:
            from ryft_xla_sys.plugins.runtime import missing_runtime_hints  # Not at the top: the CPU needs none.

            for hint in missing_runtime_hints(entry):
                error.add_note(f"hint: {hint}")

    def client_with_key_value_store(self, options: ClientOptions | None, store: KeyValueStore) -> Client:
        """Returns a new client that finds the other processes of a distributed program through `store`.

        Raises:
            ArgumentTypeError: If `store` lacks a method of a key-value store.
            OptionError: If an option is unknown to the platform, or its value has the wrong type.
            PjrtError: If the plugin cannot make a client.
        """
        if not isinstance(store, KeyValueStore):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ArgumentTypeError(f"`store` expected a key-value store, but got `{type(store).__name__}`")
        return self._client(options, store)

    def topology(self, name: str = "", options: Mapping[str, object] | None = None) -> OwnedTopology:
        """Returns a topology of devices that need not exist on this machine.

        Args:
            name: Name of the topology, for example `v5e:2x2` for the TPU plugin.
            options: Options of the platform, by the plugin's own names.

        Raises:
            PjrtError: If the plugin knows no such topology, or makes none at all, as on the CPU.
        """
        return create_topology(self.api, name, options or {})

    def deserialize_topology(self, data: bytes) -> OwnedTopology:
        """Returns the topology in bytes that `Topology.serialize` returned.

        Raises:
            PjrtError: If the plugin cannot read them.
        """
        return deserialize_topology(self.api, data)

    def compile(
        self, program: Program | str | bytes, topology: Topology, options: CompilationOptions | None = None
    ) -> Executable:
        """Compiles a program for a topology, without needing its devices.

        Raises:
            ArgumentTypeError: If `topology` or `options` is something else.
            PjrtError: If the program is malformed or cannot be compiled, or the plugin does not offer it.
        """
        check_type("topology", topology, Topology, "a topology")
        check_plugin("topology", topology._api, self.api)
        if options is not None:
            check_type("options", options, CompilationOptions, "compilation options")
        return compile_for_topology(self.api, program, topology, options or CompilationOptions())

    def execution_context(self) -> ExecutionContext:
        """Returns a new context, where custom calls find data that belongs to one execution."""
        return ExecutionContext(self.api)

    def deserialize_device_assignment(self, data: bytes) -> DeviceAssignment:
        """Returns the device assignment in a serialized `DeviceAssignmentProto`.

        Raises:
            DataLossError: If the bytes are not such a message.
        """
        return DeviceAssignment.deserialize(data)

    def distributed_runtime_service(
        self, address: str, node_count: int, **timeouts: Unpack[RuntimeServiceOptions]
    ) -> DistributedRuntimeService:
        """Starts the service through which `node_count` processes find each other: see `DistributedRuntimeService`.

        Args:
            address: Address to listen at, as `host:port`.
            node_count: Number of processes.
            timeouts: Options of `DistributedRuntimeService`.
        """
        from ryft_pjrt.distributed import DistributedRuntimeService  # Not at the top: few programs need it.

        return DistributedRuntimeService(address, node_count, **timeouts)

    def distributed_runtime_client(
        self, address: str, node_id: int, **options: Unpack[RuntimeClientOptions]
    ) -> DistributedRuntimeClient:
        """Returns this process's access to the service, not connected yet: see `DistributedRuntimeClient`.

        Args:
            address: Address of the service, as `host:port`.
            node_id: Number of this process, from 0.
            options: Options of `DistributedRuntimeClient`.
        """
        from ryft_pjrt.distributed import DistributedRuntimeClient  # Not at the top: few programs need it.

        return DistributedRuntimeClient(address, node_id, **options)

    def __repr__(self) -> str:
        return f"Plugin({self.api.path.name}, version={self.version})"


def load_plugin(path: str | os.PathLike[str]) -> Plugin:
    """Loads the plugin in the shared library at `path`.

    Raises:
        PluginError: If there is no such file, or it is not a PJRT plugin that can be used.
    """
    return Plugin(load_api(path))


def load_cpu_plugin() -> Plugin:
    """Loads the plugin for the CPU; see `ryft_xla_sys.find_plugin` for where it is looked for.

    Raises:
        PluginError: If it cannot be found or loaded.
    """
    return _load_named("cpu")


def load_cuda_12_plugin() -> Plugin:
    """Loads the plugin for NVIDIA GPUs with CUDA 12. Raises `PluginError` if it cannot be found or loaded."""
    return _load_named("cuda-12")


def load_cuda_13_plugin() -> Plugin:
    """Loads the plugin for NVIDIA GPUs with CUDA 13. Raises `PluginError` if it cannot be found or loaded."""
    return _load_named("cuda-13")


def load_rocm_7_plugin() -> Plugin:
    """Loads the plugin for AMD GPUs with ROCm 7. Raises `PluginError` if it cannot be found or loaded."""
    return _load_named("rocm-7")


def load_tpu_plugin() -> Plugin:
    """Loads the plugin for Google TPUs. Raises `PluginError` if it cannot be found or loaded."""
    return _load_named("tpu")


def load_neuron_plugin() -> Plugin:
    """Loads the plugin for AWS Neuron. Raises `PluginError` if it cannot be found or loaded."""
    return _load_named("neuron")


def load_metal_plugin() -> Plugin:
    """Loads the plugin for Apple GPUs. Raises `PluginError` if it cannot be found or loaded."""
    return _load_named("metal")


def _load_named(name: str) -> Plugin:
    return Plugin(load_named_plugin(name), name)
