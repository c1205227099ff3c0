"""The operations of the dialect `chlo` that broadcast like NumPy, see also `chlo`.

They broadcast all operands to one shape like NumPy does, from the last dimension on, unless `broadcast_dimensions`
names, for each dimension of the operand of lower rank, the dimension it becomes. Sizes that are 1 are repeated, and
others must be equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ryft_xla_sys.mlir import dialect

from .._arguments import member, numbers
from .._conversions import Integers, integer_array
from ..building import build_value, context_of
from .stable_hlo.attributes import ComparisonDirection, ComparisonType

if TYPE_CHECKING:
    from ..blocks import Block
    from ..context import Context
    from ..locations import Location
    from ..types import Type
    from ..values import Value

__all__ = [
    "broadcast_add",
    "broadcast_and",
    "broadcast_atan2",
    "broadcast_compare",
    "broadcast_complex",
    "broadcast_divide",
    "broadcast_maximum",
    "broadcast_minimum",
    "broadcast_multiply",
    "broadcast_next_after",
    "broadcast_or",
    "broadcast_polygamma",
    "broadcast_power",
    "broadcast_remainder",
    "broadcast_select",
    "broadcast_shift_left",
    "broadcast_shift_right_arithmetic",
    "broadcast_shift_right_logical",
    "broadcast_subtract",
    "broadcast_xor",
    "broadcast_zeta",
]

_chlo: Any = dialect("chlo")


def broadcast_add(
    block: Block,
    lhs: Value,
    rhs: Value,
    *,
    broadcast_dimensions: Integers | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Broadcasts both operands to one shape, then applies `stable_hlo.add`.

    `lhs` and `rhs` are tensors of booleans, integers, floating-point or complex numbers with one element type, which
    the result has too.

    Decomposition: `broadcast_in_dim` and `add`.
    """
    attributes = _dimensions(context_of(block), broadcast_dimensions)
    return build_value(block, "chlo.broadcast_add", (lhs, rhs), attributes, result_type, location)


