"""The cross-host transfers extension: buffers that one process sends and another one receives.

The extension changed in ways that a plugin cannot tell, so plugins older than PJRT API 0.114 are refused.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ryft_pjrt._arguments import check_element_type, check_plugin, check_type
from ryft_pjrt.buffers import Buffer
from ryft_pjrt.clients import Client
from ryft_pjrt.devices import Device
from ryft_pjrt.errors import ArgumentError
from ryft_pjrt.events import Event
from ryft_pjrt.layouts import BufferSpecification, layout_to_c
from ryft_xla_sys.errors import PjrtError
from ryft_xla_sys.ffi import NULL, CData, ffi

__all__ = ["copy_to_remote_device", "make_receive_buffers", "receive_buffers", "send_buffers"]

_NAME = "CrossHostTransfers"

_pending: dict[int, tuple[Any, ...]] = {}
_tokens = itertools.count(1)


def send_buffers(
    client: Client,
    buffers: Sequence[Buffer],
    device_ids: Sequence[int],
    keys: Sequence[int],
    *,
    incarnations: Mapping[int, int] | None = None,
) -> list[Event[None]]:
    """Starts to send buffers to devices of other processes, which receive them with the same keys.

    Args:
        client: Client of the buffers.
        buffers: Buffers to send.
        device_ids: Number of the device to send each to.
        keys: Number that the receiver knows each transfer by.
        incarnations: Incarnation of each process that takes part, by process.

    Returns:
        Event of each transfer.

    Raises:
        ArgumentError: If there are not equally many of each.
        UnimplementedError: If the plugin does not have the extension, as on the CPU, or is too old.
    """
    check_type("client", client, Client, "a client")
    _same_length(buffers=buffers, device_ids=device_ids, keys=keys)
    if not buffers:
        return []
    for buffer in buffers:
        check_type("buffers", buffer, Buffer, "buffers")
        check_plugin("buffers", buffer._api, client._api)
    events = ffi.new("PJRT_Event *[]", len(buffers))
    pins = [buffer._pin() for buffer in buffers]
    entered: list[Any] = []
    try:
        pointers: list[CData] = []
        for pin in pins:
            pointers.append(pin.__enter__())
            entered.append(pin)
        with client._pin() as pointer:
            client._api.call_extension(
                _NAME,
                "PJRT_Transfers_PJRT_Client_CrossHostSendBuffers",
                client=pointer,
                num_buffers=len(buffers),
                buffers=ffi.new("PJRT_Buffer *[]", pointers),
                dst_global_device_ids=ffi.new("int64_t[]", list(device_ids)),
                transfer_keys=ffi.new("int64_t[]", list(keys)),
                send_events=events,
                **_incarnations(incarnations or {}),
            )
    finally:
        for pin in entered:
            pin.__exit__(None, None, None)
    return [Event(client._api, event, None, keep=buffer) for event, buffer in zip(events, buffers, strict=True)]


def _check_receiver(client: Client, specifications: Sequence[BufferSpecification], device: Device) -> None:
    check_type("client", client, Client, "a client")
    check_type("device", device, Device, "a device")
    check_plugin("device", device._api, client._api)
    check_type("specifications", specifications, (list, tuple), "a list of buffer specifications")
    for specification in specifications:
        check_type("specifications", specification, BufferSpecification, "buffer specifications")
        check_element_type(specification.element_type, client._api)


def receive_buffers(
    client: Client,
    specifications: Sequence[BufferSpecification],
    device: Device,
    device_ids: Sequence[int],
    keys: Sequence[int],
    *,
    incarnations: Mapping[int, int] | None = None,
) -> list[Buffer]:
    """Starts to receive buffers from devices of other processes.

    Args:
        client: Client that the buffers will belong to.
        specifications: Element type, dimensions and layout of each buffer.
        device: Device to receive them on.
        device_ids: Number of the device that each comes from.
        keys: Number that the sender knows each transfer by.
        incarnations: Incarnation of each process that takes part, by process.

    Raises:
        ArgumentError: If there are not equally many of each.
        UnimplementedError: If the plugin does not have the extension, as on the CPU, or is too old.
    """
    _check_receiver(client, specifications, device)
    _same_length(specifications=specifications, device_ids=device_ids, keys=keys)
    if not specifications:
        return []
    target = ffi.new("PJRT_Buffer *[]", len(specifications))
    fields, _keep = _shapes(specifications)
    with client._pin() as pointer:
        client._api.call_extension(
            _NAME,
            "PJRT_Transfers_PJRT_Client_CrossHostReceiveBuffers",
            client=pointer,
            device=device._handle,
            src_global_device_ids=ffi.new("int64_t[]", list(device_ids)),
            transfer_keys=ffi.new("int64_t[]", list(keys)),
            buffers=target,
            **fields,
            **_incarnations(incarnations or {}),
        )
        return [Buffer.from_c_api(client, buffer) for buffer in target]


def make_receive_buffers(
    client: Client,
    specifications: Sequence[BufferSpecification],
    device: Device,
    notify: Callable[[PjrtError | None, tuple[bytes, ...]], object],
) -> list[Buffer]:
    """Returns buffers that others will fill, who need to be given descriptors of them.

    Args:
        client: Client that the buffers will belong to.
        specifications: Element type, dimensions and layout of each buffer.
        device: Device to receive them on.
        notify: Called once, on a thread of the plugin, with an error, or with `None` and the descriptors.

    Raises:
        UnimplementedError: If the plugin does not have the extension, as on the CPU, or is too old.
    """
    _check_receiver(client, specifications, device)
    if not specifications:
        return []
    client._api.extension_function(_NAME, "PJRT_Transfers_PJRT_Client_MakeCrossHostReceiveBuffers")
    target = ffi.new("PJRT_Buffer *[]", len(specifications))
    fields, keep = _shapes(specifications)
    token = next(_tokens)
    _pending[token] = (client._api, notify, keep)
    try:
        with client._pin() as pointer:
            found = client._api.call_extension(
                _NAME,
                "PJRT_Transfers_PJRT_Client_MakeCrossHostReceiveBuffers",
                client=pointer,
                device=device._handle,
                notifier={"user_arg": ffi.cast("void *", token), "notifier": _received},
                buffers=target,
                **fields,
            )
            return [Buffer.from_c_api(client, target[i]) for i in range(min(found.num_buffers, len(target)))]
    except PjrtError:
        _pending.pop(token, None)
        raise


def copy_to_remote_device(
    buffer: Buffer, descriptor: bytes, done: Callable[[PjrtError | None, bool], object] = lambda error, enqueued: None
) -> None:
    """Starts to send a buffer to where a descriptor says.

    Args:
        buffer: Buffer to send.
        descriptor: What the receiver was given by `make_receive_buffers`.
        done: Called once, on a thread of the plugin, with an error or `None`, and whether the transfer was begun.

    Raises:
        ArgumentError: If the descriptor is empty.
        UnimplementedError: If the plugin does not have the extension, as on the CPU, or is too old.
    """
    check_type("buffer", buffer, Buffer, "a buffer")
    if not descriptor:
        raise ArgumentError("`descriptor` expected bytes from `make_receive_buffers`, but got none")
    api = buffer._api
    api.extension_function(_NAME, "PJRT_Transfers_PJRT_Buffer_CopyToRemoteDevice")
    content = ffi.new("char[]", descriptor)
    data, size = ffi.new("char *[]", [content]), ffi.new("size_t[]", [len(descriptor)])
    token = next(_tokens)
    _pending[token] = (api, done, (buffer, content, data, size))
    known = buffer.client.event()
    known.set()
    with buffer._pin() as pointer, known._pin() as event:
        api.call_extension(
            _NAME,
            "PJRT_Transfers_PJRT_Buffer_CopyToRemoteDevice",
            buffer=pointer,
            event=event,
            serialized_descriptor=data,
            serialized_descriptor_size=size,
            on_done={"user_arg": ffi.cast("void *", token), "on_done": _sent},
            descriptor_destructor=_forget_descriptor,
        )


@ffi.callback("void (*)(PJRT_Error *, bool, void *)")
def _sent(error: CData, enqueued: bool, user: CData) -> None:
    api, done, _keep = _pending.pop(int(ffi.cast("uintptr_t", user)))
    done(None if error == NULL else api.exception(error), bool(enqueued))


@ffi.callback("void (*)(char **, size_t *)")
def _forget_descriptor(data: CData, size: CData) -> None:
    """The descriptor belongs to the pending transfer, which frees it."""


_RECEIVED = (
    "void (*)(PJRT_Error *, const char **, size_t *, size_t, void *, "
    "PJRT_Transfers_CrossHostSendCancelNotifier, void *)"
)


@ffi.callback(_RECEIVED)
def _received(
    error: CData, descriptors: CData, sizes: CData, count: int, user: CData, cancel: CData, cancel_argument: CData
) -> None:
    api, notify, _keep = _pending.pop(int(ffi.cast("uintptr_t", user)))
    if error != NULL:
        notify(api.exception(error), ())
    else:
        notify(None, tuple(bytes(ffi.buffer(descriptors[i], sizes[i])) for i in range(count)))


def _shapes(specifications: Sequence[BufferSpecification]) -> tuple[dict[str, object], list[object]]:
    """Returns the fields that describe the shapes, and the C objects that must stay alive as long as they are used."""
    sizes = [ffi.new("int64_t[]", specification.shape) for specification in specifications]
    layouts: list[CData] = []
    keep: list[object] = [sizes]
    for specification in specifications:
        layout, kept = (
            (NULL, ()) if specification.layout is None else layout_to_c(specification.layout, len(specification.shape))
        )
        layouts.append(layout)
        keep.append(kept)
    return {
        "num_shapes": len(specifications),
        "shape_num_dims": ffi.new("size_t[]", [len(specification.shape) for specification in specifications]),
        "num_dims": ffi.new("int64_t *[]", sizes),
        "element_types": ffi.new(
            "PJRT_Buffer_Type[]", [specification.element_type for specification in specifications]
        ),
        "layouts": ffi.new("PJRT_Buffer_MemoryLayout *[]", layouts),
    }, keep


def _incarnations(incarnations: Mapping[int, int]) -> dict[str, object]:
    return {
        "num_tasks": len(incarnations),
        "task_ids": ffi.new("int[]", list(incarnations.keys())),
        "incarnation_ids": ffi.new("int64_t[]", list(incarnations.values())),
    }


def _same_length(**sequences: Sequence[object]) -> None:
    lengths = {name: len(sequence) for name, sequence in sequences.items()}
    if len(set(lengths.values())) != 1:
        described = ", ".join(f"{length} `{name}`" for name, length in lengths.items())
        raise ArgumentError(f"expected equally many of each, but got {described}")
