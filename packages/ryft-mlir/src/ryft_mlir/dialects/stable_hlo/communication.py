"""Operations of StableHLO that communicate between devices, and with the host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy
from numpy.typing import ArrayLike

from ryft_xla_sys.mlir import dialect, ir

from ..._arguments import array, check_context
from ..._conversions import boolean, given, integer, integer_pairs, string, unit
from ...attributes import Attribute
from ...building import Body, build, build_value, build_with_regions, context_of
from ...errors import BuildError
from ...types import ShapedType, Type
from ...values import Value, type_of

if TYPE_CHECKING:
    from ...blocks import Block
    from ...context import Context
    from ...locations import Location

__all__ = [
    "after_all",
    "all_gather",
    "all_reduce",
    "all_to_all",
    "collective_broadcast",
    "collective_permute",
    "create_token",
    "cross_replica_sum",
    "infeed",
    "outfeed",
    "partition_id",
    "recv",
    "reduce_scatter",
    "replica_id",
    "send",
    "token_type",
]

ReplicaGroups = ArrayLike | Sequence[Sequence[int]] | Attribute
"""Groups of devices that communicate; groups of different sizes are padded with -1."""


def token_type(context: Context) -> Type:
    """Returns the type of tokens, which order side effects."""
    check_context(context, "`token_type`")
    return Type(context, dialect("stablehlo").TokenType.get(context._raw))


def partition_id(block: Block, *, location: Location | None = None) -> Value:
    """Returns the number of the partition that runs the program, an unsigned scalar of 32 bits.

    Specification: `partition_id`.
    """
    return build_value(block, "stablehlo.partition_id", (), None, None, location)


def replica_id(block: Block, *, location: Location | None = None) -> Value:
    """Returns the number of the replica that runs the program, an unsigned scalar of 32 bits.

    Specification: `replica_id`.
    """
    return build_value(block, "stablehlo.replica_id", (), None, None, location)


def after_all(block: Block, tokens: Sequence[Value] = (), *, location: Location | None = None) -> Value:
    """Returns a token that is ready when all `tokens` are.

    All operands are tokens.

    Specification: `after_all`.
    """
    return build_value(block, "stablehlo.after_all", tokens, None, None, location)


def create_token(block: Block, *, location: Location | None = None) -> Value:
    """Returns a token. StableHLO deprecates it in favour of `after_all` without tokens.

    Specification: none (deprecated; see `after_all`).
    """
    return build_value(block, "stablehlo.create_token", (), None, None, location)


def send(
    block: Block,
    inputs: Sequence[Value],
    token: Value,
    channel: Attribute,
    *,
    is_host_transfer: bool = False,
    source_target_pairs: ArrayLike | Attribute | None = None,
    location: Location | None = None,
) -> Value:
    """Sends values over a channel, see `channel_handle`, and returns a token.

    `inputs` are tensors, and `token` is a token. Host transfers need a channel of the kind `DEVICE_TO_HOST`, and others
    one of `DEVICE_TO_DEVICE`.

    Raises:
        ValueError: If `source_target_pairs` has not two columns.

    Specification: `send`.
    """
    attributes = _transfer(context_of(block), channel, is_host_transfer, source_target_pairs)
    return build_value(block, "stablehlo.send", (*_tuple(inputs, "`send`"), token), attributes, None, location)


def recv(
    block: Block,
    token: Value,
    channel: Attribute,
    result_types: Sequence[Type],
    *,
    is_host_transfer: bool = False,
    source_target_pairs: ArrayLike | Attribute | None = None,
    location: Location | None = None,
) -> tuple[Value, ...]:
    """Receives values of `result_types` over a channel and returns them, followed by a token.

    `token` is a token. Host transfers need a channel of the kind `HOST_TO_DEVICE`, and others one of
    `DEVICE_TO_DEVICE`.

    Raises:
        ValueError: If `source_target_pairs` has not two columns.

    Specification: `recv`.
    """
    context = context_of(block)
    attributes = _transfer(context, channel, is_host_transfer, source_target_pairs)
    types = (*array(result_types, "`recv`", "types"), token_type(context))
    return build(block, "stablehlo.recv", (token,), attributes, types, location)


def infeed(
    block: Block,
    token: Value,
    result_types: Sequence[Type],
    *,
    configuration: str = "",
    layout: Sequence[Sequence[int]] | None = None,
    location: Location | None = None,
) -> tuple[Value, ...]:
    """Reads values of `result_types` from the infeed and returns them, followed by a token.

    `token` is a token; `layout` holds, for each result, its dimensions from minor to major.

    Specification: `infeed`.
    """
    context = context_of(block)
    attributes = {"infeed_config": string(context, configuration)}
    if layout is not None:
        rows = [
            ir.ArrayAttr.get([integer(context, item) for item in array(row, "`layout`", "dimensions")], context._raw)
            for row in array(layout, "`layout`", "sequences of dimensions")
        ]
        attributes["layout"] = ir.ArrayAttr.get(rows, context._raw)
    types = (*array(result_types, "`infeed`", "types"), token_type(context))
    return build(block, "stablehlo.infeed", (token,), attributes, types, location)


def outfeed(
    block: Block,
    inputs: Sequence[Value],
    token: Value,
    *,
    configuration: str = "",
    location: Location | None = None,
) -> Value:
    """Writes values to the outfeed and returns a token.

    `inputs` are tensors, and `token` is a token.

    Specification: `outfeed`.
    """
    attributes = {"outfeed_config": string(context_of(block), configuration)}
    return build_value(block, "stablehlo.outfeed", (*_tuple(inputs, "`outfeed`"), token), attributes, None, location)


def all_gather(
    block: Block,
    operands: Value | Sequence[Value],
    dimension: int,
    replica_groups: ReplicaGroups,
    result_types: Type | Sequence[Type],
    *,
    channel: Attribute | None = None,
    use_global_device_ids: bool = False,
    location: Location | None = None,
) -> tuple[Value, ...]:
    """Joins the operands of all devices in a group along `dimension`.

    Each result has the type of its operand, but along `dimension` the size of the operand times the number of devices
    in a group.

    Specification: `all_gather`.
    """
    context = context_of(block)
    attributes = _collective(context, replica_groups, channel, use_global_device_ids)
    attributes["all_gather_dim"] = integer(context, dimension)
    types = (result_types,) if isinstance(result_types, Type) else result_types
    return build(block, "stablehlo.all_gather", _tuple(operands, "`all_gather`"), attributes, types, location)


def all_reduce(
    block: Block,
    operands: Value | Sequence[Value],
    replica_groups: ReplicaGroups,
    body: Body,
    *,
    channel: Attribute | None = None,
    use_global_device_ids: bool = False,
    location: Location | None = None,
) -> tuple[Value, ...]:
    """Combines the operands of all devices in a group by `body(block, accumulator, element)` on scalars.

    All operands have one element type, and `body` returns one scalar of it; each result has the type of its operand.

    Raises:
        TypeError: If an operand is no tensor.

    Specification: `all_reduce`.
    """
    context = context_of(block)
    attributes = _collective(context, replica_groups, channel, use_global_device_ids)
    tensors = _tuple(operands, "`all_reduce`")
    if not tensors:
        raise BuildError("`stablehlo.all_reduce` expected at least one operand, but got none")
    scalar = _scalar(context, tensors[0])
    operation = build_with_regions(
        block,
        "stablehlo.all_reduce",
        tensors,
        attributes,
        [(body, [scalar] * 2)],
        result_types=[tensor.type for tensor in tensors],
        location=location,
    )
    return operation.results


def reduce_scatter(
    block: Block,
    operand: Value,
    dimension: int,
    replica_groups: ReplicaGroups,
    body: Body,
    result_type: Type,
    *,
    channel: Attribute | None = None,
    use_global_device_ids: bool = False,
    location: Location | None = None,
) -> Value:
    """Combines the operands of all devices in a group, and gives each device one part along `dimension`.

    The result has the type of `operand`, but along `dimension` its size divided by the number of devices in a group.
    `body(block, accumulator, element)` returns one scalar of the element type.

    Raises:
        TypeError: If `operand` is no tensor.

    Specification: `reduce_scatter`.
    """
    context = context_of(block)
    attributes = _collective(context, replica_groups, channel, use_global_device_ids)
    attributes["scatter_dimension"] = integer(context, dimension)
    scalar = _scalar(context, operand)
    operation = build_with_regions(
        block,
        "stablehlo.reduce_scatter",
        (operand,),
        attributes,
        [(body, [scalar] * 2)],
        result_types=[result_type],
        location=location,
    )
    return operation.results[0]


def all_to_all(
    block: Block,
    operands: Value | Sequence[Value],
    split_dimension: int,
    concatenation_dimension: int,
    split_count: int,
    replica_groups: ReplicaGroups,
    *,
    channel: Attribute | None = None,
    location: Location | None = None,
) -> tuple[Value, ...]:
    """Splits the operands along one dimension, and joins along another what all devices in a group send.

    `split_count` is the number of devices in a group, and divides the size of `split_dimension`. Each result has its
    operand's type, but with that size divided, and the size of `concatenation_dimension` multiplied, by `split_count`.

    Raises:
        BuildError: If there are no operands.

    Specification: `all_to_all`.
    """
    context = context_of(block)
    attributes = _collective(context, replica_groups, channel, False)
    attributes["split_dimension"] = integer(context, split_dimension)
    attributes["concat_dimension"] = integer(context, concatenation_dimension)
    attributes["split_count"] = integer(context, split_count)
    return build(block, "stablehlo.all_to_all", _tuple(operands, "`all_to_all`"), attributes, None, location)


def collective_broadcast(
    block: Block,
    operand: Value,
    replica_groups: ReplicaGroups,
    *,
    channel: Attribute | None = None,
    location: Location | None = None,
) -> Value:
    """Gives every device of a group the operand of the first.

    The result has the type of `operand`; no device is in two groups.

    Specification: `collective_broadcast`.
    """
    attributes = _collective(context_of(block), replica_groups, channel, False)
    return build_value(block, "stablehlo.collective_broadcast", (operand,), attributes, None, location)


def collective_permute(
    block: Block,
    operand: Value,
    source_target_pairs: ArrayLike | Attribute,
    *,
    channel: Attribute | None = None,
    location: Location | None = None,
) -> Value:
    """Sends the operand from each source to its target; devices that are no target get zeros.

    The result has the type of `operand`. Each pair is a source and a target; no device is a source, or a target, twice.

    Raises:
        ValueError: If `source_target_pairs` has not two columns.

    Specification: `collective_permute`.
    """
    context = context_of(block)
    attributes: dict[str, Any] = {"source_target_pairs": integer_pairs(context, source_target_pairs)}
    if channel is not None:
        attributes["channel_handle"] = given(context, channel)
    return build_value(block, "stablehlo.collective_permute", (operand,), attributes, None, location)


def cross_replica_sum(
    block: Block, operand: Value, replica_groups: ReplicaGroups, *, location: Location | None = None
) -> Value:
    """Sums over the replicas of a group. StableHLO deprecates it in favour of `all_reduce`.

    The result has the type of `operand`, a tensor.

    Specification: none (deprecated; see `all_reduce`).
    """
    attributes = _collective(context_of(block), replica_groups, None, False)
    return build_value(block, "stablehlo.cross-replica-sum", (operand,), attributes, None, location)


def _collective(
    context: Context, replica_groups: ReplicaGroups, channel: Attribute | None, use_global_device_ids: bool
) -> dict[str, Any]:
    attributes: dict[str, Any] = {"replica_groups": _groups(context, replica_groups)}
    if channel is not None:
        attributes["channel_handle"] = given(context, channel)
    if use_global_device_ids:
        attributes["use_global_device_ids"] = unit(context)
    return attributes


def _groups(context: Context, groups: Any) -> Any:
    if isinstance(groups, (Attribute, numpy.ndarray)):
        return integer_pairs(context, groups, None)
    subject = "the groups of replicas"
    rows = [array(group, subject, "devices") for group in array(groups, subject, "groups")]
    width = max((len(row) for row in rows), default=0)
    padded = [row + [-1] * (width - len(row)) for row in rows]
    return integer_pairs(context, numpy.array(padded, numpy.int64).reshape(len(rows), width), None)


def _transfer(
    context: Context, channel: Attribute, is_host_transfer: bool, pairs: ArrayLike | Attribute | None
) -> dict[str, Any]:
    attributes = {
        "channel_handle": given(context, channel),
        "is_host_transfer": boolean(context, is_host_transfer),
    }
    if pairs is not None:
        attributes["source_target_pairs"] = integer_pairs(context, pairs)
    return attributes


def _tuple(values: Value | Sequence[Value], subject: str) -> tuple[Value, ...]:
    return (values,) if isinstance(values, Value) else tuple(array(values, subject, "values"))


def _scalar(context: Context, tensor: Value) -> Type:
    tensor_type = type_of(tensor)
    if not isinstance(tensor_type, ShapedType):
        raise TypeError(f"expected a tensor, but got `{tensor_type}`")
    return context.tensor_type((), tensor_type.element_type)
