"""The dialect `chlo`: special functions, and operations that broadcast like NumPy.

XLA does not compile these. Legalize them first, with the pass `chlo-legalize-to-stablehlo`, see `passes`.

The functions called `broadcast_*` broadcast their operands to one shape, see `chlo_broadcasting`. The StableHLO
specification does not cover these operations; the last line of each description names the operations of StableHLO that
the pass puts in their place. Errors are those of the builders in `stable_hlo`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ryft_xla_sys.mlir import dialect, ir

from .._arguments import array, check_context, member, numbers
from .._conversions import elements, given, integer
from ..attributes import Attribute, wrap_attribute
from ..building import build, build_value, context_of
from ..types import ShapedType, Type
from ..values import type_of
from .chlo_broadcasting import (
    broadcast_add,
    broadcast_and,
    broadcast_atan2,
    broadcast_compare,
    broadcast_complex,
    broadcast_divide,
    broadcast_maximum,
    broadcast_minimum,
    broadcast_multiply,
    broadcast_next_after,
    broadcast_or,
    broadcast_polygamma,
    broadcast_power,
    broadcast_remainder,
    broadcast_select,
    broadcast_shift_left,
    broadcast_shift_right_arithmetic,
    broadcast_shift_right_logical,
    broadcast_subtract,
    broadcast_xor,
    broadcast_zeta,
)
from .stable_hlo.attributes import Precision

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
    """Returns what `asin` and `acos` of complex numbers are computed from; compilers make it, programs need it not.

    The result has the type of `operand`, a tensor of complex numbers.

    Decomposition: `real`, `imag`, `complex`, `log`, `log_plus_one`, `sqrt`, `compare`, `select` and arithmetic.
    """
    return build_value(block, "chlo._asin_acos_kernel", (operand,), None, result_type, location)


def acos(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the element-wise angle in radians whose cosine is given.

    The result has the type of `operand`, a tensor of floating-point or complex numbers.

    Decomposition: `atan2`, `sqrt`, `add`, `subtract`, `multiply` and `constant`.
    """
    return build_value(block, "chlo.acos", (operand,), None, result_type, location)


