"""Tests of clients, devices and memories."""

import gc
import weakref

import numpy
import pytest

import ryft_pjrt as pjrt
from ryft_pjrt.errors import (
    ArgumentError,
    ArgumentTypeError,
    ClosedError,
    InternalError,
    NotFoundError,
    UnimplementedError,
)
from ryft_pjrt.testing import live_objects


def test_client_describes_itself(client: pjrt.Client, plugin: pjrt.Plugin) -> None:
    assert (client.platform_name, client.process_index, client.plugin) == ("cpu", 0, plugin)
    assert isinstance(client.platform_version, str)
    assert repr(client) == "Client(cpu)"


def test_devices_describe_themselves(client: pjrt.Client) -> None:
    assert client.devices == client.addressable_devices
    for index, device in enumerate(client.devices):
        assert (device.id, device.kind, device.process_index, device.local_hardware_id) == (index, "cpu", 0, index)
        assert (device.is_addressable, device.client, device.compute_capability) == (True, client, None)
        assert (str(device), str(device.description)) == (f"CpuDevice(id={index})",) * 2
        assert repr(device).startswith("Device[")
        assert repr(device.description).startswith("DeviceDescription[")
        assert device.attributes == device.description.attributes == {}
        assert (device.description.id, device.description.kind, device.description.process_index) == (index, "cpu", 0)


def test_devices_are_compared_and_hashed(client: pjrt.Client, plugin: pjrt.Plugin) -> None:
    first, second = client.devices[:2]
    assert first == client.lookup_device(0) != second
    assert len({first, client.lookup_device(0), second}) == 2
    with plugin.client() as other:
        assert other.devices[0] != first
        assert other.devices[0].description == first.description
        assert hash(other.devices[0].description) == hash(first.description)


def test_devices_are_looked_up(client: pjrt.Client) -> None:
    assert client.lookup_device(2) is client.devices[2]
    assert client.lookup_addressable_device(1) is client.devices[1]
    with pytest.raises(NotFoundError, match=r"there is no device 9, only \[0, 1, 2, 3\]"):
        client.lookup_device(9)
    with pytest.raises(NotFoundError, match="there is no addressable device 9"):
        client.lookup_addressable_device(9)


def test_memories_describe_themselves(client: pjrt.Client) -> None:
    device = client.devices[1]

    assert [memory.kind for memory in device.addressable_memories] == ["device", "pinned_host", "unpinned_host"]
    assert len(client.addressable_memories) == 12
    assert len({memory.id for memory in client.addressable_memories}) == 12
    memory = device.default_memory
    assert (memory.kind, memory.default_memory, memory.addressable_by_devices) == ("device", memory, (device,))
    assert memory.kind_id == client.devices[0].default_memory.kind_id
    assert memory is device.memory("device")
    assert memory != client.devices[0].default_memory
    assert len({memory, device.default_memory}) == 1
    assert "CpuDeviceMemory" in repr(memory)
    assert str(memory)
    with pytest.raises(NotFoundError, match="has no memory of kind `fast`"):
        device.memory("fast")


def test_devices_tell_what_they_lack(client: pjrt.Client) -> None:
    device = client.devices[0]

    with pytest.raises(NotFoundError, match="has no attribute named `nonsense`"):
        device.attribute("nonsense")
    with pytest.raises(UnimplementedError, match="not supported"):
        device.memory_statistics()
    with pytest.raises(UnimplementedError, match="`PJRT_Device_ClearMemoryStats` is not implemented"):
        device.clear_memory_statistics()
    with pytest.raises(UnimplementedError, match="`PJRT_Device_PoisonExecution` is not implemented"):
        device.poison_execution(1, InternalError("poison"))
    with pytest.raises(UnimplementedError, match="`PJRT_Device_CreateAsyncTrackingEvent` is not implemented"):
        device.async_tracking_event("work")


