"""Walks over all operations inside an operation."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
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
    # Not recursive, because programs may be nested more deeply than Python functions.
    entered: list[tuple[Operation, Iterator[Operation]]] = []
    following: Operation | None = operation
    while following is not None or entered:
        if following is not None:
            result = callback(following) if order is WalkOrder.PRE_ORDER else None
            if result is WalkResult.INTERRUPT:
                return result
            entered.append((following, iter(()) if result is WalkResult.SKIP else _children(following)))
        current, children = entered[-1]
        following = next(children, None)
        if following is None:
            entered.pop()
            is_due = order is WalkOrder.POST_ORDER and _is_alive(current)
            if is_due and callback(current) is WalkResult.INTERRUPT:
                return WalkResult.INTERRUPT
    return WalkResult.ADVANCE


def _children(operation: Operation) -> Iterator[Operation]:
    if _is_alive(operation):
        for region in operation.regions:
            for block in region.blocks:
                yield from (child for child in block.operations if _is_alive(child))


def _is_alive(operation: Operation) -> bool:
    try:
        operation.to_bindings()
    except ErasedError:
        return False
    return True
