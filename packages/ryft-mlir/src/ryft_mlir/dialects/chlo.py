"""The dialect `chlo`: special functions, and operations that broadcast like NumPy.

XLA does not compile these. Legalize them first, with the pass `chlo-legalize-to-stablehlo`, see `passes`.

The functions called `broadcast_*` broadcast both operands to one shape like NumPy does, from the last dimension on,
unless `broadcast_dimensions` names, for each dimension of the operand of lower rank, the dimension it becomes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ryft_xla_sys.mlir import dialect, ir

from .._arguments import numbers
from .._conversions import Integers, elements, given, integer, integer_array
from ..attributes import Attribute, wrap_attribute
from ..building import build, build_value
from ..types import ShapedType, Type
from ..values import type_of
from .stable_hlo.attributes import ComparisonDirection, ComparisonType, Precision

if TYPE_CHECKING:
    from ..blocks import Block
    from ..context import Context
    from ..locations import Location
    from ..values import Value

__all__ = [
    "acos",
    "acosh",
    "asin",
    "asin_acos_kernel",
    "asinh",
    "atan",
    "atanh",
    "bessel_i1e",
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
    "conj",
    "constant",
    "constant_like",
    "cosh",
    "digamma",
    "erf",
    "erf_inv",
    "erfc",
    "is_inf",
    "is_neg_inf",
    "is_pos_inf",
    "lgamma",
    "next_after",
    "polygamma",
    "ragged_dot",
    "ragged_dot_dimensions",
    "sinh",
    "square",
    "tan",
    "top_k",
    "zeta",
]

_chlo: Any = dialect("chlo")


def asin_acos_kernel(
    block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns what `asin` and `acos` of complex numbers are computed from; compilers make it, programs need it not."""
    return build_value(block, "chlo._asin_acos_kernel", (operand,), None, result_type, location)


