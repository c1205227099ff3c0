"""The core of all builders: appends one operation to a block.

Speed matters here, because lowering calls these functions once for every operation of a program. They talk to the
bindings directly, with explicit locations and blocks, and check ownership by comparing two counters.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from ryft_xla_sys.mlir import ir

from . import operations
from ._ownership import SCRATCH, Owner, addresses, ancestors, parent_of_block, record_erased, refuse_outside_uses
from .blocks import Block, Region
from .diagnostics import translate
from .errors import BuildError, ContextError, OwnershipError
from .types import Type
from .values import Value, check_same_tree, raise_wrong_operand

if TYPE_CHECKING:
    from .context import Context
    from .locations import Location
    from .operations import Operation

__all__ = ["Body", "Values", "build", "build_operation", "build_value", "build_with_regions"]

Values: TypeAlias = Value | Sequence[Value] | None
"""What a body may return: the values that its terminator hands on."""

Body: TypeAlias = Callable[..., Values] | Region
"""The content of a region: a function `body(block, *arguments) -> values` that fills its only block, or a region."""

_create: Any = ir.Operation.create
_TENSORS: tuple[Any, ...] = (ir.RankedTensorType, ir.UnrankedTensorType)
# MLIR infers the types of these operations without looking at the operands first, and may end the process.
_TENSOR_OPERATIONS = frozenset(
    """abs clamp complex dynamic_update_slice imag is_finite pad real select select_and_scatter
    slice""".split()  # noqa: SIM905
)
_NEVER_INFERRED = frozenset(
    {"gpu.subgroup_mma_extract_thread_local", "llvm.extractelement", "mhlo.uniform_dequantize", "mpmd.unassign"}
)
_VECTOR_OPERATIONS = frozenset({"vector.deinterleave", "vector.extract", "vector.interleave", "vector.to_elements"})
_MHLO_OTHERS = frozenset(
    """mhlo.add_dependency mhlo.after_all mhlo.async_done mhlo.async_start mhlo.async_update mhlo.bitcast mhlo.copy
    mhlo.create_token mhlo.custom_call mhlo.domain mhlo.fusion mhlo.get_tuple_element mhlo.infeed mhlo.outfeed
    mhlo.optimization_barrier mhlo.recv mhlo.send mhlo.tuple""".split()  # noqa: SIM905
)
_MLIRError: Any = ir.MLIRError


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
    context = block._context
    generation = context._generation
    if block._generation != generation:
        block.to_bindings()
    owner = block._owner
    raw_operands: list[Any] = []
    try:
        for operand in operands:
            if operand._owner is not owner or operand._generation != generation:
                check_same_tree(context, owner, operand)
            raw_operands.append(operand._raw)
    except AttributeError:
        raise_wrong_operand(name, operands)
    raw_location = context._location if location is None else location._raw
    if result_type is not None and result_type._context is not context:
        raise ContextError(f"type `{result_type}` belongs to another context")
    if result_type is None and (needs := inference_needs(name)) is not None:
        check_inference(name, raw_operands, needs)
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
    context = block._context
    block.to_bindings()
    owner = block._owner
    for body, _ in bodies:
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
    context = block._context
    block.to_bindings()
    owner = block._owner
    try:
        for operand in operands:
            if operand._owner is not owner or operand._generation != context._generation:
                check_same_tree(context, owner, operand)
        raw_operands = [operand._raw for operand in operands]
    except AttributeError:
        raise_wrong_operand(name, operands)
    raw_location = context._location if location is None else location._raw
    raw_successors = [successor.to_bindings() for successor in successors]
    raw_types = None
    if result_types is not None:
        for result_type in result_types:
            if result_type._context is not context:
                raise ContextError(f"type `{result_type}` belongs to another context")
        raw_types = [result_type._raw for result_type in result_types]
    if raw_types is None and (needs := inference_needs(name)) is not None:
        check_inference(name, raw_operands, needs)
    try:
        infer = raw_types is None
        raw = _create(name, raw_types, raw_operands, attributes, raw_successors, regions, raw_location, False, infer)
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
    raw_location = context._location if location is None else location._raw
    raw_types = [argument_type._raw for argument_type in argument_types]
    raw_block = raw_region.blocks.append(*raw_types, arg_locs=[raw_location] * len(raw_types))
    inner = Block(context, owner, raw_block)
    values = body(inner, *inner.arguments)
    if terminator is None or (values is None and terminator != "stablehlo.return"):
        return
    results = () if values is None else (values,) if isinstance(values, Value) else tuple(values)
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


@functools.cache
def inference_needs(name: str) -> tuple[Any, ...] | None:
    """Returns the kinds of types that operands must have to infer from, or `None` where MLIR checks itself."""
    namespace, _, short = name.partition(".")
    if name in _NEVER_INFERRED:
        return ()
    if name == "stablehlo.triangular_solve":
        return (ir.RankedTensorType,)
    if name in _VECTOR_OPERATIONS:
        return (ir.VectorType, ir.IndexType)
    if name == "memref.load":
        return (ir.MemRefType, ir.IndexType)
    if (
        (namespace == "stablehlo" and short in _TENSOR_OPERATIONS)
        or (namespace == "chlo" and short.startswith(("broadcast_", "is_")))
        or (namespace == "mhlo" and name not in _MHLO_OTHERS)
    ):
        return _TENSORS
    return None


def check_inference(name: str, raw_operands: Sequence[Any], expected: tuple[Any, ...]) -> None:
    """Raises if operands have types that end the process when MLIR infers the types of the results.

    Raises:
        BuildError: If so.
    """
    for position, operand in enumerate(raw_operands):
        if not isinstance(operand.type, expected):
            kinds = " or ".join(kind.__name__ for kind in expected) or "result types to be given"
            raise BuildError(f"`{name}` expected {kinds} for operand {position}, but got `{operand.type}`")


def raise_refused(error: Exception, name: str, operands: Sequence[Value], location: Location | None) -> NoReturn:
    """Raises the error of an operation that MLIR refused to build, with the types of its operands."""
    types = ", ".join(str(operand.type) for operand in operands)
    where = "" if location is None else f" at {location}"
    raise translate(error, BuildError, f"cannot build `{name}` of ({types}){where}") from None
