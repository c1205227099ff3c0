"""XLA's distributed runtime: the coordination service, and the clients by which processes find each other.

One process runs a `DistributedRuntimeService`; every process, including that one, makes a `DistributedRuntimeClient`.
All of them share a store of keys and values, wait for each other at barriers, and learn which of them are alive.

The service and the client are those that `jaxlib` ships. What they cannot do is report the failure of the cluster to
Python: a client that has connected and then loses the service, or whose cluster fails because another process died,
**terminates its process** with exit status 1 and a message. With `recoverable`, the death of another process does not
count as such a failure. A client that has not connected has only the key-value store, and is never terminated.
"""

from __future__ import annotations

import math
import numbers
import operator
import os
import re
import secrets
import socket
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, SupportsIndex, TypeAlias, TypeVar

from ryft_xla_sys.errors import (
    PJRT_ERRORS,
    AlreadyExistsError,
    ClosedError,
    DeadlineExceededError,
    FailedPreconditionError,
    InvalidArgumentError,
    PjrtError,
    UnavailableError,
    UnknownError,
)

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["DistributedRuntimeClient", "DistributedRuntimeService", "Duration"]

Duration: TypeAlias = timedelta | float
"""A length of time: a `timedelta`, or a number of seconds."""

_Result = TypeVar("_Result")
_LARGEST = 2**31 - 1
_LARGEST_CLUSTER = 1_000_000  # The service reserves memory for every node.
_SIZE_KEY = "ryft/cluster/size"
_NODE_KEY = "ryft/cluster/node/"
_ERRORS = {
    re.sub(r"(?<!^)(?=[A-Z])", "_", error.__name__.removesuffix("Error")).upper(): error
    for error in PJRT_ERRORS.values()
}


class DistributedRuntimeService:
    """The coordination service of a cluster. It runs in threads of the process that makes it.

    It must outlive every client in other processes: those that have connected are terminated when it goes. Use it as a
    context manager, or call `shutdown`, once their clients have been shut down.

    Attributes:
        address: Where it listens, as `host:port`.
        node_count: Number of clients in the cluster.
    """

    def __init__(
        self,
        address: str,
        node_count: int,
        *,
        heartbeat_timeout: Duration = timedelta(seconds=100),
        cluster_register_timeout: Duration = timedelta(hours=1),
        shutdown_timeout: Duration = timedelta(minutes=5),
    ) -> None:
        """Starts the service.

        Args:
            address: Address to listen at, as `host:port`.
            node_count: Number of clients that will connect.
            heartbeat_timeout: After how long without a sign of life a client counts as dead.
            cluster_register_timeout: How long the first client to connect waits for the last.
            shutdown_timeout: How long the first client to shut down waits for the last.

        Raises:
            InvalidArgumentError: If an argument is out of range, or the host is not known.
            UnavailableError: If the address is not one of this machine, or is in use.
        """
        _check_count("node_count", node_count, 1)
        # The service crashes the process where it cannot bind; this finds out before.
        _check_bindable(address)
        self.address = address
        self.node_count = node_count
        runtime = _runtime()
        with _errors():
            raw = runtime.get_distributed_runtime_service(
                address,
                node_count,
                heartbeat_timeout=_seconds("heartbeat_timeout", heartbeat_timeout),
                cluster_register_timeout=_seconds("cluster_register_timeout", cluster_register_timeout),
                shutdown_timeout=_seconds("shutdown_timeout", shutdown_timeout),
            )
            self._finalizer = weakref.finalize(self, _stop_service, raw, _split_address(address)[1])
            # By this, clients check their place in the cluster before they connect, which must not fail.
            reporter = runtime.get_distributed_runtime_client(address, 0, shutdown_on_destruction=False)
            reporter.key_value_set(_SIZE_KEY, str(node_count))

    def __repr__(self) -> str:
        state = "running" if self._finalizer.alive else "shut down"
        return f"DistributedRuntimeService({self.address!r}, node_count={self.node_count}, {state})"

    def shutdown(self) -> None:
        """Shuts the service down, after the clients of it that this process has. A second call does nothing."""
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.shutdown()


