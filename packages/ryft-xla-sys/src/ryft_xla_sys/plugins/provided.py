"""Plugins that the user provides: a library, or a wheel, archive or directory that holds it or its wheel."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from ryft_xla_sys.plugins.archives import is_archive, open_archive, select_member
from ryft_xla_sys.plugins.cache import Cache, CachedPlugin
from ryft_xla_sys.plugins.checksums import check_hash, check_platform, copy_and_hash, file_hash, is_library
from ryft_xla_sys.plugins.errors import ArchiveError, PluginNotFoundError
from ryft_xla_sys.plugins.locations import PluginLocation, PluginSource
from ryft_xla_sys.plugins.manifest import PluginEntry, Wheel, current_platform
from ryft_xla_sys.plugins.progress import progress_bar

__all__ = ["ARCHIVE_VARIABLE", "locate_archived", "locate_provided"]

ARCHIVE_VARIABLE = "RYFT_XLA_SYS_ARCHIVE"
"""Environment variable with a wheel that was downloaded before, or a directory, zip file or tar file of wheels."""


def locate_provided(
    name: str, entry: PluginEntry | None, value: Path, source: PluginSource, subject: str
) -> PluginLocation:
    """Returns where the plugin is that the user provides at the path `value`.

    Args:
        name: Name of the plugin.
        entry: What the manifest says about it, if it is in there.
        value: The library, or a wheel, zip file, tar file or directory that holds it.
        source: Which step of the resolution this is.
        subject: What named `value`, for messages.
    """
    subject = f"{subject} for plugin `{name}`"
    path = _named_path(value, subject)
    if path.is_dir():
        path = _in_directory(entry, path, subject)
        _check_readable(path, subject)
    if not is_archive(path):
        if not is_library(path):
            raise PluginNotFoundError(f"{subject} expected a shared library or an archive, but got `{path}`")
        check_platform(path, current_platform())
        return PluginLocation(name, path.resolve(), source)
    if entry is None:
        raise PluginNotFoundError(f"{subject} expected a library, but got archive `{value}`")
    cached = _unpack_user_archive(entry, path)
    known = {wheel.sha256 for wheel in entry.wheels.values()}
    return cached.location(source, entry.version if cached.sha256 in known else None)


def _named_path(value: Path, subject: str) -> Path:
    """Returns the path that the user named, after checking that a file or a directory is there and can be read."""
    try:
        path = value.expanduser()
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise PluginNotFoundError(f"{subject} is `{value}`, which does not exist") from None
    except (OSError, RuntimeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise PluginNotFoundError(f"{subject} is `{value}`, which cannot be read: {reason}") from None
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise PluginNotFoundError(f"{subject} is `{value}`, which is neither a file nor a directory")
    _check_readable(path, subject)
    return path


def _check_readable(path: Path, subject: str) -> None:
    if not os.access(path, os.R_OK):
        raise PluginNotFoundError(f"{subject} is `{path}`, which cannot be read: {os.strerror(errno.EACCES)}")


def _in_directory(entry: PluginEntry | None, directory: Path, subject: str) -> Path:
    """Returns the library, or the wheel that holds it, in a directory that the user named."""
    libraries = entry.library_names if entry else ()
    members = [*([entry.member] if entry else []), *libraries, *(f"lib/{library}" for library in libraries)]
    for member in members:
        if (directory / member).is_file():
            return directory / member
    files = [path.name for path in sorted(directory.glob("*.whl")) if path.is_file()]
    wheels = _wheels_of(entry, files) if entry else []
    if len(wheels) == 1:
        return directory / wheels[0]
    if wheels:
        raise PluginNotFoundError(f"{subject} expected one wheel in `{directory}`, but got {_quoted(wheels)}")
    expected = f"`{members[0]}` or its wheel" if members else "the path of a library"
    raise PluginNotFoundError(f"{subject} expected {expected}, but got directory `{directory}`")


def _wheels_of(entry: PluginEntry, names: Iterable[str]) -> list[str]:
    """Returns which of `names` are wheels of a plugin: just the manifest's for this platform, if that is among them."""
    distribution = entry.distribution.lower().replace("-", "_")
    own = entry.wheels.get(current_platform())
    wheels: list[str] = []
    for name in names:
        file = PurePosixPath(name).name
        if own is not None and file == own.file:
            return [name]
        parts = file.removesuffix(".whl").split("-")
        if file.endswith(".whl") and len(parts) >= 5 and parts[0].lower().replace(".", "_") == distribution:
            wheels.append(name)
    return wheels


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _unpack_user_archive(entry: PluginEntry, path: Path) -> CachedPlugin:
    """Unpacks a wheel or an archive that the user named, or the wheel inside that archive, into the cache."""
    cache = Cache.default()
    hashes = {wheel.file: wheel.sha256 for wheel in entry.wheels.values()}
    sha256 = cache.known_hash(path)
    check_hash(f"wheel `{path}`", hashes.get(path.name, sha256), sha256)
    cached = cache.find(sha256)
    if cached is not None:
        return cache.check(cached)
    with cache.locked(sha256) as staging:
        cached = cache.find(sha256)
        if cached is not None:
            return cached
        with open_archive(path) as archive:
            names = archive.names()
            wheels = [] if select_member(names, entry.member, entry.library_names) else _wheels_of(entry, names)
            if len(wheels) > 1:
                raise ArchiveError(f"archive `{path}` expected one wheel, but got {_quoted(wheels)}")
            if wheels:
                inner = staging / PurePosixPath(wheels[0]).name
                with archive.open(wheels[0]) as source, inner.open("wb") as target:
                    actual, _ = copy_and_hash(source, target, lambda _: None)
                check_hash(f"wheel `{wheels[0]}` in `{path}`", hashes.get(inner.name, actual), actual)
                path = inner
        return cache.unpack(path, entry, sha256, staging, current_platform())


