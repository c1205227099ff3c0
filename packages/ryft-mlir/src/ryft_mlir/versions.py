"""Versions of StableHLO."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ryft_xla_sys.mlir import dialect

from ._arguments import text
from .errors import SerializationError

__all__ = ["StableHloVersions", "check_version", "smaller_version", "stable_hlo_versions"]

_hlo: Any = dialect("stablehlo")
_VERSION = re.compile(r"\d{1,9}\.\d{1,9}\.\d{1,9}")


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
    return _hlo.get_smaller_version(check_version(first), check_version(second))


def check_version(version: str) -> str:
    """Returns a version of StableHLO; MLIR would end the process on some texts that are none.

    Raises:
        SerializationError: If it is not a version.
    """
    if not _VERSION.fullmatch(text(version, "a version of StableHLO")):
        raise SerializationError(f"expected a version such as `1.13.3`, but got `{version}`")
    return version
