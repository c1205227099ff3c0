"""Checks of buffers: data of every type to the device and back, copies, views, and asynchronous transfers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy

from ryft_pjrt.conformance.checks import Context, check, expect, expect_equal, refused
from ryft_pjrt.data_types import BufferType
from ryft_pjrt.errors import InternalError
from ryft_pjrt.host_buffers import HostBufferSemantics
from ryft_pjrt.layouts import BufferSpecification

__all__: list[str] = []

_WITHOUT_ARRAYS = (BufferType.INVALID, BufferType.TOKEN)


def _values(kind: BufferType) -> numpy.ndarray:
    """Returns an array with every value of a small type, or some of a larger one."""
    if kind is BufferType.PREDICATE:
        return numpy.array([[True, False, True], [False, False, True]])
    if kind.bits < 8 and kind.name[0] == "F":
        return numpy.arange(2**kind.bits, dtype=numpy.uint8).view(kind.dtype)
    if kind.bits < 8:
        lowest = -(2 ** (kind.bits - 1)) if kind.name[0] == "I" else 0
        return numpy.arange(lowest, lowest + 2**kind.bits).astype(kind.dtype)
    return numpy.arange(6).reshape(2, 3).astype(kind.dtype)


def _round_trip(kind: BufferType) -> Callable[[Context], None]:
    def run(context: Context) -> None:
        values = _values(kind)
        expect_equal(context.client.buffer(values).to_numpy(), values, "the array")

    return run


for _kind in BufferType:
    if _kind not in _WITHOUT_ARRAYS:
        check("data types", str(_kind))(_round_trip(_kind))


def _semantics(semantics: HostBufferSemantics) -> Callable[[Context], None]:
    def run(context: Context) -> None:
        values = numpy.arange(4096, dtype=numpy.float32)
        buffer = context.client.buffer(values, host_buffer_semantics=semantics)
        expect_equal(buffer.to_numpy(), values, "the array")

    return run


for _each in HostBufferSemantics:
    check("buffers", f"from the host, {_each.name.lower().replace('_', ' ')}")(_semantics(_each))


@check("buffers", "from strided memory")
def _strided(context: Context) -> None:
    values = numpy.arange(24, dtype=numpy.int32).reshape(2, 3, 4).transpose(2, 0, 1)[::2]
    expect_equal(context.client.buffer(values).to_numpy(), numpy.ascontiguousarray(values), "the array")


@check("buffers", "without dimensions or elements")
def _empty(context: Context) -> None:
    for values in (numpy.array(3, numpy.float32), numpy.zeros((0, 3), numpy.float32), numpy.zeros(0, numpy.int8)):
        expect_equal(context.client.buffer(values).to_numpy(), values, "the array")


@check("buffers", "description")
def _description(context: Context) -> str:
    buffer = context.eight()
    expect_equal(buffer.unpadded_shape, (8,), "the unpadded shape")
    expect_equal(buffer.dynamic_dimensions, (), "the dynamic dimensions")
    return f"{buffer.size_in_bytes} bytes in `{buffer.memory.kind}`, on the CPU: {buffer.is_on_cpu}"


@check("buffers", "layout")
def _layout(context: Context) -> str:
    return str(context.eight().layout)


@check("buffers", "copy to a device")
def _copy_to_device(context: Context) -> None:
    buffer = context.eight()
    for device in context.client.addressable_devices:
        if device is not buffer.device:
            expect_equal(buffer.copy_to_device(device).to_numpy(), buffer.to_numpy(), "the copy")


@check("buffers", "copy to a memory")
def _copy_to_memory(context: Context) -> str:
    buffer = context.eight()
    memories = buffer.device.addressable_memories
    for memory in memories:
        expect_equal(buffer.copy_to_memory(memory).to_numpy(), buffer.to_numpy(), f"the copy in `{memory.kind}`")
    return ", ".join(memory.kind for memory in memories)


@check("buffers", "copy of raw bytes")
def _raw(context: Context) -> None:
    with context.eight().copy_raw_to_host(8, 16) as event:
        expect_equal(event.wait(60).view(numpy.float32), numpy.arange(2, 6, dtype=numpy.float32), "the bytes")


@check("buffers", "copy of raw bytes to memory that is given later")
def _raw_later(context: Context) -> None:
    buffer = context.eight()
    copy = buffer.copy_raw_to_host_later()
    target = numpy.zeros(8, numpy.float32)
    copy.start(target)
    copy.done.wait(60)
    expect_equal(target, numpy.arange(8, dtype=numpy.float32), "the bytes")


@check("buffers", "bitcast")
def _bitcast(context: Context) -> None:
    values = numpy.arange(8, dtype=numpy.float32)
    expect_equal(context.eight().bitcast("int32", (8,)).to_numpy(), values.view(numpy.int32), "the array")


@check("buffers", "uninitialized")
def _uninitialized(context: Context) -> None:
    expect_equal(context.client.uninitialized_buffer("float32", (3, 2)).to_numpy().shape, (3, 2), "the shape")


@check("buffers", "with an error")
def _error(context: Context) -> str:
    buffer = context.client.error_buffer(InternalError("conformance"), "float32", (8,))
    return refused(buffer.block_until_ready)


@check("buffers", "alias whose contents come later")
def _alias(context: Context) -> None:
    alias, fulfillment = context.client.alias_buffer("float32", (8,))
    result = context.add(alias, context.eight())
    fulfillment.fulfill(context.eight())
    expect_equal(numpy.asarray(result), numpy.arange(0, 16, 2, dtype=numpy.float32), "what was computed from it")


@check("buffers", "over memory of the device")
def _view(context: Context) -> None:
    source = context.eight()
    memory = source.device_memory()
    with context.client.borrowed_on_device_buffer(memory.address, "float32", (8,)) as view:
        expect_equal(view.to_numpy(), numpy.arange(8, dtype=numpy.float32), "the view")


@check("buffers", "view on the host")
def _host_view(context: Context) -> None:
    expect_equal(context.eight().host_view(), numpy.arange(8, dtype=numpy.float32), "the view")


@check("buffers", "DLPack")
def _dlpack(context: Context) -> None:
    copy = context.client.from_dlpack(context.eight())
    expect_equal(copy.to_numpy(), numpy.arange(8, dtype=numpy.float32), "the array")


@check("buffers", "donation with a control dependency")
def _dependency(context: Context) -> None:
    donated, dependency = context.eight().donate_with_control_dependency()
    dependency.fulfill()
    expect_equal(donated.to_numpy(), numpy.arange(8, dtype=numpy.float32), "the array")


@check("transfers", "piece by piece")
def _pieces(context: Context) -> None:
    values = numpy.arange(8, dtype=numpy.float32)
    specification = BufferSpecification(BufferType.F32, (8,))
    with context.client.host_to_device_transfer_manager([specification]) as manager:
        buffer = manager.retrieve_buffer(0)
        manager.transfer_data(0, values[:4], 0, is_last=False)
        manager.transfer_data(0, values[4:], 16, is_last=True)
        expect_equal(buffer.to_numpy(), values, "the array")


@check("transfers", "literal")
def _literal(context: Context) -> None:
    values = numpy.arange(8, dtype=numpy.float32)
    specification = BufferSpecification(BufferType.F32, (8,))
    with context.client.host_to_device_transfer_manager([specification]) as manager:
        buffer = manager.retrieve_buffer(0)
        manager.transfer_literal(0, values)
        expect_equal(buffer.to_numpy(), values, "the array")


@check("transfers", "error")
def _transfer_error(context: Context) -> str:
    specification = BufferSpecification(BufferType.F32, (8,))
    with context.client.host_to_device_transfer_manager([specification]) as manager:
        buffer = manager.retrieve_buffer(0)
        manager.set_error(0, InternalError("conformance"))
        return refused(partial(buffer.to_numpy))


@check("transfers", "direct memory access")
def _dma(context: Context) -> None:
    values = numpy.arange(4096, dtype=numpy.float32)
    with context.client.dma_map(values) as mapped:
        expect_equal(mapped.buffer().to_numpy(), values, "the array")


@check("buffers", "many at once")
def _many(context: Context) -> str:
    buffers = [context.client.buffer(numpy.full(128, number, numpy.int32)) for number in range(500)]
    for number, buffer in enumerate(buffers):
        expect(int(buffer.to_numpy()[-1]) == number, f"buffer {number} has the contents of another one")
    return f"{len(buffers)} buffers"
