"""Operations: the nodes of a program."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ryft_xla_sys.mlir import ir

from . import attribute_factories, blocks
from ._arguments import check_context, check_kind, check_nesting, number, own, text
from ._hazards import find_hazard, note_hazard
from ._ownership import (
    SCRATCH,
    Owner,
    addresses,
    ancestors,
    outermost,
    record_erased,
    record_moved,
    refers_outside,
    refuse_foreign_values,
    refuse_outside_uses,
    revalidate,
)
from .attributes import Attribute, fetch_attribute
from .diagnostics import translate
from .errors import BuildError, OwnershipError, ParseError, SerializationError, VerificationError
from .inference import check_inference, check_operands
from .locations import Location, wrap_location
from .locations import raw_location as find_location
from .printing import PrintingOptions
from .types import Type, raw_types
from .values import Value, check_same_tree, raise_wrong_operand
from .walks import WalkOrder, WalkResult, walk_operation

if TYPE_CHECKING:
    from .blocks import Block, Region
    from .context import Context

__all__ = ["Attributes", "Operation", "wrap_operation"]

_MOST_REGIONS = 10_000


class Operation:
    """An operation, in a block or detached. A detached operation is freed when its last wrapper goes away."""

    __slots__ = ("_context", "_generation", "_owner", "_raw")
    _kind = "operation"

    def __init__(self, context: Context, owner: Owner, raw: Any) -> None:
        self._context = context
        self._owner = owner
        self._raw = raw
        self._generation = context._generation

    # Construction.

    @classmethod
    def create(
        cls,
        context: Context,
        name: str,
        *,
        operands: Sequence[Value] = (),
        attributes: Mapping[str, Any] | None = None,
        result_types: Sequence[Type] | None = None,
        region_count: int = 0,
        location: Location | None = None,
    ) -> Operation:
        """Returns a new, detached operation of any dialect. Nothing is verified yet.

        Args:
            context: Context to build the operation in.
            name: Full name, for example `stablehlo.add`.
            operands: The operands. They may belong to a module, but not to a detached operation.
            attributes: Attributes, or plain Python values, by name.
            result_types: Types of the results. Defaults to what the dialect infers.
            region_count: Number of regions; they are empty.
            location: Where the operation comes from.

        Raises:
            BuildError: If the dialect is not known, or cannot infer the types of the results.
        """
        check_context(context, "`Operation.create`")
        if not context.is_registered(name):
            load_dialect_of(context, name)
        region_count = number(region_count, "the number of regions", 0, _MOST_REGIONS)
        owner = Owner(context, None, is_module=False)
        try:
            for operand in operands:
                check_same_tree(context, owner, operand)
        except (AttributeError, TypeError):
            raise_wrong_operand(name, operands)
        raw_attributes = attribute_factories.raw_attributes(context, attributes or {})
        raw_results = None if result_types is None else raw_types(context, result_types)
        raw_location = find_location(context, location)
        raw_operands = [operand._raw for operand in operands]
        check_operands(name, raw_operands)
        note_hazard(context, name)
        if raw_results is None:
            check_inference(context, name, raw_operands, raw_attributes, region_count)
        try:
            raw = ir.Operation.create(
                name,
                raw_results,
                raw_operands,
                raw_attributes,
                None,
                region_count,
                raw_location,
                False,
                raw_results is None,
            )
        except (ir.MLIRError, ValueError) as error:
            types = ", ".join(str(operand.type) for operand in operands)
            raise translate(error, BuildError, f"cannot build `{name}` of ({types})") from None
        owner.root = raw
        return wrap_operation(context, owner, raw)

    @classmethod
    def parse(cls, context: Context, source: str) -> Operation:
        """Returns the detached operation that `source` spells.

        Raises:
            ParseError: If `source` is not one valid operation.
        """
        check_context(context, "`Operation.parse`")
        check_nesting(text(source, "an operation"), "the operation")
        try:
            raw = ir.Operation.parse(source, context=context._raw)
        except (ir.MLIRError, ValueError) as error:
            raise translate(error, ParseError, "cannot parse the operation") from None
        raw = raw.operation
        return wrap_operation(context, Owner(context, raw, is_module=False), raw)

    def to_bindings(self) -> Any:
        """Returns the operation object of the upstream bindings.

        Raises:
            ErasedError: If the operation is gone.
        """
        if self._generation != self._context._generation:
            revalidate(self)
        return self._raw

    def _rebind(self, raw: Any) -> None:
        """Keeps its object of the bindings, which stays good when the operation moves."""

    # What the operation is.

    @property
    def context(self) -> Context:
        """The context that the operation belongs to."""
        return self._context

    @property
    def name(self) -> str:
        """The full name, for example `stablehlo.add`."""
        return self.to_bindings().name

    @property
    def location(self) -> Location:
        """Where the operation comes from."""
        return wrap_location(self._context, self.to_bindings().location)

    @property
    def attributes(self) -> Attributes:
        """The attributes by name. Assigning to them, and deleting them, changes the operation."""
        return Attributes(self)

    @property
    def operands(self) -> tuple[Value, ...]:
        """The operands."""
        raw = self.to_bindings()
        context, owner = self._context, self._owner
        return tuple(Value(context, owner.of_value(operand), operand) for operand in raw.operands)

    @property
    def results(self) -> tuple[Value, ...]:
        """The results."""
        raw = self.to_bindings()
        context, owner = self._context, self._owner
        return tuple(Value(context, owner, result) for result in raw.results)

    @property
    def result(self) -> Value:
        """The only result.

        Raises:
            OwnershipError: If the operation does not have exactly one.
        """
        results = self.results
        if len(results) != 1:
            raise OwnershipError(f"`{self.name}` expected exactly one result, but it has {len(results)}")
        return results[0]

    @property
    def regions(self) -> tuple[Region, ...]:
        """The regions."""
        return tuple(blocks.Region(self, index) for index in range(len(self.to_bindings().regions)))

    @property
    def successors(self) -> tuple[Block, ...]:
        """The blocks that the operation may jump to."""
        return tuple(blocks.wrap_block(self._context, self._owner, raw) for raw in self.to_bindings().successors)

    @property
    def block(self) -> Block | None:
        """The block that the operation is in, or `None` if it is detached or the root of a module."""
        raw = self.to_bindings()
        if self._owner.resolve().is_root(raw):
            return None
        return blocks.wrap_block(self._context, self._owner, raw.block)

    @property
    def parent(self) -> Operation | None:
        """The operation that holds this one in one of its regions, or `None`."""
        raw = self.to_bindings()
        if self._owner.resolve().is_root(raw):
            return None
        parent = raw.parent.operation
        return None if parent.name == SCRATCH else wrap_operation(self._context, self._owner, parent)

    @property
    def is_detached(self) -> bool:
        """Whether the operation is neither in a block nor the root of a module."""
        raw = self.to_bindings()
        owner = self._owner.resolve()
        return not owner.is_module and owner.is_root(raw)

    def is_before(self, other: Operation) -> bool:
        """Returns whether this operation comes before `other` in the block that both are in.

        Raises:
            OwnershipError: If they are not in one block.
        """
        check_kind(other, Operation, "MLIR", "an operation to compare with")
        raw, other_raw = self.to_bindings(), other.to_bindings()
        if self._context is not other._context or self.block is None or self.block != other.block:
            raise OwnershipError(f"`{self.name}` and `{other.name}` are not in one block")
        return raw.is_before_in_block(other_raw)

    # Changes.

    def set_operand(self, index: int, value: Value) -> None:
        """Replaces one operand.

        Raises:
            IndexError: If there is no such operand.
            OwnershipError: If `value` belongs to another module.
        """
        raw = self.to_bindings()
        if not 0 <= number(index, "the position of an operand") < len(raw.operands):
            raise IndexError(f"`{raw.name}` expected an operand from 0 to {len(raw.operands) - 1}, but got {index}")
        check_same_tree(self._context, self._owner, value)
        note_hazard(self._context, raw.name)
        raw.operands[index] = value._raw

    def replace_uses_of_with(self, old: Value, new: Value) -> None:
        """Replaces `old` by `new` among the operands."""
        raw = self.to_bindings()
        check_same_tree(self._context, self._owner, old)
        check_same_tree(self._context, self._owner, new)
        if old != new:
            note_hazard(self._context, raw.name)
            raw.replace_uses_of_with(old._raw, new._raw)

    def move_before(self, other: Operation) -> None:
        """Moves this operation, attached or not, into the block of `other`, just before it."""
        self._move(other, ir.InsertionPoint, lambda raw, target: raw.move_before(target))

    def move_after(self, other: Operation) -> None:
        """Moves this operation, attached or not, into the block of `other`, just after it."""
        self._move(other, ir.InsertionPoint.after, lambda raw, target: raw.move_after(target))

    def detach(self) -> Operation:
        """Takes the operation out of its block; it then lives as long as its wrappers, and may still use its operands.

        Raises:
            OwnershipError: If it is in no block, if other operations use its values, or if it jumps to blocks.
        """
        raw = self.to_bindings()
        old = self._owner.resolve()
        if old.is_root(raw):
            raise OwnershipError(f"`{raw.name}` is not in a block")
        refuse_outside_uses(raw, "detach")
        owner = Owner(self._context, None, is_module=False)
        self._refuse_successors("detach")
        if refers_outside(raw):
            if not old.is_module:
                raise OwnershipError(f"`{raw.name}` uses values of a detached operation and cannot leave it")
            owner.borrow(old)
        raw.detach_from_parent()
        owner.root = raw
        record_moved(self._context, addresses(raw), owner)
        self._owner = owner
        self._generation = self._context._generation
        return self

    def erase(self) -> None:
        """Frees the operation and everything inside it. Using it, or what was inside it, afterwards raises.

        Raises:
            OwnershipError: If it is the root of a module, or other operations use its values.
        """
        raw = self.to_bindings()
        owner = self._owner.resolve()
        if owner.is_root(raw):
            if owner.is_module:
                raise OwnershipError("the root of a module cannot be erased; drop the module instead")
            raw = owner.root
        refuse_outside_uses(raw, "erase")
        gone = addresses(raw)
        raw.erase()
        if raw is owner.root:
            owner.root = None
        record_erased(self._context, gone)
        self._generation = -1

    def clone(self) -> Operation:
        """Returns a detached copy, which uses the same operands.

        Raises:
            OwnershipError: If the operation uses values of a detached operation, or jumps to blocks.
        """
        raw = self.to_bindings()
        self._refuse_successors("clone")
        here = self._owner.resolve()
        owner = Owner(self._context, None, is_module=False)
        if refers_outside(raw):
            if here.is_module:
                owner.borrow(here)
            elif here.is_root(raw):
                for borrowed in here.borrowed:
                    owner.borrow(borrowed.resolve())
            else:
                raise OwnershipError(f"`{raw.name}` uses values of a detached operation; clone that instead")
        owner.root = raw.clone().operation
        return wrap_operation(self._context, owner, owner.root)

    def _refuse_successors(self, verb: str) -> None:
        if len(self._raw.successors):
            raise OwnershipError(f"cannot {verb} `{self._raw.name}`, because it jumps to blocks")

    def _move(self, other: Operation, point: Callable[[Any], Any], move: Callable[[Any, Any], object]) -> None:
        check_kind(other, Operation, "MLIR", "an operation to move beside")
        target = other.to_bindings()
        if other.block is None:
            raise OwnershipError(f"`{other.name}` is not in a block, so nothing can be moved beside it")
        if self.to_bindings() == target:
            return
        # MLIR moves only what is in a block; anything else is inserted.
        insert = point(target).insert if self.is_detached else lambda raw: move(raw, target)
        attach(self, other._context, other._owner, target, insert)

    # Text, bytecode and checks.

    def walk(
        self, callback: Callable[[Operation], WalkResult | None], order: WalkOrder = WalkOrder.POST_ORDER
    ) -> WalkResult:
        """Calls `callback` with this operation and every operation inside it; see `walk_operation`."""
        return walk_operation(self, callback, order)

    def verify(self) -> None:
        """Checks the rules of MLIR and of the dialects.

        Raises:
            VerificationError: If the operation, or one inside it, breaks one; it names the types and the location.
        """
        raw = self.to_bindings()
        hazard = find_hazard(self._context, raw)
        if hazard:
            raise VerificationError(hazard)
        try:
            valid = raw.verify()
        except ir.MLIRError as error:
            raise translate(error, VerificationError, f"`{self._raw.name}` is not valid") from None
        if not valid:
            raise VerificationError(f"`{self._raw.name}` is not valid: MLIR gave no reason")
        if self._context._has_jumps:
            # In blocks that cannot be reached, MLIR does not check whether values are visible where they are used, and
            # then fails on them later. The parser does.
            self._verify_by_parsing()

    def _verify_by_parsing(self) -> None:
        raw = self._raw
        if refers_outside(raw):
            return
        try:
            ir.Operation.parse(raw.get_asm(print_generic_op_form=True), context=self._context._raw)
        except ir.MLIRError as error:
            raise translate(error, VerificationError, f"`{raw.name}` is not valid") from None

    def text(self, options: PrintingOptions | None = None) -> str:
        """Returns the text of the operation, by default with all constants in full.

        Raises:
            VerificationError: If `options` assume that the operation is valid, and it is not.
        """
        raw = self.to_bindings()
        if options is not None:
            check_kind(options, PrintingOptions, "the printer", "`PrintingOptions`")
        if options is not None and options.assume_verified:
            # The printer would end the process.
            self.verify()
        chosen = options or PrintingOptions()
        if self._context._has_hazards and find_hazard(self._context, outermost(raw)):
            # As the printer does for other programs that are not valid: it verifies what is around the operation, too.
            chosen = replace(chosen, generic_form=True)
        return raw.get_asm(**chosen.to_bindings()).rstrip("\n")

    def bytecode(self, version: int | None = None) -> bytes:
        """Returns the operation as MLIR bytecode, of the newest version unless another is given.

        Raises:
            SerializationError: If MLIR cannot write that version.
            OwnershipError: If the operation uses values from outside, or something outside uses its values.
            VerificationError: If the operation is not valid.
        """
        if version is not None:
            number(version, "a version of bytecode")
        # In all of these cases MLIR's writer would end the process.
        self.verify()
        raw, owner = self.to_bindings(), self._owner.resolve()
        if owner.borrowers:
            raise OwnershipError("cannot write bytecode while a detached operation uses values of the program")
        if not (owner.is_module and owner.is_root(raw)):
            refuse_outside_uses(raw, "write bytecode of")
            if refers_outside(raw):
                raise OwnershipError(f"cannot write bytecode of `{raw.name}`, because it uses values from outside")
        file = io.BytesIO()
        try:
            raw.write_bytecode(file, version)
        except (ValueError, ir.MLIRError) as error:
            raise SerializationError(f"cannot write bytecode of version {version}: {error}") from None
        return file.getvalue()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Operation):
            return NotImplemented
        return self._context is other._context and self.to_bindings() == other.to_bindings()

    def __hash__(self) -> int:
        return hash(self.to_bindings())

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        try:
            return f"{type(self).__name__}[{self.text()}]"
        except ValueError:
            return f"{type(self).__name__}[erased]"


class Attributes(MutableMapping[str, Attribute]):
    """The attributes of an operation by name."""

    __slots__ = ("_operation",)

    def __init__(self, operation: Operation) -> None:
        self._operation = operation

    def __getitem__(self, name: str) -> Attribute:
        raw = self._operation.to_bindings().attributes
        if text(name, "the name of an attribute") not in raw:
            names = ", ".join(raw.keys()) or "no attributes"
            raise KeyError(f"`{self._operation.name}` has {names}, but not `{name}`")
        return fetch_attribute(self._operation._context, lambda: raw[name])

    def __setitem__(self, name: str, value: Any) -> None:
        """Sets an attribute.

        Raises:
            BuildError: If the operation takes no such value for it; it then keeps what it had.
        """
        if not text(name, "the name of an attribute"):
            raise ValueError("the name of an attribute expected a text, but got ''")
        raw = self._operation.to_bindings().attributes
        given = self._operation._context.attribute(value)._raw
        old = self[name]._raw if name in raw else None
        note_hazard(self._operation._context, self._operation.name)
        raw[name] = given
        # Where the operation itself defines the attribute, MLIR drops what does not fit.
        if name not in raw:
            if old is not None:
                raw[name] = old
            raise BuildError(f"`{self._operation.name}` takes no `{given}` for `{name}`")

    def __delitem__(self, name: str) -> None:
        self.__getitem__(name)
        del self._operation.to_bindings().attributes[name]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._operation.to_bindings().attributes

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._operation.to_bindings().attributes.keys()))

    def __len__(self) -> int:
        return len(self._operation.to_bindings().attributes)

    def __repr__(self) -> str:
        return f"Attributes({ {name: str(value) for name, value in self.items()} })"


def wrap_operation(context: Context, owner: Owner, raw: Any) -> Operation:
    """Wraps an operation of the bindings that is in the tree of `owner`, in the class that knows its kind."""
    operation = raw.operation
    return CLASSES.get(operation.name, Operation)(context, owner, operation)


CLASSES: dict[str, type[Operation]] = {}
"""Wrapper classes of the operations that have one of their own. Dialects add theirs."""


def attach(operation: Operation, context: Context, owner: Owner, target: Any, place: Callable[[Any], object]) -> None:
    """Puts an operation, attached or not, at a place inside the tree of `owner`.

    Args:
        operation: What to put there.
        context: Context of the place.
        owner: Owner of the place.
        target: The operation of the bindings that is at the place, or around it.
        place: Puts the operation of the bindings there.

    Raises:
        ContextError: If the operation belongs to another context.
        OwnershipError: If the place is inside the operation, or values would be used across modules.
    """
    raw = own(context, operation, Operation, "operation").to_bindings()
    if any(current == raw for current in ancestors(target)):
        raise OwnershipError(f"`{raw.name}` cannot be moved into itself")
    old, new = operation._owner.resolve(), owner.resolve()
    if old.is_root(raw):
        if old.is_module:
            raise OwnershipError("the root of a module cannot be moved into another operation; clone it instead")
        refuse_foreign_values(old, new)
        # Only the object that owns the detached operation may hand it over.
        place(old.root)
        old.merge_into(new)
        return
    if old is not new:
        refuse_outside_uses(raw, "move")
        if refers_outside(raw):
            raise OwnershipError(f"`{raw.name}` uses values that would stay behind in another tree")
    place(raw)
    if old is not new:
        record_moved(context, addresses(raw), new)


def load_dialect_of(context: Context, name: str) -> None:
    """Loads the dialect of the operation called `name`.

    Raises:
        BuildError: If MLIR does not know the operation and the context does not allow that.
    """
    namespace, _, _ = name.partition(".")
    if context.allows_unregistered_dialects:
        # What MLIR does know must not stay unregistered: it crashes once something else loads the dialect.
        with contextlib.suppress(BuildError):
            context.load_dialect(namespace)
        return
    context.load_dialect(namespace)
    if not context.is_registered(name):
        raise BuildError(f"expected an operation of the dialect `{namespace}`, but got `{name}`")
