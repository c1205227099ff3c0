"""Low-level bindings to XLA: the PJRT C API, plugins, protobuf messages, and the MLIR bindings behind one door.

The MLIR bindings are in `ryft_xla_sys.mlir`, which is imported only where it is needed: it is the slow part.
"""

from ryft_xla_sys import errors, ffi, plugins
from ryft_xla_sys.api import HEADER_VERSION, Api, load_api
from ryft_xla_sys.errors import ClosedError, PjrtError, PluginError, RyftError, UnimplementedError
from ryft_xla_sys.plugins import PluginNotFoundError, find_plugin

__all__ = [
    "HEADER_VERSION",
    "Api",
    "ClosedError",
    "PjrtError",
    "PluginError",
    "PluginNotFoundError",
    "RyftError",
    "UnimplementedError",
    "errors",
    "ffi",
    "find_plugin",
    "load_api",
    "plugins",
]
