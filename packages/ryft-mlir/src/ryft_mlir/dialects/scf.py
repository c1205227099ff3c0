"""The dialect `scf`: loops and branches on any type of values, with bodies as Python functions.

For the operations one by one, as MLIR has them, see `scf_operations`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .._arguments import array
from ..building import Body, Values, build_operation, build_with_regions, context_of
from ..operations import load_dialect_of
from ..types import Type
from ..values import Value, type_of
from .scf_operations import execute_region, forall, index_switch, parallel, yield_

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..blocks import Block
    from ..context import Context
    from ..locations import Location

__all__ = ["execute_region", "for_", "forall", "if_", "index_switch", "parallel", "while_", "yield_"]


def for_(
    block: Block,
    lower: Value,
    upper: Value,
    step: Value,
    initial_values: Sequence[Value],
    body: Body,
    *,
    location: Location | None = None,
) -> tuple[Value, ...]:
    """Runs `body` for each index from `lower` up to, but without, `upper`, and returns the last values.

    Args:
        block: Block to append to.
        lower: First index, of type `index` or a signless integer.
        upper: End of the range.
        step: Distance between indices, at least 1.
        initial_values: The values before the first step.
        body: `body(block, index, *values)` returns the values after a step, with the same types.
        location: Where the operation comes from.
    """
    _load(context_of(block), "scf.for")
    types = [type_of(value) for value in array(initial_values, "a loop", "values")]
    operation = build_with_regions(
        block,
        "scf.for",
        (lower, upper, step, *initial_values),
        None,
        [(_yielding(body), [type_of(lower), *types])],
        terminator="scf.yield",
        result_types=types,
        location=location,
    )
    return operation.results


def if_(
    block: Block,
    condition: Value,
    on_true: Body,
    on_false: Body | None = None,
    *,
    result_types: Sequence[Type] | None = None,
    location: Location | None = None,
) -> tuple[Value, ...]:
    """Runs one of two programs and returns its values.

    Args:
        block: Block to append to.
        condition: Boolean, of type `i1`.
        on_true: `on_true(block)` returns the values if the condition holds.
        on_false: `on_false(block)` returns values of the same types if it does not. It may be left out if there are no
            values.
        result_types: Types of the results. Defaults to what the first program returns.
        location: Where the operation comes from.
    """
    _load(context_of(block), "scf.if")
    bodies: list[tuple[Body, Sequence[Type]]] = [(_yielding(on_true), ())]
    bodies.append((_yielding(_nothing if on_false is None else on_false), ()))
    operation = build_with_regions(
        block,
        "scf.if",
        (condition,),
        None,
        bodies,
        terminator="scf.yield",
        result_types=result_types,
        results_of_body=tuple,
        location=location,
    )
    return operation.results


def while_(
    block: Block,
    initial_values: Sequence[Value],
    before: Callable[..., tuple[Value, Sequence[Value]]],
    after: Body,
    after_types: Sequence[Type] | None = None,
    *,
    location: Location | None = None,
) -> tuple[Value, ...]:
    """Runs `before`, and then `after` for as long as `before` says so, and returns what `before` handed on last.

    Args:
        block: Block to append to.
        initial_values: The values before the first step.
        before: `before(block, *values)` returns whether to go on, and the values to hand on.
        after: `after(block, *handed_on)` returns the values for the next call of `before`.
        after_types: Types of the values that `before` hands on. Defaults to those of `initial_values`.
        location: Where the operation comes from.
    """
    _load(context_of(block), "scf.while")
    types = [type_of(value) for value in array(initial_values, "a loop", "values")]
    handed_on = types if after_types is None else list(after_types)

    def decide(inner: Block, *values: Value) -> None:
        condition, results = before(inner, *values)
        build_operation(inner, "scf.condition", (condition, *results), None, (), location=location)

    operation = build_with_regions(
        block,
        "scf.while",
        initial_values,
        None,
        [(decide, types), (_yielding(after), handed_on)],
        terminator="scf.yield",
        result_types=handed_on,
        location=location,
    )
    return operation.results


def _yielding(body: Body) -> Body:
    """Makes a body that returns `None` end its region too."""
    if not callable(body):
        return body

    def run(block: Block, *arguments: Value) -> Values:
        return body(block, *arguments) or ()

    return run


def _nothing(block: Block) -> None:
    """Leaves a block empty."""


def _load(context: Context, name: str) -> None:
    if not context.is_registered(name):
        load_dialect_of(context, name)
