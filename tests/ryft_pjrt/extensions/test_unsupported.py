"""What a plugin lacks is a clean `UnimplementedError`: the extension, a function of it, or the end of its struct."""

from collections.abc import Callable
from typing import Any

import pytest

import ryft_pjrt as pjrt
from ryft_pjrt.errors import PjrtError, UnimplementedError
from ryft_pjrt.extensions import (
    abi_versions,
    callbacks,
    cross_host_transfers,
    custom_partitioners,
    executable_metadata,
    gpu_custom_calls,
    host_allocator,
    host_memory_allocator,
    megascale,
    phase_compile,
    profiler,
    raw_buffers,
    shardings,
    stream,
    tpu_executables,
    tpu_topology,
    triton,
)

SPECIFICATION = pjrt.BufferSpecification("float32", (8,))


class World:
    """Objects of one plugin."""

    def __init__(self, plugin: pjrt.Plugin, executable: pjrt.Executable, topology: pjrt.Topology) -> None:
        self.plugin = plugin
        self.client = plugin.client()
        self.device = self.client.addressable_devices[0]
        self.buffer = self.client.uninitialized_buffer("float32", (8,))
        self.executable = executable
        self.topology = topology


CALLS: dict[str, Callable[[World], object]] = {
    "runtime ABI version": lambda world: abi_versions.runtime_abi_version(world.client),
    "executable ABI version": lambda world: abi_versions.executable_abi_version(world.executable),
    "deserialized ABI version": lambda world: abi_versions.RuntimeAbiVersion.deserialize(world.plugin, b""),
    "callback": lambda world: callbacks.register_callback(world.client, callbacks.PrefatalEvent, print),
    "invocation": lambda world: callbacks.invoke_callback(
        world.client, callbacks.SliceFailureEvent(callbacks.SliceFailure.UNKNOWN)
    ),
    "send": lambda world: cross_host_transfers.send_buffers(world.client, [world.buffer], [1], [2]),
    "receive": lambda world: cross_host_transfers.receive_buffers(
        world.client, [SPECIFICATION], world.device, [1], [2]
    ),
    "make": lambda world: cross_host_transfers.make_receive_buffers(
        world.client, [SPECIFICATION], world.device, lambda error, descriptors: None
    ),
    "copy": lambda world: cross_host_transfers.copy_to_remote_device(world.buffer, b"descriptor"),
    "custom partitioner": lambda world: custom_partitioners.register_custom_partitioner(world.plugin, "x", None),
    "batch partitionable": lambda world: custom_partitioners.register_batch_partitionable(world.plugin, "x"),
    "executable metadata": lambda world: executable_metadata.executable_metadata(world.executable),
    "GPU custom call": lambda world: gpu_custom_calls.register_gpu_custom_call(world.plugin, "x", 4096),
    "alignment": lambda world: host_allocator.preferred_alignment(world.client),
    "allocation": lambda world: host_allocator.allocate_host_memory(world.client, 8),
    "NUMA allocation": lambda world: host_memory_allocator.allocate_host_memory(world.client, 8),
    "megascale context": lambda world: megascale.MegascaleContext(world.client),
    "default megascale context": lambda world: megascale.MegascaleContext(world.plugin),
    "megascale configuration": lambda world: megascale.compilation_configuration(world.topology, 2),
    "megascale id": lambda world: megascale.megascale_id(world.plugin, 0, 0),
    "device id": lambda world: megascale.device_id(world.plugin, 0),
    "megascale handler": lambda world: megascale.register_error_handler(world.plugin, "x", print),
    "no megascale handler": lambda world: megascale.unregister_error_handler(world.plugin, "x"),
    "error aggregator": lambda world: megascale.ErrorAggregator(world.plugin, "x"),
    "runtime error": lambda world: megascale.runtime_error(world.plugin, PjrtError("x")),
    "interface addresses": lambda world: megascale.interface_addresses(world.plugin, "x", 1),
    "phase compiler": lambda world: phase_compile.PhaseCompiler(world.plugin),
    "profiler": lambda world: profiler.Profiler(world.plugin),
    "raw buffer": lambda world: raw_buffers.RawBuffer(world.buffer),
    "parameter shardings": lambda world: shardings.parameter_shardings(world.executable),
    "output shardings": lambda world: shardings.output_shardings(world.executable),
    "stream": lambda world: stream.stream_for_external_ready_events(world.device),
    "wait on a stream": lambda world: stream.wait_until_ready_on_stream(world.buffer, 1),
    "target arguments": lambda world: tpu_executables.target_arguments(world.executable),
    "module with configuration": lambda world: tpu_executables.hlo_module_with_config(world.executable),
    "memory statistics": lambda world: tpu_executables.compiled_memory_statistics(world.executable),
    "cost analysis": lambda world: tpu_executables.cost_analysis(world.plugin, b"", []),
    "environment": lambda world: tpu_executables.set_compilation_environment(world.plugin, b""),
    "field": lambda world: tpu_executables.compilation_environment_field(world.plugin, b"", "x"),
    "predetermined": lambda world: tpu_executables.is_predetermined_error(world.plugin, b""),
    "TPU topology": lambda world: tpu_topology.TpuTopology(world.topology).process_count,
    "slice": lambda world: tpu_topology.slice_configuration(world.plugin, "v5e", "2x2"),
    "slices": lambda world: tpu_topology.slice_configurations(world.plugin, "v5e"),
    "platform": lambda world: tpu_topology.platform_configuration(world.plugin, "v5e"),
    "Triton kernel": lambda world: triton.compile_triton_kernel(world.plugin, b"", "9.0"),
    "Triton kernel for a device": lambda world: triton.compile_triton_kernel(world.device, b""),
}


@pytest.fixture(scope="module")
def cpu_world(plugin: pjrt.Plugin, add: pjrt.LoadedExecutable) -> World:
    client = plugin.client()
    return World(plugin, add.executable, client.topology)


@pytest.fixture(scope="module")
def null_world(without_functions: pjrt.Plugin) -> World:
    topology = without_functions.topology("test")
    return World(without_functions, without_functions.compile("x", topology), topology)


@pytest.fixture(scope="module")
def short_world(short: pjrt.Plugin) -> World:
    topology = short.topology("test")
    return World(short, short.compile("x", topology), topology)


@pytest.mark.parametrize("name", CALLS)
def test_cpu_plugin_has_no_such_extension(cpu_world: World, name: str) -> None:
    with pytest.raises(UnimplementedError, match="is not implemented by plugin"):
        CALLS[name](cpu_world)


@pytest.mark.parametrize("name", CALLS)
def test_null_function_is_unimplemented(null_world: World, name: str) -> None:
    with pytest.raises(UnimplementedError, match="is not implemented by plugin `without_functions"):
        CALLS[name](null_world)


@pytest.mark.parametrize("name", CALLS)
def test_function_beyond_the_end_of_a_struct_is_unimplemented(short_world: World, name: str) -> None:
    with pytest.raises(UnimplementedError, match="is not implemented by plugin `short"):
        CALLS[name](short_world)


def test_old_layout_of_cross_host_transfers_is_refused(build_test_plugin: Callable[..., Any]) -> None:
    old = pjrt.load_plugin(build_test_plugin("old", "MINOR_VERSION=104"))
    with old.client() as client:
        buffer = client.uninitialized_buffer("float32", (8,))
        with pytest.raises(UnimplementedError, match="the present layout of extension"):
            cross_host_transfers.send_buffers(client, [buffer], [1], [2])
