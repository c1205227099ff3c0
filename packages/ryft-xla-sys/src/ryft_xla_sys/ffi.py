"""The one door to C: `ffi` holds the declarations of the PJRT C API, `lib` our own compiled functions and constants."""

from __future__ import annotations

from typing import Any, TypeAlias

from ryft_xla_sys._native import ffi, lib

__all__ = ["NULL", "CData", "ffi", "lib", "text"]

CData: TypeAlias = Any
"""A C value owned by cffi; it has no static type."""

NULL: CData = ffi.NULL


def text(pointer: CData, size: int) -> str:
    """Returns the UTF-8 text of `size` bytes at `pointer`; bytes that are not UTF-8 become escapes."""
    return bytes(ffi.buffer(pointer, size)).decode("utf-8", "backslashreplace") if size else ""
