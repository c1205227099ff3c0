"""Errors of finding, fetching and unpacking plugins.

PluginError (OSError)
├── PluginNotFoundError                 no library was found for a plugin
│   └── UnsupportedPlatformError        there is none for this operating system and processor
├── RuntimeLibraryError                 a library that the plugin itself needs is missing
├── ManifestError (ValueError)          a plugin manifest cannot be used
├── ArchiveError                        a wheel or archive is damaged, or does not hold what it should
├── ChecksumError                       a file does not have the SHA-256 it must have
├── CacheError                          the cache directory cannot be used
└── FetchError                          a plugin could not be downloaded
    └── OfflineError                    ... because downloading is forbidden
"""

from __future__ import annotations

from ryft_xla_sys.errors import PluginError

__all__ = [
    "ArchiveError",
    "CacheError",
    "ChecksumError",
    "FetchError",
    "ManifestError",
    "OfflineError",
    "PluginNotFoundError",
    "RuntimeLibraryError",
    "UnsupportedPlatformError",
]


class PluginNotFoundError(PluginError):
    """No library was found for a plugin."""


class UnsupportedPlatformError(PluginNotFoundError):
    """A plugin, or a library, is not for the operating system and processor that it is to be used on."""


class RuntimeLibraryError(PluginError):
    """A plugin needs libraries of its vendor that are not on this machine."""


class ManifestError(PluginError, ValueError):
    """A plugin manifest cannot be read, or does not have the form that this version of Ryft expects."""


class ArchiveError(PluginError):
    """A file cannot be read as a wheel, a zip file or a tar file, or does not hold what it should."""


class ChecksumError(PluginError):
    """A file does not have the SHA-256 that it must have: it is truncated, altered, or not the file it should be.

    Attributes:
        expected: The SHA-256 that the file must have.
        actual: The SHA-256 that it has.
    """

    def __init__(self, message: str, expected: str, actual: str) -> None:
        super().__init__(message)
        self.expected = expected
        self.actual = actual


class CacheError(PluginError):
    """The cache directory cannot be used: it cannot be written, or another process has held its lock for too long."""


class FetchError(PluginError):
    """A plugin could not be downloaded."""


class OfflineError(FetchError):
    """A plugin would have to be downloaded, but `RYFT_XLA_SYS_OFFLINE` forbids it."""
