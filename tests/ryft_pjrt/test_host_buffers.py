"""Tests of buffers made from host arrays, and of reading them back."""

import gc
import weakref

import ml_dtypes
import numpy
import pytest

import ryft_pjrt as pjrt
from ryft_pjrt.errors import ArgumentError, ArgumentTypeError, UnimplementedError

BYTE_TYPES = [kind for kind in pjrt.BufferType if kind.bits and kind.minimum_minor_version == 0]


def values_of(kind: pjrt.BufferType, count: int) -> numpy.ndarray:
    """Returns values that the type holds exactly."""
    limit = 2 if kind.bits <= 2 or kind is pjrt.BufferType.PREDICATE else 7
    return (numpy.arange(count) % limit).astype(kind.dtype)


def same_bytes(first: numpy.ndarray, second: numpy.ndarray) -> bool:
    return first.dtype == second.dtype and first.shape == second.shape and first.tobytes() == second.tobytes()


@pytest.mark.parametrize("kind", BYTE_TYPES, ids=str)
def test_buffer_round_trips_every_element_type(client: pjrt.Client, kind: pjrt.BufferType) -> None:
    array = values_of(kind, 15).reshape(3, 5)

    with client.buffer(array) as buffer:
        assert (buffer.dtype, buffer.shape, buffer.element_type) == (array.dtype, (3, 5), kind)
        assert same_bytes(buffer.to_numpy(), array)
        assert same_bytes(buffer.copy_to_host().wait(), array)


@pytest.mark.parametrize("kind", BYTE_TYPES, ids=str)
def test_buffer_packs_elements_smaller_than_a_byte(client: pjrt.Client, kind: pjrt.BufferType) -> None:
    buffer = client.buffer(values_of(kind, 16))

    assert buffer.size_in_bytes == 16 * kind.bits // 8


@pytest.mark.parametrize("semantics", pjrt.HostBufferSemantics)
def test_buffer_round_trips_with_all_semantics(client: pjrt.Client, semantics: pjrt.HostBufferSemantics) -> None:
    array = numpy.random.default_rng(0).normal(size=(64, 32)).astype(numpy.float32)

    buffer = client.buffer(array, host_buffer_semantics=semantics)

    numpy.testing.assert_array_equal(buffer.to_numpy(), array)


@pytest.mark.parametrize("semantics", pjrt.HostBufferSemantics)
def test_buffer_shares_memory_only_with_zero_copy(client: pjrt.Client, semantics: pjrt.HostBufferSemantics) -> None:
    memory = numpy.zeros(4096 + 64, numpy.uint8)
    offset = -memory.ctypes.data % 64
    array = memory[offset : offset + 4096].view(numpy.float32)
    buffer = client.buffer(array, host_buffer_semantics=semantics).block_until_ready()

    array[0] = 5

    shares = semantics >= pjrt.HostBufferSemantics.IMMUTABLE_ZERO_COPY
    assert buffer.to_numpy()[0] == (5 if shares else 0)


def test_borrowed_buffer_keeps_the_array_alive_and_lets_it_go(client: pjrt.Client) -> None:
    memory = numpy.zeros(20064, numpy.uint8)
    offset = -memory.ctypes.data % 64
    array = memory[offset : offset + 20000].view(numpy.float32)
    array[:] = 1
    reference = weakref.ref(memory)
    buffer = client.borrowed_buffer(array)
    del array, memory
    gc.collect()

    assert reference() is not None
    assert buffer.to_numpy().sum() == 5000
    buffer.close()
    del buffer
    for _ in range(200):
        gc.collect()
        if reference() is None:
            break
        client.buffer(0.0).block_until_ready()
    assert reference() is None


def test_borrowed_mut_buffer_rejects_a_read_only_array(client: pjrt.Client, eight: numpy.ndarray) -> None:
    eight.flags.writeable = False

    with pytest.raises(ArgumentError, match="`MUTABLE_ZERO_COPY` expected a writeable array"):
        client.borrowed_mut_buffer(eight)


CUBE = numpy.arange(60, dtype=numpy.float32).reshape(3, 4, 5)


