"""Ownership of PJRT objects: closed once, never while a call uses them, always before what they were created from."""

from __future__ import annotations

import os
from types import TracebackType
from typing import ClassVar, Self

from ryft_xla_sys import Api
from ryft_xla_sys.ffi import NULL, CData, lib

from ryft_pjrt.errors import ClosedError, InvalidArgumentError

__all__ = ["Owned", "Pin", "new_owner"]

os.register_at_fork(after_in_child=lib.ryft_owner_forked)


def new_owner(api: Api, pointer: CData, destroy: str, subject: str, parent: CData = NULL) -> CData:
    """Returns a new `ryft_owner *` for `pointer`, which the PJRT function called `destroy` frees.

    Raises:
        InvalidArgumentError: If `pointer` is null.
    """
    if pointer == NULL:
        raise InvalidArgumentError(f"the provided PJRT {subject} handle is a null pointer")
    owner = lib.ryft_owner_new(parent, pointer, api.function(destroy))
    if owner == NULL:
        raise MemoryError(f"cannot allocate the owner of a PJRT {subject}")
    return owner


class Pin:
    """Keeps an owned object alive during a `with` block, and gives its pointer."""

    __slots__ = ("_owner", "_subject")

    def __init__(self, owner: CData, subject: str) -> None:
        self._owner = owner
        self._subject = subject

    def __enter__(self) -> CData:
        pointer = lib.ryft_owner_pin(self._owner)
        if pointer == NULL:
            raise ClosedError(
                f"cannot use this {self._subject} because it, or the client that it belongs to, has been closed"
            )
        return pointer

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        lib.ryft_owner_unpin(self._owner)


class Owned:
    """Base of the wrappers that own one PJRT object. Use one as a context manager to free that object early.

    Closing is idempotent, also closes everything that was created from the object, and waits for nothing: an object
    that another thread's call is using is destroyed when that call ends.
    """

    __slots__ = ("__weakref__", "_api", "_owner")

    _subject: ClassVar[str] = "object"

    _api: Api
    _owner: CData

    def _pin(self) -> Pin:
        return Pin(self._owner, self._subject)

    @property
    def closed(self) -> bool:
        """Whether this object, or the client that it belongs to, has been closed."""
        return lib.ryft_owner_is_closed(self._owner)

    @property
    def pointer(self) -> CData | None:
        """The underlying C pointer, or `None` once closed. Unsafe: nothing keeps it valid after this object closes."""
        pointer = lib.ryft_owner_pin(self._owner)
        if pointer == NULL:
            return None
        lib.ryft_owner_unpin(self._owner)
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

    # The function is bound now: at interpreter exit the module's globals may be gone before the last object.
    def __del__(self, release: CData = lib.ryft_owner_release) -> None:
        owner = getattr(self, "_owner", None)
        if owner is not None:
            release(owner)
