"""Loading a plugin by its name: finding it, loading what it needs, and then the plugin itself."""

from __future__ import annotations

import glob
import os

from ryft_xla_sys.api import Api, load_api
from ryft_xla_sys.plugins.discovery import find_plugin
from ryft_xla_sys.plugins.manifest import load_manifest

__all__ = ["load_named_plugin"]


def load_named_plugin(name: str, path: str | os.PathLike[str] | None = None, *, fetch: bool = True) -> Api:
    """Finds the plugin called `name` as `find_plugin` does, loads it, and returns its function table.

    Libraries of the vendor that are in Python distributions are loaded first, so that the plugin finds them wherever it
    was unpacked. On a machine without a TPU, the variables of the environment are set that let the TPU plugin be loaded
    there by several processes, unless they have values.

    Raises:
        RuntimeLibraryError: If libraries are missing that the plugin cannot be loaded without.
        PluginError: If the plugin cannot be found, fetched or loaded; see `find_plugin` and `load_api`.
        PjrtError: If the plugin's own initialization fails.
    """
    entry = load_manifest().plugins.get(name)
    if entry is not None and entry.runtime:
        from ryft_xla_sys.plugins.runtime import load_runtime_libraries  # Not at the top: the CPU needs none.

        # First, so that nothing is downloaded that then cannot be loaded.
        load_runtime_libraries(entry)
    if entry is not None and not any(glob.glob(pattern) for pattern in entry.devices):
        for variable, value in entry.without_device.items():
            os.environ.setdefault(variable, value)
    return load_api(find_plugin(name, path, fetch=fetch))
