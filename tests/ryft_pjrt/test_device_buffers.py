"""Tests of buffers that are not made from host data."""

import gc
from types import SimpleNamespace

import numpy
import pytest

import ryft_pjrt as pjrt
from ryft_pjrt.errors import (
    ArgumentError,
    ArgumentTypeError,
    BufferInUseError,
    ClosedError,
    InternalError,
    PjrtError,
    UnimplementedError,
)


def test_uninitialized_buffer_has_the_type_and_place_asked_for(client: pjrt.Client) -> None:
    device = client.devices[1]

    buffer = client.uninitialized_buffer("float32", (2, 3), device)

    assert (str(buffer.type), buffer.device) == ("f32[2,3]", device)
    assert buffer.to_numpy().shape == (2, 3)


@pytest.mark.parametrize("kind", [pjrt.BufferType.INVALID, pjrt.BufferType.TOKEN])
def test_uninitialized_buffer_rejects_types_without_elements(client: pjrt.Client, kind: pjrt.BufferType) -> None:
    with pytest.raises(ArgumentTypeError, match=f"no buffer can have the element type `{kind}`"):
        client.uninitialized_buffer(kind, (2,))


@pytest.mark.parametrize("shape", [(-1,), (2**62, 2), (2**63,)])
def test_uninitialized_buffer_rejects_negative_and_huge_shapes(client: pjrt.Client, shape: tuple[int, ...]) -> None:
    with pytest.raises(ArgumentError, match="`shape` expected"):
        client.uninitialized_buffer("int8", shape)


def test_error_buffer_needs_a_newer_plugin(client: pjrt.Client) -> None:
    with pytest.raises(UnimplementedError, match="`PJRT_Client_CreateErrorBuffer` is not implemented"):
        client.error_buffer(InternalError("it broke"), "float32", (2,))
    with pytest.raises(ArgumentTypeError, match="`error` expected a `PjrtError`, but got `ValueError`"):
        client.error_buffer(ValueError("it broke"), "float32", (2,))  # pyright: ignore[reportArgumentType]


def test_alias_buffer_gets_its_contents_later(
    client: pjrt.Client, add: pjrt.LoadedExecutable, eight: numpy.ndarray
) -> None:
    alias, fulfillment = client.alias_buffer("float32", (8,))
    contents = client.buffer(eight)
    result = add(alias, client.buffer(eight))

    assert not alias.ready().done()
    fulfillment.fulfill(contents)

    assert contents.closed
    numpy.testing.assert_array_equal(alias.to_numpy(), eight)
    numpy.testing.assert_array_equal(result.to_numpy(), eight * 2)
    with pytest.raises(ArgumentError, match="the alias buffer was fulfilled before"):
        fulfillment.fail(InternalError("too late"))
    with pytest.raises(ArgumentError, match="the alias buffer was fulfilled before"):
        fulfillment.fulfill(client.buffer(eight))


def test_alias_buffer_can_fail_and_so_does_what_depends_on_it(
    client: pjrt.Client, add: pjrt.LoadedExecutable, eight: numpy.ndarray
) -> None:
    alias, fulfillment = client.alias_buffer("float32", (8,))
    result = add(alias, client.buffer(eight))
    fulfillment.fail(InternalError("it broke"))

    for buffer in (alias, result):
        with pytest.raises(InternalError, match="it broke"):
            buffer.to_numpy()
        with pytest.raises(InternalError, match="it broke"):
            buffer.block_until_ready()


def test_alias_buffer_fails_when_its_promise_is_dropped(client: pjrt.Client) -> None:
    alias, fulfillment = client.alias_buffer("float32", (8,))
    del fulfillment
    gc.collect()

    with pytest.raises(PjrtError, match="dropped without being fulfilled"):
        alias.to_numpy()


def test_alias_fulfillment_checks_the_buffer(client: pjrt.Client, eight: numpy.ndarray) -> None:
    alias, fulfillment = client.alias_buffer("float32", (8,))

    with pytest.raises(ArgumentError, match=r"`fulfill` expected a buffer of f32\[8\], but got f32\[2\]"):
        fulfillment.fulfill(client.buffer(eight[:2]))
    buffer = client.buffer(eight)
    view = numpy.asarray(buffer)
    with pytest.raises(BufferInUseError, match="cannot be donated because a view"):
        fulfillment.fulfill(buffer)
    buffer.close()
    with pytest.raises(ClosedError, match="cannot use this buffer"):
        fulfillment.fulfill(buffer)
    del view
    fulfillment.fulfill(client.buffer(eight))
    numpy.testing.assert_array_equal(alias.to_numpy(), eight)


def test_borrowed_on_device_buffer_uses_the_memory_of_others(client: pjrt.Client) -> None:
    memory = numpy.zeros(64 + 32, numpy.uint8)
    offset = -memory.ctypes.data % 64
    array = memory[offset : offset + 32].view(numpy.float32)
    array[:] = 7
    deleted = []
    buffer = client.borrowed_on_device_buffer(array.ctypes.data, "float32", (8,), on_delete=lambda: deleted.append(1))

    assert buffer.to_numpy().tolist() == [7.0] * 8
    assert deleted == []
    buffer.close()
    client.alias_buffer("float32", (8,))[1].fulfill(client.buffer(numpy.zeros(8, numpy.float32)))
    for _ in range(1000):
        if deleted:
            break
        client.buffer(0.0).block_until_ready()
    assert deleted == [1]


def test_borrowed_on_device_buffer_needs_no_callback(client: pjrt.Client, eight: numpy.ndarray) -> None:
    source = client.buffer(eight)
    memory = source.device_memory()

    with client.borrowed_on_device_buffer(memory.address, "float32", (8,)) as view:
        numpy.testing.assert_array_equal(view.to_numpy(), eight)
    numpy.testing.assert_array_equal(source.to_numpy(), eight)


def test_borrowed_on_device_buffer_rejects_null_and_unaligned_addresses(client: pjrt.Client) -> None:
    with pytest.raises(ArgumentError, match="expected an address, but got a null pointer"):
        client.borrowed_on_device_buffer(0, "float32", (8,))
    with pytest.raises(PjrtError, match="aligned"):
        client.borrowed_on_device_buffer(3, "float32", (8,), on_delete=lambda: None)


def test_donated_memory_of_a_borrowed_array_receives_results(
    client: pjrt.Client, eight: numpy.ndarray, programs: SimpleNamespace
) -> None:
    executable = client.compile(programs.DONATING)

    result = executable(client.borrowed_mut_buffer(eight.copy()), client.buffer(eight), donate=(0,))

    numpy.testing.assert_array_equal(result.to_numpy(), eight * 2)
