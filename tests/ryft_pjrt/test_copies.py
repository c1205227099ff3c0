"""Tests of copies between devices and memories, raw reads, and what only newer plugins can do."""

import numpy
import pytest

import ryft_pjrt as pjrt
from ryft_pjrt.errors import ArgumentError, ArgumentTypeError, UnimplementedError


def test_copy_to_device_copies_to_its_default_memory(client: pjrt.Client, eight: numpy.ndarray) -> None:
    first, second = client.devices[:2]

    copy = client.buffer(eight, first).copy_to_device(second)

    assert (copy.device, copy.memory) == (second, second.default_memory)
    numpy.testing.assert_array_equal(copy.to_numpy(), eight)


def test_copy_to_device_rejects_the_same_device(client: pjrt.Client, eight: numpy.ndarray) -> None:
    with pytest.raises(ArgumentError, match="expected another device, but the buffer is on"):
        client.buffer(eight).copy_to_device(client.addressable_devices[0])


@pytest.mark.parametrize("kind", ["device", "pinned_host", "unpinned_host"])
def test_copy_to_memory_copies_between_all_kinds(client: pjrt.Client, eight: numpy.ndarray, kind: str) -> None:
    memory = client.devices[1].memory(kind)

    copy = client.buffer(eight).copy_to_memory(memory)

    assert copy.memory is memory
    numpy.testing.assert_array_equal(copy.to_numpy(), eight)
    numpy.testing.assert_array_equal(copy.copy_to_memory(client.devices[0].default_memory).to_numpy(), eight)


def test_copies_reject_places_of_other_clients(plugin: pjrt.Plugin, client: pjrt.Client) -> None:
    buffer = client.buffer(1.0)
    with plugin.client() as other:
        with pytest.raises(ArgumentError, match="of another client"):
            buffer.copy_to_device(other.devices[1])
        with pytest.raises(ArgumentError, match="of another client"):
            buffer.copy_to_memory(other.devices[1].default_memory)


@pytest.mark.parametrize(("offset", "size"), [(0, None), (4, 8), (32, 0), (31, 1), (8, None)])
def test_copy_raw_to_host_gives_the_bytes(
    client: pjrt.Client, eight: numpy.ndarray, offset: int, size: int | None
) -> None:
    raw = client.buffer(eight).copy_raw_to_host(offset, size).wait()

    end = None if size is None else offset + size
    assert raw.tobytes() == eight.tobytes()[offset:end]


@pytest.mark.parametrize(("offset", "size"), [(-1, 1), (0, 33), (33, None), (30, 3), (0, -1), (2**70, 1)])
def test_copy_raw_to_host_rejects_other_ranges(client: pjrt.Client, offset: int, size: int | None) -> None:
    with pytest.raises(ArgumentError, match=r"expected a range within the 32 byte\(s\) of the buffer"):
        client.buffer(numpy.zeros(8, numpy.float32)).copy_raw_to_host(offset, size)


def test_copy_raw_to_host_rejects_other_types(client: pjrt.Client) -> None:
    with pytest.raises(ArgumentTypeError, match="expected integers, but got offset 'a'"):
        client.buffer(1.0).copy_raw_to_host("a")  # pyright: ignore[reportArgumentType]


def test_what_the_plugin_lacks_is_unimplemented(client: pjrt.Client, eight: numpy.ndarray) -> None:
    buffer = client.buffer(eight)

    for action, name in (
        (buffer.copy_raw_to_host_later, "CopyRawToHostFuture"),
        (buffer.donate_with_control_dependency, "DonateWithControlDependency"),
        (lambda: buffer.bitcast("int32", (8,)), "Bitcast"),
    ):
        with pytest.raises(UnimplementedError, match=f"`PJRT_Buffer_{name}` is not implemented by plugin"):
            action()
    assert not buffer.closed


def test_bitcast_rejects_types_of_another_size(client: pjrt.Client, eight: numpy.ndarray) -> None:
    with pytest.raises(ArgumentError, match=r"`bitcast` expected a type of 256 bits like f32\[8\], but i8\[8\] has 64"):
        client.buffer(eight).bitcast("int8", (8,))
