"""The core of all builders: appends one operation to a block.

Speed matters here, because lowering calls these functions once for every operation of a program. They talk to the
bindings directly, with explicit locations and blocks, and check ownership by comparing two counters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from ryft_xla_sys.mlir import ir

from . import operations
from ._arguments import array, check_kind, own
from ._ownership import SCRATCH, Owner, addresses, ancestors, parent_of_block, record_erased, refuse_outside_uses
from .blocks import Block, Region
from .diagnostics import translate
from .errors import BuildError, OwnershipError
from .inference import check_inference, check_operands
from .locations import raw_location as find_location
from .types import Type, raw_types
from .values import Value, check_same_tree, raise_wrong_operand, refuse_wrong_operands

if TYPE_CHECKING:
    from .context import Context
    from .locations import Location
    from .operations import Operation

__all__ = ["Body", "Values", "build", "build_operation", "build_value", "build_with_regions", "context_of"]

Values: TypeAlias = Value | Sequence[Value] | None
"""What a body may return: the values that its terminator hands on."""

Body: TypeAlias = Callable[..., Values] | Region
"""The content of a region: a function `body(block, *arguments) -> values` that fills its only block, or a region."""

_create: Any = ir.Operation.create
_MLIRError: Any = ir.MLIRError


def context_of(block: Block, name: str = "a builder") -> Context:
    """Returns the context of the block that a builder appends to.

    Raises:
        TypeError: If `block` is no `Block`.
    """
    if block.__class__ is not Block:
        raise_wrong_block(name, block)
    return block._context


def build_value(
    block: Block,
    name: str,
    operands: Sequence[Value],
    attributes: dict[str, Any] | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Appends an operation with exactly one result and no regions, and returns the result.

    Args:
        block: Block to append to.
        name: Full name of the operation.
        operands: The operands.
        attributes: Attribute objects of the bindings, by name.
        result_type: Type of the result. Defaults to what the dialect infers, which takes longer.
        location: Where the operation comes from. Defaults to the default location of the context.

    Raises:
        BuildError: If the dialect cannot infer the type of the result.
    """
    if block.__class__ is not Block:
        raise_wrong_block(name, block)
    context = block._context
    generation = context._generation
    if block._generation != generation:
        block.to_bindings()
    owner = block._owner
    raw_operands: list[Any] = []
    try:
        for operand in operands:
            if operand.__class__ is not Value or operand._owner is not owner or operand._generation != generation:
                check_same_tree(context, owner, operand)
            raw_operands.append(operand._raw)
    except (AttributeError, TypeError):
        raise_wrong_operand(name, operands)
    raw_location = find_location(context, location)
    if result_type is not None and getattr(result_type, "_context", None) is not context:
        own(context, result_type, Type, "type")
    if result_type is None:
        check_inference(context, name, raw_operands, attributes)
    try:
        if result_type is None:
            raw = _create(name, None, raw_operands, attributes, None, 0, raw_location, False, True)
        else:
            raw = _create(name, [result_type._raw], raw_operands, attributes, None, 0, raw_location, False)
        result = raw.result
    except (_MLIRError, TypeError, ValueError) as error:
        raise_refused(error, name, operands, location)
    block._append(raw)
    return Value(context, owner, result)


def build(
    block: Block,
    name: str,
    operands: Sequence[Value],
    attributes: dict[str, Any] | None = None,
    result_types: Sequence[Type] | None = None,
    location: Location | None = None,
) -> tuple[Value, ...]:
    """Appends an operation with any number of results and no regions, and returns the results."""
    operation = build_operation(block, name, operands, attributes, result_types, location=location)
    context, owner = block._context, block._owner
    return tuple(Value(context, owner, result) for result in operation._raw.results)


def build_operation(
    block: Block,
    name: str,
    operands: Sequence[Value],
    attributes: dict[str, Any] | None = None,
    result_types: Sequence[Type] | None = None,
    *,
    successors: Sequence[Block] = (),
    location: Location | None = None,
) -> Operation:
    """Appends an operation without regions and returns it; `result_types=None` lets the dialect infer them."""
    context, raw = _create_raw(block, name, operands, attributes, result_types, 0, successors, location)
    block._append(raw)
    return operations.Operation(context, block._owner, raw)


