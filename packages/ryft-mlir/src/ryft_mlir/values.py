"""Values: what operations take and give, and what blocks have as arguments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from ryft_xla_sys.mlir import ir

from . import blocks, operations
from ._arguments import array, check_kind, own
from ._ownership import Owner, revalidate
from .errors import OwnershipError
from .locations import Location, wrap_location
from .types import Type, wrap_type

if TYPE_CHECKING:
    from .blocks import Block
    from .context import Context
    from .operations import Operation

__all__ = ["Use", "Value"]

_Block: Any = ir.Block


class Use:
    """One use of a value: operand number `index` of `operation`."""

    __slots__ = ("index", "operation")

    def __init__(self, operation: Operation, index: int) -> None:
        self.operation = operation
        self.index = index

    def __repr__(self) -> str:
        return f"Use(operation={self.operation.name!r}, index={self.index})"


class Value:
    """A result of an operation or an argument of a block."""

    __slots__ = ("_context", "_generation", "_owner", "_raw")
    _kind = "value"

    def __init__(self, context: Context, owner: Owner, raw: Any) -> None:
        self._context = context
        self._owner = owner
        self._raw = raw
        self._generation = context._generation

    def to_bindings(self) -> Any:
        """Returns the value object of the upstream bindings.

        Raises:
            ErasedError: If the value is gone.
        """
        if self._generation != self._context._generation:
            revalidate(self)
        return self._raw

    def _rebind(self, raw: Any) -> None:
        """Takes a new object of the bindings, after the value has moved."""
        if raw is not None:
            self._raw = raw

    @property
    def context(self) -> Context:
        """The context that the value belongs to."""
        return self._context

    @property
    def type(self) -> Type:
        """The type of the value."""
        return wrap_type(self._context, self.to_bindings().type)

    @property
    def location(self) -> Location:
        """The location of the value."""
        return wrap_location(self._context, self.to_bindings().location)

    @property
    def is_block_argument(self) -> bool:
        """Whether the value is an argument of a block, and not a result of an operation."""
        return isinstance(self.to_bindings().owner, _Block)

    @property
    def index(self) -> int:
        """Position among the results of its operation, or among the arguments of its block."""
        raw = self.to_bindings()
        # The operands of an operation come as values that do not know which kind they are.
        return ir.BlockArgument(raw).arg_number if self.is_block_argument else ir.OpResult(raw).result_number

    @property
    def operation(self) -> Operation:
        """The operation that the value is a result of.

        Raises:
            OwnershipError: If the value is an argument of a block.
        """
        raw = self.to_bindings()
        if self.is_block_argument:
            raise OwnershipError("expected the result of an operation, but got an argument of a block")
        return operations.wrap_operation(self._context, self._owner, raw.owner)

    @property
    def block(self) -> Block:
        """The block that the value is an argument of, or the block of its operation.

        Raises:
            OwnershipError: If the value is a result of an operation that is not in a block.
        """
        raw = self.to_bindings()
        if self.is_block_argument:
            return blocks.wrap_block(self._context, self._owner, raw.owner)
        block = self.operation.block
        if block is None:
            raise OwnershipError("the operation of this value is not in a block")
        return block

    @property
    def uses(self) -> tuple[Use, ...]:
        """The uses of the value, newest first."""
        raw, owner = self.to_bindings(), self._owner
        return tuple(
            Use(operations.wrap_operation(self._context, owner.of_operation(use.owner), use.owner), use.operand_number)
            for use in raw.uses
        )

    def replace_all_uses_with(self, replacement: Value, *, except_for: Iterable[Operation] = ()) -> None:
        """Makes every operation that uses this value use `replacement` instead, but for the operations in `except_for`.

        Raises:
            OwnershipError: If `replacement` is in another module.
        """
        raw = self.to_bindings()
        check_same_tree(self._context, self._owner, replacement)
        other = replacement.to_bindings()
        if raw == other:
            # MLIR would go on for ever.
            return
        context = self._context
        given = array(except_for, "`except_for`", "operations")
        kept = [own(context, item, operations.Operation, "operation").to_bindings() for item in given]
        if kept:
            raw.replace_all_uses_except(other, kept)
        else:
            raw.replace_all_uses_with(other)

    def set_type(self, new_type: Type) -> None:
        """Changes the type of the value in place. Verify the module afterwards."""
        self.to_bindings().set_type(own(self._context, new_type, Type, "type")._raw)

    def name(self, *, use_local_scope: bool = False) -> str:
        """Returns the name that the printer gives the value, for example `%0` or `%arg1`."""
        return self.to_bindings().get_name(bool(use_local_scope))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Value):
            return NotImplemented
        return self._context is other._context and self.to_bindings() == other.to_bindings()

    def __hash__(self) -> int:
        return hash(self._raw)

    def __str__(self) -> str:
        return self.name()

    def __repr__(self) -> str:
        if self._generation < 0:
            return "Value[erased]"
        try:
            raw = self.to_bindings()
        except ValueError:
            return "Value[erased]"
        return f"Value[{raw.get_name()}: {raw.type}]"


def type_of(value: Value) -> Type:
    """Returns the type of what should be a value.

    Raises:
        TypeError: If it is not.
    """
    check_kind(value, Value, "MLIR", "a value")
    return value.type


def check_same_tree(context: Context, owner: Owner, value: Value) -> None:
    """Raises unless `value` may be used by an operation in the tree of `owner`; lets a detached tree borrow it.

    Raises:
        ContextError: If the value belongs to another context.
        ErasedError: If the value is gone.
        OwnershipError: If the value belongs to a tree that could be freed while it is still used.
    """
    if value.__class__ is not Value or value._context is not context:
        own(context, value, Value, "value")
    if value._generation != context._generation:
        revalidate(value)
    here, there = owner.resolve(), value._owner.resolve()
    value._owner = there
    if here is there:
        return
    if there.is_module and not here.is_module:
        here.borrow(there)
        return
    where = "another module" if there.is_module else "a detached operation"
    error = OwnershipError(f"value of type `{value.type}` belongs to {where} and cannot be used here")
    error.add_note("hint: append the operation that defines the value to a block of this module first")
    raise error


def raise_wrong_operand(name: str, operands: Sequence[Any]) -> NoReturn:
    """Raises the error of an operand that is not a `Value`, or of operands that are no sequence."""
    refuse_wrong_operands(name, operands)
    raise RuntimeError(f"`{name}` could not read its operands {operands!r}")


def refuse_wrong_operands(name: str, operands: Sequence[Any]) -> None:
    """Raises if operands are no sequence, or one is not a `Value`.

    Raises:
        TypeError: If so.
    """
    operands = array(operands, f"`{name}`", "operands")
    for position, operand in enumerate(operands):
        if not isinstance(operand, Value):
            kind = type(operand).__name__
            error = TypeError(f"`{name}` expected a `Value` for operand {position}, but got `{kind}`")
            error.add_note("hint: turn numbers and arrays into values with `constant`")
            raise error from None
