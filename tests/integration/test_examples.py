"""The examples run, and print what they promise."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(name: str, *arguments: str) -> str:
    command = [sys.executable, "-W", "error::DeprecationWarning:__main__", str(ROOT / "examples" / name), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_devices_prints_the_platform_and_each_device() -> None:
    output = run("devices.py")
    assert "platform: cpu" in output
    assert "PJRT API: 0." in output
    assert "device 0: cpu" in output


def test_add_pjrt_prints_the_sum() -> None:
    assert run("add_pjrt.py").strip() == "[42, -42]"


def test_matmul_mlir_prints_the_module_and_the_product() -> None:
    output = run("matmul_mlir.py")
    assert "stablehlo.dot_general" in output
    assert "139. 154." in output


def test_control_flow_mlir_prints_the_steps_to_one() -> None:
    assert "{1: 0, 2: 1, 3: 7, 6: 8, 7: 16, 27: 111}" in run("control_flow_mlir.py")


@pytest.mark.slow
def test_train_digits_reaches_its_accuracy_and_draws_the_losses(tmp_path: Path) -> None:
    chart = tmp_path / "loss.png"
    output = run("train_digits.py", str(chart))
    accuracy = float(output.split("test accuracy: ")[1].split()[0])
    assert accuracy > 0.95
    assert chart.read_bytes().startswith(b"\x89PNG")
