"""Ownership of PJRT objects: closed once, never while a call uses them, always before what they were created from."""

from __future__ import annotations

import os
from types import TracebackType
from typing import ClassVar, Self

from ryft_pjrt.errors import ClosedError, InvalidArgumentError
from ryft_xla_sys import Api
from ryft_xla_sys.ffi import NULL, CData, lib

__all__ = ["Owned", "OwnedObject", "Owner", "Pin", "closed_error"]

os.register_at_fork(after_in_child=lib.ryft_owner_forked)


def closed_error(subject: str, owner: CData) -> ClosedError:
    """Returns the error for the use of something whose `ryft_owner *` cannot be used any more."""
    if not lib.ryft_owner_is_forked(owner):
        return ClosedError(f"cannot use this {subject} because it, or the client it belongs to, has been closed")
    error = ClosedError(f"cannot use this {subject} because it was made before this process was forked")
    error.add_note("hint: make a client in the child process, or start the process anew with the method `spawn`")
    return error


class Owner:
    """Owns one PJRT object, and destroys it when it is closed or collected.

    Wrappers hold it, not the other way round, so that it can outlive a wrapper without making a reference cycle.

    Attributes:
        pointer: The `ryft_owner *`.
    """

    __slots__ = ("pointer",)

    def __init__(self, api: Api, pointer: CData, destroy: str, subject: str, parent: CData = NULL) -> None:
        """Takes over `pointer`, which the PJRT function called `destroy` frees.

        Raises:
            InvalidArgumentError: If `pointer` is null.
        """
        if pointer == NULL:
            raise InvalidArgumentError(f"the provided PJRT {subject} handle is a null pointer")
        self.pointer: CData = lib.ryft_owner_new(parent, pointer, api.function(destroy))
        if self.pointer == NULL:
            raise MemoryError(f"cannot allocate the owner of a PJRT {subject}")

    # The function is bound now: at interpreter exit the module's globals may be gone before the last object.
    def __del__(self, release: CData = lib.ryft_owner_release, null: CData = NULL) -> None:
        pointer = getattr(self, "pointer", null)
        if pointer != null:
            release(pointer)


class Pin:
    """Keeps an owned object alive during a `with` block, and gives its pointer."""

    __slots__ = ("_owned", "_owner")

    def __init__(self, owned: Owned) -> None:
        self._owned = owned

    def __enter__(self) -> CData:
        self._owner = self._owned._owner
        pointer = lib.ryft_owner_pin(self._owner)
        if pointer == NULL:
            raise self._owned._closed_error()
        return pointer

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        lib.ryft_owner_unpin(self._owner)


class Owned:
    """Base of the wrappers of one PJRT object. Use one as a context manager to free that object early.

    Closing is idempotent, also closes everything that was created from the object, and waits for nothing: an object
    that another thread's call is using is destroyed when that call ends.
    """

    __slots__ = ()

    _subject: ClassVar[str] = "object"

    _api: Api

    @property
    def _owner(self) -> CData:
        raise NotImplementedError

    def _pin(self) -> Pin:
        return Pin(self)

    def _closed_error(self) -> ClosedError:
        return closed_error(self._subject, self._owner)

    @property
    def closed(self) -> bool:
        """Whether this object, or the client that it belongs to, has been closed."""
        return lib.ryft_owner_is_closed(self._owner)

    @property
    def pointer(self) -> CData | None:
        """The underlying C pointer, or `None` once closed. Unsafe: nothing keeps it valid after this object closes."""
        owner = self._owner
        pointer = lib.ryft_owner_pin(owner)
        if pointer == NULL:
            return None
        lib.ryft_owner_unpin(owner)
        return pointer

    def close(self) -> None:
        """Frees this object and everything that was created from it. Later calls do nothing."""
        lib.ryft_owner_close(self._owner)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class OwnedObject(Owned):
    """Wrapper whose object is destroyed by an `Owner`."""

    __slots__ = ("__weakref__", "_api", "_box")

    _box: Owner

    def __init__(self, api: Api, pointer: CData, destroy: str, parent: CData = NULL) -> None:
        self._api = api
        self._box = Owner(api, pointer, destroy, self._subject, parent)

    @property
    def _owner(self) -> CData:
        return self._box.pointer
