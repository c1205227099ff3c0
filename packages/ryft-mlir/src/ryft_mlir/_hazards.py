"""Keeps from MLIR's verifier, and from its printer, which verifies first, what would end the process there.

The builders make none of it. So programs are searched only once a context has built such an operation in another way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ryft_xla_sys.mlir import ir

from ._ownership import subtree

if TYPE_CHECKING:
    from .context import Context

__all__ = ["find_hazard", "note_hazard"]

_RETURNS = frozenset({"stablehlo.return", "mhlo.return"})
_DECISIONS = frozenset({"stablehlo.sort", "mhlo.sort", "stablehlo.while", "mhlo.while"})
_SHAPES = frozenset({"nvgpu.mma.sync", "nvgpu.mma.sp.sync"})
_HAZARDS = _RETURNS | _DECISIONS | _SHAPES


def note_hazard(context: Context, name: str) -> None:
    """Remembers that an operation was built, or changed, that may have to be refused later."""
    if name in _HAZARDS:
        context._has_hazards = True


def find_hazard(context: Context, operation: Any) -> str:
    """Returns why the verifier would end the process on an operation of the bindings, or on one inside it.

    Returns:
        The reason, or an empty text.
    """
    if context._has_hazards:
        for current in subtree(operation):
            name = current.name
            reason = (
                _wrong_decision(current) if name in _DECISIONS else _wrong_shape(current) if name in _SHAPES else ""
            )
            if reason:
                return f"`{name}` is not valid: {reason}"
    return ""


def _wrong_decision(operation: Any) -> str:
    """Returns what is wrong where the first region of a loop or of a sort ends with a value that is no tensor."""
    for block in operation.regions[0].blocks if len(operation.regions) else ():
        count = len(block.operations)
        for value in block.operations[count - 1].operands if count else ():
            if not isinstance(value.type, ir.RankedTensorType):
                return f"its first region expected to end with one boolean scalar, but got `{value.type}`"
    return ""


def _wrong_shape(operation: Any) -> str:
    attributes = operation.attributes
    if "mmaShape" not in attributes:
        return ""
    shape: Any = attributes["mmaShape"]
    fits = not isinstance(shape, ir.ArrayAttr) or len(shape) == 3
    return "" if fits else f"`mmaShape` expected 3 sizes, but got `{shape}`"
