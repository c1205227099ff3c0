"""Tests of what only newer plugins can do, with the CPU plugin behind functions of newer versions: see the C file."""

import ctypes
import gc
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy
import pytest

import ryft_pjrt as pjrt
from ryft_pjrt.errors import (
    AbortedError,
    ArgumentError,
    ArgumentTypeError,
    BufferInUseError,
    ClosedError,
    DataLossError,
    InternalError,
    NotFoundError,
    PjrtError,
)

SOURCE = Path(__file__).with_name("newer_plugin.c")


@pytest.fixture(scope="module")
def library(build_test_plugin: object, tmp_path_factory: pytest.TempPathFactory, plugin: pjrt.Plugin) -> Path:
    """Compiles the plugin; the header of the newest version is where the other test plugin is built."""
    path = tmp_path_factory.mktemp("newer") / "newer_plugin.so"
    include = build_test_plugin("for_header").parent
    subprocess.run(["cc", "-shared", "-fPIC", f"-I{include}", "-o", str(path), str(SOURCE), "-ldl"], check=True)
    os.environ["NEWER_PLUGIN_BASE"] = str(plugin.api.path)
    return path


@pytest.fixture(scope="module")
def newer(library: Path) -> pjrt.Plugin:
    return pjrt.load_plugin(library)


@pytest.fixture(scope="module")
def counters(library: Path) -> ctypes.CDLL:
    return ctypes.CDLL(str(library))


@pytest.fixture(scope="module")
def client(newer: pjrt.Plugin) -> Iterator[pjrt.Client]:
    with newer.client() as client:
        yield client


@pytest.fixture(scope="module")
def add(client: pjrt.Client, programs: SimpleNamespace) -> pjrt.LoadedExecutable:
    return client.compile(programs.ADD)


def count(counters: ctypes.CDLL, name: str) -> int:
    return ctypes.c_int.in_dll(counters, name).value


def test_newer_plugin_has_the_newest_version(newer: pjrt.Plugin) -> None:
    assert newer.version == pjrt.VERSION


def test_error_buffers_fail_and_so_does_what_depends_on_them(
    client: pjrt.Client, add: pjrt.LoadedExecutable, eight: numpy.ndarray
) -> None:
    buffer = client.error_buffer(InternalError("it broke"), "float32", (8,), payload={"url": "value"})

    assert str(buffer.type) == "f32[8]"
    for failed in (buffer, add(buffer, client.buffer(eight))):
        with pytest.raises(InternalError, match="it broke") as caught:
            failed.to_numpy()
        assert caught.value.payload == {"type.url/a": b"first", "type.url/b": b""}


def test_own_events_complete_when_they_are_set(client: pjrt.Client) -> None:
    event = client.event()
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.append(event.wait(60)))
    thread.start()

    assert not event.done()
    event.set()
    thread.join(60)

    assert results == [None]
    assert event.done()
    with pytest.raises(ArgumentError, match="`SettableEvent` expected to be set once"):
        event.set()


def test_own_events_can_fail(client: pjrt.Client) -> None:
    event = client.event()
    event.set(NotFoundError("it is gone"))

    with pytest.raises(NotFoundError, match="it is gone"):
        event.wait()


def test_raw_copies_take_their_memory_later(client: pjrt.Client, eight: numpy.ndarray) -> None:
    copy = client.buffer(eight).copy_raw_to_host_later()
    target = numpy.empty(32, numpy.uint8)

    assert copy.size == 32
    assert not copy.done.done()
    with pytest.raises(ArgumentError, match="expected a writeable C-contiguous array of 32 bytes, but got 31 bytes"):
        copy.start(target[:31])
    copy.start(target)
    copy.done.wait()

    assert target.tobytes() == eight.tobytes()
    with pytest.raises(ArgumentError, match="`RawCopy` expected to be started or failed once"):
        copy.fail(InternalError("late"))


