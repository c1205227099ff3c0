"""The real plugins, from the index that pip is configured for: fetched, verified, and loaded without their hardware."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ryft_xla_sys.__main__ import main
from ryft_xla_sys.plugins import ChecksumError, current_platform, load_manifest, locate_plugin
from ryft_xla_sys.plugins.checksums import library_platform
from ryft_xla_sys.plugins.fetching import fetch_plugin
from ryft_xla_sys.plugins.inventory import verify_plugin

pytestmark = pytest.mark.slow

TOOL = Path(__file__).parents[3] / "tools" / "update_manifest.py"
VERSION_CHECK = """
import sys
from ryft_xla_sys import load_api
from ryft_xla_sys.host_kernels import HostKernelVersionError, register_host_kernels
try:
    register_host_kernels(load_api(sys.argv[1]), ["lapack_dpotrf_ffi"])
except HostKernelVersionError as error:
    print(error.expected, error.actual)
"""


@pytest.fixture(scope="module", autouse=True)
def _index() -> None:
    command = [sys.executable, "-m", "pip", "index", "versions", "xla-cpu-pjrt", "--disable-pip-version-check"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if result.returncode != 0:
        pytest.skip(f"the package index cannot be reached: {result.stderr.strip().splitlines()[-1:]}")


@pytest.fixture(autouse=True)
def _real_manifest(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RYFT_XLA_SYS_MANIFEST", "RYFT_XLA_SYS_ARCHIVE", "RYFT_XLA_SYS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    for entry in load_manifest().plugins.values():
        monkeypatch.delenv(entry.environment_variable, raising=False)


def observe(path: Path) -> dict[str, Any]:
    result = subprocess.run([sys.executable, TOOL, "observe", path], capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("name", ["cuda-13", "tpu"])
@pytest.mark.skipif(current_platform() != "linux-x86_64", reason="both plugins exist for Linux on x86-64")
def test_plugin_is_fetched_verified_and_loaded_without_its_hardware(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # Into the user's own cache, so that a second run, and other tests, find it there.
    entry = load_manifest().plugin(name)
    cached = fetch_plugin(entry)
    assert cached.path.stat().st_size == entry.wheel().library_size
    assert verify_plugin(entry).sha256 == entry.wheel().library_sha256

    observed = observe(cached.path)
    with capsys.disabled():
        print(f"\n{name} {entry.version}: {observed}")
    assert observed == entry.observed


@pytest.mark.skipif(not current_platform().startswith("linux-"), reason="the CPU plugin of the manifest is for Linux")
def test_wheel_that_was_downloaded_before_serves_a_machine_that_is_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RYFT_XLA_SYS_CACHE", str(tmp_path / "cache"))
    assert main(["plugins", "fetch", "cpu", "--output", str(tmp_path / "wheels")]) == 0
    monkeypatch.setenv("RYFT_XLA_SYS_OFFLINE", "1")
    monkeypatch.setenv("RYFT_XLA_SYS_ARCHIVE", str(tmp_path / "wheels"))

    location = locate_plugin("cpu")
    assert (location.source, location.version) == ("archive", "0.0.1")
    assert location.path.is_relative_to(tmp_path / "cache")
    assert observe(location.path) == load_manifest().plugin("cpu").observed


@pytest.mark.skipif(current_platform() != "linux-x86_64", reason="the CUDA plugin exists for Linux")
def test_host_kernels_are_refused_by_a_plugin_with_another_version_of_the_ffi() -> None:
    cached = fetch_plugin(load_manifest().plugin("cuda-13"))
    command = [sys.executable, "-c", VERSION_CHECK, str(cached.path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)

    assert (result.returncode, result.stdout) == (0, "(0, 3) (0, 2)\n"), result.stderr


def test_plugin_for_another_platform_is_fetched_by_two_processes_at_once(tmp_path: Path) -> None:
    environment = {**os.environ, "RYFT_XLA_SYS_CACHE": str(tmp_path)}
    command = [sys.executable, "-m", "ryft_xla_sys", "plugins", "fetch", "metal", "--platform", "macos-arm64", "--json"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, env=environment, **pipes) for _ in range(2)]
    outputs = [process.communicate(timeout=300) for process in processes]

    assert [process.returncode for process in processes] == [0, 0], outputs
    paths = {json.loads(output)[0]["path"] for output, _ in outputs}
    assert len(paths) == 1
    assert library_platform(Path(paths.pop())) == "macos-arm64"
    assert list((tmp_path / "staging").iterdir()) == []


def test_real_wheel_with_another_hash_than_the_manifests_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = load_manifest()
    expected = manifest.plugin("metal").wheel("macos-arm64").sha256
    other = ("0" if expected[0] != "0" else "1") + expected[1:]
    (tmp_path / "manifest.toml").write_text(manifest.path.read_text().replace(expected, other))
    monkeypatch.setenv("RYFT_XLA_SYS_MANIFEST", str(tmp_path / "manifest.toml"))
    monkeypatch.setenv("RYFT_XLA_SYS_CACHE", str(tmp_path / "cache"))

    with pytest.raises(ChecksumError, match=f"expected SHA-256 {other}, but got {expected}"):
        fetch_plugin(load_manifest().plugin("metal"), platform="macos-arm64")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.suffix != ".lock"]
