"""Vectorization: values with a mapped axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ryft_core.primitives.manipulation import broadcast_to, moveaxis
from ryft_core.tracing.tracers import Tracer
from ryft_core.tracing.traces import STATE, Trace, using_trace
from ryft_core.types.array_types import ArrayType

__all__ = ["BatchTrace", "BatchTracer", "mapped_axes", "run_batched", "with_batch_axis"]


class BatchTracer(Tracer):
    """Element of a batch: an array without its mapped axis."""

    __slots__ = ("axis", "value")

    def __init__(self, trace: BatchTrace, value: Any, axis: int) -> None:
        self.trace = trace
        shape = value.type.shape
        self.type = value.type.with_shape(shape[:axis] + shape[axis + 1 :])
        self.value = value
        self.axis = axis

    @property
    def underlying(self) -> Any:
        return self.value


class BatchTrace(Trace):
    """Applies primitives to whole batches, which its parent processes.

    Attributes:
        size: Length of the mapped axis.
        name: Name of the mapped axis, for collectives; `None` if it has none.
    """

    __slots__ = ("finished", "name", "parent", "scope", "size")

    def __init__(self, parent: Trace, size: int, name: object = None) -> None:
        self.parent = parent
        self.scope = getattr(parent, "scope", ())
        self.size = size
        self.name = name
        self.finished = False

    def axis_size(self, name: object) -> int | None:
        return self.size if name is not None and name == self.name else self.parent.axis_size(name)

    def split(self, value: Any) -> tuple[Any, int | None]:
        """Returns the whole batch and the position of its mapped axis; `None` for a value that all elements share."""
        if type(value) is BatchTracer and value.trace is self:
            return value.value, value.axis
        return value, None

    def process(self, primitive: Any, operands: tuple[Any, ...]) -> Any:
        values: list[Any] = []
        axes: list[int | None] = []
        mapped = False
        for operand in operands:
            if type(operand) is BatchTracer and operand.trace is self:
                values.append(operand.value)
                axes.append(operand.axis)
                mapped = True
            else:
                values.append(operand)
                axes.append(None)
        STATE.trace = self.parent
        try:
            if not mapped and not primitive.uses_axis(self.name):
                return primitive.bind(*values)
            if primitive.uses_axis(self.name):
                results, positions = primitive.batch_collective(self, tuple(values), tuple(axes))
            else:
                results, positions = primitive.batch(self.size, tuple(values), tuple(axes))
        finally:
            STATE.trace = self
        if primitive.multiple_results:
            return tuple(
                result if axis is None else BatchTracer(self, result, axis)
                for result, axis in zip(results, positions, strict=True)
            )
        return results if positions is None else BatchTracer(self, results, positions)


def with_batch_axis(value: Any, axis: int | None, size: int, target: int) -> Any:
    """Returns a batch with its mapped axis at position `target`; a shared value is repeated along a new one."""
    if axis is not None:
        return moveaxis(value, axis, target)
    type: ArrayType = value.type
    return moveaxis(broadcast_to(value, (size, *type.shape)), 0, target)


def mapped_axes() -> tuple[tuple[object, int], ...]:
    """Returns the names and sizes of the mapped axes around: what a function that is traced can depend on."""
    axes: list[tuple[object, int]] = []
    trace: Any = STATE.trace
    while trace is not None:
        if isinstance(trace, BatchTrace) and trace.name is not None:
            axes.append((trace.name, trace.size))
        trace = getattr(trace, "parent", None)
    return tuple(axes)


def run_batched(
    function: Callable[..., Sequence[Any]],
    size: int,
    name: object,
    operands: Sequence[Any],
    axes: Sequence[int | None],
) -> tuple[list[Any], list[int | None]]:
    """Applies a function of arrays to whole batches; returns the results, and where they have the mapped axis."""
    trace = BatchTrace(STATE.trace, size, name)
    inputs = [
        operand if axis is None else BatchTracer(trace, operand, axis)
        for operand, axis in zip(operands, axes, strict=True)
    ]
    try:
        with using_trace(trace):
            outputs = function(*inputs)
        pairs = [trace.split(output) for output in outputs]
    finally:
        trace.finished = True
    return [value for value, _ in pairs], [axis for _, axis in pairs]
