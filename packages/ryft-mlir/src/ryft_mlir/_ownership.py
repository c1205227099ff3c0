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
from typing import TYPE_CHECKING, Any

from ryft_xla_sys.mlir import address

from .errors import ErasedError

if TYPE_CHECKING:
    from .context import Context

__all__ = ["Owner", "addresses", "record_erased", "record_moved", "revalidate"]


class Owner:
    """Keeps alive the root of one tree of operations. Wrappers of anything in the tree hold it."""

    __slots__ = ("__weakref__", "borrowed", "borrowers", "context", "finalizer", "is_module", "merged_into", "root")

    def __init__(self, context: Context, root: Any, *, is_module: bool) -> None:
        self.context = context
        self.root = root
        self.is_module = is_module
        self.merged_into: Owner | None = None
        # A detached tree may use values of another tree, which must then outlive it, and must not be changed by passes.
        self.borrowed: set[Owner] = set()
        self.borrowers: weakref.WeakSet[Owner] = weakref.WeakSet()
        self.finalizer: Any = None

    def resolve(self) -> Owner:
        """Returns the owner of the tree that this owner's tree has become part of."""
        owner = self
        while owner.merged_into is not None:
            owner = owner.merged_into
        return owner

    def borrow(self, other: Owner) -> None:
        """Notes that this tree uses values of the tree of `other`."""
        self.borrowed.add(other)
        other.borrowers.add(self)

    def merge_into(self, other: Owner) -> None:
        """Notes that this tree was attached to the tree of `other`."""
        self.merged_into = other
        self.root = None
        for borrowed in self.borrowed:
            borrowed.borrowers.discard(self)
            if borrowed.resolve() is not other:
                other.borrow(borrowed.resolve())
        self.borrowed = set()


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
    if change is not None and change[0] > wrapper._generation:
        owner = change[1]() if change[1] is not None else None
        if owner is None:
            wrapper._generation = -1
        else:
            wrapper._owner = owner
    if wrapper._generation < 0:
        error = ErasedError(f"this {wrapper._kind} has been erased")
        error.add_note("hint: passes and `erase` invalidate what they remove; look it up again in the module")
        raise error
    wrapper._generation = context._generation


def addresses(operation: Any, *, include_self: bool = True) -> list[int]:
    """Returns the addresses of an operation of the bindings and of all operations, blocks and values inside it."""
    found: list[int] = []
    pending = [operation.operation]
    while pending:
        current = pending.pop()
        if include_self or current is not operation.operation:
            found.append(address(current))
            found.extend(address(result) for result in current.results)
        for region in current.regions:
            for block in region.blocks:
                found.append(address(block))
                found.extend(address(argument) for argument in block.arguments)
                pending.extend(child.operation for child in block.operations)
    return found


def record_erased(context: Context, gone: list[int]) -> None:
    """Marks wrappers of the objects at these addresses as stale. Wrappers made later are not affected."""
    context._generation += 1
    change = (context._generation, None)
    context._changes.update(dict.fromkeys(gone, change))


def record_moved(context: Context, moved: list[int], owner: Owner) -> None:
    """Tells wrappers of the objects at these addresses that they now belong to the tree of `owner`."""
    context._generation += 1
    change = (context._generation, weakref.ref(owner))
    context._changes.update(dict.fromkeys(moved, change))
