"""Asynchronous transfers to a device: buffers that are filled piece by piece, and memory mapped for direct access."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy

from ryft_pjrt._arguments import check_element_type, check_integer, check_type
from ryft_pjrt._owners import OwnedObject
from ryft_pjrt.data_types import ArrayType, array_type
from ryft_pjrt.errors import ArgumentError, ArgumentTypeError, ClosedError, PjrtError, error_to_c
from ryft_pjrt.events import Event
from ryft_pjrt.layouts import BufferSpecification, layout_to_c
from ryft_pjrt.values import named_texts
from ryft_xla_sys.ffi import NULL, CData, ffi, lib

if TYPE_CHECKING:
    from ryft_pjrt.buffers import Buffer
    from ryft_pjrt.clients import Client
    from ryft_pjrt.devices import Device
    from ryft_pjrt.memories import Memory

__all__ = ["DmaMappedMemory", "HostToDeviceTransferManager"]


def _bytes_of(data: object) -> numpy.ndarray:
    """Returns the bytes of an array or another object with contiguous bytes, without copying them."""
    if isinstance(data, numpy.ndarray):
        return numpy.ascontiguousarray(data).reshape(-1).view(numpy.uint8)
    try:
        return numpy.frombuffer(memoryview(data).cast("B"), numpy.uint8)  # pyright: ignore[reportArgumentType]
    except TypeError:
        raise ArgumentTypeError(f"expected contiguous bytes, but got `{type(data).__name__}`") from None


class HostToDeviceTransferManager(OwnedObject):
    """Makes buffers at once, and fills them with data piece by piece.

    Attributes:
        client: Client that the buffers belong to.
        types: Element type and shape of each buffer.
    """

    __slots__ = ("_ended", "_retrieved", "client", "device", "types")

    _subject = "transfer manager"

    def __init__(
        self, client: Client, specifications: Sequence[BufferSpecification], place: Device | Memory | None
    ) -> None:
        """Makes the buffers that `specifications` describe, in a device's default memory or in another memory.

        Raises:
            ArgumentError: If there is no specification.
            ArgumentTypeError: If something is not a specification.
        """
        check_type("specifications", specifications, (list, tuple), "a list of buffer specifications")
        for specification in specifications:
            check_type("specifications", specification, BufferSpecification, "buffer specifications")
        if not specifications:
            raise ArgumentError("a transfer manager expected at least one specification, but got none")
        self.client = client
        self.device, memory = client._placement(place)
        self.types: tuple[ArrayType, ...] = tuple(array_type(s.element_type, s.shape) for s in specifications)
        self._retrieved = [False] * len(specifications)
        self._ended = [False] * len(specifications)
        keep: list[object] = []
        shapes = ffi.new("PJRT_ShapeSpec[]", len(specifications))
        layouts = ffi.new("PJRT_Buffer_MemoryLayout *[]", len(specifications))
        for i, (target, specification) in enumerate(zip(shapes, specifications, strict=True)):
            check_element_type(specification.element_type, client._api)
            sizes = ffi.new("int64_t[]", specification.shape)
            target.struct_size = lib.PJRT_ShapeSpec_STRUCT_SIZE
            target.dims, target.num_dims = sizes, len(specification.shape)
            target.element_type = specification.element_type
            keep.append(sizes)
            if specification.layout is not None:
                layouts[i], kept = layout_to_c(specification.layout, len(specification.shape))
                keep.append(kept)
        has_layouts = any(specification.layout is not None for specification in specifications)
        with client._pin() as pointer:
            arguments = client._api.call(
                "PJRT_Client_CreateBuffersForAsyncHostToDevice",
                client=pointer,
                shape_specs=shapes,
                num_shape_specs=len(specifications),
                device_layouts=layouts if has_layouts else NULL,
                num_device_layouts=len(specifications) if has_layouts else 0,
                memory=(memory or self.device.default_memory)._handle,
            )
            super().__init__(
                client._api, arguments.transfer_manager, "PJRT_AsyncHostToDeviceTransferManager_Destroy", client._owner
            )

    def _call(self, function: str, **fields: object) -> CData:
        with self._pin() as pointer:
            return self._api.call(
                f"PJRT_AsyncHostToDeviceTransferManager_{function}", transfer_manager=pointer, **fields
            )

    def _index(self, index: int) -> int:
        return check_integer("index", index, 0, len(self.types) - 1)

    @property
    def buffer_count(self) -> int:
        """Number of buffers."""
        return self._call("BufferCount").buffer_count

    def buffer_size_in_bytes(self, index: int) -> int:
        """Returns the number of bytes that a buffer takes on the device."""
        return self._call("BufferSize", buffer_index=self._index(index)).buffer_size

    def transfer_data(self, index: int, data: object, offset: int = 0, *, is_last: bool = True) -> Event[None]:
        """Starts to copy bytes into a buffer. `data` is kept alive, and must not be changed before the event.

        Args:
            index: Buffer to fill.
            data: Array, or other object with contiguous bytes, in the form that the device has them.
            offset: Byte of the buffer to start at.
            is_last: Whether nothing more is transferred to that buffer, which becomes ready after this.

        Raises:
            ArgumentError: If the bytes do not fit into the buffer, or the last transfer was started before.
        """
        source = _bytes_of(data)
        size = self.buffer_size_in_bytes(index)
        try:
            start = operator.index(offset)
        except TypeError:
            raise ArgumentTypeError(f"`offset` expected an integer, but got {offset!r}") from None
        if start < 0 or start + source.nbytes > size:
            raise ArgumentError(
                f"a transfer expected bytes within the {size} byte(s) of buffer {index}, "
                f"but got {source.nbytes} byte(s) at offset {start}"
            )
        self._begin(index, is_last)
        arguments = self._call(
            "TransferData",
            buffer_index=index,
            data=ffi.cast("void *", source.__array_interface__["data"][0]),
            offset=start,
            transfer_size=source.nbytes,
            is_last_transfer=is_last,
        )
        return Event(self._api, arguments.done_with_h2d_transfer, None, keep=(source, data))

    def transfer_literal(self, index: int, array: numpy.ndarray) -> Event[None]:
        """Starts to copy a whole array into a buffer. It is kept alive, and must not be changed before the event.

        Raises:
            ArgumentError: If the array has another type than the buffer, or the last transfer was started before.
            UnimplementedError: If the plugin is older than PJRT API 0.83.
        """
        kind = self.types[self._index(index)]
        check_type("array", array, numpy.ndarray, "a NumPy array")
        if array.dtype != kind.dtype or array.shape != kind.shape:
            raise ArgumentError(f"a literal expected {kind}, but got {array.dtype} {array.shape}")
        self._api.function("PJRT_AsyncHostToDeviceTransferManager_TransferLiteral")
        source = numpy.ascontiguousarray(array)
        self._begin(index, is_last=True)
        sizes = ffi.new("int64_t[]", kind.shape)
        arguments = self._call(
            "TransferLiteral",
            buffer_index=index,
            data=ffi.cast("void *", source.__array_interface__["data"][0]),
            shape_dims=sizes,
            shape_num_dims=len(kind.shape),
            shape_element_type=kind.element_type,
        )
        return Event(self._api, arguments.done_with_h2d_transfer, None, keep=source)

    def _begin(self, index: int, is_last: bool) -> None:
        if self._ended[self._index(index)]:
            raise ArgumentError(f"buffer {index} expected no transfer after its last one, but got another")
        self._ended[index] = is_last

    def set_error(self, index: int, error: PjrtError) -> None:
        """Gives a buffer an error instead of data. Nothing more can be transferred to it.

        Raises:
            ArgumentError: If the last transfer was started before.
        """
        code, message, size = error_to_c(error)
        self._begin(index, is_last=True)
        self._call(
            "SetBufferError",
            buffer_index=index,
            error_code=code,
            error_message=message,
            error_message_size=size,
        )

    def add_metadata(self, metadata: Mapping[str, str]) -> None:
        """Hands the plugin texts about the transfers, by name.

        Raises:
            ArgumentTypeError: If a value is not a text; plugins crash on anything else.
        """
        array, _keep = named_texts("metadata", metadata)
        self._call("AddMetadata", transfer_metadata=array, num_metadata=len(metadata))

    def retrieve_buffer(self, index: int) -> Buffer:
        """Returns a buffer, which is ready once its last transfer is done. It can be retrieved once.

        Raises:
            ArgumentError: If there is no such buffer, or it was retrieved before.
        """
        if self._retrieved[self._index(index)]:
            raise ArgumentError(f"buffer {index} expected to be retrieved once, but it was retrieved before")
        self._retrieved[index] = True
        with self.client._pin():
            pointer = self._call("RetrieveBuffer", buffer_index=index).buffer_out
            return self.client._own_buffer(pointer, self.types[index], self.device)

    def __repr__(self) -> str:
        return f"HostToDeviceTransferManager({', '.join(map(str, self.types))})"


class DmaMappedMemory:
    """Host memory that devices access directly. It stays mapped until it is closed, and is kept alive until then.

    Attributes:
        array: The memory.
    """

    def __init__(self, client: Client, array: numpy.ndarray) -> None:
        """Maps the memory of a C-contiguous array.

        Raises:
            ArgumentError: If the array is not C-contiguous, or empty.
            ArgumentTypeError: If it is not a NumPy array.
            UnimplementedError: If the plugin does not offer it, as on the CPU.
        """
        check_type("array", array, numpy.ndarray, "a NumPy array")
        if not array.flags.c_contiguous or not array.nbytes:
            raise ArgumentError("`dma_map` expected a C-contiguous array that is not empty")
        self.client = client
        self.array = array
        self._address = ffi.cast("void *", array.__array_interface__["data"][0])
        self._mapped = False
        with client._pin() as pointer:
            client._api.call("PJRT_Client_DmaMap", client=pointer, data=self._address, size=array.nbytes)
        self._mapped = True

    def buffer(self, device: Device | Memory | None = None) -> Buffer:
        """Returns a buffer that shares the memory where the plugin can.

        Raises:
            ClosedError: If the memory is no longer mapped.
        """
        if not self._mapped:
            raise ClosedError("cannot use this memory because it is no longer mapped")
        return self.client.borrowed_buffer(self.array, device)

    def close(self) -> None:
        """Ends the mapping. Later calls do nothing."""
        if not self._mapped:
            return
        self._mapped = False
        if not self.client.closed:
            with self.client._pin() as pointer:
                self.client._api.call("PJRT_Client_DmaUnmap", client=pointer, data=self._address)

    def __enter__(self) -> DmaMappedMemory:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_mapped", False):
            self.close()
