"""Forward-mode differentiation: values that carry tangents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ryft_core.primitives.manipulation import zeros_of
from ryft_core.primitives.symbolic import Zero
from ryft_core.tracing.origins import leaked
from ryft_core.tracing.tracers import Tracer
from ryft_core.tracing.traces import STATE, Trace, using_trace

__all__ = ["JvpTrace", "JvpTracer", "instantiate", "run_jvp"]


class JvpTracer(Tracer):
    """Value with a tangent."""

    __slots__ = ("primal", "tangent")

    def __init__(self, trace: JvpTrace, primal: Any, tangent: Any) -> None:
        self.trace = trace
        self.type = primal.type
        self.primal = primal
        self.tangent = tangent

    @property
    def underlying(self) -> Any:
        return self.primal

    def _concrete(self, use: str) -> Any:
        if self.trace.finished:
            raise leaked(self)
        return self.primal._concrete(use)


class JvpTrace(Trace):
    """Applies primitives to primals and tangents, both of which its parent processes."""

    __slots__ = ("finished", "parent", "scope")

    def __init__(self, parent: Trace) -> None:
        self.parent = parent
        self.scope = getattr(parent, "scope", ())
        self.finished = False

    def axis_size(self, name: object) -> int | None:
        return self.parent.axis_size(name)

    def split(self, value: Any) -> tuple[Any, Any]:
        """Returns the primal and the tangent of `value`; the tangent of a constant is a symbolic zero."""
        if type(value) is JvpTracer and value.trace is self:
            return value.primal, value.tangent
        return value, Zero(value.type.tangent)

    def process(self, primitive: Any, operands: tuple[Any, ...]) -> Any:
        primals: list[Any] = []
        tangents: list[Any] = []
        moving = False
        for value in operands:
            if type(value) is JvpTracer and value.trace is self:
                primals.append(value.primal)
                tangents.append(value.tangent)
                moving = moving or type(value.tangent) is not Zero
            else:
                primals.append(value)
                tangents.append(None)
        STATE.trace = self.parent
        try:
            if not moving or not primitive.differentiable:
                return primitive.bind(*primals)
            for index, tangent in enumerate(tangents):
                if tangent is None:
                    tangents[index] = Zero(primals[index].type.tangent)
            results, changes = primitive.jvp(tuple(primals), tuple(tangents))
        finally:
            STATE.trace = self
        if primitive.multiple_results:
            return tuple(
                result if type(change) is Zero else JvpTracer(self, result, change)
                for result, change in zip(results, changes, strict=True)
            )
        return results if type(changes) is Zero else JvpTracer(self, results, changes)


def instantiate(tangent: Any) -> Any:
    """Returns a tangent or cotangent as an array: zeros, where it is symbolically zero."""
    return zeros_of(tangent.type) if type(tangent) is Zero else tangent


def run_jvp(
    function: Callable[..., Sequence[Any]], primals: Sequence[Any], tangents: Sequence[Any]
) -> tuple[list[Any], list[Any]]:
    """Applies a function of arrays to primals with tangents, of which some may be symbolic zeros.

    Returns:
        The results, and their tangents, of which some may be symbolic zeros.
    """
    trace = JvpTrace(STATE.trace)
    inputs = [
        primal if type(tangent) is Zero else JvpTracer(trace, primal, tangent)
        for primal, tangent in zip(primals, tangents, strict=True)
    ]
    try:
        with using_trace(trace):
            outputs = function(*inputs)
        pairs = [trace.split(output) for output in outputs]
    finally:
        trace.finished = True
    return [primal for primal, _ in pairs], [tangent for _, tangent in pairs]
