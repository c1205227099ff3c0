"""The compiled cffi module: types and constants of the PJRT C API, and our own native units."""

from typing import Any

ffi: Any
lib: Any
