"""The default client."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ryft_core import default_client, devices, set_default_client
from ryft_core.errors import ArgumentError, ArgumentTypeError
from ryft_pjrt import CpuClientOptions, load_cpu_plugin


def run(program: str) -> str:
    """Returns what a program prints in a process of its own."""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout


def test_default_client_has_one_cpu_device() -> None:
    program = "import ryft_core as ryft; print(ryft.default_client().platform_name, len(ryft.devices()))"

    assert run(program) == "cpu 1\n"


def test_chosen_client_runs_everything() -> None:
    program = """
import ryft_core as ryft, ryft_core.numpy as np, ryft_pjrt as pjrt
client = pjrt.load_cpu_plugin().client(pjrt.CpuClientOptions(device_count=3))
ryft.set_default_client(client)
moved = ryft.device_put(np.arange(3.0), ryft.devices()[2])
result = ryft.jit(lambda x: x + 1)(moved)
print(len(ryft.devices()), result.buffer.client is client, result.device is ryft.devices()[2], result.tolist())
"""

    assert run(program) == "3 True True [1.0, 2.0, 3.0]\n"


def test_default_client_may_be_set_again_to_itself() -> None:
    set_default_client(default_client())

    assert devices() == tuple(default_client().addressable_devices)


def test_client_cannot_be_chosen_when_another_is_in_use() -> None:
    with (
        load_cpu_plugin().client(CpuClientOptions(device_count=1)) as other,
        pytest.raises(ArgumentError, match="platform `cpu` is in use already") as caught,
    ):
        set_default_client(other)

    assert "before the first array is made" in caught.value.__notes__[0]


def test_closed_client_is_refused() -> None:
    client = load_cpu_plugin().client(CpuClientOptions(device_count=1))
    client.close()

    with pytest.raises(ArgumentError, match="expected a client that is open"):
        set_default_client(client)


def test_what_is_no_client_is_refused() -> None:
    with pytest.raises(ArgumentTypeError, match="expected a `Client`, but got a `str`"):
        set_default_client("cuda")  # pyright: ignore[reportArgumentType]
