"""Tests of what the real TPU and CUDA plugins can do with topologies alone, on a machine without their devices."""

import subprocess
from collections.abc import Callable

import pytest

from ryft_pjrt.errors import PluginError
from ryft_xla_sys import find_plugin

RunChild = Callable[..., subprocess.CompletedProcess[str]]

MATMUL = """
module {
  func.func @main(%x: tensor<128x256xbf16>, %y: tensor<256x128xbf16>) -> tensor<128x128xf32> {
    %r = stablehlo.dot_general %x, %y, contracting_dims = [1] x [0]
        : (tensor<128x256xbf16>, tensor<256x128xbf16>) -> tensor<128x128xf32>
    return %r : tensor<128x128xf32>
  }
}
"""

# A description of the H100, with what the compiler asks for.
TARGET = """
gpu_device_info {
  threads_per_block_limit: 1024 threads_per_warp: 32 shared_memory_per_block: 49152
  shared_memory_per_core: 233472 threads_per_core_limit: 2048 core_count: 132 fpus_per_core: 128
  block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
  memory_bandwidth: 3352320000000 l2_cache_size: 52428800 clock_rate_ghz: 1.98
  device_memory_size: 84942979072 shared_memory_per_block_optin: 232448
  cuda_compute_capability { major: 9 } registers_per_core_limit: 65536 registers_per_block_limit: 65536
}
platform_name: "CUDA" dnn_version_info { major: 9 minor: 10 }
"""


def library(name: str) -> str:
    """Returns the path of a plugin, fetched if it must and can be."""
    try:
        return str(find_plugin(name))
    except PluginError as error:
        pytest.skip(f"there is no {name} plugin here: {error}")


@pytest.mark.slow
def test_programs_are_compiled_for_tpus(run_child: RunChild, monkeypatch: pytest.MonkeyPatch) -> None:
    path = library("tpu")
    monkeypatch.setenv("TPU_SKIP_MDS_QUERY", "1")
    code = f"""
plugin = pjrt.load_plugin({path!r})
assert plugin.platform == "tpu", plugin.platform
with plugin.topology("v5e:2x2") as topology:
    descriptions = topology.device_descriptions
    print(len(descriptions), len(set(descriptions)), topology.platform_name)
    executable = plugin.compile({MATMUL!r}, topology)
    print(executable.name, [str(kind) for kind in executable.output_types])
    print(executable.replica_count, executable.partition_count, len(executable.serialize()) > 1000)
    print(executable.memory_statistics().device_input_size_in_bytes >= 128 * 256 * 4)
    try:
        plugin.compile("nonsense", topology)
    except pjrt.PjrtError:
        print("rejected")
"""
    result = run_child(code, timeout=120)

    assert result.returncode == 0, result.stderr
    assert result.stdout == "4 4 tpu\nmain ['f32[128,128]']\n1 1 True\nTrue\nrejected\n"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cuda-13"])
def test_programs_are_compiled_for_gpus(run_child: RunChild, name: str) -> None:
    code = f"""
plugin = pjrt.load_plugin({library(name)!r})
assert plugin.platform == "gpu", plugin.platform
with plugin.topology("h100", {{"target_config": {TARGET!r}, "topology": "1x1x1"}}) as topology:
    print(len(topology.device_descriptions), topology.platform_name)
    executable = plugin.compile({MATMUL!r}, topology)
    print(executable.name, [str(kind) for kind in executable.output_types], len(executable.serialize()) > 1000)
    print([str(kind) for kind in executable.parameter_types])
for options in ({{"cpu_device_count": 1}}, {{"visible_devices": "all"}}, {{"preallocate": 1}}):
    try:
        plugin.client(options)
    except pjrt.OptionError as error:
        print("refused")
"""
    result = run_child(code, timeout=120)

    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("1 ")
    assert lines[1:] == ["main ['f32[128,128]'] True", "['bf16[128,256]', 'bf16[256,128]']", *["refused"] * 3]
