"""Plugins that the user provides: a library, or a wheel, archive or directory that holds it or its wheel."""

from __future__ import annotations

import os
from pathlib import Path

from ryft_xla_sys.plugins.archives import is_archive, open_archive, select_member
from ryft_xla_sys.plugins.cache import Cache, CachedPlugin
from ryft_xla_sys.plugins.checksums import check_hash, check_platform, copy_and_hash, file_hash
from ryft_xla_sys.plugins.errors import PluginNotFoundError
from ryft_xla_sys.plugins.locations import PluginLocation, PluginSource
from ryft_xla_sys.plugins.manifest import PluginEntry, Wheel, current_platform
from ryft_xla_sys.plugins.progress import progress_bar

__all__ = ["ARCHIVE_VARIABLE", "locate_archived", "locate_provided"]

ARCHIVE_VARIABLE = "RYFT_XLA_SYS_ARCHIVE"
"""Environment variable with a directory, zip file or tar file of wheels that were downloaded before."""


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
    path = value.expanduser()
    if not path.exists():
        raise PluginNotFoundError(f"{subject} for plugin `{name}` is `{value}`, which does not exist")
    if path.is_dir():
        path = _in_directory(name, entry, path, subject)
    if not is_archive(path):
        check_platform(path, current_platform())
        return PluginLocation(name, path.resolve(), source)
    if entry is None:
        raise PluginNotFoundError(f"{subject} for plugin `{name}` expected a library, but got archive `{value}`")
    cached = _unpack_user_archive(entry, path)
    known = {wheel.sha256 for wheel in entry.wheels.values()}
    return cached.location(source, entry.version if cached.sha256 in known else None)


def _in_directory(name: str, entry: PluginEntry | None, directory: Path, subject: str) -> Path:
    """Returns the library, or the wheel that holds it, in a directory that the user named."""
    libraries = entry.library_names if entry else ()
    members = [*([entry.member] if entry else []), *libraries, *(f"lib/{library}" for library in libraries)]
    for member in members:
        if (directory / member).is_file():
            return directory / member
    wheels = [path for path in sorted(directory.glob("*.whl")) if entry and _is_wheel_of(path.name, entry)]
    exact = [path for path in wheels if entry and path.name in {wheel.file for wheel in entry.wheels.values()}]
    fitting = exact if len(exact) == 1 else wheels
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = ", ".join(f"`{path.name}`" for path in fitting)
        raise PluginNotFoundError(f"{subject} for plugin `{name}` expected one wheel in `{directory}`, but got {names}")
    expected = f"`{members[0]}` or its wheel" if members else "the path of a library"
    raise PluginNotFoundError(f"{subject} for plugin `{name}` expected {expected}, but got directory `{directory}`")


def _is_wheel_of(file: str, entry: PluginEntry) -> bool:
    parts = file.removesuffix(".whl").split("-")
    return len(parts) >= 5 and parts[0].lower().replace(".", "_") == entry.distribution.lower().replace("-", "_")


def _unpack_user_archive(entry: PluginEntry, path: Path) -> CachedPlugin:
    """Unpacks a wheel or an archive that the user named, or the wheel inside that archive, into the cache."""
    cache = Cache.default()
    sha256 = cache.known_hash(path)
    for wheel in entry.wheels.values():
        if path.name == wheel.file:
            check_hash(f"wheel `{path}`", wheel.sha256, sha256)
    cached = cache.find(sha256)
    if cached is not None:
        return cache.check(cached)
    with cache.locked(sha256) as staging:
        cached = cache.find(sha256)
        if cached is not None:
            return cached
        with open_archive(path) as archive:
            names = archive.names()
            wheels = [name for name in names if _is_wheel_of(Path(name).name, entry)]
            if select_member(names, entry.member, entry.library_names) is None and len(wheels) == 1:
                inner = staging / Path(wheels[0]).name
                with archive.open(wheels[0]) as source, inner.open("wb") as target:
                    copy_and_hash(source, target, lambda _: None)
                path = inner
        return cache.unpack(path, entry, sha256, staging, current_platform())


def locate_archived(entry: PluginEntry) -> PluginLocation | None:
    """Returns where the plugin is that the wheels hold that `RYFT_XLA_SYS_ARCHIVE` names, or `None` if none does.

    Only the very wheel that the manifest names counts, and its SHA-256 is checked.
    """
    value = os.environ.get(ARCHIVE_VARIABLE)
    wheel = entry.wheels.get(current_platform())
    if not value or wheel is None:
        return None
    path = Path(value).expanduser()
    if not path.exists():
        raise PluginNotFoundError(f"environment variable `{ARCHIVE_VARIABLE}` is `{value}`, which does not exist")
    cached = _from_directory(entry, wheel, path) if path.is_dir() else _from_file(entry, wheel, path)
    return cached.location("archive", entry.version) if cached else None


def _from_directory(entry: PluginEntry, wheel: Wheel, directory: Path) -> CachedPlugin | None:
    file = next(iter(sorted(directory.rglob(wheel.file))), None)
    if file is None:
        return None
    cache = Cache.default()
    cached = cache.find(wheel.sha256)
    if cached is not None:
        return cache.check(cached)
    with progress_bar(f"reading {file.name}", file.stat().st_size) as advance:
        check_hash(f"wheel `{file}`", wheel.sha256, file_hash(file, advance))
    with cache.locked(wheel.sha256) as staging:
        return cache.find(wheel.sha256) or cache.unpack(file, entry, wheel.sha256, staging, wheel.platform)


def _from_file(entry: PluginEntry, wheel: Wheel, path: Path) -> CachedPlugin | None:
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
