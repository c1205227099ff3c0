"""The distributed runtime, with real processes on the loopback interface, some of which are killed."""

import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from ryft_xla_sys import errors
from ryft_xla_sys.distributed import DistributedRuntimeClient, DistributedRuntimeService

WORKER = """
import sys
from ryft_xla_sys import errors
from ryft_xla_sys.distributed import DistributedRuntimeClient, DistributedRuntimeService

address, node, count, recoverable = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "True"
options = {"heartbeat_timeout": 5, "shutdown_timeout": 20}
service = DistributedRuntimeService(address, count, **options) if node == 0 else None
client = DistributedRuntimeClient(address, node, initialization_timeout=30, recoverable=recoverable, **options)
client.connect()
print("connected", flush=True)
"""

COOPERATE = (
    WORKER
    + """
client.key_value_set(f"result/{node}", f"value {node}")
client.wait_at_barrier("written", 20)
print(sorted(client.key_value_directory("result").items()), flush=True)
print(sorted(client.live_nodes(range(count))), flush=True)
client.shutdown()
if service is not None:
    service.shutdown()
print("done", flush=True)
"""
)

SURVIVE = (
    WORKER
    + """
import signal
if node == 1:
    sys.stdin.readline()  # Killed by the test while it waits here.
print(sorted(client.live_nodes(range(count))), flush=True)
try:
    client.wait_at_barrier("all", 1)
except errors.DeadlineExceededError as error:
    print("barrier timed out", flush=True)
client.wait_at_barrier("survivors", 20, [0, 2])
client.wait_at_barrier("leaving", 20, [0, 2])
if node != 0:
    client.shutdown()
    print("done", flush=True)
else:
    sys.stdin.readline()  # The service's process is told when the others have left.
    client.shutdown()
    service.shutdown()
    print("done", flush=True)
"""
)


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@contextmanager
def workers(script: str, count: int, *, recoverable: bool) -> Iterator[list[subprocess.Popen[str]]]:
    address = free_address()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [
        subprocess.Popen([sys.executable, "-c", script, address, str(node), str(count), str(recoverable)], **pipes)
        for node in range(count)
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


@pytest.fixture
def cluster() -> Iterator[DistributedRuntimeClient]:
    address = free_address()
    with DistributedRuntimeService(address, 1), DistributedRuntimeClient(address, 0) as client:
        client.connect()
        yield client


def test_processes_share_values_and_meet_at_a_barrier() -> None:
    with workers(COOPERATE, 3, recoverable=False) as processes:
        outputs = [process.communicate(timeout=60) for process in processes]

    values = [(f"result/{node}", f"value {node}".encode()) for node in range(3)]
    for process, (output, error) in zip(processes, outputs, strict=True):
        assert process.returncode == 0, error
        assert output == f"connected\n{values}\n[0, 1, 2]\ndone\n"


def test_survivors_of_a_killed_recoverable_process_go_on() -> None:
    with workers(SURVIVE, 3, recoverable=True) as processes:
        assert [process.stdout.readline() for process in processes if process.stdout] == ["connected\n"] * 3
        processes[1].kill()
        output, error = processes[2].communicate(timeout=60)
        assert output == "[0, 2]\nbarrier timed out\ndone\n", error
        output, error = processes[0].communicate("leave\n", timeout=60)
        assert output == "[0, 2]\nbarrier timed out\ndone\n", error

    assert [process.returncode for process in processes] == [0, -signal.SIGKILL, 0]


def test_others_end_with_a_message_when_a_process_that_is_not_recoverable_is_killed() -> None:
    with workers(SURVIVE, 3, recoverable=False) as processes:
        assert [process.stdout.readline() for process in processes if process.stdout] == ["connected\n"] * 3
        processes[1].kill()
        errors_written = [processes[node].communicate(timeout=60)[1] for node in (0, 2)]

    assert [processes[node].returncode for node in (0, 2)] == [1, 1]
    assert all("another task died" in text for text in errors_written)


def test_process_that_ends_without_shutdown_ends_cleanly() -> None:
    with workers(WORKER, 1, recoverable=False) as processes:
        output, error = processes[0].communicate(timeout=60)

    assert (processes[0].returncode, output) == (0, "connected\n"), error


def test_key_value_set_stores_bytes_and_text(cluster: DistributedRuntimeClient) -> None:
    cluster.key_value_set("bytes", b"\x00\xff")
    cluster.key_value_set("text", "größe")

    assert cluster.key_value_try_get("bytes") == b"\x00\xff"
    assert cluster.key_value_get("text", timedelta(seconds=1)).decode() == "größe"


def test_key_value_set_refuses_a_second_value_unless_it_is_to_overwrite(cluster: DistributedRuntimeClient) -> None:
    cluster.key_value_set("key", "first")

    with pytest.raises(errors.AlreadyExistsError, match="key already exists"):
        cluster.key_value_set("key", "second")
    cluster.key_value_set("key", "third", overwrite=True)
    assert cluster.key_value_try_get("key") == b"third"


def test_key_value_get_waits_no_longer_than_its_timeout(cluster: DistributedRuntimeClient) -> None:
    with pytest.raises(errors.DeadlineExceededError, match="timed out with key: absent and duration: 21ms"):
        cluster.key_value_get("absent", 0.0201)
    with pytest.raises(TimeoutError):
        cluster.key_value_get("absent", 0.01)


def test_key_value_try_get_of_an_absent_key_fails(cluster: DistributedRuntimeClient) -> None:
    with pytest.raises(errors.NotFoundError, match="absent not found"):
        cluster.key_value_try_get("absent")


def test_key_value_directory_holds_the_keys_below_it(cluster: DistributedRuntimeClient) -> None:
    for key in ("a/1", "a/b/2", "ab", "b/1"):
        cluster.key_value_set(key, key)

    assert cluster.key_value_directory("a") == {"a/1": b"a/1", "a/b/2": b"a/b/2"}
    cluster.key_value_delete("a")
    assert cluster.key_value_directory("a") == {}
    assert cluster.key_value_try_get("ab") == b"ab"


def test_key_value_increment_counts(cluster: DistributedRuntimeClient) -> None:
    assert [cluster.key_value_increment("n"), cluster.key_value_increment("n", 5)] == [1, 6]
    assert cluster.key_value_increment("n", -7) == -1


def test_live_nodes_gives_each_process_a_number(cluster: DistributedRuntimeClient) -> None:
    assert list(cluster.live_nodes([0])) == [0]


def test_barrier_with_an_unknown_process_fails(cluster: DistributedRuntimeClient) -> None:
    with pytest.raises(errors.InvalidArgumentError, match="not in the cluster"):
        cluster.wait_at_barrier("barrier", 1, [0, 9])


def test_client_that_is_not_connected_has_only_the_store() -> None:
    address = free_address()
    with DistributedRuntimeService(address, 1), DistributedRuntimeClient(address, 0) as client:
        client.key_value_set("key", "value")
        assert client.key_value_try_get("key") == b"value"
        with pytest.raises(errors.FailedPreconditionError, match="has not called `connect`"):
            client.wait_at_barrier("barrier", 1)
        with pytest.raises(errors.FailedPreconditionError, match="has not called `connect`"):
            client.live_nodes([0])


def test_connect_a_second_time_fails(cluster: DistributedRuntimeClient) -> None:
    with pytest.raises(errors.FailedPreconditionError, match="client 0 has connected already"):
        cluster.connect()


def test_connect_without_a_service_fails() -> None:
    client = DistributedRuntimeClient(free_address(), 0, initialization_timeout=0.2)

    with pytest.raises(errors.UnavailableError, match="expected a distributed runtime service at `127"):
        client.connect()


def test_connect_to_an_unknown_host_fails() -> None:
    client = DistributedRuntimeClient("host.invalid:1234", 0, initialization_timeout=0.2)

    with pytest.raises(errors.UnavailableError, match=r"service at `host\.invalid:1234`"):
        client.connect()


def test_connect_with_a_number_outside_the_cluster_fails() -> None:
    address = free_address()
    with DistributedRuntimeService(address, 2):
        client = DistributedRuntimeClient(address, 2)
        with pytest.raises(errors.InvalidArgumentError, match="`node_id` below the cluster's size 2, but got 2"):
            client.connect()


def test_connect_with_a_number_that_is_taken_fails(cluster: DistributedRuntimeClient) -> None:
    client = DistributedRuntimeClient(cluster.address, 0)

    with pytest.raises(errors.AlreadyExistsError, match="`node_id` 0 has joined the cluster already"):
        client.connect()


def test_connect_fails_when_another_process_does_not_join() -> None:
    address = free_address()
    with DistributedRuntimeService(address, 2):
        client = DistributedRuntimeClient(address, 0, initialization_timeout=1)
        with pytest.raises(errors.DeadlineExceededError, match="process 1 did not join in 1 s"):
            client.connect()


def test_client_is_closed_by_shutdown_which_may_be_repeated(cluster: DistributedRuntimeClient) -> None:
    cluster.shutdown()
    cluster.shutdown()

    assert repr(cluster).endswith("node_id=0, shut down)")
    assert not cluster.connected
    with pytest.raises(errors.ClosedError, match="client 0 because it has been shut down"):
        cluster.key_value_try_get("key")
    with pytest.raises(errors.ClosedError, match="has been shut down"):
        cluster.connect()


def test_service_shutdown_takes_its_clients_along_and_may_be_repeated() -> None:
    address = free_address()
    service = DistributedRuntimeService(address, 1)
    client = DistributedRuntimeClient(address, 0)
    client.connect()
    service.shutdown()
    service.shutdown()

    assert repr(service).endswith("node_count=1, shut down)")
    assert not client.connected


def test_store_of_a_service_that_is_gone_is_unavailable() -> None:
    address = free_address()
    client = DistributedRuntimeClient(address, 0)

    with pytest.raises(errors.UnavailableError, match="failed to connect"):
        client.key_value_try_get("key")


def test_service_refuses_an_address_that_is_in_use() -> None:
    address = free_address()
    with (
        DistributedRuntimeService(address, 1),
        pytest.raises(errors.UnavailableError, match=f"cannot listen at `{address}`"),
    ):
        DistributedRuntimeService(address, 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DistributedRuntimeService("nowhere", 1), "form `host:port`, but got `nowhere`"),
        (lambda: DistributedRuntimeService("127.0.0.1:0", 1), "form `host:port`, but got `127.0.0.1:0`"),
        (lambda: DistributedRuntimeService("host.invalid:80", 1), "name of this machine in `host.invalid:80`"),
        (lambda: DistributedRuntimeService("127.0.0.1:80", 0), "`node_count` between 1 and 1000000, but got 0"),
        (lambda: DistributedRuntimeClient("127.0.0.1:80", -1), "`node_id` between 0 and 1000000, but got -1"),
        (lambda: DistributedRuntimeClient(":80", 0), "form `host:port`, but got `:80`"),
        (
            lambda: DistributedRuntimeClient("127.0.0.1:80", 0, heartbeat_timeout=0),
            "`heartbeat_timeout` to be positive, but got 0",
        ),
        (
            lambda: DistributedRuntimeService(free_address(), 1, shutdown_timeout=timedelta(seconds=-1)),
            "`shutdown_timeout` to be positive, but got -1 s",
        ),
        (
            lambda: DistributedRuntimeClient("127.0.0.1:80", 0, rpc_timeout=float("nan")),
            "`rpc_timeout` to be positive, but got nan",
        ),
        (
            lambda: DistributedRuntimeClient("127.0.0.1:80", 0).key_value_set("", "x"),
            "and not empty, but got ''",
        ),
        # XLA would have taken it for the key `a`.
        (
            lambda: DistributedRuntimeClient("127.0.0.1:80", 0).key_value_set("a\0b", "x"),
            "a key that is text without null characters and not empty, but got 'a.x00b'",
        ),
    ],
)
def test_arguments_out_of_range_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(errors.InvalidArgumentError, match=message):
        make()


