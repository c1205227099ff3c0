"""Builders of the dialects, one module each. Every builder appends one operation to the block it is given."""

from . import chlo, func, stable_hlo

__all__ = ["chlo", "func", "stable_hlo"]