@pytest.mark.parametrize("drop", [False, True])
def test_raw_copies_can_be_given_up(client: pjrt.Client, eight: numpy.ndarray, drop: bool) -> None:
    buffer = client.buffer(eight)
    copy = buffer.copy_raw_to_host_later()
    done = copy.done
    if not drop:
        copy.fail(InternalError("no memory"))
    del copy
    gc.collect()

    with pytest.raises(PjrtError, match="dropped without being started" if drop else "no memory"):
        done.wait()


def test_donation_with_a_dependency_waits_for_it(client: pjrt.Client, eight: numpy.ndarray) -> None:
    buffer = client.buffer(eight).block_until_ready()

    donated, dependency = buffer.donate_with_control_dependency()

    assert buffer.closed
    assert not donated.ready().done()
    dependency.fulfill()
    numpy.testing.assert_array_equal(donated.to_numpy(), eight)
    with pytest.raises(ArgumentError, match="`Dependency` expected to be fulfilled once"):
        dependency.fulfill()


@pytest.mark.parametrize("drop", [False, True])
def test_failed_dependencies_fail_the_buffer(client: pjrt.Client, eight: numpy.ndarray, drop: bool) -> None:
    donated, dependency = client.buffer(eight).block_until_ready().donate_with_control_dependency()
    if not drop:
        dependency.fulfill(InternalError("it broke"))
    del dependency
    gc.collect()

    with pytest.raises(PjrtError, match="dropped without being fulfilled" if drop else "it broke"):
        donated.to_numpy()


def test_donation_with_a_dependency_is_blocked_by_views(client: pjrt.Client, eight: numpy.ndarray) -> None:
    buffer = client.buffer(eight)
    view = numpy.asarray(buffer)

    with pytest.raises(BufferInUseError, match="cannot be donated"):
        buffer.donate_with_control_dependency()
    numpy.testing.assert_array_equal(view, buffer.to_numpy())
    buffer.close()
    with pytest.raises(ClosedError, match="cannot use this buffer"):
        buffer.donate_with_control_dependency()


def test_bitcast_shares_the_memory(client: pjrt.Client, eight: numpy.ndarray) -> None:
    buffer = client.buffer(eight)

    cast = buffer.bitcast("uint8", (8, 4), pjrt.TiledLayout((1, 0)))

    assert (str(cast.type), cast.unsafe_pointer()) == ("u8[8,4]", buffer.unsafe_pointer())
    assert cast.to_numpy().tobytes() == eight.tobytes()
    with pytest.raises(ArgumentError, match=r"expected 2 dimension\(s\), but got"):
        buffer.bitcast("uint8", (8, 4), pjrt.TiledLayout((0,)))


def test_devices_tell_live_attributes(client: pjrt.Client, counters: ctypes.CDLL) -> None:
    before = count(counters, "newer_attribute_deletions")
    device = client.devices[0]

    assert device.attributes == {"compute_capability": "9.0"}
    assert device.attribute("compute_capability") == device.compute_capability == "9.0"
    assert count(counters, "newer_attribute_deletions") == before + 3


def test_devices_count_memory(client: pjrt.Client, counters: ctypes.CDLL) -> None:
    statistics = client.devices[0].memory_statistics()

    assert statistics == pjrt.MemoryStatistics(bytes_in_use=100, peak_bytes_in_use=200, bytes_limit=0)
    client.devices[0].clear_memory_statistics()
    assert count(counters, "newer_cleared") == 1


def test_executions_can_be_poisoned(client: pjrt.Client, counters: ctypes.CDLL) -> None:
    device = client.devices[0]

    assert device.poison_execution(7, InternalError("poison"), {"a": "1", "b": "2"})
    assert not device.poison_execution(8, InternalError("poison"))
    assert count(counters, "newer_poison_launch_id") == 8
    assert count(counters, "newer_poison_payloads") == 0


