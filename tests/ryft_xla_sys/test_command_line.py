"""The command `python -m ryft_xla_sys plugins`: tables, JSON and exit status."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ryft_xla_sys.__main__ import main
from ryft_xla_sys.plugins import find_plugin, load_manifest

NAMES = ["cpu", "cuda-12", "cuda-13", "rocm-7", "tpu", "neuron", "metal"]
STATES = {"ready", "available", "elsewhere", "unsupported"}


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RYFT_XLA_SYS_MANIFEST", "RYFT_XLA_SYS_ARCHIVE"):
        monkeypatch.delenv(name, raising=False)
    for entry in load_manifest().plugins.values():
        monkeypatch.delenv(entry.environment_variable, raising=False)
    monkeypatch.setenv("RYFT_XLA_SYS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RYFT_XLA_SYS_OFFLINE", "1")


def test_list_shows_all_seven_with_their_states(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "list"]) == 0

    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["plugin", "for", "state", "source", "version", "library"]
    assert [row.split()[0] for row in rows[:7]] == NAMES
    assert all(STATES & set(row.split()) for row in rows[:7])
    assert rows[-1].startswith("neuron: the wheel is on the vendor's own index")


def test_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "list", "--json"]) == 0

    plugins = json.loads(capsys.readouterr().out)["plugins"]
    assert [plugin["name"] for plugin in plugins] == NAMES
    assert {plugin["state"] for plugin in plugins} <= STATES
    assert plugins[0]["platforms"] == ["linux-x86_64", "linux-aarch64"]


def test_list_reports_what_is_wrong(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PJRT_PLUGIN_TPU_LIB", "/no/such/file")
    assert main(["plugins", "list"]) == 0

    assert (
        "tpu: environment variable `PJRT_PLUGIN_TPU_LIB` for plugin `tpu` is `/no/such/file`" in capsys.readouterr().out
    )


def test_info_shows_the_wheels_and_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "info", "rocm-7"]) == 0

    output = capsys.readouterr().out
    assert load_manifest().plugin("rocm-7").wheel("linux-x86_64").sha256 in output
    assert "RCCL" in output
    assert main(["plugins", "info", "neuron"]) == 0
    assert "not computed by us" in capsys.readouterr().out


def test_info_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "info", "cuda-13", "--json"]) == 0

    details = json.loads(capsys.readouterr().out)
    assert details["environment_variable"] == "PJRT_PLUGIN_CUDA_13_LIB"
    assert {wheel["platform"] for wheel in details["wheels"]} == {"linux-x86_64", "linux-aarch64"}
    assert "libcudnn.so.9" in {library["file"] for library in details["runtime"]}


@pytest.mark.skipif(sys.platform != "linux", reason="the CPU plugin is a dependency on Linux only")
def test_path_and_verify_of_the_cpu_plugin(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "path", "cpu"]) == 0
    path = capsys.readouterr().out.strip()
    assert Path(path).is_file()
    assert main(["plugins", "path", "cpu", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"name": "cpu", "path": path, "source": "distribution"}
    assert main(["plugins", "verify", "--json"]) == 0
    (verified,) = [result for result in json.loads(capsys.readouterr().out) if result["name"] == "cpu"]
    assert (verified["ok"], verified["against"], verified["path"]) == (True, "manifest", path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["path", "tpu"], "cannot find plugin `tpu`"),
        (["path", "gpu"], "expected the name of a plugin"),
        (["info", "gpu"], "expected the name of a plugin"),
        (["fetch", "tpu"], "RYFT_XLA_SYS_OFFLINE forbids fetching it"),
        (["fetch", "tpu", "--output", "/tmp/unused"], "RYFT_XLA_SYS_OFFLINE forbids fetching it"),
        (["fetch", "tpu", "--platform", "amiga-68k"], "expected platform `linux-x86_64`, but got `amiga-68k`"),
        (["verify", "tpu"], "cannot find plugin `tpu`"),
        (["remove", "tpu"], "plugin `tpu` is not in the cache"),
        (["remove", "gpu"], "expected the name of a plugin"),
    ],
)
def test_failure_gives_status_1_and_a_message(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["plugins", *arguments]) == 1

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert message in captured.err


@pytest.mark.parametrize(
    "arguments", [[], ["unknown"], ["list", "extra"], ["path"], ["remove"], ["remove", "x", "--all"]]
)
def test_wrong_usage_gives_status_2(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as info:
        main(["plugins", *arguments])

    assert info.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_command_without_a_subject_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage: python -m ryft_xla_sys plugins" in capsys.readouterr().err
    assert main(["--help"]) == 0
    assert "usage: python -m ryft_xla_sys plugins" in capsys.readouterr().out


def test_command_runs_as_a_module() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "ryft_xla_sys", "plugins", "path", "cpu"], capture_output=True, text=True, timeout=60
    )

    assert (result.returncode, result.stderr) == (0, "")
    assert Path(result.stdout.strip()).is_file()


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_table_fits_on_a_terminal_and_is_whole_in_a_pipe(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    main(["plugins", "list"])
    piped = capsys.readouterr().out.splitlines()
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    main(["plugins", "list"])
    shown = capsys.readouterr().out.splitlines()

    assert str(find_plugin("cpu")) in piped[1]
    assert shown[1].split()[:5] == piped[1].split()[:5]
    assert shown[1].endswith("cpu_pjrt.so") if columns >= 80 else shown[1].endswith("pjrt.so")
    assert max(map(len, shown[:8])) <= max(columns, 80)


def test_output_that_nobody_reads_to_the_end_is_no_error() -> None:
    command = f"{sys.executable} -m ryft_xla_sys plugins info cuda-12 --json | true"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)

    assert (result.returncode, result.stderr) == (0, "")


def test_interrupt_gives_status_130_and_a_message(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ryft_xla_sys.plugins.commands.locate_plugin", interrupt)
    assert main(["plugins", "path", "cpu"]) == 130
    assert capsys.readouterr().err == "error: interrupted\n"
