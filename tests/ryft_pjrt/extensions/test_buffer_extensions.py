"""Extensions of buffers and memory, against the test plugin: transfers, raw buffers, host memory."""

from typing import Any

import numpy
import pytest

import ryft_pjrt as pjrt
from ryft_pjrt.errors import (
    ArgumentError,
    ArgumentTypeError,
    DataLossError,
    DeadlineExceededError,
    InvalidArgumentError,
    NotFoundError,
    ResourceExhaustedError,
    UnavailableError,
)
from ryft_pjrt.extensions import cross_host_transfers, host_allocator, host_memory_allocator
from ryft_pjrt.extensions.raw_buffers import RawBuffer

EIGHT = pjrt.BufferSpecification("float32", (8,), pjrt.TiledLayout((0,)))


def test_buffers_are_sent(fake_client: pjrt.Client, fake_buffer: pjrt.Buffer, control: Any) -> None:
    events = cross_host_transfers.send_buffers(fake_client, [fake_buffer] * 2, [1, 2], [3, 4], incarnations={0: 5})

    assert [event.wait(10) for event in events] == [None, None]
    assert cross_host_transfers.send_buffers(fake_client, [], [], []) == []


def test_buffers_are_received(fake_client: pjrt.Client, control: Any) -> None:
    device = fake_client.devices[0]
    buffers = cross_host_transfers.receive_buffers(fake_client, [EIGHT, EIGHT], device, [1, 2], [3, 4])

    assert [str(buffer.type) for buffer in buffers] == ["f32[8]", "f32[8]"]
    assert cross_host_transfers.receive_buffers(fake_client, [], device, [], []) == []
    with pytest.raises(InvalidArgumentError, match="only eight numbers can be received"):
        cross_host_transfers.receive_buffers(
            fake_client, [pjrt.BufferSpecification("float32", (2, 3))], device, [1], [2]
        )


def test_transfers_need_equally_many_of_each(fake_client: pjrt.Client, fake_buffer: pjrt.Buffer) -> None:
    with pytest.raises(ArgumentError, match="but got 1 `buffers`, 2 `device_ids`, 1 `keys`"):
        cross_host_transfers.send_buffers(fake_client, [fake_buffer], [1, 2], [3])
    with pytest.raises(ArgumentError, match="but got 1 `specifications`, 1 `device_ids`, 0 `keys`"):
        cross_host_transfers.receive_buffers(fake_client, [EIGHT], fake_client.devices[0], [1], [])


def test_descriptors_are_made_and_used(fake_client: pjrt.Client, fake_buffer: pjrt.Buffer, control: Any) -> None:
    told: list[Any] = []
    device = fake_client.devices[0]
    buffers = cross_host_transfers.make_receive_buffers(
        fake_client, [EIGHT, EIGHT], device, lambda error, descriptors: told.append((error, descriptors))
    )
    assert len(buffers) == 2
    assert told == [(None, (b"first", b"second"))]

    done: list[Any] = []
    cross_host_transfers.copy_to_remote_device(fake_buffer, b"first", lambda *result: done.append(result))
    cross_host_transfers.copy_to_remote_device(fake_buffer, b"other", lambda *result: done.append(result))
    assert done[0] == (None, True)
    assert (type(done[1][0]), done[1][1]) == (NotFoundError, False)
    with pytest.raises(ArgumentError, match="`descriptor` expected bytes"):
        cross_host_transfers.copy_to_remote_device(fake_buffer, b"")


def test_error_instead_of_descriptors_is_told(fake_client: pjrt.Client, control: Any) -> None:
    told: list[Any] = []
    control.return_null(True)
    cross_host_transfers.make_receive_buffers(
        fake_client, [EIGHT], fake_client.devices[0], lambda error, descriptors: told.append((error, descriptors))
    )

    ((error, descriptors),) = told
    assert (type(error), str(error), descriptors) == (UnavailableError, "nobody listens", ())


def test_raw_buffer_is_written_and_read(fake_buffer: pjrt.Buffer, control: Any) -> None:
    values = numpy.arange(8, dtype=numpy.float32)
    with RawBuffer(fake_buffer) as raw:
        raw.copy_from_host(values).wait(10)
        raw.copy_from_host(b"\0\0\0\0", offset=4).wait(10)

        assert raw.copy_to_host().wait(10).view(numpy.float32).tolist() == [0, 0, 2, 3, 4, 5, 6, 7]
        assert raw.copy_to_host(8, 4).wait(10).view(numpy.float32).tolist() == [2]
        assert raw.size_in_bytes == 32
        assert raw.unsafe_host_pointer() != 0


