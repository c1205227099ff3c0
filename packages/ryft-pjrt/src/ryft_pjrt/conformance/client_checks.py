"""Checks of clients, devices, memories and events."""

from __future__ import annotations

import asyncio
import threading
from functools import partial

from ryft_pjrt.conformance.checks import Context, check, expect, expect_equal, refused
from ryft_pjrt.errors import InternalError, UnimplementedError
from ryft_pjrt.processes import ProcessInformation, ProcessState

__all__: list[str] = []


@check("client", "create")
def _create(context: Context) -> str:
    return f"{context.client.platform_name} {context.client.platform_version}".strip()


@check("client", "second client")
def _second(context: Context) -> str:
    _ = context.client
    with context.plugin.client(context.options or None) as second:
        return f"{len(second.devices)} devices"


@check("client", "devices")
def _devices(context: Context) -> str:
    client = context.client
    expect(set(client.addressable_devices) <= set(client.devices), "an addressable device is not among all devices")
    expect_equal(len({device.id for device in client.devices}), len(client.devices), "the number of device ids")
    return f"{len(client.addressable_devices)} of {len(client.devices)} addressable"


@check("client", "process index")
def _process(context: Context) -> str:
    return str(context.client.process_index)


@check("client", "look up devices")
def _look_up(context: Context) -> str:
    client = context.client
    for device in client.devices:
        expect(client.lookup_device(device.id) is device, f"looking up device {device.id} gave another one")
    for device in client.addressable_devices:
        if device.local_hardware_id is not None:
            client.lookup_addressable_device(device.local_hardware_id)
    return refused(partial(client.lookup_device, 2**31 - 1))


@check("client", "default device assignment")
def _assignment(context: Context) -> str:
    return str(context.client.default_device_assignment(1, 1).device_ids)


@check("client", "memories")
def _memories(context: Context) -> str:
    memories = context.client.addressable_memories
    expect(memories, "there are no memories")
    return ", ".join(sorted({f"{memory.kind} ({memory.kind_id})" for memory in memories}))


@check("client", "process information")
def _processes(context: Context) -> str:
    client = context.client
    client.update_global_process_information([ProcessInformation(client.process_index, 1, ProcessState.CONNECTED)])
    return "accepted"


@check("devices", "description")
def _description(context: Context) -> str:
    device = context.client.addressable_devices[0]
    expect(str(device) and device.kind, "the device has no name or no kind")
    return f"{device}: {device.kind}"


@check("devices", "attributes")
def _attributes(context: Context) -> str:
    return ", ".join(sorted(context.client.addressable_devices[0].attributes))


@check("devices", "default memory")
def _default_memory(context: Context) -> str:
    device = context.client.addressable_devices[0]
    expect(device.default_memory in device.addressable_memories, "the default memory is not addressable")
    expect(device in device.default_memory.addressable_by_devices, "the memory does not know its device")
    return device.default_memory.kind


@check("devices", "memory statistics")
def _statistics(context: Context) -> str:
    return str(context.client.addressable_devices[0].memory_statistics())


@check("devices", "clear memory statistics")
def _clear(context: Context) -> None:
    context.client.addressable_devices[0].clear_memory_statistics()


@check("devices", "poison execution")
def _poison(context: Context) -> str:
    found = context.client.addressable_devices[0].poison_execution(987654, InternalError("poison"))
    expect_equal(found, False, "whether an execution was poisoned that does not exist")
    return "no such execution"


@check("devices", "tracking event")
def _tracking(context: Context) -> None:
    context.client.addressable_devices[0].async_tracking_event("conformance").close()


@check("events", "wait")
def _wait(context: Context) -> None:
    with context.eight().ready() as event:
        event.wait(60)
        expect(event.done(), "the event is not done after waiting for it")


@check("events", "callback")
def _callback(context: Context) -> None:
    called = threading.Event()
    with context.eight().ready() as event:
        event.add_done_callback(lambda event: called.set())
        expect(called.wait(60), "the callback was not called")


@check("events", "await")
def _await(context: Context) -> None:
    async def wait() -> None:
        await context.eight().ready()

    asyncio.run(wait())


@check("events", "made by the caller")
def _settable(context: Context) -> None:
    with context.client.event() as event:
        expect(not event.done(), "the event is done before it is set")
        event.set()
        event.wait(60)
    with context.client.event() as event:
        event.set(InternalError("conformance"))
        try:
            event.wait(60)
        except UnimplementedError:
            raise
        except InternalError:
            return
        expect(False, "an event that was set to an error has none")
