"""Looking into compiled functions: printing and calling back when a program gets to a place."""

from ryft_core.primitives.callbacks import debug_callback as callback
from ryft_core.primitives.callbacks import debug_print as print  # noqa: A004 (`ryft.debug.print`, as in JAX)

__all__ = ["callback", "print"]
