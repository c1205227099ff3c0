"""Tests of asynchronous transfers to a device."""

import numpy
import pytest

import ryft_pjrt as pjrt
from ryft_pjrt import BufferSpecification
from ryft_pjrt.errors import ArgumentError, ArgumentTypeError, ClosedError, InternalError, UnimplementedError


def manager(client: pjrt.Client, *texts: str) -> pjrt.HostToDeviceTransferManager:
    return client.host_to_device_transfer_manager([BufferSpecification.parse(text) for text in texts])


def test_buffers_are_filled_piece_by_piece(client: pjrt.Client) -> None:
    transfers = manager(client, "f32[4]", "s32[2,2]")
    assert (transfers.buffer_count, transfers.device) == (2, client.devices[0])
    assert [transfers.buffer_size_in_bytes(i) for i in range(2)] == [16, 16]
    assert repr(transfers) == "HostToDeviceTransferManager(f32[4], i32[2,2])"
    first, second = transfers.retrieve_buffer(0), transfers.retrieve_buffer(1)

    transfers.transfer_data(0, numpy.array([1, 2], numpy.float32), is_last=False).wait()
    assert not first.ready().done()
    transfers.transfer_data(1, numpy.array([[1, 2], [3, 4]], numpy.int32)).wait()
    transfers.transfer_data(0, numpy.array([3, 4], numpy.float32).tobytes(), 8).wait()

    assert first.to_numpy().tolist() == [1, 2, 3, 4]
    assert second.to_numpy().tolist() == [[1, 2], [3, 4]]


def test_buffers_can_be_used_before_they_are_filled(
    client: pjrt.Client, add: pjrt.LoadedExecutable, eight: numpy.ndarray
) -> None:
    transfers = manager(client, "f32[8]")
    result = add(transfers.retrieve_buffer(0), client.buffer(eight))

    transfers.transfer_data(0, eight)

    numpy.testing.assert_array_equal(result.to_numpy(), eight * 2)


def test_transfers_are_placed_in_the_memory_asked_for(client: pjrt.Client) -> None:
    memory = client.devices[2].default_memory
    transfers = client.host_to_device_transfer_manager([BufferSpecification("int8", (3,))], memory)

    transfers.transfer_data(0, b"abc").wait()

    buffer = transfers.retrieve_buffer(0)
    assert (buffer.memory, buffer.to_numpy().tobytes()) == (memory, b"abc")


def test_a_buffer_can_get_an_error_instead(client: pjrt.Client) -> None:
    transfers = manager(client, "f32[4]")
    buffer = transfers.retrieve_buffer(0)

    transfers.set_error(0, InternalError("it broke"))

    with pytest.raises(InternalError, match="it broke"):
        buffer.to_numpy()
    with pytest.raises(ArgumentError, match="buffer 0 expected no transfer after its last one"):
        transfers.set_error(0, InternalError("again"))


@pytest.mark.parametrize(("offset", "size"), [(0, 17), (16, 1), (-1, 1), (9, 8)])
def test_transfers_that_do_not_fit_are_rejected(client: pjrt.Client, offset: int, size: int) -> None:
    transfers = manager(client, "f32[4]")

    with pytest.raises(ArgumentError, match=rf"within the 16 byte\(s\) of buffer 0, but got {size} byte\(s\)"):
        transfers.transfer_data(0, bytes(size), offset)


def test_transfers_check_their_arguments(client: pjrt.Client) -> None:
    transfers = manager(client, "f32[4]")

    with pytest.raises(ArgumentError, match="`index` expected an integer from 0 to 0, but got 1"):
        transfers.transfer_data(1, b"")
    with pytest.raises(ArgumentError, match="`index` expected an integer from 0 to 0, but got -1"):
        transfers.retrieve_buffer(-1)
    with pytest.raises(ArgumentTypeError, match="expected contiguous bytes, but got `int`"):
        transfers.transfer_data(0, 3)
    with pytest.raises(ArgumentTypeError, match="`offset` expected an integer, but got 'a'"):
        transfers.transfer_data(0, b"", "a")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ArgumentTypeError, match="metadata `a` expected a str, but got `int`"):
        transfers.add_metadata({"a": 1})  # pyright: ignore[reportArgumentType]
    transfers.add_metadata({"name": "value"})
    transfers.transfer_data(0, bytes(16)).wait()
    with pytest.raises(ArgumentError, match="buffer 0 expected no transfer after its last one"):
        transfers.transfer_data(0, bytes(16))
    transfers.retrieve_buffer(0)
    with pytest.raises(ArgumentError, match="buffer 0 expected to be retrieved once"):
        transfers.retrieve_buffer(0)
    with pytest.raises(ArgumentError, match="expected at least one specification, but got none"):
        client.host_to_device_transfer_manager([])


def test_literals_need_a_newer_plugin(client: pjrt.Client) -> None:
    transfers = manager(client, "f32[4]")

    with pytest.raises(ArgumentError, match=r"a literal expected f32\[4\], but got float64 \(4,\)"):
        transfers.transfer_literal(0, numpy.zeros(4))
    with pytest.raises(UnimplementedError, match="TransferLiteral` is not implemented"):
        transfers.transfer_literal(0, numpy.zeros(4, numpy.float32))
    transfers.transfer_data(0, bytes(16)).wait()


def test_closed_managers_cannot_be_used(client: pjrt.Client) -> None:
    transfers = manager(client, "f32[4]")
    transfers.close()

    with pytest.raises(ClosedError, match="cannot use this transfer manager"):
        transfers.transfer_data(0, bytes(16))
    with pytest.raises(ClosedError, match="cannot use this transfer manager"):
        transfers.retrieve_buffer(0)


def test_unfinished_managers_can_be_dropped(client: pjrt.Client) -> None:
    transfers = manager(client, "f32[4]")
    buffer = transfers.retrieve_buffer(0)
    del transfers

    with pytest.raises(pjrt.PjrtError, match=r"."):
        buffer.ready().wait(60)
