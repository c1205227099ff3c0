"""The maintainers' tool that checks and updates the manifest, on the sample plugin."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from ryft_xla_sys.plugins import load_manifest

TOOL = Path(__file__).parents[3] / "tools" / "update_manifest.py"


def run(*arguments: str) -> tuple[int, str]:
    result = subprocess.run([sys.executable, TOOL, *arguments], capture_output=True, text=True, timeout=120)
    assert not result.returncode or not result.stderr, result.stderr
    return result.returncode, result.stdout


def test_check_compares_every_wheel_with_the_manifest(workshop: Any) -> None:
    lines = [f"sample linux-{machine}: as in the manifest\n" for machine in ("x86_64", "aarch64")]
    assert run("check") == (0, "".join(lines))

    altered = workshop.wheel(workshop.index, workshop.library(seed=1))
    status, output = run("check", "sample")
    assert status == 1
    assert f"but got {workshop.digest(altered)}" in output
    assert f"but got {workshop.digest(workshop.library(seed=1))}" in output


def test_update_moves_a_plugin_to_another_version(workshop: Any) -> None:
    before = (workshop.root / "manifest.toml").read_text()
    wheels = {
        machine: workshop.wheel(workshop.index, workshop.library(machine, seed=2), machine, version="2.0")
        for machine in (workshop.machine, workshop.other_machine)
    }
    assert run("update", "sample=2.0")[0] == 0

    entry = load_manifest().plugin("sample")
    assert entry.version == "2.0"
    for machine, path in wheels.items():
        wheel = entry.wheel(f"linux-{machine}")
        assert (wheel.file, wheel.sha256, wheel.size) == (path.name, workshop.digest(path), path.stat().st_size)
        assert wheel.library_sha256 == workshop.digest(workshop.library(machine, seed=2))
    after = (workshop.root / "manifest.toml").read_text()
    assert [line.split(" = ")[0] for line in after.splitlines()] == [
        line.split(" = ")[0] for line in before.splitlines()
    ]
    assert run("check")[0] == 0


def test_update_refuses_a_change_without_a_version(workshop: Any) -> None:
    result = subprocess.run([sys.executable, TOOL, "update", "sample"], capture_output=True, text=True, timeout=120)

    assert result.returncode == 2
    assert "error: expected PLUGIN=VERSION, but got `sample`" in result.stderr
