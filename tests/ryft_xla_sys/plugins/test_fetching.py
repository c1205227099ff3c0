"""Fetching with pip from an index that is a directory: what is accepted, what is refused, and what is reported."""

import importlib.machinery
import io
import re
import signal
import subprocess
import sys
from typing import Any

import pytest

from ryft_xla_sys.plugins import ChecksumError, FetchError, OfflineError, UnsupportedPlatformError, load_manifest
from ryft_xla_sys.plugins.cache import Cache
from ryft_xla_sys.plugins.fetching import download_wheel, fetch_plugin, is_offline


class Terminal(io.StringIO):
    """Stands for a terminal."""

    def isatty(self) -> bool:
        return True


def test_fetch_downloads_once(workshop: Any) -> None:
    entry = load_manifest().plugin("sample")
    first = fetch_plugin(entry)
    for wheel in workshop.index.iterdir():
        wheel.unlink()

    assert fetch_plugin(entry) == first
    assert first.path.read_bytes() == workshop.library()


def test_fetch_for_another_platform_gives_its_library(workshop: Any) -> None:
    other = workshop.other_machine
    cached = fetch_plugin(load_manifest().plugin("sample"), platform=f"linux-{other}")

    assert cached.file == workshop.wheel_name(other)
    assert cached.path.read_bytes() == workshop.library(other)


def test_fetch_for_a_platform_without_a_build_fails(workshop: Any) -> None:
    with pytest.raises(
        UnsupportedPlatformError, match=r"expected platform `linux-x86_64`, `linux-.*`, but got `amiga-68k`"
    ):
        fetch_plugin(load_manifest().plugin("sample"), platform="amiga-68k")


def test_fetch_refuses_a_file_that_the_index_serves_altered(workshop: Any) -> None:
    expected = workshop.digest(workshop.file)
    altered = workshop.wheel(workshop.index, workshop.library(seed=1))

    message = f"wheel `{altered.name}` expected SHA-256 {expected}, but got {workshop.digest(altered)}"
    with pytest.raises(ChecksumError, match=message) as info:
        fetch_plugin(load_manifest().plugin("sample"))
    assert (info.value.expected, info.value.actual) == (expected, workshop.digest(altered))
    assert workshop.cached_files() == []


def test_fetch_that_fails_leaves_an_earlier_plugin_alone(workshop: Any) -> None:
    entry = load_manifest().plugin("sample")
    first = fetch_plugin(entry)
    workshop.wheel(workshop.index, workshop.library(seed=1))
    files = workshop.cached_files()

    with pytest.raises(ChecksumError):
        fetch_plugin(entry, force=True)
    assert workshop.cached_files() == files
    assert Cache.default().check(first, full=True) == first


def test_fetch_leaves_distutils_to_setuptools(workshop: Any) -> None:
    code = (
        "import setuptools; from ryft_xla_sys import find_plugin; find_plugin('sample');"
        "import distutils; print(distutils.__name__, distutils.__file__)"
    )
    result = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)

    assert (result.returncode, "setuptools" in result.stdout) == (0, True), result.stderr


def test_fetch_reports_what_pip_says(workshop: Any) -> None:
    workshop.file.unlink()

    with pytest.raises(FetchError, match=r"cannot download plugin `sample` \(sample-pjrt 1.0\): No matching") as info:
        fetch_plugin(load_manifest().plugin("sample"))
    assert "check pip's index and proxy settings" in info.value.__notes__[0]
    assert workshop.cached_files() == []


def test_fetch_points_to_the_vendor_where_the_hash_was_not_computed(workshop: Any) -> None:
    manifest = workshop.root / "manifest.toml"
    text = manifest.read_text().replace("computed = true", "computed = false")
    manifest.write_text(text.replace("entry_points =", 'note = "ask the vendor"\nentry_points ='))
    workshop.file.unlink()

    with pytest.raises(FetchError) as info:
        fetch_plugin(load_manifest().plugin("sample"))
    assert info.value.__notes__[0] == "hint: ask the vendor"


def test_fetch_without_pip_fails(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    finder = importlib.machinery.PathFinder
    find = finder.find_spec
    monkeypatch.setattr(finder, "find_spec", lambda name, *more: None if name == "pip" else find(name, *more))

    with pytest.raises(FetchError, match="this Python environment has no pip") as info:
        fetch_plugin(load_manifest().plugin("sample"))
    assert "ensurepip" in info.value.__notes__[0]


@pytest.mark.parametrize(
    ("value", "offline"), [("1", True), ("yes", True), ("0", False), ("", False), ("False", False)]
)
def test_offline_variable_is_understood(monkeypatch: pytest.MonkeyPatch, value: str, offline: bool) -> None:
    monkeypatch.setenv("RYFT_XLA_SYS_OFFLINE", value)

    assert is_offline() is offline


def test_download_gives_the_wheel_itself(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = load_manifest().plugin("sample")
    directory = workshop.root / "wheels"
    directory.mkdir()

    path = download_wheel(entry, entry.wheel(), directory)
    assert [file.name for file in directory.iterdir()] == [path.name]
    assert path.read_bytes() == workshop.file.read_bytes()
    monkeypatch.setenv("RYFT_XLA_SYS_OFFLINE", "1")
    with pytest.raises(OfflineError, match="forbids fetching"):
        download_wheel(entry, entry.wheel(), directory)


def test_progress_is_shown_on_a_terminal_only(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = load_manifest().plugin("sample")
    for stream, shown in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        fetch_plugin(entry, force=True)
        assert ("downloading sample" in stream.getvalue()) is shown
        assert ("unpacking sample" in stream.getvalue()) is shown


def test_nothing_of_the_index_is_named_in_the_package() -> None:
    from pathlib import Path

    import ryft_xla_sys.plugins

    directory = Path(ryft_xla_sys.plugins.__path__[0])
    texts = [path.read_text() for path in directory.iterdir() if path.suffix in (".py", ".toml")]
    assert not any("://" in text or "index-url" in text for text in texts)


def test_error_that_pip_does_not_expect_is_reported(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    output = "ERROR: Exception:\nTraceback (most recent call last):\nOSError: [Errno 28] No space left on device\n"
    monkeypatch.setattr("ryft_xla_sys.plugins.fetching._run_pip", lambda *arguments: (2, output))

    with pytest.raises(FetchError, match=r"\(sample-pjrt 1.0\): OSError: \[Errno 28\] No space left on device"):
        fetch_plugin(load_manifest().plugin("sample"))


def test_interrupt_ends_pip_and_clears_what_it_began(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[str]] = []
    start = subprocess.Popen

    def interrupted(command: list[str], **options: Any) -> subprocess.Popen[str]:
        process = start([sys.executable, "-c", "print('Progress', flush=True); input()"], stdin=-1, **options)
        started.append(process)
        return process

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    monkeypatch.setattr(re, "match", lambda *arguments: (_ for _ in ()).throw(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        fetch_plugin(load_manifest().plugin("sample"))
    assert started[0].poll() == -signal.SIGKILL
    assert list((workshop.cache / "staging").iterdir()) == []