def build_with_regions(
    block: Block,
    name: str,
    operands: Sequence[Value],
    attributes: dict[str, Any] | None,
    bodies: Sequence[tuple[Body, Sequence[Type]]],
    *,
    terminator: str | None = "stablehlo.return",
    result_types: Sequence[Type] | None = None,
    results_of_body: Callable[[Sequence[Type]], Sequence[Type]] | None = None,
    location: Location | None = None,
) -> Operation:
    """Appends an operation with regions.

    Args:
        block: Block to append to.
        name: Full name of the operation.
        operands: The operands.
        attributes: Attribute objects of the bindings, by name.
        bodies: For each region, what fills it and the types of the arguments of its entry block.
        terminator: Name of the operation that ends each region with the values that its body returns. Without it, and
            where a body of another dialect returns `None`, the body appends the end itself.
        result_types: Types of the results. Defaults to what the dialect infers.
        results_of_body: Gives the types of the results from those of the values that the first region hands on, for
            operations whose types the dialect cannot infer while the regions are empty.
        location: Where the operation comes from. Defaults to the default location of the context.
    """
    if block.__class__ is not Block:
        raise_wrong_block(name, block)
    context = block._context
    block.to_bindings()
    owner = block._owner
    for body, _ in bodies:
        if not callable(body):
            check_kind(body, Region, f"`{name}`", "a function or a region as a body")
        if isinstance(body, Region) and body.encloses(block):
            raise OwnershipError(f"the region of `{name}` cannot hold the block that `{name}` is appended to")
    is_final = result_types is not None or results_of_body is None
    if is_final:
        _, raw = _create_raw(block, name, operands, attributes, result_types, len(bodies), (), location)
    else:
        # The types of the results are known only after the bodies are built, so they are built elsewhere and moved.
        raw = _create(SCRATCH, (), (), None, None, len(bodies), context._unknown, False)
    owner.building += 1
    try:
        for raw_region, (body, argument_types) in zip(raw.regions, bodies, strict=True):
            _fill(context, owner, raw_region, body, argument_types, terminator, location)
        # The bodies may have erased or moved the block, even into the operation itself.
        block.to_bindings()
        if block._owner.resolve() is not owner.resolve() or any(
            item == raw for item in ancestors(parent_of_block(block._raw))
        ):
            raise OwnershipError(f"a body moved the block that `{name}` is to be appended to")
        if not is_final and results_of_body is not None:
            types = results_of_body(_types_of_terminator(block, raw))
            _, final = _create_raw(block, name, operands, attributes, types, len(bodies), (), location)
            for source, target in zip(raw.regions, final.regions, strict=True):
                for raw_block in list(source.blocks):
                    raw_block.append_to(target)
            raw = final
    except BaseException:
        _drop(context, owner, raw)
        raise
    finally:
        owner.building -= 1
    block._append(raw)
    return operations.Operation(context, owner, raw)


def _create_raw(
    block: Block,
    name: str,
    operands: Sequence[Value],
    attributes: dict[str, Any] | None,
    result_types: Sequence[Type] | None,
    regions: int,
    successors: Sequence[Block],
    location: Location | None,
) -> tuple[Context, Any]:
    if block.__class__ is not Block:
        raise_wrong_block(name, block)
    context = block._context
    block.to_bindings()
    owner = block._owner
    try:
        for operand in operands:
            if (
                operand.__class__ is not Value
                or operand._owner is not owner
                or operand._generation != context._generation
            ):
                check_same_tree(context, owner, operand)
        raw_operands = [operand._raw for operand in operands]
    except (AttributeError, TypeError):
        raise_wrong_operand(name, operands)
    check_operands(name, raw_operands)
    raw_location = find_location(context, location)
    raw_successors = [_successor(name, block, successor) for successor in successors]
    types = None if result_types is None else raw_types(context, result_types)
    if types is None:
        check_inference(context, name, raw_operands, attributes, regions)
    try:
        infer = types is None
        raw = _create(name, types, raw_operands, attributes, raw_successors, regions, raw_location, False, infer)
    except (_MLIRError, TypeError, ValueError) as error:
        raise_refused(error, name, operands, location)
    return context, raw


def _fill(
    context: Context,
    owner: Any,
    raw_region: Any,
    body: Body,
    argument_types: Sequence[Type],
    terminator: str | None,
    location: Location | None,
) -> None:
    if isinstance(body, Region):
        body.move_blocks_to(raw_region, owner)
        return
    raw_location = find_location(context, location)
    types = raw_types(context, argument_types)
    raw_block = raw_region.blocks.append(*types, arg_locs=[raw_location] * len(types))
    inner = Block(context, owner, raw_block)
    values = body(inner, *inner.arguments)
    if terminator is None or (values is None and terminator != "stablehlo.return"):
        return
    results = () if values is None else (values,) if isinstance(values, Value) else array(values, "a body", "values")
    build_operation(inner, terminator, results, None, (), location=location)


def _drop(context: Context, owner: Owner, raw: Any) -> None:
    """Erases an operation whose bodies could not be built; if others use values inside it already, it stays."""
    try:
        refuse_outside_uses(raw, "erase")
    except OwnershipError:
        # Somewhere in the tree, so that it is freed together with its users.
        tree = owner.resolve()
        root = tree.root.operation if tree.is_module else tree.root
        root.regions[0].blocks[0].append(raw)
        return
    gone = addresses(raw)
    raw.erase()
    record_erased(context, gone)


def _types_of_terminator(block: Block, raw: Any) -> list[Type]:
    inner = raw.regions[0].blocks[0].operations
    if not len(inner):
        return []
    return [Value(block._context, block._owner, value).type for value in inner[len(inner) - 1].operands]


def raise_refused(error: Exception, name: str, operands: Sequence[Value], location: Location | None) -> NoReturn:
    """Raises the error of an operation that MLIR refused to build, with the types of its operands."""
    refuse_wrong_operands(name, operands)
    types = ", ".join(str(operand.type) for operand in operands)
    where = "" if location is None else f" at {location}"
    raise translate(error, BuildError, f"cannot build `{name}` of ({types}){where}") from None


def raise_wrong_block(name: str, block: Any) -> NoReturn:
    """Raises the error of something that is not a `Block` where an operation is to be appended."""
    subject = name if " " in name else f"`{name}`"
    error = TypeError(f"{subject} expected a `Block` to append to, but got `{type(block).__name__}`")
    error.add_note("hint: the block of a module is its `body`, and that of a function its `entry_block`")
    raise error


def _successor(name: str, block: Block, successor: Block) -> Any:
    """Returns the bindings' object of a block that an operation in `block` jumps to."""
    raw = own(block._context, successor, Block, "block").to_bindings()
    if successor._owner.resolve() is not block._owner.resolve():
        raise OwnershipError(f"`{name}` cannot jump to a block of another module or detached operation")
    return raw
