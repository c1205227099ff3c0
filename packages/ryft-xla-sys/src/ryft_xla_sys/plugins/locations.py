"""Where a plugin's library is, and how it was found there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

__all__ = ["PluginLocation", "PluginSource"]

PluginSource: TypeAlias = Literal["path", "variable", "archive", "distribution", "cache", "fetched"]
"""Which step of the resolution found a plugin."""


@dataclass(frozen=True)
class PluginLocation:
    """Where the library of a plugin is.

    Attributes:
        name: Name of the plugin.
        path: Path of the library.
        source: Which step of the resolution found it.
        version: Version of the distribution that it came from, where it is known.
        sha256: SHA-256 of the wheel or archive that it was unpacked from, if it was.
    """

    name: str
    path: Path
    source: PluginSource
    version: str | None = None
    sha256: str | None = None
