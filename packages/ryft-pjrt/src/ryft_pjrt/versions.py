"""Versions of the PJRT C API."""

from __future__ import annotations

from typing import NamedTuple

from ryft_xla_sys import HEADER_VERSION

__all__ = ["VERSION", "Version"]


class Version(NamedTuple):
    """Version of the PJRT C API. Versions are ordered; `str` gives the form `0.81`."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


VERSION = Version(*HEADER_VERSION)
"""Version of the PJRT C API that Ryft's declarations describe."""
