"""Places of equations: what applies the equations of a program anew keeps where the user wrote them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ryft_core.programs.atoms import assign
from ryft_core.tracing.traces import STATE

if TYPE_CHECKING:
    from ryft_core.programs.programs import Equation

__all__ = ["Recorders"]


class Recorders:
    """The traces around that record equations.

    Without this, an equation that a transformation makes of another one would seem to be written where the
    transformation was called.
    """

    __slots__ = ("_counts", "_traces")

    def __init__(self) -> None:
        self._traces: list[Any] = []
        trace: Any = STATE.trace
        while trace is not STATE.base and trace is not None:
            if hasattr(trace, "equations"):
                self._traces.append(trace)
            trace = getattr(trace, "parent", None)
        self._counts = [len(trace.equations) for trace in self._traces]

    def place(self, equation: Equation) -> None:
        """Gives what was recorded since the last call the location and the scope of `equation`, which it is made of."""
        for index, trace in enumerate(self._traces):
            equations = trace.equations
            count = len(equations)
            for number in range(self._counts[index], count):
                made = equations[number]
                # No program holds it yet, so that nobody has seen it without these.
                assign(made, "location", equation.location or made.location)
                if equation.scope:
                    assign(made, "scope", (*trace.scope, *equation.scope))
            self._counts[index] = count
