"""The conformance command: on the CPU plugin, on one that crashes, and what it writes."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ryft_pjrt.__main__ import main
from ryft_pjrt.conformance import Difference, Outcome, Report, Result, run_conformance
from ryft_pjrt.conformance.running import groups
from ryft_pjrt.errors import ArgumentError, PluginError


@pytest.mark.slow
def test_cpu_plugin_conforms() -> None:
    report = run_conformance("cpu")

    assert report.conforms, report.text()
    counts = report.counts()
    assert counts[Outcome.PASSED] > 90
    assert set(counts) == {Outcome.PASSED, Outcome.UNSUPPORTED}
    assert {result.group for result in report.results} == set(groups())


def test_command_writes_and_compares_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"

    assert main(["conform", "cpu", "--group", "plugin", "--json", str(first)]) == 0
    assert "extensions" in capsys.readouterr().out
    content = json.loads(first.read_text())
    assert content["conforms"] is True
    assert content["facts"]["api"] == "0.81"
    content["results"][0]["outcome"] = "crashed"
    del content["results"][1]
    second.write_text(json.dumps(content))

    assert main(["conform", "cpu", "--group", "plugin", "--diff", str(second)]) == 0
    output = capsys.readouterr().out
    assert f"2 difference(s) from {second}" in output
    assert "plugin: version: crashed -> passed" in output
    assert "plugin: attributes: absent -> passed" in output


def test_options_of_the_client_are_passed_on() -> None:
    report = run_conformance("cpu", options={"cpu_device_count": 2}, only=["client"])

    (devices,) = [result for result in report.results if result.name == "devices"]
    assert devices == Result("client", "devices", Outcome.PASSED, "2 of 2 addressable")


def test_options_on_the_command_line_are_json_or_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conform", "cpu", "--group", "devices", "--option", "cpu_device_count=2"]) == 0
    assert "CpuDevice(id=0)" in capsys.readouterr().out
    assert main(["conform", "cpu", "--group", "devices", "--option", "cpu_device_count"]) == 2
    assert "`--option` expected NAME=VALUE, but got 'cpu_device_count'" in capsys.readouterr().err


def test_files_that_are_no_plugins_are_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "plugin.so"
    path.write_text("not a library")

    with pytest.raises(PluginError, match="cannot load PJRT plugin"):
        run_conformance(str(path), only=["plugin"])
    assert main(["conform", str(path)]) == 2
    assert capsys.readouterr().err.startswith(f"error: cannot load PJRT plugin `{path}`")
    assert main(["conform", "no-such-plugin"]) == 2
    assert "no-such-plugin`: there is no such file" in capsys.readouterr().err


def test_reports_that_cannot_be_written_are_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conform", "cpu", "--group", "plugin", "--json", str(tmp_path / "none" / "report.json")]) == 2
    assert "`--json` expected a file in a directory that exists" in capsys.readouterr().err
    assert main(["conform", "cpu", "--group", "plugin", "--json", str(tmp_path)]) == 2
    assert f"cannot write the report `{tmp_path}`: Is a directory" in capsys.readouterr().err


def test_progress_is_told_of_each_result() -> None:
    seen: list[Result] = []
    report = run_conformance("cpu", only=["plugin"], progress=seen.append)

    assert seen == list(report.results)


def test_unknown_groups_and_files_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ArgumentError, match=r"`only` expected groups among .* but got 'nonsense'"):
        run_conformance("cpu", only=["nonsense"])
    assert main(["conform", "cpu", "--group", "nonsense"]) == 2
    assert "expected groups among" in capsys.readouterr().err
    assert main(["conform", "cpu", "--diff", str(tmp_path / "missing.json")]) == 2
    assert "cannot read the report" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["nonsense", "[]", '{"format": 0}', '{"format": 1, "plugin": "x", "results": [1]}'])
def test_what_is_no_report_is_refused(content: str) -> None:
    with pytest.raises(ArgumentError, match="expected a conformance report of format 1"):
        Report.from_json(content)


def test_reports_survive_json_and_differ_by_outcome() -> None:
    passed, failed = Result("a", "b", Outcome.PASSED), Result("a", "b", Outcome.FAILED, "it broke")
    report, other = Report("x", [passed]), Report("y", [failed], {"api": "0.1"})

    assert Report.from_json(other.to_json()) == other
    assert report.differences(report) == []
    assert report.differences(other) == [Difference("a", "b", failed, passed)]
    assert (report.conforms, other.conforms) == (True, False)
    assert "it broke" in other.text()
    assert "1 failed" in other.text()


def test_command_needs_a_plugin() -> None:
    command = [sys.executable, "-m", "ryft_pjrt", "conform"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert result.returncode == 2
    assert "PLUGIN" in result.stderr


@pytest.mark.parametrize(
    ("macro", "outcome", "detail"),
    [
        ("CRASHES", Outcome.CRASHED, "SIGABRT"),
        ("HANGS", Outcome.TIMED_OUT, "it was not finished after 1 seconds"),
        ("FAILS", Outcome.FAILED, "the plugin does not know its attributes"),
    ],
)
def test_misbehaving_plugin_is_a_row_of_the_report(
    build_test_plugin: Callable[..., Path], macro: str, outcome: Outcome, detail: str
) -> None:
    path = build_test_plugin(macro.lower(), macro)

    report = run_conformance(str(path), only=["plugin"], timeout=1 if macro == "HANGS" else 60)

    results = {result.name: result for result in report.results}
    assert results["attributes"].outcome is outcome
    assert detail in results["attributes"].detail
    assert results["version"].outcome is Outcome.PASSED
    # The checks after it go on, in another process.
    assert results["functions"].outcome is Outcome.PASSED
    assert not report.conforms
