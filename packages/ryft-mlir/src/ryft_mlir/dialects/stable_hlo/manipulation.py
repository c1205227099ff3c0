"""Operations of StableHLO that change shapes, and that cut and join tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..._arguments import array
from ..._conversions import Integers, integer, integer_array
from ...attributes import Attribute
from ...building import build_value, context_of
from ...types import ShapedType, Type
from ...values import type_of

if TYPE_CHECKING:
    from ...blocks import Block
    from ...locations import Location
    from ...values import Value

__all__ = [
    "broadcast_in_dim",
    "concatenate",
    "dynamic_broadcast_in_dim",
    "dynamic_pad",
    "dynamic_reshape",
    "dynamic_slice",
    "dynamic_update_slice",
    "get_dimension_size",
    "pad",
    "real_dynamic_slice",
    "reshape",
    "reverse",
    "set_dimension_size",
    "slice",
    "transpose",
]


def broadcast_in_dim(
    block: Block, operand: Value, result_type: Type, broadcast_dimensions: Integers, *, location: Location | None = None
) -> Value:
    """Repeats a tensor along new dimensions and along those of size 1.

    Each dimension of `operand` has size 1 or that of the dimension it becomes, and all of `broadcast_dimensions`
    differ; operand and result have one element type.

    Args:
        block: Block to append to.
        operand: Tensor to repeat.
        result_type: Type of the result.
        broadcast_dimensions: For each dimension of `operand`, the dimension of the result that it becomes.
        location: Where the operation comes from.

    Specification: `broadcast_in_dim`.
    """
    attributes = {"broadcast_dimensions": integer_array(context_of(block), broadcast_dimensions)}
    return build_value(block, "stablehlo.broadcast_in_dim", (operand,), attributes, result_type, location)


def dynamic_broadcast_in_dim(
    block: Block,
    operand: Value,
    output_dimensions: Value,
    result_type: Type,
    broadcast_dimensions: Integers,
    *,
    known_expanding_dimensions: Integers | None = None,
    known_nonexpanding_dimensions: Integers | None = None,
    location: Location | None = None,
) -> Value:
    """Repeats a tensor to the shape that `output_dimensions` holds; the last two arguments are hints.

    `output_dimensions` is a vector of integers with one size for each dimension of `result_type`; everything else is as
    for `broadcast_in_dim`. The hints are dimensions of `operand`, and none is in both.

    Specification: `dynamic_broadcast_in_dim`.
    """
    context = context_of(block)
    attributes = {"broadcast_dimensions": integer_array(context, broadcast_dimensions)}
    if known_expanding_dimensions is not None:
        attributes["known_expanding_dimensions"] = integer_array(context, known_expanding_dimensions)
    if known_nonexpanding_dimensions is not None:
        attributes["known_nonexpanding_dimensions"] = integer_array(context, known_nonexpanding_dimensions)
    operands = (operand, output_dimensions)
    return build_value(block, "stablehlo.dynamic_broadcast_in_dim", operands, attributes, result_type, location)


def reshape(block: Block, operand: Value, shape: Type | Sequence[int], *, location: Location | None = None) -> Value:
    """Gives a tensor another shape with as many elements, in row-major order; `shape` may be the type of the result.

    Operand and result have one element type and the same number of elements.

    Raises:
        TypeError: If `operand` is no tensor.

    Specification: `reshape`.
    """
    if isinstance(shape, Type):
        result_type = shape
    else:
        operand_type = type_of(operand)
        if not isinstance(operand_type, ShapedType):
            raise TypeError(f"`reshape` expected a tensor, but got `{operand_type}`")
        result_type = context_of(block).tensor_type(shape, operand_type.element_type)
    return build_value(block, "stablehlo.reshape", (operand,), None, result_type, location)


def dynamic_reshape(
    block: Block, operand: Value, output_shape: Value, result_type: Type, *, location: Location | None = None
) -> Value:
    """Gives a tensor the shape that `output_shape` holds.

    `output_shape` is a vector of integers with one size for each dimension of `result_type`; the number of elements
    stays the same.

    Specification: `dynamic_reshape`.
    """
    return build_value(block, "stablehlo.dynamic_reshape", (operand, output_shape), None, result_type, location)


def transpose(
    block: Block,
    operand: Value,
    permutation: Integers,
    *,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Permutes dimensions: dimension `i` of the result is dimension `permutation[i]` of the operand.

    `permutation` holds each dimension of `operand` once.

    Specification: `transpose`.
    """
    attributes = {"permutation": integer_array(context_of(block), permutation)}
    return build_value(block, "stablehlo.transpose", (operand,), attributes, result_type, location)


