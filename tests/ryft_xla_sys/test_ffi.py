"""The door to C."""

from __future__ import annotations

from ryft_xla_sys.ffi import NULL, ffi, text


def test_text_reads_as_many_bytes_as_it_is_told() -> None:
    assert text(ffi.new("char[]", b"hello world"), 5) == "hello"


def test_text_of_no_bytes_does_not_follow_the_pointer() -> None:
    assert text(NULL, 0) == ""


def test_text_escapes_bytes_that_are_not_utf8() -> None:
    assert text(ffi.new("char[]", b"a\xff"), 2) == "a\\xff"
