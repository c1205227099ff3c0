"""The core of the generated builders: any operation of any dialect, from plain Python values."""

from __future__ import annotations

import enum
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ryft_xla_sys.mlir import dialect, ir

from .._arguments import number
from .._hazards import note_hazard
from ..affine import AffineMap
from ..attributes import Attribute
from ..blocks import Region
from ..building import Body, build_operation, build_with_regions, context_of
from ..errors import BuildError, ContextError
from ..operations import load_dialect_of
from ..types import Type
from ..values import Value, refuse_wrong_operands

if TYPE_CHECKING:
    from ..blocks import Block
    from ..context import Context
    from ..locations import Location
    from ..operations import Operation

__all__ = ["generic"]

# Enumerations whose attributes the bindings cannot make, by their text.
_TEXTS = {
    "CConv": "#llvm.cconv<{}>",
    "FramePointerKindAttr": '#llvm.framePointerKind<"{}">',
    "Linkage": "#llvm.linkage<{}>",
    "TailCallKind": "#llvm.tailcallkind<{}>",
    "UWTableKindAttr": "#llvm.uwtableKind<{}>",
}
_LLVM_KINDS = ("DIGlobalVariableExpressionArrayAttr", "LoopAnnotationAttr")


def generic(
    block: Block,
    name: str,
    operands: Sequence[Value | Sequence[Value] | None],
    *,
    attributes: Mapping[str, tuple[Any, ...]] | None = None,
    result_types: Sequence[Type] | None,
    like_first: bool = False,
    segments: bool = False,
    successors: Sequence[Block] = (),
    regions: Sequence[tuple[Body | None, Sequence[Type]]] = (),
    optional_regions: Sequence[int] = (),
    terminator: str | None = None,
    location: Location | None = None,
) -> Operation:
    """Appends an operation.

    Args:
        block: Block to append to.
        name: Full name of the operation.
        operands: For each group of operands, a value, several, or `None`.
        attributes: By name, the kind of the attribute, optionally its enumeration, and a value or `None`.
        result_types: Types of the results, or `None` to infer them.
        like_first: Whether to infer means to take the type of the first operand.
        segments: Whether the operation stores the sizes of the groups.
        successors: Blocks that the operation may jump to.
        regions: For each region, what fills it, and the types of its arguments.
        optional_regions: Numbers of the regions that have no block, rather than an empty one, if nothing fills them.
        terminator: Operation that ends a region with the values that its body returns.
        location: Where the operation comes from.

    Raises:
        BuildError: If MLIR cannot build the operation or one of its attributes.
    """
    context = context_of(block)
    if not context.is_registered(name):
        load_dialect_of(context, name)
    flat: list[Value] = []
    sizes: list[int] = []
    for group in operands:
        # What is neither a value nor several is refused below.
        members = () if group is None else tuple(group) if isinstance(group, Iterable) else (group,)
        flat.extend(members)
        sizes.append(len(members))
    raw = {
        key: _attribute(context, name, key, *description)
        for key, description in (attributes or {}).items()
        if description[-1] is not None and description[-1] is not False
    }
    refuse_wrong_operands(name, flat)
    note_hazard(context, name)
    if segments:
        raw["operandSegmentSizes"] = ir.DenseI32ArrayAttr.get(sizes, context._raw)
    if result_types is None and like_first and flat:
        result_types = (flat[0].type,)
    if not regions:
        return build_operation(block, name, flat, raw, result_types, successors=successors, location=location)
    bodies: list[tuple[Body, Sequence[Type]]] = []
    for index, (body, types) in enumerate(regions):
        default = Region.create(context) if index in optional_regions else _nothing
        bodies.append((default if body is None else body, types))
    return build_with_regions(
        block, name, flat, raw, bodies, terminator=terminator, result_types=result_types, location=location
    )


def _nothing(block: Block, *_: Value) -> None:
    """Leaves a block empty."""