class DistributedRuntimeClient:
    """One process's access to the coordination service of its cluster.

    Use it as a context manager, or call `shutdown`: a process that ends without that counts as dead.

    Attributes:
        address: Where the service listens, as `host:port`.
        node_id: Number of this process in the cluster, from 0.
        recoverable: Whether the cluster goes on when this process dies.
    """

    def __init__(
        self,
        address: str,
        node_id: int,
        *,
        rpc_timeout: Duration = timedelta(minutes=2),
        initialization_timeout: Duration = timedelta(minutes=5),
        shutdown_timeout: Duration = timedelta(minutes=5),
        heartbeat_timeout: Duration = timedelta(seconds=100),
        recoverable: bool = False,
        use_compression: bool = False,
    ) -> None:
        """Makes a client that is not connected yet.

        Args:
            address: Address of the service, as `host:port`.
            node_id: Number of this process in the cluster, from 0.
            rpc_timeout: How long one request to the service may take.
            initialization_timeout: How long `connect` waits for the service and for the other processes.
            shutdown_timeout: How long `shutdown` waits for the other processes.
            heartbeat_timeout: After how long without a sign of life the service, or this process, counts as dead.
            recoverable: Whether the cluster goes on when this process dies, which the others then see in `live_nodes`
                and at barriers. Otherwise, every other process that has connected is terminated. A recoverable process
                does not wait for the others in `shutdown`: the process with the service must be the last to leave.
            use_compression: Whether to compress what is sent.

        Raises:
            InvalidArgumentError: If an argument is out of range.
        """
        _check_count("node_id", node_id, 0)
        self._port = _split_address(address)[1]
        self.address = address
        self.node_id = node_id
        self.recoverable = recoverable
        self._timeout = float(_seconds("initialization_timeout", initialization_timeout))
        self._connected = False
        self._claim: str | None = None
        with _errors():
            self._raw = _runtime().get_distributed_runtime_client(
                address,
                node_id,
                rpc_timeout=_seconds("rpc_timeout", rpc_timeout),
                init_timeout=_seconds("initialization_timeout", initialization_timeout),
                shutdown_timeout=_seconds("shutdown_timeout", shutdown_timeout),
                heartbeat_timeout=_seconds("heartbeat_timeout", heartbeat_timeout),
                shutdown_on_destruction=False,
                use_compression=use_compression,
                recoverable=recoverable,
            )
        self._finalizer: weakref.finalize[..., Any] | None = None
        self._closed = False

    def __repr__(self) -> str:
        state = "shut down" if self._closed else "connected" if self._connected else "not connected"
        return f"DistributedRuntimeClient({self.address!r}, node_id={self.node_id}, {state})"

    @property
    def connected(self) -> bool:
        """Whether this client has connected and was not shut down."""
        return self._connected and not self._closed

    def connect(self) -> None:
        """Joins the cluster, and waits until all other processes have.

        Raises:
            UnavailableError: If there is no service at the address within the initialization timeout.
            InvalidArgumentError: If the cluster is too small for this client's `node_id`.
            AlreadyExistsError: If another process has joined with the same `node_id`.
            DeadlineExceededError: If other processes do not join within the initialization timeout.
            FailedPreconditionError: If this client has connected already.
        """
        self._check_open()
        if self._connected:
            raise FailedPreconditionError(f"client {self.node_id} has connected already")
        deadline = time.monotonic() + self._timeout
        self._meet(deadline)
        with _errors():
            self._raw.connect()
        self._connected = True
        _CLIENTS.add(self)
        self._finalizer = weakref.finalize(self, _stop_client, self._raw)

    def shutdown(self) -> None:
        """Leaves the cluster. A client that is not recoverable waits for all others to do so. May be called again.

        Raises:
            DeadlineExceededError: If others do not leave within the shutdown timeout. This client has left, though.
        """
        if self._closed:
            return
        self._closed = True
        _CLIENTS.discard(self)
        if not self._connected:
            return
        if self._finalizer is not None:
            self._finalizer.detach()
        with _errors():
            if self._claim is not None:
                self._raw.key_value_delete(self._claim)
            self._raw.shutdown()

    def key_value_set(self, key: str, value: bytes | bytearray | memoryview | str, *, overwrite: bool = False) -> None:
        """Stores `value` under `key`. Text is stored as UTF-8.

        Raises:
            AlreadyExistsError: If `key` has a value, and not `overwrite`.
            UnavailableError: If the service cannot be reached. The same goes for the methods below.
        """
        data = _bytes(value)
        self._call(lambda: self._raw.key_value_set_bytes(_key(key), data, overwrite))

    def key_value_get(self, key: str, timeout: Duration) -> bytes:
        """Returns the value under `key`, after waiting until it has one.

        Raises:
            DeadlineExceededError: If it has none within `timeout`.
        """
        milliseconds = _milliseconds("timeout", timeout)
        return self._call(lambda: self._raw.blocking_key_value_get_bytes(_key(key), milliseconds))

    def key_value_try_get(self, key: str) -> bytes:
        """Returns the value under `key`.

        Raises:
            NotFoundError: If it has none.
        """
        return self._call(lambda: self._raw.key_value_try_get_bytes(_key(key)))

    def key_value_directory(self, prefix: str) -> dict[str, bytes]:
        """Returns the values under the keys that begin with `prefix` and a slash, by key."""
        return dict(self._call(lambda: self._raw.key_value_dir_get_bytes(_key(prefix))))

    def key_value_increment(self, key: str, increment: int = 1) -> int:
        """Adds `increment` to the number under `key`, which is 0 if there is none, and returns the sum."""
        amount = _integer("increment", increment)
        if not -(2**63) <= amount < 2**63:
            raise InvalidArgumentError(f"expected `increment` to fit into 64 bits, but got {increment}")
        return self._call(lambda: self._raw.key_value_increment(_key(key), amount))

    def key_value_delete(self, key: str) -> None:
        """Removes the value under `key` and those under the keys that begin with it and a slash, if there are any."""
        self._call(lambda: self._raw.key_value_delete(_key(key)))

    def wait_at_barrier(self, name: str, timeout: Duration, nodes: Sequence[int] | None = None) -> None:
        """Waits until every process, or every one in `nodes`, has come to the barrier called `name`.

        Raises:
            DeadlineExceededError: If they have not within `timeout`.
            InvalidArgumentError: If `nodes` names a process that is not in the cluster.
            FailedPreconditionError: If this client has not connected.
        """
        self._check_connected()
        milliseconds = _milliseconds("timeout", timeout)
        chosen = None if nodes is None else [_check_count("nodes", node, 0) for node in nodes]
        self._call(lambda: self._raw.wait_at_barrier(_key(name), milliseconds, chosen))

    def live_nodes(self, nodes: Sequence[int]) -> dict[int, int]:
        """Returns those of `nodes` that are alive, each with a number that changes when that process is restarted.

        It waits until every one of `nodes` that is alive calls it with the same `nodes`, so that all get the same
        answer. This process must be among them.

        Raises:
            FailedPreconditionError: If this client has not connected.
            InvalidArgumentError: If this process, or one that is not in the cluster, makes `nodes` invalid.
        """
        self._check_connected()
        chosen = [_check_count("nodes", node, 0) for node in nodes]
        return dict(self._call(lambda: self._raw.get_live_nodes(chosen)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.shutdown()

    def _call(self, function: Callable[[], _Result]) -> _Result:
        self._check_open()
        with _errors():
            return function()

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError(f"cannot use client {self.node_id} because it has been shut down")

    def _check_connected(self) -> None:
        self._check_open()
        if not self._connected:
            raise FailedPreconditionError(
                f"client {self.node_id} expected to be connected, but has not called `connect`"
            )

    def _meet(self, deadline: float) -> None:
        """Waits for the service and for the other processes, so that `connect` cannot fail.

        The client of `jaxlib` terminates the process if it fails to connect. So everything that can go wrong is found
        by the key-value store, which reports errors.
        """
        count = self._node_count(deadline)
        if count is None:
            return  # Not a service of ours.
        if self.node_id >= count:
            raise InvalidArgumentError(f"expected a `node_id` below the cluster's size {count}, but got {self.node_id}")
        claim = f"{_NODE_KEY}{self.node_id}"
        try:
            self.key_value_set(claim, secrets.token_hex(8), overwrite=self.recoverable)
        except AlreadyExistsError:
            raise AlreadyExistsError(
                f"a process with `node_id` {self.node_id} has joined the cluster already"
            ) from None
        self._claim = claim
        for node in range(count):
            try:
                self.key_value_get(f"{_NODE_KEY}{node}", max(deadline - time.monotonic(), 0.001))
            except DeadlineExceededError:
                self.key_value_delete(claim)
                raise DeadlineExceededError(
                    f"expected {count} processes in the cluster, but process {node} did not join in {self._timeout:g} s"
                ) from None

    def _node_count(self, deadline: float) -> int | None:
        host, port = _split_address(self.address)
        while True:
            remaining = deadline - time.monotonic()
            try:
                socket.create_connection((host, port), timeout=max(remaining, 0.1)).close()
                break
            except OSError as error:
                if remaining <= _RETRY_INTERVAL:
                    raise UnavailableError(
                        f"expected a distributed runtime service at `{self.address}`, but could not connect: {error}"
                    ) from None
                time.sleep(_RETRY_INTERVAL)
        try:
            return int(self.key_value_get(_SIZE_KEY, min(max(deadline - time.monotonic(), 0.001), _SIZE_TIMEOUT)))
        except DeadlineExceededError:
            return None


_RETRY_INTERVAL = 0.1
_SIZE_TIMEOUT = 5.0
_CLIENTS: weakref.WeakSet[DistributedRuntimeClient] = weakref.WeakSet()


def _runtime() -> Any:
    # XLA writes an informational line for every connection to the standard error stream unless told not to.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import jaxlib._jax  # Not at the top: it takes most of a second.

    return jaxlib._jax


@contextmanager
def _errors() -> Generator[None]:
    """Turns the errors of `jaxlib` into ours, by the status code that their messages begin with."""
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, PjrtError):
            raise
        code, _, message = str(error).partition(": ")
        kind = _ERRORS.get(code, UnknownError)
        raise kind(message if code in _ERRORS else str(error)) from None


def _stop_service(raw: Any, port: int) -> None:
    # A client that loses its service terminates the process, so ours go first.
    for client in [client for client in _CLIENTS if client._port == port]:
        # It leaves even if it fails; what it then reports is that others had not.
        with suppress(PjrtError):
            client.shutdown()
    raw.shutdown()


def _stop_client(raw: Any) -> None:
    # Nobody is left to tell of an error: the client was collected, or the process is ending.
    with suppress(RuntimeError):
        raw.shutdown()


def _split_address(address: str) -> tuple[str, int]:
    # Stricter than the service, which crashes the process where it cannot use the address.
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.%\w]+\]|[^\s:/\[\]\0]+):([0-9]{1,5})", str(address), re.ASCII)
    if found is None or not str(address).isascii() or not 0 < int(found[2]) < 65536:
        raise InvalidArgumentError(f"expected an address of the form `host:port`, but got `{address}`")
    return found[1].removeprefix("[").removesuffix("]"), int(found[2])