def broadcast_and(
    block: Block,
    lhs: Value,
    rhs: Value,
    *,
    broadcast_dimensions: Integers | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Broadcasts both operands to one shape, then applies `stable_hlo.and_`.

    `lhs` and `rhs` are tensors of booleans or integers with one element type, which the result has too.

    Decomposition: `broadcast_in_dim` and `and`.
    """
    attributes = _dimensions(context_of(block), broadcast_dimensions)
    return build_value(block, "chlo.broadcast_and", (lhs, rhs), attributes, result_type, location)


def broadcast_atan2(
    block: Block,
    lhs: Value,
    rhs: Value,
    *,
    broadcast_dimensions: Integers | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Broadcasts both operands to one shape, then applies `stable_hlo.atan2`.

    `lhs` and `rhs` are tensors of floating-point or complex numbers with one element type, which the result has too.

    Decomposition: `broadcast_in_dim` and `atan2`.
    """
    attributes = _dimensions(context_of(block), broadcast_dimensions)
    return build_value(block, "chlo.broadcast_atan2", (lhs, rhs), attributes, result_type, location)


def broadcast_complex(
    block: Block,
    lhs: Value,
    rhs: Value,
    *,
    broadcast_dimensions: Integers | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Broadcasts both operands to one shape, then applies `stable_hlo.complex`.

    `lhs` and `rhs` are tensors of 32-bit or 64-bit floating-point numbers with one element type.

    Decomposition: `broadcast_in_dim` and `complex`.
    """
    attributes = _dimensions(context_of(block), broadcast_dimensions)
    return build_value(block, "chlo.broadcast_complex", (lhs, rhs), attributes, result_type, location)


def broadcast_divide(
    block: Block,
    lhs: Value,
    rhs: Value,
    *,
    broadcast_dimensions: Integers | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Broadcasts both operands to one shape, then applies `stable_hlo.divide`.

    `lhs` and `rhs` are tensors of integers, floating-point or complex numbers with one element type, which the result
    has too.

    Decomposition: `broadcast_in_dim` and `divide`.
    """
    attributes = _dimensions(context_of(block), broadcast_dimensions)
    return build_value(block, "chlo.broadcast_divide", (lhs, rhs), attributes, result_type, location)


def broadcast_maximum(
    block: Block,
    lhs: Value,
    rhs: Value,
    *,
    broadcast_dimensions: Integers | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Broadcasts both operands to one shape, then applies `stable_hlo.maximum`.

    `lhs` and `rhs` are tensors of booleans, integers, floating-point or complex numbers with one element type, which
    the result has too.

    Decomposition: `broadcast_in_dim` and `maximum`.
    """
    attributes = _dimensions(context_of(block), broadcast_dimensions)
    return build_value(block, "chlo.broadcast_maximum", (lhs, rhs), attributes, result_type, location)


def broadcast_minimum(
    block: Block,
    lhs: Value,
    rhs: Value,
    *,
    broadcast_dimensions: Integers | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Broadcasts both operands to one shape, then applies `stable_hlo.minimum`.

    `lhs` and `rhs` are tensors of booleans, integers, floating-point or complex numbers with one element type, which
    the result has too.

    Decomposition: `broadcast_in_dim` and `minimum`.
    """
    attributes = _dimensions(context_of(block), broadcast_dimensions)
    return build_value(block, "chlo.broadcast_minimum", (lhs, rhs), attributes, result_type, location)


def broadcast_multiply(
    block: Block,
    lhs: Value,
    rhs: Value,
    *,
    broadcast_dimensions: Integers | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Broadcasts both operands to one shape, then applies `stable_hlo.multiply`.

    `lhs` and `rhs` are tensors of booleans, integers, floating-point or complex numbers with one element type, which
    the result has too.

    Decomposition: `broadcast_in_dim` and `multiply`.
    """
    attributes = _dimensions(context_of(block), broadcast_dimensions)
    return build_value(block, "chlo.broadcast_multiply", (lhs, rhs), attributes, result_type, location)


def broadcast_next_after(
    block: Block,
    lhs: Value,
    rhs: Value,
    *,
    broadcast_dimensions: Integers | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Broadcasts both operands to one shape, then applies `next_after`.

    `lhs` and `rhs` are tensors of floating-point numbers with one element type, which the result has too.

    Decomposition: `broadcast_in_dim`, and what `next_after` decomposes to.
    """
    attributes = _dimensions(context_of(block), broadcast_dimensions)
    return build_value(block, "chlo.broadcast_next_after", (lhs, rhs), attributes, result_type, location)


def broadcast_or(
    block: Block,
    lhs: Value,
    rhs: Value,
    *,
    broadcast_dimensions: Integers | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Broadcasts both operands to one shape, then applies `stable_hlo.or_`.

    `lhs` and `rhs` are tensors of booleans or integers with one element type, which the result has too.

    Decomposition: `broadcast_in_dim` and `or`.
    """
    attributes = _dimensions(context_of(block), broadcast_dimensions)
    return build_value(block, "chlo.broadcast_or", (lhs, rhs), attributes, result_type, location)


def broadcast_polygamma(
    block: Block,
    lhs: Value,
    rhs: Value,
    *,
    broadcast_dimensions: Integers | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Broadcasts both operands to one shape, then applies `polygamma`.

    `lhs` and `rhs` are tensors of floating-point numbers with one element type, which the result has too.

    Decomposition: `broadcast_in_dim`, and what `polygamma` decomposes to.
    """
    attributes = _dimensions(context_of(block), broadcast_dimensions)
    return build_value(block, "chlo.broadcast_polygamma", (lhs, rhs), attributes, result_type, location)


def broadcast_power(
    block: Block,
    lhs: Value,
    rhs: Value,
    *,
    broadcast_dimensions: Integers | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Broadcasts both operands to one shape, then applies `stable_hlo.power`.

    `lhs` and `rhs` are tensors of integers, floating-point or complex numbers with one element type, which the result
    has too.

    Decomposition: `broadcast_in_dim` and `power`.
    """
    attributes = _dimensions(context_of(block), broadcast_dimensions)
    return build_value(block, "chlo.broadcast_power", (lhs, rhs), attributes, result_type, location)


def broadcast_remainder(
    block: Block,
    lhs: Value,
    rhs: Value,
    *,
    broadcast_dimensions: Integers | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Broadcasts both operands to one shape, then applies `stable_hlo.remainder`.

    `lhs` and `rhs` are tensors of integers, floating-point or complex numbers with one element type, which the result
    has too.

    Decomposition: `broadcast_in_dim` and `remainder`.
    """
    attributes = _dimensions(context_of(block), broadcast_dimensions)
    return build_value(block, "chlo.broadcast_remainder", (lhs, rhs), attributes, result_type, location)


def broadcast_shift_left(
    block: Block,
    lhs: Value,
    rhs: Value,
    *,
    broadcast_dimensions: Integers | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Broadcasts both operands to one shape, then applies `stable_hlo.shift_left`.

    `lhs` and `rhs` are tensors of integers with one element type, which the result has too.

    Decomposition: `broadcast_in_dim` and `shift_left`.
    """
    attributes = _dimensions(context_of(block), broadcast_dimensions)
    return build_value(block, "chlo.broadcast_shift_left", (lhs, rhs), attributes, result_type, location)


def broadcast_shift_right_arithmetic(
    block: Block,
    lhs: Value,
    rhs: Value,
    *,
    broadcast_dimensions: Integers | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Broadcasts both operands to one shape, then applies `stable_hlo.shift_right_arithmetic`.

    `lhs` and `rhs` are tensors of integers with one element type, which the result has too.

    Decomposition: `broadcast_in_dim` and `shift_right_arithmetic`.
    """
    attributes = _dimensions(context_of(block), broadcast_dimensions)
    return build_value(block, "chlo.broadcast_shift_right_arithmetic", (lhs, rhs), attributes, result_type, location)


def broadcast_shift_right_logical(
    block: Block,
    lhs: Value,
    rhs: Value,
    *,
    broadcast_dimensions: Integers | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Broadcasts both operands to one shape, then applies `stable_hlo.shift_right_logical`.

    `lhs` and `rhs` are tensors of integers with one element type, which the result has too.

    Decomposition: `broadcast_in_dim` and `shift_right_logical`.
    """
    attributes = _dimensions(context_of(block), broadcast_dimensions)
    return build_value(block, "chlo.broadcast_shift_right_logical", (lhs, rhs), attributes, result_type, location)


def broadcast_subtract(
    block: Block,
    lhs: Value,
    rhs: Value,
    *,
    broadcast_dimensions: Integers | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Broadcasts both operands to one shape, then applies `stable_hlo.subtract`.

    `lhs` and `rhs` are tensors of integers, floating-point or complex numbers with one element type, which the result
    has too.

    Decomposition: `broadcast_in_dim` and `subtract`.
    """
    attributes = _dimensions(context_of(block), broadcast_dimensions)
    return build_value(block, "chlo.broadcast_subtract", (lhs, rhs), attributes, result_type, location)


def broadcast_xor(
    block: Block,
    lhs: Value,
    rhs: Value,
    *,
    broadcast_dimensions: Integers | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Broadcasts both operands to one shape, then applies `stable_hlo.xor`.

    `lhs` and `rhs` are tensors of booleans or integers with one element type, which the result has too.

    Decomposition: `broadcast_in_dim` and `xor`.
    """
    attributes = _dimensions(context_of(block), broadcast_dimensions)
    return build_value(block, "chlo.broadcast_xor", (lhs, rhs), attributes, result_type, location)


def broadcast_zeta(
    block: Block,
    lhs: Value,
    rhs: Value,
    *,
    broadcast_dimensions: Integers | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Broadcasts both operands to one shape, then applies `zeta`.

    `lhs` and `rhs` are tensors of floating-point numbers with one element type, which the result has too.

    Decomposition: `broadcast_in_dim`, and what `zeta` decomposes to.
    """
    attributes = _dimensions(context_of(block), broadcast_dimensions)
    return build_value(block, "chlo.broadcast_zeta", (lhs, rhs), attributes, result_type, location)


def broadcast_compare(
    block: Block,
    lhs: Value,
    rhs: Value,
    direction: ComparisonDirection | str,
    compare_type: ComparisonType | str | None = None,
    *,
    broadcast_dimensions: Integers | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Broadcasts both operands to one shape and compares elements, see `stable_hlo.compare`.

    `lhs` and `rhs` have one element type; the result holds booleans.

    Raises:
        ValueError: If `direction` or `compare_type` names no member.

    Decomposition: `broadcast_in_dim` and `compare`.
    """
    context = context_of(block)
    attributes = _dimensions(context, broadcast_dimensions)
    name = member(ComparisonDirection, direction).value
    attributes["comparison_direction"] = _chlo.ComparisonDirectionAttr.get(name, context._raw)
    if compare_type is not None:
        kind = member(ComparisonType, compare_type).value
        attributes["compare_type"] = _chlo.ComparisonTypeAttr.get(kind, context._raw)
    return build_value(block, "chlo.broadcast_compare", (lhs, rhs), attributes, result_type, location)


def broadcast_select(
    block: Block,
    predicate: Value,
    on_true: Value,
    on_false: Value,
    *,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Broadcasts all operands to one shape and selects, see `stable_hlo.select`.

    `predicate` holds booleans; `on_true` and `on_false` have one element type, which the result has too.

    Decomposition: `dynamic_broadcast_in_dim` where shapes differ, and `select`.
    """
    operands = (predicate, on_true, on_false)
    return build_value(block, "chlo.broadcast_select", operands, None, result_type, location)


def _dimensions(context: Context, broadcast_dimensions: Integers | None) -> dict[str, Any]:
    if broadcast_dimensions is None:
        return {}
    raw = integer_array(context, broadcast_dimensions)
    # MLIR would end the process on negative ones, also when it verifies.
    numbers(raw, "`broadcast_dimensions`", 0)
    return {"broadcast_dimensions": raw}
