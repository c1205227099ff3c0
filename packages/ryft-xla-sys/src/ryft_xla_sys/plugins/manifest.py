"""The manifest: which plugins there are, the exact files they come in, and what they need at run time."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from ryft_xla_sys.plugins.errors import ManifestError, PluginNotFoundError, UnsupportedPlatformError

__all__ = [
    "MANIFEST_VARIABLE",
    "Manifest",
    "PluginEntry",
    "RuntimeLibrary",
    "Wheel",
    "current_platform",
    "load_manifest",
]

MANIFEST_VARIABLE = "RYFT_XLA_SYS_MANIFEST"
"""Environment variable with the path of another manifest, for those who pin other plugin versions."""

_SCHEMA = 1
_SYSTEMS = {"darwin": "macos", "win32": "windows"}
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True)
class Wheel:
    """One file that a plugin is distributed in, for one platform.

    Attributes:
        platform: Operating system and processor, for example `linux-x86_64`.
        file: Name of the wheel file.
        size: Size of the wheel in bytes; 0 where it is not known.
        sha256: SHA-256 of the wheel, in hexadecimal.
        library_size: Size in bytes of the plugin's library inside the wheel; 0 where it is not known.
        library_sha256: SHA-256 of that library; empty where it is not known.
        computed: Whether the hashes were computed by us from the file itself.
    """

    platform: str
    file: str
    size: int
    sha256: str
    library_size: int
    library_sha256: str
    computed: bool


@dataclass(frozen=True)
class RuntimeLibrary:
    """A library that a plugin opens by name when it is loaded or used.

    Attributes:
        name: What people call it, for example `cuBLAS`.
        files: File names that the plugin asks the dynamic linker for.
        directories: Where they may be: relative to a directory of `sys.path`, or absolute.
        needed: `load` if the plugin cannot be loaded without it, `run` if it can but then cannot use a device.
        distribution: Python distribution that ships it, if there is one.
        hint: How to get it where no distribution ships it.
    """

    name: str
    files: tuple[str, ...]
    directories: tuple[str, ...]
    needed: Literal["load", "run"]
    distribution: str | None = None
    hint: str | None = None


@dataclass(frozen=True)
class PluginEntry:
    """What the manifest says about one plugin.

    Attributes:
        name: Name of the plugin, for example `cuda-13`.
        title: Name for people.
        distribution: Python distribution that ships the plugin.
        version: Version of that distribution that is fetched.
        member: Path of the plugin's library inside the wheel, and below a directory of `sys.path` once installed.
        environment_variable: Variable that names the library, or a wheel, archive or directory that holds it.
        entry_points: Entry points under which installed distributions register the plugin, as `(group, name)`.
        wheels: The files to fetch, by platform.
        runtime: Libraries that the plugin opens by name, in the order in which they are to be loaded.
        extract: Patterns of further files that the library needs next to it.
        note: Something that the user should know, for people.
        devices: Patterns of files, one of which exists where the machine has a device of this kind; empty if not known.
        without_device: Environment variables to set before the plugin is loaded on a machine without such a device.
        observed: What the plugin itself reported when its library was loaded: `api`, `extensions`, `stablehlo`.
    """

    name: str
    title: str
    distribution: str
    version: str
    member: str
    environment_variable: str
    entry_points: tuple[tuple[str, str], ...]
    wheels: Mapping[str, Wheel]
    runtime: tuple[RuntimeLibrary, ...]
    extract: tuple[str, ...]
    note: str | None
    devices: tuple[str, ...]
    without_device: Mapping[str, str]
    observed: Mapping[str, Any]

    @property
    def library_names(self) -> tuple[str, ...]:
        """File names that the plugin's library may have in an archive or a directory that the user provides."""
        suffix = Path(self.member).suffix
        return (Path(self.member).name, f"libpjrt-plugin-{self.name}{suffix}", f"pjrt-plugin-{self.name}{suffix}")

    def wheel(self, platform: str | None = None) -> Wheel:
        """Returns the file for `platform`, by default the one that this process runs on.

        Raises:
            UnsupportedPlatformError: If the plugin has no build for that platform.
        """
        platform = platform or current_platform()
        wheel = self.wheels.get(platform)
        if wheel is None:
            known = ", ".join(f"`{name}`" for name in self.wheels)
            error = UnsupportedPlatformError(f"plugin `{self.name}` expected platform {known}, but got `{platform}`")
            if self.note:
                error.add_note(f"hint: {self.note}")
            raise error
        return wheel


