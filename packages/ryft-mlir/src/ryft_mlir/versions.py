"""Versions of StableHLO."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ryft_xla_sys.mlir import dialect

from .errors import SerializationError

__all__ = ["StableHloVersions", "smaller_version", "stable_hlo_versions"]

_hlo: Any = dialect("stablehlo")
_VERSION = re.compile(r"\d+\.\d+\.\d+")


@dataclass(frozen=True)
class StableHloVersions:
    """Versions of StableHLO that portable artifacts can be written for.

    Attributes:
        current: The newest.
        minimum: The oldest.
    """

    current: str
    minimum: str


def stable_hlo_versions() -> StableHloVersions:
    """Returns the versions of StableHLO that portable artifacts can be written for."""
    return StableHloVersions(_hlo.get_current_version(), _hlo.get_minimum_version())


def smaller_version(first: str, second: str) -> str:
    """Returns the older of two versions of StableHLO, such as what we write and what a plugin reads.

    Raises:
        SerializationError: If either is not a version.
    """
    for version in (first, second):
        if not _VERSION.fullmatch(version):
            raise SerializationError(f"expected a version such as `1.13.3`, but got `{version}`")
    return _hlo.get_smaller_version(first, second)
