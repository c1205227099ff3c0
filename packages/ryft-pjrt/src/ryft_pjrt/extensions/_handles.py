"""Ownership of what extensions return: destroyed once, never while a call uses it, always before its client."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, ClassVar, Self

import numpy

from ryft_pjrt._arguments import check_type
from ryft_pjrt._owners import Owned
from ryft_pjrt.errors import ClosedError, InvalidArgumentError
from ryft_pjrt.executables import Executable
from ryft_pjrt.loaded_executables import LoadedExecutable
from ryft_xla_sys import Api
from ryft_xla_sys.ffi import NULL, CData, ffi, lib

__all__ = ["Handle", "HostMemory", "borrowed_bytes", "compiled"]


class _Release:
    """What remains of a handle when it is collected: how to destroy its object, once nothing uses it."""

    def __init__(self, pointer: CData, destroy: Callable[[CData], object], parent: Owned | None) -> None:
        self.pointer = pointer
        self.pins = 0
        self.closed = False
        self.lock = threading.Lock()
        self._destroy = destroy
        self._process = os.getpid()
        # The owner stays pinned as long as this object exists, so it is destroyed after it, whoever closes it when.
        self._parent = parent
        self._owner: CData = NULL
        if parent is not None:
            self._owner = parent._owner
            if lib.ryft_owner_pin(self._owner) == NULL:
                self._owner = NULL
                destroy(pointer)
                raise parent._closed_error()

    def close(self) -> None:
        with self.lock:
            if self.closed:
                return
            self.closed = True
            idle = self.pins == 0
        if idle:
            self.destroy()

    def unpin(self) -> None:
        with self.lock:
            self.pins -= 1
            idle = self.closed and self.pins == 0
        if idle:
            self.destroy()

    def destroy(self) -> None:
        if os.getpid() != self._process:
            return  # The child of a fork has none of the plugin's threads.
        try:
            self._destroy(self.pointer)
        finally:
            if self._owner != NULL:
                lib.ryft_owner_unpin(self._owner)


class Handle:
    """Base of the wrappers of one object of an extension. Use one as a context manager to free that object early."""

    _subject: ClassVar[str] = "object"

    def __init__(
        self, api: Api, pointer: CData, destroy: Callable[[CData], object], parent: Owned | None = None
    ) -> None:
        """Takes over `pointer`, which `destroy` frees.

        Raises:
            InvalidArgumentError: If `pointer` is null.
        """
        if pointer == NULL:
            raise InvalidArgumentError(f"the provided PJRT {self._subject} handle is a null pointer")
        self._api = api
        self._release = _Release(pointer, destroy, parent)
        self._finalizer = weakref.finalize(self, self._release.close)

    @contextmanager
    def _pin(self) -> Generator[CData]:
        """Keeps the object alive during a `with` block, and gives its pointer."""
        release = self._release
        with release.lock:
            if release.closed:
                raise ClosedError(f"cannot use this {self._subject} because it has been closed")
            release.pins += 1
        try:
            yield release.pointer
        finally:
            release.unpin()

    @property
    def closed(self) -> bool:
        """Whether this object has been closed."""
        return self._release.closed

    def close(self) -> None:
        """Frees the object, as soon as nothing uses it. Later calls do nothing."""
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class HostMemory(Handle):
    """Memory of the host that a plugin has allocated. It is freed once neither this nor a view of it is in use.

    Attributes:
        size: Number of bytes.
    """

    _subject = "host memory"

    def __init__(
        self, api: Api, pointer: CData, size: int, destroy: Callable[[CData], object], parent: Owned | None
    ) -> None:
        super().__init__(api, pointer, destroy, parent)
        self.size = size

    @property
    def address(self) -> int:
        """Address of the memory.

        Raises:
            ClosedError: If it has been freed.
        """
        with self._pin() as pointer:
            return int(ffi.cast("uintptr_t", pointer))

    def array(self) -> numpy.ndarray[Any, numpy.dtype[numpy.uint8]]:
        """Returns a writeable view of the bytes, which keeps the memory alive, also after `close`.

        Raises:
            ClosedError: If the memory has been freed.
        """
        return numpy.asarray(_View(self))

    def __len__(self) -> int:
        return self.size

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.size} bytes{', closed' if self.closed else ''})"


class _View:
    """What an array over host memory has for its base."""

    def __init__(self, memory: HostMemory) -> None:
        release = memory._release
        with memory._pin() as pointer, release.lock:
            release.pins += 1
            self.__array_interface__ = {
                "shape": (memory.size,),
                "typestr": "|u1",
                "data": (int(ffi.cast("uintptr_t", pointer)), False),
                "version": 3,
            }
        weakref.finalize(self, release.unpin)


def compiled(executable: Executable | LoadedExecutable) -> Executable:
    """Returns the compiled program of a loaded executable, or `executable` itself.

    Raises:
        ArgumentTypeError: If it is neither.
    """
    check_type("executable", executable, (Executable, LoadedExecutable), "an executable")
    return executable.executable if isinstance(executable, LoadedExecutable) else executable


def borrowed_bytes(data: bytes) -> CData:
    """Returns a `char *` to bytes, which it keeps alive."""
    return ffi.from_buffer("char[]", data)
