"""`vmap`: from a function of one element to a function of whole batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy

from ryft_core import trees
from ryft_core.errors import BatchingError, OperandError, hinted
from ryft_core.primitives.manipulation import moveaxis
from ryft_core.primitives.operands import as_value
from ryft_core.programs.atoms import Literal, Value
from ryft_core.tracebacks import boundary
from ryft_core.tracing.evaluation import concrete
from ryft_core.tracing.traces import STATE, using_trace
from ryft_core.transforms.batching import BatchTrace, BatchTracer, with_batch_axis
from ryft_core.transforms.functions import (
    FlatFunction,
    argument_leaves,
    argument_path,
    check_function,
    function_name,
    integer,
)

__all__ = ["vmap"]

P = ParamSpec("P")
R = TypeVar("R")


def vmap(
    function: Callable[P, R],
    in_axes: Any = 0,
    out_axes: Any = 0,
    axis_name: object = None,
    axis_size: int | None = None,
    *,
    chunk: int | None = None,
) -> Callable[P, R]:
    """Returns a function that maps `function` over one axis of each of its arguments.

    The body of `function` is traced once, without the mapped axis, so the result contains no loop. Arguments whose
    axis is `None` are shared by all elements. A mapped axis of size zero is allowed and gives empty results.

    Example:
        >>> import numpy
        >>> dot = vmap(lambda x, y: (x * y).sum(), in_axes=(0, None))
        >>> dot(numpy.ones((3, 2), "float32"), numpy.arange(2.0, dtype="float32")).tolist()
        [1.0, 1.0, 1.0]

    Args:
        function: Function to map. It must not have side effects.
        in_axes: Axis to map for each positional argument: an integer, `None`, or a structure of those that is a prefix
            of the arguments. Keyword arguments are mapped along their axis 0. An argument with `None` need not be an
            array: it is handed on as it is.
        out_axes: Where to place the mapped axis in each result, likewise.
        axis_name: Name of the mapped axis for collectives such as `psum`.
        axis_size: Length of the mapped axis; needed only if no argument has one.
        chunk: Number of elements to do at once, to bound memory; the chunks are done one after the other. Collectives
            then do not work, because the elements of different chunks never meet.

    Raises:
        BatchingError: When called, if an axis does not exist, the mapped axes have different sizes, or nothing is
            mapped and `axis_size` is not given.
    """
    check_function("vmap", function)
    given_size = None if axis_size is None else integer(axis_size, "axis_size")
    if given_size is not None and given_size < 0:
        raise BatchingError(f"`vmap` expected an `axis_size` that is not negative, but got {given_size}")
    limit = None if chunk is None else integer(chunk, "chunk")
    if limit is not None and (limit < 1 or axis_name is not None):
        wrong = f"got {limit}" if limit < 1 else f"`axis_name` is {axis_name!r}: collectives need all elements at once"
        raise BatchingError(f"`vmap` expected a positive `chunk` and no axis name, but {wrong}")

    @boundary("vmap", function)
    def mapped(*args: P.args, **kwargs: P.kwargs) -> R:
        leaves, structure = trees.flatten_arguments(args, kwargs)
        axes = _input_axes(in_axes, args, kwargs, function)
        values = _argument_values(leaves, axes, structure, function)
        positions = [
            _position(axis, value, structure, index, function)
            for index, (axis, value) in enumerate(zip(axes, values, strict=True))
        ]
        size = _size(positions, values, structure, given_size, function)
        if limit is not None and limit < size:
            return _in_chunks(function, structure, values, positions, out_axes, size, limit)
        flat = FlatFunction(function, structure)
        trace = BatchTrace(STATE.trace, size, axis_name)
        try:
            with using_trace(trace):
                outputs = flat(
                    *[
                        value if position is None else BatchTracer(trace, value, position)
                        for value, position in zip(values, positions, strict=True)
                    ]
                )
            pairs = [trace.split(output) for output in outputs]
        finally:
            trace.finished = True
        targets = _output_axes(out_axes, flat.structure)
        results = [
            _placed(value, axis, size, target, function) for (value, axis), target in zip(pairs, targets, strict=True)
        ]
        return flat.structure.unflatten(results)

    return mapped


def _in_chunks(
    function: Callable[..., Any],
    structure: trees.Structure,
    values: list[Any],
    positions: list[int | None],
    out_axes: Any,
    size: int,
    chunk: int,
) -> Any:
    """Returns what `vmap` does, with `chunk` elements at a time in a loop."""
    leading = [
        value if axis is None else moveaxis(value, axis, 0) for value, axis in zip(values, positions, strict=True)
    ]
    places = [place for place, axis in enumerate(positions) if axis is not None]

    def element(mapped: list[Any]) -> Any:
        filled: list[Any] = list(leading)
        for place, value in zip(places, mapped, strict=True):
            filled[place] = value
        args, kwargs = structure.unflatten(filled)
        return function(*args, **kwargs)

    # Nothing mapped: there is an axis size only, and all elements are the same but for what the function captured.
    rows = [leading[place] for place in places] or [as_value(numpy.zeros(size, "bool"))]
    mapped = loops.map(element if places else lambda _: element([]), rows, batch_size=chunk)
    leaves, results = trees.flatten(mapped)
    targets = _output_axes(out_axes, results)
    return results.unflatten(
        [_placed(leaf, 0, size, target, function) for leaf, target in zip(leaves, targets, strict=True)]
    )


def _is_axis(value: Any) -> bool:
    return value is None or isinstance(value, int)


def _argument_values(
    leaves: list[Any], axes: list[int | None], structure: trees.Structure, function: Callable[..., Any]
) -> list[Any]:
    """Returns the leaves of the arguments as arrays. What all elements share may be no array, such as a function."""
    if None not in axes:
        return list(argument_leaves(leaves, structure, function))
    values: list[Any] = []
    for leaf, axis in zip(leaves, axes, strict=True):
        try:
            values.append(leaf if isinstance(leaf, Value) else concrete(as_value(leaf)))
        except OperandError:
            if axis is not None:
                return list(argument_leaves(leaves, structure, function))  # It names the argument.
            values.append(leaf)
    return values


def _input_axes(in_axes: Any, args: Any, kwargs: Any, function: Callable[..., Any]) -> list[int | None]:
    prefix = tuple(in_axes) if isinstance(in_axes, list) else in_axes
    if isinstance(prefix, tuple) and len(prefix) != len(args):
        raise hinted(
            BatchingError(
                f"`vmap` of `{function_name(function)}` expected `in_axes` for {len(args)} positional argument(s), "
                f"but got {len(prefix)}: {in_axes}"
            ),
            "give one axis for each positional argument; keyword arguments are mapped along axis 0",
        )
    axes = trees.flatten_prefix(prefix, args, is_leaf=_is_axis, name="in_axes")
    for axis in axes:
        if not _is_axis(axis):
            raise BatchingError(f"`vmap` expected integers or `None` in `in_axes`, but got {axis!r}")
    return [*axes, *[0] * len(trees.leaves(kwargs))]


def _position(
    axis: int | None, value: Any, structure: trees.Structure, index: int, function: Callable[..., Any]
) -> int | None:
    if axis is None:
        return None
    rank = value.type.ndim
    if not -rank <= axis < rank:
        raise hinted(
            BatchingError(
                f"`vmap` of `{function_name(function)}` cannot map axis {axis} of `{argument_path(structure, index)}`, "
                f"which has shape {value.type.shape}"
            ),
            "pass `None` in `in_axes` for an argument that all elements share",
        )
    return axis % rank


def _size(
    positions: list[int | None],
    values: list[Any],
    structure: trees.Structure,
    axis_size: int | None,
    function: Callable[..., Any],
) -> int:
    sizes = {
        index: value.type.shape[position]
        for index, (position, value) in enumerate(zip(positions, values, strict=True))
        if position is not None
    }
    distinct = set(sizes.values()) | ({axis_size} if axis_size is not None else set())
    if len(distinct) == 1:
        return distinct.pop()
    name = function_name(function)
    if not distinct:
        raise hinted(
            BatchingError(f"`vmap` of `{name}` has no argument to map: every entry of `in_axes` is `None`"),
            "pass `axis_size`, or map at least one argument",
        )
    listed = ", ".join(
        f"`{argument_path(structure, index)}` of shape {values[index].type.shape} has {size} "
        f"along axis {positions[index]}"
        for index, size in sizes.items()
    )
    wanted = f", and `axis_size` is {axis_size}" if axis_size is not None else ""
    raise BatchingError(f"`vmap` of `{name}` expected mapped axes of one size, but {listed}{wanted}")


def _output_axes(out_axes: Any, structure: trees.Structure) -> list[Any]:
    results = structure.unflatten([0] * structure.num_leaves)
    axes = trees.flatten_prefix(out_axes, results, is_leaf=_is_axis, name="out_axes")
    for axis in axes:
        if not _is_axis(axis):
            raise BatchingError(f"`vmap` expected integers or `None` in `out_axes`, but got {axis!r}")
    return axes


def _placed(value: Any, axis: int | None, size: int, target: int | None, function: Callable[..., Any]) -> Any:
    if target is None:
        if axis is not None:
            raise BatchingError(
                f"`vmap` of `{function_name(function)}` has `None` in `out_axes` for a result that differs "
                "between elements"
            )
        return concrete(value) if type(value) is Literal else value
    rank = value.type.ndim + (axis is None)
    if not -rank <= target < rank:
        raise BatchingError(
            f"`vmap` of `{function_name(function)}` cannot place the mapped axis at {target} in a result "
            f"with {rank} axes"
        )
    return with_batch_axis(value, axis, size, target % rank)


from ryft_core.primitives.control_flow import loops  # noqa: E402 (loops map functions)
