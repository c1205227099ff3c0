"""Tests of DLPack: arrays of NumPy, JAX and PyTorch as buffers, and the other way round, without copies."""

import gc
import weakref
from types import SimpleNamespace

import jax
import ml_dtypes
import numpy
import pytest

import ryft_pjrt as pjrt
from ryft_pjrt.errors import ArgumentError, ArgumentTypeError, BufferInUseError, ClosedError

DTYPES = ["bool", "int8", "uint16", "int64", "float16", "float32", "float64", "complex64", "complex128"]


def aligned(count: int, offset: int = 0) -> numpy.ndarray:
    """Returns an array whose memory starts `offset` bytes after a multiple of 64."""
    memory = numpy.zeros(count * 4 + 128, numpy.uint8)
    start = -memory.ctypes.data % 64 + offset
    return memory[start : start + count * 4].view(numpy.float32)


@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_reads_a_buffer_without_copying(client: pjrt.Client, dtype: str) -> None:
    array = numpy.arange(6).reshape(2, 3).astype(dtype)
    buffer = client.buffer(array)

    view = numpy.from_dlpack(buffer)

    assert (view.dtype, view.ctypes.data) == (array.dtype, buffer.unsafe_pointer())
    numpy.testing.assert_array_equal(view, array)


def test_numpy_gets_a_read_only_view(client: pjrt.Client) -> None:
    assert not numpy.from_dlpack(client.buffer([1.0])).flags.writeable


def test_exported_memory_outlives_the_buffer_and_blocks_donation(
    client: pjrt.Client, eight: numpy.ndarray, programs: SimpleNamespace
) -> None:
    buffer = client.buffer(eight)
    view = numpy.from_dlpack(buffer)

    with pytest.raises(BufferInUseError, match="cannot be donated"):
        client.compile(programs.DONATING)(buffer, client.buffer(eight), donate=(0,))
    buffer.close()
    del buffer
    numpy.testing.assert_array_equal(view, eight)


def test_capsules_that_nobody_takes_give_the_memory_back(
    client: pjrt.Client, eight: numpy.ndarray, programs: SimpleNamespace
) -> None:
    buffer, other = client.buffer(eight), client.buffer(eight)
    old, new = buffer.__dlpack__(), buffer.__dlpack__(max_version=(1, 0))
    del old, new

    client.compile(programs.DONATING)(buffer, other, donate=(0,))
    assert buffer.closed


def test_jax_reads_a_buffer_without_copying(client: pjrt.Client, eight: numpy.ndarray) -> None:
    buffer = client.buffer(eight)

    array = jax.numpy.from_dlpack(buffer)

    assert array.unsafe_buffer_pointer() == buffer.unsafe_pointer()
    numpy.testing.assert_array_equal(array, eight)


@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "int8", "bool"])
def test_buffer_takes_arrays_of_jax(client: pjrt.Client, dtype: str) -> None:
    array = jax.numpy.arange(5).astype(dtype)

    buffer = client.from_dlpack(array)

    assert buffer.dtype == array.dtype
    numpy.testing.assert_array_equal(buffer.to_numpy(), array)


def test_torch_exchanges_memory_with_buffers(client: pjrt.Client, eight: numpy.ndarray) -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.arange(64, dtype=torch.bfloat16)

    buffer = client.from_dlpack(tensor)
    assert buffer.element_type is pjrt.BufferType.BF16
    numpy.testing.assert_array_equal(buffer.to_numpy().astype("float32"), tensor.float().numpy())
    source = client.buffer(eight)
    back = torch.from_dlpack(source)
    assert back.data_ptr() == source.unsafe_pointer()
    assert back.tolist() == eight.tolist()


def test_from_dlpack_borrows_aligned_memory_and_gives_it_back(client: pjrt.Client) -> None:
    array = aligned(100)
    array[:] = 3
    owner = array.base
    reference = weakref.ref(owner)
    buffer = client.from_dlpack(array)
    address = array.ctypes.data
    del array, owner
    gc.collect()

    assert buffer.unsafe_pointer() == address
    assert buffer.to_numpy().tolist() == [3.0] * 100
    assert reference() is not None
    buffer.close()
    for _ in range(200):
        gc.collect()
        if reference() is None:
            break
        client.buffer(0.0).block_until_ready()
    assert reference() is None