@pytest.mark.parametrize(
    "array",
    [
        CUBE.T,
        CUBE[::-1, :, ::-2],
        CUBE[:, ::2],
        numpy.asfortranarray(CUBE),
        numpy.broadcast_to(CUBE[0], (2, 4, 5)),
        CUBE[:0],
        CUBE[1, 2, 3],
        numpy.zeros((0, 3)),
        numpy.ones((2, 0, 3), numpy.int8),
        CUBE.astype(">f4"),
        numpy.arange(17, dtype=numpy.uint8)[1:].view(numpy.float32),
        numpy.arange(24).reshape(4, 6).astype(ml_dtypes.int4).T,
    ],
    ids=lambda array: f"{array.dtype}{array.shape}{array.strides}",
)
def test_buffer_takes_any_strides_order_and_alignment(client: pjrt.Client, array: numpy.ndarray) -> None:
    buffer = client.buffer(array)

    assert buffer.shape == array.shape
    numpy.testing.assert_array_equal(buffer.to_numpy(), array)


@pytest.mark.parametrize(("value", "dtype"), [(True, "bool"), (3, "int64"), (1.5, "float64"), (1j, "complex128")])
def test_buffer_takes_python_scalars(client: pjrt.Client, value: complex, dtype: str) -> None:
    buffer = client.buffer(value)

    assert (buffer.shape, buffer.dtype, buffer.to_numpy()[()]) == ((), numpy.dtype(dtype), value)


def test_buffer_converts_to_the_data_type_asked_for(client: pjrt.Client) -> None:
    buffer = client.buffer([1, 2, 3], dtype=ml_dtypes.bfloat16)

    assert buffer.element_type is pjrt.BufferType.BF16
    assert buffer.to_numpy().tolist() == [1, 2, 3]


def test_buffer_is_placed_in_the_device_or_memory_asked_for(client: pjrt.Client, eight: numpy.ndarray) -> None:
    device = client.devices[2]
    pinned = device.memory("pinned_host")

    assert client.buffer(eight).device is client.addressable_devices[0]
    assert client.buffer(eight, device).device is device
    assert client.buffer(eight, pinned).memory is pinned


@pytest.mark.parametrize("value", ["text", object(), [object()], numpy.array(["a"]), numpy.array("2020", "M8[D]")])
def test_buffer_rejects_what_no_device_can_hold(client: pjrt.Client, value: object) -> None:
    with pytest.raises(ArgumentTypeError, match="no device array can have the data type"):
        client.buffer(value)


def test_buffer_rejects_ragged_lists_and_unknown_types(client: pjrt.Client) -> None:
    with pytest.raises(ArgumentTypeError, match="cannot make an array of device data from `list`"):
        client.buffer([[1], [2, 3]])
    with pytest.raises(ArgumentTypeError, match="expected a data type, but got 'floaty'"):
        client.buffer(1, dtype="floaty")


@pytest.mark.parametrize("kind", [pjrt.BufferType.I1, pjrt.BufferType.F6E2M3FN], ids=str)
def test_buffer_rejects_types_that_are_newer_than_the_plugin(client: pjrt.Client, kind: pjrt.BufferType) -> None:
    with pytest.raises(UnimplementedError, match=f"element type `{kind}` needs PJRT API 0\\.(94|114)"):
        client.uninitialized_buffer(kind, (2,))


def test_buffer_rejects_devices_of_others(plugin: pjrt.Plugin, client: pjrt.Client) -> None:
    with plugin.client() as other:
        with pytest.raises(ArgumentError, match="expected a device of this client"):
            client.buffer(1, other.devices[0])
        with pytest.raises(ArgumentError, match="expected a device of this client"):
            client.buffer(1, other.devices[0].default_memory)
    with pytest.raises(ArgumentTypeError, match="expected a device or a memory, but got `int`"):
        client.buffer(1, 3)  # pyright: ignore[reportArgumentType]


def test_buffer_from_bytes_reads_them_in_row_major_order(client: pjrt.Client) -> None:
    array = numpy.arange(6, dtype=numpy.int16).reshape(2, 3)

    for data in (array.tobytes(), bytearray(array.tobytes()), memoryview(array)):
        numpy.testing.assert_array_equal(client.buffer_from_bytes(data, "int16", (2, 3)).to_numpy(), array)