def reverse(
    block: Block,
    operand: Value,
    dimensions: Integers,
    *,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Reverses the order of elements along `dimensions`.

    `dimensions` are different dimensions of `operand`, and the result has its type.

    Specification: `reverse`.
    """
    attributes = {"dimensions": integer_array(context_of(block), dimensions)}
    return build_value(block, "stablehlo.reverse", (operand,), attributes, result_type, location)


def concatenate(
    block: Block,
    operands: Sequence[Value],
    dimension: int,
    *,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Joins tensors along `dimension`.

    There is at least one operand; all have one element type, and one shape but for the size of `dimension`.

    Raises:
        BuildError: If there are no operands.

    Specification: `concatenate`.
    """
    attributes = {"dimension": integer(context_of(block), dimension)}
    return build_value(block, "stablehlo.concatenate", operands, attributes, result_type, location)


def slice(  # noqa: A001
    block: Block,
    operand: Value,
    start_indices: Integers,
    limit_indices: Integers,
    strides: Integers | None = None,
    *,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Takes the elements from `start_indices` up to, but without, `limit_indices`, in steps of `strides`, or 1.

    There is one start, limit and stride for each dimension of `operand`, with `0 <= start <= limit <= size` and `stride
    > 0`.

    Raises:
        TypeError: If `strides` is left out while `start_indices` is an attribute.

    Specification: `slice`.
    """
    context = context_of(block)
    if strides is None:
        if isinstance(start_indices, Attribute):
            raise TypeError("`slice` expected `strides` beside `start_indices` that are an attribute")
        strides = [1] * len(array(start_indices, "`slice`", "integers"))
    attributes = {
        "start_indices": integer_array(context, start_indices),
        "limit_indices": integer_array(context, limit_indices),
        "strides": integer_array(context, strides),
    }
    return build_value(block, "stablehlo.slice", (operand,), attributes, result_type, location)


def real_dynamic_slice(
    block: Block,
    operand: Value,
    start_indices: Value,
    limit_indices: Value,
    strides: Value,
    result_type: Type,
    *,
    location: Location | None = None,
) -> Value:
    """Takes the elements between bounds, and in steps, that are values.

    `start_indices`, `limit_indices` and `strides` are vectors of one integer type with one element for each dimension
    of `operand`.

    Specification: none (not specified; see `slice`).
    """
    operands = (operand, start_indices, limit_indices, strides)
    return build_value(block, "stablehlo.real_dynamic_slice", operands, None, result_type, location)


def dynamic_slice(
    block: Block,
    operand: Value,
    start_indices: Sequence[Value],
    slice_sizes: Integers,
    *,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Takes a slice of fixed size that starts where the scalars `start_indices` say, moved to lie inside the tensor.

    There is one start, a scalar of integer type, for each dimension of `operand`; `slice_sizes` lie between 0 and its
    sizes.

    Specification: `dynamic_slice`.
    """
    attributes = {"slice_sizes": integer_array(context_of(block), slice_sizes)}
    operands = (operand, *array(start_indices, "`dynamic_slice`", "values"))
    return build_value(block, "stablehlo.dynamic_slice", operands, attributes, result_type, location)


def dynamic_update_slice(
    block: Block,
    operand: Value,
    update: Value,
    start_indices: Sequence[Value],
    *,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Returns `operand` with `update` written over the slice that starts where the scalars `start_indices` say.

    There is one start, a scalar of integer type, for each dimension of `operand`, moved so that the slice lies inside.
    `update` has its rank and element type and is nowhere larger; the result has its type.

    Specification: `dynamic_update_slice`.
    """
    operands = (operand, update, *array(start_indices, "`dynamic_update_slice`", "values"))
    return build_value(block, "stablehlo.dynamic_update_slice", operands, None, result_type, location)


def pad(
    block: Block,
    operand: Value,
    padding_value: Value,
    low: Integers,
    high: Integers,
    interior: Integers,
    *,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Surrounds a tensor with `padding_value`, and puts it between elements; negative sizes cut elements off.

    `padding_value` is a scalar with the element type of `operand`; there are three sizes for each dimension of
    `operand`, and `interior` has no negative ones.

    Specification: `pad`.
    """
    context = context_of(block)
    attributes = {
        "edge_padding_low": integer_array(context, low),
        "edge_padding_high": integer_array(context, high),
        "interior_padding": integer_array(context, interior),
    }
    return build_value(block, "stablehlo.pad", (operand, padding_value), attributes, result_type, location)


def dynamic_pad(
    block: Block,
    operand: Value,
    padding_value: Value,
    low: Value,
    high: Value,
    interior: Value,
    result_type: Type,
    *,
    location: Location | None = None,
) -> Value:
    """Pads like `pad`, by sizes that are values.

    `low`, `high` and `interior` are vectors of one integer type with one element for each dimension of `operand`;
    `padding_value` is a scalar with its element type.

    Specification: `dynamic_pad`.
    """
    operands = (operand, padding_value, low, high, interior)
    return build_value(block, "stablehlo.dynamic_pad", operands, None, result_type, location)


def get_dimension_size(block: Block, operand: Value, dimension: int, *, location: Location | None = None) -> Value:
    """Returns the size of a dimension as a scalar of 32 bits.

    `dimension` is a dimension of `operand`, a tensor of any type.

    Specification: `get_dimension_size`.
    """
    attributes = {"dimension": integer(context_of(block), dimension)}
    return build_value(block, "stablehlo.get_dimension_size", (operand,), attributes, None, location)


def set_dimension_size(
    block: Block,
    operand: Value,
    size: Value,
    dimension: int,
    *,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Makes a dimension dynamic, of the size that the scalar `size` holds and bounded by its old size.

    `dimension` is a dimension of `operand`, and `size` a scalar of 32-bit integers.

    Specification: none (not specified; see `get_dimension_size`).
    """
    attributes = {"dimension": integer(context_of(block), dimension)}
    return build_value(block, "stablehlo.set_dimension_size", (operand, size), attributes, result_type, location)
