"""Python functions as handlers of the XLA FFI: how a compiled program calls back into Python.

A handler reads operands and writes results through a `CallFrame`, which is valid until the handler returns. An
exception in a handler becomes an error of the execution; it never crosses C. It is the cause (`__cause__`) of the
exception that is raised for that error.

There are two ways to make a Python function callable. `register_callback` gives it a number, which a program passes in
the integer attribute `callback` of a custom call whose handler is `CALLBACK_HANDLER`: one registration with the plugin
serves any number of functions. `make_handler` makes a handler of its own, for a custom call with a name of its own.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, NamedTuple, cast

import ml_dtypes
import numpy

from ryft_xla_sys.api import Api
from ryft_xla_sys.errors import (
    AlreadyExistsError,
    ClosedError,
    PjrtError,
    PluginError,
    UnimplementedError,
    UnknownError,
)
from ryft_xla_sys.ffi import NULL, CData, ffi, lib
from ryft_xla_sys.handler_exceptions import keep_exception

__all__ = [
    "CALLBACK_HANDLER",
    "DATA_TYPES",
    "CallFrame",
    "FrameBuffer",
    "FrameError",
    "ffi_version",
    "handler_version",
    "make_handler",
    "register_callback",
    "register_handler",
    "unregister_callback",
]

CALLBACK_HANDLER: CData = ffi.addressof(lib, "ryft_ffi_callback")
"""Handler, an `XLA_FFI_Handler *`, that calls the function which `register_callback` gave the number in `callback`."""

DATA_TYPES: Mapping[int, numpy.dtype[Any]] = {
    1: numpy.dtype(numpy.bool_),
    2: numpy.dtype(numpy.int8),
    3: numpy.dtype(numpy.int16),
    4: numpy.dtype(numpy.int32),
    5: numpy.dtype(numpy.int64),
    6: numpy.dtype(numpy.uint8),
    7: numpy.dtype(numpy.uint16),
    8: numpy.dtype(numpy.uint32),
    9: numpy.dtype(numpy.uint64),
    10: numpy.dtype(numpy.float16),
    11: numpy.dtype(numpy.float32),
    12: numpy.dtype(numpy.float64),
    15: numpy.dtype(numpy.complex64),
    16: numpy.dtype(ml_dtypes.bfloat16),
    18: numpy.dtype(numpy.complex128),
    19: numpy.dtype(ml_dtypes.float8_e5m2),
    20: numpy.dtype(ml_dtypes.float8_e4m3fn),
    23: numpy.dtype(ml_dtypes.float8_e4m3b11fnuz),
    24: numpy.dtype(ml_dtypes.float8_e5m2fnuz),
    25: numpy.dtype(ml_dtypes.float8_e4m3fnuz),
    28: numpy.dtype(ml_dtypes.float8_e4m3),
    29: numpy.dtype(ml_dtypes.float8_e3m4),
    33: numpy.dtype(ml_dtypes.float8_e8m0fnu),
}
"""NumPy type of each XLA element type whose elements are whole bytes."""

# C types and constants that every call needs, looked up once.
_BYTES = ffi.typeof("char *")
_WORDS = ffi.typeof("int64_t[64]")
_SCALAR_POINTER = ffi.typeof("XLA_FFI_Scalar *")
_SCALAR: int = lib.XLA_FFI_AttrType_SCALAR
_STRING: int = lib.XLA_FFI_AttrType_STRING
_ARRAY: int = lib.XLA_FFI_AttrType_ARRAY
_DICTIONARY: int = lib.XLA_FFI_AttrType_DICTIONARY
_NATIVE_SCALARS: Mapping[int, CData] = {
    1: ffi.typeof("bool *"),
    4: ffi.typeof("int32_t *"),
    5: ffi.typeof("int64_t *"),
    9: ffi.typeof("uint64_t *"),
    11: ffi.typeof("float *"),
    12: ffi.typeof("double *"),
}

_INTERNAL = 13
_CANCELLED = 1


class FrameError(UnimplementedError):
    """A call frame holds something that this version of Ryft cannot read."""


class FrameBuffer(NamedTuple):
    """An operand or a result of a custom call.

    Attributes:
        pointer: Address of the first element, in the memory of the device.
        code: Element type, as XLA numbers it (`PrimitiveType`).
        shape: Dimensions.
    """

    pointer: int
    code: int
    shape: tuple[int, ...]

    @property
    def data_type(self) -> numpy.dtype[Any]:
        """NumPy type of the elements.

        Raises:
            FrameError: If NumPy has no such type, or an element is smaller than a byte.
        """
        data_type = DATA_TYPES.get(self.code)
        if data_type is None:
            raise FrameError(f"expected a buffer whose elements are whole bytes, but got XLA element type {self.code}")
        return data_type

    def array(self, *, writeable: bool = False) -> numpy.ndarray[Any, Any]:
        """Returns a view of the buffer, which must be in host memory. The view is valid until the handler returns.

        Raises:
            FrameError: If NumPy has no such element type, or an element is smaller than a byte.
        """
        data_type = DATA_TYPES.get(self.code) or self.data_type
        size = data_type.itemsize * math.prod(self.shape)
        if size == 0:
            return numpy.empty(self.shape, data_type)
        memory = ffi.buffer(ffi.cast(_BYTES, self.pointer), size)
        array: numpy.ndarray[Any, Any] = numpy.ndarray(self.shape, data_type, memory)
        if not writeable:
            array.setflags(write=False)
        return array


class CallFrame:
    """What a handler is given. It is valid until the handler returns.

    Attributes:
        operands: Operands of the custom call.
        results: Results, which the handler must fill.
    """

    def __init__(self, pointer: CData) -> None:
        self._pointer: CData | None = pointer
        words = _describe(pointer)
        buffers: list[FrameBuffer] = []
        position, end, create = (
            0,
            len(words),
            tuple.__new__,
        )  # The constructor of a named tuple takes three times as long.
        while position < end:
            start = position + 3
            stop = start + words[start - 1]
            buffers.append(create(FrameBuffer, (words[position], words[position + 1], tuple(words[start:stop]))))
            position = stop
        count = pointer.args.size
        self.operands = tuple(buffers[:count])
        self.results = tuple(buffers[count:])

    @property
    def pointer(self) -> CData:
        """The `XLA_FFI_CallFrame *`.

        Raises:
            ClosedError: If the handler has returned.
        """
        if self._pointer is None:
            raise ClosedError("cannot use this call frame because the handler that was given it has returned")
        return self._pointer

    @cached_property
    def attributes(self) -> dict[str, Any]:
        """Attributes of the custom call: numbers, booleans, text, NumPy arrays, and dictionaries of those."""
        return _read_attributes(self.pointer.attrs)

    @property
    def stage(self) -> int:
        """Stage of the execution: 0 instantiate, 1 prepare, 2 initialize, 3 execute."""
        return int(self.pointer.stage)

    @property
    def device_ordinal(self) -> int:
        """Number of the device that the program runs on, among the devices of this process."""
        return int(self._call("XLA_FFI_DeviceOrdinal_Get").device_ordinal)

    @property
    def run_id(self) -> int:
        """Number of the execution, the same on every device that takes part in it; zero where executions have none."""
        return int(self._call("XLA_FFI_RunId_Get").run_id)

    @property
    def stream(self) -> int:
        """Stream of the device, as the platform's own handle. The CPU has none.

        Raises:
            PjrtError: If the device has no streams.
        """
        return int(ffi.cast("intptr_t", self._call("XLA_FFI_Stream_Get").stream))

    @property
    def thread_count(self) -> int:
        """Number of threads that XLA has for the work of handlers on the host."""
        count = ffi.new("int64_t *")
        self._call("XLA_FFI_ThreadPool_NumThreads", num_threads=count)
        return int(count[0])

    def allocate_device_memory(self, size: int, alignment: int) -> int:
        """Returns the address of memory of the device, which lives until the handler returns, or until it is freed.

        Raises:
            PjrtError: If there is none, or the device has no memory of its own, as on the CPU.
        """
        found = self._call("XLA_FFI_DeviceMemory_Allocate", size=size, alignment=alignment)
        return int(ffi.cast("uintptr_t", found.data))

    def free_device_memory(self, address: int, size: int) -> None:
        """Frees memory that `allocate_device_memory` has returned. Unsafe: nothing checks the address."""
        self._call("XLA_FFI_DeviceMemory_Free", size=size, data=ffi.cast("void *", address))

    def unsafe_user_data(self, type_id: int) -> CData:
        """Returns the pointer that was added to the context of the execution for a registered type.

        Unsafe: if the execution was given no context at all, plugins follow a null pointer, and the process ends. A
        Python handler has better places for its data: the function itself, or an attribute.

        Raises:
            PjrtError: If nothing was added for that type.
        """
        identifier = ffi.new("XLA_FFI_TypeId *", {"type_id": type_id})
        return self._call("XLA_FFI_ExecutionContext_Get", type_id=identifier).data

    def _call(self, name: str, **fields: object) -> CData:
        """Calls a function of the table that XLA gives to handlers."""
        api = self.pointer.api
        covered = ffi.offsetof("XLA_FFI_Api", name) + ffi.sizeof("void *") <= api.struct_size
        function = getattr(api, name) if covered else NULL
        if function == NULL:
            version = api.api_version
            raise UnimplementedError(
                f"`{name}` is not implemented by XLA FFI {version.major_version}.{version.minor_version}", name
            )
        arguments = ffi.new(f"{name}_Args *", {"ctx": self.pointer.ctx, **fields})
        arguments.struct_size = getattr(lib, f"{name}_Args_STRUCT_SIZE")
        error = function(arguments)
        if error != NULL:
            raise _exception(api, error, name)
        return arguments


_callbacks: dict[int, Callable[[CallFrame], object]] = {}
_handlers: list[CData] = []
_tables: dict[Api, CData] = {}
_registered: dict[tuple[Api, str, str], int] = {}
_numbers = itertools.count(1)


def register_callback(function: Callable[[CallFrame], object]) -> int:
    """Makes `function` callable by programs and returns its number, for the attribute `callback` of a custom call."""
    number = next(_numbers)
    _callbacks[number] = function
    return number


def unregister_callback(number: int) -> None:
    """Forgets a function. A program that calls it afterwards fails with an error. Unknown numbers are ignored."""
    _callbacks.pop(number, None)


def make_handler(function: Callable[[CallFrame], object]) -> CData:
    """Returns a handler, an `XLA_FFI_Handler *`, that calls `function`. It lives until the process ends."""

    def handle(frame: CData) -> CData:
        if lib.ryft_ffi_answer_metadata(frame):
            return NULL
        return _run(function, frame)

    handler = ffi.callback("XLA_FFI_Error *(XLA_FFI_CallFrame *)", handle, onerror=_last_resort)
    _handlers.append(handler)
    return handler


def register_handler(api: Api, target: str, handler: CData, *, platform: str = "Host", traits: int = 0) -> None:
    """Registers a handler with a plugin, for custom calls to `target`.

    The plugin calls the handler once, for its metadata. It would drop a handler without a word that was compiled for
    another version of the XLA FFI than its own, or whose name is taken: both are errors here. Registering the same
    handler again does nothing.

    Args:
        api: The plugin.
        target: Name that custom calls use.
        handler: An `XLA_FFI_Handler *`.
        platform: `"Host"` for the CPU, `"CUDA"` or `"ROCM"` for GPUs.
        traits: One, if the calls can be recorded into command buffers; otherwise zero.

    Raises:
        PluginError: If the handler is null, or was compiled for another version of the XLA FFI.
        AlreadyExistsError: If another handler was registered under that name before.
        PjrtError: If the plugin refuses the handler.
        UnimplementedError: If the plugin has no XLA FFI.
    """
    expected, version = ffi_version(api, platform=platform), handler_version(handler, api, platform=platform)
    if expected is not None and version != expected:
        raise PluginError(
            f"cannot register handler `{target}`: plugin `{api.path.name}` has XLA FFI {expected[0]}.{expected[1]}, "
            f"but the handler was compiled for {version[0]}.{version[1]}"
        )
    key, address = (api, platform, target), int(ffi.cast("intptr_t", handler))
    if _registered.setdefault(key, address) != address:
        raise AlreadyExistsError(f"a handler for `{target}` on platform `{platform}` was registered before")
    try:
        _register(api, target, handler, platform, traits)
    except PjrtError:
        del _registered[key]
        raise


def ffi_version(api: Api, *, platform: str = "Host") -> tuple[int, int] | None:
    """Returns the version of the XLA FFI that a plugin has, or `None` where the plugin does not tell.

    Raises:
        UnimplementedError: If the plugin has no XLA FFI.
    """
    table = _plugin_table(api, platform)
    return (table.api_version.major_version, table.api_version.minor_version) if table != NULL else None


def handler_version(handler: CData, api: Api, *, platform: str = "Host") -> tuple[int, int]:
    """Returns the version of the XLA FFI that a handler was compiled for, as the handler itself says.

    Args:
        handler: An `XLA_FFI_Handler *`.
        api: The plugin that the handler is meant for: a handler may need its functions in order to answer.
        platform: Platform of the plugin, as in `register_handler`.

    Raises:
        PluginError: If the handler is null, or does not answer.
    """
    if handler == NULL:
        raise PluginError("the XLA FFI handler is a null pointer")
    major, minor = ffi.new("int *"), ffi.new("int *")
    if not lib.ryft_ffi_handler_version(handler, _plugin_table(api, platform), major, minor):
        raise PluginError("the XLA FFI handler does not tell which version it was compiled for")
    return major[0], minor[0]


def _register(api: Api, target: str, handler: CData, platform: str, traits: int = 0) -> None:
    """Registers a handler with a plugin, whatever its version."""
    name, place = target.encode(), platform.encode()
    names = ffi.from_buffer(name), ffi.from_buffer(place)
    api.call_extension(
        "FFI",
        "register_handler",
        target_name=names[0],
        target_name_size=len(name),
        handler=handler,
        platform_name=names[1],
        platform_name_size=len(place),
        traits=traits,
    )


def _plugin_table(api: Api, platform: str) -> CData:
    """Returns the table that a plugin gives to handlers, or null. A handler of no use is registered to find it."""
    table = _tables.get(api)
    if table is None:
        seen: list[CData] = [NULL]

        def handle(frame: CData) -> CData:
            seen[0] = frame.api
            lib.ryft_ffi_answer_metadata(frame)
            return NULL

        probe = ffi.callback("XLA_FFI_Error *(XLA_FFI_CallFrame *)", handle)
        _handlers.append(probe)
        _register(api, "ryft_version_probe", probe, platform)
        table = _tables[api] = seen[0]
    return table


def _describe(pointer: CData) -> list[int]:
    """Returns the words that describe the buffers of a call frame."""
    words = ffi.new(_WORDS)
    count = lib.ryft_ffi_describe(pointer, words, 64)
    if count > 64:
        words = ffi.new("int64_t[]", count)
        lib.ryft_ffi_describe(pointer, words, count)
    if count < 0:
        raise FrameError("expected every operand and result of the custom call to be a buffer, but got something else")
    return ffi.unpack(words, count) if count else []


def _read_attributes(attributes: CData) -> dict[str, Any]:
    """Returns the attributes of a call, or of a dictionary among them, as Python values."""
    result: dict[str, Any] = {}
    for index in range(attributes.size):
        name = _read_text(attributes.names[index])
        kind, value = int(attributes.types[index]), attributes.attrs[index]
        if kind == _SCALAR:
            scalar = ffi.cast(_SCALAR_POINTER, value)
            native = _NATIVE_SCALARS.get(scalar.dtype)
            if native is not None:
                result[name] = ffi.cast(native, scalar.value)[0]
            else:
                result[name] = _read_array(scalar.dtype, scalar.value, 1)[0].item()
        elif kind == _STRING:
            result[name] = _read_text(ffi.cast("XLA_FFI_ByteSpan *", value))
        elif kind == _ARRAY:
            array = ffi.cast("XLA_FFI_Array *", value)
            result[name] = _read_array(array.dtype, array.data, array.size)
        elif kind == _DICTIONARY:
            result[name] = _read_attributes(ffi.cast("XLA_FFI_Attrs *", value))
        else:
            raise FrameError(f"attribute `{name}` of the custom call has a kind that is not known: {kind}")
    return result


def _read_array(code: int, data: CData, size: int) -> numpy.ndarray[Any, Any]:
    """Returns a copy of the numbers in an attribute."""
    data_type = FrameBuffer(0, int(code), ()).data_type
    content = bytes(ffi.buffer(data, data_type.itemsize * size)) if size else b""
    return numpy.frombuffer(content, data_type)


def _read_text(span: CData) -> str:
    """Returns the text in a span of bytes. Bytes that are not UTF-8 become surrogates, which encode back to them."""
    return bytes(ffi.buffer(span.ptr, span.len)).decode("utf-8", "surrogateescape") if span.len else ""


def _run(function: Callable[[CallFrame], object], frame: CData) -> CData:
    """Calls a Python handler. An exception becomes the error that is returned to XLA."""
    call = None
    try:
        call = CallFrame(frame)
        function(call)
    except BaseException as exception:  # Whatever it is, it must not cross C.
        return _error(frame, exception)
    finally:
        if call is not None:
            call._pointer = None
    return NULL


def _error(frame: CData, exception: BaseException) -> CData:
    """Returns the XLA error for an exception, and keeps the exception as the cause of what is raised for it."""
    if isinstance(exception, PjrtError):
        code = exception.code
    else:
        code = _INTERNAL if isinstance(exception, Exception) else _CANCELLED
    try:
        text = str(exception)
    except Exception:  # The text is code of the user's, too.
        text = "its text is not available, because `__str__` raised an exception"
    message = f"{type(exception).__name__}: {text} {keep_exception(exception)}"
    return lib.ryft_ffi_error(frame, code, message.encode("utf-8", "backslashreplace").replace(b"\0", b"\\0"))


def _last_resort(kind: type[BaseException], exception: BaseException, traceback: object) -> CData:
    """Turns an exception that escaped a handler, of which there should be none, into an error without details."""
    frame = cast(Any, traceback).tb_frame.f_locals.get("frame")
    return lib.ryft_ffi_error(frame, _INTERNAL, kind.__name__.encode()) if frame is not None else NULL


@ffi.def_extern(onerror=_last_resort)
def ryft_ffi_call_python(callback: int, frame: CData) -> CData:
    """Calls a registered function."""
    function = _callbacks.get(callback)
    if function is None:
        return lib.ryft_ffi_error(frame, 5, f"there is no Python callback with number {callback}".encode())
    return _run(function, frame)


def _exception(api: CData, error: CData, function: str) -> PjrtError:
    """Returns the exception for an `XLA_FFI_Error *`, and destroys that error. The table does not tell its code."""
    arguments = ffi.new("XLA_FFI_Error_GetMessage_Args *", {"error": error})
    arguments.struct_size = lib.XLA_FFI_Error_GetMessage_Args_STRUCT_SIZE
    api.XLA_FFI_Error_GetMessage(arguments)
    message = ffi.string(arguments.message).decode("utf-8", "backslashreplace")
    destroy = ffi.new("XLA_FFI_Error_Destroy_Args *", {"error": error})
    destroy.struct_size = lib.XLA_FFI_Error_Destroy_Args_STRUCT_SIZE
    api.XLA_FFI_Error_Destroy(destroy)
    return UnknownError(message, function)
