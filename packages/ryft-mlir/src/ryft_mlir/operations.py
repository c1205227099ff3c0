"""Operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import blocks
from ._ownership import Owner, revalidate
from .values import Value

if TYPE_CHECKING:
    from .blocks import Block, Region
    from .context import Context

__all__ = ["Operation", "wrap_operation"]


class Operation:
    """An operation, attached to a block or detached."""

    __slots__ = ("_context", "_generation", "_owner", "_raw")
    _kind = "operation"

    def __init__(self, context: Context, owner: Owner, raw: Any) -> None:
        self._context = context
        self._owner = owner
        self._raw = raw
        self._generation = context._generation

    def to_bindings(self) -> Any:
        """Returns the operation object of the upstream bindings.

        Raises:
            ErasedError: If the operation is gone.
        """
        if self._generation != self._context._generation:
            revalidate(self)
        return self._raw

    @property
    def context(self) -> Context:
        """The context that the operation belongs to."""
        return self._context

    @property
    def name(self) -> str:
        """The full name, for example `stablehlo.add`."""
        return self.to_bindings().name

    @property
    def results(self) -> tuple[Value, ...]:
        """The results."""
        raw = self.to_bindings()
        return tuple(Value(self._context, self._owner, result) for result in raw.results)

    @property
    def regions(self) -> tuple[Region, ...]:
        """The regions of the operation."""
        return tuple(blocks.Region(self, index) for index in range(len(self.to_bindings().regions)))

    @property
    def block(self) -> Block | None:
        """The block that the operation is in, or `None`."""
        raw = self.to_bindings().block
        return None if raw is None else blocks.wrap_block(self._context, self._owner, raw)

    def __str__(self) -> str:
        return str(self.to_bindings())


def wrap_operation(context: Context, owner: Owner, raw: Any) -> Operation:
    """Wraps an operation of the bindings that is in the tree of `owner`."""
    return Operation(context, owner, raw.operation)
