"""Plugins: the shared libraries that implement PJRT for one platform each."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property

from ryft_xla_sys import Api, find_plugin, load_api

from ryft_pjrt.clients import Client
from ryft_pjrt.errors import NotFoundError
from ryft_pjrt.values import Value, read_named_values
from ryft_pjrt.versions import Version

__all__ = ["Plugin", "load_cpu_plugin", "load_plugin"]


class Plugin:
    """Loaded plugin. It stays loaded until the process ends.

    Attributes:
        api: Function table of the plugin.
    """

    def __init__(self, api: Api) -> None:
        self.api = api

    @property
    def version(self) -> Version:
        """Version of the PJRT C API that the plugin implements."""
        return Version(*self.api.version)

    @cached_property
    def attributes(self) -> dict[str, Value]:
        """What the plugin says about itself, by name."""
        arguments = self.api.call("PJRT_Plugin_Attributes")
        return read_named_values(arguments.attributes, arguments.num_attributes)

    def attribute(self, name: str) -> Value:
        """Returns the attribute called `name`.

        Raises:
            NotFoundError: If the plugin has no such attribute.
        """
        if name not in self.attributes:
            raise NotFoundError(f"the plugin has no attribute named `{name}`, only {sorted(self.attributes)}")
        return self.attributes[name]

    def client(self, options: Mapping[str, object] | None = None) -> Client:
        """Returns a new client for the devices of the platform.

        Args:
            options: Options of the platform, by name.
        """
        return Client(self, options or {})

    def __repr__(self) -> str:
        return f"Plugin({self.api.path.name}, version={self.version})"


def load_plugin(path: str | os.PathLike[str]) -> Plugin:
    """Loads the plugin in the shared library at `path`.

    Raises:
        PluginError: If there is no such file, or it is not a PJRT plugin that can be used.
    """
    return Plugin(load_api(path))


def load_cpu_plugin() -> Plugin:
    """Loads the plugin for the CPU.

    Raises:
        PluginError: If it is not installed.
    """
    return load_plugin(find_plugin("cpu"))