def _attribute(context: Context, operation: str, key: str, kind: str, *description: Any) -> Any:
    value = description[-1]
    if len(description) == 2:
        return _choice(context, operation, key, kind, description[0], value)
    namespace = operation.partition(".")[0]
    is_foreign = kind.lower().startswith(f"{namespace}_") or kind in _LLVM_KINDS
    if is_foreign and not ir.AttrBuilder.contains(kind):
        # Of a kind that only the dialect knows, anything else ends the process when it is printed, or is dropped.
        raw = context.attribute(value)._raw
        is_list = "Array" in kind or kind == "MHLO_PrecisionConfigAttr"
        items = list(raw) if is_list and isinstance(raw, ir.ArrayAttr) else [raw]
        if not all(str(item).startswith(f"#{namespace}") for item in items):
            raise BuildError(f"`{operation}` expected an attribute of `{namespace}` for `{key}`, but got `{raw}`")
        return raw
    if isinstance(value, Attribute):
        return _own(context, value)
    if kind == "UnitAttr":
        return ir.UnitAttr.get(context._raw)
    if not ir.AttrBuilder.contains(kind):
        return context.attribute(value)._raw
    return _built(context, operation, key, kind, _plain(context, value))


def _choice(context: Context, operation: str, key: str, kind: str, choices: type[enum.IntEnum], value: Any) -> Any:
    """Returns the attribute of one of the members of an enumeration."""
    given = _own(context, value) if isinstance(value, Attribute) else None
    member = _member(operation, key, choices, next(iter(choices)) if given is not None else value)
    if kind in _TEXTS:
        raw = ir.Attribute.parse(_TEXTS[kind].format(member), context._raw)
    else:
        raw = _built(context, operation, key, kind, member)
    if given is None:
        return raw
    # What is of another kind ends the process when it is printed, or is dropped.
    if given.typeid != raw.typeid or (isinstance(raw, ir.IntegerAttr) and given.type != raw.type):
        raise BuildError(f"`{operation}` expected an attribute such as `{raw}` for `{key}`, but got `{given}`")
    return given


def _own(context: Context, value: Attribute) -> Any:
    if value._context is not context:
        raise ContextError(f"attribute `{value}` belongs to another context")
    return value._raw


def _built(context: Context, operation: str, key: str, kind: str, value: Any) -> Any:
    """Returns the attribute that the bindings make of a value."""
    try:
        # Some of the bindings' functions look for the context where `with` puts it.
        with context._raw:
            return ir.AttrBuilder.get(kind)(value, context=context._raw)
    except (TypeError, ValueError, OverflowError, RuntimeError, ir.MLIRError) as error:
        reason = str(error).partition("\n")[0]
        # What the bindings say about their own functions helps nobody.
        is_internal = not reason or "function arguments" in reason or "bad_cast" in reason
        detail = "" if is_internal else f": {reason}"
        raise BuildError(
            f"`{operation}` cannot make `{key}` of kind `{kind}` from {reprlib.repr(value)}{detail}"
        ) from None


def _member(operation: str, key: str, kind: type[enum.IntEnum], value: Any) -> Any:
    """Returns the member of the bindings' enumeration that ours, a number, or its text in MLIR stands for."""
    own = dialect(operation.partition(".")[0])
    # Other dialects use some enumerations of `arith`.
    bindings = getattr(own if hasattr(own, kind.__name__) else dialect("arith"), kind.__name__)
    if isinstance(value, str):
        for member in bindings:
            if value in (str(member), member.name):
                return member
        names = ", ".join(str(member) for member in bindings)
        raise ValueError(f"`{operation}` expected one of {names}, but got {value!r}")
    return bindings(number(value, f"`{operation}`, for `{key}`,"))


def _plain(context: Context, value: Any) -> Any:
    """Returns a value as the bindings' attribute builders want it."""
    if isinstance(value, (Attribute, Type, AffineMap)):
        if value._context is not context:
            raise ContextError(f"`{value}` belongs to another context")
        return value._raw
    if isinstance(value, (numpy.generic, numpy.ndarray)):
        return value.tolist() if value.ndim < 2 else value
    if isinstance(value, Mapping):
        return {key: context.attribute(item)._raw for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(context, item) for item in value]
    return value
