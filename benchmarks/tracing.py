"""Tracing and lowering of long programs, their gradients, and the `vmap` of these; and how it grows."""

from __future__ import annotations

import math
from typing import Any

import numpy

from benchmarks.measurements import Measurement, sides, timed

__all__ = ["benchmarks"]


def benchmarks() -> list[Measurement]:
    """Runs all measurements."""
    found: list[Measurement] = []
    both = sides()
    for name, transform, shape in (
        ("a function of 2,000 operations", lambda side, f: f, (8,)),
        ("its gradient", lambda side, f: side.grad(f), (8,)),
        ("the vmap of its gradient", lambda side, f: side.vmap(side.grad(f)), (4, 8)),
    ):
        trace: dict[str, float] = {}
        lower: dict[str, float] = {}
        for side in both:
            values = [_stages(side, transform(side, _chain(side, 1000)), shape) for _ in range(3)]
            trace[side.name], lower[side.name] = (min(column) for column in zip(*values, strict=True))
        found.append(Measurement(f"tracing {name}", trace, {"JAX": 0.2}))
        found.append(Measurement(f"lowering {name}", lower, {"JAX": 0.4}))
    found += _growth(both[0])
    return found


def _chain(side: Any, pairs: int) -> Any:
    def f(x: Any) -> Any:
        for _ in range(pairs):
            x = side.numpy.sin(x) * x
        return x.sum()

    return f


def _stages(side: Any, function: Any, shape: tuple[int, ...]) -> tuple[float, float]:
    argument = side.array(numpy.ones(shape))
    # A function that is new to JAX, whose traces outlive the jitted function.
    jitted = side.jit(lambda x: function(x))
    held: list[Any] = []
    trace = timed(lambda: held.append(jitted.trace(argument)))
    return trace, timed(lambda: held.append(held[0].lower()))


def _growth(side: Any) -> list[Measurement]:
    """Returns the time per operation of longer and longer programs, as a multiple of that of the shortest."""
    found: list[Measurement] = []
    base: dict[str, float] = {}
    for count in (100, 1_000, 10_000, 100_000):
        trace, lower = math.inf, math.inf
        for _ in range(5 if count < 10_000 else 1):
            values = _stages(side, _chain(side, count // 2), (8,))
            trace, lower = min(trace, values[0]), min(lower, values[1])
        times = {"trace": trace / count, "lower": lower / count}
        for stage, each in times.items():
            first = base.setdefault(stage, each)
            task = f"{stage} of {count:,} operations, per operation"
            found.append(Measurement(task, {"ryft": each, "of 100": first}))
    return found
