"""Finding PJRT plugins: where the shared library of each platform's plugin is on this machine, and fetching it.

`cache`, `fetching` and `runtime` are for those who manage plugins; they are not imported with the package.
"""

from ryft_xla_sys.plugins.discovery import find_plugin, locate_plugin
from ryft_xla_sys.plugins.errors import (
    ArchiveError,
    CacheError,
    ChecksumError,
    FetchError,
    ManifestError,
    OfflineError,
    PluginNotFoundError,
    RuntimeLibraryError,
    UnsupportedPlatformError,
)
from ryft_xla_sys.plugins.installed import InstalledPlugin, registered_plugins
from ryft_xla_sys.plugins.loading import load_named_plugin
from ryft_xla_sys.plugins.locations import PluginLocation
from ryft_xla_sys.plugins.manifest import Manifest, PluginEntry, RuntimeLibrary, Wheel, current_platform, load_manifest

__all__ = [
    "ArchiveError",
    "CacheError",
    "ChecksumError",
    "FetchError",
    "InstalledPlugin",
    "Manifest",
    "ManifestError",
    "OfflineError",
    "PluginEntry",
    "PluginLocation",
    "PluginNotFoundError",
    "RuntimeLibrary",
    "RuntimeLibraryError",
    "UnsupportedPlatformError",
    "Wheel",
    "current_platform",
    "find_plugin",
    "load_manifest",
    "load_named_plugin",
    "locate_plugin",
    "registered_plugins",
]
