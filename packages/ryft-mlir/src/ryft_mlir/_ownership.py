"""Who owns what, and how a wrapper notices that the object behind it is gone.

Every module and every detached operation is the root of a tree and has one `Owner`; every wrapper inside the tree
points to it. Attaching a tree to another merges its owner into the other's.

MLIR frees an operation together with everything inside it and leaves dangling pointers in whoever still refers to it.
So each context counts *changes*: erasing something, or moving it to another tree, records the addresses concerned
together with the count. A wrapper remembers the count at which it was last known to be good. While the two agree, which
is nearly always, using the wrapper costs one comparison; otherwise the wrapper looks itself up in the record once.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ryft_xla_sys.mlir import address, ir

from .errors import ErasedError, OwnershipError

if TYPE_CHECKING:
    from .context import Context

__all__ = [
    "SCRATCH",
    "Owner",
    "addresses",
    "ancestors",
    "outermost",
    "parent_of_block",
    "record_erased",
    "record_moved",
    "refers_outside",
    "refuse_foreign_values",
    "refuse_outside_uses",
    "refuse_ties",
    "revalidate",
    "subtree",
]

SCRATCH = "ryft.detached"
"""Name of the operation that holds a detached region, because the bindings have none that stand alone."""


class Owner:
    """Keeps alive the root of one tree of operations. Wrappers of anything in the tree hold it."""

    __slots__ = ("__weakref__", "borrowed", "borrowers", "building", "context", "is_module", "merged_into", "root")

    root: Any

    def __init__(self, context: Context, root: Any, *, is_module: bool) -> None:
        self.context = context
        self.root = root
        self.is_module = is_module
        self.merged_into: Owner | None = None
        # How many operations with regions are being built; they use values of the tree but are not yet part of it.
        self.building = 0
        # A detached tree may use values of another tree, which must then outlive it, and must not be changed by passes.
        self.borrowed: set[Owner] = set()
        self.borrowers: weakref.WeakSet[Owner] = weakref.WeakSet()

    def __del__(self) -> None:
        # A detached tree must go before the trees whose values it uses, whoever still holds objects of the bindings.
        if not self.is_module and self.root is not None:
            self.root.erase()

    def resolve(self) -> Owner:
        """Returns the owner of the tree that this owner's tree has become part of."""
        owner = self
        while owner.merged_into is not None:
            owner = owner.merged_into
        return owner

    def is_root(self, operation: Any) -> bool:
        """Returns whether an operation of the bindings is the root of the tree."""
        if self.root is None:
            return False
        root = self.root.operation if self.is_module else self.root
        return bool(root == operation)

    def of_operation(self, operation: Any) -> Owner:
        """Returns the owner of an operation of the bindings in this tree, or in one that it shares values with."""
        owner = self.resolve()
        related = [other.resolve() for other in (*owner.borrowed, *owner.borrowers)]
        if related:
            *_, top = ancestors(operation)
            for other in related:
                if other.is_root(top):
                    return other
        return owner

    def of_value(self, value: Any) -> Owner:
        """Returns the owner of a value of the bindings in this tree, or in one that shares values with it."""
        if not self.resolve().borrowed:
            return self
        definer = value.owner
        return self.of_operation(parent_of_block(definer) if isinstance(definer, ir.Block) else definer)

    def borrow(self, other: Owner) -> None:
        """Notes that this tree uses values of the tree of `other`."""
        self.borrowed.add(other)
        other.borrowers.add(self)

    def merge_into(self, other: Owner) -> None:
        """Notes that this tree was attached to the tree of `other`."""
        self.merged_into = other
        self.root = None
        other.inherit(self)
        for borrowed in self.borrowed:
            borrowed.borrowers.discard(self)
        self.borrowed = set()

    def inherit(self, other: Owner) -> None:
        """Notes that this tree now holds what used values of other trees on behalf of `other`."""
        for borrowed in other.borrowed:
            if borrowed.resolve() is not self:
                self.borrow(borrowed.resolve())


def revalidate(wrapper: Any) -> None:
    """Brings a wrapper up to date with the changes of its context, or raises if what it wraps is gone.

    Raises:
        ErasedError: If the wrapped object has been erased.
    """
    context: Context = wrapper._context
    change = None
    if wrapper._generation >= 0:
        try:
            change = context._changes.get(address(wrapper._raw))
        except RuntimeError:
            wrapper._generation = -1
    if change is not None:
        erased, moved, owner_reference = change
        owner = owner_reference() if owner_reference is not None else None
        if erased > wrapper._generation or (moved > wrapper._generation and owner is None):
            wrapper._generation = -1
        elif moved > wrapper._generation and owner is not None:
            wrapper._owner = owner
            wrapper._rebind(find(owner, address(wrapper._raw)))
    if wrapper._generation < 0:
        error = ErasedError(f"this {wrapper._kind} has been erased")
        error.add_note("hint: passes and `erase` invalidate what they remove; look it up again in the module")
        raise error
    wrapper._generation = context._generation


