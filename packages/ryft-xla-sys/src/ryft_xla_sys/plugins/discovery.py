"""Resolution of a plugin's name to the path of its library.

The order is: an explicit path; the plugin's environment variable; the wheels that `RYFT_XLA_SYS_ARCHIVE` names; an
installed distribution; the cache; fetching. What reads archives or downloads is imported only where it comes to that,
because its imports take longer than finding an installed plugin.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from ryft_xla_sys.errors import PluginError
from ryft_xla_sys.plugins.errors import FetchError, PluginNotFoundError
from ryft_xla_sys.plugins.installed import find_installed, registered_plugins
from ryft_xla_sys.plugins.locations import PluginLocation
from ryft_xla_sys.plugins.manifest import PluginEntry, current_platform, load_manifest

__all__ = ["environment_variable", "find_plugin", "locate_plugin"]


def find_plugin(name: str, path: str | os.PathLike[str] | None = None, *, fetch: bool = True) -> Path:
    """Returns the path of the library of the plugin called `name`.

    It is looked for in this order:

    1. `path`, if given: the library, or a wheel, zip file, tar file or directory that holds it.
    2. The environment variable `PJRT_PLUGIN_<NAME>_LIB`, which may name the same things.
    3. The environment variable `RYFT_XLA_SYS_ARCHIVE`, which names a wheel, or a directory, zip or tar file of wheels.
    4. The installed distribution that holds the plugin, or registers one under a known entry point.
    5. The cache.
    6. The package index, unless `fetch` is false or `RYFT_XLA_SYS_OFFLINE` is set.

    What comes out of a wheel or an archive is unpacked into the cache. Nothing is loaded or imported.

    Args:
        name: Name of the plugin, for example `cpu` or `cuda-13`. A name that Ryft does not know is taken for the name
            of an entry point that another distribution registers.
        path: Where the plugin is. By default, it is looked for.
        fetch: Whether to download the plugin if it is nowhere else.

    Raises:
        PluginNotFoundError: If `path` or a variable names nothing usable, or nothing was found.
        UnsupportedPlatformError: If the plugin, or what was found, is not for this platform.
        ArchiveError: If a wheel or archive is damaged or does not hold the plugin.
        ChecksumError: If a wheel or a cached library does not have the SHA-256 it must have.
        CacheError: If the cache is needed and cannot be used.
        FetchError: If the plugin could not be downloaded.
    """
    return locate_plugin(name, path, fetch=fetch).path


def locate_plugin(name: str, path: str | os.PathLike[str] | None = None, *, fetch: bool = True) -> PluginLocation:
    """Returns where the plugin called `name` is, and how it was found. See `find_plugin` for the rules and errors."""
    entry = load_manifest().plugins.get(name)
    variable = environment_variable(name)
    if path is not None or os.environ.get(variable):
        from ryft_xla_sys.plugins.provided import locate_provided

        if path is not None:
            return locate_provided(name, entry, Path(path), "path", "the given path")
        return locate_provided(
            name, entry, Path(os.environ[variable]), "variable", f"environment variable `{variable}`"
        )
    if entry is None:
        return _locate_registered(name)
    archive = os.environ.get("RYFT_XLA_SYS_ARCHIVE")
    if archive:
        from ryft_xla_sys.plugins.provided import locate_archived

        archived = locate_archived(entry)
        if archived is not None:
            return archived
    installed = find_installed(entry)
    if installed is not None:
        return PluginLocation(name, installed.path.resolve(), "distribution", installed.version)
    if current_platform() in entry.wheels:
        from ryft_xla_sys.plugins.cache import Cache
        from ryft_xla_sys.plugins.fetching import fetch_plugin

        cache = Cache.default()
        cached = cache.find(entry.wheel().sha256)
        if cached is not None:
            return cache.check(cached).location("cache", entry.version)
        if fetch:
            try:
                return fetch_plugin(entry, cache=cache).location("fetched", entry.version)
            except FetchError as error:
                _add_archive_hint(error, entry, archive)
                raise
    error = PluginNotFoundError(f"cannot find plugin `{name}` on this machine")
    _add_archive_hint(error, entry, archive)
    error.add_note(f"hint: {_install_hint(entry)}")
    raise error


def environment_variable(name: str) -> str:
    """Returns the name of the environment variable that says where the plugin called `name` is."""
    entry = load_manifest().plugins.get(name)
    return entry.environment_variable if entry else f"PJRT_PLUGIN_{re.sub(r'[^A-Z0-9]', '_', str(name).upper())}_LIB"


def _add_archive_hint(error: PluginError, entry: PluginEntry, archive: str | None) -> None:
    wheel = entry.wheels.get(current_platform())
    if archive and wheel is not None:
        error.add_note(f"hint: RYFT_XLA_SYS_ARCHIVE is `{archive}`, which does not hold `{wheel.file}`")


def _install_hint(entry: PluginEntry) -> str:
    if current_platform() not in entry.wheels:
        known = ", ".join(f"`{platform}`" for platform in entry.wheels)
        note = f"; {entry.note}" if entry.note else ""
        return f"it can be fetched for {known}, and this machine is `{current_platform()}`{note}"
    what = entry.distribution if entry.name == "cpu" else f"ryft[{entry.name}]"
    return (
        f"install `{what}`, run `python -m ryft_xla_sys plugins fetch {entry.name}`, "
        f"or set {entry.environment_variable} to the path of its library"
    )


def _locate_registered(name: str) -> PluginLocation:
    for plugin in registered_plugins():
        if plugin.name == name:
            return PluginLocation(name, plugin.path.resolve(), "distribution", plugin.version)
    known = ", ".join(f"`{known}`" for known in load_manifest().plugins)
    error = PluginNotFoundError(f"expected the name of a plugin, which is one of {known}, but got `{name}`")
    error.add_note(
        f"hint: for a plugin that Ryft does not know, set {environment_variable(name)} to its library's path"
    )
    raise error
