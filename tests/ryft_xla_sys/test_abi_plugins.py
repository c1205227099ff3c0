"""The declarations against real plugins for devices that this machine lacks: both load and compile without them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ryft_xla_sys import find_plugin
from ryft_xla_sys.plugins import FetchError, UnsupportedPlatformError

pytestmark = pytest.mark.slow
PROBE = Path(__file__).parent / "data" / "probe_plugin.py"
H100 = """
gpu_device_info {
  threads_per_block_limit: 1024 threads_per_warp: 32 shared_memory_per_block: 49152 shared_memory_per_core: 233472
  threads_per_core_limit: 2048 core_count: 132 fpus_per_core: 128
  block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
  memory_bandwidth: 3352320000000 l2_cache_size: 52428800 clock_rate_ghz: 1.98 device_memory_size: 84942979072
  shared_memory_per_block_optin: 232448 cuda_compute_capability { major: 9 }
  registers_per_core_limit: 65536 registers_per_block_limit: 65536
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 10 }
"""


def probe(plugin: str, *arguments: str) -> dict[str, Any]:
    """Returns what a plugin says of itself and of a program that it compiled."""
    try:
        path = find_plugin(plugin)
    except (FetchError, UnsupportedPlatformError) as error:
        pytest.skip(f"the plugin cannot be had here: {error}")
    # Otherwise the TPU plugin asks the cloud's metadata server what it runs on, and waits for an answer.
    environment = {**os.environ, "TPU_SKIP_MDS_QUERY": "1"}
    command = [sys.executable, str(PROBE), str(path), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert result.returncode == 0, result.stderr[-2000:]
    return json.loads(result.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def cuda() -> dict[str, Any]:
    return probe("cuda-13", "", "1", f"target_config={H100}", "topology=1x1x1")


@pytest.fixture(scope="module")
def tpu() -> dict[str, Any]:
    return probe("tpu", "v5e:2x2", "4")


@pytest.mark.parametrize("plugin", ["cuda", "tpu"])
def test_plugin_has_the_declared_table_and_extensions(plugin: str, request: pytest.FixtureRequest) -> None:
    facts = request.getfixturevalue(plugin)

    assert tuple(facts["version"]) > (0, 110)
    assert facts["table"] == 1144
    assert facts["null"] == []
    # A newer plugin may have more functions than are declared, but never fewer at the sizes that are.
    assert all(size >= declared for size, declared in facts["extensions"].values())
    assert {"Layouts", "FFI", "Profiler", "Shardings", "AbiVersion"} <= facts["extensions"].keys()


@pytest.mark.parametrize(("plugin", "partitions"), [("cuda", 1), ("tpu", 4)])
def test_plugin_answers_through_the_appended_functions(
    plugin: str, partitions: int, request: pytest.FixtureRequest
) -> None:
    facts = request.getfixturevalue(plugin)

    assert facts["compile_options"] == partitions
    assert facts["fingerprint"] != 0
    assert facts["memory_kinds"] == ["device", "device"]
    assert facts["executable_version"] is True
    assert facts["arguments"] == 2 * 128 * 256 * 4
    assert facts["results"] == 128 * 128 * 4
    assert facts["total_allocation"] >= facts["arguments"] + facts["results"]
    assert "nonsense" in facts["failure"]


def test_cuda_plugin_describes_its_program_and_topology(cuda: dict[str, Any]) -> None:
    assert (cuda["topology"], cuda["default_layout"]) == ("cuda", "{1,0}")
    assert cuda["optimized_program"]


def test_tpu_plugin_describes_its_program_and_topology(tpu: dict[str, Any]) -> None:
    assert (tpu["topology"], tpu["default_layout"]) == ("tpu", "{1,0:T(8,128)}")
    assert tpu["optimized_program"]
