"""Buffers that are not made from host data: uninitialized, failed, promised, or views of memory of others."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ryft_pjrt._arguments import check_element_type, check_integer
from ryft_pjrt._completions import COMPLETION_DELETED, drop_completion, new_completion
from ryft_pjrt._objects import BufferBase
from ryft_pjrt.copies import Claim
from ryft_pjrt.data_types import ArrayType, array_type, dimensions, element_type
from ryft_pjrt.errors import ArgumentError, ArgumentTypeError, CancelledError, PjrtError, error_to_c
from ryft_pjrt.layouts import Layout, layout_to_c
from ryft_pjrt.values import named_texts
from ryft_xla_sys.ffi import NULL, CData, ffi, lib

if TYPE_CHECKING:
    from ryft_pjrt.buffers import Buffer
    from ryft_pjrt.clients import Client
    from ryft_pjrt.devices import Device
    from ryft_pjrt.memories import Memory

__all__ = ["AliasFulfillment", "create_alias", "create_error", "create_uninitialized", "create_view"]


class _Shape:
    """The shape fields that the argument structs of several functions share."""

    def __init__(self, client: Client, dtype: object, shape: Sequence[int], layout: Layout | None) -> None:
        self.array_kind: ArrayType = array_type(element_type(dtype), dimensions(shape))
        check_element_type(self.array_kind.element_type, client._api)
        self.sizes = ffi.new("int64_t[]", self.array_kind.shape)
        self.layout, self._keep = (NULL, ()) if layout is None else layout_to_c(layout, len(self.array_kind.shape))

    def fields(self) -> dict[str, object]:
        return {
            "shape_dims": self.sizes,
            "shape_num_dims": len(self.array_kind.shape),
            "shape_element_type": self.array_kind.element_type,
            "shape_layout": self.layout,
        }


def _memory(client: Client, place: Device | Memory | None) -> tuple[Device, Memory]:
    device, memory = client._placement(place)
    return device, device.default_memory if memory is None else memory


def create_uninitialized(
    client: Client, dtype: object, shape: Sequence[int], place: Device | Memory | None, layout: Layout | None
) -> Buffer:
    """Implements `Client.uninitialized_buffer`."""
    described = _Shape(client, dtype, shape, layout)
    device, memory = _memory(client, place)
    with client._pin() as pointer:
        arguments = client._api.call(
            "PJRT_Client_CreateUninitializedBuffer",
            client=pointer,
            device=device._handle,
            memory=memory._handle,
            **described.fields(),
        )
        return client._own_buffer(arguments.buffer, described.array_kind, device)


def create_error(
    client: Client,
    error: PjrtError,
    dtype: object,
    shape: Sequence[int],
    place: Device | Memory | None,
    payload: Mapping[str, str],
) -> Buffer:
    """Implements `Client.error_buffer`."""
    code, message, size = error_to_c(error)
    described = _Shape(client, dtype, shape, None)
    device, memory = _memory(client, place)
    values, _keep = named_texts("payload", payload)
    with client._pin() as pointer:
        arguments = client._api.call(
            "PJRT_Client_CreateErrorBuffer",
            client=pointer,
            error_code=code,
            error_message=message,
            error_message_size=size,
            memory=memory._handle,
            payload=values if payload else NULL,
            num_payload=len(payload),
            **described.fields(),
        )
        return client._own_buffer(arguments.buffer, described.array_kind, device)


class AliasFulfillment:
    """Promise to give an alias buffer its contents. It must be kept once; if dropped before, the buffer fails.

    Attributes:
        client: Client that the buffer belongs to.
        array_kind: Element type and shape of the buffer.
        device: Device that the buffer is on.
    """

    __slots__ = ("__weakref__", "_alias", "_callback", "_client_pointer", "array_kind", "client", "device")

    def __init__(
        self, client: Client, client_pointer: CData, callback: CData, array_kind: ArrayType, device: Device
    ) -> None:
        """Takes over the callback, and a pin of the client: the promise can be kept as long as it exists."""
        self.client = client
        self.array_kind = array_kind
        self.device = device
        self._alias: weakref.ref[Buffer] | None = None
        self._client_pointer = client_pointer
        self._callback: CData | None = callback

    def _take(self) -> CData:
        callback, self._callback = self._callback, None
        if callback is None:
            error = ArgumentError("the alias buffer was fulfilled before")
            raise self.client._closed_error() if self.client.closed else error
        return callback

    def fulfill(self, buffer: Buffer) -> None:
        """Gives the alias buffer the contents of `buffer`, which is consumed.

        Raises:
            ArgumentError: If the buffer has another type or is elsewhere, or the promise was kept before.
            ArgumentTypeError: If it is not a buffer.
            BufferInUseError: If a call or a view is using the buffer.
        """
        self._check(buffer)
        with Claim(buffer) as claim:
            callback = self._take()
            try:
                self.client._api.call(
                    "PJRT_Client_FulfillAliasBuffer",
                    client=self._client_pointer,
                    buffer=claim.pointer,
                    fulfill_alias_buffer_cb=callback,
                )
            finally:
                lib.ryft_owner_unpin(self.client._owner)
            claim.consumed = True

    def _check(self, buffer: Buffer) -> None:
        if not isinstance(buffer, BufferBase):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ArgumentTypeError(f"`fulfill` expected a buffer, but got `{type(buffer).__name__}`")
        if self._alias is not None and buffer is self._alias():
            raise ArgumentError("`fulfill` expected contents for the alias buffer, but got that buffer itself")
        if buffer.client is not self.client:
            raise ArgumentError("`fulfill` expected a buffer of the alias buffer's client, but got one of another")
        if buffer.type is not self.array_kind:
            raise ArgumentError(f"`fulfill` expected a buffer of {self.array_kind}, but got {buffer.type}")
        if buffer.device is not self.device:
            raise ArgumentError(f"`fulfill` expected a buffer on {self.device}, but got one on {buffer.device}")

    def fail(self, error: PjrtError) -> None:
        """Gives the alias buffer an error instead of contents.

        Raises:
            ArgumentError: If the promise was kept before.
        """
        code, message, size = error_to_c(error)
        if lib.ryft_owner_is_forked(self.client._owner):
            raise self.client._closed_error()
        callback = self._take()
        try:
            self.client._api.call(
                "PJRT_Client_FulfillAliasBuffer",
                client=self._client_pointer,
                status_code=code,
                error_message=message,
                error_message_size=size,
                fulfill_alias_buffer_cb=callback,
            )
        except PjrtError as raised:
            # Some plugins return the very error that they were given.
            if raised.code != code:
                raise
        finally:
            lib.ryft_owner_unpin(self.client._owner)

    def drop(self) -> None:
        """Gives the promise up, if it was not kept: the buffer fails."""
        if self._callback is not None and not lib.ryft_owner_is_forked(self.client._owner):
            self.fail(CancelledError("the alias buffer was dropped without being fulfilled"))

    def __del__(self) -> None:
        if getattr(self, "_callback", None) is not None:
            self.drop()


def create_alias(
    client: Client, dtype: object, shape: Sequence[int], place: Device | Memory | None, layout: Layout | None
) -> tuple[Buffer, AliasFulfillment]:
    """Implements `Client.alias_buffer`."""
    described = _Shape(client, dtype, shape, layout)
    device, memory = _memory(client, place)
    pin = client._pin()
    pointer = pin.__enter__()
    try:
        arguments = client._api.call(
            "PJRT_Client_CreateAliasBuffer", client=pointer, memory=memory._handle, **described.fields()
        )
    except BaseException:
        pin.__exit__(None, None, None)
        raise
    kind = described.array_kind
    fulfillment = AliasFulfillment(client, pointer, arguments.fulfill_alias_buffer_cb, kind, device)
    client._promises.add(fulfillment)
    buffer = client._own_buffer(arguments.alias_buffer, kind, device)
    fulfillment._alias = weakref.ref(buffer)
    return buffer, fulfillment


def create_view(
    client: Client,
    address: int,
    dtype: object,
    shape: Sequence[int],
    place: Device | Memory | None,
    *,
    layout: Layout | None,
    stream: int,
    on_delete: Callable[[], object] | None,
) -> Buffer:
    """Implements `Client.borrowed_on_device_buffer`."""
    described = _Shape(client, dtype, shape, layout)
    device, memory = _memory(client, place)
    check_integer("address", address, 0, 2**64 - 1)
    check_integer("stream", stream, 0, 2**63 - 1)
    if on_delete is not None and not callable(on_delete):
        raise ArgumentTypeError(f"`on_delete` expected a function, but got `{type(on_delete).__name__}`")
    if address == 0 and described.array_kind.size_in_bits:
        raise ArgumentError(f"a view of {described.array_kind} expected an address, but got a null pointer")
    # Plugins call the callback even if it is null, which ends the process.
    completion = new_completion(client._api, lambda error: on_delete() if on_delete is not None else None)
    try:
        with client._pin() as pointer:
            arguments = client._api.call(
                "PJRT_Client_CreateViewOfDeviceBuffer",
                client=pointer,
                device_buffer_ptr=ffi.cast("void *", address),
                dims=described.sizes,
                num_dims=len(described.array_kind.shape),
                element_type=described.array_kind.element_type,
                layout=described.layout,
                device=device._handle,
                on_delete_callback=COMPLETION_DELETED,
                on_delete_callback_arg=completion,
                stream=stream,
                memory=memory._handle,
            )
    except BaseException:
        drop_completion(completion)
        raise
    return client._own_buffer(arguments.buffer, described.array_kind, device)
