"""Tests that no object is taken for one of another kind or plugin: the plugin would read it as memory of its own."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

import ryft_pjrt as pjrt
from ryft_pjrt.errors import ArgumentError, ArgumentTypeError
from ryft_pjrt.extensions import (
    abi_versions,
    callbacks,
    cross_host_transfers,
    custom_partitioners,
    executable_metadata,
    ffi,
    gpu_custom_calls,
    host_allocator,
    host_memory_allocator,
    layouts,
    megascale,
    memory_descriptions,
    raw_buffers,
    shardings,
    stream,
    tpu_executables,
    tpu_topology,
)


@pytest.fixture
def objects(
    plugin: pjrt.Plugin,
    client: pjrt.Client,
    fake: pjrt.Plugin,
    fake_client: pjrt.Client,
    fake_topology: pjrt.Topology,
    fake_executable: pjrt.Executable,
    fake_buffer: pjrt.Buffer,
) -> SimpleNamespace:
    return SimpleNamespace(
        plugin=plugin,
        client=client,
        fake=fake,
        fake_client=fake_client,
        topology=fake_topology,
        executable=fake_executable,
        buffer=fake_buffer,
        specification=pjrt.BufferSpecification("int8", (3,)),
    )


KINDS: dict[str, tuple[Callable[[Any], object], str]] = {
    "user data": (lambda o: ffi.add_user_data(o.executable, 1, 0), "`context` expected an execution context"),
    "runtime": (lambda o: abi_versions.runtime_abi_version(o.buffer), "`client` expected a client, but got `Buffer`"),
    "program": (lambda o: abi_versions.executable_abi_version(o.buffer), "`executable` expected an executable"),
    "metadata": (lambda o: executable_metadata.executable_metadata(o.buffer), "`executable` expected an executable"),
    "shardings": (lambda o: shardings.output_shardings(o.fake_client), "`executable` expected an executable"),
    "layouts": (lambda o: layouts.parameter_layouts(o.buffer), "`executable` expected an executable"),
    "default layout": (lambda o: layouts.default_layout(o.buffer, "int8", (1,)), "`source` expected a client or a"),
    "layout": (lambda o: layouts.buffer_layout(o.executable), "`buffer` expected a buffer, but got `Executable`"),
    "raw buffer": (lambda o: raw_buffers.RawBuffer(o.executable), "`buffer` expected a buffer, but got `Executable`"),
    "stream": (lambda o: stream.wait_until_ready_on_stream(o.executable, 0), "`buffer` expected a buffer"),
    "external": (lambda o: stream.stream_for_external_ready_events(o.buffer), "`device` expected a device, but got"),
    "memories": (lambda o: memory_descriptions.memory_descriptions(o.buffer), "`device` expected the description of"),
    "allocation": (lambda o: host_allocator.allocate_host_memory(o.buffer, 8), "`client` expected a client"),
    "alignment": (lambda o: host_allocator.preferred_alignment(o.buffer), "`client` expected a client"),
    "host memory": (lambda o: host_memory_allocator.allocate_host_memory(o.buffer, 8), "`client` expected a client"),
    "callback": (
        lambda o: callbacks.register_callback(o.buffer, callbacks.PrefatalEvent, print),
        "`client` expected a client",
    ),
    "event": (lambda o: callbacks.invoke_callback(o.fake_client, 5), "`event` expected an event of the runtime"),
    "send": (lambda o: cross_host_transfers.send_buffers(o.buffer, [], [], []), "`client` expected a client"),
    "sent": (
        lambda o: cross_host_transfers.send_buffers(o.fake_client, [o.executable], [0], [0]),
        "`buffers` expected",
    ),
    "receive": (
        lambda o: cross_host_transfers.receive_buffers(o.fake_client, [o.specification], o.buffer, [0], [0]),
        "`device` expected a device, but got `Buffer`",
    ),
    "copy": (lambda o: cross_host_transfers.copy_to_remote_device(o.executable, b"a"), "`buffer` expected a buffer"),
    "configuration": (lambda o: megascale.compilation_configuration(o.buffer, 1), "`topology` expected a topology"),
    "TPU topology": (lambda o: tpu_topology.TpuTopology(o.fake_client), "`topology` expected a topology"),
    "TPU executable": (lambda o: tpu_executables.target_arguments(o.buffer), "`executable` expected an executable"),
    "custom call": (lambda o: gpu_custom_calls.register_gpu_custom_call(o.fake, 5, 1), "`name` expected text"),
    "partitionable": (lambda o: custom_partitioners.register_batch_partitionable(o.fake, 5), "`name` expected text"),
    "handler": (lambda o: ffi.register_python_handler(o.client, 5, print), "`name` expected text, but got `int`"),
}


@pytest.mark.parametrize("name", KINDS)
def test_objects_of_another_kind_are_errors(objects: SimpleNamespace, name: str) -> None:
    call, message = KINDS[name]
    with pytest.raises(ArgumentTypeError, match=message):
        call(objects)


PLUGINS: dict[str, tuple[Callable[[Any], object], str]] = {
    "load": (lambda o: o.client.load(o.executable), "executable"),
    "compile": (lambda o: o.plugin.compile("", o.topology), "topology"),
    "send": (lambda o: cross_host_transfers.send_buffers(o.client, [o.buffer], [0], [0]), "buffers"),
    "receive": (
        lambda o: cross_host_transfers.receive_buffers(o.client, [o.specification], o.fake_client.devices[0], [0], [0]),
        "device",
    ),
}


@pytest.mark.parametrize("name", PLUGINS)
def test_objects_of_another_plugin_are_errors(objects: SimpleNamespace, name: str) -> None:
    call, argument = PLUGINS[name]
    message = rf"`{argument}` expected an object of plugin `xla_cpu_pjrt\.so`, but got one of `test_plugin\.so`"
    with pytest.raises(ArgumentError, match=message):
        call(objects)
