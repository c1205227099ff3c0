"""The call gate: loading a plugin's function table, and calling its functions with errors as exceptions."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ryft_xla_sys.errors import PJRT_ERRORS, PjrtError, PluginError, UnimplementedError, UnknownError
from ryft_xla_sys.extensions import EXTENSIONS
from ryft_xla_sys.ffi import NULL, CData, ffi, lib, text
from ryft_xla_sys.handler_exceptions import recover_exception
from ryft_xla_sys.libraries import expected_size

__all__ = ["HEADER_VERSION", "Api", "load_api"]

HEADER_VERSION: tuple[int, int] = (lib.ryft_header_api_major, lib.ryft_header_api_minor)
"""Version of the PJRT C API that the compiled declarations describe."""

_POINTER_SIZE: int = ffi.sizeof("void *")


class _Prepared(NamedTuple):
    """A function of a plugin, and what a call of it needs."""

    function: CData
    arguments: CData
    struct_size: int | None
    fails: bool


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
        self._prepared: dict[str | tuple[str, str], _Prepared] = {}
        self._extensions: dict[int, CData] | None = None
        self._tables: dict[str, CData] = {}

    def __repr__(self) -> str:
        return f"Api(path={str(self.path)!r}, version={self.version[0]}.{self.version[1]})"

    def function(self, name: str) -> CData:
        """Returns the plugin's function called `name`, for example `"PJRT_Buffer_Delete"`.

        Raises:
            UnimplementedError: If the plugin's table ends before that function or holds a null pointer for it.
        """
        prepared = self._prepared.get(name) or self._prepare(name)
        return prepared.function

    def call(self, name: str, /, **fields: object) -> CData:
        """Calls the PJRT function `name` with an argument struct that holds `fields`, and returns that struct.

        The returned struct holds the results; what an older plugin does not know of is zero. Values passed in `fields`
        must stay alive during the call only.

        Raises:
            PjrtError: If the function returns an error; the class says which status code.
            UnimplementedError: If the plugin does not have the function.
        """
        prepared = self._prepared.get(name) or self._prepare(name)
        try:
            arguments = ffi.new(prepared.arguments, fields)
        except KeyError as error:
            raise _unknown_field(prepared, error) from None
        arguments.struct_size = prepared.struct_size
        error = prepared.function(arguments)
        if error:
            raise self.exception(error, name)
        return arguments

    def call_extension(self, extension: str, name: str, /, **fields: object) -> CData:
        """Calls a function of an extension with an argument struct that holds `fields`, and returns that struct.

        Args:
            extension: Name of the extension in `EXTENSIONS`, for example `"Layouts"`.
            name: Name of the field of the extension's struct that holds the function.
            fields: Fields of the argument struct. They must stay alive during the call only.

        Raises:
            PjrtError: If the function returns an error; the class says which status code.
            UnimplementedError: If the plugin does not have the extension, or its extension lacks the function.
        """
        prepared = self._prepared.get((extension, name)) or self._prepare_extension(extension, name)
        try:
            arguments = ffi.new(prepared.arguments, fields)
        except KeyError as error:
            raise _unknown_field(prepared, error) from None
        if prepared.struct_size is not None:
            arguments.struct_size = prepared.struct_size
        error = prepared.function(arguments)
        if prepared.fails and error:
            raise self.exception(error, f"{extension}.{name}")
        return arguments

    def extension_function(self, extension: str, name: str) -> CData:
        """Returns the function in the field `name` of an extension's struct, for example `"register_handler"`.

        Raises:
            UnimplementedError: If the plugin does not have the extension, or its extension lacks the function.
        """
        prepared = self._prepared.get((extension, name)) or self._prepare_extension(extension, name)
        return prepared.function

    def extension_table(self, extension: str) -> CData:
        """Returns the plugin's struct for an extension. It may be shorter than the one declared: see `struct_size`.

        Raises:
            UnimplementedError: If the plugin does not have the extension, or has a version of it with another layout.
        """
        table = self._tables.get(extension)
        if table is None:
            description = EXTENSIONS.get(extension)
            if description is None:
                raise AttributeError(f"`{extension}` is not an extension of the PJRT C API that Ryft knows")
            base = self.extension(description.kind)
            if base is None:
                raise self.unimplemented(f"extension `{extension}`", extension)
            if description.minimum is not None and self.version < (0, description.minimum):
                error = self.unimplemented(f"the present layout of extension `{extension}`", extension)
                error.add_note(f"hint: plugins with PJRT API 0.{description.minimum} or newer have that layout")
                raise error
            table = self._tables[extension] = ffi.cast(f"{description.struct} *", base)
        return table

    def extensions(self) -> Mapping[int, CData]:
        """Returns the plugin's extensions, each a `PJRT_Extension_Base *`, by the number of their type."""
        if self._extensions is None:
            extensions: dict[int, CData] = {}
            node = self.pointer.extension_start
            while node != NULL:
                extensions.setdefault(int(ffi.cast("int", node.type)), node)
                node = node.next
            self._extensions = extensions
        return self._extensions

    def extension(self, kind: int) -> CData | None:
        """Returns the plugin's `PJRT_Extension_Base *` of the given extension type, or `None` where it has none."""
        return self.extensions().get(kind)

    def exception(self, error: CData, function: str | None = None) -> PjrtError:
        """Returns the exception for a `PJRT_Error *` and destroys that error.

        Its cause is what a Python handler of the XLA FFI raised, where the error comes from that.
        """
        message_arguments = ffi.new("PJRT_Error_Message_Args *", {"error": error})
        message_arguments.struct_size = lib.PJRT_Error_Message_Args_STRUCT_SIZE
        self.function("PJRT_Error_Message")(message_arguments)
        message = text(message_arguments.message, message_arguments.message_size)
        code_arguments = ffi.new("PJRT_Error_GetCode_Args *", {"error": error})
        code_arguments.struct_size = lib.PJRT_Error_GetCode_Args_STRUCT_SIZE
        failure = self.function("PJRT_Error_GetCode")(code_arguments)
        kind = PJRT_ERRORS.get(code_arguments.code, UnknownError) if failure == NULL else UnknownError
        payload = self._payload(error)
        self._destroy_error(error)
        if failure != NULL:
            self._destroy_error(failure)
        cause = recover_exception(message)
        # A plugin may change the code on the way, so the class is that of the cause.
        exception = (PJRT_ERRORS[cause.code] if isinstance(cause, PjrtError) else kind)(message, function, payload)
        exception.__cause__ = cause
        return exception

    def _destroy_error(self, error: CData) -> None:
        """Destroys a `PJRT_Error *`."""
        arguments = ffi.new("PJRT_Error_Destroy_Args *", {"error": error})
        arguments.struct_size = lib.PJRT_Error_Destroy_Args_STRUCT_SIZE
        self.function("PJRT_Error_Destroy")(arguments)

    def _payload(self, error: CData) -> dict[str, bytes]:
        """Returns the structured payloads of a `PJRT_Error *`: none, where the plugin cannot tell."""
        try:
            function = self.function("PJRT_Error_ForEachPayload")
        except UnimplementedError:
            return {}
        payload: dict[str, bytes] = {}
        handle = ffi.new_handle(payload)
        arguments = ffi.new("PJRT_Error_ForEachPayload_Args *", {"error": error, "user_arg": handle})
        arguments.struct_size = lib.PJRT_Error_ForEachPayload_Args_STRUCT_SIZE
        arguments.visitor = lib.ryft_error_payload
        failure = function(arguments)
        if failure != NULL:
            self._destroy_error(failure)
        return payload

    def unimplemented(self, what: str, name: str) -> UnimplementedError:
        """Returns the error for something that the plugin lacks, which `what` describes and `name` names."""
        return UnimplementedError(
            f"{what} is not implemented by plugin `{self.path.name}`, which has PJRT API "
            f"{self.version[0]}.{self.version[1]} (Ryft was built for {HEADER_VERSION[0]}.{HEADER_VERSION[1]})",
            name,
        )

    def _prepare(self, name: str) -> _Prepared:
        """Returns what a call of the function `name` needs, after checking that the plugin has that function."""
        covered = _end_of_field("PJRT_Api", name) <= self.pointer.struct_size
        function = getattr(self.pointer, name) if covered else NULL
        if function == NULL:
            raise self.unimplemented(f"`{name}`", name)
        return self._remember(name, function)

    def _prepare_extension(self, extension: str, name: str) -> _Prepared:
        """Returns what a call of a function of an extension needs, after checking that the plugin has that function."""
        table = self.extension_table(extension)
        covered = _end_of_field(EXTENSIONS[extension].struct, name) <= table.base.struct_size
        function = getattr(table, name) if covered else NULL
        if function == NULL:
            raise self.unimplemented(f"`{name}` of extension `{extension}`", name)
        return self._remember((extension, name), function)

    def _remember(self, key: str | tuple[str, str], function: CData) -> _Prepared:
        """Returns, and keeps, what a call of a function needs. A few argument structs do not begin with their size."""
        signature = ffi.typeof(function)
        arguments = signature.args[0]
        sized = arguments.item.fields[0][0] == "struct_size"
        size = getattr(lib, f"{arguments.item.cname.removeprefix('struct ')}_STRUCT_SIZE") if sized else None
        prepared = _Prepared(function, arguments, size, signature.result.kind != "void")
        self._prepared[key] = prepared
        return prepared


