"""The call gate: loading a plugin's function table, and calling its functions with errors as exceptions."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from ryft_xla_sys.errors import PJRT_ERRORS, PjrtError, PluginError, UnimplementedError, UnknownError
from ryft_xla_sys.ffi import NULL, CData, ffi, lib, text

__all__ = ["HEADER_VERSION", "Api", "load_api"]

HEADER_VERSION: tuple[int, int] = (lib.ryft_header_api_major, lib.ryft_header_api_minor)
"""Version of the PJRT C API that the compiled declarations describe."""

_POINTER_SIZE: int = ffi.sizeof("void *")


class Api:
    """Function table of one loaded plugin. It stays loaded until the process ends: plugins cannot be unloaded safely.

    Attributes:
        pointer: The plugin's `PJRT_Api *`.
        path: File that the plugin was loaded from.
        version: Major and minor version of the PJRT C API that the plugin implements.
    """

    def __init__(self, pointer: CData, path: Path) -> None:
        self.pointer = pointer
        self.path = path
        self.version: tuple[int, int] = (
            pointer.pjrt_api_version.major_version,
            pointer.pjrt_api_version.minor_version,
        )
        self._functions: dict[str, CData] = {}
        self._extensions: dict[int, CData] | None = None

    def __repr__(self) -> str:
        return f"Api(path={str(self.path)!r}, version={self.version[0]}.{self.version[1]})"

    def function(self, name: str) -> CData:
        """Returns the plugin's function called `name`, for example `"PJRT_Buffer_Delete"`.

        Raises:
            UnimplementedError: If the plugin's table ends before that function or holds a null pointer for it.
        """
        function = self._functions.get(name)
        if function is None:
            covered = ffi.offsetof("PJRT_Api", name) + _POINTER_SIZE <= self.pointer.struct_size
            function = getattr(self.pointer, name) if covered else NULL
            if function == NULL:
                raise UnimplementedError(
                    f"`{name}` is not implemented by plugin `{self.path.name}`, which has PJRT API "
                    f"{self.version[0]}.{self.version[1]} (Ryft was built for {HEADER_VERSION[0]}.{HEADER_VERSION[1]})",
                    name,
                )
            self._functions[name] = function
        return function

    def call(self, name: str, /, **fields: object) -> CData:
        """Calls the PJRT function `name` with an argument struct that holds `fields`, and returns that struct.

        The returned struct holds the results. Values passed in `fields` must stay alive during the call only.

        Raises:
            PjrtError: If the function returns an error; the class says which status code.
            UnimplementedError: If the plugin does not have the function.
        """
        function = self.function(name)
        arguments = ffi.new(f"{name}_Args *", fields)
        arguments.struct_size = getattr(lib, f"{name}_Args_STRUCT_SIZE")
        error = function(arguments)
        if error != NULL:
            raise self.exception(error, name)
        return arguments

    def exception(self, error: CData, function: str | None = None) -> PjrtError:
        """Returns the exception for a `PJRT_Error *` and destroys that error."""
        message_arguments = ffi.new("PJRT_Error_Message_Args *", {"error": error})
        message_arguments.struct_size = lib.PJRT_Error_Message_Args_STRUCT_SIZE
        self.function("PJRT_Error_Message")(message_arguments)
        message = text(message_arguments.message, message_arguments.message_size)
        code_arguments = ffi.new("PJRT_Error_GetCode_Args *", {"error": error})
        code_arguments.struct_size = lib.PJRT_Error_GetCode_Args_STRUCT_SIZE
        failure = self.function("PJRT_Error_GetCode")(code_arguments)
        kind = PJRT_ERRORS.get(code_arguments.code, UnknownError) if failure == NULL else UnknownError
        destroy_arguments = ffi.new("PJRT_Error_Destroy_Args *", {"error": error})
        destroy_arguments.struct_size = lib.PJRT_Error_Destroy_Args_STRUCT_SIZE
        self.function("PJRT_Error_Destroy")(destroy_arguments)
        return kind(message, function)

    def extension(self, kind: int) -> CData | None:
        """Returns the plugin's `PJRT_Extension_Base *` of the given extension type, or `None` where it has none."""
        if self._extensions is None:
            extensions: dict[int, CData] = {}
            node = self.pointer.extension_start
            while node != NULL:
                extensions.setdefault(int(ffi.cast("int", node.type)), node)
                node = node.next
            self._extensions = extensions
        return self._extensions.get(kind)


_LOADED: dict[Path, Api] = {}


def load_api(path: str | os.PathLike[str]) -> Api:
    """Loads the plugin at `path`, initializes it, and returns its function table. A second call returns the same one.

    Raises:
        PluginError: If there is no such file, it is not a shared library, it does not export `GetPjrtApi`, or its API
            has another major version.
        PjrtError: If the plugin's own initialization fails.
    """
    resolved = Path(path).expanduser().resolve()
    if resolved in _LOADED:
        return _LOADED[resolved]
    if not resolved.is_file():
        raise PluginError(f"cannot load PJRT plugin `{path}`: there is no such file")
    try:
        library = ctypes.CDLL(str(resolved), mode=getattr(os, "RTLD_NOW", 0) | getattr(os, "RTLD_LOCAL", 0))
    except OSError as error:
        raise PluginError(f"cannot load PJRT plugin `{resolved}`: {error}") from None
    try:
        get_api = library.GetPjrtApi
    except AttributeError:
        raise PluginError(f"`{resolved}` is not a PJRT plugin: it does not export the function `GetPjrtApi`") from None
    get_api.restype = ctypes.c_void_p
    pointer = ffi.cast("PJRT_Api *", get_api() or 0)
    if pointer == NULL:
        raise PluginError(f"`{resolved}` is not a usable PJRT plugin: `GetPjrtApi` returned a null pointer")
    api = Api(pointer, resolved)
    if api.version[0] != HEADER_VERSION[0]:
        raise PluginError(
            f"plugin `{resolved}` has PJRT API {api.version[0]}.{api.version[1]}, "
            f"but Ryft needs major version {HEADER_VERSION[0]}"
        )
    if sys.platform == "linux":
        # XLA logs warnings of its start-up to the standard error stream; only errors concern the user.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    api.call("PJRT_Plugin_Initialize")
    _LOADED[resolved] = api
    return api