def acos(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the element-wise angle in radians whose cosine is given."""
    return build_value(block, "chlo.acos", (operand,), None, result_type, location)


def acosh(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the element-wise inverse hyperbolic cosine."""
    return build_value(block, "chlo.acosh", (operand,), None, result_type, location)


def asin(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the element-wise angle in radians whose sine is given."""
    return build_value(block, "chlo.asin", (operand,), None, result_type, location)


def asinh(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the element-wise inverse hyperbolic sine."""
    return build_value(block, "chlo.asinh", (operand,), None, result_type, location)


def atan(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the element-wise angle in radians whose tangent is given."""
    return build_value(block, "chlo.atan", (operand,), None, result_type, location)


def atanh(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the element-wise inverse hyperbolic tangent."""
    return build_value(block, "chlo.atanh", (operand,), None, result_type, location)


def bessel_i1e(
    block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns the exponentially scaled modified Bessel function of the first kind and order 1."""
    return build_value(block, "chlo.bessel_i1e", (operand,), None, result_type, location)


def conj(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the element-wise complex conjugate."""
    return build_value(block, "chlo.conj", (operand,), None, result_type, location)


def cosh(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the element-wise hyperbolic cosine."""
    return build_value(block, "chlo.cosh", (operand,), None, result_type, location)


def digamma(
    block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns the logarithmic derivative of the gamma function."""
    return build_value(block, "chlo.digamma", (operand,), None, result_type, location)


def erf(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the element-wise Gauss error function."""
    return build_value(block, "chlo.erf", (operand,), None, result_type, location)


def erf_inv(
    block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns the element-wise inverse of the error function."""
    return build_value(block, "chlo.erf_inv", (operand,), None, result_type, location)


def erfc(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns one minus the error function, accurate for large elements."""
    return build_value(block, "chlo.erfc", (operand,), None, result_type, location)


def is_inf(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns, for each element, whether it is infinite."""
    return build_value(block, "chlo.is_inf", (operand,), None, result_type, location)


def is_neg_inf(
    block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns, for each element, whether it is negative infinity."""
    return build_value(block, "chlo.is_neg_inf", (operand,), None, result_type, location)


def is_pos_inf(
    block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns, for each element, whether it is positive infinity."""
    return build_value(block, "chlo.is_pos_inf", (operand,), None, result_type, location)


def lgamma(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the logarithm of the absolute value of the gamma function."""
    return build_value(block, "chlo.lgamma", (operand,), None, result_type, location)


def sinh(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the element-wise hyperbolic sine."""
    return build_value(block, "chlo.sinh", (operand,), None, result_type, location)


def square(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the element-wise square."""
    return build_value(block, "chlo.square", (operand,), None, result_type, location)


def tan(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the element-wise tangent of angles in radians."""
    return build_value(block, "chlo.tan", (operand,), None, result_type, location)


def next_after(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns the floating-point number next to each element of `lhs` in the direction of `rhs`."""
    return build_value(block, "chlo.next_after", (lhs, rhs), None, result_type, location)


def polygamma(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns the derivative of order `lhs` of the digamma function."""
    return build_value(block, "chlo.polygamma", (lhs, rhs), None, result_type, location)


def zeta(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns the Hurwitz zeta function of `lhs` and the offset `rhs`."""
    return build_value(block, "chlo.zeta", (lhs, rhs), None, result_type, location)


def broadcast_add(
    block: Block,
    lhs: Value,
    rhs: Value,
    *,
    broadcast_dimensions: Integers | None = None,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Broadcasts both operands to one shape, then applies `stable_hlo.add`."""
    attributes = _dimensions(block.context, broadcast_dimensions)
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
    """Broadcasts both operands to one shape, then applies `stable_hlo.and_`."""
    attributes = _dimensions(block.context, broadcast_dimensions)
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
    """Broadcasts both operands to one shape, then applies `stable_hlo.atan2`."""
    attributes = _dimensions(block.context, broadcast_dimensions)
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
    """Broadcasts both operands to one shape, then applies `stable_hlo.complex`."""
    attributes = _dimensions(block.context, broadcast_dimensions)
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
    """Broadcasts both operands to one shape, then applies `stable_hlo.divide`."""
    attributes = _dimensions(block.context, broadcast_dimensions)
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
    """Broadcasts both operands to one shape, then applies `stable_hlo.maximum`."""
    attributes = _dimensions(block.context, broadcast_dimensions)
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
    """Broadcasts both operands to one shape, then applies `stable_hlo.minimum`."""
    attributes = _dimensions(block.context, broadcast_dimensions)
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
    """Broadcasts both operands to one shape, then applies `stable_hlo.multiply`."""
    attributes = _dimensions(block.context, broadcast_dimensions)
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
    """Broadcasts both operands to one shape, then applies `next_after`."""
    attributes = _dimensions(block.context, broadcast_dimensions)
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
    """Broadcasts both operands to one shape, then applies `stable_hlo.or_`."""
    attributes = _dimensions(block.context, broadcast_dimensions)
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
    """Broadcasts both operands to one shape, then applies `polygamma`."""
    attributes = _dimensions(block.context, broadcast_dimensions)
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
    """Broadcasts both operands to one shape, then applies `stable_hlo.power`."""
    attributes = _dimensions(block.context, broadcast_dimensions)
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
    """Broadcasts both operands to one shape, then applies `stable_hlo.remainder`."""
    attributes = _dimensions(block.context, broadcast_dimensions)
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
    """Broadcasts both operands to one shape, then applies `stable_hlo.shift_left`."""
    attributes = _dimensions(block.context, broadcast_dimensions)
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
    """Broadcasts both operands to one shape, then applies `stable_hlo.shift_right_arithmetic`."""
    attributes = _dimensions(block.context, broadcast_dimensions)
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
    """Broadcasts both operands to one shape, then applies `stable_hlo.shift_right_logical`."""
    attributes = _dimensions(block.context, broadcast_dimensions)
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
    """Broadcasts both operands to one shape, then applies `stable_hlo.subtract`."""
    attributes = _dimensions(block.context, broadcast_dimensions)
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
    """Broadcasts both operands to one shape, then applies `stable_hlo.xor`."""
    attributes = _dimensions(block.context, broadcast_dimensions)
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
    """Broadcasts both operands to one shape, then applies `zeta`."""
    attributes = _dimensions(block.context, broadcast_dimensions)
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
    """Broadcasts both operands to one shape and compares elements, see `stable_hlo.compare`."""
    context = block.context
    attributes = _dimensions(context, broadcast_dimensions)
    name = ComparisonDirection(direction).value
    attributes["comparison_direction"] = _chlo.ComparisonDirectionAttr.get(name, context._raw)
    if compare_type is not None:
        kind = ComparisonType(compare_type).value
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
    """Broadcasts all operands to one shape and selects, see `stable_hlo.select`."""
    operands = (predicate, on_true, on_false)
    return build_value(block, "chlo.broadcast_select", operands, None, result_type, location)


def constant(block: Block, value: Any, type: Type | None = None, *, location: Location | None = None) -> Value:
    """Returns a constant, see `stable_hlo.constant`."""
    context = block.context
    if type is not None and not isinstance(type, ShapedType):
        raise TypeError(f"`constant` expected the type of a tensor, but got `{type}`")
    raw = given(context, value) if isinstance(value, Attribute) else elements(context, value, type)
    return build_value(block, "chlo.constant", (), {"value": raw}, type, location)


def constant_like(block: Block, operand: Value, value: Any, *, location: Location | None = None) -> Value:
    """Returns a tensor of the type of `operand`, whose size may be dynamic, filled with the number `value`."""
    context = block.context
    operand_type = type_of(operand)
    if not isinstance(operand_type, ShapedType):
        raise TypeError(f"`constant_like` expected a tensor, but got `{operand_type}`")
    element = operand_type.element_type
    if isinstance(value, Attribute):
        raw = given(context, value)
    elif isinstance(element._raw, ir.IntegerType):
        raw = context.integer_attribute(value, element)._raw
    else:
        raw = context.float_attribute(value, element)._raw
    return build_value(block, "chlo.constant_like", (operand,), {"value": raw}, operand_type, location)


def top_k(block: Block, operand: Value, k: int, *, location: Location | None = None) -> tuple[Value, Value]:
    """Returns the `k` largest elements along the last dimension, largest first, and their positions."""
    attributes = {"k": integer(block.context, k)}
    values, indices = build(block, "chlo.top_k", (operand,), attributes, None, location)
    return values, indices


def ragged_dot_dimensions(
    context: Context,
    *,
    lhs_batching: Sequence[int] = (),
    rhs_batching: Sequence[int] = (),
    lhs_contracting: Sequence[int] = (),
    rhs_contracting: Sequence[int] = (),
    lhs_ragged: Sequence[int],
    rhs_group: Sequence[int] = (),
) -> Attribute:
    """Returns what each dimension of the operands of `ragged_dot` means."""
    given_lists = (lhs_batching, rhs_batching, lhs_contracting, rhs_contracting, lhs_ragged, rhs_group)
    raw = _chlo.RaggedDotDimensionNumbers.get(
        *[numbers(item, "`ragged_dot_dimensions`") for item in given_lists], context._raw
    )
    return wrap_attribute(context, raw)


def ragged_dot(
    block: Block,
    lhs: Value,
    rhs: Value,
    group_sizes: Value,
    dimensions: Attribute,
    result_type: Type,
    *,
    precision: Sequence[Precision | str] | None = None,
    location: Location | None = None,
) -> Value:
    """Multiplies tensors like `stable_hlo.dot_general`, where one dimension of `lhs` is split into `group_sizes`."""
    context = block.context
    attributes = {"ragged_dot_dimension_numbers": given(context, dimensions)}
    if precision is not None:
        raw = [_chlo.PrecisionAttr.get(Precision(item).value, context._raw) for item in precision]
        attributes["precision_config"] = ir.ArrayAttr.get(raw, context._raw)
    return build_value(block, "chlo.ragged_dot", (lhs, rhs, group_sizes), attributes, result_type, location)


def _dimensions(context: Context, broadcast_dimensions: Integers | None) -> dict[str, Any]:
    if broadcast_dimensions is None:
        return {}
    raw = integer_array(context, broadcast_dimensions)
    # MLIR would end the process on negative ones, also when it verifies.
    numbers(raw, "`broadcast_dimensions`", 0)
    return {"broadcast_dimensions": raw}