def _end_of_field(struct: str, name: str) -> int:
    """Returns how large a struct must be at least to have a function."""
    field = dict(ffi.typeof(struct).fields).get(name)
    if field is None or field.type.kind != "function":
        raise AttributeError(f"`{struct}` has no function `{name}`")
    return field.offset + _POINTER_SIZE


def _unknown_field(prepared: _Prepared, error: KeyError) -> AttributeError:
    return AttributeError(f"`{prepared.arguments.item.cname}` has no field `{error.args[0]}`")


@ffi.def_extern()
def ryft_error_payload(key: CData, key_size: int, value: CData, value_size: int, payloads: CData) -> None:
    """Keeps one payload of an error."""
    ffi.from_handle(payloads)[text(key, key_size)] = bytes(ffi.buffer(value, value_size)) if value_size else b""


_LOADED: dict[Path, Api] = {}
_LOADING = threading.Lock()


def load_api(path: str | os.PathLike[str]) -> Api:
    """Loads the plugin at `path`, initializes it, and returns its function table. A second call returns the same one.

    Raises:
        PluginError: If there is no such file, it is not a shared library or is cut off, it does not export
            `GetPjrtApi`, or its API has another major version.
        PjrtError: If the plugin's own initialization fails.
    """
    try:
        resolved = Path(path).expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:
        # No home directory of that user, links in a circle, or a null character.
        raise PluginError(f"cannot load PJRT plugin `{path}`: {error}") from None
    with _LOADING:
        if resolved not in _LOADED:
            _LOADED[resolved] = _load(resolved)
        return _LOADED[resolved]


