"""The commands that change the cache, on the sample plugin."""

import json
from typing import Any

import pytest

from ryft_xla_sys.plugins import locate_plugin
from ryft_xla_sys.plugins.commands import run


def test_fetch_verify_and_remove(workshop: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fetch", "sample"]) == 0
    path = workshop.cache / "plugins" / workshop.digest(workshop.file) / workshop.member
    assert capsys.readouterr().out == f"sample: {path}\n"
    assert run(["verify", "sample"]) == 0
    assert capsys.readouterr().out == f"sample: {workshop.digest(path)} (as in the manifest) {path}\n"
    path.write_bytes(b"damaged")
    assert run(["verify"]) == 1
    assert f"but got {workshop.digest(b'damaged')}" in capsys.readouterr().err
    assert run(["fetch", "sample"]) == 1
    assert "fetch --force sample" in capsys.readouterr().err
    assert run(["fetch", "--force", "sample"]) == 0
    assert run(["verify", "--json"]) == 0
    assert run(["remove", "sample"]) == 0
    assert workshop.cached_files() == []


def test_path_fetches_on_request(workshop: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["path", "sample"]) == 1
    assert run(["path", "sample", "--fetch"]) == 0
    assert capsys.readouterr().out.strip() == str(locate_plugin("sample").path)


def test_fetch_into_a_directory_prepares_machines_that_are_offline(
    workshop: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    output = workshop.root / "new/wheels"
    for platform in (f"linux-{workshop.machine}", f"linux-{workshop.other_machine}"):
        assert run(["fetch", "sample", "--platform", platform, "--output", str(output), "--json"]) == 0
        (result,) = json.loads(capsys.readouterr().out)
        assert result["path"].startswith(str(output))
    assert sorted(path.name for path in output.iterdir()) == sorted(path.name for path in workshop.index.iterdir())
    assert workshop.cached_files() == []

    monkeypatch.setenv("RYFT_XLA_SYS_ARCHIVE", str(output))
    monkeypatch.setenv("RYFT_XLA_SYS_OFFLINE", "1")
    assert locate_plugin("sample").source == "archive"


def test_fetch_into_what_is_no_directory_fails(workshop: Any, capsys: pytest.CaptureFixture[str]) -> None:
    (workshop.root / "file").write_text("")

    assert run(["fetch", "sample", "--output", str(workshop.root / "file")]) == 1
    assert "error: cannot write to directory" in capsys.readouterr().err


def test_remove_all_empties_the_cache(workshop: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run(["fetch", "sample"])
    run(["fetch", "sample", "--platform", f"linux-{workshop.other_machine}"])
    capsys.readouterr()

    assert run(["remove", "--all", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2
    assert workshop.cached_files() == []


def test_list_shows_registered_plugins_that_are_not_in_the_manifest(
    workshop: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["list"]) == 0

    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[1][:3] == ["sample", "Sample", "available"]
    assert "xla_cpu_pjrt" in {row[0] for row in rows}


@pytest.mark.parametrize("chosen", ["sample", "--all"])
def test_remove_takes_away_what_is_damaged(workshop: Any, capsys: pytest.CaptureFixture[str], chosen: str) -> None:
    run(["fetch", "sample"])
    (directory,) = (workshop.cache / "plugins").iterdir()
    (directory / "stamp.json").write_text("{")
    (workshop.cache / "plugins" / "other").mkdir()
    capsys.readouterr()

    assert run(["remove", chosen]) == 0
    names = capsys.readouterr().out.splitlines()
    assert names[0] == f"sample: removed {directory}"
    assert [path.name for path in (workshop.cache / "plugins").iterdir()] == (["other"] if chosen == "sample" else [])