def test_default_device_assignment_covers_the_devices(client: pjrt.Client) -> None:
    assignment = client.default_device_assignment(2, 2)

    assert sorted(device for row in assignment.device_ids for device in row) == [0, 1, 2, 3]
    assert (assignment.replica_count, assignment.computation_count) == (2, 2)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ((0, 1), "`replica_count` expected an integer from 1 to 2147483647, but got 0"),
        ((1, -1), "`computation_count` expected an integer from 1 to 2147483647, but got -1"),
        ((2**20, 2**20), "need 1099511627776 devices, but there are 4"),
    ],
)
def test_default_device_assignment_rejects_bad_counts(
    client: pjrt.Client, counts: tuple[int, int], message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        client.default_device_assignment(*counts)


def test_default_device_assignment_needs_enough_devices(client: pjrt.Client) -> None:
    with pytest.raises(ArgumentError, match=r"5 replica\(s\) of 1 partition\(s\) need 5 devices, but there are 4"):
        client.default_device_assignment(5)


def test_update_global_process_information_takes_all_states(client: pjrt.Client) -> None:
    states = [pjrt.ProcessInformation(i, 10 + i, state) for i, state in enumerate(pjrt.ProcessState)]
    failed = pjrt.ProcessInformation(9, 1, pjrt.ProcessState.ERROR, InternalError("it broke"))

    client.update_global_process_information([*states, failed])
    client.update_global_process_information([])


def test_closed_clients_cannot_be_used(plugin: pjrt.Plugin) -> None:
    client = plugin.client()
    device, buffer = client.devices[0], client.buffer(numpy.ones(3))
    memory = device.default_memory
    client.close()
    client.close()

    assert client.closed
    assert repr(client) == "Client(closed)"
    assert buffer.closed
    for action in (
        lambda: client.buffer(1),
        lambda: client.compile("module {}"),
        lambda: client.addressable_memories,
        lambda: client.platform_name,
        lambda: client.topology,
        lambda: client.default_device_assignment(1),
        lambda: client.alias_buffer("int8", (1,)),
        lambda: client.uninitialized_buffer("int8", (1,)),
        lambda: client.deserialize_and_load(b""),
        lambda: device.addressable_memories,
        lambda: memory.id,
        lambda: plugin.compile("module {}", client.topology),
        buffer.to_numpy,
    ):
        with pytest.raises((ClosedError, pjrt.errors.DataLossError), match=r"has been closed|not a serialized"):
            action()


def test_closing_a_client_closes_what_it_made(plugin: pjrt.Plugin, programs: object) -> None:
    gc.collect()
    before = live_objects()
    client = plugin.client()
    executable = client.compile(programs.ADD)
    buffers = [client.buffer(numpy.ones(8, numpy.float32)) for _ in range(3)]
    buffers.append(executable(*buffers[:2]))
    context = client.execution_context()

    client.close()

    assert all(buffer.closed for buffer in buffers)
    assert executable.closed
    context.close()
    del executable, context
    gc.collect()
    assert live_objects() == before


def test_clients_are_closed_when_they_are_collected(plugin: pjrt.Plugin) -> None:
    gc.collect()
    before = live_objects()
    client = plugin.client()
    reference = weakref.ref(client)
    client.devices[0].default_memory

    del client
    gc.collect()

    assert reference() is None
    assert live_objects() == before


def test_buffers_keep_their_client_alive(plugin: pjrt.Plugin) -> None:
    buffer = plugin.client().buffer(numpy.ones(3))
    gc.collect()

    assert buffer.to_numpy().tolist() == [1, 1, 1]


def test_client_takes_a_key_value_store(plugin: pjrt.Plugin) -> None:
    with plugin.client_with_key_value_store(None, pjrt.LocalKeyValueStore()) as client:
        assert client.store is not None
        assert client.buffer(1.0).to_numpy() == 1
    with pytest.raises(ArgumentTypeError, match="`store` expected a key-value store, but got `dict`"):
        plugin.client_with_key_value_store(None, {})  # pyright: ignore[reportArgumentType]


def test_dma_map_needs_another_platform(client: pjrt.Client) -> None:
    with pytest.raises(UnimplementedError, match="DmaMap not supported"):
        client.dma_map(numpy.zeros(16))
    for array in (numpy.zeros(0), numpy.zeros((4, 4))[:, ::2]):
        with pytest.raises(ArgumentError, match="`dma_map` expected a C-contiguous array that is not empty"):
            client.dma_map(array)
