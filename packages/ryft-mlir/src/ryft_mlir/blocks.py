"""Blocks and regions: the lists of operations inside operations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import operations
from ._ownership import Owner, addresses, record_moved, revalidate
from .values import Value

if TYPE_CHECKING:
    from .context import Context
    from .operations import Operation

__all__ = ["Block", "Region"]


class Block:
    """A list of operations that run in order, with arguments that are values inside it."""

    __slots__ = ("_append", "_arguments", "_context", "_generation", "_owner", "_raw")
    _kind = "block"

    def __init__(self, context: Context, owner: Owner, raw: Any) -> None:
        self._context = context
        self._owner = owner
        self._raw = raw
        self._append = raw.append
        self._arguments: tuple[Value, ...] | None = None
        self._generation = context._generation

    def to_bindings(self) -> Any:
        """Returns the block object of the upstream bindings.

        Raises:
            ErasedError: If the block is gone.
        """
        if self._generation != self._context._generation:
            revalidate(self)
            self._arguments = None
        return self._raw

    @property
    def context(self) -> Context:
        """The context that the block belongs to."""
        return self._context

    @property
    def arguments(self) -> tuple[Value, ...]:
        """The arguments of the block."""
        raw = self.to_bindings()
        arguments = self._arguments
        if arguments is None:
            context, owner = self._context, self._owner
            arguments = self._arguments = tuple(Value(context, owner, argument) for argument in raw.arguments)
        return arguments

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The operations in the block, as they are now."""
        raw = self.to_bindings()
        return tuple(operations.wrap_operation(self._context, self._owner, item) for item in raw.operations)

    def __iter__(self) -> Iterator[Operation]:
        return iter(self.operations)

    def __len__(self) -> int:
        return len(self.to_bindings().operations)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Block):
            return NotImplemented
        return self._context is other._context and self.to_bindings() == other.to_bindings()

    def __hash__(self) -> int:
        return hash(self._raw)

    def __str__(self) -> str:
        return str(self.to_bindings())

    def __repr__(self) -> str:
        try:
            return f"Block[{self.to_bindings()}]"
        except ValueError:
            return "Block[erased]"


def wrap_block(context: Context, owner: Owner, raw: Any) -> Block:
    """Wraps a block of the bindings that is in the tree of `owner`."""
    return Block(context, owner, raw)


class Region:
    """A list of blocks inside an operation, or detached."""

    __slots__ = ("_index", "_operation")
    _kind = "region"

    def __init__(self, operation: Operation, index: int) -> None:
        self._operation = operation
        self._index = index

    def to_bindings(self) -> Any:
        """Returns the region object of the upstream bindings.

        Raises:
            ErasedError: If the operation that holds the region is gone.
        """
        return self._operation.to_bindings().regions[self._index]

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks in the region, as they are now."""
        operation = self._operation
        raw = self.to_bindings()
        return tuple(Block(operation._context, operation._owner, block) for block in raw.blocks)

    def move_blocks_to(self, raw_region: Any, owner: Owner) -> None:
        """Moves all blocks to the end of another region, in the tree of `owner`; this region is empty afterwards."""
        raw = self.to_bindings()
        operation = self._operation
        if operation._owner.resolve() is not owner.resolve():
            record_moved(operation._context, addresses(operation._raw, include_self=False), owner)
        for block in list(raw.blocks):
            block.append_to(raw_region)