def _check_bindable(address: str) -> None:
    host, port = _split_address(address)
    try:
        candidates = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise InvalidArgumentError(
            f"expected the name of this machine in `{address}`, but got: {error.strerror}"
        ) from None
    failure = ""
    for family, kind, protocol, _, target in candidates:
        try:
            with socket.socket(family, kind, protocol) as probe:
                if os.name == "posix":
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(target)
                probe.listen()
            return
        except OSError as error:
            failure = error.strerror or str(error)
    raise UnavailableError(f"cannot listen at `{address}`: {failure}")


def _integer(name: str, value: SupportsIndex) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise InvalidArgumentError(f"expected `{name}` to be an integer, but got {value!r}") from None


def _check_count(name: str, value: SupportsIndex, smallest: int) -> int:
    count = _integer(name, value)
    if not smallest <= count <= _LARGEST_CLUSTER:
        raise InvalidArgumentError(f"expected `{name}` between {smallest} and {_LARGEST_CLUSTER}, but got {count}")
    return count


def _key(key: object) -> str:
    # XLA takes text to end at a null character, so one key would stand for another.
    if not isinstance(key, str) or not key or "\0" in key:
        raise InvalidArgumentError(
            f"expected a key that is text without null characters and not empty, but got {key!r}"
        )
    return key


def _bytes(value: object) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise InvalidArgumentError(f"expected a value that is bytes or text, but got {value!r}")


def _amount(name: str, duration: object, unit: float) -> int:
    """Returns `duration` in whole units of `unit` seconds, rounded up."""
    if isinstance(duration, timedelta):
        seconds = duration.total_seconds()
    elif isinstance(duration, numbers.Real):
        seconds = float(duration)
    else:
        raise InvalidArgumentError(
            f"expected `{name}` to be a `timedelta` or a number of seconds, but got {duration!r}"
        )
    if not seconds > 0:
        raise InvalidArgumentError(f"expected `{name}` to be positive, but got {seconds:g} s")
    return _LARGEST if seconds / unit >= _LARGEST else math.ceil(seconds / unit)


def _seconds(name: str, duration: Duration) -> int:
    return _amount(name, duration, 1.0)


def _milliseconds(name: str, duration: Duration) -> int:
    return _amount(name, duration, 0.001)
