"""Memories of the CPU plugin's devices, which are described as its clients have them."""

import ryft_pjrt as pjrt
from ryft_pjrt.extensions.memory_descriptions import default_memory_description, memory_descriptions


def test_descriptions_are_those_of_the_memories(client: pjrt.Client) -> None:
    device = client.devices[0]
    described = memory_descriptions(device.description)
    default = default_memory_description(device.description)

    if described:
        assert {memory.kind for memory in described} <= {memory.kind for memory in device.addressable_memories}
        assert default in described
    else:
        assert default is None


def test_descriptions_of_a_topology_are_those_of_the_client(client: pjrt.Client) -> None:
    (first, *_) = client.topology.device_descriptions

    assert memory_descriptions(first) == memory_descriptions(client.devices[0].description)
