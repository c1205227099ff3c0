"""What extensions return is freed once, never while it is used, and before its client."""

import contextlib
import gc
import threading
from typing import Any

import pytest

import ryft_pjrt as pjrt
from ryft_pjrt.errors import ClosedError, InvalidArgumentError
from ryft_pjrt.extensions.abi_versions import runtime_abi_version
from ryft_pjrt.extensions.host_memory_allocator import allocate_host_memory
from ryft_pjrt.extensions.raw_buffers import RawBuffer


def test_handle_is_freed_once_however_often_it_is_closed(fake_client: pjrt.Client, control: Any) -> None:
    before = control.live()
    with runtime_abi_version(fake_client) as version:
        assert control.live() == before + 1
        version.close()
        version.close()
        assert version.closed

    assert control.live() == before
    with pytest.raises(ClosedError, match="cannot use this runtime ABI version because it has been closed"):
        version.serialize()


def test_handle_that_nobody_has_is_freed(fake_client: pjrt.Client, control: Any) -> None:
    before = control.live()
    version = runtime_abi_version(fake_client)
    del version

    assert control.live() == before


def test_null_handle_is_an_error(fake_client: pjrt.Client, control: Any) -> None:
    control.return_null(True)

    with pytest.raises(InvalidArgumentError, match="the provided PJRT runtime ABI version handle is a null pointer"):
        runtime_abi_version(fake_client)


def test_handle_outlives_the_close_of_its_client(fake: pjrt.Plugin, control: Any) -> None:
    before = control.live()
    client = fake.client()
    raw = RawBuffer(client.uninitialized_buffer("float32", (8,)))
    client.close()

    assert raw.size_in_bytes == 32
    raw.close()
    del raw, client
    gc.collect()
    assert control.live() == before


def test_handle_of_a_closed_client_is_refused(fake: pjrt.Plugin, control: Any) -> None:
    client = fake.client()
    client.close()

    with pytest.raises(ClosedError, match="client because it has been closed"):
        runtime_abi_version(client)


def test_array_keeps_the_memory_alive(fake_client: pjrt.Client, control: Any) -> None:
    before = control.live()
    memory = allocate_host_memory(fake_client, 100)
    array = memory.array()
    memory.close()
    del memory

    array[:] = 7
    assert array[:5].tolist() == [7] * 5
    assert control.live() == before + 1
    part = array[10:]
    del array
    assert control.live() == before + 1
    del part
    assert control.live() == before


def test_handle_that_many_threads_close_is_freed_once(fake_client: pjrt.Client, control: Any) -> None:
    before = control.live()
    for _ in range(50):
        version = runtime_abi_version(fake_client)
        threads = [threading.Thread(target=version.close) for _ in range(4)]
        for thread in threads:
            thread.start()
        with contextlib.suppress(ClosedError):
            version.serialize()
        for thread in threads:
            thread.join()

    assert control.live() == before
