"""The state of every plugin on this machine, found without loading or downloading anything, and its verification."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ryft_xla_sys.errors import PluginError
from ryft_xla_sys.plugins.cache import Cache
from ryft_xla_sys.plugins.checksums import check_hash, file_hash
from ryft_xla_sys.plugins.discovery import locate_plugin
from ryft_xla_sys.plugins.errors import CacheError, PluginNotFoundError
from ryft_xla_sys.plugins.locations import PluginLocation
from ryft_xla_sys.plugins.manifest import PluginEntry, current_platform, load_manifest
from ryft_xla_sys.plugins.progress import progress_bar
from ryft_xla_sys.plugins.provided import ARCHIVE_VARIABLE

__all__ = ["PluginState", "PluginStatus", "Verification", "inspect_plugin", "inspect_plugins", "verify_plugin"]

PluginState = Literal["ready", "available", "elsewhere", "unsupported", "broken"]
"""`ready`: its library is here; `available`: it can be fetched; `elsewhere`: it can be, once pip knows the vendor's own
index; `unsupported`: it has no build for this platform; `broken`: something names it, but it cannot be used."""


@dataclass(frozen=True)
class PluginStatus:
    """The state of one plugin on this machine.

    Attributes:
        entry: What the manifest says about it.
        state: Whether it can be used.
        location: Where its library is, if it is ready.
        problem: What is wrong, if it is broken.
    """

    entry: PluginEntry
    state: PluginState
    location: PluginLocation | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Verification:
    """What was verified of a plugin.

    Attributes:
        location: Where its library is.
        sha256: SHA-256 of the library.
        against: What that was compared with: `manifest`, `record` (of the installed distribution), `stamp` (of the
            cache), or `nothing` for a library that the user named.
    """

    location: PluginLocation
    sha256: str
    against: Literal["manifest", "record", "stamp", "nothing"]


def inspect_plugins() -> list[PluginStatus]:
    """Returns the state of every plugin in the manifest."""
    return [inspect_plugin(entry) for entry in load_manifest().plugins.values()]


def inspect_plugin(entry: PluginEntry) -> PluginStatus:
    """Returns the state of one plugin."""
    try:
        return PluginStatus(entry, "ready", locate_plugin(entry.name, fetch=False))
    except PluginNotFoundError as error:
        # A variable that names what is not there is a mistake; that nothing was found is not.
        wheel = entry.wheels.get(current_platform())
        archive = os.environ.get(ARCHIVE_VARIABLE) if wheel is not None else None
        archive_is_unusable = archive is not None and not os.access(os.path.expanduser(archive), os.R_OK)
        if os.environ.get(entry.environment_variable) or archive_is_unusable:
            return PluginStatus(entry, "broken", problem=str(error))
        return PluginStatus(entry, "unsupported" if wheel is None else "available" if wheel.computed else "elsewhere")
    except PluginError as error:
        return PluginStatus(entry, "broken", problem=str(error))


def verify_plugin(entry: PluginEntry) -> Verification:
    """Computes the SHA-256 of a plugin's library and compares it with what is known of it.

    Raises:
        PluginNotFoundError: If the plugin is not on this machine.
        ChecksumError: If the library is not what it should be.
        CacheError: If the cache holds less than its stamp says.
    """
    location = locate_plugin(entry.name, fetch=False)
    cached = Cache.default().find(location.sha256) if location.sha256 else None
    if cached is not None:
        Cache.default().check(cached, full=True)
        known = {wheel.sha256: wheel.library_sha256 for wheel in entry.wheels.values()}.get(cached.sha256)
        if known:
            check_hash(f"cached library `{cached.path}`", known, cached.library_sha256)
        return Verification(location, cached.library_sha256, "manifest" if known else "stamp")
    try:
        with progress_bar(f"verifying {entry.name}", location.path.stat().st_size) as advance:
            actual = file_hash(location.path, advance)
    except OSError as error:
        raise CacheError(f"cannot read library `{location.path}`: {error.strerror}") from None
    wheel = entry.wheels.get(current_platform())
    if location.source == "distribution" and wheel is not None and location.version == entry.version:
        check_hash(f"library `{location.path}`", wheel.library_sha256, actual)
        return Verification(location, actual, "manifest")
    recorded = _recorded_hash(entry, location.path) if location.source == "distribution" else None
    if recorded is not None:
        check_hash(f"library `{location.path}`", recorded, actual)
        return Verification(location, actual, "record")
    return Verification(location, actual, "nothing")


def _recorded_hash(entry: PluginEntry, path: Path) -> str | None:
    """Returns the SHA-256 that the installer recorded for the library, in hexadecimal."""
    import base64
    from importlib.metadata import PackageNotFoundError, files

    try:
        members = files(entry.distribution) or ()
    except PackageNotFoundError:
        return None
    for member in members:
        if member.hash is not None and member.hash.mode == "sha256" and Path(str(member.locate())).resolve() == path:
            return base64.urlsafe_b64decode(member.hash.value + "=" * (-len(member.hash.value) % 4)).hex()
    return None
