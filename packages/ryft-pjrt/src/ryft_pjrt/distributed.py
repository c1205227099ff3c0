"""Distributed programs: how their processes find each other, wait for each other, and learn who has died.

One process runs the service; every process makes a client of it, and a PJRT client with the store over that:

    plugin = load_cuda_13_plugin()
    if node == 0:
        service = plugin.distributed_runtime_service("10.0.0.1:1234", node_count=2)
    runtime = plugin.distributed_runtime_client("10.0.0.1:1234", node)
    runtime.connect()
    store = DistributedKeyValueStore(runtime)
    client = plugin.client_with_key_value_store(GpuClientOptions(node_id=node, node_count=2), store)

A process that is not `recoverable` and dies ends all others; see `ryft_xla_sys.distributed`.
"""

from __future__ import annotations

from ryft_pjrt.errors import ArgumentTypeError, DeadlineExceededError, InvalidArgumentError, NotFoundError
from ryft_xla_sys.distributed import DistributedRuntimeClient, DistributedRuntimeService, Duration

__all__ = ["DistributedKeyValueStore", "DistributedRuntimeClient", "DistributedRuntimeService", "Duration"]


class DistributedKeyValueStore:
    """Key-value store that all processes of a distributed program share: a `KeyValueStore`, over their runtime.

    Attributes:
        client: Client of the distributed runtime.
        prefix: What its keys begin with there, which keeps them apart from others.
    """

    def __init__(self, client: DistributedRuntimeClient, prefix: str = "ryft/pjrt") -> None:
        """Makes a store.

        Raises:
            ArgumentTypeError: If `client` is not a client of the distributed runtime.
        """
        if not isinstance(client, DistributedRuntimeClient):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ArgumentTypeError(
                f"`client` expected a `DistributedRuntimeClient`, but got `{type(client).__name__}`"
            )
        self.client = client
        self.prefix = prefix

    def put(self, key: bytes, value: bytes) -> None:
        """Stores a value, in place of the one that the key has.

        Raises:
            UnavailableError: If the service cannot be reached. The same goes for the methods below.
        """
        self.client.key_value_set(self._name(key), value, overwrite=True)

    def get(self, key: bytes, timeout: float) -> bytes:
        """Returns the value of a key, after waiting up to `timeout` seconds for it.

        Raises:
            NotFoundError: If it was not stored in time.
        """
        if timeout <= 0:
            return self.try_get(key)
        try:
            return self.client.key_value_get(self._name(key), timeout)
        except DeadlineExceededError:
            raise NotFoundError(f"the key {key!r} was not stored within {timeout} second(s)") from None

    def try_get(self, key: bytes) -> bytes:
        """Returns the value of a key.

        Raises:
            NotFoundError: If it is not stored.
        """
        return self.client.key_value_try_get(self._name(key))

    def _name(self, key: bytes) -> str:
        if not key:
            raise InvalidArgumentError("expected a key that is not empty")
        # The names of the runtime are text, in which a slash has a meaning.
        return f"{self.prefix}/{key.hex()}"

    def __repr__(self) -> str:
        return f"DistributedKeyValueStore({self.client!r})"
