"""The cache: what it checks, that it is never left half written, and that processes do not get in each other's way."""

import errno
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import IO, Any

import pytest

from ryft_xla_sys.plugins import ArchiveError, CacheError, ChecksumError, find_plugin, load_manifest, locate_plugin
from ryft_xla_sys.plugins.cache import Cache, CachedPlugin
from ryft_xla_sys.plugins.fetching import fetch_plugin

WORKER = """
import sys
from ryft_xla_sys import find_plugin
print("ready", flush=True)
sys.stdin.readline()
print(find_plugin("sample"), flush=True)
"""


@pytest.fixture
def cached(workshop: Any) -> CachedPlugin:
    return fetch_plugin(load_manifest().plugin("sample"))


def alter(path: Path, *, keep_time: bool) -> bytes:
    """Changes one byte of a file, and returns its new contents."""
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[1_000] ^= 1
    path.write_bytes(bytes(content))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + (0 if keep_time else 1)))
    return bytes(content)


def test_cache_holds_the_library_and_its_licence_under_the_hash_of_the_wheel(
    workshop: Any, cached: CachedPlugin
) -> None:
    directory = f"plugins/{workshop.digest(workshop.file)}"

    assert workshop.cached_files() == [
        f"{directory}/{workshop.member}",
        f"{directory}/sample_pjrt-1.0.dist-info/licenses/LICENSE",
        f"{directory}/stamp.json",
    ]
    assert cached.path == workshop.cache / directory / workshop.member
    assert cached.library_sha256 == workshop.digest(cached.path) == workshop.digest(workshop.library())
    assert Cache.default().find(workshop.digest(workshop.file)) == cached
    assert Cache.default().hashes() == [cached.sha256]


def test_cache_is_in_the_directory_of_the_platform_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RYFT_XLA_SYS_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")

    root = Cache.default().root
    assert root.parts[-2:] == ("ryft", "xla")
    assert sys.platform != "linux" or root == Path("/somewhere/ryft/xla")


def test_altered_library_is_refused_with_both_hashes(workshop: Any, cached: CachedPlugin) -> None:
    content = alter(cached.path, keep_time=False)
    files = workshop.cached_files()

    message = f"expected SHA-256 {cached.library_sha256}, but got {workshop.digest(content)}"
    with pytest.raises(ChecksumError, match=message) as info:
        find_plugin("sample")
    assert info.value.__notes__ == ["hint: replace it with `python -m ryft_xla_sys plugins fetch --force sample`"]
    assert (workshop.cached_files(), cached.path.read_bytes()) == (files, content)


def test_truncated_library_is_refused(workshop: Any, cached: CachedPlugin) -> None:
    cached.path.write_bytes(cached.path.read_bytes()[:-1])

    with pytest.raises(ChecksumError, match=f"expected SHA-256 {cached.library_sha256}, but got"):
        find_plugin("sample")


def test_altered_library_with_the_same_size_and_time_is_found_by_the_full_check(cached: CachedPlugin) -> None:
    cache = Cache.default()
    alter(cached.path, keep_time=True)

    assert cache.check(cached) == cached
    with pytest.raises(ChecksumError, match="cached library"):
        cache.check(cached, full=True)


def test_library_with_another_time_is_accepted_and_stamped_anew(workshop: Any, cached: CachedPlugin) -> None:
    os.utime(cached.path, ns=(1, 2))
    assert find_plugin("sample") == cached.path

    stamp = json.loads((cached.directory / "stamp.json").read_text())
    assert (stamp["library_modified"], stamp["library_sha256"]) == (2, cached.library_sha256)


def test_library_that_is_gone_is_reported(cached: CachedPlugin) -> None:
    cached.path.unlink()

    with pytest.raises(CacheError, match=r"cannot read cached library .* No such file"):
        find_plugin("sample")


@pytest.mark.parametrize("stamp", ["", "{}", "[1, 2", '{"plugin": 1}'])
def test_stamp_that_cannot_be_read_is_reported(cached: CachedPlugin, stamp: str) -> None:
    (cached.directory / "stamp.json").write_text(stamp)

    with pytest.raises(CacheError, match="cannot read the stamp of cached plugin") as info:
        find_plugin("sample")
    assert "plugins remove --all" in info.value.__notes__[0]


def test_fetch_by_force_replaces_a_damaged_library(workshop: Any, cached: CachedPlugin) -> None:
    alter(cached.path, keep_time=False)

    replaced = fetch_plugin(load_manifest().plugin("sample"), force=True)
    assert replaced.path.read_bytes() == workshop.library()
    assert find_plugin("sample") == cached.path


def test_remove_takes_the_plugin_away_and_may_be_repeated(workshop: Any, cached: CachedPlugin) -> None:
    cache = Cache.default()
    cache.remove(cached.sha256)
    cache.remove(cached.sha256)

    assert workshop.cached_files() == []
    assert cache.find(cached.sha256) is None
    assert find_plugin("sample") == cached.path


def test_two_processes_at_once_both_get_the_plugin(workshop: Any) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    sha256 = workshop.digest(workshop.file)
    with Cache.default().locked(sha256):
        processes = [subprocess.Popen([sys.executable, "-c", WORKER], **pipes) for _ in range(3)]
        for process in processes:
            assert process.stdout is not None
            assert process.stdin is not None
            assert process.stdout.readline() == "ready\n"
            process.stdin.write("go\n")
            process.stdin.flush()
    outputs = [process.communicate(timeout=60) for process in processes]

    expected = workshop.cache / "plugins" / sha256 / workshop.member
    assert [output for output, _ in outputs] == [f"{expected}\n"] * 3, outputs
    assert expected.read_bytes() == workshop.library()
    assert list((workshop.cache / "staging").iterdir()) == []