@dataclass(frozen=True)
class Manifest:
    """All plugins that Ryft knows, by name.

    Attributes:
        path: File that the manifest was read from.
        plugins: The plugins, in the order of the file.
    """

    path: Path
    plugins: Mapping[str, PluginEntry]

    def plugin(self, name: str) -> PluginEntry:
        """Returns what the manifest says about the plugin called `name`.

        Raises:
            PluginNotFoundError: If there is no such plugin.
        """
        entry = self.plugins.get(name)
        if entry is None:
            known = ", ".join(f"`{known}`" for known in self.plugins)
            raise PluginNotFoundError(f"expected the name of a plugin, which is one of {known}, but got `{name}`")
        return entry


def current_platform() -> str:
    """Returns the operating system and processor of this process, for example `linux-x86_64` or `macos-arm64`."""
    machine = (os.environ.get("PROCESSOR_ARCHITECTURE", "") if sys.platform == "win32" else os.uname().machine).lower()
    system = _SYSTEMS.get(sys.platform, sys.platform)
    machine = _MACHINES.get(machine, machine)
    # Apple calls this processor arm64, and so do the wheels for it.
    return f"{system}-{'arm64' if system == 'macos' and machine == 'aarch64' else machine}"


def load_manifest(path: str | os.PathLike[str] | None = None) -> Manifest:
    """Returns the manifest in the file at `path`.

    Args:
        path: File to read. By default the one that the environment variable `RYFT_XLA_SYS_MANIFEST` names or, without
            it, the one that comes with this package.

    Raises:
        ManifestError: If the file cannot be read, or does not have the expected form.
    """
    chosen = path or os.environ.get(MANIFEST_VARIABLE) or Path(__file__).with_name("manifest.toml")
    try:
        # Neither `Path.expanduser` nor `Path.resolve`: they raise where there is no such user, or links in a circle.
        resolved = Path(os.path.realpath(os.path.expanduser(chosen)))
        modified = resolved.stat().st_mtime_ns
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ManifestError(f"cannot read plugin manifest `{chosen}`: {reason}") from None
    return _read(resolved, modified)


@cache
def _read(path: Path, _modified: int) -> Manifest:
    import tomllib  # Not at the top: whoever names the plugin's path needs no manifest.

    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ManifestError(f"cannot read plugin manifest `{path}`: {error}") from None
    if data.get("schema") != _SCHEMA:
        raise ManifestError(f"plugin manifest `{path}` expected schema {_SCHEMA}, but got {data.get('schema')}")
    plugins: dict[str, PluginEntry] = {}
    for name, table in data.get("plugins", {}).items():
        try:
            plugins[name] = _plugin(name, table)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            reason = f"missing key {error}" if isinstance(error, KeyError) else str(error)
            raise ManifestError(f"plugin `{name}` in manifest `{path}` is not valid: {reason}") from None
    return Manifest(path, plugins)


def _plugin(name: str, table: dict[str, Any]) -> PluginEntry:
    wheels = {wheel["platform"]: Wheel(**wheel) for wheel in table.get("wheels", ())}
    for wheel in wheels.values():
        _check_hash(wheel.sha256)
        if wheel.library_sha256:
            _check_hash(wheel.library_sha256)
        if Path(wheel.file).name != wheel.file:
            raise ValueError(f"expected a file name, but got `{wheel.file}`")
    runtime = tuple(_runtime_library(library) for library in table.get("runtime", ()))
    points = [point.partition(":") for point in table.get("entry_points", ())]
    return PluginEntry(
        name=name,
        title=table["title"],
        distribution=table["distribution"],
        version=table["version"],
        member=table["member"],
        environment_variable=table["environment_variable"],
        entry_points=tuple((group, point) for group, _, point in points),
        wheels=wheels,
        runtime=runtime,
        extract=tuple(table.get("extract", ())),
        note=table.get("note"),
        devices=tuple(table.get("devices", ())),
        without_device=table.get("without_device", {}),
        observed=table.get("observed", {}),
    )


def _runtime_library(table: dict[str, Any]) -> RuntimeLibrary:
    if table["needed"] not in ("load", "run"):
        raise ValueError(f"expected `needed` to be `load` or `run`, but got `{table['needed']}`")
    lists: dict[str, Any] = {key: tuple(table[key]) for key in ("files", "directories")}
    return RuntimeLibrary(**{**table, **lists})


def _check_hash(value: str) -> None:
    if len(value) != 64 or set(value) - set("0123456789abcdef"):
        raise ValueError(f"expected a SHA-256 of 64 lower-case hexadecimal digits, but got `{value}`")
