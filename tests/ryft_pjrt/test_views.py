"""Tests of views of device memory: they keep it alive, and prevent donation."""

import gc
from types import SimpleNamespace

import ml_dtypes
import numpy
import pytest

import ryft_pjrt as pjrt
from ryft_pjrt.errors import ArgumentError, BufferInUseError, UnimplementedError


def test_asarray_shares_the_memory_and_is_read_only(client: pjrt.Client, eight: numpy.ndarray) -> None:
    buffer = client.buffer(eight)

    view = numpy.asarray(buffer)

    assert view.ctypes.data == buffer.unsafe_pointer()
    assert not view.flags.writeable
    numpy.testing.assert_array_equal(view, eight)


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, "complex64", "bool"])
def test_host_view_has_the_type_of_the_buffer(client: pjrt.Client, dtype: object) -> None:
    array = numpy.array([[1, 0], [0, 1]]).astype(dtype)

    view = client.buffer(array).host_view()

    assert (view.dtype, view.shape) == (array.dtype, (2, 2))
    numpy.testing.assert_array_equal(view, array)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2)])
def test_host_view_of_scalars_and_empty_arrays(client: pjrt.Client, shape: tuple[int, ...]) -> None:
    view = client.buffer(numpy.zeros(shape)).host_view()

    assert (view.shape, view.dtype, view.flags.writeable) == (shape, numpy.float64, False)


def test_view_outlives_the_buffer_and_its_client(plugin: pjrt.Plugin, eight: numpy.ndarray) -> None:
    client = plugin.client()
    buffer = client.buffer(eight)
    view = numpy.asarray(buffer)[2:]
    buffer.close()
    client.close()
    del buffer, client
    gc.collect()

    numpy.testing.assert_array_equal(view, eight[2:])


def test_view_prevents_donation(client: pjrt.Client, eight: numpy.ndarray, programs: SimpleNamespace) -> None:
    executable = client.compile(programs.DONATING)
    buffer, other = client.buffer(eight), client.buffer(eight)
    view = numpy.asarray(buffer)

    with pytest.raises(BufferInUseError, match="argument 0 cannot be donated because a view of its memory"):
        executable(buffer, other, donate=(0,))
    assert not buffer.closed
    numpy.testing.assert_array_equal(view, eight)
    del view
    numpy.testing.assert_array_equal(executable(buffer, other, donate=(0,)).to_numpy(), eight * 2)
    assert buffer.closed


def test_host_view_of_packed_elements_is_refused(client: pjrt.Client) -> None:
    buffer = client.buffer(numpy.arange(4).astype(ml_dtypes.int4))

    with pytest.raises(UnimplementedError, match="elements of i4 are packed"):
        buffer.host_view()
    assert numpy.asarray(buffer).tolist() == [0, 1, 2, 3]
    with pytest.raises(UnimplementedError, match="elements of i4 are packed"):
        numpy.array(buffer, copy=False)


def test_host_view_of_another_layout_is_refused(client: pjrt.Client) -> None:
    buffer = client.buffer(numpy.zeros((2, 3)), layout=pjrt.TiledLayout((0, 1)))

    with pytest.raises(UnimplementedError, match="cannot be read by the host directly"):
        buffer.host_view()


def test_array_copies_when_asked_to(client: pjrt.Client, eight: numpy.ndarray) -> None:
    buffer = client.buffer(eight)

    assert numpy.array(buffer, copy=True).flags.writeable
    assert numpy.asarray(buffer, dtype="int32").tolist() == list(range(8))
    with pytest.raises(ArgumentError, match="cannot convert a buffer of float32 to int32 without copying it"):
        numpy.array(buffer, dtype="int32", copy=False)


def test_device_memory_gives_the_address(client: pjrt.Client, eight: numpy.ndarray) -> None:
    buffer = client.buffer(eight)

    memory = buffer.device_memory()

    assert (memory.address, memory.size) == (buffer.unsafe_pointer(), 32)
