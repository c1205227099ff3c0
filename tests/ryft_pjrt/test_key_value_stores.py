"""Tests of key-value stores, through the very callbacks that plugins are given."""

import threading

import pytest

from ryft_pjrt import LocalKeyValueStore
from ryft_pjrt.errors import NotFoundError
from ryft_pjrt.key_value_stores import key_value_fields
from ryft_xla_sys.ffi import NULL, ffi


class Caller:
    """Calls the callbacks as a plugin does."""

    def __init__(self, store: object) -> None:
        self.handle = ffi.new_handle(store)
        self.fields = key_value_fields(self.handle)
        self.errors: list[tuple[int, bytes]] = []

        @ffi.callback("PJRT_Error *(PJRT_Error_Code, const char *, size_t)")
        def make_error(code: int, message: object, size: int) -> object:
            self.errors.append((code, bytes(ffi.buffer(message, size))))
            return ffi.cast("PJRT_Error *", 1)

        self.make_error = make_error
        self.callback_error = ffi.new("PJRT_CallbackError *", make_error)

    def call(self, name: str, struct: str, key: bytes, **fields: object) -> object:
        data = ffi.from_buffer("char[]", key)
        args = ffi.new(
            f"{struct} *", {"key": data, "key_size": len(key), "callback_error": self.callback_error, **fields}
        )
        args.user_arg = self.handle
        failed = self.fields[f"kv_{name}_callback"](args) != NULL
        return None if failed else args

    def put(self, key: bytes, value: bytes) -> object:
        data = ffi.from_buffer("char[]", value)
        return self.call("put", "PJRT_KeyValuePutCallback_Args", key, value=data, value_size=len(value))

    def get(self, key: bytes, timeout_in_ms: int) -> bytes | None:
        return self.read(self.call("get", "PJRT_KeyValueGetCallback_Args", key, timeout_in_ms=timeout_in_ms))

    def try_get(self, key: bytes) -> bytes | None:
        return self.read(self.call("try_get", "PJRT_KeyValueTryGetCallback_Args", key))

    def read(self, args: object) -> bytes | None:
        if args is None:
            return None
        value = bytes(ffi.buffer(args.value, args.value_size))
        args.value_deleter_callback(args.value)
        return value


@pytest.mark.parametrize(("key", "value"), [(b"key", b"value"), (b"", b""), (b"\0\xff", bytes(range(256)))])
def test_values_come_back(key: bytes, value: bytes) -> None:
    caller = Caller(LocalKeyValueStore())

    assert caller.put(key, value) is not None
    assert caller.get(key, 1000) == value
    assert caller.try_get(key) == value


def test_missing_keys_are_errors_of_their_code() -> None:
    caller = Caller(LocalKeyValueStore())

    assert caller.try_get(b"a") is None
    assert caller.get(b"b", 1) is None
    assert [code for code, _ in caller.errors] == [NotFoundError.code] * 2
    assert b"was not stored within 0.001 second(s)" in caller.errors[1][1]


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_what_a_store_raises_becomes_an_internal_error(kind: type[BaseException]) -> None:
    class Broken:
        def put(self, key: bytes, value: bytes) -> None:
            raise kind("it broke")

        def get(self, key: bytes, timeout: float) -> bytes:
            raise kind("it broke")

        def try_get(self, key: bytes) -> bytes:
            raise kind("it broke")

    caller = Caller(Broken())

    assert caller.put(b"a", b"b") is None
    assert caller.get(b"a", 1) is None
    assert caller.try_get(b"a") is None
    assert caller.errors == [(13, f"{kind.__name__}: it broke".encode())] * 3


def test_get_waits_for_another_thread() -> None:
    store = LocalKeyValueStore()
    found: list[bytes] = []
    thread = threading.Thread(target=lambda: found.append(store.get(b"key", 60)))
    thread.start()

    store.put(b"key", b"value")
    thread.join(60)

    assert found == [b"value"]
