"""Libraries of vendors that plugins open by name, such as cuDNN: where they are, which are missing, how to get them."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ryft_xla_sys.plugins.errors import RuntimeLibraryError
from ryft_xla_sys.plugins.manifest import PluginEntry, RuntimeLibrary

__all__ = [
    "RuntimeLibraryFile",
    "check_runtime_libraries",
    "find_runtime_libraries",
    "load_runtime_libraries",
    "missing_runtime_hints",
]

_LINKER_CACHE = Path("/etc/ld.so.cache")
_SYSTEM_DIRECTORIES = ("/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib")


@dataclass(frozen=True)
class RuntimeLibraryFile:
    """One file of a library that a plugin opens by name.

    Attributes:
        library: The library.
        file: Name of the file.
        path: Where it is, or `None` if it is missing.
        bundled: Whether it is in an installed Python distribution, where the dynamic linker does not look by itself.
    """

    library: RuntimeLibrary
    file: str
    path: Path | None
    bundled: bool = False


def find_runtime_libraries(entry: PluginEntry) -> list[RuntimeLibraryFile]:
    """Returns every file that a plugin opens by name, with its path where it was found. Nothing is loaded.

    Installed Python distributions come first, then what the dynamic linker would find.
    """
    return [_find(library, file) for library in entry.runtime for file in library.files]


def check_runtime_libraries(entry: PluginEntry, *, for_loading: bool = False) -> None:
    """Checks that the libraries that a plugin needs are on this machine.

    Args:
        entry: The plugin.
        for_loading: Whether to check only what the plugin cannot be loaded without.

    Raises:
        RuntimeLibraryError: If some are missing; the notes say how to install them.
    """
    missing = _missing(entry, for_loading)
    if not missing:
        return
    names = ", ".join(f"{found.library.name} (`{found.file}`)" for found in missing)
    error = RuntimeLibraryError(f"plugin `{entry.name}` needs libraries that are not on this machine: {names}")
    for hint in _hints(entry, missing):
        error.add_note(f"hint: {hint}")
    raise error


def missing_runtime_hints(entry: PluginEntry) -> list[str]:
    """Returns, for what a plugin needs to use a device and is missing, how to install it; empty if nothing is."""
    return _hints(entry, _missing(entry, False))


def load_runtime_libraries(entry: PluginEntry) -> list[Path]:
    """Loads those libraries of a plugin that are in Python distributions, so that the plugin finds them by name.

    Nothing is loaded where what the operating system must bring, such as the driver, is missing: the plugin can then
    compile, which needs no other library, and cannot do more.

    Returns:
        The files that were loaded.

    Raises:
        RuntimeLibraryError: If a library that the plugin cannot be loaded without is missing, or one that is there
            cannot be loaded.
    """
    check_runtime_libraries(entry, for_loading=True)
    found = find_runtime_libraries(entry)
    if any(file.path is None and file.library.distribution is None for file in found):
        return []
    paths = [file.path for file in found if file.path is not None and file.bundled]
    for path in paths:
        try:
            ctypes.CDLL(str(path))
        except OSError as error:
            raise RuntimeLibraryError(f"cannot load library `{path}` for plugin `{entry.name}`: {error}") from None
    return paths


def _find(library: RuntimeLibrary, file: str) -> RuntimeLibraryFile:
    for directory in library.directories:
        if Path(directory).is_absolute():
            continue
        for root in dict.fromkeys(sys.path):
            path = Path(root) / directory / file
            # Not `Path.is_file`, which raises where a directory above cannot be searched. The same goes below.
            if root and os.path.isfile(path):
                return RuntimeLibraryFile(library, file, path, bundled=True)
    named = [directory for directory in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if directory]
    absolute = [directory for directory in library.directories if Path(directory).is_absolute()]
    for directory in (*named, *absolute):
        path = Path(directory) / file
        if os.path.isfile(path):
            return RuntimeLibraryFile(library, file, path)
    return RuntimeLibraryFile(library, file, _find_system_library(file))


def _find_system_library(file: str) -> Path | None:
    """Returns where the dynamic linker would find a library by its name."""
    # The linker's cache holds the full path of every library in its directories, each ended by a zero byte.
    match = re.search(rb"(/[^\0]*/" + re.escape(file.encode()) + rb")\0", _linker_cache())
    candidates: Iterable[str] = [match[1].decode()] if match else []
    for candidate in (*candidates, *(f"{directory}/{file}" for directory in _SYSTEM_DIRECTORIES)):
        if os.path.isfile(candidate):
            return Path(candidate)
    return None


@cache
def _linker_cache() -> bytes:
    try:
        return _LINKER_CACHE.read_bytes()
    except OSError:
        return b""


def _missing(entry: PluginEntry, for_loading: bool) -> list[RuntimeLibraryFile]:
    found = find_runtime_libraries(entry)
    return [file for file in found if file.path is None and (file.library.needed == "load" or not for_loading)]


def _hints(entry: PluginEntry, missing: list[RuntimeLibraryFile]) -> list[str]:
    hints = list(dict.fromkeys(file.library.hint for file in missing if file.library.hint))
    distributions = list(dict.fromkeys(file.library.distribution for file in missing if file.library.distribution))
    if distributions:
        hints.append(f"run `pip install 'ryft[{entry.name}]'`, or `pip install {' '.join(distributions)}`")
    return hints
