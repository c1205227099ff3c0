"""Buffers: arrays in the memory of one device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from ryft_pjrt._arguments import check_type
from ryft_pjrt._transfer_functions import transfer_functions
from ryft_pjrt.copies import Copies
from ryft_pjrt.data_types import BufferType, array_type
from ryft_pjrt.dlpack import dlpack_device, to_dlpack
from ryft_pjrt.errors import ArgumentError, InvalidArgumentError, UnimplementedError
from ryft_pjrt.events import Event
from ryft_pjrt.layouts import BufferSpecification, TiledLayout, layout_to_c
from ryft_pjrt.views import DeviceMemory, view_on_host
from ryft_xla_sys import Api
from ryft_xla_sys.ffi import NULL, CData, ffi, lib

if TYPE_CHECKING:
    from ryft_pjrt.clients import Client
    from ryft_pjrt.memories import Memory

__all__ = ["Buffer"]


def _address(array: numpy.ndarray) -> CData:
    return ffi.cast("void *", array.__array_interface__["data"][0])


class Buffer(Copies):
    """Array in the memory of one device. Use it as a context manager to free that memory early.

    A buffer is immutable, and ready at some later time: functions that read it wait for it. It is dead once closed,
    donated, or once its client is closed; using it then raises `ClosedError`.

    Attributes:
        type: Element type and shape.
        device: Device whose memory holds the array.
        client: Client that the buffer belongs to.
    """

    __slots__ = ()

    _subject = "buffer"

    @property
    def _owner(self) -> CData:
        return ffi.cast("ryft_owner *", self._owner_address)

    @property
    def _api(self) -> Api:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.client._api

    @classmethod
    def from_c_api(cls, client: Client, pointer: CData) -> Buffer:
        """Wraps and takes ownership of a `PJRT_Buffer *`. Unsafe: the pointer must not be owned by anything else."""
        if pointer == NULL:
            raise InvalidArgumentError("the provided PJRT buffer handle is a null pointer")
        api = client._api
        try:
            code = api.call("PJRT_Buffer_ElementType", buffer=pointer).type
            sizes = api.call("PJRT_Buffer_Dimensions", buffer=pointer)
            type = array_type(code, tuple(ffi.unpack(sizes.dims, sizes.num_dims)) if sizes.num_dims else ())
            device = client._device(api.call("PJRT_Buffer_Device", buffer=pointer).device)
        except BaseException:
            api.call("PJRT_Buffer_Destroy", buffer=pointer)
            raise
        return client._own_buffer(pointer, type, device)

    @property
    def element_type(self) -> BufferType:
        """Element type of the array."""
        return self.type.element_type

    @property
    def dtype(self) -> numpy.dtype:
        """NumPy data type of the array."""
        return self.type.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Dimensions of the array."""
        return self.type.shape

    @property
    def ndim(self) -> int:
        """Number of dimensions of the array."""
        return len(self.type.shape)

    @property
    def memory(self) -> Memory:
        """Memory that holds the array."""
        with self._pin() as pointer:
            return self.client._memory(self._api.call("PJRT_Buffer_Memory", buffer=pointer).memory)

    @property
    def specification(self) -> BufferSpecification:
        """Element type, dimensions and layout of the array."""
        return BufferSpecification(self.element_type, self.shape, self.layout)

    @property
    def unpadded_shape(self) -> tuple[int, ...]:
        """Dimensions without the padding of dimensions that were only known at run time."""
        with self._pin() as pointer:
            arguments = self._api.call("PJRT_Buffer_UnpaddedDimensions", buffer=pointer)
            return tuple(arguments.unpadded_dims[i] for i in range(arguments.num_dims))

    @property
    def dynamic_dimensions(self) -> tuple[int, ...]:
        """Indices of the dimensions whose size is only known at run time."""
        with self._pin() as pointer:
            arguments = self._api.call("PJRT_Buffer_DynamicDimensionIndices", buffer=pointer)
            return tuple(arguments.dynamic_dim_indices[i] for i in range(arguments.num_dynamic_dims))

    @property
    def is_on_cpu(self) -> bool:
        """Whether the host can read the memory of the array."""
        with self._pin() as pointer:
            return self._api.call("PJRT_Buffer_IsOnCpu", buffer=pointer).is_on_cpu

    def unsafe_pointer(self) -> int:
        """Returns the address of the array, for debugging only: nothing keeps it valid."""
        with self._pin() as pointer:
            return self._api.call("PJRT_Buffer_UnsafePointer", buffer=pointer).buffer_pointer

    def device_memory(self) -> DeviceMemory:
        """Waits for the array, and returns a reference to its memory that keeps it alive and prevents its donation.

        Raises:
            UnimplementedError: If the memory has no address.
            PjrtError: If what computes the array failed.
        """
        return DeviceMemory(self, on_host=False)

    def __dlpack__(
        self,
        *,
        stream: object = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> object:
        return to_dlpack(self, stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)

    def __dlpack_device__(self) -> tuple[int, int]:
        return dlpack_device(self.device)

    def ready(self) -> Event[Buffer]:
        """Returns the event that completes when the array has been computed or transferred."""
        with self._pin() as pointer:
            event = self._api.call("PJRT_Buffer_ReadyEvent", buffer=pointer).event
            return Event(self._api, event, self)

    def block_until_ready(self) -> Buffer:
        """Waits until the array has been computed or transferred, and returns this buffer.

        Raises:
            PjrtError: If what computes the array failed.
        """
        with self.ready() as event:
            event.wait()
        return self

    def copy_to_host(self, out: numpy.ndarray | None = None) -> Event[numpy.ndarray]:
        """Starts to copy the array to the host, in the order that it has on the device: mostly row-major.

        Args:
            out: C-contiguous array of the same data type and shape to copy into. Without one, a new array is made.

        Returns:
            Event whose result is the array on the host, which must not be read before the event has completed.

        Raises:
            ArgumentError: If `out` does not fit.
            UnimplementedError: If there is an `out`, but the array is not in row-major order on the device.
        """
        if out is not None:
            check_type("out", out, numpy.ndarray, "a NumPy array")
        target = numpy.empty(self.shape, self.dtype) if out is None else out
        if out is not None and (out.dtype != self.dtype or out.shape != self.shape or not out.flags.carray):
            raise ArgumentError(
                f"`out` expected a writeable C-contiguous array of {self.dtype} {self.shape}, "
                f"but got {out.dtype} {out.shape}"
            )
        order, own = tuple(range(target.ndim - 1, -1, -1)), self.layout
        # Plugins copy the bytes as they are, whatever order they are asked for; tiles are another matter.
        if isinstance(own, TiledLayout) and not own.tiles and own.minor_to_major != order:
            if out is not None:
                raise UnimplementedError(f"cannot copy a buffer with the layout {own} into a given array")
            order = own.minor_to_major
            axes = order[::-1]
            target = numpy.empty(tuple(self.shape[axis] for axis in axes), self.dtype)
        layout, _keep = layout_to_c(TiledLayout(order), target.ndim)
        with self._pin() as pointer:
            arguments = self._api.call(
                "PJRT_Buffer_ToHostBuffer",
                src=pointer,
                host_layout=layout,
                dst=_address(target),
                dst_size=target.nbytes,
            )
        result = target.transpose([order[::-1].index(axis) for axis in range(target.ndim)])
        return Event(self._api, arguments.event, target if result.flags.c_contiguous else result, keep=target)

    def to_numpy(self) -> numpy.ndarray:
        """Waits for the array, and returns a new copy of it on the host.

        Raises:
            PjrtError: If what computes the array failed.
        """
        target = numpy.empty(self.type.shape, self.type.dtype)
        status = self._read(target)
        if status == lib.RYFT_VIEW_NOT_READY:
            self.block_until_ready()
            status = self._read(target)
        if status == lib.RYFT_VIEW_OK:
            return target
        with self.copy_to_host() as event:
            return numpy.ascontiguousarray(event.wait()).reshape(self.type.shape)

    def to_numpy_if_ready(self) -> numpy.ndarray | None:
        """Returns a new copy of the array on the host, or `None` where that would mean to wait or to transfer."""
        target = numpy.empty(self.type.shape, self.type.dtype)
        return target if self._read(target) == lib.RYFT_VIEW_OK else None

    def _read(self, target: numpy.ndarray) -> int:
        """Copies the elements, if they are there and the host can read them, and returns a `RYFT_VIEW_` status."""
        if self.type.element_type.bits < 8:
            return lib.RYFT_VIEW_NOT_HOST
        error = ffi.new("PJRT_Error **")
        functions = transfer_functions(self._api)
        status = lib.ryft_view_read(functions, self._owner, _address(target), target.nbytes, error)
        self._check_view(status, error[0])
        return status

    def _check_view(self, status: int, error: CData) -> None:
        """Raises the error of a failed view, unless it failed because the host cannot read the memory."""
        if status == lib.RYFT_VIEW_ERROR:
            raise self._api.exception(error, "PJRT_Buffer_OpaqueDeviceMemoryDataPointer")
        if status == lib.RYFT_VIEW_CLOSED:
            raise self._closed_error()

    def host_view(self) -> numpy.ndarray:
        """Waits for the array, and returns a read-only view of its memory, without copying it.

        The view keeps the memory alive, also after this buffer is closed, and prevents its donation.

        Raises:
            UnimplementedError: If the host cannot read the memory as a row-major array.
            PjrtError: If what computes the array failed.
        """
        return view_on_host(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> numpy.ndarray:
        target = self.dtype if dtype is None else numpy.dtype(dtype)
        if copy or target != self.dtype:
            if copy is False:
                raise ArgumentError(f"cannot convert a buffer of {self.dtype} to {target} without copying it")
            return self.to_numpy().astype(target, copy=False)
        try:
            return view_on_host(self)
        except UnimplementedError:
            if copy is False:
                raise
        return self.to_numpy()

    def delete(self) -> None:
        """Frees the memory of the array, the same as `close`."""
        self.close()

    def __repr__(self) -> str:
        return f"Buffer({self.type}{', closed' if self.closed else ''})"
