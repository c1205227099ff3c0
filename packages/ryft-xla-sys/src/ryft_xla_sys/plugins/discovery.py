"""Resolution of a plugin's name to the path of its shared library: explicit path, environment, distribution."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from ryft_xla_sys.errors import PluginError

__all__ = ["PluginNotFoundError", "find_plugin"]

_INSTALLED: dict[str, tuple[str, str]] = {"cpu": ("xla_plugins.xla_cpu_pjrt", "xla_cpu_pjrt.so")}


class PluginNotFoundError(PluginError):
    """No library was found for a plugin."""


def find_plugin(name: str, path: str | os.PathLike[str] | None = None) -> Path:
    """Returns the path of the library of the plugin called `name`.

    It is looked for in this order: `path`, if given; the environment variable `PJRT_PLUGIN_<NAME>_LIB`; the installed
    distribution that holds the plugin.

    Raises:
        PluginNotFoundError: If `path` or the variable names no file, or nothing was found.
    """
    variable = f"PJRT_PLUGIN_{name.upper().replace('-', '_')}_LIB"
    for source, value in (("the given path", path), (f"the environment variable {variable}", os.environ.get(variable))):
        if value:
            found = Path(value).expanduser()
            if not found.is_file():
                raise PluginNotFoundError(f"{source} for the `{name}` plugin is `{value}`, which is not a file")
            return found.resolve()
    package, library = _INSTALLED.get(name, ("", ""))
    try:
        spec = importlib.util.find_spec(package) if package else None
    except ModuleNotFoundError:
        spec = None
    for location in (spec.submodule_search_locations or ()) if spec else ():
        found = Path(location) / library
        if found.is_file():
            return found
    error = PluginNotFoundError(f"cannot find a library for the `{name}` plugin")
    error.add_note(f"hint: install `ryft[{name}]`, or set {variable} to the path of the plugin's library")
    raise error
