"""Key-value stores, through which the processes that create clients together find each other."""

from __future__ import annotations

import threading
from typing import Protocol, runtime_checkable

from ryft_pjrt.errors import NotFoundError
from ryft_pjrt.host_callbacks import make_error
from ryft_xla_sys.ffi import NULL, CData, ffi, lib

__all__ = ["KeyValueStore", "LocalKeyValueStore", "key_value_fields"]


@runtime_checkable
class KeyValueStore(Protocol):
    """Store that several processes share. Plugins call it from any thread."""

    def put(self, key: bytes, value: bytes) -> None:
        """Stores a value."""
        ...

    def get(self, key: bytes, timeout: float) -> bytes:
        """Returns the value of a key, after waiting up to `timeout` seconds for it.

        Raises:
            NotFoundError: If it was not stored in time.
        """
        ...

    def try_get(self, key: bytes) -> bytes:
        """Returns the value of a key.

        Raises:
            NotFoundError: If it is not stored.
        """
        ...


class LocalKeyValueStore:
    """Key-value store for the clients of one process."""

    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}
        self._changed = threading.Condition()

    def put(self, key: bytes, value: bytes) -> None:
        """Stores a value."""
        with self._changed:
            self._values[key] = value
            self._changed.notify_all()

    def get(self, key: bytes, timeout: float) -> bytes:
        """Returns the value of a key, after waiting up to `timeout` seconds for it."""
        with self._changed:
            if not self._changed.wait_for(lambda: key in self._values, timeout):
                raise NotFoundError(f"the key {key!r} was not stored within {timeout} second(s)")
            return self._values[key]

    def try_get(self, key: bytes) -> bytes:
        """Returns the value of a key."""
        with self._changed:
            if key not in self._values:
                raise NotFoundError(f"the key {key!r} is not stored")
            return self._values[key]


def key_value_fields(handle: CData) -> dict[str, object]:
    """Returns the fields of `PJRT_Client_Create_Args` for the store behind an `ffi` handle."""
    return {
        "kv_get_callback": lib.ryft_key_value_get,
        "kv_get_user_arg": handle,
        "kv_try_get_callback": lib.ryft_key_value_try_get,
        "kv_try_get_user_arg": handle,
        "kv_put_callback": lib.ryft_key_value_put,
        "kv_put_user_arg": handle,
    }


def _give(args: CData, value: bytes) -> None:
    # The plugin may leave the size of this struct unset, so nothing here looks at it.
    args.value = lib.ryft_copy_value(value, len(value))
    if args.value == NULL:
        raise MemoryError(f"cannot allocate a value of {len(value)} bytes")
    args.value_size = len(value)
    args.value_deleter_callback = ffi.addressof(lib, "ryft_free_value")


def _key(args: CData) -> bytes:
    return bytes(ffi.buffer(args.key, args.key_size)) if args.key_size else b""


@ffi.def_extern()
def ryft_key_value_get(args: CData) -> CData:
    """Implements `PJRT_KeyValueGetCallback`."""
    try:
        _give(args, ffi.from_handle(args.user_arg).get(_key(args), args.timeout_in_ms / 1000))
    except BaseException as error:  # Nothing may leave a function that C calls.
        return make_error(args.callback_error, error)
    return NULL


@ffi.def_extern()
def ryft_key_value_try_get(args: CData) -> CData:
    """Implements `PJRT_KeyValueTryGetCallback`."""
    try:
        _give(args, ffi.from_handle(args.user_arg).try_get(_key(args)))
    except BaseException as error:  # Nothing may leave a function that C calls.
        return make_error(args.callback_error, error)
    return NULL


@ffi.def_extern()
def ryft_key_value_put(args: CData) -> CData:
    """Implements `PJRT_KeyValuePutCallback`."""
    try:
        value = bytes(ffi.buffer(args.value, args.value_size)) if args.value_size else b""
        ffi.from_handle(args.user_arg).put(_key(args), value)
    except BaseException as error:  # Nothing may leave a function that C calls.
        return make_error(args.callback_error, error)
    return NULL
