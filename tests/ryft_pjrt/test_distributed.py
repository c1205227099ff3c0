"""Distributed programs: real processes on the loopback interface, one of which is killed, and stores of plugins."""

import ctypes
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import ryft_pjrt as pjrt
from ryft_pjrt.distributed import DistributedKeyValueStore, DistributedRuntimeClient
from ryft_pjrt.errors import ArgumentTypeError, InternalError, InvalidArgumentError, NotFoundError, UnavailableError

WORKER = """
import sys
import ryft_pjrt as pjrt
from ryft_pjrt.distributed import DistributedKeyValueStore
from ryft_pjrt.errors import DeadlineExceededError, UnavailableError

address, node, count = sys.argv[1], int(sys.argv[2]), 3
plugin = pjrt.load_cpu_plugin()
options = {"heartbeat_timeout": 5, "shutdown_timeout": 20}
service = plugin.distributed_runtime_service(address, count, **options) if node == 0 else None
runtime = plugin.distributed_runtime_client(address, node, initialization_timeout=30, recoverable=True, **options)
runtime.connect()
store = DistributedKeyValueStore(runtime)
client = plugin.client_with_key_value_store(pjrt.CpuClientOptions(device_count=1), store)
store.put(b"node/%d" % node, bytes([0, node, 255]))
print([store.get(b"node/%d" % other, 20) for other in range(count)], flush=True)

incarnations = runtime.live_nodes(range(count))
client.update_global_process_information([
    pjrt.ProcessInformation(other, incarnation, pjrt.ProcessState.CONNECTED)
    for other, incarnation in incarnations.items()
])
runtime.wait_at_barrier("ready", 20)
print("ready", flush=True)
if node == 1:
    sys.stdin.readline()  # Killed by the test while it waits here.

alive = runtime.live_nodes(range(count))
print(sorted(alive), flush=True)
client.update_global_process_information([
    pjrt.ProcessInformation(other, incarnation, pjrt.ProcessState.CONNECTED)
    if other in alive
    else pjrt.ProcessInformation(other, incarnation, pjrt.ProcessState.ERROR, UnavailableError("it was killed"))
    for other, incarnation in incarnations.items()
])
try:
    runtime.wait_at_barrier("all", 1)
except DeadlineExceededError:
    print("barrier timed out", flush=True)
runtime.wait_at_barrier("leaving", 20, [0, 2])
client.close()
if service is not None:
    sys.stdin.readline()  # Told when the others have left.
runtime.shutdown()
if service is not None:
    service.shutdown()
print("done", flush=True)
"""


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def test_survivors_of_a_killed_process_go_on() -> None:
    address = free_address()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen([sys.executable, "-c", WORKER, address, str(node)], **pipes) for node in range(3)]
    values = [bytes([0, node, 255]) for node in range(3)]
    try:
        for process in processes:
            told = [process.stdout.readline() for _ in range(2)] if process.stdout else []
            assert told == [f"{values}\n", "ready\n"], process.stderr.read() if process.stderr else ""
        processes[1].kill()
        output, error = processes[2].communicate(timeout=60)
        assert output == "[0, 2]\nbarrier timed out\ndone\n", error
        output, error = processes[0].communicate("leave\n", timeout=60)
        assert output == "[0, 2]\nbarrier timed out\ndone\n", error
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert [process.returncode for process in processes] == [0, -signal.SIGKILL, 0]


@pytest.fixture
def runtime(plugin: pjrt.Plugin) -> Iterator[DistributedRuntimeClient]:
    address = free_address()
    with (
        plugin.distributed_runtime_service(address, 1),
        plugin.distributed_runtime_client(address, 0, heartbeat_timeout=30) as runtime,
    ):
        runtime.connect()
        yield runtime


def test_store_keeps_bytes(runtime: DistributedRuntimeClient) -> None:
    store = DistributedKeyValueStore(runtime)
    assert isinstance(store, pjrt.KeyValueStore)
    for key in (b"key", b"a/b", b"\0\xff"):
        store.put(key, b"first")
        store.put(key, b"\0\xff" + key)
        assert store.get(key, 1) == store.get(key, 0) == store.try_get(key) == b"\0\xff" + key
    assert "DistributedKeyValueStore" in repr(store)


def test_store_does_not_find_what_is_missing(runtime: DistributedRuntimeClient) -> None:
    store = DistributedKeyValueStore(runtime)
    with pytest.raises(NotFoundError):
        store.try_get(b"key")
    with pytest.raises(NotFoundError, match=r"the key b'key' was not stored within 0.01 second\(s\)"):
        store.get(b"key", 0.01)
    with pytest.raises(NotFoundError):
        store.get(b"key", 0)
    with pytest.raises(InvalidArgumentError, match="a key that is not empty"):
        store.put(b"", b"value")
    DistributedKeyValueStore(runtime, "other").put(b"key", b"value")
    with pytest.raises(NotFoundError):
        store.try_get(b"key")


def test_store_needs_a_client() -> None:
    with pytest.raises(ArgumentTypeError, match="`client` expected a `DistributedRuntimeClient`, but got `str`"):
        DistributedKeyValueStore("client")


@pytest.fixture(scope="module")
def meeting_plugin(build_test_plugin: Callable[..., Path]) -> pjrt.Plugin:
    """The test plugin, whose clients store a key and wait for another one."""
    return pjrt.load_plugin(build_test_plugin("meeting"))


def told(plugin: pjrt.Plugin, name: str) -> bytes:
    function = ctypes.CDLL(str(plugin.api.path))[name]
    function.restype = ctypes.c_char_p
    return function()


@pytest.mark.parametrize("kind", ["local", "distributed"])
def test_plugin_uses_the_store(meeting_plugin: pjrt.Plugin, runtime: DistributedRuntimeClient, kind: str) -> None:
    store = pjrt.LocalKeyValueStore() if kind == "local" else DistributedKeyValueStore(runtime)
    store.put(b"peer", kind.encode())
    with meeting_plugin.client_with_key_value_store(None, store) as client:
        assert client.store is store
    assert store.try_get(b"client") == b"here"
    assert told(meeting_plugin, "test_peer") == kind.encode()


def test_peer_that_does_not_come_is_an_error(meeting_plugin: pjrt.Plugin) -> None:
    with pytest.raises(NotFoundError, match=r"the key b'peer' was not stored within 0.5 second\(s\)"):
        meeting_plugin.client_with_key_value_store(None, pjrt.LocalKeyValueStore())


def test_exception_of_a_store_is_an_error(meeting_plugin: pjrt.Plugin) -> None:
    class Broken(pjrt.LocalKeyValueStore):
        def try_get(self, key: bytes) -> bytes:
            raise KeyboardInterrupt("stop")

    with pytest.raises(InternalError, match="KeyboardInterrupt: stop"):
        meeting_plugin.client_with_key_value_store(None, Broken())


def test_states_of_processes_reach_the_plugin(meeting_plugin: pjrt.Plugin) -> None:
    with meeting_plugin.client() as client:
        client.update_global_process_information(
            [
                pjrt.ProcessInformation(0, 7, pjrt.ProcessState.CONNECTED),
                pjrt.ProcessInformation(1, 8, pjrt.ProcessState.ERROR, UnavailableError("gone")),
            ]
        )
    assert told(meeting_plugin, "test_states") == b"0:3:0 1:4:14 "
