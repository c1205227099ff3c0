"""Blocks and regions: the lists of operations inside operations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ryft_xla_sys.mlir import address, ir

from . import operations
from ._arguments import array, check_context, number, own
from ._hazards import find_hazard
from ._ownership import (
    SCRATCH,
    Owner,
    addresses,
    ancestors,
    outermost,
    parent_of_block,
    record_erased,
    record_moved,
    refers_outside,
    refuse_foreign_values,
    refuse_outside_uses,
    refuse_ties,
    revalidate,
)
from .errors import OwnershipError
from .locations import Location
from .locations import raw_location as find_location
from .types import Type, raw_types
from .values import Value

if TYPE_CHECKING:
    from .context import Context
    from .operations import Operation

__all__ = ["Block", "Region", "wrap_block"]


class Block:
    """A list of operations that run in order, with arguments that are values inside it."""

    __slots__ = ("_append", "_arguments", "_context", "_generation", "_owner", "_raw")
    _kind = "block"

    def __init__(self, context: Context, owner: Owner, raw: Any) -> None:
        self._context = context
        self._owner = owner
        self._raw = raw
        # The bindings' own method: builders call it without checks, on operations they have just made.
        self._append = raw.append
        self._arguments: tuple[Value, ...] | None = None
        self._generation = context._generation

    @classmethod
    def create(
        cls, context: Context, argument_types: Sequence[Type] = (), *, location: Location | None = None
    ) -> Block:
        """Returns a new, detached block, the only one of a detached region."""
        check_context(context, "`Block.create`")
        return Region.create(context).append_new(argument_types, location=location)

    def to_bindings(self) -> Any:
        """Returns the block object of the upstream bindings.

        Raises:
            ErasedError: If the block is gone.
        """
        if self._generation != self._context._generation:
            revalidate(self)
            self._arguments = None
        return self._raw

    def _rebind(self, raw: Any) -> None:
        """Takes a new object of the bindings, after the block has moved."""
        if raw is not None:
            self._raw = raw
            self._append = raw.append

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

    @property
    def terminator(self) -> Operation | None:
        """The last operation if it ends the block, that is, jumps or returns, and otherwise `None`."""
        raw = self.to_bindings().operations
        if not len(raw):
            return None
        last = operations.wrap_operation(self._context, self._owner, raw[len(raw) - 1])
        return last if last.name.endswith(_TERMINATORS) or last.successors else None

    @property
    def parent(self) -> Operation | None:
        """The operation that holds the block in one of its regions, or `None` if the block is detached."""
        raw = parent_of_block(self.to_bindings())
        return None if raw.name == SCRATCH else operations.wrap_operation(self._context, self._owner, raw)

    @property
    def region(self) -> Region:
        """The region that the block is in."""
        raw = self.to_bindings()
        parent = operations.Operation(self._context, self._owner, parent_of_block(self.to_bindings()))
        for region in parent.regions:
            if any(block == raw for block in region.to_bindings().blocks):
                return region
        raise OwnershipError("the block is in no region")

    @property
    def predecessors(self) -> tuple[Block, ...]:
        """The blocks that may jump to this one."""
        return tuple(Block(self._context, self._owner, raw) for raw in self.to_bindings().predecessors)

    @property
    def successors(self) -> tuple[Block, ...]:
        """The blocks that this one may jump to."""
        return tuple(Block(self._context, self._owner, raw) for raw in self.to_bindings().successors)

    def append_argument(self, argument_type: Type, *, location: Location | None = None) -> Value:
        """Adds an argument after the others and returns it."""
        raw = self.to_bindings()
        (raw_type,) = raw_types(self._context, [argument_type])
        raw_location = find_location(self._context, location)
        argument = Value(self._context, self._owner, raw.add_argument(raw_type, raw_location))
        self._arguments = None
        return argument

    def erase_argument(self, index: int) -> None:
        """Removes an argument.

        Raises:
            IndexError: If there is no such argument.
            OwnershipError: If the argument is still used.
        """
        raw = self.to_bindings()
        arguments = list(raw.arguments)
        if not 0 <= number(index, "the position of an argument") < len(arguments):
            raise IndexError(f"expected an argument from 0 to {len(arguments) - 1}, but got {index}")
        argument = arguments[index]
        for use in argument.uses:
            raise OwnershipError(f"cannot erase argument {index}, because `{use.owner.operation.name}` still uses it")
        gone = [address(argument)]
        raw.erase_argument(index)
        record_erased(self._context, gone)

    def append(self, operation: Operation) -> Operation:
        """Moves an operation, detached or in another place, to the end of the block, and returns it.

        Raises:
            OwnershipError: If the operation uses values of another module, or holds this block.
        """
        raw = self.to_bindings()
        operations.attach(operation, self._context, self._owner, parent_of_block(self.to_bindings()), raw.append)
        return operation

    def insert(self, index: int, operation: Operation) -> Operation:
        """Moves an operation to the position `index` of the block, and returns it."""
        existing = self.operations
        own(self._context, operation, operations.Operation, "operation")
        if not 0 <= number(index, "the position in a block") <= len(existing):
            raise IndexError(f"expected a position from 0 to {len(existing)}, but got {index}")
        if index == len(existing):
            return self.append(operation)
        operation.move_before(existing[index])
        return operation

    def detach(self) -> Block:
        """Takes the block out of its region; it then lives as long as its wrappers. Returns the block.

        Raises:
            OwnershipError: If something outside uses its values or jumps to it, or it uses values from outside.
        """
        target = Region.create(self._context)
        target.append(self)
        return self

    def __iter__(self) -> Iterator[Operation]:
        return iter(self.operations)

    def __len__(self) -> int:
        return len(self.to_bindings().operations)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Block):
            return NotImplemented
        return self._context is other._context and self.to_bindings() == other.to_bindings()

    def __hash__(self) -> int:
        return hash(self.to_bindings())

    def __str__(self) -> str:
        raw = self.to_bindings()
        if self._context._has_hazards and find_hazard(self._context, outermost(parent_of_block(raw))):
            return "\n".join(operation.text() for operation in self.operations)
        return str(raw).rstrip("\n")

    def __repr__(self) -> str:
        try:
            return f"Block[{self}]"
        except ValueError:
            return "Block[erased]"


_TERMINATORS = ("return", ".yield", ".br", ".cond_br", ".switch", ".terminator", ".unreachable", ".condition")


class Region:
    """A list of blocks inside an operation, or detached."""

    __slots__ = ("_index", "_operation")

    def __init__(self, operation: Operation, index: int) -> None:
        self._operation = operation
        self._index = index

    @classmethod
    def create(cls, context: Context, blocks: Iterable[Block] = ()) -> Region:
        """Returns a new, detached region, and moves detached blocks into it."""
        check_context(context, "`Region.create`")
        raw = ir.Operation.create(SCRATCH, (), (), None, None, 1, context._unknown, False)
        region = cls(operations.Operation(context, Owner(context, raw, is_module=False), raw), 0)
        for block in array(blocks, "a region", "blocks"):
            region.append(block)
        return region

    def to_bindings(self) -> Any:
        """Returns the region object of the upstream bindings.

        Raises:
            ErasedError: If the operation that holds the region is gone.
        """
        return self._operation.to_bindings().regions[self._index]

    @property
    def context(self) -> Context:
        """The context that the region belongs to."""
        return self._operation._context

    @property
    def parent(self) -> Operation | None:
        """The operation that holds the region, or `None` if it is detached."""
        return None if self._operation.to_bindings().name == SCRATCH else self._operation

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks in the region, as they are now."""
        operation = self._operation
        raw = self.to_bindings()
        return tuple(Block(operation._context, operation._owner, block) for block in raw.blocks)

    def append_new(self, argument_types: Sequence[Type] = (), *, location: Location | None = None) -> Block:
        """Adds a new block after the others and returns it."""
        context = self.context
        raw = self.to_bindings()
        inputs = raw_types(context, argument_types)
        raw_location = find_location(context, location)
        block = raw.blocks.append(*inputs, arg_locs=[raw_location] * len(inputs))
        context._has_jumps = context._has_jumps or len(raw.blocks) > 1
        return Block(context, self._operation._owner, block)

    def append(self, block: Block) -> Block:
        """Moves a block, detached or in another place, to the end of the region, and returns it.

        Raises:
            OwnershipError: If the block holds this region, or would use or lend values across modules.
        """
        context = self.context
        raw = own(context, block, Block, "block").to_bindings()
        target = self.to_bindings()
        inside: set[int] = set()
        for operation in raw.operations:
            inside.update(addresses(operation))
        if any(address(item) in inside for item in ancestors(self._operation._raw)):
            raise OwnershipError("a block cannot be moved into itself")
        old, new = block._owner.resolve(), self._operation._owner.resolve()
        parent = parent_of_block(raw)
        if parent.name == "builtin.module":
            raise OwnershipError("the block of a module cannot be moved")
        alone = parent.name == SCRATCH and len(parent.regions[0].blocks) == 1 and old.is_root(parent)
        if alone:
            refuse_foreign_values(old, new)
        elif old is not new:
            refuse_ties(raw, inside)
        raw.append_to(target)
        context._has_jumps = context._has_jumps or len(target.blocks) > 1
        if alone:
            new.inherit(old)
        moved = [address(raw), *(address(argument) for argument in raw.arguments), *inside]
        record_moved(context, moved, new)
        block._owner, block._generation, block._arguments = new, context._generation, None
        block._rebind(target.blocks[len(target.blocks) - 1])
        return block

    def encloses(self, block: Block) -> bool:
        """Returns whether a block is in the region, or inside an operation in it."""
        inside = {address(item) for item in self.to_bindings().blocks}
        current = own(self.context, block, Block, "block").to_bindings()
        while current is not None:
            if address(current) in inside:
                return True
            parent = parent_of_block(current)
            current = parent.block if parent.attached and parent.parent is not None else None
        return False

    def move_blocks_to(self, raw_region: Any, owner: Owner) -> None:
        """Moves all blocks to the end of a region of the bindings in the tree of `owner`; this region is then empty.

        Raises:
            OwnershipError: If the blocks use values of, or lend values to, what stays behind in another tree.
        """
        operation = self._operation
        raw = operation.to_bindings()
        old, new = operation._owner.resolve(), owner.resolve()
        is_whole = raw.name == SCRATCH and old.is_root(raw)
        if old is not new and not is_whole and (refers_outside(raw) or len(raw.regions) > 1):
            raise OwnershipError(f"the region of `{raw.name}` cannot be moved to another tree")
        if is_whole:
            refuse_foreign_values(old, new)
        elif old is not new:
            refuse_outside_uses(raw, "move")
        if is_whole:
            new.inherit(old)
        moved = addresses(raw)
        for block in list(self.to_bindings().blocks):
            block.append_to(raw_region)
        context = operation._context
        context._has_jumps = context._has_jumps or len(raw_region.blocks) > 1
        record_moved(operation._context, moved[1:], new)

    def __iter__(self) -> Iterator[Block]:
        return iter(self.blocks)

    def __len__(self) -> int:
        return len(self.to_bindings().blocks)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Region):
            return NotImplemented
        return self._operation == other._operation and self._index == other._index

    def __hash__(self) -> int:
        return hash((self._operation, self._index))

    def __repr__(self) -> str:
        try:
            return f"Region[{len(self)} blocks]"
        except ValueError:
            return "Region[erased]"


def wrap_block(context: Context, owner: Owner, raw: Any) -> Block:
    """Wraps a block of the bindings that is in the tree of `owner`."""
    return Block(context, owner, raw)