@pytest.mark.parametrize("size", [0, 11, 13, 24])
def test_buffer_from_bytes_rejects_too_few_or_too_many_bytes(client: pjrt.Client, size: int) -> None:
    with pytest.raises(ArgumentError, match=f"expected 12 byte\\(s\\), but got {size}"):
        client.buffer_from_bytes(bytes(size), "int16", (2, 3))


@pytest.mark.parametrize("shape", [(-1,), (2**63,), (2**40, 2**40), (2, -3)])
def test_buffer_from_bytes_rejects_negative_and_huge_shapes(client: pjrt.Client, shape: tuple[int, ...]) -> None:
    with pytest.raises(ArgumentError, match="`shape` expected"):
        client.buffer_from_bytes(b"", "int16", shape)


def test_buffer_from_bytes_rejects_objects_without_bytes(client: pjrt.Client) -> None:
    with pytest.raises(ArgumentTypeError, match="expected contiguous bytes, but got `int`"):
        client.buffer_from_bytes(3, "int16", (2,))
    with pytest.raises(ArgumentTypeError, match="`shape` expected integers, but got"):
        client.buffer_from_bytes(b"", "int16", ("a",))  # pyright: ignore[reportArgumentType]


def test_buffer_layout_is_checked(client: pjrt.Client) -> None:
    array = numpy.arange(6, dtype=numpy.float32).reshape(2, 3)

    buffer = client.buffer(array, layout=pjrt.TiledLayout((0, 1)))
    assert buffer.layout == pjrt.TiledLayout((0, 1))
    numpy.testing.assert_array_equal(buffer.to_numpy(), array)
    with pytest.raises(ArgumentError, match=r"`layout` expected 2 dimension\(s\), but got \{0\} with 1"):
        client.buffer(array, layout=pjrt.TiledLayout((0,)))


def test_copy_to_host_fills_the_array_given(client: pjrt.Client, eight: numpy.ndarray) -> None:
    target = numpy.empty(8, numpy.float32)

    event = client.buffer(eight).copy_to_host(target)

    assert event.wait() is target
    numpy.testing.assert_array_equal(target, eight)


@pytest.mark.parametrize("out", [numpy.empty(7, numpy.float32), numpy.empty(8), numpy.empty(16, numpy.float32)[::2]])
def test_copy_to_host_rejects_arrays_that_do_not_fit(
    client: pjrt.Client, eight: numpy.ndarray, out: numpy.ndarray
) -> None:
    with pytest.raises(ArgumentError, match="`out` expected a writeable C-contiguous array"):
        client.buffer(eight).copy_to_host(out)


@pytest.mark.parametrize("semantics", pjrt.HostBufferSemantics)
@pytest.mark.parametrize("offset", [0, 4])
def test_large_arrays_round_trip(client: pjrt.Client, semantics: pjrt.HostBufferSemantics, offset: int) -> None:
    memory = pjrt.shareable_array(2**19 + 1)
    array = memory[offset // 4 :][: 2**19]
    array[:] = numpy.arange(2**19)
    expected = array.copy()

    buffer = client.buffer(array, host_buffer_semantics=semantics).block_until_ready()
    if semantics < pjrt.HostBufferSemantics.IMMUTABLE_ZERO_COPY:
        array[:] = 0

    numpy.testing.assert_array_equal(buffer.to_numpy(), expected)


def test_memory_of_large_copies_is_given_back(client: pjrt.Client) -> None:
    array = numpy.ones(2**20, numpy.float32)

    def resident() -> int:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    client.buffer(array).block_until_ready()
    before = resident()
    for _ in range(50):
        client.buffer(array).block_until_ready()

    assert resident() - before < 40 * 2**20


@pytest.mark.parametrize("dtype", ["float32", "complex128", ml_dtypes.bfloat16])
def test_shareable_arrays_are_shared(client: pjrt.Client, dtype: object) -> None:
    array = pjrt.shareable_array((3, 5), dtype)
    array[:] = 2

    buffer = client.borrowed_buffer(array)

    assert (array.shape, array.dtype) == ((3, 5), numpy.dtype(dtype))
    assert buffer.unsafe_pointer() == array.ctypes.data
