"""Compilation for devices that this machine does not have, with the real TPU and CUDA plugins, in child processes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ryft_pjrt.conformance import Outcome, run_conformance

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parent / "data" / "compile_without_devices.py"


def facts(name: str) -> dict[str, Any]:
    result = subprocess.run([sys.executable, SCRIPT, name], capture_output=True, text=True, timeout=600, check=False)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout.splitlines()[-1])
    if "skip" in found:
        pytest.skip(f"there is no {name} plugin: {found['skip']}")
    return found


@pytest.fixture(scope="module")
def tpu() -> dict[str, Any]:
    return facts("tpu")


@pytest.fixture(scope="module")
def cuda() -> dict[str, Any]:
    return facts("cuda")


def test_matrix_product_is_compiled_for_four_tpus(tpu: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\nTPU v5e:2x2: {tpu['serialized']} bytes, in {tpu['seconds']:.2f} s")
    assert tpu["devices"] == [4, "TPU v5 lite"]
    assert tpu["outputs"] == ["f32[256,256]"]
    assert tpu["parameters"] == ["f32[64,128]", "f32[128,256]"]
    assert tpu["partitions"] == 4
    assert tpu["serialized"] > 10_000
    assert tpu["output bytes"] == tpu["metadata"] == tpu["statistics"] == 256 * 256 * 4
    assert tpu["memory kinds"] == [["device", "device"], ["device"]]


def test_layouts_and_memories_of_tpus(tpu: dict[str, Any]) -> None:
    assert tpu["default layout"] == "{1,0:T(8,128)(2,1)}"
    assert tpu["output layouts"] == ["{1,0:T(8,128)}"]
    assert tpu["parameter layouts"] == ["{1,0:T(8,128)}"] * 2
    assert tpu["memories"] == ["device", "pinned_host", "unpinned_host"]
    assert tpu["shardings"] == [[4, 1], []]


def test_topology_of_tpus(tpu: dict[str, Any]) -> None:
    assert tpu["bounds"] == [[2, 2, 1], [1, 1, 1], [2, 2, 1]]
    assert tpu["counts"] == [4, 4, 4, 1]
    assert tpu["processes"] == [[0], [0, 1, 2, 3], [0, 0, 0]]
    assert tpu["places"] == [[[0, 0, 0], 0], [[1, 0, 0], 0], [[0, 1, 0], 0], [[1, 1, 0], 0]]
    assert tpu["chips"] == [3, 2, [0, 3]]
    assert tpu["part"] == [1, 0]
    assert tpu["routing"]
    assert tpu["no such platform"] == "InvalidArgumentError"


def test_programs_and_slices_of_tpus(tpu: dict[str, Any]) -> None:
    assert tpu["flops"] > 2 * 64 * 128 * 256
    assert tpu["environment"] > 0
    assert "phase3_linking" in tpu["phases"]
    assert tpu["device"] == [1, 3]
    assert tpu["slices"] == [2, [[0, 4], [1, 4]], True]


def test_matrix_product_is_compiled_for_a_gpu(cuda: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\nCUDA H100: {cuda['serialized']} bytes, in {cuda['seconds']:.2f} s")
    assert cuda["devices"][0] == 1
    assert cuda["outputs"] == ["f32[256,256]"]
    assert cuda["parameters"] == ["f32[256,128]", "f32[128,256]"]
    assert cuda["serialized"] > 1_000
    assert cuda["output bytes"] == 256 * 256 * 4
    assert cuda["default layout"] == "{1,0}"
    assert cuda["output layouts"] == ["{1,0}"]


def test_custom_partitioner_splits_a_call_for_two_gpus(cuda: dict[str, Any]) -> None:
    assert cuda["asked"] == [[[8], [2], "hello"]]
    assert cuda["partitioned"] == ["f32[4]"]


def test_triton_kernel_is_compiled_for_a_gpu(cuda: dict[str, Any]) -> None:
    assert cuda["kernel"] == [True, True]
    assert cuda["malformed kernel"] == "InvalidArgumentError"


@pytest.mark.parametrize("name", ["tpu", "cuda"])
def test_versions_profilers_and_errors(name: str, request: pytest.FixtureRequest) -> None:
    found = request.getfixturevalue(name)

    assert found["version"] == [True, True]
    assert found["profiler"] == "Profiler(stopped)"
    assert found["error"].endswith("Error")
    # Where there is such a device after all, a client is made.
    assert found["client"].endswith("Error") or found["client"] == "nothing failed"


@pytest.mark.parametrize("name", ["tpu", "cuda-13"])
def test_conformance_completes_without_devices(name: str, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(name.partition("-")[0])
    report = run_conformance(name)

    assert report.conforms, report.text()
    counts = report.counts()
    assert counts[Outcome.PASSED] >= 20
    groups = {result.group for result in report.results if result.outcome is Outcome.PASSED}
    assert {"plugin", "extension tables", "topology", "deviceless compilation"} <= groups