@pytest.mark.parametrize(
    "address",
    ["", "a:", "a:70000", "a:１２３４", "a: 80", "a b:80", "a\0b:80", "http://a:80", "é:80", "[::1:80", None, 80],
)
def test_address_that_the_runtime_could_crash_on_is_refused(address: Any) -> None:
    for make in (lambda: DistributedRuntimeService(address, 1), lambda: DistributedRuntimeClient(address, 0)):
        with pytest.raises(errors.InvalidArgumentError, match="expected an address of the form `host:port`, but got"):
            make()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda client: client.key_value_set(3, "x"), "and not empty, but got 3"),
        (lambda client: client.key_value_set("a", 3), "expected a value that is bytes or text, but got 3"),
        (
            lambda client: client.key_value_get("a", "1"),
            "`timeout` to be a `timedelta` or a number of seconds, but got",
        ),
        (lambda client: client.key_value_increment("a", 1.5), "expected `increment` to be an integer, but got 1.5"),
        (lambda client: client.key_value_increment("a", 2**63), "expected `increment` to fit into 64 bits"),
        (
            lambda client: DistributedRuntimeClient(client.address, "0"),
            "expected `node_id` to be an integer, but got '0'",
        ),
        (lambda client: DistributedRuntimeService(client.address, 1.5), "`node_count` to be an integer, but got 1.5"),
    ],
)
def test_arguments_of_wrong_types_are_refused(call: Callable[[Any], object], message: str) -> None:
    with pytest.raises(errors.InvalidArgumentError, match=message):
        call(DistributedRuntimeClient("127.0.0.1:80", 0))


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_value_may_be_any_kind_of_bytes(cluster: DistributedRuntimeClient, kind: Callable[[bytes], bytes]) -> None:
    cluster.key_value_set("bytes", kind(b"\0a"))

    assert cluster.key_value_try_get("bytes") == b"\0a"
