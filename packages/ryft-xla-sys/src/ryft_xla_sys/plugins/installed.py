"""Plugins in installed distributions, found by path and by entry point. No code of those distributions is run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ryft_xla_sys.plugins.manifest import PluginEntry

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["ENTRY_POINT_GROUPS", "InstalledPlugin", "find_installed", "registered_plugins"]

ENTRY_POINT_GROUPS: tuple[str, ...] = ("xla_plugins", "jax_plugins", "cyxla.plugins")
"""Groups of entry points under which distributions register PJRT plugins."""

_SUFFIXES = (".so", ".dylib", ".dll")
_SYMBOL = b"GetPjrtApi"


@dataclass(frozen=True)
class InstalledPlugin:
    """A plugin's library in an installed distribution.

    Attributes:
        name: Name of the entry point or, where the library was found by its path, of the plugin.
        path: Path of the library.
        distribution: Name of the distribution, where it is known.
        version: Version of the distribution, where it is known.
    """

    name: str
    path: Path
    distribution: str | None
    version: str | None


def find_installed(entry: PluginEntry) -> InstalledPlugin | None:
    """Returns the library of a plugin that is installed as the manifest expects, or registered by an entry point."""
    for directory in _import_path():
        path = directory / entry.member
        if os.path.isfile(path):
            return InstalledPlugin(entry.name, path, entry.distribution, _version(directory, entry.distribution))
    wanted = set(entry.entry_points)
    for group, point in _entry_points():
        if (group, point.name) in wanted:
            found = _installed(point)
            if found is not None:
                return found
    return None


def registered_plugins() -> list[InstalledPlugin]:
    """Returns the plugins that installed distributions register by entry points and whose libraries are there."""
    return [found for _, point in _entry_points() if (found := _installed(point)) is not None]


def _entry_points() -> Iterator[tuple[str, EntryPoint]]:
    from importlib.metadata import entry_points  # Not at the top: most plugins are found by their path.

    points = entry_points()
    for group in ENTRY_POINT_GROUPS:
        for point in points.select(group=group):
            yield group, point


def _installed(point: EntryPoint) -> InstalledPlugin | None:
    relative = Path(*point.module.split("."))
    roots = [Path(str(point.dist.locate_file("")))] if point.dist is not None else []
    for root in [*roots, *_import_path()]:
        directory = root / relative
        # A plugin registered as a module, not as a package, keeps its library next to that module.
        if not directory.is_dir() and directory.with_suffix(".py").is_file():
            directory = directory.parent
        library = _library(directory) if directory.is_dir() else None
        if library is not None:
            name, version = (point.dist.name, point.dist.version) if point.dist is not None else (None, None)
            return InstalledPlugin(point.name, library, name, version)
    return None


def _library(directory: Path) -> Path | None:
    """Returns the shared library in or one level below `directory` that exports the entry point of PJRT plugins."""
    libraries = [path for pattern in ("*", "*/*") for path in sorted(directory.glob(pattern)) if _is_library(path)]
    return next((path for path in libraries if _mentions_entry_point(path)), None)


def _is_library(path: Path) -> bool:
    return path.suffix in _SUFFIXES and path.is_file() and os.access(path, os.R_OK)


def _mentions_entry_point(path: Path) -> bool:
    if path.stat().st_size == 0:
        return False
    import mmap  # Not at the top: most plugins are found by their path.

    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(_SYMBOL) >= 0


def _import_path() -> list[Path]:
    # Not `Path.is_dir`, which raises where a directory above cannot be searched.
    return [Path(path) for path in dict.fromkeys(sys.path) if path not in ("", ".") and os.path.isdir(path)]


def _version(directory: Path, distribution: str) -> str | None:
    # Read from the name of the metadata's directory: `importlib.metadata` takes longer than all else here.
    pattern = f"{distribution.replace('-', '_')}-*.dist-info"
    return next((info.name.removesuffix(".dist-info").split("-")[1] for info in directory.glob(pattern)), None)