def test_tracking_events_last_until_they_are_closed(client: pjrt.Client, counters: ctypes.CDLL) -> None:
    with client.devices[0].async_tracking_event("work") as event:
        assert count(counters, "newer_tracking_events") == 1
    event.close()
    assert count(counters, "newer_tracking_events") == 0


def test_executables_tell_more(client: pjrt.Client, add: pjrt.LoadedExecutable, counters: ctypes.CDLL) -> None:
    assert add.executable.compilation_options().profile_version == 5
    assert count(counters, "newer_options_alive") == 0
    assert add.executable.parameter_memory_kinds == ("device", "pinned_host")
    assert add.logical_ids == ((3, 4),)
    assert client.topology.fingerprint == 0xFEDCBA9876543210


def test_executables_are_loaded_by_the_plugin_itself(
    client: pjrt.Client, add: pjrt.LoadedExecutable, eight: numpy.ndarray
) -> None:
    x = client.buffer(eight)

    numpy.testing.assert_array_equal(client.load(add.executable)(x, x).to_numpy(), eight * 2)


def test_executables_of_another_plugin_are_not_loaded(plugin: pjrt.Plugin, add: pjrt.LoadedExecutable) -> None:
    with plugin.client() as other, pytest.raises(DataLossError, match="are not a serialized executable of plugin"):
        other.deserialize_and_load(add.serialize())


def test_literals_are_transferred_whole(client: pjrt.Client) -> None:
    transfers = client.host_to_device_transfer_manager([pjrt.BufferSpecification("int16", (2, 3))])
    array = numpy.arange(6, dtype=numpy.int16).reshape(3, 2).T

    transfers.transfer_literal(0, array).wait()

    numpy.testing.assert_array_equal(transfers.retrieve_buffer(0).to_numpy(), array)
    with pytest.raises(ArgumentError, match="buffer 0 expected no transfer after its last one"):
        transfers.transfer_literal(0, array)


def test_memory_is_mapped_until_it_is_closed(client: pjrt.Client, counters: ctypes.CDLL) -> None:
    array = pjrt.shareable_array((8,))
    array[:] = 3
    with client.dma_map(array) as mapped:
        assert count(counters, "newer_mapped") == 1
        buffer = mapped.buffer()
        assert buffer.unsafe_pointer() == array.ctypes.data
    mapped.close()
    assert count(counters, "newer_mapped") == 0
    with pytest.raises(ClosedError, match="cannot use this memory because it is no longer mapped"):
        mapped.buffer()
    assert buffer.to_numpy().tolist() == [3.0] * 8
    client.dma_map(array)
    gc.collect()
    assert count(counters, "newer_mapped") == 0


def test_programs_send_data_to_callbacks(
    client: pjrt.Client, add: pjrt.LoadedExecutable, eight: numpy.ndarray, counters: ctypes.CDLL
) -> None:
    x = client.buffer(eight)
    sent: list[tuple[bytes, int, bool]] = []
    deleted = counters.newer_deleted_chunks()
    callback = pjrt.SendCallback(5, lambda *arguments: sent.append(arguments))

    (result,) = add.execute([x, x], send_callbacks=[[callback]])

    assert result.done.wait()[0].to_numpy().tolist() == (eight * 2).tolist()
    assert sent == [(b"abcd", 6, False), (b"ef", 6, True)]
    assert counters.newer_deleted_chunks() == deleted + 2


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, NotFoundError])
def test_what_send_callbacks_raise_is_returned_to_the_plugin(
    client: pjrt.Client,
    add: pjrt.LoadedExecutable,
    eight: numpy.ndarray,
    counters: ctypes.CDLL,
    kind: type[BaseException],
) -> None:
    x = client.buffer(eight)
    counters.newer_send_message.restype = ctypes.c_char_p

    def fail(data: bytes, total_size: int, is_last: bool) -> None:
        raise kind("it broke")

    add.execute([x, x], send_callbacks=[[pjrt.SendCallback(5, fail)]])[0].done.wait()

    assert counters.newer_send_code() == (5 if kind is NotFoundError else 13)
    assert counters.newer_send_message() == f"{kind.__name__}: it broke".encode()


