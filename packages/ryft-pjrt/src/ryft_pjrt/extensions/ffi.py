"""The FFI extension: functions, in Python or in C, that compiled programs call by name.

A program calls a handler with `stablehlo.custom_call @name(...) {api_version = 4 : i32}`. Its attributes are those in
`backend_config`.

Threads: a plugin calls handlers on threads of its own or on the thread that executes a program, several at once, and
waits for them. A Python handler holds the interpreter's lock while it runs Python, never while it waits, so it may use
Ryft itself: compile, transfer, execute, and wait for the results. It must not wait for something that needs the
execution which it is part of.

Exceptions: what a Python handler raises, even `KeyboardInterrupt`, fails the execution. The error that is raised where
the execution or one of its results is waited for is a `PjrtError`; the exception itself, with its traceback, is its
`__cause__`.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy

from ryft_pjrt._arguments import check_integer, check_type
from ryft_pjrt.errors import ArgumentError, ArgumentTypeError, UnimplementedError
from ryft_pjrt.execution import ExecutionContext
from ryft_pjrt.extensions._sources import Source, api_of
from ryft_xla_sys import ffi_calls, host_kernels
from ryft_xla_sys.ffi import NULL, CData, ffi

__all__ = [
    "HandlerCall",
    "UserDataType",
    "add_user_data",
    "function_address",
    "register_handler",
    "register_host_kernels",
    "register_python_handler",
    "register_type",
]

Value = TypeVar("Value")

HOST = "Host"
"""Name that the FFI has for the platform of the CPU."""


class HandlerCall:
    """One call of a Python handler. It is valid until the handler returns.

    Attributes:
        platform: Platform that the handler was registered for: `Host`, `CUDA` or `ROCM`.
    """

    def __init__(self, frame: ffi_calls.CallFrame, platform: str) -> None:
        self._frame = frame
        self.platform = platform

    @cached_property
    def operands(self) -> tuple[numpy.ndarray[Any, Any], ...]:
        """Read-only views of the operands. They must not be used after the handler has returned: copy what is kept.

        Raises:
            UnimplementedError: If they are not in memory of the host, or NumPy has no such data type.
        """
        return self._arrays(self._frame.operands, writeable=False)

    @cached_property
    def results(self) -> tuple[numpy.ndarray[Any, Any], ...]:
        """Views of the results, which the handler fills. They must not be used after the handler has returned.

        Raises:
            UnimplementedError: If they are not in memory of the host, or NumPy has no such data type.
        """
        return self._arrays(self._frame.results, writeable=True)

    def _arrays(
        self, buffers: tuple[ffi_calls.FrameBuffer, ...], *, writeable: bool
    ) -> tuple[numpy.ndarray[Any, Any], ...]:
        if self.platform != HOST:
            error = UnimplementedError(f"the host cannot read operands and results on platform `{self.platform}`")
            error.add_note("hint: `operand_buffers` and `result_buffers` have the addresses in the device's memory")
            raise error
        _ = self._frame.pointer  # Refuses a call whose handler has returned.
        return tuple(buffer.array(writeable=writeable) for buffer in buffers)

    def _finish(self, name: str) -> None:
        """Checks that nothing refers to the views any more: their memory is about to be used for something else."""
        views: list[numpy.ndarray[Any, Any]] = [
            *self.__dict__.pop("operands", ()),
            *self.__dict__.pop("results", ()),
        ]
        if views and _kept(views):
            gc.collect()  # What refers to them may only be waiting to be collected.
            if _kept(views):
                error = ArgumentError(f"the handler `{name}` has kept a view of an operand or a result")
                error.add_note("hint: copy what is to be used after the handler has returned")
                raise error

    @property
    def operand_buffers(self) -> tuple[ffi_calls.FrameBuffer, ...]:
        """Address, element type and shape of each operand."""
        return self._frame.operands

    @property
    def result_buffers(self) -> tuple[ffi_calls.FrameBuffer, ...]:
        """Address, element type and shape of each result."""
        return self._frame.results

    @property
    def attributes(self) -> dict[str, Any]:
        """Attributes of the call: numbers, booleans, text, NumPy arrays, and dictionaries of those."""
        return self._frame.attributes

    @property
    def device_ordinal(self) -> int:
        """Number of the device that the program runs on, among the devices of this process."""
        return self._frame.device_ordinal

    @property
    def run_id(self) -> int:
        """Number of the execution, the same on every device; zero where executions have none."""
        return self._frame.run_id

    @property
    def stream(self) -> int:
        """Stream of the device, as the platform's own handle.

        Raises:
            PjrtError: If the device has no streams, as on the CPU.
        """
        return self._frame.stream

    @property
    def thread_count(self) -> int:
        """Number of threads that XLA has for the work of handlers on the host."""
        return self._frame.thread_count

    def allocate_device_memory(self, size: int, alignment: int = 256) -> int:
        """Returns the address of new memory of the device, for the work of this call.

        Raises:
            ArgumentError: If the size or the alignment is not positive.
            PjrtError: If there is not enough, or the device has no memory of its own, as on the CPU.
        """
        check_integer("size", size, 1, 2**63 - 1)
        check_integer("alignment", alignment, 1, 2**63 - 1)
        return self._frame.allocate_device_memory(size, alignment)

    def free_device_memory(self, address: int, size: int) -> None:
        """Frees what `allocate_device_memory` has returned. Unsafe: nothing checks the address.

        Raises:
            PjrtError: If the device has no memory of its own, as on the CPU.
        """
        check_integer("address", address, 0, 2**64 - 1)
        check_integer("size", size, 1, 2**63 - 1)
        self._frame.free_device_memory(address, size)

    def unsafe_user_data(self, type_id: int) -> int:
        """Returns the address that was added to the execution's context for a registered type.

        Unsafe: if the execution was given no context at all, plugins follow a null pointer, and the process ends.

        Raises:
            PjrtError: If nothing was added for that type.
        """
        return int(ffi.cast("uintptr_t", self._frame.unsafe_user_data(type_id)))


def register_python_handler(
    source: Source, name: str, function: Callable[[HandlerCall], object], *, platform: str = HOST, traits: int = 0
) -> None:
    """Registers a Python function as the handler of custom calls to `name`. It stays until the process ends.

    Args:
        source: Plugin, or client of the plugin, to register it with.
        name: Name that custom calls use. A plugin can have one handler of a name.
        function: Called with a `HandlerCall`; what it returns is ignored.
        platform: `Host` for the CPU, `CUDA` or `ROCM` for GPUs.
        traits: One, if the calls can be recorded into command buffers; otherwise zero.

    A handler that keeps a view of its operands or results after it has returned fails the execution.

    Raises:
        AlreadyExistsError: If there is a handler of that name.
        ArgumentTypeError: If `function` cannot be called.
        UnimplementedError: If the plugin has no FFI.
    """
    if not callable(function):
        raise ArgumentTypeError(f"`function` expected a function, but got `{type(function).__name__}`")
    api = api_of(source)

    def handle(frame: ffi_calls.CallFrame) -> None:
        call = HandlerCall(frame, platform)
        function(call)
        call._finish(name)

    api.extension_table("FFI")  # A handler lives forever: none is made for a plugin that cannot call it.
    ffi_calls.register_handler(api, _checked(name), ffi_calls.make_handler(handle), platform=platform, traits=traits)


def register_handler(source: Source, name: str, handler: object, *, platform: str = HOST, traits: int = 0) -> None:
    """Registers a function in C, an `XLA_FFI_Handler *`, as the handler of custom calls to `name`.

    Unsafe in that nothing can tell whether an address is that of such a function: it is called at once, for its
    version. Registering the same handler again does nothing.

    Args:
        source: Plugin, or client of the plugin, to register it with.
        name: Name that custom calls use.
        handler: Address of the function, as an integer, a cffi pointer, or a function of `ctypes`, which must stay
            valid until the process ends.
        platform: `Host` for the CPU, `CUDA` or `ROCM` for GPUs.
        traits: One, if the calls can be recorded into command buffers; otherwise zero.

    Raises:
        AlreadyExistsError: If there is another handler of that name.
        PluginError: If the handler was compiled for another version of the FFI than the plugin has.
        UnimplementedError: If the plugin has no FFI.
    """
    pointer = ffi.cast("XLA_FFI_Handler *", function_address("handler", handler))
    ffi_calls.register_handler(api_of(source), _checked(name), pointer, platform=platform, traits=traits)


def register_host_kernels(source: Source, names: Iterable[str] | None = None) -> None:
    """Registers the LAPACK and sparse kernels for the CPU that `jaxlib` has, for example `lapack_dpotrf_ffi`.

    Args:
        source: Plugin, or client of the plugin, to register them with. It may be called again.
        names: Names of the kernels, by default all.

    Raises:
        NotFoundError: If there is no kernel of one of the names.
        PluginError: If the kernels were compiled for another version of the FFI than the plugin has.
        UnimplementedError: If the plugin has no FFI.
    """
    host_kernels.register_host_kernels(api_of(source), names)


def register_type(source: Source, name: str, type_id: int = 0, *, deleter: object = 0) -> int:
    """Registers a type of user data, and returns its number.

    Args:
        source: Plugin, or client of the plugin, to register it with.
        name: Name of the type.
        type_id: Number that the type is expected to have, or zero for a new one.
        deleter: Address of a function in C that the plugin calls with data of the type that it no longer needs; none
            by default.

    Raises:
        PjrtError: If the type has another number.
        UnimplementedError: If the plugin has no FFI.
    """
    encoded = _checked(name).encode()
    information = ffi.new("PJRT_FFI_Type_Info *")
    if deleter:
        information.deleter = ffi.cast("void (*)(void *)", function_address("deleter", deleter))
    arguments = api_of(source).call_extension(
        "FFI",
        "type_register",
        type_name=ffi.from_buffer("char[]", encoded),
        type_name_size=len(encoded),
        type_id=type_id,
        type_info=information,
    )
    return int(arguments.type_id)


def add_user_data(context: ExecutionContext, type_id: int, address: int) -> None:
    """Adds the address of data to the context of executions, for handlers in C to find.

    Unsafe: the data must stay valid until the last execution with the context has finished.

    Raises:
        ClosedError: If the context is closed.
        PjrtError: If the context has data of that type.
        UnimplementedError: If the plugin has no FFI.
    """
    check_type("context", context, ExecutionContext, "an execution context")
    check_integer("type_id", type_id, 1, 2**63 - 1)
    check_integer("address", address, 0, 2**64 - 1)
    with context._pin() as pointer:
        context._api.call_extension(
            "FFI",
            "user_data_add",
            context=pointer,
            user_data={"type_id": type_id, "data": ffi.cast("void *", address)},
        )


class UserDataType(Generic[Value]):
    """Type of user data whose values are Python objects: how an execution hands one to the Python handlers it calls.

    Attributes:
        id: Number of the type.
    """

    def __init__(self, source: Source, name: str) -> None:
        """Registers the type.

        Raises:
            UnimplementedError: If the plugin has no FFI.
        """
        self.id = register_type(source, name)

    def add(self, context: ExecutionContext, value: Value) -> None:
        """Adds an object to a context, which keeps it alive.

        Raises:
            PjrtError: If the context has an object of this type.
        """
        handle = ffi.new_handle(value)
        add_user_data(context, self.id, int(ffi.cast("uintptr_t", handle)))
        context._kept += [handle, value]

    def unsafe_get(self, call: HandlerCall) -> Value:
        """Returns the object that was added to the context of the execution.

        Unsafe: if the execution was given no context at all, plugins follow a null pointer, and the process ends.

        Raises:
            PjrtError: If none was added.
        """
        return ffi.from_handle(ffi.cast("void *", call.unsafe_user_data(self.id)))


def _kept(views: list[numpy.ndarray[Any, Any]]) -> bool:
    """Returns whether anything but the list refers to one of the views."""
    # One reference is the list's, one the generator's, and one that of the called function's parameter.
    return any(sys.getrefcount(view) > 3 for view in views)


def _checked(name: str) -> str:
    check_type("name", name, str, "text")
    if not name or "\0" in name:
        raise ArgumentError(f"`name` expected text without null characters, but got {name!r}")
    return name


def function_address(subject: str, function: Any) -> int:
    """Returns the address of a function in C, given as an integer, a cffi pointer, or a function of `ctypes`.

    Raises:
        ArgumentError: If it is not an address.
        ArgumentTypeError: If it is something else.
    """
    address: int | None = None
    if isinstance(function, int):
        address = function
    elif isinstance(function, ffi.CData):
        address = int(ffi.cast("uintptr_t", function)) if _is_pointer(function) else None
    elif isinstance(function, ctypes._CFuncPtr):  # pyright: ignore[reportAttributeAccessIssue]
        address = ctypes.cast(function, ctypes.c_void_p).value or 0
    if address is None:
        kind = type(function).__name__
        raise ArgumentTypeError(
            f"`{subject}` expected an address, a cffi pointer or a `ctypes` function, but got `{kind}`"
        )
    if not 0 < address < 2**64:
        raise ArgumentError(f"`{subject}` expected the address of a function, but got {address:#x}")
    return address


def _is_pointer(value: CData) -> bool:
    return ffi.typeof(value).kind in ("pointer", "function") and value != NULL
