"""Help for tests of code that uses PJRT."""

from __future__ import annotations

from ryft_xla_sys.ffi import lib

__all__ = ["live_objects"]


def live_objects() -> int:
    """Returns the number of PJRT objects of this process that are owned by wrappers and not destroyed yet."""
    return lib.ryft_owner_live_count()