def test_programs_receive_data_from_callbacks(
    client: pjrt.Client, add: pjrt.LoadedExecutable, eight: numpy.ndarray, counters: ctypes.CDLL
) -> None:
    x = client.buffer(eight)
    seen: list[object] = []

    def give(stream: pjrt.CopyToDeviceStream) -> None:
        seen.extend([stream.total_byte_count, stream.granule_byte_count, stream.current_byte_count])
        stream.add_chunk(b"abcd").wait()
        for data in (b"abc", b"12345678"):
            with pytest.raises(ArgumentError, match=r"a chunk expected at most 4 byte\(s\) in granules of 4"):
                stream.add_chunk(data)
        stream.add_chunk(numpy.array([1], numpy.int32)).wait()
        seen.append(stream.current_byte_count)

    add.execute([x, x], receive_callbacks=[[pjrt.ReceiveCallback(client, 5, give)]])[0].done.wait()
    gc.collect()

    assert seen == [8, 4, 0, 8]
    assert count(counters, "newer_streams") == 0
    assert bytes((ctypes.c_char * 8).in_dll(counters, "newer_received")) == b"abcd\x01\0\0\0"


def test_contexts_of_another_plugin_are_errors(
    newer: pjrt.Plugin, plugin: pjrt.Plugin, programs: SimpleNamespace
) -> None:
    with plugin.client() as other, newer.execution_context() as context:
        x = other.buffer(numpy.ones(8, numpy.float32))
        with pytest.raises(ArgumentError, match=r"`context` expected an object of plugin `xla_cpu_pjrt\.so`, but got"):
            other.compile(programs.ADD).execute([x, x], context=context)


def test_promises_are_given_up_when_their_client_is_closed(
    library: Path, run_child: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    code = f"""
client = pjrt.load_plugin({str(library)!r}).client()
buffer = client.buffer(numpy.ones(8, numpy.float32))
copy = buffer.copy_raw_to_host_later()
donated, dependency = client.buffer(numpy.ones(8, numpy.float32)).donate_with_control_dependency()
alias, fulfillment = client.alias_buffer("float32", (8,))
ready = donated.ready()
client.close()
for use in (
    lambda: copy.done.wait(10),
    lambda: copy.start(numpy.empty(32, numpy.uint8)),
    lambda: copy.fail(pjrt.errors.AbortedError("")),
    lambda: ready.wait(10),
    lambda: dependency.fulfill(),
    lambda: fulfillment.fail(pjrt.errors.AbortedError("")),
):
    try:
        use()
    except pjrt.RyftError as error:
        print(type(error).__name__)
"""
    result = run_child(code)

    closed = "ClosedError\n"
    assert result.stdout == "UnknownError\n" + 2 * closed + "UnknownError\n" + 2 * closed, result.stderr


def test_events_take_only_errors_of_pjrt(client: pjrt.Client) -> None:
    event = client.event()
    with pytest.raises(ArgumentTypeError, match="`error` expected a `PjrtError`, but got `ValueError`"):
        event.set(ValueError("it broke"))
    event.set(AbortedError("it broke"))
    with pytest.raises(AbortedError, match="it broke"):
        event.wait(10)


def test_payloads_are_texts(client: pjrt.Client) -> None:
    with pytest.raises(ArgumentTypeError, match="payload `name` expected a str, but got `int`"):
        client.error_buffer(AbortedError("it broke"), "int8", (), payload={"name": 1})
    with pytest.raises(ArgumentTypeError, match="`payload` expected a mapping of texts, but got `int`"):
        client.devices[0].poison_execution(0, AbortedError("it broke"), 5)