def _load(path: Path) -> Api:
    if not os.path.isfile(path):
        raise PluginError(f"cannot load PJRT plugin `{path}`: there is no such file")
    try:
        size, expected = path.stat().st_size, expected_size(path)
    except OSError as error:
        raise PluginError(f"cannot load PJRT plugin `{path}`: {error.strerror}") from None
    if size < expected:
        # The dynamic linker would end the process with a bus error.
        raise PluginError(f"cannot load PJRT plugin `{path}`: expected at least {expected} bytes, but got {size}")
    if sys.platform == "linux":
        # XLA logs notes and warnings to the standard error stream; only errors concern the user. It reads this when
        # it is loaded.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        library = ctypes.CDLL(str(path), mode=getattr(os, "RTLD_NOW", 0) | getattr(os, "RTLD_LOCAL", 0))
    except OSError as error:
        raise PluginError(f"cannot load PJRT plugin `{path}`: {error}") from None
    try:
        get_api = library.GetPjrtApi
    except AttributeError:
        raise PluginError(f"`{path}` is not a PJRT plugin: it does not export the function `GetPjrtApi`") from None
    get_api.restype = ctypes.c_void_p
    pointer = ffi.cast("PJRT_Api *", get_api() or 0)
    if pointer == NULL:
        raise PluginError(f"`{path}` is not a usable PJRT plugin: `GetPjrtApi` returned a null pointer")
    api = Api(pointer, path)
    if api.version[0] != HEADER_VERSION[0]:
        raise PluginError(
            f"plugin `{path}` has PJRT API {api.version[0]}.{api.version[1]}, "
            f"but Ryft needs major version {HEADER_VERSION[0]}"
        )
    api.call("PJRT_Plugin_Initialize")
    return api
