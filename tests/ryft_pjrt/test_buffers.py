"""Tests of buffers: what is known of them, waiting for them, closing them."""

import gc
from types import SimpleNamespace

import numpy
import pytest

import ryft_pjrt as pjrt
from ryft_pjrt.errors import ClosedError, InvalidArgumentError
from ryft_pjrt.testing import live_objects


def test_buffer_describes_itself(client: pjrt.Client) -> None:
    buffer = client.buffer(numpy.zeros((2, 3), numpy.float32))

    assert (buffer.shape, buffer.ndim, buffer.dtype, str(buffer.type)) == ((2, 3), 2, numpy.float32, "f32[2,3]")
    assert buffer.layout == pjrt.TiledLayout((1, 0))
    assert str(buffer.specification) == "f32[2,3]{1,0}"
    assert (buffer.unpadded_shape, buffer.dynamic_dimensions) == ((2, 3), ())
    assert buffer.is_on_cpu
    assert buffer.size_in_bytes == 24
    assert buffer.memory is buffer.device.default_memory
    assert buffer.unsafe_pointer() == buffer.host_view().ctypes.data
    assert repr(buffer) == "Buffer(f32[2,3])"


def test_buffers_of_equal_type_share_it(client: pjrt.Client) -> None:
    assert client.buffer([1.0, 2.0]).type is client.buffer([3.0, 4.0]).type
    assert client.buffer([1.0, 2.0]).type is not client.buffer([1.0]).type


def test_buffer_is_ready_some_time(client: pjrt.Client, eight: numpy.ndarray) -> None:
    buffer = client.buffer(eight)

    assert buffer.ready().wait() is buffer
    assert buffer.block_until_ready() is buffer


def test_to_numpy_waits_for_running_programs(client: pjrt.Client, programs: SimpleNamespace) -> None:
    executable = client.compile(programs.SLOW)
    identity = numpy.eye(512, dtype=numpy.float32)

    result = executable(client.buffer(identity))

    numpy.testing.assert_array_equal(result.to_numpy(), identity)


def test_to_numpy_gives_a_new_writeable_copy(client: pjrt.Client, eight: numpy.ndarray) -> None:
    buffer = client.buffer(eight)
    copy = buffer.to_numpy()

    copy[0] = 9

    assert buffer.to_numpy()[0] == 0


@pytest.mark.parametrize("use", ["close", "delete", "with"])
def test_buffer_cannot_be_used_after_it_was_closed(client: pjrt.Client, eight: numpy.ndarray, use: str) -> None:
    buffer = client.buffer(eight)
    if use == "with":
        with buffer:
            pass
    else:
        getattr(buffer, use)()

    buffer.close()
    assert buffer.closed
    assert buffer.pointer is None
    assert repr(buffer) == "Buffer(f32[8], closed)"
    assert buffer.shape == (8,)
    for action in (
        buffer.to_numpy,
        buffer.host_view,
        buffer.ready,
        buffer.copy_to_host,
        buffer.copy_raw_to_host,
        buffer.unsafe_pointer,
        buffer.__dlpack__,
        lambda: buffer.memory,
        lambda: buffer.layout,
        lambda: buffer.copy_to_device(client.devices[1]),
        lambda: buffer.copy_to_memory(client.devices[1].default_memory),
        lambda: numpy.asarray(buffer),
    ):
        with pytest.raises(ClosedError, match="cannot use this buffer because it, or the client"):
            action()


def test_buffer_is_destroyed_with_its_last_reference(client: pjrt.Client) -> None:
    gc.collect()
    before = live_objects()
    buffers = [client.buffer(numpy.ones(10)) for _ in range(5)]

    assert live_objects() == before + 5
    del buffers
    assert live_objects() == before


def test_from_c_api_rejects_null_and_takes_over_a_pointer(client: pjrt.Client) -> None:
    from ryft_xla_sys.ffi import NULL

    with pytest.raises(InvalidArgumentError, match="the provided PJRT buffer handle is a null pointer"):
        pjrt.Buffer.from_c_api(client, NULL)


def test_buffer_class_cannot_be_called() -> None:
    with pytest.raises(TypeError, match="cannot create"):
        pjrt.Buffer()


def test_buffer_attributes_cannot_be_set(client: pjrt.Client) -> None:
    buffer = client.buffer(1.0)

    for name in ("type", "device", "client", "other"):
        with pytest.raises(AttributeError):
            setattr(buffer, name, None)