def locate_archived(entry: PluginEntry) -> PluginLocation | None:
    """Returns where the plugin is that `RYFT_XLA_SYS_ARCHIVE` holds the wheel of, or `None` if it holds none.

    Only the very wheel that the manifest names counts, and its SHA-256 is checked.
    """
    value = os.environ.get(ARCHIVE_VARIABLE)
    wheel = entry.wheels.get(current_platform())
    if not value or wheel is None:
        return None
    path = _named_path(Path(value), f"environment variable `{ARCHIVE_VARIABLE}`")
    if path.is_file() and path.name != wheel.file:
        cached = _from_archive(entry, wheel, path)
    else:
        found = sorted(path.rglob(wheel.file)) if path.is_dir() else [path]
        file = next((file for file in found if file.is_file()), None)
        cached = _from_wheel(entry, wheel, file) if file is not None else None
    return cached.location("archive", entry.version) if cached else None


def _from_wheel(entry: PluginEntry, wheel: Wheel, file: Path) -> CachedPlugin:
    cache = Cache.default()
    cached = cache.find(wheel.sha256)
    if cached is not None:
        return cache.check(cached)
    _check_readable(file, f"environment variable `{ARCHIVE_VARIABLE}`")
    with progress_bar(f"reading {file.name}", file.stat().st_size) as advance:
        check_hash(f"wheel `{file}`", wheel.sha256, file_hash(file, advance))
    with cache.locked(wheel.sha256) as staging:
        return cache.find(wheel.sha256) or cache.unpack(file, entry, wheel.sha256, staging, wheel.platform)


def _from_archive(entry: PluginEntry, wheel: Wheel, path: Path) -> CachedPlugin | None:
    with open_archive(path) as archive:
        name = next((name for name in archive.names() if Path(name).name == wheel.file), None)
        if name is None:
            return None
        cache = Cache.default()
        cached = cache.find(wheel.sha256)
        if cached is not None:
            return cache.check(cached)
        with cache.locked(wheel.sha256) as staging:
            cached = cache.find(wheel.sha256)
            if cached is not None:
                return cached
            file = staging / wheel.file
            with archive.open(name) as source, file.open("wb") as target:
                actual, _ = copy_and_hash(source, target, lambda _: None)
            check_hash(f"wheel `{name}` in `{path}`", wheel.sha256, actual)
            return cache.unpack(file, entry, wheel.sha256, staging, wheel.platform)
