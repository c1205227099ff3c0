"""Low-level bindings to XLA: the PJRT C API, plugins, protobuf messages, and the MLIR bindings behind one door.

What is slow to import is left to whoever needs it: `ryft_xla_sys.mlir` has the MLIR bindings, `ryft_xla_sys.protos` the
protobuf messages, and `ryft_xla_sys.ffi_calls` the handlers of the XLA FFI.
"""

from ryft_xla_sys import errors, extensions, ffi, plugins, versions
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
    "extensions",
    "ffi",
    "find_plugin",
    "load_api",
    "plugins",
    "versions",
]