def test_what_a_killed_process_left_behind_is_cleared_away(workshop: Any) -> None:
    sha256 = workshop.digest(workshop.file)
    left = workshop.cache / "staging" / sha256 / "unpacked"
    left.mkdir(parents=True)
    (left / "half").write_bytes(b"half of a library")
    (workshop.cache / "locks").mkdir()
    (workshop.cache / "locks" / f"{sha256}.lock").touch()

    assert find_plugin("sample").read_bytes() == workshop.library()
    assert list((workshop.cache / "staging").iterdir()) == []


def test_library_that_is_not_the_manifests_is_refused_and_not_cached(workshop: Any) -> None:
    workshop.manifest({workshop.machine: (workshop.file, workshop.library(seed=9))})

    message = (
        f"expected SHA-256 {workshop.digest(workshop.library(seed=9))}, but got {workshop.digest(workshop.library())}"
    )
    with pytest.raises(ChecksumError, match=message):
        find_plugin("sample")
    assert workshop.cached_files() == []


def test_wheel_without_the_library_is_refused_and_not_cached(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = workshop.root / "manifest.toml"
    manifest.write_text(manifest.read_text().replace("sample_plugin.so", "other_plugin.so"))

    with pytest.raises(ArchiveError, match=r"expected a library `jax_plugins/sample/other_plugin.so`"):
        find_plugin("sample")
    assert workshop.cached_files() == []


def test_files_that_the_library_needs_beside_it_are_unpacked(workshop: Any) -> None:
    manifest = workshop.root / "manifest.toml"
    manifest.write_text(manifest.read_text().replace("entry_points =", 'extract = ["jax_plugins/*"]\nentry_points ='))

    assert (find_plugin("sample").parent / "__init__.py").is_file()


def test_cache_that_cannot_be_written_is_reported(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = workshop.root / "file"
    blocked.write_text("not a directory")
    monkeypatch.setenv("RYFT_XLA_SYS_CACHE", str(blocked / "cache"))

    with pytest.raises(CacheError, match=f"cannot write to cache directory `{blocked}/cache`: Not a directory") as info:
        find_plugin("sample")
    assert "set RYFT_XLA_SYS_CACHE" in info.value.__notes__[0]


class Terminal(io.StringIO):
    """Stands for a terminal."""

    def isatty(self) -> bool:
        return True


def test_lock_that_is_held_for_too_long_is_reported(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ryft_xla_sys.plugins.cache._LOCK_TIMEOUT", 0.01)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    cache = Cache.default()

    with cache.locked("a" * 64):
        assert terminal.getvalue() == ""
        with pytest.raises(CacheError, match="another process has held lock"), cache.locked("a" * 64):
            pass
    assert "waiting for another process" in terminal.getvalue()


def test_hash_of_an_archive_is_computed_again_when_it_changes(workshop: Any) -> None:
    cache = Cache.default()
    path = workshop.root / "file"
    path.write_bytes(b"first")
    assert cache.known_hash(path) == workshop.digest(b"first")
    assert cache.known_hash(path) == workshop.digest(b"first")
    path.write_bytes(b"second, and longer")
    assert cache.known_hash(path) == workshop.digest(b"second, and longer")


def test_cache_that_cannot_be_written_serves_what_it_holds(
    workshop: Any, cached: CachedPlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    locate_plugin("sample", workshop.file)
    shutil.rmtree(workshop.cache / "sources")
    os.utime(cached.path)  # As after copying the cache into an image of a machine: the library is hashed again.

    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "write_text", refuse)
    monkeypatch.setattr(Path, "mkdir", refuse)
    assert find_plugin("sample") == cached.path
    assert find_plugin("sample", workshop.file) == cached.path


@pytest.mark.parametrize("given", ["index", "wheel", "archive", "RYFT_XLA_SYS_ARCHIVE"])
def test_full_disk_is_reported(workshop: Any, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    archive = workshop.root / "wheels.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.write(workshop.file, workshop.file.name)
    if given == "RYFT_XLA_SYS_ARCHIVE":
        monkeypatch.setenv(given, str(archive))
    open_file = Path.open

    def fill(path: Path, mode: str = "r", *arguments: Any, **options: Any) -> IO[Any]:
        if "w" in mode and "staging" in path.parts:
            raise OSError(errno.ENOSPC, "No space left on device")
        return open_file(path, mode, *arguments, **options)

    monkeypatch.setattr(Path, "open", fill)
    path = {"wheel": workshop.file, "archive": archive}.get(given)
    with pytest.raises(CacheError, match=r"cannot write to cache directory .*: No space left on device"):
        find_plugin("sample", path)
    assert [file for file in workshop.cached_files() if not file.startswith("sources/")] == []


def test_each_attempt_has_a_staging_directory_of_its_own(workshop: Any) -> None:
    # The pip of a process that was killed may still write to the directory of that process.
    cache = Cache.default()
    with cache.locked("a" * 64) as first:
        pass
    with cache.locked("a" * 64) as second:
        assert second.is_dir()
        assert second != first


def test_home_directory_of_an_unknown_user_is_no_cache(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RYFT_XLA_SYS_CACHE", "~nobody-of-this-name/cache")

    with pytest.raises(CacheError, match="`RYFT_XLA_SYS_CACHE` is `~nobody-of-this-name/cache`: Could not determine"):
        find_plugin("sample")