def test_from_dlpack_copies_only_when_it_must_and_may(client: pjrt.Client) -> None:
    unaligned = aligned(10, offset=4)

    buffer = client.from_dlpack(unaligned)

    assert buffer.unsafe_pointer() != unaligned.ctypes.data
    numpy.testing.assert_array_equal(buffer.to_numpy(), unaligned)
    with pytest.raises(
        ArgumentError, match=r"cannot borrow an array of shape \(10,\) without copying it.*aligned"
    ) as e:
        client.from_dlpack(unaligned, copy=False)
    assert e.value.__notes__ == ["hint: an array of `ryft_pjrt.shareable_array` is aligned as plugins need it"]
    shared = aligned(10)
    assert client.from_dlpack(shared, copy=True).unsafe_pointer() != shared.ctypes.data


class Lender:
    """Producer that lends the same capsule again and again."""

    def __init__(self, capsule: object) -> None:
        self.capsule = capsule

    def __dlpack__(self, **options: object) -> object:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0


def test_from_dlpack_refuses_what_is_no_new_capsule(client: pjrt.Client) -> None:
    lender = Lender(numpy.ones(3).__dlpack__())
    client.from_dlpack(lender)

    for source in (lender, Lender(5)):
        with pytest.raises(ArgumentTypeError, match="expected `Lender` to lend a DLPack capsule that nobody has taken"):
            client.from_dlpack(source)


MATRIX = numpy.arange(12, dtype=numpy.float32).reshape(3, 4)


@pytest.mark.parametrize("array", [MATRIX.T, MATRIX[::-1, ::-2], MATRIX[:, 1:3], MATRIX[:0], numpy.array(2.5)])
def test_from_dlpack_takes_any_strides(client: pjrt.Client, array: numpy.ndarray) -> None:
    numpy.testing.assert_array_equal(client.from_dlpack(array).to_numpy(), array)


def test_from_dlpack_refuses_to_copy_strided_arrays_without_leave(client: pjrt.Client) -> None:
    with pytest.raises(ArgumentError, match=r"cannot borrow an array of shape \(4, 3\) with strides \(1, 4\)"):
        client.from_dlpack(MATRIX.T, copy=False)


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, ml_dtypes.float8_e5m2, ml_dtypes.int4, "complex64"])
def test_buffers_exchange_memory_with_each_other(client: pjrt.Client, dtype: object) -> None:
    array = numpy.arange(8).astype(dtype)
    first = client.buffer(array)

    second = client.from_dlpack(first)

    assert second.unsafe_pointer() == first.unsafe_pointer()
    first.close()
    assert second.to_numpy().tobytes() == array.tobytes()


def test_dlpack_checks_what_the_consumer_asks_for(client: pjrt.Client, eight: numpy.ndarray) -> None:
    buffer = client.buffer(eight)

    assert buffer.__dlpack_device__() == (1, 0)
    with pytest.raises(BufferError, match=r"cannot lend a buffer on CpuDevice\(id=0\) to the DLPack device \(2, 0\)"):
        buffer.__dlpack__(dl_device=(2, 0))
    with pytest.raises(ArgumentError, match="`stream` expected `None` for a buffer on the CPU"):
        buffer.__dlpack__(stream=3)
    copied = numpy.from_dlpack(buffer, copy=True)
    assert copied.ctypes.data != buffer.unsafe_pointer()
    numpy.testing.assert_array_equal(copied, eight)


class OtherDevice:
    """Array that claims to be on a GPU."""

    def __dlpack__(self, **_: object) -> object:
        raise AssertionError

    def __dlpack_device__(self) -> tuple[int, int]:
        return (2, 0)


def test_from_dlpack_rejects_what_it_cannot_take(client: pjrt.Client, plugin: pjrt.Plugin) -> None:
    with pytest.raises(ArgumentTypeError, match="`from_dlpack` expected an array with DLPack, but got `list`"):
        client.from_dlpack([1])
    with pytest.raises(ArgumentError, match=r"but got one on the DLPack device \(2, 0\)"):
        client.from_dlpack(OtherDevice())
    with plugin.client() as other:
        buffer = other.buffer(aligned(16))
    with pytest.raises(ClosedError, match="has been closed"):
        client.from_dlpack(buffer)
