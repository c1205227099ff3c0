"""The dialect `sdy` (Shardy): how tensors are split over the devices of a mesh.

For the collectives and the other operations one by one, as Shardy has them, see `shardy_operations`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from ryft_xla_sys.mlir import dialect

from .._arguments import array, check_context, check_kind, number, numbers, text
from .._conversions import given, integer, string
from ..attributes import Attribute, wrap_attribute
from ..building import Body, build_operation, build_value, build_with_regions, context_of
from ..values import type_of
from .shardy_operations import (
    PropagationDirection,
    all_gather,
    all_reduce,
    all_slice,
    all_to_all,
    collective_permute,
    constant,
    named_computation,
    propagation_barrier,
    reduce_scatter,
    replicated_to_unreduced,
    reshard,
    return_,
    sharded_to_unreduced,
)

if TYPE_CHECKING:
    from ..blocks import Block
    from ..context import Context
    from ..locations import Location
    from ..operations import Operation
    from ..types import Type
    from ..values import Value

__all__ = [
    "Axis",
    "PropagationDirection",
    "all_gather",
    "all_reduce",
    "all_slice",
    "all_to_all",
    "axis_reference",
    "collective_permute",
    "constant",
    "dimension_mapping",
    "dimension_sharding",
    "list_of_axes",
    "manual_axes",
    "manual_computation",
    "mesh",
    "mesh_attribute",
    "named_computation",
    "operation_sharding_rule",
    "propagation_barrier",
    "reduce_scatter",
    "replicated_to_unreduced",
    "reshard",
    "return_",
    "sharded_to_unreduced",
    "sharding_constraint",
    "sharding_group",
    "sharding_per_value",
    "tensor_mapping",
    "tensor_sharding",
]

_sdy: Any = dialect("sdy")

Axis: TypeAlias = str | Attribute
"""An axis of a mesh: its name, or a part of it, see `axis_reference`."""


def mesh_attribute(context: Context, axes: Mapping[str, int], device_ids: Sequence[int] = ()) -> Attribute:
    """Returns a mesh of devices with named axes, for example `{"x": 2, "y": 4}`.

    Args:
        context: Context to build the attribute in.
        axes: Size of each axis, outermost first.
        device_ids: Devices in row-major order, if not 0, 1, 2, ...
    """
    check_context(context, "`mesh_attribute`")
    check_kind(axes, Mapping, "a mesh", "the size of each axis by name")
    raw_axes = [
        _sdy.MeshAxisAttr.get(text(name, "a mesh"), number(size, "a mesh"), context._raw) for name, size in axes.items()
    ]
    return wrap_attribute(context, _sdy.MeshAttr.get(raw_axes, numbers(device_ids, "a mesh"), context._raw))


def axis_reference(context: Context, name: str, sub_axis: tuple[int, int] | None = None) -> Attribute:
    """Returns an axis of a mesh, or the part of it with `sub_axis = (product of the sizes before it, its size)`."""
    check_context(context, "`axis_reference`")
    info = None
    if sub_axis is not None:
        sizes = numbers(sub_axis, "`sub_axis`")
        if len(sizes) != 2:
            raise ValueError(f"`sub_axis` expected two sizes, but got {sizes}")
        info = _sdy.SubAxisInfoAttr.get(*sizes, context._raw)
    return wrap_attribute(context, _sdy.AxisRefAttr.get(text(name, "an axis"), info, context._raw))


def dimension_sharding(
    context: Context, axes: Sequence[Axis] = (), *, is_closed: bool = True, priority: int | None = None
) -> Attribute:
    """Returns how one dimension of a tensor is split.

    Args:
        context: Context to build the attribute in.
        axes: Axes that the dimension is split over, major first.
        is_closed: Whether propagation must not add axes.
        priority: How early propagation looks at it; 0 is the earliest.
    """
    check_context(context, "`dimension_sharding`")
    level = None if priority is None else number(priority, "`priority`", 0)
    raw = _sdy.DimensionShardingAttr.get(_axes(context, axes), bool(is_closed), level, context._raw)
    return wrap_attribute(context, raw)


def tensor_sharding(
    context: Context,
    mesh: str | Attribute,
    dimensions: Sequence[Attribute | Sequence[Axis] | None],
    *,
    replicated: Sequence[Axis] = (),
    unreduced: Sequence[Axis] = (),
) -> Attribute:
    """Returns how a tensor is split over a mesh.

    Args:
        context: Context to build the attribute in.
        mesh: Name of the mesh in the module, or a mesh attribute.
        dimensions: For each dimension, a `dimension_sharding`, the axes of a closed one, or `None` for an open one
            without axes.
        replicated: Axes over which the tensor must be replicated.
        unreduced: Axes over which the tensor is still to be summed.
    """
    check_context(context, "`tensor_sharding`")
    raw_dimensions: list[Any] = []
    for item in array(dimensions, "a sharding", "dimensions"):
        if item is None:
            raw_dimensions.append(dimension_sharding(context, is_closed=False)._raw)
        elif isinstance(item, Attribute):
            raw_dimensions.append(_of_kind(context, item, "DimensionShardingAttr"))
        else:
            raw_dimensions.append(dimension_sharding(context, item)._raw)
    target = text(mesh, "a sharding") if isinstance(mesh, str) else _of_kind(context, mesh, "MeshAttr")
    raw = _sdy.TensorShardingAttr.get(
        target, raw_dimensions, _axes(context, replicated), _axes(context, unreduced), context._raw
    )
    return wrap_attribute(context, raw)


def sharding_per_value(context: Context, shardings: Sequence[Attribute]) -> Attribute:
    """Returns one sharding for each of several values."""
    check_context(context, "`sharding_per_value`")
    given_shardings = array(shardings, "`sharding_per_value`", "shardings")
    raw = [_of_kind(context, sharding, "TensorShardingAttr") for sharding in given_shardings]
    return wrap_attribute(context, _sdy.TensorShardingPerValueAttr.get(raw, context._raw))


def manual_axes(context: Context, names: Sequence[str]) -> Attribute:
    """Returns the axes along which a `manual_computation` sees local pieces."""
    check_context(context, "`manual_axes`")
    raw = [string(context, name) for name in array(names, "`manual_axes`", "names")]
    return wrap_attribute(context, _sdy.ManualAxesAttr.get(raw, context._raw))


def list_of_axes(context: Context, dimensions: Sequence[Sequence[str]]) -> Attribute:
    """Returns, for each dimension of a tensor, the axes that a collective such as `all_gather` works on."""
    check_context(context, "`list_of_axes`")
    groups = [array(names, "`list_of_axes`", "names") for names in array(dimensions, "`list_of_axes`", "dimensions")]
    inner = ", ".join("{" + ", ".join(f'"{text(name, "an axis")}"' for name in names) + "}" for names in groups)
    return context.parse_attribute(f"#sdy<list_of_axis_ref_lists[{inner}]>")


def dimension_mapping(context: Context, factors: Sequence[int]) -> Attribute:
    """Returns the factors that one dimension of an operand or result is made of."""
    check_context(context, "`dimension_mapping`")
    return wrap_attribute(context, _sdy.DimMappingAttr.get(numbers(factors, "a mapping"), context._raw))


def tensor_mapping(context: Context, dimensions: Sequence[Attribute | Sequence[int]]) -> Attribute:
    """Returns the factors of each dimension of an operand or result."""
    check_context(context, "`tensor_mapping`")
    given_dimensions = array(dimensions, "`tensor_mapping`", "dimensions")
    items = [item if isinstance(item, Attribute) else dimension_mapping(context, item) for item in given_dimensions]
    raw = [_of_kind(context, item, "DimMappingAttr") for item in items]
    return wrap_attribute(context, _sdy.TensorMappingAttr.get(raw, context._raw))


def operation_sharding_rule(
    context: Context,
    factor_sizes: Sequence[int],
    operands: Sequence[Attribute],
    results: Sequence[Attribute],
    *,
    reduction_factors: Sequence[int] = (),
    need_replication_factors: Sequence[int] = (),
    permutation_factors: Sequence[int] = (),
    blocked_propagation_factors: Sequence[int] = (),
    is_custom: bool = False,
) -> Attribute:
    """Returns how shardings flow through an operation.

    Args:
        context: Context to build the attribute in.
        factor_sizes: Sizes of the factors.
        operands: For each operand, its `tensor_mapping`.
        results: For each result, its `tensor_mapping`.
        reduction_factors: Factors that are summed over.
        need_replication_factors: Factors that must not be split.
        permutation_factors: Factors whose split needs a permutation of data.
        blocked_propagation_factors: Factors along which nothing is propagated.
        is_custom: Whether a user wrote the rule.
    """
    check_context(context, "`operation_sharding_rule`")
    subject = "`operation_sharding_rule`"
    raw = _sdy.OpShardingRuleAttr.get(
        numbers(factor_sizes, subject),
        [_of_kind(context, item, "TensorMappingAttr") for item in array(operands, subject, "mappings")],
        [_of_kind(context, item, "TensorMappingAttr") for item in array(results, subject, "mappings")],
        numbers(reduction_factors, subject),
        numbers(need_replication_factors, subject),
        numbers(permutation_factors, subject),
        numbers(blocked_propagation_factors, subject),
        bool(is_custom),
        context._raw,
    )
    return wrap_attribute(context, raw)


def mesh(
    block: Block,
    name: str,
    axes: Mapping[str, int] | Attribute,
    device_ids: Sequence[int] = (),
    *,
    location: Location | None = None,
) -> Operation:
    """Declares a mesh in the body of a module, under a name that shardings refer to."""
    context = context_of(block)
    value = axes if isinstance(axes, Attribute) else mesh_attribute(context, axes, device_ids)
    attributes = {"sym_name": string(context, name), "mesh": given(context, value)}
    return build_operation(block, "sdy.mesh", (), attributes, (), location=location)


def sharding_constraint(
    block: Block, operand: Value, sharding: Attribute, *, location: Location | None = None
) -> Value:
    """Returns a tensor that must have a sharding."""
    attributes = {"sharding": given(context_of(block), sharding)}
    return build_value(block, "sdy.sharding_constraint", (operand,), attributes, type_of(operand), location)


def sharding_group(block: Block, operand: Value, group: int, *, location: Location | None = None) -> Operation:
    """Puts a tensor into a group of tensors that should be sharded alike."""
    attributes = {"group_id": integer(context_of(block), group)}
    return build_operation(block, "sdy.sharding_group", (operand,), attributes, (), location=location)


def manual_computation(
    block: Block,
    operands: Sequence[Value],
    local_types: Sequence[Type],
    body: Body,
    result_types: Sequence[Type],
    *,
    in_shardings: Sequence[Attribute],
    out_shardings: Sequence[Attribute],
    manual: Sequence[str],
    location: Location | None = None,
) -> tuple[Value, ...]:
    """Runs `body` on the pieces of tensors that each device holds.

    Args:
        block: Block to append to.
        operands: The whole tensors.
        local_types: Types of their pieces.
        body: `body(block, *pieces)` returns the pieces of the results.
        result_types: Types of the whole results.
        in_shardings: How each operand is split.
        out_shardings: How each result is split.
        manual: Names of the axes along which the body sees pieces; along the others it sees whole tensors.
        location: Where the operation comes from.
    """
    context = context_of(block)
    attributes = {
        "in_shardings": sharding_per_value(context, in_shardings)._raw,
        "out_shardings": sharding_per_value(context, out_shardings)._raw,
        "manual_axes": manual_axes(context, manual)._raw,
    }
    operation = build_with_regions(
        block,
        "sdy.manual_computation",
        operands,
        attributes,
        [(body, local_types)],
        terminator="sdy.return",
        result_types=result_types,
        location=location,
    )
    return operation.results


def _axes(context: Context, axes: Sequence[Axis]) -> list[Any]:
    return [
        _of_kind(context, axis, "AxisRefAttr") if isinstance(axis, Attribute) else axis_reference(context, axis)._raw
        for axis in array(axes, "a sharding", "axes")
    ]


def _of_kind(context: Context, attribute: Attribute, kind: str) -> Any:
    """Returns the bindings' object of an attribute of Shardy; one of another kind would end the process."""
    raw = given(context, attribute)
    if not getattr(_sdy, kind).isinstance(raw):
        raise TypeError(f"expected a Shardy attribute of kind `{kind.removesuffix('Attr')}`, but got `{attribute}`")
    return raw
