"""What benchmarks measure, and how: contenders take turns, and the best time of each counts.

The machines that this runs on are shared, so the figures to keep are the ratios.
"""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy

__all__ = ["Measurement", "best_times", "sides", "timed"]


@dataclass(frozen=True)
class Measurement:
    """Best time (or size) of each contender for one task.

    Attributes:
        task: What was done.
        times: Time of each contender in seconds; ours is called `ryft`.
        limits: Largest ratio that our time may have to that of each contender.
        unit: `"s"`, or `"B"` where sizes were measured.
    """

    task: str
    times: dict[str, float]
    limits: dict[str, float] = field(default_factory=dict)
    unit: str = "s"

    def ratios(self) -> dict[str, float]:
        """Returns our time as a multiple of each contender's."""
        return {name: self.times["ryft"] / time for name, time in self.times.items() if name != "ryft"}


def best_times(
    contenders: dict[str, Callable[[], object]],
    count: int = 1,
    rounds: int = 9,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Returns the best mean time of `count` calls of each contender over several rounds, in which each has its turn."""
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(rounds):
        for name, function in contenders.items():
            start = clock()
            for _ in range(count):
                function()
            best[name] = min(best[name], (clock() - start) / count)
    return best


def timed(function: Callable[[], object]) -> float:
    """Returns how much processor time one call takes, which other work on the machine hardly changes."""
    start = time.process_time()
    function()
    return time.process_time() - start


_PACKAGES = {"ryft": "ryft_core", "JAX": "jax"}


def sides(*names: str) -> list[Any]:
    """Returns the libraries with these names (both, without names) with what both of them call the same."""
    os.environ["JAX_PLATFORMS"] = "cpu"
    return [_side(name, _PACKAGES[name]) for name in names or _PACKAGES]


def _side(name: str, package: str) -> Any:
    root = importlib.import_module(package)
    numbers: Any = importlib.import_module(f"{package}.numpy")
    return SimpleNamespace(
        name=name,
        jit=root.jit,
        grad=root.grad,
        vmap=root.vmap,
        numpy=numbers,
        lax=importlib.import_module(f"{package}.lax"),
        nn=importlib.import_module(f"{package}.nn"),
        array=lambda values, dtype="float32": numbers.asarray(numpy.asarray(values, dtype)),
    )