def test_raw_buffer_checks_ranges(fake_buffer: pjrt.Buffer, control: Any) -> None:
    with RawBuffer(fake_buffer) as raw:
        for offset, size in ((33, None), (-1, 4), (0, 33), (30, 4), (0, -1)):
            with pytest.raises(ArgumentError, match=r"expected a range of 32 byte\(s\)"):
                raw.copy_to_host(offset, size)
        with pytest.raises(ArgumentError, match=r"expected a range of 32 byte\(s\), but got 33 from 0"):
            raw.copy_from_host(bytes(33))
        for data in ("text", numpy.zeros((4, 4))[:, 1]):
            with pytest.raises(ArgumentTypeError, match="`data` expected contiguous bytes"):
                raw.copy_from_host(data)


def test_late_event_completes_later(fake_buffer: pjrt.Buffer, control: Any) -> None:
    control.late_events(True)
    with RawBuffer(fake_buffer) as raw, raw.copy_to_host() as event:
        assert not event.done()
        with pytest.raises(DeadlineExceededError, match="was not finished after"):
            event.wait(0.01)
        control.complete()
        assert event.wait(10).shape == (32,)


def test_late_event_fails_later(fake_buffer: pjrt.Buffer, control: Any) -> None:
    control.late_events(True)
    with RawBuffer(fake_buffer) as raw, raw.copy_to_host() as event:
        control.complete(15)
        with pytest.raises(DataLossError, match="it failed late"):
            event.wait(10)


def test_late_event_that_nobody_has_keeps_its_memory(fake_buffer: pjrt.Buffer, control: Any) -> None:
    before = control.live()
    control.late_events(True)
    RawBuffer(fake_buffer).copy_from_host(bytes(32))
    assert control.live() > before

    control.complete()
    control.late_events(False)
    # The thread for callbacks lets go of it.
    for _ in range(1000):
        if control.live() == before:
            break
    assert control.live() == before


def test_host_memory_is_allocated(fake_client: pjrt.Client, control: Any) -> None:
    assert host_allocator.preferred_alignment(fake_client) == 64
    for memory in (
        host_allocator.allocate_host_memory(fake_client, 100),
        host_allocator.allocate_host_memory(fake_client, 100, alignment=8),
        host_memory_allocator.allocate_host_memory(fake_client, 100),
        host_memory_allocator.allocate_host_memory(fake_client, 100, numa_node=1),
    ):
        with memory:
            assert len(memory) == memory.array().size == 100
            assert memory.address == memory.array().ctypes.data
            assert repr(memory) == "HostMemory(100 bytes)"
        assert repr(memory) == "HostMemory(100 bytes, closed)"


def test_host_memory_checks_its_arguments(fake_client: pjrt.Client, control: Any) -> None:
    for module in (host_allocator, host_memory_allocator):
        for size in (0, -1, 2**63):
            with pytest.raises(
                ArgumentError, match=f"`size` expected an integer from 1 to {2**63 - 1}, but got {size}"
            ):
                module.allocate_host_memory(fake_client, size)
    for alignment in (0, 3, -8):
        with pytest.raises(ArgumentError, match=rf"`alignment` expected .*, but got {alignment}"):
            host_allocator.allocate_host_memory(fake_client, 8, alignment)
    with pytest.raises(ArgumentError, match="`numa_node` expected an integer from -1 to 2147483647, but got -2"):
        host_memory_allocator.allocate_host_memory(fake_client, 8, -2)


def test_host_memory_that_is_missing_is_an_error(fake_client: pjrt.Client, control: Any) -> None:
    control.fail_next(8)
    with pytest.raises(ResourceExhaustedError, match="the plugin misbehaves"):
        host_memory_allocator.allocate_host_memory(fake_client, 8)
    control.return_null(True)
    for module in (host_allocator, host_memory_allocator):
        with pytest.raises(InvalidArgumentError, match="host memory handle is a null pointer"):
            module.allocate_host_memory(fake_client, 8)
