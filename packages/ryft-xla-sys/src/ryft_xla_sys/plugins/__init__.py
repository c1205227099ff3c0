"""Finding PJRT plugins: where the shared library of each platform's plugin is on this machine."""

from ryft_xla_sys.plugins.discovery import PluginNotFoundError, find_plugin

__all__ = ["PluginNotFoundError", "find_plugin"]