def find(owner: Owner, wanted: int) -> Any:
    """Returns the block or value of the bindings at an address in the tree of `owner`, or `None`.

    Blocks and values that moved need this, because the bindings tie them to the operation they were first found in.
    """
    owner = owner.resolve()
    root = owner.root.operation if owner.is_module else owner.root
    for operation in subtree(root):
        for result in operation.results:
            if address(result) == wanted:
                return result
        for region in operation.regions:
            for block in region.blocks:
                if address(block) == wanted:
                    return block
                for argument in block.arguments:
                    if address(argument) == wanted:
                        return argument
    return None


def subtree(operation: Any) -> Iterator[Any]:
    """Yields an operation of the bindings and all operations inside it."""
    pending = [operation.operation]
    while pending:
        current = pending.pop()
        yield current
        for region in current.regions:
            for block in region.blocks:
                pending.extend(child.operation for child in block.operations)


def addresses(operation: Any) -> list[int]:
    """Returns the addresses of an operation of the bindings and of all operations, blocks and values inside it."""
    found: list[int] = []
    for current in subtree(operation):
        found.append(address(current))
        found.extend(address(result) for result in current.results)
        for region in current.regions:
            for block in region.blocks:
                found.append(address(block))
                found.extend(address(argument) for argument in block.arguments)
    return found


def parent_of_block(block: Any) -> Any:
    """Returns the operation of the bindings that holds a block of the bindings.

    The bindings' block remembers the operation it was first found in, even after it has moved. An operation inside it
    knows better; where there is none, one is put there for a moment.
    """
    inside = block.operations
    if len(inside):
        return inside[0].operation.parent.operation
    unknown = ir.Location.unknown(block.owner.context)
    marker = ir.Operation.create(SCRATCH, (), (), None, None, 0, unknown, False)
    block.append(marker)
    parent = marker.parent.operation
    marker.erase()
    return parent


def ancestors(operation: Any) -> Iterator[Any]:
    """Yields an operation of the bindings and those around it, from the inside outwards."""
    current = operation.operation
    while current is not None:
        yield current
        parent = current.parent if current.attached else None
        current = None if parent is None else parent.operation


def outermost(operation: Any) -> Any:
    """Returns the operation of the bindings that is around all others around `operation`."""
    *_, last = ancestors(operation)
    return last


def refers_outside(operation: Any) -> bool:
    """Returns whether an operation of the bindings, or one inside it, uses values or blocks from outside."""
    inside = set(addresses(operation))
    return any(
        address(item) not in inside
        for current in subtree(operation)
        for item in (*current.operands, *current.successors)
    )


def refuse_outside_uses(operation: Any, verb: str) -> None:
    """Raises if anything outside an operation of the bindings uses a value or a block that it holds.

    Raises:
        OwnershipError: If so; the message names the value and the user.
    """
    operations = list(subtree(operation))
    inside = {address(current) for current in operations}
    for current in operations:
        for result in current.results:
            _refuse_uses(result, inside, verb)
        for region in current.regions:
            for block in region.blocks:
                _refuse_outside_uses_of_block(block, inside, verb)


def refuse_foreign_values(old: Owner, new: Owner) -> None:
    """Raises if a detached tree that is to become part of another uses values of a third.

    Raises:
        OwnershipError: If so.
    """
    if new.is_module and any(borrowed.resolve() is not new for borrowed in old.borrowed):
        raise OwnershipError("what is to be attached uses values of another module")


def refuse_ties(block: Any, inside: set[int]) -> None:
    """Raises if a block of the bindings and what stays behind when it moves use each other.

    Args:
        block: The block.
        inside: Addresses of the operations in it and of everything inside them.

    Raises:
        OwnershipError: If so.
    """
    own = {*inside, address(block), *(address(argument) for argument in block.arguments)}
    for operation in block.operations:
        for current in subtree(operation):
            if any(address(item) not in own for item in (*current.operands, *current.successors)):
                raise OwnershipError(f"`{current.name}` uses values or blocks that would stay behind")
            for result in current.results:
                _refuse_uses(result, own, "move")
    _refuse_outside_uses_of_block(block, own, "move")


def _refuse_outside_uses_of_block(block: Any, inside: set[int], verb: str) -> None:
    for argument in block.arguments:
        _refuse_uses(argument, inside, verb)
    for predecessor in block.predecessors:
        jump = predecessor.operations[len(predecessor.operations) - 1].operation
        if address(jump) not in inside:
            raise OwnershipError(f"cannot {verb} a block that `{jump.name}` jumps to")


def _refuse_uses(value: Any, inside: set[int], verb: str) -> None:
    for use in value.uses:
        user = use.owner.operation
        if address(user) not in inside:
            error = OwnershipError(f"cannot {verb} the value `{value.get_name()}` that `{user.name}` still uses")
            error.add_note("hint: erase its users first, or call `replace_all_uses_with`")
            raise error


def record_erased(context: Context, gone: list[int]) -> None:
    """Marks wrappers of the objects at these addresses as stale. Wrappers made later are not affected."""
    context._generation += 1
    context._changes.update(dict.fromkeys(gone, (context._generation, 0, None)))


def record_moved(context: Context, moved: list[int], owner: Owner) -> None:
    """Tells wrappers of the objects at these addresses that they now belong to the tree of `owner`."""
    context._generation += 1
    reference = weakref.ref(owner)
    changes = context._changes
    for item in moved:
        # An address may have belonged to something that was erased before.
        erased = changes[item][0] if item in changes else 0
        changes[item] = (erased, context._generation, reference)
