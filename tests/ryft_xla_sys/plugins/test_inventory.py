"""The state of plugins on this machine, and their verification."""

import os
from pathlib import Path
from typing import Any

import pytest

from ryft_xla_sys.plugins import ChecksumError, PluginNotFoundError, find_plugin, load_manifest
from ryft_xla_sys.plugins.inventory import inspect_plugin, verify_plugin


def test_state_follows_what_is_on_the_machine(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def state() -> tuple[str, str | None]:
        status = inspect_plugin(load_manifest().plugin("sample"))
        return status.state, status.location and status.location.source

    assert state() == ("available", None)
    path = find_plugin("sample")
    assert state() == ("ready", "cache")
    path.write_bytes(b"damaged")
    assert state() == ("broken", None)
    monkeypatch.setenv("PJRT_PLUGIN_SAMPLE_LIB", "/no/such/file")
    assert state() == ("broken", None)


def test_state_of_a_plugin_without_a_build_for_this_platform(workshop: Any) -> None:
    other = workshop.other_machine
    workshop.manifest({other: (workshop.index / workshop.wheel_name(other), workshop.library(other))})

    assert inspect_plugin(load_manifest().plugin("sample")).state == "unsupported"


def test_state_of_a_plugin_on_an_index_of_its_own(workshop: Any) -> None:
    manifest = workshop.root / "manifest.toml"
    manifest.write_text(manifest.read_text().replace("computed = true", "computed = false"))

    assert inspect_plugin(load_manifest().plugin("sample")).state == "elsewhere"


def test_installed_plugin_is_verified_against_the_manifest(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = workshop.install(workshop.root / "site", workshop.library())
    monkeypatch.syspath_prepend(workshop.root / "site")
    entry = load_manifest().plugin("sample")

    verified = verify_plugin(entry)
    assert (verified.against, verified.sha256) == ("manifest", workshop.digest(path))
    path.write_bytes(b"altered")
    with pytest.raises(ChecksumError, match=f"but got {workshop.digest(b'altered')}"):
        verify_plugin(entry)


def test_installed_plugin_of_another_version_is_verified_against_its_record(
    workshop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import base64
    import hashlib

    path = workshop.install(workshop.root / "site", workshop.library(seed=4), version="2.0")
    encoded = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()
    record = workshop.root / "site/sample_pjrt-2.0.dist-info/RECORD"
    record.write_text(f"{workshop.member},sha256={encoded},{path.stat().st_size}\n")
    monkeypatch.syspath_prepend(workshop.root / "site")
    entry = load_manifest().plugin("sample")

    assert verify_plugin(entry).against == "record"
    path.write_bytes(b"altered")
    with pytest.raises(ChecksumError, match=f"but got {workshop.digest(b'altered')}"):
        verify_plugin(entry)


def test_cached_plugin_is_verified_in_full(workshop: Any) -> None:
    path = find_plugin("sample")
    entry = load_manifest().plugin("sample")
    assert verify_plugin(entry).against == "manifest"

    times = path.stat().st_mtime_ns
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    os.utime(path, ns=(times, times))
    assert find_plugin("sample") == path
    with pytest.raises(ChecksumError, match="cached library"):
        verify_plugin(entry)


def test_library_that_the_user_names_has_nothing_to_be_compared_with(
    workshop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(workshop.root / "mine.so")
    path.write_bytes(workshop.library())
    monkeypatch.setenv("PJRT_PLUGIN_SAMPLE_LIB", str(path))

    verified = verify_plugin(load_manifest().plugin("sample"))
    assert (verified.against, verified.sha256) == ("nothing", workshop.digest(path))


def test_archive_that_the_user_names_is_verified_against_its_stamp(
    workshop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = workshop.wheel(workshop.root / "wheels", workshop.library(seed=6), version="2.0")
    monkeypatch.setenv("PJRT_PLUGIN_SAMPLE_LIB", str(wheel))

    assert verify_plugin(load_manifest().plugin("sample")).against == "stamp"


def test_plugin_that_is_not_here_cannot_be_verified(workshop: Any) -> None:
    with pytest.raises(PluginNotFoundError, match="cannot find plugin `sample`"):
        verify_plugin(load_manifest().plugin("sample"))


def test_archive_variable_that_names_nothing_is_a_problem(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RYFT_XLA_SYS_ARCHIVE", "/no/such/directory")

    status = inspect_plugin(load_manifest().plugin("sample"))
    assert status.state == "broken"
    assert status.problem == "environment variable `RYFT_XLA_SYS_ARCHIVE` is `/no/such/directory`, which does not exist"
