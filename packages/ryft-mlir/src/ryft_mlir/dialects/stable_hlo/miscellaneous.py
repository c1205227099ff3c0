"""Other operations of StableHLO: custom calls, composites, random numbers, tuples and what is deprecated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ryft_xla_sys.mlir import ir

from ..._arguments import array, numbers
from ..._conversions import Integers, boolean, flat_symbol, given, integer, integer_array, string
from ...attribute_factories import raw_attributes
from ...attributes import Attribute
from ...building import build, build_value, context_of
from ...values import type_of
from .attributes import CustomCallApiVersion, RngAlgorithm, RngDistribution, enumeration

if TYPE_CHECKING:
    from ...blocks import Block
    from ...context import Context
    from ...locations import Location
    from ...types import Type
    from ...values import Value

__all__ = [
    "broadcast",
    "composite",
    "custom_call",
    "einsum",
    "get_tuple_element",
    "optimization_barrier",
    "rng",
    "rng_bit_generator",
    "torch_index_select",
    "tuple_",
    "unary_einsum",
]


def custom_call(
    block: Block,
    inputs: Sequence[Value],
    target: str,
    result_types: Sequence[Type],
    *,
    has_side_effect: bool = False,
    backend_config: str | bytes | Mapping[str, Any] | Attribute | None = None,
    api_version: CustomCallApiVersion | int = CustomCallApiVersion.TYPED_FFI,
    called_computations: Sequence[str] = (),
    operand_layouts: Sequence[Sequence[int]] | None = None,
    result_layouts: Sequence[Sequence[int]] | None = None,
    output_operand_aliases: Sequence[Attribute] = (),
    attributes: Mapping[str, Any] | None = None,
    location: Location | None = None,
) -> tuple[Value, ...]:
    """Calls a function that the runtime knows by name, and returns its results, always as a tuple.

    `inputs` and results are tensors, tokens or tuples. Layouts are given for both inputs and results or for neither,
    and are permutations of the dimensions.

    Args:
        block: Block to append to.
        inputs: Arguments of the call.
        target: Name of the function.
        result_types: Types of the results.
        has_side_effect: Whether the call must be kept even if its results are not used.
        backend_config: Options of the call: a string, or for typed calls a dictionary of attributes or Python values.
        api_version: Calling convention of the function.
        called_computations: Names of functions of the module that the call may run.
        operand_layouts: For each input, its dimensions from minor to major.
        result_layouts: For each result, its dimensions from minor to major.
        output_operand_aliases: Which results share memory with which inputs, see `output_operand_alias`.
        attributes: Further attributes, for example frontend attributes.
        location: Where the operation comes from.

    Specification: `custom_call`.
    """
    context = context_of(block)
    raw: dict[str, Any] = {
        "call_target_name": string(context, target),
        "has_side_effect": boolean(context, has_side_effect),
        "api_version": integer(context, int(api_version), 32),
        "backend_config": _backend_config(context, backend_config, int(api_version)),
    }
    if called_computations:
        raw["called_computations"] = ir.ArrayAttr.get(
            [flat_symbol(context, name) for name in called_computations], context._raw
        )
    for key, layouts in (("operand_layouts", operand_layouts), ("result_layouts", result_layouts)):
        if layouts is not None:
            raw[key] = ir.ArrayAttr.get([_layout(context, layout) for layout in layouts], context._raw)
    if output_operand_aliases:
        raw["output_operand_aliases"] = ir.ArrayAttr.get(
            [given(context, alias) for alias in output_operand_aliases], context._raw
        )
    raw.update(raw_attributes(context, attributes or {}))
    return build(block, "stablehlo.custom_call", inputs, raw, result_types, location)


def composite(
    block: Block,
    inputs: Sequence[Value],
    name: str,
    decomposition: str,
    result_types: Sequence[Type],
    *,
    attributes: Mapping[str, Any] | None = None,
    version: int = 0,
    location: Location | None = None,
) -> tuple[Value, ...]:
    """Calls an operation that a compiler may know by name, and else replaces by the function `decomposition`.

    `decomposition` names a function of the module that takes `inputs` and returns `result_types`; `version` is not
    negative.

    Specification: `composite`.
    """
    context = context_of(block)
    raw: dict[str, Any] = {
        "name": string(context, name),
        "decomposition": flat_symbol(context, decomposition),
        "version": integer(context, version, 32),
    }
    if attributes:
        raw["composite_attributes"] = context.attribute(attributes)._raw
    return build(block, "stablehlo.composite", inputs, raw, result_types, location)


def optimization_barrier(
    block: Block, operands: Sequence[Value], *, location: Location | None = None
) -> tuple[Value, ...]:
    """Returns the operands, and keeps the compiler from moving computations across.

    Operands, which are tensors, tokens or tuples, and results have the same types.

    Specification: `optimization_barrier`.
    """
    types = [type_of(operand) for operand in array(operands, "`optimization_barrier`", "values")]
    return build(block, "stablehlo.optimization_barrier", operands, None, types, location)


def rng(
    block: Block,
    a: Value,
    b: Value,
    shape: Value,
    distribution: RngDistribution | str,
    *,
    location: Location | None = None,
) -> Value:
    """Draws random numbers: uniform from `a` to `b`, or normal with mean `a` and deviation `b`.

    `a` and `b` are scalars of one type: booleans or integers (uniform only) or floating-point numbers. `shape` is a
    constant vector of the sizes of the result.

    Raises:
        ValueError: If `distribution` names no member of `RngDistribution`.

    Specification: `rng`.
    """
    attributes = {"rng_distribution": enumeration(context_of(block), RngDistribution, distribution)}
    return build_value(block, "stablehlo.rng", (a, b, shape), attributes, None, location)


def rng_bit_generator(
    block: Block,
    state: Value,
    result_type: Type,
    *,
    algorithm: RngAlgorithm | str = RngAlgorithm.DEFAULT,
    location: Location | None = None,
) -> tuple[Value, Value]:
    """Returns the next state of a random number generator, and random bits of `result_type`.

    `state` is a vector of unsigned 64-bit integers, two for `THREE_FRY` and two or three for `PHILOX`; the next state
    has its type, and `result_type` is a tensor of integers or floating-point numbers.

    Raises:
        ValueError: If `algorithm` names no member of `RngAlgorithm`.

    Specification: `rng_bit_generator`.
    """
    attributes = {"rng_algorithm": enumeration(context_of(block), RngAlgorithm, algorithm)}
    types = (type_of(state), result_type)
    next_state, bits = build(block, "stablehlo.rng_bit_generator", (state,), attributes, types, location)
    return next_state, bits


def tuple_(block: Block, values: Sequence[Value], *, location: Location | None = None) -> Value:
    """Returns a tuple of values.

    The values are tensors, tokens or tuples.

    Specification: `tuple`.
    """
    return build_value(block, "stablehlo.tuple", values, None, None, location)


def get_tuple_element(block: Block, operand: Value, index: int, *, location: Location | None = None) -> Value:
    """Returns one element of a tuple.

    `operand` is a tuple of more than `index` elements, and `index` is not negative.

    Specification: `get_tuple_element`.
    """
    attributes = {"index": integer(context_of(block), index, 32)}
    return build_value(block, "stablehlo.get_tuple_element", (operand,), attributes, None, location)


def broadcast(block: Block, operand: Value, sizes: Integers, *, location: Location | None = None) -> Value:
    """Adds leading dimensions of `sizes`. StableHLO deprecates it in favour of `broadcast_in_dim`.

    `sizes` are not negative; operand and result have one element type.

    Specification: none (deprecated; see `broadcast_in_dim`).
    """
    attributes = {"broadcast_sizes": integer_array(context_of(block), sizes)}
    return build_value(block, "stablehlo.broadcast", (operand,), attributes, None, location)


def einsum(
    block: Block, lhs: Value, rhs: Value, equation: str, result_type: Type, *, location: Location | None = None
) -> Value:
    """Multiplies and sums as an equation such as `"ij,jk->ik"` says. StableHLO deprecates it.

    Each letter stands for one dimension of an operand, and has the same size wherever it stands.

    Specification: none (deprecated; see `dot_general`).
    """
    attributes = {"einsum_config": string(context_of(block), equation)}
    return build_value(block, "stablehlo.einsum", (lhs, rhs), attributes, result_type, location)


def unary_einsum(
    block: Block, operand: Value, equation: str, result_type: Type, *, location: Location | None = None
) -> Value:
    """Sums and permutes as an equation such as `"ij->j"` says. StableHLO deprecates it.

    Each letter stands for one dimension of the operand.

    Specification: none (deprecated; see `dot_general`).
    """
    attributes = {"einsum_config": string(context_of(block), equation)}
    return build_value(block, "stablehlo.unary_einsum", (operand,), attributes, result_type, location)


def torch_index_select(
    block: Block,
    operand: Value,
    index: Value,
    result_type: Type,
    *,
    dimension: int,
    batch_dimensions: int = 0,
    location: Location | None = None,
) -> Value:
    """Takes the elements along `dimension` that `index` names. StableHLO deprecates it in favour of `gather`.

    `index` holds integers, and `dimension` is one of `operand`; the first `batch_dimensions` of both are the same.

    Specification: none (deprecated; see `gather`).
    """
    context = context_of(block)
    attributes = {"dim": integer(context, dimension), "batch_dims": integer(context, batch_dimensions)}
    return build_value(block, "stablehlo.torch_index_select", (operand, index), attributes, result_type, location)


def _layout(context: Context, layout: Sequence[int]) -> Any:
    values = numpy.array(numbers(layout, "a layout"), numpy.int64)
    index = ir.IndexType.get(context._raw)
    return ir.DenseElementsAttr.get(values, type=index, shape=values.shape, context=context._raw)


def _backend_config(context: Context, value: Any, api_version: int) -> Any:
    if isinstance(value, (str, bytes)):
        return string(context, value)
    if value is None:
        typed = api_version == CustomCallApiVersion.TYPED_FFI
        return ir.DictAttr.get({}, context._raw) if typed else string(context, "")
    return context.attribute(value)._raw