def acosh(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the element-wise inverse hyperbolic cosine.

    The result has the type of `operand`, a tensor of floating-point or complex numbers.

    Decomposition: `log`, `log_plus_one`, `sqrt`, `compare`, `select` and arithmetic.
    """
    return build_value(block, "chlo.acosh", (operand,), None, result_type, location)


def asin(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the element-wise angle in radians whose sine is given.

    The result has the type of `operand`, a tensor of floating-point or complex numbers.

    Decomposition: `atan2`, `sqrt`, `add`, `subtract`, `multiply` and `constant`.
    """
    return build_value(block, "chlo.asin", (operand,), None, result_type, location)


def asinh(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the element-wise inverse hyperbolic sine.

    The result has the type of `operand`, a tensor of floating-point or complex numbers.

    Decomposition: `log`, `log_plus_one`, `sqrt`, `abs`, `sign`, `compare`, `select` and arithmetic.
    """
    return build_value(block, "chlo.asinh", (operand,), None, result_type, location)


def atan(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the element-wise angle in radians whose tangent is given.

    The result has the type of `operand`, a tensor of floating-point or complex numbers.

    Decomposition: `atan2` and `constant`.
    """
    return build_value(block, "chlo.atan", (operand,), None, result_type, location)


def atanh(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the element-wise inverse hyperbolic tangent.

    The result has the type of `operand`, a tensor of floating-point or complex numbers.

    Decomposition: `log_plus_one`, `abs`, `compare`, `select` and arithmetic.
    """
    return build_value(block, "chlo.atanh", (operand,), None, result_type, location)


def bessel_i1e(
    block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns the exponentially scaled modified Bessel function of the first kind and order 1.

    The result has the type of `operand`, a tensor of floating-point numbers.

    Decomposition: `abs`, `sign`, `sqrt`, `compare`, `select` and arithmetic.
    """
    return build_value(block, "chlo.bessel_i1e", (operand,), None, result_type, location)


def conj(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the element-wise complex conjugate.

    The result has the type of `operand`, a tensor of floating-point or complex numbers.

    Decomposition: `real`, `imag`, `negate` and `complex`.
    """
    return build_value(block, "chlo.conj", (operand,), None, result_type, location)


def cosh(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the element-wise hyperbolic cosine.

    The result has the type of `operand`, a tensor of floating-point or complex numbers.

    Decomposition: `exponential`, `log`, `add`, `subtract` and `constant`.
    """
    return build_value(block, "chlo.cosh", (operand,), None, result_type, location)


def digamma(
    block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns the logarithmic derivative of the gamma function.

    The result has the type of `operand`, a tensor of floating-point numbers.

    Decomposition: `log_plus_one`, `sine`, `cosine`, `floor`, `compare`, `select` and arithmetic.
    """
    return build_value(block, "chlo.digamma", (operand,), None, result_type, location)


def erf(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the element-wise Gauss error function.

    The result has the type of `operand`, a tensor of floating-point numbers.

    Decomposition: `clamp`, `add`, `multiply`, `divide` and `constant`.
    """
    return build_value(block, "chlo.erf", (operand,), None, result_type, location)


def erf_inv(
    block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns the element-wise inverse of the error function.

    The result has the type of `operand`, a tensor of floating-point numbers.

    Decomposition: `log_plus_one`, `sqrt`, `compare`, `select` and arithmetic.
    """
    return build_value(block, "chlo.erf_inv", (operand,), None, result_type, location)


def erfc(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns one minus the error function, accurate for large elements.

    The result has the type of `operand`, a tensor of floating-point numbers.

    Decomposition: `exponential`, `abs`, `compare`, `select` and arithmetic.
    """
    return build_value(block, "chlo.erfc", (operand,), None, result_type, location)


def is_inf(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns, for each element, whether it is infinite.

    `operand` is a tensor of floating-point numbers; the result has its shape and holds booleans.

    Decomposition: `abs`, `compare` and `constant`.
    """
    return build_value(block, "chlo.is_inf", (operand,), None, result_type, location)


def is_neg_inf(
    block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns, for each element, whether it is negative infinity.

    `operand` is a tensor of floating-point numbers; the result has its shape and holds booleans.

    Decomposition: `compare` and `constant`.
    """
    return build_value(block, "chlo.is_neg_inf", (operand,), None, result_type, location)


def is_pos_inf(
    block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns, for each element, whether it is positive infinity.

    `operand` is a tensor of floating-point numbers; the result has its shape and holds booleans.

    Decomposition: `compare` and `constant`.
    """
    return build_value(block, "chlo.is_pos_inf", (operand,), None, result_type, location)


def lgamma(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the logarithm of the absolute value of the gamma function.

    The result has the type of `operand`, a tensor of floating-point numbers.

    Decomposition: `log`, `log_plus_one`, `sine`, `floor`, `is_finite`, `compare`, `select` and arithmetic.
    """
    return build_value(block, "chlo.lgamma", (operand,), None, result_type, location)


def sinh(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the element-wise hyperbolic sine.

    The result has the type of `operand`, a tensor of floating-point or complex numbers.

    Decomposition: `exponential`, `exponential_minus_one`, `log`, `abs`, `compare`, `select` and arithmetic.
    """
    return build_value(block, "chlo.sinh", (operand,), None, result_type, location)


def square(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the element-wise square.

    The result has the type of `operand`, a tensor of floating-point or complex numbers.

    Decomposition: `multiply`.
    """
    return build_value(block, "chlo.square", (operand,), None, result_type, location)


def tan(block: Block, operand: Value, *, result_type: Type | None = None, location: Location | None = None) -> Value:
    """Returns the element-wise tangent of angles in radians.

    The result has the type of `operand`, a tensor of floating-point or complex numbers.

    Decomposition: `tan`.
    """
    return build_value(block, "chlo.tan", (operand,), None, result_type, location)


def next_after(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns the floating-point number next to each element of `lhs` in the direction of `rhs`.

    `lhs` and `rhs` have the same type, which is also that of the result: tensors of floating-point numbers.

    Decomposition: `bitcast_convert`, `and`, `or`, `add`, `compare`, `select` and `constant`.
    """
    return build_value(block, "chlo.next_after", (lhs, rhs), None, result_type, location)


def polygamma(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns the derivative of order `lhs` of the digamma function.

    `lhs` and `rhs` have the same type, which is also that of the result: tensors of floating-point numbers.

    Decomposition: `exponential`, `log`, `power`, `floor`, `sine`, `cosine`, `compare`, `select` and arithmetic.
    """
    return build_value(block, "chlo.polygamma", (lhs, rhs), None, result_type, location)


def zeta(
    block: Block, lhs: Value, rhs: Value, *, result_type: Type | None = None, location: Location | None = None
) -> Value:
    """Returns the Hurwitz zeta function of `lhs` and the offset `rhs`.

    `lhs` and `rhs` have the same type, which is also that of the result: tensors of floating-point numbers.

    Decomposition: `power`, `floor`, `abs`, `compare`, `select` and arithmetic.
    """
    return build_value(block, "chlo.zeta", (lhs, rhs), None, result_type, location)


def constant(block: Block, value: Any, type: Type | None = None, *, location: Location | None = None) -> Value:
    """Returns a constant, see `stable_hlo.constant`.

    The result has a static shape; its elements are booleans, integers, floating-point or complex numbers.

    Raises:
        TypeError: If `type` is no type of a tensor.
        BuildError: If `value` does not have the shape of `type`.

    Decomposition: `constant`.
    """
    context = context_of(block)
    if type is not None and not isinstance(type, ShapedType):
        raise TypeError(f"`constant` expected the type of a tensor, but got `{type}`")
    raw = given(context, value) if isinstance(value, Attribute) else elements(context, value, type)
    return build_value(block, "chlo.constant", (), {"value": raw}, type, location)


def constant_like(block: Block, operand: Value, value: Any, *, location: Location | None = None) -> Value:
    """Returns a tensor of the type of `operand`, whose size may be dynamic, filled with the number `value`.

    `value` is a number of the element type of `operand`.

    Raises:
        TypeError: If `operand` is no tensor.
        ValueError: If an integer `value` does not fit.

    Decomposition: `constant`, and `dynamic_broadcast_in_dim` for dynamic sizes.
    """
    context = context_of(block)
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
    """Returns the `k` largest elements along the last dimension, largest first, and their positions.

    `operand` is a tensor of integers or floating-point numbers with at least one dimension, the last of at least `k`
    elements. The positions are 32-bit integers.

    Decomposition: `iota`, `sort` with `compare`, and `slice`.
    """
    attributes = {"k": integer(context_of(block), k)}
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
    check_context(context, "`ragged_dot_dimensions`")
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
    """Multiplies tensors like `stable_hlo.dot_general`, where one dimension of `lhs` is split into `group_sizes`.

    `group_sizes` holds integers, one for each group; the pass that legalizes takes those of 64 bits only. Dimensions
    that are batched or contracted together have the same size.

    Raises:
        ValueError: If `precision` names no member of `Precision`.

    Decomposition: `dot_general` and `slice` for groups, and `iota`, `compare`, `select` and arithmetic to join them.
    """
    context = context_of(block)
    # The pass that legalizes the operation fails without precisions.
    given_precision = (Precision.DEFAULT,) * 2 if precision is None else array(precision, "`ragged_dot`", "precisions")
    raw = [_chlo.PrecisionAttr.get(member(Precision, item).value, context._raw) for item in given_precision]
    attributes = {
        "ragged_dot_dimension_numbers": given(context, dimensions),
        "precision_config": ir.ArrayAttr.get(raw, context._raw),
    }
    return build_value(block, "chlo.ragged_dot", (lhs, rhs, group_sizes), attributes, result_type, location)
