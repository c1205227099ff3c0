"""Walks over all operations inside an operation."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING

from .errors import ErasedError

if TYPE_CHECKING:
    from .operations import Operation

__all__ = ["WalkOrder", "WalkResult", "walk_operation"]


class WalkOrder(enum.Enum):
    """Whether an operation is visited before or after those inside it."""

    PRE_ORDER = "pre-order"
    POST_ORDER = "post-order"


class WalkResult(enum.Enum):
    """What a walk does next: go on, skip what is inside the operation, or stop."""

    ADVANCE = "advance"
    SKIP = "skip"
    INTERRUPT = "interrupt"


def walk_operation(
    operation: Operation, callback: Callable[[Operation], WalkResult | None], order: WalkOrder
) -> WalkResult:
    """Calls `callback` with `operation` and every operation inside it.

    The callback may change the program: each block is listed when the walk reaches it, and operations that were erased
    since are left out.

    Args:
        operation: Where to start.
        callback: What to call. Returning `None` means `WalkResult.ADVANCE`.
        order: Whether an operation comes before or after those inside it. `SKIP` has no effect after.

    Returns:
        `INTERRUPT` if the callback stopped the walk, and otherwise `ADVANCE`.
    """
    if not callable(callback):
        raise TypeError(f"a walk expected a function, but got {callback!r}")
    if order is WalkOrder.PRE_ORDER:
        result = callback(operation) or WalkResult.ADVANCE
        if result is not WalkResult.ADVANCE:
            return WalkResult.INTERRUPT if result is WalkResult.INTERRUPT else WalkResult.ADVANCE
    if _is_alive(operation):
        for region in operation.regions:
            for block in region.blocks:
                for child in block.operations:
                    if _is_alive(child) and walk_operation(child, callback, order) is WalkResult.INTERRUPT:
                        return WalkResult.INTERRUPT
    if order is WalkOrder.POST_ORDER and _is_alive(operation):
        return callback(operation) or WalkResult.ADVANCE
    return WalkResult.ADVANCE


def _is_alive(operation: Operation) -> bool:
    try:
        operation.to_bindings()
    except ErasedError:
        return False
    return True
