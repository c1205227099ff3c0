"""The dialect `builtin`: modules inside modules, and conversions that a later pass resolves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .._arguments import member
from .._conversions import string
from ..building import build, build_with_regions, context_of
from ..symbols import SymbolVisibility

if TYPE_CHECKING:
    from ..blocks import Block
    from ..locations import Location
    from ..operations import Operation
    from ..types import Type
    from ..values import Value

__all__ = ["module", "unrealized_conversion_cast"]


def module(
    block: Block,
    name: str | None = None,
    *,
    visibility: SymbolVisibility | str = SymbolVisibility.PUBLIC,
    location: Location | None = None,
) -> Operation:
    """Appends a module to the body of another; fill the only block of its only region."""
    context = context_of(block)
    attributes: dict[str, Any] = {}
    if name is not None:
        attributes["sym_name"] = string(context, name)
    if member(SymbolVisibility, visibility) is not SymbolVisibility.PUBLIC:
        attributes["sym_visibility"] = string(context, member(SymbolVisibility, visibility).value)
    return build_with_regions(
        block,
        "builtin.module",
        (),
        attributes,
        [(_nothing, ())],
        terminator=None,
        result_types=(),
        location=location,
    )


def unrealized_conversion_cast(
    block: Block, operands: Sequence[Value], result_types: Sequence[Type], *, location: Location | None = None
) -> tuple[Value, ...]:
    """Stands for a conversion between types that a later pass must resolve or remove."""
    return build(block, "builtin.unrealized_conversion_cast", operands, None, result_types, location)


def _nothing(block: Block) -> None:
    """Leaves a block empty."""
